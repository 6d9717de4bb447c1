//! The screen. `app` is all of its state and is pure: messages in, effects and cells out; `runtime` holds the terminal,
//! the threads and the clock.
//!
//! ```text
//!   sysview  web-01  Linux 6.18 …                header.rs
//!   cpu0 ▕███▓▒····▏ us 31 sy 9 …   mem ▕██▒·▏   header.rs, widget/meter.rs
//!   1 Processes  tree …                          app.rs
//!     PID USER  S  CPU% …  COMMAND               pane.rs, pane/processes/draw.rs, pane/memory/draw.rs
//!       1 root  S   0.0 …  init                  pane/processes/lines.rs: which rows, in which order
//!   F1 help  / search  f filter …                app.rs, from action.rs; overlay/*.rs on top
//! ```

pub mod action;
pub mod app;
pub mod glyph;
pub mod header;
pub mod history;
pub mod keymap;
pub mod overlay;
pub mod pane;
pub mod runtime;
pub mod subject;
pub mod theme;
pub mod widget;

use crate::{signal::Signal, unit::ProcessKey};

/// What the pure part asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Give the terminal back and stop, until continued.
    Suspend,
    /// Forget what the terminal shows and draw everything.
    Redraw,
    /// Send a signal to each of these.
    Signal {
        /// Who.
        targets: Vec<ProcessKey>,
        /// What.
        signal: Signal,
    },
    /// Write the settings that the user changed.
    Save,
}
