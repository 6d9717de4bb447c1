//! An understood expression: its tree, its truth for a row, and the way it is written down again.
//!
//! Knows columns only by number and values only as [`Value`], so that it serves every table.

use super::{
    pattern::{Regex, Search, fits},
    quantity::Quantity,
    token::Operator,
};
use crate::{snapshot::Missing, table::Value, text::printable, unit::Pid};
use std::{borrow::Cow, fmt};

/// What is known of a statement: a value that is missing makes it neither true nor false.
///
/// The order is that of certainty that it holds, so that "and" is the least and "or" the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It cannot be told.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    fn negated_if(self, negative: bool) -> Self {
        if negative { self.not() } else { self }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A row of some table, as an expression looks at it.
pub trait Facts {
    /// What the column with this number says of it.
    fn value(&self, column: usize) -> Value<'_>;
    /// Whether it is the process `pid` or belongs to it or to one of its descendants.
    fn is_under(&self, pid: Pid) -> Truth;
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// The number that it stands for beside its column.
    pub(super) quantity: Option<Quantity>,
}

/// What the value of one column is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compare(Operator, Literal),
    Like(Operator, Regex),
    OneOf { negative: bool, values: Vec<Literal> },
    Is { negative: bool, what: What },
}

/// What a value that is not there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// There is no such thing.
    None,
    /// It could not be read.
    Missing,
    /// It could not be read, for this reason.
    Because(Missing),
}

/// A statement about a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Column { name: &'static str, column: usize, test: Test },
    Search { columns: Vec<usize>, search: Search },
    Under(Pid),
}

impl What {
    /// Every word that may follow `is`.
    pub(super) fn words() -> impl Iterator<Item = (&'static str, Self)> {
        let reasons = Missing::TOLD.into_iter().map(|missing| (missing.word(), Self::Because(missing)));
        [("none", Self::None), ("missing", Self::Missing)].into_iter().chain(reasons)
    }

    fn word(self) -> &'static str {
        Self::words().find(|(_, what)| *what == self).map_or("", |(word, _)| word)
    }

    fn of(self, value: &Value<'_>) -> Truth {
        match (value, self) {
            // Nobody has looked yet; and what could not be read may or may not exist.
            (Value::Missing(Missing::NotRequested), _) | (Value::Missing(_), Self::None) => Truth::Unknown,
            (Value::Missing(_), Self::Missing) | (Value::None, Self::None) => Truth::True,
            (Value::Missing(reason), Self::Because(asked)) => (*reason == asked).into(),
            _ => Truth::False,
        }
    }
}

impl Node {
    /// What is known of the statement for this row.
    pub(super) fn truth(&self, row: &dyn Facts) -> Truth {
        match self {
            Self::All(parts) => {
                let mut least = Truth::True;
                for part in parts {
                    least = least.min(part.truth(row));
                    if least == Truth::False {
                        break;
                    }
                }
                least
            }
            Self::Any(parts) => any(parts.iter().map(|part| part.truth(row))),
            Self::Not(part) => part.truth(row).not(),
            Self::Column { column, test, .. } => test.truth(&row.value(*column)),
            Self::Search { columns, search } => any(columns.iter().map(|column| found(search, &row.value(*column)))),
            Self::Under(pid) => row.is_under(*pid),
        }
    }

    /// The numbers of all columns that it looks at.
    pub(super) fn columns(&self, each: &mut impl FnMut(usize)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.columns(each)),
            Self::Not(part) => part.columns(each),
            Self::Column { column, .. } => each(*column),
            Self::Search { columns, .. } => columns.iter().copied().for_each(each),
            Self::Under(_) => {}
        }
    }
}

fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut greatest = Truth::False;
    for truth in truths {
        greatest = greatest.max(truth);
        if greatest == Truth::True {
            break;
        }
    }
    greatest
}

fn found(search: &Search, value: &Value<'_>) -> Truth {
    if value.is_there() { search.finds(&shown(value)).into() } else { Truth::Unknown }
}

