//! The tables of columns, what a value looks like, and the filter language over both.
//!
//! Screen, commands, help, manual and configuration know a column only through [`columns::COLUMNS`] (processes) and
//! [`mappings::OfMappings`] (memory maps).

pub mod columns;
pub mod mappings;
pub mod presets;
pub mod program;
pub mod query;
pub mod value;

pub use columns::{COLUMNS, Column, ColumnOf, OfProcesses, Table};
pub use mappings::{MapColumn, OfMappings};
pub use query::{Query, QueryError, QueryOf};
pub use value::Value;

/// Every table by its name, with what is told of its columns: what documents are made from.
#[must_use]
pub fn tables() -> [(&'static str, Vec<columns::About>); 2] {
    [("processes", abouts::<OfProcesses>()), ("mappings", abouts::<OfMappings>())]
}

fn abouts<T: Table>() -> Vec<columns::About> {
    T::COLUMNS.iter().map(ColumnOf::about).collect()
}
