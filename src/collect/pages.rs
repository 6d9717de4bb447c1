//! States of pages: by `PAGEMAP_SCAN`, by reading `pagemap` where the kernel is older. Neither touches a page.
//!
//! What it costs goes by the pages and page tables that are there, not by the addresses that a mapping reserves.

use super::{
    source::{Source, missing},
    space,
};
use crate::{
    snapshot::{
        Missing, Reading,
        memory::{PageRun, PageSource, PageState, Pages},
    },
    sys::pagemap::{self, FILE, GUARD, HUGE, PRESENT, Run, SWAPPED, Wanted, ZERO},
    unit::ProcessKey,
};
use rustix::{
    fd::OwnedFd,
    io::{Errno, pread},
};
use std::{ops::Range, slice};

/// Pages in one request, so that the process is not kept waiting for its own address space: 1 GiB of small ones.
const PIECE: u64 = 1 << 18;
/// Runs in one answer of the kernel.
const RUNS: usize = 4096;
/// Bytes in an entry of `pagemap`.
const ENTRY: usize = size_of::<u64>();
/// Bytes of `pagemap` read at a time.
const BLOCK: usize = 128 * 1024;
/// Pages told without `PAGEMAP_SCAN`, where each costs 8 bytes, there or not: 256 GiB of small ones.
const MOST: u64 = 1 << 26;

/// The state of every page that a range of addresses touches.
///
/// # Errors
/// Why it cannot be read. `Unsupported` above the addresses of processes, where `[vsyscall]` is, and for more than
/// 256 GiB where the kernel lacks `PAGEMAP_SCAN`.
pub fn read(source: &dyn Source, key: ProcessKey, range: Range<u64>) -> Reading<Pages> {
    read_all(source, key, slice::from_ref(&range))?.pop().unwrap_or(Err(Missing::Malformed))
}

/// The same for several ranges, each with an answer of its own; ranges that join are one walk for the kernel.
///
/// # Errors
/// Why none of them can be read.
pub fn read_all(source: &dyn Source, key: ProcessKey, ranges: &[Range<u64>]) -> Reading<Vec<Reading<Pages>>> {
    let mut table = PageTable::open(source, key)?;
    let taken = source.now();
    let ranges: Vec<_> = ranges.iter().map(|range| table.aligned(range)).collect();
    let mut answers = Vec::with_capacity(ranges.len());
    for joined in ranges.chunk_by(|one, next| one.end == next.start) {
        let mut split = Split::new(joined, table.page_size);
        let range = joined.first().map_or(0, |range| range.start)..joined.last().map_or(0, |range| range.end);
        match table.walk(range, |run| split.add(run.start..run.end, state(run.categories))) {
            Ok(()) => answers.extend(split.finish().into_iter().map(Ok)),
            Err(missing) => answers.extend(joined.iter().map(|_| Err(missing))),
        }
    }
    table.confirm(source)?;
    let took = source.now().boot.saturating_sub(taken.boot);
    let (page_size, source) = (table.page_size, table.source());
    let pages = |(range, runs): (Range<u64>, Reading<Vec<PageRun>>)| {
        runs.map(|runs| Pages { range, page_size, runs, source, taken, took })
    };
    Ok(ranges.into_iter().zip(answers).map(pages).collect())
}

/// What the categories of a page come to. What guards is not there, though the kernel keeps it like a page in swap.
pub(super) fn state(categories: u64) -> PageState {
    let is = |category| categories & category != 0;
    match () {
        () if is(GUARD) => PageState::Untouched,
        () if is(SWAPPED) => PageState::Swapped,
        () if is(ZERO) => PageState::Zero,
        () if is(HUGE) => PageState::Huge,
        () if is(FILE) => PageState::File,
        () if is(PRESENT) => PageState::Anonymous,
        () => PageState::Untouched,
    }
}

/// The page table of one process, opened.
pub(super) struct PageTable {
    key: ProcessKey,
    pagemap: OwnedFd,
    page_size: u64,
    /// The categories that the kernel can tell; `None` where it has no `PAGEMAP_SCAN`.
    told: Option<u64>,
    /// Filled by the kernel, again and again.
    runs: Vec<Run>,
    /// Pages that may still be read one by one.
    left: u64,
}

