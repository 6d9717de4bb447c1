//! Columns that say which process it is, whose, and what it runs.

use super::{Column, Total, Unit, status, user_name};
use crate::{
    analysis::{Row, terminal},
    snapshot::{Missing, Parts},
    table::value::{Order, Value},
    text::Text,
    unit::Pid,
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "pid",
        title: "PID",
        help: "Process id, as sysview's own pid namespace numbers it. Of a thread, the id of its process; the \
               screen puts the id of the thread here, unless TID stands there too.",
        source: "the directory name in /proc",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| number(row.process.group),
    },
    Column {
        name: "tid",
        title: "TID",
        help: "Thread id, in the row of a thread; the row of a process as a whole has none. The leading thread has the \
               number of its process.",
        source: "the directory name in /proc/PID/task",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| if row.process.thread { number(row.process.key.pid) } else { Value::None },
    },
    Column {
        name: "ppid",
        title: "PPID",
        help: "Process id of the parent, which is told when this process ends and has to reap it. 0 for the first \
               process, for the first kernel threads, and where the parent is outside of the pid namespace.",
        source: "/proc/PID/stat field 4",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| number(row.process.stat.ppid),
    },
    Column {
        name: "pgrp",
        title: "PGRP",
        help: "Process group: a job of the shell, whose processes get the signals of the terminal together.",
        source: "/proc/PID/stat field 5",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| number(row.process.stat.pgrp),
    },
    Column {
        name: "session",
        title: "SESSION",
        help: "Session: the process groups that share a terminal, named after the process that began it. 0 for kernel \
               threads, and where its leader is outside of the pid namespace.",
        source: "/proc/PID/stat field 6",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| number(row.process.stat.session),
    },
    Column {
        name: "tty",
        title: "TTY",
        help: "Controlling terminal; none for daemons and kernel threads. The bare device number where no driver is \
               known for it.",
        source: "/proc/PID/stat field 7; /proc/tty/drivers",
        unit: Unit::None,
        width: 8,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| {
            let name = terminal::name(row.process.stat.tty, &row.observation.now.system.terminals);
            name.map_or(Value::None, |name| Value::Text(name.into()))
        },
    },
    Column {
        name: "tpgid",
        title: "TPGID",
        help: "Process group in the foreground of the controlling terminal: the one that may read from it and gets \
               Ctrl-C. None without a terminal.",
        source: "/proc/PID/stat field 8",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| row.process.stat.tpgid.map_or(Value::None, number),
    },
    Column {
        name: "uid",
        title: "UID",
        help: "Number of the real user: who started it.",
        source: "/proc/PID/status Uid, first",
        unit: Unit::Number,
        width: 6,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::of(status(row), |status| Value::Count(status.uid.real.0.into())),
    },
    Column {
        name: "user",
        title: "USER",
        help: "Name of the real user: who started it. The number where the system knows no name.",
        source: "/proc/PID/status Uid, first; passwd(5), getent(1)",
        unit: Unit::None,
        width: 9,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::of(status(row), |status| user_name(row, status.uid.real)),
    },
    Column {
        name: "euid",
        title: "EUID",
        help: "Number of the effective user: with whose rights it acts. Differs from the real one in set-user-ID programs.",
        source: "/proc/PID/status Uid, second",
        unit: Unit::Number,
        width: 6,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::of(status(row), |status| Value::Count(status.uid.effective.0.into())),
    },
    Column {
        name: "euser",
        title: "EUSER",
        help: "Name of the effective user: with whose rights it acts. The number where the system knows no name.",
        source: "/proc/PID/status Uid, second; passwd(5), getent(1)",
        unit: Unit::None,
        width: 9,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::of(status(row), |status| user_name(row, status.uid.effective)),
    },
    Column {
        name: "name",
        title: "NAME",
        help: "The name of the process or thread: the file name of its program, cut to 15 bytes, or what it called itself.",
        source: "/proc/PID/stat field 2",
        unit: Unit::None,
        width: 15,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::text(&row.process.name),
    },
    Column {
        name: "command",
        title: "COMMAND",
        help: "The command line, arguments apart by blanks; the name in brackets where there is none (kernel threads, \
               zombies, and programs that wiped theirs). Of a thread, its name.",
        source: "/proc/PID/cmdline; /proc/PID/stat field 2",
        unit: Unit::None,
        width: 40,
        parts: Parts::CMDLINE,
        first: Order::Ascending,
        total: Total::First,
        value: command,
    },
    Column {
        name: "exe",
        title: "EXE",
        help: "Path of the program file, as it was when it was started; marked (deleted) where it was removed or replaced \
               since, after an update for example. None for kernel threads and zombies.",
        source: "/proc/PID/exe",
        unit: Unit::None,
        width: 30,
        parts: Parts::EXE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| path(row.whole().process.details().exe.as_ref()),
    },
    Column {
        name: "cwd",
        title: "CWD",
        help: "Working directory. A file system cannot be unmounted while a process has its working directory there. None \
               for kernel threads and zombies.",
        source: "/proc/PID/cwd",
        unit: Unit::None,
        width: 30,
        parts: Parts::CWD,
        first: Order::Ascending,
        total: Total::First,
        value: |row| path(row.whole().process.details().cwd.as_ref()),
    },
    Column {
        name: "kernel_thread",
        title: "KTH",
        help: "Whether it is a thread of the kernel itself, which has no program, no memory map and no user.",
        source: "/proc/PID/stat field 9, PF_KTHREAD",
        unit: Unit::None,
        width: 3,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| Value::Flag(row.process.is_kernel_thread()),
    },
    Column {
        name: "threads",
        title: "THR",
        help: "Number of threads. A leading thread that has ended counts as long as others run. A number that grows \
               without end suggests threads that are started and never joined.",
        source: "/proc/PID/stat field 20",
        unit: Unit::Count,
        width: 4,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.process.stat.threads.into()),
    },
];

fn number(pid: Pid) -> Value<'static> {
    Value::Count(pid.0.into())
}

fn path<'a>(target: Result<&'a Option<Text>, &Missing>) -> Value<'a> {
    match target {
        Ok(Some(path)) => Value::text(path),
        Ok(None) => Value::None,
        Err(missing) => Value::Missing(*missing),
    }
}

fn command(row: Row<'_>) -> Value<'_> {
    let process = row.process;
    let bracketed = || Value::Text([b"[", &process.name[..], b"]"].concat().into());
    if process.thread {
        return Value::text(&process.name);
    }
    match &process.details().cmdline {
        Ok(line) if line.is_empty() => bracketed(),
        Ok(line) => Value::text(line),
        // Until it is known, and where it is not to be had, the name is better than nothing.
        Err(Missing::NotRequested) => bracketed(),
        Err(missing) => Value::Missing(*missing),
    }
}
