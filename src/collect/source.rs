//! Where bytes come from: a live directory (`live`), or a recording in a text file (`archive`).
//!
//! Paths are relative to the root of /proc; one that begins with `/` is outside of it (`/etc/passwd`, `/sys/…`).

#![expect(clippy::disallowed_methods, reason = "the place where a recording is opened")]

use super::{
    archive::{Archive, ArchiveError},
    live::Live,
};
use crate::{
    snapshot::{Missing, Moment, Observer, Reading, Units},
    unit::{Nanoseconds, Pid},
};
use rustix::fd::OwnedFd;
use std::{
    error, fmt,
    fmt::Write as _,
    fs,
    io::{self, Read as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Open what the command line names: a recording (`-` is standard input), else a directory in place of /proc, else
/// /proc.
///
/// # Errors
/// Where it cannot be opened, or is not what it should be.
pub fn open(from: Option<&Path>, proc_root: Option<&Path>) -> Result<Arc<dyn Source>, OpenError> {
    if let Some(file) = from {
        return open_recording(file);
    }
    let root = proc_root.unwrap_or(Path::new("/proc"));
    let live = Live::open(root).map_err(|error| OpenError::Root(root.to_owned(), error))?;
    let mut pids = Vec::new();
    match live.numbers("", &mut pids) {
        Ok(()) if pids.is_empty() => Err(OpenError::Empty(root.to_owned())),
        // Whoever lists the processes says why it cannot be done.
        _ => Ok(Arc::new(live)),
    }
}

fn open_recording(file: &Path) -> Result<Arc<dyn Source>, OpenError> {
    let mut text = Vec::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut text),
        _ => fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text)),
    };
    read.map_err(|error| OpenError::Recording(file.to_owned(), error))?;
    let archive = Archive::parse(&text).map_err(|error| OpenError::Format(file.to_owned(), error))?;
    Ok(Arc::new(archive))
}

/// Why there is nothing to read from.
#[derive(Debug)]
pub enum OpenError {
    /// The recording could not be read.
    Recording(PathBuf, io::Error),
    /// The recording is none.
    Format(PathBuf, ArchiveError),
    /// The directory could not be opened.
    Root(PathBuf, io::Error),
    /// The directory holds no processes.
    Empty(PathBuf),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recording(path, error) => {
                write!(f, "cannot read {}: {error}; `sysview record FILE` makes a recording", path.display())
            }
            Self::Format(path, error) => write!(f, "{} is not a recording of sysview: {error}", path.display()),
            Self::Root(path, error) => {
                write!(f, "cannot open {}: {error}; give the directory of a mounted /proc", path.display())
            }
            Self::Empty(path) => {
                write!(f, "{} holds no processes; give the directory of a mounted /proc", path.display())
            }
        }
    }
}

impl error::Error for OpenError {}

/// A tree of kernel files that can be read.
pub trait Source: Send + Sync {
    /// Replace the contents of `into` by those of a file.
    ///
    /// # Errors
    /// `Gone` where there is no such file (any more), or what it tells of vanished before it was told; `Denied`,
    /// `Unsupported` for any other refusal.
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()>;

    /// Hand the contents of a file over in pieces, until `each` breaks off. For files that are too large to be kept. A
    /// piece may be taken away, and an empty buffer left in its place.
    ///
    /// # Errors
    /// As [`Source::read`]; pieces may have been handed over before.
    fn stream(&self, path: &str, each: &mut dyn FnMut(&mut Vec<u8>) -> ControlFlow<()>) -> Reading<()> {
        let mut whole = Vec::new();
        self.read(path, &mut whole)?;
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = each(&mut whole);
        Ok(())
    }

    /// A descriptor for reads at places of a file, such as `42/mem` and `42/pagemap`.
    ///
    /// # Errors
    /// As [`Source::read`]; `Unsupported` where this source is no live tree.
    fn open(&self, _path: &str) -> Reading<OwnedFd> {
        Err(Missing::Unsupported)
    }

    /// The inode number of what stands at each of these paths, which other people's programs name: on a file system
    /// that does not answer, perhaps. A link is not followed.
    ///
    /// # Errors
    /// As [`Source::read`] for each; `Blocked` where no answer came in time, `Unsupported` where this source is no live
    /// tree.
    fn inodes(&self, paths: Vec<Vec<u8>>) -> Vec<Reading<u64>> {
        vec![Err(Missing::Unsupported); paths.len()]
    }

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

/// Why a file is not there that every living process, or every machine, has where the kernel has it at all: then it does
/// not, or this mount of /proc does not show it.
#[must_use]
pub fn absent(missing: Missing) -> Missing {
    if missing == Missing::Gone { Missing::Unsupported } else { missing }
}
