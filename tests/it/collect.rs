//! The collector over recordings: what it makes of births, ends, reuse, refusal, and what it does not read again.

use crate::fixture::{ALL, archive, everything, observations, row, snapshots, text, value};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use sysview::{
    analysis::{Observation, rates},
    collect::{
        Collector,
        record::{Recorder, Secrets},
        source::Source,
    },
    snapshot::{
        ExitStatus, Missing, Moment, Observer, Parts, Reading, Request, Snapshot, Units, process::zombie_status,
    },
    table::value::Value,
    unit::{Bytes, Nanoseconds, Pid, ProcessKey, Ticks},
};

#[track_caller]
fn assert_near(number: Option<f64>, expected: f64) {
    let number = number.expect("a number");
    assert!((number - expected).abs() < 0.01, "{number} is not {expected}");
}

#[test]
fn rates_are_differences_over_the_time_between_two_samples() {
    let observations = observations(&text("calm.txt"));
    let [first, second] = &observations[..] else { panic!("two samples") };
    assert_eq!(rates::cpu(row(first, 813)), Err(Missing::NotRequested), "one sample has no rates");
    let worker = row(second, 813);
    assert_near(value(worker, "cpu").number(), 2.14);
    assert_near(value(worker, "minor_fault_rate").number(), 12.0);
    assert_near(value(worker, "voluntary_switch_rate").number(), 210.0);
    assert_eq!(value(worker, "user").human(), "www-data");
    assert_eq!(value(worker, "command").human(), "nginx: worker process");
    let sleeper = row(second, 1300);
    assert_near(value(sleeper, "cpu").number(), 0.0);
    assert_near(value(sleeper, "voluntary_switch_rate").number(), 0.0);
    // The switches of the logger are those of its other threads; its main thread slept.
    assert_near(value(row(second, 611), "voluntary_switch_rate").number(), 8.0);
}

#[test]
fn how_long_ago_something_ran_grows_while_it_does_not() {
    let observations = observations(&text("calm.txt"));
    assert_near(value(row(&observations[0], 1300), "state_age").number(), 12.04);
    assert_near(value(row(&observations[1], 1300), "state_age").number(), 13.04);
}

#[test]
fn a_process_that_did_not_run_is_the_same_record_in_both_snapshots() {
    let snapshots = snapshots(&text("calm.txt"), &everything());
    let [first, second] = &snapshots[..] else { panic!("two samples") };
    let mut shared = 0;
    for (before, now) in first.processes.iter().zip(&second.processes) {
        assert_eq!(before.key, now.key);
        assert_eq!(Arc::ptr_eq(before, now), before.cpu_clock == now.cpu_clock, "{:?}", now.name);
        shared += usize::from(Arc::ptr_eq(before, now));
    }
    assert_eq!((shared, second.processes.len()), (11, 15));
}

#[test]
fn births_and_ends_between_two_samples() {
    let observations = observations(&text("busy.txt"));
    let [_, second, third] = &observations[..] else { panic!("three samples") };
    let born = row(second, 2030);
    assert!(born.before.is_none());
    assert_eq!(born.interval(), Some(Duration::from_millis(600)), "it has an interval of its own: its life");
    assert_near(value(born, "cpu").number(), 5.2 / 0.6);
    let ended: Vec<_> = third.now.exited.iter().map(|exited| exited.process.key.pid.0).collect();
    assert_eq!(ended, [2040, 2045]);
    assert!(second.now.exited.is_empty());
}

#[test]
fn a_pid_that_was_given_again_is_another_process() {
    let observations = observations(&text("busy.txt"));
    let third = observations.last().expect("three samples");
    let reused = row(third, 2045);
    assert_eq!((&*reused.process.name, reused.process.key.start), (&b"grep"[..], Ticks(500_160)));
    assert!(reused.before.is_none(), "the one before is not its past");
    assert_eq!(value(reused, "command").human(), "grep -r TODO .");
    let old = third.now.exited.iter().find(|exited| exited.process.key.pid == Pid(2045)).expect("the old one ended");
    assert_eq!(&*old.process.name, b"sh");
    assert_eq!(third.find(old.process.key).map(|row| row.process.key), None);
}

