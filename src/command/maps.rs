//! `sysview maps`: the memory map of one process, mapping by mapping or by object; saved, or against a saved one.
//!
//! What is shown decides what is read: without a column that needs the figures, only the addresses.

#![expect(clippy::disallowed_methods, reason = "the place where a saved map is opened")]

mod difference;
mod json;
mod objects;
pub mod saved;
mod sheet;

use super::{
    Usage, complain,
    file::{Output, Reader},
    output::{terminal_width, write_csv},
    subject::{self, Patience},
};
use crate::{
    analysis::{MapRow, objects::sum},
    cli::{Format, MapsArgs},
    collect::source::Source,
    nearest::suggestion,
    snapshot::{
        Missing, Reading,
        inspect::Depth,
        map::{Amount, Figures, FileId, Kind, Mapping, MemoryMap, Permissions},
    },
    table::{
        MapColumn, OfMappings, QueryOf, Table, Value,
        columns::{Total, Unit},
        value::Order,
    },
    text::printable,
    unit::Bytes,
};
use anyhow::anyhow;
use serde_json::error::Category;
use sheet::{Cut, Head};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

/// Report on the memory map of a process of `source`.
///
/// # Errors
/// [`Usage`]; where there is no such process, its map cannot be read, a file cannot be read or written.
pub fn run(args: &MapsArgs, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(args)?;
    let saved = args.diff.as_deref().map(open_saved).transpose()?;
    let process = subject::find(&**source, args.pid, |pid| format!("maps {pid}"))?;
    let patience = Patience::Chosen(args.patience);
    let map = subject::read_map(source, &process, plan.depth, patience)?;
    let cut: Cut = terminal_width().map(|width| (width, super::cut_mark()));
    let mut to = io::stdout().lock();
    if let (Some(saved), Some(file)) = (&saved, &args.diff) {
        if let Some(caution) = difference::caution(&printable(file.as_os_str().as_encoded_bytes()), saved, &map) {
            complain(&caution);
        }
        difference::write(&mut to, args.format(), saved, &map, cut)?;
    }
    if let Some(file) = &args.save {
        save(file, &map)?;
    } else if saved.is_none() {
        plan.write(&mut to, args, &map, cut)?;
    }
    to.flush()?;
    match map.figures {
        Err(missing) if plan.depth == Depth::Figures => {
            complain(&subject::without_figures(&**source, &process, missing, patience));
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The map that a file holds; `-` is standard input.
///
/// # Errors
/// Where it cannot be read, or is no saved map.
pub(super) fn open_saved(path: &Path) -> anyhow::Result<MemoryMap> {
    let name = printable(path.as_os_str().as_encoded_bytes());
    // As a text: what is passed on as an error of input and output is taken for one of standard output.
    let unread = |error| anyhow!("cannot read {name}: {error}; `sysview maps PID --save FILE` saves a map");
    let from: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path).map_err(unread)?),
    };
    saved::read(from).map_err(|error| match error.classify() {
        Category::Io => unread(error.into()),
        _ => {
            anyhow!("{name} is no saved map that this sysview reads: {error}; `sysview maps PID --save FILE` saves one")
        }
    })
}

fn save(path: &Path, map: &MemoryMap) -> anyhow::Result<()> {
    let mut output = Output::create(path)?;
    match output.write(|to| json::write(to, &Selection::whole(map), json::Lines::Many))? {
        Reader::There => output.finish(),
        Reader::Left => Ok(()),
    }
}

