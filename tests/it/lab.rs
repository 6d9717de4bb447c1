//! The laboratory on the real kernel, with programs that the tests build: what it says of each make of program, that
//! nothing of them runs, and that nothing of it stays.

use super::need;
use serde_json::Value as Json;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const MAIN: &str = "int main(void) { return 0; }\n";

/// Build a program, or say that there is no compiler for it.
fn build(test: &str, directory: &Path, name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    if !need::command(test, &["cc", "--version"]) {
        return None;
    }
    let (file, program) = (directory.join(format!("{name}.c")), directory.join(name));
    fs::write(&file, source).expect("the directory is ours");
    let mut compiler = Command::new("cc");
    let output = compiler.current_dir(directory).args([file.as_os_str(), OsStr::new("-o"), program.as_os_str()]);
    let output = output.args(flags).output().expect("it was there");
    assert!(output.status.success(), "cc {flags:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is room for it")
}

fn laboratory() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sysview"));
    command.args(["aslr", "run"]).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it prints UTF-8");
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn report_of(command: &mut Command) -> Json {
    let (text, complaint, status) = told(&command.output().expect("the program starts"));
    assert_eq!((complaint.as_str(), status), ("", Some(0)));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What 64 runs of a program say.
fn report(program: &Path) -> Json {
    report_of(laboratory().args(["--format", "json", "--"]).arg(program))
}

fn region<'a>(report: &'a Json, name: &str) -> &'a Json {
    let regions = report["regions"].as_array().expect("a report has regions");
    let found = regions.iter().find(|region| region["region"].as_str().is_some_and(|word| word.ends_with(name)));
    found.unwrap_or_else(|| panic!("no {name} in {report}"))
}

fn verdict<'a>(report: &'a Json, name: &str) -> &'a str {
    region(report, name)["verdict"].as_str().unwrap_or_default()
}

/// The verdict on each of these regions.
fn verdicts<'a, const N: usize>(report: &'a Json, names: [&str; N]) -> [&'a str; N] {
    names.map(|name| verdict(report, name))
}

#[test]
fn all_of_a_position_independent_program_is_random() {
    let directory = directory();
    let flags = ["-pie", "-fPIE"];
    let Some(program) =
        build("lab::all_of_a_position_independent_program_is_random", directory.path(), "p", MAIN, &flags)
    else {
        return;
    };
    let report = report(&program);
    let regions = ["executable", "heap", "stack", "vdso", "mmap", "interpreter", "libc.so.6"];
    assert_eq!(verdicts(&report, regions), ["random"; 7]);
    assert_eq!((&report["runs"], &report["stopped_at"]), (&64.into(), &"interpreter".into()));
    assert_eq!((&report["elf"]["pie"], &report["elf"]["static"]), (&true.into(), &false.into()));
    assert_eq!(region(&report, "heap")["relative_to"], "executable");
    for name in regions {
        let region = region(&report, name);
        assert_eq!(region["addresses"].as_array().map(Vec::len), Some(64));
        let (bits, promised) = (region["bits_observed"].as_f64(), region["bits_promised"].as_f64());
        let bits = bits.expect("64 runs are enough");
        assert!(promised.is_none_or(|promised| (bits - promised).abs() < 1.5), "{region}");
        assert!(bits > 12.0 && !region["note"].as_str().is_none_or(str::is_empty), "{region}");
        let is_told =
            region["bits_promised"].is_number() || region["promised_by"].as_str().is_some_and(|by| by.len() > 9);
        assert!(is_told, "{region}");
    }
    let together: Vec<_> = report["distances"].as_array().into_iter().flatten().collect();
    assert!(together.iter().any(|distance| distance["to"] == "interpreter"), "{together:?}");
    assert!(together.iter().all(|distance| distance["from"] != "stack" && distance["to"] != "executable"));
}

