//! Tests of the comparison of two maps, over maps as the kernel writes them.

use super::{relro::Protection, *};
use crate::{
    snapshot::{
        Missing,
        map::{DELETED, FileId, Kind, Permissions},
        program::{Draw, NO_RANDOMIZE, Relro, Settings},
    },
    unit::Ticks,
};
use proptest::prelude::*;

/// Mappings of lines of `maps`, with what is for what told by the name alone.
fn map(text: &str) -> Vec<Mapping> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| mapping(line.trim())).collect()
}

fn mapping(line: &str) -> Mapping {
    let words: Vec<_> = line.splitn(6, ' ').collect();
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).expect("a test writes numbers");
    let (start, end) = words[0].split_once('-').expect("a range");
    let path = words.get(5).map(|path| path.trim()).filter(|path| !path.is_empty());
    let kind = match path {
        Some("[heap]") => Kind::Heap,
        Some("[stack]") => Kind::Stack,
        Some("[vdso]") => Kind::Vdso,
        Some("[vvar]") => Kind::Vvar,
        Some("[vsyscall]") => Kind::Vsyscall,
        Some("[bss]") => Kind::Bss,
        Some(_) => Kind::File,
        None => Kind::Anonymous,
    };
    Mapping {
        start: hexadecimal(start),
        end: hexadecimal(end),
        permissions: Permissions::parse(words[1].as_bytes()).expect("four letters"),
        offset: hexadecimal(words[2]),
        file: FileId { device: (0xfe, 0), inode: words[4].parse().expect("an inode") },
        path: path.filter(|_| kind != Kind::Bss).map(Text::from),
        deleted: path.is_some_and(|path| path.as_bytes().ends_with(DELETED)),
        kind,
        thread: None,
    }
}

/// A program with a library, moved by these distances: executable, heap, mappings, stack.
fn process(executable: u64, heap: u64, area: u64, stack: u64) -> Vec<Mapping> {
    let lines = [
        (executable, 0x5500_0000_0000u64, 0x1000u64, "r--p 00000000 fe:00 10 /usr/bin/x"),
        (executable, 0x5500_0000_1000, 0x1000, "r-xp 00001000 fe:00 10 /usr/bin/x"),
        (executable, 0x5500_0000_2000, 0x1000, "r--p 00002000 fe:00 10 /usr/bin/x"),
        (executable, 0x5500_0000_3000, 0x1000, "rw-p 00003000 fe:00 10 /usr/bin/x"),
        (executable, 0x5500_0000_4000, 0x1000, "rw-p 00000000 00:00 0 [bss]"),
        (heap, 0x5600_0000_0000, 0x2_1000, "rw-p 00000000 00:00 0 [heap]"),
        (area, 0x7f00_0000_0000, 0x3000, "rw-p 00000000 00:00 0"),
        (area, 0x7f00_0000_3000, 0x1000, "r--p 00000000 fe:00 20 /lib/libc.so.6"),
        (area, 0x7f00_0000_4000, 0x1000, "r-xp 00001000 fe:00 20 /lib/libc.so.6"),
        (area, 0x7f00_0000_9000, 0x1000, "r-xp 00000000 00:00 0 [vdso]"),
        (area, 0x7f00_0000_a000, 0x1000, "r--p 00000000 fe:00 30 /lib/ld.so"),
        (stack, 0x7ffc_0000_0000, 0x2_1000, "rw-p 00000000 00:00 0 [stack]"),
        (0, 0xffff_ffff_ff60_0000, 0x1000, "--xp 00000000 00:00 0 [vsyscall]"),
    ];
    let line = |(moved, start, size, rest): (u64, u64, u64, &str)| {
        mapping(&format!("{:x}-{:x} {rest}", start + moved, start + moved + size))
    };
    lines.into_iter().map(line).collect()
}

fn elf(pie: bool) -> Elf {
    Elf {
        bits: 64,
        machine: 62,
        pie,
        library: false,
        is_static: false,
        interpreter: Some("/lib/ld.so".into()),
        relro: Relro::Full,
        relro_range: Some((0x2d90, 0x3000)),
        nx: true,
        stripped: true,
        build_id: None,
        base: 0,
        alignment: 0x1000,
    }
}

