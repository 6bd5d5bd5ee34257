//! The catalog: an index over recordings and ledger, for the operator. SQLite.
//!
//! It holds nothing that is not elsewhere: a missing or damaged one is made anew from the recordings and the ledger
//! (`io/office.rs`). It holds nothing secret: only what manifests say in clear.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use rusqlite_migration::{M, Migrations};
use serde::{Deserialize, Serialize};
use sightline_protocol::ledger::{SessionEntry, Tombstone};

use crate::pure::about::About;

/// Each step once, in this order; never changed after a release, only added to.
const STEPS: &[M<'static>] = &[M::up(
    "CREATE TABLE sessions (
        session TEXT PRIMARY KEY,
        agent TEXT NOT NULL,
        number INTEGER NOT NULL,
        technician TEXT NOT NULL,
        technician_name TEXT NOT NULL,
        ticket TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        closed_ms INTEGER,
        close INTEGER,
        records INTEGER,
        bytes INTEGER,
        ledger_index INTEGER,
        file TEXT,
        hold TEXT,
        deleted_ms INTEGER,
        deleted_why TEXT
    ) STRICT;
    CREATE INDEX sessions_started ON sessions (started_ms);",
)];

/// Waiting for another process that reads.
const BUSY: Duration = Duration::from_secs(5);

pub struct Catalog {
    connection: Mutex<Connection>,
}

/// One session as the catalog knows it. Times are Unix milliseconds, keys and identities hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub session: String,
    pub agent: String,
    pub number: u64,
    pub technician: String,
    pub technician_name: String,
    pub ticket: String,
    pub started_ms: u64,
    /// None while it is being recorded.
    pub closed_ms: Option<u64>,
    /// Close code; 0 if it did not end in order.
    pub close: Option<u16>,
    pub records: Option<u64>,
    pub bytes: Option<u64>,
    pub ledger_index: Option<u64>,
    /// Below the directory of recordings; none while it is being recorded, when it was deleted, and if it is missing.
    pub file: Option<String>,
    /// Why it must be kept.
    pub hold: Option<String>,
    pub deleted_ms: Option<u64>,
    pub deleted_why: Option<String>,
}

type Done<T = ()> = rusqlite::Result<T>;

impl Catalog {
    /// Opens the catalog; one that cannot be used is put aside as `*.damaged`, and an empty one made.
    ///
    /// # Errors
    ///
    /// Of the disk, or of an empty catalog that cannot be made.
    pub fn open(path: &Path) -> io::Result<Catalog> {
        Catalog::try_open(path).or_else(|error| {
            tracing::warn!(%error, "the catalog cannot be used and is made anew");
            put_aside(path)?;
            Catalog::try_open(path).map_err(io::Error::other)
        })
    }

