//! Processes of the test with memory laid out to the page: a small language of Python for what Rust has only unsafely.

use crate::need;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};
use sysview::{
    collect::{live::Live, source::Source, space},
    unit::{Pid, ProcessKey},
};

/// What every script begins with. `area` maps pages, `touch` writes to them, `look` reads them, `tell` names a value for
/// the test, and `step` waits for it.
const PRELUDE: &str = "
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PAGE = mmap.PAGESIZE
READ, WRITE, SHARED, PRIVATE, FIXED, ANONYMOUS, NORESERVE = 1, 2, 1, 2, 0x10, 0x20, 0x4000
NOHUGE, HUGE, GUARD = 15, 14, 102
def area(pages, protection=READ | WRITE, flags=PRIVATE | ANONYMOUS, file=-1, at=None, first=0):
    start = libc.mmap(at, pages * PAGE, protection, flags, file, first * PAGE)
    assert start != 2**64 - 1, ctypes.get_errno()
    return start
def plain(pages):
    start = area(pages)
    libc.madvise(start, pages * PAGE, NOHUGE)
    return start
def touch(start, first, count=1, byte=1):
    for page in range(first, first + count):
        ctypes.memset(start + page * PAGE, byte, 1)
def look(start, first, count=1):
    for page in range(first, first + count):
        ctypes.string_at(start + page * PAGE, 1)
def put(address, data):
    ctypes.memmove(address, data, len(data))
def tell(**values):
    for name, value in values.items():
        print(name, value)
def step():
    print('ready', flush=True)
    if not sys.stdin.readline():
        sys.exit()
";

/// Whether scripts can be run at all.
pub fn can_run(test: &str) -> bool {
    need::command(test, &["python3", "-c", "import ctypes, mmap"])
}

/// A process that runs a script, held at its first `step`.
pub struct Script {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    values: HashMap<String, u64>,
}

impl Script {
    /// Start it and wait for its first `step`.
    pub fn start(script: &str, arguments: &[&Path]) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", &format!("{PRELUDE}{script}\nstep()\n")]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 was there before");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut script = Self { child, input, output, values: HashMap::new() };
        script.wait();
        script
    }

    /// Let it go on to its next `step`.
    pub fn go_on(&mut self) {
        self.send();
        self.wait();
    }

    /// Let it go on, and do not wait for another `step`.
    pub fn send(&mut self) {
        self.input.write_all(b"\n").expect("it reads");
    }

    fn wait(&mut self) {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).expect("it prints text");
            assert!(read > 0, "the script ended: what is wrong stands above");
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("ready"), None) => return,
                (Some(name), Some(value)) => {
                    self.values.insert(name.to_owned(), value.parse().expect("what it tells are numbers"));
                }
                _ => panic!("the script printed {line:?}"),
            }
        }
    }

    /// A value that it told.
    pub fn value(&self, name: &str) -> u64 {
        *self.values.get(name).unwrap_or_else(|| panic!("the script told no {name}"))
    }

    /// All values whose name begins so, with what follows in the name.
    pub fn values<'a>(&'a self, begin: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.values.iter().filter_map(move |(name, value)| Some((name.strip_prefix(begin)?, *value)))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn key(&self) -> ProcessKey {
        key(self.pid())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This machine.
pub fn live() -> Arc<dyn Source> {
    Arc::new(Live::open(Path::new("/proc")).expect("/proc is mounted"))
}

/// Who has a pid now.
pub fn key(pid: u32) -> ProcessKey {
    space::process(&*live(), Pid(pid)).expect("it runs").key
}

/// Bytes in a page.
pub fn page() -> u64 {
    live().units().page_size
}
