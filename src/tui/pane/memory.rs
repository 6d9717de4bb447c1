//! Pane 4, Memory: the map of the selected process, in views of the same rows. Holds selection, order and what narrows the
//! view; the map itself is the subject's.

pub mod aslr;
pub mod contents;
mod draw;
pub mod kind;
pub mod lines;
pub mod pages;
pub mod picture;

use super::{Found, Look, Pane, Purpose, World};
use crate::{
    analysis::MapRow,
    snapshot::{
        inspect::{Depth, Question},
        lab,
    },
    table::{
        ColumnOf, MapColumn, OfMappings, QueryOf, Table, Value,
        columns::About,
        mappings::MAP_PRESETS,
        query::{QueryError, complete},
        value::Order,
    },
    text::Text,
    tui::{
        action::Action,
        widget::{line::Piece, list::List},
    },
};
use aslr::Aslr;
use lines::{Lines, RowKey, Target};
use picture::Picture;
use ratatui::{buffer::Buffer, layout::Rect};
use std::{cell::OnceCell, collections::HashSet, ops::Range};

/// A filter over mappings.
pub type MapQuery = QueryOf<OfMappings>;

/// What of the map is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// A row for each mapping, or for each object.
    #[default]
    Table,
    /// The address space from low to high.
    Picture,
    /// The pages of the selected mapping.
    Pages,
    /// What randomisation made of its addresses.
    Aslr,
}

impl View {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Table, "table"), (Self::Picture, "picture"), (Self::Pages, "pages"), (Self::Aslr, "ASLR")];

    fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }
}

/// What has a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Each mapping.
    #[default]
    Mappings,
    /// Each object, with sums; those that are open with their mappings.
    Objects,
}

/// What decides over the rows.
#[derive(Clone, Debug, Default)]
pub struct Arrangement {
    /// What has a row.
    pub form: Form,
    /// Objects that are open, by name.
    pub open: HashSet<Text>,
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
    view: View,
    arrangement: Arrangement,
    search: Option<Search>,
    /// Which rows are what is searched for; found out when first asked.
    hits: OnceCell<Vec<usize>>,
    selected: Option<RowKey>,
    lines: Lines,
    list: List,
    /// Whether the first row is the one selected, whichever that is: what grew most, until another is chosen.
    top: bool,
    /// Which lines of the picture are in view.
    picture: List,
    pages: pages::View,
    aslr: Aslr,
    /// Width and height of the room.
    size: (u16, u16),
    before: Before,
    /// Columns and order before growth was asked for.
    calm: Option<Calm>,
}

/// Columns and order as they were before those for growth.
type Calm = (Vec<(&'static MapColumn, u16)>, Option<(&'static MapColumn, Order)>);

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
            columns: preset("default"),
            view: View::default(),
            arrangement: Arrangement::default(),
            search: None,
            hits: OnceCell::new(),
            selected: None,
            lines: Lines::default(),
            list: List::default(),
            top: false,
            picture: List::default(),
            pages: pages::View::default(),
            aslr: Aslr::default(),
            size: (80, 24),
            before: Before::default(),
            calm: None,
        }
    }
}

