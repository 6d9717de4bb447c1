//! Which mapping of a run is which region, followed through all runs, and which regions move together.

use super::{Distance, Place};
use crate::snapshot::{
    lab::Run,
    map::{Kind, Mapping, Permissions},
};
use std::sync::Arc;

/// The addresses of one region: those of the first byte, of stack and mmap those after the last, for they grow downwards.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    pub(super) place: Place,
    /// For each run.
    pub(super) addresses: Vec<Option<u64>>,
}

/// Beyond this a heap was not put behind the executable: no kernel leaves more than 1 GiB between them, and of a static
/// position-independent program newer ones put it where others have the executable.
const FARTHEST: u64 = 4 << 30;

/// All regions, as they come up from run to run.
pub(super) fn tracks(runs: &[Arc<Run>]) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        for (order, (place, address)) in places(run).into_iter().enumerate() {
            // Nearly always in the same order as before.
            let as_before = tracks.get(order).is_some_and(|track| track.place == place).then_some(order);
            let known = as_before.or_else(|| tracks.iter().position(|track| track.place == place));
            let at = known.unwrap_or_else(|| {
                tracks.push(Track { place, addresses: vec![None; runs.len()] });
                tracks.len() - 1
            });
            tracks[at].addresses[number] = Some(address);
        }
    }
    tracks
}

/// The regions of one run, each once.
fn places(run: &Run) -> Vec<(Place, u64)> {
    let holding = |address: Option<u64>| {
        let address = address.filter(|address| *address != 0)?;
        run.mappings.iter().find(|mapping| mapping.range().contains(&address))
    };
    let of_kind = |kind| run.mappings.iter().find(|mapping| mapping.kind == kind);
    let (executable, interpreter) = (holding(run.headers), holding(run.interpreter));
    let start = |mapping: &Mapping| {
        let same = run.mappings.iter().find(|other| is_same_object(other, mapping));
        same.map_or(mapping.start, |first| first.start)
    };
    let is_known =
        |mapping: &Mapping| [executable, interpreter].into_iter().flatten().any(|known| is_same_object(mapping, known));
    let mut places: Vec<_> = [
        (Place::Executable, executable.map(start)),
        (Place::Heap, run.heap.filter(|heap| *heap != 0)),
        (Place::Stack, of_kind(Kind::Stack).map(|stack| stack.end)),
        (Place::Vdso, of_kind(Kind::Vdso).map(|vdso| vdso.start)),
        (Place::Mmap, top_of_mmap(&run.mappings, executable)),
        (Place::Interpreter, interpreter.map(start)),
    ]
    .into_iter()
    .filter_map(|(place, address)| Some((place, address?)))
    .collect();
    let code =
        run.mappings.iter().filter(|mapping| mapping.permissions.has(Permissions::EXECUTE) && !is_known(mapping));
    for mapping in code {
        let Some(path) = mapping.object().filter(|path| path.starts_with(b"/")) else { continue };
        let place = Place::Library(path.into());
        if !places.iter().any(|(known, _)| *known == place) {
            places.push((place, start(mapping)));
        }
    }
    places
}

fn is_same_object(a: &Mapping, b: &Mapping) -> bool {
    a.path.is_some() && a.path == b.path && a.file == b.file
}

/// The end of the highest mapping below the stack that the kernel did not put beside the executable: what it places there
/// it places from the top of the area downwards.
fn top_of_mmap(mappings: &[Mapping], executable: Option<&Mapping>) -> Option<u64> {
    let stack = mappings.iter().find(|mapping| mapping.kind == Kind::Stack)?;
    let last = executable.and_then(|known| mappings.iter().rfind(|mapping| is_same_object(mapping, known)));
    let beside = |mapping: &Mapping| {
        mapping.kind == Kind::Heap
            || executable.is_some_and(|executable| is_same_object(mapping, executable))
            // Variables that begin as zero follow their program without a name of their own.
            || (mapping.path.is_none() && last.is_some_and(|last| last.end == mapping.start))
    };
    mappings.iter().rfind(|mapping| mapping.end <= stack.start && !beside(mapping)).map(|mapping| mapping.end)
}

