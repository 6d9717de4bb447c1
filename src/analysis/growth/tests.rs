//! Changes of made-up maps: growth in place, splits, moves, and any two maps at all.

use super::*;
use crate::{
    analysis::example::{Example, map, mapping},
    snapshot::{Missing, map::Kind},
    unit::{Bytes, Ticks},
};
use proptest::prelude::*;
use std::sync::Arc;

const MIB: i64 = 1 << 20;

fn anonymous(start: u64, end: u64) -> Example {
    mapping(start, end, Kind::Anonymous, "rw-p", "")
}

/// What changed: fate, first address after (or before), size and resident memory.
fn told(before: &MemoryMap, after: &MemoryMap) -> Vec<(Fate, u64, i64, i64)> {
    let growth = Growth::between(before, after);
    let line = |piece: &&Piece| {
        let (map, places) = match growth.after(piece) {
            [] => (before, growth.before(piece)),
            places => (after, places),
        };
        let start = map.mappings[places[0] as usize].start;
        (piece.fate(), start, piece.change.size, piece.change.rss.expect("it is counted"))
    };
    growth.by_growth().iter().map(line).collect()
}

#[test]
fn a_heap_that_grew_in_place_is_one_change() {
    let heap = |end, rss| mapping(0x50_0000, end, Kind::Heap, "rw-p", "[heap]").rss(rss);
    let other = || anonymous(0x7f00_0000, 0x7f10_0000).rss(4096);
    let before = map([heap(0x52_1000, 0x2000), other()]);
    let after = map([heap(0x52_1000 + 0x400_0000, 0x400_2000), other()]);
    assert_eq!(told(&before, &after), [(Fate::Kept, 0x50_0000, 64 * MIB, 64 * MIB)]);
    assert_eq!(told(&after, &before), [(Fate::Kept, 0x50_0000, -64 * MIB, -64 * MIB)]);
    let growth = Growth::between(&before, &after);
    assert_eq!((growth.total.size, growth.total.rss, growth.total.swap), (64 * MIB, Some(64 * MIB), Some(0)));
    assert_eq!(growth.of(0).map(|piece| piece.change.size), Some(64 * MIB));
    assert_eq!(growth.of(1).map(Piece::is_changed), Some(false));
    assert_eq!(growth.of(2), None);
}

#[test]
fn memory_extended_downwards_is_the_same_memory() {
    let before = map([anonymous(0x7f50_0000, 0x7f60_0000).rss(0x1000)]);
    let after = map([anonymous(0x7f10_0000, 0x7f60_0000).rss(0x40_1000)]);
    assert_eq!(told(&before, &after), [(Fate::Kept, 0x7f10_0000, 4 * MIB, 4 * MIB)]);
}

#[test]
fn new_and_vanished_mappings_are_told_apart_from_those_that_stayed() {
    let library = |start| mapping(start, start + 0x2000, Kind::Text, "r-xp", "/lib/a.so").inode(9).rss(0x1000);
    let stay = || mapping(0x1000, 0x2000, Kind::Text, "r-xp", "/bin/x").inode(7);
    let before = map([stay(), anonymous(0x10_0000, 0x20_0000).rss(0x3000)]);
    let after = map([stay(), library(0x40_0000)]);
    assert_eq!(
        told(&before, &after),
        [(Fate::New, 0x40_0000, 0x2000, 0x1000), (Fate::Vanished, 0x10_0000, -0x10_0000, -0x3000)]
    );
    // Another file at the same place is not the same mapping.
    let replaced = map([stay(), library(0x10_0000)]);
    assert_eq!(told(&before, &replaced).len(), 2);
}

#[test]
fn a_split_changes_nothing_and_neither_does_a_merge() {
    let whole = map([anonymous(0x10_0000, 0x20_0000).rss(0x8000)]);
    let split = map([
        anonymous(0x10_0000, 0x14_0000).rss(0x2000),
        mapping(0x14_0000, 0x18_0000, Kind::Anonymous, "r--p", "").rss(0x4000),
        anonymous(0x18_0000, 0x20_0000).rss(0x2000),
    ]);
    assert_eq!(told(&whole, &split), []);
    assert_eq!(told(&split, &whole), []);
    let growth = Growth::between(&whole, &split);
    assert_eq!((growth.pieces.len(), growth.after(&growth.pieces[0])), (1, &[0, 1, 2][..]));
    // A hole in the middle is what is gone.
    let hole = map([anonymous(0x10_0000, 0x14_0000).rss(0x2000), anonymous(0x18_0000, 0x20_0000).rss(0x2000)]);
    assert_eq!(told(&whole, &hole), [(Fate::Kept, 0x10_0000, -0x4_0000, -0x4000)]);
}

