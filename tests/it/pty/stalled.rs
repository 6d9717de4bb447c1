//! A terminal that takes no output for a while, as an ssh client on a dead line: nothing but the frames waits for it.

use super::{
    FLAT, Victim, assert_given_back, occurrences, processes, started,
    terminal::{Running, SYSVIEW, Session, Start, cpu_time, ends_within, resident, wait_for},
};
use crate::need;
use rustix::process::Signal;
use std::{
    fs,
    time::{Duration, Instant},
};

/// Whether the thread that writes is asleep, and wants to write (proc_pid_wchan(5) is 0 for others than root).
pub fn writer_waits(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    let mut writers = threads
        .filter(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "writer"));
    let Some(writer) = writers.next() else { return false };
    // Number of the system call: poll, ppoll or write, where a writer with nothing to do waits for a message (futex).
    let call = fs::read_to_string(writer.path().join("syscall")).unwrap_or_default();
    let number = call.split_whitespace().next().and_then(|number| number.parse::<i64>().ok());
    number.is_some_and(|number| waiting_calls().contains(&number))
}

fn waiting_calls() -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    let calls = vec![libc::SYS_write, libc::SYS_ppoll, libc::SYS_poll];
    #[cfg(not(target_arch = "x86_64"))]
    let calls = vec![libc::SYS_write, libc::SYS_ppoll];
    calls
}

/// Stop reading and wait until the program has noticed.
#[track_caller]
fn stall(running: &Running) {
    running.pause();
    // Whole frames, more than a terminal keeps.
    running.keys("\x0c\x0c\x0c");
    wait_for("the writer to wait", || {
        running.keys("\x0c");
        writer_waits(running.pid()).then_some(())
    });
}

/// CPU time that it uses in two seconds.
fn used(pid: u32) -> Duration {
    let (before, begun) = (cpu_time(pid), Instant::now());
    wait_for("two seconds", || (begun.elapsed() >= Duration::from_secs(2)).then_some(()));
    cpu_time(pid).saturating_sub(before)
}

#[test]
fn only_the_frames_wait() {
    let victim = Victim::sleep();
    let running = started(Start::sysview(&["--delay", "0.1"]).size(200, 60).settings(FLAT));
    let pid = running.pid();
    let usual = used(pid);
    stall(&running);
    let memory = resident(pid);
    let stalled = used(pid);
    assert!(stalled < usual * 3 / 2 + Duration::from_millis(300), "{stalled:?} of CPU time, {usual:?} before");
    running.keys(&format!("fpid = {}\r", victim.pid()));
    used(pid);
    assert!(writer_waits(pid));
    let grown = resident(pid).saturating_sub(memory);
    assert!(grown < 8 * 1024, "{grown} KiB more");

    let (mark, begun) = (running.count(), Instant::now());
    running.go_on();
    running.until("only that one", is_only(victim.pid()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let (frames, bytes) = frames_until(&running.bytes(), mark, is_only(victim.pid()));
    // Those that the terminal itself kept, the one that was under way, and the one after.
    assert!(frames <= 5 && bytes < 64 * 1024, "{frames} frames of {bytes} bytes, as if they had been kept");
    assert_whole(&running);
}

fn is_only(pid: u32) -> impl Fn(&vt100::Screen) -> bool {
    move |screen| processes(screen).iter().map(|(pid, _)| *pid).eq([pid])
}

/// How many frames, and bytes, came after a mark until the screen was as it should be.
fn frames_until(bytes: &[u8], mark: usize, is: impl Fn(&vt100::Screen) -> bool) -> (usize, usize) {
    let mut parser = vt100::Parser::new(60, 200, 0);
    parser.process(&bytes[..mark]);
    let mut rest = &bytes[mark..];
    let end = b"\x1b[?2026l";
    for frame in 1.. {
        let length = rest.windows(end.len()).position(|window| window == end).expect("it was so") + end.len();
        parser.process(&rest[..length]);
        rest = &rest[length..];
        if is(parser.screen()) {
            return (frame, bytes.len() - mark - rest.len());
        }
    }
    unreachable!("the screen was as it should be")
}

/// What is on the screen is what a fresh one shows: nothing of an old frame is left, nothing is missing.
#[track_caller]
pub fn assert_whole(running: &Running) {
    running.keys("z");
    running.until_shown("frozen");
    let before = running.lines();
    let mark = running.count();
    running.keys("\x0c");
    wait_for("a whole frame", || {
        let bytes = running.since(mark);
        let cleared = bytes.windows(4).position(|window| window == b"\x1b[2J")?;
        (occurrences(&bytes[cleared..], b"\x1b[?2026l") > 0).then_some(())
    });
    assert_eq!(running.lines(), before);
}

#[test]
fn it_ends_while_the_terminal_takes_nothing_and_leaves_it_in_order() {
    for session in [Session::Controlling, Session::Detached] {
        for end in ["q", ""] {
            let start = Start::sysview(&["--delay", "0.1"]).size(200, 60);
            let mut running = started(if session == Session::Detached { start.detached() } else { start });
            stall(&running);
            let begun = Instant::now();
            if end.is_empty() {
                running.signal(Signal::TERM);
            }
            running.keys(end);
            assert!(ends_within(running.pid(), Duration::from_secs(5)));
            println!("ended after {:?}", begun.elapsed());
            running.go_on();
            let (status, _) = running.end();
            assert!(status.success(), "{status}");
            assert_given_back(&running);
        }
    }
}

/// As below `su`: the node of the terminal is another user's, and it may not be opened anew.
#[test]
fn it_ends_while_the_terminal_of_another_user_takes_nothing() {
    let test = "pty::stalled::it_ends_while_the_terminal_of_another_user_takes_nothing";
    let other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", SYSVIEW];
    if !need::root(test) || !need::command(test, &[&other[..], &["--version"]].concat()) {
        return;
    }
    for session in [Session::Controlling, Session::Detached] {
        let start = Start::program(&[&other[..], &["--delay", "0.1"]].concat()).size(200, 60);
        let mut running = started(if session == Session::Detached { start.detached() } else { start });
        stall(&running);
        running.keys("q");
        assert!(ends_within(running.pid(), Duration::from_secs(5)));
        running.go_on();
        let (status, _) = running.end();
        assert!(status.success(), "{status}");
        assert_given_back(&running);
    }
}
