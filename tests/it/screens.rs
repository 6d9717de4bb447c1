//! The screen: a recording, keys, what is seen. The main suite: one line a test, three sizes each, in tests/screens.
//!
//! A snapshot holds the text of the screen and then, line by line, the cells that have a look of their own, so that a
//! colour that got lost is seen too.

use crate::fixture;
use clap::Parser;
use insta::Settings;
use proptest::{collection::vec, prelude::*, sample::select};
use ratatui::{buffer::Buffer, style::Style};
use std::{fmt::Write as _, sync::Arc, time::Duration};
use sysview::{
    cli::Cli,
    collect::archive::text as format,
    collect::archive::{Archive, Content, Machine, Tick},
    command::screen::{Abilities, app, configuration},
    control::ControlError,
    snapshot::{ExitStatus, Snapshot},
    table::COLUMNS,
    text::is_unsafe,
    tui::{
        Effect,
        action::ACTIONS,
        app::Input,
        runtime::headless::{Headless, Retouch},
        theme::Depth,
        widget::table,
    },
    unit::Nanoseconds,
};
use unicode_width::UnicodeWidthStr;

/// Every screen is held at a wide, a common and a narrow size.
const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 15)];

/// A screen to be opened.
#[derive(Clone)]
pub struct Scene {
    recording: (Machine, Vec<Tick>),
    arguments: Vec<String>,
    abilities: Abilities,
    retouch: Retouch,
    sizes: &'static [(u16, u16)],
}

/// What would change from run to run is settled: what sysview itself costs, and the time zone of whoever runs the tests.
fn steady(snapshot: &mut Snapshot) {
    snapshot.own_cpu = Nanoseconds(u64::try_from(snapshot.taken.boot.as_micros()).unwrap_or(0) * 4);
    let wall = i64::try_from(snapshot.taken.wall.as_secs()).unwrap_or(0);
    let here = jiff::Timestamp::from_second(wall).unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
    let shown_as_utc = wall - i64::from(here.offset().seconds());
    snapshot.taken.wall = Duration::from_secs(u64::try_from(shown_as_utc).unwrap_or(0));
}

/// The same as if it were the machine that the test runs on, with its exit statuses.
fn as_if_live(snapshot: &mut Snapshot) {
    steady(snapshot);
    snapshot.observer.foreign = false;
    for exited in &mut snapshot.exited {
        exited.status = Ok(ExitStatus::Code(2));
    }
}

impl Scene {
    /// The recording with this name, as `sysview --from` opens it.
    pub fn of(name: &str) -> Self {
        Self { arguments: vec!["--from".into(), name.into()], ..Self::over(parsed(name)) }
    }

    /// A source with this in it, which is no recording.
    fn over(recording: (Machine, Vec<Tick>)) -> Self {
        let abilities = Abilities { depth: Depth::Sixteen, unicode: true };
        Self { recording, arguments: Vec::new(), abilities, retouch: steady, sizes: &SIZES }
    }

    /// The machine that the test runs on, as it were.
    fn live(recording: (Machine, Vec<Tick>)) -> Self {
        Self { retouch: as_if_live, ..Self::over(recording) }
    }

    /// With these arguments on the command line.
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    pub fn depth(mut self, depth: Depth) -> Self {
        self.abilities.depth = depth;
        self
    }

    pub fn at(self, sizes: &'static [(u16, u16)]) -> Self {
        Self { sizes, ..self }
    }

    /// Open it; the first sample is taken.
    fn open(&self, size: (u16, u16)) -> Headless {
        let (machine, ticks) = self.recording.clone();
        let source = Arc::new(Archive::new(machine, ticks));
        let arguments = std::iter::once("sysview").chain(self.arguments.iter().map(String::as_str));
        let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
        let config = configuration(&cli.screen, None).unwrap_or_else(|error| panic!("{error}"));
        let app = app(&cli, &config, self.abilities, &*source).unwrap_or_else(|error| panic!("{error}"));
        let mut screen = Headless::new(app, source, size, self.retouch);
        screen.tick().expect("the processes can be listed");
        screen
    }

