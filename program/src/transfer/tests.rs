//! Both loops with a channel between them, on a real disk.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sightline_ends::content::{Collision, Direction, FileMessage};
use sightline_ends::transfer::RESUMABLE;

use super::*;
use crate::clock::Clock;

struct Places {
    _folder: tempfile::TempDir,
    from: PathBuf,
    to: PathBuf,
}

fn places() -> Places {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let (from, to) = (real.join("from"), real.join("to"));
    fs::create_dir_all(&from).unwrap();
    fs::create_dir_all(&to).unwrap();
    Places {
        _folder: folder,
        from,
        to,
    }
}

struct Ran {
    sent: Result<u64, Stopped>,
    received: Result<u64, Stopped>,
    news: Vec<News>,
    data: u64,
}

/// What happens to a message on its way; `None`: the session breaks there.
type Meddle<'a> = &'a (dyn Fn(FileMessage) -> Option<FileMessage> + Sync);

fn transfer(paths: &[PathBuf], to: &Path, collision: Collision, meddle: Meddle<'_>) -> Ran {
    let roots = roots(paths).unwrap();
    let amount = count(&roots, &|| Ok(())).unwrap();
    let mut target = Target::open(to).unwrap();
    target.set_collision(collision);
    let names: Vec<_> = roots.iter().map(|root| root.name.clone()).collect();
    let incoming = Incoming {
        tops: names.len() as u32,
        names,
        amount,
        target,
    };
    let outgoing = Outgoing { roots, amount };
    let (to_sender, sender_inbox) = inbox();
    let (to_receiver, receiver_inbox) = inbox();
    let clock = Clock::default();
    let (transfer, direction, sharing) = (1, Direction::ToUser, Sharing::default());
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            let mut news = Vec::new();
            let received = receive(
                incoming,
                &mut Line {
                    transfer,
                    direction,
                    inbox: &receiver_inbox,
                    say: &mut |message| to_sender.post(message),
                    allowed: &|| Ok(()),
                    news: &mut |one| news.push(one),
                    clock,
                    sharing: &Sharing::default(),
                },
            );
            drop(to_sender);
            (received, news)
        });
        let mut data = 0;
        let sent = send(
            outgoing,
            &mut Line {
                transfer,
                direction,
                inbox: &sender_inbox,
                say: &mut |message| match meddle(message) {
                    Some(message) => {
                        if let FileMessage::Data { bytes, .. } = &message {
                            data += bytes.len() as u64;
                        }
                        to_receiver.post(message)
                    }
                    None => false,
                },
                allowed: &|| Ok(()),
                news: &mut |_| {},
                clock,
                sharing: &sharing,
            },
        );
        drop(to_receiver);
        let (received, news) = receiving.join().unwrap();
        Ran {
            sent,
            received,
            news,
            data,
        }
    })
}

fn honestly(paths: &[PathBuf], to: &Path, collision: Collision) -> Ran {
    transfer(paths, to, collision, &Some)
}

/// Everything below a folder: names, contents, and who may run it.
fn tree(folder: &Path) -> BTreeMap<Vec<u8>, Option<(Vec<u8>, u32)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_vec();
            let facts = path.symlink_metadata().unwrap();
            if facts.is_dir() {
                found.insert(name, None);
                folders.push(path);
            } else {
                let content = if facts.is_file() {
                    fs::read(&path).unwrap()
                } else {
                    b"?".to_vec()
                };
                found.insert(name, Some((content, facts.mode() & 0o7111)));
            }
        }
    }
    found
}

fn failures(news: &[News]) -> usize {
    news.iter()
        .filter(|one| matches!(one, News::Failed(..)))
        .count()
}

#[test]
fn a_folder_of_odd_names_goes_over_as_it_is() {
    let places = places();
    let folder = places.from.join("Ordner");
    fs::create_dir_all(folder.join("deep/deeper")).unwrap();
    fs::create_dir(folder.join("empty folder")).unwrap();
    let name = |bytes: &[u8]| folder.join(OsStr::from_bytes(bytes));
    fs::write(name(b"not \xff\xfe utf-8"), "x").unwrap();
    fs::write(name(&[b'n'; 255]), "long").unwrap();
    fs::write(name(b" spaces \t and\nlines "), "").unwrap();
    fs::write(folder.join("deep/deeper/run"), "#!").unwrap();
    fs::set_permissions(
        folder.join("deep/deeper/run"),
        PermissionsExt::from_mode(0o6755),
    )
    .unwrap();
    let day = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    fs::File::open(folder.join("deep/deeper/run"))
        .unwrap()
        .set_modified(day)
        .unwrap();
    let ran = honestly(
        std::slice::from_ref(&folder),
        &places.to,
        Collision::KeepBoth,
    );
    assert_eq!((ran.sent, ran.received), (Ok(4), Ok(4)));
    let mut wanted = tree(&places.from);
    let run = wanted
        .get_mut(&b"Ordner/deep/deeper/run"[..])
        .unwrap()
        .as_mut()
        .unwrap();
    run.1 &= 0o777; // setuid and setgid stay behind
    assert_eq!(tree(&places.to), wanted);
    let modified = places
        .to
        .join("Ordner/deep/deeper/run")
        .metadata()
        .unwrap()
        .modified();
    assert_eq!(modified.unwrap(), day);
}

