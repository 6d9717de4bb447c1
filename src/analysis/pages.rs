//! A range of pages drawn small: one cell for each group of them.

use crate::snapshot::memory::{PageState, Pages};

/// A group of neighbouring pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What most of those are that are there; `Untouched` where none is.
    pub state: PageState,
    /// Whether all pages of the group are that.
    pub whole: bool,
}

impl Cell {
    /// The letter for it, in pictures without colour.
    #[must_use]
    pub fn letter(self) -> char {
        let (whole, part) = letters(self.state);
        if self.whole { whole } else { part }
    }
}

/// The letter of groups that are all in this state, and of those where only some are.
#[must_use]
pub fn letters(state: PageState) -> (char, char) {
    match state {
        PageState::Untouched => ('.', '.'),
        PageState::Anonymous => ('A', 'a'),
        PageState::File => ('F', 'f'),
        PageState::Huge => ('H', 'h'),
        PageState::Swapped => ('S', 's'),
        PageState::Zero => ('0', 'o'),
    }
}

/// The whole range in at most this many cells, each of as many pages as the others or one more.
#[must_use]
pub fn picture(pages: &Pages, cells: usize) -> Vec<Cell> {
    let total: u64 = pages.runs.iter().map(|run| run.pages).sum();
    let cells = total.min(cells as u64);
    // What a cell ends before; a page has at least twelve bits of an address, so that nothing overflows.
    let border =
        |cell: u64| u64::try_from(u128::from(total) * u128::from(cell) / u128::from(cells.max(1))).unwrap_or(0);
    let mut runs = pages.runs.iter().map(|run| (run.state, run.pages));
    let mut rest = runs.next();
    let group = |cell: u64| {
        let mut wanted = border(cell + 1) - border(cell);
        let size = wanted;
        let mut counts = [0u64; PageState::COUNT];
        while let Some((state, left)) = rest.filter(|_| wanted > 0) {
            let taken = left.min(wanted);
            counts[state as usize] += taken;
            wanted -= taken;
            rest = if taken == left { runs.next() } else { Some((state, left - taken)) };
        }
        summary(&counts, size)
    };
    (0..cells).map(group).collect()
}

fn summary(counts: &[u64; PageState::COUNT], size: u64) -> Cell {
    let there = PageState::ALL.iter().map(|(state, ..)| *state).filter(|state| *state != PageState::Untouched);
    let most = there.max_by_key(|state| counts[*state as usize]).filter(|state| counts[*state as usize] > 0);
    let state = most.unwrap_or(PageState::Untouched);
    Cell { state, whole: counts[state as usize] == size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{
        Moment,
        memory::{PageRun, PageSource},
    };
    use std::time::Duration;

    fn drawn(runs: &[(u64, PageState)], cells: usize) -> String {
        let mut start = 0;
        let run = |(pages, state): &(u64, PageState)| {
            let run = PageRun { start, pages: *pages, state: *state };
            start += pages * 4096;
            run
        };
        let runs = runs.iter().map(run).collect();
        let (source, taken, took) = (PageSource::Scan, Moment::default(), Duration::ZERO);
        let pages = Pages { range: 0..start, page_size: 4096, runs, source, taken, took };
        picture(&pages, cells).into_iter().map(Cell::letter).collect()
    }

    #[test]
    fn each_page_is_a_cell_where_there_is_room() {
        use PageState::{Anonymous, File, Huge, Swapped, Untouched, Zero};
        let runs = [(2, Untouched), (3, Anonymous), (1, File), (1, Zero), (1, Swapped), (2, Huge)];
        assert_eq!(drawn(&runs, 10), "..AAAF0SHH");
        assert_eq!(drawn(&runs, 100), "..AAAF0SHH");
        assert_eq!(drawn(&runs, 5), ".AfoH", "of equals the later, and a capital only where all are the same");
        assert_eq!(drawn(&runs, 1), "a");
        assert_eq!(drawn(&runs, 0), "");
        assert_eq!(drawn(&[], 10), "");
    }

    #[test]
    fn one_page_in_very_many_is_seen() {
        let total = 1u64 << 35;
        let runs = [(total - 2, PageState::Untouched), (1, PageState::Anonymous), (1, PageState::Untouched)];
        assert_eq!(drawn(&runs, 8), ".......a");
    }

    #[test]
    fn groups_differ_in_size_by_one_page_at_most() {
        let runs = [(7, PageState::Anonymous), (3, PageState::Untouched)];
        assert_eq!(drawn(&runs, 4), "AAA.");
        assert_eq!(drawn(&runs, 3), "AAa");
    }
}
