//! A list with a cursor that scrolls: where the cursor is and which items are in view.

use crate::tui::action::Action;
use std::{cell::Cell, ops::Range};

/// Cursor and scroll position.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The item under the cursor.
    pub at: usize,
    offset: Cell<usize>,
    height: Cell<usize>,
}

impl List {
    /// A list with the cursor on this item.
    #[must_use]
    pub fn at(at: usize) -> Self {
        Self { at, ..Self::default() }
    }

    /// Move the cursor; false where the action does not move.
    pub fn act(&mut self, action: Action, len: usize) -> bool {
        let page = self.height.get().saturating_sub(1).max(1);
        let last = len.saturating_sub(1);
        self.at = match action {
            Action::Up => self.at.saturating_sub(1),
            Action::Down => self.at + 1,
            Action::PageUp => self.at.saturating_sub(page),
            Action::PageDown => self.at + page,
            Action::Home => 0,
            Action::End => last,
            _ => return false,
        }
        .min(last);
        true
    }

    /// The room it was drawn in last.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height.get()
    }

    /// The first item or line that was in view when it was drawn last.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset.get()
    }

    /// The items in view in a room of `height` lines, the cursor among them.
    pub fn visible(&self, len: usize, height: usize) -> Range<usize> {
        self.showing(self.at, len, height)
    }

    /// The lines in view where the items are drawn as lines of their own making: `line`, which stands for the item under
    /// the cursor, is among them.
    pub fn showing(&self, line: usize, len: usize, height: usize) -> Range<usize> {
        self.height.set(height);
        let mut offset = self.offset.get().min(line);
        if line >= offset + height {
            offset = line + 1 - height.max(1);
        }
        offset = offset.min(len.saturating_sub(height));
        self.offset.set(offset);
        offset..(offset + height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_in_view() {
        let mut list = List::default();
        assert_eq!(list.visible(3, 10), 0..3);
        list.act(Action::End, 100);
        assert_eq!((list.at, list.visible(100, 10)), (99, 90..100));
        list.act(Action::PageUp, 100);
        assert_eq!((list.at, list.visible(100, 10)), (90, 90..100));
        list.act(Action::Up, 100);
        assert_eq!(list.visible(100, 10), 89..99);
        list.act(Action::Down, 0);
        assert_eq!(list.at, 0);
    }
}
