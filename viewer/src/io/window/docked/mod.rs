//! The panels beside the picture: drawn with egui, each into a strip of its own, and only when something in it changed.
//!
//! What they hold is in `pure::panels`.

mod chat;
mod clipboard;
mod facts;
mod files;
mod keyboard;
mod log;
mod parts;
mod terminal;

use std::collections::BTreeMap;
use std::time::Duration;

use egui::{Event, MouseWheelSource, MouseWheelUnit, TouchPhase, vec2};
use sightline_program::clock::unix_ms;
use sightline_protocol::capability::Capability;
use winit::event::{ElementState, KeyEvent, MouseButton};

use super::strip::Strip;
use crate::pure::area::Rect;
use crate::pure::compose::Overlay;
use crate::pure::panels::dock::Places;
use crate::pure::panels::{Ask, Panel, Panels};
use crate::pure::terminal::cells::Place;
use crate::pure::terminal::keys::Held;
use crate::pure::terminal::mouse::Did;
pub(super) use chat::alone as talk;
use clipboard::Clipboard;
pub(super) use files::FileAct;
pub(super) use keyboard::{letter, text_events};

/// Points that a panel's contents move when the wheel turns by a notch: three lines of text.
const NOTCH: f64 = 54.0;

/// What is to be seen in the place of the picture, while it may not be.
pub(super) fn cover(ui: &mut egui::Ui, panels: &Panels, computer: &str) {
    let colours = sightline_ui::palette(ui.ctx());
    let frame = egui::Frame::new().fill(colours.ground);
    egui::CentralPanel::default().frame(frame).show(ui, |ui| {
        if let Some(lack) = panels.rights.lack(Capability::View) {
            let words = panels.rights.words(Capability::View, lack, computer);
            parts::lack(ui, &colours, &words);
        }
    });
}

/// What a person did in a panel.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PanelAct {
    Close(Panel),
    NewTerminal,
    ShowTerminal(usize),
    CloseTerminal(usize),
    TerminalSize(u16, u16),
    Select(Place, Place),
    /// The selection is done.
    Selected,
    /// The pointer is over this cell of a terminal whose program wants the mouse.
    Pointed(Place),
    Mouse(Did, Place),
    SendChat,
    AskFacts,
    SaveFacts,
    File(FileAct),
    GoTo(Duration),
}

/// All panels that were opened, and where they are.
pub(super) struct Docked {
    strips: BTreeMap<Panel, Strip>,
    clipboard: Clipboard,
    held: Held,
}

impl Docked {
    pub(super) fn new() -> Docked {
        Docked {
            strips: BTreeMap::new(),
            clipboard: Clipboard::default(),
            held: Held::default(),
        }
    }

    /// Gives the open panels their places.
    pub(super) fn place(&mut self, panels: &Panels, places: &Places, scale: f64) {
        for panel in panels.dock.shown() {
            let strip = self.strips.entry(panel).or_insert_with(Strip::new);
            strip.set_place(places.of(panel), scale);
        }
        for (panel, strip) in &mut self.strips {
            if !panels.dock.is_open(*panel) {
                strip.pointer_at(None);
            }
        }
    }

    /// Modifiers that are held with what comes.
    pub(super) fn set_held(&mut self, held: Held) {
        self.held = held;
        for strip in self.strips.values_mut() {
            strip.set_modifiers(keyboard::modifiers(held));
        }
    }

    pub(super) fn held(&self) -> Held {
        self.held
    }

