//! One process of the test that grows its heap, maps half of a file, forks and writes single pages: what changed
//! (`maps --diff`), its pages (`pages`) and the comparison (`aslr compare`) show that and nothing else.

use crate::mapped::{Script, can_run, page};
use serde_json::Value as Json;
use std::{fs, path::Path, process::Command};

/// Everything that the later steps need is done once before, in small, so that nothing else grows then. The child is
/// stopped whenever it is looked at, and never outlives its parent.
const SCRIPT: &str = "
import signal
libc.sbrk.restype = ctypes.c_void_p
libc.sbrk.argtypes = [ctypes.c_ssize_t]
file = os.open(sys.argv[1], os.O_RDONLY)
def grow(heap, pages):
    start = libc.sbrk(heap)
    ctypes.memset(start, 1, heap)
    mapped = area(pages, READ | WRITE, PRIVATE, file)
    touch(mapped, 0, pages // 2)
    tell(heap=start, file=mapped)
def stop():
    os.kill(os.getpid(), signal.SIGSTOP)
def until_stopped(child):
    os.waitpid(child, os.WUNTRACED)
grow(PAGE, 2)
# Between two mappings that nobody may touch, so that it is joined with nothing.
shared = area(18, 0)
libc.mprotect(shared + PAGE, 16 * PAGE, READ | WRITE)
libc.madvise(shared, 18 * PAGE, NOHUGE)
shared += PAGE
touch(shared, 0, 8)
step()
grow(64 << 20, 2048)
tell(shared=shared)
step()
child = os.fork()
if child == 0:
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    touch(area(1), 0)
    stop()
    touch(shared, 0, 1, 2)
    stop()
    touch(shared, 8)
    stop()
    os._exit(0)
until_stopped(child)
tell(child=child)
for _ in range(2):
    step()
    os.kill(child, signal.SIGCONT)
    until_stopped(child)
";

/// What a command prints as JSON.
fn told(arguments: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_sysview")).args(arguments).args(["--format", "json"]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn save(pid: u32, to: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_sysview")).args(["maps", &pid.to_string(), "--save", to]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn difference(pid: u32, from: &str) -> Json {
    told(&["maps", &pid.to_string(), "--diff", from])
}

fn list<'j>(report: &'j Json, name: &str) -> &'j [Json] {
    report[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

fn address(text: &Json) -> u64 {
    let digits = text.as_str().and_then(|text| text.strip_prefix("0x")).expect("an address");
    u64::from_str_radix(digits, 16).expect("hexadecimal digits")
}

/// The one of `rows` that begins there.
fn at(rows: &[Json], start: u64) -> &Json {
    rows.iter().find(|row| address(&row["start"]) == start).unwrap_or_else(|| panic!("nothing at {start:#x}: {rows:?}"))
}

/// The states of so many pages from an address on, one after the other.
fn states(pid: u32, start: u64, count: u64) -> Vec<(u64, String)> {
    let report = told(&["pages", &pid.to_string(), &format!("{start:x}")]);
    let end = start + count * page();
    let clipped = |run: &Json| {
        let (from, pages) = (address(&run["start"]), run["pages"].as_u64().expect("a number"));
        let (from, until) = (from.max(start), (from + pages * page()).min(end));
        let state = run["state"].as_str().expect("a word").to_owned();
        (from < until).then(|| ((until - from) / page(), state))
    };
    list(&report, "runs").iter().filter_map(clipped).collect()
}

fn runs(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(pages, state)| (*pages, (*state).to_owned())).collect()
}

/// Pages that are shared with a relative, that are its own, and its share of all, of the mapping that begins there.
fn owned(pid: u32, start: u64) -> [u64; 3] {
    let report = told(&["maps", &pid.to_string()]);
    let mapping = at(list(&report, "mappings"), start);
    ["shared_dirty", "private_dirty", "pss"].map(|name| mapping[name].as_u64().expect("it is told") * 2 / page())
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).expect("it is small")
}

