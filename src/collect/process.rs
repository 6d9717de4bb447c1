//! The parts of one process or thread that were asked for, as far as their reads cannot block.

use super::source::{Reader, Task, absent};
use crate::{
    proc::{stat, status, task},
    snapshot::{
        Details, Missing, Parts, Reading,
        process::{Process, Stat, State, Statm, Switches, ThreadCounters},
    },
    text::Text,
    unit::Pid,
};

/// What is the same for all processes of one pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Bytes in a page.
    pub page_size: u64,
}

/// Read `stat` of a task; the name is taken from `known` where it is the same, so that it is not allocated again.
pub fn read_stat(reader: &mut Reader<'_>, id: Task, known: Option<&Process>) -> Reading<Process> {
    let parsed = stat::parse(reader.task(id, "stat")?)?;
    // Everything that looks a process up relies on the order of the list; only a forged tree says anything else.
    let (Task::Process(pid) | Task::Thread(_, pid)) = id;
    if parsed.key.pid != pid {
        return Err(Missing::Malformed);
    }
    let name = match known {
        Some(process) if *process.name == *parsed.name => process.name.clone(),
        _ => Text::from(parsed.name),
    };
    let group = match id {
        Task::Process(_) => parsed.key.pid,
        Task::Thread(group, _) => group,
    };
    Ok(Process {
        key: parsed.key,
        group,
        thread: matches!(id, Task::Thread(..)),
        name,
        stat: parsed.stat,
        cpu_clock: Err(Missing::NotRequested),
        details: None,
    })
}

/// Whose files are those of this record.
pub fn task_of(process: &Process) -> Task {
    if process.thread { Task::Thread(process.group, process.key.pid) } else { Task::Process(process.key.pid) }
}

/// Whose files tell of the memory and the files of a process: a leader that ended has lost its own, and a thread that
/// still runs is asked instead.
pub fn task_with_memory(reader: &mut Reader<'_>, process: &Process) -> Task {
    let pid = process.key.pid;
    if process.thread {
        return Task::Thread(process.group, pid);
    }
    if !process.leader_exited() {
        return Task::Process(pid);
    }
    let living = tids(reader, pid).into_iter().flatten().find(|tid| {
        let stat = reader.task(Task::Thread(pid, *tid), "stat").and_then(stat::parse);
        stat.is_ok_and(|parsed| !matches!(parsed.stat.state, State(b'Z' | b'X')))
    });
    living.map_or(Task::Process(pid), |tid| Task::Thread(pid, tid))
}

fn tids(reader: &mut Reader<'_>, pid: Pid) -> Reading<Vec<Pid>> {
    let mut tids = Vec::new();
    reader.source.numbers(&format!("{pid}/task"), &mut tids)?;
    Ok(tids)
}

/// What a kernel thread has without being asked: no memory of its own, and no arguments.
const MEMORY: Parts = Parts::STATM.or(Parts::CMDLINE).or(Parts::ROLLUP);

/// Read `parts` into `details`, as far as that cannot block; returns those that can.
pub fn read_parts(
    reader: &mut Reader<'_>,
    process: &Process,
    parts: Parts,
    pass: Pass,
    details: &mut Details,
) -> Parts {
    let mut parts = parts;
    if process.is_kernel_thread() && parts.intersects(MEMORY) {
        details.parts |= parts.and(MEMORY);
        (details.statm, details.cmdline, details.rollup) = (Ok(Statm::default()), Ok(Text::default()), Ok(None));
        parts = parts.without(MEMORY);
    }
    let plain = parts.without(Parts::BLOCKING);
    if !plain.is_empty() {
        read_plain(reader, process, plain, pass, details);
    }
    parts.and(Parts::BLOCKING)
}

fn read_plain(reader: &mut Reader<'_>, process: &Process, parts: Parts, pass: Pass, details: &mut Details) {
    let own = task_of(process);
    let living = task_with_memory(reader, process);
    // The counters of threads are one list, which is made anew as a whole.
    let counters = if parts.intersects(Parts::PER_THREAD) { details.parts.and(Parts::PER_THREAD) } else { Parts::NONE };
    let parts = parts | counters;
    details.parts |= parts;
    if parts.contains(Parts::STATUS) {
        details.status = reader.task(living, "status").and_then(status::parse).map(Box::new);
    }
    if parts.contains(Parts::STATM) {
        details.statm = reader.task(living, "statm").and_then(|bytes| task::statm(bytes, pass.page_size));
    }
    if parts.intersects(Parts::PER_THREAD) {
        details.threads = read_threads(reader, process, parts, details);
    }
    if parts.contains(Parts::SCHED) {
        details.last_ran =
            reader.task(own, "sched").and_then(task::sched).map(|sched| sched.exec_start).map_err(absent);
    }
    if parts.contains(Parts::IO) {
        details.io = reader.task(own, "io").and_then(task::io);
    }
    if parts.contains(Parts::EXE) {
        details.exe = read_link(reader, process, living, "exe");
    }
    if parts.contains(Parts::CWD) {
        details.cwd = read_link(reader, process, living, "cwd");
    }
    if parts.contains(Parts::CGROUP) {
        details.cgroup = reader.task(own, "cgroup").map(Text::from);
    }
    if parts.contains(Parts::OOM) {
        details.oom_score = reader.task(own, "oom_score").and_then(task::score);
        details.oom_adj = reader.task(own, "oom_score_adj").and_then(task::score);
    }
    if parts.contains(Parts::WCHAN) {
        details.wchan = read_wchan(reader, own, &process.stat);
    }
    if parts.contains(Parts::SYSCALL) {
        details.syscall = reader.task(own, "syscall").and_then(task::syscall);
    }
    if parts.contains(Parts::AUTOGROUP) {
        details.autogroup = reader.task(own, "autogroup").and_then(task::autogroup).map_err(absent);
    }
}

