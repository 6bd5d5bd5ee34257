//! What the window's panels want: each is to the session as a command that has joined it.

use std::io::Write as _;
use std::path::PathBuf;

use super::Running;
use crate::io::local::ClientId;
use crate::io::window::{Ask, Heard};

impl Running {
    pub(super) fn panel(&mut self, ask: Ask) {
        match ask {
            Ask::Session(seat, says) => self.command(ClientId::Window(seat), says),
            Ask::Save { name, text } => self.save(name, text),
        }
    }

    /// Writes a file for the technician, on a thread of its own: a disk may be slow.
    fn save(&self, name: String, text: String) {
        let Some(window) = self.window.clone() else {
            return;
        };
        tokio::task::spawn_blocking(move || window.heard(Heard::Saved(save(&name, &text))));
    }
}

/// Writes a new file into the technician's home; where it is, or why it is not.
fn save(name: &str, text: &str) -> Result<String, String> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let path = home
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join(name);
    let shown = path.display().to_string();
    let file = std::fs::File::create_new(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(shown),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(format!("{shown} is there already"))
        }
        Err(error) => Err(format!("{shown} cannot be written: {error}")),
    }
}
