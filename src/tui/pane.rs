//! The panes: each a file here, each with its own selection, scroll and view, and no process data of its own.

pub mod memory;
pub mod processes;
