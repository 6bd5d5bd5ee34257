//! Clipboards in a session, at the technician: the desktop's, where there is a window, and what commands get and put.
//!
//! What the technician copies while another window has the keyboard is offered to the user when he comes back to the
//! session's window, and not before. What the user copied is marked as a secret on the technician's desktop, so that
//! clipboard managers neither fetch nor keep it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sightline_clipboard::{Crossed, Desk, Exchange, Happened, Manner, Out};
use sightline_ends::clipboard::{Broken, LARGEST};
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Form, Whose};
use sightline_ends::session::TechnicianSays;
use sightline_protocol::capability::{Capabilities, Capability};
use tokio::sync::mpsc;

use crate::io::local::{ClientId, FromHolder};

/// Bytes of a content that are told to a command at a time.
const PIECE: usize = 64 << 10;

/// What happens with clipboards.
pub enum ClipboardEvent {
    /// To be sealed.
    Say(TechnicianSays),
    /// For a command.
    Tell(ClientId, FromHolder),
    /// Something went over: an event's name and its facts.
    Crossed(&'static str, Value),
}

/// Both directions.
pub struct Clipboard {
    exchange: Exchange<Desk>,
    happened: mpsc::UnboundedReceiver<Happened>,
    /// Keeps `happened` open where there is no clipboard.
    _tell: mpsc::UnboundedSender<Happened>,
    allowed: Capabilities,
    focused: bool,
    /// Copied while another window had the keyboard.
    not_offered: Option<Vec<Form>>,
    /// Commands that wait for what the user copied; a form, once it is known.
    getting: Vec<(ClientId, Option<Form>)>,
    /// What commands put, so far.
    putting: BTreeMap<ClientId, Vec<u8>>,
    told: VecDeque<ClipboardEvent>,
}

impl Clipboard {
    pub fn open(allowed: Capabilities, desktop: bool) -> Clipboard {
        let (tell, happened) = mpsc::unbounded_channel();
        let both = Capability::named("clipboard");
        let to_us = tell.clone();
        let told = Box::new(move |happened| drop(to_us.send(happened)));
        let manner = Manner {
            watch: allowed.contains(Capability::SetClipboard),
            secret: true,
        };
        let wanted = desktop && !allowed.intersection(both).is_empty();
        let desk = wanted.then(|| {
            Desk::open(None, manner, told)
                .inspect_err(|error| tracing::warn!("{error}"))
                .ok()
        });
        Clipboard {
            exchange: Exchange::new(desk.flatten()),
            happened,
            _tell: tell,
            allowed,
            focused: false,
            not_offered: None,
            getting: Vec::new(),
            putting: BTreeMap::new(),
            told: VecDeque::new(),
        }
    }

    /// The session's window has the keyboard (no longer).
    pub fn focus(&mut self, focused: bool) {
        self.focused = focused;
        if let Some(forms) = self.not_offered.take_if(|_| focused) {
            self.exchange.happened(Happened::Copied(forms));
        }
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Copied(forms) if !self.focused => {
                // What was offered before is not there any more, either.
                self.not_offered = Some(forms);
                self.exchange.happened(Happened::Copied(Vec::new()));
            }
            happened => self.exchange.happened(happened),
        }
    }

    pub fn said(&mut self, whose: Whose, message: ClipboardMessage) -> Result<(), Broken> {
        let needed = match whose {
            Whose::Users => Capability::ReadClipboard,
            Whose::Technicians => Capability::SetClipboard,
        };
        // It may have been under way when the right was taken back; what cannot be fetched must not take our clipboard.
        if !self.allowed.contains(needed) {
            return Ok(());
        }
        match whose {
            Whose::Users => self.exchange.about_theirs(message),
            Whose::Technicians => self.exchange.about_ours(message),
        }
    }

    pub fn part(&mut self, part: &ClipboardPart) -> Result<(), Broken> {
        self.exchange.part(part)
    }

    /// Only this is allowed from now on.
    pub fn narrow(&mut self, allowed: Capabilities) {
        const GONE: &str = "the user took the permission back";
        let lost = self.allowed.without(allowed);
        self.allowed = allowed;
        if lost.contains(Capability::SetClipboard) {
            if let Some(desk) = self.exchange.system() {
                desk.set_watch(false);
            }
            self.not_offered = None;
            self.exchange.end_giving(GONE);
        }
        if lost.contains(Capability::ReadClipboard) {
            self.exchange.end_taking(GONE);
            for (id, _) in std::mem::take(&mut self.getting) {
                self.refuse(id, GONE);
            }
        }
    }

    fn refuse(&mut self, id: ClientId, why: &str) {
        let refused = FromHolder::Refused(why.to_owned());
        self.told.push_back(ClipboardEvent::Tell(id, refused));
    }

