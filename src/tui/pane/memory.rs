//! Pane 4, Memory: the map of the selected process, in views of the same rows. Holds selection, order and what narrows the
//! view; the map itself is the subject's.

pub mod contents;
mod draw;
pub mod kind;
pub mod lines;
pub mod pages;
pub mod picture;

use super::{Found, Look, Pane, Purpose, World};
use crate::{
    analysis::MapRow,
    snapshot::inspect::{Depth, Question},
    table::{
        ColumnOf, MapColumn, OfMappings, QueryOf, Table, Value,
        columns::About,
        mappings::MAP_PRESETS,
        query::{QueryError, complete},
        value::Order,
    },
    tui::{
        action::Action,
        widget::{line::Piece, list::List, table},
    },
};
use lines::{Lines, RowKey};
use ratatui::{buffer::Buffer, layout::Rect};

/// A filter over mappings.
pub type MapQuery = QueryOf<OfMappings>;

/// What decides over the rows.
#[derive(Clone, Debug, Default)]
pub struct Arrangement {
    /// Sorted by this column; in order of address where `None`.
    pub sort: Option<(&'static MapColumn, Order)>,
    /// Only rows for which this holds.
    pub filter: Option<MapQuery>,
}

/// What a search looks for.
#[derive(Clone, Debug, PartialEq)]
enum Search {
    /// The mapping that holds this address.
    Address(u64),
    /// Whatever this holds for.
    Query(MapQuery),
}

/// The state of the pane.
#[derive(Debug)]
pub struct Memory {
    /// The columns, from left to right, with their width.
    pub columns: Vec<(&'static MapColumn, u16)>,
    arrangement: Arrangement,
    search: Option<Search>,
    selected: Option<RowKey>,
    lines: Lines,
    list: List,
    width: u16,
    before: Before,
}

/// What there was before an expression was typed.
#[derive(Debug, Default)]
struct Before {
    filter: Option<MapQuery>,
    search: Option<Search>,
    selected: Option<RowKey>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            columns: preset(0),
            arrangement: Arrangement::default(),
            search: None,
            selected: None,
            lines: Lines::default(),
            list: List::default(),
            width: 80,
            before: Before::default(),
        }
    }
}

fn preset(at: usize) -> Vec<(&'static MapColumn, u16)> {
    let names = MAP_PRESETS.get(at).map_or(&[][..], |(_, names)| names);
    names.iter().filter_map(|name| OfMappings::column(name)).map(|column| (column, column.width)).collect()
}

impl Memory {
    /// The row at a place in the list.
    fn row<'a>(&'a self, at: usize, world: World<'a>) -> Option<MapRow<'a>> {
        self.lines.row(at, world.subject)
    }

    /// What the selected row is called; `None` where there is none.
    #[must_use]
    pub fn title_of_selected(&self, world: World<'_>) -> Option<String> {
        let row = self.row(self.list.at, world)?;
        let pid = world.subject.key()?.pid;
        Some(format!("Process {pid}, mapping {:x}: every figure", row.mapping.start))
    }

    fn select(&mut self, at: usize) {
        self.list.at = at.min(self.lines.keys.len().saturating_sub(1));
        self.selected = self.lines.keys.get(self.list.at).copied();
    }

    fn is_found(&self, at: usize, world: World<'_>) -> bool {
        match (&self.search, self.row(at, world)) {
            (Some(Search::Address(address)), Some(row)) => row.mapping.range().contains(address),
            (Some(Search::Query(query)), Some(row)) => query.matches(row),
            _ => false,
        }
    }

    /// Go to the next row that the search matches, from a row on.
    fn find(&mut self, from: usize, direction: isize, world: World<'_>) {
        let count = self.lines.keys.len();
        let steps = (0..count).map(|step| if direction > 0 { step } else { count - step });
        let found = steps.map(|step| (from + step) % count.max(1)).find(|at| self.is_found(*at, world));
        match (found, &self.search) {
            (Some(at), _) => self.select(at),
            // Nothing is mapped there: what would stand next to it is what one wants to see.
            (None, Some(Search::Address(address))) => {
                let below = self.lines.keys.iter().rposition(|key| key.start() <= *address);
                self.select(below.unwrap_or(0));
            }
            _ => {}
        }
    }

    fn found_places(&self, world: World<'_>) -> Found {
        let mut found = Found::default();
        for at in 0..self.lines.keys.len() {
            if self.is_found(at, world) {
                found.count += 1;
                if at == self.list.at {
                    found.place = Some(found.count);
                }
            }
        }
        found
    }
}

impl Pane for Memory {
    fn act(&mut self, action: Action, world: World<'_>) -> bool {
        let count = self.lines.keys.len();
        if self.list.act(action, count) {
            self.select(self.list.at);
            return true;
        }
        match action {
            Action::Next => self.find(self.list.at + 1, 1, world),
            Action::Previous => self.find(self.list.at, -1, world),
            _ => return false,
        }
        true
    }

    fn offers(&self, action: Action) -> bool {
        !matches!(action, Action::User | Action::Tag | Action::Memory)
    }

    fn back(&mut self, world: World<'_>) -> bool {
        if self.search.take().is_some() {
            return true;
        }
        let narrowed = self.arrangement.filter.take().is_some();
        if narrowed {
            self.rebuild(world);
        }
        narrowed
    }

