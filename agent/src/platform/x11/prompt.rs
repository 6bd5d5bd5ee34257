//! The consent window. It takes the word of real input devices only.
//!
//! A program (the technician's own remote hands among them) clicks through the X server's test extension; XInput 2
//! tells for each event from which device it came. What comes from a test device, from none that we know, or as a
//! message of another program is refused and counted. Core input events are not listened to at all. What a program does
//! in the name of a real device is found out by [`super::impostors`].

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egui::{Event as Input, Key, Modifiers, PointerButton, Theme};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{self, ConnectionExt as _, DeviceId, XIEventMask};
use x11rb::protocol::xproto::{ConnectionExt as _, EventMask, InputFocus, Visibility};
use x11rb::rust_connection::RustConnection;

use super::super::choice::{next_second, seconds_left};
use super::super::wake::{Waker, sleep};
use super::super::{Answer, Asked, Choice, DesktopError, Prompt, Question, SmallQuestion};
use super::devices;
use super::impostors::Impostors;
use super::panel::{Drawn, Panel};
use super::prompt_view::{ConsentForm, Form, SmallForm};

/// The window must have been in sight for that long before Allow or a key does anything: nobody agrees by a click or
/// a key stroke that was meant for what was there before.
const GRACE: Duration = Duration::from_millis(700);

/// Allow counts when no impostor was seen until that long after the click. The server sends word of one together with the
/// click itself; this is for the thread that takes it in.
const PROBATION: Duration = Duration::from_millis(200);

/// No Allow counts that soon after an impostor.
const TAINTED: Duration = Duration::from_secs(1);

/// Asks in a window on an X display.
#[derive(Clone, Debug)]
pub struct WindowPrompt {
    display: Option<String>,
}

impl WindowPrompt {
    /// Whether questions can be asked on `display` (that of the environment when `None`).
    pub fn open(display: Option<&str>) -> Result<WindowPrompt, DesktopError> {
        let (conn, number) = super::connect(display)?;
        super::monitors::check_pixels(&conn, number)?;
        devices::require_xinput2(&conn)?;
        Ok(WindowPrompt {
            display: display.map(str::to_owned),
        })
    }
}

impl Prompt for WindowPrompt {
    fn ask(
        &self,
        question: Question,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let deadline = question.deadline;
        let form = ConsentForm::new(&question, seconds_left(deadline));
        self.open_window(form, deadline, answer)
    }

    fn ask_small(
        &self,
        question: SmallQuestion,
        answer: Box<dyn FnOnce(Choice) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let deadline = question.deadline;
        let form = SmallForm::new(&question, seconds_left(deadline));
        self.open_window(form, deadline, answer)
    }
}

impl WindowPrompt {
    fn open_window<F: Form>(
        &self,
        form: F,
        deadline: Instant,
        answer: Box<dyn FnOnce(F::Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let waker = Waker::new()?;
        let closed = Arc::new(AtomicBool::new(false));
        let window = Window::open(self.display.as_deref(), form, deadline, waker.clone())?;
        let (thread_waker, thread_closed) = (waker.clone(), Arc::clone(&closed));
        let thread = thread::Builder::new()
            .name("consent window".into())
            .spawn(move || {
                if let Some(given) = run(window, &thread_waker, &thread_closed) {
                    answer(given);
                }
            })?;
        Ok(Box::new(Shown {
            waker,
            closed,
            thread: Some(thread),
        }))
    }
}

/// The window as long as the question stands.
struct Shown {
    waker: Waker,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Asked for Shown {}

impl Drop for Shown {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It ends at once; a panic there has been reported already.
            let _ = thread.join();
        }
    }
}

/// Shows the window until there is an answer; `None` when the question was taken away.
fn run<F: Form>(mut window: Window<F>, waker: &Waker, closed: &AtomicBool) -> Option<F::Answer> {
    let deadline = window.deadline;
    match window.serve(closed) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!("the consent window is lost: {error}");
            drop(window);
            // The server cannot bring an answer any more, but the deadline still means something.
            while !closed.load(Ordering::Acquire) && seconds_left(deadline) > 0 {
                wait_without_server(waker, deadline);
            }
            (!closed.load(Ordering::Acquire)).then_some(F::TIMED_OUT)
        }
    }
}

fn wait_without_server(waker: &Waker, deadline: Instant) {
    if sleep(waker.as_fd(), waker, Some(deadline)).is_err() {
        thread::sleep(Duration::from_secs(1));
    }
}

