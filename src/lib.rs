//! sysview shows what the Linux kernel knows about processes and memory.

pub mod analysis;
pub mod cli;
pub mod collect;
pub mod command;
pub mod config;
pub mod control;
pub mod nearest;
pub mod proc;
pub mod signal;
pub mod snapshot;
pub mod sys;
pub mod table;
pub mod text;
pub mod tui;
pub mod unit;
