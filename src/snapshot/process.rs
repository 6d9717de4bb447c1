//! One process (or thread) as it was read: what every row has, and the [`Details`] that had to be asked for.
//!
//! Raw values in the kernel's meaning; rates, ages and percentages are made of two snapshots in `analysis`.

use super::{ExitStatus, Missing, Parts, Reading};
use crate::{
    text::Text,
    unit::{Bytes, Id, Nanoseconds, Pid, ProcessKey, Ticks},
};
use std::sync::Arc;

/// `PF_KTHREAD` of the task flags (field 9 of stat): a kernel thread.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// A process, or one thread of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Identity. For a thread the tid and the thread's start.
    pub key: ProcessKey,
    /// The process that a thread belongs to; the own pid for a process.
    pub group: Pid,
    /// Whether this is the row of one thread rather than of a process.
    pub thread: bool,
    /// `comm`: the name, at most 15 bytes for programs, up to 63 for kernel workers.
    pub name: Text,
    /// `/proc/PID/stat`.
    pub stat: Stat,
    /// Time on a CPU, over all threads, ended ones included (clock_getcpuclockid(3)); of a thread: not available.
    pub cpu_clock: Reading<Nanoseconds>,
    /// What else was asked for; `None` where nothing was.
    pub details: Option<Arc<Details>>,
}

impl Process {
    /// What was asked for beyond `stat`; all `NotRequested` where nothing was.
    #[must_use]
    pub fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(&Details::NOTHING)
    }

    /// Whether it is a kernel thread, by its flags and never by parent or empty command line.
    #[must_use]
    pub fn is_kernel_thread(&self) -> bool {
        self.stat.flags & KERNEL_THREAD != 0
    }

    /// Whether the leading thread has ended while others still run; `stat` then shows state Z, but it is no zombie.
    #[must_use]
    pub fn leader_exited(&self) -> bool {
        !self.thread && self.stat.state == State::ZOMBIE && self.stat.threads > 1
    }

    /// Whether the process has ended and waits to be reaped by its parent.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        self.stat.state == State::ZOMBIE && !self.leader_exited()
    }
}

#[cfg(test)]
impl Process {
    /// A process that sleeps and has done nothing, to be altered by a test.
    pub(crate) fn example(pid: u32) -> Self {
        let stat = Stat {
            state: State(b'S'),
            ppid: Pid(1),
            pgrp: Pid(pid),
            session: Pid(pid),
            tty: 0,
            tpgid: None,
            flags: 0,
            minor_faults: 0,
            child_minor_faults: 0,
            major_faults: 0,
            child_major_faults: 0,
            user_time: Ticks(0),
            system_time: Ticks(0),
            priority: 20,
            nice: 0,
            threads: 1,
            virt: Bytes(0),
            rss_pages: 0,
            processor: 0,
            rt_priority: 0,
            policy: 0,
            block_delay: Ticks(0),
            exit_code: 0,
        };
        Self {
            key: ProcessKey { pid: Pid(pid), start: Ticks(0) },
            group: Pid(pid),
            thread: false,
            name: Text::from("example"),
            stat,
            cpu_clock: Err(Missing::Unsupported),
            details: None,
        }
    }
}

/// The state letter of a task, as the kernel prints it; letters that this version does not know are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State(pub u8);

impl State {
    /// Ended, not reaped.
    pub const ZOMBIE: Self = Self(b'Z');
    /// On a CPU or waiting for one.
    pub const RUNNING: Self = Self(b'R');
    /// In a sleep that signals do not interrupt.
    pub const DISK: Self = Self(b'D');

    /// Every letter of proc_pid_stat(5) with its meaning, in the order in which they deserve a look.
    pub const KNOWN: [(Self, &'static str); 9] = [
        (Self(b'R'), "running, or ready and waiting for a CPU"),
        (Self(b'S'), "sleeping until something happens or a signal comes"),
        (Self(b'D'), "waiting in the kernel, signals do not interrupt it (often for a disk)"),
        (Self(b'Z'), "zombie: has ended, its parent has not reaped it"),
        (Self(b'T'), "stopped by a signal"),
        (Self(b't'), "stopped by a tracer (a debugger)"),
        (Self(b'I'), "idle kernel thread"),
        (Self(b'P'), "parked kernel thread"),
        (Self(b'X'), "dead: about to vanish"),
    ];

    /// What the letter means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Self::KNOWN
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("a state this version does not know", |(_, meaning)| meaning)
    }
}

