//! What some tests need and not every machine has. A test that lacks it says so, by its name, and ends.

use std::{
    io::{self, Write},
    process::{Command, Stdio},
};

/// Whether a need is met; where not, a line on standard error that the test runner does not swallow.
pub fn met(met: bool, test: &str, what: &str) -> bool {
    if !met {
        // A test runner without a standard error has nobody to tell.
        let _ = writeln!(io::stderr(), "skipped: {test}: needs {what}");
    }
    met
}

/// Something that the test has found out by itself.
pub fn here(test: &str, is_here: bool, what: &str) -> bool {
    met(is_here, test, what)
}

/// The rights of root.
pub fn root(test: &str) -> bool {
    met(rustix::process::geteuid().is_root(), test, "root")
}

/// A file or directory.
pub fn file(test: &str, path: &str) -> bool {
    met(std::fs::exists(path).unwrap_or(false), test, path)
}

/// A command that must succeed: a program that has to be there, or a right that has to be tried.
pub fn command(test: &str, command: &[&str]) -> bool {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let mut run = Command::new(program);
    let run = run.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    met(run.status().is_ok_and(|status| status.success()), test, &command.join(" "))
}

/// A C library of GNU's, of this version at least.
pub fn glibc(test: &str, least: (u32, u32)) -> bool {
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    let found = numbers.next().zip(numbers.next());
    met(found >= Some(least), test, &format!("glibc {}.{}", least.0, least.1))
}

/// A kind of processor.
pub fn architecture(test: &str, name: &str) -> bool {
    met(std::env::consts::ARCH == name, test, name)
}
