//! The documented file against the table of settings, every kind of mistake, and saving without destroying.

#![expect(clippy::disallowed_methods, reason = "tests write files")]

use super::*;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

fn allowed() -> Allowed<'static> {
    Allowed {
        columns: &["pid", "user", "state", "rss", "cpu", "command"],
        presets: &["default", "memory", "io"],
        themes: &["auto", "default", "mono"],
        actions: &["quit", "help", "filter"],
        filter: |text| if text.contains('!') { Err("character 3: no".to_owned()) } else { Ok(()) },
        key: |key| if key.len() < 4 { Ok(()) } else { Err(format!("there is no key {key:?}")) },
    }
}

fn read(text: &str) -> Config {
    Config::read(text, &allowed()).unwrap_or_else(|problems| unreachable!("{problems:?}"))
}

fn problems(text: &str) -> Vec<(Option<usize>, String)> {
    let problems = Config::read(text, &allowed()).err().unwrap_or_default();
    let told = |problem: Problem| (problem.line, format!("{}: {}", problem.setting, problem.message));
    problems.into_iter().map(told).collect()
}

/// A configuration that differs from the default in every setting.
const OTHER: &str = r#"
delay = 0.5
form = "grouped"
group_by = "user"
sort = "rss"
sort_order = "ascending"
preset = "web"
columns = ["pid", "rss"]
kernel_threads = false
threads = true
filter = "rss > 1M"
theme = "mono"
ascii = true
mouse = false
readonly = true
widths.user = 12
widths.rss = 7
presets.web = ["pid", "command"]
keys.quit = ["q", "F10"]
keys.help = "?"
keys.filter = []
"#;

/// What [`DOCUMENTED`] has to be: the table of settings with the defaults.
fn documented() -> String {
    const HEAD: &str = "\
# The configuration of sysview: every setting with its default. Copy what you want to change to
# ~/.config/sysview/config.toml ($XDG_CONFIG_HOME is honoured); `W` on the screen writes there too, only what
# you changed, and leaves the rest of the file as it is. Options of the command line come before the file.
";
    let explained = |setting: &Setting| {
        let mut lines = vec!["#".to_owned()];
        for word in setting.help.split_whitespace() {
            match lines.last_mut().filter(|line| line.len() + word.len() <= 110) {
                Some(line) => *line = format!("{line} {word}"),
                None => lines.push(format!("# {word}")),
            }
        }
        let (name, item) = (setting.name, (setting.write)(&Config::default()));
        let last = if item.is_table() { format!("[{name}]") } else { format!("{name} = {item}") };
        format!("\n{}\n{last}\n", lines.join("\n"))
    };
    SETTINGS.iter().map(explained).fold(HEAD.to_owned(), |text, part| text + &part)
}

#[test]
fn the_documented_file_is_the_table_of_settings_with_the_defaults() {
    assert_eq!(DOCUMENTED, documented());
    assert_eq!(read(DOCUMENTED), Config::default());
    assert_eq!(read(""), Config::default());
    for setting in SETTINGS {
        assert!(setting.help.ends_with('.'), "{}", setting.name);
    }
}

#[test]
fn every_setting_is_read_and_written_alike() {
    let (default, other) = (Config::default(), read(OTHER));
    let mut document = toml_edit::DocumentMut::new();
    for setting in SETTINGS {
        let item = (setting.write)(&other);
        assert_ne!(item.to_string(), (setting.write)(&default).to_string(), "{} is not in this test", setting.name);
        document.insert(setting.name, item);
    }
    let again = read(&document.to_string());
    let without_lines = |mut config: Config| {
        config.keys.iter_mut().for_each(|binding| binding.line = 0);
        config
    };
    assert_eq!(without_lines(again), without_lines(other));
}

