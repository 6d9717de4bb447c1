//! What a column is, and every column of a process, in one table. Adding one is adding a row to the file of its subject (and, for a new kernel
//! field, its parser).
//!
//! Help, `sysview columns`, manual, README, JSON keys, filter words and configuration are derived from it.

mod identity;
mod memory;
mod scheduling;
mod state;
mod storage;
mod switching;
mod time;

use super::value::{Order, Value};
use crate::{
    analysis::Row,
    snapshot::{Parts, Reading, process::Status},
    unit::Id,
};
use std::fmt;

/// A kind of rows and its columns; filters, sorting and explanations are the same over all of them.
pub trait Table: Copy + 'static {
    /// One row: all that a column may look at.
    type Row<'a>: Copy;
    /// How a column makes its value: `for<'a> fn(Row<'a>) -> Value<'a>`, which the language cannot say of any table at once.
    type Get: Copy;
    /// All columns, in the order in which the chooser and the documents list them.
    const COLUMNS: &'static [ColumnOf<Self>];
    /// The columns that a bare word in a filter searches.
    const SEARCHED: &'static [&'static str];

    /// What a column says of a row.
    fn value<'a>(column: &ColumnOf<Self>, row: Self::Row<'a>) -> Value<'a>
    where
        'a: 'a;

    /// The column with this name.
    #[must_use]
    fn column(name: &str) -> Option<&'static ColumnOf<Self>> {
        Self::COLUMNS.iter().find(|column| column.name == name)
    }
}

/// The table of processes and threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfProcesses;

impl Table for OfProcesses {
    type Row<'a> = Row<'a>;
    const COLUMNS: &'static [Column] = &JOINED;
    const SEARCHED: &'static [&'static str] = &["name", "command"];
    type Get = for<'a> fn(Row<'a>) -> Value<'a>;

    fn value<'a>(column: &Column, row: Row<'a>) -> Value<'a>
    where
        'a: 'a,
    {
        (column.value)(row)
    }
}

/// A column of the table of processes.
pub type Column = ColumnOf<OfProcesses>;

/// One column: what it is called, what it means, what it costs and how it is got.
#[derive(Clone, Copy)]
pub struct ColumnOf<T: Table> {
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
    pub value: T::Get,
}

impl<T: Table> fmt::Debug for ColumnOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the numbers of a column count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Text or a letter: nothing is counted.
    None,
    /// A number on a scale of its own: an id, a priority.
    Number,
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
    /// A place in memory.
    Address,
}

impl Unit {
    /// The word in `sysview columns` and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Number => "number",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Percent => "percent",
            Self::PerSecond => "per second",
            Self::BytesPerSecond => "bytes per second",
            Self::Time => "time",
            Self::Address => "address",
        }
    }

    /// Whether values are set to the right.
    #[must_use]
    pub fn is_right_aligned(self) -> bool {
        self != Self::None
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

/// What is told of a column, whatever it is a column of.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its width.
    pub width: u16,
}

impl<T: Table> ColumnOf<T> {
    /// Whether its values are set to the right.
    #[must_use]
    pub fn is_right_aligned(&self) -> bool {
        self.unit.is_right_aligned()
    }

    /// What is told of it.
    #[must_use]
    pub fn about(&self) -> About {
        let Self { name, title, help, source, unit, width, .. } = *self;
        About { name, title, help, source, unit, width }
    }
}

impl Column {
    /// Whether a thread has no value of its own, and shows that of its process.
    #[must_use]
    pub fn is_of_process(&self) -> bool {
        let own = Parts::OF_THREAD | Parts::CMDLINE;
        self.name == "threads" || !(self.parts.is_empty() || self.parts.intersects(own))
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
    OfProcesses::column(name)
}

/// All columns, in the order in which the chooser and the documents list them.
pub const COLUMNS: &[Column] = &JOINED;

const SUBJECTS: [&[Column]; 7] = [
    identity::COLUMNS,
    state::COLUMNS,
    time::COLUMNS,
    memory::COLUMNS,
    switching::COLUMNS,
    scheduling::COLUMNS,
    storage::COLUMNS,
];

const COUNT: usize = {
    let (mut count, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        count += SUBJECTS[subject].len();
        subject += 1;
    }
    count
};

const JOINED: [Column; COUNT] = {
    let mut all = [SUBJECTS[0][0]; COUNT];
    let (mut at, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        let mut row = 0;
        while row < SUBJECTS[subject].len() {
            all[at] = SUBJECTS[subject][row];
            at += 1;
            row += 1;
        }
        subject += 1;
    }
    all
};

/// `status` of the process, of a thread too.
fn status(row: Row<'_>) -> Reading<&Status> {
    row.whole().process.details().status.as_deref().map_err(|missing| *missing)
}

fn user_name(row: Row<'_>, id: Id) -> Value<'_> {
    match row.observation.now.users.get(&id) {
        Some(Ok(Some(name))) => Value::text(name),
        _ => Value::Text(id.to_string().into_bytes().into()),
    }
}

#[cfg(test)]
mod tests;
