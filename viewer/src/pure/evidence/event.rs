//! One thing that happened, as exports and searches see it.

use std::time::Duration;

use serde_json::Value;
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, Header};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// By the author's clock, since the session began.
    pub at: Duration,
    /// It was said so long before `at`: words from before the consent are recorded afterwards.
    pub ago: Duration,
    /// `None`: the recording itself says it.
    pub author: Option<Author>,
    pub class: Option<Class>,
    pub lane: Option<u32>,
    /// A fixed word: `typed`, `shell-output`, `window`, …
    pub kind: &'static str,
    /// What a person reads, and a search looks through.
    pub text: String,
    /// Typed text after its corrections.
    pub edited: Option<String>,
    /// Details under flat names.
    pub facts: Vec<(&'static str, Value)>,
}

impl Event {
    /// An event that the recording itself tells.
    pub fn of_recording(at: Duration, kind: &'static str, text: String) -> Event {
        Event {
            at,
            ago: Duration::ZERO,
            author: None,
            class: None,
            lane: None,
            kind,
            text,
            edited: None,
            facts: Vec::new(),
        }
    }

    pub(super) fn new(header: &Header, kind: &'static str, text: impl Into<String>) -> Event {
        Event {
            author: Some(header.author),
            class: Some(header.class),
            lane: Some(header.lane.0),
            ..Event::of_recording(at(header), kind, text.into())
        }
    }

    /// When it happened, in microseconds since the session began; negative: before.
    pub fn offset_us(&self) -> i64 {
        let signed = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        signed(self.at).saturating_sub(signed(self.ago))
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Event {
        self.facts.push((name, value.into()));
        self
    }
}

pub fn at(header: &Header) -> Duration {
    Duration::from_micros(header.time_us)
}

/// Microseconds.
pub(super) fn micros(at: Duration) -> u64 {
    at.as_micros() as u64
}
