//! Page faults counted by the kernel's performance events (perf_event_open(2)), of one thread at a time.

#![expect(unsafe_code, reason = "perf_event_open has no wrapper in libc or rustix")]

use rustix::{
    fd::{FromRawFd, OwnedFd},
    io::{Errno, Result},
};

/// Which faults are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of instructions of the program.
    Program,
    /// Those of the kernel on its behalf too, as when read(2) fills a page not yet touched.
    ProgramAndKernel,
}

/// `struct perf_event_attr` as far as its first published size (64 bytes) goes.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    config1: u64,
}

/// `PERF_TYPE_SOFTWARE`.
const SOFTWARE: u32 = 1;
/// `PERF_COUNT_SW_PAGE_FAULTS`.
const PAGE_FAULTS: u64 = 2;
/// The bits `exclude_kernel` and `exclude_hv`.
const PROGRAM_ONLY: u64 = 1 << 5 | 1 << 6;
/// `PERF_FLAG_FD_CLOEXEC`.
const CLOSE_ON_EXEC: libc::c_ulong = 8;

/// A running counter of page faults.
#[derive(Debug)]
pub struct FaultCounter {
    fd: OwnedFd,
}

impl FaultCounter {
    /// Count the faults of the calling thread from now on.
    ///
    /// # Errors
    /// `ACCESS` or `PERM` where `kernel.perf_event_paranoid` or a seccomp filter forbids it; `NOSYS` or `NOENT` where
    /// the kernel has no such events.
    pub fn of_own_thread(scope: Scope) -> Result<Self> {
        let flags = if scope == Scope::Program { PROGRAM_ONLY } else { 0 };
        let size = 64;
        let attributes = Attributes { kind: SOFTWARE, size, config: PAGE_FAULTS, flags, ..Attributes::default() };
        let (own_thread, any_cpu, no_group) = (0, -1, -1);
        // SAFETY: `attributes` is valid for the duration of the call and as long as its `size` says.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attributes,
                own_thread,
                any_cpu,
                no_group,
                CLOSE_ON_EXEC,
            )
        };
        let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(last_error)?;
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Faults so far.
    ///
    /// # Errors
    /// As read(2).
    pub fn count(&self) -> Result<u64> {
        let mut count = [0; 8];
        let length = rustix::io::read(&self.fd, &mut count)?;
        if length == count.len() { Ok(u64::from_ne_bytes(count)) } else { Err(Errno::IO) }
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_size_the_kernel_published() {
        assert_eq!(size_of::<Attributes>(), 64);
    }

    #[test]
    fn touching_pages_is_counted_where_the_kernel_allows_it() {
        let counter = match FaultCounter::of_own_thread(Scope::Program) {
            Ok(counter) => counter,
            Err(error) => return assert!(matches!(error, Errno::ACCESS | Errno::PERM | Errno::NOSYS), "{error}"),
        };
        let before = counter.count().expect("a counter can be read");
        let mut pages = vec![0u8; 64 << 20];
        pages.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        // At least one per huge page.
        assert!(counter.count().expect("a counter can be read") >= before + 32, "{}", pages.len());
    }
}
