//! Pieces of screen that know nothing of processes or of the program's state: text cut to cells, meters, lists, prompts.

pub mod frame;
pub mod line;
pub mod list;
pub mod meter;
pub mod prompt;
pub mod table;
