//! The title of the window that the user works in: what the window manager calls active (EWMH), else what has the
//! keyboard. Told by events; nothing is looked up that did not change.

use sightline_ends::content::TITLE_CAP;
use sightline_ends::text::harmless;
use x11rb::errors::ReplyError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, GetPropertyReply,
};
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;

/// What the root window must tell for this, besides what others ask of it.
pub fn root_events() -> EventMask {
    EventMask::PROPERTY_CHANGE | EventMask::FOCUS_CHANGE
}

/// Words of four bytes of a title that are read: four bytes for each character that is kept, at most.
const TITLE_WORDS: u32 = TITLE_CAP as u32;
/// How far above the window with the keyboard a title is looked for: toolkits put it into a window of their own.
const DEPTH: usize = 8;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        _NET_ACTIVE_WINDOW,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_NAME,
        UTF8_STRING,
    }
}

/// Follows the active window and its title.
pub struct Titles {
    atoms: Atoms,
    root: u32,
    /// The window whose title it is; its properties are watched.
    titled: Option<u32>,
    /// The window that has the keyboard, watched for losing it; only where no window manager says what is active.
    focused: Option<u32>,
}

impl Titles {
    /// `root` must tell [`root_events`].
    pub fn new(conn: &RustConnection, root: u32) -> Result<Titles, DesktopError> {
        let atoms = Atoms::new(conn)?.reply()?;
        Ok(Titles {
            atoms,
            root,
            titled: None,
            focused: None,
        })
    }

    /// Whether the event may mean another title.
    pub fn concerns(&self, event: &Event) -> bool {
        match event {
            Event::PropertyNotify(e) if e.window == self.root => {
                e.atom == self.atoms._NET_ACTIVE_WINDOW
            }
            Event::PropertyNotify(e) => {
                let name = [self.atoms._NET_WM_NAME, AtomEnum::WM_NAME.into()];
                Some(e.window) == self.titled && name.contains(&e.atom)
            }
            Event::FocusIn(_) | Event::FocusOut(_) => true,
            _ => false,
        }
    }

    /// The title at this moment, harmless and of at most [`TITLE_CAP`] characters; empty if there is none.
    pub fn read(&mut self, conn: &RustConnection) -> Result<String, DesktopError> {
        let (window, focused) = match self.active(conn)? {
            Some(window) => (window, None),
            None => self.with_keyboard(conn)?,
        };
        self.watch(conn, window, focused)?;
        let Some(window) = window else {
            return Ok(String::new());
        };
        // Only now: a change after the watch began is told by an event.
        let title = self.title_of(conn, window)?.unwrap_or_default();
        Ok(harmless(&title, TITLE_CAP))
    }

    /// What the window manager says; `None` if there is none that says it.
    fn active(&self, conn: &RustConnection) -> Result<Option<Option<u32>>, DesktopError> {
        let ask = |atom| conn.get_property(false, self.root, atom, AtomEnum::WINDOW, 0, 1);
        let active = ask(self.atoms._NET_ACTIVE_WINDOW)?;
        let manager = ask(self.atoms._NET_SUPPORTING_WM_CHECK)?;
        let id = |reply: GetPropertyReply| reply.value32().and_then(|mut ids| ids.next());
        let (active, manager) = (id(active.reply()?), id(manager.reply()?));
        // A manager that has not called any window active yet keeps the keyboard in a window of its own.
        let window = active.or(manager.map(|_| 0));
        Ok(window.map(|id| Some(id).filter(|id| *id != 0 && *id != self.root)))
    }

    /// The window with the keyboard, or the one above it that has a title; and the one with the keyboard.
    fn with_keyboard(
        &self,
        conn: &RustConnection,
    ) -> Result<(Option<u32>, Option<u32>), DesktopError> {
        let focus = conn.get_input_focus()?.reply()?.focus;
        // 0 is nowhere, 1 follows the pointer: the root tells when that changes.
        if focus <= 1 || focus == self.root {
            return Ok((None, None));
        }
        let mut window = focus;
        for _ in 0..DEPTH {
            if self.title_of(conn, window)?.is_some() {
                return Ok((Some(window), Some(focus)));
            }
            match there(conn.query_tree(window)?.reply())? {
                Some(tree) if tree.parent != self.root && tree.parent != 0 => window = tree.parent,
                _ => break,
            }
        }
        Ok((Some(focus), Some(focus)))
    }

    fn watch(
        &mut self,
        conn: &RustConnection,
        titled: Option<u32>,
        focused: Option<u32>,
    ) -> Result<(), DesktopError> {
        if (titled, focused) == (self.titled, self.focused) {
            return Ok(());
        }
        for old in [self.titled, self.focused].into_iter().flatten() {
            select(conn, old, EventMask::NO_EVENT)?;
        }
        if let Some(window) = focused {
            select(conn, window, EventMask::FOCUS_CHANGE)?;
        }
        if let Some(window) = titled {
            let both = EventMask::PROPERTY_CHANGE | EventMask::FOCUS_CHANGE;
            select(conn, window, both)?;
        }
        (self.titled, self.focused) = (titled, focused);
        Ok(())
    }

    fn title_of(&self, conn: &RustConnection, window: u32) -> Result<Option<String>, DesktopError> {
        let (modern, utf8) = (self.atoms._NET_WM_NAME, self.atoms.UTF8_STRING);
        let modern = conn.get_property(false, window, modern, utf8, 0, TITLE_WORDS)?;
        let old = AtomEnum::WM_NAME;
        let old = conn.get_property(false, window, old, AtomEnum::ANY, 0, TITLE_WORDS)?;
        let text = |reply: Option<GetPropertyReply>| {
            reply.filter(|reply| reply.format == 8 && !reply.value.is_empty())
        };
        let (modern, old) = (there(modern.reply())?, there(old.reply())?);
        if let Some(reply) = text(modern) {
            return Ok(Some(String::from_utf8_lossy(&reply.value).into_owned()));
        }
        Ok(text(old).map(|reply| {
            if reply.type_ == u32::from(AtomEnum::STRING) {
                reply.value.iter().copied().map(char::from).collect() // Latin-1
            } else {
                String::from_utf8_lossy(&reply.value).into_owned()
            }
        }))
    }
}

fn select(conn: &RustConnection, window: u32, mask: EventMask) -> Result<(), DesktopError> {
    let attributes = ChangeWindowAttributesAux::new().event_mask(mask);
    conn.change_window_attributes(window, &attributes)?
        .ignore_error(); // it may be gone already
    Ok(())
}

/// `None` when the window is gone.
fn there<T>(reply: Result<T, ReplyError>) -> Result<Option<T>, DesktopError> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
