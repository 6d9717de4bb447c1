//! Questions that stand, come back, stay out and are dropped, over a source whose reads can be held.

#![expect(clippy::panic, reason = "tests fail by panicking")]

use super::*;
use crate::{
    collect::{archive::Archive, source::Source},
    snapshot::{Moment, Observer, Units},
    unit::{Nanoseconds, Pid, Ticks},
};
use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

/// A recording in which some files are read only when they are let through.
struct Gated {
    archive: Archive,
    gates: Mutex<HashMap<String, Gate>>,
}

#[derive(Default)]
struct Gate {
    /// How often it was begun to be read.
    reads: usize,
    closed: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Gated {
    /// Processes with these pids, each with a heap.
    fn new(pids: std::ops::Range<u32>) -> Arc<Self> {
        let mut text = String::new();
        for pid in pids {
            let line = "1000-2000 rw-p 00000000 00:00 0 [heap]\n";
            let _ = write!(
                text,
                "== {pid}/stat\n{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} {}\n",
                "0 ".repeat(30)
            );
            let _ = write!(
                text,
                "== {pid}/maps\n{line}== {pid}/smaps\n{line}Rss: 4 kB\n== {pid}/smaps_rollup\n{line}Rss: 4 kB\n"
            );
        }
        let archive = Archive::parse(text.as_bytes()).expect("a recording");
        Arc::new(Self { archive, gates: Mutex::default() })
    }

    /// Whoever reads this file waits until the sender is dropped.
    fn close(&self, path: &str) -> Sender<()> {
        let (sender, receiver) = channel();
        self.gate(path, |gate| gate.closed = Some(Arc::new(Mutex::new(receiver))));
        sender
    }

    fn gate<T>(&self, path: &str, with: impl FnOnce(&mut Gate) -> T) -> T {
        with(self.gates.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default())
    }

    fn reads(&self, path: &str) -> usize {
        self.gate(path, |gate| gate.reads)
    }

    /// Readers that wait at a gate now.
    fn waiting(&self) -> usize {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.values().filter_map(|gate| gate.closed.as_ref()).map(|closed| Arc::strong_count(closed) - 1).sum()
    }
}

impl Source for Gated {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        let closed = self.gate(path, |gate| {
            gate.reads += 1;
            gate.closed.clone()
        });
        if let Some(closed) = closed {
            // It ends when the sender is dropped.
            let _ = closed.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
        self.archive.read(path, into)
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        self.archive.link(path)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        self.archive.numbers(path, into)
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        self.archive.cpu_clock(pid)
    }

    fn now(&self) -> Moment {
        self.archive.now()
    }

    fn units(&self) -> Units {
        self.archive.units()
    }

    fn observer(&self) -> Observer {
        self.archive.observer()
    }

    fn can_block(&self) -> bool {
        true
    }
}

/// An inspector, and what it tells.
struct Asked {
    inspector: Inspector,
    replies: Receiver<Reply>,
}

impl Asked {
    fn of(source: &Arc<Gated>) -> Self {
        let (sender, replies) = channel();
        let sender = Mutex::new(sender);
        let listener = move |reply| sender.lock().unwrap_or_else(PoisonError::into_inner).send(reply).is_ok();
        Self { inspector: Inspector::start(Arc::clone(source) as Arc<dyn Source>, Arc::new(listener)), replies }
    }

    fn ask(&self, pids: &[u32]) {
        self.inspector.ask(pids.iter().copied().map(figures).collect());
    }

    /// Wait for a reply of this kind about the map of this process; what else comes before it.
    #[track_caller]
    fn until(&self, pid: u32, wanted: Told) -> Vec<(u32, Told)> {
        let mut before = Vec::new();
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let reply = self.replies.recv_timeout(left);
            let reply = reply.unwrap_or_else(|_| panic!("no {wanted:?} of {pid}, but {before:?}"));
            let told = told(&reply);
            if told == (pid, wanted) {
                return before;
            }
            before.push(told);
        }
    }
}

/// What was told of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Figures,
    Addresses,
    Blocked,
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid: Pid(pid), start: Ticks(pid.into()) }
}

fn figures(pid: u32) -> Question {
    Question::Map(key(pid), Depth::Figures)
}

