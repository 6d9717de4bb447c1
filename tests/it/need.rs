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
