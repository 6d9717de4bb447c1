//! The address space of a process as a picture, from low to high: what belongs together as one line each, with the free
//! space between. Made once for each map, whatever its width; drawing (picture/draw.rs) touches what is in view only.
//!
//! A *line* stands for neighbouring mappings, so that a cursor over mappings has its place here. Lines are gathered into
//! *clusters* that lie far apart: program and heap, the mmap area with the libraries, the stack.

pub mod draw;

use crate::snapshot::map::{Kind, Mapping, Permissions};
use std::ops::Range;

/// Free space at least so large is drawn where it lies within a cluster.
const GAP: u64 = 1 << 20;
/// Free space at least so large ends a cluster; the second is for address spaces of 32 bits.
const FAR: (u64, u64) = (4 << 30, 64 << 20);
/// Addresses above are the kernel's on all machines with 64 bits; what is free below them is nobody's.
const KERNEL: u64 = 1 << 63;
/// First address of a space of 64 bits that one of 32 does not have.
const FOUR_GIB: u64 = 1 << 32;
/// A cluster with more lines than this is no picture: neighbours are then drawn as one, first those without a name.
const MOST: usize = 200;

/// How far mappings are drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// A line for each object: a library with all of its mappings, a stack with its guard.
    Objects,
    /// A line for each mapping.
    Mappings,
}

/// What a line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Head of a cluster.
    Cluster {
        /// From its first to its last address.
        range: Range<u64>,
        /// Bytes that are mapped.
        mapped: u64,
        /// How many mappings it has.
        mappings: usize,
    },
    /// One object, or one mapping.
    Object {
        /// Bytes that are mapped.
        mapped: u64,
    },
    /// Several objects, because there are too many for a line each.
    Several {
        /// Bytes that are mapped.
        mapped: u64,
        /// How many objects.
        objects: usize,
    },
    /// Free space between clusters, or below all.
    Gap(Range<u64>),
    /// Free space within a cluster.
    Hole(Range<u64>),
    /// From here on the addresses are the kernel's.
    Kernel,
}

/// A line of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The mappings it stands for; where it stands for none, empty and at the next one.
    pub members: Range<usize>,
    /// What it shows.
    pub shape: Shape,
}

/// The picture of one map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// From low to high.
    pub lines: Vec<Line>,
    /// The largest range of free addresses between or below the mappings.
    pub largest: Option<Range<u64>>,
    /// Size of the largest object.
    most: u64,
    /// Which kinds there are, a bit each.
    kinds: u32,
    /// Digits of an address.
    digits: usize,
}

impl Picture {
    /// The picture of these mappings, which are in order of address; where they are not, free space is not told.
    #[must_use]
    pub fn new(mappings: &[Mapping], grain: Grain) -> Self {
        let own = mappings.iter().map(|mapping| mapping.end).filter(|end| *end <= KERNEL).max().unwrap_or(0);
        let mut picture = Self {
            kinds: mappings.iter().fold(0, |kinds, mapping| kinds | 1 << mapping.kind as u32),
            digits: format!("{:08x}", own.saturating_sub(1)).len(),
            ..Self::default()
        };
        let far = if own > FOUR_GIB { FAR.0 } else { FAR.1 };
        let objects = objects(mappings, grain);
        let mut rest = objects.as_slice();
        let mut below = 0;
        while let Some(first) = rest.first() {
            let until = cluster(mappings, rest, far);
            let start = mappings[first.start].start;
            picture.space(first.start, below..start);
            let (cluster, others) = rest.split_at(until);
            below = picture.cluster(mappings, cluster);
            rest = others;
        }
        picture
    }

    /// Free space before a cluster.
    fn space(&mut self, at: usize, free: Range<u64>) {
        let shape = match free {
            free if free.start >= free.end => return,
            free if free.end >= KERNEL && free.start < KERNEL => Shape::Kernel,
            free => {
                self.note(&free);
                Shape::Gap(free)
            }
        };
        self.lines.push(Line { members: at..at, shape });
    }

    fn note(&mut self, free: &Range<u64>) {
        let length = |range: &Range<u64>| range.end - range.start;
        if self.largest.as_ref().is_none_or(|largest| length(largest) < length(free)) {
            self.largest = Some(free.clone());
        }
    }

    /// Add the lines of a cluster; where it ends.
    fn cluster(&mut self, mappings: &[Mapping], objects: &[Range<usize>]) -> u64 {
        let members = objects.first().map_or(0, |first| first.start)..objects.last().map_or(0, |last| last.end);
        let all = &mappings[members.clone()];
        let start = all.first().map_or(0, |first| first.start);
        let end = all.iter().map(|mapping| mapping.end).max().unwrap_or(0);
        if objects.len() > 1 {
            let shape = Shape::Cluster { range: start..end, mapped: mapped(all), mappings: all.len() };
            self.lines.push(Line { members: members.start..members.start, shape });
        }
        let mut below = start;
        for together in gathered(mappings, objects) {
            let members = together.first().map_or(0, |first| first.start)..together.last().map_or(0, |last| last.end);
            let own = &mappings[members.clone()];
            let hole = below..own.first().map_or(below, |first| first.start);
            if hole.start < hole.end {
                self.note(&hole);
                if hole.end - hole.start >= GAP {
                    self.lines.push(Line { members: members.start..members.start, shape: Shape::Hole(hole) });
                }
            }
            for pair in own.windows(2) {
                if pair[0].end < pair[1].start {
                    self.note(&(pair[0].end..pair[1].start));
                }
            }
            below = own.iter().map(|mapping| mapping.end).fold(below, u64::max);
            let mapped = mapped(own);
            self.most = self.most.max(mapped);
            let shape = match together.len() {
                1 => Shape::Object { mapped },
                objects => Shape::Several { mapped, objects },
            };
            self.lines.push(Line { members, shape });
        }
        end
    }