#[test]
fn a_border_that_shifted_is_growth_of_one_neighbour_and_loss_of_the_other() {
    let arena = |border| {
        map([
            mapping(0x10_0000, border, Kind::Anonymous, "rw-p", "").rss(border - 0x10_0000),
            mapping(border, 0x80_0000, Kind::Anonymous, "---p", ""),
        ])
    };
    assert_eq!(
        told(&arena(0x12_0000), &arena(0x15_0000)),
        [(Fate::Kept, 0x10_0000, 0x3_0000, 0x3_0000), (Fate::Kept, 0x15_0000, -0x3_0000, 0)]
    );
}

#[test]
fn data_made_read_only_is_still_that_data() {
    let data = |kind, permissions| mapping(0x3000, 0x5000, kind, permissions, "/bin/x").inode(7).rss(0x2000);
    assert_eq!(told(&map([data(Kind::Data, "rw-p")]), &map([data(Kind::Relro, "r--p")])), []);
}

#[test]
fn stacks_of_threads_come_and_go() {
    let stack = |start: u64, kind| {
        [
            mapping(start, start + 0x1000, Kind::Anonymous, "---p", ""),
            mapping(start + 0x1000, start + 0x80_1000, kind, "rw-p", "").rss(0x3000),
        ]
    };
    let one = map(stack(0x7f00_0000, Kind::ThreadStack));
    let two = map(stack(0x7e00_0000, Kind::ThreadStack).into_iter().chain(stack(0x7f00_0000, Kind::ThreadStack)));
    let new = [(Fate::New, 0x7e00_1000, 0x80_0000, 0x3000), (Fate::New, 0x7e00_0000, 0x1000, 0)];
    assert_eq!(told(&one, &two), new);
    // The thread has ended and its stack is kept for the next.
    assert_eq!(told(&one, &map(stack(0x7f00_0000, Kind::Anonymous))), []);
}

#[test]
fn a_file_that_is_mapped_elsewhere_has_moved() {
    let file = |start: u64, rss| mapping(start, start + 0x4000, Kind::File, "r--s", "/data").inode(5).rss(rss);
    assert_eq!(told(&map([file(0x10_0000, 0)]), &map([file(0x20_0000, 0x1000)])), [(Fate::Kept, 0x20_0000, 0, 0x1000)]);
}

#[test]
fn another_process_of_the_same_program_is_compared_by_objects() {
    let process = |slide: u64, heap: u64| {
        map([
            mapping(slide, slide + 0x1000, Kind::Text, "r-xp", "/bin/x").inode(slide).rss(0x1000),
            mapping(slide + 0x1000, slide + 0x2000, Kind::Data, "rw-p", "/bin/x").inode(slide).offset(0x1000),
            mapping(slide + 0x2000, slide + 0x3000, Kind::Bss, "rw-p", ""),
            mapping(slide + 0x8000, slide + 0x8000 + heap, Kind::Heap, "rw-p", "[heap]").rss(heap),
            anonymous(slide * 16, slide * 16 + 0x6000),
        ])
    };
    let before = process(0x5600_0000, 0x2000);
    let mut after = process(0x5700_0000, 0x5000);
    after.key.start = Ticks(9999);
    assert_eq!(told(&before, &after), [(Fate::Kept, 0x5700_8000, 0x3000, 0x3000)]);
}

#[test]
fn what_is_not_known_of_one_map_is_not_known_of_the_difference() {
    let mut before = map([anonymous(0x1000, 0x2000)]);
    let after = map([anonymous(0x1000, 0x3000).rss(0x1000)]);
    before.figures = Err(Missing::Off);
    before.totals = Err(Missing::Off);
    let growth = Growth::between(&before, &after);
    let expected = Change { size: 0x1000, rss: None, pss: None, swap: None };
    assert_eq!((growth.by_growth()[0].change, growth.total), (expected, expected));
}

#[test]
fn totals_of_pss_are_those_of_the_kernel() {
    let (mut before, mut after) =
        (map([anonymous(0x1000, 0x2000).rss(100)]), map([anonymous(0x1000, 0x2000).rss(200)]));
    let set = |map: &mut MemoryMap, pss| map.totals.as_mut().expect("there are totals").set(Amount::Pss, Bytes(pss));
    set(&mut before, 101);
    set(&mut after, 203);
    assert_eq!(Growth::between(&before, &after).total.pss, Some(102));
    after.totals = Err(Missing::Unsupported);
    assert_eq!(Growth::between(&before, &after).total.pss, Some(100));
}

