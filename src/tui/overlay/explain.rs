//! Columns with their value for the selected process, and what each means: for those on the screen, or for all.

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::{
    snapshot::{Missing, Parts},
    table::{
        Column, Value,
        columns::{self, About, Unit},
    },
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

/// The columns explained, with their values for what is selected.
pub struct Explain {
    title: String,
    columns: Vec<About>,
    /// The process whose values they are, and what has to be read for them; of other things the pane knows them.
    process: Option<(ProcessKey, Parts)>,
    list: List,
}

impl Explain {
    /// Explain columns of processes, with their values for this one.
    #[must_use]
    pub fn of_process(title: String, columns: &[&'static Column], process: Option<ProcessKey>) -> Self {
        let parts = columns.iter().fold(Parts::NONE, |parts, column| parts | column.parts);
        let process = process.map(|key| (key, parts));
        Self { process, ..Self::of_selected(title, columns.iter().map(|column| column.about()).collect()) }
    }

    /// Explain columns of the pane on the screen, with their values for what is selected there.
    #[must_use]
    pub fn of_selected(title: String, columns: Vec<About>) -> Self {
        Self { title, columns, process: None, list: List::default() }
    }

    fn value<'a>(&self, column: &str, view: &View<'a>) -> Option<Value<'a>> {
        match self.process {
            Some((key, _)) => Some((columns::find(column)?.value)(view.world.observation.find(key)?)),
            None => view.pane().value(column, view.world),
        }
    }
}

/// Cells of one value that are shown at most, over several lines.
const SHOWN: usize = 2000;

/// Its widest.
const WIDTH: u16 = 100;

/// What a column means, its unit, and where it comes from, in lines.
fn explanation(column: &About, width: usize) -> Vec<String> {
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
    fn key(&mut self, _key: Key, action: Option<Action>, mut context: Context<'_>) -> Outcome {
        let world = context.world;
        match action {
            Some(Action::Back | Action::Quit | Action::Explain | Action::Open) => Outcome::Close,
            Some(Action::Sort) => {
                if let Some(column) = self.columns.get(self.list.at) {
                    context.pane().sort(Some(column.name), world);
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
        self.process
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
        let below = lines(longest + 2).min(inner.height.saturating_sub(3));
        let list = Rect { height: inner.height - below, ..inner };
        let room = usize::from(below.saturating_sub(1));

        let own = self.value(current.name, view).map(|value| value_text(&value, view.glyphs.pending));
        let own = format!("{} = {}", current.name, own.as_deref().unwrap_or("(it is gone)"));
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
            let value = self.value(column.name, view);
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
