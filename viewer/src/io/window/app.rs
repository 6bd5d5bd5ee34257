//! The window's events: each goes to the panel, the replay or the remote screen, whichever it is meant for.

use std::rc::Rc;
use std::sync::Arc;

use sightline_ends::content::Input;
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{
    DeviceEvent, DeviceId, ElementState, Ime, KeyEvent, MouseButton, MouseScrollDelta, WindowEvent,
};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::Key;
use winit::window::{Cursor, Fullscreen, Window, WindowId};

use super::event_loop::Wake;
use super::handle::{Notes, Shared};
use super::hands::{Hands, turn};
use super::panels::{self, Act, BarState};
use super::picture::Picture;
use super::strip::Strip;
use super::{Did, Ended, Options, WindowError, cursor, keys};
use crate::pure::area::contains;
use crate::pure::bar::{picture_room, strip_shows};
use crate::pure::compose;
use crate::pure::fit::View;
use crate::pure::keymap::symbol;
use crate::pure::pointer::Turn;

/// Size of the window until the remote screen's is known.
const FIRST_SIZE: PhysicalSize<u32> = PhysicalSize::new(1280, 800);

/// How much of the display the window takes at most when it adapts to the remote screen.
const LARGEST_SHARE: f64 = 0.92;

/// Remote pixels that one wheel notch pans a picture that may only be viewed.
const PAN_PER_NOTCH: f64 = 60.0;

/// The window and everything in it.
pub(super) struct App {
    options: Options,
    shared: Arc<Shared>,
    did: Box<dyn Fn(Did)>,
    notes: Notes,
    open: Option<Open>,
    hands: Hands,
    pointer: Option<(f64, f64)>,
    /// A drag that pans instead of reaching the remote screen.
    panning: bool,
    /// The next wheel event repeats what was said already.
    wheel_echo: bool,
    focused: bool,
    full_screen: bool,
    outcome: Result<Ended, WindowError>,
}

/// What exists while the window does.
struct Open {
    window: Rc<Window>,
    picture: Picture,
    bar: Strip,
    bar_shows: bool,
    transport: Strip,
    transport_shows: bool,
    end: Option<Strip>,
    monitors: Vec<String>,
    /// The remote pointer was last moved by someone else, so it is drawn where it is.
    moved_away: bool,
    /// The remote pointer's shape as a local cursor.
    native: Option<Cursor>,
    adapted: bool,
}

impl App {
    pub(super) fn new(options: Options, shared: Arc<Shared>, did: Box<dyn Fn(Did)>) -> App {
        App {
            full_screen: options.fullscreen,
            options,
            shared,
            did,
            notes: Notes::default(),
            open: None,
            hands: Hands::default(),
            pointer: None,
            panning: false,
            wheel_echo: false,
            focused: false,
            outcome: Ok(Ended::Closed),
        }
    }

    pub(super) fn outcome(self) -> Result<Ended, WindowError> {
        self.outcome
    }

    fn open(&self, event_loop: &ActiveEventLoop) -> Result<Open, WindowError> {
        let attributes = Window::default_attributes()
            .with_title(&self.options.title)
            .with_inner_size(FIRST_SIZE)
            .with_fullscreen(self.full_screen.then_some(Fullscreen::Borderless(None)));
        let window = event_loop.create_window(attributes);
        let window = Rc::new(window.map_err(|error| WindowError::Open(error.to_string()))?);
        let view = View {
            scale: self.options.scale,
            ..View::default()
        };
        Ok(Open {
            picture: Picture::new(&window, view)?,
            window,
            bar: Strip::new(),
            bar_shows: !self.full_screen,
            transport: Strip::new(),
            transport_shows: !self.full_screen,
            end: None,
            monitors: Vec::new(),
            moved_away: false,
            native: None,
            adapted: self.full_screen,
        })
    }

    fn quit(&mut self, event_loop: &ActiveEventLoop, outcome: Result<Ended, WindowError>) {
        self.outcome = outcome;
        event_loop.exit();
    }

    fn say(&self, input: Option<Input>) {
        if let Some(input) = input {
            (self.did)(Did::Input(input));
        }
    }

