//! One mapping of a process, looked into: its figures, its bytes with a search through the whole process, and who else maps
//! its file. Bound to the process and to the addresses, not to a row of the table below.

mod bytes;
mod figures;
mod search;
mod sharers;
mod site;

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::{
    snapshot::{
        Missing,
        inspect::{Answer, Question, Reply},
        map::MemoryMap,
    },
    table::{Value, value::bytes_text},
    tui::{
        action::Action,
        keymap::Key,
        theme::Role,
        widget::{
            frame::{popup, progress},
            line::{self, Piece},
            list::List,
            prompt::Prompt,
        },
    },
};
use bytes::Bytes;
use ratatui::{buffer::Buffer, crossterm::event::KeyCode, layout::Rect};
use search::{Aim, Search};
use sharers::Who;
use site::{Fate, Site};
use std::sync::Arc;

/// What of the mapping is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Figures,
    Contents,
    Sharers,
}

impl Face {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Figures, "figures"), (Self::Contents, "contents"), (Self::Sharers, "who else")];

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }
}

/// A mapping that is looked into.
pub struct Inside {
    site: Site,
    face: Face,
    list: List,
    bytes: Bytes,
    who: Who,
    search: Option<Search>,
    /// Go to the first match as soon as there is one: nothing else was done since the search began.
    seeks: bool,
    prompt: Option<Prompt>,
    typed: Vec<String>,
    note: Option<String>,
}

impl Inside {
    /// Look into the mapping at a place of a map; `None` where there is none.
    #[must_use]
    pub fn new(map: &Arc<MemoryMap>, place: usize) -> Option<Self> {
        let site = Site::new(map, place)?;
        Some(Self {
            bytes: Bytes::at(site.mapping.start),
            site,
            face: Face::Figures,
            list: List::default(),
            who: Who::default(),
            search: None,
            seeks: false,
            prompt: None,
            typed: Vec::new(),
            note: None,
        })
    }

    /// Another mapping is shown.
    fn show(&mut self, site: Site) {
        if self.site.mapping.start != site.mapping.start {
            self.bytes.leave_for(site.mapping.start);
            self.list = List::default();
        }
        self.site = site;
    }

    /// Show the byte at an address, in whatever mapping it is.
    fn go(&mut self, address: u64) {
        match self.site.holding(address) {
            Some(site) => {
                // In the same mapping the view moves no further than it must.
                if site.mapping.start != self.site.mapping.start {
                    self.show(site);
                }
                self.bytes.go(address);
                self.face = Face::Contents;
            }
            None => self.note = Some(format!("nothing is mapped at {address:x} any more")),
        }
    }

    /// To the next match; where nothing is looked for, to the next mapping.
    fn next(&mut self, by: isize) {
        self.seeks = false;
        match &self.search {
            Some(search) => match search.next(self.bytes.cursor(), by) {
                Some(address) => self.go(address),
                None if search.is_running() => self.note = Some("no match yet".to_owned()),
                None => self.note = Some("no match".to_owned()),
            },
            None => match self.site.neighbour(by) {
                Some(site) => self.show(site),
                None if by < 0 => self.note = Some("this is the first mapping".to_owned()),
                None => self.note = Some("this is the last mapping".to_owned()),
            },
        }
    }

    fn open_prompt(&mut self) {
        self.face = Face::Contents;
        self.prompt = Some(Prompt::new("", self.typed.clone()));
    }

    /// A key while something is typed.
    fn type_key(&mut self, key: Key, action: Option<Action>) {
        let Some(prompt) = &mut self.prompt else { return };
        match (key.code(), action) {
            (KeyCode::Esc, _) | (_, Some(Action::Quit)) => self.prompt = None,
            (KeyCode::Enter, _) => self.look_for(),
            _ => {
                prompt.key(key);
            }
        }
    }

    /// Do what was typed; where it means nothing, the line stays and says why. Where nothing was, what was looked for
    /// before is dropped.
    fn look_for(&mut self) {
        let text = self.prompt.as_ref().map(Prompt::text).unwrap_or_default();
        if text.is_empty() {
            self.search = None;
        } else {
            match Aim::of(&text, &self.site) {
                Ok(Aim::Address(address)) => self.go(address),
                Ok(Aim::Bytes(needle)) => {
                    self.search = Some(Search::new(text.clone(), needle));
                    self.seeks = true;
                }
                Err(_) => return,
            }
            self.typed.push(text);
        }
        self.prompt = None;
    }

