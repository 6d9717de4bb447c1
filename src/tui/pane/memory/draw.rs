//! How the Memory pane looks: what is known of the map as a whole, the heading and the rows; or why there are none.

use super::{Form, Memory, View, aslr, kind, lines::Target, pages, picture};
use crate::{
    analysis::{MapRow, growth::Fate},
    snapshot::{
        Missing, Process,
        inspect::Depth,
        map::{Amount, Kind, MemoryMap},
    },
    table::{
        MapColumn, OfMappings, Table, Value,
        columns::Total,
        value::{Order, bytes_text, change_text, clock_text, span},
    },
    text::printable,
    tui::{
        pane::{Look, Pane, Purpose, World},
        theme::Role,
        widget::{
            line::{self, Piece},
            spark::{from_zero, spark},
            table,
        },
    },
    unit::Bytes,
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::time::Duration;
use unicode_segmentation::UnicodeSegmentation;

/// The room for rows: below the facts and the heading.
pub(super) fn rows(area: Rect) -> Rect {
    let above = area.height.min(2);
    Rect { y: area.y + above, height: area.height - above, ..area }
}

/// Cells for the resident memory of a mapping over time, and for the blank before.
const GRAPH: u16 = 12;
/// Cells that a path should have before there is room for a graph.
const PATH: u16 = 24;

/// Cells of a pane on which a column gets the room that its longest values want.
const ROOMY: u16 = 110;
/// What some columns want, where there is room: all digits of an address of the kernel, the longest kind.
const WANTED: [(&str, u16); 3] = [("start", 16), ("end", 16), ("kind", 12)];

/// The columns that fit, with their place, and how many did not.
pub(super) fn columns(columns: &[(&'static MapColumn, u16)], width: u16) -> (Vec<(&'static MapColumn, Rect)>, usize) {
    let wanted = |column: &MapColumn| {
        let wanted = WANTED.iter().find(|(name, _)| *name == column.name).map(|(_, cells)| *cells);
        wanted.filter(|_| width >= ROOMY)
    };
    // One that was made wider or narrower by hand stays so.
    let own = |(column, width): &(&'static MapColumn, u16)| {
        let wanted = wanted(column).filter(|_| *width == column.width);
        (*column, wanted.unwrap_or(*width))
    };
    table::fit(&columns.iter().map(own).collect::<Vec<_>>(), width.saturating_sub(1))
}

/// Draw everything.
pub(super) fn draw(pane: &Memory, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let Some(map) = world.subject.known_map() else {
        return draw_why(world, look, area, buffer);
    };
    line::draw(
        buffer,
        Rect { height: area.height.min(1), ..area },
        &facts(pane.depth(world), map, world, look),
        look.glyphs.cut,
    );
    let below = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
    match pane.view {
        View::Table => draw_table(pane, world, look, area, buffer),
        View::Picture => {
            let cursor = pane.place(world).unwrap_or(0);
            let picture = world.subject.picture();
            picture::draw::draw(picture, &map.mappings, cursor, &pane.picture, &look, below, buffer);
        }
        View::Pages => draw_pages(pane, world, look, below, buffer),
        View::Aslr => aslr::draw(&pane.aslr, world, look, below, buffer),
    }
}

fn draw_table(pane: &Memory, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let (places, left_out) = columns(&pane.columns, area.width);
    let titles: Vec<_> = places.iter().map(|(column, place)| (column.about(), *place)).collect();
    let rows = rows(inner);
    if area.height > 1 {
        let heading = Rect { y: area.y + 1, height: 1, ..inner };
        table::heading(&titles, left_out, pane.sorted(), (look.theme, look.glyphs), heading, buffer);
    }
    let drawing = Drawing { pane, world, look, places: &places, graph: graph_room(world, &places) };
    let visible = pane.list.visible(pane.lines.keys.len(), usize::from(rows.height));
    for (y, at) in (rows.y..rows.bottom()).zip(visible) {
        drawing.row(at, Rect { y, height: 1, ..rows }, buffer);
        if at == pane.list.at {
            line::highlight(buffer, Rect { y, height: 1, ..area }, look.style(Role::Selected));
        }
    }
    if pane.lines.keys.is_empty() && rows.height > 0 {
        let text = "no mapping matches the filter; f changes it, Esc drops it";
        line::write(buffer, (rows.x, rows.y), usize::from(rows.width), text, look.style(Role::Dim), look.glyphs.cut);
    }
}

/// Cells for graphs at the end of the rows: where there is something to be seen in them, and room.
fn graph_room(world: World<'_>, places: &[(&'static MapColumn, Rect)]) -> u16 {
    let watched = world.subject.history().moments().len() > 1;
    let wide = places.last().is_some_and(|(column, place)| column.name == "path" && place.width >= PATH + GRAPH);
    if watched && wide { GRAPH } else { 0 }
}

