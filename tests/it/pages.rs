//! States of pages on the real kernel, against processes that touch a known number of them; and `sysview pages`.

use crate::{
    collect::wait_for,
    mapped::{Script, can_run, key, live, page},
    need,
};
use serde_json::Value as Json;
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};
use sysview::{
    collect::pages,
    snapshot::{
        Missing,
        memory::{PageSource, PageState, Pages},
    },
};

use PageState::{Anonymous, File, Huge, Untouched, Zero};

const BINARY: &str = env!("CARGO_BIN_EXE_sysview");

/// The pages from an address of a script.
fn read(script: &Script, start: u64, count: u64) -> Pages {
    let range = start..start + count * page();
    pages::read(&*live(), script.key(), range).expect("the pages of an own child can be read")
}

/// How many pages in a row are what.
fn shape(pages: &Pages) -> Vec<(u64, PageState)> {
    let mut at = pages.range.start;
    for run in &pages.runs {
        assert!(run.start == at && run.pages > 0, "runs have no gaps: {pages:?}");
        at += run.pages * pages.page_size;
    }
    assert_eq!(at, pages.range.end, "runs go to the end");
    assert_eq!(pages.counts().iter().sum::<u64>() * pages.page_size, pages.range.end - pages.range.start);
    pages.runs.iter().map(|run| (run.pages, run.state)).collect()
}

/// Whether the kernel tells the page of zeros and huge pages apart from others.
fn scans(test: &str) -> bool {
    let own = pages::read(&*live(), key(std::process::id()), 0..page()).expect("the own pages can be read");
    need::met(own.source == PageSource::Scan, test, "PAGEMAP_SCAN")
}

#[test]
fn pages_touched_are_anonymous_and_a_growing_buffer_is_seen_page_by_page() {
    if !can_run("pages_touched_are_anonymous_and_a_growing_buffer_is_seen_page_by_page") {
        return;
    }
    let mut script = Script::start(
        "a = plain(64); tell(a=a); touch(a, 10, 10)
for page in range(20, 23):
    step(); touch(a, page)",
        &[],
    );
    let a = script.value("a");
    for more in 0..4 {
        let expected = [(10, Untouched), (10 + more, Anonymous), (44 - more, Untouched)];
        assert_eq!(shape(&read(&script, a, 64)), expected);
        if more < 3 {
            script.go_on();
        }
    }
    // A range need not begin or end with a page.
    let within = pages::read(&*live(), script.key(), a + 10 * page() + 5..a + 11 * page() + 1).expect("it can be read");
    assert_eq!(within.range, a + 10 * page()..a + 12 * page());
    assert_eq!(shape(&within), [(2, Anonymous)]);
}

#[test]
fn what_was_only_read_is_the_page_of_zeros_and_what_was_given_back_is_gone() {
    let test = "what_was_only_read_is_the_page_of_zeros_and_what_was_given_back_is_gone";
    if !can_run(test) || !scans(test) {
        return;
    }
    let script = Script::start(
        "a = plain(16); tell(a=a); touch(a, 0, 8); look(a, 4, 8)
libc.madvise(a + 2 * PAGE, PAGE, 4)",
        &[],
    );
    let expected = [(2, Anonymous), (1, Untouched), (5, Anonymous), (4, Zero), (4, Untouched)];
    assert_eq!(shape(&read(&script, script.value("a"), 16)), expected);
}

#[test]
fn half_of_a_file_that_was_read_is_of_the_file_and_what_was_written_is_not() {
    if !can_run("half_of_a_file_that_was_read_is_of_the_file_and_what_was_written_is_not") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory of the test's own");
    let path = directory.path().join("data");
    // Page by page: what is written at once the file system may keep in one piece, which the kernel then maps whole.
    let mut file = fs::File::create(&path).expect("it can be written");
    let one = vec![7; usize::try_from(page()).expect("it is small")];
    (0..64).for_each(|_| file.write_all(&one).expect("it can be written"));
    // The kernel maps the neighbours of a page too, up to 64 KiB that begin where such a piece of the addresses does.
    let script = Script::start(
        "piece = 65536 if PAGE < 65536 else PAGE
start = area(96)
start = (start + piece - 1) // piece * piece
file = os.open(sys.argv[1], os.O_RDONLY)
a = area(64, READ | WRITE, PRIVATE | FIXED, file, start)
tell(a=a); look(a, 0, 32); touch(a, 3, 2)",
        &[&path],
    );
    let expected = [(3, File), (2, Anonymous), (27, File), (32, Untouched)];
    assert_eq!(shape(&read(&script, script.value("a"), 64)), expected);
}

