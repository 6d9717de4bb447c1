//! The drawings of the Memory pane, each over plain data: the address space, pages, bytes. Held as text at three sizes,
//! and drawn over anything at any size.

use crate::fixture;
use insta::Settings;
use proptest::{collection::vec, prelude::*, sample::select};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
};
use sysview::{
    snapshot::map::{FileId, Kind, Mapping, Permissions},
    text::Text,
    tui::{
        glyph::Glyphs,
        pane::{
            Look,
            memory::picture::{self, Grain, Picture},
        },
        theme::{Depth, Theme},
        widget::list::List,
    },
    unit::Pid,
};

const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 15)];

fn theme(depth: Depth) -> Theme {
    Theme::named("auto", depth).expect("the theme exists")
}

/// What stands on the screen, without the blanks at the end of lines.
fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n";
    buffer.content.chunks(width).map(line).collect()
}

fn drawn((width, height): (u16, u16), draw: impl Fn(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(area, &mut buffer);
    text(&buffer)
}

fn hold(name: &str, draw: impl Fn(Rect, &mut Buffer)) {
    for (width, height) in SIZES {
        let mut settings = Settings::new();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let text = drawn((width, height), &draw);
        settings.bind(|| insta::assert_snapshot!(format!("{name}@{width}x{height}"), text));
    }
}

/// The mappings of a file as the kernel writes it, with the kinds that a picture needs to be one.
fn mappings(text: &str) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or_else(|error| panic!("{text}: {error}"));
        let (start, end) = word().split_once('-').expect("a range");
        let permissions = Permissions::parse(word().as_bytes()).expect("permissions");
        let (offset, _, inode) = (hex(word()), word(), word().parse().expect("an inode"));
        let rest = words.collect::<Vec<_>>().join(" ");
        let mut mapping = Mapping {
            start: hex(start),
            end: hex(end),
            permissions,
            offset,
            file: FileId { device: (0xfe, 0), inode },
            deleted: rest.ends_with(" (deleted)"),
            path: (!rest.is_empty()).then(|| Text::from(rest.as_str())),
            kind: Kind::Other,
            thread: None,
        };
        mapping.kind = kind(&rest, &mapping, mappings.last());
        if mapping.kind == Kind::ThreadStack {
            mapping.thread = Some(Pid(4100 + u32::try_from(mappings.len()).expect("few")));
        }
        mappings.push(mapping);
    }
    mappings
}

fn kind(path: &str, mapping: &Mapping, before: Option<&Mapping>) -> Kind {
    let (write, run) = (mapping.permissions.has(Permissions::WRITE), mapping.permissions.has(Permissions::EXECUTE));
    let beside = before.filter(|before| before.end == mapping.start);
    match path {
        "[heap]" => Kind::Heap,
        "[stack]" => Kind::Stack,
        "[vdso]" => Kind::Vdso,
        "[vsyscall]" => Kind::Vsyscall,
        path if path.starts_with("[vvar") => Kind::Vvar,
        path if path.starts_with("/memfd:") => Kind::Memfd,
        path if path.starts_with("/dev/zero") => Kind::Shared,
        "" if mapping.size().0 == 8 << 20 && beside.is_some_and(|guard| guard.permissions.letters() == "---p") => {
            Kind::ThreadStack
        }
        "" if beside.is_some_and(|before| before.kind == Kind::Data) => Kind::Bss,
        "" => Kind::Anonymous,
        path if !path.contains("/lib") && !path.contains("/bin")
            || path.contains("/locale")
            || path.contains("cache") =>
        {
            Kind::File
        }
        _ if run => Kind::Text,
        _ if write => Kind::Data,
        _ if beside.is_some_and(|before| before.kind == Kind::Rodata && before.offset > 0) => Kind::Relro,
        _ => Kind::Rodata,
    }
}

/// Draw the picture of a recorded map with the cursor on the mapping that holds an address.
fn space(name: &str, address: u64, grain: Grain, glyphs: &'static Glyphs) -> impl Fn(Rect, &mut Buffer) {
    let mappings = mappings(&String::from_utf8_lossy(&fixture::text(name)));
    let cursor = mappings.iter().position(|mapping| mapping.range().contains(&address)).expect("a mapping");
    let picture = Picture::new(&mappings, grain);
    let theme = theme(Depth::Sixteen);
    move |area, buffer| {
        let look = Look { theme: &theme, glyphs };
        picture::draw::draw(&picture, &mappings, cursor, &List::default(), &look, area, buffer);
    }
}

#[test]
fn the_address_space_of_an_interpreter_with_threads() {
    hold("space-python", space("maps-python.txt", 0x7fdc_3043_b000, Grain::Objects, &Glyphs::UNICODE));
}

#[test]
fn the_address_space_of_a_shell_without_randomisation_in_ascii() {
    hold("space-shell-ascii", space("maps-bash.txt", 0x7fff_f7dc_8000, Grain::Objects, &Glyphs::ASCII));
}

#[test]
fn the_address_space_mapping_by_mapping() {
    hold("space-shell-mappings", space("maps-bash.txt", 0x7fff_f7dc_8000, Grain::Mappings, &Glyphs::UNICODE));
}
