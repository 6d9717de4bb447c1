//! Bytes of memory as hex and text. What cannot be read is one line that says why, however long it is; what changed since
//! the reading before and what a search has found are marked.
//!
//! Only a window of a mapping is read at a time: [`View::wanted`] says which. What has not come yet has lines too.

use crate::{
    snapshot::{
        Missing, Reading,
        memory::{Contents, Piece},
    },
    table::value::bytes_text,
    tui::{
        action::Action,
        pane::Look,
        theme::Role,
        widget::line::{self, Piece as Span},
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::{cell::Cell, ops::Range};

/// Bytes in a line, the most that fits is taken.
const WIDTHS: [usize; 5] = [16, 8, 4, 2, 1];

/// Bytes asked for at most beyond the screen.
const AHEAD: u64 = 1 << 20;

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    /// All addresses that one can go to.
    pub range: &'a Range<u64>,
    /// What was read of them.
    pub contents: &'a Contents,
    /// What was read before; bytes that differ are marked.
    pub before: Option<&'a Contents>,
    /// Where a search has found something, in order of address, and how long that is.
    pub found: (&'a [u64], u64),
}

impl Dump<'_> {
    /// Whether an address is in something found.
    fn is_found(&self, address: u64) -> bool {
        let (found, length) = self.found;
        let after = found.partition_point(|start| *start <= address);
        after.checked_sub(1).and_then(|at| found.get(at)).is_some_and(|start| address - start < length)
    }

    /// Whether a byte was another one before.
    fn is_changed(&self, address: u64, byte: u8) -> bool {
        self.before.is_some_and(|before| before.byte(address).is_ok_and(|old| old != byte))
    }

    /// The place of the first piece that ends above an address.
    fn first(&self, address: u64) -> usize {
        self.contents.pieces.partition_point(|piece| end(piece) <= address)
    }

    /// The addresses around this one that cannot be read, and why.
    fn unreadable(&self, address: u64) -> Option<(Range<u64>, Missing)> {
        let piece = self.contents.pieces.get(self.first(address)).filter(|piece| piece.start <= address)?;
        let missing = why(piece)?;
        Some((piece.start.max(self.range.start)..end(piece).min(self.range.end), missing))
    }

    /// The line that holds an address: from its first to after its last.
    fn line(&self, address: u64, width: u64) -> Range<u64> {
        if let Some((range, _)) = self.unreadable(address) {
            return range;
        }
        let start = address / width * width;
        let mut line = start.max(self.range.start)..start.saturating_add(width).min(self.range.end);
        // What cannot be read has a line of its own, also where it does not end with one of ours.
        let (before, after) = self.contents.pieces.split_at(self.first(address));
        let near = before.iter().rev().take_while(|piece| end(piece) > line.start);
        if let Some(piece) = near.into_iter().find(|piece| why(piece).is_some() && end(piece) <= address) {
            line.start = end(piece);
        }
        let mut near = after.iter().take_while(|piece| piece.start < line.end);
        if let Some(piece) = near.find(|piece| why(piece).is_some() && piece.start > address) {
            line.end = piece.start;
        }
        line
    }

    /// The line above one that begins here.
    fn above(&self, start: u64, width: u64) -> Option<Range<u64>> {
        (start > self.range.start).then(|| self.line(start - 1, width))
    }

    /// The line below one that ends here.
    fn below(&self, end: u64, width: u64) -> Option<Range<u64>> {
        (end < self.range.end).then(|| self.line(end, width))
    }
}

/// Address after the last byte of a piece.
fn end(piece: &Piece) -> u64 {
    piece.start.saturating_add(piece.length)
}

/// Why a piece cannot be read; `None` where it can be, or was not tried yet.
fn why(piece: &Piece) -> Option<Missing> {
    piece.bytes.as_ref().err().copied().filter(|missing| *missing != Missing::NotRequested)
}

/// Cursor and scroll position.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The byte under the cursor.
    pub cursor: u64,
    /// First address in view, and the one after the last.
    top: Cell<u64>,
    bottom: Cell<u64>,
    /// Bytes in a line and lines in view, as drawn last.
    shape: Cell<(usize, usize)>,
}

impl View {
    /// A view with the cursor on the byte at this address, and that in the first line.
    #[must_use]
    pub fn at(address: u64) -> Self {
        Self { cursor: address, top: Cell::new(address), ..Self::default() }
    }

    /// Put the cursor on the byte at this address; what is in view stays, where that is.
    pub fn go(&mut self, address: u64) {
        self.cursor = address;
        if !(self.top.get()..self.bottom.get()).contains(&address) {
            let above = self.width() * (self.shape.get().1 / 3) as u64;
            self.top.set(address.saturating_sub(above));
            self.bottom.set(self.top.get());
        }
    }

    fn width(&self) -> u64 {
        self.shape.get().0.max(1) as u64
    }