impl Test {
    fn truth(&self, value: &Value<'_>) -> Truth {
        if let Self::Is { negative, what } = self {
            return what.of(value).negated_if(*negative);
        }
        if !value.is_there() {
            return Truth::Unknown;
        }
        match self {
            Self::Compare(operator, wanted) if operator.is_order() => order(*operator, value, wanted),
            Self::Compare(operator, wanted) => equal(value, wanted).negated_if(operator.is_negative()),
            Self::Like(operator, regex) => Truth::from(regex.finds(&shown(value))).negated_if(operator.is_negative()),
            Self::OneOf { negative, values } => {
                any(values.iter().map(|wanted| equal(value, wanted))).negated_if(*negative)
            }
            Self::Is { .. } => Truth::Unknown,
        }
    }
}

fn order(operator: Operator, value: &Value<'_>, wanted: &Literal) -> Truth {
    let (Some(number), Some(quantity)) = (number(value), wanted.quantity) else { return Truth::Unknown };
    if number.is_nan() {
        return Truth::Unknown;
    }
    let (less, same) = (quantity.is_above(number), quantity.is(number));
    Truth::from(match operator {
        Operator::Less => less,
        Operator::AtMost => less || same,
        Operator::AtLeast => !less,
        _ => !less && !same,
    })
}

fn equal(value: &Value<'_>, wanted: &Literal) -> Truth {
    match (number(value), wanted.quantity) {
        (Some(number), Some(quantity)) => return quantity.is(number).into(),
        (Some(_), None) if !matches!(value, Value::Exit(_)) => return fits(wanted, &value.exact()).into(),
        _ => {}
    }
    match value {
        Value::Flag(flag) => flag_of(&wanted.text).map_or(Truth::Unknown, |wanted| (wanted == *flag).into()),
        Value::Exit(_) => {
            let text = shown(value);
            let name = text.split(',').next().unwrap_or_default();
            let short = name.strip_prefix("SIG").unwrap_or(name);
            [&text, name, short].iter().any(|text| fits(wanted, text)).into()
        }
        _ => fits(wanted, &shown(value)).into(),
    }
}

/// The number of a value, the code of a process that ended by itself among them.
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Exit(crate::snapshot::ExitStatus::Code(code)) => Some(f64::from(*code)),
        _ => value.number(),
    }
}

/// How a flag is written.
fn flag_of(word: &str) -> Option<bool> {
    match word {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// A value as the text that patterns see: what a person is shown of a text or letter, the exact figure of a number.
fn shown<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Text(bytes) => printable(bytes),
        _ if value.number().is_some() => Cow::Owned(value.exact()),
        _ => value.human(),
    }
}

#[cfg(test)]
impl Literal {
    pub(super) fn bare(text: &str) -> Self {
        Self { text: text.to_owned(), quoted: false, quantity: None }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text in quotes never holds the kind it was written in.
        match (self.quoted, self.text.contains('"')) {
            (false, _) => f.write_str(&self.text),
            (true, false) => write!(f, "\"{}\"", self.text),
            (true, true) => write!(f, "'{}'", self.text),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negative: bool| if negative { "not " } else { "" };
        match self {
            Self::Compare(operator, wanted) => write!(f, "{} {wanted}", operator.sign()),
            Self::Like(operator, regex) => write!(f, "{} {}", operator.sign(), regex.wanted),
            Self::Is { negative, what } => write!(f, "is {}{}", not(*negative), what.word()),
            Self::OneOf { negative, values } => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(f, "{}in ({})", not(*negative), values.join(", "))
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                f.write_str(if at > 0 { word } else { "" })?;
                part.inner(f)?;
            }
            Ok(())
        };
        match self {
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => {
                f.write_str("not ")?;
                part.inner(f)
            }
            Self::Column { name, test, .. } => write!(f, "{name} {test}"),
            Self::Search { search, .. } => search.wanted.fmt(f),
            Self::Under(pid) => write!(f, "under {pid}"),
        }
    }
}

impl Node {
    /// As a part of another statement: in brackets where it would else be read apart.
    fn inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}
