//! The process that is looked into, and all that has been found out about it: what panes and overlays beyond the list of
//! processes show. Answers come in one by one; a newer one takes the place of the older.

use super::pane::memory::{
    pages::Grid,
    picture::{Grain, Picture},
};
use crate::{
    analysis::{
        aslr::Report,
        growth::{Growth, History, is_same_layout},
        layout::Comparison,
        mapping::Change,
    },
    snapshot::{
        Missing, Moment, Reading,
        inspect::{Answer, Depth, Question, Reply},
        lab::Lab,
        map::{Kind, Mapping, MemoryMap},
        memory::Pages,
        program::Program,
    },
    table::{
        Value,
        program::{Run, facts},
    },
    unit::{Bytes, ProcessKey},
};
use std::{
    cell::{OnceCell, RefCell},
    collections::VecDeque,
    ops::Range,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// What is known of one process.
#[derive(Debug, Default)]
pub struct Subject {
    key: Option<ProcessKey>,
    map: Option<Reading<Option<Arc<MemoryMap>>>>,
    /// The last look at it.
    looked: Option<Looked>,
    /// Why the last look at the map failed, where an older one is still shown.
    stale: Option<Missing>,
    baseline: Option<Arc<MemoryMap>>,
    /// What is different from the baseline.
    growth: Option<Growth>,
    history: History,
    /// Made when first drawn, and again only when the layout is another.
    picture: OnceCell<Picture>,
    /// The same for the comparison with another run, and which one that is.
    comparison: RefCell<Option<(ProcessKey, Rc<Comparison>)>>,
    /// The same for what is told of its program.
    facts: OnceCell<Vec<Fact>>,
    sums: OnceCell<Sums>,
    pages: Option<(Range<u64>, Reading<Grid>)>,
    program: Option<Reading<Arc<Program>>>,
    lab: Option<Reading<(Arc<Lab>, Report)>>,
    /// Other runs that its map can be held against: what was seen of each last, the latest first. They outlive a change of
    /// the process that is looked into, and the processes themselves.
    others: VecDeque<Other>,
}

/// What all mappings of a map come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Address space.
    pub size: Bytes,
    /// Mappings that can be written and run.
    pub writable_and_executable: usize,
    /// Those with code of a file that has no name any more.
    pub deleted: usize,
}

impl Sums {
    fn of(mappings: &[Mapping]) -> Self {
        mappings.iter().fold(Self::default(), |sums, mapping| Self {
            size: Bytes(sums.size.0.saturating_add(mapping.size().0)),
            writable_and_executable: sums.writable_and_executable
                + usize::from(mapping.permissions.is_writable_and_executable()),
            deleted: sums.deleted + usize::from(mapping.deleted && mapping.kind == Kind::Text),
        })
    }
}

/// A look at a memory map.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    /// How much of it was read.
    pub depth: Depth,
    /// When.
    pub taken: Moment,
    /// How long it took.
    pub took: Duration,
}

/// What was seen of another process.
#[derive(Clone, Debug)]
pub struct Other {
    /// Whose it is.
    pub key: ProcessKey,
    /// Its map.
    pub map: Reading<Arc<MemoryMap>>,
    /// Its program.
    pub program: Option<Arc<Program>>,
}

/// Something that is told of a program.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What it is.
    pub text: String,
    /// Why it could not be read, where it could not.
    pub missing: Option<Missing>,
}

/// Other runs that are remembered.
const REMEMBERED: usize = 16;

impl Subject {
    /// The process.
    #[must_use]
    pub fn key(&self) -> Option<ProcessKey> {
        self.key
    }

    /// Look into this process from now on; what was known of another one is dropped.
    pub fn look_at(&mut self, key: ProcessKey) {
        if self.key == Some(key) {
            return;
        }
        if let (Some(key), Some(map)) = (self.key, self.known_map().cloned()) {
            let program = self.program.as_ref().and_then(|program| program.as_ref().ok()).cloned();
            self.remember(Other { key, map: Ok(map), program });
        }
        let others = std::mem::take(&mut self.others);
        *self = Self { key: Some(key), others, ..Self::default() };
    }

    fn remember(&mut self, other: Other) {
        self.others.retain(|old| old.key != other.key);
        self.others.push_front(other);
        self.others.truncate(REMEMBERED);
    }

