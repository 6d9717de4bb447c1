//! What the marks of a picture mean, in as few lines as hold it.

use super::line::{self, Piece};
use ratatui::{buffer::Buffer, layout::Rect};

/// One mark and its meaning, as pieces that stay together.
pub type Entry<'a> = Vec<Piece<'a>>;

/// The entries broken into lines of at most `width` cells, apart by two blanks.
#[must_use]
pub fn lines<'a>(entries: Vec<Entry<'a>>, width: usize) -> Vec<Vec<Piece<'a>>> {
    let mut lines: Vec<Vec<Piece<'a>>> = Vec::new();
    let mut used = 0;
    for entry in entries {
        let needed: usize = entry.iter().map(|piece| line::cells(&piece.text)).sum();
        match lines.last_mut() {
            Some(line) if used + 2 + needed <= width => {
                line.push(Piece::new("  ", ratatui::style::Style::new()));
                line.extend(entry);
                used += 2 + needed;
            }
            _ => {
                lines.push(entry);
                used = needed;
            }
        }
    }
    lines
}

/// Draw lines from the top of `area`, as many as there is room for.
pub fn draw(buffer: &mut Buffer, area: Rect, lines: &[Vec<Piece<'_>>], cut: &str) {
    for (y, pieces) in (area.top()..area.bottom()).zip(lines) {
        line::draw(buffer, Rect { y, height: 1, ..area }, pieces, cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn entries_stay_whole_as_far_as_they_can() {
        let entry = |text: &'static str| vec![Piece::new(text, Style::new())];
        let lines = lines(vec![entry("a heap"), entry("b stack"), entry("c something long")], 15);
        let texts: Vec<String> = lines.iter().map(|line| line.iter().map(|piece| &*piece.text).collect()).collect();
        assert_eq!(texts, ["a heap  b stack", "c something long"]);
    }
}
