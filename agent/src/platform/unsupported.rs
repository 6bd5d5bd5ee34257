//! An operating system that Sightline cannot share yet: says so.

use sightline_ends::consent::{Grant, kind};

use super::{
    Backend, DesktopError, Hands, Indicator, Lines, Overlay, Prompt, Screen, UserWish, Watching,
};

fn unsupported<T>() -> Result<T, DesktopError> {
    let system = std::env::consts::OS;
    Err(DesktopError::Unsupported(format!(
        "sharing the desktop of {system}; only Linux with X11 can be shared"
    )))
}

pub fn check_desktop(_backend: Backend) -> Result<(), DesktopError> {
    unsupported()
}

pub fn open_screen(
    _backend: Backend,
    _allowed: &Grant<kind::View>,
) -> Result<Box<dyn Screen>, DesktopError> {
    unsupported()
}

pub fn open_hands() -> Result<Box<dyn Hands>, DesktopError> {
    unsupported()
}

pub fn open_prompts() -> Result<Vec<Box<dyn Prompt>>, DesktopError> {
    unsupported()
}

pub fn show_indicator(
    _watching: Watching,
    _wish: Box<dyn Fn(UserWish) + Send>,
) -> Result<Box<dyn Indicator>, DesktopError> {
    unsupported()
}

pub fn open_overlay() -> Result<Box<dyn Overlay>, DesktopError> {
    unsupported()
}

pub fn read_lines(_line: Box<dyn Fn(String) + Send>) -> std::io::Result<Box<dyn Lines>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

pub fn computer_name() -> String {
    "this computer".to_owned()
}
