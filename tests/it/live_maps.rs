//! Memory maps of processes that the test makes, of every sort of mapping there is: each field is what a second, plainer
//! reading of `smaps` says, what is known of a mapping is told of it, and what has no map says why.

use crate::{
    collect::wait_for,
    mapped::{Script, can_run, key, live},
    need,
};
use rustix::process::{Signal, kill_process};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use sysview::{
    collect::{map, source::Source, space},
    snapshot::{
        Missing, Reading,
        inspect::Depth,
        map::{Amount, DELETED, Figures, Mapping, MemoryMap, Unknown},
    },
    text::reversible,
    unit::Pid,
};

/// Maps a random half of every sort there is, and tells of each where it lies: `KIND.DELETED.NUMBER`.
const MENAGERIE: &str = r"
import random, signal, threading
directory, seed = os.fsencode(sys.argv[1]), int(os.path.basename(sys.argv[1]))
chance = random.Random(seed)
numbers = iter(range(1000000))
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
EXECUTE = 4
def known(kind, start, deleted=0):
    print(f'at.{kind}.{deleted}.{next(numbers)}', start)
    return start
def some(start, pages, pick=touch):
    for page in range(pages):
        if chance.random() < 0.6:
            pick(start, page)
    return start
def file(name, pages=6):
    path = os.path.join(directory, name)
    with open(path, 'wb') as to:
        to.write(bytes(pages * PAGE))
    return path
def opened(path):
    return os.open(path, os.O_RDWR)
def of_file(name, protection=READ | WRITE, flags=PRIVATE, kind='file', pick=touch):
    descriptor = opened(file(name))
    known(kind, some(area(6, protection, flags, descriptor), 6, pick))
    os.close(descriptor)
def gone(name, again=None):
    path = file(name)
    descriptor = opened(path)
    known('file', some(area(6, READ | WRITE, PRIVATE, descriptor), 6), 1)
    os.remove(path)
    os.close(descriptor)
def apart(pages, protection, flags, descriptor=-1):
    # Between two pages that belong to nothing, so that it is not joined with what lies there.
    return area(pages, protection, flags | FIXED, descriptor, area(pages + 2, 0) + PAGE)
