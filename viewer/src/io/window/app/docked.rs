//! The panels beside the picture: who has the keyboard, where the edges are, when they are drawn.

use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use sightline_program::clock::unix_ms;
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::ModifiersState;
use winit::window::CursorIcon;

use super::super::Did;
use super::super::docked;
use super::super::hands::turn;
use super::App;
use crate::pure::panels::Panel;
use crate::pure::panels::dock::Edge;
use crate::pure::pointer::Turn;
use crate::pure::terminal::keys::Held;

/// Between two drawings of panels because of what they heard: a flood of a terminal's output is for nobody to read, and
/// drawing it must not hold up the picture. What comes after a pause is drawn at once.
const PAUSE: Duration = Duration::from_millis(33);
/// Pixels that a touchpad moves for as much as one notch of a wheel.
const PIXELS_PER_NOTCH: f64 = 40.0;

impl App {
    fn has_panels(&self) -> bool {
        self.notes.ended.is_none()
    }

    pub(super) fn allow_ime(&self) {
        let allowed = self.hands.allowed() || self.panels.focus().is_some();
        if let Some(open) = &self.open {
            open.window.set_ime_allowed(allowed);
        }
    }

    pub(super) fn modifiers(&mut self, state: ModifiersState) {
        if let Some(open) = &mut self.open {
            open.docked.set_held(Held {
                shift: state.shift_key(),
                ctrl: state.control_key(),
                alt: state.alt_key(),
            });
        }
    }

    /// A key that opens a panel, or is for the one that has the keyboard. All others are for the remote screen.
    pub(super) fn panel_key(&mut self, event_loop: &ActiveEventLoop, event: &KeyEvent) -> bool {
        if !self.has_panels() {
            return false;
        }
        if let Some(panel) = self.called(event) {
            if event.state == ElementState::Pressed && !event.repeat {
                self.toggle_panel(panel);
                self.refresh(event_loop);
            }
            return true;
        }
        let Some(open) = self.open.as_mut().filter(|_| self.panels.focus().is_some()) else {
            return false;
        };
        open.docked.key(&mut self.panels, event);
        self.run_docked();
        self.refresh(event_loop);
        true
    }

    /// The panel that these keys call.
    fn called(&self, event: &KeyEvent) -> Option<Panel> {
        let held = self.open.as_ref()?.docked.held();
        let all = held.ctrl && held.alt && held.shift;
        let letter = docked::letter(event).filter(|_| all)?;
        let mut offered = self.panels.offered().iter().copied();
        offered.find(|panel| panel.letter() == letter)
    }

    /// An input method made text.
    pub(super) fn committed(&mut self, event_loop: &ActiveEventLoop, text: String) {
        if let Some(open) = self.open.as_mut().filter(|_| self.panels.focus().is_some()) {
            open.docked.committed(&mut self.panels, text);
            self.run_docked();
            return self.refresh(event_loop);
        }
        let input = self.hands.committed(text);
        self.say(input);
    }

    pub(super) fn toggle_panel(&mut self, panel: Panel) {
        if self.has_panels() {
            self.panels.toggle(panel);
            self.dock_changed();
        }
    }

    /// Panels were opened or closed, or the keyboard went elsewhere.
    fn dock_changed(&mut self) {
        if self.panels.focus().is_some() {
            // Whatever is held must not stay held over there.
            let input = self.hands.release_all();
            self.say(input);
        }
        self.allow_ime();
        self.lay_out();
        if let Some(open) = &mut self.open {
            open.picture.damage_all();
        }
        self.run_docked();
        self.draw_panels(&mut Vec::new());
        self.dress_pointer();
    }

    /// Passes on what the panels want.
    fn say_asks(&mut self) {
        for ask in self.panels.take_asks() {
            (self.did)(Did::Panel(ask));
        }
    }

    /// Runs the panels that are open; what looks different is drawn.
    pub(super) fn run_docked(&mut self) {
        let shown = |app: &App| app.panels.dock.shown().collect::<Vec<_>>();
        let before = shown(self);
        let Some(open) = self.open.as_mut().filter(|open| open.end.is_none()) else {
            return self.say_asks();
        };
        let bar = &self.notes.bar;
        let names = match self.panels.is_replay() {
            true => ["the user", &bar.technician],
            false => [&bar.user, "You"],
        };
        for part in open.docked.run(&mut self.panels, names) {
            open.picture.damage(part);
        }
        self.panels_drawn = Instant::now();
        self.panels_due = None;
        self.say_asks();
        if shown(self) != before {
            self.dock_changed();
        }
    }

