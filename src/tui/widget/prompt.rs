//! A line of text being typed, with a cursor and a history.

use crate::tui::keymap::Key;
use ratatui::crossterm::event::KeyCode;

/// What is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    text: Vec<char>,
    cursor: usize,
    history: Vec<String>,
    recalled: Option<usize>,
}

impl Prompt {
    /// A prompt that begins with a text, cursor behind it.
    #[must_use]
    pub fn new(text: &str, history: Vec<String>) -> Self {
        let text: Vec<char> = text.chars().collect();
        Self { cursor: text.len(), text, history, recalled: None }
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Where the cursor stands, in characters.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Replace everything, cursor behind it.
    pub fn set(&mut self, text: &str) {
        self.text = text.chars().collect();
        self.cursor = self.text.len();
    }

    /// Put text in at the cursor; control characters in it (a pasted newline) are left out.
    pub fn insert(&mut self, text: &str) {
        for character in text.chars().filter(|character| !crate::text::is_unsafe(*character)) {
            self.text.insert(self.cursor, character);
            self.cursor += 1;
        }
    }

    /// Take a key; false where it is none that edits.
    pub fn key(&mut self, key: Key) -> bool {
        if let Some(character) = key.typed() {
            self.insert(character.encode_utf8(&mut [0; 4]));
            return true;
        }
        match (key.code(), key.control()) {
            (KeyCode::Backspace, false) | (KeyCode::Char('h'), true) => {
                if self.cursor > 0 {
                    self.cursor -= 1;
                    self.text.remove(self.cursor);
                }
            }
            (KeyCode::Delete, _) | (KeyCode::Char('d'), true) => {
                if self.cursor < self.text.len() {
                    self.text.remove(self.cursor);
                }
            }
            (KeyCode::Left, _) | (KeyCode::Char('b'), true) => self.cursor = self.cursor.saturating_sub(1),
            (KeyCode::Right, _) | (KeyCode::Char('f'), true) => self.cursor = (self.cursor + 1).min(self.text.len()),
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => self.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => self.cursor = self.text.len(),
            (KeyCode::Char('u'), true) => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            (KeyCode::Char('k'), true) => self.text.truncate(self.cursor),
            (KeyCode::Char('w'), true) => self.delete_word(),
            (KeyCode::Up, _) => self.recall(1),
            (KeyCode::Down, _) => self.recall(-1),
            _ => return false,
        }
        true
    }

    fn delete_word(&mut self) {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let end = before.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
        let start = before.get(..end).unwrap_or_default().iter().rposition(|c| *c == ' ').map_or(0, |at| at + 1);
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }

    /// Go through earlier texts: 1 for older, −1 for newer.
    fn recall(&mut self, step: isize) {
        let oldest = self.history.len();
        let at = self.recalled.map_or(0, |at| at + 1).saturating_add_signed(step).min(oldest);
        self.recalled = at.checked_sub(1);
        let text = self.recalled.and_then(|at| self.history.get(oldest - 1 - at)).cloned().unwrap_or_default();
        self.set(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(prompt: &mut Prompt, keys: &[&str]) -> String {
        for key in keys {
            assert!(prompt.key(Key::parse(key).expect("a key")), "{key} edits");
        }
        prompt.text()
    }

    #[test]
    fn text_is_edited_as_in_a_shell() {
        let mut prompt = Prompt::new("rss > 10", vec!["old".into(), "new".into()]);
        assert_eq!(typed(&mut prompt, &["ctrl-w", "2", "M"]), "rss > 2M");
        assert_eq!(typed(&mut prompt, &["home", "delete", "x"]), "xss > 2M");
        assert_eq!(typed(&mut prompt, &["end", "ctrl-u"]), "");
        assert_eq!(typed(&mut prompt, &["up"]), "new");
        assert_eq!(typed(&mut prompt, &["up", "up"]), "old");
        assert_eq!(typed(&mut prompt, &["down", "down"]), "");
        prompt.insert("a\u{1b}b\n");
        assert_eq!(prompt.text(), "ab");
    }
}
