//! `PAGEMAP_SCAN` (Documentation/admin-guide/mm/pagemap.rst, since 6.7): which pages of a range are what.

#![expect(clippy::disallowed_methods, reason = "a descriptor for the request, not a file to be read")]
#![expect(unsafe_code, reason = "rustix has no wrapper for PAGEMAP_SCAN")]

use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags, openat},
    io::{Errno, Result},
};
use std::ops::Range;

/// `PAGE_IS_FILE`: of a file, or shared.
pub const FILE: u64 = 1 << 2;
/// `PAGE_IS_PRESENT`: in memory.
pub const PRESENT: u64 = 1 << 3;
/// `PAGE_IS_SWAPPED`: in swap, or on its way; a page that guards is among them.
pub const SWAPPED: u64 = 1 << 4;
/// `PAGE_IS_PFNZERO`: the page of zeros, or the huge one.
pub const ZERO: u64 = 1 << 5;
/// `PAGE_IS_HUGE`: mapped by an entry for a huge page, transparent or of hugetlb.
pub const HUGE: u64 = 1 << 6;
/// `PAGE_IS_GUARD`, since 6.15: guards against being touched (`MADV_GUARD_INSTALL`).
pub const GUARD: u64 = 1 << 8;

/// Which pages are looked for, and what of them is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Pages in any of these categories.
    pub any_of: u64,
    /// The categories told of them; neighbours that differ in none of these are one run.
    pub told: u64,
    /// The walk ends after this many pages; 0: never. The address space is locked for as long as it takes.
    pub most_pages: u64,
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// How many runs were found.
    pub runs: usize,
    /// All before this address was looked at.
    pub end: u64,
}

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

/// Find pages in `range`, from its beginning until it ends or `runs` is full.
///
/// # Errors
/// `NOTTY` where the kernel has no such request; `INVAL` where it does not know a category, or the range does not begin
/// and end with a page; `FAULT` where it is above all addresses of processes.
pub fn scan(pagemap: impl AsFd, range: Range<u64>, wanted: Wanted, runs: &mut [Run]) -> Result<Walk> {
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start: range.start,
        end: range.end,
        runs: runs.as_mut_ptr().expose_provenance() as u64,
        runs_length: runs.len() as u64,
        most_pages: wanted.most_pages,
        any_of: wanted.any_of,
        told: wanted.told,
        ..Scan::default()
    };
    // SAFETY: the kernel writes at most `runs_length` runs where `runs` points, for any bytes of which `Run` is valid,
    // and updates `scan` itself, whose size it was told; it checks all addresses.
    let count = unsafe { libc::ioctl(pagemap.as_fd().as_raw_fd(), SCAN, &raw mut scan) };
    let failed = |_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    Ok(Walk { runs: usize::try_from(count).map_err(failed)?, end: scan.walk_end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_sizes_the_kernel_published() {
        assert_eq!((size_of::<Scan>(), size_of::<Run>()), (96, 24));
    }

    const WANTED: Wanted = Wanted { any_of: PRESENT, told: PRESENT, most_pages: 0 };

    /// Memory in which every other page of the first ten was touched, the address of its first page, and a page's size.
    fn touched() -> (Vec<u8>, u64, u64) {
        let page = rustix::param::page_size();
        // So much is never taken from memory that was given back before.
        let mut memory = vec![0u8; 40 << 20];
        let first = memory.as_ptr().addr().next_multiple_of(page);
        for at in [0, 2, 4, 6, 8] {
            let touched = first - memory.as_ptr().addr() + at * page;
            memory[touched] = 1;
        }
        (memory, first as u64, page as u64)
    }

    /// Whether the kernel has the request at all.
    fn is_supported(walk: Result<Walk>) -> bool {
        walk.map_err(|error| assert!(matches!(error, Errno::NOTTY | Errno::PERM), "{error}")).is_ok()
    }

    #[test]
    fn touched_pages_are_present_and_others_are_not() {
        let (_memory, first, page) = touched();
        let start = first + 4 * page;
        let mut runs = [Run::default(); 4];
        let pagemap = open_own().expect("the own pagemap can be opened");
        if is_supported(scan(&pagemap, start..start + page, WANTED, &mut runs)) {
            assert_eq!(runs[0], Run { start, end: start + page, categories: PRESENT });
            // Nothing is mapped in the first page of any process.
            let walk = scan(&pagemap, 0..page, WANTED, &mut runs);
            assert_eq!(walk, Ok(Walk { runs: 0, end: page }));
        }
    }

    #[test]
    fn a_walk_tells_where_it_ended_so_that_the_next_goes_on() {
        let (_memory, first, page) = touched();
        let pagemap = open_own().expect("the own pagemap can be opened");
        let (mut at, end, mut found) = (first, first + 10 * page, 0);
        let mut runs = [Run::default(); 2];
        if !is_supported(scan(&pagemap, at..end, WANTED, &mut runs)) {
            return;
        }
        while at < end {
            let walk = scan(&pagemap, at..end, WANTED, &mut runs).expect("it worked before");
            assert!(walk.end > at && walk.runs <= 2, "{walk:?}");
            found += walk.runs;
            at = walk.end;
        }
        assert_eq!(found, 5);
        let limited = Wanted { most_pages: 1, ..WANTED };
        let walk = scan(&pagemap, first..end, limited, &mut runs).expect("it worked before");
        assert!(walk.runs == 1 && walk.end > first && walk.end <= first + 2 * page, "{walk:?}");
    }
}