    /// Whether input goes to the remote screen.
    fn is_live(&self) -> bool {
        !self.options.replay && self.notes.ended.is_none()
    }

    fn take_notes(&mut self, event_loop: &ActiveEventLoop) {
        let Some(notes) = self.shared.notes() else {
            return;
        };
        self.notes = notes;
        if self.notes.close {
            self.quit(event_loop, Ok(Ended::Told));
        }
        let allowed = self.is_live() && self.notes.bar.controls();
        if allowed != self.hands.allowed() {
            self.hands.allow(allowed);
            if let Some(open) = &self.open {
                open.window.set_ime_allowed(allowed);
            }
            self.dress_pointer();
        }
        self.run_panels(event_loop);
    }

    /// Shows what changed: layout, panels, picture.
    fn refresh(&mut self, event_loop: &ActiveEventLoop) {
        let shared = self.shared.clone();
        let allowed = self.hands.allowed();
        let Some(open) = &mut self.open else {
            return;
        };
        // While an update is being decoded there is nothing to show yet, and a wake-up follows it.
        let Some(mut stage) = shared.stage() else {
            return;
        };
        let changes = stage.changes();
        open.moved_away = (open.moved_away || changes.pointer) && open.end.is_none();
        if changes.pointer {
            self.hands.was_moved_away();
        }
        let mut panels = false;
        if changes.layout {
            let names = stage
                .layout()
                .monitors
                .iter()
                .map(|monitor| monitor.name.clone());
            open.monitors = names.collect();
            panels = true;
        }
        if changes.shape {
            let scale_factor = open.window.scale_factor();
            open.native = Some(cursor::native(event_loop, stage.shape(), scale_factor));
        }
        open.picture.show_pointer(!allowed || open.moved_away);
        open.picture.absorb(&stage, &changes);
        if let Some(end) = &mut open.end
            && !end.has_ground()
        {
            let mut ground = open.picture.bare(&stage);
            compose::dim(&mut ground);
            end.set_ground(ground);
            panels = true;
        }
        let adapt = (!open.adapted && stage.size() != (0, 0)).then(|| stage.size());
        drop(stage);
        if let Some(size) = adapt {
            self.adapt(size);
        }
        if panels {
            self.run_panels(event_loop);
        }
        if changes.shape {
            self.dress_pointer();
        }
        self.present(event_loop);
    }

    fn present(&mut self, event_loop: &ActiveEventLoop) {
        let shared = self.shared.clone();
        let Some(open) = &mut self.open else {
            return;
        };
        let Some(stage) = shared.stage() else {
            return;
        };
        let overlays = [
            Some(&open.bar).filter(|_| open.bar_shows),
            Some(&open.transport).filter(|_| open.transport_shows && self.options.replay),
            open.end.as_ref(),
        ];
        let overlays: Vec<_> = overlays.into_iter().flatten().map(Strip::overlay).collect();
        let presented = open.picture.present(&stage, &overlays);
        drop(stage);
        match presented {
            Ok(Some(frame)) => (self.did)(Did::Presented { frame }),
            Ok(None) => {}
            Err(error) => self.quit(event_loop, Err(error.into())),
        }
    }

    /// Makes the window as large as the remote screen, if the display has room: then each pixel is one.
    fn adapt(&mut self, remote: (u32, u32)) {
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
        let largest = |length: u32| (f64::from(length) * LARGEST_SHARE) as u32;
        let size = PhysicalSize::new(
            remote.0.min(largest(monitor.size().width)),
            (remote.1 + (panels * scale).round() as u32).min(largest(monitor.size().height)),
        );
        if let Some(size) = open.window.request_inner_size(size) {
            self.resized(size);
        }
    }