/// The distances of a region above the executable in each run; `None` where it does not lie behind it.
pub(super) fn offsets(track: &Track, executable: &Track) -> Option<Vec<Option<u64>>> {
    let offset = |(address, base): (&Option<u64>, &Option<u64>)| match (address, base) {
        (Some(address), Some(base)) => {
            address.checked_sub(*base).filter(|distance| *distance <= FARTHEST).map(Some).ok_or(())
        }
        _ => Ok(None),
    };
    track.addresses.iter().zip(&executable.addresses).map(offset).collect::<Result<_, ()>>().ok()
}

/// Whether a region lies above the stack, as the vdso does before Linux 6.9.
pub(super) fn is_above_stack(tracks: &[Track], track: &Track) -> bool {
    let Some(stack) = tracks.iter().find(|track| track.place == Place::Stack) else { return false };
    stack.addresses.iter().zip(&track.addresses).any(|(stack, address)| stack.is_some() && address >= stack)
}

/// The regions that vary together, in chains from low to high.
pub(super) fn distances(tracks: &[Track]) -> Vec<Distance> {
    let mut varying: Vec<_> = tracks.iter().filter(|track| varies(track)).collect();
    varying.sort_by_key(|track| track.addresses.iter().flatten().next());
    let mut distances = Vec::new();
    let mut ends: Vec<&Track> = Vec::new();
    for track in varying {
        let below = ends.iter().enumerate().find_map(|(at, end)| Some((at, *end, constant(end, track)?)));
        match below {
            None => ends.push(track),
            Some((at, end, bytes)) => {
                distances.push(Distance { from: end.place.clone(), to: track.place.clone(), bytes });
                ends[at] = track;
            }
        }
    }
    distances
}

fn varies(track: &Track) -> bool {
    let mut known = track.addresses.iter().flatten();
    known.next().is_some_and(|first| known.any(|address| address != first))
}

