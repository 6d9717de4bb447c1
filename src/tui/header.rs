//! The lines above the pane: the machine at a glance. Small screens drop lines, narrow ones drop the least important
//! facts; nothing is cut in the middle.

use super::{
    glyph::Glyphs,
    theme::{Role, Theme},
    widget::{
        line::{self, Piece},
        meter::meter,
    },
};
use crate::{
    analysis::{
        Observation,
        machine::{self, CpuShares},
    },
    snapshot::{
        Missing, Reading,
        process::State,
        system::{Memory, System},
    },
    table::value::{bytes_text, clock_text, scaled, uptime_text},
    text::printable,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};
use std::time::Duration;

/// What the header shows besides the observation.
pub struct Facts<'a> {
    /// Styles.
    pub theme: &'a Theme,
    /// Characters.
    pub glyphs: &'a Glyphs,
    /// Time from one sample to the next.
    pub delay: Duration,
    /// Name of the user who runs sysview.
    pub user: &'a str,
    /// Where the data comes from, if it is not the live system.
    pub origin: Option<&'a str>,
    /// Words for what is out of the ordinary, the most important first.
    pub badges: &'a [&'static str],
}

/// Width of a meter.
const METER: usize = 20;
/// From this width on CPUs and memory stand side by side.
const SIDE_BY_SIDE: u16 = 112;
/// Cells of one CPU in the grid.
const CELL: usize = 17;
/// Cells of a line with one character for each CPU that are none: the number, a blank, the ends.
const BARS_FRAME: usize = 4 + 1 + 2;

/// Header lines for a screen of this size.
#[must_use]
pub fn height(observation: &Observation, width: u16, height: u16) -> u16 {
    plan(observation, width, height).iter().map(|block| block.height(observation, width)).sum()
}

/// Blocks of the header, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Title,
    /// One line for each CPU, memory beside them.
    CpusAndMemory,
    /// One line for each CPU.
    Cpus,
    /// Several CPUs a line.
    Grid,
    /// One character for each CPU.
    Bars,
    /// All CPUs in one line.
    CpuTotal,
    /// Memory, and a line of swap and pressure.
    Memory,
    /// Memory in one line.
    MemoryLine,
    Tasks,
}

impl Block {
    fn height(self, observation: &Observation, width: u16) -> u16 {
        let count = cpu_count(observation);
        let lines = match self {
            Self::Title | Self::CpuTotal | Self::MemoryLine | Self::Tasks => 1,
            Self::CpusAndMemory => count.max(2),
            Self::Cpus => count,
            Self::Grid => count.div_ceil(per_line(width)),
            Self::Bars => count.div_ceil(bars_per_line(width)),
            Self::Memory => 2,
        };
        u16::try_from(lines).unwrap_or(u16::MAX)
    }
}

fn cpu_count(observation: &Observation) -> usize {
    observation.now.system.cpus.as_ref().map_or(1, Vec::len).max(1)
}

fn per_line(width: u16) -> usize {
    (usize::from(width) / CELL).max(1)
}

fn bars_per_line(width: u16) -> usize {
    usize::from(width).saturating_sub(BARS_FRAME).max(1)
}

/// The richest set of blocks that takes no more than a third of the screen.
fn plan(observation: &Observation, width: u16, height: u16) -> Vec<Block> {
    use Block::{Bars, CpuTotal, Cpus, CpusAndMemory, Grid, Memory, MemoryLine, Tasks, Title};
    let side_by_side = width >= SIDE_BY_SIDE;
    // A few CPUs say more in one line with their parts than each in a cell of a grid.
    let folded = if cpu_count(observation) > 4 { Grid } else { CpuTotal };
    let rich: &[&[Block]] = &[
        if side_by_side { &[Title, CpusAndMemory, Tasks] } else { &[Title, Cpus, Memory, Tasks] },
        &[Title, folded, Memory, Tasks],
        &[Title, CpuTotal, Bars, Memory, Tasks],
        &[Title, CpuTotal, Memory, Tasks],
        &[Title, CpuTotal, MemoryLine, Tasks],
        &[Title, CpuTotal, MemoryLine],
        &[Title, Tasks],
        &[Title],
    ];
    let budget = height / 3;
    let lines = |blocks: &[Block]| blocks.iter().map(|block| block.height(observation, width)).sum::<u16>();
    let fits = rich.iter().find(|blocks| lines(blocks) <= budget);
    fits.map_or_else(Vec::new, |blocks| blocks.to_vec())
}