#[test]
fn threads_come_and_go_and_their_sums_do_not_run_backwards() {
    let observations = observations(&text("busy.txt"));
    let tids = |at: usize| {
        let threads = observations[at].threads().filter(|row| row.process.group == Pid(2003));
        threads.map(|row| row.process.key.pid.0).collect::<Vec<_>>()
    };
    assert_eq!(tids(0), [2003, 2004, 2005, 2006]);
    assert_eq!(tids(1), [2003, 2004, 2005, 2006, 2007]);
    assert_eq!(tids(2), [2003, 2004, 2006, 2007]);
    // Three threads with 201 each, and all 41 of the one born between.
    let involuntary = |row| rates::thread_rate(row, |thread| Some(thread.switches?.involuntary));
    assert_near(involuntary(row(&observations[1], 2003)).ok(), 644.0);
    // The one that ended took its 41,437 along.
    assert_near(involuntary(row(&observations[2], 2003)).ok(), 570.0);
}

#[test]
fn a_leader_that_ended_is_no_zombie_and_a_living_thread_tells_of_its_memory() {
    let observations = observations(&text("busy.txt"));
    let survivor = row(&observations[0], 2060);
    assert!(survivor.process.leader_exited() && !survivor.process.is_zombie());
    assert_eq!(value(survivor, "command").human(), "/usr/bin/orphaned-main");
    assert_eq!(value(survivor, "rss").number(), Some(2123.0 * 4096.0));
    let exe = survivor.process.details().exe.clone();
    assert_eq!(exe.map(|exe| exe.is_some_and(|exe| *exe == *b"/usr/bin/orphaned-main")), Ok(true));

    let zombie = row(&observations[0], 2011);
    assert!(zombie.process.is_zombie());
    assert_eq!(zombie_status(zombie.process, observations[0].now.observer), Ok(ExitStatus::Code(3)));
    assert_eq!(value(zombie, "rss").human(), "-");
    assert_eq!(value(zombie, "command").human(), "[worker]");
}

#[test]
fn without_rights_values_say_why_and_a_limit_of_the_container_shows() {
    let observations = observations(&text("container.txt"));
    let now = &observations[1].now;
    assert_eq!(now.hidden, 1);
    assert!(now.exited.is_empty(), "what cannot be read has not ended");
    let agent = row(&observations[1], 4020).process.details();
    assert_eq!(
        (agent.io, agent.rollup.clone(), agent.exe.clone()),
        (Err(Missing::Denied), Err(Missing::Denied), Err(Missing::Denied))
    );
    assert!(agent.status.is_ok());
    let zombie = row(&observations[1], 4031);
    assert_eq!(zombie_status(zombie.process, now.observer), Err(Missing::Denied));
    // There are no clocks, so the ticks of stat serve.
    assert_near(value(row(&observations[1], 4010), "cpu").number(), 50.0);
    assert_eq!(value(row(&observations[1], 4010), "state_age"), Value::None, "it runs");
    assert_eq!(value(row(&observations[1], 4001), "state_age"), Value::Missing(Missing::Denied));
    assert_eq!(now.system.pressure.cpu, Err(Missing::Unsupported));
    assert_eq!(now.system.counters.faults, Err(Missing::Denied));
    let container = now.system.container.expect("the limits can be read");
    assert_eq!(container.memory.map(|limit| (limit.limit, limit.used)), Some((Bytes(512 << 20), Bytes(128 << 20))));
    assert_eq!(container.cpus, Some(0.5));
}

#[test]
fn forged_and_broken_files_make_no_process_and_no_panic() {
    let observations = observations(&text("hostile.txt"));
    let [first, second] = &observations[..] else { panic!("two samples") };
    // 301 says that it is 42; 302, 303 and 304 are no stat at all; 305 is refused; 300 is gone.
    assert_eq!(first.now.hidden, 5);
    assert_eq!(first.now.position(Pid(42)), None);
    let forger = row(first, 100).process;
    assert_eq!((forger.stat.state.0, forger.stat.ppid, &*forger.name), (b'S', Pid(1), &b"a) R 1 (b"[..]));
    let details = row(first, 201).process.details();
    assert_eq!(details.statm, Err(Missing::Malformed));
    assert_eq!(details.syscall, Err(Missing::Malformed));
    assert_eq!(row(first, 204).process.details().cmdline, Err(Missing::Blocked));
    // 101 turned to nonsense, which is not the same as having ended; 102 and 104 did end.
    assert_eq!(second.now.hidden, 6);
    let ended: Vec<_> = second.now.exited.iter().map(|exited| exited.process.key.pid.0).collect();
    assert_eq!(ended, [102, 104]);
    let backwards = row(second, 100);
    for column in ["cpu", "minor_fault_rate", "voluntary_switch_rate"] {
        assert_near(value(backwards, column).number(), if column == "voluntary_switch_rate" { 1.0 } else { 0.0 });
    }
    assert_eq!(row(second, 103).process.details().status, Err(Missing::Gone));
    assert_eq!(second.now.system.memory, Err(Missing::Unsupported));
    assert_eq!(second.now.system.cpu_total, Err(Missing::Denied));
}