impl PageTable {
    /// Open it.
    ///
    /// # Errors
    /// As [`space::open`].
    pub fn open(source: &dyn Source, key: ProcessKey) -> Reading<Self> {
        let pagemap = space::open(source, key, "pagemap")?;
        let page_size = source.units().page_size.max(1);
        let mut table = Self { key, pagemap, page_size, told: None, runs: vec![Run::default(); RUNS], left: MOST };
        let known = PRESENT | SWAPPED | FILE | ZERO | HUGE;
        // In the first page of an address space there is nothing: whether the request is understood is all it tells.
        table.told = [known | GUARD, known].into_iter().find(|told| table.request(&(0..page_size), *told).is_ok());
        Ok(table)
    }

    /// The interface that tells.
    pub fn source(&self) -> PageSource {
        if self.told.is_some() { PageSource::Scan } else { PageSource::Pagemap }
    }

    /// The whole pages that hold a range.
    pub fn aligned(&self, range: &Range<u64>) -> Range<u64> {
        let down = |address: u64| address - address % self.page_size;
        let end = range.end.checked_next_multiple_of(self.page_size).unwrap_or(down(range.end));
        down(range.start)..end.max(down(range.start))
    }

    /// Hand over the pages of an aligned range that are there or guard, as runs of one category in order of address.
    ///
    /// # Errors
    /// `Unsupported` above the addresses of the process, and where too many pages would have to be read one by one;
    /// `Gone` where the process lost this address space, which is by exec too.
    pub fn walk(&mut self, range: Range<u64>, each: impl FnMut(Run)) -> Reading<()> {
        let Some(last) = range.end.checked_sub(self.page_size).filter(|last| *last >= range.start) else {
            return Ok(());
        };
        // Above the last address of a process there are no entries; a walk would find nothing and not say why.
        if !self.has_entry(last) {
            return Err(if self.has_entry(0) { Missing::Unsupported } else { Missing::Gone });
        }
        match self.told {
            Some(told) => self.scan(range, told, each),
            None => self.read_entries(range, each),
        }
    }

    /// Make sure that all was told of the process meant, which still has the address space it had.
    ///
    /// # Errors
    /// `Gone`.
    pub fn confirm(&self, source: &dyn Source) -> Reading<()> {
        space::find(source, self.key)?;
        if self.has_entry(0) { Ok(()) } else { Err(Missing::Gone) }
    }

    /// Whether `pagemap` goes on to this address. It ends at once where the address space is no more.
    fn has_entry(&self, address: u64) -> bool {
        let mut entry = [0; ENTRY];
        pread(&self.pagemap, &mut entry, address / self.page_size * ENTRY as u64).is_ok_and(|read| read == entry.len())
    }

    fn request(&mut self, range: &Range<u64>, told: u64) -> Result<pagemap::Walk, Errno> {
        let wanted = Wanted { any_of: told & (PRESENT | SWAPPED | GUARD), told, most_pages: PIECE };
        pagemap::scan(&self.pagemap, range.clone(), wanted, &mut self.runs)
    }

    fn scan(&mut self, range: Range<u64>, told: u64, mut each: impl FnMut(Run)) -> Reading<()> {
        let mut at = range.start;
        while at < range.end {
            let walk = self.request(&(at..range.end), told).map_err(missing)?;
            self.runs.iter().take(walk.runs).copied().for_each(&mut each);
            if walk.end <= at {
                return Err(Missing::Malformed);
            }
            at = walk.end;
        }
        Ok(())
    }

    fn read_entries(&mut self, range: Range<u64>, mut each: impl FnMut(Run)) -> Reading<()> {
        let (mut at, end) = (range.start / self.page_size, range.end / self.page_size);
        self.left = self.left.checked_sub(end - at).ok_or(Missing::Unsupported)?;
        let mut block = vec![0; BLOCK];
        while at < end {
            let wanted = usize::try_from((end - at) * ENTRY as u64).map_or(BLOCK, |wanted| wanted.min(BLOCK));
            let read = pread(&self.pagemap, block.get_mut(..wanted).unwrap_or_default(), at * ENTRY as u64)
                .map_err(missing)?;
            let (entries, _) = block.get(..read).unwrap_or_default().as_chunks();
            if entries.is_empty() {
                return Err(Missing::Gone);
            }
            for same in entries.chunk_by(|one, next| categories(*one) == categories(*next)) {
                let (start, pages) = (at, same.len() as u64);
                at += pages;
                let categories = same.first().map_or(0, |entry| categories(*entry));
                if categories != 0 {
                    each(Run { start: start * self.page_size, end: at * self.page_size, categories });
                }
            }
        }
        Ok(())
    }
}

