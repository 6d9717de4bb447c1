//! A panic, on the main thread or on another: the terminal is given back before it is told.
//!
//! The program itself has no way to be made to panic; this test binary runs the screen with parts that do.

use super::{
    assert_given_back, processes,
    terminal::{Running, Start},
};
use std::{
    collections::HashSet,
    env,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use sysview::{
    collect::{live::Live, source::Source},
    config::{Config, Form},
    snapshot::{Moment, Observer, Reading, Units},
    table::columns,
    tui::{
        app::{App, Setup},
        glyph::Glyphs,
        keymap::Keymap,
        pane::{
            PaneId,
            processes::{Processes, lines::View},
        },
        runtime::{self, Mouse},
        theme::{Depth, Theme},
    },
    unit::{Nanoseconds, Pid},
};

/// Says to the child which thread is to panic.
const WHERE: &str = "PANIC_ON";

/// The live system, until there is nothing left of its patience.
struct Fragile {
    live: Live,
    patience: AtomicUsize,
}

impl Source for Fragile {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        self.live.read(path, into)
    }
    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        self.live.link(path)
    }
    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        self.live.numbers(path, into)
    }
    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        self.live.cpu_clock(pid)
    }
    fn now(&self) -> Moment {
        let before = self.patience.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(before, 0, "the clock has stopped");
        self.live.now()
    }
    fn units(&self) -> Units {
        self.live.units()
    }
    fn observer(&self) -> Observer {
        self.live.observer()
    }
    fn can_block(&self) -> bool {
        self.live.can_block()
    }
}

#[test]
#[ignore = "started by the tests below, in a terminal"]
fn the_screen_with_parts_that_panic() {
    let Some(thread) = env::var_os(WHERE) else { return };
    let live = Live::open(Path::new("/proc")).expect("/proc is there");
    let patience = AtomicUsize::new(if thread == "collector" { 8 } else { usize::MAX });
    let source: Arc<dyn Source> = Arc::new(Fragile { live, patience });
    let config = Config::default();
    let setup = Setup {
        theme: Theme::named("default", Depth::Sixteen).expect("it is built in"),
        glyphs: Glyphs::UNICODE,
        keymap: Keymap::default(),
        readonly: true,
        presets: Vec::new(),
        user: "somebody".to_owned(),
        origin: None,
        open_on: None,
        pane: PaneId::Processes,
    };
    let view = View {
        form: Form::Flat,
        sort: None,
        group_by: config.group_by,
        kernel_threads: true,
        threads: false,
        user: None,
        filter: None,
        folded: HashSet::new(),
        open_groups: HashSet::new(),
    };
    let shown = ["pid", "user", "state", "command"].map(|name| columns::find(name).expect("it is in the table"));
    let pane = Processes::new(view, shown.map(|column| (column, column.width)).to_vec());
    let app = App::new(setup, pane, Duration::from_millis(100));
    let mut save = |_: &App| panic!("the pen is broken");
    runtime::run(app, &source, Mouse::On, &mut save).expect("there is a terminal");
}

fn child(thread: &str) -> Running {
    let itself = env::current_exe().expect("it has a path");
    let name = "pty::panics::the_screen_with_parts_that_panic";
    let itself = itself.to_str().expect("a path in UTF-8");
    Start::program(&[itself, "--ignored", "--exact", name, "--nocapture"]).variable(WHERE, thread).run()
}

#[track_caller]
fn assert_told(running: &mut Running, message: &str) {
    let (status, _) = running.end();
    assert!(!status.success(), "{status}");
    assert_given_back(running);
    let bytes = running.bytes();
    let left = super::rfind(&bytes, b"\x1b[?1049l").expect("the other screen is left");
    let told = String::from_utf8_lossy(&bytes[left..]);
    assert!(told.contains(message), "{told:?}");
    assert!(!told.contains("\x1b[?2026h"), "something is drawn after the end: {told:?}");
    assert!(running.lines().iter().any(|line| line.contains(message)), "{:?}", running.lines());
}

#[test]
fn on_the_main_thread() {
    let mut running = child("main");
    running.until("processes", |screen| screen.alternate_screen() && !processes(screen).is_empty());
    running.keys("W");
    assert_told(&mut running, "the pen is broken");
}

#[test]
fn on_another_thread() {
    let mut running = child("collector");
    running.until("the other screen", vt100::Screen::alternate_screen);
    assert_told(&mut running, "the clock has stopped");
}
