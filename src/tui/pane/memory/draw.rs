//! How the Memory pane looks: what is known of the map as a whole, the heading and the rows; or why there are none.

use super::Memory;
use crate::{
    analysis::MapRow,
    snapshot::{
        Missing, Process,
        map::{Amount, Kind, MemoryMap},
    },
    table::{
        MapColumn, OfMappings, Table, Value,
        value::{Order, bytes_text, span},
    },
    tui::{
        pane::{Look, Pane, Purpose, World},
        theme::Role,
        widget::{
            line::{self, Piece},
            table,
        },
    },
    unit::Bytes,
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// The room for rows: below the facts and the heading.
pub(super) fn rows(area: Rect, _world: World<'_>) -> Rect {
    Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area }
}

/// Draw everything.
pub(super) fn draw(pane: &Memory, world: World<'_>, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let Some(map) = world.subject.known_map() else {
        return draw_why(world, look, area, buffer);
    };
    line::draw(buffer, Rect { height: 1, ..area }, &facts(map, world, look), look.glyphs.cut);
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let (places, left_out) = table::fit(&pane.columns, inner.width);
    let titles: Vec<_> = places.iter().map(|(column, place)| (column.about(), *place)).collect();
    let heading = Rect { y: area.y + 1, height: area.height.saturating_sub(1).min(1), ..inner };
    if heading.height > 0 {
        table::heading(&titles, left_out, pane.sorted(), (look.theme, look.glyphs), heading, buffer);
    }
    let rows = rows(inner, world);
    let visible = pane.list.visible(pane.lines.keys.len(), usize::from(rows.height));
    for (y, at) in (rows.y..rows.bottom()).zip(visible) {
        let Some(row) = pane.row(at, world) else { continue };
        let place = Rect { y, height: 1, ..rows };
        draw_row(row, pane.is_found(at, world), &places, look, place, buffer);
        if at == pane.list.at {
            line::highlight(buffer, Rect { y, height: 1, ..area }, look.style(Role::Selected));
        }
    }
    if pane.lines.keys.is_empty() && rows.height > 0 {
        let text = "no mapping matches the filter; f changes it, Esc drops it";
        line::write(buffer, (rows.x, rows.y), usize::from(rows.width), text, look.style(Role::Dim), look.glyphs.cut);
    }
}

fn draw_row(
    row: MapRow<'_>,
    found: bool,
    places: &[(&'static MapColumn, Rect)],
    look: Look<'_>,
    area: Rect,
    buffer: &mut Buffer,
) {
    for (at, (column, place)) in places.iter().enumerate() {
        let value = OfMappings::value(column, row);
        let place = Rect { x: area.x + place.x, y: area.y, ..*place };
        let last = at + 1 == places.len();
        let style = if found && column.name == "path" {
            look.style(Role::Match)
        } else {
            value_style(column, &value, row, look)
        };
        table::cell(&value, column.is_right_aligned() && !last, style, look.glyphs, place, buffer);
    }
}

fn value_style(column: &MapColumn, value: &Value<'_>, row: MapRow<'_>, look: Look<'_>) -> Style {
    let mapping = row.mapping;
    match column.name {
        "permissions" if mapping.permissions.is_writable_and_executable() => look.style(Role::Bad),
        "path" | "deleted" if mapping.deleted => look.style(Role::Warn),
        "kind" if is_executable_stack(row) => look.style(Role::Bad),
        _ => match value {
            Value::Change(bytes) if *bytes != 0 => look.style(if *bytes > 0 { Role::Warn } else { Role::Good }),
            value => table::value_role(value).map_or_else(Style::new, |role| look.style(role)),
        },
    }
}

/// Whether it is a stack from which instructions can be run.
fn is_executable_stack(row: MapRow<'_>) -> bool {
    matches!(row.mapping.kind, Kind::Stack | Kind::ThreadStack)
        && row.mapping.permissions.has(crate::snapshot::map::Permissions::EXECUTE)
}

/// What the whole map comes to, and what deserves a look.
fn facts(map: &MemoryMap, world: World<'_>, look: Look<'_>) -> Vec<Piece<'static>> {
    let label = look.style(Role::Dim);
    let strong = look.style(Role::Title);
    let mut pieces = vec![Piece::new(format!(" {} mappings", map.mappings.len()), strong)];
    let mut amount = |name: &str, bytes: Option<Bytes>, spare: u8| {
        if let Some(bytes) = bytes {
            pieces.push(Piece::new(format!("  {name} "), label).spare(spare));
            pieces.push(Piece::new(bytes_text(bytes.0 as f64), strong).spare(spare));
        }
    };
    let size = map.mappings.iter().map(|mapping| mapping.size().0).sum();
    amount("size", Some(Bytes(size)), 5);
    if let Ok(totals) = &map.totals {
        amount("rss", totals.get(Amount::Rss), 0);
        amount("pss", totals.get(Amount::Pss), 1);
        amount("uss", totals.uss(), 2);
        amount("swap", totals.get(Amount::Swap).filter(|swap| swap.0 > 0), 2);
    }
    let count = |wanted: fn(&crate::snapshot::map::Mapping) -> bool| {
        map.mappings.iter().filter(|mapping| wanted(mapping)).count()
    };
    let warnings = [
        (count(|mapping| mapping.permissions.is_writable_and_executable()), "W+X", Role::Bad),
        (
            count(|mapping| mapping.deleted && mapping.file.inode != 0 && mapping.kind == Kind::Text),
            "deleted",
            Role::Warn,
        ),
    ];
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
        pieces.push(Piece::new(format!("  leader exited, read through thread {tid}"), look.style(Role::Warn)).spare(1));
    }
    let (file, took) = match map.figures {
        Ok(_) => ("smaps", map.figures_took),
        Err(_) => ("maps", map.addresses_took),
    };
    let age = world.observation.now.taken.boot.saturating_sub(map.taken.boot).as_secs();
    let age = if age > 1 { format!(", {} ago", span(age as f64)) } else { String::new() };
    pieces.push(Piece::new(format!("  {file} in {}{age}", span(took.as_secs_f64())), dim).spare(4));
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
        (Some(Some(process)), map) => why(process, map.map(|map| map.map(drop))),
    };
    let width = usize::from(area.width.saturating_sub(2));
    for (y, text) in (area.y + 1..area.bottom()).zip(line::wrap(&text, width)) {
        line::write(buffer, (area.x + 1, y), width, &text, look.style(Role::Label), look.glyphs.cut);
    }
}

fn why(process: &Process, map: Option<Result<(), Missing>>) -> String {
    let pid = process.key.pid;
    match map {
        _ if process.is_kernel_thread() => {
            format!("{pid} is a thread of the kernel: it runs in the kernel's memory and has none of its own.")
        }
        _ if process.is_zombie() => {
            format!("{pid} is a zombie: it has ended, and its memory was given back. What is left is its exit status.")
        }
        None => "reading …".to_owned(),
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
    let sort = match pane.arrangement.sort {
        Some((column, order)) => {
            let arrow = if order == Order::Ascending { look.glyphs.order.0 } else { look.glyphs.order.1 };
            format!("  by {} {arrow}", column.name)
        }
        None => "  by address".to_owned(),
    };
    pieces.push(Piece::new(sort, style(Role::Label)).spare(3));
    let (shown, all) = (pane.lines.keys.len(), pane.lines.all);
    if shown != all {
        pieces.push(Piece::new(format!("  {shown} of {all}"), style(Role::Label)).spare(2));
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
