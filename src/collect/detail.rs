//! Reads that can wait for ever (a process stuck with its memory map locked, a file on a dead mount), on threads of
//! their own with a deadline, so that neither the tick nor a key ever waits for them.
//!
//! At most four threads; a process whose read is still out is not asked again; nobody waits for them at the end.

#![expect(clippy::disallowed_methods, reason = "waits for other threads end at a deadline")]

use super::source::{Reader, Source, Task};
use crate::{
    proc::task,
    snapshot::{Details, Missing, Parts, Reading, process::Rollup},
    text::Text,
    unit::ProcessKey,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

const THREADS: usize = 4;
/// After this long under way a read counts as blocked.
const DEADLINE: Duration = Duration::from_millis(100);
/// After this long one more thread is set to the rest of the queue.
const HELP: Duration = Duration::from_millis(5);

/// What is read here: one for each part in [`Parts::BLOCKING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum File {
    /// `cmdline`.
    Cmdline,
    /// `smaps_rollup`.
    Rollup,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cmdline, Self::Rollup];

    /// The part that it is.
    #[must_use]
    pub fn part(self) -> Parts {
        match self {
            Self::Cmdline => Parts::CMDLINE,
            Self::Rollup => Parts::ROLLUP,
        }
    }

    fn read(self, reader: &mut Reader<'_>, task: Task) -> Value {
        match self {
            Self::Cmdline => {
                let line = reader.task(task, "cmdline").map(task::command_line);
                Value::Cmdline(line.map(|line| Text::from(line.as_slice())))
            }
            Self::Rollup => Value::Rollup(read_rollup(reader, task)),
        }
    }

    /// What stands while the read does not come back.
    fn blocked(self) -> Value {
        match self {
            Self::Cmdline => Value::Cmdline(Err(Missing::Blocked)),
            Self::Rollup => Value::Rollup(Err(Missing::Blocked)),
        }
    }
}

/// One file of one process that is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Which process.
    pub key: ProcessKey,
    /// Whose files stand for it.
    pub task: Task,
    /// Which file.
    pub file: File,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// Which process.
    pub key: ProcessKey,
    file: File,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Cmdline(Reading<Text>),
    Rollup(Reading<Option<Box<Rollup>>>),
}

impl Answer {
    /// Note it in the details of its process.
    pub fn note(self, details: &mut Details) {
        details.parts |= self.file.part();
        match self.value {
            Value::Cmdline(cmdline) => details.cmdline = cmdline,
            Value::Rollup(rollup) => details.rollup = rollup,
        }
    }
}

/// The threads and what they have been asked.
pub struct Pool {
    shared: Arc<Shared>,
    /// Asked and not answered, and whether it was said to be blocked.
    out: HashMap<(ProcessKey, File), bool>,
    threads: usize,
}

struct Shared {
    source: Arc<dyn Source>,
    work: Mutex<Work>,
    /// There is something in the queue.
    ready: Condvar,
    /// The queue has been worked off.
    done: Condvar,
}

#[derive(Default)]
struct Work {
    queue: VecDeque<Job>,
    running: Vec<(Job, Instant)>,
    answers: Vec<(Job, Answer)>,
    closed: bool,
}

impl Work {
    /// Whether every thread has been at its read for longer than this.
    fn all_busy(&self, threads: usize, longer_than: Duration) -> bool {
        self.running.len() >= threads && self.running.iter().all(|(_, since)| since.elapsed() > longer_than)
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// A pool without threads yet; they are started as they are needed.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        let shared = Shared { source, work: Mutex::default(), ready: Condvar::new(), done: Condvar::new() };
        Self { shared: Arc::new(shared), out: HashMap::new(), threads: 0 }
    }

    /// Ask, unless the same is still out. Where the source cannot block the answer is there at once.
    pub fn ask(&mut self, job: Job) {
        if self.out.contains_key(&(job.key, job.file)) {
            return;
        }
        self.out.insert((job.key, job.file), false);
        if self.shared.source.can_block() {
            self.shared.work().queue.push_back(job);
        } else {
            let answer = read(&mut Reader::new(&*self.shared.source), job);
            self.shared.work().answers.push((job, answer));
        }
    }