fn told((question, answer): &Reply) -> (u32, Told) {
    let Question::Map(key, Depth::Figures) = question else { panic!("asked for figures, told {question:?}") };
    let told = match answer {
        Ok(Answer::Map(Some(map))) if map.figures.is_ok() && map.totals.is_ok() => Told::Figures,
        Ok(Answer::Map(Some(map))) => {
            assert_eq!((&map.figures, &map.totals), (&Err(Missing::Blocked), &Err(Missing::Blocked)));
            assert_eq!(map.mappings.len(), 1);
            Told::Addresses
        }
        Err(Missing::Blocked) => Told::Blocked,
        other => panic!("{other:?}"),
    };
    (key.pid.0, told)
}

#[track_caller]
fn wait_for(mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        assert!(Instant::now() < end, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn where_figures_do_not_come_addresses_are_told_and_figures_once_they_are_there() {
    let source = Gated::new(42..43);
    let gate = source.close("42/smaps");
    let asked = Asked::of(&source);
    asked.ask(&[42]);
    assert_eq!(asked.until(42, Told::Addresses), []);
    assert_eq!(asked.until(42, Told::Addresses), [], "they are read again and again");
    assert_eq!(source.reads("42/smaps"), 1, "what is out is not asked again");
    source.gate("42/smaps", |gate| gate.closed = None);
    drop(gate);
    assert!(asked.until(42, Told::Figures).iter().all(|told| *told == (42, Told::Addresses)));
    for _ in 0..3 {
        assert_eq!(asked.until(42, Told::Figures), [], "and nothing steps in any more");
    }
}

#[test]
fn where_not_even_addresses_come_it_is_blocked_and_said_to_whoever_comes_back() {
    let source = Gated::new(42..44);
    let _gates = [source.close("42/smaps"), source.close("42/maps")];
    let asked = Asked::of(&source);
    asked.ask(&[42]);
    assert_eq!(asked.until(42, Told::Blocked), []);
    asked.ask(&[43]);
    assert_eq!(asked.until(43, Told::Figures), []);
    asked.ask(&[42]);
    assert!(asked.until(42, Told::Blocked).iter().all(|told| *told == (43, Told::Figures)));
    assert_eq!((source.reads("42/smaps"), source.reads("42/maps")), (1, 1));
}

#[test]
fn processes_that_are_stuck_do_not_keep_others_from_being_answered() {
    let source = Gated::new(42..51);
    let _gates: Vec<_> = (42..50).map(|pid| source.close(&format!("{pid}/smaps"))).collect();
    let asked = Asked::of(&source);
    for pid in 42..50 {
        asked.ask(&[pid]);
        asked.until(pid, Told::Addresses);
    }
    asked.ask(&[50]);
    asked.until(50, Told::Figures);
    assert!((42..50).all(|pid| source.reads(&format!("{pid}/smaps")) == 1));
}

#[test]
fn when_all_threads_are_stuck_it_is_said_and_the_next_that_comes_back_is_given_work() {
    let source = Gated::new(42..54);
    let names = ["smaps", "maps"];
    let mut gates: Vec<_> = (42..51).flat_map(|pid| names.map(|name| source.close(&format!("{pid}/{name}")))).collect();
    let asked = Asked::of(&source);
    for pid in 42..51 {
        asked.ask(&[pid]);
        asked.until(pid, Told::Blocked);
        assert!(source.waiting() <= THREADS);
    }
    assert_eq!(source.waiting(), THREADS);
    asked.ask(&[51]);
    asked.until(51, Told::Blocked);
    drop(gates.remove(0));
    asked.until(51, Told::Figures);
}

#[test]
fn of_a_process_that_is_stuck_twice_nothing_more_is_asked() {
    let source = Gated::new(42..43);
    let _gates = [source.close("42/smaps"), source.close("42/maps")];
    let asked = Asked::of(&source);
    asked.ask(&[42]);
    asked.until(42, Told::Blocked);
    let program = Question::Program(key(42));
    asked.inspector.ask(vec![figures(42), program.clone()]);
    let reply = asked.replies.recv_timeout(Duration::from_secs(20)).expect("it is told");
    assert_eq!(reply, (program, Err(Missing::Blocked)));
}

#[test]
fn what_was_dropped_and_is_wanted_again_is_told_once_it_comes_back() {
    let source = Gated::new(42..43);
    let gate = source.close("42/smaps");
    let asked = Asked::of(&source);
    asked.ask(&[42]);
    wait_for(|| source.waiting() == 1);
    asked.ask(&[]);
    asked.ask(&[42]);
    source.gate("42/smaps", |gate| gate.closed = None);
    drop(gate);
    asked.until(42, Told::Figures);
}
