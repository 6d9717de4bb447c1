//! Two snapshots side by side: which process of the one is which of the other, by identity and never by pid alone.

use super::family::Families;
use crate::{
    snapshot::{Process, Reading, Snapshot, Units, process::State},
    unit::{Nanoseconds, Pid, ProcessKey},
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The machine now, and a moment before.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The later snapshot.
    pub now: Arc<Snapshot>,
    /// The earlier one; `None` for the first.
    pub before: Option<Arc<Snapshot>>,
    /// For each process of `now` its place in `before`.
    processes: Vec<u32>,
    /// The same for threads.
    threads: Vec<u32>,
    /// Made when first asked for.
    families: OnceLock<Families>,
}

/// Marks what was not in the snapshot before.
const NEW: u32 = u32::MAX;

/// One process or thread, with what it was before: all that a column may look at.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Now.
    pub process: &'a Process,
    /// In the snapshot before, where it was there.
    pub before: Option<&'a Process>,
    /// Everything else.
    pub observation: &'a Observation,
}

impl Observation {
    /// Join two snapshots.
    #[must_use]
    pub fn new(now: Arc<Snapshot>, before: Option<Arc<Snapshot>>) -> Self {
        let (processes, threads) = match &before {
            Some(before) => (link(&now.processes, &before.processes), link(&now.threads, &before.threads)),
            None => (Vec::new(), Vec::new()),
        };
        Self { now, before, processes, threads, families: OnceLock::new() }
    }

    /// Time between the two snapshots.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        let before = self.before.as_ref()?;
        self.now.taken.boot.checked_sub(before.taken.boot).filter(|interval| !interval.is_zero())
    }

    /// The process at this place in the snapshot.
    #[must_use]
    pub fn process(&self, at: usize) -> Option<Row<'_>> {
        let process = self.now.processes.get(at)?;
        let before = self.processes.get(at).and_then(|at| self.before.as_ref()?.processes.get(*at as usize));
        Some(Row { process, before: before.map(AsRef::as_ref), observation: self })
    }

    /// The thread at this place in the snapshot.
    #[must_use]
    pub fn thread(&self, at: usize) -> Option<Row<'_>> {
        let process = self.now.threads.get(at)?;
        let before = self.threads.get(at).and_then(|at| self.before.as_ref()?.threads.get(*at as usize));
        Some(Row { process, before: before.map(AsRef::as_ref), observation: self })
    }

    /// All processes, in order of pid.
    pub fn processes(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.now.processes.len()).filter_map(|at| self.process(at))
    }

    /// All threads read, in order of process and tid.
    pub fn threads(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.now.threads.len()).filter_map(|at| self.thread(at))
    }

    /// The process with this identity.
    #[must_use]
    pub fn find(&self, key: ProcessKey) -> Option<Row<'_>> {
        self.process(self.now.position(key.pid)?).filter(|row| row.process.key == key)
    }
}

impl<'a> Row<'a> {
    /// The row of the process as a whole: of a thread the one of its process.
    #[must_use]
    pub fn whole(self) -> Row<'a> {
        if !self.process.thread {
            return self;
        }
        let at = self.observation.now.position(self.process.group);
        at.and_then(|at| self.observation.process(at)).unwrap_or(self)
    }

    /// Whether it is the process `pid`, a thread of it, or descends from it.
    #[must_use]
    pub fn is_under(self, pid: Pid) -> bool {
        let (now, group) = (&self.observation.now, self.process.group);
        let families = self.observation.families.get_or_init(|| Families::new(&now.processes));
        now.position(group).map_or(group == pid, |at| families.is_under(now, at, pid))
    }

    /// Time since it started.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        let now = &self.observation.now;
        now.taken.boot.saturating_sub(started(self.process, now.units))
    }

    /// How long ago it last ran; nothing for one that runs or is ready to.
    ///
    /// # Errors
    /// As the reading of [`Parts::SCHED`](crate::snapshot::Parts::SCHED), or why there is nothing to compare its clock
    /// with.
    pub fn since_ran(self) -> Reading<Nanoseconds> {
        if self.process.stat.state == State::RUNNING {
            return Ok(Nanoseconds(0));
        }
        let last = self.process.details().last_ran?;
        Ok(self.observation.now.scheduler? - last)
    }

    /// What a difference to the snapshot before covers: the time between the two, or the whole life of one that was
    /// born since. `None` where there is no snapshot before.
    #[must_use]
    pub fn interval(self) -> Option<Duration> {
        let between = self.observation.interval()?;
        if self.before.is_some() {
            return Some(between);
        }
        // Known to be new only if it started after the snapshot before; else it had not been visible.
        let lived = self.elapsed();
        (lived <= between.saturating_add(Duration::from_millis(20))).then_some(lived)
    }

    /// Whether it is known not to have run between the two snapshots: then none of its counters moved.
    #[must_use]
    pub fn slept(self) -> bool {
        let clock = |process: &Process| process.cpu_clock.ok();
        self.before.is_some_and(|before| clock(before).is_some() && clock(before) == clock(self.process))
    }
}

/// When a process started, on the scale of [`Moment::boot`](crate::snapshot::Moment).
#[must_use]
pub fn started(process: &Process, units: Units) -> Duration {
    process.key.start.duration(units.ticks_per_second)
}

fn link(now: &[Arc<Process>], before: &[Arc<Process>]) -> Vec<u32> {
    let order = |process: &Process| (process.group, process.key);
    let mut at = 0;
    let place = |process: &Arc<Process>| {
        while before.get(at).is_some_and(|other| order(other) < order(process)) {
            at += 1;
        }
        let same = before.get(at).is_some_and(|other| order(other) == order(process));
        if same { u32::try_from(at).unwrap_or(NEW) } else { NEW }
    };
    now.iter().map(place).collect()
}
