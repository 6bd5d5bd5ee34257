//! Both ends of a link over loopback.

use std::time::Duration;

use sightline_link::{
    Accepted, Arrived, Bytes, Certificate, Connected, Incoming, Limits, Link, LinkError,
    RelayListener, connect,
};
use sightline_protocol::broker::{FromRelay, Hello, LaneOpening, ToRelay, VERSION};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, Lane, PublicKey, SessionId};
use sightline_protocol::record::{Class, Header, OVERHEAD};
use sightline_protocol::statement::SigningKey;

const SESSION: SessionId = SessionId([7; 16]);
const LANE: LaneOpening = LaneOpening {
    session: SESSION,
    lane: Lane(1),
    class: Class::Picture,
};

struct Relay {
    listener: RelayListener,
    address: String,
    pin: Digest,
}

fn relay(limits: Limits) -> Relay {
    let (certificate, key) = Certificate::generate("relay").unwrap();
    let certificate = Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let listener =
        RelayListener::bind("127.0.0.1:0".parse().unwrap(), &certificate, limits).unwrap();
    Relay {
        address: listener.local_address().unwrap().to_string(),
        pin: certificate.pin(),
        listener,
    }
}

impl Relay {
    async fn incoming(&self) -> Incoming {
        self.listener.accept(|| 0).await.unwrap()
    }

    /// A program and its link as the relay has it.
    async fn join(&self, seed: u8) -> (Connected, Link, PublicKey) {
        let key = SigningKey::from_seed(&[seed; 32]);
        let (connected, accepted) = tokio::join!(connect(&self.address, self.pin, &key), async {
            self.incoming().await.accept().await
        });
        let Accepted { link, key } = accepted.unwrap();
        (connected.unwrap(), link, key)
    }
}

fn record(seq: u64, length: usize) -> Bytes {
    let header = Header {
        session: SESSION,
        class: Class::Picture,
        author: Author::AGENT,
        flags: 0,
        epoch: 0,
        lane: LANE.lane,
        seq,
        time_us: seq,
        length: length as u32,
    };
    let mut bytes = header.encode().to_vec();
    bytes.extend((0..length).map(|n| (n as u64 * 31 + seq) as u8));
    bytes.into()
}

#[tokio::test]
async fn messages_go_both_ways_and_the_key_arrives() {
    let relay = relay(Limits::default());
    let (mut program, link, key) = relay.join(3).await;
    assert_eq!(key, SigningKey::from_seed(&[3; 32]).public());
    let hello = ToRelay::Hello(Hello {
        version: VERSION,
        credential: None,
    });
    program.to_relay.send(&hello).await.unwrap();
    let Arrived::Control(mut to, mut from) = link.accept().await.unwrap() else {
        panic!("the first stream is the control stream");
    };
    assert_eq!(from.next().await.unwrap(), Some(hello));
    to.send(&FromRelay::Welcome(())).await.unwrap();
    assert_eq!(
        program.from_relay.next().await.unwrap(),
        Some(FromRelay::Welcome(()))
    );
    assert!(program.link.rtt() < Duration::from_millis(200));

    to.finish().await.unwrap();
    link.close(CloseCode::RelayStopping);
    assert_eq!(
        program.link.closed().await,
        LinkError::ClosedByPeer(CloseCode::RelayStopping)
    );
    assert_eq!(program.from_relay.next().await.unwrap(), None);
    assert_eq!(
        link.closed().await,
        LinkError::Closed(CloseCode::RelayStopping)
    );
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_not_trusted() {
    let relay = relay(Limits::default());
    let key = SigningKey::from_seed(&[1; 32]);
    let serve = async {
        let incoming = relay.incoming().await;
        assert!(incoming.accept().await.is_err());
        std::future::pending::<()>().await
    };
    let error = tokio::select! {
        tried = connect(&relay.address, Digest([0; 32]), &key) => tried.err().unwrap(),
        () = serve => unreachable!(),
    };
    assert_eq!(error, LinkError::NotTrusted);
    assert_eq!(error.code(), CloseCode::RelayNotTrusted);
}

#[tokio::test]
async fn a_name_without_a_port_or_without_an_address_is_unreachable() {
    let key = SigningKey::from_seed(&[1; 32]);
    for address in ["relay", "no-such-name.invalid:4600"] {
        let error = connect(address, Digest([0; 32]), &key).await.err().unwrap();
        assert_eq!(error.code(), CloseCode::RelayUnreachable, "{error}");
        assert!(error.to_string().contains(address));
    }
}

#[tokio::test]
async fn nobody_there_is_told_after_ten_seconds() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let key = SigningKey::from_seed(&[1; 32]);
    let begun = std::time::Instant::now();
    let error = connect(&address, Digest([0; 32]), &key)
        .await
        .err()
        .unwrap();
    assert_eq!(error.code(), CloseCode::RelayUnreachable);
    assert!((9..12).contains(&begun.elapsed().as_secs()));
}

