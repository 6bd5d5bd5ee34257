//! Recordings.

use sightline_ends::replay::VerifiedManifest;
use sightline_protocol::close::CloseCode;
use sightline_protocol::recording::{
    Entry, Kind, RecordingError, RecordingReader, head, write_entry,
};
use sightline_protocol::wire;

use crate::{people, record};

pub fn check(data: &[u8]) {
    let Ok(mut reader) = RecordingReader::open(data) else {
        return;
    };
    let mut again = head(reader.session()).to_vec();
    let error = loop {
        match reader.next_entry() {
            Ok(Some(entry)) => write(&mut again, &entry),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(data.starts_with(&again), "another encoding was accepted");
    match error {
        // A whole entry that cannot be understood counts as read.
        Some(RecordingError::Malformed(_)) => assert!(reader.offset() > again.len() as u64),
        _ => assert_eq!(reader.offset(), again.len() as u64),
    }
}

fn write(file: &mut Vec<u8>, entry: &Entry) {
    let (kind, body) = match entry {
        Entry::Manifest(manifest) => {
            let _ = VerifiedManifest::verify(manifest, &people::bundle());
            (Kind::Manifest, wire::encode(manifest))
        }
        Entry::Record(record) => (Kind::Record, record.clone()),
        Entry::Receipt(receipt) => (Kind::Receipt, wire::encode(receipt)),
        Entry::Close(code) => (Kind::Close, wire::encode(code)),
        Entry::Checkpoint(checkpoint) => (Kind::Checkpoint, wire::encode(checkpoint)),
        Entry::Ledger(proof) => (Kind::Ledger, wire::encode(proof)),
    };
    write_entry(file, kind, &body).expect("memory takes it");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let manifest = people::sealed_manifest();
    let receipt = people::receipt(manifest.manifest.digest());
    let mut file = head(people::SESSION).to_vec();
    write(&mut file, &Entry::Manifest(Box::new(manifest)));
    write(&mut file, &Entry::Receipt(receipt));
    for bytes in record::seeds() {
        write(&mut file, &Entry::Record(bytes));
    }
    write(&mut file, &Entry::Close(CloseCode::Finished.number()));
    let mut short = head(people::SESSION).to_vec();
    write(&mut short, &Entry::Close(CloseCode::Finished.number()));
    vec![file, short]
}
