//! What changed between two maps of one process, or of two processes of one program: each mapping is found again though it
//! grew, shrank, was split, merged or moved, and what is left over is new or has vanished.
//!
//! Mappings that lie over one another and are of the same thing belong together, those of the same permissions first:
//! where two neighbours shift the border between them, one has grown and the other shrunk. All pieces that one mapping was
//! split into are one change, because the kernel does not tell which of them a page was in.

mod history;
mod matching;

use super::mapping::Change;
use crate::snapshot::map::{Amount, MemoryMap};
pub use history::History;
pub use matching::is_same_layout;
use std::{cmp::Reverse, ops::Range};

/// All that changed, and all that stayed as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// In order of address. Each mapping of either map is in exactly one.
    pub pieces: Vec<Piece>,
    /// Of the maps as wholes.
    pub total: Change,
    /// Places in the earlier and in the later map, those of one piece beside each other.
    before: Vec<u32>,
    after: Vec<u32>,
    /// For each mapping of the later map its piece.
    pieces_of: Vec<u32>,
}

/// What became of one mapping, or of several that were split or merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    before: Range<u32>,
    after: Range<u32>,
    /// How its figures changed.
    pub change: Change,
}

/// Whether a mapping is in both maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In both.
    Kept,
    /// In the later one only.
    New,
    /// In the earlier one only.
    Vanished,
}

impl Growth {
    /// What is different in `after`.
    #[must_use]
    pub fn between(before: &MemoryMap, after: &MemoryMap) -> Self {
        let matched = matching::matched(before, after);
        let mut pieces_of = vec![0; after.mappings.len()];
        let mut pieces = Vec::with_capacity(matched.ends.len());
        let (mut start, mut at) = ((0, 0), 0u32);
        for end in matched.ends {
            let (earlier, later) = (start.0..end.0, start.1..end.1);
            let places = (slice(&matched.before, &earlier), slice(&matched.after, &later));
            places.1.iter().for_each(|place| pieces_of[*place as usize] = at);
            let change = change((before, places.0), (after, places.1));
            pieces.push(Piece { before: earlier, after: later, change });
            (start, at) = (end, at + 1);
        }
        let total = total(before, after, &pieces);
        Self { pieces, total, before: matched.before, after: matched.after, pieces_of }
    }

    /// The places of its mappings in the earlier map, in order of address.
    #[must_use]
    pub fn before(&self, piece: &Piece) -> &[u32] {
        slice(&self.before, &piece.before)
    }

    /// The places of its mappings in the later map, in order of address.
    #[must_use]
    pub fn after(&self, piece: &Piece) -> &[u32] {
        slice(&self.after, &piece.after)
    }

    /// What became of the mapping at this place of the later map.
    #[must_use]
    pub fn of(&self, place: usize) -> Option<&Piece> {
        self.pieces.get(*self.pieces_of.get(place)? as usize)
    }

    /// Those that are not as they were, what grew most first and what shrank most last.
    #[must_use]
    pub fn by_growth(&self) -> Vec<&Piece> {
        let mut pieces: Vec<_> = self.pieces.iter().filter(|piece| piece.is_changed()).collect();
        pieces.sort_by_key(|piece| Reverse(weight(&piece.change)));
        pieces
    }
}

impl Piece {
    /// Whether it is in both maps.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match (self.before.is_empty(), self.after.is_empty()) {
            (true, _) => Fate::New,
            (_, true) => Fate::Vanished,
            _ => Fate::Kept,
        }
    }

    /// Whether anything that is known of it is not as it was, but for its share of pages, which changes also when other
    /// processes come and go.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let Change { size, rss, swap, .. } = self.change;
        self.fate() != Fate::Kept || [Some(size), rss, swap].iter().any(|change| change.unwrap_or(0) != 0)
    }
}

/// What changes are sorted by: memory in use, wherever that is, then address space.
#[must_use]
pub fn weight(change: &Change) -> (i64, i64) {
    (change.rss.unwrap_or(0).saturating_add(change.swap.unwrap_or(0)), change.size)
}

fn change(before: (&MemoryMap, &[u32]), after: (&MemoryMap, &[u32])) -> Change {
    let size = |(map, places): (&MemoryMap, &[u32])| {
        let mappings = places.iter().filter_map(|place| map.mappings.get(*place as usize));
        mappings.fold(0u64, |sum, mapping| sum.saturating_add(mapping.size().0))
    };
    let amount = |amount| Some(signed(sum(after, amount)?, sum(before, amount)?));
    Change {
        size: signed(size(after), size(before)),
        rss: amount(Amount::Rss),
        pss: amount(Amount::Pss),
        swap: amount(Amount::Swap),
    }
}

/// The sum of an amount. `None` where the map has no figures at all, also of a mapping that is not in it.
fn sum((map, places): (&MemoryMap, &[u32]), amount: Amount) -> Option<u64> {
    let figures = map.figures.as_ref().ok()?;
    places.iter().try_fold(0u64, |sum, place| {
        let bytes = figures.get(*place as usize)?.get(amount)?;
        Some(sum.saturating_add(bytes.0))
    })
}

/// Pss as the kernel adds it up, which is more exact than the sum of the rows.
fn total(before: &MemoryMap, after: &MemoryMap, pieces: &[Piece]) -> Change {
    let told = |map: &MemoryMap| Some(map.totals.as_ref().ok()?.get(Amount::Pss)?.0);
    let exact = || Some(signed(told(after)?, told(before)?));
    let added = |get: fn(&Change) -> Option<i64>| {
        pieces.iter().try_fold(0i64, |sum, piece| Some(sum.saturating_add(get(&piece.change)?)))
    };
    Change {
        size: pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.change.size)),
        rss: added(|change| change.rss),
        pss: exact().or_else(|| added(|change| change.pss)),
        swap: added(|change| change.swap),
    }
}

fn signed(after: u64, before: u64) -> i64 {
    let limit = if after > before { i64::MAX } else { i64::MIN };
    after.checked_signed_diff(before).unwrap_or(limit)
}

fn slice<'a>(places: &'a [u32], range: &Range<u32>) -> &'a [u32] {
    &places[range.start as usize..range.end as usize]
}

#[cfg(test)]
mod tests;
