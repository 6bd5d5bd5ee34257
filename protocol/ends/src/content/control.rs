//! What the ends say about the session itself.

use serde::{Deserialize, Serialize};
use sightline_protocol::capability::Capabilities;

/// Most points of one mark: a stroke of some seconds; a longer one comes in pieces.
pub const MARK_POINTS: usize = 1_024;

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
    /// Technician → agent: say how your computer is. Answered on the facts lane.
    AskFacts,
    /// Technician → agent: point there, or draw along these points (pixels of the remote screen); shown to the user for
    /// a while, clicking nothing. At most [`MARK_POINTS`].
    Mark {
        points: Vec<(i32, i32)>,
    },
    /// Technician → agent: what was done, for the ticket. It stands in the recording and in the user's history.
    Note {
        text: String,
    },
}
