//! The Processes pane as one of the panes: what all of them can be asked.

use super::{Processes, draw};
use crate::{
    config::{Choice as _, Form},
    table::{
        Column, OfProcesses, Query, Table, Value,
        columns::{self, About},
        query::{QueryError, complete},
        value::Order,
    },
    tui::{
        action::Action,
        pane::{Found, Look, Pane, Purpose, World},
        theme::Role,
        widget::{line::Piece, table},
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

impl Pane for Processes {
    fn act(&mut self, action: Action, world: World<'_>) -> bool {
        Self::act(self, action, world.observation)
    }

    fn offers(&self, _world: World<'_>) -> &'static [Action] {
        &[
            Action::Search,
            Action::Filter,
            Action::Memory,
            Action::Signal,
            Action::User,
            Action::Form,
            Action::Sort,
            Action::Columns,
            Action::Freeze,
            Action::Open,
            Action::Explain,
            Action::Tag,
        ]
    }

    fn back(&mut self, world: World<'_>) -> bool {
        if !self.tags.is_empty() {
            self.tags.clear();
        } else if self.search.take().is_some() {
        } else if self.view.filter.take().is_some() || self.view.user.take().is_some() {
            Self::rebuild(self, world.observation);
        } else {
            return false;
        }
        true
    }

    fn rebuild(&mut self, world: World<'_>) {
        Self::rebuild(self, world.observation);
    }

    fn set_room(&mut self, area: Rect, _world: World<'_>) {
        self.width = area.width;
        self.set_height(usize::from(area.height.saturating_sub(1)));
    }

    fn draw(&self, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
        draw::draw(self, world.observation, &look, area, buffer);
    }

    fn status(&self, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
        let view = &self.view;
        let mut pieces = vec![Piece::new(format!("  {}", view.form.word()), look.style(Role::Label))];
        if view.form == Form::Grouped {
            pieces.push(Piece::new(format!(" by {}", view.group_by.word()), look.style(Role::Label)).spare(4));
        }
        let sort = match view.sort {
            Some((column, Order::Ascending)) => format!("  by {} {}", column.name, look.glyphs.order.0),
            Some((column, Order::Descending)) => format!("  by {} {}", column.name, look.glyphs.order.1),
            None => "  in order of pid".to_owned(),
        };
        pieces.push(Piece::new(sort, look.style(Role::Label)).spare(3));
        if let Some(away) = self.away(world.observation) {
            pieces.push(Piece::new(format!("  {away}"), look.style(Role::Warn)).spare(1));
        }
        let (shown, all) = (self.lines.matching, world.observation.now.processes.len());
        if shown != all {
            pieces.push(Piece::new(format!("  {shown} of {all}"), look.style(Role::Label)).spare(2));
        }
        if !self.tags.is_empty() {
            pieces.push(Piece::new(format!("  {} tagged", self.tags.len()), look.style(Role::Tagged)).spare(1));
        }
        let words = [(view.threads, "threads"), (!view.kernel_threads, "no kernel threads"), (self.follow, "follow")];
        for (_, word) in words.into_iter().filter(|(on, _)| *on) {
            pieces.push(Piece::new(format!("  {word}"), look.style(Role::Label)).spare(5));
        }
        if let Some(user) = &view.user {
            pieces.push(Piece::new(format!("  only {user}"), look.style(Role::Warn)).spare(1));
        }
        if let Some(filter) = &view.filter {
            // Never left out, only cut: nothing else tells that there is more than what is seen.
            pieces.push(Piece::new("  filter: ", look.style(Role::Dim)));
            pieces.push(Piece::new(filter.to_string(), look.style(Role::Warn)));
        }
        if let Some(search) = &self.search {
            pieces.push(Piece::new("  search: ", look.style(Role::Dim)).spare(2));
            pieces.push(Piece::new(search.to_string(), look.style(Role::Warn)).spare(2));
            let found = Self::found(self, world.observation);
            pieces.push(Piece::new(format!("  {found}"), look.style(Role::Label)).spare(2));
        }
        pieces
    }

    fn scroll(&mut self, by: isize, _world: World<'_>) {
        Self::scroll(self, by);
    }

    fn click(&mut self, (x, y): (u16, u16), world: World<'_>) {
        if y > 0 {
            Self::click(self, usize::from(y - 1));
            return;
        }
        let (places, _) = table::fit(&self.columns, self.width.saturating_sub(1));
        let x = x.saturating_sub(1);
        if let Some((column, _)) = places.iter().find(|(_, place)| (place.x..=place.right()).contains(&x)) {
            Self::sort(self, column, world.observation);
        }
    }

    fn all_columns(&self) -> Vec<About> {
        OfProcesses::COLUMNS.iter().map(Column::about).collect()
    }

    fn columns(&self) -> Vec<(About, u16)> {
        self.columns.iter().map(|(column, width)| (column.about(), *width)).collect()
    }

    fn set_columns(&mut self, columns: &[(&'static str, u16)]) {
        self.columns = columns.iter().filter_map(|(name, width)| Some((columns::find(name)?, *width))).collect();
    }

    fn sorted(&self) -> Option<(&'static str, Order)> {
        self.view.sort.map(|(column, order)| (column.name, order))
    }

    fn natural_order(&self) -> &'static str {
        "in order of pid"
    }

    fn sort(&mut self, column: Option<&str>, world: World<'_>) {
        match column {
            None => self.sort_in(None, world.observation),
            Some(name) => {
                if let Some(column) = columns::find(name) {
                    Self::sort(self, column, world.observation);
                }
            }
        }
    }

    fn value<'a>(&'a self, column: &str, world: World<'a>) -> Option<Value<'a>> {
        let key = self.selected_process(world.observation)?;
        Some((columns::find(column)?.value)(world.observation.find(key)?))
    }

    fn expression(&self, purpose: Purpose) -> String {
        let query = match purpose {
            Purpose::Filter => &self.view.filter,
            Purpose::Search => &self.search,
        };
        query.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn begin(&mut self, purpose: Purpose) {
        self.before.selected.clone_from(&self.selected);
        self.before.expression = match purpose {
            Purpose::Filter => self.view.filter.clone(),
            Purpose::Search => self.search.clone(),
        };
    }

    fn try_expression(&mut self, purpose: Purpose, text: &str, world: World<'_>) -> Result<(), QueryError> {
        let query = Some(Query::parse(text)?).filter(|query| !query.is_empty());
        match purpose {
            Purpose::Filter => {
                self.view.filter = query;
                self.filtered(world.observation);
            }
            Purpose::Search => {
                self.search = query;
                let from = self.before.selected.clone();
                self.find_first(world.observation, from.as_ref());
            }
        }
        Ok(())
    }

    fn cancel(&mut self, purpose: Purpose, world: World<'_>) {
        let before = std::mem::take(&mut self.before);
        match purpose {
            Purpose::Filter => self.view.filter = before.expression,
            Purpose::Search => self.search = before.expression,
        }
        self.selected = before.selected;
        Self::rebuild(self, world.observation);
    }

    fn found(&self, purpose: Purpose, world: World<'_>) -> Found {
        match purpose {
            Purpose::Filter => Found { count: self.lines.matching, place: None },
            Purpose::Search => Self::found(self, world.observation),
        }
    }

    fn complete(&self, text: &str, cursor: usize) -> Vec<&'static str> {
        complete::<OfProcesses>(text, cursor)
    }

    fn example(&self, _purpose: Purpose) -> &'static str {
        "a name, or rss > 100M and not user = root"
    }
}
