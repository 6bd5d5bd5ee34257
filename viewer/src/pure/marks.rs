//! The moments of a recording that are worth a mark on the time line, and what each says.

use std::time::Duration;

use sightline_ends::content::Control;
use sightline_protocol::id::Author;
use sightline_protocol::record::Class;

use super::index::Index;

/// What a mark is about; decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// The user's consent, and changes of what is allowed.
    Grants,
    /// Hands at mouse and keyboard.
    Input,
    /// Something was refused.
    Refused,
    /// Words, files, a terminal.
    Talk,
    /// The end, in order or not.
    End,
    /// Nothing can be read from here on.
    Break,
}

/// A moment worth a mark on the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: Duration,
    pub kind: MarkKind,
    pub label: String,
}

impl Mark {
    pub fn new(at: Duration, kind: MarkKind, label: impl Into<String>) -> Mark {
        Mark {
            at,
            kind,
            label: label.into(),
        }
    }
}

/// The marks that the records' heads and the opened control records give, by time. `technician`: the name of the first one.
pub fn marks(index: &Index, technician: &str, control: &[(Duration, Control)]) -> Vec<Mark> {
    let bursts = index.bursts.iter().map(|burst| {
        let who = match burst.author {
            Author::AGENT => "the user's computer".to_owned(),
            Author::FIRST_TECHNICIAN => technician.to_owned(),
            Author(number) => format!("technician {number}"),
        };
        let (kind, what) = match burst.class {
            Class::Input => (MarkKind::Input, "input"),
            Class::Chat => (MarkKind::Talk, "chat"),
            Class::File => (MarkKind::Talk, "files"),
            Class::Shell => (MarkKind::Talk, "terminal"),
            Class::Clipboard | Class::ClipboardContent => (MarkKind::Talk, "clipboard"),
            Class::Picture | Class::Control => (MarkKind::Talk, burst.class.word()),
        };
        let at = Duration::from_micros(burst.at_us);
        Mark::new(at, kind, format!("{what}: {who}"))
    });
    let mut marks: Vec<Mark> = bursts
        .chain(
            control
                .iter()
                .filter_map(|(at, said)| of_control(*at, said)),
        )
        .collect();
    marks.sort_by_key(|mark| mark.at);
    marks
}

fn of_control(at: Duration, said: &Control) -> Option<Mark> {
    Some(match said {
        Control::Grants { capabilities, why } => {
            let mut label = format!("allowed from here: {capabilities}");
            if !why.is_empty() {
                label = format!("{label} ({why})");
            }
            Mark::new(at, MarkKind::Grants, label)
        }
        Control::Refused { why } => Mark::new(at, MarkKind::Refused, format!("refused: {why}")),
        _ => return None,
    })
}

/// The next mark after `at`, or the last one before it. Being a little past a mark counts as being on it.
pub fn beside(marks: &[Mark], at: Duration, forward: bool) -> Option<Duration> {
    /// Playback runs on while a person goes back from mark to mark.
    const ON_IT: Duration = Duration::from_millis(1500);
    if forward {
        marks.iter().map(|mark| mark.at).find(|mark| *mark > at)
    } else {
        let before = at.saturating_sub(ON_IT);
        let mut earlier = marks.iter().map(|mark| mark.at);
        earlier
            .rfind(|mark| *mark < before)
            .or_else(|| marks.first().map(|mark| mark.at))
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::capability::{Capabilities, Capability};

    use super::super::index::Burst;
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn marks_say_who_did_what_by_time() {
        let index = Index {
            bursts: vec![
                Burst {
                    at_us: 5_000_000,
                    class: Class::Input,
                    author: Author::FIRST_TECHNICIAN,
                },
                Burst {
                    at_us: 9_000_000,
                    class: Class::Chat,
                    author: Author::AGENT,
                },
            ],
            ..Index::default()
        };
        let control = [
            (s(7), Control::Pong { number: 1 }),
            (
                s(8),
                Control::Grants {
                    capabilities: Capabilities::of(&[Capability::View]),
                    why: "the user took control back".into(),
                },
            ),
        ];
        let marks = marks(&index, "Mira", &control);
        let said: Vec<_> = marks.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!(
            said,
            [
                "input: Mira",
                "allowed from here: view (the user took control back)",
                "chat: the user's computer"
            ]
        );
    }

    #[test]
    fn one_goes_from_mark_to_mark() {
        let mark = |seconds| Mark::new(s(seconds), MarkKind::Input, "");
        let marks = [mark(0), mark(10), mark(20)];
        assert_eq!(beside(&marks, s(10), true), Some(s(20)));
        assert_eq!(beside(&marks, s(20), true), None);
        assert_eq!(
            beside(&marks, s(11), false),
            Some(s(0)),
            "it is on the mark at 10"
        );
        assert_eq!(beside(&marks, s(13), false), Some(s(10)));
        assert_eq!(beside(&marks, s(0), false), Some(s(0)));
        assert_eq!(beside(&[], s(0), false), None);
    }
}
