//! The small window that is always there while a technician is connected: who it is, what they may do, and Stop.
//!
//! Any click stops, also a program's: stopping is always allowed. It needs the X server and nothing else.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use egui::{
    Button, Event as Input, Frame, Margin, Modifiers, PointerButton, RichText, Sense, Stroke,
    Theme, Ui, vec2,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_ui::palette;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, EventMask, Visibility,
};

use super::super::choice::clean;
use super::super::wake::{Waker, sleep};
use super::super::{DesktopError, Indicator, Talk, UserWish, Watching};
use super::hotkey::HotKey;
use super::panel::Panel;
use super::talk_window::TalkWindow;

/// Distance from the top of the monitor, in pixels.
const FROM_TOP: i32 = 6;
/// The most characters of a name: the window stays narrow.
const LONGEST: usize = 40;
/// The most characters of a message that are shown here; the terminal has all of it.
const MESSAGE: usize = 240;
/// Width in points at which messages are wrapped.
const MESSAGE_WIDTH: f32 = 420.0;

const EVENTS: [EventMask; 4] = [
    EventMask::BUTTON_PRESS,
    EventMask::BUTTON_RELEASE,
    EventMask::POINTER_MOTION,
    EventMask::LEAVE_WINDOW,
];

/// The indicator of an X display.
pub struct X11Indicator {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    waker: Waker,
    closed: AtomicBool,
    news: Mutex<Option<Watching>>,
    talk: Mutex<VecDeque<Talk>>,
}

impl Shared {
    fn talk(&self) -> MutexGuard<'_, VecDeque<Talk>> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the user's wishes, from this window and the one to write in.
type Wish = Arc<Mutex<Box<dyn Fn(UserWish) + Send>>>;

fn tell(wish: &Wish, what: UserWish) {
    let wish = wish.lock().unwrap_or_else(PoisonError::into_inner);
    wish(what);
}

impl X11Indicator {
    /// Shows it on `display` (that of the environment when `None`). `wish` is called from another thread, at each click
    /// on Stop or on a right, and each press of the hot key.
    pub fn show(
        display: Option<&str>,
        watching: Watching,
        wish: Box<dyn Fn(UserWish) + Send>,
    ) -> Result<X11Indicator, DesktopError> {
        let shared = Arc::new(Shared {
            waker: Waker::new()?,
            closed: AtomicBool::new(false),
            news: Mutex::new(None),
            talk: Mutex::default(),
        });
        let wish: Wish = Arc::new(Mutex::new(wish));
        let mut window = Window::open(display, watching, Arc::clone(&shared), wish)?;
        let thread = thread::Builder::new()
            .name("indicator".into())
            .spawn(move || {
                if let Err(error) = window.serve() {
                    tracing::warn!("the indicator is lost: {error}");
                }
            })?;
        Ok(X11Indicator {
            shared,
            thread: Some(thread),
        })
    }
}

impl Indicator for X11Indicator {
    fn update(&self, watching: Watching) {
        let mut news = self
            .shared
            .news
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *news = Some(watching);
        self.shared.waker.wake();
    }

    fn talk(&self, news: Talk) {
        self.shared.talk().push_back(news);
        self.shared.waker.wake();
    }
}

impl Drop for X11Indicator {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It ends at once; a panic there has been reported already.
            let _ = thread.join();
        }
    }
}

struct Window {
    panel: Panel,
    shared: Arc<Shared>,
    wish: Wish,
    talk: TalkWindow,
    label: Label,
    hot_key: Option<HotKey>,
    /// Where the window is, and its size.
    at: (i32, i32),
    size: (u32, u32),
    /// Where in the window the pointer holds it while it is dragged.
    held: Option<(i32, i32)>,
    rise: Option<Instant>,
}

