//! The relay's ledger as its files say it, held against its own signature.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sightline_protocol::id::{Digest, PublicKey, SessionId};
use sightline_protocol::ledger::tile;
use sightline_protocol::ledger::tree::Tree;
use sightline_protocol::ledger::{LedgerEntry, SessionEntry, Tombstone, TreeHead, checkpoint};
use sightline_protocol::verify::Fault;

use crate::pure::verdict::Trouble;

/// Longest signed checkpoint that is read, in bytes (PROTOCOL.md §6.4).
const NOTE: u64 = 16_384;
/// Longest bundle of entries that is read: 256 of the longest, in bytes.
const BUNDLE: u64 = 256 * (u16::MAX as u64 + 2);

pub struct Ledger {
    tree: Tree,
    /// What the relay signed.
    signed: TreeHead,
    sessions: BTreeMap<SessionId, (u64, SessionEntry)>,
    tombstones: BTreeMap<SessionId, Tombstone>,
    manifests: BTreeMap<Digest, SessionId>,
    unreadable: Option<String>,
}

/// Looks for a ledger where a relay keeps it: beside the recordings, or in `data` there; at most three folders up.
pub fn near(path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).ok()?;
    let places = path.ancestors().take(4);
    let names = ["ledger", "data/ledger"];
    let mut places = places.flat_map(|folder| names.map(|name| folder.join(name)));
    places.find(|place| place.join("checkpoint").is_file())
}

fn read(path: &Path, cap: u64) -> anyhow::Result<Vec<u8>> {
    let length = fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    if length > cap {
        bail!("{} is too long", path.display());
    }
    fs::read(path).with_context(|| path.display().to_string())
}

impl Ledger {
    /// Reads checkpoint and entries. An error: it cannot be read at all; what does not fit is in
    /// [`Ledger::troubles`].
    pub fn open(folder: &Path, key: &PublicKey) -> anyhow::Result<Ledger> {
        let note = String::from_utf8(read(&folder.join("checkpoint"), NOTE)?)?;
        let signed = checkpoint::open(&note, key)?;
        let mut ledger = Ledger {
            tree: Tree::default(),
            signed,
            sessions: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            manifests: BTreeMap::new(),
            unreadable: None,
        };
        if let Err(error) = ledger.read_entries(folder) {
            ledger.unreadable = Some(format!("{error:#}"));
        }
        Ok(ledger)
    }

    fn read_entries(&mut self, folder: &Path) -> anyhow::Result<()> {
        for bundle in tile::added_bundles(0, self.signed.size) {
            let bytes = read(&folder.join(bundle.path()), BUNDLE)?;
            for entry in tile::entries(&bytes)? {
                self.push(&entry)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let index = self.tree.size();
        self.tree.push(bytes);
        match LedgerEntry::decode(bytes)? {
            LedgerEntry::Session(entry) => {
                self.manifests.insert(entry.manifest, entry.session);
                self.sessions.insert(entry.session, (index, entry));
            }
            LedgerEntry::Tombstone(tombstone) => {
                self.tombstones.insert(tombstone.session, tombstone);
            }
        }
        Ok(())
    }

    pub fn head(&self) -> TreeHead {
        self.signed
    }

    pub fn session(&self, session: SessionId) -> Option<&(u64, SessionEntry)> {
        self.sessions.get(&session)
    }

    pub fn sessions(&self) -> impl Iterator<Item = &SessionEntry> {
        self.sessions.values().map(|(_, entry)| entry)
    }

    pub fn tombstone(&self, session: SessionId) -> Option<&Tombstone> {
        self.tombstones.get(&session)
    }

    pub fn has_manifest(&self, manifest: &Digest) -> bool {
        self.manifests.contains_key(manifest)
    }

    /// A state of the ledger that the relay signed elsewhere must be a beginning of this one.
    pub fn holds(&self, head: &TreeHead) -> Result<(), Trouble> {
        let two = |what: String| {
            Err(Trouble {
                fault: Fault::TwoLedgers,
                what,
            })
        };
        if self.unreadable.is_some() {
            return Ok(()); // said once
        }
        match self.tree.head_at(head.size) {
            Ok(here) if here == *head => Ok(()),
            Ok(_) => two(format!(
                "the relay signed another ledger of {} entries than the one here",
                head.size
            )),
            Err(_) => two(format!(
                "the relay signed a ledger of {} entries; the one here has {}: it was cut back, or is an older copy",
                head.size, self.signed.size
            )),
        }
    }

    /// Entries that cannot be read, or are not what the relay signed.
    pub fn troubles(&self) -> Vec<Trouble> {
        let what = match &self.unreadable {
            Some(why) => format!("the ledger's entries cannot be read: {why}"),
            None if self.tree.head() != self.signed => {
                "the ledger's entries are not those that the relay signed for".to_owned()
            }
            None => return Vec::new(),
        };
        vec![Trouble {
            fault: Fault::NotInLedger,
            what,
        }]
    }
}