/// Kernel threads have no `exe`, and a `cwd` that means nothing and may not be read by everyone; those of zombies do
/// not exist, which is not the same as a process that is gone.
fn read_link(reader: &mut Reader<'_>, process: &Process, id: Task, file: &str) -> Reading<Option<Text>> {
    if process.is_kernel_thread() {
        return Ok(None);
    }
    match reader.task_link(id, file) {
        Ok(target) => Ok(Some(Text::from(target.as_slice()))),
        Err(_) if process.is_zombie() => Ok(None),
        Err(missing) => Err(missing),
    }
}

fn read_threads(
    reader: &mut Reader<'_>,
    process: &Process,
    parts: Parts,
    details: &Details,
) -> Reading<Box<[ThreadCounters]>> {
    let pid = process.key.pid;
    if process.thread {
        return read_counters(reader, Task::Thread(process.group, pid), parts).map(|counters| Box::from([counters]));
    }
    if process.stat.threads == 1 {
        return read_leading(reader, Task::Process(pid), parts, details).map(|counters| Box::from([counters]));
    }
    // As many threads as last time, and all of last time are still there: these are all, without listing them again.
    let last = details.threads.as_deref().unwrap_or_default();
    if last.len() == process.stat.threads as usize {
        let again = last.iter().map(|counters| counters.tid).collect();
        let counters = read_all(reader, process, again, parts, details)?;
        if counters.len() == last.len() {
            return Ok(counters);
        }
    }
    let tids = tids(reader, pid)?;
    read_all(reader, process, tids, parts, details)
}

/// The counters of these threads, without those that have ended: totals are of living threads.
fn read_all(
    reader: &mut Reader<'_>,
    process: &Process,
    tids: Vec<Pid>,
    parts: Parts,
    details: &Details,
) -> Reading<Box<[ThreadCounters]>> {
    let pid = process.key.pid;
    let mut all = Vec::with_capacity(tids.len());
    for tid in tids {
        // What was read as the status of the process is that of its leading thread, unless that one has ended.
        let counters = if tid == pid && !process.leader_exited() {
            read_leading(reader, Task::Thread(pid, tid), parts, details)
        } else {
            read_counters(reader, Task::Thread(pid, tid), parts)
        };
        match counters {
            Ok(counters) => all.push(counters),
            Err(Missing::Gone) => {}
            Err(missing) => return Err(missing),
        }
    }
    Ok(all.into_boxed_slice())
}

/// The counters of the leading thread, whose `status` may have been read just now.
fn read_leading(reader: &mut Reader<'_>, id: Task, parts: Parts, details: &Details) -> Reading<ThreadCounters> {
    let known = details.status.as_ref().ok().filter(|_| parts.contains(Parts::STATUS | Parts::SWITCHES));
    let Some(status) = known else { return read_counters(reader, id, parts) };
    let switches = Switches { voluntary: status.voluntary_switches, involuntary: status.involuntary_switches };
    let others = read_counters(reader, id, parts.without(Parts::SWITCHES))?;
    Ok(ThreadCounters { switches: Some(switches), ..others })
}

fn read_counters(reader: &mut Reader<'_>, id: Task, parts: Parts) -> Reading<ThreadCounters> {
    let tid = match id {
        Task::Process(tid) | Task::Thread(_, tid) => tid,
    };
    let mut counters = ThreadCounters { tid, ..ThreadCounters::default() };
    if parts.contains(Parts::SWITCHES) {
        counters.switches = Some(reader.task(id, "status").and_then(status::switches)?);
    }
    if parts.contains(Parts::SCHEDSTAT) {
        counters.schedstat = optional(reader.task(id, "schedstat").and_then(task::schedstat))?;
    }
    if parts.contains(Parts::SCHED) {
        counters.migrations = optional(reader.task(id, "sched").and_then(task::sched))?.map(|sched| sched.migrations);
    }
    let lacks = parts.contains(Parts::SCHEDSTAT) && counters.schedstat.is_none()
        || parts.contains(Parts::SCHED) && counters.migrations.is_none();
    if lacks {
        // A task that ended meanwhile looks like a kernel without the file.
        reader.task(id, "stat")?;
    }
    Ok(counters)
}

/// A file that not every kernel has: nothing where it is absent, as for a task that ended.
fn optional<T>(reading: Reading<T>) -> Reading<Option<T>> {
    match reading {
        Ok(value) => Ok(Some(value)),
        Err(Missing::Gone | Missing::Unsupported) => Ok(None),
        Err(missing) => Err(missing),
    }
}

/// `wchan` reads `0` where the task does not sleep, and also where the observer may not know: then reading the link
/// `cwd`, which asks for the same right, is refused.
fn read_wchan(reader: &mut Reader<'_>, id: Task, stat: &Stat) -> Reading<Option<Text>> {
    let wchan = task::wchan(reader.task(id, "wchan")?);
    // Even root is refused by some security modules.
    if wchan.is_none() && stat.state != State::RUNNING && reader.task_link(id, "cwd") == Err(Missing::Denied) {
        return Err(Missing::Denied);
    }
    Ok(wchan)
}
