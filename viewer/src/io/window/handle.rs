//! How other threads speak to the window.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use sightline_ends::content::Scene;
use sightline_picture::PictureError;
use winit::event_loop::EventLoopProxy;

use super::event_loop::Wake;
use super::{Bar, Playback};
use crate::pure::hands_shown::HandsShown;
use crate::pure::stage::Stage;

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
        drop(stage);
        self.0.wake();
        taken
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
    notes: Mutex<Notes>,
    noted: AtomicBool,
    /// A wake-up is on its way; further ones would say the same.
    woken: AtomicBool,
    proxy: EventLoopProxy<Wake>,
}

impl Shared {
    pub(super) fn new(proxy: EventLoopProxy<Wake>) -> Shared {
        Shared {
            stage: Mutex::default(),
            notes: Mutex::default(),
            noted: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            proxy,
        }
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
