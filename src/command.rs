//! One file per subcommand: sample, make a report, print it. The only place besides the screen that writes to a terminal.

mod doctor;
mod record;
mod screen;

use crate::{
    cli::{Cli, Command},
    collect,
};
use std::process::ExitCode;

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
        Some(Command::Doctor(args)) => doctor::run(args, &cli.source),
    }
}
