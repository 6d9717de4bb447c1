//! What snapshots and memory maps say: rates, the tree, ages, what grew. Pure functions on plain data; reads no file and no
//! clock.

pub mod aslr;
pub mod container;
#[cfg(test)]
pub(crate) mod example;
pub mod family;
pub mod growth;
pub mod layout;
pub mod machine;
pub mod mapping;
pub mod objects;
pub mod observe;
pub mod pages;
pub mod rates;
pub mod syscalls;
pub mod terminal;
pub mod tree;

pub use mapping::MapRow;
pub use observe::{Observation, Row};
