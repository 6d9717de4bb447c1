//! `sysview completions SHELL`: what a shell needs to complete sysview's command line, from its definition.

use crate::cli::{Cli, CompletionsArgs};
use clap::CommandFactory;

/// The script for the shell.
pub fn script(args: CompletionsArgs) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sysview", &mut text);
    text
}
