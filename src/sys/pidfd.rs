//! `PIDFD_GET_INFO` (linux/pidfd.h, since 6.13): how a process ended, told even after it was reaped (since 6.15); and
//! pidfd_send_signal(2).

#![expect(unsafe_code, reason = "rustix has no wrapper for PIDFD_GET_INFO, and none that sends real-time signals")]

use crate::{
    signal::Signal,
    snapshot::{ExitStatus, Missing, Reading},
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    process::Child,
};

/// `struct pidfd_info` as far as its first published size (64 bytes) goes.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ids: [u32; 8],
    exit_code: i32,
}

/// `PIDFD_INFO_EXIT`.
const EXIT: u64 = 1 << 3;

/// `_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)`.
const GET_INFO: libc::Ioctl = (3 << 30) | (0xff << 8) | 0x0b | ((size_of::<Info>() as libc::Ioctl) << 16);

/// A pidfd of a child that has not been waited for.
///
/// # Errors
/// As pidfd_open(2).
pub fn of_child(child: &Child) -> rustix::io::Result<OwnedFd> {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty())
}

/// The wait status of the process behind a pidfd that was opened while it lived.
///
/// # Errors
/// `Unsupported` on kernels before 6.15; `NotRequested` while the process has not been reaped.
pub fn exit_status(pidfd: impl AsFd) -> Reading<ExitStatus> {
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the request number carries the size of `Info`, which the kernel fills at most that far.
    let result = unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), GET_INFO, &raw mut info) };
    if result != 0 {
        // ESRCH: reaped, and this kernel does not keep the status. Others: no such request at all.
        return Err(Missing::Unsupported);
    }
    if info.mask & EXIT == 0 {
        return Err(Missing::NotRequested);
    }
    Ok(ExitStatus::from_wait(info.exit_code.cast_unsigned()))
}

/// Send a signal to the process behind a pidfd; any number, real-time signals too.
///
/// # Errors
/// ESRCH where it has ended and was reaped, EPERM where it may not be signalled.
pub fn send_signal(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    let (pidfd, number) = (pidfd.as_fd().as_raw_fd(), libc::c_int::from(signal.number()));
    // SAFETY: no pointer is passed but the null that stands for "no siginfo of our own".
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, number, std::ptr::null::<libc::siginfo_t>(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_size_the_kernel_published() {
        assert_eq!(size_of::<Info>(), 64);
    }

    #[test]
    fn a_reaped_child_still_tells_its_status() {
        let mut child = std::process::Command::new("sh").args(["-c", "exit 42"]).spawn().expect("sh starts");
        let pidfd = of_child(&child).expect("pidfd_open works since 5.3");
        child.wait().expect("the child ends");
        match exit_status(&pidfd) {
            Ok(status) => assert_eq!(status, ExitStatus::Code(42)),
            Err(missing) => assert_eq!(missing, Missing::Unsupported, "only older kernels may not know"),
        }
    }
}
