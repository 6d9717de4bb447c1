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
        columns::Chooser,
        explain::Explain,
        help::Help,
        menu::Menu,
        prompt::{Line, Purpose},
        signal::Dialog,
    },
    pane::processes::{
        Processes,
        draw::{self, Look},
    },
    theme::{Role, Theme},
    widget::line::{self, Piece},
};
use crate::{
    analysis::Observation,
    config::{Choice as _, Form},
    control::ControlError,
    snapshot::{Request, Snapshot},
    table::{
        Column,
        value::{Order, bytes_text, clock_text},
    },
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
    /// What came of signals.
    Signalled(Vec<(ProcessKey, Result<(), ControlError>)>),
    /// Something to be told in the last line, and whether it went well.
    Note(String, Role),
}

/// The screen's state.
pub struct App {
    setup: Setup,
    /// The Processes pane.
    pub pane: Processes,
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
        Self {
            setup,
            pane,
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
        let mut request = Request { period: self.delay, ..self.pane.request(self.shown.as_deref()) };
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
        self.pane.observe(&observation, last.as_ref());
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
        if self.pane.depends_on_details() || sample.threads.len() != threads {
            self.pane.rebuild(&observation);
        }
        self.with_overlay(|overlay, context| overlay.refresh(context));
    }

    fn open_on_start(&mut self, observation: &Arc<Observation>) {
        let Some(pid) = self.setup.open_on.filter(|_| !std::mem::replace(&mut self.opened, true)) else { return };
        match observation.now.position(pid).and_then(|at| observation.now.processes.get(at)) {
            Some(process) => {
                let key = process.key;
                self.pane.select_process(key, observation);
            }
            None => self.note = Some((format!("there is no process {pid}"), Role::Bad)),
        }
    }

