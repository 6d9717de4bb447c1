//! What is asked about single processes beyond their row, and what comes of it: memory maps, pages, contents, the program
//! file, the laboratory. Questions stand for as long as something on the screen needs their answer.

use super::{
    Reading,
    lab::{Lab, Order},
    map::{FileId, MemoryMap},
    memory::{Contents, Hits, Pages, Sharers},
    program::Program,
};
use crate::{text::Text, unit::ProcessKey};
use std::{ops::Range, sync::Arc};

/// Something to be found out about one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Its memory map.
    Map(ProcessKey, Depth),
    /// The state of each page in a range of addresses.
    Pages(ProcessKey, Range<u64>),
    /// The bytes in a range of addresses.
    Contents(ProcessKey, Range<u64>),
    /// Where these bytes stand in its memory.
    Search(ProcessKey, Text),
    /// Who else maps this file.
    Sharers(FileId),
    /// Its program file, and how its addresses were drawn.
    Program(ProcessKey),
    /// Where a command's memory comes to lie, run after run.
    Lab(Order),
}

impl Question {
    /// Whether the answer changes with time, so that it is asked again and again while it stands.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        matches!(self, Self::Map(..) | Self::Pages(..) | Self::Contents(..))
    }

    /// Whether it is answered at once, so that it is stuck where it is not. The others take long by their nature.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.is_repeated() || matches!(self, Self::Program(_))
    }

    /// The process whose files are read for it.
    #[must_use]
    pub fn process(&self) -> Option<ProcessKey> {
        match self {
            Self::Map(key, _)
            | Self::Pages(key, _)
            | Self::Contents(key, _)
            | Self::Search(key, _)
            | Self::Program(key) => Some(*key),
            Self::Sharers(_) | Self::Lab(_) => None,
        }
    }
}

/// How much of a memory map is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// `maps`.
    Addresses,
    /// `smaps` and `smaps_rollup`, for which the kernel looks at every page.
    Figures,
}

/// What came of a question; those that take long are answered several times, each time with more.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `None` where the process has no memory of its own: a kernel thread, a zombie.
    Map(Option<Arc<MemoryMap>>),
    /// To [`Question::Pages`].
    Pages(Arc<Pages>),
    /// To [`Question::Contents`].
    Contents(Arc<Contents>),
    /// To [`Question::Search`].
    Search(Arc<Hits>),
    /// To [`Question::Sharers`].
    Sharers(Arc<Sharers>),
    /// To [`Question::Program`].
    Program(Arc<Program>),
    /// To [`Question::Lab`].
    Lab(Arc<Lab>),
}

/// A question and what came of it.
pub type Reply = (Question, Reading<Answer>);
