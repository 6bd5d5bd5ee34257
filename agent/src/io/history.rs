//! The user's own history: one plain file per session in the agent's folder, true at every moment.
//!
//! A file says *running* while its agent holds a lock beside it. The lock ends with the agent, however that ends, so
//! a file that says *running* without one is of an agent that was killed.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sightline_program::files::{self, FileError, Mode};
use sightline_program::history::{End, History, HistoryError, State};

/// The roots in the file are at most so old, 5 s: each writing waits for the disk, and a session has a root a second.
const EVERY: Duration = Duration::from_secs(5);
/// Longest part of a file's name that comes from the technician's, in characters.
const NAME: usize = 40;

/// Why the history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}: {_1}", _0.display())]
    Content(PathBuf, HistoryError),
    #[error("there is no session {0} in the history; `sightline-agent history` lists them")]
    NoSuch(u64),
}

/// The folder with the files.
#[derive(Clone, Debug)]
pub struct HistoryFolder(PathBuf);

impl HistoryFolder {
    pub fn at(folder: PathBuf) -> HistoryFolder {
        HistoryFolder(folder)
    }

    fn lock_path(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:06}.lock"))
    }

    /// All sessions, oldest first. Of one whose agent was killed it is said so.
    pub fn all(&self) -> Result<Vec<(PathBuf, History)>, ReadError> {
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return Ok(Vec::new());
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        let read = |path: PathBuf| {
            let history = self.read(&path)?;
            Ok((path, history))
        };
        paths.into_iter().map(read).collect()
    }

    fn read(&self, path: &Path) -> Result<History, ReadError> {
        let bytes = files::read(path)?;
        let mut history = History::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|error| ReadError::Content(path.to_owned(), error))?;
        if history.state == State::Running && !self.runs(history.number) {
            history.state = State::Ended;
            history.end = Some(End {
                how: "the agent was killed".to_owned(),
                code: None,
                at: None,
            });
        }
        Ok(history)
    }

    fn runs(&self, number: u64) -> bool {
        File::open(self.lock_path(number)).is_ok_and(|lock| lock.try_lock().is_err())
    }

    /// The session of this number, with its file.
    pub fn one(&self, number: u64) -> Result<(PathBuf, History), ReadError> {
        let found = self.all()?.into_iter().find(|(_, h)| h.number == number);
        found.ok_or(ReadError::NoSuch(number))
    }

    /// Writes down of sessions whose agent was killed that it was.
    pub fn settle(&self) -> Result<(), ReadError> {
        for (path, history) in self.all()? {
            let killed = history.end.as_ref().is_some_and(|end| end.code.is_none());
            if killed {
                files::replace(&path, history.text().as_bytes(), Mode::Secret)?;
                let _ = std::fs::remove_file(self.lock_path(history.number));
            }
        }
        Ok(())
    }

    /// Writes a session's file and keeps it up from then on.
    pub fn keep(&self, history: History, day: &str) -> Result<Keeper, FileError> {
        files::create_folder(&self.0)?;
        let lock_path = self.lock_path(history.number);
        let io = |error| FileError::Io {
            doing: "lock",
            path: lock_path.clone(),
            error,
        };
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false);
        let lock = lock.open(&lock_path).map_err(io)?;
        lock.try_lock().map_err(|error| io(error.into()))?;
        let name = file_name(&history.technician.name);
        let path = self
            .0
            .join(format!("{:06}-{day}-{name}.toml", history.number));
        files::replace(&path, history.text().as_bytes(), Mode::Secret)?;
        let (to, from) = channel();
        let writer = thread::Builder::new().name("history".into());
        let writer = writer.spawn(move || write(&from, &path)).map_err(io)?;
        Ok(Keeper {
            history,
            to: Some(to),
            writer: Some(writer),
            _lock: lock,
            lock_path,
        })
    }
}

/// What is left of a name in a file's: letters and digits, the rest as '-'.
fn file_name(name: &str) -> String {
    let harmless = |c: char| if c.is_alphanumeric() { c } else { '-' };
    name.chars().take(NAME).map(harmless).collect()
}

/// One session's file while it runs. Dropping it waits until it is written.
pub struct Keeper {
    history: History,
    to: Option<Sender<(History, bool)>>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
    lock_path: PathBuf,
}

impl Keeper {
    /// Takes something down; on the disk it is within 5 s.
    pub fn note(&mut self, change: impl FnOnce(&mut History)) {
        self.put(change, false);
    }

    /// Takes something down that the user may look for: on the disk it is at once.
    pub fn write(&mut self, change: impl FnOnce(&mut History)) {
        self.put(change, true);
    }

    fn put(&mut self, change: impl FnOnce(&mut History), at_once: bool) {
        change(&mut self.history);
        if let Some(to) = &self.to {
            let _ = to.send((self.history.clone(), at_once));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.to = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        if self.history.state == State::Ended {
            let _ = std::fs::remove_file(&self.lock_path);
        }
    }
}

fn write(from: &Receiver<(History, bool)>, path: &Path) {
    let mut written = Instant::now();
    while let Ok((mut latest, mut at_once)) = from.recv() {
        while !at_once {
            let left = (written + EVERY).saturating_duration_since(Instant::now());
            let Ok((newer, urgent)) = from.recv_timeout(left) else {
                break; // it is time, or the last word
            };
            (latest, at_once) = (newer, urgent);
        }
        while let Ok((newer, _)) = from.try_recv() {
            latest = newer;
        }
        if let Err(error) = files::replace(path, latest.text().as_bytes(), Mode::Secret) {
            tracing::warn!("the history is not up to date: {error}");
        }
        written = Instant::now();
    }
}
