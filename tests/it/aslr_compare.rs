//! `sysview aslr compare` on the real kernel: runs of one program, with and without randomisation, forked, saved, and of
//! other users.

use crate::{
    collect::wait_for,
    need,
    program::{Running, SLEEPER, compiled, forked},
};
use serde_json::Value as Json;
use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output},
};

const SYSVIEW: &str = env!("CARGO_BIN_EXE_sysview");

fn sysview(arguments: &[&str]) -> Output {
    let mut command = Command::new(SYSVIEW);
    command.args(arguments).env_clear().env("LC_ALL", "C.UTF-8");
    command.output().expect("the program starts")
}

fn compare(a: &str, b: &str) -> Json {
    let output = sysview(&["aslr", "compare", a, b, "--format", "json"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn printed(arguments: &[&str]) -> String {
    let output = sysview(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

fn complaint(arguments: &[&str], status: i32) -> String {
    let output = sysview(arguments);
    let complaint = String::from_utf8(output.stderr).expect("it prints UTF-8");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(status), 0), "{complaint}");
    complaint
}

fn verdict(json: &Json) -> &str {
    json["verdict"].as_str().expect("there is a verdict")
}

fn object<'a>(json: &'a Json, name: &str) -> &'a Json {
    let objects = json["objects"].as_array().expect("a list of objects");
    objects.iter().find(|object| object["object"] == name).unwrap_or_else(|| panic!("no {name}: {json}"))
}

fn number(address: &Json) -> i128 {
    let text = address.as_str().expect("an address is a text");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    sign * i128::from_str_radix(digits.strip_prefix("0x").expect("it is hexadecimal"), 16).expect("a number")
}

fn sleeper() -> Running {
    Running::sleeping(Command::new("sleep").arg("600"))
}

fn pid(running: &Running) -> String {
    running.0.id().to_string()
}

/// The first address of the lines of `maps` that end so, and the end of the last.
fn range(pid: &str, end: &str) -> (i128, i128) {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("an own process can be read");
    let lines: Vec<_> = maps.lines().filter(|line| line.ends_with(end)).collect();
    let part =
        |line: &str, at| i128::from_str_radix(line.split(['-', ' ']).nth(at).expect("a range"), 16).expect("a number");
    (part(lines.first().expect("it is mapped"), 0), part(lines.last().expect("it is mapped"), 1))
}

#[test]
fn two_runs_of_a_program_moved_apart() {
    let (one, other) = (sleeper(), sleeper());
    let (a, b) = (pid(&one), pid(&other));
    let json = compare(&a, &b);
    let keys: Vec<_> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["a", "b", "same_executable", "objects", "verdict"]);
    assert_eq!((json["a"].as_u64(), json["b"].as_u64()), (Some(one.0.id().into()), Some(other.0.id().into())));
    assert_eq!(json["same_executable"], true);
    let said = verdict(&json);
    assert!(said.starts_with("every object moved: independent draws; together by "), "{said}");
    assert!(said.contains("libc.so") && said.contains("vdso"), "what was drawn once moved together: {said}");
    let exe = fs::read_link(format!("/proc/{a}/exe")).expect("it has a program");
    let expected = [
        ("executable", range(&a, exe.to_str().expect("UTF-8")).0, range(&b, exe.to_str().expect("UTF-8")).0),
        ("heap", range(&a, "[heap]").0, range(&b, "[heap]").0),
        ("stack", range(&a, "[stack]").1, range(&b, "[stack]").1),
        ("vdso", range(&a, "[vdso]").0, range(&b, "[vdso]").0),
    ];
    for (name, a, b) in expected {
        let object = object(&json, name);
        assert_eq!((number(&object["a"]), number(&object["b"]), number(&object["distance"])), (a, b, b - a), "{name}");
        assert_eq!(object["same"], a == b, "{name}");
    }
    for object in json["objects"].as_array().expect("a list of objects") {
        let keys: Vec<_> = object.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["object", "a", "b", "distance", "same"]);
    }
}

