//! Columns that say how a mapping has changed since a baseline; dashes where there is none.

use super::MapColumn;
use crate::{
    analysis::{MapRow, mapping::Change},
    snapshot::Parts,
    table::{
        columns::{Total, Unit},
        value::{Order, Value},
    },
};

macro_rules! changes {
    ($($name:literal $title:literal $get:expr, $help:literal;)*) => {
        pub(super) const COLUMNS: &[MapColumn] = &[$(MapColumn {
            name: $name,
            title: $title,
            help: $help,
            source: "two readings of /proc/PID/smaps",
            unit: Unit::Bytes,
            width: 6,
            parts: Parts::NONE,
            first: Order::Descending,
            total: Total::Sum,
            value: |row| change(row, $get),
        }),*];
    };
}

fn change(row: MapRow<'_>, get: fn(Change) -> Option<i64>) -> Value<'_> {
    row.change.and_then(get).map_or(Value::None, Value::Change)
}

changes! {
    "rss_change" "+RSS" |change| change.rss,
        "How much more resident memory the mapping has than when the baseline was taken. One mapping that grows and grows is \
         a leak, or a cache without a bound.";
    "pss_change" "+PSS" |change| change.pss,
        "How much its proportional share has changed since the baseline; also because others began or ceased to share it.";
    "size_change" "+SIZE" |change| Some(change.size),
        "How much address space the mapping has gained since the baseline; of a new one all of it.";
    "swap_change" "+SWAP" |change| change.swap,
        "How much more of the mapping is in swap than when the baseline was taken.";
}