/// What was asked for, understood.
struct Plan {
    columns: Vec<&'static MapColumn>,
    sort: Option<(&'static MapColumn, Order)>,
    filter: Option<QueryOf<OfMappings>>,
    depth: Depth,
}

/// Columns where none are named, as many as a terminal is wide.
const DEFAULT: &[&str] = &[
    "start",
    "size",
    "permissions",
    "kind",
    "rss",
    "pss",
    "private_dirty",
    "shared_clean",
    "referenced",
    "anon_huge",
    "swap",
    "path",
];

/// … of what costs little.
const ADDRESSES: &[&str] =
    &["start", "end", "size", "permissions", "kind", "thread", "offset", "device", "inode", "path"];

/// … of objects.
const GROUPED: &[&str] = &[
    "mappings",
    "size",
    "rss",
    "pss",
    "uss",
    "private_dirty",
    "shared_clean",
    "referenced",
    "anon_huge",
    "swap",
    "path",
];

/// … of objects, of what costs little.
const GROUPED_ADDRESSES: &[&str] = &["mappings", "size", "path"];

impl Plan {
    fn new(args: &MapsArgs) -> Result<Self, Usage> {
        let is_json = matches!(args.format(), Format::Json | Format::Ndjson);
        if is_json && !args.columns.is_empty() {
            return Err(Usage("JSON has all columns: leave --columns out, or use --format csv".to_owned()));
        }
        if args.save.is_some() && args.diff.is_none() && args.format.is_some_and(|format| format != Format::Json) {
            return Err(Usage("--save writes JSON: leave --format out".to_owned()));
        }
        let named = args.columns.iter().map(|name| column(name.trim())).collect::<Result<Vec<_>, _>>()?;
        let sort = args.sort.as_deref().map(column).transpose()?;
        let order = |column: &MapColumn| if args.reverse { column.first.reversed() } else { column.first };
        let filter = args.filter.as_deref().map(QueryOf::<OfMappings>::parse).transpose();
        let filter = filter.map_err(|error| Usage(error.to_string()))?;

        let mut looked_at = named.clone();
        looked_at.extend(sort);
        if let Some(filter) = &filter {
            filter.columns(|column| looked_at.push(column));
        }
        if let Some(column) = looked_at.iter().find(|column| column.name.ends_with("_change")) {
            return Err(Usage(format!("{} compares two maps: --diff FILE shows what changed", column.name)));
        }
        let costly = looked_at.iter().find(|column| needs_figures(column));
        if let (Some(column), true) = (costly, args.addresses) {
            return Err(Usage(format!("{} is not read with --addresses: leave that out", column.name)));
        }
        let is_named = !named.is_empty() && args.save.is_none() && args.diff.is_none();
        let addresses = args.addresses || (is_named && costly.is_none());
        let depth = if addresses { Depth::Addresses } else { Depth::Figures };
        let columns = if named.is_empty() { default_columns(args, depth) } else { named };
        Ok(Self { columns, sort: sort.map(|column| (column, order(column))), filter, depth })
    }

    fn write(&self, to: &mut dyn Write, args: &MapsArgs, map: &MemoryMap, cut: Cut) -> io::Result<()> {
        let filter = self.filter.as_ref().map(|filter| (filter, args.filter.as_deref().unwrap_or_default()));
        let selection = Selection::new(map, filter, self.sort.filter(|_| !args.group));
        let objects = if args.group { objects::group(&selection, self.sort) } else { Vec::new() };
        let rows = || {
            let mappings = selection.places.iter().filter_map(|place| MapRow::of(map, *place));
            let mappings = mappings.take(if args.group { 0 } else { usize::MAX });
            objects.iter().map(objects::Group::row).chain(mappings)
        };
        match args.format() {
            Format::Json if args.group => objects::write(to, &selection, &objects, json::Lines::Many),
            Format::Ndjson if args.group => objects::write(to, &selection, &objects, json::Lines::One),
            Format::Json => json::write(to, &selection, json::Lines::Many),
            Format::Ndjson => json::write(to, &selection, json::Lines::One),
            Format::Csv => self.csv(to, rows()),
            Format::Table => self.table(to, rows(), &selection, objects.len(), cut),
        }
    }

