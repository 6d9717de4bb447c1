//! The terminal vanishes.

use super::{
    started,
    terminal::{Start, cpu_time, ends_within, is_stopped, wait_for},
};
use rustix::process::Signal;
use std::time::Duration;

/// How long it may take; longer only because other tests run beside.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn without_its_terminal_it_ends() {
    for start in [Start::sysview(&[]), Start::sysview(&[]).detached()] {
        let mut running = started(start);
        let before = cpu_time(running.pid());
        // A zombie keeps its times until it is waited for.
        running.close();
        assert!(ends_within(running.pid(), SOON));
        let used = cpu_time(running.pid()).saturating_sub(before);
        assert!(used < Duration::from_millis(500), "{used:?} of CPU time");
        let (status, _) = running.end();
        assert!(status.success(), "{status}");
    }
}

#[test]
fn without_its_terminal_it_ends_although_nothing_was_read_of_what_it_wrote() {
    for start in [Start::sysview(&["--delay", "0.1"]), Start::sysview(&["--delay", "0.1"]).detached()] {
        let mut running = started(start.size(200, 60));
        running.pause();
        running.keys("\x0c\x0c\x0c\x0c");
        let stuck = || super::stalled::writer_waits(running.pid()).then_some(());
        wait_for("the writer to wait", stuck);
        running.close();
        assert!(ends_within(running.pid(), SOON));
    }
}

#[test]
fn lost_while_it_was_held() {
    let mut running = started(Start::sysview(&[]).detached());
    running.signal(Signal::STOP);
    wait_for("it to be stopped", || is_stopped(running.pid()).then_some(()));
    running.close();
    running.signal(Signal::CONT);
    assert!(ends_within(running.pid(), SOON));
}
