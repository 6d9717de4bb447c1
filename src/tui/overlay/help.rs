//! Help, made from the table of actions.

use super::{Context, Outcome, Overlay, View};
use crate::tui::{
    action::{ACTIONS, Action, Topic},
    keymap::Key,
    theme::Role,
    widget::{
        frame::popup,
        line::{self, Piece},
        list::List,
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

/// The state of help: how far it is scrolled.
#[derive(Debug, Default)]
pub struct Help {
    list: List,
}

/// A line of help.
enum Entry {
    Heading(&'static str),
    Action { keys: String, help: String },
    Text(&'static str),
}

const NOTES: &[&str] = &[
    "Mouse: click selects, click on a heading sorts, the wheel scrolls.",
    "Rows: green was born in the last 3 s, red exited, dim is only on the way to a match.",
    "A folded row (Σ and a number) shows sums over itself and all below it.",
    "Filter: rss > 100M and not user = root · state in (D, Z) · command ~ \"nginx.*worker\" ·",
    "  elapsed > 5m · under 812 · a bare word searches name and command.",
    "`sysview columns` explains every column, `sysview doctor` what this machine allows.",
];

fn entries(view: &View<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (topic, heading) in Topic::ALL {
        entries.push(Entry::Heading(heading));
        for info in ACTIONS.iter().filter(|info| info.topic == topic) {
            let keys = view.keymap.keys(info.action).join(" ");
            let disabled = view.readonly && info.action == Action::Signal;
            let help = if disabled { format!("{} (off: --readonly)", info.help) } else { info.help.to_owned() };
            entries.push(Entry::Action { keys, help });
        }
    }
    entries.push(Entry::Heading("Good to know"));
    entries.extend(NOTES.iter().map(|text| Entry::Text(text)));
    entries
}

impl Overlay for Help {
    fn key(&mut self, _key: Key, action: Option<Action>, _context: Context<'_>) -> Outcome {
        match action {
            Some(Action::Back | Action::Quit | Action::Help | Action::Open) => Outcome::Close,
            Some(action) => {
                self.list.act(action, ACTIONS.len() + Topic::ALL.len() + 1 + NOTES.len());
                Outcome::Stay
            }
            None => Outcome::Stay,
        }
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let entries = entries(view);
        let height = u16::try_from(entries.len() + 2).unwrap_or(u16::MAX);
        let inner =
            popup(buffer, area, (104, height), "Help: Esc closes, arrows scroll", style(Role::Border), view.glyphs);
        let visible = self.list.visible(entries.len(), usize::from(inner.height));
        for (y, entry) in (inner.y..).zip(&entries[visible]) {
            let pieces = match entry {
                Entry::Heading(text) => vec![Piece::new(*text, style(Role::Title))],
                Entry::Action { keys, help } => {
                    let keys = format!("  {keys:<14} ");
                    vec![Piece::new(keys, style(Role::Key)), Piece::new(help.as_str(), style(Role::Label))]
                }
                Entry::Text(text) => vec![Piece::new(format!("  {text}"), style(Role::Label))],
            };
            line::draw(buffer, Rect { y, height: 1, ..inner }, &pieces, view.glyphs.cut);
        }
    }
}
