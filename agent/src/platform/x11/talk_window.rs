//! The window in which the user writes to the technician during a session. It opens at a click in the indicator, and gets the
//! keyboard only by a click of a real hand into its field ([`super::person`]): a technician with control can neither write in
//! the user's name nor catch what the user types elsewhere.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egui::{Align, Button, Frame, Layout, Margin, Rect, RichText, Sense, Stroke, Theme, Ui, vec2};
use sightline_ui::palette;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, EventMask, InputFocus, NotifyDetail, NotifyMode,
    Visibility,
};

use super::super::wake::{Waker, sleep};
use super::super::{DesktopError, Talk};
use super::panel::Panel;
use super::person::{Keys, Noted, Person, TakesEvents};
use super::talk_view::TalkView;

/// Width of the window and height of what was written, in points.
const WIDTH: f32 = 400.0;
const WORDS: f32 = 220.0;
/// Distance from the monitor's lower right corner, in pixels.
const FROM_CORNER: i32 = 24;
/// Messages that are told to a window that opens: as many as it keeps.
const KEPT: usize = 200;
/// A message goes when no impostor was seen until that long after Enter (see `prompt.rs`).
const PROBATION: Duration = Duration::from_millis(200);
/// And none that soon before.
const TAINTED: Duration = Duration::from_secs(1);

/// The talk of a session: what was said so far, and the window while it is open.
pub struct TalkWindow {
    display: Option<String>,
    technician: String,
    say: Say,
    said: VecDeque<Talk>,
    open: Option<Open>,
}

/// Takes what the user writes.
pub type Say = Arc<dyn Fn(String) + Send + Sync>;

struct Open {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    waker: Waker,
    closed: AtomicBool,
    news: Mutex<VecDeque<Talk>>,
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, VecDeque<Talk>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TalkWindow {
    /// Not shown yet. `say` is called from another thread with each message that the user writes.
    pub fn new(display: Option<&str>, technician: &str, say: Say) -> TalkWindow {
        TalkWindow {
            display: display.map(str::to_owned),
            technician: technician.to_owned(),
            say,
            said: VecDeque::new(),
            open: None,
        }
    }

    /// How the talk goes on.
    pub fn hear(&mut self, news: Talk) {
        if let Some(open) = &self.open {
            open.shared.news().push_back(news.clone());
            open.shared.waker.wake();
        }
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        self.said.push_back(news);
    }

    /// Shows the window, if it is not there.
    pub fn open(&mut self) -> Result<(), DesktopError> {
        let gone = |open: &Open| open.thread.as_ref().is_none_or(JoinHandle::is_finished);
        if self.open.as_ref().is_some_and(|open| !gone(open)) {
            return Ok(());
        }
        self.open = None;
        let shared = Arc::new(Shared {
            waker: Waker::new()?,
            closed: AtomicBool::new(false),
            news: Mutex::new(self.said.clone()),
        });
        let display = self.display.as_deref();
        let mut window = Window::open(
            display,
            &self.technician,
            Arc::clone(&shared),
            Arc::clone(&self.say),
        )?;
        let thread = thread::Builder::new()
            .name("talk window".into())
            .spawn(move || {
                if let Err(error) = window.serve() {
                    tracing::warn!("the window to write in is lost: {error}");
                }
            })?;
        self.open = Some(Open {
            shared,
            thread: Some(thread),
        });
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic there has been reported already.
            let _ = thread.join();
        }
    }
}

struct Window {
    panel: Panel,
    person: Person,
    shared: Arc<Shared>,
    say: Say,
    view: View,
    at: (i32, i32),
    /// Where in the window the pointer holds it while it is dragged.
    held: Option<(i32, i32)>,
    /// Words on probation, and until when.
    words: Option<(String, Instant)>,
    rise: Option<Instant>,
    /// Who had the keyboard before; `None` while it is not here.
    focus: Option<u32>,
}

impl Window {
    fn open(
        display: Option<&str>,
        technician: &str,
        shared: Arc<Shared>,
        say: Say,
    ) -> Result<Window, DesktopError> {
        let events = EventMask::STRUCTURE_NOTIFY | EventMask::FOCUS_CHANGE;
        let mut panel = Panel::open(display, "Remote support chat", Theme::Dark, events)?;
        let root_events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        panel
            .conn
            .change_window_attributes(panel.root, &root_events)?;
        let person = Person::at(&panel, display, shared.waker.clone())?;
        let mut view = View::new(technician);
        let size = panel.measure(|ui| view.show(ui));
        let mut window = Window {
            panel,
            person,
            shared,
            say,
            view,
            at: (0, 0),
            held: None,
            words: None,
            rise: None,
            focus: None,
        };
        let m = window.panel.monitor;
        let corner = |start: u32, room: u32, need: u32| {
            start as i32 + room as i32 - need as i32 - FROM_CORNER
        };
        let (x, y) = (corner(m.x, m.width, size.0), corner(m.y, m.height, size.1));
        window.move_to(x, y, size)?;
        window.panel.show()?;
        Ok(window)
    }

