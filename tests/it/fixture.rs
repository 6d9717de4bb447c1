//! The recordings in tests/fixtures, and what several suites do with them.

use std::{fs, path::PathBuf, sync::Arc};
use sysview::{
    analysis::{Observation, Row},
    collect::{Collector, archive::Archive, source::Source},
    snapshot::{Parts, Request, Snapshot},
    table::{columns, value::Value},
    unit::Pid,
};

/// All of them.
pub const ALL: [&str; 5] = ["busy.txt", "calm.txt", "container.txt", "growing.txt", "hostile.txt"];

/// Where one lies.
pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

/// The text of one.
pub fn text(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A text as a source.
pub fn archive(text: &[u8]) -> Arc<Archive> {
    Arc::new(Archive::parse(text).unwrap_or_else(|error| panic!("{error}")))
}

/// Everything of everyone.
pub fn everything() -> Request {
    Request { everyone: Parts::ALL, threads: true, ..Request::default() }
}

/// All snapshots that a recording gives.
pub fn snapshots(text: &[u8], request: &Request) -> Vec<Arc<Snapshot>> {
    let archive = archive(text);
    let mut collector = Collector::new(Arc::clone(&archive) as Arc<dyn Source>);
    let mut collect = || collector.collect(request).expect("the processes can be listed");
    (0..archive.samples()).map(|_| collect()).collect()
}

/// Each snapshot with the one before.
pub fn observations(text: &[u8]) -> Vec<Observation> {
    let mut before = None;
    let observe = |now: Arc<Snapshot>| Observation::new(Arc::clone(&now), before.replace(now));
    snapshots(text, &everything()).into_iter().map(observe).collect()
}

/// The row of a process.
pub fn row(observation: &Observation, pid: u32) -> Row<'_> {
    let at = observation.now.position(Pid(pid)).unwrap_or_else(|| panic!("no process {pid}"));
    observation.process(at).expect("it was found just now")
}

/// What a column says of a row.
pub fn value<'a>(row: Row<'a>, column: &str) -> Value<'a> {
    let column = columns::find(column).unwrap_or_else(|| panic!("no column {column}"));
    (column.value)(row)
}
