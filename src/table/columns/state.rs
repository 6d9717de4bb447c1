//! Columns that say what a process is doing, what it waits for, and how it ended.

use super::{Column, Total, Unit, status};
use crate::{
    analysis::{Row, syscalls},
    snapshot::{
        Parts, Reading,
        process::{SignalSet, State, Status, Syscall, zombie_status},
    },
    table::value::{Order, Value},
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "state",
        title: "S",
        help: "State: R running or ready, S sleeping, D waiting in the kernel and deaf to signals, Z zombie, T stopped, \
               t traced, I idle kernel thread, P parked, X dead. Sampled: a process that is mostly busy may be seen asleep.",
        source: "/proc/PID/stat field 3",
        unit: Unit::None,
        width: 1,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Letter(row.process.stat.state.0),
    },
    Column {
        name: "state_age",
        title: "AGE",
        help: "Time since it last ran, which is how long it has been in its state: asleep, stuck in D, stopped, or a \
               zombie. None for what is running or ready. Time that the machine was suspended is not counted. A D that \
               grows old waits for a device or a server that does not answer.",
        source: "/proc/PID/sched se.exec_start, against that of sysview's own thread",
        unit: Unit::Seconds,
        width: 6,
        parts: Parts::SCHED,
        first: Order::Descending,
        total: Total::First,
        value: |row| {
            if row.process.stat.state == State::RUNNING {
                return Value::None;
            }
            Value::of(row.since_ran(), |age| Value::Seconds(age.seconds()))
        },
    },
    Column {
        name: "wchan",
        title: "WCHAN",
        help: "The function of the kernel that it sleeps in: a hint at what it waits for. None while it runs and for \
               zombies.",
        source: "/proc/PID/wchan",
        unit: Unit::None,
        width: 20,
        parts: Parts::WCHAN,
        first: Order::Ascending,
        total: Total::First,
        value: |row| match &row.process.details().wchan {
            _ if is_not_sleeping(row) => Value::None,
            Ok(Some(function)) => Value::text(function),
            Ok(None) => Value::None,
            Err(missing) => Value::Missing(*missing),
        },
    },
    Column {
        name: "syscall",
        title: "SYSCALL",
        help: "The system call that it waits in; its number where the name is not known (32-bit programs, other \
               architectures than x86-64 and AArch64). None while it runs, while it sleeps outside of a call (a page \
               fault for example), for kernel threads and for zombies.",
        source: "/proc/PID/syscall",
        unit: Unit::None,
        width: 15,
        parts: Parts::SYSCALL,
        first: Order::Ascending,
        total: Total::First,
        value: |row| {
            if is_not_sleeping(row) || row.process.is_kernel_thread() {
                return Value::None;
            }
            Value::of(row.process.details().syscall, |call| syscall(row, call))
        },
    },
    Column {
        name: "exit",
        title: "EXIT",
        help: "How a zombie ended: its exit code, or the signal that killed it and whether it left a core. None for what \
               lives. Only the same user and root may know; others are refused.",
        source: "/proc/PID/stat field 52",
        unit: Unit::None,
        width: 14,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| {
            let whole = row.whole().process;
            if !whole.is_zombie() {
                return Value::None;
            }
            Value::of(zombie_status(whole, row.observation.now.observer), Value::Exit)
        },
    },
    Column {
        name: "sigchld",
        title: "SIGCHLD",
        help: "What it does with SIGCHLD, by which a parent learns that a child has ended: default (nothing), ignored \
               (its children vanish and never become zombies), blocked, or caught. A parent of zombies that leaves it at \
               default probably never waits for its children. Of the leading thread. None for zombies.",
        source: "/proc/PID/status SigIgn, SigBlk, SigCgt",
        unit: Unit::None,
        width: 7,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| disposition(row, SIGCHLD),
    },
    Column {
        name: "hangup",
        title: "HANGUP",
        help: "What it does with SIGHUP, which comes when its terminal goes away: default (it ends), ignored (it lives on, \
               as after nohup), blocked, or caught. Of the leading thread. None for zombies.",
        source: "/proc/PID/status SigIgn, SigBlk, SigCgt",
        unit: Unit::None,
        width: 7,
        parts: Parts::STATUS,
        first: Order::Ascending,
        total: Total::First,
        value: |row| disposition(row, SIGHUP),
    },
];

/// The numbers of the two signals on Linux other than Alpha, MIPS, PA-RISC and SPARC (signal(7)).
const SIGHUP: u8 = 1;
const SIGCHLD: u8 = 17;

fn is_not_sleeping(row: Row<'_>) -> bool {
    matches!(row.process.stat.state, State::RUNNING | State::ZOMBIE)
}

fn syscall(row: Row<'_>, call: Syscall) -> Value<'_> {
    let Syscall::Inside { number, stack, .. } = call else { return Value::None };
    let architecture = &row.observation.now.system.architecture;
    // Kernels before 6.1 do not tell theirs; they are taken for the one that this program was made for.
    let architecture = architecture.as_deref().unwrap_or(std::env::consts::ARCH.as_bytes());
    let name = syscalls::name(architecture, number).filter(|_| stack > u32::MAX.into());
    name.map_or_else(|| Value::Text(number.to_string().into_bytes().into()), Value::Word)
}

fn disposition(row: Row<'_>, signal: u8) -> Value<'_> {
    if row.whole().process.is_zombie() {
        return Value::None;
    }
    let word = |status: &Status| {
        let has = |set: SignalSet| set.contains(signal);
        // What is ignored is thrown away even while it is blocked; what is blocked does not reach its handler.
        match (has(status.ignored), has(status.blocked), has(status.caught)) {
            (true, _, _) => "ignored",
            (false, true, _) => "blocked",
            (false, false, true) => "caught",
            (false, false, false) => "default",
        }
    };
    let word: Reading<_> = status(row).map(word);
    Value::of(word, Value::Word)
}
