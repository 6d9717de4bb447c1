//! Two memory maps side by side: which object of the one is which of the other, how far it moved, which objects moved
//! together, and what that says of how the addresses were drawn.
//!
//! `parts` finds the objects of one map, `rows` aligns them and their mappings, `verdict` puts it in words; `relro` is
//! about one process alone: whether what was to become read-only is.

mod parts;
pub mod relro;
mod rows;
#[cfg(test)]
mod tests;
mod verdict;

use crate::{
    snapshot::{
        map::Mapping,
        program::{Elf, Program},
    },
    text::{Text, printable},
    unit::{Pid, ProcessKey},
};
use std::borrow::Cow;

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What sentences call it: a pid, the name of a file.
    pub name: &'a str,
    /// Whose map it is, where that is known.
    pub key: Option<ProcessKey>,
    /// In order of address.
    pub mappings: &'a [Mapping],
    /// The program file as the link `exe` has it.
    pub exe: Option<&'a [u8]>,
    /// What else was seen of the process, on this machine and since it is up: only then do device and inode name the same
    /// file on both sides. A map from elsewhere has none, and its files are known by their paths.
    pub run: Option<Run<'a>>,
}

/// What was seen of a process beside its map.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its parent.
    pub parent: Option<Pid>,
    /// Its program, and how its addresses were drawn.
    pub program: &'a Program,
}

impl<'a> Side<'a> {
    fn program(&self) -> Option<&'a Program> {
        self.run.map(|run| run.program)
    }

    fn elf(&self) -> Option<&'a Elf> {
        self.program()?.elf.as_ref().ok()?.as_ref()
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The program file, in the place where it runs.
    Executable,
    /// Any other file, or what has a name of its own.
    File,
    /// What brk(2) gives. Its address is the lowest.
    Heap,
    /// The stack of the main thread. Its address is where it ends, from where it grows downwards.
    Stack,
    /// What the kernel maps into every program: `[vdso]`, `[vvar]`.
    Kernel,
    /// `[vsyscall]` and `[uprobes]`, which lie where they always do.
    Fixed,
    /// All other memory: what mmap(2) gave. Its address is where the area of mappings ends, from where they are placed
    /// downwards.
    Area,
}

/// An object that one of the two has, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub role: Role,
    /// Its path or the kernel's name for it, without the mark of a deleted file; of the executable the path in `a`.
    pub path: Text,
    /// Which of several of the same name it is, from the highest address; 1 is the first.
    pub instance: u32,
    /// Some of it can be executed.
    pub code: bool,
    /// The two have the same name, and are different files: one was replaced, or they are in different containers.
    pub replaced: bool,
    /// Its address in the first.
    pub a: Option<u64>,
    /// Its address in the second.
    pub b: Option<u64>,
}

impl Object {
    /// How far it is from `a` to `b`, in bytes; `None` where one of them does not have it.
    #[must_use]
    pub fn distance(&self) -> Option<i128> {
        Some(i128::from(self.b?) - i128::from(self.a?))
    }

    /// The word for it in reports: that of its role, as the laboratory uses them, else its path.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self.role {
            Role::Executable => b"executable",
            Role::Heap => b"heap",
            Role::Stack => b"stack",
            Role::Area => b"mmap",
            Role::Kernel | Role::Fixed => without_brackets(&self.path),
            Role::File => &self.path,
        }
    }

    /// Its name in a sentence: of a path the last part.
    fn brief(&self) -> Cow<'_, str> {
        let last = self.name().rsplit(|byte| *byte == b'/').next();
        printable(last.filter(|last| !last.is_empty()).unwrap_or(self.name()))
    }
}

/// Names that the kernel makes stand in brackets.
fn without_brackets(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}

/// Mappings that are the same part of the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The place of its object in [`Comparison::objects`].
    pub object: usize,
    /// The place of the mapping in the first map.
    pub a: Option<usize>,
    /// The place of the mapping in the second map.
    pub b: Option<usize>,
}

/// What comes of comparing two maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Whether both run the same program; `None` where it cannot be told.
    pub same_executable: Option<bool>,
    /// In order of their addresses in the first; what only the second has follows what it follows there.
    pub objects: Vec<Object>,
    /// Mapping by mapping, in the same order.
    pub rows: Vec<Row>,
    /// Places in `objects` of those that moved by the same distance, the largest group first; groups of one are left out.
    pub together: Vec<Vec<usize>>,
    /// What it says, in a sentence or two.
    pub verdict: String,
}

/// Compare two maps.
#[must_use]
pub fn compare(a: &Side<'_>, b: &Side<'_>) -> Comparison {
    let (objects, rows) = rows::align(a, b);
    let same_executable = same_executable(a, b);
    let together = together(&objects);
    let verdict = verdict::of(a, b, same_executable, &objects, &together);
    Comparison { same_executable, objects, rows, together, verdict }
}

/// The place of the lowest mapping of the executable; `None` where it is not mapped or not known.
#[must_use]
pub fn executable(side: &Side<'_>) -> Option<usize> {
    parts::Parts::of(side).executable()
}

/// By file, else by build-id: the same program can be two files, in two containers. By path where that is all there is.
fn same_executable(a: &Side<'_>, b: &Side<'_>) -> Option<bool> {
    if let (Some(a_program), Some(b_program)) = (a.program(), b.program())
        && let (Some(a_file), Some(b_file)) = (a_program.file, b_program.file)
    {
        let id = |side: &Side<'_>| side.elf().and_then(|elf| elf.build_id.clone());
        return Some(a_file == b_file || id(a).is_some_and(|id_of_a| Some(id_of_a) == id(b)));
    }
    Some(parts::without_mark(a.exe?) == parts::without_mark(b.exe?))
}

fn together(objects: &[Object]) -> Vec<Vec<usize>> {
    let mut moved: Vec<_> =
        objects.iter().enumerate().filter_map(|(at, object)| Some((object.distance()?, at))).collect();
    moved.retain(|(distance, _)| *distance != 0);
    moved.sort_unstable();
    let groups = moved.chunk_by(|first, second| first.0 == second.0).filter(|group| group.len() > 1);
    let mut groups: Vec<Vec<usize>> = groups.map(|group| group.iter().map(|(_, at)| *at).collect()).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

/// A distance as reports write it: `-0x1f000`.
#[must_use]
pub fn distance_text(distance: i128) -> String {
    let sign = if distance < 0 { "-" } else { "" };
    format!("{sign}{:#x}", distance.unsigned_abs())
}
