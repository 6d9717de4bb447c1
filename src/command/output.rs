//! How a report goes out: a table for people, CSV, JSON or a JSON object a line, of rows of values under fields.
//!
//! Everything that leaves here is safe for a terminal, whatever a process calls itself, in every format.

use crate::{
    cli::Format,
    snapshot::Missing,
    table::{ColumnOf, Table, Value},
    text::{escaped, is_unsafe, printable},
};
use rustix::termios;
use serde::Serialize;
use serde_json::{Map, Serializer, ser::Formatter};
use std::{
    borrow::{Borrow, Cow},
    io::{self, BufWriter, Stdout, Write},
    iter,
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// One field of every row of a report.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Key in JSON, heading in CSV.
    pub name: &'static str,
    /// Heading in tables.
    pub title: &'static str,
    /// Whether it is set to the right in tables.
    pub right: bool,
}

impl Field {
    /// A field of text.
    #[must_use]
    pub const fn text(name: &'static str, title: &'static str) -> Self {
        Self { name, title, right: false }
    }
}

impl<T: Table> From<&ColumnOf<T>> for Field {
    fn from(column: &ColumnOf<T>) -> Self {
        Self { name: column.name, title: column.title, right: column.is_right_aligned() }
    }
}

/// One row of a report.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    /// What an object has in JSON whatever the fields, before them.
    pub head: Vec<(&'static str, Value<'a>)>,
    /// A value for each field.
    pub cells: Vec<Value<'a>>,
    /// What is drawn before the cell of the field that the tree stands in.
    pub branch: String,
}

impl Record<'_> {
    /// As a JSON object: a value that could not be read is `null`, and why stands under `missing`.
    fn object(&self, fields: &[Field]) -> serde_json::Value {
        let (mut object, mut missing) = (Map::new(), Map::new());
        let own = fields.iter().map(|field| field.name).zip(&self.cells);
        for (name, value) in self.head.iter().map(|(name, value)| (*name, value)).chain(own) {
            let value = told(value);
            if let Value::Missing(why) = *value {
                missing.insert(name.to_owned(), why.word().into());
            }
            object.insert(name.to_owned(), value.json());
        }
        if !missing.is_empty() {
            object.insert("missing".to_owned(), missing.into());
        }
        object.into()
    }
}

/// What nobody asked for never leaves the program: a value asked for that is not there has not come in time.
fn told<'v, 'a>(value: &'v Value<'a>) -> Cow<'v, Value<'a>> {
    match value {
        Value::Missing(Missing::NotRequested) => Cow::Owned(Value::Missing(Missing::Blocked)),
        value => Cow::Borrowed(value),
    }
}

/// Writes reports in one format.
#[derive(Debug)]
pub struct Printer<W: Write> {
    format: Format,
    to: W,
    /// Cells in a line; `None` where lines are not cut.
    width: Option<usize>,
    /// What stands where a line was cut.
    mark: &'static str,
    /// Whether something was printed before.
    begun: bool,
}

impl Printer<BufWriter<Stdout>> {
    /// Write to standard output, with lines as long as its terminal is wide.
    #[must_use]
    pub fn standard(format: Format, mark: &'static str) -> Self {
        Self::new(format, BufWriter::new(io::stdout()), terminal_width(), mark)
    }
}

/// Cells in a line of the terminal that standard output is; `None` where it is none, or does not say.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

impl<W: Write> Printer<W> {
    /// Write to `to`.
    pub fn new(format: Format, to: W, width: Option<usize>, mark: &'static str) -> Self {
        Self { format, to, width, mark, begun: false }
    }

