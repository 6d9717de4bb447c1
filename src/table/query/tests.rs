//! Expressions over a small machine, their mistakes, and laws over any text.

use super::*;
use crate::{
    analysis::Observation,
    snapshot::{
        Details, Missing, Moment, Process, Snapshot, System,
        process::{Stat, State, Statm, Status},
        system::Memory,
    },
    unit::{Bytes, Id, Nanoseconds, ProcessKey, Ticks},
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

fn process(pid: u32, parent: u32, name: &str, state: u8) -> Process {
    let zero = Pid(0);
    let stat = Stat {
        state: State(state),
        ppid: Pid(parent),
        pgrp: zero,
        session: zero,
        tty: 0,
        tpgid: None,
        flags: 0,
        minor_faults: 0,
        child_minor_faults: 0,
        major_faults: 0,
        child_major_faults: 0,
        user_time: Ticks(0),
        system_time: Ticks(0),
        priority: 20,
        nice: 0,
        threads: 1,
        virt: Bytes(0),
        rss_pages: 0,
        processor: 0,
        rt_priority: 0,
        policy: 0,
        block_delay: Ticks(0),
        exit_code: 0,
    };
    let key = ProcessKey { pid: Pid(pid), start: Ticks(u64::from(pid)) };
    let cpu_clock = Ok(Nanoseconds(0));
    Process { key, group: Pid(pid), thread: false, name: name.into(), stat, cpu_clock, details: None }
}

fn with(process: Process, uid: u32, rss: crate::snapshot::Reading<u64>, command: &str) -> Arc<Process> {
    let uid = crate::snapshot::process::Ids { real: Id(uid), ..Default::default() };
    let statm = rss.map(|rss| Statm { resident: Bytes(rss), ..Default::default() });
    let details = Details {
        parts: Parts::ALL,
        status: Ok(Box::new(Status { uid, ..Default::default() })),
        statm,
        cmdline: Ok(command.replace('\0', " ").trim_end().into()),
        ..Details::NOTHING
    };
    Arc::new(Process { details: Some(Arc::new(details)), ..process })
}

/// 1 init ─ 812 nginx ─ 901 worker ─ 950 zombie; 2 kernel thread; 1000 bash whose memory is denied; 2000 with a hostile
/// name; 3000 and 3001 each the parent of the other; 4000 ─ 4001 below an unseen 77, of which nothing more was asked.
fn machine() -> Observation {
    const M: u64 = 1 << 20;
    let kernel = Process {
        stat: Stat { flags: 0x0020_0000, ..process(2, 0, "", b'I').stat },
        ..process(2, 0, "kthreadd", b'I')
    };
    let processes = vec![
        with(process(1, 0, "init", b'S'), 0, Ok(9 * M), "/sbin/init\0splash\0"),
        with(kernel, 0, Ok(0), ""),
        with(process(812, 1, "nginx", b'S'), 33, Ok(48 * M), "nginx: master process /usr/sbin/Nginx\0"),
        with(process(901, 812, "worker", b'D'), 33, Ok(200 * M), "nginx: worker process\0"),
        with(process(950, 901, "worker", b'Z'), 33, Ok(0), ""),
        with(process(1000, 1, "bash", b'S'), 1000, Err(Missing::Denied), "-bash\0"),
        with(process(2000, 1, "a\u{1b}[31m b", b'R'), 1000, Ok(M), "100%\0(x)\0"),
        with(process(3000, 3001, "ring", b'S'), 0, Err(Missing::Gone), "ring\0"),
        with(process(3001, 3000, "ring", b'T'), 0, Err(Missing::Gone), "ring\0"),
        Arc::new(process(4000, 77, "left", b'S')),
        Arc::new(process(4001, 4000, "left", b'S')),
    ];
    let names = [(0, "root"), (33, "www-data"), (1000, "anna")];
    let memory = Ok(Memory { total: Bytes(1000 * M), ..Default::default() });
    Observation::new(
        Arc::new(Snapshot {
            taken: Moment { boot: Duration::from_secs(1000), wall: Duration::from_hours(500_000) },
            system: Arc::new(System { memory, ..Default::default() }),
            processes,
            users: Arc::new(names.map(|(id, name)| (Id(id), Ok(Some(name.into())))).into()),
            ..Default::default()
        }),
        None,
    )
}

fn query(expression: &str) -> Query {
    Query::parse(expression).unwrap_or_else(|error| unreachable!("{}", error.render(expression)))
}

fn shown(expression: &str) -> Vec<u32> {
    let (machine, query) = (machine(), query(expression));
    machine.processes().filter(|row| query.matches(*row)).map(|row| row.process.key.pid.0).collect()
}

#[test]
fn expressions_choose_the_rows_they_describe() {
    const ALL: &[u32] = &[1, 2, 812, 901, 950, 1000, 2000, 3000, 3001, 4000, 4001];
    let cases: &[(&str, &[u32])] = &[
        ("", ALL),
        ("  ", ALL),
        ("rss > 48M", &[901]),
        ("rss >= 48M", &[812, 901]),
        ("rss = 48M", &[812]),
        ("rss != 48M", &[1, 901, 2000]),
        ("rss < 9.5MiB", &[1, 2000]),
        ("rss <= 1048576", &[2000]),
        ("rss>48M and user=www*", &[901]),
        ("mem = 20%", &[901]),
        ("rss > 5M and not user = root", &[812, 901]),
        // Neither true nor false where it was denied, is gone or does not exist …
        ("not rss > 5M", &[2000]),
        ("not (rss > 5M and user = anna)", &[1, 2, 812, 901, 950, 2000, 3000, 3001]),
        ("rss > 5M or name = bash", &[1, 812, 901, 1000]),
        // … but that itself can be asked for.
        ("rss is missing", &[1000, 3000, 3001]),
        ("rss is denied", &[1000]),
        ("rss is gone or rss is off", &[3000, 3001]),
        ("rss is none", &[2, 950]),
        ("rss is not none", &[1, 812, 901, 2000]),
        ("rss is not missing", &[1, 2, 812, 901, 950, 2000]),
        ("cpu > 0 or not cpu > 0 or cpu is missing", &[]),
        ("state in (D, Z)", &[901, 950]),
        ("state not in (D, Z, S)", &[2, 2000, 3001]),
        ("not state in (D, Z, S)", &[2, 2000, 3001]),
        ("state = t", &[]),
        ("rss in (48M, 200M)", &[812, 901]),
        ("rss not in (48M, 200M)", &[1, 2000]),
        ("command ~ \"nginx.*worker\"", &[901]),
        ("command ~ ^nginx", &[812, 901]),
        ("command !~ 'ng|in'", &[2, 950, 1000, 2000, 4000, 4001]),
        ("command ~ '(?i)NGINX'", &[812, 901]),
        ("user = root", &[1, 2, 3000, 3001]),
        ("user = r??t", &[1, 2, 3000, 3001]),
        ("user = 'r??t'", &[]),
        ("user != root and user != www*", &[1000, 2000]),
        ("pid = 9*", &[901, 950]),
        ("pid > 900 and pid <= 1000", &[901, 950, 1000]),
        ("under 812", &[812, 901, 950]),
        ("not under 1", &[2, 3000, 3001, 4000, 4001]),
        ("under 3000", &[3000, 3001]),
        ("under 3001", &[3001]),
        ("under 7", &[]),
        ("under 77", &[4000, 4001]),
        ("under 0", &[]),
        ("nginx", &[812, 901]),
        ("Nginx", &[812]),
        ("NGINX", &[]),
        ("wor*ess", &[901]),
        ("'wor*ess'", &[]),
        ("worker and not state = Z", &[901]),
        ("[worker]", &[950]),
        ("'100% (x)'", &[2000]),
        ("\\u001b", &[2000]),
        ("name = 'a\\u001b[31m b'", &[2000]),
        ("init or nginx and state = D", &[1, 901]),
        ("(init or nginx) and state = D", &[901]),
        ("not not init", &[1]),
    ];
    for (expression, pids) in cases {
        let pids: std::collections::BTreeSet<u32> = pids.iter().copied().collect();
        assert_eq!(shown(expression), Vec::from_iter(pids), "{expression}");
    }
}

#[test]
fn a_mistake_is_shown_at_its_place_with_the_way_out() {
    let cases = [
        ("rsss > 5", 0, "there is no column `rsss`; did you mean rss?"),
        ("init or usre = a", 8, "there is no column `usre`; did you mean user?"),
        ("elephants > 5", 0, "there is no column `elephants`"),
        ("rss > 5x", 6, "found `5x`, expected a number of bytes such as 4096, 100M or 1.5G"),
        ("rss > ", 6, "the end came early, expected a number of bytes such as 4096, 100M or 1.5G"),
        (
            "rss > denied",
            6,
            "found `denied`, expected a number of bytes such as 4096, 100M or 1.5G; write `rss is denied`",
        ),
        ("rss == 5", 4, "found `==`, which is written `=` here"),
        ("rss ! 5", 4, "found `!`, which is written `not` here"),
        ("rss >< 5", 4, "found `><`, expected one of = != < <= > >= ~ !~"),
        ("a && b", 2, "found `&&`, which is written `and` here"),
        ("a nad b", 2, "found `nad`, expected `and`, `or` or the end; did you mean and?"),
        ("nginx worker", 6, "found `worker`, expected `and`, `or` or the end"),
        ("user = 'root", 7, "this text has no closing '"),
        ("(user = 'root", 8, "this text has no closing '"),
        ("a and (b or c", 6, "this bracket is never closed"),
        ("a or b)", 6, "there is no bracket open that this one could close"),
        ("a and", 5, "the end came early, expected a comparison or a word to search for"),
        ("and a", 0, "found `and`, expected a comparison or a word to search for (a word in quotes stands for itself)"),
        ("> 5", 0, "found `>`, expected a column, or a word to search for"),
        ("state in D", 9, "found `D`, expected a list such as (D, Z)"),
        ("state in (D Z)", 12, "found `Z`, expected `,` or `)`"),
        (
            "state in (D, ",
            13,
            "the end came early, expected text (in quotes where it has blanks, brackets or signs in it)",
        ),
        ("state in (D", 9, "this list is never closed"),
        (
            "state = (D)",
            8,
            "found `(`, expected text (in quotes where it has blanks, brackets or signs in it); a list follows `in`",
        ),
        ("user > a", 5, "user holds text, which has no larger and smaller: use = != ~ !~ in"),
        ("rss ~ 5", 4, "rss holds numbers, ~ looks into text: use = != < <= > >= in"),
        (
            "rss is deneid",
            7,
            "found `deneid`, expected one of none missing denied gone unsupported off blocked malformed; did you mean denied?",
        ),
        ("under nginx", 6, "found `nginx`, expected the id of a process, as in `under 812`"),
        ("under", 5, "the end came early, expected the id of a process, as in `under 812`"),
        ("''", 0, "found nothing between the quotes, expected text to search for"),
        ("日本 = 1", 0, "there is no column `日本`"),
        ("init and 日 = 1", 9, "there is no column `日`"),
    ];
    for (expression, at, message) in cases {
        let error = Query::parse(expression).err();
        let told = error.map(|error| (error.at, error.message));
        assert_eq!(told, Some((at, message.to_owned())), "{expression}");
    }
    let error = Query::parse("command ~ '(a'").err();
    assert!(error.is_some_and(|error| error.at == 10 && error.message.starts_with("this regular expression")));
    let error = Query::parse("command ~ 'a{999}{999}{999}'").err();
    assert!(error.is_some_and(|error| error.at == 10));
    let error = Query::parse(&"(".repeat(100_000)).err();
    assert!(error.is_some_and(|error| error.message.starts_with("more than 64 brackets")));
}

#[test]
fn a_query_says_what_has_to_be_read_for_it() {
    let cases = [
        ("", Parts::NONE, false),
        ("state = Z and under 5", Parts::NONE, false),
        ("cpu > 5", Parts::NONE, true),
        ("not (rss > 5 or user = a)", Parts::STATM | Parts::STATUS, false),
        ("nginx", Parts::CMDLINE, false),
        ("minor_fault_rate > 5 or rss is missing", Parts::STATM, true),
    ];
    for (expression, parts, interval) in cases {
        let query = query(expression);
        assert_eq!((query.parts(), query.needs_interval()), (parts, interval), "{expression}");
        assert_eq!(query.is_empty(), expression.is_empty());
    }
}

#[test]
fn flags_and_exit_statuses_are_asked_for_as_they_are_shown() {
    struct One(Value<'static>);
    impl Facts for One {
        fn value(&self, _: usize) -> Value<'_> {
            self.0.clone()
        }
        fn is_under(&self, _: Pid) -> Truth {
            Truth::Unknown
        }
    }
    let signal = |number, core| Value::Exit(crate::snapshot::ExitStatus::Signal { number, core });
    let code = |code| Value::Exit(crate::snapshot::ExitStatus::Code(code));
    let (yes, no, unknown) = (Truth::True, Truth::False, Truth::Unknown);
    let cases = [
        ("x = yes", Value::Flag(true), yes),
        ("x = false", Value::Flag(true), no),
        ("x != no", Value::Flag(true), yes),
        ("x = perhaps", Value::Flag(true), unknown),
        ("x = 3", code(3), yes),
        ("x > 0", code(3), yes),
        ("x = 'exit 3'", code(3), yes),
        ("x = 3", signal(9, false), no),
        ("x != 0", signal(9, false), yes),
        ("x > 0", signal(9, false), unknown),
        ("x = SIGKILL", signal(9, false), yes),
        ("x = KILL", signal(9, true), yes),
        ("x ~ core", signal(9, true), yes),
        ("x in (TERM, KILL)", signal(9, true), yes),
        ("x in (TERM, HUP)", Value::Missing(Missing::Denied), unknown),
        ("x = fifo", Value::Word("fifo"), yes),
        ("x = 5", Value::Count(5), yes),
        ("x > 5", Value::Rate(f64::NAN), unknown),
        ("x is denied", Value::Missing(Missing::Denied), yes),
        ("x is none", Value::Missing(Missing::Denied), unknown),
        ("x is missing", Value::Missing(Missing::NotRequested), unknown),
        ("not x", Value::text(b"yy"), yes),
        ("x", Value::None, unknown),
    ];
    let vocabulary = Vocabulary { columns: vec![Name { name: "x", holds: Holds::Text }], searched: &["x"] };
    for (expression, value, truth) in cases {
        let node = parse::parse(expression, &vocabulary).map_err(|error| error.render(expression));
        assert_eq!(node.map(|node| node.truth(&One(value.clone()))), Ok(truth), "{expression} of {value:?}");
    }
}

/// Text that has a chance of being an expression.
fn expressions() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "and", "or", "not", "(", ")", ",", "in", "is", "under", "=", "!=", "<", ">=", "~", "!~", "rss", "user",
            "cpu", "state", "5M", "5%", "812", "none", "missing", "denied", "a*", "'x y'", "\"it's\"", "it's", "-5",
            "é",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    proptest::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_understood_or_refused_at_a_place_within_it(text in prop_oneof![any::<String>(), expressions()]) {
        match Query::parse(&text) {
            Ok(query) => {
                let machine = machine();
                prop_assert!(machine.processes().filter(|row| query.matches(*row)).count() <= 11);
                let written = query.to_string();
                prop_assert_eq!(Query::parse(&written), Ok(query), "{} as {}", text, written);
            }
            Err(error) => {
                prop_assert!(error.at + error.length <= text.chars().count());
                let drawn = error.render(&text).replace('\n', "");
                prop_assert!(!drawn.chars().any(crate::text::is_unsafe));
                prop_assert!(!error.message.chars().any(crate::text::is_unsafe));
            }
        }
        for cursor in 0..text.chars().count() + 2 {
            prop_assert!(complete::<OfProcesses>(&text, cursor).len() <= COLUMNS.len().max(8));
        }
    }

    #[test]
    fn a_query_and_its_negation_never_both_show_a_row(text in expressions()) {
        if let (Ok(plain), Ok(negated)) = (Query::parse(&text), Query::parse(&format!("not ({text})"))) {
            let machine = machine();
            prop_assert!(machine.processes().all(|row| !(plain.matches(row) && negated.matches(row))));
        }
    }
}

#[test]
fn a_very_deep_family_is_no_burden() {
    const DEPTH: u32 = 30_000;
    let processes = (1..=DEPTH).map(|pid| Arc::new(process(pid, pid - 1, "fork", b'S'))).collect();
    let machine = Observation::new(Arc::new(Snapshot { processes, ..Default::default() }), None);
    let query = query("under 15001");
    assert_eq!(machine.processes().filter(|row| query.matches(*row)).count(), 15_000);
}