fn program(random: u8) -> Program {
    Program {
        path: Ok("/usr/bin/x".into()),
        file: Some(FileId { device: (0xfe, 0), inode: 10 }),
        elf: Ok(Some(elf(true))),
        settings: Settings { randomize_va_space: Ok(2), ..Settings::default() },
        personality: Ok(0),
        draw: Ok(Draw::new(Vec::new(), Ok([random; 16]))),
    }
}

fn side<'a>(name: &'a str, mappings: &'a [Mapping], program: &'a Program) -> Side<'a> {
    let key = name.parse().ok().map(|pid| ProcessKey { pid: Pid(pid), start: Ticks(7) });
    Side { name, key, mappings, exe: Some(b"/usr/bin/x"), run: Some(Run { parent: Some(Pid(1)), program }) }
}

fn saved<'a>(name: &'a str, mappings: &'a [Mapping]) -> Side<'a> {
    Side { name, key: None, mappings, exe: Some(b"/usr/bin/x"), run: None }
}

fn told(comparison: &Comparison) -> Vec<(String, Option<i128>)> {
    let told = |object: &Object| (printable(object.name()).into_owned(), object.distance());
    comparison.objects.iter().map(told).collect()
}

#[test]
fn objects_have_one_distance_each_and_those_of_one_draw_the_same() {
    let (first, second) = (process(0, 0, 0, 0), process(0x5000, 0x1_2000, 0x7000, 0x1000));
    let (one, other) = (program(1), program(2));
    let comparison = compare(&side("800", &first, &one), &side("812", &second, &other));
    let expected = [
        ("executable", 0x5000),
        ("heap", 0x1_2000),
        ("/lib/libc.so.6", 0x7000),
        ("vdso", 0x7000),
        ("/lib/ld.so", 0x7000),
        ("mmap", 0x7000),
        ("stack", 0x1000),
        ("vsyscall", 0),
    ];
    assert_eq!(told(&comparison), expected.map(|(name, distance)| (name.to_owned(), Some(distance))));
    assert_eq!(comparison.together, [[2, 3, 4, 5]]);
    assert_eq!(comparison.same_executable, Some(true));
    assert_eq!(
        comparison.verdict,
        "every object moved: independent draws; together by 0x7000: mmap, libc.so.6, vdso, ld.so"
    );
    // The stack counts from where it ends, and the area of mappings too.
    assert_eq!((comparison.objects[6].a, comparison.objects[5].a), (Some(0x7ffc_0002_1000), Some(0x7f00_0000_b000)));
    let backwards = compare(&side("812", &second, &other), &side("800", &first, &one));
    assert_eq!(distance_text(backwards.objects[0].distance().expect("both have it")), "-0x5000");
    // Each mapping has its counterpart.
    assert_eq!(comparison.rows.len(), first.len());
    assert!(comparison.rows.iter().enumerate().all(|(at, row)| (row.a, row.b) == (Some(at), Some(at))));
    assert_eq!(comparison.rows[4].object, 0, "what follows the executable's data is a part of it");
}

#[test]
fn a_stack_that_grew_and_more_heap_do_not_count_as_moved() {
    let first = process(0, 0, 0, 0);
    let mut second = first.clone();
    second[5].end += 0x4_0000;
    second[11].start -= 0x9_0000;
    let same = program(1);
    let comparison = compare(&side("800", &first, &same), &side("812", &second, &same));
    assert!(comparison.objects.iter().all(|object| object.distance() == Some(0)), "{comparison:?}");
}

