//! Where the other side's clipboard can be pasted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use sightline_protocol::id::Digest;

use super::{Broken, GOT_EVERY, LARGEST, WHY, WINDOW};
use crate::content::{ClipboardMessage, ClipboardPart, Form};
use crate::text::harmless;
use crate::transfer::Hash;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    Say(ClipboardMessage),
    /// This can be had from now on, and nothing of before; no forms: nothing.
    Offered(Vec<Form>),
    /// This came, as it was wanted.
    Came(Form, Arc<Vec<u8>>, Digest),
    /// This is not to be had.
    Failed(Form, String),
}

struct Coming {
    ask: u32,
    form: Form,
    /// Size and hash, once they are said.
    said: Option<(u64, Digest)>,
    bytes: Vec<u8>,
    hash: Hash,
    got: u64,
}

/// Knows what can be had, and asks for what is wanted, one thing after the other.
#[derive(Default)]
pub struct Taker {
    offer: Option<u64>,
    forms: Vec<Form>,
    /// What came of this offer: pasted twice, it comes once.
    known: BTreeMap<Form, (Arc<Vec<u8>>, Digest)>,
    wanted: BTreeSet<Form>,
    coming: Option<Coming>,
    asks: u32,
    out: VecDeque<Take>,
}

impl Taker {
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Whether the other side has said what it has, if only that it has nothing.
    pub fn heard(&self) -> bool {
        self.offer.is_some()
    }

    /// Somebody pastes it; answered by [`Take::Came`] or [`Take::Failed`].
    pub fn want(&mut self, form: Form) {
        if !self.forms.contains(&form) {
            let why = "it is not on the clipboard any more".to_owned();
            return self.out.push_back(Take::Failed(form, why));
        }
        if let Some((content, sha256)) = self.known.get(&form) {
            let came = Take::Came(form, Arc::clone(content), *sha256);
            return self.out.push_back(came);
        }
        self.wanted.insert(form);
        self.next();
    }

    fn next(&mut self) {
        let (None, Some(offer)) = (&self.coming, self.offer) else {
            return;
        };
        let Some(form) = self.wanted.first().copied() else {
            return;
        };
        let ask = self.asks;
        self.asks += 1;
        self.coming = Some(Coming {
            ask,
            form,
            said: None,
            bytes: Vec::new(),
            hash: Hash::default(),
            got: 0,
        });
        let ask = ClipboardMessage::Ask { ask, offer, form };
        self.out.push_back(Take::Say(ask));
    }

    /// What the other side says.
    pub fn handle(&mut self, message: ClipboardMessage) -> Result<(), Broken> {
        match message {
            ClipboardMessage::Offer { offer, forms } => self.offered(offer, forms),
            ClipboardMessage::Giving {
                ask,
                form,
                bytes,
                sha256,
            } => return self.giving(ask, form, bytes, sha256),
            ClipboardMessage::Not { ask, why } => {
                if self.coming.as_ref().is_some_and(|c| c.ask == ask) {
                    self.fail(&harmless(&why, WHY));
                }
            }
            ClipboardMessage::Ask { .. }
            | ClipboardMessage::Got { .. }
            | ClipboardMessage::Stop { .. } => return Err(Broken::Role),
        }
        Ok(())
    }

    fn offered(&mut self, offer: u64, forms: Vec<Form>) {
        self.forget("something else was copied meanwhile");
        self.offer = Some(offer);
        // In our order, each once.
        self.forms = Form::ALL
            .into_iter()
            .filter(|f| forms.contains(f))
            .collect();
        self.out.push_back(Take::Offered(self.forms.clone()));
    }

    /// Nothing can be had any more: the right is gone.
    pub fn drop_all(&mut self, why: &str) {
        self.forget(why);
        self.offer = None;
        self.out.push_back(Take::Offered(Vec::new()));
    }

