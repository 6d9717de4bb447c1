//! What the laboratory is to run, typed in the last line; it begins with the program of the selected process.

use super::{Context, Outcome, Overlay, View};
use crate::{
    snapshot::lab::Order,
    text::{Text, printable},
    tui::{
        action::Action,
        keymap::Key,
        theme::Role,
        widget::{
            line::{self, Piece},
            prompt::Prompt,
        },
    },
};
use ratatui::{buffer::Buffer, crossterm::event::KeyCode, layout::Rect};

/// Runs of the laboratory: enough to tell 28 bits within one.
const RUNS: u32 = 64;

/// A command being typed.
pub struct Command {
    prompt: Prompt,
    /// The program itself, which may have blanks and more in its name.
    program: Text,
}

impl Command {
    /// Begin with this program.
    #[must_use]
    pub fn new(program: Text) -> Self {
        Self { prompt: Prompt::new(&program.printable(), Vec::new()), program }
    }

    fn order(&self) -> Option<Order> {
        let text = self.prompt.text();
        let command: Vec<Text> = if text == printable(&self.program) {
            vec![self.program.clone()]
        } else {
            text.split_whitespace().map(Text::from).collect()
        };
        (!command.is_empty()).then_some(Order { command, runs: RUNS })
    }
}

impl Overlay for Command {
    fn key(&mut self, key: Key, action: Option<Action>, context: Context<'_>) -> Outcome {
        match (key.code(), action) {
            (KeyCode::Esc, _) | (_, Some(Action::Quit)) => Outcome::Close,
            (KeyCode::Enter, _) => {
                if let Some(order) = self.order() {
                    context.panes.memory.start_lab(order);
                }
                Outcome::Close
            }
            _ => {
                self.prompt.key(key);
                Outcome::Stay
            }
        }
    }

    fn types(&self) -> bool {
        true
    }

    fn paste(&mut self, text: &str, _context: Context<'_>) {
        self.prompt.insert(text);
    }

    fn is_line(&self) -> bool {
        true
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let place = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        let text: Vec<char> = self.prompt.text().chars().chain([' ']).collect();
        let cursor = self.prompt.cursor();
        let part = |from: usize, to: usize| text[from.min(text.len())..to.min(text.len())].iter().collect::<String>();
        let pieces = [
            Piece::new(format!(" run {RUNS} times: "), style(Role::Title)),
            Piece::new(part(0, cursor), style(Role::Label)),
            Piece::new(part(cursor, cursor + 1), style(Role::Selected)),
            Piece::new(part(cursor + 1, text.len()), style(Role::Label)),
            Piece::new("   nothing of it runs: each is stopped before its first line", style(Role::Dim)).spare(1),
        ];
        line::draw(buffer, place, &pieces, view.glyphs.cut);
    }
}
