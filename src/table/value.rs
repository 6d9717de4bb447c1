//! One value of one column: its order, its text for people, its exact text for CSV and its JSON, in one place.

use crate::{
    signal::Signal,
    snapshot::{ExitStatus, Missing, Reading},
    text::{printable, reversible},
};
use std::{borrow::Cow, cmp::Ordering, time::Duration};

/// What a column says of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// It could not be read.
    Missing(Missing),
    /// There is no such thing: the terminal of a daemon, the memory of a kernel thread.
    None,
    /// A whole number that may be negative.
    Integer(i64),
    /// A number of things, or an id.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// A span of time in seconds.
    Seconds(f64),
    /// Percent.
    Percent(f64),
    /// Things per second.
    Rate(f64),
    /// Bytes per second.
    ByteRate(f64),
    /// A moment: since 1970.
    Time(Duration),
    /// A state letter.
    Letter(u8),
    /// Yes or no.
    Flag(bool),
    /// Words of sysview's own choosing.
    Word(&'static str),
    /// Bytes of somebody else's choosing.
    Text(Cow<'a, [u8]>),
    /// How a process ended.
    Exit(ExitStatus),
    /// A place in memory.
    Address(u64),
    /// Bytes more, or less.
    Change(i64),
}

impl<'a> Value<'a> {
    /// A value made of a reading, or why there is none.
    pub fn of<T>(reading: Reading<T>, value: impl FnOnce(T) -> Self) -> Self {
        reading.map_or_else(Self::Missing, value)
    }

    /// As [`Value::of`], for a thing that may not exist.
    pub fn optional<T>(reading: Reading<Option<T>>, value: impl FnOnce(T) -> Self) -> Self {
        Self::of(reading, |inner| inner.map_or(Self::None, value))
    }

    /// Borrowed text.
    #[must_use]
    pub fn text(bytes: &'a [u8]) -> Self {
        Self::Text(Cow::Borrowed(bytes))
    }

    /// The number behind a value that is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        Some(match self {
            Self::Integer(number) | Self::Change(number) => *number as f64,
            Self::Count(number) | Self::Bytes(number) | Self::Address(number) => *number as f64,
            Self::Seconds(number) | Self::Percent(number) | Self::Rate(number) | Self::ByteRate(number) => *number,
            Self::Time(time) => time.as_secs_f64(),
            _ => return None,
        })
    }

    /// Two values of one column added; `self` where the column's values cannot be added. What is missing or does not
    /// exist counts as nothing beside what is there.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a.saturating_add(b)),
            (Self::Count(a), Self::Count(b)) => Self::Count(a.saturating_add(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Self::Bytes(a.saturating_add(b)),
            (Self::Change(a), Self::Change(b)) => Self::Change(a.saturating_add(b)),
            (Self::Seconds(a), Self::Seconds(b)) => Self::Seconds(a + b),
            (Self::Percent(a), Self::Percent(b)) => Self::Percent(a + b),
            (Self::Rate(a), Self::Rate(b)) => Self::Rate(a + b),
            (Self::ByteRate(a), Self::ByteRate(b)) => Self::ByteRate(a + b),
            (Self::Missing(_) | Self::None, other) if !matches!(other, Self::Missing(_)) => other,
            (value, _) => value,
        }
    }

    /// Whether there is a value at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Missing(_) | Self::None)
    }

    /// Total order of the values of one column: rising, and what is not there last.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(b),
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::Exit(a), Self::Exit(b)) => a.cmp(b),
            (Self::Count(a), Self::Count(b))
            | (Self::Bytes(a), Self::Bytes(b))
            | (Self::Address(a), Self::Address(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    /// As [`Value::compare`], or the other way round; what is not there is last both ways.
    #[must_use]
    pub fn compare_in(&self, other: &Self, order: Order) -> Ordering {
        match order {
            Order::Descending if self.is_there() && other.is_there() => other.compare(self),
            _ => self.compare(other),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Missing(_) => 2,
            Self::None => 1,
            _ => 0,
        }
    }

    /// Short text for people: units scaled, at most six characters for numbers, safe to print.
    #[must_use]
    pub fn human(&self) -> Cow<'_, str> {
        Cow::Owned(match self {
            Self::Missing(Missing::NotRequested) => "…".to_owned(),
            Self::Missing(missing) => return Cow::Borrowed(missing.word()),
            Self::None => return Cow::Borrowed("-"),
            Self::Integer(number) => number.to_string(),
            Self::Count(number) => number.to_string(),
            Self::Bytes(bytes) => bytes_text(*bytes as f64),
            Self::Address(address) => format!("{address:012x}"),
            Self::Change(bytes) => change_text(*bytes),
            Self::ByteRate(bytes) => bytes_text(*bytes),
            Self::Seconds(seconds) => span(*seconds),
            Self::Percent(percent) => fixed(*percent),
            Self::Rate(rate) => scaled(*rate),
            Self::Time(time) => local_time(*time),
            Self::Letter(letter) => return Cow::Owned(printable(&[*letter]).into_owned()),
            Self::Flag(flag) => return Cow::Borrowed(if *flag { "yes" } else { "no" }),
            Self::Word(word) => return Cow::Borrowed(word),
            Self::Text(bytes) => return printable(bytes),
            Self::Exit(status) => exit_text(*status),
        })
    }

    /// [`Value::human`] at the end of a text that is used again and again: without a text of its own for what makes up long
    /// tables.
    pub fn push_human(&self, text: &mut String) {
        match self {
            Self::Bytes(bytes) => push_bytes(*bytes, text),
            Self::Word(word) => text.push_str(word),
            Self::Count(number) => push_digits::<10>(*number, 1, text),
            Self::Address(address) => push_digits::<16>(*address, 12, text),
            _ => text.push_str(&self.human()),
        }
    }

    /// The beginning of [`Value::human`], enough for this many cells and one more: other people's texts can be megabytes
    /// long, and a screen shows only so much. Why there is no value is told by a shorter word where the word does not fit.
    #[must_use]
    pub fn brief(&self, cells: usize) -> Cow<'_, str> {
        match self {
            Self::Missing(missing) if missing.word().len() > cells => Cow::Borrowed(missing.short()),
            // A cell takes at most one character, which is at most four bytes.
            Self::Text(bytes) => printable(bytes.get(..4 * (cells + 1)).unwrap_or(bytes)),
            _ => self.human(),
        }
    }

    /// Exact text for CSV: numbers in their base unit, nothing scaled; empty where there is nothing.
    #[must_use]
    pub fn exact(&self) -> String {
        let mut text = String::new();
        self.push_exact(&mut text);
        text
    }

    /// As [`Value::exact`], at the end of a text: for very many of them.
    pub fn push_exact(&self, text: &mut String) {
        match self {
            Self::Missing(_) | Self::None => {}
            Self::Integer(number) | Self::Change(number) => text.push_str(&number.to_string()),
            Self::Count(number) | Self::Bytes(number) => push_digits::<10>(*number, 1, text),
            Self::Address(address) => {
                text.push_str("0x");
                push_digits::<16>(*address, 1, text);
            }
            Self::Seconds(number) | Self::Percent(number) | Self::Rate(number) | Self::ByteRate(number) => {
                text.push_str(&round(*number).to_string());
            }
            Self::Time(time) => text.push_str(&rfc3339(*time)),
            Self::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Self::Text(bytes) => text.push_str(&printable(reversible(bytes).as_bytes())),
            Self::Letter(_) | Self::Word(_) | Self::Exit(_) => text.push_str(&self.human()),
        }
    }

    /// The value as JSON; `null` where there is none, and why stands elsewhere.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        use serde_json::{Value as Json, json};
        match self {
            Self::Missing(_) | Self::None => Json::Null,
            Self::Integer(number) | Self::Change(number) => json!(number),
            Self::Address(address) => json!(address_text(*address)),
            Self::Count(number) | Self::Bytes(number) => json!(number),
            Self::Seconds(number) | Self::Percent(number) | Self::Rate(number) | Self::ByteRate(number) => {
                json!(round(*number))
            }
            Self::Time(time) => json!(rfc3339(*time)),
            Self::Letter(letter) => json!(reversible(&[*letter])),
            Self::Flag(flag) => json!(flag),
            Self::Word(word) => json!(word),
            Self::Text(bytes) => json!(reversible(bytes)),
            Self::Exit(ExitStatus::Code(code)) => json!({ "code": code }),
            Self::Exit(ExitStatus::Signal { number, core }) => json!({ "signal": signal_name(*number), "core": core }),
        }
    }
}

