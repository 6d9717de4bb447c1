//! `sysview doctor`: what this kernel, these rights and this /proc allow, item by item, and how to get more.
//!
//! Every verdict comes from trying, never from a version number. `probes` has the table of what is tried.

mod probes;

use crate::{
    cli::{DoctorArgs, DoctorFormat, SourceArgs},
    collect::{Collector, live::Live, machine::Machine, source::Source},
    snapshot::{Missing, Request, System},
    text::{Text, printable},
};
use anyhow::Context;
use probes::{PROBES, Probe};
use serde_json::json;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

/// How long a probe may take. One that asks a stuck process or a dead directory server would never come back.
const PATIENCE: Duration = Duration::from_secs(3);

/// What can be said of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It works.
    Yes,
    /// The kernel has it, but it is switched off.
    Off,
    /// It is there, but not for this user.
    Denied,
    /// This kernel, or this /proc, does not have it.
    Unsupported,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Off => "off",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Why an item is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    verdict: Verdict,
    evidence: String,
}

impl Refusal {
    fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into() }
    }

    /// A value of /proc that could not be read.
    fn of_reading(what: &str, missing: Missing) -> Self {
        let verdict = match missing {
            Missing::Denied => Verdict::Denied,
            Missing::Off => Verdict::Off,
            _ => Verdict::Unsupported,
        };
        let why = if missing == Missing::Gone { "no such file" } else { missing.word() };
        Self::new(verdict, format!("{what}: {why}"))
    }

    /// A call that failed.
    fn of_call(what: &str, error: &io::Error) -> Self {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        Self::new(if denied { Verdict::Denied } else { Verdict::Unsupported }, format!("{what}: {error}"))
    }
}

/// The evidence that something works, or why it does not.
type Outcome = Result<String, Refusal>;

/// What the probes look at.
struct Look {
    source: Arc<dyn Source>,
    /// The directory that stands for /proc.
    root: PathBuf,
    /// The machine's figures, as every screen and command gets them.
    system: Arc<System>,
}

impl Look {
    fn open(root: &Path) -> anyhow::Result<Self> {
        let shown = || printable(root.as_os_str().as_encoded_bytes()).into_owned();
        let source: Arc<dyn Source> =
            Arc::new(Live::open(root).with_context(|| format!("cannot open {}: is /proc mounted there?", shown()))?);
        let nobody = Request { only: Some(Vec::new()), ..Request::default() };
        let snapshot = Collector::new(Arc::clone(&source)).collect(&nobody)?;
        Ok(Self { source, root: root.to_owned(), system: Arc::clone(&snapshot.system) })
    }
}

/// Try everything and tell what came of it.
///
/// # Errors
/// Where there is no /proc at all, or it is that of a recording.
pub fn report(args: &DoctorArgs, from: &SourceArgs) -> anyhow::Result<String> {
    if from.from.is_some() {
        anyhow::bail!("a recording says nothing of what this kernel allows: run doctor without --from");
    }
    let look = Arc::new(Look::open(from.proc_root.as_deref().unwrap_or(Path::new("/proc")))?);
    let outcomes: Vec<_> = PROBES.iter().map(|probe| (probe, attempt(probe, &look))).collect();
    Ok(match args.format {
        DoctorFormat::Table => table(&look.system, &outcomes),
        DoctorFormat::Json => json(&outcomes),
    })
}

/// Run one probe on a thread of its own, which is left behind if it does not come back.
fn attempt(probe: &'static Probe, look: &Arc<Look>) -> Outcome {
    let (sender, answers) = channel();
    let look = Arc::clone(look);
    let spawned = thread::Builder::new().name(probe.item.into()).spawn(move || sender.send((probe.attempt)(&look)));
    if let Err(error) = spawned {
        return Err(Refusal::of_call("cannot start a thread to try it", &error));
    }
    let silent = |_| Err(Refusal::new(Verdict::Unsupported, format!("no answer in {} s", PATIENCE.as_secs())));
    answers.recv_timeout(PATIENCE).unwrap_or_else(silent)
}

fn verdict(outcome: &Outcome) -> (Verdict, &str) {
    match outcome {
        Ok(evidence) => (Verdict::Yes, evidence),
        Err(refusal) => (refusal.verdict, &refusal.evidence),
    }
}

fn json(outcomes: &[(&Probe, Outcome)]) -> String {
    let entry = |(probe, outcome): &(&Probe, Outcome)| {
        let (verdict, evidence) = verdict(outcome);
        json!({
            "item": probe.item,
            "verdict": verdict.word(),
            "evidence": printable(evidence.as_bytes()),
            "needed_for": probe.needed_for,
            "how": probe.how,
        })
    };
    let report: serde_json::Value = outcomes.iter().map(entry).collect();
    format!("{report:#}\n")
}

fn table(system: &System, outcomes: &[(&Probe, Outcome)]) -> String {
    let machine = Machine::read();
    let cpus = system.cpus.as_ref().map_or_else(|missing| missing.word().to_owned(), |cpus| cpus.len().to_string());
    let names = [
        ("host", &machine.host),
        ("kernel", &machine.kernel),
        ("system", &machine.distribution),
        ("processor", &machine.cpu),
    ];
    let name = |(what, name): (&str, &Option<Text>)| {
        format!("{what:<12}{}", name.as_ref().map_or_else(|| "-".into(), Text::printable))
    };
    let machine = names.into_iter().map(name).chain([format!("{:<12}{cpus}", "CPUs"), String::new()]);
    let items = outcomes.iter().flat_map(|(probe, outcome)| {
        let (verdict, evidence) = verdict(outcome);
        let evidence = printable(evidence.as_bytes());
        let mut lines = vec![format!("{:<12}{:<20}{}: {evidence}", verdict.word(), probe.item, probe.what)];
        if verdict != Verdict::Yes {
            lines.push(format!("{:<32}needed for {}", "", probe.needed_for));
            lines.push(format!("{:<32}to get it: {}", "", probe.how));
        }
        lines
    });
    machine.chain(items).map(|line| line + "\n").collect()
}