    /// The runs of its program that were looked into before, the latest first.
    pub fn seen(&self) -> impl Iterator<Item = &Other> {
        let exe = self.known_map().and_then(|map| map.exe.as_ref().ok());
        self.others.iter().filter(move |other| {
            let own = other.map.as_ref().ok().and_then(|map| map.exe.as_ref().ok());
            own.is_some() && own == exe
        })
    }

    /// What was seen of another run.
    #[must_use]
    pub fn other(&self, key: ProcessKey) -> Option<&Other> {
        self.others.iter().find(|other| other.key == key)
    }

    /// Take in an answer; false where it is about something else.
    pub fn take(&mut self, (question, answer): &Reply) -> bool {
        match (question, answer) {
            (Question::Map(key, depth), answer) if Some(*key) == self.key => self.take_map(*depth, answer),
            (Question::Map(key, _), answer) => self.take_other(*key, answer),
            (Question::Pages(key, range), answer) if Some(*key) == self.key => self.take_pages(range, answer),
            (Question::Program(key), answer) => self.take_program(*key, answer),
            (Question::Lab(_), Ok(Answer::Lab(lab))) => {
                let report = Report::new(lab);
                self.lab = Some(Ok((Arc::clone(lab), report)));
            }
            (Question::Lab(_), Err(missing)) => self.lab = Some(Err(*missing)),
            _ => return false,
        }
        true
    }

    fn take_map(&mut self, depth: Depth, answer: &Reading<Answer>) {
        match answer {
            Ok(Answer::Map(map)) => {
                self.stale = None;
                let same = self.known_map().zip(map.as_ref()).is_some_and(|(old, new)| is_same_layout(old, new));
                if !same {
                    self.picture = OnceCell::new();
                    self.facts = OnceCell::new();
                    self.sums = OnceCell::new();
                    self.comparison.take();
                }
                self.looked = map.as_ref().map(|map| Looked {
                    depth,
                    taken: map.taken,
                    took: if depth == Depth::Figures && map.figures.is_ok() {
                        map.figures_took
                    } else {
                        map.addresses_took
                    },
                });
                // Addresses that are as they were take nothing from the figures that are known of them.
                if same && depth == Depth::Addresses {
                    return;
                }
                self.map = Some(Ok(map.clone()));
                if let Some(map) = map {
                    self.history.note(map);
                }
                self.compare();
            }
            Ok(_) => {}
            Err(missing) => match self.map {
                Some(Ok(Some(_))) => self.stale = Some(*missing),
                _ => self.map = Some(Err(*missing)),
            },
        }
    }

    fn take_pages(&mut self, range: &Range<u64>, answer: &Reading<Answer>) {
        let grid = match answer {
            Ok(Answer::Pages(pages)) => Ok(Grid::new(Arc::clone(pages), self.pages_before(range))),
            Ok(_) => return,
            Err(missing) => Err(*missing),
        };
        self.pages = Some((range.clone(), grid));
    }

    /// The map of the run that this one is held against.
    fn take_other(&mut self, key: ProcessKey, answer: &Reading<Answer>) {
        let map = match answer {
            Ok(Answer::Map(Some(map))) => Ok(Arc::clone(map)),
            Ok(_) => Err(Missing::Gone),
            Err(missing) => Err(*missing),
        };
        let old = self.other(key);
        // What was seen of one that has exited stays.
        if map.is_err() && old.is_some_and(|old| old.map.is_ok()) {
            return;
        }
        let program = old.and_then(|old| old.program.clone());
        let known = old.and_then(|old| old.map.as_ref().ok()).zip(map.as_ref().ok());
        if !known.is_some_and(|(old, new)| is_same_layout(old, new)) {
            self.comparison.take();
        }
        self.remember(Other { key, map, program });
    }

    fn take_program(&mut self, key: ProcessKey, answer: &Reading<Answer>) {
        let program = match answer {
            Ok(Answer::Program(program)) => Ok(Arc::clone(program)),
            Ok(_) => return,
            Err(missing) => Err(*missing),
        };
        self.comparison.take();
        self.facts = OnceCell::new();
        if Some(key) == self.key {
            self.program = Some(program);
        } else if let Some(other) = self.others.iter_mut().find(|other| other.key == key) {
            other.program = program.ok().or(other.program.take());
        }
    }

