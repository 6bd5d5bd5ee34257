//! Files to and from the technician. Each transfer has a thread of its own and is asked of the user first; the user may
//! allow all of a session at once.
//!
//! Absent: what a transfer says (`sightline_ends::transfer`) and how files are read and placed
//! (`sightline_program::transfer`).

mod transfer;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::json;
use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Direction, FileMessage, FileNote};
use sightline_ends::session::AgentSays;
use sightline_ends::transfer::MOST_AT_ONCE;
use sightline_program::clock::{Clock, unix_ms};
use sightline_program::report::Report;
use sightline_program::transfer::folders::at_home;
use sightline_program::transfer::{Mailer, Sharing, inbox, listed_in_pieces};
use tokio::sync::{mpsc, oneshot};

use super::beside::Says;
use super::people::{self, SmallOnShow};
use crate::platform::{Choice, Prompt, SmallQuestion};
use transfer::Ask;

/// Folders listed at a time.
const MOST_LISTINGS: usize = 4;
/// For the user to answer: 60 s, as for the consent.
const TO_ANSWER: Duration = Duration::from_secs(60);

/// What transfers' threads tell.
#[derive(Debug)]
enum Told {
    Ask(Ask),
    /// These files are in their places.
    Placed(Vec<FileNote>),
    Over {
        transfer: u32,
        words: Option<String>,
    },
    Listed,
}

/// What happens with files.
pub struct FilesEvent(Event);

enum Event {
    Told(Told),
    Answered(Choice),
}

/// All transfers of a session.
pub struct Files {
    says: Says,
    clock: Clock,
    report: Report,
    technician: String,
    to_us: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    running: BTreeMap<u32, Mailer>,
    /// The highest number that the technician gave.
    last: Option<u32>,
    listings: usize,
    waiting: VecDeque<Ask>,
    on_show: Option<(Ask, SmallOnShow)>,
    /// The user does not want to be asked again.
    all: bool,
    sharing: Sharing,
}

impl Files {
    pub fn new(says: Says, clock: Clock, report: Report, technician: String) -> Files {
        let (to_us, told) = mpsc::unbounded_channel();
        Files {
            says,
            clock,
            report,
            technician,
            to_us,
            told,
            running: BTreeMap::new(),
            last: None,
            listings: 0,
            waiting: VecDeque::new(),
            on_show: None,
            all: false,
            sharing: Sharing::default(),
        }
    }

    /// What happens next. May be cancelled.
    pub async fn next(&mut self) -> FilesEvent {
        let answer = async {
            match &mut self.on_show {
                // A prompt that vanished unanswered (its display is gone) counts as no answer.
                Some((_, on_show)) => (&mut on_show.answer).await.unwrap_or(Choice::TimedOut),
                None => std::future::pending().await,
            }
        };
        FilesEvent(tokio::select! {
            choice = answer => Event::Answered(choice),
            Some(told) = self.told.recv() => Event::Told(told),
        })
    }

    /// The user is being asked.
    pub fn are_asking(&self) -> bool {
        self.on_show.is_some()
    }

    /// There is something to ask next.
    pub fn have_questions(&self) -> bool {
        self.on_show.is_none() && !self.waiting.is_empty()
    }

    /// Takes an event in; the files that are in their places by it.
    pub fn happened(&mut self, event: FilesEvent) -> Vec<FileNote> {
        let mut placed = Vec::new();
        match event.0 {
            Event::Answered(choice) => self.answered(choice),
            Event::Told(Told::Ask(ask)) => self.waiting.push_back(ask),
            Event::Told(Told::Placed(notes)) => placed = notes,
            Event::Told(Told::Listed) => self.listings -= 1,
            Event::Told(Told::Over { transfer, words }) => {
                self.running.remove(&transfer);
                self.withdraw(transfer);
                if let Some(words) = words {
                    let facts = json!({ "transfer": transfer, "message": words });
                    self.report.say("files_over", facts, words);
                }
            }
        }
        placed
    }

    fn answered(&mut self, choice: Choice) {
        let Some((ask, _)) = self.on_show.take() else {
            return;
        };
        self.all |= choice == Choice::AllowAll;
        let word = match choice {
            Choice::Allow | Choice::AllowAll => "files_allowed",
            Choice::Refuse | Choice::TimedOut => "files_refused",
        };
        let facts = json!({ "transfer": ask.transfer, "all": self.all });
        self.report.note(word, facts);
        let _ = ask.answer.send(choice); // it may have been given up
    }

