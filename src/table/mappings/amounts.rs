//! Columns with the figures of `smaps`, one for each amount that the kernel counts, and what is made of them.

use super::MapColumn;
use crate::{
    analysis::MapRow,
    snapshot::{
        Missing, Parts, Reading,
        map::{Amount, Figures},
    },
    table::{
        columns::{Total, Unit},
        value::{Order, Value},
    },
    unit::Bytes,
};

macro_rules! amounts {
    ($($amount:ident $name:literal $title:literal $key:literal $help:literal;)*) => {
        pub(super) const COLUMNS: &[MapColumn] = &[
            $(MapColumn {
                name: $name,
                title: $title,
                help: $help,
                source: concat!("/proc/PID/smaps ", $key),
                unit: Unit::Bytes,
                width: 5,
                parts: Parts::NONE,
                first: Order::Descending,
                total: Total::Sum,
                value: |row| Value::of(row.amount(Amount::$amount), |bytes| Value::Bytes(bytes.0)),
            },)*
            USS, PAGE_SIZE, MMU_PAGE_SIZE, THP_ELIGIBLE, PROTECTION_KEY, FLAGS,
        ];
    };
}

/// A figure that is no amount, and is not told of several mappings in one.
fn figure<'a, T>(row: MapRow<'a>, get: fn(&'a Figures) -> Option<T>, value: fn(T) -> Value<'a>) -> Value<'a> {
    match row.figures {
        Err(missing) => Value::Missing(missing),
        Ok(_) if row.count > 1 => Value::None,
        Ok(figures) => get(figures).map_or(Value::None, value),
    }
}

const USS: MapColumn = MapColumn {
    name: "uss",
    title: "USS",
    help: "Unique set size: pages that nobody else maps, those of hugetlbfs included. What would be free at once if the \
           process ended.",
    source: "/proc/PID/smaps Private_Clean + Private_Dirty + Private_Hugetlb",
    unit: Unit::Bytes,
    width: 5,
    parts: Parts::NONE,
    first: Order::Descending,
    total: Total::Sum,
    value: |row| {
        let uss: Reading<Bytes> = row.figures.and_then(|figures| figures.uss().ok_or(Missing::Unsupported));
        Value::of(uss, |bytes| Value::Bytes(bytes.0))
    },
};

const PAGE_SIZE: MapColumn = MapColumn {
    name: "page_size",
    title: "PAGE",
    help: "Size of the pages that the kernel gives the mapping: larger than usual for hugetlbfs.",
    source: "/proc/PID/smaps KernelPageSize",
    unit: Unit::Bytes,
    width: 5,
    parts: Parts::NONE,
    first: Order::Descending,
    total: Total::First,
    value: |row| figure(row, |figures| Some(figures.page_size.0).filter(|size| *size > 0), Value::Bytes),
};

const MMU_PAGE_SIZE: MapColumn = MapColumn {
    name: "mmu_page_size",
    title: "MMU",
    help: "Size of the pages that the processor uses for it. Differs from the kernel's on some POWER machines.",
    source: "/proc/PID/smaps MMUPageSize",
    unit: Unit::Bytes,
    width: 5,
    parts: Parts::NONE,
    first: Order::Descending,
    total: Total::First,
    value: |row| figure(row, |figures| Some(figures.mmu_page_size.0).filter(|size| *size > 0), Value::Bytes),
};

const THP_ELIGIBLE: MapColumn = MapColumn {
    name: "thp_eligible",
    title: "THP",
    help: "Whether the kernel may use transparent huge pages there, as it is set now.",
    source: "/proc/PID/smaps THPeligible",
    unit: Unit::None,
    width: 3,
    parts: Parts::NONE,
    first: Order::Descending,
    total: Total::First,
    value: |row| figure(row, |figures| figures.thp_eligible, Value::Flag),
};

