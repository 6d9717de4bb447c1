//! The filter language: which rows of a table are shown. `rss > 100M and not user = root`, `state in (D, Z)`, `under 812`.
//!
//! A statement about a value that is missing or does not exist is neither true nor false, and so is every statement
//! made of it that hangs on it; a row is shown only where the whole is true. `COLUMN is denied` asks for what is missing.

mod complete;
mod error;
mod expression;
mod parse;
mod pattern;
mod quantity;
mod token;

use super::{
    columns::{COLUMNS, ColumnOf, OfProcesses, Table, Unit},
    mappings::OfMappings,
    value::Value,
};
use crate::{
    analysis::{MapRow, Row},
    snapshot::Parts,
    unit::Pid,
};
pub use complete::complete;
pub use error::QueryError;
use expression::Node;
pub use expression::{Facts, Truth};
use parse::{Holds, Name, Vocabulary};
use std::{fmt, marker::PhantomData};

/// An understood filter over the rows of a table. Its `Display` is an expression of the same meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryOf<T> {
    node: Node,
    of: PhantomData<T>,
}

/// A filter over processes and threads.
pub type Query = QueryOf<OfProcesses>;

impl<T: Table> QueryOf<T> {
    /// Understand an expression; one with nothing in it holds for every row.
    ///
    /// # Errors
    /// The first place where it cannot be understood, and what is expected there.
    pub fn parse(expression: &str) -> Result<Self, QueryError> {
        let columns = T::COLUMNS.iter().map(|column| Name { name: column.name, holds: holds(column) }).collect();
        let vocabulary = Vocabulary { columns, searched: T::SEARCHED };
        parse::parse(expression, &vocabulary).map(|node| Self { node, of: PhantomData })
    }

    /// Whether it holds for every row because it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.node, Node::All(parts) if parts.is_empty())
    }

    /// Whether the row is to be shown.
    #[must_use]
    pub fn matches<'a>(&self, row: T::Row<'a>) -> bool
    where
        T::Row<'a>: Facts,
    {
        self.node.truth(&row) == Truth::True
    }

    /// All columns that it looks at, one by one.
    pub fn columns(&self, mut each: impl FnMut(&'static ColumnOf<T>)) {
        self.node.columns(&mut |at| T::COLUMNS.get(at).into_iter().for_each(&mut each));
    }
}

impl Query {
    /// What has to be read of every process to tell.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let mut parts = Parts::NONE;
        self.columns(|column| parts |= column.parts);
        parts
    }

    /// Whether it looks at something that takes two snapshots.
    #[must_use]
    pub fn needs_interval(&self) -> bool {
        let mut needed = false;
        self.columns(|column| needed |= column.needs_interval());
        needed
    }
}

impl<T> fmt::Display for QueryOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

fn holds<T: Table>(column: &ColumnOf<T>) -> Holds {
    if column.unit == Unit::None { Holds::Text } else { Holds::Number(column.unit) }
}

impl Facts for MapRow<'_> {
    fn value(&self, column: usize) -> Value<'_> {
        OfMappings::COLUMNS.get(column).map_or(Value::None, |column| (column.value)(*self))
    }

    fn is_under(&self, _pid: Pid) -> Truth {
        Truth::Unknown
    }
}

impl Facts for Row<'_> {
    fn value(&self, column: usize) -> Value<'_> {
        COLUMNS.get(column).map_or(Value::None, |column| (column.value)(*self))
    }

    fn is_under(&self, pid: Pid) -> Truth {
        Self::is_under(*self, pid).into()
    }
}

#[cfg(test)]
mod tests;
