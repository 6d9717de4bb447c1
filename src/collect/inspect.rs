//! Questions about single processes, each answered on a thread of its own: a read that never comes back holds up nothing
//! but itself, and is not asked again while it is out.
//!
//! A question stands until another list of questions comes without it. What changes with time is read again, at most
//! once a second and never for more than a tenth of the time: `smaps` of a large process keeps the process itself waiting.

#![expect(clippy::disallowed_methods, reason = "the place where questions are asked again in time")]

use super::{lab, map, memory, pages, program, sharers, source::Source};
use crate::snapshot::{
    Missing, Reading,
    inspect::{Answer, Question, Reply},
};
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// The shortest time from one read to the next.
const SHORTEST: Duration = Duration::from_secs(1);
/// A read that took this long is followed by this many times as long without one.
const REST: u32 = 9;
/// After this long a read counts as blocked; a whole `smaps` can take a while where there are terabytes.
const DEADLINE: Duration = Duration::from_secs(1);
/// Reads under way at the same time, those that are stuck included.
const MOST: usize = 4;

/// Told an answer, or a part of it; `Break` where nobody wants more.
pub type Tell<'a> = &'a mut dyn FnMut(Reading<Answer>) -> ControlFlow<()>;

/// Answer a question, wherever that leads: it may wait for ever.
pub fn answer(shared: &Arc<dyn Source>, question: &Question, tell: Tell<'_>) {
    let source = &**shared;
    let done = match question {
        Question::Map(key, depth) => tell(map::read(source, *key, *depth).map(|map| Answer::Map(map.map(Arc::new)))),
        Question::Pages(key, range) => tell(pages::read(source, *key, range.clone()).map(Arc::new).map(Answer::Pages)),
        Question::Contents(key, range) => {
            tell(memory::contents(source, *key, range.clone()).map(Arc::new).map(Answer::Contents))
        }
        Question::Search(key, needle) => memory::search(source, *key, needle, tell),
        Question::Sharers(file) => sharers::find(shared, *file, tell),
        Question::Program(key) => tell(program::read(source, *key).map(Arc::new).map(Answer::Program)),
        Question::Lab(order) => lab::run(source, order, tell),
    };
    let (ControlFlow::Continue(()) | ControlFlow::Break(())) = done;
}

/// Answers the questions that stand, until it is dropped.
pub struct Inspector {
    events: Sender<Event>,
}

enum Event {
    Ask(Vec<Question>),
    Answered(Question),
    End,
}

/// Told each reply; false where nobody listens any more.
pub type Listener = dyn Fn(Reply) -> bool + Send + Sync;

impl Inspector {
    /// Start without a question.
    #[must_use]
    pub fn start(source: Arc<dyn Source>, listener: Arc<Listener>) -> Self {
        let (events, received) = channel();
        let sender = events.clone();
        let work = move || Work { source, listener, sender, standing: Vec::new() }.serve(&received);
        // Without the thread questions stay unanswered, and the screen says that they are being read.
        let _ = thread::Builder::new().name("inspector".into()).stack_size(128 * 1024).spawn(work);
        Self { events }
    }

    /// These questions stand now, and no others.
    pub fn ask(&self, questions: Vec<Question>) {
        let _ = self.events.send(Event::Ask(questions));
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.events.send(Event::End);
    }
}

struct Standing {
    question: Question,
    state: State,
    /// Nobody wants it any more.
    dropped: Arc<AtomicBool>,
}

enum State {
    /// To be asked at this time.
    Due(Instant),
    /// A thread is at it since then; whether it was said to be blocked.
    Out(Instant, bool),
    /// Answered once and for all.
    Done,
}

struct Work {
    source: Arc<dyn Source>,
    listener: Arc<Listener>,
    sender: Sender<Event>,
    /// The questions that stand, and those dropped whose thread has not come back.
    standing: Vec<Standing>,
}

impl Work {
    fn serve(mut self, events: &Receiver<Event>) {
        loop {
            self.start_due();
            let event = match self.next_moment() {
                Some(moment) => events.recv_timeout(moment.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Ask(questions)) => self.ask(questions),
                Ok(Event::Answered(question)) => self.answered(&question),
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.note_blocked();
        }
    }

    fn ask(&mut self, questions: Vec<Question>) {
        for standing in &mut self.standing {
            let wanted = questions.contains(&standing.question);
            standing.dropped.store(!wanted, Ordering::Relaxed);
        }
        self.standing
            .retain(|standing| !standing.dropped.load(Ordering::Relaxed) || matches!(standing.state, State::Out(..)));
        for question in questions {
            if !self.standing.iter().any(|standing| standing.question == question) {
                let state = State::Due(Instant::now());
                self.standing.push(Standing { question, state, dropped: Arc::default() });
            }
        }
    }

    fn answered(&mut self, question: &Question) {
        for standing in self.standing.iter_mut().filter(|standing| standing.question == *question) {
            if let State::Out(since, _) = standing.state {
                let took = since.elapsed();
                standing.state = if question.is_repeated() {
                    State::Due(since + SHORTEST.max(took * (REST + 1)))
                } else {
                    State::Done
                };
            }
        }
        self.standing.retain(|standing| !standing.dropped.load(Ordering::Relaxed));
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        let mut out = self.standing.iter().filter(|standing| matches!(standing.state, State::Out(..))).count();
        for standing in &mut self.standing {
            let due = matches!(standing.state, State::Due(when) if when <= now);
            if !due || out >= MOST {
                continue;
            }
            let (source, listener) = (Arc::clone(&self.source), Arc::clone(&self.listener));
            let (sender, dropped) = (self.sender.clone(), Arc::clone(&standing.dropped));
            let question = standing.question.clone();
            let work = move || {
                answer(&source, &question, &mut |answer| {
                    if dropped.load(Ordering::Relaxed) || !listener((question.clone(), answer)) {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                });
                let _ = sender.send(Event::Answered(question));
            };
            if thread::Builder::new().name("detail".into()).stack_size(512 * 1024).spawn(work).is_ok() {
                standing.state = State::Out(now, false);
                out += 1;
            } else {
                standing.state = State::Due(now + SHORTEST);
            }
        }
    }

    /// When there is something to do even if nothing happens.
    fn next_moment(&self) -> Option<Instant> {
        let full = self.standing.iter().filter(|standing| matches!(standing.state, State::Out(..))).count() >= MOST;
        let moment = |standing: &Standing| match standing.state {
            State::Due(when) if !full => Some(when),
            State::Out(since, false) if standing.question.is_repeated() => Some(since + DEADLINE),
            _ => None,
        };
        self.standing.iter().filter_map(moment).min()
    }

    /// Tell once of a read that does not come back. What takes long by its nature tells of its progress itself.
    fn note_blocked(&mut self) {
        for standing in self.standing.iter_mut().filter(|standing| standing.question.is_repeated()) {
            if let State::Out(since, said @ false) = &mut standing.state
                && since.elapsed() >= DEADLINE
            {
                *said = true;
                if !standing.dropped.load(Ordering::Relaxed) {
                    (self.listener)((standing.question.clone(), Err(Missing::Blocked)));
                }
            }
        }
    }
}
