//! Which mappings of two maps belong together. One walk over both in order of address, and a set of trees that are joined
//! at their roots: the time grows as the number of mappings does. Most of a map is as it was a second ago; that is found
//! first, and at next to no cost.

use crate::{
    snapshot::map::{FileId, Kind, Mapping, MemoryMap, Permissions},
    unit::Bytes,
};
use std::collections::{HashMap, VecDeque};

/// All mappings of both maps, each in one piece, in order of address.
#[derive(Debug, PartialEq, Eq)]
pub struct Matched {
    /// Places in the earlier map, those of one piece beside each other.
    pub before: Vec<u32>,
    /// Places in the later map.
    pub after: Vec<u32>,
    /// Where each piece ends in the two lists.
    pub ends: Vec<(u32, u32)>,
}

/// Whether each mapping of the one is in the other as it was: nothing was mapped, unmapped or changed between the two.
#[must_use]
pub fn is_same_layout(before: &MemoryMap, after: &MemoryMap) -> bool {
    let same = |(a, b): (&Mapping, &Mapping)| a.start == b.start && is_unchanged(a, b);
    before.mappings.len() == after.mappings.len() && before.mappings.iter().zip(&after.mappings).all(same)
}

/// Find together what belongs together.
pub fn matched(before: &MemoryMap, after: &MemoryMap) -> Matched {
    matched_beside(&unchanged(&before.mappings, &after.mappings), before, after)
}

/// What belongs together beside pairs that do, as is known.
pub fn matched_beside(same: &[(u32, u32)], before: &MemoryMap, after: &MemoryMap) -> Matched {
    // Nothing else lies over these addresses, so that what is left belongs to what is left.
    let places = (
        others(before.mappings.len(), same.iter().map(|pair| pair.0)),
        others(after.mappings.len(), same.iter().map(|pair| pair.1)),
    );
    let mut matching = Matching::new(pick(&before.mappings, &places.0), pick(&after.mappings, &places.1));
    matching.overlapping();
    matching.moved(before.key == after.key);
    let mut rest = matching.pieces();
    rest.before.iter_mut().for_each(|place| *place = places.0[*place as usize]);
    rest.after.iter_mut().for_each(|place| *place = places.1[*place as usize]);
    if same.is_empty() { rest } else { together(same, &rest, (&before.mappings, &after.mappings)) }
}

/// The places of mappings that are the same in both maps, in order of address.
fn unchanged(before: &[Mapping], after: &[Mapping]) -> Vec<(u32, u32)> {
    let mut same = Vec::with_capacity(before.len().min(after.len()));
    let (mut earlier, mut later) = (0, 0);
    while let (Some(a), Some(b)) = (before.get(earlier as usize), after.get(later as usize)) {
        if a.start == b.start && is_unchanged(a, b) {
            same.push((earlier, later));
        }
        (earlier, later) = (earlier + u32::from(a.start <= b.start), later + u32::from(b.start <= a.start));
    }
    same
}

fn is_unchanged(a: &Mapping, b: &Mapping) -> bool {
    a.end == b.end && a.permissions == b.permissions && a.file == b.file && a.path == b.path
}

/// The places that are not among these.
fn others(count: usize, mut places: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut next = places.next();
    let mut is_other = |place: &u32| {
        let found = next == Some(*place);
        if found {
            next = places.next();
        }
        !found
    };
    (0..u32::try_from(count).unwrap_or(u32::MAX)).filter(|place| is_other(place)).collect()
}

fn pick<'a>(mappings: &'a [Mapping], places: &[u32]) -> Vec<&'a Mapping> {
    places.iter().map(|place| &mappings[*place as usize]).collect()
}

