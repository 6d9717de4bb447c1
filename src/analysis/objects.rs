//! Mappings grouped by what they are parts of: a file with all its segments, the heap, the stacks, anonymous memory.
//!
//! What a single mapping is for is its [`Kind`], which is known already; nothing is read here.

use crate::{
    snapshot::{
        Reading,
        map::{Amount, Figures, FileId, Kind, Mapping, MemoryMap},
    },
    text::Text,
    unit::Bytes,
};
use std::collections::HashMap;

/// Mappings that are parts of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// A path or name as the kernel writes it, or a name in brackets for what the kernel gives none.
    pub name: Text,
    /// The file; inode 0 where it is none.
    pub file: FileId,
    /// Whether the file has no name any more.
    pub deleted: bool,
    /// What all of them are for; `None` where they are for several things, as the segments of a program are.
    pub kind: Option<Kind>,
    /// Their places in the map, in the order in which they were given.
    pub mappings: Vec<u32>,
    /// Bytes of address space.
    pub size: Bytes,
    /// The sums of what is counted.
    pub figures: Reading<Figures>,
}

/// What makes two mappings parts of the same thing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    Named(&'a [u8], FileId),
    Kind(Kind),
}

/// Group mappings of a map, those at these places, in order of the first address of each group.
#[must_use]
pub fn group(map: &MemoryMap, places: impl IntoIterator<Item = usize>) -> Vec<Object> {
    let owners = owners(&map.mappings);
    let mut objects: Vec<Object> = Vec::new();
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    for place in places {
        let (Some(mapping), Some(owner)) = (map.mappings.get(place), owners.get(place)) else { continue };
        let owner = &map.mappings[*owner as usize];
        let at = *known.entry(key(owner)).or_insert_with(|| {
            objects.push(Object::of(owner));
            objects.len() - 1
        });
        objects[at].add(place, mapping, map.figures(place));
    }
    objects.sort_by_cached_key(|object| object.mappings.iter().min().copied());
    objects
}

/// For each mapping the place of the one that names what it is a part of: the data for what follows it and has no file,
/// else itself.
fn owners(mappings: &[Mapping]) -> Vec<u32> {
    let mut file = None;
    let owner = |(at, mapping): (u32, &Mapping)| match mapping.kind {
        Kind::Bss if mapping.path.is_none() => file.unwrap_or(at),
        _ => {
            file = (mapping.file.inode != 0).then_some(at).or(file);
            at
        }
    };
    (0u32..).zip(mappings).map(owner).collect()
}

fn key(mapping: &Mapping) -> Key<'_> {
    match &mapping.path {
        Some(path) if !is_kind_of_its_own(mapping.kind) => Key::Named(path, mapping.file),
        _ => Key::Kind(mapping.kind),
    }
}

/// Whether there is one thing of this kind in a process, or none of its parts has a name.
fn is_kind_of_its_own(kind: Kind) -> bool {
    matches!(kind, Kind::Heap | Kind::Stack | Kind::ThreadStack | Kind::Vdso | Kind::Vvar | Kind::Vsyscall)
}

/// As the kernel names what is no file.
fn name(kind: Kind) -> Text {
    match kind {
        Kind::ThreadStack => "[thread stacks]".into(),
        kind => format!("[{}]", kind.word()).as_str().into(),
    }
}

impl Object {
    fn of(owner: &Mapping) -> Self {
        let name = match key(owner) {
            Key::Kind(kind) => name(kind),
            Key::Named(..) => owner.path.clone().unwrap_or_default(),
        };
        Self {
            name,
            file: owner.file,
            deleted: owner.deleted,
            kind: None,
            mappings: Vec::new(),
            size: Bytes(0),
            figures: Ok(Figures::default()),
        }
    }

    fn add(&mut self, place: usize, mapping: &Mapping, figures: Reading<&Figures>) {
        if self.mappings.is_empty() {
            self.kind = Some(mapping.kind);
            self.figures = figures.map(|figures| sum([figures]));
        } else {
            self.kind = self.kind.filter(|kind| *kind == mapping.kind);
            match (&mut self.figures, figures) {
                (Ok(sum), Ok(more)) => sum.add(more),
                (sum, Err(missing)) => *sum = Err(missing),
                (Err(_), Ok(_)) => {}
            }
        }
        self.mappings.push(u32::try_from(place).unwrap_or(u32::MAX));
        self.size = Bytes(self.size.0.saturating_add(mapping.size().0));
    }
}

