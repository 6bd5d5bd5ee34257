//! The window while the user is being asked, for those who typed the code into a window and have no terminal: how it stands,
//! and the talk with the user.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egui::{CentralPanel, Frame, Margin, Rect, RichText, Stroke, Ui, UiBuilder, pos2, vec2};
use sightline_program::clock::unix_ms;
use sightline_ui::palette;
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, Ime, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoopProxy};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowId};

use super::WindowError;
use super::docked;
use super::event_loop::{self, Wake};
use super::picture::Picture;
use super::strip::Strip;
use crate::pure::area::rect;
use crate::pure::commands::{FromCommand, FromHolder};
use crate::pure::fit::View;
use crate::pure::panels::Ask;
use crate::pure::panels::chat::Chat;
use crate::pure::stage::Stage;
use crate::pure::terminal::keys::Held;

/// Size of the window, in points, and height of the part that says how it stands.
const SIZE: LogicalSize<f64> = LogicalSize::new(460.0, 420.0);
const HEAD: f32 = 74.0;

/// What the window is told.
enum News {
    Connecting(String),
    /// The user of this computer is being asked, for so many seconds at the most.
    Asking(String, u32),
    /// The user wrote.
    Said(String),
    /// The technician's words were not sent.
    NotSent(String),
    Over,
}

struct Shared {
    news: Mutex<VecDeque<News>>,
    proxy: EventLoopProxy<Wake>,
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, VecDeque<News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the window how it stands, from any thread.
#[derive(Clone)]
pub struct WaitHandle(Arc<Shared>);

impl WaitHandle {
    fn tell(&self, news: News) {
        self.0.news().push_back(news);
        // Fails only when the window is gone.
        let _ = self.0.proxy.send_event(Wake);
    }

    pub fn asking(&self, computer: &str, countdown_s: u32) {
        self.tell(News::Asking(computer.to_owned(), countdown_s));
    }

    pub fn said(&self, text: String) {
        self.tell(News::Said(text));
    }

    pub fn not_sent(&self, why: String) {
        self.tell(News::NotSent(why));
    }

    /// Closes the window: there is an answer.
    pub fn over(&self) {
        self.tell(News::Over);
    }
}

/// Shows the window, on this thread, until there is an answer or the person closes it. `make` gets the handle before the window
/// opens; `say` gets what the person writes to the user, and must not block.
pub fn wait(
    relay: &str,
    make: impl FnOnce(WaitHandle),
    say: impl Fn(String) + 'static,
) -> Result<(), WindowError> {
    event_loop::with(|event_loop| {
        let shared = Arc::new(Shared {
            news: Mutex::default(),
            proxy: event_loop.create_proxy(),
        });
        let handle = WaitHandle(Arc::clone(&shared));
        handle.tell(News::Connecting(relay.to_owned()));
        make(handle);
        let mut waiting = Waiting {
            shared,
            say: Box::new(say),
            open: None,
            stands: String::new(),
            hint: String::new(),
            computer: None,
            chat: Chat::default(),
            held: Held::default(),
            outcome: Ok(()),
        };
        event_loop::run(event_loop, &mut waiting)?;
        waiting.outcome
    })?
}

struct Waiting {
    shared: Arc<Shared>,
    say: Box<dyn Fn(String)>,
    open: Option<Open>,
    stands: String,
    hint: String,
    /// The user's, once the user is being asked; before that nobody can hear anything.
    computer: Option<String>,
    chat: Chat,
    held: Held,
    outcome: Result<(), WindowError>,
}

struct Open {
    window: Rc<Window>,
    picture: Picture,
    strip: Strip,
}

/// What a person did with the mouse.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Cancel,
    Send,
}

impl Waiting {
    fn open(&self, event_loop: &ActiveEventLoop) -> Result<Open, WindowError> {
        let attributes = Window::default_attributes()
            .with_title("Sightline: waiting for the user")
            .with_inner_size(SIZE);
        let window = event_loop.create_window(attributes);
        let window = Rc::new(window.map_err(|error| WindowError::Open(error.to_string()))?);
        window.set_ime_allowed(true);
        Ok(Open {
            picture: Picture::new(&window, View::default())?,
            window,
            strip: Strip::new(),
        })
    }

    fn take_news(&mut self, event_loop: &ActiveEventLoop) {
        let news = std::mem::take(&mut *self.shared.news());
        for news in news {
            match news {
                News::Connecting(relay) => self.stands = format!("Connecting by {relay}…"),
                News::Asking(computer, seconds) => {
                    self.stands = format!(
                        "The user of {computer} is being asked (up to {seconds} s). Until then you can talk."
                    );
                    self.computer = Some(computer);
                }
                News::Said(text) => self.chat.hear(&FromHolder::Said(text), unix_ms()),
                News::NotSent(why) => self.hint = format!("Not sent: {why}."),
                News::Over => event_loop.exit(),
            }
        }
    }

