//! Which processes map the same file, asked only while this is on the screen.

use super::site::Site;
use crate::{
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Question},
        map::{FileId, Permissions},
        memory::{Sharer, Sharers},
    },
    table::{Value, value::bytes_text},
    tui::{
        action::Action,
        overlay::View,
        theme::Role,
        widget::{
            line::{self, Piece},
            list::List,
        },
    },
    unit::ProcessKey,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;

/// Who maps a file.
#[derive(Debug, Default)]
pub struct Who {
    file: FileId,
    told: Option<Reading<Arc<Sharers>>>,
    list: List,
}

impl Who {
    /// What has to be asked; nothing where it is no mapping of a file.
    #[must_use]
    pub fn question(site: &Site) -> Option<Question> {
        (site.mapping.file.inode != 0).then_some(Question::Sharers(site.mapping.file))
    }

    /// Take in who was found so far.
    pub fn take(&mut self, file: FileId, answer: &Reading<Answer>) {
        let told = match answer {
            Ok(Answer::Sharers(sharers)) => Ok(Arc::clone(sharers)),
            Ok(_) => return,
            Err(missing) => Err(*missing),
        };
        if self.file != file {
            *self = Self { file, ..Self::default() };
        }
        let selected = self.selected(file);
        self.told = Some(told);
        // The list grows while it is gone through.
        let at = selected.and_then(|key| self.rows(file).iter().position(|sharer| sharer.key == key));
        self.list.at = at.unwrap_or(self.list.at).min(self.rows(file).len().saturating_sub(1));
    }

    fn rows(&self, file: FileId) -> &[Sharer] {
        match &self.told {
            Some(Ok(sharers)) if self.file == file => &sharers.processes,
            _ => &[],
        }
    }

    /// The process under the cursor.
    #[must_use]
    pub fn selected(&self, file: FileId) -> Option<ProcessKey> {
        self.rows(file).get(self.list.at).map(|sharer| sharer.key)
    }

    /// Move the cursor.
    pub fn act(&mut self, action: Action, file: FileId) {
        let count = self.rows(file).len();
        self.list.act(action, count);
    }

    /// Draw the list, or why there is none.
    pub fn draw(&self, site: &Site, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let file = site.mapping.file;
        if file.inode == 0 {
            let text = "This memory is of no file, so no other process can have it by mapping the same. What it shares, it \
                        shares by having been forked: pages that neither side has written to since, which the figures \
                        shared_clean and shared_dirty count.";
            return super::say(text, view, area, buffer);
        }
        match &self.told {
            Some(told) if self.file == file => match told {
                Ok(sharers) => self.table(sharers, site, view, area, buffer),
                Err(Missing::Unsupported) => super::say("This cannot be told here.", view, area, buffer),
                Err(missing) => {
                    super::say(&format!("The processes cannot be listed: {}.", missing.word()), view, area, buffer);
                }
            },
            _ if view.frozen => super::say("The screen stands still (frozen), so nothing is read.", view, area, buffer),
            _ => super::say("reading …", view, area, buffer),
        }
    }

    fn table(&self, sharers: &Sharers, site: &Site, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let line = |y: u16| Rect { y: area.y + y, height: 1, ..area };
        if area.height < 3 {
            return;
        }
        line::draw(buffer, line(0), &state(sharers, site.key, view), view.glyphs.cut);
        let room = if area.width < 60 { 16 } else { 20 };
        let heading = cells(["PID", "NAME", "SIZE", "PERMISSIONS"], room);
        line::write(buffer, (area.x, area.y + 1), usize::from(area.width), &heading, style(Role::Heading), "");
        let visible = self.list.visible(sharers.processes.len(), usize::from(area.height - 2));
        let first = visible.start;
        for ((y, at), sharer) in (2..).zip(first..).zip(&sharers.processes[visible]) {
            let name = Value::text(&sharer.name);
            let mapped = bytes_text(sharer.size.0 as f64);
            let own = if sharer.key == site.key { "  this process" } else { "" };
            let permissions: Vec<_> = sharer.permissions.iter().copied().map(Permissions::letters).collect();
            let pid = sharer.key.pid.to_string();
            let text = cells([&pid, &name.brief(room), &mapped, &permissions.join(" ")], room);
            let role = if own.is_empty() { Role::Label } else { Role::Dim };
            let pieces = [Piece::new(text, style(role)), Piece::new(own, style(Role::Dim)).spare(1)];
            line::draw(buffer, line(y), &pieces, view.glyphs.cut);
            if at == self.list.at {
                line::highlight(buffer, line(y), style(Role::Selected));
            }
        }
    }
}

/// The columns of a line, `room` cells for the name.
fn cells([pid, name, size, permissions]: [&str; 4], room: usize) -> String {
    // Blanks by hand: a wide character takes two cells.
    let blanks = " ".repeat(room.saturating_sub(line::cells(name)));
    format!("{pid:>7} {name}{blanks} {size:>7} {permissions}")
}

/// How far it has come, and what it comes to.
fn state(sharers: &Sharers, own: ProcessKey, view: &View<'_>) -> Vec<Piece<'static>> {
    let style = |role| view.theme.style(role);
    let others = sharers.processes.iter().filter(|sharer| sharer.key != own).count();
    let text = match others {
        0 if !sharers.done => "nobody else yet".to_owned(),
        0 if sharers.denied > 0 => "nobody else is known to map this file".to_owned(),
        0 => "nobody else maps this file".to_owned(),
        1 => "1 other process maps this file".to_owned(),
        others => format!("{others} other processes map this file"),
    };
    let mut pieces = vec![Piece::new(text, style(Role::Title))];
    let seen = u64::from(sharers.looked_at) + u64::from(sharers.denied);
    if !sharers.done {
        let all = view.world.observation.now.processes.iter();
        let all = all.filter(|process| !process.is_kernel_thread() && !process.is_zombie()).count();
        pieces.push(Piece::new(format!("  {seen} of about {all} looked at"), style(Role::Label)));
    }
    if sharers.denied > 0 {
        let text = format!("  {} of {seen} could not be looked at", sharers.denied);
        pieces.push(Piece::new(text, style(Role::Missing)));
    }
    pieces
}
