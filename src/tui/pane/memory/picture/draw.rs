//! How the picture looks: a strip of the whole space, a scale, the lines in view, the mapping under the cursor, a legend.
//!
//! Bars are as long as the logarithm of what they stand for. A part of a bar is the letter of its kind, filled by what
//! may be done there; the part under the cursor is its letter all along.

use super::{Line, Picture, Shape};
use crate::{
    snapshot::map::{Kind, Mapping},
    table::value::{bytes_text, grouped},
    text::printable,
    tui::{
        pane::{
            Look,
            memory::kind::{self, Access},
        },
        theme::Role,
        widget::{
            legend,
            line::{self, Piece},
            list::List,
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// The smallest thing on the scale.
const PAGE: u64 = 4096;
/// Bytes of a name that can come to be seen.
const NAME: usize = 512;
/// Cells for a size: `1023B` and a blank.
const SIZE: usize = 6;
/// Cells for permissions or for how many mappings there are, and a blank.
const PERMISSIONS: usize = 6;

/// Cells for the parts of a line.
struct Columns {
    address: usize,
    bar: usize,
    size: usize,
    permissions: usize,
}

impl Columns {
    fn of(width: usize, digits: usize) -> Self {
        let keep = |least: usize, cells: usize| if width >= least { cells } else { 0 };
        Self {
            address: keep(36, digits + 1),
            bar: (width * 3 / 10).clamp(1, 40),
            size: keep(24, SIZE),
            permissions: keep(48, PERMISSIONS),
        }
    }

    /// What stands left of the bar: the mark of the cursor and the address.
    fn before(&self) -> usize {
        1 + self.address
    }
}

/// What is drawn besides the lines themselves.
struct Parts {
    strip: Option<Rect>,
    scale: Option<Rect>,
    lines: Rect,
    detail: Option<Rect>,
    legend: Rect,
}

impl Parts {
    /// Room for all, the least important left out first where the screen is low.
    fn of(area: Rect, legend: u16) -> Self {
        let line = |least: u16| u16::from(area.height >= least);
        let (strip, scale, detail) = (line(5), line(8), line(3));
        let legend = if area.height >= 10 + legend { legend } else { 0 };
        let height = area.height - strip - scale - detail - legend;
        let lines = Rect { y: area.y + strip + scale, height, ..area };
        let at = |y: u16, there: u16| (there > 0).then_some(Rect { y, height: 1, ..area });
        Self {
            strip: at(area.y, strip),
            scale: at(area.y + strip, scale),
            lines,
            detail: at(lines.bottom(), detail),
            legend: Rect { y: lines.bottom() + detail, height: legend, ..area },
        }
    }
}

/// Draw the picture of `mappings`, which it was made of, with the cursor on the mapping `cursor`; `list` remembers which
/// lines are in view.
pub fn draw(
    picture: &Picture,
    mappings: &[Mapping],
    cursor: usize,
    list: &List,
    look: &Look<'_>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let drawing = Drawing { picture, mappings, cursor, look };
    let legend = legend::lines(drawing.legend(), usize::from(area.width).saturating_sub(1));
    let parts = Parts::of(area, u16::try_from(legend.len()).unwrap_or(u16::MAX).min(area.height / 12));
    let columns = Columns::of(usize::from(area.width), picture.digits);
    if let Some(area) = parts.strip {
        drawing.strip(area, buffer);
    }
    if let Some(area) = parts.scale {
        drawing.scale(&columns, area, buffer);
    }
    let at = picture.line(cursor);
    let height = usize::from(parts.lines.height);
    // What stands above the line, back to the one before it, is seen with it where there is room.
    let above = picture.lines.iter().take(at).rev().take_while(|line| line.members.is_empty()).count();
    list.showing(at - above, picture.lines.len(), height);
    let visible = list.showing(at, picture.lines.len(), height);
    for (y, at) in (parts.lines.top()..parts.lines.bottom()).zip(visible) {
        drawing.line(&picture.lines[at], &columns, Rect { y, height: 1, ..area }, buffer);
    }
    if let Some(area) = parts.detail {
        drawing.detail(area, buffer);
    }
    let inner = Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(1), ..parts.legend };
    legend::draw(buffer, inner, &legend, look.glyphs.cut);
}

/// The line that was drawn last at this height of a room that is so high.
#[must_use]
pub fn line_at(list: &List, height: u16, y: u16) -> Option<usize> {
    let first = Parts::of(Rect::new(0, 0, 1, height), 0).lines.y;
    let line = usize::from(y.checked_sub(first)?);
    (line < list.height()).then(|| list.offset() + line)
}

/// A part of a bar.
#[derive(Clone, Copy)]
struct Segment {
    kind: Kind,
    access: Access,
    weight: f64,
    style: Style,
    /// Whether the cursor is on it.
    here: bool,
}

struct Drawing<'a> {
    picture: &'a Picture,
    mappings: &'a [Mapping],
    cursor: usize,
    look: &'a Look<'a>,
}

impl Drawing<'_> {
    fn style(&self, role: Role) -> Style {
        self.look.theme.style(role)
    }

    fn members(&self, line: &Line) -> &[Mapping] {
        self.mappings.get(line.members.clone()).unwrap_or_default()
    }

    /// The whole space in one line: every object and every gap has its share, by the logarithm of its size.
    fn strip(&self, area: Rect, buffer: &mut Buffer) {
        let (left, right) = self.look.glyphs.meter;
        let label = if area.width >= 30 { ("low ", " high") } else { ("", "") };
        let labels = label.0.len() + label.1.len();
        let inner = usize::from(area.width).saturating_sub(3 + labels);
        let weights: Vec<f64> = self.picture.lines.iter().map(weight).collect();
        let owners = owners(&weights, inner);
        let at = self.picture.line(self.cursor);
        let here = nearest(&owners, at);
        let dim = self.style(Role::Dim);
        let mut pieces = vec![Piece::new(format!(" {}", label.0), dim), Piece::new(left, dim)];
        let mut cell = 0;
        for same in owners.chunk_by(|one, next| one == next) {
            let members = self.picture.lines.get(same[0]).map(|line| self.members(line)).unwrap_or_default();
            let (text, style) = match members.iter().max_by_key(|mapping| mapping.size()) {
                Some(largest) => (kind::letter(largest.kind), self.kind_style(largest)),
                None => (self.look.glyphs.empty, dim),
            };
            for _ in same {
                let style = if Some(cell) == here { style.patch(self.style(Role::Selected)) } else { style };
                pieces.push(Piece::new(text, style));
                cell += 1;
            }
        }
        pieces.push(Piece::new(right, dim));
        pieces.push(Piece::new(label.1, dim));
        line::draw(buffer, area, &pieces, "");
    }

    /// Sizes over the bars: a bar that reaches to the last letter of one has that size.
    fn scale(&self, columns: &Columns, area: Rect, buffer: &mut Buffer) {
        let mut text = vec![b' '; columns.bar];
        let mut free = 0;
        for power in (12..64).step_by(2) {
            let label = bytes_text((1u64 << power) as f64).replace(".0", "");
            let end = self.length(1 << power, columns.bar);
            let start = end.saturating_sub(label.len());
            let fits = start >= free && end >= label.len() && 1 << power <= self.picture.most.max(PAGE);
            if let Some(place) = text.get_mut(start..end).filter(|_| fits) {
                place.copy_from_slice(label.as_bytes());
                free = end + 1;
            }
        }
        let style = self.style(Role::Dim);
        let x = area.x.saturating_add(u16::try_from(columns.before()).unwrap_or(u16::MAX));
        let room = usize::from(area.width).saturating_sub(columns.before());
        line::write(buffer, (x, area.y), room.min(columns.bar), &String::from_utf8_lossy(&text), style, "");
        let free = self.picture.largest.as_ref().map(|range| bytes_text((range.end - range.start) as f64));
        let room = room.saturating_sub(columns.bar + 1);
        let text = free.map(|free| format!("largest free {free}")).unwrap_or_default();
        if text.len() <= room {
            let x = area.right().saturating_sub(u16::try_from(text.len()).unwrap_or(0));
            line::write(buffer, (x, area.y), text.len(), &text, style, "");
        }
    }

    /// Cells of the bar for this many bytes: a page has one, the largest object of the picture has all.
    fn length(&self, bytes: u64, cells: usize) -> usize {
        let doublings = |bytes: u64| (bytes.max(PAGE) as f64 / PAGE as f64).log2();
        // Small processes would otherwise be told with bars of a few cells for a doubling.
        let most = doublings(self.picture.most).max(8.0);
        let share = (doublings(bytes) / most).min(1.0);
        (1 + cell(share * cells.saturating_sub(1) as f64)).min(cells)
    }

    fn line(&self, line: &Line, columns: &Columns, area: Rect, buffer: &mut Buffer) {
        match &line.shape {
            Shape::Cluster { range, mapped, mappings } => {
                let style = self.style(Role::Title);
                let text = [
                    Piece::new(format!(" {}", span(range.start, range.end)), style),
                    Piece::new(format!("  {} mapped", bytes_text(*mapped as f64)), style),
                    Piece::new(format!(" in {} mappings", grouped(*mappings as u64)), self.style(Role::Dim)).spare(1),
                ];
                line::draw(buffer, area, &text, self.look.glyphs.cut);
            }
            Shape::Gap(range) => self.gap(range, columns, area, buffer),
            Shape::Hole(range) => {
                let dim = self.style(Role::Dim);
                let text = [
                    Piece::new(" ".repeat(columns.before()), dim),
                    Piece::new(format!("{} ", self.look.glyphs.empty.repeat(3)), dim),
                    self.free(range),
                ];
                line::draw(buffer, area, &text, self.look.glyphs.cut);
            }
            Shape::Kernel => self.rule("addresses of the kernel", Style::new(), columns, area, buffer),
            Shape::Object { mapped } => self.object(line, *mapped, None, columns, area, buffer),
            Shape::Several { mapped, objects } => {
                self.object(line, *mapped, Some(*objects), columns, area, buffer);
            }
        }
    }

    /// How much is free, and whether that is the most there is.
    fn free(&self, range: &std::ops::Range<u64>) -> Piece<'static> {
        let size = bytes_text((range.end - range.start) as f64);
        if self.picture.largest.as_ref() == Some(range) {
            Piece::new(format!("{size} free, the largest"), self.style(Role::Label))
        } else {
            Piece::new(format!("{size} free"), self.style(Role::Dim))
        }
    }

    fn gap(&self, range: &std::ops::Range<u64>, columns: &Columns, area: Rect, buffer: &mut Buffer) {
        let free = self.free(range);
        self.rule(&free.text, free.style, columns, area, buffer);
    }

    /// Text in the middle of a dotted line.
    fn rule(&self, text: &str, style: Style, columns: &Columns, area: Rect, buffer: &mut Buffer) {
        let dim = self.style(Role::Dim);
        let dots = |cells: usize| self.look.glyphs.empty.repeat(cells);
        let room = usize::from(area.width).saturating_sub(1);
        let before = columns.before().saturating_sub(2).min(room.saturating_sub(line::cells(text) + 2));
        let after = room.saturating_sub(before + line::cells(text) + 2);
        let pieces = [
            Piece::new(format!(" {} ", dots(before)), dim),
            Piece::new(text.to_owned(), style),
            Piece::new(format!(" {}", dots(after)), dim),
        ];
        line::draw(buffer, area, &pieces, self.look.glyphs.cut);
    }

    fn object(
        &self,
        line: &Line,
        mapped: u64,
        objects: Option<usize>,
        columns: &Columns,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let members = self.members(line);
        let (Some(first), here) = (members.first(), line.members.contains(&self.cursor)) else { return };
        let text = if here { self.style(Role::Selected) } else { Style::new() };
        let base = |role: Role| if here { text } else { self.style(role) };
        let mark = if here { self.look.glyphs.cursor } else { " " };
        let mut pieces = vec![Piece::new(mark, self.style(Role::Title))];
        let mut over = 0;
        if columns.address > 0 {
            let address = format!("{:0digits$x}", first.start, digits = self.picture.digits);
            over = address.len() + 1 - columns.address;
            pieces.push(Piece::new(address, base(Role::Dim)));
            pieces.push(Piece::new(" ", Style::new()));
        }
        let cells = self.length(mapped, columns.bar);
        let (bar, used) = self.bar(line, cells);
        pieces.extend(bar);
        // An address longer than its column takes from the blanks behind the bar.
        pieces.push(Piece::new(" ".repeat(columns.bar.saturating_sub(used + over)), Style::new()));
        if columns.size > 0 {
            pieces.push(Piece::new(format!("{:>width$}", bytes_text(mapped as f64), width = SIZE), base(Role::Label)));
        }
        if columns.permissions > 0 {
            let text = match members {
                [only] => only.permissions.letters().to_owned(),
                _ if members.len() < 10_000 => format!("{}{}", self.look.glyphs.times, members.len()),
                _ => format!("{}{}k", self.look.glyphs.times, members.len() / 1000),
            };
            let blanks = " ".repeat(PERMISSIONS - 1 - line::cells(&text).min(PERMISSIONS - 1));
            pieces.push(Piece::new(format!(" {text}{blanks}"), base(Role::Label)));
        }
        pieces.push(Piece::new(" ", base(Role::Label)));
        let written = members.iter().any(|mapping| mapping.permissions.is_writable_and_executable());
        if written {
            pieces.push(Piece::new("W+X ", if here { text } else { self.style(Role::Bad) }));
        }
        pieces.extend(name(members, objects, base));
        line::draw(buffer, area, &pieces, self.look.glyphs.cut);
    }

    fn kind_style(&self, mapping: &Mapping) -> Style {
        let role = if mapping.permissions.is_writable_and_executable() { Role::Bad } else { kind::role(mapping.kind) };
        self.style(role)
    }

    /// The bar of a line and the cells it takes.
    fn bar(&self, line: &Line, cells: usize) -> (Vec<Piece<'static>>, usize) {
        let members = self.members(line);
        let cursor = line.members.contains(&self.cursor).then(|| self.cursor - line.members.start);
        let segments = self.segments(members, cursor, cells);
        let weights: Vec<f64> = segments.iter().map(|segment| segment.weight).collect();
        let owners = owners(&weights, cells);
        let here = segments.iter().position(|segment| segment.here).and_then(|at| nearest(&owners, at));
        let mut pieces = Vec::new();
        for (cell, owner) in owners.iter().enumerate() {
            let segment = segments[*owner];
            let letter = kind::letter(segment.kind);
            let first = cell == 0 || owners[cell - 1] != *owner;
            let text = if first || segment.here { letter } else { segment.access.glyph(self.look.glyphs) };
            let chosen = segment.here || Some(cell) == here;
            let style = if chosen { segment.style.patch(self.style(Role::Selected)) } else { segment.style };
            pieces.push(Piece::new(text, style));
        }
        (pieces, owners.len())
    }

    /// The parts of a bar: each mapping, or where they are more than cells, all of a kind and of what may be done there.
    fn segments(&self, members: &[Mapping], cursor: Option<usize>, cells: usize) -> Vec<Segment> {
        let segment = |mapping: &Mapping, weight: f64, here: bool| Segment {
            kind: mapping.kind,
            access: Access::of(mapping.permissions),
            weight,
            style: self.kind_style(mapping),
            here,
        };
        if members.len() <= cells.max(8) {
            let each = members.iter().enumerate();
            return each.map(|(at, one)| segment(one, pages(one.size().0), cursor == Some(at))).collect();
        }
        // By what tells parts apart: their sum, and the first mapping of each, which stands for all.
        let slot = |mapping: &Mapping| {
            let written = usize::from(mapping.permissions.is_writable_and_executable());
            (mapping.kind as usize * 4 + Access::of(mapping.permissions) as usize) * 2 + written
        };
        let mut sums = vec![(usize::MAX, 0u64); Kind::ALL.len() * 8];
        for (at, mapping) in members.iter().enumerate() {
            let (first, bytes) = &mut sums[slot(mapping)];
            *first = at.min(*first);
            *bytes = bytes.saturating_add(mapping.size().0);
        }
        let here = cursor.and_then(|at| members.get(at)).map(slot);
        let mut parts: Vec<_> = sums.into_iter().enumerate().filter(|(_, (first, _))| *first < members.len()).collect();
        parts.sort_by_key(|(_, (first, _))| *first);
        let part =
            |(at, (first, bytes)): (usize, (usize, u64))| segment(&members[first], pages(bytes), here == Some(at));
        parts.into_iter().map(part).collect()
    }

    /// All about the mapping under the cursor.
    fn detail(&self, area: Rect, buffer: &mut Buffer) {
        let Some(mapping) = self.mappings.get(self.cursor) else { return };
        let line = self.picture.lines.get(self.picture.line(self.cursor));
        let (label, dim) = (self.style(Role::Label), self.style(Role::Dim));
        let own = self.kind_style(mapping);
        let mut pieces = vec![
            Piece::new(format!(" {}", span(mapping.start, mapping.end)), self.style(Role::Title)),
            Piece::new(format!(" {}", mapping.permissions), label),
            Piece::new(format!(" {}", bytes_text(mapping.size().0 as f64)), label),
            Piece::new(format!(" {}", kind::label(mapping.kind)), own),
        ];
        if let Some(line) = line.filter(|line| line.members.len() > 1) {
            let place = (self.cursor - line.members.start + 1) as u64;
            let count = line.members.len() as u64;
            pieces.push(Piece::new(format!(", {} of {}", grouped(place), grouped(count)), dim).spare(1));
        }
        if mapping.file.inode != 0 {
            pieces.push(Piece::new(format!(" at 0x{:x}", mapping.offset), dim).spare(2));
        }
        if mapping.path.is_some() {
            let used: usize = pieces.iter().map(|piece| line::cells(&piece.text)).sum();
            let text = format!("  {}", file(mapping));
            let room = usize::from(area.width).saturating_sub(used);
            let spare = if line::cells(&text) > room { 3 } else { 0 };
            pieces.push(Piece::new(text, label).spare(spare));
        }
        line::draw(buffer, area, &pieces, self.look.glyphs.cut);
    }

    /// The letters of the kinds there are, and what the fillings mean.
    fn legend(&self) -> Vec<legend::Entry<'static>> {
        let dim = self.style(Role::Dim);
        let there = Kind::ALL.iter().filter(|(kind, ..)| self.picture.kinds >> *kind as u32 & 1 == 1);
        let entry = |(kind, ..): &(Kind, &str, &str)| {
            let style = self.style(kind::role(*kind));
            vec![Piece::new(kind::letter(*kind), style), Piece::new(format!(" {}", kind::label(*kind)), dim)]
        };
        let fillings =
            [(Access::Execute, "run "), (Access::Write, "write "), (Access::Read, "read "), (Access::None, "nothing")];
        let filling = |(access, word): (Access, &'static str)| {
            [Piece::new(access.glyph(self.look.glyphs), self.style(Role::Label)), Piece::new(format!(" {word}"), dim)]
        };
        let fillings = fillings.into_iter().flat_map(filling).collect();
        std::iter::once(fillings).chain(there.map(entry)).collect()
    }
}

