//! A pseudo-terminal with a program in it: its screen as a terminal would show it, its bytes as they came, its end.
//!
//! Knows nothing of what the program shows. Whatever it started it ends, by its id.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The program under test.
pub const SYSVIEW: &str = env!("CARGO_BIN_EXE_sysview");

/// How long a condition may take on a machine that has much else to do.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Whether the program leads a session that has this terminal as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It does: it gets the signals that the terminal sends.
    Controlling,
    /// It is a session without any terminal, as below a sudo that made another one: no signal comes from there.
    Detached,
}

/// How a program is started.
pub struct Start {
    command: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    size: (u16, u16),
    session: Session,
    settings: Option<&'static str>,
}

impl Start {
    /// sysview with these arguments, 80 cells wide and 24 high.
    pub fn sysview(arguments: &[&str]) -> Self {
        Self::program(&[&[SYSVIEW], arguments].concat())
    }

    /// Any program.
    pub fn program(command: &[&str]) -> Self {
        Self {
            command: command.iter().map(OsString::from).collect(),
            variables: Vec::new(),
            size: (80, 24),
            session: Session::Controlling,
            settings: None,
        }
    }

    /// With this variable in its environment.
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// On a screen of this width and height.
    pub fn size(self, width: u16, height: u16) -> Self {
        Self { size: (width, height), ..self }
    }

    /// With these lines as its configuration.
    pub fn settings(self, settings: &'static str) -> Self {
        Self { settings: Some(settings), ..self }
    }

    /// In a session without a terminal of its own.
    pub fn detached(self) -> Self {
        Self { session: Session::Detached, ..self }
    }

    /// Start it.
    #[track_caller]
    pub fn run(self) -> Running {
        let terminal = Terminal::open(self.size);
        let before = terminal.modes();
        let home = tempfile::tempdir().expect("a directory can be made");
        if let Some(settings) = self.settings {
            let directory = home.path().join("config/sysview");
            fs::create_dir_all(&directory).expect("a directory can be made");
            fs::write(directory.join("config.toml"), settings).expect("a file can be written");
        }
        let controlling: &[&str] = if self.session == Session::Controlling { &["--ctty"] } else { &[] };
        let mut command = Command::new("setsid");
        command.args(controlling).args(&self.command).env_clear().current_dir(home.path());
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command.envs([("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PS1", "ready: ")]);
        command.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path().join("config")).envs(self.variables);
        let end = terminal.other_end();
        let copy = || Stdio::from(end.try_clone().expect("a descriptor can be copied"));
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("the program starts");
        Running { terminal, child, before, home, status: None }
    }
}

/// What a terminal did.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    /// In the middle of a frame, which a terminal would not show yet.
    drawing: bool,
    /// Nothing is read any more for now.
    paused: bool,
    /// Nothing is read ever again.
    closed: bool,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        let known = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let new = &self.bytes[known.saturating_sub(b"\x1b[?2026".len())..];
        if let Some(at) = new.windows(8).rposition(|window| window.starts_with(b"\x1b[?2026")) {
            self.drawing = new[at + 7] == b'h';
        }
    }
}

/// A terminal: the end where a person sits.
struct Terminal {
    master: Option<Arc<OwnedFd>>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    fn open((width, height): (u16, u16)) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("there are pseudo-terminals");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        tcsetwinsize(&master, winsize(width, height)).expect("it has a size");
        let parser = vt100::Parser::new(height, width, 0);
        let seen = Seen { parser, bytes: Vec::new(), drawing: false, paused: false, closed: false };
        let (master, seen) = (Arc::new(master), Arc::new((Mutex::new(seen), Condvar::new())));
        let reader = thread::spawn({
            let (master, seen) = (Arc::clone(&master), Arc::clone(&seen));
            move || read(&master, &seen)
        });
        Self { master: Some(master), seen, reader: Some(reader) }
    }

    fn master(&self) -> &OwnedFd {
        self.master.as_ref().expect("the terminal is not closed")
    }

    fn other_end(&self) -> OwnedFd {
        ioctl_tiocgptpeer(self.master(), OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("the other end can be opened")
    }

    fn modes(&self) -> Modes {
        Modes::of(&tcgetattr(self.master()).expect("a terminal has modes"))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("the reader does not panic")
    }

    fn close(&mut self) {
        self.seen().closed = true;
        self.seen.1.notify_all();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.master = None;
    }
}

