//! Files that commands write: to a file of its own beside the one named, which takes its place at the end, so that what is
//! there is whole, or as it was.

#![expect(clippy::disallowed_methods, reason = "the place where files that the user asked for are written")]

use crate::text::printable;
use anyhow::{anyhow, bail};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

/// Whether somebody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// What was written can be read.
    There,
    /// The other end of the pipe was closed.
    Left,
}

/// Where bytes go.
pub struct Output {
    to: Box<dyn Write>,
    /// What was asked for, as it is shown.
    name: String,
    /// The file written to and the one whose place it takes; `None` for standard output, a pipe, a device.
    replacing: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Begin to write to a file, which only its owner may read; `-` is standard output.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(target: &Path) -> anyhow::Result<Self> {
        let name = printable(target.as_os_str().as_encoded_bytes()).into_owned();
        if name == "-" {
            return Ok(Self { to: Box::new(io::stdout()), name: "standard output".to_owned(), replacing: None });
        }
        // A link stays, and what it points to is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let problem = |error| cannot_write(&name, &error);
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            let file = OpenOptions::new().write(true).open(&target).map_err(problem)?;
            return Ok(Self { to: Box::new(file), name, replacing: None });
        }
        let Some(last) = target.file_name() else { bail!("cannot write {name}: it names no file") };
        let beside = target.with_file_name(format!(".{}.{}", last.display(), process::id()));
        let to = create_private(&beside).map_err(problem)?;
        Ok(Self { to: Box::new(to), name, replacing: Some((beside, target)) })
    }

    /// Let something write, and flush.
    ///
    /// # Errors
    /// Where it cannot be written; that nobody reads any more is none.
    pub fn write(&mut self, by: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<Reader> {
        match by(&mut *self.to).and_then(|()| self.to.flush()) {
            Ok(()) => Ok(Reader::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Left),
            Err(error) => Err(cannot_write(&self.name, &error)),
        }
    }

    /// All is written: the file takes its place.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let Some((beside, target)) = &self.replacing else { return Ok(()) };
        fs::rename(beside, target).map_err(|error| cannot_write(&self.name, &error))?;
        self.replacing = None;
        Ok(())
    }
}

/// As a text: an error of input and output that is passed on would be taken for one of standard output.
fn cannot_write(name: &str, error: &io::Error) -> anyhow::Error {
    anyhow!("cannot write {name}: {error}")
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((beside, _)) = &self.replacing {
            // Already on the way out with an error that says more.
            let _ = fs::remove_file(beside);
        }
    }
}

/// What is written may hold what is nobody else's business.
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