#[test]
fn a_process_that_vanishes_between_two_reads_is_a_row_for_one_sample() {
    let line = stat_line(50, "brief", 1, 900);
    let text = format!("== 50/stat\n{line}== 50/cpu-clock\n5\n== tick 2\n== 50\n!gone\n");
    let snapshots = snapshots(text.as_bytes(), &everything());
    let brief = &snapshots[0].processes[0];
    let details = brief.details();
    assert_eq!((details.io, details.cmdline.clone()), (Err(Missing::Gone), Err(Missing::Gone)));
    assert_eq!(details.threads, Err(Missing::Gone));
    assert!(snapshots[1].processes.is_empty());
    assert_eq!(snapshots[1].exited.len(), 1);
}

/// What two snapshots of the same moment have in common, whoever made them.
#[track_caller]
fn assert_equal(now: &Snapshot, other: &Snapshot) {
    assert_eq!(now.taken, other.taken);
    assert_eq!((now.units, now.hidden, now.scheduler), (other.units, other.hidden, other.scheduler));
    assert_eq!(now.system, other.system);
    assert_eq!(now.users, other.users);
    assert_eq!(now.processes, other.processes);
    assert_eq!(now.threads, other.threads);
    let exited = |snapshot: &Snapshot| snapshot.exited.iter().map(|exited| exited.process.key).collect::<Vec<_>>();
    assert_eq!(exited(now), exited(other));
}

#[test]
fn what_was_recorded_gives_the_same_snapshots_again() {
    for name in ALL {
        let archive = archive(&text(name));
        let recorder = Arc::new(Recorder::new(Arc::clone(&archive) as Arc<dyn Source>, Secrets::Kept));
        let mut collector = Collector::new(Arc::clone(&recorder) as Arc<dyn Source>);
        let (mut original, mut recording) = (Vec::new(), String::new());
        for _ in 0..archive.samples() {
            let snapshot = collector.collect(&everything()).expect("the processes can be listed");
            recorder.note_users(&snapshot.users);
            recording += &recorder.take_text();
            original.push(snapshot);
        }
        let again = snapshots(recording.as_bytes(), &everything());
        assert_eq!(again.len(), original.len());
        for (again, original) in again.iter().zip(&original) {
            assert_equal(again, original);
            assert_eq!(again.observer, original.observer);
        }
    }
}

#[test]
fn a_recording_of_the_live_system_shows_a_sleeper_as_it_was() {
    let mut child = std::process::Command::new("sleep").arg("100").spawn().expect("sleep starts");
    let live: Arc<dyn Source> = sysview::collect::open(None, None).expect("/proc is mounted");
    let request = Request { only: Some(vec![Pid(child.id())]), patience: Duration::from_secs(5), ..everything() };
    wait_for("sleep to be asleep", || {
        let mut stat = Vec::new();
        live.read(&format!("{}/stat", child.id()), &mut stat).expect("it runs");
        let wchan = sysview::proc::stat::parse(&stat).expect("the kernel writes it").stat.state.0;
        wchan == b'S' && stat.windows(7).any(|window| window == b"(sleep)")
    });
    let recorder = Arc::new(Recorder::new(live, Secrets::Kept));
    let mut collector = Collector::new(Arc::clone(&recorder) as Arc<dyn Source>);
    let (mut original, mut recording) = (Vec::new(), String::new());
    for _ in 0..2 {
        let snapshot = collector.collect(&request).expect("/proc can be read");
        recorder.note_users(&snapshot.users);
        recording += &recorder.take_text();
        original.push(snapshot);
    }
    child.kill().expect("it still sleeps");
    child.wait().expect("it ends");
    let again = snapshots(recording.as_bytes(), &request);
    for (again, original) in again.iter().zip(&original) {
        assert_equal(again, original);
        assert_eq!(again.processes.len(), 1);
        assert!(again.processes[0].cpu_clock.is_ok());
        assert!(again.observer.foreign, "no action reaches what a recording shows");
    }
    assert!(again[0].processes[0].details().cmdline.as_ref().is_ok_and(|line| **line == *b"sleep 100"));
}

