//! Parse the arguments, run, print the error, set the exit status.

use clap::Parser;
use std::process::ExitCode;
use sysview::{cli::Cli, command, text::printable};

#[expect(clippy::print_stderr, reason = "the one place that prints errors")]
fn main() -> ExitCode {
    command::run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("sysview: {}", printable(format!("{error:#}").as_bytes()));
        if error.is::<command::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}
