//! A recording: a tree of kernel files over one or several samples, in one readable text (`text` has the format).
//!
//! Fixtures of the tests and what `sysview record` writes are the same. Nothing here asks the running kernel anything.

pub mod text;

use super::{live::pid_of, source::Source};
use crate::{
    proc::fields,
    snapshot::{Missing, Moment, Observer, Reading, Units},
    unit::{Nanoseconds, Pid},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What stands under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes of a file.
    File(Vec<u8>),
    /// Where a symbolic link points to.
    Link(Vec<u8>),
    /// Why it could not be read. Of a directory: of everything in it.
    Missing(Missing),
}

/// One sample: what is different from the one before; of the first, everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// When it was taken; where it is not said, one second after the one before.
    pub taken: Option<Moment>,
    /// Path and content, in the order in which they take effect.
    pub entries: Vec<(String, Content)>,
}

/// Facts that are no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// How it counts.
    pub units: Units,
    /// Who looked.
    pub observer: Observer,
}

impl Default for Machine {
    /// A common machine, seen by root. What a recording shows is never sysview's own: no action may reach it.
    fn default() -> Self {
        Self { units: Units::default(), observer: Observer { ptrace: true, foreign: true, ..Observer::default() } }
    }
}

/// Why a text is not a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it, and what is expected.
    pub what: String,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ArchiveError {}

/// What a path held from a tick on; `None` where it was removed.
type History = Vec<(usize, Option<Content>)>;

/// A recording as a source: [`Source::advance`] goes on to its next sample and stays at the last.
#[derive(Debug)]
pub struct Archive {
    machine: Machine,
    moments: Vec<Moment>,
    files: BTreeMap<String, History>,
    /// Samples begun: 0 before the first, which is what is read then too.
    begun: AtomicUsize,
}

impl Archive {
    /// Take the text apart.
    ///
    /// # Errors
    /// The first line that is not as it should be.
    pub fn parse(text: &[u8]) -> Result<Self, ArchiveError> {
        let (machine, ticks) = text::parse(text)?;
        Ok(Self::new(machine, ticks))
    }

    /// A recording made of its parts.
    #[must_use]
    pub fn new(machine: Machine, ticks: Vec<Tick>) -> Self {
        let mut archive =
            Self { machine, moments: Vec::with_capacity(ticks.len()), files: BTreeMap::new(), begun: 0.into() };
        for (number, tick) in ticks.into_iter().enumerate() {
            let next = archive.moments.last().map_or(text::FIRST, |last| text::second_after(*last));
            archive.moments.push(tick.taken.unwrap_or(next));
            for (path, content) in tick.entries {
                archive.put(number, path, content);
            }
        }
        archive
    }

    /// How many samples it has.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.moments.len()
    }

    fn put(&mut self, number: usize, path: String, content: Content) {
        // What cannot be read as a whole, or is gone, takes along what was in it.
        if matches!(content, Content::Missing(_)) && !path.is_empty() {
            for (_, history) in self.files.range_mut(format!("{path}/")..format!("{path}0")) {
                set(history, number, None);
            }
        }
        set(self.files.entry(path).or_default(), number, Some(content));
    }

    /// The place of the current sample.
    fn at(&self) -> usize {
        self.begun.load(Ordering::Relaxed).saturating_sub(1)
    }

    fn content(&self, path: &str) -> Option<&Content> {
        current(self.files.get(path)?, self.at())
    }

    /// Why there is nothing at this path: because of the nearest directory above that says so, or it is not there.
    fn absence(&self, path: &str) -> Missing {
        let mut above = path;
        while let Some((directory, _)) = above.rsplit_once('/').filter(|(directory, _)| !directory.is_empty()) {
            if let Some(Content::Missing(missing)) = self.content(directory) {
                return *missing;
            }
            above = directory;
        }
        Missing::Gone
    }

    /// A file of the recording itself that holds one number.
    fn pseudo_file(&self, path: &str, absent: Missing) -> Reading<u64> {
        match self.content(path) {
            Some(Content::File(bytes)) => fields::single(bytes),
            Some(Content::Missing(missing)) => Err(*missing),
            _ => Err(absent),
        }
    }
}

/// Note what a path holds from a tick on.
fn set(history: &mut History, number: usize, content: Option<Content>) {
    match history.last_mut() {
        Some((last, old)) if *last == number => *old = content,
        _ => history.push((number, content)),
    }
}

fn current(history: &History, at: usize) -> Option<&Content> {
    let end = history.partition_point(|(number, _)| *number <= at);
    history.get(end.checked_sub(1)?)?.1.as_ref()
}

