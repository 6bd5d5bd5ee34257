//! The operating system's clipboard, for both programs at the ends: says what was copied, reads it when the other side
//! asks, and offers there what the other side has, which is fetched when somebody pastes it.
//!
//! Only the clipboard of *copy* and *paste* is used; what is merely selected (X11's PRIMARY) is left alone, and nothing is
//! ever pasted. What a password manager marks as such is as good as not copied.
//!
//! The crate `arboard` holds contents before anybody asks for them, does not tell of changes and reads no hints; hence this.
//!
//! Absent: what may cross (`sightline_ends::consent`) and how (`sightline_ends::clipboard`), sockets, windows that are seen.

mod exchange;
#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(target_os = "linux")]
mod x11;

use std::sync::Arc;

pub use exchange::{Crossed, Exchange, Out};
use sightline_ends::content::Form;
use sightline_protocol::id::Digest;
#[cfg(not(target_os = "linux"))]
pub use unsupported::Desk;
#[cfg(target_os = "linux")]
pub use x11::Desk;

/// A content with its SHA-256.
pub type Content = (Arc<Vec<u8>>, Digest);

/// What happens on this computer's clipboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Something was copied here, in these forms; none: nothing, or nothing for others.
    Copied(Vec<Form>),
    /// The answer to [`System::fetch`].
    Fetched(Form, Result<Content, String>),
    /// Somebody pastes what is offered here; answered by [`System::give`].
    Pasted(Form),
    /// There is no clipboard any more.
    Gone(String),
}

/// A computer's clipboard.
pub trait System {
    /// Reads what was copied here last; answered by [`Happened::Fetched`].
    fn fetch(&mut self, form: Form);
    /// Offers something of the other side here; no forms: takes it away again.
    fn offer(&mut self, forms: &[Form]);
    /// What somebody pastes, or why it is not to be had. Does nothing if nobody waits for it.
    fn give(&mut self, form: Form, content: Result<Arc<Vec<u8>>, String>);
}

/// How a [`Desk`] behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Tell what is copied here. Otherwise nothing of it is looked at.
    pub watch: bool,
    /// Mark what is offered here as a secret, so that clipboard managers neither fetch nor keep it.
    pub secret: bool,
}

/// Why there is no clipboard.
#[derive(Debug, thiserror::Error)]
pub enum ClipboardError {
    #[error("no clipboard: {0}")]
    None(String),
}
