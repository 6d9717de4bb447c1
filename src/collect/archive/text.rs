//! The text of a recording, to be read and written by people as well.
//!
//! ```text
//! Whatever stands before the first heading is for the reader.
//! == machine                      how it counts, who looked; each line may be left out
//! page_size 4096
//! ticks_per_second 100
//! uid 1000
//! pid 4711
//! ptrace no
//! == 42/stat                      a file of /proc, as it is
//! 42 (sleep) S 1 42 42 0 -1 …
//! == 42/cmdline                   \0, \e, \n, \xff, \u{202e}, \\; nothing ends the line where it ends in \ or in \0
//! sleep\0100\0
//! == 42/exe                       a link
//! -> /usr/bin/sleep
//! == 42/io                        !denied !gone !unsupported !off !blocked !malformed: a file or directory that fails
//! !denied
//! == 42/cpu-clock                 nanoseconds; no such heading: there is no clock
//! 1234567
//! == /etc/passwd                  a file outside of /proc
//! root:x:0:0::/root:/bin/sh
//!
//! == # a remark                   what stands below is passed over; empty lines before a heading too
//! == tick 2 boot=1714.25 wall=2026-11-20T22:17:00.5Z
//! == 42                           only what changed; here the process ended
//! !gone
//! ```
//!
//! In a body `\=`, `\-` and `\!` begin a line that would be taken for a heading, a link or a failure.

use super::{ArchiveError, Content, Machine, Tick};
use crate::{
    snapshot::{Missing, Moment},
    text::is_unsafe,
    unit::{Id, Pid},
};
use std::{fmt::Write as _, mem, str::FromStr, time::Duration};

/// When the first sample was taken, where a recording does not say.
pub const FIRST: Moment = Moment { boot: Duration::from_secs(10_000), wall: Duration::from_hours(490_896) };

/// The heading of the facts that are no files.
const MACHINE: &str = "machine";

/// The heading that begins a sample.
const TICK: &str = "tick";

/// The heading of what is not read.
const REMARK: &str = "#";

/// The largest moment that a recording may name, in seconds: arithmetic on times has room beyond it.
const LAST_SECOND: u64 = 1 << 40;

/// The path under which the CPU clock of a process stands.
#[must_use]
pub fn cpu_clock(pid: Pid) -> String {
    format!("{pid}/cpu-clock")
}

/// One second later.
#[must_use]
pub fn second_after(moment: Moment) -> Moment {
    let later = |time: Duration| time.saturating_add(Duration::from_secs(1));
    Moment { boot: later(moment.boot), wall: later(moment.wall) }
}

/// Take a text apart.
///
/// # Errors
/// The first line that is not as it should be.
pub fn parse(bytes: &[u8]) -> Result<(Machine, Vec<Tick>), ArchiveError> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        ArchiveError { line, what: r"not UTF-8; write a byte that is not part of a character as \xff".to_owned() }
    })?;
    let mut machine = Machine::default();
    let mut ticks = Vec::new();
    let mut tick = Tick::default();
    // The heading of the first tick may be left out.
    let mut said = false;
    let mut sections = Sections { lines: text.lines().enumerate().collect(), at: 0 };
    sections.skip_preamble()?;
    while let Some(mut section) = sections.next() {
        let heading = section.heading.strip_prefix("== ").map(str::trim);
        section.heading = heading.ok_or_else(|| section.error("expected a blank after =="))?;
        match section.heading.split_once(' ').unwrap_or((section.heading, "")) {
            (TICK, words) => {
                let another = said || !tick.entries.is_empty();
                if another {
                    ticks.push(mem::take(&mut tick));
                }
                tick.taken = section.moment(words, ticks.len() + 1)?;
                said = true;
            }
            (MACHINE, "") if ticks.is_empty() => machine = section.machine()?,
            (MACHINE, "") => return Err(section.error("the machine stays the same; expected in the first tick only")),
            (REMARK, _) => {}
            (_, "") => tick.entries.push((section.path()?, section.content()?)),
            _ => return Err(section.error(r"expected a path without blanks (\x20), `tick N`, `machine` or `# remark`")),
        }
    }
    ticks.push(tick);
    Ok((machine, ticks))
}