/// The table being drawn.
struct Drawing<'a> {
    pane: &'a Memory,
    world: World<'a>,
    look: Look<'a>,
    places: &'a [(&'static MapColumn, Rect)],
    /// Cells for graphs.
    graph: u16,
}

impl Drawing<'_> {
    fn row(&self, at: usize, area: Rect, buffer: &mut Buffer) {
        let (Some(row), Some(target)) = (self.pane.row(at, self.world), self.pane.lines.target(at)) else { return };
        let found = self.pane.is_found(at, self.world);
        let base = self.base(target);
        for (index, (column, place)) in self.places.iter().enumerate() {
            let last = index + 1 == self.places.len();
            let width = if last { place.width - self.graph.min(place.width) } else { place.width };
            let place = Rect { x: area.x + place.x, y: area.y, width, height: 1 };
            if column.name == "path" {
                self.path(row, at, base, found, place, buffer);
                continue;
            }
            // What is different in each mapping of an object is not told of the object.
            if matches!(target, Target::Object(_)) && column.total == Total::First && column.name != "start" {
                continue;
            }
            let value = OfMappings::value(column, row);
            let style = base.patch(self.value_style(column, &value, row));
            table::cell(&value, column.is_right_aligned() && !last, style, self.look.glyphs, place, buffer);
        }
        self.draw_graph(target, area, buffer);
    }

    /// The look of the whole row.
    fn base(&self, target: Target) -> Style {
        match target {
            Target::Vanished(_) => self.look.style(Role::Exited),
            Target::Mapping(place) if self.is_new(place) => self.look.style(Role::Born),
            _ => Style::new(),
        }
    }

    fn is_new(&self, place: u32) -> bool {
        let growth = self.world.subject.growth();
        let piece = growth.and_then(|growth| growth.of(place as usize));
        piece.is_some_and(|piece| piece.fate() == Fate::New)
    }

    /// The name of what is mapped: of an object with a mark for how many mappings there are below it.
    fn path(&self, row: MapRow<'_>, at: usize, base: Style, found: bool, place: Rect, buffer: &mut Buffer) {
        let style = |role| base.patch(self.look.style(role));
        let remark = match self.pane.lines.target(at) {
            Some(Target::Vanished(_)) => "  vanished",
            Some(Target::Mapping(place)) if self.is_new(place) => "  new",
            _ => "",
        };
        // A path gives way to it: not every terminal has the colour that says the same.
        let width = usize::from(place.width).saturating_sub(remark.len());
        let mut pieces = Vec::new();
        let object = self.pane.lines.object(at);
        if let Some(object) = object {
            let (closed, open) = self.look.glyphs.fold;
            let mark = if self.pane.arrangement.open.contains(&object.name) { open } else { closed };
            pieces.push(Piece::new(
                format!("{mark}{}{} ", self.look.glyphs.sum, object.mappings.len()),
                style(Role::Sum),
            ));
        } else if self.pane.arrangement.form == Form::Objects {
            pieces.push(Piece::new("   ", base));
        }
        let role = if row.mapping.is_of_removed_file() { Some(Role::Warn) } else { None };
        let role = if found { Some(Role::Match) } else { role };
        let look = role.map_or(base, style);
        match (object, row.mapping.path.as_ref(), row.mapping.thread) {
            (Some(object), ..) => pieces.push(Piece::new(self.end_of(&object.name, width - width.min(5)), look)),
            (None, Some(path), _) => pieces.push(Piece::new(self.end_of(path, width), look)),
            (None, None, Some(tid)) => {
                let text = self.end_of(format!("stack of thread {tid}").as_bytes(), width);
                pieces.push(Piece::new(text, style(Role::Dim)));
            }
            (None, None, None) => pieces.push(Piece::new("-", style(Role::Dim))),
        }
        pieces.push(Piece::new(remark, style(Role::Dim)));
        line::draw(buffer, place, &pieces, self.look.glyphs.cut);
    }

    /// A path in so many cells: what it ends with tells more than what it begins with.
    fn end_of(&self, path: &[u8], cells: usize) -> String {
        // A cell takes at most one character, which is at most four bytes; a control character becomes more of them.
        let end = path.get(path.len().saturating_sub(4 * (cells + 1))..).unwrap_or(path);
        let text = printable(end);
        if end.len() == path.len() && line::cells(&text) <= cells {
            return text.into_owned();
        }
        let mut kept: Vec<&str> = Vec::new();
        let mut room = cells.saturating_sub(1);
        for cluster in text.graphemes(true).rev() {
            let wide = line::cells(cluster);
            if wide > room {
                break;
            }
            room -= wide;
            kept.push(cluster);
        }
        kept.push(self.look.glyphs.cut);
        kept.into_iter().rev().collect()
    }

    /// Resident memory over the time it was watched, on the scale of the most it had.
    fn draw_graph(&self, target: Target, area: Rect, buffer: &mut Buffer) {
        let Target::Mapping(place) = target else { return };
        let mapping = self.world.subject.known_map().and_then(|map| map.mappings.get(place as usize));
        let (Some(mapping), true) = (mapping, self.graph > 0) else { return };
        let series = self.world.subject.history().series(mapping);
        let values: Vec<_> = series.iter().map(|bytes| bytes.map(|bytes| bytes.0 as f64)).collect();
        // What stands still is told by its figure already.
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        let cells = usize::from(self.graph) - 1;
        let text = spark(&values, cells, &from_zero(&values), self.look.glyphs);
        let x = area.right() - self.graph + 1;
        line::write(buffer, (x, area.y), cells, &text, self.look.style(Role::Good), "");
    }

    fn value_style(&self, column: &MapColumn, value: &Value<'_>, row: MapRow<'_>) -> Style {
        let style = |role| self.look.style(role);
        let mapping = row.mapping;
        match column.name {
            "permissions" if mapping.permissions.is_writable_and_executable() => style(Role::Bad),
            "deleted" if mapping.is_of_removed_file() => style(Role::Warn),
            "kind" if is_executable_stack(row) => style(Role::Bad),
            "kind" => style(kind::role(mapping.kind)),
            _ => match value {
                Value::Change(bytes) if *bytes != 0 => style(if *bytes > 0 { Role::Warn } else { Role::Good }),
                value => table::value_role(value).map_or_else(Style::new, style),
            },
        }
    }
}

