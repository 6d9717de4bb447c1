//! Memory maps made up for tests.

use crate::{
    snapshot::{
        Moment,
        map::{Amount, Figures, FileId, Kind, Mapping, MemoryMap, Permissions},
    },
    text::Text,
    unit::{Bytes, Pid, ProcessKey, Ticks},
};
use std::time::Duration;

/// A mapping with its figures.
#[derive(Clone)]
pub struct Example {
    mapping: Mapping,
    figures: Figures,
}

impl Example {
    /// Of this file.
    pub fn inode(mut self, inode: u64) -> Self {
        self.mapping.file = FileId { device: (0xfe, 0), inode };
        self
    }

    /// From this place of the file.
    pub fn offset(mut self, offset: u64) -> Self {
        self.mapping.offset = offset;
        self
    }

    /// With this much in memory.
    pub fn rss(mut self, bytes: u64) -> Self {
        for amount in [Amount::Rss, Amount::Pss] {
            self.figures.set(amount, Bytes(bytes));
        }
        self.figures.set(Amount::Swap, Bytes(0));
        self
    }
}

/// A mapping; without a name where that is empty.
pub fn mapping(start: u64, end: u64, kind: Kind, permissions: &str, path: &str) -> Example {
    let mapping = Mapping {
        start,
        end,
        permissions: Permissions::parse(permissions.as_bytes()).expect("permissions as the kernel writes them"),
        offset: 0,
        file: FileId::default(),
        path: Some(path).filter(|path| !path.is_empty()).map(Text::from),
        deleted: path.ends_with(" (deleted)"),
        kind,
        thread: None,
    };
    Example { mapping, figures: Figures::default() }.rss(0)
}

/// The map of a process.
pub fn map(examples: impl IntoIterator<Item = Example>) -> MemoryMap {
    let (mappings, figures): (Vec<_>, Vec<_>) =
        examples.into_iter().map(|example| (example.mapping, example.figures)).unzip();
    MemoryMap {
        key: ProcessKey { pid: Pid(42), start: Ticks(4200) },
        name: "x".into(),
        exe: Ok("/bin/x".into()),
        taken: Moment::default(),
        through: None,
        addresses_took: Duration::ZERO,
        figures_took: Duration::ZERO,
        mappings,
        totals: Ok(super::objects::sum(&figures)),
        figures: Ok(figures),
    }
}
