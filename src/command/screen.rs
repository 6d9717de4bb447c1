//! No subcommand: the screen, set up by the defaults, the user's file over them and the command line over that.

#![expect(clippy::disallowed_methods, reason = "the place where the environment is read")]

use crate::{
    cli::{Cli, ScreenArgs},
    collect::{source::Source, users},
    config::{self, Allowed, Config, ConfigError, SortOrder},
    table::{COLUMNS, Column, Query, columns, presets::PRESETS, value::Order},
    text::printable,
    tui::{
        action::ACTIONS,
        app::{App, Setup},
        glyph::Glyphs,
        keymap::{Key, Keymap},
        pane::{
            PaneId,
            processes::{Processes, lines::View},
        },
        runtime::{self, Mouse},
        theme::{Depth, THEMES, Theme},
    },
    unit::Pid,
};
use std::{
    collections::HashSet,
    env,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// Show the screen until the user leaves.
///
/// # Errors
/// Where there is no terminal, nothing can be collected, or something is wrong with the configuration.
pub fn run(cli: &Cli, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let path =
        cli.screen.config.clone().or_else(|| config::user_file(env::var_os("XDG_CONFIG_HOME"), env::var_os("HOME")));
    let start = configuration(&cli.screen, path.as_ref())?;
    let mouse = if start.mouse { Mouse::On } else { Mouse::Off };
    let app = app(cli, &start, Abilities::of_terminal(), &**source)?;
    let mut save = |app: &App| save(app, &start, path.as_ref());
    runtime::run(app, source, mouse, &mut save)?;
    Ok(ExitCode::SUCCESS)
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Its colours.
    pub depth: Depth,
    /// Whether it knows more characters than ASCII has.
    pub unicode: bool,
}

impl Abilities {
    /// As far as the environment tells.
    fn of_terminal() -> Self {
        Self { depth: depth(), unicode: is_utf8() }
    }
}

/// The screen as this configuration has it, nothing read yet.
///
/// # Errors
/// Where keys or the theme of the configuration are wrong.
pub fn app(cli: &Cli, config: &Config, abilities: Abilities, source: &dyn Source) -> anyhow::Result<App> {
    let own = config.keys.iter().map(|binding| (binding.action.clone(), binding.keys.clone())).collect::<Vec<_>>();
    let keymap = Keymap::new(&own).map_err(|problems| anyhow::anyhow!(problems.join("\n")))?;
    let ascii = config.ascii.unwrap_or(!abilities.unicode);
    let setup = Setup {
        theme: Theme::named(&config.theme, abilities.depth).map_err(anyhow::Error::msg)?,
        glyphs: if ascii { Glyphs::ASCII } else { Glyphs::UNICODE },
        keymap,
        readonly: config.readonly,
        presets: presets(config),
        user: users::name_of(source.observer().uid, source),
        origin: cli.source.from.as_deref().map(origin),
        open_on: cli.pid.map(Pid),
        pane: cli.screen.pane.as_deref().and_then(PaneId::named).unwrap_or(PaneId::Processes),
    };
    let pane = Processes::new(view(config, cli.screen.user.clone())?, chosen(config));
    Ok(App::new(setup, pane, config.delay))
}

/// A recording as the header calls it: its name without its folders.
fn origin(path: &Path) -> String {
    match path.file_name() {
        _ if path.as_os_str() == "-" => "standard input".to_owned(),
        Some(name) => printable(name.as_bytes()).into_owned(),
        None => printable(path.as_os_str().as_bytes()).into_owned(),
    }
}

/// The defaults, the file at `path` over them, the command line over that.
///
/// # Errors
/// Everything that is wrong with the file, or the first thing that is wrong with the command line.
pub fn configuration(args: &ScreenArgs, path: Option<&PathBuf>) -> anyhow::Result<Config> {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let themes: Vec<&str> = std::iter::once("auto").chain(THEMES.iter().map(|(name, _)| *name)).collect();
    let actions: Vec<&str> = ACTIONS.iter().map(|info| info.name).collect();
    let allowed = Allowed {
        columns: &names,
        presets: &presets,
        themes: &themes,
        actions: &actions,
        filter: |text| Query::parse(text).map(drop).map_err(|error| error.to_string()),
        key: |text| Key::parse(text).map(drop).ok_or_else(|| "write it as x, F9, ctrl-x or pageup".to_owned()),
    };
    let mut config = match (path, &args.config) {
        (Some(path), Some(_)) => Config::load(path, &allowed)?,
        (Some(path), None) => Config::load_if_there(path, &allowed)?,
        (None, _) => Config::default(),
    };
    apply(&mut config, args, &allowed).map_err(|error| super::Usage(error.to_string()))?;
    Ok(config)
}

/// The command line over the file, by the same rules.
fn apply(config: &mut Config, args: &ScreenArgs, allowed: &Allowed<'_>) -> Result<(), ConfigError> {
    if let Some(delay) = args.delay {
        config.set("delay", delay, allowed)?;
    }
    if args.tree {
        config.set("form", "tree", allowed)?;
    }
    for (name, text) in [("filter", &args.filter), ("sort", &args.sort), ("theme", &args.theme)] {
        if let Some(text) = text {
            config.set(name, text.as_str(), allowed)?;
        }
    }
    if !args.columns.is_empty() {
        config.set("columns", args.columns.iter().map(String::as_str).collect::<toml_edit::Array>(), allowed)?;
    }
    for (name, on, to) in
        [("readonly", args.readonly, true), ("ascii", args.ascii, true), ("mouse", args.no_mouse, false)]
    {
        if on {
            config.set(name, to, allowed)?;
        }
    }
    Ok(())
}

fn view(config: &Config, user: Option<String>) -> anyhow::Result<View> {
    let filter = Query::parse(&config.filter).map_err(|error| anyhow::anyhow!("{error}"))?;
    let column = config.sort.as_deref().and_then(columns::find);
    let order = |column: &Column| match config.sort_order {
        Some(SortOrder::Ascending) => Order::Ascending,
        Some(SortOrder::Descending) => Order::Descending,
        None => column.first,
    };
    let fitting = || columns::find("cpu").filter(|_| config.form != config::Form::Tree);
    Ok(View {
        form: config.form,
        sort: column.or_else(fitting).map(|column| (column, order(column))),
        group_by: config.group_by,
        kernel_threads: config.kernel_threads,
        threads: config.threads,
        user,
        filter: Some(filter).filter(|filter| !filter.is_empty()),
        folded: HashSet::new(),
        open_groups: HashSet::new(),
    })
}

/// Built-in presets, changed ones and the user's own.
fn presets(config: &Config) -> Vec<(String, Vec<&'static Column>)> {
    let columns_of = |names: &[String]| names.iter().filter_map(|name| columns::find(name)).collect::<Vec<_>>();
    let mut all: Vec<(String, Vec<&'static Column>)> = PRESETS
        .iter()
        .map(|preset| match config.presets.get(preset.name) {
            Some(names) => (preset.name.to_owned(), columns_of(names)),
            None => (preset.name.to_owned(), preset.columns().collect()),
        })
        .collect();
    let own = config.presets.iter().filter(|(name, _)| PRESETS.iter().all(|preset| preset.name != **name));
    all.extend(own.map(|(name, names)| (name.clone(), columns_of(names))));
    all
}

/// The columns to begin with, and their widths.
fn chosen(config: &Config) -> Vec<(&'static Column, u16)> {
    let preset = || presets(config).into_iter().find(|(name, _)| *name == config.preset).map(|(_, columns)| columns);
    let own: Vec<&'static Column> = config.columns.iter().filter_map(|name| columns::find(name)).collect();
    let columns = if own.is_empty() { preset().unwrap_or_default() } else { own };
    let width = |column: &Column| config.widths.get(column.name).copied().unwrap_or(column.width);
    columns.into_iter().map(|column| (column, width(column))).collect()
}

/// What the user has changed since the start, into the file.
fn save(app: &App, start: &Config, path: Option<&PathBuf>) -> Result<String, String> {
    let path = path.ok_or("there is nowhere to save: neither XDG_CONFIG_HOME nor HOME is set; use --config FILE")?;
    let shown = path.display();
    match current(app, start).save(start, path) {
        Ok(config::Saved::Unchanged) => Ok("nothing has changed that could be saved".to_owned()),
        Ok(config::Saved::Written(names)) => Ok(format!("saved {} to {shown}", names.join(", "))),
        Err(error) => Err(format!("cannot save to {shown}: {error}")),
    }
}

/// The configuration that would begin with what is on the screen now.
fn current(app: &App, start: &Config) -> Config {
    let view = &app.panes.processes.view;
    let names: Vec<String> = app.panes.processes.columns.iter().map(|(column, _)| column.name.to_owned()).collect();
    let begun: Vec<String> = chosen(start).iter().map(|(column, _)| column.name.to_owned()).collect();
    let mut widths = start.widths.clone();
    for (column, width) in &app.panes.processes.columns {
        if *width == column.width {
            widths.remove(column.name);
        } else {
            widths.insert(column.name.to_owned(), *width);
        }
    }
    let fitting = view.form != config::Form::Tree && start.sort.is_none();
    let sort = view.sort.filter(|(column, order)| !(fitting && column.name == "cpu" && *order == column.first));
    let order = |(column, order): (&Column, Order)| match order {
        order if order == column.first => None,
        Order::Ascending => Some(SortOrder::Ascending),
        Order::Descending => Some(SortOrder::Descending),
    };
    Config {
        delay: app.delay,
        form: view.form,
        group_by: view.group_by,
        sort: sort.map(|(column, _)| column.name.to_owned()),
        sort_order: sort.and_then(order),
        columns: if names == begun { start.columns.clone() } else { names },
        widths,
        kernel_threads: view.kernel_threads,
        threads: view.threads,
        filter: view.filter.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..start.clone()
    }
}

/// The colours that the terminal has, or none where none are wanted.
fn depth() -> Depth {
    let text = |name| env::var(name).unwrap_or_default();
    let plain = !text("NO_COLOR").is_empty() || matches!(text("TERM").as_str(), "dumb" | "vt100" | "vt220" | "linux-m");
    match text("COLORTERM").as_str() {
        _ if plain => Depth::None,
        "truecolor" | "24bit" => Depth::True,
        _ => Depth::Sixteen,
    }
}

/// Whether the locale is UTF-8, by the first of its variables that is set (locale(7)).
pub(super) fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.is_empty());
    set.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}
