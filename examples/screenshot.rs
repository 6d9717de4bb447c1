//! A picture of the screen, made by the program itself: opens a recording or this machine, presses keys, and writes the
//! cells as SVG. A recording is drawn as its own screen was on the machine it was taken on.
//!
//! `cargo run --example screenshot -- OUT.svg 120x36 KEYS [sysview's own arguments…]`; KEYS as in
//! `sysview::tui::runtime::headless`, such as `<tick>jj<enter>`.

#![expect(clippy::disallowed_methods, reason = "a program of its own that writes a file")]

use anyhow::{Context, anyhow};
use clap::Parser;
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use std::{env, fmt::Write as _, fs, thread, time::Duration};
use sysview::{
    cli::Cli,
    collect,
    command::screen::{Abilities, app, configuration},
    snapshot::Snapshot,
    tui::{runtime::headless::Headless, theme::Depth},
};
use unicode_width::UnicodeWidthStr;

/// A cell, in pixels: what DejaVu Sans Mono takes at this size of letters.
const CELL: (f64, f64) = (8.43, 17.0);
const LETTERS: f64 = 14.0;
/// From the top of a cell to the foot of its letters.
const FOOT: f64 = 13.0;
/// Around the screen.
const MARGIN: f64 = 14.0;

const BACKGROUND: Rgb = Rgb(0x12, 0x16, 0x1b);
const FOREGROUND: Rgb = Rgb(0xd3, 0xd7, 0xde);

/// A colour that SVG knows.
#[derive(Clone, Copy, PartialEq)]
struct Rgb(u8, u8, u8);

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let usage = "expected OUT.svg WIDTHxHEIGHT KEYS and what sysview takes";
    let (out, size, keys) = (arguments.next(), arguments.next(), arguments.next());
    let (out, keys) = (out.context(usage)?, keys.context(usage)?);
    let size = size.as_deref().and_then(|size| size.split_once('x')).context(usage)?;
    let size = (size.0.parse().context(usage)?, size.1.parse().context(usage)?);

    let mut cli = Cli::try_parse_from(std::iter::once("sysview".to_owned()).chain(arguments))?;
    let source = collect::open(cli.source.from.as_deref(), cli.source.proc_root.as_deref())?;
    let recorded = cli.source.from.take().is_some();
    let config = configuration(&cli.screen, cli.screen.config.as_ref())?;
    let abilities = Abilities { depth: Depth::True, unicode: true };
    let app = app(&cli, &config, abilities, &*source)?;
    let retouch = if recorded { as_on_its_own_machine } else { as_it_is };
    let mut screen = Headless::new(app, source, size, retouch);
    screen.tick()?;
    for keys in keys.split_inclusive("<tick>") {
        if !recorded && keys.ends_with("<tick>") {
            thread::sleep(config.delay);
        }
        screen.press(keys).map_err(|problem| anyhow!(problem))?;
        while screen.is_waiting() {
            thread::sleep(Duration::from_millis(20));
            screen.settle();
        }
    }
    fs::write(&out, svg(&screen.draw())).with_context(|| format!("cannot write {out}"))
}

fn as_on_its_own_machine(snapshot: &mut Snapshot) {
    snapshot.observer.foreign = false;
}

fn as_it_is(_: &mut Snapshot) {}

/// How a cell looks, as far as SVG has to know.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    ink: Rgb,
    paper: Rgb,
    modifiers: Modifier,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (mut ink, mut paper) = (colour(cell.fg).unwrap_or(FOREGROUND), colour(cell.bg).unwrap_or(BACKGROUND));
        if cell.modifier.contains(Modifier::REVERSED) {
            (ink, paper) = (paper, ink);
        }
        if cell.modifier.contains(Modifier::DIM) {
            ink = mixed(ink, paper, 0.45);
        }
        Self { ink, paper, modifiers: cell.modifier - Modifier::REVERSED - Modifier::DIM }
    }
}

