//! Memory maps as the kernel shows them: of processes that map memory of every make, held against a reading of `smaps` that
//! was written without a look at the program's own; and of processes that have none, or do not let it be seen.

use crate::{
    collect::wait_for,
    hostile_tree::{pipe, process},
    need,
};
use proptest::{collection::vec, option, prelude::*};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};
use sysview::{
    collect::{
        self,
        archive::Archive,
        live::Live,
        map::{read, read_within},
        source::Source,
    },
    proc::{maps::Smaps, stat},
    snapshot::{
        Missing,
        inspect::Depth,
        map::{Amount, Figures, Kind, Mapping, MemoryMap, Unknown},
        process::State,
    },
    text::Text,
    unit::{Bytes, Id, Pid, ProcessKey},
};

/// A paragraph of `smaps` in the words of the kernel.
#[derive(Clone, Debug, PartialEq)]
struct Paragraph {
    /// Addresses, permissions, offset, device, inode.
    words: Vec<String>,
    name: Vec<u8>,
    figures: BTreeMap<String, String>,
}

/// `smaps`, taken apart in the plainest way: a key is a word with a colon behind it.
fn paragraphs(smaps: &[u8]) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for line in smaps.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let first = line.split(|byte| *byte == b' ').next().expect("a line has a word");
        if let Some(key) = first.strip_suffix(b":") {
            let text = |bytes: &[u8]| String::from_utf8(bytes.trim_ascii().to_vec()).expect("the kernel writes ASCII");
            let figures = &mut paragraphs.last_mut().expect("a key stands below a mapping").figures;
            figures.insert(text(key), text(&line[first.len()..]));
            continue;
        }
        let mut rest = line;
        let mut words = Vec::new();
        for _ in 0..5 {
            let end = rest.iter().position(|byte| *byte == b' ').expect("a blank follows each word");
            words.push(String::from_utf8(rest[..end].to_vec()).expect("the kernel writes ASCII"));
            rest = &rest[end + 1..];
        }
        while let [b' ', after @ ..] = rest {
            rest = after;
        }
        paragraphs.push(Paragraph { words, name: rest.to_vec(), figures: BTreeMap::new() });
    }
    paragraphs
}

/// What we say of a mapping in the words of the kernel.
fn as_paragraph(mapping: &Mapping, figures: &Figures) -> Paragraph {
    let words = vec![
        format!("{:08x}-{:08x}", mapping.start, mapping.end),
        mapping.permissions.letters().to_owned(),
        format!("{:08x}", mapping.offset),
        mapping.file.device_text(),
        mapping.file.inode.to_string(),
    ];
    let name = mapping.path.as_ref().map(|path| path.to_vec()).unwrap_or_default();
    let mut words_of_figures = figure_words(figures);
    words_of_figures.insert("Size".to_owned(), kib(mapping.size()));
    Paragraph { words, name, figures: words_of_figures }
}

fn kib(bytes: Bytes) -> String {
    assert_eq!(bytes.0 % 1024, 0);
    format!("{} kB", bytes.0 / 1024)
}

fn figure_words(figures: &Figures) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let mut say = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            assert_eq!(words.insert(key.to_owned(), value), None, "{key} is there twice");
        }
    };
    for (amount, key, _) in Amount::ALL {
        say(&String::from_utf8_lossy(key), figures.get(*amount).map(kib));
    }
    for (key, size) in [("KernelPageSize", figures.page_size), ("MMUPageSize", figures.mmu_page_size)] {
        say(key, (size.0 != 0).then(|| kib(size)));
    }
    say("THPeligible", figures.thp_eligible.map(|eligible| u8::from(eligible).to_string()));
    say("ProtectionKey", figures.protection_key.map(|key| key.to_string()));
    let flags: Vec<_> = figures.flags().map(String::from_utf8_lossy).collect();
    say("VmFlags", (!flags.is_empty()).then(|| flags.join(" ")));
    for (key, value) in figures.other.iter().flat_map(|other| other.iter()) {
        let value = match value {
            Unknown::Bytes(bytes) => kib(*bytes),
            Unknown::Text(text) => text.printable().into_owned(),
        };
        say(&key.printable(), Some(value));
    }
    words
}

