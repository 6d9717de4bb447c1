//! Raw kernel interfaces that no kept crate wraps. The only module with `unsafe`; each call is one small safe function.

pub mod clock;
pub mod connector;
pub mod job;
pub mod netlink;
pub mod pagemap;
pub mod perf;
pub mod pidfd;
pub mod taskstats;
pub mod trace;

/// Bytes in a page of memory.
#[must_use]
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
