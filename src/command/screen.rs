//! No subcommand: the screen.

use crate::{
    collect::source::Source,
    table::{columns, presets::PRESETS},
    tui::{
        app::{App, Setup},
        glyph::Glyphs,
        keymap::Keymap,
        pane::processes::{
            Processes,
            lines::{Form, View},
        },
        runtime::{self, Mouse},
        theme::{Depth, Theme},
    },
    unit::Pid,
};
use std::{collections::HashSet, process::ExitCode, sync::Arc, time::Duration};

/// Show the screen until the user leaves.
///
/// # Errors
/// Where there is no terminal, or nothing can be collected.
pub fn run(pid: Option<u32>, source: Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let setup = Setup {
        theme: Theme::named("auto", Depth::True).map_err(anyhow::Error::msg)?,
        glyphs: Glyphs::UNICODE,
        keymap: Keymap::default(),
        readonly: false,
        user: "root".to_owned(),
        origin: None,
        open_on: pid.map(Pid),
    };
    let view = View {
        form: Form::Tree,
        sort: None,
        group_by: columns::find("name").expect("the column exists"),
        kernel_threads: true,
        threads: false,
        user: None,
        filter: None,
        folded: HashSet::new(),
        open_groups: HashSet::new(),
    };
    let columns = PRESETS[0].columns().map(|column| (column, column.width)).collect();
    let app = App::new(setup, Processes::new(view, columns), Duration::from_secs(1));
    runtime::run(app, &source, Mouse::On, &mut |_| Err("not here".to_owned()))?;
    Ok(ExitCode::SUCCESS)
}
