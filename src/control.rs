//! The only module that changes anything outside sysview: signals, each to the very process that was chosen.
//!
//! A pid is never enough: a pidfd is opened, the start time is read again after that, and only if it is still the same
//! process does the signal go out, through the pidfd.

use crate::{
    collect::source::{Reader, Source, Task},
    proc::stat,
    signal::Signal,
    snapshot::Missing,
    sys::pidfd,
    unit::ProcessKey,
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fmt;

/// Why a signal did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlError {
    /// The processes shown are not those that this program's pids mean.
    Foreign,
    /// The process has ended (and perhaps another one has its pid now).
    Gone,
    /// Not permitted.
    Denied,
    /// This kernel has no pidfds (before 5.3).
    Unsupported,
    /// The kernel refused for another reason: its error number.
    Refused(i32),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not sent: these pids are of another pid namespace or of a recording"),
            Self::Gone => f.write_str("not sent: it has ended"),
            Self::Denied => f.write_str("not permitted: it belongs to another user"),
            Self::Unsupported => f.write_str("not sent: this kernel has no pidfds, and a bare pid is not safe"),
            Self::Refused(number) => write!(f, "refused: {}", std::io::Error::from_raw_os_error(*number)),
        }
    }
}

impl std::error::Error for ControlError {}

/// Send a signal to exactly this process.
///
/// # Errors
/// Why it did not go out; nothing was sent then.
pub fn signal(source: &dyn Source, key: ProcessKey, signal: Signal) -> Result<(), ControlError> {
    if source.observer().foreign {
        return Err(ControlError::Foreign);
    }
    let pid = i32::try_from(key.pid.0).ok().and_then(Pid::from_raw).ok_or(ControlError::Gone)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| refusal(error.raw_os_error()))?;
    let mut reader = Reader::new(source);
    let now = reader.task(Task::Process(key.pid), "stat").and_then(stat::parse);
    match now {
        Ok(now) if now.key == key => {}
        Ok(_) | Err(Missing::Gone) => return Err(ControlError::Gone),
        Err(_) => return Err(ControlError::Denied),
    }
    pidfd::send_signal(&pidfd, signal).map_err(|error| refusal(error.raw_os_error().unwrap_or(0)))
}

fn refusal(number: i32) -> ControlError {
    match number {
        libc::ESRCH | libc::EINVAL => ControlError::Gone,
        libc::EPERM => ControlError::Denied,
        libc::ENOSYS => ControlError::Unsupported,
        other => ControlError::Refused(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collect::live::Live,
        unit::{Pid, Ticks},
    };
    use std::{
        os::unix::process::ExitStatusExt,
        path::Path,
        process::{Child, Command},
    };

    fn sleeper() -> (Live, Child, ProcessKey) {
        let live = Live::open(Path::new("/proc")).expect("/proc is there");
        let child = Command::new("sleep").arg("1000").spawn().expect("sleep starts");
        let mut reader = Reader::new(&live);
        let stat = reader.task(Task::Process(Pid(child.id())), "stat").and_then(stat::parse).expect("it lives");
        let key = stat.key;
        (live, child, key)
    }

    #[test]
    fn a_signal_reaches_the_process_that_was_meant() {
        let (live, mut child, key) = sleeper();
        let real_time = Signal::parse("RTMIN+2").expect("a signal");
        assert_eq!(signal(&live, key, real_time), Ok(()));
        assert_eq!(child.wait().expect("it ends").signal(), Some(36));
        assert_eq!(signal(&live, key, Signal::TERM), Err(ControlError::Gone));
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_left_alone() {
        let (live, mut child, key) = sleeper();
        let earlier = ProcessKey { start: Ticks(key.start.0 - 1), ..key };
        assert_eq!(signal(&live, earlier, Signal::TERM), Err(ControlError::Gone));
        assert!(child.try_wait().expect("it can be asked").is_none(), "it still runs");
        assert_eq!(signal(&live, key, Signal::TERM), Ok(()));
        child.wait().expect("it ends");
    }
}
