//! Reading: the kernel's files in, [`Snapshot`](crate::snapshot::Snapshot)s out. Writes nothing, draws nothing.
//!
//! `source` is where bytes come from (`live`, `archive`), `record` notes what is read, `scan` looks at every process each tick, `process` reads the parts of one,
//! `detail` reads on threads of its own what can block, `system` reads the machine.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod archive;
mod container;
mod detail;
mod exits;
pub mod live;
pub mod machine;
mod process;
pub mod record;
pub mod scan;
pub mod source;
mod system;
pub mod users;

pub use scan::Collector;
pub use source::open;