    /// To the first match, as soon as there is one.
    fn seek(&mut self) {
        let first = self.search.as_ref().filter(|_| self.seeks).and_then(|search| search.first(self.bytes.cursor()));
        if let Some(address) = first {
            self.seeks = false;
            self.go(address);
        }
    }

    fn back(&mut self) -> Outcome {
        match &mut self.search {
            Some(search) if search.is_running() => {
                search.stop();
                Outcome::Stay
            }
            _ => Outcome::Close,
        }
    }

    fn enter(&self) -> Outcome {
        let other = self.who.selected(self.site.mapping.file).filter(|key| *key != self.site.key);
        match other.filter(|_| self.face == Face::Sharers) {
            Some(key) => Outcome::Select(key),
            None => Outcome::Close,
        }
    }

    fn act(&mut self, action: Action, context: &mut Context<'_>) -> Outcome {
        self.note = None;
        let file = self.site.mapping.file;
        match (action, self.face) {
            (Action::Back, _) => return self.back(),
            (Action::Quit | Action::Explain, _) => return Outcome::Close,
            (Action::Open, _) => return self.enter(),
            (Action::View, _) => self.face = self.face.next(),
            (Action::Search, _) => self.open_prompt(),
            (Action::Next, _) => self.next(1),
            (Action::Previous, _) => self.next(-1),
            (action, Face::Figures) => {
                let world = context.world;
                let facts = figures::facts(&self.site, world, "");
                if let (Action::Sort, Some(column)) = (action, figures::column(&facts, self.list.at)) {
                    context.pane().sort(Some(column), world);
                    return Outcome::Close;
                }
                self.list.act(action, facts.len());
            }
            (action, Face::Contents) => self.seeks &= !self.bytes.act(action, &self.site),
            (action, Face::Sharers) => self.who.act(action, file),
        }
        Outcome::Stay
    }

    /// The row of the table below follows.
    fn follow(&self, context: &mut Context<'_>) {
        if self.site.fate == Fate::There {
            context.panes.memory.select_address(self.site.mapping.start, context.world);
        }
    }

    fn title(&self) -> String {
        let mapping = &self.site.mapping;
        let (start, end, permissions) = (mapping.start, mapping.end, mapping.permissions);
        let size = bytes_text(mapping.size().0 as f64);
        let name = match &mapping.path {
            Some(path) => Value::text(path).brief(200).into_owned(),
            None => crate::tui::pane::memory::kind::label(mapping.kind).to_owned(),
        };
        format!("{}: {start:x}-{end:x} {permissions} {size} {name}", self.site.key.pid)
    }

    /// The views there are, and what has become of the mapping.
    fn tabs(&self, view: &View<'_>) -> Vec<Piece<'static>> {
        let style = |role| view.theme.style(role);
        let tab = |(face, word): &(Face, &str)| {
            let role = if *face == self.face { Role::Selected } else { Role::Dim };
            Piece::new(format!(" {word} "), style(role))
        };
        let mut pieces: Vec<_> = Face::ALL.iter().map(tab).collect();
        if view.world.observation.now.find(self.site.key).is_none() {
            pieces.push(Piece::new("  the process has exited", style(Role::Exited)));
        } else if let Some(remark) = self.site.remark() {
            let role = if self.site.fate == Fate::There { Role::Changed } else { Role::Exited };
            pieces.push(Piece::new(format!("  {remark}"), style(role)));
        }
        if let Some(missing) = view.world.subject.stale().filter(|missing| *missing != Missing::Gone) {
            pieces.push(Piece::new(format!("  smaps {}", missing.word()), style(Role::Missing)).spare(1));
        }
        pieces
    }

    /// The last line: what is typed, what was found, or what there is to say.
    fn draw_last(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        if let Some(prompt) = &self.prompt {
            return search::draw_prompt(prompt, &self.site, view, area, buffer);
        }
        let mut pieces = Vec::new();
        if let Some(note) = &self.note {
            pieces.push(Piece::new(format!("{note}  "), view.theme.style(Role::Warn)));
        }
        if let Some(search) = &self.search {
            pieces.extend(search.status(self.bytes.cursor(), view));
        }
        line::draw(buffer, area, &pieces, view.glyphs.cut);
    }
}

impl Overlay for Inside {
    fn key(&mut self, key: Key, action: Option<Action>, mut context: Context<'_>) -> Outcome {
        let mut outcome = Outcome::Stay;
        if self.prompt.is_some() {
            self.type_key(key, action);
        } else if let Some(action) = action {
            outcome = self.act(action, &mut context);
        }
        self.follow(&mut context);
        outcome
    }

