//! Which object of the one map is which of the other, and the same for their mappings.

use super::{
    Object, Role, Row, Side,
    parts::{Part, Parts},
};
use crate::{
    snapshot::map::{FileId, Kind, Mapping},
    text::Text,
};
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Places in the one and in the other of two things that are the same, or of one that only one of them has.
type Pair = (Option<usize>, Option<usize>);

/// Objects and mappings of both, aligned.
pub(super) fn align(a: &Side<'_>, b: &Side<'_>) -> (Vec<Object>, Vec<Row>) {
    let (a_parts, b_parts) = (Parts::of(a), Parts::of(b));
    let files_are_told = a.run.is_some() && b.run.is_some();
    let pairs = merged(&matched_parts(&a_parts.parts, &b_parts.parts, files_are_told), b_parts.parts.len());
    let object = |(a, b): &Pair| object(a.map(|at| &a_parts.parts[at]), b.map(|at| &b_parts.parts[at]), files_are_told);
    let objects = pairs.iter().map(object).collect();

    let a_slots = slots(a.mappings, &a_parts, &object_of_part(pairs.iter().map(|pair| pair.0)));
    let b_slots = slots(b.mappings, &b_parts, &object_of_part(pairs.iter().map(|pair| pair.1)));
    let mut found = vec![None; a_slots.len()];
    matched(&mut found, a_slots.iter().copied().map(Some), b_slots.iter().copied().map(Some));
    let rows = merged(&found, b_slots.len()).into_iter().map(|(a, b)| {
        let slot = a.map(|at| a_slots[at]).or_else(|| b.map(|at| b_slots[at]));
        Row { object: slot.map_or(0, |slot| slot.object), a, b }
    });
    (objects, rows.collect())
}

fn object(a: Option<&Part<'_>>, b: Option<&Part<'_>>, files_are_told: bool) -> Object {
    let either = a.or(b);
    let replaced = match (a, b) {
        (Some(a), Some(b)) => files_are_told && a.name == b.name && a.file != b.file,
        _ => false,
    };
    Object {
        role: either.map_or(Role::Area, |part| part.role),
        path: Text::from(either.map_or(&b""[..], |part| part.name)),
        instance: either.map_or(1, |part| part.instance),
        code: either.is_some_and(|part| part.code),
        replaced,
        a: a.map(|part| part.address),
        b: b.map(|part| part.address),
    }
}

/// What has to be equal of two parts that are the same object.
type Identity<'a> = (Role, &'a [u8], FileId, u32);

/// For each part of `a` that of `b`: by role; files by which file it is where that is told, those left by their path.
fn matched_parts(a: &[Part<'_>], b: &[Part<'_>], files_are_told: bool) -> Vec<Option<usize>> {
    let mut found = vec![None; a.len()];
    if files_are_told {
        matched(&mut found, a.iter().map(by_file), b.iter().map(by_file));
    }
    matched(&mut found, a.iter().map(by_role_and_name).map(Some), b.iter().map(by_role_and_name).map(Some));
    found
}

fn by_file<'a>(part: &Part<'a>) -> Option<Identity<'a>> {
    (part.role == Role::File && part.file.inode != 0).then_some((Role::File, b"", part.file, part.instance))
}

/// An executable has to have no name: it is compared with whatever the other one runs.
fn by_role_and_name<'a>(part: &Part<'a>) -> Identity<'a> {
    let name = if part.role == Role::Executable { b"" } else { part.name };
    (part.role, name, FileId::default(), part.instance)
}

/// For what of `a` has no counterpart yet, find the first of `b` with the same key that is nobody's counterpart.
fn matched<K: Hash + Eq>(
    found: &mut [Option<usize>],
    a: impl Iterator<Item = Option<K>>,
    b: impl ExactSizeIterator<Item = Option<K>>,
) {
    let mut is_free = vec![true; b.len()];
    found.iter().flatten().for_each(|at| is_free[*at] = false);
    let mut open: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (at, key) in b.enumerate().filter(|(at, _)| is_free[*at]) {
        if let Some(key) = key {
            open.entry(key).or_default().push_back(at);
        }
    }
    for (found, key) in found.iter_mut().zip(a).filter(|(found, _)| found.is_none()) {
        *found = key.and_then(|key| open.get_mut(&key)?.pop_front());
    }
}

/// Both in one order: that of `a`, and what only `b` has after what it follows there.
fn merged(found: &[Option<usize>], count: usize) -> Vec<Pair> {
    let mut is_alone = vec![true; count];
    found.iter().flatten().for_each(|at| is_alone[*at] = false);
    let following = |from: usize| (from..count).take_while(|at| is_alone[*at]).map(|at| (None, Some(at)));
    let mut pairs: Vec<Pair> = following(0).collect();
    for (at, other) in found.iter().enumerate() {
        pairs.push((Some(at), *other));
        pairs.extend(other.iter().flat_map(|other| following(other + 1)));
    }
    pairs
}

/// For each part the place of its object.
fn object_of_part(pairs: impl Iterator<Item = Option<usize>>) -> HashMap<usize, usize> {
    pairs.enumerate().filter_map(|(object, part)| Some((part?, object))).collect()
}

/// What has to be equal of two mappings that are the same part of the same object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Slot<'a> {
    object: usize,
    /// The object above what has no name.
    below: Option<usize>,
    /// What is in brackets, of what has no file.
    name: &'a [u8],
    /// Where it is in the object.
    offset: u64,
    /// Which of several with all that the same, from above.
    number: u32,
}

fn slots<'a>(mappings: &'a [Mapping], parts: &Parts<'a>, object_of_part: &HashMap<usize, usize>) -> Vec<Slot<'a>> {
    let mut above = None;
    let mut numbers: HashMap<Slot<'a>, u32> = HashMap::new();
    let mut slot = |(mapping, part): (&'a Mapping, &usize)| {
        let object = object_of_part.get(part).copied().unwrap_or(0);
        let part = &parts.parts[*part];
        let mut slot = Slot { object, below: None, name: b"", offset: 0, number: 0 };
        match part.role {
            Role::Area => (slot.below, slot.name) = (above, mapping.object().unwrap_or_default()),
            Role::Heap => slot.offset = mapping.start.saturating_sub(part.address),
            Role::Executable | Role::File if mapping.kind == Kind::Bss && mapping.path.is_none() => slot.name = b"bss",
            Role::Executable | Role::File => slot.offset = mapping.offset,
            Role::Stack | Role::Kernel | Role::Fixed => {}
        }
        if part.role != Role::Area {
            above = Some(object);
        }
        let number = numbers.entry(slot).or_default();
        slot.number = *number;
        *number += 1;
        slot
    };
    let mut slots: Vec<_> = mappings.iter().zip(&parts.owner).rev().map(&mut slot).collect();
    slots.reverse();
    slots
}
