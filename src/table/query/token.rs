//! The words and signs of an expression, with their places. Knows no column and no grammar.

use super::error::{QueryError, quoted};

/// A comparison sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    Like,
    NotLike,
}

/// Every comparison sign as it is written.
const OPERATORS: [(&str, Operator); 8] = [
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::More),
    (">=", Operator::AtLeast),
    ("~", Operator::Like),
    ("!~", Operator::NotLike),
];

/// Signs of other languages, with what stands for them here.
const FOREIGN: [(&str, &str); 6] = [("==", "="), ("=~", "~"), ("<>", "!="), ("=>", ">="), ("=<", "<="), ("!", "not")];

impl Operator {
    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("", |(sign, _)| sign)
    }

    /// Whether it asks which of two is larger.
    pub(super) fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::More | Self::AtLeast)
    }

    /// Whether its other side is a pattern.
    pub(super) fn is_pattern(self) -> bool {
        matches!(self, Self::Like | Self::NotLike)
    }

    /// Whether it is true where its positive twin is false.
    pub(super) fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotLike)
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    Word(&'t str),
    Quoted(&'t str),
    Operator(Operator),
    Open,
    Close,
    Comma,
}

/// A word or sign and where it stands, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    /// As it stands in the expression, quotes included.
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) length: usize,
}

/// The tokens of the text up to its end or the first mistake, and that mistake.
pub(super) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<QueryError>) {
    let (mut found, mut rest, mut at) = (Vec::new(), text, 0);
    loop {
        let trimmed = rest.trim_start();
        at += rest[..rest.len() - trimmed.len()].chars().count();
        let Some(first) = trimmed.chars().next() else { return (found, None) };
        let (kind, bytes) = match token(trimmed, first) {
            Ok(token) => token,
            Err((bytes, message)) => {
                let length = trimmed[..bytes].chars().count();
                return (found, Some(QueryError { at, length, message }));
            }
        };
        let (text, after) = trimmed.split_at(bytes);
        let length = text.chars().count();
        found.push(Token { kind, text, at, length });
        at += length;
        rest = after;
    }
}

/// The token that the text starts with and its length in bytes; or the length of the mistake and what it is.
fn token(text: &str, first: char) -> Result<(Kind<'_>, usize), (usize, String)> {
    match first {
        '(' => Ok((Kind::Open, 1)),
        ')' => Ok((Kind::Close, 1)),
        ',' => Ok((Kind::Comma, 1)),
        '"' | '\'' => match text[1..].find(first) {
            Some(length) => Ok((Kind::Quoted(&text[1..=length]), length + 2)),
            None => Err((text.len(), format!("this text has no closing {first}"))),
        },
        c if is_sign(c) => {
            let sign = &text[..text.find(|c| !is_sign(c)).unwrap_or(text.len())];
            match OPERATORS.iter().find(|(known, _)| *known == sign) {
                Some((_, operator)) => Ok((Kind::Operator(*operator), sign.len())),
                None => Err((sign.len(), unknown_sign(sign))),
            }
        }
        _ => {
            let word = &text[..text.find(ends_word).unwrap_or(text.len())];
            Ok((Kind::Word(word), word.len()))
        }
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>' | '~')
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || is_sign(c) || matches!(c, '(' | ')' | ',')
}

fn unknown_sign(sign: &str) -> String {
    if let Some((_, own)) = FOREIGN.iter().find(|(foreign, _)| *foreign == sign) {
        return format!("found `{sign}`, which is written `{own}` here");
    }
    let known: Vec<_> = OPERATORS.iter().map(|(sign, _)| *sign).collect();
    format!("found {}, expected one of {}", quoted(sign), known.join(" "))
}
