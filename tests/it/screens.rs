//! The screen: a recording, keys, what is seen. The main suite: one line a test, three sizes each, in tests/screens.
//!
//! A snapshot holds the text of the screen and then, line by line, the cells that have a look of their own, so that a
//! colour that got lost is seen too.

use crate::fixture;
use clap::Parser;
use insta::Settings;
use ratatui::{buffer::Buffer, style::Style};
use std::{fmt::Write as _, sync::Arc, time::Duration};
use sysview::{
    cli::Cli,
    collect::archive::text as format,
    collect::archive::{Archive, Content, Machine, Tick},
    command::screen::{Abilities, app, configuration},
    control::ControlError,
    snapshot::{ExitStatus, Snapshot},
    text::is_unsafe,
    tui::{
        Effect,
        app::Input,
        runtime::headless::{Headless, Retouch},
        theme::Depth,
    },
    unit::Nanoseconds,
};
use unicode_width::UnicodeWidthStr;

/// Every screen is held at a wide, a common and a narrow size.
const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 15)];

/// A screen to be opened.
#[derive(Clone)]
struct Scene {
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
    fn of(name: &str) -> Self {
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
    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    fn depth(mut self, depth: Depth) -> Self {
        self.abilities.depth = depth;
        self
    }

    fn at(self, sizes: &'static [(u16, u16)]) -> Self {
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
    fn shows(&self, name: &str, keys: &str) {
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
        rest.for_each(|line| text.push_str(&format!("{line}\n")));
        *bytes = text.into_bytes();
    }
    (machine, ticks)
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
}
