//! The small files of one process or thread: statm, schedstat, sched, io, syscall, autogroup, smaps_rollup, wchan.

use super::{
    fields::{digits, hexadecimal, keyed, number, single, words},
    status::kib,
};
use crate::{
    snapshot::{
        Missing, Reading,
        process::{Autogroup, Io, Rollup, Schedstat, Statm, Syscall},
    },
    text::Text,
    unit::{Bytes, Nanoseconds},
};

/// `statm`, which counts in pages of `page_size` bytes.
///
/// # Errors
/// `Malformed` where it does not begin with three numbers.
pub fn statm(bytes: &[u8], page_size: u64) -> Reading<Statm> {
    let mut pages = words(bytes).map(|word| digits(word).map(|pages| Bytes(pages.saturating_mul(page_size))));
    let mut next = || pages.next().ok_or(Missing::Malformed)?;
    Ok(Statm { size: next()?, resident: next()?, shared: next()? })
}

/// `schedstat`: nanoseconds on CPU, nanoseconds waiting for one, time slices.
///
/// # Errors
/// `Malformed` where it is not three numbers.
pub fn schedstat(bytes: &[u8]) -> Reading<Schedstat> {
    let mut all = words(bytes).map(digits);
    let mut next = || all.next().ok_or(Missing::Malformed)?;
    Ok(Schedstat { run_time: Nanoseconds(next()?), run_delay: Nanoseconds(next()?), timeslices: next()? })
}

/// What columns need of `sched`, where every kernel since 3.x has the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sched {
    /// `se.exec_start`: the scheduler's clock when the task last ran.
    pub exec_start: Nanoseconds,
    /// `se.nr_migrations`: times it was moved to another CPU.
    pub migrations: u64,
}

/// `sched`: `name : value` lines under a heading that holds the raw name of the task. Times are milliseconds with a
/// fraction of six digits.
///
/// # Errors
/// `Malformed` where one of the two is missing (a kernel without CONFIG_SCHED_DEBUG has no such file at all).
pub fn sched(bytes: &[u8]) -> Reading<Sched> {
    let (mut exec_start, mut migrations) = (None, None);
    // The name may hold newlines and "key : value"; the ruler of dashes after it ends what the task can choose.
    let ruler = bytes.windows(20).rposition(|window| window.iter().all(|byte| *byte == b'-')).unwrap_or(0);
    for (key, value) in keyed(bytes.get(ruler..).ok_or(Missing::Malformed)?) {
        match key {
            b"se.exec_start" => exec_start = Some(milliseconds(value)?),
            b"se.nr_migrations" => migrations = Some(number(value)?),
            _ => {}
        }
    }
    let (Some(exec_start), Some(migrations)) = (exec_start, migrations) else { return Err(Missing::Malformed) };
    Ok(Sched { exec_start, migrations })
}

fn milliseconds(value: &[u8]) -> Reading<Nanoseconds> {
    let dot = value.iter().position(|byte| *byte == b'.').ok_or(Missing::Malformed)?;
    let (whole, fraction) = value.split_at_checked(dot).ok_or(Missing::Malformed)?;
    let fraction = fraction.get(1..).filter(|digits| digits.len() == 6).ok_or(Missing::Malformed)?;
    let whole = digits(whole)?.checked_mul(1_000_000).ok_or(Missing::Malformed)?;
    whole.checked_add(digits(fraction)?).map(Nanoseconds).ok_or(Missing::Malformed)
}

/// `io`.
///
/// # Errors
/// `Malformed` where `read_bytes` or `write_bytes` is missing or no number.
pub fn io(bytes: &[u8]) -> Reading<Io> {
    let (mut read, mut write) = (None, None);
    for (key, value) in keyed(bytes) {
        match key {
            b"read_bytes" => read = Some(Bytes(number(value)?)),
            b"write_bytes" => write = Some(Bytes(number(value)?)),
            _ => {}
        }
    }
    let (Some(read_bytes), Some(write_bytes)) = (read, write) else { return Err(Missing::Malformed) };
    Ok(Io { read_bytes, write_bytes })
}

/// `syscall`: `running`, `-1 SP PC`, or the number, six arguments, SP and PC.
///
/// # Errors
/// `Malformed` where it is none of the three.
pub fn syscall(bytes: &[u8]) -> Reading<Syscall> {
    let mut all = words(bytes);
    match all.next() {
        Some(b"running") => Ok(Syscall::Running),
        Some(b"-1") => Ok(Syscall::Outside),
        Some(word) => {
            let mut next = || all.next().ok_or(Missing::Malformed).and_then(hexadecimal);
            let mut arguments = [0; 6];
            for argument in &mut arguments {
                *argument = next()?;
            }
            Ok(Syscall::Inside { number: number(word)?, arguments, stack: next()? })
        }
        None => Err(Missing::Malformed),
    }
}

