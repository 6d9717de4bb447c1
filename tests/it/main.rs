//! One integration binary; each suite is a module.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests read and write files, fail by panicking, and tell what they measured"
)]

mod aslr_compare;
mod collect;
mod commands;
mod doctor;
mod fixture;
mod hostile_tree;
mod inside;
mod lab;
mod live_columns;
mod live_maps;
mod mapped;
mod maps;
mod memory;
mod need;
mod packaging;
mod pages;
mod pictures;
mod program;
mod properties;
mod pty;
mod record;
mod screens;
mod screens_memory;
mod ssh;
mod tidy;
mod views;
