//! A map that the kernel never comes back with: the screen says so and goes on.

use super::{
    assert_given_back,
    terminal::{Running, Start},
};
use crate::hostile_tree::{pipe, process};
use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

const MAPS: &str = "\
1000-2000 r-xp 00000000 fe:00 7                          /bin/x
5000-9000 rw-p 00000000 00:00 0                          [heap]
";
const SMAPS: &str = "\
1000-2000 r-xp 00000000 fe:00 7                          /bin/x
Rss:                   4 kB
5000-9000 rw-p 00000000 00:00 0                          [heap]
Rss:                  12 kB
";

/// A tree with two processes, of which 42 has these files as pipes that nobody writes to.
fn tree(pipes: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    for pid in [42, 43] {
        process(root, pid);
        for (name, text) in [("maps", MAPS), ("smaps", SMAPS), ("smaps_rollup", SMAPS)] {
            let path = format!("{pid}/{name}");
            if pid == 42 && pipes.contains(&name) {
                pipe(root, &path);
            } else {
                fs::write(root.join(path), text).expect("a file can be written");
            }
        }
    }
    directory
}

fn opened(root: &Path) -> Running {
    let root = root.to_str().expect("the path is text");
    Start::sysview(&["--proc-root", root, "--pane", "memory", "42"]).size(120, 36).run()
}

/// Keys are answered, another process is shown, and the end comes at once.
fn assert_lives(mut running: Running) {
    running.keys("?");
    running.until_shown("┌─ Help");
    running.keys("\x1b");
    running.until("no help", |screen| !screen.contents().contains("┌─ Help"));
    running.keys("1");
    running.until("processes", |screen| super::processes(screen).len() == 2);
    running.keys("\x1b[B4");
    running.until("the map of the other", |screen| {
        let text = screen.contents();
        text.contains("43 x") && text.contains("12K") && !text.contains("blocked")
    });
    running.keys("1\x1b[A4");
    running
        .until("the first again", |screen| screen.contents().contains("42 x") && screen.contents().contains("blocked"));
    let begun = Instant::now();
    running.keys("q");
    let (status, _) = running.end();
    assert!(status.success() && begun.elapsed() < Duration::from_secs(2), "{status}, {:?}", begun.elapsed());
    assert_given_back(&running);
}

#[test]
fn figures_that_never_come_are_blocked_and_addresses_are_shown() {
    let directory = tree(&["smaps"]);
    let running = opened(directory.path());
    running.until("addresses, and figures blocked", |screen| {
        let text = screen.contents();
        text.contains("[heap]") && text.contains("/bin/x") && text.contains("blkd") && text.contains("smaps blocked")
    });
    assert_lives(running);
}

#[test]
fn a_map_that_never_comes_is_blocked() {
    let directory = tree(&["smaps", "maps", "smaps_rollup"]);
    let running = opened(directory.path());
    running.until_shown("blocked: the kernel does not come back from reading the map of 42");
    assert_lives(running);
}

#[test]
fn figures_that_come_late_are_shown() {
    let directory = tree(&["smaps"]);
    let mut running = opened(directory.path());
    running.until_shown("smaps blocked");
    let path = directory.path().join("42/smaps");
    let mut writer = fs::OpenOptions::new().write(true).open(&path).expect("the reader waits");
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, SMAPS).expect("a file can be written");
    writer.write_all(SMAPS.as_bytes()).expect("the reader waits");
    drop(writer);
    running.until("figures", |screen| screen.contents().contains("12K") && !screen.contents().contains("blocked"));
    running.keys("q");
    running.end();
}