/// `/proc/PID/stat` (proc_pid_stat(5)); the field numbers are those of that page. Field 22 is in the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 3.
    pub state: State,
    /// Field 4; 0 where the parent is outside the pid namespace, and for the first process.
    pub ppid: Pid,
    /// Field 5.
    pub pgrp: Pid,
    /// Field 6.
    pub session: Pid,
    /// Field 7: device number of the controlling terminal; 0 for none.
    pub tty: u32,
    /// Field 8: foreground process group of that terminal; `None` for −1.
    pub tpgid: Option<Pid>,
    /// Field 9: `PF_*` bits.
    pub flags: u32,
    /// Field 10.
    pub minor_faults: u64,
    /// Field 11: of reaped children.
    pub child_minor_faults: u64,
    /// Field 12.
    pub major_faults: u64,
    /// Field 13: of reaped children.
    pub child_major_faults: u64,
    /// Field 14.
    pub user_time: Ticks,
    /// Field 15.
    pub system_time: Ticks,
    /// Field 18: 20 + nice, or −1 − real-time priority.
    pub priority: i32,
    /// Field 19.
    pub nice: i32,
    /// Field 20: threads; a leader that ended counts while others run.
    pub threads: u32,
    /// Field 23.
    pub virt: Bytes,
    /// Field 24, in pages: may lag behind; `statm` is exact.
    pub rss_pages: u64,
    /// Field 39: CPU it last ran on.
    pub processor: u32,
    /// Field 40: 1 to 99 for real-time policies, else 0.
    pub rt_priority: u32,
    /// Field 41: scheduling policy.
    pub policy: u32,
    /// Field 42: waited for block I/O and swap-in; stays 0 while delay accounting is off.
    pub block_delay: Ticks,
    /// Field 52: wait status of a zombie, stop signal of a stopped task; 0 without the right to know.
    pub exit_code: u32,
}

/// What was read of a process beyond `stat`, part by part. A part nobody asked for is `NotRequested`.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// What was asked for.
    pub parts: Parts,
    /// [`Parts::STATUS`].
    pub status: Reading<Box<Status>>,
    /// [`Parts::STATM`].
    pub statm: Reading<Statm>,
    /// [`Parts::SCHEDSTAT`], [`Parts::SCHED`], [`Parts::SWITCHES`]: in order of tid.
    pub threads: Reading<Box<[ThreadCounters]>>,
    /// [`Parts::SCHED`]: when it last ran, on the scale of [`Snapshot::scheduler`](super::Snapshot). Stands still while
    /// it sleeps.
    pub last_ran: Reading<Nanoseconds>,
    /// [`Parts::IO`].
    pub io: Reading<Io>,
    /// [`Parts::CMDLINE`]: the arguments in one line; empty for kernel threads, zombies and who wiped theirs.
    pub cmdline: Reading<Text>,
    /// [`Parts::EXE`]: `None` for what has no program file.
    pub exe: Reading<Option<Text>>,
    /// [`Parts::CWD`]: `None` for what has no working directory.
    pub cwd: Reading<Option<Text>>,
    /// [`Parts::CGROUP`]: the file as it is.
    pub cgroup: Reading<Text>,
    /// [`Parts::OOM`].
    pub oom_score: Reading<i32>,
    /// [`Parts::OOM`].
    pub oom_adj: Reading<i32>,
    /// [`Parts::WCHAN`]: `None` while it does not sleep.
    pub wchan: Reading<Option<Text>>,
    /// [`Parts::SYSCALL`].
    pub syscall: Reading<Syscall>,
    /// [`Parts::ROLLUP`]: `None` where there is no memory map.
    pub rollup: Reading<Option<Box<Rollup>>>,
    /// [`Parts::AUTOGROUP`]: `None` where the task is in none.
    pub autogroup: Reading<Option<Autogroup>>,
}

impl Details {
    /// Details of a row of which nothing was asked.
    pub const NOTHING: Self = Self {
        parts: Parts::NONE,
        status: Err(Missing::NotRequested),
        statm: Err(Missing::NotRequested),
        threads: Err(Missing::NotRequested),
        last_ran: Err(Missing::NotRequested),
        io: Err(Missing::NotRequested),
        cmdline: Err(Missing::NotRequested),
        exe: Err(Missing::NotRequested),
        cwd: Err(Missing::NotRequested),
        cgroup: Err(Missing::NotRequested),
        oom_score: Err(Missing::NotRequested),
        oom_adj: Err(Missing::NotRequested),
        wchan: Err(Missing::NotRequested),
        syscall: Err(Missing::NotRequested),
        rollup: Err(Missing::NotRequested),
        autogroup: Err(Missing::NotRequested),
    };

    /// Make these parts as if never asked for.
    pub fn forget(&mut self, parts: Parts) {
        const NO: Missing = Missing::NotRequested;
        self.parts = self.parts.without(parts);
        let gone = |part| parts.contains(part);
        if gone(Parts::STATUS) {
            self.status = Err(NO);
        }
        if gone(Parts::STATM) {
            self.statm = Err(NO);
        }
        if parts.intersects(Parts::PER_THREAD) {
            (self.threads, self.last_ran) = (Err(NO), Err(NO));
            self.parts = self.parts.without(Parts::PER_THREAD);
        }
        if gone(Parts::IO) {
            self.io = Err(NO);
        }
        if gone(Parts::CMDLINE) {
            self.cmdline = Err(NO);
        }
        if gone(Parts::EXE) {
            self.exe = Err(NO);
        }
        if gone(Parts::CWD) {
            self.cwd = Err(NO);
        }
        if gone(Parts::CGROUP) {
            self.cgroup = Err(NO);
        }
        if gone(Parts::OOM) {
            (self.oom_score, self.oom_adj) = (Err(NO), Err(NO));
        }
        if gone(Parts::WCHAN) {
            self.wchan = Err(NO);
        }
        if gone(Parts::SYSCALL) {
            self.syscall = Err(NO);
        }
        if gone(Parts::ROLLUP) {
            self.rollup = Err(NO);
        }
        if gone(Parts::AUTOGROUP) {
            self.autogroup = Err(NO);
        }
    }
}

