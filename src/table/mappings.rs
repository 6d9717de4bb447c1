//! Every column of a mapping in a memory map, in one table: that of the Memory pane, of `sysview maps` and of its filters.

mod amounts;
mod growth;

use super::{
    columns::{ColumnOf, Table, Total, Unit},
    value::{Order, Value},
};
use crate::{analysis::MapRow, snapshot::Parts};
use std::borrow::Cow;

/// The table of mappings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfMappings;

/// A column of the table of mappings.
pub type MapColumn = ColumnOf<OfMappings>;

impl Table for OfMappings {
    type Row<'a> = MapRow<'a>;
    const COLUMNS: &'static [MapColumn] = &JOINED;
    const SEARCHED: &'static [&'static str] = &["path", "kind"];
    type Get = for<'a> fn(MapRow<'a>) -> Value<'a>;

    fn value<'a>(column: &MapColumn, row: MapRow<'a>) -> Value<'a>
    where
        'a: 'a,
    {
        (column.value)(row)
    }
}

const SUBJECTS: [&[MapColumn]; 3] = [PLACE, amounts::COLUMNS, growth::COLUMNS];

const COUNT: usize = PLACE.len() + amounts::COLUMNS.len() + growth::COLUMNS.len();

const JOINED: [MapColumn; COUNT] = {
    let mut all = [PLACE[0]; COUNT];
    let (mut at, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        let mut row = 0;
        while row < SUBJECTS[subject].len() {
            all[at] = SUBJECTS[subject][row];
            at += 1;
            row += 1;
        }
        subject += 1;
    }
    all
};

/// Sets of columns for one question each; the first is the default. The path comes last and takes what is left.
#[rustfmt::skip]
pub const MAP_PRESETS: &[(&str, &[&str])] = &[
    ("default", &["start", "size", "permissions", "kind", "rss", "pss", "private_dirty", "swap", "path"]),
    ("growth", &["start", "size", "kind", "rss", "rss_change", "pss_change", "size_change", "swap_change", "path"]),
    ("sharing", &["start", "size", "kind", "rss", "pss", "uss", "shared_clean", "shared_dirty", "private_clean", "private_dirty", "path"]),
    ("pages", &["start", "size", "kind", "rss", "referenced", "anonymous", "anon_huge", "file_huge", "swap", "locked", "page_size", "thp_eligible", "path"]),
    ("file", &["start", "end", "permissions", "offset", "device", "inode", "kind", "deleted", "path"]),
    ("flags", &["start", "size", "permissions", "kind", "protection_key", "flags", "path"]),
];