/// What is unchanged among the pieces of the rest, all in order of address.
fn together(same: &[(u32, u32)], rest: &Matched, (before, after): (&[Mapping], &[Mapping])) -> Matched {
    let pieces = same.len() + rest.ends.len();
    let mut all = Matched {
        before: Vec::with_capacity(same.len() + rest.before.len()),
        after: Vec::with_capacity(same.len() + rest.after.len()),
        ends: Vec::with_capacity(pieces),
    };
    let mut same = same.iter().peekable();
    let mut begin = (0, 0);
    let mut add = |before: &[u32], after: &[u32]| {
        all.before.extend_from_slice(before);
        all.after.extend_from_slice(after);
        let count = |list: &Vec<u32>| u32::try_from(list.len()).unwrap_or(u32::MAX);
        all.ends.push((count(&all.before), count(&all.after)));
    };
    for end in &rest.ends {
        let earlier = &rest.before[begin.0 as usize..end.0 as usize];
        let later = &rest.after[begin.1 as usize..end.1 as usize];
        let start = match (later, earlier) {
            ([first, ..], _) => after[*first as usize].start,
            (_, [first, ..]) => before[*first as usize].start,
            ([], []) => 0,
        };
        while let Some((a, b)) = same.next_if(|(_, place)| after[*place as usize].start < start) {
            add(&[*a], &[*b]);
        }
        add(earlier, later);
        begin = *end;
    }
    for (a, b) in same {
        add(&[*a], &[*b]);
    }
    all
}

struct Matching<'a> {
    before: Vec<&'a Mapping>,
    after: Vec<&'a Mapping>,
    /// Mappings of the earlier map, then those of the later one; each knows another of its piece, a root itself.
    parents: Vec<u32>,
    /// Whether each has a partner in the other map.
    paired: Vec<bool>,
}

impl<'a> Matching<'a> {
    fn new(before: Vec<&'a Mapping>, after: Vec<&'a Mapping>) -> Self {
        let count = before.len() + after.len();
        let parents = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
        Self { before, after, parents, paired: vec![false; count] }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] as usize != at {
            let parent = self.parents[at] as usize;
            self.parents[at] = self.parents[parent];
            at = self.parents[at] as usize;
        }
        at
    }

    /// Put a mapping of the earlier map together with one of the later.
    fn join(&mut self, before: usize, after: usize) {
        let after = self.before.len() + after;
        (self.paired[before], self.paired[after]) = (true, true);
        let (a, b) = (self.root(before), self.root(after));
        // The smaller place is the root, so that pieces come in order of address.
        self.parents[a.max(b)] = u32::try_from(a.min(b)).unwrap_or(0);
    }

    /// Mappings of the same thing that lie over one another. Those that found none of their permissions go with the one
    /// that they share most addresses with.
    fn overlapping(&mut self) {
        let mut rest = Vec::new();
        let mut joined = Vec::new();
        each_overlap(&self.before, &self.after, |before, after, bytes| {
            let (earlier, later) = (self.before[before], self.after[after]);
            if !is_same_thing(earlier, later) {
                return;
            }
            if earlier.permissions == later.permissions && earlier.path == later.path {
                joined.push((before, after));
            } else {
                rest.push((before, after, bytes));
            }
        });
        for (before, after) in joined {
            self.join(before, after);
        }
        let behind = self.before.len();
        let mut best: Vec<Option<(u64, usize)>> = vec![None; if rest.is_empty() { 0 } else { self.paired.len() }];
        for &(before, after, bytes) in &rest {
            for (one, other) in [(before, after), (behind + after, before)] {
                if !self.paired[one] && best[one].is_none_or(|(most, _)| bytes > most) {
                    best[one] = Some((bytes, other));
                }
            }
        }
        for (one, best) in best.into_iter().enumerate() {
            match best {
                Some((_, other)) if one < behind => self.join(one, other),
                Some((_, other)) => self.join(other, one - behind),
                None => {}
            }
        }
    }

    /// What lies elsewhere now but can be nothing else, in the order of addresses. Memory without a name is only told
    /// again where all addresses are others: in one process it was given back, and other memory was taken.
    fn moved(&mut self, same_process: bool) {
        let behind = self.before.len();
        let left: Vec<_> = (0..behind).filter(|at| !self.paired[*at]).collect();
        if left.is_empty() {
            return;
        }
        let mut known: HashMap<Signature<'_>, VecDeque<usize>> = HashMap::new();
        for at in left {
            let Some(signature) = Signature::of(self.before[at], same_process) else { continue };
            known.entry(signature).or_default().push_back(at);
        }
        for at in 0..self.after.len() {
            if self.paired[behind + at] {
                continue;
            }
            let mapping = self.after[at];
            let signature = Signature::of(mapping, same_process);
            let found = signature.and_then(|signature| known.get_mut(&signature)?.pop_front());
            if let Some(before) = found {
                self.join(before, at);
            }
        }
    }

    /// In order of the first address after, or before where there is none.
    fn pieces(mut self) -> Matched {
        let behind = self.before.len();
        let mut of_root = vec![u32::MAX; self.parents.len()];
        let mut members: Vec<(u32, u32, u32)> = Vec::with_capacity(self.parents.len());
        let mut starts = Vec::new();
        let places = (behind..self.parents.len()).chain(0..behind);
        for at in places {
            let root = self.root(at);
            let start = if at < behind { self.before[at].start } else { self.after[at - behind].start };
            if of_root[root] == u32::MAX {
                of_root[root] = u32::try_from(starts.len()).unwrap_or(0);
                starts.push(start);
            }
            let (side, place) = if at < behind { (0, at) } else { (1, at - behind) };
            members.push((of_root[root], side, u32::try_from(place).unwrap_or(0)));
        }
        let mut order: Vec<u32> = (0..u32::try_from(starts.len()).unwrap_or(0)).collect();
        order.sort_by_key(|piece| starts[*piece as usize]);
        let mut rank = vec![0u32; order.len()];
        for (at, piece) in (0u32..).zip(&order) {
            rank[*piece as usize] = at;
        }
        for (piece, ..) in &mut members {
            *piece = rank[*piece as usize];
        }
        members.sort_unstable();
        let mut matched = Matched { before: Vec::new(), after: Vec::new(), ends: vec![(0, 0); order.len()] };
        for (piece, side, place) in members {
            if side == 0 { &mut matched.before } else { &mut matched.after }.push(place);
            let count = |list: &Vec<u32>| u32::try_from(list.len()).unwrap_or(u32::MAX);
            matched.ends[piece as usize] = (count(&matched.before), count(&matched.after));
        }
        matched
    }
}

