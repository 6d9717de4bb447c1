//! One file per subcommand: sample, make a report, print it. `screen` is what runs without one, and only sets the screen
//! up.

mod aslr;
mod columns;
mod completions;
mod doctor;
mod file;
mod man;
mod maps;
mod output;
mod pages;
mod ps;
mod record;
pub mod screen;
mod subject;

use crate::{
    cli::{Cli, Command},
    collect,
    nearest::suggestion,
    table::{COLUMNS, Column},
    text::printable,
};
use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// Carry out what the command line asks for.
///
/// # Errors
/// What failed, why, and what to do; the caller prints it and exits with 1.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let open = || collect::open(cli.source.from.as_deref(), cli.source.proc_root.as_deref());
    match &cli.command {
        None => screen::run(cli, &open()?),
        Some(Command::Columns(args)) => until_closed(columns::run(args)),
        Some(Command::Ps(args)) => until_closed(ps::run(args, &open()?)),
        Some(Command::Pages(args)) => until_closed(pages::run(args, &open()?)),
        Some(Command::Maps(args)) => until_closed(maps::run(args, &open()?)),
        Some(Command::Aslr(args)) => until_closed(aslr::run(args, &open()?)),
        Some(Command::Record(args)) => record::run(args, open()?),
        Some(Command::Doctor(args)) => until_closed(doctor::run(*args, &cli.source)),
        Some(Command::Completions(args)) => until_closed(print(&completions::script(*args))),
        Some(Command::Man) => until_closed(print(&man::page()?)),
    }
}

fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    io::stdout().write_all(text)?;
    Ok(ExitCode::SUCCESS)
}

/// The command line makes no sense: exit status 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A reader of standard output that has seen enough is not an error.
fn until_closed(done: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match done {
        Err(error) if error.downcast_ref().is_some_and(is_closed) => Ok(ExitCode::SUCCESS),
        done => done.map_err(|error| match error.downcast::<io::Error>() {
            Ok(error) => anyhow::Error::new(error).context("cannot write to standard output"),
            Err(error) => error,
        }),
    }
}

/// Tell of something asked for that failed while the rest goes on.
#[expect(clippy::print_stderr, reason = "errors that do not end a command")]
fn complain(problem: &str) {
    eprintln!("sysview: {}", printable(problem.as_bytes()));
}

/// The column that the user named.
fn column(name: &str) -> Result<&'static Column, Usage> {
    crate::table::columns::find(name).ok_or_else(|| {
        let nearest = suggestion(name, COLUMNS.iter().map(|column| column.name));
        Usage(format!("unknown column {name}{nearest}; `sysview columns` lists them"))
    })
}

/// What stands where a line of a table was cut.
fn cut_mark() -> &'static str {
    if screen::is_utf8() { "…" } else { ">" }
}
