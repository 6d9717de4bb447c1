//! Memory maps: addresses, figures and totals of one process.
//!
//! `smaps` of a large process is parsed while the kernel still writes it, and `smaps_rollup` read beside it, so that on a
//! second core both cost next to nothing. Nothing is read of a process that has no memory.

#![expect(clippy::disallowed_methods, reason = "what a read costs is told, and waits end at a deadline")]

use super::{
    process::task_with_memory,
    source::{ProcPath, Reader, Source, Task, absent},
    space,
};
use crate::{
    proc::maps::{self, Smaps, Stack, kind},
    snapshot::{
        Missing, Process, Reading,
        inspect::Depth,
        map::{Figures, FileId, Mapping, MemoryMap},
    },
    text::Text,
    unit::ProcessKey,
};
use rustix::process::setpriority_process;
use std::{
    collections::HashMap,
    io, mem,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

/// Threads looked at for their stacks; a map of more does not become clearer.
const THREADS: usize = 1024;
/// How often a map is read again whose process took another one meanwhile: it began another program.
const TRIES: usize = 3;

/// The memory map of a process; `None` where it has none (a kernel thread, a zombie).
///
/// # Errors
/// Why it cannot be read. Where figures alone cannot, that stands in their place.
pub fn read(source: &dyn Source, key: ProcessKey, depth: Depth) -> Reading<Option<MemoryMap>> {
    for _ in 0..TRIES {
        match read_once(source, key, depth) {
            // Its memory was given back while it was read. Whether it ended is seen when it is looked at again.
            Err(Missing::Gone) => {}
            Err(missing) if depth == Depth::Figures => return without_figures(source, key, missing),
            outcome => return outcome,
        }
    }
    match depth {
        Depth::Addresses => Err(Missing::Gone),
        // Beside addresses that are there, figures that are not are none that this kernel has.
        Depth::Figures => without_figures(source, key, absent(Missing::Gone)),
    }
}

/// Addresses alone, where figures are `missing`; where addresses cannot be read, then for the same reason.
fn without_figures(source: &dyn Source, key: ProcessKey, missing: Missing) -> Reading<Option<MemoryMap>> {
    let reason = |other| if other == Missing::Gone { other } else { missing };
    let map = read(source, key, Depth::Addresses).map_err(reason)?;
    Ok(map.map(|map| MemoryMap { figures: Err(missing), totals: Err(missing), ..map }))
}

fn read_once(source: &dyn Source, key: ProcessKey, depth: Depth) -> Reading<Option<MemoryMap>> {
    let process = space::find(source, key)?;
    if process.is_kernel_thread() || process.is_zombie() {
        return Ok(None);
    }
    let mut reader = Reader::new(source);
    let task = task_with_memory(&mut reader, &process);
    let mut map = match depth {
        Depth::Addresses => addresses(&mut reader, &process, task)?,
        Depth::Figures => figures(&mut reader, &process, task)?,
    };
    if map.mappings.is_empty() {
        // It is about to end.
        return Err(Missing::Gone);
    }
    mark_deleted(source, task, &mut map.mappings);
    kind::classify(&mut map.mappings, map.figures.as_deref().ok(), &stacks(&mut reader, &process));
    // Whoever had the pid before and after had it while the map was read.
    space::find(source, key)?;
    Ok(Some(map))
}

fn empty(reader: &mut Reader<'_>, process: &Process, task: Task) -> MemoryMap {
    MemoryMap {
        key: process.key,
        name: process.name.clone(),
        exe: reader.task_link(task, "exe").map(|exe| Text::from(exe.as_slice())),
        taken: reader.source.now(),
        through: match task {
            Task::Thread(_, tid) => Some(tid),
            Task::Process(_) => None,
        },
        addresses_took: Duration::ZERO,
        figures_took: Duration::ZERO,
        mappings: Vec::new(),
        figures: Err(Missing::NotRequested),
        totals: Err(Missing::NotRequested),
    }
}

/// `maps` alone.
fn addresses(reader: &mut Reader<'_>, process: &Process, task: Task) -> Reading<MemoryMap> {
    let map = empty(reader, process, task);
    let begun = Instant::now();
    let mappings = reader.task(task, "maps").and_then(maps::parse)?;
    Ok(MemoryMap { mappings, addresses_took: took(reader.source, begun), ..map })
}

/// How long the kernel took; nothing where it was not asked.
fn took(source: &dyn Source, begun: Instant) -> Duration {
    if source.can_block() { begun.elapsed() } else { Duration::ZERO }
}

/// `smaps` and `smaps_rollup`.
fn figures(reader: &mut Reader<'_>, process: &Process, task: Task) -> Reading<MemoryMap> {
    let map = empty(reader, process, task);
    let begun = Instant::now();
    let file = |name| ProcPath::default().of(task, name).to_owned();
    let (parsed, totals) = both(reader.source, &file("smaps"), &file("smaps_rollup"));
    let (mappings, figures) = parsed?;
    // A kernel before 4.14 has rows and no totals.
    let totals = totals.map_err(absent);
    Ok(MemoryMap { mappings, figures: Ok(figures), totals, figures_took: took(reader.source, begun), ..map })
}

/// What is read of `smaps` before it is worth other threads.
const SMALL: usize = 256 * 1024;
/// How far the parser steps back behind other threads.
const PARSER_NICE: i32 = 5;
/// Pieces that may wait for the parser.
const AHEAD: usize = 8;

type Parsed = Reading<(Vec<Mapping>, Vec<Figures>)>;

/// Rows and totals. Of a large map the rows are parsed, and the totals added up by the kernel, while this thread reads on.
fn both(source: &dyn Source, smaps: &str, rollup: &str) -> (Parsed, Reading<Figures>) {
    let read_totals = || {
        let mut bytes = Vec::new();
        source.read(rollup, &mut bytes).and_then(|()| maps::rollup(&bytes))
    };
    let parser = Mutex::new(Smaps::default());
    let parse = |piece: &[u8]| parser.lock().unwrap_or_else(PoisonError::into_inner).feed(piece);
    let (mut size, mut problem) = (0, Ok(()));
    let (read, totals) = thread::scope(|scope| {
        let mut beside: Option<Beside<'_>> = None;
        let read = source.stream(smaps, &mut |piece| {
            size += piece.len();
            problem = match &beside {
                Some(beside) => beside.take(piece),
                None => parse(piece),
            };
            if beside.is_none() && size >= SMALL {
                // Where there can be no more threads, this one does it all.
                beside = Beside::start(scope, parse, read_totals).ok();
            }
            if problem.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match beside {
            Some(beside) => {
                let (parsed, totals) = beside.finish();
                problem = problem.and(parsed);
                (read, totals)
            }
            None => (read, read.and_then(|()| read_totals())),
        }
    });
    let parser = parser.into_inner().unwrap_or_else(PoisonError::into_inner);
    (read.and(problem).and_then(|()| parser.finish()), totals)
}

/// The threads that help with a large map.
struct Beside<'scope> {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    parser: ScopedJoinHandle<'scope, Reading<()>>,
    totals: ScopedJoinHandle<'scope, Reading<Figures>>,
}

impl<'scope> Beside<'scope> {
    fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        parse: impl Fn(&[u8]) -> Reading<()> + Send + 'scope,
        read_totals: impl FnOnce() -> Reading<Figures> + Send + 'scope,
    ) -> io::Result<Self> {
        let (full, pieces) = sync_channel::<Vec<u8>>(AHEAD);
        let (back, empty) = channel();
        let work = move || {
            // It holds no lock of anybody, and what answers keys should not wait for it. Of a thread (setpriority(2)).
            let _ = setpriority_process(None, PARSER_NICE);
            for piece in pieces {
                parse(&piece)?;
                // It fails where all has been read.
                let _ = back.send(piece);
            }
            Ok(())
        };
        let thread = || thread::Builder::new().stack_size(128 * 1024);
        let totals = thread().name("rollup".into()).spawn_scoped(scope, read_totals)?;
        let parser = thread().name("parser".into()).spawn_scoped(scope, work)?;
        Ok(Self { full, empty, parser, totals })
    }

    /// Hand a piece on, for the buffer of one that was parsed.
    fn take(&self, piece: &mut Vec<u8>) -> Reading<()> {
        let full = mem::replace(piece, self.empty.try_recv().unwrap_or_default());
        // The parser ends before the pieces do where it cannot go on.
        self.full.send(full).map_err(|_| Missing::Malformed)
    }

    fn finish(self) -> (Reading<()>, Reading<Figures>) {
        drop(self.full);
        let parsed = self.parser.join().unwrap_or(Err(Missing::Malformed));
        (parsed, self.totals.join().unwrap_or(Err(Missing::Malformed)))
    }
}

/// The stack pointers of all threads, as far as they sleep and may be looked at.
fn stacks(reader: &mut Reader<'_>, process: &Process) -> Vec<Stack> {
    let pid = process.key.pid;
    let mut tids = Vec::new();
    if process.stat.threads > 1 {
        let _ = reader.source.numbers(&format!("{pid}/task"), &mut tids);
    }
    let stack = |tid| {
        let syscall = reader.task(Task::Thread(pid, tid), "syscall").ok()?;
        Some(Stack { tid, pointer: maps::stack_pointer(syscall)?, leads: tid == pid })
    };
    tids.into_iter().take(THREADS).filter_map(stack).collect()
}

/// Names that really end in ` (deleted)` belong to files that are there.
fn mark_deleted(source: &dyn Source, task: Task, mappings: &mut [Mapping]) {
    let is_doubtful =
        |mapping: &Mapping| mapping.deleted && mapping.path.as_ref().is_some_and(|path| path.starts_with(b"/"));
    let mut there: HashMap<(Text, FileId), bool> = HashMap::new();
    for mapping in mappings.iter().filter(|mapping| is_doubtful(mapping)) {
        there.extend(mapping.path.clone().map(|path| ((path, mapping.file), false)));
    }
    let mut asked = Vec::new();
    for (path, file) in there.keys() {
        asked.extend(places(task, path).into_iter().map(|place| (place, (path.clone(), *file))));
    }
    let (paths, files): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    for (inode, file) in source.inodes(paths).into_iter().zip(files) {
        if inode == Ok(file.1.inode) {
            there.insert(file, true);
        }
    }
    for mapping in mappings.iter_mut().filter(|mapping| is_doubtful(mapping)) {
        let Some(path) = mapping.path.clone() else { continue };
        mapping.deleted = there.get(&(path, mapping.file)) != Some(&true);
    }
}

/// Where a file may be that `maps` calls so: the kernel writes its path from where the reader stands, or, where no way leads
/// from there, as seen in its own mount namespace.
fn places(task: Task, path: &[u8]) -> Vec<Vec<u8>> {
    let mut root = ProcPath::default();
    let root = root.of(task, "root").as_bytes();
    names(path).into_iter().flat_map(|name| [[root, &name].concat(), name]).collect()
}

/// What the kernel writes for a newline in a path; it writes the same where a name has just that in it.
const NEWLINE: &[u8] = br"\012";
/// So many of them are tried both ways, in every combination; any more are newlines.
const DOUBTFUL: usize = 4;

/// Every name that the kernel may have written so.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let mut names = vec![Vec::new()];
    let mut begun = 0;
    for (number, at) in memchr::memmem::find_iter(path, NEWLINE).enumerate() {
        let before = path.get(begun..at).unwrap_or_default();
        begun = at + NEWLINE.len();
        for name in &mut names {
            name.extend_from_slice(before);
        }
        let others: Vec<_> = names.iter().map(|name| [name, NEWLINE].concat()).collect();
        for name in &mut names {
            name.push(b'\n');
        }
        if number < DOUBTFUL {
            names.extend(others);
        }
    }
    for name in &mut names {
        name.extend_from_slice(path.get(begun..).unwrap_or_default());
    }
    names
}