#[test]
fn one_draw_is_told_by_at_random_and_not_by_addresses() {
    let maps = process(0, 0, 0, 0);
    let (one, mut other) = (program(1), program(1));
    let verdict = |a: &Side<'_>, b: &Side<'_>| compare(a, b).verdict;
    let (first, second) = (side("800", &maps, &one), side("812", &maps, &other));
    let siblings = "same addresses: one draw, 800 and 812 come from one process by fork without exec (equal AT_RANDOM)";
    assert_eq!(verdict(&first, &second), siblings);
    let child = Side { run: Some(Run { parent: Some(Pid(800)), program: &one }), ..second };
    let forked = "same addresses: one draw, 812 was forked from 800 without exec (equal AT_RANDOM)";
    assert_eq!(verdict(&first, &child), forked);
    assert_eq!(verdict(&child, &first), forked);
    let later = process(0, 0, 0x2000, 0);
    let anew = verdict(&first, &Side { mappings: &later, ..child });
    assert!(
        anew.starts_with("one draw, 812 was forked from 800 without exec (equal AT_RANDOM); mapped anew"),
        "{anew}"
    );

    other = program(2);
    let on = verdict(&first, &side("812", &maps, &other));
    assert!(on.starts_with("same addresses although no common draw, and randomisation is on"), "{on}");
    other.personality = Ok(NO_RANDOMIZE | 8);
    let one_off = verdict(&first, &side("812", &maps, &other));
    assert!(one_off.ends_with("randomisation is off for 812 (personality ADDR_NO_RANDOMIZE)"), "{one_off}");
    let off = Program { personality: Ok(NO_RANDOMIZE), ..program(1) };
    assert_eq!(
        verdict(&side("800", &maps, &off), &side("812", &maps, &other)),
        "same addresses although no common draw: randomisation is off (personality ADDR_NO_RANDOMIZE)"
    );
    let settings = Settings { randomize_va_space: Ok(0), ..Settings::default() };
    let (off, other) = (Program { settings, ..program(1) }, Program { settings, ..program(2) });
    assert!(verdict(&side("1", &maps, &off), &side("2", &maps, &other)).ends_with("off (randomize_va_space 0)"));
    let denied = Program { draw: Err(Missing::Denied), ..program(1) };
    assert!(verdict(&first, &side("812", &maps, &denied)).contains("AT_RANDOM would tell (denied)"));
    assert!(verdict(&first, &saved("old.json", &maps)).contains("a saved map does not tell which"));
    assert_eq!(verdict(&first, &first), "the same process: the same addresses");
}

#[test]
fn what_is_fixed_is_told_with_its_address() {
    let (first, second) = (process(0, 0, 0, 0), process(0, 0x1000, 0x2000, 0x3000));
    let fixed = |random| Program { elf: Ok(Some(elf(false))), ..program(random) };
    let (one, other) = (fixed(1), fixed(2));
    let verdict = compare(&side("800", &first, &one), &side("812", &second, &other)).verdict;
    let expected = "the executable is not position-independent: it stays at 0x550000000000, all else moved";
    assert!(verdict.starts_with(expected), "{verdict}");
    let second = process(0, 0, 0x2000, 0x3000);
    let verdict = compare(&side("800", &first, &one), &side("812", &second, &other)).verdict;
    assert!(verdict.contains("stays at 0x550000000000; stayed too: heap; moved: libc.so.6, "), "{verdict}");
    let verdict = compare(&saved("a", &first), &saved("b", &second)).verdict;
    assert!(verdict.starts_with("the executable stays at"), "nothing is known of it: {verdict}");
}