/// `autogroup`: `/autogroup-25 nice 0`; an empty file where the task is in none.
///
/// # Errors
/// `Malformed` where it is neither.
pub fn autogroup(bytes: &[u8]) -> Reading<Option<Autogroup>> {
    let mut all = words(bytes);
    let Some(name) = all.next() else { return Ok(None) };
    let id = number(name.strip_prefix(b"/autogroup-").ok_or(Missing::Malformed)?)?;
    match (all.next(), all.next()) {
        (Some(b"nice"), Some(nice)) => Ok(Some(Autogroup { id, nice: number(nice)? })),
        _ => Err(Missing::Malformed),
    }
}

/// `smaps_rollup`: sums over the whole memory map.
///
/// # Errors
/// `Malformed` where Rss or Pss is missing or a value is not in kB.
pub fn rollup(bytes: &[u8]) -> Reading<Rollup> {
    let mut rollup = Rollup::default();
    let (mut rss, mut pss) = (None, None);
    for (key, value) in keyed(bytes) {
        match key {
            b"Rss" => rss = Some(kib(value)?),
            b"Pss" => pss = Some(kib(value)?),
            b"Private_Clean" | b"Private_Dirty" | b"Private_Hugetlb" => {
                rollup.uss = Bytes(rollup.uss.0.saturating_add(kib(value)?.0));
            }
            b"SwapPss" => rollup.swap_pss = kib(value)?,
            _ => {}
        }
    }
    let (Some(rss), Some(pss)) = (rss, pss) else { return Err(Missing::Malformed) };
    Ok(Rollup { rss, pss, ..rollup })
}

/// `wchan`: the kernel function a task sleeps in; `0` where it does not sleep or the observer may not know.
#[must_use]
pub fn wchan(bytes: &[u8]) -> Option<Text> {
    let name = bytes.trim_ascii();
    (!name.is_empty() && name != b"0").then(|| Text::from(name))
}

/// `cmdline`: arguments, each ended by NUL, as one line apart by blanks. Without what is blank at its end: a program that
/// wrote its own title there leaves the rest of the room empty.
#[must_use]
pub fn command_line(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0 && !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    bytes.iter().take(end).map(|byte| if *byte == 0 { b' ' } else { *byte }).collect()
}

/// A file that holds one number, such as `oom_score_adj`.
///
/// # Errors
/// `Malformed` where it is none.
pub fn score(bytes: &[u8]) -> Reading<i32> {
    single(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_read() {
        assert_eq!(statm(b"10 4 2 1 0 3 0\n", 4096).map(|statm| statm.resident), Ok(Bytes(16384)));
        assert_eq!(schedstat(b"1 2 3\n").map(|stat| stat.timeslices), Ok(3));
        assert_eq!(io(b"rchar: 1\nread_bytes: 5\nwrite_bytes: 6\n").map(|io| io.write_bytes), Ok(Bytes(6)));
        assert_eq!(syscall(b"running\n"), Ok(Syscall::Running));
        assert_eq!(syscall(b"-1 0x1 0x2\n"), Ok(Syscall::Outside));
        assert_eq!(
            syscall(b"7 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8"),
            Ok(Syscall::Inside { number: 7, arguments: [1, 2, 3, 4, 5, 6], stack: 7 })
        );
        assert_eq!(autogroup(b"/autogroup-25 nice -3\n"), Ok(Some(Autogroup { id: 25, nice: -3 })));
        assert_eq!(autogroup(b""), Ok(None));
        assert_eq!(wchan(b"0"), None);
        assert_eq!(wchan(b"pipe_read").as_deref(), Some(&b"pipe_read"[..]));
    }

    #[test]
    fn arguments_are_one_line_without_the_room_that_a_title_left() {
        assert_eq!(command_line(b"sleep\x00100\0"), b"sleep 100");
        assert_eq!(command_line(b"nginx: worker process\0\0\0\0"), b"nginx: worker process");
        assert_eq!(command_line(b"a\0\0b\n\0"), b"a  b");
        assert_eq!(command_line(b"\0\0"), b"");
    }

    #[test]
    fn a_name_cannot_forge_lines_of_sched() {
        let file = b"se.exec_start : 1.000000\n x (5, #threads: 1)\n-------------------------------------------------------------------\n\
            se.exec_start                                :      10794.353021\nse.nr_migrations                             :                    4\n";
        assert_eq!(sched(file), Ok(Sched { exec_start: Nanoseconds(10_794_353_021), migrations: 4 }));
    }

    #[test]
    fn sums_of_the_map_include_huge_private_pages() {
        let file = b"400000-7fff r--p 00000000 00:00 0    [rollup]\nRss: 12 kB\nPss: 7 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nPrivate_Hugetlb: 4 kB\n";
        assert_eq!(rollup(file).map(|rollup| rollup.uss), Ok(Bytes::from_kib(7)));
        assert_eq!(rollup(b""), Err(Missing::Malformed));
    }
}
