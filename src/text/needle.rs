//! What to look for in memory, as a person types it: text, or bytes.

use super::{Text, printable};
use std::fmt;

/// What can be typed, for whoever asks for it.
pub const FORMS: &str = r#"text, "text", \x7f\x45, 0x7f 45 4c 46 or utf16:text"#;

/// The bytes meant by what was typed.
///
/// Text stands for itself in UTF-8, with `\xNN`, `\n`, `\r`, `\t`, `\0` and `\\` in it for single bytes; in quotes also
/// where it begins like one of the other forms or ends in a blank. `0x` begins bytes in hexadecimal, in order of address,
/// and `utf16:` text in that encoding as x86 and ARM store it (little-endian).
///
/// # Errors
/// What is wrong with it.
pub fn parse(typed: &str) -> Result<Text, NeedleError> {
    let bytes = if let Some(rest) = typed.strip_prefix("utf16:") {
        utf16(&units(unquoted(rest)?)?)
    } else if typed.starts_with("0x") || typed.starts_with("0X") {
        hexadecimal(typed)?
    } else {
        utf8(&units(unquoted(typed)?)?)
    };
    if bytes.is_empty() { Err(NeedleError::Empty) } else { Ok(Text::from(bytes.as_slice())) }
}

/// Why nothing can be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeedleError {
    /// There is nothing in it.
    Empty,
    /// The text after a quote has no other.
    Unclosed,
    /// A backslash before something that it means nothing with.
    Escape(String),
    /// A word in hexadecimal with something else in it.
    Digit(char),
    /// A word in hexadecimal with half a byte in it.
    Odd(String),
}

impl fmt::Display for NeedleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "nothing to look for: give {FORMS}"),
            Self::Unclosed => f.write_str("the quote at the beginning has none at the end"),
            Self::Escape(escape) => {
                let escape = printable(escape.as_bytes());
                write!(
                    f,
                    r"\{escape} means nothing: there are \xNN (two hexadecimal digits), \n, \r, \t, \0, \\ and "
                )?;
                f.write_str("\\\"")
            }
            Self::Digit(c) => {
                let mut utf8 = [0; 4];
                let c = printable(c.encode_utf8(&mut utf8).as_bytes());
                write!(f, "{c} is no hexadecimal digit: put text that begins with 0x in quotes")
            }
            Self::Odd(word) => write!(f, "{word} has an odd number of digits: a byte has two"),
        }
    }
}

impl std::error::Error for NeedleError {}

/// One thing that was typed: a character, or a byte that was written as an escape.
#[derive(Clone, Copy)]
enum Unit {
    Character(char),
    Byte(u8),
}

fn unquoted(typed: &str) -> Result<&str, NeedleError> {
    let Some(rest) = typed.strip_prefix('"') else { return Ok(typed) };
    let inner = rest.strip_suffix('"').ok_or(NeedleError::Unclosed)?;
    // A quote behind an odd number of backslashes is one of the text.
    let backslashes = inner.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 0 { Ok(inner) } else { Err(NeedleError::Unclosed) }
}

fn units(text: &str) -> Result<Vec<Unit>, NeedleError> {
    let (mut units, mut rest) = (Vec::new(), text.chars());
    while let Some(c) = rest.next() {
        units.push(if c == '\\' { Unit::Byte(escape(&mut rest)?) } else { Unit::Character(c) });
    }
    Ok(units)
}

/// The byte that is written after a backslash.
fn escape(rest: &mut std::str::Chars<'_>) -> Result<u8, NeedleError> {
    let Some(letter) = rest.next() else { return Err(NeedleError::Escape(String::new())) };
    match letter {
        'n' => Ok(b'\n'),
        'r' => Ok(b'\r'),
        't' => Ok(b'\t'),
        '0' => Ok(0),
        '\\' => Ok(b'\\'),
        '"' => Ok(b'"'),
        'x' => {
            let digits: String = rest.by_ref().take(2).collect();
            let byte = (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .then(|| u8::from_str_radix(&digits, 16).ok())
                .flatten();
            byte.ok_or_else(|| NeedleError::Escape(format!("x{digits}")))
        }
        other => Err(NeedleError::Escape(other.to_string())),
    }
}

fn utf8(units: &[Unit]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in units {
        match unit {
            Unit::Character(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => bytes.push(*byte),
        }
    }
    bytes
}

fn utf16(units: &[Unit]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in units {
        match unit {
            Unit::Character(c) => bytes.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_le_bytes())),
            Unit::Byte(byte) => bytes.extend(u16::from(*byte).to_le_bytes()),
        }
    }
    bytes
}

