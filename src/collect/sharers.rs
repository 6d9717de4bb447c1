//! Who else maps a file: the maps of all processes, looked through for one line.
//!
//! Reading a map can wait for ever (a process stuck with its memory map locked). The processes are read one after the
//! other on a thread beside; where that one is held up, another goes on behind it, and nobody waits for it at the end.

#![expect(clippy::disallowed_methods, reason = "waits for other threads end at a deadline")]

use super::{
    inspect::Tell,
    process::{read_stat, task_with_memory},
    source::{Reader, Source, Task},
    space,
};
use crate::{
    proc::{fields::lines, maps},
    snapshot::{
        Missing, Reading,
        inspect::Answer,
        map::{FileId, Permissions},
        memory::{Sharer, Sharers},
    },
    unit::{Bytes, Pid},
};
use memchr::memmem::Finder;
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// After this long a read counts as one that never comes back.
const PATIENCE: Duration = Duration::from_millis(300);
/// From one word of how far it has come to the next.
const PERIOD: Duration = Duration::from_millis(50);
/// Threads, all of which but one are held up; when all are, the rest of the processes stays unread.
const THREADS: usize = 16;

/// Look through the maps of all processes for a file, telling what was found so far now and then.
///
/// A process whose map may not be read, or does not come in time, counts as one that could not be looked at.
pub fn find(source: &Arc<dyn Source>, file: FileId, tell: Tell<'_>) -> ControlFlow<()> {
    let mut pids = Vec::new();
    if let Err(missing) = source.numbers("", &mut pids) {
        return tell(Err(missing));
    }
    // Inode 0 is what mappings without a file have.
    if file.inode == 0 {
        pids.clear();
    }
    let (sender, received) = channel();
    let count = pids.len();
    let round =
        Round { source: Arc::clone(source), file, pids, next: AtomicUsize::new(0), over: AtomicBool::new(false) };
    let mut watch =
        Watch { round: Arc::new(round), sender, count, out: Vec::new(), threads: 0, sharers: Sharers::default() };
    let done = watch.follow(&received, tell);
    watch.round.over.store(true, Ordering::Relaxed);
    done
}

/// What the threads share.
struct Round {
    source: Arc<dyn Source>,
    file: FileId,
    pids: Vec<Pid>,
    /// Place of the next process to be looked at.
    next: AtomicUsize,
    /// Nobody wants to know more.
    over: AtomicBool,
}

enum Event {
    /// A thread has begun with the process at this place.
    Begun(usize),
    /// What came of it.
    Seen(usize, Sight),
}

/// What came of one process.
enum Sight {
    /// There is nothing to look at: a kernel thread, a zombie, or it has ended.
    Nothing,
    /// It does not map the file.
    Not,
    /// It does.
    Maps(Sharer),
    /// It could not be looked at.
    Unread,
}

impl Round {
    fn work(&self, events: &Sender<Event>) {
        let mut reader = Reader::new(&*self.source);
        while !self.over.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(pid) = self.pids.get(at) else { return };
            if events.send(Event::Begun(at)).is_err() {
                return;
            }
            let sight = match self.look(&mut reader, *pid) {
                Ok(Some(sharer)) => Sight::Maps(sharer),
                Ok(None) => Sight::Not,
                Err(Missing::Gone) => Sight::Nothing,
                Err(_) => Sight::Unread,
            };
            if events.send(Event::Seen(at, sight)).is_err() {
                return;
            }
        }
    }

    /// `None` where the process does not map the file; `Gone` where it has no map.
    fn look(&self, reader: &mut Reader<'_>, pid: Pid) -> Reading<Option<Sharer>> {
        let process = read_stat(reader, Task::Process(pid), None)?;
        if process.is_kernel_thread() || process.is_zombie() {
            return Err(Missing::Gone);
        }
        let task = task_with_memory(reader, &process);
        let Some((size, permissions)) = mapped(reader.task(task, "maps")?, self.file) else { return Ok(None) };
        space::find(reader.source, process.key)?;
        Ok(Some(Sharer { key: process.key, name: process.name, size, permissions }))
    }
}

/// How much of a file a map has, and what may be done in any of it; `None` where it has none.
fn mapped(text: &[u8], file: FileId) -> Option<(Bytes, Vec<Permissions>)> {
    // As it stands in its lines; a name may hold the same by chance. Most maps do not have it at all.
    let sought = format!(" {} {}", file.device_text(), file.inode);
    let finder = Finder::new(&sought);
    finder.find(text)?;
    let (mut size, mut permissions) = (0u64, Vec::new());
    let candidates = lines(text).filter(|line| finder.find(line).is_some());
    let parsed = candidates.filter_map(|line| maps::parse(line).ok()).flatten();
    for mapping in parsed.filter(|mapping| mapping.file == file) {
        size = size.saturating_add(mapping.size().0);
        if !permissions.contains(&mapping.permissions) {
            permissions.push(mapping.permissions);
        }
    }
    (!permissions.is_empty()).then_some((Bytes(size), permissions))
}

