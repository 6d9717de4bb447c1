//! The panes: each a file here, with its own selection, scroll and view, and no data of its own. One process is selected
//! across all of them.

pub mod memory;
pub mod processes;

use super::{
    action::Action,
    glyph::Glyphs,
    subject::Subject,
    theme::{Role, Theme},
    widget::line::Piece,
};
use crate::{
    analysis::Observation,
    snapshot::inspect::Question,
    table::{Value, columns::About, query::QueryError, value::Order},
    unit::ProcessKey,
};
use memory::Memory;
use processes::Processes;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::{fmt, sync::Arc};

/// Which pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says what they are")]
pub enum PaneId {
    Processes,
    Memory,
}

/// A pane as the line of panes, the command line and help have it.
#[derive(Clone, Copy, Debug)]
pub struct PaneInfo {
    /// Which.
    pub id: PaneId,
    /// Its number in the line of panes.
    pub number: u8,
    /// Its name for `--pane`.
    pub name: &'static str,
    /// Its name on the screen.
    pub title: &'static str,
    /// The action that opens it.
    pub action: Action,
}

/// Every pane, from left to right.
#[rustfmt::skip]
pub const PANES: &[PaneInfo] = &[
    PaneInfo { id: PaneId::Processes, number: 1, name: "processes", title: "Processes", action: Action::Processes },
    PaneInfo { id: PaneId::Memory, number: 4, name: "memory", title: "Memory", action: Action::Memory },
];

impl PaneId {
    /// Its row in the table.
    #[must_use]
    pub fn info(self) -> &'static PaneInfo {
        &PANES[self.place()]
    }

    fn place(self) -> usize {
        PANES.iter().position(|info| info.id == self).unwrap_or(0)
    }

    /// The pane with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PANES.iter().find(|info| info.name == name).map(|info| info.id)
    }

    /// The pane that an action opens from this one.
    #[must_use]
    pub fn after(self, action: Action) -> Option<Self> {
        let count = PANES.len();
        match action {
            Action::NextPane => Some(PANES[(self.place() + 1) % count].id),
            Action::PreviousPane => Some(PANES[(self.place() + count - 1) % count].id),
            action => PANES.iter().find(|info| info.action == action).map(|info| info.id),
        }
    }
}

/// What a pane may look at.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// All processes.
    pub observation: &'a Arc<Observation>,
    /// The selected one.
    pub subject: &'a Subject,
    /// Whether the screen stands still: nothing is read meanwhile.
    pub frozen: bool,
}

/// What drawing needs besides.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Styles.
    pub theme: &'a Theme,
    /// Characters.
    pub glyphs: &'a Glyphs,
}

impl Look<'_> {
    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}

/// What a typed expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Hide what does not match.
    Filter,
    /// Jump to what matches.
    Search,
}

/// What a search has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many lines match.
    pub count: usize,
    /// Which of them is selected, counted from 1.
    pub place: Option<usize>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place} of {}", self.count),
            None => write!(f, "{} found", self.count),
        }
    }
}

/// A pane with a table in it: rows that can be gone through, sorted, filtered and searched, and columns that can be chosen
/// and explained.
pub trait Pane {
    /// Carry out an action; false where it is none of the pane's.
    fn act(&mut self, action: Action, world: World<'_>) -> bool;

    /// What can be done here, for the footer, the least dispensable first.
    fn offers(&self, world: World<'_>) -> &'static [Action];

    /// Go back one step: drop what narrows the view. False where there is nothing.
    fn back(&mut self, world: World<'_>) -> bool;

    /// New data came, or other rows are wanted.
    fn rebuild(&mut self, world: World<'_>);

    /// The room that drawing will have, the heading included.
    fn set_room(&mut self, area: Rect, world: World<'_>);

    /// Draw into that room.
    fn draw(&self, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer);

    /// What stands beside the names of the panes: everything that decides over what is seen.
    fn status(&self, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>>;

    /// The wheel was turned by so many lines.
    fn scroll(&mut self, by: isize, world: World<'_>);

    /// A click at a place of the room.
    fn click(&mut self, place: (u16, u16), world: World<'_>);

    /// What has to be asked about the selected process.
    fn questions(&self, _world: World<'_>) -> Vec<Question> {
        Vec::new()
    }

    /// All columns there are.
    fn all_columns(&self) -> Vec<About>;

    /// Those on the screen, from left to right, with their width.
    fn columns(&self) -> Vec<(About, u16)>;

    /// Show these columns with these widths.
    fn set_columns(&mut self, columns: &[(&'static str, u16)]);

    /// The column it is sorted by.
    fn sorted(&self) -> Option<(&'static str, Order)>;

    /// The order of rows that are not sorted, as in "in order of pid".
    fn natural_order(&self) -> &'static str;

    /// Sort by a column, by the one it is sorted by already the other way round; `None` for the natural order.
    fn sort(&mut self, column: Option<&str>, world: World<'_>);

    /// What a column says of the selected row; `None` where there is none any more.
    fn value<'a>(&'a self, column: &str, world: World<'a>) -> Option<Value<'a>>;

    /// The filter, or the search, as text.
    fn expression(&self, purpose: Purpose) -> String;

    /// An expression is about to be typed; what is there now may be wanted back.
    fn begin(&mut self, purpose: Purpose);

    /// Let the rows answer to an expression.
    ///
    /// # Errors
    /// Where it is not understood; nothing changes then.
    fn try_expression(&mut self, purpose: Purpose, text: &str, world: World<'_>) -> Result<(), QueryError>;

    /// What was there before [`Pane::begin`].
    fn cancel(&mut self, purpose: Purpose, world: World<'_>);

    /// How many rows the expression leaves, or finds.
    fn found(&self, purpose: Purpose, world: World<'_>) -> Found;

    /// What the word before the cursor can become.
    fn complete(&self, text: &str, cursor: usize) -> Vec<&'static str>;

    /// Examples of what can be typed.
    fn example(&self, purpose: Purpose) -> &'static str;
}

/// All panes, and which is on the screen.
pub struct Panes {
    /// The one on the screen.
    pub current: PaneId,
    /// Pane 1.
    pub processes: Processes,
    /// Pane 4.
    pub memory: Memory,
}

impl Panes {
    /// The pane on the screen.
    #[must_use]
    pub fn shown(&self) -> &dyn Pane {
        match self.current {
            PaneId::Processes => &self.processes,
            PaneId::Memory => &self.memory,
        }
    }

    /// The pane on the screen, to be changed.
    pub fn shown_mut(&mut self) -> &mut dyn Pane {
        match self.current {
            PaneId::Processes => &mut self.processes,
            PaneId::Memory => &mut self.memory,
        }
    }

    /// The process selected across all panes.
    #[must_use]
    pub fn selected(&self, world: World<'_>) -> Option<ProcessKey> {
        match self.current {
            PaneId::Processes => self.processes.selected_process(world.observation),
            PaneId::Memory => world.subject.key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_are_reached_by_number_name_and_one_after_the_other() {
        for (at, info) in PANES.iter().enumerate() {
            assert_eq!(info.id.place(), at);
            assert_eq!(PaneId::named(info.name), Some(info.id));
            assert!(info.action.info().keys.contains(&info.number.to_string().as_str()), "{}", info.name);
        }
        assert_eq!(PaneId::Processes.after(Action::NextPane), Some(PaneId::Memory));
        assert_eq!(PaneId::Processes.after(Action::PreviousPane), Some(PaneId::Memory));
        assert_eq!(PaneId::Memory.after(Action::Processes), Some(PaneId::Processes));
        assert_eq!(PaneId::Memory.after(Action::Up), None);
    }
}
