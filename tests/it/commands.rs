//! Subcommands from the outside: what they print, what they complain of, and with which status they end.

use serde_json::Value as Json;
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use sysview::{
    table::{COLUMNS, Column, OfMappings, Table, presets::PRESETS},
    text::is_unsafe,
};

/// The program with these arguments, blanks between them, in a locale of its own.
fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sysview"));
    command.args(arguments.split_whitespace()).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What it printed, what it complained of, and its status.
fn run(arguments: &str) -> (String, String, Option<i32>) {
    told(program(arguments).output().expect("the program starts"))
}

fn told(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What a run without any complaint printed.
fn printed(arguments: &str) -> String {
    let (text, complaint, status) = run(arguments);
    assert_eq!((complaint.as_str(), status), ("", Some(0)), "{arguments}");
    text
}

fn array(arguments: &str) -> Vec<Json> {
    let text = printed(&format!("{arguments} --format json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments}: {error}: {text}"))
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The fields of each line of RFC 4180 text.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut rest, mut quoted) = (text.chars().peekable(), false);
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    assert!(!quoted && field.is_empty() && row.is_empty(), "the last line is whole");
    rows
}

fn all_columns() -> String {
    COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
}

fn pids(objects: &[Json]) -> Vec<u64> {
    objects.iter().map(|object| object["pid"].as_u64().expect("every process has a pid")).collect()
}

const CALM: &str = "--from tests/fixtures/calm.txt";
const HOSTILE: &str = "--from tests/fixtures/hostile.txt";
const BUSY: &str = "--from tests/fixtures/busy.txt";
const CONTAINER: &str = "--from tests/fixtures/container.txt";

#[test]
fn ps_draws_the_tree() {
    let text =
        printed(&format!("ps {CALM} --tree --columns pid,user,tty,rss,syscall,command 1 702 1201 1207 1208 1300 2"));
    assert_eq!(
        text,
        " PID USER  TTY    RSS SYSCALL         COMMAND
   1 root  -      13M epoll_wait      /sbin/init
 702 root  -     9.0M poll            └─ sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups
1201 root  -      11M poll               └─ sshd-session: alice [priv]
1207 alice -     6.7M poll                  └─ sshd-session: alice@pts/0
1208 alice pts/0 5.5M wait4                    └─ -bash
1300 alice pts/0 1.9M clock_nanosleep             └─ sleep 600
   2 root  -        - -               [kthreadd]
"
    );
    let ascii = program(&format!("ps {CALM} --tree --columns pid,command 702 1201")).env("LC_ALL", "C").output();
    let (text, ..) = told(ascii.expect("the program starts"));
    assert!(text.contains("\n1201 `- sshd-session"), "{text}");
}

#[test]
fn ps_sorts_and_filters() {
    let largest = array(&format!("ps {CALM} --columns rss --sort rss"));
    let sizes: Vec<_> = largest.iter().map(|object| object["rss"].as_u64()).collect();
    let known = sizes.iter().take_while(|size| size.is_some()).count();
    assert!(known > 5 && sizes[..known].is_sorted_by(|a, b| a >= b), "{sizes:?}");
    assert!(sizes.len() > known && sizes[known..].iter().all(Option::is_none), "{sizes:?}");
    let smallest = array(&format!("ps {CALM} --columns rss --sort rss --reverse"));
    assert_eq!(smallest.len(), largest.len());
    assert!(smallest[..known].iter().map(|object| object["rss"].as_u64()).is_sorted());
    assert!(smallest.last().is_some_and(|object| object["rss"].is_null()), "what does not exist is last both ways");

    assert_eq!(pids(&array(&format!("ps {CALM} --columns user --user www-data"))), [813, 814]);
    assert_eq!(pids(&array(&format!("ps {CALM} --columns name --user 33"))), [813, 814]);
    let filtered = program(&format!("ps {CALM} --columns pid --format csv"))
        .args(["--filter", "under 1201 and not name = bash"])
        .output();
    assert_eq!(told(filtered.expect("the program starts")).0, "pid\n1201\n1207\n1300\n");
    // A branch whose middle is left out hangs together.
    let tree =
        program(&format!("ps {CALM} --columns pid,name --tree")).args(["--filter", "name in (sshd, bash)"]).output();
    assert_eq!(told(tree.expect("the program starts")).0, " PID NAME\n 702 sshd\n1208 └─ bash\n");
}

