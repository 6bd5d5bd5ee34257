//! Who is at the session besides the picture: commands that have joined, and the window's panels.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::io::local::{ClientId, FromHolder};
use crate::io::window::{Heard, WindowHandle};

/// What each of them hears.
pub struct Clients {
    commands: BTreeMap<ClientId, mpsc::UnboundedSender<FromHolder>>,
    window: Option<WindowHandle>,
}

impl Clients {
    pub fn new(window: Option<WindowHandle>) -> Clients {
        Clients {
            commands: BTreeMap::new(),
            window,
        }
    }

    pub fn came(&mut self, id: ClientId, hears: mpsc::UnboundedSender<FromHolder>) {
        self.commands.insert(id, hears);
    }

    pub fn left(&mut self, id: ClientId) {
        self.commands.remove(&id);
    }

    /// No command has joined.
    pub fn none(&self) -> bool {
        self.commands.is_empty()
    }

    /// Says it to one. One that has just left hears nothing, and nothing is lost by that.
    pub fn tell(&self, id: ClientId, message: FromHolder) {
        match (id, &self.window) {
            (ClientId::Window(seat), Some(window)) => {
                window.heard(Heard::Session(Some(seat), message));
            }
            _ => {
                if let Some(hears) = self.commands.get(&id) {
                    let _ = hears.send(message);
                }
            }
        }
    }

    pub fn tell_all(&self, message: &FromHolder) {
        self.tell_others(None, message);
    }

    /// Says it to all but this one.
    pub fn tell_others(&self, not: Option<ClientId>, message: &FromHolder) {
        for (id, hears) in &self.commands {
            if not != Some(*id) {
                let _ = hears.send(message.clone());
            }
        }
        if let Some(window) = &self.window
            && !matches!(not, Some(ClientId::Window(_)))
        {
            window.heard(Heard::Session(None, message.clone()));
        }
    }
}
