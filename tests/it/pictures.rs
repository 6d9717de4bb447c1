//! The drawings of the Memory pane, each over plain data: the address space, pages, bytes. Held as text at three sizes,
//! and drawn over anything at any size.

use crate::fixture;
use insta::Settings;
use proptest::{collection::vec, prelude::*, sample::select};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::Modifier,
};
use sysview::{
    snapshot::{
        Missing, Moment,
        map::{FileId, Kind, Mapping, Permissions},
        memory::{Contents, PageRun, PageSource, PageState, Pages, Piece},
    },
    text::{Text, is_unsafe},
    tui::{
        action::Action,
        glyph::Glyphs,
        pane::{
            Look,
            memory::{
                contents::{self, Dump},
                pages::{self, Change, Grid},
                picture::{self, Grain, Picture, Shape},
            },
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
fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n";
    buffer.content.chunks(width).map(line).collect()
}

fn drawn((width, height): (u16, u16), draw: impl Fn(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(area, &mut buffer);
    text_of(&buffer)
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

/// Mappings one after the other from an address on, each with its size in pages and the free pages below it.
fn row(start: u64, each: impl IntoIterator<Item = (u64, u64, Kind, &'static str)>) -> Vec<Mapping> {
    let mut at = start;
    let each = each.into_iter().map(|(free, pages, kind, path)| {
        let start = at + free * 4096;
        at = start + pages * 4096;
        let (path, file) = ((!path.is_empty()).then(|| Text::from(path)), FileId::default());
        let permissions = Permissions::READ;
        Mapping { start, end: at, permissions, offset: 0, file, path, deleted: false, kind, thread: None }
    });
    each.collect()
}

#[test]
fn many_without_a_name_are_one_line() {
    let each = (0..4812).map(|_| (1, 3, Kind::Anonymous, ""));
    let mut all = row(0x10_0000, [(0, 9, Kind::Text, "/bin/a")]);
    all.extend(row(0x7f00_0000_0000, [(0, 9, Kind::Text, "/lib/b")]));
    all.extend(row(0x7f00_0010_0000, each));
    all.extend(row(0x7f00_f000_0000, [(0, 9, Kind::Text, "/lib/c")]));
    let picture = Picture::new(&all, Grain::Objects);
    let theme = theme(Depth::None);
    let look = Look { theme: &theme, glyphs: &Glyphs::UNICODE };
    let text = drawn((80, 20), |area, buffer| {
        picture::draw::draw(&picture, &all, 2000, &List::default(), &look, area, buffer);
    });
    let line = text.lines().find(|line| line.starts_with('▸')).expect("the cursor is in view");
    assert_eq!(line, "▸7f0000101000 aaaaaaaaaaaaaaaaaaaaaaaa   56M ×4812 4,812 anonymous mappings");
    assert!(text.contains(", 1,999 of 4,812"), "{text}");
    assert_eq!((picture.before(2000), picture.after(2000)), (2, 4814));
}

#[test]
fn more_objects_than_a_picture_can_have_are_gathered() {
    let kinds = [Kind::Anonymous, Kind::File];
    let each = (0..50_000).map(|at| (1, 1, kinds[at % 2], if at % 2 == 1 { "/data" } else { "" }));
    let picture = Picture::new(&row(0x7f00_0000_0000, each), Grain::Mappings);
    assert!(picture.lines.len() <= 202, "{}", picture.lines.len());
    assert!(picture.lines.iter().any(|line| matches!(line.shape, Shape::Several { objects: 250, .. })));
}

fn moment() -> Moment {
    Moment::default()
}

fn reading(start: u64, runs: &[(u64, PageState)]) -> Pages {
    let mut at = start;
    let run = |(pages, state): &(u64, PageState)| {
        let run = PageRun { start: at, pages: *pages, state: *state };
        at += pages * 4096;
        run
    };
    let runs = runs.iter().map(run).collect();
    let took = std::time::Duration::ZERO;
    Pages { range: start..at, page_size: 4096, runs, source: PageSource::Scan, taken: moment(), took }
}

/// A buffer of 16 MiB in the middle of growing: what was there before, and now.
fn growing() -> (Pages, Pages) {
    use PageState::{Anonymous, File, Huge, Swapped, Untouched, Zero};
    let start = [(40, Anonymous), (3, Swapped), (21, Anonymous), (1, Zero), (63, Untouched), (512, Huge), (100, File)];
    let before = [&start[..], &[(700, Anonymous), (2656, Untouched)]].concat();
    let now = [&start[..], &[(700, Anonymous), (37, Anonymous), (600, Untouched), (9, Anonymous), (2010, Untouched)]];
    (reading(0x7f12_3458_0000, &before), reading(0x7f12_3458_0000, &now.concat()))
}

fn grid(zoom: Option<u32>, glyphs: &'static Glyphs) -> impl Fn(Rect, &mut Buffer) {
    let (before, now) = growing();
    let mut view = pages::View::at(0x7f12_345a_a000);
    view.zoom = zoom;
    let grid = Grid::new(now.into(), Some(&before));
    let theme = theme(Depth::Sixteen);
    move |area, buffer| pages::draw(&grid, &view, &Look { theme: &theme, glyphs }, area, buffer)
}

#[test]
fn the_pages_of_a_growing_buffer() {
    hold("pages", grid(None, &Glyphs::UNICODE));
}

#[test]
fn the_pages_of_a_growing_buffer_one_by_one_in_ascii() {
    hold("pages-ascii", grid(Some(0), &Glyphs::ASCII));
}

#[test]
fn zooming_keeps_the_cursor_in_view_and_on_its_page() {
    let (before, now) = growing();
    let grid = Grid::new(now.into(), Some(&before));
    let mut view = pages::View::at(0x7f12_345a_a000);
    let theme = theme(Depth::None);
    let look = Look { theme: &theme, glyphs: &Glyphs::UNICODE };
    let mut seen = Vec::new();
    for action in
        [Action::ExpandBranch, Action::ExpandBranch, Action::Expand, Action::CollapseBranch, Action::ExpandAll]
    {
        drawn((60, 9), |area, buffer| pages::draw(&grid, &view, &look, area, buffer));
        assert!(view.act(action, grid.pages()));
        let text = drawn((60, 9), |area, buffer| pages::draw(&grid, &view, &look, area, buffer));
        assert!(text.lines().any(|line| line.starts_with('▸')), "{text}");
        seen.push((view.cursor, view.zoom));
    }
    let at = 0x7f12_345a_a000;
    assert_eq!(
        seen,
        [(at, Some(4)), (at, Some(3)), (at + 0x8000, Some(3)), (at + 0x8000, Some(4)), (at + 0x8000, None)]
    );
}

#[test]
fn what_changed_is_told_in_pages() {
    let (before, now) = growing();
    let grid = Grid::new(now.into(), Some(&before));
    let told: Vec<_> = grid.changes().iter().map(|changed| (changed.pages, changed.change)).collect();
    assert_eq!(told, [(37, Change::Came), (9, Change::Came)]);
}

/// A page with text, three that cannot be read, and the beginning of the next.
fn memory() -> (Contents, Contents) {
    let mut bytes = vec![0; 4096];
    let text =
        b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n\x1b[31m\xff\xfe\xe2\x82\xac\0\0\x7f password=secret;";
    bytes[4096 - 160..][..text.len()].copy_from_slice(text);
    let piece = |start, bytes: Vec<u8>| Piece { start, length: bytes.len() as u64, bytes: Ok(bytes) };
    let denied = Piece { start: 0x7f12_3459_1000, length: 3 * 4096, bytes: Err(Missing::Denied) };
    let after = piece(0x7f12_3459_4000, (0..=255).cycle().take(4096).collect());
    let now = Contents {
        pieces: vec![piece(0x7f12_3459_0000, bytes.clone()), denied.clone(), after.clone()],
        taken: moment(),
    };
    bytes[4096 - 160 + 5..][..5].fill(b'x');
    let before = Contents { pieces: vec![piece(0x7f12_3459_0000, bytes), denied, after], taken: moment() };
    (before, now)
}

const MEMORY: std::ops::Range<u64> = 0x7f12_3459_0000..0x7f12_3459_8000;

fn dump(glyphs: &'static Glyphs) -> impl Fn(Rect, &mut Buffer) {
    let (before, now) = memory();
    let view = contents::View::at(0x7f12_3459_0f65);
    let theme = theme(Depth::Sixteen);
    move |area, buffer| {
        let found = (&[0x7f12_3459_0fa5][..], 8);
        let dump = Dump { range: &MEMORY, contents: &now, before: Some(&before), found };
        contents::draw(&dump, &view, &Look { theme: &theme, glyphs }, area, buffer);
    }
}

#[test]
fn bytes_and_what_cannot_be_read() {
    hold("bytes", dump(&Glyphs::UNICODE));
}

#[test]
fn bytes_in_ascii() {
    hold("bytes-ascii", dump(&Glyphs::ASCII));
}

#[test]
fn one_key_passes_what_cannot_be_read_and_comes_back() {
    let (_, now) = memory();
    let dump = Dump { range: &MEMORY, contents: &now, before: None, found: (&[], 0) };
    let mut view = contents::View::at(0x7f12_3459_0ff5);
    let theme = theme(Depth::None);
    let look = Look { theme: &theme, glyphs: &Glyphs::ASCII };
    drawn((80, 10), |area, buffer| contents::draw(&dump, &view, &look, area, buffer));
    let mut seen = Vec::new();
    for action in [Action::Down, Action::Down, Action::Up, Action::Up, Action::Expand, Action::End, Action::Home] {
        assert!(view.act(action, &dump));
        seen.push(view.cursor & 0xffff);
    }
    assert_eq!(seen, [0x1000, 0x4000, 0x1000, 0x0ff0, 0x0ff1, 0x7fff, 0x0000]);
    assert!(!view.act(Action::Quit, &dump));
}

#[test]
fn what_is_read_holds_what_is_in_view() {
    let (_, now) = memory();
    let range = 0x7f12_3450_0000..0x7f13_0000_0000;
    let dump = Dump { range: &range, contents: &now, before: None, found: (&[], 0) };
    let mut view = contents::View::at(0x7f12_3459_0ff5);
    let theme = theme(Depth::None);
    let look = Look { theme: &theme, glyphs: &Glyphs::ASCII };
    for action in [Action::Down, Action::PageDown, Action::End, Action::PageUp, Action::Home] {
        view.act(action, &dump);
        let text = drawn((80, 20), |area, buffer| contents::draw(&dump, &view, &look, area, buffer));
        let address = |line: Option<&str>| {
            line.and_then(|line| u64::from_str_radix(line.get(..12)?, 16).ok()).expect("a line begins with its address")
        };
        let wanted = view.wanted(&range);
        let (top, bottom) = (address(text.lines().next()), address(text.lines().last()));
        assert!(wanted.contains(&top) && wanted.contains(&bottom), "{action:?} {wanted:x?} {top:x} {bottom:x}");
        assert!(wanted.contains(&view.cursor) && wanted.end - wanted.start < 1 << 20, "{action:?} {wanted:x?}");
    }
}

/// The modifiers of a cell, with or without colour.
fn modifiers(buffer: &Buffer, x: u16, y: u16) -> Modifier {
    buffer[(x, y)].style().add_modifier
}

#[test]
fn cursor_changes_and_matches_are_told_apart_without_colour() {
    let theme = theme(Depth::None);
    let look = Look { theme: &theme, glyphs: &Glyphs::UNICODE };
    let area = Rect::new(0, 0, 80, 24);
    let (before, now) = memory();
    let found = (&[0x7f12_3459_0f83][..], 2);
    let dump = Dump { range: &MEMORY, contents: &now, before: Some(&before), found };
    let mut buffer = Buffer::empty(area);
    contents::draw(&dump, &contents::View::at(0x7f12_3459_0f61), &look, area, &mut buffer);
    let hex = |byte: u16| 13 + byte * 3 + byte / 8;
    let text = |byte: u16| 63 + byte;
    assert_eq!((buffer[(hex(1) - 1, 0)].symbol(), buffer[(hex(1) + 2, 0)].symbol()), ("[", "]"));
    for x in [hex, text].map(|column| column(5)) {
        assert_eq!(modifiers(&buffer, x, 0), Modifier::BOLD | Modifier::REVERSED, "a byte that changed");
    }
    for x in [hex(3), hex(4), text(3), text(4)] {
        assert_eq!(modifiers(&buffer, x, 2), Modifier::BOLD | Modifier::UNDERLINED, "what was searched for");
    }
    assert_eq!(modifiers(&buffer, hex(5), 2), Modifier::empty());
    let (before, now) = growing();
    let grid = Grid::new(now.into(), Some(&before));
    let mut buffer = Buffer::empty(area);
    pages::draw(&grid, &pages::View::at(0x7f12_345a_a000), &look, area, &mut buffer);
    let came = (14..80).find(|x| buffer[(*x, 6)].symbol() == "+").expect("pages came");
    assert_eq!(modifiers(&buffer, came, 6), Modifier::BOLD | Modifier::REVERSED);
    assert_eq!((buffer[(24, 1)].symbol(), modifiers(&buffer, 24, 1)), ("S", Modifier::REVERSED));
    let mut settled = grid;
    settled.settle();
    let mut buffer = Buffer::empty(area);
    pages::draw(&settled, &pages::View::default(), &look, area, &mut buffer);
    assert!(!text_of(&buffer).contains('+'));
}

/// Names as programs could give them.
const NAMES: &[&str] = &[
    "[heap]",
    "/usr/lib/libc.so.6",
    "/tmp/a\u{1b}[2J\nb",
    "/x (deleted)",
    "/",
    "//",
    "",
    "/memfd:\u{202e}evil",
    "日本語/文字",
    "/日本語/文字",
    "\u{301}\u{301}",
    "[anon:\t]",
];

fn name() -> impl Strategy<Value = Option<Text>> {
    proptest::option::of(select(NAMES).prop_map(Text::from))
}

/// Any mapping, also one that no kernel makes.
fn mapping() -> impl Strategy<Value = Mapping> {
    let address = || prop_oneof![any::<u64>(), 0..64u64, (0..64u64).prop_map(|page| (0x7f00_0000 + page) << 12)];
    let permissions = select(&["---p", "r--p", "rw-p", "r-xp", "rwxp", "rw-s"][..]);
    let kinds = (0..Kind::ALL.len()).prop_map(|at| Kind::ALL[at].0);
    (address(), address(), permissions, name(), kinds, any::<bool>(), 0..3u64, proptest::option::of(0..9u32)).prop_map(
        |(start, end, permissions, path, kind, deleted, inode, thread)| Mapping {
            start,
            end,
            permissions: Permissions::parse(permissions.as_bytes()).expect("they are some"),
            offset: end,
            file: FileId { device: (0, 0), inode },
            path,
            deleted,
            kind,
            thread: thread.map(Pid),
        },
    )
}

fn piece() -> impl Strategy<Value = Piece> {
    let missing = select(&[Missing::Denied, Missing::Malformed, Missing::NotRequested][..]);
    let bytes = prop_oneof![vec(any::<u8>(), 0..99).prop_map(Ok), missing.prop_map(Err)];
    (0..9000u64, bytes).prop_map(|(length, bytes)| Piece { start: 0, length, bytes })
}

fn glyphs() -> impl Strategy<Value = &'static Glyphs> {
    const ALL: [&Glyphs; 2] = [&Glyphs::UNICODE, &Glyphs::ASCII];
    select(&ALL[..])
}

fn assert_safe(text: &str) {
    assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text:?}");
}

proptest! {
    #[test]
    fn any_map_has_a_picture(
        mut all in vec(mapping(), 0..40), sorted: bool, grain in select(&[Grain::Objects, Grain::Mappings][..]),
        cursor in 0..50usize, width in 1..130u16, height in 1..40u16, glyphs in glyphs(),
    ) {
        if sorted {
            all.sort_by_key(|mapping| mapping.start);
        }
        let picture = Picture::new(&all, grain);
        let members: Vec<usize> = picture.lines.iter().flat_map(|line| line.members.clone()).collect();
        prop_assert_eq!(members, (0..all.len()).collect::<Vec<_>>());
        for at in 0..all.len() {
            prop_assert!(picture.lines[picture.line(at)].members.contains(&at));
        }
        let theme = theme(Depth::Sixteen);
        let list = List::default();
        for cursor in [cursor, 0] {
            let text = drawn((width, height), |area, buffer| {
                picture::draw::draw(&picture, &all, cursor, &list, &Look { theme: &theme, glyphs }, area, buffer);
            });
            assert_safe(&text);
            prop_assert!(cursor >= all.len() || width < 2 || text.lines().any(|line| line.starts_with(glyphs.cursor)));
        }
    }

    #[test]
    fn any_pages_have_a_grid(
        runs in vec((0..3000u64, 0..PageState::COUNT), 0..40), before in vec((0..3000u64, 0..PageState::COUNT), 0..40),
        start in prop_oneof![Just(0u64), any::<u64>(), (0..1u64 << 50).prop_map(|page| page << 12)],
        zoom in proptest::option::of(0..70u32), cursor: u64,
        keys in vec(select(&[Action::Up, Action::Down, Action::PageDown, Action::End, Action::Collapse, Action::Expand,
            Action::ExpandBranch, Action::CollapseBranch, Action::ExpandAll, Action::Home, Action::PageUp][..]), 0..9),
        width in 1..130u16, height in 1..40u16, glyphs in glyphs(),
    ) {
        let start = start.min(u64::MAX - (1 << 32));
        let some = |runs: &[(u64, usize)]| {
            reading(start, &runs.iter().map(|(pages, state)| (*pages, PageState::ALL[*state].0)).collect::<Vec<_>>())
        };
        let (before, now) = (some(&before), some(&runs));
        let grid = Grid::new(now.into(), Some(&before));
        let mut view = pages::View::at(cursor);
        view.zoom = zoom;
        let theme = theme(Depth::Sixteen);
        for action in keys {
            let look = Look { theme: &theme, glyphs };
            assert_safe(&drawn((width, height), |area, buffer| pages::draw(&grid, &view, &look, area, buffer)));
            prop_assert!(view.act(action, grid.pages()));
        }
    }

    #[test]
    fn any_bytes_have_lines(
        mut pieces in vec(piece(), 0..9), gap in 0..99u64, start in prop_oneof![Just(0u64), any::<u64>()],
        cursor: u64, beyond in 0..9000u64,
        keys in vec(select(&[Action::Up, Action::Down, Action::PageDown, Action::End, Action::Collapse, Action::Expand,
            Action::Home, Action::PageUp][..]), 0..9),
        width in 1..130u16, height in 1..40u16, glyphs in glyphs(),
    ) {
        let mut at = start;
        for piece in &mut pieces {
            piece.start = at;
            at = at.saturating_add(piece.length);
        }
        let range = start.saturating_sub(gap)..at.saturating_add(beyond);
        let contents = Contents { pieces, taken: moment() };
        let found = [start, start.saturating_add(3), at];
        let dump = Dump { range: &range, contents: &contents, before: Some(&contents), found: (&found, 5) };
        let mut view = contents::View::at(cursor);
        let theme = theme(Depth::Sixteen);
        for action in keys {
            let look = Look { theme: &theme, glyphs };
            assert_safe(&drawn((width, height), |area, buffer| contents::draw(&dump, &view, &look, area, buffer)));
            prop_assert!(view.act(action, &dump));
            let wanted = view.wanted(&range);
            prop_assert!(wanted.start >= range.start && wanted.end <= range.end && wanted.start <= wanted.end);
        }
    }
}
