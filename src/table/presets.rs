//! Sets of columns for one question each.

use super::columns::{self, Column};

/// A named set of columns.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name in commands, configuration and the chooser.
    pub name: &'static str,
    /// Names of its columns, from left to right.
    pub names: &'static [&'static str],
}

impl Preset {
    /// Its columns.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.names.iter().filter_map(|name| columns::find(name))
    }
}

/// All presets; the first is the default.
pub const PRESETS: &[Preset] = &[Preset {
    name: "default",
    names: &[
        "pid",
        "user",
        "state",
        "cpu",
        "mem",
        "rss",
        "threads",
        "minor_fault_rate",
        "voluntary_switch_rate",
        "command",
    ],
}];
