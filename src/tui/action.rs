//! Every key-driven action, in one table: help, footer, README, manual, configuration and mouse hints come from it.

/// Something a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is explained in the table below, once")]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Collapse,
    Expand,
    CollapseBranch,
    ExpandBranch,
    ExpandAll,
    Open,
    Back,
    Search,
    Next,
    Previous,
    Filter,
    User,
    Sort,
    Form,
    View,
    Threads,
    KernelThreads,
    Tag,
    Follow,
    NextPane,
    PreviousPane,
    Processes,
    Memory,
    Baseline,
    Lab,
    Freeze,
    StepBack,
    StepForward,
    Columns,
    Signal,
    Slower,
    Faster,
    Explain,
    Save,
    Redraw,
    Suspend,
    Help,
    Quit,
}

/// What help groups together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Getting around.
    Move,
    /// Choosing what is shown.
    Show,
    /// Doing something to a process.
    Act,
    /// The program itself.
    Program,
}

impl Topic {
    /// All, in the order of help, with their heading.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Move, "Move"), (Self::Show, "Show"), (Self::Act, "Act"), (Self::Program, "Program")];
}

/// An action: its name in the configuration, its keys, what it does.
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo {
    /// The action.
    pub action: Action,
    /// Name under `[keys]` in the configuration.
    pub name: &'static str,
    /// Keys as the configuration writes them.
    pub keys: &'static [&'static str],
    /// One or two words for the footer; empty where it is not worth the room.
    pub hint: &'static str,
    /// A sentence for help.
    pub help: &'static str,
    /// Where help lists it.
    pub topic: Topic,
}

impl Action {
    /// The row of the table.
    ///
    /// # Panics
    /// Never: a test holds that every action has its row.
    #[must_use]
    pub fn info(self) -> &'static ActionInfo {
        ACTIONS.iter().find(|info| info.action == self).expect("a test holds that every action is in the table")
    }
}

const fn row(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    hint: &'static str,
    topic: Topic,
    help: &'static str,
) -> ActionInfo {
    ActionInfo { action, name, keys, hint, help, topic }
}

