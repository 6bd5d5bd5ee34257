//! One transfer, from the technician's wish to its end.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{
    Amount, Collision, Direction, FileMessage, FileNote, MOST_NAMES, PathBytes,
};
use sightline_ends::session::AgentSays;
use sightline_ends::transfer::{check, shown};
use sightline_program::clock::{Clock, unix_ms};
use sightline_program::transfer::folders::{at_home, downloads};
use sightline_program::transfer::{
    Heard, Inbox, Incoming, Line, News, Outgoing, Sharing, Stopped, Target, amount_text, count,
    receive, roots, send,
};
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Told};
use crate::io::beside::Says;
use crate::platform::Choice;

/// Files are told to the history together: at most once a second…
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// … or so many at once.
const TOLD_AT_ONCE: usize = 256;
/// Paths that a question names, each on a line of its own: what else it says must find room on a small screen.
const NAMED: usize = 3;

/// May this be?
#[derive(Debug)]
pub struct Ask {
    pub transfer: u32,
    pub direction: Direction,
    pub lines: Vec<String>,
    pub answer: Answer,
}

/// What a transfer's thread has.
pub struct Job {
    pub transfer: u32,
    pub grant: Grant<kind::Files>,
    pub inbox: Inbox,
    pub says: Says,
    pub told: mpsc::UnboundedSender<Told>,
    pub clock: Clock,
    pub sharing: Sharing,
}

/// How a transfer did not even begin.
enum No {
    /// The technician hears why.
    Refused(String),
    Stopped(Stopped),
}

impl From<String> for No {
    fn from(why: String) -> No {
        No::Refused(why)
    }
}

impl From<Stopped> for No {
    fn from(stopped: Stopped) -> No {
        No::Stopped(stopped)
    }
}

impl Job {
    pub fn run(self, wish: FileMessage) {
        let words = match self.serve(wish) {
            Ok(words) => Some(words),
            Err(No::Refused(why)) => {
                let transfer = self.transfer;
                let why_not = why.clone();
                self.say(FileMessage::Refused { transfer, why });
                Some(format!("No files were copied: {why_not}."))
            }
            Err(No::Stopped(Stopped::Here(why) | Stopped::There(why))) => {
                Some(format!("Copying files ended: {}.", shown(why.as_bytes())))
            }
            Err(No::Stopped(Stopped::SessionOver)) => None,
        };
        let transfer = self.transfer;
        let _ = self.told.send(Told::Over { transfer, words });
    }

    fn serve(&self, wish: FileMessage) -> Result<String, No> {
        match wish {
            FileMessage::Send {
                names,
                tops,
                to,
                amount,
                collision,
                ..
            } => {
                names
                    .iter()
                    .try_for_each(|name| check(name))
                    .map_err(|e| e.to_string())?;
                let named = names.len().min(tops as usize);
                if names.is_empty() || names.len() > MOST_NAMES || named < names.len() {
                    return Err(No::Refused("it names no files, or too many".into()));
                }
                self.take(names, tops, &to, amount, collision)
            }
            FileMessage::Fetch { paths, .. } if (1..=MOST_NAMES).contains(&paths.len()) => {
                self.give(&paths)
            }
            _ => Err(No::Refused("it names no files, or too many".into())),
        }
    }

    fn say(&self, message: FileMessage) -> bool {
        self.says.blocking_send(AgentSays::File(message)).is_ok()
    }

    fn allowed(&self) -> Result<(), String> {
        self.grant
            .check(unix_ms())
            .map_err(|error| error.to_string())
    }

    /// Files come.
    fn take(
        &self,
        names: Vec<PathBytes>,
        tops: u32,
        to: &[u8],
        amount: Amount,
        collision: Option<Collision>,
    ) -> Result<String, No> {
        let direction = Direction::ToUser;
        let folder = target_folder(to)?;
        // The folder for downloads may not be there yet; it is made when the user has agreed.
        let mut target = match folder.exists() {
            true => Some(Target::open(&folder)?),
            false => None,
        };
        let mut taken = Vec::new();
        if let Some(target) = &target {
            target.has_room(amount.bytes, &names)?;
            taken = target.taken(&names);
        }
        let collision = match collision {
            Some(collision) => collision,
            None if taken.is_empty() => Collision::KeepBoth,
            None => self.choose(taken)?,
        };
        let mut lines = named(names.iter().map(|name| shown(name)), tops as usize);
        lines.push(amount_text(amount));
        lines.push(format!("Into: {}", shown(folder.as_os_str().as_bytes())));
        if collision == Collision::Replace {
            lines.push("Files of the same name there are replaced.".into());
        }
        self.ask(direction, lines)?;
        let mut target = match target.take() {
            Some(target) => target,
            None => {
                std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
                Target::open(&folder)?
            }
        };
        target.set_collision(collision);
        self.begin(amount)?;
        let incoming = Incoming {
            names,
            tops,
            amount,
            target,
        };
        let files = self.line(direction, |line| receive(incoming, line))?;
        let folder = shown(folder.as_os_str().as_bytes());
        Ok(format!("{} arrived in {folder}.", files_text(files)))
    }

