//! The relay as a process, with ends that speak to it raw.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use sightline_link::{Bytes, LaneReceiver, LaneSender};
use sightline_protocol::broker::{FromRelay, Hello, LaneOpening, Over, ToRelay, VERSION};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Nameplate};
use sightline_protocol::record::Class;
use sightline_protocol::statement::SigningKey;
use support::{End, Joined, Org, Relay, read_recording, record, soon, unix_ms};

/// Sends `count` records of `length` bytes on a lane, beginning with number `from`.
async fn send(
    lane: &mut LaneSender,
    opening: LaneOpening,
    author: Author,
    numbers: std::ops::Range<u64>,
    length: usize,
) {
    for seq in numbers {
        soon("sending", lane.send(record(opening, author, seq, length)))
            .await
            .unwrap();
    }
}

async fn receive(
    lane: &mut LaneReceiver,
    opening: LaneOpening,
    author: Author,
    numbers: std::ops::Range<u64>,
    length: usize,
) {
    for seq in numbers {
        let got = soon("a record", lane.next_record()).await.unwrap().unwrap();
        assert_eq!(
            got.bytes,
            record(opening, author, seq, length),
            "record {seq}"
        );
    }
}

fn over(joined: &Joined, code: CloseCode) -> ToRelay {
    ToRelay::Over(Over {
        session: joined.session,
        code: code.number(),
    })
}

#[tokio::test]
async fn a_session_is_forwarded_and_recorded_byte_for_byte() {
    let relay = Relay::start("whole-session");
    let mut joined = relay.begun().await;
    let pictures = joined.opening(1, Class::Picture);
    let inputs = joined.opening(2, Class::Input);
    let (mut to, mut from) = joined.picture_lane().await.unwrap();
    let mut input = joined.technician.link.open_lane(inputs).await.unwrap();
    let (arrived, mut input_out) = joined.agent.lane().await;
    assert_eq!(arrived, inputs);

    let technician = Author::FIRST_TECHNICIAN;
    tokio::join!(
        send(&mut to, pictures, Author::AGENT, 0..40, 65_000),
        receive(&mut from, pictures, Author::AGENT, 0..40, 65_000),
        send(&mut input, inputs, technician, 0..200, 64),
        receive(&mut input_out, inputs, technician, 0..200, 64),
    );
    // The farewell overtakes the last record on its stream, and yet cuts nothing off.
    send(&mut to, pictures, Author::AGENT, 40..41, 500_000).await;
    drop(to);
    drop(input);
    joined
        .agent
        .say(over(&joined, CloseCode::StoppedByUser))
        .await;
    receive(&mut from, pictures, Author::AGENT, 40..41, 500_000).await;
    assert_eq!(from.next_record().await, Ok(None));
    let (last, code) = joined.technician.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::StoppedByUser);

    let path = relay.recording(joined.session);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o440
    );
    assert_eq!(path.extension().unwrap(), "slrec");
    let held = read_recording(&path);
    assert_eq!(held.close, Some(CloseCode::StoppedByUser));
    assert_eq!(held.manifest, joined.stored);
    let of_class = |class: Class| {
        let of = held
            .records
            .iter()
            .filter(move |bytes| bytes[1] == class as u8);
        of.cloned().collect::<Vec<Vec<u8>>>()
    };
    let expected = |opening, author, n: u64, length: usize| {
        (0..n)
            .map(|seq| record(opening, author, seq, length).to_vec())
            .collect::<Vec<_>>()
    };
    let mut sent = expected(pictures, Author::AGENT, 40, 65_000);
    sent.push(record(pictures, Author::AGENT, 40, 500_000).to_vec());
    assert!(of_class(Class::Picture) == sent);
    assert!(of_class(Class::Input) == expected(inputs, technician, 200, 64));

    let last = last.expect("a last receipt before the farewell");
    assert_eq!(last.records, 241);
    // The last receipt covers everything but itself.
    let entry = held.entry(&relay.identity);
    assert!(last.bytes < entry.bytes && entry.bytes - last.bytes < 350);
    assert_eq!((entry.session, entry.records), (joined.session, 241));
    assert_eq!((entry.manifest, entry.close), (last.manifest, 2));
    let written = held.receipts.last().unwrap();
    assert_eq!(written.verify(&relay.identity.receipt_key).unwrap(), last);
    assert_eq!(
        relay.line("over")["code"],
        CloseCode::StoppedByUser.number()
    );
}

