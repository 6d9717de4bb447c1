//! What two snapshots say: rates, the tree, ages. Pure functions on plain data; reads no file and no clock.

pub mod family;
pub mod observe;
pub mod rates;

pub use observe::{Observation, Row};
