//! The impure half of the screen: terminal, threads, clock. One thread reads keys, one collects, one writes to the
//! terminal, one waits for signals, one for the terminal to vanish; the main one updates and draws.
//!
//! The writer is a thread of its own so that a terminal that takes nothing (a stopped ssh client) holds up frames and
//! nothing else: while a frame is out none is made, and the next one shows what is true then.

#![expect(clippy::disallowed_methods, reason = "the place where the clock of the screen is read")]

pub mod headless;
pub mod terminal;

use super::{
    Effect,
    app::{App, Input},
    theme::Role,
};
use crate::{
    collect::{Collector, source::Source},
    control,
    snapshot::{Request, Snapshot},
    sys::job::{self, Who, Why},
};
use crossterm::event::{self, Event, KeyEventKind};
use ratatui::layout::Rect;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use terminal::{Screen, Terminal};

/// Everything that can happen.
enum Msg {
    Terminal(Event),
    Sample(Arc<Snapshot>),
    Amended(Arc<Snapshot>),
    /// The collector cannot go on.
    Failed(String),
    /// A frame is written, or the terminal did not take it.
    Written(io::Result<()>),
    Signal(i32),
    /// The terminal is gone.
    Lost,
}

/// Called to write the user's settings; the text is shown.
pub type Save<'a> = dyn FnMut(&App) -> Result<String, String> + 'a;

/// Show the screen until the user leaves.
///
/// # Errors
/// Where there is no terminal, or nothing can be collected.
pub fn run(mut app: App, source: &Arc<dyn Source>, mouse: Mouse, save: &mut Save<'_>) -> anyhow::Result<()> {
    let (sender, messages) = channel();
    let terminal = Terminal::find(mouse)?;
    // The first sample is under way while the terminal is made ready.
    let requests = start_collector(Arc::clone(source), app.request(), sender.clone());
    start_signals(&sender)?;
    let mut screen = Screen::new(start_writer(sender.clone()));
    if let Regained::Ended = regain(&terminal, &mut screen, &messages)? {
        return Ok(());
    }
    start_input(sender);
    let outcome = serve(&mut app, source, &messages, &requests, &terminal, &mut screen, save);
    terminal.restore();
    outcome
}

/// Whether the mouse is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// Clicks and the wheel are taken.
    On,
    /// The terminal keeps them.
    Off,
}

fn serve(
    app: &mut App,
    source: &Arc<dyn Source>,
    messages: &Receiver<Msg>,
    requests: &Sender<Request>,
    terminal: &Terminal,
    screen: &mut Screen,
    save: &mut Save<'_>,
) -> anyhow::Result<()> {
    let mut asked = app.request();
    app.update(resized(screen));
    let mut dirty = true;
    loop {
        if dirty && screen.is_ready() {
            screen.draw(|buffer| app.draw(buffer))?;
            dirty = false;
        }
        let Ok(first) = messages.recv() else { return Ok(()) };
        // Whatever else has come in meanwhile is part of the same frame.
        for message in std::iter::once(first).chain(messages.try_iter()) {
            let input = match message {
                Msg::Terminal(event) => terminal_input(event),
                Msg::Sample(sample) => Some(Input::Sample(sample)),
                Msg::Amended(sample) => Some(Input::Amended(sample)),
                Msg::Failed(problem) => anyhow::bail!(problem),
                Msg::Written(Ok(())) => {
                    screen.written();
                    continue;
                }
                Msg::Written(Err(_)) | Msg::Lost | Msg::Signal(SIGHUP | SIGTERM | SIGINT | SIGQUIT) => return Ok(()),
                Msg::Signal(SIGTSTP) => {
                    if let Regained::Ended = suspend(Who::Itself, terminal, screen, messages)? {
                        return Ok(());
                    }
                    Some(resized(screen))
                }
                Msg::Signal(SIGWINCH) => Some(resized(screen)),
                Msg::Signal(_) => {
                    // Continued, perhaps after SIGSTOP: what the terminal shows now is not ours.
                    if let Regained::Ended = regain(terminal, screen, messages)? {
                        return Ok(());
                    }
                    Some(resized(screen))
                }
            };
            for effect in input.map_or_else(Vec::new, |input| app.update(input)) {
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Redraw => screen.forget(),
                    Effect::Suspend => {
                        if let Regained::Ended = suspend(Who::Group, terminal, screen, messages)? {
                            return Ok(());
                        }
                        app.update(resized(screen));
                    }
                    Effect::Signal { targets, signal } => {
                        let send = |key| (key, control::signal(&**source, key, signal));
                        app.update(Input::Signalled(targets.into_iter().map(send).collect()));
                    }
                    Effect::Save => {
                        let note = match save(app) {
                            Ok(text) => Input::Note(text, Role::Good),
                            Err(text) => Input::Note(text, Role::Bad),
                        };
                        app.update(note);
                    }
                }
            }
            dirty = true;
        }
        let wanted = app.request();
        if wanted != asked {
            // The collector ends only with the program.
            let _ = requests.send(wanted.clone());
            asked = wanted;
        }
    }
}

