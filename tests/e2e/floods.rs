//! Senders of rubbish: they cost the relay a bounded amount of memory and the honest nothing.

use std::net::UdpSocket;

use sightline_ends::rng::seed;
use sightline_ends::seal::{LaneId, TECHNICIAN_INPUT};
use sightline_link::{LinkError, connect};
use sightline_program::clock::Chance;
use sightline_protocol::broker::{Hello, ToRelay, VERSION};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Lane;
use sightline_protocol::record::{Class, Header};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{Credential, RelayIdentity};
use sightline_tests::hostile::Hostile;
use sightline_tests::memory::resident;
use sightline_tests::stage::Stage;
use sightline_tests::world::SOON;

/// What all of it together may cost the relay at any moment: 32 MB.
const CEILING: u64 = 32 << 20;

/// Messages of many megabytes, from connections that have not said a good hello.
fn oversized_hellos(relay: &RelayIdentity, count: usize) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut huge: Signed<Credential> = {
        let key = SigningKey::from_seed(&[1; 32]);
        Signed::sign(&credential(&key), &key)
    };
    huge.body = vec![0x41; 16 << 20];
    let hello = ToRelay::Hello(Hello {
        version: VERSION,
        credential: Some(huge),
    });
    runtime.block_on(async {
        for _ in 0..count {
            let key = SigningKey::from_seed(&seed(&mut Chance::default()));
            let mut connected = connect(&relay.address, relay.certificate, &key).await?;
            // The relay closes as soon as it has read the message's head.
            let _ = connected.to_relay.send(&hello).await;
            let why = connected.link.closed().await;
            assert_eq!(why, LinkError::ClosedByPeer(CloseCode::ProtocolViolation));
        }
        anyhow::Ok(())
    })
}

fn credential(key: &SigningKey) -> Credential {
    Credential {
        technician: key.public(),
        name: "Nobody".into(),
        organisation: "Nowhere".into(),
        tier: 1,
        issued_ms: 0,
        expires_ms: 0,
    }
}

/// Datagrams that are no QUIC, or look like its first packets.
fn rubbish(address: &str, count: u32) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..count {
        let mut bytes = [0; 1_200];
        for part in bytes.chunks_mut(8) {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            part.copy_from_slice(&chance.to_le_bytes());
        }
        if n % 2 == 0 {
            // A long header of version 1 with connection identities of 8 bytes.
            bytes[..6].copy_from_slice(&[0xc0, 0, 0, 0, 1, 8]);
            bytes[14] = 8;
        }
        let _ = socket.send_to(&bytes, address);
    }
    Ok(())
}

/// Connections that say nothing.
fn silent_connections(
    relay: &RelayIdentity,
    count: usize,
) -> anyhow::Result<(tokio::runtime::Runtime, Vec<sightline_link::Connected>)> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut held = Vec::new();
    for _ in 0..count {
        let key = SigningKey::from_seed(&seed(&mut Chance::default()));
        held.push(runtime.block_on(connect(&relay.address, relay.certificate, &key))?);
    }
    Ok((runtime, held))
}

#[test]
fn rubbish_costs_the_relay_little_and_an_honest_session_nothing() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (_agent, _viewer) = stage.session()?;
    stage.type_through("before")?;
    let pid = stage.world.relay.process.pid();
    let before = resident(pid)?;
    let identity = sightline::io::technician::read(&stage.world.technician_file())?
        .bundle
        .relay;

    let within = |what: &str| -> anyhow::Result<()> {
        let grown = resident(pid)?.saturating_sub(before);
        assert!(
            grown < CEILING,
            "after {what} the relay is {grown} bytes larger"
        );
        Ok(())
    };
    oversized_hellos(&identity, 20)?;
    within("oversized messages")?;
    stage.type_through("between")?;
    rubbish(&identity.address, 20_000)?;
    within("rubbish")?;
    let (_runtime, silent) = silent_connections(&identity, 60)?;
    within("silent connections")?;
    stage.type_through("after")?;
    drop(silent);
    Ok(())
}

#[test]
fn a_record_that_claims_to_be_huge_ends_its_senders_connection_only() -> anyhow::Result<()> {
    let mut stage = Stage::set()?;
    let (_honest, _viewer) = stage.session()?;
    let pid = stage.world.relay.process.pid();
    let before = resident(pid)?;
    let user = sightline_tests::display::Display::bare(320, 240)?;
    for length in [u32::MAX, 16 * 1024 + 1, 0] {
        let mut agent = stage.world.share(&user, &[])?;
        let genuine = sightline::io::technician::read(&stage.world.technician_file())?;
        let claimed = Hostile::claim(genuine, &agent.code)?;
        let mut technician = claimed.map_err(anyhow::Error::from)?;
        let view = Capabilities::of(&[Capability::View]);
        let asked = technician.until_asked(&agent.code, view)?;
        asked.map_err(anyhow::Error::from)?;
        agent.answer("y")?;
        technician.until_begun()?.map_err(anyhow::Error::from)?;
        let id = LaneId {
            lane: Lane(9),
            class: Class::Chat,
            ..TECHNICIAN_INPUT
        };
        let mut lane = technician
            .open_lane(id)?
            .ok_or(anyhow::anyhow!("no lane"))?;
        let header = Header {
            session: technician.session,
            class: id.class,
            author: id.author,
            flags: 0,
            epoch: 0,
            lane: id.lane,
            seq: 0,
            time_us: 0,
            length,
        };
        let rest = vec![0; 1 << 20];
        let _ = technician.send_raw(&mut lane, [&header.encode()[..], &rest].concat());
        assert_eq!(technician.until_cut_off()?, CloseCode::ProtocolViolation);
        assert_ne!(agent.ends(SOON)?.0, 0);
    }
    let grown = resident(pid)?.saturating_sub(before);
    assert!(grown < CEILING, "the relay is {grown} bytes larger");
    stage.type_through("the honest go on")
}
