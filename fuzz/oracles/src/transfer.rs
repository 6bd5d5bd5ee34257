//! Transfers of files with a hostile other side: nothing is written outside the folder, nothing beyond what was announced,
//! nothing placed that is not what its hash says; and a sender never has more under way than its window.

use sightline_ends::content::{
    Amount, Direction, Entry, EntryKind, FileMessage, MOST_NAMES, PathBytes,
};
use sightline_ends::transfer::{
    Begin, Deed, Hash, PIECE, RESUMABLE, Receiver, Sender, Step, WINDOW, at_most,
};
use sightline_protocol::id::Digest;
use sightline_protocol::wire;

use crate::bytes::{Bytes, pieces};

const TRANSFER: u32 = 3;

/// What a file system would make of a path.
fn stays_inside(path: &[PathBytes]) {
    assert!(!path.is_empty() && path.len() <= 64);
    for name in path {
        assert!((1..=255).contains(&name.len()));
        assert!(!matches!(name.as_slice(), b"." | b".."));
        assert!(!name.iter().any(|byte| matches!(byte, 0 | b'/')));
    }
}

/// The receiver's folder, as far as it matters.
struct Folder {
    names: Vec<PathBytes>,
    known: bool,
    left: Amount,
    open: Option<(Begin, Vec<u8>)>,
    placed: u64,
}

impl Folder {
    fn path(&self, path: &[PathBytes]) {
        stays_inside(path);
        assert!(
            !self.known || self.names.contains(&path[0]),
            "not asked for"
        );
    }

    /// Does what the machine says, in one of the ways in which a shell may.
    fn deed(&mut self, deed: Deed, machine: &mut Receiver, choice: u8, end: Option<Digest>) {
        match deed {
            Deed::Nothing | Deed::LeftOut { .. } | Deed::Last => {}
            Deed::Folder { path } => self.path(&path),
            Deed::Begin(begin) => {
                self.path(&begin.path);
                self.left.files = self.left.files.checked_sub(1).expect("too many files");
                self.left.bytes = self.left.bytes.checked_sub(begin.bytes).expect("too much");
                let resumable = begin.bytes >= RESUMABLE;
                assert_eq!(begin.resumable, resumable);
                self.open = Some((begin, Vec::new()));
                match choice % 4 {
                    0 => drop(machine.skip()),
                    1 => drop(machine.not_placed("no".into())),
                    _ => assert_eq!(machine.take().is_some(), resumable),
                }
            }
            Deed::Write { at, bytes } => {
                let (begin, content) = self.open.as_mut().expect("a file is open");
                assert_eq!(at, content.len() as u64, "a hole");
                content.extend(bytes);
                assert!(content.len() as u64 <= begin.bytes, "more than announced");
                if choice == 9 {
                    machine.not_placed("the disk is full".into());
                }
            }
            Deed::Place => {
                let (begin, content) = self.open.take().expect("a file is open");
                assert_eq!(begin.bytes, content.len() as u64);
                assert_eq!(
                    end,
                    Some(Digest::of(&[&content])),
                    "other bytes than were sent"
                );
                self.placed += 1;
                let said = machine.placed(None);
                assert!(matches!(said, Some(FileMessage::Placed { .. })));
            }
            Deed::Abandon { why } => {
                self.open = None;
                machine.not_placed(why);
            }
        }
        assert_eq!(machine.files(), self.placed);
    }
}

fn message(bytes: &mut Bytes<'_>, folder: &Folder, next: u32) -> Option<FileMessage> {
    let transfer = TRANSFER;
    let index = match bytes.byte() {
        0..250 => next.saturating_sub(1),
        other => u32::from(other),
    };
    let content = folder.open.as_ref().map_or(&[][..], |(_, content)| content);
    Some(match bytes.byte() % 6 {
        0 => {
            let depth = bytes.byte() % 4;
            let path = (0..depth).map(|_| bytes.piece().to_vec()).collect();
            let length = u64::from(bytes.u16()) << (bytes.byte() % 16);
            let kind = match bytes.byte() % 3 {
                0 => EntryKind::Folder,
                _ => EntryKind::File {
                    bytes: length,
                    executable: false,
                },
            };
            let entry = Entry {
                index: next,
                path,
                kind,
                modified_ms: 0,
            };
            FileMessage::Entry { transfer, entry }
        }
        1 => FileMessage::Data {
            transfer,
            index,
            offset: content.len() as u64,
            bytes: bytes.piece().to_vec(),
        },
        2 => FileMessage::End {
            transfer,
            index,
            bytes: content.len() as u64,
            sha256: match bytes.byte() % 4 {
                0 => Digest([7; 32]),
                _ => Digest::of(&[content]),
            },
        },
        3 => FileMessage::Unreadable {
            transfer,
            index: index + u32::from(bytes.byte() % 2),
            why: "no".into(),
        },
        4 => FileMessage::Last { transfer },
        _ => wire::decode(bytes.piece()).ok()?,
    })
}