/// Call with each pair of mappings that have addresses in common, and how many.
fn each_overlap(before: &[&Mapping], after: &[&Mapping], mut each: impl FnMut(usize, usize, u64)) {
    let (mut earlier, mut later) = (0, 0);
    while let (Some(a), Some(b)) = (before.get(earlier), after.get(later)) {
        let (start, end) = (a.start.max(b.start), a.end.min(b.end));
        if start < end {
            each(earlier, later, end - start);
        }
        if a.end <= b.end { earlier += 1 } else { later += 1 }
    }
}

/// Whether two mappings of the same addresses can be one: of the same file, or both of none. A name given to memory, a
/// stack's thread that ended, and an end of the heap that moved do not make it other memory.
fn is_same_thing(a: &Mapping, b: &Mapping) -> bool {
    if a.file.inode == 0 && b.file.inode == 0 {
        return is_driver(a) == is_driver(b);
    }
    a.file == b.file && a.object() == b.object()
}

/// Whether what it shows has no inode and yet is no memory of its own.
fn is_driver(mapping: &Mapping) -> bool {
    mapping.path.as_deref().is_some_and(|path| path.starts_with(b"/"))
}

/// What a mapping that moved is known by.
#[derive(PartialEq, Eq, Hash)]
struct Signature<'a> {
    name: Option<&'a [u8]>,
    file: FileId,
    offset: u64,
    permissions: Permissions,
    /// Only where nothing else tells one from another.
    size: Bytes,
    kind: Kind,
}

impl<'a> Signature<'a> {
    fn of(mapping: &'a Mapping, same_process: bool) -> Option<Self> {
        let name = mapping.object();
        let is_one_of_many = name.is_none_or(|name| name.starts_with(b"[anon"));
        if same_process && is_one_of_many {
            return None;
        }
        Some(Self {
            name,
            // A file that was replaced by a newer one is another file for one process, and what became of it for two.
            file: if same_process { mapping.file } else { FileId::default() },
            offset: mapping.offset,
            permissions: mapping.permissions,
            size: if same_process || is_one_of_many { mapping.size() } else { Bytes(0) },
            kind: mapping.kind,
        })
    }
}
