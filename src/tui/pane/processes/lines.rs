//! Which lines the Processes pane has, in which order: tree, flat or grouped, filtered, folded. Pure: data in, lines out.

use crate::{
    analysis::{Observation, Row, tree, tree::Tree},
    config::{Choice, Form, GroupBy},
    snapshot::Process,
    table::{
        Column, Value,
        columns::{self, Total},
        query::Query,
        value::Order,
    },
    unit::ProcessKey,
};
use std::{cmp::Ordering, collections::HashSet, ops::Range};

/// The form after this one, as the key goes through them.
#[must_use]
pub fn next_form(form: Form) -> Form {
    after(Form::WORDS, form)
}

/// The grouping after this one.
#[must_use]
pub fn next_grouping(grouping: GroupBy) -> GroupBy {
    after(GroupBy::WORDS, grouping)
}

fn after<T: Choice>(all: &[(&str, T)], current: T) -> T {
    let at = all.iter().position(|(_, choice)| *choice == current).map_or(0, |at| at + 1);
    all[at % all.len()].1
}

/// What a line stands for, across refreshes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// A process.
    Process(ProcessKey),
    /// One thread of a process.
    Thread(ProcessKey),
    /// All processes of one label.
    Group(String),
}

/// Where the data of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Place in the snapshot's processes.
    Process(usize),
    /// Place in the snapshot's threads.
    Thread(usize),
    /// A group.
    Group,
    /// Place in the list of those that exited a moment ago.
    Exited(usize),
}

/// Whether a line has others below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// None.
    Leaf,
    /// They are shown.
    Open,
    /// They are hidden, and the line shows sums.
    Closed,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it stands for.
    pub key: RowKey,
    /// Where its data is.
    pub target: Target,
    /// Depth in the tree; 0 outside of it.
    pub depth: usize,
    /// Bit d: at depth d a rail runs past this line to a later sibling.
    pub rails: u64,
    /// No sibling comes after it.
    pub last: bool,
    /// Lines below it.
    pub fold: Fold,
    /// Processes whose sum it shows, as a range of [`Lines::order`]; empty for a line of one process.
    pub members: Range<usize>,
    /// It is there only because something below it matches the filter.
    pub context: bool,
}

/// What decides over the lines.
#[derive(Clone, Debug)]
pub struct View {
    /// Arrangement.
    pub form: Form,
    /// Sort column; in a tree it orders siblings, and without one they stand in order of pid.
    pub sort: Option<(&'static Column, Order)>,
    /// What groups, for [`Form::Grouped`].
    pub group_by: GroupBy,
    /// Show kernel threads.
    pub kernel_threads: bool,
    /// Show threads as lines.
    pub threads: bool,
    /// Show only this user (real id as text or name).
    pub user: Option<String>,
    /// Show only what matches.
    pub filter: Option<Query>,
    /// Branches that are folded; with `inverted` those that are not.
    pub folded: HashSet<ProcessKey>,
    /// Groups that are open.
    pub open_groups: HashSet<String>,
}

impl View {
    /// Whether a row passes the filter.
    pub(super) fn shows(&self, row: Row<'_>) -> bool {
        let is = |name: &str, user: &str| columns::find(name).is_some_and(|column| (column.value)(row).human() == user);
        let user = self.user.as_ref().is_none_or(|user| is("user", user) || is("uid", user));
        user && self.filter.as_ref().is_none_or(|filter| filter.matches(row))
    }

    /// Whether a process is of a kind that is not shown.
    pub(super) fn hides(&self, process: &Process) -> bool {
        !self.kernel_threads && process.is_kernel_thread()
    }

    /// The column that groups.
    ///
    /// # Panics
    /// Never: a test holds that every grouping is a column.
    #[must_use]
    pub fn grouping(&self) -> &'static Column {
        columns::find(self.group_by.word()).expect("a test holds that every grouping is a column")
    }

    fn is_filtered(&self) -> bool {
        self.user.is_some() || self.filter.is_some()
    }
}

/// The lines, and the order of processes that sums refer to.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// All lines from top to bottom.
    pub lines: Vec<Line>,
    /// Places of processes; a line's `members` is a range of it.
    pub order: Vec<usize>,
    /// Processes that pass the filter.
    pub matching: usize,
}

impl Lines {
    /// The lines of an observation under a view.
    #[must_use]
    pub fn build(observation: &Observation, view: &View) -> Self {
        match view.form {
            Form::Tree => tree_lines(observation, view),
            Form::Flat => flat_lines(observation, view),
            Form::Grouped => grouped_lines(observation, view),
        }
    }

    /// Where the line of a key is.
    #[must_use]
    pub fn position(&self, key: &RowKey) -> Option<usize> {
        self.lines.iter().position(|line| line.key == *key)
    }