/// What the line is called.
fn name(members: &[Mapping], objects: Option<usize>, style: impl Fn(Role) -> Style) -> Vec<Piece<'static>> {
    let label = |text: String| Piece::new(text, style(Role::Label));
    let (Some(first), Some(last)) = (members.first(), members.last()) else { return Vec::new() };
    if let Some(objects) = objects {
        let count = grouped(objects as u64);
        if members.iter().all(|mapping| mapping.kind == first.kind && mapping.path.is_none()) {
            return vec![label(format!("{count} {} mappings", kind::label(first.kind)))];
        }
        let (from, to) = (file(first), file(last));
        return vec![label(format!("{count} objects, {from} to {to}"))];
    }
    let named = members.iter().find(|mapping| mapping.object().is_some());
    let stack = || members.iter().find(|mapping| mapping.kind == Kind::ThreadStack);
    let mapping = named.or_else(stack).unwrap_or(first);
    let mut pieces = vec![label(file(mapping))];
    let bare = is_bare(mapping.kind);
    if mapping.deleted && !bare {
        pieces.push(Piece::new(" deleted", style(Role::Warn)));
    }
    let path = mapping.object().unwrap_or_default();
    if let Some(slash) = path.iter().rposition(|byte| *byte == b'/').filter(|_| path.starts_with(b"/") && !bare) {
        let directory = printable(&path[..slash.max(1)]);
        pieces.push(Piece::new(format!(" in {directory}"), style(Role::Dim)));
    }
    pieces
}