fn draw_pages(pane: &Memory, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let grid = pane.range(world).map(|range| world.subject.pages(&range));
    let text = match grid {
        Some(Some(Ok(grid))) => return pages::draw(grid, &pane.pages, &look, area, buffer),
        None => "No mapping is selected.".to_owned(),
        Some(None) => awaited(world, "the pages"),
        Some(Some(Err(Missing::Unsupported))) => match selected_kind(pane, world) {
            Some(Kind::Vsyscall) => {
                "The pages of vsyscall are the kernel's: they stand in no page table of the process."
            }
            _ if world.observation.now.observer.foreign => {
                "The pages of a mapping are told by the running kernel alone: there are none in a recording, nor of \
                 processes of another pid namespace."
            }
            _ => "The kernel does not tell the pages of this mapping.",
        }
        .to_owned(),
        Some(Some(Err(missing))) => format!("The pages cannot be read: {}.", missing.word()),
    };
    say(&text, look, area, buffer);
}

fn selected_kind(pane: &Memory, world: World<'_>) -> Option<Kind> {
    let place = pane.place(world)?;
    world.subject.known_map()?.mappings.get(place).map(|mapping| mapping.kind)
}

/// Why something has not come in yet.
pub(super) fn awaited(world: World<'_>, what: &str) -> String {
    let runs = world.subject.key().is_some_and(|key| world.observation.now.find(key).is_some());
    match () {
        () if world.frozen => format!("The screen stands still since before {what} came in."),
        () if !runs => format!("The process has exited before {what} came in."),
        () => "reading …".to_owned(),
    }
}

