//! Pane 1, Processes: tree, flat and grouped list. Holds the selection, the scroll position and the view.
//!
//! The selection is an identity and never a row: what moves under the cursor is never acted upon.

pub mod draw;
pub mod lines;
mod table;

use crate::{
    analysis::{Observation, Row, tree, tree::Tree},
    config::Form,
    snapshot::{ExitStatus, Parts, Process, Reading, Request},
    table::{
        Column, Value,
        columns::{self, Total},
        query::Query,
        value::Order,
    },
    text::printable,
    tui::{action::Action, pane::Found},
    unit::{Pid, ProcessKey},
};
use lines::{Fold, Line, Lines, RowKey, Target, View};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// How long a row that exited stays, and a newborn is marked.
pub const LINGER: Duration = Duration::from_secs(3);
/// How many neighbours are remembered of a row that exits, for they may exit as well.
const ABOVE: usize = 8;
/// Rows read beyond the screen on either side, so that scrolling finds them filled.
const MARGIN: usize = 4;

/// A process that is gone but still shown.
#[derive(Clone, Debug)]
pub struct Exited {
    /// What was last known.
    pub process: Arc<Process>,
    /// How it ended.
    pub status: Reading<ExitStatus>,
    /// The observation in which it was last seen, for its last rates.
    pub observation: Arc<Observation>,
    /// When it was found gone, since boot.
    pub at: Duration,
    /// The line it had.
    line: Line,
    /// Where that was, and those above, the nearest first.
    place: usize,
    above: Vec<RowKey>,
}

