//! The command line, as clap types. Help, completions and the manual page are derived from it.

use crate::{table::tables, tui::pane::PANES};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// What the Linux kernel knows about processes and memory, live in a terminal.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false, subcommand_precedence_over_arg = true)]
pub struct Cli {
    /// Open the screen on this process
    pub pid: Option<u32>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub source: SourceArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub screen: ScreenArgs,

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

/// How the screen begins.
#[derive(Clone, Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ScreenArgs {
    /// The pane to open
    #[arg(long, value_name = "NAME", value_parser = PANES.iter().map(|info| info.name).collect::<Vec<_>>())]
    pub pane: Option<String>,

    /// Seconds from one sample to the next
    #[arg(long, value_name = "SECONDS")]
    pub delay: Option<f64>,

    /// Children under their parent, whatever the configuration says
    #[arg(long)]
    pub tree: bool,

    /// Show only what matches, such as 'rss > 100M and not user = root'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,

    /// Sort by this column
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,

    /// Show these columns, apart by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Show only the processes of this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Never change another process
    #[arg(long)]
    pub readonly: bool,

    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,

    /// Colours by meaning
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,

    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,

    /// Read the configuration from this file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The subcommands; without one the screen is opened.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List processes
    Ps(PsArgs),
    /// Show the memory map of a process, mapping by mapping
    Maps(MapsArgs),
    /// Tell the state of each page of one mapping
    Pages(PagesArgs),
    /// What randomisation (ASLR) made of addresses
    Aslr(AslrArgs),
    /// Explain every column
    Columns(ColumnsArgs),
    /// Write what the kernel tells into a file that --from opens
    Record(RecordArgs),
    /// Say what this kernel, these rights and this /proc allow, item by item, and how to get more
    Doctor(DoctorArgs),
    /// Print what a shell needs to complete the command line
    Completions(CompletionsArgs),
    /// Print the manual page, in roff
    Man,
}

/// Options of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned text for people, cut to the width of the terminal
    Table,
    /// One array, or one object where the report is about one thing
    Json,
    /// An object a line
    Ndjson,
    /// Comma-separated values, with the names of the columns in the first line
    Csv,
}

/// Length, number and form of reports.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Seconds from one sample to the next
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub delay: Duration,

    /// Number of reports; 0: without end
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub count: u64,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Options of `columns`.
#[derive(Clone, Debug, Args)]
pub struct ColumnsArgs {
    /// The rows whose columns are meant
    #[arg(long, value_name = "TABLE", default_value = "processes", value_parser = tables().map(|(name, _)| name))]
    pub of: String,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Options of `ps`.
#[derive(Clone, Debug, Args)]
pub struct PsArgs {
    /// Only these processes; all where none is named
    #[arg(value_name = "PID")]
    pub pids: Vec<u32>,

    /// Draw children below their parent
    #[arg(long)]
    pub tree: bool,

    /// Also a row for each thread of processes that have more than one
    #[arg(long)]
    pub threads: bool,

    /// Columns from left to right, apart by commas; `sysview columns` explains them
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "preset")]
    pub columns: Vec<String>,

    /// Columns for one question: default, memory, faults, sched, io or jobs
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,

    /// Sort by this column: numbers that count something from the largest, all else from the smallest
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,

    /// Sort the other way round
    #[arg(long, requires = "sort")]
    pub reverse: bool,

    /// Only rows for which this holds, such as 'rss > 100M and not user = root'
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,

    /// Only processes of this real user, by name or number
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub report: ReportArgs,
}

/// Options of `maps`.
#[derive(Clone, Debug, Args)]
pub struct MapsArgs {
    /// The process
    pub pid: u32,

    /// A row for each object: a file with all its segments, the heap, the stacks, anonymous memory
    #[arg(long)]
    pub group: bool,

    /// Only what costs little: addresses, permissions and files, without what is in memory of them
    #[arg(long)]
    pub addresses: bool,

    /// Columns from left to right, apart by commas; where none of them needs them, figures are not read
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Sort by this column: numbers that count something from the largest, all else from the smallest
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,

    /// Sort the other way round
    #[arg(long, requires = "sort")]
    pub reverse: bool,

    /// Only mappings for which this holds, such as 'rss > 1M and permissions ~ w'; totals are of these
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,

    /// Write all of the map, as JSON, to a file that --diff reads; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["group", "columns", "sort", "filter"])]
    pub save: Option<PathBuf>,

    /// Show what changed since the map in this file was saved, what grew most first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["group", "columns", "sort", "filter"])]
    pub diff: Option<PathBuf>,

    /// Seconds that the kernel may take to tell the map
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub patience: Duration,

    /// How the report is written [default: table]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

impl MapsArgs {
    /// How the report is written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format.unwrap_or(Format::Table)
    }
}

/// Options of `pages`.
#[derive(Clone, Debug, Args)]
pub struct PagesArgs {
    /// The process
    pub pid: u32,

    /// Any address in the mapping, in hexadecimal, or a name such as `[heap]`
    pub address: String,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What is asked about randomisation.
#[derive(Clone, Debug, Args)]
pub struct AslrArgs {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a comment here would replace the text of --help")]
    pub command: AslrCommand,
}

/// The subcommands of `aslr`.
#[derive(Clone, Debug, Subcommand)]
pub enum AslrCommand {
    /// Lay two memory maps side by side: what moved, how far, what together, and why
    Compare(CompareArgs),
    /// Start a command again and again, without letting it run: how much of each address is chance
    Run(LabArgs),
}

/// Options of `aslr compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// A process, or a file that `maps --save` wrote
    #[arg(value_name = "A")]
    pub a: PathBuf,

    /// The other one
    #[arg(value_name = "B")]
    pub b: PathBuf,

    /// In the table also every mapping of each object
    #[arg(long)]
    pub mappings: bool,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Options of `aslr run`.
#[derive(Clone, Debug, Args)]
pub struct LabArgs {
    /// How many times it is started
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub runs: u32,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// The program and its arguments. What it would start itself is not looked at: to switch randomisation off, run
    /// `setarch -R sysview aslr run …`
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// Options of `doctor`.
#[derive(Clone, Copy, Debug, Args)]
pub struct DoctorArgs {
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What to record.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// The file to write; `-` is standard output
    pub file: PathBuf,

    /// Only these processes, with their memory maps; all, without, where none is named
    #[arg(value_name = "PID")]
    pub pids: Vec<u32>,

    /// Seconds from one sample to the next
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub delay: Duration,

    /// Reports that can be made of it, each over the time between two samples: one sample more is taken. 0: until
    /// interrupted. [default: 1; of a recording: all that it has]
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    /// Keep the arguments and the environment of programs, which may hold passwords
    #[arg(long)]
    pub with_secrets: bool,
}

/// A span of time in seconds, with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|delay| *delay >= SHORTEST).ok_or_else(|| "expected seconds, at least 0.01, such as 0.5".to_owned())
}

/// Below this the figures are those of sysview alone.
const SHORTEST: Duration = Duration::from_millis(10);
