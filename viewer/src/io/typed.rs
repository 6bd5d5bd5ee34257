//! Lines that the technician types while the user is being asked: words for the user. They are read only meanwhile. What was
//! typed and not sent when that ends is thrown away: it must become neither input of the remote shell nor a command of the
//! technician's own.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};
use sightline_program::wake::{Waker, sleep};
use tokio::sync::mpsc;

use super::window::WaitHandle;

/// Longest line in bytes: a terminal's own bound is about this.
const LONGEST: usize = 4_096;
/// Lines that may wait to be sent; then the reader waits.
const WAITING: usize = 4;
/// While another program has the terminal, it is looked at again after so long.
const AGAIN: Duration = Duration::from_millis(300);

/// Where words come from.
pub enum Source {
    /// Nobody types: standard input is no terminal, or is for something else.
    Nobody,
    Terminal,
    /// A program writes them, with `--json`. Standard input is not used for anything else afterwards.
    Program,
    /// A window, which is told how it stands.
    Window(mpsc::Receiver<String>, WaitHandle),
}

impl Source {
    /// `free`: nothing else reads standard input in this session; `code`: the session code was read from it.
    pub fn of_input(free: bool, code: bool, json: bool) -> Source {
        match std::io::stdin().is_terminal() {
            true if !code => Source::Terminal,
            false if free && json => Source::Program,
            _ => Source::Nobody,
        }
    }
}

/// The lines. Dropping it lets go of the terminal.
pub struct Typed {
    lines: mpsc::Receiver<String>,
    _reader: Option<TerminalReader>,
    window: bool,
    ended: bool,
}

impl Typed {
    /// Starts reading; `None` where there is nobody, or the terminal cannot be read.
    pub fn read(source: Source) -> Option<Typed> {
        let (typed, read) = mpsc::channel(WAITING);
        let (mut lines, mut reader, mut window) = (read, None, false);
        match source {
            Source::Nobody => return None,
            Source::Terminal => reader = Some(TerminalReader::start(typed).ok()?),
            Source::Window(written, _) => (lines, window) = (written, true),
            Source::Program => {
                thread::spawn(move || {
                    // Through the standard library's buffer: the session code may have been read from it before.
                    for line in std::io::stdin().lines().map_while(Result::ok) {
                        if typed.blocking_send(line).is_err() {
                            return;
                        }
                    }
                });
            }
        }
        Some(Typed {
            lines,
            _reader: reader,
            window,
            ended: false,
        })
    }

    /// The next line. `None`, once: the window was closed. After the last line of others nothing comes. May be cancelled.
    pub async fn next(&mut self) -> Option<String> {
        if !self.ended {
            let line = self.lines.recv().await;
            self.ended = line.is_none();
            if line.is_some() || self.window {
                return line;
            }
        }
        std::future::pending().await
    }
}

/// A thread that reads the terminal and can be called back, unlike one that blocks in reading.
struct TerminalReader {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Calls the thread back.
#[derive(Clone)]
struct Stop {
    waker: Waker,
    stopped: Arc<AtomicBool>,
}

impl TerminalReader {
    fn start(typed: mpsc::Sender<String>) -> std::io::Result<TerminalReader> {
        let stop = Stop {
            waker: Waker::new()?,
            stopped: Arc::default(),
        };
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("terminal lines".into())
            .spawn(move || {
                if let Err(error) = lines(&stopped, &typed) {
                    tracing::warn!("the terminal is no longer read: {error}");
                }
            })?;
        Ok(TerminalReader {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for TerminalReader {
    fn drop(&mut self) {
        self.stop.stopped.store(true, Ordering::Release);
        self.stop.waker.wake();
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic there has been reported already.
            let _ = thread.join();
        }
        if is_ours() {
            let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
        }
    }
}

/// In the background, reading would stop the program (SIGTTIN).
fn is_ours() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Reads line by line until the end of input or until it is called back.
fn lines(stop: &Stop, typed: &mpsc::Sender<String>) -> std::io::Result<()> {
    let (stdin, mut bytes) = (std::io::stdin(), [0; LONGEST]);
    while !stop.stopped.load(Ordering::Acquire) {
        let waker = &stop.waker;
        if !is_ours() {
            sleep(waker.as_fd(), waker, Some(Instant::now() + AGAIN))?;
            continue;
        }
        let slept = sleep(stdin.as_fd(), waker, None)?;
        if slept.called || !slept.readable {
            continue;
        }
        // In a terminal's usual mode: one line, whole.
        let count = match rustix::io::read(&stdin, &mut bytes) {
            Err(rustix::io::Errno::INTR) => continue,
            read => read?,
        };
        if count == 0 || typed.is_closed() {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&bytes[..count]);
        let line = line.trim();
        if !line.is_empty() && typed.try_send(line.to_owned()).is_err() {
            tracing::warn!("a line came too fast and was not sent");
        }
    }
    Ok(())
}
