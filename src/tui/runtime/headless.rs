//! The screen without a terminal, threads or a clock: samples when told so, keys as text, cells out. For tests of the
//! screen and for pictures of it.

use crate::{
    collect::{Collector, inspect, scan::CollectError, source::Source},
    snapshot::{
        Request, Snapshot,
        inspect::{Answer, Question},
        map::MemoryMap,
    },
    tui::{
        Effect,
        app::{App, Input},
        keymap::Key,
    },
};
use ratatui::{
    buffer::Buffer,
    crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    layout::Rect,
};
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// What every reading of a map is said to have taken: there is no clock.
const TOOK: Duration = Duration::from_millis(1);

fn without_clock(map: &mut MemoryMap) {
    (map.addresses_took, map.figures_took) = (TOOK, TOOK);
}

/// Called on each sample before the screen sees it.
pub type Retouch = fn(&mut Snapshot);

/// A screen of its own size over a source.
pub struct Headless {
    /// All that the screen is.
    pub app: App,
    source: Arc<dyn Source>,
    collector: Collector,
    asked: Request,
    retouch: Retouch,
    size: (u16, u16),
    /// Questions answered since the last sample.
    answered: Vec<Question>,
}

/// One thing that is done to the screen, as text has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Key),
    Mouse(MouseEventKind, u16, u16),
    Paste(String),
    Tick,
}

impl Headless {
    /// A screen of this width and height that has not seen a sample yet.
    #[must_use]
    pub fn new(mut app: App, source: Arc<dyn Source>, size: (u16, u16), retouch: Retouch) -> Self {
        app.update(Input::Resize(size.0, size.1));
        Self {
            asked: app.request(),
            app,
            collector: Collector::new(Arc::clone(&source)),
            source,
            retouch,
            size,
            answered: Vec::new(),
        }
    }

    /// Take the next sample, where there is one, and all that the screen asks for because of it.
    ///
    /// # Errors
    /// Where nothing can be collected.
    pub fn tick(&mut self) -> Result<(), CollectError> {
        if !self.source.is_over() {
            let sample = self.collector.collect(&self.asked)?;
            let sample = self.retouched(sample);
            self.app.update(Input::Sample(sample));
            self.answered.clear();
        }
        self.settle();
        Ok(())
    }

    /// Read what the screen asks for until it asks for nothing more that can be read now.
    pub fn settle(&mut self) {
        // Each round may bring lines into view that need more; a screen that asks on and on would be a mistake.
        for _ in 0..8 {
            self.asked = self.app.request();
            let answered = self.answer();
            let Some(sample) = self.collector.amend(&self.asked) else {
                if answered {
                    continue;
                }
                return;
            };
            let sample = self.retouched(sample);
            self.app.update(Input::Amended(sample));
        }
    }

    /// Answer what is asked and has not been since the last sample; whether there was something.
    fn answer(&mut self) -> bool {
        let questions = self.app.questions();
        self.answered.retain(|answered| questions.contains(answered));
        let open: Vec<_> = questions.into_iter().filter(|question| !self.answered.contains(question)).collect();
        for question in &open {
            inspect::answer(&self.source, question, &mut |mut answer| {
                if let Ok(Answer::Map(Some(map))) = &mut answer {
                    without_clock(Arc::make_mut(map));
                }
                self.app.update(Input::Answered((question.clone(), answer)));
                ControlFlow::Continue(())
            });
        }
        self.answered.extend(open.iter().cloned());
        !open.is_empty()
    }

    /// Whether reads are still under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.collector.is_waiting()
    }

    fn retouched(&self, mut sample: Arc<Snapshot>) -> Arc<Snapshot> {
        (self.retouch)(Arc::make_mut(&mut sample));
        sample
    }

    /// Do what the text says: each character is a key, except that names stand in angle brackets. `<enter>`, `<F3>`,
    /// `<ctrl-c>` and `<<>` are keys, `<click X Y>` and `<wheel-down>` are the mouse, `<paste TEXT>` pastes, `<tick>`
    /// takes a sample. Returns what is asked of the world.
    ///
    /// # Errors
    /// What in the text is not understood, or why nothing can be collected.
    pub fn press(&mut self, keys: &str) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        for step in steps(keys)? {
            match step {
                Step::Tick => self.tick().map_err(|error| error.to_string())?,
                Step::Key(key) => effects.extend(self.app.update(Input::Key(key.event()))),
                Step::Paste(text) => effects.extend(self.app.update(Input::Paste(text))),
                Step::Mouse(kind, column, row) => {
                    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
                    effects.extend(self.app.update(Input::Mouse(event)));
                }
            }
            self.settle();
            // Lists learn from drawing how many lines there is room for.
            self.draw();
        }
        Ok(effects)
    }

    /// Give the screen another size.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.app.update(Input::Resize(width, height));
        self.settle();
    }

    /// The screen.
    pub fn draw(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        self.app.draw(&mut buffer);
        buffer
    }
}

fn steps(keys: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = keys;
    while let Some(character) = rest.chars().next() {
        // `<<>` is the key itself, so a name has at least one character, whatever it is.
        let name = rest.strip_prefix('<').and_then(|rest| {
            let first = rest.chars().next()?.len_utf8();
            Some(&rest[..first + rest[first..].find('>')?])
        });
        let (step, used) = match name {
            Some(name) => (named(name).ok_or_else(|| format!("<{name}> is no key"))?, name.len() + 2),
            None => (Step::Key(Key::parse(character.encode_utf8(&mut [0; 4])).ok_or("no key")?), character.len_utf8()),
        };
        steps.push(step);
        rest = &rest[used..];
    }
    Ok(steps)
}

fn named(name: &str) -> Option<Step> {
    let mut words = name.split(' ');
    match words.next()? {
        "tick" => Some(Step::Tick),
        "wheel-up" => Some(Step::Mouse(MouseEventKind::ScrollUp, 0, 0)),
        "wheel-down" => Some(Step::Mouse(MouseEventKind::ScrollDown, 0, 0)),
        "paste" => Some(Step::Paste(name.split_once(' ')?.1.to_owned())),
        "click" => {
            let (x, y) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(Step::Mouse(MouseEventKind::Down(MouseButton::Left), x, y))
        }
        _ => Key::parse(name).map(Step::Key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_for_keys() {
        let key = |text| Step::Key(Key::parse(text).expect("a key"));
        assert_eq!(steps("j <enter><<>>"), Ok(vec![key("j"), key("space"), key("enter"), key("<"), key(">")]));
        assert_eq!(
            steps("<tick><click 3 4>").map(|steps| steps.len()),
            Ok(2),
            "and names stand for what is no key on a keyboard"
        );
        assert_eq!(steps("<paste a b>"), Ok(vec![Step::Paste("a b".to_owned())]));
        assert_eq!(steps("<nope>"), Err("<nope> is no key".to_owned()));
    }
}
