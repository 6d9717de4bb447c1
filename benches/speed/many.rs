//! A process with fifty thousand mappings, and the text that the kernel would write of such a one.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::PathBuf,
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

/// A process that has them, until it is dropped.
pub struct Many {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Many {
    /// Compile it and wait until it has them.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("many");
        let source: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "it", "live_maps", "mappings.c"].iter().collect();
        let compiled = Command::new("gcc").args(["-O1", "-pthread", "-o"]).arg(&program).arg(source).status();
        assert!(compiled.expect("needs gcc").success());
        let mut child = Command::new(program)
            .args(["many", &MAPPINGS.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says when it is done");
        assert_eq!(line, "done\n");
        Self { child, _directory: directory }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        // It has ended where the machine has no room for so many.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