    fn forget(&mut self, why: &str) {
        self.coming = None;
        self.known.clear();
        self.forms.clear();
        for form in std::mem::take(&mut self.wanted) {
            self.out.push_back(Take::Failed(form, why.to_owned()));
        }
    }

    fn giving(&mut self, ask: u32, form: Form, bytes: u64, sha256: Digest) -> Result<(), Broken> {
        let Some(coming) = self.of(ask)? else {
            return Ok(());
        };
        if coming.form != form || coming.said.replace((bytes, sha256)).is_some() {
            return Err(Broken::NotAsked);
        }
        if bytes > LARGEST {
            let why = format!("what was copied there is larger than {} MB", LARGEST >> 20);
            self.stop(&why);
            return Ok(());
        }
        self.end_if_whole()
    }

    /// What is coming, if it is this ask's; nothing if that one is over; an error if it was never made.
    fn of(&mut self, ask: u32) -> Result<Option<&mut Coming>, Broken> {
        if ask >= self.asks {
            return Err(Broken::NotAsked);
        }
        Ok(self.coming.as_mut().filter(|coming| coming.ask == ask))
    }

    /// The next bytes. Their lane may be faster than that of the size and hash.
    pub fn part(&mut self, part: &ClipboardPart) -> Result<(), Broken> {
        let Some(coming) = self.of(part.ask)? else {
            return Ok(());
        };
        let most = coming.said.map_or(WINDOW, |(bytes, _)| bytes);
        let ahead = (coming.bytes.len() + part.bytes.len()) as u64;
        // A window's worth is all that an honest side sends unconfirmed.
        if ahead > most || ahead > coming.got + WINDOW {
            return Err(Broken::TooMuch);
        }
        coming.hash.add(&part.bytes);
        coming.bytes.extend_from_slice(&part.bytes);
        self.end_if_whole()
    }

    fn end_if_whole(&mut self) -> Result<(), Broken> {
        let Some(coming) = &mut self.coming else {
            return Ok(());
        };
        let Some((announced, sha256)) = coming.said else {
            return Ok(());
        };
        let (ask, bytes) = (coming.ask, coming.bytes.len() as u64);
        if bytes > announced {
            return Err(Broken::TooMuch);
        }
        if bytes < announced {
            if bytes >= coming.got + GOT_EVERY {
                coming.got = bytes;
                self.out
                    .push_back(Take::Say(ClipboardMessage::Got { ask, bytes }));
            }
            return Ok(());
        }
        if coming.hash.digest() != sha256 {
            self.stop("what came has another hash than was announced");
        } else if !coming.form.fits(&coming.bytes) {
            self.stop("what came is not of its form");
        } else {
            self.out
                .push_back(Take::Say(ClipboardMessage::Got { ask, bytes }));
            let (form, content) = (coming.form, Arc::new(std::mem::take(&mut coming.bytes)));
            self.known.insert(form, (Arc::clone(&content), sha256));
            self.out.push_back(Take::Came(form, content, sha256));
            self.over(form);
        }
        Ok(())
    }

    /// Ends what is coming, for a reason of this side.
    pub fn stop(&mut self, why: &str) {
        if let Some(coming) = &self.coming {
            let (ask, said) = (coming.ask, why.to_owned());
            self.out
                .push_back(Take::Say(ClipboardMessage::Stop { ask, why: said }));
            self.fail(why);
        }
    }

    /// What is coming will not come.
    fn fail(&mut self, why: &str) {
        if let Some(coming) = &self.coming {
            let form = coming.form;
            self.out.push_back(Take::Failed(form, why.to_owned()));
            self.over(form);
        }
    }

    fn over(&mut self, form: Form) {
        self.coming = None;
        self.wanted.remove(&form);
        self.next();
    }

    /// What tells whether anything moves: who waits for too long compares it.
    pub fn progress(&self) -> Option<(u32, u64)> {
        let coming = self.coming.as_ref()?;
        Some((coming.ask, coming.bytes.len() as u64))
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Take> {
        self.out.pop_front()
    }
}
