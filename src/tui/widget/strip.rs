//! Where things lie on a line: how many came to each place, as a bar in each cell.

use crate::tui::glyph::Glyphs;

/// The places, as shares of the way from left to right, in `cells` cells between the ends of a frame. The bar of a cell
/// says how many lie there, compared with the fullest one; a single one is seen. What lies outside is shown at the end
/// it is beyond.
#[must_use]
pub fn strip(places: &[f64], cells: usize, glyphs: &Glyphs) -> String {
    let inner = cells.saturating_sub(2);
    if inner == 0 {
        return glyphs.meter.0.repeat(cells.min(1)) + &glyphs.meter.1.repeat(cells.saturating_sub(1));
    }
    let mut counts = vec![0usize; inner];
    for place in places.iter().filter(|place| !place.is_nan()) {
        counts[cell(*place, inner)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let [none, bars @ ..] = &glyphs.level;
    let bar = |count: &usize| if *count == 0 { *none } else { bars[(count * bars.len()).div_ceil(most) - 1] };
    let inner: String = counts.iter().map(bar).collect();
    format!("{}{inner}{}", glyphs.meter.0, glyphs.meter.1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of cells")]
fn cell(place: f64, cells: usize) -> usize {
    ((place.clamp(0.0, 1.0) * cells as f64) as usize).min(cells - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widget::line;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn one_is_seen_beside_many() {
        let mut places = vec![0.5; 64];
        places.extend([0.0, 0.999, 0.25, 0.26]);
        assert_eq!(strip(&places, 12, &Glyphs::UNICODE), "▕▁ ▁  █   ▁▏");
        assert_eq!(strip(&places, 12, &Glyphs::ASCII), "[. .  %   .]");
    }

    #[test]
    fn what_always_lies_in_one_place_is_one_bar() {
        assert_eq!(strip(&[0.3; 64], 12, &Glyphs::UNICODE), "▕   █      ▏");
        assert_eq!(strip(&[], 6, &Glyphs::ASCII), "[    ]");
    }

    #[test]
    fn an_even_spread_is_even() {
        let places: Vec<f64> = (0..100).map(|place| f64::from(place) / 100.0).collect();
        assert_eq!(strip(&places, 12, &Glyphs::UNICODE), "▕██████████▏");
    }

    proptest! {
        #[test]
        fn any_places_fill_the_cells(places in vec(any::<f64>(), 0..99), width in 0..50usize) {
            for glyphs in [&Glyphs::UNICODE, &Glyphs::ASCII] {
                prop_assert_eq!(line::cells(&strip(&places, width, glyphs)), width);
            }
        }
    }
}