#[test]
fn a_file_is_known_by_what_it_is_and_across_machines_by_its_whole_path() {
    let first = map("7f0000001000-7f0000002000 r-xp 00000000 fe:00 20 /a/lib.so
        7f0000003000-7f0000004000 r-xp 00000000 fe:00 21 /b/lib.so
        7f0000005000-7f0000006000 r-xp 00000000 fe:00 22 /c.so");
    // The first was deleted, the second replaced.
    let second = map("7f0000003000-7f0000004000 r-xp 00000000 fe:00 99 /b/lib.so
        7f0000007000-7f0000008000 r-xp 00000000 fe:00 20 /a/lib.so (deleted)
        7f0000009000-7f000000a000 r-xp 00000000 fe:00 23 /d.so");
    let same = program(1);
    let find = |comparison: &Comparison, path: &str| {
        let object = comparison.objects.iter().find(|object| *object.path == *path.as_bytes());
        object.map(|object| (object.a, object.b, object.replaced)).expect("the object is there")
    };
    let live = compare(&side("1", &first, &same), &side("2", &second, &same));
    assert_eq!(find(&live, "/a/lib.so"), (Some(0x7f00_0000_1000), Some(0x7f00_0000_7000), false));
    assert_eq!(find(&live, "/b/lib.so"), (Some(0x7f00_0000_3000), Some(0x7f00_0000_3000), true));
    assert_eq!(find(&live, "/c.so"), (Some(0x7f00_0000_5000), None, false));
    assert_eq!(find(&live, "/d.so"), (None, Some(0x7f00_0000_9000), false));
    let stored = compare(&saved("1", &first), &saved("2", &second));
    assert_eq!(find(&stored, "/a/lib.so"), (Some(0x7f00_0000_1000), Some(0x7f00_0000_7000), false));
    assert_eq!(find(&stored, "/b/lib.so"), (Some(0x7f00_0000_3000), Some(0x7f00_0000_3000), false));
    // The rows of both are all there, each once.
    let mut places: Vec<_> = live.rows.iter().filter_map(|row| row.b).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2]);
}

#[test]
fn a_library_that_is_mapped_twice_is_two_objects() {
    let library = |start: u64| {
        format!(
            "{:x}-{:x} r-xp 00000000 fe:00 20 /lib/a.so\n{:x}-{:x} r--p 00000000 fe:00 20 /lib/a.so\n\
             {:x}-{:x} rw-p 00001000 fe:00 20 /lib/a.so\n",
            start,
            start + 0x1000,
            start + 0x1000,
            start + 0x2000,
            start + 0x2000,
            start + 0x3000
        )
    };
    let first = map(&(library(0x7f00_0000_0000) + &library(0x7f00_0010_0000)));
    let second = map(&(library(0x7f00_0030_0000) + &library(0x7f00_0050_0000)));
    let comparison = compare(&saved("a", &first), &saved("b", &second));
    let libraries: Vec<_> = comparison.objects.iter().map(|object| (object.instance, object.distance())).collect();
    assert_eq!(libraries, [(2, Some(0x30_0000)), (1, Some(0x40_0000))]);
    assert_eq!(comparison.rows.len(), 6);
    let half = map(&(library(0x7f00_0000_0000) + &library(0x7f00_0050_0000)));
    assert_eq!(compare(&saved("a", &first), &saved("b", &half)).verdict, "stayed: a.so #2; moved: a.so");
    // Of two and one the first that was mapped, which is the highest, is the same.
    let once = compare(&saved("a", &first), &saved("b", &map(&library(0x7f00_0050_0000))));
    assert_eq!(once.objects.iter().map(Object::distance).collect::<Vec<_>>(), [None, Some(0x40_0000)]);
}

