//! What `doctor` tries: one table, and under it how each is tried.

use super::{Look, Outcome, Refusal, Verdict};
use crate::{
    collect::{lab, program, users::getent},
    proc::{
        fields::lines,
        mountinfo::{self, Mount},
        status, task,
    },
    snapshot::{ExitStatus, Missing, Observer, inspect::Answer, lab::Order},
    sys::{
        connector::Connector,
        pagemap::{self, Run, Wanted},
        perf::{FaultCounter, Scope},
        pidfd,
        taskstats::Taskstats,
    },
    text::{Text, printable},
    unit::{Id, Pid},
};
use std::{
    io,
    ops::ControlFlow,
    process::{Command, Stdio},
    time::Duration,
};

/// How long the kernel may take to answer over a socket. It answers at once or never.
const ANSWER: Duration = Duration::from_millis(500);

/// One thing that a kernel, a user or a mount of /proc may allow or not.
pub struct Probe {
    /// Its name in JSON.
    pub item: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// What is missing without it.
    pub needed_for: &'static str,
    /// How to get it.
    pub how: &'static str,
    /// Try it.
    pub attempt: fn(&Look) -> Outcome,
}

/// Everything that is tried, what concerns all of /proc first.
pub const PROBES: &[Probe] = &[
    Probe {
        item: "namespace",
        what: "processes of sysview's own pid namespace",
        needed_for: "CPU clocks, pidfds, the process connector, limits of the container",
        how: "mount the /proc of this namespace: unshare --mount-proc, or mount -t proc proc /proc in it",
        attempt: namespace,
    },
    Probe {
        item: "all_processes",
        what: "processes of all users",
        needed_for: "every list of processes",
        how: "run as root, or mount -o remount,hidepid=0 /proc, or join the group in its gid= option",
        attempt: all_processes,
    },
    Probe {
        item: "system_files",
        what: "figures of the machine",
        needed_for: "CPU, memory, load and uptime in the header; the share of memory in column mem",
        how: "mount a /proc without subset=pid and name it with --proc-root",
        attempt: system_files,
    },
    Probe {
        item: "cpu_clocks",
        what: "CPU clocks of other processes",
        needed_for: "column cpu in nanoseconds, and passing over processes that did not run",
        how: "a /proc of the own pid namespace; every kernel has the clocks",
        attempt: cpu_clocks,
    },
    Probe {
        item: "pidfd",
        what: "exit status by pidfd (PIDFD_GET_INFO)",
        needed_for: "how processes ended that are children of others: column exit",
        how: "a kernel that keeps the status after the process was reaped (6.15 and later)",
        attempt: exit_status,
    },
    Probe {
        item: "process_connector",
        what: "events of processes as they happen",
        needed_for: "exact times of forks, execs and exits, and processes that live shorter than a sample",
        how: "the initial pid and user namespace, CONFIG_PROC_EVENTS, and before kernel 6.6 CAP_NET_ADMIN (run as root)",
        attempt: process_connector,
    },
    Probe {
        item: "taskstats",
        what: "delays per task",
        needed_for: "how long each process was held up by swapping, reclaim, compaction and copy-on-write",
        how: "CAP_NET_ADMIN (run as root), the initial user namespace, and CONFIG_TASKSTATS",
        attempt: taskstats,
    },
    Probe {
        item: "delay_accounting",
        what: "delays are counted",
        needed_for: "column block_delay and the delays of taskstats, which stay 0 without it",
        how: "sysctl kernel.task_delayacct=1; only tasks started afterwards are counted in full",
        attempt: delay_accounting,
    },
    Probe {
        item: "pressure",
        what: "pressure stall information",
        needed_for: "pressure in the header",
        how: "CONFIG_PSI, and psi=1 on the kernel's command line where it is off by default",
        attempt: pressure,
    },
    Probe {
        item: "schedstat",
        what: "time on a CPU and waiting for one",
        needed_for: "columns run_time, run_delay, run_delay_share, timeslices, timeslice_mean",
        how: "a kernel with CONFIG_SCHED_INFO (it comes with CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT)",
        attempt: schedstat,
    },
    Probe {
        item: "sched",
        what: "when a task last ran",
        needed_for: "columns state_age, migrations, migration_rate",
        how: "a kernel with CONFIG_SCHED_DEBUG, or 6.15 and later",
        attempt: sched,
    },
    Probe {
        item: "smaps_of_others",
        what: "memory of processes of other users",
        needed_for: "the memory maps of their processes, and columns pss, uss, exe, cwd, read_bytes, write_bytes and syscall",
        how: "CAP_SYS_PTRACE (run as root)",
        attempt: smaps_of_others,
    },
    Probe {
        item: "wait_channel",
        what: "kernel function a process sleeps in",
        needed_for: "column wchan",
        how: "CAP_SYS_PTRACE (run as root), and a kernel with CONFIG_KALLSYMS",
        attempt: wait_channel,
    },
    Probe {
        item: "kernel_stacks",
        what: "kernel stacks",
        needed_for: "where in the kernel a process in state D is stuck",
        how: "CAP_SYS_ADMIN (run as root), and a kernel with CONFIG_STACKTRACE",
        attempt: kernel_stacks,
    },
    Probe {
        item: "page_scan",
        what: "state of single pages (PAGEMAP_SCAN)",
        needed_for: "the pages of a mapping, fast",
        how: "a kernel with CONFIG_PROC_PAGE_MONITOR that knows the request (6.7 and later)",
        attempt: page_scan,
    },
    Probe {
        item: "randomisation",
        what: "how addresses are drawn (ASLR)",
        needed_for: "what is promised in `aslr` and in the Memory pane",
        how: "sysctl kernel.randomize_va_space=2; root reads vm.mmap_rnd_bits, others need the kernel's configuration",
        attempt: address_randomisation,
    },
    Probe {
        item: "laboratory",
        what: "programs started and stopped before their first line (ptrace)",
        needed_for: "aslr run, and A in the Memory pane",
        how: "sysctl kernel.yama.ptrace_scope=2 or less, and no seccomp filter that forbids ptrace",
        attempt: laboratory,
    },
    Probe {
        item: "perf_faults",
        what: "page faults of a program as events",
        needed_for: "which mappings page faults hit",
        how: "sysctl kernel.perf_event_paranoid=2 or lower, or CAP_PERFMON (run as root)",
        attempt: |look| fault_counter(Scope::Program, look),
    },
    Probe {
        item: "perf_kernel_faults",
        what: "the same, of the kernel on behalf of a program",
        needed_for: "page faults of read(2) and the like among them",
        how: "sysctl kernel.perf_event_paranoid=1 or lower, or CAP_PERFMON (run as root)",
        attempt: |look| fault_counter(Scope::ProgramAndKernel, look),
    },
    Probe {
        item: "autogroup",
        what: "scheduling by session",
        needed_for: "column autogroup; where it is on, nice weighs only inside a session",
        how: "sysctl kernel.sched_autogroup_enabled=1, on a kernel with CONFIG_SCHED_AUTOGROUP",
        attempt: autogroup,
    },
    Probe {
        item: "user_names",
        what: "user names by getent(1)",
        needed_for: "columns user and euid of users that are not in /etc/passwd, as of LDAP",
        how: "install getent (Debian: libc-bin) and let its name service answer",
        attempt: user_names,
    },
    Probe {
        item: "cgroup",
        what: "limits of the control groups sysview is in",
        needed_for: "meters that honour the limits of a container",
        how: "mount the control groups (/sys/fs/cgroup) and let them be read",
        attempt: cgroup,
    },
];