    /// Press keys and compare what is seen.
    pub fn shows(&self, name: &str, keys: &str) {
        self.does(name, keys, |_, _| {});
    }

    /// The same, with something done after the keys.
    fn does(&self, name: &str, keys: &str, then: impl Fn(&mut Headless, Vec<Effect>)) {
        for &(width, height) in self.sizes {
            let mut screen = self.open((width, height));
            let effects = press(&mut screen, keys);
            then(&mut screen, effects);
            let buffer = screen.draw();
            assert_safe(&buffer);
            let mut settings = Settings::new();
            settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens"));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_description(format!("sysview {}: {keys}", self.arguments.join(" ")));
            settings.bind(|| insta::assert_snapshot!(format!("{name}@{width}x{height}"), told(&buffer)));
        }
    }
}

fn parsed(name: &str) -> (Machine, Vec<Tick>) {
    format::parse(&fixture::text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn press(screen: &mut Headless, keys: &str) -> Vec<Effect> {
    screen.press(keys).unwrap_or_else(|error| panic!("{keys}: {error}"))
}

/// A recording, keys, a screen.
fn screen(name: &str, recording: &str, keys: &str) {
    Scene::of(recording).shows(name, keys);
}

/// The text of a line; a wide character stands for both its cells.
fn line(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut x = 0;
    while let Some(cell) = buffer.cell((x, y)) {
        text.push_str(cell.symbol());
        x += u16::try_from(cell.symbol().width().max(1)).unwrap_or(1);
    }
    text
}

fn told(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let _ = writeln!(text, "{}", line(buffer, y).trim_end());
    }
    text.push_str("──\n");
    for y in 0..buffer.area.height {
        let looks: Vec<String> =
            looks(buffer, y).iter().map(|(look, runs)| format!("{look} {}", runs.join(" "))).collect();
        if !looks.is_empty() {
            let _ = writeln!(text, "{:>2} {}", y + 1, looks.join(", "));
        }
    }
    text
}

/// The looks of a line, each with the cells that have it, counted from 1.
fn looks(buffer: &Buffer, y: u16) -> Vec<(String, Vec<String>)> {
    let mut looks: Vec<(String, Vec<String>)> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let style = buffer[(x, y)].style();
        let start = x;
        while x < buffer.area.width && buffer[(x, y)].style() == style {
            x += 1;
        }
        let look = look(style);
        if look.is_empty() {
            continue;
        }
        let run = if x - start == 1 { format!("{x}") } else { format!("{}-{x}", start + 1) };
        match looks.iter_mut().find(|(other, _)| *other == look) {
            Some((_, runs)) => runs.push(run),
            None => looks.push((look, vec![run])),
        }
    }
    looks
}

/// A style in the words of a theme.
fn look(style: Style) -> String {
    let colour = |prefix: &str, colour: Option<ratatui::style::Color>| {
        let text = colour.map(|colour| colour.to_string().to_lowercase()).filter(|text| text != "reset");
        text.map(|text| format!("{prefix}{text}"))
    };
    let modifiers = style.add_modifier.iter_names().map(|(name, _)| name.to_lowercase());
    let words = colour("", style.fg).into_iter().chain(modifiers).chain(colour("on ", style.bg));
    words.collect::<Vec<_>>().join("-")
}

/// Nothing that could disturb a terminal is in any cell, and each holds what its width says.
fn assert_safe(buffer: &Buffer) {
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            assert!(!symbol.chars().any(is_unsafe), "{symbol:?} at {x}, {y}");
            let right = (x + 1 < buffer.area.width).then(|| buffer[(x + 1, y)].symbol());
            assert!(symbol.width() == 1 || right == Some(" "), "{symbol:?} has no room at {x}, {y}");
        }
    }
}