/// The size of the terminal, and everything to be drawn anew.
fn resized(screen: &mut Screen) -> Input {
    let (width, height) = terminal::size();
    screen.resize(Rect::new(0, 0, width, height));
    Input::Resize(width, height)
}

fn terminal_input(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Event::Mouse(mouse) => Some(Input::Mouse(mouse)),
        Event::Paste(text) => Some(Input::Paste(text)),
        // SIGWINCH tells of another size, too.
        _ => None,
    }
}

/// Whether the terminal is ours again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Regained {
    Yes,
    /// Something happened that ends the program.
    Ended,
}

/// Give the terminal back and stop; after SIGCONT take it again.
fn suspend(who: Who, terminal: &Terminal, screen: &mut Screen, messages: &Receiver<Msg>) -> anyhow::Result<Regained> {
    terminal.restore();
    job::stop(who, Why::Asked)?;
    regain(terminal, screen, messages)
}

/// In the background: how long something that ends the program may come after SIGCONT, and SIGCONT after a stop.
const BACKGROUND: Duration = Duration::from_secs(1);
const CONTINUED: Duration = Duration::from_secs(3);

/// Take the terminal. Continued in the background, that is the shell's: stop again, as whoever wants a terminal there.
fn regain(terminal: &Terminal, screen: &mut Screen, messages: &Receiver<Msg>) -> anyhow::Result<Regained> {
    let mut continued = true;
    while !terminal::is_foreground() {
        let mut until = Instant::now() + if continued { BACKGROUND } else { CONTINUED };
        while let Ok(message) = messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
            match message {
                Msg::Lost | Msg::Signal(SIGHUP | SIGTERM | SIGINT | SIGQUIT) => return Ok(Regained::Ended),
                Msg::Signal(SIGCONT) if !continued => {
                    continued = true;
                    until = Instant::now() + BACKGROUND;
                }
                Msg::Written(_) => screen.written(),
                _ => {}
            }
        }
        if !terminal::is_foreground() {
            // The kernel stops nobody whom no shell would continue (an orphaned process group).
            anyhow::ensure!(
                continued,
                "the terminal belongs to another job, and there is no shell to give it to this one"
            );
            job::stop(Who::Group, Why::Background)?;
            continued = false;
        }
    }
    match terminal.enter() {
        // It was lost meanwhile.
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(Regained::Ended),
        entered => Ok(entered.map(|()| Regained::Yes)?),
    }
}

/// The collector: a sample each period, and between them whatever was asked for since.
fn start_collector(source: Arc<dyn Source>, mut request: Request, messages: Sender<Msg>) -> Sender<Request> {
    let (sender, requests) = channel();
    let work = move || {
        let mut collector = Collector::new(source);
        loop {
            let begun = Instant::now();
            let sample = match collector.collect(&request) {
                Ok(sample) => Msg::Sample(sample),
                Err(error) => Msg::Failed(error.to_string()),
            };
            if messages.send(sample).is_err() {
                return;
            }
            if !between(&mut collector, &mut request, begun, &requests, &messages) {
                return;
            }
        }
    };
    thread::Builder::new().name("collector".into()).spawn(work).map_or_else(|_| channel().0, |_| sender)
}

