//! `sysview doctor` on the real kernel: as root and as nobody, in namespaces and on mounts of /proc that hide things.

use crate::need;
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

const BINARY: &str = env!("CARGO_BIN_EXE_sysview");
const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// The items of a report, by name.
struct Report(Vec<Value>);

impl Report {
    fn of(output: &Output) -> Self {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).expect("an array in JSON"))
    }

    fn text(&self, item: &str, key: &str) -> &str {
        let entry = self.0.iter().find(|entry| entry["item"] == item);
        entry.and_then(|entry| entry[key].as_str()).unwrap_or_else(|| panic!("no {key} of {item}"))
    }

    fn verdict(&self, item: &str) -> &str {
        self.text(item, "verdict")
    }
}

/// Run a shell command in which `$SYSVIEW` is the program, in a place where every user may start it.
fn shell(script: &str) -> Report {
    let place = tempfile::tempdir().expect("a directory of the test's own");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("it is the test's own");
    let copy = place.path().join("sysview");
    fs::copy(BINARY, &copy).expect("the program can be copied");
    let output = Command::new("sh").args(["-ec", script]).env("SYSVIEW", &copy).output();
    Report::of(&output.expect("sh can be started"))
}

#[test]
fn every_item_has_a_verdict_with_its_evidence_and_what_to_do() {
    let output = Command::new(BINARY).args(["doctor", "--format", "json"]).output().expect("the program starts");
    let report = Report::of(&output);
    assert!(report.0.len() >= 15, "{}", report.0.len());
    for entry in &report.0 {
        let keys: Vec<_> = entry.as_object().expect("an object each").keys().map(String::as_str).collect();
        assert_eq!(keys, ["item", "verdict", "evidence", "needed_for", "how"]);
        assert!(matches!(entry["verdict"].as_str(), Some("yes" | "off" | "denied" | "unsupported")), "{entry}");
        assert!(keys.iter().all(|key| entry[key].as_str().is_some_and(|text| !text.is_empty())), "{entry}");
    }
    // No kernel is without these on its own /proc.
    for item in ["namespace", "system_files", "cpu_clocks"] {
        assert_eq!(report.verdict(item), "yes", "{}", report.text(item, "evidence"));
    }
}

#[test]
fn the_table_names_the_machine_and_says_how_to_get_what_is_missing() {
    let output = Command::new(BINARY).arg("doctor").output().expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").expect("every kernel has a release");
    assert!(text.contains(&format!("Linux {}", kernel.trim())), "{text}");
    let lacking =
        text.lines().filter(|line| ["off ", "denied ", "unsupported "].iter().any(|word| line.starts_with(word)));
    assert_eq!(lacking.count(), text.matches("to get it: ").count(), "{text}");
}

#[test]
fn a_recording_is_refused_and_a_directory_that_is_no_proc_is_told() {
    let refused = Command::new(BINARY).args(["doctor", "--from", "/dev/null"]).output().expect("the program starts");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("sysview: "), "{refused:?}");
    let empty = tempfile::tempdir().expect("a directory of the test's own");
    let output = Command::new(BINARY).args(["doctor", "--format", "json", "--proc-root"]).arg(empty.path()).output();
    let report = Report::of(&output.expect("the program starts"));
    for item in ["namespace", "all_processes", "system_files", "cpu_clocks", "cgroup"] {
        assert_eq!(report.verdict(item), "unsupported", "{}", report.text(item, "evidence"));
    }
}

#[test]
fn nobody_is_told_what_only_root_may() {
    let test = "doctor::nobody_is_told_what_only_root_may";
    if !need::root(test) || !need::command(test, &["setpriv", "--reuid", "65534", "--clear-groups", "true"]) {
        return;
    }
    let report = shell(&format!("{NOBODY} $SYSVIEW doctor --format json"));
    for item in ["smaps_of_others", "kernel_stacks", "wait_channel"] {
        assert_eq!(report.verdict(item), "denied", "{item}: {}", report.text(item, "evidence"));
    }
    assert_ne!(report.verdict("taskstats"), "yes");
    assert_eq!(report.verdict("cpu_clocks"), "yes");
}

#[test]
fn a_proc_of_another_namespace_takes_away_what_goes_by_pid() {
    let test = "doctor::a_proc_of_another_namespace_takes_away_what_goes_by_pid";
    if !need::command(test, &["unshare", "-p", "-f", "true"]) {
        return;
    }
    let report = shell("unshare -p -f $SYSVIEW doctor --format json");
    for item in ["namespace", "cpu_clocks", "pidfd", "process_connector", "cgroup"] {
        assert_eq!(report.verdict(item), "unsupported", "{item}: {}", report.text(item, "evidence"));
    }
    assert!(report.text("namespace", "evidence").ends_with("sysview is 1"));
}

