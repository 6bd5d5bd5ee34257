//! Files that commands send and fetch. Each transfer has a thread of its own, and one command that hears of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sightline_ends::content::{Amount, Collision, Direction, FileMessage, MOST_NAMES, PathBytes};
use sightline_ends::text::harmless;
use sightline_ends::transfer::MOST_AT_ONCE;
use sightline_program::clock::Clock;
use sightline_program::transfer::{
    Heard, Inbox, Incoming, Line, Mailer, News, Outgoing, Sharing, Stopped, Target, count, inbox,
    receive, roots, send,
};
use tokio::sync::mpsc;

use crate::io::local::{ClientId, FilesNews, FilesOrder, FromHolder, ListingPart};

/// Messages of all transfers that may wait for the session's loop; then their threads wait.
const QUEUE: usize = 8;
/// How often a command hears how far its transfer is.
const PROGRESS: Duration = Duration::from_millis(200);
/// Longest reason of the other side that is shown, in characters.
const WHY: usize = 400;

/// What happens with files.
pub enum FilesEvent {
    /// To be sealed for the agent.
    Say(FileMessage),
    /// For a command.
    Tell(ClientId, FromHolder),
}

enum Told {
    News(ClientId, FilesNews),
    Over(u32),
}

/// All transfers of a session.
pub struct Files {
    clock: Clock,
    says: mpsc::Sender<FileMessage>,
    said: mpsc::Receiver<FileMessage>,
    to_us: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    running: BTreeMap<u32, (ClientId, Mailer)>,
    next_transfer: u32,
    /// Who asked for which listing.
    listings: BTreeMap<u32, ClientId>,
    next_listing: u32,
    sharing: Sharing,
}

impl Files {
    pub fn new(clock: Clock) -> Files {
        let (says, said) = mpsc::channel(QUEUE);
        let (to_us, told) = mpsc::unbounded_channel();
        Files {
            clock,
            says,
            said,
            to_us,
            told,
            running: BTreeMap::new(),
            next_transfer: 0,
            listings: BTreeMap::new(),
            next_listing: 0,
            sharing: Sharing::default(),
        }
    }

    /// What happens next. May be cancelled.
    pub async fn next(&mut self) -> FilesEvent {
        loop {
            tokio::select! {
                biased;
                Some(told) = self.told.recv() => match told {
                    Told::News(id, news) => return FilesEvent::Tell(id, FromHolder::Files(news)),
                    Told::Over(transfer) => drop(self.running.remove(&transfer)),
                },
                Some(message) = self.said.recv() => return FilesEvent::Say(message),
                else => std::future::pending().await,
            }
        }
    }

    pub fn send(&mut self, id: ClientId, order: FilesOrder) {
        self.start(id, order, Job::send);
    }

    pub fn fetch(&mut self, id: ClientId, order: FilesOrder) {
        self.start(id, order, Job::fetch);
    }

    fn start(&mut self, id: ClientId, order: FilesOrder, run: Run) {
        let busy = self.running.values().any(|(client, _)| *client == id);
        if busy || self.running.len() >= MOST_AT_ONCE {
            let why = "too many transfers at the same time".to_owned();
            let _ = self.to_us.send(Told::News(id, FilesNews::Ended(why)));
            return;
        }
        let transfer = self.next_transfer;
        self.next_transfer += 1;
        let (mailer, inbox) = inbox();
        let job = Job {
            id,
            transfer,
            inbox,
            says: self.says.clone(),
            told: self.to_us.clone(),
            clock: self.clock,
            sharing: self.sharing.clone(),
        };
        let thread = std::thread::Builder::new().name("files".into());
        match thread.spawn(move || job.run(order, run)) {
            Ok(_) => drop(self.running.insert(transfer, (id, mailer))),
            Err(error) => {
                let news = FilesNews::Ended(error.to_string());
                let _ = self.to_us.send(Told::News(id, news));
            }
        }
    }

    pub fn list(&mut self, id: ClientId, path: PathBytes) {
        let ask = self.next_listing;
        self.next_listing += 1;
        self.listings.insert(ask, id);
        let says = self.says.clone();
        // From a task of its own: the loop that would take it is the one we are in.
        tokio::spawn(async move { says.send(FileMessage::List { ask, path }).await });
    }

