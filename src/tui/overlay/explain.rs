//! Columns with their value for the selected process, and what each means: for those on the screen, or for all.

use super::{
    CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View,
    facts::{self, Fact, Shape},
};
use crate::{
    snapshot::Parts,
    table::{
        Column, Value,
        columns::{self, About},
    },
    tui::{
        action::Action,
        keymap::Key,
        theme::Role,
        widget::{
            frame::{popup, progress},
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

/// Its widest.
const WIDTH: u16 = 100;
/// Its list.
const SHAPE: Shape = Shape { least: 3, name: 26 };

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
        let fact = |column: &About| {
            let value = self.value(column.name, view);
            Fact::of_column(column, value.as_ref(), view.glyphs.pending)
        };
        let facts: Vec<_> = self.columns.iter().map(fact).collect();
        let width = usize::from(WIDTH.min(area.width)).saturating_sub(4);
        let height = facts.len() + facts::longest(&facts, width) + 4;
        let size = (WIDTH, u16::try_from(height).unwrap_or(u16::MAX).min(area.height));
        let inner = popup(buffer, area, size, &self.title, view.theme.style(Role::Border), view.glyphs);
        if let Some(along) = facts::draw(&facts, &self.list, view, SHAPE, inner, buffer) {
            progress(buffer, inner, along, view.theme.style(Role::Border));
        }
    }
}
