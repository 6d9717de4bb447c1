//! `maps --diff`: what changed since a map was saved, sorted by growth.

use super::{
    json::{Lines, word},
    sheet::{self, Cut, Head},
};
use crate::{
    analysis::{
        growth::{Fate, Growth, Piece, weight},
        mapping::Change,
    },
    cli::Format,
    command::output::{write_csv, write_json},
    snapshot::{
        Missing,
        map::{Mapping, MemoryMap},
    },
    table::{
        Value,
        value::{clock_text, rfc3339},
    },
    text::reversible,
};
use serde_json::{Map, Value as Json, json};
use std::{
    cmp::Ordering,
    io::{self, BufWriter, Write},
};

/// What has to be known before the comparison is believed.
pub fn caution(file: &str, before: &MemoryMap, after: &MemoryMap) -> Option<String> {
    let (pid, other) = (after.key.pid, before.key.pid);
    match (&before.exe, &after.exe) {
        (Ok(one), Ok(another)) if one != another => Some(format!(
            "{file} is a map of {}, and {pid} runs {}: they are compared all the same, by what each mapping is of",
            one.printable(),
            another.printable()
        )),
        _ if before.key != after.key => Some(format!(
            "{file} is a map of another process, {other} ({}): mappings are compared by what they are of, not by address",
            before.name.printable()
        )),
        _ => None,
    }
}

/// Write what changed from one map to the other.
///
/// # Errors
/// Where it cannot be written.
pub fn write(to: &mut dyn Write, format: Format, before: &MemoryMap, after: &MemoryMap, cut: Cut) -> io::Result<()> {
    let growth = Growth::between(before, after);
    let report = Report { before, after, growth: &growth };
    let rows: Vec<_> = growth.by_growth().into_iter().filter_map(|piece| report.row(piece)).collect();
    match format {
        Format::Table => report.table(to, &rows, cut),
        Format::Json => report.json(to, &rows, Lines::Many),
        Format::Ndjson => report.json(to, &rows, Lines::One),
        Format::Csv => csv(to, &rows),
    }
}

struct Report<'a> {
    before: &'a MemoryMap,
    after: &'a MemoryMap,
    growth: &'a Growth,
}

/// A mapping that changed.
struct Row<'a> {
    what: &'static str,
    /// As it is now, or as it was.
    mapping: &'a Mapping,
    start: u64,
    end: u64,
    change: Change,
    /// Why some of it is not known.
    missing: Missing,
}

