//! Where the clipboard is.

use std::collections::VecDeque;
use std::sync::Arc;

use sightline_protocol::id::Digest;

use super::{ASKS, Broken, LARGEST, PART, WINDOW};
use crate::content::{ClipboardMessage, ClipboardPart, Form};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Give {
    Say(ClipboardMessage),
    Part(ClipboardPart),
    /// Find out what the clipboard holds in this form; the answer goes to [`Giver::fetched`].
    Fetch(Form),
}

struct Sending {
    ask: u32,
    content: Arc<Vec<u8>>,
    sent: u64,
    got: u64,
}

/// Says what there is, and gives what is asked for, one thing after the other.
#[derive(Default)]
pub struct Giver {
    /// Offers so far; the newest has the number before it.
    offers: u64,
    forms: Vec<Form>,
    /// What the forms are of is being fetched for the first of these.
    asked: VecDeque<(u32, Form)>,
    fetching: bool,
    sending: Option<Sending>,
    out: VecDeque<Give>,
}

impl Giver {
    /// Something was copied, in these forms; none: nothing, or nothing for others.
    pub fn copied(&mut self, forms: &[Form]) {
        if self.offers > 0 && self.forms.is_empty() && forms.is_empty() {
            return; // nothing, as before
        }
        self.drop_all("something else was copied meanwhile");
        self.forms = forms.to_vec();
        let (offer, forms) = (self.offers, forms.to_vec());
        self.offers += 1;
        self.out
            .push_back(Give::Say(ClipboardMessage::Offer { offer, forms }));
    }

    /// Nothing is given any more. What was asked for is answered so.
    pub fn drop_all(&mut self, why: &str) {
        let sending = self.sending.take().map(|sending| sending.ask);
        let asked = std::mem::take(&mut self.asked).into_iter();
        for ask in sending.into_iter().chain(asked.map(|(ask, _)| ask)) {
            self.refuse(ask, why);
        }
        self.fetching = false;
        self.forms.clear();
    }

    fn refuse(&mut self, ask: u32, why: &str) {
        let why = why.to_owned();
        self.out
            .push_back(Give::Say(ClipboardMessage::Not { ask, why }));
    }

    /// What the other side says.
    pub fn handle(&mut self, message: ClipboardMessage) -> Result<(), Broken> {
        match message {
            ClipboardMessage::Ask { ask, offer, form } => self.ask(ask, offer, form),
            ClipboardMessage::Got { ask, bytes } => return self.got(ask, bytes),
            ClipboardMessage::Stop { ask, .. } => self.stop(ask),
            ClipboardMessage::Offer { .. }
            | ClipboardMessage::Giving { .. }
            | ClipboardMessage::Not { .. } => return Err(Broken::Role),
        }
        Ok(())
    }

    fn ask(&mut self, ask: u32, offer: u64, form: Form) {
        if offer.checked_add(1) != Some(self.offers) || !self.forms.contains(&form) {
            return self.refuse(ask, "it is not on the clipboard any more");
        }
        if self.asked.len() >= ASKS {
            return self.refuse(ask, "too much is asked for at the same time");
        }
        self.asked.push_back((ask, form));
        self.next();
    }

    fn next(&mut self) {
        if self.sending.is_none()
            && !self.fetching
            && let Some((_, form)) = self.asked.front()
        {
            self.fetching = true;
            self.out.push_back(Give::Fetch(*form));
        }
    }

    /// What the clipboard holds in the form that was to be fetched, with its SHA-256; or why that is not to be had.
    pub fn fetched(&mut self, form: Form, content: Result<(Arc<Vec<u8>>, Digest), String>) {
        let first = self.asked.front().copied();
        let Some((ask, _)) = first.filter(|(_, asked)| self.fetching && *asked == form) else {
            return; // nobody waits for it any more
        };
        self.asked.pop_front();
        self.fetching = false;
        match content {
            Ok((content, _)) if content.len() as u64 > LARGEST => {
                let why = format!(
                    "it has {} MB; what is larger than {} MB goes as a file",
                    content.len() >> 20,
                    LARGEST >> 20
                );
                self.refuse(ask, &why);
            }
            Ok((content, _)) if !form.fits(&content) => {
                self.refuse(ask, "what was copied is not of its form");
            }
            Ok((content, sha256)) => {
                let bytes = content.len() as u64;
                self.out.push_back(Give::Say(ClipboardMessage::Giving {
                    ask,
                    form,
                    bytes,
                    sha256,
                }));
                self.sending = Some(Sending {
                    ask,
                    content,
                    sent: 0,
                    got: 0,
                });
            }
            Err(why) => self.refuse(ask, &why),
        }
        self.end_if_done();
        self.next();
    }

    fn got(&mut self, ask: u32, bytes: u64) -> Result<(), Broken> {
        let Some(sending) = self.sending.as_mut().filter(|s| s.ask == ask) else {
            return Ok(()); // it was stopped meanwhile
        };
        if bytes < sending.got || bytes > sending.sent {
            return Err(Broken::Got);
        }
        sending.got = bytes;
        self.end_if_done();
        self.next();
        Ok(())
    }

    fn end_if_done(&mut self) {
        let all = |s: &mut Sending| s.got == s.content.len() as u64;
        self.sending.take_if(all);
    }

    fn stop(&mut self, ask: u32) {
        self.sending.take_if(|s| s.ask == ask);
        if self.asked.front().is_some_and(|(first, _)| *first == ask) {
            self.fetching = false;
        }
        self.asked.retain(|(waiting, _)| *waiting != ask);
        self.next();
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Give> {
        self.out.pop_front().or_else(|| self.part().map(Give::Part))
    }

    fn part(&mut self) -> Option<ClipboardPart> {
        let sending = self.sending.as_mut()?;
        let rest = &sending.content[sending.sent as usize..];
        let room = (sending.got + WINDOW).saturating_sub(sending.sent) as usize;
        let length = rest.len().min(PART);
        if length == 0 || length > room {
            return None;
        }
        sending.sent += length as u64;
        Some(ClipboardPart {
            ask: sending.ask,
            bytes: rest[..length].to_vec(),
        })
    }
}
