//! Linux with an X server: screen, hands, the consent window, the indicator and the window to write in.
//!
//! Each part has a connection of its own, so that none waits for another and a window that a person clicks
//! never depends on the thread that captures.

use x11rb::connection::Connection;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::rust_connection::RustConnection;

use super::DesktopError;

mod cursor;
mod damage;
mod devices;
pub mod hands;
mod hotkey;
mod impostors;
pub mod indicator;
mod keyboard;
pub(super) mod monitors;
pub mod overlay;
mod panel;
mod person;
mod player;
pub mod prompt;
mod prompt_view;
pub mod screen;
mod shm;
mod talk_view;
pub mod talk_window;
mod titles;

/// A connection and the number of its screen.
pub(super) fn connect(display: Option<&str>) -> Result<(RustConnection, usize), DesktopError> {
    RustConnection::connect(display).map_err(|error| {
        let name = display
            .map(str::to_owned)
            .or_else(|| std::env::var("DISPLAY").ok())
            .unwrap_or_else(|| "no DISPLAY is set".to_owned());
        DesktopError::NoDesktop(format!("X server {name:?}: {error}"))
    })
}

/// The root window's id.
pub(super) fn root(conn: &RustConnection, screen: usize) -> u32 {
    conn.setup().roots[screen].root
}

impl From<std::io::Error> for DesktopError {
    fn from(error: std::io::Error) -> Self {
        DesktopError::Gone(format!("waiting for the X server: {error}"))
    }
}

impl From<ConnectionError> for DesktopError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::UnsupportedExtension => {
                DesktopError::Unsupported("the X server lacks an extension".into())
            }
            error => DesktopError::Gone(format!("connection to the X server: {error}")),
        }
    }
}

impl From<ReplyError> for DesktopError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => error.into(),
            ReplyError::X11Error(error) => DesktopError::Unsupported(format!(
                "the X server refused {}: {:?}",
                error.request_name.unwrap_or("a request"),
                error.error_kind
            )),
        }
    }
}

impl From<ReplyOrIdError> for DesktopError {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(error) => error.into(),
            ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error).into(),
            ReplyOrIdError::IdsExhausted => {
                DesktopError::Unsupported("the X server has no resource numbers left".into())
            }
        }
    }
}
