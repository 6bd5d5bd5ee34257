//! What people write to each other.

use serde::{Deserialize, Serialize};

/// Longest message in characters that is shown: some pages. A record holds no more anyway.
pub const CHAT_CAP: usize = 4_000;

/// One record of class *chat*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chat {
    /// One message. Whoever shows it makes it harmless first (`text::harmless`).
    Say { text: String },
}