    /// The pages of the same mapping as they were read before; it may have grown since at either end.
    fn pages_before(&self, range: &Range<u64>) -> Option<&Pages> {
        let (before, grid) = self.pages.as_ref()?;
        let same = before.start == range.start || before.end == range.end;
        grid.as_ref().ok().filter(|_| same).map(|grid| &**grid.pages())
    }

    fn compare(&mut self) {
        let growth = self.baseline.as_ref().zip(self.known_map());
        self.growth = growth.map(|(before, now)| Growth::between(before, now));
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

    /// The last look at the map.
    #[must_use]
    pub fn looked(&self) -> Option<Looked> {
        self.looked
    }

    /// Why the map shown is not the latest one.
    #[must_use]
    pub fn stale(&self) -> Option<Missing> {
        self.stale
    }

    /// What the map comes to.
    #[must_use]
    pub fn sums(&self) -> Sums {
        *self.sums.get_or_init(|| self.known_map().map_or_else(Sums::default, |map| Sums::of(&map.mappings)))
    }

    /// The picture of the address space.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        let mappings = || self.known_map().map_or(&[][..], |map| &map.mappings);
        self.picture.get_or_init(|| Picture::new(mappings(), Grain::Objects))
    }

    /// The pages of a range of addresses, as they were read last.
    #[must_use]
    pub fn pages(&self, range: &Range<u64>) -> Option<&Reading<Grid>> {
        self.pages.as_ref().filter(|(own, _)| own == range).map(|(_, grid)| grid)
    }

    /// Take the map as it is now as baseline; false where there is none.
    pub fn set_baseline(&mut self) -> bool {
        self.baseline = self.known_map().cloned();
        self.compare();
        self.baseline.is_some()
    }

    /// Compare with nothing any more; false where that is so already.
    pub fn drop_baseline(&mut self) -> bool {
        self.growth = None;
        self.baseline.take().is_some()
    }

    /// What later maps are compared with.
    #[must_use]
    pub fn baseline(&self) -> Option<&Arc<MemoryMap>> {
        self.baseline.as_ref()
    }

    /// What is different from the baseline.
    #[must_use]
    pub fn growth(&self) -> Option<&Growth> {
        self.growth.as_ref()
    }

    /// How the mapping at this place has changed since the baseline. Where one was split into several, the change is that
    /// of all of them and stands with the first.
    #[must_use]
    pub fn change(&self, place: usize) -> Option<Change> {
        let growth = self.growth.as_ref()?;
        let piece = growth.of(place)?;
        let first = growth.after(piece).first().copied();
        (first == u32::try_from(place).ok()).then_some(piece.change)
    }

    /// Its program file and how its addresses were drawn; `None` where that has not come in yet.
    #[must_use]
    pub fn program(&self) -> Option<&Reading<Arc<Program>>> {
        self.program.as_ref()
    }

    /// What the laboratory has found out so far.
    #[must_use]
    pub fn lab(&self) -> Option<&Reading<(Arc<Lab>, Report)>> {
        self.lab.as_ref()
    }

    /// The laboratory begins anew.
    pub fn forget_lab(&mut self) {
        self.lab = None;
    }

    /// What is told of its program and of how its addresses are drawn.
    pub fn facts(&self, page_size: u64) -> &[Fact] {
        self.facts.get_or_init(|| {
            let program = self.program.as_ref().and_then(|program| program.as_ref().ok());
            let run = self.known_map().map(|map| Run { map, program: program.map(AsRef::as_ref), page_size });
            let fact = |(name, value): (&'static str, Value<'_>)| Fact {
                name,
                text: value.human().into_owned(),
                missing: match value {
                    Value::Missing(missing) => Some(missing),
                    _ => None,
                },
            };
            let told = run.map(facts).into_iter().flatten().filter(|(_, value)| *value != Value::None);
            told.map(fact).collect()
        })
    }

    /// What comes of comparing it with another run, made by `compare` where it is not known yet.
    pub fn comparison(&self, with: ProcessKey, compare: impl FnOnce() -> Option<Comparison>) -> Option<Rc<Comparison>> {
        if let Some((key, known)) = &*self.comparison.borrow()
            && *key == with
        {
            return Some(Rc::clone(known));
        }
        let made = Rc::new(compare()?);
        *self.comparison.borrow_mut() = Some((with, Rc::clone(&made)));
        Some(made)
    }

    /// Resident memory over the time it was watched.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }
}
