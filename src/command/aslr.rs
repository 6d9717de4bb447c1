//! `sysview aslr`: what randomisation made of addresses; a file for each of its subcommands.

mod compare;
mod run;

use crate::{
    cli::{AslrArgs, AslrCommand},
    collect::source::Source,
};
use std::{process::ExitCode, sync::Arc};

/// Carry out what was asked for.
///
/// # Errors
/// As the subcommand.
pub fn run(args: &AslrArgs, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    match &args.command {
        AslrCommand::Compare(args) => compare::run(args, source),
        AslrCommand::Run(args) => run::run(args, source),
    }
}
