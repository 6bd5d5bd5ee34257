//! The commands that have joined the session.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::io::local::{ClientId, FromHolder};

/// What each of them hears.
#[derive(Default)]
pub struct Clients(BTreeMap<ClientId, mpsc::UnboundedSender<FromHolder>>);

impl Clients {
    pub fn came(&mut self, id: ClientId, hears: mpsc::UnboundedSender<FromHolder>) {
        self.0.insert(id, hears);
    }

    pub fn left(&mut self, id: ClientId) {
        self.0.remove(&id);
    }

    pub fn none(&self) -> bool {
        self.0.is_empty()
    }

    /// Says it to one. One that has just left hears nothing, and nothing is lost by that.
    pub fn tell(&self, id: ClientId, message: FromHolder) {
        if let Some(hears) = self.0.get(&id) {
            let _ = hears.send(message);
        }
    }

    pub fn tell_all(&self, message: &FromHolder) {
        for hears in self.0.values() {
            let _ = hears.send(message.clone());
        }
    }
}