/// The state of the pane.
pub struct Processes {
    /// What decides over the lines.
    pub view: View,
    /// The columns, from left to right, with their width.
    pub columns: Vec<(&'static Column, u16)>,
    /// Tagged processes.
    pub tags: BTreeSet<ProcessKey>,
    /// Keep the selected line in view wherever it moves.
    pub follow: bool,
    /// The last search.
    pub search: Option<Query>,
    /// What was selected last.
    pub selected: Option<RowKey>,
    /// The lines as they are now.
    pub lines: Lines,
    /// Rows that exited a moment ago.
    pub exited: Vec<Exited>,
    offset: usize,
    /// Line of the screen that the cursor was on, for when the selection is out of view.
    cursor: usize,
    /// Lines there is room for; set by drawing.
    height: usize,
    /// Cells in a line.
    width: u16,
    folded_kernel: bool,
    /// What there was before an expression was typed.
    before: Before,
}

/// What there was before an expression was typed, for whoever drops it.
#[derive(Debug, Default)]
struct Before {
    expression: Option<Query>,
    selected: Option<RowKey>,
}

impl Processes {
    /// The pane with this view and these columns, nothing selected.
    #[must_use]
    pub fn new(view: View, columns: Vec<(&'static Column, u16)>) -> Self {
        Self {
            view,
            columns,
            tags: BTreeSet::new(),
            follow: false,
            search: None,
            selected: None,
            lines: Lines::default(),
            exited: Vec::new(),
            offset: 0,
            cursor: 0,
            height: 30,
            width: 80,
            folded_kernel: false,
            before: Before::default(),
        }
    }

    /// A new sample: who exited stays for a moment, the lines are made anew.
    pub fn observe(&mut self, observation: &Arc<Observation>, before: Option<&Arc<Observation>>) {
        let now = observation.now.taken.boot;
        self.exited.retain(|exited| now.saturating_sub(exited.at) < LINGER);
        if let Some(before) = before {
            self.note_exited(observation, before);
        }
        self.rebuild(observation);
        let living = |key: &ProcessKey| observation.now.find(*key).is_some();
        self.tags.retain(living);
        self.view.folded.retain(living);
    }

    fn note_exited(&mut self, observation: &Observation, before: &Arc<Observation>) {
        if observation.now.exited.is_empty() {
            return;
        }
        let places: HashMap<&RowKey, usize> =
            self.lines.lines.iter().enumerate().map(|(at, line)| (&line.key, at)).collect();
        let mut gone = Vec::new();
        for exited in observation.now.exited.iter().rev() {
            let key = RowKey::Process(exited.process.key);
            let Some(at) = places.get(&key) else { continue };
            gone.push(Exited {
                process: Arc::clone(&exited.process),
                status: exited.status,
                observation: Arc::clone(before),
                at: observation.now.taken.boot,
                line: self.lines.lines[*at].clone(),
                place: *at,
                above: self.lines.lines[..*at].iter().rev().take(ABOVE).map(|line| line.key.clone()).collect(),
            });
        }
        gone.reverse();
        // A storm of exits would push everything else away.
        gone.truncate(50usize.saturating_sub(self.exited.len()));
        self.exited.extend(gone);
    }

    /// Make the lines anew after the data or the view changed, keeping the selected one where it is on the screen.
    pub fn rebuild(&mut self, observation: &Arc<Observation>) {
        self.fold_kernel_threads(observation);
        self.lines = Lines::build(observation, &self.view);
        self.put_exited();
        if self.selected.is_none() {
            self.selected = self.lines.lines.first().map(|line| line.key.clone());
        }
        self.keep_in_place();
    }

    /// The kernel's threads begin as one folded branch: there are hundreds, and they are rarely what one looks for.
    fn fold_kernel_threads(&mut self, observation: &Observation) {
        if !std::mem::replace(&mut self.folded_kernel, true) {
            let processes = observation.now.processes.iter();
            let roots = processes.filter(|process| process.is_kernel_thread() && process.stat.ppid == Pid(0));
            self.view.folded.extend(roots.map(|process| process.key));
        }
    }

    /// Put the lines of those that exited back below the one they stood under.
    fn put_exited(&mut self) {
        let shown = |exited: &Exited| {
            let row = exited.observation.find(exited.process.key);
            row.is_some_and(|row| !self.view.hides(row.process) && self.view.shows(row))
        };
        let places: Vec<usize> = (0..self.exited.len()).filter(|at| shown(&self.exited[*at])).collect();
        for at in places {
            let exited = &self.exited[at];
            let above = exited.above.iter().find_map(|key| self.lines.position(key));
            let place = above.map_or(exited.place, |above| above + 1);
            let line = Line {
                target: Target::Exited(at),
                fold: Fold::Leaf,
                members: 0..0,
                context: false,
                ..exited.line.clone()
            };
            self.lines.lines.insert(place.min(self.lines.lines.len()), line);
        }
    }

    fn keep_in_place(&mut self) {
        let holds = self.follow || self.view.form != Form::Flat;
        if let Some(at) = self.position().filter(|_| holds) {
            self.offset = at.saturating_sub(self.cursor);
        }
        self.clamp();
    }

    fn clamp(&mut self) {
        self.offset = self.offset.min(self.lines.lines.len().saturating_sub(self.height));
        if let Some(at) = self.position().filter(|at| self.is_visible(*at)) {
            self.cursor = at - self.offset;
        }
        self.cursor = self.cursor.min(self.height.saturating_sub(1));
    }

    fn is_visible(&self, at: usize) -> bool {
        (self.offset..self.offset + self.height).contains(&at)
    }

    /// Line of the selection, where it has one.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.lines.position(self.selected.as_ref()?)
    }

    /// Where the selection is, where that is out of view.
    #[must_use]
    pub fn away(&self, observation: &Observation) -> Option<String> {
        let at = self.position().filter(|at| !self.is_visible(*at))?;
        let line = self.lines.lines.get(at)?;
        let name = match &line.key {
            RowKey::Group(label) => label.clone(),
            RowKey::Process(key) | RowKey::Thread(key) => {
                let row = self.row(observation, line.target)?;
                format!("{} {}", key.pid, printable(&row.process.name))
            }
        };
        Some(format!("selected {name}, line {}", at + 1))
    }

    /// First line in view.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many lines there is room for: told by the layout before drawing.
    pub fn set_height(&mut self, height: usize) {
        if self.height != height {
            self.height = height;
            if let Some(at) = self.position() {
                self.reveal(at);
            }
            self.clamp();
        }
    }

    fn reveal(&mut self, at: usize) {
        if at < self.offset {
            self.offset = at;
        } else if at >= self.offset + self.height {
            self.offset = at + 1 - self.height.max(1);
        }
    }

