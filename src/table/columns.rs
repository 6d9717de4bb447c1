//! Every column of a process, in one table. Adding one is adding a row here (and, for a new kernel field, its parser).
//!
//! Help, `sysview columns`, manual, README, JSON keys, filter words and configuration are derived from it.

use super::value::{Order, Value};
use crate::{
    analysis::{Row, rates},
    snapshot::{Missing, Parts, Reading, process::Status},
    unit::Bytes,
};
use std::fmt;

/// One column: what it is called, what it means, what it costs and how it is got.
#[derive(Clone, Copy)]
pub struct Column {
    /// Name in commands, JSON, filters and configuration.
    pub name: &'static str,
    /// Heading on the screen.
    pub title: &'static str,
    /// What it means and what a high value suggests: whole sentences.
    pub help: &'static str,
    /// The kernel file and field, or the call, that it comes from.
    pub source: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// Cells on the screen, without the space between columns. The last column takes what is left.
    pub width: u16,
    /// What has to be read for it.
    pub parts: Parts,
    /// Which way it is sorted first.
    pub first: Order,
    /// What a collapsed row or a group shows.
    pub total: Total,
    /// The value.
    pub value: for<'a> fn(Row<'a>) -> Value<'a>,
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the numbers of a column count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Text, a letter, an id: nothing is counted.
    None,
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Percent, of one CPU where it is CPU time.
    Percent,
    /// Things per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// A moment.
    Time,
}

impl Unit {
    /// The word in `sysview columns` and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Percent => "percent",
            Self::PerSecond => "per second",
            Self::BytesPerSecond => "bytes per second",
            Self::Time => "time",
        }
    }

    /// Whether its values need two snapshots.
    #[must_use]
    pub fn is_rate(self) -> bool {
        matches!(self, Self::PerSecond | Self::BytesPerSecond)
    }
}

/// What stands for many rows in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// The values added.
    Sum,
    /// The value of the first row only.
    First,
}

impl Column {
    /// Whether its values are set to the right.
    #[must_use]
    pub fn is_right_aligned(&self) -> bool {
        self.unit != Unit::None
            || matches!(self.name, "pid" | "tid" | "ppid" | "pgrp" | "session" | "tpgid" | "uid" | "euid")
    }

    /// Whether it compares two snapshots.
    #[must_use]
    pub fn needs_interval(&self) -> bool {
        self.unit.is_rate() || matches!(self.name, "cpu" | "run_delay_share" | "timeslice_mean")
    }
}

/// The column with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.name == name)
}

