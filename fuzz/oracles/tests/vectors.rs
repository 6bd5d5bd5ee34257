//! The repository's recorded vectors of statements, records and a recording, `tests/vectors/`: what is made today is what they
//! say. Other implementations can be checked against them. They are written anew, only for a new version of the format or
//! to cover more of this one, with `SIGHTLINE_WRITE_VECTORS=1`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};
use sightline_oracles::evidence::{
    Raw, Sample, entries, sample, signed_trusted, start_of, trusted, verify, word,
};
use sightline_protocol::id::Digest;
use sightline_protocol::ledger::LedgerProof;
use sightline_protocol::record::{Chain, HEADER, Header};
use sightline_protocol::recording::{Order, SealedManifest};
use sightline_protocol::statement::{Signed, Statement};
use sightline_protocol::{checkpoint, statements, wire};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn holds(name: &str, made: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(name);
    if std::env::var_os("SIGHTLINE_WRITE_VECTORS").is_some() {
        std::fs::write(&path, made).expect("the vector is written");
    }
    let recorded = std::fs::read(&path).expect("the vector");
    assert!(recorded == made, "{name} is not what is made today");
}

/// HKDF-SHA-256 by PROTOCOL.md §5.2, beside the program's own.
fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; 32] {
    struct Length;
    impl ring::hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length)
        .and_then(|okm| okm.fill(&mut key))
        .expect("32 bytes");
    key
}

fn statement<T: Statement + Serialize>(signed: &Signed<T>) -> Value {
    let bytes = wire::encode(signed);
    let (key, signature) = bytes[bytes.len() - 96..].split_at(32);
    json!({
        "context": T::CONTEXT,
        "body": hex(&bytes[8..bytes.len() - 96]),
        "key": hex(key),
        "signature": hex(signature),
        "digest": hex(&signed.digest().0),
    })
}

/// The statements inside a manifest's entry.
fn manifest(body: &[u8]) -> Value {
    let sealed: SealedManifest = wire::decode(body).expect("a manifest");
    let inside = sealed
        .manifest
        .verify(&sealed.manifest.key)
        .expect("genuine");
    json!({
        "manifest": statement(&sealed.manifest),
        "manifest_seen": statement(&sealed.seen),
        "bundle": statement(&inside.bundle),
        "credential": statement(&inside.technicians[0].credential),
        "consent": statement(&inside.consent),
        "consent_seen": statement(&inside.consent_seen),
    })
}

/// A record with everything that leads to its bytes.
fn record(sample: &Sample, body: &[u8], number: usize, chain: &mut Chain) -> Value {
    let (head, sealed) = body.split_first_chunk::<HEADER>().expect("a header");
    let header = Header::parse(head).expect("a header");
    let session = &header.session.0;
    let (class, author) = (header.class as u8, header.author.0);
    let root = derive(
        &sample.session_secret,
        &sample.seed,
        &[b"sightline epoch v1", session, &header.epoch.to_le_bytes()],
    );
    let class_key = derive(&[], &root, &[b"sightline class v1", &[class]]);
    let origin_root = derive(
        &[],
        &sample.session_secret,
        &[b"sightline origin v1", session],
    );
    let (ciphertext, origin_tag) = sealed.split_at(sealed.len() - 32);
    let before = chain.head;
    chain.extend(head, sealed);
    json!({
        "class": class, "author": author, "flags": header.flags, "epoch": header.epoch, "lane": header.lane.0,
        "sequence": header.seq, "time_us": header.time_us,
        "epoch_root": hex(&root),
        "class_key": hex(&class_key),
        "record_key": hex(&derive(&[], &class_key, &[b"sightline record v1", &[author]])),
        "origin_key": hex(&derive(&[], &origin_root, &[b"sightline origin author v1", &[author]])),
        "plaintext": hex(&sample.plaintexts[number]),
        "header": hex(head),
        "ciphertext": hex(ciphertext),
        "origin_tag": hex(origin_tag),
        "chain_before": hex(&before.0),
        "chain": hex(&chain.head.0),
    })
}

fn ledger(body: &[u8]) -> Value {
    let proof: LedgerProof = wire::decode(body).expect("a proof");
    let (_, head) = proof
        .verify(&trusted().relay.receipt_key)
        .expect("it holds");
    let hashes: Vec<String> = proof.proof.iter().map(|digest| hex(&digest.0)).collect();
    json!({
        "entry": hex(&proof.entry), "leaf": hex(&Digest::of(&[&[0], &proof.entry]).0), "index": proof.index,
        "proof": hashes, "size": head.size, "root": hex(&head.root.0), "checkpoint": proof.checkpoint,
    })
}

/// The recording, entry by entry.
fn described(sample: &Sample) -> Value {
    let (session, raw) = entries(&sample.file);
    let (mut order, mut chains, mut records) = (Order::default(), BTreeMap::new(), 0);
    let mut described = Vec::new();
    for (n, entry) in raw.iter().enumerate() {
        let Raw { kind, body } = entry;
        let (name, says) = match kind {
            1 => ("manifest", manifest(body)),
            2 => {
                let lane = [&body[1..3], &body[8..12]].concat();
                let chain = chains.entry(lane).or_insert_with(Chain::default);
                records += 1;
                ("record", record(sample, body, records - 1, chain))
            }
            3 => (
                "receipt",
                statement::<statements::Receipt>(&wire::decode(body).expect("a receipt")),
            ),
            4 => (
                "close",
                json!({ "code": u16::from_le_bytes([body[0], body[1]]) }),
            ),
            5 => (
                "checkpoint",
                statement::<checkpoint::Checkpoint>(&wire::decode(body).expect("a checkpoint")),
            ),
            _ => ("ledger", ledger(body)),
        };
        order.extend(&entry.head(), body);
        described.push(json!({
            "offset": start_of(&raw, n), "kind": name, "head": hex(&entry.head()),
            "order": hex(&order.0.0), "says": says,
        }));
    }
    json!({
        "session": hex(&session.0),
        "session_secret": hex(&sample.session_secret),
        "seed": hex(&sample.seed),
        "auditor_seed": hex(&[4; 32]),
        "entries": described,
    })
}

#[test]
fn bundle_and_recording_are_as_recorded_byte_for_byte() {
    let sample = sample();
    let verdict = verify(&sample.file, &trusted());
    assert_eq!(word(&verdict), "whole", "{verdict:?}");
    holds("bundle-v1.bin", &wire::encode(&signed_trusted()));
    holds("session-v1.slrec", &sample.file);
    let mut text = serde_json::to_string_pretty(&described(&sample)).expect("JSON");
    text.push('\n');
    holds("session-v1.json", text.as_bytes());
}