/// Take what comes, until closed or nobody is left on the other end.
fn read(master: &OwnedFd, (seen, changed): &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let state = seen.lock().expect("tests do not panic with the lock held");
        let state = changed.wait_while(state, |seen| seen.paused && !seen.closed).expect("as above");
        if state.closed {
            return;
        }
        drop(state);
        let mut ready = [PollFd::new(master, PollFlags::IN)];
        // Looks up now and then to see whether it shall pause.
        let soon = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        if !poll(&mut ready, Some(&soon)).is_ok_and(|count| count > 0) {
            continue;
        }
        let mut state = seen.lock().expect("as above");
        if state.paused {
            continue;
        }
        match rustix::io::read(master, &mut buffer) {
            Ok(count) if count > 0 => {
                state.take(&buffer[..count]);
            }
            Err(rustix::io::Errno::INTR) => {}
            // EIO: nobody has the other end open.
            Ok(_) | Err(_) => state.closed = true,
        }
        changed.notify_all();
    }
}

fn winsize(width: u16, height: u16) -> Winsize {
    Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 }
}

/// The modes of a terminal (termios(3)), to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modes {
    flags: [u32; 4],
    special: String,
}

impl Modes {
    fn of(termios: &Termios) -> Self {
        let flags = [
            termios.input_modes.bits(),
            termios.output_modes.bits(),
            termios.control_modes.bits(),
            termios.local_modes.bits(),
        ];
        Self { flags, special: format!("{:?}", termios.special_codes) }
    }

    /// Whether keys come one by one and unechoed, and none of them sends a signal.
    pub fn is_raw(&self) -> bool {
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        !LocalModes::from_bits_retain(self.flags[3]).intersects(cooked)
    }
}

/// A program in a terminal.
pub struct Running {
    terminal: Terminal,
    child: Child,
    /// The terminal's modes before it was started.
    pub before: Modes,
    home: tempfile::TempDir,
    status: Option<ExitStatus>,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its home directory; `config` below it is where its configuration belongs.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The terminal's modes now.
    pub fn modes(&self) -> Modes {
        self.terminal.modes()
    }

    /// Press keys.
    #[track_caller]
    pub fn keys(&self, keys: &str) {
        let mut bytes = keys.as_bytes();
        while !bytes.is_empty() {
            let written = rustix::io::write(self.terminal.master(), bytes).expect("the terminal takes keys");
            bytes = &bytes[written..];
        }
    }

    /// Another size.
    pub fn resize(&self, width: u16, height: u16) {
        let mut seen = self.terminal.seen();
        // Nothing of the old picture is taken for the new one; and a wide character cut in half is more than vt100 bears.
        seen.parser.process(b"\x1b[2J\x1b[H");
        seen.parser.screen_mut().set_size(height, width);
        drop(seen);
        tcsetwinsize(self.terminal.master(), winsize(width, height)).expect("it has a size");
    }

    /// Take nothing more of what is written, as a stopped ssh client.
    pub fn pause(&self) {
        self.terminal.seen().paused = true;
    }

    /// Take it again.
    pub fn go_on(&self) {
        self.terminal.seen().paused = false;
        self.terminal.seen.1.notify_all();
    }

    /// The terminal vanishes.
    pub fn close(&mut self) {
        self.terminal.close();
    }

    /// How many bytes have come; a mark for [`Running::since`].
    pub fn count(&self) -> usize {
        self.terminal.seen().bytes.len()
    }

    /// The bytes that came after a mark.
    pub fn since(&self, mark: usize) -> Vec<u8> {
        self.terminal.seen().bytes[mark..].to_vec()
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.since(0)
    }