#[tokio::test]
async fn records_arrive_whole_in_order_and_unchanged() {
    let relay = relay(Limits::default());
    let (program, link, _) = relay.join(3).await;
    link.trust();
    let lengths = [
        OVERHEAD,
        100,
        1_200,
        65_000,
        Class::Picture.cap(),
        OVERHEAD + 1,
    ];
    let send = async {
        let mut lane = program.link.open_lane(LANE).await.unwrap();
        for (seq, length) in lengths.into_iter().enumerate() {
            lane.send(record(seq as u64, length)).await.unwrap();
        }
        lane.finish().await.unwrap();
    };
    let receive = async {
        let Arrived::Lane(opening, mut lane) = link.accept().await.unwrap() else {
            panic!("a lane was opened");
        };
        assert_eq!(opening, LANE);
        for (seq, length) in lengths.into_iter().enumerate() {
            let got = lane.next_record().await.unwrap().unwrap();
            assert_eq!(got.bytes, record(seq as u64, length));
            assert_eq!(got.header.seq, seq as u64);
        }
        assert_eq!(lane.next_record().await, Ok(None));
    };
    tokio::join!(send, receive);
}

#[tokio::test]
async fn records_out_of_place_are_violations() {
    let relay = relay(Limits::default());
    let mut torn = record(0, 100).to_vec();
    torn.truncate(90);
    let mut other_lane = record(0, 100).to_vec();
    other_lane[8] = 9;
    let mut too_long = record(0, 100).to_vec();
    too_long[12..16].copy_from_slice(&(Class::Picture.cap() as u32 + 1).to_le_bytes());
    let mut other_session = record(0, 100).to_vec();
    other_session[40] = 0;
    for bad in [
        record(1, 100).to_vec(),
        torn,
        other_lane,
        too_long,
        other_session,
    ] {
        let (program, link, _) = relay.join(3).await;
        link.trust();
        let mut lane = program.link.open_lane(LANE).await.unwrap();
        lane.send(bad.into()).await.unwrap();
        let finish = tokio::spawn(lane.finish());
        let Arrived::Lane(_, mut lane) = link.accept().await.unwrap() else {
            panic!("a lane was opened");
        };
        let error = lane.next_record().await.unwrap_err();
        assert_eq!(error.code(), CloseCode::ProtocolViolation, "{error}");
        link.close(CloseCode::ProtocolViolation);
        let _ = finish.await;
    }
}

#[tokio::test]
async fn an_oversized_message_is_refused_by_its_head() {
    let relay = relay(Limits::default());
    let (program, link, _) = relay.join(3).await;
    link.trust();
    // A lane carries any bytes: here the head of a hello that claims 4 GB.
    let mut lane = program.link.open_lane(LANE).await.unwrap();
    lane.send(Bytes::from_static(&[0xff; 64])).await.unwrap();
    let Arrived::Lane(_, mut lane) = link.accept().await.unwrap() else {
        panic!("a lane was opened");
    };
    let error = lane.next_record().await.unwrap_err();
    assert_eq!(error.code(), CloseCode::ProtocolViolation);
}