    /// Sends the draft.
    fn send(&mut self) {
        if self.computer.is_none() {
            return;
        }
        self.hint.clear();
        if let Some(Ask::Session(_, FromCommand::Say(text))) = self.chat.send(unix_ms()) {
            (self.say)(text);
        }
    }

    fn key(&mut self, event: &KeyEvent) {
        let pressed = event.state == ElementState::Pressed;
        if event.logical_key == Key::Named(NamedKey::Enter) && !self.held.shift {
            if pressed {
                self.send();
            }
            return;
        }
        if let Some(open) = &mut self.open {
            for event in docked::text_events(event, self.held) {
                open.strip.event(event);
            }
        }
    }

    fn draw(&mut self, event_loop: &ActiveEventLoop) {
        let Some(open) = &mut self.open else {
            return;
        };
        let size = open.picture.size();
        let place = rect(0, 0, size.0, size.1);
        open.strip.set_place(place, open.window.scale_factor());
        let mut act = None;
        let head = (self.stands.as_str(), self.hint.as_str());
        let (computer, chat) = (self.computer.as_deref(), &mut self.chat);
        if open
            .strip
            .run(|ui| act = act.or(panel(ui, head, computer, chat)))
            .is_some()
        {
            open.picture.damage(place);
        }
        let presented = open
            .picture
            .present(&Stage::new(), &[], &[open.strip.overlay()]);
        if let Err(error) = presented {
            self.outcome = Err(error.into());
            return event_loop.exit();
        }
        match act {
            Some(Act::Cancel) => event_loop.exit(),
            Some(Act::Send) => {
                self.send();
                self.draw(event_loop);
            }
            None => {}
        }
    }
}

fn panel(
    ui: &mut Ui,
    (stands, hint): (&str, &str),
    computer: Option<&str>,
    chat: &mut Chat,
) -> Option<Act> {
    let colours = palette(ui.ctx());
    let mut act = None;
    let frame = Frame::new().fill(colours.ground);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        let all = ui.max_rect();
        let top = Rect::from_min_size(all.min, vec2(all.width(), HEAD));
        let mut head = ui.new_child(UiBuilder::new().max_rect(top));
        let inside = Frame::new().inner_margin(Margin::symmetric(16, 10));
        inside.show(&mut head, |ui| {
            ui.label(RichText::new(stands).color(colours.text));
            ui.horizontal(|ui| {
                if ui.button("Cancel").clicked() {
                    act = Some(Act::Cancel);
                }
                ui.label(RichText::new(hint).size(12.0).color(colours.caution));
            });
        });
        ui.painter().line_segment(
            [top.left_bottom(), top.right_bottom()],
            Stroke::new(1.0, colours.line),
        );
        if let Some(computer) = computer {
            let rest = Rect::from_min_max(pos2(all.left(), top.bottom()), all.max);
            let mut talk = ui.new_child(UiBuilder::new().max_rect(rest));
            if docked::talk(&mut talk, computer, chat) {
                act = act.or(Some(Act::Send));
            }
        }
    });
    act
}

impl ApplicationHandler<Wake> for Waiting {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        event_loop.set_control_flow(ControlFlow::Wait);
        if self.open.is_none() {
            match self.open(event_loop) {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    self.outcome = Err(error);
                    return event_loop.exit();
                }
            }
        }
        self.take_news(event_loop);
        self.draw(event_loop);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Wake) {
        self.take_news(event_loop);
        self.draw(event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else {
            return;
        };
        match event {
            WindowEvent::KeyboardInput {
                event,
                is_synthetic: false,
                ..
            } => self.key(&event),
            WindowEvent::ModifiersChanged(modifiers) => {
                let state = modifiers.state();
                self.held = Held {
                    shift: state.shift_key(),
                    ctrl: state.control_key(),
                    alt: state.alt_key(),
                };
                return;
            }
            WindowEvent::Ime(Ime::Commit(text)) => open.strip.event(egui::Event::Text(text)),
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
                    self.outcome = Err(error.into());
                    return event_loop.exit();
                }
            }
            WindowEvent::RedrawRequested => open.picture.damage_all(),
            WindowEvent::CloseRequested => return event_loop.exit(),
            _ => return,
        }
        self.draw(event_loop);
    }

    fn exiting(&mut self, _: &ActiveEventLoop) {
        self.open = None;
    }
}
