//! A list to choose one thing from: the sort column, or the user.

use super::{CLOSE, Context, Hint, Outcome, Overlay, SCROLL, View};
use crate::{
    analysis::Observation,
    snapshot::Parts,
    table::{
        columns::{self, About},
        value::Order,
    },
    tui::{
        action::Action,
        keymap::Key,
        pane::{Pane, processes::Processes},
        theme::Role,
        widget::{
            frame::{popup, progress},
            line::{self, Piece},
            list::List,
            prompt::Prompt,
        },
    },
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::collections::BTreeMap;

/// What choosing an item does.
#[derive(Clone, Debug)]
enum Choice {
    SortBy(&'static str),
    Unsorted,
    User(Option<String>),
}

struct Item {
    label: String,
    note: String,
    choice: Choice,
}

/// A menu; typing narrows it down.
pub struct Menu {
    title: &'static str,
    items: Vec<Item>,
    typed: Prompt,
    list: List,
}

impl Menu {
    /// Sort columns, those on the screen first.
    #[must_use]
    pub fn sort(pane: &dyn Pane) -> Self {
        let shown: Vec<About> = pane.columns().into_iter().map(|(column, _)| column).collect();
        let others = pane.all_columns().into_iter();
        let others: Vec<_> = others.filter(|column| shown.iter().all(|other| other.name != column.name)).collect();
        let sorted = |name: &str| pane.sorted().filter(|(other, _)| *other == name).map(|(_, order)| order);
        let item = |column: About| Item {
            label: column.name.to_owned(),
            note: match sorted(column.name) {
                Some(Order::Ascending) => "sorted, small first; choose to reverse".to_owned(),
                Some(Order::Descending) => "sorted, large first; choose to reverse".to_owned(),
                None => column.help.to_owned(),
            },
            choice: Choice::SortBy(column.name),
        };
        let mut items: Vec<Item> = shown.into_iter().chain(others).map(item).collect();
        let at = items.iter().position(|item| item.note.starts_with("sorted")).map_or(0, |at| at + 1);
        let note = pane.natural_order().to_owned();
        items.insert(0, Item { label: "none".to_owned(), note, choice: Choice::Unsorted });
        Self { title: "Sort by", items, typed: Prompt::default(), list: List::at(at) }
    }

    /// Users with their number of processes.
    #[must_use]
    pub fn users(pane: &Processes, observation: &Observation) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        if let Some(column) = columns::find("user") {
            for row in observation.processes() {
                let value = (column.value)(row);
                if value.is_there() {
                    *counts.entry(value.human().into_owned()).or_default() += 1;
                }
            }
        }
        let all = Item { label: "everybody".to_owned(), note: String::new(), choice: Choice::User(None) };
        let item = |(name, count): (String, usize)| Item {
            note: if count == 1 { "1 process".to_owned() } else { format!("{count} processes") },
            choice: Choice::User(Some(name.clone())),
            label: name,
        };
        let items: Vec<Item> = std::iter::once(all).chain(counts.into_iter().map(item)).collect();
        let at = items.iter().position(|item| Some(&item.label) == pane.view.user.as_ref()).unwrap_or(0);
        Self { title: "Show only", items, typed: Prompt::default(), list: List::at(at) }
    }

    fn shown(&self) -> Vec<&Item> {
        let typed = self.typed.text();
        self.items.iter().filter(|item| item.label.contains(typed.trim())).collect()
    }

    fn choose(&self, context: &mut Context<'_>) {
        let Some(choice) = self.shown().get(self.list.at).map(|item| item.choice.clone()) else { return };
        let world = context.world;
        match choice {
            Choice::Unsorted => context.pane().sort(None, world),
            Choice::SortBy(name) => context.pane().sort(Some(name), world),
            Choice::User(user) => {
                context.panes.processes.view.user = user;
                context.panes.processes.filtered(world.observation);
            }
        }
    }
}

impl Overlay for Menu {
    fn key(&mut self, key: Key, action: Option<Action>, mut context: Context<'_>) -> Outcome {
        let count = self.shown().len();
        match action {
            Some(Action::Back) => return Outcome::Close,
            Some(Action::Open) => {
                self.choose(&mut context);
                return Outcome::Close;
            }
            Some(action) if self.list.act(action, count) => {}
            _ => {
                if self.typed.key(key) {
                    self.list.at = 0;
                }
            }
        }
        Outcome::Stay
    }

    fn hints(&self) -> &'static [Hint] {
        &[CLOSE, (&[Action::Open], "choose"), SCROLL]
    }

    fn types(&self) -> bool {
        true
    }

    fn wants_everyone(&self) -> Parts {
        let users = self.items.iter().any(|item| matches!(item.choice, Choice::User(_)));
        if users { Parts::STATUS } else { Parts::NONE }
    }

    fn refresh(&mut self, context: Context<'_>) {
        if self.items.iter().any(|item| matches!(item.choice, Choice::User(_))) {
            let at = self.list.at;
            let fresh = Self::users(&context.panes.processes, context.world.observation);
            self.items = fresh.items;
            self.list.at = at.min(self.items.len().saturating_sub(1));
        }
    }

    fn draw(&self, view: &View<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| view.theme.style(role);
        let items = self.shown();
        let height = u16::try_from(self.items.len() + 3).unwrap_or(u16::MAX);
        let title = format!("{}: type to narrow", self.title);
        let inner = popup(buffer, area, (90, height), &title, style(Role::Border), view.glyphs);
        let typed = [
            Piece::new("> ", style(Role::Dim)),
            Piece::new(self.typed.text(), style(Role::Key)),
            Piece::new("_", style(Role::Dim)),
        ];
        line::draw(buffer, Rect { height: 1, ..inner }, &typed, view.glyphs.cut);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let visible = self.list.visible(items.len(), usize::from(list.height));
        let first = visible.start;
        if visible.len() < items.len() {
            progress(buffer, inner, (self.list.at + 1, items.len()), style(Role::Border));
        }
        for (at, item) in items[visible].iter().enumerate() {
            let place = Rect { y: list.y + u16::try_from(at).unwrap_or(0), height: 1, ..list };
            let pieces = [
                Piece::new(format!("{:<26}", item.label), style(Role::Key)),
                Piece::new(item.note.as_str(), style(Role::Dim)),
            ];
            line::draw(buffer, place, &pieces, view.glyphs.cut);
            if first + at == self.list.at {
                line::highlight(buffer, place, style(Role::Selected));
            }
        }
    }
}