impl Look {
    fn observer(&self) -> Observer {
        self.source.observer()
    }

    /// sysview's own pid among the processes shown.
    ///
    /// # Errors
    /// Where those are of another pid namespace, so that a pid in one is another process in the other.
    fn own(&self) -> Result<Pid, Refusal> {
        let foreign = || Refusal::new(Verdict::Unsupported, "the processes shown are of another pid namespace");
        self.observer().pid.filter(|_| !self.observer().foreign).ok_or_else(foreign)
    }

    fn file(&self, path: &str) -> Result<Vec<u8>, Missing> {
        let mut bytes = Vec::new();
        self.source.read(path, &mut bytes).map(|()| bytes)
    }

    /// The same, with the whole name of the file as evidence.
    fn evidence(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        self.file(path).map_err(|missing| Refusal::of_reading(&self.shown(path), missing))
    }

    fn shown(&self, path: &str) -> String {
        printable(self.root.join(path).as_os_str().as_encoded_bytes()).into_owned()
    }

    /// Processes to try things on: those of other users that have memory, or where there are none any but sysview.
    ///
    /// # Errors
    /// Where there are none, or none to be seen.
    fn others(&self) -> Result<Vec<Pid>, Refusal> {
        let mut pids = Vec::new();
        self.source.numbers("", &mut pids).map_err(|missing| Refusal::of_reading(&self.shown(""), missing))?;
        pids.retain(|pid| Some(*pid) != self.observer().pid);
        let with_memory = |pid: &Pid| {
            let statm = self.file(&format!("{pid}/statm")).and_then(|bytes| task::statm(&bytes, 1));
            statm.is_ok_and(|statm| statm.size.0 > 0)
        };
        pids.retain(with_memory);
        let of_others: Vec<_> = pids.iter().copied().filter(|pid| self.is_of_another_user(*pid)).collect();
        let pids = if of_others.is_empty() { pids } else { of_others };
        if !pids.is_empty() {
            return Ok(pids);
        }
        all_processes(self)?;
        Err(Refusal::new(Verdict::Unsupported, "no other process to try it on"))
    }

