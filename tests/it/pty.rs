//! The real program in a pseudo-terminal: what it draws, what it takes, and that the terminal is as it was before when
//! it ends, stops, panics or loses it.

mod blocked;
mod hostile;
mod jobs;
mod lost;
mod panics;
mod searching;
mod signals;
pub mod stalled;
pub mod terminal;

use rustix::process::Signal;
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use terminal::{Running, SYSVIEW, Start};

/// One line for each process that matches, without its ancestors.
pub const FLAT: &str = "form = \"flat\"";

/// A process to look at, which ends with the test.
pub struct Victim(pub Child);

impl Victim {
    pub fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().expect("the program starts"))
    }

    pub fn sleep() -> Self {
        Self::start(Command::new("sleep").arg("10000"))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn lives(&mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line of headings.
pub fn heading(screen: &vt100::Screen) -> Option<usize> {
    screen.rows(0, screen.size().1).position(|line| line.contains(" PID") && line.contains("COMMAND"))
}

/// The lines of processes, with the pid in each.
pub fn processes(screen: &vt100::Screen) -> Vec<(u32, String)> {
    let Some(heading) = heading(screen) else { return Vec::new() };
    let rows = screen.rows(0, screen.size().1).skip(heading + 1);
    rows.filter_map(|line| Some((line.split_whitespace().next()?.parse().ok()?, line))).collect()
}

/// The process of the line that stands out.
fn selected(screen: &vt100::Screen) -> Option<u32> {
    let rows = screen.rows(0, screen.size().1).enumerate().skip(heading(screen)? + 1);
    let stands_out = |row: usize| {
        let cell = u16::try_from(row).ok().and_then(|row| screen.cell(row, 0));
        cell.is_some_and(|cell| cell.inverse() || cell.bgcolor() != vt100::Color::Default)
    };
    let (_, line) = rows.into_iter().find(|(row, _)| stands_out(*row))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Started, and processes are on the screen.
#[track_caller]
pub fn started(start: Start) -> Running {
    let running = start.run();
    running.until("processes", |screen| !processes(screen).is_empty());
    running
}

/// Nothing of what the program did to the terminal is left.
#[track_caller]
pub fn assert_given_back(running: &Running) {
    assert_screen_given_back(&running.bytes());
    assert_eq!(running.modes(), running.before);
    running.look(|screen| {
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    });
}

/// Whatever was switched on in these bytes was switched off after that, or the other way round.
#[track_caller]
pub fn assert_screen_given_back(bytes: &[u8]) {
    for (mode, usual) in
        [("1049", 'l'), ("2004", 'l'), ("1000", 'l'), ("1006", 'l'), ("2026", 'l'), ("25", 'h'), ("7", 'h')]
    {
        let last = ['h', 'l'].map(|to| rfind(bytes, format!("\x1b[?{mode}{to}").as_bytes()));
        let [on, off] = last;
        // A frame, perhaps, was never begun.
        assert!((on.is_some() || mode == "2026") && off.is_some(), "{mode} was never changed");
        assert_eq!(if on > off { 'h' } else { 'l' }, usual, "mode {mode} was left behind");
    }
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

/// How often this stands in the bytes.
pub fn occurrences(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what).count()
}

#[test]
fn processes_are_there_soon_and_the_selection_moves_with_the_arrows() {
    let begun = Instant::now();
    let running = started(Start::sysview(&["--sort", "pid"]).size(120, 36));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    running.keys("\x1b[H");
    let (first, second) = running.get("the first process selected", |screen| {
        let shown = processes(screen);
        let (first, second) = (shown.first()?.0, shown.get(1)?.0);
        (selected(screen) == Some(first)).then_some((first, second))
    });
    running.keys("\x1b[B");
    running.until("the second process selected", |screen| selected(screen) == Some(second));
    running.keys("\x1b[A");
    running.until("the first process selected", |screen| selected(screen) == Some(first));
}

#[test]
fn a_filter_leaves_only_what_matches() {
    let mut victim = Victim::sleep();
    let pid = victim.pid();
    let running = started(Start::sysview(&[]).settings(FLAT));
    running.keys(&format!("fpid = {pid}"));
    running.until("only that one, while typing", |screen| {
        processes(screen).iter().map(|(pid, _)| *pid).eq([pid]) && screen.contents().contains("1 found")
    });
    running.keys("\r");
    running.until("only that one", |screen| {
        processes(screen).iter().map(|(pid, _)| *pid).eq([pid]) && screen.contents().contains("? help")
    });
    running.keys("\x1b");
    running.until("all again", |screen| processes(screen).len() > 1);
    assert!(victim.lives());
}

#[test]
fn help_opens_and_closes() {
    let running = started(Start::sysview(&[]));
    for (open, close) in [("?", "\x1b"), ("\x1bOP", "q")] {
        running.keys(open);
        running.until_shown("┌─ Help");
        running.keys(close);
        running.until("no help", |screen| !screen.contents().contains("esc close") && heading(screen).is_some());
    }
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let running = started(Start::sysview(&["--sort", "pid"]).size(120, 36));
    let full = |width: usize| {
        move |screen: &vt100::Screen| {
            let rows = processes(screen).len();
            rows > 0 && screen.rows(0, screen.size().1).all(|line| line.chars().count() <= width)
        }
    };
    for (width, height) in [(80, 24), (60, 15)] {
        running.resize(width, height);
        running.until("processes", full(usize::from(width)));
        running.until("the last line in its place", |screen| {
            screen.rows(0, width).last().is_some_and(|line| line.contains("? help") && line.contains("quit"))
        });
    }
    running.resize(20, 5);
    running.until("what it needs", |screen| screen.contents().replace('\n', " ").contains("needs 40x8"));
    running.until("nothing else", |screen| heading(screen).is_none());
    running.resize(120, 36);
    running.until("all of it again", |screen| full(120)(screen) && screen.contents().contains("tasks"));
}

#[test]
fn each_change_of_size_is_drawn_once() {
    let running = started(Start::sysview(&["--delay", "60"]));
    let mark = running.count();
    running.resize(100, 30);
    running.until("the last line in its place", |screen| {
        screen.rows(0, 100).last().is_some_and(|line| line.contains("? help") && line.contains("quit"))
    });
    running.keys("?");
    running.until_shown("┌─ Help");
    assert_eq!(occurrences(&running.since(mark), b"\x1b[2J"), 1);
}

#[test]
fn no_key_is_lost_while_the_size_changes() {
    let running = started(Start::sysview(&["--delay", "60"]));
    for turn in 0..50 {
        running.resize(90 + turn, 30);
        running.keys("?");
        running.until_shown("┌─ Help");
        running.resize(80, 24 + turn);
        running.keys("q");
        running.until("no help", |screen| !screen.contents().contains("esc close") && heading(screen).is_some());
    }
}

#[test]
fn keys_end_it_and_the_terminal_is_as_it_was() {
    for keys in ["q", "\x1b[21~", "\x03"] {
        let mut running = started(Start::sysview(&[]));
        assert!(running.modes().is_raw());
        running.keys(keys);
        let (status, _) = running.end();
        assert!(status.success(), "{keys:?}: {status}");
        assert_given_back(&running);
    }
}

#[test]
fn without_a_terminal_it_names_what_works_without() {
    for (stdin, stdout) in [(true, false), (false, true), (true, true)] {
        let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY);
        let terminal = terminal.expect("there are pseudo-terminals");
        rustix::pty::unlockpt(&terminal).expect("it is ours");
        let end = || {
            let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
            Stdio::from(rustix::pty::ioctl_tiocgptpeer(&terminal, flags).expect("the other end can be opened"))
        };
        let mut command = Command::new(SYSVIEW);
        let command = command.env_remove("HOME").env_remove("XDG_CONFIG_HOME");
        command.stdin(if stdin { Stdio::piped() } else { end() });
        command.stdout(if stdout { Stdio::piped() } else { end() });
        let output = command.stderr(Stdio::piped()).output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("sysview: ") && error.contains("`sysview ps`"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn wrong_usage_has_a_status_of_its_own() {
    for arguments in [&["NOTAPID"][..], &["--no-such-option"], &["--pane", "nope"]] {
        let output = Command::new(SYSVIEW).args(arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn an_idle_screen_costs_the_line_little() {
    let victim = Victim::sleep();
    let running = started(Start::sysview(&["--filter", &format!("pid = {}", victim.pid())]).settings(FLAT));
    // The first two samples bring the rates; from then on it is idle.
    running.until("a rate", |screen| screen.contents().contains("/s"));
    let (mark, begun) = (running.count(), Instant::now());
    let frames = || occurrences(&running.since(mark), b"\x1b[?2026h");
    terminal::wait_for("five seconds of an idle screen", || (begun.elapsed() >= Duration::from_secs(5)).then_some(()));
    let bytes = running.count() - mark;
    assert!(frames() >= 3, "it stood still");
    assert!(bytes < 5 * 1024, "{bytes} bytes in 5 s");
}

#[test]
fn every_frame_is_one_synchronised_update_and_nothing_is_asked_of_the_terminal() {
    let mut running = started(Start::sysview(&["--delay", "0.1"]));
    for keys in ["?", "\x1b", "\x0c", "\x1b[B"] {
        let mark = running.count();
        running.keys(keys);
        terminal::wait_for("a frame", || (occurrences(&running.since(mark), b"\x1b[?2026l") >= 3).then_some(()));
    }
    running.keys("q");
    running.end();
    let bytes = running.bytes();
    for query in [&b"\x1b[6n"[..], b"\x1b[c", b"\x1b[?u", b"\x1b[5n", b"\x1b]"] {
        assert_eq!(occurrences(&bytes, query), 0, "{query:?}");
    }
    let entered = bytes.windows(8).position(|window| window == b"\x1b[?1049h").expect("the other screen");
    let left = rfind(&bytes, b"\x1b[?1049l").expect("the other screen is left");
    let (mut inside, mut rest) = (false, &bytes[entered..left]);
    let mut outside = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        if rest.starts_with(b"\x1b[?2026h") || rest.starts_with(b"\x1b[?2026l") {
            let begins = rest[7] == b'h';
            // The end is said once more when the terminal is given back.
            assert!(!(begins && inside), "a frame in a frame");
            inside = begins;
            rest = &rest[8..];
            continue;
        }
        if !inside {
            outside.push(byte);
        }
        rest = after;
    }
    let text = String::from_utf8(outside).expect("only sequences");
    let modes = text.replace("\x1b[0m", "").replace("\x1b[?", "\n");
    let set = modes.lines().all(|line| line.trim_start_matches(char::is_numeric).len() <= 1);
    assert!(set, "something is drawn outside of frames: {text:?}");
}

/// Parameters of the SGR sequences in these bytes.
fn styles(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences.collect()
}

#[test]
fn without_colour_no_colour_is_sent() {
    let running = |start: Start| {
        let mut running = started(start.size(120, 36));
        running.keys("?");
        running.until_shown("┌─ Help");
        running.keys("q");
        running.until("no help", |screen| !screen.contents().contains("esc close"));
        running.keys("q");
        running.end();
        styles(&running.bytes())
    };
    let is_colour =
        |style: &String| style.split(';').any(|number| matches!(number.parse(), Ok(30..=49 | 58 | 59 | 90..=107)));
    let plain = running(Start::sysview(&[]).variable("NO_COLOR", "1"));
    assert_eq!(plain.iter().filter(|style| is_colour(style)).count(), 0, "{plain:?}");
    assert!(plain.iter().any(|style| style == "1" || style == "7"), "nothing stands out: {plain:?}");
    let coloured = running(Start::sysview(&[]));
    assert!(coloured.iter().any(is_colour));
}

#[test]
fn ascii_only_where_the_terminal_knows_no_more() {
    let mut other = Victim::start(Command::new("sh").args(["-c", "read line", "größe 日本 🦀 é"]));
    let pid = other.pid().to_string();
    for start in [Start::sysview(&["--ascii"]), Start::sysview(&[]).variable("LANG", "C")] {
        let mut running = started(start.size(120, 36).settings(FLAT));
        for keys in ["?", "x", "s", "c", "e", "\r"] {
            running.keys(keys);
            running.until_shown(" esc close");
            running.keys("\x1b[B");
            running.keys("\x1b");
            running.until("nothing on top", |screen| !screen.contents().contains(" esc close"));
        }
        running.keys(&format!("fpid = {pid}\r"));
        running.until("the one with another script", |screen| processes(screen).len() == 1);
        running.keys(" x");
        running.until_shown("Send a signal");
        running.keys("\x1b");
        running.until("nothing on top", |screen| !screen.contents().contains(" esc close"));
        running.keys("z");
        running.until_shown("frozen");
        running.keys("\x03");
        running.end();
        let bytes = running.bytes();
        let at = bytes.iter().position(|byte| !byte.is_ascii());
        let around = at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 20).min(bytes.len())]));
        assert_eq!(around, None);
    }
    assert!(other.lives());
}

#[test]
fn a_signal_goes_to_the_process_that_was_chosen() {
    use std::os::unix::process::ExitStatusExt;
    let mut victim = Victim::sleep();
    let mut bystander = Victim::sleep();
    let running = started(Start::sysview(&["--filter", &format!("pid = {}", victim.pid())]).settings(FLAT));
    running.keys("x");
    running.until_shown("Send a signal to this process");
    running.until_shown(&format!("{} ", victim.pid()));
    running.keys("TERM");
    running.until("that signal alone", |screen| {
        screen.contents().contains("15 SIGTERM") && !screen.contents().contains("SIGHUP")
    });
    assert!(victim.lives(), "nothing is sent before Enter");
    running.keys("\r");
    running.until("what came of it", |screen| {
        screen.contents().contains("┌─ SIGTERM") && screen.contents().contains("  sent")
    });
    let status = victim.0.wait().expect("it is our child");
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    assert!(bystander.lives());
}

#[test]
fn read_only_it_changes_nothing_but_says_so() {
    let mut victim = Victim::sleep();
    let mut running =
        started(Start::sysview(&["--readonly", "--filter", &format!("pid = {}", victim.pid())]).settings(FLAT));
    running.keys("x");
    running.until_shown("--readonly");
    assert!(!running.lines().iter().any(|line| line.contains("Send a signal")));
    running.keys("\r");
    running.until_shown("every column");
    running.keys("\x03");
    running.end();
    assert!(victim.lives());
}

#[test]
fn settings_are_written_only_where_some_were_changed() {
    let running = started(Start::sysview(&[]));
    let file = running.home().join("config/sysview/config.toml");
    running.keys("W");
    running.until_shown("nothing has changed");
    assert!(!running.home().join("config").exists());
    running.keys("<");
    running.until_shown("every 2s");
    assert!(!file.exists());
    running.keys("W");
    running.until_shown("saved delay");
    let text = fs::read_to_string(file).expect("it was written");
    let settings: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(settings.len(), 1, "{text}");
    assert!(settings[0].starts_with("delay = 2"), "{text}");
}
