//! What randomisation made of the selected process: the facts of its program, its map beside that of another run of the
//! same program, and what the laboratory found out.

use crate::{
    analysis::{
        aslr::{Region, Report, Verdict},
        layout::{self, Comparison, Side, distance_text},
    },
    snapshot::{
        Missing,
        lab::{Lab, Order, StoppedAt},
    },
    table::Value,
    text::printable,
    tui::{
        action::Action,
        pane::{Look, World, memory::draw::awaited},
        subject::Other,
        theme::Role,
        widget::{
            legend,
            line::{self, Piece},
            list::List,
            spark::spark,
        },
    },
    unit::ProcessKey,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::cell::Cell;

/// State of the view.
#[derive(Debug, Default)]
pub struct Aslr {
    /// Whom the process is compared with; the first candidate where `None`.
    pub with: Option<ProcessKey>,
    /// What the laboratory runs.
    pub lab: Option<Order>,
    list: List,
    /// Lines there were to go through when it was drawn last.
    lines: Cell<usize>,
}

impl Aslr {
    /// Move through the lines, or go on to the candidate before or after; false where the action does neither.
    pub fn act(&mut self, action: Action, world: World<'_>) -> bool {
        if self.list.act(action, self.lines.get()) {
            return true;
        }
        let by = match action {
            Action::Collapse => -1,
            Action::Expand => 1,
            _ => return false,
        };
        let all = candidates(world);
        let at = self.with.and_then(|key| all.iter().position(|candidate| candidate.key == key)).unwrap_or(0);
        if let Some(next) = all.get(at.saturating_add_signed(by).min(all.len().saturating_sub(1))) {
            self.with = Some(next.key);
        }
        true
    }

    /// Let the cursor be on the line at this height of the room.
    pub fn click(&mut self, y: usize) {
        let at = self.list.offset() + y;
        if at < self.lines.get() {
            self.list.at = at;
        }
    }

    /// Whom the process is compared with.
    #[must_use]
    pub fn chosen(&self, world: World<'_>) -> Option<Candidate> {
        let all = candidates(world);
        let own = self.with.and_then(|key| all.iter().find(|candidate| candidate.key == key)).cloned();
        own.or_else(|| all.first().cloned())
    }
}

/// Somebody to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub key: ProcessKey,
    /// Whether it still runs; else there is only what was seen of it.
    pub runs: bool,
}

/// Runs of the same program that were looked into before, the latest first, and living processes of the same name.
#[must_use]
pub fn candidates(world: World<'_>) -> Vec<Candidate> {
    let now = &world.observation.now;
    let Some(own) = world.subject.key() else { return Vec::new() };
    let runs = |key: ProcessKey| now.find(key).is_some();
    let seen = world.subject.seen().map(|other| Candidate { key: other.key, runs: runs(other.key) });
    let mut all: Vec<_> = seen.filter(|candidate| candidate.key != own).collect();
    let Some(process) = now.find(own) else { return all };
    let like = now.processes.iter().filter(|other| {
        other.name == process.name && other.key != own && !other.is_kernel_thread() && !other.is_zombie()
    });
    for other in like {
        if !all.iter().any(|candidate| candidate.key == other.key) {
            all.push(Candidate { key: other.key, runs: true });
        }
    }
    all
}

/// One line of the view.
type Line = Vec<Piece<'static>>;

/// Draw the view.
pub fn draw(view: &Aslr, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width.saturating_sub(1));
    let mut lines = fact_lines(world, look, width);
    lines.push(Vec::new());
    match world.subject.lab().filter(|_| view.lab.is_some()) {
        Some(Ok((lab, report))) => lines.extend(lab_lines(lab, report, world, look, width)),
        Some(Err(missing)) => lines.push(vec![Piece::new(why_no_lab(*missing), look.style(Role::Warn))]),
        None if view.lab.is_some() && world.frozen => {
            lines.push(vec![Piece::new("frozen before the laboratory began", look.style(Role::Warn))]);
        }
        None if view.lab.is_some() => lines.push(vec![Piece::new("starting …", look.style(Role::Dim))]),
        None => lines.extend(compared_lines(view, world, look, width)),
    }
    view.lines.set(lines.len());
    let visible = view.list.visible(lines.len(), usize::from(area.height));
    let first = visible.start;
    for (at, (y, pieces)) in (area.y..area.bottom()).zip(&lines[visible]).enumerate() {
        line::draw(buffer, Rect { x: area.x + 1, y, width: area.width - 1, height: 1 }, pieces, look.glyphs.cut);
        if first + at == view.list.at && lines.len() > usize::from(area.height) {
            line::highlight(buffer, Rect { y, height: 1, ..area }, look.style(Role::Selected));
        }
    }
}

