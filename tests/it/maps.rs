//! `sysview maps` from the outside: what it prints of a recorded process, what it refuses and why, what it saves and finds
//! changed since.

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value as Json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use sysview::{
    snapshot::map::Amount,
    table::{OfMappings, Table},
};

const RECORDED: &str = "--from tests/fixtures/one-map.txt";

fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sysview"));
    command.arg("maps").args(arguments.split_whitespace()).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn told(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn run(mut command: Command) -> (String, String, Option<i32>) {
    told(command.output().expect("the program starts"))
}

/// What a run without any complaint printed.
fn printed(arguments: &str, more: &[&str]) -> String {
    let mut command = program(arguments);
    command.args(more);
    let (text, complaint, status) = run(command);
    assert_eq!((complaint.as_str(), status), ("", Some(0)), "{arguments} {more:?}");
    text
}

fn json(arguments: &str, more: &[&str]) -> Json {
    let text = printed(arguments, more);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments}: {error}: {text}"))
}

fn rows<'a>(report: &'a Json, name: &str) -> &'a Vec<Json> {
    report[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

/// The line of a table that ends so.
fn line<'t>(table: &'t str, end: &str) -> &'t str {
    table.lines().find(|line| line.ends_with(end)).unwrap_or_else(|| panic!("no line ends in {end}: {table}"))
}

#[test]
fn a_map_is_a_table_with_totals() {
    let table = printed(RECORDED, &["42", "--columns", "start,size,permissions,rss,pss,swap,path"]);
    assert_eq!(
        table,
        "         ADDRESS  SIZE PERM       RSS   PSS  SWAP PATH
    556c32ab6000  188K r--p      188K  188K    0B /usr/sbin/server
    556c32ae5000  772K r-xp      684K  684K    0B /usr/sbin/server
    556c32ba6000   40K rw-p       40K   40K    0B /usr/sbin/server
    556c32bb0000   64K rw-p       12K   12K    0B -
    556c5fd97000  4.0M rw-p      3.0M  3.0M  512K [heap]
    7f0cc8000000  1.0M rwxp W+X   64K   64K    0B [anon:jit]
    7f0cc8d00000  2.0M rw-p      2.0M  2.0M    0B [thread 45]
    7f0cc9000000   64K r-xp       32K   10K    0B /usr/lib/libold.so.1 (deleted)
    7f0cc9100000  8.0K rw-s      8.0K  3.0K    0B /memfd:a\\012b (deleted)
    7ffc5193d000  132K rw-p       20K   20K    0B [stack]
    7ffc519f0000  8.0K r-xp      4.0K    0B    0B [vdso]
ffffffffff600000  4.0K --xp        0B    0B    0B [vsyscall]
           total  8.2M           6.0M  6.0M  512K 12 mappings
"
    );
    let default = printed(RECORDED, &["42"]);
    assert!(line(&default, " [heap]").contains(" heap "), "{default}");
    assert!(default.lines().all(|line| line.chars().count() <= 122), "{default}");
}

