//! Saved maps come back as they were, and what is no saved map says why.

use super::*;
use crate::{
    analysis::example::{map, mapping},
    command::maps::{
        Selection,
        json::{self, Lines},
    },
};
use proptest::prelude::*;

fn text(map: &MemoryMap, lines: Lines) -> Vec<u8> {
    let mut text = Vec::new();
    json::write(&mut text, &Selection::whole(map), lines).expect("a vector takes everything");
    text
}

fn again(map: &MemoryMap) -> MemoryMap {
    read(text(map, Lines::Many).as_slice()).expect("what was written can be read")
}

fn example() -> MemoryMap {
    map([
        mapping(0x1000, 0x3000, Kind::Text, "r-xp", "/bin/x").inode(7).offset(0x1000).rss(0x2000),
        mapping(0x5000, 0x6000, Kind::Heap, "rw-p", "[heap]").rss(0x1000),
        mapping(0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000, Kind::Vsyscall, "--xp", "[vsyscall]"),
    ])
}

#[test]
fn a_map_is_written_under_the_names_of_the_contract() {
    let mut map = example();
    let figures = map.figures.as_mut().expect("there are figures");
    figures[0].flags = "rd ex mr".into();
    figures[0].thp_eligible = Some(true);
    figures[0].page_size = Bytes(4096);
    figures[0].other = Some(Box::new(vec![
        ("NewBytes".into(), Unknown::Bytes(Bytes(4096))),
        ("NewText".into(), Unknown::Text("a b".into())),
    ]));
    let json: serde_json::Value = serde_json::from_slice(&text(&map, Lines::Many)).expect("it is JSON");
    assert_eq!((&json["sysview"], &json["pid"], &json["start_ticks"]), (&1.into(), &42.into(), &4200.into()));
    assert_eq!((&json["name"], &json["exe"]), (&"x".into(), &"/bin/x".into()));
    let first = &json["mappings"][0];
    for (name, value) in [
        ("start", serde_json::json!("0x1000")),
        ("end", serde_json::json!("0x3000")),
        ("size", serde_json::json!(0x2000)),
        ("permissions", serde_json::json!("r-xp")),
        ("offset", serde_json::json!(0x1000)),
        ("device", serde_json::json!("fe:00")),
        ("inode", serde_json::json!(7)),
        ("path", serde_json::json!("/bin/x")),
        ("kind", serde_json::json!("text")),
        ("rss", serde_json::json!(0x2000)),
        ("ksm", serde_json::Value::Null),
        ("page_size", serde_json::json!(4096)),
        ("mmu_page_size", serde_json::Value::Null),
        ("thp_eligible", serde_json::json!(true)),
        ("flags", serde_json::json!(["rd", "ex", "mr"])),
        ("other", serde_json::json!({"NewBytes": 4096, "NewText": "a b"})),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!(
        (&first["missing"]["ksm"], &first["missing"]["protection_key"]),
        (&"unsupported".into(), &"unsupported".into())
    );
    assert!(first["missing"].get("rss").is_none() && first["missing"].get("thread").is_none());
    assert_eq!(json["mappings"][2]["end"], "0xffffffffff601000");
    assert_eq!((&json["totals"]["size"], &json["totals"]["rss"]), (&0x4000.into(), &0x3000.into()));
    assert_eq!(
        (&json["totals"]["uss"], &json["totals"]["missing"]["uss"]),
        (&serde_json::Value::Null, &"unsupported".into())
    );
}

#[test]
fn what_the_kernel_sums_up_is_not_summed_up_here() {
    let mut map = example();
    map.totals.as_mut().expect("there are totals").set(Amount::Pss, Bytes(0x3333));
    let json: serde_json::Value = serde_json::from_slice(&text(&map, Lines::Many)).expect("it is JSON");
    assert_eq!(json["totals"]["pss"], 0x3333);
    // An amount that only the rows have, and no totals at all.
    map.totals = Ok(Figures::default());
    assert_eq!(again(&map).totals.expect("there are totals").get(Amount::Rss), Some(Bytes(0x3000)));
    map.totals = Err(Missing::Unsupported);
    assert_eq!(again(&map).totals.expect("there are totals").get(Amount::Rss), Some(Bytes(0x3000)));
}

#[test]
fn figures_that_were_not_read_come_back_as_such() {
    for (missing, told) in [(Missing::NotRequested, Missing::Off), (Missing::Denied, Missing::Denied)] {
        let mut map = example();
        map.figures = Err(missing);
        map.totals = Err(missing);
        map.exe = Err(Missing::Denied);
        let read = again(&map);
        assert_eq!((read.figures, read.totals, read.exe), (Err(told), Err(told), Err(Missing::Denied)));
        assert_eq!(read.mappings, map.mappings);
    }
}

#[test]
fn a_map_on_one_line_is_the_same_map() {
    let map = example();
    let line = text(&map, Lines::One);
    assert_eq!(line.split(|byte| *byte == b'\n').count(), 2);
    assert_eq!(read(line.as_slice()).expect("it is a map").mappings, map.mappings);
    assert_eq!(text(&map, Lines::Many).split(|byte| *byte == b'\n').count(), 6);
}

#[test]
fn the_order_of_rows_and_keys_does_not_matter_and_neither_do_later_names() {
    let text = br#"{"mappings":[{"kind":"heap","end":"0x5000","start":"0x4000","permissions":"rw-p","new":[1,{"a":2}]},
        {"start":"0x1000","end":"0x2000","kind":"text","permissions":"r-xp"}],"new":{},"pid":1,"start_ticks":2,"sysview":1}"#;
    let map = read(&text[..]).expect("it is a map");
    assert_eq!(map.mappings.iter().map(|mapping| mapping.start).collect::<Vec<_>>(), [0x1000, 0x4000]);
    assert_eq!((map.figures, map.totals), (Err(Missing::Unsupported), Err(Missing::Unsupported)));
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    let with = |row: &str| format!("{{\"sysview\":1,\"pid\":1,\"start_ticks\":1,\"mappings\":[\n{row}\n]}}");
    let good = r#"{"start":"0x1000","end":"0x2000","kind":"heap","permissions":"rw-p"}"#;
    assert!(read(with(good).as_bytes()).is_ok());
    let instead = |part: &str, by: &str| with(&format!("{good},\n{}", good.replace(part, by)));
    let cases = [
        (String::new(), "EOF while parsing a value at line 1 column 0"),
        ("maps".to_owned(), "expected value at line 1 column 1"),
        ("[]".to_owned(), "invalid type: sequence, expected a memory map as `sysview maps --save` writes it"),
        ("{}".to_owned(), "it is no memory map of sysview: it has no \"sysview\""),
        ("{\"sysview\":2}".to_owned(), "a newer sysview wrote it (version 2 of this form, where this one knows 1)"),
        ("{\"sysview\":1}".to_owned(), "missing field `mappings`"),
        (with(good) + "x", "trailing characters at line 3 column 3"),
        (with(good)[..80].to_owned(), "EOF while parsing a string at line 2 column 30"),
        (
            with(good).replace("\"pid\"", "\"filter\":\"rss > 1M\",\"pid\""),
            "only the mappings for which this holds: rss > 1M",
        ),
        (with(good).replace("\"pid\"", "\"exe\":\"\\\\q\",\"pid\""), "a text, in which a backslash is doubled"),
        (instead("0x1000", "1000"), "mapping 2, start: expected an address such as 0x7f12a000, found 1000 at line 3"),
        (instead("0x1000", "0x+1"), "mapping 2, start: expected an address"),
        (instead("\"0x1000\"", "7"), "mapping 2, start: invalid type: integer `7`, expected a string at line 3"),
        (instead("heap", "hoap"), "mapping 2, kind: expected a kind of mapping such as heap, found hoap at line 3"),
        (instead("rw-p", "rw"), "mapping 2, permissions: expected permissions such as rw-p, found rw"),
        (instead("0x2000", "0x1000"), "mapping 2: it has no end, or one that is not above its start"),
        (instead("\"kind\":\"heap\",", ""), "mapping 2: it has no kind"),
        (instead("\"kind\"", "\"rss\":-1,\"kind\""), "mapping 2, rss: invalid value: integer `-1`, expected u64"),
        (instead("\"kind\"", "\"other\":{\"A\":[]},\"kind\""), "expected a number of bytes or a text, found A: []"),
        (with(&format!("{good},{good}")), "the mappings at 0x1000 and 0x1000 have addresses in common"),
    ];
    for (text, expected) in cases {
        let error = read(text.as_bytes()).expect_err(&text).to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn neighbours_share_their_texts() {
    let many = (0..100u64).map(|at| mapping(at << 13, (at << 13) + 4096, Kind::Text, "r-xp", "/bin/x").inode(7).rss(1));
    let map = again(&map(many));
    let paths: Vec<_> = map.mappings.iter().filter_map(|mapping| mapping.path.as_deref()).map(<[u8]>::as_ptr).collect();
    assert!(paths.iter().all(|path| *path == paths[0]));
}

fn bytes() -> impl Strategy<Value = Text> {
    let any = proptest::collection::vec(any::<u8>(), 1..20);
    prop_oneof![any, ".{1,12}".prop_map(String::into_bytes)].prop_map(|bytes| bytes.as_slice().into())
}

fn figures() -> impl Strategy<Value = Figures> {
    let amounts = proptest::collection::vec(proptest::option::of(any::<u64>()), Amount::ALL.len());
    let word = "[a-z\\x7f-\\xff\"\\\\]{2}";
    let rest = (any::<u32>(), proptest::option::of(any::<bool>()), proptest::option::of(any::<u32>()));
    let other = proptest::option::of((bytes(), bytes(), any::<u64>()));
    (amounts, proptest::collection::vec(word, 0..4), rest, other).prop_map(|(amounts, flags, rest, other)| {
        let mut figures = Figures::default();
        (figures.thp_eligible, figures.protection_key) = (rest.1, rest.2);
        figures.set(Amount::Rss, Bytes(1));
        for ((amount, ..), bytes) in Amount::ALL.iter().zip(amounts) {
            if let Some(bytes) = bytes {
                figures.set(*amount, Bytes(bytes));
            }
        }
        (figures.page_size, figures.mmu_page_size) = (Bytes(rest.0.into()), Bytes(rest.0.into()));
        figures.flags = flags.join(" ").as_str().into();
        figures.other = other.filter(|(key, ..)| !key.is_empty()).map(|(key, text, number)| {
            let another = [&key[..], b"2"].concat();
            Box::new(vec![(key, Unknown::Text(text)), (another.as_slice().into(), Unknown::Bytes(Bytes(number)))])
        });
        figures
    })
}

fn any_map() -> impl Strategy<Value = MemoryMap> {
    let place = (1u64..1 << 50, 1u64..1 << 40, 0usize..Kind::ALL.len(), 0usize..4);
    let file = (any::<(u32, u32)>(), any::<u64>(), any::<u64>(), proptest::option::of(bytes()), any::<bool>());
    let thread = proptest::option::of(any::<u32>());
    let rows = proptest::collection::vec((place, file, thread, figures()), 0..6);
    (rows, bytes(), proptest::option::of(bytes()), 0u64..4_000_000_000_000).prop_map(|(rows, name, exe, taken)| {
        let mut at = 0;
        let mut map = map(rows.iter().map(|((gap, size, kind, permissions), ..)| {
            let start = at + gap;
            at = start + size;
            let permissions = ["rw-p", "r-xs", "---p", "rwxs"][*permissions];
            mapping(start, at, Kind::ALL[*kind].0, permissions, "")
        }));
        for (mapping, (_, (device, inode, offset, path, deleted), thread, _)) in map.mappings.iter_mut().zip(&rows) {
            (mapping.file, mapping.offset) = (FileId { device: *device, inode: *inode }, *offset);
            (mapping.path, mapping.deleted, mapping.thread) = (path.clone(), *deleted, thread.map(Pid));
        }
        map.figures = Ok(rows.into_iter().map(|(.., figures)| figures).collect());
        map.taken.wall = Duration::from_millis(taken);
        (map.name, map.exe) = (name, exe.ok_or(Missing::Gone));
        map
    })
}

proptest! {
    #[test]
    fn every_map_comes_back(map in any_map()) {
        let read = again(&map);
        prop_assert_eq!(&read.mappings, &map.mappings);
        prop_assert_eq!(&read.figures, &map.figures);
        prop_assert_eq!((read.key, &read.name, &read.exe, read.taken), (map.key, &map.name, &map.exe, map.taken));
    }

    #[test]
    fn nothing_that_a_terminal_would_act_on_is_written(map in any_map()) {
        let text = String::from_utf8(text(&map, Lines::One)).expect("it is UTF-8");
        prop_assert!(!text.trim_end_matches('\n').contains(crate::text::is_unsafe));
    }

    #[test]
    fn no_bytes_are_too_odd_to_be_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        prop_assert!(read(bytes.as_slice()).is_err());
        let whole = text(&example(), Lines::Many);
        let broken = [&whole[..at.index(whole.len() - 2)], &bytes].concat();
        prop_assert!(read(broken.as_slice()).is_err());
    }
}
