//! Answers a technician who asks how this computer is.

use sightline_ends::consent::{Grant, kind};
use sightline_ends::session::AgentSays;

use super::beside::Says;
use crate::platform;

/// Looks around on a thread of its own, one technician's question at a time.
#[derive(Default)]
pub struct FactsFinder(Option<tokio::task::JoinHandle<()>>);

impl FactsFinder {
    /// Answers into `says`. Asked again while it is still looking, it answers once.
    pub fn find(&mut self, grant: Grant<kind::View>, says: Says) {
        if self.0.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        self.0 = Some(tokio::task::spawn_blocking(move || {
            let facts = Box::new(platform::facts::facts(&grant));
            // The session may have ended meanwhile.
            let _ = says.blocking_send(AgentSays::Facts(facts));
        }));
    }
}