    /// The technician says what to do with what is there already.
    fn choose(&self, names: Vec<PathBytes>) -> Result<Collision, No> {
        let transfer = self.transfer;
        self.say(FileMessage::Exists { transfer, names });
        match self.inbox.next()? {
            Heard::Message(FileMessage::Choose { collision, .. }) => Ok(collision),
            Heard::Message(FileMessage::Ended { why, .. }) => Err(Stopped::There(why).into()),
            Heard::Cancel(why) => Err(Stopped::Here(why).into()),
            Heard::Message(_) => Err(No::Refused("it was asked what to do with files".into())),
        }
    }

    /// Files go.
    fn give(&self, paths: &[PathBytes]) -> Result<String, No> {
        let direction = Direction::ToTechnician;
        let paths: Vec<PathBuf> = paths.iter().map(|path| at_home(path)).collect();
        let roots = roots(&paths)?;
        let amount = count(&roots, &|| self.allowed())?;
        let path = |path: &Path| shown(path.as_os_str().as_bytes());
        let shown_paths = roots.iter().map(|root| path(&root.path));
        let mut lines = named(shown_paths, roots.len());
        lines.push(amount_text(amount));
        self.ask(direction, lines)?;
        self.begin(amount)?;
        let files = self.line(direction, |line| send(Outgoing { roots, amount }, line))?;
        Ok(format!("{} went to the technician.", files_text(files)))
    }

    /// Asks the user and waits for the answer.
    fn ask(&self, direction: Direction, lines: Vec<String>) -> Result<(), No> {
        self.allowed()?;
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            transfer: self.transfer,
            direction,
            lines,
            answer,
        };
        let _ = self.told.send(Told::Ask(ask));
        match answered.blocking_recv() {
            Ok(Choice::Allow | Choice::AllowAll) => Ok(()),
            Ok(Choice::Refuse) => Err(No::Refused("the user did not allow it".into())),
            Ok(Choice::TimedOut) => Err(No::Refused("the user did not answer".into())),
            // The question was taken back.
            Err(_) => Err(Stopped::There("the technician gave it up".into()).into()),
        }
    }

    fn begin(&self, amount: Amount) -> Result<(), No> {
        self.allowed()?;
        let transfer = self.transfer;
        match self.say(FileMessage::Allowed { transfer, amount }) {
            true => Ok(()),
            false => Err(Stopped::SessionOver.into()),
        }
    }

    /// Runs it, and tells the history.
    fn line(
        &self,
        direction: Direction,
        run: impl FnOnce(&mut Line<'_>) -> Result<u64, Stopped>,
    ) -> Result<u64, Stopped> {
        let mut placed = Placed::new(&self.told);
        let mut line = Line {
            transfer: self.transfer,
            direction,
            inbox: &self.inbox,
            say: &mut |message| self.say(message),
            allowed: &|| self.allowed(),
            news: &mut |news| {
                if let News::Placed(path, note) = news {
                    placed.add(FileNote { name: path, ..note });
                }
            },
            clock: self.clock,
            sharing: &self.sharing,
        };
        run(&mut line)
    }
}

/// Files that are in their places, on their way to the history.
struct Placed<'a> {
    told: &'a mpsc::UnboundedSender<Told>,
    notes: Vec<FileNote>,
    last: Instant,
}

impl Placed<'_> {
    fn new(told: &mpsc::UnboundedSender<Told>) -> Placed<'_> {
        Placed {
            told,
            notes: Vec::new(),
            last: Instant::now(),
        }
    }

    fn add(&mut self, note: FileNote) {
        self.notes.push(note);
        if self.notes.len() >= TOLD_AT_ONCE || self.last.elapsed() >= TOLD_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.last = Instant::now();
        let _ = self
            .told
            .send(Told::Placed(std::mem::take(&mut self.notes)));
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if !self.notes.is_empty() {
            self.tell();
        }
    }
}

/// The folder that the technician named, as it is.
fn target_folder(to: &[u8]) -> Result<PathBuf, String> {
    if to.is_empty() {
        let folder = downloads();
        return Ok(folder.canonicalize().unwrap_or(folder));
    }
    let path = at_home(to);
    let real = path.canonicalize().ok().filter(|real| real.is_dir());
    real.ok_or_else(|| format!("there is no folder {}", shown(to)))
}

/// The first of them, and how many more there are.
fn named(paths: impl Iterator<Item = String>, of: usize) -> Vec<String> {
    let mut lines: Vec<String> = paths.take(NAMED).collect();
    match of - lines.len() {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}

fn files_text(files: u64) -> String {
    match files {
        1 => "1 file".into(),
        files => format!("{files} files"),
    }
}
