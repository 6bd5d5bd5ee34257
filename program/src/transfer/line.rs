//! What joins a transfer's thread with its program's loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use sightline_ends::content::{Direction, FileMessage, FileNote};
use sightline_ends::transfer::{Progress, WINDOW, cost};

use crate::clock::Clock;

/// What a message costs that carries nothing: its place in the queue.
const LEAST: u64 = 128;
/// An honest other side has the window under way, and its answers.
const ROOM: u64 = WINDOW + (1 << 20);

/// What a transfer's thread hears.
#[derive(Debug)]
pub enum Heard {
    Message(FileMessage),
    /// Stop, for this reason.
    Cancel(String),
}

/// To a transfer's thread.
#[derive(Clone, Debug)]
pub struct Mailer {
    sender: Sender<Heard>,
    waiting: Arc<AtomicU64>,
}

/// At a transfer's thread. Holds what an honest other side may have under way, and no more.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<Heard>,
    waiting: Arc<AtomicU64>,
}

pub fn inbox() -> (Mailer, Inbox) {
    let (sender, receiver) = channel();
    let waiting = Arc::<AtomicU64>::default();
    let mailer = Mailer {
        sender,
        waiting: Arc::clone(&waiting),
    };
    (mailer, Inbox { receiver, waiting })
}

fn weight(message: &FileMessage) -> u64 {
    LEAST + cost(message)
}

impl Mailer {
    /// False: more is waiting than an honest other side sends; the transfer is to be given up.
    pub fn post(&self, message: FileMessage) -> bool {
        let waiting = self.waiting.fetch_add(weight(&message), Ordering::AcqRel);
        // A thread that has ended hears nothing, and nothing is lost by that.
        let _ = self.sender.send(Heard::Message(message));
        waiting < ROOM
    }

    pub fn cancel(&self, why: &str) {
        let _ = self.sender.send(Heard::Cancel(why.to_owned()));
    }
}

impl Inbox {
    fn take(&self, heard: Heard) -> Heard {
        if let Heard::Message(message) = &heard {
            self.waiting.fetch_sub(weight(message), Ordering::AcqRel);
        }
        heard
    }

    /// The next one; an error when the session is over.
    pub fn next(&self) -> Result<Heard, Stopped> {
        let heard = self.receiver.recv().map_err(|_| Stopped::SessionOver)?;
        Ok(self.take(heard))
    }

    /// The next one, if it comes within that time.
    pub fn within(&self, time: Duration) -> Result<Option<Heard>, Stopped> {
        match self.receiver.recv_timeout(time) {
            Ok(heard) => Ok(Some(self.take(heard))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Stopped::SessionOver),
        }
    }

    /// The next one, if it is there. (That the session is over is heard by whoever waits or speaks.)
    pub fn ready(&self) -> Option<Heard> {
        self.receiver.try_recv().ok().map(|heard| self.take(heard))
    }
}

/// Why a transfer did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The other side ended it.
    There(String),
    /// This side does.
    Here(String),
    SessionOver,
}

/// What is to be told while a transfer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Progress(Progress),
    /// This file is in its place; with its path in the transfer.
    Placed(String, FileNote),
    /// This one stayed out because there is one already.
    Skipped(String),
    /// This one did not come, for that reason.
    Failed(String, String),
}

/// What a transfer's thread has of its program.
pub struct Line<'a> {
    pub transfer: u32,
    /// Where the files go.
    pub direction: Direction,
    pub inbox: &'a Inbox,
    /// Says it to the other side; false when the session is over.
    pub say: &'a mut dyn FnMut(FileMessage) -> bool,
    /// Whether it is still allowed, asked before anything is read or written.
    pub allowed: &'a dyn Fn() -> Result<(), String>,
    pub news: &'a mut dyn FnMut(News),
    pub clock: Clock,
    pub sharing: &'a Sharing,
}

impl Line<'_> {
    pub(super) fn say(&mut self, message: FileMessage) -> Result<(), Stopped> {
        match (self.say)(message) {
            true => Ok(()),
            false => Err(Stopped::SessionOver),
        }
    }

    pub(super) fn check(&self) -> Result<(), Stopped> {
        (self.allowed)().map_err(Stopped::Here)
    }

    /// The message in what was heard, unless that is an end.
    pub(super) fn message(heard: Heard) -> Result<FileMessage, Stopped> {
        match heard {
            Heard::Message(FileMessage::Ended { why, .. }) => Err(Stopped::There(why)),
            Heard::Message(message) => Ok(message),
            Heard::Cancel(why) => Err(Stopped::Here(why)),
        }
    }

    /// Ends the transfer at the other side, too, if it was not that which ended it.
    pub(super) fn part<T>(&mut self, result: Result<T, Stopped>) -> Result<T, Stopped> {
        if let Err(Stopped::Here(why)) = &result {
            (self.say)(FileMessage::Ended {
                transfer: self.transfer,
                why: why.clone(),
            });
        }
        result
    }
}

/// How many transfers of a program send now: they share its window.
#[derive(Clone, Debug, Default)]
pub struct Sharing(Arc<AtomicUsize>);

/// One of them.
pub(super) struct Share(Arc<AtomicUsize>);

impl Sharing {
    pub(super) fn join(&self) -> Share {
        self.0.fetch_add(1, Ordering::AcqRel);
        Share(Arc::clone(&self.0))
    }
}

impl Share {
    pub(super) fn among(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
