//! Under a shell: stopped and continued as its job, in the foreground and in the background.

use super::{
    assert_screen_given_back, occurrences, processes,
    terminal::{Modes, Running, SYSVIEW, Start, children, ends_within, is_stopped, send, stat, wait_for},
};
use rustix::process::Signal;
use std::time::Duration;

/// A shell that has typed at it what starts sysview.
struct Shell {
    running: Running,
    /// The modes that the shell leaves to what it starts.
    modes: Modes,
    /// The process of sysview.
    sysview: u32,
}

impl Shell {
    #[track_caller]
    fn start(command: &str) -> Self {
        let running = Start::program(&["sh", "-i"]).variable("SYSVIEW", SYSVIEW).run();
        running.until_shown("ready:");
        let modes = running.modes();
        running.keys(&format!("{command}\n"));
        running.until("processes", |screen| screen.alternate_screen() && !processes(screen).is_empty());
        let sysview = descendant(running.pid());
        Self { running, modes, sysview }
    }

    /// Wait until the shell is at its prompt: it has seen that its job was stopped or ended.
    #[track_caller]
    fn at_prompt(&self) {
        self.running.until("the shell's prompt", |screen| {
            !screen.alternate_screen() && last_line(screen).is_some_and(|line| line.trim_end() == "ready:")
        });
        assert_eq!(self.running.modes(), self.modes);
        assert_screen_given_back(&self.running.bytes());
        self.running.look(|screen| assert!(!screen.hide_cursor() && !screen.bracketed_paste()));
    }

    #[track_caller]
    fn stopped(&self) {
        wait_for("it to be stopped", || is_stopped(self.sysview).then_some(()));
        self.at_prompt();
    }

    #[track_caller]
    fn brought_back(&self) {
        let mark = self.running.count();
        self.running.keys("fg\n");
        self.on_screen(mark);
    }

    /// It has the terminal again and has drawn all of it since the mark.
    #[track_caller]
    fn on_screen(&self, mark: usize) {
        wait_for("the screen to be cleared", || (occurrences(&self.running.since(mark), b"\x1b[2J") > 0).then_some(()));
        self.running.until("processes", |screen| screen.alternate_screen() && !processes(screen).is_empty());
        wait_for("keys one by one", || self.running.modes().is_raw().then_some(()));
        self.running.keys("?");
        self.running.until_shown("┌─ Help");
        self.running.keys("q");
        self.running.until("processes", |screen| !processes(screen).is_empty());
    }

    #[track_caller]
    fn quit(&self) {
        self.running.keys("q");
        self.at_prompt();
        assert!(ends_within(self.sysview, Duration::from_secs(5)));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if stat(self.sysview, 3).is_some() && children(self.running.pid()).contains(&self.sysview) {
            // Stopped, it would outlive its shell.
            send(self.sysview, Signal::KILL);
        }
    }
}

fn last_line(screen: &vt100::Screen) -> Option<String> {
    screen.rows(0, screen.size().1).filter(|line| !line.trim().is_empty()).last()
}

/// The last of a line of children.
fn descendant(pid: u32) -> u32 {
    let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let mut pid = pid;
    while name(pid).trim() != "sysview" {
        pid = *children(pid).first().expect("it was started");
    }
    pid
}

#[test]
fn suspended_by_key_and_brought_back() {
    let shell = Shell::start("$SYSVIEW");
    for _ in 0..2 {
        shell.running.keys("\x1a");
        shell.stopped();
        shell.brought_back();
    }
    shell.quit();
}

#[test]
fn suspended_from_outside_and_brought_back() {
    let shell = Shell::start("$SYSVIEW");
    send(shell.sysview, Signal::TSTP);
    shell.stopped();
    shell.brought_back();
    shell.quit();
}

/// `make monitor`, a script, `time`: the shell waits for what started it, so that must stop as well.
#[test]
fn what_started_it_is_suspended_with_it() {
    let shell = Shell::start("sh -c '$SYSVIEW; true'");
    shell.running.keys("\x1a");
    shell.stopped();
    shell.brought_back();
    shell.quit();
}

/// After SIGSTOP nothing could be put in order; the shell takes the terminal as it finds it, and a user sets it right.
#[test]
fn held_and_brought_back_after_others_had_the_terminal() {
    let shell = Shell::start("$SYSVIEW");
    send(shell.sysview, Signal::STOP);
    wait_for("it to be stopped", || is_stopped(shell.sysview).then_some(()));
    wait_for("the shell to take the terminal", || {
        (stat(shell.running.pid(), 8) == stat(shell.running.pid(), 5)).then_some(())
    });
    shell.running.keys("stty sane\n");
    wait_for("the terminal to be set right", || (!shell.running.modes().is_raw()).then_some(()));
    shell.brought_back();
    shell.running.keys("q");
    assert!(ends_within(shell.sysview, Duration::from_secs(5)));
    shell.running.until("the shell's screen", |screen| !screen.alternate_screen());
}

#[test]
fn continued_in_the_background_it_leaves_the_terminal_to_the_shell() {
    let shell = Shell::start("$SYSVIEW --delay 0.1");
    shell.running.keys("\x1a");
    shell.stopped();
    let mark = shell.running.count();
    shell.running.keys("bg\n");
    wait_for("it to be continued", || (!is_stopped(shell.sysview)).then_some(()));
    wait_for("it to be stopped for want of the terminal", || is_stopped(shell.sysview).then_some(()));
    // The shell may tell of that before its next prompt.
    shell.running.keys("echo still $((40 + 2))\n");
    shell.running.until_shown("still 42");
    assert_eq!(occurrences(&shell.running.since(mark), b"\x1b[?1049h"), 0);
    assert_eq!(shell.running.modes(), shell.modes);
    shell.brought_back();
    shell.quit();
}

#[test]
fn ended_while_suspended() {
    for signal in [Signal::TERM, Signal::HUP] {
        let shell = Shell::start("$SYSVIEW");
        shell.running.keys("\x1a");
        shell.stopped();
        let mark = shell.running.count();
        send(shell.sysview, signal);
        send(shell.sysview, Signal::CONT);
        assert!(ends_within(shell.sysview, Duration::from_secs(5)), "{signal:?}");
        shell.running.keys("echo still $((40 + 2))\n");
        shell.running.until_shown("still 42");
        assert_eq!(occurrences(&shell.running.since(mark), b"\x1b[?1049"), 0, "the shell's terminal was touched");
        assert_eq!(shell.running.modes(), shell.modes);
    }
}

#[test]
fn the_shell_ends_while_it_is_suspended() {
    let mut shell = Shell::start("$SYSVIEW");
    shell.running.keys("\x1a");
    shell.stopped();
    shell.running.close();
    assert!(ends_within(shell.sysview, Duration::from_secs(5)));
}

/// Nobody would ever bring it to the foreground, and the kernel does not stop it either.
#[test]
fn in_the_background_without_a_shell_it_says_so() {
    let running = Start::program(&["sh", "-i"]).variable("SYSVIEW", SYSVIEW).run();
    running.until_shown("ready:");
    let modes = running.modes();
    // It begins when the shell has the terminal back from the group that started it.
    running.keys("((sleep 2; exec $SYSVIEW </dev/tty) &)\n");
    running.until("why it ended", |screen| screen.contents().replace('\n', "").contains("no shell to give it"));
    assert_eq!(occurrences(&running.bytes(), b"\x1b[?1049h"), 0);
    assert_eq!(running.modes(), modes);
}