#[test]
fn ps_gives_threads_rows_of_their_own() {
    let rows = array(&format!("ps {CALM} --threads --columns tid,name,rss 611 812"));
    let whole: Vec<_> = rows.iter().filter(|row| row["tid"].is_null()).collect();
    let threads: Vec<_> = rows.iter().filter(|row| row["pid"] == 611 && !row["tid"].is_null()).collect();
    assert_eq!(whole.len(), 2, "one row for each process");
    assert!(threads.len() > 1 && threads[0]["tid"] == 611, "{rows:?}");
    assert!(threads.iter().all(|thread| thread["rss"] == whole[0]["rss"]), "memory is that of the process");
    assert!(!rows.iter().any(|row| row["pid"] == 812 && !row["tid"].is_null()), "a single thread is its process");
    let table = printed(&format!("ps {CALM} --threads --tree --preset jobs 1 611 812"));
    let heading: Vec<_> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(heading[..3], ["PID", "TID", "PPID"]);
    assert_eq!(table.matches("│  ├─ ").count() + table.matches("│  └─ ").count(), threads.len(), "{table}");
}

#[test]
fn every_object_has_its_identity_and_the_columns_asked_for() {
    let all = array(&format!("ps {CALM} --columns {}", all_columns()));
    assert_eq!(all.len(), 15);
    for object in &all {
        let keys: Vec<_> = object.as_object().expect("an object each").keys().map(String::as_str).collect();
        let known = |key: &&str| ["interval", "missing"].contains(key) || COLUMNS.iter().any(|c| c.name == *key);
        assert!(keys.iter().all(known), "{keys:?}");
        assert!(COLUMNS.iter().all(|column| keys.contains(&column.name)), "{keys:?}");
        assert!(!object.to_string().contains("not_requested"), "{object}");
    }
    let few = array(&format!("ps {CALM} --columns cpu 813"));
    assert_eq!(
        few,
        [serde_json::json!({"pid": 813, "start_ticks": 1412, "name": "nginx", "interval": 1.0, "cpu": 2.14})]
    );
    let fewer = array(&format!("ps {CALM} --columns state 813"));
    assert_eq!(fewer, [serde_json::json!({"pid": 813, "start_ticks": 1412, "name": "nginx", "state": "S"})]);
}

#[test]
fn every_preset_answers_for_every_recording() {
    for fixture in [BUSY, CALM, CONTAINER, HOSTILE] {
        let all = array(&format!("ps {fixture} --columns cpu")).len();
        for preset in PRESETS {
            let rows = csv(&printed(&format!("ps {fixture} --preset {} --format csv", preset.name)));
            assert_eq!(rows[0], preset.names);
            // One without rates takes the first sample.
            let has_rates = preset.columns().any(Column::needs_interval);
            assert!(!has_rates || rows.len() == all + 1, "{fixture} {}", preset.name);
        }
    }
}

#[test]
fn what_is_stuck_stopped_dead_and_short_of_cpu_is_told_apart() {
    let jobs = program(&format!("ps {BUSY} --columns pid,state,exit,tty,hangup --format csv"))
        .args(["--filter", "state in (D, Z, T, t)"])
        .output();
    let (text, ..) = told(jobs.expect("the program starts"));
    let expected = "pid,state,exit,tty,hangup\n2002,D,,,default\n2011,Z,exit 3,,\n2020,T,,pts/0,caught\n2060,Z,,,default\n\
        2071,t,,pts/0,default\n";
    assert_eq!(text, expected, "a leader that ended while its threads run is no zombie");
    let sched = array(&format!("ps {BUSY} --columns policy,nice,rt_priority,run_delay_share,block_delay 2003 2055"));
    assert_eq!(
        (&sched[0]["policy"], &sched[0]["nice"], &sched[0]["rt_priority"]),
        (&"other".into(), &0.into(), &Json::Null)
    );
    assert!(sched[0]["run_delay_share"].as_f64() > Some(100.0), "many threads wait at once");
    assert_eq!(sched[1]["policy"], "fifo");
    assert_eq!((&sched[1]["nice"], &sched[1]["rt_priority"]), (&Json::Null, &50.into()));
    assert_eq!(sched[1]["missing"], serde_json::json!({"block_delay": "off"}));
}