#[tokio::test]
async fn a_handshake_is_passed_on_unread_and_once() {
    let relay = Relay::start("handshake");
    let mut joined = relay.joined().await;
    let session = joined.session;
    let (mut to, mut from) = joined
        .technician
        .link
        .open_handshake(session)
        .await
        .unwrap();
    to.send(Bytes::from_static(b"\x16\x03\x01 any bytes"))
        .await
        .unwrap();
    let (arrived, mut back, mut forth) = joined.agent.handshake().await;
    assert_eq!(arrived, session);
    assert_eq!(
        soon("bytes", forth.next()).await.unwrap().unwrap(),
        "\x16\x03\x01 any bytes"
    );
    back.send(vec![7; 100_000].into()).await.unwrap();
    let mut got = Vec::new();
    while got.len() < 100_000 {
        got.extend(soon("bytes", from.next()).await.unwrap().unwrap());
    }
    assert_eq!(got, vec![7; 100_000]);
    // A second one has no business here.
    let second = joined.technician.link.open_handshake(session).await;
    assert_eq!(
        joined.technician.closed().await,
        CloseCode::ProtocolViolation
    );
    drop(second);
    let (_, code) = joined.agent.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::PeerLost);
}

#[tokio::test]
async fn of_ten_technicians_at_once_one_wins() {
    let relay = Relay::start("race");
    let mut agent = relay.agent(100).await;
    let mut technicians = Vec::new();
    for n in 0..10 {
        technicians.push(relay.technician(200 + n).await);
    }
    let nameplate = agent.allocate().await;
    let tries = technicians.into_iter().map(|mut technician| {
        tokio::spawn(async move {
            technician.say(ToRelay::Claim(nameplate)).await;
            let answer = technician.hear().await;
            (technician, answer)
        })
    });
    let mut won = Vec::new();
    let mut spent = 0;
    let mut stay = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        let (technician, answer) = tried.await.unwrap();
        match answer {
            FromRelay::Claimed(session) => won.push((session, technician.key.public())),
            FromRelay::Refused((code, 0)) if code == CloseCode::CodeSpent.number() => spent += 1,
            other => panic!("unexpected {other:?}"),
        }
        stay.push(technician);
    }
    assert_eq!((won.len(), spent), (1, 9));
    let FromRelay::Joining(joining) = agent.hear().await else {
        panic!("the agent hears of the winner");
    };
    assert_eq!((joining.session, joining.technician), won[0]);
}

