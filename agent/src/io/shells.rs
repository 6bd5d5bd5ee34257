//! Terminals of a technician. Each has two tasks, for its output and for what it does not take at once of what is typed,
//! and a thread that waits for its program's end.

mod credit;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{ShellInput, ShellOutput};
use sightline_ends::session::AgentSays;
use sightline_program::clock::unix_ms;
use sightline_protocol::id::Lane;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::beside::Says;
use crate::platform::pty::{self, Master, Program, Pty, Start};
use crate::pure::term;
use credit::{Credit, SETTLED};

/// Terminals open at a time.
const OPEN: usize = 8;
/// Bytes of output read at a time: what the kernel holds of it.
const CHUNK: usize = 64 * 1024;
/// Bytes of input that may wait for a program that does not read: a large paste.
const WAITING: usize = 1 << 20;

/// What the user's history gets to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellEvent {
    Opened { lane: Lane, command: String },
    Ended { lane: Lane, code: i32 },
}

struct Terminal {
    pty: Pty,
    master: Arc<AsyncFd<Master>>,
    /// What the program did not take at once.
    input: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    credit: Arc<Credit>,
    tasks: [JoinHandle<()>; 2],
}

/// All terminals of a session. Dropping it hangs up on all of them.
pub struct Shells {
    technician: String,
    says: Says,
    open: BTreeMap<Lane, Terminal>,
}

impl Shells {
    pub fn new(technician: String, says: Says) -> Shells {
        Shells {
            technician,
            says,
            open: BTreeMap::new(),
        }
    }

    /// Does what the technician wants in a terminal. What cannot be is said in that terminal.
    pub fn input(
        &mut self,
        grant: Grant<kind::Shell>,
        lane: Lane,
        input: ShellInput,
    ) -> Option<ShellEvent> {
        match input {
            ShellInput::Open {
                columns,
                rows,
                term,
                command,
            } => {
                let start = Start {
                    columns,
                    rows,
                    term: term::known(&term),
                    command: &command,
                    technician: &self.technician.clone(),
                };
                if let Err(why) = self.start(grant, lane, &start) {
                    self.say(lane, ShellOutput::Failed { why });
                    return None;
                }
                return Some(ShellEvent::Opened { lane, command });
            }
            ShellInput::Data(bytes) => self.typed(lane, bytes),
            ShellInput::Resize { columns, rows } => {
                if let Some(terminal) = self.open.get(&lane) {
                    terminal.pty.resize(columns, rows);
                }
            }
            ShellInput::Close => drop(self.open.remove(&lane)),
            ShellInput::Seen { bytes } => {
                if let Some(terminal) = self.open.get(&lane) {
                    terminal.credit.seen(bytes, Instant::now());
                }
            }
        }
        None
    }

    /// The program of this terminal ended.
    pub fn ended(&mut self, lane: Lane, code: i32) -> ShellEvent {
        self.open.remove(&lane);
        ShellEvent::Ended { lane, code }
    }

    /// The right to run commands is gone.
    pub fn hang_up(&mut self) {
        self.open.clear();
    }

    fn say(&self, lane: Lane, output: ShellOutput) {
        let (says, output) = (self.says.clone(), AgentSays::Shell(lane, output));
        tokio::spawn(async move {
            // The session may be ending.
            let _ = says.send(output).await;
        });
    }