/// Which way a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Small first.
    Ascending,
    /// Large first.
    Descending,
}

impl Order {
    /// The other way round.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// Six decimals: finer than any clock behind these numbers, and no tail of binary rounding.
fn round(number: f64) -> f64 {
    if number.is_finite() { (number * 1e6).round() / 1e6 } else { 0.0 }
}

const BYTE_UNITS: [&str; 7] = ["B", "K", "M", "G", "T", "P", "E"];

/// `9.1M`: three or four figures and the binary unit.
#[must_use]
pub fn bytes_text(bytes: f64) -> String {
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1000.0 && unit + 1 < BYTE_UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$}{}", BYTE_UNITS[unit])
}

/// As [`bytes_text`], of whole bytes and in whole numbers: formatting a fraction takes ten times as long.
fn push_bytes(bytes: u64, text: &mut String) {
    if bytes >= 1 << 53 {
        return text.push_str(&bytes_text(bytes as f64));
    }
    let mut unit = 0;
    while bytes >= 1000 << (10 * unit) {
        unit += 1;
    }
    let value = bytes as f64 / (1u64 << (10 * unit)) as f64;
    let tenths = unit > 0 && value < 9.95;
    // What lies halfway goes to the even side, as it does where fractions are formatted.
    let (scaled, one) = (if tenths { bytes * 10 } else { bytes }, 1u64 << (10 * unit));
    let (whole, rest) = (scaled / one, scaled % one);
    let rounded = whole + u64::from(rest * 2 > one || (rest * 2 == one && whole % 2 == 1));
    if tenths {
        push_digits::<10>(rounded / 10, 1, text);
        text.push('.');
        push_digits::<10>(rounded % 10, 1, text);
    } else {
        push_digits::<10>(rounded, 1, text);
    }
    text.push_str(BYTE_UNITS[unit]);
}