    /// The value of a column on a line: of one row, or the sum of its members.
    #[must_use]
    pub fn value<'a>(&self, line: &Line, column: &Column, row: impl Fn(Target) -> Option<Row<'a>>) -> Value<'a> {
        let own = row(line.target).map(|row| (column.value)(row));
        if line.members.is_empty() {
            return own.unwrap_or(Value::None);
        }
        match column.total {
            Total::First => own.unwrap_or(Value::None),
            Total::Sum => {
                let members = self.order.get(line.members.clone()).unwrap_or_default();
                let values = members.iter().filter_map(|at| row(Target::Process(*at))).map(|row| (column.value)(row));
                values.reduce(Value::plus).unwrap_or(Value::None)
            }
        }
    }
}

/// Values of the sort column, by place in the snapshot.
struct SortKeys<'a> {
    values: Vec<Value<'a>>,
    order: Order,
}

impl<'a> SortKeys<'a> {
    fn new(observation: &'a Observation, sort: (&'static Column, Order)) -> Self {
        Self { values: observation.processes().map(|row| (sort.0.value)(row)).collect(), order: sort.1 }
    }

    /// Equal values stand in order of pid, which is that of the snapshot.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        match (self.values.get(a), self.values.get(b)) {
            (Some(left), Some(right)) => left.compare_in(right, self.order).then(a.cmp(&b)),
            _ => a.cmp(&b),
        }
    }
}

fn tree_lines(observation: &Observation, view: &View) -> Lines {
    let mut tree = Tree::default();
    match view.sort {
        Some(sort) => {
            let keys = SortKeys::new(observation, sort);
            tree.build(&observation.now.processes, |a, b| keys.compare(a, b));
        }
        None => tree.build(&observation.now.processes, |a, b| a.cmp(&b)),
    }
    let nodes = tree.lines();
    let order: Vec<usize> = nodes.iter().map(|node| node.at as usize).collect();
    let (shown, matching) = shown_nodes(observation, view, nodes);
    let mut lines = Vec::with_capacity(nodes.len().min(4096));
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        let Some(row) = observation.process(node.at as usize) else { break };
        let end = at + node.size as usize;
        if shown[at] == Shown::Hidden {
            at = end;
            continue;
        }
        let key = row.process.key;
        // Under a filter a branch is open as far as something in it matches.
        let folded = !view.is_filtered() && node.size > 1 && view.folded.contains(&key);
        let fold = match node.size {
            1 => Fold::Leaf,
            _ if folded => Fold::Closed,
            _ => Fold::Open,
        };
        lines.push(Line {
            key: RowKey::Process(key),
            target: Target::Process(node.at as usize),
            depth: node.depth as usize,
            rails: 0,
            last: false,
            fold,
            members: if folded { at..end } else { 0..0 },
            context: shown[at] == Shown::Context,
        });
        if view.threads && !folded {
            lines.extend(thread_lines(observation, row.process, node.depth as usize + 1));
        }
        at = if folded { end } else { at + 1 };
    }
    draw_rails(&mut lines);
    Lines { lines, order, matching }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Hidden,
    Context,
    Match,
}

/// Which nodes match, and which are ancestors of one that does; and how many match.
fn shown_nodes(observation: &Observation, view: &View, nodes: &[tree::Line]) -> (Vec<Shown>, usize) {
    let mut shown = vec![Shown::Hidden; nodes.len()];
    let mut matching = 0;
    for (at, node) in nodes.iter().enumerate() {
        let Some(row) = observation.process(node.at as usize) else { continue };
        if !view.hides(row.process) && view.shows(row) {
            shown[at] = Shown::Match;
            matching += 1;
        }
    }
    // From the end: the subtree of a node is all behind it.
    let mut next_match = usize::MAX;
    for at in (0..nodes.len()).rev() {
        if shown[at] == Shown::Match {
            next_match = at;
        } else if next_match < at + nodes[at].size as usize {
            shown[at] = Shown::Context;
        }
    }
    (shown, matching)
}

/// Lines for the threads of a process, the leading one left out: its process stands for it.
fn thread_lines(observation: &Observation, process: &Process, depth: usize) -> Vec<Line> {
    let threads = &observation.now.threads;
    let start = threads.partition_point(|thread| thread.group < process.key.pid);
    let own = threads.iter().enumerate().skip(start).take_while(|(_, thread)| thread.group == process.key.pid);
    let others = own.filter(|(_, thread)| thread.key.pid != process.key.pid);
    others.map(|(at, thread)| leaf(RowKey::Thread(thread.key), Target::Thread(at), depth)).collect()
}

fn leaf(key: RowKey, target: Target, depth: usize) -> Line {
    Line { key, target, depth, rails: 0, last: false, fold: Fold::Leaf, members: 0..0, context: false }
}

/// Work out from the depths alone which lines are last among their siblings and which rails run past them.
fn draw_rails(lines: &mut [Line]) {
    // Bit d: further down, before anything less deep, comes another line of depth d.
    let mut below: u64 = 0;
    for line in lines.iter_mut().rev() {
        let depth = line.depth.min(63);
        line.last = below & (1 << depth) == 0;
        line.rails = below;
        below &= (1 << depth) - 1;
        below |= 1 << depth;
    }
}

