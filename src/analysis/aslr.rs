//! What the runs of the laboratory say: how much each region of memory really varied, against what the kernel promises.
//!
//! Estimates are made from the range of the addresses and never from bits that changed: a carry changes bits that were not
//! drawn, and makes 28 of them look like 30.

mod notes;
mod promise;
mod regions;

use crate::{
    snapshot::lab::{Lab, StoppedAt},
    text::Text,
};
pub use promise::Promise;

/// What came of the runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How far the runs came; of several the farthest.
    pub stopped_at: Option<StoppedAt>,
    /// The program itself, heap, stack, vdso, the area of mmap(2), the interpreter, then the libraries from low to high.
    pub regions: Vec<Region>,
    /// Regions that vary and keep their distance, each to the next above it.
    pub distances: Vec<Distance>,
}

/// Something that has a place in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The program itself.
    Executable,
    /// Where brk(2) begins.
    Heap,
    /// The top of the main thread's stack.
    Stack,
    /// Code of the kernel (vdso(7)).
    Vdso,
    /// The top of the area that mmap(2) uses.
    Mmap,
    /// What loads the libraries (ld.so(8)).
    Interpreter,
    /// A library.
    Library(Text),
}

impl Place {
    /// The word in reports; of a library its path.
    #[must_use]
    pub fn word(&self) -> &[u8] {
        match self {
            Self::Executable => b"executable",
            Self::Heap => b"heap",
            Self::Stack => b"stack",
            Self::Vdso => b"vdso",
            Self::Mmap => b"mmap",
            Self::Interpreter => b"interpreter",
            Self::Library(path) => path,
        }
    }
}

/// One region over all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What it is.
    pub place: Place,
    /// Whether its addresses are distances from the executable: those of a heap that the kernel puts behind it.
    pub relative: bool,
    /// Its address in each run; `None` where a run has no such region.
    pub addresses: Vec<Option<u64>>,
    /// How many different ones.
    pub distinct: usize,
    /// The largest power of two that divides all differences, in bytes; `None` where there are none.
    pub alignment: Option<u64>,
    /// Bits that varied, estimated; `None` below [`FEWEST`] runs.
    pub bits: Option<f64>,
    /// What the kernel promises.
    pub promise: Promise,
    /// Whether it is kept; `None` where a single run says nothing.
    pub verdict: Option<Verdict>,
    /// The same as a sentence.
    pub note: String,
}

/// Below this many runs no bits are estimated.
pub const FEWEST: usize = 8;

/// Bits by which an estimate may stay below the promise.
const TOLERANCE: f64 = 2.0;

/// How a region did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It varies as much as promised, or nobody knows what is.
    Random,
    /// It varies less than promised, by 2 bits or more.
    Weak,
    /// It is always in the same place.
    Fixed,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Weak => "weak",
            Self::Fixed => "fixed",
        }
    }
}

/// Two regions that move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distance {
    /// The lower one.
    pub from: Place,
    /// The higher one.
    pub to: Place,
    /// Bytes from the one to the other.
    pub bytes: u64,
}

impl Report {
    /// What the runs so far say.
    #[must_use]
    pub fn new(lab: &Lab) -> Self {
        let tracks = regions::tracks(&lab.runs);
        let regions = tracks.iter().map(|track| region(lab, &tracks, track)).collect();
        let stopped_at = lab.runs.iter().map(|run| run.stopped_at).max();
        Self { stopped_at, regions, distances: regions::distances(&tracks) }
    }
}

