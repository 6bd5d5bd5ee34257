//! One session's writer: a thread that appends in order and makes durable by a schedule.
//!
//! A record is handed over before it is forwarded, against room that is already reserved on the disk; what is
//! written is synced within [`COMMIT`], and only then is a receipt given. If the disk falls behind, handing over
//! waits.

use std::io::{self, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sightline_link::Bytes;
use sightline_protocol::close::CloseCode;
use sightline_protocol::recording::{ENTRY_HEAD, Kind, Order, SealedManifest, entry_head, head};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::Receipt;
use sightline_protocol::wire;
use tokio::sync::Semaphore;

use crate::io::desk::unix_ms;
use crate::io::office::Books;
use crate::io::store::{RecordingFile, Store, close_code};
use crate::pure::about::{About, End, LastCheckpoints};

/// From a record's arrival to its durable receipt at most, beside the disk's own time. Shorter costs the disk
/// more syncs than people can notice.
const COMMIT: Duration = Duration::from_millis(250);

/// From a record's arrival to the system's page cache: what a killed relay could lose, none of it receipted.
/// Long enough to write in large pieces; 10 ms cost 5 to 15 % more CPU per Gbit.
const WRITE: Duration = Duration::from_millis(40);

/// Bytes handed over and not yet synced, at most; as much is reserved on the disk ahead. 8 MB are half a second
/// of 128 Mbit/s.
pub const UNSYNCED: usize = 8 << 20;

/// Bytes waiting for which the writer is woken before its time.
const BATCH: usize = 1 << 20;

/// Checkpoints handed over and not yet synced, in bytes at most: hundreds of usual ones.
const CHECKPOINTS: usize = 256 << 10;

/// Reserved beyond [`UNSYNCED`] for checkpoints, receipts and the closing entry.
const SLACK: u64 = CHECKPOINTS as u64 + (64 << 10);

/// Parts of one write: the system's own bound is 1,024.
const PARTS: usize = 512;

/// The writer's stack in bytes: it calls nothing deep.
const STACK: usize = 256 << 10;

/// What the writer has to say.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// This much is durable. The first covers the manifest.
    Receipt(Signed<Receipt>),
    /// No more can be taken: the session must end with this code.
    Failed(CloseCode, String),
    /// The recording is closed and sealed, or given up.
    Closed { bytes: u64 },
}

/// What a recorder needs to know of its session.
pub struct Recording {
    pub about: About,
    pub manifest: SealedManifest,
    pub receipt_key: Arc<SigningKey>,
    pub books: Arc<Books>,
}

/// The handle: any number of lanes hand over.
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Bytes that may be handed over now.
    room: Semaphore,
}

#[derive(Default)]
struct Queue {
    entries: Vec<(Kind, Bytes)>,
    bytes: usize,
    close: Option<CloseCode>,
    /// Bytes of checkpoints since the last sync.
    checkpoints: usize,
}

/// The recorder takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recording is closed")]
pub struct Stopped;

/// Why a checkpoint is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the recording is closed")]
    Closed,
    #[error("more checkpoints came than the disk takes")]
    TooMany,
}

