//! One program's side of both clipboards: its own, which it gives from, and the other side's, which can be pasted here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sightline_ends::clipboard::{Broken, Give, Giver, Take, Taker};
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Form};
use sightline_protocol::id::Digest;

use crate::{Content, Happened, System};

/// For the next bytes of what was asked for to come: who waits to paste has given up by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something went over whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    pub form: Form,
    pub bytes: u64,
    pub sha256: Digest,
}

/// What is to be said, and what is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// About our own clipboard.
    Ours(ClipboardMessage),
    /// What our own clipboard holds.
    Part(ClipboardPart),
    /// About the other side's.
    Theirs(ClipboardMessage),
    /// The other side is given this.
    Given(Crossed),
    /// The other side has copied something, in these forms.
    Offered(Vec<Form>),
    /// What was wanted of it came, or why it did not.
    Came(Form, Result<Content, String>),
}

/// Joins the two machines and this computer's clipboard, if it has one.
pub struct Exchange<S> {
    system: Option<S>,
    giver: Giver,
    taker: Taker,
    /// What is given instead of this computer's clipboard, until something is copied.
    held: Option<BTreeMap<Form, Content>>,
    /// How far it was, and when that was noticed.
    moved: Option<((u32, u64), Instant)>,
    out: VecDeque<Out>,
}

impl<S: System> Exchange<S> {
    pub fn new(system: Option<S>) -> Exchange<S> {
        Exchange {
            system,
            giver: Giver::default(),
            taker: Taker::default(),
            held: None,
            moved: None,
            out: VecDeque::new(),
        }
    }

    pub fn system(&mut self) -> Option<&mut S> {
        self.system.as_mut()
    }

    /// On this computer's clipboard.
    pub fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Copied(forms) => {
                self.held = None;
                self.giver.copied(&forms);
            }
            Happened::Fetched(form, content) => self.giver.fetched(form, content),
            Happened::Pasted(form) => self.taker.want(form),
            Happened::Gone(why) => {
                self.system = None;
                self.giver.drop_all(&why);
            }
        }
        self.settle();
    }

    /// Gives this, whatever is on this computer's clipboard.
    pub fn hold(&mut self, form: Form, content: Vec<u8>) {
        let sha256 = Digest::of(&[&content]);
        self.held = Some(BTreeMap::from([(form, (Arc::new(content), sha256))]));
        self.giver.copied(&[form]);
        self.settle();
    }

    /// Whether the other side has said what it has, if only that it has nothing.
    pub fn heard(&self) -> bool {
        self.taker.heard()
    }

    /// The forms in which the other side's clipboard can be had.
    pub fn forms(&self) -> &[Form] {
        self.taker.forms()
    }

    /// Fetches what the other side has copied; answered by [`Out::Came`].
    pub fn want(&mut self, form: Form) {
        self.taker.want(form);
        self.settle();
    }

    /// The other side says this about our clipboard.
    pub fn about_ours(&mut self, message: ClipboardMessage) -> Result<(), Broken> {
        self.giver.handle(message)?;
        self.settle();
        Ok(())
    }

    /// The other side says this about its own.
    pub fn about_theirs(&mut self, message: ClipboardMessage) -> Result<(), Broken> {
        self.taker.handle(message)?;
        self.settle();
        Ok(())
    }

    /// The next bytes of what the other side's clipboard holds.
    pub fn part(&mut self, part: &ClipboardPart) -> Result<(), Broken> {
        self.taker.part(part)?;
        self.settle();
        Ok(())
    }

    /// Our own clipboard is nobody's business any more.
    pub fn end_giving(&mut self, why: &str) {
        self.held = None;
        self.giver.drop_all(why);
        self.settle();
    }

    /// The other side's clipboard can be pasted here no more.
    pub fn end_taking(&mut self, why: &str) {
        self.taker.drop_all(why);
        self.settle();
    }

    /// Lets the machines do what they can do now. Parts are made one by one, as they are taken.
    fn settle(&mut self) {
        while let Some(take) = self.taker.poll() {
            match take {
                Take::Say(message) => self.out.push_back(Out::Theirs(message)),
                Take::Offered(forms) => {
                    if let Some(system) = &mut self.system {
                        system.offer(&forms);
                    }
                    self.out.push_back(Out::Offered(forms));
                }
                Take::Came(form, content, sha256) => {
                    if let Some(system) = &mut self.system {
                        system.give(form, Ok(Arc::clone(&content)));
                    }
                    self.out.push_back(Out::Came(form, Ok((content, sha256))));
                }
                Take::Failed(form, why) => {
                    if let Some(system) = &mut self.system {
                        system.give(form, Err(why.clone()));
                    }
                    self.out.push_back(Out::Came(form, Err(why)));
                }
            }
        }
    }

    /// What is to be said or told next.
    pub fn poll(&mut self) -> Option<Out> {
        loop {
            if let Some(out) = self.out.pop_front() {
                return Some(out);
            }
            match self.giver.poll()? {
                Give::Part(part) => return Some(Out::Part(part)),
                Give::Fetch(form) => self.fetch(form),
                Give::Say(message) => {
                    if let ClipboardMessage::Giving {
                        form,
                        bytes,
                        sha256,
                        ..
                    } = message
                    {
                        let given = Crossed {
                            form,
                            bytes,
                            sha256,
                        };
                        self.out.push_back(Out::Given(given));
                    }
                    return Some(Out::Ours(message));
                }
            }
        }
    }

    fn fetch(&mut self, form: Form) {
        if let Some(held) = &self.held {
            let content = held.get(&form).cloned();
            let content = content.ok_or_else(|| "it is not there in this form".to_owned());
            return self.giver.fetched(form, content);
        }
        match &mut self.system {
            Some(system) => system.fetch(form),
            None => {
                let why = "there is no clipboard any more".to_owned();
                self.giver.fetched(form, Err(why));
            }
        }
    }

    /// When [`Exchange::tick`] wants to be called.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let progress = self.taker.progress()?;
        let at = match self.moved {
            Some((before, at)) if before == progress => at,
            _ => now,
        };
        self.moved = Some((progress, at));
        Some(at + PATIENCE)
    }

    /// Gives up what does not come.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline(now).is_some_and(|at| at <= now) {
            self.taker.stop("nothing came for half a minute");
            self.settle();
        }
    }
}
