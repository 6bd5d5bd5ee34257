//! Clipboards. Whose clipboard it is says what it has; contents go over when the other side asks for them.

use serde::{Deserialize, Serialize};
use sightline_protocol::id::Digest;

/// Whose clipboard it is about. Each has its own right and its own lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whose {
    /// The user's: the technician reads it.
    Users,
    /// The technician's: it sets the user's.
    Technicians,
}

/// In which form a content is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Form {
    /// UTF-8.
    Text,
    /// UTF-8, a fragment or a document.
    Html,
    Png,
}

impl Form {
    pub const ALL: [Form; 3] = [Form::Text, Form::Html, Form::Png];

    /// The word used on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Form::Text => "text",
            Form::Html => "html",
            Form::Png => "png",
        }
    }

    pub fn from_word(word: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.word() == word)
    }

    /// Whether these bytes are of this form, as far as it can be told without reading a picture.
    pub fn fits(self, bytes: &[u8]) -> bool {
        match self {
            Form::Text | Form::Html => std::str::from_utf8(bytes).is_ok(),
            Form::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        }
    }
}

/// One record of class *clipboard*. Who has the clipboard says `Offer`, `Giving` and `Not`, the other side the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipboardMessage {
    /// The clipboard has something new, in these forms. `offer` counts from 0; an offer ends the one before. No forms: it
    /// is empty, or what it has is not for others (a password manager said so).
    Offer { offer: u64, forms: Vec<Form> },
    /// The person here wants to paste what was offered. `ask` counts from 0.
    Ask { ask: u32, offer: u64, form: Form },
    /// So much is coming, with this hash, as records of class *clipboard content*. Every recording holds this.
    Giving {
        ask: u32,
        form: Form,
        bytes: u64,
        sha256: Digest,
    },
    /// What was asked for is not to be had, or not to its end.
    Not { ask: u32, why: String },
    /// So many bytes of it were taken, so that more may come; all of them: it is whole and of that hash.
    Got { ask: u32, bytes: u64 },
    /// No more of it.
    Stop { ask: u32, why: String },
}

/// One record of class *clipboard content*: the next bytes of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipboardPart {
    pub ask: u32,
    #[serde(with = "sightline_protocol::octets")]
    pub bytes: Vec<u8>,
}
