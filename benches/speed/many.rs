//! A process with fifty thousand mappings, and the text that the kernel would write of such a one.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// How many there are.
pub const MAPPINGS: u64 = 50_000;

/// `smaps` of a process whose mappings are one page each, of two permissions in turn.
pub fn smaps() -> String {
    let mut text = String::new();
    for at in 0..MAPPINGS {
        let (start, end) = (0x7f00_0000_0000 + at * 4096, 0x7f00_0000_1000 + at * 4096);
        let (permissions, flags, kib) = if at % 2 == 0 { ("r--p", "rd", 4) } else { ("rw-p", "rd wr", 0) };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{start:x}-{end:x} {permissions} 00000000 00:00 0 ");
        for (key, value) in [("Size", 4), ("KernelPageSize", 4), ("MMUPageSize", 4)] {
            let _ = writeln!(text, "{:<16}{value:>8} kB", format!("{key}:"));
        }
        for (_, key, name) in sysview::snapshot::map::Amount::ALL {
            let is_there = ["rss", "pss", "pss_dirty", "private_dirty", "referenced", "anonymous"].contains(name);
            let value = if is_there { kib } else { 0 };
            let _ = writeln!(text, "{:<16}{value:>8} kB", format!("{}:", String::from_utf8_lossy(key)));
        }
        let _ = writeln!(text, "THPeligible:           0\nVmFlags: {flags} mr mw me ac ");
    }
    text
}

/// Every other page is made read-only, all are touched.
const SCRIPT: &str = "
import ctypes, mmap, signal, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
page, count = mmap.PAGESIZE, int(sys.argv[1])
start = libc.mmap(None, count * page, 3, 0x22, -1, 0)
ctypes.memset(start, 1, count * page)
assert all(libc.mprotect(start + at * page, page, 1) == 0 for at in range(0, count, 2))
print('done', flush=True)
signal.pause()
";

/// A process that has them, until it is dropped.
pub struct Many {
    child: Child,
}

impl Many {
    /// Wait until it has them.
    pub fn start() -> Self {
        let mut command = Command::new("python3");
        let command = command.args(["-c", SCRIPT, &MAPPINGS.to_string()]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("needs python3");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says when it is done");
        assert_eq!(line, "done\n", "the machine has no room for so many (vm.max_map_count)");
        Self { child }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