    /// A command says what to do with what is there already.
    pub fn choose(&mut self, id: ClientId, collision: Collision) {
        for (transfer, (client, mailer)) in &self.running {
            if *client == id {
                let transfer = *transfer;
                mailer.post(FileMessage::Choose {
                    transfer,
                    collision,
                });
            }
        }
    }

    /// A command has left, or gives its transfer up.
    pub fn left(&mut self, id: ClientId) {
        for (client, mailer) in self.running.values() {
            if *client == id {
                mailer.cancel("the technician stopped it");
            }
        }
        self.listings.retain(|_, client| *client != id);
    }

    /// Nothing more is read or written.
    pub fn end_all(&mut self, why: &str) {
        for (_, mailer) in self.running.values() {
            mailer.cancel(why);
        }
        for (_, id) in std::mem::take(&mut self.listings) {
            let news = FilesNews::Ended(why.to_owned());
            let _ = self.to_us.send(Told::News(id, news));
        }
    }

    /// What the agent says; what a command hears of it at once.
    pub fn handle(&mut self, message: FileMessage) -> Option<(ClientId, FromHolder)> {
        match message {
            FileMessage::Listing {
                ask,
                path,
                entries,
                last,
            } => {
                let id = *self.listings.get(&ask)?;
                if last {
                    self.listings.remove(&ask);
                }
                let part = ListingPart {
                    path,
                    entries,
                    last,
                };
                Some((id, FromHolder::Listing(part)))
            }
            FileMessage::NotListed { ask, why } => {
                let id = self.listings.remove(&ask)?;
                Some((id, FromHolder::Refused(harmless(&why, WHY))))
            }
            // Ours to say, not the agent's.
            FileMessage::Choose { .. } | FileMessage::Send { .. } | FileMessage::Fetch { .. } => {
                None
            }
            message => {
                let (_, mailer) = self.running.get(&message.transfer()?)?;
                if !mailer.post(message) {
                    mailer.cancel("the other side waits for no answers");
                }
                None
            }
        }
    }
}

type Run = fn(&Job, FilesOrder) -> Result<u64, Stopped>;

/// What a transfer's thread has.
struct Job {
    id: ClientId,
    transfer: u32,
    inbox: Inbox,
    says: mpsc::Sender<FileMessage>,
    told: mpsc::UnboundedSender<Told>,
    clock: Clock,
    sharing: Sharing,
}

fn here(why: impl ToString) -> Stopped {
    Stopped::Here(why.to_string())
}

