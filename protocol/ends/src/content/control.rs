//! What the ends say about the session itself.

use serde::{Deserialize, Serialize};
use sightline_protocol::capability::Capabilities;

/// One record of class *control*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Technician → agent: everything up to update `frame` is on the canvas.
    Shown {
        frame: u64,
    },
    /// Either side: answer with `Pong` of the same number at once.
    Ping {
        number: u64,
    },
    Pong {
        number: u64,
    },
    /// Agent → technician: this is what is allowed from now on.
    Grants {
        capabilities: Capabilities,
        /// Why it changed, for the person.
        why: String,
    },
    /// Agent → technician: an input was dropped (said at most once a second).
    Refused {
        why: String,
    },
    /// Either side: the session ends, with a code of `sightline_protocol::close`.
    Bye {
        code: u16,
    },
}