#[tokio::test]
async fn unknown_codes_are_refused_and_then_slowed_down() {
    let relay = Relay::start("unknown-code");
    let mut agent = relay.agent(100).await;
    let taken = agent.allocate().await;
    let mut technician = relay.technician(200).await;
    let wrong = (Nameplate::MIN..)
        .filter_map(Nameplate::new)
        .filter(|n| *n != taken);
    let mut answers = Vec::new();
    for nameplate in wrong.take(5) {
        technician.say(ToRelay::Claim(nameplate)).await;
        answers.push(technician.hear().await);
    }
    let unknown = FromRelay::Refused((CloseCode::CodeUnknown.number(), 0));
    assert_eq!(
        answers[..4],
        [unknown.clone(), unknown.clone(), unknown.clone(), unknown]
    );
    assert_eq!(
        answers[4],
        FromRelay::Refused((CloseCode::Quota.number(), 1))
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    technician.say(ToRelay::Claim(taken)).await;
    assert!(matches!(technician.hear().await, FromRelay::Claimed(_)));
}

#[tokio::test]
async fn a_nameplate_expires_and_can_be_given_back() {
    let relay = Relay::start_with("expiry", None, "nameplate_lifetime_s = 10");
    let mut agent = relay.agent(100).await;
    let mut technician = relay.technician(200).await;
    let given_back = agent.allocate().await;
    agent.say(ToRelay::Release(given_back)).await;
    let first = agent.allocate().await;
    for (nameplate, code) in [(given_back, CloseCode::CodeSpent)] {
        technician.say(ToRelay::Claim(nameplate)).await;
        assert_eq!(
            technician.hear().await,
            FromRelay::Refused((code.number(), 0))
        );
    }
    tokio::time::sleep(Duration::from_millis(10_200)).await;
    technician.say(ToRelay::Claim(first)).await;
    let code = CloseCode::CodeUnknown.number();
    assert_eq!(technician.hear().await, FromRelay::Refused((code, 0)));
}

#[tokio::test]
async fn credentials_are_checked_at_the_door() {
    let relay = Relay::start("credentials");
    let foreign = Org::new(50, &relay.identity);
    let hour = 3_600_000;
    let now = unix_ms();
    for (nth, expected) in [
        CloseCode::ForeignOrganisation,
        CloseCode::CredentialExpired,
        CloseCode::CredentialRefused,
        CloseCode::CredentialRefused,
    ]
    .into_iter()
    .enumerate()
    {
        let key = SigningKey::from_seed(&[9; 32]);
        let holder = key.public();
        let other = SigningKey::from_seed(&[10; 32]).public();
        let credential = match nth {
            0 => foreign.good_credential(holder),
            1 => relay.org.credential(holder, now - 2 * hour, now - hour),
            2 => relay.org.credential(holder, now, now + 24 * hour),
            _ => relay.org.good_credential(other),
        };
        let entered = End::enter(relay.connect(&key).await, key, Some(credential)).await;
        assert_eq!(entered.err(), Some(expected));
        assert_eq!(relay.line("refused")["code"], expected.number());
    }
}

#[tokio::test]
async fn another_version_is_told_so() {
    let relay = Relay::start("version");
    let key = SigningKey::from_seed(&[9; 32]);
    let mut connected = relay.connect(&key).await;
    let hello = Hello {
        version: VERSION + 1,
        credential: None,
    };
    connected
        .to_relay
        .send(&ToRelay::Hello(hello))
        .await
        .unwrap();
    let answer = soon("an answer", connected.from_relay.next())
        .await
        .unwrap();
    let code = CloseCode::Unsupported;
    assert_eq!(answer, Some(FromRelay::Refused((code.number(), 0))));
    assert_eq!(soon("the end", connected.link.closed()).await.code(), code);
}

#[tokio::test]
async fn who_says_no_hello_is_let_go() {
    let relay = Relay::start("no-hello");
    let key = SigningKey::from_seed(&[9; 32]);
    let mut silent = relay.connect(&key).await;
    let mut rude = relay.connect(&key).await;
    rude.to_relay.send(&ToRelay::Allocate(())).await.unwrap();
    let code = soon("the end", rude.link.closed()).await.code();
    assert_eq!(code, CloseCode::ProtocolViolation);
    assert!(soon("the end", silent.from_relay.next()).await.is_err());
}

#[tokio::test]
async fn no_lane_before_the_receipt() {
    let relay = Relay::start("early-lane");
    let mut joined = relay.joined().await;
    let opening = joined.opening(1, Class::Picture);
    let link = joined.agent.link.clone();
    let early = tokio::spawn(async move { link.open_lane(opening).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!early.is_finished(), "a lane was let in");
    let begin = joined.begin(&relay.org);
    joined.agent.say(ToRelay::Begin(begin)).await;
    joined.agent.receipt(&relay.identity).await;
    let mut lane = soon("a lane", early).await.unwrap().unwrap();
    send(&mut lane, opening, Author::AGENT, 0..1, 100).await;
    let (_, mut out) = joined.technician.lane().await;
    receive(&mut out, opening, Author::AGENT, 0..1, 100).await;
}

/// Who was let into one session has lanes, but not for the next one, whose manifest is not stored.
#[tokio::test]
async fn a_lane_of_a_session_that_has_not_begun_is_a_violation() {
    let relay = Relay::start("other-session-lane");
    let mut joined = relay.begun().await;
    let nameplate = joined.agent.allocate().await;
    joined.technician.say(ToRelay::Claim(nameplate)).await;
    let FromRelay::Claimed(session) = joined.technician.hear().await else {
        panic!("the claim is good");
    };
    let opening = LaneOpening {
        session,
        ..joined.opening(1, Class::Picture)
    };
    let _lane = joined.agent.link.open_lane(opening).await.unwrap();
    assert_eq!(joined.agent.closed().await, CloseCode::ProtocolViolation);
}

#[tokio::test]
async fn a_reader_that_stops_a_lane_stops_its_author_and_no_other_lane() {
    let relay = Relay::start("stopped-lane");
    let mut joined = relay.begun().await;
    let file = joined.opening(1, Class::File);
    let mut unwanted = joined.technician.link.open_lane(file).await.unwrap();
    drop(joined.agent.lane().await);
    let author = Author::FIRST_TECHNICIAN;
    let mut sent = 0;
    while unwanted
        .send(record(file, author, sent, 100_000))
        .await
        .is_ok()
    {
        sent += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(sent < 500, "the author was not stopped");
    }
    let file = joined.opening(2, Class::File);
    let mut wanted = joined.technician.link.open_lane(file).await.unwrap();
    let (_, mut out) = joined.agent.lane().await;
    tokio::join!(
        send(&mut wanted, file, author, 0..50, 100_000),
        receive(&mut out, file, author, 0..50, 100_000)
    );
}

#[tokio::test]
async fn records_of_another_author_are_refused() {
    let relay = Relay::start("other-author");
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Input);
    let mut lane = joined.technician.link.open_lane(opening).await.unwrap();
    let _ = lane.send(record(opening, Author::AGENT, 0, 100)).await;
    assert_eq!(
        joined.technician.closed().await,
        CloseCode::ProtocolViolation
    );
    let (_, code) = joined.agent.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::PeerLost);
    assert!(
        read_recording(&relay.recording(joined.session))
            .records
            .is_empty()
    );
}

