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
    fs::{AtFlags, CWD, Mode, OFlags, RawDir, openat, readlinkat, statat},
    io::Errno,
    param, process, thread, time,
};
use std::{io, mem::MaybeUninit, ops::ControlFlow, path::Path, time::Duration};

/// A directory laid out like /proc.
#[derive(Debug)]
pub struct Live {
    root: OwnedFd,
    observer: Observer,
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
        Ok(Self { root, observer })
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
        read_whole(&file, in_one_piece(name), into).map_err(missing)
    }

    fn stream(&self, path: &str, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Reading<()> {
        let file = self.open(path)?;
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            piece.clear();
            // The kernel hands over a few KiB at a time; the more there is in a piece, the less often somebody is woken.
            while piece.capacity() - piece.len() >= PIECE / 4 {
                match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut piece)) {
                    Ok(0) => {
                        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = each(&piece);
                        return Ok(());
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(missing(error)),
                }
            }
            if each(&piece).is_break() {
                return Ok(());
            }
        }
    }

    fn open(&self, path: &str) -> Reading<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        openat(&self.root, path, flags, Mode::empty()).map_err(missing)
    }

    fn file_id(&self, path: &str) -> Option<u64> {
        statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| stat.st_ino)
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

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// How much of a large file is handed over at a time.
const PIECE: usize = 128 * 1024;

/// No file of /proc that is read as a whole comes near this; a link to `/dev/zero` in a hostile tree goes on for ever.
const LARGEST: usize = 1 << 30;

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
