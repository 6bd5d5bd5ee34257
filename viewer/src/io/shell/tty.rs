//! The technician's own terminal: its size, its raw mode, its keys, and how it was before.

use std::fs::File;
use std::io::{self, IsTerminal, Read, stdin, stdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::io::local::PutBack;

/// Of a terminal whose size is not known, or of no terminal.
const USUAL: (u16, u16) = (80, 24);
/// Bytes read from the keyboard (or a pipe) at a time.
const READ: usize = 16 * 1024;
/// Reads that may wait to be sent; then the pipe waits.
const WAITING: usize = 4;
/// For a terminal to answer that it has put itself back: also one at the end of a long line.
const ANSWER: Duration = Duration::from_millis(400);
/// Asks it whether it is well, and what it says: that comes behind everything it sent before.
const ASK: &[u8] = b"\x1b[5n";
const WELL: &[u8] = b"\x1b[0n";

/// Columns and rows.
pub fn size() -> (u16, u16) {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL,
    }
}

/// Writes to the technician's terminal, or wherever the output goes: at once, and as one piece where that can be.
pub fn show(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(stdout(), rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            // Somebody who shares it let it not wait.
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], None)),
            // Nobody looks any more (a closed pipe); the session hears of it when this program ends.
            Err(_) => return,
        }
    }
}

/// The terminal while it shows another one: raw, so that every key goes there, Ctrl-C too. As it was before once dropped.
#[derive(Default)]
pub struct Lent {
    /// None if standard input is no terminal.
    before: Option<Termios>,
    put_back: PutBack,
}

impl Lent {
    pub fn lend(&mut self) {
        if self.before.is_some() {
            return;
        }
        let Ok(before) = tcgetattr(stdin()) else {
            return;
        };
        let mut raw = before.clone();
        raw.make_raw();
        if tcsetattr(stdin(), OptionalActions::Now, &raw).is_ok() {
            self.before = Some(before);
        }
    }

    /// What will put it back.
    pub fn set_put_back(&mut self, put_back: PutBack) {
        self.put_back = put_back;
    }

    /// Puts it back; what it still sends of the mouse is waited for, so that nobody takes it for typed.
    pub async fn put_back(mut self, keys: Option<&mut Keys>) {
        let talks = self.put_back.talks && self.before.is_some();
        self.show_put_back();
        let Some(keys) = keys.filter(|_| talks && stdout().is_terminal()) else {
            return;
        };
        show(ASK);
        let answered = async {
            let mut sent = Vec::new();
            while let Some(more) = keys.next().await {
                sent.extend(more);
                if sent.windows(WELL.len()).any(|window| window == WELL) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(ANSWER, answered).await;
    }

    fn show_put_back(&mut self) {
        let put_back = std::mem::take(&mut self.put_back);
        if stdout().is_terminal() {
            show(&put_back.bytes);
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.show_put_back();
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, before);
        }
    }
}

/// What is typed.
pub struct Keys {
    from: From,
    ended: bool,
}

enum From {
    /// Read when something is there.
    Watched(pipe::Receiver, Box<[u8; READ]>),
    /// Read by a thread of its own.
    Thread(mpsc::Receiver<Vec<u8>>),
}

impl Keys {
    /// `fresh`: nothing was read from it before. Else what came with it (the session code was pasted with a line end and
    /// more) lies in the standard library's buffer.
    pub fn read(fresh: bool) -> Keys {
        let from = match watched().ok().filter(|_| fresh) {
            Some(stdin) => From::Watched(stdin, Box::new([0; READ])),
            None => From::Thread(read_in_thread()),
        };
        Keys { from, ended: false }
    }

    /// The next keys; `None`, once, at their end. May be cancelled.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            std::future::pending::<()>().await;
        }
        let keys = match &mut self.from {
            From::Watched(stdin, buffer) => match stdin.read(&mut buffer[..]).await {
                Ok(count @ 1..) => Some(buffer[..count].to_vec()),
                _ => None,
            },
            From::Thread(keys) => keys.recv().await,
        };
        self.ended = keys.is_none();
        keys
    }
}

/// Standard input, opened once more: that it does not wait must not hold for others who share it. Fails for a file.
fn watched() -> io::Result<pipe::Receiver> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let again = rustix::fs::open("/proc/self/fd/0", flags, Mode::empty())?;
    // Nothing in there asks for more than a pipe and a terminal have in common.
    pipe::Receiver::from_file_unchecked(File::from(again))
}

/// For what cannot be watched: a file, or a buffer.
fn read_in_thread() -> mpsc::Receiver<Vec<u8>> {
    let (typed, keys) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ];
        while let Ok(count @ 1..) = stdin().lock().read(&mut buffer) {
            if typed.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    keys
}