#[test]
fn the_table_tells_what_the_executable_is_and_the_rows_of_both() {
    let (one, other) = (sleeper(), sleeper());
    let (a, b) = (pid(&one), pid(&other));
    let text = printed(&["aslr", "compare", &a, &b]);
    for told in
        ["PIE: anywhere", "interpreter", "read-only: ", "not executable, now rw-p", "randomize_va_space", "OBJECT"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(text.ends_with(&format!("\n\n{}\n", verdict(&compare(&a, &b)))), "{text}");
    let whole = printed(&["aslr", "compare", &a, &b, "--mappings"]);
    let maps = fs::read_to_string(format!("/proc/{a}/maps")).expect("an own process can be read");
    for line in maps.lines() {
        let start = line.split('-').next().expect("a range");
        assert!(whole.lines().any(|row| row.starts_with("  +") && row.contains(start)), "{line}: {whole}");
    }
    let csv = printed(&["aslr", "compare", &a, &b, "--format", "csv"]);
    assert!(csv.starts_with("object,a,b,distance,same\nexecutable,0x"), "{csv}");
}

#[test]
fn without_randomisation_all_is_the_same_and_it_is_said_why() {
    if !need::command(
        "aslr_compare::without_randomisation_all_is_the_same_and_it_is_said_why",
        &["setarch", "-R", "true"],
    ) {
        return;
    }
    let fixed = || Running::sleeping(Command::new("setarch").args(["-R", "sleep", "600"]));
    let (one, other, random) = (fixed(), fixed(), sleeper());
    let json = compare(&pid(&one), &pid(&other));
    let why = "same addresses although no common draw: randomisation is off (personality ADDR_NO_RANDOMIZE)";
    assert_eq!(verdict(&json), why);
    assert!(json["objects"].as_array().expect("a list").iter().all(|object| object["same"] == true), "{json}");
    let half = compare(&pid(&one), &pid(&random));
    let why = format!("randomisation is off for {} (personality ADDR_NO_RANDOMIZE)", pid(&one));
    assert!(verdict(&half).starts_with(&format!("every object moved: {why}")), "{half}");
}

#[test]
fn a_fork_without_exec_is_said_to_be_one_draw() {
    let (shell, parent, child) = forked();
    let json = compare(&parent.to_string(), &child.to_string());
    let how = format!("one draw, {child} was forked from {parent} without exec (equal AT_RANDOM)");
    assert_eq!(verdict(&json), format!("same addresses: {how}"));
    drop(shell);
    let own = std::process::id().to_string();
    let itself = compare(&own, &own);
    assert!(verdict(&itself).starts_with("the same process"), "{itself}");
}

#[test]
fn a_program_that_is_not_position_independent_stays() {
    let test = "aslr_compare::a_program_that_is_not_position_independent_stays";
    if !need::command(test, &["cc", "--version"]) {
        return;
    }
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let Some(path) = compiled(directory.path(), "fixed", SLEEPER, &["-no-pie"]) else {
        need::command(test, &["cc", "that", "can", "-no-pie"]);
        return;
    };
    let start = || Running::asleep(&mut Command::new(&path), "fixed");
    let (one, other) = (start(), start());
    let json = compare(&pid(&one), &pid(&other));
    let executable = object(&json, "executable");
    let address = executable["a"].as_str().expect("it has an address");
    assert_eq!(executable["same"], true);
    let expected = format!("the executable is not position-independent: it stays at {address}, all else moved");
    assert!(verdict(&json).starts_with(&expected), "{json}");
}

#[test]
fn a_saved_map_is_compared_with_a_later_run() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("old.json");
    let file = file.to_str().expect("a test's paths are UTF-8");
    let first = sleeper();
    printed(&["maps", &pid(&first), "--save", file]);
    let before = compare(&pid(&first), file);
    assert_eq!(verdict(&before), "the same process: the same addresses");
    drop(first);
    let second = sleeper();
    let json = compare(file, &pid(&second));
    assert_eq!((json["a"].as_str(), json["same_executable"].as_bool()), (Some(file), Some(true)));
    assert!(verdict(&json).starts_with("every object moved: independent draws"), "{json}");
    let itself = printed(&["aslr", "compare", file, file]);
    assert!(itself.contains(&format!("{file}: ")), "{itself}");
}

#[test]
fn different_programs_are_told() {
    let one = sleeper();
    let json = compare(&pid(&one), &std::process::id().to_string());
    assert_eq!(json["same_executable"], false);
    assert!(verdict(&json).starts_with("different executables: "), "{json}");
    let alone: Vec<_> = json["objects"].as_array().expect("a list").iter().filter(|o| o["a"].is_null()).collect();
    for object in &alone {
        assert!(object["b"].is_string() && object["distance"].is_null() && object["same"].is_null(), "{object}");
    }
}

#[test]
fn what_cannot_be_compared_says_why() {
    let own = std::process::id().to_string();
    let no_process = complaint(&["aslr", "compare", &own, "4194305"], 1);
    assert_eq!(no_process, "sysview: no such process: 4194305\n");
    let no_file = complaint(&["aslr", "compare", "/nowhere/map.json", &own], 1);
    assert!(no_file.starts_with("sysview: cannot read /nowhere/map.json: "), "{no_file}");
    let no_map = complaint(&["aslr", "compare", &own, "/proc/self/stat"], 1);
    assert!(no_map.starts_with("sysview: /proc/self/stat is no saved map that this sysview reads: "), "{no_map}");
    let mut zombie = Command::new("true").spawn().expect("true starts");
    let stat = format!("/proc/{}/stat", zombie.id());
    wait_for("a zombie", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    let ended = complaint(&["aslr", "compare", &own, &zombie.id().to_string()], 1);
    assert!(ended.contains("is a zombie"), "{ended}");
    zombie.wait().expect("it ended");
    if Path::new("/proc/2/comm").exists() && fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n") {
        let kernel = complaint(&["aslr", "compare", "2", &own], 1);
        assert!(kernel.contains("is a kernel thread: it has no memory of its own"), "{kernel}");
    }
    complaint(&["aslr", "compare", &own], 2);
    complaint(&["aslr"], 2);
}

#[test]
fn without_rights_own_processes_are_compared_and_those_of_others_denied() {
    let test = "aslr_compare::without_rights_own_processes_are_compared_and_those_of_others_denied";
    if !need::root(test)
        || !need::command(test, &["setpriv", "--reuid", "65534", "--clear-groups", SYSVIEW, "--version"])
    {
        return;
    }
    let nobodys = || Running::sleeping(Command::new("sleep").arg("600").uid(65534).gid(65534));
    let (one, other, roots) = (nobodys(), nobodys(), sleeper());
    let as_nobody = |a: &str, b: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", SYSVIEW, "aslr", "compare", a, b]);
        command.output().expect("setpriv starts")
    };
    let own = as_nobody(&pid(&one), &pid(&other));
    let report = String::from_utf8_lossy(&own.stdout).into_owned();
    assert!(own.status.success() && report.contains("\nevery object moved: independent draws"), "{own:?}");
    let denied = as_nobody(&pid(&one), &pid(&roots));
    let complaint = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert_eq!(denied.status.code(), Some(1));
    assert!(complaint.starts_with("sysview: ") && complaint.contains("denied"), "{complaint}");
}