/// Draw the header into `area`, which has the height told by [`height`] for a screen of `screen` lines.
pub fn draw(observation: &Observation, facts: &Facts<'_>, screen: u16, area: Rect, buffer: &mut Buffer) {
    let mut y = area.y;
    for block in plan(observation, area.width, screen) {
        let lines = block.height(observation, area.width);
        let place = Rect { y, height: lines, ..area };
        match block {
            Block::Title => title(observation, facts, place, buffer),
            Block::CpusAndMemory => {
                let left = Rect { width: 64, ..place };
                cpus(observation, facts, left, buffer);
                memory(observation, facts, Rect { x: place.x + 66, width: place.width - 66, ..place }, buffer);
            }
            Block::Cpus => cpus(observation, facts, place, buffer),
            Block::Grid => grid(observation, facts, place, buffer),
            Block::Bars => bars(observation, facts, place, buffer),
            Block::CpuTotal => cpu_total(observation, facts, place, buffer),
            Block::Memory | Block::MemoryLine => memory(observation, facts, place, buffer),
            Block::Tasks => tasks(observation, facts, place, buffer),
        }
        y += lines;
    }
}

impl Facts<'_> {
    fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// A dimmed label and a value.
    fn pair<'a>(&self, label: &'a str, value: String, spare: u8) -> [Piece<'a>; 2] {
        [Piece::new(label, self.style(Role::Dim)).spare(spare), Piece::new(value, self.style(Role::Label)).spare(spare)]
    }
}

/// A value as text, or why there is none; nothing has come in yet where it is still to be measured.
fn told<T>(reading: Reading<T>, facts: &Facts<'_>, text: impl FnOnce(T) -> String) -> String {
    match reading {
        Ok(value) => text(value),
        Err(Missing::NotRequested) => facts.glyphs.pending.to_owned(),
        Err(missing) => missing.word().to_owned(),
    }
}

fn title(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let now = &observation.now;
    let system = &now.system;
    let name = |reading: &Reading<crate::text::Text>| match reading {
        Ok(text) => printable(text).into_owned(),
        Err(missing) => missing.word().to_owned(),
    };
    let mut pieces = vec![
        Piece::new(" ", facts.style(Role::Title)),
        Piece::new("sysview  ", facts.style(Role::Title)).spare(2),
        Piece::new(name(&system.hostname), facts.style(Role::Title)),
    ];
    for badge in facts.badges {
        pieces.push(Piece::new(" ", Style::new()));
        let style = facts.style(Role::Warn).add_modifier(Modifier::REVERSED);
        pieces.push(Piece::new(format!(" {badge} "), style));
    }
    pieces.extend([Piece::new(format!("  Linux {}", name(&system.release)), facts.style(Role::Label)).spare(7)]);
    pieces.extend(facts.pair("  up ", told(system.uptime, facts, uptime_text), 5));
    let load = told(system.load, facts, |load| load.map(|load| format!("{load:.2}")).join(" "));
    pieces.extend(facts.pair("  load ", load, 1));
    pieces.push(Piece::new(format!("  {}", clock_text(now.taken.wall)), facts.style(Role::Label)).spare(3));
    pieces.extend(facts.pair("  every ", delay_text(facts.delay), 6));
    pieces.extend(facts.pair("  self ", told(machine::own_cost(observation), facts, |cost| format!("{cost:.1}%")), 4));
    pieces.push(Piece::new(format!("  {}", facts.user), facts.style(Role::Label)).spare(8));
    if now.hidden > 0 {
        pieces.push(Piece::new(format!("  {} hidden", now.hidden), facts.style(Role::Warn)).spare(4));
    }
    if let Some(origin) = facts.origin {
        pieces.push(Piece::new(format!("  from {origin}"), facts.style(Role::Warn)).spare(3));
    } else if now.observer.foreign {
        pieces.push(Piece::new("  other pid namespace: no actions", facts.style(Role::Warn)).spare(1));
    }
    line::draw(buffer, area, &pieces, facts.glyphs.cut);
}

/// `1s`, `0.5s`.
#[must_use]
pub fn delay_text(delay: Duration) -> String {
    format!("{}s", (delay.as_secs_f64() * 100.0).round() / 100.0)
}

