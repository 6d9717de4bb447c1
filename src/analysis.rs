//! What two snapshots say: rates, the tree, ages. Pure functions on plain data; reads no file and no clock.

pub mod aslr;
pub mod container;
pub mod family;
pub mod machine;
pub mod observe;
pub mod rates;
pub mod syscalls;
pub mod terminal;
pub mod tree;

pub use observe::{Observation, Row};
