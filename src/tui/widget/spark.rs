//! A series as a line of small bars, one cell high. The caller says the scale, so that lines can be compared.

use crate::tui::glyph::Glyphs;
use std::ops::RangeInclusive;

/// The bar of one value: at least the lowest one, so that a small value differs from none; a blank for none.
#[must_use]
pub fn level(value: Option<f64>, scale: &RangeInclusive<f64>, glyphs: &Glyphs) -> &'static str {
    let [none, bars @ ..] = &glyphs.level;
    let Some(value) = value.filter(|value| value.is_finite()) else { return none };
    let span = scale.end() - scale.start();
    let share = if span > 0.0 { (value - scale.start()) / span } else { 0.0 };
    bars[nearest(share, bars.len() - 1)]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of bars")]
fn nearest(share: f64, last: usize) -> usize {
    (share.clamp(0.0, 1.0) * last as f64).round() as usize
}

/// The series in `cells` cells, the newest at the right. Where there are more values than cells, each cell shows the
/// highest of its values: a peak is never lost.
#[must_use]
pub fn spark(values: &[Option<f64>], cells: usize, scale: &RangeInclusive<f64>, glyphs: &Glyphs) -> String {
    let mut text = glyphs.level[0].repeat(cells.saturating_sub(values.len()));
    let cells = cells.min(values.len());
    for cell in 0..cells {
        let part = &values[cell * values.len() / cells..(cell + 1) * values.len() / cells];
        let highest = part.iter().flatten().copied().filter(|value| value.is_finite()).reduce(f64::max);
        text.push_str(level(highest, scale, glyphs));
    }
    text
}

/// The scale from nothing to the highest value.
#[must_use]
pub fn from_zero(values: &[Option<f64>]) -> RangeInclusive<f64> {
    0.0..=values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widget::line::cells;
    use proptest::{collection::vec, option, prelude::*};

    #[test]
    fn the_newest_is_at_the_right_and_what_is_missing_is_blank() {
        let values = [Some(0.0), None, Some(50.0), Some(100.0)];
        assert_eq!(spark(&values, 6, &(0.0..=100.0), &Glyphs::UNICODE), "  ▁ ▅█");
        assert_eq!(spark(&values, 6, &(0.0..=100.0), &Glyphs::ASCII), "  . +%");
        assert_eq!(spark(&values, 2, &from_zero(&values), &Glyphs::UNICODE), "▁█");
    }

    #[test]
    fn a_peak_among_many_values_is_kept() {
        let mut values = vec![Some(1.0); 1000];
        values[617] = Some(9.0);
        assert_eq!(spark(&values, 10, &(0.0..=9.0), &Glyphs::UNICODE), "▂▂▂▂▂▂█▂▂▂");
    }

    proptest! {
        #[test]
        fn any_series_fills_its_cells(values in vec(option::of(any::<f64>()), 0..99), width in 0..50usize, low: f64, high: f64) {
            for glyphs in [&Glyphs::UNICODE, &Glyphs::ASCII] {
                prop_assert_eq!(cells(&spark(&values, width, &(low..=high), glyphs)), width);
                prop_assert_eq!(cells(&spark(&values, width, &from_zero(&values), glyphs)), width);
            }
        }
    }
}
