//! Numbers as people write them beside a column: `100M`, `5m`, `1h30m`, `20%`, `4.2k/s`, `2026-03-01 10:00`.

use crate::table::columns::Unit;

/// A number, or a stretch of time as wide as it was written: a day, a minute, a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantity {
    /// The number, or the start of the stretch.
    low: f64,
    /// Its end, which is not part of it; `low` for a number.
    high: f64,
}

impl Quantity {
    fn exactly(number: f64) -> Self {
        Self { low: number, high: number }
    }

    /// Whether the number is this one, or within the stretch.
    pub(super) fn is(self, number: f64) -> bool {
        self.low <= number && (number <= self.low || number < self.high)
    }

    /// Whether the number is smaller, or before.
    pub(super) fn is_above(self, number: f64) -> bool {
        number < self.low
    }
}

/// What stands after a number of bytes, without a B or iB behind it; each is 1024 of the one before.
const BYTES: [&str; 7] = ["", "k", "m", "g", "t", "p", "e"];
/// What stands after a count or a rate.
const COUNTS: [(&str, f64); 5] = [("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9), ("t", 1e12)];
/// Units of time in seconds.
const TIMES: [(&str, f64); 8] =
    [("", 1.0), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("w", 604_800.0)];

/// The number that the text stands for beside a column of this unit.
pub(super) fn quantity(text: &str, unit: Unit) -> Option<Quantity> {
    let per_second = || text.strip_suffix("/s").unwrap_or(text);
    match unit {
        Unit::None | Unit::Number => plain(text).map(Quantity::exactly),
        Unit::Count => scaled(text, count_unit),
        Unit::PerSecond => scaled(per_second(), count_unit),
        Unit::Bytes => scaled(text, byte_unit),
        Unit::BytesPerSecond => scaled(per_second(), byte_unit),
        Unit::Percent => plain(text.strip_suffix('%').unwrap_or(text)).map(Quantity::exactly),
        Unit::Seconds => span(text).map(Quantity::exactly),
        Unit::Time => moment(text),
        Unit::Address => address(text).map(Quantity::exactly),
    }
}

/// How such a number is written, for messages.
pub(super) fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::None | Unit::Number => "a whole number",
        Unit::Count => "a number such as 20 or 5k",
        Unit::Bytes => "a number of bytes such as 4096, 100M or 1.5G",
        Unit::Seconds => "a time such as 90s, 5m, 1h30m or 200ms",
        Unit::Percent => "a percentage such as 5 or 12.5%",
        Unit::PerSecond => "a rate such as 100 or 4k/s",
        Unit::BytesPerSecond => "a rate in bytes such as 100K or 2M/s",
        Unit::Address => "an address such as 0x7f12a000",
        Unit::Time => "a moment such as 2026-03-01 or '2026-03-01 10:42' (for an age, compare elapsed)",
    }
}

/// Hexadecimal digits, with or without `0x`. What does not fit 53 bits loses its last bits, and pages end in twelve zeros.
fn address(text: &str) -> Option<f64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let written = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| written).map(|address| address as f64)
}

/// Digits with at most one dot and a sign; no exponent, no `inf`, no `nan`.
fn plain(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let written = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    written.then(|| text.parse().ok())?
}

fn scaled(text: &str, unit: fn(&str) -> Option<f64>) -> Option<Quantity> {
    let (number, suffix) = split(text);
    Some(Quantity::exactly(plain(number)? * unit(suffix)?))
}

/// The number at the start, and what follows up to the next number.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

fn count_unit(suffix: &str) -> Option<f64> {
    COUNTS.iter().find(|(name, _)| suffix.eq_ignore_ascii_case(name)).map(|(_, factor)| *factor)
}

fn byte_unit(suffix: &str) -> Option<f64> {
    let suffix = suffix.to_ascii_lowercase();
    let short = suffix.strip_suffix("ib").or_else(|| suffix.strip_suffix('b')).unwrap_or(&suffix);
    let power = BYTES.iter().position(|name| *name == short)?;
    // `ib` alone is no unit.
    (power > 0 || suffix != "ib").then(|| 1024f64.powi(i32::try_from(power).unwrap_or(0)))
}

