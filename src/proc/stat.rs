//! `/proc/PID/stat` (proc_pid_stat(5)).
//!
//! The name stands raw between the first `(` and the *last* `)` of the whole file: it may hold `)`, blanks and newlines.

use super::fields::{digits, signed};
use crate::{
    snapshot::{
        Missing, Reading,
        process::{Stat, State},
    },
    unit::{Bytes, Pid, ProcessKey, Ticks},
};

/// The file taken apart; the name still borrowed from it.
#[derive(Debug, PartialEq, Eq)]
pub struct ParsedStat<'a> {
    /// Fields 1 and 22.
    pub key: ProcessKey,
    /// Field 2.
    pub name: &'a [u8],
    /// The others.
    pub stat: Stat,
}

/// Parse the whole file. Fields that old kernels lack (after 41) are 0.
///
/// # Errors
/// `Malformed` where the shape or a number is not as documented, or the file ends before field 41.
pub fn parse(bytes: &[u8]) -> Reading<ParsedStat<'_>> {
    let open = bytes.iter().position(|byte| *byte == b'(').ok_or(Missing::Malformed)?;
    let close = bytes.iter().rposition(|byte| *byte == b')').ok_or(Missing::Malformed)?;
    let own = pid(digits(bytes.get(..open).ok_or(Missing::Malformed)?.trim_ascii())?)?;
    let name = bytes.get(open + 1..close).ok_or(Missing::Malformed)?;
    let rest = bytes.get(close + 1..).ok_or(Missing::Malformed)?;
    let mut fields = Fields { rest, number: 2 };

    let state = match fields.at(3)? {
        [letter] if letter.is_ascii_alphabetic() => State(*letter),
        _ => return Err(Missing::Malformed),
    };
    let stat = Stat {
        state,
        ppid: pid(fields.unsigned(4)?)?,
        pgrp: pid(fields.unsigned_or_none(5)?)?,
        session: pid(fields.unsigned_or_none(6)?)?,
        tty: narrow(fields.signed(7)? & 0xffff_ffff)?,
        tpgid: u32::try_from(fields.signed(8)?).ok().map(Pid),
        flags: narrow(fields.unsigned(9)?)?,
        minor_faults: fields.unsigned(10)?,
        child_minor_faults: fields.unsigned(11)?,
        major_faults: fields.unsigned(12)?,
        child_major_faults: fields.unsigned(13)?,
        user_time: Ticks(fields.unsigned(14)?),
        system_time: Ticks(fields.unsigned(15)?),
        priority: narrow(fields.signed(18)?)?,
        nice: narrow(fields.signed(19)?)?,
        threads: narrow(fields.unsigned(20)?)?,
        virt: Bytes(0),
        rss_pages: 0,
        processor: 0,
        rt_priority: 0,
        policy: 0,
        block_delay: Ticks(0),
        exit_code: 0,
    };
    let began = Ticks(fields.unsigned(22)?);
    let stat = Stat {
        virt: Bytes(fields.unsigned(23)?),
        rss_pages: u64::try_from(fields.signed(24)?).unwrap_or(0),
        processor: narrow(fields.unsigned(39)?)?,
        rt_priority: narrow(fields.unsigned(40)?)?,
        policy: narrow(fields.unsigned(41)?)?,
        block_delay: Ticks(fields.later(42)?),
        exit_code: narrow(fields.later(52)?)?,
        ..stat
    };
    Ok(ParsedStat { key: ProcessKey { pid: own, start: began }, name, stat })
}

/// Field 47, `start_brk`: where the heap begins; 0 where that may not be known. Not part of [`parse`], for nearly nobody
/// asks.
///
/// # Errors
/// As [`parse`].
pub fn start_brk(bytes: &[u8]) -> Reading<u64> {
    let close = bytes.iter().rposition(|byte| *byte == b')').ok_or(Missing::Malformed)?;
    let rest = bytes.get(close + 1..).ok_or(Missing::Malformed)?;
    Fields { rest, number: 2 }.unsigned(47)
}

fn pid(number: u64) -> Reading<Pid> {
    narrow(number).map(Pid)
}

fn narrow<From, To: TryFrom<From>>(value: From) -> Reading<To> {
    To::try_from(value).map_err(|_| Missing::Malformed)
}

/// Walks the blank-separated fields after the name, by their number in proc_pid_stat(5).
struct Fields<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Fields<'a> {
    /// The field with this number; numbers have to rise from call to call.
    fn at(&mut self, number: u32) -> Reading<&'a [u8]> {
        loop {
            let field = self.next().ok_or(Missing::Malformed)?;
            if self.number == number {
                return Ok(field);
            }
        }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = self.rest.get(start..)?;
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (field, rest) = rest.split_at_checked(end)?;
        self.rest = rest;
        self.number += 1;
        Some(field)
    }

    fn unsigned(&mut self, number: u32) -> Reading<u64> {
        digits(self.at(number)?)
    }

    fn signed(&mut self, number: u32) -> Reading<i64> {
        signed(self.at(number)?)
    }

    /// A process group or session; −1 for a task without signal handlers (about to vanish) becomes 0.
    fn unsigned_or_none(&mut self, number: u32) -> Reading<u64> {
        Ok(u64::try_from(self.signed(number)?).unwrap_or(0))
    }

    /// A field that older kernels do not have: 0 where the line has ended.
    fn later(&mut self, number: u32) -> Reading<u64> {
        match self.at(number) {
            Ok(field) => digits(field),
            Err(_) => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"812 (a) R\n\x1b[31m() S 1 812 812 34816 -1 4194560 100 20 3 4 11 22 0 0 20 -5 3 0 4711 \
        12345678 250 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 50 2 7 0 0 1 2 3 4 5 6 7 768\n";

    #[test]
    fn the_name_ends_at_the_last_parenthesis_of_the_file() {
        let parsed = parse(LINE).expect("a well-formed line");
        assert_eq!(parsed.name, b"a) R\n\x1b[31m(");
        assert_eq!(parsed.key, ProcessKey { pid: Pid(812), start: Ticks(4711) });
        assert_eq!((parsed.stat.state, parsed.stat.ppid, parsed.stat.tpgid), (State(b'S'), Pid(1), None));
        assert_eq!((parsed.stat.nice, parsed.stat.threads, parsed.stat.rss_pages), (-5, 3, 250));
        assert_eq!((parsed.stat.processor, parsed.stat.rt_priority, parsed.stat.policy), (1, 50, 2));
        assert_eq!((parsed.stat.block_delay, parsed.stat.exit_code), (Ticks(7), 768));
        assert_eq!((start_brk(LINE), start_brk(b"1 (a) S 1 1")), (Ok(3), Err(Missing::Malformed)));
    }

    #[test]
    fn unknown_state_letters_are_kept_and_nonsense_is_malformed() {
        let odd = String::from_utf8_lossy(LINE).replace(" S 1 812", " q 1 812");
        assert_eq!(parse(odd.as_bytes()).map(|parsed| parsed.stat.state), Ok(State(b'q')));
        for bytes in [&b""[..], b"1", b"1 (", b"1 )(", b"1 (a", b"1 (a) ", b"x (a) S 1 1 1", b"1 (a) S 1 1 1 0 -1 0"] {
            assert_eq!(parse(bytes), Err(Missing::Malformed));
        }
    }
}
