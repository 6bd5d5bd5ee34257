//! Short records of lanes on which a person waits go twice: on their stream, and a moment later as a datagram. A packet that is
//! lost costs that moment then, instead of the round trip after which its loss shows.
//!
//! A copy is given to a lane only where it is the lane's next record; the stream brings the same one later, and it must be the
//! same. Copies that are lost, late, or of no lane that is open, are nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::Connection;
use sightline_protocol::broker::LaneOpening;
use sightline_protocol::record::{Class, HEADER, Header};
use tokio::sync::Notify;

use crate::lane::Record;

/// A copy follows after so long: not in the same packet, and sooner than a person notices.
const AFTER: Duration = Duration::from_millis(15);
/// A record so soon after another has none: it is part of a stream (a mouse that moves, a program's output), in which what
/// follows tells of a loss, and copies would double it.
const APART: Duration = Duration::from_millis(25);
/// Bytes of a record that has a copy, at most: a key, and what a shell or an editor answers to it. It fits every path's
/// datagrams.
const LONGEST: usize = 900;
/// Copies that wait on a lane, or were taken and whose stream has not come so far: more than keys in ten round trips.
const MOST: usize = 64;

/// Whether a person waits for each of a lane's records.
pub(crate) fn is_urgent(class: Class) -> bool {
    matches!(class, Class::Input | Class::Shell)
}

/// Sends the copies of one lane.
pub(crate) struct Copies {
    connection: Connection,
    last: Option<Instant>,
}

impl Copies {
    pub fn new(connection: Connection) -> Copies {
        Copies {
            connection,
            last: None,
        }
    }

    /// A record is on its way.
    pub fn follow(&mut self, record: &Bytes) {
        let now = Instant::now();
        let before = self.last.replace(now);
        if record.len() > LONGEST || before.is_some_and(|at| now - at < APART) {
            return;
        }
        let (connection, record) = (self.connection.clone(), record.clone());
        tokio::spawn(async move {
            tokio::time::sleep(AFTER).await;
            // Who takes none, or is gone, needs none.
            let _ = connection.send_datagram(record);
        });
    }
}

/// Copies that came for one lane.
pub(crate) struct Slot {
    opening: LaneOpening,
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Record>>,
    came: Notify,
}

impl Slot {
    /// The lane's next record will be this one; its copy, if it is here.
    pub fn take(&self, next_seq: u64) -> Option<Record> {
        self.next.store(next_seq, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.split_off(&next_seq);
        waiting.remove(&next_seq)
    }

    /// Returns when there may be another. May be cancelled.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    fn put(&self, record: Record) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (seq, next) = (record.header.seq, self.next.load(Ordering::Relaxed));
        // What is far ahead would wait for ever.
        let is_near = (next..next.saturating_add(MOST as u64)).contains(&seq);
        if is_near && waiting.len() < MOST {
            waiting.insert(seq, record);
            self.came.notify_one();
        }
    }
}

/// How many copies a lane may be ahead of its stream.
pub(crate) const MOST_AHEAD: usize = MOST;

/// The open lanes of a connection that take copies.
#[derive(Default)]
pub(crate) struct Slots(Mutex<Vec<Weak<Slot>>>);

