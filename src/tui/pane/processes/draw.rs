//! How the Processes pane looks: the heading and its rows, aligned to the cell whatever the names.

use super::{
    Processes,
    lines::{Fold, Line, RowKey, Target},
};
use crate::{
    analysis::{Observation, observe::started},
    config::Form,
    snapshot::{Missing, process::State},
    table::{Column, Value, columns::Total, value},
    tui::{
        pane::Look,
        theme::Role,
        widget::{line, table},
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Draw heading and rows.
pub fn draw(pane: &Processes, observation: &Observation, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    // One cell on the left for the tag.
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let (places, left_out) = table::fit(&pane.columns, inner.width);
    let titles: Vec<_> = places.iter().map(|(column, place)| (column.about(), *place)).collect();
    let sorted = pane.view.sort.map(|(column, order)| (column.name, order));
    table::heading(&titles, left_out, sorted, (look.theme, look.glyphs), Rect { height: 1, ..inner }, buffer);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..inner };
    let lines = pane.lines.lines.iter().skip(pane.offset());

    for (at, item) in lines.take(usize::from(rows.height)).enumerate() {
        let y = rows.y + u16::try_from(at).unwrap_or(u16::MAX);
        let mut row = Drawing { pane, observation, look, line: item, y, base: Style::new() };
        row.base = row.base_style();
        row.draw(&places, inner.x, buffer);
        let selected = pane.selected.as_ref() == Some(&item.key);
        if selected {
            line::highlight(buffer, Rect { y, height: 1, ..area }, look.theme.style(Role::Selected));
        }
    }
    if pane.lines.lines.is_empty() && rows.height > 0 {
        empty(pane, look, rows, buffer);
    }
}

fn empty(pane: &Processes, look: &Look<'_>, rows: Rect, buffer: &mut Buffer) {
    let text = match (&pane.view.filter, &pane.view.user) {
        (Some(_), _) => "no process matches the filter; f changes it, Esc drops it",
        (None, Some(_)) => "no process of this user; u chooses another, Esc shows all",
        _ => "no process can be seen here; `sysview doctor` says what this /proc allows",
    };
    line::write(buffer, (rows.x, rows.y), usize::from(rows.width), text, look.theme.style(Role::Dim), look.glyphs.cut);
}

/// One row being drawn.
struct Drawing<'a> {
    pane: &'a Processes,
    observation: &'a Observation,
    look: &'a Look<'a>,
    line: &'a Line,
    y: u16,
    base: Style,
}

