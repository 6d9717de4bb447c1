//! Styles by meaning. A theme is a file in assets/themes; widgets name a [`Role`] and never a colour.

use ratatui::style::{Color, Modifier, Style};
use std::str::FromStr;
use toml_edit::DocumentMut;

macro_rules! roles {
    ($($role:ident $name:literal),* $(,)?) => {
        /// What a piece of the screen means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names say it; the theme file lists them")]
        pub enum Role { $($role),* }

        impl Role {
            /// Every role with its name in theme files.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$role, $name)),*];
        }
    };
}

roles! {
    Title "title", Label "label", Dim "dim", Good "good", Warn "warn", Bad "bad", Selected "selected", Tagged "tagged",
    Born "born", Exited "exited", Heading "heading", Sorted "sorted", Tree "tree", Sum "sum", Match "match",
    Border "border", Key "key", Missing "missing",
    CpuUser "cpu_user", CpuNice "cpu_nice", CpuSystem "cpu_system", CpuIowait "cpu_iowait", CpuIrq "cpu_irq",
    CpuSteal "cpu_steal", MemoryUsed "memory_used", MemoryCache "memory_cache",
    StateRunning "state_running", StateBlocked "state_blocked", StateZombie "state_zombie",
    StateStopped "state_stopped", StateIdle "state_idle",
    Changed "changed",
    KindCode "kind_code", KindConstant "kind_constant", KindData "kind_data", KindHeap "kind_heap",
    KindStack "kind_stack", KindAnonymous "kind_anonymous", KindShared "kind_shared", KindFile "kind_file",
    KindDevice "kind_device", KindKernel "kind_kernel", KindOther "kind_other",
    PageUntouched "page_untouched", PageAnonymous "page_anonymous", PageFile "page_file", PageHuge "page_huge",
    PageSwapped "page_swapped", PageZero "page_zero",
}

/// The themes that come with the program: name and file.
pub const THEMES: &[(&str, &str)] = &[
    ("default", include_str!("../../assets/themes/default.toml")),
    ("mono", include_str!("../../assets/themes/mono.toml")),
];

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// No colour (`NO_COLOR`, or a terminal without).
    None,
    /// The 16 colours of its palette.
    Sixteen,
    /// 24-bit colour.
    True,
}

/// A style for every role.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: Vec<Style>,
}

impl Theme {
    /// The theme with this name, `auto` for the one that suits the terminal.
    ///
    /// # Errors
    /// Where there is no such theme: the names there are.
    pub fn named(name: &str, depth: Depth) -> Result<Self, String> {
        let name = match (name, depth) {
            (_, Depth::None) => "mono",
            ("auto", _) => "default",
            (name, _) => name,
        };
        let known = || THEMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let (_, file) = THEMES
            .iter()
            .find(|(other, _)| *other == name)
            .ok_or_else(|| format!("there is no theme {name:?}; there are: auto, {}", known()))?;
        Self::parse(file, depth)
    }

    fn parse(file: &str, depth: Depth) -> Result<Self, String> {
        let document: DocumentMut = file.parse().map_err(|error| format!("theme: {error}"))?;
        let text = |name: &str| {
            let better = document.get("true_color").and_then(|table| table.get(name)).filter(|_| depth == Depth::True);
            better.or_else(|| document.get(name)).and_then(toml_edit::Item::as_str)
        };
        let style = |(_, name): &(Role, &str)| {
            let text = text(name).ok_or_else(|| format!("theme: {name} is missing"))?;
            parse_style(text).ok_or_else(|| format!("theme: {name} = {text:?} is no style"))
        };
        Ok(Self { styles: Role::ALL.iter().map(style).collect::<Result<_, _>>()? })
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }
}

/// `green bold on black`.
fn parse_style(text: &str) -> Option<Style> {
    let mut style = Style::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        style = match word {
            "bold" => style.add_modifier(Modifier::BOLD),
            "dim" => style.add_modifier(Modifier::DIM),
            "italic" => style.add_modifier(Modifier::ITALIC),
            "underlined" => style.add_modifier(Modifier::UNDERLINED),
            "reversed" => style.add_modifier(Modifier::REVERSED),
            "on" => style.bg(Color::from_str(words.next()?).ok()?),
            colour => style.fg(Color::from_str(colour).ok()?),
        };
    }
    Some(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_has_a_style_for_every_role_and_no_other_words() {
        for (name, file) in THEMES {
            for depth in [Depth::Sixteen, Depth::True] {
                Theme::parse(file, depth).unwrap_or_else(|problem| unreachable!("{name}: {problem}"));
            }
            let document: DocumentMut = file.parse().expect("parsed above");
            for (key, item) in document.iter() {
                let known = Role::ALL.iter().any(|(_, role)| *role == key) || (key == "true_color" && item.is_table());
                assert!(known, "{name}: {key} is no role");
            }
        }
    }

    #[test]
    fn without_colour_nothing_is_coloured() {
        let theme = Theme::named("default", Depth::None).expect("the theme exists");
        assert!(Role::ALL.iter().all(|(role, _)| theme.style(*role).fg.is_none()));
        assert!(Theme::named("nope", Depth::Sixteen).is_err());
    }
}
