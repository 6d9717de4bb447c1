//! What happened per second between two snapshots, and sums over threads that cannot run backwards.

use super::Row;
use crate::{
    snapshot::{
        Missing, Process, Reading, Units,
        process::{Details, ThreadCounters},
    },
    unit::{Nanoseconds, Ticks},
};

/// Share of one CPU used since the snapshot before, in percent: at most 100 per thread that runs.
///
/// # Errors
/// `NotRequested` where there is nothing to compare with.
pub fn cpu(row: Row<'_>) -> Reading<f64> {
    let interval = row.interval().ok_or(Missing::NotRequested)?.as_secs_f64();
    let used = match (row.process.cpu_clock, row.before.map(|before| before.cpu_clock)) {
        (Ok(now), Some(Ok(before))) => now - before,
        (Ok(now), None) => now,
        _ => {
            let units = row.observation.now.units;
            ticks(row.process, units) - row.before.map_or(Nanoseconds(0), |before| ticks(before, units))
        }
    };
    Ok(if interval > 0.0 { used.seconds() / interval * 100.0 } else { 0.0 })
}

/// CPU time used since it started: by its clock, else by the tick counters of `stat`.
#[must_use]
pub fn cpu_time(row: Row<'_>) -> Nanoseconds {
    row.process.cpu_clock.unwrap_or_else(|_| ticks(row.process, row.observation.now.units))
}

/// CPU time by the tick counters of `stat`, where there is no clock.
fn ticks(process: &Process, units: Units) -> Nanoseconds {
    let sum = Ticks(process.stat.user_time.0.saturating_add(process.stat.system_time.0));
    Nanoseconds(u64::try_from(sum.duration(units.ticks_per_second).as_nanos()).unwrap_or(u64::MAX))
}

/// How fast a counter of the process grows, per second; the whole count of one born since.
///
/// # Errors
/// Why the counter is missing; `NotRequested` where there is nothing to compare with.
pub fn rate(row: Row<'_>, counter: impl Fn(&Process) -> Reading<u64>) -> Reading<f64> {
    let now = counter(row.process)?;
    let interval = row.interval().ok_or(Missing::NotRequested)?.as_secs_f64();
    if row.slept() || interval <= 0.0 {
        return Ok(0.0);
    }
    let before = row.before.map_or(Ok(0), &counter)?;
    Ok(now.saturating_sub(before) as f64 / interval)
}

/// How fast a counter that the kernel keeps per thread grows over all threads, per second: the difference of threads
/// present both times, the whole count of those born between; a thread that ended takes its count along, which can make
/// the figure too low but never negative.
///
/// # Errors
/// As [`rate`]; `Unsupported` where a thread has no such counter.
pub fn thread_rate(row: Row<'_>, counter: impl Fn(&ThreadCounters) -> Option<u64>) -> Reading<f64> {
    let interval = row.interval().ok_or(Missing::NotRequested)?.as_secs_f64();
    let grown = thread_growth(row, counter)?;
    Ok(if interval > 0.0 { grown as f64 / interval } else { 0.0 })
}

/// The growth behind [`thread_rate`].
///
/// # Errors
/// As [`thread_rate`].
pub fn thread_growth(row: Row<'_>, counter: impl Fn(&ThreadCounters) -> Option<u64>) -> Reading<u64> {
    let now = threads(row.process.details())?;
    if row.slept() {
        return Ok(0);
    }
    let before = match row.before {
        Some(before) => threads(before.details())?,
        None if row.interval().is_some() => &[],
        None => return Err(Missing::NotRequested),
    };
    let mut grown = 0u64;
    for thread in now {
        let count = counter(thread).ok_or(Missing::Unsupported)?;
        let known = before.binary_search_by_key(&thread.tid, |thread| thread.tid).ok().and_then(|at| before.get(at));
        let base = match known.map(&counter) {
            // It was there, but this was not asked for then.
            Some(None) => return Err(Missing::NotRequested),
            Some(Some(base)) if base <= count => base,
            // A count below the one before is that of a new thread with an old number.
            _ => 0,
        };
        grown = grown.saturating_add(count - base);
    }
    Ok(grown)
}

/// The sum of a counter over living threads.
///
/// # Errors
/// Why it is missing; `Unsupported` where a thread has no such counter.
pub fn thread_total(row: Row<'_>, counter: impl Fn(&ThreadCounters) -> Option<u64>) -> Reading<u64> {
    let threads = threads(row.process.details())?;
    threads.iter().try_fold(0u64, |sum, thread| Ok(sum.saturating_add(counter(thread).ok_or(Missing::Unsupported)?)))
}

fn threads(details: &Details) -> Reading<&[ThreadCounters]> {
    details.threads.as_deref().map_err(|missing| *missing)
}
