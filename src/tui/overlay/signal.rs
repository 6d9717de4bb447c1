//! The signal dialog: who is meant stands first, then which signal; what came of it is told process by process.
//!
//! The targets are fixed when it opens; nothing that moves on the screen below changes them.

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::{
    analysis::Observation,
    control::ControlError,
    signal::Signal,
    table::columns,
    tui::{
        Effect,
        action::Action,
        keymap::Key,
        theme::Role,
        widget::{
            frame::{popup, progress},
            line::{self, Piece},
            list::List,
            prompt::Prompt,
        },
    },
    unit::ProcessKey,
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// One process that is meant.
struct Target {
    key: ProcessKey,
    /// Name, user and state when the dialog opened.
    text: String,
    zombie: bool,
    result: Option<Result<(), ControlError>>,
}

/// The dialog.
pub struct Dialog {
    targets: Vec<Target>,
    typed: Prompt,
    list: List,
    sent: Option<Signal>,
}

impl Dialog {
    /// A dialog over these processes.
    #[must_use]
    pub fn new(keys: &[ProcessKey], observation: &Observation) -> Self {
        let target = |key: &ProcessKey| {
            let row = observation.find(*key)?;
            let value = |name| {
                columns::find(name).map_or_else(String::new, |column| (column.value)(row).brief(200).into_owned())
            };
            let text = format!("{:>7} {:<9} {} {}", key.pid, value("user"), value("state"), value("command"));
            Some(Target { key: *key, text, zombie: row.process.is_zombie(), result: None })
        };
        Self {
            targets: keys.iter().filter_map(target).collect(),
            typed: Prompt::default(),
            list: List::default(),
            sent: None,
        }
    }

    fn choice(&self) -> Option<Signal> {
        signals(&self.typed.text()).get(self.list.at).copied()
    }
}

/// The signals that people send, the most usual first.
const COMMON: [&str; 8] = ["TERM", "KILL", "HUP", "INT", "STOP", "CONT", "USR1", "USR2"];

/// Signals whose number or name begins with what was typed: one whose whole number or name it is, the usual ones, the
/// others by number.
fn signals(typed: &str) -> Vec<Signal> {
    let typed = typed.trim().to_ascii_uppercase();
    let all = Signal::all().filter(|signal| !matches!(signal.number(), 32 | 33));
    let wanted = |signal: &Signal| {
        let name = signal.to_string();
        name.starts_with(&typed)
            || name.trim_start_matches("SIG").starts_with(&typed)
            || signal.number().to_string().starts_with(&typed)
    };
    let mut found: Vec<Signal> = all.filter(wanted).collect();
    found.sort_by_key(|signal| {
        let name = signal.to_string();
        COMMON.iter().position(|common| name.strip_prefix("SIG") == Some(common)).unwrap_or(COMMON.len())
    });
    if let Some(exact) = Signal::parse(&typed) {
        found.retain(|signal| *signal != exact);
        found.insert(0, exact);
    }
    found
}

impl Overlay for Dialog {
    fn key(&mut self, key: Key, action: Option<Action>, _context: Context<'_>) -> Outcome {
        if self.sent.is_some() {
            return match action {
                Some(Action::Back | Action::Quit | Action::Open) => Outcome::Close,
                _ => Outcome::Stay,
            };
        }
        let count = signals(&self.typed.text()).len();
        match action {
            Some(Action::Back) => return Outcome::Close,
            Some(Action::Open) => {
                if let Some(signal) = self.choice().filter(|_| !self.targets.is_empty()) {
                    self.sent = Some(signal);
                    let targets = self.targets.iter().map(|target| target.key).collect();
                    return Outcome::Effect(Effect::Signal { targets, signal });
                }
            }
            Some(action) if self.list.act(action, count) => {}
            _ => {
                if self.typed.key(key) {
                    self.list.at = 0;
                }
            }
        }
        Outcome::Stay
    }

    fn hints(&self) -> &'static [Hint] {
        if self.sent.is_some() { &[CLOSE] } else { &[CLOSE, (&[Action::Open], "send"), SCROLL] }
    }

    fn types(&self) -> bool {
        self.sent.is_none()
    }

    fn signalled(&mut self, results: &[(ProcessKey, Result<(), ControlError>)]) {
        for target in &mut self.targets {
            if let Some((_, result)) = results.iter().find(|(key, _)| *key == target.key) {
                target.result = Some(*result);
            }
        }
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let count = self.targets.len();
        let title = match (self.sent, count) {
            (_, 0) => "No process is selected".to_owned(),
            (None, 1) => "Send a signal to this process".to_owned(),
            (None, _) => format!("Send a signal to these {count} processes"),
            (Some(signal), _) => signal.to_string(),
        };
        let inner = popup(buffer, area, (86, area.height.min(26)), &title, style(Role::Border), view.glyphs);
        let half = if self.sent.is_some() { inner.height } else { (inner.height / 2).max(2) };
        let shown = Rect { height: half.min(u16::try_from(count + 1).unwrap_or(u16::MAX)), ..inner };
        self.draw_targets(view, shown, buffer);
        if self.sent.is_some() {
            return;
        }
        let mut y = shown.bottom();
        let typed = [
            Piece::new("signal by name or number: ", style(Role::Dim)),
            Piece::new(self.typed.text(), style(Role::Key)),
            Piece::new("_", style(Role::Dim)),
        ];
        line::draw(buffer, Rect { y, height: 1, ..inner }, &typed, view.glyphs.cut);
        y += 1;
        let found = signals(&self.typed.text());
        let height = usize::from(inner.bottom().saturating_sub(y));
        let visible = self.list.visible(found.len(), height);
        if found.is_empty() && height > 0 {
            line::write(
                buffer,
                (inner.x, y),
                usize::from(inner.width),
                "there is no such signal",
                style(Role::Bad),
                "",
            );
        }
        let first = visible.start;
        if visible.len() < found.len() {
            progress(buffer, inner, (self.list.at + 1, found.len()), style(Role::Border));
        }
        for (at, signal) in found[visible].iter().enumerate() {
            let place = Rect { y: y + u16::try_from(at).unwrap_or(0), height: 1, ..inner };
            let pieces = [
                Piece::new(format!("{:>3} {:<12} ", signal.number(), signal.to_string()), style(Role::Key)),
                Piece::new(signal.meaning(), style(Role::Dim)),
            ];
            line::draw(buffer, place, &pieces, view.glyphs.cut);
            if first + at == self.list.at {
                line::highlight(buffer, place, style(Role::Selected));
            }
        }
    }
}

