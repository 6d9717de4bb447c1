//! Which rows of a map are shown, and in which order. What a row is called outlives a reading of the map: its first
//! address, and the last one where memory that grows downwards has moved the first.

use super::Arrangement;
use crate::{
    analysis::MapRow,
    snapshot::map::MemoryMap,
    table::{OfMappings, Table},
    tui::subject::Subject,
};

/// What stays of a row from one reading of the map to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// The mapping with these addresses.
    Mapping(u64, u64),
}

impl RowKey {
    /// Its first address.
    #[must_use]
    pub fn start(self) -> u64 {
        let Self::Mapping(start, _) = self;
        start
    }
}

/// The rows, in their order.
#[derive(Debug, Default)]
pub struct Lines {
    /// What each is called.
    pub keys: Vec<RowKey>,
    /// The place of each in the map.
    places: Vec<u32>,
    /// Mappings there are in all.
    pub all: usize,
}

impl Lines {
    /// The rows of a map in this arrangement.
    #[must_use]
    pub fn build(subject: &Subject, arrangement: &Arrangement) -> Self {
        let Some(map) = subject.known_map() else { return Self::default() };
        let mut places: Vec<u32> = (0..u32::try_from(map.mappings.len()).unwrap_or(u32::MAX)).collect();
        if let Some(filter) = &arrangement.filter {
            places.retain(|at| row(*at, map).is_some_and(|row| filter.matches(row)));
        }
        if let Some((column, order)) = arrangement.sort {
            let value = |at: &u32| row(*at, map).map(|row| OfMappings::value(column, row));
            let mut keyed: Vec<_> = places.iter().filter_map(|at| Some((value(at)?, *at))).collect();
            keyed.sort_by(|(a, first), (b, second)| a.compare_in(b, order).then(first.cmp(second)));
            places = keyed.into_iter().map(|(_, at)| at).collect();
        }
        let key = |at: &u32| map.mappings.get(*at as usize).map(|mapping| RowKey::Mapping(mapping.start, mapping.end));
        Self { keys: places.iter().filter_map(key).collect(), places, all: map.mappings.len() }
    }

    /// The row at a place in the list.
    #[must_use]
    pub fn row<'a>(&self, at: usize, subject: &'a Subject) -> Option<MapRow<'a>> {
        row(*self.places.get(at)?, subject.known_map()?)
    }

    /// Where a row is now: the one with its first address, else the one that holds its last.
    #[must_use]
    pub fn position(&self, key: RowKey, subject: &Subject) -> Option<usize> {
        let RowKey::Mapping(start, end) = key;
        let map = subject.known_map()?;
        let same = map.mappings.binary_search_by_key(&start, |mapping| mapping.start).ok();
        let at = same.or_else(|| map.holding(end.saturating_sub(1)).ok())?;
        self.places.iter().position(|place| *place as usize == at)
    }
}

fn row(at: u32, map: &MemoryMap) -> Option<MapRow<'_>> {
    MapRow::of(map, at as usize)
}

/// A text that can only be meant as an address: hexadecimal digits after `0x`, or twelve and more of them alone.
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
