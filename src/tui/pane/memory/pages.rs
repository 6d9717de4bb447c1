//! The pages of one mapping as a grid: a cell for a page, or for as many pages as it takes to have them all in view.
//!
//! A cell shows what most of its pages are that are there at all, in one sign where all are and in a smaller one where
//! only some are. What came and went since the reading before is marked: demand paging as it happens.

use super::kind;
use crate::{
    snapshot::memory::{PageRun, PageSource, PageState, Pages},
    table::value::{bytes_text, grouped},
    tui::{
        action::Action,
        pane::Look,
        theme::Role,
        widget::{
            legend,
            line::{self, Piece},
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::{cell::Cell, ops::Range, sync::Arc};

/// How the state of a page changed between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there now.
    Came,
    /// It is not there any more.
    Went,
    /// It is there and something else: copied on write, collapsed into a huge page, brought back from swap.
    Became,
}

impl Change {
    /// From one state to another; `None` where nothing changed.
    #[must_use]
    pub fn between(before: PageState, now: PageState) -> Option<Self> {
        match (before, now) {
            (before, now) if before == now => None,
            (PageState::Untouched, _) => Some(Self::Came),
            (_, PageState::Untouched) => Some(Self::Went),
            _ => Some(Self::Became),
        }
    }

    fn glyph(self) -> &'static str {
        match self {
            Self::Came => "+",
            Self::Went => "-",
            Self::Became => "~",
        }
    }
}

/// Neighbouring pages that changed in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Address of the first.
    pub start: u64,
    /// How many.
    pub pages: u64,
    /// What happened to them.
    pub change: Change,
}

/// What changed since an earlier reading of the same mapping, in order of address. Pages that the earlier reading did not
/// cover count as untouched then: the mapping has grown.
#[must_use]
pub fn changes(before: &Pages, now: &Pages) -> Vec<Changed> {
    let mut changes: Vec<Changed> = Vec::new();
    let size = now.page_size.max(1);
    if before.page_size != now.page_size {
        return changes;
    }
    let mut old = before.runs.iter().peekable();
    for run in &now.runs {
        let end = end(run, size);
        let mut at = run.start;
        while at < end {
            while old.next_if(|old| self::end(old, size) <= at).is_some() {}
            let (was, until) = match old.peek() {
                Some(old) if old.start <= at => (old.state, self::end(old, size)),
                Some(old) => (PageState::Untouched, old.start),
                None => (PageState::Untouched, end),
            };
            let until = until.min(end);
            let pages = (until - at).div_ceil(size);
            if let Some(change) = Change::between(was, run.state) {
                match changes.last_mut() {
                    Some(last) if last.change == change && last.start + last.pages * size == at => last.pages += pages,
                    _ => changes.push(Changed { start: at, pages, change }),
                }
            }
            at = until;
        }
    }
    changes
}

/// Address after the last page of a run.
fn end(run: &PageRun, page_size: u64) -> u64 {
    run.start.saturating_add(run.pages.saturating_mul(page_size))
}

/// One reading with what is counted of it, and what changed since the one before.
#[derive(Clone, Debug)]
pub struct Grid {
    pages: Arc<Pages>,
    counts: [u64; PageState::COUNT],
    changes: Vec<Changed>,
}

impl Grid {
    /// A reading, and the one before of the same mapping.
    #[must_use]
    pub fn new(pages: Arc<Pages>, before: Option<&Pages>) -> Self {
        let changes = before.map(|before| changes(before, &pages)).unwrap_or_default();
        Self { counts: pages.counts(), pages, changes }
    }

    /// The reading.
    #[must_use]
    pub fn pages(&self) -> &Arc<Pages> {
        &self.pages
    }

    /// What changed.
    #[must_use]
    pub fn changes(&self) -> &[Changed] {
        &self.changes
    }

    /// The moment is over: what changed is marked no more.
    pub fn settle(&mut self) {
        self.changes.clear();
    }

    /// What the page at an address is.
    #[must_use]
    pub fn state(&self, address: u64) -> Option<PageState> {
        let at = first(&self.pages.runs, address, |run| end(run, self.pages.page_size));
        self.pages.runs.get(at).filter(|run| run.start <= address).map(|run| run.state)
    }
}

/// The place of the first of these that ends above an address.
fn first<T>(sorted: &[T], address: u64, end: impl Fn(&T) -> u64) -> usize {
    sorted.partition_point(|item| end(item) <= address)
}

