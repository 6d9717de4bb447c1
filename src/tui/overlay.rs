//! What is opened on top of the pane. A stack: the top one gets the keys.

pub mod columns;
pub mod explain;
mod facts;
pub mod help;
pub mod lab;
pub mod mapping;
pub mod menu;
pub mod prompt;
pub mod signal;

use super::{
    Effect,
    action::Action,
    glyph::Glyphs,
    keymap::{Key, Keymap},
    pane::{Look, Pane, Panes, Purpose, World},
    theme::Theme,
};
use crate::{
    control::ControlError,
    snapshot::{
        Parts,
        inspect::{Question, Reply},
    },
    unit::ProcessKey,
};
use ratatui::{buffer::Buffer, layout::Rect};

/// What an overlay may look at and change.
pub struct Context<'a> {
    /// The panes below.
    pub panes: &'a mut Panes,
    /// What the screen shows.
    pub world: World<'a>,
}

impl Context<'_> {
    /// The pane on the screen.
    pub fn pane(&mut self) -> &mut dyn Pane {
        self.panes.shown_mut()
    }
}

/// What an overlay may look at while drawing.
pub struct View<'a> {
    /// The panes below.
    pub panes: &'a Panes,
    /// What the screen shows.
    pub world: World<'a>,
    /// Styles.
    pub theme: &'a Theme,
    /// Characters.
    pub glyphs: &'a Glyphs,
    /// Keys, for help and hints.
    pub keymap: &'a Keymap,
    /// No actions on processes.
    pub readonly: bool,
    /// The screen stands still, and nothing is asked.
    pub frozen: bool,
}

impl<'a> View<'a> {
    /// The pane on the screen.
    #[must_use]
    pub fn pane(&self) -> &'a dyn Pane {
        self.panes.shown()
    }

    /// Styles and characters.
    #[must_use]
    pub fn look(&self) -> Look<'a> {
        Look { theme: self.theme, glyphs: self.glyphs }
    }
}

/// What comes of a key.
#[derive(Debug, Default)]
pub enum Outcome {
    /// Nothing more.
    #[default]
    Stay,
    /// The overlay is done.
    Close,
    /// An expression was typed and kept; the overlay is done.
    Done {
        /// The expression.
        text: String,
        /// What it is for.
        purpose: Purpose,
    },
    /// Look into this process instead; all overlays are done.
    Select(ProcessKey),
    /// Something is to be done outside.
    Effect(Effect),
}

/// Actions that belong together, and what they do.
pub type Hint = (&'static [Action], &'static str);

/// How to leave.
pub const CLOSE: Hint = (&[Action::Back], "close");
/// How to go through what is longer than its room.
pub const SCROLL: Hint = (&[Action::Up, Action::Down], "move");

/// Something on top of the pane.
pub trait Overlay {
    /// Take a key, and the action it stands for where it is not typed text.
    fn key(&mut self, key: Key, action: Option<Action>, context: Context<'_>) -> Outcome;

    /// Draw; `area` is the room below the header, its last line that of the footer.
    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer);

    /// What can be done in it, for the footer: the actions and a word or two, the least dispensable first.
    fn hints(&self) -> &'static [Hint] {
        &[CLOSE]
    }

    /// Whether printable keys are text here.
    fn types(&self) -> bool {
        false
    }

    /// Text was pasted.
    fn paste(&mut self, _text: &str, _context: Context<'_>) {}

    /// Whether it takes the place of the footer only.
    fn is_line(&self) -> bool {
        false
    }

    /// A process it shows, and the parts of it that it needs.
    fn wants(&self) -> Option<(ProcessKey, Parts)> {
        None
    }

    /// Parts of every process that it needs.
    fn wants_everyone(&self) -> Parts {
        Parts::NONE
    }

    /// What it has to know about a process.
    fn questions(&self) -> Vec<Question> {
        Vec::new()
    }

    /// An answer came in, to one of its questions or of somebody else's.
    fn answered(&mut self, _reply: &Reply) {}

    /// New data came.
    fn refresh(&mut self, _context: Context<'_>) {}

    /// Signals went out, or not.
    fn signalled(&mut self, _results: &[(ProcessKey, Result<(), ControlError>)]) {}
}