    fn csv<'a>(&self, to: &mut dyn Write, rows: impl Iterator<Item = MapRow<'a>>) -> io::Result<()> {
        let mut to = io::BufWriter::with_capacity(64 * 1024, to);
        write_csv(&mut to, self.columns.iter().map(|column| Value::Word(column.name)))?;
        for row in rows {
            write_csv(&mut to, self.columns.iter().map(|column| (column.value)(row)))?;
        }
        to.flush()
    }

    fn table<'a>(
        &self,
        to: &mut dyn Write,
        rows: impl Iterator<Item = MapRow<'a>> + Clone,
        selection: &Selection<'_>,
        objects: usize,
        cut: Cut,
    ) -> io::Result<()> {
        let heads = self.columns.iter().map(|column| match column.name {
            "path" if objects > 0 => Head { title: "OBJECT", ..head(column) },
            _ => head(column),
        });
        let heads: Vec<_> = heads.collect();
        let note = selection.note(objects);
        let nothing = no_mapping();
        let totals = selection.totals.row(&nothing, selection.places.len());
        let last = |(at, column): (usize, &&'static MapColumn)| match column.total {
            Total::Sum => (column.value)(totals),
            Total::First if at + 1 == self.columns.len() => Value::text(note.as_bytes()),
            Total::First if at == 0 => Value::Word("total"),
            Total::First => Value::Word(""),
        };
        let last: Vec<_> = self.columns.iter().enumerate().map(last).collect();
        sheet::write(to, &heads, rows, |row, column| shown(self.columns[column], *row), &last, cut)
    }
}

fn head(column: &MapColumn) -> Head {
    let width = (column.unit == Unit::Bytes).then_some(usize::from(column.width));
    Head { title: column.title, right: column.is_right_aligned(), width }
}

/// What stands in a table for people.
fn shown<'a>(column: &MapColumn, row: MapRow<'a>) -> Value<'a> {
    match (column.name, row.mapping.kind, row.mapping.thread) {
        ("permissions", ..) if row.mapping.permissions.is_writable_and_executable() => marked(row.mapping),
        ("path", Kind::ThreadStack, Some(tid)) if row.mapping.path.is_none() => {
            Value::Text(format!("[thread {tid}]").into_bytes().into())
        }
        _ => (column.value)(row),
    }
}

/// The permissions with a word beside them, lest it be overlooked.
fn marked(mapping: &Mapping) -> Value<'static> {
    Value::Text(format!("{} W+X", mapping.permissions).into_bytes().into())
}

/// The column that the user named.
fn column(name: &str) -> Result<&'static MapColumn, Usage> {
    let all = || OfMappings::COLUMNS.iter().map(|column| column.name);
    OfMappings::column(name).ok_or_else(|| {
        let (name, nearest) = (printable(name.as_bytes()).into_owned(), suggestion(name, all()));
        Usage(format!("unknown column {name}{nearest}; there are {}", all().collect::<Vec<_>>().join(", ")))
    })
}

fn default_columns(args: &MapsArgs, depth: Depth) -> Vec<&'static MapColumn> {
    let names = match (args.format(), args.group, depth) {
        (Format::Csv, false, depth) => {
            let is_there = |column: &&MapColumn| depth == Depth::Figures || !needs_figures(column);
            let is_of_one = |column: &&MapColumn| column.name != "mappings" && !column.name.ends_with("_change");
            return OfMappings::COLUMNS.iter().filter(is_there).filter(is_of_one).collect();
        }
        (_, false, Depth::Figures) => DEFAULT,
        (_, false, Depth::Addresses) => ADDRESSES,
        (_, true, Depth::Figures) => GROUPED,
        (_, true, Depth::Addresses) => GROUPED_ADDRESSES,
    };
    names.iter().filter_map(|name| OfMappings::column(name)).collect()
}

/// Whether a column has nothing to say of a mapping without figures.
fn needs_figures(column: &MapColumn) -> bool {
    let mapping = no_mapping();
    let figures = Err(Missing::NotRequested);
    let row = MapRow { mapping: &mapping, size: Bytes(0), figures, count: 1, change: None };
    matches!((column.value)(row), Value::Missing(Missing::NotRequested))
}

