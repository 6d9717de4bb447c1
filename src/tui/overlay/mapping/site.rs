//! Which mapping is looked into, from one reading of the map to the next: it may grow, shrink, vanish, or make room for
//! another one at the same addresses.

use crate::{
    snapshot::map::{Mapping, MemoryMap},
    table::value::change_text,
    unit::ProcessKey,
};
use std::{ops::Range, sync::Arc};

/// What has become of the mapping since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    There,
    /// Nothing is mapped there any more.
    Gone,
    /// Something else is mapped there.
    Replaced,
}

/// One mapping of one process.
#[derive(Clone, Debug)]
pub struct Site {
    /// The process.
    pub key: ProcessKey,
    /// The last map that it was seen in, and its place there.
    pub map: Arc<MemoryMap>,
    /// As said.
    pub place: usize,
    /// As it was seen last.
    pub mapping: Mapping,
    /// What has become of it.
    pub fate: Fate,
    /// Its size when it was opened.
    opened: u64,
    /// The latest map.
    latest: Arc<MemoryMap>,
}

impl Site {
    /// The mapping at a place of a map; `None` where there is none.
    #[must_use]
    pub fn new(map: &Arc<MemoryMap>, place: usize) -> Option<Self> {
        let mapping = map.mappings.get(place)?.clone();
        let opened = mapping.size().0;
        let (latest, map) = (Arc::clone(map), Arc::clone(map));
        Some(Self { key: map.key, map, place, mapping, fate: Fate::There, opened, latest })
    }

    /// Its addresses.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.mapping.range()
    }

    /// The latest map, which the mapping may not be in any more.
    #[must_use]
    pub fn latest(&self) -> &Arc<MemoryMap> {
        &self.latest
    }

    /// A newer map came.
    pub fn follow(&mut self, map: &Arc<MemoryMap>) {
        self.latest = Arc::clone(map);
        let last = self.mapping.end.saturating_sub(1);
        let same_start = map.mappings.binary_search_by_key(&self.mapping.start, |mapping| mapping.start).ok();
        // Memory that grows downwards moves its first address; a part given back may be either end.
        let candidates = [same_start, map.holding(last).ok(), map.holding(self.mapping.start).ok()];
        let known = |place: &usize| map.mappings.get(*place).is_some_and(|mapping| is_same(mapping, &self.mapping));
        let Some(place) = candidates.into_iter().flatten().find(known) else {
            let other = candidates.iter().any(Option::is_some);
            self.fate = if other { Fate::Replaced } else { Fate::Gone };
            return;
        };
        if let Some(mapping) = map.mappings.get(place) {
            self.mapping = mapping.clone();
            (self.map, self.place, self.fate) = (Arc::clone(map), place, Fate::There);
        }
    }

    /// The mapping that holds an address, as it is in the latest map.
    #[must_use]
    pub fn holding(&self, address: u64) -> Option<Self> {
        self.latest.holding(address).ok().and_then(|place| Self::new(&self.latest, place))
    }

    /// The mapping before or after in order of address.
    #[must_use]
    pub fn neighbour(&self, by: isize) -> Option<Self> {
        let here = match self.fate {
            Fate::There => Some(self.place.checked_add_signed(by)?),
            // What stands next to where it was.
            _ => match (self.latest.holding(self.mapping.start), by < 0) {
                (Ok(place) | Err(place), true) => place.checked_sub(1),
                (Ok(place), false) => place.checked_add(1),
                (Err(place), false) => Some(place),
            },
        };
        Self::new(&self.latest, here?)
    }

    /// What has become of it, in words; `None` where it is as it was.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        match self.fate {
            Fate::Gone => Some("gone: this is what was there last".to_owned()),
            Fate::Replaced => Some("gone: another mapping is there now".to_owned()),
            Fate::There => {
                let change = self.mapping.size().0.cast_signed().wrapping_sub(self.opened.cast_signed());
                (change != 0).then(|| format!("{} since opened", change_text(change)))
            }
        }
    }
}