impl Window {
    fn open(
        display: Option<&str>,
        watching: Watching,
        shared: Arc<Shared>,
        wish: Wish,
    ) -> Result<Window, DesktopError> {
        let events = EVENTS
            .into_iter()
            .fold(EventMask::NO_EVENT, |all, e| all | e);
        let panel = Panel::open(display, "Remote support", Theme::Dark, events)?;
        let root_events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        panel
            .conn
            .change_window_attributes(panel.root, &root_events)?;
        let hot_key = HotKey::grab(&panel.conn, panel.root)?;
        let to = Arc::clone(&wish);
        let say = Arc::new(move |text| tell(&to, UserWish::Say(text)));
        let talk = TalkWindow::new(display, &watching.technician, say);
        let mut window = Window {
            talk,
            label: Label::new(&watching, hot_key.as_ref()),
            panel,
            shared,
            wish,
            hot_key,
            at: (0, 0),
            size: (1, 1),
            held: None,
            rise: None,
        };
        window.resize()?;
        window.panel.show()?;
        Ok(window)
    }

    /// As large as its text, its middle where it was; at first at the top of the primary monitor.
    fn resize(&mut self) -> Result<(), DesktopError> {
        let label = &mut self.label;
        let size = self.panel.measure(|ui| {
            label.show(ui);
        });
        let m = self.panel.monitor;
        let middle = match self.size {
            (1, 1) => (m.x + m.width / 2) as i32,
            (width, _) => self.at.0 + width as i32 / 2,
        };
        let top = match self.size {
            (1, 1) => m.y as i32 + FROM_TOP,
            _ => self.at.1,
        };
        self.size = size;
        self.move_to(middle - size.0 as i32 / 2, top)
    }

    /// Puts the window there, but never off its monitor.
    fn move_to(&mut self, x: i32, y: i32) -> Result<(), DesktopError> {
        let m = self.panel.monitor;
        let fit = |at: i32, start: u32, room: u32, need: u32| {
            let last = start as i32 + room.saturating_sub(need) as i32;
            at.clamp(start as i32, last)
        };
        self.at = (
            fit(x, m.x, m.width, self.size.0),
            fit(y, m.y, m.height, self.size.1),
        );
        self.panel.place(self.at.0, self.at.1, self.size)
    }

    fn serve(&mut self) -> Result<(), DesktopError> {
        let mut dirty = true;
        let mut again = None;
        loop {
            while let Some(event) = self.panel.conn.poll_for_event()? {
                let button = matches!(event, Event::ButtonPress(_) | Event::ButtonRelease(_));
                dirty |= self.note(event)?;
                if button && dirty {
                    break; // one picture for each: the loop comes back for what else there is
                }
            }
            if self.shared.closed.load(Ordering::Acquire) {
                return Ok(());
            }
            dirty |= self.take_news()?;
            for news in std::mem::take(&mut *self.shared.talk()) {
                self.talk.hear(news);
            }
            if self.rise.is_some_and(|rise| rise <= Instant::now()) {
                self.rise = self.panel.stay_in_front(Visibility::PARTIALLY_OBSCURED)?;
            }
            if dirty || again.is_some_and(|again| again <= Instant::now()) {
                let label = &mut self.label;
                let mut wish = None;
                let drawn = self
                    .panel
                    .draw(|ui| wish = label.show(ui).or(wish.take()))?;
                (dirty, again) = (drawn.wants.is_some(), drawn.again);
                if dirty {
                    self.resize()?;
                }
                if let Some(wish) = wish {
                    tell(&self.wish, wish);
                }
                if std::mem::take(&mut self.label.write)
                    && let Err(error) = self.talk.open()
                {
                    tracing::warn!("no window to write in: {error}");
                }
                continue; // drawing may have read events
            }
            let until = [again, self.rise].into_iter().flatten().min();
            self.panel.conn.flush()?;
            sleep(self.panel.conn.stream().as_fd(), &self.shared.waker, until)?;
        }
    }

    /// Another technician, other rights.
    fn take_news(&mut self) -> Result<bool, DesktopError> {
        let mut news = self
            .shared
            .news
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(watching) = news.take() else {
            return Ok(false);
        };
        drop(news);
        self.label = Label::new(&watching, self.hot_key.as_ref());
        self.resize()?;
        Ok(true)
    }

