//! The consent window. It takes the word of real input devices only ([`super::person`]).

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egui::Theme;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt as _, EventMask, InputFocus, Visibility};

use super::super::choice::{next_second, seconds_left};
use super::super::wake::{Waker, sleep};
use super::super::{Answer, Asked, Choice, DesktopError, Prompt, Question, SmallQuestion, Talk};
use super::devices;
use super::panel::{Drawn, Panel};
use super::person::{Keys, Noted, Person, TakesEvents};
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
        say: Box<dyn Fn(String) + Send>,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let deadline = question.deadline;
        let form = ConsentForm::new(&question, seconds_left(deadline));
        self.open_window(form, deadline, say, answer)
    }

    fn ask_small(
        &self,
        question: SmallQuestion,
        answer: Box<dyn FnOnce(Choice) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let deadline = question.deadline;
        let form = SmallForm::new(&question, seconds_left(deadline));
        // Nothing can be written there.
        self.open_window(form, deadline, Box::new(|_| {}), answer)
    }
}

impl WindowPrompt {
    fn open_window<F: Form>(
        &self,
        form: F,
        deadline: Instant,
        say: Box<dyn Fn(String) + Send>,
        answer: Box<dyn FnOnce(F::Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let waker = Waker::new()?;
        let shared = Arc::new(Shared::default());
        let mut window = Window::open(self.display.as_deref(), form, deadline, waker.clone())?;
        window.say = say;
        let (thread_waker, thread_shared) = (waker.clone(), Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name("consent window".into())
            .spawn(move || {
                if let Some(given) = run(window, &thread_waker, &thread_shared) {
                    answer(given);
                }
            })?;
        Ok(Box::new(Shown {
            waker,
            shared,
            thread: Some(thread),
        }))
    }
}

/// What the window's thread is told.
#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    news: Mutex<VecDeque<Talk>>,
}

impl Shared {
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn news(&self) -> MutexGuard<'_, VecDeque<Talk>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The window as long as the question stands.
struct Shown {
    waker: Waker,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Asked for Shown {
    fn talk(&self, news: Talk) {
        self.shared.news().push_back(news);
        self.waker.wake();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
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
fn run<F: Form>(mut window: Window<F>, waker: &Waker, shared: &Shared) -> Option<F::Answer> {
    let deadline = window.deadline;
    match window.serve(shared) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!("the consent window is lost: {error}");
            drop(window);
            // The server cannot bring an answer any more, but the deadline still means something.
            while !shared.closed() && seconds_left(deadline) > 0 {
                wait_without_server(waker, deadline);
            }
            (!shared.closed()).then_some(F::TIMED_OUT)
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
    person: Person,
    /// An Allow on probation, and until when.
    given: Option<(F::Answer, Instant)>,
    /// The same for words to the technician.
    words: Option<(String, Instant)>,
    /// Takes them.
    say: Box<dyn Fn(String) + Send>,
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
        let person = Person::at(&panel, display, waker.clone())?;
        let size = panel.measure(|ui| {
            form.show(ui);
        });
        let focus = panel.conn.get_input_focus()?.reply()?.focus;
        let mut window = Window {
            panel,
            waker,
            form,
            deadline,
            person,
            given: None,
            words: None,
            say: Box::new(|_| {}),
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

    fn serve(&mut self, shared: &Shared) -> Result<Option<F::Answer>, DesktopError> {
        let mut again = None;
        let mut dirty = true;
        loop {
            let (changed, more) = self.drain()?;
            dirty |= changed;
            if shared.closed() {
                return Ok(None);
            }
            for news in std::mem::take(&mut *shared.news()) {
                self.form.hear(news);
                dirty = true;
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
            dirty |= self.say_what_is_proven();
            if dirty || again.is_some_and(|again| again <= Instant::now()) {
                let (drawn, answer) = self.draw()?;
                match answer {
                    Some(given) if F::allows(given) => self.put_on_probation(answer),
                    Some(_) => return Ok(answer),
                    None => {}
                }
                if self.words.is_none()
                    && let Some(words) = self.form.take_words()
                {
                    self.words = Some((words, Instant::now() + PROBATION));
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

    /// Counts new impostors; whatever was clicked together with them does not count. True: something changed.
    fn refuse_impostors(&mut self) -> bool {
        let at_stake = self.given.is_some() || self.words.is_some();
        let Some(new) = self.person.impostors(&mut self.panel, at_stake) else {
            return false;
        };
        let state = self.form.state();
        state.refused = state.refused.saturating_add(new);
        self.given = None;
        if let Some((words, _)) = self.words.take() {
            self.form.put_back(words);
        }
        true
    }

    /// An impostor was seen so shortly before that word of it may have come before its click.
    fn is_tainted(&self) -> bool {
        let seen = self.person.impostor_at;
        seen.is_some_and(|at| at.elapsed() < TAINTED)
    }

    fn put_on_probation(&mut self, answer: Option<F::Answer>) {
        let tainted = self.is_tainted();
        let until = Instant::now() + PROBATION;
        self.given = answer.filter(|_| !tainted).map(|answer| (answer, until));
    }

    /// Hands on the words that have passed their probation; others go back into the field. True: something changed.
    fn say_what_is_proven(&mut self) -> bool {
        let due = |(_, until): &mut (String, Instant)| *until <= Instant::now();
        let Some((words, _)) = self.words.take_if(due) else {
            return false;
        };
        match self.is_tainted() {
            true => self.form.put_back(words),
            false => (self.say)(words),
        }
        true
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
        let said = self.words.as_ref().map(|(_, until)| *until);
        let moments = [again, armed, self.rise, proven, said];
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

    /// What a person did, or a program in a person's name.
    fn note_person(&mut self, event: &Event) -> Result<bool, DesktopError> {
        let keys = match self.form.state() {
            state if !state.armed => Keys::Nothing,
            state if state.writing => Keys::Text,
            _ => Keys::Buttons,
        };
        let noted = self.person.note(&mut self.panel, event, keys)?;
        match noted {
            Noted::Refused => {
                let state = self.form.state();
                state.refused = state.refused.saturating_add(1);
            }
            Noted::Enter => self.form.enter(),
            Noted::Other | Noted::Nothing | Noted::Input => {}
        }
        Ok(!matches!(noted, Noted::Other | Noted::Nothing))
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

impl<F: Form> TakesEvents for Window<F> {
    fn panel(&self) -> &Panel {
        &self.panel
    }

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
            event => return self.note_person(&event),
        }
        Ok(false)
    }
}

impl<F: Form> Drop for Window<F> {
    fn drop(&mut self) {
        // Gives the keyboard back, if it is still here. Nothing to be done where the server is gone.
        let conn = &self.panel.conn;
        self.person.leave(conn);
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
