//! What is wrong with an expression, and where.

use crate::text::printable;
use std::{error, fmt};
use unicode_width::UnicodeWidthStr;

/// An expression that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The place, in characters from the start.
    pub at: usize,
    /// How many characters are meant; 0 for the place after the last one.
    pub length: usize,
    /// What was found and what is expected: a lower-case fragment, safe to print.
    pub message: String,
}

impl QueryError {
    /// The expression with carets under the place, and the message: three lines for a terminal.
    #[must_use]
    pub fn render(&self, expression: &str) -> String {
        let part = |skip, take| {
            let text: String = expression.chars().skip(skip).take(take).collect();
            printable(text.as_bytes()).into_owned()
        };
        let (before, meant) = (part(0, self.at), part(self.at, self.length));
        let rest = part(self.at.saturating_add(self.length), usize::MAX);
        let blanks = " ".repeat(before.width());
        let carets = "^".repeat(meant.width().max(1));
        format!("{before}{meant}{rest}\n{blanks}{carets}\n{}", self.message)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter, character {}: {}", self.at + 1, self.message)
    }
}

impl error::Error for QueryError {}

/// Somebody's text inside a message: cut and safe to print.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let shown: String = text.chars().take(MOST).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", printable(shown.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place_whatever_comes_before() {
        let error = QueryError { at: 4, length: 2, message: "no".to_owned() };
        assert_eq!(error.render("日 = xy or z"), "日 = xy or z\n     ^^\nno");
        assert_eq!(error.render("a\n= xy"), "a\\u000a= xy\n         ^^\nno");
        let end = QueryError { at: 3, length: 0, message: "no".to_owned() };
        assert_eq!(end.render("a ="), "a =\n   ^\nno");
        assert_eq!(end.to_string(), "filter, character 4: no");
    }
}
