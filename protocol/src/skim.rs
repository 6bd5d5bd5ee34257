//! Goes over a recording by the heads of its entries and records, without reading the bodies: gigabytes in a moment.
//!
//! What it says is a map, not a proof: bodies, and with them checksums and seals, are checked where they are read. A head
//! that does not fit its place ends it, so that it does not wander off into a body.

use std::io::{self, Read, Seek, SeekFrom};

use crate::id::SessionId;
use crate::record::{HEADER, Header};
use crate::recording::{ENTRY_CAP, ENTRY_HEAD, Kind, RecordingError, checksum};
use crate::wire;

/// How much is read at a time, in bytes: several small records or the head of a large one; a page of the disk's cache.
const WINDOW: usize = 4096;

/// What an entry is, as far as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Record(Header),
    /// The close code.
    Close(u16),
    Other(Kind),
}

/// One entry that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where it starts.
    pub offset: u64,
    /// Its head, checksum included.
    pub head: [u8; ENTRY_HEAD],
    pub sight: Sight,
}

/// Passes over the entries of one recording.
pub struct Skim<R> {
    input: R,
    session: SessionId,
    offset: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<R: Read + Seek> Skim<R> {
    /// Goes on at `offset`, an entry's border in the recording of `session`.
    pub fn new(input: R, session: SessionId, offset: u64) -> Skim<R> {
        Skim {
            input,
            session,
            offset,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// Where the next entry starts: after an error, the length of what could be passed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry of a file of `end` bytes; `None` when it ends on an entry's border. After [`RecordingError::Torn`] it can
    /// be asked again with a longer file.
    pub fn next_entry(&mut self, end: u64) -> Result<Option<Passed>, RecordingError> {
        if self.offset >= end {
            return Ok(None);
        }
        if end - self.offset < ENTRY_HEAD as u64 {
            return Err(RecordingError::Torn);
        }
        let mut head = [0; ENTRY_HEAD];
        self.read(self.offset, &mut head)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let kind = Kind::from_byte(head[0]).ok_or(RecordingError::UnknownKind(head[0]))?;
        if length as usize > ENTRY_CAP {
            return Err(RecordingError::TooLong(length));
        }
        if head[1..4] != [0, 0, 0] {
            return Err(RecordingError::Checksum);
        }
        let after = self.offset + ENTRY_HEAD as u64 + u64::from(length);
        if after > end {
            return Err(RecordingError::Torn);
        }
        let sight = match kind {
            Kind::Record => Sight::Record(self.header(length)?),
            Kind::Close => Sight::Close(self.close(&head, length)?),
            other => Sight::Other(other),
        };
        let offset = std::mem::replace(&mut self.offset, after);
        Ok(Some(Passed {
            offset,
            head,
            sight,
        }))
    }

    fn header(&mut self, length: u32) -> Result<Header, RecordingError> {
        let mut bytes = [0; HEADER];
        if (length as usize) < HEADER {
            return Err(RecordingError::Misfit);
        }
        self.read(self.offset + ENTRY_HEAD as u64, &mut bytes)?;
        let header = Header::parse(&bytes).map_err(|_| RecordingError::Misfit)?;
        let fits = header.session == self.session && header.record_length() == length as usize;
        fits.then_some(header).ok_or(RecordingError::Misfit)
    }

    fn close(&mut self, head: &[u8; ENTRY_HEAD], length: u32) -> Result<u16, RecordingError> {
        let mut body = [0; 2];
        if length as usize != body.len() {
            return Err(RecordingError::Misfit);
        }
        self.read(self.offset + ENTRY_HEAD as u64, &mut body)?;
        let crc = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if crc != checksum(head[0], length, &[&body]) {
            return Err(RecordingError::Checksum);
        }
        Ok(wire::decode(&body)?)
    }

    /// Fills `bytes`, which are few, from `at` on.
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), RecordingError> {
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if at < held.start || at + bytes.len() as u64 > held.end {
            self.input.seek(SeekFrom::Start(at))?;
            self.window.resize(WINDOW, 0);
            self.window_at = at;
            let mut filled = 0;
            while filled < bytes.len() {
                match self.input.read(&mut self.window[filled..]) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e.into()),
                }
            }
            self.window.truncate(filled);
        }
        let start = (at - self.window_at) as usize;
        let held = self.window.get(start..start + bytes.len());
        bytes.copy_from_slice(held.ok_or(RecordingError::Torn)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::id::{Author, Lane};
    use crate::record::{Class, OVERHEAD};
    use crate::recording::{HEAD, head, write_entry};

    const SESSION: SessionId = SessionId([5; 16]);

    fn record(seq: u64, body: usize) -> Vec<u8> {
        let header = Header {
            session: SESSION,
            class: Class::Picture,
            author: Author::AGENT,
            flags: 0,
            epoch: 0,
            lane: Lane(1),
            seq,
            time_us: seq * 1000,
            length: (body + OVERHEAD) as u32,
        };
        [&header.encode()[..], &vec![7; body + OVERHEAD]].concat()
    }

    fn sample() -> Vec<u8> {
        let mut file = head(SESSION).to_vec();
        for seq in 0..20 {
            let body = record(seq, 1 + seq as usize * 700);
            write_entry(&mut file, Kind::Record, &body).unwrap();
        }
        write_entry(&mut file, Kind::Close, &wire::encode(&3_u16)).unwrap();
        file
    }

    fn skim(file: &[u8]) -> (Vec<Sight>, Option<RecordingError>, u64) {
        let mut skim = Skim::new(Cursor::new(file), SESSION, HEAD as u64);
        let mut seen = Vec::new();
        loop {
            match skim.next_entry(file.len() as u64) {
                Ok(Some(passed)) => seen.push(passed.sight),
                Ok(None) => return (seen, None, skim.offset()),
                Err(error) => return (seen, Some(error), skim.offset()),
            }
        }
    }

    #[test]
    fn it_sees_every_head_and_the_end() {
        let (seen, error, offset) = skim(&sample());
        assert!(error.is_none());
        assert_eq!(seen.len(), 21);
        for (seq, sight) in (0..20).zip(&seen) {
            assert!(matches!(sight, Sight::Record(header) if header.seq == seq));
        }
        assert_eq!(seen[20], Sight::Close(3));
        assert_eq!(offset, sample().len() as u64);
    }

    #[test]
    fn every_truncation_is_torn_or_whole() {
        let whole = sample();
        for cut in (HEAD..whole.len()).step_by(7) {
            let (_, error, offset) = skim(&whole[..cut]);
            assert_eq!(error.is_some(), offset as usize != cut, "cut at {cut}");
            assert!(error.is_none_or(|error| matches!(error, RecordingError::Torn)));
        }
    }

    #[test]
    fn a_file_that_grew_is_passed_on() {
        let whole = sample();
        let mut skim = Skim::new(Cursor::new(&whole), SESSION, HEAD as u64);
        let mut seen = 0;
        for end in (HEAD as u64..=whole.len() as u64)
            .step_by(333)
            .chain([whole.len() as u64])
        {
            while let Ok(Some(_)) = skim.next_entry(end) {
                seen += 1;
            }
        }
        assert_eq!(seen, 21);
    }

    #[test]
    fn a_bent_length_does_not_lead_it_astray() {
        let whole = sample();
        let mut at = HEAD;
        for _ in 0..3 {
            let length = u32::from_le_bytes(whole[at + 4..at + 8].try_into().unwrap());
            for bit in 32..64 {
                let mut bent = whole.clone();
                bent[at + bit / 8] ^= 1 << (bit % 8);
                let (_, error, offset) = skim(&bent);
                assert!(error.is_some(), "bit {bit}");
                assert!(offset as usize <= at, "bit {bit}");
            }
            at += ENTRY_HEAD + length as usize;
        }
    }
}
