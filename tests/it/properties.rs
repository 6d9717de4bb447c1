//! What holds for any bytes: no parser and no column panics, nothing unsafe is shown, text and recording are one.

use crate::fixture::{everything, text};
use procfs::{FromRead, process::Stat};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::{sync::Arc, time::Duration};
use sysview::{
    analysis::Observation,
    collect::{
        Collector,
        archive::{Archive, Content, Machine, Tick, text as format},
        source::Source,
    },
    proc::{fields, maps, mountinfo, stat, status, task},
    snapshot::{
        Missing, Moment, Reading, Request, Snapshot, Units,
        map::{Figures, Mapping},
    },
    table::{columns::COLUMNS, value::Value},
    text::is_unsafe,
    unit::{Id, Pid},
};

/// The bytes of a file in, what was made of them shown in full.
type Parser = fn(&[u8]) -> String;

/// Every parser of `proc`.
const PARSERS: [(&str, Parser); 23] = [
    ("stat", |bytes| format!("{:?}", stat::parse(bytes))),
    ("status", |bytes| format!("{:?}", status::parse(bytes))),
    ("status of a thread", |bytes| format!("{:?}", status::switches(bytes))),
    ("kib", |bytes| format!("{:?}", status::kib(bytes))),
    ("statm", |bytes| format!("{:?}", task::statm(bytes, u64::MAX))),
    ("schedstat", |bytes| format!("{:?}", task::schedstat(bytes))),
    ("sched", |bytes| format!("{:?}", task::sched(bytes))),
    ("io", |bytes| format!("{:?}", task::io(bytes))),
    ("syscall", |bytes| format!("{:?}", task::syscall(bytes))),
    ("autogroup", |bytes| format!("{:?}", task::autogroup(bytes))),
    ("smaps_rollup", |bytes| format!("{:?}", task::rollup(bytes))),
    ("wchan", |bytes| format!("{:?}", task::wchan(bytes))),
    ("score", |bytes| format!("{:?}", task::score(bytes))),
    ("maps", |bytes| format!("{:?}", maps::parse(bytes))),
    ("smaps", |bytes| format!("{:?}", smaps(bytes))),
    ("totals of smaps_rollup", |bytes| format!("{:?}", maps::rollup(bytes))),
    ("stack pointer", |bytes| format!("{:?}", maps::stack_pointer(bytes))),
    ("mountinfo", |bytes| format!("{:?}", mountinfo::parse(bytes))),
    ("number", |bytes| format!("{:?}", fields::number::<f64>(bytes))),
    ("hexadecimal", |bytes| format!("{:?}", fields::hexadecimal(bytes))),
    ("digits", |bytes| format!("{:?}", fields::digits(bytes))),
    ("signed", |bytes| format!("{:?}", fields::signed(bytes))),
    ("keyed", |bytes| format!("{:?}", fields::keyed(bytes).collect::<Vec<_>>())),
];

/// A whole map in two pieces, and what each mapping is for.
fn smaps(bytes: &[u8]) -> Reading<(Vec<Mapping>, Vec<Figures>)> {
    let mut parser = maps::Smaps::default();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    parser.feed(first)?;
    parser.feed(second)?;
    let (mut mappings, figures) = parser.finish()?;
    maps::kind::classify(&mut mappings, Some(&figures), &[]);
    Ok((mappings, figures))
}

/// The samples of a fixture.
fn ticks(name: &str) -> Vec<Tick> {
    format::parse(&text(name)).expect("a fixture is a recording").1
}

/// The files that fixtures hold: what mutations begin with.
fn files(name: &str) -> Vec<Vec<u8>> {
    let file = |(_, content)| match content {
        Content::File(bytes) => Some(bytes),
        _ => None,
    };
    ticks(name).into_iter().flat_map(|tick| tick.entries).filter_map(file).collect()
}

/// Words that numbers in a kernel file can be replaced by.
const NUMBERS: [&str; 9] = [
    "0",
    "-1",
    "1",
    "4294967295",
    "2147483648",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "",
];