    /// Select the line at a place and bring it into view.
    pub fn select(&mut self, at: usize) {
        let Some(line) = self.lines.lines.get(at) else { return };
        self.selected = Some(line.key.clone());
        self.reveal(at);
        self.clamp();
    }

    /// Select the process, opening the branches above it.
    pub fn select_process(&mut self, key: ProcessKey, observation: &Arc<Observation>) {
        let mut at = observation.now.find(key).cloned();
        let mut steps = 0;
        while let Some(process) = at.filter(|_| steps < 1000) {
            steps += 1;
            let position = observation.now.position(process.stat.ppid);
            at = position.and_then(|position| observation.now.processes.get(position)).cloned();
            if let Some(parent) = &at {
                self.view.folded.remove(&parent.key);
            }
        }
        self.selected = Some(RowKey::Process(key));
        self.lines = Lines::build(observation, &self.view);
        self.put_exited();
        if let Some(at) = self.position() {
            self.reveal(at);
        }
        self.clamp();
    }

    /// The line of the screen that was clicked, or the wheel's doing.
    pub fn click(&mut self, line: usize) {
        self.select(self.offset + line);
    }

    /// Scroll by lines without moving the selection.
    pub fn scroll(&mut self, by: isize) {
        self.offset = self.offset.saturating_add_signed(by);
        self.clamp();
    }

    /// The process that the selection is, or belongs to.
    #[must_use]
    pub fn selected_process(&self, observation: &Observation) -> Option<ProcessKey> {
        match self.selected.as_ref()? {
            RowKey::Process(key) => observation.now.find(*key).map(|process| process.key),
            RowKey::Thread(key) => {
                let thread = observation.now.threads.iter().find(|thread| thread.key == *key)?;
                let at = observation.now.position(thread.group)?;
                observation.now.processes.get(at).map(|process| process.key)
            }
            RowKey::Group(_) => None,
        }
    }

    /// Those a signal is meant for: the tagged ones, else all of the selected group, else the selected one.
    #[must_use]
    pub fn meant(&self, observation: &Observation) -> Vec<ProcessKey> {
        if !self.tags.is_empty() {
            return self.tags.iter().copied().collect();
        }
        let group = self.position().and_then(|at| self.lines.lines.get(at)).filter(|line| line.target == Target::Group);
        match group {
            Some(line) => {
                let members = self.lines.order.get(line.members.clone()).unwrap_or_default();
                members.iter().filter_map(|at| Some(observation.now.processes.get(*at)?.key)).collect()
            }
            None => self.selected_process(observation).into_iter().collect(),
        }
    }

    /// The row behind a line.
    #[must_use]
    pub fn row<'a>(&'a self, observation: &'a Observation, target: Target) -> Option<Row<'a>> {
        match target {
            Target::Process(at) => observation.process(at),
            Target::Thread(at) => observation.thread(at),
            Target::Group => None,
            Target::Exited(at) => {
                let exited = self.exited.get(at)?;
                let row = exited.observation.find(exited.process.key);
                row.or(Some(Row { process: &exited.process, before: None, observation: &exited.observation }))
            }
        }
    }

    /// The value of a column on a line.
    #[must_use]
    pub fn value<'a>(&'a self, observation: &'a Observation, line: &Line, column: &Column) -> Value<'a> {
        self.lines.value(line, column, |target| self.row(observation, target))
    }

    /// Whether the lines depend on what is read late, and not only what stands in them.
    #[must_use]
    pub fn depends_on_details(&self) -> bool {
        let view = &self.view;
        view.filter.is_some()
            || view.user.is_some()
            || view.form == Form::Grouped
            || view.sort.is_some_and(|(column, _)| !column.parts.is_empty())
    }

