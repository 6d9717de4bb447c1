//! Other people's programs: names that are meant for the terminal, and pids of another namespace.

use super::{
    FLAT, Victim, heading, processes, started,
    terminal::{SYSVIEW, Start, ends_within, stat, wait_for},
};
use crate::need;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::PathBuf,
    process::Command,
    time::Duration,
};

/// Names of programs: what a terminal would obey, and what takes no or more than one cell.
const NAMES: [&[u8]; 9] = [
    b"a) R 1\n\x1b[31m(",
    b"\x1b]52;c;aGk=\x07",
    b"\x1b[2J\x1b[H\x1b[6n",
    b"\x9b31mraw\x9b6n",
    "\u{9b}31mc1\u{85}".as_bytes(),
    "evil\u{202e}txt\u{200b}".as_bytes(),
    b"\xff\xfe\xc3(bad\x7f",
    "🦀👩\u{200d}👩".as_bytes(),
    "日本語e\u{301}\r\t".as_bytes(),
];

/// All of them started as programs, with arguments of the same kind, and many.
fn strangers(directory: &tempfile::TempDir) -> Vec<Victim> {
    let shell = fs::canonicalize("/bin/sh").expect("there is a shell");
    let start = |name: &&[u8]| {
        let program: PathBuf = directory.path().join(OsStr::from_bytes(name));
        fs::copy(&shell, &program).expect("a program can be copied");
        let mut command = Command::new(&program);
        command.arg0(OsStr::from_bytes(name)).args(["-c", "read line; :"]);
        // Four times what one argument may hold at most.
        let long = [*name, b"\x1b[1;1H\n\xe2\x80\xae "].concat().repeat(100 * 1024 / (name.len() + 11));
        command.args([OsStr::from_bytes(&long); 4]);
        Victim::start(&mut command)
    };
    NAMES.iter().map(start).collect()
}

/// Everything in these bytes that sysview has no reason to send.
fn foreign(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return vec![format!("bytes that are no UTF-8 at {}", error.valid_up_to())],
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if c == '\x1b' {
            let end =
                rest[1..].find(|c: char| !matches!(c, '[' | '?' | ';' | '0'..='9')).map_or(rest.len(), |at| at + 2);
            length = end.min(rest.len());
            if !is_ours(&rest[1..length]) {
                found.push(rest.chars().take(20).collect::<String>().escape_debug().to_string());
            }
        } else if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        {
            found.push(c.escape_debug().to_string());
        }
        rest = &rest[length..];
    }
    found
}

/// Whether sysview itself sends this sequence (without its ESC).
fn is_ours(sequence: &str) -> bool {
    let Some(body) = sequence.strip_prefix('[') else { return false };
    let numbers = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == ';');
    match body.char_indices().next_back() {
        Some((at, 'h' | 'l')) => body[..at]
            .strip_prefix('?')
            .is_some_and(|mode| ["7", "25", "1000", "1006", "1049", "2004", "2026"].contains(&mode)),
        Some((at, 'm')) => numbers(&body[..at]),
        // The place of a cell; a stranger's cursor motion would have to be one of these to get through, and its text
        // would stand in a wrong cell.
        Some((at, 'H')) => body[..at].split(';').filter(|number| numbers(number) && !number.is_empty()).count() == 2,
        Some((at, 'J')) => &body[..at] == "2",
        _ => false,
    }
}

#[test]
fn what_is_foreign_is_found() {
    let ours = b"\x1b[?1049h\x1b[12;40H\x1b[38;5;2mtext \xe2\x96\x88\x1b[2J\x1b[?2026l\x1b[m";
    assert_eq!(foreign(ours), Vec::<String>::new());
    for bytes in [
        &b"\x1b[6n"[..],
        b"\x1b]52;c;x\x07",
        b"\x1b[H",
        b"\x1b[3J",
        b"\x1b[?47h",
        b"\n",
        b"\xc2\x9b",
        b"\x9b",
        b"\xe2\x80\xae",
        b"\x1b",
    ] {
        assert!(!foreign(bytes).is_empty(), "{bytes:?}");
    }
}

