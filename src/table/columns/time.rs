//! Columns that say since when a process lives, and what of a CPU it used.

use super::{Column, Total, Unit};
use crate::{
    analysis::{Row, rates},
    snapshot::Parts,
    table::value::{Order, Value},
    unit::Ticks,
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "start",
        title: "START",
        help: "Wall-clock time at which it started, reckoned from its age by the clock as it stands now: setting the clock \
               moves it.",
        source: "/proc/PID/stat field 22; CLOCK_BOOTTIME, CLOCK_REALTIME",
        unit: Unit::Time,
        width: 11,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| Value::Time(row.observation.now.taken.wall.saturating_sub(row.elapsed())),
    },
    Column {
        name: "start_ticks",
        title: "START TICKS",
        help: "When it started, in clock ticks since boot, as the kernel keeps it. Together with the pid it is the identity \
               of a process: a pid is given away again, the pair never is while the machine is up.",
        source: "/proc/PID/stat field 22",
        unit: Unit::Number,
        width: 11,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| Value::Count(row.process.key.start.0),
    },
    Column {
        name: "elapsed",
        title: "ELAPSED",
        help: "Time since it started, time that the machine was suspended included.",
        source: "/proc/PID/stat field 22; CLOCK_BOOTTIME",
        unit: Unit::Seconds,
        width: 7,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| Value::Seconds(row.elapsed().as_secs_f64()),
    },
    Column {
        name: "user_time",
        title: "UTIME",
        help: "CPU time spent in the program itself, over all threads, ended ones included. Counted in clock ticks of \
               usually 10 ms.",
        source: "/proc/PID/stat field 14",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| ticks(row, row.process.stat.user_time),
    },
    Column {
        name: "system_time",
        title: "STIME",
        help: "CPU time spent in the kernel on behalf of the program, over all threads, ended ones included. More than the \
               user time suggests very many system calls, page faults, or large transfers.",
        source: "/proc/PID/stat field 15",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| ticks(row, row.process.stat.system_time),
    },
    Column {
        name: "cpu_time",
        title: "TIME",
        help: "CPU time used since it started, over all threads, ended ones included.",
        source: "CPU clock of the process (clock_getcpuclockid(3)); fields 14 and 15 of stat where there is none",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Seconds(rates::cpu_time(row).seconds()),
    },
    Column {
        name: "cpu",
        title: "CPU%",
        help: "Share of one CPU used since the sample before: 100 for each thread that ran all the time, so a process \
               with many threads can exceed 100.",
        source: "CPU clock of the process (clock_getcpuclockid(3)); fields 14 and 15 of stat where there is none",
        unit: Unit::Percent,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::cpu(row), Value::Percent),
    },
    Column {
        name: "cpu_average",
        title: "AVG%",
        help: "Share of one CPU used over its whole life: CPU time over elapsed time, what ps(1) calls %CPU. A program \
               that was busy long ago and sleeps now still shows it here.",
        source: "CPU clock of the process; /proc/PID/stat field 22",
        unit: Unit::Percent,
        width: 6,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| {
            let (used, lived) = (rates::cpu_time(row).seconds(), row.elapsed().as_secs_f64());
            Value::Percent(if lived > 0.0 { used / lived * 100.0 } else { 0.0 })
        },
    },
    Column {
        name: "processor",
        title: "PSR",
        help: "The CPU on which it runs or last ran.",
        source: "/proc/PID/stat field 39",
        unit: Unit::Number,
        width: 4,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Count(row.process.stat.processor.into()),
    },
    Column {
        name: "policy",
        title: "POLICY",
        help: "Scheduling policy: other (the usual one), batch and idle (lower), fifo and rr (real time: before all \
               others), deadline, or ext (a scheduler loaded by sched_ext). A busy real-time process can hold up all \
               others on its CPU.",
        source: "/proc/PID/stat field 41; sched(7)",
        unit: Unit::None,
        width: 8,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| match POLICIES.get(row.process.stat.policy as usize) {
            Some(Some(name)) => Value::Word(name),
            _ => Value::Text(row.process.stat.policy.to_string().into_bytes().into()),
        },
    },
    Column {
        name: "nice",
        title: "NI",
        help: "Nice value from -20 to 19: the higher, the smaller its share of a CPU that others want too. None under \
               real-time and deadline policies, where it means nothing.",
        source: "/proc/PID/stat field 19",
        unit: Unit::Number,
        width: 3,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| match row.process.stat.policy {
            FIFO | ROUND_ROBIN | DEADLINE => Value::None,
            _ => Value::Integer(row.process.stat.nice.into()),
        },
    },
    Column {
        name: "autogroup",
        title: "AGRP",
        help: "Number of the group that the scheduler made for its session. Where this is switched on \
               (kernel.sched_autogroup_enabled), nice values weigh only among the processes of one group. None for what \
               is in no such group.",
        source: "/proc/PID/autogroup",
        unit: Unit::Number,
        width: 6,
        parts: Parts::AUTOGROUP,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::optional(row.whole().process.details().autogroup, |autogroup| Value::Count(autogroup.id)),
    },
    Column {
        name: "priority",
        title: "PRI",
        help: "Priority as the kernel shows it: 20 plus the nice value; under real-time policies -1 minus the real-time \
               priority, and -101 under deadline. Lower goes first.",
        source: "/proc/PID/stat field 18",
        unit: Unit::Number,
        width: 4,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Integer(row.process.stat.priority.into()),
    },
    Column {
        name: "rt_priority",
        title: "RTPRI",
        help: "Real-time priority, 1 to 99; higher goes first. None under other policies than fifo and rr.",
        source: "/proc/PID/stat field 40",
        unit: Unit::Number,
        width: 5,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| match row.process.stat.policy {
            FIFO | ROUND_ROBIN => Value::Count(row.process.stat.rt_priority.into()),
            _ => Value::None,
        },
    },
];

const FIFO: u32 = 1;
const ROUND_ROBIN: u32 = 2;
const DEADLINE: u32 = 6;

/// Names of `SCHED_*` by number (sched(7)); 4 was never given out.
const POLICIES: [Option<&str>; 8] =
    [Some("other"), Some("fifo"), Some("rr"), Some("batch"), None, Some("idle"), Some("deadline"), Some("ext")];

fn ticks(row: Row<'_>, ticks: Ticks) -> Value<'_> {
    Value::Seconds(ticks.duration(row.observation.now.units.ticks_per_second).as_secs_f64())
}