#[test]
fn all_is_fixed_where_the_personality_says_so() {
    let test = "lab::all_is_fixed_where_the_personality_says_so";
    let directory = directory();
    let Some(program) = build(test, directory.path(), "p", MAIN, &["-pie", "-fPIE"]) else { return };
    if !need::command(test, &["setarch", "-R", "true"]) {
        return;
    }
    let mut command = Command::new("setarch");
    command.args(["-R", env!("CARGO_BIN_EXE_sysview"), "aslr", "run", "--format", "json"]).arg(&program);
    let report = report_of(&mut command);
    assert_eq!(report["settings"]["personality_no_randomize"], true);
    for region in report["regions"].as_array().expect("a report has regions") {
        assert_eq!((&region["verdict"], &region["bits_promised"]), (&"fixed".into(), &0.into()), "{region}");
        assert_eq!((&region["distinct"], &region["alignment"]), (&1.into(), &Json::Null), "{region}");
    }
    assert_eq!(report["distances"], Json::Array(Vec::new()), "nothing moves, so nothing moves together");
}

#[test]
fn a_fixed_executable_is_fixed_and_its_heap_is_not() {
    let directory = directory();
    let test = "lab::a_fixed_executable_is_fixed_and_its_heap_is_not";
    let Some(program) = build(test, directory.path(), "p", MAIN, &["-no-pie", "-fno-pie"]) else { return };
    let report = report(&program);
    let names = ["executable", "heap", "stack", "vdso", "interpreter", "libc.so.6"];
    assert_eq!(verdicts(&report, names), ["fixed", "random", "random", "random", "random", "random"]);
    assert_eq!((&report["elf"]["pie"], &region(&report, "executable")["bits_promised"]), (&false.into(), &0.into()));
}

#[test]
fn static_programs_are_stopped_before_their_first_instruction() {
    let directory = directory();
    let test = "lab::static_programs_are_stopped_before_their_first_instruction";
    fs::write(directory.path().join("t.c"), MAIN).expect("the directory is ours");
    let path = |name: &str| directory.path().join(name).display().to_string();
    for (flags, executable, pie) in
        [(["-static", "-no-pie"], "fixed", false), (["-static-pie", "-fPIE"], "random", true)]
    {
        // Not every machine has a C library for them.
        if !need::command(test, &["cc", &path("t.c"), "-o", &path("t"), flags[0], flags[1]]) {
            continue;
        }
        let Some(program) = build(test, directory.path(), executable, MAIN, &flags) else { return };
        let report = report(&program);
        assert_eq!((&report["stopped_at"], &report["elf"]["static"]), (&"exec".into(), &true.into()));
        assert_eq!((&report["elf"]["interpreter"], &report["elf"]["pie"]), (&Json::Null, &pie.into()));
        assert_eq!(
            verdicts(&report, ["executable", "heap", "stack", "vdso"]),
            [executable, "random", "random", "random"]
        );
    }
}

#[test]
fn of_a_script_its_interpreter_is_looked_at() {
    let directory = directory();
    let script = directory.path().join("script");
    fs::write(&script, format!("#!/bin/sh\ntouch {}/ran\n", directory.path().display()))
        .expect("the directory is ours");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let report = report(&script);
    let shell = fs::canonicalize("/bin/sh").expect("every system has one");
    assert_eq!(report["program"].as_str(), shell.to_str());
    assert!(report["notes"][0].as_str().is_some_and(|note| note.contains("script")), "{}", report["notes"]);
    assert!(!directory.path().join("ran").exists());
}

#[test]
fn a_link_to_a_program_is_no_script() {
    let directory = directory();
    let link = directory.path().join("link");
    symlink("/bin/sh", &link).expect("the directory is ours");
    assert_eq!(report(&link)["notes"], Json::Array(Vec::new()));
}