fn svg(buffer: &Buffer) -> String {
    let (width, height) = (f64::from(buffer.area.width) * CELL.0, f64::from(buffer.area.height) * CELL.1);
    let (outer_width, outer_height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {outer_width:.0} {outer_height:.0}\" \
         width=\"{outer_width:.0}\" height=\"{outer_height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\" font-family=\"'DejaVu Sans Mono', Menlo, Consolas, \
         'Liberation Mono', monospace\" font-size=\"{LETTERS}\" xml:space=\"preserve\">\n",
        hex(BACKGROUND),
    );
    for y in 0..buffer.area.height {
        for (start, end, look) in runs(buffer, y) {
            draw_run(&mut svg, buffer, (start, end), y, look);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Cells of a line that look the same, from a cell to before another.
fn runs(buffer: &Buffer, y: u16) -> Vec<(u16, u16, Look)> {
    let mut runs: Vec<(u16, u16, Look)> = Vec::new();
    for x in 0..buffer.area.width {
        let look = Look::of(&buffer[(x, y)]);
        match runs.last_mut() {
            Some((_, end, last)) if *last == look => *end = x + 1,
            _ => runs.push((x, x + 1, look)),
        }
    }
    runs
}

fn draw_run(svg: &mut String, buffer: &Buffer, (start, end): (u16, u16), y: u16, look: Look) {
    let (left, top) = (f64::from(start) * CELL.0, f64::from(y) * CELL.1);
    let width = f64::from(end - start) * CELL.0;
    if look.paper != BACKGROUND {
        // A hair wider, so that no gap shows between two of them.
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{}\"/>",
            width + 0.3,
            CELL.1 + 0.3,
            hex(look.paper)
        );
    }
    if look.modifiers.contains(Modifier::UNDERLINED) {
        let line = top + FOOT + 2.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.2}\" y=\"{line:.2}\" width=\"{width:.2}\" height=\"1\" fill=\"{}\"/>",
            hex(look.ink)
        );
    }
    let mut word = Word::default();
    let mut x = start;
    while x < end {
        let symbol = buffer[(x, y)].symbol();
        let cells = u16::try_from(symbol.width().max(1)).unwrap_or(1);
        let place = (f64::from(x) * CELL.0, top);
        match shape(symbol, place, look.ink) {
            Some(shape) => {
                word.flush(svg, y, look);
                svg.push_str(&shape);
            }
            None if symbol == " " => word.flush(svg, y, look),
            None => word.push(x, symbol, cells),
        }
        x += cells;
    }
    word.flush(svg, y, look);
}

/// Letters without a gap; each word is put at its own place, so that no font can move what follows.
#[derive(Default)]
struct Word {
    start: u16,
    cells: u16,
    text: String,
}

impl Word {
    fn push(&mut self, x: u16, symbol: &str, cells: u16) {
        if self.text.is_empty() {
            self.start = x;
        }
        self.text.push_str(symbol);
        self.cells += cells;
    }

    fn flush(&mut self, svg: &mut String, y: u16, look: Look) {
        if self.text.is_empty() {
            return;
        }
        let (x, y) = (f64::from(self.start) * CELL.0, f64::from(y) * CELL.1 + FOOT);
        let weight = if look.modifiers.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let slant = if look.modifiers.contains(Modifier::ITALIC) { " font-style=\"italic\"" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.2}\" y=\"{y:.2}\" fill=\"{}\"{weight}{slant} textLength=\"{:.2}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            hex(look.ink),
            f64::from(self.cells) * CELL.0,
            escaped(&self.text),
        );
        *self = Self::default();
    }
}