#[test]
fn links_pipes_and_sockets_stay_where_they_are() {
    let places = places();
    let folder = places.from.join("f");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("real"), "1").unwrap();
    symlink("/etc/passwd", folder.join("link")).unwrap();
    symlink("/etc", folder.join("linked folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let ran = honestly(&[folder], &places.to, Collision::KeepBoth);
    assert_eq!(ran.sent, Ok(1));
    assert_eq!(failures(&ran.news), 4);
    let names: Vec<_> = tree(&places.to).into_keys().collect();
    assert_eq!(names, [b"f".to_vec(), b"f/real".to_vec()]);
}

#[test]
fn a_link_in_the_target_is_not_followed() {
    let places = places();
    let outside = places.to.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    let folder = places.from.join("f");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/x"), "1").unwrap();
    fs::write(folder.join("y"), "2").unwrap();
    // What somebody laid out there beforehand.
    fs::create_dir(places.to.join("f")).unwrap();
    symlink(&outside, places.to.join("f/sub")).unwrap();
    symlink(outside.join("y"), places.to.join("f/.y.sightline-part")).unwrap();
    symlink(outside.join("y"), places.to.join("f/y")).unwrap();
    let ran = honestly(&[folder], &places.to, Collision::Replace);
    assert_eq!(ran.received, Ok(1), "y, in the place of the link itself");
    assert!(tree(&outside).is_empty());
    assert_eq!(fs::read(places.to.join("f/y")).unwrap(), b"2");
    assert!(
        !places
            .to
            .join("f/y")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn what_is_there_is_kept_replaced_or_left() {
    let places = places();
    let file = places.from.join("report.pdf");
    fs::write(&file, "new").unwrap();
    let there = places.to.join("report.pdf");
    let other = places.to.join("report (2).pdf");
    let paths = [file];
    fs::write(&there, "old").unwrap();
    assert_eq!(
        honestly(&paths, &places.to, Collision::KeepBoth).sent,
        Ok(1)
    );
    assert_eq!(
        (fs::read(&there).unwrap(), fs::read(&other).unwrap()),
        (b"old".to_vec(), b"new".to_vec())
    );
    let ran = honestly(&paths, &places.to, Collision::Skip);
    assert_eq!(ran.sent, Ok(0));
    assert!(ran.news.contains(&News::Skipped("report.pdf".into())));
    assert_eq!(fs::read(&there).unwrap(), b"old");
    assert_eq!(honestly(&paths, &places.to, Collision::Replace).sent, Ok(1));
    assert_eq!(fs::read(&there).unwrap(), b"new");
    assert_eq!(tree(&places.to).len(), 2);
}

#[test]
fn folders_are_kept_apart_or_merged() {
    let places = places();
    let folder = places.from.join("f");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a"), "new").unwrap();
    fs::create_dir(places.to.join("f")).unwrap();
    fs::write(places.to.join("f/a"), "old").unwrap();
    fs::write(places.to.join("f/b"), "old").unwrap();
    let paths = [folder];
    honestly(&paths, &places.to, Collision::KeepBoth)
        .sent
        .unwrap();
    assert_eq!(fs::read(places.to.join("f (2)/a")).unwrap(), b"new");
    honestly(&paths, &places.to, Collision::Skip).sent.unwrap();
    assert_eq!(fs::read(places.to.join("f/a")).unwrap(), b"old");
    honestly(&paths, &places.to, Collision::Replace)
        .sent
        .unwrap();
    assert_eq!(fs::read(places.to.join("f/a")).unwrap(), b"new");
    assert_eq!(fs::read(places.to.join("f/b")).unwrap(), b"old");
}

fn large(seed: u8) -> Vec<u8> {
    (0..RESUMABLE as usize * 2 + 5)
        .map(|n| (n >> 7) as u8 ^ n as u8 ^ seed)
        .collect()
}

#[test]
fn what_broke_off_goes_on_where_it_was() {
    let places = places();
    let folder = places.from.join("f");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("large"), large(0)).unwrap();
    fs::write(folder.join("small"), "small").unwrap();
    let breaks = |message: FileMessage| match message {
        FileMessage::Data { offset, .. } if offset > 5 << 20 => None,
        other => Some(other),
    };
    let paths = [folder];
    let broken = transfer(&paths, &places.to, Collision::KeepBoth, &breaks);
    assert_eq!(broken.received, Err(Stopped::SessionOver));
    assert!(!places.to.join("f").exists(), "nothing that is not whole");
    let ran = honestly(&paths, &places.to, Collision::KeepBoth);
    assert_eq!(ran.sent, Ok(2));
    assert!(ran.data < 4 << 20, "{} bytes were sent again", ran.data);
    assert_eq!(tree(&places.to), tree(&places.from));
    let progress = ran.news.iter().rev().find_map(|one| match one {
        News::Progress(progress) => Some(*progress),
        _ => None,
    });
    assert_eq!(progress.unwrap().done, progress.unwrap().of);
}

#[test]
fn another_files_part_is_no_beginning() {
    let places = places();
    let file = places.from.join("large");
    fs::write(&file, large(0)).unwrap();
    fs::write(
        places.to.join(".large.sightline-part"),
        &large(1)[..6 << 20],
    )
    .unwrap();
    let ran = honestly(&[file], &places.to, Collision::KeepBoth);
    assert_eq!(ran.sent, Ok(1));
    assert_eq!(tree(&places.to), tree(&places.from));
    // Nor is one that leads elsewhere: a second name of a file that is not to be touched.
    let precious = places.to.parent().unwrap().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::hard_link(&precious, places.to.join(".large.sightline-part")).unwrap();
    honestly(&[places.from.join("large")], &places.to, Collision::Replace)
        .sent
        .unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn bytes_changed_on_the_way_or_at_their_source_are_no_file() {
    let places = places();
    let file = places.from.join("f");
    fs::write(&file, vec![7; 300_000]).unwrap();
    let bends = |message: FileMessage| match message {
        FileMessage::Data {
            transfer,
            index,
            offset,
            mut bytes,
        } => {
            bytes[9] ^= 1;
            Some(FileMessage::Data {
                transfer,
                index,
                offset,
                bytes,
            })
        }
        other => Some(other),
    };
    let paths = [file];
    let ran = transfer(&paths, &places.to, Collision::KeepBoth, &bends);
    assert_eq!((ran.sent, failures(&ran.news)), (Ok(0), 1));
    let changes = |message: FileMessage| {
        if matches!(message, FileMessage::Data { offset: 0, .. }) {
            fs::write(&paths[0], vec![8; 300_000]).unwrap();
            fs::File::open(&paths[0])
                .unwrap()
                .set_modified(SystemTime::UNIX_EPOCH)
                .unwrap();
        }
        Some(message)
    };
    let ran = transfer(&paths, &places.to, Collision::KeepBoth, &changes);
    assert_eq!((ran.sent, failures(&ran.news)), (Ok(0), 1));
    assert!(tree(&places.to).is_empty());
}

#[test]
fn a_sender_that_waits_for_nobody_is_given_up() {
    let (mailer, _inbox) = inbox();
    let data = || FileMessage::Data {
        transfer: 1,
        index: 0,
        offset: 0,
        bytes: vec![0; 64 << 10],
    };
    let posted = (0..1_000).take_while(|_| mailer.post(data())).count();
    assert!((32..64).contains(&posted), "{posted} pieces were held");
}

#[test]
fn a_folder_is_listed_with_what_cannot_be_fetched() {
    let places = places();
    fs::create_dir(places.to.join("folder")).unwrap();
    fs::write(places.to.join("file"), "1234").unwrap();
    symlink("/", places.to.join("link")).unwrap();
    let (path, lines) = list(&places.to).unwrap();
    assert_eq!(path, places.to);
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| (line.name.as_slice(), line.kind.is_some()))
        .collect();
    assert_eq!(
        kinds,
        [(&b"file"[..], true), (b"folder", true), (b"link", false)]
    );
    assert!(matches!(
        &listed_in_pieces(1, &places.to.join("none"))[..],
        [FileMessage::NotListed { .. }]
    ));
    assert!(matches!(
        &listed_in_pieces(1, &places.to.join("folder"))[..],
        [FileMessage::Listing { last: true, .. }]
    ));
}