fn why_no_lab(missing: Missing) -> String {
    match missing {
        Missing::Unsupported => {
            "the laboratory is off: these processes belong to another pid namespace, or this is a recording".to_owned()
        }
        missing => format!("the laboratory cannot run: {}", missing.word()),
    }
}

fn fact_lines(world: World<'_>, look: Look<'_>, width: usize) -> Vec<Line> {
    match world.subject.program() {
        None => return vec![vec![Piece::new(awaited(world, "its program"), look.style(Role::Dim))]],
        Some(Err(missing)) => {
            let text = format!("the program cannot be looked at: {}", missing.word());
            return vec![vec![Piece::new(text, look.style(Role::Missing))]];
        }
        Some(Ok(_)) => {}
    }
    let facts = world.subject.facts(world.observation.now.units.page_size);
    let told = facts.iter().filter(|fact| fact.missing.is_none()).map(|fact| {
        vec![
            Piece::new(format!("{} ", fact.name), look.style(Role::Dim)),
            Piece::new(fact.text.clone(), look.style(Role::Label)),
        ]
    });
    let mut lines = legend::lines(told.collect(), width);
    // What could not be read is told once for each reason, not once for each fact.
    let mut reasons: Vec<(Missing, Vec<&str>)> = Vec::new();
    for (reason, name) in facts.iter().filter_map(|fact| Some((fact.missing?, fact.name))) {
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    for (reason, names) in reasons {
        let text = format!("{}: {}", reason.word(), names.join(", "));
        let wrapped = line::wrap(&text, width).into_iter();
        lines.extend(wrapped.map(|text| vec![Piece::new(text, look.style(Role::Missing))]));
    }
    lines
}

fn compared_lines(view: &Aslr, world: World<'_>, look: Look<'_>, width: usize) -> Vec<Line> {
    let Some(chosen) = view.chosen(world) else {
        let none = "No other run of this program: none of the same name runs, and none was looked into before.";
        let again = " The laboratory runs it again, and stops it before its first instruction.";
        let again = if world.observation.now.observer.foreign { "" } else { again };
        return said(&format!("{none}{again}"), look, width);
    };
    let mut lines = vec![compared_with(&chosen, world, look)];
    let Some(other) = world.subject.other(chosen.key) else {
        lines.push(vec![Piece::new(awaited(world, "its map"), look.style(Role::Dim))]);
        return lines;
    };
    match &other.map {
        Ok(_) => {}
        Err(missing) => {
            lines.push(vec![Piece::new(
                format!("its map cannot be read: {}", missing.word()),
                look.style(Role::Missing),
            )]);
            return lines;
        }
    }
    if let Some(comparison) = world.subject.comparison(other.key, || compare(other, world)) {
        lines.extend(said(&comparison.verdict, look, width));
        lines.push(heading(look));
        lines.extend(comparison.objects.iter().map(|object| object_line(object, world, look)));
        lines.extend(together_lines(&comparison, look, width));
    }
    lines
}

fn said(text: &str, look: Look<'_>, width: usize) -> Vec<Line> {
    line::wrap(text, width).into_iter().map(|text| vec![Piece::new(text, look.style(Role::Title))]).collect()
}

fn compared_with(chosen: &Candidate, world: World<'_>, look: Look<'_>) -> Line {
    let all = candidates(world);
    let at = all.iter().position(|candidate| candidate == chosen).unwrap_or(0);
    let name = match world.observation.now.find(chosen.key) {
        Some(process) => process.name.printable().into_owned(),
        None => "which has exited".to_owned(),
    };
    let count = if all.len() > 1 {
        format!("   {} of {}: Left and Right go to others", at + 1, all.len())
    } else {
        String::new()
    };
    vec![
        Piece::new("beside ", look.style(Role::Dim)),
        Piece::new(format!("{} {name}", chosen.key.pid), look.style(Role::Key)),
        Piece::new(count, look.style(Role::Dim)),
    ]
}

fn compare(other: &Other, world: World<'_>) -> Option<Comparison> {
    let (subject, now) = (world.subject, &world.observation.now);
    let (map, other_map) = (subject.known_map()?, other.map.as_ref().ok()?);
    let (name, other_name) = (map.key.pid.to_string(), other.key.pid.to_string());
    let parent = |key| now.find(key).map(|process| process.stat.ppid);
    let own = subject.program().and_then(|program| program.as_ref().ok());
    let a = Side {
        name: &name,
        key: Some(map.key),
        mappings: &map.mappings,
        exe: map.exe.as_deref().ok(),
        run: own.map(|program| layout::Run { parent: parent(map.key), program }),
    };
    let b = Side {
        name: &other_name,
        key: Some(other.key),
        mappings: &other_map.mappings,
        exe: other_map.exe.as_deref().ok(),
        run: other.program.as_ref().map(|program| layout::Run { parent: parent(other.key), program }),
    };
    Some(layout::compare(&a, &b))
}

fn heading(look: Look<'_>) -> Line {
    let text = format!("{:>14} {:>14} {:>17} {:>12}  OBJECT", "HERE", "THERE", "DISTANCE", "PAGES");
    vec![Piece::new(text, look.style(Role::Heading))]
}

fn object_line(object: &layout::Object, world: World<'_>, look: Look<'_>) -> Line {
    let address = |address: Option<u64>| address.map_or_else(|| "-".to_owned(), |address| format!("{address:012x}"));
    let page = i128::from(world.observation.now.units.page_size.max(1));
    let (distance, pages, role) = match object.distance() {
        None => ("-".to_owned(), "-".to_owned(), Role::Dim),
        Some(0) => ("same".to_owned(), "0".to_owned(), Role::Warn),
        Some(distance) => (distance_text(distance), (distance / page).to_string(), Role::Label),
    };
    let name = match object.role {
        layout::Role::Executable => format!("executable {}", printable(&object.path)),
        _ => printable(object.name()).into_owned(),
    };
    let again = if object.instance > 1 { format!("  number {} of that name", object.instance) } else { String::new() };
    let other = if object.replaced { "  another file of that name" } else { "" };
    vec![
        Piece::new(format!("{:>14} {:>14} ", address(object.a), address(object.b)), look.style(Role::Label)),
        Piece::new(format!("{distance:>17} {pages:>12}  "), look.style(role)),
        Piece::new(name, look.style(Role::Label)),
        Piece::new(format!("{again}{other}"), look.style(Role::Dim)),
    ]
}

fn together_lines(comparison: &Comparison, look: Look<'_>, width: usize) -> Vec<Line> {
    let Some(largest) = comparison.together.first() else { return Vec::new() };
    let name = |at: &usize| comparison.objects.get(*at).map(|object| printable(last(object.name())).into_owned());
    let names: Vec<_> = largest.iter().filter_map(name).collect();
    let text = format!("moved together: {}", names.join(", "));
    line::wrap(&text, width).into_iter().map(|text| vec![Piece::new(text, look.style(Role::Dim))]).collect()
}

/// The last part of a path.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Cells for where the runs landed: as many as there are, within these.
const LANDED: (usize, usize) = (8, 64);
/// Cells for the name of a region, and for all that stands before where the runs landed.
const REGION: usize = 22;
const BEFORE: usize = 32 + REGION;

fn landed_cells(width: usize) -> usize {
    width.saturating_sub(BEFORE + 2).clamp(LANDED.0, LANDED.1)
}

fn lab_lines(lab: &Lab, report: &Report, world: World<'_>, look: Look<'_>, width: usize) -> Vec<Line> {
    let command: Vec<_> = lab.order.command.iter().map(|word| printable(word).into_owned()).collect();
    let stopped = report.stopped_at.map_or("", |stopped| match stopped {
        StoppedAt::Interpreter => ", each stopped with its libraries mapped, before any constructor",
        StoppedAt::Exec => ", each stopped at its first instruction",
        StoppedAt::Entry => ", each stopped at its entry: constructors did run",
    });
    let head = format!("{} of {} runs of {}{stopped}", lab.runs.len(), lab.order.runs, command.join(" "));
    let mut lines = vec![vec![
        Piece::new("laboratory: ", look.style(Role::Dim)),
        Piece::new(head, look.style(if lab.done { Role::Label } else { Role::Warn })),
    ]];
    if let Some(problem) = &lab.problem {
        lines.extend(line::wrap(problem, width).into_iter().map(|text| vec![Piece::new(text, look.style(Role::Bad))]));
    }
    if !report.regions.is_empty() {
        let text = format!(
            "{:<8} {:>5} {:>8} {:>7} {:<REGION$} WHERE THEY LANDED",
            "VERDICT", "BITS", "PROMISED", "ALIGNED", "REGION"
        );
        lines.push(vec![Piece::new(text, look.style(Role::Heading))]);
    }
    let page_size = world.observation.now.units.page_size;
    lines.extend(report.regions.iter().map(|region| region_line(region, page_size, landed_cells(width), look)));
    let mut notes: Vec<(Vec<String>, &str)> = Vec::new();
    for region in &report.regions {
        let name = printable(last(region.place.word())).into_owned();
        match notes.iter_mut().find(|(_, note)| *note == region.note) {
            Some((names, _)) => names.push(name),
            None => notes.push((vec![name], &region.note)),
        }
    }
    let notes = notes.into_iter().map(|(names, note)| format!("{}: {note}", names.join(", ")));
    for text in notes.chain(lab.notes.iter().cloned()) {
        lines.extend(line::wrap(&text, width).into_iter().map(|text| vec![Piece::new(text, look.style(Role::Label))]));
    }
    for distance in &report.distances {
        let (from, to) = (printable(last(distance.from.word())), printable(last(distance.to.word())));
        let text = format!("{to} is {:#x} above {from} in every run", distance.bytes);
        lines.push(vec![Piece::new(text, look.style(Role::Dim))]);
    }
    lines
}

fn region_line(region: &Region, page_size: u64, cells: usize, look: Look<'_>) -> Line {
    let role = match region.verdict {
        Some(Verdict::Random) => Role::Good,
        Some(Verdict::Weak) => Role::Warn,
        Some(Verdict::Fixed) => Role::Bad,
        None => Role::Dim,
    };
    let bits = region.bits.map_or_else(|| "-".to_owned(), |bits| format!("{bits:.1}"));
    let promised = region.promise.bits.map_or_else(|| "-".to_owned(), |bits| bits.to_string());
    let aligned = region.alignment.map_or(Value::None, Value::Bytes);
    let landed: Vec<_> = region.landed(cells, page_size).into_iter().map(|count| Some(f64::from(count))).collect();
    let most = landed.iter().flatten().copied().fold(1.0, f64::max);
    let from = if region.relative { " from executable" } else { "" };
    let name = format!("{}{from}", printable(last(region.place.word())));
    let (open, close) = look.glyphs.meter;
    vec![
        Piece::new(format!("{:<8}", region.verdict.map_or("", Verdict::word)), look.style(role)),
        Piece::new(format!(" {bits:>5} {promised:>8} {:>7} ", aligned.human()), look.style(Role::Label)),
        Piece::new(padded(&name, REGION, look), look.style(Role::Label)),
        Piece::new(format!("{open}{}{close}", spark(&landed, cells, &(0.0..=most), look.glyphs)), look.style(role)),
    ]
}

/// A text in so many cells, cut with a mark where it is longer.
fn padded(text: &str, cells: usize, look: Look<'_>) -> String {
    let used = line::cells(text);
    if used <= cells {
        return format!("{text}{}", " ".repeat(cells - used));
    }
    let mut kept: String = text.chars().take(cells.saturating_sub(1)).collect();
    while line::cells(&kept) >= cells {
        kept.pop();
    }
    kept.push_str(look.glyphs.cut);
    kept
}