/// Stands where a row is of no mapping in particular.
fn no_mapping() -> Mapping {
    Mapping {
        start: 0,
        end: 0,
        permissions: Permissions::default(),
        offset: 0,
        file: FileId::default(),
        path: None,
        deleted: false,
        kind: Kind::Other,
        thread: None,
    }
}

/// The mappings of a map that are reported, in their order.
pub struct Selection<'a> {
    map: &'a MemoryMap,
    places: Vec<usize>,
    /// What holds for all of them.
    filter: Option<&'a str>,
    totals: Totals,
}

impl<'a> Selection<'a> {
    /// All of them.
    fn whole(map: &'a MemoryMap) -> Self {
        Self::new(map, None, None)
    }

    fn new(
        map: &'a MemoryMap,
        filter: Option<(&QueryOf<OfMappings>, &'a str)>,
        sort: Option<(&'static MapColumn, Order)>,
    ) -> Self {
        let row = |place: &usize| MapRow::of(map, *place);
        let is_shown = |place: &usize| filter.is_none_or(|(query, _)| row(place).is_some_and(|row| query.matches(row)));
        let mut places: Vec<_> = (0..map.mappings.len()).filter(is_shown).collect();
        if let Some((column, order)) = sort {
            let keyed = places.iter().filter_map(|place| Some(((column.value)(row(place)?), *place)));
            let mut keyed: Vec<_> = keyed.collect();
            keyed.sort_by(|(a, _), (b, _)| a.compare_in(b, order));
            places = keyed.into_iter().map(|(_, place)| place).collect();
        }
        let totals = Totals::of(map, &places);
        Self { map, places, filter: filter.map(|(_, text)| text), totals }
    }

    /// How many there are, and what holds for them.
    fn note(&self, objects: usize) -> String {
        let (all, shown) = (self.map.mappings.len(), self.places.len());
        let count = if shown == all { format!("{all} mappings") } else { format!("{shown} of {all} mappings") };
        let objects = if objects > 0 { format!(" of {objects} objects") } else { String::new() };
        let through = self.map.through.map(|tid| format!(", read through thread {tid}: the leading one has ended"));
        count + &objects + &through.unwrap_or_default()
    }
}

/// What all reported mappings are together.
struct Totals {
    size: Bytes,
    figures: Reading<Figures>,
}

impl Totals {
    fn of(map: &MemoryMap, places: &[usize]) -> Self {
        let mappings = places.iter().filter_map(|place| map.mappings.get(*place));
        let size = Bytes(mappings.fold(0u64, |sum, mapping| sum.saturating_add(mapping.size().0)));
        let added = map.figures.as_ref().map_err(|missing| *missing);
        let added = added.map(|figures| sum(places.iter().filter_map(|place| figures.get(*place))));
        let figures = match (&map.totals, added) {
            // The kernel adds up what each mapping rounds down.
            (Ok(exact), added) if places.len() == map.mappings.len() => {
                let mut exact = exact.clone();
                if let Ok(added) = &added {
                    complete(&mut exact, added);
                }
                Ok(exact)
            }
            (_, added) => added,
        };
        Self { size, figures }
    }

    fn row<'a>(&'a self, mapping: &'a Mapping, count: usize) -> MapRow<'a> {
        MapRow {
            mapping,
            size: self.size,
            figures: self.figures.as_ref().map_err(|missing| *missing),
            count,
            change: None,
        }
    }
}

/// Take the sums of the rows for what the kernel does not sum up.
fn complete(exact: &mut Figures, added: &Figures) {
    for (amount, ..) in Amount::ALL {
        if let (None, Some(bytes)) = (exact.get(*amount), added.get(*amount)) {
            exact.set(*amount, bytes);
        }
    }
}
