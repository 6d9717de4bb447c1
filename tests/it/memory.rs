//! Contents of memory, search in it, and who maps a file, on the real kernel.

use crate::mapped::{Script, can_run, key, live, page};
use std::{
    fs,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use sysview::{
    collect::{inspect, live::Live, memory, pages, source::Source},
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Question},
        map::FileId,
        memory::{Contents, Hits, PageState, Sharers},
    },
    text::Text,
    unit::{Pid, ProcessKey, Ticks},
};

/// The bytes from an address of a script.
fn contents(script: &Script, start: u64, length: u64) -> Contents {
    let contents = memory::contents(&*live(), script.key(), start..start + length).expect("a child can be read");
    let mut at = start;
    for piece in &contents.pieces {
        assert_eq!(piece.start, at, "pieces have no gaps");
        assert!(piece.bytes.as_ref().map_or(true, |bytes| bytes.len() as u64 == piece.length), "{}", piece.length);
        at += piece.length;
    }
    assert_eq!(at, start + length.min(memory::LARGEST));
    contents
}

/// Where pieces begin in pages from an address, and whether they can be read.
fn shape(contents: &Contents, from: u64) -> Vec<(u64, Reading<()>)> {
    let of = |bytes: &Reading<Vec<u8>>| bytes.as_ref().map(|_| ()).map_err(|missing| *missing);
    contents.pieces.iter().map(|piece| ((piece.start - from) / page(), of(&piece.bytes))).collect()
}

#[test]
fn contents_are_what_was_written_and_what_cannot_be_read_is_shown_in_its_place() {
    if !can_run("contents_are_what_was_written_and_what_cannot_be_read_is_shown_in_its_place") {
        return;
    }
    let script = Script::start(
        "a = plain(9); touch(a, 0, 9); put(a + PAGE - 4, b'\\x00\\xffover the edge'); put(a + 7 * PAGE, b'behind')
libc.munmap(ctypes.c_void_p(a + 3 * PAGE), 2 * PAGE); tell(a=a)",
        &[],
    );
    let (a, page) = (script.value("a"), page());
    let all = contents(&script, a, 9 * page);
    assert_eq!(shape(&all, a), [(0, Ok(())), (3, Err(Missing::Unsupported)), (5, Ok(()))]);
    let text: Vec<_> = (0..15).map(|at| all.byte(a + page - 4 + at)).collect::<Result<_, _>>().expect("it is there");
    assert_eq!(text, b"\x00\xffover the edge");
    assert_eq!((all.byte(a + 7 * page), all.byte(a + 7 * page + 6)), (Ok(b'b'), Ok(0)));
    assert_eq!(
        (all.byte(a + 3 * page), all.byte(a + 9 * page)),
        (Err(Missing::Unsupported), Err(Missing::NotRequested))
    );
    // Neither its beginning nor its end need be that of a page.
    let edge = contents(&script, a + 3 * page - 2, 2 * page + 3);
    let lengths: Vec<_> = edge.pieces.iter().map(|piece| piece.length).collect();
    assert_eq!(lengths, [2, 2 * page, 1]);
    assert_eq!(contents(&script, a, 0).pieces, []);
}

#[test]
fn looking_at_memory_touches_nothing() {
    if !can_run("looking_at_memory_touches_nothing") {
        return;
    }
    let script = Script::start("a = plain(8); touch(a, 2); tell(a=a)", &[]);
    let (a, page) = (script.value("a"), page());
    let states = || {
        let told = pages::read(&*live(), script.key(), a..a + 8 * page).expect("a child can be read");
        told.runs.iter().map(|run| (run.pages, run.state)).collect::<Vec<_>>()
    };
    let before = states();
    assert_eq!(before, [(2, PageState::Untouched), (1, PageState::Anonymous), (5, PageState::Untouched)]);
    let all = contents(&script, a, 8 * page);
    assert_eq!(shape(&all, a), [(0, Ok(()))]);
    let touched: Vec<_> = (a..a + 8 * page).filter(|address| all.byte(*address) != Ok(0)).collect();
    assert_eq!(touched, [a + 2 * page]);
    search(script.key(), b"nothing like this");
    assert_eq!(states(), before);
}

