//! Whether the pages that the interpreter was to make read-only after relocation are so in the living process.

use crate::snapshot::{
    map::{Mapping, Permissions},
    program::Elf,
};
use std::ops::Range;

/// The pages that PT_GNU_RELRO covers, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected<'a> {
    /// Their addresses.
    pub range: Range<u64>,
    /// The mappings that hold them.
    pub mappings: &'a [Mapping],
    /// What may be done there.
    pub state: Protection,
}

/// Whether they can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// All of them are read-only.
    ReadOnly,
    /// Some can be written to: not relocated yet, or somebody made them so.
    Writable,
    /// Some are not mapped.
    Unmapped,
    /// The range does not fill a page, and a page is the least that can be protected.
    NoPage,
}

impl Protection {
    /// The words in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Writable => "writable",
            Self::Unmapped => "not mapped",
            Self::NoPage => "less than a page",
        }
    }
}

/// Look at the pages of an executable whose lowest mapping begins at `start`; `None` where it has no PT_GNU_RELRO.
///
/// As the interpreter does (`_dl_protect_relro`), the range begins with the page that its first byte is in and ends before
/// the page that its last byte does not fill.
#[must_use]
pub fn protection<'a>(elf: &Elf, mappings: &'a [Mapping], start: u64, page_size: u64) -> Option<Protected<'a>> {
    let (first, end) = elf.relro_range?;
    let page = |address: u64| address & !(page_size.max(1) - 1);
    let moved = |address: u64| page(start.wrapping_sub(page(elf.base)).wrapping_add(address));
    let range = moved(first)..moved(end);
    let from = mappings.partition_point(|mapping| mapping.end <= range.start);
    let to = mappings.partition_point(|mapping| mapping.start < range.end).max(from);
    let held = if range.is_empty() { &[] } else { &mappings[from..to] };
    let state = match held {
        _ if range.is_empty() => Protection::NoPage,
        held if held.iter().any(|mapping| mapping.permissions.has(Permissions::WRITE)) => Protection::Writable,
        held if !covers(held, &range) => Protection::Unmapped,
        _ => Protection::ReadOnly,
    };
    Some(Protected { range, mappings: held, state })
}

fn covers(mappings: &[Mapping], range: &Range<u64>) -> bool {
    let reached =
        mappings.iter().try_fold(range.start, |reached, mapping| (mapping.start <= reached).then_some(mapping.end));
    reached.is_some_and(|reached| reached >= range.end)
}