#[test]
fn all_problems_are_told_at_once_each_at_its_line() {
    let text = r#"# a comment
delay = 0
delai = 3
form = "tre"
group_by = 5
sort = "rsss"
preset = "memroy"
columns = ["pid", "usr", 5,
    "pid", "cpuu"]
kernel_threads = "yes"
filter = "a ! b"
theme = "momo"
ascii = "auto"
mouse = 1
[widths]
user = 0
usr = 4
[presets]
web = []
db = "pid"
[keys]
quit = ["q", "escape"]
qiut = "q"
help = 5
[colours]
x = 1
"#;
    let expected = [
        (2, "delay: found 0, expected a number of seconds from 0.1 to 3600"),
        (3, "delai: there is no such setting; did you mean delay?"),
        (4, "form: found \"tre\", expected one of \"tree\" \"flat\" \"grouped\"; did you mean tree?"),
        (5, "group_by: found 5, expected one of \"name\" \"user\" \"container\""),
        (6, "sort: there is no column \"rsss\"; did you mean rss?"),
        (7, "preset: there is no preset \"memroy\"; did you mean memory?"),
        (8, "columns[1]: there is no column \"usr\"; did you mean user?"),
        (8, "columns[2]: found 5, expected the name of a column, in quotes"),
        (8, "columns: \"pid\" stands twice"),
        (9, "columns[4]: there is no column \"cpuu\"; did you mean cpu?"),
        (10, "kernel_threads: found \"yes\", expected true or false"),
        (11, "filter: character 3: no"),
        (12, "theme: there is no theme \"momo\"; did you mean mono?"),
        (14, "mouse: found 1, expected true or false"),
        (16, "widths.user: found 0, expected a number of cells from 1 to 500"),
        (17, "widths.usr: there is no such column; did you mean user?"),
        (19, "presets.web: found [], expected at least one column"),
        (20, "presets.db: found \"pid\", expected a list of columns such as [\"pid\", \"command\"]"),
        (22, "keys.quit[1]: there is no key \"escape\""),
        (23, "keys.qiut: there is no such action; did you mean quit?"),
        (24, "keys.help: found 5, expected a list of keys such as [\"q\", \"F10\"]"),
        (25, "colours: there is no such setting; the documented settings are in the manual"),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(line, told)| (Some(line), told.to_owned())).collect();
    assert_eq!(problems(text), expected);
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    let told = problems("delay = 1\nform = \n");
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == Some(2) && told[0].1.contains("not TOML"), "{told:?}");
    let told = problems("delay = 1\ndelay = 2\n");
    assert!(told[0].0 == Some(2), "{told:?}");
    assert_eq!(problems("delay = nan\n")[0].1, "delay: found nan, expected a number of seconds from 0.1 to 3600");
    assert_eq!(problems("delay = \"\\u001b[2J\"\n")[0].1.matches('\u{1b}').count(), 0);
}

#[test]
fn own_presets_can_be_chosen_wherever_they_stand() {
    let config = read("preset = 'web'\n[presets]\nweb = ['pid']\n");
    assert_eq!(config.presets["web"], ["pid"]);
    assert_eq!(config.preset, "web");
    assert_eq!(problems("preset = 'web'\n").len(), 1);
}

#[test]
fn the_command_line_follows_the_rules_of_the_file() {
    let mut config = read("delay = 2\n");
    assert_eq!(config.set("delay", 0.25, &allowed()), Ok(()));
    assert_eq!(config.delay, Duration::from_millis(250));
    let error = config.set("delay", 0.01, &allowed()).map_err(|error| error.to_string());
    assert_eq!(error, Err("delay: found 0.01, expected a number of seconds from 0.1 to 3600".to_owned()));
    let columns = toml_edit::Array::from_iter(["pid", "usr"]);
    let error = config.set("columns", columns, &allowed()).map_err(|error| error.to_string());
    assert_eq!(error, Err("columns[1]: there is no column \"usr\"; did you mean user?".to_owned()));
    assert_eq!((config.delay, config.columns), (Duration::from_millis(250), Vec::new()));
}