#[test]
fn values_that_could_not_be_read_say_why() {
    let rows = array(&format!("ps {CONTAINER} --columns exit,wchan,rss,tty"));
    let zombie = rows.iter().find(|row| row["pid"] == 4031).expect("there is a zombie of another user");
    assert_eq!((&zombie["exit"], &zombie["missing"]), (&Json::Null, &serde_json::json!({"exit": "denied"})));
    assert!(zombie["rss"].is_null(), "it has no memory, which is no failure");
    let stranger = rows.iter().find(|row| row["pid"] == 4020).expect("there is a process that dropped its rights");
    assert_eq!(stranger["missing"], serde_json::json!({"wchan": "denied"}));
    let text = printed(&format!("ps {CONTAINER} --columns pid,exit 4031"));
    assert_eq!(text, " PID EXIT\n4031 denied\n");
}

#[test]
fn nothing_hostile_gets_through_in_any_format() {
    for format in ["table", "json", "ndjson", "csv"] {
        for form in ["", "--tree", "--threads"] {
            let text = printed(&format!("ps {HOSTILE} {form} --columns {} --format {format}", all_columns()));
            let seen: Vec<_> = text.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
            assert!(seen.is_empty(), "{format}: {seen:?}");
            assert!(text.len() > 10_000);
        }
    }
    let names = lines(&printed(&format!("ps {HOSTILE} --columns name --format ndjson 101 105")));
    assert_eq!(names[0]["name"], "x\n\u{1b}[31mred", "JSON gives the bytes back");
    assert_eq!(names[1]["name"], "bad\\xff\\xfe\\xe2\\x82");
    // A process cannot forge a line of its own.
    assert_eq!(printed(&format!("ps {HOSTILE} --columns pid,name 101")).lines().count(), 2);
}

#[test]
fn csv_has_a_field_for_each_column_of_each_row() {
    for fixture in [CALM, HOSTILE] {
        let rows = csv(&printed(&format!("ps {fixture} --columns {} --format csv", all_columns())));
        assert_eq!(rows[0], COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
        let objects = array(&format!("ps {fixture} --columns cpu"));
        assert_eq!(rows.len(), objects.len() + 1);
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
    }
    let rows = csv(&printed(&format!("ps {CALM} --columns rss,command --format csv 1300")));
    assert_eq!(rows[1], ["1966080", "sleep 600"]);
}

#[test]
fn a_table_that_is_no_terminals_is_never_cut() {
    let text = printed(&format!("ps {HOSTILE} --columns pid,command 109"));
    assert!(text.lines().any(|line| line.len() > 3000));
    assert!(!text.contains('…'));
}

#[test]
fn reports_are_as_many_as_asked_for_or_as_a_recording_has() {
    let one = printed(&format!("ps {CALM} --columns pid --format ndjson 1 2"));
    assert_eq!(pids(&lines(&one)), [1, 2]);
    // Two samples make two reports without rates, and one with.
    assert_eq!(printed(&format!("ps {CALM} --columns pid --format ndjson --count 0 1")).lines().count(), 2);
    assert_eq!(printed(&format!("ps {CALM} --columns cpu --format ndjson --count 0 1")).lines().count(), 1);
    assert_eq!(printed(&format!("ps {CALM} --columns pid --format csv --count 2 1")), "pid\n1\n1\n");
    assert_eq!(printed(&format!("ps {CALM} --columns pid --count 2 1")), "PID\n  1\n\nPID\n  1\n");
}

#[test]
fn a_recording_of_one_sample_has_no_rates() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("one.txt");
    let text = fs::read_to_string("tests/fixtures/calm.txt").expect("the fixture is there");
    let (first, _) = text.split_once("== tick 2").expect("it has two samples");
    fs::write(&file, first).expect("it can be written");
    let rows = array(&format!("ps --from {} --columns cpu 1", file.display()));
    assert_eq!((&rows[0]["cpu"], &rows[0]["missing"]["cpu"]), (&Json::Null, &"unsupported".into()));
}