/// Walks from heading to heading.
struct Sections<'a> {
    lines: Vec<(usize, &'a str)>,
    at: usize,
}

/// A heading and what stands below it.
struct Section<'a, 'b> {
    line: usize,
    heading: &'a str,
    body: &'b [(usize, &'a str)],
}

fn is_heading(line: &str) -> bool {
    line.starts_with("==")
}

fn error(line: usize, what: impl Into<String>) -> ArchiveError {
    ArchiveError { line: line + 1, what: what.into() }
}

impl<'a> Sections<'a> {
    fn skip_preamble(&mut self) -> Result<(), ArchiveError> {
        let first = self.lines.iter().position(|(_, line)| is_heading(line));
        self.at = first.ok_or_else(|| error(0, "expected a recording, which has headings such as `== 42/stat`"))?;
        Ok(())
    }

    fn next(&mut self) -> Option<Section<'a, '_>> {
        let (line, heading) = *self.lines.get(self.at)?;
        let rest = self.lines.get(self.at + 1..)?;
        let end = rest.iter().position(|(_, line)| is_heading(line)).unwrap_or(rest.len());
        self.at += 1 + end;
        let body = rest.get(..end)?;
        let used = body.iter().rposition(|(_, line)| !line.is_empty()).map_or(0, |last| last + 1);
        Some(Section { line, heading, body: body.get(..used)? })
    }
}

impl Section<'_, '_> {
    fn error(&self, what: impl Into<String>) -> ArchiveError {
        error(self.line, what)
    }

    /// What a tick's heading says besides its number: when it was taken.
    fn moment(&self, words: &str, expected: usize) -> Result<Option<Moment>, ArchiveError> {
        if let Some((line, _)) = self.body.first() {
            return Err(error(*line, "expected a heading after `== tick`"));
        }
        let mut words = words.split_whitespace();
        if words.next().and_then(number) != Some(expected) {
            return Err(self.error(format!("expected `== tick {expected}`")));
        }
        let (mut boot, mut wall, mut said) = (None, None, false);
        for word in words {
            said = true;
            match word.split_once('=') {
                Some(("boot", text)) => boot = seconds(text),
                Some(("wall", text)) => wall = since_1970(text),
                _ => return Err(self.error("expected boot=SECONDS and wall=TIME")),
            }
        }
        match boot.zip(wall) {
            Some((boot, wall)) => Ok(Some(Moment { boot, wall })),
            None if said => {
                Err(self
                    .error("expected both boot=SECONDS and wall=TIME, such as boot=1714.25 wall=2026-11-20T22:17:00Z"))
            }
            None => Ok(None),
        }
    }

    fn machine(&self) -> Result<Machine, ArchiveError> {
        let mut machine = Machine::default();
        for (line, text) in self.body {
            fact(text, &mut machine).ok_or_else(|| {
                error(
                    *line,
                    "expected one of: page_size BYTES, ticks_per_second COUNT, uid ID, pid ID, ptrace yes, ptrace no",
                )
            })?;
        }
        Ok(machine)
    }

    fn path(&self) -> Result<String, ArchiveError> {
        let bytes = unescaped(self.heading).map_err(|what| self.error(what))?;
        let path = String::from_utf8(bytes).map_err(|_| self.error("expected a path in UTF-8"))?;
        match path.trim_end_matches('/') {
            "" => Err(self.error("expected a path, such as `== 42/stat`")),
            "." => Ok(String::new()),
            path => Ok(path.to_owned()),
        }
    }

