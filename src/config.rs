//! The configuration: defaults, the user's file over them, the command line over that. One table of settings.
//!
//! Names of columns, themes, actions and the like belong to the layers above and come in through [`Allowed`].

mod read;
mod save;

use crate::nearest::suggestion;
pub use read::{Allowed, ConfigError, Problem};
use read::{Reading, list_item, map_item, switch_item};
pub use save::Saved;
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};
use toml_edit::{Item, value};

/// Every setting with its default and its explanation: the file that documents the configuration.
pub const DOCUMENTED: &str = include_str!("../assets/config.toml");

/// What can be configured, as it is in effect.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, as the user writes it")]
pub struct Config {
    /// Time from one sample to the next.
    pub delay: Duration,
    /// How processes are arranged.
    pub form: Form,
    /// What rows of the grouped form have in common.
    pub group_by: GroupBy,
    /// The column that rows are sorted by; `None` for what suits the form.
    pub sort: Option<String>,
    /// Which way; `None` for the way of the column.
    pub sort_order: Option<SortOrder>,
    /// Presets of the user's own, and built-in ones that the user changed: name and columns.
    pub presets: BTreeMap<String, Vec<String>>,
    /// The preset whose columns are shown.
    pub preset: String,
    /// The columns shown in place of a preset's; none for the preset's.
    pub columns: Vec<String>,
    /// Cells of columns that are not as wide as their default.
    pub widths: BTreeMap<String, u16>,
    /// Whether kernel threads are shown.
    pub kernel_threads: bool,
    /// Whether threads have rows of their own.
    pub threads: bool,
    /// The filter expression; empty for none.
    pub filter: String,
    /// Name of the theme.
    pub theme: String,
    /// Whether only ASCII is drawn; `None` for what the terminal's locale says.
    pub ascii: Option<bool>,
    /// Whether the mouse is listened to.
    pub mouse: bool,
    /// Whether everything that changes another process is off.
    pub readonly: bool,
    /// Keys of actions that differ from their default.
    pub keys: Vec<KeyBinding>,
}

/// The keys of one action, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBinding {
    /// Name of the action.
    pub action: String,
    /// Names of the keys; none to take the action off the keyboard.
    pub keys: Vec<String>,
    /// Line of the file, from 1.
    pub line: usize,
}

/// A setting that is one of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every word that can be written, with what it stands for.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for it.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }
}

/// How processes are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Children below their parent.
    Tree,
    /// A sorted list.
    Flat,
    /// One row for many, with sums.
    Grouped,
}

impl Choice for Form {
    const WORDS: &'static [(&'static str, Self)] =
        &[("tree", Self::Tree), ("flat", Self::Flat), ("grouped", Self::Grouped)];
}

/// What the rows of the grouped form have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The name.
    Name,
    /// The user.
    User,
    /// The container.
    Container,
}

impl Choice for GroupBy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("name", Self::Name), ("user", Self::User), ("container", Self::Container)];
}

/// Which way rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Small first.
    Ascending,
    /// Large first.
    Descending,
}

impl Choice for Option<SortOrder> {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", None), ("ascending", Some(SortOrder::Ascending)), ("descending", Some(SortOrder::Descending))];
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            form: Form::Tree,
            group_by: GroupBy::Name,
            sort: None,
            sort_order: None,
            presets: BTreeMap::new(),
            preset: "default".to_owned(),
            columns: Vec::new(),
            widths: BTreeMap::new(),
            kernel_threads: true,
            threads: false,
            filter: String::new(),
            theme: "auto".to_owned(),
            ascii: None,
            mouse: true,
            readonly: false,
            keys: Vec::new(),
        }
    }
}

