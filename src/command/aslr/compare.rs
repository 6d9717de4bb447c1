//! `sysview aslr compare`: two memory maps side by side, of processes that run or as they were saved.

use crate::{
    analysis::layout::{Comparison, Object, Role, Row, Run, Side, compare, distance_text},
    cli::{CompareArgs, Format},
    collect::{program, source::Source},
    command::{
        cut_mark, maps,
        output::{Field, Printer, Record, terminal_width, wrapped, write_json},
        subject::{self, Patience},
    },
    snapshot::{
        inspect::Depth,
        map::{Mapping, MemoryMap},
        program::Program,
    },
    table::{
        Value,
        program::{self as facts, facts as facts_of},
    },
    text::{printable, reversible},
    unit::Pid,
};
use serde_json::json;
use std::{
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

/// Compare what was asked for.
///
/// # Errors
/// Where one of the two is no process with memory of its own that may be looked at, and no saved map; where the report
/// cannot be printed.
pub fn run(args: &CompareArgs, source: &Arc<dyn Source>) -> anyhow::Result<ExitCode> {
    let shown = |path: &Path| printable(path.as_os_str().as_encoded_bytes()).into_owned();
    let a = Subject::load(&args.a, source, |pid| format!("aslr compare {pid} {}", shown(&args.b)))?;
    let b = Subject::load(&args.b, source, |pid| format!("aslr compare {} {pid}", shown(&args.a)))?;
    let comparison = compare(&a.side(), &b.side());
    match args.format {
        Format::Table => table(args, &a, &b, &comparison, source.units().page_size)?,
        Format::Json | Format::Ndjson => {
            let mut to = BufWriter::new(io::stdout());
            write_json(&mut to, &object(&a, &b, &comparison))?;
            writeln!(to)?;
            to.flush()?;
        }
        Format::Csv => {
            let records: Vec<_> = comparison.objects.iter().map(flat).collect();
            Printer::standard(Format::Csv, cut_mark()).report(&FLAT, usize::MAX, &records)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One of the two.
struct Subject {
    /// What sentences call it.
    name: String,
    /// What was given on the command line: a number, or the path of a file.
    given: serde_json::Value,
    map: MemoryMap,
    /// Its parent and its program; `None` of a saved map.
    living: Option<(Pid, Program)>,
}

impl Subject {
    /// A number is a process, all else the path of a file. `command` is what to type with another pid.
    fn load(given: &Path, source: &Arc<dyn Source>, command: impl FnOnce(u32) -> String) -> anyhow::Result<Self> {
        match given.to_str().and_then(|text| text.parse().ok()) {
            Some(pid) => Self::process(pid, source, command),
            None => Self::file(given),
        }
    }

    fn process(pid: u32, source: &Arc<dyn Source>, command: impl FnOnce(u32) -> String) -> anyhow::Result<Self> {
        let process = subject::find(&**source, pid, command)?;
        let map = subject::read_map(source, &process, Depth::Addresses, Patience::Usual)?;
        let program = program::read(&**source, process.key);
        let program = program.map_err(|missing| subject::refused("the program", &**source, &process, missing))?;
        Ok(Self { name: pid.to_string(), given: json!(pid), map, living: Some((process.stat.ppid, program)) })
    }

    fn file(path: &Path) -> anyhow::Result<Self> {
        let bytes = path.as_os_str().as_encoded_bytes();
        let map = maps::open_saved(path)?;
        Ok(Self { name: printable(bytes).into_owned(), given: json!(reversible(bytes)), map, living: None })
    }

    fn side(&self) -> Side<'_> {
        Side {
            name: &self.name,
            key: Some(self.map.key),
            mappings: &self.map.mappings,
            exe: self.map.exe.as_deref().ok(),
            run: self.living.as_ref().map(|(parent, program)| Run { parent: Some(*parent), program }),
        }
    }

    /// What is known of it, in an order that is the same for both.
    fn facts(&self, page_size: u64) -> Vec<(&'static str, Value<'_>)> {
        let process = format!("{} {}", self.map.key.pid, self.map.name.printable());
        let process = if self.living.is_some() { process } else { format!("{}: {process}", self.name) };
        let program = self.living.as_ref().map(|(_, program)| program);
        let mut facts = vec![("process", words(Some(process)))];
        facts.extend(facts_of(facts::Run { map: &self.map, program, page_size }));
        facts
    }
}

fn object(a: &Subject, b: &Subject, comparison: &Comparison) -> serde_json::Value {
    let address = |address: Option<u64>| address.map(|address| format!("{address:#x}"));
    let objects = comparison.objects.iter().map(|object| {
        let distance = object.distance();
        json!({
            "object": reversible(object.name()),
            "a": address(object.a),
            "b": address(object.b),
            "distance": distance.map(distance_text),
            "same": distance.map(|distance| distance == 0),
        })
    });
    json!({
        "a": a.given,
        "b": b.given,
        "same_executable": comparison.same_executable,
        "objects": objects.collect::<Vec<_>>(),
        "verdict": comparison.verdict,
    })
}

const FLAT: [Field; 5] = [
    Field::text("object", "OBJECT"),
    Field::text("a", "A"),
    Field::text("b", "B"),
    Field::text("distance", "DISTANCE"),
    Field::text("same", "SAME"),
];

fn flat(object: &Object) -> Record<'_> {
    let distance = object.distance();
    let cells = vec![
        Value::text(object.name()),
        address(object.a),
        address(object.b),
        words(distance.map(distance_text)),
        distance.map_or(Value::None, |distance| Value::Flag(distance == 0)),
    ];
    Record { cells, ..Record::default() }
}

fn address(address: Option<u64>) -> Value<'static> {
    address.map_or(Value::None, Value::Address)
}

fn words(text: Option<String>) -> Value<'static> {
    text.map_or(Value::None, |text| Value::Text(text.into_bytes().into()))
}

