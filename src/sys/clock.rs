//! CPU clocks of other processes (clock_getcpuclockid(3)): has it run since, and for how long, over all its threads.
//!
//! Works for any user's process and for zombies, without a descriptor; in sysview's own pid namespace only.

#![expect(unsafe_code, reason = "clock ids made of a pid cannot be expressed in rustix")]

use crate::{
    snapshot::{Missing, Reading},
    unit::{Nanoseconds, Pid},
};

/// Time that all threads of the process, ended ones included, spent on a CPU.
///
/// # Errors
/// `Gone` where no process has this pid (EINVAL).
pub fn of_process(pid: Pid) -> Reading<Nanoseconds> {
    let pid = i32::try_from(pid.0).map_err(|_| Missing::Gone)?;
    // CPUCLOCK_SCHED (2): the scheduler's clock, in nanoseconds; without CPUCLOCK_PERTHREAD (4): the whole process.
    read((!pid << 3) | 2).ok_or(Missing::Gone)
}

/// CPU time that sysview itself has used.
#[must_use]
pub fn own() -> Nanoseconds {
    read(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or_default()
}

/// CPU time that the calling thread has used.
#[must_use]
pub fn own_thread() -> Nanoseconds {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

fn read(clock: libc::clockid_t) -> Option<Nanoseconds> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the duration of the call; any clock id is allowed and checked by the kernel.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    let seconds = u64::try_from(time.tv_sec).ok()?;
    (!failed).then(|| Nanoseconds(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_clock_runs_and_is_the_one_others_read() {
        let me = Pid(std::process::id());
        let first = of_process(me).expect("the own process has a clock");
        let mut sum = 0u64;
        while own() - first < Nanoseconds(1_000_000) {
            sum = sum.wrapping_add(1);
        }
        assert!(of_process(me).expect("still there") > first, "{sum}");
    }

    #[test]
    fn a_pid_beyond_the_kernels_limit_is_gone() {
        assert_eq!(of_process(Pid(u32::MAX)), Err(Missing::Gone));
        assert_eq!(of_process(Pid(0x3fff_fff0)), Err(Missing::Gone));
    }
}