impl Slots {
    pub fn open(&self, opening: LaneOpening) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            opening,
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            came: Notify::new(),
        });
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// A datagram came. What is no copy of a record of an open lane is passed over.
    pub fn put(&self, bytes: Bytes) {
        let head = bytes.first_chunk::<HEADER>();
        let Some(Ok(header)) = head.map(Header::parse) else {
            return;
        };
        if bytes.len() != header.record_length() {
            return;
        }
        let opening = LaneOpening {
            session: header.session,
            lane: header.lane,
            class: header.class,
        };
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = slots.iter().filter_map(Weak::upgrade);
        for slot in open.filter(|slot| slot.opening == opening) {
            // A datagram is a part of a buffer with some dozens of others, all of which it would keep.
            let bytes = Bytes::copy_from_slice(&bytes);
            slot.put(Record { header, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::id::{Author, Lane, SessionId};
    use sightline_protocol::record::OVERHEAD;
    use sightline_protocol::statement::SigningKey;

    use super::*;
    use crate::{Arrived, Certificate, Limits, LinkError, RelayListener, connect};

    const LANE: LaneOpening = LaneOpening {
        session: SessionId([7; 16]),
        lane: Lane(2),
        class: Class::Input,
    };

    fn copy(opening: LaneOpening, seq: u64) -> Bytes {
        let header = Header {
            session: opening.session,
            class: opening.class,
            author: Author(1),
            flags: 0,
            epoch: 0,
            lane: opening.lane,
            seq,
            time_us: 0,
            length: OVERHEAD as u32,
        };
        [&header.encode()[..], &[0; OVERHEAD]].concat().into()
    }

    /// A record of the lane whose body is of this byte.
    fn record(seq: u64, byte: u8) -> Bytes {
        [&copy(LANE, seq)[..HEADER], &[byte; OVERHEAD]]
            .concat()
            .into()
    }

    #[tokio::test]
    async fn a_copy_that_comes_first_is_given_once_and_must_be_true() {
        let (certificate, key) = Certificate::generate("relay").unwrap();
        let certificate = Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = RelayListener::bind(any, &certificate, Limits::default()).unwrap();
        let address = listener.local_address().unwrap().to_string();
        let key = SigningKey::from_seed(&[1; 32]);
        let (program, relay) = tokio::join!(connect(&address, certificate.pin(), &key), async {
            listener.accept(|| 0).await.unwrap().accept().await.unwrap()
        });
        // Held: its control stream would arrive as one that has ended.
        let connected = program.unwrap();
        let (program, relay) = (&connected.link, relay.link);
        relay.trust();
        let mut lane = program.open_lane(LANE).await.unwrap();
        lane.send(record(0, 0)).await.unwrap();
        let Ok(Arrived::Lane(_, mut taken)) = relay.accept().await else {
            panic!("no lane");
        };
        let mut next = async || {
            let soon = Duration::from_secs(5);
            let next = tokio::time::timeout(soon, taken.next_record()).await;
            next.expect("nothing comes").map(|record| record.unwrap())
        };
        let bytes = |next: Result<Record, LinkError>| next.unwrap().bytes;
        assert_eq!(bytes(next().await), record(0, 0));
        let send_copy = |bytes| program.connection().send_datagram(bytes).unwrap();
        send_copy(record(1, 1));
        assert_eq!(bytes(next().await), record(1, 1), "by its copy alone");
        lane.send(record(1, 1)).await.unwrap();
        lane.send(record(2, 2)).await.unwrap();
        assert_eq!(bytes(next().await), record(2, 2), "and only once");
        tokio::time::sleep(2 * APART).await;
        // What this program sends has copies of its own.
        lane.send(record(3, 3)).await.unwrap();
        assert_eq!(bytes(next().await), record(3, 3));
        tokio::time::sleep(2 * APART).await;
        assert!(relay.stats().received_copies > 1);
        send_copy(record(4, 4));
        assert_eq!(bytes(next().await), record(4, 4));
        lane.send(record(4, 5)).await.unwrap();
        assert!(matches!(next().await, Err(LinkError::Violation(_))));
    }

    #[test]
    fn a_slot_gives_the_next_record_of_its_lane_and_keeps_few() {
        let slots = Slots::default();
        let slot = slots.open(LANE);
        assert!(slot.take(5).is_none());
        let other = LaneOpening {
            lane: Lane(3),
            ..LANE
        };
        slots.put(copy(other, 5));
        slots.put(copy(LANE, 4));
        slots.put(copy(LANE, 7));
        slots.put(copy(LANE, 5).slice(..40));
        slots.put(copy(LANE, 5).slice(..HEADER));
        assert!(slot.take(5).is_none());
        slots.put(copy(LANE, 5));
        assert_eq!(slot.take(5).map(|record| record.header.seq), Some(5));
        assert!(slot.take(6).is_none());
        assert_eq!(slot.take(7).map(|record| record.header.seq), Some(7));
        assert!(slot.take(8).is_none());
        // What is further ahead than may be taken does not wait.
        (8..300).for_each(|seq| slots.put(copy(LANE, seq)));
        let waiting = slot.waiting.lock().unwrap().len();
        assert_eq!(waiting, MOST);
        assert!(slot.take(8).is_some() && slot.take(8 + MOST as u64).is_none());
        drop(slot);
        slots.put(copy(LANE, 8));
        assert_eq!(slots.open(LANE).waiting.lock().unwrap().len(), 0);
    }
}