impl Dialog {
    fn draw_targets(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let room = usize::from(area.height.saturating_sub(1)).max(1);
        let width = usize::from(area.width);
        // Failures first, once there are any: they must not hide behind "and 40 more".
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        targets.sort_by_key(|target| !matches!(target.result, Some(Err(_))));
        for (y, target) in (area.y..).zip(targets.iter().take(room)) {
            let (text, look) = remark(target, view);
            // Who is meant has to stay readable; the first words say what came of it.
            let short = text.split_once(':').map(|(short, _)| short.to_owned());
            let text = short.filter(|_| line::cells(&text) > width / 2).unwrap_or(text);
            let used = line::cells(&text).min(width);
            line::write(buffer, (area.x, y), width - used, &target.text, style(Role::Label), view.glyphs.cut);
            let x = area.right().saturating_sub(u16::try_from(used).unwrap_or(0));
            line::write(buffer, (x, y), used, &text, look, view.glyphs.cut);
        }
        let more = targets.len().saturating_sub(room);
        if more > 0 {
            let sent = targets.iter().filter(|target| matches!(target.result, Some(Ok(())))).count();
            let text = if self.sent.is_some() {
                format!("… and {more} more; sent to {sent} in all")
            } else {
                format!("… and {more} more")
            };
            line::write(
                buffer,
                (area.x, area.bottom().saturating_sub(1)),
                width,
                &text,
                style(Role::Dim),
                view.glyphs.cut,
            );
        }
    }
}

fn remark(target: &Target, view: &View<'_>) -> (String, Style) {
    let style = |role| view.theme.style(role);
    match target.result {
        Some(Ok(())) => ("  sent".to_owned(), style(Role::Good)),
        Some(Err(error)) => (format!("  {error}"), style(Role::Bad)),
        None if target.zombie => ("  has ended already: no signal changes that".to_owned(), style(Role::Warn)),
        None => (String::new(), Style::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_found_by_number_and_by_name() {
        assert_eq!(signals("9").first().map(|signal| signal.number()), Some(9));
        assert_eq!(signals("sigk").first().map(ToString::to_string).as_deref(), Some("SIGKILL"));
        assert_eq!(signals("rtmin+2").first().map(|signal| signal.number()), Some(36));
        assert!(signals("nope").is_empty());
        let first: Vec<String> = signals("").iter().take(COMMON.len() + 1).map(ToString::to_string).collect();
        assert_eq!(first.join(" "), "SIGTERM SIGKILL SIGHUP SIGINT SIGSTOP SIGCONT SIGUSR1 SIGUSR2 SIGQUIT");
        assert!(signals("").iter().all(|signal| !matches!(signal.number(), 32 | 33)));
    }
}
