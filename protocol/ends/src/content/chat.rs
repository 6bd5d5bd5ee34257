//! What people write to each other.

use serde::{Deserialize, Serialize};

/// One record of class *chat*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chat {
    /// One message. Whoever shows it makes it harmless first (`text::harmless`).
    Say { text: String },
}
