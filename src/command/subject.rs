//! The process that a command is about: finding it, and saying why nothing can be told of its memory.

use crate::{
    collect::{
        source::{Reader, Source, Task},
        space,
        users::Users,
    },
    proc::{
        fields::{keyed, number},
        status,
    },
    snapshot::{Missing, Process, Reading},
    unit::{Id, Pid},
};
use anyhow::anyhow;
use std::time::Duration;

/// How long the name of a user may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The process with this pid.
///
/// # Errors
/// Where there is none, with what to do: `command` is what to type before the right pid.
pub fn find(source: &dyn Source, pid: u32, command: &str) -> anyhow::Result<Process> {
    if let Some(process) = process_of_thread(source, pid) {
        return Err(anyhow!("{pid} is no process but a thread of {process}: try `sysview {command} {process}`"));
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

/// Why a process that is there has no memory.
pub fn without_memory(process: &Process) -> anyhow::Error {
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

/// Why the memory of a process cannot be looked at.
pub fn refused(source: &dyn Source, process: &Process, missing: Missing) -> anyhow::Error {
    anyhow!(refusal("the memory", source, process, missing))
}

/// Why a map has addresses only.
pub fn without_figures(source: &dyn Source, process: &Process, missing: Missing) -> String {
    refusal("what is in the mappings", source, process, missing)
}

fn refusal(what: &str, source: &dyn Source, process: &Process, missing: Missing) -> String {
    let who = who(process);
    match missing {
        Missing::Gone => format!("{who} has exited meanwhile"),
        Missing::Denied => format!("{what} of {who} may not be read (denied){}", denied(source, process)),
        Missing::Blocked => format!(
            "the kernel does not answer for {what} of {who} (blocked): it may be stuck itself; `sysview ps --columns \
             pid,state,wchan {}` says in what, --patience waits longer",
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
