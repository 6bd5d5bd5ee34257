//! A user's own history against what the relay shows.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sightline_program::history::History;
use sightline_protocol::statements::{OrgBundle, Receipt};
use sightline_protocol::verify::{Fault, Verdict};

use super::ledger::Ledger;
use crate::pure::verdict::{Checked, Trouble};

/// Holds the relay to what it signed for this user. `path`: one file of a history, or its folder.
pub fn check(
    path: &Path,
    trusted: &OrgBundle,
    checked: &[Checked],
    ledger: Option<&Ledger>,
) -> anyhow::Result<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for file in files(path)? {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let history =
            History::parse(&text).with_context(|| format!("cannot read {}", file.display()))?;
        one(&history, trusted, checked, ledger, &mut troubles)
            .with_context(|| format!("cannot use {}", file.display()))?;
    }
    Ok(troubles)
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let list =
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = list
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    Ok(files)
}

fn one(
    history: &History,
    trusted: &OrgBundle,
    checked: &[Checked],
    ledger: Option<&Ledger>,
    troubles: &mut Vec<Trouble>,
) -> anyhow::Result<()> {
    let session = history.session()?;
    // A receipt of another relay key (before a change of relay) proves nothing to us.
    let receipts = history.receipts()?;
    let receipts = receipts
        .iter()
        .filter_map(|signed| signed.verify(&trusted.relay.receipt_key).ok());
    let Some(last) = receipts.max_by_key(|receipt: &Receipt| receipt.records) else {
        return Ok(());
    };
    let mut trouble = |fault, what: String| {
        troubles.push(Trouble {
            fault,
            what: format!("session {session}: {what}"),
        })
    };
    if let Some(ledger) = ledger
        && let Err(found) = ledger.holds(&last.ledger)
    {
        trouble(found.fault, found.what);
    }
    let verdicts = checked.iter().filter_map(|one| one.verdict.as_deref().ok());
    let Some(verdict) = verdicts
        .into_iter()
        .find(|verdict| verdict.session == session)
    else {
        let known =
            ledger.is_some_and(|l| l.session(session).is_some() || l.tombstone(session).is_some());
        if !known {
            trouble(
                Fault::SessionMissing,
                format!(
                    "the relay signed to the user that it holds {} records of it, and it is nowhere",
                    last.records
                ),
            );
        }
        return Ok(());
    };
    if last.records > verdict.records {
        let what = format!(
            "the relay signed to the user for {} records; {} are here",
            last.records, verdict.records
        );
        trouble(Fault::Missing, what);
    }
    if verdict
        .manifest
        .as_ref()
        .is_some_and(|m| m.digest != last.manifest)
    {
        trouble(
            Fault::Disputed,
            "the user's computer began it with another manifest".to_owned(),
        );
    }
    for what in contradictions(history, verdict)? {
        trouble(Fault::Disputed, what);
    }
    Ok(())
}

/// The user's copies of both ends' last checkpoints must be those of the recording.
fn contradictions(history: &History, verdict: &Verdict) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let Some(manifest) = &verdict.manifest else {
        return Ok(found);
    };
    for signed in history.checkpoints()? {
        let keys = [
            manifest.manifest.agent,
            manifest.manifest.technicians[0].key,
        ];
        let Some(place) = keys.iter().position(|key| *key == signed.key) else {
            continue;
        };
        let Ok(checkpoint) = signed.verify(&signed.key) else {
            continue;
        };
        if let Some((digest, recorded)) = &verdict.checkpoints[place]
            && recorded.number == checkpoint.number
            && *digest != signed.digest()
        {
            found.push(format!(
                "the user holds another checkpoint {} than the recording",
                checkpoint.number
            ));
        }
    }
    Ok(found)
}
