//! How kinds of mappings and states of pages look: a letter and a role each, so that both are told without colour too.

use crate::{
    snapshot::{
        map::{Kind, Permissions},
        memory::PageState,
    },
    tui::{glyph::Glyphs, theme::Role},
};

/// The letter and the role of each kind; letters as nm(1) has them where it has some. In the order of [`Kind::ALL`].
const KINDS: [(Kind, &str, Role); 19] = [
    (Kind::Text, "t", Role::KindCode),
    (Kind::Rodata, "r", Role::KindConstant),
    (Kind::Relro, "R", Role::KindConstant),
    (Kind::Data, "d", Role::KindData),
    (Kind::Bss, "b", Role::KindData),
    (Kind::Heap, "h", Role::KindHeap),
    (Kind::Stack, "s", Role::KindStack),
    (Kind::ThreadStack, "S", Role::KindStack),
    (Kind::Anonymous, "a", Role::KindAnonymous),
    (Kind::Shared, "m", Role::KindShared),
    (Kind::Memfd, "M", Role::KindShared),
    (Kind::Sysv, "y", Role::KindShared),
    (Kind::Device, "D", Role::KindDevice),
    (Kind::Vdso, "v", Role::KindKernel),
    (Kind::Vvar, "V", Role::KindKernel),
    (Kind::Vsyscall, "k", Role::KindKernel),
    (Kind::Uprobes, "u", Role::KindKernel),
    (Kind::File, "f", Role::KindFile),
    (Kind::Other, "o", Role::KindOther),
];

/// The letter of a kind.
#[must_use]
pub fn letter(kind: Kind) -> &'static str {
    KINDS[kind as usize].1
}

/// The role of a kind.
#[must_use]
pub fn role(kind: Kind) -> Role {
    KINDS[kind as usize].2
}

/// The word of a kind as a person reads it: `thread stack`.
#[must_use]
pub fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::ThreadStack => "thread stack",
        kind => kind.word(),
    }
}

/// What may be done in a mapping, as far as its filling shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It may be run.
    Execute,
    /// It may be written.
    Write,
    /// It may be read.
    Read,
    /// Nothing: a guard, or addresses kept free.
    None,
}

impl Access {
    /// The most that these permissions allow.
    #[must_use]
    pub fn of(permissions: Permissions) -> Self {
        match permissions {
            permissions if permissions.has(Permissions::EXECUTE) => Self::Execute,
            permissions if permissions.has(Permissions::WRITE) => Self::Write,
            permissions if permissions.has(Permissions::READ) => Self::Read,
            _ => Self::None,
        }
    }

    /// Its filling.
    #[must_use]
    pub fn glyph(self, glyphs: &Glyphs) -> &'static str {
        glyphs.access[self as usize]
    }
}

/// The role of a state of pages.
#[must_use]
pub fn page_role(state: PageState) -> Role {
    match state {
        PageState::Untouched => Role::PageUntouched,
        PageState::Anonymous => Role::PageAnonymous,
        PageState::File => Role::PageFile,
        PageState::Huge => Role::PageHuge,
        PageState::Swapped => Role::PageSwapped,
        PageState::Zero => Role::PageZero,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, Theme};
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_letter_of_its_own() {
        let letters: HashSet<_> = KINDS.iter().map(|(_, letter, _)| letter).collect();
        assert_eq!(letters.len(), Kind::ALL.len());
        for (at, (kind, _, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, at, "{kind:?}");
        }
    }

    #[test]
    fn kinds_and_states_differ_in_colour_and_states_differ_without() {
        for depth in [Depth::Sixteen, Depth::True] {
            let theme = Theme::named("auto", depth).expect("the theme exists");
            let roles: Vec<Role> = KINDS.iter().map(|(_, _, role)| *role).collect();
            let different = |roles: &[Role]| {
                for (at, role) in roles.iter().enumerate() {
                    for other in &roles[..at] {
                        assert!(role == other || theme.style(*role) != theme.style(*other), "{role:?} {other:?}");
                    }
                }
            };
            different(&roles);
            different(&PageState::ALL.iter().map(|(state, ..)| page_role(*state)).collect::<Vec<_>>());
        }
        for glyphs in [&Glyphs::UNICODE, &Glyphs::ASCII] {
            let whole: HashSet<_> = glyphs.pages.iter().map(|(whole, _)| whole).collect();
            let part: HashSet<_> = glyphs.pages.iter().map(|(_, part)| part).collect();
            assert_eq!((whole.len(), part.len()), (PageState::COUNT, PageState::COUNT));
            assert_eq!(glyphs.access.iter().collect::<HashSet<_>>().len(), 4);
        }
    }
}