/// Something done to a file.
#[derive(Clone, Debug)]
enum Mutation {
    Anything(Vec<u8>),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Number(Index, Index),
    Link(Vec<u8>),
    Missing(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let bytes = || vec(any::<u8>(), 0..60);
    prop_oneof![
        1 => bytes().prop_map(Mutation::Anything),
        2 => any::<Index>().prop_map(Mutation::Cut),
        3 => (any::<Index>(), bytes()).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        6 => (any::<Index>(), any::<Index>()).prop_map(|(at, number)| Mutation::Number(at, number)),
        1 => bytes().prop_map(Mutation::Link),
        1 => any::<Index>().prop_map(Mutation::Missing),
    ]
}

const FAILURES: [Missing; 6] =
    [Missing::Denied, Missing::Gone, Missing::Unsupported, Missing::Off, Missing::Blocked, Missing::Malformed];

impl Mutation {
    fn of(&self, content: &Content) -> Content {
        let bytes = match content {
            Content::File(bytes) | Content::Link(bytes) => bytes.clone(),
            Content::Missing(_) => Vec::new(),
        };
        Content::File(match self {
            Self::Anything(bytes) => bytes.clone(),
            Self::Cut(at) => bytes[..at.index(bytes.len() + 1)].to_vec(),
            Self::Insert(at, new) => {
                let (before, after) = bytes.split_at(at.index(bytes.len() + 1));
                [before, new, after].concat()
            }
            Self::Number(at, number) => with_number(&bytes, *at, NUMBERS[number.index(NUMBERS.len())]),
            Self::Link(target) => return Content::Link(target.clone()),
            Self::Missing(at) => return Content::Missing(FAILURES[at.index(FAILURES.len())]),
        })
    }
}

/// The bytes with one of their numbers replaced.
fn with_number(bytes: &[u8], at: Index, number: &str) -> Vec<u8> {
    let runs: Vec<&[u8]> = bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).collect();
    let numbers: Vec<usize> =
        (0..runs.len()).filter(|at| runs[*at].starts_with(b"0") || runs[*at][0].is_ascii_digit()).collect();
    let Some(chosen) = (!numbers.is_empty()).then(|| numbers[at.index(numbers.len())]) else { return bytes.to_vec() };
    let replaced = |(at, run): (usize, &&[u8])| if at == chosen { number.as_bytes().to_vec() } else { run.to_vec() };
    runs.iter().enumerate().flat_map(replaced).collect()
}

/// Snapshots of changed samples, with everything asked for.
fn snapshots(ticks: Vec<Tick>, request: &Request) -> Vec<Arc<Snapshot>> {
    let archive = Arc::new(Archive::new(Machine::default(), ticks));
    let mut collector = Collector::new(Arc::clone(&archive) as Arc<dyn Source>);
    (0..archive.samples()).filter_map(|_| collector.collect(request).ok()).collect()
}