    /// The lines on the screen, without blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        lines(self.terminal.seen().parser.screen())
    }

    /// Something about the screen as it is now.
    pub fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.terminal.seen().parser.screen())
    }

    /// Wait until the screen is as it should be.
    #[track_caller]
    pub fn until(&self, what: &str, mut is: impl FnMut(&vt100::Screen) -> bool) {
        self.get(what, |screen| is(screen).then_some(()));
    }

    /// Wait until one of the lines has this in it.
    #[track_caller]
    pub fn until_shown(&self, text: &str) {
        self.until(text, |screen| lines(screen).iter().any(|line| line.contains(text)));
    }

    /// Wait until the screen has what is sought.
    #[track_caller]
    pub fn get<T>(&self, what: &str, mut find: impl FnMut(&vt100::Screen) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        let mut seen = self.terminal.seen();
        loop {
            let whole = !seen.drawing || seen.closed;
            if let Some(found) = find(seen.parser.screen()).filter(|_| whole) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let lines = lines(seen.parser.screen()).join("\n");
                drop(seen);
                panic!("not seen within {DEADLINE:?}: {what}\n{lines}");
            }
            // A screen that is closed or still will not wake anybody.
            let nap = left.min(Duration::from_millis(100));
            seen = self.terminal.seen.1.wait_timeout(seen, nap).expect("the reader does not panic").0;
        }
    }

    /// Send a signal to the program.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Wait for the end; how it ended and how long that took.
    #[track_caller]
    pub fn end(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        if self.status.is_none() {
            assert!(ends_within(self.pid(), DEADLINE), "it has not ended:\n{}", self.lines().join("\n"));
            self.status = Some(self.child.wait().expect("it is our child"));
        }
        // What it wrote last is taken when nobody has the other end any more.
        while self.terminal.master.is_some() && !self.terminal.seen().closed && begun.elapsed() < DEADLINE {
            let seen = self.terminal.seen();
            let nap = Duration::from_millis(100);
            drop(self.terminal.seen.1.wait_timeout(seen, nap).expect("the reader does not panic"));
        }
        (self.status.expect("it has just been stored"), begun.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Both fail only where it has ended meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.terminal.close();
    }
}

fn lines(screen: &vt100::Screen) -> Vec<String> {
    screen.rows(0, screen.size().1).map(|line| line.trim_end().to_owned()).collect()
}

/// Send a signal to a process that the test started.
#[track_caller]
pub fn send(pid: u32, signal: Signal) {
    kill_process(id(pid), signal).expect("it lives and may be signalled");
}

fn id(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid")
}

/// Whether a process ends (as a zombie too) within this time.
pub fn ends_within(pid: u32, time: Duration) -> bool {
    let Ok(process) = pidfd_open(id(pid), PidfdFlags::empty()) else { return true };
    readable_within(&process, time)
}

fn readable_within(descriptor: impl AsFd, time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait = Timespec::try_from(left).expect("a short time");
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&wait)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.is_ok_and(|count| count > 0),
        }
    }
}

/// Wait until something outside of the screen is as it should be.
#[track_caller]
pub fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < end, "not so within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A field of `/proc/PID/stat`, by the number that proc_pid_stat(5) gives it; none where the process is gone.
pub fn stat(pid: u32, field: usize) -> Option<String> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(field - 3).map(str::to_owned)
}

/// Whether the process is stopped.
pub fn is_stopped(pid: u32) -> bool {
    stat(pid, 3).as_deref() == Some("T")
}

/// CPU time that the process has used.
pub fn cpu_time(pid: u32) -> Duration {
    let ticks = |field| stat(pid, field).and_then(|text| text.parse().ok()).unwrap_or(0u64);
    Duration::from_millis((ticks(14) + ticks(15)) * 1000 / rustix::param::clock_ticks_per_second())
}

/// Resident memory of the process in KiB.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Processes whose parent this is.
pub fn children(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc is there").filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|child| stat(*child, 4) == Some(pid.to_string())).collect()
}