    /// Puts the window there, but never off its monitor.
    fn move_to(&mut self, x: i32, y: i32, size: (u32, u32)) -> Result<(), DesktopError> {
        let m = self.panel.monitor;
        let fit = |at: i32, start: u32, room: u32, need: u32| {
            let last = start as i32 + room.saturating_sub(need) as i32;
            at.clamp(start as i32, last)
        };
        self.at = (fit(x, m.x, m.width, size.0), fit(y, m.y, m.height, size.1));
        self.panel.place(self.at.0, self.at.1, size)
    }

    fn serve(&mut self) -> Result<(), DesktopError> {
        let (mut dirty, mut again) = (true, None);
        loop {
            let (changed, more) = self.drain()?;
            dirty |= changed;
            if self.shared.closed.load(Ordering::Acquire) || self.view.close {
                return Ok(());
            }
            for news in std::mem::take(&mut *self.shared.news()) {
                self.view.talk.hear(news);
                dirty = true;
            }
            dirty |= self.refuse_impostors() | self.say_what_is_proven();
            if self.rise.is_some_and(|rise| rise <= Instant::now()) {
                self.rise = self.panel.stay_in_front(Visibility::PARTIALLY_OBSCURED)?;
            }
            if dirty || again.is_some_and(|again| again <= Instant::now()) {
                let view = &mut self.view;
                let drawn = self.panel.draw(|ui| view.show(ui))?;
                if let Some(size) = drawn.wants {
                    let (x, y) = self.at;
                    self.move_to(x, y, size)?;
                }
                (dirty, again) = (drawn.wants.is_some(), drawn.again);
                self.take_words();
                continue; // drawing may have read events
            }
            if !more {
                let probation = self.words.as_ref().map(|(_, until)| *until);
                let until = [again, self.rise, probation].into_iter().flatten().min();
                self.panel.conn.flush()?;
                sleep(self.panel.conn.stream().as_fd(), &self.shared.waker, until)?;
            }
        }
    }

    fn note_person(&mut self, event: &Event) -> Result<bool, DesktopError> {
        // Keys may come here without a click, where they go to the window under the pointer.
        let keys = match self.focus.is_some() && self.view.talk.writing {
            true => Keys::Text,
            false => Keys::Nothing,
        };
        let noted = self.person.note(&mut self.panel, event, keys)?;
        match noted {
            Noted::Refused => self.view.refused = true,
            Noted::Enter => self.view.talk.enter(),
            Noted::Other | Noted::Nothing | Noted::Input => {}
        }
        Ok(!matches!(noted, Noted::Other | Noted::Nothing))
    }

    fn take_words(&mut self) {
        if self.words.is_none()
            && let Some(words) = self.view.talk.take_words()
        {
            self.words = Some((words, Instant::now() + PROBATION));
        }
    }

    /// What was written together with an impostor's doing does not go. True: something changed.
    fn refuse_impostors(&mut self) -> bool {
        let at_stake = self.words.is_some();
        if self.person.impostors(&mut self.panel, at_stake).is_none() {
            return false;
        }
        self.view.refused = true;
        if let Some((words, _)) = self.words.take() {
            self.view.talk.put_back(words);
        }
        true
    }

    /// Hands on the words that have passed their probation; others go back into the field. True: something changed.
    fn say_what_is_proven(&mut self) -> bool {
        let due = |(_, until): &mut (String, Instant)| *until <= Instant::now();
        let Some((words, _)) = self.words.take_if(due) else {
            return false;
        };
        let seen = self.person.impostor_at;
        match seen.is_some_and(|at| at.elapsed() < TAINTED) {
            true => self.view.talk.put_back(words),
            false => (self.say)(words),
        }
        true
    }

    /// A person clicked into the field.
    fn take_keyboard(&mut self) -> Result<(), DesktopError> {
        let conn = &self.panel.conn;
        let before = conn.get_input_focus()?.reply()?.focus;
        let (window, now) = (self.panel.window, x11rb::CURRENT_TIME);
        let taken = conn.set_input_focus(InputFocus::POINTER_ROOT, window, now)?;
        if taken.check().is_ok() {
            self.focus.get_or_insert(before);
            self.view.talk.turn(true);
        }
        Ok(())
    }
}

