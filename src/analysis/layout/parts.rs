//! The objects of one map: which mappings are parts of the same thing, and where it lies.

use super::{Role, Side};
use crate::snapshot::map::{DELETED, FileId, Kind, Mapping, Permissions};
use std::{borrow::Cow, collections::HashMap};

/// `AT_PHDR` of getauxval(3): an address within the executable.
const PHDR: u64 = 3;

/// Mappings that are parts of one thing.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub role: Role,
    pub name: &'a [u8],
    pub file: FileId,
    /// Which of several of the same name it is, from the highest address; 1 is the first.
    pub instance: u32,
    /// Some of it can be executed.
    pub code: bool,
    /// Their places in the map.
    pub mappings: Vec<usize>,
    /// Where it lies, in the sense of its role.
    pub address: u64,
}

/// All of a map.
pub(super) struct Parts<'a> {
    pub parts: Vec<Part<'a>>,
    /// For each mapping the part that it belongs to.
    pub owner: Vec<usize>,
}

/// By which a part is found again: two files can have one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Label<'a>(Role, &'a [u8], FileId);

impl<'a> Parts<'a> {
    pub fn of(side: &Side<'a>) -> Self {
        let mut parts = Self { parts: Vec::new(), owner: Vec::with_capacity(side.mappings.len()) };
        parts.collect(side.mappings);
        parts.name_executable(side);
        parts.count_instances(side.mappings);
        parts.find_addresses(side.mappings);
        parts.sort();
        parts
    }

    /// The place of the lowest mapping of the executable.
    pub fn executable(&self) -> Option<usize> {
        self.parts.iter().find(|part| part.role == Role::Executable)?.mappings.first().copied()
    }

    fn collect(&mut self, mappings: &'a [Mapping]) {
        let mut latest: HashMap<Label<'a>, usize> = HashMap::new();
        for (at, mapping) in mappings.iter().enumerate() {
            let part = self.file_before(mapping).unwrap_or_else(|| {
                let label = label(mapping);
                let known = latest.get(&label).copied();
                known.filter(|part| !self.begins_anew(*part, mapping, mappings)).unwrap_or_else(|| {
                    let part = self.begin(label);
                    latest.insert(label, part);
                    part
                })
            });
            self.parts[part].mappings.push(at);
            self.parts[part].code |= mapping.permissions.has(Permissions::EXECUTE);
            self.owner.push(part);
        }
    }

    fn begin(&mut self, Label(role, name, file): Label<'a>) -> usize {
        self.parts.push(Part { role, name, file, instance: 1, code: false, mappings: Vec::new(), address: 0 });
        self.parts.len() - 1
    }

    /// The object whose zeroed variables this is: the file that the mapping follows.
    fn file_before(&self, mapping: &Mapping) -> Option<usize> {
        let before = *self.owner.last()?;
        (mapping.kind == Kind::Bss && mapping.path.is_none() && self.parts[before].role == Role::File).then_some(before)
    }

    /// Whether a file is mapped once more. Its parts come in the order in which they stand in it, and two of them can begin
    /// in one page of it: the end of the constants, and what is relocated.
    fn begins_anew(&self, part: usize, mapping: &Mapping, mappings: &[Mapping]) -> bool {
        let part = &self.parts[part];
        let of_file = |at: &usize| Some(&mappings[*at]).filter(|known| known.file == mapping.file);
        let (first, last) = (part.mappings.iter().find_map(of_file), part.mappings.iter().rev().find_map(of_file));
        let (Some(first), Some(last)) = (first, last) else { return false };
        let again = (mapping.offset, mapping.permissions) == (last.offset, last.permissions);
        part.role == Role::File && (mapping.offset < last.offset || again && mapping.offset == first.offset)
    }

