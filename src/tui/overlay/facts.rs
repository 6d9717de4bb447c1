//! A list of facts with their values, and below it what the one under the cursor means. Part of overlays that explain.

use super::View;
use crate::{
    snapshot::Missing,
    table::{
        Value,
        columns::{About, Unit},
    },
    tui::{
        theme::Role,
        widget::{
            line::{self, Piece},
            list::List,
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect};

/// Something that is told with its value.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is called: safe text.
    pub name: String,
    /// How the name looks.
    pub role: Role,
    /// Its value, safe text.
    pub value: Option<String>,
    /// How the value looks.
    pub value_role: Role,
    /// What it means, a paragraph each.
    pub about: Vec<String>,
}

impl Fact {
    /// A column with its value; `None` where that is not to be had any more.
    #[must_use]
    pub fn of_column(column: &About, value: Option<&Value<'_>>, pending: &str) -> Self {
        let missing = matches!(value, Some(Value::Missing(_)));
        Self {
            name: column.name.to_owned(),
            role: Role::Key,
            value: value.map(|value| value_text(value, pending)),
            value_role: if missing { Role::Missing } else { Role::Label },
            about: explanation(column),
        }
    }

    /// What it means, in lines.
    fn lines(&self, width: usize) -> Vec<String> {
        self.about.iter().flat_map(|text| line::wrap(text, width)).collect()
    }
}

/// Cells of one value that are shown at most, over several lines.
const SHOWN: usize = 2000;

/// What the list is drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Lines that it keeps where there is little room.
    pub least: u16,
    /// Cells for a name, with blanks behind it.
    pub name: usize,
}

fn value_text(value: &Value<'_>, pending: &str) -> String {
    match value {
        Value::Missing(Missing::NotRequested) => pending.to_owned(),
        value => value.brief(SHOWN).into_owned(),
    }
}

/// What a column means, its unit, and where it comes from.
#[must_use]
pub fn explanation(column: &About) -> Vec<String> {
    let unit = match column.unit {
        Unit::None => String::new(),
        unit => format!("Unit: {}.  ", unit.word()),
    };
    vec![column.help.to_owned(), format!("{unit}From: {}", column.source)]
}

/// No more lines than there is room for; what is lost has its mark.
fn cut(mut lines: Vec<String>, room: usize, mark: &str) -> Vec<String> {
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            last.push_str(mark);
        }
    }
    lines
}

/// Lines that the longest explanation takes, so that the list stands still whichever it is.
#[must_use]
pub fn longest(facts: &[Fact], width: usize) -> usize {
    facts.iter().map(|fact| fact.lines(width).len()).max().unwrap_or(0)
}

/// Draw the list, and below it the explanation. Where not all is in view, how far along one is, to be told on the frame.
pub fn draw(
    facts: &[Fact],
    list: &List,
    view: &View<'_>,
    shape: Shape,
    inner: Rect,
    buffer: &mut Buffer,
) -> Option<(usize, usize)> {
    let style = |role| view.theme.style(role);
    let current = facts.get(list.at.min(facts.len().saturating_sub(1)))?;
    let width = usize::from(inner.width);
    let longest = u16::try_from(longest(facts, width)).unwrap_or(u16::MAX);
    let below = longest.saturating_add(2).min(inner.height.saturating_sub(shape.least));
    let place = Rect { height: inner.height - below, ..inner };
    let room = usize::from(below.saturating_sub(1));

    let own = format!("{} = {}", current.name.trim_start(), current.value.as_deref().unwrap_or("(there is none)"));
    let explanation = current.lines(width);
    let mut text = cut(line::wrap(&own, width), room.saturating_sub(explanation.len()).max(1), view.glyphs.cut);
    text.extend(explanation);
    let text = cut(text, room, view.glyphs.cut);

    let visible = list.visible(facts.len(), usize::from(place.height));
    let first = visible.start;
    let along = (visible.len() < facts.len()).then(|| (list.at + 1, facts.len()));
    for (at, fact) in facts[visible].iter().enumerate() {
        let place = Rect { y: place.y + u16::try_from(at).unwrap_or(0), height: 1, ..place };
        let name = Piece::new(format!("{:<cells$}", fact.name, cells = shape.name), style(fact.role));
        let value = Piece::new(fact.value.as_deref().unwrap_or("-"), style(fact.value_role));
        line::draw(buffer, place, &[name, value], view.glyphs.cut);
        if first + at == list.at {
            line::highlight(buffer, place, style(Role::Selected));
        }
    }
    for (y, text) in (place.bottom() + 1..inner.bottom()).zip(&text) {
        line::write(buffer, (inner.x, y), width, text, style(Role::Label), view.glyphs.cut);
    }
    along
}
