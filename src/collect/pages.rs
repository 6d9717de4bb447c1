//! States of pages.

use super::source::Source;
use crate::{
    snapshot::{Missing, Reading, memory::Pages},
    unit::ProcessKey,
};
use std::ops::Range;

/// The state of every page in a range of addresses.
///
/// # Errors
/// Why it cannot be read.
pub fn read(_source: &dyn Source, _key: ProcessKey, _range: Range<u64>) -> Reading<Pages> {
    Err(Missing::Unsupported)
}