/// An entry of `pagemap` in the words of `PAGEMAP_SCAN` (Documentation/admin-guide/mm/pagemap.rst).
fn categories(entry: [u8; ENTRY]) -> u64 {
    const BITS: [(u32, u64); 4] = [(63, PRESENT), (62, SWAPPED), (61, FILE), (58, GUARD)];
    let entry = u64::from_ne_bytes(entry);
    if entry >> 62 == 0 {
        return 0;
    }
    BITS.iter().filter(|(bit, _)| entry >> bit & 1 != 0).fold(0, |sum, (_, category)| sum | category)
}

/// Takes runs apart where one range ends and the next begins, and fills what lies between them.
struct Split<'a> {
    page_size: u64,
    /// Ranges that join, from the one that is being filled.
    ranges: &'a [Range<u64>],
    /// All before this address is told.
    at: u64,
    runs: Vec<PageRun>,
    full: Vec<Vec<PageRun>>,
}

impl<'a> Split<'a> {
    fn new(ranges: &'a [Range<u64>], page_size: u64) -> Self {
        let at = ranges.first().map_or(0, |range| range.start);
        Self { page_size, ranges, at, runs: Vec::new(), full: Vec::with_capacity(ranges.len()) }
    }

    /// Pages in one state, behind all that came before.
    fn add(&mut self, pages: Range<u64>, state: PageState) {
        while let Some(end) = self.ranges.first().map(|range| range.end) {
            self.fill(pages.start.min(end), PageState::Untouched);
            self.fill(pages.end.min(end), state);
            if pages.end <= end {
                return;
            }
            self.next();
        }
    }

    fn finish(mut self) -> Vec<Vec<PageRun>> {
        while let Some(range) = self.ranges.first() {
            self.fill(range.end, PageState::Untouched);
            self.next();
        }
        self.full
    }

    fn fill(&mut self, end: u64, state: PageState) {
        let pages = end.saturating_sub(self.at) / self.page_size;
        if pages == 0 {
            return;
        }
        match self.runs.last_mut().filter(|last| last.state == state) {
            Some(last) => last.pages += pages,
            None => self.runs.push(PageRun { start: self.at, pages, state }),
        }
        self.at = end;
    }

