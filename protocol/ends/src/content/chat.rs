//! What people write to each other.

use serde::{Deserialize, Serialize};

/// Longest message in characters that is shown: some pages. A record holds no more anyway.
pub const CHAT_CAP: usize = 4_000;

/// One record of class *chat*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chat {
    /// One message. Whoever shows it makes it harmless first (`text::harmless`).
    Say { text: String },
    /// What this author said before the consent, when nothing could be recorded: its first records, one for each message, in
    /// order. `ago_ms`: how long before this record's time, in milliseconds, by the author's word.
    Earlier { text: String, ago_ms: u64 },
}