    /// The addresses to be read for what is in view and for the screens above and below it, within `range`; begins and
    /// ends with a page of 4 KiB, so that small steps ask for the same.
    #[must_use]
    pub fn wanted(&self, range: &Range<u64>) -> Range<u64> {
        let (width, height) = self.shape.get();
        let screen = (width.max(16) * height.max(64)) as u64;
        let top = self.top.get().clamp(range.start, range.end.max(range.start));
        let bottom = self.bottom.get().max(top);
        // A line can stand for much that cannot be read: what is behind it is found in ever larger steps.
        let ahead = screen.max((bottom - top).min(AHEAD));
        let start = top.saturating_sub(screen) >> 12 << 12;
        let end = (bottom.saturating_add(ahead) | 0xfff).saturating_add(1);
        start.max(range.start)..end.min(range.end).max(range.start)
    }

    /// Move the cursor; false where the action does not move.
    pub fn act(&mut self, action: Action, dump: &Dump<'_>) -> bool {
        let page = self.shape.get().1.saturating_sub(1).max(1);
        let range = dump.range;
        let last = range.end.saturating_sub(1).max(range.start);
        self.cursor = self.cursor.clamp(range.start, last);
        match action {
            Action::Collapse => self.cursor = self.left(dump),
            Action::Expand => self.cursor = self.right(dump),
            Action::Up => self.step(dump, 1, Self::up),
            Action::Down => self.step(dump, 1, Self::down),
            Action::PageUp => self.step(dump, page, Self::up),
            Action::PageDown => self.step(dump, page, Self::down),
            Action::Home => self.cursor = range.start,
            Action::End => self.cursor = last,
            _ => return false,
        }
        self.cursor = self.cursor.clamp(range.start, last);
        true
    }

    fn step(&mut self, dump: &Dump<'_>, times: usize, step: impl Fn(&Self, &Dump<'_>) -> Option<u64>) {
        // Where there are no addresses there are no lines.
        let times = if dump.range.is_empty() { 0 } else { times };
        for _ in 0..times {
            let Some(cursor) = step(self, dump) else { return };
            self.cursor = cursor;
        }
    }

    /// The byte above; the first one of a line that cannot be read.
    fn up(&self, dump: &Dump<'_>) -> Option<u64> {
        let line = dump.line(self.cursor, self.width());
        dump.above(line.start, self.width()).map(|above| self.within(dump, &above))
    }

    fn down(&self, dump: &Dump<'_>) -> Option<u64> {
        let line = dump.line(self.cursor, self.width());
        dump.below(line.end, self.width()).map(|below| self.within(dump, &below))
    }

    /// The same column in another line.
    fn within(&self, dump: &Dump<'_>, line: &Range<u64>) -> u64 {
        if dump.unreadable(line.start).is_some() {
            return line.start;
        }
        let width = self.width();
        let column = self.cursor % width;
        (line.start / width * width).saturating_add(column).clamp(line.start, line.end - 1)
    }

    fn left(&self, dump: &Dump<'_>) -> u64 {
        let before = self.cursor.saturating_sub(1).max(dump.range.start);
        dump.unreadable(before).map_or(before, |(range, _)| range.start)
    }

    fn right(&self, dump: &Dump<'_>) -> u64 {
        dump.unreadable(self.cursor).map_or(self.cursor.saturating_add(1), |(range, _)| range.end)
    }
}

/// Whether the bytes of a line stand in two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Groups {
    One,
    Two,
}

impl Groups {
    /// As can be, for so many bytes, the better one first.
    fn all(width: usize) -> &'static [Self] {
        if width > 4 { &[Self::Two, Self::One] } else { &[Self::One] }
    }
}

/// Cells that a line of so many bytes takes behind its address: hex, and text.
fn cells(width: usize, groups: Groups) -> usize {
    // A blank before each byte, one more between the groups and before the text, one at the end for the cursor.
    3 * width + usize::from(groups == Groups::Two) + 2 + width
}

/// Draw the bytes in view.
pub fn draw(dump: &Dump<'_>, view: &View, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
    let digits = format!("{:08x}", dump.range.end.saturating_sub(1)).len();
    let room = usize::from(area.width);
    let digits = if room >= digits + cells(1, Groups::One) { digits } else { 0 };
    let mut shapes = WIDTHS.into_iter().flat_map(|width| Groups::all(width).iter().map(move |groups| (width, *groups)));
    let fits = shapes.find(|(width, groups)| digits + cells(*width, *groups) <= room);
    let (width, groups) = fits.unwrap_or((1, Groups::One));
    view.shape.set((width, usize::from(area.height)));
    let drawing = Drawing { dump, view, look, width, groups, digits };
    let mut next = drawing.top(usize::from(area.height));
    for y in area.top()..area.bottom() {
        let Some(line) = next else { return };
        drawing.line(&line, Rect { y, height: 1, ..area }, buffer);
        view.bottom.set(line.end);
        next = dump.below(line.end, width as u64);
    }
}