    fn content(&self) -> Result<Content, ArchiveError> {
        let Some((line, first)) = self.body.first() else { return Ok(Content::File(Vec::new())) };
        let content = if let Some(word) = first.strip_prefix('!') {
            let failure = Missing::TOLD.into_iter().find(|failure| failure.word() == word);
            Content::Missing(failure.ok_or_else(|| error(*line, format!("expected {}", failures())))?)
        } else if let Some(target) = first.strip_prefix("-> ") {
            Content::Link(unescaped(target).map_err(|what| error(*line, what))?)
        } else {
            return self.file().map(Content::File);
        };
        match self.body.get(1) {
            None => Ok(content),
            Some((line, _)) => Err(error(*line, r"expected nothing after a link or a failure; \! or \- begins a text")),
        }
    }

    fn file(&self) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        for (line, text) in self.body {
            let open = ends_openly(text);
            let text = if open { text.get(..text.len() - 1).unwrap_or_default() } else { text };
            bytes.extend(unescaped(text).map_err(|what| error(*line, what))?);
            if !open {
                bytes.push(b'\n');
            }
        }
        // Arguments and environment end in NUL, and nobody wants to write a backslash behind each.
        let last = self.body.last().map_or("", |(_, text)| *text);
        if last.ends_with(r"\0") && bytes.ends_with(b"\0\n") {
            bytes.pop();
        }
        Ok(bytes)
    }
}

fn failures() -> String {
    Missing::TOLD.map(|failure| format!("!{}", failure.word())).join(" ")
}

