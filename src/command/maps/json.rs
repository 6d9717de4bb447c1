//! A memory map as JSON, written mapping by mapping: fifty thousand of them never stand in memory as values.
//!
//! What `saved` reads back. The names are a contract; a later version may add some and renames none.

use super::Selection;
use crate::{
    command::output::write_json,
    snapshot::{
        Missing, Reading,
        map::{Amount, Figures, Mapping, Unknown},
    },
    table::value::rfc3339,
    text::reversible,
    unit::Bytes,
};
use std::io::{self, Write};

/// The version of this form, which stands in it as `sysview`.
pub const VERSION: u64 = 1;

/// How the parts of the object stand on lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// A mapping a line.
    Many,
    /// All on one line.
    One,
}

/// What is gathered before it is written.
const ROOM: usize = 64 * 1024;

/// Write a map.
///
/// # Errors
/// Where it cannot be written.
pub fn write(to: &mut dyn Write, selection: &Selection<'_>, lines: Lines) -> io::Result<()> {
    let mut text = Vec::with_capacity(ROOM + 4096);
    head(&mut text, selection);
    let mut writer = Rows { text, reasons: Reasons::of(selection) };
    for (at, place) in selection.places.iter().enumerate() {
        writer.text.extend_from_slice(if at > 0 { b"," } else { b"" });
        writer.text.extend_from_slice(if lines == Lines::Many { b"\n" } else { b"" });
        let Some(mapping) = selection.map.mappings.get(*place) else { continue };
        writer.mapping(mapping, selection.map.figures(*place));
        if writer.text.len() >= ROOM {
            to.write_all(&writer.text)?;
            writer.text.clear();
        }
    }
    writer.text.extend_from_slice(if lines == Lines::Many { b"\n" } else { b"" });
    writer.text.extend_from_slice(b"],\"totals\":{");
    writer.totals(selection);
    writer.text.extend_from_slice(b"}}\n");
    to.write_all(&writer.text)
}

/// All before the mappings.
fn head(text: &mut Vec<u8>, selection: &Selection<'_>) {
    let map = selection.map;
    push(text, &format!("{{\"sysview\":{VERSION},\"pid\":{},\"start_ticks\":{}", map.key.pid, map.key.start.0));
    push(text, ",\"name\":");
    push_text(text, &map.name);
    push(text, ",\"exe\":");
    match &map.exe {
        Ok(exe) => push_text(text, exe),
        Err(_) => push(text, "null"),
    }
    push(text, &format!(",\"taken\":\"{}\",\"through\":", rfc3339(map.taken.wall)));
    push_optional(text, map.through.map(|tid| tid.0.into()));
    push(text, ",\"filter\":");
    match selection.filter {
        Some(filter) => push_text(text, filter.as_bytes()),
        None => push(text, "null"),
    }
    if let Err(missing) = &map.exe {
        push(text, &format!(",\"missing\":{{\"exe\":\"{}\"}}", word(*missing)));
    }
    push(text, ",\"mappings\":[");
}

/// Why something is not there. Figures that nobody asked for are off.
pub fn word(missing: Missing) -> &'static str {
    if missing == Missing::NotRequested { Missing::Off.word() } else { missing.word() }
}

/// Figures that are no amounts, in the order in which they are written.
const OTHER_FIGURES: [&str; 6] = ["page_size", "mmu_page_size", "thp_eligible", "protection_key", "flags", "other"];

/// Every name of a figure.
fn figure_names() -> impl Iterator<Item = &'static str> {
    Amount::ALL.iter().map(|(.., name)| *name).chain(OTHER_FIGURES)
}

/// Why figures are not there, as text that is made once for all mappings that lack the same.
struct Reasons {
    /// Of a mapping without any figure.
    all: String,
    /// A bit for each of [`figure_names`], and the text for those.
    last: (u32, String),
}

impl Reasons {
    fn of(selection: &Selection<'_>) -> Self {
        let missing = selection.map.figures.as_ref().err().copied().unwrap_or(Missing::Malformed);
        Self { all: reasons(u32::MAX, missing), last: (0, String::new()) }
    }

    fn text(&mut self, lacking: u32) -> &str {
        if self.last.0 != lacking {
            self.last = (lacking, if lacking == 0 { String::new() } else { reasons(lacking, Missing::Unsupported) });
        }
        &self.last.1
    }
}

fn reasons(lacking: u32, missing: Missing) -> String {
    let lacks = |at: &(usize, &str)| lacking & 1 << at.0 != 0;
    let names: Vec<_> =
        figure_names().enumerate().filter(lacks).map(|(_, name)| format!("\"{name}\":\"{}\"", word(missing))).collect();
    format!(",\"missing\":{{{}}}", names.join(","))
}

struct Rows {
    text: Vec<u8>,
    reasons: Reasons,
}

impl Rows {
    fn mapping(&mut self, mapping: &Mapping, figures: Reading<&Figures>) {
        let text = &mut self.text;
        push(text, "{\"start\":\"");
        push_address(text, mapping.start);
        push(text, "\",\"end\":\"");
        push_address(text, mapping.end);
        push(text, "\",\"size\":");
        push_number(text, mapping.size().0);
        push(text, ",\"permissions\":\"");
        push(text, mapping.permissions.letters());
        push(text, "\",\"offset\":");
        push_number(text, mapping.offset);
        push(text, ",\"device\":\"");
        push(text, &mapping.file.device_text());
        push(text, "\",\"inode\":");
        push_number(text, mapping.file.inode);
        push(text, ",\"path\":");
        match &mapping.path {
            Some(path) => push_text(text, path),
            None => push(text, "null"),
        }
        push(text, if mapping.deleted { ",\"deleted\":true,\"kind\":\"" } else { ",\"deleted\":false,\"kind\":\"" });
        push(text, mapping.kind.word());
        push(text, "\",\"thread\":");
        push_optional(text, mapping.thread.map(|tid| tid.0.into()));
        if let Ok(figures) = figures {
            let lacking = self.figures(figures);
            self.text.extend_from_slice(self.reasons.text(lacking).as_bytes());
        } else {
            for name in figure_names() {
                push_key(text, name);
                push(text, "null");
            }
            push(text, &self.reasons.all);
        }
        self.text.push(b'}');
    }