/// A machine with this many CPUs, each with a load of its own.
fn machine_of(cpus: u64) -> (Machine, Vec<Tick>) {
    let (machine, mut ticks) = parsed("calm.txt");
    for (tick, second) in ticks.iter_mut().zip(0..) {
        let Some((_, content)) = tick.entries.iter_mut().find(|(path, _)| path == "stat") else { continue };
        let Content::File(bytes) = content else { continue };
        let old = String::from_utf8_lossy(bytes).into_owned();
        let times = |number: u64| {
            let (user, system, wait) = (number * 37 % 90, number * 11 % 10, u64::from(number % 8 == 3) * 5);
            let idle = 100 - (user + system + wait).min(100);
            [user, 0, system, idle, wait, 0, 0, 0].map(|each| each * second)
        };
        let row =
            |name: &str, times: [u64; 8]| format!("{name} {} 0 0\n", times.map(|time| time.to_string()).join(" "));
        let all: Vec<[u64; 8]> = (0..cpus).map(times).collect();
        let sum = std::array::from_fn(|at| all.iter().map(|times| times[at]).sum());
        let mut text = row("cpu ", sum);
        all.iter().zip(0..).for_each(|(times, number)| text.push_str(&row(&format!("cpu{number}"), *times)));
        let rest = old.lines().filter(|line| !line.starts_with("cpu"));
        rest.for_each(|line| text.extend([line, "\n"]));
        *bytes = text.into_bytes();
    }
    (machine, ticks)
}

#[test]
fn a_mapping_looked_into() {
    let scene = Scene::of("one-map.txt").with(&["--pane", "memory", "42"]);
    scene.shows("mapping", "/jit<enter><enter>");
    scene.shows("mapping-deleted", "/libold<enter><enter>j");
    scene.shows("mapping-flags", "/heap<enter><enter><end><up><up>");
    scene.shows("mapping-next", "/heap<enter><enter>nN<pageup>nn");
    scene.shows("mapping-contents", "/heap<enter><enter>v");
    scene.shows("mapping-search", "/heap<enter><enter>/root:<enter>");
    scene.shows("mapping-search-typed", "/heap<enter><enter>/0x7f 4");
    scene.shows("mapping-address", "/heap<enter><enter>/0x7ffc5193d010<enter>");
    scene.shows("mapping-sharers", "/libold<enter><enter>vv");
    scene.shows("mapping-sharers-of-nothing", "/heap<enter><enter>vv");
    // How long reading it took stands on wider screens.
    scene.clone().at(&[(80, 24), (60, 15)]).shows("mapping-closed", "/libold<enter><enter>nn<esc>");
    // Of an object there are sums, as in its row.
    scene.shows("mapping-object", "t/server<enter><enter>");
    scene.depth(Depth::None).with(&["--ascii"]).shows("mapping-ascii", "/jit<enter><enter>");
}

/// A map of every sort, and what it is a second later: the heap has grown, and what was compiled at run time lies elsewhere.
fn grown() -> (Machine, Vec<Tick>) {
    const CHANGES: [(&str, &str); 5] = [
        ("556c5fd97000-556c60197000", "556c5fd97000-556c60297000"),
        ("Size:               4096 kB", "Size:               5120 kB"),
        ("Rss:                3072 kB", "Rss:                4096 kB"),
        ("Pss:                3072 kB", "Pss:                4096 kB"),
        ("7f0cc8000000-7f0cc8100000", "7f0ca0000000-7f0ca0100000"),
    ];
    let (machine, mut ticks) = parsed("one-map.txt");
    let later = |(path, content): &(String, Content)| {
        let Content::File(bytes) = content else { return None };
        let text = String::from_utf8(bytes.clone()).ok().filter(|_| path.starts_with("42/"))?;
        let changed = CHANGES.iter().fold(text.clone(), |text, (old, new)| text.replace(old, new));
        (changed != text).then(|| (path.clone(), Content::File(changed.into_bytes())))
    };
    let entries = ticks[0].entries.iter().filter_map(later).collect();
    ticks.push(Tick { taken: None, entries });
    (machine, ticks)
}