#[test]
fn parts_that_begin_in_one_page_of_a_file_are_of_one_object() {
    let first = map("400000-401000 r--p 00000000 fe:00 10 /x
        401000-402000 r-xp 00001000 fe:00 10 /x
        402000-403000 r--p 00002000 fe:00 10 /x
        403000-404000 r--p 00002000 fe:00 10 /x
        404000-405000 rw-p 00003000 fe:00 10 /x
        7f0000000000-7f0000001000 r--s 00000000 fe:00 11 /data
        7f0000001000-7f0000002000 r--s 00000000 fe:00 11 /data");
    let comparison = compare(&saved("a", &first), &saved("b", &first));
    let objects: Vec<_> = comparison.objects.iter().map(|object| (object.a, object.instance)).collect();
    assert_eq!(objects, [(Some(0x40_0000), 1), (Some(0x7f00_0000_0000), 2), (Some(0x7f00_0000_1000), 1)]);
    assert!(comparison.rows.iter().enumerate().all(|(at, row)| (row.a, row.b) == (Some(at), Some(at))));
}

#[test]
fn other_executables_are_told_and_compared_all_the_same() {
    let first = process(0, 0, 0, 0);
    let mut second = process(0x1000, 0x2000, 0x3000, 0x4000);
    for mapping in second.iter_mut().filter(|mapping| mapping.file.inode == 10) {
        (mapping.file.inode, mapping.path) = (11, Some("/usr/bin/y".into()));
    }
    let (one, mut other) = (program(1), program(2));
    other.file = Some(FileId { device: (0xfe, 0), inode: 11 });
    let second = Side { exe: Some(b"/usr/bin/y (deleted)"), ..side("812", &second, &other) };
    let comparison = compare(&side("800", &first, &one), &second);
    assert_eq!(comparison.same_executable, Some(false));
    assert!(comparison.verdict.starts_with("different executables: /usr/bin/x and /usr/bin/y; every object moved"));
    assert_eq!((comparison.objects[0].role, comparison.objects[0].distance()), (Role::Executable, Some(0x1000)));
    // The same program in another container has the same build-id.
    let built = |program: &Program| {
        let elf = Elf { build_id: Some("ab".into()), ..elf(true) };
        Program { elf: Ok(Some(elf)), ..program.clone() }
    };
    let (one, other) = (built(&one), built(&other));
    let second = Side { run: Some(Run { parent: None, program: &other }), ..second };
    assert_eq!(compare(&side("800", &first, &one), &second).same_executable, Some(true));
}

#[test]
fn mappings_without_a_name_are_known_by_what_they_lie_below() {
    let first = map("7f0000001000-7f0000002000 rw-p 00000000 00:00 0
        7f0000003000-7f0000004000 rw-p 00000000 00:00 0
        7f0000005000-7f0000006000 r-xp 00000000 fe:00 20 /lib/a.so");
    let second = map("7f0000003000-7f0000004000 rw-p 00000000 00:00 0
        7f0000005000-7f0000006000 r-xp 00000000 fe:00 20 /lib/a.so
        7f0000006000-7f0000007000 rw-p 00000000 00:00 0");
    let comparison = compare(&saved("a", &first), &saved("b", &second));
    let rows: Vec<_> = comparison.rows.iter().map(|row| (row.a, row.b)).collect();
    assert_eq!(rows, [(Some(0), None), (Some(1), Some(0)), (Some(2), Some(1)), (None, Some(2))]);
}

#[test]
fn nothing_and_anything_can_be_compared() {
    let none = compare(&saved("a", &[]), &saved("b", &[]));
    assert_eq!((none.objects.len(), none.rows.len()), (0, 0));
    assert_eq!(none.verdict, "the two have no object in common");
    let unknown = Side { exe: None, ..saved("a", &[]) };
    assert_eq!(compare(&unknown, &saved("b", &[])).same_executable, None);
    let odd = map("0-1000 r--p ffffffffffff0000 00:00 0\nfffffffffffff000-ffffffffffffffff rw-p 00000000 fe:00 1 /x");
    let comparison = compare(&saved("a", &odd), &saved("b", &process(0, 0, 0, 0)));
    assert_eq!(comparison.rows.iter().filter(|row| row.a.is_some()).count(), odd.len());
}

#[test]
fn a_newline_in_the_name_of_the_program_is_found_as_maps_writes_it() {
    let mappings = map("550000000000-550000001000 r-xp 00000000 fe:00 10 /tmp/a\\012b (deleted)");
    let side = Side { exe: Some(b"/tmp/a\nb (deleted)"), ..saved("a", &mappings) };
    assert_eq!(executable(&side), Some(0));
}

#[test]
fn pages_of_relro_are_those_the_interpreter_protects() {
    let mut mappings = process(0, 0, 0, 0);
    let state = |mappings: &[Mapping], range| {
        let elf = Elf { relro_range: Some(range), ..elf(true) };
        let found = relro::protection(&elf, mappings, 0x5500_0000_0000, 0x1000).expect("it has some");
        (found.state, found.mappings.len())
    };
    assert_eq!(state(&mappings, (0x2d90, 0x3000)), (Protection::ReadOnly, 1));
    assert_eq!(state(&mappings, (0x2d90, 0x3ff0)), (Protection::ReadOnly, 1), "the last page is not filled");
    assert_eq!(state(&mappings, (0x2d90, 0x4000)), (Protection::Writable, 2));
    assert_eq!(state(&mappings, (0x3010, 0x3020)), (Protection::NoPage, 0));
    for beyond in [(0x2d90, u64::MAX), (u64::MAX, 0)] {
        assert_ne!(state(&mappings, beyond).0, Protection::ReadOnly);
    }
    mappings.remove(2);
    assert_eq!(state(&mappings, (0x2d90, 0x3000)), (Protection::Unmapped, 0));
    let none = Elf { relro_range: None, ..elf(true) };
    assert_eq!(relro::protection(&none, &mappings, 0, 0x1000), None);
    // A program that is not position-independent lies where its file says.
    let fixed = Elf { base: 0x40_0000, relro_range: Some((0x40_1e10, 0x40_2000)), ..elf(false) };
    let mappings = map("400000-401000 r-xp 00000000 fe:00 10 /x\n401000-402000 r--p 00001000 fe:00 10 /x");
    let found = relro::protection(&fixed, &mappings, 0x40_0000, 0x1000).expect("it has some");
    assert_eq!((found.state, found.range), (Protection::ReadOnly, 0x40_1000..0x40_2000));
}

#[test]
fn a_static_pie_lies_in_the_area_of_mappings() {
    let mappings = map("555500000000-555500001000 rw-p 00000000 00:00 0 [heap]
        7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]
        7f0000001000-7f0000002000 r-xp 00000000 fe:00 10 /usr/bin/x
        7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 [stack]
        7f0000000000-7f0000000000 rw-p 00000000 00:00 0");
    let comparison = compare(&saved("a", &mappings), &saved("b", &mappings));
    let area = comparison.objects.iter().find(|object| object.role == Role::Area).expect("it has one");
    assert_eq!(area.a, Some(0x7f00_0000_2000));
}

/// Mappings in order of address, of few files, offsets and kinds, so that they come to be alike.
fn any_map() -> impl Strategy<Value = Vec<Mapping>> {
    let one = (1u64..4, 1u64..4, 0u64..3, 0u64..4, 0usize..Kind::ALL.len(), any::<bool>());
    proptest::collection::vec(one, 0..30).prop_map(|all| {
        let mut at = 0x1000;
        let mapping = |(gap, size, offset, inode, kind, writes): (u64, u64, u64, u64, usize, bool)| {
            let start: u64 = at + gap * 0x1000;
            at = start + size * 0x1000;
            Mapping {
                start,
                end: at,
                permissions: Permissions::parse(if writes { b"rw-p" } else { b"r-xp" }).expect("four letters"),
                offset: offset * 0x1000,
                file: FileId { device: (0, 0), inode },
                path: (inode > 0).then(|| format!("/{}", inode / 2).as_str().into()),
                deleted: false,
                kind: Kind::ALL[kind].0,
                thread: None,
            }
        };
        all.into_iter().map(mapping).collect()
    })
}

proptest! {
    #[test]
    fn every_mapping_of_both_is_in_one_row_and_its_object_is_there(first in any_map(), second in any_map()) {
        let same = program(1);
        for (a, b) in [(saved("1", &first), saved("2", &second)), (side("1", &first, &same), side("2", &second, &same))] {
            let comparison = compare(&a, &b);
            let mut of_a: Vec<_> = comparison.rows.iter().filter_map(|row| row.a).collect();
            let mut of_b: Vec<_> = comparison.rows.iter().filter_map(|row| row.b).collect();
            prop_assert!(of_a.is_sorted());
            of_a.sort_unstable();
            of_b.sort_unstable();
            prop_assert_eq!(of_a, (0..first.len()).collect::<Vec<_>>());
            prop_assert_eq!(of_b, (0..second.len()).collect::<Vec<_>>());
            for row in &comparison.rows {
                let object = &comparison.objects[row.object];
                prop_assert!(row.a.is_none_or(|_| object.a.is_some()) && row.b.is_none_or(|_| object.b.is_some()));
            }
            let itself = compare(&a, &a);
            prop_assert!(itself.objects.iter().all(|object| object.distance() == Some(0)));
            prop_assert!(itself.rows.iter().all(|row| row.a == row.b));
        }
    }
}
