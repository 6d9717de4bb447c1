//! Columns with their value for the selected process, and what each means: for those on the screen, or for all.

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::{
    snapshot::{Missing, Parts},
    table::{COLUMNS, Column, Value, columns::Unit},
    tui::{
        action::Action,
        keymap::Key,
        theme::Role,
        widget::{
            frame::{popup, progress},
            line::{self, Piece},
            list::List,
        },
    },
    unit::ProcessKey,
};
use ratatui::{buffer::Buffer, layout::Rect};

/// The columns explained, and the process they are shown for.
pub struct Explain {
    title: String,
    columns: Vec<&'static Column>,
    process: Option<ProcessKey>,
    list: List,
}

impl Explain {
    /// Explain these columns.
    #[must_use]
    pub fn new(title: String, columns: Vec<&'static Column>, process: Option<ProcessKey>) -> Self {
        Self { title, columns, process, list: List::default() }
    }

    /// Explain all columns there are.
    #[must_use]
    pub fn all(title: String, process: Option<ProcessKey>) -> Self {
        Self::new(title, COLUMNS.iter().collect(), process)
    }
}

/// Cells of one value that are shown at most, over several lines.
const SHOWN: usize = 2000;

/// Its widest.
const WIDTH: u16 = 100;

/// What a column means, its unit, and where it comes from, in lines.
fn explanation(column: &Column, width: usize) -> Vec<String> {
    let unit = match column.unit {
        Unit::None => String::new(),
        unit => format!("Unit: {}.  ", unit.word()),
    };
    let mut text = line::wrap(column.help, width);
    text.extend(line::wrap(&format!("{unit}From: {}", column.source), width));
    text
}

/// No more lines than there is room for; what is lost has its mark.
fn cut(mut lines: Vec<String>, room: usize, mark: &str) -> Vec<String> {
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            last.push_str(mark);
        }
    }
    lines
}

fn value_text(value: &Value<'_>, pending: &str) -> String {
    match value {
        Value::Missing(Missing::NotRequested) => pending.to_owned(),
        value => value.brief(SHOWN).into_owned(),
    }
}

impl Overlay for Explain {
    fn key(&mut self, _key: Key, action: Option<Action>, context: Context<'_>) -> Outcome {
        match action {
            Some(Action::Back | Action::Quit | Action::Explain | Action::Open) => Outcome::Close,
            Some(Action::Sort) => {
                if let Some(column) = self.columns.get(self.list.at) {
                    context.pane.sort(column, context.observation);
                }
                Outcome::Close
            }
            Some(action) => {
                self.list.act(action, self.columns.len());
                Outcome::Stay
            }
            None => Outcome::Stay,
        }
    }

    fn hints(&self) -> &'static [Hint] {
        &[CLOSE, SCROLL, (&[Action::Sort], "sort by it")]
    }

    fn wants(&self) -> Option<(ProcessKey, Parts)> {
        let parts = self.columns.iter().map(|column| column.parts);
        Some((self.process?, parts.fold(Parts::NONE, |all, parts| all | parts)))
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let width = usize::from(WIDTH.min(area.width)).saturating_sub(4);
        // As much room as the longest explanation needs, so that the list stands still.
        let longest = self.columns.iter().map(|column| explanation(column, width).len()).max().unwrap_or(0);
        let lines = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let size = (WIDTH, lines(self.columns.len() + longest + 4).min(area.height));
        let inner = popup(buffer, area, size, &self.title, style(Role::Border), view.glyphs);
        let Some(current) = self.columns.get(self.list.at) else { return };
        let row = self.process.and_then(|key| view.observation.find(key));
        let below = lines(longest + 2).min(inner.height.saturating_sub(3));
        let list = Rect { height: inner.height - below, ..inner };
        let room = usize::from(below.saturating_sub(1));

        let own = row.map(|row| value_text(&(current.value)(row), view.glyphs.pending));
        let own = format!("{} = {}", current.name, own.as_deref().unwrap_or("(it has ended)"));
        let explanation = explanation(current, width);
        let mut text = cut(line::wrap(&own, width), room.saturating_sub(explanation.len()).max(1), view.glyphs.cut);
        text.extend(explanation);
        let text = cut(text, room, view.glyphs.cut);

        let visible = self.list.visible(self.columns.len(), usize::from(list.height));
        let first = visible.start;
        if visible.len() < self.columns.len() {
            progress(buffer, inner, (self.list.at + 1, self.columns.len()), style(Role::Border));
        }
        for (at, column) in self.columns[visible].iter().enumerate() {
            let place = Rect { y: list.y + u16::try_from(at).unwrap_or(0), height: 1, ..list };
            let value = row.map(|row| (column.value)(row));
            let missing = matches!(value, Some(Value::Missing(_)));
            let text = value.map_or_else(|| "-".to_owned(), |value| value_text(&value, view.glyphs.pending));
            let pieces = [
                Piece::new(format!("{:<26}", column.name), style(Role::Key)),
                Piece::new(text, style(if missing { Role::Missing } else { Role::Label })),
            ];
            line::draw(buffer, place, &pieces, view.glyphs.cut);
            if first + at == self.list.at {
                line::highlight(buffer, place, style(Role::Selected));
            }
        }
        for (y, text) in (list.bottom() + 1..inner.bottom()).zip(&text) {
            line::write(buffer, (inner.x, y), width, text, style(Role::Label), view.glyphs.cut);
        }
    }
}
