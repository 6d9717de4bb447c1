//! From the text of a configuration to settings: every problem at once, each with its place and what is allowed.

#![expect(clippy::disallowed_methods, reason = "the place where the configuration is read")]

use super::{Choice, Config, KeyBinding, SETTINGS, find, no_such_setting};
use crate::{nearest::suggestion, text::printable};
use std::{
    collections::BTreeMap,
    error, fmt, fs,
    io::{self, Read as _},
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    time::Duration,
};
use toml_edit::{Array, Document, Item, Table, Value, value};

/// The word that leaves a choice to sysview.
pub(super) const AUTO: &str = "auto";
/// Larger than any configuration: not what was meant.
const LARGEST: u64 = 1 << 20;
/// What some editors put before the first character of a file.
pub(super) const MARK: char = '\u{feff}';
/// What a column can be wide, in cells.
const WIDTHS: RangeInclusive<i64> = 1..=500;

/// The names that can stand in a configuration, which the layers above know.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    /// Columns.
    pub columns: &'a [&'a str],
    /// Built-in presets.
    pub presets: &'a [&'a str],
    /// Themes; none where they are not known here and any name goes.
    pub themes: &'a [&'a str],
    /// Actions; none where they are not known here and any name goes.
    pub actions: &'a [&'a str],
    /// What is wrong with a filter expression.
    pub filter: fn(&str) -> Result<(), String>,
    /// What is wrong with the name of a key.
    pub key: fn(&str) -> Result<(), String>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, with the name or the place within it: `columns[2]`, `keys.quit`. Empty for the file as a whole.
    pub setting: String,
    /// Line in the file, from 1; `None` where it does not come from a line.
    pub line: Option<usize>,
    /// What was found and what is allowed: a lower-case fragment, safe to print.
    pub message: String,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file; `None` for what was given on the command line.
    pub path: Option<PathBuf>,
    /// In order of lines; at least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// One line for each problem: `path:line: setting: what is wrong`, safe to print.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let path = self.path.as_ref().map(|path| printable(path.as_os_str().as_encoded_bytes()).into_owned());
        self.problems.iter().map(move |problem| {
            let place = match (&path, problem.line) {
                (Some(path), Some(line)) => format!("{path}:{line}: "),
                (Some(path), None) => format!("{path}: "),
                (None, _) => String::new(),
            };
            let colon = if problem.setting.is_empty() { "" } else { ": " };
            format!("{place}{}{colon}{}", problem.setting, problem.message)
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.lines().collect();
        f.write_str(&lines.join("\n"))
    }
}

impl error::Error for ConfigError {}

impl Config {
    /// The defaults with what a file says over them.
    ///
    /// # Errors
    /// Everything that is wrong with the file. One that does not exist is wrong too; whoever looks in the usual place
    /// asks first ([`Config::load_if_there`]).
    pub fn load(path: &Path, allowed: &Allowed<'_>) -> Result<Self, ConfigError> {
        let text = text_of(path).map_err(|error| whole_file(path, format!("cannot be read: {error}")))?;
        Self::read(&text, allowed).map_err(|problems| ConfigError { path: Some(path.to_owned()), problems })
    }

    /// As [`Config::load`]; the defaults where there is no such file, or a directory above it that may not be entered (the
    /// home of another user, after setpriv or su).
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn load_if_there(path: &Path, allowed: &Allowed<'_>) -> Result<Self, ConfigError> {
        match fs::metadata(path).map_err(|error| error.kind()) {
            Err(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied) => {
                Ok(Self::default())
            }
            _ => Self::load(path, allowed),
        }
    }

    /// The defaults with what the text of a file says over them.
    ///
    /// # Errors
    /// Everything that is wrong, in order of lines.
    pub fn read(text: &str, allowed: &Allowed<'_>) -> Result<Self, Vec<Problem>> {
        let text = text.strip_prefix(MARK).unwrap_or(text);
        let document = Document::parse(text).map_err(|error| {
            let message =
                format!("not TOML: {}", printable(error.message().trim().as_bytes()).replace("\\u000a", "; "));
            let line = error.span().map(|span| line(text, span.start));
            vec![Problem { setting: String::new(), line, message }]
        })?;
        let (mut config, mut problems) = (Self::default(), Vec::new());
        let table = document.as_table();
        for (name, item) in table {
            if find(name).is_none() {
                let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
                problems.push(Problem {
                    setting: printable(name.as_bytes()).into_owned(),
                    line: span.map(|span| line(text, span.start)),
                    message: no_such_setting(name),
                });
            }
        }
        // What others refer to (presets) is documented after them, as TOML wants its tables last.
        for setting in SETTINGS.iter().rev() {
            if let Some(item) = table.get(setting.name) {
                let path = setting.name.to_owned();
                (setting.read)(&mut Reading { item, path, text, allowed, problems: &mut problems }, &mut config);
            }
        }
        problems.sort_by_key(|problem| problem.line);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Change one setting, as an option of the command line does, by the same rules as in a file.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn set(&mut self, setting: &str, to: impl Into<Value>, allowed: &Allowed<'_>) -> Result<(), ConfigError> {
        let (item, mut problems) = (value(to), Vec::new());
        match find(setting) {
            Some(known) => {
                let mut changed = self.clone();
                let path = setting.to_owned();
                let mut reading = Reading { item: &item, path, text: "", allowed, problems: &mut problems };
                (known.read)(&mut reading, &mut changed);
                if problems.is_empty() {
                    *self = changed;
                }
            }
            None => problems.push(Problem {
                setting: printable(setting.as_bytes()).into_owned(),
                line: None,
                message: no_such_setting(setting),
            }),
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { path: None, problems }) }
    }
}

