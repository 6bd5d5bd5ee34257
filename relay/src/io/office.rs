//! The relay's paperwork: ledger and catalog beside the recordings, and what an operator may do with them. One
//! process at a time has it, by a lock; a running relay's operator asks through `io/desk.rs`.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sightline_protocol::ledger::{
    LedgerEntry, LedgerProof, SessionEntry, Tombstone, TreeHead, WHY_CAP,
};
use sightline_protocol::statement::SigningKey;

use crate::io::catalog::{Catalog, Session, storable};
use crate::io::ledger::Ledger;
use crate::io::local_store::{LocalStore, Recovered, short_name};
use crate::pure::about::About;
use crate::pure::retention::{Kept, Retention, due};

/// Files in the data directory.
const LOCK: &str = "lock";
const CATALOG: &str = "catalog.db";
const LEDGER: &str = "ledger";

/// Ledger and catalog: what recorders need.
pub struct Books {
    pub ledger: Ledger,
    catalog: Catalog,
}

pub struct Office {
    pub books: Arc<Books>,
    store: Arc<LocalStore>,
    retention: Retention,
    _lock: File,
}

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    List,
    Show { id: String },
    Hold { id: String, why: String },
    Release { id: String },
    Remove { id: String, why: String },
    Prune,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What was listed or shown, or what was changed, as it is now.
    Sessions(Vec<Session>),
    Refused(Refused),
}

/// Why something was not done; each has its exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    #[error("there is no recording {0}")]
    Unknown(String),
    #[error("{0} is the beginning of more than one recording: give more of it")]
    NotUnique(String),
    #[error("recording {session} is on hold ({why}): release it first")]
    OnHold { session: String, why: String },
    #[error("session {0} is still being recorded")]
    Recording(String),
    #[error("recording {0} was deleted already")]
    Deleted(String),
    #[error("a reason must have between 1 and {WHY_CAP} bytes")]
    Why,
    #[error("{0}")]
    Failed(String),
}

impl Refused {
    pub fn exit_code(&self) -> u8 {
        match self {
            Refused::Failed(_) => 1,
            Refused::Why => 2,
            Refused::Unknown(_) | Refused::NotUnique(_) | Refused::Deleted(_) => 3,
            Refused::OnHold { .. } | Refused::Recording(_) => 4,
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::Failed(format!("the catalog: {error}"))
    }
}

type Asked<T> = Result<T, Refused>;

/// Takes the data directory for this process.
///
/// # Errors
///
/// `WouldBlock` if another process has it.
pub fn lock(data: &Path) -> io::Result<File> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)?;
    let path = data.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}

impl Office {
    /// Opens ledger and catalog under `lock`, finishes what an earlier run left unfinished, and says what that was.
    ///
    /// # Errors
    ///
    /// Of the disk, or of a ledger that is damaged.
    pub fn open(
        data: &Path,
        lock: File,
        store: Arc<LocalStore>,
        key: Arc<SigningKey>,
        retention: Retention,
    ) -> io::Result<(Office, Vec<Recovered>)> {
        let books = Arc::new(Books::open(data, key)?);
        let recovered = store.recover(&books.ledger)?;
        let office = Office {
            books,
            store,
            retention,
            _lock: lock,
        };
        office.bring_up_to_date()?;
        Ok((office, recovered))
    }

    /// Makes the catalog say what recordings and ledger say, and finishes deletions that were begun.
    fn bring_up_to_date(&self) -> io::Result<()> {
        let Books { ledger, catalog } = &*self.books;
        let before = catalog.all().map_err(io::Error::other)?;
        let mut now: HashMap<String, Session> = HashMap::new();
        for (index, entry) in (0..).zip(ledger.entries(0)?) {
            let id = entry.session().to_string();
            now.entry(id).or_default().learn(index, &entry);
        }
        // What only manifests say outlives them here.
        for old in &before {
            if let Some(session) = now.get_mut(&old.session) {
                session.technician_name.clone_from(&old.technician_name);
                session.ticket.clone_from(&old.ticket);
            }
        }
        let known: HashSet<&String> = before.iter().map(|old| &old.session).collect();
        for file in self.store.finished()? {
            let id = file.session.to_string();
            let Some(session) = now.get_mut(&id) else {
                continue; // its manifest cannot be read: recovery said so
            };
            if session.deleted_ms.is_some() {
                self.store.remove(&file.name)?;
                continue;
            }
            if !known.contains(&id)
                && let Some(about) = self.store.about(&file.name)?
            {
                (session.technician_name, session.ticket) = (about.technician_name, about.ticket);
            }
            session.file = Some(file.name);
            session.hold = file.hold;
        }
        let mut now: Vec<Session> = now.into_values().collect();
        now.sort_by(|a, b| (a.started_ms, &a.session).cmp(&(b.started_ms, &b.session)));
        match now == before {
            true => Ok(()),
            false => catalog.replace(&now).map_err(io::Error::other),
        }
    }

    /// Does what is asked.
    pub fn answer(&self, request: &Request, now_ms: u64) -> Answer {
        let done = match request {
            Request::List => self.books.catalog.all().map_err(Refused::from),
            Request::Show { id } => self.find(id).map(|session| vec![session]),
            Request::Hold { id, why } => self.hold(id, Some(why)),
            Request::Release { id } => self.hold(id, None),
            Request::Remove { id, why } => self.remove(id, why, now_ms),
            Request::Prune => self.prune(now_ms),
        };
        done.map_or_else(Answer::Refused, Answer::Sessions)
    }

