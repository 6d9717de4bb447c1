//! How long the hot paths take: parsers, passes of the collector, lines, filter, one frame. Asserts nothing; numbers are
//! for comparing two states of the code on one machine.

#[path = "speed/crowd.rs"]
mod crowd;
#[path = "speed/keys.rs"]
mod keys;
#[path = "speed/many.rs"]
mod many;

use clap::Parser as _;
use crowd::{COUNT, Crowd, Stir};
use divan::{Bencher, black_box};
use keys::Screen;
use many::Many;
use std::{
    cell::RefCell,
    ops::{ControlFlow, Range},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use sysview::{
    analysis::Observation,
    cli::Cli,
    collect::{self, Collector, map, memory, pages, source::Source, space},
    command::screen::{Abilities, app, configuration},
    config::Form,
    proc::{maps::Smaps, stat, status, task},
    snapshot::{
        Parts, Request,
        inspect::{self, Answer},
        lab,
    },
    sys::pagemap::{self, FILE, GUARD, HUGE, PRESENT, Run, SWAPPED, Wanted, ZERO},
    table::{Query, columns, value::Order},
    text::Text,
    tui::{
        app::{App, Input},
        pane::processes::lines::{Lines, View},
        runtime::headless::Headless,
        theme::Depth,
    },
    unit::{Pid, ProcessKey},
};

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_stat(bencher: Bencher<'_, '_>) {
    bencher.bench(|| stat::parse(black_box(crowd::STAT)).is_ok());
}

#[divan::bench]
fn parse_status(bencher: Bencher<'_, '_>) {
    bencher.bench(|| status::parse(black_box(crowd::STATUS)).is_ok());
}

#[divan::bench]
fn parse_smaps_rollup(bencher: Bencher<'_, '_>) {
    bencher.bench(|| task::rollup(black_box(crowd::SMAPS_ROLLUP)).is_ok());
}

/// Fifty thousand mappings, fed as they come from the kernel.
#[divan::bench]
fn parse_smaps(bencher: Bencher<'_, '_>) {
    let text = many::smaps();
    bencher.bench(|| {
        let mut parser = Smaps::default();
        let whole = black_box(text.as_bytes()).chunks(128 * 1024).all(|piece| parser.feed(piece).is_ok());
        (whole, parser.finish().map(|(mappings, _)| mappings.len()))
    });
}

/// As many of a living process: the floor, by another program; by ours; and without the start of a program and its output.
#[divan::bench]
fn smaps_by_cat(bencher: Bencher<'_, '_>) {
    let many = Many::start();
    bench_program(bencher, "cat", &[&format!("/proc/{}/smaps", many.pid())]);
}

#[divan::bench]
fn smaps_by_sysview(bencher: Bencher<'_, '_>) {
    let many = Many::start();
    bench_program(bencher, env!("CARGO_BIN_EXE_sysview"), &["maps", &many.pid().to_string()]);
}

fn bench_program(bencher: Bencher<'_, '_>, program: &str, arguments: &[&str]) {
    bencher.bench_local(|| {
        let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "{program}");
    });
}

#[divan::bench(args = [inspect::Depth::Addresses, inspect::Depth::Figures])]
fn collect_map(bencher: Bencher<'_, '_>, depth: inspect::Depth) {
    let many = Many::start();
    let source = collect::open(None, None).expect("/proc is mounted");
    let key = space::process(&*source, Pid(many.pid())).expect("its stat can be read").key;
    bencher.bench_local(|| {
        let map = map::read(&*source, key, depth).expect("it can be read").expect("it has memory");
        assert!(map.mappings.len() as u64 > many::MAPPINGS);
        map
    });
}

/// What the screen has to do before it can answer a key: take in a map of fifty thousand mappings, and draw.
#[divan::bench(args = ["", "b", "t", "srss<enter>", "/anon<enter>"])]
fn map_on_screen(bencher: Bencher<'_, '_>, keys: &str) {
    let many = Many::start();
    let source = collect::open(None, None).expect("/proc is mounted");
    let app = screen_of(&["--pane", "memory", &many.pid().to_string()], &*source);
    let mut screen = Headless::new(app, Arc::clone(&source), (200, 50), |_| {});
    screen.tick().expect("the processes can be listed");
    screen.press(keys).expect("they are keys");
    let key = space::process(&*source, Pid(many.pid())).expect("its stat can be read").key;
    let map = map::read(&*source, key, inspect::Depth::Figures).expect("it can be read").expect("it has memory");
    let question = inspect::Question::Map(key, inspect::Depth::Figures);
    bencher.with_inputs(|| Arc::new(map.clone())).bench_local_values(|map| {
        let drawn = screen.draw();
        screen.app.update(Input::Answered((question.clone(), Ok(Answer::Map(Some(map))))));
        drawn
    });
}