fn parts(shares: &CpuShares, facts: &Facts<'_>) -> [(f64, Style); 6] {
    let share = |percent: f64, role| (percent / 100.0, facts.style(role));
    [
        share(shares.user, Role::CpuUser),
        share(shares.system, Role::CpuSystem),
        share(shares.nice, Role::CpuNice),
        share(shares.irq + shares.softirq, Role::CpuIrq),
        share(shares.steal, Role::CpuSteal),
        share(shares.iowait, Role::CpuIowait),
    ]
}

fn cpu_line<'a>(label: String, shares: &CpuShares, facts: &Facts<'_>) -> Vec<Piece<'a>> {
    let mut pieces = vec![Piece::new(label, facts.style(Role::Dim))];
    pieces.extend(meter(METER, &parts(shares, facts), facts.style(Role::Dim), facts.glyphs));
    let figures = [
        (" us", shares.user, Role::CpuUser, 0),
        (" sy", shares.system, Role::CpuSystem, 0),
        (" ni", shares.nice, Role::CpuNice, 4),
        (" wa", shares.iowait, Role::CpuIowait, 1),
        (" hi", shares.irq, Role::CpuIrq, 5),
        (" si", shares.softirq, Role::CpuIrq, 3),
        (" st", shares.steal, Role::CpuSteal, 2),
    ];
    for (label, percent, role, spare) in figures {
        let style = if percent >= 0.5 { facts.style(role) } else { facts.style(Role::Dim) };
        pieces.push(Piece::new(format!("{label}{percent:>3.0}"), style).spare(spare));
    }
    pieces
}

/// The number stands for the CPU; while there is nothing to compare with, an empty meter does.
fn cpus(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let shares = machine::cpus(observation);
    let count = cpu_count(observation);
    for at in 0..count.min(usize::from(area.height)) {
        let place = Rect { y: area.y + u16::try_from(at).unwrap_or(0), height: 1, ..area };
        let known = shares.as_ref().ok().and_then(|shares| shares.get(at));
        match (known, &observation.now.system.cpus) {
            (Some((number, shares)), _) => {
                line::draw(buffer, place, &cpu_line(format!(" cpu{number:>2} "), shares, facts), facts.glyphs.cut);
            }
            (None, Err(missing)) => no_cpus(*missing, facts, place, buffer),
            (None, Ok(_)) => pending(format!(" cpu{at:>2} "), facts, place, buffer),
        }
    }
}

fn no_cpus(missing: Missing, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let pieces = facts.pair(" cpu ", missing.word().to_owned(), 0);
    line::draw(buffer, area, &pieces, facts.glyphs.cut);
}

fn pending(label: String, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let mut pieces = vec![Piece::new(label, facts.style(Role::Dim))];
    pieces.extend(meter(METER, &[], facts.style(Role::Dim), facts.glyphs));
    pieces.push(Piece::new(format!(" {}", facts.glyphs.pending), facts.style(Role::Dim)));
    line::draw(buffer, area, &pieces, facts.glyphs.cut);
}

fn cpu_total(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let count = cpu_count(observation);
    let mut pieces = match machine::all_cpus(observation) {
        Ok(shares) => cpu_line(" cpu ".to_owned(), &shares, facts),
        Err(Missing::NotRequested) => return pending(" cpu ".to_owned(), facts, area, buffer),
        Err(missing) => return no_cpus(missing, facts, area, buffer),
    };
    pieces.push(Piece::new(format!("  of {count} CPUs"), facts.style(Role::Dim)).spare(2));
    let busiest = machine::cpus(observation)
        .ok()
        .and_then(|cpus| cpus.into_iter().max_by(|(_, a), (_, b)| a.busy().total_cmp(&b.busy())));
    if let Some((number, shares)) = busiest.filter(|_| count > 1) {
        let text = format!("  busiest cpu{number} {:.0}", shares.busy());
        pieces.push(Piece::new(text, facts.style(Role::Dim)).spare(6));
    }
    line::draw(buffer, area, &pieces, facts.glyphs.cut);
}