fn path_of(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

impl Job {
    fn run(self, order: FilesOrder, run: Run) {
        let news = match run(&self, order) {
            Ok(files) => FilesNews::Done(files),
            Err(Stopped::Here(why)) => FilesNews::Ended(why),
            Err(Stopped::There(why)) => FilesNews::Ended(harmless(&why, WHY)),
            Err(Stopped::SessionOver) => FilesNews::Ended("the session is over".into()),
        };
        self.tell(news);
        let _ = self.told.send(Told::Over(self.transfer));
    }

    fn tell(&self, news: FilesNews) {
        let _ = self.told.send(Told::News(self.id, news));
    }

    fn say(&self, message: FileMessage) -> Result<(), Stopped> {
        let said = self.says.blocking_send(message);
        said.map_err(|_| Stopped::SessionOver)
    }

    fn send(&self, order: FilesOrder) -> Result<u64, Stopped> {
        let paths: Vec<PathBuf> = order.paths.iter().map(|path| path_of(path)).collect();
        let roots = roots(&paths).map_err(here)?;
        let amount = count(&roots, &|| Ok(())).map_err(here)?;
        let names = roots.iter().map(|root| root.name.clone());
        self.tell(FilesNews::Asking(amount));
        self.say(FileMessage::Send {
            transfer: self.transfer,
            names: names.take(MOST_NAMES).collect(),
            tops: roots.len() as u32,
            to: order.to,
            amount,
            collision: order.collision,
        })?;
        let asked = self.until_allowed();
        self.part(asked)?;
        self.tell(FilesNews::Allowed(amount));
        let direction = Direction::ToUser;
        self.line(direction, |line| send(Outgoing { roots, amount }, line))
    }

    fn fetch(&self, order: FilesOrder) -> Result<u64, Stopped> {
        let paths: Vec<PathBuf> = order.paths.iter().map(|path| path_of(path)).collect();
        let name = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.as_bytes().to_vec());
            name.ok_or_else(|| here(format!("{}: name a file or a folder", path.display())))
        };
        let names = paths.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let to = path_of(&order.to).canonicalize();
        let to = to.map_err(|error| here(format!("{}: {error}", path_of(&order.to).display())))?;
        let mut target = Target::open(&to).map_err(here)?;
        let taken = target.taken(&names);
        let collision = match order.collision {
            Some(collision) => collision,
            None if taken.is_empty() => Collision::KeepBoth,
            None => {
                self.tell(FilesNews::Exists(taken));
                self.chosen()?
            }
        };
        target.set_collision(collision);
        self.tell(FilesNews::Asking(Amount::default()));
        self.say(FileMessage::Fetch {
            transfer: self.transfer,
            paths: order.paths,
        })?;
        let asked = self.until_allowed().and_then(|amount| {
            target.has_room(amount.bytes, &names).map_err(here)?;
            Ok(amount)
        });
        let amount = self.part(asked)?;
        self.tell(FilesNews::Allowed(amount));
        let incoming = Incoming {
            tops: names.len() as u32,
            names,
            amount,
            target,
        };
        self.line(Direction::ToTechnician, |line| receive(incoming, line))
    }

    /// What the command wants done with what is there already.
    fn chosen(&self) -> Result<Collision, Stopped> {
        loop {
            match self.inbox.next()? {
                Heard::Message(FileMessage::Choose { collision, .. }) => return Ok(collision),
                Heard::Cancel(why) => return Err(Stopped::Here(why)),
                Heard::Message(_) => {}
            }
        }
    }

    /// Waits for the user; what is to go over, as the agent says it.
    fn until_allowed(&self) -> Result<Amount, Stopped> {
        loop {
            match self.inbox.next()? {
                Heard::Message(FileMessage::Allowed { amount, .. }) => return Ok(amount),
                Heard::Message(FileMessage::Exists { names, .. }) => {
                    self.tell(FilesNews::Exists(names));
                }
                Heard::Message(message @ FileMessage::Choose { .. }) => self.say(message)?,
                Heard::Message(
                    FileMessage::Refused { why, .. } | FileMessage::Ended { why, .. },
                ) => return Err(Stopped::There(why)),
                Heard::Message(_) => return Err(here("the other side does not wait for the user")),
                Heard::Cancel(why) => return Err(Stopped::Here(why)),
            }
        }
    }

    /// Ends it at the agent, too, if it was not that which ended it.
    fn part<T>(&self, result: Result<T, Stopped>) -> Result<T, Stopped> {
        if let Err(Stopped::Here(why)) = &result {
            let (transfer, why) = (self.transfer, why.clone());
            let _ = self.say(FileMessage::Ended { transfer, why });
        }
        result
    }

    fn line(
        &self,
        direction: Direction,
        run: impl FnOnce(&mut Line<'_>) -> Result<u64, Stopped>,
    ) -> Result<u64, Stopped> {
        let mut shown: Option<Instant> = None;
        let mut line = Line {
            transfer: self.transfer,
            direction,
            inbox: &self.inbox,
            say: &mut |message| self.say(message).is_ok(),
            allowed: &|| Ok(()),
            news: &mut |news| {
                let news = match news {
                    News::Progress(progress) => {
                        let all = progress.done == progress.of;
                        if !all && shown.is_some_and(|at| at.elapsed() < PROGRESS) {
                            return;
                        }
                        shown = Some(Instant::now());
                        FilesNews::Progress(progress)
                    }
                    News::Placed(path, note) => FilesNews::Placed(path, note),
                    News::Skipped(path) => FilesNews::Skipped(path),
                    News::Failed(path, why) => FilesNews::Failed(path, harmless(&why, WHY)),
                };
                self.tell(news);
            },
            clock: self.clock,
            sharing: &self.sharing,
        };
        run(&mut line)
    }
}