#[test]
fn no_more_is_read_than_a_question_may_ask_for() {
    if !can_run("no_more_is_read_than_a_question_may_ask_for") {
        return;
    }
    let script = Script::start("a = plain(64); touch(a, 0, 64); tell(a=a)", &[]);
    let all = contents(&script, script.value("a"), 64 * page());
    assert_eq!(all.pieces.iter().map(|piece| piece.length).sum::<u64>(), memory::LARGEST);
}

#[test]
fn pages_without_permissions_are_told_as_the_kernel_tells_them() {
    if !can_run("pages_without_permissions_are_told_as_the_kernel_tells_them") {
        return;
    }
    let script = Script::start(
        "a = plain(8); touch(a, 0, 8); libc.mprotect(a + PAGE, PAGE, 0); put(a, b'before')
tell(a=a, guards=1 if libc.madvise(a + 4 * PAGE, 2 * PAGE, GUARD) == 0 else 0)
memory = os.open('/proc/self/mem', os.O_RDONLY)
try: tell(told=len(os.pread(memory, 1, a + PAGE)))
except OSError: tell(told=0)",
        &[],
    );
    let a = script.value("a");
    let told = if script.value("told") == 1 { Ok(()) } else { Err(Missing::Unsupported) };
    let mut expected = vec![(0, Ok(())), (1, told), (2, Ok(()))];
    if script.value("guards") == 1 {
        expected.extend([(4, Err(Missing::Unsupported)), (6, Ok(()))]);
    }
    expected.dedup_by(|later, earlier| later.1 == earlier.1);
    assert_eq!(shape(&contents(&script, a, 8 * page()), a), expected);
}

#[test]
fn what_lies_behind_the_end_of_a_file_cannot_be_read() {
    if !can_run("what_lies_behind_the_end_of_a_file_cannot_be_read") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory of the test's own");
    let path = directory.path().join("data");
    fs::write(&path, b"short").expect("it can be written");
    let script = Script::start("a = area(3, READ, SHARED, os.open(sys.argv[1], os.O_RDONLY)); tell(a=a)", &[&path]);
    let a = script.value("a");
    let all = contents(&script, a, 3 * page());
    assert_eq!(shape(&all, a), [(0, Ok(())), (1, Err(Missing::Unsupported))]);
    let text: Vec<_> = (0..6).map(|at| all.byte(a + at)).collect::<Result<_, _>>().expect("it is there");
    assert_eq!(text, b"short\0");
}

#[test]
fn contents_of_nobody_are_refused() {
    let other = ProcessKey { pid: Pid(std::process::id()), start: Ticks(1) };
    assert_eq!(memory::contents(&*live(), other, 0..1), Err(Missing::Gone));
    let first_is_roots = fs::metadata("/proc/1").is_ok_and(|first| first.uid() == 0);
    if !rustix::process::geteuid().is_root() && first_is_roots {
        assert_eq!(memory::contents(&*live(), key(1), 0..1), Err(Missing::Denied));
        assert_eq!(answers(&live(), &Question::Search(key(1), Text::from("x")), 9), [Err(Missing::Denied)]);
    }
    let own = key(std::process::id());
    let above = memory::contents(&*live(), own, 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_0010).expect("it can be tried");
    assert_eq!(shape(&above, 0xffff_ffff_ff60_0000), [(0, Err(Missing::Unsupported))]);
}

