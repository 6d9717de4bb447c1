//! Columns that count page faults, context switches and migrations.

use super::{Column, Total, Unit};
use crate::{
    analysis::{Row, rates},
    snapshot::{
        Parts,
        process::{Process, ThreadCounters},
    },
    table::value::{Order, Value},
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "minor_faults",
        title: "MINFLT",
        help: "Minor page faults since it started: pages that could be mapped without reading from storage.",
        source: "/proc/PID/stat field 10",
        unit: Unit::Count,
        width: 8,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.minor_faults),
    },
    Column {
        name: "major_faults",
        title: "MAJFLT",
        help: "Major page faults since it started: pages that had to be read from storage or swap first, while it waited.",
        source: "/proc/PID/stat field 12",
        unit: Unit::Count,
        width: 7,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.major_faults),
    },
    Column {
        name: "child_minor_faults",
        title: "CMINFLT",
        help: "Minor page faults of children that ended and that it has waited for, their children included.",
        source: "/proc/PID/stat field 11",
        unit: Unit::Count,
        width: 8,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.child_minor_faults),
    },
    Column {
        name: "child_major_faults",
        title: "CMAJFLT",
        help: "Major page faults of children that ended and that it has waited for, their children included.",
        source: "/proc/PID/stat field 13",
        unit: Unit::Count,
        width: 7,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.child_major_faults),
    },
    Column {
        name: "minor_fault_rate",
        title: "MINFLT/s",
        help: "Minor page faults per second: pages that could be mapped without reading from storage. High while memory \
               is touched for the first time, after fork, or where memory is given back and taken again.",
        source: "/proc/PID/stat field 10, difference over the interval",
        unit: Unit::PerSecond,
        width: 8,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| fault_rate(row, |process| process.stat.minor_faults),
    },
    Column {
        name: "major_fault_rate",
        title: "MAJFLT/s",
        help: "Major page faults per second: pages that had to be read from storage or swap first, while it waited. More \
               than a few for long: it waits for the disk, because memory is short or a program is just starting.",
        source: "/proc/PID/stat field 12, difference over the interval",
        unit: Unit::PerSecond,
        width: 8,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| fault_rate(row, |process| process.stat.major_faults),
    },
    Column {
        name: "voluntary_switches",
        title: "VCSW",
        help: "Voluntary context switches since they started, over all living threads: how often they waited for \
               something. A thread that ends takes its count along.",
        source: "/proc/PID/task/*/status voluntary_ctxt_switches",
        unit: Unit::Count,
        width: 8,
        parts: Parts::SWITCHES,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| total(row, voluntary),
    },
    Column {
        name: "involuntary_switches",
        title: "ICSW",
        help: "Involuntary context switches since they started, over all living threads: how often they were taken off a \
               CPU for others. A thread that ends takes its count along.",
        source: "/proc/PID/task/*/status nonvoluntary_ctxt_switches",
        unit: Unit::Count,
        width: 8,
        parts: Parts::SWITCHES,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| total(row, involuntary),
    },
    Column {
        name: "voluntary_switch_rate",
        title: "VCSW/s",
        help: "Voluntary context switches per second, over all threads: how often it waited for something. Very high: many \
               small waits, for locks, pipes or the network.",
        source: "/proc/PID/task/*/status voluntary_ctxt_switches, difference over the interval",
        unit: Unit::PerSecond,
        width: 7,
        parts: Parts::SWITCHES,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::thread_rate(row, voluntary), Value::Rate),
    },
    Column {
        name: "involuntary_switch_rate",
        title: "ICSW/s",
        help: "Involuntary context switches per second, over all threads: how often it was taken off a CPU for others. \
               Higher than the voluntary ones: preempted more than it yields, short of CPU.",
        source: "/proc/PID/task/*/status nonvoluntary_ctxt_switches, difference over the interval",
        unit: Unit::PerSecond,
        width: 7,
        parts: Parts::SWITCHES,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::thread_rate(row, involuntary), Value::Rate),
    },
    Column {
        name: "migrations",
        title: "MIGR",
        help: "Moves to another CPU since they started, over all living threads. A thread that ends takes its count along.",
        source: "/proc/PID/task/*/sched se.nr_migrations",
        unit: Unit::Count,
        width: 7,
        parts: Parts::SCHED,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| total(row, |thread| thread.migrations),
    },
    Column {
        name: "migration_rate",
        title: "MIGR/s",
        help: "Moves to another CPU per second, over all threads. High: caches are lost each time; more runs than there \
               are CPUs, or many short waits.",
        source: "/proc/PID/task/*/sched se.nr_migrations, difference over the interval",
        unit: Unit::PerSecond,
        width: 6,
        parts: Parts::SCHED,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::of(rates::thread_rate(row, |thread| thread.migrations), Value::Rate),
    },
];

fn fault_rate(row: Row<'_>, counter: fn(&Process) -> u64) -> Value<'_> {
    Value::of(rates::rate(row, |process| Ok(counter(process))), Value::Rate)
}

fn voluntary(thread: &ThreadCounters) -> Option<u64> {
    thread.switches.map(|switches| switches.voluntary)
}

fn involuntary(thread: &ThreadCounters) -> Option<u64> {
    thread.switches.map(|switches| switches.involuntary)
}

fn total(row: Row<'_>, counter: fn(&ThreadCounters) -> Option<u64>) -> Value<'_> {
    Value::of(rates::thread_total(row, counter), Value::Count)
}
