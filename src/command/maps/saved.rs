//! A saved map read back: the JSON that `json` writes, taken apart as it comes, so that its text is never in memory as a
//! whole.
//!
//! Tells what is wrong and where. Names that it does not know are passed over: a later version may have added them.

use super::json::VERSION;
use crate::{
    snapshot::{
        Missing, Moment,
        map::{Amount, Figures, FileId, Kind, Mapping, MemoryMap, Permissions, Unknown},
    },
    text::{Text, restored},
    unit::{Bytes, Pid, ProcessKey, Ticks},
};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    collections::HashMap,
    fmt,
    io::{BufReader, Read},
    time::Duration,
};

/// Read a map.
///
/// # Errors
/// Where it cannot be read, is not JSON, is no map, one of a later version, or has something in it that cannot be.
pub fn read(from: impl Read) -> Result<MemoryMap, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(64 * 1024, from));
    let map = json.deserialize_any(WholeMap)?;
    json.end()?;
    Ok(map)
}

struct WholeMap;

impl<'de> Visitor<'de> for WholeMap {
    type Value = MemoryMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a memory map as `sysview maps --save` writes it")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<MemoryMap, A::Error> {
        let (mut version, mut pid, mut start) = (None, None, None);
        let (mut name, mut exe) = (Text::default(), Err(Missing::Unsupported));
        let (mut taken, mut through) = (None, None);
        let (mut rows, mut totals) = (None, None);
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "sysview" => version = Some(check_version(access.next_value()?)?),
                "pid" => pid = Some(Pid(access.next_value()?)),
                "start_ticks" => start = Some(Ticks(access.next_value()?)),
                "name" => name = access.next_value::<Bytewise>()?.0,
                "exe" => exe = access.next_value::<Option<Bytewise>>()?.map(|exe| exe.0).ok_or(Missing::Unsupported),
                "taken" => taken = Some(moment(&access.next_value::<String>()?)?),
                "through" => through = access.next_value::<Option<u32>>()?.map(Pid),
                "filter" => check_whole(access.next_value()?)?,
                "mappings" => rows = Some(access.next_value_seed(Rows)?),
                "totals" => totals = Some(access.next_value_seed(Row::new(Place::Totals))?),
                "missing" => {
                    let reasons: HashMap<String, String> = access.next_value()?;
                    exe = exe.map_err(|missing| reasons.get("exe").map_or(missing, |word| reason(word)));
                }
                _ => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        if version.is_none() {
            return Err(de::Error::custom("it is no memory map of sysview: it has no \"sysview\""));
        }
        let rows: RowList = rows.ok_or_else(|| de::Error::missing_field("mappings"))?;
        let key = ProcessKey {
            pid: pid.ok_or_else(|| de::Error::missing_field("pid"))?,
            start: start.ok_or_else(|| de::Error::missing_field("start_ticks"))?,
        };
        Ok(MemoryMap {
            key,
            name,
            exe,
            taken: taken.unwrap_or_default(),
            through,
            addresses_took: Duration::ZERO,
            figures_took: Duration::ZERO,
            mappings: rows.mappings,
            figures: rows.missing.map_or(Ok(rows.figures), Err),
            totals: totals
                .map_or(Err(Missing::Unsupported), |totals: Row| totals.lack().map_or(Ok(totals.figures), Err)),
        })
    }
}

fn check_version<E: de::Error>(version: u64) -> Result<u64, E> {
    if version <= VERSION {
        return Ok(version);
    }
    Err(E::custom(format!("a newer sysview wrote it (version {version} of this form, where this one knows {VERSION})")))
}

fn check_whole<E: de::Error>(filter: Option<String>) -> Result<(), E> {
    filter.map_or(Ok(()), |filter| {
        Err(E::custom(format!("it has only the mappings for which this holds: {filter}; save all of them")))
    })
}

fn moment<E: de::Error>(text: &str) -> Result<Moment, E> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| E::custom(format!("taken: expected a time such as 2026-01-31T10:42:07Z, found {text}")))?;
    let wall = Duration::from_nanos(u64::try_from(time.as_nanosecond()).unwrap_or(0));
    Ok(Moment { boot: Duration::ZERO, wall })
}

/// Why a value is not there, by its word.
fn reason(word: &str) -> Missing {
    Missing::TOLD.into_iter().find(|missing| missing.word() == word).unwrap_or(Missing::Unsupported)
}

/// The mappings with their figures.
#[derive(Default)]
struct RowList {
    mappings: Vec<Mapping>,
    figures: Vec<Figures>,
    /// Why none of them has figures.
    missing: Option<Missing>,
}