/// The window and what it knows of its input.
struct Window<F: Form> {
    panel: Panel,
    waker: Waker,
    form: F,
    deadline: Instant,
    /// `None` where the server does not let us watch; then it is up to the devices alone.
    impostors: Option<Impostors>,
    /// Impostors that were counted already.
    impostors_seen: u32,
    /// When the last one was seen.
    impostor_at: Option<Instant>,
    /// An Allow on probation, and until when.
    given: Option<(F::Answer, Instant)>,
    /// Devices whose word counts.
    personal: Vec<DeviceId>,
    /// Keys that the window understands, by key code.
    keys: Vec<(u8, Key)>,
    /// Where the window is. It stays there when it grows: nothing moves under the user's pointer.
    corner: (i32, i32),
    /// Since when the window is in sight.
    visible: Option<Instant>,
    /// When to rise again, if it may not at once.
    rise: Option<Instant>,
    exposed: bool,
    /// Who had the keyboard before.
    focus: u32,
}

impl<F: Form> Window<F> {
    fn open(
        display: Option<&str>,
        mut form: F,
        deadline: Instant,
        waker: Waker,
    ) -> Result<Window<F>, DesktopError> {
        let mut panel = Panel::open(display, F::TITLE, Theme::Light, EventMask::STRUCTURE_NOTIFY)?;
        devices::require_xinput2(&panel.conn)?;
        listen(&panel)?;
        let impostors = Impostors::watch(display, waker.clone())
            .inspect_err(|error| tracing::warn!("clicks in the name of a device pass: {error}"))
            .ok();
        let personal = personal(&panel.conn)?;
        let keys = understood_keys(&panel.conn)?;
        let size = panel.measure(|ui| {
            form.show(ui);
        });
        let focus = panel.conn.get_input_focus()?.reply()?.focus;
        let mut window = Window {
            panel,
            waker,
            form,
            deadline,
            impostors,
            impostors_seen: 0,
            impostor_at: None,
            given: None,
            personal,
            keys,
            corner: (0, 0),
            visible: None,
            rise: None,
            exposed: false,
            focus,
        };
        window.place(size)?;
        window.panel.show()?;
        Ok(window)
    }

    /// In the middle of the primary monitor.
    fn place(&mut self, size: (u32, u32)) -> Result<(), DesktopError> {
        let m = self.panel.monitor;
        let middle = |start: u32, room: u32, need: u32| start + room.saturating_sub(need) / 2;
        self.corner = (
            middle(m.x, m.width, size.0) as i32,
            middle(m.y, m.height, size.1) as i32,
        );
        self.panel.place(self.corner.0, self.corner.1, size)
    }

    fn serve(&mut self, closed: &AtomicBool) -> Result<Option<F::Answer>, DesktopError> {
        let mut again = None;
        let mut dirty = true;
        loop {
            let (changed, more) = self.drain()?;
            dirty |= changed;
            if closed.load(Ordering::Acquire) {
                return Ok(None);
            }
            dirty |= self.tick();
            if self.form.state().seconds == 0 {
                return Ok(Some(F::TIMED_OUT));
            }
            self.rise_if_due()?;
            dirty |= self.refuse_impostors();
            if let Some(answer) = self.proven() {
                return Ok(Some(answer));
            }
            if dirty || again.is_some_and(|again| again <= Instant::now()) {
                let (drawn, answer) = self.draw()?;
                match answer {
                    Some(given) if F::allows(given) => self.put_on_probation(answer),
                    Some(_) => return Ok(answer),
                    None => {}
                }
                if let Some(size) = drawn.wants {
                    self.panel.place(self.corner.0, self.corner.1, size)?;
                }
                again = drawn.again;
                dirty = drawn.wants.is_some();
            } else if std::mem::take(&mut self.exposed) {
                self.panel.put()?;
            }
            if !dirty && !more {
                let until = self.next_moment(again);
                sleep(self.panel.conn.stream().as_fd(), &self.waker, Some(until))?;
            }
        }
    }

    /// Takes in the events that have come, up to the next key or button: egui moves its focus once a picture.
    /// Says whether to draw again, and whether more events may wait.
    fn drain(&mut self) -> Result<(bool, bool), DesktopError> {
        let mut changed = false;
        while let Some(event) = self.panel.conn.poll_for_event()? {
            let press = matches!(
                event,
                Event::XinputKeyPress(_)
                    | Event::XinputKeyRelease(_)
                    | Event::XinputButtonPress(_)
                    | Event::XinputButtonRelease(_)
            );
            let dirty = self.note(event)?;
            changed |= dirty;
            if press && dirty {
                return Ok((changed, true));
            }
        }
        Ok((changed, false))
    }

