//! A source that notes what is read through it, and gives that as the text of a recording (`archive`).
//!
//! So there is no second list of files: what the collector reads is what a recording holds. Of every sample after the
//! first only what differs from the one before is written.

use super::{
    archive::{Content, Machine, Tick, text},
    source::Source,
};
use crate::{
    proc::stat,
    snapshot::{Missing, Moment, Observer, Reading, Units, UserNames},
    unit::{Nanoseconds, Pid, Ticks},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const PASSWD: &str = "/etc/passwd";

/// Whether what programs were told in confidence goes into a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Command lines are cut to the first argument, environments left out.
    LeftOut,
    /// Everything is kept.
    Kept,
}

/// Passes every read on to another source and notes what came of it.
pub struct Recorder {
    source: Arc<dyn Source>,
    secrets: Secrets,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// What a reader of the text so far would find.
    known: BTreeMap<String, Content>,
    /// What was read since.
    now: BTreeMap<String, Content>,
    /// Directories as they were listed last, and since.
    listed: BTreeMap<String, Vec<Pid>>,
    listed_now: BTreeMap<String, Vec<Pid>>,
    taken: Option<Moment>,
    /// Samples begun.
    number: usize,
    /// Whether the last of them is not yet part of the text.
    open: bool,
    text: String,
}