    fn try_open(path: &Path) -> Result<Catalog, Box<dyn std::error::Error + Send + Sync>> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // It is an index: after a power failure it may be older, never broken.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            return Err(sound.into());
        }
        Migrations::from_slice(STEPS).to_latest(&mut connection)?;
        connection.query_row("SELECT count(*) FROM sessions", [], |_| Ok(()))?;
        Ok(Catalog {
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A session whose recording begins.
    pub fn begun(&self, about: &About) -> Done {
        self.put(&Session::from(about))
    }

    /// Writes one session, whatever was there.
    pub fn put(&self, s: &Session) -> Done {
        self.connection().execute(
            "INSERT OR REPLACE INTO sessions VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
            params![
                s.session, s.agent, s.number, s.technician, s.technician_name, s.ticket, s.started_ms, s.closed_ms,
                s.close, s.records, s.bytes, s.ledger_index, s.file, s.hold, s.deleted_ms, s.deleted_why
            ],
        )?;
        Ok(())
    }

    /// Makes the catalog hold exactly these.
    pub fn replace(&self, sessions: &[Session]) -> Done {
        self.connection()
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM sessions;")?;
        let written = sessions.iter().try_for_each(|session| self.put(session));
        let end = if written.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.connection().execute_batch(end)?;
        written
    }

    /// A session whose recording is complete, as number `index` of the ledger.
    pub fn closed(&self, entry: &SessionEntry, index: u64, file: &str) -> Done {
        self.connection().execute(
            "UPDATE sessions SET closed_ms = ?2, close = ?3, records = ?4, bytes = ?5, ledger_index = ?6, file = ?7
             WHERE session = ?1",
            params![
                entry.session.to_string(), storable(entry.closed_ms), entry.close, entry.records, entry.bytes, index, file
            ],
        )?;
        Ok(())
    }

    pub fn hold(&self, session: &str, why: Option<&str>) -> Done {
        let sql = "UPDATE sessions SET hold = ?2 WHERE session = ?1";
        self.connection().execute(sql, params![session, why])?;
        Ok(())
    }

    pub fn deleted(&self, tombstone: &Tombstone) -> Done {
        self.connection().execute(
            "UPDATE sessions SET deleted_ms = ?2, deleted_why = ?3, file = NULL WHERE session = ?1",
            params![
                tombstone.session.to_string(),
                tombstone.at_ms,
                tombstone.why
            ],
        )?;
        Ok(())
    }

    /// All sessions, oldest first.
    pub fn all(&self) -> Done<Vec<Session>> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT * FROM sessions ORDER BY started_ms, session")?;
        let rows = statement.query_map([], session)?;
        rows.collect()
    }

    /// Sessions whose identity begins so; two are enough to know that it is not unique.
    pub fn find(&self, prefix: &str) -> Done<Vec<Session>> {
        let connection = self.connection();
        let sql = "SELECT * FROM sessions WHERE substr(session, 1, length(?1)) = ?1 LIMIT 2";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([prefix], session)?;
        rows.collect()
    }

    /// One session by its whole identity.
    pub fn get(&self, id: &str) -> Done<Option<Session>> {
        let sql = "SELECT * FROM sessions WHERE session = ?1";
        self.connection().query_row(sql, [id], session).optional()
    }
}

/// The largest number that SQLite holds instead of a larger one: some come from an agent, which may say anything.
pub fn storable(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

impl From<&About> for Session {
    fn from(about: &About) -> Session {
        Session {
            session: about.session.to_string(),
            agent: about.agent.to_string(),
            number: storable(about.number),
            technician: about.technician.to_string(),
            technician_name: about.technician_name.clone(),
            ticket: about.ticket.clone(),
            started_ms: storable(about.started_ms),
            ..Session::default()
        }
    }
}

fn session(row: &Row<'_>) -> Done<Session> {
    Ok(Session {
        session: row.get("session")?,
        agent: row.get("agent")?,
        number: row.get("number")?,
        technician: row.get("technician")?,
        technician_name: row.get("technician_name")?,
        ticket: row.get("ticket")?,
        started_ms: row.get("started_ms")?,
        closed_ms: row.get("closed_ms")?,
        close: row.get("close")?,
        records: row.get("records")?,
        bytes: row.get("bytes")?,
        ledger_index: row.get("ledger_index")?,
        file: row.get("file")?,
        hold: row.get("hold")?,
        deleted_ms: row.get("deleted_ms")?,
        deleted_why: row.get("deleted_why")?,
    })
}

/// Renames what cannot be read, for whoever wants to know why.
fn put_aside(path: &Path) -> io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(end);
        let mut to = from.clone();
        to.push(".damaged");
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_sound() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }

    #[test]
    fn what_is_put_is_found_and_damage_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.db");
        let some = Session {
            session: "ab01".into(),
            bytes: Some(5),
            hold: Some("court".into()),
            ..Session::default()
        };
        let catalog = Catalog::open(&path).unwrap();
        catalog.replace(std::slice::from_ref(&some)).unwrap();
        drop(catalog);
        let catalog = Catalog::open(&path).unwrap();
        assert_eq!(catalog.find("ab").unwrap(), [some]);
        drop(catalog);
        fs::write(&path, vec![7; 8192]).unwrap();
        let catalog = Catalog::open(&path).unwrap();
        assert_eq!(catalog.all().unwrap(), []);
        assert!(directory.path().join("catalog.db.damaged").exists());
    }
}
