//! The facts of executables held against readelf(1), and what is read of the programs of living processes.

use crate::{collect::wait_for, need};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use sysview::{
    collect::{self, program, source::Source, space},
    proc::elf,
    snapshot::{
        Missing, Reading,
        map::FileId,
        program::{Draw, Elf, NO_RANDOMIZE, Program, Relro},
    },
    unit::{Pid, ProcessKey, Ticks},
};

fn live() -> Arc<dyn Source> {
    collect::open(None, None).expect("there is a /proc")
}

fn program_of(pid: u32) -> Reading<Program> {
    let source = live();
    let process = space::process(&*source, Pid(pid))?;
    program::read(&*source, process.key)
}

/// A child that is ended with the test.
pub struct Running(pub Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Self(child.expect("the program starts"))
    }

    /// One that does nothing for a while, after its exec.
    pub fn sleeping(command: &mut Command) -> Self {
        Self::asleep(command, "sleep")
    }

    /// One of this name that waits for something, after its exec.
    pub fn asleep(command: &mut Command, name: &str) -> Self {
        let running = Self::start(command);
        running.wait_until_it_is(name);
        running
    }

    fn wait_until_it_is(&self, name: &str) {
        let comm = format!("/proc/{}/comm", self.0.id());
        wait_for(name, || fs::read_to_string(&comm).is_ok_and(|comm| comm.trim_end() == name));
        wait_for("its first sleep", || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        });
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(out).read_line(&mut line).expect("it can be read");
        line.trim_end().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub const SLEEPER: &str = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n";

/// Compile a program with these options of cc(1).
pub fn compiled(directory: &Path, name: &str, code: &str, options: &[&str]) -> Option<PathBuf> {
    let (source, program) = (directory.join(format!("{name}.c")), directory.join(name));
    fs::write(&source, code).expect("there is room for a file");
    let mut cc = Command::new("cc");
    cc.args(options).arg("-o").arg(&program).arg(&source).stdout(Stdio::null()).stderr(Stdio::null());
    cc.status().is_ok_and(|status| status.success()).then_some(program)
}

fn facts(path: &Path) -> Elf {
    let path = path.to_str().expect("a test's paths are UTF-8");
    program::elf_of(&*live(), path).expect("it can be read").expect("it is an ELF file")
}