/// A tree of kernel files on the disk, with one process that runs and one that cannot be read.
fn tree(directory: &Path) {
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("it is below the directory")).expect("directories can be made");
        fs::write(path, text).expect("files can be written");
    };
    let stat = |pid, name, state| {
        format!(
            "{pid} ({name}) {state} 1 {pid} {pid} 0 -1 4194304 5 0 0 0 3 4 0 0 20 0 1 0 100 4096000 50 0 0 0 0 0 0 0 0 0 0 0 \
             0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        )
    };
    write("7/stat", &stat(7, "seven", 'S'));
    write("7/status", "Name:\tseven\nUid:\t0\t0\t0\t0\nVmHWM:\t 200 kB\n");
    write("7/statm", "1000 50 10 1 0 20 0\n");
    write("7/cmdline", "/bin/seven\0--of\0nine\0");
    write("8/stat", "8 (broken");
    write("9/stat", &stat(9, "nine", 'D'));
    write("version", "no process\n");
}

#[test]
fn another_proc_is_read_as_it_is() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    tree(directory.path());
    let root = directory.path().display();
    let text = printed(&format!("ps --proc-root {root} --columns pid,state,rss,virt,command"));
    assert_eq!(text, "PID S  RSS VIRT COMMAND\n  7 S 200K 3.9M /bin/seven --of nine\n  9 D gone gone gone\n");
    let (_, complaint, status) = run(&format!("ps --proc-root {root}/nowhere"));
    assert!(status == Some(1) && complaint.starts_with("sysview: ") && complaint.lines().count() == 1, "{complaint}");
}

#[test]
fn a_report_without_rates_is_immediate_and_one_with_takes_the_delay() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    tree(directory.path());
    let took = |arguments: &str| {
        let begun = Instant::now();
        printed(&format!("ps --proc-root {} {arguments}", directory.path().display()));
        begun.elapsed()
    };
    assert!(took("--delay 30 --columns pid,rss") < Duration::from_secs(20));
    assert!(took("--delay 0.3 --columns pid,cpu") >= Duration::from_millis(300));
    assert!(took("--delay 0.3 --columns pid --sort minor_fault_rate") >= Duration::from_millis(300));
    assert!(took("--delay 0.2 --columns pid --count 3") >= Duration::from_millis(400));
}

#[test]
fn wrong_usage_ends_with_2_and_names_what_was_meant() {
    let cases = [
        ("ps --columns pid,rs", "sysview: unknown column rs; did you mean rss?; `sysview columns` lists them\n"),
        ("ps --columns pid,", "sysview: unknown column ; `sysview columns` lists them\n"),
        ("ps --sort elephant", "sysview: unknown column elephant; `sysview columns` lists them\n"),
        (
            "ps --preset memry",
            "sysview: unknown preset memry; did you mean memory?; there are default, memory, faults, sched, io, jobs\n",
        ),
        (
            "ps --format json --count 2",
            "sysview: --format json is one report: use ndjson with a --count other than 1\n",
        ),
        (
            "ps --format json --count 0",
            "sysview: --format json is one report: use ndjson with a --count other than 1\n",
        ),
    ];
    for (arguments, expected) in cases {
        let (text, complaint, status) = run(arguments);
        assert_eq!((text.as_str(), complaint.as_str(), status), ("", expected, Some(2)), "{arguments}");
    }
    for arguments in [
        "ps --filter rss>>4",
        "ps --columns pid --preset io",
        "ps --format xml",
        "ps --delay 0",
        "ps --delay -1",
        "ps --count x",
        "ps --reverse",
        "ps one",
        "ps --nonsense",
        "columns --count 2",
        "nonsense",
    ] {
        let (text, complaint, status) = run(arguments);
        assert_eq!((text.as_str(), status), ("", Some(2)), "{arguments}");
        assert!(!complaint.is_empty(), "{arguments}");
    }
    let hostile = program("ps").args(["--columns", "\u{1b}[31mrss"]).output().expect("the program starts");
    let (_, complaint, status) = told(hostile);
    assert!(status == Some(2) && !complaint.contains('\u{1b}'), "{complaint:?}");
}

