//! The process that a command is about: finding it, reading its memory map, and saying why nothing can be told of it.

use crate::{
    collect::{
        map,
        source::{Reader, Source, Task},
        space,
        users::Users,
    },
    proc::{
        fields::{keyed, number},
        status,
    },
    snapshot::{Missing, Process, Reading, inspect::Depth, map::MemoryMap},
    unit::{Id, Pid},
};
use anyhow::anyhow;
use std::{sync::Arc, time::Duration};

/// How long the name of a user may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the kernel may take to tell a map.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// As long as anybody waits without having been asked.
    Usual,
    /// As the option `--patience` says.
    Chosen(Duration),
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Usual => Duration::from_secs(5),
            Self::Chosen(limit) => limit,
        }
    }

    /// What can be done where that was too short.
    fn hint(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Chosen(_) => "; --patience waits longer",
        }
    }
}

/// The process with this pid.
///
/// # Errors
/// Where there is none, with what to do: `command` is what to type with the right pid.
pub fn find(source: &dyn Source, pid: u32, command: impl FnOnce(u32) -> String) -> anyhow::Result<Process> {
    if let Some(process) = process_of_thread(source, pid) {
        return Err(anyhow!("{pid} is no process but a thread of {process}: try `sysview {}`", command(process)));
    }
    space::process(source, Pid(pid)).map_err(|missing| match missing {
        Missing::Denied => {
            anyhow!("process {pid} may not be read: run as root, or `sysview doctor` says what hides it")
        }
        Missing::Gone => anyhow!("no such process: {pid}"),
        missing => anyhow!("process {pid} cannot be read: its stat is {}", missing.word()),
    })
}

/// The process that this is a thread of; `None` where it is a process itself, or nothing.
pub fn process_of_thread(source: &dyn Source, pid: u32) -> Option<u32> {
    let mut status = Vec::new();
    source.read(&format!("{pid}/status"), &mut status).ok()?;
    let (_, value) = keyed(&status).find(|(key, _)| *key == b"Tgid")?;
    number::<u32>(value).ok().filter(|process| *process != pid)
}

/// The map of a process, if the kernel tells it in time.
///
/// # Errors
/// Why there is none, and what to do.
pub fn read_map(
    source: &Arc<dyn Source>,
    process: &Process,
    depth: Depth,
    patience: Patience,
) -> anyhow::Result<MemoryMap> {
    match map::read_within(source, process.key, depth, patience.limit()) {
        Ok(Some(map)) => Ok(map),
        // It may have ended since it was found.
        Ok(None) => Err(match space::find(&**source, process.key) {
            Ok(now) => without_memory(&now),
            Err(missing) => refused("the memory", &**source, process, missing),
        }),
        Err(missing) => Err(anyhow!(refusal("the memory", &**source, process, missing) + blocked(missing, patience))),
    }
}

/// Why a process that is there has no memory.
fn without_memory(process: &Process) -> anyhow::Error {
    let who = who(process);
    if process.is_kernel_thread() {
        return anyhow!("{who} is a kernel thread: it has no memory of its own");
    }
    if process.is_zombie() {
        let parent = process.stat.ppid;
        return anyhow!(
            "{who} is a zombie: it has ended and its memory is gone; its parent {parent} has not reaped it"
        );
    }
    anyhow!("{who} has no memory any more: it is about to end")
}

/// Why something of a process, such as `the memory`, cannot be looked at.
pub fn refused(what: &str, source: &dyn Source, process: &Process, missing: Missing) -> anyhow::Error {
    anyhow!(refusal(what, source, process, missing))
}

/// Why a map has addresses only.
pub fn without_figures(source: &dyn Source, process: &Process, missing: Missing, patience: Patience) -> String {
    refusal("what is in the mappings", source, process, missing) + blocked(missing, patience)
}

fn blocked(missing: Missing, patience: Patience) -> &'static str {
    if missing == Missing::Blocked { patience.hint() } else { "" }
}

fn refusal(what: &str, source: &dyn Source, process: &Process, missing: Missing) -> String {
    let who = who(process);
    match missing {
        Missing::Gone => format!("{who} has exited meanwhile"),
        Missing::Denied => format!("{what} of {who} may not be read (denied){}", denied(source, process)),
        Missing::Blocked => format!(
            "the kernel does not answer for {what} of {who} (blocked): it may be stuck itself; `sysview ps --columns \
             pid,state,wchan {}` says in what",
            process.key.pid
        ),
        missing => format!("{what} of {who} cannot be read: {}", missing.word()),
    }
}

fn denied(source: &dyn Source, process: &Process) -> String {
    match owner(source, process) {
        Ok((uid, _)) if uid == source.observer().uid => {
            ", though it is yours: it does not let others look, or the kernel \
             lets only parents (kernel.yama.ptrace_scope); run as root"
                .to_owned()
        }
        Ok((Id(0), name)) => format!(": it belongs to {name}; run as {name}"),
        Ok((_, name)) => format!(": it belongs to {name}; run as {name} or root"),
        Err(_) => ": run as root".to_owned(),
    }
}

/// Whose it is, by number and by name.
fn owner(source: &dyn Source, process: &Process) -> Reading<(Id, String)> {
    let mut reader = Reader::new(source);
    let uid = status::parse(reader.task(Task::Process(process.key.pid), "status")?)?.uid.effective;
    let names = Users::new(source).names([uid].into_iter(), PATIENCE, &mut reader);
    let name = match names.get(&uid) {
        Some(Ok(Some(name))) => name.printable().into_owned(),
        _ => format!("user {uid}"),
    };
    Ok((uid, name))
}

fn who(process: &Process) -> String {
    format!("{} ({})", process.key.pid, process.name.printable())
}
