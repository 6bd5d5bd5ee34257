//! Sealing and opening records (PROTOCOL.md §5): AES-256-GCM by ring, one key per class, author and epoch; the nonce
//! is lane and sequence number, which never repeat under one key. Behind it an HMAC that only the two ends can make:
//! class keys are also in the auditors' hands, and an auditor must not be able to speak for an end.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
pub use sightline_protocol::checkpoint::LaneId;
use sightline_protocol::id::{Author, Digest, Lane, SessionId};
use sightline_protocol::record::{Chain, Class, HEADER, Header, ORIGIN_TAG, OVERHEAD, RecordError};

use crate::keys::ClassKeys;
use crate::proof::LaneWatch;

/// The agent's control messages.
pub const AGENT_CONTROL: LaneId = lane(Author::AGENT, 0, Class::Control);
/// The agent's pictures.
pub const AGENT_PICTURE: LaneId = lane(Author::AGENT, 1, Class::Picture);
/// The technician's control messages.
pub const TECHNICIAN_CONTROL: LaneId = lane(Author::FIRST_TECHNICIAN, 0, Class::Control);
/// The technician's mouse and keyboard.
pub const TECHNICIAN_INPUT: LaneId = lane(Author::FIRST_TECHNICIAN, 1, Class::Input);

/// What both ends write to each other, and the rest that has one lane in each direction.
pub const CHAT: u32 = 2;
/// The user's clipboard; what is said about it, and by the agent alone what it holds.
pub const READ_CLIPBOARD: u32 = 3;
pub const READ_CLIPBOARD_CONTENT: u32 = 7;
/// The technician's, which sets the user's; its contents are said by the technician alone.
pub const SET_CLIPBOARD: u32 = sightline_protocol::record::SET_CLIPBOARD.0;
pub const SET_CLIPBOARD_CONTENT: u32 = sightline_protocol::record::SET_CLIPBOARD_CONTENT.0;
pub const FILES: u32 = 4;
/// The agent's facts about its computer: seen by whom pictures may be seen by.
pub const AGENT_FACTS: LaneId = lane(Author::AGENT, 5, Class::Picture);
/// The first terminal's lane; the others follow.
pub const FIRST_TERMINAL: u32 = 16;
/// Terminals that one session may have had: each costs both ends two lanes until the session's end.
pub const TERMINALS: u32 = 64;

pub(crate) const fn lane(author: Author, lane: u32, class: Class) -> LaneId {
    LaneId {
        author,
        lane: Lane(lane),
        class,
    }
}

/// Why a record is not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Header(#[from] RecordError),
    #[error("the record's length is not what its header says")]
    Length,
    #[error("the record belongs to another session, author, lane, class or epoch")]
    Misplaced,
    #[error("record {found} came where {expected} was due")]
    Sequence { expected: u64, found: u64 },
    #[error("the record was changed on its way")]
    Forged,
    #[error("the record does not come from the other end")]
    Foreign,
    #[error("no key for records of class {}", .0.word())]
    NoKey(Class),
}

fn aead(keys: &ClassKeys, id: LaneId) -> Option<LessSafeKey> {
    let key = keys.record_key(id.class, id.author)?;
    let unbound = UnboundKey::new(&AES_256_GCM, &key[..]).expect("the key has 32 bytes");
    Some(LessSafeKey::new(unbound))
}