/// A process that a thread is at.
struct Out {
    at: usize,
    since: Instant,
    /// It has taken too long.
    stuck: bool,
}

/// Collects what the threads find, and sees to it that one is always at work.
struct Watch {
    round: Arc<Round>,
    sender: Sender<Event>,
    count: usize,
    /// Begun and not answered.
    out: Vec<Out>,
    threads: usize,
    sharers: Sharers,
}

impl Watch {
    fn follow(&mut self, events: &Receiver<Event>, tell: Tell<'_>) -> ControlFlow<()> {
        let (mut seen, mut told) = (0, Instant::now());
        let mut can_go_on = self.start();
        while can_go_on && seen + self.stuck() < self.count {
            match events.recv_timeout(PERIOD) {
                Ok(Event::Begun(at)) => self.out.push(Out { at, since: Instant::now(), stuck: false }),
                Ok(Event::Seen(at, sight)) => {
                    self.out.retain(|out| out.at != at);
                    self.note(sight);
                    seen += 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.note_stuck() {
                can_go_on = self.start();
            }
            if told.elapsed() >= PERIOD {
                told = Instant::now();
                self.tell(seen, tell)?;
            }
        }
        self.sharers.done = true;
        self.tell(seen, tell)
    }

    /// One more thread; false where there may be no more.
    fn start(&mut self) -> bool {
        if self.threads == THREADS {
            return false;
        }
        self.threads += 1;
        let (round, sender) = (Arc::clone(&self.round), self.sender.clone());
        let work = move || round.work(&sender);
        thread::Builder::new().name("sharers".into()).stack_size(128 * 1024).spawn(work).is_ok()
    }

    fn stuck(&self) -> usize {
        self.out.iter().filter(|out| out.stuck).count()
    }

    /// Whether a thread turned out to be held up just now, so that nobody is at work.
    fn note_stuck(&mut self) -> bool {
        let mut any = false;
        for out in self.out.iter_mut().filter(|out| !out.stuck && out.since.elapsed() >= PATIENCE) {
            out.stuck = true;
            any = true;
        }
        any
    }

    fn note(&mut self, sight: Sight) {
        match sight {
            Sight::Nothing => {}
            Sight::Not => self.sharers.looked_at += 1,
            Sight::Unread => self.sharers.denied += 1,
            Sight::Maps(sharer) => {
                self.sharers.looked_at += 1;
                let at = self.sharers.processes.partition_point(|other| other.key.pid < sharer.key.pid);
                self.sharers.processes.insert(at, sharer);
            }
        }
    }

    /// Those that are held up, and once it is done those never begun, could not be looked at.
    fn tell(&self, seen: usize, tell: Tell<'_>) -> ControlFlow<()> {
        let unread = if self.sharers.done { self.count - seen } else { self.stuck() };
        let mut sharers = self.sharers.clone();
        sharers.denied = sharers.denied.saturating_add(u32::try_from(unread).unwrap_or(u32::MAX));
        tell(Ok(Answer::Sharers(Arc::new(sharers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId { device: (0xfe, 0), inode: 123 };

    #[test]
    fn only_lines_of_the_file_count() {
        let maps = b"\
1000-3000 r--p 00000000 fe:00 123                        /lib/a.so\n\
3000-4000 r-xp 00002000 fe:00 123                        /lib/a.so\n\
4000-5000 r--p 00003000 fe:00 123                        /lib/a.so\n\
5000-6000 rw-p 00000000 fe:00 1234                       /lib/b.so\n\
6000-7000 rw-p 00000000 fe:01 123                        /lib/c.so\n\
7000-8000 rw-p 00000000 fe:01 9                          /tmp/x fe:00 123 y\n";
        let permissions = ["r--p", "r-xp"].map(|letters| Permissions::parse(letters.as_bytes()).expect("letters"));
        assert_eq!(mapped(maps, FILE), Some((Bytes(0x4000), permissions.to_vec())));
        assert_eq!(mapped(maps, FileId { inode: 12, ..FILE }), None);
        let by_name_only = b"7000-8000 rw-p 00000000 fe:01 9                          /tmp/x fe:00 123 y\n";
        assert_eq!(mapped(by_name_only, FILE), None);
        assert_eq!(mapped(b"", FILE), None);
    }

    #[test]
    fn lines_that_are_none_are_no_mappings() {
        for line in ["", "1000", "1000-0fff r--p 0 fe:00 123", "x-y r--p 0 fe:00 123", "1000-2000 r--? 0 fe:00 123"] {
            assert_eq!(mapped(line.as_bytes(), FILE), None, "{line}");
        }
    }
}