/// All answers to a search.
fn answers(source: &Arc<dyn Source>, question: &Question, enough: usize) -> Vec<Reading<Answer>> {
    let mut answers = Vec::new();
    inspect::answer(source, question, &mut |answer| {
        answers.push(answer);
        if answers.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    answers
}

fn hits(answer: &Reading<Answer>) -> &Hits {
    match answer {
        Ok(Answer::Search(hits)) => hits,
        other => panic!("no answer to a search: {other:?}"),
    }
}

/// The last answer to a search.
fn search(key: ProcessKey, needle: &[u8]) -> Hits {
    let answers = answers(&live(), &Question::Search(key, Text::from(needle)), usize::MAX);
    let mut searched = 0;
    for hits in answers.iter().map(hits) {
        assert!(hits.searched >= searched && hits.searched + hits.unreadable <= hits.total, "{hits:?}");
        searched = hits.searched;
    }
    let last = hits(answers.last().expect("there is an answer")).clone();
    assert!(last.done && last.searched + last.unreadable == last.total, "{last:?}");
    assert!(last.found.is_sorted_by(|a, b| a < b));
    last
}

#[test]
fn a_search_finds_every_place_and_each_once() {
    if !can_run("a_search_finds_every_place_and_each_once") {
        return;
    }
    // Made of two halves, so that it stands nowhere but where it was put; across pages, mappings, and blocks of the search.
    let script = Script::start(
        "needle = bytes(c ^ 1 for c in b'yxedefm`oiro')
a = plain(2048); touch(a, 0, 600); tell(a=a)
for place in (0, PAGE - 3, 256 * PAGE - 5, 300 * PAGE - 1, 512 * PAGE - 7, 600 * PAGE - len(needle)):
    put(a + place, needle)
libc.mprotect(a + 300 * PAGE, 100 * PAGE, READ)
b = plain(4); tell(b=b); touch(b, 0, 4); put(b, needle); libc.mprotect(b, PAGE, 0)
del needle",
        &[],
    );
    let (a, page) = (script.value("a"), page());
    let needle: Vec<_> = b"yxedefm`oiro".iter().map(|c| c ^ 1).collect();
    let found = search(script.key(), &needle);
    let places = [0, page - 3, 256 * page - 5, 300 * page - 1, 512 * page - 7, 600 * page - needle.len() as u64];
    let inside: Vec<_> = found.found.iter().filter(|at| (a..a + 2048 * page).contains(at)).map(|at| at - a).collect();
    assert_eq!(inside, places);
    let b = script.value("b");
    assert!(!found.found.contains(&b), "what the process itself may not read is left alone");
    assert!(found.more == 0 && found.total > 600 * page, "{found:?}");
    assert!(found.total < script_size(&script), "what was never touched is not looked at");
}

/// The address space of a script, without what is reserved.
fn script_size(script: &Script) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{}/statm", script.pid())).expect("it runs");
    statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).expect("a number of pages") * page()
}

#[test]
fn matches_do_not_overlap_and_no_more_are_kept_than_can_be_shown() {
    if !can_run("matches_do_not_overlap_and_no_more_are_kept_than_can_be_shown") {
        return;
    }
    let script = Script::start(
        "a = plain(600); tell(a=a); ctypes.memset(a, 0xa7, 600 * PAGE)
b = plain(2); tell(b=b); touch(b, 0, 2); put(b + 5, b'\\xa7' * 7)",
        &[],
    );
    let found = search(script.key(), &[0xa7; 3]);
    let (a, b, size) = (script.value("a"), script.value("b"), 600 * page());
    assert_eq!(found.found.len(), Hits::MOST);
    let seen = found.found.len() as u64 + found.more;
    assert!((size / 3 + 2..size / 3 + 100).contains(&seen), "{seen}");
    let run: Vec<_> = found.found.iter().filter(|at| (a..a + 3000).contains(at)).map(|at| at - a).collect();
    assert!(run.is_empty() || run.iter().enumerate().all(|(at, place)| *place == 3 * at as u64), "{run:?}");
    let inside: Vec<_> = found.found.iter().filter(|at| (b..b + 100).contains(at)).map(|at| at - b).collect();
    assert!(inside.is_empty() || inside == [5, 8], "{inside:?}");
    assert!(search(script.key(), b"").found.is_empty(), "nothing is found nowhere");
}

#[test]
fn a_search_can_be_broken_off_and_tells_how_far_it_has_come() {
    if !can_run("a_search_can_be_broken_off_and_tells_how_far_it_has_come") {
        return;
    }
    let script = Script::start("a = plain(65536); tell(a=a); ctypes.memset(a, 1, 65536 * PAGE)", &[]);
    let question = Question::Search(script.key(), Text::from("\u{1}\u{2}"));
    let first = answers(&live(), &question, 1);
    assert_eq!(first.len(), 1);
    let begun = hits(&first[0]);
    assert!(!begun.done && begun.searched == 0 && begun.total >= 65536 * page(), "{begun:?}");
    let gone = Question::Search(ProcessKey { start: Ticks(1), ..script.key() }, Text::from("x"));
    assert_eq!(answers(&live(), &gone, 9), [Err(Missing::Gone)]);
}