fn region(lab: &Lab, tracks: &[regions::Track], track: &regions::Track) -> Region {
    let executable = tracks.iter().find(|track| track.place == Place::Executable);
    let offsets = match (&track.place, executable) {
        (Place::Heap, Some(executable)) => regions::offsets(track, executable),
        _ => None,
    };
    let relative = offsets.is_some();
    let addresses = offsets.unwrap_or_else(|| track.addresses.clone());
    let spread = Spread::of(addresses.iter().flatten().copied());
    let promise = promise::of(lab, &track.place, relative, regions::is_above_stack(tracks, track));
    let mut region = Region {
        place: track.place.clone(),
        relative,
        distinct: spread.distinct,
        alignment: spread.alignment,
        bits: spread.bits,
        verdict: spread.verdict(promise.bits),
        addresses,
        promise,
        note: String::new(),
    };
    region.note = notes::sentence(&region, &spread, lab.page_size);
    region
}

/// Statistics of some addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    count: usize,
    distinct: usize,
    alignment: Option<u64>,
    bits: Option<f64>,
}

impl Spread {
    fn of(addresses: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<_> = addresses.collect();
        sorted.sort_unstable();
        let count = sorted.len();
        let (low, high) = (sorted.first().copied().unwrap_or(0), sorted.last().copied().unwrap_or(0));
        sorted.dedup();
        let differences = sorted.iter().fold(0, |all, address| all | (address - low));
        let alignment = (differences != 0).then(|| 1 << differences.trailing_zeros());
        // The range of n even draws out of N is N × (n − 1)/(n + 1) on average.
        let bits = (count >= FEWEST).then(|| {
            let (steps, n) = (((high - low) / alignment.unwrap_or(1)) as f64, count as f64);
            (steps * (n + 1.0) / (n - 1.0) + 1.0).log2()
        });
        Self { count, distinct: sorted.len(), alignment, bits }
    }

    fn verdict(&self, promised: Option<u32>) -> Option<Verdict> {
        match (self.distinct, self.bits, promised) {
            _ if self.count < 2 => None,
            (1, ..) => Some(Verdict::Fixed),
            (_, Some(bits), Some(promised)) if bits <= f64::from(promised) - TOLERANCE => Some(Verdict::Weak),
            _ => Some(Verdict::Random),
        }
    }
}

