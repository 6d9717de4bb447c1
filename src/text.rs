//! Bytes that other people's programs chose (names, arguments, paths), and the one way they are made safe to print.
//!
//! Nothing else in the program turns such bytes into text: a terminal must never see a control character of theirs.

pub mod needle;

use std::{borrow::Cow, fmt, fmt::Write as _, ops::Deref, sync::Arc};
use unicode_width::UnicodeWidthChar;

/// Bytes as the kernel gave them: a name, a command line with its NULs, a path. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<[u8]>);

impl Text {
    /// The bytes with everything that could disturb a terminal escaped; see [`printable`].
    #[must_use]
    pub fn printable(&self) -> Cow<'_, str> {
        printable(&self.0)
    }
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.printable())
    }
}

/// Whether a character must not reach a terminal or a report as it is: C0, DEL, C1, line and paragraph separators,
/// bidirectional controls, and characters of no width that could hide or overwrite something.
///
/// Combining marks are among them: terminals disagree on their width, and a column that follows would shift.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // The last two ranges are variation selectors and tags, which change what stands before them.
        '\0'..='\u{9f}'
        | '\u{ad}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => c.width().unwrap_or(0) == 0,
    }
}

/// What stands for a character that [`is_unsafe`]: `\u001b`, as JSON writes it.
#[must_use]
pub fn escaped(c: char) -> String {
    let mut units = [0; 2];
    c.encode_utf16(&mut units).iter().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}"))
}

/// Bytes as text for a person: invalid UTF-8 as `\xNN`, unsafe characters as `\uNNNN`. A backslash stays single.
#[must_use]
pub fn printable(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return String::from_utf8_lossy(bytes);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unsafe(c) { text.push_str(&escaped(c)) } else { text.push(c) }
        }
        push_hex(chunk.invalid(), &mut text);
    }
    Cow::Owned(text)
}

fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Bytes as text that can be turned back into the bytes: a real backslash doubled, invalid UTF-8 as `\xNN`.
/// Unsafe characters are left for the format to escape in its own way (JSON) or by [`printable`] (CSV).
#[must_use]
pub fn reversible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' { text.push_str("\\\\") } else { text.push(c) }
        }
        push_hex(chunk.invalid(), &mut text);
    }
    text
}

/// The bytes that [`reversible`] made this text of; `None` where it made no such text.
#[must_use]
pub fn restored(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match after.as_bytes() {
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(high)? << 4 | digit(low)?, 3)
            }
            _ => return None,
        };
        bytes.push(byte);
        rest = after.get(length..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_bytes_are_visible_and_harmless() {
        let cases: [(&[u8], &str); 7] = [
            (b"sshd: root@pts/0", "sshd: root@pts/0"),
            (b"a) R\n\x1b[31m(", "a) R\\u000a\\u001b[31m("),
            (b"bad\xff\xfe", "bad\\xff\\xfe"),
            ("\u{9b}31m".as_bytes(), "\\u009b31m"),
            ("evil\u{202e}txt".as_bytes(), "evil\\u202etxt"),
            ("e\u{301}".as_bytes(), "e\\u0301"),
            ("日本 🦀".as_bytes(), "日本 🦀"),
        ];
        for (bytes, text) in cases {
            assert_eq!(printable(bytes), text);
        }
    }

    #[test]
    fn reversible_text_tells_a_bad_byte_from_a_backslash() {
        assert_eq!(reversible(b"\\xff\xff"), "\\\\xff\\xff");
    }

    #[test]
    fn what_was_never_made_cannot_be_restored() {
        assert_eq!(restored("\\\\x\\xff"), Some(b"\\x\xff".to_vec()));
        for text in ["\\", "\\x", "\\xf", "\\xfg", "\\x+f", "\\n", "a\\é"] {
            assert_eq!(restored(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in ".*") {
            prop_assert_eq!(restored(&reversible(&bytes)), Some(bytes));
            prop_assert_eq!(restored(&reversible(text.as_bytes())), Some(text.into_bytes()));
        }
    }
}
