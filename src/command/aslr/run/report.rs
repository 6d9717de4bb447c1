//! What came of the runs, as JSON, as rows and as text for people.

use crate::{
    analysis::aslr::{Place, Region, Report, Verdict},
    cli::Format,
    command::{
        output::{Field, Printer, Record, terminal_width, wrapped},
        screen,
    },
    snapshot::{
        Missing, Reading,
        lab::{Lab, StoppedAt},
        program::{Elf, NO_RANDOMIZE, Relro},
    },
    table::Value,
    text::{printable, reversible},
};
use serde_json::{Map, Value as Json, json};
use std::{fmt::Write as _, io};

/// The whole report as one object.
pub(super) fn json(lab: &Lab, report: &Report) -> Json {
    let text = |bytes: &[u8]| json!(reversible(bytes));
    let mut object = Object::default();
    object.put("command", Ok(lab.order.command.iter().map(|word| text(word)).collect()));
    object.put("program", lab.program.as_ref().map(|program| text(program)).map_err(|why| *why));
    object.put("runs", Ok(json!(lab.runs.len())));
    object.put("stopped_at", Ok(json!(report.stopped_at.map(StoppedAt::word))));
    object.put("settings", Ok(settings(lab)));
    object.put("elf", lab.elf.as_ref().map(|elf| elf.as_ref().map_or(Json::Null, facts)).map_err(|why| *why));
    object.put("regions", Ok(report.regions.iter().map(region).collect()));
    object.put(
        "distances",
        Ok(report
            .distances
            .iter()
            .map(|distance| {
                json!({
                    "from": text(distance.from.word()),
                    "to": text(distance.to.word()),
                    "constant": true,
                    "distance": address(distance.bytes),
                })
            })
            .collect()),
    );
    object.put("notes", Ok(json!(lab.notes)));
    object.finish()
}

/// A JSON object that says why values are missing.
#[derive(Default)]
struct Object {
    values: Map<String, Json>,
    missing: Map<String, Json>,
}

impl Object {
    fn put(&mut self, name: &str, value: Reading<Json>) {
        if let Err(why) = value {
            // `NotRequested` never leaves the program: it is what was not come to.
            let why = if why == Missing::NotRequested { Missing::Gone } else { why };
            self.missing.insert(name.to_owned(), why.word().into());
        }
        self.values.insert(name.to_owned(), value.unwrap_or(Json::Null));
    }

    fn finish(mut self) -> Json {
        if !self.missing.is_empty() {
            self.values.insert("missing".to_owned(), self.missing.into());
        }
        self.values.into()
    }
}

fn settings(lab: &Lab) -> Json {
    let mut object = Object::default();
    object.put("randomize_va_space", lab.settings.randomize_va_space.map(Json::from));
    object.put("mmap_rnd_bits", lab.settings.mmap_rnd_bits.map(Json::from));
    object.put("personality_no_randomize", lab.personality.map(|personality| json!(personality & NO_RANDOMIZE != 0)));
    object.finish()
}

fn facts(elf: &Elf) -> Json {
    json!({
        "pie": elf.pie,
        "static": elf.is_static,
        "interpreter": elf.interpreter.as_ref().map(|path| reversible(path)),
        "relro": elf.relro.word(),
        "nx": elf.nx,
    })
}

fn region(region: &Region) -> Json {
    json!({
        "region": reversible(region.place.word()),
        "relative_to": region.relative.then_some("executable"),
        "addresses": region.addresses.iter().map(|at| at.map(address)).collect::<Vec<_>>(),
        "distinct": region.distinct,
        "alignment": region.alignment,
        "bits_observed": region.bits.map(hundredths),
        "bits_promised": region.promise.bits,
        "promised_by": region.promise.by,
        "verdict": region.verdict.map(Verdict::word),
        "note": region.note,
    })
}

fn address(address: u64) -> String {
    format!("{address:#x}")
}

/// An estimate is not better than that.
fn hundredths(bits: f64) -> f64 {
    (bits * 100.0).round() / 100.0
}

