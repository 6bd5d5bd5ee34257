//! Many recordings: which they are, and whether the ledger and they agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sightline_protocol::id::SessionId;
use sightline_protocol::verify::{Fault, Verdict};

use super::ledger::Ledger;
use crate::pure::verdict::{Checked, Trouble};

/// The recordings among these files and below these folders, in order. One that is still being written is left out of
/// a folder: it has another ending.
pub fn recordings(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, 0, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// Folders in folders: a relay has one for each month.
const DEPTH: usize = 3;

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let list =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = list
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() && depth < DEPTH {
            below(&path, depth + 1, found)?;
        } else if path.extension().is_some_and(|ending| ending == "slrec") {
            found.push(path);
        }
    }
    if depth == 0 && found.is_empty() {
        bail!("there are no recordings (.slrec) in {}", folder.display());
    }
    Ok(())
}

/// Holds each recording against the ledger, and, of a whole folder, the ledger against the recordings.
pub fn against_ledger(checked: &[Checked], ledger: &Ledger, whole_folder: bool) -> Vec<Trouble> {
    let verdicts = || checked.iter().filter_map(|one| one.verdict.as_deref().ok());
    let mut troubles: Vec<Trouble> = verdicts()
        .flat_map(|verdict| one(verdict, ledger))
        .collect();
    if whole_folder {
        let here: BTreeSet<SessionId> = verdicts().map(|verdict| verdict.session).collect();
        troubles.extend(disappeared(&here, ledger));
    }
    troubles
}

fn one(verdict: &Verdict, ledger: &Ledger) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for head in &verdict.ledger_heads {
        if let Err(Trouble { fault, what }) = ledger.holds(head) {
            let what = format!("session {}: {what}", verdict.session);
            troubles.push(Trouble { fault, what });
            break;
        }
    }
    let session = verdict.session;
    match (&verdict.ledger, ledger.session(session)) {
        (Some(proved), Some((index, entry)))
            if proved.index == *index && proved.entry == *entry => {}
        (Some(_), Some(_)) => troubles.push(Trouble {
            fault: Fault::TwoLedgers,
            what: format!(
                "session {session}: its recording proves another entry than the ledger has"
            ),
        }),
        (Some(_), None) => troubles.push(Trouble {
            fault: Fault::TwoLedgers,
            what: format!(
                "session {session}: its recording proves that it is in the ledger, and it is not"
            ),
        }),
        // Not closed yet, or its proof is missing, which its own verdict says.
        (None, _) => {}
    }
    if let Some(previous) = verdict.manifest.as_ref().and_then(|m| m.manifest.previous)
        && !ledger.has_manifest(&previous)
    {
        let number = verdict.manifest.as_ref().map_or(0, |m| m.manifest.number);
        troubles.push(Trouble {
            fault: Fault::SessionMissing,
            what: format!(
                "session {session} is number {number} of its computer and names one before it that the ledger does not have"
            ),
        });
    }
    troubles
}

fn disappeared(here: &BTreeSet<SessionId>, ledger: &Ledger) -> Vec<Trouble> {
    let gone = ledger
        .sessions()
        .filter(|entry| !here.contains(&entry.session));
    let gone = gone.filter(|entry| ledger.tombstone(entry.session).is_none());
    gone.map(|entry| Trouble {
        fault: Fault::SessionMissing,
        what: format!(
            "the recording of session {} is gone: the ledger has it (number {} of its computer, {} records), and no word of a deletion",
            entry.session, entry.number, entry.records
        ),
    })
    .collect()
}
