//! Finishing a recording that a killed relay left behind.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sightline_protocol::id::{Digest, SessionId};
use sightline_protocol::ledger::{LedgerEntry, LedgerProof};
use sightline_protocol::recording::{Entry, Kind, Order, RecordingReader, write_entry};
use sightline_protocol::wire;

use crate::io::ledger::Ledger;
use crate::io::local_store::{Recovered, finish, sync_directory};
use crate::pure::about::{About, End, LastCheckpoints};

/// What a file holds up to its last whole entry.
struct Survey {
    manifest: bool,
    about: Option<About>,
    records: u64,
    kept: u64,
    order: Digest,
    /// When the last receipt was given: what is known of the end.
    last_ms: u64,
    close: u16,
    last: LastCheckpoints,
    proof: Option<LedgerProof>,
}

impl Survey {
    fn new() -> Survey {
        Survey {
            manifest: false,
            about: None,
            records: 0,
            kept: 0,
            order: Order::default().0,
            last_ms: 0,
            close: 0,
            last: LastCheckpoints::default(),
            proof: None,
        }
    }
}

/// Finishes one; `None` if there was nothing to keep.
pub(super) fn one(
    path: &Path,
    session: SessionId,
    partial: bool,
    ledger: &Ledger,
) -> io::Result<Option<Recovered>> {
    let length = fs::metadata(path)?.len();
    let survey = survey(path, session)?;
    if !survey.manifest && partial {
        fs::remove_file(path)?;
        sync_directory(path.parent().unwrap_or(path))?;
        return Ok(None);
    }
    if !partial && (survey.about.is_none() || survey.kept < length) {
        tracing::warn!(file = %path.display(), "a sealed recording is damaged and cannot go into the ledger");
        return Ok(None);
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(survey.kept)?;
    file.sync_all()?;
    if let Some(about) = &survey.about {
        prove(&mut file, about, &survey, ledger)?;
    }
    let sealed = match partial {
        true => finish(&file, path)?,
        false => {
            file.sync_all()?;
            fs::set_permissions(
                path,
                Permissions::from_mode(super::local_store::FINISHED_MODE),
            )?;
            path.to_owned()
        }
    };
    sync_directory(path.parent().unwrap_or(path))?;
    Ok(Some(Recovered {
        path: sealed,
        kept: survey.kept,
        cut: length - survey.kept,
    }))
}

/// Puts the session into the ledger, unless it is there, and the proof behind the recording, unless it is there.
fn prove(file: &mut File, about: &About, survey: &Survey, ledger: &Ledger) -> io::Result<()> {
    if let Some(proof) = &survey.proof {
        return match ledger.place(about.session).session {
            Some(index) if index == proof.index => Ok(()),
            _ => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!(
                    "the recording of session {} has its place in a ledger of more than {} entries, and this ledger \
                     has {}: it is an older copy; restore the newest one",
                    about.session,
                    proof.index,
                    ledger.head().size
                ),
            )),
        };
    }
    let entry = about.entry(End {
        records: survey.records,
        bytes: survey.kept,
        order: survey.order,
        closed_ms: survey.last_ms.max(about.started_ms),
        close: survey.close,
        last: survey.last,
    });
    let proof = ledger.add(&LedgerEntry::Session(entry))?;
    file.seek(SeekFrom::End(0))?;
    let mut bytes = Vec::new();
    write_entry(&mut bytes, Kind::Ledger, &wire::encode(&proof))?;
    file.write_all(&bytes)
}

fn survey(path: &Path, session: SessionId) -> io::Result<Survey> {
    let mut survey = Survey::new();
    let file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let Ok(mut reader) = RecordingReader::open(file) else {
        return Ok(survey);
    };
    while let Ok(Some(entry)) = reader.next_entry() {
        match entry {
            Entry::Manifest(manifest) => {
                survey.manifest |= reader.session() == session;
                let about = About::read(&manifest).ok();
                survey.about = about.filter(|about| about.session == session);
            }
            _ if !survey.manifest => return Ok(Survey::new()),
            Entry::Record(_) => survey.records += 1,
            Entry::Receipt(receipt) => {
                let receipt: Result<sightline_protocol::statements::Receipt, _> =
                    wire::decode(&receipt.body);
                survey.last_ms = receipt.map_or(survey.last_ms, |receipt| receipt.at_ms);
            }
            Entry::Close(code) => survey.close = code,
            Entry::Checkpoint(checkpoint) => survey.last.note(&checkpoint),
            Entry::Ledger(proof) => survey.proof = Some(proof),
        }
    }
    survey.kept = reader.offset();
    survey.order = reader.order();
    Ok(survey)
}