impl Recorder {
    /// A recorder that has noted nothing yet.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, secrets: Secrets) -> Self {
        Self { source, secrets, notes: Mutex::default() }
    }

    /// End the current sample and take the text that came since the last call. All texts in a row are the recording.
    #[must_use]
    pub fn take_text(&self) -> String {
        let mut notes = self.notes();
        notes.close();
        mem::take(&mut notes.text)
    }

    /// Put the names of these users in the place of the whole of `/etc/passwd`: no others are anybody's business, and
    /// they may have come from elsewhere.
    pub fn note_users(&self, users: &UserNames) {
        let mut lines = Vec::new();
        for (id, name) in users {
            if let Ok(Some(name)) = name {
                lines.extend_from_slice(name);
                lines.extend_from_slice(format!(":x:{id}:::::\n").as_bytes());
            }
        }
        self.notes().now.insert(PASSWD.to_owned(), Content::File(lines));
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until it is known what comes of a read, it counts as one that does not come back.
    fn begin(&self, path: &str) {
        if self.source.can_block() {
            self.notes().now.entry(path.to_owned()).or_insert(Content::Missing(Missing::Blocked));
        }
    }

    fn note(&self, path: &str, content: Content) {
        let content = match content {
            Content::File(bytes) if self.secrets == Secrets::LeftOut && is_cmdline(path) => {
                Content::File(first_argument(bytes))
            }
            content => content,
        };
        self.notes().note(path, content);
    }

    fn is_kept(&self, path: &str) -> bool {
        self.secrets == Secrets::Kept || file_name(path) != "environ"
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether this is the command line of a process, and not that of the kernel.
fn is_cmdline(path: &str) -> bool {
    path.ends_with("/cmdline")
}

/// What stands before the first NUL. A program that wrote something of its own in the place of its arguments has
/// nothing behind it, and then only the first word is a name.
fn first_argument(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let alone = bytes.iter().skip(end).all(|byte| *byte == 0);
    let word = bytes.iter().take(end).position(u8::is_ascii_whitespace).filter(|_| alone);
    if let Some(word) = word {
        bytes.truncate(word);
        bytes.push(0);
    } else {
        bytes.truncate(end + 1);
    }
    bytes
}

/// The order in which people look for files: those of the machine, then each process by number.
fn place(path: &str) -> Vec<(u32, &str)> {
    path.split('/').map(|name| (name.parse().unwrap_or(0), name)).collect()
}

impl Notes {
    /// Of several reads in one sample the first that succeeds counts: it is what the scan saw.
    fn note(&mut self, path: &str, content: Content) {
        match self.now.get_mut(path) {
            None => {
                self.now.insert(path.to_owned(), content);
            }
            Some(Content::File(_) | Content::Link(_)) => {}
            Some(known @ Content::Missing(_)) => {
                if *known == Content::Missing(Missing::Blocked) || !matches!(content, Content::Missing(_)) {
                    *known = content;
                }
            }
        }
    }

    fn close(&mut self) {
        if !mem::take(&mut self.open) {
            return;
        }
        let mut entries = Vec::new();
        self.remove_ended(&mut entries);
        self.remove_replaced(&mut entries);
        for (path, content) in mem::take(&mut self.now) {
            if self.is_news(&path, &content) {
                if matches!(content, Content::Missing(_)) && !path.is_empty() {
                    remove_below(&mut self.known, &path);
                }
                entries.push((path.clone(), content.clone()));
                self.known.insert(path, content);
            }
        }
        entries.sort_by_cached_key(|(path, _)| {
            place(path).into_iter().map(|(at, name)| (at, name.to_owned())).collect::<Vec<_>>()
        });
        text::push_tick(self.number, &Tick { taken: self.taken.take(), entries }, &mut self.text);
    }

    /// What is not there does not have to be said of what never was.
    fn is_news(&self, path: &str, content: &Content) -> bool {
        match self.known.get(path) {
            Some(known) => known != content,
            None if path.ends_with("/cpu-clock") => {
                !matches!(content, Content::Missing(Missing::Gone | Missing::Unsupported))
            }
            None => *content != Content::Missing(Missing::Gone),
        }
    }

    /// Processes and threads that were listed before and are not any more.
    fn remove_ended(&mut self, entries: &mut Vec<(String, Content)>) {
        for (directory, pids) in mem::take(&mut self.listed_now) {
            let before = self.listed.insert(directory.clone(), pids.clone()).unwrap_or_default();
            for pid in before.iter().filter(|pid| pids.binary_search(pid).is_err()) {
                let path = if directory.is_empty() { pid.to_string() } else { format!("{directory}/{pid}") };
                self.remove(path, entries);
            }
        }
    }

    /// Processes and threads whose number belongs to another one now: nothing of the old one may stand for the new.
    fn remove_replaced(&mut self, entries: &mut Vec<(String, Content)>) {
        let start = |content: &Content| match content {
            Content::File(bytes) => stat::parse(bytes).ok().map(|parsed| parsed.key.start),
            _ => None,
        };
        let replaced = |(path, content): (&String, &Content)| -> Option<String> {
            let task = path.strip_suffix("/stat").filter(|task| !task.starts_with('/'))?;
            let (old, new): (Ticks, Ticks) = (start(self.known.get(path)?)?, start(content)?);
            (old != new).then(|| task.to_owned())
        };
        let replaced: Vec<_> = self.now.iter().filter_map(replaced).collect();
        for path in replaced {
            self.remove(path, entries);
        }
    }

    fn remove(&mut self, path: String, entries: &mut Vec<(String, Content)>) {
        let known = remove_below(&mut self.known, &path) | self.known.remove(&path).is_some();
        let below = format!("{path}/");
        self.listed.retain(|directory, _| !directory.starts_with(&below));
        if known {
            entries.push((path, Content::Missing(Missing::Gone)));
        }
    }
}

/// Forget everything in a directory; whether there was anything.
fn remove_below(known: &mut BTreeMap<String, Content>, path: &str) -> bool {
    let below: Vec<String> =
        known.range(format!("{path}/")..format!("{path}0")).map(|(path, _)| path.clone()).collect();
    below.iter().filter(|path| known.remove(*path).is_some()).count() > 0
}

impl Source for Recorder {
    fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
        if !self.is_kept(path) {
            return self.source.read(path, into);
        }
        self.begin(path);
        let reading = self.source.read(path, into);
        self.note(path, reading.map_or_else(Content::Missing, |()| Content::File(into.clone())));
        reading
    }

    fn link(&self, path: &str) -> Reading<Vec<u8>> {
        self.begin(path);
        let reading = self.source.link(path);
        self.note(path, reading.clone().map_or_else(Content::Missing, Content::Link));
        reading
    }

    fn numbers(&self, path: &str, into: &mut Vec<Pid>) -> Reading<()> {
        let start = into.len();
        let reading = self.source.numbers(path, into);
        match reading {
            Ok(()) => {
                let found = into.get(start..).unwrap_or_default().to_vec();
                self.notes().listed_now.insert(path.to_owned(), found);
            }
            Err(missing) => self.note(path, Content::Missing(missing)),
        }
        reading
    }

    fn cpu_clock(&self, pid: Pid) -> Reading<Nanoseconds> {
        let reading = self.source.cpu_clock(pid);
        let bytes = |clock: Nanoseconds| Content::File(format!("{}\n", clock.0).into_bytes());
        self.note(&text::cpu_clock(pid), reading.map_or_else(Content::Missing, bytes));
        reading
    }

    fn now(&self) -> Moment {
        let now = self.source.now();
        self.notes().taken.get_or_insert(now);
        now
    }

    fn units(&self) -> Units {
        self.source.units()
    }

    fn observer(&self) -> Observer {
        self.source.observer()
    }

    fn advance(&self) {
        self.source.advance();
        let machine = Machine { units: self.units(), observer: self.observer() };
        let mut notes = self.notes();
        notes.close();
        if notes.number == 0 {
            // Writing to a String does not fail.
            let _ = writeln!(notes.text, "{}", heading(self.secrets));
            text::push_machine(&machine, &mut notes.text);
        }
        notes.number += 1;
        (notes.open, notes.taken) = (true, None);
    }

    fn is_over(&self) -> bool {
        self.source.is_over()
    }

    fn can_block(&self) -> bool {
        self.source.can_block()
    }
}

fn heading(secrets: Secrets) -> String {
    let kept = match secrets {
        Secrets::LeftOut => "Arguments and environment of the programs are left out",
        Secrets::Kept => "It holds what programs were told in confidence, such as their arguments",
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("What the kernel told sysview {version}; `sysview --from FILE` shows it.\n{kept}.\n")
}

#[cfg(test)]
mod tests {
    use super::{super::archive::Archive, *};

    fn recorded(text: &[u8], secrets: Secrets, read: impl Fn(&Recorder)) -> String {
        let archive = Arc::new(Archive::parse(text).expect("a recording"));
        let recorder = Recorder::new(archive, secrets);
        let mut text = String::new();
        while !recorder.is_over() {
            recorder.advance();
            read(&recorder);
            text += &recorder.take_text();
        }
        let (_, ticks) = text.split_once("== tick 1").expect("a first tick");
        ticks.to_owned()
    }

    #[test]
    fn only_what_changed_is_written_again() {
        let text = b"== 1/comm\na\n== 1/exe\n-> /bin/a\n== 2/comm\nb\n== 3/comm\n!denied\n\
            == tick 2\n== 2\n!gone\n== 1/comm\nc\n== tick 3\n";
        let written = recorded(text, Secrets::LeftOut, |recorder| {
            let mut pids = Vec::new();
            recorder.numbers("", &mut pids).expect("a list");
            for pid in pids {
                let _ = recorder.read(&format!("{pid}/comm"), &mut Vec::new());
                let _ = recorder.link(&format!("{pid}/exe"));
            }
        });
        let expected = "\n== 1/comm\na\n== 1/exe\n-> /bin/a\n== 2/comm\nb\n== 3/comm\n!denied\n\
            == tick 2\n== 1/comm\nc\n== 2\n!gone\n== tick 3\n";
        assert_eq!(written, expected);
    }

    #[test]
    fn secrets_stay_out_unless_asked_for() {
        let text =
            b"== 1/cmdline\nmysql\\0-psecret\\0\n== 2/cmdline\nlogin: secret\\0\n== 3/cmdline\n/opt/My App\\0x\\0\n\
            == 4/cmdline\nchrome --key=secret\\\n== cmdline\nquiet splash\n== 1/environ\nKEY=secret\\0\n";
        let read = |recorder: &Recorder| {
            for path in ["1/cmdline", "2/cmdline", "3/cmdline", "4/cmdline", "cmdline", "1/environ"] {
                let mut bytes = Vec::new();
                recorder.read(path, &mut bytes).expect("it is there");
                assert!(!bytes.is_empty(), "the reader itself gets everything of {path}");
            }
        };
        let written = recorded(text, Secrets::LeftOut, read);
        let expected = "\n== cmdline\nquiet splash\n== 1/cmdline\nmysql\\0\n== 2/cmdline\nlogin:\\0\n\
            == 3/cmdline\n/opt/My App\\0\n== 4/cmdline\nchrome\\0\n";
        assert_eq!(written, expected);
        assert_eq!(recorded(text, Secrets::Kept, read).matches("secret").count(), 4);
    }

    #[test]
    fn nothing_of_a_process_stands_for_a_later_one_with_its_pid() {
        let line =
            |start| format!("5 (x) S 1 5 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {start} 0 0 0 {}0 0 0 0\n", "0 ".repeat(13));
        let (old, new) = (line(100), line(200));
        stat::parse(old.as_bytes()).expect("a line as the kernel writes it");
        let text = format!("== 5/stat\n{old}== 5/exe\n-> /bin/x\n== tick 2\n== 5/stat\n{new}");
        let written = recorded(text.as_bytes(), Secrets::LeftOut, |recorder| {
            recorder.read("5/stat", &mut Vec::new()).expect("it is there");
            if recorder.now().boot == text::FIRST.boot {
                recorder.link("5/exe").expect("it is there");
            }
        });
        assert!(written.contains(&format!("== 5\n!gone\n== 5/stat\n{new}")), "{written}");
    }

    #[test]
    fn a_read_that_is_still_out_is_blocked_and_what_comes_later_is_noted_later() {
        let mut notes = Notes { number: 1, open: true, ..Notes::default() };
        notes.note("1/cmdline", Content::Missing(Missing::Blocked));
        notes.note("1/stat", Content::Missing(Missing::Blocked));
        notes.note("1/stat", Content::File(b"first".to_vec()));
        notes.note("1/stat", Content::File(b"second".to_vec()));
        notes.close();
        notes.note("1/cmdline", Content::File(b"late".to_vec()));
        (notes.number, notes.open) = (2, true);
        notes.close();
        let expected = "== tick 1\n== 1/cmdline\n!blocked\n== 1/stat\nfirst\\\n== tick 2\n== 1/cmdline\nlate\\\n";
        assert_eq!(notes.text, expected);
    }
}
