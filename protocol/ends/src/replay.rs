//! Opening a recording with an auditor's key: the same opener and contents as live (PROTOCOL.md §6.3).

use std::collections::BTreeMap;

use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, HEADER, Header};
pub use sightline_protocol::verify::{ManifestError, VerifiedManifest};
use sightline_protocol::wire;

use crate::content::{
    Chat, ClipboardMessage, ClipboardPart, Control, Facts, FileMessage, Input, Scene, ShellInput,
    ShellOutput,
};
use crate::keys::{AuditorKey, ClassKeys, WrapError};
use crate::seal::{AGENT_FACTS, LaneId, OpenError, Opener};

/// Why a recording is not believed or not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Keys(#[from] WrapError),
    #[error("record {seq} of lane {lane}: {error}")]
    Record {
        lane: u32,
        seq: u64,
        error: OpenError,
    },
    #[error("a record's content cannot be read: {0}")]
    Content(#[from] wire::WireError),
}

/// What a record held.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Scene(Scene),
    Input(Input),
    Control(Control),
    ShellInput(ShellInput),
    ShellOutput(ShellOutput),
    Chat(Chat),
    File(FileMessage),
    Clipboard(ClipboardMessage),
    ClipboardPart(ClipboardPart),
    Facts(Box<Facts>),
    /// This auditor has no key for its class.
    Sealed,
}

/// Opens the records of one recording, in the order in which they stand.
pub struct RecordingOpener {
    keys: ClassKeys,
    lanes: BTreeMap<LaneId, Opener>,
    /// Lanes may start in their middle.
    sought: bool,
}

impl RecordingOpener {
    pub fn new(verified: &VerifiedManifest, key: &AuditorKey) -> Result<Self, ReplayError> {
        let manifest = &verified.manifest;
        Ok(RecordingOpener {
            keys: ClassKeys::unwrap(manifest.session, &manifest.keys, key)?,
            lanes: BTreeMap::new(),
            sought: false,
        })
    }

    /// Whether records of this class can be opened.
    pub fn holds(&self, class: Class) -> bool {
        self.keys.classes().any(|held| held == class)
    }

    /// From here on another part of the recording follows.
    pub fn seek(&mut self) {
        self.lanes.clear();
        self.sought = true;
    }

    pub fn open(&mut self, record: &[u8]) -> Result<(Header, Content), ReplayError> {
        let at = |lane, seq, error| ReplayError::Record { lane, seq, error };
        let head = record
            .first_chunk::<HEADER>()
            .ok_or(at(0, 0, OpenError::Length))?;
        let header = Header::parse(head).map_err(|e| at(0, 0, OpenError::Header(e)))?;
        let id = LaneId {
            author: header.author,
            lane: header.lane,
            class: header.class,
        };
        let place = |error| at(header.lane.0, header.seq, error);
        if !self.lanes.contains_key(&id) {
            let start = if self.sought { header.seq } else { 0 };
            match Opener::starting_at(&self.keys, id, start) {
                Ok(opener) => self.lanes.insert(id, opener),
                Err(OpenError::NoKey(_)) => return Ok((header, Content::Sealed)),
                Err(error) => return Err(place(error)),
            };
        }
        let Some(opener) = self.lanes.get_mut(&id) else {
            return Ok((header, Content::Sealed));
        };
        let (header, body) = opener.open(record).map_err(place)?;
        let content = decode(&header, &body)?;
        Ok((header, content))
    }
}