    /// Write all figures, and tell which are not there.
    fn figures(&mut self, figures: &Figures) -> u32 {
        let text = &mut self.text;
        let mut lacking = amounts(text, figures);
        let page_size = |size: Bytes| Some(size.0).filter(|size| *size > 0);
        let mut bit = 1 << Amount::ALL.len();
        let mut figure = |text: &mut Vec<u8>, name: &str, is_there: bool| {
            push_key(text, name);
            if !is_there {
                push(text, "null");
                lacking |= bit;
            }
            bit <<= 1;
            is_there
        };
        let numbers = [page_size(figures.page_size), page_size(figures.mmu_page_size)];
        for (name, number) in OTHER_FIGURES.iter().zip(numbers) {
            if figure(text, name, number.is_some()) {
                push_optional(text, number);
            }
        }
        if figure(text, OTHER_FIGURES[2], figures.thp_eligible.is_some()) {
            push(text, if figures.thp_eligible == Some(true) { "true" } else { "false" });
        }
        if figure(text, OTHER_FIGURES[3], figures.protection_key.is_some()) {
            push_optional(text, figures.protection_key.map(u64::from));
        }
        if figure(text, OTHER_FIGURES[4], !figures.flags.is_empty()) {
            list(text, figures.flags());
        }
        figure(text, OTHER_FIGURES[5], true);
        others(text, figures);
        lacking
    }

    /// The totals, with what the kernel sums up and what is summed up here.
    fn totals(&mut self, selection: &Selection<'_>) {
        let text = &mut self.text;
        push(text, "\"size\":");
        push_number(text, selection.totals.size.0);
        match &selection.totals.figures {
            Ok(figures) => {
                let lacking = amounts(text, figures);
                push_key(text, "uss");
                push_optional(text, figures.uss().map(|uss| uss.0));
                push_key(text, "other");
                others(text, figures);
                if lacking != 0 {
                    push(text, reasons(lacking, Missing::Unsupported).trim_end_matches('}'));
                    push(text, if figures.uss().is_none() { ",\"uss\":\"unsupported\"}" } else { "}" });
                }
            }
            Err(missing) => {
                let names = || Amount::ALL.iter().map(|(.., name)| *name).chain(["uss", "other"]);
                for name in names() {
                    push_key(text, name);
                    push(text, "null");
                }
                let reasons: Vec<_> = names().map(|name| format!("\"{name}\":\"{}\"", word(*missing))).collect();
                push(text, &format!(",\"missing\":{{{}}}", reasons.join(",")));
            }
        }
    }
}

/// Write all amounts, and tell which the kernel does not count.
fn amounts(text: &mut Vec<u8>, figures: &Figures) -> u32 {
    let mut lacking = 0;
    for (at, (amount, _, name)) in Amount::ALL.iter().enumerate() {
        let bytes = figures.get(*amount);
        push_key(text, name);
        push_optional(text, bytes.map(|bytes| bytes.0));
        lacking |= u32::from(bytes.is_none()) << at;
    }
    lacking
}

fn list<'w>(text: &mut Vec<u8>, words: impl Iterator<Item = &'w [u8]>) {
    text.push(b'[');
    for (at, word) in words.enumerate() {
        text.extend_from_slice(if at > 0 { b"," } else { b"" });
        push_text(text, word);
    }
    text.push(b']');
}

/// Lines of the kernel's that have no name here.
fn others(text: &mut Vec<u8>, figures: &Figures) {
    text.push(b'{');
    for (at, (key, value)) in figures.other.iter().flat_map(|other| other.iter()).enumerate() {
        text.extend_from_slice(if at > 0 { b"," } else { b"" });
        push_text(text, key);
        text.push(b':');
        match value {
            Unknown::Bytes(bytes) => push_number(text, bytes.0),
            Unknown::Text(value) => push_text(text, value),
        }
    }
    text.push(b'}');
}

fn push(text: &mut Vec<u8>, more: &str) {
    text.extend_from_slice(more.as_bytes());
}

/// A name of sysview's own, which needs no escaping, and a comma before it.
fn push_key(text: &mut Vec<u8>, name: &str) {
    push(text, ",\"");
    push(text, name);
    push(text, "\":");
}

fn push_optional(text: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => push_number(text, number),
        None => push(text, "null"),
    }
}

/// Decimal digits; many times faster than `write!`, and there are millions of them.
fn push_number(text: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return text.extend_from_slice(&digits[at..]);
        }
    }
}

fn push_address(text: &mut Vec<u8>, address: u64) {
    push(text, "0x");
    let digits = (64 - address.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        let digit = u32::try_from(address >> (4 * at) & 0xf).unwrap_or(0);
        text.extend(char::from_digit(digit, 16).map(|digit| digit as u8));
    }
}

/// Bytes of somebody else's choosing, in quotes; they can be had back.
fn push_text(text: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' if !matches!(byte, b'"' | b'\\'))) {
        text.push(b'"');
        text.extend_from_slice(bytes);
        text.push(b'"');
        return;
    }
    // A vector takes everything.
    let _ = write_json(text, &reversible(bytes));
}