#[test]
fn a_library_aligned_to_two_mebibytes_has_lost_nine_bits() {
    let test = "lab::a_library_aligned_to_two_mebibytes_has_lost_nine_bits";
    let directory = directory();
    let aligned = ["-shared", "-fPIC", "-Wl,-z,max-page-size=0x200000"];
    if !need::glibc(test, (2, 35)) {
        return;
    }
    let Some(_) = build(test, directory.path(), "liba.so", "int f(void) { return 0; }\n", &aligned) else { return };
    let flags = ["-pie", "-fPIE", "-L.", "-la", "-Wl,-rpath,$ORIGIN"];
    let main = "int f(void); int main(void) { return f(); }\n";
    let Some(program) = build(test, directory.path(), "p", main, &flags) else { return };
    let report = report(&program);
    let library = region(&report, "liba.so");
    assert!(library["alignment"].as_u64().is_some_and(|alignment| alignment >= 2 << 20), "{library}");
    let (bits, all) = (library["bits_observed"].as_f64(), region(&report, "interpreter")["bits_observed"].as_f64());
    let lost = all.zip(bits).map(|(all, bits)| all - bits).expect("64 runs are enough");
    assert!((8.0..11.0).contains(&lost), "{library}");
    // What nobody tells this user cannot be compared with.
    let expected = if library["bits_promised"].is_null() { "random" } else { "weak" };
    assert_eq!(library["verdict"], expected, "{library}");
    if expected == "weak" {
        assert!(library["note"].as_str().is_some_and(|note| note.contains("MiB")), "{library}");
    }
    assert_eq!(verdicts(&report, ["executable", "interpreter"]), ["random"; 2]);
}

#[test]
fn a_32_bit_program_is_held_to_what_such_programs_are_promised() {
    let test = "lab::a_32_bit_program_is_held_to_what_such_programs_are_promised";
    let directory = directory();
    let source = "void _start(void) { __asm__ volatile(\"int $0x80\" : : \"a\"(1), \"b\"(0)); }\n";
    let flags = ["-m32", "-static", "-no-pie", "-fno-pie", "-nostdlib", "-ffreestanding"];
    fs::write(directory.path().join("t.c"), source).expect("the directory is ours");
    let (from, to) = (directory.path().join("t.c"), directory.path().join("t"));
    let mut compiler = vec!["cc", from.to_str().expect("the path is ASCII"), "-o", to.to_str().expect("as above")];
    compiler.extend(flags);
    if !need::command(test, &compiler) || !need::command(test, &[to.to_str().expect("the path is ASCII")]) {
        return;
    }
    let Some(program) = build(test, directory.path(), "p", source, &flags) else { return };
    let report = report(&program);
    assert_eq!(verdicts(&report, ["executable", "stack"]), ["fixed", "random"]);
    let stack = region(&report, "stack");
    assert_eq!(stack["bits_promised"], 11, "{stack}");
    assert!(stack["addresses"][0].as_str().is_some_and(|address| address.len() <= 10), "{stack}");
}

/// All that runs before main, and main, each leaving a file.
const MARKING: &str = r#"
#include <fcntl.h>
#include <sys/syscall.h>
static void mark(const char *path) {
    long result;
    __asm__ volatile("syscall" : "=a"(result)
                     : "a"(SYS_open), "D"(path), "S"(O_CREAT | O_WRONLY), "d"(0644) : "rcx", "r11", "memory");
}
"#;

