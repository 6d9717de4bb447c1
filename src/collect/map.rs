//! Memory maps: addresses, figures and totals.

use super::source::Source;
use crate::{
    snapshot::{Missing, Reading, inspect::Depth, map::MemoryMap},
    unit::ProcessKey,
};

/// The memory map of a process; `None` where it has none (a kernel thread, a zombie).
///
/// # Errors
/// Why it cannot be read.
pub fn read(_source: &dyn Source, _key: ProcessKey, _depth: Depth) -> Reading<Option<MemoryMap>> {
    Err(Missing::Unsupported)
}