    /// Counts new impostors; whatever was clicked together with them does not count. True: something changed.
    fn refuse_impostors(&mut self) -> bool {
        let Some(impostors) = &self.impostors else {
            return false;
        };
        let blinded = impostors.is_blind();
        let new = impostors.seen().wrapping_sub(self.impostors_seen);
        if new == 0 && !(blinded && self.given.is_some()) {
            return false;
        }
        self.impostors_seen = self.impostors_seen.wrapping_add(new);
        self.impostor_at = Some(Instant::now());
        let state = self.form.state();
        state.refused = state.refused.saturating_add(new.max(1));
        self.given = None;
        self.panel.push(Input::PointerGone); // also ends a press by the impostor
        true
    }

    fn put_on_probation(&mut self, answer: Option<F::Answer>) {
        // Word of the impostor may have come before its click.
        let tainted = self.impostor_at.is_some_and(|at| at.elapsed() < TAINTED);
        let until = Instant::now() + PROBATION;
        self.given = answer.filter(|_| !tainted).map(|answer| (answer, until));
    }

    /// The Allow that has passed its probation.
    fn proven(&mut self) -> Option<F::Answer> {
        let (_, until) = self.given?;
        (until <= Instant::now()).then(|| self.given.take().map(|(answer, _)| answer))?
    }

    fn draw(&mut self) -> Result<(Drawn, Option<F::Answer>), DesktopError> {
        self.exposed = false;
        let mut answer = None;
        let form = &mut self.form;
        let drawn = self.panel.draw(|ui| answer = answer.or(form.show(ui)))?;
        Ok((drawn, answer))
    }

    /// Lets the time pass: the countdown, and Allow after the grace. True: something changed.
    fn tick(&mut self) -> bool {
        let seconds = seconds_left(self.deadline);
        let armed = self.visible.is_some_and(|since| since.elapsed() >= GRACE);
        let state = self.form.state();
        let changed = (seconds, armed) != (state.seconds, state.armed);
        (state.seconds, state.armed) = (seconds, armed);
        changed
    }

    fn next_moment(&mut self, again: Option<Instant>) -> Instant {
        let unarmed = !self.form.state().armed;
        let armed = self.visible.filter(|_| unarmed).map(|v| v + GRACE);
        let proven = self.given.map(|(_, until)| until);
        let moments = [again, armed, self.rise, proven];
        let first = moments.into_iter().flatten().min();
        let second = next_second(self.deadline);
        first.map_or(second, |first| first.min(second))
    }

    fn rise_if_due(&mut self) -> Result<(), DesktopError> {
        if self.rise.is_some_and(|rise| rise <= Instant::now()) {
            self.rise = self.panel.stay_in_front(Visibility::PARTIALLY_OBSCURED)?;
        }
        Ok(())
    }

    /// Takes an event in. True: draw again.
    fn note(&mut self, event: Event) -> Result<bool, DesktopError> {
        match event {
            Event::Expose(_) => self.exposed = true,
            Event::MapNotify(_) => self.take_keyboard()?,
            Event::VisibilityNotify(e) => {
                self.visible = match e.state {
                    Visibility::FULLY_OBSCURED => None,
                    _ => self.visible.or(Some(Instant::now())),
                };
                self.rise = self.panel.stay_in_front(e.state)?;
            }
            Event::MappingNotify(_) => self.keys = understood_keys(&self.panel.conn)?,
            Event::XinputHierarchy(_) | Event::XinputProperty(_) => {
                self.personal = personal(&self.panel.conn)?;
            }
            Event::XinputMotion(e) if self.is_personal(e.sourceid) => {
                self.panel.push(Input::PointerMoved(at(&self.panel, &e)));
                return Ok(true);
            }
            Event::XinputLeave(_) => {
                self.panel.push(Input::PointerGone);
                return Ok(true);
            }
            Event::XinputButtonPress(e) => return Ok(self.button(&e, true)),
            Event::XinputButtonRelease(e) => return Ok(self.button(&e, false)),
            Event::XinputKeyPress(e) => return Ok(self.key(&e, true)),
            Event::XinputKeyRelease(e) => return Ok(self.key(&e, false)),
            // We asked for none of these: another program sent them to the window.
            Event::ButtonPress(_) | Event::KeyPress(_) => return Ok(self.refuse(true)),
            _ => {}
        }
        Ok(false)
    }

    fn is_personal(&self, device: DeviceId) -> bool {
        self.personal.contains(&device)
    }

    /// Counts what a program did, once per press.
    fn refuse(&mut self, pressed: bool) -> bool {
        if pressed {
            let state = self.form.state();
            state.refused = state.refused.saturating_add(1);
        }
        pressed
    }

