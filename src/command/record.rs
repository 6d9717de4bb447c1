//! `sysview record`: sample everything there is to sample, and write what was read as a recording.
//!
//! A report with rates needs two samples, so a recording for N reports has N + 1. Memory maps are large, and are recorded
//! of the processes that are named only.

use super::file::{Output, Reader};
use crate::{
    cli::RecordArgs,
    collect::{
        Collector, map,
        record::{Recorder, Secrets},
        source::Source,
    },
    snapshot::{Parts, Request, Snapshot, inspect::Depth},
    unit::Pid,
};
use anyhow::{Context, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    io,
    process::ExitCode,
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
    let shared = Arc::clone(&recorder) as Arc<dyn Source>;
    let mut collector = Collector::new(Arc::clone(&shared));

    let mut snapshot = collector.collect(&request)?;
    let absent = absent(&args.pids, &snapshot);
    if !absent.is_empty() && snapshot.processes.is_empty() {
        bail!("no such process: {absent}; nothing was recorded");
    }
    let mut output = Output::create(&args.file)?;
    let mut samples = 0;
    loop {
        recorder.note_users(&snapshot.users);
        read_maps(&shared, &args.pids, &snapshot);
        if output.write(|to| to.write_all(recorder.take_text().as_bytes()))? == Reader::Left {
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

/// Read the memory maps of those asked for: what is read is recorded, whatever comes of it.
fn read_maps(source: &Arc<dyn Source>, pids: &[u32], snapshot: &Snapshot) {
    let there = pids.iter().filter_map(|pid| snapshot.processes.get(snapshot.position(Pid(*pid))?));
    for process in there {
        for depth in [Depth::Figures, Depth::Addresses] {
            let _ = map::read_within(source, process.key, depth, PATIENCE);
        }
    }
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
