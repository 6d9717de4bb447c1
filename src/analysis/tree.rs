//! The tree of processes as lines in depth-first order, each process exactly once whatever the kernel's files say.
//!
//! Only order and shape; what a line shows, and which branches are collapsed, is the business of who draws it. Built
//! without recursion and without hashing, in memory that is used again, because the screen does it every tick.

use crate::{snapshot::Process, unit::Pid};
use std::{cmp::Ordering, sync::Arc};

/// Marks a process without a parent in the list.
const NONE: u32 = u32::MAX;

/// One process in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The place of the process in the list that the tree was built of.
    pub at: u32,
    /// How far from the root of its branch; 0 for a root.
    pub depth: u32,
    /// Lines of this process and all its descendants: they follow one another.
    pub size: u32,
    /// The line of its parent; `None` for a root.
    pub parent: Option<u32>,
    /// Whether it is the last child of its parent.
    pub last: bool,
}

/// A tree and the memory it was built in.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    lines: Vec<Line>,
    parents: Vec<u32>,
    /// Where the children of each process begin in `children`; those without a parent stand behind all others.
    starts: Vec<u32>,
    children: Vec<u32>,
    /// What is still to be set down: the process, and the line of its parent.
    open: Vec<(u32, u32)>,
}

impl Tree {
    /// The lines, parents before their children.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Build it of processes in order of pid, siblings in the order of `compare`, which is given two places in the list.
    ///
    /// A process whose parent is not in the list, or started after it (a pid that was given away again), is a root.
    /// Where parents go in a circle, it is cut above the lowest pid.
    pub fn build(&mut self, processes: &[Arc<Process>], mut compare: impl FnMut(usize, usize) -> Ordering) {
        find_parents(processes, &mut self.parents);
        cut_circles(&mut self.parents, &mut self.starts);
        self.group_by_parent();
        let count = processes.len();
        for at in 0..=count {
            let (from, to) = self.children_of(at);
            if to - from > 1 {
                self.children[from..to].sort_by(|a, b| compare(*a as usize, *b as usize));
            }
        }
        self.set_down(count);
    }

    /// Keep only the lines whose place in the list `keep` agrees to; a line whose parent went hangs below the nearest
    /// ancestor that stayed.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        // For each old line the new one that stands for it: its own, else that of the nearest ancestor kept.
        let stands_for = &mut self.children;
        stands_for.clear();
        let mut kept = 0u32;
        for old in 0..self.lines.len() {
            let line = self.lines[old];
            let above = line.parent.map_or(NONE, |parent| stands_for[parent as usize]);
            if !keep(line.at as usize) {
                stands_for.push(above);
                continue;
            }
            stands_for.push(kept);
            let parent = (above != NONE).then_some(above);
            let depth = parent.map_or(0, |parent| self.lines[parent as usize].depth + 1);
            self.lines[kept as usize] = Line { depth, parent, size: 1, last: false, at: line.at };
            kept += 1;
        }
        self.lines.truncate(kept as usize);
        self.measure();
    }

    /// The places of the children of the process `at` in `children`; for the length of the list those of the roots.
    fn children_of(&self, at: usize) -> (usize, usize) {
        (self.starts[at] as usize, self.starts[at + 1] as usize)
    }

    /// A counting sort by parent; within one parent in order of pid.
    fn group_by_parent(&mut self) {
        let count = self.parents.len();
        let group = |parent: u32| if parent == NONE { count } else { parent as usize };
        self.starts.clear();
        self.starts.resize(count + 2, 0);
        for parent in &self.parents {
            self.starts[group(*parent)] += 1;
        }
        // Sums up to each group are where it ends; filled from the back, each end sinks to the start.
        let mut sum = 0;
        for end in &mut self.starts {
            sum += *end;
            *end = sum;
        }
        self.children.clear();
        self.children.resize(count, 0);
        for (at, parent) in self.parents.iter().enumerate().rev() {
            let end = &mut self.starts[group(*parent)];
            *end -= 1;
            self.children[*end as usize] = u32::try_from(at).unwrap_or(NONE);
        }
    }

    fn set_down(&mut self, count: usize) {
        self.lines.clear();
        self.open.clear();
        let (from, to) = self.children_of(count);
        self.open.extend(self.children[from..to].iter().rev().map(|at| (*at, NONE)));
        while let Some((at, parent)) = self.open.pop() {
            let depth = if parent == NONE { 0 } else { self.lines[parent as usize].depth + 1 };
            let line = u32::try_from(self.lines.len()).unwrap_or(NONE);
            self.lines.push(Line { at, depth, size: 1, parent: (parent != NONE).then_some(parent), last: false });
            let (from, to) = self.children_of(at as usize);
            self.open.extend(self.children[from..to].iter().rev().map(|child| (*child, line)));
        }
        self.measure();
    }

    /// Sizes of branches, and who is the last child, from depths and parents.
    fn measure(&mut self) {
        for at in (0..self.lines.len()).rev() {
            let Line { parent, size, .. } = self.lines[at];
            if let Some(parent) = parent {
                let above = &mut self.lines[parent as usize];
                // Counting from the back, the first child met is the last one.
                let last = above.size == 1;
                above.size += size;
                self.lines[at].last = last;
            }
        }
        if let Some(root) = self.lines.iter_mut().rev().find(|line| line.parent.is_none()) {
            root.last = true;
        }
    }
}