    fn open<'a>(
        &'a mut self,
        panels: &Panels,
    ) -> impl Iterator<Item = (Panel, &'a mut Strip)> + use<'a> {
        let shown: Vec<Panel> = panels.dock.shown().collect();
        let strips = self.strips.iter_mut();
        strips
            .filter(move |(panel, _)| shown.contains(panel))
            .map(|(panel, strip)| (*panel, strip))
    }

    /// The pointer is at this place of the window. Says whether a panel has it, and whether one must be run.
    pub(super) fn pointer_at(&mut self, panels: &Panels, at: Option<(f64, f64)>) -> (bool, bool) {
        let (mut on_panel, mut concerned) = (false, false);
        for (_, strip) in self.open(panels) {
            let was_there = strip.has_pointer();
            let is_there = strip.pointer_at(at);
            on_panel |= is_there;
            concerned |= was_there || is_there;
        }
        (on_panel, concerned)
    }

    pub(super) fn has_pointer(&self) -> bool {
        self.strips.values().any(Strip::has_pointer)
    }

    /// A button went down or up; the panel that it meant.
    pub(super) fn button(
        &mut self,
        panels: &mut Panels,
        button: MouseButton,
        state: ElementState,
    ) -> Option<Panel> {
        let mut open = self.open(panels);
        let (panel, strip) = open.find(|(_, strip)| strip.has_pointer())?;
        strip.button(button, state);
        drop(open);
        if (button, state) == (MouseButton::Middle, ElementState::Pressed)
            && panel == Panel::Terminal
            && let Some(text) = self.clipboard.selected()
        {
            let asks = panels.terminals.paste(&text);
            panels.ask(asks);
        }
        Some(panel)
    }

    /// The wheel turned so many notches up over a panel; false: over none.
    pub(super) fn wheel(&mut self, panels: &mut Panels, notches: f64) -> bool {
        let mut open = self.open(panels);
        let Some((panel, strip)) = open.find(|(_, strip)| strip.has_pointer()) else {
            return false;
        };
        if panel != Panel::Terminal {
            let delta = vec2(0.0, (notches * NOTCH) as f32);
            // As if by a touchpad: egui spreads a wheel's turn over time, in which nothing would call it.
            for (phase, delta) in [
                (TouchPhase::Start, vec2(0.0, 0.0)),
                (TouchPhase::Move, delta),
            ] {
                strip.event(Event::MouseWheel {
                    unit: MouseWheelUnit::Point,
                    delta,
                    phase,
                    source: MouseWheelSource::Unknown,
                    modifiers: egui::Modifiers::NONE,
                });
            }
        }
        drop(open);
        if panel == Panel::Terminal {
            let asks = panels.terminals.wheel(notches, self.held);
            panels.ask(asks);
        }
        true
    }

    /// A key for the panel that has the keyboard.
    pub(super) fn key(&mut self, panels: &mut Panels, event: &KeyEvent) {
        match panels.focus() {
            Some(Panel::Terminal) => self.terminal_key(panels, event),
            Some(Panel::Files) => self.files_key(panels, event),
            Some(panel) => self.text_key(panels, panel, event),
            None => {}
        }
    }

    /// Copy, paste and scrolling as in other terminals; everything else goes there.
    fn terminal_key(&mut self, panels: &mut Panels, event: &KeyEvent) {
        if event.state != ElementState::Pressed {
            return;
        }
        let press = super::keys::press(event);
        let asks = match keyboard::wish(press.sign, self.held) {
            Some(keyboard::Wish::Copy) => {
                self.copy_selected(panels);
                Vec::new()
            }
            Some(keyboard::Wish::Paste) => match self.clipboard.text() {
                Some(text) => panels.terminals.paste(&text),
                None => Vec::new(),
            },
            Some(keyboard::Wish::Scroll(pages)) => {
                panels.terminals.page(pages);
                Vec::new()
            }
            Some(keyboard::Wish::Step(forward)) => {
                panels.terminals.step(forward);
                Vec::new()
            }
            Some(keyboard::Wish::New) => vec![panels.terminals.open()],
            None => panels
                .terminals
                .key(press.sign, self.held)
                .into_iter()
                .collect(),
        };
        panels.ask(asks);
    }

    fn files_key(&self, panels: &mut Panels, event: &KeyEvent) {
        let pressed = event.state == ElementState::Pressed;
        if let Some(key) = keyboard::files_key(event, self.held).filter(|_| pressed) {
            let asks = panels.files.key(key);
            panels.ask(asks);
        }
    }

    fn copy_selected(&mut self, panels: &Panels) {
        let tab = panels.terminals.tab();
        if let Some(text) = tab.and_then(|tab| tab.selected_text()) {
            self.clipboard.set_text(text);
        }
    }

    fn text_key(&mut self, panels: &mut Panels, panel: Panel, event: &KeyEvent) {
        let pressed = event.state == ElementState::Pressed;
        if panel == Panel::Chat && keyboard::is_return(event) && !self.held.shift {
            if pressed {
                let ask = panels.chat.send(unix_ms());
                panels.ask(ask);
            }
            return;
        }
        let pasted = if pressed && keyboard::is_paste(event, self.held) {
            self.clipboard.text()
        } else {
            None
        };
        if let Some(strip) = self.strips.get_mut(&panel) {
            for event in keyboard::events(event, self.held, pasted) {
                strip.event(event);
            }
        }
    }

    /// An input method made text.
    pub(super) fn committed(&mut self, panels: &mut Panels, text: String) {
        match panels.focus() {
            Some(Panel::Terminal) => {
                let sign = crate::pure::keymap::Sign::Text(&text);
                let ask = panels.terminals.key(sign, Held::default());
                panels.ask(ask);
            }
            Some(panel) => {
                if let Some(strip) = self.strips.get_mut(&panel) {
                    strip.event(Event::Text(text));
                }
            }
            None => {}
        }
    }

    /// Runs the open panels and does what was done in them; the parts of the window that look different now. `names`: what the user's computer
    /// and the technician are called.
    pub(super) fn run(&mut self, panels: &mut Panels, names: [&str; 2]) -> Vec<Rect> {
        let mut changed = Vec::new();
        let mut acts = Vec::new();
        self.draw(panels, names, &mut acts, &mut changed);
        if acts.is_empty() {
            return changed;
        }
        for act in acts {
            self.act(panels, act);
        }
        // What was done shows, too.
        self.draw(panels, names, &mut Vec::new(), &mut changed);
        changed
    }

    fn draw(
        &mut self,
        panels: &mut Panels,
        [computer, technician]: [&str; 2],
        acts: &mut Vec<PanelAct>,
        changed: &mut Vec<Rect>,
    ) {
        let mut copied = None;
        for (panel, strip) in self.open(panels) {
            let needs = panel.needs().filter(|_| !panels.is_replay());
            let lack = needs.and_then(|needed| {
                let lack = panels.rights.lack(needed)?;
                Some(panels.rights.words(needed, lack, computer))
            });
            let focused = panels.focus() == Some(panel);
            let state = parts::State {
                panel,
                focused,
                replay: panels.is_replay(),
                computer,
                technician,
                lack: lack.as_ref(),
            };
            changed.extend(strip.run(|ui| match panel {
                Panel::Terminal => terminal::show(ui, &state, &panels.terminals, acts),
                Panel::Files => files::show(ui, &state, &panels.files, acts),
                Panel::Chat => chat::show(ui, &state, &mut panels.chat, acts),
                Panel::Facts => facts::show(ui, &state, &panels.facts, acts),
                Panel::Log => log::show(ui, &state, &panels.log, acts),
            }));
            copied = strip.take_copied().or(copied);
        }
        if let Some(text) = copied {
            self.clipboard.set_text(text);
        }
    }

    fn act(&mut self, panels: &mut Panels, act: PanelAct) {
        match act {
            PanelAct::Close(panel) => panels.close(panel),
            PanelAct::NewTerminal => {
                let ask = panels.terminals.open();
                panels.ask([ask]);
            }
            PanelAct::ShowTerminal(index) => panels.terminals.show(index),
            PanelAct::CloseTerminal(index) => {
                let ask = panels.terminals.close(index);
                panels.ask(ask);
            }
            PanelAct::TerminalSize(columns, rows) => {
                let asks = panels.terminals.resize(columns, rows);
                panels.ask(asks);
            }
            PanelAct::Select(from, to) => panels.terminals.select(from, to),
            PanelAct::Pointed(at) => panels.terminals.point(at),
            PanelAct::Mouse(did, at) => {
                let ask = panels.terminals.mouse(did, at, self.held);
                panels.ask(ask);
            }
            PanelAct::Selected => {
                let tab = panels.terminals.tab();
                if let Some(text) = tab.and_then(|tab| tab.selected_text()) {
                    self.clipboard.set_selected(text);
                }
            }
            PanelAct::SendChat => {
                let ask = panels.chat.send(unix_ms());
                panels.ask(ask);
            }
            PanelAct::File(act) => {
                let asks = file_act(panels, act);
                panels.ask(asks);
            }
            PanelAct::AskFacts => {
                let ask = panels.facts.ask();
                panels.ask(ask);
            }
            PanelAct::GoTo(at) => panels.ask([Ask::GoTo(at)]),
            PanelAct::SaveFacts => {
                let ask = panels.facts.save();
                panels.ask(ask);
            }
        }
    }

    pub(super) fn overlays<'a>(&'a self, panels: &'a Panels) -> impl Iterator<Item = Overlay<'a>> {
        let open = self.strips.iter();
        open.filter(|(panel, _)| panels.dock.is_open(**panel))
            .map(|(_, strip)| strip.overlay())
    }
}

/// What a person did with files.
fn file_act(panels: &mut Panels, act: FileAct) -> Vec<Ask> {
    let files = &mut panels.files;
    let one = match act {
        FileAct::Choose(side, row, as_well, through) => {
            files.choose(side, row, as_well, through);
            None
        }
        FileAct::Enter(side, row) => files.enter(side, row),
        FileAct::Above(side) => files.above(side),
        FileAct::Refresh(side) => files.refresh(side),
        FileAct::Hidden(side, hidden) => files.show_hidden(side, hidden),
        FileAct::Activate(side) => {
            files.activate(side);
            None
        }
        FileAct::Copy(side) => return files.copy(side, None),
        FileAct::Drag(side) => {
            files.drag(Some(side));
            None
        }
        FileAct::Drop(over) => {
            let from = files.dragged();
            files.drag(None);
            return match (from, over) {
                (Some(from), Some(into)) => files.copy(from, into),
                _ => Vec::new(),
            };
        }
        FileAct::Collide(seat, collision) => files.collide(seat, collision),
        FileAct::Stop(seat) => files.stop(seat),
    };
    one.into_iter().collect()
}
