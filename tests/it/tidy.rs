//! The project held against its own rules: layers, heads of files, what is stored and not used, documents that are made
//! from tables.

use clap::CommandFactory;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use sysview::{
    cli::Cli,
    table::{
        columns::{About, Unit},
        tables,
    },
    tui::action::{ACTIONS, ActionInfo, Topic},
};

/// What a module may use: other modules of the library, and crates. Modules of the same layer do not know each other
/// unless it says so here; `module::Name` allows that one thing of it. The entry with the longest path that a file's path
/// begins with is the one for it.
struct Layer {
    path: &'static str,
    modules: &'static [&'static str],
    crates: &'static [&'static str],
}

const fn layer(path: &'static str, modules: &'static [&'static str], crates: &'static [&'static str]) -> Layer {
    Layer { path, modules, crates }
}

/// Stands for every module, or every crate.
const ANY: &[&str] = &["*"];

/// Data flows from the kernel upwards through these; nothing reaches for what is above it.
const LAYERS: &[Layer] = &[
    layer("unit", &[], &["serde"]),
    layer("text", &[], &["unicode_width"]),
    layer("signal", &["unit", "text"], &[]),
    layer("nearest", &[], &["strsim"]),
    layer("snapshot", &["unit", "text", "signal"], &["serde"]),
    layer("proc", &["unit", "text", "snapshot"], &["procfs", "object", "memchr"]),
    layer("config", &["unit", "text", "nearest", "table"], &["serde", "toml_edit"]),
    layer("sys", &["unit", "snapshot", "signal"], &["rustix", "libc"]),
    layer(
        "collect",
        &["unit", "text", "snapshot", "proc", "sys"],
        &["procfs", "sysinfo", "rustix", "jiff", "object", "flate2", "memchr"],
    ),
    layer("control", &["unit", "text", "snapshot", "proc", "sys", "signal", "collect"], &["rustix", "libc"]),
    layer("analysis", &["unit", "text", "snapshot", "signal"], &["object"]),
    layer(
        "table",
        &["unit", "text", "snapshot", "analysis", "nearest", "signal"],
        &["unicode_width", "unicode_segmentation", "regex_lite", "serde_json", "jiff"],
    ),
    layer(
        "tui",
        &["unit", "text", "snapshot", "analysis", "table", "config", "nearest", "signal", "control::ControlError"],
        &["ratatui", "crossterm", "unicode_width", "unicode_segmentation", "jiff"],
    ),
    layer("tui/theme", &["unit", "text", "nearest", "config"], &["ratatui", "toml_edit"]),
    layer("tui/runtime", ANY, ANY),
    layer("cli", ANY, &["clap", "clap_complete"]),
    layer("command", ANY, ANY),
    layer("lib", ANY, ANY),
    layer("main", ANY, ANY),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a directory; none where there is no such directory.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.expect("a directory that was opened can be listed").path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn sources(directories: &[&str]) -> Vec<PathBuf> {
    let all = directories.iter().flat_map(|directory| files(directory));
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The code of a file without its comments and its tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What follows `crate::` in the code, those in braces included.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').map_or_else(Vec::new, top_level);
        let names = if group.is_empty() { vec![rest] } else { group };
        used.extend(names.into_iter().map(|name| path(name.trim_start()).to_owned()).filter(|name| !name.is_empty()));
    }
    used
}

/// The parts of `a::{b, c}, d}…`, up to the brace that closes the group.
fn top_level(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0u32, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// `a::b` of `a::b::c`, or `a` where a group follows.
fn path(text: &str) -> &str {
    let first = word(text);
    let second = text[first.len()..].strip_prefix("::").map(word).filter(|second| !second.is_empty());
    second.map_or(first, |second| &text[..first.len() + 2 + second.len()])
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The crates in Cargo.toml, as the code calls them.
fn dependencies() -> BTreeSet<String> {
    let manifest = read(&root().join("Cargo.toml"));
    let (_, after) = manifest.split_once("\n[dependencies]\n").expect("there are dependencies");
    let section = after.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter(|line| !line.starts_with('#') && line.contains('='));
    names.map(|line| word(&line.replace('-', "_")).to_owned()).collect()
}

fn uses_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let begins_a_path =
        |at: usize| !code[..at].ends_with("::") && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(&path).any(|(at, _)| begins_a_path(at)) || code.contains(&format!("use {name};"))
}

#[test]
fn layers() {
    let dependencies = dependencies();
    let mut wrong = Vec::new();
    for path in sources(&["src"]) {
        let name = path.strip_prefix(root().join("src")).expect("it was found there").with_extension("");
        let layer = LAYERS.iter().filter(|layer| name.starts_with(layer.path)).max_by_key(|layer| layer.path.len());
        let Some(layer) = layer else {
            wrong.push(format!("{} is in no layer", name.display()));
            continue;
        };
        let own = layer.path.split('/').next().unwrap_or_default();
        let code = code(&read(&path));
        let module_allowed = |used: &String| {
            let module = word(used);
            layer.modules == ANY || module == own || layer.modules.iter().any(|name| *name == module || name == used)
        };
        let crate_allowed = |name: &String| layer.crates == ANY || layer.crates.contains(&&**name);
        let modules = modules_used(&code).into_iter().filter(|module| !module_allowed(module));
        let crates = dependencies.iter().filter(|name| uses_crate(&code, name) && !crate_allowed(name)).cloned();
        wrong.extend(modules.chain(crates).map(|used| format!("{} may not use {used}", name.display())));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn layers_are_told_from_text() {
    let code = "use crate::{\n    a::{b, c},\n    d,\n};\nlet x = crate::e::f(); procfs::g(); self::sysinfo::h();";
    assert_eq!(modules_used(code).into_iter().collect::<Vec<_>>(), ["a", "d", "e::f"]);
    assert!(uses_crate(code, "procfs") && !uses_crate(code, "fs") && !uses_crate(code, "sysinfo"));
    assert!(dependencies().contains("regex_lite"));
}

#[test]
fn heads() {
    let headless = |path: &PathBuf| !read(path).starts_with("//! ");
    let wrong: Vec<_> = sources(&["src", "tests", "benches"]).into_iter().filter(headless).collect();
    assert!(wrong.is_empty(), "files that do not say at their head what they are for: {wrong:?}");
}

#[test]
fn nothing_is_unwrapped() {
    // Put together here, lest this file be the one that is found.
    let call = [".unwrap", "()"].concat();
    let wrong: Vec<_> =
        sources(&["src", "tests", "benches"]).into_iter().filter(|path| read(path).contains(&call)).collect();
    assert!(wrong.is_empty(), "files that do not say why it cannot fail: {wrong:?}");
}

/// Fixtures and snapshots are named in the code that uses them: a fixture by its file name, a snapshot by what follows
/// the name of its module, without the size of the screen and the number that tells several of one test apart.
#[test]
fn nothing_is_stored_and_not_used() {
    let code: String = sources(&["src", "tests", "benches"]).iter().map(|path| read(path)).collect();
    let stored = files("tests").into_iter().chain(files("src")).chain(files("benches"));
    let unused = stored.filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sought = match name.strip_suffix(".snap") {
            Some(snapshot) => {
                let test = snapshot.rsplit("__").next().unwrap_or(snapshot);
                let test = test.split('@').next().unwrap_or(test);
                test.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-').to_owned()
            }
            None if path.parent().is_some_and(|parent| parent.ends_with("fixtures")) => name,
            None => return false,
        };
        !code.contains(&sought)
    });
    let unused: Vec<_> = unused.collect();
    assert!(unused.is_empty(), "no test uses {unused:?}");
}

#[test]
fn changelog() {
    let changes = read(&root().join("CHANGELOG.md"));
    let first = changes.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}

/// The last command of `.ci/run` is the one that the README gives for all tests, so that their summary closes both.
#[test]
fn the_documented_test_command_closes_the_checks() {
    let checks = read(&root().join(".ci/run"));
    let last = checks.trim_end().lines().last().expect("there are checks");
    assert!(read(&root().join("README.md")).contains(&format!("```sh\n{last}\n```")), "{last}");
}

/// A list in the README that is made from a table: the name of its markers, and the list.
type List = (&'static str, fn() -> String);

/// All of them.
const LISTS: &[List] =
    &[("keys", keys), ("columns", || columns(0)), ("map-columns", || columns(1)), ("commands", commands)];

#[test]
fn readme() {
    let path = root().join("README.md");
    let stored = read(&path);
    let made = LISTS.iter().fold(stored.clone(), |text, (name, list)| between_markers(&text, name, &list()));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).expect("the README can be written");
    } else {
        assert!(
            made == stored,
            "lists in the README are out of date: UPDATE=1 cargo test --locked --test it tidy::readme"
        );
    }
}

fn between_markers(text: &str, name: &str, list: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("the README has no marker {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("the README has no marker {close}"));
    format!("{before}{open}{list}{close}{after}")
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn keys() -> String {
    let row = |info: &ActionInfo| {
        let keys: Vec<_> = info.keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | {} |\n", keys.join(" "), cell(info.help))
    };
    let topic = |(topic, title): (Topic, &str)| {
        let rows: String = ACTIONS.iter().filter(|info| info.topic == topic).map(row).collect();
        format!("| **{title}** | |\n{rows}")
    };
    let rows: String = Topic::ALL.into_iter().map(topic).collect();
    format!("| key | does |\n|---|---|\n{rows}")
}

fn columns(table: usize) -> String {
    let row = |column: &About| {
        let unit = if column.unit == Unit::None { "" } else { column.unit.word() };
        format!("| `{}` | {} | {unit} | {} |\n", column.name, cell(column.title), cell(column.help))
    };
    let rows: String = tables()[table].1.iter().map(row).collect();
    format!("| name | heading | unit | meaning |\n|---|---|---|---|\n{rows}")
}

fn commands() -> String {
    let row = |command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("| `sysview {}` | {} |\n", command.get_name(), cell(&about))
    };
    let rows: String = Cli::command().get_subcommands().map(row).collect();
    format!("| command | gives |\n|---|---|\n{rows}")
}
