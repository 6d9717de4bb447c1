//! What each column says of processes and snapshots made by hand, and the laws that hold over the whole table.

use super::*;
use crate::{
    analysis::Observation,
    snapshot::{
        Details, ExitStatus, Missing, Moment, Observer, Process, Snapshot, System,
        process::{Ids, Io, Rollup, Schedstat, SignalSet, State, Statm, Switches, Syscall, ThreadCounters},
    },
    unit::{Bytes, Nanoseconds, Pid, Ticks},
};
use std::{sync::Arc, time::Duration};

/// Value of a column for the one process of these snapshots.
fn value<'a>(name: &str, observation: &'a Observation) -> Value<'a> {
    let row = observation.process(0).expect("there is a process");
    (find(name).expect("the column exists").value)(row)
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.as_bytes().to_vec().into())
}

/// All parts read and nothing in them.
fn details() -> Details {
    Details {
        parts: Parts::ALL,
        status: Ok(Box::new(Status { rss_peak: Some(Bytes(0)), ..Status::default() })),
        statm: Ok(Statm::default()),
        threads: Ok(Box::from([counters(100, 0)])),
        last_ran: Ok(Nanoseconds(0)),
        io: Ok(Io::default()),
        cmdline: Ok("".into()),
        exe: Ok(None),
        cwd: Ok(None),
        cgroup: Ok("0::/\n".into()),
        oom_score: Ok(0),
        oom_adj: Ok(0),
        wchan: Ok(None),
        syscall: Ok(Syscall::Running),
        rollup: Ok(Some(Box::default())),
        autogroup: Ok(None),
    }
}

/// Counters of a thread that all say `count`.
fn counters(tid: u32, count: u64) -> ThreadCounters {
    ThreadCounters {
        tid: Pid(tid),
        switches: Some(Switches { voluntary: count, involuntary: count }),
        schedstat: Some(Schedstat {
            run_time: Nanoseconds(count * 1_000_000),
            run_delay: Nanoseconds(count * 1_000_000),
            timeslices: count,
        }),
        migrations: Some(count),
    }
}

/// Process 100 with these details.
fn process(details: Details) -> Process {
    Process { details: Some(Arc::new(details)), ..Process::example(100) }
}

/// A snapshot `seconds` after boot.
fn snapshot(seconds: u64, process: Process) -> Arc<Snapshot> {
    let boot = Duration::from_secs(seconds);
    Arc::new(Snapshot {
        taken: Moment { boot, wall: boot + Duration::from_secs(1_000_000) },
        observer: Observer { ptrace: true, ..Observer::default() },
        system: Arc::new(System { delay_accounting: Ok(true), ..System::default() }),
        scheduler: Ok(Nanoseconds(seconds * 1_000_000_000)),
        processes: vec![Arc::new(process)],
        ..Snapshot::default()
    })
}

fn single(process: Process) -> Observation {
    Observation::new(snapshot(60, process), None)
}

/// Two snapshots two seconds apart.
fn pair(before: Process, now: Process) -> Observation {
    Observation::new(snapshot(62, now), Some(snapshot(60, before)))
}

#[test]
fn names_are_unique_and_every_column_explains_itself() {
    for (at, column) in COLUMNS.iter().enumerate() {
        assert!(COLUMNS[..at].iter().all(|other| other.name != column.name), "{} stands twice", column.name);
        assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", column.name);
        assert!(column.help.ends_with('.') && column.help.len() > 30, "{} needs help", column.name);
        assert!(!column.help.contains("  "), "{} has a gap in its help", column.name);
        assert!(!column.source.is_empty() && !column.title.is_empty(), "{}", column.name);
        assert!(column.title.len() <= usize::from(column.width), "heading of {} is cut", column.name);
        assert!(column.total == Total::First || column.is_right_aligned(), "{} cannot be added up", column.name);
    }
}

