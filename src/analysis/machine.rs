//! The machine between two snapshots: where CPU time went, rates of its counters, tasks by state.

use super::Observation;
use crate::snapshot::{
    Missing, Reading,
    process::State,
    system::{CpuTimes, System},
};
use std::collections::BTreeMap;

/// Where the time of one CPU (or of all) went, in percent of it. Guest time is inside user and nice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuShares {
    /// Programs at normal priority.
    pub user: f64,
    /// The kernel on behalf of programs.
    pub system: f64,
    /// Programs at lowered priority.
    pub nice: f64,
    /// Idle while a disk was busy for it; a hint at most on machines with several CPUs.
    pub iowait: f64,
    /// Hardware interrupts.
    pub irq: f64,
    /// Soft interrupts.
    pub softirq: f64,
    /// Taken by the hypervisor.
    pub steal: f64,
}

impl CpuShares {
    /// All that is not idle; waiting for a disk is idle.
    #[must_use]
    pub fn busy(&self) -> f64 {
        self.user + self.system + self.nice + self.irq + self.softirq + self.steal
    }

    /// The shares of the time between two readings. Counters that ran backwards (suspend, hotplug) count as still.
    #[must_use]
    pub fn between(before: &CpuTimes, now: &CpuTimes) -> Self {
        let parts: [fn(&CpuTimes) -> u64; 8] = [
            |times| times.user.0,
            |times| times.system.0,
            |times| times.nice.0,
            |times| times.iowait.0,
            |times| times.irq.0,
            |times| times.softirq.0,
            |times| times.steal.0,
            |times| times.idle.0,
        ];
        let grown = parts.map(|part| part(now).saturating_sub(part(before)) as f64);
        let total = grown.iter().sum::<f64>();
        let share = |at: usize| if total > 0.0 { grown[at] / total * 100.0 } else { 0.0 };
        Self {
            user: share(0),
            system: share(1),
            nice: share(2),
            iowait: share(3),
            irq: share(4),
            softirq: share(5),
            steal: share(6),
        }
    }
}

/// Shares of each CPU that was there both times, by its number.
///
/// # Errors
/// `NotRequested` where there is only one snapshot yet; else why the times could not be read.
pub fn cpus(observation: &Observation) -> Reading<Vec<(u32, CpuShares)>> {
    let (now, before) = systems(observation)?;
    let (now, before) = (copy(&now.cpus)?, copy(&before.cpus)?);
    let shares = |(number, times): &(u32, CpuTimes)| {
        let known = before.iter().find(|(other, _)| other == number);
        known.map(|(_, before)| (*number, CpuShares::between(before, times)))
    };
    Ok(now.iter().filter_map(shares).collect())
}

/// Shares of all CPUs together.
///
/// # Errors
/// As [`cpus`].
pub fn all_cpus(observation: &Observation) -> Reading<CpuShares> {
    let (now, before) = systems(observation)?;
    Ok(CpuShares::between(&before.cpu_total?, &now.cpu_total?))
}

/// How fast a counter of the machine grows, per second.
///
/// # Errors
/// As [`cpus`].
pub fn rate(observation: &Observation, counter: fn(&System) -> Reading<u64>) -> Reading<f64> {
    let (now, before) = systems(observation)?;
    let interval = observation.interval().ok_or(Missing::NotRequested)?.as_secs_f64();
    Ok(counter(now)?.saturating_sub(counter(before)?) as f64 / interval)
}

/// CPU time that sysview itself used, in percent of one CPU.
///
/// # Errors
/// `NotRequested` where there is only one snapshot yet.
pub fn own_cost(observation: &Observation) -> Reading<f64> {
    let before = observation.before.as_ref().ok_or(Missing::NotRequested)?;
    let interval = observation.interval().ok_or(Missing::NotRequested)?.as_secs_f64();
    Ok((observation.now.own_cpu - before.own_cpu).seconds() / interval * 100.0)
}

/// How many processes are in each state, and how many threads there are in all. A leader that ended while its threads
/// run is no zombie; it counts as sleeping.
#[must_use]
pub fn tasks(observation: &Observation) -> (BTreeMap<State, usize>, u64) {
    let mut states = BTreeMap::new();
    let mut threads = 0;
    for process in &observation.now.processes {
        let state = if process.leader_exited() { State(b'S') } else { process.stat.state };
        *states.entry(state).or_default() += 1;
        threads += u64::from(process.stat.threads);
    }
    (states, threads)
}

fn systems(observation: &Observation) -> Reading<(&System, &System)> {
    let before = observation.before.as_ref().ok_or(Missing::NotRequested)?;
    Ok((&observation.now.system, &before.system))
}

fn copy<T>(reading: &Reading<T>) -> Reading<&T> {
    reading.as_ref().map_err(|missing| *missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Ticks;

    #[test]
    fn shares_add_up_and_a_counter_that_fell_is_still() {
        let before = CpuTimes { idle: Ticks(100), iowait: Ticks(50), ..CpuTimes::default() };
        let now =
            CpuTimes { user: Ticks(30), system: Ticks(10), idle: Ticks(160), iowait: Ticks(20), ..CpuTimes::default() };
        let shares = CpuShares::between(&before, &now);
        assert!((shares.user - 30.0).abs() < 1e-9 && (shares.busy() - 40.0).abs() < 1e-9 && shares.iowait == 0.0);
        assert_eq!(CpuShares::between(&now, &now), CpuShares::default());
    }
}
