//! Terminals. One terminal has the same lane number in both directions.

use serde::{Deserialize, Serialize};

/// One record of class *shell* from a technician.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShellInput {
    /// Starts the terminal; comes first. Sizes in character cells; `term` as in the variable TERM.
    Open {
        columns: u16,
        rows: u16,
        term: String,
        /// For the user's login shell to run; empty: the shell itself.
        command: String,
    },
    /// Bytes as they would come from a keyboard.
    Data(#[serde(with = "sightline_protocol::octets")] Vec<u8>),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Hangs up.
    Close,
    /// Bytes of output that were taken so far: more may come.
    Seen {
        bytes: u64,
    },
}

/// One record of class *shell* from an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShellOutput {
    /// The terminal runs this program.
    Opened { program: String },
    /// Bytes as the program wrote them; a character may be split between two records.
    Data(#[serde(with = "sightline_protocol::octets")] Vec<u8>),
    /// The program ended: its exit code, or 128 + the signal's number.
    Exited { code: i32 },
    /// There will be no terminal, for this reason.
    Failed { why: String },
}
