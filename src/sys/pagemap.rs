//! `PAGEMAP_SCAN` (Documentation/admin-guide/mm/pagemap.rst, since 6.7): which pages of a range are what.

#![expect(clippy::disallowed_methods, reason = "a descriptor for the request, not a file to be read")]
#![expect(unsafe_code, reason = "rustix has no wrapper for PAGEMAP_SCAN")]

use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags, openat},
    io::{Errno, Result},
};
use std::ops::Range;

/// `PAGE_IS_PRESENT`: in memory.
pub const PRESENT: u64 = 1 << 3;

/// Neighbouring pages of the same kind (`struct page_region`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Address of the first page.
    pub start: u64,
    /// Address after the last page.
    pub end: u64,
    /// `PAGE_IS_…` bits, of those asked for.
    pub categories: u64,
}

/// `struct pm_scan_arg` as far as its first published size (96 bytes) goes.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    runs: u64,
    runs_length: u64,
    most_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    told: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const SCAN: libc::Ioctl = (3 << 30) | ((b'f' as libc::Ioctl) << 8) | 16 | ((size_of::<Scan>() as libc::Ioctl) << 16);

/// The pagemap of sysview itself.
///
/// # Errors
/// As open(2).
pub fn open_own() -> Result<OwnedFd> {
    openat(CWD, "/proc/self/pagemap", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Find the pages in `range` that are in any of `categories`, into `runs` from its beginning; how many runs there are.
///
/// # Errors
/// `NOTTY` where the kernel has no such request; `INVAL` where the range does not begin and end with a page.
pub fn scan(pagemap: impl AsFd, range: Range<u64>, categories: u64, runs: &mut [Run]) -> Result<usize> {
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start: range.start,
        end: range.end,
        runs: runs.as_mut_ptr().expose_provenance() as u64,
        runs_length: runs.len() as u64,
        any_of: categories,
        told: categories,
        ..Scan::default()
    };
    // SAFETY: the kernel writes at most `runs_length` runs where `runs` points, for any bytes of which `Run` is valid,
    // and updates `scan` itself, whose size it was told; it checks all addresses.
    let count = unsafe { libc::ioctl(pagemap.as_fd().as_raw_fd(), SCAN, &raw mut scan) };
    usize::try_from(count).map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_sizes_the_kernel_published() {
        assert_eq!((size_of::<Scan>(), size_of::<Run>()), (96, 24));
    }

    #[test]
    fn touched_pages_are_present_and_others_are_not() {
        let page = rustix::param::page_size();
        let mut memory = vec![0u8; 64 * page];
        let first = memory.as_ptr().addr().next_multiple_of(page);
        let touched = first - memory.as_ptr().addr() + 5 * page;
        memory[touched] = 1;
        let start = (first + 5 * page) as u64;
        let mut runs = [Run::default(); 4];
        let pagemap = open_own().expect("the own pagemap can be opened");
        match scan(&pagemap, start..start + page as u64, PRESENT, &mut runs) {
            Ok(count) => {
                let expected = Run { start, end: start + page as u64, categories: PRESENT };
                assert_eq!((count, runs[0]), (1, expected));
            }
            Err(error) => assert!(matches!(error, Errno::NOTTY | Errno::PERM), "{error}"),
        }
        // Nothing is mapped in the first page of any process.
        if let Ok(count) = scan(&pagemap, 0..page as u64, PRESENT, &mut runs) {
            assert_eq!(count, 0);
        }
    }
}