/// What is announced, then what comes.
pub fn receiver(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let count = usize::from(bytes.byte() % 3);
    let names: Vec<PathBytes> = (0..count).map(|_| bytes.piece().to_vec()).collect();
    let tops = u32::from(bytes.byte() % 4);
    let amount = Amount {
        files: bytes.byte().into(),
        bytes: u64::from(bytes.u16()) << 8,
    };
    let mut folder = Folder {
        known: tops as usize <= names.len().min(MOST_NAMES) && !names.is_empty(),
        names: names.clone(),
        left: at_most(amount),
        open: None,
        placed: 0,
    };
    let mut machine = Receiver::new(TRANSFER, Direction::ToUser, names, tops, amount);
    let mut next = 0;
    while !bytes.is_empty() {
        let choice = bytes.byte();
        let Some(message) = message(&mut bytes, &folder, next) else {
            continue;
        };
        let end = match &message {
            FileMessage::End { sha256, .. } => Some(*sha256),
            _ => None,
        };
        let counts = match &message {
            FileMessage::Entry { .. } => true,
            FileMessage::Unreadable { index, .. } => *index == next,
            _ => false,
        };
        // What breaks the rules ends the transfer.
        let Ok(deed) = machine.handle(message) else {
            return;
        };
        next += u32::from(counts);
        folder.deed(deed, &mut machine, choice, end);
        machine.got();
    }
}

/// What is sent, then what the receiver says to it.
pub fn sender(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let amount = Amount {
        files: bytes.byte().into(),
        bytes: u64::from(bytes.u16()) << 12,
    };
    let mut machine = Sender::new(TRANSFER, amount);
    let mut length = 0;
    let mut sent = Amount::default();
    while !bytes.is_empty() {
        assert!(machine.under_way() <= WINDOW, "too much under way");
        if bytes.byte().is_multiple_of(2) {
            let Ok(message) = wire::decode::<FileMessage>(bytes.piece()) else {
                continue;
            };
            if machine.handle(&message).is_err() {
                return;
            }
            continue;
        }
        match machine.step() {
            Step::Entry if bytes.byte().is_multiple_of(8) => drop(machine.no_more()),
            Step::Entry => {
                length = u64::from(bytes.u16()) << (bytes.byte() % 10);
                let kind = EntryKind::File {
                    bytes: length,
                    executable: false,
                };
                if let FileMessage::Entry { .. } = machine.entry(vec![b"f".to_vec()], kind, 0) {
                    sent.files += 1;
                    sent.bytes += length;
                    let most = at_most(amount);
                    assert!(sent.files <= most.files && sent.bytes <= most.bytes);
                }
            }
            Step::Hash { bytes } => {
                assert!(bytes <= length);
                machine.prefix(Some(Hash::default()));
            }
            Step::Read { at, bytes } => {
                assert!(bytes <= PIECE && at + bytes as u64 <= length);
                machine.read(vec![0; bytes]);
            }
            Step::End => drop(machine.end()),
            Step::Wait | Step::Done { .. } => {}
        }
    }
}

fn entry(name: &[u8], length: u16, kind: u8) -> Vec<u8> {
    let mut data = vec![2, 0, 0, 1];
    data.extend(pieces([name]));
    data.extend(length.to_le_bytes());
    data.extend([0, kind]);
    data
}

pub fn receiver_seeds() -> Vec<Vec<u8>> {
    let head = |name: &[u8]| {
        let mut data = vec![1];
        data.extend(pieces([name]));
        data.extend([1, 9, 0xff, 0xff]);
        data
    };
    let data = |content: &[u8]| {
        let mut data = vec![2, 0, 1];
        data.extend(pieces([content]));
        data
    };
    let whole = [
        &head(b"a")[..],
        &entry(b"a", 3, 1),
        &data(b"abc"),
        &[2, 0, 2, 1],
        &[2, 0, 4],
    ];
    let false_end = [
        &head(b"a")[..],
        &entry(b"a", 3, 1),
        &data(b"abc"),
        &[2, 0, 2, 0],
    ];
    vec![
        whole.concat(),
        false_end.concat(),
        [&head(b"a")[..], &entry(b"../a", 3, 1)].concat(),
        [&head(b"..")[..], &entry(b"..", 3, 1), &data(b"abc")].concat(),
        [
            &[0, 3, 9, 9, 9][..],
            &entry(b"x", 0, 0),
            &entry(b"x", 1, 1),
            &data(b"abc"),
        ]
        .concat(),
    ]
}

pub fn sender_seeds() -> Vec<Vec<u8>> {
    let says = |message: &FileMessage| {
        let mut data = vec![0];
        data.extend(pieces([&wire::encode(message)[..]]));
        data
    };
    let transfer = TRANSFER;
    let head = [9, 0xff, 0xff];
    // An entry of 64 KiB, its piece and its end; then one that waits.
    let small = [1, 1, 0, 1, 8, 1, 1];
    let large = [1, 1, 0, 0x80, 8];
    let from = FileMessage::From {
        transfer,
        index: 1,
        offset: 5,
        sha256: Hash::default().digest(),
    };
    let skip = FileMessage::Skip { transfer, index: 1 };
    let got = FileMessage::Got {
        transfer,
        bytes: 1_024,
    };
    vec![
        [&head[..], &small, &large, &says(&from), &[1, 1, 1]].concat(),
        [
            &head[..],
            &small,
            &large,
            &says(&skip),
            &says(&got),
            &[1, 0],
        ]
        .concat(),
        [&head[..], &large, &[1, 1, 1, 1]].concat(),
    ]
}
