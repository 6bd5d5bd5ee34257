//! The window's events: each goes to the panel, the replay or the remote screen, whichever it is meant for.

mod docked;
mod layout;
mod mouse;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use sightline_ends::content::Input;
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{DeviceEvent, DeviceId, ElementState, Ime, KeyEvent, StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::Key;
use winit::window::{Cursor, Fullscreen, Window, WindowId};

use super::docked::Docked;
use super::event_loop::Wake;
use super::floats::Floats;
use super::handle::{Notes, Shared};
use super::hands::Hands;
use super::picture::Picture;
use super::strip::Strip;
use super::{Did, Ended, Options, WindowError, cursor, keys};
use crate::pure::area::{Rect, rect};
use crate::pure::compose::{self, Overlay};
use crate::pure::fit::View;
use crate::pure::keymap::symbol;
use crate::pure::panels::Panels;
use crate::pure::panels::dock::Edge;
use crate::pure::pen::Pen;

/// Size of the window until the remote screen's is known.
const FIRST_SIZE: PhysicalSize<u32> = PhysicalSize::new(1280, 800);

/// Of 255, how much a picture that is not live is covered: it can be read, and nobody takes it for live.
const VEIL: u8 = 190;

/// The window and everything in it.
pub(super) struct App {
    options: Options,
    shared: Arc<Shared>,
    did: Box<dyn Fn(Did)>,
    notes: Notes,
    open: Option<Open>,
    hands: Hands,
    panels: Panels,
    /// An edge between picture and panels that is being drawn.
    drawing: Option<Edge>,
    /// Files that were dropped onto the window; each comes by itself.
    dropped: Vec<PathBuf>,
    /// When the panels are to be drawn next, because of what they heard.
    panels_due: Option<Instant>,
    panels_drawn: Instant,
    pointer: Option<(f64, f64)>,
    /// A drag that pans instead of reaching the remote screen.
    panning: bool,
    /// What is drawn on a screen that may only be viewed.
    pen: Pen,
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
    /// Lies over the picture while it may not be seen.
    cover: Strip,
    /// Lies over the picture while it is not live.
    veil: Strip,
    end: Option<Strip>,
    floats: Floats,
    docked: Docked,
    /// What picture and panels share.
    room: Rect,
    monitors: Vec<String>,
    /// The remote pointer was last moved by someone else, so it is drawn where it is.
    moved_away: bool,
    /// The remote pointer's shape as a local cursor.
    native: Option<Cursor>,
    adapted: bool,
}

impl App {
    pub(super) fn new(options: Options, shared: Arc<Shared>, did: Box<dyn Fn(Did)>) -> App {
        let panels = match options.replay {
            true => Panels::replay(),
            false => Panels::default(),
        };
        App {
            full_screen: options.fullscreen,
            options,
            shared,
            did,
            notes: Notes::default(),
            open: None,
            hands: Hands::default(),
            panels,
            drawing: None,
            dropped: Vec::new(),
            panels_due: None,
            panels_drawn: Instant::now(),
            pointer: None,
            panning: false,
            pen: Pen::default(),
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
            cover: Strip::new(),
            veil: Strip::new(),
            end: None,
            floats: Floats::new(),
            docked: Docked::new(),
            room: rect(0, 0, 0, 0),
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

    /// Whether the picture is covered: it may not be seen any more, or never might.
    fn is_blind(&self) -> bool {
        !self.options.replay && self.notes.bar.is_blind()
    }

    fn take_notes(&mut self, event_loop: &ActiveEventLoop) {
        let Some(notes) = self.shared.notes() else {
            return;
        };
        let silent = |notes: &Notes| notes.bar.silence.is_some();
        let veiled = silent(&self.notes) || silent(&notes);
        self.notes = notes;
        if let Some(open) = self.open.as_mut().filter(|_| veiled) {
            open.picture.damage(open.veil.place());
        }
        if self.notes.close {
            self.quit(event_loop, Ok(Ended::Told));
        }
        let allowed = self.is_live() && self.notes.bar.controls();
        if allowed != self.hands.allowed() {
            self.hands.allow(allowed);
            self.allow_ime();
            self.dress_pointer();
        }
        if self.notes.ended.is_some() {
            self.panels.end();
        }
        if self.options.replay && self.panels.play_to(self.notes.playback.position) {
            self.run_docked();
        }
        self.run_panels(event_loop);
    }

    /// Shows what changed: layout, panels, picture.
    fn refresh(&mut self, event_loop: &ActiveEventLoop) {
        let shared = self.shared.clone();
        let (allowed, blind) = (self.hands.allowed(), self.is_blind());
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
        open.picture.set_blank(blind);
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
        self.show_floats();
        self.present(event_loop);
    }

    fn present(&mut self, event_loop: &ActiveEventLoop) {
        let shared = self.shared.clone();
        let blind = self.is_blind();
        let Some(open) = &mut self.open else {
            return;
        };
        let Some(stage) = shared.stage() else {
            return;
        };
        let silent = self.notes.bar.silence.is_some() && open.end.is_none();
        let veil = Overlay {
            opacity: VEIL,
            ..open.veil.overlay()
        };
        let veil = Some(veil).filter(|_| silent && !blind);
        let overlays = [
            Some(&open.cover).filter(|_| blind),
            Some(&open.bar).filter(|_| open.bar_shows),
            Some(&open.transport).filter(|_| open.transport_shows && self.options.replay),
            open.end.as_ref(),
        ];
        let floats = open.floats.overlays().filter(|_| open.end.is_none());
        let overlays: Vec<_> = veil
            .into_iter()
            .chain(floats)
            .chain(open.docked.overlays(&self.panels))
            .chain(overlays.into_iter().flatten().map(Strip::overlay))
            .collect();
        let circles = open.floats.circles();
        let presented = open.picture.present(&stage, circles, &overlays);
        shared.presented();
        drop(stage);
        match presented {
            Ok(Some(frame)) => (self.did)(Did::Presented { frame }),
            Ok(None) => {}
            Err(error) => self.quit(event_loop, Err(error.into())),
        }
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
            _ if self.panel_key(event_loop, event) => {}
            Some(keysym) if self.options.replay => self.replay_key(keysym, pressed),
            None if self.options.replay => {
                let letter = event
                    .logical_key
                    .to_text()
                    .and_then(|text| text.chars().next());
                if let Some(letter) = letter {
                    self.replay_key(letter.to_ascii_lowercase() as u32, pressed);
                }
            }
            _ => {
                let input = self.hands.key(event);
                self.say(input);
            }
        }
    }

    fn replay_key(&self, keysym: u32, pressed: bool) {
        let act = self.notes.playback.key(keysym).filter(|_| pressed);
        if let Some(act) = act.filter(|_| self.notes.ended.is_none()) {
            (self.did)(Did::Replay(act));
        }
    }

    fn focus(&mut self, focused: bool) {
        (self.did)(Did::Focus(focused));
        if std::mem::replace(&mut self.focused, focused) && !focused {
            let input = self.hands.release_all();
            self.say(input);
            self.panning = false;
            self.lift_pen();
        }
    }

    fn rescaled(&mut self, event_loop: &ActiveEventLoop) {
        self.lay_out();
        self.run_docked();
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

    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: StartCause) {
        if let StartCause::ResumeTimeReached { .. } = cause {
            self.draw_heard(event_loop);
            self.refresh(event_loop);
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Wake) {
        self.shared.awake();
        self.take_notes(event_loop);
        self.take_heard(event_loop);
        self.refresh(event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } => self.key(event_loop, &event),
            WindowEvent::DroppedFile(path) => self.dropped.push(path),
            WindowEvent::ModifiersChanged(modifiers) => self.modifiers(modifiers.state()),
            WindowEvent::Ime(Ime::Commit(text)) => self.committed(event_loop, text),
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
                self.run_docked();
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

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.take_dropped(event_loop);
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
