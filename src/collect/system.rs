//! The machine as a whole: what the header shows, read once a tick.

use super::{
    container::ContainerReader,
    source::{Reader, absent},
};
use crate::{
    proc::{
        fields::{digits, keyed, lines, number, single, words},
        tty,
    },
    snapshot::{
        Missing, Reading,
        system::{Counters, CpuTimes, Memory, Pressure, System, TerminalDriver},
    },
    text::Text,
    unit::{Bytes, Ticks},
};
use procfs::{FromRead, LoadAverage, Uptime};
use std::{sync::Arc, time::Duration};

/// Reads the machine; keeps what does not change while it is up.
#[derive(Debug, Default)]
pub struct SystemReader {
    fixed: Option<Fixed>,
    container: ContainerReader,
}

/// What is read once.
#[derive(Clone, Debug)]
struct Fixed {
    hostname: Reading<Text>,
    release: Reading<Text>,
    architecture: Reading<Text>,
    terminals: Reading<Arc<[TerminalDriver]>>,
}

impl Fixed {
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut name = |path| reader.file(path).map(|bytes| Text::from(bytes.trim_ascii())).map_err(absent);
        Self {
            hostname: name("sys/kernel/hostname"),
            release: name("sys/kernel/osrelease"),
            architecture: name("sys/kernel/arch"),
            terminals: reader.file("tty/drivers").map_err(absent).and_then(tty::drivers).map(Arc::from),
        }
    }
}

impl SystemReader {
    /// All figures of the machine now.
    pub fn read(&mut self, reader: &mut Reader<'_>) -> System {
        let fixed = self.fixed.get_or_insert_with(|| Fixed::read(reader)).clone();
        let stat = reader.file("stat").map_err(absent).map(KernelStat::parse);
        let (faults, major_faults) = match reader.file("vmstat").map_err(absent) {
            Ok(bytes) => (counter(bytes, b"pgfault"), counter(bytes, b"pgmajfault")),
            Err(missing) => (Err(missing), Err(missing)),
        };
        let memory = reader.file("meminfo").map_err(absent).and_then(memory);
        let cpus = stat.as_ref().map(|stat| stat.cpus.len()).map_err(|missing| *missing);
        let container = self.container.read(memory.map(|memory| memory.total), cpus, reader);
        let counters = |of: fn(&KernelStat) -> Reading<u64>| stat.as_ref().map_err(|missing| *missing).and_then(of);
        System {
            hostname: fixed.hostname,
            release: fixed.release,
            terminals: fixed.terminals,
            architecture: fixed.architecture,
            uptime: parsed::<Uptime>(reader, "uptime")
                .and_then(|uptime| Duration::try_from_secs_f64(uptime.uptime).map_err(|_| Missing::Malformed)),
            load: parsed::<LoadAverage>(reader, "loadavg").and_then(|load| {
                Ok([finite(load.one.into())?, finite(load.five.into())?, finite(load.fifteen.into())?])
            }),
            counters: Counters {
                switches: counters(|stat| stat.switches),
                forks: counters(|stat| stat.forks),
                faults,
                major_faults,
            },
            cpu_total: stat.as_ref().map_err(|missing| *missing).and_then(|stat| stat.total),
            cpus: stat.map(|stat| stat.cpus),
            memory,
            pressure: Pressure {
                cpu: pressure(reader, "pressure/cpu"),
                memory: pressure(reader, "pressure/memory"),
                io: pressure(reader, "pressure/io"),
            },
            container,
            delay_accounting: delay_accounting(reader),
        }
    }
}

fn parsed<T: FromRead>(reader: &mut Reader<'_>, path: &str) -> Reading<T> {
    T::from_read(reader.file(path).map_err(absent)?).map_err(|_| Missing::Malformed)
}

/// `nan` and `inf` are numbers to the parser, but not to anybody who looks at them.
fn finite(number: f64) -> Reading<f64> {
    if number.is_finite() { Ok(number) } else { Err(Missing::Malformed) }
}

/// One of the two hundred counters of `vmstat`.
fn counter(bytes: &[u8], name: &[u8]) -> Reading<u64> {
    let mut all = lines(bytes).map(words);
    let mut found =
        all.find_map(|mut words| (words.next() == Some(name)).then_some(words)).ok_or(Missing::Unsupported)?;
    found.next().ok_or(Missing::Malformed).and_then(digits)
}

fn delay_accounting(reader: &mut Reader<'_>) -> Reading<bool> {
    reader.file("sys/kernel/task_delayacct").map_err(absent).and_then(single::<u8>).map(|on| on != 0)
}

