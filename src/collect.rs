//! Reading: the kernel's files in, [`Snapshot`](crate::snapshot::Snapshot)s out. Writes nothing, draws nothing.
//!
//! `source` is where bytes come from (`live`, `archive`), and `record` notes what is read. Each tick `scan` looks at every
//! process, `process` reads the parts of one, `detail` those that can block on threads of its own, `exits` how rows in
//! view ended, `users` their names, `system` the machine and `container` what sysview's own control groups allow.
//! Questions about one process go to `inspect`: `map` reads memory maps, `pages` the states of pages, `memory` the bytes,
//! `sharers` who else maps a file, `program` the program file and `lab` runs commands to see where their memory lies.
//! `space` opens the files of an address space for `pages` and `memory`.
//! `machine` has the names of the machine, which are no part of a snapshot.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod archive;
mod container;
mod detail;
mod exits;
pub mod inspect;
pub mod lab;
pub mod live;
pub mod machine;
pub mod map;
pub mod memory;
pub mod pages;
mod process;
pub mod program;
pub mod record;
pub mod scan;
pub mod sharers;
pub mod source;
pub mod space;
mod system;
pub mod users;

pub use scan::Collector;
pub use source::open;
