//! The table of columns, what a value looks like, and the filter language over both.
//!
//! Screen, commands, help, manual and configuration know a column only through [`columns::COLUMNS`].

pub mod columns;
pub mod presets;
pub mod query;
pub mod value;

pub use columns::{COLUMNS, Column};
pub use query::{Query, QueryError};
pub use value::Value;
