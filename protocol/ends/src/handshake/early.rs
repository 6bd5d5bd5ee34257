//! Words before the consent: what each end says while the user is asked, and what it hears.
//!
//! No keys exist then, so nothing can be recorded. Both ends keep what was said, and each repeats its own words as its first
//! records of the session (`crate::session`).

use sightline_protocol::close::CloseCode;

use super::Failure;
use crate::content::CHAT_CAP;
use crate::now::Now;
use crate::text::harmless;

/// Messages from each side before the consent: a talk of some minutes, and at most 0.8 MB to be held by who hears it.
pub const EARLY_MESSAGES: usize = 50;

/// One message from before the consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Early {
    /// As it travelled; [`harmless`] before a person reads it.
    pub text: String,
    /// When it was said, or heard, here: `mono_us`.
    pub at_us: u64,
}

/// What was said before the consent, each side's in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlyWords {
    pub own: Vec<Early>,
    pub theirs: Vec<Early>,
}

/// Why words cannot be said before the consent; for the person who wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    #[error("nobody can hear it now: write it again when the session runs")]
    NotNow,
    #[error("no more than {EARLY_MESSAGES} messages before the answer")]
    TooMany,
    #[error("longer than {CHAT_CAP} characters: write it in parts")]
    TooLong,
    #[error("there is nothing to say in it")]
    Empty,
}

impl EarlyWords {
    /// Notes what this end says; the words as they are to travel.
    pub(super) fn say(&mut self, text: &str, now: Now) -> Result<String, SayError> {
        let text = harmless(text, CHAT_CAP + 1);
        if text.is_empty() {
            return Err(SayError::Empty);
        }
        if text.chars().count() > CHAT_CAP {
            return Err(SayError::TooLong);
        }
        if self.own.len() >= EARLY_MESSAGES {
            return Err(SayError::TooMany);
        }
        self.own.push(Early {
            text: text.clone(),
            at_us: now.mono_us,
        });
        Ok(text)
    }

    /// Notes what the other end says; the words as a person may read them.
    pub(super) fn hear(&mut self, text: String, now: Now) -> Result<String, Failure> {
        let read = harmless(&text, CHAT_CAP);
        let wrong = match () {
            () if self.theirs.len() >= EARLY_MESSAGES => "too many messages before the consent",
            () if text.chars().count() > CHAT_CAP => "too long a message",
            () if read.is_empty() => "a message without words",
            () => "",
        };
        if !wrong.is_empty() {
            return Err(Failure::new(CloseCode::ProtocolViolation, wrong));
        }
        let at_us = now.mono_us;
        self.theirs.push(Early { text, at_us });
        Ok(read)
    }

    /// All of it as people read it, by time: whether it is this end's own, when (`mono_us`), and the words.
    pub fn told(&self) -> Vec<(bool, u64, String)> {
        let of = |own: bool, said: &[Early]| -> Vec<(bool, u64, String)> {
            let told = said.iter();
            told.map(|early| (own, early.at_us, harmless(&early.text, CHAT_CAP)))
                .collect()
        };
        let mut all = of(true, &self.own);
        all.extend(of(false, &self.theirs));
        all.sort_by_key(|(_, at_us, _)| *at_us);
        all
    }
}
