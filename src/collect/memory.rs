//! The bytes in the memory of a process, by reading `mem` at places; never written to, never attached.
//!
//! A read of `mem` brings in the pages that it wants, like a touch by the process itself. So a search looks at no page
//! that is not there, and private memory that was never touched is told as the zeros it holds without being read.

use super::{
    inspect::Tell,
    map,
    pages::{PageTable, state},
    source::{Source, missing},
    space,
};
use crate::{
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Depth},
        map::{Kind, Mapping, Permissions},
        memory::{Contents, Hits, PageState, Piece},
    },
    unit::ProcessKey,
};
use memchr::memmem::Finder;
use rustix::{
    fd::OwnedFd,
    io::{Errno, pread},
};
use std::{
    ops::{ControlFlow, Range},
    sync::Arc,
    time::Duration,
};

/// The most bytes that are read for one question.
pub const LARGEST: u64 = 64 * 1024;
/// Bytes looked through at a time.
const BLOCK: usize = 1 << 20;
/// From one word of how far a search has come to the next.
const PERIOD: Duration = Duration::from_millis(50);

/// The bytes in a range of addresses, of which no more than the first [`LARGEST`] are read.
///
/// A page that cannot be read is `Unsupported`: no memory is mapped there, it is that of a device, it guards, or it lies
/// behind the end of its file.
///
/// # Errors
/// Why nothing can be read; the kernel wants the right to trace the process (ptrace(2)).
pub fn contents(source: &dyn Source, key: ProcessKey, range: Range<u64>) -> Reading<Contents> {
    let memory = space::open(source, key, "mem")?;
    let taken = source.now();
    let end = range.end.min(range.start.saturating_add(LARGEST)).max(range.start);
    let mut pieces = Patchwork { page_size: source.units().page_size.max(1), at: range.start, pieces: Vec::new() };
    for zeros in untouched(source, key, &(range.start..end)).unwrap_or_default() {
        pieces.read(&memory, zeros.start)?;
        pieces.push(zeros.end, Ok(vec![0; length(&zeros)]));
    }
    pieces.read(&memory, end)?;
    space::find(source, key)?;
    Ok(Contents { pieces: pieces.pieces, taken })
}

/// Where private memory without a file was never touched, and so holds zeros.
fn untouched(source: &dyn Source, key: ProcessKey, range: &Range<u64>) -> Reading<Vec<Range<u64>>> {
    let mut table = PageTable::open(source, key)?;
    let mut there: Vec<Range<u64>> = Vec::new();
    table.walk(table.aligned(range), |run| there.push(run.start..run.end))?;
    let absent = gaps(range, there);
    if absent.is_empty() {
        return Ok(absent);
    }
    let map = map::read(source, key, Depth::Addresses)?.ok_or(Missing::Gone)?;
    let holding = map.mappings.iter().filter(|mapping| is_zero_at_first(mapping));
    let holding: Vec<_> = holding.map(Mapping::range).filter(|held| held.start < range.end).collect();
    let both = |gap: Range<u64>| {
        let cut = move |held: &Range<u64>| gap.start.max(held.start)..gap.end.min(held.end);
        holding.iter().map(cut).filter(|both| !both.is_empty())
    };
    Ok(absent.into_iter().flat_map(both).collect())
}

/// What of a range lies between others, which are in order.
fn gaps(range: &Range<u64>, others: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut at = range.start;
    let last = range.end..range.end;
    let mut gap = |other: Range<u64>| {
        let gap = at..other.start.min(range.end);
        at = at.max(other.end);
        gap
    };
    others.into_iter().chain([last]).map(&mut gap).filter(|gap| !gap.is_empty()).collect()
}

/// Whether pages that nobody has touched are zeros, and nobody else's business.
fn is_zero_at_first(mapping: &Mapping) -> bool {
    let kinds = [Kind::Anonymous, Kind::Heap, Kind::Stack, Kind::ThreadStack, Kind::Bss];
    mapping.file.inode == 0 && !mapping.permissions.has(Permissions::SHARED) && kinds.contains(&mapping.kind)
}

fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

/// The address after the page that holds this one.
fn next_page(address: u64, page_size: u64) -> u64 {
    (address - address % page_size).saturating_add(page_size)
}

/// What has been read, in order of address and without gaps.
struct Patchwork {
    page_size: u64,
    /// All before this address is told.
    at: u64,
    pieces: Vec<Piece>,
}

impl Patchwork {
    /// Read on to an address, around the pages that cannot be read.
    fn read(&mut self, memory: &OwnedFd, end: u64) -> Reading<()> {
        while self.at < end {
            let mut bytes = vec![0; length(&(self.at..end))];
            match pread(memory, &mut bytes, self.at) {
                // The file ends at once where the address space is no more.
                Ok(0) => return Err(Missing::Gone),
                Ok(read) => {
                    bytes.truncate(read);
                    self.push(self.at + read as u64, Ok(bytes));
                }
                Err(Errno::INTR) => {}
                // An error is about the first page; those behind it may be there.
                Err(error) => self.push(next_page(self.at, self.page_size).min(end), Err(missing(error))),
            }
        }
        Ok(())
    }

    /// What is there up to an address.
    fn push(&mut self, end: u64, bytes: Reading<Vec<u8>>) {
        let length = end - self.at;
        let joined = match (self.pieces.last_mut(), &bytes) {
            (Some(Piece { bytes: Ok(before), length: sum, .. }), Ok(more)) => {
                before.extend_from_slice(more);
                Some(sum)
            }
            (Some(Piece { bytes: Err(before), length: sum, .. }), Err(again)) if before == again => Some(sum),
            _ => None,
        };
        match joined {
            Some(sum) => *sum += length,
            None => self.pieces.push(Piece { start: self.at, length, bytes }),
        }
        self.at = end;
    }
}