    /// Of the mappings of the program file those where it runs: a program can map its own file as data too.
    fn name_executable(&mut self, side: &Side<'_>) {
        let holds = |part: &Part<'_>, address: u64| {
            part.mappings.iter().any(|at| side.mappings[*at].range().contains(&address))
        };
        let headers = side.program().and_then(|program| program.draw.as_ref().ok()).and_then(|draw| draw.address(PHDR));
        let file = side.program().and_then(|program| program.file);
        let path = side.exe.map(|exe| as_in_maps(without_mark(exe)));
        let found = headers.and_then(|address| self.parts.iter().position(|part| holds(part, address)));
        let found = found.or_else(|| {
            let is_file = |part: &Part<'_>| match file {
                Some(file) => part.file == file,
                None => path.as_deref() == Some(part.name),
            };
            let mut all = (0..self.parts.len()).filter(|at| is_file(&self.parts[*at]));
            let first = all.clone().next();
            all.find(|at| self.parts[*at].code).or(first)
        });
        if let Some(part) = found.and_then(|at| self.parts.get_mut(at)).filter(|part| part.role == Role::File) {
            part.role = Role::Executable;
        }
    }

    fn count_instances(&mut self, mappings: &[Mapping]) {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|at| self.parts[*at].mappings.first().map(|first| std::cmp::Reverse(mappings[*first].start)));
        let mut counts: HashMap<Label<'a>, u32> = HashMap::new();
        for at in order {
            let part = &mut self.parts[at];
            let count = counts.entry(Label(part.role, part.name, part.file)).or_default();
            *count += 1;
            part.instance = *count;
        }
    }

    fn find_addresses(&mut self, mappings: &[Mapping]) {
        let top = self.area_top(mappings);
        for part in &mut self.parts {
            let places = part.mappings.iter().map(|at| &mappings[*at]);
            part.address = match part.role {
                Role::Area => top.unwrap_or_else(|| highest_end(places)),
                Role::Stack => highest_end(places),
                _ => places
                    .min_by_key(|mapping| mapping.start)
                    .map_or(0, |lowest| lowest.start.checked_sub(lowest.offset).unwrap_or(lowest.start)),
            };
        }
    }

    /// Bring them in the order of their addresses.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|at| self.parts[*at].address);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(to, from)| place[*from] = to);
        self.owner.iter_mut().for_each(|owner| *owner = place[*owner]);
        self.parts.sort_by_key(|part| part.address);
    }

    /// Where the area of mappings ends: below the stack, and not within what has a place of its own. A static PIE is one
    /// of the mappings there, far above its heap.
    fn area_top(&self, mappings: &[Mapping]) -> Option<u64> {
        let start = |kind| mappings.iter().find(|mapping| mapping.kind == kind).map(|mapping| mapping.start);
        let (heap, stack) = (start(Kind::Heap).unwrap_or(u64::MAX), start(Kind::Stack).unwrap_or(u64::MAX));
        let is_placed = |(mapping, part): &(&Mapping, &usize)| match self.parts[**part].role {
            Role::File | Role::Kernel | Role::Area => mapping.start < stack,
            Role::Executable => (heap..stack).contains(&mapping.start),
            Role::Heap | Role::Stack | Role::Fixed => false,
        };
        mappings.iter().zip(&self.owner).filter(is_placed).map(|(mapping, _)| mapping.end).max()
    }
}

fn highest_end<'m>(mappings: impl Iterator<Item = &'m Mapping>) -> u64 {
    mappings.map(|mapping| mapping.end).max().unwrap_or(0)
}

/// What a mapping is a part of.
fn label(mapping: &Mapping) -> Label<'_> {
    let none = FileId::default();
    let name = mapping.object().unwrap_or_default();
    match mapping.kind {
        Kind::Heap => Label(Role::Heap, b"[heap]", none),
        Kind::Stack => Label(Role::Stack, b"[stack]", none),
        Kind::Vdso | Kind::Vvar => Label(Role::Kernel, name, none),
        Kind::Vsyscall | Kind::Uprobes => Label(Role::Fixed, name, none),
        _ if mapping.file.inode != 0 || name.starts_with(b"/") => Label(Role::File, name, mapping.file),
        _ => Label(Role::Area, b"", none),
    }
}

/// A path as the link `exe` has it, without the kernel's mark of a deleted file.
pub(super) fn without_mark(exe: &[u8]) -> &[u8] {
    exe.strip_suffix(DELETED).unwrap_or(exe)
}

/// A path as `maps` writes it, which is made of lines.
fn as_in_maps(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.contains(&b'\n') {
        return Cow::Borrowed(path);
    }
    let escaped = path.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\\012"[..]);
    Cow::Owned(escaped)
}
