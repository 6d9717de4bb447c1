//! The command of an order: found as execvp(3) finds it, and made ready to be started.

#![expect(clippy::disallowed_methods, reason = "a command gets the environment that a shell would give it")]

use crate::{sys::trace::Start, text::Text};
use rustix::{
    fs::{Access, access},
    io::Errno,
};
use std::{
    env,
    ffi::{CString, OsStr},
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// What is to be started.
pub(super) struct Found {
    /// As the user named it.
    pub(super) name: Text,
    /// The file.
    pub(super) path: PathBuf,
    /// The same with arguments and environment, where the interpreter is told to do nothing but map.
    pub(super) start: Start,
    /// The same for an interpreter that must not be told so: it ends at once for programs with more rights.
    pub(super) plain: Start,
    /// What the environment does that deserves to be said.
    pub(super) notes: Vec<String>,
}

/// With this in its environment glibc's interpreter maps all libraries and ends before it has relocated one of them, which
/// is what ldd(1) makes use of. Its debugger hook comes too late: where functions are bound at the start, resolvers of
/// indirect ones have run by then.
const MAP_ONLY: &str = "LD_TRACE_LOADED_OBJECTS";

/// Variables that make it do more than that: relocate after all, look for symbols, print, write files.
const LEFT_OUT: [&str; 7] =
    [MAP_ONLY, "LD_WARN", "LD_VERBOSE", "LD_DEBUG", "LD_DEBUG_OUTPUT", "LD_PROFILE", "LD_PROFILE_OUTPUT"];

/// Find the program of a command; else why it cannot be run, for a person.
pub(super) fn find(command: &[Text]) -> Result<Found, String> {
    let name = command.first().filter(|name| !name.is_empty()).ok_or("no command was given")?;
    let shown = name.printable();
    let is_path = name.contains(&b'/');
    let path = if is_path { PathBuf::from(OsStr::from_bytes(name)) } else { in_path(name) };
    if path.as_os_str().is_empty() {
        return Err(format!("{shown}: not found in PATH"));
    }
    check(&path).map_err(|why| format!("{shown}: {why}"))?;
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| format!("{shown}: an argument holds a NUL"));
    let program = text(path.as_os_str().as_bytes().to_vec())?;
    let arguments = command.iter().map(|argument| text(argument.to_vec())).collect::<Result<Vec<_>, _>>()?;
    let start = |environment| Start::new(program.clone(), arguments.clone(), environment);
    let audited = env::var_os("LD_AUDIT").is_some_and(|libraries| !libraries.is_empty());
    let notes = audited.then(|| "LD_AUDIT is set: code of the libraries it names has run".to_owned());
    Ok(Found {
        name: name.clone(),
        start: start(environment(&[(MAP_ONLY, "1")])),
        plain: start(environment(&[])),
        path,
        notes: notes.into_iter().collect(),
    })
}

/// The own environment without what makes an interpreter do more than it has to, and with these variables.
fn environment(more: &[(&str, &str)]) -> Vec<CString> {
    let kept = env::vars_os().filter(|(name, _)| !LEFT_OUT.iter().any(|left_out| name == left_out));
    let own = kept.map(|(name, value)| [name.into_vec(), value.into_vec()].join(&b'='));
    let more = more.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
    // What the system handed over holds no NUL.
    own.chain(more).filter_map(|entry| CString::new(entry).ok()).collect()
}

/// The first executable file of this name in the directories of PATH, else the first file; an empty path where there is
/// none.
fn in_path(name: &[u8]) -> PathBuf {
    let directories = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let candidates = || {
        env::split_paths(&directories).map(|directory| {
            let directory = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory };
            directory.join(OsStr::from_bytes(name))
        })
    };
    let found = candidates().find(|path| check(path).is_ok());
    found.or_else(|| candidates().find(|path| fs::metadata(path).is_ok_and(|data| data.is_file()))).unwrap_or_default()
}

/// Why a file cannot be run, as far as that can be told before.
fn check(path: &Path) -> Result<(), String> {
    let data = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "a directory of its path may not be entered".to_owned(),
        _ => error.to_string(),
    })?;
    if data.is_dir() {
        return Err("is a directory".to_owned());
    }
    if !data.is_file() {
        return Err("is no regular file".to_owned());
    }
    access(path, Access::EXEC_OK).map_err(|error| match error {
        Errno::ACCESS => "may not be executed by this user: chmod +x, or its file system is mounted noexec".to_owned(),
        error => io::Error::from(error).to_string(),
    })
}

/// What an error of execve(2) means.
pub(super) fn refusal(name: &Text, error: Errno) -> String {
    let why = match error {
        Errno::NOEXEC => "the kernel does not know this format; a script begins with #! and its interpreter".to_owned(),
        Errno::NOENT => "the interpreter that it names does not exist".to_owned(),
        Errno::ACCESS => "may not be executed, or the interpreter that it names may not".to_owned(),
        Errno::TXTBSY => "is being written to".to_owned(),
        Errno::TOOBIG => "its arguments and its environment are too long".to_owned(),
        Errno::LIBBAD => "the interpreter that it names is none".to_owned(),
        error => io::Error::from(error).to_string(),
    };
    format!("{}: {why}", name.printable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn problem(command: &[&str]) -> String {
        let command: Vec<_> = command.iter().map(|word| Text::from(*word)).collect();
        find(&command).err().unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_run_is_told_why() {
        assert_eq!(problem(&[]), "no command was given");
        assert_eq!(problem(&[""]), "no command was given");
        assert_eq!(problem(&["no such program"]), "no such program: not found in PATH");
        assert_eq!(problem(&["/no/such/program"]), "/no/such/program: no such file");
        assert_eq!(problem(&["/"]), "/: is a directory");
        assert_eq!(problem(&["/dev/null"]), "/dev/null: is no regular file");
        assert_eq!(problem(&["/bin/sh", "a\0b"]), "/bin/sh: an argument holds a NUL");
        let directory = tempfile::tempdir().expect("there is room for it");
        let file = directory.path().join("plain");
        fs::File::create(&file).expect("the directory is new");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("the file is ours");
        let path = file.to_str().expect("the path is ASCII");
        assert!(problem(&[path]).contains("may not be executed"), "{}", problem(&[path]));
    }

    #[test]
    fn a_bare_name_is_looked_up_and_one_with_a_slash_is_not() {
        let found = find(&[Text::from("sh")]).expect("every system has one");
        assert!(found.path.is_absolute() && found.path.ends_with("sh"));
        assert!(problem(&["./sh"]).contains("no such file"));
    }
}
