//! The laboratory: one command started again and again, stopped before a line of it has run, and where its memory lay.

use super::{
    Missing, Reading,
    map::Mapping,
    program::{Elf, Settings},
};
use crate::text::Text;
use std::sync::Arc;

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The program and its arguments.
    pub command: Vec<Text>,
    /// How many times.
    pub runs: u32,
}

/// What came of it so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Lab {
    /// What was to be run.
    pub order: Order,
    /// The file that was run in the end, which for a script is its interpreter.
    pub program: Reading<Text>,
    /// What its headers say; `None` where it is no ELF file.
    pub elf: Reading<Option<Elf>>,
    /// What the kernel is set to.
    pub settings: Settings,
    /// The release of the kernel, such as `6.18.44`.
    pub release: Reading<Text>,
    /// Bytes in a page of memory.
    pub page_size: u64,
    /// The personality that the runs had.
    pub personality: Reading<u32>,
    /// The runs that are done.
    pub runs: Vec<Arc<Run>>,
    /// What deserves to be said: a set-uid program that ran without its rights, constructors that did run.
    pub notes: Vec<String>,
    /// Why it cannot go on.
    pub problem: Option<String>,
    /// Whether it has ended.
    pub done: bool,
}

impl Lab {
    /// A laboratory in which nothing has been done.
    #[must_use]
    pub fn new(order: Order) -> Self {
        let none = Missing::NotRequested;
        Self {
            order,
            program: Err(none),
            elf: Err(none),
            settings: Settings::default(),
            release: Err(none),
            page_size: 4096,
            personality: Err(none),
            runs: Vec::new(),
            notes: Vec::new(),
            problem: None,
            done: false,
        }
    }
}

/// One run, at the moment it was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it was stopped.
    pub stopped_at: StoppedAt,
    /// Its map, in order of address.
    pub mappings: Vec<Mapping>,
    /// Where its heap will begin (`start_brk`, field 47 of stat).
    pub heap: Option<u64>,
    /// AT_BASE: where the interpreter was loaded.
    pub interpreter: Option<u64>,
    /// AT_PHDR: where the program headers of the executable lie.
    pub headers: Option<u64>,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoppedAt {
    /// The interpreter has mapped all libraries and has run nothing of them.
    Interpreter,
    /// The first instruction after exec: a static program.
    Exec,
    /// The program's entry: constructors of libraries have run.
    Entry,
}

impl StoppedAt {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter",
            Self::Exec => "exec",
            Self::Entry => "entry",
        }
    }
}
