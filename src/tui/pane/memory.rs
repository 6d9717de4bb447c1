//! Pane 4, Memory: the map of the selected process and what is in it.

pub mod contents;
pub mod kind;
pub mod pages;
pub mod picture;
