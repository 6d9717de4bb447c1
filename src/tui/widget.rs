//! Pieces of screen that know nothing of processes or of the program's state: text cut to cells, meters, lists, prompts, small graphs.

pub mod frame;
pub mod legend;
pub mod line;
pub mod list;
pub mod meter;
pub mod prompt;
pub mod spark;
pub mod strip;
pub mod table;
