//! A small window that is all panel, with an event loop to itself: before there is a session.

use std::rc::Rc;

use egui::{Event, Ui};
use winit::application::ApplicationHandler;
use winit::event::{Ime, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::{Window, WindowAttributes, WindowId};

use super::WindowError;
use super::event_loop::{self, Wake};
use super::picture::Picture;
use super::strip::Strip;
use crate::pure::area::rect;
use crate::pure::fit::View;
use crate::pure::stage::Stage;
use crate::pure::terminal::keys::Held;

/// How a dialog goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Stay,
    /// What was done is to be seen at once.
    DrawAgain,
    Leave,
}

/// What is in the window, and what it does.
pub trait Content {
    /// What a person can do with the mouse.
    type Act;
    /// Whether input methods are of use.
    const COMPOSES: bool;

    fn attributes(&self) -> WindowAttributes;
    fn panel(&mut self, ui: &mut Ui) -> Option<Self::Act>;
    fn act(&mut self, act: Self::Act) -> Next;
    /// Goes to the panel's own fields only through `strip`.
    fn key(&mut self, event: &KeyEvent, held: Held, strip: &mut Strip) -> Next;

    /// An input method composed this.
    fn compose(&mut self, text: String, strip: &mut Strip) {
        strip.event(Event::Text(text));
    }

    /// Someone woke the event loop.
    fn woken(&mut self) -> Next {
        Next::Stay
    }
}

/// Shows the window until it is left.
pub fn show<C: Content>(event_loop: &mut EventLoop<Wake>, content: C) -> Result<C, WindowError> {
    let mut dialog = Dialog {
        content,
        open: None,
        held: Held::default(),
        failed: None,
    };
    event_loop::run(event_loop, &mut dialog)?;
    match dialog.failed {
        Some(error) => Err(error),
        None => Ok(dialog.content),
    }
}

struct Dialog<C> {
    content: C,
    open: Option<Open>,
    held: Held,
    failed: Option<WindowError>,
}

struct Open {
    window: Rc<Window>,
    picture: Picture,
    strip: Strip,
}

impl Open {
    fn new<C: Content>(event_loop: &ActiveEventLoop, content: &C) -> Result<Open, WindowError> {
        let window = event_loop.create_window(content.attributes());
        let window = Rc::new(window.map_err(|error| WindowError::Open(error.to_string()))?);
        window.set_ime_allowed(C::COMPOSES);
        Ok(Open {
            picture: Picture::new(&window, View::default())?,
            window,
            strip: Strip::new(),
        })
    }

    fn draw<C: Content>(&mut self, content: &mut C) -> Result<Option<C::Act>, WindowError> {
        let size = self.picture.size();
        let place = rect(0, 0, size.0, size.1);
        self.strip.set_place(place, self.window.scale_factor());
        let mut act = None;
        let drawn = self.strip.run(|ui| act = act.take().or(content.panel(ui)));
        if drawn.is_some() {
            self.picture.damage(place);
        }
        let overlay = self.strip.overlay();
        self.picture.present(&Stage::new(), &[], &[overlay])?;
        Ok(act)
    }
}

impl<C: Content> Dialog<C> {
    fn fail(&mut self, event_loop: &ActiveEventLoop, error: WindowError) {
        self.failed = Some(error);
        event_loop.exit();
    }

    fn draw(&mut self, event_loop: &ActiveEventLoop) {
        while let Some(open) = &mut self.open {
            let next = match open.draw(&mut self.content) {
                Ok(Some(act)) => self.content.act(act),
                Ok(None) => Next::Stay,
                Err(error) => return self.fail(event_loop, error),
            };
            match next {
                Next::Stay => return,
                Next::DrawAgain => {}
                Next::Leave => return event_loop.exit(),
            }
        }
    }

    fn go_on(&mut self, event_loop: &ActiveEventLoop, next: Next) {
        match next {
            Next::Leave => event_loop.exit(),
            Next::Stay | Next::DrawAgain => self.draw(event_loop),
        }
    }
}

impl<C: Content> ApplicationHandler<Wake> for Dialog<C> {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        event_loop.set_control_flow(ControlFlow::Wait);
        if self.open.is_none() {
            match Open::new(event_loop, &self.content) {
                Ok(open) => self.open = Some(open),
                Err(error) => return self.fail(event_loop, error),
            }
        }
        self.user_event(event_loop, Wake);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Wake) {
        let next = self.content.woken();
        self.go_on(event_loop, next);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else {
            return;
        };
        let mut next = Next::Stay;
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } => next = self.content.key(&event, self.held, &mut open.strip),
            WindowEvent::ModifiersChanged(modifiers) => {
                let state = modifiers.state();
                self.held = Held {
                    shift: state.shift_key(),
                    ctrl: state.control_key(),
                    alt: state.alt_key(),
                };
                return;
            }
            WindowEvent::Ime(Ime::Commit(text)) => self.content.compose(text, &mut open.strip),
            WindowEvent::CursorMoved { position, .. } => {
                open.strip.pointer_at(Some((position.x, position.y)));
            }
            WindowEvent::CursorLeft { .. } => {
                open.strip.pointer_at(None);
            }
            WindowEvent::MouseInput { button, state, .. } => {
                open.strip.button(button, state);
            }
            WindowEvent::Resized(size) => {
                if let Err(error) = open.picture.resize((size.width, size.height)) {
                    return self.fail(event_loop, error.into());
                }
            }
            WindowEvent::RedrawRequested => open.picture.damage_all(),
            WindowEvent::CloseRequested => return event_loop.exit(),
            _ => return,
        }
        self.go_on(event_loop, next);
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.open = None;
    }
}
