//! Memory maps: addresses, figures and totals of one process.
//!
//! `smaps` is parsed while the kernel still writes it: the read costs the kernel two thirds of the time, so that on a second
//! core the parser costs next to nothing. Nothing is read of a process that has no memory.

#![expect(clippy::disallowed_methods, reason = "what a read costs is told, and waits end at a deadline")]

use super::{
    process::task_with_memory,
    source::{ProcPath, Reader, Source, Task, absent},
    space,
};
use crate::{
    proc::maps::{self, Smaps, kind},
    snapshot::{
        Missing, Process, Reading,
        inspect::Depth,
        map::{DELETED, Figures, Mapping, MemoryMap},
    },
    text::Text,
    unit::{Pid, ProcessKey},
};
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Threads looked at for their stacks; a map of more does not become clearer.
const THREADS: usize = 1024;
/// Pieces that may wait for the parser.
const AHEAD: usize = 8;

/// The memory map of a process; `None` where it has none (a kernel thread, a zombie).
///
/// # Errors
/// Why it cannot be read. Where figures alone cannot, that stands in their place.
pub fn read(source: &dyn Source, key: ProcessKey, depth: Depth) -> Reading<Option<MemoryMap>> {
    let process = space::find(source, key)?;
    if process.is_kernel_thread() || process.is_zombie() {
        return Ok(None);
    }
    let mut reader = Reader::new(source);
    let task = task_with_memory(&mut reader, &process);
    let mut map = match depth {
        Depth::Addresses => addresses(&mut reader, &process, task)?,
        Depth::Figures => match figures(&mut reader, &process, task) {
            Ok(map) => map,
            Err(missing) => {
                let map = addresses(&mut reader, &process, task).map_err(|_| missing)?;
                // Beside addresses that are there, figures that are not are none that this kernel has.
                let missing = absent(missing);
                MemoryMap { figures: Err(missing), totals: Err(missing), ..map }
            }
        },
    };
    if map.mappings.is_empty() {
        // It ended between the two reads, or is about to.
        return match space::find(source, key) {
            Ok(process) if process.is_zombie() => Ok(None),
            _ => Err(Missing::Gone),
        };
    }
    kind::classify(&mut map.mappings, map.figures.as_deref().ok(), &stacks(&mut reader, &process));
    mark_deleted(source, task, &mut map);
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
    Ok(MemoryMap { mappings, addresses_took: begun.elapsed(), ..map })
}

/// `smaps` and `smaps_rollup`.
fn figures(reader: &mut Reader<'_>, process: &Process, task: Task) -> Reading<MemoryMap> {
    let map = empty(reader, process, task);
    let begun = Instant::now();
    let mut path = ProcPath::default();
    let (mappings, figures) = smaps(reader.source, path.of(task, "smaps"))?;
    let totals = reader.task(task, "smaps_rollup").and_then(maps::rollup);
    Ok(MemoryMap { mappings, figures: Ok(figures), totals, figures_took: begun.elapsed(), ..map })
}

/// What is read of `smaps` before it is worth a second thread.
const SMALL: usize = 256 * 1024;

type Parsed = Reading<(Vec<Mapping>, Vec<Figures>)>;

fn smaps(source: &dyn Source, path: &str) -> Parsed {
    let mut parser = Some(Smaps::default());
    let mut parsed = 0;
    let mut problem = Ok(());
    thread::scope(|scope| {
        let mut beside = None;
        let mut take = |piece: &[u8]| {
            if let (Some(own), true) = (&mut parser, parsed < SMALL) {
                parsed += piece.len();
                problem = own.feed(piece);
                return if problem.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
            }
            let (pieces, _) = beside.get_or_insert_with(|| {
                let (pieces, received) = sync_channel::<Vec<u8>>(AHEAD);
                let mut own = parser.take().unwrap_or_default();
                let work = move || -> Parsed {
                    for piece in received {
                        own.feed(&piece)?;
                    }
                    own.finish()
                };
                (pieces, scope.spawn(work))
            });
            // The parser ends before the pieces do where it cannot go on.
            if pieces.send(piece.to_vec()).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let read = source.stream(path, &mut take);
        let outcome = match beside {
            Some((pieces, parser)) => {
                drop(pieces);
                parser.join().unwrap_or(Err(Missing::Malformed))
            }
            None => problem.and_then(|()| parser.take().unwrap_or_default().finish()),
        };
        read.and(outcome)
    })
}

/// The stack pointers of all threads but the leading one, as far as they sleep and may be looked at.
fn stacks(reader: &mut Reader<'_>, process: &Process) -> Vec<(Pid, u64)> {
    let pid = process.key.pid;
    let mut tids = Vec::new();
    if process.stat.threads > 1 {
        let _ = reader.source.numbers(&format!("{pid}/task"), &mut tids);
    }
    let others = tids.into_iter().filter(|tid| *tid != pid).take(THREADS);
    let pointer = |tid| {
        let syscall = reader.task(Task::Thread(pid, tid), "syscall").ok()?;
        Some((tid, maps::stack_pointer(syscall)?))
    };
    others.filter_map(pointer).collect()
}

/// Names that really end in ` (deleted)` belong to files that are there.
fn mark_deleted(source: &dyn Source, task: Task, map: &mut MemoryMap) {
    let mut path = ProcPath::default();
    for mapping in map.mappings.iter_mut().filter(|mapping| mapping.deleted) {
        let Some(name) = mapping.path.as_ref().filter(|name| name.starts_with(b"/")) else { continue };
        if name.ends_with(DELETED)
            && let Ok(name) = std::str::from_utf8(name)
        {
            let whole = path.of(task, &format!("root{}", name.replace("\\012", "\n"))).to_owned();
            mapping.deleted = source.file_id(&whole).is_none_or(|inode| inode != mapping.file.inode);
        }
    }
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