    fn find(&self, id: &str) -> Asked<Session> {
        let id = id.to_lowercase();
        let mut found = self.books.catalog.find(&id)?;
        match (found.pop(), found.pop()) {
            (Some(one), None) if !id.is_empty() => Ok(one),
            (Some(_), _) => Err(Refused::NotUnique(id)),
            (None, _) => Err(Refused::Unknown(id)),
        }
    }

    /// A session whose file is there, with its name.
    fn file(&self, id: &str) -> Asked<(Session, String)> {
        let session = self.find(id)?;
        match session.file.clone() {
            Some(file) => Ok((session, file)),
            None if session.deleted_ms.is_some() => Err(Refused::Deleted(session.session)),
            None if session.closed_ms.is_none() => Err(Refused::Recording(session.session)),
            None => Err(Refused::Unknown(session.session)),
        }
    }

    fn hold(&self, id: &str, why: Option<&String>) -> Asked<Vec<Session>> {
        let (session, file) = self.file(id)?;
        if why.is_some_and(|why| !good(why)) {
            return Err(Refused::Why);
        }
        self.store.hold(&file, why.map(String::as_str))?;
        self.books
            .catalog
            .hold(&session.session, why.map(String::as_str))?;
        Ok(vec![self.find(&session.session)?])
    }

    fn remove(&self, id: &str, why: &str, now_ms: u64) -> Asked<Vec<Session>> {
        if !good(why) {
            return Err(Refused::Why);
        }
        let (session, file) = self.file(id)?;
        // The file beside the recording counts, whatever the index says.
        if let Some(why) = self.store.held(&file)? {
            let session = session.session;
            return Err(Refused::OnHold { session, why });
        }
        let about = self.store.about(&file)?;
        let about = about.ok_or(Refused::Failed(format!("{file} cannot be read")))?;
        let tombstone = Tombstone {
            session: about.session,
            manifest: about.manifest,
            why: why.to_owned(),
            at_ms: now_ms,
        };
        // First the ledger, durably: a recording that is gone without a word there was not deleted by us.
        self.books
            .ledger
            .add(&LedgerEntry::Tombstone(tombstone.clone()))?;
        self.store.remove(&file)?;
        self.books.catalog.deleted(&tombstone)?;
        Ok(vec![self.find(&session.session)?])
    }

    /// Deletes what the retention rules say.
    fn prune(&self, now_ms: u64) -> Asked<Vec<Session>> {
        let kept = self.books.catalog.all()?.into_iter().filter_map(|s| {
            Some(Kept {
                session: s.file.map(|_| s.session)?,
                closed_ms: s.closed_ms?,
                bytes: s.bytes?,
                hold: s.hold.is_some(),
            })
        });
        let mut gone = Vec::new();
        for (session, why) in due(kept.collect(), &self.retention, now_ms) {
            gone.extend(self.remove(&session, &why, now_ms)?);
        }
        Ok(gone)
    }
}

fn good(why: &str) -> bool {
    !why.trim().is_empty() && why.len() <= WHY_CAP
}

impl Books {
    /// Opens both, of which the ledger counts and the catalog follows.
    pub fn open(data: &Path, key: Arc<SigningKey>) -> io::Result<Books> {
        Ok(Books {
            ledger: Ledger::open(&data.join(LEDGER), key)?,
            catalog: Catalog::open(&data.join(CATALOG))?,
        })
    }

    /// The ledger as it is now.
    pub fn head(&self) -> TreeHead {
        self.ledger.head()
    }

    /// Notes a session whose recording begins.
    pub fn begun(&self, about: &About) {
        self.noted(self.catalog.begun(about));
    }

    /// Puts a session that is over into the ledger, durably.
    ///
    /// # Errors
    ///
    /// Of the disk.
    pub fn close(&self, entry: &SessionEntry) -> io::Result<LedgerProof> {
        self.ledger.add(&LedgerEntry::Session(entry.clone()))
    }

    /// Notes where its recording is.
    pub fn sealed(&self, entry: &SessionEntry, index: u64, path: &Path) {
        self.noted(self.catalog.closed(entry, index, &short_name(path)));
    }

    /// The catalog is an index: what it fails to note now, the next start does.
    fn noted(&self, done: rusqlite::Result<()>) {
        if let Err(error) = done {
            tracing::warn!(%error, "the catalog is behind until the relay's next start");
        }
    }
}

impl Session {
    /// Takes over what the ledger's entry number `index` says of it.
    fn learn(&mut self, index: u64, entry: &LedgerEntry) {
        self.session = entry.session().to_string();
        match entry {
            LedgerEntry::Session(entry) => {
                self.agent = entry.agent.to_string();
                self.number = storable(entry.number);
                self.technician = entry.technician.to_string();
                self.started_ms = storable(entry.started_ms);
                self.closed_ms = Some(storable(entry.closed_ms));
                self.close = Some(entry.close);
                self.records = Some(storable(entry.records));
                self.bytes = Some(storable(entry.bytes));
                self.ledger_index = Some(index);
            }
            LedgerEntry::Tombstone(tombstone) => {
                self.deleted_ms = Some(tombstone.at_ms);
                self.deleted_why = Some(tombstone.why.clone());
                self.file = None;
            }
        }
    }
}
