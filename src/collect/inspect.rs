//! Questions about single processes, each answered on a thread of its own: a read that never comes back holds up nothing
//! but itself, and is not asked again while it is out. Where figures do not come back, addresses are told in their place.
//!
//! A question stands until another list of questions comes without it. What changes with time is read again, at most
//! once a second and never for more than a tenth of the time: `smaps` of a large process keeps the process itself waiting.
//! All answers are told by one thread, so that a late one does not overtake a newer one. That thread also keeps the map told
//! before until the listener has let go of it: to give back the memory of a large one takes as long as to draw a screen.

#![expect(clippy::disallowed_methods, reason = "the place where questions are asked again in time")]

use super::{lab, map, memory, pages, program, sharers, source::Source};
use crate::{
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Depth, Question, Reply},
        map::MemoryMap,
    },
    unit::ProcessKey,
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
const SHORTEST: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 1000 });
/// A read that took this long is followed by this many times as long without one, up to a limit.
const REST: u32 = 9;
const LONGEST_REST: Duration = Duration::from_mins(1);
/// After this long a read counts as stuck; a whole `smaps` can take a while where there are terabytes.
const DEADLINE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 1000 });
/// Reads under way at the same time, those that are stuck aside.
const MOST: usize = 4;
/// Threads at the same time, with those that are stuck: they cannot be called back.
const THREADS: usize = 16;
/// How long a map is kept that a newer one has taken the place of.
const LINGER: Duration = Duration::from_millis(100);
/// Stuck reads of one process after which nothing more is asked of it.
const STUCK: usize = 2;

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
    /// An answer, or a part of it, of the thread with this number.
    Told(u64, Reading<Answer>),
    /// It has ended, with its answer given or without.
    Ended(u64, ControlFlow<()>),
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
        let work = move || {
            let kept = Kept::default();
            Work { source, listener, sender, standing: Vec::new(), numbers: 0, kept }.serve(&received);
        };
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
    number: u64,
    question: Question,
    /// The number of the question about figures for which this one, about addresses, steps in.
    instead_of: Option<u64>,
    state: State,
    /// It was said that there is no answer in time.
    said: bool,
    /// Nobody wants it any more.
    dropped: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be asked at this time.
    Due(Instant),
    /// A thread is at it since then, or, where it takes long by its nature, is to come back since then.
    Out(Instant),
    /// Answered once and for all.
    Done,
}

impl Standing {
    fn new(number: u64, question: Question, instead_of: Option<u64>) -> Self {
        let state = State::Due(Instant::now());
        Self { number, question, instead_of, state, said: false, dropped: Arc::default() }
    }

    fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    fn is_out(&self) -> bool {
        matches!(self.state, State::Out(_))
    }

    /// When it counts as stuck, unless it is answered by then.
    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Due(since) => Some(since + DEADLINE),
            State::Out(since) if self.question.is_short() || self.is_dropped() => Some(since + DEADLINE),
            State::Out(_) | State::Done => None,
        }
    }

    fn is_late(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    fn is_stuck(&self) -> bool {
        self.is_out() && self.is_late()
    }

    /// It is wanted, or not any more.
    fn set_wanted(&mut self, wanted: bool) {
        let dropped = self.dropped.swap(!wanted, Ordering::Relaxed);
        if wanted && dropped {
            // Whoever comes back to it has not heard it.
            self.said = false;
        }
        if let (State::Out(since), false, false) = (&mut self.state, wanted, dropped || self.question.is_short()) {
            *since = Instant::now();
        }
    }
}

struct Work {
    source: Arc<dyn Source>,
    listener: Arc<Listener>,
    sender: Sender<Event>,
    /// The questions that stand, and those dropped whose thread has not come back.
    standing: Vec<Standing>,
    /// Given out so far.
    numbers: u64,
    kept: Kept,
}

/// Maps that were told, kept so that nobody else has to give back their memory.
#[derive(Default)]
struct Kept {
    last: Option<Arc<MemoryMap>>,
    /// The one before, and until when.
    before: Option<(Instant, Arc<MemoryMap>)>,
}

