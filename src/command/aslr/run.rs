//! `sysview aslr run`: order the runs, tell how far they are, and report what they say. Signals that ask to end end the
//! child there is, and what is known by then is reported.

mod report;

use crate::{
    analysis::aslr::Report,
    cli::{Format, LabArgs},
    collect::{lab, source::Source},
    command::{
        complain,
        output::{Printer, write_json},
    },
    snapshot::{
        Missing, Reading,
        inspect::Answer,
        lab::{Lab, Order},
    },
    text::Text,
};
use anyhow::{Context, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    io::{self, IsTerminal, Write},
    ops::ControlFlow,
    os::unix::ffi::OsStrExt,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How long an interrupted laboratory may take to end its child; with sysview itself it ends in any case.
const PATIENCE: Duration = Duration::from_secs(2);

/// Run the command as often as ordered, and report.
///
/// # Errors
/// Where it cannot be run, or nothing can be printed.
pub fn run(args: &LabArgs, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let command = args.command.iter().map(|word| Text::from(word.as_bytes())).collect();
    let order = Order { command, runs: args.runs };
    let (sender, events) = channel();
    forward_signals(sender.clone()).context("cannot prepare for signals")?;
    let (source, wanted) = (Arc::clone(source), order.clone());
    let is_over = Arc::new(AtomicBool::new(false));
    let is_enough = Arc::clone(&is_over);
    let work = move || {
        let done = lab::run(&*source, &wanted, &mut |answer| {
            // What is told last is told also to somebody who wants no more.
            let is_heard = sender.send(Event::Told(answer)).is_ok();
            if is_heard && !is_enough.load(Relaxed) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = done;
    };
    let worker = thread::Builder::new().name("detail".into()).spawn(work).context("cannot start a thread")?;
    let (told, interrupted) = follow(&events, &order, &is_over)?;
    if interrupted.is_some() {
        wait_for(worker);
    }
    let lab = match told {
        Ok(lab) => lab,
        Err(Missing::Unsupported) => {
            bail!("a command is run on this machine as it is now: not with --from, nor with a /proc of other processes")
        }
        Err(why) => bail!("nothing was told of the runs ({})", why.word()),
    };
    conclude(args.format, &lab, interrupted)
}

/// Print what there is, and say what is wrong.
fn conclude(format: Format, lab: &Lab, interrupted: Option<i32>) -> anyhow::Result<ExitCode> {
    if let (Some(problem), true) = (&lab.problem, lab.runs.is_empty()) {
        bail!("{problem}");
    }
    if !lab.runs.is_empty() {
        print(format, lab, &Report::new(lab))?;
    }
    if let Some(problem) = &lab.problem {
        complain(&format!("after {} of {} runs: {problem}", lab.runs.len(), lab.order.runs));
    }
    if let Some(signal) = interrupted {
        complain(&format!("interrupted after {} of {} runs", lab.runs.len(), lab.order.runs));
        // As a shell has it for what a signal ended.
        return Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)));
    }
    Ok(if lab.problem.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What can happen while the runs go on.
enum Event {
    /// Something came of them.
    Told(Reading<Answer>),
    /// A signal asks to end.
    Signal(i32),
}

fn forward_signals(sender: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let forward = move || {
        // It fails when nobody listens any more, which is the end.
        let _ = signals.forever().try_for_each(|signal| sender.send(Event::Signal(signal)));
    };
    thread::Builder::new().name("signals".into()).spawn(forward)?;
    Ok(())
}

/// What is known when the runs are done, or when a signal asked to end, and which signal.
fn follow(
    events: &Receiver<Event>,
    order: &Order,
    is_over: &AtomicBool,
) -> anyhow::Result<(Reading<Arc<Lab>>, Option<i32>)> {
    let mut progress = Progress::new(order.runs);
    let mut known = Arc::new(Lab::new(order.clone()));
    let mut interrupted = None;
    loop {
        let event = match interrupted {
            None => events.recv()?,
            Some(_) => match events.recv_timeout(PATIENCE) {
                Ok(event) => event,
                Err(_) => return Ok((Ok(known), interrupted)),
            },
        };
        match event {
            Event::Told(Ok(Answer::Lab(lab))) => {
                progress.show(lab.runs.len());
                known = lab;
                if known.done {
                    return Ok((Ok(known), None));
                }
                if interrupted.is_some() {
                    return Ok((Ok(known), interrupted));
                }
            }
            Event::Told(Ok(_)) => {}
            Event::Told(Err(why)) => return Ok((Err(why), None)),
            // Whoever asks twice does not wait.
            Event::Signal(signal) if interrupted.is_some() => return Ok((Ok(known), Some(signal))),
            Event::Signal(signal) => {
                is_over.store(true, Relaxed);
                interrupted = Some(signal);
            }
        }
    }
}

/// Wait until the laboratory has ended, within reason.
fn wait_for(worker: thread::JoinHandle<()>) {
    let (sender, ended) = channel();
    let wait = move || {
        // It panics nowhere, and if it did its child would be gone all the same.
        let _ = worker.join();
        drop(sender);
    };
    if thread::Builder::new().spawn(wait).is_ok() {
        let (Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) = ended.recv_timeout(PATIENCE);
    }
}

/// A line on the terminal that says how far the runs are, and is gone in the end.
struct Progress {
    runs: u32,
    shown: bool,
}

impl Progress {
    fn new(runs: u32) -> Self {
        Self { runs, shown: false }
    }

    fn show(&mut self, done: usize) {
        let mut terminal = io::stderr();
        if done > 0 && terminal.is_terminal() {
            // Whoever cannot see it misses nothing.
            let _ = write!(terminal, "\r{done} of {} runs", self.runs);
            self.shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn print(format: Format, lab: &Lab, report: &Report) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match format {
        Format::Table => output.write_all(report::text(lab, report)?.as_bytes())?,
        Format::Json | Format::Ndjson => {
            write_json(&mut output, &report::json(lab, report))?;
            output.write_all(b"\n")?;
        }
        Format::Csv => {
            drop(output);
            Printer::standard(format, "").report(&report::FIELDS, usize::MAX, &report::records(report))?;
        }
    }
    Ok(())
}
