//! A session that has begun: its members, its recorder, and the lanes between them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sightline_link::{LaneReceiver, Link};
use sightline_protocol::broker::LaneOpening;
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Lane, SessionId};
use sightline_protocol::statement::Signed;
use sightline_protocol::wire;
use tokio::sync::{Semaphore, watch};

use crate::io::forward;
use crate::io::recorder::{NotTaken, Recorder};
use crate::pure::broker::ConnId;

/// Lanes that a member may open in one session: each file is one.
const LANES: usize = 10_000;

/// Bytes of files that wait for one reader: the file's author waits then, because a file, unlike a picture, may
/// be late. Enough for 80 Mbit/s at 100 ms.
const FILES_WAITING: usize = 1 << 20;

/// Since the relay began, for the health line.
#[derive(Default)]
pub struct Counters {
    pub recorded_bytes: AtomicU64,
    pub recorded_records: AtomicU64,
    pub forwarded_bytes: AtomicU64,
}

/// Tells the event loop what a lane found; must not block.
pub type Report = Box<dyn Fn(Trouble) + Send + Sync>;

/// What a lane may find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This member reads too slowly.
    TooSlow(ConnId),
    /// This member broke the rules.
    Violation(ConnId, String),
}

pub struct Session {
    pub id: SessionId,
    pub recorder: Recorder,
    pub members: Vec<Member>,
    pub counters: Arc<Counters>,
    pub report: Report,
    stop: watch::Sender<bool>,
}

/// Someone in a session, as author and as reader.
pub struct Member {
    pub conn: ConnId,
    pub author: Author,
    pub link: Link,
    pub backlog: Arc<Backlog>,
    /// Lanes that it has opened and not ended.
    open: watch::Sender<usize>,
    used: Mutex<HashSet<Lane>>,
    /// Its checkpoints so far.
    checkpoints: AtomicU64,
    /// It has signed its last checkpoint, or it is gone.
    signed_off: watch::Sender<bool>,
}

/// What waits to be sent to one reader, on all its lanes.
pub struct Backlog {
    /// Bytes, files not counted.
    pub waiting: AtomicUsize,
    /// It was too slow once: it gets no more.
    pub lost: AtomicBool,
    /// Room for files.
    pub files: Arc<Semaphore>,
}

impl Member {
    pub fn new(conn: ConnId, author: Author, link: Link) -> Member {
        Member {
            conn,
            author,
            link,
            backlog: Arc::new(Backlog {
                waiting: AtomicUsize::new(0),
                lost: AtomicBool::new(false),
                files: Arc::new(Semaphore::new(FILES_WAITING)),
            }),
            open: watch::Sender::new(0),
            used: Mutex::default(),
            checkpoints: AtomicU64::new(0),
            signed_off: watch::Sender::new(false),
        }
    }

    /// Notes a lane's number; false if it was used before or there are too many.
    fn use_lane(&self, lane: Lane) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.len() < LANES && used.insert(lane)
    }
}

impl Session {
    pub fn new(
        id: SessionId,
        recorder: Recorder,
        members: Vec<Member>,
        counters: Arc<Counters>,
        report: Report,
    ) -> Session {
        Session {
            id,
            recorder,
            members,
            counters,
            report,
            stop: watch::Sender::new(false),
        }
    }

    /// Carries a new lane until its end or the session's.
    pub fn carry(self: &Arc<Self>, from: ConnId, opening: LaneOpening, receiver: LaneReceiver) {
        let Some(author) = self.members.iter().position(|m| m.conn == from) else {
            return;
        };
        let member = &self.members[author];
        if !member.use_lane(opening.lane) {
            let what = format!("lane {} was opened twice", opening.lane.0);
            (self.report)(Trouble::Violation(from, what));
            return;
        }
        member.open.send_modify(|open| *open += 1);
        let session = self.clone();
        tokio::spawn(async move {
            let mut stop = session.stop.subscribe();
            tokio::select! {
                () = forward::lane(&session, author, opening, receiver) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            session.members[author].open.send_modify(|open| *open -= 1);
        });
    }

    /// The next checkpoint of the member at `from`: recorded. Gives the members to whom it is to be passed on.
    pub fn checkpoint(
        &self,
        from: ConnId,
        signed: &Signed<Checkpoint>,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<ConnId>, &'static str> {
        let member = self.members.iter().find(|m| m.conn == from);
        let member = member.ok_or("a checkpoint from outside the session")?;
        let number = member.checkpoints.fetch_add(1, Ordering::Relaxed);
        if checkpoint.author != member.author || checkpoint.number != number {
            return Err("a checkpoint out of turn");
        }
        let recorded = match self.recorder.checkpoint(wire::encode(signed).into()) {
            Err(NotTaken::TooMany) => return Err("more checkpoints than the disk takes"),
            recorded => recorded,
        };
        if checkpoint.close.is_some() {
            member.signed_off.send_replace(true);
        }
        let others = self.members.iter().map(|m| m.conn);
        Ok(match recorded {
            Ok(()) => others.filter(|conn| *conn != from).collect(),
            // The recording is closed: what is not recorded is not passed on.
            Err(_) => Vec::new(),
        })
    }

    /// This member's connection is gone: nothing more is waited for.
    pub fn gone(&self, conn: ConnId) {
        for member in self.members.iter().filter(|m| m.conn == conn) {
            member.signed_off.send_replace(true);
        }
    }

    /// Lets the lanes of the member who ended the session come to their end, and both ends sign off, for at most
    /// `within`; then stops all lanes and closes the recording.
    pub async fn end(&self, by: Option<ConnId>, code: CloseCode, within: Duration) {
        if let Some(member) = self.members.iter().find(|m| Some(m.conn) == by) {
            let last_words = async {
                let _ = member.open.subscribe().wait_for(|open| *open == 0).await;
                for member in &self.members {
                    let _ = member.signed_off.subscribe().wait_for(|off| *off).await;
                }
            };
            let _ = tokio::time::timeout(within, last_words).await;
        }
        self.stop.send_replace(true);
        self.recorder.close(code);
    }

    pub fn count(&self, bytes: usize) {
        let counters = &self.counters;
        counters.recorded_records.fetch_add(1, Ordering::Relaxed);
        counters
            .recorded_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