/// All columns, in the order in which the chooser and the documents list them.
pub const COLUMNS: &[Column] = &[
    Column {
        name: "pid",
        title: "PID",
        help: "Process id, as sysview's own pid namespace numbers it. Of a thread, the id of its process.",
        source: "the directory name in /proc",
        unit: Unit::None,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Count(row.process.group.0.into()),
    },
    Column {
        name: "user",
        title: "USER",
        help: "Name of the real user: who started it. The number where the system knows no name.",
        source: "/proc/PID/status Uid, first; passwd(5), getent(1)",
        unit: Unit::None,
        width: 9,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::of(status(row).map(|status| status.uid.real), |id| user_name(row, id)),
    },
    Column {
        name: "state",
        title: "S",
        help: "State: R running or ready, S sleeping, D waiting in the kernel and deaf to signals, Z zombie, T stopped, \
               t traced, I idle kernel thread, P parked, X dead. Sampled: a process that is mostly busy may be seen asleep.",
        source: "/proc/PID/stat field 3",
        unit: Unit::None,
        width: 1,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Letter(row.process.stat.state.0),
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
        name: "mem",
        title: "MEM%",
        help: "Resident size as a share of the machine's memory. Shared pages count fully in each process.",
        source: "/proc/PID/statm field 2; /proc/meminfo MemTotal",
        unit: Unit::Percent,
        width: 5,
        parts: Parts::STATM,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| {
            let total = row.observation.now.system.memory.map(|memory| memory.total.0);
            Value::optional(resident(row), |bytes| {
                Value::of(total, |total| Value::Percent(bytes.0 as f64 / total.max(1) as f64 * 100.0))
            })
        },
    },
    Column {
        name: "rss",
        title: "RSS",
        help: "Resident size: memory of the process that is in RAM now, shared pages counted fully. Huge pages of \
               hugetlbfs are not in it. Sums count shared pages more than once.",
        source: "/proc/PID/statm field 2",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATM,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::optional(resident(row), |bytes| Value::Bytes(bytes.0)),
    },
    Column {
        name: "threads",
        title: "THR",
        help: "Number of threads. A leading thread that has ended counts as long as others run.",
        source: "/proc/PID/stat field 20",
        unit: Unit::Count,
        width: 4,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.threads.into()),
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
        value: |row| Value::of(rates::rate(row, |process| Ok(process.stat.minor_faults)), Value::Rate),
    },
    Column {
        name: "voluntary_switch_rate",
        title: "VCSW/s",
        help: "Voluntary context switches per second, over all threads: how often it waited for something.",
        source: "/proc/PID/task/*/status voluntary_ctxt_switches, difference over the interval",
        unit: Unit::PerSecond,
        width: 7,
        parts: Parts::SWITCHES,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| {
            let rate = rates::thread_rate(row, |thread| Some(thread.switches?.voluntary));
            Value::of(rate, Value::Rate)
        },
    },
    Column {
        name: "name",
        title: "NAME",
        help: "The name of the process or thread: the file name of its program, cut to 15 bytes, or what it called itself.",
        source: "/proc/PID/stat field 2",
        unit: Unit::None,
        width: 15,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::text(&row.process.name),
    },
    Column {
        name: "command",
        title: "COMMAND",
        help: "The command line, arguments apart by blanks; the name in brackets where there is none (kernel threads, \
               zombies, and programs that wiped theirs).",
        source: "/proc/PID/cmdline; /proc/PID/stat field 2",
        unit: Unit::None,
        width: 40,
        parts: Parts::CMDLINE,
        first: Order::Ascending,
        total: Total::First,
        value: command,
    },
];

fn status(row: Row<'_>) -> Reading<&Status> {
    row.whole().process.details().status.as_deref().map_err(|missing| *missing)
}

/// The resident size; `None` for what has no memory map: kernel threads and zombies.
fn resident(row: Row<'_>) -> Reading<Option<Bytes>> {
    let process = row.whole().process;
    if process.is_kernel_thread() || process.is_zombie() {
        return Ok(None);
    }
    process.details().statm.map(|statm| Some(statm.resident))
}

fn user_name(row: Row<'_>, id: crate::unit::Id) -> Value<'_> {
    match row.observation.now.users.get(&id) {
        Some(Ok(Some(name))) => Value::text(name),
        _ => Value::Text(id.to_string().into_bytes().into()),
    }
}

fn command(row: Row<'_>) -> Value<'_> {
    let process = row.process;
    let bracketed = || Value::Text([b"[", &process.name[..], b"]"].concat().into());
    if process.thread {
        return Value::text(&process.name);
    }
    match &process.details().cmdline {
        Ok(arguments) => {
            let arguments = arguments.trim_ascii_end();
            let end = arguments.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            match &arguments[..end] {
                [] => bracketed(),
                line if line.contains(&0) => {
                    Value::Text(line.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect())
                }
                line => Value::text(line),
            }
        }
        // Until it is known, and where it is not to be had, the name is better than nothing.
        Err(Missing::NotRequested) => bracketed(),
        Err(missing) => Value::Missing(*missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_column_explains_itself() {
        for (at, column) in COLUMNS.iter().enumerate() {
            assert!(COLUMNS[..at].iter().all(|other| other.name != column.name), "{} stands twice", column.name);
            assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", column.name);
            assert!(column.help.ends_with('.') && column.help.len() > 30, "{} needs help", column.name);
            assert!(!column.source.is_empty() && !column.title.is_empty(), "{}", column.name);
            assert!(column.title.len() <= usize::from(column.width), "heading of {} is cut", column.name);
        }
    }
}