/// Real, effective, saved and file system id, as `Uid:` and `Gid:` of status give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Real.
    pub real: Id,
    /// Effective.
    pub effective: Id,
    /// Saved set-user-ID.
    pub saved: Id,
    /// For file access.
    pub fs: Id,
}

/// A set of signals, bit n − 1 for signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// Whether signal `number` (1 to 64) is in the set.
    #[must_use]
    pub fn contains(self, number: u8) -> bool {
        (1..=64).contains(&number) && self.0 >> (number - 1) & 1 == 1
    }
}

/// `/proc/PID/status`, as far as columns need it. Memory is `None` for what has no memory map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `Uid:`.
    pub uid: Ids,
    /// `Gid:`.
    pub gid: Ids,
    /// `TracerPid:`, `None` for 0.
    pub tracer: Option<Pid>,
    /// `VmHWM:`: peak resident size.
    pub rss_peak: Option<Bytes>,
    /// `RssAnon:`.
    pub rss_anon: Option<Bytes>,
    /// `RssFile:`.
    pub rss_file: Option<Bytes>,
    /// `RssShmem:`.
    pub rss_shmem: Option<Bytes>,
    /// `VmLck:`.
    pub locked: Option<Bytes>,
    /// `VmPTE:`.
    pub page_tables: Option<Bytes>,
    /// `VmSwap:`.
    pub swap: Option<Bytes>,
    /// `SigBlk:` of the leading thread.
    pub blocked: SignalSet,
    /// `SigIgn:`.
    pub ignored: SignalSet,
    /// `SigCgt:`.
    pub caught: SignalSet,
    /// `voluntary_ctxt_switches:` of this one thread.
    pub voluntary_switches: u64,
    /// `nonvoluntary_ctxt_switches:` of this one thread.
    pub involuntary_switches: u64,
}

/// `/proc/PID/statm`, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statm {
    /// Address space.
    pub size: Bytes,
    /// Resident.
    pub resident: Bytes,
    /// Resident and backed by a file or shared memory; not "actually shared".
    pub shared: Bytes,
}

/// What the kernel counts per thread; the parts not asked for stay `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCounters {
    /// The thread.
    pub tid: Pid,
    /// `task/TID/status`: voluntary and involuntary context switches.
    pub switches: Option<Switches>,
    /// `task/TID/schedstat`.
    pub schedstat: Option<Schedstat>,
    /// `se.nr_migrations` of `task/TID/sched`.
    pub migrations: Option<u64>,
}

/// Context switches of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// It waited for something.
    pub voluntary: u64,
    /// It was preempted.
    pub involuntary: u64,
}

/// `schedstat` of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedstat {
    /// Time on a CPU.
    pub run_time: Nanoseconds,
    /// Time runnable but waiting for a CPU.
    pub run_delay: Nanoseconds,
    /// Times it was put on a CPU.
    pub timeslices: u64,
}

/// `/proc/PID/io`: the whole process, ended threads included, and children once they are waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// `read_bytes`: fetched from storage.
    pub read_bytes: Bytes,
    /// `write_bytes`: to be sent to storage.
    pub write_bytes: Bytes,
}

/// `/proc/PID/syscall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// On a CPU or ready.
    Running,
    /// Sleeping outside any system call.
    Outside,
    /// In a system call.
    Inside {
        /// Its number on this architecture.
        number: u64,
        /// Its six argument registers.
        arguments: [u64; 6],
        /// Its stack pointer: below 4 GiB in a 32-bit program, whose calls are numbered in another way.
        stack: u64,
    },
}

/// `/proc/PID/smaps_rollup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// `Rss:`, counted page by page.
    pub rss: Bytes,
    /// `Pss:`: each page divided by the number of processes that map it.
    pub pss: Bytes,
    /// `Private_Clean:` + `Private_Dirty:` + `Private_Hugetlb:`: what would be freed if it ended.
    pub uss: Bytes,
    /// `SwapPss:`.
    pub swap_pss: Bytes,
}

/// `/proc/PID/autogroup` (sched(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Autogroup {
    /// Number of the group.
    pub id: u64,
    /// Nice value of the whole group.
    pub nice: i32,
}

/// The wait status of a zombie, where this observer may know it.
///
/// # Errors
/// `Denied` where the kernel shows 0 because the observer has no right to it.
pub fn zombie_status(process: &Process, observer: super::Observer) -> Reading<ExitStatus> {
    if process.stat.exit_code == 0 && !observer.ptrace {
        let ids = process.details().status.as_ref().map_err(|missing| *missing)?.uid;
        let own = [ids.real, ids.effective, ids.saved].iter().all(|id| *id == observer.uid);
        if !own {
            return Err(Missing::Denied);
        }
    }
    Ok(ExitStatus::from_wait(process.stat.exit_code))
}
