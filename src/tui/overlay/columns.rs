//! The column chooser: which columns, in which order, how wide; and the presets.

use super::{CLOSE, Context, Hint, Outcome, Overlay, View};
use crate::{
    table::columns::About,
    tui::{
        action::Action,
        keymap::Key,
        pane::Pane,
        theme::Role,
        widget::{
            frame::{popup, progress},
            line::{self, Piece},
            list::List,
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

/// A set of columns: its name and theirs.
pub type Preset = (String, Vec<&'static str>);

/// The chooser: chosen columns first, in their order, then the others.
pub struct Chooser {
    presets: Vec<Preset>,
    list: List,
    preset: Option<usize>,
}

impl Chooser {
    /// Open on the first column, with these presets to go through.
    #[must_use]
    pub fn new(presets: Vec<Preset>) -> Self {
        Self { presets, list: List::default(), preset: None }
    }

    fn entries(pane: &dyn Pane) -> Vec<(About, Option<u16>)> {
        let chosen = pane.columns();
        let others = pane.all_columns().into_iter();
        let others = others.filter(|column| chosen.iter().all(|(other, _)| other.name != column.name));
        let others: Vec<_> = others.map(|column| (column, None)).collect();
        chosen.into_iter().map(|(column, width)| (column, Some(width))).chain(others).collect()
    }

    /// Let `change` alter the chosen columns.
    fn change(pane: &mut dyn Pane, change: impl FnOnce(&mut Vec<(&'static str, u16)>)) {
        let mut columns = pane.columns().into_iter().map(|(column, width)| (column.name, width)).collect();
        change(&mut columns);
        pane.set_columns(&columns);
    }

    fn toggle(&self, pane: &mut dyn Pane) {
        let Some((column, chosen)) = Self::entries(pane).get(self.list.at).copied() else { return };
        Self::change(pane, |columns| {
            if chosen.is_none() {
                // Before the last one, which takes the rest of the line.
                columns.insert(columns.len().saturating_sub(1), (column.name, column.width));
            } else if columns.len() > 1 {
                columns.retain(|(other, _)| *other != column.name);
            }
        });
    }

    fn shift(&mut self, pane: &mut dyn Pane, by: isize) {
        let (from, to) = (self.list.at, self.list.at.saturating_add_signed(by));
        let count = pane.columns().len();
        if from < count && to < count {
            Self::change(pane, |columns| columns.swap(from, to));
            self.list.at = to;
        }
    }

    fn resize(&self, pane: &mut dyn Pane, by: i16) {
        Self::change(pane, |columns| {
            if let Some((_, width)) = columns.get_mut(self.list.at) {
                *width = width.saturating_add_signed(by).clamp(1, 200);
            }
        });
    }

    fn next_preset(&mut self, pane: &mut dyn Pane) {
        let next = self.preset.map_or(0, |at| (at + 1) % self.presets.len().max(1));
        let Some((_, names)) = self.presets.get(next) else { return };
        self.preset = Some(next);
        let all = pane.all_columns();
        let width = |name: &&'static str| all.iter().find(|column| column.name == *name).map(|column| column.width);
        let columns: Vec<_> = names.iter().filter_map(|name| Some((*name, width(name)?))).collect();
        pane.set_columns(&columns);
        self.list.at = 0;
    }
}

impl Overlay for Chooser {
    fn key(&mut self, _key: Key, action: Option<Action>, mut context: Context<'_>) -> Outcome {
        let world = context.world;
        let pane = context.pane();
        match action {
            Some(Action::Back | Action::Quit | Action::Open | Action::Columns) => return Outcome::Close,
            Some(Action::Tag) => self.toggle(pane),
            Some(Action::StepBack) => self.shift(pane, -1),
            Some(Action::StepForward) => self.shift(pane, 1),
            Some(Action::Collapse) => self.resize(pane, -1),
            Some(Action::Expand) => self.resize(pane, 1),
            Some(Action::View) => self.next_preset(pane),
            Some(Action::Sort) => {
                if let Some((column, _)) = Self::entries(pane).get(self.list.at) {
                    pane.sort(Some(column.name), world);
                }
            }
            Some(action) => {
                self.list.act(action, Self::entries(pane).len());
            }
            None => {}
        }
        Outcome::Stay
    }

    fn hints(&self) -> &'static [Hint] {
        &[
            CLOSE,
            (&[Action::Tag], "on or off"),
            (&[Action::StepBack, Action::StepForward], "move"),
            (&[Action::Collapse, Action::Expand], "width"),
            (&[Action::View], "next preset"),
            (&[Action::Sort], "sort"),
        ]
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let preset =
            self.preset.and_then(|at| self.presets.get(at)).map_or(String::new(), |(name, _)| format!(" ({name})"));
        let title = format!("Columns{preset}");
        let list = popup(buffer, area, (100, area.height), &title, style(Role::Border), view.glyphs);
        let entries = Self::entries(view.pane());
        let visible = self.list.visible(entries.len(), usize::from(list.height));
        let first = visible.start;
        if visible.len() < entries.len() {
            progress(buffer, list, (self.list.at + 1, entries.len()), style(Role::Border));
        }
        for (at, (column, chosen)) in entries[visible].iter().enumerate() {
            let place = Rect { y: list.y + u16::try_from(at).unwrap_or(0), height: 1, ..list };
            let mark = if chosen.is_some() { "[x] " } else { "[ ] " };
            let width = chosen.map_or_else(String::new, |width| format!("{width}"));
            let pieces = [
                Piece::new(mark, style(if chosen.is_some() { Role::Good } else { Role::Dim })),
                Piece::new(format!("{:<26}", column.name), style(Role::Key)),
                Piece::new(format!("{width:>3}  "), style(Role::Label)),
                Piece::new(column.help, style(Role::Dim)),
            ];
            line::draw(buffer, place, &pieces, view.glyphs.cut);
            if first + at == self.list.at {
                line::highlight(buffer, place, style(Role::Selected));
            }
        }
    }
}