    fn rebuild(&mut self, world: World<'_>) {
        self.lines = Lines::build(world.subject, &self.arrangement);
        let at = self.selected.and_then(|key| self.lines.position(key, world.subject));
        self.select(at.unwrap_or(self.list.at));
    }

    fn set_room(&mut self, area: Rect, _world: World<'_>) {
        self.width = area.width;
    }

    fn draw(&self, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
        draw::draw(self, world, look, area, buffer);
    }

    fn status(&self, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
        draw::status(self, world, look)
    }

    fn scroll(&mut self, by: isize) {
        self.select(self.list.at.saturating_add_signed(by));
    }

    fn click(&mut self, (x, y): (u16, u16), world: World<'_>) {
        let rows = draw::rows(Rect::new(0, 0, self.width, u16::MAX), world);
        if y >= rows.y {
            let first = self.list.visible(self.lines.keys.len(), self.list.height()).start;
            self.select(first + usize::from(y - rows.y));
            return;
        }
        let (places, _) = table::fit(&self.columns, self.width.saturating_sub(1));
        let hit = places.iter().find(|(_, place)| (place.x..=place.right()).contains(&x.saturating_sub(1)));
        if let Some(column) = hit.map(|(column, _)| column.name).filter(|_| y + 1 == rows.y) {
            self.sort(Some(column), world);
        }
    }

    fn questions(&self, world: World<'_>) -> Vec<Question> {
        let process = world.subject.key().and_then(|key| world.observation.now.find(key));
        // What has no memory of its own is not asked for it.
        let process = process.filter(|process| !process.is_kernel_thread() && !process.is_zombie());
        process.map(|process| Question::Map(process.key, Depth::Figures)).into_iter().collect()
    }

    fn all_columns(&self) -> Vec<About> {
        OfMappings::COLUMNS.iter().map(ColumnOf::about).collect()
    }

    fn columns(&self) -> Vec<(About, u16)> {
        self.columns.iter().map(|(column, width)| (column.about(), *width)).collect()
    }

    fn set_columns(&mut self, columns: &[(&'static str, u16)]) {
        let known = columns.iter().filter_map(|(name, width)| Some((OfMappings::column(name)?, *width)));
        self.columns = known.collect();
    }

    fn sorted(&self) -> Option<(&'static str, Order)> {
        self.arrangement.sort.map(|(column, order)| (column.name, order))
    }

    fn natural_order(&self) -> &'static str {
        "in order of address"
    }

    fn sort(&mut self, column: Option<&str>, world: World<'_>) {
        let top = self.list.at == 0;
        let order = |column: &'static MapColumn| match self.arrangement.sort {
            Some((old, order)) if old.name == column.name => order.reversed(),
            _ => column.first,
        };
        self.arrangement.sort = column.and_then(OfMappings::column).map(|column| (column, order(column)));
        self.rebuild(world);
        if top {
            self.select(0);
        }
    }

    fn value<'a>(&'a self, column: &str, world: World<'a>) -> Option<Value<'a>> {
        Some((OfMappings::column(column)?.value)(self.row(self.list.at, world)?))
    }

    fn expression(&self, purpose: Purpose) -> String {
        match purpose {
            Purpose::Filter => self.arrangement.filter.as_ref().map(ToString::to_string),
            Purpose::Search => self.search.as_ref().map(|search| match search {
                Search::Address(address) => format!("{address:#x}"),
                Search::Query(query) => query.to_string(),
            }),
        }
        .unwrap_or_default()
    }

    fn begin(&mut self, _purpose: Purpose) {
        self.before =
            Before { filter: self.arrangement.filter.clone(), search: self.search.clone(), selected: self.selected };
    }

    fn try_expression(&mut self, purpose: Purpose, text: &str, world: World<'_>) -> Result<(), QueryError> {
        if let (Purpose::Search, Some(address)) = (purpose, lines::address(text)) {
            self.search = Some(Search::Address(address));
            self.find(0, 1, world);
            return Ok(());
        }
        let query = Some(MapQuery::parse(text)?).filter(|query| !query.is_empty());
        match purpose {
            Purpose::Filter => {
                self.arrangement.filter = query;
                self.rebuild(world);
            }
            Purpose::Search => {
                self.search = query.map(Search::Query);
                let from = self.before.selected.and_then(|key| self.lines.position(key, world.subject));
                self.find(from.unwrap_or(0), 1, world);
            }
        }
        Ok(())
    }

    fn cancel(&mut self, _purpose: Purpose, world: World<'_>) {
        let before = std::mem::take(&mut self.before);
        self.arrangement.filter = before.filter;
        self.search = before.search;
        self.selected = before.selected;
        self.rebuild(world);
    }

    fn found(&self, purpose: Purpose, world: World<'_>) -> Found {
        match purpose {
            Purpose::Filter => Found { count: self.lines.keys.len(), place: None },
            Purpose::Search => self.found_places(world),
        }
    }

    fn complete(&self, text: &str, cursor: usize) -> Vec<&'static str> {
        complete::<OfMappings>(text, cursor)
    }

    fn example(&self, purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Filter => "libc, or rss > 1M and permissions ~ w",
            Purpose::Search => "libc, or an address such as 0x7f12a000",
        }
    }
}