/// Find bytes in all readable memory of a process that is there, telling what was found so far now and then.
///
/// Memory of devices is left alone, and so is every page that is neither in memory nor in swap. Matches do not overlap.
pub fn search(source: &dyn Source, key: ProcessKey, needle: &[u8], tell: Tell<'_>) -> ControlFlow<()> {
    match Search::begin(source, key, needle) {
        Ok(mut search) => match search.run(tell)? {
            Ok(()) => search.tell(tell),
            Err(missing) => tell(Err(missing)),
        },
        Err(missing) => tell(Err(missing)),
    }
}

struct Search<'a> {
    source: &'a dyn Source,
    finder: Finder<'a>,
    memory: OwnedFd,
    table: PageTable,
    page_size: u64,
    /// Where to look, in order of address and joined.
    there: Vec<Range<u64>>,
    /// The end of the last match: the next begins there or later.
    from: u64,
    hits: Hits,
}

impl<'a> Search<'a> {
    fn begin(source: &'a dyn Source, key: ProcessKey, needle: &'a [u8]) -> Reading<Self> {
        let memory = space::open(source, key, "mem")?;
        let map = map::read(source, key, Depth::Addresses)?.ok_or(Missing::Gone)?;
        let mut search = Self {
            source,
            finder: Finder::new(needle),
            memory,
            table: PageTable::open(source, key)?,
            page_size: source.units().page_size.max(1),
            there: Vec::new(),
            from: 0,
            hits: Hits::default(),
        };
        let ranges: Vec<_> =
            map.mappings.iter().filter(|mapping| may_be_searched(mapping)).map(Mapping::range).collect();
        for joined in joined(ranges) {
            search.add(joined);
        }
        Ok(search)
    }

    /// Look also at what is there in this range.
    fn add(&mut self, range: Range<u64>) {
        let before = self.there.len();
        let (there, hits) = (&mut self.there, &mut self.hits);
        let walked = self.table.walk(range.clone(), |run| {
            if state(run.categories) == PageState::Untouched {
                return;
            }
            hits.total += run.end - run.start;
            match there.last_mut().filter(|last| last.end == run.start) {
                Some(last) => last.end = run.end,
                None => there.push(run.start..run.end),
            }
        });
        if walked.is_err() {
            self.there.truncate(before);
            self.hits.total += range.end - range.start;
            self.hits.unreadable += range.end - range.start;
        }
    }

    fn run(&mut self, tell: Tell<'_>) -> ControlFlow<(), Reading<()>> {
        // A match may lie across two blocks: so much of one is looked at again with the next.
        let overlap = self.finder.needle().len().saturating_sub(1);
        let mut block = vec![0; overlap + BLOCK];
        let (mut kept, mut at) = (0, 0);
        let mut told = self.source.now().boot;
        self.tell(tell)?;
        for range in std::mem::take(&mut self.there) {
            kept = if range.start == at { kept } else { 0 };
            at = range.start;
            while at < range.end {
                let wanted = length(&(at..range.end)).min(BLOCK);
                let room = block.get_mut(kept..kept + wanted).unwrap_or_default();
                match pread(&self.memory, room, at) {
                    Ok(0) => return ControlFlow::Continue(Err(Missing::Gone)),
                    Ok(read) => {
                        at += read as u64;
                        self.hits.searched += read as u64;
                        let filled = kept + read;
                        self.look(block.get(..filled).unwrap_or_default(), at - filled as u64);
                        kept = filled.min(overlap);
                        block.copy_within(filled - kept..filled, 0);
                    }
                    Err(Errno::INTR) => {}
                    Err(_) => {
                        let next = next_page(at, self.page_size).min(range.end);
                        self.hits.unreadable += next - at;
                        (at, kept) = (next, 0);
                    }
                }
                let now = self.source.now().boot;
                if now.saturating_sub(told) >= PERIOD {
                    told = now;
                    self.tell(tell)?;
                }
            }
        }
        self.hits.done = true;
        ControlFlow::Continue(self.table.confirm(self.source))
    }

    /// Note the matches in bytes that begin at this address.
    fn look(&mut self, bytes: &[u8], start: u64) {
        let needle = self.finder.needle().len();
        let mut at = length(&(start..self.from));
        while let Some(found) = bytes.get(at..).and_then(|rest| self.finder.find(rest)).filter(|_| needle > 0) {
            let address = start + (at + found) as u64;
            if self.hits.found.len() < Hits::MOST {
                self.hits.found.push(address);
            } else {
                self.hits.more += 1;
            }
            at += found + needle;
            self.from = address + needle as u64;
        }
    }

    fn tell(&self, tell: Tell<'_>) -> ControlFlow<()> {
        tell(Ok(Answer::Search(Arc::new(self.hits.clone()))))
    }
}

/// Reading memory of a device can do something to it; the kernel's own pages are not the process's.
fn may_be_searched(mapping: &Mapping) -> bool {
    mapping.permissions.has(Permissions::READ) && !matches!(mapping.kind, Kind::Device | Kind::Vvar | Kind::Vsyscall)
}

/// Ranges that follow one another made one.
fn joined(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => joined.push(range),
        }
    }
    joined
}