struct Drawing<'a> {
    dump: &'a Dump<'a>,
    view: &'a View,
    look: &'a Look<'a>,
    width: usize,
    groups: Groups,
    digits: usize,
}

impl Drawing<'_> {
    fn style(&self, role: Role) -> Style {
        self.look.theme.style(role)
    }

    /// The first line in view, such that the cursor is in view, and no room left empty at the end.
    fn top(&self, height: usize) -> Option<Range<u64>> {
        let (range, width) = (self.dump.range, self.width as u64);
        if range.start >= range.end || height == 0 {
            return None;
        }
        let last = range.end - 1;
        let cursor = self.dump.line(self.view.cursor.clamp(range.start, last), width);
        let top = self.dump.line(self.view.top.get().clamp(range.start, last), width);
        let lowest = self.back(self.dump.line(last, width), height);
        let highest = self.back(cursor.clone(), height);
        let start = top.start.clamp(highest.start, cursor.start.max(highest.start)).min(lowest.start);
        self.view.top.set(start);
        Some(self.dump.line(start, width))
    }

    /// The line from which this one is the last in view.
    fn back(&self, line: Range<u64>, height: usize) -> Range<u64> {
        let mut at = line;
        for _ in 1..height {
            let Some(above) = self.dump.above(at.start, self.width as u64) else { break };
            at = above;
        }
        at
    }

    fn line(&self, line: &Range<u64>, area: Rect, buffer: &mut Buffer) {
        let here = line.contains(&self.view.cursor);
        let mut pieces = Vec::new();
        if self.digits > 0 {
            let role = if here { Role::Title } else { Role::Dim };
            let text = format!("{:0digits$x}", line.start, digits = self.digits);
            pieces.push(Span::new(text, self.style(role)));
        }
        match self.dump.unreadable(line.start) {
            Some((range, missing)) => {
                let size = bytes_text((range.end - range.start) as f64);
                let text = format!(" {size} cannot be read: {}", missing.word());
                pieces.push(Span::new(text, self.style(if here { Role::Selected } else { Role::Missing })));
            }
            None if line.clone().all(|address| self.dump.contents.byte(address) == Err(Missing::NotRequested)) => {
                let text = format!(" {}", self.look.glyphs.pending);
                pieces.push(Span::new(text, self.style(if here { Role::Selected } else { Role::Missing })));
            }
            None => self.bytes(line, &mut pieces),
        }
        line::draw(buffer, area, &pieces, self.look.glyphs.cut);
    }

    /// Hex and text of one line.
    fn bytes(&self, line: &Range<u64>, pieces: &mut Vec<Span<'_>>) {
        let width = self.width as u64;
        let base = line.start / width * width;
        let addresses = || (base..base.saturating_add(width)).map(|address| (address, self.at(line, address)));
        let mut text = Vec::new();
        for (address, byte) in addresses() {
            let here = address == self.view.cursor;
            let past = address == self.view.cursor.wrapping_add(1) && address != base;
            let gap = match () {
                // The cursor stands between brackets, so that it is told from what changed without colour too.
                () if here => "[",
                () if past => "]",
                () => " ",
            };
            if self.groups == Groups::Two && address == base + width / 2 {
                let (first, second) = if past { ("]", " ") } else { (" ", gap) };
                pieces.push(Span::new(first, self.style(if past { Role::Key } else { Role::Label })));
                pieces.push(Span::new(second, self.style(Role::Key)));
            } else {
                pieces.push(Span::new(gap, self.style(Role::Key)));
            }
            let style = byte.map_or_else(Style::new, |byte| self.byte_style(address, byte, here));
            pieces.push(Span::new(byte.map_or_else(|| "  ".to_owned(), |byte| format!("{byte:02x}")), style));
            let shown = byte.map_or(' ', |byte| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' });
            text.push(Span::new(shown.to_string(), style));
        }
        let closes = self.view.cursor == base + width - 1;
        pieces.push(Span::new(if closes { "] " } else { "  " }, self.style(Role::Key)));
        pieces.extend(text);
    }

    /// The byte at an address, as far as this line has it.
    fn at(&self, line: &Range<u64>, address: u64) -> Option<u8> {
        let byte: Reading<u8> = self.dump.contents.byte(address);
        byte.ok().filter(|_| line.contains(&address))
    }

    fn byte_style(&self, address: u64, byte: u8, here: bool) -> Style {
        let mut style = if byte == 0 { self.style(Role::Dim) } else { self.style(Role::Label) };
        if self.dump.is_found(address) {
            style = self.style(Role::Match);
        }
        if self.dump.is_changed(address, byte) {
            style = style.patch(self.style(Role::Changed));
        }
        if here { style.patch(self.style(Role::Selected)) } else { style }
    }
}
