//! The command line, as clap types. Help, completions and the manual page are derived from it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What the Linux kernel knows about processes and memory, live in a terminal.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false, subcommand_precedence_over_arg = true)]
pub struct Cli {
    /// Open the screen on this process
    pub pid: Option<u32>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub source: SourceArgs,

    #[command(subcommand)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub command: Option<Command>,
}

/// Where to read from; for every command.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// Read from this directory in place of /proc
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "from")]
    pub proc_root: Option<PathBuf>,

    /// Read from a recording in place of the live system
    #[arg(long, global = true, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// The subcommands; without one the screen is opened.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Explain every column
    Columns,
    /// Say what this kernel, these rights and this /proc allow, item by item, and how to get more
    Doctor(DoctorArgs),
}

/// Options of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// How the report is written
    #[arg(long, value_enum, default_value_t = DoctorFormat::Table)]
    pub format: DoctorFormat,
}

/// The forms that the report of `doctor` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// Text for people
    Table,
    /// One array
    Json,
}