/// The table. The order is that of help.
#[rustfmt::skip]
pub const ACTIONS: &[ActionInfo] = &[
    row(Action::Up, "up", &["up", "k"], "", Topic::Move, "one line up"),
    row(Action::Down, "down", &["down", "j"], "", Topic::Move, "one line down"),
    row(Action::PageUp, "page_up", &["pageup", "ctrl-b"], "", Topic::Move, "one screen up"),
    row(Action::PageDown, "page_down", &["pagedown", "ctrl-f"], "", Topic::Move, "one screen down"),
    row(Action::Home, "home", &["home", "g"], "", Topic::Move, "to the first line"),
    row(Action::End, "end", &["end", "G"], "", Topic::Move, "to the last line"),
    row(Action::Search, "search", &["/", "F3"], "search", Topic::Move, "search: jump to a process by name, command or filter expression, hiding nothing; in a map by path or address; inside a mapping for text or bytes in the memory of the process"),
    row(Action::Next, "next", &["n"], "", Topic::Move, "next match of the search; where one mapping is shown and nothing is searched for, the next one"),
    row(Action::Previous, "previous", &["N"], "", Topic::Move, "match before, or mapping before"),
    row(Action::Follow, "follow", &["F"], "", Topic::Move, "follow the selected process wherever sorting moves it"),
    row(Action::NextPane, "next_pane", &["tab"], "", Topic::Move, "next pane"),
    row(Action::PreviousPane, "previous_pane", &["shift-tab"], "", Topic::Move, "pane before"),
    row(Action::Processes, "processes", &["1"], "", Topic::Move, "pane 1: all processes"),
    row(Action::Memory, "memory", &["m", "4"], "map", Topic::Move, "pane 4: the memory map of the selected process"),
    row(Action::Filter, "filter", &["f", "F4"], "filter", Topic::Show, "show only what matches an expression: rss > 100M and not user = root; in a map rss > 1M and permissions ~ w"),
    row(Action::User, "user", &["u"], "user", Topic::Show, "show only one user's processes"),
    row(Action::Form, "form", &["t", "F5"], "form", Topic::Show, "next form: tree, flat, grouped; a map by address or by object"),
    row(Action::View, "view", &["v"], "view", Topic::Show, "next view: group by name, user or container; a map as table, picture, pages or ASLR; a mapping as figures, contents or who else"),
    row(Action::Sort, "sort", &["s", "F6"], "sort", Topic::Show, "sort by a column; the same column again reverses"),
    row(Action::Columns, "columns", &["c"], "columns", Topic::Show, "choose, order and resize columns; presets"),
    row(Action::Collapse, "collapse", &["left", "h"], "", Topic::Show, "collapse the branch, or go to the parent; in the picture of a map to the mapping before"),
    row(Action::Expand, "expand", &["right", "l"], "", Topic::Show, "expand the branch, or go to the first child; in the picture of a map to the next mapping"),
    row(Action::CollapseBranch, "collapse_branch", &["-"], "", Topic::Show, "collapse this branch and all below it"),
    row(Action::ExpandBranch, "expand_branch", &["+", "="], "", Topic::Show, "expand this branch and all below it"),
    row(Action::ExpandAll, "expand_all", &["*"], "", Topic::Show, "expand everything; again collapses everything"),
    row(Action::Threads, "threads", &["H"], "", Topic::Show, "show or hide threads as rows"),
    row(Action::KernelThreads, "kernel_threads", &["K"], "", Topic::Show, "show or hide kernel threads"),
    row(Action::Freeze, "freeze", &["z"], "freeze", Topic::Show, "freeze the screen; again to go on"),
    row(Action::StepBack, "step_back", &["["], "", Topic::Show, "one kept sample back, freezing first"),
    row(Action::StepForward, "step_forward", &["]"], "", Topic::Show, "one kept sample forth"),
    row(Action::Open, "open", &["enter"], "details", Topic::Act, "every column of the selected process or mapping, with its meaning; what is in the mapping"),
    row(Action::Explain, "explain", &["e"], "explain", Topic::Act, "explain the columns on the screen"),
    row(Action::Tag, "tag", &["space"], "tag", Topic::Act, "tag or untag, and go one line down; Esc untags all"),
    row(Action::Baseline, "baseline", &["b"], "baseline", Topic::Act, "take the map as it is as baseline: changes from now on are shown; again takes a new one"),
    row(Action::Lab, "lab", &["A"], "ASLR lab", Topic::Act, "run this executable again and again, to see how far its addresses vary"),
    row(Action::Signal, "signal", &["x", "F9"], "signal", Topic::Act, "send a signal to the tagged processes, else to the selected one"),
    row(Action::Slower, "slower", &["<"], "", Topic::Program, "refresh less often"),
    row(Action::Faster, "faster", &[">"], "", Topic::Program, "refresh more often"),
    row(Action::Save, "save", &["W"], "", Topic::Program, "save the settings changed since the start"),
    row(Action::Redraw, "redraw", &["ctrl-l"], "", Topic::Program, "draw the whole screen anew"),
    row(Action::Suspend, "suspend", &["ctrl-z"], "", Topic::Program, "suspend sysview; fg brings it back"),
    row(Action::Back, "back", &["esc"], "", Topic::Program, "back: close what is open, unfreeze, untag, drop the filter, leave the pane"),
    row(Action::Help, "help", &["?", "F1"], "help", Topic::Program, "this help"),
    row(Action::Quit, "quit", &["q", "F10", "ctrl-c"], "quit", Topic::Program, "quit; closes what is open first"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_and_no_key_stands_twice() {
        let mut names = HashSet::new();
        let mut keys = HashSet::new();
        for info in ACTIONS {
            assert!(names.insert(info.name), "{} stands twice", info.name);
            assert_eq!(info.action.info().name, info.name, "{:?} stands twice", info.action);
            assert!(!info.help.is_empty() && !info.keys.is_empty());
            for key in info.keys {
                assert!(keys.insert(*key), "{key} is bound twice");
            }
        }
    }
}