fn preset(name: &str) -> Vec<(&'static MapColumn, u16)> {
    let names = MAP_PRESETS.iter().find(|(other, _)| *other == name).map_or(&[][..], |(_, names)| names);
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
        Some(match self.lines.object(self.list.at) {
            Some(object) => format!("Process {pid}, {}: sums", object.name.printable()),
            None => format!("Process {pid}, mapping {:x}: what it was before it vanished", row.mapping.start),
        })
    }

    /// The place of the selected mapping in the map; `None` where the row is an object or of what was there once.
    #[must_use]
    pub fn selected_mapping(&self, world: World<'_>) -> Option<usize> {
        matches!(self.lines.target(self.list.at)?, Target::Mapping(_)).then(|| self.place(world))?
    }

    /// Select the row of the mapping that holds an address, where it has one.
    pub fn select_address(&mut self, address: u64, world: World<'_>) {
        if let Some(place) = world.subject.known_map().and_then(|map| map.holding(address).ok()) {
            self.select_place(place, world);
        }
    }

    /// The mapping that is selected, of an object its first: its place in the map.
    fn place(&self, world: World<'_>) -> Option<usize> {
        let start = self.row(self.list.at, world)?.mapping.start;
        world.subject.known_map()?.mappings.binary_search_by_key(&start, |mapping| mapping.start).ok()
    }

    /// The addresses of the selected mapping.
    fn range(&self, world: World<'_>) -> Option<Range<u64>> {
        Some(self.row(self.list.at, world)?.mapping.range())
    }

    /// Select the row of the mapping at a place of the map; the object that it belongs to is opened for that.
    fn select_place(&mut self, place: usize, world: World<'_>) {
        let Some(mapping) = world.subject.known_map().and_then(|map| map.mappings.get(place)) else { return };
        let key = RowKey::Mapping(mapping.start, mapping.end);
        let Some(at) = self.lines.position(&key, world.subject) else { return };
        let closed =
            self.lines.object(at).filter(|object| object.mappings.first().map(|at| *at as usize) != Some(place));
        match closed.map(|object| object.name.clone()) {
            None => self.select(at),
            Some(name) => {
                self.arrangement.open.insert(name);
                self.selected = Some(key);
                self.rebuild(world);
            }
        }
    }

    /// Whether the view is one of mappings in order of address, whatever the table is sorted by.
    fn shows_one(&self) -> bool {
        matches!(self.view, View::Picture | View::Pages)
    }

    /// Select the mapping before or after in order of address, of those that have a row.
    fn step(&mut self, by: isize, world: World<'_>) {
        let next = self.place(world).and_then(|place| self.lines.neighbour(place, by));
        if let Some(place) = next {
            self.select_place(place, world);
            self.show_pages(world);
        }
    }

    /// Let the laboratory run this.
    pub fn start_lab(&mut self, order: lab::Order) {
        self.view = View::Aslr;
        self.aslr.lab = Some(order);
    }

    /// Columns for growth, the largest first; what was there before comes back when the baseline is dropped.
    pub fn show_growth(&mut self, world: World<'_>) {
        if self.calm.is_none() {
            self.calm = Some((std::mem::replace(&mut self.columns, preset("growth")), self.arrangement.sort));
            self.arrangement.sort = OfMappings::column("rss_change").map(|column| (column, column.first));
        }
        self.view = View::Table;
        self.rebuild(world);
        self.select(0);
        self.top = true;
    }

    /// The baseline was dropped.
    pub fn forget_growth(&mut self, world: World<'_>) {
        if let Some((columns, sort)) = self.calm.take() {
            self.columns = columns;
            self.arrangement.sort = sort;
        }
        self.top = false;
        self.rebuild(world);
    }

    /// Another process is looked into: what was chosen in the map of the one before holds no more.
    pub fn forget_process(&mut self) {
        if let Some((columns, sort)) = self.calm.take() {
            self.columns = columns;
            self.arrangement.sort = sort;
        }
        self.top = false;
        (self.selected, self.list, self.picture) = (None, List::default(), List::default());
        (self.pages, self.aslr) = (pages::View::default(), Aslr::default());
    }

    /// Why an action does nothing here, where it does nothing.
    #[must_use]
    pub fn refusal(&self, action: Action, world: World<'_>) -> Option<&'static str> {
        let table = self.view == View::Table;
        match action {
            Action::Threads | Action::KernelThreads | Action::User | Action::Tag | Action::Follow => {
                Some("that is for the list of processes, in pane 1")
            }
            _ if world.subject.known_map().is_none() => None,
            Action::Next | Action::Previous if self.search.is_none() && !self.shows_one() => {
                Some("nothing is searched for yet")
            }
            Action::Form if !table => Some("mappings or objects: only the table has these forms"),
            Action::Collapse | Action::Expand | Action::CollapseBranch | Action::ExpandBranch | Action::ExpandAll
                if table && self.arrangement.form == Form::Mappings =>
            {
                Some("there is nothing to open or close: the table shows each mapping, not objects")
            }
            Action::CollapseBranch | Action::ExpandBranch | Action::ExpandAll if self.view == View::Picture => {
                Some("there is nothing to open or close in the picture")
            }
            _ => None,
        }
    }

    fn set_fold(&mut self, action: Action, world: World<'_>) {
        if self.arrangement.form != Form::Objects || self.view != View::Table {
            return;
        }
        let name = self.lines.object_of(self.list.at).map(|object| object.name.clone());
        match (action, name) {
            (Action::Collapse, Some(name)) => {
                self.arrangement.open.remove(&name);
                self.selected = Some(RowKey::Object(name));
            }
            (Action::Expand, Some(name)) => {
                self.arrangement.open.insert(name);
            }
            (Action::ExpandAll, _) if self.arrangement.open.is_empty() => {
                let names = self.lines.objects.iter().map(|object| object.name.clone());
                self.arrangement.open = names.collect();
            }
            _ => self.arrangement.open.clear(),
        }
        self.rebuild(world);
    }

    /// Move through the lines of the picture, and through the mappings of each.
    fn walk(&mut self, action: Action, world: World<'_>) -> bool {
        let picture = world.subject.picture();
        let Some(map) = world.subject.known_map() else { return false };
        let page = self.picture.height().saturating_sub(1).max(1);
        let mut place = self.place(world).unwrap_or(0);
        let (steps, step): (usize, fn(&Picture, usize) -> usize) = match action {
            Action::Up => (1, Picture::before),
            Action::Down => (1, Picture::after),
            Action::PageUp => (page, Picture::before),
            Action::PageDown => (page, Picture::after),
            Action::Home | Action::End => (0, Picture::before),
            Action::Collapse | Action::Expand => {
                self.step(if action == Action::Expand { 1 } else { -1 }, world);
                return true;
            }
            _ => return false,
        };
        for _ in 0..steps {
            place = step(picture, place);
        }
        place = match action {
            Action::Home => 0,
            Action::End => map.mappings.len().saturating_sub(1),
            _ => place,
        };
        self.select_place(place, world);
        true
    }

    /// What has to be read of the map: figures, for which the kernel looks at every page, only where they are shown.
    fn depth(&self, world: World<'_>) -> Depth {
        let shown = self.view == View::Table || world.subject.baseline().is_some();
        if shown { Depth::Figures } else { Depth::Addresses }
    }

    /// Let the cursor of the view that is on the screen move.
    fn move_cursor(&mut self, action: Action, world: World<'_>) -> bool {
        match self.view {
            View::Table => {
                let moved = self.list.act(action, self.lines.keys.len());
                if moved {
                    self.select(self.list.at);
                }
                moved
            }
            View::Picture => self.walk(action, world),
            View::Pages => {
                let grid = self.range(world).and_then(|range| world.subject.pages(&range));
                grid.and_then(|grid| grid.as_ref().ok()).is_some_and(|grid| self.pages.act(action, grid.pages()))
            }
            View::Aslr => self.aslr.act(action, world),
        }
    }

    fn next_view(&mut self, world: World<'_>) {
        self.view = self.view.next();
        self.show_pages(world);
    }

    /// Where the pages are in view, those of the selected mapping.
    fn show_pages(&mut self, world: World<'_>) {
        if self.view == View::Pages
            && let Some(range) = self.range(world)
            && !range.contains(&self.pages.cursor)
        {
            self.pages = pages::View::at(range.start);
        }
    }

    fn click_table(&mut self, (x, y): (u16, u16), world: World<'_>) {
        let rows = draw::rows(Rect::new(0, 0, self.size.0, u16::MAX));
        if y >= rows.y {
            let visible = self.list.visible(self.lines.keys.len(), self.list.height());
            let at = visible.start + usize::from(y - rows.y);
            if visible.contains(&at) {
                self.select(at);
            }
            return;
        }
        let (places, _) = draw::columns(&self.columns, self.size.0);
        let hit = places.iter().find(|(_, place)| (place.x..=place.right()).contains(&x.saturating_sub(1)));
        if let Some(column) = hit.map(|(column, _)| column.name).filter(|_| y + 1 == rows.y) {
            self.sort(Some(column), world);
        }
    }

    fn select(&mut self, at: usize) {
        self.top = false;
        self.list.at = at.min(self.lines.keys.len().saturating_sub(1));
        self.selected = self.lines.keys.get(self.list.at).cloned();
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
                let map = world.subject.known_map();
                let place = map.and_then(|map| map.holding(*address).err()).unwrap_or(0);
                self.select_place(place.saturating_sub(1), world);
            }
            _ => {}
        }
        self.show_pages(world);
    }

    fn found_places(&self, world: World<'_>) -> Found {
        if self.search.is_none() {
            return Found::default();
        }
        let find = || (0..self.lines.keys.len()).filter(|at| self.is_found(*at, world)).collect();
        let hits: &Vec<usize> = self.hits.get_or_init(find);
        Found { count: hits.len(), place: hits.binary_search(&self.list.at).ok().map(|place| place + 1) }
    }

    fn look_for(&mut self, search: Option<Search>) {
        self.search = search;
        self.hits = OnceCell::new();
    }
}

