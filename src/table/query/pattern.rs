//! Text to look for: the whole of a text with wildcards, a part of it, or a regular expression.

use super::expression::Literal;
use std::borrow::Cow;

/// Whether the whole text looks as wanted: `*` stands for any characters, `?` for one; in quotes both for themselves.
pub(super) fn fits(wanted: &Literal, text: &str) -> bool {
    if wanted.quoted { wanted.text == text } else { wildcard(&wanted.text, text) }
}

/// At worst as many steps as the product of both lengths: only the last `*` is ever tried again.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text, mut retry) = (pattern, text, None);
    loop {
        let (mut wanted, mut found) = (pattern.chars(), text.chars());
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = wanted.as_str();
                retry = Some((pattern, text));
            }
            (Some(want), Some(have)) if want == '?' || want == have => {
                (pattern, text) = (wanted.as_str(), found.as_str());
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                let mut skipped = from.chars();
                if skipped.next().is_none() {
                    return false;
                }
                (pattern, text) = (after_star, skipped.as_str());
                retry = Some((pattern, text));
            }
        }
    }
}

/// A part to be found anywhere: in capitals and small letters alike unless it has capitals itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    /// As it was written.
    pub(super) wanted: Literal,
    case: Case,
    /// What is looked for; where it has wildcards, a pattern for the whole text.
    needle: String,
    has_wildcards: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Matters,
    Ignored,
}

impl Search {
    pub(super) fn new(wanted: Literal) -> Self {
        let case = if wanted.text.chars().any(char::is_uppercase) { Case::Matters } else { Case::Ignored };
        let folded = if case == Case::Ignored { wanted.text.to_lowercase() } else { wanted.text.clone() };
        let has_wildcards = !wanted.quoted && folded.contains(['*', '?']);
        let needle = if has_wildcards { format!("*{folded}*") } else { folded };
        Self { wanted, case, needle, has_wildcards }
    }

    pub(super) fn finds(&self, text: &str) -> bool {
        if self.case == Case::Ignored && !self.has_wildcards && text.is_ascii() {
            return contains_ignoring_case(text.as_bytes(), self.needle.as_bytes());
        }
        let text = if self.case == Case::Ignored { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
        if self.has_wildcards { wildcard(&self.needle, &text) } else { text.contains(&self.needle) }
    }
}

fn contains_ignoring_case(text: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let starts = text.iter().enumerate().filter(|(_, byte)| byte.eq_ignore_ascii_case(first));
    starts
        .into_iter()
        .any(|(at, _)| text.get(at..at + needle.len()).is_some_and(|part| part.eq_ignore_ascii_case(needle)))
}

/// A regular expression, equal to another one where it is written the same.
#[derive(Clone, Debug)]
pub(super) struct Regex {
    /// As it was written.
    pub(super) wanted: Literal,
    regex: regex_lite::Regex,
}

impl Regex {
    /// The compiled expression, or what is wrong with it.
    pub(super) fn new(wanted: Literal) -> Result<Self, String> {
        let regex = regex_lite::Regex::new(&wanted.text).map_err(|error| error.to_string())?;
        Ok(Self { wanted, regex })
    }

    pub(super) fn finds(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_the_whole_text() {
        let cases = [
            ("www*", "www-data", true),
            ("www*", "www", true),
            ("www", "www-data", false),
            ("*data", "www-data-data", true),
            ("w?w", "wäw", true),
            ("w?w", "ww", false),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("*a*b*c", "xxaxxbxxcxx", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
        ];
        for (pattern, text, fit) in cases {
            assert_eq!(wildcard(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn stars_do_not_explode() {
        assert!(!wildcard(&"a*".repeat(200), &format!("{}b", "a".repeat(100))));
    }

    #[test]
    fn a_search_minds_capitals_only_when_it_has_some() {
        let cases = [
            ("nginx", "/usr/sbin/NGINX -g", true),
            ("Nginx", "/usr/sbin/nginx -g", false),
            ("Nginx", "/usr/sbin/Nginx -g", true),
            ("größe", "die GRÖSSE", false),
            ("größe", "die GRÖßE", true),
            ("ng*-g", "/usr/sbin/NGINX -g", true),
            ("x", "", false),
        ];
        for (wanted, text, found) in cases {
            let search = Search::new(Literal::bare(wanted));
            assert_eq!(search.finds(text), found, "{wanted} in {text}");
        }
        let quoted = Search::new(Literal { quoted: true, ..Literal::bare("a*b") });
        assert!(quoted.finds("xa*by") && !quoted.finds("axb"));
    }
}
