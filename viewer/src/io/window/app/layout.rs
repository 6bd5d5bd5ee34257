//! Where things are in the window, and what its panels say and do.

use winit::dpi::PhysicalSize;
use winit::event_loop::ActiveEventLoop;
use winit::window::{Cursor, Fullscreen};

use super::super::docked;
use super::super::panels::{self, Act, BarState};
use super::super::strip::Strip;
use super::super::transport;
use super::super::{Did, Ended};
use super::App;
use crate::pure::area::rect;
use crate::pure::bar::{picture_room, strip_shows};
use crate::pure::fit::{Scale, View};

/// How much of the display the window takes at most when it adapts to the remote screen.
const LARGEST_SHARE: f64 = 0.92;

impl App {
    /// Makes the window as large as the remote screen, if the display has room: then each pixel is one.
    pub(super) fn adapt(&mut self, remote: (u32, u32)) {
        let Some(open) = &mut self.open else {
            return;
        };
        open.adapted = true;
        let Some(monitor) = open.window.current_monitor() else {
            return;
        };
        let scale = open.window.scale_factor();
        let mut panels = panels::BAR_HEIGHT;
        if self.options.replay {
            panels += panels::TRANSPORT_HEIGHT;
        }
        let panels = (panels * scale).round();
        let room = |length: u32| f64::from(length) * LARGEST_SHARE;
        let across = room(monitor.size().width) / f64::from(remote.0);
        let down = (room(monitor.size().height) - panels) / f64::from(remote.1);
        let factor = match open.picture.view.scale {
            Scale::Fit => across.min(down).min(1.0),
            Scale::OneToOne => 1.0, // the display cuts it off, the pointer pushes it along
        };
        let size = PhysicalSize::new(
            (f64::from(remote.0) * factor)
                .min(room(monitor.size().width))
                .round() as u32,
            (f64::from(remote.1) * factor + panels)
                .min(room(monitor.size().height))
                .round() as u32,
        );
        if let Some(size) = open.window.request_inner_size(size) {
            self.resized(size);
        }
    }

    pub(super) fn resized(&mut self, size: PhysicalSize<u32>) {
        let Some(open) = &mut self.open else {
            return;
        };
        if let Err(error) = open.picture.resize((size.width, size.height)) {
            self.outcome = Err(error.into());
            return;
        }
        self.lay_out();
    }

    /// Gives picture and panels their places.
    pub(super) fn lay_out(&mut self) {
        let Some(open) = &mut self.open else {
            return;
        };
        let scale = open.window.scale_factor();
        let (width, height) = open.picture.size();
        let above = ((panels::BAR_HEIGHT * scale).round() as u32).min(height);
        let below = match self.options.replay {
            true => ((panels::TRANSPORT_HEIGHT * scale).round() as u32).min(height - above),
            false => 0,
        };
        let place = |y, height| rect(0, y, width, height);
        open.bar.set_place(place(0, above), scale);
        open.transport
            .set_place(place(height - below, below), scale);
        if let Some(end) = &mut open.end {
            end.set_place(place(0, height), scale);
        }
        let room = picture_room((width, height), self.full_screen, above, below);
        let places = self.panels.dock.places(room, scale);
        open.docked.place(&self.panels, &places, scale);
        open.picture.set_room(places.picture);
        open.cover.set_place(places.picture, scale);
        open.veil.set_place(places.picture, scale);
        open.room = room;
        self.show_strips();
    }

    /// In full screen the panels come when the pointer touches their edge.
    pub(super) fn show_strips(&mut self) {
        let Some(open) = &mut self.open else {
            return;
        };
        let height = f64::from(open.picture.size().1);
        let dragging = self.hands.is_dragging();
        let above = self.pointer.filter(|_| !dragging).map(|(_, y)| y.max(0.0));
        let below = above.map(|y| (height - 1.0 - y).max(0.0));
        let strips = [
            (&mut open.bar, &mut open.bar_shows, above),
            (&mut open.transport, &mut open.transport_shows, below),
        ];
        for (strip, shows, beyond) in strips {
            let busy = strip.is_held();
            let now = strip_shows(self.full_screen, *shows, beyond, strip.place().height, busy);
            if now != *shows {
                *shows = now;
                open.picture.damage(strip.place());
            }
        }
    }