/// The amounts of several mappings added; what one of them does not have the sum has neither. Flags and page sizes are
/// those of none.
#[must_use]
pub fn sum<'a>(figures: impl IntoIterator<Item = &'a Figures>) -> Figures {
    let mut sum = Figures::default();
    for (amount, ..) in Amount::ALL {
        sum.set(*amount, Bytes(0));
    }
    for more in figures {
        sum.add(more);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::example::{map, mapping};

    fn grouped(map: &MemoryMap) -> Vec<(String, Vec<u32>, u64)> {
        let told = |object: &Object| {
            let rss = object.figures.as_ref().ok().and_then(|figures| figures.get(Amount::Rss));
            (object.name.printable().into_owned(), object.mappings.clone(), rss.map_or(0, |rss| rss.0))
        };
        group(map, 0..map.mappings.len()).iter().map(told).collect()
    }

    #[test]
    fn mappings_are_grouped_by_what_they_are_parts_of() {
        let map = map([
            mapping(0x1000, 0x2000, Kind::Rodata, "r--p", "/bin/x").inode(7).rss(1),
            mapping(0x2000, 0x3000, Kind::Text, "r-xp", "/bin/x").inode(7).rss(2),
            mapping(0x3000, 0x4000, Kind::Data, "rw-p", "/bin/x").inode(7).rss(4),
            mapping(0x4000, 0x6000, Kind::Bss, "rw-p", "").rss(8),
            mapping(0x8000, 0x9000, Kind::Heap, "rw-p", "[heap]").rss(16),
            mapping(0x10000, 0x11000, Kind::Anonymous, "rw-p", "").rss(32),
            mapping(0x11000, 0x12000, Kind::Anonymous, "rw-p", "[anon:arena]").rss(64),
            mapping(0x12000, 0x13000, Kind::ThreadStack, "rw-p", "").rss(128),
            // Another file of the same name: the first was replaced.
            mapping(0x20000, 0x21000, Kind::Text, "r-xp", "/bin/x").inode(8).rss(256),
            mapping(0x30000, 0x31000, Kind::Anonymous, "rw-p", "").rss(512),
            mapping(0x31000, 0x32000, Kind::ThreadStack, "rw-p", "").rss(1024),
        ]);
        let expected = [
            ("/bin/x", vec![0, 1, 2, 3], 15),
            ("[heap]", vec![4], 16),
            ("[anonymous]", vec![5, 9], 544),
            ("[anon:arena]", vec![6], 64),
            ("[thread stacks]", vec![7, 10], 1152),
            ("/bin/x", vec![8], 256),
        ];
        assert_eq!(grouped(&map), expected.map(|(name, places, rss)| (name.to_owned(), places, rss)));
        let objects = group(&map, 0..map.mappings.len());
        assert_eq!((objects[0].size, objects[0].kind), (Bytes(0x5000), None));
        assert_eq!((objects[2].size, objects[2].kind), (Bytes(0x2000), Some(Kind::Anonymous)));
        assert_eq!(objects[5].file.inode, 8);
    }

    #[test]
    fn a_bss_belongs_to_its_object_also_where_the_object_itself_is_left_out() {
        let map = map([
            mapping(0x3000, 0x4000, Kind::Data, "rw-p", "/bin/x").inode(7),
            mapping(0x4000, 0x6000, Kind::Bss, "rw-p", ""),
            mapping(0x6000, 0x7000, Kind::Bss, "r--p", ""),
        ]);
        let objects = group(&map, [1, 2]);
        assert_eq!((objects.len(), &*objects[0].name, &objects[0].mappings), (1, &b"/bin/x"[..], &vec![1, 2]));
    }

    #[test]
    fn what_a_kernel_does_not_count_has_no_sum() {
        let mut map = map([
            mapping(0x1000, 0x2000, Kind::Anonymous, "rw-p", "").rss(1),
            mapping(0x2000, 0x3000, Kind::Anonymous, "r--p", "").rss(1),
        ]);
        let figures = group(&map, 0..2)[0].figures.clone().expect("there are figures");
        assert_eq!((figures.get(Amount::Rss), figures.get(Amount::Ksm)), (Some(Bytes(2)), None));
        map.figures = Err(crate::snapshot::Missing::Denied);
        assert_eq!(group(&map, 0..2)[0].figures, Err(crate::snapshot::Missing::Denied));
        assert_eq!(sum([]).get(Amount::Rss), Some(Bytes(0)));
    }
}
