//! A table: which columns fit, their headings, and one cell, aligned whatever stands in it.

use super::line;
use crate::{
    snapshot::Missing,
    table::{Value, columns::About, value},
    tui::theme::Theme,
    tui::{glyph::Glyphs, theme::Role},
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Least room for the last column before others are left out.
pub const LAST: u16 = 16;

/// The columns that fit, from left to right with their place; and how many did not. The last one takes what is left.
#[must_use]
pub fn fit<C: Copy>(columns: &[(C, u16)], width: u16) -> (Vec<(C, Rect)>, usize) {
    let Some(((rest, least), others)) = columns.split_last() else { return (Vec::new(), 0) };
    let mut kept = others.len();
    let used = |kept: usize| others.iter().take(kept).map(|(_, width)| width + 1).sum::<u16>();
    while kept > 0 && used(kept) + LAST.min(*least) > width {
        kept -= 1;
    }
    let mut x = 0;
    let mut places = Vec::with_capacity(kept + 1);
    for (column, width) in others.iter().take(kept) {
        places.push((*column, Rect::new(x, 0, *width, 1)));
        x += width + 1;
    }
    places.push((*rest, Rect::new(x, 0, width.saturating_sub(x), 1)));
    (places, others.len() - kept)
}

/// The headings, that of the sorted column with an arrow; at the right how many columns were left out.
pub fn heading(
    places: &[(About, Rect)],
    left_out: usize,
    sorted: Option<(&str, value::Order)>,
    (theme, glyphs): (&Theme, &Glyphs),
    area: Rect,
    buffer: &mut Buffer,
) {
    for (at, (column, place)) in places.iter().enumerate() {
        let order = sorted.filter(|(name, _)| *name == column.name).map(|(_, order)| order);
        let arrow = order.map_or("", |order| match order {
            value::Order::Ascending => glyphs.order.0,
            value::Order::Descending => glyphs.order.1,
        });
        let style = theme.style(if order.is_some() { Role::Sorted } else { Role::Heading });
        let room = usize::from(place.width);
        // The arrow takes the place of a letter where the heading fills its column.
        let title: String = column.title.chars().take(room.saturating_sub(usize::from(!arrow.is_empty()))).collect();
        let title = format!("{title}{arrow}");
        let last = at + 1 == places.len();
        let right = column.unit.is_right_aligned() && !last;
        let start = if right { room.saturating_sub(line::cells(&title)) } else { 0 };
        let x = area.x + place.x + u16::try_from(start).unwrap_or(0);
        line::write(buffer, (x, area.y), room.saturating_sub(start), &title, style, glyphs.cut);
    }
    if left_out > 0 {
        let text = format!("+{left_out}");
        let x = area.right().saturating_sub(u16::try_from(text.len()).unwrap_or(0));
        line::write(buffer, (x, area.y), text.len(), &text, theme.style(Role::Dim), "");
    }
}

/// One value in its cell, `place` being on the screen.
pub fn cell(value: &Value<'_>, right: bool, style: Style, glyphs: &Glyphs, place: Rect, buffer: &mut Buffer) {
    let width = usize::from(place.width);
    let text = match value {
        Value::Missing(Missing::NotRequested) => glyphs.pending.into(),
        // Part of a number would be another number.
        Value::Count(number) if line::cells(&value.human()) > width => value::scaled(*number as f64).into(),
        _ => value.brief(width),
    };
    let used = line::cells(&text);
    let start = if right { width.saturating_sub(used) } else { 0 };
    let x = place.x + u16::try_from(start).unwrap_or(0);
    line::write(buffer, (x, place.y), width - start, &text, style, glyphs.cut);
}

/// The style of a value on a row of this look: what is missing, nothing, or a sum has its own.
#[must_use]
pub fn value_role(value: &Value<'_>) -> Option<Role> {
    match value {
        Value::Missing(_) => Some(Role::Missing),
        Value::None => Some(Role::Dim),
        // What is nothing steps back, so that what is something stands out.
        value if value.number().is_some_and(|number| number.abs() < 0.05) => Some(Role::Dim),
        _ => None,
    }
}
