//! One file per subcommand: sample, make a report, print it. The only place besides the screen that writes to a terminal.

mod doctor;

use crate::cli::{Cli, Command};
use std::process::ExitCode;

/// Carry out what the command line asks for.
///
/// # Errors
/// What failed, why, and what to do; the caller prints it and exits with 1.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        None => anyhow::bail!("the screen is not here yet"),
        Some(Command::Columns) => Ok(ExitCode::SUCCESS),
        Some(Command::Doctor(args)) => doctor::run(args, &cli.source),
    }
}