#[test]
fn a_map() {
    let one = Scene::of("one-map.txt").with(&["--pane", "memory", "42"]);
    let map = Scene::of("map.txt").with(&["--pane", "memory", "1500"]);
    map.shows("map", "");
    map.shows("map-sorted", "srss<enter>");
    map.shows("map-filtered", "frss > 1M and permissions ~ w<enter>");
    map.shows("map-filter-empty", "frss > 1G<enter>");
    map.shows("map-address", "/0x7f303da09123<enter>");
    map.shows("map-address-free", "/0x600000000000<enter>");
    map.shows("map-objects", "t");
    map.shows("map-object-open", "tjj<right>");
    map.shows("map-objects-filtered", "tfkind = text<enter>");
    map.shows("map-picture", "v");
    map.shows("map-picture-end", "v<end>");
    map.shows("map-pages", "vv");
    map.shows("map-aslr", "vvv");
    map.shows("map-lab", "A");
    map.shows("map-frozen", "<tick>z<tick>[");
    map.shows("map-explained", "ejjj");
    map.shows("map-columns", "c");
    one.shows("map-of-every-sort", "");
    one.shows("map-vsyscall", "vv/vsyscall<enter>");
    one.with(&["--ascii"]).depth(Depth::None).shows("map-ascii", "<end>");
}

#[test]
fn a_map_that_grows() {
    let map = Scene::of("map.txt").with(&["--pane", "memory", "1500"]);
    map.shows("map-baseline", "b");
    map.shows("map-grown", "b<tick><tick>");
    map.shows("map-grown-objects", "b<tick><tick>t");
    map.shows("map-baseline-dropped", "b<tick><esc>");
    let moved = Scene { recording: grown(), ..Scene::of("one-map.txt").with(&["--pane", "memory", "42"]) };
    moved.shows("map-vanished", "b<tick>");
    moved.shows("map-vanished-details", "b<tick>/vanished<esc><end><enter>");
    // Another process has neither the baseline nor the columns for it.
    moved.at(&SIZES[1..2]).shows("map-of-another", "b<tick>1/mine<enter>m");
}

#[test]
fn no_map() {
    let cases =
        [("no-map-kernel-thread", "2"), ("no-map-zombie", "43"), ("no-map-denied", "44"), ("no-map-nobody", "4711")];
    for (name, pid) in cases {
        Scene::of("one-map.txt").with(&["--pane", "memory", pid]).shows(name, "");
    }
    let denied = Scene::of("one-map.txt").with(&["--pane", "memory", "44"]).at(&SIZES[1..2]);
    denied.shows("no-map-opened", "<enter>");
    denied.shows("no-map-explained", "e");
    denied.shows("no-map-baseline", "b");
}

#[test]
fn keys_that_do_nothing_in_a_map_say_so() {
    let map = Scene::of("map.txt").with(&["--pane", "memory", "1500"]).at(&SIZES[1..2]);
    map.shows("map-refused-threads", "H");
    map.shows("map-refused-next", "n");
    map.shows("map-refused-fold", "<right>");
    map.shows("map-refused-form", "vt");
}

#[test]
fn the_mouse_in_a_map() {
    let map = Scene::of("map.txt").with(&["--pane", "memory", "1500"]).at(&SIZES[1..2]);
    let clicked = |name: &str, keys: &str, click: &str| {
        map.does(name, keys, |screen, _| {
            // What is clicked at is what was drawn.
            screen.draw();
            press(screen, click);
        });
    };
    clicked("map-clicked", "", "<click 20 14>");
    clicked("map-clicked-heading", "", "<click 34 8>");
    clicked("map-clicked-picture", "v", "<click 20 18>");
    clicked("map-clicked-below", "fkind = heap<enter>", "<click 20 18>");
    map.shows("map-wheel", "<wheel-down>");
    map.shows("map-wheel-picture", "v<wheel-down>");
}

#[test]
fn forms() {
    screen("first-sample", "calm.txt", "");
    screen("tree", "calm.txt", "<tick>");
    screen("tree-busy", "busy.txt", "<tick>");
    screen("flat", "busy.txt", "<tick>t");
    screen("grouped-by-name", "busy.txt", "<tick>tt");
    screen("grouped-by-user", "calm.txt", "<tick>ttv");
    screen("grouped-by-container", "container.txt", "<tick>ttvv");
    screen("group-open", "calm.txt", "<tick>tt<right>");
}

#[test]
fn folding() {
    screen("folded", "calm.txt", "<tick>jjjjj<left><left>");
    screen("all-folded", "busy.txt", "<tick>**");
    screen("all-open", "calm.txt", "<tick>*");
    screen("branch-folded", "busy.txt", "<tick>*-");
    screen("branch-opened-again", "busy.txt", "<tick>*-+");
}

