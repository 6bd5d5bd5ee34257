//! What is where in a recording, by its heads alone: where playback can start, when something happened, what may be worth
//! a mark. Made once, extended while the file grows, kept beside other caches. Bounded, whatever the file says.
//!
//! Absent: files, keys, what the records hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, FLAG_WHOLE, Header};
use sightline_protocol::skim::{Passed, Sight};

/// Nothing changes for longer than this: an idle stretch. 3 s, longer than people pause while they work.
pub const IDLE: Duration = Duration::from_secs(3);

/// A pause after which the next record of a kind is a moment worth a mark: 10 s.
const PAUSE_US: u64 = 10_000_000;

/// Most entries of each list: nine hours of a start a second. 16 bytes each, at most.
const MOST: usize = 32_768;
/// Most control records that are looked up for marks: a whole day of one a second.
const MOST_CONTROL: usize = 98_304;
/// Most records of terminals and chat that are found again: 2 GB of output, or some 20 hours of typing.
const MOST_WORDS: usize = 131_072;

/// A place where playback can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub at_us: u64,
    /// Where its entry lies in the file.
    pub offset: u64,
}

/// Where a record of a terminal or of the chat lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    pub at_us: u64,
    pub offset: u64,
}

/// One author began to do something of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    pub at_us: u64,
    pub class: Class,
    pub author: Author,
}

/// The map of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Places where playback can start, by time.
    pub starts: Vec<Start>,
    pub bursts: Vec<Burst>,
    /// Where the agent's control records lie: grants and refusals are among them.
    pub control: Vec<u64>,
    /// The records of terminals and chat, as they stand in the file.
    pub words: Vec<Word>,
    /// There are more of them than are found again.
    pub more_words: bool,
    pub length_us: u64,
    pub records: u64,
    /// The last close code, if the session ended in order.
    pub close: Option<u16>,
    /// First and last moment of each stretch in which things changed.
    pub(crate) busy: Vec<(u64, u64)>,
    /// When a class was last seen.
    pub(crate) last: [Option<u64>; Class::ALL.len()],
}

impl Index {
    /// Takes the next entry.
    pub fn pass(&mut self, passed: &Passed) {
        match &passed.sight {
            Sight::Record(header) => self.record(header, passed.offset),
            Sight::Close(code) => self.close = Some(*code),
            Sight::Other(_) => {}
        }
    }

    fn record(&mut self, header: &Header, offset: u64) {
        let at_us = header.time_us;
        self.records += 1;
        self.length_us = self.length_us.max(at_us);
        if header.class == Class::Control {
            if header.author == Author::AGENT && self.control.len() < MOST_CONTROL {
                self.control.push(offset);
            }
            return;
        }
        self.changed(at_us);
        if matches!(header.class, Class::Shell | Class::Chat) {
            self.word(Word { at_us, offset });
        }
        let last = self.last[header.class as usize].replace(at_us);
        if header.class == Class::Picture {
            let follows = self.starts.last().is_none_or(|last| last.at_us <= at_us);
            if header.flags & FLAG_WHOLE != 0 && follows {
                push_thinned(&mut self.starts, Start { at_us, offset });
            }
        } else if last.is_none_or(|last| at_us.saturating_sub(last) > PAUSE_US)
            && self.bursts.len() < MOST
        {
            let (class, author) = (header.class, header.author);
            self.bursts.push(Burst {
                at_us,
                class,
                author,
            });
        }
    }

    fn word(&mut self, word: Word) {
        match self.words.len() < MOST_WORDS {
            true => self.words.push(word),
            false => self.more_words = true,
        }
    }

    /// Whether there are records of this class, control apart.
    pub fn has(&self, class: Class) -> bool {
        self.last[class as usize].is_some()
    }

    fn changed(&mut self, at_us: u64) {
        let full = self.busy.len() >= MOST;
        match self.busy.last_mut() {
            // Lanes interleave: a record may be a little older than the one before.
            Some((_, end)) if full || at_us <= *end + IDLE.as_micros() as u64 => {
                *end = at_us.max(*end);
            }
            _ => self.busy.push((at_us, at_us)),
        }
    }

    pub fn length(&self) -> Duration {
        Duration::from_micros(self.length_us)
    }

