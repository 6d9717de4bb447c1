//! The program itself in a pseudo-terminal, and how long it takes from a key to the screen.

#![expect(clippy::disallowed_methods, reason = "what is measured is time")]

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A screen, 200 cells wide and 50 high.
pub struct Screen {
    terminal: OwnedFd,
    child: Child,
    keys: u32,
}

impl Screen {
    /// sysview with these arguments, settled.
    pub fn open(arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags).expect("there are pseudo-terminals");
        grantpt(&terminal).expect("it is ours");
        unlockpt(&terminal).expect("it is ours");
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).expect("it has a size");
        let end = ioctl_tiocgptpeer(&terminal, flags).expect("the other end can be opened");
        let end = || Stdio::from(end.try_clone().expect("a descriptor can be copied"));
        let mut command = Command::new("setsid");
        let command = command.args(["--ctty", env!("CARGO_BIN_EXE_sysview")]).args(arguments);
        let command = command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program starts");
        let mut screen = Self { terminal, child, keys: 0 };
        screen.look_for(Duration::from_secs(4));
        screen
    }

    /// Take what is written in this time.
    fn look_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.is_written_to(end.saturating_duration_since(Instant::now())) {}
    }

    /// Wait for output, and take it; false where none came.
    fn is_written_to(&mut self, time: Duration) -> bool {
        let mut buffer = [0; 16 * 1024];
        let time = time.try_into().expect("it is short");
        let ready = poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&time)).expect("it can be polled") > 0;
        ready && rustix::io::read(&self.terminal, &mut buffer).expect("the program goes on") > 0
    }

    /// Press these keys.
    pub fn type_keys(&mut self, keys: &str) {
        rustix::io::write(&self.terminal, keys.as_bytes()).expect("it takes keys");
        self.look_for(Duration::from_secs(1));
    }

    /// Do nothing for a while, another time each time.
    pub fn wait(&mut self) {
        self.look_for(Duration::from_millis(50 + u64::from(self.keys * 97 % 300)));
    }

    /// Press a key that moves the cursor, and see it move.
    pub fn press(&mut self) {
        let key = if self.keys.is_multiple_of(2) { b"j" } else { b"k" };
        self.keys += 1;
        rustix::io::write(&self.terminal, key).expect("it takes keys");
        assert!(self.is_written_to(Duration::from_secs(3)), "the screen is dead");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
