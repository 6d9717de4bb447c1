//! Reading: the kernel's files in, [`Snapshot`](crate::snapshot::Snapshot)s out. Writes nothing, draws nothing.
//!
//! `source` is where bytes come from, `scan` looks at every process each tick, `process` reads the parts of one,
//! `detail` reads on threads of its own what can block, `system` reads the machine.

#![deny(clippy::indexing_slicing)]

mod container;
mod detail;
mod exits;
pub mod live;
pub mod machine;
mod process;
pub mod scan;
pub mod source;
mod system;
pub mod users;

pub use scan::Collector;