#[test]
fn the_file_is_where_the_xdg_specification_has_it() {
    let at = |xdg: Option<&str>, home: Option<&str>| user_file(xdg.map(Into::into), home.map(Into::into));
    assert_eq!(at(Some("/x"), Some("/home/a")).as_deref(), Some(Path::new("/x/sysview/config.toml")));
    assert_eq!(at(None, Some("/home/a")).as_deref(), Some(Path::new("/home/a/.config/sysview/config.toml")));
    assert_eq!(at(Some("x"), Some("/home/a")), at(Some(""), Some("/home/a")));
    assert_eq!(at(None, None), None);
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_name() {
    let folder = tempfile::tempdir().expect("the test needs a directory");
    let path = folder.path().join("none.toml");
    let error = Config::load(&path, &allowed()).map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.starts_with(&format!("{}: cannot be read: No such", path.display()))));
    assert_eq!(Config::load_if_there(&path, &allowed()), Ok(Config::default()));
    fs::write(&path, b"delay = 1\n# \xff\n").expect("the test needs a file");
    let error = Config::load_if_there(&path, &allowed()).map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.ends_with("cannot be read: line 2 is not UTF-8 text")));
    fs::write(&path, "delay = 9\nform = 1\n").expect("the test needs a file");
    let lines: Vec<_> =
        Config::load(&path, &allowed()).err().into_iter().flat_map(|error| error.lines().collect::<Vec<_>>()).collect();
    assert_eq!(lines, [format!("{}:2: form: found 1, expected one of \"tree\" \"flat\" \"grouped\"", path.display())]);
}

/// What the file becomes when somebody changes `change` on the screen.
fn saved(text: &str, change: impl FnOnce(&mut Config)) -> (String, Saved) {
    let folder = tempfile::tempdir().expect("the test needs a directory");
    let path = folder.path().join("config.toml");
    fs::write(&path, text).expect("the test needs a file");
    let before = read(text);
    let mut after = before.clone();
    change(&mut after);
    let saved = after.save(&before, &path).expect("the file can be written");
    let text = fs::read_to_string(&path).expect("the file is there");
    let mut again = read(&text);
    again.keys.clone_from(&after.keys);
    assert_eq!(again, after, "{text}");
    (text, saved)
}

#[test]
fn saving_changes_what_was_changed_and_nothing_else() {
    let text = "\
# mine
form = 'flat' # as I like it

# seconds
delay    =   2
widths.user = 9 # wide

[keys] # keys
quit = ['q'] # out
";
    let (after, what) = saved(text, |config| {
        config.delay = Duration::from_millis(1500);
        config.kernel_threads = false;
        config.widths.insert("rss".to_owned(), 7);
    });
    let expected = "\
# mine
form = 'flat' # as I like it

# seconds
delay    =   1.5
widths.user = 9 # wide
widths.rss = 7
kernel_threads = false

[keys] # keys
quit = ['q'] # out
";
    assert_eq!(after, expected);
    assert_eq!(what, Saved::Written(vec!["delay", "kernel_threads", "widths"]));
    let (after, _) = saved(text, |config| config.widths.clear());
    assert_eq!(after, text.replace("widths.user = 9 # wide\n", ""));
    let (after, _) = saved(text, |config| config.form = Form::Tree);
    assert_eq!(after, text.replace("'flat'", "\"tree\""));
}

#[test]
fn a_list_keeps_its_lines_and_the_comments_of_what_stays() {
    let text = "columns = [\n  \"pid\", # which\n  \"user\",\n  # how much\n  \"rss\",\n  # more to come\n]\n";
    let (after, _) = saved(text, |config| config.columns = ["cpu", "rss", "pid"].map(str::to_owned).into());
    let expected = "columns = [\n  \"cpu\",\n  # how much\n  \"rss\",\n  \"pid\",\n  # more to come\n]\n";
    assert_eq!(after, expected);
    let (after, _) = saved("columns = ['pid', 'rss'] # two\n", |config| config.columns = vec!["rss".to_owned()]);
    assert_eq!(after, "columns = [\"rss\"] # two\n");
}

