//! Columns that say how much memory a process has. Kernel threads and zombies have none: a dash, not a reason.

use super::{Column, Total, Unit, status};
use crate::{
    analysis::Row,
    snapshot::{
        Missing, Parts, Reading,
        process::{Rollup, Statm, Status},
    },
    table::value::{Order, Value},
    unit::Bytes,
};

pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "virt",
        title: "VIRT",
        help: "Size of the address space: all that is mapped, touched or not. Large figures are common and cost nothing; \
               one that grows without end suggests a leak.",
        source: "/proc/PID/statm field 1",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATM,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_statm(row, |statm| statm.size)),
    },
    Column {
        name: "rss",
        title: "RSS",
        help: "Resident size: memory of the process that is in RAM now, shared pages counted fully. Huge pages of \
               hugetlbfs are not in it. Sums count shared pages more than once.",
        source: "/proc/PID/statm field 2",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATM,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_statm(row, |statm| statm.resident)),
    },
    Column {
        name: "rss_anon",
        title: "ANON",
        help: "Resident memory that belongs to no file: heap, stacks, and private pages that were written to. Pages that \
               are still shared with a parent or child after fork count in each. This is what grows in a leak.",
        source: "/proc/PID/status RssAnon",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.rss_anon)),
    },
    Column {
        name: "rss_file",
        title: "FILE",
        help: "Resident memory that stands for pages of files: programs, libraries, mapped data. Whether anybody else maps \
               them is not said; the kernel can take clean ones back and read them again.",
        source: "/proc/PID/status RssFile",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.rss_file)),
    },
    Column {
        name: "rss_shmem",
        title: "SHMEM",
        help: "Resident memory in shared segments and tmpfs: System V and POSIX shared memory, memfd, shared anonymous \
               mappings. It outlives the process where something else holds it.",
        source: "/proc/PID/status RssShmem",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.rss_shmem)),
    },
    Column {
        name: "rss_peak",
        title: "PEAK",
        help: "The largest resident size it ever had. Far above the resident size now: it once needed that much and gave \
               it back, or it was reclaimed.",
        source: "/proc/PID/status VmHWM",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.rss_peak)),
    },
    Column {
        name: "pss",
        title: "PSS",
        help: "Proportional size: each resident page divided by the number of processes that map it. Sums over processes \
               are true. Costly to read: the kernel walks the whole memory map.",
        source: "/proc/PID/smaps_rollup Pss",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::ROLLUP,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_rollup(row, |rollup| rollup.pss)),
    },
    Column {
        name: "uss",
        title: "USS",
        help: "Unique size: resident pages that no other process maps, which is what would be free if it ended. Costly to \
               read: the kernel walks the whole memory map.",
        source: "/proc/PID/smaps_rollup Private_Clean, Private_Dirty, Private_Hugetlb",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::ROLLUP,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_rollup(row, |rollup| rollup.uss)),
    },
    Column {
        name: "swap",
        title: "SWAP",
        help: "Memory of the process that is swapped out; shared memory is not counted. With many major faults beside it, \
               it is short of memory now; without them it is memory that nobody misses.",
        source: "/proc/PID/status VmSwap",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.swap)),
    },
    Column {
        name: "locked",
        title: "LOCK",
        help: "Memory locked into RAM by mlock(2), which is never swapped out.",
        source: "/proc/PID/status VmLck",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.locked)),
    },
    Column {
        name: "page_tables",
        title: "PTE",
        help: "Memory that the kernel spends on the page tables of the process. High for large or scattered address spaces \
               without huge pages.",
        source: "/proc/PID/status VmPTE",
        unit: Unit::Bytes,
        width: 5,
        parts: Parts::STATUS,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| bytes(from_status(row, |status| status.page_tables)),
    },
    Column {
        name: "mem",
        title: "MEM%",
        help: "Resident size as a share of the machine's memory. Shared pages count fully in each process.",
        source: "/proc/PID/statm field 2; /proc/meminfo MemTotal",
        unit: Unit::Percent,
        width: 5,
        parts: Parts::STATM,
        first: Order::Descending,
        total: Total::Sum,
        value: |row| {
            let total = row.observation.now.system.memory.map(|memory| memory.total.0);
            Value::optional(from_statm(row, |statm| statm.resident), |bytes| {
                Value::of(total, |total| Value::Percent(bytes.0 as f64 / total.max(1) as f64 * 100.0))
            })
        },
    },
];

fn bytes(size: Reading<Option<Bytes>>) -> Value<'static> {
    Value::optional(size, |bytes| Value::Bytes(bytes.0))
}

/// Whether it has no memory map by its nature.
fn has_no_memory(row: Row<'_>) -> bool {
    let process = row.whole().process;
    process.is_kernel_thread() || process.is_zombie()
}

fn from_statm(row: Row<'_>, field: impl FnOnce(Statm) -> Bytes) -> Reading<Option<Bytes>> {
    if has_no_memory(row) {
        return Ok(None);
    }
    row.whole().process.details().statm.map(|statm| Some(field(statm)))
}

/// A line of `status` about memory. A process that is just ending has none of them any more; where only this one is
/// absent the kernel is older than it.
fn from_status(row: Row<'_>, field: impl FnOnce(&Status) -> Option<Bytes>) -> Reading<Option<Bytes>> {
    if has_no_memory(row) {
        return Ok(None);
    }
    let status = status(row)?;
    match field(status) {
        None if status.rss_peak.is_some() => Err(Missing::Unsupported),
        size => Ok(size),
    }
}

fn from_rollup(row: Row<'_>, field: impl FnOnce(&Rollup) -> Bytes) -> Reading<Option<Bytes>> {
    if has_no_memory(row) {
        return Ok(None);
    }
    match &row.whole().process.details().rollup {
        Ok(rollup) => Ok(rollup.as_deref().map(field)),
        Err(missing) => Err(*missing),
    }
}
