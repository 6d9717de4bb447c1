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
    let work = move || {
        let done = lab::run(&*source, &wanted, &mut |answer| match sender.send(Event::Told(answer)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = done;
    };
    let worker = thread::Builder::new().name("detail".into()).spawn(work).context("cannot start a thread")?;
    let (told, interrupted) = follow(&events, &order)?;
    // It breaks off when there is nobody to tell.
    drop(events);
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

/// What is known when the runs are done, or a signal asks to end, and which signal.
fn follow(events: &Receiver<Event>, order: &Order) -> anyhow::Result<(Reading<Arc<Lab>>, Option<i32>)> {
    let mut progress = Progress::new(order.runs);
    let mut told = Arc::new(Lab::new(order.clone()));
    loop {
        match events.recv()? {
            Event::Told(Ok(Answer::Lab(lab))) => {
                progress.show(lab.runs.len());
                told = lab;
            }
            Event::Told(Ok(_)) => {}
            Event::Told(Err(why)) => return Ok((Err(why), None)),
            Event::Signal(signal) => return Ok((Ok(told), Some(signal))),
        }
        if told.done {
            return Ok((Ok(told), None));
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
