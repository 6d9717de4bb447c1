//! Columns about what a process reads and writes, and about the limits it is under.

use super::{Column, Total, Unit};
use crate::{
    analysis::{Row, container, rates},
    snapshot::{
        Parts, Reading,
        process::{Details, Io, Process},
    },
    table::value::{Order, Value},
    unit::Bytes,
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "read_bytes",
        title: "READ",
        help: "Bytes that it made the kernel fetch from storage since it started, over all threads, ended ones included; \
               those of children that it waited for are added to it. What came from the page cache is not counted.",
        source: "/proc/PID/io read_bytes",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::IO,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| total(row, |io| io.read_bytes),
    },
    Column {
        name: "write_bytes",
        title: "WRITE",
        help: "Bytes that it made the kernel send towards storage since it started: counted when a page becomes dirty, \
               also where it is written later or deleted before. Over all threads, ended ones included; those of children \
               that it waited for are added to it.",
        source: "/proc/PID/io write_bytes",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::IO,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| total(row, |io| io.write_bytes),
    },
    Column {
        name: "read_rate",
        title: "READ/s",
        help: "Bytes per second that it makes the kernel fetch from storage. Jumps when it waits for a child that has \
               ended, whose count it inherits.",
        source: "/proc/PID/io read_bytes, difference over the interval",
        unit: Unit::BytesPerSecond,
        width: 6,
        parts: Parts::IO,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| rate(row, |io| io.read_bytes),
    },
    Column {
        name: "write_rate",
        title: "WRITE/s",
        help: "Bytes per second that it makes the kernel send towards storage, counted when a page becomes dirty. Jumps \
               when it waits for a child that has ended, whose count it inherits.",
        source: "/proc/PID/io write_bytes, difference over the interval",
        unit: Unit::BytesPerSecond,
        width: 7,
        parts: Parts::IO,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| rate(row, |io| io.write_bytes),
    },
    Column {
        name: "oom_score",
        title: "OOM",
        help: "How likely the kernel is to kill it when memory runs out: its size in thousandths of what there is, plus \
               oom_adj, on a scale that begins at 0. The highest goes first.",
        source: "/proc/PID/oom_score",
        unit: Unit::Number,
        width: 4,
        parts: Parts::OOM,
        first: Order::Descending,
        total: Total::First,
        value: |row| score(row, |details| details.oom_score),
    },
    Column {
        name: "oom_adj",
        title: "OOMADJ",
        help: "What was set to make it a likelier or less likely victim when memory runs out: -1000 (never) to 1000.",
        source: "/proc/PID/oom_score_adj",
        unit: Unit::Number,
        width: 6,
        parts: Parts::OOM,
        first: Order::Descending,
        total: Total::First,
        value: |row| score(row, |details| details.oom_adj),
    },
    Column {
        name: "cgroup",
        title: "CGROUP",
        help: "Control group: whose limits on CPU, memory and tasks hold for it. The path in the unified hierarchy; where \
               that is the root and there are older hierarchies, the longest path in those. As seen from sysview's own \
               cgroup namespace.",
        source: "/proc/PID/cgroup",
        unit: Unit::None,
        width: 30,
        parts: Parts::CGROUP,
        first: Order::Ascending,
        total: Total::First,
        value: |row| match &row.whole().process.details().cgroup {
            Ok(file) => container::group(file).map_or(Value::None, Value::text),
            Err(missing) => Value::Missing(*missing),
        },
    },
    Column {
        name: "container",
        title: "CONTAINER",
        help: "The container that it runs in, as far as the path of its control group tells: kind and short id or name. \
               None outside of containers, and inside of one where the path does not show from within.",
        source: "/proc/PID/cgroup",
        unit: Unit::None,
        width: 20,
        parts: Parts::CGROUP,
        first: Order::Ascending,
        total: Total::First,
        value: |row| match &row.whole().process.details().cgroup {
            Ok(file) => container::container(file).map_or(Value::None, |name| Value::Text(name.into_bytes().into())),
            Err(missing) => Value::Missing(*missing),
        },
    },
];

fn total(row: Row<'_>, field: fn(Io) -> Bytes) -> Value<'_> {
    Value::of(row.process.details().io, |io| Value::Bytes(field(io).0))
}

fn rate(row: Row<'_>, field: fn(Io) -> Bytes) -> Value<'_> {
    let counter = |process: &Process| process.details().io.map(|io| field(io).0);
    Value::of(rates::rate(row, counter), Value::ByteRate)
}

fn score(row: Row<'_>, field: fn(&Details) -> Reading<i32>) -> Value<'_> {
    Value::of(field(row.whole().process.details()), |score| Value::Integer(score.into()))
}