/// From a key to the screen while a map of few and of many mappings is read again and again; the slowest is what counts.
#[divan::bench(args = ["", "b"], sample_count = 60, sample_size = 1)]
fn key_beside_a_small_map(bencher: Bencher<'_, '_>, keys: &str) {
    bench_keys(bencher, &own_pid(), keys);
}

#[divan::bench(args = ["", "b"], sample_count = 60, sample_size = 1)]
fn key_beside_a_large_map(bencher: Bencher<'_, '_>, keys: &str) {
    let many = Many::start();
    bench_keys(bencher, &many.pid().to_string(), keys);
}

fn own_pid() -> String {
    std::process::id().to_string()
}

fn bench_keys(bencher: Bencher<'_, '_>, pid: &str, keys: &str) {
    let screen = RefCell::new(Screen::open(&["--pane", "memory", pid]));
    screen.borrow_mut().type_keys(keys);
    bencher.with_inputs(|| screen.borrow_mut().wait()).bench_local_values(|()| screen.borrow_mut().press());
}

/// A pass over what runs on this machine, the third and later.
#[divan::bench]
fn collect_this_machine(bencher: Bencher<'_, '_>) {
    let source = collect::open(None, None).expect("/proc is mounted");
    bench_passes(bencher, source, &Request::default());
}

/// The floor: nobody ran, and only an eighth is looked at.
#[divan::bench]
fn collect_sleepers(bencher: Bencher<'_, '_>) {
    bench_passes(bencher, Arc::new(Crowd::new(Stir::AllSleep)), &Request::default());
}

/// The ceiling: everybody ran, so everybody is read.
#[divan::bench]
fn collect_runners(bencher: Bencher<'_, '_>) {
    bench_passes(bencher, Arc::new(Crowd::new(Stir::AllRun)), &Request::default());
}

/// As above, with a second file wanted of everybody.
#[divan::bench]
fn collect_runners_with_status(bencher: Bencher<'_, '_>) {
    let request = Request { everyone: Parts::STATUS, ..Request::default() };
    bench_passes(bencher, Arc::new(Crowd::new(Stir::AllRun)), &request);
}

fn bench_passes(bencher: Bencher<'_, '_>, source: Arc<dyn Source>, request: &Request) {
    let mut collector = Collector::new(source);
    let mut pass = || collector.collect(request).expect("the processes can be listed");
    pass();
    pass();
    bencher.bench_local(pass);
}

#[divan::bench]
fn lines_of_a_tree(bencher: Bencher<'_, '_>) {
    bench_lines(bencher, Form::Tree);
}

#[divan::bench]
fn lines_sorted_by_cpu(bencher: Bencher<'_, '_>) {
    bench_lines(bencher, Form::Flat);
}

#[divan::bench]
fn lines_in_groups(bencher: Bencher<'_, '_>) {
    bench_lines(bencher, Form::Grouped);
}

fn bench_lines(bencher: Bencher<'_, '_>, form: Form) {
    let observation = observation(Parts::NONE);
    let cpu = columns::find("cpu").expect("a column of every screen");
    let sort = if form == Form::Tree { None } else { Some((cpu, Order::Descending)) };
    let view = View { form, sort, ..screen().panes.processes.view };
    bencher.bench_local(|| Lines::build(&observation, &view));
}

/// A filter over rows whose values have been read.
#[divan::bench]
fn filter(bencher: Bencher<'_, '_>) {
    let query = Query::parse("cpu > 0.5 and not user = root or command ~ \"^one.*many$\"").expect("it is well formed");
    let observation = observation(query.parts());
    bencher.bench_local(|| observation.processes().filter(|row| query.matches(*row)).count());
}

/// How much memory the benches below look at, with every page touched (1), or every other one (2): runs of one page.
const MEMORY: usize = 256 << 20;

