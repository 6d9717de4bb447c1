//! The laboratory: a command started again and again, stopped before a line of it has run.
//!
//! One thread does all that ptrace is needed for (`work`); the one that was asked tells what came of it, and ends a child
//! that does not come to its stop. `command` finds the program as a shell would, `interpreter` the places to stop at.

#![expect(clippy::disallowed_methods, reason = "runs have a deadline, and progress is told at intervals")]

mod command;
mod interpreter;
mod work;

use super::{
    inspect::Tell,
    program,
    source::{Reader, Source},
};
use crate::{
    snapshot::{
        Missing, Reading,
        inspect::Answer,
        lab::{Lab, Order, Run},
        program::Elf,
    },
    sys::trace,
    text::Text,
};
use rustix::fd::OwnedFd;
use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// From one telling to the next.
const INTERVAL: Duration = Duration::from_millis(50);
/// A child that has not come to its stop after this long is given up: libraries on a disk that sleeps take their time.
const DEADLINE: Duration = Duration::from_secs(10);

/// Run what was ordered, telling what came of it at intervals and at the end. `Unsupported` for a recording, and where the
/// processes shown are not those of sysview's own namespace.
pub fn run(source: &dyn Source, order: &Order, tell: Tell<'_>) -> ControlFlow<()> {
    if source.observer().foreign || !source.can_block() {
        return tell(Err(Missing::Unsupported));
    }
    let release = Reader::new(source).file("sys/kernel/osrelease").map(|release| Text::from(release.trim_ascii()));
    let mut lab = Lab {
        settings: program::settings(source),
        release,
        page_size: source.units().page_size,
        ..Lab::new(order.clone())
    };
    let found = match command::find(&order.command) {
        Ok(found) => found,
        Err(problem) => {
            lab.problem = Some(problem);
            lab.done = true;
            return tell(Ok(Answer::Lab(Arc::new(lab))));
        }
    };
    let watch = Watch::default();
    thread::scope(|scope| {
        let (events, received) = channel();
        let (watch, runs) = (&watch, order.runs);
        let work = move || work::all(source, &found, runs, watch, &events);
        let started = thread::Builder::new().name("lab".into()).stack_size(512 * 1024).spawn_scoped(scope, work);
        if let Err(error) = started {
            lab.problem = Some(format!("no thread could be started: {error}"));
        }
        follow(&mut lab, &received, watch, tell)
    })
}

/// What the working thread has to say.
enum Event {
    /// The first run has begun.
    Begun(About),
    /// A run is done.
    Run(Arc<Run>),
    /// Something deserves to be said.
    Note(String),
    /// It cannot go on.
    Problem(String),
}

/// What is known of the program once it has been started.
struct About {
    program: Reading<Text>,
    elf: Reading<Option<Elf>>,
    personality: Reading<u32>,
}

/// Tell what the working thread does until it ends, or nobody wants to know any more.
fn follow(lab: &mut Lab, events: &Receiver<Event>, watch: &Watch, tell: Tell<'_>) -> ControlFlow<()> {
    let mut told = Instant::now();
    loop {
        match events.recv_timeout(INTERVAL.saturating_sub(told.elapsed())) {
            Ok(Event::Begun(about)) => {
                (lab.program, lab.elf, lab.personality) = (about.program, about.elf, about.personality);
            }
            Ok(Event::Run(run)) => lab.runs.push(run),
            Ok(Event::Note(note)) => lab.notes.push(note),
            Ok(Event::Problem(problem)) => lab.problem = Some(problem),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                lab.done = true;
                return tell(Ok(Answer::Lab(Arc::new(lab.clone()))));
            }
        }
        if told.elapsed() < INTERVAL {
            continue;
        }
        told = Instant::now();
        if watch.end_overdue() {
            lab.problem = Some(format!("it did not come to its first stop within {} s", DEADLINE.as_secs()));
        }
        if tell(Ok(Answer::Lab(Arc::new(lab.clone())))).is_break() {
            watch.end();
            return ControlFlow::Break(());
        }
    }
}

/// The child there is, for whoever does not trace it: it can be ended, which the one who waits for it will notice.
#[derive(Default)]
struct Watch(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    child: Option<(OwnedFd, Instant)>,
    /// No further child is wanted.
    is_over: bool,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Nothing is half done while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is a child now; false where none is wanted any more.
    fn begin(&self, child: OwnedFd) -> bool {
        let mut watched = self.lock();
        watched.child = Some((child, Instant::now()));
        !watched.is_over
    }

    /// The child has come to its stop, or to its end.
    fn finish(&self) {
        self.lock().child = None;
    }

    fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// End what there is, and let nothing follow.
    fn end(&self) {
        let mut watched = self.lock();
        watched.is_over = true;
        if let Some((child, _)) = &watched.child {
            // It may have ended meanwhile.
            let _ = trace::end(child);
        }
    }

    /// End a child that takes too long; whether there was one.
    fn end_overdue(&self) -> bool {
        let is_overdue = self.lock().child.as_ref().is_some_and(|(_, since)| since.elapsed() > DEADLINE);
        if is_overdue {
            self.end();
        }
        is_overdue
    }
}
