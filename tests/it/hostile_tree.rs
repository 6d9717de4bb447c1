//! A directory in place of /proc that was made to hold up whoever reads it.

use crate::collect::wait_for;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sysview::{
    collect::{Collector, live::Live, source::Source},
    snapshot::{Missing, Parts, Request, Snapshot},
    unit::Pid,
};

const TIMES: &str = "S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 4096 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0";

pub fn process(root: &Path, pid: u32) {
    fs::create_dir_all(root.join(pid.to_string())).expect("a directory can be made");
    fs::write(root.join(format!("{pid}/stat")), format!("{pid} (x) {TIMES}\n")).expect("a file can be written");
}

pub fn pipe(root: &Path, path: &str) {
    mknodat(CWD, root.join(path), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
}

fn collector(root: &Path) -> Collector {
    Collector::new(Arc::new(Live::open(root).expect("a directory")) as Arc<dyn Source>)
}

fn cmdline(snapshot: &Snapshot, pid: u32) -> Result<Vec<u8>, Missing> {
    let at = snapshot.position(Pid(pid)).expect("it is there");
    snapshot.processes[at].details().cmdline.as_ref().map(|line| line.to_vec()).map_err(|missing| *missing)
}

fn cmdlines() -> Request {
    Request { everyone: Parts::CMDLINE, ..Request::default() }
}

#[test]
fn a_pipe_in_place_of_a_command_line_holds_up_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    for pid in [42, 43] {
        process(root, pid);
    }
    pipe(root, "42/cmdline");
    fs::write(root.join("43/cmdline"), "fine\0").expect("a file can be written");
    let mut collector = collector(root);

    let begun = Instant::now();
    let first = collector.collect(&cmdlines()).expect("a list");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(cmdline(&first, 42).is_err());
    wait_for("the value to be blocked", || {
        let snapshot = collector.collect(&cmdlines()).expect("a list");
        cmdline(&snapshot, 42) == Err(Missing::Blocked) && cmdline(&snapshot, 43) == Ok(b"fine".to_vec())
    });

    // Whoever writes in the end is heard.
    let mut writer = fs::OpenOptions::new().write(true).open(root.join("42/cmdline")).expect("the reader waits");
    writer.write_all(b"late\0").expect("the reader waits");
    drop(writer);
    wait_for("the late answer", || {
        let amended = collector.amend(&cmdlines());
        amended.is_some_and(|snapshot| cmdline(&snapshot, 42) == Ok(b"late".to_vec()))
    });
}

#[test]
fn more_stuck_reads_than_there_are_threads_are_all_said_to_be_blocked() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    for pid in 42..50 {
        process(root, pid);
        pipe(root, &format!("{pid}/cmdline"));
    }
    let mut collector = collector(root);
    let patient = Request { patience: Duration::from_secs(10), ..cmdlines() };
    let begun = Instant::now();
    let snapshot = collector.collect(&patient).expect("a list");
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits longer than it takes to be sure");
    for pid in 42..50 {
        assert_eq!(cmdline(&snapshot, pid), Err(Missing::Blocked));
    }
}

#[test]
fn pipes_directories_and_loops_in_place_of_any_other_file_hold_up_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    process(root, 41);
    for pid in [42, 43, 44, 45] {
        fs::create_dir(root.join(pid.to_string())).expect("a directory can be made");
    }
    pipe(root, "42/stat");
    fs::create_dir(root.join("43/stat")).expect("a directory can be made");
    symlink("stat", root.join("44/stat")).expect("a link can be made");
    fs::write(root.join("45/stat"), "4 (liar) S").expect("a file can be written");
    // 41 once more, under another name.
    symlink("41", root.join("041")).expect("a link can be made");
    for name in ["status", "statm", "schedstat", "sched", "io", "exe", "cwd", "cgroup", "oom_score", "wchan", "syscall"]
    {
        pipe(root, &format!("41/{name}"));
    }
    for name in ["stat", "meminfo", "loadavg", "uptime", "vmstat"] {
        pipe(root, name);
    }
    let begun = Instant::now();
    let request = Request { everyone: Parts::ALL.without(Parts::BLOCKING), threads: true, ..Request::default() };
    let snapshot = collector(root).collect(&request).expect("a list");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let pids: Vec<_> = snapshot.processes.iter().map(|process| process.key.pid.0).collect();
    assert_eq!((pids, snapshot.hidden), (vec![41], 4));
    assert_eq!(snapshot.processes[0].details().status, Err(Missing::Malformed));
    assert_eq!(snapshot.system.memory, Err(Missing::Malformed));
    assert!(snapshot.observer.foreign, "no action may reach a process of this number");
}

#[test]
fn a_directory_without_processes_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = sysview::collect::open(None, Some(directory.path())).map(|_| ()).expect_err("nothing is in it");
    assert!(error.to_string().contains("holds no processes"), "{error}");
}