#[test]
fn a_file_of_comments_keeps_them_above() {
    let (after, _) = saved("# only\n# comments\n", |config| config.mouse = false);
    assert_eq!(after, "# only\n# comments\nmouse = false\n");
    // What Windows editors leave behind.
    let (after, _) = saved("\u{feff}delay = 2\r\nform = 'flat'\r\n", |config| config.mouse = false);
    assert_eq!(after, "\u{feff}delay = 2\r\nform = 'flat'\r\nmouse = false\r\n");
    let (after, _) = saved("[widths]\nuser = 9\n", |config| {
        config.mouse = false;
        config.presets.insert("web".to_owned(), vec!["pid".to_owned()]);
    });
    assert_eq!(after, "mouse = false\n[widths]\nuser = 9\n\n[presets]\nweb = [\"pid\"]\n");
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let folder = tempfile::tempdir().expect("the test needs a directory");
    let path = folder.path().join("deep/er/config.toml");
    let (default, mut other) = (Config::default(), Config::default());
    assert_eq!(default.save(&default, &path).ok(), Some(Saved::Unchanged));
    assert!(!path.exists());
    // Changed back to what is the default: the file need not say it.
    other.mouse = false;
    assert_eq!(default.save(&other, &path).ok(), Some(Saved::Unchanged));
    assert_eq!(other.save(&default, &path).ok(), Some(Saved::Written(vec!["mouse"])));
    assert_eq!(other.save(&default, &path).ok(), Some(Saved::Unchanged));
    assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("mouse = false\n"));
    assert_eq!(fs::read_dir(folder.path().join("deep/er")).map(Iterator::count).ok(), Some(1));
}

#[test]
fn permissions_and_links_stay_and_a_broken_file_is_left_alone() {
    let folder = tempfile::tempdir().expect("the test needs a directory");
    let (real, link) = (folder.path().join("dots/real.toml"), folder.path().join("config.toml"));
    fs::create_dir(folder.path().join("dots")).expect("the test needs a directory");
    std::os::unix::fs::symlink("dots/real.toml", &link).expect("the test needs a link");
    let (default, mut other) = (Config::default(), Config::default());
    other.mouse = false;
    // The link's end does not exist yet.
    assert_eq!(other.save(&default, &link).ok(), Some(Saved::Written(vec!["mouse"])));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("it is ours");
    assert_eq!(default.save(&other, &link).ok(), Some(Saved::Written(vec!["mouse"])));
    assert!(fs::symlink_metadata(&link).is_ok_and(|data| data.is_symlink()));
    assert_eq!(fs::metadata(&real).map(|data| data.permissions().mode() & 0o777).ok(), Some(0o640));
    assert_eq!(fs::read_to_string(&real).ok().as_deref(), Some("mouse = true\n"));
    fs::write(&real, "mouse = \n").expect("it is ours");
    assert!(other.save(&default, &link).is_err());
    assert_eq!(fs::read_to_string(&real).ok().as_deref(), Some("mouse = \n"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_saving_over_it_keeps_it_readable(
        lines in proptest::collection::vec(proptest::sample::select(vec![
            "delay = 2", "form = 'flat'", "# c", "", "widths = { user = 3 }", "[widths]", "user = 4", "[keys]",
            "quit = 'q'", "[presets]", "web = ['pid']", "mouse = false # c", "columns = [ # c", "'pid',", "]", "[[a]]", "\t= 5",
        ]), 0..8),
        any in "\\PC{0,20}",
    ) {
        let _ = Config::read(&any, &allowed());
        let text = lines.join("\n");
        if let Ok(before) = Config::read(&text, &allowed()) {
            let (after, _) = saved(&text, |config| *config = Config { keys: before.keys.clone(), ..read(OTHER) });
            for line in lines.iter().filter(|line| line.starts_with('#')) {
                proptest::prop_assert!(after.contains(line));
            }
        }
    }
}