/// The fields of a region where each is a row.
pub(super) const FIELDS: [Field; 9] = [
    Field::text("region", "REGION"),
    Field::text("relative_to", "RELATIVE TO"),
    Field { name: "distinct", title: "DISTINCT", right: true },
    Field { name: "alignment", title: "ALIGNED", right: true },
    Field { name: "bits_observed", title: "BITS", right: true },
    Field { name: "bits_promised", title: "PROMISED", right: true },
    Field::text("promised_by", "PROMISED BY"),
    Field::text("verdict", "VERDICT"),
    Field::text("note", "NOTE"),
];

/// A row for each region.
pub(super) fn records(report: &Report) -> Vec<Record<'_>> {
    let record = |region: &'_ Region| {
        let count = |number: Option<u64>| number.map_or(Value::None, Value::Count);
        vec![
            Value::Text(region.place.word().to_vec().into()),
            if region.relative { Value::Word("executable") } else { Value::None },
            count(Some(region.distinct as u64)),
            region.alignment.map_or(Value::None, Value::Bytes),
            bits(region),
            count(region.promise.bits.map(u64::from)),
            Value::Text(region.promise.by.clone().into_bytes().into()),
            region.verdict.map_or(Value::None, |verdict| Value::Word(verdict.word())),
            Value::Text(region.note.clone().into_bytes().into()),
        ]
    };
    report.regions.iter().map(|region| Record { cells: record(region), ..Record::default() }).collect()
}

fn bits(region: &Region) -> Value<'static> {
    region.bits.map_or(Value::None, |bits| Value::Text(format!("{bits:.2}").into_bytes().into()))
}

/// Cells of the picture of where the runs landed.
const CELLS: usize = 32;

const PICTURE: [Field; 6] = [
    Field::text("region", "REGION"),
    Field::text("verdict", "VERDICT"),
    Field { name: "bits_observed", title: "BITS", right: true },
    Field { name: "bits_promised", title: "PROMISED", right: true },
    Field { name: "alignment", title: "ALIGNED", right: true },
    Field::text("landed", "WHERE THE RUNS LANDED"),
];

/// For people: what was run, how each region did and what that means, in lines as long as the terminal is wide.
pub(super) fn text(lab: &Lab, report: &Report) -> io::Result<String> {
    let width = terminal_width();
    let mut text = String::new();
    for (title, line) in head(lab, report) {
        paragraph(&mut text, &format!("{title:9}"), &line, width);
    }
    text.push('\n');
    text.push_str(&regions(lab, report, width)?);
    text.push('\n');
    for (what, places) in together(report, |region| region.note.clone()) {
        paragraph(&mut text, "", &format!("{places}: {what}"), width);
    }
    text.push('\n');
    for (by, places) in together(report, promised) {
        paragraph(&mut text, "", &format!("{by}: {places}"), width);
    }
    if !report.distances.is_empty() {
        text.push('\n');
    }
    for distance in &report.distances {
        let (from, to) = (short(report, &distance.from), short(report, &distance.to));
        paragraph(&mut text, "", &format!("{to} is {} above {from} in every run.", address(distance.bytes)), width);
    }
    Ok(text)
}

/// What was run, of what kind it is, what the kernel is set to, and how far the runs came.
fn head(lab: &Lab, report: &Report) -> Vec<(&'static str, String)> {
    let command: Vec<_> = lab.order.command.iter().map(|word| word.printable()).collect();
    let told = |reading: Reading<u32>| reading.map_or_else(|why| why.word().to_owned(), |number| number.to_string());
    let program = lab.program.as_ref().map_or_else(|why| why.word().into(), |program| program.printable());
    let kind = match &lab.elf {
        Ok(Some(elf)) => kind(elf),
        Ok(None) => "no ELF file".to_owned(),
        Err(why) => format!("its headers: {}", why.word()),
    };
    let personality = match lab.personality {
        Ok(personality) if personality & NO_RANDOMIZE != 0 => "the personality switches randomisation off",
        Ok(_) => "the personality leaves it on",
        Err(_) => "the personality is not known",
    };
    let settings = lab.settings;
    let stopped = match report.stopped_at {
        Some(StoppedAt::Interpreter) => "with all libraries mapped, before the first constructor of any",
        Some(StoppedAt::Exec) => "before the first instruction",
        Some(StoppedAt::Entry) | None => "at the entry of the program, after the constructors of its libraries",
    };
    let mut head = vec![
        ("command", command.join(" ")),
        ("program", format!("{program}: {kind}")),
        (
            "kernel",
            format!(
                "randomize_va_space {}, mmap_rnd_bits {}; {personality}",
                told(settings.randomize_va_space),
                told(settings.mmap_rnd_bits)
            ),
        ),
        ("runs", format!("{}, each stopped {stopped}", lab.runs.len())),
    ];
    head.extend(lab.notes.iter().map(|note| ("note", printable(note.as_bytes()).into_owned())));
    head
}

