//! Which key does what: the defaults of the action table, with the user's own keys in their place.

use super::action::{ACTIONS, Action};
use crate::nearest::suggestion;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::{collections::HashMap, fmt};

/// One key with its modifiers, in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Names of keys that are no single character.
const NAMED: &[(&str, KeyCode)] = &[
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("insert", KeyCode::Insert),
    ("delete", KeyCode::Delete),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// The key behind an event; Shift is left to the character it makes.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Self {
        Self { code: event.code, modifiers: event.modifiers.intersection(KeyModifiers::CONTROL | KeyModifiers::ALT) }
    }

    /// The event that pressing this key makes.
    #[must_use]
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    /// A key as the configuration writes it: `j`, `F1`, `ctrl-c`, `alt-x`, `pageup`, `space`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |text: &str| NAMED.iter().find(|(name, _)| *name == text).map(|(_, code)| *code);
        let (rest, modifiers) = match text.split_once('-') {
            Some(("ctrl", rest)) if !rest.is_empty() => (rest, KeyModifiers::CONTROL),
            Some(("alt", rest)) if !rest.is_empty() => (rest, KeyModifiers::ALT),
            _ => (text, KeyModifiers::NONE),
        };
        let mut characters = rest.chars();
        let code = match (characters.next()?, characters.as_str()) {
            (character, "") => KeyCode::Char(character),
            ('F', number) => KeyCode::F(number.parse().ok().filter(|number| (1..=12).contains(number))?),
            _ => named(rest)?,
        };
        Some(Self { code, modifiers })
    }

    /// The character this key types into a text, if it does.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character) if self.modifiers.is_empty() => Some(character),
            _ => None,
        }
    }

    /// The bare code.
    #[must_use]
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// Whether Control is held.
    #[must_use]
    pub fn control(self) -> bool {
        self.modifiers.contains(KeyModifiers::CONTROL)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("alt-")?;
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(character)) => write!(f, "{character}"),
            (None, KeyCode::F(number)) => write!(f, "F{number}"),
            (None, other) => write!(f, "{other:?}"),
        }
    }
}

/// Keys to actions.
#[derive(Clone, Debug)]
pub struct Keymap {
    actions: HashMap<Key, Action>,
    /// Keys of each action, in the order in which they are shown.
    keys: HashMap<Action, Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&[]).expect("a test holds that the default keys are well-formed")
    }
}

impl Keymap {
    /// The defaults, with the keys of the named actions replaced.
    ///
    /// # Errors
    /// Everything that is wrong with `own`: unknown actions, unknown keys, keys given to two actions.
    pub fn new(own: &[(String, Vec<String>)]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut map = Self { actions: HashMap::new(), keys: HashMap::new() };
        for (name, _) in own {
            if !ACTIONS.iter().any(|info| info.name == name) {
                let suggestion = suggestion(name, ACTIONS.iter().map(|info| info.name));
                problems.push(format!("keys.{name}: there is no such action{suggestion}"));
            }
        }
        let own_keys = |name: &str| own.iter().rev().find(|(other, _)| other == name).map(|(_, keys)| keys);
        // The user's own keys first: where they take one from another action, that action simply loses it.
        for (info, keys) in ACTIONS.iter().filter_map(|info| Some((info, own_keys(info.name)?))) {
            for text in keys {
                match Key::parse(text) {
                    None => problems.push(format!(
                        "keys.{}: {text:?} is no key; write for example \"x\", \"F9\", \"ctrl-x\" or \"pageup\"",
                        info.name
                    )),
                    Some(key) => {
                        if let Some(other) = map.actions.get(&key).filter(|other| **other != info.action) {
                            problems.push(format!(
                                "keys.{}: {text:?} is also given to {}",
                                info.name,
                                other.info().name
                            ));
                        }
                        map.bind(key, info.action);
                    }
                }
            }
        }
        for info in ACTIONS.iter().filter(|info| own_keys(info.name).is_none()) {
            for key in info.keys.iter().filter_map(|text| Key::parse(text)) {
                if !map.actions.contains_key(&key) {
                    map.bind(key, info.action);
                }
            }
        }
        if problems.is_empty() { Ok(map) } else { Err(problems) }
    }

    fn bind(&mut self, key: Key, action: Action) {
        self.actions.insert(key, action);
        self.keys.entry(action).or_default().push(key);
    }

    /// What a key does.
    #[must_use]
    pub fn action(&self, key: Key) -> Option<Action> {
        self.actions.get(&key).copied()
    }

    /// The keys of an action, as text.
    #[must_use]
    pub fn keys(&self, action: Action) -> Vec<String> {
        self.keys.get(&action).into_iter().flatten().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_is_well_formed_and_reads_back_as_written() {
        for info in ACTIONS {
            for text in info.keys {
                let key = Key::parse(text).unwrap_or_else(|| unreachable!("{text} is no key"));
                assert_eq!(key.to_string(), *text);
            }
        }
    }

    #[test]
    fn own_keys_replace_the_defaults_and_all_problems_are_told() {
        let own = |name: &str, keys: &[&str]| (name.to_owned(), keys.iter().map(ToString::to_string).collect());
        let map = Keymap::new(&[own("signal", &["k", "ctrl-k"])]).expect("these are fine");
        assert_eq!(map.action(Key::parse("k").expect("a key")), Some(Action::Signal));
        assert_eq!(map.keys(Action::Up), ["up"]);
        assert_eq!(map.action(Key::parse("x").expect("a key")), None);
        let problems = Keymap::new(&[own("singal", &["x"]), own("quit", &["F13", "y"]), own("help", &["y"])]).err();
        assert_eq!(problems.map(|all| all.len()), Some(3));
    }
}
