//! The terminal: raw mode and alternate screen on and off again however the program ends, and frames as bytes.
//!
//! Cells go through ratatui's crossterm backend into memory, so that only what changed is written, in one piece. All goes
//! out through a descriptor of our own that does not block: so a frame that nobody takes can be left where it is.

use super::Mouse;
use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    queue,
    style::{Attribute, SetAttribute},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
        EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::Rect,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::Errno,
    process::getpgrp,
    stdio::{stdin, stdout},
    termios::{
        LocalModes, OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize,
        tcsetattr,
    },
};
use std::{
    io::{self, IsTerminal},
    mem, panic, process,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

/// Buttons and wheel, in the encoding without a limit on coordinates; not every motion, which would cost a slow link.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// Ends whatever sequence a terminal is in the middle of.
const CANCEL: u8 = 0x18;
/// How long the end waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_millis(200);
/// How the standard library's own hook would end the program.
const PANICKED: i32 = 101;

/// What is known of the terminal.
struct State {
    /// Its modes before it was taken; none while it is not ours.
    before: Option<Termios>,
    /// Counts how often it was taken and given back: a frame begun before that is not gone on with.
    era: u64,
    /// A frame is under way.
    writing: bool,
}

impl State {
    /// Leave the rest of the frame under way, if there is one; whether there was.
    fn abandon(&mut self) -> bool {
        self.era += 1;
        mem::take(&mut self.writing)
    }
}

static STATE: Mutex<State> = Mutex::new(State { before: None, era: 0, writing: false });
/// A frame is written.
static WRITTEN: Condvar = Condvar::new();

/// Nobody panics with it held; the panic hook takes it all the same.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way to the terminal.
struct Output {
    /// Opened anew, so that it does not block and whoever shares standard output does not notice.
    own: Option<OwnedFd>,
}

static OUTPUT: OnceLock<Output> = OnceLock::new();

impl Output {
    fn get() -> &'static Self {
        OUTPUT.get_or_init(|| {
            // Of another user's terminal (su, sudo) the node cannot be opened; the name that every session has for its own
            // one can.
            let is_own = tcgetpgrp(stdout()).is_ok();
            let paths = ["/proc/self/fd/1", "/dev/tty"].into_iter().take(if is_own { 2 } else { 1 });
            let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = paths.filter_map(|path| open(path, flags, Mode::empty()).ok());
            Self { own: opened.into_iter().find(|descriptor| isatty(descriptor)) }
        })
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.own {
            Some(own) => own.as_fd(),
            None => stdout(),
        }
    }

    /// Wait until it takes something, at most until then.
    fn is_ready(&self, until: Option<Instant>) -> io::Result<bool> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&self.descriptor(), PollFlags::OUT)], left.as_ref()) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(until.is_none_or(|until| Instant::now() < until)),
            Err(error) => Err(error.into()),
        }
    }

    /// Write what it takes now, without waiting; the rest.
    fn write<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        // Where it blocks, the one byte that there is room for.
        let piece = if self.own.is_some() { bytes } else { bytes.get(..1).unwrap_or_default() };
        match rustix::io::write(self.descriptor(), piece) {
            Ok(count) => Ok(bytes.get(count..).unwrap_or_default()),
            Err(Errno::INTR) => Ok(bytes),
            Err(Errno::AGAIN) => {
                // There is room, and somebody else is writing.
                thread::sleep(Duration::from_millis(1));
                Ok(bytes)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Write as long as it takes it.
    fn write_patiently(&self, mut bytes: &[u8]) {
        let until = Instant::now() + PATIENCE;
        while !bytes.is_empty() && self.is_ready(Some(until)).unwrap_or(false) {
            match self.write(bytes) {
                Ok(rest) if Instant::now() < until => bytes = rest,
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Write all of a frame, however long the terminal takes; nothing more of it once the terminal was given back or taken anew.
///
/// # Errors
/// Where the terminal is gone (EIO).
pub fn write_frame(bytes: &[u8]) -> io::Result<()> {
    let era = {
        let mut state = state();
        state.writing = state.before.is_some();
        state.era
    };
    let written = write_in(era, bytes);
    let mut state = state();
    if state.era == era {
        state.writing = false;
        WRITTEN.notify_all();
    }
    written
}

fn write_in(era: u64, mut bytes: &[u8]) -> io::Result<()> {
    let output = Output::get();
    while !bytes.is_empty() {
        let ready = output.is_ready(None)?;
        let state = state();
        if state.era != era || state.before.is_none() {
            return Ok(());
        }
        if ready {
            bytes = output.write(bytes)?;
        }
    }
    Ok(())
}

/// The terminal, taken.
pub struct Terminal {
    mouse: Mouse,
}

impl Terminal {
    /// The terminal, not yet taken; from now on a panic gives it back before it is told, and ends the program.
    ///
    /// # Errors
    /// Where standard input or output is no terminal.
    pub fn find(mouse: Mouse) -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            anyhow::bail!(
                "the screen needs a terminal, and standard input or output is none; `sysview ps` prints the processes anywhere"
            );
        }
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            tell(info);
            // Without one of its threads the screen would stand there, dead.
            process::exit(PANICKED);
        }));
        Ok(Self { mouse })
    }

    /// Raw mode, alternate screen, no cursor; where that is so already, all the same.
    ///
    /// # Errors
    /// Where the terminal refuses.
    pub fn enter(&self) -> io::Result<()> {
        let mut state = state();
        let now = tcgetattr(stdin())?;
        let mut raw = now.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        state.before.get_or_insert(now);
        let mut bytes = Vec::new();
        if state.abandon() {
            bytes.push(CANCEL);
        }
        queue!(bytes, EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, Hide)?;
        if self.mouse == Mouse::On {
            bytes.extend_from_slice(MOUSE_ON);
        }
        Output::get().write_patiently(&bytes);
        Ok(())
    }

    /// Give the terminal back as it was.
    pub fn restore(&self) {
        give_back();
    }
}