#[test]
fn sorting() {
    screen("sort-menu", "calm.txt", "<tick>ts");
    screen("sort-menu-narrowed", "calm.txt", "<tick>tsfault");
    screen("sorted", "busy.txt", "<tick>tsrss<enter>");
    screen("sort-reversed", "busy.txt", "<tick>tsrss<enter>s<enter>");
    Scene::of("busy.txt").at(&SIZES[..1]).shows("sorted-by-click", "<tick>t<click 38 5>");
}

#[test]
fn filtering() {
    screen("filter-typed", "busy.txt", "<tick>fstate in (D, Z)");
    screen("filter-kept", "busy.txt", "<tick>fstate in (D, Z)<enter>");
    screen("filter-error", "busy.txt", "<tick>frss > 10Q");
    screen("filter-unknown-column", "busy.txt", "<tick>frs > 10M");
    screen("filter-empty", "busy.txt", "<tick>fstate = X<enter>");
    screen("filter-long", "busy.txt", &format!("<tick>f{}<left><left>", "state = S or ".repeat(10)));
    screen("filter-prompt", "busy.txt", "<tick>f");
    screen("user-menu", "calm.txt", "<tick>u");
    screen("user-chosen", "calm.txt", "<tick>uwww<enter>");
}

#[test]
fn searching() {
    screen("search-typed", "calm.txt", "<tick>/nginx");
    screen("search-next", "calm.txt", "<tick>/nginx<enter>n");
    screen("search-previous", "calm.txt", "<tick>/nginx<enter>N");
    screen("search-in-folded-branch", "calm.txt", "<tick>/kswapd<enter>");
    screen("search-finds-nothing", "calm.txt", "<tick>/nosuch");
}

#[test]
fn tags_and_following() {
    screen("tagged", "calm.txt", "<tick>jj  ");
    screen("followed", "busy.txt", "<tick>tjjF<tick>");
}

#[test]
fn time() {
    screen("frozen", "busy.txt", "<tick>z<tick>");
    screen("stepped-back", "busy.txt", "<tick><tick>[[");
    screen("stepped-forth", "busy.txt", "<tick><tick>[[]");
    screen("thawed", "busy.txt", "<tick><tick>[[z");
    screen("newborn", "busy.txt", "<tick><end>");
    Scene::live(parsed("busy.txt")).shows("exited", "<tick><tick>");
    screen("slower", "calm.txt", "<tick><<>");
}

#[test]
fn threads() {
    screen("threads", "busy.txt", "<tick>H<tick>");
    screen("threads-flat", "busy.txt", "<tick>tH<tick>");
    let both = Scene::of("busy.txt").with(&["--columns", "pid,tid,state,cpu,rss,command"]).at(&SIZES[1..2]);
    both.shows("threads-with-both-ids", "<tick>H<tick>");
    screen("no-kernel-threads", "calm.txt", "<tick>K");
}

#[test]
fn columns() {
    screen("columns", "calm.txt", "<tick>c");
    screen("column-off", "calm.txt", "<tick>cj <esc>");
    screen("column-moved", "calm.txt", "<tick>cj]]");
    screen("column-wider", "calm.txt", "<tick>cj<right><right><right><esc>");
    screen("preset-memory", "calm.txt", "<tick>cvv<esc>");
    screen("preset-in-chooser", "calm.txt", "<tick>cvv");
    let own = ["--columns", "pid,ppid,user,state,wchan,elapsed,start,exe,command"];
    Scene::of("calm.txt").with(&own).shows("own-columns", "<tick>");
}

#[test]
fn overlays() {
    screen("explain", "busy.txt", "<tick>jjjejjj");
    screen("details", "busy.txt", "<tick>jjj<enter>");
    screen("details-end", "busy.txt", "jjj<enter><end><tick>");
    screen("help", "calm.txt", "<tick>?");
    screen("details-first-rates", "busy.txt", "<tick>jjj<enter><end>");
    screen("help-end", "calm.txt", "<tick>?<end>");
}