fn hexadecimal(typed: &str) -> Result<Vec<u8>, NeedleError> {
    let mut bytes = Vec::new();
    for word in typed.split_whitespace() {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        let values: Vec<_> = digits.chars().map(|c| value(c).ok_or(NeedleError::Digit(c))).collect::<Result<_, _>>()?;
        let (pairs, half) = values.as_chunks();
        if !half.is_empty() {
            return Err(NeedleError::Odd(word.to_owned()));
        }
        bytes.extend(pairs.iter().map(|[high, low]| high << 4 | low));
    }
    Ok(bytes)
}

fn value(c: char) -> Option<u8> {
    c.to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(typed: &str) -> Vec<u8> {
        parse(typed).unwrap_or_else(|error| unreachable!("{typed}: {error}")).to_vec()
    }

    #[test]
    fn text_stands_for_itself() {
        let cases: [(&str, &[u8]); 10] = [
            ("root:x", b"root:x"),
            ("  two  ", b"  two  "),
            ("é", b"\xc3\xa9"),
            ("say \"hi\"", b"say \"hi\""),
            ("\"0x7f\"", b"0x7f"),
            ("\"utf16:\"", b"utf16:"),
            ("\"a\\\"\"", b"a\""),
            ("\\x7fELF\\n\\0\\\\", b"\x7fELF\n\0\\"),
            ("\\xff\\xFE", b"\xff\xfe"),
            ("cafe", b"cafe"),
        ];
        for (typed, expected) in cases {
            assert_eq!(bytes(typed), expected, "{typed}");
        }
    }

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        for typed in ["0x7f454c46", "0x7f 45 4c 46", "0x7F 0x45 4C46", "0X7f45 0x4c46"] {
            assert_eq!(bytes(typed), b"\x7fELF", "{typed}");
        }
    }

    #[test]
    fn utf16_is_little_endian() {
        assert_eq!(bytes("utf16:hé"), b"h\0\xe9\0");
        assert_eq!(bytes("utf16:\"🦀\\0\""), b"\x3e\xd8\x80\xdd\0\0");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", NeedleError::Empty, "nothing to look for"),
            ("0x", NeedleError::Empty, "nothing to look for"),
            ("utf16:", NeedleError::Empty, "nothing to look for"),
            ("\"\"", NeedleError::Empty, "nothing to look for"),
            ("\"open", NeedleError::Unclosed, "the quote at the beginning has none at the end"),
            ("\"", NeedleError::Unclosed, "the quote at the beginning has none at the end"),
            ("\"a\\\"", NeedleError::Unclosed, "the quote at the beginning has none at the end"),
            ("a\\q", NeedleError::Escape("q".into()), "\\q means nothing"),
            ("a\\", NeedleError::Escape(String::new()), "\\ means nothing"),
            ("\\x4", NeedleError::Escape("x4".into()), "\\x4 means nothing"),
            ("\\x+4", NeedleError::Escape("x+4".into()), "\\x+4 means nothing"),
            ("0x7g", NeedleError::Digit('g'), "g is no hexadecimal digit"),
            ("0x7f 4", NeedleError::Odd("4".into()), "4 has an odd number of digits"),
        ];
        for (typed, expected, text) in cases {
            let error = parse(typed).err();
            assert_eq!(error, Some(expected), "{typed}");
            assert!(error.is_some_and(|error| error.to_string().starts_with(text)), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_written_and_nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 1..20), text in ".*") {
            let escaped = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat();
            let spaced: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            prop_assert_eq!(parse(&escaped).map(|text| text.to_vec()), Ok(bytes.clone()));
            prop_assert_eq!(parse(&format!("0x{}", spaced.join(" "))).map(|text| text.to_vec()), Ok(bytes));
            if let Err(error) = parse(&text) {
                prop_assert!(!error.to_string().contains(crate::text::is_unsafe));
            }
        }
    }
}