impl Drawing<'_> {
    /// The look of the whole row.
    fn base_style(&self) -> Style {
        let style = |role| self.look.theme.style(role);
        match self.line.target {
            Target::Exited(_) => return style(Role::Exited),
            Target::Process(at) => {
                if self.is_tagged() {
                    return style(Role::Tagged);
                }
                let now = &self.observation.now;
                let born = now.processes.get(at).map(|process| started(process, now.units));
                if born.is_some_and(|born| now.taken.boot.saturating_sub(born) < super::LINGER) {
                    return style(Role::Born);
                }
            }
            Target::Thread(_) | Target::Group => {}
        }
        if self.line.context { style(Role::Dim) } else { Style::new() }
    }

    fn is_thread(&self) -> bool {
        matches!(self.line.target, Target::Thread(_))
    }

    fn is_tagged(&self) -> bool {
        matches!(&self.line.key, RowKey::Process(key) if self.pane.tags.contains(key))
    }

    fn draw(&self, places: &[(&'static Column, Rect)], left: u16, buffer: &mut Buffer) {
        if self.is_tagged() {
            let style = self.look.theme.style(Role::Tagged);
            line::write(buffer, (left.saturating_sub(1), self.y), 1, self.look.glyphs.tag, style, "");
        }
        for (at, (column, place)) in places.iter().enumerate() {
            let x = left + place.x;
            if at + 1 == places.len() {
                self.last(column, (x, self.y), usize::from(place.width), buffer);
            } else {
                self.cell(column, (x, self.y), place.width, buffer);
            }
        }
    }

    fn cell(&self, column: &Column, (x, y): (u16, u16), width: u16, buffer: &mut Buffer) {
        let value = self.own_id(column).unwrap_or_else(|| self.pane.value(self.observation, self.line, column));
        let style = self.value_style(column, &value);
        let value = match (value, self.line.target) {
            // A group has no pid of its own.
            (Value::None, Target::Group) if column.total == Total::First => return,
            // It is gone, and so is what it had.
            (Value::Missing(Missing::Gone | Missing::NotRequested), Target::Exited(_)) => Value::None,
            (value, _) => value,
        };
        let place = Rect { x, y, width, height: 1 };
        table::cell(&value, column.is_right_aligned(), style, self.look.glyphs, place, buffer);
    }

    /// The id of a thread, in the place where its process has its own.
    fn own_id(&self, column: &Column) -> Option<Value<'static>> {
        let RowKey::Thread(key) = self.line.key else { return None };
        let stands_apart = self.pane.columns.iter().any(|(column, _)| column.name == "tid");
        (column.name == "pid" && !stands_apart).then(|| Value::Count(key.pid.0.into()))
    }

    /// The last column takes the rest of the line and, in a tree, carries the branches.
    fn last(&self, column: &Column, (x, y): (u16, u16), width: usize, buffer: &mut Buffer) {
        let style = |role| self.base.patch(self.look.theme.style(role));
        let mut pieces = Vec::new();
        let branch = self.branches();
        if !branch.is_empty() {
            pieces.push(line::Piece::new(branch, style(Role::Tree)));
        }
        if self.line.fold == Fold::Closed && self.line.target != Target::Group {
            let count = self.line.members.len();
            let mark = format!("{}{}{count} ", self.look.glyphs.fold.0, self.look.glyphs.sum);
            pieces.push(line::Piece::new(mark, style(Role::Sum)));
        }
        if let RowKey::Group(label) = &self.line.key {
            let fold = if self.line.fold == Fold::Open { self.look.glyphs.fold.1 } else { self.look.glyphs.fold.0 };
            let mark = match self.line.members.len() {
                0 | 1 => format!("{fold} "),
                count => format!("{fold}{}{count} ", self.look.glyphs.sum),
            };
            pieces.push(line::Piece::new(mark, style(Role::Sum)));
            pieces.push(line::Piece::new(label.as_str(), self.base));
        } else {
            let value = self.pane.value(self.observation, self.line, column);
            let text = match &value {
                Value::Missing(Missing::NotRequested) => self.look.glyphs.pending.into(),
                _ => value.brief(width),
            };
            let found = self.pane.is_found(self.observation, self.line);
            let look = if found { style(Role::Match) } else { self.value_style(column, &value) };
            pieces.push(line::Piece::new(text.into_owned(), look));
        }
        // How it ended says more than the end of its arguments does; the first words of it are enough.
        let full = self.remark().unwrap_or_default();
        let needed: usize = pieces.iter().map(|piece| line::cells(&piece.text)).sum();
        let fits = needed + line::cells(&full) <= width;
        let remark = match full.split(',').next() {
            Some(short) if !fits && !self.is_thread() => short,
            // Of a thread its name says more.
            _ if !fits => "",
            _ => &full,
        };
        let room = width.saturating_sub(line::cells(remark)).max(width.min(usize::from(table::LAST / 2)));
        let cell = |cells: usize| u16::try_from(cells).unwrap_or(u16::MAX);
        let used = line::draw(buffer, Rect::new(x, y, cell(room), 1), &pieces, self.look.glyphs.cut);
        let x = x.saturating_add(cell(used));
        line::write(buffer, (x, y), width - used.min(width), remark, style(Role::Dim), self.look.glyphs.cut);
    }

    fn branches(&self) -> String {
        if self.line.depth == 0 || self.pane.view.form == Form::Flat {
            return String::new();
        }
        let (child, last, rail, none) = self.look.glyphs.branch;
        // Beyond this depth the branches would leave no room for the name.
        let from = self.line.depth.saturating_sub(16).max(1);
        let mut text = if from > 1 { format!("{} ", self.line.depth) } else { String::new() };
        for depth in from..self.line.depth {
            text.push_str(if self.line.rails >> depth.min(63) & 1 == 1 { rail } else { none });
        }
        text.push_str(if self.line.last { last } else { child });
        text
    }

    /// What has to be said of a row beyond its columns.
    fn remark(&self) -> Option<String> {
        match self.line.target {
            Target::Exited(at) => {
                let exited = self.pane.exited.get(at)?;
                Some(match exited.status {
                    Ok(status) => format!("  {}", value::exit_text(status)),
                    Err(_) => "  exited".to_owned(),
                })
            }
            Target::Process(at) => {
                let process = self.observation.now.processes.get(at)?;
                let others = process.stat.threads.saturating_sub(1);
                if process.leader_exited() {
                    let run = if others == 1 { "thread runs" } else { "threads run" };
                    return Some(format!("  leader exited, {others} {run}"));
                }
                let status = crate::snapshot::process::zombie_status(process, self.observation.now.observer);
                match status {
                    _ if !process.is_zombie() => None,
                    Ok(status) => Some(format!("  {}, not reaped", value::exit_text(status))),
                    Err(_) => Some("  not reaped".to_owned()),
                }
            }
            Target::Thread(at) => {
                let thread = self.observation.now.threads.get(at)?;
                Some(format!("  thread of {}", thread.group))
            }
            Target::Group => None,
        }
    }

    fn value_style(&self, column: &Column, value: &Value<'_>) -> Style {
        let style = |role| self.base.patch(self.look.theme.style(role));
        match value {
            Value::Missing(_) | Value::None => table::value_role(value).map_or(self.base, style),
            _ if self.is_thread() && column.is_of_process() => style(Role::Dim),
            Value::Letter(letter) if !matches!(self.line.target, Target::Exited(_)) => {
                style(state_role(State(*letter)))
            }
            _ if !self.line.members.is_empty() && column.total == Total::Sum => style(Role::Sum),
            Value::Percent(percent) if *percent >= 50.0 => style(Role::Title),
            value => table::value_role(value).map_or(self.base, style),
        }
    }
}

/// The role of a state letter.
#[must_use]
pub fn state_role(state: State) -> Role {
    match state.0 {
        b'R' => Role::StateRunning,
        b'D' => Role::StateBlocked,
        b'Z' | b'X' => Role::StateZombie,
        b'T' | b't' => Role::StateStopped,
        b'I' | b'P' => Role::StateIdle,
        _ => Role::Label,
    }
}