impl RowList {
    fn push(&mut self, row: Row) -> Result<(), String> {
        match row.lack() {
            Some(missing) if self.mappings.is_empty() => self.missing = Some(missing),
            Some(_) => {}
            None => self.missing = None,
        }
        let (mut mapping, mut figures) = row.finish()?;
        // Neighbours mostly have the same name and flags: one text for both.
        if let (Some(last), Some(before)) = (self.mappings.last(), self.figures.last()) {
            if mapping.path == last.path {
                mapping.path.clone_from(&last.path);
            }
            if figures.flags == before.flags {
                figures.flags = before.flags.clone();
            }
        }
        self.mappings.push(mapping);
        self.figures.push(figures);
        Ok(())
    }

    /// In order of address: they may come in the order in which they were shown.
    fn in_order(mut self) -> Result<Self, String> {
        if !self.mappings.is_sorted_by_key(|mapping| mapping.start) {
            let mut rows: Vec<_> = self.mappings.into_iter().zip(self.figures).collect();
            rows.sort_by_key(|(mapping, _)| mapping.start);
            (self.mappings, self.figures) = rows.into_iter().unzip();
        }
        match self.mappings.array_windows().find(|[one, other]| one.end > other.start) {
            Some([one, other]) => {
                Err(format!("the mappings at {:#x} and {:#x} have addresses in common", one.start, other.start))
            }
            None => Ok(self),
        }
    }
}

struct Rows;

impl<'de> DeserializeSeed<'de> for Rows {
    type Value = RowList;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RowList, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = RowList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of mappings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RowList, A::Error> {
        let mut rows = RowList::default();
        while let Some(row) = access.next_element_seed(Row::new(Place::Mapping(rows.mappings.len() + 1)))? {
            let place = row.place;
            rows.push(row).map_err(|problem| de::Error::custom(format!("{place}: {problem}")))?;
        }
        rows.in_order().map_err(de::Error::custom)
    }
}

/// Text that other people's bytes were made to.
struct Bytewise(Text);

impl<'de> Deserialize<'de> for Bytewise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BytewiseVisitor)
    }
}

struct BytewiseVisitor;

impl Visitor<'_> for BytewiseVisitor {
    type Value = Bytewise;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, in which a backslash is doubled or begins the code of a byte, such as \\\\xff")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytewise, E> {
        let bytes = restored(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(Bytewise(bytes.as_slice().into()))
    }
}

/// Where a row stands, for errors.
#[derive(Clone, Copy)]
enum Place {
    /// Counted from 1.
    Mapping(usize),
    Totals,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapping(number) => write!(f, "mapping {number}"),
            Self::Totals => f.write_str("totals"),
        }
    }
}

/// What is known of one mapping, or of all together, as far as it was read.
struct Row {
    place: Place,
    start: Option<u64>,
    end: Option<u64>,
    permissions: Option<Permissions>,
    offset: u64,
    file: FileId,
    path: Option<Text>,
    deleted: Option<bool>,
    kind: Option<Kind>,
    thread: Option<Pid>,
    figures: Figures,
    /// Why there are no figures.
    missing: Missing,
}

impl Row {
    fn new(place: Place) -> Self {
        Self {
            place,
            start: None,
            end: None,
            permissions: None,
            offset: 0,
            file: FileId::default(),
            path: None,
            deleted: None,
            kind: None,
            thread: None,
            figures: Figures::default(),
            missing: Missing::Unsupported,
        }
    }