impl TakesEvents for Window {
    fn panel(&self) -> &Panel {
        &self.panel
    }

    fn note(&mut self, event: Event) -> Result<bool, DesktopError> {
        match &event {
            Event::Expose(_) => return Ok(true),
            Event::VisibilityNotify(e) => self.rise = self.panel.stay_in_front(e.state)?,
            Event::ConfigureNotify(e) if e.window == self.panel.root => {
                self.panel.look_at_monitors()?;
                let (x, y) = self.at;
                self.move_to(x, y, self.panel.size())?;
            }
            // A grab (a key of the window manager's) gives it back.
            Event::FocusOut(e)
                if e.detail != NotifyDetail::POINTER && e.mode != NotifyMode::GRAB =>
            {
                self.focus = None;
                self.view.talk.turn(false);
                return Ok(true);
            }
            Event::XinputMotion(e)
                if self.held.is_some() && self.person.is_personal(e.sourceid) =>
            {
                let pixels = |fixed: i32| fixed >> 16;
                let (x, y) = self.held.unwrap_or_default();
                let to = (pixels(e.root_x) - x, pixels(e.root_y) - y);
                self.move_to(to.0, to.1, self.panel.size())?;
                self.panel.conn.flush()?;
            }
            Event::XinputButtonPress(e) if self.person.is_personal(e.sourceid) && e.detail == 1 => {
                let place = |fixed: i32| fixed >> 16;
                let (x, y) = (place(e.event_x), place(e.event_y));
                let point = self.panel.point(x as f32, y as f32);
                if self.view.head.contains(point) {
                    self.held = Some((x, y));
                }
                if self.view.talk.place.contains(point) {
                    self.take_keyboard()?;
                }
                return self.note_person(&event);
            }
            Event::XinputButtonRelease(_) => {
                self.held = None;
                return self.note_person(&event);
            }
            _ => return self.note_person(&event),
        }
        Ok(false)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Gives the keyboard back, if it is still here. Nothing to be done where the server is gone.
        let conn = &self.panel.conn;
        self.person.leave(conn);
        let reply = conn.get_input_focus().ok().and_then(|c| c.reply().ok());
        let here = reply.is_some_and(|reply| reply.focus == self.panel.window);
        if let Some(before) = self.focus.filter(|f| here && *f != self.panel.window) {
            let now = x11rb::CURRENT_TIME;
            if let Ok(cookie) = conn.set_input_focus(InputFocus::POINTER_ROOT, before, now) {
                let _ = cookie.check();
            }
        }
    }
}

/// What the window shows.
struct View {
    technician: String,
    talk: TalkView,
    /// A program tried to write here.
    refused: bool,
    /// The user closed it.
    close: bool,
    /// Where the window can be dragged.
    head: Rect,
}

impl View {
    fn new(technician: &str) -> View {
        View {
            technician: super::super::choice::clean(technician, 40),
            talk: TalkView::new(technician),
            refused: false,
            close: false,
            head: Rect::NOTHING,
        }
    }

    fn show(&mut self, ui: &mut Ui) {
        let colours = palette(ui.ctx());
        let frame = Frame::new()
            .fill(colours.ground)
            .stroke(Stroke::new(1.0, colours.line))
            .inner_margin(Margin::same(12));
        frame.show(ui, |ui| {
            ui.set_width(WIDTH);
            ui.spacing_mut().item_spacing.y = 6.0;
            let head = ui.horizontal(|ui| {
                let title = format!("You and {}", self.technician);
                ui.label(RichText::new(title).size(14.0).strong());
                ui.label(RichText::new("recorded").size(11.0).color(colours.weak));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let close = Button::new(RichText::new("Close").size(12.0)).small();
                    let close = ui.add(close);
                    self.close |= close.clicked();
                    close.rect.left()
                })
                .inner
            });
            self.head = head.response.rect.with_max_x(head.inner - 4.0);
            let empty = "What you write here goes to the technician.";
            self.talk.show(ui, &colours, WORDS, empty);
            // Always there, so that nothing moves when it has something to say.
            let (place, _) = ui.allocate_exact_size(vec2(WIDTH, 14.0), Sense::hover());
            if self.refused {
                let words = "A program tried to write for you. That does not count.";
                let font = egui::FontId::proportional(11.5);
                ui.painter().text(
                    place.left_center(),
                    egui::Align2::LEFT_CENTER,
                    words,
                    font,
                    colours.caution,
                );
            }
        });
    }
}
