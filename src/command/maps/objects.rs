//! The rows of `maps --group`: objects with the sums of their mappings.

use super::{
    Selection,
    json::{Lines, word},
};
use crate::{
    analysis::{
        MapRow,
        objects::{Object, group as objects},
    },
    command::output::write_json,
    snapshot::{
        Missing, Reading,
        map::{Amount, Figures, Kind, Mapping},
    },
    table::{
        MapColumn,
        value::{Order, address_text},
    },
    text::reversible,
    unit::Bytes,
};
use serde_json::{Map, Value as Json, json};
use std::io::{self, Write};

/// An object, and a mapping of its name in whose columns it stands.
pub struct Group {
    object: Object,
    first: Mapping,
}

impl Group {
    /// As a row of the table of mappings.
    pub fn row(&self) -> MapRow<'_> {
        MapRow {
            mapping: &self.first,
            size: self.object.size,
            figures: self.object.figures.as_ref().map_err(|missing| *missing),
            count: self.object.mappings.len(),
            change: None,
        }
    }
}

/// The objects that the mappings are parts of.
pub fn group(selection: &Selection<'_>, sort: Option<(&'static MapColumn, Order)>) -> Vec<Group> {
    let mut groups: Vec<_> = objects(selection.map, selection.places.iter().copied())
        .into_iter()
        .filter_map(|object| {
            let first = selection.map.mappings.get(*object.mappings.first()? as usize)?;
            let first =
                Mapping { path: Some(object.name.clone()), deleted: object.deleted, thread: None, ..first.clone() };
            Some(Group { object, first })
        })
        .collect();
    if let Some((column, order)) = sort {
        groups.sort_by(|a, b| (column.value)(a.row()).compare_in(&(column.value)(b.row()), order));
    }
    groups
}

/// Write them as JSON.
///
/// # Errors
/// Where it cannot be written.
pub fn write(to: &mut dyn Write, selection: &Selection<'_>, groups: &[Group], lines: Lines) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    let map = selection.map;
    let newline = if lines == Lines::Many { "\n" } else { "" };
    write!(to, "{{\"pid\":{},\"start_ticks\":{},\"name\":", map.key.pid, map.key.start.0)?;
    write_json(&mut to, &reversible(&map.name))?;
    write!(to, ",\"objects\":[")?;
    for (at, group) in groups.iter().enumerate() {
        write!(to, "{}{newline}", if at > 0 { "," } else { "" })?;
        write_json(&mut to, &object(&group.object, &group.first))?;
    }
    write!(to, "{newline}],\"totals\":")?;
    let mut totals = Map::new();
    figures(&mut totals, selection.totals.size, &selection.totals.figures);
    write_json(&mut to, &Json::Object(totals))?;
    writeln!(to, "}}")?;
    to.flush()
}

fn object(object: &Object, first: &Mapping) -> Json {
    let mut row = Map::new();
    row.insert("object".to_owned(), json!(reversible(&object.name)));
    row.insert("kind".to_owned(), json!(object.kind.map(Kind::word)));
    row.insert("device".to_owned(), json!(object.file.device_text()));
    row.insert("inode".to_owned(), json!(object.file.inode));
    row.insert("deleted".to_owned(), json!(object.deleted));
    row.insert("start".to_owned(), json!(address_text(first.start)));
    row.insert("mappings".to_owned(), json!(object.mappings.len()));
    figures(&mut row, object.size, &object.figures);
    Json::Object(row)
}

/// Sums, and why there are none.
fn figures(row: &mut Map<String, Json>, size: Bytes, figures: &Reading<Figures>) {
    row.insert("size".to_owned(), json!(size.0));
    let get = |get: &dyn Fn(&Figures) -> Option<Bytes>| -> Reading<Bytes> {
        get(figures.as_ref().map_err(|why| *why)?).ok_or(Missing::Unsupported)
    };
    let amounts = Amount::ALL.iter().map(|(amount, _, name)| (*name, get(&|figures| figures.get(*amount))));
    let mut missing = Map::new();
    for (name, value) in amounts.chain([("uss", get(&Figures::uss))]) {
        if let Err(why) = value {
            missing.insert(name.to_owned(), json!(word(why)));
        }
        row.insert(name.to_owned(), json!(value.ok().map(|bytes| bytes.0)));
    }
    if !missing.is_empty() {
        row.insert("missing".to_owned(), missing.into());
    }
}