    /// Tells the panels what came for them.
    pub(super) fn take_heard(&mut self, event_loop: &ActiveEventLoop) {
        let shared = self.shared.clone();
        let unread = self.panels.chat.unread();
        let shown: Vec<Panel> = self.panels.dock.shown().collect();
        let mut any = false;
        while let Some(heard) = shared.next_heard() {
            self.panels.hear(heard, unix_ms());
            any = true;
        }
        if !any {
            return;
        }
        self.say_asks();
        if !self.panels.dock.shown().eq(shown) {
            self.dock_changed();
        }
        if unread != self.panels.chat.unread() {
            self.draw_panels(&mut Vec::new());
        }
        self.panels_due = Some(self.panels_due.unwrap_or(self.panels_drawn + PAUSE));
        self.draw_heard(event_loop);
    }

    /// Draws the panels, if it is time.
    pub(super) fn draw_heard(&mut self, event_loop: &ActiveEventLoop) {
        match self.panels_due {
            Some(due) if due > Instant::now() => {
                event_loop.set_control_flow(ControlFlow::WaitUntil(due));
            }
            Some(_) => {
                event_loop.set_control_flow(ControlFlow::Wait);
                self.run_docked();
            }
            None => event_loop.set_control_flow(ControlFlow::Wait),
        }
    }

    /// Files from the desktop, all that came at once.
    pub(super) fn take_dropped(&mut self, event_loop: &ActiveEventLoop) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped.is_empty() || !self.has_panels() || self.panels.is_replay() {
            return;
        }
        let paths = dropped
            .into_iter()
            .map(|path| path.into_os_string().into_vec());
        self.panels.dropped(paths.collect());
        self.dock_changed();
        self.refresh(event_loop);
    }

    fn edge_at(&self, at: Option<(f64, f64)>) -> Option<Edge> {
        let (open, (x, y)) = (self.open.as_ref()?, at?);
        let scale = open.window.scale_factor();
        let dock = &self.panels.dock;
        dock.edge_at(&dock.places(open.room, scale), scale, x, y)
    }

    /// The pointer that an edge under it has.
    pub(super) fn edge_icon(&self) -> Option<CursorIcon> {
        let edge = self.drawing.or_else(|| self.edge_at(self.pointer))?;
        Some(match edge {
            Edge::Right => CursorIcon::EwResize,
            Edge::Below => CursorIcon::NsResize,
        })
    }

    /// The pointer moved while an edge is held.
    pub(super) fn draw_edge(&mut self, event_loop: &ActiveEventLoop) {
        let (Some(edge), Some((x, y)), Some(open)) = (self.drawing, self.pointer, &self.open)
        else {
            return;
        };
        let scale = open.window.scale_factor();
        self.panels.dock.draw(edge, open.room, scale, x, y);
        self.lay_out();
        self.run_docked();
        self.refresh(event_loop);
    }

    /// The pointer is there. Says whether a panel has it.
    pub(super) fn moved_over_docked(&mut self, at: Option<(f64, f64)>) -> bool {
        let at = at.filter(|_| self.has_panels() && self.edge_at(at).is_none());
        let Some(open) = &mut self.open else {
            return false;
        };
        let (on_panel, concerned) = open.docked.pointer_at(&self.panels, at);
        if concerned {
            self.run_docked();
        }
        on_panel
    }

    /// A button went down or up. Says whether it was for the panels.
    pub(super) fn docked_button(
        &mut self,
        event_loop: &ActiveEventLoop,
        button: MouseButton,
        state: ElementState,
    ) -> bool {
        let pressed = state == ElementState::Pressed;
        if !self.has_panels() || self.hands.is_dragging() {
            return false;
        }
        if !pressed && button == MouseButton::Left && self.drawing.take().is_some() {
            self.dress_pointer();
            return true;
        }
        if pressed && button == MouseButton::Left {
            self.drawing = self.edge_at(self.pointer);
            if self.drawing.is_some() {
                return true;
            }
        }
        let Some(open) = &mut self.open else {
            return false;
        };
        let meant = open.docked.button(&mut self.panels, button, state);
        if pressed && !open.bar.has_pointer() && self.panels.focus() != meant {
            self.panels.set_focus(meant);
            self.dock_changed();
        }
        if meant.is_none() {
            return false;
        }
        self.run_docked();
        self.moved(event_loop, self.pointer);
        true
    }

    /// The wheel turned. Says whether it was over a panel.
    pub(super) fn docked_wheel(
        &mut self,
        event_loop: &ActiveEventLoop,
        delta: MouseScrollDelta,
    ) -> bool {
        let notches = match turn(delta) {
            Turn::Lines(_, up) => up,
            Turn::Pixels(_, up) => up / PIXELS_PER_NOTCH,
        };
        let Some(open) = self.open.as_mut().filter(|open| open.docked.has_pointer()) else {
            return false;
        };
        open.docked.wheel(&mut self.panels, notches);
        self.run_docked();
        self.refresh(event_loop);
        true
    }
}
