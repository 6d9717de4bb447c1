//! Resident memory of each mapping over the time watched. A mapping that grows in place keeps its line; of one that
//! vanished nothing is kept.

use super::matching::matched;
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
    /// For each of `moments` one value in KiB for each mapping of `last`.
    values: VecDeque<Vec<u32>>,
}

impl History {
    /// Note one more sample; one without figures is passed over, and one of another process begins anew.
    pub fn note(&mut self, map: &Arc<MemoryMap>) {
        if map.figures.is_err() {
            return;
        }
        if let Some(last) = self.last.replace(Arc::clone(map)).filter(|last| last.key == map.key) {
            self.rearrange(&last, map);
        } else {
            self.moments.clear();
            self.values.clear();
        }
        let value = |place| {
            let rss = map.figures(place).ok().and_then(|figures| figures.get(Amount::Rss));
            rss.map_or(NONE, |rss| u32::try_from(rss.0 / 1024).unwrap_or(NONE - 1))
        };
        self.moments.push_back(map.taken);
        self.values.push_back((0..map.mappings.len()).map(value).collect());
        let most = (ROOM / size_of::<u32>() / map.mappings.len().max(1)).clamp(LEAST, MOST);
        let old = self.moments.len().saturating_sub(most);
        self.moments.drain(..old);
        self.values.drain(..old);
    }

    /// Put the values in the order of a later map.
    fn rearrange(&mut self, before: &MemoryMap, after: &MemoryMap) {
        let origins = origins(before, after);
        let stayed = before.mappings.len() == after.mappings.len();
        if stayed && origins.iter().enumerate().all(|(at, origin)| *origin == Some(at)) {
            return;
        }
        for values in &mut self.values {
            let value = |origin: &Option<usize>| origin.and_then(|at| values.get(at).copied()).unwrap_or(NONE);
            *values = origins.iter().map(value).collect();
        }
    }

    /// Resident memory of a mapping of the map noted last, the latest at the end; `None` for when it was not there.
    #[must_use]
    pub fn series(&self, mapping: &Mapping) -> Vec<Option<Bytes>> {
        let found = |map: &MemoryMap| map.mappings.binary_search_by_key(&mapping.start, |mapping| mapping.start).ok();
        let Some(at) = self.last.as_deref().and_then(found) else { return Vec::new() };
        let value = |value: &u32| (*value != NONE).then(|| Bytes::from_kib((*value).into()));
        self.values.iter().filter_map(|values| values.get(at).map(value)).collect()
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
    let matched = matched(before, after);
    let mut origins = vec![None; after.mappings.len()];
    let by_size = |map: &MemoryMap, places: &[u32]| {
        let mut places: Vec<_> = places.iter().map(|place| *place as usize).collect();
        places.sort_by_key(|place| std::cmp::Reverse(map.mappings[*place].size()));
        places
    };
    let mut begin = (0, 0);
    for end in matched.ends {
        let earlier = &matched.before[begin.0 as usize..end.0 as usize];
        let later = &matched.after[begin.1 as usize..end.1 as usize];
        match (earlier, later) {
            ([one], [other]) => origins[*other as usize] = Some(*one as usize),
            _ => {
                for (one, other) in by_size(before, earlier).into_iter().zip(by_size(after, later)) {
                    origins[other] = Some(one);
                }
            }
        }
        begin = end;
    }
    origins
}