impl Kept {
    fn keep(&mut self, answer: &Reading<Answer>) {
        if let Ok(Answer::Map(map)) = answer {
            let old = std::mem::replace(&mut self.last, map.clone());
            self.before = old.map(|map| (Instant::now() + LINGER, map));
        }
    }

    /// Let go of what nobody has any more.
    fn let_go(&mut self) {
        self.before.take_if(|(until, _)| *until <= Instant::now());
    }

    fn moment(&self) -> Option<Instant> {
        self.before.as_ref().map(|(until, _)| *until)
    }
}

impl Work {
    fn serve(mut self, events: &Receiver<Event>) {
        loop {
            self.start_due();
            let event = match self.next_moment() {
                Some(moment) => events.recv_timeout(moment.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let listening = match event {
                Ok(Event::Ask(questions)) => self.ask(questions),
                Ok(Event::Told(number, answer)) => self.told(number, answer),
                Ok(Event::Ended(number, done)) => self.ended(number, done),
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
                Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
            };
            if listening.is_break() || self.note_late().is_break() {
                return;
            }
            self.kept.let_go();
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn find(&self, number: u64) -> Option<&Standing> {
        self.standing.iter().find(|standing| standing.number == number)
    }

    fn ask(&mut self, questions: Vec<Question>) -> ControlFlow<()> {
        let wanted: Vec<u64> = self
            .standing
            .iter()
            .filter(|standing| standing.instead_of.is_none() && questions.contains(&standing.question))
            .map(|standing| standing.number)
            .collect();
        for standing in &mut self.standing {
            standing.set_wanted(wanted.contains(&standing.instead_of.unwrap_or(standing.number)));
        }
        self.forget_dropped();
        if !questions.iter().any(|question| matches!(question, Question::Map(..))) {
            self.kept = Kept::default();
        }
        for question in questions {
            if !self.standing.iter().any(|standing| standing.instead_of.is_none() && standing.question == question) {
                let number = self.number();
                self.standing.push(Standing::new(number, question, None));
            }
        }
        ControlFlow::Continue(())
    }

    fn forget_dropped(&mut self) {
        self.standing.retain(|standing| !standing.is_dropped() || standing.is_out());
    }

    fn tell(&mut self, question: Question, answer: Reading<Answer>) -> ControlFlow<()> {
        self.kept.keep(&answer);
        if (self.listener)((question, answer)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn told(&mut self, number: u64, answer: Reading<Answer>) -> ControlFlow<()> {
        self.step_back(number);
        let Some(standing) = self.find(number).filter(|standing| !standing.is_dropped()) else {
            return ControlFlow::Continue(());
        };
        match (&standing.question, standing.instead_of) {
            (Question::Map(key, _), Some(_)) => {
                self.tell(Question::Map(*key, Depth::Figures), answer.map(without_figures))
            }
            (question, _) => self.tell(question.clone(), answer),
        }
    }

    fn ended(&mut self, number: u64, done: ControlFlow<()>) -> ControlFlow<()> {
        self.step_back(number);
        for standing in &mut self.standing {
            if let (true, State::Out(since)) = (standing.number == number, standing.state) {
                let now = Instant::now();
                standing.said = false;
                standing.state = match done {
                    _ if standing.question.is_repeated() => {
                        let rest = now.duration_since(since).saturating_mul(REST).min(LONGEST_REST);
                        State::Due((since + SHORTEST).max(now + rest))
                    }
                    // It was dropped, and is wanted again since.
                    ControlFlow::Break(()) => State::Due(now),
                    ControlFlow::Continue(()) => State::Done,
                };
            }
        }
        self.forget_dropped();
        ControlFlow::Continue(())
    }

    /// Whether there is a thread for it.
    fn has_room(&self, process: Option<ProcessKey>) -> bool {
        let out = || self.standing.iter().filter(|standing| standing.is_out());
        let stuck = || out().filter(|standing| standing.is_stuck());
        let same = |standing: &&Standing| process.is_some() && standing.question.process() == process;
        out().count() < THREADS && out().count() - stuck().count() < MOST && stuck().filter(same).count() < STUCK
    }

    fn start_due(&mut self) {
        for at in 0..self.standing.len() {
            let Some(standing) = self.standing.get(at) else { return };
            let due = matches!(standing.state, State::Due(when) if when <= Instant::now());
            if !due || !self.has_room(standing.question.process()) {
                continue;
            }
            let started = self.start(standing);
            let Some(standing) = self.standing.get_mut(at) else { return };
            let now = Instant::now();
            standing.state = if started { State::Out(now) } else { State::Due(now + SHORTEST) };
        }
    }

    /// Begin a thread with it; whether that could be done.
    fn start(&self, standing: &Standing) -> bool {
        let (source, sender, number) = (Arc::clone(&self.source), self.sender.clone(), standing.number);
        let (question, dropped) = (standing.question.clone(), Arc::clone(&standing.dropped));
        let work = move || {
            let mut done = ControlFlow::Continue(());
            answer(&source, &question, &mut |answer| {
                let unheard = dropped.load(Ordering::Relaxed) || sender.send(Event::Told(number, answer)).is_err();
                if unheard {
                    done = ControlFlow::Break(());
                }
                done
            });
            let _ = sender.send(Event::Ended(number, done));
        };
        thread::Builder::new().name("detail".into()).stack_size(512 * 1024).spawn(work).is_ok()
    }

    /// When there is something to do even if nothing happens.
    fn next_moment(&self) -> Option<Instant> {
        let now = Instant::now();
        let moment = |standing: &Standing| {
            let due = match standing.state {
                State::Due(when) => Some(when),
                State::Out(_) | State::Done => None,
            };
            // Both have been seen to once they have passed.
            [due, standing.deadline()].into_iter().flatten().filter(|moment| *moment > now).min()
        };
        self.standing.iter().filter_map(moment).chain(self.kept.moment()).min()
    }

    /// Tell once of a read that does not come back, or cannot be begun. What takes long by its nature tells of its
    /// progress itself. Where figures do not come back, addresses may.
    fn note_late(&mut self) -> ControlFlow<()> {
        for at in 0..self.standing.len() {
            let Some(standing) = self.standing.get_mut(at) else { break };
            if standing.said || standing.is_dropped() || !standing.is_late() {
                continue;
            }
            standing.said = true;
            let (number, question, out) = (standing.number, standing.question.clone(), standing.is_out());
            match (question, standing.instead_of) {
                (Question::Map(key, Depth::Figures), None) if out => self.step_in(number, key),
                (Question::Map(key, _), Some(_)) => {
                    self.tell(Question::Map(key, Depth::Figures), Err(Missing::Blocked))?;
                }
                (question, _) => self.tell(question, Err(Missing::Blocked))?,
            }
        }
        // Those that step in are asked at once.
        self.start_due();
        ControlFlow::Continue(())
    }

    fn step_in(&mut self, instead_of: u64, key: ProcessKey) {
        if !self.standing.iter().any(|standing| standing.instead_of == Some(instead_of)) {
            let number = self.number();
            self.standing.push(Standing::new(number, Question::Map(key, Depth::Addresses), Some(instead_of)));
        }
    }

    /// What another stepped in for is here.
    fn step_back(&mut self, number: u64) {
        for standing in self.standing.iter_mut().filter(|standing| standing.instead_of == Some(number)) {
            standing.set_wanted(false);
        }
    }
}

/// An answer about addresses in the place of one about figures, which do not come.
fn without_figures(answer: Answer) -> Answer {
    match answer {
        Answer::Map(Some(map)) => {
            let map = Arc::unwrap_or_clone(map);
            let (figures, totals) = (Err(Missing::Blocked), Err(Missing::Blocked));
            Answer::Map(Some(Arc::new(MemoryMap { figures, totals, ..map })))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