fn flat_lines(observation: &Observation, view: &View) -> Lines {
    let mut rows: Vec<(Target, Row<'_>)> = Vec::new();
    let processes = observation.processes().enumerate().map(|(at, row)| (Target::Process(at), row));
    rows.extend(processes.filter(|(_, row)| !view.hides(row.process) && view.shows(*row)));
    let matching = rows.len();
    if view.threads {
        let threads = observation.threads().enumerate().map(|(at, row)| (Target::Thread(at), row));
        let others = threads.filter(|(_, row)| row.process.key.pid != row.process.group);
        rows.extend(others.filter(|(_, row)| !view.hides(row.process) && view.shows(*row)));
    }
    if let Some((column, order)) = view.sort {
        let mut keyed: Vec<_> = rows.into_iter().map(|(target, row)| ((column.value)(row), target, row)).collect();
        let identity = |row: &Row<'_>| (row.process.group, row.process.key);
        keyed.sort_by(|a, b| a.0.compare_in(&b.0, order).then_with(|| identity(&a.2).cmp(&identity(&b.2))));
        rows = keyed.into_iter().map(|(_, target, row)| (target, row)).collect();
    }
    let lines = rows.iter().map(|(target, row)| match target {
        Target::Thread(_) => leaf(RowKey::Thread(row.process.key), *target, 0),
        _ => leaf(RowKey::Process(row.process.key), *target, 0),
    });
    Lines { lines: lines.collect(), order: Vec::new(), matching }
}

fn grouped_lines(observation: &Observation, view: &View) -> Lines {
    let grouping = view.grouping();
    let label = |row: Row<'_>| match (grouping.value)(row) {
        Value::None => format!("no {}", grouping.name),
        value => value.human().into_owned(),
    };
    let rows = observation.processes().enumerate().filter(|(_, row)| !view.hides(row.process) && view.shows(*row));
    let mut labelled: Vec<(String, usize)> = rows.map(|(at, row)| (label(row), at)).collect();
    labelled.sort();
    let order: Vec<usize> = labelled.iter().map(|(_, at)| *at).collect();
    let mut groups: Vec<Line> = Vec::new();
    for (at, (label, _)) in labelled.into_iter().enumerate() {
        match groups.last_mut() {
            Some(Line { key: RowKey::Group(last), members, .. }) if *last == label => members.end = at + 1,
            _ => {
                let fold = if view.open_groups.contains(&label) { Fold::Open } else { Fold::Closed };
                let line = leaf(RowKey::Group(label), Target::Group, 0);
                groups.push(Line { fold, members: at..at + 1, ..line });
            }
        }
    }
    let matching = order.len();
    let mut all = Lines { lines: Vec::new(), order, matching };
    if let Some((column, order)) = view.sort {
        let row = |target| member_row(observation, target);
        let mut keyed: Vec<_> = groups.into_iter().map(|line| (group_value(&all, &line, column, row), line)).collect();
        keyed.sort_by(|a, b| a.0.compare_in(&b.0, order));
        groups = keyed.into_iter().map(|(_, line)| line).collect();
    }
    let keys = view.sort.map(|sort| SortKeys::new(observation, sort));
    for group in groups {
        let (open, range) = (group.fold == Fold::Open, group.members.clone());
        all.lines.push(group);
        if open {
            let mut members = all.order[range].to_vec();
            if let Some(keys) = &keys {
                members.sort_by(|a, b| keys.compare(*a, *b));
            }
            let line = |at| Some(leaf(RowKey::Process(observation.process(at)?.process.key), Target::Process(at), 1));
            all.lines.extend(members.into_iter().filter_map(line));
        }
    }
    draw_rails(&mut all.lines);
    all
}

/// The value by which a group is sorted: its sum, or what its first member has.
fn group_value<'a>(lines: &Lines, line: &Line, column: &Column, row: impl Fn(Target) -> Option<Row<'a>>) -> Value<'a> {
    match column.total {
        Total::Sum => lines.value(line, column, row),
        Total::First => {
            let first = lines.order.get(line.members.start).and_then(|at| row(Target::Process(*at)));
            first.map_or(Value::None, |row| (column.value)(row))
        }
    }
}

fn member_row(observation: &Observation, target: Target) -> Option<Row<'_>> {
    match target {
        Target::Process(at) => observation.process(at),
        Target::Thread(at) => observation.thread(at),
        Target::Group | Target::Exited(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grouping_is_a_column() {
        for (word, _) in GroupBy::WORDS {
            assert!(columns::find(word).is_some(), "{word}");
        }
    }

    #[test]
    fn rails_run_to_the_next_sibling_and_no_further() {
        let key = |pid| RowKey::Group(format!("{pid}"));
        let mut lines: Vec<Line> =
            [0, 1, 2, 1, 0].iter().map(|depth| leaf(key(*depth), Target::Group, *depth)).collect();
        draw_rails(&mut lines);
        assert_eq!(lines.iter().map(|line| line.last).collect::<Vec<_>>(), [false, false, true, true, true]);
        assert_eq!(lines[2].rails & 0b11, 0b11, "past the grandchild run the rails of its parent and of the root");
        assert_eq!(lines[3].rails & 0b10, 0);
    }
}