const PROTECTION_KEY: MapColumn = MapColumn {
    name: "protection_key",
    title: "PKEY",
    help: "Protection key of the mapping (pkeys(7)): the process can forbid itself access to all memory of a key at once.",
    source: "/proc/PID/smaps ProtectionKey",
    unit: Unit::Number,
    width: 4,
    parts: Parts::NONE,
    first: Order::Descending,
    total: Total::First,
    value: |row| figure(row, |figures| figures.protection_key, |key| Value::Count(key.into())),
};

const FLAGS: MapColumn = MapColumn {
    name: "flags",
    title: "FLAGS",
    help: "What the kernel notes about the mapping, two letters each: lo locked, gd grows down, ht huge pages, dc not copied \
           on fork, dd not dumped, hg and nh huge pages advised or not, sl sealed, ss shadow stack. Enter on a mapping tells \
           all of them in words.",
    source: "/proc/PID/smaps VmFlags",
    unit: Unit::None,
    width: 20,
    parts: Parts::NONE,
    first: Order::Ascending,
    total: Total::First,
    value: |row| figure(row, |figures| Some(&*figures.flags).filter(|flags| !flags.is_empty()), Value::text),
};

amounts! {
    Rss "rss" "RSS" "Rss"
        "Resident size: pages of the mapping that are in RAM now, shared ones counted fully. Exact, where the RSS of the process is a counter that may lag.";
    Pss "pss" "PSS" "Pss"
        "Proportional set size: each page divided by the number of processes that map it. Sums over processes count no page twice.";
    PssDirty "pss_dirty" "PSS-D" "Pss_Dirty"
        "The part of PSS that was written to and cannot simply be dropped.";
    SharedClean "shared_clean" "SHR-C" "Shared_Clean"
        "Pages that others map as well, unchanged since they were read: the code of libraries.";
    SharedDirty "shared_dirty" "SHR-D" "Shared_Dirty"
        "Pages that others map as well and that were written to: shared memory, and private memory not yet copied after fork.";
    PrivateClean "private_clean" "PRV-C" "Private_Clean"
        "Pages that nobody else maps, unchanged since they were read from the file; the kernel can drop them.";
    PrivateDirty "private_dirty" "PRV-D" "Private_Dirty"
        "Pages that nobody else maps and that were written to: what the process costs for certain. This is what grows in a leak.";
    Referenced "referenced" "REF" "Referenced"
        "Pages that were touched since the kernel last looked. Much memory with little of it referenced could be swapped out without loss.";
    Anonymous "anonymous" "ANON" "Anonymous"
        "Pages that belong to no file, also in mappings of files: private pages that were written to.";
    Ksm "ksm" "KSM" "KSM"
        "Pages that were merged with equal ones (KSM), by madvise(MADV_MERGEABLE).";
    LazyFree "lazy_free" "LAZY" "LazyFree"
        "Pages given back by madvise(MADV_FREE) that the kernel has not taken yet; still part of RSS.";
    AnonHuge "anon_huge" "THP-A" "AnonHugePages"
        "Anonymous memory in transparent huge pages. They spare page-table walks and can waste memory.";
    ShmemHuge "shmem_huge" "THP-S" "ShmemPmdMapped"
        "Shared memory (shmem, tmpfs) mapped by huge pages.";
    FileHuge "file_huge" "THP-F" "FilePmdMapped"
        "Pages of files mapped by huge pages.";
    SharedHugetlb "shared_hugetlb" "HTLBS" "Shared_Hugetlb"
        "Pages of hugetlbfs that others map as well. No part of RSS or PSS.";
    PrivateHugetlb "private_hugetlb" "HTLBP" "Private_Hugetlb"
        "Pages of hugetlbfs that nobody else maps. No part of RSS or PSS, but of USS.";
    Swap "swap" "SWAP" "Swap"
        "Memory of the mapping that is in swap. To touch it costs a major fault.";
    SwapPss "swap_pss" "SWPSS" "SwapPss"
        "The proportional share of what is in swap.";
    Locked "locked" "LOCK" "Locked"
        "Memory that must stay in RAM: mlock(2). Proportional, as PSS is.";
}
