//! Every column that ps(1) or psutil also has, and every figure that stands in a kernel file as it is, is equal for all
//! processes of a busy machine, within the time between the samples: one of theirs is taken before ours, one after.
//!
//! What changes all the time is compared again until it has matched once; what is wrong never does.

use crate::need;
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use sysview::table::COLUMNS;

/// How the value of a column is held against the one of another program or file.
#[derive(Clone, Copy)]
enum How {
    /// The same text, or the same whole number.
    Same,
    /// A number that theirs, times this, may be off by as much as the slack, before or after or between the two.
    Near(f64, f64),
    /// By a rule of its own: our object, and their text.
    Rule(fn(&Json, &str) -> bool),
}

/// A column, what the other calls it, and how the two are compared. Of several with one column each is compared.
struct Pair {
    ours: &'static str,
    theirs: &'static str,
    how: How,
}

const fn pair(ours: &'static str, theirs: &'static str, how: How) -> Pair {
    Pair { ours, theirs, how }
}

const KIB: f64 = 1024.0;

/// What `ps -eo` of procps has. It prints `-`, `?` or `-1` where ours has none, and where it may not know `-` or 0.
const PS: &[Pair] = &[
    pair("ppid", "ppid", How::Same),
    pair("pgrp", "pgrp", How::Same),
    pair("session", "sess", How::Same),
    pair("tty", "tty", How::Same),
    pair("tpgid", "tpgid", How::Same),
    pair("uid", "ruid", How::Same),
    pair("user", "ruser:64", How::Same),
    pair("euid", "euid", How::Same),
    pair("euser", "euser:64", How::Same),
    pair("threads", "nlwp", How::Same),
    pair("state", "s", How::Same),
    // ps takes leading underscores and dots away, and for a zombie prints what it last slept in.
    pair(
        "wchan",
        "wchan:64",
        How::Rule(|row, theirs| {
            let bare = |name: &str| name.trim_start_matches(['_', '.']).to_owned();
            row["state"] == "Z" || row["wchan"].as_str().map_or(theirs == "-", |name| bare(name) == theirs)
        }),
    ),
    pair("hangup", "ignored,blocked,caught", How::Rule(|row, masks| handles(row, "hangup", masks, 1))),
    pair("sigchld", "ignored,blocked,caught", How::Rule(|row, masks| handles(row, "sigchld", masks, 17))),
    pair("elapsed", "etimes", How::Near(1.0, 1.01)),
    pair("cpu_time", "cputimes", How::Near(1.0, 1.05)),
    // A tenth of a percent of whole seconds: of a young process it may be far too high.
    pair(
        "cpu_average",
        "pcpu",
        How::Rule(|row, theirs| {
            let (ours, lived) = (number(&row["cpu_average"]), number(&row["elapsed"]));
            theirs.parse().is_ok_and(|theirs: f64| (ours - theirs).abs() <= 0.2 + (theirs + 2.0) * 1.5 / lived.max(0.1))
        }),
    ),
    pair("processor", "psr", How::Same),
    pair(
        "policy",
        "cls",
        How::Rule(|row, theirs| {
            let known =
                [("TS", "other"), ("FF", "fifo"), ("RR", "rr"), ("B", "batch"), ("IDL", "idle"), ("DLN", "deadline")];
            known.iter().any(|(class, policy)| *class == theirs && row["policy"] == *policy)
        }),
    ),
    pair("nice", "ni", How::Same),
    pair("priority", "priority", How::Same),
    pair("rt_priority", "rtprio", How::Same),
    // The number of a group is wider in ps than a session without one.
    pair("autogroup", "ag_id", How::Same),
    pair("virt", "vsz", How::Near(KIB, 0.0)),
    pair("rss", "rss", How::Near(KIB, 0.0)),
    pair("mem", "pmem", How::Near(1.0, 0.11)),
    pair("pss", "pss", How::Rule(|row, theirs| share(row, "pss", theirs, KIB))),
    pair("uss", "uss", How::Rule(|row, theirs| share(row, "uss", theirs, KIB))),
    pair("minor_faults", "min_flt", How::Near(1.0, 0.0)),
    pair("major_faults", "maj_flt", How::Near(1.0, 0.0)),
    pair("read_bytes", "rbytes", How::Near(1.0, 0.0)),
    pair("write_bytes", "wbytes", How::Near(1.0, 0.0)),
    pair("oom_score", "oom", How::Near(1.0, 0.0)),
    pair("oom_adj", "oomadj", How::Same),
];