impl Recorder {
    /// Starts the writer; `report` is called on its thread.
    pub fn start(
        store: Arc<dyn Store>,
        recording: Recording,
        report: impl Fn(Recorded) + Send + 'static,
    ) -> io::Result<Recorder> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            room: Semaphore::new(0),
        });
        let theirs = shared.clone();
        thread::Builder::new()
            .name("recorder".into())
            .stack_size(STACK)
            .spawn(move || {
                let mut bytes = 0;
                if let Err(error) = Writer::begin(&*store, recording, &theirs, &report)
                    .and_then(|writer| writer.run(&mut bytes))
                {
                    theirs.room.close();
                    report(Recorded::Failed(close_code(&error), error.to_string()));
                }
                report(Recorded::Closed { bytes });
            })?;
        Ok(Recorder { shared })
    }

    /// Hands one record over; waits while the disk is behind.
    pub async fn append(&self, record: Bytes) -> Result<(), Stopped> {
        let bytes = (record.len() + ENTRY_HEAD) as u32;
        let room = self.shared.room.acquire_many(bytes).await;
        room.map_err(|_| Stopped)?.forget();
        self.shared.push(self.shared.lock(), Kind::Record, record)
    }

    /// Hands over an author's checkpoint. Never waits; an author that hands over more than the disk takes is refused.
    pub fn checkpoint(&self, signed: Bytes) -> Result<(), NotTaken> {
        let mut queue = self.shared.lock();
        queue.checkpoints += signed.len() + ENTRY_HEAD;
        if queue.checkpoints > CHECKPOINTS {
            return Err(NotTaken::TooMany);
        }
        let pushed = self.shared.push(queue, Kind::Checkpoint, signed);
        pushed.map_err(|Stopped| NotTaken::Closed)
    }

    /// Writes what was handed over and the closing entry, and seals. The first code counts.
    pub fn close(&self, code: CloseCode) {
        self.shared.room.close();
        self.shared.lock().close.get_or_insert(code);
        self.shared.wake.notify_one();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close(CloseCode::Internal); // never leaves a writer behind; the first code counts
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(
        &self,
        mut queue: MutexGuard<'_, Queue>,
        kind: Kind,
        body: Bytes,
    ) -> Result<(), Stopped> {
        if queue.close.is_some() {
            return Err(Stopped);
        }
        let before = queue.bytes;
        queue.bytes += body.len() + ENTRY_HEAD;
        queue.entries.push((kind, body));
        let wake = before == 0 || (before < BATCH && queue.bytes >= BATCH);
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for something to do, and a little longer to do it in large pieces.
    fn take(&self, until: Option<Instant>) -> Queue {
        let mut queue = self.lock();
        while queue.bytes == 0 && queue.close.is_none() {
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => {
                    queue = self
                        .wake
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner)
                }
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.wake.wait_timeout(queue, left);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        let write_at = Instant::now() + WRITE;
        while queue.bytes > 0 && queue.bytes < BATCH && queue.close.is_none() {
            let left = write_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.wake.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let taken = Queue {
            entries: std::mem::take(&mut queue.entries),
            bytes: queue.bytes,
            close: queue.close,
            checkpoints: 0,
        };
        queue.bytes = 0;
        taken
    }
}

struct Writer<'a, F> {
    file: Box<dyn RecordingFile>,
    about: About,
    receipt_key: Arc<SigningKey>,
    books: Arc<Books>,
    shared: &'a Shared,
    report: &'a F,
    /// Whole entries in the file.
    length: u64,
    records: u64,
    order: Order,
    last: LastCheckpoints,
    /// Bytes of records written and not synced, and since when.
    unsynced: usize,
    commit_at: Option<Instant>,
    /// The disk has no more room: nothing more is granted.
    full: bool,
}

impl<'a, F: Fn(Recorded)> Writer<'a, F> {
    /// Stores the manifest and gives the first receipt.
    fn begin(
        store: &dyn Store,
        recording: Recording,
        shared: &'a Shared,
        report: &'a F,
    ) -> io::Result<Writer<'a, F>> {
        store.room()?;
        let mut writer = Writer {
            file: store.create(recording.about.session)?,
            about: recording.about,
            receipt_key: recording.receipt_key,
            books: recording.books,
            shared,
            report,
            length: 0,
            records: 0,
            order: Order::default(),
            last: LastCheckpoints::default(),
            unsynced: 0,
            commit_at: None,
            full: false,
        };
        if let Err(error) = writer.write_manifest(&recording.manifest) {
            writer.file.discard();
            return Err(error);
        }
        writer.shared.room.add_permits(UNSYNCED);
        Ok(writer)
    }

    fn write_manifest(&mut self, manifest: &SealedManifest) -> io::Result<()> {
        let body = wire::encode(manifest);
        self.file
            .reserve((UNSYNCED + body.len()) as u64 + 2 * SLACK)?;
        let head = head(self.about.session);
        self.file.append(&mut [IoSlice::new(&head)])?;
        self.length = head.len() as u64;
        self.entry(Kind::Manifest, &body)?;
        self.file.sync()?;
        self.receipt()?;
        self.books.begun(&self.about);
        Ok(())
    }

    fn run(mut self, bytes: &mut u64) -> io::Result<()> {
        loop {
            let taken = self.shared.take(self.commit_at);
            self.write(&taken.entries)?;
            *bytes = self.length;
            let due = self.commit_at.is_some_and(|at| at <= Instant::now());
            match taken.close {
                Some(code) => return self.close(code, bytes),
                None if due || self.unsynced >= UNSYNCED / 2 => self.commit()?,
                None => {}
            }
        }
    }

    fn write(&mut self, entries: &[(Kind, Bytes)]) -> io::Result<()> {
        for some in entries.chunks(PARTS / 2) {
            let heads: Vec<[u8; ENTRY_HEAD]> = some
                .iter()
                .map(|(kind, body)| entry_head(*kind, &[body]))
                .collect();
            let mut parts: Vec<IoSlice<'_>> = heads
                .iter()
                .zip(some)
                .flat_map(|(head, (_, body))| [IoSlice::new(head), IoSlice::new(body)])
                .collect();
            let bytes: usize = parts.iter().map(|part| part.len()).sum();
            self.file.append(&mut parts)?;
            self.length += bytes as u64;
            for (head, (kind, body)) in heads.iter().zip(some) {
                self.order.extend(head, body);
                match kind {
                    Kind::Record => {
                        self.records += 1;
                        self.unsynced += body.len() + ENTRY_HEAD;
                    }
                    Kind::Checkpoint => {
                        if let Ok(signed) = wire::decode(body) {
                            self.last.note(&signed);
                        }
                    }
                    _ => {}
                }
            }
            self.commit_at
                .get_or_insert_with(|| Instant::now() + COMMIT);
        }
        Ok(())
    }

    /// Makes durable what was written, gives a receipt for it, and makes room for as much again.
    fn commit(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.receipt()?;
        self.shared.lock().checkpoints = 0;
        let synced = std::mem::take(&mut self.unsynced);
        self.commit_at = None;
        if self.full {
            return Ok(());
        }
        match self.file.reserve(UNSYNCED as u64 + SLACK) {
            Ok(()) => self.shared.room.add_permits(synced),
            Err(error) => {
                // What was handed over still fits; nothing more is taken, and the session is ended.
                self.full = true;
                self.shared.room.close();
                (self.report)(Recorded::Failed(close_code(&error), error.to_string()));
            }
        }
        Ok(())
    }

    fn close(mut self, code: CloseCode, bytes: &mut u64) -> io::Result<()> {
        self.entry(Kind::Close, &wire::encode(&code.number()))?;
        self.file.sync()?;
        self.receipt()?;
        *bytes = self.length;
        // All of the recording is on the disk before the ledger says so.
        self.file.sync()?;
        let entry = self.about.entry(End {
            records: self.records,
            bytes: self.length,
            order: self.order.0,
            closed_ms: unix_ms(),
            close: code.number(),
            last: self.last,
        });
        let proof = self.books.close(&entry)?;
        self.entry(Kind::Ledger, &wire::encode(&proof))?;
        let path = self.file.seal()?;
        self.books.sealed(&entry, proof.index, &path);
        Ok(())
    }

    fn entry(&mut self, kind: Kind, body: &[u8]) -> io::Result<()> {
        let head = entry_head(kind, &[body]);
        self.file
            .append(&mut [IoSlice::new(&head), IoSlice::new(body)])?;
        self.length += (head.len() + body.len()) as u64;
        self.order.extend(&head, body);
        Ok(())
    }

    /// Signs for everything in the file, which is synced. The receipt is written behind it, for the auditor, and
    /// becomes durable with what follows.
    fn receipt(&mut self) -> io::Result<()> {
        let receipt = Receipt {
            session: self.about.session,
            manifest: self.about.manifest,
            records: self.records,
            bytes: self.length,
            order: self.order.0,
            at_ms: unix_ms(),
            ledger: self.books.head(),
        };
        let signed = Signed::sign(&receipt, &self.receipt_key);
        self.entry(Kind::Receipt, &wire::encode(&signed))?;
        (self.report)(Recorded::Receipt(signed));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sightline_protocol::id::SessionId;
    use sightline_protocol::recording::{Entry, RecordingReader};
    use tokio::sync::mpsc;

    use super::*;

    /// A disk in memory with a limit; it can also break.
    #[derive(Default)]
    struct Double {
        bytes: Arc<Mutex<Vec<u8>>>,
        synced: Arc<Mutex<usize>>,
        limit: u64,
        breaks_at: Option<usize>,
    }

    struct DoubleFile {
        bytes: Arc<Mutex<Vec<u8>>>,
        synced: Arc<Mutex<usize>>,
        limit: u64,
        breaks_at: Option<usize>,
    }

    impl Store for Double {
        fn create(&self, _session: SessionId) -> io::Result<Box<dyn RecordingFile>> {
            Ok(Box::new(DoubleFile {
                bytes: self.bytes.clone(),
                synced: self.synced.clone(),
                limit: self.limit,
                breaks_at: self.breaks_at,
            }))
        }
        fn room(&self) -> io::Result<()> {
            Ok(())
        }
        fn free_bytes(&self) -> io::Result<u64> {
            Ok(self.limit)
        }
    }

    impl RecordingFile for DoubleFile {
        fn reserve(&mut self, bytes: u64) -> io::Result<()> {
            match self.bytes.lock().unwrap().len() as u64 + bytes <= self.limit {
                true => Ok(()),
                false => Err(io::ErrorKind::StorageFull.into()),
            }
        }
        fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
            let mut bytes = self.bytes.lock().unwrap();
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            assert!(bytes.len() as u64 <= self.limit, "written without room");
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            let length = self.bytes.lock().unwrap().len();
            if self.breaks_at.is_some_and(|at| length > at) {
                return Err(io::Error::other("the disk is broken"));
            }
            *self.synced.lock().unwrap() = length;
            Ok(())
        }
        fn seal(self: Box<Self>) -> io::Result<PathBuf> {
            Ok(PathBuf::new())
        }
        fn discard(self: Box<Self>) {
            self.bytes.lock().unwrap().clear();
        }
    }

    fn statement<T: sightline_protocol::statement::Statement>(bytes: &T) -> Signed<T> {
        Signed::sign(bytes, &SigningKey::from_seed(&[1; 32]))
    }

    /// The recorder does not look into a manifest; any signed bytes of its type do.
    fn recording(data: &std::path::Path) -> Recording {
        use sightline_protocol::id::{Digest, PublicKey};
        use sightline_protocol::statements::{Manifest, ManifestSeen};
        let digest = Digest([3; 32]);
        let seen = statement(&ManifestSeen { manifest: digest });
        let manifest: Signed<Manifest> = wire::decode(&wire::encode(&seen)).unwrap();
        let receipt_key = Arc::new(SigningKey::from_seed(&[2; 32]));
        Recording {
            about: About {
                session: SessionId([5; 16]),
                manifest: digest,
                agent: PublicKey([6; 32]),
                number: 1,
                technician: PublicKey([7; 32]),
                technician_name: "Tess".into(),
                ticket: String::new(),
                started_ms: 0,
            },
            manifest: SealedManifest { manifest, seen },
            books: Arc::new(Books::open(data, receipt_key.clone()).unwrap()),
            receipt_key,
        }
    }

    fn start(double: Double) -> (Recorder, mpsc::UnboundedReceiver<Recorded>) {
        let (to, reports) = mpsc::unbounded_channel();
        let data = tempfile::tempdir().unwrap();
        let recording = recording(data.path());
        let report = move |recorded| {
            let _ = data.path(); // lives as long as the writer
            let _ = to.send(recorded);
        };
        let recorder = Recorder::start(Arc::new(double), recording, report).unwrap();
        (recorder, reports)
    }

    fn receipt(recorded: Option<Recorded>) -> Receipt {
        match recorded {
            Some(Recorded::Receipt(receipt)) => receipt.verify(&receipt.key).unwrap(),
            other => panic!("no receipt: {other:?}"),
        }
    }

    fn read(bytes: &Mutex<Vec<u8>>) -> Vec<Entry> {
        let bytes = bytes.lock().unwrap();
        let mut reader = RecordingReader::open(&bytes[..]).unwrap();
        std::iter::from_fn(|| reader.next_entry().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_receipt_covers_only_what_is_synced() {
        let double = Double {
            limit: u64::MAX,
            ..Double::default()
        };
        let (bytes, synced) = (double.bytes.clone(), double.synced.clone());
        let (recorder, mut reports) = start(double);
        assert_eq!(receipt(reports.recv().await).records, 0);
        for n in 0..100 {
            recorder.append(vec![n; 50_000].into()).await.unwrap();
        }
        recorder.close(CloseCode::Finished);
        recorder.close(CloseCode::Internal);
        let mut records = 0;
        while let Some(recorded) = reports.recv().await {
            match recorded {
                Recorded::Receipt(_) => {
                    let receipt = receipt(Some(recorded));
                    assert!(receipt.bytes as usize <= *synced.lock().unwrap());
                    records = receipt.records;
                }
                Recorded::Closed { .. } => break,
                Recorded::Failed(..) => panic!("nothing fails"),
            }
        }
        assert_eq!(records, 100);
        let entries = read(&bytes);
        let is_record = |entry: &&Entry| matches!(entry, Entry::Record(_));
        assert_eq!(entries.iter().filter(is_record).count(), 100);
        assert!(entries.contains(&Entry::Close(CloseCode::Finished.number())));
    }

    #[tokio::test]
    async fn a_full_disk_stops_before_anything_accepted_is_lost() {
        let double = Double {
            limit: 20 << 20,
            ..Double::default()
        };
        let bytes = double.bytes.clone();
        let (recorder, mut reports) = start(double);
        let mut accepted = 0;
        while recorder.append(vec![7; 100_000].into()).await.is_ok() {
            accepted += 1;
        }
        assert!(
            accepted >= 120,
            "only {accepted} of 20 MB less what is reserved"
        );
        let code = loop {
            match reports.recv().await {
                Some(Recorded::Failed(code, _)) => break code,
                Some(_) => {}
                None => panic!("nothing failed"),
            }
        };
        assert_eq!(code, CloseCode::StorageFull);
        recorder.close(code);
        while !matches!(reports.recv().await, Some(Recorded::Closed { .. })) {}
        let entries = read(&bytes);
        let records = entries
            .iter()
            .filter(|e| matches!(e, Entry::Record(_)))
            .count();
        assert_eq!(records, accepted);
        assert!(entries.contains(&Entry::Close(code.number())));
    }

    #[tokio::test]
    async fn a_broken_disk_gives_no_receipt() {
        let (recorder, mut reports) = start(Double {
            limit: u64::MAX,
            breaks_at: Some(100_000),
            ..Double::default()
        });
        assert_eq!(receipt(reports.recv().await).records, 0);
        recorder.append(vec![7; 200_000].into()).await.unwrap();
        match reports.recv().await {
            Some(Recorded::Failed(code, why)) => {
                assert_eq!(code, CloseCode::StorageFailed);
                assert!(why.contains("broken"));
            }
            other => panic!("expected a failure: {other:?}"),
        }
        assert_eq!(recorder.append(Bytes::new()).await, Err(Stopped));
    }

    #[tokio::test]
    async fn without_room_for_the_manifest_nothing_is_left_behind() {
        let double = Double {
            limit: 1_000,
            ..Double::default()
        };
        let bytes = double.bytes.clone();
        let (_recorder, mut reports) = start(double);
        let failed = reports.recv().await;
        assert!(matches!(
            failed,
            Some(Recorded::Failed(CloseCode::StorageFull, _))
        ));
        assert!(matches!(
            reports.recv().await,
            Some(Recorded::Closed { bytes: 0 })
        ));
        assert!(bytes.lock().unwrap().is_empty());
    }
}