/// What `maps` says.
const PLACE: &[MapColumn] = &[
    MapColumn {
        name: "start",
        title: "ADDRESS",
        help: "First address of the mapping. With address space layout randomisation it is another in every run; the \
               lowest twelve bits are always zero.",
        source: "/proc/PID/maps",
        unit: Unit::Address,
        width: 12,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Address(row.mapping.start),
    },
    MapColumn {
        name: "end",
        title: "END",
        help: "Address after the last of the mapping. What stands there next is no part of it.",
        source: "/proc/PID/maps",
        unit: Unit::Address,
        width: 12,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Address(row.mapping.end),
    },
    MapColumn {
        name: "size",
        title: "SIZE",
        help: "Address space that the mapping takes, touched or not. Costs nothing by itself but the kernel's record of it.",
        source: "/proc/PID/smaps Size",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Bytes(row.size.0),
    },
    MapColumn {
        name: "mappings",
        title: "MAPS",
        help: "How many mappings the row stands for: one, or all of an object. A process may have 65,530 in all \
               (vm.max_map_count).",
        source: "/proc/PID/maps",
        unit: Unit::Count,
        width: 5,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| Value::Count(row.count as u64),
    },
    MapColumn {
        name: "permissions",
        title: "PERM",
        help: "What may be done there: r read, w write, x execute; s shared with others who map it, p private (a write \
               makes a copy). w and x together let whoever can write there run code: a just-in-time compiler, or an \
               opening for an attacker.",
        source: "/proc/PID/maps",
        unit: Unit::None,
        width: 4,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Word(row.mapping.permissions.letters()),
    },
    MapColumn {
        name: "offset",
        title: "OFFSET",
        help: "Where in the file the mapping begins, in bytes. The parts of a program or library follow one another.",
        source: "/proc/PID/maps",
        unit: Unit::Number,
        width: 8,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Count(row.mapping.offset),
    },
    MapColumn {
        name: "device",
        title: "DEV",
        help: "Major and minor number of the device that the file is on, in hexadecimal. On overlayfs and btrfs it is not \
               what stat(2) says of the path.",
        source: "/proc/PID/maps",
        unit: Unit::None,
        width: 5,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Text(Cow::Owned(row.mapping.file.device_text().into_bytes())),
    },
    MapColumn {
        name: "inode",
        title: "INODE",
        help: "Number of the file on its device; 0 where there is no file. Of System V shared memory it is the segment's id.",
        source: "/proc/PID/maps",
        unit: Unit::Number,
        width: 8,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Count(row.mapping.file.inode),
    },
    MapColumn {
        name: "kind",
        title: "KIND",
        help: "What the mapping is for, told from the file, the permissions and the mappings around it: text, rodata, relro, \
               data and bss of programs and libraries; heap, stack and the stacks of threads; anonymous; shared, memfd and \
               sysv memory; device; vdso, vvar, vsyscall and uprobes of the kernel; other files.",
        source: "/proc/PID/maps and /proc/PID/task/TID/syscall, judged by sysview",
        unit: Unit::None,
        width: 9,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| Value::Word(row.mapping.kind.word()),
    },
    MapColumn {
        name: "thread",
        title: "TID",
        help: "The thread whose stack it is: the one whose stack pointer was in it when it slept.",
        source: "/proc/PID/task/TID/syscall",
        unit: Unit::Number,
        width: 7,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| row.mapping.thread.map_or(Value::None, |tid| Value::Count(tid.0.into())),
    },
    MapColumn {
        name: "deleted",
        title: "DEL",
        help: "Whether the file has no name any more: a library that was replaced by an update while the process ran (it \
               still runs the old one), or a file made to vanish with the process.",
        source: "/proc/PID/maps, /proc/PID/map_files",
        unit: Unit::None,
        width: 3,
        parts: Parts::NONE,
        first: Order::Descending,
        total: Total::First,
        value: |row| Value::Flag(row.mapping.deleted),
    },
    MapColumn {
        name: "path",
        title: "PATH",
        help: "The file, or the kernel's name for what has none: [heap], [stack], [vdso], [anon:NAME]. A dash is memory \
               without a name. Written as the kernel does: \\012 is a newline, and (deleted) may be part of a name.",
        source: "/proc/PID/maps",
        unit: Unit::None,
        width: 20,
        parts: Parts::NONE,
        first: Order::Ascending,
        total: Total::First,
        value: |row| row.mapping.path.as_ref().map_or(Value::None, |path| Value::text(path)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::map::Amount;
    use std::collections::HashSet;

    #[test]
    fn every_column_is_named_once_and_explained() {
        let mut names = HashSet::new();
        for column in OfMappings::COLUMNS {
            assert!(names.insert(column.name), "{} stands twice", column.name);
            assert!(column.help.ends_with('.') && !column.source.is_empty(), "{}", column.name);
            assert!(column.title.len() <= usize::from(column.width), "{}", column.name);
        }
        let presets = MAP_PRESETS.iter().flat_map(|(_, names)| names.iter());
        for name in OfMappings::SEARCHED.iter().chain(presets) {
            assert!(OfMappings::column(name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_amount_of_the_kernel_is_a_column() {
        for (_, _, name) in Amount::ALL {
            assert!(OfMappings::column(name).is_some(), "{name}");
        }
    }
}