    /// Takes an event in. True: draw again.
    fn note(&mut self, event: Event) -> Result<bool, DesktopError> {
        match event {
            Event::Expose(_) => return Ok(true),
            Event::VisibilityNotify(e) => self.rise = self.panel.stay_in_front(e.state)?,
            Event::ConfigureNotify(e) if e.window == self.panel.root => self.follow_screen()?,
            Event::MappingNotify(_) => return self.follow_keyboard(),
            Event::KeyPress(e) if self.hot_key.as_ref().is_some_and(|k| k.is(&e)) => {
                tell(&self.wish, UserWish::Stop)
            }
            Event::ButtonPress(e) if e.detail == 1 => {
                self.press(e.event_x, e.event_y, true);
                if !self.label.is_on_button(self.point(e.event_x, e.event_y)) {
                    self.held = Some((e.event_x.into(), e.event_y.into()));
                }
                return Ok(true);
            }
            Event::ButtonRelease(e) if e.detail == 1 => {
                self.held = None;
                self.press(e.event_x, e.event_y, false);
                return Ok(true);
            }
            Event::MotionNotify(e) => {
                if let Some((x, y)) = self.held {
                    self.move_to(i32::from(e.root_x) - x, i32::from(e.root_y) - y)?;
                    self.panel.conn.flush()?;
                    return Ok(false);
                }
                let pos = self.point(e.event_x, e.event_y);
                self.panel.push(Input::PointerMoved(pos));
                return Ok(true);
            }
            Event::LeaveNotify(_) if self.held.is_none() => {
                self.panel.push(Input::PointerGone);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn point(&self, x: i16, y: i16) -> egui::Pos2 {
        self.panel.point(x.into(), y.into())
    }

    fn press(&mut self, x: i16, y: i16, pressed: bool) {
        let pos = self.point(x, y);
        self.panel.push(Input::PointerMoved(pos));
        self.panel.push(Input::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }

    /// The screen has another size: back onto it.
    fn follow_screen(&mut self) -> Result<(), DesktopError> {
        self.panel.look_at_monitors()?;
        let (x, y) = self.at;
        self.move_to(x, y)?;
        self.panel.conn.flush()?;
        Ok(())
    }

    /// The keyboard map changed: the hot key may be another key now.
    fn follow_keyboard(&mut self) -> Result<bool, DesktopError> {
        let (conn, root) = (&self.panel.conn, self.panel.root);
        match &self.hot_key {
            Some(key) if key.is_current(conn)? => return Ok(false),
            Some(key) => key.release(conn, root)?,
            None => {}
        }
        self.hot_key = HotKey::grab(conn, root)?;
        self.label.name_hot_key(self.hot_key.as_ref());
        self.resize()?;
        Ok(true)
    }
}

/// What the window shows.
struct Label {
    who: String,
    what: String,
    hot_key: String,
    /// What can be taken back on its own.
    rights: Vec<Capability>,
    said: Option<String>,
    /// The user wants to write.
    write: bool,
    /// Where buttons were drawn.
    buttons: Vec<egui::Rect>,
}

impl Label {
    fn new(watching: &Watching, hot_key: Option<&HotKey>) -> Label {
        let technician = clean(&watching.technician, LONGEST);
        let organisation = clean(&watching.organisation, LONGEST);
        let mut label = Label {
            who: format!("{technician} ({organisation})"),
            what: match (&watching.silent, watching.paused) {
                (Some(silent), _) => silent.clone(),
                (None, true) => "paused: the recording is behind".to_owned(),
                (None, false) => rights(watching.allowed),
            },
            hot_key: String::new(),
            rights: single(watching.allowed),
            said: watching.said.as_deref().map(|said| clean(said, MESSAGE)),
            write: false,
            buttons: Vec::new(),
        };
        label.name_hot_key(hot_key);
        label
    }

    fn name_hot_key(&mut self, hot_key: Option<&HotKey>) {
        self.hot_key = match hot_key {
            Some(key) => format!("{} stops it", key.name),
            None => "no stop key: another program has it".to_owned(),
        };
    }

    fn is_on_button(&self, at: egui::Pos2) -> bool {
        self.buttons.iter().any(|button| button.contains(at))
    }

    /// Draws it; gives what was clicked.
    fn show(&mut self, ui: &mut Ui) -> Option<UserWish> {
        let mut wish = None;
        self.buttons.clear();
        let colours = palette(ui.ctx());
        let frame = Frame::new()
            .fill(colours.ground)
            .stroke(Stroke::new(1.0, colours.danger))
            .inner_margin(Margin::symmetric(10, 5));
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
                let (dot, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
                ui.painter()
                    .circle_filled(dot.center(), 5.0, colours.danger);
                ui.add_space(2.0);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 5.0;
                        ui.label(RichText::new(&self.who).size(13.5).strong());
                        ui.label(RichText::new(&self.what).size(13.5));
                    });
                    let small = format!("recorded · {}", self.hot_key);
                    ui.label(RichText::new(small).size(11.0).color(colours.weak));
                    if let Some(said) = &self.said {
                        ui.add_space(3.0);
                        ui.set_max_width(MESSAGE_WIDTH);
                        let said = egui::Label::new(RichText::new(said).size(13.0));
                        ui.add(said.wrap());
                    }
                    ui.add_space(3.0);
                    ui.horizontal(|ui| wish = self.chips(ui));
                });
                ui.add_space(6.0);
                let text = RichText::new("Stop").size(14.0).color(colours.on_accent);
                let button = Button::new(text)
                    .fill(colours.danger)
                    .min_size(vec2(64.0, 28.0));
                let stop = ui.add(button);
                self.buttons.push(stop.rect);
                if stop.clicked() {
                    wish = Some(UserWish::Stop);
                }
            });
        });
        wish
    }

    /// A button to write with, and one for each right that can be taken back.
    fn chips(&mut self, ui: &mut Ui) -> Option<UserWish> {
        let colours = palette(ui.ctx());
        ui.spacing_mut().item_spacing.x = 5.0;
        let write = ui.add(Button::new(RichText::new("Write").size(11.0)).small());
        self.buttons.push(write.rect);
        self.write |= write.clicked();
        let mut wish = None;
        if !self.rights.is_empty() {
            ui.add_space(6.0);
            ui.label(RichText::new("take back:").size(11.0).color(colours.weak));
        }
        for right in &self.rights {
            let chip = ui.add(Button::new(RichText::new(right.word()).size(11.0)).small());
            self.buttons.push(chip.rect);
            if chip.clicked() {
                wish = Some(UserWish::TakeBack(Capabilities::of(&[*right])));
            }
        }
        wish
    }
}