/// Whether this can be the mapping of earlier: the same part of the same file, or memory of the same name.
fn is_same(now: &Mapping, before: &Mapping) -> bool {
    let origin = |mapping: &Mapping| mapping.start.wrapping_sub(mapping.offset);
    now.file == before.file && if now.file.inode == 0 { now.path == before.path } else { origin(now) == origin(before) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        snapshot::{
            Missing, Moment,
            map::{FileId, Kind, Permissions},
        },
        text::Text,
        unit::{Pid, Ticks},
    };
    use std::time::Duration;

    fn mapping(range: Range<u64>, inode: u64, offset: u64, path: &str) -> Mapping {
        Mapping {
            start: range.start,
            end: range.end,
            permissions: Permissions::READ,
            offset,
            file: FileId { device: (0, u32::from(inode != 0)), inode },
            path: (!path.is_empty()).then(|| Text::from(path)),
            deleted: false,
            kind: Kind::Other,
            thread: None,
        }
    }

    fn map(mappings: Vec<Mapping>) -> Arc<MemoryMap> {
        Arc::new(MemoryMap {
            key: ProcessKey { pid: Pid(42), start: Ticks(1) },
            name: Text::default(),
            exe: Err(Missing::NotRequested),
            taken: Moment::default(),
            through: None,
            addresses_took: Duration::ZERO,
            figures_took: Duration::ZERO,
            mappings,
            figures: Err(Missing::NotRequested),
            totals: Err(Missing::NotRequested),
        })
    }

    fn site(mappings: Vec<Mapping>, place: usize) -> Site {
        Site::new(&map(mappings), place).expect("it is there")
    }

    #[test]
    fn it_is_the_same_after_it_grew_at_either_end() {
        let mut heap = site(vec![mapping(0x1000..0x2000, 0, 0, "[heap]")], 0);
        assert_eq!(heap.remark(), None);
        heap.follow(&map(vec![mapping(0x1000..0x5000, 0, 0, "[heap]")]));
        assert_eq!((heap.range(), heap.fate), (0x1000..0x5000, Fate::There));
        assert_eq!(heap.remark().as_deref(), Some("+12K since opened"));
        let mut stack = site(vec![mapping(0x8000..0x9000, 0, 0, "[stack]")], 0);
        stack.follow(&map(vec![mapping(0x1000..0x2000, 0, 0, ""), mapping(0x4000..0x9000, 0, 0, "[stack]")]));
        assert_eq!((stack.place, stack.range()), (1, 0x4000..0x9000));
    }

    #[test]
    fn it_is_gone_where_nothing_or_something_else_is_there() {
        let mut file = site(vec![mapping(0x1000..0x3000, 7, 0x1000, "/a")], 0);
        file.follow(&map(vec![mapping(0x9000..0xa000, 7, 0x1000, "/a")]));
        assert_eq!(file.fate, Fate::Gone);
        file.follow(&map(vec![mapping(0x1000..0x3000, 8, 0x1000, "/b")]));
        assert_eq!(file.fate, Fate::Replaced);
        // Another part of the same file is another mapping.
        file.follow(&map(vec![mapping(0x1000..0x3000, 7, 0x5000, "/a")]));
        assert_eq!(file.fate, Fate::Replaced);
        // What was shown is still there to be looked at, and it can come back.
        assert_eq!(file.map.mappings[file.place].path.as_deref(), Some(&b"/a"[..]));
        file.follow(&map(vec![mapping(0x2000..0x3000, 7, 0x2000, "/a")]));
        assert_eq!((file.fate, file.range()), (Fate::There, 0x2000..0x3000));
    }

    #[test]
    fn neighbours_are_those_in_order_of_address() {
        let all = vec![
            mapping(0x1000..0x2000, 0, 0, ""),
            mapping(0x3000..0x4000, 0, 0, "b"),
            mapping(0x6000..0x7000, 0, 0, "c"),
        ];
        let mut middle = site(all.clone(), 1);
        let start = |site: Option<Site>| site.map(|site| site.mapping.start);
        assert_eq!((start(middle.neighbour(-1)), start(middle.neighbour(1))), (Some(0x1000), Some(0x6000)));
        assert_eq!(start(site(all.clone(), 0).neighbour(-1)), None);
        middle.follow(&map(vec![all[0].clone(), all[2].clone()]));
        assert_eq!((start(middle.neighbour(-1)), start(middle.neighbour(1))), (Some(0x1000), Some(0x6000)));
    }
}
