//! The files of one address space that are read at places (`mem`, `pagemap`): opened once, with the certainty whose they
//! are. Never attaches to the process, and opens nothing for writing.

use super::{
    process::{read_stat, task_with_memory},
    source::{ProcPath, Reader, Source, Task, absent},
};
use crate::{
    snapshot::{Missing, Process, Reading},
    unit::{Pid, ProcessKey},
};
use rustix::fd::OwnedFd;

/// The process that has this pid now.
///
/// # Errors
/// `Gone` where there is none.
pub fn process(source: &dyn Source, pid: Pid) -> Reading<Process> {
    read_stat(&mut Reader::new(source), Task::Process(pid), None)
}

/// The process with this identity as `stat` has it now.
///
/// # Errors
/// `Gone` too where another process has its pid.
pub fn find(source: &dyn Source, key: ProcessKey) -> Reading<Process> {
    let process = process(source, key.pid)?;
    if process.key == key { Ok(process) } else { Err(Missing::Gone) }
}

/// A file of the address space of a process: through a thread that still runs, where the leading one has ended.
///
/// # Errors
/// `Unsupported` for kernel threads, which have none, and where the kernel has no such file; `Gone` for zombies, which
/// have none any more.
pub fn open(source: &dyn Source, key: ProcessKey, file: &str) -> Reading<OwnedFd> {
    let process = find(source, key)?;
    // Asked for an address space that does not exist, some kernels answer requests as if it were an empty one.
    if process.is_kernel_thread() {
        return Err(Missing::Unsupported);
    }
    if process.is_zombie() {
        return Err(Missing::Gone);
    }
    let task = task_with_memory(&mut Reader::new(source), &process);
    let opened = source.open(ProcPath::default().of(task, file));
    // Whoever has the pid after it was opened had it when it was opened: it is not given out a second time that soon.
    let still = find(source, key)?;
    match opened {
        Err(missing) if !still.is_zombie() => Err(absent(missing)),
        opened => opened,
    }
}
