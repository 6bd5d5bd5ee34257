//! Everything that can be done to a recording by someone who knows its format and has none of the keys.

use sightline_protocol::recording::{HEAD, Kind};

use super::entries::{Raw, entries, file, start_of};
use super::story::{Story, story};
use super::{verify, word};
use crate::bytes::Bytes;
use crate::people;

/// One way to tamper. Entries are counted from 0, the manifest included; checksums are made right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Flips one bit of an entry's body.
    Flip {
        entry: usize,
        bit: usize,
    },
    /// Flips one bit of the file and leaves the checksums as they are.
    Scratch {
        bit: usize,
    },
    Drop {
        entry: usize,
    },
    Double {
        entry: usize,
    },
    /// Exchanges an entry with the next one.
    Swap {
        entry: usize,
    },
    /// The file ends before this entry.
    CutBefore {
        entry: usize,
    },
    /// The file ends so many bytes into this entry.
    CutInside {
        entry: usize,
        bytes: usize,
    },
    /// Puts the other session's entry of this index in its place.
    Splice {
        entry: usize,
    },
    /// Puts the other session's entry of this index before it.
    Insert {
        entry: usize,
    },
    /// The whole file claims to be the other session.
    Rename,
}

impl Mutation {
    /// The file after it; `other`: a recording of another session of the same two.
    pub fn apply(&self, original: &[u8], other: &[u8]) -> Vec<u8> {
        let (session, mut raw) = entries(original);
        let (other_session, theirs) = entries(other);
        let from_other = |entry: usize| theirs[entry.min(theirs.len() - 1)].clone();
        match *self {
            Mutation::Flip { entry, bit } => raw[entry].body[bit / 8] ^= 1 << (bit % 8),
            Mutation::Scratch { bit } => {
                let mut bytes = original.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                return bytes;
            }
            Mutation::Drop { entry } => drop(raw.remove(entry)),
            Mutation::Double { entry } => raw.insert(entry, raw[entry].clone()),
            Mutation::Swap { entry } => raw.swap(entry, entry + 1),
            Mutation::CutBefore { entry } => return original[..start_of(&raw, entry)].to_vec(),
            Mutation::CutInside { entry, bytes } => {
                return original[..start_of(&raw, entry) + bytes].to_vec();
            }
            Mutation::Splice { entry } => raw[entry] = from_other(entry),
            Mutation::Insert { entry } => raw.insert(entry, from_other(entry)),
            Mutation::Rename => return file(other_session, &raw),
        }
        file(session, &raw)
    }
}

/// For every entry every kind of change; bits and lengths are those that `pick` gives for a bound.
pub fn mutations(original: &[u8], mut pick: impl FnMut(usize) -> usize) -> Vec<Mutation> {
    let (_, raw) = entries(original);
    let mut all = vec![Mutation::Rename];
    for (entry, it) in raw.iter().enumerate() {
        for bit in interesting_bits(it, &mut pick) {
            all.push(Mutation::Flip { entry, bit });
        }
        all.push(Mutation::Drop { entry });
        all.push(Mutation::Double { entry });
        all.push(Mutation::CutBefore { entry });
        all.push(Mutation::Splice { entry });
        all.push(Mutation::Insert { entry });
        all.push(Mutation::CutInside {
            entry,
            bytes: 1 + pick(it.body.len() + 11),
        });
        let start = start_of(&raw, entry) * 8;
        all.push(Mutation::Scratch {
            bit: start + pick((it.body.len() + 12) * 8),
        });
        if entry + 1 < raw.len() && raw[entry] != raw[entry + 1] {
            all.push(Mutation::Swap { entry });
        }
    }
    all
}

/// One bit of each part: of a record its header, its ciphertext and its tags; of a statement its body, key and
/// signature.
fn interesting_bits(raw: &Raw, pick: &mut impl FnMut(usize) -> usize) -> Vec<usize> {
    let bits = raw.body.len() * 8;
    if raw.kind != Kind::Record as u8 {
        let tail = bits.min(96 * 8); // key and signature
        return vec![pick(bits), bits - 1 - pick(tail), pick(bits)];
    }
    let header = 48 * 8;
    let mut chosen: Vec<usize> = (0..48).step_by(4).map(|byte| byte * 8 + pick(8)).collect();
    chosen.push(header + pick(bits - header));
    chosen.push(bits - 1 - pick(32 * 8));
    chosen.push(bits - 32 * 8 - 1 - pick(16 * 8));
    chosen
}

/// For a fuzzer: any story, any few mutations after each other. Nothing panics, and what was changed is never whole.
pub fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let seed = u64::from(bytes.byte() % 8);
    let (Story { file: original, .. }, other) = (story(seed, 60), story(seed + 100, 60));
    let mut changed = original.clone();
    for _ in 0..1 + bytes.byte() % 3 {
        let (session, raw) = match whole_entries(&changed) {
            Some(parts) => parts,
            None => break,
        };
        let entry = usize::from(bytes.u16()) % raw.len();
        let n = usize::from(bytes.u16());
        let body = raw[entry].body.len();
        let mutation = match bytes.byte() % 10 {
            0 | 1 if body > 0 => Mutation::Flip {
                entry,
                bit: n % (body * 8),
            },
            2 => Mutation::Scratch {
                bit: n % (changed.len() * 8),
            },
            3 => Mutation::Drop { entry },
            4 => Mutation::Double { entry },
            5 if entry + 1 < raw.len() => Mutation::Swap { entry },
            6 => Mutation::CutBefore { entry },
            7 => Mutation::CutInside {
                entry,
                bytes: 1 + n % (body + 11),
            },
            8 => Mutation::Splice { entry },
            _ => Mutation::Insert { entry },
        };
        let _ = session;
        changed = mutation.apply(&changed, &other.file);
    }
    let verdict = word(&verify(&changed, &people::bundle()));
    assert!(
        changed == original || verdict != "whole",
        "tampering passed for whole"
    );
}

/// The entries, if the file is well-formed to its end.
fn whole_entries(bytes: &[u8]) -> Option<(sightline_protocol::id::SessionId, Vec<Raw>)> {
    let mut reader = sightline_protocol::recording::RecordingReader::open(bytes).ok()?;
    while reader.next_entry().ok()?.is_some() {}
    (bytes.len() > HEAD).then(|| entries(bytes))
}

pub fn fuzz_seeds() -> Vec<Vec<u8>> {
    (0..10)
        .map(|n| vec![n, n, 3, 0, 200, 1, n, 9, 0, 7, 2, 5])
        .collect()
}
