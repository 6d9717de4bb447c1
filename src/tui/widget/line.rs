//! One line of styled pieces: written cell by cell, cut with a mark, or with the least important pieces left out.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A piece of a line.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// Safe text.
    pub text: Cow<'a, str>,
    /// How it looks.
    pub style: Style,
    /// Which pieces go first where room is short: those with the highest number; 0 stays.
    pub spare: u8,
}

impl<'a> Piece<'a> {
    /// A piece that stays whatever the room.
    pub fn new(text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        Self { text: text.into(), style, spare: 0 }
    }

    /// The same piece, to be left out where room is short; higher numbers first.
    #[must_use]
    pub fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// Cells a text takes.
#[must_use]
pub fn cells(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Write text from a cell on, at most `width` cells; returns the cells used. What does not fit ends with `cut`.
pub fn write(buffer: &mut Buffer, (x, y): (u16, u16), width: usize, text: &str, style: Style, cut: &str) -> usize {
    if text.is_ascii() {
        return write_ascii(buffer, (x, y), width, text, style, cut);
    }
    let fits = cells(text) <= width;
    let room = if fits { width } else { width.saturating_sub(1) };
    let mut used = 0;
    for cluster in text.graphemes(true) {
        let wide = cluster.width();
        if wide == 0 {
            continue;
        }
        if used + wide > room {
            break;
        }
        put(buffer, (x, y), used, cluster, wide, style);
        used += wide;
    }
    if !fits && width > 0 {
        put(buffer, (x, y), used, cut, 1, style);
        used += 1;
    }
    used
}

/// [`write()`] for what is one byte and one cell a character, which nearly everything is.
fn write_ascii(buffer: &mut Buffer, (x, y): (u16, u16), width: usize, text: &str, style: Style, cut: &str) -> usize {
    let fits = text.len() <= width;
    let room = if fits { text.len() } else { width.saturating_sub(1) };
    for (offset, byte) in text.bytes().take(room).enumerate() {
        let column = u16::try_from(offset).ok().and_then(|offset| x.checked_add(offset));
        if let Some(cell) = column.and_then(|x| buffer.cell_mut((x, y))) {
            cell.set_char(char::from(byte)).set_style(style);
        }
    }
    if !fits && width > 0 {
        put(buffer, (x, y), room, cut, 1, style);
    }
    text.len().min(width)
}

fn put(buffer: &mut Buffer, (x, y): (u16, u16), offset: usize, symbol: &str, wide: usize, style: Style) {
    let column = |offset: usize| u16::try_from(offset).ok().and_then(|offset| x.checked_add(offset));
    if let Some(cell) = column(offset).and_then(|x| buffer.cell_mut((x, y))) {
        cell.set_symbol(symbol).set_style(style);
    }
    // A wide character owns the cell beside it; emptied, so that nothing of an earlier text shows through.
    for beside in 1..wide {
        if let Some(cell) = column(offset + beside).and_then(|x| buffer.cell_mut((x, y))) {
            cell.reset();
            cell.set_style(style);
        }
    }
}

/// Draw pieces on the first line of `area`, leaving out the most spare ones until the rest fits; returns cells used.
pub fn draw(buffer: &mut Buffer, area: Rect, pieces: &[Piece<'_>], cut: &str) -> usize {
    let room = usize::from(area.width);
    let mut limit = u8::MAX;
    let total = |limit: u8| -> usize {
        pieces.iter().filter(|piece| piece.spare <= limit).map(|piece| cells(&piece.text)).sum()
    };
    while limit > 0 && total(limit) > room {
        let next = pieces.iter().map(|piece| piece.spare).filter(|spare| *spare <= limit).max().unwrap_or(0);
        limit = next.saturating_sub(1).min(limit - 1);
    }
    let mut used = 0;
    for piece in pieces.iter().filter(|piece| piece.spare <= limit) {
        let x = area.x.saturating_add(u16::try_from(used).unwrap_or(u16::MAX));
        used += write(buffer, (x, area.y), room - used.min(room), &piece.text, piece.style, cut);
    }
    used
}

/// Lay a style over what is drawn already, such as that of the selected line. Reversed colours would be a patchwork of
/// backgrounds, and dimmed ones unreadable: both give way.
pub fn highlight(buffer: &mut Buffer, area: Rect, style: Style) {
    if style.add_modifier.contains(Modifier::REVERSED) {
        buffer.set_style(area, Style::new().fg(Color::Reset).bg(Color::Reset).remove_modifier(Modifier::DIM));
    }
    buffer.set_style(area, style);
}

/// Break text into lines of at most `width` cells, at blanks where there are some.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let needed = cells(word) + usize::from(!line.is_empty());
        if cells(&line) + needed > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for cluster in word.graphemes(true) {
            if cells(&line) + cells(cluster) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(cluster);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buffer: &Buffer) -> String {
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark_also_inside_wide_characters() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        assert_eq!(write(&mut buffer, (0, 0), 6, "日本語文字", Style::new(), "…"), 5);
        assert_eq!(text(&buffer), "日 本 … ");
        assert_eq!(write(&mut buffer, (0, 0), 6, "abcdef", Style::new(), "…"), 6);
        assert_eq!(text(&buffer), "abcdef");
    }

    #[test]
    fn the_most_spare_pieces_go_first() {
        let piece = |text: &'static str, spare| Piece::new(text, Style::new()).spare(spare);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        draw(
            &mut buffer,
            Rect::new(0, 0, 6, 1),
            &[piece("aa", 0), piece("bbb", 2), piece("cc", 1), piece("d", 3)],
            "…",
        );
        assert_eq!(text(&buffer), "aacc  ");
    }

    #[test]
    fn long_words_are_broken_and_others_kept_whole() {
        assert_eq!(wrap("one two threefour", 6), ["one", "two", "threef", "our"]);
    }
}
