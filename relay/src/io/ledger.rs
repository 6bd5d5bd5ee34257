//! The ledger on the disk: C2SP tiles and a signed checkpoint, written in an order that survives a crash at any byte.
//!
//! Tiles are new files, synced before the checkpoint that counts them takes its place by a rename. What a crash leaves
//! without a checkpoint counts for nothing and is written over. One process writes (`io/office.rs` holds the lock), one
//! thread at a time; those who come meanwhile go in with the next one, in one write.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sightline_protocol::id::SessionId;
use sightline_protocol::ledger::tile::{self, Tile, WIDTH};
use sightline_protocol::ledger::tree::Tree;
use sightline_protocol::ledger::{LedgerEntry, LedgerProof, TreeHead, checkpoint};
use sightline_protocol::statement::SigningKey;

pub struct Ledger {
    directory: PathBuf,
    key: Arc<SigningKey>,
    /// Entries on their way in.
    waiting: Mutex<Vec<LedgerEntry>>,
    writer: Mutex<Writer>,
    /// What the checkpoint on the disk says; apart, so that receipts wait for no disk.
    head: Mutex<TreeHead>,
}

/// Where a session is in the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub session: Option<u64>,
    pub tombstone: Option<u64>,
}

/// Everything in memory that the writing needs: about 150 bytes for each session there ever was.
struct Writer {
    tree: Tree,
    places: HashMap<SessionId, Place>,
    /// The entries of the last bundle while it is not full.
    bundle: Vec<Vec<u8>>,
    /// The disk failed while the checkpoint was replaced: which one is there is known after a restart.
    unsure: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn damaged(what: impl std::fmt::Display) -> io::Error {
    let text = format!("the ledger is damaged ({what}): restore its directory from a copy");
    io::Error::new(ErrorKind::InvalidData, text)
}

impl Ledger {
    /// Opens the ledger in `directory`, or founds it. Reads all of it and checks it against its checkpoint.
    ///
    /// # Errors
    ///
    /// Of the disk; or `InvalidData` if what is there does not agree with a checkpoint signed by `key`.
    pub fn open(directory: &Path, key: Arc<SigningKey>) -> io::Result<Ledger> {
        let head = found_or_read(directory, &key)?;
        let mut writer = Writer {
            tree: Tree::default(),
            places: HashMap::new(),
            bundle: Vec::new(),
            unsure: false,
        };
        for bundle in tile::added_bundles(0, head.size) {
            writer.bundle.clear();
            for bytes in read_bundle(directory, &bundle)? {
                let entry = LedgerEntry::decode(&bytes).map_err(damaged)?;
                writer.take(&entry, bytes);
            }
        }
        if writer.tree.head() != head {
            return Err(damaged("its entries are not those of its checkpoint"));
        }
        Ok(Ledger {
            directory: directory.to_owned(),
            key,
            waiting: Mutex::default(),
            writer: Mutex::new(writer),
            head: Mutex::new(head),
        })
    }

    /// The ledger as it is on the disk.
    pub fn head(&self) -> TreeHead {
        *lock(&self.head)
    }

    pub fn place(&self, session: SessionId) -> Place {
        let writer = lock(&self.writer);
        writer.places.get(&session).copied().unwrap_or_default()
    }

    /// Adds an entry, unless the session has one of its kind already, and proves that it is in. Returns when it is on
    /// the disk.
    ///
    /// # Errors
    ///
    /// Of the disk; the ledger is then as before.
    pub fn add(&self, entry: &LedgerEntry) -> io::Result<LedgerProof> {
        lock(&self.waiting).push(entry.clone());
        let mut writer = lock(&self.writer);
        let mut batch = std::mem::take(&mut *lock(&self.waiting));
        batch.push(entry.clone()); // again: a batch that failed may have taken it along
        self.commit(&mut writer, &batch)?;
        let index = writer.index(entry).expect("it was added");
        self.prove(&writer, index)
    }

    /// All entries from number `from` on.
    pub fn entries(&self, from: u64) -> io::Result<Vec<LedgerEntry>> {
        let size = self.head().size;
        let mut entries = Vec::new();
        for bundle in tile::added_bundles(from, size) {
            for (n, bytes) in (bundle.number * WIDTH..).zip(read_bundle(&self.directory, &bundle)?)
            {
                if n >= from {
                    entries.push(LedgerEntry::decode(&bytes).map_err(damaged)?);
                }
            }
        }
        Ok(entries)
    }

    fn prove(&self, writer: &Writer, index: u64) -> io::Result<LedgerProof> {
        let head = writer.tree.head();
        let number = index / WIDTH;
        let bundle = Tile {
            level: None,
            number,
            width: WIDTH.min(head.size - number * WIDTH),
        };
        let mut entries = read_bundle(&self.directory, &bundle)?;
        Ok(LedgerProof {
            entry: entries.swap_remove((index % WIDTH) as usize),
            index,
            proof: writer
                .tree
                .prove_inclusion(index, head.size)
                .map_err(damaged)?,
            checkpoint: checkpoint::sign(&head, &self.key),
        })
    }

