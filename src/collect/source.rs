//! Where bytes come from: a live directory (`live`), or a recording in a text file (`archive`).
//!
//! Paths are relative to the root of /proc; one that begins with `/` is outside of it (`/etc/passwd`, `/sys/…`).

use crate::{
    snapshot::{Missing, Moment, Observer, Reading, Units},
    unit::{Nanoseconds, Pid},
};
use std::fmt::Write as _;

/// A tree of kernel files that can be read.
pub trait Source: Send + Sync {
    /// Replace the contents of `into` by those of a file.
    ///
    /// # Errors
    /// `Gone` where there is no such file (any more), `Denied`, `Unsupported` for any other refusal.
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn link(&self, path: &str) -> Reading<Vec<u8>>;

    /// Append the names in the directory `path` that are numbers, rising: processes in `""`, threads in `"42/task"`.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()>;

    /// The CPU clock of a process.
    ///
    /// # Errors
    /// `Gone`; `Unsupported` where this source has no clocks, for any process.
    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds>;

    /// What time it is for this source.
    fn now(&self) -> Moment;

    /// How the machine behind it counts.
    fn units(&self) -> Units;

    /// Who looks, and whether at processes of its own namespace.
    fn observer(&self) -> Observer;

    /// Go on to the next sample; a live source does so by itself.
    fn advance(&self) {}

    /// Whether there is no later sample: a recording at its last.
    fn is_over(&self) -> bool {
        false
    }

    /// Whether reads can wait for ever, so that a thread of their own has to do some of them.
    fn can_block(&self) -> bool {
        false
    }
}

/// A path below the root of /proc, composed in a buffer that is used again and again.
#[derive(Debug, Default)]
pub struct ProcPath(String);

impl ProcPath {
    /// `PID/file`, or `PID/task/TID/file` for a thread.
    pub fn of(&mut self, task: Task, file: &str) -> &str {
        self.0.clear();
        match task {
            Task::Process(pid) => write!(self.0, "{pid}/{file}"),
            Task::Thread(pid, tid) => write!(self.0, "{pid}/task/{tid}/{file}"),
        }
        .unwrap_or_default();
        &self.0
    }
}

/// Whose files are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A process as a whole.
    Process(Pid),
    /// One thread of a process.
    Thread(Pid, Pid),
}

/// Reads whole small files of `source` into one buffer; each read returns what that file held.
pub struct Reader<'a> {
    /// The tree read from.
    pub source: &'a dyn Source,
    path: ProcPath,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// A reader with an empty buffer, which grows to the largest file read.
    #[must_use]
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, path: ProcPath::default(), buffer: Vec::new() }
    }

    /// The bytes of a file of a task.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn task(&mut self, task: Task, file: &str) -> Reading<&[u8]> {
        self.source.read(self.path.of(task, file), &mut self.buffer)?;
        Ok(&self.buffer)
    }

    /// The target of a link of a task.
    ///
    /// # Errors
    /// As [`Source::link`].
    pub fn task_link(&mut self, task: Task, file: &str) -> Reading<Vec<u8>> {
        self.source.link(self.path.of(task, file))
    }

    /// The bytes of a file that belongs to no process.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn file(&mut self, path: &str) -> Reading<&[u8]> {
        self.source.read(path, &mut self.buffer)?;
        Ok(&self.buffer)
    }
}

/// What an error of the operating system means for a value.
#[must_use]
pub fn missing(error: rustix::io::Errno) -> Missing {
    use rustix::io::Errno;
    match error {
        Errno::ACCESS | Errno::PERM => Missing::Denied,
        Errno::NOENT | Errno::SRCH => Missing::Gone,
        _ => Missing::Unsupported,
    }
}
