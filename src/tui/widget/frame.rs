//! A box over the screen, with a title, for what is opened on top.

use super::line;
use crate::tui::glyph::Glyphs;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Write into the lower edge of the box with this room inside how far along one is in what is longer than its room.
pub fn progress(buffer: &mut Buffer, inner: Rect, (place, count): (usize, usize), style: Style) {
    let text = format!(" {place} of {count} ");
    let used = u16::try_from(text.len()).unwrap_or(u16::MAX);
    if used < inner.width {
        line::write(buffer, (inner.right() - used, inner.bottom()), text.len(), &text, style, "");
    }
}

/// Clear a box of at most `size` in the middle of `area`, draw its frame and title, and return the room inside.
pub fn popup(buffer: &mut Buffer, area: Rect, size: (u16, u16), title: &str, style: Style, glyphs: &Glyphs) -> Rect {
    let (width, height) = (size.0.min(area.width), size.1.min(area.height));
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    for y in outer.top()..outer.bottom() {
        for x in outer.left()..outer.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    if width < 4 || height < 3 {
        return outer;
    }
    let (horizontal, vertical, corners) = glyphs.frame;
    let inner = usize::from(width) - 2;
    let bar = |left: &str, right: &str| format!("{left}{}{right}", horizontal.repeat(inner));
    let bottom = outer.bottom() - 1;
    line::write(buffer, (outer.x, outer.y), inner + 2, &bar(corners[0], corners[1]), style, "");
    line::write(buffer, (outer.x, bottom), inner + 2, &bar(corners[3], corners[2]), style, "");
    for y in outer.y + 1..bottom {
        line::write(buffer, (outer.x, y), 1, vertical, style, "");
        line::write(buffer, (outer.right() - 1, y), 1, vertical, style, "");
    }
    line::write(buffer, (outer.x + 2, outer.y), inner.saturating_sub(2), &format!(" {title} "), style, glyphs.cut);
    Rect { x: outer.x + 2, y: outer.y + 1, width: width - 4, height: height - 2 }
}