#[test]
fn fifty_thousand_mappings_are_matched_one_by_one() {
    let many = |shift: u64| {
        map((0..50_000u64).map(|at| {
            let (start, permissions) = (0x1000_0000 + at * 0x3000, if at % 2 == 0 { "rw-p" } else { "r--p" });
            mapping(start, start + 0x1000 + shift, Kind::Anonymous, permissions, "").rss(shift)
        }))
    };
    let (before, after) = (many(0), many(0x1000));
    let growth = Growth::between(&before, &after);
    assert_eq!((growth.pieces.len(), growth.total.size), (50_000, 50_000 * 0x1000));
    assert!(growth.pieces.iter().all(|piece| piece.fate() == Fate::Kept && piece.change.rss == Some(0x1000)));
    assert_eq!(growth.by_growth().len(), 50_000);

    let mut history = History::default();
    for map in [before, after].map(Arc::new).iter().cycle().take(40) {
        history.note(map);
    }
    let line = history.series(&many(0).mappings[49_999]);
    assert!(size_of_val(&line[0]) * line.len() < 400 && line.len() >= 8, "{line:?}");
    assert_eq!(line[line.len() - 2..], [Some(Bytes(0)), Some(Bytes(0x1000))]);
}

#[test]
fn growth_in_place_keeps_its_line() {
    let mut history = History::default();
    let library = || mapping(0x9000_0000, 0x9000_1000, Kind::Text, "r-xp", "/lib/a.so").inode(9).rss(0x1000);
    let steps = [(0x7000_0000, 0x1000), (0x6f00_0000, 0x5000), (0x6e00_0000, 0x9000)];
    for (at, (start, rss)) in steps.into_iter().enumerate() {
        let grown = anonymous(start, 0x7010_0000).rss(rss);
        let maps = [vec![grown.clone()], vec![grown.clone(), library()], vec![grown, library()]];
        history.note(&Arc::new(map(maps[at].clone())));
    }
    let line = |start| {
        let sought = map([anonymous(start, start + 0x1000)]);
        history.series(&sought.mappings[0]).into_iter().map(|rss| rss.map(|rss| rss.0)).collect::<Vec<_>>()
    };
    assert_eq!(line(0x6e00_0000), [Some(0x1000), Some(0x5000), Some(0x9000)]);
    assert_eq!(line(0x9000_0000), [None, Some(0x1000), Some(0x1000)]);
    assert_eq!(line(0x7000_0000), []);
    assert_eq!(history.moments().len(), 3);

    // Addresses alone are no sample, and another process has another history.
    let mut bare = map([library()]);
    bare.figures = Err(Missing::NotRequested);
    history.note(&Arc::new(bare));
    assert_eq!(history.moments().len(), 3);
    let mut other = map([library()]);
    other.key.start = Ticks(1);
    history.note(&Arc::new(other.clone()));
    assert_eq!(history.series(&other.mappings[0]), [Some(Bytes(0x1000))]);
}

fn any_map() -> impl Strategy<Value = MemoryMap> {
    let one = (1u64..6, 1u64..6, 0usize..3, 0usize..4, 0u64..9);
    proptest::collection::vec(one, 0..24).prop_map(|all| {
        let mut at = 0;
        map(all.into_iter().map(|(gap, pages, permissions, path, rss)| {
            let start = at + (gap - 1) * 0x1000;
            at = start + pages * 0x1000;
            let path = ["", "[heap]", "/lib/a.so", "/lib/b.so"][path];
            let inode = if path.starts_with('/') { path.len() as u64 } else { 0 };
            mapping(start, at, Kind::Other, ["rw-p", "r--p", "---p"][permissions], path).inode(inode).rss(rss)
        }))
    })
}

proptest! {
    #[test]
    fn each_mapping_is_in_one_change_and_changes_add_up(before in any_map(), after in any_map()) {
        let growth = Growth::between(&before, &after);
        let mut seen = (Vec::new(), Vec::new());
        let mut sum = (0, 0);
        for piece in &growth.pieces {
            seen.0.extend_from_slice(growth.before(piece));
            seen.1.extend_from_slice(growth.after(piece));
            sum.0 += piece.change.size;
            sum.1 += piece.change.rss.expect("it is counted");
            for place in growth.after(piece) {
                prop_assert_eq!(growth.of(*place as usize), Some(piece));
            }
        }
        seen.0.sort_unstable();
        seen.1.sort_unstable();
        prop_assert!(seen.0.iter().map(|place| *place as usize).eq(0..before.mappings.len()));
        prop_assert!(seen.1.iter().map(|place| *place as usize).eq(0..after.mappings.len()));
        prop_assert_eq!(sum, (growth.total.size, growth.total.rss.expect("it is counted")));
    }

    #[test]
    fn what_is_unchanged_is_found_first_and_nothing_else_comes_of_that(before in any_map(), after in any_map(), common in 0usize..24) {
        // Much of a map is as it was.
        let mut after = after;
        let end = before.mappings.iter().take(common).next_back().map_or(0, |mapping| mapping.end);
        let rest: Vec<_> = after.mappings.drain(..).filter(|mapping| mapping.start >= end).collect();
        after.mappings = before.mappings.iter().take(common).cloned().chain(rest).collect();
        prop_assert_eq!(matching::matched(&before, &after), matching::matched_beside(&[], &before, &after));
    }

    #[test]
    fn a_map_and_itself_have_no_difference(map in any_map()) {
        prop_assert!(Growth::between(&map, &map).by_growth().is_empty());
    }
}