    /// One report. In tables the branches stand before the field at `tree`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn report(&mut self, fields: &[Field], tree: usize, records: &[Record<'_>]) -> io::Result<()> {
        match self.format {
            Format::Table => self.table(fields, tree, records)?,
            Format::Json => self.json(fields, records)?,
            Format::Ndjson => self.ndjson(fields, records)?,
            Format::Csv => self.csv(fields, records)?,
        }
        self.begun = true;
        self.to.flush()
    }

    fn table(&mut self, fields: &[Field], tree: usize, records: &[Record<'_>]) -> io::Result<()> {
        let texts = |record: &Record<'_>| -> Vec<String> {
            let cell = |(at, value): (usize, &Value<'_>)| {
                let text = told(value).human().into_owned();
                let text = if is_clean(&text) { text } else { printable(text.as_bytes()).into_owned() };
                if at == tree { record.branch.clone() + &text } else { text }
            };
            record.cells.iter().enumerate().map(cell).collect()
        };
        let rows: Vec<_> = records.iter().map(texts).collect();
        let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|text| text.width()).max();
        let width = |(at, field): (usize, &Field)| widest(at).unwrap_or(0).max(field.title.width());
        let widths: Vec<_> = fields.iter().enumerate().map(width).collect();
        if self.begun {
            writeln!(self.to)?;
        }
        self.line(fields, &widths, fields.iter().map(|field| field.title))?;
        for row in &rows {
            self.line(fields, &widths, row.iter().map(String::as_str))?;
        }
        Ok(())
    }

    fn line<'c>(&mut self, fields: &[Field], widths: &[usize], cells: impl Iterator<Item = &'c str>) -> io::Result<()> {
        let mut line = String::new();
        for (at, ((field, width), cell)) in fields.iter().zip(widths).zip(cells).enumerate() {
            let gap = iter::repeat_n(' ', width.saturating_sub(cell.width()));
            if at > 0 {
                line.push(' ');
            }
            if field.right {
                line.extend(gap);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.extend(gap);
            }
        }
        let line = line.trim_end();
        match self.width {
            Some(width) => writeln!(self.to, "{}", cut(line, width, self.mark)),
            None => writeln!(self.to, "{line}"),
        }
    }

    /// An array, an object a line.
    fn json(&mut self, fields: &[Field], records: &[Record<'_>]) -> io::Result<()> {
        self.to.write_all(b"[")?;
        for (at, record) in records.iter().enumerate() {
            self.to.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            write_json(&mut self.to, &record.object(fields))?;
        }
        self.to.write_all(if records.is_empty() { b"]\n" } else { b"\n]\n" })
    }

    /// Each object is flushed by itself, for whoever reads along.
    fn ndjson(&mut self, fields: &[Field], records: &[Record<'_>]) -> io::Result<()> {
        for record in records {
            write_json(&mut self.to, &record.object(fields))?;
            self.to.write_all(b"\n")?;
            self.to.flush()?;
        }
        Ok(())
    }

    /// RFC 4180 in its quoting; lines end as they do on this system.
    fn csv(&mut self, fields: &[Field], records: &[Record<'_>]) -> io::Result<()> {
        if !self.begun {
            write_csv(&mut self.to, fields.iter().map(|field| Value::Word(field.name)))?;
        }
        for record in records {
            write_csv(&mut self.to, record.cells.iter().map(told))?;
        }
        Ok(())
    }
}

/// Write one line of CSV.
///
/// # Errors
/// Where it cannot be written.
pub fn write_csv<'v>(
    to: &mut (impl Write + ?Sized),
    cells: impl Iterator<Item = impl Borrow<Value<'v>>>,
) -> io::Result<()> {
    let mut line = String::with_capacity(256);
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(',');
        }
        let begin = line.len();
        cell.borrow().push_exact(&mut line);
        if !is_plain(&line.as_bytes()[begin..]) {
            let cell = line.split_off(begin);
            push_quoted(&cell, &mut line);
        }
    }
    line.push('\n');
    to.write_all(line.as_bytes())
}

fn is_clean(text: &str) -> bool {
    !text.contains(is_unsafe)
}

/// Whether it can stand between commas as it is.
fn is_plain(cell: &[u8]) -> bool {
    cell.iter().all(|byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b','))
}

/// In quotes where it needs them.
fn push_quoted(cell: &str, line: &mut String) {
    // Nothing unsafe goes out even where a value let it through.
    let cell = if is_clean(cell) { cell.into() } else { printable(cell.as_bytes()) };
    if cell.contains(['"', ',']) || cell.starts_with(' ') || cell.ends_with(' ') {
        line.push('"');
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(&cell);
    }
}

/// The line itself where it fits, else as much of it as there is room for, and a mark.
#[must_use]
pub fn cut<'l>(line: &'l str, width: usize, mark: &str) -> Cow<'l, str> {
    // Neither a terminal nor UTF-8 uses more cells than bytes.
    if line.len() <= width || line.width() <= width {
        return Cow::Borrowed(line);
    }
    let room = width.saturating_sub(mark.width());
    let mut used = 0;
    let kept = line.graphemes(true).take_while(|cluster| {
        used += cluster.width();
        used <= room
    });
    Cow::Owned(kept.chain([mark]).collect())
}