impl Source for Archive {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        match self.content(path) {
            Some(Content::File(bytes)) => {
                into.clear();
                into.extend_from_slice(bytes);
                Ok(())
            }
            Some(Content::Link(_)) => Err(Missing::Unsupported),
            Some(Content::Missing(missing)) => Err(*missing),
            None => Err(self.absence(path)),
        }
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        match self.content(path) {
            Some(Content::Link(target)) => Ok(target.clone()),
            Some(Content::File(_)) => Err(Missing::Unsupported),
            Some(Content::Missing(missing)) => Err(*missing),
            None => Err(self.absence(path)),
        }
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        let at = self.at();
        let start = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.files.range(start.clone()..).map_while(|(path, history)| {
            let rest = path.strip_prefix(start.as_str())?;
            Some((rest, current(history, at)))
        });
        let mut found = Vec::new();
        let mut anything = path.is_empty();
        for (rest, content) in below.filter(|(rest, _)| !rest.is_empty()) {
            let (name, within) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
            let there = content.is_some_and(|content| within || *content != Content::Missing(Missing::Gone));
            anything |= there;
            found.extend(pid_of(name.as_bytes()).filter(|_| there));
        }
        match self.content(path) {
            Some(Content::Missing(missing)) if found.is_empty() => return Err(*missing),
            None if !anything => return Err(self.absence(path)),
            _ => {}
        }
        found.sort_unstable();
        found.dedup();
        into.append(&mut found);
        Ok(())
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        self.pseudo_file(&text::cpu_clock(pid), Missing::Unsupported).map(Nanoseconds)
    }

    fn now(&self) -> Moment {
        self.moments.get(self.at()).copied().unwrap_or(text::FIRST)
    }

    fn units(&self) -> Units {
        self.machine.units
    }

    fn observer(&self) -> Observer {
        self.machine.observer
    }

    fn advance(&self) {
        let next = |begun| (begun < self.samples()).then_some(begun + 1);
        // An error says that it is at the last one, where it stays.
        let _ = self.begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    fn is_over(&self) -> bool {
        self.begun.load(Ordering::Relaxed) >= self.samples()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"A note.\n\
        == 1/stat\nfirst\n\
        == 1/cpu-clock\n5000\n\
        == 42/stat\nolder\n== 42/exe\n-> /bin/x\n== 42/task/42/stat\nolder\n== 42/task/43/stat\n\n\
        == 7\n!denied\n\
        == 9/stat\n!gone\n\
        == tick 2\n== 42\n!gone\n== 1/stat\nsecond\n\
        == tick 3\n== 42/stat\nnewer\n";

    fn read(archive: &Archive, path: &str) -> Reading<String> {
        let mut bytes = Vec::new();
        archive.read(path, &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn pids(archive: &Archive, path: &str) -> Reading<Vec<u32>> {
        let mut pids = Vec::new();
        archive.numbers(path, &mut pids)?;
        Ok(pids.iter().map(|pid| pid.0).collect())
    }

    #[test]
    fn samples_follow_each_other_and_the_last_one_stays() {
        let archive = Archive::parse(TEXT).expect("a recording");
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push((archive.is_over(), read(&archive, "1/stat"), archive.now().boot.as_secs()));
            archive.advance();
        }
        let (first, second) = (Ok("first\n".to_owned()), Ok("second\n".to_owned()));
        let start = text::FIRST.boot.as_secs();
        // The first advance begins the first sample; before it the same is read.
        assert_eq!(seen[0], (false, first.clone(), start));
        assert_eq!(seen[1], (false, first, start));
        assert_eq!(seen[2], (false, second.clone(), start + 1));
        assert_eq!(seen[3], (true, second.clone(), start + 2));
        assert_eq!(seen[4], (true, second, start + 2));
    }

    #[test]
    fn a_directory_that_is_gone_takes_everything_along_and_its_pid_can_come_back() {
        let archive = Archive::parse(TEXT).expect("a recording");
        assert_eq!(pids(&archive, ""), Ok(vec![1, 7, 9, 42]));
        assert_eq!(pids(&archive, "42/task"), Ok(vec![42, 43]));
        assert_eq!(archive.link("42/exe"), Ok(b"/bin/x".to_vec()));
        archive.advance();
        archive.advance();
        assert_eq!(pids(&archive, ""), Ok(vec![1, 7, 9]));
        assert_eq!(pids(&archive, "42/task"), Err(Missing::Gone));
        assert_eq!(archive.link("42/exe"), Err(Missing::Gone));
        archive.advance();
        assert_eq!(pids(&archive, ""), Ok(vec![1, 7, 9, 42]));
        assert_eq!(read(&archive, "42/stat"), Ok("newer\n".to_owned()));
        assert_eq!(archive.link("42/exe"), Err(Missing::Gone));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let archive = Archive::parse(TEXT).expect("a recording");
        assert_eq!(read(&archive, "7/stat"), Err(Missing::Denied));
        assert_eq!(pids(&archive, "7/task"), Err(Missing::Denied));
        assert_eq!(read(&archive, "9/stat"), Err(Missing::Gone));
        assert_eq!(read(&archive, "42/exe"), Err(Missing::Unsupported));
        assert_eq!(archive.link("42/stat"), Err(Missing::Unsupported));
        assert_eq!(archive.cpu_clock(Pid(1)), Ok(Nanoseconds(5000)));
        assert_eq!(archive.cpu_clock(Pid(42)), Err(Missing::Unsupported));
        assert!(archive.observer().foreign, "no action may reach what a recording shows");
    }
}