/// Wait for something to become true.
#[track_caller]
pub fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(std::time::Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn stat_line(pid: u32, name: &str, parent: u32, start: u64) -> String {
    format!(
        "{pid} ({name}) S {parent} {pid} {pid} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {start} 4096 1 {}\n",
        "0 ".repeat(28)
    )
}

#[test]
fn a_parent_that_changes_while_its_child_sleeps_is_seen_within_eight_samples() {
    let pids = 201..=208;
    let mut text = String::new();
    let tree = |ppid: u32, text: &mut String| {
        for pid in pids.clone() {
            let _ = write!(text, "== {pid}/stat\n{}== {pid}/cpu-clock\n7\n", stat_line(pid, "child", ppid, 5));
        }
    };
    tree(100, &mut text);
    text += "== tick 2\n";
    tree(1, &mut text);
    for tick in 3..=9 {
        let _ = writeln!(text, "== tick {tick}");
    }
    let snapshots = snapshots(text.as_bytes(), &Request::default());
    let adopted: Vec<_> = snapshots
        .iter()
        .map(|snapshot| snapshot.processes.iter().filter(|process| process.stat.ppid == Pid(1)).count())
        .collect();
    assert_eq!(adopted, [0, 1, 2, 3, 4, 5, 6, 7, 8], "one look at each in eight samples, and no more");
    // A row that somebody looks at does not wait for its turn.
    let mut collector = Collector::new(archive(text.as_bytes()));
    let rows = vec![(ProcessKey { pid: Pid(206), start: Ticks(5) }, Parts::NONE)];
    let request = Request { rows, ..Request::default() };
    collector.collect(&request).expect("a list");
    let second = collector.collect(&request).expect("a list");
    let watched = second.position(Pid(206)).expect("it is there");
    assert_eq!(second.processes[watched].stat.ppid, Pid(1));
}

#[test]
fn parts_asked_for_one_after_the_other_are_all_there() {
    let archive = archive(&text("calm.txt"));
    let mut collector = Collector::new(Arc::clone(&archive) as Arc<dyn Source>);
    let request = |everyone| Request { everyone, ..Request::default() };
    collector.collect(&request(Parts::SWITCHES)).expect("a list");
    // 702 sleeps; its switches are known, and only its migrations are new.
    let second = collector.collect(&request(Parts::SWITCHES | Parts::SCHED)).expect("a list");
    let sleeper = &second.processes[second.position(Pid(702)).expect("it is there")];
    let threads = sleeper.details().threads.as_ref().expect("they can be read");
    assert_eq!(threads[0].switches.map(|switches| switches.voluntary), Some(412));
    assert_eq!(threads[0].migrations, Some(41));
    let both = request(Parts::SWITCHES | Parts::SCHED | Parts::SCHEDSTAT);
    let amended = collector.amend(&both).expect("something new");
    let sleeper = &amended.processes[amended.position(Pid(702)).expect("it is there")];
    let threads = sleeper.details().threads.as_ref().expect("they can be read");
    assert!(threads[0].switches.is_some() && threads[0].migrations.is_some() && threads[0].schedstat.is_some());
    assert!(collector.amend(&both).is_none(), "nothing is left to be asked for");
}

#[test]
fn a_part_that_nobody_wants_any_more_does_not_stay_to_grow_old() {
    let mut text = format!("== 8/stat\n{}== 8/cpu-clock\n7\n== 8/statm\n10 9 8 0 0 0 0\n", stat_line(8, "x", 1, 5));
    for tick in 2..=9 {
        let _ = writeln!(text, "== tick {tick}");
    }
    let mut collector = Collector::new(archive(text.as_bytes()));
    let wanted = Request { everyone: Parts::STATM, ..Request::default() };
    let first = collector.collect(&wanted).expect("a list");
    assert!(first.processes[0].details().statm.is_ok());
    let later = (0..8).map(|_| collector.collect(&Request::default()).expect("a list")).last().expect("eight");
    assert_eq!(later.processes[0].details().statm, Err(Missing::NotRequested));
}

/// A machine with as many sleeping processes as it is told to have.
struct Crowd(AtomicU32);

impl Crowd {
    fn holds(&self, pid: Pid) -> bool {
        (1..=self.0.load(Ordering::Relaxed)).contains(&pid.0)
    }
}

impl Source for Crowd {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        let pid = path.strip_suffix("/stat").and_then(|pid| pid.parse().ok()).map(Pid).ok_or(Missing::Gone)?;
        if !self.holds(pid) {
            return Err(Missing::Gone);
        }
        into.clear();
        into.extend_from_slice(stat_line(pid.0, "one of many", 1, u64::from(pid.0)).as_bytes());
        Ok(())
    }

    fn link(&self, _: &str) -> Reading<Vec<u8>> {
        Err(Missing::Gone)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        if !path.is_empty() {
            return Err(Missing::Gone);
        }
        into.extend((1..=self.0.load(Ordering::Relaxed)).map(Pid));
        Ok(())
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        if self.holds(pid) { Ok(Nanoseconds(1)) } else { Err(Missing::Gone) }
    }

    fn now(&self) -> Moment {
        Moment::default()
    }

    fn units(&self) -> Units {
        Units::default()
    }

    fn observer(&self) -> Observer {
        Observer { foreign: true, ..Observer::default() }
    }
}