fn nonce(lane: Lane, seq: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&lane.0.to_le_bytes());
    bytes[4..].copy_from_slice(&seq.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// The origin tag of the record that follows `chain`, over the chain's head, the header and the ciphertext's SHA-256.
fn origin(chain: &Chain, header: &[u8; HEADER], ciphertext: &Digest) -> [u8; 32 + HEADER + 32] {
    let mut bytes = [0; 32 + HEADER + 32];
    bytes[..32].copy_from_slice(&chain.head.0);
    bytes[32..32 + HEADER].copy_from_slice(header);
    bytes[32 + HEADER..].copy_from_slice(&ciphertext.0);
    bytes
}

/// SHA-256 of the ciphertext, and of the ciphertext with the origin tag behind it: one pass over the bytes.
struct Hashed(ring::digest::Context);

impl Hashed {
    fn new(ciphertext: &[u8]) -> Hashed {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(ciphertext);
        Hashed(context)
    }

    fn ciphertext(&self) -> Digest {
        finished(self.0.clone())
    }

    fn body(mut self, origin_tag: &[u8]) -> Digest {
        self.0.update(origin_tag);
        finished(self.0)
    }
}

fn finished(context: ring::digest::Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    Digest(bytes)
}

/// Seals one lane's records, in order.
pub struct Sealer {
    key: LessSafeKey,
    origin: hmac::Key,
    chain: Chain,
    watch: LaneWatch,
    id: LaneId,
    session: SessionId,
    epoch: u32,
    /// `mono_us` of the session's beginning.
    start_us: u64,
}

impl Sealer {
    /// `None` if `keys` are not an end's.
    pub fn new(keys: &ClassKeys, id: LaneId, start_us: u64) -> Option<Sealer> {
        Some(Sealer {
            key: aead(keys, id)?,
            origin: keys.origin_key(id.author)?,
            chain: Chain::default(),
            watch: LaneWatch::default(),
            id,
            session: keys.session,
            epoch: keys.epoch,
            start_us,
        })
    }

    pub fn id(&self) -> LaneId {
        self.id
    }

    /// Sees how far this lane is, from wherever its checkpoints are signed.
    pub fn watch(&self) -> LaneWatch {
        self.watch.clone()
    }

    /// One whole record. `plaintext` must fit its class's cap with [`OVERHEAD`].
    pub fn seal(&mut self, plaintext: &[u8], flags: u8, now_us: u64) -> Vec<u8> {
        let length = plaintext.len() + OVERHEAD;
        let seq = self.chain.records;
        assert!(length <= self.id.class.cap(), "callers keep to the cap");
        let header = Header {
            session: self.session,
            class: self.id.class,
            author: self.id.author,
            flags,
            epoch: self.epoch,
            lane: self.id.lane,
            seq,
            time_us: now_us.saturating_sub(self.start_us),
            length: length as u32,
        }
        .encode();
        let mut record = Vec::with_capacity(HEADER + length);
        record.extend_from_slice(&header);
        record.extend_from_slice(plaintext);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                nonce(self.id.lane, seq),
                Aad::from(&header),
                &mut record[HEADER..],
            )
            .expect("records are far below the cipher's limit");
        record.extend_from_slice(tag.as_ref());
        let hashed = Hashed::new(&record[HEADER..]);
        let signed = origin(&self.chain, &header, &hashed.ciphertext());
        let origin_tag = hmac::sign(&self.origin, &signed);
        record.extend_from_slice(origin_tag.as_ref());
        self.chain
            .extend_hashed(&header, &hashed.body(origin_tag.as_ref()));
        self.watch.moved(self.chain);
        record
    }
}

/// What an end holds beyond the class keys, to know the other end's records from an auditor's.
struct FromOtherEnd {
    origin: hmac::Key,
    chain: Chain,
    watch: LaneWatch,
}

impl FromOtherEnd {
    fn check(&mut self, header: &[u8; HEADER], body: &[u8]) -> Result<(), OpenError> {
        let (ciphertext, tag) = body.split_at(body.len() - ORIGIN_TAG);
        let hashed = Hashed::new(ciphertext);
        let signed = origin(&self.chain, header, &hashed.ciphertext());
        hmac::verify(&self.origin, &signed, tag).map_err(|_| OpenError::Foreign)?;
        self.chain.extend_hashed(header, &hashed.body(tag));
        self.watch.moved(self.chain);
        Ok(())
    }
}

/// Opens one lane's records, in order.
pub struct Opener {
    key: LessSafeKey,
    /// At the ends. An auditor cannot check origin tags; it has the checkpoints.
    other_end: Option<FromOtherEnd>,
    id: LaneId,
    session: SessionId,
    epoch: u32,
    seq: u64,
}

impl Opener {
    /// From the lane's beginning; at an end, only what the other end sealed opens.
    pub fn new(keys: &ClassKeys, id: LaneId) -> Result<Opener, OpenError> {
        let mut opener = Opener::starting_at(keys, id, 0)?;
        opener.other_end = keys.origin_key(id.author).map(|origin| FromOtherEnd {
            origin,
            chain: Chain::default(),
            watch: LaneWatch::default(),
        });
        Ok(opener)
    }

    /// Sees how far this lane is; `None` for an auditor.
    pub fn watch(&self) -> Option<LaneWatch> {
        self.other_end.as_ref().map(|end| end.watch.clone())
    }