/// Whether it lives in memory only: its name was never one in a directory, and is always that of a deleted file.
fn is_bare(kind: Kind) -> bool {
    matches!(kind, Kind::Shared | Kind::Memfd | Kind::Sysv)
}

/// What a mapping is called: the last part of its path, for that says most; its kind where it has none.
fn file(mapping: &Mapping) -> String {
    let Some(path) = mapping.object() else {
        return match (mapping.kind, mapping.thread) {
            (Kind::ThreadStack, Some(thread)) => format!("stack of thread {thread}"),
            (kind, _) if Access::of(mapping.permissions) == Access::None => {
                format!("{}, out of bounds", kind::label(kind))
            }
            (kind, _) => kind::label(kind).to_owned(),
        };
    };
    let split = path.starts_with(b"/") && !is_bare(mapping.kind);
    let file = path.rsplit(|byte| *byte == b'/').next().filter(|_| split).unwrap_or(path);
    printable(&file[..file.len().min(NAME)]).into_owned()
}

/// What a line weighs in the strip: free space half of what is mapped.
fn weight(line: &Line) -> f64 {
    match &line.shape {
        Shape::Cluster { .. } => 0.0,
        Shape::Object { mapped } | Shape::Several { mapped, .. } => pages(*mapped),
        Shape::Gap(range) | Shape::Hole(range) => pages(range.end - range.start) / 2.0,
        Shape::Kernel => 2.0,
    }
}