#[test]
fn nothing_of_a_name_reaches_the_terminal_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut strangers = strangers(&directory);
    for stranger in &strangers {
        wait_for("the name", || stat(stranger.pid(), 3).filter(|state| state == "S"));
    }
    let pids: Vec<u32> = strangers.iter().map(Victim::pid).collect();
    let wanted = pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let filter = format!("pid in ({wanted})");
    for options in [&[][..], &["--ascii"]] {
        let arguments = [&["--filter", &filter, "--columns", "pid,name,state,user,command"], options].concat();
        let mut running = started(Start::sysview(&arguments).size(150, 40).settings(FLAT));
        let all = |screen: &vt100::Screen| processes(screen).len() == pids.len() && screen.contents().contains("-c");
        running.until("all of them with their arguments", all);
        running.look(|screen| {
            let row = heading(screen).expect("processes are shown");
            let place = |title: &str| {
                let cells = (0..screen.size().1).filter_map(|x| screen.cell(u16::try_from(row).ok()?, x));
                let text: String = cells.map(|cell| cell.contents().chars().next().unwrap_or(' ')).collect();
                u16::try_from(text.find(title).expect("the heading has it")).expect("a column of the screen")
            };
            let (state, user) = (place(" S ") + 1, place("USER"));
            for y in (row + 1..).take(pids.len()).filter_map(|y| u16::try_from(y).ok()) {
                let at = |x| screen.cell(y, x).map(vt100::Cell::contents).unwrap_or_default();
                assert_eq!(at(state), "S", "line {y}");
                assert!(at(state - 1).trim().is_empty() && at(state + 1).trim().is_empty(), "line {y}");
                assert!(!at(user).trim().is_empty() && at(user - 1).trim().is_empty(), "line {y}");
            }
        });
        // Every place that shows names: details, signals, the search, groups.
        for (keys, shown) in [("\r", "every column"), ("x", "Send a signal"), ("e", "Columns on the screen")] {
            running.keys("\x1b[B");
            running.keys(keys);
            running.until_shown(shown);
            running.keys("\x1b[6~");
            running.keys("\x1b");
            running.until("processes", |screen| !screen.contents().contains(shown));
        }
        running.keys("ttt/evil\r");
        running.until_shown("search:");
        running.keys("\x03");
        running.end();
        assert_eq!(foreign(&running.bytes()), Vec::<String>::new());
    }
    assert!(strangers.iter_mut().all(Victim::lives));
}

/// Numbers that mean one process here and another one there: nothing may be signalled by them.
#[test]
fn nothing_is_signalled_by_pids_of_another_namespace() {
    let test = "pty::hostile::nothing_is_signalled_by_pids_of_another_namespace";
    let last_pid = "echo 300 > /proc/sys/kernel/ns_last_pid";
    if !need::root(test) || !need::command(test, &["unshare", "--pid", "--fork", "sh", "-c", last_pid]) {
        return;
    }
    let mut outside = Victim::sleep();
    let pid = outside.pid();
    // A process in the namespace that has the same number there.
    let script = "echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; sleep 10001 & echo $! > inside; exec $SYSVIEW --filter \"pid = $1\"";
    let start =
        Start::program(&["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", &pid.to_string()]);
    let mut running = started(start.size(120, 30).variable("SYSVIEW", SYSVIEW).settings(FLAT));
    let number = fs::read_to_string(running.home().join("inside")).expect("it was written before sysview began");
    assert_eq!(number.trim(), pid.to_string());
    let inside = inside(pid);
    running.until_shown("no actions");
    running.keys("x");
    running.until_shown("signals are off");
    running.keys("\r");
    assert!(!ends_within(inside, Duration::from_millis(200)), "the process inside was signalled");
    assert!(outside.lives());
    running.keys("\x03");
    running.end();
}

/// The process that has this pid in the namespace below.
fn inside(pid: u32) -> u32 {
    let all = fs::read_dir("/proc").expect("/proc is there").filter_map(Result::ok);
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |outer: &u32| {
        let status = fs::read(format!("/proc/{outer}/status")).unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>() == [outer.to_string(), pid.to_string()]
    };
    pids.find(is_it).expect("it runs")
}
