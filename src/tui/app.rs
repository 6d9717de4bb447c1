//! All of the screen's state: messages change it, drawing reads it. Pure: no clock, no file, no terminal.

use super::{
    Effect,
    action::{ACTIONS, Action},
    glyph::{self, Glyphs},
    header::{self, Facts},
    history::{History, MOST_BYTES},
    keymap::{Key, Keymap},
    overlay::{
        Context, Outcome, Overlay, View,
        columns::{Chooser, Preset},
        explain::Explain,
        help::Help,
        lab,
        mapping::Inside,
        menu::Menu,
        prompt::Line,
        signal::Dialog,
    },
    pane::{Look, PANES, Pane as _, PaneId, PaneInfo, Panes, Purpose, World, memory::Memory, processes::Processes},
    subject::Subject,
    theme::{Role, Theme},
    widget::line::{self, Piece},
};
use crate::{
    analysis::Observation,
    control::ControlError,
    snapshot::{
        Request, Snapshot,
        inspect::{Question, Reply},
        map::DELETED,
    },
    table::{
        COLUMNS, Column, ColumnOf, OfMappings, Table as _,
        mappings::MAP_PRESETS,
        value::{bytes_text, clock_text},
    },
    text::Text,
    unit::{Pid, ProcessKey},
};
use ratatui::{
    buffer::Buffer,
    crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind},
    layout::Rect,
    style::{Modifier, Style},
};
use std::{sync::Arc, time::Duration};

/// The smallest screen that is of use.
pub const LEAST: (u16, u16) = (40, 8);
/// Lines that something opened on top of the pane should have.
const ROOMY: u16 = 14;
/// Columns of a screen on which the panes stand by their names.
const ROOMY_TABS: u16 = 100;
/// Steps of the refresh key, in milliseconds.
const DELAYS: [u64; 10] = [100, 200, 500, 1000, 2000, 3000, 5000, 10_000, 30_000, 60_000];

/// What does not change while the program runs.
pub struct Setup {
    /// Styles.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
    /// Keys.
    pub keymap: Keymap,
    /// No actions on processes.
    pub readonly: bool,
    /// Sets of columns: the built-in ones and the user's own.
    pub presets: Vec<(String, Vec<&'static Column>)>,
    /// Name of the user who runs sysview.
    pub user: String,
    /// Name of the recording, where the data comes from one.
    pub origin: Option<String>,
    /// Process to select once it is seen.
    pub open_on: Option<Pid>,
    /// The pane to begin with.
    pub pane: PaneId,
}

/// Something that happened.
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The screen has this size now: width, height.
    Resize(u16, u16),
    /// A new sample.
    Sample(Arc<Snapshot>),
    /// The last sample with more in it.
    Amended(Arc<Snapshot>),
    /// What came of a question about a process.
    Answered(Reply),
    /// What came of signals.
    Signalled(Vec<(ProcessKey, Result<(), ControlError>)>),
    /// Something to be told in the last line, and whether it went well.
    Note(String, Role),
}

/// The screen's state.
pub struct App {
    setup: Setup,
    /// The panes.
    pub panes: Panes,
    /// The process that is looked into.
    subject: Subject,
    /// Time from one sample to the next.
    pub delay: Duration,
    overlays: Vec<Box<dyn Overlay>>,
    history: History,
    /// What is on the screen.
    shown: Option<Arc<Observation>>,
    /// Whether the screen stands still.
    frozen: bool,
    note: Option<(String, Role)>,
    size: (u16, u16),
    typed: [Vec<String>; 2],
    opened: bool,
}

/// Where things are on the screen.
struct Layout {
    header: Rect,
    tab: Rect,
    pane: Rect,
    footer: Rect,
}

