//! What the window's panels want: each is to the session as a command that has joined it.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use sightline_ends::content::PathBytes;
use sightline_program::transfer::list;

use super::Running;
use crate::io::local::ClientId;
use crate::io::window::{Ask, Heard};

impl Running {
    pub(super) fn panel(&mut self, ask: Ask) {
        match ask {
            Ask::Session(seat, says) => self.command(ClientId::Window(seat), says),
            Ask::Save { name, text } => self.save(name, text),
            Ask::ListHere(path) => self.list_here(path),
            Ask::GoTo(_) => {} // there is only now
        }
    }

    fn list_here(&self, path: PathBytes) {
        let Some(window) = self.window.clone() else {
            return;
        };
        let path = match path.is_empty() {
            true => home(),
            false => PathBuf::from(OsString::from_vec(path)),
        };
        tokio::task::spawn_blocking(move || {
            let listed = list(&path);
            let listed = listed.map(|(path, lines)| (path.into_os_string().into_vec(), lines));
            window.heard(Heard::ListedHere(listed));
        });
    }

    /// Writes a file for the technician, on a thread of its own: a disk may be slow.
    fn save(&self, name: String, text: String) {
        let Some(window) = self.window.clone() else {
            return;
        };
        tokio::task::spawn_blocking(move || window.heard(Heard::Saved(save(&name, &text))));
    }
}

fn home() -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map_or_else(std::env::temp_dir, PathBuf::from)
}

/// Writes a new file into the technician's home; where it is, or why it is not.
fn save(name: &str, text: &str) -> Result<String, String> {
    let path = home().join(name);
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