/// Cursor, zoom and scroll position of a grid.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The address under the cursor.
    pub cursor: u64,
    /// Pages in a cell, as a power of two; `None` for the least that has all in view.
    pub zoom: Option<u32>,
    /// The first line in view.
    top: Cell<u64>,
    /// As drawn last.
    shape: Cell<Shape>,
    /// Where the first cell was drawn last, from the corner of the room.
    corner: Cell<(u16, u16)>,
}

/// How the cells of a grid lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Address of the first cell: a multiple of its size, so that huge pages fill cells of theirs.
    base: u64,
    /// Bytes in a cell, as a power of two.
    shift: u32,
    /// Cells in a line.
    columns: u64,
    /// Lines there are.
    lines: u64,
    /// Lines in view.
    height: u64,
}

impl Shape {
    fn of(pages: &Pages, zoom: Option<u32>, columns: usize, height: usize) -> Self {
        let page = pages.page_size.max(1).ilog2();
        let base = |shift: u32| pages.range.start >> shift << shift;
        let cells = |shift: u32| pages.range.end.saturating_sub(base(shift)).div_ceil(1 << shift);
        let (columns, height) = (columns.max(1) as u64, height as u64);
        let room = columns.saturating_mul(height.max(1));
        let shift = match zoom {
            Some(zoom) => page.saturating_add(zoom).min(63),
            None => (page..63).find(|shift| cells(*shift) <= room).unwrap_or(63),
        };
        Self { base: base(shift), shift, columns, lines: cells(shift).div_ceil(columns), height }
    }

    fn cell(&self) -> u64 {
        1 << self.shift
    }

    /// The line of an address.
    fn line(&self, address: u64) -> u64 {
        (address.saturating_sub(self.base) >> self.shift) / self.columns.max(1)
    }

    /// Address of a cell.
    fn address(&self, cell: u64) -> u64 {
        self.base.saturating_add(cell.saturating_mul(self.cell()))
    }
}

impl View {
    /// A view with the cursor at this address.
    #[must_use]
    pub fn at(address: u64) -> Self {
        Self { cursor: address, ..Self::default() }
    }

    /// Move the cursor, a cell to the left or right, a line up or down, or zoom; false where the action does neither.
    pub fn act(&mut self, action: Action, pages: &Pages) -> bool {
        let shape = self.shape.get();
        let cell = shape.cell().max(pages.page_size);
        let line = cell.saturating_mul(shape.columns.max(1));
        let page = line.saturating_mul(shape.height.saturating_sub(1).max(1));
        let last = pages.range.end.saturating_sub(pages.page_size).max(pages.range.start);
        let zoom = shape.shift.saturating_sub(pages.page_size.max(1).ilog2());
        match action {
            Action::Collapse => self.cursor = self.cursor.saturating_sub(cell),
            Action::Expand => self.cursor = self.cursor.saturating_add(cell),
            Action::Up => self.cursor = self.cursor.checked_sub(line).unwrap_or(pages.range.start),
            Action::Down => self.cursor = self.cursor.saturating_add(line),
            Action::PageUp => self.cursor = self.cursor.checked_sub(page).unwrap_or(pages.range.start),
            Action::PageDown => self.cursor = self.cursor.saturating_add(page),
            Action::Home => self.cursor = pages.range.start,
            Action::End => self.cursor = last,
            Action::ExpandBranch => self.zoom = Some(zoom.saturating_sub(1)),
            Action::CollapseBranch => self.zoom = Some((zoom + 1).min(50)),
            Action::ExpandAll => self.zoom = None,
            _ => return false,
        }
        self.cursor = self.cursor.clamp(pages.range.start, last);
        true
    }
}

impl View {
    /// Let the cursor be on the cell at this place of the room; where there is none, it stays.
    pub fn click(&mut self, (x, y): (u16, u16), pages: &Pages) {
        let (corner, shape) = (self.corner.get(), self.shape.get());
        let (Some(column), Some(line)) = (x.checked_sub(corner.0), y.checked_sub(corner.1)) else { return };
        if u64::from(column) >= shape.columns || u64::from(line) >= shape.height {
            return;
        }
        let line = self.top.get().saturating_add(u64::from(line));
        let address = shape.address(line.saturating_mul(shape.columns).saturating_add(u64::from(column)));
        if address < pages.range.end {
            self.cursor = address.max(pages.range.start);
        }
    }
}