fn say(text: &str, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width.saturating_sub(2));
    for (y, text) in (area.y + 1..area.bottom()).zip(line::wrap(text, width)) {
        line::write(buffer, (area.x + 1, y), width, &text, look.style(Role::Label), look.glyphs.cut);
    }
}

/// Whether it is a stack from which instructions can be run.
fn is_executable_stack(row: MapRow<'_>) -> bool {
    matches!(row.mapping.kind, Kind::Stack | Kind::ThreadStack)
        && row.mapping.permissions.has(crate::snapshot::map::Permissions::EXECUTE)
}

/// What the whole map comes to, and what deserves a look.
fn facts(depth: Depth, map: &MemoryMap, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
    let label = look.style(Role::Dim);
    let strong = look.style(Role::Title);
    let mut pieces = vec![Piece::new(format!(" {} mappings", map.mappings.len()), strong)];
    let mut amount = |name: &str, bytes: Option<Bytes>, spare: u8| {
        if let Some(bytes) = bytes {
            pieces.push(Piece::new(format!("  {name} "), label).spare(spare));
            pieces.push(Piece::new(bytes_text(bytes.0 as f64), strong).spare(spare));
        }
    };
    let sums = world.subject.sums();
    amount("size", Some(sums.size), 5);
    match &map.totals {
        _ if depth == Depth::Addresses => {}
        Ok(totals) => {
            amount("rss", totals.get(Amount::Rss), 0);
            amount("pss", totals.get(Amount::Pss), 1);
            amount("uss", totals.uss(), 2);
            amount("swap", totals.get(Amount::Swap).filter(|swap| swap.0 > 0), 2);
        }
        Err(missing) => {
            let text = if *missing == Missing::NotRequested { look.glyphs.pending } else { missing.word() };
            pieces.push(Piece::new("  rss ", label));
            pieces.push(Piece::new(text, look.style(Role::Missing)));
        }
    }
    let warnings = [(sums.writable_and_executable, "W+X", Role::Bad), (sums.deleted, "deleted", Role::Warn)];
    for (count, word, role) in warnings.into_iter().filter(|(count, ..)| *count > 0) {
        pieces.push(Piece::new(format!("  {count} {word}"), look.style(role)).spare(1));
    }
    pieces.extend(reading(map, world, look));
    pieces
}

/// What was read, when, and how long it took.
fn reading(map: &MemoryMap, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
    let dim = look.style(Role::Dim);
    let mut pieces = Vec::new();
    if let Some(tid) = map.through {
        pieces.push(Piece::new(format!("  leader exited, through thread {tid}"), look.style(Role::Warn)));
    }
    let Some(looked) = world.subject.looked() else { return pieces };
    let file = if looked.depth == Depth::Figures && map.figures.is_ok() { "smaps" } else { "maps" };
    // A recording has no time that the kernel took.
    let took = if looked.took.is_zero() { String::new() } else { format!(" in {}", span(looked.took.as_secs_f64())) };
    pieces.push(Piece::new(format!("  {file}{took}"), dim).spare(4));
    // A map that is of another moment than the rest of the screen says so, whatever else has to give way.
    let (shown, read) = (world.observation.now.taken.boot, looked.taken.boot);
    let apart = shown.abs_diff(read);
    if apart >= Duration::from_millis(if world.frozen { 500 } else { 2000 }) {
        let when = if shown > read { "ago" } else { "later" };
        let role = if world.frozen { Role::Warn } else { Role::Dim };
        pieces.push(Piece::new(format!("  read {} {when}", span(apart.as_secs_f64())), look.style(role)));
    }
    if world.subject.key().is_some_and(|key| world.observation.now.find(key).is_none()) {
        pieces.push(Piece::new("  exited: this is what was there last", look.style(Role::Exited)));
        return pieces;
    }
    let problem = world.subject.stale().or_else(|| map.figures.as_ref().err().copied());
    if let Some(missing) = problem.filter(|missing| *missing != Missing::NotRequested) {
        let gone = missing == Missing::Gone;
        let text = if gone {
            "  exited: this is what was there last".to_owned()
        } else {
            format!("  smaps {}", missing.word())
        };
        pieces.push(Piece::new(text, look.style(Role::Missing)));
    }
    pieces
}

