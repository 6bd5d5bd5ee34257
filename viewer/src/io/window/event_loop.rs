//! The one event loop that a process may have: the code prompt and the session take turns with it.

use std::cell::RefCell;

use winit::application::ApplicationHandler;
use winit::event_loop::EventLoop;
use winit::platform::run_on_demand::EventLoopExtRunOnDemand;

use super::WindowError;

/// Says that something is to be fetched from [`super::handle::Shared`].
pub(super) struct Wake;

thread_local! {
    static LOOP: RefCell<Option<EventLoop<Wake>>> = const { RefCell::new(None) };
}

/// Lends the event loop of this thread, made at the first call.
pub(super) fn with<R>(act: impl FnOnce(&mut EventLoop<Wake>) -> R) -> Result<R, WindowError> {
    LOOP.with_borrow_mut(|slot| {
        if slot.is_none() {
            let made = EventLoop::with_user_event().build();
            *slot = Some(made.map_err(|error| WindowError::Open(error.to_string()))?);
        }
        match slot.as_mut() {
            Some(event_loop) => Ok(act(event_loop)),
            None => Err(WindowError::Open("no event loop".to_owned())),
        }
    })
}

/// Runs it until `app` exits.
pub(super) fn run(
    event_loop: &mut EventLoop<Wake>,
    app: &mut impl ApplicationHandler<Wake>,
) -> Result<(), WindowError> {
    Ok(event_loop.run_app_on_demand(app)?)
}