/// The distance that the two have in every run that has both, of which there must be two with different addresses.
fn constant(low: &Track, high: &Track) -> Option<u64> {
    let both = || low.addresses.iter().zip(&high.addresses).filter_map(|(low, high)| Some(((*low)?, (*high)?)));
    let (first, end) = both().next()?;
    let distance = end.checked_sub(first)?;
    let same = both().all(|(low, high)| high.wrapping_sub(low) == distance);
    (same && both().any(|(low, _)| low != first)).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        snapshot::{lab::StoppedAt, map::FileId},
        text::Text,
    };

    fn mapping(start: u64, end: u64, letters: &str, path: &str, kind: Kind) -> Mapping {
        Mapping {
            start,
            end,
            permissions: Permissions::parse(letters.as_bytes()).expect("four letters"),
            offset: 0,
            file: FileId { device: (0, 1), inode: path.len() as u64 },
            path: (!path.is_empty()).then(|| Text::from(path)),
            deleted: false,
            kind,
            thread: None,
        }
    }

    /// A run of a dynamic program whose executable and whose libraries have moved by so much.
    fn run(low: u64, high: u64) -> Arc<Run> {
        let (exe, area) = (0x5555_0000_0000 + low, 0x7f00_0000_0000 + high);
        let mappings = vec![
            mapping(exe, exe + 0x1000, "r--p", "/bin/p", Kind::Rodata),
            mapping(exe + 0x1000, exe + 0x2000, "r-xp", "/bin/p", Kind::Text),
            mapping(exe + 0x2000, exe + 0x3000, "rw-p", "", Kind::Bss),
            mapping(area, area + 0x1000, "r--p", "/lib/c", Kind::Rodata),
            mapping(area + 0x1000, area + 0x2000, "r-xp", "/lib/c", Kind::Text),
            mapping(area + 0x2000, area + 0x3000, "r--p", "/etc/cache", Kind::File),
            mapping(area + 0x4000, area + 0x5000, "r-xp", "[vdso]", Kind::Vdso),
            mapping(area + 0x5000, area + 0x6000, "r-xp", "/lib/ld", Kind::Text),
            mapping(0x7fff_0000_0000, 0x7fff_0002_0000, "rw-p", "[stack]", Kind::Stack),
            mapping(0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000, "--xp", "[vsyscall]", Kind::Vsyscall),
        ];
        Arc::new(Run {
            stopped_at: StoppedAt::Interpreter,
            mappings,
            heap: Some(exe + 0x10_0000 + high % 7 * 0x1000),
            interpreter: Some(area + 0x5000),
            headers: Some(exe + 0x40),
        })
    }

    fn words(tracks: &[Track]) -> Vec<String> {
        tracks.iter().map(|track| String::from_utf8_lossy(track.place.word()).into_owned()).collect()
    }

    #[test]
    fn every_region_is_found_once_and_data_is_no_library() {
        let tracks = tracks(&[run(0, 0), run(0x5000, 0x9000)]);
        assert_eq!(words(&tracks), ["executable", "heap", "stack", "vdso", "mmap", "interpreter", "/lib/c"]);
        let of = |word: &str| {
            let track = tracks.iter().find(|track| track.place.word() == word.as_bytes()).expect("it is there");
            track.addresses.iter().map(|address| address.expect("in every run")).collect::<Vec<_>>()
        };
        assert_eq!(of("executable"), [0x5555_0000_0000, 0x5555_0000_5000]);
        assert_eq!(of("stack"), [0x7fff_0002_0000; 2]);
        assert_eq!(of("mmap"), [0x7f00_0000_6000, 0x7f00_0000_f000]);
        assert_eq!(of("/lib/c"), [0x7f00_0000_0000, 0x7f00_0000_9000]);
    }

    #[test]
    fn a_region_that_some_runs_lack_is_missing_there() {
        let mut other = Run::clone(&run(0, 0x3000));
        other.mappings.retain(|mapping| mapping.kind != Kind::Vdso);
        let tracks = tracks(&[Arc::new(other), run(0, 0x4000)]);
        let vdso = tracks.iter().find(|track| track.place == Place::Vdso).expect("one run has it");
        assert_eq!(vdso.addresses, [None, Some(0x7f00_0000_8000)]);
    }

    #[test]
    fn what_moves_together_is_a_chain_and_what_stays_is_left_out() {
        let distances = distances(&tracks(&[run(0, 0x1000), run(0x5000, 0x9000), run(0x7000, 0x3000)]));
        let words: Vec<_> = distances
            .iter()
            .map(|distance| {
                let word = |place: &Place| String::from_utf8_lossy(place.word()).into_owned();
                (word(&distance.from), word(&distance.to), distance.bytes)
            })
            .collect();
        let expected = [("/lib/c", "vdso", 0x4000), ("vdso", "interpreter", 0x1000), ("interpreter", "mmap", 0x1000)];
        assert_eq!(words, expected.map(|(from, to, bytes)| (from.to_owned(), to.to_owned(), bytes)));
    }

    #[test]
    fn a_heap_is_measured_from_the_executable_where_it_lies_behind_it() {
        let track = |addresses: &[u64]| Track {
            place: Place::Heap,
            addresses: addresses.iter().map(|address| Some(*address)).collect(),
        };
        assert_eq!(offsets(&track(&[0x5000]), &track(&[0x1000])), Some(vec![Some(0x4000)]));
        assert_eq!(offsets(&track(&[0x5000]), &track(&[0x7f00_0000_0000])), None);
        assert_eq!(offsets(&track(&[0x7f00_0000_0000]), &track(&[0x1000])), None);
    }

    #[test]
    fn only_a_vdso_above_the_stack_is_above_it() {
        let tracks = tracks(&[run(0, 0), run(0, 0x8000)]);
        assert!(tracks.iter().filter(|track| track.place != Place::Stack).all(|track| !is_above_stack(&tracks, track)));
        let above = Track { place: Place::Vdso, addresses: vec![None, Some(0x7fff_0005_0000)] };
        assert!(is_above_stack(&tracks, &above));
    }
}