#[tokio::test]
async fn handshake_bytes_pass_in_both_directions() {
    let relay = relay(Limits::default());
    let (program, link, _) = relay.join(3).await;
    link.trust();
    let (mut to, mut from) = link.open_handshake(SESSION).await.unwrap();
    let Arrived::Handshake(session, mut back, mut forth) = program.link.accept().await.unwrap()
    else {
        panic!("a handshake was opened");
    };
    assert_eq!(session, SESSION);
    to.send(Bytes::from_static(b"forth")).await.unwrap();
    assert_eq!(forth.next().await.unwrap().unwrap(), "forth");
    back.send(Bytes::from_static(b"back")).await.unwrap();
    assert_eq!(from.next().await.unwrap().unwrap(), "back");
    let (finished, end) = tokio::join!(back.finish(), from.next());
    finished.unwrap();
    assert_eq!(end.unwrap(), None);
}

#[tokio::test]
async fn before_trust_there_is_one_stream_and_little_memory() {
    let relay = relay(Limits::default());
    let (mut program, link, _) = relay.join(3).await;
    let soon = Duration::from_millis(300);
    assert!(
        tokio::time::timeout(soon, program.link.open_lane(LANE))
            .await
            .is_err()
    );
    assert!(
        tokio::time::timeout(soon, program.link.open_handshake(SESSION))
            .await
            .is_err()
    );
    let flood = async {
        let hello = ToRelay::Hello(Hello {
            version: VERSION,
            credential: None,
        });
        for _ in 0..100_000 {
            program.to_relay.send(&hello).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(soon, flood).await.is_err());
    let received = link.stats().received_bytes;
    assert!(received < 64 << 10, "{received} bytes were taken");
}

#[tokio::test]
async fn streams_are_bounded_after_trust_too() {
    let relay = relay(Limits::default());
    let (program, link, _) = relay.join(3).await;
    link.trust();
    let mut open = Vec::new();
    let soon = Duration::from_millis(500);
    while let Ok(lane) = tokio::time::timeout(soon, program.link.open_lane(LANE)).await {
        open.push(lane.unwrap());
    }
    assert_eq!(open.len(), 128);
}

#[tokio::test]
async fn connections_of_one_address_are_bounded_and_places_come_back() {
    let relay = relay(Limits {
        connections_per_address: 2,
        ..Limits::default()
    });
    let first = relay.join(1).await;
    let _second = relay.join(2).await;
    let key = SigningKey::from_seed(&[3; 32]);
    let error = tokio::select! {
        tried = connect(&relay.address, relay.pin, &key) => tried.err().unwrap(),
        _ = relay.incoming() => panic!("a third is over the limit"),
    };
    assert_eq!(error, LinkError::Busy);
    first.0.link.shutdown(CloseCode::Finished).await;
    first.1.closed().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(relay.listener.connections(), 1);
    relay.join(3).await;
}

#[tokio::test]
async fn under_load_an_address_must_prove_itself_and_still_gets_in() {
    let relay = relay(Limits::default());
    let key = SigningKey::from_seed(&[3; 32]);
    let (connected, accepted) = tokio::join!(connect(&relay.address, relay.pin, &key), async {
        let many = Limits::default().retry_above;
        relay.listener.accept(|| many).await.unwrap().accept().await
    });
    connected.unwrap();
    accepted.unwrap();
}

#[tokio::test]
async fn a_dropped_program_is_lost_not_a_violation() {
    let relay = relay(Limits::default());
    let (program, link, _) = relay.join(3).await;
    drop(program);
    assert_eq!(link.closed().await.code(), CloseCode::LinkLost);
}