    fn button(&mut self, event: &xinput::ButtonPressEvent, pressed: bool) -> bool {
        if !self.is_personal(event.sourceid) {
            // The wheel answers nothing, and hands that scroll elsewhere pass over the window.
            return self.refuse(pressed && !(4..=7).contains(&event.detail));
        }
        if event.detail != 1 {
            return false;
        }
        let pos = at(&self.panel, event);
        self.panel.push(Input::PointerMoved(pos));
        self.panel.push(Input::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        true
    }

    fn key(&mut self, event: &xinput::KeyPressEvent, pressed: bool) -> bool {
        if !self.is_personal(event.sourceid) {
            return self.refuse(pressed);
        }
        let known = self
            .keys
            .iter()
            .find(|(c, _)| u32::from(*c) == event.detail);
        let armed = self.form.state().armed;
        let Some((_, key)) = known.filter(|_| armed) else {
            return false;
        };
        let shift = event.mods.effective & 1 != 0;
        self.panel.push(Input::Key {
            key: *key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Modifiers {
                shift,
                ..Modifiers::NONE
            },
        });
        true
    }

    /// A window without a window manager has to ask for the keyboard itself.
    fn take_keyboard(&mut self) -> Result<(), DesktopError> {
        let (window, now) = (self.panel.window, x11rb::CURRENT_TIME);
        let focus = self
            .panel
            .conn
            .set_input_focus(InputFocus::POINTER_ROOT, window, now)?;
        // Refused when the window is hidden already: then the mouse answers.
        let _ = focus.check();
        Ok(())
    }
}

impl<F: Form> Drop for Window<F> {
    fn drop(&mut self) {
        // Gives the keyboard back, if it is still here. Nothing to be done where the server is gone.
        let conn = &self.panel.conn;
        if let Some(impostors) = &self.impostors {
            impostors.end(conn);
        }
        let ours = |focus: u32| focus == self.panel.window;
        let reply = conn.get_input_focus().ok().and_then(|c| c.reply().ok());
        if reply.is_some_and(|reply| ours(reply.focus)) {
            let now = x11rb::CURRENT_TIME;
            if let Ok(cookie) = conn.set_input_focus(InputFocus::POINTER_ROOT, self.focus, now) {
                let _ = cookie.check();
            }
        }
    }
}

/// Asks for input events with their devices, and for a word when devices come and go.
fn listen(panel: &Panel) -> Result<(), DesktopError> {
    let input = xinput::EventMask {
        deviceid: xinput::Device::ALL_MASTER.into(),
        mask: vec![
            XIEventMask::BUTTON_PRESS
                | XIEventMask::BUTTON_RELEASE
                | XIEventMask::MOTION
                | XIEventMask::LEAVE
                | XIEventMask::KEY_PRESS
                | XIEventMask::KEY_RELEASE,
        ],
    };
    let devices = xinput::EventMask {
        deviceid: xinput::Device::ALL.into(),
        mask: vec![XIEventMask::HIERARCHY | XIEventMask::PROPERTY],
    };
    let conn = &panel.conn;
    conn.xinput_xi_select_events(panel.window, &[input])?
        .check()?;
    conn.xinput_xi_select_events(panel.root, &[devices])?
        .check()?;
    Ok(())
}

fn personal(conn: &RustConnection) -> Result<Vec<DeviceId>, DesktopError> {
    let all = devices::list(conn)?.into_iter();
    Ok(all.filter(|d| d.is_personal()).map(|d| d.id).collect())
}

/// Where in the panel the event happened (XInput's 16.16 fixed point).
fn at(panel: &Panel, event: &xinput::ButtonPressEvent) -> egui::Pos2 {
    let pixels = |fixed: i32| fixed as f32 / 65536.0;
    panel.point(pixels(event.event_x), pixels(event.event_y))
}

/// The keys that move through the window and press its buttons.
fn understood_keys(conn: &RustConnection) -> Result<Vec<(u8, Key)>, DesktopError> {
    let setup = conn.setup();
    let (min, max) = (setup.min_keycode, setup.max_keycode);
    let map = conn.get_keyboard_mapping(min, max - min + 1)?.reply()?;
    let width = usize::from(map.keysyms_per_keycode).max(1);
    let keys = map.keysyms.chunks(width).zip(min..=max);
    Ok(keys
        .filter_map(|(symbols, code)| {
            let key = match symbols.first()? {
                0xff09 => Key::Tab,
                0xff0d | 0xff8d => Key::Enter,
                0x20 => Key::Space,
                0xff52 => Key::ArrowUp,
                0xff54 => Key::ArrowDown,
                _ => return None,
            };
            Some((code, key))
        })
        .collect())
}