#[test]
fn a_process_that_is_not_there_is_told_and_the_others_are_printed() {
    let (text, complaint, status) = run(&format!("ps {CALM} --columns pid,name 4242 1 4243"));
    assert_eq!(text, "PID NAME\n  1 init\n");
    assert_eq!(
        (complaint.as_str(), status),
        ("sysview: no such process: 4242\nsysview: no such process: 4243\n", Some(1))
    );
    let (text, complaint, status) = run(&format!("ps {CALM} --columns pid --format json 4242"));
    assert_eq!((text.as_str(), complaint.as_str(), status), ("[]\n", "sysview: no such process: 4242\n", Some(1)));
}

#[test]
fn a_closed_pipe_is_no_error() {
    for arguments in [
        format!("ps {HOSTILE} --columns {} --format ndjson", all_columns()),
        format!("ps {HOSTILE} --columns {}", all_columns()),
        format!("ps {CALM} --columns pid --count 0"),
        "columns".to_owned(),
        "columns --format json".to_owned(),
    ] {
        let mut child = program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let (_, complaint, status) = told(child.wait_with_output().expect("it ends"));
        assert_eq!((complaint.as_str(), status), ("", Some(0)), "{arguments}");
    }
}

#[test]
fn a_full_device_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("every Linux has this device");
    let output = program(&format!("ps {CALM} --columns pid")).stdout(full).output().expect("the program starts");
    let (_, complaint, status) = told(output);
    assert!(complaint.starts_with("sysview: cannot write to standard output: "), "{complaint}");
    assert_eq!(status, Some(1));
}

#[test]
fn columns_explains_every_column_in_every_format() {
    let objects = array("columns");
    assert_eq!(objects.len(), COLUMNS.len());
    for (object, column) in objects.iter().zip(COLUMNS) {
        assert_eq!(object["name"], column.name);
        assert_eq!(object["help"], column.help);
        assert_eq!(object["unit"], column.unit.word());
        assert_eq!(object["interval"], column.needs_interval());
    }
    let rss = objects.iter().find(|object| object["name"] == "rss").expect("rss is a column");
    assert_eq!(rss["presets"], "default memory faults");
    assert_eq!(lines(&printed("columns --format ndjson")), objects);
    let rows = csv(&printed("columns --format csv"));
    assert_eq!((rows.len(), rows[0].len()), (COLUMNS.len() + 1, 7));
    let table = printed("columns");
    assert_eq!(table.lines().count(), COLUMNS.len() + 1);
    assert!(table.contains(COLUMNS[0].help), "a table that is no terminal's is not cut");
    let names: Vec<_> = array("columns --of mappings").iter().map(|object| object["name"].clone()).collect();
    assert!(OfMappings::COLUMNS.iter().map(|column| column.name).eq(names.iter().filter_map(|name| name.as_str())));
}

#[test]
fn help_names_every_preset() {
    let help = printed("ps --help");
    for preset in PRESETS {
        assert!(help.contains(preset.name), "{}", preset.name);
    }
}

#[test]
fn a_root_that_cannot_be_opened_is_named_by_every_command_that_reads_it() {
    for command in ["ps", "doctor"] {
        let (_, complaint, status) = run(&format!("{command} --proc-root /proc/version"));
        assert!(
            complaint.contains("cannot open /proc/version") && complaint.contains("give the directory"),
            "{complaint}"
        );
        assert_eq!(status, Some(1));
    }
}

#[test]
fn what_the_screen_cannot_be_asked_for_is_wrong_usage() {
    for option in ["--theme drak", "--sort rs", "--delay 0", "--columns rs", "--filter rss>"] {
        let (_, complaint, status) = run(option);
        assert_eq!(status, Some(2), "{option}: {complaint}");
    }
}
