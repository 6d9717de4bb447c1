//! What somebody wants to see, as the collector has to know it: which kernel files, for which processes, how often.
//!
//! Derived from what is on the screen (or from the columns of a command); nobody fills it in by hand.

use crate::unit::{Pid, ProcessKey};
use std::{ops, time::Duration};

/// A set of kernel files of one process, the unit of cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts(u32);

impl Parts {
    /// Nothing beyond the list, the CPU clock and `stat`, which every row has.
    pub const NONE: Self = Self(0);
    /// `status`: ids, signal masks, memory by kind.
    pub const STATUS: Self = Self(1);
    /// `statm`: exact resident size.
    pub const STATM: Self = Self(1 << 1);
    /// `schedstat` of every thread: time on CPU and waiting for one, time slices.
    pub const SCHEDSTAT: Self = Self(1 << 2);
    /// `sched` of every thread: migrations, and when it last ran.
    pub const SCHED: Self = Self(1 << 3);
    /// `status` of every thread: context switches.
    pub const SWITCHES: Self = Self(1 << 4);
    /// `io`: bytes read and written.
    pub const IO: Self = Self(1 << 5);
    /// `cmdline`: arguments. Can block.
    pub const CMDLINE: Self = Self(1 << 6);
    /// `exe`: the program file.
    pub const EXE: Self = Self(1 << 7);
    /// `cwd`: the working directory.
    pub const CWD: Self = Self(1 << 8);
    /// `cgroup`: control group paths.
    pub const CGROUP: Self = Self(1 << 9);
    /// `oom_score` and `oom_score_adj`.
    pub const OOM: Self = Self(1 << 10);
    /// `wchan`: the kernel function it sleeps in.
    pub const WCHAN: Self = Self(1 << 11);
    /// `syscall`: the system call it is in.
    pub const SYSCALL: Self = Self(1 << 12);
    /// `smaps_rollup`: proportional and unique set size. Can block, and walks the whole memory map.
    pub const ROLLUP: Self = Self(1 << 13);
    /// `autogroup`.
    pub const AUTOGROUP: Self = Self(1 << 14);
    /// Every part there is.
    pub const ALL: Self = Self((Self::AUTOGROUP.0 << 1) - 1);
    /// Those whose read can wait for ever on a stuck process, and so are read on a thread of their own.
    pub const BLOCKING: Self = Self(Self::CMDLINE.0 | Self::ROLLUP.0);
    /// Those that are counted per thread and summed.
    pub const PER_THREAD: Self = Self(Self::SCHEDSTAT.0 | Self::SCHED.0 | Self::SWITCHES.0);

    /// Those that each thread has of its own; a thread's row takes the others from its process.
    pub const OF_THREAD: Self =
        Self(Self::SCHEDSTAT.0 | Self::SCHED.0 | Self::SWITCHES.0 | Self::IO.0 | Self::WCHAN.0 | Self::SYSCALL.0);

    /// Those that others can change while a process sleeps: memory taken from it, a move to another control group, a
    /// program file deleted.
    pub const CHANGE_ASLEEP: Self = Self(
        Self::STATUS.0
            | Self::STATM.0
            | Self::EXE.0
            | Self::CWD.0
            | Self::CGROUP.0
            | Self::OOM.0
            | Self::ROLLUP.0
            | Self::AUTOGROUP.0,
    );

    /// What is in this set or in `other`: `|`, where a constant is made.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in the set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in this set and in `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl ops::BitOr for Parts {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl ops::BitOrAssign for Parts {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// What the collector is to read, until the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Time from one sample to the next.
    pub period: Duration,
    /// Parts wanted of every process: what a sort key or a filter needs.
    pub everyone: Parts,
    /// Parts wanted beyond that of single ones: what is on the screen. In order of pid.
    pub rows: Vec<(ProcessKey, Parts)>,
    /// The same for rows that are not on the screen, but in a sum on it or just beyond its edge: read like the others,
    /// but not looked at again as long as they do not run. In order of pid.
    pub beyond: Vec<(ProcessKey, Parts)>,
    /// Whether rows for threads are wanted.
    pub threads: bool,
    /// Only these processes and no others are wanted; all where `None`.
    pub only: Option<Vec<Pid>>,
    /// How long a sample may wait for reads that can block before it goes out without them.
    pub patience: Duration,
}

impl Request {
    /// The parts wanted of one process.
    #[must_use]
    pub fn parts(&self, key: ProcessKey) -> Parts {
        let of = |list: &[(ProcessKey, Parts)]| {
            let at = list.binary_search_by_key(&key, |(key, _)| *key).ok();
            at.and_then(|at| list.get(at)).map_or(Parts::NONE, |(_, parts)| *parts)
        };
        self.everyone | of(&self.rows) | of(&self.beyond)
    }

    /// Whether these parts are wanted of anybody.
    #[must_use]
    pub fn asks_for(&self, parts: Parts) -> bool {
        let rows = self.rows.iter().chain(&self.beyond).map(|(_, parts)| *parts);
        rows.chain([self.everyone]).any(|wanted| wanted.contains(parts))
    }
}

impl Default for Request {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(1),
            everyone: Parts::NONE,
            rows: Vec::new(),
            beyond: Vec::new(),
            threads: false,
            only: None,
            patience: Duration::from_millis(20),
        }
    }
}