/// A number in base 10 or 16, with zeros before it where it has fewer digits than `least`. What it is divided by is known
/// when this is compiled, which makes it many times as fast.
fn push_digits<const BASE: u64>(mut number: u64, least: usize, text: &mut String) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[usize::try_from(number % BASE).unwrap_or(0)];
        number /= BASE;
    }
    text.push_str(str::from_utf8(&digits[at.min(digits.len() - least)..]).unwrap_or_default());
}

/// `+9.1M`, `-48K`, `0`: how much more or less.
#[must_use]
pub fn change_text(bytes: i64) -> String {
    match bytes {
        0 => "0".to_owned(),
        1.. => format!("+{}", bytes_text(bytes as f64)),
        _ => format!("-{}", bytes_text(bytes.unsigned_abs() as f64)),
    }
}

/// `0x7f12a000`: an address in reports.
#[must_use]
pub fn address_text(address: u64) -> String {
    format!("{address:#x}")
}

/// A rate or a large count: `12.3`, `4.2k`.
#[must_use]
pub fn scaled(number: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let (mut value, mut unit) = (number, 0);
    while value.abs() >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit == 0 || value < 99.95);
    format!("{value:.digits$}{}", UNITS[unit])
}

/// A count to the last unit: `4,812`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn fixed(percent: f64) -> String {
    if percent < 999.95 { format!("{percent:.1}") } else { format!("{percent:.0}") }
}

/// A span of time in at most six characters: `35ms`, `4.2s`, `12m07s`, `5h07m`, `3d04h`, `812d`.
#[must_use]
pub fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86400);
    match () {
        () if seconds <= 0.0 => "0s".to_owned(),
        () if seconds < 0.000_999_5 => format!("{:.0}us", seconds * 1e6),
        () if seconds < 0.999_5 => format!("{:.0}ms", seconds * 1e3),
        () if seconds < 59.95 => format!("{seconds:.1}s"),
        () if whole < 3600 => format!("{minutes}m{:02}s", whole % 60),
        () if hours < 24 => format!("{hours}h{:02}m", minutes % 60),
        () if days < 100 => format!("{days}d{:02}h", hours % 24),
        () => format!("{days}d"),
    }
}

fn timestamp(time: Duration) -> jiff::Timestamp {
    let nanoseconds = i128::try_from(time.as_nanos()).unwrap_or(0);
    jiff::Timestamp::from_nanosecond(nanoseconds).unwrap_or_default()
}

/// Local time of day, with the date where it is not within the last half day or so of a clock's face.
fn local_time(time: Duration) -> String {
    timestamp(time).to_zoned(jiff::tz::TimeZone::system()).strftime("%b%d %H:%M").to_string()
}

/// Local time of day, `10:42:07`.
#[must_use]
pub fn clock_text(time: Duration) -> String {
    timestamp(time).to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// Time since boot as uptime(1) writes it: `3d 04:12`, `04:12`.
#[must_use]
pub fn uptime_text(uptime: Duration) -> String {
    let minutes = uptime.as_secs() / 60;
    let clock = format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    if minutes < 24 * 60 { clock } else { format!("{}d {clock}", minutes / 60 / 24) }
}

/// RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(time: Duration) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `exit 3`, `SIGSEGV, core`.
#[must_use]
pub fn exit_text(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit {code}"),
        ExitStatus::Signal { number, core: false } => signal_name(number),
        ExitStatus::Signal { number, core: true } => format!("{}, core", signal_name(number)),
    }
}

