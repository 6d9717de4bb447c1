//! One look at every process: the pass that runs each tick, and where speed is won.
//!
//! The first question per process is whether it ran since, asked of its CPU clock (0.3 µs against 5 µs for `stat`). A
//! process that did not run has the same times, faults, switches, threads and name as before, so its record is shared
//! with the snapshot before: no read, no allocation. `stat` is read for those that ran, for a third of the rows on the
//! screen and for an eighth of the rest per tick, because parent, process group, terminal, nice, memory reclaimed and
//! freezing can change without the process running. One that ran costs one allocation, its new record.

use super::{
    detail::{File, Job, Pool},
    exits::Exits,
    process::{Pass, read_parts, read_stat, task_of, task_with_memory},
    source::{Reader, Source, Task, absent},
    system::SystemReader,
    users::Users,
};
use crate::{
    proc::task,
    snapshot::{Details, Exited, Missing, Parts, Process, Reading, Request, Snapshot},
    sys::clock,
    unit::{Nanoseconds, Pid, ProcessKey},
};
use std::{fmt, sync::Arc, time::Duration};

/// One tick in this many looks at a process that nothing else calls for.
const SWEEP: u32 = 8;
/// One tick in this many looks at a row on the screen that did not run, and asks one that did for its arguments again.
const IN_VIEW: u32 = 3;

/// Why there can be no snapshot at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectError(pub Missing);

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot list the processes ({}): is this a mounted /proc that may be read?", self.0.word())
    }
}

impl std::error::Error for CollectError {}

/// Takes snapshots of a source, one after the other.
pub struct Collector {
    source: Arc<dyn Source>,
    last: Arc<Snapshot>,
    pids: Vec<Pid>,
    clocks: Vec<Reading<Nanoseconds>>,
    buffers: Buffers,
    turn: u32,
    pool: Pool,
    exits: Exits,
    system: SystemReader,
    users: Users,
}

/// Memory used again in every pass.
#[derive(Default)]
struct Buffers {
    tids: Vec<Pid>,
    /// Listed in this pass, but not to be read.
    hidden: Vec<Pid>,
}

/// Why a process is looked at in this pass.
#[derive(Clone, Copy)]
struct Occasion {
    /// Its clock moved, or there is no clock to tell.
    ran: bool,
    /// It is its turn in the slow sweep.
    swept: bool,
}