/// That each value can be shown in every form, and that nothing in it disturbs a terminal.
fn check_shown(observation: &Observation) -> Result<(), TestCaseError> {
    let rows = observation.processes().chain(observation.threads());
    for (row, column) in rows.flat_map(|row| COLUMNS.iter().map(move |column| (row, column))) {
        let (value, column) = ((column.value)(row), column.name);
        for shown in [value.human().into_owned(), value.exact()] {
            prop_assert!(!shown.chars().any(is_unsafe), "{column}: {shown:?}");
        }
        let json = value.json();
        prop_assert!(json.is_null() || value.is_there(), "{column}: {json}");
        prop_assert!(value.number().is_none_or(f64::is_finite), "{column}: {value:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_parser_panics_on_any_bytes(bytes in vec(any::<u8>(), 0..400)) {
        for (_, parser) in PARSERS {
            parser(&bytes);
        }
        let _ = format::parse(&bytes);
    }

    #[test]
    fn a_recording_says_what_is_wrong_and_does_not_panic(text in "(== |[\\\\ab0xu{}!=>-]|tick|machine|1/stat|\n){0,40}") {
        let _ = format::parse(text.as_bytes());
    }

    #[test]
    fn stat_is_read_as_the_procfs_crate_reads_it(
        name in "[^\0]{0,15}",
        pid in 1..i32::MAX,
        state in "[A-Za-z]",
        parents in any::<[u16; 3]>(),
        tty in any::<i32>(),
        tpgid in -1..i32::MAX,
        flags in any::<u32>(),
        faults in any::<[u64; 4]>(),
        times in any::<[u64; 2]>(),
        (priority, nice, threads, start) in (any::<i32>(), -20..20i32, 0..i32::MAX, any::<u64>()),
        (size, rss) in (any::<u64>(), 0..i64::MAX),
        (processor, rt, policy, delay, code) in (0..i32::MAX, any::<u32>(), any::<u32>(), any::<u64>(), 0..i32::MAX),
    ) {
        let [ppid, pgrp, session] = parents;
        let [minor, child_minor, major, child_major] = faults;
        let [user, system] = times;
        let line = format!(
            "{pid} ({name}) {state} {ppid} {pgrp} {session} {tty} {tpgid} {flags} {minor} {child_minor} {major} \
             {child_major} {user} {system} 0 0 {priority} {nice} {threads} 0 {start} {size} {rss} 18446744073709551615 \
             1 2 3 4 5 6 7 8 9 10 0 0 17 {processor} {rt} {policy} {delay} 0 0 1 2 3 4 5 6 7 {code}\n"
        );
        let ours = stat::parse(line.as_bytes()).map_err(|missing| TestCaseError::fail(format!("{missing:?}: {line}")))?;
        let theirs = Stat::from_read(line.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}: {line}")))?;
        prop_assert_eq!(i64::from(ours.key.pid.0), i64::from(theirs.pid));
        prop_assert_eq!(ours.name, theirs.comm.as_bytes());
        prop_assert_eq!(char::from(ours.stat.state.0), theirs.state);
        let ids = [ours.stat.ppid, ours.stat.pgrp, ours.stat.session].map(|pid| i64::from(pid.0));
        prop_assert_eq!(ids, [theirs.ppid, theirs.pgrp, theirs.session].map(i64::from));
        prop_assert_eq!(ours.stat.tty.cast_signed(), theirs.tty_nr);
        prop_assert_eq!(ours.stat.tpgid.map_or(-1, |pid| pid.0.cast_signed()), theirs.tpgid);
        prop_assert_eq!(ours.stat.flags, theirs.flags);
        prop_assert_eq!((ours.stat.minor_faults, ours.stat.child_minor_faults), (theirs.minflt, theirs.cminflt));
        prop_assert_eq!((ours.stat.major_faults, ours.stat.child_major_faults), (theirs.majflt, theirs.cmajflt));
        prop_assert_eq!((ours.stat.user_time.0, ours.stat.system_time.0), (theirs.utime, theirs.stime));
        prop_assert_eq!((i64::from(ours.stat.priority), i64::from(ours.stat.nice)), (theirs.priority, theirs.nice));
        prop_assert_eq!((i64::from(ours.stat.threads), ours.key.start.0), (theirs.num_threads, theirs.starttime));
        prop_assert_eq!((ours.stat.virt.0, ours.stat.rss_pages), (theirs.vsize, theirs.rss));
        prop_assert_eq!(Some(ours.stat.processor.cast_signed()), theirs.processor);
        prop_assert_eq!((Some(ours.stat.rt_priority), Some(ours.stat.policy)), (theirs.rt_priority, theirs.policy));
        prop_assert_eq!(Some(ours.stat.block_delay.0), theirs.delayacct_blkio_ticks);
        prop_assert_eq!(Some(ours.stat.exit_code.cast_signed()), theirs.exit_code);
    }

    #[test]
    fn a_recording_is_read_as_it_was_written(machine in machine(), ticks in vec(tick(), 1..4)) {
        let written = write(&machine, &ticks);
        prop_assert!(!written.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'), "{written:?}");
        let read = format::parse(written.as_bytes());
        prop_assert_eq!(read, Ok((machine, ticks)), "{}", written);
    }
}

fn write(machine: &Machine, ticks: &[Tick]) -> String {
    let mut text = String::from("For the reader.\n");
    format::push_machine(machine, &mut text);
    for (at, tick) in ticks.iter().enumerate() {
        format::push_tick(at + 1, tick, &mut text);
    }
    text
}

fn machine() -> impl Strategy<Value = Machine> {
    let facts = (1..=1u64 << 30, 1..=1_000_000u64, any::<u32>(), any::<Option<u32>>(), any::<bool>());
    facts.prop_map(|(page_size, ticks_per_second, uid, pid, ptrace)| {
        let mut machine = Machine { units: Units { page_size, ticks_per_second }, ..Machine::default() };
        (machine.observer.uid, machine.observer.pid, machine.observer.ptrace) = (Id(uid), pid.map(Pid), ptrace);
        machine
    })
}

fn tick() -> impl Strategy<Value = Tick> {
    let time = || (0..1u64 << 37, 0..1_000_000_000u32).prop_map(|(seconds, rest)| Duration::new(seconds, rest));
    let moment = (time(), time()).prop_map(|(boot, wall)| Moment { boot, wall });
    (proptest::option::of(moment), vec((path(), content()), 0..6)).prop_map(|(taken, entries)| Tick { taken, entries })
}

fn path() -> impl Strategy<Value = String> {
    let odd = "[^/]{1,8}(/[^/]{1,8}){0,2}".prop_filter("`.` is the root", |path| path != ".");
    prop_oneof![
        Just(String::new()),
        Just("42/stat".to_owned()),
        Just("/etc/passwd".to_owned()),
        Just("tick".to_owned()),
        odd
    ]
}

fn content() -> impl Strategy<Value = Content> {
    // Markup, escapes and line ends more often than chance has it.
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"== 1".to_vec()),
        Just(b"!gone".to_vec()),
        Just(b"-> ".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"=".to_vec()),
        vec(any::<u8>(), 0..6),
        "\\PC{0,4}".prop_map(String::into_bytes),
    ];
    let bytes = vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![
        6 => bytes.clone().prop_map(Content::File),
        1 => bytes.prop_map(Content::Link),
        1 => (0..FAILURES.len()).prop_map(|at| Content::Missing(FAILURES[at])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_parser_panics_on_any_change_of_a_file(changes in vec((any::<Index>(), mutation()), 1..8)) {
        let files = [files("busy.txt"), files("one-map.txt")].concat();
        for (at, change) in changes {
            let Content::File(bytes) = change.of(&Content::File(files[at.index(files.len())].clone())) else { continue };
            for (_, parser) in PARSERS {
                parser(&bytes);
            }
        }
    }

    #[test]
    fn any_bytes_in_any_file_leave_every_column_safe_to_show(
        name in prop_oneof![Just("calm.txt"), Just("container.txt"), Just("hostile.txt")],
        changes in vec((any::<Index>(), any::<Index>(), mutation()), 1..60),
        moment in proptest::option::of((0..1u64 << 40, 0..1u64 << 37)),
    ) {
        let mut ticks = ticks(name);
        for (tick, at, change) in changes {
            let count = ticks.len();
            let entries = &mut ticks[tick.index(count)].entries;
            let at = at.index(entries.len());
            entries[at].1 = change.of(&entries[at].1);
        }
        if let (Some(tick), Some((boot, wall))) = (ticks.last_mut(), moment) {
            tick.taken = Some(Moment { boot: Duration::from_secs(boot), wall: Duration::from_secs(wall) });
        }
        let mut before = None;
        for now in snapshots(ticks, &everything()) {
            let observation = Observation::new(Arc::clone(&now), before.replace(now));
            check_shown(&observation)?;
        }
    }

    #[test]
    fn a_snapshot_beside_itself_has_no_rates_but_zero(
        name in prop_oneof![Just("calm.txt"), Just("busy.txt"), Just("container.txt"), Just("hostile.txt")],
        later in 0..100_000u64,
    ) {
        let first = Arc::clone(&snapshots(ticks(name), &everything())[0]);
        let mut second = Snapshot::clone(&first);
        second.taken.boot += Duration::from_millis(later);
        let observation = Observation::new(Arc::new(second), Some(first));
        let mut rates = 0;
        for row in observation.processes().chain(observation.threads()) {
            for column in COLUMNS.iter().filter(|column| column.needs_interval()) {
                match (column.value)(row) {
                    Value::Missing(_) | Value::None => {}
                    value => {
                        rates += 1;
                        prop_assert_eq!(value.number(), Some(0.0), "{} of {:?}", column.name, row.process.key);
                    }
                }
            }
        }
        prop_assert_eq!(rates == 0, later == 0, "no time, no rates");
    }
}