/// That a map says what the kernel says, no more and no less.
#[track_caller]
fn assert_equal(mappings: &[Mapping], figures: &[Figures], smaps: &[u8]) {
    let theirs = paragraphs(smaps);
    assert_eq!((mappings.len(), figures.len()), (theirs.len(), theirs.len()));
    for ((mapping, figures), theirs) in mappings.iter().zip(figures).zip(theirs) {
        assert_eq!(as_paragraph(mapping, figures), theirs);
    }
}

/// Amounts that the kernel keeps as fractions, and rounds down for each mapping.
const ROUNDED: [Amount; 4] = [Amount::Pss, Amount::PssDirty, Amount::SwapPss, Amount::Locked];

/// That the totals are those of `smaps_rollup`, and the sum of the rows but for what is rounded.
#[track_caller]
fn assert_totals(map: &MemoryMap, rollup: &[u8]) {
    let totals = map.totals.as_ref().expect("the process lives");
    assert_eq!(figure_words(totals), paragraphs(rollup)[0].figures);
    let rows = map.figures.as_ref().expect("the process lives");
    for (amount, ..) in Amount::ALL {
        let sum: Option<u64> = rows.iter().map(|figures| figures.get(*amount).map(|bytes| bytes.0)).sum();
        let (sum, total) = (sum.map(Bytes), totals.get(*amount));
        if ROUNDED.contains(amount) {
            let (sum, total) = (sum.expect("every kernel of today").0, total.expect("every kernel of today").0);
            assert!(sum <= total && total < sum + 1024 * rows.len() as u64, "{amount:?}: {sum} of {total}");
        } else {
            assert_eq!(sum, total, "{amount:?}");
        }
    }
}

fn live() -> Arc<dyn Source> {
    collect::open(None, None).expect("/proc is mounted")
}

fn key(pid: u32) -> ProcessKey {
    let bytes = fs::read(format!("/proc/{pid}/stat")).expect("it is there");
    stat::parse(&bytes).expect("the kernel writes it").key
}

fn state(pid: u32) -> State {
    let bytes = fs::read(format!("/proc/{pid}/stat")).expect("it is there");
    stat::parse(&bytes).expect("the kernel writes it").stat.state
}

fn map(pid: u32, depth: Depth) -> MemoryMap {
    read(&*live(), key(pid), depth).expect("it can be read").expect("it has memory")
}

/// The program that maps memory of every make, where there is a compiler.
fn program(test: &str) -> Option<&'static Path> {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    if !need::command(test, &["gcc", "--version"]) {
        return None;
    }
    let (_, program) = PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("mappings");
        let source = [env!("CARGO_MANIFEST_DIR"), "tests", "it", "live_maps", "mappings.c"].iter().collect::<PathBuf>();
        let compiled = Command::new("gcc").args(["-O1", "-pthread", "-o"]).arg(&program).arg(source).status();
        assert!(compiled.expect("gcc starts").success());
        (directory, program)
    });
    Some(program)
}

/// A piece of memory that the program says it has.
#[derive(Debug)]
struct Piece {
    kind: Kind,
    deleted: bool,
    thread: Option<Pid>,
    /// `None` where this system does not give it.
    address: Option<u64>,
}

/// The program while it runs.
struct Mapper {
    child: Child,
    pieces: Vec<Piece>,
    _directory: tempfile::TempDir,
}

