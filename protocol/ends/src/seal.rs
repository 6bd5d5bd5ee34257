//! Sealing and opening records (PROTOCOL.md §5): AES-256-GCM by ring, one key per class, author and epoch; the nonce
//! is lane and sequence number, which never repeat under one key.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sightline_protocol::id::{Author, Lane, SessionId};
use sightline_protocol::record::{Class, HEADER, Header, RecordError, TAG};

use crate::keys::ClassKeys;

/// Where a lane belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId {
    pub author: Author,
    pub lane: Lane,
    pub class: Class,
}

/// The agent's control messages.
pub const AGENT_CONTROL: LaneId = lane(Author::AGENT, 0, Class::Control);
/// The agent's pictures.
pub const AGENT_PICTURE: LaneId = lane(Author::AGENT, 1, Class::Picture);
/// The technician's control messages.
pub const TECHNICIAN_CONTROL: LaneId = lane(Author::FIRST_TECHNICIAN, 0, Class::Control);
/// The technician's mouse and keyboard.
pub const TECHNICIAN_INPUT: LaneId = lane(Author::FIRST_TECHNICIAN, 1, Class::Input);

const fn lane(author: Author, lane: u32, class: Class) -> LaneId {
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

/// Seals one lane's records, in order.
pub struct Sealer {
    key: LessSafeKey,
    id: LaneId,
    session: SessionId,
    epoch: u32,
    seq: u64,
    /// `mono_us` of the session's beginning.
    start_us: u64,
}

impl Sealer {
    /// `None` if `keys` lack the lane's class.
    pub fn new(keys: &ClassKeys, id: LaneId, start_us: u64) -> Option<Sealer> {
        Some(Sealer {
            key: aead(keys, id)?,
            id,
            session: keys.session,
            epoch: keys.epoch,
            seq: 0,
            start_us,
        })
    }

    pub fn id(&self) -> LaneId {
        self.id
    }

    /// Header and ciphertext of one record. `plaintext` must fit its class's cap.
    pub fn seal(&mut self, plaintext: &[u8], flags: u8, now_us: u64) -> Vec<u8> {
        let length = plaintext.len() + TAG;
        assert!(length <= self.id.class.cap(), "callers keep to the cap");
        let header = Header {
            session: self.session,
            class: self.id.class,
            author: self.id.author,
            flags,
            epoch: self.epoch,
            lane: self.id.lane,
            seq: self.seq,
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
                nonce(self.id.lane, self.seq),
                Aad::from(&header),
                &mut record[HEADER..],
            )
            .expect("records are far below the cipher's limit");
        record.extend_from_slice(tag.as_ref());
        self.seq += 1;
        record
    }
}

/// Opens one lane's records, in order.
pub struct Opener {
    key: LessSafeKey,
    id: LaneId,
    session: SessionId,
    epoch: u32,
    seq: u64,
}

impl Opener {
    /// From the lane's beginning.
    pub fn new(keys: &ClassKeys, id: LaneId) -> Result<Opener, OpenError> {
        Opener::starting_at(keys, id, 0)
    }

    /// From record `seq`: for a replay that was sought.
    pub fn starting_at(keys: &ClassKeys, id: LaneId, seq: u64) -> Result<Opener, OpenError> {
        Ok(Opener {
            key: aead(keys, id).ok_or(OpenError::NoKey(id.class))?,
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
        let mut body = record[HEADER..].to_vec();
        let opened = self
            .key
            .open_in_place(nonce(header.lane, header.seq), Aad::from(head), &mut body)
            .map_err(|_| OpenError::Forged)?;
        let length = opened.len();
        body.truncate(length);
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
