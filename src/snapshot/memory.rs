//! What is looked at inside a memory map: the states of pages, the bytes themselves, where some bytes stand, and who else
//! maps a file.

use super::{Moment, Reading, map::Permissions};
use crate::{
    text::Text,
    unit::{Bytes, ProcessKey},
};
use std::{ops::Range, time::Duration};

macro_rules! page_states {
    ($($state:ident $word:literal $meaning:literal),* $(,)?) => {
        /// What a page is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is explained in the table")]
        pub enum PageState { $($state),* }

        impl PageState {
            /// Every state with its word and its meaning.
            pub const ALL: &[(Self, &'static str, &'static str)] = &[$((Self::$state, $word, $meaning)),*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

page_states! {
    Untouched "untouched" "not there: never touched, or given back",
    Anonymous "anonymous" "in memory, without a file behind it",
    File "file" "in memory, a page of a file or shared",
    Huge "huge" "in memory, part of a huge page",
    Swapped "swapped" "in swap",
    Zero "zero" "the one page of zeros that all share: read, never written",
}

impl PageState {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What it means, as a phrase.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

/// Neighbouring pages in the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// Address of the first.
    pub start: u64,
    /// How many.
    pub pages: u64,
    /// What they are.
    pub state: PageState,
}

/// The kernel interface that told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSource {
    /// The request `PAGEMAP_SCAN`, since 6.7.
    Scan,
    /// `/proc/PID/pagemap`, 8 bytes a page; it tells neither huge pages nor the page of zeros apart.
    Pagemap,
}

/// The states of all pages in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The addresses looked at.
    pub range: Range<u64>,
    /// Bytes in a page.
    pub page_size: u64,
    /// From the first to the last page, without gaps.
    pub runs: Vec<PageRun>,
    /// Where it is from.
    pub source: PageSource,
    /// When it was read.
    pub taken: Moment,
    /// How long that took.
    pub took: Duration,
}

impl Pages {
    /// How many pages are in each state, in the order of [`PageState::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; PageState::COUNT] {
        let mut counts = [0u64; PageState::COUNT];
        for run in &self.runs {
            counts[run.state as usize] += run.pages;
        }
        counts
    }
}

/// Bytes of memory, page by page as far as they can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Pieces in order of address, without gaps: where each begins, how long it is and what it holds.
    pub pieces: Vec<Piece>,
    /// When they were read.
    pub taken: Moment,
}

/// A piece of memory that can be read, or cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First address.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
    /// The bytes.
    pub bytes: Reading<Vec<u8>>,
}

impl Contents {
    /// The byte at an address.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn byte(&self, address: u64) -> Reading<u8> {
        use super::Missing;
        let at = self.pieces.partition_point(|piece| piece.start.saturating_add(piece.length) <= address);
        let piece = self.pieces.get(at).filter(|piece| piece.start <= address).ok_or(Missing::NotRequested)?;
        let bytes = piece.bytes.as_ref().map_err(|missing| *missing)?;
        let offset = usize::try_from(address - piece.start).map_err(|_| Missing::Malformed)?;
        bytes.get(offset).copied().ok_or(Missing::Malformed)
    }
}

/// How far a search through the memory of a process has come, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Addresses of matches, rising; at most [`Hits::MOST`].
    pub found: Vec<u64>,
    /// Matches beyond those kept.
    pub more: u64,
    /// Bytes looked through.
    pub searched: u64,
    /// Bytes there are to look through.
    pub total: u64,
    /// Bytes that could not be read.
    pub unreadable: u64,
    /// Whether all was looked through.
    pub done: bool,
}

impl Hits {
    /// How many matches are kept.
    pub const MOST: usize = 10_000;
}

/// Who maps a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharers {
    /// Those that do, in order of pid.
    pub processes: Vec<Sharer>,
    /// How many processes were looked at.
    pub looked_at: u32,
    /// How many could not be looked at.
    pub denied: u32,
    /// Whether all have been looked at.
    pub done: bool,
}

/// A process that maps a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharer {
    /// Who.
    pub key: ProcessKey,
    /// Its name.
    pub name: Text,
    /// Address space that it maps of the file.
    pub size: Bytes,
    /// What it may do in any of it.
    pub permissions: Vec<Permissions>,
}
