//! Resident memory of each mapping over the time watched. A mapping that grows in place keeps its line; of one that
//! vanished nothing is kept.

use super::{Growth, matching::is_same_layout};
use crate::{
    snapshot::{
        Moment,
        map::{Amount, Mapping, MemoryMap},
    },
    unit::Bytes,
};
use std::{collections::VecDeque, sync::Arc};

/// Memory for all lines: the more mappings, the fewer samples of each.
const ROOM: usize = 2 << 20;
/// Samples of a mapping at most: more than a graph is wide.
const MOST: usize = 600;
/// Samples of a mapping at least: fewer are no line.
const LEAST: usize = 2;
/// Stands for no value.
const NONE: u32 = u32::MAX;

/// The last samples of every mapping of the map that was noted last.
#[derive(Clone, Debug, Default)]
pub struct History {
    last: Option<Arc<MemoryMap>>,
    moments: VecDeque<Moment>,
    /// For each mapping of `last` one value in KiB for each of `moments`.
    values: Vec<u32>,
}

impl History {
    /// Note one more sample; one without figures is passed over, and one of another process begins anew.
    pub fn note(&mut self, map: &Arc<MemoryMap>) {
        if map.figures.is_err() {
            return;
        }
        let last = self.last.replace(Arc::clone(map)).filter(|last| last.key == map.key);
        if last.is_none() {
            self.moments.clear();
            self.values.clear();
        }
        let old = self.moments.len();
        let count = map.mappings.len();
        let width = (old + 1).min((ROOM / size_of::<u32>() / count.max(1)).clamp(LEAST, MOST));
        self.moments.push_back(map.taken);
        self.moments.drain(..old + 1 - width);

        let origins = last.map_or_else(|| vec![None; count], |last| origins(&last, map));
        let mut values = Vec::with_capacity(count * width);
        for (place, origin) in origins.into_iter().enumerate() {
            let line = origin.and_then(|at| self.values.get(at * old..(at + 1) * old));
            match line {
                Some(line) => values.extend_from_slice(&line[old + 1 - width..]),
                None => values.extend(std::iter::repeat_n(NONE, width - 1)),
            }
            let rss = map.figures(place).ok().and_then(|figures| figures.get(Amount::Rss));
            values.push(rss.map_or(NONE, |rss| u32::try_from(rss.0 / 1024).unwrap_or(NONE - 1)));
        }
        self.values = values;
    }

    /// Resident memory of a mapping of the map noted last, the latest at the end; `None` for when it was not there.
    #[must_use]
    pub fn series(&self, mapping: &Mapping) -> Vec<Option<Bytes>> {
        let found = |map: &MemoryMap| map.mappings.binary_search_by_key(&mapping.start, |mapping| mapping.start).ok();
        let line = self.last.as_deref().and_then(found).and_then(|at| {
            let width = self.moments.len();
            self.values.get(at * width..(at + 1) * width)
        });
        let value = |value: &u32| (*value != NONE).then(|| Bytes::from_kib((*value).into()));
        line.unwrap_or_default().iter().map(value).collect()
    }

    /// When the samples were taken, the latest at the end.
    #[must_use]
    pub fn moments(&self) -> impl ExactSizeIterator<Item = Moment> {
        self.moments.iter().copied()
    }
}

/// For each mapping of the later map the one of the earlier map that it goes on from. Of several pieces the largest goes
/// on from the largest.
fn origins(before: &MemoryMap, after: &MemoryMap) -> Vec<Option<usize>> {
    if is_same_layout(before, after) {
        return (0..after.mappings.len()).map(Some).collect();
    }
    let growth = Growth::between(before, after);
    let mut origins = vec![None; after.mappings.len()];
    let by_size = |map: &MemoryMap, places: &[u32]| {
        let mut places: Vec<_> = places.iter().map(|place| *place as usize).collect();
        places.sort_by_key(|place| std::cmp::Reverse(map.mappings[*place].size()));
        places
    };
    for piece in &growth.pieces {
        match (growth.before(piece), growth.after(piece)) {
            ([one], [other]) => origins[*other as usize] = Some(*one as usize),
            (earlier, later) => {
                for (one, other) in by_size(before, earlier).into_iter().zip(by_size(after, later)) {
                    origins[other] = Some(one);
                }
            }
        }
    }
    origins
}