    /// Shows the next question, if none is on show.
    pub fn ask_next(&mut self, prompts: &[Box<dyn Prompt>]) {
        while self.on_show.is_none() {
            let Some(ask) = self.waiting.pop_front() else {
                return;
            };
            if ask.answer.is_closed() {
                continue;
            }
            let facts = json!({ "transfer": ask.transfer, "lines": ask.lines, "asked": !self.all });
            self.report.note("files_asked", facts);
            if self.all {
                let _ = ask.answer.send(Choice::Allow);
                continue;
            }
            let which_way = match ask.direction {
                Direction::ToUser => "to your computer",
                Direction::ToTechnician => "from your computer",
            };
            let question = SmallQuestion {
                title: format!("{} wants to copy files {which_way}", self.technician),
                lines: ask.lines.clone(),
                all: "all files of this session, both ways".into(),
                deadline: Instant::now() + TO_ANSWER,
            };
            match people::ask_small(prompts, &question) {
                Some(on_show) => self.on_show = Some((ask, on_show)),
                None => drop(ask.answer.send(Choice::Refuse)),
            }
        }
    }

    /// Takes the question about a transfer back.
    fn withdraw(&mut self, transfer: u32) {
        self.waiting.retain(|ask| ask.transfer != transfer);
        self.on_show.take_if(|(ask, _)| ask.transfer == transfer);
    }

    /// What the technician says of files.
    pub fn handle(&mut self, grant: Grant<kind::Files>, message: FileMessage) {
        match message {
            FileMessage::List { ask, path } => self.list(grant, ask, path),
            FileMessage::Send { transfer, .. } | FileMessage::Fetch { transfer, .. } => {
                self.begin(grant, transfer, message);
            }
            FileMessage::Ended { transfer, .. } if self.running.contains_key(&transfer) => {
                self.post(transfer, message);
                self.withdraw(transfer);
            }
            other => {
                if let Some(transfer) = other.transfer() {
                    self.post(transfer, other);
                }
            }
        }
    }

    /// To a transfer's thread. What a transfer says that has ended here meanwhile is passed over.
    fn post(&mut self, transfer: u32, message: FileMessage) {
        let posted = self.running.get(&transfer).map(|to| to.post(message));
        if posted == Some(false) {
            self.end(transfer, "the technician's program waits for no answers");
        }
    }

    fn end(&mut self, transfer: u32, why: &str) {
        if let Some(mailer) = self.running.remove(&transfer) {
            mailer.cancel(why);
        }
        self.withdraw(transfer);
    }

    /// Nothing more is read or written: the right is gone.
    pub fn end_all(&mut self, why: &str) {
        let all: Vec<u32> = self.running.keys().copied().collect();
        for transfer in all {
            self.end(transfer, why);
        }
    }

    /// Says it from a thread of its own: the loop that would take it is the one we are in.
    fn say_soon(&self, message: FileMessage) {
        let says = self.says.clone();
        tokio::spawn(async move { says.send(AgentSays::File(message)).await });
    }

    fn list(&mut self, grant: Grant<kind::Files>, ask: u32, path: Vec<u8>) {
        if self.listings >= MOST_LISTINGS {
            let why = "too many folders are being listed".to_owned();
            return self.say_soon(FileMessage::NotListed { ask, why });
        }
        self.listings += 1;
        let (says, told) = (self.says.clone(), self.to_us.clone());
        tokio::task::spawn_blocking(move || {
            if grant.check(unix_ms()).is_ok() {
                for message in listed_in_pieces(ask, &at_home(&path)) {
                    if says.blocking_send(AgentSays::File(message)).is_err() {
                        return;
                    }
                }
            }
            let _ = told.send(Told::Listed);
        });
    }

    fn begin(&mut self, grant: Grant<kind::Files>, transfer: u32, message: FileMessage) {
        let refused = if self.last.is_some_and(|last| transfer <= last) {
            Some("that number was given to another transfer")
        } else if self.running.len() >= MOST_AT_ONCE {
            Some("too many transfers at the same time")
        } else {
            None
        };
        self.last = self.last.max(Some(transfer));
        if let Some(why) = refused {
            let why = why.to_owned();
            return self.say_soon(FileMessage::Refused { transfer, why });
        }
        let (mailer, inbox) = inbox();
        let job = transfer::Job {
            transfer,
            grant,
            inbox,
            says: self.says.clone(),
            told: self.to_us.clone(),
            clock: self.clock,
            sharing: self.sharing.clone(),
        };
        let thread = std::thread::Builder::new().name("files".into());
        match thread.spawn(move || job.run(message)) {
            Ok(_) => drop(self.running.insert(transfer, mailer)),
            Err(error) => {
                let why = error.to_string();
                self.say_soon(FileMessage::Refused { transfer, why });
            }
        }
    }
}

/// A question and where its answer goes.
type Answer = oneshot::Sender<Choice>;