    /// Runs the panels; only those that look different are drawn again.
    pub(super) fn run_panels(&mut self, event_loop: &ActiveEventLoop) {
        let mut acts = Vec::new();
        self.draw_panels(&mut acts);
        if acts.is_empty() {
            return;
        }
        for act in acts {
            self.act(event_loop, act);
        }
        // What was done shows on the panels, too.
        self.draw_panels(&mut Vec::new());
    }

    pub(super) fn draw_panels(&mut self, acts: &mut Vec<Act>) {
        self.open_end();
        let blind = self.is_blind();
        let Some(open) = &mut self.open else {
            return;
        };
        let state = BarState {
            bar: &self.notes.bar,
            view: open.picture.view,
            monitors: &open.monitors,
            full_screen: self.full_screen,
            replay: self.options.replay,
            panels: &self.panels,
        };
        if let Some(changed) = open.bar.run(|ui| panels::bar(ui, &state, acts)) {
            open.picture.damage(changed);
        }
        if blind
            && let Some(changed) = open
                .cover
                .run(|ui| docked::cover(ui, &self.panels, &self.notes.bar.user))
        {
            open.picture.damage(changed);
        }
        if let Some(silence) = self.notes.bar.silence.filter(|_| !blind) {
            let user = &self.notes.bar.user;
            if let Some(changed) = open.veil.run(|ui| panels::silent(ui, user, silence)) {
                open.picture.damage(changed);
            }
        }
        if self.options.replay {
            let playback = &self.notes.playback;
            let transport = &mut open.transport;
            if let Some(changed) = transport.run(|ui| transport::transport(ui, playback, acts)) {
                open.picture.damage(changed);
            }
        }
        if let (Some(end), Some(sentence)) = (&mut open.end, &self.notes.ended)
            && end.run(|ui| panels::ended(ui, sentence, acts)).is_some()
        {
            open.picture.damage_all();
        }
    }

    /// Brings up to date what floats over a replay's picture.
    pub(super) fn show_floats(&mut self) {
        let Some(open) = self.open.as_mut().filter(|_| self.options.replay) else {
            return;
        };
        let scale = open.window.scale_factor();
        let notice = self.notes.playback.notice.as_deref();
        let hands = &self.notes.hands;
        open.floats.show(&mut open.picture, hands, notice, scale);
    }

    pub(super) fn open_end(&mut self) {
        let Some(open) = &mut self.open else {
            return;
        };
        if self.notes.ended.is_some() && open.end.is_none() {
            open.end = Some(Strip::new());
            open.moved_away = false;
            open.window.set_cursor(Cursor::default());
            self.lay_out();
        }
    }

    pub(super) fn act(&mut self, event_loop: &ActiveEventLoop, act: Act) {
        match act {
            Act::End => (self.did)(Did::End),
            Act::Close => self.closed(event_loop),
            Act::FullScreen => self.set_full_screen(!self.full_screen),
            Act::Replay(act) => (self.did)(Did::Replay(act)),
            Act::Panel(panel) => self.toggle_panel(panel),
            Act::Scale(scale) => self.change_view(|view| view.scale = scale),
            Act::Show(choice) => self.change_view(|view| view.choice = choice),
        }
    }

    pub(super) fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        if let Some(open) = &mut self.open {
            change(&mut open.picture.view);
        }
    }

    pub(super) fn closed(&mut self, event_loop: &ActiveEventLoop) {
        (self.did)(Did::Closed);
        self.quit(event_loop, Ok(Ended::Closed));
    }

    pub(super) fn set_full_screen(&mut self, full_screen: bool) {
        self.full_screen = full_screen;
        if let Some(open) = &mut self.open {
            open.adapted = true;
            open.window
                .set_fullscreen(full_screen.then_some(Fullscreen::Borderless(None)));
        }
        self.lay_out();
    }
}
