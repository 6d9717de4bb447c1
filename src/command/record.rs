//! `sysview record`: sample everything there is to sample, and write what was read as a recording.
//!
//! A report with rates needs two samples, so a recording for N reports has N + 1. It is written to a file of its own
//! beside the one named, which takes its place at the end: what is there is whole, or as it was.

#![expect(clippy::disallowed_methods, reason = "the place where a recording is written")]

use crate::{
    cli::RecordArgs,
    collect::{
        Collector,
        record::{Recorder, Secrets},
        source::Source,
    },
    snapshot::{Parts, Request, Snapshot},
    unit::Pid,
};
use anyhow::{Context, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// How long a sample may wait for reads that can block: all memory maps of a large machine take their time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Record from `source`.
///
/// # Errors
/// Where nothing can be sampled or nothing can be written.
pub fn run(args: &RecordArgs, source: Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let secrets = if args.with_secrets { Secrets::Kept } else { Secrets::LeftOut };
    let only = (!args.pids.is_empty()).then(|| args.pids.iter().copied().map(Pid).collect());
    let request = Request {
        period: args.delay,
        everyone: Parts::ALL,
        threads: true,
        only,
        patience: PATIENCE,
        ..Request::default()
    };
    let live = source.can_block();
    let reports = args.count.unwrap_or(u64::from(live));
    let interrupts = interrupts().context("cannot prepare for signals")?;
    let recorder = Arc::new(Recorder::new(source, secrets));
    let mut collector = Collector::new(Arc::clone(&recorder) as Arc<dyn Source>);

    let mut snapshot = collector.collect(&request)?;
    let absent = absent(&args.pids, &snapshot);
    if !absent.is_empty() && snapshot.processes.is_empty() {
        bail!("no such process: {absent}; nothing was recorded");
    }
    let mut output = Output::create(&args.file)?;
    let mut samples = 0;
    loop {
        recorder.note_users(&snapshot.users);
        if output.write(&recorder.take_text())? == Reader::Left {
            return Ok(ExitCode::SUCCESS);
        }
        samples += 1;
        let enough = reports != 0 && samples > reports;
        if enough || recorder.is_over() || (live && interrupts.recv_timeout(args.delay).is_ok()) {
            break;
        }
        snapshot = collector.collect(&request)?;
    }
    output.finish()?;
    if absent.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("no such process: {absent}; the others were recorded");
}

/// Those asked for that are not there.
fn absent(pids: &[u32], snapshot: &Snapshot) -> String {
    let absent = pids.iter().filter(|pid| snapshot.position(Pid(**pid)).is_none());
    absent.map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// A message for each signal that asks to end, so that what was recorded until then is kept.
fn interrupts() -> io::Result<Receiver<()>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (sender, receiver) = channel();
    let forward = move || {
        // It fails when the recording is over and nobody listens.
        let _ = signals.forever().try_for_each(|_| sender.send(()));
    };
    thread::Builder::new().name("signals".into()).spawn(forward)?;
    Ok(receiver)
}

/// Whether somebody still reads.
#[derive(PartialEq, Eq)]
enum Reader {
    There,
    Left,
}

/// Where the text goes.
struct Output {
    to: Box<dyn Write>,
    /// What was asked for, as it is shown.
    name: String,
    /// The file written to and the one whose place it takes; `None` for standard output, a pipe, a device.
    replacing: Option<(PathBuf, PathBuf)>,
}

impl Output {
    fn create(target: &Path) -> anyhow::Result<Self> {
        let name = target.display().to_string();
        if name == "-" {
            return Ok(Self { to: Box::new(io::stdout()), name: "standard output".to_owned(), replacing: None });
        }
        // A link stays, and what it points to is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let problem = || format!("cannot write {name}");
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            let file = OpenOptions::new().write(true).open(&target).with_context(problem)?;
            return Ok(Self { to: Box::new(file), name, replacing: None });
        }
        let Some(last) = target.file_name() else { bail!("cannot write {name}: it names no file") };
        let beside = target.with_file_name(format!(".{}.{}", last.display(), process::id()));
        let to = create_private(&beside).with_context(problem)?;
        Ok(Self { to: Box::new(to), name, replacing: Some((beside, target)) })
    }

    fn write(&mut self, text: &str) -> anyhow::Result<Reader> {
        match self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()) {
            Ok(()) => Ok(Reader::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Left),
            Err(error) => Err(error).with_context(|| format!("cannot write {}", self.name)),
        }
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let Some((beside, target)) = &self.replacing else { return Ok(()) };
        fs::rename(beside, target).with_context(|| format!("cannot write {}", self.name))?;
        self.replacing = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((beside, _)) = &self.replacing {
            // Already on the way out with an error that says more.
            let _ = fs::remove_file(beside);
        }
    }
}

/// A recording may hold what is nobody else's business.
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
