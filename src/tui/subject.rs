//! The process that is looked into, and all that has been found out about it: what panes and overlays beyond the list of
//! processes show. Answers come in one by one; a newer one takes the place of the older.

use crate::{
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Question, Reply},
        map::MemoryMap,
    },
    unit::ProcessKey,
};
use std::sync::Arc;

/// What is known of one process.
#[derive(Debug, Default)]
pub struct Subject {
    key: Option<ProcessKey>,
    map: Option<Reading<Option<Arc<MemoryMap>>>>,
    /// Why the last look at the map failed, where an older one is still shown.
    stale: Option<Missing>,
}

impl Subject {
    /// The process.
    #[must_use]
    pub fn key(&self) -> Option<ProcessKey> {
        self.key
    }

    /// Look into this process from now on; what was known of another one is dropped.
    pub fn look_at(&mut self, key: ProcessKey) {
        if self.key != Some(key) {
            *self = Self { key: Some(key), ..Self::default() };
        }
    }

    /// Take in an answer; false where it is about something else.
    pub fn take(&mut self, (question, answer): &Reply) -> bool {
        match question {
            Question::Map(key, _) if Some(*key) == self.key => {
                self.take_map(answer);
                true
            }
            _ => false,
        }
    }

    fn take_map(&mut self, answer: &Reading<Answer>) {
        match answer {
            Ok(Answer::Map(map)) => {
                self.stale = None;
                self.map = Some(Ok(map.clone()));
            }
            Ok(_) => {}
            Err(missing) => match self.map {
                Some(Ok(Some(_))) => self.stale = Some(*missing),
                _ => self.map = Some(Err(*missing)),
            },
        }
    }

    /// Its memory map: `None` where it has not come in yet, `Some(Ok(None))` where the process has none.
    #[must_use]
    pub fn map(&self) -> Option<Reading<Option<&Arc<MemoryMap>>>> {
        match &self.map {
            None => None,
            Some(Ok(map)) => Some(Ok(map.as_ref())),
            Some(Err(missing)) => Some(Err(*missing)),
        }
    }

    /// The memory map, where there is one.
    #[must_use]
    pub fn known_map(&self) -> Option<&Arc<MemoryMap>> {
        self.map()?.ok()?
    }

    /// Why the map shown is not the latest one.
    #[must_use]
    pub fn stale(&self) -> Option<Missing> {
        self.stale
    }
}
