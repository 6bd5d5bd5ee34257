//! What a recording says of clipboards: what went over, by form, size and hash; and for an auditor who has the key, the
//! content.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sightline_ends::content::{ClipboardMessage, ClipboardPart, Form};
use sightline_protocol::id::Author;
use sightline_protocol::record::Header;

use super::event::Event;

/// Of a content so many bytes are told: a long text, a picture of the whole screen.
const TOLD: usize = 4 << 20;

/// A content that is coming.
struct Coming {
    ask: u32,
    /// Form and size, once they are said. Their lane may be slower.
    said: Option<(Form, u64)>,
    at: Header,
    bytes: Vec<u8>,
    /// With those that are not kept.
    count: u64,
}

/// Puts contents together, one for each side at a time.
#[derive(Default)]
pub struct Clipboards {
    coming: BTreeMap<Author, Coming>,
}

fn direction(author: Author) -> &'static str {
    match author {
        Author::AGENT => "to the technician",
        _ => "to the user's computer",
    }
}

impl Clipboards {
    pub fn message(&mut self, header: &Header, message: &ClipboardMessage, out: &mut Vec<Event>) {
        match message {
            ClipboardMessage::Giving {
                ask,
                form,
                bytes,
                sha256,
            } => {
                let direction = direction(header.author);
                let text = format!("{bytes} bytes of {}, {direction}", form.word());
                let event = Event::new(header, "clipboard", text)
                    .with("sightline.form", form.word())
                    .with("sightline.direction", direction)
                    .with("file.size", *bytes)
                    .with("file.hash.sha256", sha256.to_string());
                out.push(event);
                self.of(header, *ask).said = Some((*form, *bytes));
                self.end_if_whole(header.author, out);
            }
            ClipboardMessage::Not { why, .. } | ClipboardMessage::Stop { why, .. } => {
                out.push(Event::new(header, "clipboard-failed", why.as_str()));
            }
            ClipboardMessage::Offer { .. }
            | ClipboardMessage::Ask { .. }
            | ClipboardMessage::Got { .. } => {}
        }
    }

    pub fn part(&mut self, header: &Header, part: &ClipboardPart, out: &mut Vec<Event>) {
        let coming = self.of(header, part.ask);
        let room = TOLD.saturating_sub(coming.bytes.len());
        let kept = &part.bytes[..part.bytes.len().min(room)];
        coming.bytes.extend_from_slice(kept);
        coming.count += part.bytes.len() as u64;
        self.end_if_whole(header.author, out);
    }

    /// What is coming as the answer to this ask; what came before it and was not ended is forgotten.
    fn of(&mut self, header: &Header, ask: u32) -> &mut Coming {
        let new = || Coming {
            ask,
            said: None,
            at: *header,
            bytes: Vec::new(),
            count: 0,
        };
        let coming = self.coming.entry(header.author).or_insert_with(new);
        if coming.ask != ask {
            *coming = new();
        }
        coming
    }

    fn end_if_whole(&mut self, author: Author, out: &mut Vec<Event>) {
        let whole = |coming: &Coming| coming.said.is_some_and(|(_, bytes)| coming.count == bytes);
        if !self.coming.get(&author).is_some_and(whole) {
            return;
        }
        let Some(coming) = self.coming.remove(&author) else {
            return;
        };
        // Nothing came: either it is empty, or this key does not open contents.
        if let Some((form, bytes)) = coming.said.filter(|(_, bytes)| *bytes > 0) {
            out.push(content(&coming, form, bytes));
        }
    }
}

fn content(coming: &Coming, form: Form, bytes: u64) -> Event {
    let (text, picture) = match form {
        Form::Text | Form::Html => (String::from_utf8_lossy(&coming.bytes).into_owned(), None),
        Form::Png => ("a picture".to_owned(), Some(STANDARD.encode(&coming.bytes))),
    };
    let event = Event::new(&coming.at, "clipboard-content", text)
        .with("sightline.form", form.word())
        .with("sightline.direction", direction(coming.at.author))
        .with("file.size", bytes);
    match picture {
        Some(base64) => event.with("sightline.content", base64),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::id::{Digest, Lane, SessionId};
    use sightline_protocol::record::Class;

    use super::*;

    fn header(author: Author) -> Header {
        Header {
            session: SessionId([1; 16]),
            class: Class::Clipboard,
            author,
            flags: 0,
            epoch: 0,
            lane: Lane(3),
            seq: 0,
            time_us: 0,
            length: 100,
        }
    }

    fn giving(ask: u32, form: Form, bytes: u64) -> ClipboardMessage {
        ClipboardMessage::Giving {
            ask,
            form,
            bytes,
            sha256: Digest([7; 32]),
        }
    }

    fn part(ask: u32, bytes: &[u8]) -> ClipboardPart {
        let bytes = bytes.to_vec();
        ClipboardPart { ask, bytes }
    }

    #[test]
    fn size_and_hash_always_and_the_content_where_its_key_is_there() {
        let (agent, technician) = (header(Author::AGENT), header(Author::FIRST_TECHNICIAN));
        let (mut clipboards, mut out) = (Clipboards::default(), Vec::new());
        clipboards.message(&agent, &giving(0, Form::Text, 6), &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].text, "6 bytes of text, to the technician");
        // Both directions at the same time, the parts of one before its announcement.
        clipboards.part(&technician, &part(0, b"\x89PNG"), &mut out);
        clipboards.part(&agent, &part(0, b"Gr\xc3"), &mut out);
        clipboards.part(&agent, &part(0, b"\xbcn"), &mut out);
        assert_eq!(out.len(), 1);
        clipboards.part(&agent, &part(0, b"e"), &mut out);
        assert_eq!(
            (out[1].kind, out[1].text.as_str()),
            ("clipboard-content", "Grüne")
        );
        clipboards.message(&technician, &giving(0, Form::Png, 4), &mut out);
        assert_eq!(out[3].facts.last().unwrap().1, "iVBORw==");
        // One that was stopped is not mixed up with the next.
        clipboards.part(&agent, &part(1, b"left over"), &mut out);
        clipboards.part(&agent, &part(2, b"x"), &mut out);
        clipboards.message(&agent, &giving(2, Form::Html, 1), &mut out);
        assert_eq!(out.last().unwrap().text, "x");
    }
}
