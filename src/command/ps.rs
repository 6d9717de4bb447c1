//! `sysview ps`: processes, as a list or a tree, with any columns.
//!
//! One sample where nothing compares two, else two samples a delay apart.

#![expect(clippy::disallowed_methods, reason = "the place that waits from one sample to the next")]

use super::{
    Usage, column, complain,
    output::{Field, Printer, Record},
};
use crate::{
    analysis::{
        Observation, Row,
        tree::{Branches, Line, Strokes, Tree, by_birth},
    },
    cli::{Format, PsArgs},
    collect::{Collector, source::Source},
    nearest::suggestion,
    proc::fields::{keyed, number},
    snapshot::{Missing, Parts, Process, Request, Snapshot},
    table::{
        Column, Query, Value,
        presets::{self, PRESETS},
        value::Order,
    },
    text::printable,
    unit::{Id, Pid},
};
use std::{
    cmp::Ordering,
    collections::BTreeSet,
    io::Write,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How long a sample may wait for reads that can block; those found stuck are given up long before.
const PATIENCE: Duration = Duration::from_secs(5);

/// Report on the processes of `source`.
///
/// # Errors
/// [`Usage`]; where nothing can be sampled or printed.
pub fn run(args: &PsArgs, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(args)?;
    let strokes = if super::screen::is_utf8() { &Strokes::LINES } else { &Strokes::ASCII };
    let mut printer = Printer::standard(args.report.format, super::cut_mark());
    let mut absent = BTreeSet::new();
    sample(args, &plan, source, |observation| {
        plan.print(&mut printer, observation, strokes)?;
        for pid in &args.pids {
            if observation.now.position(Pid(*pid)).is_none() && absent.insert(*pid) {
                complain(&absence(*pid, &**source));
            }
        }
        Ok(())
    })?;
    Ok(if absent.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Take samples and hand on each observation that a report can be made of, until there were enough.
fn sample(
    args: &PsArgs,
    plan: &Plan,
    source: &Arc<dyn Source>,
    mut report: impl FnMut(&Observation) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut collector = Collector::new(Arc::clone(source));
    let mut before: Option<Arc<Snapshot>> = None;
    let mut due = Instant::now();
    let mut reports = 0;
    loop {
        let now = collector.collect(&plan.request)?;
        // A recording of one sample has nothing to compare it with.
        let is_enough = before.is_some() || !plan.needs_interval || source.is_over();
        if is_enough {
            report(&Observation::new(Arc::clone(&now), before.take()))?;
            reports += 1;
            if reports == args.report.count || source.is_over() {
                return Ok(());
            }
        }
        before = Some(now);
        if source.can_block() {
            due += args.report.delay;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// Why a process asked for is not there.
fn absence(pid: u32, source: &dyn Source) -> String {
    let mut status = Vec::new();
    if source.read(&format!("{pid}/stat"), &mut status) == Err(Missing::Denied) {
        return format!("process {pid} may not be read: run as root, or `sysview doctor` says what hides it");
    }
    let process = source.read(&format!("{pid}/status"), &mut status).ok().and_then(|()| {
        let (_, value) = keyed(&status).find(|(key, _)| *key == b"Tgid")?;
        number::<u32>(value).ok().filter(|process| *process != pid)
    });
    process.map_or_else(
        || format!("no such process: {pid}"),
        |process| format!("{pid} is no process but a thread of {process}: try `sysview ps --threads {process}`"),
    )
}

/// What was asked for, understood.
struct Plan {
    columns: Vec<&'static Column>,
    fields: Vec<Field>,
    sort: Option<(&'static Column, Order)>,
    filter: Option<Query>,
    user: Option<String>,
    tree: bool,
    needs_interval: bool,
    /// Whether a column that is shown compares two snapshots.
    shows_interval: bool,
    request: Request,
}

impl Plan {
    fn new(args: &PsArgs) -> Result<Self, Usage> {
        if args.report.format == Format::Json && args.report.count != 1 {
            return Err(Usage("--format json is one report: use ndjson with a --count other than 1".to_owned()));
        }
        let columns = columns(args)?;
        let sort = args.sort.as_deref().map(column).transpose()?;
        let order = |column: &Column| if args.reverse { column.first.reversed() } else { column.first };
        let filter = args.filter.as_deref().map(Query::parse).transpose().map_err(|error| Usage(error.to_string()))?;
        let user_parts = if args.user.is_some() { Parts::STATUS } else { Parts::NONE };
        let parts = columns.iter().chain(&sort).fold(user_parts, |parts, column| parts | column.parts);
        let parts = parts | filter.as_ref().map_or(Parts::NONE, Query::parts);
        let shows_interval = columns.iter().any(|column| column.needs_interval());
        let needs_interval = shows_interval
            || sort.is_some_and(Column::needs_interval)
            || filter.as_ref().is_some_and(Query::needs_interval);
        let request = Request {
            period: args.report.delay,
            everyone: parts,
            threads: args.threads,
            only: (!args.pids.is_empty()).then(|| args.pids.iter().copied().map(Pid).collect()),
            patience: PATIENCE,
            ..Request::default()
        };
        Ok(Self {
            fields: columns.iter().map(|column| Field::from(*column)).collect(),
            columns,
            sort: sort.map(|column| (column, order(column))),
            filter,
            user: args.user.clone(),
            tree: args.tree,
            needs_interval,
            shows_interval,
            request,
        })
    }

    fn print<W: Write>(
        &self,
        printer: &mut Printer<W>,
        observation: &Observation,
        strokes: &Strokes,
    ) -> anyhow::Result<()> {
        let rows = if self.tree { self.branching(observation, strokes) } else { self.listed(observation) };
        let records: Vec<_> = rows.into_iter().map(|(row, branch)| self.record(row, branch)).collect();
        let tree = ["command", "name"].iter().find_map(|name| self.fields.iter().position(|field| field.name == *name));
        printer.report(&self.fields, tree.unwrap_or(self.fields.len().saturating_sub(1)), &records)?;
        Ok(())
    }

    fn record<'a>(&self, row: Row<'a>, branch: String) -> Record<'a> {
        let process = row.process;
        let mut head = vec![("pid", Value::Count(process.group.0.into()))];
        if self.request.threads {
            head.push(("tid", if process.thread { Value::Count(process.key.pid.0.into()) } else { Value::None }));
        }
        head.push(("start_ticks", Value::Count(process.key.start.0)));
        head.push(("name", Value::text(&process.name)));
        if self.shows_interval {
            head.push(("interval", row.interval().map_or(Value::None, |time| Value::Seconds(time.as_secs_f64()))));
        }
        let cells = self.columns.iter().map(|column| match (column.value)(row) {
            // A recording of one sample cannot tell.
            Value::Missing(Missing::NotRequested) if row.observation.before.is_none() && column.needs_interval() => {
                Value::Missing(Missing::Unsupported)
            }
            value => value,
        });
        Record { head, cells: cells.collect(), branch }
    }

    fn matches(&self, row: Row<'_>) -> bool {
        self.user.as_deref().is_none_or(|user| is_of(row, user))
            && self.filter.as_ref().is_none_or(|filter| filter.matches(row))
    }

    /// Processes one after the other, each followed by its threads where those are wanted.
    fn listed<'a>(&self, observation: &'a Observation) -> Vec<(Row<'a>, String)> {
        let mut rows: Vec<_> = observation.processes().collect();
        self.sort_rows(&mut rows);
        let mut listed = Vec::new();
        for row in rows {
            if self.matches(row) {
                listed.push((row, String::new()));
            }
            listed.extend(self.threads(row).into_iter().map(|thread| (thread, String::new())));
        }
        listed
    }

    /// The same below one another. A process is kept for the sake of its threads.
    fn branching<'a>(&self, observation: &'a Observation, strokes: &Strokes) -> Vec<(Row<'a>, String)> {
        let processes = &observation.now.processes;
        let mut tree = Tree::default();
        self.build(&mut tree, observation, processes);
        let row = |at: usize| observation.process(at);
        tree.retain(|at| row(at).is_some_and(|row| self.matches(row) || !self.threads(row).is_empty()));
        let (mut branches, mut rows) = (Branches::default(), Vec::new());
        let mut draw = |line: Line| {
            let mut branch = String::new();
            branches.draw(line, strokes, &mut branch);
            branch
        };
        for line in tree.lines() {
            let Some(row) = row(line.at as usize) else { continue };
            rows.push((row, draw(*line)));
            let threads = self.threads(row);
            let count = threads.len();
            for (at, thread) in threads.into_iter().enumerate() {
                let last = at + 1 == count && line.size == 1;
                rows.push((thread, draw(Line { depth: line.depth + 1, size: 1, last, ..*line })));
            }
        }
        rows
    }

    fn build(&self, tree: &mut Tree, observation: &Observation, processes: &[Arc<Process>]) {
        let born = by_birth(processes);
        let Some((column, order)) = self.sort else { return tree.build(processes, born) };
        let values: Vec<_> = observation.processes().map(|row| (column.value)(row)).collect();
        tree.build(processes, |a, b| values[a].compare_in(&values[b], order).then_with(|| born(a, b)));
    }

    /// The threads of a process that are rows of their own: those of a process with one thread say what it says.
    fn threads<'a>(&self, process: Row<'a>) -> Vec<Row<'a>> {
        let observation = process.observation;
        let threads = &observation.now.threads;
        let start = threads.partition_point(|thread| thread.group < process.process.key.pid);
        let end = threads.partition_point(|thread| thread.group <= process.process.key.pid);
        if !self.request.threads || end - start < 2 {
            return Vec::new();
        }
        let mut rows: Vec<_> = (start..end).filter_map(|at| observation.thread(at)).collect();
        rows.retain(|row| self.matches(*row));
        self.sort_rows(&mut rows);
        rows
    }

    /// They come in order of pid, and stay so where nothing else decides.
    fn sort_rows(&self, rows: &mut Vec<Row<'_>>) {
        let Some((column, order)) = self.sort else { return };
        let mut keyed: Vec<_> = rows.iter().map(|row| ((column.value)(*row), *row)).collect();
        keyed.sort_by(|(a, _), (b, _)| -> Ordering { a.compare_in(b, order) });
        rows.clear();
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }
}

/// Whether the process runs for this real user, given by name or number.
fn is_of(row: Row<'_>, user: &str) -> bool {
    let Ok(status) = &row.whole().process.details().status else { return false };
    let name = row.observation.now.users.get(&status.uid.real);
    let is_named = matches!(name, Some(Ok(Some(name))) if **name == *user.as_bytes());
    is_named || user.parse().is_ok_and(|id| Id(id) == status.uid.real)
}

/// The columns asked for, by name or by preset.
fn columns(args: &PsArgs) -> Result<Vec<&'static Column>, Usage> {
    if !args.columns.is_empty() {
        return args.columns.iter().map(|name| column(name.trim())).collect();
    }
    let Some(name) = args.preset.as_deref() else { return Ok(with_threads(args, PRESETS[0].columns().collect())) };
    let names = || PRESETS.iter().map(|preset| preset.name);
    let preset = presets::find(name).ok_or_else(|| {
        let (name, all) = (printable(name.as_bytes()), names().collect::<Vec<_>>().join(", "));
        Usage(format!("unknown preset {name}{}; there are {all}", suggestion(&name, names())))
    })?;
    Ok(with_threads(args, preset.columns().collect()))
}

/// Where threads have rows their number is needed to tell them apart.
fn with_threads(args: &PsArgs, mut columns: Vec<&'static Column>) -> Vec<&'static Column> {
    if args.threads {
        columns.extend(crate::table::columns::find("tid"));
        columns[1..].rotate_right(1);
    }
    columns
}