impl Region {
    /// How many runs landed in each of `cells` equal parts of where they can land: as wide as what is promised, the runs
    /// in its middle; as wide as they are apart where that is more, or nothing is known to be promised.
    #[must_use]
    pub fn landed(&self, cells: usize, page_size: u64) -> Vec<u32> {
        let mut landed = vec![0; cells];
        let known = || self.addresses.iter().flatten().copied();
        let (Some(low), Some(high)) = (known().min(), known().max()) else { return landed };
        let range = u128::from(high - low) + 1;
        let promised = self.promise.bits.map_or(0, |bits| u128::from(page_size) << bits.min(64));
        let width = range.max(promised);
        let margin = (width - range) / 2;
        for address in known() {
            let at = (u128::from(address - low) + margin) * cells as u128 / width;
            if let Some(cell) = usize::try_from(at).ok().and_then(|at| landed.get_mut(at)) {
                *cell += 1;
            }
        }
        landed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even draws: the same in every run of the test (`splitmix64`).
    fn draws(seed: u64) -> impl Iterator<Item = u64> {
        (1..).map(move |step: u64| {
            let mut z = (seed ^ 0x5bd1_e995).wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }

    const BASE: u64 = 0x7f00_0000_0000;

    fn pages(seed: u64, bits: u32) -> impl Iterator<Item = u64> {
        draws(seed).map(move |draw| BASE + (draw >> (64 - bits)) * 4096)
    }

    #[test]
    fn even_draws_of_28_bits_are_told_within_one_bit_from_64_runs() {
        let estimates: Vec<_> = (0..500).map(|seed| Spread::of(pages(seed, 28).take(64)).bits.expect("64")).collect();
        assert!(estimates.iter().all(|bits| (27.0..29.0).contains(bits)), "{estimates:?}");
        let mean = estimates.iter().sum::<f64>() / 500.0;
        assert!((mean - 28.0).abs() < 0.05, "{mean}");
        assert!((0..500).all(|seed| Spread::of(pages(seed, 28).take(64)).verdict(Some(28)) == Some(Verdict::Random)));
    }

    #[test]
    fn the_fewest_runs_seldom_call_random_what_is_not_or_weak_what_is_random() {
        let weak = |bits| {
            (0..1000).filter(move |seed| {
                Spread::of(pages(*seed, bits).take(FEWEST)).verdict(Some(28)) == Some(Verdict::Weak)
            })
        };
        assert!(weak(28).count() < 5);
        assert!(weak(25).count() > 950);
    }

    #[test]
    fn what_is_aligned_to_two_mebibytes_has_lost_nine_bits() {
        let aligned: Vec<_> = pages(7, 28).map(|address| address & !0x1f_ffff).take(64).collect();
        let spread = Spread::of(aligned.iter().copied());
        assert_eq!(spread.alignment, Some(2 << 20));
        let bits = spread.bits.expect("64 runs");
        assert!((18.0..20.0).contains(&bits), "{bits}");
        assert_eq!(spread.verdict(Some(28)), Some(Verdict::Weak));
        assert_eq!(spread.verdict(Some(19)), Some(Verdict::Random));
        assert_eq!(spread.verdict(None), Some(Verdict::Random));
    }

    #[test]
    fn carries_are_no_bits() {
        let spread = Spread::of((0..64).map(|run| 0x7fff_ffff_0000 + run % 2 * 0x1_0000));
        let bits = spread.bits.expect("64 runs");
        assert_eq!((spread.distinct, spread.alignment), (2, Some(0x1_0000)));
        assert!((1.0..1.1).contains(&bits), "{bits}");
    }

    #[test]
    fn one_address_is_fixed_and_one_run_says_nothing() {
        let fixed = Spread::of([BASE; 64].into_iter());
        assert_eq!((fixed.distinct, fixed.alignment, fixed.bits), (1, None, Some(0.0)));
        assert_eq!(fixed.verdict(Some(0)), Some(Verdict::Fixed));
        assert_eq!(fixed.verdict(Some(28)), Some(Verdict::Fixed));
        assert_eq!(Spread::of([BASE].into_iter()).verdict(Some(28)), None);
        let few = Spread::of(pages(1, 28).take(7));
        assert_eq!((few.bits, few.verdict(Some(28))), (None, Some(Verdict::Random)));
        assert_eq!(Spread::of(std::iter::empty()), Spread { count: 0, distinct: 0, alignment: None, bits: None });
    }

    fn region(addresses: Vec<Option<u64>>, bits: Option<u32>) -> Region {
        Region {
            place: Place::Stack,
            relative: false,
            distinct: 0,
            alignment: None,
            bits: None,
            promise: Promise { bits, by: String::new() },
            verdict: None,
            addresses,
            note: String::new(),
        }
    }

    #[test]
    fn the_picture_is_as_wide_as_the_promise() {
        let none = region(vec![None], Some(4));
        assert_eq!(none.landed(4, 4096), [0; 4]);
        let fixed = region(vec![Some(BASE); 5], Some(4));
        assert_eq!(fixed.landed(5, 4096), [0, 0, 5, 0, 0]);
        let all = region((0..16).map(|page| Some(BASE + page * 4096)).collect(), Some(4));
        assert_eq!(all.landed(4, 4096).iter().sum::<u32>(), 16);
        assert!(all.landed(4, 4096).iter().all(|count| (3..=5).contains(count)));
        let unknown = region(vec![Some(BASE), None, Some(BASE + 0x9000)], None);
        assert_eq!(unknown.landed(3, 4096), [1, 0, 1]);
        let widest = region(vec![Some(0), Some(u64::MAX)], Some(64));
        assert_eq!(widest.landed(2, 4096).iter().sum::<u32>(), 2);
        assert_eq!(widest.landed(0, 4096), [0; 0]);
    }
}
