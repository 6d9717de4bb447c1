//! `sysview pages`: the states of the pages of one mapping, counted, drawn and as runs.

use super::{
    Usage,
    output::{Field, Printer, Record},
    subject::{self, Patience},
};
use crate::{
    analysis::pages::{Cell, letters, picture},
    cli::{Format, PagesArgs},
    collect::{pages, source::Source},
    snapshot::{
        Missing, Process,
        inspect::Depth,
        map::{Kind, Mapping, MemoryMap},
        memory::{PageSource, PageState, Pages},
    },
    table::Value,
    text::printable,
};
use anyhow::{anyhow, bail};
use std::{
    fmt::Write as _,
    io::{self, BufWriter, Write},
    process::ExitCode,
    sync::Arc,
};

/// Report on the mapping of a process that holds an address.
///
/// # Errors
/// [`Usage`]; where there is no such process, mapping or right; where it cannot be printed.
pub fn run(args: &PagesArgs, shared: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let (source, place) = (&**shared, Place::parse(&args.address)?);
    let process = subject::find(source, args.pid, |pid| format!("pages {pid} {}", printable(args.address.as_bytes())))?;
    let map = subject::read_map(shared, &process, Depth::Addresses, Patience::Usual)?;
    let mapping = place.find(&map)?;
    let pages = pages::read(source, process.key, mapping.range());
    let pages = pages.map_err(|missing| untold(source, &process, mapping, missing))?;
    let mut to = BufWriter::new(io::stdout());
    match args.format {
        Format::Table => table(&process, mapping, &pages)?,
        Format::Json => json(&mut to, args.pid, &pages, "\n")?,
        Format::Ndjson => json(&mut to, args.pid, &pages, "")?,
        Format::Csv => csv(&mut to, &pages)?,
    }
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Why the states of the pages of a mapping are not there.
fn untold(source: &dyn Source, process: &Process, mapping: &Mapping, missing: Missing) -> anyhow::Error {
    let name = name(mapping);
    match missing {
        Missing::Unsupported if mapping.kind == Kind::Vsyscall => {
            anyhow!("{name} is above the addresses of processes: the kernel tells nothing of its page")
        }
        Missing::Unsupported => anyhow!(
            "the kernel does not tell the pages of {name}: it lacks PAGEMAP_SCAN (Linux 6.7) or pagemap, or this is no live system"
        ),
        missing => subject::refused(&format!("the pages of {name}"), source, process, missing),
    }
}

/// What names a mapping.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Address(u64),
    Name(&'a str),
}

impl<'a> Place<'a> {
    fn parse(text: &'a str) -> Result<Self, Usage> {
        if text.starts_with('[') {
            return Ok(Self::Name(text));
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).ok().filter(|_| is_number).map(Self::Address).ok_or_else(|| {
            let text = printable(text.as_bytes());
            Usage(format!("{text} is no address: give one in hexadecimal as maps shows it, such as 7f3a5c021000, or a name such as [heap]"))
        })
    }

    fn find<'m>(&self, map: &'m MemoryMap) -> anyhow::Result<&'m Mapping> {
        let pid = map.key.pid;
        match *self {
            Self::Name(name) => {
                let named = |mapping: &&Mapping| mapping.path.as_deref() == Some(name.as_bytes());
                let name = printable(name.as_bytes());
                map.mappings.iter().find(named).ok_or_else(|| anyhow!("{pid} has no mapping named {name}"))
            }
            Self::Address(address) => match map.holding(address) {
                Ok(at) => map.mappings.get(at).ok_or_else(|| anyhow!("{pid} has no memory")),
                Err(above) => bail!("no mapping of {pid} holds {address:#x}: {}", neighbours(map, above)),
            },
        }
    }
}

/// The mappings below and above a place where there is none.
fn neighbours(map: &MemoryMap, above: usize) -> String {
    let below =
        above.checked_sub(1).and_then(|below| map.mappings.get(below)).map(|below| format!("below is {}", name(below)));
    let above = map.mappings.get(above).map(|above| format!("above is {}", name(above)));
    let sides: Vec<_> = below.into_iter().chain(above).collect();
    if sides.is_empty() { "there is none at all".to_owned() } else { sides.join(", ") }
}

