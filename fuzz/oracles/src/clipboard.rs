//! Clipboards with a hostile other side: what comes is believed only with the size, hash and form that were announced, no
//! more of it is held than was announced or confirmed, and no more than a window of our own is ever under way.

use std::sync::Arc;

use sightline_ends::clipboard::{Give, Giver, LARGEST, Take, Taker, WINDOW};
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Form};
use sightline_protocol::id::Digest;
use sightline_protocol::wire;

use crate::bytes::{Bytes, pieces};

fn form(byte: u8) -> Form {
    Form::ALL[usize::from(byte) % Form::ALL.len()]
}

/// Where it is pasted: what the other side says and sends, between what people do here.
pub fn taker(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut taker = Taker::default();
    let (mut confirmed, mut announced) = (0, None);
    while !bytes.is_empty() {
        let done = match bytes.byte() % 6 {
            0 | 1 => match wire::decode::<ClipboardMessage>(bytes.piece()) {
                Ok(message) => {
                    if let ClipboardMessage::Giving { bytes, sha256, .. } = &message {
                        announced = Some((*bytes, *sha256));
                    }
                    taker.handle(message)
                }
                Err(_) => Ok(()),
            },
            2 | 3 => {
                let ask = u32::from(bytes.byte() % 4);
                let bytes = bytes.piece().to_vec();
                taker.part(&ClipboardPart { ask, bytes })
            }
            4 => {
                taker.want(form(bytes.byte()));
                Ok(())
            }
            _ => {
                taker.stop("enough");
                Ok(())
            }
        };
        while let Some(take) = taker.poll() {
            match take {
                Take::Came(form, content, sha256) => {
                    assert!(form.fits(&content) && content.len() as u64 <= LARGEST);
                    assert_eq!(Digest::of(&[&content]), sha256, "another content");
                    if done.is_ok() && !content.is_empty() {
                        assert!(announced.is_some(), "nobody announced it");
                    }
                }
                Take::Say(ClipboardMessage::Ask { .. }) => confirmed = 0,
                Take::Say(ClipboardMessage::Got { bytes, .. }) => confirmed = bytes,
                Take::Offered(forms) => assert!(forms.len() <= Form::ALL.len()),
                Take::Say(_) | Take::Failed(..) => {}
            }
        }
        if let Some((_, held)) = taker.progress() {
            assert!(held <= confirmed + WINDOW, "it holds {held} bytes");
        }
        if done.is_err() {
            return; // the session is over
        }
    }
}

/// Where it is: what the other side asks for and confirms, between what is copied here.
pub fn giver(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut giver = Giver::default();
    let (mut sent, mut got, mut fetching) = (0, 0, None);
    while !bytes.is_empty() {
        match bytes.byte() % 5 {
            0 | 1 => {
                let Ok(message) = wire::decode::<ClipboardMessage>(bytes.piece()) else {
                    continue;
                };
                let confirms = match &message {
                    ClipboardMessage::Got { bytes, .. } => Some(*bytes),
                    _ => None,
                };
                if giver.handle(message).is_err() {
                    return;
                }
                got = confirms.filter(|got| *got <= sent).unwrap_or(got).max(got);
            }
            2 => {
                let forms = bytes.byte();
                let has = |form: &Form| forms & 1 << *form as u8 != 0;
                let forms: Vec<Form> = Form::ALL.into_iter().filter(has).collect();
                giver.copied(&forms);
            }
            3 => {
                let length = usize::from(bytes.u16()) * 64;
                let content = Arc::new(vec![b'a'; length]);
                let sha256 = Digest::of(&[&content]);
                giver.fetched(fetching.unwrap_or(Form::Text), Ok((content, sha256)));
            }
            _ => giver.drop_all("the right is gone"),
        }
        while let Some(give) = giver.poll() {
            match give {
                Give::Fetch(form) => fetching = Some(form),
                Give::Say(ClipboardMessage::Giving { .. }) => (sent, got) = (0, 0),
                Give::Part(part) => {
                    assert!(!part.bytes.is_empty());
                    sent += part.bytes.len() as u64;
                    assert!(sent - got <= WINDOW, "{} bytes under way", sent - got);
                }
                Give::Say(_) => {}
            }
        }
    }
}

fn said(message: &ClipboardMessage) -> Vec<u8> {
    let mut data = vec![0];
    data.extend(pieces([wire::encode(message).as_slice()]));
    data
}

fn part(ask: u8, bytes: &[u8]) -> Vec<u8> {
    let mut data = vec![2, ask];
    data.extend(pieces([bytes]));
    data
}

pub fn taker_seeds() -> Vec<Vec<u8>> {
    let offer = said(&ClipboardMessage::Offer {
        offer: 0,
        forms: vec![Form::Text, Form::Png],
    });
    let giving = said(&ClipboardMessage::Giving {
        ask: 0,
        form: Form::Text,
        bytes: 4,
        sha256: Digest::of(&[b"abcd"]),
    });
    let not = said(&ClipboardMessage::Not {
        ask: 0,
        why: "gone".into(),
    });
    let want = vec![4, 0];
    vec![
        [&offer[..], &want, &giving, &part(0, b"ab"), &part(0, b"cd")].concat(),
        [&offer[..], &want, &part(0, b"abcd"), &giving, &want].concat(),
        [&offer[..], &want, &[4, 2], &not, &offer, &giving].concat(),
        [&offer[..], &want, &giving, &[5], &part(0, b"ab"), &want].concat(),
    ]
}

pub fn giver_seeds() -> Vec<Vec<u8>> {
    let ask = |ask| {
        said(&ClipboardMessage::Ask {
            ask,
            offer: 0,
            form: Form::Text,
        })
    };
    let got = |bytes| said(&ClipboardMessage::Got { ask: 0, bytes });
    let stop = said(&ClipboardMessage::Stop {
        ask: 0,
        why: String::new(),
    });
    let fetched = vec![3, 0xff, 0xff];
    vec![
        [
            &[2, 1][..],
            &ask(0),
            &fetched,
            &got(WINDOW),
            &got(WINDOW + 1),
        ]
        .concat(),
        [&[2, 1][..], &ask(0), &ask(1), &fetched, &stop, &fetched].concat(),
        [&[2, 1][..], &ask(0), &[2, 4], &fetched, &[4], &ask(1)].concat(),
    ]
}