/// The logarithm of a size, at least 1.
fn pages(bytes: u64) -> f64 {
    1.0 + (bytes.max(PAGE) as f64 / PAGE as f64).log2()
}

/// For each of `cells` cells whose it is, by weight and in order. Each has at least one where there are enough; what
/// weighs nothing has none.
fn owners(weights: &[f64], cells: usize) -> Vec<usize> {
    let some: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0.0).collect();
    let total: f64 = some.iter().map(|at| weights[*at]).sum();
    let least = usize::from(some.len() <= cells);
    let rest = cells - if least == 1 { some.len() } else { 0 };
    let mut owners = Vec::with_capacity(cells);
    let (mut sum, mut given) = (0.0, 0);
    for at in some {
        sum += weights[at];
        let until = cell(sum / total * rest as f64).min(rest);
        owners.extend(std::iter::repeat_n(at, until.saturating_sub(given) + least));
        given = given.max(until);
    }
    owners
}

/// The first cell of an owner, or of the nearest one that has some.
fn nearest(owners: &[usize], at: usize) -> Option<usize> {
    (0..owners.len()).min_by_key(|cell| owners[*cell].abs_diff(at))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of at most a screen's width")]
fn cell(position: f64) -> usize {
    position.round() as usize
}

fn span(start: u64, end: u64) -> String {
    format!("{start:x}-{end:x}")
}