#[test]
fn nothing_of_a_program_runs() {
    let test = "lab::nothing_of_a_program_runs";
    if !need::architecture(test, "x86_64") {
        return;
    }
    let directory = directory();
    let path = |name: &str| format!("{}/{name}", directory.path().display());
    let library = format!(
        r#"{MARKING}
        __attribute__((constructor)) static void constructor(void) {{ mark("{}"); }}
        static int chosen(void) {{ return 0; }}
        static void *resolve(void) {{ mark("{}"); return chosen; }}
        int f(void) __attribute__((ifunc("resolve")));
        "#,
        path("constructor-ran"),
        path("resolver-ran"),
    );
    let program = format!(
        r#"{MARKING}
        int f(void);
        static void before(void) {{ mark("{}"); }}
        __attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = before;
        int main(void) {{ mark("{}"); return f(); }}
        "#,
        path("preinit-ran"),
        path("main-ran"),
    );
    let Some(_) = build(test, directory.path(), "libm1.so", &library, &["-shared", "-fPIC"]) else { return };
    // Bound at the start, so that the resolver is called before anything of the program is.
    let flags = ["-L.", "-lm1", "-Wl,-rpath,$ORIGIN", "-Wl,-z,now"];
    let Some(program) = build(test, directory.path(), "p", &program, &flags) else { return };
    let ran = || {
        let files = fs::read_dir(directory.path()).expect("it is there").filter_map(Result::ok);
        let mut names: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.ends_with("-ran"));
        names.sort();
        names
    };
    let report = report_of(laboratory().args(["-n", "20", "--format", "ndjson", "--"]).arg(&program));
    assert_eq!((&report["runs"], &report["notes"]), (&20.into(), &Json::Array(Vec::new())));
    assert!(region(&report, "libm1.so")["addresses"].as_array().is_some_and(|all| all.iter().all(Json::is_string)));
    assert_eq!(ran(), Vec::<String>::new());
    // The same program does leave them where it runs.
    assert!(Command::new(&program).status().expect("it starts").success());
    assert_eq!(ran(), ["constructor-ran", "main-ran", "preinit-ran", "resolver-ran"]);
}

/// An interpreter that does what `then` says when it knows the entry of its program.
fn interpreter(test: &str, directory: &Path, then: &str) -> Option<PathBuf> {
    let source = format!(
        r#"
        __asm__(".globl _start\n_start: mov %rsp, %rdi\n call find\n {then}");
        unsigned long find(unsigned long *stack) {{
            unsigned long *entry = stack + 2 + stack[0];
            while (*entry++) {{}}
            while (entry[0] != 9) entry += 2;
            return entry[1];
        }}
        "#
    );
    let flags = ["-static-pie", "-fPIE", "-nostdlib", "-ffreestanding", "-fno-stack-protector"];
    build(test, directory, "interpreter", &source, &flags)
}

/// A program that has this interpreter.
fn interpreted(test: &str, directory: &Path, name: &str, interpreter: &Path) -> Option<PathBuf> {
    let linker = format!("-Wl,--dynamic-linker={}", interpreter.display());
    let flags = ["-pie", "-fPIE", "-nostartfiles", &linker];
    let source = format!("{MARKING} void _start(void) {{ mark(\"{}/main-ran\"); for (;;) {{}} }}", directory.display());
    build(test, directory, name, &source, &flags)
}

#[test]
fn where_an_interpreter_has_no_hook_it_is_stopped_at_the_entry_of_the_program() {
    let test = "lab::where_an_interpreter_has_no_hook_it_is_stopped_at_the_entry_of_the_program";
    if !need::architecture(test, "x86_64") {
        return;
    }
    let directory = directory();
    let Some(interpreter) = interpreter(test, directory.path(), "jmp *%rax") else { return };
    let Some(program) = interpreted(test, directory.path(), "p", &interpreter) else { return };
    let report = report(&program);
    assert_eq!((&report["stopped_at"], &report["runs"]), (&"entry".into(), &64.into()));
    assert!(report["notes"][0].as_str().is_some_and(|note| note.contains("constructors")), "{}", report["notes"]);
    assert!(!directory.path().join("main-ran").exists());
    assert_eq!(verdict(&report, "interpreter"), "random");
}