/// Addresses and path, safe to be shown.
fn name(mapping: &Mapping) -> String {
    let path = mapping.path.as_ref().map(|path| format!(" {}", path.printable())).unwrap_or_default();
    format!("{:x}-{:x}{path}", mapping.start, mapping.end)
}

/// Characters of the picture in one line, and lines at most: up to 256 pages have one each.
const PICTURE: (usize, usize) = (64, 4);

fn table(process: &Process, mapping: &Mapping, pages: &Pages) -> io::Result<()> {
    let mut head = String::new();
    let (pid, process) = (process.key.pid, process.name.printable());
    let path = mapping.path.as_ref().map(|path| format!(" {}", path.printable())).unwrap_or_default();
    let range = format!("{:x}-{:x}", mapping.start, mapping.end);
    let size = Value::Bytes(mapping.size().0);
    // Writing to a String does not fail.
    let _ = writeln!(head, "{range} {} {} {}{path}", mapping.permissions, size.human(), mapping.kind.word());
    let _ = writeln!(head, "of {pid} ({process}), pages of {} bytes{}\n", pages.page_size, caution(mapping, pages));
    io::stdout().write_all(head.as_bytes())?;
    let mut printer = Printer::standard(Format::Table, super::cut_mark());
    let counts = pages.counts();
    let count = |(state, word, meaning): &(PageState, &'static str, &'static str)| {
        let count = counts[*state as usize];
        let (whole, part) = letters(*state);
        let drawn = if whole == part { whole.to_string() } else { format!("{whole} {part}") };
        let drawn = Value::Text(drawn.into_bytes().into());
        let size = Value::Bytes(count * pages.page_size);
        Record {
            cells: vec![Value::Word(word), drawn, Value::Count(count), size, Value::Word(meaning)],
            ..Record::default()
        }
    };
    printer.report(&COUNTS, usize::MAX, &PageState::ALL.iter().map(count).collect::<Vec<_>>())?;
    io::stdout().write_all(drawn(pages).as_bytes())?;
    let run = |run: &crate::snapshot::memory::PageRun| {
        let start = Value::Text(format!("{:x}", run.start).into_bytes().into());
        let size = Value::Bytes(run.pages * pages.page_size);
        Record { cells: vec![start, Value::Count(run.pages), size, Value::Word(run.state.word())], ..Record::default() }
    };
    printer.report(&RUNS, usize::MAX, &pages.runs.iter().map(run).collect::<Vec<_>>())
}

const COUNTS: [Field; 5] = [
    Field::text("state", "STATE"),
    Field::text("drawn", "DRAWN"),
    Field { name: "pages", title: "PAGES", right: true },
    Field { name: "size", title: "SIZE", right: true },
    Field::text("meaning", "MEANING"),
];

const RUNS: [Field; 4] = [
    Field { name: "start", title: "START", right: true },
    Field { name: "pages", title: "PAGES", right: true },
    Field { name: "size", title: "SIZE", right: true },
    Field::text("state", "STATE"),
];

/// What the kernel leaves open.
fn caution(mapping: &Mapping, pages: &Pages) -> &'static str {
    let is_empty = pages.runs.iter().all(|run| run.state == PageState::Untouched);
    match pages.source {
        _ if is_empty && matches!(mapping.kind, Kind::Vvar | Kind::Device) => {
            "; of memory like this the kernel tells no pages, there or not"
        }
        PageSource::Scan => "",
        PageSource::Pagemap => "; this kernel tells neither huge pages nor the page of zeros from others",
    }
}

/// The picture, with how many pages a character is.
fn drawn(pages: &Pages) -> String {
    let (width, lines) = PICTURE;
    let cells = picture(pages, width * lines);
    let total: u64 = pages.counts().iter().sum();
    let mut text = String::from("\n");
    for line in cells.chunks(width) {
        text.extend(line.iter().map(|cell: &Cell| cell.letter()));
        text.push('\n');
    }
    if total > cells.len() as u64 {
        let each = total / (cells.len() as u64).max(1);
        // Writing to a String does not fail.
        let _ = writeln!(text, "each is {each} pages or one more; a capital (or 0) where all are in that state");
    }
    text
}