/// The words of a text in lines of at most `width` cells; a longer word has a line of its own.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Write one value as JSON in one line, all escaped that a terminal should not see. `serde_json` itself escapes nothing
/// above U+001F.
///
/// # Errors
/// Where it cannot be written.
pub fn write_json(to: &mut impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(to, Escaping)).map_err(io::Error::from)
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut begin = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| is_unsafe(*c)) {
            to.write_all(&fragment.as_bytes()[begin..at])?;
            to.write_all(escaped(c).as_bytes())?;
            begin = at + c.len_utf8();
        }
        to.write_all(&fragment.as_bytes()[begin..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [Field; 3] = [
        Field { name: "pid", title: "PID", right: true },
        Field { name: "rss", title: "RSS", right: true },
        Field { name: "name", title: "NAME", right: false },
    ];

    fn record(pid: u64, rss: Value<'static>, name: &'static [u8]) -> Record<'static> {
        Record {
            head: vec![("pid", Value::Count(pid)), ("start_ticks", Value::Count(7))],
            cells: vec![Value::Count(pid), rss, Value::text(name)],
            branch: String::new(),
        }
    }

    fn printed(format: Format, width: Option<usize>, reports: &[&[Record<'_>]]) -> String {
        let mut printer = Printer::new(format, Vec::new(), width, "…");
        for records in reports {
            printer.report(&FIELDS, 2, records).expect("a vector takes everything");
        }
        String::from_utf8(printer.to).expect("what is printed is UTF-8")
    }

    #[test]
    fn tables_are_aligned_to_the_cell_and_cut_only_where_there_is_a_width() {
        let mut child = record(812, Value::Bytes(5 << 20), "日本 worker".as_bytes());
        child.branch = "└─ ".to_owned();
        let records = [record(1, Value::None, b"init"), child];
        let whole = "PID  RSS NAME\n  1    - init\n812 5.0M └─ 日本 worker\n";
        assert_eq!(printed(Format::Table, None, &[&records]), whole);
        assert_eq!(printed(Format::Table, Some(23), &[&records]), whole);
        let narrow = "PID  RSS NAME\n  1    - init\n812 5.0M └─ 日…\n";
        assert_eq!(printed(Format::Table, Some(15), &[&records]), narrow);
        assert_eq!(printed(Format::Table, Some(16), &[&records]), narrow);
        assert_eq!(printed(Format::Table, Some(17), &[&records]), narrow.replace("日…", "日本…"));
    }

    #[test]
    fn reports_follow_one_another() {
        let records = [record(1, Value::Bytes(4096), b"init")];
        let table = "PID  RSS NAME\n  1 4.0K init\n";
        assert_eq!(printed(Format::Table, None, &[&records, &records]), format!("{table}\n{table}"));
        assert_eq!(printed(Format::Csv, None, &[&records, &records]), "pid,rss,name\n1,4096,init\n1,4096,init\n");
    }

    #[test]
    fn csv_is_quoted_where_it_has_to_be() {
        let records = [
            record(1, Value::Missing(Missing::Denied), b"a,b"),
            record(2, Value::Bytes(1), b"say \"hi\""),
            record(3, Value::None, b" x"),
            record(4, Value::None, b"line\nbreak\\"),
        ];
        let expected = "pid,rss,name\n1,,\"a,b\"\n2,1,\"say \"\"hi\"\"\"\n3,,\" x\"\n4,,line\\u000abreak\\\\\n";
        assert_eq!(printed(Format::Csv, None, &[&records]), expected);
    }

    #[test]
    fn json_says_why_something_is_missing_and_nothing_where_nothing_is() {
        let records = [record(1, Value::None, b"init"), record(2, Value::Missing(Missing::NotRequested), b"x")];
        assert_eq!(
            printed(Format::Json, None, &[&records]),
            "[\n{\"pid\":1,\"start_ticks\":7,\"rss\":null,\"name\":\"init\"},\n\
             {\"pid\":2,\"start_ticks\":7,\"rss\":null,\"name\":\"x\",\"missing\":{\"rss\":\"blocked\"}}\n]\n"
        );
        assert_eq!(printed(Format::Json, None, &[&[]]), "[]\n");
        assert_eq!(printed(Format::Ndjson, None, &[&[]]), "");
    }

    #[test]
    fn json_escapes_what_a_terminal_would_act_on() {
        let name = "\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{200b}\u{e0001}é".as_bytes();
        let text = printed(Format::Ndjson, None, &[&[record(1, Value::None, name)]]);
        assert!(text.contains("\"\\u001b[31m\\u007f\\u009b\\u202e\\u200b\\udb40\\udc01é\""), "{text}");
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(parsed["name"].as_str().map(str::as_bytes), Some(name));
    }

    proptest! {
        #[test]
        fn nothing_unsafe_leaves_in_any_format(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in ".*") {
            for bytes in [bytes, text.into_bytes()] {
                for format in [Format::Table, Format::Json, Format::Ndjson, Format::Csv] {
                    let name = Value::Text(bytes.clone().into());
                    let records = [Record { cells: vec![Value::Count(1), Value::None, name], ..Record::default() }];
                    let text = printed(format, Some(30), &[&records]);
                    let seen = text.replace('\n', "");
                    prop_assert!(is_clean(&seen), "{format:?} {seen:?}");
                    if format == Format::Ndjson {
                        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
                    }
                }
            }
        }
    }
}
