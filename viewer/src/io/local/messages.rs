//! What commands and the program that holds a session say to each other: framed as on the wire (PROTOCOL.md §2).

use serde::{Deserialize, Serialize};
use sightline_ends::content::Facts;
use sightline_protocol::capability::Capabilities;
use sightline_protocol::messages;

/// Of these messages. Another one is refused: both are one program, of which somebody installed a newer one meanwhile.
pub const VERSION: u16 = 1;

/// The session that a command has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub version: u16,
    pub computer: String,
    pub technician: String,
    pub organisation: String,
    pub allowed: Capabilities,
}

messages! {
    /// Command → the program that holds the session.
    pub enum FromCommand {
        /// A message for the user.
        Say(String) = 10, 20_000;
        /// The closing note.
        Note(String) = 11, 20_000;
        AskFacts(()) = 20, 0;
    }
}

messages! {
    /// The program that holds the session → command.
    pub enum FromHolder {
        /// Comes first.
        Welcome(Welcome) = 101, 4_096;
        /// What is allowed changed, and why.
        Allowed((Capabilities, String)) = 102, 20_000;
        /// What the command wanted cannot be, for this reason.
        Refused(String) = 103, 20_000;
        /// The session is over, with a code of `sightline_protocol::close`.
        Over(u16) = 104, 2;
        /// Done as wanted, where nothing else answers.
        Done(()) = 105, 0;
        /// A message of the user.
        Said(String) = 110, 20_000;
        Facts(Box<Facts>) = 120, 524_288;
    }
}