/// One setting: what it is called, what it means, and how it is read and written.
pub struct Setting {
    /// Its name in the file.
    pub name: &'static str,
    /// What it does and what can stand there: whole sentences.
    pub help: &'static str,
    read: fn(&mut Reading<'_>, &mut Config),
    write: fn(&Config) -> Item,
}

/// Every setting, in the order in which they are documented: tables last.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "delay",
        help: "Seconds from one sample to the next: 0.1 to 3600.",
        read: |reading, config| reading.seconds(0.1..=3600.0, &mut config.delay),
        write: |config| {
            let whole = i64::try_from(config.delay.as_secs()).ok().filter(|_| config.delay.subsec_nanos() == 0);
            whole.map_or_else(|| value(config.delay.as_secs_f64()), value)
        },
    },
    Setting {
        name: "form",
        help: "How processes are arranged: \"tree\", \"flat\" or \"grouped\".",
        read: |reading, config| reading.choice(&mut config.form),
        write: |config| value(config.form.word()),
    },
    Setting {
        name: "group_by",
        help: "What the rows of the grouped form have in common: \"name\", \"user\" or \"container\".",
        read: |reading, config| reading.choice(&mut config.group_by),
        write: |config| value(config.group_by.word()),
    },
    Setting {
        name: "sort",
        help: "The column to sort by, or \"auto\" for what suits the form. `sysview columns` lists the columns.",
        read: |reading, config| reading.column_or_auto(&mut config.sort),
        write: |config| value(config.sort.as_deref().unwrap_or(read::AUTO)),
    },
    Setting {
        name: "sort_order",
        help: "Which way: \"ascending\", \"descending\", or \"auto\" for what suits the column.",
        read: |reading, config| reading.choice(&mut config.sort_order),
        write: |config| value(config.sort_order.word()),
    },
    Setting {
        name: "preset",
        help: "The set of columns to show: a built-in one, which `sysview ps --help` names, or one of your own from [presets].",
        read: |reading, config| reading.preset(&config.presets, &mut config.preset),
        write: |config| value(config.preset.as_str()),
    },
    Setting {
        name: "columns",
        help: "The columns to show in place of the preset's, such as [\"pid\", \"user\", \"rss\", \"command\"]. None: those \
               of the preset.",
        read: |reading, config| reading.columns(&mut config.columns),
        write: |config| list_item(&config.columns),
    },
    Setting {
        name: "kernel_threads",
        help: "Whether kernel threads are shown.",
        read: |reading, config| reading.flag(&mut config.kernel_threads),
        write: |config| value(config.kernel_threads),
    },
    Setting {
        name: "threads",
        help: "Whether every thread has a row of its own.",
        read: |reading, config| reading.flag(&mut config.threads),
        write: |config| value(config.threads),
    },
    Setting {
        name: "filter",
        help: "Show only what this expression describes, such as \"rss > 100M and not user = root\". Empty: everything.",
        read: |reading, config| reading.filter(&mut config.filter),
        write: |config| value(config.filter.as_str()),
    },
    Setting {
        name: "theme",
        help: "Colours: \"auto\" for what the terminal can do and NO_COLOR asks for, or the name of a theme.",
        read: |reading, config| reading.theme(&mut config.theme),
        write: |config| value(config.theme.as_str()),
    },
    Setting {
        name: "ascii",
        help: "Whether to draw with ASCII characters only: true, false, or \"auto\" for what the locale says.",
        read: |reading, config| reading.switch(&mut config.ascii),
        write: |config| switch_item(config.ascii),
    },
    Setting {
        name: "mouse",
        help: "Whether to listen to the mouse. Without it the terminal's own selection works as ever.",
        read: |reading, config| reading.flag(&mut config.mouse),
        write: |config| value(config.mouse),
    },
    Setting {
        name: "readonly",
        help: "Whether signals and all else that changes another process are switched off.",
        read: |reading, config| reading.flag(&mut config.readonly),
        write: |config| value(config.readonly),
    },
    Setting {
        name: "widths",
        help: "Cells of single columns, 1 to 500, such as user = 12.",
        read: |reading, config| reading.widths(&mut config.widths),
        write: |config| map_item(config.widths.iter().map(|(name, width)| (name, value(i64::from(*width))))),
    },
    Setting {
        name: "presets",
        help: "Sets of columns of your own, or other columns for a built-in set, such as web = [\"pid\", \"rss\", \"command\"].",
        read: |reading, config| reading.presets(&mut config.presets),
        write: |config| map_item(config.presets.iter().map(|(name, columns)| (name, list_item(columns)))),
    },
    Setting {
        name: "keys",
        help: "Other keys for an action: its name and a list of keys, such as quit = [\"q\", \"F10\"]. Help (F1) names the \
               actions. An empty list takes the action off the keyboard.",
        read: |reading, config| reading.keys(&mut config.keys),
        write: |config| map_item(config.keys.iter().map(|binding| (&binding.action, list_item(&binding.keys)))),
    },
];

/// The setting with this name.
fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn no_such_setting(name: &str) -> String {
    let near = suggestion(name, SETTINGS.iter().map(|setting| setting.name));
    let hint = if near.is_empty() { "; the documented settings are in the manual" } else { &near };
    format!("there is no such setting{hint}")
}

/// Where the user's file is: `$XDG_CONFIG_HOME/sysview/config.toml`, else `~/.config/…`, given the values of
/// `XDG_CONFIG_HOME` and `HOME`. A path that is not absolute counts as unset, as the XDG specification has it.
#[must_use]
pub fn user_file(xdg_config_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(xdg_config_home).or_else(|| Some(absolute(home)?.join(".config")))?;
    Some(folder.join("sysview/config.toml"))
}

#[cfg(test)]
mod tests;