/// Characters that have to meet at the edges of their cells are drawn, not written.
fn shape(symbol: &str, (x, y): (f64, f64), ink: Rgb) -> Option<String> {
    let (width, height) = CELL;
    let (middle, half) = (x + width / 2.0, y + height / 2.0);
    let rect = |x: f64, y: f64, width: f64, height: f64, opacity: f64| {
        let opacity = if opacity < 1.0 { format!(" opacity=\"{opacity}\"") } else { String::new() };
        let (x, y, width, height) =
            (format!("{x:.2}"), format!("{y:.2}"), format!("{width:.2}"), format!("{height:.2}"));
        format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"{opacity}/>\n", hex(ink))
    };
    let bar = |opacity: f64| Some(rect(x, y + 3.5, width + 0.3, height - 7.0, opacity));
    // Arms of a line: left, right, up, down.
    let lines = |arms: &str| {
        let arm = |arm: char| match arm {
            'l' => rect(x, half - 0.5, width / 2.0 + 0.5, 1.0, 1.0),
            'r' => rect(middle - 0.5, half - 0.5, width / 2.0 + 0.8, 1.0, 1.0),
            'u' => rect(middle - 0.5, y, 1.0, height / 2.0 + 0.5, 1.0),
            _ => rect(middle - 0.5, half - 0.5, 1.0, height / 2.0 + 0.8, 1.0),
        };
        Some(arms.chars().map(arm).collect::<String>())
    };
    let path = |path: String| Some(format!("<path d=\"{path}\" fill=\"{}\"/>\n", hex(ink)));
    match symbol {
        "█" => bar(1.0),
        "▓" => bar(0.85),
        "▒" => bar(0.7),
        "░" => bar(0.55),
        "▕" => Some(rect(x + width - 1.0, y + 3.5, 1.0, height - 7.0, 1.0)),
        "▏" => Some(rect(x, y + 3.5, 1.0, height - 7.0, 1.0)),
        "·" => Some(rect(middle - 0.75, half - 0.75, 1.5, 1.5, 0.8)),
        "─" => lines("lr"),
        "│" => lines("ud"),
        "┌" => lines("rd"),
        "┐" => lines("ld"),
        "┘" => lines("lu"),
        "└" => lines("ru"),
        "├" => lines("rud"),
        "▲" => path(format!("M{:.2} {:.2}h7l-3.5 -6z", middle - 3.5, half + 3.5)),
        "▼" => path(format!("M{:.2} {:.2}h7l-3.5 6z", middle - 3.5, half - 2.5)),
        "▸" => path(format!("M{:.2} {:.2}v7l5 -3.5z", middle - 2.5, half - 3.0)),
        "▾" => path(format!("M{:.2} {:.2}h7l-3.5 5z", middle - 3.5, half - 2.0)),
        "●" => Some(format!("<circle cx=\"{middle:.2}\" cy=\"{half:.2}\" r=\"3.2\" fill=\"{}\"/>\n", hex(ink))),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex(Rgb(red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
fn mixed(ink: Rgb, paper: Rgb, share: f64) -> Rgb {
    let part = |ink: u8, paper: u8| (f64::from(ink) * (1.0 - share) + f64::from(paper) * share).round() as u8;
    Rgb(part(ink.0, paper.0), part(ink.1, paper.1), part(ink.2, paper.2))
}

/// A colour of the theme; none for what the terminal has by default.
fn colour(colour: Color) -> Option<Rgb> {
    Some(match colour {
        Color::Rgb(red, green, blue) => Rgb(red, green, blue),
        Color::Black => Rgb(0x2e, 0x34, 0x36),
        Color::Red => Rgb(0xe0, 0x5c, 0x54),
        Color::Green => Rgb(0x6c, 0xb8, 0x4e),
        Color::Yellow => Rgb(0xd2, 0xa8, 0x38),
        Color::Blue => Rgb(0x5c, 0x8f, 0xe0),
        Color::Magenta => Rgb(0xb8, 0x74, 0xc8),
        Color::Cyan => Rgb(0x3c, 0xa8, 0xc0),
        Color::Gray => FOREGROUND,
        _ => return None,
    })
}