    fn next(&mut self) {
        self.full.push(std::mem::take(&mut self.runs));
        self.ranges = self.ranges.get(1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::live::Live;
    use std::path::Path;

    fn run(start: u64, pages: u64, state: PageState) -> PageRun {
        PageRun { start, pages, state }
    }

    #[test]
    fn runs_are_joined_filled_and_cut_where_ranges_end() {
        use PageState::{Anonymous, File, Untouched};
        let ranges = [0x1000..0x5000, 0x5000..0x6000, 0x6000..0x6000, 0x6000..0xa000];
        let mut split = Split::new(&ranges, 0x1000);
        split.add(0x2000..0x3000, Anonymous);
        split.add(0x3000..0x4000, Anonymous);
        split.add(0x4000..0x8000, File);
        split.add(0x8000..0x9000, Untouched);
        let expected = vec![
            vec![run(0x1000, 1, Untouched), run(0x2000, 2, Anonymous), run(0x4000, 1, File)],
            vec![run(0x5000, 1, File)],
            vec![],
            vec![run(0x6000, 2, File), run(0x8000, 2, Untouched)],
        ];
        assert_eq!(split.finish(), expected);
        assert_eq!(Split::new(&ranges[..1], 0x1000).finish(), [[run(0x1000, 4, Untouched)]]);
        assert!(Split::new(&[], 0x1000).finish().is_empty());
    }

    #[test]
    fn categories_come_to_one_state() {
        let cases = [
            (0, PageState::Untouched),
            (PRESENT, PageState::Anonymous),
            (PRESENT | FILE, PageState::File),
            (PRESENT | FILE | HUGE, PageState::Huge),
            (PRESENT | HUGE | ZERO, PageState::Zero),
            (PRESENT | ZERO, PageState::Zero),
            (SWAPPED, PageState::Swapped),
            (SWAPPED | FILE | HUGE, PageState::Swapped),
            (SWAPPED | GUARD, PageState::Untouched),
        ];
        for (categories, expected) in cases {
            assert_eq!(state(categories), expected, "{categories:#x}");
        }
    }

    #[test]
    fn entries_of_pagemap_come_to_the_same_states() {
        let of = |entry: u64| state(categories(entry.to_ne_bytes()));
        assert_eq!(of(0), PageState::Untouched);
        assert_eq!(of(1 << 55), PageState::Untouched, "soft-dirty alone is no page");
        assert_eq!(of(1 << 63 | 1 << 56 | 0x1234), PageState::Anonymous);
        assert_eq!(of(1 << 63 | 1 << 61), PageState::File);
        assert_eq!(of(1 << 62 | 0x1234), PageState::Swapped);
        assert_eq!(of(1 << 62 | 1 << 58), PageState::Untouched);
    }

    /// The process of this test.
    fn own() -> (Live, ProcessKey) {
        let live = Live::open(Path::new("/proc")).expect("/proc is mounted");
        let pid = live.observer().pid.expect("it is of this namespace");
        let process = super::super::process::read_stat(
            &mut super::super::source::Reader::new(&live),
            super::super::source::Task::Process(pid),
            None,
        );
        (live, process.expect("the own stat can be read").key)
    }

    #[test]
    fn both_interfaces_of_the_kernel_tell_the_same() {
        let (live, key) = own();
        let page = live.units().page_size;
        // So much is never taken from memory that was given back before.
        let mut memory = vec![0u8; 40 << 20];
        let first = (memory.as_ptr().addr() as u64).next_multiple_of(page);
        for at in (0..60).step_by(3) {
            let offset = first + at * page - memory.as_ptr().addr() as u64;
            memory[usize::try_from(offset).expect("it is small")] = 1;
        }
        let told = |scan: Option<()>| {
            let mut table = PageTable::open(&live, key).expect("the own pagemap can be opened");
            table.told = scan.and(table.told);
            let (range, mut runs) = (first..first + 60 * page, Vec::new());
            table.walk(range, |run| runs.push((run.start, run.end, state(run.categories)))).expect("it can be read");
            (table.source(), runs)
        };
        let (source, runs) = told(None);
        assert_eq!((source, runs.len()), (PageSource::Pagemap, 20));
        assert!(runs.iter().all(|(start, end, state)| end - start == page && *state == PageState::Anonymous));
        assert_eq!(told(Some(())).1, runs);
        drop(memory);
    }

    #[test]
    fn without_the_request_large_ranges_are_refused_and_not_waited_for() {
        let (live, key) = own();
        let mut table = PageTable::open(&live, key).expect("the own pagemap can be opened");
        let page = table.page_size;
        table.told = None;
        assert_eq!(table.walk(page..(MOST + 2) * page, |_| ()), Err(Missing::Unsupported));
        assert_eq!(table.walk(page..3 * page, |_| ()), Ok(()), "what was refused has cost nothing");
    }

    #[test]
    fn addresses_above_those_of_processes_are_refused() {
        let (live, key) = own();
        assert_eq!(read(&live, key, 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_1000).err(), Some(Missing::Unsupported));
        assert_eq!(read(&live, key, 0..u64::MAX).err(), Some(Missing::Unsupported));
        let nothing = read(&live, key, 0x1000..0x1000).expect("an empty range can be read");
        assert_eq!((nothing.runs.len(), nothing.range), (0, 0x1000..0x1000));
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_told_of() {
        let (live, mut key) = own();
        key.start.0 += 1;
        assert_eq!(read(&live, key, 0..0x1000).err(), Some(Missing::Gone));
    }
}
