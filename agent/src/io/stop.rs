//! The user's wish to stop, from wherever it comes: the indicator, the hot key, the terminal, a signal.

use std::sync::{Arc, OnceLock};

use sightline_ends::consent::Revoker;
use sightline_protocol::close::CloseCode;
use tokio::sync::mpsc;

/// Takes the grants back on the spot, then tells the event loop.
#[derive(Clone)]
pub struct Stop {
    wish: mpsc::UnboundedSender<CloseCode>,
    grants: Arc<OnceLock<Revoker>>,
}

impl Stop {
    pub fn new() -> (Stop, mpsc::UnboundedReceiver<CloseCode>) {
        let (wish, wishes) = mpsc::unbounded_channel();
        let stop = Stop {
            wish,
            grants: Arc::default(),
        };
        (stop, wishes)
    }

    /// From now on these are the grants to take back.
    pub fn arm(&self, grants: Revoker) {
        let _ = self.grants.set(grants);
    }

    pub fn stop(&self) {
        if let Some(grants) = self.grants.get() {
            grants.revoke();
        }
        let _ = self.wish.send(CloseCode::StoppedByUser);
    }
}
