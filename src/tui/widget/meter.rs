//! A bar of parts that exclude each other, each with its own filling so that it can be read without colour.

use crate::tui::glyph::Glyphs;
use ratatui::style::Style;

use super::line::Piece;

/// The bar as pieces: `width` cells in all, the ends included. `parts` are shares of 1 with their style; what is left
/// is empty. Each part is rounded so that the sum of all is right to the cell.
#[must_use]
pub fn meter(width: usize, parts: &[(f64, Style)], frame: Style, glyphs: &Glyphs) -> Vec<Piece<'static>> {
    let inner = width.saturating_sub(2);
    let mut pieces = vec![Piece::new(glyphs.meter.0, frame)];
    let (mut sum, mut filled) = (0.0, 0);
    for (at, (share, style)) in parts.iter().enumerate() {
        sum += share.clamp(0.0, 1.0);
        let end = cell(sum.min(1.0) * inner as f64).min(inner);
        let glyph = glyphs.fill[at.min(glyphs.fill.len() - 1)];
        pieces.push(Piece::new(glyph.repeat(end.saturating_sub(filled)), *style));
        filled = filled.max(end);
    }
    pieces.push(Piece::new(glyphs.empty.repeat(inner - filled), frame));
    pieces.push(Piece::new(glyphs.meter.1, frame));
    pieces
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of at most a screen's width")]
fn cell(position: f64) -> usize {
    position.round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_has_its_width_whatever_the_shares() {
        for shares in [[0.0, 0.0], [0.33, 0.33], [0.5, 0.5], [0.9, 0.9], [f64::NAN, 0.2]] {
            let parts = shares.map(|share| (share, Style::new()));
            let bar: String =
                meter(20, &parts, Style::new(), &Glyphs::ASCII).iter().map(|piece| &*piece.text).collect();
            assert_eq!(bar.len(), 20, "{bar}");
        }
    }
}
