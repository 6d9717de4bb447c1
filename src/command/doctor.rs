//! `sysview doctor`: what this kernel, these rights and this /proc allow, item by item, and how to get more.
//!
//! Every verdict comes from trying, never from a version number. `probes` has the table of what is tried.

mod probes;

use super::output::{Field, Printer, Record, terminal_width, wrapped};
use crate::{
    cli::{DoctorArgs, Format, SourceArgs},
    collect::{
        Collector,
        live::Live,
        machine::Machine,
        source::{OpenError, Source},
    },
    snapshot::{Missing, Request, System},
    table::Value,
    text::{Text, printable},
};
use probes::{PROBES, Probe};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
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
        let live = Live::open(root).map_err(|error| OpenError::Root(root.to_owned(), error))?;
        let source: Arc<dyn Source> = Arc::new(live);
        let nobody = Request { only: Some(Vec::new()), ..Request::default() };
        let snapshot = Collector::new(Arc::clone(&source)).collect(&nobody)?;
        Ok(Self { source, root: root.to_owned(), system: Arc::clone(&snapshot.system) })
    }
}

/// Try everything and print what came of it.
///
/// # Errors
/// Where there is no /proc at all, or it is that of a recording; where it cannot be printed.
pub fn run(args: DoctorArgs, from: &SourceArgs) -> anyhow::Result<ExitCode> {
    if from.from.is_some() {
        anyhow::bail!("a recording says nothing of what this kernel allows: run doctor without --from");
    }
    let root = from.proc_root.as_deref().unwrap_or(Path::new("/proc"));
    let look = Arc::new(Look::open(root)?);
    let outcomes: Vec<_> = PROBES.iter().map(|probe| (probe, attempt(probe, &look))).collect();
    match args.format {
        Format::Table => io::stdout().write_all(table(&look.system, &outcomes, terminal_width()).as_bytes())?,
        format => Printer::standard(format, super::cut_mark()).report(&FIELDS, usize::MAX, &records(&outcomes))?,
    }
    Ok(ExitCode::SUCCESS)
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

const FIELDS: [Field; 5] = [
    Field::text("item", "ITEM"),
    Field::text("verdict", "VERDICT"),
    Field::text("evidence", "EVIDENCE"),
    Field::text("needed_for", "NEEDED FOR"),
    Field::text("how", "HOW"),
];

fn records<'a>(outcomes: &'a [(&Probe, Outcome)]) -> Vec<Record<'a>> {
    let record = |(probe, outcome): &'a (&Probe, Outcome)| {
        let (verdict, evidence) = verdict(outcome);
        let cells = vec![
            Value::Word(probe.item),
            Value::Word(verdict.word()),
            Value::Text(evidence.as_bytes().into()),
            Value::Word(probe.needed_for),
            Value::Word(probe.how),
        ];
        Record { cells, ..Record::default() }
    };
    outcomes.iter().map(record).collect()
}

/// For people: verdict and item at the left, beside them what was found in as many lines as it takes, and how to get
/// what is not to be had.
fn table(system: &System, outcomes: &[(&Probe, Outcome)], width: Option<usize>) -> String {
    let width = width.unwrap_or(usize::MAX);
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
    let items = outcomes.iter().flat_map(|(probe, outcome)| item(probe, outcome, width));
    machine.chain(items).map(|line| line + "\n").collect()
}

fn item(probe: &Probe, outcome: &Outcome, width: usize) -> Vec<String> {
    let (verdict, evidence) = verdict(outcome);
    let mut texts = vec![format!("{}: {}", probe.what, printable(evidence.as_bytes()))];
    if verdict != Verdict::Yes {
        texts.push(format!("needed for {}", probe.needed_for));
        texts.push(format!("to get it: {}", probe.how));
    }
    let head = format!("{:<12}{:<20}", verdict.word(), probe.item);
    // Beside names that fill a narrow terminal there is no room: below them instead.
    let beside = width >= head.len() + 30;
    let indent = if beside { head.len() } else { 4 };
    let mut lines: Vec<_> = texts
        .iter()
        .flat_map(|text| wrapped(text, width.saturating_sub(indent).max(20)))
        .map(|line| format!("{:indent$}{line}", ""))
        .collect();
    match lines.first_mut().filter(|_| beside) {
        Some(first) => first.replace_range(..indent, &head),
        None => lines.insert(0, head.trim_end().to_owned()),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_lost() {
        let refused = Err(Refusal::new(Verdict::Denied, "/proc/1/stack: denied \u{1b}[31m"));
        let outcomes: Vec<_> = PROBES.iter().map(|probe| (probe, refused.clone())).collect();
        for width in [60, 80, 120] {
            let text = table(&System::default(), &outcomes, Some(width));
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(PROBES.iter().all(|probe| words.contains(probe.how) && words.contains(probe.needed_for)));
            assert!(words.contains("denied \\u001b[31m"));
        }
    }
}