    /// The same for what is not refused to anyone: where there is no other process, sysview serves as well.
    fn any(&self) -> Result<Vec<Pid>, Refusal> {
        self.others().or_else(|_| Ok(vec![self.own()?]))
    }

    fn is_of_another_user(&self, pid: Pid) -> bool {
        let status = self.file(&format!("{pid}/status")).ok().and_then(|status| status::parse(&status).ok());
        status.is_some_and(|status| status.uid.effective != self.observer().uid)
    }

    /// The mount of the directory that stands for /proc.
    fn mount(&self) -> Option<Mount> {
        let mounts = mountinfo::parse(&self.file("self/mountinfo").ok()?);
        let root = self.root.as_os_str().as_encoded_bytes();
        mounts.into_iter().rfind(|mount| mount.kind == b"proc" && mount.point == root)
    }

    /// An option of that mount.
    fn option(&self, name: &str) -> Option<String> {
        let mount = self.mount()?;
        let option = mount.options().find(|option| option.starts_with(name.as_bytes()))?;
        Some(printable(option).into_owned())
    }
}

fn namespace(look: &Look) -> Outcome {
    let own = std::process::id();
    match look.source.link("self") {
        Ok(link) if look.observer().foreign => {
            let evidence = format!("{} is {}, sysview is {own}", look.shown("self"), printable(&link));
            Err(Refusal::new(Verdict::Unsupported, evidence))
        }
        Ok(_) => Ok(format!("{} is sysview, pid {own}", look.shown("self"))),
        Err(missing) => Err(Refusal::of_reading(&look.shown("self"), missing)),
    }
}

fn all_processes(look: &Look) -> Outcome {
    let option = look.option("hidepid=");
    let shown = option.as_deref().unwrap_or("no hidepid");
    // The first process of every namespace is always there.
    if let Err(missing) = look.file("1/stat") {
        let hidden = option.is_some() || missing == Missing::Denied;
        let verdict = if hidden { Verdict::Denied } else { Verdict::Unsupported };
        return Err(Refusal::new(verdict, format!("{}: {}; {shown}", look.shown("1/stat"), missing.word())));
    }
    // Where it is one's own, it says nothing of those of others.
    if option.is_some() && !look.is_of_another_user(Pid(1)) && !look.observer().ptrace {
        return Err(Refusal::new(Verdict::Denied, shown));
    }
    Ok(format!("{} can be read; {shown}", look.shown("1/stat")))
}

