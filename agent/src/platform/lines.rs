//! The user's terminal during a session: lines typed there, while no question is open.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetattr, tcgetpgrp};

use super::Lines;
use super::wake::{Waker, sleep};

/// Longest line in bytes: a terminal's own bound is about this.
const LONGEST: usize = 4_096;
/// While questions are open, or another program has the terminal, it is looked at again after so long: 0.3 s.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(300);

struct Shared {
    waker: Waker,
    closed: AtomicBool,
    /// A question is open there, and lines are for it.
    paused: AtomicBool,
}

/// Lines from the terminal; dropping it lets go of the terminal.
pub struct TerminalLines {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl TerminalLines {
    /// From the terminal that the program was started from; an error where there is none. `line` is called from another
    /// thread.
    pub fn read(line: Box<dyn Fn(String) + Send>) -> io::Result<TerminalLines> {
        TerminalLines::read_at("/dev/tty".as_ref(), line)
    }

    fn read_at(path: &Path, line: Box<dyn Fn(String) + Send>) -> io::Result<TerminalLines> {
        let file = OpenOptions::new().read(true).open(path)?;
        tcgetattr(&file)?; // fails where it is no terminal
        let shared = Arc::new(Shared {
            waker: Waker::new()?,
            closed: AtomicBool::new(false),
            paused: AtomicBool::new(false),
        });
        let mut reader = Reader {
            file,
            shared: Arc::clone(&shared),
            line: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("terminal lines".into())
            .spawn(move || {
                if let Err(error) = reader.serve(&*line) {
                    tracing::warn!("the terminal is no longer read: {error}");
                }
            })?;
        Ok(TerminalLines {
            shared,
            thread: Some(thread),
        })
    }
}

impl Lines for TerminalLines {
    fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
        self.shared.waker.wake();
    }
}

impl Drop for TerminalLines {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reader {
    file: std::fs::File,
    shared: Arc<Shared>,
    line: Vec<u8>,
}

impl Reader {
    fn serve(&mut self, line: &dyn Fn(String)) -> io::Result<()> {
        // What was typed for the consent question, and came late, is no message.
        tcflush(&self.file, QueueSelector::IFlush)?;
        loop {
            if self.shared.closed.load(Ordering::Acquire) {
                return Ok(());
            }
            if self.shared.paused.load(Ordering::Acquire) || !self.is_ours() {
                self.line.clear();
                let waker = &self.shared.waker;
                sleep(waker.as_fd(), waker, Some(Instant::now() + AGAIN))?;
                continue;
            }
            let slept = sleep(self.file.as_fd(), &self.shared.waker, None)?;
            if slept.readable && !slept.called && !self.take(line)? {
                return Ok(());
            }
        }
    }

    /// In the background, reading would stop the program (SIGTTIN).
    fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp())
    }

    /// False at the end of input.
    fn take(&mut self, line: &dyn Fn(String)) -> io::Result<bool> {
        let mut bytes = [0; LONGEST];
        let count = match self.file.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        };
        for byte in &bytes[..count] {
            if *byte != b'\n' {
                if self.line.len() < LONGEST {
                    self.line.push(*byte);
                }
                continue;
            }
            let typed = std::mem::take(&mut self.line);
            line(String::from_utf8_lossy(&typed).into_owned());
        }
        Ok(true)
    }
}