/// The floor for the states of pages: the request alone, with a buffer for all runs.
#[divan::bench(args = [1, 2])]
fn pages_by_the_bare_request(bencher: Bencher<'_, '_>, step: usize) {
    let memory = touched(step);
    let pagemap = pagemap::open_own().expect("the own pagemap can be opened");
    let (any_of, told) = (PRESENT | SWAPPED, PRESENT | SWAPPED | FILE | ZERO | HUGE | GUARD);
    let mut runs = vec![Run::default(); 4096];
    bencher.bench_local(|| {
        let Range { mut start, end } = whole_pages(&memory);
        while start < end {
            let wanted = Wanted { any_of, told, most_pages: 0 };
            start = pagemap::scan(&pagemap, start..end, wanted, &mut runs).map_or(end, |walk| walk.end);
        }
    });
}

#[divan::bench(args = [1, 2])]
fn pages_of_memory(bencher: Bencher<'_, '_>, step: usize) {
    let memory = touched(step);
    let (source, key) = own_process();
    bencher.bench_local(|| pages::read(&*source, key, whole_pages(&memory)).is_ok());
}

/// Through everything that this process has, most of which is what was allocated here.
#[divan::bench]
fn search_in_memory(bencher: Bencher<'_, '_>) {
    let memory = touched(1);
    let (source, key) = own_process();
    bencher.bench_local(|| memory::search(&*source, key, black_box(b"\x01\x02"), &mut |_| ControlFlow::Continue(())));
    drop(memory);
}

fn touched(step: usize) -> Vec<u8> {
    let mut memory = vec![0; MEMORY];
    memory
        .iter_mut()
        .step_by(step * usize::try_from(sysview::sys::page_size()).expect("it fits"))
        .for_each(|byte| *byte = 1);
    memory
}

fn whole_pages(memory: &[u8]) -> Range<u64> {
    let start = memory.as_ptr().addr() as u64;
    let page = sysview::sys::page_size();
    start.next_multiple_of(page)..(start + memory.len() as u64) / page * page
}

fn own_process() -> (Arc<dyn Source>, ProcessKey) {
    let source = collect::open(None, None).expect("/proc is mounted");
    let process = space::process(&*source, Pid(std::process::id())).expect("the own stat can be read");
    (source, process.key)
}

/// A command started 64 times under trace, held when its libraries are mapped, looked at and ended.
#[divan::bench(sample_count = 20)]
fn lab_of_cat(bencher: Bencher<'_, '_>) {
    let source = collect::open(None, None).expect("/proc is mounted");
    let order = lab::Order { command: vec![Text::from("cat")], runs: 64 };
    bencher.bench_local(|| {
        let mut done = 0;
        let _ = collect::lab::run(&*source, &order, &mut |answer| {
            if let Ok(Answer::Lab(lab)) = answer {
                done = lab.runs.len();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(done, 64, "cat can be traced");
    });
}

/// The whole screen, 200 wide and 50 high, once its data is there.
#[divan::bench]
fn draw_frame(bencher: Bencher<'_, '_>) {
    let source: Arc<dyn Source> = Arc::new(Crowd::new(Stir::AllRun));
    let mut screen = Headless::new(screen(), source, (200, 50), |_| {});
    for _ in 0..2 {
        screen.tick().expect("the processes can be listed");
    }
    bencher.bench_local(|| screen.draw());
}

/// Two samples of a crowd that ran in between.
fn observation(everyone: Parts) -> Observation {
    let mut collector = Collector::new(Arc::new(Crowd::new(Stir::AllRun)));
    let request = Request { everyone, patience: Duration::from_secs(10), ..Request::default() };
    let mut collect = || collector.collect(&request).expect("the processes can be listed");
    let before = collect();
    let observation = Observation::new(collect(), Some(before));
    assert_eq!(observation.now.processes.len(), COUNT as usize, "what is measured is the whole crowd");
    observation
}

/// The screen as it is without a configuration.
fn screen() -> App {
    screen_of(&[], &Crowd::new(Stir::AllSleep))
}

fn screen_of(arguments: &[&str], source: &dyn Source) -> App {
    let arguments = ["sysview"].iter().chain(arguments);
    let cli = Cli::try_parse_from(arguments).expect("they are right");
    let config = configuration(&cli.screen, None).expect("the defaults are right");
    let abilities = Abilities { depth: Depth::True, unicode: true };
    app(&cli, &config, abilities, source).expect("the defaults are right")
}
