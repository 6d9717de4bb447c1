//! The filter and the search, typed in the last line; the list answers while one types.

use super::{Context, Outcome, Overlay, View};
use crate::{
    table::query::QueryError,
    tui::{
        action::Action,
        keymap::Key,
        pane::{Pane, Purpose},
        theme::Role,
        widget::{
            line::{self, Piece},
            prompt::Prompt,
        },
    },
};
use ratatui::{buffer::Buffer, crossterm::event::KeyCode, layout::Rect};
use std::ops::Range;

/// An expression being typed.
pub struct Line {
    purpose: Purpose,
    prompt: Prompt,
    error: Option<QueryError>,
}

impl Line {
    /// Begin with what is there.
    pub fn new(purpose: Purpose, pane: &mut dyn Pane, history: Vec<String>) -> Self {
        let text = if purpose == Purpose::Filter { pane.expression(purpose) } else { String::new() };
        pane.begin(purpose);
        Self { purpose, prompt: Prompt::new(&text, history), error: None }
    }

    /// Let the list answer to what is typed so far; a filter that is not finished changes nothing.
    fn apply(&mut self, context: &mut Context<'_>) {
        let world = context.world;
        self.error = context.pane().try_expression(self.purpose, &self.prompt.text(), world).err();
    }

    fn complete(&mut self, pane: &dyn Pane) {
        let text = self.prompt.text();
        let words = pane.complete(&text, self.prompt.cursor());
        let before: String = text.chars().take(self.prompt.cursor()).collect();
        let begun = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        // As far as all words that are possible agree.
        let common = words
            .iter()
            .copied()
            .map(str::to_owned)
            .reduce(|a, b| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect());
        if let Some(rest) = common.as_deref().and_then(|common| common.strip_prefix(begun)) {
            let end = if words.len() == 1 { " " } else { "" };
            self.prompt.insert(&format!("{rest}{end}"));
        }
    }

    /// What was typed, for the history.
    #[must_use]
    pub fn text(&self) -> String {
        self.prompt.text()
    }
}

impl Overlay for Line {
    fn key(&mut self, key: Key, action: Option<Action>, mut context: Context<'_>) -> Outcome {
        match (key.code(), action) {
            (KeyCode::Esc, _) | (_, Some(Action::Quit)) => {
                let world = context.world;
                context.pane().cancel(self.purpose, world);
                Outcome::Close
            }
            (KeyCode::Enter, _) => match self.error {
                None => Outcome::Done { text: self.text(), purpose: self.purpose },
                Some(_) => Outcome::Stay,
            },
            (KeyCode::Tab, _) => {
                self.complete(context.panes.shown());
                self.apply(&mut context);
                Outcome::Stay
            }
            _ => {
                if self.prompt.key(key) {
                    self.apply(&mut context);
                }
                Outcome::Stay
            }
        }
    }

    fn types(&self) -> bool {
        true
    }

    fn paste(&mut self, text: &str, mut context: Context<'_>) {
        self.prompt.insert(text);
        self.apply(&mut context);
    }

    fn is_line(&self) -> bool {
        true
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let place = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        let label = match self.purpose {
            Purpose::Filter => " filter: ",
            Purpose::Search => " search: ",
        };
        let mut pieces = vec![Piece::new(label, style(Role::Title))];
        // The rest is for what is told about it.
        let room = usize::from(area.width).saturating_sub(label.len()) * 2 / 3;
        let wrong = self.error.as_ref().map_or(0..0, |error| error.at..error.at + error.length.max(1));
        pieces.extend(typed(&self.prompt, &wrong, room, view));
        let found = view.pane().found(self.purpose, view.world);
        match &self.error {
            Some(error) => pieces.push(Piece::new(format!("   {}", error.message), style(Role::Bad))),
            None if self.prompt.text().is_empty() => {
                let example = format!("  {}", view.pane().example(self.purpose));
                pieces.push(Piece::new(example, style(Role::Dim)).spare(1));
                pieces.push(Piece::new("   Tab completes, Enter keeps, Esc drops", style(Role::Dim)).spare(2));
            }
            None => {
                let role = if found.count == 0 { Role::Warn } else { Role::Dim };
                pieces.push(Piece::new(format!("   {found}"), style(role)));
            }
        }
        line::draw(buffer, place, &pieces, view.glyphs.cut);
    }
}

/// What was typed, with the cursor, and with what is wrong in it (in characters) marked; scrolled so that the cursor is
/// in `room`.
pub(super) fn typed(prompt: &Prompt, wrong: &Range<usize>, room: usize, view: &View<'_>) -> Vec<Piece<'static>> {
    let style = |role| view.theme.style(role);
    let text: Vec<char> = prompt.text().chars().chain([' ']).collect();
    let cursor = prompt.cursor();
    let width = |character: char| line::cells(character.encode_utf8(&mut [0; 4]));
    let mut start = 0;
    while start < cursor && text[start..=cursor].iter().map(|c| width(*c)).sum::<usize>() > room {
        start += 1;
    }
    let piece = |(at, character): (usize, &char)| {
        let role = match at {
            at if at == cursor => Role::Selected,
            at if wrong.contains(&at) => Role::Bad,
            _ => Role::Label,
        };
        Piece::new(character.to_string(), style(role))
    };
    text.iter().enumerate().skip(start).map(piece).collect()
}
