//! The terminal: raw mode and alternate screen on and off again however the program ends, and frames as bytes.
//!
//! Cells go through ratatui's crossterm backend into memory, so that only what changed is written, in one piece.

use super::Mouse;
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    crossterm::{
        cursor::{Hide, Show},
        event::{DisableBracketedPaste, EnableBracketedPaste},
        queue,
        style::{Attribute, SetAttribute},
        terminal::{
            BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
            EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
        },
    },
    layout::Rect,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::stdout,
};
use std::{
    io::{self, IsTerminal},
    mem, panic,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

/// Buttons and wheel, in the encoding without a limit on coordinates; not every motion, which would cost a slow link.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// How long the end waits for a terminal that takes nothing.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Whether the terminal is ours at the moment, for the panic hook and the end.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken.
pub struct Terminal {
    mouse: Mouse,
}

impl Terminal {
    /// Take the terminal; from now on a panic gives it back before it is told.
    ///
    /// # Errors
    /// Where standard input or output is no terminal.
    pub fn open(mouse: Mouse) -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            anyhow::bail!(
                "the screen needs a terminal, and standard input or output is none; `sysview ps` prints the processes anywhere"
            );
        }
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            tell(info);
        }));
        let terminal = Self { mouse };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Raw mode, alternate screen, no cursor.
    ///
    /// # Errors
    /// Where the terminal refuses.
    pub fn enter(&self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, Hide)?;
        if self.mouse == Mouse::On {
            bytes.extend_from_slice(MOUSE_ON);
        }
        write_patiently(&bytes);
        Ok(())
    }

    /// Give the terminal back as it was.
    pub fn restore(&self) {
        give_back();
    }
}

/// Undo [`Terminal::enter`], once; never waits long for a terminal that takes nothing.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = MOUSE_OFF.to_vec();
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
    write_patiently(&bytes);
    let _ = disable_raw_mode();
}

/// Write as long as the terminal takes it.
fn write_patiently(mut bytes: &[u8]) {
    let out = stdout();
    while !bytes.is_empty() {
        let mut fds = [PollFd::new(&out, PollFlags::OUT)];
        let ready = poll(&mut fds, Some(&PATIENCE)).is_ok_and(|count| count > 0);
        if !ready || !fds[0].revents().contains(PollFlags::OUT) {
            return;
        }
        match rustix::io::write(out, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Write all of it, however long the terminal takes.
///
/// # Errors
/// Where the terminal is gone (EIO).
pub fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    let out = stdout();
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut fds = [PollFd::new(&out, PollFlags::OUT)];
                poll(&mut fds, None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Width and height of the terminal in cells; 80 by 24 where it does not say.
#[must_use]
pub fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(stdout());
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