/// What is in a cell.
#[derive(Clone, Copy, Default)]
struct Content {
    counts: [u64; PageState::COUNT],
    change: Option<Change>,
}

impl Content {
    /// The state that most of its pages have that are there at all; of two the one that stands later in the list.
    fn state(&self) -> PageState {
        let there = PageState::ALL.iter().map(|(state, ..)| *state).filter(|state| *state != PageState::Untouched);
        let most =
            there.filter(|state| self.counts[*state as usize] > 0).max_by_key(|state| self.counts[*state as usize]);
        most.unwrap_or(PageState::Untouched)
    }

    fn is_whole(&self) -> bool {
        self.counts.iter().filter(|count| **count > 0).count() <= 1
    }
}

/// Draw the grid with its legend.
pub fn draw(grid: &Grid, view: &View, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    Drawing { grid, view, look }.draw(area, buffer);
}

struct Drawing<'a> {
    grid: &'a Grid,
    view: &'a View,
    look: &'a Look<'a>,
}

impl Drawing<'_> {
    fn style(&self, role: Role) -> Style {
        self.look.theme.style(role)
    }

    fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        let pages = &self.grid.pages;
        let legend = legend::lines(self.legend(), width.saturating_sub(1));
        let head = u16::from(area.height >= 3);
        let least = u16::try_from(legend.len()).unwrap_or(u16::MAX);
        let legend_lines = if area.height > least.saturating_add(4) { least } else { 0 };
        let body = Rect { y: area.y + head, height: area.height - head - legend_lines, ..area };
        let digits = format!("{:08x}", pages.range.end.saturating_sub(1)).len();
        // One cell on the left, the address, a blank on either side of the cells.
        let address = if width >= digits + 11 { digits + 2 } else { 0 };
        let room = width.saturating_sub(address + 1);
        let columns = if room >= 16 { room / 16 * 16 } else { 1 << room.max(1).ilog2() };
        let shape = Shape::of(pages, self.view.zoom, columns, usize::from(body.height));
        self.view.shape.set(shape);
        self.view.corner.set((u16::try_from(address).unwrap_or(u16::MAX), head));
        self.scroll(shape);
        self.cells(shape, digits, address, body, buffer);
        if head > 0 {
            self.head(shape, Rect { height: 1, ..area }, buffer);
        }
        let inner = Rect {
            x: area.x.saturating_add(1),
            y: body.bottom(),
            width: area.width.saturating_sub(1),
            height: legend_lines,
        };
        legend::draw(buffer, inner, &legend, self.look.glyphs.cut);
    }

    /// Keep the cursor in view.
    fn scroll(&self, shape: Shape) {
        let at = shape.line(self.view.cursor);
        let height = shape.height.max(1);
        let top = self.view.top.get().min(at).max((at + 1).saturating_sub(height));
        self.view.top.set(top.min(shape.lines.saturating_sub(height)));
    }

    fn cells(&self, shape: Shape, digits: usize, margin: usize, area: Rect, buffer: &mut Buffer) {
        let pages = &self.grid.pages;
        let from = self.view.top.get().saturating_mul(shape.columns);
        let count = u64::from(area.height).min(shape.lines - self.view.top.get().min(shape.lines)) * shape.columns;
        let contents = self.contents(shape, from, count);
        let x = area.x.saturating_add(u16::try_from(margin).unwrap_or(u16::MAX));
        let columns = usize::try_from(shape.columns).unwrap_or(1);
        for (y, (line, contents)) in (area.top()..area.bottom()).zip(contents.chunks(columns).enumerate()) {
            let first = from + line as u64 * shape.columns;
            let start = shape.address(first).max(pages.range.start);
            let here = shape.line(self.view.cursor) == first / shape.columns.max(1);
            if margin > 0 {
                let role = if here { Role::Title } else { Role::Dim };
                let mark = if here { self.look.glyphs.cursor } else { " " };
                let text = format!("{mark}{start:0digits$x}");
                line::write(buffer, (area.x, y), margin, &text, self.style(role), self.look.glyphs.cut);
            }
            for (column, content) in (x..area.right()).zip(contents.iter().enumerate()) {
                let cell = shape.address(first + content.0 as u64);
                if cell >= pages.range.end {
                    break;
                }
                let under = (cell..cell.saturating_add(shape.cell())).contains(&self.view.cursor);
                let (glyph, style) = self.look_of(*content.1, under);
                line::write(buffer, (column, y), 1, glyph, style, "");
            }
        }
    }

    fn look_of(&self, content: Content, under: bool) -> (&'static str, Style) {
        let state = content.state();
        let (whole, part) = self.look.glyphs.pages[state as usize];
        let glyph = if content.is_whole() { whole } else { part };
        let style = self.style(kind::page_role(state));
        match content.change {
            // A block would hide that it is reversed: the cursor is always a letter.
            _ if under => (crate::tui::glyph::Glyphs::ASCII.pages[state as usize].0, self.style(Role::Selected)),
            Some(change) => (change.glyph(), style.patch(self.style(Role::Changed))),
            None => (glyph, style),
        }
    }

    /// What is in each of `count` cells from the one at place `from` on: each run is looked at once.
    fn contents(&self, shape: Shape, from: u64, count: u64) -> Vec<Content> {
        let pages = &self.grid.pages;
        let size = pages.page_size.max(1);
        let mut contents = vec![Content::default(); usize::try_from(count).unwrap_or(0)];
        let view = shape.address(from)..shape.address(from.saturating_add(count));
        let at = first(&pages.runs, view.start, |run| end(run, size));
        for run in pages.runs[at..].iter().take_while(|run| run.start < view.end) {
            each_cell(shape, from, run.start..end(run, size), &view, |cell, bytes| {
                if let Some(content) = contents.get_mut(cell) {
                    content.counts[run.state as usize] += bytes.div_ceil(size);
                }
            });
        }
        let changes = &self.grid.changes;
        let until = |changed: &Changed| changed.start.saturating_add(changed.pages.saturating_mul(size));
        let at = first(changes, view.start, until);
        for changed in changes[at..].iter().take_while(|changed| changed.start < view.end) {
            each_cell(shape, from, changed.start..until(changed), &view, |cell, _| {
                if let Some(content) = contents.get_mut(cell) {
                    // What came is what one waits for.
                    content.change = content.change.filter(|change| *change == Change::Came).or(Some(changed.change));
                }
            });
        }
        contents
    }

    /// How much a cell is, and the page under the cursor.
    fn head(&self, shape: Shape, area: Rect, buffer: &mut Buffer) {
        let pages = &self.grid.pages;
        let size = pages.page_size.max(1);
        let (label, dim) = (self.style(Role::Label), self.style(Role::Dim));
        let all = pages.range.end.saturating_sub(pages.range.start) / size;
        let page = self.view.cursor.saturating_sub(pages.range.start) / size + 1;
        let mut pieces = vec![
            Piece::new(format!(" {:x}", self.view.cursor), self.style(Role::Title)),
            Piece::new(format!(" page {} of {}", grouped(page), grouped(all)), label).spare(1),
        ];
        if let Some(state) = self.grid.state(self.view.cursor) {
            let style = self.style(kind::page_role(state)).remove_modifier(ratatui::style::Modifier::DIM);
            pieces.push(Piece::new(format!(" {}", state.word()), style));
            pieces.push(Piece::new(format!(": {}", state.meaning()), dim).spare(4));
        }
        let text = match shape.cell() / size {
            0 | 1 => format!("  one page ({}) a cell", bytes_text(size as f64)),
            count => format!("  {} pages ({}) a cell", grouped(count), bytes_text(shape.cell() as f64)),
        };
        pieces.push(Piece::new(text, dim).spare(2));
        if shape.lines > shape.height {
            let seen = (self.view.top.get() + shape.height).saturating_mul(100) / shape.lines.max(1);
            pieces.push(Piece::new(format!("  down to {}%", seen.min(100)), dim).spare(3));
        }
        line::draw(buffer, area, &pieces, self.look.glyphs.cut);
    }

    fn legend(&self) -> Vec<legend::Entry<'static>> {
        let size = self.grid.pages.page_size;
        let (label, dim) = (self.style(Role::Label), self.style(Role::Dim));
        let total: u64 = self.grid.counts.iter().sum();
        let entry = |(at, (state, word, _)): (usize, &(PageState, &'static str, &str))| {
            let count = self.grid.counts[at];
            let share = count as f64 * 100.0 / total.max(1) as f64;
            // What is there at all is never told as nothing.
            let share = if count > 0 && share < 0.05 { "<0.1%".to_owned() } else { format!("{share:.1}%") };
            vec![
                Piece::new(self.look.glyphs.pages[at].0, self.style(kind::page_role(*state))),
                Piece::new(format!(" {word}"), dim),
                Piece::new(format!(" {}", grouped(count)), label),
                Piece::new(format!(" {} {share}", bytes_text(count as f64 * size as f64)), dim),
            ]
        };
        let told = |(_, (state, ..)): &(usize, &(PageState, &str, &str))| {
            let merged = self.grid.pages.source == PageSource::Pagemap;
            !(merged && matches!(state, PageState::Huge | PageState::Zero))
        };
        let mut entries: Vec<_> = PageState::ALL.iter().enumerate().filter(told).map(entry).collect();
        if self.grid.pages.source == PageSource::Pagemap {
            entries.push(vec![Piece::new("this kernel tells no huge pages and no zero pages", dim)]);
        }
        let changed = |change: Change| {
            let same = self.grid.changes.iter().filter(move |changed| changed.change == change);
            same.map(|changed| changed.pages).sum::<u64>()
        };
        for (change, word) in [(Change::Came, "came"), (Change::Went, "went"), (Change::Became, "became another")] {
            let count = changed(change);
            if count > 0 {
                let style = self.style(Role::Changed);
                let text = format!(" {word} {}", grouped(count));
                entries.push(vec![Piece::new(change.glyph(), style), Piece::new(text, label)]);
            }
        }
        entries
    }
}

