//! How visible processes end: a pidfd for each row on the screen, asked once the process is gone.
//!
//! Only for rows in view, because each descriptor costs kernel memory that no resident size shows.

use super::source::{Reader, Task};
use crate::{
    proc::stat,
    snapshot::{ExitStatus, Missing, Observer, Parts, Process, Reading, process::zombie_status},
    sys::pidfd,
    unit::ProcessKey,
};
use rustix::{
    fd::OwnedFd,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::collections::HashMap;

/// No more descriptors than this are held, whatever is on the screen.
const MOST: usize = 256;

/// The pidfds held.
#[derive(Debug, Default)]
pub struct Exits {
    watched: HashMap<ProcessKey, OwnedFd>,
}

impl Exits {
    /// Hold a descriptor for each of these rows and for no others.
    pub fn watch(&mut self, rows: &[(ProcessKey, Parts)], reader: &mut Reader<'_>) {
        if reader.source.observer().foreign {
            return;
        }
        self.watched.retain(|key, _| rows.binary_search_by_key(key, |(key, _)| *key).is_ok());
        for (key, _) in rows.iter().take(MOST) {
            if !self.watched.contains_key(key)
                && let Some(pidfd) = open(*key, reader)
            {
                self.watched.insert(*key, pidfd);
            }
        }
    }

    /// How a process that is gone ended.
    pub fn status(&mut self, process: &Process, observer: Observer) -> Reading<ExitStatus> {
        let told = self.watched.remove(&process.key).map_or(Err(Missing::Unsupported), pidfd::exit_status);
        match told {
            Err(_) if process.is_zombie() => zombie_status(process, observer),
            Err(Missing::NotRequested) => Err(Missing::Unsupported),
            told => told,
        }
    }
}

/// Open a pidfd, and only then make sure that it is of this process and not of a later one with the same pid.
fn open(key: ProcessKey, reader: &mut Reader<'_>) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(key.pid.0).ok()?)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let now = stat::parse(reader.task(Task::Process(key.pid), "stat").ok()?).ok()?;
    (now.key == key).then_some(pidfd)
}