#[tokio::test]
async fn a_manifest_must_be_countersigned_and_of_this_session() {
    let relay = Relay::start("bad-manifest");
    for nth in 0..4 {
        let mut joined = relay.joined().await;
        let mut begin = joined.begin(&relay.org);
        let other = relay.joined().await;
        let expected = match nth {
            0 => {
                begin.manifest.seen = other.begin(&relay.org).manifest.seen;
                CloseCode::ProtocolViolation
            }
            1 => {
                begin.manifest = other.begin(&relay.org).manifest;
                CloseCode::ProtocolViolation
            }
            2 => {
                begin.manifest.manifest.body[20] ^= 1;
                CloseCode::ProtocolViolation
            }
            _ => {
                begin = joined.begin(&Org::new(50, &relay.identity));
                CloseCode::ForeignOrganisation
            }
        };
        joined.agent.say(ToRelay::Begin(begin)).await;
        for end in [&mut joined.agent, &mut joined.technician] {
            assert_eq!(
                end.until_over(&relay.identity).await,
                (None, expected),
                "case {nth}"
            );
        }
    }
    assert!(fs::read_dir(&relay.recordings).unwrap().next().is_none());
}

#[tokio::test]
async fn a_lost_technician_ends_the_session_and_closes_the_recording() {
    let relay = Relay::start("peer-lost");
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Picture);
    let (mut to, mut from) = joined.picture_lane().await.unwrap();
    send(&mut to, opening, Author::AGENT, 0..3, 1_000).await;
    receive(&mut from, opening, Author::AGENT, 0..3, 1_000).await;
    joined.technician.link.close(CloseCode::Internal);
    let (last, code) = joined.agent.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::PeerLost);
    assert_eq!(last.unwrap().records, 3);
    let held = read_recording(&relay.recording(joined.session));
    assert_eq!(
        (held.records.len(), held.close),
        (3, Some(CloseCode::PeerLost))
    );
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_the_recorder_keeps_everything() {
    let relay = Relay::start("slow-reader");
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Picture);
    let (mut to, unread) = joined.picture_lane().await.unwrap();
    let mut sent = 0;
    loop {
        // 64 MB are more than all windows and queues together.
        assert!(sent < 1_000, "nobody was dropped");
        if to
            .send(record(opening, Author::AGENT, sent, 65_000))
            .await
            .is_err()
        {
            break;
        }
        sent += 1;
    }
    let (last, code) = joined.agent.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::TooSlow);
    assert_eq!(joined.technician.closed().await, CloseCode::TooSlow);
    drop(unread);
    let held = read_recording(&relay.recording(joined.session));
    assert_eq!(held.close, Some(CloseCode::TooSlow));
    assert_eq!(held.records.len() as u64, last.unwrap().records);
    assert!(held.records.len() * 65_000 > 16 << 20);
    for (seq, bytes) in held.records.iter().enumerate() {
        assert!(
            record(opening, Author::AGENT, seq as u64, 65_000) == bytes[..],
            "record {seq}"
        );
    }
}

