//! A mapping looked into, on the real kernel: its bytes as they change, a search through the process, what becomes of it,
//! and who else maps its file.

use crate::mapped::{Script, can_run, live, page};
use clap::Parser;
use ratatui::{buffer::Buffer, style::Style};
use rustix::fd::OwnedFd;
use std::{fs, sync::Arc};
use sysview::{
    cli::Cli,
    collect::source::Source,
    command::screen::{Abilities, app, configuration},
    snapshot::{Missing, Moment, Observer, Reading, Units},
    tui::{
        runtime::headless::Headless,
        theme::{Depth, Role, Theme},
    },
    unit::{Nanoseconds, Pid},
};

const COMMON: (u16, u16) = (80, 24);

/// The memory pane on a process.
fn screen(source: Arc<dyn Source>, pid: u32, size: (u16, u16)) -> Headless {
    let arguments = ["sysview".to_owned(), "--pane".to_owned(), "memory".to_owned(), pid.to_string()];
    let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
    let config = configuration(&cli.screen, None).unwrap_or_else(|error| panic!("{error}"));
    let abilities = Abilities { depth: Depth::Sixteen, unicode: true };
    let app = app(&cli, &config, abilities, &*source).unwrap_or_else(|error| panic!("{error}"));
    let mut screen = Headless::new(app, source, size, |_| {});
    screen.tick().expect("the processes can be listed");
    screen
}

/// The mapping that holds an address, opened.
fn open(script: &Script, address: u64) -> Headless {
    let mut screen = screen(live(), script.pid(), COMMON);
    press(&mut screen, &format!("/{address:#x}<enter><enter>"));
    screen
}