impl Pane for Memory {
    fn act(&mut self, action: Action, world: World<'_>) -> bool {
        if self.move_cursor(action, world) {
            return true;
        }
        match action {
            // Where nothing is searched for in a view of mappings one by one, the next one is meant.
            Action::Next if self.search.is_none() && self.shows_one() => self.step(1, world),
            Action::Previous if self.search.is_none() && self.shows_one() => self.step(-1, world),
            Action::Next => self.find(self.list.at + 1, 1, world),
            Action::Previous => self.find(self.list.at, -1, world),
            Action::View => self.next_view(world),
            Action::Form => {
                let place = self.place(world);
                self.arrangement.form = match self.arrangement.form {
                    Form::Mappings => Form::Objects,
                    Form::Objects => Form::Mappings,
                };
                self.rebuild(world);
                // An object is found closed, as it was left.
                if let Some(place) = place.filter(|_| self.arrangement.form == Form::Mappings) {
                    self.select_place(place, world);
                }
            }
            Action::Collapse | Action::Expand | Action::CollapseBranch | Action::ExpandBranch | Action::ExpandAll => {
                self.set_fold(action, world);
            }
            _ => return false,
        }
        true
    }

    fn offers(&self, world: World<'_>) -> &'static [Action] {
        if world.subject.known_map().is_none() {
            return &[Action::Lab, Action::Freeze];
        }
        match self.view {
            View::Table => &[
                Action::View,
                Action::Open,
                Action::Search,
                Action::Filter,
                Action::Baseline,
                Action::Form,
                Action::Sort,
                Action::Lab,
                Action::Columns,
                Action::Explain,
                Action::Signal,
                Action::Freeze,
            ],
            View::Picture => {
                &[Action::View, Action::Open, Action::Search, Action::Baseline, Action::Lab, Action::Freeze]
            }
            View::Pages => &[Action::View, Action::Open, Action::Search, Action::Freeze],
            View::Aslr => &[Action::View, Action::Lab, Action::Freeze],
        }
    }

    fn back(&mut self, world: World<'_>) -> bool {
        if self.view == View::Aslr && self.aslr.lab.take().is_some() || self.search.take().is_some() {
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
        self.hits = OnceCell::new();
        let top = self.top;
        let at = self.selected.as_ref().filter(|_| !top).and_then(|key| self.lines.position(key, world.subject));
        self.select(if top { 0 } else { at.unwrap_or(self.list.at) });
        self.top = top;
        self.show_pages(world);
    }

    fn set_room(&mut self, area: Rect, _world: World<'_>) {
        self.size = (area.width, area.height);
    }

    fn draw(&self, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
        draw::draw(self, world, look, area, buffer);
    }

    fn status(&self, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
        draw::status(self, world, look)
    }

    fn scroll(&mut self, by: isize, world: World<'_>) {
        let action = if by < 0 { Action::Up } else { Action::Down };
        for _ in 0..by.unsigned_abs() {
            self.move_cursor(action, world);
        }
    }

    fn click(&mut self, place: (u16, u16), world: World<'_>) {
        // Below the line of facts.
        let below = place.1.checked_sub(1).map(|y| (place.0, y));
        match (self.view, below) {
            (View::Table, _) => self.click_table(place, world),
            (_, None) => {}
            (View::Picture, Some((_, y))) => {
                let line = picture::draw::line_at(&self.picture, self.size.1.saturating_sub(1), y);
                let line = line.and_then(|at| world.subject.picture().lines.get(at));
                if let Some(line) = line.filter(|line| !line.members.is_empty()) {
                    self.select_place(line.members.start, world);
                }
            }
            (View::Pages, Some(place)) => {
                let grid = self.range(world).and_then(|range| world.subject.pages(&range));
                if let Some(Ok(grid)) = grid {
                    self.pages.click(place, grid.pages());
                }
            }
            (View::Aslr, Some((_, y))) => self.aslr.click(usize::from(y)),
        }
    }

    fn questions(&self, world: World<'_>) -> Vec<Question> {
        let process = world.subject.key().and_then(|key| world.observation.now.find(key));
        // What has no memory of its own is not asked for it.
        let process = process.filter(|process| !process.is_kernel_thread() && !process.is_zombie());
        let Some(key) = process.map(|process| process.key) else { return Vec::new() };
        let mut questions = vec![Question::Map(key, self.depth(world))];
        match self.view {
            View::Pages => questions.extend(self.range(world).map(|range| Question::Pages(key, range))),
            View::Aslr => {
                questions.push(Question::Program(key));
                let other = self.aslr.chosen(world).filter(|other| other.runs).map(|other| other.key);
                questions.extend(
                    other.into_iter().flat_map(|key| [Question::Map(key, Depth::Addresses), Question::Program(key)]),
                );
                questions.extend(self.aslr.lab.clone().map(Question::Lab));
            }
            View::Table | View::Picture => {}
        }
        questions
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
        self.before = Before {
            filter: self.arrangement.filter.clone(),
            search: self.search.clone(),
            selected: self.selected.clone(),
        };
    }

    fn try_expression(&mut self, purpose: Purpose, text: &str, world: World<'_>) -> Result<(), QueryError> {
        if let (Purpose::Search, Some(address)) = (purpose, lines::address(text)) {
            self.look_for(Some(Search::Address(address)));
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
                self.look_for(query.map(Search::Query));
                let from = self.before.selected.as_ref().and_then(|key| self.lines.position(key, world.subject));
                self.find(from.unwrap_or(0), 1, world);
            }
        }
        Ok(())
    }

    fn cancel(&mut self, _purpose: Purpose, world: World<'_>) {
        let before = std::mem::take(&mut self.before);
        self.arrangement.filter = before.filter;
        self.look_for(before.search);
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