    /// The last start at or before `at`, or the first one; `None` without any picture.
    pub fn start_before(&self, at: Duration) -> Option<Start> {
        let at_us = at.as_micros() as u64;
        let after = self.starts.partition_point(|start| start.at_us <= at_us);
        self.starts.get(after.saturating_sub(1)).copied()
    }

    /// Where the idle stretch ends in which `at` lies; `None` when things change around it.
    pub fn idle_until(&self, at: Duration) -> Option<Duration> {
        let at_us = at.as_micros() as u64;
        let after = self.busy.partition_point(|(start, _)| *start <= at_us);
        let ended = match after.checked_sub(1) {
            Some(before) => self.busy[before].1,
            None => 0,
        };
        let next = self.busy.get(after).map_or(self.length_us, |next| next.0);
        let idle = at_us >= ended && next.saturating_sub(ended) > IDLE.as_micros() as u64;
        idle.then(|| Duration::from_micros(next))
    }
}

/// Pushes; a full list gives up every second entry but the first and so stays spread over the whole.
fn push_thinned(list: &mut Vec<Start>, start: Start) {
    if list.len() >= MOST {
        let mut number = 0;
        list.retain(|_| {
            number += 1;
            number % 2 == 1
        });
    }
    list.push(start);
}

#[cfg(test)]
mod tests {
    use sightline_protocol::id::{Lane, SessionId};
    use sightline_protocol::recording::ENTRY_HEAD;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn passed(class: Class, flags: u8, seconds: u64, offset: u64) -> Passed {
        let header = Header {
            session: SessionId([0; 16]),
            class,
            author: Author::AGENT,
            flags,
            epoch: 0,
            lane: Lane(1),
            seq: 0,
            time_us: seconds * 1_000_000,
            length: 16,
        };
        Passed {
            offset,
            head: [0; ENTRY_HEAD],
            sight: Sight::Record(header),
        }
    }

    #[test]
    fn starts_are_found_and_idle_stretches_known() {
        let mut index = Index::default();
        for (seconds, flags) in [(0, 1), (1, 0), (2, 0), (20, 1), (21, 0), (24, 0), (60, 1)] {
            index.pass(&passed(Class::Picture, flags, seconds, 100 + seconds));
        }
        index.pass(&passed(Class::Control, 0, 70, 999));
        assert_eq!(index.start_before(s(19)).unwrap().offset, 100);
        assert_eq!(index.start_before(s(20)).unwrap().offset, 120);
        assert_eq!(index.start_before(s(500)).unwrap().offset, 160);
        assert_eq!(index.idle_until(s(1)), None);
        assert_eq!(index.idle_until(s(2)), Some(s(20)));
        assert_eq!(
            index.idle_until(s(22)),
            None,
            "a second's pause is not idle"
        );
        assert_eq!(index.idle_until(s(30)), Some(s(60)));
        assert_eq!(index.idle_until(s(65)), Some(s(70)), "to the end");
        assert_eq!(index.length(), s(70));
        assert_eq!(index.control, [999]);
    }

    #[test]
    fn input_is_marked_where_it_begins() {
        let mut index = Index::default();
        for seconds in [5, 6, 12, 40, 41] {
            index.pass(&passed(Class::Input, 0, seconds, 0));
        }
        let at: Vec<u64> = index
            .bursts
            .iter()
            .map(|burst| burst.at_us / 1_000_000)
            .collect();
        assert_eq!(at, [5, 40]);
    }

    #[test]
    fn a_hostile_file_fills_no_memory() {
        let mut index = Index::default();
        for second in 0..200_000 {
            index.pass(&passed(Class::Picture, 1, second * 5, second));
            index.pass(&passed(Class::Control, 0, second, second));
            index.pass(&passed(Class::Chat, 0, second * 20, second));
        }
        assert!(index.starts.len() <= MOST && index.busy.len() <= MOST);
        assert!(index.words.len() == MOST_WORDS && index.more_words);
        assert!(index.bursts.len() <= MOST && index.control.len() <= MOST_CONTROL);
        assert_eq!(index.starts[0].offset, 0);
        let bytes = sightline_protocol::wire::encode(&index);
        assert_eq!(sightline_protocol::wire::decode(&bytes), Ok(index));
    }
}
