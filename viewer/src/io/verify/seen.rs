//! The ledger as it was the last time: it may only have grown since.

use std::path::PathBuf;

use anyhow::Context;
use sightline_program::files::{self, Mode};
use sightline_protocol::id::Digest;
use sightline_protocol::ledger::TreeHead;
use sightline_protocol::statements::OrgBundle;

use super::ledger::Ledger;
use crate::pure::verdict::Trouble;

/// One file for each relay's key.
fn place(bundle: &OrgBundle) -> PathBuf {
    let name = format!("ledger-{}.seen", bundle.relay.receipt_key);
    files::home(None, "sightline").join(name)
}

/// Compares with what was seen, and remembers the newer one.
pub fn compare(ledger: &Ledger, bundle: &OrgBundle) -> anyhow::Result<Option<Trouble>> {
    let path = place(bundle);
    if let Ok(bytes) = files::read(&path) {
        let text = String::from_utf8_lossy(&bytes);
        let seen = parse(&text).with_context(|| {
            format!(
                "{} is damaged; --forget goes on without it, and removing it forgets what was seen",
                path.display()
            )
        })?;
        if let Err(trouble) = ledger.holds(&seen) {
            return Ok(Some(trouble));
        }
    }
    if ledger.troubles().is_empty() {
        let head = ledger.head();
        let folder = path.parent().context("a file is in a folder")?;
        files::create_folder(folder)?;
        files::replace(
            &path,
            format!("{} {}\n", head.size, head.root).as_bytes(),
            Mode::Public,
        )?;
    }
    Ok(None)
}

fn parse(text: &str) -> Option<TreeHead> {
    let (size, root) = text.trim().split_once(' ')?;
    Some(TreeHead {
        size: size.parse().ok()?,
        root: Digest::from_hex(root)?,
    })
}
