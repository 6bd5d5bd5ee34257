//! Both machines with a line between them that takes its time, and names that are none.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::content::{Amount, Direction, EntryKind, PathBytes};
use crate::now::Now;

#[test]
fn names_that_lead_anywhere_are_refused() {
    let long = vec![b'a'; 256];
    let bad: [(&[u8], BadName); 9] = [
        (b"", BadName::Empty),
        (b".", BadName::Leads),
        (b"..", BadName::Leads),
        (b"/etc/passwd", BadName::Character),
        (b"a/b", BadName::Character),
        (b"../a", BadName::Character),
        (b"a\0b", BadName::Character),
        (&long, BadName::Long),
        (b".a.sightline-part", BadName::Part),
    ];
    for (name, why) in bad {
        assert_eq!(check(name), Err(why), "{name:?}");
    }
    for good in [
        &b"..."[..],
        b"\xff\xfe",
        b" ",
        b".profile",
        b"-rf",
        "Grüße".as_bytes(),
    ] {
        assert_eq!(check(good), Ok(()));
        assert!(is_part(&part(good)) && check(&numbered(good, 2)).is_ok());
    }
    assert_eq!(check_path(&[]), Err(BadName::Empty));
    assert_eq!(check_path(&vec![b"a".to_vec(); 65]), Err(BadName::Deep));
    assert_eq!(check_path(&vec![vec![b'a'; 255]; 17]), Err(BadName::Deep));
    assert_eq!(
        check_path(&[b"a".to_vec(), b"..".to_vec()]),
        Err(BadName::Leads)
    );
}

#[test]
fn a_newcomer_gets_a_number() {
    let of = |name: &str| String::from_utf8(numbered(name.as_bytes(), 2)).unwrap();
    assert_eq!(of("report.pdf"), "report (2).pdf");
    assert_eq!(of("archive.tar.gz"), "archive (2).tar.gz");
    assert_eq!(of(".profile"), ".profile (2)");
    assert_eq!(of("README"), "README (2)");
    assert_eq!(
        of("a.much-too-long-for-an-ending"),
        "a.much-too-long-for-an-ending (2)"
    );
    let long = format!("{}.pdf", "ä".repeat(125));
    let numbered = numbered(long.as_bytes(), 17);
    assert!(numbered.len() <= 255 && numbered.ends_with(b" (17).pdf"));
    assert!(std::str::from_utf8(&numbered).is_ok(), "no half characters");
    let (one, other) = (
        format!("{}1", "x".repeat(254)),
        format!("{}2", "x".repeat(254)),
    );
    assert_eq!(part(one.as_bytes()).len(), 255);
    assert_ne!(part(one.as_bytes()), part(other.as_bytes()));
}

