//! The recording's container (PROTOCOL.md §6): a head, then entries, each with a length and a CRC, appended only.
//!
//! Write and read stand side by side. The CRC finds torn tails and bad disks; proof against people is in the
//! signatures and chains inside the entries.

use std::io::{self, Read, Write};

use crate::checkpoint::Checkpoint;
use crate::id::{Digest, SessionId};
use crate::ledger::LedgerProof;
use crate::record::{Class, HEADER};
use crate::statement::Signed;
use crate::statements::{Manifest, ManifestSeen, Receipt};
use crate::wire;

/// First bytes of every recording, then `u16` version, `u16` 0, the session.
const MAGIC: [u8; 8] = *b"SIGHTREC";
const VERSION: u16 = 1;
/// Bytes of the file's head.
pub const HEAD: usize = 28;
/// Bytes before an entry's body: `u8` kind, three zeros, `u32` length, `u32` CRC-32 of kind, length and body.
pub const ENTRY_HEAD: usize = 12;

/// Longest entry: a record of the longest class, or a manifest with many auditors.
pub const ENTRY_CAP: usize = 1024 * 1024;
const _: () = assert!(HEADER + Class::Picture.cap() <= ENTRY_CAP);

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`SealedManifest`], once, first.
    Manifest = 1,
    /// Header and ciphertext, the very bytes that travelled.
    Record = 2,
    /// `Signed<Receipt>`.
    Receipt = 3,
    /// `u16` close code; the session ended in order.
    Close = 4,
    /// `Signed<Checkpoint>`, in the order in which they came.
    Checkpoint = 5,
    /// [`LedgerProof`], last: the session is in the relay's ledger.
    Ledger = 6,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Kind> {
        let all = [
            Kind::Manifest,
            Kind::Record,
            Kind::Receipt,
            Kind::Close,
            Kind::Checkpoint,
            Kind::Ledger,
        ];
        all.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A running digest over a recording's entries in their order: what a receipt pins beside the records' own chains.
///
/// o₀ = 32 zero bytes, oᵢ = SHA-256(oᵢ₋₁ ‖ entry head ‖ the first 48 bytes of the body).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order(pub Digest);

impl Default for Order {
    fn default() -> Order {
        Order(Digest([0; 32]))
    }
}

impl Order {
    /// Of a record that is its header; what lies behind, the records' chains and the statements' signatures hold.
    pub fn extend(&mut self, head: &[u8; ENTRY_HEAD], body: &[u8]) {
        let start = &body[..body.len().min(HEADER)];
        self.0 = Digest::of(&[&self.0.0, head, start]);
    }
}

/// The manifest with both ends' signatures.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SealedManifest {
    pub manifest: Signed<Manifest>,
    pub seen: Signed<ManifestSeen>,
}

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("not a Sightline recording")]
    NotARecording,
    #[error("recording version {0} is not known to this program")]
    Version(u16),
    #[error("the file ends inside an entry")]
    Torn,
    #[error("entry of kind {0} is not known")]
    UnknownKind(u8),
    #[error("entry of {0} bytes is too long")]
    TooLong(u32),
    #[error("an entry's bytes do not match their checksum")]
    Checksum,
    #[error("an entry's head does not fit what it stands before")]
    Misfit,
    #[error("an entry's bytes cannot be read: {0}")]
    Malformed(#[from] wire::WireError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The file's head.
pub fn head(session: SessionId) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..28].copy_from_slice(&session.0);
    bytes
}

pub(crate) fn checksum(kind: u8, length: u32, parts: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[kind]);
    crc.update(&length.to_le_bytes());
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

/// An entry's head for a body that comes in parts.
pub fn entry_head(kind: Kind, body: &[&[u8]]) -> [u8; ENTRY_HEAD] {
    let length = body.iter().map(|part| part.len()).sum::<usize>() as u32;
    let mut bytes = [0; ENTRY_HEAD];
    bytes[0] = kind as u8;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..12].copy_from_slice(&checksum(kind as u8, length, body).to_le_bytes());
    bytes
}

/// Appends one entry.
pub fn write_entry(out: &mut impl Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    out.write_all(&entry_head(kind, &[body]))?;
    out.write_all(body)
}

/// One entry as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Manifest(Box<SealedManifest>),
    Record(Vec<u8>),
    Receipt(Signed<Receipt>),
    Close(u16),
    Checkpoint(Signed<Checkpoint>),
    Ledger(LedgerProof),
}