fn whole_file(path: &Path, message: String) -> ConfigError {
    let problem = Problem { setting: String::new(), line: None, message };
    ConfigError { path: Some(path.to_owned()), problems: vec![problem] }
}

/// The text of a configuration file.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB, which is no configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_of(error.as_bytes(), error.utf8_error().valid_up_to());
        io::Error::other(format!("line {line} is not UTF-8 text"))
    })
}

fn line(text: &str, at: usize) -> usize {
    line_of(text.as_bytes(), at)
}

fn line_of(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// One value on its way into the configuration.
pub(super) struct Reading<'r> {
    item: &'r Item,
    /// The setting, and the place within it.
    path: String,
    text: &'r str,
    allowed: &'r Allowed<'r>,
    problems: &'r mut Vec<Problem>,
}

impl Reading<'_> {
    /// Note that something else is expected here.
    fn wrong(&mut self, expected: &str) {
        let found = self.item.span().and_then(|span: Range<usize>| self.text.get(span));
        let found = found.map_or_else(|| self.item.to_string(), str::to_owned);
        self.problem(format!("found {}, expected {expected}", shortened(found.trim())));
    }

    fn problem(&mut self, message: String) {
        let line = self.line();
        self.problems.push(Problem { setting: self.path.clone(), line, message });
    }

    fn line(&self) -> Option<usize> {
        self.item.span().map(|span| line(self.text, span.start))
    }

    /// The same for a value within this one.
    fn within<'s>(&'s mut self, place: &str, item: &'s Item) -> Reading<'s> {
        let path = format!("{}{place}", self.path);
        Reading { item, path, text: self.text, allowed: self.allowed, problems: self.problems }
    }

    fn store<T>(&mut self, read: Option<T>, expected: &str, into: &mut T) {
        match read {
            Some(read) => *into = read,
            None => self.wrong(expected),
        }
    }

    pub(super) fn seconds(&mut self, range: RangeInclusive<f64>, into: &mut Duration) {
        let number = self.item.as_float().or_else(|| self.item.as_integer().map(|whole| whole as f64));
        let inside =
            number.filter(|number| range.contains(number)).and_then(|number| Duration::try_from_secs_f64(number).ok());
        self.store(inside, &format!("a number of seconds from {} to {}", range.start(), range.end()), into);
    }

    pub(super) fn flag(&mut self, into: &mut bool) {
        self.store(self.item.as_bool(), "true or false", into);
    }

    pub(super) fn switch(&mut self, into: &mut Option<bool>) {
        let auto = (self.item.as_str() == Some(AUTO)).then_some(None);
        self.store(self.item.as_bool().map(Some).or(auto), "true, false or \"auto\"", into);
    }

    pub(super) fn choice<T: Choice>(&mut self, into: &mut T) {
        let text = self.item.as_str();
        match T::WORDS.iter().find(|(word, _)| Some(*word) == text) {
            Some((_, choice)) => *into = *choice,
            None => self.wrong(&one_of(text, T::WORDS.iter().map(|(word, _)| *word))),
        }
    }

    fn string(&mut self, expected: &str) -> Option<&str> {
        if self.item.as_str().is_none() {
            self.wrong(expected);
        }
        self.item.as_str()
    }

    /// A name that must be one of these, or any where there are none.
    fn name(&mut self, what: &str, names: &[&str], others: &[&str]) -> Option<String> {
        let name = self.string(&format!("the name of a {what}, in quotes"))?.to_owned();
        if names.is_empty() || names.iter().chain(others).any(|known| *known == name) {
            return Some(name);
        }
        let near = suggestion(&name, names.iter().chain(others).copied());
        self.problem(format!("there is no {what} {}{near}", shortened(&format!("{name:?}"))));
        None
    }

    pub(super) fn column_or_auto(&mut self, into: &mut Option<String>) {
        let columns = self.allowed.columns;
        if let Some(name) = self.name("column", columns, &[AUTO]) {
            *into = Some(name).filter(|name| name != AUTO);
        }
    }

    pub(super) fn preset(&mut self, own: &BTreeMap<String, Vec<String>>, into: &mut String) {
        let own: Vec<&str> = own.keys().map(String::as_str).collect();
        let presets = self.allowed.presets;
        if let Some(name) = self.name("preset", presets, &own) {
            *into = name;
        }
    }

    pub(super) fn theme(&mut self, into: &mut String) {
        let themes = self.allowed.themes;
        if let Some(name) = self.name("theme", themes, &[AUTO]) {
            *into = name;
        }
    }

    pub(super) fn filter(&mut self, into: &mut String) {
        let Some(text) = self.string("a filter expression in quotes").map(str::to_owned) else { return };
        match (self.allowed.filter)(&text) {
            Ok(()) => *into = text,
            Err(message) => self.problem(message),
        }
    }

    /// The elements of a list, each read by itself; those that are wrong are left out.
    fn list(&mut self, expected: &str, each: fn(&mut Reading<'_>) -> Option<String>) -> Option<Vec<String>> {
        let Some(array) = self.item.as_array() else {
            self.wrong(expected);
            return None;
        };
        let element = |(at, element): (usize, &Value)| {
            let item = Item::Value(element.clone());
            each(&mut self.within(&format!("[{at}]"), &item))
        };
        Some(array.iter().enumerate().filter_map(element).collect())
    }

    pub(super) fn columns(&mut self, into: &mut Vec<String>) {
        *into = self.list("a list of columns such as [\"pid\", \"command\"]", column).unwrap_or_default();
        for (at, name) in into.iter().enumerate() {
            if into[..at].contains(name) {
                self.problem(format!("{name:?} stands twice"));
            }
        }
    }

    /// The entries of a table, each read by itself.
    fn entries(&mut self, expected: &str, mut each: impl FnMut(&str, &mut Reading<'_>)) {
        let Some(table) = self.item.as_table_like() else { return self.wrong(expected) };
        for (name, item) in table.iter() {
            let place = format!(".{}", printable(name.as_bytes()));
            each(name, &mut self.within(&place, item));
        }
    }

    pub(super) fn widths(&mut self, into: &mut BTreeMap<String, u16>) {
        self.entries("a table such as { user = 12 }", |name, reading| {
            if !reading.allowed.columns.contains(&name) {
                let near = suggestion(name, reading.allowed.columns.iter().copied());
                return reading.problem(format!("there is no such column{near}"));
            }
            let cells = reading.item.as_integer().filter(|cells| WIDTHS.contains(cells));
            match cells.and_then(|cells| u16::try_from(cells).ok()) {
                Some(cells) => drop(into.insert(name.to_owned(), cells)),
                None => reading.wrong(&format!("a number of cells from {} to {}", WIDTHS.start(), WIDTHS.end())),
            }
        });
    }

    pub(super) fn presets(&mut self, into: &mut BTreeMap<String, Vec<String>>) {
        self.entries("a table such as { web = [\"pid\", \"command\"] }", |name, reading| {
            let mut columns = Vec::new();
            let before = reading.problems.len();
            reading.columns(&mut columns);
            if columns.is_empty() && reading.problems.len() == before {
                reading.wrong("at least one column");
            }
            into.insert(name.to_owned(), columns);
        });
    }

    pub(super) fn keys(&mut self, into: &mut Vec<KeyBinding>) {
        self.entries("a table such as { quit = [\"q\", \"F10\"] }", |action, reading| {
            let actions = reading.allowed.actions;
            if !actions.is_empty() && !actions.contains(&action) {
                return reading
                    .problem(format!("there is no such action{}", suggestion(action, actions.iter().copied())));
            }
            let keys = match reading.item.as_str() {
                Some(_) => key(reading).map(|key| vec![key]),
                None => reading.list("a list of keys such as [\"q\", \"F10\"]", key),
            };
            let line = reading.line().unwrap_or(0);
            into.extend(keys.map(|keys| KeyBinding { action: action.to_owned(), keys, line }));
        });
    }
}

/// A column within a list.
fn column(reading: &mut Reading<'_>) -> Option<String> {
    let columns = reading.allowed.columns;
    reading.name("column", columns, &[])
}

/// A key within a list.
fn key(reading: &mut Reading<'_>) -> Option<String> {
    let key = reading.string("the name of a key, in quotes")?.to_owned();
    match (reading.allowed.key)(&key) {
        Ok(()) => Some(key),
        Err(message) => {
            reading.problem(message);
            None
        }
    }
}

fn one_of<'w>(found: Option<&str>, words: impl Iterator<Item = &'w str> + Clone) -> String {
    let near = found.map_or_else(String::new, |found| suggestion(found, words.clone()));
    let words: Vec<_> = words.map(|word| format!("{word:?}")).collect();
    format!("one of {}{near}", words.join(" "))
}

/// Text of the file inside a message: one line, cut, safe to print.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(MOST).collect();
    let more = if shown.len() < text.len() { " …" } else { "" };
    format!("{}{more}", printable(shown.as_bytes()))
}

/// A list of texts as it is written.
pub(super) fn list_item(texts: &[String]) -> Item {
    value(texts.iter().map(String::as_str).collect::<Array>())
}

/// A switch as it is written.
pub(super) fn switch_item(switch: Option<bool>) -> Item {
    switch.map_or_else(|| value(AUTO), value)
}

/// A table as it is written.
pub(super) fn map_item<'n>(entries: impl Iterator<Item = (&'n String, Item)>) -> Item {
    Item::Table(entries.fold(Table::new(), |mut table, (name, item)| {
        table.insert(name, item);
        table
    }))
}