    fn start(
        &mut self,
        grant: Grant<kind::Shell>,
        lane: Lane,
        start: &Start<'_>,
    ) -> Result<(), String> {
        if self.open.contains_key(&lane) {
            return Err("this terminal is open already".into());
        }
        if self.open.len() >= OPEN {
            return Err(format!("{OPEN} terminals are open; close one first"));
        }
        let (pty, ends) = pty::open(&grant, start)?;
        self.say(
            lane,
            ShellOutput::Opened {
                program: pty.program.clone(),
            },
        );
        let master = Arc::new(ends.master);
        // Bounded by WAITING.
        let (input, typed) = mpsc::unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        let credit = Arc::<Credit>::default();
        let (read_all, all_read) = channel();
        let output = Output {
            from: Arc::clone(&master),
            credit: Arc::clone(&credit),
            says: self.says.clone(),
            lane,
            grant,
            _read_all: read_all,
        };
        let (says, patience) = (self.says.clone(), Arc::clone(&credit));
        // Not held: a terminal that is dropped is closed.
        let unread = Arc::downgrade(&master);
        let unread = move || {
            let master = unread.upgrade();
            master.is_some_and(|master| master.get_ref().has_some())
        };
        spawn("shell-end", move || {
            let code = wait(ends.program, &all_read, &patience, unread);
            let exited = ShellOutput::Exited { code };
            let _ = says.blocking_send(AgentSays::Shell(lane, exited));
        })?;
        let write = write(Arc::clone(&master), typed, Arc::clone(&waiting));
        let terminal = Terminal {
            pty,
            master,
            input,
            waiting,
            credit,
            tasks: [tokio::spawn(output.run()), tokio::spawn(write)],
        };
        self.open.insert(lane, terminal);
        Ok(())
    }

    fn typed(&mut self, lane: Lane, bytes: Vec<u8>) {
        let Some(terminal) = self.open.get(&lane) else {
            return; // it has just ended
        };
        let bytes = match terminal.give(&bytes) {
            taken if taken == bytes.len() => return,
            taken => bytes[taken..].to_vec(),
        };
        let before = terminal.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        if before + bytes.len() > WAITING {
            let why =
                "the program there does not read what is typed; the terminal is closed".into();
            self.say(lane, ShellOutput::Failed { why });
            self.open.remove(&lane);
            return;
        }
        // Fails when the program has just ended.
        let _ = terminal.input.send(bytes);
    }
}

impl Terminal {
    /// Types it at once, if nothing waits; how much of it was taken.
    fn give(&self, bytes: &[u8]) -> usize {
        match self.waiting.load(Ordering::Relaxed) {
            0 => self.master.get_ref().give(bytes).unwrap_or(0),
            _ => 0,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.credit.close();
        // They hold the terminal open.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let spawned = thread::Builder::new().name(name.into()).spawn(run);
    spawned
        .map(drop)
        .map_err(|error| format!("no thread: {error}"))
}

struct Output {
    from: Arc<AsyncFd<Master>>,
    credit: Arc<Credit>,
    says: Says,
    lane: Lane,
    grant: Grant<kind::Shell>,
    /// Its end tells that all was read.
    _read_all: Sender<()>,
}

impl Output {
    async fn run(self) {
        let mut buffer = vec![0; CHUNK];
        while let Some(room) = self.credit.wait().await {
            let room = room.min(CHUNK);
            let count = match take(&self.from, &mut buffer[..room]).await {
                Ok(0) | Err(_) => return,
                Ok(count) => count,
            };
            // Only these bytes were read: what the program says after the right was taken back stays here.
            if self.grant.check(unix_ms()).is_err() {
                return;
            }
            self.credit.sent(count);
            let data = ShellOutput::Data(buffer[..count].to_vec());
            let said = self.says.send(AgentSays::Shell(self.lane, data)).await;
            if said.is_err() {
                return;
            }
        }
    }
}

async fn take(from: &AsyncFd<Master>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = from.readable().await?;
        if let Ok(taken) = ready.try_io(|from| from.get_ref().take(buffer)) {
            return taken;
        }
    }
}

async fn write(
    to: Arc<AsyncFd<Master>>,
    mut typed: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(bytes) = typed.recv().await {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let Ok(mut ready) = to.writable().await else {
                return;
            };
            match ready.try_io(|to| to.get_ref().give(rest)) {
                Ok(Ok(given)) => rest = &rest[given..],
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
        waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
}

/// Waits for the program and for what it last said. Not for what it left running in the background with this
/// terminal: that is cut off once it has been silent for a while.
fn wait(
    program: Program,
    all_read: &Receiver<()>,
    credit: &Credit,
    unread: impl Fn() -> bool,
) -> i32 {
    let code = program.wait();
    loop {
        match all_read.recv_timeout(SETTLED) {
            // On a busy computer it may have been silent only to us.
            Err(RecvTimeoutError::Timeout) if !credit.settled() || unread() => {}
            _ => break,
        }
    }
    credit.close();
    code
}