/// What is known of both, the objects with their distances, and the verdict.
fn table(args: &CompareArgs, a: &Subject, b: &Subject, comparison: &Comparison, page_size: u64) -> io::Result<()> {
    let mut printer = Printer::standard(Format::Table, cut_mark());
    let facts: Vec<_> = a.facts(page_size).into_iter().zip(b.facts(page_size)).collect();
    let is_told = |((_, a), (_, b)): &((&'static str, Value<'_>), (&'static str, Value<'_>))| {
        !matches!((a, b), (Value::None, Value::None))
    };
    let fact = |((name, a), (_, b))| Record { cells: vec![Value::Word(name), a, b], ..Record::default() };
    printer.report(&FACTS, usize::MAX, &facts.into_iter().filter(is_told).map(fact).collect::<Vec<_>>())?;
    let mut records = Vec::new();
    let mut of_object: Vec<Vec<&Row>> = vec![Vec::new(); comparison.objects.len()];
    if args.mappings {
        comparison.rows.iter().for_each(|row| of_object[row.object].push(row));
    }
    for (object, rows) in comparison.objects.iter().zip(of_object) {
        records.push(object_record(object, page_size));
        records.extend(rows.into_iter().map(|row| mapping_record(row, a, b, page_size)));
    }
    printer.report(&OBJECTS, 0, &records)?;
    let lines =
        terminal_width().map_or_else(|| vec![comparison.verdict.clone()], |width| wrapped(&comparison.verdict, width));
    writeln!(io::stdout(), "\n{}", lines.join("\n"))
}

const FACTS: [Field; 3] = [Field::text("fact", ""), Field::text("a", "A"), Field::text("b", "B")];

const OBJECTS: [Field; 6] = [
    Field::text("object", "OBJECT"),
    Field { name: "a", title: "A", right: true },
    Field { name: "b", title: "B", right: true },
    Field { name: "distance", title: "DISTANCE", right: true },
    Field { name: "pages", title: "PAGES", right: true },
    Field::text("note", "NOTE"),
];

fn object_record(object: &Object, page_size: u64) -> Record<'_> {
    let mut note = Vec::new();
    if object.instance > 1 {
        note.push(format!("number {} of that name", object.instance));
    }
    if object.replaced {
        note.push("another file of that name".to_owned());
    }
    let name = match object.role {
        Role::Executable => {
            let name = format!("executable {}", printable(&object.path));
            Value::Text(name.into_bytes().into())
        }
        _ => Value::text(object.name()),
    };
    let note = if note.is_empty() { Value::Word("") } else { words(Some(note.join(", "))) };
    let cells = distances(object.a, object.b, object.distance(), page_size);
    Record { cells: [name].into_iter().chain(cells).chain([note]).collect(), ..Record::default() }
}

fn mapping_record<'a>(row: &Row, a: &'a Subject, b: &'a Subject, page_size: u64) -> Record<'a> {
    let of = |subject: &'a Subject, at: Option<usize>| at.and_then(|at| subject.map.mappings.get(at));
    let (a, b) = (of(a, row.a), of(b, row.b));
    let start = |mapping: Option<&Mapping>| mapping.map(|mapping| mapping.start);
    let distance = start(a).zip(start(b)).map(|(a, b)| i128::from(b) - i128::from(a));
    let letters = |mapping: &Mapping| mapping.permissions.letters();
    let permissions = match (a.map(letters), b.map(letters)) {
        (Some(a), Some(b)) if a != b => format!("{a} {b}"),
        (Some(one), _) | (_, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    };
    let either = a.or(b);
    let (offset, kind) = either.map_or((0, ""), |mapping| (mapping.offset, mapping.kind.word()));
    let name = format!("+{offset:x} {permissions} {kind}");
    let cells = distances(start(a), start(b), distance, page_size);
    let cells = [Value::Text(name.into_bytes().into())].into_iter().chain(cells).chain([Value::Word("")]);
    Record { cells: cells.collect(), branch: "  ".to_owned(), ..Record::default() }
}

/// Both addresses and how far they are apart, in bytes and pages.
fn distances(a: Option<u64>, b: Option<u64>, distance: Option<i128>, page_size: u64) -> [Value<'static>; 4] {
    let pages = distance.and_then(|distance| i64::try_from(distance / i128::from(page_size.max(1))).ok());
    let distance = match distance {
        Some(0) => Value::Word("same"),
        distance => words(distance.map(distance_text)),
    };
    [address(a), address(b), distance, pages.map_or(Value::None, Value::Integer)]
}
