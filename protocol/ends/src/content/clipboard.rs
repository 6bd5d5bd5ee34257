//! Clipboards. Each side says what its clipboard has; contents go over when the other side asks for them.

use serde::{Deserialize, Serialize};
use sightline_protocol::id::Digest;

/// In which form a content is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Form {
    /// UTF-8.
    Text,
    /// UTF-8, a fragment or a document.
    Html,
    Png,
}

/// One record of class *clipboard*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipboardMessage {
    /// My clipboard has something new, in these forms. `offer` counts a side's offers from 0; an offer ends the one
    /// before. No forms: it is empty, or what it has is not for others (a password manager said so).
    Offer { offer: u64, forms: Vec<Form> },
    /// The person here wants to paste what you offered.
    Ask { offer: u64, form: Form },
    /// A part of the content asked for, sealed once more for the ends alone unless the organisation records clipboards
    /// in full; `last` ends it.
    Part {
        offer: u64,
        form: Form,
        bytes: Vec<u8>,
        last: bool,
    },
    /// What went over, for the recording: after its last part.
    Note {
        offer: u64,
        form: Form,
        bytes: u64,
        sha256: Digest,
    },
    /// What was asked for is not to be had.
    Not { offer: u64, form: Form, why: String },
}
