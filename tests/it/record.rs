//! `sysview record` and `--from`, as programs.

use crate::fixture;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

fn sysview(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_sysview");
    Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What it complains of, in one line.
#[track_caller]
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(error.lines().count(), 1, "{error}");
    error.strip_prefix("sysview: ").expect("the name of the program first").trim_end().to_owned()
}

#[test]
fn a_recording_of_a_recording_is_the_same_and_takes_the_place_of_the_file_at_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (directory.path().join("first.txt"), directory.path().join("second.txt"));
    fs::write(&second, "something older").expect("a file can be written");
    for (from, to) in [(&fixture::path("busy.txt"), &first), (&first, &second)] {
        let output = sysview(&["--from", text(from), "record", "--with-secrets", text(to)]);
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
    let written = fs::read_to_string(&first).expect("it was written");
    assert_eq!(written, fs::read_to_string(&second).expect("it was written"));
    assert_eq!(written.matches("\n== tick ").count(), 3, "all that the recording has");
    let mode = fs::metadata(&first).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may hold what is nobody else's business");
    let names: Vec<_> = fs::read_dir(directory.path()).expect("a list").collect();
    assert_eq!(names.len(), 2, "nothing is left beside them: {names:?}");
}

#[test]
fn reports_need_one_sample_more_and_secrets_stay_out() {
    let busy = fixture::path("busy.txt");
    let output = sysview(&["--from", text(&busy), "record", "--count", "1", "-"]);
    let written = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(written.matches("\n== tick ").count(), 2);
    assert!(written.contains("== 2020/cmdline\nvim\\0\n") && !written.contains("notes.txt"), "arguments are left out");
    assert!(written.contains("root:x:0:") && !written.contains("www-data"), "only the users that are seen");
    let with = sysview(&["--from", text(&busy), "record", "--with-secrets", "-"]);
    assert!(String::from_utf8(with.stdout).expect("UTF-8").contains("== 2020/cmdline\nvim\\0notes.txt\\0\n"));
}

#[test]
fn the_live_system_is_recorded_with_two_samples_and_only_the_processes_asked_for() {
    let own = std::process::id().to_string();
    let output = sysview(&["record", "--delay", "0.01", "-", &own]);
    assert!(output.status.success(), "{output:?}");
    let written = String::from_utf8(output.stdout).expect("UTF-8");
    let archive = fixture::snapshots(written.as_bytes(), &fixture::everything());
    assert_eq!(archive.len(), 2);
    assert!(archive[1].taken.boot > archive[0].taken.boot);
    let pids: Vec<_> = archive[1].processes.iter().map(|process| process.key.pid.0.to_string()).collect();
    assert_eq!(pids, [own]);
}

#[test]
fn maps_are_recorded_of_the_processes_named_and_shown_as_they_were() {
    let original = fixture::path("one-map.txt");
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("copy.txt");
    let every = sysview(&["--from", text(&original), "record", "-"]);
    assert!(!String::from_utf8(every.stdout).expect("UTF-8").contains("== 42/smaps\n"), "nobody named it");
    // A zombie, a kernel thread and one that may not be looked at are named too.
    let pids = ["2", "42", "43", "44", "46"];
    let output = sysview(&[&["--from", text(&original), "record", text(&copy)], &pids[..]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for pid in pids {
        let shown = |from: &Path| {
            let output = sysview(&["--from", text(from), "maps", pid, "--format", "json"]);
            (output.status.code(), String::from_utf8(output.stdout), String::from_utf8(output.stderr))
        };
        assert_eq!(shown(&copy), shown(&original), "{pid}");
    }
    let written = fs::read_to_string(&copy).expect("it was written");
    for file in ["maps", "smaps", "smaps_rollup", "task/45/syscall"] {
        assert!(written.contains(&format!("== 42/{file}\n")), "{file}");
    }
    assert!(!written.contains("== 2/maps"), "a kernel thread is not asked");
}

#[test]
fn the_map_of_a_living_process_is_recorded() {
    let own = std::process::id().to_string();
    let output = sysview(&["record", "--delay", "0.01", "-", &own]);
    assert!(output.status.success(), "{output:?}");
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("copy.txt");
    fs::write(&copy, &output.stdout).expect("a file can be written");
    let shown = sysview(&["--from", text(&copy), "maps", &own, "--format", "json"]);
    assert!(shown.status.success(), "{shown:?}");
    let map: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let mappings = map["mappings"].as_array().expect("a list");
    assert!(mappings.iter().any(|mapping| mapping["kind"] == "heap" && mapping["rss"].as_u64() > Some(0)), "{map}");
    assert!(map["totals"]["pss"].as_u64() > Some(0), "{}", map["totals"]);
}

#[test]
fn what_cannot_be_recorded_or_opened_is_said_with_a_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x.txt");
    let calm = fixture::path("calm.txt");
    let gone = sysview(&["--from", text(&calm), "record", text(&target), "77"]);
    assert_eq!(complaint(&gone), "no such process: 77; nothing was recorded");
    assert!(!target.exists());
    let some = sysview(&["--from", text(&calm), "record", text(&target), "1", "77"]);
    assert_eq!(complaint(&some), "no such process: 77; the others were recorded");
    assert!(target.exists());

    let nowhere = directory.path().join("no/x.txt");
    let error = complaint(&sysview(&["--from", text(&calm), "record", text(&nowhere)]));
    assert!(error.starts_with("cannot write ") && error.contains("No such file"), "{error}");
    let error = complaint(&sysview(&["--from", text(&nowhere), "record", "-"]));
    assert!(error.contains("No such file") && error.contains("`sysview record FILE`"), "{error}");
    fs::write(&target, "== 1/stat\n!nonsense\n").expect("a file can be written");
    let error = complaint(&sysview(&["--from", text(&target), "record", "-"]));
    assert!(error.contains("line 2: expected !denied"), "{error}");
    let error = complaint(&sysview(&["--proc-root", text(directory.path()), "record", "-"]));
    assert!(error.contains("holds no processes"), "{error}");
    let usage = sysview(&["record", "--delay", "soon", "-"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_device_stays_a_device() {
    let output = sysview(&["--from", text(&fixture::path("calm.txt")), "record", "/dev/null"]);
    assert!(output.status.success(), "{output:?}");
    let kind = fs::metadata("/dev/null").expect("it is there").file_type();
    assert!(!kind.is_file());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysview"))
        .args(["record", "--count", "0", "--delay", "0.01", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends by itself");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_signal_ends_a_recording_and_keeps_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("x.txt");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysview"))
        .args(["record", "--count", "0", "--delay", "600", text(&target), &std::process::id().to_string()])
        .spawn()
        .expect("the program starts");
    // The first sample is written beside before the long wait begins.
    crate::collect::wait_for("the first sample", || {
        let files = fs::read_dir(directory.path()).expect("a list");
        files.flatten().any(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 0))
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(fixture::snapshots(&fs::read(&target).expect("it was kept"), &fixture::everything()).len(), 1);
}
