//! Which rows of a map are shown, and in which order. What a row is called outlives a reading of the map: its first
//! address, and the last one where memory that grows downwards has moved the first.

use super::{Arrangement, Form};
use crate::{
    analysis::{
        MapRow,
        growth::Fate,
        mapping::Change,
        objects::{self, Object},
    },
    snapshot::{
        Missing,
        map::{Mapping, MemoryMap},
    },
    table::{OfMappings, Table},
    text::Text,
    tui::subject::Subject,
    unit::Bytes,
};

/// What stays of a row from one reading of the map to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// The mapping with these addresses.
    Mapping(u64, u64),
    /// The object with this name.
    Object(Text),
    /// The mapping that had this first address in the baseline.
    Vanished(u64),
}

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The mapping at this place of the map.
    Mapping(u32),
    /// The object at this place of the list of objects.
    Object(u32),
    /// The piece at this place of what has changed, of which nothing is there any more.
    Vanished(u32),
}

/// The rows, in their order.
#[derive(Debug, Default)]
pub struct Lines {
    /// What each is called.
    pub keys: Vec<RowKey>,
    targets: Vec<Target>,
    /// The objects, where they have rows.
    pub objects: Vec<Object>,
    changes: Vec<Option<Change>>,
    /// Mappings there are in all.
    pub all: usize,
    /// Mappings that the filter leaves.
    pub left: usize,
}

impl Lines {
    /// The rows of a map in this arrangement.
    #[must_use]
    pub fn build(subject: &Subject, arrangement: &Arrangement) -> Self {
        let Some(map) = subject.known_map() else { return Self::default() };
        let mut lines = Self { all: map.mappings.len(), ..Self::default() };
        let mut targets = all(map, subject);
        if let Some(filter) = &arrangement.filter {
            targets.retain(|target| lines.row_of(*target, subject).is_some_and(|row| filter.matches(row)));
        }
        lines.left = targets.iter().filter(|target| matches!(target, Target::Mapping(_))).count();
        match arrangement.form {
            Form::Mappings => lines.sort(&mut targets, subject, arrangement),
            Form::Objects => targets = lines.gather(map, &targets, subject, arrangement),
        }
        lines.keys = targets.iter().filter_map(|target| lines.key(*target, subject)).collect();
        lines.targets = targets;
        lines
    }

    fn sort(&self, targets: &mut Vec<Target>, subject: &Subject, arrangement: &Arrangement) {
        let Some((column, order)) = arrangement.sort else { return };
        let value = |target: &Target| self.row_of(*target, subject).map(|row| OfMappings::value(column, row));
        let mut keyed: Vec<_> = targets.iter().filter_map(|target| Some((value(target)?, *target))).collect();
        // A stable sort: rows with the same value stay in order of address.
        keyed.sort_by(|(a, _), (b, _)| a.compare_in(b, order));
        *targets = keyed.into_iter().map(|(_, target)| target).collect();
    }

    /// A row for each object, and below those that are open their mappings.
    fn gather(
        &mut self,
        map: &MemoryMap,
        targets: &[Target],
        subject: &Subject,
        arrangement: &Arrangement,
    ) -> Vec<Target> {
        let places = targets.iter().filter_map(|target| match target {
            Target::Mapping(place) => Some(*place as usize),
            _ => None,
        });
        self.objects = objects::group(map, places);
        let sum = |object: &Object| {
            let changes = object.mappings.iter().filter_map(|place| subject.change(*place as usize));
            changes.reduce(Change::plus)
        };
        self.changes = self.objects.iter().map(sum).collect();
        let mut objects: Vec<Target> =
            (0..u32::try_from(self.objects.len()).unwrap_or(u32::MAX)).map(Target::Object).collect();
        self.sort(&mut objects, subject, arrangement);
        let mut rows = Vec::new();
        for target in objects {
            rows.push(target);
            let Some(object) = self.object_at(target).filter(|object| arrangement.open.contains(&object.name)) else {
                continue;
            };
            let mut own: Vec<Target> = object.mappings.iter().map(|place| Target::Mapping(*place)).collect();
            self.sort(&mut own, subject, arrangement);
            rows.extend(own);
        }
        rows.extend(targets.iter().filter(|target| matches!(target, Target::Vanished(_))));
        rows
    }

    fn key(&self, target: Target, subject: &Subject) -> Option<RowKey> {
        Some(match target {
            Target::Mapping(place) => {
                let mapping = subject.known_map()?.mappings.get(place as usize)?;
                RowKey::Mapping(mapping.start, mapping.end)
            }
            Target::Object(_) => RowKey::Object(self.object_at(target)?.name.clone()),
            Target::Vanished(piece) => RowKey::Vanished(vanished(piece, subject)?.0.start),
        })
    }

    fn object_at(&self, target: Target) -> Option<&Object> {
        match target {
            Target::Object(at) => self.objects.get(at as usize),
            _ => None,
        }
    }

    /// What a row shows.
    #[must_use]
    pub fn target(&self, at: usize) -> Option<Target> {
        self.targets.get(at).copied()
    }

