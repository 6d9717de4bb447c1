//! Help, made from the table of actions. Text that is longer than the line goes on in the next one.

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::snapshot::Missing;
use crate::tui::{
    action::{ACTIONS, Action, ActionInfo, Topic},
    keymap::Key,
    theme::Role,
    widget::{
        frame::{popup, progress},
        line::{self, Piece},
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::cell::Cell;

/// The state of help: how far it is scrolled.
#[derive(Debug, Default)]
pub struct Help {
    /// First line in view.
    top: usize,
    /// Lines in view and lines in all, as drawn last.
    page: Cell<usize>,
    count: Cell<usize>,
}

const NOTES: &[&str] = &[
    "Mouse: click selects, click on a heading sorts, the wheel scrolls.",
    "Filter: rss > 100M and not user = root · state in (D, Z) · command ~ \"nginx.*worker\" · elapsed > 5m · under 812 · \
     a bare word searches name and command.",
    "`sysview columns` explains every column, `sysview doctor` what this machine allows.",
];

/// Cells that every line is moved in by.
const INDENT: usize = 2;

/// What is seen and what it says, each sample in its own look, whatever the theme makes of it.
fn marks(view: &View<'_>) -> Vec<(Role, String, String)> {
    let glyphs = view.glyphs;
    let mark = |role, sample: &str, text: &str| (role, sample.to_owned(), text.to_owned());
    let mut marks = vec![
        mark(Role::Born, "newborn", "born in the last 3 s"),
        mark(Role::Exited, "exited", "ended a moment ago"),
        mark(Role::Tagged, &format!("{} tagged", glyphs.tag), "what a signal will go to"),
        mark(Role::Match, "found", "matches the search"),
        mark(Role::Dim, "above", "only on the way to something that matches the filter"),
        mark(Role::Sum, &format!("{}{}12", glyphs.fold.0, glyphs.sum), "sums over a folded branch or group of 12"),
        mark(Role::Missing, glyphs.pending, "not read yet"),
    ];
    let shortened = Missing::TOLD.into_iter().filter(|missing| missing.short() != missing.word());
    marks.extend(shortened.map(|missing| mark(Role::Missing, missing.short(), missing.word())));
    marks
}

fn lines(view: &View<'_>, width: usize) -> Vec<Vec<Piece<'static>>> {
    let style = |role| view.theme.style(role);
    let keys = |info: &ActionInfo| view.keymap.keys(info.action).join(" ");
    let room = ACTIONS.iter().map(|info| line::cells(&keys(info))).max().unwrap_or(0) + 1;
    let labelled = |look: Style, label: &str, text: &str| {
        let text = line::wrap(text, width.saturating_sub(INDENT + room));
        let rows = text.into_iter().enumerate().map(|(at, text)| {
            let label = if at == 0 { label } else { "" };
            let gap = room - line::cells(label).min(room);
            vec![
                Piece::new(format!("{:INDENT$}", ""), Style::new()),
                Piece::new(label.to_owned(), look),
                Piece::new(format!("{:gap$}{text}", ""), style(Role::Label)),
            ]
        });
        rows.collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for (topic, heading) in Topic::ALL {
        lines.push(vec![Piece::new(heading, style(Role::Title))]);
        for info in ACTIONS.iter().filter(|info| info.topic == topic) {
            let off = if view.readonly && info.action == Action::Signal { " (off: --readonly)" } else { "" };
            lines.extend(labelled(style(Role::Key), &keys(info), &format!("{}{off}", info.help)));
        }
    }
    lines.push(vec![Piece::new("What is seen", style(Role::Title))]);
    for (role, sample, text) in marks(view) {
        lines.extend(labelled(style(role), &sample, &text));
    }
    lines.push(vec![Piece::new("Good to know", style(Role::Title))]);
    for note in NOTES {
        let text = line::wrap(note, width.saturating_sub(2 * INDENT));
        lines.extend(text.into_iter().enumerate().map(|(at, text)| {
            let indent = if at == 0 { INDENT } else { 2 * INDENT };
            vec![Piece::new(format!("{:indent$}{text}", ""), style(Role::Label))]
        }));
    }
    lines
}

impl Overlay for Help {
    fn key(&mut self, _key: Key, action: Option<Action>, _context: Context<'_>) -> Outcome {
        let page = self.page.get().saturating_sub(1).max(1);
        let to = match action {
            Some(Action::Back | Action::Quit | Action::Help | Action::Open) => return Outcome::Close,
            Some(Action::Up) => self.top.saturating_sub(1),
            Some(Action::Down) => self.top + 1,
            Some(Action::PageUp) => self.top.saturating_sub(page),
            Some(Action::PageDown) => self.top + page,
            Some(Action::Home) => 0,
            Some(Action::End) => usize::MAX,
            _ => self.top,
        };
        self.top = to.min(self.count.get().saturating_sub(self.page.get()));
        Outcome::Stay
    }

    fn hints(&self) -> &'static [Hint] {
        &[
            CLOSE,
            SCROLL,
            (&[Action::PageUp, Action::PageDown], "by screens"),
            (&[Action::Home, Action::End], "first, last"),
        ]
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let inner = popup(buffer, area, (104, area.height), "Help", view.theme.style(Role::Border), view.glyphs);
        let lines = lines(view, usize::from(inner.width));
        self.page.set(usize::from(inner.height));
        self.count.set(lines.len());
        // After the screen has grown there may be fewer lines to scroll past.
        let top = self.top.min(lines.len().saturating_sub(self.page.get()));
        if self.page.get() < lines.len() {
            progress(buffer, inner, (top + self.page.get(), lines.len()), view.theme.style(Role::Border));
        }
        for (y, pieces) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
            line::draw(buffer, Rect { y, height: 1, ..inner }, pieces, view.glyphs.cut);
        }
    }
}