/// The place of each one's parent.
fn find_parents(processes: &[Arc<Process>], parents: &mut Vec<u32>) {
    parents.clear();
    parents.reserve(processes.len());
    // Neighbours are often siblings.
    let mut known = (Pid(0), NONE);
    for process in processes {
        let ppid = process.stat.ppid;
        if known.0 != ppid {
            let at = processes.binary_search_by_key(&ppid, |process| process.key.pid).ok();
            known = (ppid, at.and_then(|at| u32::try_from(at).ok()).unwrap_or(NONE));
        }
        let parent = processes.get(known.1 as usize);
        let older = parent.is_some_and(|parent| parent.key.start <= process.key.start);
        parents.push(if older { known.1 } else { NONE });
    }
}

/// Make a root of one process in each circle. `seen` says in which walk up a process was met, counted from 1.
fn cut_circles(parents: &mut [u32], seen: &mut Vec<u32>) {
    seen.clear();
    seen.resize(parents.len(), 0);
    for start in 0..parents.len() {
        let walk = u32::try_from(start + 1).unwrap_or(NONE);
        let mut at = start;
        while seen[at] == 0 && parents[at] != NONE {
            seen[at] = walk;
            at = parents[at] as usize;
        }
        // Met again in the same walk: a circle. Going through places in rising order, the cut is at the lowest of it.
        if seen[at] == walk && parents[at] != NONE {
            parents[lowest_of_circle(parents, at)] = NONE;
        }
        seen[at] = seen[at].max(1);
    }
}

fn lowest_of_circle(parents: &[u32], start: usize) -> usize {
    let (mut lowest, mut at) = (start, parents[start] as usize);
    while at != start {
        lowest = lowest.min(at);
        at = parents[at] as usize;
    }
    lowest
}

/// By start and then by pid: the order in which siblings were born, which stays still on a screen.
pub fn by_birth(processes: &[Arc<Process>]) -> impl Fn(usize, usize) -> Ordering {
    move |a, b| {
        let key = |at: usize| processes.get(at).map(|process| (process.key.start, process.key.pid));
        key(a).cmp(&key(b))
    }
}

/// What branches are drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Strokes {
    /// Past a level whose branch goes on below.
    pub through: &'static str,
    /// Past a level whose branch has ended.
    pub nothing: &'static str,
    /// To a child that has siblings below.
    pub child: &'static str,
    /// To the last child.
    pub last: &'static str,
    /// In place of the levels left out at the left.
    pub deep: &'static str,
}

impl Strokes {
    /// Box drawing characters.
    pub const LINES: Self = Self { through: "│  ", nothing: "   ", child: "├─ ", last: "└─ ", deep: "…  " };
    /// ASCII only.
    pub const ASCII: Self = Self { through: "|  ", nothing: "   ", child: "|- ", last: "`- ", deep: "~  " };
}

/// Draws the branches in front of lines that are given one after the other.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    /// For each level down to the line given last, whether it was a last child.
    ended: Vec<bool>,
}

/// Levels drawn at most; of a deeper line those nearest to it.
const LEVELS: usize = 32;

