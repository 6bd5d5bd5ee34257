//! The side of a command that joins a session.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sightline_protocol::wire::{Messages, Reader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{FromCommand, FromHolder, LocalError, VERSION, Welcome, place};

/// For a program on this computer to say its first word.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// Bytes read at a time.
const READ: usize = 64 * 1024;

/// What a command needs that only joins: one thread is enough.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A session that was joined.
pub struct Session {
    pub welcome: Welcome,
    pub says: Saying,
    pub hears: Hearing,
}

/// Towards the program that holds the session.
pub struct Saying(OwnedWriteHalf);

/// From it.
pub struct Hearing {
    from: OwnedReadHalf,
    reader: Reader,
    buffer: Vec<u8>,
}

impl Saying {
    pub async fn say(&mut self, message: FromCommand) -> Result<(), LocalError> {
        let sent = self.0.write_all(&message.encode()).await;
        sent.map_err(|error| LocalError::Broken(error.to_string()))
    }
}

impl Hearing {
    /// The next message. May be cancelled.
    pub async fn next(&mut self) -> Result<FromHolder, LocalError> {
        loop {
            let next = self.reader.next_message();
            if let Some(message) = next.map_err(|_| LocalError::Version)? {
                return Ok(message);
            }
            match self.from.read(&mut self.buffer).await {
                Ok(0) => return Err(LocalError::Ended),
                Ok(count) => self.reader.push(&self.buffer[..count]),
                Err(error) => return Err(LocalError::Broken(error.to_string())),
            }
        }
    }
}

/// Joins the session that runs here; of several, the one with the computer of that name (or beginning of a name).
pub async fn join(wanted: Option<&str>) -> Result<Session, LocalError> {
    let mut sessions = running().await?;
    let names = |sessions: &[Session]| {
        let names: Vec<&str> = sessions
            .iter()
            .map(|s| s.welcome.computer.as_str())
            .collect();
        names.join(", ")
    };
    if let Some(wanted) = wanted {
        let there = names(&sessions);
        let is = |s: &Session| s.welcome.computer.starts_with(wanted);
        sessions.retain(is);
        if sessions.is_empty() && !there.is_empty() {
            return Err(LocalError::NotThat(wanted.to_owned(), there));
        }
    }
    match sessions.len() {
        0 => Err(LocalError::NoSession),
        1 => Ok(sessions.remove(0)),
        _ => Err(LocalError::Several(names(&sessions))),
    }
}

/// Joins the session that this program holds itself.
pub async fn join_own() -> Result<Session, LocalError> {
    match open(&place::own()?).await {
        Ok(session) => Ok(session),
        Err(Opening::Nobody) => Err(LocalError::NoSession),
        Err(Opening::Error(error)) => Err(error),
    }
}

/// All sessions that run here.
pub async fn running() -> Result<Vec<Session>, LocalError> {
    let mut sessions = Vec::new();
    for path in place::all()? {
        match open(&path).await {
            Ok(session) => sessions.push(session),
            // Its program was killed.
            Err(Opening::Nobody) => drop(std::fs::remove_file(&path)),
            Err(Opening::Error(error)) => return Err(error),
        }
    }
    Ok(sessions)
}

enum Opening {
    Nobody,
    Error(LocalError),
}

async fn open(path: &PathBuf) -> Result<Session, Opening> {
    let stream = UnixStream::connect(path).await;
    let stream = stream.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => Opening::Nobody,
        _ => broken(path, &error.to_string()),
    })?;
    let (from, to) = stream.into_split();
    let mut hears = Hearing {
        from,
        reader: Reader::default(),
        buffer: vec![0; READ],
    };
    let first = tokio::time::timeout(FIRST_WORD, hears.next()).await;
    match first {
        Ok(Ok(FromHolder::Welcome(welcome))) if welcome.version == VERSION => Ok(Session {
            welcome,
            says: Saying(to),
            hears,
        }),
        Ok(Err(LocalError::Ended)) => Err(Opening::Nobody), // it is just ending
        Ok(Ok(_) | Err(LocalError::Version)) => Err(Opening::Error(LocalError::Version)),
        Ok(Err(error)) => Err(Opening::Error(error)),
        Err(_) => Err(broken(path, "it is silent")),
    }
}

fn broken(path: &Path, why: &str) -> Opening {
    Opening::Error(LocalError::Broken(format!("{}: {why}", path.display())))
}
