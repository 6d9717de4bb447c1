//! Everything that is told of one mapping: what deserves a look in words, each column with its value, its flags.

use super::site::Site;
use crate::{
    analysis::MapRow,
    snapshot::map::{Kind, Mapping, Permissions, flag_meaning},
    table::{ColumnOf, OfMappings, Table},
    text::{Text, printable},
    tui::{
        overlay::{
            View,
            facts::{self, Fact, Shape},
        },
        pane::{World, memory::kind},
        theme::Role,
        widget::list::List,
    },
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;

/// Lines that the list keeps; cells for a name.
fn shape(inner: Rect) -> Shape {
    Shape { least: (inner.height * 3 / 5).max(3), name: if inner.width < 70 { 18 } else { 26 } }
}

/// All that there is to tell: what deserves a look and what it is for come first.
pub fn facts(site: &Site, world: World<'_>, pending: &str) -> Vec<Fact> {
    let mut all = warnings(site);
    let Some(row) = row(site, world) else { return all };
    let first = OfMappings::COLUMNS.iter().filter(|column| column.name == "kind");
    for column in first.chain(OfMappings::COLUMNS.iter().filter(|column| column.name != "kind")) {
        let value = OfMappings::value(column, row);
        let mut fact = Fact::of_column(&column.about(), Some(&value), pending);
        match column.name {
            "kind" => {
                let kind = site.mapping.kind;
                fact.value = Some(format!("{}: {}", kind.word(), kind.meaning()));
                fact.value_role = kind::role(kind);
            }
            // A text in columns takes no more room than it must; here there is room for all of it.
            "path" => fact.value = site.mapping.path.as_ref().map(|path| path.printable().into_owned()),
            _ => {}
        }
        all.push(fact);
        if column.name == "flags" {
            all.extend(flags(row));
        }
    }
    all
}

/// The name of the column that a fact tells of, as far as it is one.
pub fn column(facts: &[Fact], at: usize) -> Option<&'static str> {
    let name = &facts.get(at)?.name;
    OfMappings::COLUMNS.iter().map(|column: &ColumnOf<OfMappings>| column.name).find(|column| column == name)
}

/// The mapping as its columns look at it, with what has changed since a baseline where the map is the one compared.
fn row<'a>(site: &'a Site, world: World<'_>) -> Option<MapRow<'a>> {
    let subject = world.subject;
    let compared = subject.known_map().is_some_and(|map| Arc::ptr_eq(map, &site.map));
    let change = if compared { subject.change(site.place) } else { None };
    Some(MapRow { change, ..MapRow::of(&site.map, site.place)? })
}

/// What deserves a look, the worst first.
fn warnings(site: &Site) -> Vec<Fact> {
    let mapping = &site.mapping;
    let fact = |name: &str, role, value: String, about: &str| Fact {
        name: name.to_owned(),
        role,
        value: Some(value),
        value_role: role,
        about: vec![about.to_owned()],
    };
    let mut all = Vec::new();
    let stack = matches!(mapping.kind, Kind::Stack | Kind::ThreadStack);
    if stack && mapping.permissions.has(Permissions::EXECUTE) {
        all.push(fact(
            "executable stack",
            Role::Bad,
            "what is written on it can be run".to_owned(),
            "Code can be run from the stack, where data from outside often comes to lie first. The program, or one of its \
             libraries, asks for it in its header (PT_GNU_STACK); `readelf -lW` on each tells which.",
        ));
    } else if mapping.permissions.is_writable_and_executable() {
        all.push(fact(
            "W+X",
            Role::Bad,
            "what is written there can be run".to_owned(),
            "Written code can run: whoever can write there can run code of their own. A just-in-time compiler may need \
             it; in any other program it is a weakness.",
        ));
    }
    if mapping.is_of_removed_file() {
        let program = matches!(mapping.kind, Kind::Text | Kind::Rodata | Kind::Relro | Kind::Data | Kind::Bss);
        let (value, about) = match Old::of(mapping, site.map.exe.as_ref().ok()) {
            Old::Program => (
                "the old program is still running",
                "The file was removed or replaced, by an update perhaps, and the process still runs the old one. Start \
                 the program anew to run the new one.",
            ),
            Old::Library if program => (
                "the old library is still in use",
                "The file was removed or replaced, by an update perhaps, and the process still runs the old one. Restart \
                 it to use the new one.",
            ),
            Old::Library | Old::Other => (
                "the old file is still mapped",
                "The file was removed or replaced while it was mapped. Its contents stay, and its room on the disk is not \
                 free, until nobody maps it or has it open.",
            ),
        };
        all.push(fact("deleted file", Role::Warn, value.to_owned(), about));
    }
    if let Some(tid) = mapping.thread {
        all.push(fact(
            "thread",
            Role::Label,
            format!("stack of thread {tid}"),
            "Local variables and return addresses of one thread other than the first, told by where that thread's stack \
             pointer was when the map was read.",
        ));
    }
    all
}

/// What a file is to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Program,
    Library,
    Other,
}

impl Old {
    /// The program is the one that runs; a library is told by its name: `libx.so`, `libx.so.6`.
    fn of(mapping: &Mapping, exe: Option<&Text>) -> Self {
        let path = mapping.object().unwrap_or_default();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match () {
            () if exe.is_some() && mapping.path.as_ref() == exe => Self::Program,
            () if name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.") => Self::Library,
            () => Self::Other,
        }
    }
}

/// Each word of `VmFlags`, and what it means; those of later kernels as they are.
fn flags(row: MapRow<'_>) -> Vec<Fact> {
    let words = row.figures.map(|figures| figures.flags().collect::<Vec<_>>()).unwrap_or_default();
    let fact = |word: &[u8]| {
        let meaning = flag_meaning(word);
        Fact {
            name: format!("  {}", printable(word)),
            role: Role::Key,
            value: Some(meaning.unwrap_or("of a later kernel: not known to sysview").to_owned()),
            value_role: if meaning.is_some() { Role::Label } else { Role::Missing },
            about: vec![
                "What the kernel notes about the mapping, for itself and by madvise(2), mlock(2) and others."
                    .to_owned(),
                "From: /proc/PID/smaps VmFlags".to_owned(),
            ],
        }
    };
    words.into_iter().map(fact).collect()
}

/// Draw them; how far along one is where not all is in view.
pub fn draw(site: &Site, list: &List, view: &View<'_>, inner: Rect, buffer: &mut Buffer) -> Option<(usize, usize)> {
    facts::draw(&facts(site, view.world, view.glyphs.pending), list, view, shape(inner), inner, buffer)
}
