//! How other threads speak to the window.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use sightline_ends::content::Scene;
use sightline_picture::PictureError;
use winit::event_loop::EventLoopProxy;

use super::event_loop::Wake;
use super::{Bar, Playback};
use crate::pure::hands_shown::HandsShown;
use crate::pure::panels::Heard;
use crate::pure::stage::Stage;

/// For what is on the canvas to be presented, before a long decoding begins that keeps the canvas: about what presenting takes. A window that is
/// slower than that, or gone, is not waited for.
const SEEN_WITHIN: Duration = Duration::from_millis(5);

/// Speaks to the window from any thread. When the window is gone, what it says has no effect.
#[derive(Clone)]
pub struct WindowHandle(Arc<Shared>);

impl WindowHandle {
    pub(super) fn new(shared: Arc<Shared>) -> WindowHandle {
        WindowHandle(shared)
    }

    /// Takes one scene, in order. When it ends an update, that is decoded here, on the calling thread, and its number
    /// returned: it is on the canvas now, and on the screen a moment later ([`super::Did::Presented`]).
    pub fn scene(&self, scene: &Scene) -> Result<Option<u64>, PictureError> {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = stage.take(scene);
        *self.0.unseen() = true;
        drop(stage);
        self.0.wake();
        taken
    }

    /// Waits a moment, until what is on the canvas has been presented.
    pub fn await_seen(&self) {
        let unseen = self.0.unseen();
        let seen = &self.0.seen;
        drop(seen.wait_timeout_while(unseen, SEEN_WITHIN, |unseen| *unseen));
    }

    /// Takes one scene of many, in order; updates are read but not seen before [`WindowHandle::settle`].
    pub fn scene_later(&self, scene: &Scene) -> Result<(), PictureError> {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        stage.take_later(scene).map(|_| ())
    }

    /// Shows what was taken for later.
    pub fn settle(&self) -> Result<(), PictureError> {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = stage.settle();
        drop(stage);
        self.0.wake();
        settled
    }

    /// Says what a technician's hands did, to be drawn over the picture.
    pub fn hands(&self, hands: HandsShown) {
        self.0.note(|notes| notes.hands = hands);
    }

    /// Says what the bar shows and what is allowed.
    pub fn bar(&self, bar: Bar) {
        self.0.note(|notes| notes.bar = bar);
    }

    /// Tells the panels.
    pub fn heard(&self, heard: Heard) {
        self.0.heard().push_back(heard);
        self.0.wake();
    }

    /// Says where the replay is.
    pub fn playback(&self, playback: Playback) {
        self.0.note(|notes| notes.playback = playback);
    }

    /// Shows this sentence over the dimmed last picture, with a button that closes the window.
    pub fn ended(&self, sentence: String) {
        self.0.note(|notes| notes.ended = Some(sentence));
    }

    /// Closes the window.
    pub fn close(&self) {
        self.0.note(|notes| notes.close = true);
    }
}

/// What the threads say, apart from pictures.
#[derive(Clone, Default)]
pub(super) struct Notes {
    pub bar: Bar,
    pub playback: Playback,
    pub hands: HandsShown,
    pub ended: Option<String>,
    pub close: bool,
}

/// What the window shares with the threads that feed it.
pub(super) struct Shared {
    stage: Mutex<Stage>,
    /// There is something on the canvas that was not presented yet.
    unseen: Mutex<bool>,
    seen: Condvar,
    notes: Mutex<Notes>,
    noted: AtomicBool,
    /// What the panels have not heard yet. A terminal's output is bounded by what they say they took.
    heard: Mutex<VecDeque<Heard>>,
    /// A wake-up is on its way; further ones would say the same.
    woken: AtomicBool,
    proxy: EventLoopProxy<Wake>,
}

impl Shared {
    pub(super) fn new(proxy: EventLoopProxy<Wake>) -> Shared {
        Shared {
            stage: Mutex::default(),
            unseen: Mutex::default(),
            seen: Condvar::new(),
            notes: Mutex::default(),
            noted: AtomicBool::new(false),
            heard: Mutex::default(),
            woken: AtomicBool::new(false),
            proxy,
        }
    }

    fn unseen(&self) -> MutexGuard<'_, bool> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the canvas has been presented. To be said while the stage is still held.
    pub(super) fn presented(&self) {
        *self.unseen() = false;
        self.seen.notify_all();
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            // Fails only when the window is gone.
            let _ = self.proxy.send_event(Wake);
        }
    }

    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        self.noted.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn heard(&self) -> MutexGuard<'_, VecDeque<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next of what the panels have not heard yet.
    pub(super) fn next_heard(&self) -> Option<Heard> {
        self.heard().pop_front()
    }

    /// The wake-up arrived; what is said from now on needs another.
    pub(super) fn awake(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }

    /// The notes, if there are new ones.
    pub(super) fn notes(&self) -> Option<Notes> {
        let noted = self.noted.swap(false, Ordering::SeqCst);
        noted.then(|| {
            let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.clone()
        })
    }

    /// The stage, unless an update is being decoded into it: then a wake-up follows, and keys need not wait for it.
    pub(super) fn stage(&self) -> Option<MutexGuard<'_, Stage>> {
        match self.stage.try_lock() {
            Ok(stage) => Some(stage),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