fn kind(elf: &Elf) -> String {
    let interpreter = elf.interpreter.as_ref().map(|path| format!("interpreter {}", path.printable()));
    [
        format!("{} bits", elf.bits),
        if elf.pie { "position-independent" } else { "at a fixed address" }.to_owned(),
        interpreter.unwrap_or_else(|| "static".to_owned()),
        match elf.relro {
            Relro::None => "no RELRO".to_owned(),
            relro => format!("{} RELRO", relro.word()),
        },
        if elf.nx { "stack not executable" } else { "stack executable" }.to_owned(),
    ]
    .join(", ")
}

fn regions(lab: &Lab, report: &Report, width: Option<usize>) -> io::Result<String> {
    let levels = if screen::is_utf8() { LEVELS } else { ASCII_LEVELS };
    let record = |region: &Region| {
        let cells = vec![
            Value::Text(named(report, region).into_bytes().into()),
            region.verdict.map_or(Value::None, |verdict| Value::Word(verdict.word())),
            region.bits.map_or(Value::None, |bits| Value::Text(format!("{bits:.1}").into_bytes().into())),
            region.promise.bits.map_or(Value::None, |bits| Value::Count(bits.into())),
            region.alignment.map_or(Value::None, Value::Bytes),
            Value::Text(picture(&region.landed(CELLS, lab.page_size), levels).into_bytes().into()),
        ];
        Record { cells, ..Record::default() }
    };
    let records: Vec<_> = report.regions.iter().map(record).collect();
    let mut bytes = Vec::new();
    let mark = crate::command::cut_mark();
    Printer::new(Format::Table, &mut bytes, width, mark).report(&PICTURE, usize::MAX, &records)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_LEVELS: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '%', '#'];

/// A cell for each part, the higher the more runs landed in it.
fn picture(landed: &[u32], levels: [char; 9]) -> String {
    let most = landed.iter().copied().max().unwrap_or(0).max(1);
    let level = |count: &u32| levels[(count * 8).div_ceil(most).min(8) as usize];
    format!("|{}|", landed.iter().map(level).collect::<String>())
}

/// The name of a region in a table.
fn named(report: &Report, region: &Region) -> String {
    let from = if region.relative { " from executable" } else { "" };
    short(report, &region.place) + from
}

/// The last part of a library's path where that is enough to tell it from others.
fn short(report: &Report, place: &Place) -> String {
    let last = |place: &Place| {
        let word = place.word();
        word.rsplit(|byte| *byte == b'/').next().unwrap_or(word).to_vec()
    };
    let own = last(place);
    let is_alone = report.regions.iter().filter(|region| last(&region.place) == own).count() == 1;
    printable(if is_alone { &own } else { place.word() }).into_owned()
}

fn promised(region: &Region) -> String {
    match region.promise.bits {
        Some(bits) => format!("{bits} bits promised by {}", region.promise.by),
        None => format!("nothing is known to be promised, for {}", region.promise.by),
    }
}

/// What is said of regions, each thing once with the regions it is said of.
fn together(report: &Report, said: impl Fn(&Region) -> String) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for region in &report.regions {
        let (said, place) = (said(region), short(report, &region.place));
        match all.iter_mut().find(|(known, _)| *known == said) {
            Some((_, places)) => {
                // Writing to a String does not fail.
                let _ = write!(places, ", {place}");
            }
            None => all.push((said, place)),
        }
    }
    all
}

/// A text after its title, the lines that follow below it.
fn paragraph(text: &mut String, title: &str, words: &str, width: Option<usize>) {
    let indent = title.len().max(2);
    let lines = wrapped(words, width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(20)));
    for (number, line) in lines.iter().enumerate() {
        let before = if number == 0 { title.to_owned() } else { " ".repeat(indent) };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{before}{line}");
    }
}