    fn commit(&self, writer: &mut Writer, batch: &[LedgerEntry]) -> io::Result<()> {
        if writer.unsure {
            return Err(io::Error::other(
                "the ledger's disk failed: restart the relay",
            ));
        }
        let before = writer.tree.size();
        let bundle = writer.bundle.clone();
        let mut added = bundle.clone();
        for entry in batch {
            if writer.index(entry).is_none() {
                let bytes = entry.encode();
                added.push(bytes.clone());
                writer.take(entry, bytes);
            }
        }
        if writer.tree.size() == before {
            return Ok(());
        }
        let written = self.write_tiles(&writer.tree, before, &added);
        if let Err(error) = written {
            writer.tree.truncate(before);
            writer
                .places
                .values_mut()
                .for_each(|place| place.forget(before));
            writer.bundle = bundle;
            return Err(error);
        }
        let head = writer.tree.head();
        write_durably(
            &self.directory,
            tile::CHECKPOINT,
            checkpoint::sign(&head, &self.key).as_bytes(),
        )
        .inspect_err(|_| writer.unsure = true)?;
        *lock(&self.head) = head;
        self.tidy(before, head.size);
        Ok(())
    }

    /// Writes what the tree has beyond `before`; `entries` begin with the bundle in which entry `before` is.
    fn write_tiles(&self, tree: &Tree, before: u64, entries: &[Vec<u8>]) -> io::Result<()> {
        let first = before / WIDTH;
        for bundle in tile::added_bundles(before, tree.size()) {
            let from = ((bundle.number - first) * WIDTH) as usize;
            let bytes = tile::bundle(&entries[from..from + bundle.width as usize]);
            write_durably(&self.directory, &bundle.path(), &bytes)?;
        }
        for tile in tile::added(before, tree.size()) {
            let bytes = tile
                .bytes(tree)
                .ok_or_else(|| damaged("a tile has no hashes"))?;
            write_durably(&self.directory, &tile.path(), &bytes)?;
        }
        Ok(())
    }

    /// Takes away the partial tiles of those that are whole now. What is left over harms nobody.
    fn tidy(&self, before: u64, after: u64) {
        let tiles = tile::added(before, after);
        for whole in tiles.into_iter().chain(tile::added_bundles(before, after)) {
            if whole.width == WIDTH {
                let _ = fs::remove_dir_all(self.directory.join(whole.path() + ".p"));
            }
        }
    }
}

impl Place {
    /// Forgets what is not below `size`.
    fn forget(&mut self, size: u64) {
        self.session = self.session.filter(|index| *index < size);
        self.tombstone = self.tombstone.filter(|index| *index < size);
    }
}

impl Writer {
    fn take(&mut self, entry: &LedgerEntry, bytes: Vec<u8>) {
        let index = Some(self.tree.size());
        let place = self.places.entry(entry.session()).or_default();
        match entry {
            LedgerEntry::Session(_) => place.session = place.session.or(index),
            LedgerEntry::Tombstone(_) => place.tombstone = place.tombstone.or(index),
        }
        self.tree.push(&bytes);
        self.bundle.push(bytes);
        if self.tree.size().is_multiple_of(WIDTH) {
            self.bundle.clear();
        }
    }

    fn index(&self, entry: &LedgerEntry) -> Option<u64> {
        let place = self.places.get(&entry.session())?;
        match entry {
            LedgerEntry::Session(_) => place.session,
            LedgerEntry::Tombstone(_) => place.tombstone,
        }
    }
}

/// The head that the checkpoint says; a new ledger gets one that says nothing is in it, before it has any tile.
fn found_or_read(directory: &Path, key: &SigningKey) -> io::Result<TreeHead> {
    fs::create_dir_all(directory)?;
    match fs::read_to_string(directory.join(tile::CHECKPOINT)) {
        Ok(note) => checkpoint::open(&note, &key.public()).map_err(damaged),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Err(_) if directory.join("tile").exists() => Err(damaged("its checkpoint is missing")),
        Err(_) => {
            let head = TreeHead::empty();
            let note = checkpoint::sign(&head, key);
            write_durably(directory, tile::CHECKPOINT, note.as_bytes())?;
            Ok(head)
        }
    }
}

fn read_bundle(directory: &Path, bundle: &Tile) -> io::Result<Vec<Vec<u8>>> {
    let path = bundle.path();
    let bytes =
        fs::read(directory.join(&path)).map_err(|error| damaged(format!("{path}: {error}")))?;
    let entries = tile::entries(&bytes).map_err(damaged)?;
    match entries.len() as u64 == bundle.width {
        true => Ok(entries),
        false => Err(damaged(format!(
            "{path} has another length than its name says"
        ))),
    }
}

/// Puts a file into its place, whole or not at all, and returns when it and its name are on the disk.
fn write_durably(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join(name);
    let parent = path.parent().unwrap_or(directory);
    // A new directory's name must be durable, too.
    let mut names = BTreeSet::from([parent]);
    if !parent.is_dir() {
        fs::create_dir_all(parent)?;
        names.extend(
            parent
                .ancestors()
                .take_while(|path| path.starts_with(directory)),
        );
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, &path)?;
    names
        .into_iter()
        .try_for_each(|name| File::open(name)?.sync_all())
}

#[cfg(test)]
mod tests {
    use sightline_protocol::id::{Digest, PublicKey};
    use sightline_protocol::ledger::{SessionEntry, Tombstone};