/// Whether the terminal is for this process group to use. In another session than the terminal's there are no groups.
#[must_use]
pub fn is_foreground() -> bool {
    tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
}

/// Undo [`Terminal::enter`], once; never waits long for a terminal that takes nothing.
fn give_back() {
    let mut state = state();
    if state.before.is_none() {
        return;
    }
    // The frame under way has a chance to be finished.
    state = match WRITTEN.wait_timeout_while(state, PATIENCE, |state| state.writing) {
        Ok((state, _)) => state,
        Err(poisoned) => poisoned.into_inner().0,
    };
    let Some(before) = state.before.take() else { return };
    let cut = state.abandon();
    let foreground = is_foreground();
    let mut bytes = Vec::new();
    if cut {
        bytes.push(CANCEL);
        if foreground {
            // What nobody has taken so far would keep the rest from ever getting there.
            let _ = tcflush(stdout(), QueueSelector::OFlush);
        }
    }
    bytes.extend_from_slice(MOUSE_OFF);
    // Into memory, which takes everything.
    let _ = queue!(
        bytes,
        EndSynchronizedUpdate,
        SetAttribute(Attribute::Reset),
        DisableBracketedPaste,
        EnableLineWrap,
        LeaveAlternateScreen,
        Show
    );
    // In the background (held, then ended) the modes are the shell's, and to change them would stop this process.
    if foreground || !stops_writers() {
        Output::get().write_patiently(&bytes);
    }
    if foreground {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Whether the terminal stops those who write from the background (`stty tostop`).
fn stops_writers() -> bool {
    tcgetattr(stdout()).is_ok_and(|modes| modes.local_modes.contains(LocalModes::TOSTOP))
}

/// Width and height of the terminal in cells; 80 by 24 where it does not say.
#[must_use]
pub fn size() -> (u16, u16) {
    let size = tcgetwinsize(stdout());
    size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0).map_or((80, 24), |size| (size.ws_col, size.ws_row))
}

/// What the terminal shows, and how it is changed.
pub struct Screen {
    frames: Sender<Vec<u8>>,
    shown: Buffer,
    drawn: Buffer,
    /// Nothing is known of what the terminal shows.
    unknown: bool,
    /// A frame is being written.
    busy: bool,
}

impl Screen {
    /// A screen whose frames go to this writer.
    #[must_use]
    pub fn new(frames: Sender<Vec<u8>>) -> Self {
        let empty = Buffer::empty(Rect::ZERO);
        Self { frames, shown: empty.clone(), drawn: empty, unknown: true, busy: false }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, area: Rect) {
        self.shown = Buffer::empty(area);
        self.drawn = Buffer::empty(area);
        self.unknown = true;
    }

    /// The terminal may show anything.
    pub fn forget(&mut self) {
        self.shown.reset();
        self.unknown = true;
    }

    /// Whether a frame would be taken now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.busy
    }

    /// The frame that was out is written.
    pub fn written(&mut self) {
        self.busy = false;
    }

    /// Draw, and hand what changed to the writer.
    ///
    /// # Errors
    /// Never in practice: frames are made in memory.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.drawn.reset();
        draw(&mut self.drawn);
        let mut bytes = Vec::with_capacity(1024);
        queue!(bytes, BeginSynchronizedUpdate)?;
        if self.unknown {
            queue!(bytes, SetAttribute(Attribute::Reset), Clear(ClearType::All))?;
            self.shown.reset();
        }
        let changes = self.shown.diff(&self.drawn);
        let differs = !changes.is_empty() || self.unknown;
        CrosstermBackend::new(&mut bytes).draw(changes.into_iter())?;
        queue!(bytes, EndSynchronizedUpdate)?;
        self.unknown = false;
        mem::swap(&mut self.shown, &mut self.drawn);
        if differs && self.frames.send(bytes).is_ok() {
            self.busy = true;
        }
        Ok(())
    }
}