#[tokio::test]
async fn a_file_waits_for_its_reader_and_holds_up_no_one() {
    let relay = Relay::start("slow-file");
    let mut joined = relay.begun().await;
    let file = joined.opening(1, Class::File);
    let mut file_in = joined.technician.link.open_lane(file).await.unwrap();
    let (_, mut file_out) = joined.agent.lane().await;
    let author = Author::FIRST_TECHNICIAN;
    let sending = tokio::spawn(async move {
        send(&mut file_in, file, author, 0..300, 131_072 - 100).await;
        file_in
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!sending.is_finished(), "the file's sender waits");

    let chat = joined.opening(2, Class::Chat);
    let mut chat_in = joined.technician.link.open_lane(chat).await.unwrap();
    chat_in.send(record(chat, author, 0, 50)).await.unwrap();
    let (_, mut chat_out) = joined.agent.lane().await;
    receive(&mut chat_out, chat, author, 0..1, 50).await;

    receive(&mut file_out, file, author, 0..300, 131_072 - 100).await;
    sending.await.unwrap();
}

#[tokio::test]
async fn what_was_receipted_survives_a_killed_relay_and_a_torn_tail() {
    let mut relay = Relay::start("torn");
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Picture);
    let (mut to, mut from) = joined.picture_lane().await.unwrap();
    send(&mut to, opening, Author::AGENT, 0..20, 30_000).await;
    receive(&mut from, opening, Author::AGENT, 0..20, 30_000).await;
    let mut receipt = joined.agent.receipt(&relay.identity).await;
    while receipt.records < 20 {
        receipt = joined.agent.receipt(&relay.identity).await;
    }
    relay.kill();
    let partial = relay.recording(joined.session);
    assert_eq!(partial.extension().unwrap(), "partial");
    // A disk that lost power in the middle of a write.
    let mut bytes = fs::read(&partial).unwrap();
    bytes.extend([2, 0, 0, 0, 0, 16, 0, 0, 1, 2, 3]);
    fs::write(&partial, bytes).unwrap();

    relay.restart();
    let path = relay.recording(joined.session);
    assert_eq!(path.extension().unwrap(), "slrec");
    let held = read_recording(&path);
    assert_eq!((held.records.len(), held.close), (20, None));
    assert!(held.length >= receipt.bytes);
    let entry = held.entry(&relay.identity);
    assert_eq!((entry.session, entry.records), (joined.session, 20));
    assert_eq!((entry.close, entry.manifest), (0, receipt.manifest));
}

#[tokio::test]
async fn sigterm_ends_sessions_in_order() {
    let mut relay = Relay::start("sigterm");
    let mut joined = relay.begun().await;
    let (mut to, _from) = joined.picture_lane().await.unwrap();
    let opening = joined.opening(1, Class::Picture);
    send(&mut to, opening, Author::AGENT, 0..5, 1_000).await;
    relay.signal("-USR1");
    let health = relay.line("health");
    assert_eq!(
        (&health["connections"], &health["sessions"]),
        (&2.into(), &1.into())
    );
    relay.signal("-TERM");
    for end in [&mut joined.agent, &mut joined.technician] {
        let (_, code) = end.until_over(&relay.identity).await;
        assert_eq!(code, CloseCode::RelayStopping);
        assert_eq!(end.closed().await, CloseCode::RelayStopping);
    }
    relay.line("stopped");
    assert!(relay.child.wait().unwrap().success());
    let held = read_recording(&relay.recording(joined.session));
    assert_eq!(held.close, Some(CloseCode::RelayStopping));
}

