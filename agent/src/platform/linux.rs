//! Which backend serves on Linux: X11, and for questions the terminal as well.

use sightline_ends::consent::{Grant, kind};

use super::lines::TerminalLines;
use super::scrap::ScrapScreen;
use super::tty::TerminalPrompt;
use super::x11::hands::X11Hands;
use super::x11::indicator::X11Indicator;
use super::x11::overlay::X11Overlay;
use super::x11::prompt::WindowPrompt;
use super::x11::screen::X11Screen;
use super::{
    Backend, DesktopError, Hands, Indicator, Lines, Overlay, Prompt, Screen, UserWish, Watching,
};

/// Whether there is a desktop to share at all, before anybody is asked.
pub fn check_desktop(_backend: Backend) -> Result<(), DesktopError> {
    // Both backends read an X screen here.
    let (conn, screen) = super::x11::connect(None)?;
    super::x11::monitors::check_pixels(&conn, screen)
}

/// Opens the screen, in the thread that will use it.
pub fn open_screen(
    backend: Backend,
    allowed: &Grant<kind::View>,
) -> Result<Box<dyn Screen>, DesktopError> {
    match backend {
        Backend::X11 => Ok(Box::new(X11Screen::open(None, allowed)?)),
        Backend::Scrap => Ok(Box::new(ScrapScreen::open(allowed)?)),
        Backend::Auto => match X11Screen::open(None, allowed) {
            Ok(screen) => Ok(Box::new(screen)),
            Err(DesktopError::Unsupported(why)) => {
                tracing::warn!("capture by damage is not possible ({why}); looking by the clock");
                Ok(Box::new(ScrapScreen::open(allowed)?))
            }
            Err(error) => Err(error),
        },
    }
}

/// Takes mouse and keyboard. Dropping them lets go of everything.
pub fn open_hands() -> Result<Box<dyn Hands>, DesktopError> {
    Ok(Box::new(X11Hands::open(None)?))
}

/// Every way to ask the user that works here: a window, the terminal. An error if there is none.
pub fn open_prompts() -> Result<Vec<Box<dyn Prompt>>, DesktopError> {
    let window = WindowPrompt::open(None).map(|prompt| Box::new(prompt) as Box<dyn Prompt>);
    let terminal = TerminalPrompt::open().map(|prompt| Box::new(prompt) as Box<dyn Prompt>);
    match (window, terminal) {
        (Err(window), Err(terminal)) => Err(DesktopError::NoDesktop(format!(
            "nowhere to ask the user: {window}; {terminal}"
        ))),
        (window, terminal) => Ok(window.into_iter().chain(terminal).collect()),
    }
}

/// Shows who is watching. `wish` is called from another thread at each wish of the user.
pub fn show_indicator(
    watching: Watching,
    wish: Box<dyn Fn(UserWish) + Send>,
) -> Result<Box<dyn Indicator>, DesktopError> {
    Ok(Box::new(X11Indicator::show(None, watching, wish)?))
}

/// Shows what the technician draws.
pub fn open_overlay() -> Result<Box<dyn Overlay>, DesktopError> {
    Ok(Box::new(X11Overlay::open(None)?))
}

/// Reads what the user types into the terminal that the program was started from. `line` is called from another thread.
pub fn read_lines(line: Box<dyn Fn(String) + Send>) -> std::io::Result<Box<dyn Lines>> {
    Ok(Box::new(TerminalLines::read(line)?))
}

/// The name of this computer, as its user may know it.
pub fn computer_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
