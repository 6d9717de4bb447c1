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
    collect::{Collector, inspect::Inspector, source::Source},
    control,
    snapshot::{Request, Snapshot, inspect::Reply},
    sys::job::{self, Who, Why},
};
use crossterm::event::{self, Event, KeyEventKind};
use ratatui::layout::Rect;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use std::{
    io,
    sync::{
        Arc, Mutex,
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
    /// What came of a question about a process.
    Answered(Reply),
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
pub fn run<'a>(mut app: App, source: &'a Arc<dyn Source>, mouse: Mouse, save: &'a mut Save<'a>) -> anyhow::Result<()> {
    let (sender, messages) = channel();
    let terminal = Terminal::find(mouse)?;
    // The first sample is under way while the terminal is made ready.
    let requests = start_collector(Arc::clone(source), app.request(), sender.clone());
    start_signals(&sender)?;
    let mut screen = Screen::new(start_writer(sender.clone()));
    if let Regained::Ended = regain(&terminal, &mut screen, &messages)? {
        return Ok(());
    }
    let answers = Mutex::new(sender.clone());
    let listener = move |reply| answers.lock().is_ok_and(|answers| answers.send(Msg::Answered(reply)).is_ok());
    let inspector = Inspector::start(Arc::clone(source), Arc::new(listener));
    start_input(sender);
    let mut stage = Stage { source, messages, requests, inspector, terminal, screen, save };
    let outcome = stage.serve(&mut app);
    stage.terminal.restore();
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

/// What the main loop works with.
struct Stage<'a> {
    source: &'a Arc<dyn Source>,
    messages: Receiver<Msg>,
    requests: Sender<Request>,
    inspector: Inspector,
    terminal: Terminal,
    screen: Screen,
    save: &'a mut Save<'a>,
}

/// Whether the program goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl Stage<'_> {
    fn serve(&mut self, app: &mut App) -> anyhow::Result<()> {
        let (mut asked, mut questions) = (app.request(), Vec::new());
        app.update(resized(&mut self.screen));
        let mut dirty = true;
        loop {
            if dirty && self.screen.is_ready() {
                self.screen.draw(|buffer| app.draw(buffer))?;
                dirty = false;
            }
            let Ok(first) = self.messages.recv() else { return Ok(()) };
            // Whatever else has come in meanwhile is part of the same frame.
            let mut next = Some(first);
            while let Some(message) = next {
                if matches!(message, Msg::Written(Ok(()))) {
                    self.screen.written();
                } else if self.take(app, message)? == Then::End {
                    return Ok(());
                } else {
                    dirty = true;
                }
                next = self.messages.try_recv().ok();
            }
            let wanted = app.request();
            if wanted != asked {
                // The collector ends only with the program.
                let _ = self.requests.send(wanted.clone());
                asked = wanted;
            }
            let wanted = app.questions();
            if wanted != questions {
                self.inspector.ask(wanted.clone());
                questions = wanted;
            }
        }
    }

    /// Take in a message, and do what comes of it.
    fn take(&mut self, app: &mut App, message: Msg) -> anyhow::Result<Then> {
        let input = match message {
            Msg::Terminal(event) => terminal_input(event),
            Msg::Sample(sample) => Some(Input::Sample(sample)),
            Msg::Amended(sample) => Some(Input::Amended(sample)),
            Msg::Answered(reply) => Some(Input::Answered(reply)),
            Msg::Failed(problem) => anyhow::bail!(problem),
            Msg::Written(_) | Msg::Lost | Msg::Signal(SIGHUP | SIGTERM | SIGINT | SIGQUIT) => return Ok(Then::End),
            Msg::Signal(SIGTSTP) => return self.suspend(app, Who::Itself),
            Msg::Signal(SIGWINCH) => Some(resized(&mut self.screen)),
            Msg::Signal(_) => {
                // Continued, perhaps after SIGSTOP: what the terminal shows now is not ours.
                if let Regained::Ended = regain(&self.terminal, &mut self.screen, &self.messages)? {
                    return Ok(Then::End);
                }
                Some(resized(&mut self.screen))
            }
        };
        for effect in input.map_or_else(Vec::new, |input| app.update(input)) {
            match effect {
                Effect::Quit => return Ok(Then::End),
                Effect::Redraw => self.screen.forget(),
                Effect::Suspend => {
                    if self.suspend(app, Who::Group)? == Then::End {
                        return Ok(Then::End);
                    }
                }
                Effect::Signal { targets, signal } => {
                    let send = |key| (key, control::signal(&**self.source, key, signal));
                    app.update(Input::Signalled(targets.into_iter().map(send).collect()));
                }
                Effect::Save => {
                    let note = match (self.save)(app) {
                        Ok(text) => Input::Note(text, Role::Good),
                        Err(text) => Input::Note(text, Role::Bad),
                    };
                    app.update(note);
                }
            }
        }
        Ok(Then::GoOn)
    }

    /// Give the terminal back and stop; after SIGCONT go on with the screen as it is then.
    fn suspend(&mut self, app: &mut App, who: Who) -> anyhow::Result<Then> {
        self.terminal.restore();
        job::stop(who, Why::Asked)?;
        if let Regained::Ended = regain(&self.terminal, &mut self.screen, &self.messages)? {
            return Ok(Then::End);
        }
        app.update(resized(&mut self.screen));
        Ok(Then::GoOn)
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