impl Mapper {
    fn start(program: &Path, mode: &str, number: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(program)
            .args([mode, directory.path().to_str().expect("a path in UTF-8"), &number.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let lines = lines.map(|line| line.expect("it writes ASCII"));
        let pieces = lines.take_while(|line| line != "done").map(|line| piece(&line)).collect();
        Self { child, pieces, _directory: directory }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where the stack of a thread is can be told as soon as it does not run.
    fn wait_for_threads(&self) {
        let runs = |tid: Pid| {
            let syscall = fs::read(format!("/proc/{}/task/{tid}/syscall", self.pid())).expect("it lives");
            syscall.starts_with(b"running")
        };
        wait_for("its threads to sleep", || !self.pieces.iter().filter_map(|piece| piece.thread).any(runs));
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        // It has ended already where a test failed in the middle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn piece(line: &str) -> Piece {
    let words: Vec<_> = line.split(' ').collect();
    let [kind, deleted, thread, address] = words[..] else { panic!("four words: {line}") };
    let kind = Kind::ALL.iter().find(|(_, word, _)| *word == kind).expect("a kind").0;
    let thread = thread.parse().ok().filter(|tid| *tid != 0).map(Pid);
    Piece { kind, deleted: deleted == "1", thread, address: u64::from_str_radix(address, 16).ok() }
}

/// That every piece is known for what it is.
#[track_caller]
fn assert_known(map: &MemoryMap, pieces: &[Piece]) {
    assert!(pieces.len() > 40, "all makes: {}", pieces.len());
    for piece in pieces {
        let Some(address) = piece.address else { continue };
        let mapping = &map.mappings[map.holding(address).expect("it is mapped")];
        assert_eq!(
            (mapping.kind, mapping.deleted, mapping.thread),
            (piece.kind, piece.deleted, piece.thread),
            "{mapping:?}"
        );
    }
    let kinds = [Kind::Vdso, Kind::Relro];
    assert!(kinds.iter().all(|kind| map.mappings.iter().any(|mapping| mapping.kind == *kind)), "{:?}", map.mappings);
}

/// A map and what the kernel says, read anew until they are equal: what is shared with processes that come and go counts
/// them. What is wrong never is, and comes back after the last time.
fn steady(pid: u32) -> (MemoryMap, Vec<u8>, Vec<u8>) {
    let files = || ["smaps", "smaps_rollup"].map(|file| fs::read(format!("/proc/{pid}/{file}")).expect("it lives"));
    let said = |map: &MemoryMap| {
        let rows = map.mappings.iter().zip(map.figures.as_ref().expect("it lives"));
        rows.map(|(mapping, figures)| as_paragraph(mapping, figures)).collect::<Vec<_>>()
    };
    let mut last = None;
    for _ in 0..100 {
        let before = files();
        let map = map(pid, Depth::Figures);
        let [smaps, rollup] = files();
        let is_steady = before == [smaps.clone(), rollup.clone()] && said(&map) == paragraphs(&smaps);
        last = Some((map, smaps, rollup));
        if is_steady {
            break;
        }
    }
    last.expect("it was read a hundred times")
}

#[test]
fn forty_processes_with_memory_of_every_make_are_as_the_kernel_shows_them() {
    let Some(program) = program("forty_processes_with_memory_of_every_make_are_as_the_kernel_shows_them") else {
        return;
    };
    let mappers: Vec<_> = (0..40).map(|number| Mapper::start(program, "all", number)).collect();
    for mapper in &mappers {
        wait_for("it to be stopped", || state(mapper.pid()) == State(b'T'));
        mapper.wait_for_threads();
    }
    for mapper in &mappers {
        let pid = mapper.pid();
        let (map, smaps, rollup) = steady(pid);
        assert_equal(&map.mappings, map.figures.as_ref().expect("it lives"), &smaps);
        assert_totals(&map, &rollup);
        assert_known(&map, &mapper.pieces);
        assert_eq!((&*map.name, map.key, map.through), (&b"mappings"[..], key(pid), None));
        assert_eq!(map.exe.as_deref(), Ok(program.to_str().expect("a path in UTF-8").as_bytes()));
        let addresses = self::map(pid, Depth::Addresses);
        assert_eq!(addresses.mappings, map.mappings, "flags and places say the same of what was linked here");
        assert_eq!(addresses.figures, Err(Missing::NotRequested));
    }
}

#[test]
fn a_process_whose_leading_thread_has_ended_is_read_through_another() {
    let Some(program) = program("a_process_whose_leading_thread_has_ended_is_read_through_another") else { return };
    let mapper = Mapper::start(program, "leaderless", 0);
    wait_for("its leading thread to end", || state(mapper.pid()) == State::ZOMBIE);
    mapper.wait_for_threads();
    for depth in [Depth::Addresses, Depth::Figures] {
        let map = map(mapper.pid(), depth);
        let others: Vec<_> = mapper.pieces.iter().filter_map(|piece| piece.thread).collect();
        assert!(map.through.is_some_and(|tid| others.contains(&tid)), "{:?} of {others:?}", map.through);
        assert_known(&map, &mapper.pieces);
        assert_eq!(map.exe.as_deref(), Ok(program.to_str().expect("a path in UTF-8").as_bytes()));
        assert_eq!(map.figures.is_ok(), depth == Depth::Figures);
    }
}

#[test]
fn fifty_thousand_mappings_are_read_whole() {
    let Some(program) = program("fifty_thousand_mappings_are_read_whole") else { return };
    let mut child = Command::new(program).args(["many", "50000"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says when it is done");
    let (map, smaps, rollup) = steady(child.id());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(map.mappings.len() >= 50_000, "{line}: {}", map.mappings.len());
    assert_equal(&map.mappings, map.figures.as_ref().expect("it lives"), &smaps);
    assert_totals(&map, &rollup);
}

#[test]
fn a_zombie_has_no_memory_and_another_process_of_its_pid_is_not_taken_for_it() {
    let mut child = Command::new("true").spawn().expect("true starts");
    let pid = child.id();
    wait_for("it to end", || state(pid) == State::ZOMBIE);
    let zombie = key(pid);
    let later = ProcessKey { start: sysview::unit::Ticks(zombie.start.0 + 1), ..zombie };
    for depth in [Depth::Addresses, Depth::Figures] {
        assert_eq!(read(&*live(), zombie, depth), Ok(None));
        assert_eq!(read(&*live(), later, depth), Err(Missing::Gone));
    }
    child.wait().expect("it has ended");
    assert_eq!(read(&*live(), zombie, Depth::Figures), Err(Missing::Gone));
}

#[test]
fn a_kernel_thread_has_no_memory_and_nobody_is_asked_for_it() {
    let stat =
        b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    let text = [b"== 2/stat\n", &stat[..], b"== 2/maps\n!denied\n== 2/smaps\n!denied\n"].concat();
    let archive = Archive::parse(&text).expect("a recording");
    let key = stat::parse(stat).expect("as the kernel writes it").key;
    assert_eq!(read(&archive, key, Depth::Figures), Ok(None));
}

#[test]
fn the_map_of_another_users_process_is_denied() {
    // Rights are those of a thread; the tests beside this one keep theirs.
    let reader = thread::spawn(|| {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may");
        }
        let live = live();
        assert_ne!(live.observer().uid, Id(0));
        [Depth::Addresses, Depth::Figures].map(|depth| read(&*live, key(1), depth))
    });
    let [addresses, figures] = reader.join().expect("it does not panic");
    assert_eq!((addresses, figures), (Err(Missing::Denied), Err(Missing::Denied)));
}

#[test]
fn addresses_come_where_figures_do_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    process(root, 42);
    let line = "1000-2000 rw-p 00000000 00:00 0                          [heap]\n";
    fs::write(root.join("42/maps"), line).expect("a file can be written");
    let source: Arc<dyn Source> = Arc::new(Live::open(root).expect("a directory"));
    let mut stat = Vec::new();
    source.read("42/stat", &mut stat).expect("it is there");
    let key = stat::parse(&stat).expect("as the kernel writes it").key;
    let read = || read_within(&source, key, Depth::Figures, Duration::from_millis(200));

    let map = read().expect("the addresses can be read").expect("it has memory");
    assert_eq!((map.mappings.len(), map.figures), (1, Err(Missing::Unsupported)), "a kernel without smaps");
    fs::write(root.join("42/smaps"), format!("{line}Size: much\n")).expect("a file can be written");
    let map = read().expect("the addresses can be read").expect("it has memory");
    assert_eq!((map.mappings.len(), map.figures), (1, Err(Missing::Malformed)));

    fs::remove_file(root.join("42/smaps")).expect("it is there");
    pipe(root, "42/smaps");
    let begun = Instant::now();
    let map = read().expect("the addresses can be read").expect("it has memory");
    assert_eq!((map.mappings.len(), map.mappings[0].kind), (1, Kind::Heap));
    assert_eq!((map.figures, map.totals), (Err(Missing::Blocked), Err(Missing::Blocked)));
    fs::remove_file(root.join("42/maps")).expect("it is there");
    pipe(root, "42/maps");
    assert_eq!(read(), Err(Missing::Blocked));
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for what does not come");
}

/// Names that take some care to be read.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let tricky =
        ["[heap]", "/a b", "/a ", "/x (deleted)", "/Rss:  4 kB", "/1000-2000 r--p", "[anon:x]", "anon_inode:[y]"];
    prop_oneof![
        2 => Just(Vec::new()),
        3 => proptest::sample::select(tricky.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        3 => vec(any::<u8>().prop_filter("it ends the line", |byte| *byte != b'\n'), 0..80)
            .prop_map(|name| [b"/", &name[..]].concat()),
        1 => vec(Just(b'x'), 3000..5000).prop_map(|name| [b"/", &name[..]].concat()),
    ]
}

/// Figures with keys that this kernel may have or not.
fn figures() -> impl Strategy<Value = Vec<(String, String)>> {
    let kib = || prop_oneof![Just(0), 0..100_000u64, 0..u64::MAX / 1024];
    let known = vec(option::weighted(0.9, kib()), Amount::ALL.len());
    let unknown = vec(("[A-Z][A-Za-z]{6,18}_", prop_oneof!["[1-9][0-9]{0,5} kB", "[a-z]{2}( [a-z]{2}){0,3}"]), 0..2);
    let sizes = option::of(prop_oneof![Just(4u64), Just(2048)]);
    let rest = (sizes, option::of(0..=1u8), option::of(0..16u32), option::of("[a-z]{2}( [a-z]{2}){0,8}"));
    (kib(), known, unknown, rest).prop_map(|(rss, known, unknown, (size, eligible, protection, flags))| {
        let mut lines = Vec::new();
        for (value, (amount, key, _)) in known.into_iter().zip(Amount::ALL) {
            // Every kernel has this one.
            let value = if *amount == Amount::Rss { Some(rss) } else { value };
            lines.extend(value.map(|value| (String::from_utf8_lossy(key).into_owned(), format!("{value} kB"))));
        }
        for key in ["KernelPageSize", "MMUPageSize"] {
            lines.extend(size.map(|size| (key.to_owned(), format!("{size} kB"))));
        }
        let numbers = [("THPeligible", eligible.map(u32::from)), ("ProtectionKey", protection)];
        lines.extend(numbers.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_string()))));
        lines.extend(flags.map(|flags| ("VmFlags".to_owned(), format!("{flags} "))));
        for (key, value) in unknown {
            if !lines.iter().any(|(other, _)| *other == key) {
                lines.push((key, value));
            }
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_kernel_writes_is_read_as_it_stands(
        mappings in vec((1..1u64 << 20, 1..1u64 << 20, any::<[bool; 4]>(), any::<(u64, u8, u32, u64)>(), name(), figures()), 0..12),
        order in any::<proptest::sample::Index>(),
        piece in 1..3000usize,
    ) {
        let mut smaps = Vec::new();
        let mut end = 0;
        for (gap, pages, [read, write, execute, shared], (offset, major, minor, inode), name, mut figures) in mappings {
            let start = end + gap * 4096;
            end = start + pages * 4096;
            let letter = |yes, letter| if yes { letter } else { '-' };
            let permissions = [letter(read, 'r'), letter(write, 'w'), letter(execute, 'x'), if shared { 's' } else { 'p' }];
            let permissions: String = permissions.into_iter().collect();
            let line = format!("{start:08x}-{end:08x} {permissions} {offset:08x} {major:02x}:{minor:02x} {inode} ");
            smaps.extend_from_slice(if name.is_empty() { line.clone() } else { format!("{line:<73}") }.as_bytes());
            smaps.extend_from_slice(&name);
            let mut text = format!("\nSize:           {:8} kB\n", pages * 4);
            // Kernels have had them in other orders.
            let turn = order.index(figures.len());
            figures.rotate_left(turn);
            for (key, value) in figures {
                let width = 23 - key.len();
                let line = if value.ends_with(" kB") { format!("{value:>0$}", width + 3) } else { value };
                writeln!(text, "{key}:{}{line}", if line.starts_with(' ') { "" } else { " " }).expect("a String takes it");
            }
            smaps.extend_from_slice(text.as_bytes());
        }
        let mut parser = Smaps::default();
        for piece in smaps.chunks(piece) {
            prop_assert_eq!(parser.feed(piece), Ok(()), "{:?}", Text::from(&*smaps));
        }
        let (ours, figures) = parser.finish().map_err(|missing| TestCaseError::fail(format!("{missing:?}")))?;
        assert_equal(&ours, &figures, &smaps);
    }
}