/// Whether a line ends in a backslash that no other one escapes.
fn ends_openly(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn fact(line: &str, machine: &mut Machine) -> Option<()> {
    let (key, value) = line.split_once(' ')?;
    let value = value.trim();
    // The limits keep sums of what a hostile recording holds within 64 bits.
    match key {
        "page_size" => machine.units.page_size = number(value).filter(|size| (1..=1 << 30).contains(size))?,
        "ticks_per_second" => {
            machine.units.ticks_per_second = number(value).filter(|ticks| (1..=1_000_000).contains(ticks))?;
        }
        "uid" => machine.observer.uid = Id(number(value)?),
        "pid" => machine.observer.pid = Some(Pid(number(value)?)),
        "ptrace" => machine.observer.ptrace = yes(value)?,
        _ => return None,
    }
    Some(())
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn yes(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Seconds with a fraction of up to nine digits.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(());
    digits(whole).and(digits(fraction))?;
    let nanoseconds = format!("{fraction:0<9}");
    let whole = number(whole).filter(|seconds| *seconds <= LAST_SECOND)?;
    Some(Duration::new(whole, nanoseconds.parse().ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?))
}

fn since_1970(text: &str) -> Option<Duration> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Duration::try_from(time.as_duration()).ok()
}

/// The bytes that a line stands for.
fn unescaped(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    let mut rest = line;
    while let Some((plain, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        rest = escape(after, &mut bytes).ok_or_else(|| {
            let shown: String = after.chars().take(1).filter(|c| !is_unsafe(*c)).collect();
            format!(r"unknown escape \{shown}; expected \0 \e \n \t \xff \u{{202e}} \= \- \! or \\ for a backslash")
        })?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Push what the escape after a backslash stands for; what follows it.
fn escape<'a>(after: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = after.chars().next()?;
    let rest = after.get(kind.len_utf8()..)?;
    match kind {
        '0' => bytes.push(0),
        'e' => bytes.push(0x1b),
        'n' => bytes.push(b'\n'),
        't' => bytes.push(b'\t'),
        '\\' | '=' | '-' | '!' => bytes.push(u8::try_from(kind).ok()?),
        'x' => {
            let digits = rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            return rest.get(2..);
        }
        'u' => {
            let (digits, rest) = rest.strip_prefix('{')?.split_once('}')?;
            let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    }
    Some(rest)
}

/// Write the facts that are no files.
pub fn push_machine(machine: &Machine, text: &mut String) {
    let (units, observer) = (machine.units, machine.observer);
    let ptrace = if observer.ptrace { "yes" } else { "no" };
    // Writing to a String does not fail, here and below.
    let _ = writeln!(
        text,
        "== {MACHINE}\npage_size {}\nticks_per_second {}\nuid {}",
        units.page_size, units.ticks_per_second, observer.uid
    );
    if let Some(pid) = observer.pid {
        let _ = writeln!(text, "pid {pid}");
    }
    let _ = writeln!(text, "ptrace {ptrace}");
}

/// Write a sample with its number, counted from 1.
pub fn push_tick(number: usize, tick: &Tick, text: &mut String) {
    let _ = write!(text, "== tick {number}");
    if let Some(taken) = tick.taken {
        let wall = jiff::SignedDuration::try_from(taken.wall).unwrap_or_default();
        let wall = jiff::Timestamp::from_duration(wall).unwrap_or_default();
        let _ = write!(text, " boot={}.{:09} wall={}", taken.boot.as_secs(), taken.boot.subsec_nanos(), wall);
    }
    text.push('\n');
    for (path, content) in &tick.entries {
        push_entry(path, content, text);
    }
}

fn push_entry(path: &str, content: &Content, text: &mut String) {
    text.push_str("== ");
    match path {
        "" => text.push('.'),
        // Not a path that anybody reads; but what is written is read back as it was.
        MACHINE | TICK | REMARK => push_hex(path.as_bytes(), text),
        path => push_escaped(path.as_bytes(), Place::Heading, text),
    }
    text.push('\n');
    match content {
        Content::File(bytes) => push_file(bytes, text),
        Content::Link(target) => {
            text.push_str("-> ");
            push_escaped(target, Place::Line, text);
            text.push('\n');
        }
        Content::Missing(missing) => {
            let _ = writeln!(text, "!{}", missing.word());
        }
    }
}

fn push_file(bytes: &[u8], text: &mut String) {
    let Some((last, before)) = bytes.split_last() else { return };
    if bytes.starts_with(b"!") || bytes.starts_with(b"-> ") {
        text.push('\\');
    }
    match last {
        b'\n' if matches!(before.last(), None | Some(0 | b'\n')) => {
            push_escaped(before, Place::Body, text);
            text.push_str("\\n\\\n");
        }
        b'\n' => push_escaped(bytes, Place::Body, text),
        0 => {
            push_escaped(bytes, Place::Body, text);
            text.push('\n');
        }
        _ => {
            push_escaped(bytes, Place::Body, text);
            text.push_str("\\\n");
        }
    }
}

/// Where text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No blanks.
    Heading,
    /// On the rest of one line.
    Line,
    /// On lines of its own, with lines and tabs as they are.
    Body,
}

fn push_escaped(bytes: &[u8], place: Place, text: &mut String) {
    let (body, heading) = (place == Place::Body, place == Place::Heading);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\t' if body => text.push(c),
                '=' if body && text.ends_with('\n') => text.push_str(r"\="),
                '\\' => text.push_str(r"\\"),
                '\0' => text.push_str(r"\0"),
                '\u{1b}' => text.push_str(r"\e"),
                ' ' if heading => text.push_str(r"\x20"),
                c if c.is_ascii() && is_unsafe(c) => push_hex(&[u8::try_from(c).unwrap_or_default()], text),
                c if is_unsafe(c) || (heading && c.is_whitespace()) => {
                    let _ = write!(text, r"\u{{{:x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        push_hex(chunk.invalid(), text);
    }
}

fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let _ = write!(text, r"\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(body: &str) -> Result<Vec<u8>, ArchiveError> {
        let (_, ticks) = parse(format!("== f\n{body}").as_bytes())?;
        match &ticks[0].entries[..] {
            [(_, Content::File(bytes))] => Ok(bytes.clone()),
            other => Ok(format!("{other:?}").into_bytes()),
        }
    }

    #[test]
    fn a_body_is_the_text_of_the_file_and_escapes_stand_for_the_rest() {
        let cases: [(&str, &[u8]); 12] = [
            ("", b""),
            ("one\n\ttwo\n", b"one\n\ttwo\n"),
            ("one\n\n\n", b"one\n"),
            ("\none\n", b"\none\n"),
            ("sh\\0-c\\0\n", b"sh\0-c\0"),
            ("0\\\n", b"0"),
            ("a\\\\\n", b"a\\\n"),
            ("a\\\n\\e[1m\\x07\\xff\\n\\\n", b"a\x1b[1m\x07\xff\n"),
            ("\\== x\n\\!denied\n-> y\n", b"== x\n!denied\n-> y\n"),
            ("\\-> y\n", b"-> y\n"),
            ("\\u{202e}\n", "\u{202e}\n".as_bytes()),
            ("a = b == c\n", b"a = b == c\n"),
        ];
        for (body, bytes) in cases {
            assert_eq!(file(body).as_deref(), Ok(bytes), "{body:?}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_what_is_expected() {
        let cases = [
            ("nothing here\n", 1, "expected a recording"),
            ("== 1/stat\n!later\n", 2, "expected !denied !gone !unsupported !off !blocked !malformed"),
            ("== 1/exe\n-> /bin/x\nmore\n", 3, "expected nothing after a link"),
            ("== 1/stat\na\\q\n", 2, r"unknown escape \q"),
            ("== 1/stat\na\\xg0\n", 2, r"unknown escape \x"),
            ("== tick 3\n", 1, "expected `== tick 1`"),
            ("== 1/stat\n== tick 3\n", 2, "expected `== tick 2`"),
            ("== 1/stat\n== tick 2 boot=1\n", 2, "expected both boot=SECONDS and wall=TIME"),
            ("== 1/stat\n== tick 2 boot=1.x wall=2026-11-20T22:17:00Z\n", 2, "expected both"),
            ("== 1/stat\n== tick 2\nbody\n", 3, "expected a heading"),
            ("== machine\npage_size 0\n", 2, "page_size BYTES"),
            ("== machine\nclock 1\n", 2, "expected one of: page_size"),
            ("== 1/s\n== tick 2\n== machine\nuid 1\n", 3, "first tick only"),
            ("== 1/my file\n", 1, "without blanks"),
            ("== \n", 1, "expected a path"),
            ("==1/stat\n", 1, "expected a blank after =="),
            ("== 1/stat\n== tick 2 at=1\n", 2, "expected boot=SECONDS"),
        ];
        for (text, line, what) in cases {
            let error = parse(text.as_bytes()).map(|_| ()).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.what.contains(what), "{text:?}: {error}");
        }
        let error = parse(b"== a\n\xff\n").map(|_| ()).expect_err("no UTF-8");
        assert_eq!(error.line, 2);
    }

    #[test]
    fn moments_and_facts_are_read_to_the_nanosecond() {
        let text = "== tick 1 boot=1714.204918 wall=2026-11-20T22:17:00.5Z\n== machine\nuid 1000\nptrace no\npid 7\n\
            == # remark\nnot read\n== a\n== tick 2\n";
        let (machine, ticks) = parse(text.as_bytes()).expect("well-formed");
        assert_eq!(ticks.len(), 2);
        let taken = ticks[0].taken.expect("said");
        assert_eq!(taken.boot, Duration::new(1714, 204_918_000));
        assert_eq!(taken.wall, Duration::new(1_795_213_020, 500_000_000));
        assert_eq!((machine.observer.uid, machine.observer.ptrace), (Id(1000), false));
        assert_eq!(machine.observer.pid, Some(Pid(7)));
        let mut again = String::new();
        push_tick(1, &ticks[0], &mut again);
        assert_eq!(again, "== tick 1 boot=1714.204918000 wall=2026-11-20T22:17:00.5Z\n== a\n");
    }
}