#[test]
fn shared_memory_is_told_as_file() {
    if !can_run("shared_memory_is_told_as_file") {
        return;
    }
    let script = Script::start("a = area(16, flags=SHARED | ANONYMOUS); tell(a=a); touch(a, 2, 3)", &[]);
    let told = shape(&read(&script, script.value("a"), 16));
    // Where shared memory comes in huge pieces more of it is there than was touched.
    assert!(told.iter().all(|(_, state)| matches!(state, File | Huge | Untouched)), "{told:?}");
    assert!(told.iter().any(|(pages, state)| *pages >= 3 && *state != Untouched), "{told:?}");
}

#[test]
fn after_a_fork_one_write_adds_one_page_to_the_child_alone() {
    if !can_run("after_a_fork_one_write_adds_one_page_to_the_child_alone") {
        return;
    }
    let script = Script::start(
        "a = plain(16); touch(a, 0, 8)
child = os.fork()
if child == 0:
    touch(a, 8)
    os.kill(os.getpid(), 19)
    os._exit(0)
os.waitpid(child, os.WUNTRACED)
tell(a=a, child=child)",
        &[],
    );
    let child = u32::try_from(script.value("child")).expect("a pid");
    let range = script.value("a")..script.value("a") + 16 * page();
    let of_child = pages::read(&*live(), key(child), range.clone());
    let of_parent = pages::read(&*live(), script.key(), range);
    let killed = Command::new("kill").args(["-KILL", &child.to_string()]).status();
    assert!(killed.expect("kill can be started").success());
    assert_eq!(shape(&of_parent.expect("it can be read")), [(8, Anonymous), (8, Untouched)]);
    assert_eq!(shape(&of_child.expect("it can be read")), [(9, Anonymous), (7, Untouched)]);
}