/// One object; numbers and words of sysview's own only, and so many runs that they are written as they come.
fn json(to: &mut impl Write, pid: u32, pages: &Pages, newline: &str) -> io::Result<()> {
    let (start, end, page_size) = (pages.range.start, pages.range.end, pages.page_size);
    write!(
        to,
        "{{\"pid\":{pid},\"start\":\"{start:#x}\",\"end\":\"{end:#x}\",\"page_size\":{page_size},\"counts\":{{"
    )?;
    for (at, (count, (_, word, _))) in pages.counts().iter().zip(PageState::ALL).enumerate() {
        write!(to, "{}\"{word}\":{count}", if at == 0 { "" } else { "," })?;
    }
    write!(to, "}},\"runs\":[")?;
    for (at, run) in pages.runs.iter().enumerate() {
        let (comma, word) = (if at == 0 { "" } else { "," }, run.state.word());
        write!(to, "{comma}{newline}{{\"start\":\"{:#x}\",\"pages\":{},\"state\":\"{word}\"}}", run.start, run.pages)?;
    }
    writeln!(to, "{}]}}", if pages.runs.is_empty() { "" } else { newline })
}

fn csv(to: &mut impl Write, pages: &Pages) -> io::Result<()> {
    writeln!(to, "start,pages,state")?;
    for run in &pages.runs {
        writeln!(to, "{:#x},{},{}", run.start, run.pages, run.state.word())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Moment, memory::PageRun};
    use std::time::Duration;

    fn pages(runs: &[(u64, PageState)]) -> Pages {
        let mut start = 0x7000;
        let run = |(pages, state): &(u64, PageState)| {
            let run = PageRun { start, pages: *pages, state: *state };
            start += pages * 4096;
            run
        };
        let runs = runs.iter().map(run).collect();
        let (source, taken, took) = (PageSource::Scan, Moment::default(), Duration::ZERO);
        Pages { range: 0x7000..start, page_size: 4096, runs, source, taken, took }
    }

    #[test]
    fn addresses_are_hexadecimal_with_or_without_prefix() {
        for text in ["7f00", "0x7f00", "0X7F00", "00007f00"] {
            assert_eq!(Place::parse(text), Ok(Place::Address(0x7f00)), "{text}");
        }
        assert_eq!(Place::parse("[heap]"), Ok(Place::Name("[heap]")));
        for text in ["", "0x", "heap", "+7f", "-1", "11112222333344445", "0x0x1"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_one_object_whose_runs_stand_in_lines_of_their_own() {
        let pages = pages(&[(2, PageState::Untouched), (1, PageState::Anonymous)]);
        let written = |newline| {
            let mut text = Vec::new();
            json(&mut text, 42, &pages, newline).expect("a vector takes everything");
            String::from_utf8(text).expect("it is UTF-8")
        };
        let line = "{\"pid\":42,\"start\":\"0x7000\",\"end\":\"0xa000\",\"page_size\":4096,\"counts\":{\"untouched\":2,\
            \"anonymous\":1,\"file\":0,\"huge\":0,\"swapped\":0,\"zero\":0},\"runs\":[{\"start\":\"0x7000\",\"pages\":2,\
            \"state\":\"untouched\"},{\"start\":\"0x9000\",\"pages\":1,\"state\":\"anonymous\"}]}\n";
        assert_eq!(written(""), line);
        assert_eq!(written("\n").replace('\n', ""), line.trim_end());
        assert!(serde_json::from_str::<serde_json::Value>(&written("\n")).is_ok());
    }

    #[test]
    fn a_picture_says_what_a_character_stands_for_where_it_is_more_than_one() {
        assert_eq!(drawn(&pages(&[(2, PageState::Untouched), (1, PageState::File)])), "\n..F\n");
        let text = drawn(&pages(&[(511, PageState::Untouched), (1, PageState::File)]));
        assert_eq!(text.lines().count(), 6);
        assert!(
            text.ends_with(".f\neach is 2 pages or one more; a capital (or 0) where all are in that state\n"),
            "{text}"
        );
    }
}