#[test]
fn growth_pages_and_comparison_show_what_a_process_did_and_nothing_else() {
    if !can_run("growth_pages_and_comparison_show_what_a_process_did_and_nothing_else") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    fs::write(&data, vec![7; usize::try_from(2048 * page()).expect("it is small")]).expect("a file can be written");
    let saved = directory.path().join("saved.json");
    let saved = saved.to_str().expect("the path is text");
    let mut script = Script::start(SCRIPT, &[&data]);
    let parent = script.pid();

    save(parent, saved);
    script.go_on();
    assert_grown(&difference(parent, saved), &script, &data);
    let (heap, shared) = (script.value("heap"), script.value("shared"));
    let of_heap = states(parent, heap, (64 << 20) / page());
    assert!(of_heap.iter().all(|(_, state)| state == "anonymous" || state == "huge"), "{of_heap:?}");
    assert_eq!(of_heap.iter().map(|(pages, _)| pages).sum::<u64>(), (64 << 20) / page());
    let half = runs(&[(1024, "anonymous"), (1024, "untouched")]);
    assert_eq!(states(parent, script.value("file"), 2048), half);

    script.go_on();
    let child = u32::try_from(script.value("child")).expect("a pid");
    let eight = runs(&[(8, "anonymous"), (8, "untouched")]);
    assert_one_draw(parent, child);
    for pid in [parent, child] {
        assert_eq!(states(pid, shared, 16), eight);
        assert_eq!(owned(pid, shared), [16, 0, 8], "in half pages: all is shared by two");
    }
    // A page that both had: the one written becomes the child's own, and the old one the parent's.
    save(child, saved);
    script.go_on();
    assert_eq!(difference(child, saved)["changes"], Json::Array(Vec::new()), "nothing came and nothing went");
    for pid in [parent, child] {
        assert_eq!(states(pid, shared, 16), eight);
        assert_eq!(owned(pid, shared), [14, 2, 9], "in half pages: seven are shared and one is its own");
    }
    // A page that nobody had: it is the child's alone.
    script.go_on();
    let report = difference(child, saved);
    let [only] = list(&report, "changes") else { panic!("one page was written: {report}") };
    assert_eq!((only["change"].as_str(), address(&only["start"])), (Some("grown"), shared));
    assert_eq!((only["rss"].as_i64(), only["size"].as_i64()), (Some(signed(page())), Some(0)));
    assert_eq!(states(child, shared, 16), runs(&[(9, "anonymous"), (7, "untouched")]));
    assert_eq!(states(parent, shared, 16), eight);
    assert_eq!((owned(child, shared), owned(parent, shared)), ([14, 4, 11], [14, 2, 9]));
    assert_one_draw(parent, child);
}

/// The heap has 64 MiB more, half of the file is there, and nothing else is worth a word: Python may have taken a little.
#[track_caller]
fn assert_grown(report: &Json, script: &Script, data: &Path) {
    let changes = list(report, "changes");
    let little = 256 << 10;
    let heap = changes.iter().find(|row| row["path"] == "[heap]").expect("the heap grew");
    assert_eq!((&changes[0], heap["change"].as_str()), (heap, Some("grown")), "what grew most comes first");
    for name in ["size", "rss"] {
        let more = heap[name].as_i64().expect("it is told") - (64 << 20);
        assert!((0..little).contains(&more), "{heap}");
    }
    let file = at(changes, script.value("file"));
    assert_eq!((file["change"].as_str(), file["path"].as_str()), (Some("new"), data.to_str()));
    let half = signed(1024 * page());
    assert_eq!([&file["size"], &file["rss"], &file["pss"]].map(Json::as_i64), [2 * half, half, half].map(Some));
    let others = changes.iter().filter(|row| *row != heap && *row != file);
    for other in others {
        assert!(
            ["size", "rss"].iter().all(|name| other[name].as_i64().is_some_and(|more| more.abs() < little)),
            "{other}"
        );
    }
}

#[track_caller]
fn assert_one_draw(parent: u32, child: u32) {
    let report = told(&["aslr", "compare", &parent.to_string(), &child.to_string()]);
    let how = format!("one draw, {child} was forked from {parent} without exec (equal AT_RANDOM)");
    assert_eq!(report["verdict"], format!("same addresses: {how}"));
    assert_eq!(report["same_executable"], true);
    let objects = list(&report, "objects");
    assert!(objects.iter().any(|object| object["object"] == "heap"), "{objects:?}");
    let is_same = |object: &Json| object["same"] == true && object["a"] == object["b"] && object["distance"] == "0x0";
    assert!(objects.iter().all(is_same), "{objects:?}");
}