    /// From record `seq`: for a replay that was sought.
    pub fn starting_at(keys: &ClassKeys, id: LaneId, seq: u64) -> Result<Opener, OpenError> {
        Ok(Opener {
            key: aead(keys, id).ok_or(OpenError::NoKey(id.class))?,
            other_end: None,
            id,
            session: keys.session,
            epoch: keys.epoch,
            seq,
        })
    }

    /// Header and plaintext of the next record. After an error the lane is of no more use.
    pub fn open(&mut self, record: &[u8]) -> Result<(Header, Vec<u8>), OpenError> {
        let head = record.first_chunk::<HEADER>().ok_or(OpenError::Length)?;
        let header = Header::parse(head)?;
        if record.len() != header.record_length() {
            return Err(OpenError::Length);
        }
        let id = LaneId {
            author: header.author,
            lane: header.lane,
            class: header.class,
        };
        if id != self.id || header.session != self.session || header.epoch != self.epoch {
            return Err(OpenError::Misplaced);
        }
        if header.seq != self.seq {
            return Err(OpenError::Sequence {
                expected: self.seq,
                found: header.seq,
            });
        }
        let sealed = &record[HEADER..];
        // `Header::parse` refuses a body shorter than its tags.
        let mut body = sealed[..sealed.len() - ORIGIN_TAG].to_vec();
        let opened = self
            .key
            .open_in_place(nonce(header.lane, header.seq), Aad::from(head), &mut body)
            .map_err(|_| OpenError::Forged)?;
        let length = opened.len();
        body.truncate(length);
        if let Some(end) = &mut self.other_end {
            end.check(head, sealed)?;
        }
        self.seq += 1;
        Ok((header, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn keys(session: u8) -> ClassKeys {
        ClassKeys::derive(
            SessionId([session; 16]),
            0,
            &Zeroizing::new([2; 32]),
            &[3; 32],
        )
    }

    fn three() -> [Vec<u8>; 3] {
        let mut sealer = Sealer::new(&keys(1), AGENT_PICTURE, 100).unwrap();
        [
            sealer.seal(b"one", 1, 150),
            sealer.seal(b"", 0, 160),
            sealer.seal(b"three", 0, 170),
        ]
    }

    #[test]
    fn what_is_sealed_opens_once_and_in_order() {
        let [one, two, three] = three();
        let mut opener = Opener::new(&keys(1), AGENT_PICTURE).unwrap();
        let (header, body) = opener.open(&one).unwrap();
        assert_eq!(
            (header.time_us, header.flags, body),
            (50, 1, b"one".to_vec())
        );
        assert_eq!(
            opener.open(&one),
            Err(OpenError::Sequence {
                expected: 1,
                found: 0
            })
        );
        assert!(opener.open(&three).is_err());
        assert_eq!(opener.open(&two).unwrap().1, b"");
        assert_eq!(opener.open(&three).unwrap().1, b"three");
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let [one, ..] = three();
        for bit in 0..one.len() * 8 {
            let mut bent = one.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Opener::new(&keys(1), AGENT_PICTURE)
                    .unwrap()
                    .open(&bent)
                    .is_err()
            );
        }
        for cut in 0..one.len() {
            assert!(
                Opener::new(&keys(1), AGENT_PICTURE)
                    .unwrap()
                    .open(&one[..cut])
                    .is_err()
            );
        }
    }

    #[test]
    fn who_holds_the_class_keys_alone_can_open_but_not_speak_for_an_end() {
        let ends = keys(1);
        // The same class keys with another origin: what an auditor and the relay could do together.
        let auditor = ends.clone().with_origin_of(&keys(2));
        let mut forged = Sealer::new(&auditor, AGENT_PICTURE, 100).unwrap();
        let record = forged.seal(b"one", 0, 150);
        let mut opener = Opener::new(&ends, AGENT_PICTURE).unwrap();
        assert_eq!(opener.open(&record), Err(OpenError::Foreign));
        let mut replay = Opener::starting_at(&ends, AGENT_PICTURE, 0).unwrap();
        assert_eq!(replay.open(&record).unwrap().1, b"one");
    }

    #[test]
    fn another_session_or_lane_does_not_open_it() {
        let [one, ..] = three();
        for (session, id) in [
            (2, AGENT_PICTURE),
            (1, AGENT_CONTROL),
            (1, TECHNICIAN_INPUT),
        ] {
            let mut opener = Opener::new(&keys(session), id).unwrap();
            assert_eq!(opener.open(&one), Err(OpenError::Misplaced));
        }
    }
}