/// What readelf(1) says of the same file.
fn assert_equal_to_readelf(path: &Path) {
    let readelf = |option: &str| {
        let output = Command::new("readelf").args(["-W", option]).arg(path).output().expect("readelf starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (header, segments, notes, dynamic, sections) =
        (readelf("-h"), readelf("-l"), readelf("-n"), readelf("-d"), readelf("-S"));
    let elf = facts(path);
    let shown = path.display();
    assert_eq!(elf.pie, header.contains("DYN ("), "{shown}");
    assert_eq!(elf.library, elf.pie && !dynamic.contains("PIE") && !dynamic.contains("(DEBUG)"), "{shown}");
    assert_eq!(elf.bits, if header.contains("ELF64") { 64 } else { 32 }, "{shown}");
    let interpreter = segments.split_once("program interpreter: ").and_then(|(_, rest)| rest.split_once(']'));
    assert_eq!(elf.interpreter.as_deref(), interpreter.map(|(path, _)| path.as_bytes()), "{shown}");
    assert_eq!(elf.is_static, interpreter.is_none() && !dynamic.contains("(NEEDED)"), "{shown}");
    let now = dynamic.lines().any(|line| line.contains("FLAGS") && line.contains("NOW") || line.contains("(BIND_NOW)"));
    let relro = match (segments.contains("GNU_RELRO"), now) {
        (false, _) => Relro::None,
        (true, false) => Relro::Partial,
        (true, true) => Relro::Full,
    };
    assert_eq!(elf.relro, relro, "{shown}");
    // Type, offset, address, physical address, size in the file, size in memory, flags, alignment.
    let rows = |kind: &str| -> Vec<Vec<String>> {
        let rows = segments.lines().map(|line| line.trim().replace("R E", "RE"));
        let rows = rows.filter(|line| line.split_whitespace().next() == Some(kind));
        rows.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let hexadecimal = |text: &String| u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number");
    let range =
        rows("GNU_RELRO").first().map(|row| (hexadecimal(&row[2]), hexadecimal(&row[2]) + hexadecimal(&row[5])));
    assert_eq!(elf.relro_range, range, "{shown}");
    assert_eq!(elf.nx, rows("GNU_STACK").first().is_some_and(|row| !row[6].contains('E')), "{shown}");
    assert_eq!(Some(elf.base), rows("LOAD").iter().map(|row| hexadecimal(&row[2])).min(), "{shown}");
    let alignments = rows("LOAD");
    assert_eq!(Some(elf.alignment), alignments.iter().filter_map(|row| row.last()).map(hexadecimal).max(), "{shown}");
    let id = notes.split_once("Build ID: ").map(|(_, rest)| rest.lines().next().unwrap_or_default().trim().to_owned());
    assert_eq!(elf.build_id, id, "{shown}");
    assert_eq!(elf.stripped, !sections.contains("SYMTAB"), "{shown}");
}

/// A kind of program: its name, options of cc(1), and what must come of it at least.
type ProgramKind = (&'static str, &'static [&'static str], fn(&Elf) -> bool);

/// Every kind of program that cc(1) makes.
const KINDS: &[ProgramKind] = &[
    ("pie", &["-pie", "-fPIE"], |elf| elf.pie && !elf.is_static && !elf.library),
    ("fixed", &["-no-pie"], |elf| !elf.pie && !elf.is_static && elf.base > 0),
    ("static", &["-static", "-no-pie"], |elf| !elf.pie && elf.is_static),
    ("static-pie", &["-static-pie", "-fPIE"], |elf| elf.pie && elf.is_static && !elf.library),
    ("norelro", &["-Wl,-z,norelro"], |elf| elf.relro == Relro::None && elf.relro_range.is_none()),
    ("lazy", &["-Wl,-z,relro,-z,lazy"], |elf| elf.relro == Relro::Partial),
    ("now", &["-Wl,-z,relro,-z,now"], |elf| elf.relro == Relro::Full),
    ("execstack", &["-Wl,-z,execstack"], |elf| !elf.nx),
    ("stripped", &["-s"], |elf| elf.stripped),
    ("not-stripped", &[], |elf| !elf.stripped && elf.nx),
    ("id", &["-Wl,--build-id=0x0123456789abcdef"], |elf| elf.build_id.as_deref() == Some("0123456789abcdef")),
    ("no-id", &["-Wl,--build-id=none"], |elf| elf.build_id.is_none()),
    ("library", &["-shared", "-fPIC"], |elf| elf.pie && elf.library && elf.interpreter.is_none()),
    ("aligned", &["-Wl,-z,max-page-size=0x200000"], |elf| elf.alignment == 0x20_0000),
    ("narrow", &["-m32"], |elf| elf.bits == 32),
];

#[test]
fn programs_of_every_kind_are_what_readelf_says() {
    let test = "program::programs_of_every_kind_are_what_readelf_says";
    if !need::command(test, &["cc", "--version"]) {
        return;
    }
    let has_readelf = need::command(test, &["readelf", "--version"]);
    let directory = tempfile::tempdir().expect("there is room for a directory");
    for (name, options, is_right) in KINDS {
        let Some(program) = compiled(directory.path(), name, SLEEPER, options) else {
            need::command(test, &["cc", "that", "can", options.join(" ").as_str()]);
            continue;
        };
        let elf = facts(&program);
        assert!(is_right(&elf), "{name}: {elf:?}");
        if has_readelf {
            assert_equal_to_readelf(&program);
        }
    }
}

#[test]
fn programs_of_the_system_are_what_readelf_says() {
    let test = "program::programs_of_the_system_are_what_readelf_says";
    if !need::command(test, &["readelf", "--version"]) {
        return;
    }
    let own = fs::canonicalize("/proc/self/exe").expect("a test has a file");
    let maps = fs::read_to_string("/proc/self/maps").expect("a process can read its own map");
    let libraries = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).filter(|path| path.contains(".so"));
    let mut all: Vec<PathBuf> =
        libraries.map(PathBuf::from).chain([own, "/bin/sh".into(), "/bin/sleep".into()]).collect();
    all.dedup();
    assert!(all.len() > 3, "{all:?}");
    for path in &all {
        assert_equal_to_readelf(path);
    }
}

#[test]
fn a_file_is_the_same_in_memory_and_read_on_demand() {
    let own = fs::read("/proc/self/exe").expect("a test can read its own program");
    assert_eq!(elf::parse(&own[..]), program::elf_of(&*live(), "self/exe"));
    assert_eq!(program::elf_of(&*live(), "self/cmdline"), Ok(None), "no ELF file");
    assert_eq!(program::elf_of(&*live(), "/nowhere"), Err(Missing::Gone));
}

#[test]
fn settings_are_those_of_the_kernel() {
    let settings = program::settings(&*live());
    let sysctl = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    assert_eq!(settings.randomize_va_space.ok(), sysctl("/proc/sys/kernel/randomize_va_space"));
    assert_eq!(settings.mmap_rnd_bits.ok(), sysctl("/proc/sys/vm/mmap_rnd_bits"));
    let promised = settings.rnd_bits(64);
    if settings.mmap_rnd_bits.is_ok() {
        assert_eq!(promised.map(|(_, name)| name), Ok("mmap_rnd_bits"));
        assert_eq!(settings.built_rnd_bits, Err(Missing::NotRequested));
    } else {
        assert!(
            promised.is_ok_and(|(bits, name)| bits > 0 && name == "CONFIG_ARCH_MMAP_RND_BITS") || promised.is_err()
        );
    }
}

#[test]
fn a_sleeper_is_read_with_what_was_drawn_for_it() {
    let sleeper = Running::sleeping(Command::new("sleep").arg("600"));
    let pid = sleeper.0.id();
    let program = program_of(pid).expect("an own process can be read");
    let exe = fs::read_link(format!("/proc/{pid}/exe")).expect("it has a program");
    assert_eq!(program.path.as_deref(), Ok(exe.as_os_str().as_encoded_bytes()));
    assert_eq!(program.elf, program::elf_of(&*live(), exe.to_str().expect("a path in UTF-8")));
    assert_eq!(program.personality.map(|personality| personality & NO_RANDOMIZE), Ok(0));
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("an own process can be read");
    let line = maps.lines().find(|line| line.ends_with(exe.to_str().expect("a path in UTF-8"))).expect("it is mapped");
    let words: Vec<_> = line.split_whitespace().collect();
    let (major, minor) = words[3].split_once(':').expect("a device");
    let number = |text| u32::from_str_radix(text, 16).expect("a number");
    let file = FileId { device: (number(major), number(minor)), inode: words[4].parse().expect("an inode") };
    assert_eq!(program.file, Some(file));
    let draw = program.draw.expect("an own process can be read");
    let start = u64::from_str_radix(words[0].split('-').next().expect("a start"), 16).expect("a number");
    let headers = draw.address(3).expect("every program has headers");
    assert!((start..start + 4096).contains(&headers), "{headers:#x}");
    let ld = maps.lines().find(|line| line.contains("/ld-")).and_then(|line| line.split('-').next());
    assert_eq!(draw.address(7), ld.and_then(|start| u64::from_str_radix(start, 16).ok()));
    assert_eq!(draw.is_same(&draw), Ok(true));
    assert!(!format!("{draw:?}").contains("random"), "it is never shown");
    // Another run of the same program is another draw, also where nothing is randomised.
    let programs = |command: &mut Command| -> Program {
        program_of(Running::sleeping(command).0.id()).expect("an own process can be read")
    };
    let draws = |command: &mut Command| -> Draw { programs(command).draw.expect("an own process can be read") };
    let (one, other) = (draws(Command::new("sleep").arg("600")), draws(Command::new("sleep").arg("600")));
    assert_eq!(one.is_same(&other), Ok(false));
    if need::command("program::a_sleeper_is_read_with_what_was_drawn_for_it", &["setarch", "-R", "true"]) {
        let fixed = || programs(Command::new("setarch").args(["-R", "sleep", "600"]));
        let (one, other) = (fixed(), fixed());
        assert_eq!(one.personality.map(|personality| personality & NO_RANDOMIZE), Ok(NO_RANDOMIZE));
        let draw = |program: Program| program.draw.expect("an own process can be read");
        let (one, other) = (draw(one), draw(other));
        assert_eq!(one.address(7), other.address(7));
        assert_eq!(one.is_same(&other), Ok(false), "AT_RANDOM is drawn whatever the personality");
    }
}

/// A shell that forks a child, which runs no other program: both wait for their input.
pub fn forked() -> (impl Drop, u32, u32) {
    let mut shell = Running::start(Command::new("sh").args(["-c", "exec 3<&0; (read x <&3) & echo $!; read x <&3; :"]));
    let (parent, child) = (shell.0.id(), shell.line().parse().expect("it tells the pid of its child"));
    (shell, parent, child)
}

#[test]
fn a_fork_without_exec_is_one_draw() {
    let (shell, parent, child) = forked();
    let draw = |pid| program_of(pid).expect("an own process can be read").draw.expect("an own process can be read");
    assert_eq!(draw(parent).is_same(&draw(child)), Ok(true));
    drop(shell);
}

#[test]
fn a_deleted_program_is_read_all_the_same() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let copy = directory.path().join("sleep");
    fs::copy("/bin/sleep", &copy).expect("sleep can be copied");
    let sleeper = Running::sleeping(Command::new(&copy).arg("600"));
    fs::remove_file(&copy).expect("it can be removed");
    let program = program_of(sleeper.0.id()).expect("an own process can be read");
    assert!(program.path.expect("it has a path").ends_with(b"/sleep (deleted)"));
    assert_eq!(program.elf, program::elf_of(&*live(), "/bin/sleep"));
}

#[test]
fn another_process_with_the_pid_is_not_the_one_meant() {
    let source = live();
    let own = space::process(&*source, Pid(std::process::id())).expect("a test is a process");
    let other = ProcessKey { start: Ticks(own.key.start.0 + 1), ..own.key };
    assert_eq!(program::read(&*source, other), Err(Missing::Gone));
    assert_eq!(program::read(&*source, ProcessKey { pid: Pid(u32::MAX), ..own.key }), Err(Missing::Gone));
}

#[test]
fn zombies_and_kernel_threads_have_no_program() {
    let mut child = Command::new("true").spawn().expect("true starts");
    let stat = format!("/proc/{}/stat", child.id());
    wait_for("a zombie", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    let program = program_of(child.id()).expect("a zombie is a process");
    assert!(program.path.is_err() && program.elf.is_err() && program.draw.is_err(), "{program:?}");
    child.wait().expect("it ended");
    let test = "program::zombies_and_kernel_threads_have_no_program";
    if need::file(test, "/proc/2/stat") && fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n") {
        let program = program_of(2).expect("everyone may read stat");
        assert_eq!((program.path, program.elf), (Err(Missing::Unsupported), Err(Missing::Unsupported)));
    }
}

#[test]
fn a_leader_that_ended_leaves_its_program_to_a_living_thread() {
    let test = "program::a_leader_that_ended_leaves_its_program_to_a_living_thread";
    if !need::command(test, &["cc", "--version"]) {
        return;
    }
    let code = "#include <pthread.h>\n#include <unistd.h>\nstatic void *stay(void *x) { sleep(600); return x; }\n\
        int main(void) { pthread_t t; pthread_create(&t, 0, stay, 0); pthread_exit(0); }\n";
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = compiled(directory.path(), "leader", code, &["-pthread"]).expect("it compiles");
    let running = Running::start(&mut Command::new(&path));
    let stat = format!("/proc/{}/stat", running.0.id());
    wait_for("the leader to end", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    let program = program_of(running.0.id()).expect("an own process can be read");
    assert_eq!(program.path.as_deref(), Ok(path.as_os_str().as_encoded_bytes()));
    assert_eq!(program.elf, Ok(Some(facts(&path))));
    let draw = program.draw.expect("the thread has it");
    assert_eq!(draw.is_same(&draw), Ok(true));
    assert!(program.file.is_some());
}

#[test]
fn the_program_of_another_user_is_denied_and_that_of_an_own_process_is_not() {
    let test = "program::the_program_of_another_user_is_denied_and_that_of_an_own_process_is_not";
    if !need::root(test) {
        return;
    }
    let nobody = Running::sleeping(Command::new("sleep").arg("600").uid(65534).gid(65534));
    // Root may look at all of it.
    let program = program_of(nobody.0.id()).expect("root may look at everything");
    assert!(program.path.is_ok() && program.elf.is_ok() && program.draw.is_ok());
    let sleeper = Running::sleeping(Command::new("sleep").arg("600"));
    let pids = (nobody.0.id(), sleeper.0.id());
    let (own, other) = std::thread::spawn(move || {
        // The rights of this thread alone, which ends with it.
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_groups(&[]).expect("root may");
        rustix::thread::set_thread_gid(rustix::process::Gid::from_raw(65534)).expect("root may");
        rustix::thread::set_thread_uid(nobody).expect("root may");
        (program_of(pids.0), program_of(pids.1))
    })
    .join()
    .expect("it does not panic");
    let other = other.expect("everyone may read stat");
    let denied = Err(Missing::Denied);
    assert_eq!(
        (other.path, other.elf.map(|_| ()), other.personality),
        (Err(Missing::Denied), denied, Err(Missing::Denied))
    );
    assert_eq!((other.draw.map(|_| ()), other.file), (denied, None));
    let own = own.expect("everyone may read stat");
    assert!(own.path.is_ok() && own.elf.is_ok_and(|elf| elf.is_some()), "{:?}", own.path);
    let bits = own.settings.rnd_bits(64);
    assert!(
        own.settings.mmap_rnd_bits.is_err() && bits.is_ok_and(|(_, name)| name.starts_with("CONFIG_")) || bits.is_err()
    );
}
