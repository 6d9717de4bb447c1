//! Who descends from whom: one pass over the processes, then an answer in a few steps, however deep a family is.
//!
//! Not the tree as it is drawn; this has no order and no rows.

use crate::{
    snapshot::{Process, Snapshot},
    unit::Pid,
};
use std::sync::Arc;

/// For each process of a snapshot the stretch of numbers that it and its descendants have in a walk through the tree.
#[derive(Clone, Debug, Default)]
pub struct Families {
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Its own number in the walk.
    number: u32,
    /// The first number after its last descendant's.
    end: u32,
    /// Position of the process at the top of its family.
    top: u32,
}

/// No such position.
const NONE: u32 = u32::MAX;

impl Families {
    /// Walk through the processes of a snapshot. Parents that form a ring, which only a damaged recording has, are cut
    /// open at the lowest pid.
    #[must_use]
    pub fn new(processes: &[Arc<Process>]) -> Self {
        let Links { parents, first_child, next_sibling } = Links::new(processes);
        let mut places = vec![Place::default(); processes.len()];
        let mut seen = vec![false; processes.len()];
        let mut number = 0;
        let tops = (0..).zip(&parents).filter(|(_, parent)| **parent == NONE).map(|(at, _)| at);
        let tops: Vec<u32> = tops.chain((0..).zip(&parents).map(|(at, _)| at)).collect();
        for top in tops {
            if seen[top as usize] {
                continue;
            }
            let mut path = vec![(top, true)];
            while let Some((at, is_new)) = path.pop() {
                let place = &mut places[at as usize];
                if !is_new {
                    place.end = number;
                    continue;
                }
                if std::mem::replace(&mut seen[at as usize], true) {
                    continue;
                }
                *place = Place { number, end: number, top };
                number += 1;
                path.push((at, false));
                let mut child = first_child[at as usize];
                while child != NONE {
                    path.push((child, true));
                    child = next_sibling[child as usize];
                }
            }
        }
        Self { places }
    }

    /// Whether the process at this position is `pid` or descends from it. `snapshot` is the one this was made of.
    #[must_use]
    pub fn is_under(&self, snapshot: &Snapshot, at: usize, pid: Pid) -> bool {
        let Some(place) = self.places.get(at) else { return false };
        match snapshot.position(pid).and_then(|above| self.places.get(above)) {
            Some(above) => (above.number..above.end).contains(&place.number),
            // It cannot be seen or has just gone, but its children still name it.
            None => snapshot.processes.get(place.top as usize).is_some_and(|top| top.stat.ppid == pid && pid != Pid(0)),
        }
    }
}

/// Parents and children as positions.
struct Links {
    parents: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
}

impl Links {
    fn new(processes: &[Arc<Process>]) -> Self {
        let position = |pid: Pid| {
            let at = processes.binary_search_by_key(&pid, |process| process.key.pid).ok();
            at.and_then(|at| u32::try_from(at).ok()).unwrap_or(NONE)
        };
        let parent = |process: &Arc<Process>| {
            if process.stat.ppid == process.key.pid { NONE } else { position(process.stat.ppid) }
        };
        let parents: Vec<u32> = processes.iter().map(parent).collect();
        let mut first_child = vec![NONE; processes.len()];
        let mut next_sibling = vec![NONE; processes.len()];
        for (at, parent) in (0..).zip(&parents) {
            if let Some(first) = first_child.get_mut(*parent as usize) {
                next_sibling[at as usize] = std::mem::replace(first, at);
            }
        }
        Self { parents, first_child, next_sibling }
    }
}