fn decode(header: &Header, body: &[u8]) -> Result<Content, wire::WireError> {
    Ok(match header.class {
        Class::Picture if header.lane == AGENT_FACTS.lane => Content::Facts(wire::decode(body)?),
        Class::Picture => Content::Scene(wire::decode(body)?),
        Class::Input => Content::Input(wire::decode(body)?),
        Class::Control => Content::Control(wire::decode(body)?),
        Class::Shell if header.author == Author::AGENT => Content::ShellOutput(wire::decode(body)?),
        Class::Shell => Content::ShellInput(wire::decode(body)?),
        Class::Chat => Content::Chat(wire::decode(body)?),
        Class::File => Content::File(wire::decode(body)?),
        Class::Clipboard => Content::Clipboard(wire::decode(body)?),
        Class::ClipboardContent => Content::ClipboardPart(wire::decode(body)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileNote;
    use crate::session::{AgentSession, TechnicianSession, seal_update};
    use crate::testing::{START, all, plan};
    use sightline_protocol::id::Digest;

    #[test]
    fn every_class_has_its_contents() {
        let header = |class, author| Header {
            session: crate::testing::SESSION,
            class,
            author,
            flags: 0,
            epoch: 0,
            lane: sightline_protocol::id::Lane(2),
            seq: 0,
            time_us: 0,
            length: 99,
        };
        let agent = |class| header(class, Author::AGENT);
        let technician = |class| header(class, Author::FIRST_TECHNICIAN);
        let title = Scene::Window {
            title: "Inbox".into(),
        };
        let output = ShellOutput::Exited { code: 130 };
        let input = ShellInput::Resize {
            columns: 80,
            rows: 24,
        };
        let earlier = Chat::Earlier {
            text: "before".into(),
            ago_ms: 1_500,
        };
        let said = Chat::Say {
            text: "Grüße".into(),
        };
        let note = FileMessage::Placed {
            transfer: 0,
            index: 0,
            note: FileNote {
                name: "driver.deb".into(),
                bytes: 7,
                sha256: Digest([1; 32]),
                direction: crate::content::Direction::ToUser,
            },
        };
        let asked = ClipboardMessage::Ask {
            ask: 0,
            offer: 0,
            form: crate::content::Form::Text,
        };
        let facts = Header {
            lane: AGENT_FACTS.lane,
            ..agent(Class::Picture)
        };
        let open = |header: &Header, body: Vec<u8>| decode(header, &body).unwrap();
        assert_eq!(
            open(&agent(Class::Picture), wire::encode(&title)),
            Content::Scene(title)
        );
        assert_eq!(
            open(&agent(Class::Shell), wire::encode(&output)),
            Content::ShellOutput(output)
        );
        assert_eq!(
            open(&technician(Class::Shell), wire::encode(&input)),
            Content::ShellInput(input)
        );
        assert_eq!(
            open(&technician(Class::Chat), wire::encode(&said)),
            Content::Chat(said)
        );
        assert_eq!(
            open(&agent(Class::Chat), wire::encode(&earlier)),
            Content::Chat(earlier)
        );
        assert_eq!(
            open(&technician(Class::File), wire::encode(&note)),
            Content::File(note)
        );
        assert_eq!(
            open(&technician(Class::Clipboard), wire::encode(&asked)),
            Content::Clipboard(asked)
        );
        assert_eq!(
            open(&facts, wire::encode(&Facts::default())),
            Content::Facts(Box::default())
        );
        assert!(decode(&agent(Class::Chat), &[9; 4]).is_err());
    }

    #[test]
    fn an_auditor_opens_what_was_sent_and_nobody_else_does() {
        let mut pair = plan().meet();
        pair.settle();
        pair.agent.handle_answer(Ok(all()), pair.now);
        pair.settle();
        let sealed = pair.manifest().unwrap().clone();
        let (agent, technician) = pair.establish(all());
        let mut agent = AgentSession::new(&agent, START);
        let mut technician = TechnicianSession::new(&technician, START);
        let mut pictures = agent.start_view(START).unwrap().1.unwrap();
        let key = Input::Key {
            keysym: 0x61,
            down: true,
        };
        let later = START.after_ms(40);
        let mut records = seal_update(&mut pictures, 0, b"update", later.mono_us);
        records.push(technician.input(&key, later).unwrap());

        let verified = VerifiedManifest::verify(&sealed, &pair.org.bundle).unwrap();
        assert_eq!(verified.credential.name, "Tess Technician");
        let mut opener = RecordingOpener::new(&verified, &pair.org.auditor).unwrap();
        let opened: Vec<(Header, Content)> = records
            .iter()
            .map(|record| opener.open(record).unwrap())
            .collect();
        assert_eq!(opened[0].0.time_us, 40_000);
        assert!(matches!(
            &opened[0].1,
            Content::Scene(Scene::Update { bytes, .. }) if bytes == b"update"
        ));
        assert_eq!(opened[1].1, Content::Input(key));

        let eve = AuditorKey::from_seed(&[99; 32]);
        assert!(RecordingOpener::new(&verified, &eve).is_err());
        let mut bent = records[0].clone();
        bent[HEADER + 2] ^= 1;
        let mut opener = RecordingOpener::new(&verified, &pair.org.auditor).unwrap();
        assert!(matches!(
            opener.open(&bent),
            Err(ReplayError::Record { seq: 0, .. })
        ));
    }
}