fn press(screen: &mut Headless, keys: &str) {
    screen.press(keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
    buffer.content.chunks(width).map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_shown(screen: &Headless, what: &str) {
    let text = text(&screen.draw());
    assert!(text.contains(what), "{what} is not shown:\n{text}");
}

/// The look of the first cell of what stands in the text.
#[track_caller]
fn look(screen: &Headless, what: &str) -> Style {
    let buffer = screen.draw();
    let width = usize::from(buffer.area.width);
    let symbols: Vec<_> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    let sought: Vec<_> = what.chars().map(String::from).collect();
    let at = symbols.windows(sought.len()).position(|window| window.iter().zip(&sought).all(|(a, b)| a == b));
    let at = at.unwrap_or_else(|| panic!("{what} is not shown:\n{}", text(&buffer)));
    assert!(at / width == (at + sought.len() - 1) / width, "{what} is broken over two lines");
    buffer.content[at].style()
}

fn role(role: Role) -> Style {
    Theme::named("auto", Depth::Sixteen).expect("the theme exists").style(role)
}

/// Whether a look has what a role adds.
fn has(look: Style, role: Style) -> bool {
    look.patch(role) == look
}

#[test]
fn bytes_are_shown_and_those_that_change_are_marked() {
    if !can_run("bytes_are_shown_and_those_that_change_are_marked") {
        return;
    }
    let script = "a = plain(3); put(a, b'known bytes \\x1b[31m'); tell(a=a); step(); put(a + 6, b'BYTES')";
    let mut script = Script::start(script, &[]);
    let a = script.value("a");
    let mut screen = open(&script, a);
    press(&mut screen, "v<down>");
    assert_shown(&screen, &format!("{a:x} 6b 6e 6f 77 6e 20 62 79 74 65 73 20 1b 5b 33 31"));
    assert_shown(&screen, "known bytes .[31");
    assert!(!has(look(&screen, "62 79"), role(Role::Changed)));
    script.go_on();
    press(&mut screen, "<tick>");
    assert_shown(&screen, "known BYTES .[31");
    assert!(has(look(&screen, "42 59"), role(Role::Changed)), "what changed is marked");
    assert!(!has(look(&screen, "6b 6e 6f 77"), role(Role::Changed)), "and nothing else");
    press(&mut screen, "<tick>");
    assert!(!has(look(&screen, "42 59"), role(Role::Changed)), "until the next reading");
}

/// Writes bytes such that they stand nowhere else in the process, not even in what made them.
const SECRETLY: &str = "
def secretly(address, data):
    for at, byte in enumerate(data):
        ctypes.memset(address + at, byte ^ 1, 1)
";

/// What these bytes are without the change of one bit.
fn plain(data: &str) -> String {
    data.bytes().map(|byte| char::from(byte ^ 1)).collect()
}

#[test]
fn a_search_goes_through_the_whole_process_and_leads_to_other_mappings() {
    if !can_run("a_search_goes_through_the_whole_process_and_leads_to_other_mappings") {
        return;
    }
    let script = Script::start(
        &format!(
            "{SECRETLY}a = plain(40); guard = area(1, 0); b = area(40, READ | WRITE, SHARED | ANONYMOUS)
secretly(a + 9 * PAGE + 5, b'qwertzuiop'); secretly(a + 30 * PAGE, b'qwertzuiop'); secretly(b + PAGE - 3, b'qwertzuiop')
tell(a=a, b=b)"
        ),
        &[],
    );
    let (a, b, page) = (script.value("a"), script.value("b"), page());
    let mut screen = open(&script, a);
    press(&mut screen, &format!("/{}<enter><tick>", plain("qwertzuiop")));
    let mut all = [a + 9 * page + 5, a + 30 * page, b + page - 3];
    all.sort_unstable();
    // From the beginning of the mapping that was open.
    let mut at = usize::from(b < a);
    for _ in 0..4 {
        assert_shown(&screen, &format!("{:x} +", all[at]));
        assert_shown(&screen, &format!("match {} of 3", at + 1));
        let inside = if all[at] == b + page - 3 { b } else { a };
        assert!(title(&screen).contains(&format!("{inside:x}-")) || inside != b, "{}", title(&screen));
        assert!(
            has(look(&screen, &format!("{:02x} {:02x}", b'w' ^ 1, b'e' ^ 1)), role(Role::Match)),
            "matches are marked"
        );
        at = (at + 1) % 3;
        press(&mut screen, "n<tick>");
    }
    press(&mut screen, "NN<tick>");
    assert_shown(&screen, &format!("match {} of 3", (at + 1) % 3 + 1));
    // Bytes can be typed as such, and nothing is an answer too.
    press(&mut screen, "/0x71 77 65 72 74 7a 75 69 6f 70 00 01 02<enter><tick>");
    assert_shown(&screen, "no match  in ");
    // What is looked for is dropped, and n leads to the next mapping again.
    press(&mut screen, "/<enter>");
    let before = title(&screen);
    press(&mut screen, "n");
    assert_ne!(title(&screen), before);
    press(&mut screen, "N");
    assert_eq!(title(&screen), before);
}

/// The upper edge of the box.
fn title(screen: &Headless) -> String {
    let text = text(&screen.draw());
    text.lines().find(|line| line.starts_with("┌─")).expect("a box is open").to_owned()
}

#[test]
fn an_address_can_be_gone_to_wherever_it_is() {
    if !can_run("an_address_can_be_gone_to_wherever_it_is") {
        return;
    }
    let script = Script::start(
        "a = plain(2); b = area(64, READ, PRIVATE | ANONYMOUS); put(a + 8, b.to_bytes(8, 'little')); tell(a=a, b=b)",
        &[],
    );
    let (a, b) = (script.value("a"), script.value("b"));
    let mut screen = open(&script, a);
    press(&mut screen, &format!("/{:#x}", b + 0x1234));
    assert_shown(&screen, &format!("go to {:x}", b + 0x1234));
    press(&mut screen, "<enter><tick>");
    assert_shown(&screen, &format!("{:x} +", b + 0x1234));
    press(&mut screen, "/0x123");
    assert_shown(&screen, "nothing is mapped at 123");
    press(&mut screen, "<enter>");
    assert_shown(&screen, "look for: 0x123");
    press(&mut screen, &format!("<esc>/{:#x}<enter><tick>", a + 8));
    assert_shown(&screen, "points into anonymous");
}

#[test]
fn what_becomes_of_the_mapping_is_said() {
    if !can_run("what_becomes_of_the_mapping_is_said") {
        return;
    }
    let mut script = Script::start(
        "libc.sbrk.restype = ctypes.c_void_p
heap = libc.sbrk(0) - 1; a = plain(16); tell(heap=heap, a=a); step()
libc.sbrk(1 << 20); libc.munmap(ctypes.c_void_p(a), 16 * PAGE); step()
area(16, at=a, flags=PRIVATE | ANONYMOUS | FIXED, file=-1)
file = os.memfd_create('x'); os.ftruncate(file, 16 * PAGE); area(16, READ, SHARED | FIXED, file, a)",
        &[],
    );
    let (heap, a) = (script.value("heap"), script.value("a"));
    let (mut heap, mut gone) = (open(&script, heap), open(&script, a));
    press(&mut gone, "v");
    assert_shown(&heap, "[heap]");
    script.go_on();
    press(&mut heap, "<tick>");
    press(&mut gone, "<tick>");
    assert_shown(&heap, "+1.0M since opened");
    assert_shown(&gone, "gone: this is what was there last");
    script.go_on();
    press(&mut gone, "<tick>");
    assert_shown(&gone, "gone: another mapping is there now");
    drop(script);
    press(&mut gone, "<tick>");
    assert_shown(&gone, "the process has exited");
}

#[test]
fn what_cannot_be_read_has_its_reason() {
    if !can_run("what_cannot_be_read_has_its_reason") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory of the test's own");
    let path = directory.path().join("data");
    fs::write(&path, b"short").expect("it can be written");
    let script = Script::start("a = area(3, READ, SHARED, os.open(sys.argv[1], os.O_RDONLY)); tell(a=a)", &[&path]);
    let mut screen = open(&script, script.value("a"));
    press(&mut screen, "v<end><tick><tick><tick>");
    assert_shown(&screen, "8.0K cannot be read: unsupported");
    assert_shown(&screen, "the file ends before: to touch it is SIGBUS");
    press(&mut screen, "<up><tick>");
    assert_shown(&screen, "in the file fff");
}

#[test]
fn those_that_map_the_same_file_are_found_and_can_be_gone_to() {
    if !can_run("those_that_map_the_same_file_are_found_and_can_be_gone_to") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory of the test's own");
    let path = directory.path().join("data");
    fs::write(&path, vec![1; 9 * 4096]).expect("it can be written");
    let map = |pages: usize, protection: &str| {
        let script = format!("a = area({pages}, {protection}, SHARED, os.open(sys.argv[1], os.O_RDWR)); tell(a=a)");
        Script::start(&script, &[&path])
    };
    let (one, other) = (map(2, "READ"), map(3, "READ | WRITE"));
    let mut screen = open(&one, one.value("a"));
    press(&mut screen, "vv");
    assert_shown(&screen, "1 other process maps this file");
    assert_shown(&screen, "this process");
    let shown = text(&screen.draw());
    let row = shown.lines().find(|line| line.contains(&format!(" {} python3", other.pid()))).expect("it has a row");
    let size = sysview::table::value::bytes_text(3.0 * page() as f64);
    assert!(row.contains(&format!(" {size} rw-s")), "{row}");
    press(&mut screen, if other.pid() > one.pid() { "<end><enter>" } else { "<home><enter>" });
    let shown = text(&screen.draw());
    assert!(!shown.contains("┌─") && shown.contains(&format!("  {} python3", other.pid())), "{shown}");
    // Nothing can be asked of memory without a file.
    press(&mut screen, "/heap<enter><enter>vv");
    assert_shown(&screen, "This memory is of no file");
}

/// This machine, were it to refuse the memory of processes, as kernel.yama.ptrace_scope can make it.
struct Refusing(Arc<dyn Source>);

impl Source for Refusing {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        self.0.read(path, into)
    }

    fn open(&self, path: &str) -> Reading<OwnedFd> {
        if path.ends_with("/mem") { Err(Missing::Denied) } else { self.0.open(path) }
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        self.0.link(path)
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        self.0.numbers(path, into)
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        self.0.cpu_clock(pid)
    }

    fn now(&self) -> Moment {
        self.0.now()
    }

    fn units(&self) -> Units {
        self.0.units()
    }

    fn observer(&self) -> Observer {
        self.0.observer()
    }
}

#[test]
fn where_the_memory_is_refused_a_sentence_says_so() {
    if !can_run("where_the_memory_is_refused_a_sentence_says_so") {
        return;
    }
    let script = Script::start("a = plain(2); tell(a=a)", &[]);
    let mut screen = screen(Arc::new(Refusing(live())), script.pid(), COMMON);
    press(&mut screen, &format!("/{:#x}<enter><enter>v", script.value("a")));
    assert_shown(&screen, &format!("The memory of {} may not be read", script.pid()));
    assert_shown(&screen, "root");
    press(&mut screen, "/text<enter>");
    assert_shown(&screen, "the search failed: denied");
}

#[test]
fn mappings_within_an_object_are_reached_in_the_picture_and_their_pages_one_after_the_other() {
    if !can_run("mappings_within_an_object_are_reached_in_the_picture_and_their_pages_one_after_the_other") {
        return;
    }
    let script = Script::start("a = plain(8); libc.mprotect(a + 4 * PAGE, PAGE, READ); tell(a=a)", &[]);
    let (a, page) = (script.value("a"), page());
    for form in ["", "t"] {
        let mut screen = screen(live(), script.pid(), (120, 36));
        press(&mut screen, &format!("/{a:#x}<enter>{form}<esc>v<right>"));
        assert_shown(&screen, &format!("{:x}", a + 4 * page));
        press(&mut screen, "<right>v<tick>");
        assert_shown(&screen, &format!("{:x} page 1 of 3", a + 5 * page));
        press(&mut screen, "N<tick>");
        assert_shown(&screen, &format!("{:x} page 1 of 1", a + 4 * page));
        press(&mut screen, "NnN<tick>");
        assert_shown(&screen, "page 1 of 4 ");
    }
}