impl App {
    /// A screen that has seen nothing yet.
    #[must_use]
    pub fn new(setup: Setup, pane: Processes, delay: Duration) -> Self {
        let panes = Panes { current: setup.pane, processes: pane, memory: Memory::default() };
        Self {
            setup,
            panes,
            subject: Subject::default(),
            delay,
            overlays: Vec::new(),
            history: History::default(),
            shown: None,
            frozen: false,
            note: None,
            size: (80, 24),
            typed: [Vec::new(), Vec::new()],
            opened: false,
        }
    }

    /// What the collector has to read for what is on the screen.
    #[must_use]
    pub fn request(&self) -> Request {
        let mut request = match self.panes.current {
            PaneId::Processes => self.panes.processes.request(self.shown.as_deref()),
            PaneId::Memory => Request::default(),
        };
        request.period = self.delay;
        for overlay in &self.overlays {
            request.everyone |= overlay.wants_everyone();
            if let Some((key, parts)) = overlay.wants() {
                match request.rows.binary_search_by_key(&key, |(key, _)| *key) {
                    Ok(at) => request.rows[at].1 |= parts,
                    Err(at) => request.rows.insert(at, (key, parts)),
                }
            }
        }
        request
    }

    /// What has to be found out about single processes for what is on the screen; nothing while it stands still.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let Some(world) = self.world().filter(|_| !self.frozen) else { return Vec::new() };
        let mut questions = self.panes.shown().questions(world);
        questions.extend(self.overlays.iter().flat_map(|overlay| overlay.questions()));
        questions
    }

    fn world(&self) -> Option<World<'_>> {
        Some(World { observation: self.shown.as_ref()?, subject: &self.subject, frozen: self.frozen })
    }

    /// Take in what happened.
    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        let effects = match input {
            Input::Key(key) => self.key(&key),
            Input::Mouse(event) => {
                self.mouse(event);
                Vec::new()
            }
            Input::Paste(text) => {
                self.with_overlay(|overlay, context| overlay.paste(&text, context));
                Vec::new()
            }
            Input::Resize(width, height) => {
                self.size = (width, height);
                Vec::new()
            }
            Input::Sample(sample) => {
                self.sample(sample);
                Vec::new()
            }
            Input::Amended(sample) => {
                self.amend(&sample);
                Vec::new()
            }
            Input::Answered(reply) => {
                self.answered(&reply);
                Vec::new()
            }
            Input::Signalled(results) => {
                self.overlays.iter_mut().for_each(|overlay| overlay.signalled(&results));
                Vec::new()
            }
            Input::Note(text, role) => {
                self.note = Some((text, role));
                Vec::new()
            }
        };
        self.place_pane();
        effects
    }

    fn answered(&mut self, reply: &Reply) {
        self.overlays.iter_mut().for_each(|overlay| overlay.answered(reply));
        if !self.frozen
            && self.subject.take(reply)
            && let Some(observation) = &self.shown
        {
            self.panes.shown_mut().rebuild(World { observation, subject: &self.subject, frozen: self.frozen });
        }
    }

    fn sample(&mut self, sample: Arc<Snapshot>) {
        let before = self.history.len().checked_sub(1).and_then(|last| self.history.get(last)).map(|(last, _)| last);
        self.history.push(Arc::clone(&sample));
        if self.frozen {
            return;
        }
        let observation = Arc::new(Observation::new(sample, before));
        let last = self.shown.replace(Arc::clone(&observation));
        // The pane's height decides over what stays in view.
        self.place_pane();
        self.panes.processes.observe(&observation, last.as_ref());
        self.open_on_start(&observation);
        self.with_overlay(|overlay, context| overlay.refresh(context));
    }

    fn amend(&mut self, sample: &Arc<Snapshot>) {
        self.history.amend(Arc::clone(sample));
        let current = self.shown.as_ref().is_some_and(|shown| shown.now.taken == sample.taken);
        if self.frozen || !current {
            return;
        }
        let before = self.shown.as_ref().and_then(|shown| shown.before.clone());
        let threads = self.shown.as_ref().map_or(0, |shown| shown.now.threads.len());
        let observation = Arc::new(Observation::new(Arc::clone(sample), before));
        self.shown = Some(Arc::clone(&observation));
        if self.panes.processes.depends_on_details() || sample.threads.len() != threads {
            self.panes.processes.rebuild(&observation);
        }
        self.with_overlay(|overlay, context| overlay.refresh(context));
    }

    fn open_on_start(&mut self, observation: &Arc<Observation>) {
        if std::mem::replace(&mut self.opened, true) {
            return;
        }
        let Some(pid) = self.setup.open_on else { return self.open_pane(self.panes.current) };
        match observation.now.position(pid).and_then(|at| observation.now.processes.get(at)) {
            Some(process) => {
                let key = process.key;
                self.panes.processes.select_process(key, observation);
                if self.panes.current != PaneId::Processes {
                    self.look_at(key);
                }
            }
            None => self.note = Some((format!("there is no process {pid}"), Role::Bad)),
        }
    }

    /// Put a pane on the screen; it shows the process that was selected in the one before.
    fn open_pane(&mut self, id: PaneId) {
        if let Some(key) = self.world().and_then(|world| self.panes.selected(world)) {
            self.look_at(key);
        }
        self.panes.current = id;
        self.place_pane();
        if let Some(observation) = &self.shown {
            self.panes.shown_mut().rebuild(World { observation, subject: &self.subject, frozen: self.frozen });
        }
    }

    /// Let the top overlay look at the pane and the data.
    fn with_overlay(&mut self, act: impl FnOnce(&mut dyn Overlay, Context<'_>)) {
        if let (Some(overlay), Some(observation)) = (self.overlays.last_mut(), &self.shown) {
            let world = World { observation, subject: &self.subject, frozen: self.frozen };
            act(overlay.as_mut(), Context { panes: &mut self.panes, world });
        }
    }

    fn key(&mut self, event: &KeyEvent) -> Vec<Effect> {
        self.note = None;
        let key = Key::of(event);
        let action = self.setup.keymap.action(key);
        if key.control() && action == Some(Action::Quit) {
            return vec![Effect::Quit];
        }
        if let Some(effects) = self.overlay_key(key, action) {
            return effects;
        }
        action.map_or_else(Vec::new, |action| self.act(action))
    }

    fn overlay_key(&mut self, key: Key, action: Option<Action>) -> Option<Vec<Effect>> {
        let overlay = self.overlays.last_mut()?;
        let observation = self.shown.as_ref()?;
        let action = action.filter(|_| !(overlay.types() && key.typed().is_some()));
        match action {
            Some(Action::Redraw) => return Some(vec![Effect::Redraw]),
            Some(Action::Suspend) => return Some(vec![Effect::Suspend]),
            _ => {}
        }
        let world = World { observation, subject: &self.subject, frozen: self.frozen };
        match overlay.key(key, action, Context { panes: &mut self.panes, world }) {
            Outcome::Stay => {}
            Outcome::Close => {
                self.overlays.pop();
            }
            Outcome::Done { text, purpose } => {
                self.overlays.pop();
                if !text.is_empty() {
                    self.typed[purpose as usize].push(text);
                }
            }
            Outcome::Select(key) => self.look_into(key),
            Outcome::Effect(effect) => return Some(vec![effect]),
        }
        Some(Vec::new())
    }

    /// Let this process be the one that is looked into; what was chosen in the map of another one holds no more.
    fn look_at(&mut self, key: ProcessKey) {
        if self.subject.key() != Some(key) {
            self.subject.look_at(key);
            self.panes.memory.forget_process();
        }
    }

    /// Select another process, in whatever pane is shown.
    fn look_into(&mut self, key: ProcessKey) {
        let Some(observation) = self.shown.clone() else { return };
        if observation.now.find(key).is_none() {
            self.note = Some((format!("{} has exited", key.pid), Role::Warn));
            return;
        }
        self.overlays.clear();
        self.panes.processes.select_process(key, &observation);
        self.look_at(key);
        self.panes.shown_mut().rebuild(World {
            observation: &observation,
            subject: &self.subject,
            frozen: self.frozen,
        });
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Save => return vec![Effect::Save],
            Action::Slower => self.change_delay(1),
            Action::Faster => self.change_delay(-1),
            Action::Help => self.overlays.push(Box::new(Help::default())),
            _ => {
                if let Some(observation) = self.shown.clone() {
                    self.act_on(action, &observation);
                }
            }
        }
        Vec::new()
    }

    /// Actions that need something on the screen.
    fn act_on(&mut self, action: Action, observation: &Arc<Observation>) {
        if let Some(id) = self.panes.current.after(action) {
            return self.open_pane(id);
        }
        match action {
            Action::Back => self.back(observation),
            Action::Freeze if self.frozen => self.thaw(),
            Action::Freeze => self.frozen = true,
            Action::StepBack => self.step(-1),
            Action::StepForward => self.step(1),
            Action::Filter => self.open_prompt(Purpose::Filter),
            Action::Search => self.open_prompt(Purpose::Search),
            Action::Sort => self.overlays.push(Box::new(Menu::sort(self.panes.shown()))),
            Action::Columns => self.overlays.push(Box::new(Chooser::new(self.presets()))),
            Action::Signal if self.signals_off(observation).is_some() => {
                let why = self.signals_off(observation).unwrap_or_default();
                self.note = Some((format!("signals are off: {why}"), Role::Warn));
            }
            Action::Signal => {
                let meant = match self.panes.current {
                    PaneId::Processes => self.panes.processes.meant(observation),
                    PaneId::Memory => self.subject.key().into_iter().collect(),
                };
                self.overlays.push(Box::new(Dialog::new(&meant, observation)));
            }
            action => match self.panes.current {
                PaneId::Processes => self.act_on_processes(action, observation),
                PaneId::Memory => self.act_on_memory(action, observation),
            },
        }
    }

    fn act_on_processes(&mut self, action: Action, observation: &Arc<Observation>) {
        let pane = &mut self.panes.processes;
        match action {
            Action::User => self.overlays.push(Box::new(Menu::users(pane, observation))),
            Action::Explain => {
                let columns: Vec<_> = pane.columns.iter().map(|(column, _)| *column).collect();
                let process = pane.selected_process(observation);
                self.overlays.push(Box::new(Explain::of_process(
                    "Columns on the screen".to_owned(),
                    &columns,
                    process,
                )));
            }
            Action::Open => {
                if let Some(key) = pane.selected_process(observation) {
                    let title = format!("Process {}: every column", key.pid);
                    let columns: Vec<_> = COLUMNS.iter().collect();
                    self.overlays.push(Box::new(Explain::of_process(title, &columns, Some(key))));
                } else {
                    pane.act(Action::Expand, observation);
                }
            }
            action => {
                pane.act(action, observation);
            }
        }
    }

    fn act_on_memory(&mut self, action: Action, observation: &Arc<Observation>) {
        const SELECTED: &str = "no mapping is selected";
        let world = World { observation, subject: &self.subject, frozen: self.frozen };
        match action {
            Action::Explain => {
                let columns = self.panes.shown().columns().into_iter().map(|(column, _)| column).collect();
                self.overlays.push(Box::new(Explain::of_selected("Columns on the screen".to_owned(), columns)));
            }
            Action::Open => {
                let mapping = self.panes.memory.selected_mapping(world);
                let map = self.subject.known_map();
                if let Some(inside) = map.zip(mapping).and_then(|(map, place)| Inside::new(map, place)) {
                    self.overlays.push(Box::new(inside));
                } else if let Some(title) = self.panes.memory.title_of_selected(world) {
                    let columns = OfMappings::COLUMNS.iter().map(ColumnOf::about).collect();
                    self.overlays.push(Box::new(Explain::of_selected(title, columns)));
                } else {
                    self.note = Some((SELECTED.to_owned(), Role::Warn));
                }
            }
            Action::Lab if self.frozen => {
                let keys = self.setup.keymap.keys(Action::Freeze);
                let key = keys.first().map_or("", String::as_str);
                self.note = Some((format!("nothing is run while the screen is frozen: {key} goes on"), Role::Warn));
            }
            Action::Lab if self.lab_off(observation).is_some() => {
                let why = self.lab_off(observation).unwrap_or_default();
                self.note = Some((format!("the laboratory is off: {why}"), Role::Warn));
            }
            Action::Lab => {
                let exe = self.subject.known_map().and_then(|map| map.exe.clone().ok());
                let program = exe.map(|exe| Text::from(exe.strip_suffix(DELETED).unwrap_or(&exe)));
                self.subject.forget_lab();
                self.overlays.push(Box::new(lab::Command::new(program.unwrap_or_default())));
            }
            Action::Baseline => {
                if self.subject.set_baseline() {
                    let world = World { observation, subject: &self.subject, frozen: self.frozen };
                    self.panes.memory.show_growth(world);
                    self.note = Some(("baseline taken: what changes from now on is shown".to_owned(), Role::Good));
                } else {
                    self.note = Some(("there is no map to compare with".to_owned(), Role::Warn));
                }
            }
            action => {
                if let Some(why) = self.panes.memory.refusal(action, world) {
                    self.note = Some((why.to_owned(), Role::Warn));
                } else {
                    self.panes.memory.act(action, world);
                }
            }
        }
    }

    /// The sets of columns for the pane on the screen.
    fn presets(&self) -> Vec<Preset> {
        match self.panes.current {
            PaneId::Processes => {
                let names = |columns: &[&'static Column]| columns.iter().map(|column| column.name).collect();
                self.setup.presets.iter().map(|(name, columns)| (name.clone(), names(columns))).collect()
            }
            PaneId::Memory => MAP_PRESETS.iter().map(|(name, names)| ((*name).to_owned(), names.to_vec())).collect(),
        }
    }

    /// Whether an action can do nothing here.
    fn is_off(&self, action: Action, observation: &Observation) -> bool {
        match action {
            Action::Signal => self.signals_off(observation).is_some(),
            Action::Lab => self.lab_off(observation).is_some(),
            _ => false,
        }
    }

    /// Why nothing can be run, if nothing can.
    fn lab_off(&self, observation: &Observation) -> Option<&'static str> {
        match () {
            () if self.setup.readonly => Some("sysview was started with --readonly"),
            () if self.setup.origin.is_some() => Some("this is a recording"),
            () if observation.now.observer.foreign => Some("these processes belong to another pid namespace"),
            () => None,
        }
    }

    /// Why no signal can be sent, if none can.
    fn signals_off(&self, observation: &Observation) -> Option<&'static str> {
        let foreign = observation.now.observer.foreign;
        match () {
            () if self.setup.readonly => Some("sysview was started with --readonly"),
            () if self.setup.origin.is_some() => Some("this is a recording"),
            () if foreign => Some("these processes belong to another pid namespace"),
            () => None,
        }
    }

    fn open_prompt(&mut self, purpose: Purpose) {
        let history = self.typed[purpose as usize].clone();
        self.overlays.push(Box::new(Line::new(purpose, self.panes.shown_mut(), history)));
    }

    /// Undo the nearest thing that narrows the view; where there is none, back to the processes.
    fn back(&mut self, observation: &Arc<Observation>) {
        if self.frozen {
            return self.thaw();
        }
        let world = World { observation, subject: &self.subject, frozen: self.frozen };
        if self.panes.shown_mut().back(world) {
            return;
        }
        if self.panes.current == PaneId::Memory && self.subject.drop_baseline() {
            self.panes.memory.forget_growth(World { observation, subject: &self.subject, frozen: self.frozen });
        } else if self.panes.current != PaneId::Processes {
            self.open_pane(PaneId::Processes);
        }
    }

    fn change_delay(&mut self, step: isize) {
        let now = u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX);
        let next = if step > 0 {
            DELAYS.iter().find(|delay| **delay > now)
        } else {
            DELAYS.iter().rev().find(|delay| **delay < now)
        };
        if let Some(next) = next {
            self.delay = Duration::from_millis(*next);
        }
        self.note = Some((format!("refresh every {}", header::delay_text(self.delay)), Role::Label));
    }

    fn thaw(&mut self) {
        self.frozen = false;
        self.show(self.history.len().saturating_sub(1));
    }

    /// Go through the samples kept; that freezes the screen.
    fn step(&mut self, by: isize) {
        self.frozen = true;
        let at = self.shown.as_ref().and_then(|shown| self.history.position(&shown.now)).unwrap_or(0);
        self.show(at.saturating_add_signed(by).min(self.history.len().saturating_sub(1)));
    }

    fn show(&mut self, at: usize) {
        let Some((now, before)) = self.history.get(at) else { return };
        let observation = Arc::new(Observation::new(now, before));
        self.shown = Some(Arc::clone(&observation));
        self.panes.processes.exited.clear();
        self.panes.processes.rebuild(&observation);
    }

    fn mouse(&mut self, event: MouseEvent) {
        let wheel = match event.kind {
            MouseEventKind::ScrollUp => Some((Action::Up, -3)),
            MouseEventKind::ScrollDown => Some((Action::Down, 3)),
            _ => None,
        };
        if let Some((action, by)) = wheel {
            match self.overlays.last().map(|overlay| overlay.is_line()) {
                Some(false) => {
                    let key = Key::parse(if action == Action::Up { "up" } else { "down" });
                    if let Some(key) = key {
                        self.overlay_key(key, Some(action));
                    }
                }
                _ => {
                    if let Some(observation) = &self.shown {
                        let world = World { observation, subject: &self.subject, frozen: self.frozen };
                        self.panes.shown_mut().scroll(by, world);
                    }
                }
            }
            return;
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !self.overlays.is_empty() {
            return;
        }
        let (Some(layout), Some(observation)) = (self.layout(), self.shown.clone()) else { return };
        if event.row == layout.tab.y {
            if let Some(id) = self.tab_at(event.column) {
                self.open_pane(id);
            }
        } else if layout.pane.contains((event.column, event.row).into()) {
            let place = (event.column - layout.pane.x, event.row - layout.pane.y);
            self.panes
                .shown_mut()
                .click(place, World { observation: &observation, subject: &self.subject, frozen: self.frozen });
        }
    }

    /// Where things are, on a screen that is large enough.
    fn layout(&self) -> Option<Layout> {
        let (width, height) = self.size;
        let shown = self.shown.as_ref().filter(|_| width >= LEAST.0 && height >= LEAST.1)?;
        let header = header::height(shown, width, height);
        let line = |y, height| Rect { x: 0, y, width, height };
        Some(Layout {
            header: line(0, header),
            tab: line(header, 1),
            pane: line(header + 1, height - header - 2),
            footer: line(height - 1, 1),
        })
    }

    fn place_pane(&mut self) {
        if let (Some(layout), Some(observation)) = (self.layout(), &self.shown) {
            let world = World { observation, subject: &self.subject, frozen: self.frozen };
            self.panes.shown_mut().set_room(layout.pane, world);
        }
    }

    /// Draw everything into a buffer of the screen's size.
    pub fn draw(&self, buffer: &mut Buffer) {
        self.draw_screen(buffer);
        if self.setup.glyphs == Glyphs::ASCII {
            for cell in &mut buffer.content {
                if !cell.symbol().is_ascii() {
                    let symbol = glyph::ascii(cell.symbol()).to_owned();
                    cell.set_symbol(&symbol);
                }
            }
        }
    }

    fn draw_screen(&self, buffer: &mut Buffer) {
        let area = buffer.area;
        let theme = &self.setup.theme;
        let (Some(observation), Some(layout)) = (&self.shown, self.layout()) else {
            return self.draw_notice(area, buffer);
        };
        let glyphs = &self.setup.glyphs;
        let facts = Facts {
            theme,
            glyphs,
            delay: self.delay,
            user: &self.setup.user,
            origin: self.setup.origin.as_deref(),
            badges: &self.badges(),
        };
        header::draw(observation, &facts, area.height, layout.header, buffer);
        let world = World { observation, subject: &self.subject, frozen: self.frozen };
        self.draw_tab(world, layout.tab, buffer);
        self.panes.shown().draw(world, Look { theme, glyphs }, layout.pane, buffer);
        self.draw_footer(layout.footer, buffer);
        let view = View {
            panes: &self.panes,
            world,
            theme,
            glyphs,
            keymap: &self.setup.keymap,
            readonly: self.setup.readonly,
            frozen: self.frozen,
        };
        for overlay in &self.overlays {
            // Where there is little room below the header, it gives way.
            let top = if area.height - layout.pane.y < ROOMY { area.y } else { layout.pane.y };
            let below = Rect { y: top, height: area.height - top, ..area };
            let room = if overlay.is_line() {
                clear(layout.footer, buffer);
                layout.footer
            } else {
                // The footer stays in view, as far as there is room.
                Rect { height: below.height.saturating_sub(1), ..below }
            };
            if !overlay.is_line() {
                // What it covers in part steps back, lest the two be read as one.
                let plain = Style::new().remove_modifier(Modifier::BOLD | Modifier::REVERSED);
                buffer.set_style(layout.pane, plain.patch(theme.style(Role::Dim)));
            }
            overlay.draw(&view, room, buffer);
        }
    }

    /// What holds for the whole screen and must not be overlooked.
    fn badges(&self) -> Vec<&'static str> {
        let all =
            [(self.frozen, "FROZEN"), (self.setup.origin.is_some(), "RECORDING"), (self.setup.readonly, "READONLY")];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect()
    }

    fn draw_notice(&self, area: Rect, buffer: &mut Buffer) {
        let text = if self.shown.is_some() {
            format!("sysview needs {}x{}, this is {}x{}", LEAST.0, LEAST.1, area.width, area.height)
        } else {
            "reading …".to_owned()
        };
        let style = self.setup.theme.style(Role::Title);
        for (y, text) in (area.y..area.bottom()).zip(line::wrap(&text, usize::from(area.width))) {
            line::write(buffer, (area.x, y), usize::from(area.width), &text, style, self.setup.glyphs.cut);
        }
    }

    /// The names of the panes, and everything that decides over what is in the one shown.
    fn draw_tab(&self, world: World<'_>, area: Rect, buffer: &mut Buffer) {
        let style = |role| self.setup.theme.style(role);
        let look = Look { theme: &self.setup.theme, glyphs: &self.setup.glyphs };
        let mut pieces = Vec::new();
        for (info, title) in self.tabs() {
            let role = if info.id == self.panes.current { Role::Selected } else { Role::Dim };
            pieces.push(Piece::new(title, style(role)));
        }
        pieces.extend(self.panes.shown().status(world, look));
        line::draw(buffer, area, &pieces, self.setup.glyphs.cut);
    }

    /// The panes in their line, the one shown by its name, on narrow screens the others by their number.
    fn tabs(&self) -> impl Iterator<Item = (&'static PaneInfo, String)> {
        let (current, roomy) = (self.panes.current, self.size.0 >= ROOMY_TABS);
        PANES.iter().map(move |info| {
            let named = roomy || info.id == current;
            (info, if named { format!(" {} {} ", info.number, info.title) } else { format!(" {} ", info.number) })
        })
    }

    /// The pane whose name stands in this column of the line of panes.
    fn tab_at(&self, column: u16) -> Option<PaneId> {
        let mut end = 0;
        let tabs = self.tabs().map(|(info, title)| {
            end += title.len();
            (info.id, end)
        });
        tabs.into_iter().find(|(_, end)| usize::from(column) < *end).map(|(id, _)| id)
    }

    fn draw_footer(&self, area: Rect, buffer: &mut Buffer) {
        let style = |role| self.setup.theme.style(role);
        let pieces = match (&self.note, self.frozen) {
            (Some((text, role)), _) => vec![Piece::new(format!(" {text}"), style(*role))],
            _ if !self.overlays.is_empty() => self.overlay_hints(),
            (None, true) => self.frozen_pieces(),
            (None, false) => self.hints(),
        };
        line::draw(buffer, area, &pieces, self.setup.glyphs.cut);
    }

    fn frozen_pieces(&self) -> Vec<Piece<'static>> {
        let keys = |action| self.setup.keymap.keys(action).first().cloned().unwrap_or_default();
        let style = |role| self.setup.theme.style(role);
        let shown = self.shown.as_ref();
        let time = shown.map_or_else(String::new, |shown| clock_text(shown.now.taken.wall));
        let at = shown.and_then(|shown| self.history.position(&shown.now));
        let place =
            at.map_or_else(|| "no longer kept".to_owned(), |at| format!("sample {} of {}", at + 1, self.history.len()));
        let (kept, most) = (bytes_text(self.history.bytes() as f64), bytes_text(MOST_BYTES as f64));
        vec![
            Piece::new(format!(" frozen at {time}, {place}"), style(Role::Warn)),
            Piece::new(format!(" ({kept} of at most {most})"), style(Role::Dim)).spare(2),
            Piece::new(format!("   {} or {}", keys(Action::StepBack), keys(Action::StepForward)), style(Role::Key))
                .spare(1),
            Piece::new(" step", style(Role::Dim)).spare(1),
            Piece::new(format!("   {}", keys(Action::Freeze)), style(Role::Key)),
            Piece::new(" go on", style(Role::Dim)),
        ]
    }

    /// What can be done in what is open on top.
    fn overlay_hints(&self) -> Vec<Piece<'static>> {
        let Some(overlay) = self.overlays.last() else { return Vec::new() };
        let types = |key: &str| Key::parse(key).is_some_and(|key| overlay.types() && key.typed().is_some());
        let key = |action: &Action| self.setup.keymap.keys(*action).into_iter().find(|key| !types(key));
        let mut pieces = Vec::new();
        for (spare, (actions, word)) in (0..).zip(overlay.hints()) {
            let keys: Vec<String> = actions.iter().filter_map(key).collect();
            if !keys.is_empty() {
                pieces.extend(self.hint(&keys.join(" "), word, spare));
            }
        }
        pieces
    }

    fn hint(&self, key: &str, word: &str, spare: u8) -> [Piece<'static>; 2] {
        let piece = |text: String, role| Piece::new(text, self.setup.theme.style(role)).spare(spare);
        [piece(format!(" {key}"), Role::Key), piece(format!(" {word} "), Role::Dim)]
    }

    fn hints(&self) -> Vec<Piece<'static>> {
        let mut pieces = Vec::new();
        // Those that lead everywhere else stay longest.
        let offers = self.world().map_or(&[][..], |world| self.panes.shown().offers(world));
        let order: Vec<Action> = [Action::Help, Action::Quit].into_iter().chain(offers.iter().copied()).collect();
        for info in ACTIONS {
            let Some(at) = order.iter().position(|action| *action == info.action) else { continue };
            if self.shown.as_ref().is_some_and(|shown| self.is_off(info.action, shown)) {
                continue;
            }
            let Some(key) = self.setup.keymap.keys(info.action).first().cloned() else { continue };
            let spare = u8::try_from(at).unwrap_or(u8::MAX);
            pieces.extend(self.hint(&key, info.hint, spare));
        }
        pieces
    }
}

fn clear(area: Rect, buffer: &mut Buffer) {
    for x in area.left()..area.right() {
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            cell.reset();
        }
    }
}
