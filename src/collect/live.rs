//! The live system: `/proc`, or another directory given with `--proc-root`.

#![expect(clippy::disallowed_methods, reason = "the place where kernel files are opened and the clock is read")]

use super::source::{Source, missing};
use crate::{
    proc::fields,
    snapshot::{Missing, Moment, Observer, Reading, Units},
    sys::clock,
    unit::{Id, Nanoseconds, Pid},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, RawDir, SeekFrom, openat, readlinkat, seek, statat},
    io::Errno,
    param, process, thread, time,
};
use std::{
    io,
    mem::MaybeUninit,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    time::{Duration, Instant},
};

/// A directory laid out like /proc.
#[derive(Debug)]
pub struct Live {
    root: OwnedFd,
    observer: Observer,
    /// Threads that ask a file system for inode numbers.
    asking: Arc<AtomicUsize>,
}

impl Live {
    /// Open the directory.
    ///
    /// # Errors
    /// Where it cannot be opened as a directory.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        // Where `self` is another pid than the own one, or there is none, every pid shown is of another namespace.
        let own = process::getpid().as_raw_nonzero().get().cast_unsigned();
        let itself = readlinkat(&root, "self", Vec::new()).ok();
        let foreign = itself.is_none_or(|link| link.to_bytes() != own.to_string().as_bytes());
        let observer = Observer {
            pid: (!foreign).then_some(Pid(own)),
            uid: Id(process::geteuid().as_raw()),
            ptrace: has_ptrace_capability(),
            foreign,
        };
        Ok(Self { root, observer, asking: Arc::default() })
    }
}

fn has_ptrace_capability() -> bool {
    thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(thread::CapabilitySet::SYS_PTRACE))
}

impl Source for Live {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        // Without O_NONBLOCK a FIFO in a hostile tree would hold the caller in open(2); on /proc itself it means nothing.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let name = file_name(path);
        let flags = if waits(name) { flags } else { flags | OFlags::NONBLOCK };
        let file = openat(&self.root, path, flags, Mode::empty()).map_err(missing)?;
        read_whole(&file, in_one_piece(name), into).map_err(missing)?;
        if may_end_early(name) { still_there(&file, into.len()) } else { Ok(()) }
    }

    fn stream(&self, path: &str, each: &mut dyn FnMut(&mut Vec<u8>) -> ControlFlow<()>) -> Reading<()> {
        let file = self.open(path)?;
        let (mut piece, mut whole) = (Vec::new(), 0);
        loop {
            piece.clear();
            piece.reserve(PIECE);
            let ended = fill(&file, &mut piece).map_err(missing)?;
            whole += piece.len();
            if whole > LARGEST {
                return Err(Missing::Unsupported);
            }
            if ended && may_end_early(file_name(path)) {
                still_there(&file, whole)?;
            }
            if each(&mut piece).is_break() || ended {
                return Ok(());
            }
        }
    }

    fn open(&self, path: &str) -> Reading<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        openat(&self.root, path, flags, Mode::empty()).map_err(missing)
    }

    fn inodes(&self, paths: Vec<Vec<u8>>) -> Vec<Reading<u64>> {
        let mut inodes = vec![Err(Missing::Blocked); paths.len()];
        let Ok(root) = self.root.try_clone() else { return inodes };
        // Those that do not come back are not followed by more and more of them.
        let one_more = |asking| (asking < ASKING).then_some(asking + 1);
        if paths.is_empty() || self.asking.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return inodes;
        }
        let asking = Arc::clone(&self.asking);
        let (sender, answers) = channel();
        let ask = move || {
            let inode = |path| statat(&root, path, AtFlags::SYMLINK_NOFOLLOW).map(|stat| stat.st_ino).map_err(missing);
            // It fails when nobody waits any more.
            let _ = paths.into_iter().try_for_each(|path| sender.send(inode(path)));
            asking.fetch_sub(1, Ordering::Relaxed);
        };
        let end = Instant::now() + ANSWER;
        if std::thread::Builder::new().name("stat".into()).stack_size(128 * 1024).spawn(ask).is_err() {
            self.asking.fetch_sub(1, Ordering::Relaxed);
        }
        for inode in &mut inodes {
            let Ok(answer) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) else { break };
            *inode = answer;
        }
        inodes
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        readlinkat(&self.root, path, Vec::new()).map(std::ffi::CString::into_bytes).map_err(missing)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        let path = if path.is_empty() { "." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let directory = openat(&self.root, path, flags, Mode::empty()).map_err(missing)?;
        let start = into.len();
        let mut buffer = [MaybeUninit::<u8>::uninit(); 16 * 1024];
        let mut entries = RawDir::new(&directory, &mut buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => into.extend(pid_of(entry.file_name().to_bytes())),
                // The process ended while its threads were listed; those found so far are right.
                Err(Errno::NOENT | Errno::SRCH) => break,
                Err(error) => return Err(missing(error)),
            }
        }
        // procfs lists in order; a tree on a disk does not.
        if let Some(found) = into.get_mut(start..).filter(|found| !found.is_sorted()) {
            found.sort_unstable();
        }
        Ok(())
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        if self.observer.foreign { Err(Missing::Unsupported) } else { clock::of_process(pid) }
    }

    fn now(&self) -> Moment {
        Moment { boot: read_clock(time::ClockId::Boottime), wall: read_clock(time::ClockId::Realtime) }
    }

    fn units(&self) -> Units {
        Units { page_size: param::page_size() as u64, ticks_per_second: param::clock_ticks_per_second() }
    }

    fn observer(&self) -> Observer {
        self.observer
    }

    fn can_block(&self) -> bool {
        true
    }
}