def anonymous(kind='anonymous', protection=READ | WRITE, flags=PRIVATE | ANONYMOUS, advice=None, pages=8, deleted=0):
    start = apart(pages, protection, flags)
    if protection & WRITE:
        some(start, pages)
    if advice is not None:
        libc.madvise(start, pages // 2 * PAGE, advice)
    return known(kind, start, deleted)
def huge():
    size = 2 << 20
    start = area(size * 2 // PAGE)
    inside = (start + size - 1) // size * size
    libc.madvise(inside, size, HUGE)
    ctypes.memset(inside, 1, size)
    known('anonymous', inside)
def hugetlb():
    start = libc.mmap(None, 2 << 20, READ | WRITE, PRIVATE | ANONYMOUS | 0x40000, -1, 0)
    if start != 2**64 - 1:
        ctypes.memset(start, 1, PAGE)
        known('anonymous', start, 1)
def locked():
    libc.mlock(anonymous(), 4 * PAGE)
def sysv():
    number = libc.shmget(0, 5 * PAGE, 0o1600)
    start = libc.shmat(number, None, 0)
    libc.shmctl(number, 0, None)
    known('sysv', some(start, 5), 1)
def memfd(name, flags=SHARED):
    descriptor = os.memfd_create(name)
    os.truncate(descriptor, 5 * PAGE)
    known('memfd', some(area(5, READ | WRITE, flags, descriptor), 5), 1)
    os.close(descriptor)
def zero(flags, kind, deleted):
    descriptor = os.open('/dev/zero', os.O_RDWR)
    known(kind, some(area(4, READ | WRITE, flags, descriptor), 4), deleted)
    os.close(descriptor)
def given_a_name():
    start = anonymous()
    # PR_SET_VMA, PR_SET_VMA_ANON_NAME
    libc.prctl(0x53564d41, 0, start, 4 * PAGE, b'a name: b')
def with_a_key():
    start = anonymous()
    number = libc.pkey_alloc(0, 0)
    if number > 0:
        libc.pkey_mprotect(ctypes.c_void_p(start), ctypes.c_size_t(4 * PAGE), READ | WRITE, number)
def forked():
    start = anonymous()
    if os.fork() == 0:
        libc.prctl(1, signal.SIGKILL, None, 0, None)
        some(start, 8)
        while True:
            signal.pause()
def threads():
    held = threading.Lock()
    held.acquire()
    for _ in range(3):
        thread = threading.Thread(target=held.acquire, daemon=True)
        thread.start()
        while thread.native_id is None:
            time.sleep(0.001)
        tell(**{f'thread.{next(numbers)}': thread.native_id})
def code():
    # A program of its own making: constants, text, variables. Elsewhere the same file is a file.
    descriptor = opened(file(b'program'))
    start = area(8, 0) + PAGE
    def part(kind, protection, first):
        known(kind, area(2, protection, PRIVATE | FIXED, descriptor, start + first * PAGE, first))
    part('rodata', READ, 0)
    part('text', READ | EXECUTE, 2)
    part('data', READ | WRITE, 4)
    some(start, 6, look)
    known('file', some(apart(2, READ | WRITE, PRIVATE, descriptor), 2))
    known('file', some(apart(2, READ | WRITE, SHARED, descriptor), 2))
    os.close(descriptor)
def clash():
    # One that was deleted, and beside it one that is really called so; of those, one that was deleted too.
    gone(b'same')
    of_file(b'same (deleted)')
    gone(b'other (deleted)')
sorts = [
    lambda: of_file(b'private'),
    lambda: of_file(b'read', READ, PRIVATE, 'file', look),
    lambda: of_file(b'shared', flags=SHARED),
    lambda: of_file(b'a line\nand\n more'),
    lambda: of_file(b' a blank '),
    lambda: of_file(b'back\\slash\\012 and\n both (deleted)'),
    lambda: of_file(b'literal\\012 (deleted)'),
    lambda: of_file(b'newline\n (deleted)'),
    lambda: of_file(b'not \xff\xfe utf-8 (deleted)'),
    lambda: of_file(b'\x1b[31mred\x7f\xc2\x9b \xe2\x80\xae'),
    lambda: of_file(b'SYSVabc'),
    lambda: of_file(b'memfd:x (deleted)'),
    lambda: of_file(b'[heap]'),
    lambda: of_file(b'Rss:                  12 kB'),
    lambda: of_file(b'run', READ | WRITE | EXECUTE, PRIVATE, 'text'),
    lambda: gone(b'removed'),
    lambda: gone(b'removed\n with a line (deleted)'),
    clash, code, huge, hugetlb, locked, sysv, given_a_name, with_a_key, forked, threads,
    lambda: memfd('x'),
    lambda: memfd('a (deleted)', PRIVATE),
    lambda: memfd('x\ny'),
    lambda: zero(SHARED, 'shared', 1),
    lambda: zero(PRIVATE, 'anonymous', 0),
    lambda: anonymous(),
    lambda: anonymous('shared', flags=SHARED | ANONYMOUS, deleted=1),
    lambda: anonymous(protection=0),
    lambda: anonymous(protection=READ | WRITE | EXECUTE),
    lambda: anonymous(flags=PRIVATE | ANONYMOUS | NORESERVE),
    lambda: anonymous(advice=10),
    lambda: anonymous(advice=16),
    lambda: anonymous(advice=18),
    lambda: anonymous(advice=8),
    lambda: anonymous(advice=GUARD),
]
chosen = sorts if seed == 0 else chance.sample(sorts, len(sorts) // 2)
for sort in chosen:
    sort()
";

/// The paragraph of one mapping, as it stands there.
#[derive(Debug, Default, PartialEq)]
struct Paragraph {
    /// The words of the first line but the last, and what is behind them.
    words: Vec<String>,
    path: Vec<u8>,
    figures: BTreeMap<String, String>,
}

/// `smaps` or `smaps_rollup` line by line, in the simplest way there is. No line can be mistaken: only figures have a
/// colon at the end of their first word.
fn plainly(text: &[u8]) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let first = line.split(|byte| *byte == b' ').next().expect("there is always one");
        if let Some(name) = first.strip_suffix(b":") {
            let value = String::from_utf8(line[first.len()..].to_vec()).expect("figures are text");
            let name = String::from_utf8(name.to_vec()).expect("figures have names");
            let figures = &mut paragraphs.last_mut().expect("they stand below a mapping").figures;
            figures.insert(name, value.trim().to_owned());
            continue;
        }
        let mut rest = line;
        let mut paragraph = Paragraph::default();
        for _ in 0..5 {
            let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            paragraph.words.push(String::from_utf8(rest[..end].to_vec()).expect("these are numbers"));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        // The column of names: whatever stands in it is the name, blanks at its end too.
        let padding = rest.iter().take_while(|byte| **byte == b' ').count();
        paragraph.path = rest[padding..].to_vec();
        paragraphs.push(paragraph);
    }
    paragraphs
}

fn plain_file(pid: u32, name: &str) -> Vec<Paragraph> {
    plainly(&fs::read(format!("/proc/{pid}/{name}")).expect("it is there"))
}

/// What was read of a map, in the same plain words.
fn in_plain_words(map: &MemoryMap) -> Vec<Paragraph> {
    let figures = map.figures.as_ref().expect("they were read");
    assert_eq!(figures.len(), map.mappings.len());
    let paragraph = |(mapping, figures): (&Mapping, &Figures)| {
        let words = vec![
            format!("{:08x}-{:08x}", mapping.start, mapping.end),
            mapping.permissions.to_string(),
            format!("{:08x}", mapping.offset),
            mapping.file.device_text(),
            mapping.file.inode.to_string(),
        ];
        let path = mapping.path.as_ref().map(|path| path.to_vec()).unwrap_or_default();
        let mut plain = of_figures(figures);
        plain.insert("Size".into(), kib((mapping.end - mapping.start) / 1024));
        Paragraph { words, path, figures: plain }
    };
    map.mappings.iter().zip(figures).map(paragraph).collect()
}

fn kib(kib: u64) -> String {
    format!("{kib} kB")
}

fn of_figures(figures: &Figures) -> BTreeMap<String, String> {
    let mut plain = BTreeMap::new();
    for (amount, key, _) in Amount::ALL {
        plain
            .extend(figures.get(*amount).map(|bytes| (String::from_utf8_lossy(key).into_owned(), kib(bytes.0 / 1024))));
    }
    for (name, size) in [("KernelPageSize", figures.page_size), ("MMUPageSize", figures.mmu_page_size)] {
        plain.extend((size.0 > 0).then(|| (name.to_owned(), kib(size.0 / 1024))));
    }
    plain.extend(figures.thp_eligible.map(|yes| ("THPeligible".to_owned(), u8::from(yes).to_string())));
    plain.extend(figures.protection_key.map(|key| ("ProtectionKey".to_owned(), key.to_string())));
    let flags: Vec<_> = figures.flags().map(|flag| String::from_utf8_lossy(flag).into_owned()).collect();
    plain.extend((!flags.is_empty()).then(|| ("VmFlags".to_owned(), flags.join(" "))));
    for (name, value) in figures.other.iter().flat_map(|other| other.iter()) {
        let value = match value {
            Unknown::Bytes(bytes) => kib(bytes.0 / 1024),
            Unknown::Text(text) => text.printable().into_owned(),
        };
        plain.insert(name.printable().into_owned(), value);
    }
    plain
}

fn read(pid: u32, depth: Depth) -> Reading<Option<MemoryMap>> {
    map::read(&*live(), key(pid), depth)
}

#[track_caller]
fn figures_of(pid: u32) -> MemoryMap {
    read(pid, Depth::Figures).expect("it can be read").expect("it has memory")
}

/// Stop a process and everything in it.
fn stop(pid: u32) {
    let process = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(process, Signal::STOP).expect("it runs");
    wait_for("all of its threads to be stopped", || {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it is there");
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    });
}

/// Stopped processes with all that there is in one, and a random half of it in each of the others.
fn menagerie(directory: &tempfile::TempDir) -> Vec<Script> {
    let start = |number: u32| {
        let own = directory.path().join(number.to_string());
        fs::create_dir(&own).expect("a directory can be made");
        let script = Script::start(MENAGERIE, &[&own]);
        stop(script.pid());
        script
    };
    (0..40).map(start).collect()
}

/// Where two readings differ. Libraries are shared with processes that come and go; so what a second reading says is what
/// the first one or the third says.
fn difference<T: PartialEq + std::fmt::Debug>(ours: &[T], theirs: [&[T]; 2]) -> Option<String> {
    if theirs.iter().any(|theirs| theirs.len() != ours.len()) {
        return Some(format!("{} where there are {} and {}", ours.len(), theirs[0].len(), theirs[1].len()));
    }
    let at = (0..ours.len()).find(|at| theirs.iter().all(|theirs| theirs[*at] != ours[*at]))?;
    Some(format!("{:#?} where there is {:#?}", ours[at], theirs[0][at]))
}

/// The same, until it has been so once.
#[track_caller]
fn agree(what: &str, mut compare: impl FnMut() -> Option<String>) {
    let last = (0..50).map_while(|_| compare()).last();
    if let (Some(difference), Some(_)) = (last, compare()) {
        panic!("{what}: {difference}");
    }
}

#[test]
fn every_field_of_forty_stopped_processes_is_what_the_kernel_says() {
    if !can_run("every_field_of_forty_stopped_processes_is_what_the_kernel_says") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut seen = BTreeSet::new();
    for script in menagerie(&directory) {
        let pid = script.pid();
        assert_rows(pid);
        assert_totals(pid);
        assert_json(pid);
        assert_known(&script);
        let map = figures_of(pid);
        let addresses = read(pid, Depth::Addresses).expect("it can be read").expect("it has memory");
        let ranges = |map: &MemoryMap| map.mappings.iter().map(Mapping::range).collect::<Vec<_>>();
        assert_eq!(ranges(&addresses), ranges(&map));
        seen.extend(map.mappings.iter().map(|mapping| mapping.kind.word()));
    }
    let all = [
        "text",
        "rodata",
        "relro",
        "data",
        "bss",
        "heap",
        "stack",
        "thread_stack",
        "anonymous",
        "shared",
        "memfd",
        "sysv",
        "vdso",
        "vvar",
        "file",
    ];
    assert!(all.iter().all(|kind| seen.contains(kind)), "{seen:?}");
}

#[track_caller]
fn assert_rows(pid: u32) {
    agree("rows", || {
        let own = |rows: Vec<Paragraph>| rows.into_iter().map(Paragraph::without_others).collect::<Vec<_>>();
        let before = own(plain_file(pid, "smaps"));
        let ours = own(in_plain_words(&figures_of(pid)));
        difference(&ours, [&before, &own(plain_file(pid, "smaps"))])
    });
}

#[track_caller]
fn assert_totals(pid: u32) {
    let plain = || [plain_file(pid, "smaps_rollup").remove(0).figures];
    agree("totals", || {
        let before = plain();
        let totals = of_figures(&figures_of(pid).totals.expect("they were read"));
        difference(&[totals], [&before, &plain()])
    });
    agree("sums", || {
        let map = figures_of(pid);
        off_totals(&map.figures.expect("they were read"), &map.totals.expect("they were read"))
    });
}

/// Where the sums of the rows are not the totals. What is shared out is rounded down in each row, by less than 1 KiB.
fn off_totals(rows: &[Figures], totals: &Figures) -> Option<String> {
    let below = u64::try_from(rows.len()).expect("they are few") * 1024;
    Amount::ALL.iter().find_map(|(amount, _, name)| {
        let sum = rows.iter().map(|row| row.get(*amount).map_or(0, |bytes| bytes.0)).sum::<u64>();
        let total = totals.get(*amount)?.0;
        let shared_out = matches!(amount, Amount::Pss | Amount::PssDirty | Amount::SwapPss);
        let right = if shared_out { sum <= total && total <= sum + below } else { sum == total };
        (!right).then(|| format!("{name}: {sum} in the rows and {total} in all"))
    })
}

#[track_caller]
fn assert_json(pid: u32) {
    agree("JSON", || {
        let before = plain_file(pid, "smaps");
        let report = json_of(pid);
        let ours = report["mappings"].as_array().expect("a list");
        let plain =
            |rows: &[Paragraph]| rows.iter().zip(ours).map(|(row, ours)| without_others(in_json(row, ours))).collect();
        let theirs: [Vec<_>; 2] = [plain(&before), plain(&plain_file(pid, "smaps"))];
        assert_eq!((ours.len(), report["totals"]["rss"].as_u64().is_some()), (before.len(), true));
        let ours: Vec<_> = ours.iter().map(|row| without_others(told_by_smaps(row))).collect();
        difference(&ours, [&theirs[0], &theirs[1]])
    });
}

fn json_of(pid: u32) -> Json {
    let program = env!("CARGO_BIN_EXE_sysview");
    let output = Command::new(program).args(["maps", &pid.to_string(), "--format", "json"]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// All members of a mapping that stand in `smaps`.
fn told_by_smaps(row: &Json) -> BTreeMap<String, Json> {
    let mut members: BTreeMap<_, _> = row.as_object().expect("an object").clone().into_iter().collect();
    members.retain(|name, _| !["kind", "deleted", "thread", "uss", "missing"].contains(&name.as_str()));
    members
}

/// As [`Paragraph::without_others`].
fn without_others(mut row: BTreeMap<String, Json>) -> BTreeMap<String, Json> {
    if row["path"].as_str().is_some_and(|path| is_of_others(path.as_bytes())) {
        for name in ["pss", "shared_clean", "private_clean"] {
            row.remove(name);
        }
    }
    row
}

/// Whether it is a file that the test did not make, such as a library, which others map too.
fn is_of_others(path: &[u8]) -> bool {
    let is_own = path.starts_with(std::env::temp_dir().as_os_str().as_encoded_bytes()) || path.ends_with(DELETED);
    path.starts_with(b"/") && !is_own
}

impl Paragraph {
    /// Without how much of a library others have too: they come and go, and the program itself is one of them.
    fn without_others(mut self) -> Self {
        if is_of_others(&self.path) {
            self.figures.retain(|name, _| !["Pss", "Shared_Clean", "Private_Clean"].contains(&name.as_str()));
        }
        self
    }
}

/// A paragraph as JSON. Of what the kernel does not tell, no more is known than that it is null.
fn in_json(paragraph: &Paragraph, ours: &Json) -> BTreeMap<String, Json> {
    let bytes = |text: &str| {
        text.strip_suffix(" kB").map(|kib| Json::from(kib.trim().parse::<u64>().expect("a number") * 1024))
    };
    let number = |text: &str| Json::from(u64::from_str_radix(text, 16).expect("a number"));
    let address = |text: &str| Json::from(format!("{:#x}", u64::from_str_radix(text, 16).expect("a number")));
    let (start, end) = paragraph.words[0].split_once('-').expect("a range");
    let name = Some(&paragraph.path).filter(|path| !path.is_empty());
    let mut members = BTreeMap::from([
        ("start".to_owned(), address(start)),
        ("end".to_owned(), address(end)),
        ("permissions".to_owned(), paragraph.words[1].as_str().into()),
        (
            "offset".to_owned(),
            if ours["offset"].is_string() { address(&paragraph.words[2]) } else { number(&paragraph.words[2]) },
        ),
        ("device".to_owned(), paragraph.words[3].as_str().into()),
        ("inode".to_owned(), paragraph.words[4].parse::<u64>().expect("a number").into()),
        ("path".to_owned(), name.map_or(Json::Null, |path| reversible(path).into())),
    ]);
    if paragraph.words[4] == "0" {
        // No file, and so no device and no number either.
        for name in ["device", "inode"] {
            members.insert(name.to_owned(), ours[name].clone());
            assert!(ours[name].is_null() || ours[name] == "00:00" || ours[name] == 0, "{ours}");
        }
    }
    let mut figures = paragraph.figures.clone();
    let mut take = |name: &str, key: &str| (name.to_owned(), figures.remove(key));
    let mut amounts =
        vec![take("size", "Size"), take("page_size", "KernelPageSize"), take("mmu_page_size", "MMUPageSize")];
    amounts.extend(Amount::ALL.iter().map(|(_, key, name)| take(name, &String::from_utf8_lossy(key))));
    members.extend(
        amounts.into_iter().map(|(name, value)| (name, value.and_then(|value| bytes(&value)).unwrap_or_default())),
    );
    let eligible = figures.remove("THPeligible").map_or(Json::Null, |value| (value == "1").into());
    let key =
        figures.remove("ProtectionKey").map_or(Json::Null, |value| value.parse::<u64>().expect("a number").into());
    let flags = figures.remove("VmFlags").map_or(Json::Null, |value| value.split(' ').collect::<Vec<_>>().into());
    members.extend([
        ("thp_eligible".to_owned(), eligible),
        ("protection_key".to_owned(), key),
        ("flags".to_owned(), flags),
    ]);
    let other: serde_json::Map<_, _> =
        figures.into_iter().map(|(name, value)| (name, bytes(&value).unwrap_or_else(|| value.into()))).collect();
    members.insert("other".to_owned(), other.into());
    members
}

/// What the process told of its mappings is what was made out from outside.
#[track_caller]
fn assert_known(script: &Script) {
    let map = figures_of(script.pid());
    let mut known = 0;
    for (what, address) in script.values("at.") {
        let mut words = what.split('.');
        let (kind, deleted) = (words.next().expect("a kind"), words.next() == Some("1"));
        let mapping = &map.mappings[map.holding(address).expect("it is mapped")];
        assert_eq!((mapping.kind.word(), mapping.deleted), (kind, deleted), "{mapping:?}");
        known += 1;
    }
    assert!(known >= 8, "{known}");
    let stacks = map.mappings.iter().filter_map(|mapping| Some((mapping.thread?.0, mapping.kind.word())));
    let threads = script.values("thread.").map(|(_, tid)| (u32::try_from(tid).expect("a tid"), "thread_stack"));
    assert_eq!(stacks.collect::<BTreeSet<_>>(), threads.collect());
    for name in ["[heap]", "[stack]", "[vdso]"] {
        let one = map.mappings.iter().filter(|mapping| mapping.path.as_deref() == Some(name.as_bytes()));
        let kinds: Vec<_> = one.map(|mapping| format!("[{}]", mapping.kind.word())).collect();
        assert!(kinds.len() == 1 && kinds[0] == name, "{kinds:?}");
    }
}

#[test]
fn a_leader_that_exited_is_read_through_a_thread() {
    if !can_run("a_leader_that_exited_is_read_through_a_thread") {
        return;
    }
    let script = format!(
        "
import threading
def stay():
    tell(tid=threading.get_native_id())
    step()
    while True:
        time.sleep(1000)
start = area(8)
touch(start, 0, 3)
tell(start=start)
threading.Thread(target=stay, daemon=True).start()
libc.syscall({}, 0)
",
        libc::SYS_exit
    );
    let script = Script::start(&script, &[]);
    let pid = script.pid();
    wait_for("the leader to exit", || {
        let process = space::process(&*live(), Pid(pid)).expect("it is there");
        process.leader_exited()
    });
    for depth in [Depth::Addresses, Depth::Figures] {
        let map = read(pid, depth).expect("it can be read").expect("it has memory");
        assert_eq!(map.through.map(|tid| u64::from(tid.0)), Some(script.value("tid")));
        assert!(map.exe.is_ok() && map.holding(script.value("start")).is_ok());
    }
    let map = figures_of(pid);
    let at = map.holding(script.value("start")).expect("it is mapped");
    assert!(map.figures(at).expect("they were read").get(Amount::Rss).is_some_and(|rss| rss.0 >= 3 * 4096));
    assert!(map.totals.is_ok());
}

/// A child that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn kernel_threads_and_zombies_have_no_map() {
    let mut zombie = Command::new("true").spawn().expect("the program starts");
    wait_for("it to be a zombie", || {
        space::process(&*live(), Pid(zombie.id())).is_ok_and(|process| process.is_zombie())
    });
    for depth in [Depth::Addresses, Depth::Figures] {
        assert_eq!(read(zombie.id(), depth), Ok(None));
    }
    zombie.wait().expect("it has ended");
    // In a container there are none, or they are not seen.
    let thread = space::process(&*live(), Pid(2)).is_ok_and(|process| process.is_kernel_thread());
    if need::here("kernel_threads_and_zombies_have_no_map", thread, "kernel threads to be seen") {
        assert_eq!(read(2, Depth::Figures), Ok(None));
    }
}

#[test]
fn what_belongs_to_another_user_is_denied() {
    let test = "what_belongs_to_another_user_is_denied";
    if !rustix::process::geteuid().is_root() {
        if need::here(test, space::process(&*live(), Pid(1)).is_ok(), "a process of root") {
            assert_eq!(read(1, Depth::Figures), Err(Missing::Denied));
            assert_eq!(read(1, Depth::Addresses), Err(Missing::Denied));
        }
        return;
    }
    let sleeper = Ends(Command::new("sleep").arg("1000").spawn().expect("the program starts"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sysview"));
    let command = command.args(["maps", &sleeper.0.id().to_string()]).uid(65534).gid(65534);
    let output = command.current_dir("/").stdin(Stdio::null()).output();
    if need::here(test, output.is_ok(), "a build that others may run") {
        let output = output.expect("that was just found");
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(complaint.contains("may not be read (denied)"), "{complaint}");
    }
}

/// The live system, with something that happens while a map is read.
struct Meddled<F> {
    live: Arc<dyn Source>,
    meddle: F,
}

impl<F: Fn(usize) + Send + Sync> Source for Meddled<F> {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        self.live.read(path, into)
    }

    fn stream(&self, path: &str, each: &mut dyn FnMut(&mut Vec<u8>) -> std::ops::ControlFlow<()>) -> Reading<()> {
        let mut pieces = 0;
        self.live.stream(path, &mut |piece| {
            (self.meddle)(pieces);
            pieces += 1;
            each(piece)
        })
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        self.live.link(path)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        self.live.numbers(path, into)
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<sysview::unit::Nanoseconds> {
        self.live.cpu_clock(pid)
    }

    fn now(&self) -> sysview::snapshot::Moment {
        self.live.now()
    }

    fn units(&self) -> sysview::snapshot::Units {
        self.live.units()
    }

    fn observer(&self) -> sysview::snapshot::Observer {
        self.live.observer()
    }
}

/// Maps more than is told in one piece, and at a word begins another program.
const MANY: &str = "
start = area(6000)
for page in range(0, 6000, 2):
    libc.mprotect(start + page * PAGE, PAGE, READ)
tell(start=start)
step()
os.execlp('sleep', 'sleep', '1000')
";

#[test]
fn half_a_map_is_never_given_for_a_whole_one() {
    if !can_run("half_a_map_is_never_given_for_a_whole_one") {
        return;
    }
    let mut script = Script::start(MANY, &[]);
    let (pid, who) = (script.pid(), script.key());
    let whole = figures_of(pid);
    assert!(whole.mappings.len() > 6000);

    // Another program begins in the middle: all of that is told, and nothing of the one before.
    let begin = std::sync::Mutex::new(Some(&mut script));
    let meddle = |pieces| {
        if pieces == 3
            && let Some(script) = begin.lock().expect("nobody failed").take()
        {
            script.send();
            wait_for("the other program", || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
                let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it is there");
                stat.contains("(sleep) S") && maps.contains("[stack]")
            });
        }
    };
    let map = map::read(&Meddled { live: live(), meddle }, who, Depth::Figures);
    let map = map.expect("it can be read").expect("it has memory");
    assert!(map.mappings.len() < 100 && map.exe.is_ok_and(|exe| exe.ends_with(b"sleep")), "{}", map.mappings.len());
    assert!(map.mappings.iter().any(|mapping| mapping.path.as_deref() == Some(b"[stack]")), "{:?}", map.mappings);

    // It ends in the middle, and is waited for: there is nobody with its identity any more.
    let script = Script::start(MANY, &[]);
    let (pid, who) = (script.pid(), script.key());
    let child = std::sync::Mutex::new(Some(script));
    let meddle = |pieces| {
        if pieces == 3 {
            drop(child.lock().expect("nobody failed").take());
        }
    };
    let outcome = map::read(&Meddled { live: live(), meddle }, who, Depth::Figures);
    assert_eq!(outcome.map(|map| map.map(|map| map.mappings.len())), Err(Missing::Gone), "{pid}");

    // It ends in the middle, and is not.
    let script = Script::start(MANY, &[]);
    let (pid, who) = (script.pid(), script.key());
    let meddle = |pieces| {
        if pieces == 3 {
            let process = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
            kill_process(process, Signal::KILL).expect("it runs");
            wait_for("it to be a zombie", || {
                space::process(&*live(), Pid(pid)).is_ok_and(|process| process.is_zombie())
            });
        }
    };
    let outcome = map::read(&Meddled { live: live(), meddle }, who, Depth::Figures);
    assert_eq!(outcome.map(|map| map.map(|map| map.mappings.len())), Ok(None), "{pid}");
}

#[test]
fn names_that_end_as_deleted_ones_are_judged_in_the_mount_namespace_of_the_process() {
    let test = "names_that_end_as_deleted_ones_are_judged_in_the_mount_namespace_of_the_process";
    if !can_run(test) || !need::command(test, &["unshare", "-m", "true"]) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = format!(
        "mount -t tmpfs none {0} && exec python3 -c '
import mmap, os, time
keep = []
for name in [\"{0}/there (deleted)\", \"{0}/gone (deleted)\"]:
    file = os.open(name, os.O_RDWR | os.O_CREAT)
    os.truncate(file, 4096)
    keep.append(mmap.mmap(file, 4096))
os.remove(\"{0}/gone (deleted)\")
print(flush=True)
time.sleep(1000)
'",
        directory.path().display()
    );
    let mut child =
        Command::new("unshare").args(["-m", "sh", "-c", &script]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut output = child.stdout.take().expect("it is piped");
    let child = Ends(child);
    std::io::Read::read_exact(&mut output, &mut [0]).expect("it goes on until told");
    let map = figures_of(child.0.id());
    let told = |name: &str| {
        let path = directory.path().join(OsStr::from_bytes(name.as_bytes()));
        let found = map.mappings.iter().find(|mapping| mapping.path.as_deref() == Some(path.as_os_str().as_bytes()));
        found.unwrap_or_else(|| panic!("{name} among {:?}", map.mappings)).deleted
    };
    assert!(!told("there (deleted)") && told("gone (deleted) (deleted)"));
}
