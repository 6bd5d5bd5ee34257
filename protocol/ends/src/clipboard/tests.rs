use std::sync::Arc;

use sightline_protocol::id::Digest;

use super::{Broken, Give, Giver, LARGEST, PART, Take, Taker, WINDOW};
use crate::content::{ClipboardMessage, ClipboardPart, Form};

/// Both sides of one clipboard, and what it holds.
#[derive(Default)]
struct Pair {
    giver: Giver,
    taker: Taker,
    holds: Vec<u8>,
    fetches: usize,
    crossed: usize,
}

impl Pair {
    /// Until nothing moves; what the taker's side is told.
    fn settle(&mut self) -> Vec<Take> {
        let mut told = Vec::new();
        loop {
            if let Some(give) = self.giver.poll() {
                match give {
                    Give::Say(message) => self.taker.handle(message).unwrap(),
                    Give::Part(part) => {
                        self.crossed += part.bytes.len();
                        self.taker.part(&part).unwrap();
                    }
                    Give::Fetch(form) => {
                        self.fetches += 1;
                        let content = Arc::new(self.holds.clone());
                        let sha256 = Digest::of(&[&content]);
                        self.giver.fetched(form, Ok((content, sha256)));
                    }
                }
            } else if let Some(take) = self.taker.poll() {
                match take {
                    Take::Say(message) => self.giver.handle(message).unwrap(),
                    told_here => told.push(told_here),
                }
            } else {
                return told;
            }
        }
    }
}

fn came(form: Form, content: &[u8]) -> Take {
    Take::Came(form, Arc::new(content.to_vec()), Digest::of(&[content]))
}

#[test]
fn what_is_copied_crosses_when_it_is_pasted_and_once() {
    for length in [0, 1, PART, WINDOW as usize + 1, 10 * (WINDOW as usize)] {
        let mut pair = Pair {
            holds: vec![b'a'; length],
            ..Pair::default()
        };
        pair.giver.copied(&[Form::Html, Form::Text]);
        let forms = vec![Form::Text, Form::Html];
        assert_eq!(pair.settle(), [Take::Offered(forms)]);
        assert_eq!((pair.fetches, pair.crossed), (0, 0), "nobody pasted");
        pair.taker.want(Form::Text);
        assert_eq!(pair.settle(), [came(Form::Text, &pair.holds)]);
        pair.taker.want(Form::Text);
        assert_eq!(pair.settle().len(), 1);
        assert_eq!((pair.fetches, pair.crossed), (1, length), "{length}");
    }
}

#[test]
fn several_forms_come_one_after_the_other() {
    let mut pair = Pair {
        holds: b"x".repeat(3 * PART),
        ..Pair::default()
    };
    pair.giver.copied(&[Form::Text, Form::Html]);
    pair.settle();
    pair.taker.want(Form::Html);
    pair.taker.want(Form::Text);
    pair.taker.want(Form::Html);
    let told = pair.settle();
    assert_eq!(
        told,
        [came(Form::Html, &pair.holds), came(Form::Text, &pair.holds)]
    );
}

#[test]
fn something_newer_ends_what_is_under_way() {
    let mut pair = Pair::default();
    pair.giver.copied(&[Form::Text]);
    pair.settle();
    pair.taker.want(Form::Text);
    let Some(Take::Say(ask)) = pair.taker.poll() else {
        panic!("it asks");
    };
    pair.giver.handle(ask).unwrap();
    assert_eq!(pair.giver.poll(), Some(Give::Fetch(Form::Text)));
    pair.giver.copied(&[Form::Png]);
    // The old content arrives from the system after all.
    let old = Arc::new(b"old".to_vec());
    let sha256 = Digest::of(&[&old]);
    pair.giver.fetched(Form::Text, Ok((old, sha256)));
    let told = pair.settle();
    assert!(matches!(told[0], Take::Failed(Form::Text, _)), "{told:?}");
    assert_eq!(told[1], Take::Offered(vec![Form::Png]));
    assert_eq!(pair.crossed, 0);
    pair.taker.want(Form::Text);
    assert!(matches!(pair.settle()[0], Take::Failed(Form::Text, _)));
}

#[test]
fn what_is_not_to_be_had_is_said() {
    let mut pair = Pair {
        holds: vec![0; LARGEST as usize + 1],
        ..Pair::default()
    };
    pair.giver.copied(&[Form::Text]);
    pair.settle();
    pair.taker.want(Form::Text);
    let told = pair.settle();
    assert!(matches!(&told[0], Take::Failed(_, why) if why.contains("as a file")));
    // Not of its form: it does not even leave.
    pair.holds = b"\xff\xfe".to_vec();
    pair.taker.want(Form::Text);
    assert!(matches!(&pair.settle()[0], Take::Failed(_, why) if why.contains("form")));
    assert_eq!(pair.crossed, 0);
}

/// A taker that has asked for text, by its first ask.
fn asking() -> Taker {
    let mut taker = Taker::default();
    let offer = ClipboardMessage::Offer {
        offer: 7,
        forms: vec![Form::Text],
    };
    taker.handle(offer).unwrap();
    taker.want(Form::Text);
    taker.poll().unwrap();
    taker.poll().unwrap();
    taker
}