    fn hints(&self) -> &'static [Hint] {
        const VIEW: Hint = (&[Action::View], "next view");
        const SEARCH: Hint = (&[Action::Search], "search or go to");
        const MAPPINGS: Hint = (&[Action::Next, Action::Previous], "next mapping");
        const MATCHES: Hint = (&[Action::Next, Action::Previous], "next match");
        const TYPING: &[Hint] = &[(&[Action::Open], "look for it"), (&[Action::Back], "leave it")];
        const RUNNING: &[Hint] = &[(&[Action::Back], "stop the search"), MATCHES, SCROLL, VIEW];
        const SORT: Hint = (&[Action::Sort], "sort by it");
        const THAT: Hint = (&[Action::Open], "that process");
        const SEARCHED: [&[Hint]; 3] = [
            &[CLOSE, VIEW, SCROLL, MATCHES, SEARCH, SORT],
            &[CLOSE, MATCHES, SCROLL, SEARCH, VIEW],
            &[CLOSE, VIEW, THAT, SCROLL, MATCHES],
        ];
        const PLAIN: [&[Hint]; 3] = [
            &[CLOSE, VIEW, SCROLL, MAPPINGS, SEARCH, SORT],
            &[CLOSE, VIEW, SEARCH, SCROLL, MAPPINGS],
            &[CLOSE, VIEW, THAT, SCROLL, MAPPINGS],
        ];
        match (&self.prompt, &self.search) {
            (Some(_), _) => TYPING,
            (None, Some(search)) if search.is_running() => RUNNING,
            (None, Some(_)) => SEARCHED[self.face as usize],
            _ => PLAIN[self.face as usize],
        }
    }

    fn types(&self) -> bool {
        self.prompt.is_some()
    }

    fn paste(&mut self, text: &str, _context: Context<'_>) {
        if let Some(prompt) = &mut self.prompt {
            prompt.insert(text);
        }
    }

    fn questions(&self) -> Vec<Question> {
        let shown = match self.face {
            Face::Figures => None,
            Face::Contents => (self.site.fate == Fate::There).then(|| self.bytes.question(&self.site)),
            Face::Sharers => Who::question(&self.site),
        };
        // A question that is dropped and asked again begins anew: that of a search stands whatever is shown.
        let search = self.search.as_ref().filter(|search| search.stands());
        let search = search.map(|search| Question::Search(self.site.key, search.needle.clone()));
        shown.into_iter().chain(search).collect()
    }

    fn answered(&mut self, (question, answer): &Reply) {
        match question {
            Question::Map(key, _) if *key == self.site.key => {
                if let Ok(Answer::Map(Some(map))) = answer {
                    self.site.follow(map);
                }
            }
            Question::Contents(key, _) if *key == self.site.key => self.bytes.take(answer),
            Question::Search(key, needle) if *key == self.site.key => {
                if let Some(search) = self.search.as_mut().filter(|search| search.needle == *needle) {
                    search.take(answer);
                    self.seek();
                }
            }
            Question::Sharers(file) if *file == self.site.mapping.file => self.who.take(*file, answer),
            _ => {}
        }
    }

    fn refresh(&mut self, mut context: Context<'_>) {
        self.follow(&mut context);
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let inner =
            popup(buffer, area, (WIDTH, area.height), &self.title(), view.theme.style(Role::Border), view.glyphs);
        line::draw(buffer, Rect { height: inner.height.min(1), ..inner }, &self.tabs(view), view.glyphs.cut);
        let last = u16::from(self.prompt.is_some() || self.search.is_some() || self.note.is_some());
        // A blank line where there is room for it.
        let above = if inner.height >= 16 { 2 } else { 1 };
        let body = Rect { y: inner.y + above, height: inner.height.saturating_sub(above + last), ..inner };
        match self.face {
            Face::Figures => {
                if let Some(along) = figures::draw(&self.site, &self.list, view, body, buffer) {
                    progress(buffer, inner, along, view.theme.style(Role::Border));
                }
            }
            Face::Contents => self.bytes.draw(&self.site, self.search.as_ref(), view, body, buffer),
            Face::Sharers => self.who.draw(&self.site, view, body, buffer),
        }
        if last > 0 && inner.height > above {
            self.draw_last(view, Rect { y: inner.bottom() - 1, height: 1, ..inner }, buffer);
        }
    }
}

/// Its widest.
const WIDTH: u16 = 110;

/// A sentence in place of a list.
fn say(text: &str, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    for (y, text) in (area.y..area.bottom()).zip(line::wrap(text, width)) {
        line::write(buffer, (area.x, y), width, &text, view.theme.style(Role::Label), view.glyphs.cut);
    }
}
