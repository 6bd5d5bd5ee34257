//! The user's clipboard in a session: what the technician reads of it, and what it puts there.
//!
//! Absent: how clipboards work here (`sightline-clipboard`), and what the two sides say (`sightline_ends::clipboard`).

use std::time::Instant;

use serde_json::{Value, json};
use sightline_clipboard::{Crossed, Exchange, Happened, Out};
use sightline_ends::clipboard::Broken;
use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Direction, Whose};
use sightline_ends::now::Now;
use sightline_ends::session::{AgentSays, AgentSession};
use sightline_program::transfer::bytes_text;
use sightline_protocol::capability::{Capabilities, Capability};
use tokio::sync::mpsc;

use crate::platform::clipboard::UserClipboard;

/// What happens with the clipboard.
pub enum ClipboardEvent {
    /// To be sealed.
    Say(AgentSays),
    /// Something went over.
    Crossed(Direction, Crossed),
}

/// Both directions. Without either right nothing of the clipboard is touched.
pub struct Clipboard {
    exchange: Exchange<UserClipboard>,
    happened: mpsc::UnboundedReceiver<Happened>,
    /// Keeps `happened` open where there is no clipboard.
    _tell: mpsc::UnboundedSender<Happened>,
    allowed: Capabilities,
}

impl Clipboard {
    pub fn open(machine: &AgentSession, now: Now) -> Clipboard {
        let (tell, happened) = mpsc::unbounded_channel();
        let (read, set) = (machine.grant(now).ok(), machine.grant(now).ok());
        let to_us = tell.clone();
        let told = Box::new(move |happened| drop(to_us.send(happened)));
        let system = match (&read, &set) {
            (None, None) => None,
            _ => UserClipboard::open(read, set, told)
                .inspect_err(|error| tracing::warn!("{error}"))
                .ok(),
        };
        Clipboard {
            exchange: Exchange::new(system),
            happened,
            _tell: tell,
            allowed: machine.allowed(),
        }
    }

    /// The technician says this about the user's clipboard.
    pub fn read(
        &mut self,
        grant: Grant<kind::ReadClipboard>,
        message: ClipboardMessage,
    ) -> Result<(), Broken> {
        if let Some(system) = self.exchange.system() {
            system.may_read(grant);
        }
        self.exchange.about_ours(message)
    }

    /// The technician says this about its own, which sets the user's.
    pub fn set(
        &mut self,
        grant: Grant<kind::SetClipboard>,
        message: ClipboardMessage,
    ) -> Result<(), Broken> {
        if let Some(system) = self.exchange.system() {
            system.may_set(grant);
        }
        self.exchange.about_theirs(message)
    }

    /// The next bytes of what the user pastes.
    pub fn part(
        &mut self,
        grant: Grant<kind::SetClipboard>,
        part: &ClipboardPart,
    ) -> Result<(), Broken> {
        if let Some(system) = self.exchange.system() {
            system.may_set(grant);
        }
        self.exchange.part(part)
    }

    /// Only this is allowed from now on.
    pub fn narrow(&mut self, allowed: Capabilities) {
        const GONE: &str = "the user took the permission back";
        let lost = self.allowed.without(allowed);
        self.allowed = allowed;
        if lost.contains(Capability::ReadClipboard) {
            if let Some(system) = self.exchange.system() {
                system.end_reading();
            }
            self.exchange.end_giving(GONE);
        }
        if lost.contains(Capability::SetClipboard) {
            if let Some(system) = self.exchange.system() {
                system.end_setting();
            }
            self.exchange.end_taking(GONE);
        }
    }

    /// What happens next. May be cancelled.
    pub async fn next(&mut self) -> ClipboardEvent {
        loop {
            while let Some(out) = self.exchange.poll() {
                if let Some(event) = event(out) {
                    return event;
                }
            }
            let deadline = self.exchange.deadline(Instant::now());
            let overdue = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(happened) = self.happened.recv() => {
                    if let Happened::Gone(why) = &happened {
                        tracing::warn!("clipboard: {why}");
                    }
                    self.exchange.happened(happened);
                }
                () = overdue => self.exchange.tick(Instant::now()),
            }
        }
    }
}

fn event(out: Out) -> Option<ClipboardEvent> {
    Some(match out {
        Out::Ours(message) => ClipboardEvent::Say(AgentSays::Clipboard(Whose::Users, message)),
        Out::Theirs(message) => {
            ClipboardEvent::Say(AgentSays::Clipboard(Whose::Technicians, message))
        }
        Out::Part(part) => ClipboardEvent::Say(AgentSays::ClipboardPart(part)),
        Out::Given(crossed) => ClipboardEvent::Crossed(Direction::ToTechnician, crossed),
        Out::Came(form, Ok((content, sha256))) => {
            let bytes = content.len() as u64;
            let crossed = Crossed {
                form,
                bytes,
                sha256,
            };
            ClipboardEvent::Crossed(Direction::ToUser, crossed)
        }
        Out::Came(form, Err(why)) => {
            tracing::info!(
                "what the technician offered as {} did not come: {why}",
                form.word()
            );
            return None;
        }
        Out::Offered(_) => return None,
    })
}

/// What the user is told: the event's name and a sentence.
pub fn told(direction: Direction, crossed: &Crossed, technician: &str) -> (&'static str, String) {
    let what = format!("{}, {}", crossed.form.word(), bytes_text(crossed.bytes));
    match direction {
        Direction::ToTechnician => (
            "clipboard_read",
            format!("{technician} read your clipboard ({what})."),
        ),
        Direction::ToUser => (
            "clipboard_set",
            format!("What {technician} put on your clipboard was pasted ({what})."),
        ),
    }
}

/// The same for programs.
pub fn facts(crossed: &Crossed) -> Value {
    json!({
        "form": crossed.form.word(),
        "bytes": crossed.bytes,
        "sha256": crossed.sha256.to_string(),
    })
}