/// `90`, `1.5h`, `1h30m`, `3d04h`: what stands later must be of a smaller unit.
fn span(text: &str) -> Option<f64> {
    let (mut rest, mut sum, mut last) = (text, 0.0, f64::INFINITY);
    loop {
        let (number, tail) = split(rest);
        let name = &tail[..tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len())];
        let (_, factor) = TIMES.iter().find(|(known, _)| *known == name)?;
        let first = last.is_infinite();
        if *factor >= last || (name.is_empty() && !first) || (!first && number.starts_with(['-', '+'])) {
            return None;
        }
        sum += plain(number)? * factor;
        rest = &tail[name.len()..];
        if rest.is_empty() {
            return Some(sum);
        }
        last = *factor;
    }
}

/// A date, a date and time in local time, or RFC 3339 with its offset.
fn moment(text: &str) -> Option<Quantity> {
    let seconds = |time: jiff::Timestamp| time.as_nanosecond() as f64 / 1e9;
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Quantity { low: seconds(time), high: seconds(time) + 1.0 });
    }
    let local =
        |time: jiff::civil::DateTime| Some(seconds(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp()));
    let start: jiff::civil::DateTime = text.parse().ok()?;
    // The parts of a clock that were written decide how wide the stretch is.
    let end = match text.split([' ', 'T', 't']).nth(1).map(|clock| clock.matches(':').count()) {
        None => start.date().tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight()),
        Some(0) => start.checked_add(jiff::SignedDuration::from_hours(1)).ok()?,
        Some(1) => start.checked_add(jiff::SignedDuration::from_mins(1)).ok()?,
        Some(_) => start.checked_add(jiff::SignedDuration::from_secs(1)).ok()?,
    };
    Some(Quantity { low: local(start)?, high: local(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_the_units_of_their_column() {
        let cases = [
            ("100M", Unit::Bytes, Some(104_857_600.0)),
            ("100MiB", Unit::Bytes, Some(104_857_600.0)),
            ("1.5k", Unit::Bytes, Some(1536.0)),
            ("7", Unit::Bytes, Some(7.0)),
            ("7B", Unit::Bytes, Some(7.0)),
            ("7iB", Unit::Bytes, None),
            ("5m", Unit::Seconds, Some(300.0)),
            ("1h30m", Unit::Seconds, Some(5400.0)),
            ("12m07s", Unit::Seconds, Some(727.0)),
            ("3d04h", Unit::Seconds, Some(273_600.0)),
            ("200ms", Unit::Seconds, Some(0.2)),
            ("30m1h", Unit::Seconds, None),
            ("1h30", Unit::Seconds, None),
            ("5x", Unit::Seconds, None),
            ("12.5%", Unit::Percent, Some(12.5)),
            ("12.5", Unit::Percent, Some(12.5)),
            ("4.2k/s", Unit::PerSecond, Some(4200.0)),
            ("2M/s", Unit::BytesPerSecond, Some(2_097_152.0)),
            ("2M/s", Unit::Bytes, None),
            ("0x7f12a000", Unit::Address, Some(2_131_927_040.0)),
            ("7f12a000", Unit::Address, Some(2_131_927_040.0)),
            ("0x", Unit::Address, None),
            ("+7", Unit::Address, None),
            ("-5", Unit::None, Some(-5.0)),
            ("1e3", Unit::None, None),
            ("inf", Unit::None, None),
            ("nan", Unit::Percent, None),
            ("", Unit::Bytes, None),
            (".", Unit::Seconds, None),
            ("", Unit::Seconds, None),
        ];
        for (text, unit, number) in cases {
            assert_eq!(quantity(text, unit), number.map(Quantity::exactly), "{text} {unit:?}");
        }
    }

    #[test]
    fn a_moment_is_as_wide_as_it_was_written() {
        let at = |text| quantity(text, Unit::Time).map(|stretch| stretch.high - stretch.low);
        assert_eq!(at("2026-03-01T10:42:00Z"), Some(1.0));
        assert_eq!(at("2026-03-01 10:42"), Some(60.0));
        assert_eq!(at("2026-03-01 10:42:07"), Some(1.0));
        // A day is not always 24 hours long, whatever the time zone of the machine.
        assert!(at("2026-03-01").is_some_and(|width| width > 80_000.0));
        assert_eq!(at("yesterday"), None);
        let day = quantity("2026-03-01", Unit::Time);
        let noon = quantity("2026-03-01 12:00", Unit::Time);
        assert!(day.zip(noon).is_some_and(|(day, noon)| day.is(noon.low) && !day.is_above(noon.low)));
    }
}