#[test]
fn an_interpreter_that_ends_is_a_problem() {
    let test = "lab::an_interpreter_that_ends_is_a_problem";
    if !need::architecture(test, "x86_64") {
        return;
    }
    let directory = directory();
    for (then, expected) in
        [("mov $60, %eax\\n mov $3, %edi\\n syscall", "it ended with status 3"), ("ud2", "signal 4 ended it")]
    {
        let Some(interpreter) = interpreter(test, directory.path(), then) else { return };
        let Some(program) = interpreted(test, directory.path(), "p", &interpreter) else { return };
        let (.., complaint, status) = told(&laboratory().arg("--").arg(program).output().expect("the program starts"));
        assert_eq!(status, Some(1));
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn an_interrupt_ends_a_child_that_does_not_come_to_its_stop() {
    let test = "lab::an_interrupt_ends_a_child_that_does_not_come_to_its_stop";
    if !need::architecture(test, "x86_64") {
        return;
    }
    let directory = directory();
    let name = format!("loop{}", std::process::id());
    let Some(interpreter) = interpreter(test, directory.path(), "jmp .") else { return };
    let Some(program) = interpreted(test, directory.path(), &name, &interpreter) else { return };
    for signal in ["INT", "KILL"] {
        let mut child = laboratory();
        let child = child.arg("--").arg(&program).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().expect("the program starts");
        within("a run is under way", Duration::from_secs(20), || is_there(&name));
        send(&child, signal);
        child.wait().expect("it is our child");
        within("all is gone", Duration::from_secs(20), || !is_there(&name));
    }
}

/// The processes of this name, zombies included.
fn processes(name: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("there is a /proc").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_named =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
    pids.filter(is_named).collect()
}

fn is_there(name: &str) -> bool {
    !processes(name).is_empty()
}

fn within(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn no_child_is_left_however_it_ends() {
    let directory = directory();
    for (signal, status) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        // A name has 15 bytes at most.
        let name = format!("lab{}{signal}", std::process::id());
        let program = directory.path().join(&name);
        fs::copy("/bin/sh", &program).expect("the directory is ours");
        let mut child = laboratory();
        let child = child.args(["-n", "100000", "--format", "json", "--"]).arg(&program);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        within("a run is under way", Duration::from_secs(20), || is_there(&name));
        send(&child, signal);
        let ended = child.wait().expect("it is our child");
        assert_eq!(ended.code(), status, "{signal}");
        within("all is gone", Duration::from_secs(20), || !is_there(&name));
        // And nothing goes on that would start another.
        thread::sleep(Duration::from_millis(50));
        assert!(!is_there(&name), "{signal}");
    }
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(status.expect("kill(1) is there").success());
}

#[test]
fn what_an_interrupt_cuts_short_is_reported_as_far_as_it_came() {
    let directory = directory();
    let name = format!("cut{}", std::process::id());
    let program = directory.path().join(&name);
    fs::copy("/bin/sh", &program).expect("the directory is ours");
    let mut child = laboratory();
    let child = child.args(["-n", "100000", "--format", "json", "--"]).arg(&program);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut seen = BTreeSet::new();
    within("a third run is under way", Duration::from_secs(20), || {
        seen.extend(processes(&name));
        seen.len() > 2
    });
    send(&child, "INT");
    let (text, complaint, status) = told(&child.wait_with_output().expect("it is our child"));
    assert_eq!(status, Some(130));
    assert!(complaint.ends_with(" of 100000 runs\n"), "{complaint}");
    let report: Json = serde_json::from_str(&text).expect("what there is is whole");
    assert!(report["runs"].as_u64().is_some_and(|runs| runs > 1), "{report}");
    assert_eq!(
        complaint.lines().next(),
        Some(&*format!("sysview: interrupted after {} of 100000 runs", report["runs"]))
    );
}

#[test]
fn a_command_that_cannot_be_run_is_told_why() {
    let directory = directory();
    let file = |name: &str, contents: &[u8], mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, contents).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
        path.to_str().expect("the path is ASCII").to_owned()
    };
    let cases = [
        ("no-such-command".to_owned(), "no-such-command: not found in PATH"),
        ("./no-such-command".to_owned(), "no such file"),
        ("/".to_owned(), "/: is a directory"),
        (file("nothing", b"\0\0\0\0", 0o755), "the kernel does not know this format"),
        (file("plain", b"#!/bin/sh\n", 0o644), "may not be executed"),
        (file("orphan", b"#!/no/such/interpreter\n", 0o755), "the interpreter that it names does not exist"),
        (file("odd", b"#!/dev/null\n", 0o755), "may not be executed"),
    ];
    for (command, expected) in cases {
        let (text, complaint, status) =
            told(&laboratory().args(["--", &command]).output().expect("the program starts"));
        assert_eq!((text.as_str(), status), ("", Some(1)), "{command}");
        assert!(complaint.starts_with("sysview: ") && complaint.contains(expected), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    for arguments in [&["-n", "1", "--", "sh"][..], &["-n", "0", "--", "sh"], &["-n", "8"]] {
        let (.., status) = told(&laboratory().args(arguments).output().expect("the program starts"));
        assert_eq!(status, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_recording_is_no_place_to_run_anything() {
    let output = laboratory().args(["--from", "tests/fixtures/calm.txt", "--", "sh"]).output();
    let (text, complaint, status) = told(&output.expect("the program starts"));
    assert_eq!((text.as_str(), status), ("", Some(1)));
    assert!(complaint.contains("not with --from"), "{complaint}");
}

#[test]
fn a_library_that_is_not_there_is_told() {
    let test = "lab::a_library_that_is_not_there_is_told";
    let directory = directory();
    let Some(library) =
        build(test, directory.path(), "libgone.so", "int f(void) { return 0; }\n", &["-shared", "-fPIC"])
    else {
        return;
    };
    let main = "int f(void); int main(void) { return f(); }\n";
    let Some(program) = build(test, directory.path(), "p", main, &["-L.", "-lgone"]) else { return };
    fs::remove_file(library).expect("it was just built");
    let output = laboratory().args(["-n", "2", "--format", "json", "--"]).arg(&program).output();
    let (printed, complaint, _) = told(&output.expect("the program starts"));
    assert!((printed + &complaint).contains("libgone.so"), "{complaint}");
}

#[test]
fn a_program_that_gives_rights_is_said_to_have_run_without_them() {
    let test = "lab::a_program_that_gives_rights_is_said_to_have_run_without_them";
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_sysview")];
    let mut version = nobody.to_vec();
    version.push("--version");
    if !need::root(test) || !need::command(test, &version) {
        return;
    }
    let directory = directory();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("the directory is ours");
    let copy = |name: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::copy("/bin/sh", &path).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
        path
    };
    let run = |program: &Path| {
        let mut command = Command::new(nobody[0]);
        command.args(&nobody[1..]).args(["aslr", "run", "--format", "json", "--"]).arg(program);
        told(&command.output().expect("the program starts"))
    };
    let (printed, ..) = run(&copy("owned", 0o4755));
    let report: Json = serde_json::from_str(&printed).expect("it is a report");
    assert!(report["notes"][0].as_str().is_some_and(|note| note.contains("set-user-ID")), "{}", report["notes"]);
    assert_eq!(verdict(&report, "stack"), "random");
    let (printed, complaint, status) = run(&copy("secret", 0o711));
    assert_eq!((printed.as_str(), status), ("", Some(1)), "{complaint}");
    assert!(complaint.contains("may not read"), "{complaint}");
}

#[test]
fn for_people_there_is_a_line_for_each_region_and_what_it_means() {
    let (text, complaint, status) =
        told(&laboratory().args(["-n", "8", "--", "sh"]).output().expect("the program starts"));
    assert_eq!((complaint.as_str(), status), ("", Some(0)));
    for expected in ["command  sh", "WHERE THE RUNS LANDED", "heap from executable", "in every run.", "8, each stopped"]
    {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    let rows = laboratory().args(["-n", "8", "--format", "csv", "--", "sh"]).output();
    let (rows, ..) = told(&rows.expect("the program starts"));
    assert!(rows.starts_with("region,relative_to,distinct,alignment,bits_observed,"), "{rows}");
    assert!(rows.lines().any(|row| row.starts_with("heap,executable,")), "{rows}");
}
