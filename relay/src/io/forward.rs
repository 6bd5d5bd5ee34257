//! Carrying bytes: a session's lanes to the recorder and to every reader, and the blind splice of a handshake.
//!
//! A record goes to the recorder first. Each reader has a queue of its own: a slow one loses its connection, never
//! holds up the recorder or another reader. Files alone are waited for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sightline_link::{Bytes, HandshakeReceiver, HandshakeSender, LaneReceiver, Link, LinkError};
use sightline_protocol::broker::LaneOpening;
use sightline_protocol::id::SessionId;
use sightline_protocol::record::Class;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use crate::io::session::{Backlog, Session, Trouble};

/// Bytes that wait for one reader, beside what QUIC has under way: 16 MB are 2 s of 64 Mbit/s. Who is further
/// behind sees the past, and the agent's pacing has failed.
const WAITING: usize = 16 << 20;

/// Bytes of a handshake per direction: credentials, consent and manifest fit many times, and it is no way past
/// the recorder.
const HANDSHAKE: usize = 4 << 20;

/// Carries one lane of the member at `author`, until it ends.
pub async fn lane(
    session: &Arc<Session>,
    author: usize,
    opening: LaneOpening,
    receiver: LaneReceiver,
) {
    let mut readers = JoinSet::new();
    let queues = (0..session.members.len())
        .filter(|reader| *reader != author)
        .map(|reader| {
            // Unbounded by count, bounded by bytes below.
            let (to, from) = mpsc::unbounded_channel();
            readers.spawn(read_out(session.clone(), reader, opening, from));
            Queue { reader, to }
        })
        .collect();
    if let Err(LinkError::Violation(what)) = take_in(session, author, receiver, queues).await {
        let conn = session.members[author].conn;
        (session.report)(Trouble::Violation(conn, what));
    }
    // The queues are closed now: what is in them still goes out.
    while readers.join_next().await.is_some() {}
}

/// One reader's queue on one lane. Closed when the reader stopped the lane.
struct Queue {
    reader: usize,
    to: mpsc::UnboundedSender<Waiting>,
}

/// A record in a queue; counted against its reader until it is sent or dropped.
struct Waiting {
    record: Bytes,
    _held: Held,
}

enum Held {
    Counted(Arc<Backlog>, usize),
    File { _room: OwnedSemaphorePermit },
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Held::Counted(backlog, bytes) = self {
            backlog.waiting.fetch_sub(*bytes, Ordering::Relaxed);
        }
    }
}

/// Author → recorder → queues.
async fn take_in(
    session: &Session,
    author: usize,
    mut receiver: LaneReceiver,
    queues: Vec<Queue>,
) -> Result<(), LinkError> {
    let expected = session.members[author].author;
    while let Some(record) = receiver.next_record().await? {
        if record.header.author != expected {
            return Err(LinkError::Violation("a record of another author".into()));
        }
        if session.recorder.append(record.bytes.clone()).await.is_err() {
            return Ok(()); // the session is ending
        }
        session.count(record.bytes.len());
        for queue in &queues {
            offer(session, queue, record.header.class, &record.bytes).await;
        }
        if queues.iter().all(|queue| queue.to.is_closed()) {
            return Ok(()); // nobody wants more of it: its author is stopped
        }
    }
    Ok(())
}

async fn offer(session: &Session, queue: &Queue, class: Class, record: &Bytes) {
    let reader = &session.members[queue.reader];
    let backlog = &reader.backlog;
    let held = if matches!(class, Class::File | Class::ClipboardContent) {
        tokio::select! {
            room = backlog.files.clone().acquire_many_owned(record.len() as u32) => match room {
                Ok(room) => Held::File { _room: room },
                Err(_) => return, // closed never
            },
            () = queue.to.closed() => return,
        }
    } else {
        let before = backlog.waiting.fetch_add(record.len(), Ordering::Relaxed);
        let held = Held::Counted(backlog.clone(), record.len());
        if before > WAITING || backlog.lost.load(Ordering::Relaxed) {
            backlog.lost.store(true, Ordering::Relaxed);
            (session.report)(Trouble::TooSlow(reader.conn));
            return;
        }
        held
    };
    let record = record.clone();
    // Fails when the reader stopped the lane: then it wants no more of it.
    let _ = queue.to.send(Waiting {
        record,
        _held: held,
    });
}

/// A reader's queue → its connection.
async fn read_out(
    session: Arc<Session>,
    reader: usize,
    opening: LaneOpening,
    mut from: mpsc::UnboundedReceiver<Waiting>,
) {
    let reader = &session.members[reader];
    let Ok(mut lane) = reader.link.open_lane(opening).await else {
        return;
    };
    while let Some(waiting) = from.recv().await {
        let length = waiting.record.len() as u64;
        if lane.send(waiting.record.clone()).await.is_err() {
            return;
        }
        let forwarded = &session.counters.forwarded_bytes;
        forwarded.fetch_add(length, Ordering::Relaxed);
    }
    // A reader that does not take the end in time loses the end only.
    let _ = lane.finish().await;
}

/// Passes a handshake's bytes between technician and agent, unread.
pub async fn splice(
    session: SessionId,
    agent: Link,
    to_technician: HandshakeSender,
    from_technician: HandshakeReceiver,
) -> Result<(), LinkError> {
    let (to_agent, from_agent) = agent.open_handshake(session).await?;
    tokio::try_join!(
        pass(from_technician, to_agent),
        pass(from_agent, to_technician)
    )?;
    Ok(())
}

async fn pass(mut from: HandshakeReceiver, mut to: HandshakeSender) -> Result<(), LinkError> {
    let mut passed = 0;
    while let Some(bytes) = from.next().await? {
        passed += bytes.len();
        if passed > HANDSHAKE {
            return Err(LinkError::Violation("the handshake is too long".into()));
        }
        to.send(bytes).await?;
    }
    to.finish().await
}