#[test]
fn mappings_are_sorted_and_filtered_and_their_totals_are_theirs() {
    let table = printed(
        RECORDED,
        &["42", "--columns", "rss,path", "--sort", "rss", "--filter", "rss > 1M and path = \"[heap]\""],
    );
    assert_eq!(table, "  RSS PATH\n 3.0M [heap]\n 3.0M 1 of 12 mappings\n");
    let report = json(RECORDED, &["42", "--format", "json", "--sort", "rss", "--filter", "permissions ~ w"]);
    let sizes: Vec<_> = rows(&report, "mappings").iter().map(|row| row["rss"].as_u64()).collect();
    assert!(sizes.len() == 7 && sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    assert_eq!(report["totals"]["rss"].as_u64(), sizes.iter().copied().sum::<Option<u64>>());
    let reversed = json(RECORDED, &["42", "--format", "json", "--sort", "start", "--reverse"]);
    assert_eq!(rows(&reversed, "mappings")[0]["start"], "0xffffffffff600000");
    let none = printed(RECORDED, &["42", "--columns", "rss,path", "--filter", "rss > 1T"]);
    assert_eq!(none, "  RSS PATH\n   0B 0 of 12 mappings\n");
}

#[test]
fn mappings_are_grouped_by_object() {
    let table = printed(RECORDED, &["42", "--group", "--columns", "mappings,size,rss,path"]);
    assert!(table.contains("\n   4  1.0M  924K /usr/sbin/server\n   1  4.0M  3.0M [heap]\n"), "{table}");
    assert!(table.ends_with("\n  12  8.2M  6.0M 12 mappings of 9 objects\n"), "{table}");
    assert!(table.starts_with("MAPS  SIZE   RSS OBJECT\n"), "{table}");
    let sorted = printed(RECORDED, &["42", "--group", "--sort", "rss", "--columns", "rss,path"]);
    assert_eq!(sorted.lines().nth(1), Some(" 3.0M [heap]"));
    let report = json(RECORDED, &["42", "--group", "--format", "json"]);
    let server = &rows(&report, "objects")[0];
    assert_eq!(
        (&server["object"], &server["mappings"], &server["rss"]),
        (&"/usr/sbin/server".into(), &4.into(), &946_176.into())
    );
    assert_eq!(
        (&server["uss"], &server["start"], &server["inode"]),
        (&946_176.into(), &"0x556c32ab6000".into(), &1201.into())
    );
    assert_eq!(rows(&report, "objects").len(), 9);
}

#[test]
fn json_has_every_field_of_every_mapping_as_the_kernel_tells_it() {
    let report = json(RECORDED, &["42", "--format", "json"]);
    assert_eq!((&report["sysview"], &report["pid"], &report["start_ticks"]), (&1.into(), &42.into(), &4200.into()));
    assert_eq!((&report["name"], &report["exe"]), (&"server".into(), &"/usr/sbin/server".into()));
    let fixture = fs::read_to_string("tests/fixtures/one-map.txt").expect("the fixture is there");
    let smaps = fixture.split("== 42/smaps\n").nth(1).and_then(|rest| rest.split("== ").next()).expect("it has one");
    let heads = smaps.lines().filter(|line| line.split(' ').next().is_some_and(|word| word.contains('-')));
    assert_eq!(heads.count(), rows(&report, "mappings").len());
    let mut values = smaps.lines().filter_map(|line| {
        let (key, value) = line.split_once(':').filter(|(key, _)| !key.contains(' '))?;
        Some((key, value.trim()))
    });
    for row in rows(&report, "mappings") {
        let mut next = |key: &str| {
            let (found, value) = values.next().expect("there is one for each row");
            assert_eq!(found, key);
            value
                .strip_suffix(" kB")
                .map_or(Json::from(value), |kib| Json::from(kib.trim().parse::<u64>().expect("a number") * 1024))
        };
        assert_eq!(row["size"], next("Size"));
        assert_eq!((&row["page_size"], &row["mmu_page_size"]), (&next("KernelPageSize"), &next("MMUPageSize")));
        for (_, key, name) in Amount::ALL {
            assert_eq!(row[name], next(&String::from_utf8_lossy(key)), "{name} of {row}");
        }
        let other = if row["path"] == "[heap]" {
            serde_json::json!({"NewFigure": next("NewFigure")})
        } else {
            serde_json::json!({})
        };
        assert_eq!(row["other"], other);
        assert_eq!(row["thp_eligible"], Json::from(next("THPeligible") == "1"));
        let flags: Vec<_> = rows(row, "flags").iter().filter_map(Json::as_str).collect();
        assert_eq!(Json::from(flags.join(" ")), next("VmFlags"));
        assert_eq!(row["missing"], serde_json::json!({"protection_key": "unsupported"}));
    }
    // More than the sum of the rows, each of which the kernel rounds down.
    let pss: u64 = rows(&report, "mappings").iter().filter_map(|row| row["pss"].as_u64()).sum();
    assert_eq!(report["totals"]["pss"].as_u64(), Some(pss + 2048));
    assert_eq!((&report["totals"]["size"], &report["totals"]["uss"]), (&8_650_752.into(), &6_275_072.into()));
    let memfd = &rows(&report, "mappings")[8];
    assert_eq!((&memfd["path"], &memfd["deleted"]), (&"/memfd:a\\\\012b (deleted)".into(), &true.into()));

    let line = printed(RECORDED, &["42", "--format", "ndjson"]);
    assert_eq!(line.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Json>(&line).expect("it is JSON"), report);
}

#[test]
fn csv_has_every_column_of_a_mapping() {
    let text = printed(RECORDED, &["42", "--format", "csv"]);
    let names: Vec<_> = text.lines().next().expect("a line of names").split(',').collect();
    for column in OfMappings::COLUMNS {
        assert_eq!(names.contains(&column.name), column.name != "mappings" && !column.name.ends_with("_change"));
    }
    assert_eq!(text.lines().count(), 13);
    let some =
        printed(RECORDED, &["42", "--format", "csv", "--columns", "start,rss,thread,path", "--filter", "kind = heap"]);
    assert_eq!(some, "start,rss,thread,path\n0x556c5fd97000,3145728,,[heap]\n");
}

#[test]
fn addresses_are_told_without_figures() {
    let table = printed(RECORDED, &["42", "--addresses", "--columns", "start,end,size,path"]);
    assert!(table.contains("    556c5fd97000     556c60197000  4.0M [heap]\n"), "{table}");
    assert!(printed(RECORDED, &["42", "--addresses"]).contains("[heap]"));
    let report = json(RECORDED, &["42", "--addresses", "--format", "json"]);
    let heap = &rows(&report, "mappings")[4];
    assert_eq!((&heap["rss"], &heap["missing"]["rss"], &heap["flags"]), (&Json::Null, &"off".into(), &Json::Null));
    assert_eq!((&report["totals"]["size"], &report["totals"]["missing"]["uss"]), (&8_650_752.into(), &"off".into()));
}

#[test]
fn columns_of_addresses_alone_do_not_read_figures() {
    let tree = tempfile::tempdir().expect("a directory");
    process(tree.path(), "1000-2000 rw-p 00000000 00:00 0          [heap]\n");
    let root = ["--proc-root", tree.path().to_str().expect("the path is text"), "42", "--columns"];
    let table = printed("", &[&root[..], &["start,path", "--filter", "size > 1K"]].concat());
    assert_eq!(table, "     ADDRESS PATH\n000000001000 [heap]\n       total 1 mappings\n");
    let (_, complaint, status) = run({
        let mut command = program("");
        command.args([&root[..], &["rss"]].concat());
        command
    });
    assert!(status == Some(1) && complaint.starts_with("sysview: what is in the mappings of 42 (x) "), "{complaint}");
}

/// A tree with one process that has addresses and no figures.
fn process(root: &Path, maps: &str) {
    let directory = root.join("42");
    fs::create_dir_all(directory.join("task/42")).expect("a directory can be made");
    let stat = "42 (x) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 4096 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0\n";
    for file in ["stat", "task/42/stat"] {
        fs::write(directory.join(file), stat).expect("a file can be written");
    }
    fs::write(directory.join("status"), "Name:\tx\nTgid:\t42\nUid:\t0\t0\t0\t0\n").expect("a file can be written");
    fs::write(directory.join("maps"), maps).expect("a file can be written");
}

#[test]
fn a_map_that_never_comes_ends_the_command_in_time() {
    let tree = tempfile::tempdir().expect("a directory");
    process(tree.path(), "1000-2000 rw-p 00000000 00:00 0          [heap]\n");
    mknodat(CWD, tree.path().join("42/smaps"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
    let begun = Instant::now();
    let (text, complaint, status) = run({
        let mut command = program("42 --patience 0.3 --proc-root");
        command.arg(tree.path());
        command
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // What exists is printed.
    assert!(line(&text, " [heap]").contains(" blkd "), "{text}");
    assert_eq!(status, Some(1));
    let expected = "sysview: the kernel does not answer for what is in the mappings of 42 (x) (blocked)";
    assert!(complaint.starts_with(expected) && complaint.lines().count() == 1, "{complaint}");

    fs::remove_file(tree.path().join("42/maps")).expect("it is there");
    mknodat(CWD, tree.path().join("42/maps"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
    let (text, complaint, status) = run({
        let mut command = program("42 --patience 0.3 --proc-root");
        command.arg(tree.path());
        command
    });
    assert_eq!((text.as_str(), status), ("", Some(1)));
    assert!(complaint.contains("the kernel does not answer for the memory of 42 (x) (blocked)"), "{complaint}");
}

#[test]
fn what_has_no_map_says_why() {
    let cases = [
        ("2", "2 (kthreadd) is a kernel thread: it has no memory of its own"),
        ("43", "43 (worker) is a zombie: it has ended and its memory is gone; its parent 42 has not reaped it"),
        ("44", "the memory of 44 (php) may not be read (denied): it belongs to www-data; run as www-data or root"),
        ("45", "45 is no process but a thread of 42: try `sysview maps 42`"),
        ("46", "the memory of 46 (mine) may not be read (denied), though it is yours: it does not let others look"),
        ("47", "no such process: 47"),
    ];
    for (pid, expected) in cases {
        let (text, complaint, status) = run(program(&format!("{RECORDED} {pid}")));
        assert_eq!((text.as_str(), status), ("", Some(1)), "{pid}");
        assert!(complaint.starts_with(&format!("sysview: {expected}")), "{complaint}");
        assert_eq!(complaint.lines().count(), 1);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases = [
        ("--columns rrs", "unknown column rrs; did you mean rss?; there are start, end, "),
        ("--columns rss_change", "rss_change compares two maps: --diff FILE shows what changed"),
        ("--filter swap_change>0", "swap_change compares two maps"),
        ("--addresses --sort rss", "rss is not read with --addresses"),
        ("--addresses --filter pss>1", "pss is not read with --addresses"),
        ("--format json --columns rss", "JSON has all columns"),
        ("--save x --format csv", "--save writes JSON"),
        ("--save x --filter rss>1", "cannot be used with"),
        ("--diff x --group", "cannot be used with"),
        ("--filter rss>", "expected"),
        ("--patience 0", "expected seconds"),
    ];
    for (arguments, expected) in cases {
        let (text, complaint, status) = run(program(&format!("{RECORDED} 42 {arguments}")));
        assert_eq!((text.as_str(), status), ("", Some(2)), "{arguments}: {complaint}");
        assert!(complaint.contains(expected), "{arguments}: {complaint}");
    }
}

#[test]
fn a_map_is_saved_whole_and_what_was_there_stays_where_it_cannot_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("saved.json");
    let name = path.to_str().expect("the path is text");
    assert_eq!(printed(RECORDED, &["42", "--save", name]), "");
    let saved = fs::read_to_string(&path).expect("it was saved");
    assert_eq!(saved, printed(RECORDED, &["42", "--save", "-"]));
    assert_eq!(saved, printed(RECORDED, &["42", "--format", "json"]));
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    let failing = run(program(&format!("{RECORDED} 47 --save {name}")));
    assert_eq!(failing.2, Some(1));
    assert_eq!(fs::read_to_string(&path).expect("it is there"), saved);
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 1, "nothing is left beside it");
    let (_, complaint, status) = run(program(&format!("{RECORDED} 42 --save {name}/x")));
    assert_eq!(status, Some(1));
    assert!(complaint.starts_with(&format!("sysview: cannot write {name}/x: ")), "{complaint}");
}

#[test]
fn what_changed_since_a_map_was_saved_is_shown_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("saved.json");
    let name = path.to_str().expect("the path is text");
    printed(RECORDED, &["42", "--save", name]);
    let nothing = printed(RECORDED, &["42", "--diff", name]);
    assert_eq!(nothing.lines().count(), 2, "{nothing}");
    assert!(nothing.contains(" 0 of 12 mappings changed from "), "{nothing}");

    // The heap was smaller, the last library was not there, and another was.
    let mut saved: Json = serde_json::from_str(&fs::read_to_string(&path).expect("it was saved")).expect("it is JSON");
    let mappings = saved["mappings"].as_array_mut().expect("a list");
    mappings[4]["end"] = "0x556c5fe97000".into();
    mappings[4]["rss"] = (1 << 20).into();
    mappings[4]["swap"] = 0.into();
    let old = mappings.remove(7);
    let mut other = old.clone();
    (other["start"], other["end"]) = ("0x7f0cca000000".into(), "0x7f0cca001000".into());
    (other["path"], other["inode"], other["rss"]) = ("/usr/lib/gone.so".into(), 99.into(), 4096.into());
    mappings.push(other);
    fs::write(&path, saved.to_string()).expect("it can be written");

    let report = json(RECORDED, &["42", "--diff", name, "--format", "json"]);
    let told: Vec<_> = rows(&report, "changes")
        .iter()
        .map(|row| {
            (
                row["change"].as_str(),
                row["path"].as_str(),
                row["size"].as_i64(),
                row["rss"].as_i64(),
                row["swap"].as_i64(),
            )
        })
        .collect();
    let expected = [
        (Some("grown"), Some("[heap]"), Some(3 << 20), Some(2 << 20), Some(512 << 10)),
        (Some("new"), Some("/usr/lib/libold.so.1 (deleted)"), Some(65_536), Some(32_768), Some(0)),
        (Some("vanished"), Some("/usr/lib/gone.so"), Some(-4096), Some(-4096), Some(0)),
    ];
    assert_eq!(told, expected);
    let heap = &rows(&report, "changes")[0];
    assert_eq!(
        (&heap["start"], &heap["end"], &heap["kind"]),
        (&"0x556c5fd97000".into(), &"0x556c60197000".into(), &"heap".into())
    );
    assert_eq!((&report["pid"], &report["name"]), (&42.into(), &"server".into()));
    assert_eq!((&report["from"], &report["to"]), (&saved["taken"], &saved["taken"]));
    assert_eq!(report["totals"]["size"].as_i64(), Some((3 << 20) + 65_536 - 4096));

    let table = printed(RECORDED, &["42", "--diff", name]);
    let begins = ["CHANGE ", "grown ", "new ", "vanished ", "total "];
    assert!(table.lines().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{table}");
    assert!(line(&table, " [heap]").contains(" +2.0M "), "{table}");
    assert_eq!(table.lines().count(), begins.len());
    let csv = printed(RECORDED, &["42", "--diff", name, "--format", "csv"]);
    assert!(csv.contains("\ngrown,0x556c5fd97000,0x556c60197000,heap,[heap],3145728,2097152,"), "{csv}");

    // Compared with what was saved and saved again in one go.
    printed(RECORDED, &["42", "--diff", name, "--save", name]);
    assert!(printed(RECORDED, &["42", "--diff", name]).contains(" 0 of 12 mappings changed "));
}

#[test]
fn a_file_that_is_no_map_or_one_of_something_else_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("saved.json");
    let name = path.to_str().expect("the path is text");
    let diff = || run(program(&format!("{RECORDED} 42 --diff {name}")));
    let (_, complaint, status) = diff();
    assert!(status == Some(1) && complaint.starts_with(&format!("sysview: cannot read {name}: ")), "{complaint}");
    for (text, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[1]", "expected a memory map"),
        ("{\"sysview\": 7}", "a newer sysview wrote it"),
        ("{\"sysview\":1,\"mappings\":[{\"start\":\"\\u001b\"}]}", "expected an address"),
    ] {
        fs::write(&path, text).expect("it can be written");
        let (text, complaint, status) = diff();
        assert_eq!((text.as_str(), status), ("", Some(1)));
        assert!(
            complaint.starts_with(&format!("sysview: {name} is no saved map that this sysview reads: "))
                && complaint.contains(expected),
            "{complaint}"
        );
        assert!(complaint.lines().count() == 1 && !complaint.contains('\u{1b}'), "{complaint}");
    }
    printed(RECORDED, &["42", "--save", name]);
    let saved = fs::read_to_string(&path).expect("it was saved");
    for (from, to, expected) in [
        (
            "/usr/sbin/server\",\"taken",
            "/usr/sbin/other\",\"taken",
            "is a map of /usr/sbin/other, and 42 runs /usr/sbin/server",
        ),
        ("\"start_ticks\":4200", "\"start_ticks\":4100", "is a map of another process, 42 (server)"),
    ] {
        assert!(saved.contains(from));
        fs::write(&path, saved.replace(from, to)).expect("it can be written");
        let (text, complaint, status) = diff();
        assert_eq!(status, Some(0));
        assert!(complaint.contains(expected) && complaint.lines().count() == 1, "{complaint}");
        assert!(text.contains(" 0 of 12 mappings changed "), "{text}");
    }
}