/// The share of the last 10 seconds in which some task was held up. A kernel with `psi=0` answers EOPNOTSUPP.
fn pressure(reader: &mut Reader<'_>, path: &str) -> Reading<f64> {
    let bytes = reader.file(path).map_err(|missing| match missing {
        Missing::Unsupported => Missing::Off,
        other => absent(other),
    })?;
    let some = lines(bytes).find(|line| line.starts_with(b"some ")).ok_or(Missing::Malformed)?;
    let value = words(some).find_map(|word| word.strip_prefix(b"avg10=")).ok_or(Missing::Malformed)?;
    number(value).and_then(finite)
}

fn memory(bytes: &[u8]) -> Reading<Memory> {
    let mut memory = Memory::default();
    let (mut total, mut available, mut reclaimable) = (None, None, Bytes(0));
    for (key, value) in keyed(bytes) {
        let Some(size) = words(value).next().and_then(|word| digits(word).ok()).map(Bytes::from_kib) else { continue };
        match key {
            b"MemTotal" => total = Some(size),
            b"MemAvailable" => available = Some(size),
            b"MemFree" => memory.free = size,
            b"Buffers" => memory.buffers = size,
            b"Cached" => memory.cached = size,
            b"SReclaimable" => reclaimable = size,
            b"Shmem" => memory.shared = size,
            b"SwapTotal" => memory.swap_total = size,
            b"SwapFree" => memory.swap_free = size,
            _ => {}
        }
    }
    memory.total = total.ok_or(Missing::Malformed)?;
    memory.cached = Bytes(memory.cached.0.saturating_add(reclaimable.0));
    let estimate =
        [memory.free, memory.buffers, memory.cached].iter().fold(0u64, |sum, part| sum.saturating_add(part.0));
    // Some containers report 0 or more than there is.
    let available = available.filter(|bytes| bytes.0 > 0).unwrap_or(Bytes(estimate.saturating_sub(memory.shared.0)));
    memory.available = available.min(memory.total);
    Ok(memory)
}

/// `/proc/stat`, as far as the header needs it.
#[derive(Debug, PartialEq, Eq)]
struct KernelStat {
    total: Reading<CpuTimes>,
    cpus: Vec<(u32, CpuTimes)>,
    switches: Reading<u64>,
    forks: Reading<u64>,
}

impl KernelStat {
    fn parse(bytes: &[u8]) -> Self {
        const NO: Missing = Missing::Malformed;
        let mut stat = Self { total: Err(NO), cpus: Vec::new(), switches: Err(NO), forks: Err(NO) };
        for line in lines(bytes) {
            let mut words = words(line);
            let Some(name) = words.next() else { continue };
            let mut value = || words.next().ok_or(Missing::Malformed).and_then(digits);
            match name {
                b"ctxt" => stat.switches = value(),
                b"processes" => stat.forks = value(),
                b"cpu" => stat.total = cpu_times(&mut words),
                _ => {
                    let number = name.strip_prefix(b"cpu").and_then(|digits| number(digits).ok());
                    stat.cpus.extend(number.zip(cpu_times(&mut words).ok()));
                }
            }
        }
        stat
    }
}

fn cpu_times<'a>(words: &mut impl Iterator<Item = &'a [u8]>) -> Reading<CpuTimes> {
    let mut next = || words.next().ok_or(Missing::Malformed).and_then(digits).map(Ticks);
    Ok(CpuTimes {
        user: next()?,
        nice: next()?,
        system: next()?,
        idle: next()?,
        iowait: next()?,
        irq: next()?,
        softirq: next()?,
        steal: next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_memory_is_what_is_not_available_and_never_underflows() {
        let lean = memory(b"MemTotal: 100 kB\nMemFree: 10 kB\nCached: 30 kB\nShmem: 20 kB\nSReclaimable: 5 kB\n");
        assert_eq!(lean.map(|memory| memory.available), Ok(Bytes::from_kib(25)));
        let odd = memory(b"MemTotal: 100 kB\nMemAvailable: 700 kB\n");
        assert_eq!(odd.map(|memory| memory.used()), Ok(Bytes(0)));
        assert_eq!(memory(b"MemFree: 1 kB\n"), Err(Missing::Malformed));
    }

    #[test]
    fn offline_cpus_leave_holes() {
        let stat = KernelStat::parse(
            b"cpu 9 0 0 0 0 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 9\ncpu3 1 0 0 0 0 0 0\nctxt 5\nprocesses 6\n",
        );
        assert_eq!(stat.cpus.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 3]);
        assert_eq!((stat.switches, stat.forks), (Ok(5), Ok(6)));
    }
}
