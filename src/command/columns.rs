//! `sysview columns`: what every column means, in what it counts, and where it comes from.

use super::output::{Field, Printer, Record, terminal_width, wrapped};
use crate::{
    cli::{ColumnsArgs, Format},
    table::{COLUMNS, Column, Value, presets::PRESETS},
};
use std::{
    fmt::Write as _,
    io::{self, Write},
    process::ExitCode,
};

/// Explain every column.
///
/// # Errors
/// Where it cannot be printed.
pub fn run(args: ColumnsArgs) -> anyhow::Result<ExitCode> {
    match (args.format, terminal_width()) {
        (Format::Table, Some(width)) => io::stdout().write_all(explained(width).as_bytes())?,
        (format, _) => Printer::standard(format, super::cut_mark()).report(&FIELDS, usize::MAX, &records())?,
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

fn records() -> Vec<Record<'static>> {
    let record = |column: &'static Column| {
        let presets = presets(column).join(" ");
        let cells = vec![
            Value::Word(column.name),
            Value::Word(column.title),
            Value::Word(column.unit.word()),
            Value::Flag(column.needs_interval()),
            if presets.is_empty() { Value::None } else { Value::Text(presets.into_bytes().into()) },
            Value::Word(column.source),
            Value::Word(column.help),
        ];
        Record { cells, ..Record::default() }
    };
    COLUMNS.iter().map(record).collect()
}

fn presets(column: &Column) -> Vec<&'static str> {
    let with = PRESETS.iter().filter(|preset| preset.names.contains(&column.name));
    with.map(|preset| preset.name).collect()
}

/// For a terminal: name and unit at the left, what it means beside them in as many lines as it takes.
fn explained(width: usize) -> String {
    let name_width = COLUMNS.iter().map(|column| column.name.len()).max().unwrap_or(0);
    let unit_width = COLUMNS.iter().map(|column| column.unit.word().len()).max().unwrap_or(0);
    let indent = name_width + unit_width + 2;
    let mut text = String::new();
    for column in COLUMNS {
        let meaning = format!("{} From {}.", column.help, column.source);
        // Beside names that fill a narrow terminal there is no room: below them instead.
        let (first, indent) = if width >= indent + 30 { ("", indent) } else { ("\n    ", 4) };
        let head = format!("{:name_width$} {:unit_width$} ", column.name, column.unit.word());
        let lines = wrapped(&meaning, width.saturating_sub(indent).max(20));
        let head = if first.is_empty() { head } else { head.trim_end().to_owned() };
        let body = lines.join(&format!("\n{:indent$}", ""));
        // Writing to a String does not fail.
        let _ = writeln!(text, "{head}{first}{body}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("enormous a b", 3), ["enormous", "a b"]);
        for width in [24, 40, 80, 200] {
            let text = explained(width);
            let words: Vec<_> = text.split_whitespace().collect();
            let words = words.join(" ");
            assert!(COLUMNS.iter().all(|column| words.contains(column.help)));
            let widest = text.lines().map(UnicodeWidthStr::width).max();
            assert!(width < 60 || widest <= Some(width), "{width}: {widest:?}");
        }
    }
}
