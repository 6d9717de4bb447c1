//! The samples kept for stepping back, within a bound of memory that is told on the screen.

use crate::snapshot::{Process, Snapshot};
use std::{collections::VecDeque, sync::Arc};

/// No more than this is kept, in bytes by the estimate below.
pub const MOST_BYTES: usize = 8 << 20;
/// No more samples than this.
const MOST_SAMPLES: usize = 600;

/// Samples in order of time.
#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<(Arc<Snapshot>, usize)>,
    bytes: usize,
}

impl History {
    /// Keep a sample, forgetting the oldest ones where there is no room; the last two always stay.
    pub fn push(&mut self, sample: Arc<Snapshot>) {
        let bytes = cost(&sample, self.samples.back().map(|(before, _)| &**before));
        self.bytes += bytes;
        self.samples.push_back((sample, bytes));
        while self.samples.len() > 2 && (self.bytes > MOST_BYTES || self.samples.len() > MOST_SAMPLES) {
            if let Some((_, bytes)) = self.samples.pop_front() {
                self.bytes -= bytes;
            }
        }
    }

    /// Put a completed version in place of the last sample.
    pub fn amend(&mut self, sample: Arc<Snapshot>) {
        if let Some((last, _)) = self.samples.back_mut().filter(|(last, _)| last.taken == sample.taken) {
            *last = sample;
        }
    }

    /// Samples kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Bytes they take, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sample at a place, oldest first, and the one before it.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<(Arc<Snapshot>, Option<Arc<Snapshot>>)> {
        let sample = |at: usize| self.samples.get(at).map(|(sample, _)| Arc::clone(sample));
        Some((sample(at)?, at.checked_sub(1).and_then(sample)))
    }

    /// Where the sample taken at that moment is.
    #[must_use]
    pub fn position(&self, sample: &Snapshot) -> Option<usize> {
        self.samples.iter().position(|(other, _)| other.taken == sample.taken)
    }
}

/// What a sample takes beyond the one before: the list, and the records that are not shared.
fn cost(sample: &Snapshot, before: Option<&Snapshot>) -> usize {
    let all = sample.processes.len() + sample.threads.len();
    let shared = before.map_or(0, |before| {
        let same = |(old, new): &(&Arc<Process>, &Arc<Process>)| Arc::ptr_eq(old, new);
        let processes = join(&before.processes, &sample.processes).filter(same).count();
        processes + join(&before.threads, &sample.threads).filter(same).count()
    });
    all * size_of::<Arc<Process>>() + (all - shared) * (size_of::<Process>() + 128)
}

/// Records of the same identity in two lists that are in order of it.
fn join<'a>(
    before: &'a [Arc<Process>],
    now: &'a [Arc<Process>],
) -> impl Iterator<Item = (&'a Arc<Process>, &'a Arc<Process>)> {
    let order = |process: &Process| (process.group, process.key);
    let mut before = before.iter().peekable();
    now.iter().filter_map(move |new| {
        while before.next_if(|old| order(old) < order(new)).is_some() {}
        Some((before.next_if(|old| order(old) == order(new))?, new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Moment;
    use std::time::Duration;

    fn sample(second: u64) -> Arc<Snapshot> {
        let taken = Moment { boot: Duration::from_secs(second), wall: Duration::ZERO };
        Arc::new(Snapshot { taken, ..Snapshot::default() })
    }

    #[test]
    fn the_oldest_samples_go_first_and_places_are_found_again() {
        let mut history = History::default();
        (0..700).for_each(|second| history.push(sample(second)));
        assert_eq!(history.len(), MOST_SAMPLES);
        assert_eq!(history.position(&sample(99)), None);
        assert_eq!(history.position(&sample(100)), Some(0));
        let (now, before) = history.get(1).expect("it is kept");
        assert_eq!((now.taken.boot.as_secs(), before.map(|before| before.taken.boot.as_secs())), (101, Some(100)));
    }
}