fn giving(bytes: u64, of: &[u8]) -> ClipboardMessage {
    ClipboardMessage::Giving {
        ask: 0,
        form: Form::Text,
        bytes,
        sha256: Digest::of(&[of]),
    }
}

fn part(ask: u32, bytes: &[u8]) -> ClipboardPart {
    let bytes = bytes.to_vec();
    ClipboardPart { ask, bytes }
}

#[test]
fn a_liar_is_not_believed() {
    // More than it announced, before or after announcing it.
    let mut taker = asking();
    taker.handle(giving(2, b"ab")).unwrap();
    assert_eq!(taker.part(&part(0, b"abc")), Err(Broken::TooMuch));
    let mut taker = asking();
    taker.part(&part(0, b"abc")).unwrap();
    assert_eq!(taker.handle(giving(2, b"ab")), Err(Broken::TooMuch));
    // More than a window unconfirmed, with nothing announced.
    let mut taker = asking();
    let piece = vec![0; WINDOW as usize];
    taker.part(&part(0, &piece)).unwrap();
    assert_eq!(taker.part(&part(0, b"a")), Err(Broken::TooMuch));
    // Another hash; another form; far too large: it is stopped, and what asked for it hears why.
    for lie in [
        giving(2, b"xy"),
        giving(2, b"\xff\xff"),
        giving(LARGEST + 1, b""),
    ] {
        let mut taker = asking();
        taker.handle(lie).unwrap();
        taker.part(&part(0, b"\xff\xff")).unwrap();
        let stopped = taker.poll();
        assert!(matches!(
            stopped,
            Some(Take::Say(ClipboardMessage::Stop { ask: 0, .. }))
        ));
        assert!(matches!(taker.poll(), Some(Take::Failed(Form::Text, _))));
        assert_eq!(taker.poll(), None);
    }
    // What nobody asked for.
    let mut taker = Taker::default();
    assert_eq!(taker.part(&part(0, b"a")), Err(Broken::NotAsked));
    assert_eq!(taker.handle(giving(1, b"a")), Err(Broken::NotAsked));
    // What only the other one says.
    let ask = ClipboardMessage::Ask {
        ask: 0,
        offer: 0,
        form: Form::Text,
    };
    assert_eq!(taker.handle(ask.clone()), Err(Broken::Role));
    let mut giver = Giver::default();
    assert_eq!(giver.handle(giving(1, b"a")), Err(Broken::Role));
    // An ask before there was anything is answered, not believed.
    giver.handle(ask).unwrap();
    assert!(matches!(
        giver.poll(),
        Some(Give::Say(ClipboardMessage::Not { ask: 0, .. }))
    ));
}

#[test]
fn confirmations_of_what_was_not_sent_break_it() {
    let mut pair = Pair::default();
    pair.giver.copied(&[Form::Text]);
    let ask = ClipboardMessage::Ask {
        ask: 0,
        offer: 0,
        form: Form::Text,
    };
    pair.giver.handle(ask).unwrap();
    let content = Arc::new(vec![b'a'; 3 * WINDOW as usize]);
    let sha256 = Digest::of(&[&content]);
    pair.giver.fetched(Form::Text, Ok((content, sha256)));
    let mut sent = 0;
    while let Some(give) = pair.giver.poll() {
        if let Give::Part(part) = give {
            sent += part.bytes.len() as u64;
        }
    }
    assert_eq!(sent, WINDOW, "no more before it is confirmed");
    let got = |bytes| ClipboardMessage::Got { ask: 0, bytes };
    pair.giver.handle(got(WINDOW)).unwrap();
    assert_eq!(pair.giver.handle(got(WINDOW - 1)), Err(Broken::Got));
    assert_eq!(pair.giver.handle(got(WINDOW + 1)), Err(Broken::Got));
}

#[test]
fn too_many_asks_are_refused_and_stopped_ones_forgotten() {
    let mut giver = Giver::default();
    giver.copied(&[Form::Text]);
    for ask in 0..100 {
        let ask = ClipboardMessage::Ask {
            ask,
            offer: 0,
            form: Form::Text,
        };
        giver.handle(ask).unwrap();
    }
    let said: Vec<Give> = std::iter::from_fn(|| giver.poll()).collect();
    let fetches = said.iter().filter(|g| matches!(g, Give::Fetch(_))).count();
    assert_eq!((said.len(), fetches), (1 + 94 + 1, 1));
    for ask in 0..100 {
        let why = String::new();
        giver.handle(ClipboardMessage::Stop { ask, why }).unwrap();
    }
    let content = Arc::new(b"late".to_vec());
    let sha256 = Digest::of(&[&content]);
    giver.fetched(Form::Text, Ok((content, sha256)));
    let left: Vec<Give> = std::iter::from_fn(|| giver.poll()).collect();
    assert!(
        left.iter().all(|give| matches!(give, Give::Fetch(_))),
        "{left:?}"
    );
}
