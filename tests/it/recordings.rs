//! The stored recordings, read by the collector as it reads a live system.

use std::{path::Path, sync::Arc};
use sysview::{
    collect::{Collector, source},
    snapshot::{
        Parts, Reading, Request, Snapshot,
        system::{Container, Limit},
    },
    unit::Bytes,
};

/// The first sample of a recording, with everything there is to be asked for.
fn first(recording: &str) -> Arc<Snapshot> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(recording);
    let source = source::open(Some(&path), None).unwrap_or_else(|error| panic!("{recording}: {error}"));
    let request = Request { everyone: Parts::ALL, threads: true, ..Request::default() };
    Collector::new(source).collect(&request).unwrap_or_else(|error| panic!("{recording}: {error}"))
}

/// How many there are, and how many were listed and could not be read as processes.
#[test]
fn each_has_its_processes() {
    for (recording, processes, hidden) in
        [("busy.txt", 17, 0), ("calm.txt", 15, 0), ("container.txt", 5, 1), ("hostile.txt", 21, 5)]
    {
        let snapshot = first(recording);
        assert_eq!((snapshot.processes.len(), snapshot.hidden), (processes, hidden), "{recording}");
    }
}

#[test]
fn a_container_has_the_limits_of_its_control_group() {
    // 192 MiB in use, 64 MiB of them page cache that has not been used for long.
    let memory = Some(Limit { limit: Bytes(512 << 20), used: Bytes(128 << 20) });
    let container: Reading<Container> = first("container.txt").system.container;
    assert_eq!(container, Ok(Container { memory, cpus: Some(0.5) }));
}