/// Call for each cell in view that a range of addresses touches, with the bytes it has of it.
fn each_cell(shape: Shape, from: u64, range: Range<u64>, view: &Range<u64>, mut tell: impl FnMut(usize, u64)) {
    let mut at = range.start.max(view.start);
    let end = range.end.min(view.end);
    while at < end {
        let cell = at.saturating_sub(shape.base) >> shape.shift;
        let until = shape.address(cell + 1).min(end);
        if until <= at {
            return;
        }
        tell(usize::try_from(cell.saturating_sub(from)).unwrap_or(usize::MAX), until - at);
        at = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Moment;
    use std::time::Duration;

    fn pages(runs: &[(u64, PageState)]) -> Pages {
        let mut at = 0x10000;
        let mut list = Vec::new();
        for (pages, state) in runs {
            list.push(PageRun { start: at, pages: *pages, state: *state });
            at += pages * 4096;
        }
        Pages {
            range: 0x10000..at,
            page_size: 4096,
            runs: list,
            source: PageSource::Scan,
            taken: Moment::default(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn what_came_what_went_and_what_became_something_else() {
        use PageState::{Anonymous, File, Untouched};
        let before = pages(&[(4, Anonymous), (4, Untouched), (4, File)]);
        let now = pages(&[
            (3, Anonymous),
            (1, Untouched),
            (2, Anonymous),
            (2, Untouched),
            (1, Anonymous),
            (3, File),
            (2, Anonymous),
        ]);
        let told: Vec<_> = changes(&before, &now).iter().map(|one| (one.start, one.pages, one.change)).collect();
        let expected = [
            (0x13000, 1, Change::Went),
            (0x14000, 2, Change::Came),
            (0x18000, 1, Change::Became),
            (0x1c000, 2, Change::Came),
        ];
        assert_eq!(told, expected);
        assert_eq!(changes(&now, &now), []);
    }

    #[test]
    fn a_cell_is_as_large_as_it_must_be() {
        let all = pages(&[(512, PageState::Untouched)]);
        assert_eq!(Shape::of(&all, None, 64, 8).shift, 12);
        assert_eq!(Shape::of(&all, None, 64, 4).shift, 13);
        assert_eq!(Shape::of(&all, Some(3), 64, 4).shift, 15);
        // Cells begin at multiples of their size, so the first one is not full here.
        let shape = Shape::of(&all, Some(9), 64, 4);
        assert_eq!((shape.base, shape.lines), (0, 1));
    }

    #[test]
    fn the_cursor_stays_in_the_mapping() {
        let all = pages(&[(100, PageState::Untouched)]);
        let mut view = View::at(0x10000);
        assert!(view.act(Action::Collapse, &all));
        assert_eq!(view.cursor, 0x10000);
        view.act(Action::End, &all);
        assert_eq!(view.cursor, 0x10000 + 99 * 4096);
        view.act(Action::Down, &all);
        assert_eq!(view.cursor, 0x10000 + 99 * 4096);
        assert!(!view.act(Action::Quit, &all));
    }
}