fn system_files(look: &Look) -> Outcome {
    for name in ["stat", "meminfo", "loadavg", "uptime", "vmstat"] {
        if let Err(missing) = look.file(name) {
            let mut refusal = Refusal::of_reading(&look.shown(name), missing);
            if let Some(option) = look.option("subset=") {
                refusal = Refusal::new(Verdict::Off, format!("{}; mounted with {option}", refusal.evidence));
            }
            return Err(refusal);
        }
    }
    Ok(format!("{} and others can be read", look.shown("stat")))
}

fn cpu_clocks(look: &Look) -> Outcome {
    look.own()?;
    let mut last = Missing::Gone;
    for pid in look.any()? {
        match look.source.cpu_clock(pid) {
            Ok(time) => return Ok(format!("pid {pid} has used {:.3} s", time.seconds())),
            Err(missing) => last = missing,
        }
    }
    Err(Refusal::of_reading("clock_gettime(2)", last))
}

fn exit_status(look: &Look) -> Outcome {
    look.own()?;
    let failed = |what| move |error: io::Error| Refusal::of_call(what, &error);
    let mut child = Command::new("/proc/self/exe")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed("cannot start a child to try it on"))?;
    let pidfd = pidfd::of_child(&child).map_err(|error| Refusal::of_call("pidfd_open(2)", &error.into()));
    // Reaped in any case.
    child.wait().map_err(failed("waitpid(2)"))?;
    let told = pidfd::exit_status(pidfd?);
    told.map(|status| format!("a reaped child ended with {}", shown_status(status)))
        .map_err(|missing| Refusal::of_reading("PIDFD_GET_INFO of a reaped child", missing))
}

fn shown_status(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit {code}"),
        ExitStatus::Signal { number, .. } => format!("signal {number}"),
    }
}

fn process_connector(look: &Look) -> Outcome {
    look.own()?;
    match Connector::listen(ANSWER) {
        Ok(_) => Ok("LISTEN was acknowledged".into()),
        Err(error) => {
            let error = io::Error::from(error);
            if error.kind() == io::ErrorKind::TimedOut {
                return Err(Refusal::new(
                    Verdict::Unsupported,
                    "LISTEN was not acknowledged: not the initial namespace",
                ));
            }
            Err(Refusal::of_call("LISTEN", &error))
        }
    }
}

fn taskstats(look: &Look) -> Outcome {
    let own = look.own()?;
    let stats = Taskstats::open(ANSWER).and_then(|taskstats| taskstats.of_task(own));
    stats
        .and_then(|stats| Ok(format!("version {}, {} bytes", stats.version()?, stats.size())))
        .map_err(|error| Refusal::of_call("TASKSTATS_CMD_GET", &error.into()))
}

fn delay_accounting(look: &Look) -> Outcome {
    let name = look.shown("sys/kernel/task_delayacct");
    match look.system.delay_accounting {
        Ok(true) => Ok(format!("{name} is 1")),
        Ok(false) => Err(Refusal::new(Verdict::Off, format!("{name} is 0"))),
        Err(missing) => Err(Refusal::of_reading(&name, missing)),
    }
}