fn grid(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let Ok(shares) = machine::cpus(observation) else { return pending(" cpu ".to_owned(), facts, area, buffer) };
    let each = per_line(area.width);
    for (at, (number, shares)) in shares.iter().enumerate() {
        let cell = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
        let place =
            Rect { x: area.x + cell(at % each * CELL), y: area.y + cell(at / each), width: cell(CELL), height: 1 };
        let mut pieces = vec![Piece::new(format!("{number:>4} "), facts.style(Role::Dim))];
        pieces.extend(meter(8, &parts(shares, facts), facts.style(Role::Dim), facts.glyphs));
        pieces.push(Piece::new(format!("{:>3.0}", shares.busy()), facts.style(Role::Label)));
        line::draw(buffer, place.intersection(area), &pieces, facts.glyphs.cut);
    }
}

/// How busy each CPU is, in one character; each line begins with the number of its first CPU.
fn bars(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let Ok(shares) = machine::cpus(observation) else { return };
    for (y, cpus) in (area.y..area.bottom()).zip(shares.chunks(bars_per_line(area.width))) {
        let first = cpus.first().map_or(0, |(number, _)| *number);
        let (left, right) = facts.glyphs.meter;
        let dim = facts.style(Role::Dim);
        let mut pieces = vec![Piece::new(format!("{first:>4} {left}"), dim)];
        pieces.extend(cpus.iter().map(|(_, shares)| {
            let role = if shares.busy() >= 90.0 { Role::Warn } else { Role::CpuUser };
            Piece::new(facts.glyphs.level[level(shares.busy())], facts.style(role))
        }));
        pieces.push(Piece::new(right, dim));
        line::draw(buffer, Rect { y, height: 1, ..area }, &pieces, facts.glyphs.cut);
    }
}

/// Step of a percentage on the scale of [`Glyphs::level`]; what is not idle is never the lowest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 8")]
fn level(percent: f64) -> usize {
    (percent / 12.5).ceil().clamp(0.0, 8.0) as usize
}

fn memory(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let system = &observation.now.system;
    let mut first = memory_pieces(system, facts);
    let swap = swap_pieces(system, facts);
    let pressure = pressure_pieces(system, facts);
    if area.height == 1 {
        first.extend(swap.into_iter().map(|piece| piece.spare(1)));
        line::draw(buffer, Rect { height: 1, ..area }, &first, facts.glyphs.cut);
        return;
    }
    line::draw(buffer, Rect { height: 1, ..area }, &first, facts.glyphs.cut);
    let second: Vec<_> = swap.into_iter().chain(limit_pieces(system, facts)).chain(pressure).collect();
    line::draw(buffer, Rect { y: area.y + 1, height: 1, ..area }, &second, facts.glyphs.cut);
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn memory_pieces<'a>(system: &System, facts: &Facts<'_>) -> Vec<Piece<'a>> {
    let label = Piece::new(" mem ", facts.style(Role::Dim));
    let memory = match system.memory {
        Ok(memory) => memory,
        Err(missing) => return vec![label, Piece::new(missing.word(), facts.style(Role::Missing))],
    };
    let used = memory.used();
    let cache = memory.available.0.saturating_sub(memory.free.0);
    let limit = system.container.ok().and_then(|container| container.memory);
    let (shares, figures) = match limit {
        Some(limit) => (
            vec![(share(limit.used.0, limit.limit.0), facts.style(Role::MemoryUsed))],
            vec![
                (format!(" {} of {}", size(limit.used.0), size(limit.limit.0)), Role::Label, 0),
                (", this container".to_owned(), Role::Label, 1),
                (format!("; machine {}", size(memory.total.0)), Role::Dim, 3),
            ],
        ),
        None => (
            vec![
                (share(used.0, memory.total.0), facts.style(Role::MemoryUsed)),
                (share(cache, memory.total.0), facts.style(Role::MemoryCache)),
            ],
            vec![
                (format!(" {} of {}", size(used.0), size(memory.total.0)), Role::Label, 0),
                (format!("  avail {}", size(memory.available.0)), Role::Dim, 3),
            ],
        ),
    };
    let mut pieces = vec![label];
    pieces.extend(meter(METER, &shares, facts.style(Role::Dim), facts.glyphs));
    pieces.extend(figures.into_iter().map(|(text, role, spare)| Piece::new(text, facts.style(role)).spare(spare)));
    pieces
}

/// Bytes of the machine, finer than in a column.
fn size(bytes: u64) -> String {
    let text = bytes_text(bytes as f64);
    let gib = bytes as f64 / f64::from(1 << 30);
    if (9.95..999.5).contains(&gib) { format!("{gib:.1}G") } else { text }
}

