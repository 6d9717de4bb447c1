//! `sysview columns`: what every column means, in what it counts, and where it comes from.

use super::output::{Field, Printer, Record, terminal_width, wrapped};
use crate::{
    cli::{ColumnsArgs, Format},
    table::{
        Column, Value,
        columns::{self, About},
        mappings::MAP_PRESETS,
        presets::PRESETS,
        tables,
    },
};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Explain every column.
///
/// # Errors
/// Where it cannot be printed.
pub fn run(args: &ColumnsArgs) -> anyhow::Result<ExitCode> {
    match (args.format, terminal_width()) {
        (Format::Table, Some(width)) => io::stdout().write_all(explained(&args.of, width).as_bytes())?,
        (format, _) => Printer::standard(format, super::cut_mark()).report(&FIELDS, usize::MAX, &records(&args.of))?,
    }
    Ok(ExitCode::SUCCESS)
}

const FIELDS: [Field; 7] = [
    Field::text("name", "NAME"),
    Field::text("title", "TITLE"),
    Field::text("unit", "UNIT"),
    Field::text("interval", "INTERVAL"),
    Field::text("presets", "PRESETS"),
    Field::text("source", "SOURCE"),
    Field::text("help", "MEANING"),
];

fn records(table: &str) -> Vec<Record<'static>> {
    let record = |column: About| {
        let presets = presets(table, column.name).join(" ");
        let interval = table == OF_PROCESSES && columns::find(column.name).is_some_and(Column::needs_interval);
        let cells = vec![
            Value::Word(column.name),
            Value::Word(column.title),
            Value::Word(column.unit.word()),
            Value::Flag(interval),
            if presets.is_empty() { Value::None } else { Value::Text(presets.into_bytes().into()) },
            Value::Word(column.source),
            Value::Word(column.help),
        ];
        Record { cells, ..Record::default() }
    };
    columns_of(table).into_iter().map(record).collect()
}

fn columns_of(table: &str) -> Vec<About> {
    tables().into_iter().find(|(name, _)| *name == table).map(|(_, columns)| columns).unwrap_or_default()
}

/// The table whose columns can compare two samples.
const OF_PROCESSES: &str = "processes";

fn presets(table: &str, column: &str) -> Vec<&'static str> {
    let of_processes = PRESETS.iter().map(|preset| (preset.name, preset.names));
    let of_mappings = MAP_PRESETS.iter().copied();
    let all: Vec<_> = if table == OF_PROCESSES { of_processes.collect() } else { of_mappings.collect() };
    all.into_iter().filter(|(_, names)| names.contains(&column)).map(|(name, _)| name).collect()
}

/// For a terminal: name and unit at the left, what it means beside them in as many lines as it takes.
fn explained(table: &str, width: usize) -> String {
    let columns = columns_of(table);
    let name_width = columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    let unit_width = columns.iter().map(|column| column.unit.word().len()).max().unwrap_or(0);
    let widths = (name_width, unit_width, name_width + unit_width + 2);
    columns.iter().map(|column| explain(column, widths, width)).collect()
}

fn explain(column: &About, (name_width, unit_width, indent): (usize, usize, usize), width: usize) -> String {
    let meaning = format!("{} From {}.", column.help, column.source);
    // Beside names that fill a narrow terminal there is no room: below them instead.
    let (first, indent) = if width >= indent + 30 { ("", indent) } else { ("\n    ", 4) };
    let head = format!("{:name_width$} {:unit_width$} ", column.name, column.unit.word());
    let lines = wrapped(&meaning, width.saturating_sub(indent).max(20));
    let head = if first.is_empty() { head } else { head.trim_end().to_owned() };
    let body = lines.join(&format!("\n{:indent$}", ""));
    format!("{head}{first}{body}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("enormous a b", 3), ["enormous", "a b"]);
        for (table, width) in tables().iter().flat_map(|(table, _)| [24, 40, 80, 200].map(|width| (*table, width))) {
            let text = explained(table, width);
            let words: Vec<_> = text.split_whitespace().collect();
            let words = words.join(" ");
            assert!(columns_of(table).iter().all(|column| words.contains(column.help)));
            let widest = text.lines().map(UnicodeWidthStr::width).max();
            assert!(width < 60 || widest <= Some(width), "{width}: {widest:?}");
        }
    }
}
