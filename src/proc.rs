//! Pure parsers: the bytes of one kernel file in, one struct out. No parser opens a file or panics on any bytes.
//!
//! What the scan reads for every process is parsed by hand here, held equal to the `procfs` crate by a property test.

#![deny(clippy::indexing_slicing)]

pub mod auxv;
pub mod elf;
pub mod fields;
pub mod kernel_config;
pub mod maps;
pub mod mountinfo;
pub mod stat;
pub mod status;
pub mod symbols;
pub mod task;
pub mod tty;