#[test]
fn the_contract_of_ps_holds() {
    // Once published none is renamed or taken away.
    let contract = "pid tid ppid pgrp session tty tpgid uid user euid euser name command exe cwd kernel_thread threads \
        state state_age wchan syscall exit sigchld hangup start start_ticks elapsed user_time system_time cpu_time cpu \
        cpu_average processor policy nice autogroup priority rt_priority virt rss rss_anon rss_file rss_shmem rss_peak \
        pss uss swap locked page_tables mem minor_faults major_faults child_minor_faults child_major_faults \
        minor_fault_rate major_fault_rate voluntary_switches involuntary_switches voluntary_switch_rate \
        involuntary_switch_rate migrations migration_rate run_time run_delay run_delay_share timeslices timeslice_mean \
        block_delay read_bytes write_bytes read_rate write_rate oom_score oom_adj cgroup container";
    let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names, contract.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn what_compares_two_snapshots_has_no_value_in_one_and_the_rest_has() {
    let mut read = details();
    read.exe = Ok(Some("/bin/x".into()));
    let mut process = process(read);
    process.stat.state = State::DISK;
    let observation = single(process);
    for column in COLUMNS {
        // The share of memory needs the size of the machine as well.
        let missing = value(column.name, &observation) == Value::Missing(Missing::NotRequested);
        assert_eq!(missing, column.needs_interval() || column.name == "mem", "{}", column.name);
    }
}

#[test]
fn a_column_needs_no_part_that_it_does_not_name() {
    for column in COLUMNS {
        let mut read = details();
        read.forget(Parts::ALL.without(column.parts));
        // A part that stands for several threads' files is forgotten whole; give back what is asked for.
        if column.parts.intersects(Parts::PER_THREAD) {
            (read.threads, read.last_ran) = (details().threads, details().last_ran);
        }
        let zombie = |mut process: Process| {
            process.stat.state = if column.name == "exit" { State::ZOMBIE } else { State::DISK };
            process
        };
        let observation = pair(zombie(process(read.clone())), zombie(process(read)));
        let value = value(column.name, &observation);
        assert!(value != Value::Missing(Missing::NotRequested) || column.name == "mem", "{}", column.name);
    }
}

#[test]
fn kernel_threads_and_zombies_have_no_memory_which_is_no_failure() {
    let mut denied = details();
    denied.status = Err(Missing::Denied);
    denied.rollup = Err(Missing::Denied);
    let memory = COLUMNS.iter().filter(|column| column.unit == Unit::Bytes && column.parts != Parts::IO);
    let (mut kernel, mut zombie) = (process(denied.clone()), process(denied.clone()));
    kernel.stat.flags = 0x0020_0000;
    zombie.stat.state = State::ZOMBIE;
    let (kernel, zombie, other) = (single(kernel), single(zombie), single(process(denied)));
    for column in memory {
        assert_eq!(value(column.name, &kernel), Value::None, "{}", column.name);
        assert_eq!(value(column.name, &zombie), Value::None, "{}", column.name);
        if column.parts != Parts::STATM {
            assert_eq!(value(column.name, &other), Value::Missing(Missing::Denied), "{}", column.name);
        }
    }
}

#[test]
fn a_line_of_status_that_only_newer_kernels_have_is_unsupported() {
    let mut read = details();
    read.status = Ok(Box::new(Status { rss_peak: Some(Bytes(9)), rss_file: None, ..Status::default() }));
    read.rollup = Ok(Some(Box::new(Rollup { uss: Bytes(5), ..Rollup::default() })));
    let observation = single(process(read));
    assert_eq!(value("rss_peak", &observation), Value::Bytes(9));
    assert_eq!(value("rss_file", &observation), Value::Missing(Missing::Unsupported));
    assert_eq!(value("uss", &observation), Value::Bytes(5));
}

#[test]
fn signals_that_are_ignored_are_so_even_while_blocked() {
    let cases = [
        ((0, 0, 0), "default"),
        ((1, 0, 0), "ignored"),
        ((1, 1, 0), "ignored"),
        ((0, 1, 1), "blocked"),
        ((0, 0, 1), "caught"),
    ];
    for ((ignored, blocked, caught), word) in cases {
        for (column, shift) in [("sigchld", 16), ("hangup", 0)] {
            let set = |bit: u64| SignalSet(bit << shift);
            let mut read = details();
            let status =
                Status { ignored: set(ignored), blocked: set(blocked), caught: set(caught), ..Status::default() };
            read.status = Ok(Box::new(status));
            assert_eq!(value(column, &single(process(read))), Value::Word(word), "{column}");
        }
    }
}

#[test]
fn only_zombies_have_an_exit_status_and_others_may_not_know_it() {
    let mut zombie = process(details());
    zombie.stat.exit_code = 0x0300;
    assert_eq!(value("exit", &single(zombie.clone())), Value::None);
    zombie.stat.state = State::ZOMBIE;
    assert_eq!(value("exit", &single(zombie.clone())), Value::Exit(ExitStatus::Code(3)));
    assert_eq!(value("sigchld", &single(zombie.clone())), Value::None);
    zombie.stat.exit_code = 0;
    let mut read = details();
    let ids = Ids { real: Id(7), effective: Id(7), saved: Id(7), fs: Id(7) };
    read.status = Ok(Box::new(Status { uid: ids, ..Status::default() }));
    zombie.details = Some(Arc::new(read));
    let mut stranger = Snapshot::clone(&snapshot(60, zombie.clone()));
    stranger.observer.ptrace = false;
    assert_eq!(value("exit", &Observation::new(Arc::new(stranger), None)), Value::Missing(Missing::Denied));
    // A leader that ended while other threads run is no zombie.
    zombie.stat.threads = 2;
    assert_eq!(value("exit", &single(zombie)), Value::None);
}

#[test]
fn the_age_of_a_state_grows_although_nothing_is_read_again() {
    let mut read = details();
    read.last_ran = Ok(Nanoseconds(58_500_000_000));
    let asleep = process(read);
    assert_eq!(value("state_age", &single(asleep.clone())), Value::Seconds(1.5));
    assert_eq!(value("state_age", &pair(asleep.clone(), asleep.clone())), Value::Seconds(3.5));
    let mut running = asleep;
    running.stat.state = State::RUNNING;
    assert_eq!(value("state_age", &single(running)), Value::None);
}

#[test]
fn nice_means_nothing_under_real_time_policies_and_their_priority_nothing_elsewhere() {
    let of = |policy| {
        let mut process = process(details());
        (process.stat.policy, process.stat.nice, process.stat.rt_priority) = (policy, -5, 50);
        single(process)
    };
    let values = |observation: &Observation| {
        ["policy", "nice", "rt_priority"].map(|name| value(name, observation).human().into_owned())
    };
    assert_eq!(values(&of(0)), ["other", "-5", "-"]);
    assert_eq!(values(&of(1)), ["fifo", "-", "50"]);
    assert_eq!(values(&of(2)), ["rr", "-", "50"]);
    assert_eq!(values(&of(5)), ["idle", "-5", "-"]);
    assert_eq!(values(&of(6)), ["deadline", "-", "-"]);
    assert_eq!(values(&of(99)), ["99", "-5", "-"]);
}

#[test]
fn delays_are_off_while_the_kernel_does_not_count_them() {
    let mut process = process(details());
    process.stat.block_delay = Ticks(7);
    let with = |delay_accounting, process: &Process| {
        let mut snapshot = Snapshot::clone(&snapshot(60, process.clone()));
        snapshot.system = Arc::new(System { delay_accounting, ..System::default() });
        Observation::new(Arc::new(snapshot), None)
    };
    assert_eq!(value("block_delay", &with(Ok(true), &process)), Value::Seconds(0.07));
    assert_eq!(value("block_delay", &with(Ok(false), &process)), Value::Missing(Missing::Off));
    assert_eq!(value("block_delay", &with(Err(Missing::Unsupported), &process)), Value::Seconds(0.07));
    process.stat.block_delay = Ticks(0);
    assert_eq!(value("block_delay", &with(Err(Missing::Unsupported), &process)), Value::Missing(Missing::Unsupported));
}

#[test]
fn system_calls_have_names_where_the_architecture_is_known_and_the_program_has_64_bits() {
    let call = |architecture: &str, stack| {
        let mut read = details();
        read.syscall = Ok(Syscall::Inside { number: 63, arguments: [0; 6], stack });
        let mut snapshot = Snapshot::clone(&snapshot(60, process(read)));
        snapshot.system = Arc::new(System { architecture: Ok(architecture.into()), ..System::default() });
        Observation::new(Arc::new(snapshot), None)
    };
    assert_eq!(value("syscall", &call("x86_64", 0x7ffc_0000_0000)), Value::Word("uname"));
    assert_eq!(value("syscall", &call("aarch64", 0x7ffc_0000_0000)), Value::Word("read"));
    assert_eq!(value("syscall", &call("riscv64", 0x7ffc_0000_0000)), text("63"));
    assert_eq!(value("syscall", &call("x86_64", 0xffff_d000)), text("63"));
}

#[test]
fn times_count_from_boot_and_averages_from_the_start() {
    let mut process = process(details());
    process.key.start = Ticks(1_000);
    process.stat.user_time = Ticks(400);
    process.stat.system_time = Ticks(600);
    let observation = single(process.clone());
    assert_eq!(value("start", &observation), Value::Time(Duration::from_secs(1_000_010)));
    assert_eq!(value("elapsed", &observation), Value::Seconds(50.0));
    assert_eq!(value("system_time", &observation), Value::Seconds(6.0));
    assert_eq!(value("cpu_time", &observation), Value::Seconds(10.0));
    assert_eq!(value("cpu_average", &observation), Value::Percent(20.0));
    process.cpu_clock = Ok(Nanoseconds(20_000_000_000));
    assert_eq!(value("cpu_average", &single(process)), Value::Percent(40.0));
}

#[test]
fn sums_over_threads_count_those_born_between_and_never_run_backwards() {
    let with = |threads: &[ThreadCounters]| {
        let mut read = details();
        read.threads = Ok(Box::from(threads));
        process(read)
    };
    // 101 ended, 102 did 30 more, 103 is new with 20, 104 is a new thread with an old number and did 5.
    let before = with(&[counters(101, 1000), counters(102, 10), counters(104, 500)]);
    let now = with(&[counters(102, 40), counters(103, 20), counters(104, 5)]);
    let observation = pair(before, now);
    assert_eq!(value("voluntary_switches", &observation), Value::Count(65));
    assert_eq!(value("voluntary_switch_rate", &observation), Value::Rate(27.5));
    assert_eq!(value("involuntary_switch_rate", &observation), Value::Rate(27.5));
    assert_eq!(value("migration_rate", &observation), Value::Rate(27.5));
    assert_eq!(value("run_delay", &observation), Value::Seconds(0.065));
    assert_eq!(value("run_delay_share", &observation), Value::Percent(2.75));
    assert_eq!(value("timeslice_mean", &observation), Value::Seconds(0.001));
}

#[test]
fn bytes_per_second_are_never_negative_and_a_refusal_is_told() {
    let with = |io| {
        let mut read = details();
        read.io = io;
        process(read)
    };
    let at = |read, write| Ok(Io { read_bytes: Bytes(read), write_bytes: Bytes(write) });
    let observation = pair(with(at(1000, 1000)), with(at(5000, 500)));
    assert_eq!(value("read_rate", &observation), Value::ByteRate(2000.0));
    assert_eq!(value("write_rate", &observation), Value::ByteRate(0.0));
    let denied = pair(with(Err(Missing::Denied)), with(Err(Missing::Denied)));
    assert_eq!(value("read_rate", &denied), Value::Missing(Missing::Denied));
}

#[test]
fn a_thread_takes_from_its_process_what_it_has_not_of_its_own() {
    let mut read = details();
    read.statm = Ok(Statm { resident: Bytes(4096), ..Statm::default() });
    let mut thread = Process { thread: true, group: Pid(100), ..Process::example(101) };
    thread.stat.minor_faults = 5;
    let mut snapshot = Snapshot::clone(&snapshot(60, process(read)));
    snapshot.threads = vec![Arc::new(thread)];
    let observation = Observation::new(Arc::new(snapshot), None);
    let row = observation.thread(0).expect("there is a thread");
    let value = |name| (find(name).expect("the column exists").value)(row);
    assert_eq!((value("pid"), value("tid")), (Value::Count(100), Value::Count(101)));
    assert_eq!((value("rss"), value("minor_faults")), (Value::Bytes(4096), Value::Count(5)));
    assert_eq!(value("user"), text("0"));
    assert_eq!(value("read_bytes"), Value::Missing(Missing::NotRequested));
    for column in COLUMNS.iter().filter(|column| column.is_of_process()) {
        assert_eq!((column.value)(row), (column.value)(row.whole()), "{}", column.name);
    }
    let own = ["pid", "tid", "command", "state", "cpu", "minor_faults", "read_bytes", "wchan", "voluntary_switches"];
    assert!(own.iter().all(|name| !find(name).expect("the column exists").is_of_process()));
}
