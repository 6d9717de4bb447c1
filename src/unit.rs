//! Quantities with their unit in the type, and the identity of a process. No I/O, no formatting for people.
//!
//! A bare integer never says whether it counts pages, kilobytes or clock ticks; these do.

use std::{fmt, ops::Sub, time::Duration};

/// A process or thread id as the reader's pid namespace numbers it (`pid_t`, never negative here).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A numeric user or group id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Clock ticks of `sysconf(_SC_CLK_TCK)`, the unit of times in `/proc/PID/stat` (100 a second on every current kernel).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub u64);

impl Ticks {
    /// The same span as a duration, with `per_second` ticks in a second.
    #[must_use]
    pub fn duration(self, per_second: u64) -> Duration {
        let per_second = per_second.max(1);
        let rest = (self.0 % per_second) * 1_000_000_000 / per_second;
        Duration::from_secs(self.0 / per_second) + Duration::from_nanos(rest)
    }
}

/// Nanoseconds of CPU or waiting time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanoseconds(pub u64);

impl Nanoseconds {
    /// As seconds with a fraction.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Sub for Nanoseconds {
    type Output = Self;
    /// The difference, 0 where a counter ran backwards.
    fn sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The `kB` of /proc, which are 1024 bytes.
    #[must_use]
    pub fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1024))
    }
}

/// What stays the same for as long as a process lives and is never given to another one while the machine is up:
/// its pid and its start time (field 22 of `/proc/PID/stat`, ticks since boot). For a thread: its tid and start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessKey {
    /// The process (or thread) id.
    pub pid: Pid,
    /// When it started, in ticks since boot.
    pub start: Ticks,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_durations_without_losing_the_fraction() {
        assert_eq!(Ticks(250).duration(100), Duration::from_millis(2500));
        assert_eq!(Ticks(1).duration(1024), Duration::from_nanos(976_562));
        assert_eq!(Ticks(u64::MAX).duration(1), Duration::from_secs(u64::MAX));
        assert_eq!(Ticks(5).duration(0), Duration::from_secs(5));
    }

    #[test]
    fn a_clock_that_ran_backwards_differs_by_nothing() {
        assert_eq!(Nanoseconds(5) - Nanoseconds(9), Nanoseconds(0));
    }
}