/// Reads a recording from its start; holds one entry at a time.
pub struct RecordingReader<R> {
    input: R,
    session: SessionId,
    /// Where the next entry starts.
    offset: u64,
    order: Order,
}

impl<R: Read> RecordingReader<R> {
    pub fn open(mut input: R) -> Result<RecordingReader<R>, RecordingError> {
        let mut bytes = [0; HEAD];
        if read_up_to(&mut input, &mut bytes)? < HEAD || bytes[..8] != MAGIC {
            return Err(RecordingError::NotARecording);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION || bytes[10..12] != [0, 0] {
            return Err(RecordingError::Version(version));
        }
        let mut session = [0; 16];
        session.copy_from_slice(&bytes[12..28]);
        Ok(RecordingReader {
            input,
            session: SessionId(session),
            offset: HEAD as u64,
            order: Order::default(),
        })
    }

    /// Goes on with another input, which stands at `offset` on an entry's border.
    pub fn resume(&mut self, input: R, offset: u64) {
        self.input = input;
        self.offset = offset;
    }

    /// The order of the entries so far; after [`RecordingReader::resume`] it means nothing.
    pub fn order(&self) -> Digest {
        self.order.0
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Where the next entry starts: after an error, the length of the part that is whole.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry; `None` at the end of the file on an entry's border.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        let mut head = [0; ENTRY_HEAD];
        match read_up_to(&mut self.input, &mut head)? {
            0 => return Ok(None),
            ENTRY_HEAD => {}
            _ => return Err(RecordingError::Torn),
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let kind = Kind::from_byte(head[0]).ok_or(RecordingError::UnknownKind(head[0]))?;
        if length as usize > ENTRY_CAP {
            return Err(RecordingError::TooLong(length));
        }
        let mut body = vec![0; length as usize];
        if read_up_to(&mut self.input, &mut body)? < body.len() {
            return Err(RecordingError::Torn);
        }
        let crc = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if head[1..4] != [0, 0, 0] || crc != checksum(head[0], length, &[&body]) {
            return Err(RecordingError::Checksum);
        }
        self.offset += (ENTRY_HEAD + body.len()) as u64;
        self.order.extend(&head, &body);
        Ok(Some(match kind {
            Kind::Manifest => Entry::Manifest(Box::new(wire::decode(&body)?)),
            Kind::Record => Entry::Record(body),
            Kind::Receipt => Entry::Receipt(wire::decode(&body)?),
            Kind::Close => Entry::Close(wire::decode(&body)?),
            Kind::Checkpoint => Entry::Checkpoint(wire::decode(&body)?),
            Kind::Ledger => Entry::Ledger(wire::decode(&body)?),
        }))
    }
}

/// Fills `bytes` as far as the input goes.
fn read_up_to(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut file = head(SessionId([5; 16])).to_vec();
        for n in 0..5_u8 {
            write_entry(&mut file, Kind::Record, &vec![n; 40 + usize::from(n)]).unwrap();
        }
        write_entry(&mut file, Kind::Close, &wire::encode(&3_u16)).unwrap();
        file
    }

    fn read(file: &[u8]) -> (Vec<Entry>, Option<RecordingError>, u64) {
        let mut reader = RecordingReader::open(file).unwrap();
        let mut entries = Vec::new();
        loop {
            match reader.next_entry() {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => return (entries, None, reader.offset()),
                Err(e) => return (entries, Some(e), reader.offset()),
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (entries, error, offset) = read(&sample());
        assert!(error.is_none());
        assert_eq!(entries.len(), 6);
        assert_eq!(entries[5], Entry::Close(3));
        assert_eq!(offset, sample().len() as u64);
    }

    #[test]
    fn every_truncation_leaves_a_readable_prefix() {
        let whole = sample();
        let (all, _, _) = read(&whole);
        for cut in HEAD..whole.len() {
            let (entries, error, offset) = read(&whole[..cut]);
            assert_eq!(entries[..], all[..entries.len()]);
            assert!(offset as usize <= cut);
            assert_eq!(error.is_some(), offset as usize != cut, "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let whole = sample();
        for bit in HEAD * 8..whole.len() * 8 {
            let mut bent = whole.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bent).1.is_some(), "bit {bit}");
        }
    }
}