#[test]
fn huge_pages_are_counted_in_small_ones() {
    let test = "huge_pages_are_counted_in_small_ones";
    if !can_run(test) || !scans(test) || !need::file(test, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size") {
        return;
    }
    let size = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size").expect("it is there");
    let size: u64 = size.trim().parse().expect("a number of bytes");
    let script = Script::start(
        &format!(
            "size = {size}; a = area(3 * size // PAGE); a = (a + size - 1) // size * size
libc.madvise(a, 2 * size, HUGE); tell(a=a); ctypes.memset(a, 1, 1); touch(a, size // PAGE - 1)"
        ),
        &[],
    );
    let count = size / page();
    let told = shape(&read(&script, script.value("a"), 2 * count));
    if need::met(!matches!(told[..], [(1, Anonymous), ..]), test, "a kernel that gives huge pages now") {
        assert_eq!(told, [(count, Huge), (count, Untouched)]);
    }
}

#[test]
fn pages_that_guard_are_not_there() {
    if !can_run("pages_that_guard_are_not_there") {
        return;
    }
    let script = Script::start(
        "a = plain(8); touch(a, 0, 8)
tell(a=a, refused=0 if libc.madvise(a + 3 * PAGE, 2 * PAGE, GUARD) == 0 else 1)",
        &[],
    );
    let told = shape(&read(&script, script.value("a"), 8));
    if script.value("refused") == 1 {
        assert_eq!(told, [(8, Anonymous)], "this kernel has no such pages");
        return;
    }
    // Kernels that do not tell them apart yet tell them as swapped.
    let guards = told[1].1;
    assert!(matches!(guards, Untouched | PageState::Swapped), "{told:?}");
    assert_eq!(told, [(3, Anonymous), (2, guards), (3, Anonymous)]);
}

#[test]
fn very_much_memory_that_is_only_reserved_is_told_at_once() {
    let test = "very_much_memory_that_is_only_reserved_is_told_at_once";
    if !can_run(test) || !scans(test) {
        return;
    }
    let script = Script::start(
        "a = area(2**32, 0, PRIVATE | ANONYMOUS | NORESERVE); middle = a + 2**31 * PAGE
libc.mprotect(middle, PAGE, READ | WRITE); touch(middle, 0); tell(a=a)",
        &[],
    );
    let told = shape(&read(&script, script.value("a"), 1 << 32));
    assert_eq!(told, [(1 << 31, Untouched), (1, Anonymous), ((1 << 31) - 1, Untouched)]);
}

#[test]
fn many_ranges_are_told_as_each_by_itself() {
    if !can_run("many_ranges_are_told_as_each_by_itself") {
        return;
    }
    // More runs than the kernel answers at a time, over mappings that join and a gap.
    let script = Script::start(
        "a = plain(20000)
for page in range(0, 20000, 2):
    touch(a, page)
for page in range(1000, 20000, 2000):
    libc.mprotect(a + page * PAGE, 1000 * PAGE, READ)
libc.munmap(ctypes.c_void_p(a + 5000 * PAGE), 500 * PAGE); tell(a=a)",
        &[],
    );
    let (a, page) = (script.value("a"), page());
    let ranges: Vec<_> = (0..20).map(|at| a + at * 1000 * page..a + (at + 1) * 1000 * page).collect();
    let all = pages::read_all(&*live(), script.key(), &ranges).expect("the pages of an own child can be read");
    assert_eq!(all.len(), 20);
    for (at, (range, told)) in ranges.into_iter().zip(all).enumerate() {
        let told = told.expect("each can be read");
        let alone = pages::read(&*live(), script.key(), range.clone()).expect("it can be read alone");
        assert_eq!((told.range.clone(), &told.runs), (range, &alone.runs));
        let expected = if at == 5 { 250 } else { 500 };
        assert_eq!(told.counts()[Anonymous as usize], expected, "{at}");
        shape(&told);
    }
    // What is above all addresses of processes spoils nothing but its own answer.
    let both = [a..a + page, 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_1000];
    let both = pages::read_all(&*live(), script.key(), &both).expect("one can be read");
    assert_eq!(both[0].as_ref().map(shape), Ok(vec![(1, Anonymous)]));
    assert_eq!(both[1], Err(Missing::Unsupported));
}

#[test]
fn a_process_whose_leader_exited_is_read_through_a_living_thread() {
    if !can_run("a_process_whose_leader_exited_is_read_through_a_living_thread") {
        return;
    }
    let script = Script::start(
        "import threading
a = plain(4); touch(a, 1); tell(a=a)
main = threading.main_thread().native_id
def last():
    while open(f'/proc/self/task/{main}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
        time.sleep(0.001)
    step()
threading.Thread(target=last).start()
libc.pthread_exit.argtypes = []
libc.syscall(60 if os.uname().machine == 'x86_64' else 93, 0)",
        &[],
    );
    assert_eq!(shape(&read(&script, script.value("a"), 4)), [(1, Untouched), (1, Anonymous), (2, Untouched)]);
}

#[test]
fn kernel_threads_and_those_that_ended_have_no_pages() {
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        assert_eq!(pages::read(&*live(), key(2), 0..page()), Err(Missing::Unsupported));
    }
    if !can_run("kernel_threads_and_those_that_ended_have_no_pages") {
        return;
    }
    let script = Script::start(
        "child = os.fork()
if child == 0:
    os._exit(0)
while open(f'/proc/{child}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
    time.sleep(0.001)
tell(zombie=child)",
        &[],
    );
    let zombie = key(u32::try_from(script.value("zombie")).expect("a pid"));
    assert_eq!(pages::read(&*live(), zombie, 0..page()), Err(Missing::Gone));
    let ended = script.key();
    drop(script);
    assert_eq!(pages::read(&*live(), ended, 0..page()), Err(Missing::Gone));
}

/// Run `sysview pages`.
fn command(pid: u32, arguments: &[&str]) -> Output {
    let output = Command::new(BINARY).arg("pages").arg(pid.to_string()).args(arguments).output();
    output.expect("the program starts")
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn refused(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn the_command_tells_the_mapping_that_holds_an_address() {
    if !can_run("the_command_tells_the_mapping_that_holds_an_address") {
        return;
    }
    // A mapping between two that are not its like, so that it is one of its own.
    let script = Script::start(
        "a = plain(36); libc.mprotect(a, 2 * PAGE, 0); libc.mprotect(a + 34 * PAGE, 2 * PAGE, 0)
a += 2 * PAGE; touch(a, 5, 6); tell(a=a); libc.munmap(ctypes.c_void_p(a + 33 * PAGE), PAGE)",
        &[],
    );
    let (a, page) = (script.value("a"), page());
    let inside = format!("{:x}", a + 5);
    let text = printed(&command(script.pid(), &[&format!("0x{inside}"), "--format", "json"]));
    let json: Json = serde_json::from_str(&text).expect("it is JSON");
    let expected = serde_json::json!({
        "pid": script.pid(),
        "start": format!("{a:#x}"),
        "end": format!("{:#x}", a + 32 * page),
        "page_size": page,
        "counts": {"untouched": 26, "anonymous": 6, "file": 0, "huge": 0, "swapped": 0, "zero": 0},
        "runs": [
            {"start": format!("{a:#x}"), "pages": 5, "state": "untouched"},
            {"start": format!("{:#x}", a + 5 * page), "pages": 6, "state": "anonymous"},
            {"start": format!("{:#x}", a + 11 * page), "pages": 21, "state": "untouched"},
        ],
    });
    assert_eq!(json, expected);
    let keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["pid", "start", "end", "page_size", "counts", "runs"]);
    let line = printed(&command(script.pid(), &[&inside, "--format", "ndjson"]));
    assert_eq!((line.lines().count(), serde_json::from_str::<Json>(&line).ok()), (1, Some(json)));
    let csv = printed(&command(script.pid(), &[&inside, "--format", "csv"]));
    let second = format!("\n{:#x},6,anonymous\n", a + 5 * page);
    assert!(csv.starts_with("start,pages,state\n") && csv.contains(&second), "{csv}");
    let table = printed(&command(script.pid(), &[&inside]));
    assert!(table.contains("\n.....AAAAAA.....................\n"), "{table}");
    assert!(table.starts_with(&format!("{a:x}-{:x} rw-p ", a + 32 * page)), "{table}");

    let outside = refused(&command(script.pid(), &[&format!("{:x}", a + 33 * page)]));
    let neighbours = format!("below is {:x}-{:x}, above is {:x}-", a + 32 * page, a + 33 * page, a + 34 * page);
    assert!(outside.contains(&neighbours), "{outside}: {neighbours}");
    let stack = printed(&command(script.pid(), &["[stack]"]));
    assert!(stack.lines().next().is_some_and(|line| line.ends_with(" stack [stack]")), "{stack}");
}

#[test]
fn the_command_says_what_is_the_matter() {
    assert!(refused(&command(4_194_305, &["1000"])).contains("no such process: 4194305"));
    let usage = command(1, &["heap"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("heap is no address"), "{usage:?}");
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        assert!(refused(&command(2, &["1000"])).contains("2 (kthreadd) is a kernel thread"));
    }
    let mut zombie = Command::new("true").spawn().expect("true starts");
    let stat = format!("/proc/{}/stat", zombie.id());
    wait_for("a zombie", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z ")));
    assert!(refused(&command(zombie.id(), &["1000"])).contains("is a zombie: it has ended and its memory is gone"));
    zombie.wait().expect("it ended");
    let own = std::process::id();
    let of_thread = || {
        let link = fs::read_link("/proc/thread-self").expect("a thread is shown to itself");
        let tid = link.file_name().and_then(|tid| tid.to_str()?.parse().ok()).expect("its name is its number");
        refused(&command(tid, &["[stack]"]))
    };
    let complaint = std::thread::spawn(of_thread).join().expect("it does not panic");
    let advice = format!("is no process but a thread of {own}: try `sysview pages {own} [stack]`\n");
    assert!(complaint.ends_with(&advice), "{complaint}");
    let maps = fs::read_to_string("/proc/self/maps").expect("the own map can be read");
    if maps.contains("[vsyscall]") {
        assert!(refused(&command(std::process::id(), &["[vsyscall]"])).contains("above the addresses of processes"));
    }
}

#[test]
fn processes_of_others_are_refused_and_own_ones_are_not() {
    let test = "processes_of_others_are_refused_and_own_ones_are_not";
    if !need::root(test) || !need::command(test, &["setpriv", "--reuid", "65534", "--clear-groups", "true"]) {
        return;
    }
    let place = tempfile::tempdir().expect("a directory of the test's own");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("it is the test's own");
    let copy = place.path().join("sysview");
    fs::copy(BINARY, &copy).expect("the program can be copied");
    let as_nobody = |script: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", script]);
        command.env("SYSVIEW", &copy).current_dir(Path::new("/")).output().expect("setpriv was there before")
    };
    let others = as_nobody(&format!("$SYSVIEW pages {} '[stack]'", std::process::id()));
    let complaint = refused(&others);
    assert!(complaint.contains("may not be read (denied): it belongs to root; run as root"), "{complaint}");
    assert!(!complaint.contains("root or root"), "{complaint}");
    let own = printed(&as_nobody("$SYSVIEW pages $$ '[stack]' --format ndjson"));
    let own: Json = serde_json::from_str(&own).expect("it is JSON");
    assert!(own["counts"]["anonymous"].as_u64().is_some_and(|pages| pages > 0), "{own}");
}