    /// The line that stands for a mapping.
    #[must_use]
    pub fn line(&self, mapping: usize) -> usize {
        self.lines.partition_point(|line| line.members.start <= mapping).saturating_sub(1)
    }

    /// The first mapping of the next line that has some; the last one where there is none.
    #[must_use]
    pub fn after(&self, mapping: usize) -> usize {
        let mut below = self.lines.iter().skip(self.line(mapping) + 1);
        below.find(|line| !line.members.is_empty()).map_or(mapping, |line| line.members.start)
    }

    /// The first mapping of this line, or of the one before where it is the first already.
    #[must_use]
    pub fn before(&self, mapping: usize) -> usize {
        let at = self.line(mapping);
        let start = self.lines.get(at).map_or(mapping, |line| line.members.start);
        if start < mapping {
            return start;
        }
        let mut above = self.lines.iter().take(at).rev();
        above.find(|line| !line.members.is_empty()).map_or(mapping, |line| line.members.start)
    }
}

/// Bytes of address space that these take.
fn mapped(mappings: &[Mapping]) -> u64 {
    mappings.iter().fold(0, |sum, mapping| sum.saturating_add(mapping.size().0))
}

/// How many of the objects, from the first on, are one cluster.
fn cluster(mappings: &[Mapping], objects: &[Range<usize>], far: u64) -> usize {
    let ends = |pair: &[Range<usize>]| {
        let (last, next) = (&mappings[pair[0].end - 1], &mappings[pair[1].start]);
        let free = next.start.saturating_sub(last.end);
        // Without randomisation the stack lies not far from the libraries, and still is not one of them.
        let stack = free >= GAP && next.kind == Kind::Stack;
        free >= far || stack || (next.start >= KERNEL && last.start < KERNEL)
    };
    objects.windows(2).position(ends).map_or(objects.len(), |at| at + 1)
}

/// Objects that have one line: each its own, unless they are too many.
fn gathered<'a>(mappings: &[Mapping], objects: &'a [Range<usize>]) -> Vec<&'a [Range<usize>]> {
    if objects.len() <= MOST {
        return objects.chunks(1).collect();
    }
    let nameless = |object: &Range<usize>| {
        let own = &mappings[object.clone()];
        let last = own.last().map(|mapping| mapping.kind);
        last.filter(|_| own.iter().all(|mapping| mapping.path.is_none()))
    };
    let alike: Vec<_> =
        objects.chunk_by(|one, next| nameless(one).is_some() && nameless(one) == nameless(next)).collect();
    if alike.len() <= MOST { alike } else { objects.chunks(objects.len().div_ceil(MOST)).collect() }
}

/// Neighbouring mappings that belong together.
fn objects(mappings: &[Mapping], grain: Grain) -> Vec<Range<usize>> {
    let mut objects: Vec<Range<usize>> = Vec::new();
    for at in 0..mappings.len() {
        match objects.last_mut() {
            Some(object) if grain == Grain::Objects && belongs(mappings, object, at) => object.end = at + 1,
            _ => objects.push(at..at + 1),
        }
    }
    objects
}

/// Whether a mapping belongs to the object before it.
fn belongs(mappings: &[Mapping], object: &Range<usize>, at: usize) -> bool {
    let (first, last, next) = (&mappings[object.start], &mappings[at - 1], &mappings[at]);
    if next.start < last.end || next.start - last.end >= GAP {
        return false;
    }
    let touches = next.start == last.end;
    let is_kernel = |kind| matches!(kind, Kind::Vdso | Kind::Vvar);
    if is_guard(mappings, at) {
        return false;
    }
    if next.kind == Kind::ThreadStack {
        return object.len() == 1 && is_guard(mappings, at - 1);
    }
    // The guard of a stack that is followed by none would be taken for memory of what follows.
    if last.kind == Kind::ThreadStack {
        return false;
    }
    match (&next.path, next.kind) {
        (_, kind) if is_kernel(kind) => is_kernel(last.kind),
        // Variables that begin as zero follow those with values.
        (None, Kind::Bss) => touches && first.path.is_some(),
        (Some(path), _) => first.path.as_ref() == Some(path) && first.file == next.file,
        // Addresses kept free behind what was given out of them, as malloc does for its arenas.
        (None, kind) => touches && last.path.is_none() && last.kind == kind && is_closed(next) && !is_closed(last),
    }
}

/// Whether nothing may be done there.
fn is_closed(mapping: &Mapping) -> bool {
    let permissions = mapping.permissions;
    ![Permissions::READ, Permissions::WRITE, Permissions::EXECUTE].iter().any(|one| permissions.has(*one))
}

/// Whether a mapping keeps the stack of a thread apart from what lies below.
fn is_guard(mappings: &[Mapping], at: usize) -> bool {
    let next = mappings.get(at + 1);
    mappings.get(at).zip(next).is_some_and(|(guard, stack)| {
        let bare = is_closed(guard) && guard.path.is_none() && guard.kind != Kind::ThreadStack;
        bare && stack.kind == Kind::ThreadStack && guard.end == stack.start
    })
}