/// `SIGKILL`, `SIGRTMIN+3` (the C library's SIGRTMIN, 34), or `signal 33`.
#[must_use]
pub fn signal_name(number: u8) -> String {
    Signal::new(number).map_or_else(|| format!("signal {number}"), |signal| signal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_short_for_people() {
        let cases = [
            (Value::Bytes(0), "0B"),
            (Value::Bytes(999), "999B"),
            (Value::Bytes(1000), "1.0K"),
            (Value::Bytes(9_542_042), "9.1M"),
            (Value::Bytes(50_331_648), "48M"),
            (Value::Bytes(1 << 40), "1.0T"),
            (Value::Rate(210.34), "210.3"),
            (Value::Rate(4_218.0), "4.2k"),
            (Value::Rate(999.96), "1.0k"),
            (Value::Percent(100.0), "100.0"),
            (Value::Percent(1600.4), "1600"),
            (Value::Seconds(0.035), "35ms"),
            (Value::Seconds(59.96), "0m59s"),
            (Value::Seconds(727.0), "12m07s"),
            (Value::Seconds(86_400.0 * 3.0 + 4.0 * 3600.0), "3d04h"),
            (Value::Missing(Missing::Denied), "denied"),
            (Value::None, "-"),
        ];
        for (value, text) in cases {
            assert_eq!(value.human(), text, "{value:?}");
        }
    }

    #[test]
    fn a_value_at_the_end_of_a_text_is_the_same_text() {
        let around = (0..6).flat_map(|unit| {
            [1u64, 9, 10, 99, 995, 999, 1000, 1023].into_iter().flat_map(move |factor| {
                let (value, half) = (factor << (10 * unit), (1u64 << (10 * unit)) / 20);
                [value.saturating_sub(1), value, value + 1, value + half, value + half * 10, value + half * 19]
            })
        });
        for bytes in around.chain([0, 1 << 53, (1 << 53) - 1, u64::MAX, 10188, 10189]) {
            let mut text = "x".to_owned();
            Value::Bytes(bytes).push_human(&mut text);
            assert_eq!(text, format!("x{}", bytes_text(bytes as f64)), "{bytes}");
        }
        for value in [
            Value::Count(7),
            Value::Count(0),
            Value::Count(u64::MAX),
            Value::Address(0x1000),
            Value::Address(u64::MAX),
            Value::Word("w"),
            Value::None,
            Value::text(b"a\n"),
        ] {
            let mut text = String::new();
            value.push_human(&mut text);
            assert_eq!(text, value.human());
        }
    }

    proptest! {
        #[test]
        fn bytes_are_rounded_the_same_in_whole_numbers(bytes in any::<u64>(), shift in 0u32..64) {
            let mut text = String::new();
            push_bytes(bytes >> shift, &mut text);
            prop_assert_eq!(text, bytes_text((bytes >> shift) as f64));
        }
    }

    #[test]
    fn why_there_is_no_value_is_told_in_four_cells_where_there_is_no_room_for_more() {
        for missing in Missing::TOLD {
            assert_eq!(Value::Missing(missing).brief(11), missing.word());
            assert!(Value::Missing(missing).brief(4).len() <= 4, "{}", missing.word());
            let others = Missing::TOLD.into_iter().filter(|other| *other != missing);
            assert!(others.into_iter().all(|other| other.short() != missing.short()), "{}", missing.word());
        }
    }

    #[test]
    fn what_is_not_there_is_last_both_ways() {
        let mut values = [Value::None, Value::Count(1), Value::Missing(Missing::Denied), Value::Count(3)];
        values.sort_by(|a, b| a.compare_in(b, Order::Descending));
        assert_eq!(values[..2], [Value::Count(3), Value::Count(1)]);
        values.sort_by(|a, b| a.compare_in(b, Order::Ascending));
        assert_eq!(values[..3], [Value::Count(1), Value::Count(3), Value::None]);
    }

    #[test]
    fn signals_count_from_the_c_librarys_first_real_time_one() {
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(31), "SIGSYS");
        assert_eq!(signal_name(34), "SIGRTMIN");
        assert_eq!(signal_name(64), "SIGRTMIN+30");
        assert_eq!(signal_name(33), "signal 33");
    }
}