    /// Set a thread to what was asked; one more where all others have been at one read for long.
    pub fn start(&mut self) {
        let work = self.shared.work();
        if work.queue.is_empty() {
            return;
        }
        let help = self.threads < THREADS && work.all_busy(self.threads, HELP);
        drop(work);
        if help {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("detail".into()).stack_size(128 * 1024);
            self.threads += usize::from(thread.spawn(move || serve(&shared)).is_ok());
        }
        self.shared.ready.notify_one();
    }

    /// Whether something was asked that has neither been answered nor been found to be blocked.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.out.values().any(|said_blocked| !said_blocked)
    }

    /// What has come in, waiting at most `patience` for the rest; reads found stuck stand as blocked, once.
    pub fn answers(&mut self, patience: Duration) -> Vec<Answer> {
        let end = Instant::now() + patience;
        let mut answers = Vec::new();
        loop {
            self.start();
            let mut work = self.shared.work();
            let left = end.saturating_duration_since(Instant::now());
            if !left.is_zero() && (!work.queue.is_empty() || !work.running.is_empty()) {
                let waited = self.shared.done.wait_timeout(work, left.min(HELP));
                work = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            for (job, answer) in work.answers.drain(..) {
                self.out.remove(&(job.key, job.file));
                answers.push(answer);
            }
            drop(work);
            self.note_blocked(&mut answers);
            if !self.is_waiting() || end <= Instant::now() {
                return answers;
            }
        }
    }

    /// Reads that are out too long; and those in the queue where every thread is stuck, or none could be started.
    fn note_blocked(&mut self, answers: &mut Vec<Answer>) {
        let work = self.shared.work();
        let all_stuck = self.threads == 0 || (self.threads == THREADS && work.all_busy(THREADS, DEADLINE));
        let running = work.running.iter().filter(|(_, since)| since.elapsed() > DEADLINE).map(|(job, _)| job);
        for job in running.chain(work.queue.iter().filter(|_| all_stuck)) {
            if let Some(said @ false) = self.out.get_mut(&(job.key, job.file)) {
                *said = true;
                answers.push(Answer { key: job.key, file: job.file, value: job.file.blocked() });
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.work().closed = true;
        self.shared.ready.notify_all();
    }
}

fn serve(shared: &Shared) {
    let mut reader = Reader::new(&*shared.source);
    let mut work = shared.work();
    while !work.closed {
        let Some(job) = work.queue.pop_front() else {
            shared.done.notify_one();
            work = shared.ready.wait(work).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        work.running.push((job, Instant::now()));
        drop(work);
        let answer = read(&mut reader, job);
        work = shared.work();
        work.running.retain(|(running, _)| (running.key, running.file) != (job.key, job.file));
        work.answers.push((job, answer));
    }
}

fn read(reader: &mut Reader<'_>, job: Job) -> Answer {
    Answer { key: job.key, file: job.file, value: job.file.read(reader, job.task) }
}

/// A kernel thread and a zombie have no memory map: the kernel answers ESRCH, or nothing.
fn read_rollup(reader: &mut Reader<'_>, id: Task) -> Reading<Option<Box<Rollup>>> {
    let rollup = match reader.task(id, "smaps_rollup") {
        Ok([]) => Ok(None),
        Ok(bytes) => task::rollup(bytes).map(|rollup| Some(Box::new(rollup))),
        Err(missing) => Err(missing),
    };
    // ESRCH of a process that is still there: it has no memory map.
    if rollup == Err(Missing::Gone) && reader.task(id, "stat").is_ok() { Ok(None) } else { rollup }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_can_block_is_read_here_and_no_other() {
        let parts = File::ALL.into_iter().fold(Parts::NONE, |parts, file| parts | file.part());
        assert_eq!(parts, Parts::BLOCKING);
    }
}