    /// A command wants what the user copied.
    pub fn get(&mut self, id: ClientId, form: Option<Form>) {
        if !self.allowed.contains(Capability::ReadClipboard) {
            return self.refuse(
                id,
                "the user has not allowed you to read the clipboard: connect again with --ask view,control,read-clipboard",
            );
        }
        self.getting.push((id, form));
        if self.exchange.heard() {
            self.fetch();
        }
    }

    /// Fetches what commands wait for.
    fn fetch(&mut self) {
        let there = self.exchange.forms().to_vec();
        for (id, wanted) in std::mem::take(&mut self.getting) {
            let form = wanted.or(there.first().copied());
            match form.filter(|form| there.contains(form)) {
                Some(form) => {
                    self.getting.push((id, Some(form)));
                    self.exchange.want(form);
                }
                None if there.is_empty() => {
                    self.refuse(
                        id,
                        "there is nothing on the user's clipboard that can be had",
                    );
                }
                None => {
                    let words: Vec<&str> = there.iter().map(|form| form.word()).collect();
                    let words = words.join(" and ");
                    self.refuse(
                        id,
                        &format!("what the user copied is there as {words} only"),
                    );
                }
            }
        }
    }

    /// A command puts something on the user's clipboard.
    pub fn put(&mut self, id: ClientId, form: Form, bytes: &[u8], last: bool) {
        if !self.allowed.contains(Capability::SetClipboard) {
            return self.refuse(
                id,
                "the user has not allowed you to set the clipboard: connect again with --ask view,control,set-clipboard",
            );
        }
        let content = self.putting.entry(id).or_default();
        content.extend_from_slice(bytes);
        if content.len() as u64 > LARGEST {
            self.putting.remove(&id);
            let why = format!("more than {} MB: send it as a file", LARGEST >> 20);
            return self.refuse(id, &why);
        }
        if !last {
            return;
        }
        let content = self.putting.remove(&id).unwrap_or_default();
        if !form.fits(&content) {
            return self.refuse(id, &format!("this is not {}", form.word()));
        }
        self.exchange.hold(form, content);
        self.told
            .push_back(ClipboardEvent::Tell(id, FromHolder::Done(())));
    }

    pub fn left(&mut self, id: ClientId) {
        self.putting.remove(&id);
        self.getting.retain(|(client, _)| *client != id);
    }

    /// What happens next. May be cancelled.
    pub async fn next(&mut self) -> ClipboardEvent {
        loop {
            if let Some(told) = self.told.pop_front() {
                return told;
            }
            if let Some(out) = self.exchange.poll() {
                if let Some(event) = self.event(out) {
                    return event;
                }
                continue;
            }
            let deadline = self.exchange.deadline(Instant::now());
            let overdue = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(happened) = self.happened.recv() => self.happened(happened),
                () = overdue => self.exchange.tick(Instant::now()),
            }
        }
    }

    fn event(&mut self, out: Out) -> Option<ClipboardEvent> {
        let say = |whose, message| ClipboardEvent::Say(TechnicianSays::Clipboard(whose, message));
        Some(match out {
            Out::Ours(message) => say(Whose::Technicians, message),
            Out::Theirs(message) => say(Whose::Users, message),
            Out::Part(part) => ClipboardEvent::Say(TechnicianSays::ClipboardPart(part)),
            Out::Given(crossed) => ClipboardEvent::Crossed("clipboard_given", facts(&crossed)),
            Out::Offered(forms) => {
                self.fetch();
                let words: Vec<&str> = forms.iter().map(|form| form.word()).collect();
                ClipboardEvent::Crossed("clipboard_offered", json!({ "forms": words }))
            }
            Out::Came(form, content) => {
                let waited = self
                    .getting
                    .extract_if(.., |(_, wanted)| *wanted == Some(form));
                let waited: Vec<ClientId> = waited.map(|(id, _)| id).collect();
                match content {
                    Ok((content, sha256)) => {
                        for id in waited {
                            self.hand_over(id, form, &content);
                        }
                        let bytes = content.len() as u64;
                        let crossed = Crossed {
                            form,
                            bytes,
                            sha256,
                        };
                        ClipboardEvent::Crossed("clipboard_came", facts(&crossed))
                    }
                    Err(why) => {
                        for id in waited {
                            self.refuse(id, &why);
                        }
                        let facts = json!({ "form": form.word(), "why": why });
                        ClipboardEvent::Crossed("clipboard_failed", facts)
                    }
                }
            }
        })
    }

    fn hand_over(&mut self, id: ClientId, form: Form, content: &Arc<Vec<u8>>) {
        let count = content.len().div_ceil(PIECE).max(1);
        for n in 0..count {
            let piece = content[n * PIECE..content.len().min((n + 1) * PIECE)].to_vec();
            let message = FromHolder::Clipboard((form, piece, n + 1 == count));
            self.told.push_back(ClipboardEvent::Tell(id, message));
        }
    }
}

fn facts(crossed: &Crossed) -> Value {
    json!({
        "form": crossed.form.word(),
        "bytes": crossed.bytes,
        "sha256": crossed.sha256.to_string(),
    })
}
