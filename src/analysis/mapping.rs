//! One row of a memory map, as its columns look at it: a mapping, or an object with the sums of its mappings.

use crate::{
    snapshot::{
        Missing, Reading,
        map::{Amount, Figures, Mapping, MemoryMap},
    },
    unit::Bytes,
};

/// A mapping with its figures; or several in one row.
#[derive(Clone, Copy, Debug)]
pub struct MapRow<'a> {
    /// The mapping; of several the first.
    pub mapping: &'a Mapping,
    /// Address space, of several the sum.
    pub size: Bytes,
    /// Its figures, of several their sums.
    pub figures: Reading<&'a Figures>,
    /// How many mappings it stands for.
    pub count: usize,
    /// How it has changed since a baseline; `None` where there is none.
    pub change: Option<Change>,
}

/// What is different from a baseline, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Address space.
    pub size: i64,
    /// Resident memory; `None` where it was not read then or now.
    pub rss: Option<i64>,
    /// Its proportional share.
    pub pss: Option<i64>,
    /// Memory in swap.
    pub swap: Option<i64>,
}

impl Change {
    /// Both changes together; what is not known of one is not known of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<i64>, b: Option<i64>| Some(a?.saturating_add(b?));
        Self {
            size: self.size.saturating_add(other.size),
            rss: sum(self.rss, other.rss),
            pss: sum(self.pss, other.pss),
            swap: sum(self.swap, other.swap),
        }
    }
}

impl<'a> MapRow<'a> {
    /// The mapping at this place of a map.
    #[must_use]
    pub fn of(map: &'a MemoryMap, at: usize) -> Option<Self> {
        let mapping = map.mappings.get(at)?;
        Some(Self { mapping, size: mapping.size(), figures: map.figures(at), count: 1, change: None })
    }

    /// One of its amounts.
    ///
    /// # Errors
    /// Why it is not known; `Unsupported` where the kernel does not count it.
    pub fn amount(&self, amount: Amount) -> Reading<Bytes> {
        self.figures?.get(amount).ok_or(Missing::Unsupported)
    }
}
