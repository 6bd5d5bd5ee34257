//! The window while the user is being asked, for those who typed the code into a window and have no terminal: how it stands,
//! and the talk with the user.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egui::{CentralPanel, Frame, Margin, Rect, RichText, Stroke, Ui, UiBuilder, pos2, vec2};
use sightline_program::clock::unix_ms;
use sightline_ui::palette;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, KeyEvent};
use winit::event_loop::EventLoopProxy;
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowAttributes};

use super::WindowError;
use super::dialog::{self, Content, Next};
use super::docked;
use super::event_loop::{self, Wake};
use super::strip::Strip;
use crate::pure::commands::{FromCommand, FromHolder};
use crate::pure::panels::Ask;
use crate::pure::panels::chat::Chat;
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
        let waiting = Waiting {
            shared,
            say: Box::new(say),
            stands: String::new(),
            hint: String::new(),
            computer: None,
            chat: Chat::default(),
        };
        dialog::show(event_loop, waiting).map(drop)
    })?
}

struct Waiting {
    shared: Arc<Shared>,
    say: Box<dyn Fn(String)>,
    stands: String,
    hint: String,
    /// The user's, once the user is being asked; before that nobody can hear anything.
    computer: Option<String>,
    chat: Chat,
}

/// What a person did with the mouse.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Cancel,
    Send,
}

impl Waiting {
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
}

impl Content for Waiting {
    type Act = Act;
    const COMPOSES: bool = true;

    fn attributes(&self) -> WindowAttributes {
        Window::default_attributes()
            .with_title("Sightline: waiting for the user")
            .with_inner_size(SIZE)
    }

    fn panel(&mut self, ui: &mut Ui) -> Option<Act> {
        let head = (self.stands.as_str(), self.hint.as_str());
        panel(ui, head, self.computer.as_deref(), &mut self.chat)
    }

    fn act(&mut self, act: Act) -> Next {
        match act {
            Act::Cancel => Next::Leave,
            Act::Send => {
                self.send();
                Next::DrawAgain
            }
        }
    }

    fn key(&mut self, event: &KeyEvent, held: Held, strip: &mut Strip) -> Next {
        let pressed = event.state == ElementState::Pressed;
        if event.logical_key == Key::Named(NamedKey::Enter) && !held.shift {
            if pressed {
                self.send();
            }
            return Next::Stay;
        }
        for event in docked::text_events(event, held) {
            strip.event(event);
        }
        Next::Stay
    }

    fn woken(&mut self) -> Next {
        let mut next = Next::Stay;
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
                News::Over => next = Next::Leave,
            }
        }
        next
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