    use super::*;

    fn key() -> Arc<SigningKey> {
        Arc::new(SigningKey::from_seed(&[4; 32]))
    }

    fn id(n: u64) -> SessionId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        SessionId(id)
    }

    fn entry(n: u64) -> LedgerEntry {
        LedgerEntry::Session(SessionEntry {
            session: id(n),
            agent: PublicKey([1; 32]),
            number: n,
            technician: PublicKey([2; 32]),
            manifest: Digest([3; 32]),
            agent_checkpoint: None,
            technician_checkpoint: None,
            records: 7,
            bytes: 8,
            order: Digest([4; 32]),
            started_ms: 9,
            closed_ms: 10,
            close: 1,
        })
    }

    fn tombstone(n: u64) -> LedgerEntry {
        LedgerEntry::Tombstone(Tombstone {
            session: id(n),
            manifest: Digest([3; 32]),
            why: "asked for".into(),
            at_ms: 11,
        })
    }

    #[test]
    fn it_reopens_as_it_was_at_every_size_around_a_tile() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path(), key()).unwrap();
        for n in 0..260 {
            let proof = ledger.add(&entry(n)).unwrap();
            let (proved, head) = proof.verify(&key().public()).unwrap();
            assert_eq!((proved, head), (entry(n), ledger.head()));
            if !(3..254).contains(&n) {
                let before = ledger.head();
                ledger = Ledger::open(directory.path(), key()).unwrap();
                assert_eq!(ledger.head(), before);
            }
        }
        assert_eq!(
            ledger.entries(250).unwrap(),
            (250..260).map(entry).collect::<Vec<_>>()
        );
        assert!(!directory.path().join("tile/0/000.p").exists());
    }

    #[test]
    fn a_session_is_in_it_once() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), key()).unwrap();
        for _ in 0..2 {
            ledger.add(&entry(1)).unwrap();
            ledger.add(&tombstone(1)).unwrap();
        }
        let place = Place {
            session: Some(0),
            tombstone: Some(1),
        };
        assert_eq!((ledger.head().size, ledger.place(id(1))), (2, place));
        assert_eq!(ledger.place(id(2)), Place::default());
    }

    #[test]
    fn many_at_once_all_come_in() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), key()).unwrap();
        std::thread::scope(|scope| {
            for n in 0..40 {
                let ledger = &ledger;
                scope.spawn(move || {
                    ledger
                        .add(&entry(n))
                        .unwrap()
                        .verify(&key().public())
                        .unwrap()
                });
            }
        });
        let head = ledger.head();
        assert_eq!(head.size, 40);
        assert_eq!(Ledger::open(directory.path(), key()).unwrap().head(), head);
    }

    /// Every prefix of the steps on the disk: whatever was done before a crash, what the checkpoint counts is there.
    #[test]
    fn a_crash_after_any_step_loses_nothing_that_was_added() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), key()).unwrap();
        (0..300).for_each(|n| drop(ledger.add(&entry(n)).unwrap()));
        let (before, note) = (ledger.head(), directory.path().join(tile::CHECKPOINT));
        let kept = fs::read(&note).unwrap();
        let last = |path: &str| directory.path().join(path);
        ledger.add(&entry(300)).unwrap();
        fs::write(&note, &kept).unwrap(); // the crash came before the checkpoint
        for torn in ["tile/entries/001.p/45", "tile/0/001.p/45"] {
            fs::write(last(torn), b"torn").unwrap();
            let again = Ledger::open(directory.path(), key()).unwrap();
            assert_eq!(again.head(), before);
            assert_eq!(again.place(id(300)), Place::default());
        }
        let again = Ledger::open(directory.path(), key()).unwrap();
        again.add(&entry(301)).unwrap();
        assert_eq!(
            Ledger::open(directory.path(), key())
                .unwrap()
                .place(id(301))
                .session,
            Some(300)
        );
    }

    #[test]
    fn damage_is_told_and_never_built_upon() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), key()).unwrap();
        (0..3).for_each(|n| drop(ledger.add(&entry(n)).unwrap()));
        let open = || Ledger::open(directory.path(), key()).map(drop);
        let bundle = directory.path().join("tile/entries/000.p/3");
        let whole = fs::read(&bundle).unwrap();
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 1;
            fs::write(&bundle, bent).unwrap();
            assert_eq!(
                open().unwrap_err().kind(),
                ErrorKind::InvalidData,
                "byte {at}"
            );
        }
        fs::write(&bundle, whole).unwrap();
        open().unwrap();
        let stranger = Arc::new(SigningKey::from_seed(&[9; 32]));
        assert!(Ledger::open(directory.path(), stranger).is_err());
        fs::remove_file(directory.path().join(tile::CHECKPOINT)).unwrap();
        assert!(
            open()
                .unwrap_err()
                .to_string()
                .contains("checkpoint is missing")
        );
    }
}
