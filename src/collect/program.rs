//! The program file of a process and the drawing of its addresses.

use super::source::Source;
use crate::{
    snapshot::{Missing, Reading, program::Program},
    unit::ProcessKey,
};

/// What is known of the program of a process.
///
/// # Errors
/// Why nothing is.
pub fn read(_source: &dyn Source, _key: ProcessKey) -> Reading<Program> {
    Err(Missing::Unsupported)
}
