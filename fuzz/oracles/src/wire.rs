//! Messages between programs and the relay.

use std::fmt::Debug;

use sightline_protocol::broker::{
    Allocated, Begin, FromRelay, Hello, Joining, LaneOpening, Opening, Over, ToRelay, VERSION,
};
use sightline_protocol::id::Lane;
use sightline_protocol::record::Class;
use sightline_protocol::wire::{Messages, Reader, WireError};

use crate::people;

pub fn check(data: &[u8]) {
    messages::<ToRelay>(data);
    messages::<FromRelay>(data);
    messages::<Opening>(data);
}

fn messages<M: Messages + PartialEq + Debug>(data: &[u8]) {
    let (whole, error) = read::<M>([data]);
    let size = data.first().map_or(1, |byte| usize::from(byte % 7) + 1);
    assert_eq!(
        read::<M>(data.chunks(size)),
        (whole, error),
        "the cuts of the stream matter"
    );
    let said: Vec<u8> = read::<M>([data]).0.iter().flat_map(M::encode).collect();
    assert!(data.starts_with(&said), "another encoding was accepted");
}

fn read<'a, M: Messages>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<M>, Option<WireError>) {
    let mut reader = Reader::default();
    let mut messages = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let session = people::SESSION;
    let nameplate = people::nameplate();
    let manifest = people::sealed_manifest();
    let over = Over { session, code: 2 };
    let hello = |credential| {
        ToRelay::Hello(Hello {
            version: VERSION,
            credential,
        })
    };
    let up = [
        hello(None),
        hello(Some(people::signed_credential())),
        ToRelay::Allocate(()),
        ToRelay::Release(nameplate),
        ToRelay::Claim(nameplate),
        ToRelay::Over(over.clone()),
        ToRelay::Begin(Begin {
            session,
            manifest: manifest.clone(),
        }),
    ];
    let down = [
        FromRelay::Welcome(()),
        FromRelay::Allocated(Allocated {
            nameplate,
            lifetime_s: 600,
        }),
        FromRelay::Claimed(session),
        FromRelay::Joining(Joining {
            session,
            nameplate,
            technician: people::technician_key().public(),
        }),
        FromRelay::Receipt(people::receipt(manifest.manifest.digest())),
        FromRelay::Over(over),
        FromRelay::Refused((19, 30)),
    ];
    let openings = [
        Opening::Handshake(session),
        Opening::Lane(LaneOpening {
            session,
            lane: Lane(1),
            class: Class::Picture,
        }),
    ];
    vec![
        up.iter().flat_map(Messages::encode).collect(),
        down.iter().flat_map(Messages::encode).collect(),
        openings.iter().flat_map(Messages::encode).collect(),
    ]
}