#[test]
fn the_case_of_names_is_seen_through() {
    let path = |text: &str| {
        text.split('/')
            .map(|name| name.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let mut seen = Seen::default();
    assert!(!seen.before(&path("a/Straße")));
    assert!(seen.before(&path("A/STRAßE")));
    assert!(!seen.before(&path("b/Straße")));
}

#[test]
fn time_left_follows_the_rate() {
    let at = |ms: u64| Now {
        mono_us: ms * 1_000,
        unix_ms: ms,
    };
    let bytes = |bytes| Amount { files: 0, bytes };
    let mut meter = Meter::new(bytes(100_000_000), at(0));
    assert_eq!(meter.progress(at(0)).left_s, None);
    for second in 1..=20 {
        meter.note(bytes(second * 1_000_000), at(second * 1_000));
    }
    let progress = meter.progress(at(20_000));
    assert_eq!((progress.rate, progress.left_s), (1_000_000, Some(80)));
    // Four times as fast from here on; what was there already is no speed.
    meter.there_already(10_000_000);
    for second in 1..=6 {
        meter.note(
            bytes(30_000_000 + second * 4_000_000),
            at(20_000 + second * 1_000),
        );
    }
    assert_eq!(meter.progress(at(26_000)).rate, 4_000_000);
}

/// Files by path, at both sides.
type Files = BTreeMap<Vec<PathBytes>, Vec<u8>>;

/// What the receiving shell keeps: what is whole, and what grows.
#[derive(Default)]
struct Shelf {
    placed: Files,
    parts: Files,
    growing: Option<Vec<PathBytes>>,
    failed: usize,
}

/// Both ends and what is under way between them.
struct Wire {
    sender: Sender,
    receiver: Receiver,
    files: VecDeque<(Vec<PathBytes>, Vec<u8>)>,
    /// Content of the file that is on, as the sender's disk has it.
    reading: Vec<u8>,
    there: VecDeque<FileMessage>,
    back: VecDeque<FileMessage>,
    shelf: Shelf,
    skips: Vec<Vec<PathBytes>>,
    data: u64,
}

impl Wire {
    fn new(files: &Files, parts: Files, skips: Vec<Vec<PathBytes>>) -> Wire {
        let amount = Amount {
            files: files.len() as u64,
            bytes: files.values().map(|content| content.len() as u64).sum(),
        };
        let names: Vec<PathBytes> = files.keys().map(|path| path[0].clone()).collect();
        let tops = names.len() as u32;
        Wire {
            sender: Sender::new(7, amount),
            receiver: Receiver::new(7, Direction::ToUser, names, tops, amount),
            files: files.clone().into_iter().collect(),
            reading: Vec::new(),
            there: VecDeque::new(),
            back: VecDeque::new(),
            shelf: Shelf {
                parts,
                ..Shelf::default()
            },
            skips,
            data: 0,
        }
    }

    /// The sender does one thing; false if it has to wait.
    fn send(&mut self) -> bool {
        assert!(self.sender.under_way() <= WINDOW);
        let message = match self.sender.step() {
            Step::Entry => match self.files.pop_front() {
                None => self.sender.no_more(),
                Some((path, content)) => {
                    let bytes = content.len() as u64;
                    self.reading = content;
                    let kind = EntryKind::File {
                        bytes,
                        executable: false,
                    };
                    self.sender.entry(path, kind, 0)
                }
            },
            Step::Hash { bytes } => {
                let mut hash = Hash::default();
                hash.add(&self.reading[..bytes as usize]);
                self.sender.prefix(Some(hash));
                return true;
            }
            Step::Read { at, bytes } => {
                let piece = self.reading[at as usize..][..bytes].to_vec();
                self.data += bytes as u64;
                self.sender.read(piece)
            }
            Step::End => self.sender.end(),
            Step::Wait | Step::Done { .. } => return false,
        };
        self.there.push_back(message);
        true
    }

    /// The receiver takes one message; false if there is none.
    fn receive(&mut self) -> bool {
        let Some(message) = self.there.pop_front() else {
            return false;
        };
        let shelf = &mut self.shelf;
        let answer = match self.receiver.handle(message).unwrap() {
            Deed::Nothing | Deed::Folder { .. } | Deed::LeftOut { .. } => None,
            Deed::Begin(begin) if self.skips.contains(&begin.path) => self.receiver.skip(),
            Deed::Begin(begin) => {
                shelf.growing = Some(begin.path.clone());
                let there = shelf.parts.entry(begin.path).or_default();
                match begin.resumable && !there.is_empty() {
                    true => {
                        let mut hash = Hash::default();
                        hash.add(there);
                        self.receiver.resume(there.len() as u64, hash)
                    }
                    false => self.receiver.take(),
                }
            }
            Deed::Write { at, bytes } => {
                let part = shelf
                    .parts
                    .get_mut(shelf.growing.as_ref().unwrap())
                    .unwrap();
                if at == 0 {
                    part.clear();
                }
                assert_eq!(part.len() as u64, at);
                part.extend(bytes);
                None
            }
            Deed::Place => {
                let path = shelf.growing.take().unwrap();
                let content = shelf.parts.remove(&path).unwrap();
                shelf.placed.insert(path, content);
                self.receiver.placed(None)
            }
            Deed::Abandon { why } => {
                shelf.failed += 1;
                self.receiver.not_placed(why)
            }
            Deed::Last => Some(self.receiver.done()),
        };
        self.back.extend(answer);
        self.back.extend(self.receiver.got());
        true
    }

    fn answer(&mut self) -> bool {
        let message = self.back.pop_front();
        message.is_some_and(|message| {
            self.sender.handle(&message).unwrap();
            true
        })
    }

    /// Until nothing moves any more; `turns` says who comes first at each step.
    fn run(&mut self, turns: &[u8]) -> u64 {
        for turn in turns
            .iter()
            .copied()
            .chain((0..).map(|n: u32| (n % 3) as u8))
        {
            let moved = match turn % 3 {
                0 => self.send(),
                1 => self.receive(),
                _ => self.answer(),
            };
            if let Step::Done { files } = self.sender.step() {
                return files;
            }
            let stuck = !moved && self.there.is_empty() && self.back.is_empty();
            assert!(!stuck || self.sender.step() != Step::Wait, "both wait");
        }
        unreachable!("turns never end")
    }
}

fn content(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_sent_arrives_whatever_comes_first(
        lengths in prop::collection::vec(prop_oneof![Just(0), 1..200_000_usize, Just(PIECE)], 0..12),
        turns in prop::collection::vec(any::<u8>(), 0..400),
        skipped in 0..14_usize,
    ) {
        let name = |n: usize| vec![format!("file {n}").into_bytes()];
        let files: Files = lengths.iter().enumerate().map(|(n, length)| (name(n), content(n as u8, *length))).collect();
        let mut wire = Wire::new(&files, Files::new(), vec![name(skipped)]);
        let count = wire.run(&turns);
        let mut wanted = files;
        wanted.remove(&name(skipped));
        prop_assert_eq!(count, wanted.len() as u64);
        prop_assert_eq!(wire.shelf.placed, wanted);
        prop_assert_eq!(wire.shelf.failed, 0);
    }

    #[test]
    fn a_part_is_taken_up_if_it_is_one(part in 0..(RESUMABLE as usize + 10), false_part: bool) {
        let path = vec![b"big".to_vec()];
        let whole = content(1, RESUMABLE as usize + 10);
        let mut have = whole[..part].to_vec();
        if false_part && part > 0 {
            have[part / 2] ^= 1;
        }
        let files: Files = [(path.clone(), whole.clone())].into();
        let mut wire = Wire::new(&files, [(path, have)].into(), Vec::new());
        prop_assert_eq!(wire.run(&[]), 1);
        prop_assert_eq!(&wire.shelf.placed, &files);
        let sent = if false_part && part > 0 { whole.len() } else { whole.len() - part };
        prop_assert_eq!(wire.data, sent as u64);
        prop_assert_eq!(wire.sender.spared(), (whole.len() - sent) as u64);
    }
}

fn file(index: u32, path: &[&[u8]], bytes: u64) -> FileMessage {
    let path = path.iter().map(|name| name.to_vec()).collect();
    let kind = EntryKind::File {
        bytes,
        executable: false,
    };
    let entry = crate::content::Entry {
        index,
        path,
        kind,
        modified_ms: 0,
    };
    FileMessage::Entry { transfer: 7, entry }
}

fn receiver(files: u64, bytes: u64) -> Receiver {
    let names = vec![b"asked".to_vec()];
    Receiver::new(
        7,
        Direction::ToTechnician,
        names,
        1,
        Amount { files, bytes },
    )
}

#[test]
fn nothing_comes_that_was_not_asked_for() {
    let not_asked = receiver(1, 10).handle(file(0, &[b".bashrc"], 5));
    assert_eq!(not_asked, Err(Broken::NotAsked));
    let leads = receiver(1, 10).handle(file(0, &[b"asked", b"..", b"x"], 5));
    assert_eq!(leads, Err(Broken::Name(BadName::Leads)));
    assert_eq!(
        receiver(1, 10).handle(file(0, &[b"asked"], 11 + GROWTH)),
        Err(Broken::TooMuch)
    );
    assert_eq!(
        receiver(0, 10).handle(file(0, &[b"asked"], 1)),
        Err(Broken::TooMuch)
    );
    assert_eq!(
        receiver(1, 10).handle(file(1, &[b"asked"], 1)),
        Err(Broken::Order("entry"))
    );
    let mut more = receiver(1, 10);
    more.handle(file(0, &[b"asked"], 3)).unwrap();
    more.take();
    let data = |bytes: &[u8]| FileMessage::Data {
        transfer: 7,
        index: 0,
        offset: 0,
        bytes: bytes.to_vec(),
    };
    assert_eq!(more.handle(data(b"four")), Err(Broken::Order("data")));
}

#[test]
fn bytes_that_changed_on_the_way_are_no_file() {
    let mut receiver = receiver(1, 3);
    receiver.handle(file(0, &[b"asked"], 3)).unwrap();
    receiver.take();
    let data = FileMessage::Data {
        transfer: 7,
        index: 0,
        offset: 0,
        bytes: b"abc".to_vec(),
    };
    receiver.handle(data).unwrap();
    let mut hash = Hash::default();
    hash.add(b"abd");
    let end = FileMessage::End {
        transfer: 7,
        index: 0,
        bytes: 3,
        sha256: hash.digest(),
    };
    assert!(matches!(receiver.handle(end), Ok(Deed::Abandon { .. })));
    assert!(matches!(
        receiver.not_placed("damaged".into()),
        Some(FileMessage::NotPlaced { index: 0, .. })
    ));
    assert_eq!((receiver.placed(None), receiver.files()), (None, 0));
}

#[test]
fn a_file_that_shrinks_or_grows_is_not_sent_as_whole() {
    let amount = Amount {
        files: 2,
        bytes: 10,
    };
    let mut sender = Sender::new(7, amount);
    let kind = |bytes| EntryKind::File {
        bytes,
        executable: false,
    };
    let grown = sender.entry(vec![b"grown".to_vec()], kind(11 + GROWTH), 0);
    assert!(matches!(grown, FileMessage::Unreadable { index: 0, .. }));
    sender.entry(vec![b"shrinks".to_vec()], kind(10), 0);
    assert_eq!(sender.step(), Step::Read { at: 0, bytes: 10 });
    assert!(matches!(
        sender.read(Vec::new()),
        FileMessage::Unreadable { index: 1, .. }
    ));
    assert_eq!(sender.step(), Step::Entry);
}

#[test]
fn what_was_not_sent_cannot_be_confirmed() {
    let mut sender = Sender::new(7, Amount::default());
    assert_eq!(
        sender.handle(&FileMessage::Got {
            transfer: 7,
            bytes: 1
        }),
        Err(Broken::Got)
    );
    assert!(
        sender
            .handle(&FileMessage::Done {
                transfer: 7,
                files: 0
            })
            .is_err()
    );
    assert!(
        sender
            .handle(&FileMessage::Skip {
                transfer: 7,
                index: 0
            })
            .is_err()
    );
}
