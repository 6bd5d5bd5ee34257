//! The mouse: on the panels, over the remote picture, panning, pointing.

use std::time::Instant;

use winit::event::{ElementState, MouseButton, MouseScrollDelta};
use winit::event_loop::ActiveEventLoop;
use winit::window::Cursor;

use super::super::Did;
use super::super::hands::turn;
use super::super::strip::Strip;
use super::App;
use crate::pure::area::contains;
use crate::pure::pointer::Turn;

/// Remote pixels that one wheel notch pans a picture that may only be viewed.
const PAN_PER_NOTCH: f64 = 60.0;

impl App {
    pub(super) fn moved(&mut self, event_loop: &ActiveEventLoop, to: Option<(f64, f64)>) {
        let from = std::mem::replace(&mut self.pointer, to);
        let live = self.is_live();
        if self.drawing.is_some() {
            return self.draw_edge(event_loop);
        }
        let dragging = self.hands.is_dragging() || self.panning || self.pen.is_down();
        let on_docked = self.moved_over_docked(to.filter(|_| !dragging));
        let Some(open) = &mut self.open else {
            return;
        };
        let panels = Strip::pointer_at;
        let at_panels = to.filter(|_| !dragging);
        let mut on_panel = on_docked;
        let mut concerned = false;
        if let Some(end) = &mut open.end {
            on_panel |= panels(end, at_panels);
            concerned = true;
        } else {
            let strips = [
                (&mut open.bar, open.bar_shows),
                (
                    &mut open.transport,
                    open.transport_shows && self.options.replay,
                ),
            ];
            for (strip, shows) in strips {
                let was_there = strip.has_pointer();
                let is_there = strip.pointer_at(at_panels.filter(|_| shows));
                on_panel |= is_there;
                concerned |= was_there || is_there;
            }
        }
        if concerned {
            self.run_panels(event_loop);
        }
        if let Some(to) = to.filter(|_| !on_panel) {
            self.moved_over_picture(from, to, live);
        }
        self.show_strips();
        self.dress_pointer();
        self.refresh(event_loop);
    }

    pub(super) fn moved_over_picture(
        &mut self,
        from: Option<(f64, f64)>,
        to: (f64, f64),
        live: bool,
    ) {
        let Some(open) = &mut self.open else {
            return;
        };
        let (room, hidden) = (open.picture.room(), open.picture.placement().hidden);
        if let Some(from) = from {
            if self.panning {
                open.picture
                    .view
                    .pan_by(from.0 - to.0, from.1 - to.1, hidden);
            } else {
                open.picture.view.push(from, to, room, hidden);
            }
        }
        let dragging = self.hands.is_dragging() || self.pen.is_down();
        let inside = contains(room, to.0, to.1) || dragging;
        if !live || !inside || open.picture.placement().is_empty() {
            return;
        }
        let remote = open.picture.placement().to_remote(to.0, to.1);
        let input = self.hands.moved(remote);
        if input.is_some() {
            open.moved_away = false;
        }
        self.say(input);
        if let Some(piece) = self.pen.moved(remote, Instant::now()) {
            (self.did)(Did::Mark(piece));
        }
    }

    /// On a screen that may only be viewed a click points and a drag draws, for its user to see. A recording has no user: there, and with
    /// the middle button, a drag moves the picture.
    fn point(&mut self, button: MouseButton, pressed: bool) {
        let draws = button == MouseButton::Left && self.is_live();
        match (draws, pressed) {
            (true, true) => self.set_pen_down(),
            (true, false) => self.lift_pen(),
            (false, _) if matches!(button, MouseButton::Left | MouseButton::Middle) => {
                self.panning = pressed;
            }
            (false, _) => {}
        }
    }

    fn set_pen_down(&mut self) {
        let (Some(open), Some((x, y))) = (&self.open, self.pointer) else {
            return;
        };
        let placement = open.picture.placement();
        if !placement.is_empty() && contains(placement.placed, x, y) {
            self.pen.down(placement.to_remote(x, y));
        }
    }

    pub(super) fn lift_pen(&mut self) {
        if let Some(rest) = self.pen.up() {
            (self.did)(Did::Mark(rest));
        }
    }

    pub(super) fn button(
        &mut self,
        event_loop: &ActiveEventLoop,
        button: MouseButton,
        state: ElementState,
    ) {
        if self.docked_button(event_loop, button, state) {
            return;
        }
        let Some(open) = &mut self.open else {
            return;
        };
        let strips = [
            Some(&mut open.bar),
            Some(&mut open.transport),
            open.end.as_mut(),
        ];
        let mut on_panel = false;
        for strip in strips.into_iter().flatten() {
            on_panel |= strip.has_pointer() && strip.button(button, state);
        }
        if on_panel && !self.hands.is_dragging() {
            self.run_panels(event_loop);
            self.moved(event_loop, self.pointer);
            return;
        }
        if self.hands.allowed() {
            let input = self.hands.button(button, state);
            self.say(input);
        } else {
            self.point(button, state == ElementState::Pressed);
        }
    }

    pub(super) fn wheel(&mut self, event_loop: &ActiveEventLoop, delta: MouseScrollDelta) {
        if std::mem::take(&mut self.wheel_echo) && matches!(delta, MouseScrollDelta::LineDelta(..))
        {
            return;
        }
        if self.docked_wheel(event_loop, delta) {
            return;
        }
        let Some(open) = &mut self.open else {
            return;
        };
        if open.bar.has_pointer() || open.transport.has_pointer() || open.end.is_some() {
            return;
        }
        if self.hands.allowed() {
            let input = self.hands.wheel(delta);
            self.say(input);
            return;
        }
        let (across, up) = match turn(delta) {
            Turn::Lines(across, up) => (across * PAN_PER_NOTCH, up * PAN_PER_NOTCH),
            Turn::Pixels(across, up) => (across, up),
        };
        let hidden = open.picture.placement().hidden;
        open.picture.view.pan_by(-across, -up, hidden);
        self.refresh(event_loop);
    }

    /// Over a picture that may be controlled, the local pointer looks like the remote one.
    pub(super) fn dress_pointer(&self) {
        let Some(open) = &self.open else {
            return;
        };
        let over_picture = self
            .pointer
            .is_some_and(|(x, y)| contains(open.picture.placement().placed, x, y));
        let on_panel = open.bar.has_pointer()
            || open.transport.has_pointer()
            || open.docked.has_pointer()
            || open.end.is_some();
        if let Some(icon) = self.edge_icon() {
            return open.window.set_cursor(icon);
        }
        let remote = open.native.as_ref();
        match remote.filter(|_| self.hands.allowed() && over_picture && !on_panel) {
            Some(remote) => open.window.set_cursor(remote.clone()),
            None => open.window.set_cursor(Cursor::default()),
        }
    }
}