/// A span of time that nobody sees the end of.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Serve requests until the next sample is due; false when nobody listens any more.
fn between(
    collector: &mut Collector,
    request: &mut Request,
    begun: Instant,
    requests: &Receiver<Request>,
    messages: &Sender<Msg>,
) -> bool {
    loop {
        // Another look at the last sample of a recording would find no time passed, and so no rates.
        let over = collector.is_over();
        let left = if over { FOR_EVER } else { (begun + request.period).saturating_duration_since(Instant::now()) };
        if left.is_zero() {
            return true;
        }
        let nap = if collector.is_waiting() { left.min(Duration::from_millis(20)) } else { left };
        match requests.recv_timeout(nap) {
            // Only the last request counts.
            Ok(newer) => *request = requests.try_iter().last().unwrap_or(newer),
            Err(RecvTimeoutError::Timeout) if over || collector.is_waiting() => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        if let Some(sample) = collector.amend(request)
            && messages.send(Msg::Amended(sample)).is_err()
        {
            return false;
        }
    }
}

fn start_writer(messages: Sender<Msg>) -> Sender<Vec<u8>> {
    let (sender, frames) = channel::<Vec<u8>>();
    let work = move || {
        for frame in frames {
            if messages.send(Msg::Written(terminal::write_frame(&frame))).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("writer".into())
        .stack_size(64 * 1024)
        .spawn(work)
        .map_or_else(|_| channel().0, |_| sender)
}

/// Keys, and the end of the terminal: sudo may have put sysview in another session, where no SIGHUP comes.
fn start_input(messages: Sender<Msg>) {
    let keys = messages.clone();
    let read = move || {
        // crossterm reads a terminal that is gone over and over; so it is asked only where there is something.
        while wait_until(PollFlags::IN) {
            let mut next = Ok(true);
            while let Ok(true) = next {
                let Ok(event) = event::read() else { break };
                if keys.send(Msg::Terminal(event)).is_err() {
                    return;
                }
                // What was read together with that. crossterm spins while it waits, which would hold up the very frame
                // that answers the key, so it is asked briefly, and once more when that frame is out.
                next = event::poll(BRIEFLY);
                if let Ok(false) = next {
                    thread::sleep(Duration::from_millis(2));
                    next = event::poll(10 * BRIEFLY);
                }
            }
        }
        let _ = keys.send(Msg::Lost);
    };
    let watch = move || {
        while wait_until(PollFlags::empty()) {}
        let _ = messages.send(Msg::Lost);
    };
    // Without these threads there would be no keys; the program then ends with the terminal.
    let _ = thread::Builder::new().name("input".into()).stack_size(256 * 1024).spawn(read);
    let _ = thread::Builder::new().name("hangup".into()).stack_size(64 * 1024).spawn(watch);
}

/// How long crossterm may look for another key in what it has read; with nothing at all it would not look.
const BRIEFLY: Duration = Duration::from_micros(20);

/// Wait for something to happen at the terminal; false once it is gone.
fn wait_until(wanted: PollFlags) -> bool {
    let stdin = rustix::stdio::stdin();
    let mut fds = [PollFd::new(&stdin, wanted)];
    match poll(&mut fds, None) {
        Ok(_) => !fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        Err(error) => error == rustix::io::Errno::INTR,
    }
}

fn start_signals(messages: &Sender<Msg>) -> anyhow::Result<()> {
    let mut signals =
        signal_hook::iterator::Signals::new([SIGWINCH, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT])?;
    let messages = messages.clone();
    let work = move || {
        for signal in signals.forever() {
            if messages.send(Msg::Signal(signal)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".into()).stack_size(64 * 1024).spawn(work)?;
    Ok(())
}
