//! Columns that say how long a process ran, and how long it could have run and had to wait.

use super::{Column, Total, Unit};
use crate::{
    analysis::rates,
    snapshot::{Missing, Parts, Reading, process::ThreadCounters},
    table::value::{Order, Value},
    unit::Nanoseconds,
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "run_time",
        title: "RUN",
        help: "Time on a CPU, over all living threads. A thread that ends takes its time along; the CPU time (cpu_time) \
               does not forget it.",
        source: "/proc/PID/task/*/schedstat, first",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::SCHEDSTAT,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| seconds(rates::thread_total(row, run_time)),
    },
    Column {
        name: "run_delay",
        title: "DELAY",
        help: "Time ready to run but waiting for a CPU since they started, over all living threads. Large beside the run \
               time: short of CPU, or of its share in a control group.",
        source: "/proc/PID/task/*/schedstat, second",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::SCHEDSTAT,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| seconds(rates::thread_total(row, run_delay)),
    },
    Column {
        name: "run_delay_share",
        title: "DELAY%",
        help: "Share of the interval in which it was ready to run but waited for a CPU, over all threads, so that it can \
               exceed 100. High: short of CPU, or of its share in a control group.",
        source: "/proc/PID/task/*/schedstat, second, difference over the interval",
        unit: Unit::Percent,
        width: 6,
        parts: Parts::SCHEDSTAT,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::thread_rate(row, run_delay), |delay| Value::Percent(delay / 1e9 * 100.0)),
    },
    Column {
        name: "timeslices",
        title: "SLICES",
        help: "How often they were put on a CPU since they started, over all living threads.",
        source: "/proc/PID/task/*/schedstat, third",
        unit: Unit::Count,
        width: 8,
        parts: Parts::SCHEDSTAT,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::thread_total(row, timeslices), Value::Count),
    },
    Column {
        name: "timeslice_mean",
        title: "SLICE",
        help: "How long it ran at a stretch on average over the interval. Short ones cost caches; a few milliseconds are \
               usual for what computes. None where it did not run.",
        source: "/proc/PID/task/*/schedstat, first over third, differences over the interval",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::SCHEDSTAT,
        first: Order::Descending,
        total: Total::First,
        value: |row| {
            let slices = rates::thread_growth(row, timeslices);
            let mean = slices.and_then(|slices| {
                let run = Nanoseconds(rates::thread_growth(row, run_time)?).seconds();
                Ok((slices > 0).then(|| run / slices as f64))
            });
            Value::optional(mean, Value::Seconds)
        },
    },
    Column {
        name: "block_delay",
        title: "BLOCK",
        help: "Time that the leading thread waited for block devices and swap-in since it started. Counted only while \
               delay accounting is on (kernel.task_delayacct), and only for what was started since. High: it waits for \
               the disk.",
        source: "/proc/PID/stat field 42; /proc/sys/kernel/task_delayacct",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| {
            let now = &row.observation.now;
            let delay = row.process.stat.block_delay;
            match now.system.delay_accounting {
                Ok(false) => Value::Missing(Missing::Off),
                // Kernels before 5.14 do not say whether it is on; a count is proof.
                Err(missing) if delay.0 == 0 => Value::Missing(missing),
                _ => Value::Seconds(delay.duration(now.units.ticks_per_second).as_secs_f64()),
            }
        },
    },
];

fn run_time(thread: &ThreadCounters) -> Option<u64> {
    thread.schedstat.map(|stat| stat.run_time.0)
}

fn run_delay(thread: &ThreadCounters) -> Option<u64> {
    thread.schedstat.map(|stat| stat.run_delay.0)
}

fn timeslices(thread: &ThreadCounters) -> Option<u64> {
    thread.schedstat.map(|stat| stat.timeslices)
}

fn seconds(nanoseconds: Reading<u64>) -> Value<'static> {
    Value::of(nanoseconds, |nanoseconds| Value::Seconds(Nanoseconds(nanoseconds).seconds()))
}