#[test]
fn mounts_of_proc_that_hide_things_are_seen() {
    let test = "doctor::mounts_of_proc_that_hide_things_are_seen";
    let mounted = |options: &str, command: &str| {
        format!(
            "unshare -m -p -f sh -ec 'mount -t proc -o {options} proc /proc; {command} $SYSVIEW doctor --format json'"
        )
    };
    if !need::command(test, &["unshare", "-m", "-p", "-f", "mount", "-t", "proc", "-o", "subset=pid", "proc", "/proc"])
    {
        return;
    }
    let subset = shell(&mounted("subset=pid", ""));
    assert_eq!(subset.verdict("system_files"), "off");
    assert!(subset.text("system_files", "evidence").ends_with("mounted with subset=pid"));
    // sysview is not the first process there: the shell is, which root may see and nobody may not.
    assert_eq!(shell(&mounted("hidepid=2", "env")).verdict("all_processes"), "yes");
    let hidden = shell(&mounted("hidepid=2", &format!("true; {NOBODY}")));
    for item in ["all_processes", "smaps_of_others", "wait_channel"] {
        assert_eq!(hidden.verdict(item), "denied", "{item}: {}", hidden.text(item, "evidence"));
    }
    // The kernel does not acknowledge listeners of child namespaces.
    assert_eq!(hidden.verdict("process_connector"), "unsupported");
}

/// A control group of version 1 that is removed when the test ends.
struct Group(String);

impl Group {
    fn new(path: String) -> Self {
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self(path)
    }

    fn set(&self, file: &str, value: &str) {
        fs::write(Path::new(&self.0).join(file), value).unwrap_or_else(|error| panic!("{}/{file}: {error}", self.0));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last process was waited for; where it cannot be removed all the same, the test has already failed.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn limits_of_a_container_are_those_of_its_control_groups() {
    let test = "doctor::limits_of_a_container_are_those_of_its_control_groups";
    let (memory, cpu) = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu");
    let quota = format!("{cpu}/cpu.cfs_quota_us");
    if !need::root(test) || !need::file(test, &format!("{memory}/memory.usage_in_bytes")) || !need::file(test, &quota) {
        return;
    }
    let name = format!("sysview-test-{}", std::process::id());
    // The limit stands above the group that the program is in.
    let outer = Group::new(format!("{memory}/{name}"));
    let inner = Group::new(format!("{memory}/{name}/inner"));
    let cpu = Group::new(format!("{cpu}/{name}"));
    outer.set("memory.limit_in_bytes", "67108864");
    cpu.set("cpu.cfs_period_us", "100000");
    cpu.set("cpu.cfs_quota_us", "50000");
    let shared = format!("/dev/shm/{name}");
    let script = format!(
        "echo $$ >{}/cgroup.procs; echo $$ >{}/cgroup.procs; head -c 16777216 /dev/zero >{shared}; \
         $SYSVIEW doctor --format json >{shared}.json; \
         cat {}/memory.usage_in_bytes; sed -n 's/^total_inactive_file //p' {}/memory.stat; rm {shared}",
        inner.0, cpu.0, outer.0, outer.0
    );
    let output = Command::new("sh").args(["-ec", &script]).env("SYSVIEW", BINARY).output().expect("sh can be started");
    let report = fs::read(format!("{shared}.json")).expect("the report was written");
    fs::remove_file(format!("{shared}.json")).expect("it was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report = Report(serde_json::from_slice(&report).expect("an array in JSON"));
    let evidence = report.text("cgroup", "evidence");
    assert!(
        evidence.contains(" of 67108864 bytes of memory used") && evidence.ends_with("limited to 0.5 CPUs"),
        "{evidence}"
    );
    let used = evidence.split_once("; ").and_then(|(_, rest)| rest.split(' ').next()).expect("the use is told");
    let used: i64 = used.parse().expect("a number");
    let kernel = String::from_utf8(output.stdout).expect("text");
    let kernel: Vec<i64> = kernel.lines().map(|line| line.parse().expect("a number")).collect();
    // Both were read with the shared memory in place; in between the program ended, which is a few MiB at most.
    assert!(used >= 16 << 20, "{evidence}");
    assert!((used - (kernel[0] - kernel[1])).abs() < 8 << 20, "{evidence}; the kernel says {kernel:?}");
}