/// A name that is a number as the kernel writes it, as a pid. `042` would be the process 42 a second time.
pub(super) fn pid_of(name: &[u8]) -> Option<Pid> {
    if name.starts_with(b"0") {
        return None;
    }
    fields::digits(name).ok().and_then(|number| u32::try_from(number).ok()).map(Pid)
}

/// Files whose read can wait for ever; they are read by `detail`, which does not mind.
fn waits(name: &str) -> bool {
    matches!(name, "cmdline" | "environ" | "maps" | "smaps" | "smaps_rollup")
}

/// Files that the kernel makes in one piece, so that a read shorter than the buffer was the last.
fn in_one_piece(name: &str) -> bool {
    matches!(name, "stat" | "statm" | "status" | "schedstat" | "io")
}

/// Files that end where the memory that they tell of is given back, as if that had been all.
fn may_end_early(name: &str) -> bool {
    matches!(name, "maps" | "smaps")
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// How much of a large file is handed over at a time.
const PIECE: usize = 128 * 1024;

/// No file of /proc that is read as a whole comes near this; a link to `/dev/zero` in a hostile tree goes on for ever.
const LARGEST: usize = 1 << 30;

/// How many threads may ask for inode numbers at the same time, and how long one is waited for.
const ASKING: usize = 2;
const ANSWER: Duration = Duration::from_millis(300);

/// Read until the buffer is nearly full; true at the end. The kernel hands over a few KiB at a time; the more there is in a
/// piece, the less often somebody is woken.
fn fill(file: &OwnedFd, piece: &mut Vec<u8>) -> rustix::io::Result<bool> {
    while piece.capacity() - piece.len() >= PIECE / 4 {
        match rustix::io::read(file, rustix::buffer::spare_capacity(piece)) {
            Ok(0) => return Ok(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// After the end: whether what was read tells of memory that is still there, or else broke off somewhere. A file that
/// is opened keeps to the memory that there was; a process that runs another program has other memory.
fn still_there(file: &OwnedFd, told: usize) -> Reading<()> {
    if told == 0 || seek(file, SeekFrom::Start(0)).is_err() {
        // Nothing was told, or it is a pipe in the place of a file.
        return Ok(());
    }
    let mut byte = [0; 1];
    match rustix::io::read(file, &mut byte) {
        Ok(0) => Err(Missing::Gone),
        Ok(_) => Ok(()),
        Err(error) => Err(missing(error)),
    }
}

/// Read until the end. Most files of /proc fit the buffer's first size.
fn read_whole(file: &OwnedFd, one_piece: bool, into: &mut Vec<u8>) -> rustix::io::Result<()> {
    into.clear();
    loop {
        if into.capacity() - into.len() < 1024 {
            into.reserve(into.len().max(4096));
        }
        let free = into.capacity() - into.len();
        match rustix::io::read(file, rustix::buffer::spare_capacity(into)) {
            Ok(_) if into.len() > LARGEST => return Err(Errno::FBIG),
            Ok(count) if count == 0 || (one_piece && count < free) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            // A FIFO in a foreign tree that nobody writes to.
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn read_clock(id: time::ClockId) -> Duration {
    let time = time::clock_gettime(id);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
