//! Plain data: what was read from the kernel at one moment. Immutable, passed around as `Arc`, knows no file and no clock.
//!
//! A value that could not be read is not absent: it says why ([`Missing`]). A thing that does not exist is `Ok(None)`.

pub mod inspect;
pub mod lab;
pub mod map;
pub mod memory;
pub mod process;
pub mod program;
pub mod request;
pub mod system;

use crate::unit::{Id, Nanoseconds, Pid, ProcessKey};
pub use process::{Details, Process};
pub use request::{Parts, Request};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
pub use system::System;

use crate::text::Text;

/// Why a value is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// The kernel refused: EACCES or EPERM.
    Denied,
    /// The process ended between two reads: ENOENT or ESRCH on something that was there.
    Gone,
    /// This kernel, or this kind of /proc, does not have it.
    Unsupported,
    /// The kernel has it, but it is switched off.
    Off,
    /// The read did not come back in time; it is still under way.
    Blocked,
    /// Something was read, but it is not what the kernel documents.
    Malformed,
    /// Nobody asked for it. Never leaves the program.
    NotRequested,
}

impl Missing {
    /// Every reason that a person can come to see.
    pub const TOLD: [Self; 6] =
        [Self::Denied, Self::Gone, Self::Unsupported, Self::Off, Self::Blocked, Self::Malformed];

    /// The word shown on screen and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.words().0
    }

    /// The word where it has at most four cells.
    #[must_use]
    pub fn short(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Denied => ("denied", "n/p"),
            Self::Gone => ("gone", "gone"),
            Self::Unsupported => ("unsupported", "n/a"),
            Self::Off => ("off", "off"),
            Self::Blocked => ("blocked", "blkd"),
            Self::Malformed => ("malformed", "bad"),
            Self::NotRequested => ("not_requested", "…"),
        }
    }
}

/// A value, or why there is none.
pub type Reading<T> = Result<T, Missing>;

/// When something was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// `CLOCK_BOOTTIME`: since boot, suspend included, the scale of process start times.
    pub boot: Duration,
    /// Since 1970, UTC.
    pub wall: Duration,
}

/// How this machine counts, from `sysconf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Bytes in a page of memory.
    pub page_size: u64,
    /// Clock ticks in a second.
    pub ticks_per_second: u64,
}

impl Default for Units {
    fn default() -> Self {
        Self { page_size: 4096, ticks_per_second: 100 }
    }
}

/// Who looks, and with what rights: without it a 0 cannot be told from "not permitted".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observer {
    /// sysview's own process in the namespace shown, where it is part of it.
    pub pid: Option<Pid>,
    /// Its effective user id.
    pub uid: Id,
    /// Whether it may look into processes of other users (`CAP_SYS_PTRACE`).
    pub ptrace: bool,
    /// The processes shown belong to another pid namespace or another tree than sysview's own: no clocks, no actions.
    pub foreign: bool,
}

/// How a process ended: the two halves of a wait status (wait(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitStatus {
    /// It called `_exit` with this code.
    Code(u8),
    /// A signal ended it.
    Signal {
        /// Its number.
        number: u8,
        /// Whether a core was dumped.
        core: bool,
    },
}

impl ExitStatus {
    /// Decode a wait status as `waitpid(2)` returns it and as field 52 of `/proc/PID/stat` shows it.
    #[must_use]
    pub fn from_wait(status: u32) -> Self {
        let [low, high, ..] = status.to_le_bytes();
        match low & 0x7f {
            0 => Self::Code(high),
            number => Self::Signal { number, core: low & 0x80 != 0 },
        }
    }
}

/// A process of the snapshot before that is no longer there.
#[derive(Clone, Debug)]
pub struct Exited {
    /// What was last known of it.
    pub process: Arc<Process>,
    /// How it ended, where the kernel told.
    pub status: Reading<ExitStatus>,
}

/// User names by id, for the ids seen so far: `None` where the system knows no name for the id.
pub type UserNames = BTreeMap<Id, Reading<Option<Text>>>;

/// Everything that was read at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the pass over the processes began.
    pub taken: Moment,
    /// How the machine counts.
    pub units: Units,
    /// Who looked.
    pub observer: Observer,
    /// The machine as a whole.
    pub system: Arc<System>,
    /// All processes that could be seen, in order of pid.
    pub processes: Vec<Arc<Process>>,
    /// Their threads where asked for, in order of process and tid; the leading thread included.
    pub threads: Vec<Arc<Process>>,
    /// Those that were in the snapshot before and are gone now.
    pub exited: Vec<Exited>,
    /// Processes that the kernel listed but did not let be read (hidepid=1).
    pub hidden: u32,
    /// The scheduler's clock, the scale of [`Details::last_ran`]; read where [`Parts::SCHED`] was asked for.
    pub scheduler: Reading<Nanoseconds>,
    /// Names of the users seen.
    pub users: Arc<UserNames>,
    /// CPU time that sysview itself has used.
    pub own_cpu: Nanoseconds,
    /// CPU time that this pass over the processes took.
    pub cost: Nanoseconds,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            taken: Moment::default(),
            units: Units::default(),
            observer: Observer::default(),
            system: Arc::default(),
            processes: Vec::new(),
            threads: Vec::new(),
            exited: Vec::new(),
            hidden: 0,
            scheduler: Err(Missing::NotRequested),
            users: Arc::default(),
            own_cpu: Nanoseconds(0),
            cost: Nanoseconds(0),
        }
    }
}

impl Snapshot {
    /// Where the process stands in `processes`.
    #[must_use]
    pub fn position(&self, pid: Pid) -> Option<usize> {
        self.processes.binary_search_by_key(&pid, |process| process.key.pid).ok()
    }

    /// The process with this identity; `None` too where another one has its pid now.
    #[must_use]
    pub fn find(&self, key: ProcessKey) -> Option<&Arc<Process>> {
        let process = self.processes.get(self.position(key.pid)?)?;
        (process.key == key).then_some(process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_status_is_code_or_signal() {
        assert_eq!(ExitStatus::from_wait(0x0300), ExitStatus::Code(3));
        assert_eq!(ExitStatus::from_wait(9), ExitStatus::Signal { number: 9, core: false });
        assert_eq!(ExitStatus::from_wait(0x8b), ExitStatus::Signal { number: 11, core: true });
        assert_eq!(ExitStatus::from_wait(0), ExitStatus::Code(0));
    }
}
