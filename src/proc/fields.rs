//! The three shapes that text in /proc has: numbers apart by blanks, `Key: value` lines, and one number.

use crate::snapshot::{Missing, Reading};
use std::str::FromStr;

/// A number in decimal ASCII, without blanks around it.
///
/// # Errors
/// `Malformed` where the bytes are not such a number or it does not fit.
pub fn number<T: FromStr>(bytes: &[u8]) -> Reading<T> {
    str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Missing::Malformed)
}

/// A hexadecimal number, with or without `0x`.
///
/// # Errors
/// As [`number`].
pub fn hexadecimal(bytes: &[u8]) -> Reading<u64> {
    let digits = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or(Missing::Malformed)
}

/// The words of a text, apart by blanks, tabs and newlines.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The lines of a text without their newline.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The `Key: value` lines of a text, value trimmed. Lines without a colon are left out.
pub fn keyed(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(bytes).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (key, value) = line.split_at(colon);
        Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
    })
}

/// A whole file that holds one number.
///
/// # Errors
/// As [`number`].
pub fn single<T: FromStr>(bytes: &[u8]) -> Reading<T> {
    number(bytes.trim_ascii())
}

/// A decimal number from the digits at hand, much faster than through text; used for every field of every `stat`.
///
/// # Errors
/// `Malformed` where there is anything but digits, or they do not fit.
pub fn digits(bytes: &[u8]) -> Reading<u64> {
    if bytes.is_empty() {
        return Err(Missing::Malformed);
    }
    bytes.iter().try_fold(0u64, |value, byte| {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return Err(Missing::Malformed);
        }
        value.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or(Missing::Malformed)
    })
}

/// [`digits`] with an optional minus.
///
/// # Errors
/// `Malformed` where it is no such number.
pub fn signed(bytes: &[u8]) -> Reading<i64> {
    let (sign, rest) = bytes.strip_prefix(b"-").map_or((1, bytes), |rest| (-1, rest));
    i64::try_from(digits(rest)?).map(|value| sign * value).map_err(|_| Missing::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_or_malformed() {
        assert_eq!(number::<u32>(b"42"), Ok(42));
        assert_eq!(number::<u32>(b"-1"), Err(Missing::Malformed));
        assert_eq!(digits(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(digits(b"18446744073709551616"), Err(Missing::Malformed));
        assert_eq!(digits(b""), Err(Missing::Malformed));
        assert_eq!(signed(b"-100"), Ok(-100));
        assert_eq!(hexadecimal(b"0x7fff"), Ok(0x7fff));
    }

    #[test]
    fn keyed_lines_keep_a_colon_in_the_value() {
        let pairs: Vec<_> = keyed(b"Name:\ta:b\nno colon\nVmRSS:\t  12 kB\n").collect();
        assert_eq!(pairs, [(&b"Name"[..], &b"a:b"[..]), (b"VmRSS", b"12 kB")]);
    }
}
