//! The bytes of one mapping as hex and text, what changed in them, and what the one under the cursor is.

use super::{search::Search, site::Site};
use crate::{
    snapshot::{
        Missing, Reading,
        inspect::{Answer, Question},
        map::{Kind, Mapping, MemoryMap},
        memory::Contents,
    },
    table::value::clock_text,
    text::Text,
    tui::{
        action::Action,
        overlay::View,
        pane::memory::{
            contents::{self, Dump},
            kind,
        },
        theme::Role,
        widget::line::{self, Piece},
    },
    unit::Pid,
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;

/// What was read, and where one is in it.
#[derive(Clone, Debug)]
pub struct Bytes {
    view: contents::View,
    now: Option<Arc<Contents>>,
    before: Option<Arc<Contents>>,
    /// Why the last reading failed.
    failed: Option<Missing>,
}

impl Bytes {
    /// Nothing is read yet; the cursor stands at an address.
    #[must_use]
    pub fn at(address: u64) -> Self {
        Self { view: contents::View::at(address), now: None, before: None, failed: None }
    }

    /// Nothing is read of another mapping yet.
    pub fn leave_for(&mut self, address: u64) {
        self.view.go(address);
        (self.now, self.before, self.failed) = (None, None, None);
    }

    /// The address under the cursor.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.view.cursor
    }

    /// Put the cursor on an address.
    pub fn go(&mut self, address: u64) {
        self.view.go(address);
    }

    /// What has to be asked.
    #[must_use]
    pub fn question(&self, site: &Site) -> Question {
        Question::Contents(site.key, self.view.wanted(&site.range()))
    }

    /// Take in a reading.
    pub fn take(&mut self, answer: &Reading<Answer>) {
        match answer {
            Ok(Answer::Contents(contents)) => {
                self.before = self.now.replace(Arc::clone(contents));
                self.failed = None;
            }
            Ok(_) => {}
            Err(missing) => self.failed = Some(*missing),
        }
    }

    /// Move the cursor; false where the action does not move.
    pub fn act(&mut self, action: Action, site: &Site) -> bool {
        let (range, none) = (site.range(), nothing());
        let contents = self.now.as_deref().unwrap_or(&none);
        let dump = Dump { range: &range, contents, before: None, found: (&[], 0) };
        self.view.act(action, &dump)
    }

    /// Draw the bytes, and below them what is under the cursor.
    pub fn draw(&self, site: &Site, search: Option<&Search>, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let contents = match (&self.now, self.failed) {
            (_, Some(missing @ (Missing::Denied | Missing::Unsupported))) | (None, Some(missing)) => {
                return super::say(&why(site.key.pid, missing), view, area, buffer);
            }
            (None, None) if view.frozen => {
                return super::say("The screen stands still (frozen), so nothing is read.", view, area, buffer);
            }
            (None, None) => return super::say("reading …", view, area, buffer),
            (Some(contents), _) => contents,
        };
        let range = site.range();
        let found = search.map_or((&[][..], 0), Search::found);
        let dump = Dump { range: &range, contents, before: self.before.as_deref(), found };
        let body = Rect { height: area.height.saturating_sub(1), ..area };
        // Up to the frame: sixteen bytes fit in 80 cells just so.
        let wide = Rect { x: body.x.saturating_sub(1), width: body.width + 2, ..body };
        contents::draw(&dump, &self.view, &view.look(), wide, buffer);
        let below = Rect { y: body.bottom(), height: area.height - body.height, ..area };
        line::draw(buffer, below, &self.under_cursor(site, contents, view), view.glyphs.cut);
    }

    /// The address under the cursor, and what stands there.
    fn under_cursor(&self, site: &Site, contents: &Contents, view: &View<'_>) -> Vec<Piece<'static>> {
        let style = |role| view.theme.style(role);
        let mapping = &site.mapping;
        let at = self.view.cursor.clamp(mapping.start, mapping.end.saturating_sub(1).max(mapping.start));
        let offset = at - mapping.start;
        let mut pieces = vec![
            Piece::new(format!("{at:x}"), style(Role::Title)),
            Piece::new(format!(" +{offset:x}"), style(Role::Label)).spare(2),
        ];
        if mapping.file.inode != 0 {
            let text = format!("  in the file {:x}", mapping.offset.saturating_add(offset));
            pieces.push(Piece::new(text, style(Role::Dim)).spare(4));
        }
        match contents.byte(at) {
            Ok(byte) => {
                pieces.push(Piece::new(format!("  {byte:02x} = {byte}"), style(Role::Label)).spare(1));
                if let Some(name) = pointed_to(contents, at, site.latest()) {
                    pieces.push(Piece::new(format!("  points into {name}"), style(Role::Good)).spare(3));
                }
            }
            Err(Missing::NotRequested) => {}
            Err(missing) => {
                pieces.push(Piece::new(format!("  {}", unreadable(mapping, missing)), style(Role::Missing)));
            }
        }
        let (text, role) = match self.failed {
            Some(Missing::Gone) => ("  exited: this is what was there last".to_owned(), Role::Exited),
            Some(missing) => (format!("  {}", missing.word()), Role::Missing),
            None => (format!("  read at {}", clock_text(contents.taken.wall)), Role::Dim),
        };
        let spare = if self.failed.is_some() { 0 } else { 5 };
        pieces.push(Piece::new(text, style(role)).spare(spare));
        pieces
    }
}

fn nothing() -> Contents {
    Contents { pieces: Vec::new(), taken: crate::snapshot::Moment::default() }
}

/// What is mapped at the address that stands at an address, where there is something.
fn pointed_to(contents: &Contents, at: u64, map: &MemoryMap) -> Option<String> {
    let mut bytes = [0; 8];
    for (byte, address) in bytes.iter_mut().zip(at..) {
        *byte = contents.byte(address).ok()?;
    }
    let target = map.holding(u64::from_ne_bytes(bytes)).ok().and_then(|place| map.mappings.get(place))?;
    Some(match &target.path {
        Some(path) => name(path),
        None => kind::label(target.kind).to_owned(),
    })
}

/// The last part of a path.
fn name(path: &Text) -> String {
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    crate::text::printable(last).into_owned()
}

/// Why a page cannot be read, as far as the mapping tells.
fn unreadable(mapping: &Mapping, missing: Missing) -> &'static str {
    match mapping.kind {
        _ if missing != Missing::Unsupported => missing.word(),
        Kind::Device => "memory of a device: the kernel does not read it for others",
        Kind::Vvar | Kind::Vsyscall => "a page of the kernel, not of the process",
        _ if mapping.file.inode != 0 => "the file ends before: to touch it is SIGBUS",
        _ => "the kernel does not hand it out",
    }
}

/// Why no memory can be read, in a sentence.
fn why(pid: Pid, missing: Missing) -> String {
    match missing {
        Missing::Denied => format!(
            "The memory of {pid} may not be read: that takes the right to trace it (ptrace(2)). Its owner has it, unless the \
             process has changed its user or forbids it, or kernel.yama.ptrace_scope leaves it to parents; root \
             (CAP_SYS_PTRACE) has it."
        ),
        Missing::Gone => "The process has exited, and its memory with it.".to_owned(),
        Missing::Unsupported => {
            "There is no memory to be read here: this is a recording, or no /proc of this machine.".to_owned()
        }
        Missing::Blocked => format!(
            "blocked: the kernel does not come back from reading the memory of {pid}: a page of it waits for a disk or a \
             network file system. It is not asked again meanwhile."
        ),
        missing => format!("The memory of {pid} cannot be read: {}.", missing.word()),
    }
}