/// Why there is no map, in sentences.
fn draw_why(world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let process = world.subject.key().map(|key| world.observation.now.find(key));
    let text = match (process, world.subject.map()) {
        (None, _) => "No process is selected: choose one in pane 1.".to_owned(),
        (Some(None), _) => "The process has exited.".to_owned(),
        (Some(Some(process)), map) => why(process, map.map(|map| map.map(drop)), awaited(world, "the map")),
    };
    say(&text, look, area, buffer);
}

fn why(process: &Process, map: Option<Result<(), Missing>>, awaited: String) -> String {
    let pid = process.key.pid;
    match map {
        _ if process.is_kernel_thread() => {
            format!("{pid} is a thread of the kernel: it runs in the kernel's memory and has none of its own.")
        }
        _ if process.is_zombie() => {
            format!("{pid} is a zombie: it has ended, and its memory was given back. What is left is its exit status.")
        }
        None => awaited,
        Some(Ok(())) => format!("{pid} has no memory of its own any more: it is about to end."),
        Some(Err(Missing::Denied)) => format!(
            "The map of {pid} may not be read: it belongs to another user, or has changed its user since it started. Its \
             owner and root (CAP_SYS_PTRACE) may."
        ),
        Some(Err(Missing::Gone)) => "The process has exited.".to_owned(),
        Some(Err(Missing::Blocked)) => format!(
            "blocked: the kernel does not come back from reading the map of {pid}. Somebody holds its memory lock: often a \
             thread of it that waits for a disk or a network file system. It is not asked again meanwhile."
        ),
        Some(Err(missing)) => format!("The map of {pid} cannot be read: {}.", missing.word()),
    }
}

/// What stands beside the names of the panes.
pub(super) fn status(pane: &Memory, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
    let style = |role| look.style(role);
    let mut pieces = Vec::new();
    if let Some(key) = world.subject.key() {
        let process = world.observation.now.find(key);
        let name = process.map_or_else(String::new, |process| format!(" {}", process.name.printable()));
        pieces.push(Piece::new(format!("  {}{name}", key.pid), style(Role::Title)));
        if process.is_none() {
            pieces.push(Piece::new("  exited", style(Role::Exited)));
        }
    }
    pieces.push(Piece::new(format!("  {}", pane.view.word()), style(Role::Label)).spare(2));
    if pane.arrangement.form == Form::Objects && pane.view == View::Table {
        let count = pane.lines.objects.len();
        let noun = if count == 1 { "object" } else { "objects" };
        pieces.push(Piece::new(format!("  {count} {noun}"), style(Role::Label)).spare(3));
    }
    if let Some(baseline) = world.subject.baseline() {
        let age = world.observation.now.taken.boot.saturating_sub(baseline.taken.boot);
        let text = format!("  since {}, {}", clock_text(baseline.taken.wall), span(age.as_secs() as f64));
        pieces.push(Piece::new(text, style(Role::Warn)).spare(1));
        if let Some(growth) = world.subject.growth() {
            let rss = growth.total.rss.map_or_else(String::new, |rss| format!("  rss {}", change_text(rss)));
            let text = format!("{rss}  size {}", change_text(growth.total.size));
            pieces.push(Piece::new(text, style(Role::Warn)).spare(2));
        }
    }
    let sort = match pane.arrangement.sort {
        _ if pane.view != View::Table => String::new(),
        Some((column, order)) => {
            let arrow = if order == Order::Ascending { look.glyphs.order.0 } else { look.glyphs.order.1 };
            format!("  by {} {arrow}", column.name)
        }
        None => "  by address".to_owned(),
    };
    pieces.push(Piece::new(sort, style(Role::Label)).spare(3));
    let (left, all) = (pane.lines.left, pane.lines.all);
    if left != all {
        pieces.push(Piece::new(format!("  {left} of {all}"), style(Role::Label)).spare(2));
    }
    if let Some(filter) = &pane.arrangement.filter {
        pieces.push(Piece::new("  filter: ", style(Role::Dim)));
        pieces.push(Piece::new(filter.to_string(), style(Role::Warn)));
    }
    if pane.search.is_some() {
        pieces.push(Piece::new("  search: ", style(Role::Dim)).spare(2));
        pieces.push(Piece::new(pane.expression(Purpose::Search), style(Role::Warn)).spare(2));
        let found = pane.found(Purpose::Search, world);
        pieces.push(Piece::new(format!("  {found}"), style(Role::Label)).spare(2));
    }
    pieces
}
