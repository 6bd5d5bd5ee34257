//! The technician's own terminal: its size, its raw mode, its keys.

use std::io::Read;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// Of a terminal whose size is not known, or of no terminal.
const USUAL: (u16, u16) = (80, 24);
/// Bytes read from the keyboard (or a pipe) at a time.
const READ: usize = 16 * 1024;
/// Reads that may wait to be sent; then the pipe waits.
const WAITING: usize = 4;

/// Columns and rows.
pub fn size() -> (u16, u16) {
    match tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL,
    }
}

/// Raw mode: every key goes to the remote terminal, Ctrl-C too. As it was before once dropped.
pub struct Raw(Termios);

impl Raw {
    /// None if standard input is no terminal.
    pub fn set() -> Option<Raw> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Raw(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// What is typed, read by a thread of its own: reading a terminal cannot be cancelled.
pub struct Keys {
    keys: mpsc::Receiver<Vec<u8>>,
    ended: bool,
}

impl Keys {
    pub fn read() -> Keys {
        let (typed, keys) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            let mut buffer = vec![0; READ];
            // Through the standard library's buffer: the session code may have been read from it before.
            while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut buffer) {
                if typed.blocking_send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Keys { keys, ended: false }
    }

    /// The next keys; `None`, once, at their end. May be cancelled.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            std::future::pending::<()>().await;
        }
        let keys = self.keys.recv().await;
        self.ended = keys.is_none();
        keys
    }
}
