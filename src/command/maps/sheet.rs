//! A table of many lines for people: written as it is made, in one piece of text that is used again for each line.
//!
//! The tables of `output` hold all their cells at once, and are for hundreds of rows.

use crate::{command::output::cut, snapshot::Missing, table::Value};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What stands above it.
    pub title: &'static str,
    /// Whether it is set to the right.
    pub right: bool,
    /// Cells, where all values are known to fit; else as many as the widest takes.
    pub width: Option<usize>,
}

/// How wide lines may be, and what stands where one was cut; `None` where they may be as long as they are.
pub type Cut = Option<(usize, &'static str)>;

/// What is gathered before it is written.
const ROOM: usize = 64 * 1024;

/// Write a table of `rows`, of which `value` tells what stands in each column, and a last line below it.
///
/// # Errors
/// Where it cannot be written.
pub fn write<'v, R>(
    to: &mut dyn Write,
    heads: &[Head],
    rows: impl Iterator<Item = R> + Clone,
    value: impl Fn(&R, usize) -> Value<'v>,
    last: &[Value<'_>],
    cut: Cut,
) -> io::Result<()> {
    let mut text = String::new();
    let mut cells = |value: &Value<'_>| match value {
        Value::Word(word) => width(word),
        value => {
            text.clear();
            value.push_human(&mut text);
            width(&text)
        }
    };
    let mut widths: Vec<usize> = heads
        .iter()
        .zip(last)
        .map(|(head, last)| match head.width {
            Some(width) => width.max(head.title.len()),
            None => cells(last).max(head.title.len()),
        })
        .collect();
    let measured: Vec<usize> =
        (0..heads.len().saturating_sub(1)).filter(|column| heads[*column].width.is_none()).collect();
    for row in rows.clone() {
        for column in &measured {
            widths[*column] = widths[*column].max(cells(&value(&row, *column)));
        }
    }
    let mut sheet = Sheet { heads, widths, cut, text: String::with_capacity(ROOM + 4096), cell: String::new() };
    sheet.line(|column| Value::Word(heads[column].title));
    for row in rows {
        sheet.line(|column| value(&row, column));
        if sheet.text.len() >= ROOM {
            to.write_all(sheet.text.as_bytes())?;
            sheet.text.clear();
        }
    }
    sheet.line(|column| last[column].clone());
    to.write_all(sheet.text.as_bytes())
}

struct Sheet<'a> {
    heads: &'a [Head],
    widths: Vec<usize>,
    cut: Cut,
    text: String,
    /// A cell before it is known how far to the right it stands.
    cell: String,
}

impl Sheet<'_> {
    fn line<'v>(&mut self, value: impl Fn(usize) -> Value<'v>) {
        let begin = self.text.len();
        for (column, (head, cells)) in self.heads.iter().zip(&self.widths).enumerate() {
            if column > 0 {
                self.text.push(' ');
            }
            self.cell.clear();
            match value(column) {
                // Nothing was asked of the kernel.
                Value::Missing(Missing::NotRequested) => self.cell.push_str(Missing::Off.word()),
                missing @ Value::Missing(_) => self.cell.push_str(&missing.brief(*cells)),
                value => value.push_human(&mut self.cell),
            }
            let gap = cells.saturating_sub(width(&self.cell));
            if head.right {
                push_blanks(gap, &mut self.text);
                self.text.push_str(&self.cell);
            } else {
                self.text.push_str(&self.cell);
                if column + 1 < self.heads.len() {
                    push_blanks(gap, &mut self.text);
                }
            }
        }
        self.text.truncate(begin + self.text[begin..].trim_end().len());
        if let Some((width, mark)) = self.cut {
            let line = cut(&self.text[begin..], width, mark).into_owned();
            self.text.truncate(begin);
            self.text.push_str(&line);
        }
        self.text.push('\n');
    }
}

/// In one piece mostly: one by one they would take longer than what they stand beside.
fn push_blanks(mut count: usize, text: &mut String) {
    const BLANKS: &str = "                ";
    while count > BLANKS.len() {
        text.push_str(BLANKS);
        count -= BLANKS.len();
    }
    text.push_str(&BLANKS[..count]);
}

/// Cells on the screen.
fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(u64, &'static str, &'static str)], cut: Cut) -> String {
        let heads = [
            Head { title: "SIZE", right: true, width: Some(5) },
            Head { title: "KIND", right: false, width: None },
            Head { title: "PATH", right: false, width: None },
        ];
        let value = |row: &&(u64, &'static str, &'static str), column| match column {
            0 => Value::Bytes(row.0),
            1 => Value::Word(row.1),
            _ => Value::text(row.2.as_bytes()),
        };
        let last = [Value::Bytes(1 << 20), Value::Word(""), Value::Word("all")];
        let mut text = Vec::new();
        write(&mut text, &heads, rows.iter(), value, &last, cut).expect("a vector takes everything");
        String::from_utf8(text).expect("it is UTF-8")
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_and_the_last_has_no_end() {
        let rows = [(4096, "heap", "[heap]"), (1023 << 10, "thread_stack", "日本")];
        let whole =
            " SIZE KIND         PATH\n 4.0K heap         [heap]\n 1.0M thread_stack 日本\n 1.0M              all\n";
        assert_eq!(table(&rows, None), whole);
        assert_eq!(table(&[(0, "text", "")], None), " SIZE KIND PATH\n   0B text\n 1.0M      all\n");
        assert_eq!(table(&rows, Some((21, "…"))).lines().nth(2), Some(" 1.0M thread_stack …"));
    }
}
