//! A search through much memory: it tells how far it has come, the screen lives meanwhile, and it can be stopped.

use super::terminal::{Running, Start, wait_for};
use crate::{mapped::Script, need};
use std::{fs, time::Instant};

/// One piece of memory mapped again and again: much to look through, for nearly nothing.
const MUCH: &str = "
POPULATE = 0x8000
file = os.memfd_create('much'); os.ftruncate(file, 64 << 20)
a = [area((64 << 20) // PAGE, READ, SHARED | POPULATE, file) for _ in range(128)]
tell(a=min(a))";

/// How much it has looked through, of how much, as the last line of the box has it.
fn progress(screen: &vt100::Screen) -> Option<String> {
    let contents = screen.contents();
    let line = contents.lines().find(|line| line.contains("no match yet"))?;
    let words: Vec<_> = line.split_whitespace().collect();
    let of = words.iter().position(|word| *word == "of")?;
    words.get(of.checked_sub(1)?).filter(|_| words.get(of + 1) == Some(&"8.0G")).map(ToString::to_string)
}

/// Threads that answer questions.
fn details(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").filter_map(Result::ok);
    threads.filter(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name == "detail\n")).count()
}

#[test]
fn a_search_tells_how_far_it_is_and_is_stopped_and_the_screen_lives_meanwhile() {
    let test = "a_search_tells_how_far_it_is_and_is_stopped_and_the_screen_lives_meanwhile";
    if !crate::mapped::can_run(test) || !need::file(test, "/proc/self/pagemap") {
        return;
    }
    let script = Script::start(MUCH, &[]);
    let a = script.value("a");
    let running: Running = Start::sysview(&["--pane", "memory", &script.pid().to_string()]).run();
    running.until_shown("/memfd:much");
    running.keys(&format!("/{a:#x}\r\rv"));
    running.until_shown(&format!("{a:x} +0"));
    running.keys("/qqqqqqqq\r");
    let first = running.get("how far it is", progress);
    running.until("further on", |screen| progress(screen).is_some_and(|now| now != first));
    let begun = Instant::now();
    running.keys("\x1b[B");
    running.until_shown(&format!("{:x} +10", a + 16));
    running.look(|screen| assert!(progress(screen).is_some(), "it goes on meanwhile, {:?}", begun.elapsed()));
    running.keys("\x1b");
    running.until_shown("stopped after");
    // Reading the map again comes and goes.
    wait_for("the thread to end", || (details(running.pid()) == 0).then_some(()));
    running.keys("\x1b");
    running.until("the box is closed", |screen| !screen.contents().contains("stopped after"));
}
