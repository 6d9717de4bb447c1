//! Reading: the kernel's files in, [`Snapshot`](crate::snapshot::Snapshot)s out. Writes nothing, draws nothing.
//!
//! `source` is where bytes come from (`live`, `archive`), and `record` notes what is read. Each tick `scan` looks at every
//! process, `process` reads the parts of one, `detail` those that can block on threads of its own, `exits` how rows in
//! view ended, `users` their names, `system` the machine and `container` what sysview's own control groups allow.
//! `machine` has the names of the machine, which are no part of a snapshot.

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
