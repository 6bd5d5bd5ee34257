//! Lanes: one-way ordered streams of records.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use sightline_protocol::broker::LaneOpening;
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, HEADER, Header};

use crate::error::LinkError;
use crate::message::Writer;
use crate::twice::{Copies, MOST_AHEAD, Slot};

/// Chunks taken from the stream at a time: one lock for about 90 KB.
const CHUNKS: usize = 64;

/// Which waiting bytes go out first: what a person feels soonest.
pub(crate) fn priority(class: Class) -> i32 {
    match class {
        Class::Input => 60,
        Class::Control => 50,
        Class::Shell => 40,
        Class::Chat => 30,
        Class::Clipboard => 20,
        Class::Picture => 10,
        Class::ClipboardContent => 5,
        Class::File => 0,
    }
}

/// A record as it travelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub header: Header,
    /// Header and ciphertext.
    pub bytes: Bytes,
}

impl Record {
    pub fn ciphertext(&self) -> Bytes {
        self.bytes.slice(HEADER..)
    }
}

/// The sending end of a lane. Its priority follows from its class.
pub struct LaneSender {
    writer: Writer,
    copies: Option<Copies>,
}

impl LaneSender {
    pub(crate) fn new(stream: SendStream, copies: Option<Copies>) -> LaneSender {
        LaneSender {
            writer: Writer::new(stream),
            copies,
        }
    }

    /// Sends one whole record, header and ciphertext. If the wait is cancelled, the record still goes out whole
    /// with the next call.
    pub async fn send(&mut self, record: Bytes) -> Result<(), LinkError> {
        if let Some(copies) = &mut self.copies {
            copies.follow(&record);
        }
        self.writer.send(record).await
    }

    /// Ends the lane and waits, for at most 2 s, until the other side has all of it.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        self.writer.finish().await
    }
}

/// The receiving end of a lane: cuts it into records, and refuses those that are not of this lane or not the
/// next. Holds at most one record and a few chunks, and of a lane on which a person waits some short records.
pub struct LaneReceiver {
    stream: RecvStream,
    opening: LaneOpening,
    chunks: Vec<Bytes>,
    /// Chunks `taken..filled` are received and not yet used.
    taken: usize,
    filled: usize,
    head: BytesMut,
    record: Option<(Header, BytesMut)>,
    /// The next record of the stream, and of those given: copies may be ahead of the stream.
    on_stream: u64,
    next_seq: u64,
    copies: Option<Arc<Slot>>,
    /// Who speaks on this lane, as its first record said.
    author: Option<Author>,
    /// Given before the stream had them.
    ahead: VecDeque<Bytes>,
}

impl LaneReceiver {
    pub(crate) fn new(
        stream: RecvStream,
        opening: LaneOpening,
        copies: Option<Arc<Slot>>,
    ) -> LaneReceiver {
        LaneReceiver {
            stream,
            opening,
            chunks: vec![Bytes::new(); CHUNKS],
            taken: 0,
            filled: 0,
            head: BytesMut::with_capacity(HEADER),
            record: None,
            on_stream: 0,
            next_seq: 0,
            copies,
            author: None,
            ahead: VecDeque::new(),
        }
    }

    /// The next record; `None` when the author ended the lane between two records; `LinkError::Cut` when the lane
    /// was given up. May be cancelled.
    pub async fn next_record(&mut self) -> Result<Option<Record>, LinkError> {
        loop {
            while self.taken < self.filled {
                if let Some(record) = self.take_chunk()?
                    && self.is_new(&record)?
                {
                    return Ok(Some(record));
                }
            }
            if let Some(record) = self.take_copy() {
                return Ok(Some(record));
            }
            let read = self.stream.read_chunks(&mut self.chunks);
            let read = match &self.copies {
                Some(copies) => tokio::select! {
                    read = read => read?,
                    () = copies.came() => continue,
                },
                None => read.await?,
            };
            match read {
                Some(count) => (self.taken, self.filled) = (0, count),
                None if self.record.is_none() && self.head.is_empty() => return Ok(None),
                None => return Err(LinkError::Violation("a lane ended inside a record".into())),
            }
        }
    }

    /// Whether a record of the stream was not given before.
    fn is_new(&mut self, record: &Record) -> Result<bool, LinkError> {
        self.on_stream += 1;
        self.author = Some(record.header.author);
        match self.ahead.pop_front() {
            None => {
                self.next_seq = self.on_stream;
                Ok(true)
            }
            Some(copy) if copy == record.bytes => Ok(false),
            Some(_) => Err(LinkError::Violation(
                "a record that differs from its copy".into(),
            )),
        }
    }

    /// The next record, if its copy came before it.
    fn take_copy(&mut self) -> Option<Record> {
        let copy = self.copies.as_ref()?.take(self.next_seq)?;
        // Who else might speak on it is not known before its first record.
        if self.author != Some(copy.header.author) || self.ahead.len() >= MOST_AHEAD {
            return None;
        }
        self.ahead.push_back(copy.bytes.clone());
        self.next_seq += 1;
        Some(copy)
    }

    /// Uses the current chunk as far as the current record goes.
    fn take_chunk(&mut self) -> Result<Option<Record>, LinkError> {
        let chunk = &mut self.chunks[self.taken];
        if self.record.is_none() {
            let part = chunk.len().min(HEADER - self.head.len());
            self.head.extend_from_slice(&chunk[..part]);
            chunk.advance(part);
            if let Some(head) = self.head.first_chunk::<HEADER>() {
                let header = Header::parse(head)?;
                let mut record = BytesMut::with_capacity(header.record_length());
                record.extend_from_slice(head);
                self.head.clear();
                check(&self.opening, &header, self.on_stream)?;
                self.record = Some((header, record));
            }
        }
        let chunk = &mut self.chunks[self.taken];
        if let Some((header, record)) = &mut self.record {
            let part = chunk.len().min(header.record_length() - record.len());
            record.extend_from_slice(&chunk[..part]);
            chunk.advance(part);
        }
        if chunk.is_empty() {
            *chunk = Bytes::new(); // lets go of the datagram
            self.taken += 1;
        }
        match self.record.take() {
            Some((header, record)) if record.len() == header.record_length() => {
                let bytes = record.freeze();
                Ok(Some(Record { header, bytes }))
            }
            unfinished => {
                self.record = unfinished;
                Ok(None)
            }
        }
    }
}

fn check(opening: &LaneOpening, header: &Header, next_seq: u64) -> Result<(), LinkError> {
    let violation = |what: &str| Err(LinkError::Violation(what.into()));
    if header.session != opening.session {
        return violation("a record of another session");
    }
    if header.lane != opening.lane || header.class != opening.class {
        return violation("a record of another lane");
    }
    if header.seq != next_seq {
        return violation("a record out of sequence");
    }
    Ok(())
}