fn pressure(look: &Look) -> Outcome {
    let pressure = look.system.pressure;
    for (name, value) in [("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io)] {
        if let Err(missing) = value {
            return Err(Refusal::of_reading(&look.shown(&format!("pressure/{name}")), missing));
        }
    }
    Ok(format!("{} and others can be read", look.shown("pressure/cpu")))
}

/// Try a file of some processes until one of them has it.
fn file_of(pids: &[Pid], name: &str, look: &Look, parse: impl Fn(&[u8]) -> Result<String, Missing>) -> Outcome {
    let mut last = Err(Refusal::new(Verdict::Unsupported, "no process to try it on"));
    for pid in pids {
        let path = format!("{pid}/{name}");
        let shown = look.shown(&path);
        match look.file(&path).and_then(|bytes| parse(&bytes)) {
            Ok(value) => return Ok(format!("{shown}: {value}")),
            Err(missing) => last = Err(Refusal::of_reading(&shown, missing)),
        }
    }
    last
}

fn schedstat(look: &Look) -> Outcome {
    file_of(&look.any()?, "schedstat", look, |bytes| {
        let schedstat = task::schedstat(bytes)?;
        Ok(format!("{} time slices, waited {:.3} s", schedstat.timeslices, schedstat.run_delay.seconds()))
    })
}

fn sched(look: &Look) -> Outcome {
    file_of(&look.any()?, "sched", look, |bytes| Ok(format!("{} migrations", task::sched(bytes)?.migrations)))
}

fn smaps_of_others(look: &Look) -> Outcome {
    file_of(&look.others()?, "smaps_rollup", look, |bytes| {
        Ok(format!("proportional set size {} KiB", task::rollup(bytes)?.pss.0 / 1024))
    })
}

fn wait_channel(look: &Look) -> Outcome {
    // A task on a CPU has none either, so it takes more than one to tell.
    let others = look.others()?;
    for pid in &others {
        if let Ok(bytes) = look.file(&format!("{pid}/wchan"))
            && !matches!(&bytes[..], b"0" | b"")
        {
            return Ok(format!("pid {pid} waits in {}", printable(&bytes)));
        }
    }
    let verdict = if look.observer().ptrace { Verdict::Unsupported } else { Verdict::Denied };
    Err(Refusal::new(verdict, format!("none is told for any of {} processes", others.len())))
}

fn kernel_stacks(look: &Look) -> Outcome {
    file_of(&look.any()?, "stack", look, |bytes| {
        let top = lines(bytes).next().unwrap_or(b"empty, as of a process on a CPU");
        Ok(printable(top).into_owned())
    })
}

fn page_scan(_: &Look) -> Outcome {
    let failed = |what| move |error| Refusal::of_call(what, &io::Error::from(error));
    let own = pagemap::open_own().map_err(failed("/proc/self/pagemap"))?;
    // The page that this very string lies in is certainly there.
    let size = crate::sys::page_size();
    let text = b"present".to_vec();
    let start = text.as_ptr().addr() as u64 / size * size;
    let mut runs = [Run::default()];
    let wanted = Wanted { any_of: pagemap::PRESENT, told: pagemap::PRESENT, most_pages: 0 };
    let walk = pagemap::scan(own, start..start + size, wanted, &mut runs).map_err(failed("PAGEMAP_SCAN"))?;
    if walk.runs == 1 {
        return Ok("a page that was touched is told as present".into());
    }
    Err(Refusal::new(Verdict::Unsupported, "PAGEMAP_SCAN does not tell a page that was touched"))
}

fn address_randomisation(look: &Look) -> Outcome {
    let settings = program::settings(&*look.source);
    let file = look.shown("sys/kernel/randomize_va_space");
    let level = settings.randomize_va_space.map_err(|missing| Refusal::of_reading(&file, missing))?;
    if level == 0 {
        return Err(Refusal::new(Verdict::Off, format!("{file} is 0")));
    }
    let (bits, by) = settings
        .rnd_bits(usize::BITS)
        .map_err(|missing| Refusal::of_reading(&look.shown("sys/vm/mmap_rnd_bits"), missing))?;
    Ok(format!("{file} is {level}, {by} {bits}"))
}

fn laboratory(look: &Look) -> Outcome {
    let order = Order { command: vec![Text::from("true")], runs: 1 };
    let mut told = Err(Missing::Unsupported);
    let _ = lab::run(&*look.source, &order, &mut |answer| {
        told = answer;
        ControlFlow::Continue(())
    });
    match told {
        Ok(Answer::Lab(lab)) => match (lab.runs.last(), &lab.problem) {
            (Some(run), _) => Ok(format!("true was stopped with {} mappings and did not run", run.mappings.len())),
            (None, problem) => {
                Err(Refusal::new(Verdict::Denied, problem.clone().unwrap_or_else(|| "true did not stop".to_owned())))
            }
        },
        Ok(_) => Err(Refusal::new(Verdict::Unsupported, "no answer of its own")),
        Err(missing) => Err(Refusal::of_reading("ptrace", missing)),
    }
}

fn fault_counter(scope: Scope, look: &Look) -> Outcome {
    let paranoid = look.file("sys/kernel/perf_event_paranoid").unwrap_or_default();
    let paranoid = match printable(paranoid.trim_ascii()) {
        level if level.is_empty() => "perf_event_paranoid cannot be read".to_owned(),
        level => format!("perf_event_paranoid is {level}"),
    };
    let counted = FaultCounter::of_own_thread(scope).and_then(|counter| {
        let mut pages = vec![0u8; 4 << 20];
        pages.iter_mut().step_by(4096).for_each(|byte| *byte = std::hint::black_box(1));
        counter.count()
    });
    match counted {
        Ok(0) => Err(Refusal::new(Verdict::Unsupported, format!("no fault was counted; {paranoid}"))),
        Ok(count) => Ok(format!("{count} faults counted; {paranoid}")),
        Err(error) => Err(Refusal::of_call(&format!("{paranoid}; perf_event_open(2)"), &error.into())),
    }
}

fn autogroup(look: &Look) -> Outcome {
    let path = "sys/kernel/sched_autogroup_enabled";
    let enabled = look.evidence(path)?;
    let evidence = format!("{} is {}", look.shown(path), printable(enabled.trim_ascii()));
    if enabled.trim_ascii() == b"0" { Err(Refusal::new(Verdict::Off, evidence)) } else { Ok(evidence) }
}

fn user_names(look: &Look) -> Outcome {
    // Everyone's system has a name for this one.
    match getent(Id(0)) {
        Ok(Some(name)) => Ok(format!("uid 0 is {}", name.printable())),
        Ok(None) => Err(Refusal::new(Verdict::Unsupported, "getent knows no name of uid 0")),
        Err(error) if look.file("/etc/passwd").is_ok() => {
            Err(Refusal::of_call("only names in /etc/passwd are known; getent", &error))
        }
        Err(error) => Err(Refusal::of_call("no /etc/passwd; getent", &error)),
    }
}

fn cgroup(look: &Look) -> Outcome {
    let own = look.own()?;
    let container = look.system.container.map_err(|missing| Refusal::of_reading("control groups", missing))?;
    let membership = look.evidence(&format!("{own}/cgroup"))?;
    let (two, one): (Vec<_>, Vec<_>) = lines(&membership).partition(|line| line.starts_with(b"0::"));
    let versions = match (one.is_empty(), two.is_empty()) {
        (false, false) => "versions 1 and 2",
        (false, true) => "version 1",
        _ => "version 2",
    };
    let memory = container.memory.map_or_else(
        || "memory not limited".to_owned(),
        |memory| format!("{} of {} bytes of memory used", memory.used.0, memory.limit.0),
    );
    let cpus = container.cpus.map_or_else(|| "CPUs not limited".to_owned(), |cpus| format!("limited to {cpus} CPUs"));
    Ok(format!("{versions}; {memory}; {cpus}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::columns::find;
    use std::collections::HashSet;

    #[test]
    fn items_are_named_once_and_speak_of_columns_that_exist() {
        let mut items = HashSet::new();
        for probe in PROBES {
            assert!(items.insert(probe.item), "{} stands twice", probe.item);
            let words = probe.needed_for.split([' ', ',', ';']).filter(|word| word.contains('_'));
            for name in words {
                assert!(find(name).is_some(), "{}: no column {name}", probe.item);
            }
        }
    }
}