    /// What has to be read for what is shown: sort, filter and grouping need something of everyone, rows on the screen
    /// what stands in them, and sums what they add up.
    #[must_use]
    pub fn request(&self, observation: Option<&Observation>) -> Request {
        let mut request = Request { threads: self.view.threads, ..Request::default() };
        request.everyone = self.everyone();
        let Some(observation) = observation else { return request };
        let parts = |columns: &mut dyn Iterator<Item = &(&'static Column, u16)>| {
            columns.fold(Parts::NONE, |parts, (column, _)| parts | column.parts)
        };
        let shown = parts(&mut self.columns.iter());
        let summed = parts(&mut self.columns.iter().filter(|(column, _)| column.total == Total::Sum));
        let first = self.offset.saturating_sub(MARGIN);
        for (at, line) in self.lines.lines.iter().enumerate().skip(first).take(self.height + 2 * MARGIN) {
            let list = if self.is_visible(at) { &mut request.rows } else { &mut request.beyond };
            match line.target {
                Target::Process(at) => {
                    list.extend(observation.now.processes.get(at).map(|process| (process.key, shown)));
                }
                Target::Thread(at) => {
                    let row = observation.thread(at);
                    list.extend(
                        row.into_iter().flat_map(|row| [(row.process.key, shown), (row.whole().process.key, shown)]),
                    );
                }
                Target::Group | Target::Exited(_) => {}
            }
            if !summed.is_empty() {
                let members = self.lines.order.get(line.members.clone()).unwrap_or_default();
                let members = members.iter().filter_map(|at| observation.now.processes.get(*at));
                request.beyond.extend(members.map(|process| (process.key, summed)));
            }
        }
        for list in [&mut request.rows, &mut request.beyond] {
            list.sort_unstable();
            list.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 |= next.1;
                }
                same
            });
        }
        request
    }

    fn everyone(&self) -> Parts {
        let mut everyone = self.view.sort.map_or(Parts::NONE, |(column, _)| column.parts);
        for query in [&self.view.filter, &self.search].into_iter().flatten() {
            everyone |= query.parts();
        }
        if self.view.user.is_some() {
            everyone |= Parts::STATUS;
        }
        if self.view.form == Form::Grouped {
            everyone |= self.view.grouping().parts;
        }
        everyone
    }

    /// Carry out an action; false where it is none of the pane's.
    pub fn act(&mut self, action: Action, observation: &Arc<Observation>) -> bool {
        let page = self.height.saturating_sub(1).max(1).cast_signed();
        match action {
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-page),
            Action::PageDown => self.step(page),
            Action::Home => self.select(0),
            Action::End => self.select(self.lines.lines.len().saturating_sub(1)),
            Action::Collapse => self.collapse(observation),
            Action::Expand => self.expand(observation),
            Action::CollapseBranch => self.fold_branch(observation, Fold::Closed),
            Action::ExpandBranch => self.fold_branch(observation, Fold::Open),
            Action::ExpandAll => self.fold_all(observation),
            Action::Next => self.find_next(observation, 1),
            Action::Previous => self.find_next(observation, -1),
            Action::Form => self.set_form(lines::next_form(self.view.form), observation),
            Action::View => self.next_grouping(observation),
            Action::KernelThreads => {
                self.view.kernel_threads = !self.view.kernel_threads;
                self.rebuild(observation);
            }
            Action::Threads => {
                self.view.threads = !self.view.threads;
                self.rebuild(observation);
            }
            Action::Tag => self.tag(observation),
            Action::Follow => self.follow = !self.follow,
            _ => return false,
        }
        true
    }

    fn step(&mut self, by: isize) {
        let last = self.lines.lines.len().saturating_sub(1);
        // Where the selection has left the screen (or is gone), the cursor goes on from where it stood.
        let from = self.position().filter(|at| self.is_visible(*at)).unwrap_or(self.offset + self.cursor);
        self.select(from.saturating_add_signed(by).min(last));
    }

    fn line(&self) -> Option<&Line> {
        self.lines.lines.get(self.position()?)
    }

    fn collapse(&mut self, observation: &Arc<Observation>) {
        let Some((line, at)) = self.line().cloned().zip(self.position()) else { return };
        if line.fold == Fold::Open && self.set_fold(&line.key, Fold::Closed) {
            self.rebuild(observation);
            return;
        }
        let above = self.lines.lines.get(..at).unwrap_or_default();
        if let Some(parent) = above.iter().rposition(|other| other.depth < line.depth) {
            self.select(parent);
        }
    }

    fn expand(&mut self, observation: &Arc<Observation>) {
        let Some(line) = self.line().cloned() else { return };
        match line.fold {
            Fold::Closed if self.set_fold(&line.key, Fold::Open) => self.rebuild(observation),
            Fold::Open => self.step(1),
            _ => {}
        }
    }

    fn set_fold(&mut self, key: &RowKey, fold: Fold) -> bool {
        match (key, fold) {
            (RowKey::Process(key), Fold::Closed) => self.view.form == Form::Tree && self.view.folded.insert(*key),
            (RowKey::Process(key), _) => self.view.folded.remove(key),
            (RowKey::Group(label), Fold::Closed) => self.view.open_groups.remove(label),
            (RowKey::Group(label), _) => self.view.open_groups.insert(label.clone()),
            (RowKey::Thread(_), _) => false,
        }
    }

    /// Fold or open the selected branch with all below it.
    fn fold_branch(&mut self, observation: &Arc<Observation>, fold: Fold) {
        let Some(line) = self.line().cloned() else { return };
        self.set_fold(&line.key, fold);
        if let RowKey::Process(key) = line.key
            && self.view.form == Form::Tree
        {
            let mut tree = Tree::default();
            tree.build(&observation.now.processes, |a, b| a.cmp(&b));
            let nodes = tree.lines();
            let own = |node: &tree::Line| observation.now.processes.get(node.at as usize).map(|process| process.key);
            let start = nodes.iter().position(|node| own(node) == Some(key));
            let end = start.map_or(0, |start| start + nodes[start].size as usize);
            let branch = nodes.get(start.unwrap_or(0)..end).unwrap_or_default();
            for node in branch.iter().filter(|node| node.size > 1) {
                if let Some(key) = own(node) {
                    self.set_fold(&RowKey::Process(key), fold);
                }
            }
        }
        self.rebuild(observation);
    }

    /// Open everything, or fold everything where everything is open.
    fn fold_all(&mut self, observation: &Arc<Observation>) {
        let closed = self.lines.lines.iter().any(|line| line.fold == Fold::Closed);
        let keys: Vec<RowKey> =
            self.lines.lines.iter().filter(|line| line.fold != Fold::Leaf).map(|line| line.key.clone()).collect();
        if closed {
            self.view.folded.clear();
        }
        for key in keys {
            self.set_fold(&key, if closed { Fold::Open } else { Fold::Closed });
        }
        self.rebuild(observation);
    }

    /// Change the arrangement.
    pub fn set_form(&mut self, form: Form, observation: &Arc<Observation>) {
        self.view.form = form;
        // A tree stands still in order of pid; a list without an order would be no list.
        self.view.sort = match (form, self.view.sort) {
            (Form::Tree, _) => None,
            (_, None) => columns::find("cpu").map(|column| (column, column.first)),
            (_, sort) => sort,
        };
        self.rearranged(observation);
    }

    /// The lines are others now: the selection goes to the line that stands for it.
    fn rearranged(&mut self, observation: &Arc<Observation>) {
        // Where they stood means nothing any more.
        self.exited.clear();
        let top = self.is_at_top() && self.view.form != Form::Tree;
        let process = self.selected_process(observation).and_then(|key| observation.now.position(key.pid));
        self.rebuild(observation);
        let stands_for = |line: &Line| {
            let members = self.lines.order.get(line.members.clone()).unwrap_or_default();
            process.is_some_and(|at| line.target == Target::Process(at) || members.contains(&at))
        };
        let at = self.position().or_else(|| self.lines.lines.iter().position(stands_for));
        self.select(at.filter(|_| !top).unwrap_or(0));
    }

    /// Whether the first line is selected: whoever stands there wants to see what comes first, whichever it is.
    fn is_at_top(&self) -> bool {
        self.position() == Some(0)
    }

    /// The view is narrower or wider now: the selection goes to a line that is there for its own sake.
    pub fn filtered(&mut self, observation: &Arc<Observation>) {
        self.rebuild(observation);
        if self.line().is_none_or(|line| line.context)
            && let Some(at) = self.lines.lines.iter().position(|line| !line.context)
        {
            self.select(at);
        }
    }

    /// Sort by a column; by the one it is sorted by already: the other way round.
    pub fn sort(&mut self, column: &'static Column, observation: &Arc<Observation>) {
        let order = match self.view.sort {
            Some((old, order)) if old.name == column.name => order.reversed(),
            _ => column.first,
        };
        self.sort_in(Some((column, order)), observation);
    }

    /// Sort by a column in this order; `None` for the order of pid.
    pub fn sort_in(&mut self, sort: Option<(&'static Column, Order)>, observation: &Arc<Observation>) {
        let top = self.is_at_top() && self.view.form != Form::Tree;
        self.view.sort = sort;
        self.rebuild(observation);
        if top {
            self.select(0);
        } else if self.view.form == Form::Flat && !self.follow {
            // Who sorts wants to see the top.
            self.offset = 0;
            self.clamp();
        }
    }

    fn next_grouping(&mut self, observation: &Arc<Observation>) {
        if self.view.form != Form::Grouped {
            return;
        }
        self.view.group_by = lines::next_grouping(self.view.group_by);
        self.view.open_groups.clear();
        self.rearranged(observation);
    }

    fn tag(&mut self, observation: &Arc<Observation>) {
        let keys = match self.line() {
            Some(line) if line.target == Target::Group => {
                let members = self.lines.order.get(line.members.clone()).unwrap_or_default();
                members.iter().filter_map(|at| Some(observation.now.processes.get(*at)?.key)).collect()
            }
            _ => self.selected_process(observation).into_iter().collect::<Vec<_>>(),
        };
        let all = keys.iter().all(|key| self.tags.contains(key));
        for key in keys {
            if all {
                self.tags.remove(&key);
            } else {
                self.tags.insert(key);
            }
        }
        self.step(1);
    }

    /// Go to the next line that the search matches; processes in folded branches are found as well.
    pub fn find_next(&mut self, observation: &Arc<Observation>, direction: isize) {
        let all = self.unfolded(observation);
        let count = all.lines.len();
        let start = self.selected.as_ref().and_then(|key| all.position(key)).unwrap_or(0);
        let found = (1..=count).map(|step| {
            let step = if direction > 0 { step } else { count - step };
            (start + step) % count
        });
        let matches = |at: &usize| all.lines.get(*at).is_some_and(|line| self.is_found(observation, line));
        let Some(line) = found.into_iter().find(matches).and_then(|at| all.lines.get(at)) else { return };
        match &line.key {
            RowKey::Process(key) => self.select_process(*key, observation),
            other => {
                self.selected = Some(other.clone());
                self.rebuild(observation);
                if let Some(at) = self.position() {
                    self.reveal(at);
                }
                self.clamp();
            }
        }
    }

    /// Go to the first match at or after a line; back to that line where there is none.
    pub fn find_first(&mut self, observation: &Arc<Observation>, from: Option<&RowKey>) {
        self.selected = from.cloned();
        let here = from.and_then(|key| self.lines.position(key)).and_then(|at| self.lines.lines.get(at));
        if here.is_some_and(|line| self.is_found(observation, line)) {
            self.rebuild(observation);
        } else {
            self.find_next(observation, 1);
        }
    }

    /// Whether a line matches the search.
    #[must_use]
    pub fn is_found(&self, observation: &Observation, line: &Line) -> bool {
        self.search
            .as_ref()
            .is_some_and(|search| self.row(observation, line.target).is_some_and(|row| search.matches(row)))
    }

    /// All that the search matches, in the order in which it goes through them.
    #[must_use]
    pub fn found(&self, observation: &Observation) -> Found {
        if self.search.is_none() {
            return Found::default();
        }
        let all = self.unfolded(observation);
        let mut found = Found::default();
        for line in all.lines.iter().filter(|line| self.is_found(observation, line)) {
            found.count += 1;
            if self.selected.as_ref() == Some(&line.key) {
                found.place = Some(found.count);
            }
        }
        found
    }

    /// The lines that the search goes through: those of folded branches as well.
    fn unfolded(&self, observation: &Observation) -> Lines {
        Lines::build(observation, &View { folded: HashSet::new(), ..self.view.clone() })
    }
}