/// As [`read`], for those who cannot wait for ever: where the kernel does not come back in time, the addresses alone with
/// figures that are `Blocked`, or `Blocked`. The read goes on by itself, and nobody waits for it.
///
/// # Errors
/// As [`read`].
pub fn read_within(
    source: &Arc<dyn Source>,
    key: ProcessKey,
    depth: Depth,
    patience: Duration,
) -> Reading<Option<MemoryMap>> {
    if !source.can_block() {
        return read(&**source, key, depth);
    }
    match beside(source, key, depth, patience) {
        Err(Missing::Blocked) if depth == Depth::Figures => {
            let map = beside(source, key, Depth::Addresses, patience)?;
            Ok(map.map(|map| MemoryMap { figures: Err(Missing::Blocked), totals: Err(Missing::Blocked), ..map }))
        }
        outcome => outcome,
    }
}

fn beside(source: &Arc<dyn Source>, key: ProcessKey, depth: Depth, patience: Duration) -> Reading<Option<MemoryMap>> {
    let (sender, answer) = channel();
    let source = Arc::clone(source);
    let work = move || {
        let _ = sender.send(read(&*source, key, depth));
    };
    thread::Builder::new().name("map".into()).spawn(work).map_err(|_| Missing::Blocked)?;
    match answer.recv_timeout(patience) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(Missing::Blocked),
        Err(RecvTimeoutError::Disconnected) => Err(Missing::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Pid;

    #[test]
    fn a_name_is_tried_with_newlines_and_without() {
        assert_eq!(names(b"/plain"), [b"/plain"]);
        assert_eq!(names(br"/a\012b"), [&b"/a\nb"[..], br"/a\012b"]);
        assert_eq!(names(br"\012\012"), [&b"\n\n"[..], b"\\012\n", b"\n\\012", b"\\012\\012"]);
        let many = names(&br"/\012".repeat(100));
        assert!(many.len() == 16 && many.contains(&b"/\n".repeat(100)));
        assert_eq!(places(Task::Process(Pid(7)), b"/x"), [&b"7/root/x"[..], b"/x"]);
    }
}
