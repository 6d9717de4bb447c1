//! Signals from outside: those that end it, and those that only stop it.

use super::{
    assert_given_back, occurrences, processes, started,
    terminal::{Start, is_stopped, wait_for},
};
use rustix::process::Signal;
use std::time::Duration;

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut running = started(Start::sysview(&[]));
        running.signal(signal);
        let (status, time) = running.end();
        assert!(status.success(), "{signal:?}: {status}");
        assert!(time < Duration::from_secs(5), "{signal:?}: {time:?}");
        assert_given_back(&running);
    }
}

/// The moment between the first byte and the first frame, too.
#[test]
fn a_signal_while_it_starts_leaves_nothing_behind() {
    for _ in 0..5 {
        let mut running = Start::sysview(&[]).run();
        running.until("the other screen", vt100::Screen::alternate_screen);
        running.signal(Signal::TERM);
        let (status, _) = running.end();
        assert!(status.success(), "{status}");
        assert_given_back(&running);
    }
}

#[test]
fn after_it_was_held_all_is_drawn_anew() {
    let running = started(Start::sysview(&["--delay", "60"]));
    running.signal(Signal::STOP);
    wait_for("it to be stopped", || is_stopped(running.pid()).then_some(()));
    let mark = running.count();
    running.signal(Signal::CONT);
    wait_for("the screen to be cleared", || (occurrences(&running.since(mark), b"\x1b[2J") > 0).then_some(()));
    running.until("processes", |screen| !processes(screen).is_empty());
    assert!(running.modes().is_raw());
}

/// Nobody would ever continue a program that leads the session: the kernel does not stop it for the terminal's sake.
#[test]
fn where_no_shell_would_continue_it_it_does_not_stop() {
    let running = started(Start::sysview(&["--delay", "60"]));
    for keys in ["\x1a", ""] {
        let mark = running.count();
        if keys.is_empty() {
            running.signal(Signal::TSTP);
        }
        running.keys(keys);
        wait_for("a whole frame", || (occurrences(&running.since(mark), b"\x1b[2J") > 0).then_some(()));
        assert!(!is_stopped(running.pid()));
        running.keys("?");
        running.until_shown("┌─ Help");
        running.keys("q");
        running.until("processes", |screen| !processes(screen).is_empty());
        assert!(running.modes().is_raw());
    }
}