fn swap_pieces<'a>(system: &System, facts: &Facts<'_>) -> Vec<Piece<'a>> {
    let mut pieces = vec![Piece::new(" swp", facts.style(Role::Dim))];
    match system.memory {
        Ok(Memory { swap_total, .. }) if swap_total.0 == 0 => pieces.push(Piece::new(" none", facts.style(Role::Dim))),
        Ok(memory) => {
            let used = memory.swap_total.0.saturating_sub(memory.swap_free.0);
            let shares = [(share(used, memory.swap_total.0), facts.style(Role::Warn))];
            // Pressure says more than the bar, whose figures stay.
            let bar = meter(METER, &shares, facts.style(Role::Dim), facts.glyphs);
            pieces.extend([Piece::new(" ", Style::new())].into_iter().chain(bar).map(|piece| piece.spare(2)));
            let text = format!(" {} of {}", size(used), size(memory.swap_total.0));
            pieces.push(Piece::new(text, facts.style(Role::Label)));
        }
        Err(missing) => pieces.push(Piece::new(format!(" {}", missing.word()), facts.style(Role::Missing))),
    }
    pieces
}

/// The CPU time that the container may use, where that is less than the machine has.
fn limit_pieces<'a>(system: &System, facts: &Facts<'_>) -> Vec<Piece<'a>> {
    let limit = system.container.ok().and_then(|container| container.cpus);
    let piece = |cpus: f64| Piece::new(format!("   limit {cpus} CPUs"), facts.style(Role::Label)).spare(1);
    limit.map(piece).into_iter().collect()
}

fn pressure_pieces<'a>(system: &System, facts: &Facts<'_>) -> Vec<Piece<'a>> {
    let pressure = &system.pressure;
    let all = [(" cpu ", pressure.cpu), (" mem ", pressure.memory), (" io ", pressure.io)];
    let mut pieces = vec![Piece::new("   psi", facts.style(Role::Dim)).spare(1)];
    if let (Err(missing), Err(_), Err(_)) = (pressure.cpu, pressure.memory, pressure.io) {
        pieces.push(Piece::new(format!(" {}", missing.word()), facts.style(Role::Missing)).spare(1));
        return pieces;
    }
    for (label, reading) in all {
        let hot = reading.is_ok_and(|share| share >= 10.0);
        let style = facts.style(if hot { Role::Warn } else { Role::Label });
        pieces.push(Piece::new(label, facts.style(Role::Dim)).spare(1));
        pieces.push(Piece::new(told(reading, facts, |share| format!("{share:.1}")), style).spare(1));
    }
    pieces
}

fn tasks(observation: &Observation, facts: &Facts<'_>, area: Rect, buffer: &mut Buffer) {
    let (states, threads) = machine::tasks(observation);
    let mut pieces: Vec<Piece<'_>> = facts.pair(" tasks ", observation.now.processes.len().to_string(), 0).into();
    // The six that matter always, any other letter where it is seen.
    let always = [b'R', b'S', b'D', b'Z', b'T', b'I'].map(State);
    let others = states.keys().copied().filter(|state| !always.contains(state));
    for state in always.into_iter().chain(others) {
        let count = states.get(&state).copied().unwrap_or(0);
        let role = if count > 0 { super::pane::processes::draw::state_role(state) } else { Role::Dim };
        let spare = if count > 0 { 1 } else { 6 };
        pieces.push(Piece::new(format!("  {} {count}", printable(&[state.0])), facts.style(role)).spare(spare));
    }
    pieces.extend(facts.pair("  threads ", threads.to_string(), 4));
    let rates: [(&str, Counter, u8); 4] = [
        ("   faults ", |system| system.counters.faults, 3),
        ("  major ", |system| system.counters.major_faults, 3),
        ("  switches ", |system| system.counters.switches, 5),
        ("  forks ", |system| system.counters.forks, 5),
    ];
    for (label, counter, spare) in rates {
        let rate = machine::rate(observation, counter);
        pieces.extend(facts.pair(label, told(rate, facts, |rate| format!("{}/s", whole(rate))), spare));
    }
    line::draw(buffer, area, &pieces, facts.glyphs.cut);
}

/// A counter of the machine.
type Counter = fn(&System) -> Reading<u64>;

/// A rate without a fraction that would only flicker.
fn whole(rate: f64) -> String {
    if rate < 999.5 { format!("{rate:.0}") } else { scaled(rate) }
}
