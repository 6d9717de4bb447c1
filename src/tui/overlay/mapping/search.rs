//! What is looked for in the memory of a whole process: the line it is typed in, how far the search has come, and the way
//! from one match to the next.

use super::site::Site;
use crate::{
    snapshot::{Missing, Reading, inspect::Answer, memory::Hits},
    table::value::{bytes_text, grouped},
    text::{
        Text,
        needle::{self, FORMS},
    },
    tui::{
        overlay::{View, prompt::typed},
        theme::Role,
        widget::{
            line::{self, Piece},
            meter::meter,
            prompt::Prompt,
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;

/// What the text in the line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Go to this address, which is mapped.
    Address(u64),
    /// Look for these bytes.
    Bytes(Text),
}

impl Aim {
    /// What was typed, in this process. `0x` begins an address where that is one of a mapping, else bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(text: &str, site: &Site) -> Result<Self, String> {
        let address = address(text);
        if let Some(address) = address.filter(|address| site.latest().holding(*address).is_ok()) {
            return Ok(Self::Address(address));
        }
        match (needle::parse(text), address) {
            (Ok(bytes), _) => Ok(Self::Bytes(bytes)),
            (Err(_), Some(address)) => Err(format!("nothing is mapped at {address:x}")),
            (Err(error), None) => Err(error.to_string()),
        }
    }
}

/// An address, written as C does.
fn address(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}

/// What stands before it.
const LABEL: &str = "look for: ";

/// Draw the line while something is typed.
pub fn draw_prompt(prompt: &Prompt, site: &Site, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
    let style = |role| view.theme.style(role);
    let mut pieces = vec![Piece::new(LABEL, style(Role::Title))];
    let room = usize::from(area.width).saturating_sub(LABEL.len());
    let text = prompt.text();
    let (told, role) = if text.is_empty() {
        (format!(" {FORMS}, or an address"), Role::Dim)
    } else {
        match Aim::of(&text, site) {
            Ok(Aim::Address(address)) => (format!("  go to {address:x}"), Role::Dim),
            Ok(Aim::Bytes(bytes)) => (format!("  {} bytes", bytes.len()), Role::Dim),
            Err(problem) => (format!("  {problem}"), Role::Bad),
        }
    };
    pieces.extend(typed(prompt, &(0..0), room * 2 / 3, view));
    pieces.push(Piece::new(told, style(role)));
    line::draw(buffer, area, &pieces, view.glyphs.cut);
}

/// Bytes that are looked for, and what was found so far.
#[derive(Clone, Debug)]
pub struct Search {
    /// As it was typed.
    pub typed: String,
    /// The bytes.
    pub needle: Text,
    hits: Arc<Hits>,
    failed: Option<Missing>,
    stopped: bool,
}

impl Search {
    /// Nothing is found yet.
    #[must_use]
    pub fn new(typed: String, needle: Text) -> Self {
        Self { typed, needle, hits: Arc::default(), failed: None, stopped: false }
    }

    /// Take in how far it has come.
    pub fn take(&mut self, answer: &Reading<Answer>) {
        match answer {
            // What was still under way when it was stopped comes too late.
            _ if self.stopped => {}
            Ok(Answer::Search(hits)) => self.hits = Arc::clone(hits),
            Ok(_) => {}
            Err(missing) => self.failed = Some(*missing),
        }
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.stopped && !self.hits.done && self.failed.is_none()
    }

    /// Whether the question stands: until it is stopped, for a question that is dropped begins anew.
    #[must_use]
    pub fn stands(&self) -> bool {
        !self.stopped && self.failed.is_none()
    }

    /// Go no further; what was found stays.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// The addresses of matches, and how long one is.
    #[must_use]
    pub fn found(&self) -> (&[u64], u64) {
        (&self.hits.found, self.needle.len() as u64)
    }

    /// The next match from an address on, in this direction; behind the last one the first again.
    #[must_use]
    pub fn next(&self, from: u64, by: isize) -> Option<u64> {
        let found = &self.hits.found;
        if by > 0 {
            let at = found.partition_point(|address| *address <= from);
            found.get(at).or(found.first()).copied()
        } else {
            let at = found.partition_point(|address| *address < from);
            at.checked_sub(1).and_then(|at| found.get(at)).or(found.last()).copied()
        }
    }

    /// Where to go at first: the first match from here on, as soon as there is one; when all is looked through, any.
    #[must_use]
    pub fn first(&self, from: u64) -> Option<u64> {
        let found = &self.hits.found;
        let at = found.partition_point(|address| *address < from);
        found.get(at).or(found.first().filter(|_| !self.is_running())).copied()
    }

    /// How far it has come, in words; `cursor` tells which match one is at.
    #[must_use]
    pub fn status(&self, cursor: u64, view: &View<'_>) -> Vec<Piece<'static>> {
        let style = |role| view.theme.style(role);
        let hits = &self.hits;
        if let Some(missing) = self.failed {
            let text = format!("the search failed: {}", missing.word());
            return vec![Piece::new(text, style(Role::Missing))];
        }
        let count = hits.found.len() as u64 + hits.more;
        let at = hits.found.binary_search(&cursor).ok();
        let matches = match (count, at) {
            (0, _) if self.is_running() => "no match yet".to_owned(),
            (0, _) => "no match".to_owned(),
            (count, Some(at)) => format!("match {} of {}", grouped(at as u64 + 1), grouped(count)),
            (1, None) => "1 match".to_owned(),
            (count, None) => format!("{} matches", grouped(count)),
        };
        let role = if count == 0 && !self.is_running() { Role::Warn } else { Role::Title };
        let mut pieces = vec![Piece::new(matches, style(role))];
        if hits.more > 0 {
            let text = format!(" (the first {} are kept)", grouped(hits.found.len() as u64));
            pieces.push(Piece::new(text, style(Role::Dim)).spare(3));
        }
        let (done, all) = (bytes_text(hits.searched as f64), bytes_text(hits.total as f64));
        let progress = match () {
            () if self.stopped => format!("  stopped after {done} of {all}"),
            () if hits.done => format!("  in {done}"),
            () if view.frozen => "  waits: the screen is frozen".to_owned(),
            () => format!("  {done} of {all} "),
        };
        pieces.push(Piece::new(progress, style(Role::Label)));
        if self.is_running() {
            let share = hits.searched.saturating_add(hits.unreadable) as f64 / hits.total.max(1) as f64;
            let bar = meter(12, &[(share, style(Role::Good))], style(Role::Dim), view.glyphs);
            pieces.extend(bar.into_iter().map(|piece| piece.spare(2)));
        }
        if hits.unreadable > 0 {
            let text = format!("  {} cannot be read", bytes_text(hits.unreadable as f64));
            pieces.push(Piece::new(text, style(Role::Missing)).spare(1));
        }
        pieces.push(Piece::new(format!("  of {}", self.typed), style(Role::Dim)).spare(4));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(found: &[u64], done: bool) -> Search {
        let mut search = Search::new("x".into(), Text::from("x"));
        let hits = Hits { found: found.to_vec(), done, ..Hits::default() };
        search.take(&Ok(Answer::Search(Arc::new(hits))));
        search
    }

    #[test]
    fn matches_are_gone_through_in_both_directions_and_around() {
        let search = search(&[10, 20, 30], true);
        let all = |by| [5, 10, 20, 30, 40].map(|from| search.next(from, by).expect("there are some"));
        assert_eq!(all(1), [10, 20, 30, 10, 10]);
        assert_eq!(all(-1), [30, 30, 10, 20, 30]);
        assert_eq!(self::search(&[], true).next(5, 1), None);
    }

    #[test]
    fn the_first_match_is_one_from_here_on_unless_there_is_none() {
        assert_eq!(search(&[10, 20], false).first(15), Some(20));
        assert_eq!(search(&[10, 20], false).first(25), None);
        assert_eq!(search(&[10, 20], true).first(25), Some(10));
    }

    #[test]
    fn a_search_that_was_stopped_stays_as_it_was() {
        let mut search = search(&[10], false);
        assert!(search.is_running() && search.stands());
        search.stop();
        search.take(&Ok(Answer::Search(Arc::new(Hits { done: true, ..Hits::default() }))));
        assert_eq!(search.found(), (&[10][..], 1));
        assert!(!search.is_running() && !search.stands());
    }

    #[test]
    fn addresses_are_written_as_in_c() {
        assert_eq!(address(" 0x7f12 "), Some(0x7f12));
        for text in ["7f12", "0x", "0x7f 45", "0x+1", "0x11112222333344445"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
