//! The viewer's window: the remote screen, the bar, mouse and keyboard; the same for a live session and for a replay.
//!
//! The window runs on the main thread and waits for events; nothing polls. Other threads speak to it by [`WindowHandle`], and
//! it answers with [`Did`]. Updates are decoded on the thread that brings them (live: `io/decoding.rs`) and drawn as soon as they are, only where they changed.
//!
//! Absent: the network, recordings, files. What to draw and what a key means is decided in `pure`.

mod app;
mod code;
mod cursor;
mod dialog;
mod docked;
mod event_loop;
mod floats;
mod fonts;
mod handle;
mod hands;
mod keys;
mod panels;
mod picture;
mod strip;
mod transport;
mod waiting;

use std::sync::Arc;

use sightline_ends::content::Input;

pub use crate::pure::bar::Bar;
pub use crate::pure::fit::Scale;
pub use crate::pure::panels::{Ask, Heard};
pub use crate::pure::playback::{Mark, MarkKind, Playback, ReplayAct};
pub use code::ask_code;
pub use handle::WindowHandle;
pub use waiting::{WaitHandle, wait};

/// How the window starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub title: String,
    /// A recording is shown: no input, but controls for time.
    pub replay: bool,
    pub fullscreen: bool,
    pub scale: Scale,
}

/// What happened in the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Did {
    /// The technician's mouse or keyboard, in remote terms. Only while control is granted.
    Input(Input),
    /// The technician pointed there, or drew a stroke, in pixels of the remote screen.
    Mark(Vec<(i32, i32)>),
    /// The technician wants to end the session.
    End,
    /// The window is being closed.
    Closed,
    /// The window has the keyboard (no longer).
    Focus(bool),
    /// Everything up to this update was handed to the screen.
    Presented { frame: u64 },
    /// The auditor wants something of the replay.
    Replay(ReplayAct),
    /// A panel wants something done.
    Panel(Ask),
}

/// Why the window is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The person closed it.
    Closed,
    /// [`WindowHandle::close`] was called.
    Told,
}

/// Why there is no window, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("no window can be opened: {0}")]
    Open(String),
    #[error("the window cannot be drawn: {0}")]
    Draw(#[from] softbuffer::SoftBufferError),
    #[error("the display is gone: {0}")]
    Loop(#[from] winit::error::EventLoopError),
}

/// Whether there is a display at all; X11 today.
pub fn has_display() -> bool {
    std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty())
}

/// Opens the window and runs it, on this thread, until it is closed. `make` gets the handle before the window opens, to
/// start what feeds it; `did` is called on this thread and must not block.
pub fn run(
    options: Options,
    make: impl FnOnce(WindowHandle),
    did: impl Fn(Did) + Send + 'static,
) -> Result<Ended, WindowError> {
    event_loop::with(|event_loop| {
        let shared = Arc::new(handle::Shared::new(event_loop.create_proxy()));
        make(WindowHandle::new(shared.clone()));
        let mut app = app::App::new(options, shared, Box::new(did));
        event_loop::run(event_loop, &mut app)?;
        app.outcome()
    })?
}