#[test]
fn a_hundred_processes_become_twenty_thousand_and_a_hundred_again() {
    let crowd = Arc::new(Crowd(100.into()));
    let mut collector = Collector::new(Arc::clone(&crowd) as Arc<dyn Source>);
    let mut collect = |count| {
        crowd.0.store(count, Ordering::Relaxed);
        collector.collect(&Request::default()).expect("a list")
    };
    let few = collect(100);
    let many = collect(20_000);
    let few_again = collect(100);
    let lengths = [&few, &many, &few_again].map(|snapshot| (snapshot.processes.len(), snapshot.exited.len()));
    assert_eq!(lengths, [(100, 0), (20_000, 0), (100, 19_900)]);
    assert!(few.processes.iter().zip(&few_again.processes).all(|(before, now)| Arc::ptr_eq(before, now)));
    assert!(many.processes.is_sorted_by_key(|process| process.key));
}

#[test]
fn a_request_for_a_few_does_not_end_the_others() {
    let crowd: Arc<dyn Source> = Arc::new(Crowd(10.into()));
    let mut collector = Collector::new(crowd);
    collector.collect(&Request::default()).expect("a list");
    let few = Request { only: Some(vec![Pid(3), Pid(99)]), ..Request::default() };
    let snapshot = collector.collect(&few).expect("a list");
    assert_eq!((snapshot.processes.len(), snapshot.exited.len(), snapshot.hidden), (1, 0, 0));
}

#[test]
fn a_thread_that_ends_while_it_is_read_takes_nothing_from_the_sum_of_the_others() {
    let stat = stat_line(8, "x", 1, 5).replace(" 20 0 1 0 ", " 20 0 2 0 ");
    let sched = "x (8, #threads: 2)\n---\nse.exec_start                                :             1.000000\nse.nr_migrations                             :                    6\n";
    let living = format!("== 8/task/8/stat\n{stat}== 8/task/8/schedstat\n70 30 5\n== 8/task/8/sched\n{sched}");
    // Listed, but without the files that every task has.
    let text = format!("== 8/stat\n{stat}== 8/cpu-clock\n7\n{living}== 8/task/9/comm\nx\n");
    let parts = Parts::SCHEDSTAT | Parts::SCHED;
    let snapshots = snapshots(text.as_bytes(), &Request { everyone: parts, ..Request::default() });
    let observation = Observation::new(Arc::clone(&snapshots[0]), None);
    assert_eq!(value(row(&observation, 8), "timeslices"), Value::Count(5));
    assert_eq!(value(row(&observation, 8), "migrations"), Value::Count(6));
}

#[test]
fn a_kernel_thread_has_no_directory_whoever_asks() {
    let stat = stat_line(2, "kthreadd", 0, 3).replace(" -1 0 ", " -1 2129984 ");
    for cwd in ["-> /", "!denied"] {
        let text = format!("== 2/stat\n{stat}== 2/cpu-clock\n7\n== 2/cwd\n{cwd}\n");
        let request = Request { everyone: Parts::CWD, ..Request::default() };
        let observation = Observation::new(Arc::clone(&snapshots(text.as_bytes(), &request)[0]), None);
        assert!(observation.now.processes[0].is_kernel_thread());
        assert_eq!(value(row(&observation, 2), "cwd"), Value::None);
    }
}
