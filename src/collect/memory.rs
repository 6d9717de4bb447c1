//! The bytes in the memory of a process.

use super::{inspect::Tell, source::Source};
use crate::{
    snapshot::{Missing, Reading, memory::Contents},
    unit::ProcessKey,
};
use std::ops::{ControlFlow, Range};

/// The bytes in a range of addresses.
///
/// # Errors
/// Why nothing can be read.
pub fn contents(_source: &dyn Source, _key: ProcessKey, _range: Range<u64>) -> Reading<Contents> {
    Err(Missing::Unsupported)
}

/// Find bytes in all of the memory of a process, telling what was found so far now and then.
pub fn search(_source: &dyn Source, _key: ProcessKey, _needle: &[u8], tell: Tell<'_>) -> ControlFlow<()> {
    tell(Err(Missing::Unsupported))
}