/// What is compared beside the size, by name.
type Amounts = [(&'static str, fn(&Change) -> Option<i64>); 3];

const AMOUNTS: Amounts = [("rss", |change| change.rss), ("pss", |change| change.pss), ("swap", |change| change.swap)];

impl<'a> Report<'a> {
    /// Of several mappings in one, the largest says what they are.
    fn row(&self, piece: &Piece) -> Option<Row<'a>> {
        let (map, places) = match self.growth.after(piece) {
            [] => (self.before, self.growth.before(piece)),
            places => (self.after, places),
        };
        let mappings = || places.iter().filter_map(|place| map.mappings.get(*place as usize));
        Some(Row {
            what: what(piece),
            mapping: mappings().max_by_key(|mapping| mapping.size())?,
            start: mappings().next()?.start,
            end: mappings().next_back()?.end,
            change: piece.change,
            missing: self.missing(),
        })
    }

    fn missing(&self) -> Missing {
        let of = |map: &MemoryMap| map.figures.as_ref().err().copied();
        of(self.after).or_else(|| of(self.before)).unwrap_or(Missing::Unsupported)
    }

    fn table(&self, to: &mut dyn Write, rows: &[Row<'_>], cut: Cut) -> io::Result<()> {
        let note = format!(
            "{} of {} mappings changed from {} to {}",
            rows.len(),
            self.growth.pieces.len(),
            clock_text(self.before.taken.wall),
            clock_text(self.after.taken.wall)
        );
        let total = Row {
            what: "total",
            mapping: &super::no_mapping(),
            start: 0,
            end: 0,
            change: self.growth.total,
            missing: self.missing(),
        };
        let last: Vec<_> = (0..HEADS.len())
            .map(|column| match column {
                0..5 => cell(&total, column),
                8 => Value::text(note.as_bytes()),
                _ => Value::Word(""),
            })
            .collect();
        sheet::write(to, &HEADS, rows.iter(), |row, column| cell(row, column), &last, cut)
    }

    fn json(&self, to: &mut dyn Write, rows: &[Row<'_>], lines: Lines) -> io::Result<()> {
        let mut to = BufWriter::new(to);
        let newline = if lines == Lines::Many { "\n" } else { "" };
        let key = self.after.key;
        write!(to, "{{\"pid\":{},\"start_ticks\":{},\"name\":", key.pid, key.start.0)?;
        write_json(&mut to, &reversible(&self.after.name))?;
        let (from, until) = (rfc3339(self.before.taken.wall), rfc3339(self.after.taken.wall));
        write!(to, ",\"from\":\"{from}\",\"to\":\"{until}\",\"changes\":[")?;
        for (at, row) in rows.iter().enumerate() {
            write!(to, "{}{newline}", if at > 0 { "," } else { "" })?;
            write_json(&mut to, &row.json())?;
        }
        write!(to, "{newline}],\"totals\":")?;
        let mut totals = Map::new();
        differences(&mut totals, &self.growth.total, self.missing());
        write_json(&mut to, &Json::Object(totals))?;
        writeln!(to, "}}")?;
        to.flush()
    }
}

/// What became of it, in a word.
fn what(piece: &Piece) -> &'static str {
    match (piece.fate(), weight(&piece.change).cmp(&(0, 0))) {
        (Fate::New, _) => "new",
        (Fate::Vanished, _) => "vanished",
        (Fate::Kept, Ordering::Less) => "shrunk",
        (Fate::Kept, _) => "grown",
    }
}

const HEADS: [Head; 9] = [
    Head { title: "CHANGE", right: false, width: None },
    Head { title: "+RSS", right: true, width: Some(6) },
    Head { title: "+PSS", right: true, width: Some(6) },
    Head { title: "+SWAP", right: true, width: Some(6) },
    Head { title: "+SIZE", right: true, width: Some(6) },
    Head { title: "ADDRESS", right: true, width: None },
    Head { title: "PERM", right: false, width: None },
    Head { title: "KIND", right: false, width: None },
    Head { title: "PATH", right: false, width: None },
];

fn cell<'a>(row: &Row<'a>, column: usize) -> Value<'a> {
    let amount = |at: usize| {
        let (_, get) = AMOUNTS[at];
        get(&row.change).map_or(Value::Missing(row.missing), Value::Change)
    };
    match column {
        0 => Value::Word(row.what),
        1..4 => amount(column - 1),
        4 => Value::Change(row.change.size),
        5 => Value::Address(row.start),
        6 if row.mapping.permissions.is_writable_and_executable() => super::marked(row.mapping),
        6 => Value::Word(row.mapping.permissions.letters()),
        7 => Value::Word(row.mapping.kind.word()),
        _ => path(row.mapping),
    }
}

fn path(mapping: &Mapping) -> Value<'_> {
    mapping.path.as_ref().map_or(Value::None, |path| Value::text(path))
}

impl Row<'_> {
    fn json(&self) -> Json {
        let mut row = Map::new();
        row.insert("change".to_owned(), json!(self.what));
        row.insert("start".to_owned(), Value::Address(self.start).json());
        row.insert("end".to_owned(), Value::Address(self.end).json());
        row.insert("kind".to_owned(), json!(self.mapping.kind.word()));
        row.insert("path".to_owned(), path(self.mapping).json());
        differences(&mut row, &self.change, self.missing);
        Json::Object(row)
    }
}

/// Signed differences, and why some are not there.
fn differences(row: &mut Map<String, Json>, change: &Change, missing: Missing) {
    row.insert("size".to_owned(), json!(change.size));
    let mut reasons = Map::new();
    for (name, get) in AMOUNTS {
        if get(change).is_none() {
            reasons.insert(name.to_owned(), json!(word(missing)));
        }
        row.insert(name.to_owned(), json!(get(change)));
    }
    if !reasons.is_empty() {
        row.insert("missing".to_owned(), reasons.into());
    }
}

fn csv(to: &mut dyn Write, rows: &[Row<'_>]) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    let names = ["change", "start", "end", "kind", "path", "size"].into_iter().chain(AMOUNTS.map(|(name, _)| name));
    write_csv(&mut to, names.map(Value::Word))?;
    for row in rows {
        let (start, end) = (Value::Address(row.start), Value::Address(row.end));
        let head = [Value::Word(row.what), start, end, Value::Word(row.mapping.kind.word()), path(row.mapping)];
        let amounts = AMOUNTS.iter().map(|(_, get)| get(&row.change).map_or(Value::None, Value::Change));
        let values = head.into_iter().chain([Value::Change(row.change.size)]).chain(amounts);
        write_csv(&mut to, values)?;
    }
    to.flush()
}