    /// Let the top overlay look at the pane and the data.
    fn with_overlay(&mut self, act: impl FnOnce(&mut dyn Overlay, Context<'_>)) {
        if let (Some(overlay), Some(observation)) = (self.overlays.last_mut(), &self.shown) {
            act(overlay.as_mut(), Context { pane: &mut self.pane, observation });
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
        match overlay.key(key, action, Context { pane: &mut self.pane, observation }) {
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
            Outcome::Effect(effect) => return Some(vec![effect]),
        }
        Some(Vec::new())
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
        match action {
            Action::Back => self.back(observation),
            Action::Freeze if self.frozen => self.thaw(),
            Action::Freeze => self.frozen = true,
            Action::StepBack => self.step(-1),
            Action::StepForward => self.step(1),
            Action::Filter => self.open_prompt(Purpose::Filter),
            Action::Search => self.open_prompt(Purpose::Search),
            Action::Sort => self.overlays.push(Box::new(Menu::sort(&self.pane))),
            Action::User => self.overlays.push(Box::new(Menu::users(&self.pane, observation))),
            Action::Columns => self.overlays.push(Box::new(Chooser::new(self.setup.presets.clone()))),
            Action::Signal if self.signals_off(observation).is_some() => {
                let why = self.signals_off(observation).unwrap_or_default();
                self.note = Some((format!("signals are off: {why}"), Role::Warn));
            }
            Action::Signal => {
                let meant = self.pane.meant(observation);
                self.overlays.push(Box::new(Dialog::new(&meant, observation)));
            }
            Action::Explain => {
                let columns = self.pane.columns.iter().map(|(column, _)| *column).collect();
                let process = self.pane.selected_process(observation);
                self.overlays.push(Box::new(Explain::new("Columns on the screen".to_owned(), columns, process)));
            }
            Action::Open => {
                if let Some(key) = self.pane.selected_process(observation) {
                    let title = format!("Process {}: every column", key.pid);
                    self.overlays.push(Box::new(Explain::all(title, Some(key))));
                } else {
                    self.pane.act(Action::Expand, observation);
                }
            }
            action => {
                self.pane.act(action, observation);
            }
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
        self.overlays.push(Box::new(Line::new(purpose, &self.pane, history)));
    }

    /// Undo the nearest thing that narrows the view.
    fn back(&mut self, observation: &Arc<Observation>) {
        if self.frozen {
            return self.thaw();
        }
        let pane = &mut self.pane;
        if !pane.tags.is_empty() {
            pane.tags.clear();
        } else if pane.search.take().is_some() {
        } else if pane.view.filter.take().is_some() || pane.view.user.take().is_some() {
            pane.rebuild(observation);
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
        self.pane.exited.clear();
        self.pane.rebuild(&observation);
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
                _ => self.pane.scroll(by),
            }
            return;
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !self.overlays.is_empty() {
            return;
        }
        let (Some(layout), Some(observation)) = (self.layout(), self.shown.clone()) else { return };
        if event.row == layout.pane.y {
            let (places, _) = draw::fit(&self.pane.columns, layout.pane.width.saturating_sub(1));
            let x = event.column.saturating_sub(layout.pane.x + 1);
            if let Some((column, _)) = places.iter().find(|(_, place)| (place.x..=place.right()).contains(&x)) {
                self.pane.sort(column, &observation);
            }
        } else if (layout.pane.y + 1..layout.pane.bottom()).contains(&event.row) {
            self.pane.click(usize::from(event.row - layout.pane.y - 1));
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
        if let Some(layout) = self.layout() {
            self.pane.set_height(usize::from(layout.pane.height.saturating_sub(1)));
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
        self.draw_tab(observation, layout.tab, buffer);
        draw::draw(&self.pane, observation, &Look { theme, glyphs }, layout.pane, buffer);
        self.draw_footer(layout.footer, buffer);
        let view = View {
            pane: &self.pane,
            observation,
            theme,
            glyphs,
            keymap: &self.setup.keymap,
            readonly: self.setup.readonly,
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

    /// The name of the pane, and everything that decides over what is in it.
    fn draw_tab(&self, observation: &Observation, area: Rect, buffer: &mut Buffer) {
        let style = |role| self.setup.theme.style(role);
        let view = &self.pane.view;
        let glyphs = &self.setup.glyphs;
        let mut pieces = vec![
            Piece::new(" 1 Processes ", style(Role::Selected)),
            Piece::new(format!("  {}", view.form.word()), style(Role::Label)),
        ];
        if view.form == Form::Grouped {
            pieces.push(Piece::new(format!(" by {}", view.group_by.word()), style(Role::Label)).spare(4));
        }
        let sort = match view.sort {
            Some((column, Order::Ascending)) => format!("  by {} {}", column.name, glyphs.order.0),
            Some((column, Order::Descending)) => format!("  by {} {}", column.name, glyphs.order.1),
            None => "  in order of pid".to_owned(),
        };
        pieces.push(Piece::new(sort, style(Role::Label)).spare(3));
        if let Some(away) = self.pane.away(observation) {
            pieces.push(Piece::new(format!("  {away}"), style(Role::Warn)).spare(1));
        }
        let (shown, all) = (self.pane.lines.matching, observation.now.processes.len());
        if shown != all {
            pieces.push(Piece::new(format!("  {shown} of {all}"), style(Role::Label)).spare(2));
        }
        if !self.pane.tags.is_empty() {
            pieces.push(Piece::new(format!("  {} tagged", self.pane.tags.len()), style(Role::Tagged)).spare(1));
        }
        let words =
            [(view.threads, "threads"), (!view.kernel_threads, "no kernel threads"), (self.pane.follow, "follow")];
        for (_, word) in words.into_iter().filter(|(on, _)| *on) {
            pieces.push(Piece::new(format!("  {word}"), style(Role::Label)).spare(5));
        }
        if let Some(user) = &view.user {
            pieces.push(Piece::new(format!("  only {user}"), style(Role::Warn)).spare(1));
        }
        if let Some(filter) = &view.filter {
            // Never left out, only cut: nothing else tells that there is more than what is seen.
            pieces.push(Piece::new("  filter: ", style(Role::Dim)));
            pieces.push(Piece::new(filter.to_string(), style(Role::Warn)));
        }
        if let Some(search) = &self.pane.search {
            pieces.push(Piece::new("  search: ", style(Role::Dim)).spare(2));
            pieces.push(Piece::new(search.to_string(), style(Role::Warn)).spare(2));
            pieces.push(Piece::new(format!("  {}", self.pane.found(observation)), style(Role::Label)).spare(2));
        }
        line::draw(buffer, area, &pieces, glyphs.cut);
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
        let order = [Action::Help, Action::Quit, Action::Search, Action::Filter, Action::Signal];
        for info in ACTIONS.iter().filter(|info| !info.hint.is_empty()) {
            let off = || self.shown.as_ref().is_some_and(|shown| self.signals_off(shown).is_some());
            if info.action == Action::Signal && off() {
                continue;
            }
            let Some(key) = self.setup.keymap.keys(info.action).first().cloned() else { continue };
            let at = order.iter().position(|action| *action == info.action).unwrap_or(order.len() + pieces.len());
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