#[test]
fn signals() {
    let live = Scene::live(parsed("busy.txt"));
    live.shows("signal", "<tick>jjjx");
    live.shows("signal-typed", "<tick>jjjxki");
    live.shows("signal-unknown", "<tick>jjjxnope");
    live.shows("signal-several", "<tick>jjj       x");
    live.shows("signal-cancelled", "<tick>jjjx<esc>");
    live.does("signal-results", "<tick>jjj       x9<enter>", |screen, effects| {
        let [Effect::Signal { targets, signal }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(signal.number(), 9);
        let results = [Ok(()), Err(ControlError::Denied), Err(ControlError::Gone)];
        let results = targets.iter().copied().zip(results.into_iter().cycle()).collect();
        screen.app.update(Input::Signalled(results));
    });
    let readonly = Scene::live(parsed("busy.txt")).with(&["--readonly"]);
    readonly.shows("readonly", "<tick>x");
    screen("signals-of-a-recording", "calm.txt", "<tick>x");
    readonly.at(&SIZES[..1]).shows("readonly-help", "<tick>?<end>");
}

#[test]
fn machines() {
    Scene::live(parsed("calm.txt")).shows("live", "<tick>");
    Scene::over(parsed("calm.txt")).shows("other-namespace", "<tick>");
    screen("container", "container.txt", "<tick>");
    Scene::live(parsed("container.txt")).shows("container-live", "<tick>");
    for cpus in [1, 8, 64, 200] {
        Scene::live(machine_of(cpus)).shows(&format!("cpus-{cpus}"), "<tick>");
    }
    Scene::live(machine_of(200)).with(&["--ascii"]).at(&SIZES[1..2]).shows("cpus-200-ascii", "<tick>");
    screen("hostile", "hostile.txt", "");
    screen("hostile-changed", "hostile.txt", "<tick>");
    screen("hostile-flat", "hostile.txt", "<tick>t");
    screen("hostile-details", "hostile.txt", "<tick>j<enter>jjj");
}

#[test]
fn terminals() {
    Scene::of("busy.txt").with(&["--ascii"]).shows("ascii", "<tick>");
    Scene::of("busy.txt").depth(Depth::None).shows("mono", "<tick>");
    Scene::of("busy.txt").depth(Depth::True).at(&SIZES[..1]).shows("true-colour", "<tick>");
    Scene::of("busy.txt").at(&[(20, 5)]).shows("too-small", "<tick>");
    Scene::of("busy.txt").at(&[(40, 8)]).shows("smallest", "<tick>");
    Scene::of("busy.txt").at(&[(200, 60)]).shows("largest", "<tick>");
}

#[test]
fn mouse() {
    Scene::of("calm.txt").at(&SIZES[1..2]).shows("clicked", "<tick><click 10 14>");
    Scene::of("calm.txt").at(&SIZES[2..]).shows("wheel", "<tick><wheel-down>");
    Scene::of("busy.txt").at(&SIZES[1..]).shows("selection-out-of-view", "<tick>t<wheel-down><wheel-down>");
}

/// The line with the names of the columns.
fn heading(buffer: &Buffer) -> Option<u16> {
    (0..buffer.area.height).find(|y| line(buffer, *y).contains(" 1 Processes ")).map(|y| y + 1)
}

/// Between two columns there is a blank on every line, and the last column begins with something on every one of them:
/// no value, whatever it is, moves what stands beside it.
fn assert_aligned(screen: &Headless, buffer: &Buffer) {
    let Some(heading) = heading(buffer) else { return };
    let (places, _) = table::fit(&screen.app.panes.processes.columns, buffer.area.width - 1);
    let rows = screen.app.panes.processes.lines.lines.len().saturating_sub(screen.app.panes.processes.offset());
    let last = (heading + 1 + u16::try_from(rows).unwrap_or(u16::MAX)).min(buffer.area.height - 1);
    for y in heading..last {
        for (column, place) in places.iter().skip(1) {
            let symbol = buffer[(place.x, y)].symbol();
            assert_eq!(symbol, " ", "before {} in line {y}: {:?}", column.name, line(buffer, y));
        }
    }
}

/// From nothing at all to more than a desk holds.
const LAW_SIZES: [(u16, u16); 15] = [
    (0, 0),
    (1, 1),
    (2, 3),
    (10, 2),
    (39, 8),
    (40, 7),
    (40, 8),
    (41, 9),
    (60, 10),
    (80, 12),
    (80, 24),
    (111, 20),
    (112, 30),
    (132, 43),
    (200, 60),
];

/// What is opened and pressed to come by every kind of line and everything that can be on top.
const LAW_KEYS: [&str; 16] = [
    "",
    "t",
    "tt",
    "ttv",
    "ttvv<right>",
    "H",
    "tH",
    "K",
    "f(",
    "fstate = S<enter>",
    "/x<enter>n",
    "s",
    "c",
    "e",
    "<enter>",
    "?",
];

#[test]
fn every_size_can_be_drawn_and_all_lines_are_aligned() {
    for name in fixture::ALL {
        for (width, height) in LAW_SIZES {
            for keys in LAW_KEYS {
                let scene = if name == "hostile.txt" { Scene::of(name).with(&["--ascii"]) } else { Scene::of(name) };
                let mut screen = scene.open((width, height));
                press(&mut screen, keys);
                for _ in 0..3 {
                    let buffer = screen.draw();
                    assert_safe(&buffer);
                    if !keys.ends_with(['s', 'c', 'e', '>', '?', 'u', 'x']) || keys.ends_with("<right>") {
                        assert_aligned(&screen, &buffer);
                    }
                    screen.tick().expect("the processes can be listed");
                }
            }
        }
    }
}

/// Every column there is, in hostile hands, side by side on a screen that is wide enough.
#[test]
fn every_column_keeps_its_place() {
    for name in fixture::ALL {
        let all: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        let mut screen = Scene::of(name).with(&["--columns", &all.join(",")]).open((1000, 50));
        for form in ["", "t", "t", "<right>"] {
            press(&mut screen, form);
            screen.tick().expect("the processes can be listed");
            let buffer = screen.draw();
            assert_safe(&buffer);
            assert_aligned(&screen, &buffer);
        }
    }
}

/// Any key that does something, text, the mouse, time.
fn step() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = ACTIONS.iter().flat_map(|info| info.keys).copied().collect();
    prop_oneof![
        6 => select(keys).prop_map(|key| format!("<{key}>")),
        1 => "[a-zA-Z0-9 =(,)~.]".prop_map(|key| key.replace('<', "")),
        1 => (0..130u16, 0..40u16).prop_map(|(x, y)| format!("<click {x} {y}>")),
        1 => select(vec!["<tick>", "<wheel-up>", "<wheel-down>", "<paste rss > 1M>", "<tab>", "<backspace>"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_bring_the_screen_down(
        name in select(fixture::ALL.to_vec()),
        sizes in vec((1..140u16, 1..45u16), 1..3),
        steps in vec(step(), 0..60),
    ) {
        let mut screen = Scene::live(parsed(name)).open((90, 30));
        for (at, step) in steps.iter().enumerate() {
            let (width, height) = sizes[at % sizes.len()];
            if at % 20 == 19 {
                screen.resize(width, height);
            }
            for effect in press(&mut screen, step) {
                if let Effect::Signal { targets, .. } = effect {
                    let results = targets.into_iter().map(|target| (target, Err(ControlError::Gone))).collect();
                    screen.app.update(Input::Signalled(results));
                }
            }
            assert_safe(&screen.draw());
        }
    }

    #[test]
    fn no_keys_bring_a_map_down_nor_a_mapping_looked_into(
        size in (1..140u16, 1..45u16),
        mapping in select(vec!["jit", "libold", "stack", "vsyscall", "memfd", "server"]),
        steps in vec(step(), 0..60),
    ) {
        let mut screen = Scene::of("one-map.txt").with(&["--pane", "memory", "42"]).open((90, 30));
        press(&mut screen, &format!("/{mapping}<enter><enter>"));
        screen.resize(size.0, size.1);
        for step in steps {
            press(&mut screen, &step);
            assert_safe(&screen.draw());
        }
    }
}