/// What can be taken back so that something else stays: with a single right, Stop says it all.
fn single(allowed: Capabilities) -> Vec<Capability> {
    let rights: Vec<Capability> = allowed.iter().collect();
    match rights.len() {
        0 | 1 => Vec::new(),
        _ => rights,
    }
}

/// "can see and control this computer, run commands".
fn rights(allowed: Capabilities) -> String {
    let has = |c| allowed.contains(c);
    let screen = match (has(Capability::View), has(Capability::Control)) {
        (true, true) => Some("see and control this computer"),
        (true, false) => Some("see this computer"),
        (false, true) => Some("control this computer"),
        (false, false) => None,
    };
    let others = [
        (Capability::ReadClipboard, "read your clipboard"),
        (Capability::SetClipboard, "set your clipboard"),
        (Capability::Shell, "run commands"),
        (Capability::Files, "copy files"),
    ];
    let others = others.into_iter().filter(|(c, _)| has(*c));
    let list: Vec<&str> = screen.into_iter().chain(others.map(|(_, s)| s)).collect();
    match list.as_slice() {
        [] if has(Capability::Chat) => "can write to you".to_owned(),
        [] => "is connected".to_owned(),
        list => format!("can {}", list.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability::{Chat, Control, Files, Shell, View};

    #[test]
    fn rights_read_as_a_sentence() {
        let said = |list: &[Capability]| rights(Capabilities::of(list));
        assert_eq!(said(&[View]), "can see this computer");
        assert_eq!(said(&[View, Control]), "can see and control this computer");
        assert_eq!(
            said(&[View, Shell, Files, Chat]),
            "can see this computer, run commands, copy files"
        );
        assert_eq!(said(&[Chat]), "can write to you");
        assert_eq!(said(&[]), "is connected");
    }
}