impl Branches {
    /// What stands before the name on this line. Lines have to come in the order of the tree; some may be left out where
    /// whole branches are.
    pub fn draw(&mut self, line: Line, strokes: &Strokes, into: &mut String) {
        let depth = line.depth as usize;
        self.ended.resize(depth, true);
        self.ended.push(line.last);
        let skipped = depth.saturating_sub(LEVELS);
        if skipped > 0 {
            into.push_str(strokes.deep);
        }
        // The root has no stroke of its own, so its level is not drawn.
        for (level, ended) in self.ended.iter().enumerate().skip(1 + skipped) {
            into.push_str(match (level == depth, *ended) {
                (true, true) => strokes.last,
                (true, false) => strokes.child,
                (false, true) => strokes.nothing,
                (false, false) => strokes.through,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Ticks;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn process(pid: u32, parent: u32, start: u64) -> Arc<Process> {
        let mut process = Process::example(pid);
        process.key.start = Ticks(start);
        process.stat.ppid = Pid(parent);
        Arc::new(process)
    }

    fn list(entries: &[(u32, u32, u64)]) -> Vec<Arc<Process>> {
        entries.iter().map(|(pid, ppid, start)| process(*pid, *ppid, *start)).collect()
    }

    fn drawn(tree: &Tree, processes: &[Arc<Process>]) -> String {
        let (mut branches, mut text) = (Branches::default(), String::new());
        for line in tree.lines() {
            branches.draw(*line, &Strokes::LINES, &mut text);
            let _ = writeln!(text, "{}", processes[line.at as usize].key.pid);
        }
        text
    }

    fn tree_of(processes: &[Arc<Process>]) -> Tree {
        let mut tree = Tree::default();
        tree.build(processes, by_birth(processes));
        tree
    }

    #[test]
    fn siblings_stand_in_order_of_birth_below_their_parent() {
        // 7 came later than 9 although its pid is lower; 4 has a parent that is not there; 2 is the kernel's.
        let processes =
            list(&[(1, 0, 0), (2, 0, 0), (4, 3, 5), (5, 1, 10), (6, 5, 20), (7, 1, 40), (8, 5, 50), (9, 1, 30)]);
        let tree = tree_of(&processes);
        assert_eq!(drawn(&tree, &processes), "1\n├─ 5\n│  ├─ 6\n│  └─ 8\n├─ 9\n└─ 7\n2\n4\n");
        assert_eq!(tree.lines()[0].size, 6);
        assert_eq!(tree.lines()[2].parent, Some(1));
    }

    #[test]
    fn another_order_of_siblings_can_be_given() {
        let processes = list(&[(1, 0, 0), (5, 1, 10), (6, 1, 20), (7, 6, 30)]);
        let mut tree = Tree::default();
        tree.build(&processes, |a, b| b.cmp(&a));
        assert_eq!(drawn(&tree, &processes), "1\n├─ 6\n│  └─ 7\n└─ 5\n");
    }

    #[test]
    fn what_is_left_out_hands_its_children_to_the_nearest_ancestor_shown() {
        let processes = list(&[(1, 0, 0), (5, 1, 10), (6, 5, 20), (7, 5, 30), (8, 1, 40), (9, 8, 50)]);
        let mut tree = tree_of(&processes);
        tree.retain(|at| ![5, 8].contains(&processes[at].key.pid.0));
        assert_eq!(drawn(&tree, &processes), "1\n├─ 6\n├─ 7\n└─ 9\n");
        tree.retain(|at| processes[at].key.pid.0 > 6);
        assert_eq!(drawn(&tree, &processes), "7\n9\n");
        assert_eq!(tree.lines()[0], Line { at: 3, depth: 0, size: 1, parent: None, last: false });
    }

    #[test]
    fn a_parent_younger_than_its_child_is_another_process() {
        let processes = list(&[(5, 9, 10), (9, 1, 20)]);
        assert_eq!(drawn(&tree_of(&processes), &processes), "5\n9\n");
    }

    #[test]
    fn circles_are_cut_above_their_lowest_pid() {
        let processes = list(&[(2, 4, 0), (3, 4, 0), (4, 5, 0), (5, 3, 0), (6, 6, 0)]);
        assert_eq!(drawn(&tree_of(&processes), &processes), "3\n└─ 5\n   └─ 4\n      └─ 2\n6\n");
    }

    #[test]
    fn a_chain_of_any_depth_is_walked_and_drawn_in_bounded_width() {
        let processes: Vec<_> = (1..=50_000).map(|pid| process(pid, pid - 1, 0)).collect();
        let tree = tree_of(&processes);
        assert_eq!(tree.lines().last().map(|line| line.depth), Some(49_999));
        let (mut branches, mut text) = (Branches::default(), String::new());
        for line in tree.lines() {
            text.clear();
            branches.draw(*line, &Strokes::LINES, &mut text);
        }
        assert!(text.starts_with('…') && text.chars().count() == 3 * (LEVELS + 1), "{text}");
    }

    proptest! {
        #[test]
        fn each_process_stands_in_the_tree_exactly_once(
            entries in proptest::collection::btree_map(0u32..40, (0u32..40, 0u64..3), 0..40),
            kept in any::<u64>(),
        ) {
            let processes: Vec<_> = entries.iter().map(|(pid, (ppid, start))| process(*pid, *ppid, *start)).collect();
            let mut tree = tree_of(&processes);
            let mut places: Vec<_> = tree.lines().iter().map(|line| line.at as usize).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..processes.len()).collect::<Vec<_>>());
            check(tree.lines())?;
            tree.retain(|at| kept >> at & 1 == 1);
            check(tree.lines())?;
            prop_assert!(tree.lines().iter().all(|line| kept >> line.at & 1 == 1));
        }
    }

    /// Depth, size, parent and `last` say the same thing.
    fn check(lines: &[Line]) -> Result<(), TestCaseError> {
        for (at, line) in lines.iter().enumerate() {
            let end = at + line.size as usize;
            prop_assert!(lines[at + 1..end].iter().all(|below| below.depth > line.depth));
            prop_assert!(lines.get(end).is_none_or(|next| next.depth <= line.depth));
            let above = line.parent.map(|parent| lines[parent as usize].depth + 1);
            prop_assert_eq!(above.unwrap_or(0), line.depth);
            let siblings_below = lines[at + 1..].iter().any(|other| other.parent == line.parent);
            prop_assert_eq!(line.last, !siblings_below);
        }
        Ok(())
    }
}