    fn resized(&mut self, size: PhysicalSize<u32>) {
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
    fn lay_out(&mut self) {
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
        let place = |y, height| crate::pure::area::rect(0, y, width, height);
        open.bar.set_place(place(0, above), scale);
        open.transport
            .set_place(place(height - below, below), scale);
        if let Some(end) = &mut open.end {
            end.set_place(place(0, height), scale);
        }
        let room = picture_room((width, height), self.full_screen, above, below);
        open.picture.set_room(room);
        self.show_strips();
    }

    /// In full screen the panels come when the pointer touches their edge.
    fn show_strips(&mut self) {
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
    fn run_panels(&mut self, event_loop: &ActiveEventLoop) {
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

    fn draw_panels(&mut self, acts: &mut Vec<Act>) {
        self.open_end();
        let Some(open) = &mut self.open else {
            return;
        };
        let state = BarState {
            bar: &self.notes.bar,
            view: open.picture.view,
            monitors: &open.monitors,
            full_screen: self.full_screen,
            replay: self.options.replay,
        };
        if open.bar.run(|ui| panels::bar(ui, &state, acts)) {
            open.picture.damage(open.bar.place());
        }
        if self.options.replay {
            let playback = &self.notes.playback;
            if open
                .transport
                .run(|ui| panels::transport(ui, playback, acts))
            {
                open.picture.damage(open.transport.place());
            }
        }
        if let (Some(end), Some(sentence)) = (&mut open.end, &self.notes.ended)
            && end.run(|ui| panels::ended(ui, sentence, acts))
        {
            open.picture.damage_all();
        }
    }

    fn open_end(&mut self) {
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

    fn act(&mut self, event_loop: &ActiveEventLoop, act: Act) {
        match act {
            Act::End => (self.did)(Did::End),
            Act::Close => self.closed(event_loop),
            Act::FullScreen => self.set_full_screen(!self.full_screen),
            Act::Replay(act) => (self.did)(Did::Replay(act)),
            Act::Scale(scale) => self.change_view(|view| view.scale = scale),
            Act::Show(choice) => self.change_view(|view| view.choice = choice),
        }
    }

    fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        if let Some(open) = &mut self.open {
            change(&mut open.picture.view);
        }
    }

    fn closed(&mut self, event_loop: &ActiveEventLoop) {
        (self.did)(Did::Closed);
        self.quit(event_loop, Ok(Ended::Closed));
    }

    fn set_full_screen(&mut self, full_screen: bool) {
        self.full_screen = full_screen;
        if let Some(open) = &mut self.open {
            open.adapted = true;
            open.window
                .set_fullscreen(full_screen.then_some(Fullscreen::Borderless(None)));
        }
        self.lay_out();
    }

    fn key(&mut self, event_loop: &ActiveEventLoop, event: &KeyEvent) {
        let pressed = event.state == ElementState::Pressed;
        let named = match &event.logical_key {
            Key::Named(named) => keys::symbol(*named, event.location),
            _ => None,
        };
        match named {
            Some(symbol::F11) => {
                if pressed && !event.repeat {
                    self.set_full_screen(!self.full_screen);
                    self.run_panels(event_loop);
                    self.refresh(event_loop);
                }
            }
            Some(keysym) if self.notes.ended.is_some() => {
                let closes = [symbol::RETURN, symbol::KEYPAD_ENTER, symbol::ESCAPE];
                if pressed && closes.contains(&keysym) {
                    self.closed(event_loop);
                }
            }
            Some(keysym) if self.options.replay => {
                let act = self.notes.playback.key(keysym).filter(|_| pressed);
                if let Some(act) = act {
                    (self.did)(Did::Replay(act));
                }
            }
            _ => {
                let input = self.hands.key(event);
                self.say(input);
            }
        }
    }

    fn moved(&mut self, event_loop: &ActiveEventLoop, to: Option<(f64, f64)>) {
        let from = std::mem::replace(&mut self.pointer, to);
        let live = self.is_live();
        let dragging = self.hands.is_dragging() || self.panning;
        let Some(open) = &mut self.open else {
            return;
        };
        let panels = Strip::pointer_at;
        let at_panels = to.filter(|_| !dragging);
        let mut on_panel = false;
        let mut concerned = false;
        if let Some(end) = &mut open.end {
            on_panel = panels(end, at_panels);
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

    fn moved_over_picture(&mut self, from: Option<(f64, f64)>, to: (f64, f64), live: bool) {
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
        let inside = contains(room, to.0, to.1) || self.hands.is_dragging();
        if !live || !inside || open.picture.placement().is_empty() {
            return;
        }
        let remote = open.picture.placement().to_remote(to.0, to.1);
        let input = self.hands.moved(remote);
        if input.is_some() {
            open.moved_away = false;
        }
        self.say(input);
    }

    fn button(&mut self, event_loop: &ActiveEventLoop, button: MouseButton, state: ElementState) {
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
        } else if button == MouseButton::Left {
            self.panning = state == ElementState::Pressed;
        }
    }

    fn wheel(&mut self, event_loop: &ActiveEventLoop, delta: MouseScrollDelta) {
        if std::mem::take(&mut self.wheel_echo) && matches!(delta, MouseScrollDelta::LineDelta(..))
        {
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

    fn focus(&mut self, focused: bool) {
        if std::mem::replace(&mut self.focused, focused) && !focused {
            let input = self.hands.release_all();
            self.say(input);
            self.panning = false;
        }
    }

    /// Over a picture that may be controlled, the local pointer looks like the remote one.
    fn dress_pointer(&self) {
        let Some(open) = &self.open else {
            return;
        };
        let over_picture = self
            .pointer
            .is_some_and(|(x, y)| contains(open.picture.placement().placed, x, y));
        let on_panel = open.bar.has_pointer() || open.transport.has_pointer() || open.end.is_some();
        let remote = open.native.as_ref();
        match remote.filter(|_| self.hands.allowed() && over_picture && !on_panel) {
            Some(remote) => open.window.set_cursor(remote.clone()),
            None => open.window.set_cursor(Cursor::default()),
        }
    }

    fn rescaled(&mut self, event_loop: &ActiveEventLoop) {
        self.lay_out();
        self.run_panels(event_loop);
        self.refresh(event_loop);
    }
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.open.is_some() {
            return;
        }
        event_loop.set_control_flow(ControlFlow::Wait);
        match self.open(event_loop) {
            Ok(open) => self.open = Some(open),
            Err(error) => return self.quit(event_loop, Err(error)),
        }
        self.lay_out();
        self.take_notes(event_loop);
        self.run_panels(event_loop);
        self.refresh(event_loop);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Wake) {
        self.shared.awake();
        self.take_notes(event_loop);
        self.refresh(event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } => self.key(event_loop, &event),
            WindowEvent::Ime(Ime::Commit(text)) => {
                let input = self.hands.committed(text);
                self.say(input);
            }
            WindowEvent::CursorMoved { position, .. } => {
                self.moved(event_loop, Some((position.x, position.y)));
            }
            WindowEvent::CursorLeft { .. } => self.moved(event_loop, None),
            WindowEvent::MouseInput { button, state, .. } => self.button(event_loop, button, state),
            WindowEvent::MouseWheel { delta, .. } => self.wheel(event_loop, delta),
            WindowEvent::Focused(focused) => self.focus(focused),
            WindowEvent::Resized(size) => {
                self.resized(size);
                if self.outcome.is_err() {
                    return event_loop.exit();
                }
                self.run_panels(event_loop);
                self.refresh(event_loop);
            }
            WindowEvent::ScaleFactorChanged { .. } => self.rescaled(event_loop),
            WindowEvent::RedrawRequested => {
                if let Some(open) = &mut self.open {
                    open.picture.damage_all();
                }
                self.refresh(event_loop);
            }
            WindowEvent::CloseRequested => self.closed(event_loop),
            _ => {}
        }
    }

    fn device_event(&mut self, _: &ActiveEventLoop, _: DeviceId, event: DeviceEvent) {
        // On X11 a wheel that is made of buttons turns once when its button goes down and, for winit, once more when it goes
        // up. The raw event comes first and says which it is.
        if let DeviceEvent::Button {
            button: 4..=7,
            state,
        } = event
        {
            self.wheel_echo = state == ElementState::Released;
        }
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        // The window must be gone before the event loop is used again.
        self.open = None;
    }
}
