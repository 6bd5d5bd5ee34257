//! The talk with the user, and what is being written.

use std::collections::VecDeque;
use std::ops::Range;

use sightline_ends::content::CHAT_CAP;

use super::Ask;
use crate::pure::commands::{FromCommand, FromHolder, Seat};

/// Messages that are kept: hours of talk.
const KEPT: usize = 1_000;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The technician's.
    pub own: bool,
    /// When it was sent or came, Unix milliseconds; none: before this window heard of it.
    pub at_ms: Option<u64>,
    pub text: String,
}

#[derive(Default)]
pub struct Chat {
    lines: VecDeque<Line>,
    /// Messages that are not kept any more.
    gone: u64,
    unread: usize,
    pub draft: String,
    seen: bool,
}

impl Chat {
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// The numbers of the messages that are kept; the first of all has 0.
    pub fn numbers(&self) -> Range<u64> {
        self.gone..self.gone + self.lines.len() as u64
    }

    pub fn line(&self, number: u64) -> Option<&Line> {
        let index = number.checked_sub(self.gone)?;
        self.lines.get(usize::try_from(index).ok()?)
    }

    /// Messages that came while nobody looked.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// The newest message of the user, while nobody looks.
    pub fn newest_unread(&self) -> Option<&str> {
        let mut lines = self.lines.iter().rev();
        let newest = lines.find(|line| !line.own)?;
        (self.unread > 0).then_some(&newest.text)
    }

    /// Whether the technician looks.
    pub fn see(&mut self, seen: bool) {
        self.seen = seen;
        if seen {
            self.unread = 0;
        }
    }

    pub fn hear(&mut self, message: &FromHolder, now_ms: u64) {
        let line = |own, at_ms, text: &String| Line {
            own,
            at_ms,
            text: text.clone(),
        };
        let line = match message {
            FromHolder::Said(text) => line(false, Some(now_ms), text),
            FromHolder::Wrote(text) => line(true, Some(now_ms), text),
            FromHolder::SaidBefore((own, text)) => line(*own, None, text),
            _ => return,
        };
        if !line.own && line.at_ms.is_some() && !self.seen {
            self.unread += 1;
        }
        self.push(line);
    }

    /// A message of a recording.
    pub fn add(&mut self, line: Line) {
        self.unread += usize::from(!self.seen);
        self.push(line);
    }

    /// Nothing was said yet.
    pub fn forget(&mut self) {
        self.lines.clear();
        self.unread = 0;
    }

    fn push(&mut self, line: Line) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.gone += 1;
        }
        self.lines.push_back(line);
    }

    /// Characters that the draft has too many of.
    pub fn too_many(&self) -> usize {
        self.draft.trim().chars().count().saturating_sub(CHAT_CAP)
    }

    /// Sends the draft, if it says something and is short enough.
    pub fn send(&mut self, now_ms: u64) -> Option<Ask> {
        if self.draft.trim().is_empty() || self.too_many() > 0 {
            return None;
        }
        let text = std::mem::take(&mut self.draft).trim().to_owned();
        self.push(Line {
            own: true,
            at_ms: Some(now_ms),
            text: text.clone(),
        });
        Some(Ask::session(Seat::Chat, FromCommand::Say(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chat: &Chat) -> Vec<(bool, &str)> {
        chat.lines()
            .map(|line| (line.own, line.text.as_str()))
            .collect()
    }

    #[test]
    fn what_is_said_while_nobody_looks_is_unread() {
        let mut chat = Chat::default();
        chat.hear(&FromHolder::SaidBefore((false, "old".into())), 5);
        chat.hear(&FromHolder::Said("hello?".into()), 5);
        chat.hear(&FromHolder::Wrote("from the terminal".into()), 6);
        assert_eq!(chat.unread(), 1);
        assert_eq!(chat.newest_unread(), Some("hello?"));
        chat.see(true);
        assert_eq!(chat.newest_unread(), None);
        assert_eq!(chat.unread(), 0);
        chat.hear(&FromHolder::Said("still there?".into()), 7);
        assert_eq!(chat.unread(), 0);
        chat.see(false);
        chat.hear(&FromHolder::Said("well".into()), 8);
        assert_eq!(chat.unread(), 1);
        let own: Vec<bool> = chat.lines().map(|line| line.own).collect();
        assert_eq!(own, [false, false, true, false, false]);
    }

    #[test]
    fn a_draft_is_sent_once_and_stays_when_it_is_too_long() {
        let mut chat = Chat::default();
        assert_eq!(chat.send(1), None);
        chat.draft = "  Grüße, 中 👋 ".into();
        let said = FromCommand::Say("Grüße, 中 👋".into());
        assert_eq!(chat.send(1), Some(Ask::session(Seat::Chat, said)));
        assert_eq!(chat.send(2), None);
        assert_eq!(texts(&chat), [(true, "Grüße, 中 👋")]);
        chat.draft = "ü".repeat(CHAT_CAP + 3);
        assert_eq!((chat.send(3), chat.too_many()), (None, 3));
        assert_eq!(chat.draft.chars().count(), CHAT_CAP + 3);
    }

    #[test]
    fn memory_is_bounded() {
        let mut chat = Chat::default();
        for n in 0..KEPT + 10 {
            chat.hear(&FromHolder::Said(n.to_string()), 0);
        }
        assert_eq!(chat.lines().count(), KEPT);
        assert_eq!(chat.lines().next().expect("one").text, "10");
        assert_eq!(chat.numbers(), 10..KEPT as u64 + 10);
        assert_eq!(chat.line(10).expect("it is kept").text, "10");
        assert!(chat.line(9).is_none());
    }
}
