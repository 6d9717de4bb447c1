//! A machine with ten thousand processes that costs nothing to read, so that what is measured is the code and not the kernel.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use sysview::{
    collect::source::Source,
    snapshot::{Missing, Moment, Observer, Reading, Units},
    unit::{Nanoseconds, Pid},
};

/// How many processes there are.
pub const COUNT: u32 = 10_000;

/// `stat` of a process in the middle of its life.
pub const STAT: &[u8] =
    b"812 (nginx) S 811 811 811 0 -1 4194624 1483 0 12 0 4821 1733 0 0 20 0 1 0 4411 57638912 2841 \
18446744073709551615 94301776498688 94301777617013 140730271925984 0 0 0 0 1073746048 402745863 0 0 0 17 3 0 0 0 0 0 \
94301777935728 94301778073560 94301800914944 140730271932179 140730271932213 140730271932213 140730271932376 0\n";

/// Its `status`.
pub const STATUS: &[u8] = b"Name:\tnginx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t812\nNgid:\t0\nPid:\t812\n\
PPid:\t811\nTracerPid:\t0\nUid:\t33\t33\t33\t33\nGid:\t33\t33\t33\t33\nFDSize:\t64\nGroups:\t33 \nNStgid:\t812\n\
NSpid:\t812\nNSpgid:\t811\nNSsid:\t811\nKthread:\t0\nVmPeak:\t   56996 kB\nVmSize:\t   56288 kB\nVmLck:\t       0 kB\n\
VmPin:\t       0 kB\nVmHWM:\t   11612 kB\nVmRSS:\t   11364 kB\nRssAnon:\t    4200 kB\nRssFile:\t    6900 kB\n\
RssShmem:\t     264 kB\nVmData:\t    5428 kB\nVmStk:\t     132 kB\nVmExe:\t    1096 kB\nVmLib:\t    9120 kB\n\
VmPTE:\t     152 kB\nVmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n\
untag_mask:\t0xffffffffffffffff\nThreads:\t1\nSigQ:\t0/63432\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n\
SigBlk:\t0000000000000000\nSigIgn:\t0000000040001000\nSigCgt:\t0000000198016a07\nCapInh:\t0000000000000000\n\
CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n\
NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\n\
SpeculationIndirectBranch:\tconditional enabled\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n\
Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t48213\nnonvoluntary_ctxt_switches:\t311\n";

/// Its `smaps_rollup`.
pub const SMAPS_ROLLUP: &[u8] = b"55c4a5a00000-7ffe5b5f6000 ---p 00000000 00:00 0                          [rollup]\n\
Rss:               11364 kB\nPss:                5017 kB\nPss_Dirty:          3390 kB\nPss_Anon:           3198 kB\n\
Pss_File:           1687 kB\nPss_Shmem:           132 kB\nShared_Clean:       6512 kB\nShared_Dirty:       1264 kB\n\
Private_Clean:       652 kB\nPrivate_Dirty:      2936 kB\nReferenced:        11364 kB\nAnonymous:          4200 kB\n\
KSM:                   0 kB\nLazyFree:              0 kB\nAnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\n\
FilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\nSwap:                  0 kB\n\
SwapPss:               0 kB\nLocked:                0 kB\n";

/// What the processes do from one sample to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stir {
    /// No clock moves.
    AllSleep,
    /// Every clock moves.
    AllRun,
}

/// The machine: each process is the parent of ten others.
pub struct Crowd {
    stir: Stir,
    samples: AtomicU64,
}

impl Crowd {
    /// A machine before its first sample.
    pub fn new(stir: Stir) -> Self {
        Self { stir, samples: AtomicU64::new(0) }
    }

    /// Samples in which the processes ran.
    fn runs(&self) -> u64 {
        if self.stir == Stir::AllRun { self.samples.load(Ordering::Relaxed) } else { 1 }
    }

    fn stat(&self, pid: u32, into: &mut Vec<u8>) {
        let (parent, ticks) = (pid / 10, self.runs() * u64::from(pid % 7));
        let fields = format_args!(
            "{pid} (one of many) S {parent} {pid} {pid} 0 -1 4194560 {ticks} 0 0 0 {ticks} 0 0 0 20 0 1 0 {pid} \
             57638912 2841 18446744073709551615 0 0 0 0 0 0 0 4096 16384 0 0 0 17 3 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        into.write_fmt(fields).expect("memory takes everything");
    }
}

impl Source for Crowd {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        into.clear();
        let (pid, file) = path.split_once('/').ok_or(Missing::Gone)?;
        let pid = pid.parse().map_err(|_| Missing::Gone)?;
        match file {
            "stat" => self.stat(pid, into),
            "status" => into.extend_from_slice(STATUS),
            "smaps_rollup" => into.extend_from_slice(SMAPS_ROLLUP),
            "cmdline" => into.extend_from_slice(b"one\0of\0many\0"),
            _ => return Err(Missing::Gone),
        }
        Ok(())
    }

    fn link(&self, _: &str) -> Reading<Vec<u8>> {
        Err(Missing::Gone)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        if !path.is_empty() {
            return Err(Missing::Gone);
        }
        into.extend((1..=COUNT).map(Pid));
        Ok(())
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        Ok(Nanoseconds(self.runs() * u64::from(pid.0 % 7 + 1) * 1_000_000))
    }

    fn now(&self) -> Moment {
        let boot = Duration::from_secs(3600 + self.samples.load(Ordering::Relaxed));
        Moment { boot, wall: boot }
    }

    fn units(&self) -> Units {
        Units::default()
    }

    fn observer(&self) -> Observer {
        Observer { foreign: true, ..Observer::default() }
    }

    fn advance(&self) {
        self.samples.fetch_add(1, Ordering::Relaxed);
    }
}
