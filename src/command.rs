//! One file per subcommand: sample, make a report, print it. The only place besides the screen that writes to a terminal.

mod completions;
mod doctor;
mod man;
mod record;
mod screen;

use crate::{
    cli::{Cli, Command},
    collect,
};
use anyhow::Context;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Carry out what the command line asks for.
///
/// # Errors
/// What failed, why, and what to do; the caller prints it and exits with 1.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        None => screen::run(cli, &collect::open(cli.source.from.as_deref(), cli.source.proc_root.as_deref())?),
        Some(Command::Columns) => Ok(ExitCode::SUCCESS),
        Some(Command::Record(args)) => {
            record::run(args, collect::open(cli.source.from.as_deref(), cli.source.proc_root.as_deref())?)
        }
        Some(Command::Doctor(args)) => print(doctor::report(args, &cli.source)?.as_bytes()),
        Some(Command::Completions(args)) => print(&completions::script(*args)),
        Some(Command::Man) => print(&man::page()?),
    }
}

/// A report that is made whole before it is printed. A reader that has seen enough is not an error.
fn print(report: &[u8]) -> anyhow::Result<ExitCode> {
    match io::stdout().write_all(report) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}
