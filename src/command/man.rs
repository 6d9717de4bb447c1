//! `sysview man`: the manual page, from the definition of the command line and the tables of keys and columns.
//!
//! Only what no table knows stands here: exit statuses and files.

use crate::{
    cli::Cli,
    table::{
        columns::{About, Unit},
        tables,
    },
    tui::action::ACTIONS,
};
use clap::{Arg, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, roman},
};
use std::io;

/// A paragraph with a word that it explains.
type Entry = (String, String);

/// A section that is a list of words and what they mean.
type List = (&'static str, fn() -> Vec<Entry>);

/// Such sections, in their order on the page.
const LISTS: &[List] = &[
    ("KEYS", keys),
    ("COLUMNS OF PROCESSES", columns),
    ("COLUMNS OF MAPPINGS", map_columns),
    ("EXIT STATUS", exit_statuses),
    ("FILES", files),
];

/// The page, as roff(7) text.
///
/// # Errors
/// As the writer; a vector has none.
pub fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&command).to_writer(&mut page)?;
    for (title, entries) in LISTS {
        list(title, &entries()).to_writer(&mut page)?;
    }
    Ok(page)
}

/// All subcommands on this page, each with its usage and its own options: there are no pages of theirs.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for subcommand in leaves(command) {
        let usage = subcommand.clone().render_usage().to_string();
        roff.control("TP", []);
        roff.text([bold(usage.trim_start_matches("Usage: ").trim())]);
        roff.text([roman(subcommand.get_about().map(ToString::to_string).unwrap_or_default())]);
        let own: Vec<_> = subcommand.get_arguments().filter(|arg| !arg.is_global_set() && is_documented(arg)).collect();
        if own.is_empty() {
            continue;
        }
        roff.control("RS", []);
        for arg in own {
            roff.control("TP", []);
            roff.text([bold(arg.to_string())]);
            roff.text(explained(arg));
        }
        roff.control("RE", []);
    }
    roff
}

/// The commands that do something: not those that only lead to others, nor the help that clap adds.
fn leaves(command: &Command) -> Vec<&Command> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    shown.flat_map(|command| if command.has_subcommands() { leaves(command) } else { vec![command] }).collect()
}

fn is_documented(arg: &Arg) -> bool {
    !arg.is_hide_set() && arg.get_id() != "help"
}

fn explained(arg: &Arg) -> Vec<Inline> {
    let mut text = vec![roman(arg.get_help().map(ToString::to_string).unwrap_or_default())];
    // A flag without a value has true and false for values.
    if arg.get_action().takes_values() {
        let values: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        text.extend((!values.is_empty()).then(|| roman(format!(": {}", values.join(", ")))));
        text.extend((!defaults.is_empty()).then(|| roman(format!(" (default: {})", defaults.join(" ")))));
    }
    text
}

fn list(title: &str, entries: &[Entry]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (word, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(word.as_str())]);
        roff.text([roman(meaning.as_str())]);
    }
    roff
}

fn keys() -> Vec<Entry> {
    ACTIONS.iter().map(|info| (info.keys.join(", "), format!("{}.", info.help))).collect()
}

fn columns() -> Vec<Entry> {
    entries_of(0)
}

fn map_columns() -> Vec<Entry> {
    entries_of(1)
}

fn entries_of(table: usize) -> Vec<Entry> {
    let entry = |column: &About| {
        let unit = match column.unit {
            Unit::None => String::new(),
            unit => format!(" Unit: {}.", unit.word()),
        };
        (column.name.to_owned(), format!("{}{unit} From {}.", column.help, column.source))
    };
    tables()[table].1.iter().map(entry).collect()
}

fn exit_statuses() -> Vec<Entry> {
    let statuses = [
        ("0", "Done."),
        ("1", "Failed, in whole or for some of what was asked; what there is was printed. Standard error says why."),
        ("2", "The command line is wrong."),
    ];
    entries(&statuses)
}

fn files() -> Vec<Entry> {
    let files = [
        ("/proc", "What the kernel knows of processes; see proc(5). Another directory with --proc-root."),
        ("/sys/fs/cgroup", "Limits of the container that sysview runs in; see cgroups(7)."),
        ("/etc/passwd", "Names of users; others are asked of getent(1)."),
    ];
    entries(&files)
}

fn entries(table: &[(&str, &str)]) -> Vec<Entry> {
    table.iter().map(|(word, meaning)| ((*word).to_owned(), (*meaning).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_every_column() {
        let page = String::from_utf8(page().expect("a vector takes everything")).expect("text");
        let command = Cli::command();
        for subcommand in leaves(&command) {
            assert!(page.contains(&format!(" {}", subcommand.get_name())), "{}", subcommand.get_name());
        }
        for column in tables().iter().flat_map(|(_, columns)| columns) {
            assert!(page.contains(&format!("\\fB{}\\fR", column.name)), "{}", column.name);
        }
    }
}