    /// Take one value. Errors say nothing of the place yet.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, access: &mut A) -> Result<(), A::Error> {
        match key {
            "start" => self.start = Some(parsed(access, "an address such as 0x7f12a000", address)?),
            "end" => self.end = Some(parsed(access, "an address such as 0x7f12a000", address)?),
            "permissions" => {
                let letters = |text: &str| Permissions::parse(text.as_bytes());
                self.permissions = Some(parsed(access, "permissions such as rw-p", letters)?);
            }
            "offset" => self.offset = access.next_value()?,
            "device" => self.file.device = parsed(access, "a device such as fe:00", device)?,
            "inode" => self.file.inode = access.next_value()?,
            "path" => self.path = access.next_value::<Option<Bytewise>>()?.map(|path| path.0),
            "deleted" => self.deleted = Some(access.next_value()?),
            "kind" => self.kind = Some(parsed(access, "a kind of mapping such as heap", kind)?),
            "thread" => self.thread = access.next_value::<Option<u32>>()?.map(Pid),
            "page_size" => self.figures.page_size = Bytes(access.next_value::<Option<u64>>()?.unwrap_or(0)),
            "mmu_page_size" => self.figures.mmu_page_size = Bytes(access.next_value::<Option<u64>>()?.unwrap_or(0)),
            "thp_eligible" => self.figures.thp_eligible = access.next_value()?,
            "protection_key" => self.figures.protection_key = access.next_value()?,
            "flags" => self.figures.flags = flags(&access.next_value::<Option<Vec<Bytewise>>>()?.unwrap_or_default()),
            "other" => self.figures.other = others(access.next_value()?)?,
            "missing" => {
                let reasons: HashMap<String, String> = access.next_value()?;
                self.missing = reasons.get("rss").map_or(Missing::Unsupported, |word| reason(word));
            }
            key => match Amount::ALL.iter().find(|(.., name)| *name == key) {
                Some((amount, ..)) => {
                    if let Some(bytes) = access.next_value()? {
                        self.figures.set(*amount, Bytes(bytes));
                    }
                }
                None => drop(access.next_value::<IgnoredAny>()?),
            },
        }
        Ok(())
    }

    /// Why there are no figures at all; `None` where there are some.
    fn lack(&self) -> Option<Missing> {
        let has_any = Amount::ALL.iter().any(|(amount, ..)| self.figures.get(*amount).is_some());
        (!has_any).then_some(self.missing)
    }

    fn finish(self) -> Result<(Mapping, Figures), String> {
        let start = self.start.ok_or("it has no start")?;
        let end = self.end.filter(|end| *end > start).ok_or("it has no end, or one that is not above its start")?;
        let deleted = self.deleted.unwrap_or(false);
        let mapping = Mapping {
            start,
            end,
            permissions: self.permissions.ok_or("it has no permissions")?,
            offset: self.offset,
            file: self.file,
            path: self.path,
            deleted,
            kind: self.kind.ok_or("it has no kind")?,
            thread: self.thread,
        };
        Ok((mapping, self.figures))
    }
}

impl<'de> DeserializeSeed<'de> for Row {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the values of {}", self.place)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Row, A::Error> {
        while let Some(key) = access.next_key::<String>()? {
            let place = self.place;
            self.take(&key, &mut access).map_err(|error| de::Error::custom(format!("{place}, {key}: {error}")))?;
        }
        Ok(self)
    }
}

/// A text that has to be of some form.
fn parsed<'de, A: MapAccess<'de>, T>(
    access: &mut A,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, A::Error> {
    let text: String = access.next_value()?;
    parse(&text).ok_or_else(|| de::Error::custom(format!("expected {expected}, found {text}")))
}

fn address(text: &str) -> Option<u64> {
    hexadecimal(text.strip_prefix("0x")?).and_then(|number| u64::from_str_radix(number, 16).ok())
}

fn device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    let number = |text| hexadecimal(text).and_then(|number| u32::from_str_radix(number, 16).ok());
    Some((number(major)?, number(minor)?))
}

/// The text itself where it is digits without a sign.
fn hexadecimal(text: &str) -> Option<&str> {
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(text)
}

fn kind(word: &str) -> Option<Kind> {
    Kind::ALL.iter().find(|(_, name, _)| *name == word).map(|(kind, ..)| *kind)
}

fn flags(words: &[Bytewise]) -> Text {
    let words: Vec<_> = words.iter().map(|word| &*word.0).collect();
    words.join(&b' ').as_slice().into()
}

/// What has no name here.
type Others = Option<Box<Vec<(Text, Unknown)>>>;

fn others<E: de::Error>(object: Option<serde_json::Map<String, serde_json::Value>>) -> Result<Others, E> {
    let text = |text: &str| restored(text).map(|bytes| Text::from(bytes.as_slice()));
    let other = |(key, value): (String, serde_json::Value)| {
        let known = match &value {
            serde_json::Value::String(value) => text(value).map(Unknown::Text),
            value => value.as_u64().map(|bytes| Unknown::Bytes(Bytes(bytes))),
        };
        let known = text(&key).zip(known);
        known.ok_or_else(|| E::custom(format!("expected a number of bytes or a text, found {key}: {value}")))
    };
    let others = object.unwrap_or_default().into_iter().map(other).collect::<Result<Vec<_>, E>>()?;
    Ok((!others.is_empty()).then(|| Box::new(others)))
}

#[cfg(test)]
mod tests;