    /// The object that a row is.
    #[must_use]
    pub fn object(&self, at: usize) -> Option<&Object> {
        self.object_at(self.target(at)?)
    }

    /// The object that a row is, or belongs to.
    #[must_use]
    pub fn object_of(&self, at: usize) -> Option<&Object> {
        let above = self.targets.get(..=at)?.iter().rev();
        above.copied().find_map(|target| self.object_at(target))
    }

    /// The row at a place in the list.
    #[must_use]
    pub fn row<'a>(&'a self, at: usize, subject: &'a Subject) -> Option<MapRow<'a>> {
        self.row_of(self.target(at)?, subject)
    }

    fn row_of<'a>(&'a self, target: Target, subject: &'a Subject) -> Option<MapRow<'a>> {
        let map = subject.known_map()?;
        match target {
            Target::Mapping(place) => {
                let place = place as usize;
                Some(MapRow { change: subject.change(place), ..MapRow::of(map, place)? })
            }
            Target::Object(at) => {
                let object = self.objects.get(at as usize)?;
                Some(MapRow {
                    mapping: map.mappings.get(*object.mappings.first()? as usize)?,
                    size: object.size,
                    figures: object.figures.as_ref().map_err(|missing| *missing),
                    count: object.mappings.len(),
                    change: *self.changes.get(at as usize)?,
                })
            }
            Target::Vanished(piece) => {
                let (mapping, change) = vanished(piece, subject)?;
                let figures = Err(Missing::Gone);
                Some(MapRow { mapping, size: Bytes(0), figures, count: 1, change: Some(change) })
            }
        }
    }

    /// The next mapping that has a row, in order of address; that of an object counts for all of its mappings.
    #[must_use]
    pub fn neighbour(&self, place: usize, by: isize) -> Option<usize> {
        let places = self.targets.iter().flat_map(|target| match target {
            Target::Mapping(place) => std::slice::from_ref(place),
            Target::Object(at) => self.objects.get(*at as usize).map_or(&[][..], |object| &object.mappings),
            Target::Vanished(_) => &[],
        });
        let places = places.map(|place| *place as usize);
        if by < 0 { places.filter(|other| *other < place).max() } else { places.filter(|other| *other > place).min() }
    }

    /// Where a row is now: the one with its first address, else the one that holds its last.
    #[must_use]
    pub fn position(&self, key: &RowKey, subject: &Subject) -> Option<usize> {
        let RowKey::Mapping(start, end) = key else {
            return self.keys.iter().position(|other| other == key);
        };
        let map = subject.known_map()?;
        let same = map.mappings.binary_search_by_key(start, |mapping| mapping.start).ok();
        let place = u32::try_from(same.or_else(|| map.holding(end.saturating_sub(1)).ok())?).ok()?;
        let own = self.targets.iter().position(|target| *target == Target::Mapping(place));
        let in_object = |target: &Target| {
            self.object_at(*target).is_some_and(|object| object.mappings.binary_search(&place).is_ok())
        };
        own.or_else(|| self.targets.iter().position(in_object))
    }
}

/// Every mapping, and those of the baseline that have vanished, in order of address.
fn all(map: &MemoryMap, subject: &Subject) -> Vec<Target> {
    let mut targets: Vec<Target> =
        (0..u32::try_from(map.mappings.len()).unwrap_or(u32::MAX)).map(Target::Mapping).collect();
    let pieces = subject.growth().map_or(&[][..], |growth| &growth.pieces);
    let gone = (0..).zip(pieces).filter(|(_, piece)| piece.fate() == Fate::Vanished);
    let gone: Vec<Target> = gone.map(|(at, _)| Target::Vanished(at)).collect();
    if !gone.is_empty() {
        targets.extend(gone);
        targets.sort_by_key(|target| match target {
            Target::Mapping(place) => map.mappings.get(*place as usize).map(|mapping| mapping.start),
            Target::Vanished(piece) => vanished(*piece, subject).map(|(mapping, _)| mapping.start),
            Target::Object(_) => None,
        });
    }
    targets
}

/// The first mapping of a piece that is there no more, and what it had.
fn vanished(piece: u32, subject: &Subject) -> Option<(&Mapping, Change)> {
    let growth = subject.growth()?;
    let piece = growth.pieces.get(piece as usize)?;
    let place = growth.before(piece).first()?;
    Some((subject.baseline()?.mappings.get(*place as usize)?, piece.change))
}

/// A text that can only be meant as an address: hexadecimal digits after `0x`, or eight and more of them alone.
#[must_use]
pub fn address(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => digits,
        None if (8..=16).contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit()) => text,
        None => return None,
    };
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        assert_eq!(address("0x7f12"), Some(0x7f12));
        assert_eq!(address(" 7f12a0001000 "), Some(0x7f12_a000_1000));
        assert_eq!(address("feedbeef"), None);
        assert_eq!(address("libc"), None);
        assert_eq!(address("0x"), None);
        assert_eq!(address("0x+1"), None);
    }
}
