//! The machine as a whole at one moment: what the header shows.

use super::{Missing, Reading};
use crate::{
    text::Text,
    unit::{Bytes, Ticks},
};
use std::{sync::Arc, time::Duration};

/// Figures of the whole machine. Counters are since boot.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// Name of the machine (`sys/kernel/hostname`).
    pub hostname: Reading<Text>,
    /// Kernel release (`sys/kernel/osrelease`).
    pub release: Reading<Text>,
    /// Time since boot (`uptime`, first figure).
    pub uptime: Reading<Duration>,
    /// Load averages over 1, 5 and 15 minutes (`loadavg`).
    pub load: Reading<[f64; 3]>,
    /// Where the time of each online CPU went (`stat`, lines cpuN); numbers may have holes.
    pub cpus: Reading<Vec<(u32, CpuTimes)>>,
    /// Of all CPUs together (`stat`, line cpu).
    pub cpu_total: Reading<CpuTimes>,
    /// Memory and swap (`meminfo`).
    pub memory: Reading<Memory>,
    /// Pressure stall information (`pressure/*`).
    pub pressure: Pressure,
    /// Counters whose differences are rates.
    pub counters: Counters,
    /// Limits of the container that sysview runs in, where they are below the machine's.
    pub container: Reading<Container>,
    /// `/proc/sys/kernel/task_delayacct`.
    pub delay_accounting: Reading<bool>,
    /// Terminal drivers by device number (`tty/drivers`).
    pub terminals: Reading<Arc<[TerminalDriver]>>,
    /// The machine's architecture as `uname -m` names it (`sys/kernel/arch`, since 6.1).
    pub architecture: Reading<Text>,
}

impl Default for System {
    fn default() -> Self {
        const NO: Missing = Missing::NotRequested;
        Self {
            hostname: Err(NO),
            release: Err(NO),
            uptime: Err(NO),
            load: Err(NO),
            cpus: Err(NO),
            cpu_total: Err(NO),
            memory: Err(NO),
            pressure: Pressure { cpu: Err(NO), memory: Err(NO), io: Err(NO) },
            counters: Counters { switches: Err(NO), forks: Err(NO), faults: Err(NO), major_faults: Err(NO) },
            container: Err(NO),
            delay_accounting: Err(NO),
            terminals: Err(NO),
            architecture: Err(NO),
        }
    }
}

/// Time of one CPU by what it did (proc_stat(5)). Guest time is already inside user and nice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Programs at normal priority, guests included.
    pub user: Ticks,
    /// Programs at lowered priority.
    pub nice: Ticks,
    /// The kernel on behalf of programs.
    pub system: Ticks,
    /// Nothing to do.
    pub idle: Ticks,
    /// Nothing to do while a disk is busy for it.
    pub iowait: Ticks,
    /// Hardware interrupts.
    pub irq: Ticks,
    /// Soft interrupts.
    pub softirq: Ticks,
    /// Taken by the hypervisor for others.
    pub steal: Ticks,
}

/// `meminfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal`.
    pub total: Bytes,
    /// `MemAvailable`: what new programs could get without swapping. Where the kernel has none: free + buffers + page
    /// cache − shared.
    pub available: Bytes,
    /// `MemFree`.
    pub free: Bytes,
    /// `Buffers`.
    pub buffers: Bytes,
    /// `Cached` + `SReclaimable`, as free(1) counts it.
    pub cached: Bytes,
    /// `Shmem`: tmpfs and shared memory; part of cached, but not to be had back.
    pub shared: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
}

impl Memory {
    /// Total − available, as free(1) does since procps 4.0.1.
    #[must_use]
    pub fn used(&self) -> Bytes {
        Bytes(self.total.0.saturating_sub(self.available.0))
    }
}

/// Pressure stall averages over 10 seconds (Documentation/accounting/psi.rst), in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// Share of time in which some task waited for a CPU.
    pub cpu: Reading<f64>,
    /// … for memory.
    pub memory: Reading<f64>,
    /// … for I/O.
    pub io: Reading<f64>,
}

/// Counters of the whole machine since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// `ctxt` of stat: context switches.
    pub switches: Reading<u64>,
    /// `processes` of stat: forks, threads included.
    pub forks: Reading<u64>,
    /// `pgfault` of vmstat: all page faults.
    pub faults: Reading<u64>,
    /// `pgmajfault` of vmstat: those that waited for storage.
    pub major_faults: Reading<u64>,
}

/// What a container may use, where that is less than the machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Container {
    /// Lowest memory limit of its control groups, and what the limited group uses.
    pub memory: Option<Limit>,
    /// Lowest CPU limit, in CPUs.
    pub cpus: Option<f64>,
}

/// A memory limit and its use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Bytes allowed.
    pub limit: Bytes,
    /// Bytes used, inactive page cache not counted.
    pub used: Bytes,
}

/// A range of terminals: one line of `/proc/tty/drivers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalDriver {
    /// The device's name without `/dev/`, and without the number where each has one.
    pub name: Text,
    /// Major number.
    pub major: u32,
    /// First minor number.
    pub first: u32,
    /// Last minor number.
    pub last: u32,
    /// Whether a number follows the name, counted from `first`.
    pub numbered: bool,
}

impl TerminalDriver {
    /// Whether the device with this minor number is one of them.
    #[must_use]
    pub fn covers(&self, minor: u32) -> bool {
        (self.first..=self.last).contains(&minor)
    }
}