/// Of these the text may hold blanks, so that each is asked for by itself.
const PS_TEXT: &[Pair] = &[
    // Both mark a zombie behind it.
    pair(
        "name",
        "comm",
        How::Rule(|row, theirs| row["name"].as_str().map(undoubled).as_deref() == Some(without_mark(theirs))),
    ),
    pair(
        "command",
        "args",
        How::Rule(|row, theirs| {
            let ours = row["command"].as_str().map(undoubled).unwrap_or_default();
            // ps puts a question mark in place of what cannot be printed.
            ours.trim_end() == without_mark(theirs).trim_end() || ours.contains(|c: char| !(' '..='~').contains(&c))
        }),
    ),
    pair("exe", "exe:4096", How::Same),
    pair(
        "start",
        "lstart",
        How::Rule(|row, theirs| {
            let ours = row["start"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let zone = jiff::tz::TimeZone::system();
            let theirs = jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %Y", theirs)
                .and_then(|parsed| parsed.to_datetime()?.to_zoned(zone))
                .map(|zoned| zoned.timestamp());
            // ps reckons from a boot time in whole seconds.
            ours.zip(theirs.ok()).is_some_and(|(ours, theirs)| (ours.as_second() - theirs.as_second()).abs() <= 1)
        }),
    ),
    // ps lists all hierarchies, ours is one of them.
    pair(
        "cgroup",
        "cgroup:4096",
        How::Rule(|row, theirs| {
            let ours = row["cgroup"].as_str().unwrap_or("-");
            // ps leaves out hierarchies in whose root it is.
            ours == "/" || theirs.split(',').any(|line| line.ends_with(&format!(":{ours}")))
        }),
    ),
];

/// What psutil has, by the key under which the script below prints it.
const PSUTIL: &[Pair] = &[
    pair("ppid", "ppid", How::Same),
    pair(
        "name",
        "name",
        How::Rule(|row, theirs| {
            // psutil completes a name that the kernel has cut.
            let ours = row["name"].as_str().unwrap_or_default();
            theirs == ours || (ours.len() == 15 && theirs.starts_with(ours))
        }),
    ),
    pair(
        "tty",
        "terminal",
        How::Rule(|row, theirs| row["tty"].as_str().map_or(theirs == "None", |ours| theirs == format!("/dev/{ours}"))),
    ),
    pair("user", "username", How::Same),
    pair("uid", "uid", How::Same),
    pair("euid", "euid", How::Same),
    pair(
        "state",
        "status",
        How::Rule(|row, theirs| {
            let known = [
                ("R", "running"),
                ("S", "sleeping"),
                ("D", "disk-sleep"),
                ("Z", "zombie"),
                ("T", "stopped"),
                ("t", "tracing-stop"),
                ("I", "idle"),
                ("P", "parked"),
                ("X", "dead"),
            ];
            known.iter().any(|(letter, word)| *word == theirs && row["state"] == *letter)
        }),
    ),
    pair("threads", "num_threads", How::Same),
    pair("user_time", "user", How::Near(1.0, 0.0)),
    pair("system_time", "system", How::Near(1.0, 0.0)),
    // Clock ticks of 10 ms, one for each half.
    pair("cpu_time", "cpu", How::Near(1.0, 0.03)),
    pair("processor", "cpu_num", How::Same),
    // psutil prints the nice value that means nothing, too.
    pair("nice", "nice", How::Rule(|row, theirs| row["nice"].is_null() || row["nice"].as_i64() == theirs.parse().ok())),
    pair("virt", "vms", How::Near(1.0, 0.0)),
    pair("rss", "rss", How::Near(1.0, 0.0)),
    pair("uss", "uss", How::Rule(|row, theirs| share(row, "uss", theirs, 1.0))),
    pair("pss", "pss", How::Rule(|row, theirs| share(row, "pss", theirs, 1.0))),
    // psutil sums the map, the kernel's own figure counts what is being swapped as well.
    pair("swap", "swap", How::Near(1.0, 0.0)),
    pair("mem", "memory_percent", How::Near(1.0, 0.001)),
    pair("read_bytes", "read_bytes", How::Near(1.0, 0.0)),
    pair("write_bytes", "write_bytes", How::Near(1.0, 0.0)),
    pair("cwd", "cwd", How::Rule(|row, theirs| theirs == row["cwd"].as_str().unwrap_or(""))),
    // psutil takes the mark of a deleted file away.
    pair(
        "exe",
        "exe",
        How::Rule(|row, theirs| {
            let ours = row["exe"].as_str().unwrap_or("");
            theirs == ours || Some(theirs) == ours.strip_suffix(" (deleted)")
        }),
    ),
    // psutil reckons from a boot time in whole seconds.
    pair(
        "start",
        "create_time",
        How::Rule(|row, theirs| {
            let ours = row["start"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let theirs: Option<f64> = theirs.parse().ok();
            ours.zip(theirs).is_some_and(|(ours, theirs)| (ours.as_millisecond() as f64 / 1000.0 - theirs).abs() < 1.1)
        }),
    ),
];

const SCRIPT: &str = r#"
import json, psutil
def of(p):
    out = {}
    def get(key, value):
        try:
            out[key] = str(value())
        except (psutil.AccessDenied, psutil.ZombieProcess):
            out[key] = "denied"
    get("ppid", p.ppid)
    get("name", p.name)
    get("terminal", p.terminal)
    get("username", p.username)
    get("uid", lambda: p.uids().real)
    get("euid", lambda: p.uids().effective)
    get("status", p.status)
    get("num_threads", p.num_threads)
    get("user", lambda: p.cpu_times().user)
    get("system", lambda: p.cpu_times().system)
    get("cpu", lambda: p.cpu_times().user + p.cpu_times().system)
    get("cpu_num", p.cpu_num)
    get("nice", lambda: int(open("/proc/%d/stat" % p.pid).read().rpartition(")")[2].split()[16]))
    get("vms", lambda: p.memory_info().vms)
    get("rss", lambda: p.memory_info().rss)
    get("memory_percent", p.memory_percent)
    def full(key):
        return getattr(p.memory_full_info(), key)
    for key in ("uss", "pss", "swap"):
        get(key, lambda: full(key))
    get("read_bytes", lambda: p.io_counters().read_bytes)
    get("write_bytes", lambda: p.io_counters().write_bytes)
    get("cwd", p.cwd)
    get("exe", p.exe)
    get("create_time", p.create_time)
    return out
for p in psutil.process_iter():
    try:
        print(json.dumps([p.pid, of(p)]))
    except psutil.NoSuchProcess:
        pass
"#;

/// Keys of `/proc/PID/status`, fields of `/proc/PID/stat` and sums over `/proc/PID/task/*`.
const KERNEL: &[Pair] = &[
    pair("start_ticks", "stat 22", How::Same),
    pair("child_minor_faults", "stat 11", How::Near(1.0, 0.0)),
    pair("child_major_faults", "stat 13", How::Near(1.0, 0.0)),
    pair("rss_peak", "status VmHWM", How::Near(1.0, 0.0)),
    pair("rss_anon", "status RssAnon", How::Near(1.0, 0.0)),
    pair("rss_file", "status RssFile", How::Near(1.0, 0.0)),
    pair("rss_shmem", "status RssShmem", How::Near(1.0, 0.0)),
    pair("swap", "status VmSwap", How::Near(1.0, 0.0)),
    pair("locked", "status VmLck", How::Near(1.0, 0.0)),
    pair("page_tables", "status VmPTE", How::Near(1.0, 0.0)),
    pair("voluntary_switches", "voluntary", How::Near(1.0, 0.0)),
    pair("involuntary_switches", "involuntary", How::Near(1.0, 0.0)),
    pair("migrations", "migrations", How::Near(1.0, 0.0)),
    pair("run_time", "run_time", How::Near(1e-9, 1e-6)),
    pair("run_delay", "run_delay", How::Near(1e-9, 1e-6)),
    pair("timeslices", "timeslices", How::Near(1.0, 0.0)),
];

/// Columns that neither ps nor psutil has nor a file as it is: an interval, an age, a name of our own, a total over what
/// they show apart.
const OWN: &[&str] = &[
    "pid",
    "tid",
    "kernel_thread",
    "state_age",
    "syscall",
    "exit",
    "cpu",
    "minor_fault_rate",
    "major_fault_rate",
    "voluntary_switch_rate",
    "involuntary_switch_rate",
    "migration_rate",
    "run_delay_share",
    "timeslice_mean",
    "block_delay",
    "read_rate",
    "write_rate",
    "container",
];

fn disposition(masks: &str, signal: u32) -> Json {
    let masks: Vec<_> = masks.split_whitespace().map(|mask| u64::from_str_radix(mask, 16)).collect();
    let [Ok(ignored), Ok(blocked), Ok(caught)] = masks[..] else { return "unreadable".into() };
    let has = |set: u64| set >> (signal - 1) & 1 == 1;
    let cases = [(ignored, "ignored"), (blocked, "blocked"), (caught, "caught")];
    cases.iter().find(|(set, _)| has(*set)).map_or("default", |(_, word)| word).into()
}

/// A zombie handles no signal, whatever its masks were.
fn handles(row: &Json, column: &str, masks: &str, signal: u32) -> bool {
    if row["state"] == "Z" { row[column].is_null() } else { row[column] == disposition(masks, signal) }
}

/// What a process shares depends on who else runs: while ps and python look, programs that use the same libraries have
/// less of their own.
fn share(row: &Json, column: &str, theirs: &str, scale: f64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{}/maps", row["pid"])).unwrap_or_default();
    let shares_with_them = maps.contains("/libproc") || maps.contains("/python") || maps.contains("/sysview");
    let theirs = theirs.parse::<f64>().map(|theirs| theirs * scale);
    shares_with_them || theirs.is_ok_and(|theirs| (number(&row[column]) - theirs).abs() <= 64.0 * KIB)
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Text of JSON with its backslashes single again.
fn undoubled(text: &str) -> String {
    text.replace("\\\\", "\\")
}

fn without_mark(text: &str) -> &str {
    text.trim_end().strip_suffix(" <defunct>").unwrap_or(text.trim_end())
}

/// What another program says of all processes: for each pid a text for each pair.
type Theirs = BTreeMap<u64, Vec<String>>;

/// Ours: for each pid its object.
fn sample() -> BTreeMap<u64, Json> {
    let columns = COLUMNS.iter().filter(|column| !column.needs_interval()).map(|column| column.name);
    let output = Command::new(env!("CARGO_BIN_EXE_sysview"))
        .args(["ps", "--format", "ndjson", "--columns", &columns.collect::<Vec<_>>().join(",")])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let objects = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let objects = objects.map(|line| serde_json::from_slice::<Json>(line).expect("it is JSON"));
    objects.map(|object| (object["pid"].as_u64().expect("every process has a pid"), object)).collect()
}

fn ps(specifiers: &[&str]) -> String {
    let mut command = Command::new("ps");
    command.env("LC_ALL", "C.UTF-8").arg("-eww");
    for specifier in specifiers {
        command.args(["-o", &format!("{specifier}=")]);
    }
    let output = command.stderr(Stdio::inherit()).output().expect("ps is there, it was asked before");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn ps_words() -> Theirs {
    let specifiers: Vec<_> = PS.iter().flat_map(|pair| pair.theirs.split(',')).collect();
    let text = ps(&[&["pid"][..], &specifiers].concat());
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words.len(), specifiers.len() + 1, "{line}");
        let mut rest = words[1..].iter();
        let values = PS
            .iter()
            .map(|pair| rest.by_ref().take(pair.theirs.split(',').count()).copied().collect::<Vec<_>>().join(" "));
        (words[0].parse().expect("a pid"), values.collect())
    };
    text.lines().map(line).collect()
}

fn ps_text() -> Theirs {
    let mut theirs = Theirs::new();
    for (at, pair) in PS_TEXT.iter().enumerate() {
        for line in ps(&["pid", pair.theirs]).lines() {
            let (pid, text) = line.trim_start().split_once(' ').unwrap_or((line.trim(), ""));
            let values = theirs.entry(pid.parse().expect("a pid")).or_default();
            if values.len() == at {
                values.push(text.trim().to_owned());
            }
        }
    }
    theirs.retain(|_, values| values.len() == PS_TEXT.len());
    theirs
}

fn psutil() -> Theirs {
    let output = Command::new("python3").args(["-c", SCRIPT]).stderr(Stdio::inherit()).output();
    let output = output.expect("python3 is there, it was asked before");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| {
        let object: (u64, BTreeMap<String, String>) = serde_json::from_str(line).expect("it is JSON");
        (object.0, PSUTIL.iter().map(|pair| object.1[pair.theirs].clone()).collect())
    };
    text.lines().map(line).collect()
}

fn kernel() -> Theirs {
    let pids = fs::read_dir("/proc")
        .expect("there is a /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, kernel_values(pid)?))).collect()
}

/// A key of `status`, memory in bytes; `-` where it is absent.
fn key(status: &str, key: &str) -> String {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
    let kilobytes =
        |value: &str| value.strip_suffix(" kB").map(|kb| (kb.parse::<u64>().expect("a size") * 1024).to_string());
    value.map_or_else(|| "-".to_owned(), |value| kilobytes(value).unwrap_or_else(|| value.to_owned()))
}

fn kernel_values(pid: u64) -> Option<Vec<String>> {
    let read = |file: &str| {
        fs::read(format!("/proc/{pid}/{file}")).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let (stat, status) = (read("stat")?, read("status")?);
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    let mut sums = BTreeMap::<_, u64>::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let task = task.ok()?.path();
        let text = |file: &str| fs::read(task.join(file)).ok().map(|text| String::from_utf8_lossy(&text).into_owned());
        // A thread that ends meanwhile makes a difference, which does not last.
        let (status, schedstat, sched) = (text("status")?, text("schedstat")?, text("sched")?);
        let mut add = |name: &'static str, text: &str| {
            *sums.entry(name).or_default() += text.trim().parse::<u64>().expect("a count");
        };
        add("voluntary", &key(&status, "voluntary_ctxt_switches"));
        add("involuntary", &key(&status, "nonvoluntary_ctxt_switches"));
        for (name, word) in ["run_time", "run_delay", "timeslices"].into_iter().zip(schedstat.split_whitespace()) {
            add(name, word);
        }
        let migrations = sched.lines().find_map(|line| line.strip_prefix("se.nr_migrations"))?;
        add("migrations", migrations.trim().strip_prefix(':')?);
    }
    let value = |pair: &Pair| match pair.theirs.split_once(' ') {
        Some(("stat", number)) => fields[number.parse::<usize>().expect("a field") - 3].clone(),
        Some((_, name)) => key(&status, name),
        None => sums.get(pair.theirs).map_or_else(|| "-".to_owned(), u64::to_string),
    };
    Some(KERNEL.iter().map(value).collect())
}

impl Pair {
    fn matches(&self, ours: &Json, before: &str, after: &str) -> bool {
        if !ours["missing"][self.ours].is_null() {
            // Others print nothing, or 0, for what they may not know.
            return ["-", "0", "0.0", "denied", "", "?"].contains(&after) || ours["missing"][self.ours] == "gone";
        }
        let value = &ours[self.ours];
        let none = |theirs: &str| value.is_null() && ["-", "?", "-1", "0", "0.0", "denied"].contains(&theirs);
        let text = value.as_str().map_or_else(|| value.to_string(), undoubled);
        let (mut low, mut high) = (f64::NAN, f64::NAN);
        if let (How::Near(scale, _), Ok(a), Ok(b)) = (self.how, before.parse::<f64>(), after.parse::<f64>()) {
            (low, high) = (a.min(b) * scale, a.max(b) * scale);
        }
        let equals = |theirs: &str| {
            none(theirs)
                || theirs == "denied"
                || match self.how {
                    How::Same => text == theirs,
                    How::Near(_, slack) => (low - slack - 1e-9..=high + slack + 1e-9).contains(&number(value)),
                    How::Rule(rule) => rule(ours, theirs),
                }
        };
        equals(before) || equals(after)
    }
}

/// Compare until each value of each process has matched once.
fn compare(pairs: &[Pair], theirs: fn() -> Theirs) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut matched = BTreeSet::new();
    let mut compared = BTreeSet::new();
    loop {
        let (before, ours, after) = (theirs(), sample(), theirs());
        let mut wrong = Vec::new();
        for (pid, object) in &ours {
            let (Some(before), Some(after)) = (before.get(pid), after.get(pid)) else { continue };
            // Where the leading thread has ended others show what is left of it, which is nothing; and in names they put
            // a question mark for what they do not print.
            let leader_ended = object["state"] == "Z" && object["threads"].as_u64() > Some(1);
            if leader_ended || object["name"].as_str().is_some_and(|name| name.contains(char::is_control)) {
                continue;
            }
            let identity = (*pid, object["start_ticks"].as_u64());
            for (at, pair) in pairs.iter().enumerate() {
                compared.insert((at, object["state"] == "Z", object["kernel_thread"] == true));
                if matched.contains(&(identity, at)) {
                    continue;
                }
                if pair.matches(object, &before[at], &after[at]) {
                    matched.insert((identity, at));
                } else {
                    let (ours, missing) = (&object[pair.ours], &object["missing"][pair.ours]);
                    wrong.push(format!(
                        "{pid} {} {}: ours {ours} ({missing}), {} {:?} then {:?}",
                        object["name"], pair.ours, pair.theirs, before[at], after[at]
                    ));
                }
            }
        }
        assert!(compared.len() > pairs.len(), "zombies are among them");
        if wrong.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still different after a minute:\n{}", wrong.join("\n"));
        thread::sleep(Duration::from_millis(50));
    }
}

/// Processes of every kind, for as long as this is kept.
struct Crowd {
    children: Vec<Child>,
    /// Names of threads, and what keeps them waiting.
    threads: Vec<(String, Sender<()>)>,
}

/// Crowds gathered by this process so far: each names its threads after its own number.
static CROWDS: AtomicU32 = AtomicU32::new(0);

impl Crowd {
    fn gather() -> Self {
        let mut crowd = Self { children: Vec::new(), threads: Vec::new() };
        for _ in 0..30 {
            crowd.start("sleep", &["300"]);
        }
        crowd.start("sh", &["-c", "while :; do :; done"]);
        crowd.start("sh", &["-c", "while sleep 0.01; do :; done"]);
        crowd.start("sh", &["-c", "trap '' HUP; trap : CHLD; kill -STOP $$"]);
        crowd.start("setsid", &["sleep", "300"]);
        crowd.start("nice", &["-n", "7", "sleep", "300"]);
        crowd.start("chrt", &["--batch", "0", "sleep", "300"]);
        if need::command("a real-time process among the others", &["chrt", "--fifo", "10", "true"]) {
            crowd.start("chrt", &["--fifo", "10", "sleep", "300"]);
        }
        let zombie = crowd.start("sh", &["-c", "exit 3"]);
        let stopped = crowd.start("sh", &["-c", "kill -STOP $$; sleep 300"]);
        // Threads of this very process, with a name of their own.
        let number = CROWDS.fetch_add(1, Ordering::Relaxed);
        for at in 0..5 {
            let (name, (sender, receiver)) = (format!("crowd {number} {at}"), channel());
            let named = thread::Builder::new().name(name.clone());
            named.spawn(move || receiver.recv()).expect("a thread can be started");
            crowd.threads.push((name, sender));
        }
        wait_for("a zombie", || state(zombie) == Some('Z'));
        wait_for("a stopped process", || state(stopped) == Some('T'));
        crowd
    }

    /// Start a program, and return its pid.
    fn start(&mut self, name: &str, arguments: &[&str]) -> u32 {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let pid = child.id();
        self.children.push(child);
        pid
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that has ended by itself cannot be killed, and all are waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "waited for {what} in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_column_is_compared_or_is_our_own() {
    let pairs = || PS.iter().chain(PS_TEXT).chain(PSUTIL).chain(KERNEL);
    let is_compared = |name: &str| pairs().any(|pair| pair.ours == name);
    for column in COLUMNS {
        assert!(is_compared(column.name) != OWN.contains(&column.name), "{}", column.name);
    }
    assert!(pairs().all(|pair| COLUMNS.iter().any(|column| column.name == pair.ours)));
}

#[test]
fn columns_are_what_ps_shows() {
    if need::command("columns_are_what_ps_shows", &["ps", "-eo", "ag_id,pss,uss,oom"]) {
        let _crowd = Crowd::gather();
        compare(PS, ps_words);
        compare(PS_TEXT, ps_text);
    }
}

#[test]
fn columns_are_what_psutil_shows() {
    if need::command("columns_are_what_psutil_shows", &["python3", "-c", "import psutil"]) {
        let _crowd = Crowd::gather();
        compare(PSUTIL, psutil);
    }
}

#[test]
fn columns_are_what_the_kernels_files_show() {
    let _crowd = Crowd::gather();
    compare(KERNEL, kernel);
}

#[test]
fn threads_are_those_that_the_kernel_lists() {
    let crowd = Crowd::gather();
    let own = std::process::id().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_sysview"))
        .args(["ps", &own, "--threads", "--format", "ndjson", "--columns", "tid,name,threads"])
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    let rows: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    for (name, _) in &crowd.threads {
        let row = rows.iter().find(|row| row["name"] == **name).unwrap_or_else(|| panic!("{name} has no row: {text}"));
        let comm = fs::read_to_string(format!("/proc/self/task/{}/comm", row["tid"])).expect("the thread is there");
        assert_eq!(comm.trim_end(), *name);
        // A thread has a number by which it can be opened, but it is no process.
        let asked = Command::new(env!("CARGO_BIN_EXE_sysview")).args(["ps", &row["tid"].to_string()]).output();
        let asked = asked.expect("the program starts");
        let complaint =
            format!("sysview: {} is no process but a thread of {own}: try `sysview ps --threads {own}`\n", row["tid"]);
        assert_eq!((String::from_utf8_lossy(&asked.stderr).into_owned(), asked.status.code()), (complaint, Some(1)));
    }
}