/// The last answer to who maps a file.
fn sharers(source: &Arc<dyn Source>, file: FileId) -> Sharers {
    match answers(source, &Question::Sharers(file), usize::MAX).pop() {
        Some(Ok(Answer::Sharers(sharers))) => Arc::unwrap_or_clone(sharers),
        other => panic!("no answer to who maps a file: {other:?}"),
    }
}

/// The file as the map of a process names it.
fn file_of(pid: u32, path: &Path) -> FileId {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let path = path.to_str().expect("a path of the test's own");
    let line = maps.lines().find(|line| line.ends_with(path)).expect("it is mapped");
    let words: Vec<_> = line.split_whitespace().collect();
    let (major, minor) = words[3].split_once(':').expect("two numbers");
    let number = |text| u32::from_str_radix(text, 16).expect("hexadecimal");
    FileId { device: (number(major), number(minor)), inode: words[4].parse().expect("a number") }
}

#[test]
fn all_that_map_a_file_are_found() {
    if !can_run("all_that_map_a_file_are_found") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory of the test's own");
    let path = directory.path().join("shared data");
    fs::write(&path, vec![0; usize::try_from(8 * page()).expect("it is small")]).expect("it can be written");
    let map = "file = os.open(sys.argv[1], os.O_RDWR); area(4, READ, SHARED, file)";
    let one = Script::start(map, &[&path]);
    let two =
        Script::start(&format!("{map}\narea(8, READ | WRITE, PRIVATE, file); area(2, READ, SHARED, file)"), &[&path]);
    let file = file_of(one.pid(), &path);
    let found = sharers(&live(), file);
    assert!(found.done && found.looked_at >= 3, "{found:?}");
    let told: Vec<_> = found
        .processes
        .iter()
        .map(|sharer| {
            let mut permissions: Vec<_> = sharer.permissions.iter().map(|allowed| allowed.letters()).collect();
            permissions.sort_unstable();
            assert!(sharer.name.starts_with(b"python"), "{:?}", sharer.name);
            (sharer.key, sharer.size.0 / page(), permissions)
        })
        .collect();
    let mut expected = [(one.key(), 4, vec!["r--s"]), (two.key(), 14, vec!["r--s", "rw-p"])];
    expected.sort_by_key(|(key, ..)| key.pid);
    assert!(found.processes.is_sorted_by_key(|sharer| sharer.key.pid));
    assert_eq!(told, expected);
    let nobody = sharers(&live(), FileId { inode: 0, ..file });
    assert!(nobody.done && nobody.processes.is_empty() && nobody.looked_at == 0, "{nobody:?}");
}

#[test]
fn a_map_that_never_comes_hides_no_other_and_is_counted() {
    let tree = tempfile::tempdir().expect("a directory of the test's own");
    let line = "1000-3000 r--p 00000000 fe:00 123                        /lib/a.so\n";
    for pid in [10, 11, 12, 13, 14, 15, 16] {
        let directory = tree.path().join(pid.to_string());
        fs::create_dir(&directory).expect("it is the test's own");
        // 15 is a zombie, 16 a kernel thread.
        let (state, flags) = (if pid == 15 { 'Z' } else { 'S' }, if pid == 16 { 0x0020_0000 } else { 0 });
        let stat = format!("{pid} (a b) {state} 1 1 1 0 -1 {flags} {}\n", "0 ".repeat(43));
        fs::write(directory.join("stat"), stat).expect("it can be written");
        if pid == 11 || pid == 12 {
            let made = Command::new("mkfifo").arg(directory.join("maps")).status();
            assert!(made.expect("mkfifo can be started").success());
        } else if pid == 13 {
            fs::write(directory.join("maps"), line.replace(" 123 ", " 124 ")).expect("it can be written");
        } else {
            fs::write(directory.join("maps"), line).expect("it can be written");
        }
    }
    let source: Arc<dyn Source> = Arc::new(Live::open(tree.path()).expect("it is a directory"));
    let begun = Instant::now();
    let found = sharers(&source, FileId { device: (0xfe, 0), inode: 123 });
    assert!(begun.elapsed() < Duration::from_secs(30), "nobody waits for ever");
    let pids: Vec<_> = found.processes.iter().map(|sharer| (sharer.key.pid.0, sharer.size.0)).collect();
    assert_eq!(pids, [(10, 0x2000), (14, 0x2000)]);
    assert_eq!((found.looked_at, found.denied, found.done), (3, 2, true));
}