/// A real small disk; only root can mount one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(name: &str, size: &str) -> Option<SmallDisk> {
        let at = support::scratch(name);
        let option = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "tmpfs"])
            .arg(&at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(SmallDisk(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_session_before_anything_goes_unrecorded() {
    let Some(disk) = SmallDisk::mount("small-disk", "48m") else {
        eprintln!("skipped: no right to mount; the recorder's own tests use a double");
        return;
    };
    let relay = Relay::start_with("full-disk", Some(&disk.0), "min_free_bytes = 4000000");
    let mut joined = relay.begun().await;
    let opening = joined.opening(1, Class::Picture);
    let (mut to, mut from) = joined.picture_lane().await.unwrap();
    let (read, mut reads) = tokio::sync::watch::channel(0);
    let reading = tokio::spawn(async move {
        while let Ok(Some(_)) = from.next_record().await {
            read.send_modify(|read| *read += 1);
        }
    });
    let mut sent = 0;
    loop {
        // As an agent does: no further ahead than the reader can follow.
        let read_on = reads.wait_for(|read| *read + 64 > sent);
        let over = soon("reading", read_on).await.is_err();
        if over
            || to
                .send(record(opening, Author::AGENT, sent, 65_000))
                .await
                .is_err()
        {
            break;
        }
        sent += 1;
        assert!(sent < 1_000, "the disk holds 48 MB");
    }
    let (last, code) = joined.agent.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::StorageFull);
    let (_, code) = joined.technician.until_over(&relay.identity).await;
    assert_eq!(code, CloseCode::StorageFull);
    soon("the reader's end", reading).await.unwrap();
    let forwarded = *reads.borrow() as usize;
    let held = read_recording(&relay.recording(joined.session));
    assert_eq!(held.close, Some(CloseCode::StorageFull));
    assert_eq!(held.records.len() as u64, last.unwrap().records);
    assert!(
        held.records.len() >= forwarded,
        "{} < {forwarded}",
        held.records.len()
    );
    assert!(held.records.len() * 65_000 > 20_000_000);

    // And no one else is let in: the agent hears it before its user reads a code out.
    joined.agent.say(ToRelay::Allocate(())).await;
    let refused = FromRelay::Refused((CloseCode::StorageFull.number(), 0));
    assert_eq!(joined.agent.hear().await, refused);
}

#[test]
fn a_relay_without_its_organisation_says_what_is_missing() {
    let directory = support::scratch("no-organisation");
    let relay = env!("CARGO_BIN_EXE_sightline-relay");
    let init = || {
        Command::new(relay)
            .arg("init")
            .arg(&directory)
            .output()
            .unwrap()
    };
    let first = init();
    assert!(first.status.success());
    let identity = fs::read_to_string(directory.join("relay.identity")).unwrap();
    let pin = identity
        .lines()
        .find(|line| line.starts_with("certificate"))
        .unwrap();
    let pin = pin.split('"').nth(1).unwrap();
    assert!(String::from_utf8_lossy(&first.stdout).contains(pin));
    for secret in ["tls.key", "receipt.key"] {
        let mode = fs::metadata(directory.join(secret))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let again = init();
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));

    let config = directory.join("relay.toml");
    let serve = || {
        let output = Command::new(relay)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(serve().contains("cannot read the organisation's bundle"));
    fs::write(directory.join("org.bundle"), b"nonsense").unwrap();
    assert!(serve().contains("is not an organisation's bundle"));
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("lisn = 1\n{text}")).unwrap();
    let words = serve();
    assert!(
        words.contains("lisn") && words.contains("line 1"),
        "{words}"
    );
}

/// The relay is ignorant by construction: the code that opens is not linked.
#[test]
fn the_relay_is_built_without_the_code_that_opens() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "sightline-relay",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(crates.contains(&"sightline-protocol"));
    for opener in ["sightline-ends", "sightline-picture", "spake2", "hpke"] {
        assert!(!crates.contains(&opener), "the relay links {opener}");
    }
}
