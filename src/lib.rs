//! sysview shows what the Linux kernel knows about processes and memory.
//!
//! Data flows one way, and nothing reaches for what is above it; `tests/it/tidy.rs` holds the layers against the code:
//!
//! ```text
//!   /proc ─> collect::Collector ─> Snapshot ─> analysis::Observation ─┬─> tui::app::App ─> cells ─> terminal
//!                 ▲                                                   └─> command ─> table, CSV, JSON
//!                 └────────── snapshot::Request <── what is on the screen, or in the report
//! ```
//!
//! | layer | modules | what they are |
//! |---|---|---|
//! | 0 | [`mod@unit`], [`text`], [`signal`], [`nearest`] | quantities with their unit, other people's bytes, names |
//! | 1 | [`snapshot`], [`proc`], [`config`] | plain data, pure parsers, settings |
//! | 2 | [`sys`] | system calls that no crate has: the only `unsafe` |
//! | 3 | [`collect`], [`control`] | all that is read from the kernel; all that is done to other processes |
//! | 3 | [`analysis`] | what two snapshots say: rates, trees, ages |
//! | 4 | [`table`] | every column, how a value looks, the filter language |
//! | 5 | [`tui`] | the screen; its head has a picture that names the file of each part |
//! | 6 | [`cli`], [`command`] | the command line, a file for each subcommand |
//!
//! To read it for the first time: [`snapshot`] says what there is to know, [`collect::scan`] how it is got cheaply,
//! [`analysis::observe`] what a column may look at, [`table::columns`] what it makes of that; then [`tui::app`] or
//! `command::ps`, which show it.

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