impl Collector {
    /// A collector that has seen nothing yet.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            last: Arc::new(Snapshot::default()),
            pids: Vec::new(),
            clocks: Vec::new(),
            buffers: Buffers::default(),
            turn: 0,
            pool: Pool::new(Arc::clone(&source)),
            exits: Exits::default(),
            system: SystemReader::default(),
            users: Users::new(&*source),
            source,
        }
    }

    /// Look at everything once.
    ///
    /// # Errors
    /// Where the processes cannot even be listed.
    pub fn collect(&mut self, request: &Request) -> Result<Arc<Snapshot>, CollectError> {
        self.source.advance();
        let begun = clock::own_thread();
        let source = Arc::clone(&self.source);
        let mut reader = Reader::new(&*source);
        let mut snapshot = Snapshot {
            taken: source.now(),
            units: source.units(),
            observer: source.observer(),
            users: Arc::clone(&self.last.users),
            ..Snapshot::default()
        };
        self.list(request)?;
        self.turn = self.turn.wrapping_add(1);
        let pass = Self::pass(request, &mut reader, &mut snapshot);
        self.scan_processes(request, &mut reader, pass, &mut snapshot);
        if request.threads {
            self.scan_threads(request, &mut reader, pass, &mut snapshot);
        }
        self.note_exits(request, &mut snapshot);
        // They read while this thread looks at the machine.
        self.pool.start();
        snapshot.system = Arc::new(self.system.read(&mut reader));
        self.finish(request, request.patience, &mut reader, &mut snapshot);
        self.exits.watch(&request.rows, &mut reader);
        snapshot.cost = clock::own_thread() - begun;
        snapshot.own_cpu = clock::own();
        self.last = Arc::new(snapshot);
        Ok(Arc::clone(&self.last))
    }

    /// The last snapshot with what has been asked for since, or has come in late; `None` where that is nothing.
    pub fn amend(&mut self, request: &Request) -> Option<Arc<Snapshot>> {
        let source = Arc::clone(&self.source);
        let mut reader = Reader::new(&*source);
        let mut snapshot = Snapshot::clone(&self.last);
        let pass = Self::pass(request, &mut reader, &mut snapshot);
        if request.threads && snapshot.threads.is_empty() {
            self.scan_threads(request, &mut reader, pass, &mut snapshot);
        }
        let lists = [&mut snapshot.processes, &mut snapshot.threads];
        for process in lists.into_iter().flatten() {
            let lacking = wanted(request, task_of(process), process.key).without(process.details().parts);
            if !lacking.is_empty() {
                let mut details = process.details().clone();
                let can_block = read_parts(&mut reader, process, lacking, pass, &mut details);
                if process.details() != &details {
                    Arc::make_mut(process).details = Some(Arc::new(details));
                }
                self.ask(can_block, process, &mut reader);
            }
        }
        self.finish(request, Duration::ZERO, &mut reader, &mut snapshot);
        self.exits.watch(&request.rows, &mut reader);
        let same = |old: &[Arc<Process>], new: &[Arc<Process>]| {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| Arc::ptr_eq(old, new))
        };
        if same(&self.last.processes, &snapshot.processes)
            && same(&self.last.threads, &snapshot.threads)
            && Arc::ptr_eq(&self.last.users, &snapshot.users)
        {
            return None;
        }
        self.last = Arc::new(snapshot);
        Some(Arc::clone(&self.last))
    }

    /// Whether answers are to be expected that [`Collector::amend`] would bring.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.pool.is_waiting()
    }

    /// Whether there is nothing more to collect: the source is a recording, and its last sample was looked at.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.source.is_over()
    }

    fn list(&mut self, request: &Request) -> Result<(), CollectError> {
        self.pids.clear();
        // Listed even where only some are wanted: a thread that is no process can be opened by its number as well.
        self.source.numbers("", &mut self.pids).map_err(CollectError)?;
        if let Some(only) = &request.only {
            self.pids.retain(|pid| only.contains(pid));
        }
        // All clocks in one go and close together, so that shares of CPU time rest on the same interval.
        self.clocks.clear();
        self.clocks.extend(self.pids.iter().map(|pid| self.source.cpu_clock(*pid)));
        Ok(())
    }

    fn pass(request: &Request, reader: &mut Reader<'_>, snapshot: &mut Snapshot) -> Pass {
        let wanted = request.asks_for(Parts::SCHED);
        if wanted && snapshot.scheduler == Err(Missing::NotRequested) {
            snapshot.scheduler =
                reader.file("thread-self/sched").and_then(task::sched).map(|sched| sched.exec_start).map_err(absent);
        }
        Pass { page_size: snapshot.units.page_size }
    }

    fn scan_processes(&mut self, request: &Request, reader: &mut Reader<'_>, pass: Pass, snapshot: &mut Snapshot) {
        let (last, pids, clocks) =
            (Arc::clone(&self.last), std::mem::take(&mut self.pids), std::mem::take(&mut self.clocks));
        snapshot.processes.reserve_exact(pids.len());
        self.buffers.hidden.clear();
        let mut before = last.processes.iter().peekable();
        for (pid, clock) in pids.iter().zip(&clocks) {
            while before.next_if(|process| process.key.pid < *pid).is_some() {}
            let known = before.next_if(|process| process.key.pid == *pid);
            match self.look_at(Task::Process(*pid), known, *clock, request, pass, reader) {
                Ok(process) => snapshot.processes.push(process),
                Err(Missing::Gone) => {}
                Err(_) => {
                    snapshot.hidden += 1;
                    self.buffers.hidden.push(*pid);
                }
            }
        }
        (self.pids, self.clocks) = (pids, clocks);
    }

    /// The record of one task: the one before where nothing calls for a look, else a new one.
    fn look_at(
        &mut self,
        id: Task,
        known: Option<&Arc<Process>>,
        clock: Reading<Nanoseconds>,
        request: &Request,
        pass: Pass,
        reader: &mut Reader<'_>,
    ) -> Reading<Arc<Process>> {
        let (Task::Process(pid) | Task::Thread(_, pid)) = id;
        let swept = self.is_swept(pid);
        if let Some(known) = known {
            let wanted = wanted(request, id, known.key);
            let ran = clock.is_err() || clock != known.cpu_clock;
            let in_view =
                self.is_turn_of(pid, IN_VIEW) && request.rows.binary_search_by_key(&known.key, |(key, _)| *key).is_ok();
            if !ran && !swept && !in_view && known.details().parts.contains(wanted) {
                return Ok(Arc::clone(known));
            }
            let mut process = read_stat(reader, id, Some(known))?;
            process.cpu_clock = clock;
            if process.key == known.key {
                let occasion = Occasion { ran, swept };
                return Ok(self.renew(process, known, occasion, wanted, pass, reader));
            }
            return Ok(self.complete(process, request, pass, reader));
        }
        let mut process = read_stat(reader, id, None)?;
        process.cpu_clock = clock;
        Ok(self.complete(process, request, pass, reader))
    }

    /// Whether it is the turn of this process in the slow sweep.
    fn is_swept(&self, pid: Pid) -> bool {
        self.is_turn_of(pid, SWEEP)
    }

    fn is_turn_of(&self, pid: Pid, every: u32) -> bool {
        pid.0 % every == self.turn % every
    }

    /// A process seen for the first time.
    fn complete(
        &mut self,
        mut process: Process,
        request: &Request,
        pass: Pass,
        reader: &mut Reader<'_>,
    ) -> Arc<Process> {
        let wanted = wanted(request, task_of(&process), process.key);
        if !wanted.is_empty() {
            let mut details = Details::NOTHING;
            let can_block = read_parts(reader, &process, wanted, pass, &mut details);
            process.details = Some(Arc::new(details));
            self.ask(can_block, &process, reader);
        }
        Arc::new(process)
    }

    /// A process seen before: what is wanted and may have changed is read again, the rest is kept.
    fn renew(
        &mut self,
        mut process: Process,
        known: &Arc<Process>,
        occasion: Occasion,
        wanted: Parts,
        pass: Pass,
        reader: &mut Reader<'_>,
    ) -> Arc<Process> {
        let have = known.details().parts;
        // A part that was not asked for this time and may have changed is forgotten, lest it be taken for new.
        let fresh = process.name != known.name
            || process.stat.virt != known.stat.virt
            || self.is_turn_of(process.key.pid, IN_VIEW);
        let stale = match occasion {
            // A title changes seldom, and reading it takes another thread. After an exec it is another one.
            Occasion { ran: true, .. } if !fresh && reader.source.can_block() => Parts::ALL.without(Parts::CMDLINE),
            Occasion { ran: true, .. } => Parts::ALL,
            Occasion { swept: true, .. } => Parts::CHANGE_ASLEEP,
            _ => Parts::NONE,
        };
        let read = wanted.and(stale) | wanted.without(have);
        if !stale.is_empty() && !wanted.contains(have) {
            process.details = (!wanted.is_empty()).then(|| Arc::new(kept(known.details(), wanted)));
        } else {
            process.details.clone_from(&known.details);
        }
        if !read.is_empty() {
            let mut details = process.details().clone();
            let can_block = read_parts(reader, &process, read, pass, &mut details);
            if process.details.as_deref() != Some(&details) {
                process.details = Some(Arc::new(details));
            }
            self.ask(can_block, &process, reader);
        }
        if process == **known { Arc::clone(known) } else { Arc::new(process) }
    }

    /// Hand the parts that can block to the threads that may wait.
    fn ask(&mut self, parts: Parts, process: &Process, reader: &mut Reader<'_>) {
        for file in File::ALL {
            if parts.contains(file.part()) {
                let task = task_with_memory(reader, process);
                self.pool.ask(Job { key: process.key, task, file });
            }
        }
    }

    /// Records of all threads of all processes.
    fn scan_threads(&mut self, request: &Request, reader: &mut Reader<'_>, pass: Pass, snapshot: &mut Snapshot) {
        let last = Arc::clone(&self.last);
        let mut tids = std::mem::take(&mut self.buffers.tids);
        for process in &snapshot.processes {
            let known = threads_of(&last.threads, process.key.pid);
            let unchanged = last.find(process.key).is_some_and(|before| Arc::ptr_eq(before, process));
            let complete =
                |thread: &Arc<Process>| thread.details().parts.contains(wanted(request, task_of(thread), thread.key));
            if unchanged && !known.is_empty() && !self.is_swept(process.key.pid) && known.iter().all(complete) {
                snapshot.threads.extend(known.iter().cloned());
                continue;
            }
            tids.clear();
            if self.source.numbers(&format!("{}/task", process.key.pid), &mut tids).is_err() {
                continue;
            }
            for tid in &tids {
                let before = known.binary_search_by_key(tid, |thread| thread.key.pid);
                let before = before.ok().and_then(|at| known.get(at));
                let id = Task::Thread(process.key.pid, *tid);
                let clock = Err(Missing::Unsupported);
                snapshot.threads.extend(self.look_at(id, before, clock, request, pass, reader));
            }
        }
        self.buffers.tids = tids;
    }

    fn note_exits(&mut self, request: &Request, snapshot: &mut Snapshot) {
        // What is not to be read any more, or not asked for, has not ended.
        let looked_for = |pid: Pid| {
            request.only.as_ref().is_none_or(|only| only.contains(&pid)) && !self.buffers.hidden.contains(&pid)
        };
        let mut now = snapshot.processes.iter().peekable();
        let mut exited = Vec::new();
        for process in &self.last.processes {
            while now.next_if(|other| other.key < process.key).is_some() {}
            if now.next_if(|other| other.key == process.key).is_none() && looked_for(process.key.pid) {
                let status = self.exits.status(process, snapshot.observer);
                exited.push(Exited { process: Arc::clone(process), status });
            }
        }
        snapshot.exited = exited;
    }

    /// Put into the snapshot what the waiting threads bring.
    fn finish(&mut self, request: &Request, patience: Duration, reader: &mut Reader<'_>, snapshot: &mut Snapshot) {
        for answer in self.pool.answers(patience) {
            let Some(process) = find_mut(snapshot, answer.key) else { continue };
            let mut details = process.details().clone();
            answer.note(&mut details);
            if process.details() != &details {
                Arc::make_mut(process).details = Some(Arc::new(details));
            }
        }
        let statuses = snapshot.processes.iter().filter_map(|process| process.details().status.as_ref().ok());
        let wanted = statuses.flat_map(|status| [status.uid.real, status.uid.effective]);
        snapshot.users = self.users.names(wanted, request.patience.min(patience), reader);
    }
}

/// The parts wanted of a task: of a thread only those that it has of its own.
fn wanted(request: &Request, id: Task, key: ProcessKey) -> Parts {
    match id {
        Task::Process(_) => request.parts(key),
        Task::Thread(..) => request.parts(key).and(Parts::OF_THREAD),
    }
}

/// Of these details only the parts in `wanted`; the others as if never asked for.
fn kept(details: &Details, wanted: Parts) -> Details {
    let mut kept = details.clone();
    kept.forget(details.parts.without(wanted));
    kept
}

fn threads_of(threads: &[Arc<Process>], pid: Pid) -> &[Arc<Process>] {
    let start = threads.partition_point(|thread| thread.group < pid);
    let end = threads.partition_point(|thread| thread.group <= pid);
    threads.get(start..end).unwrap_or_default()
}

/// The process an answer is for. Threads are never asked for what can block.
fn find_mut(snapshot: &mut Snapshot, key: ProcessKey) -> Option<&mut Arc<Process>> {
    let at = snapshot.position(key.pid)?;
    snapshot.processes.get_mut(at).filter(|process| process.key == key)
}
