//! Recordings with every kind of content, made by the same sealer and writer as real ones.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sightline_ends::content::{
    Area, Chat, CursorShape, Direction, FileMessage, FileNote, Input, Layout, Monitor, Scene,
    ShellInput, ShellOutput,
};
use sightline_ends::keys::{AuditorKey, ClassKeys};
use sightline_ends::seal::{AGENT_PICTURE, LaneId, Sealer, TECHNICIAN_INPUT};
use sightline_ends::session::{seal_start, seal_update};
use sightline_picture::{Encoder, Kind as UpdateKind, Rect};
use sightline_program::files;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, Lane, SessionId};
use sightline_protocol::record::Class;
use sightline_protocol::recording::{Kind, SealedManifest, head, write_entry};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Auditor, CREDENTIAL_LIFE_MS, Consent, ConsentSeen, Credential, Manifest, ManifestSeen,
    OrgBundle, Participant, RelayIdentity, Tier,
};
use sightline_protocol::wire;

pub const SESSION: SessionId = SessionId([7; 16]);
/// 2027-01-15 08:00 UTC.
const STARTED_MS: u64 = 1_800_000_000_000;

/// A folder with an organisation's auditors and a recording that is being made.
pub struct Made {
    pub folder: tempfile::TempDir,
    keys: ClassKeys,
    bytes: Vec<u8>,
    lanes: Vec<Sealer>,
    encoder: Option<Encoder>,
    frame: u64,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn auditor(seed: u8, classes: &[Class]) -> (AuditorKey, Auditor) {
    let key = AuditorKey::from_seed(&[seed; 32]);
    let auditor = Auditor {
        name: format!("auditor {seed}"),
        key: key.public(),
        classes: classes.to_vec(),
    };
    (key, auditor)
}

fn bundle() -> OrgBundle {
    OrgBundle {
        serial: 1,
        organisation: "Example".into(),
        root: key(1).public(),
        issuer: key(2).public(),
        relay: RelayIdentity {
            address: "127.0.0.1:1".into(),
            certificate: Digest([0; 32]),
            receipt_key: key(3).public(),
        },
        auditors: vec![
            auditor(4, &Class::ALL).1,
            auditor(5, &[Class::Picture, Class::Control]).1,
        ],
        tiers: vec![Tier {
            number: 2,
            name: "all".into(),
            capabilities: Capabilities::of(&Capability::ALL),
        }],
        issued_ms: STARTED_MS,
    }
}

fn sealed_manifest(keys: &ClassKeys) -> SealedManifest {
    let (agent, technician) = (key(100), key(101));
    let all = Capabilities::of(&Capability::ALL);
    let credential = Signed::sign(
        &Credential {
            technician: technician.public(),
            name: "Tess Technician".into(),
            organisation: "Example".into(),
            tier: 2,
            issued_ms: STARTED_MS,
            expires_ms: STARTED_MS + CREDENTIAL_LIFE_MS,
        },
        &key(2),
    );
    let consent = Consent {
        session: SESSION,
        agent: agent.public(),
        technician: technician.public(),
        credential: credential.digest(),
        asked: all,
        granted: all,
        reason: "the printer does not print".into(),
        ticket: "T-17".into(),
        text: "Tess Technician of Example asks to: see your screen.".into(),
        asked_ms: STARTED_MS,
        answered_ms: STARTED_MS,
        until_ms: STARTED_MS + 3_600_000,
    };
    let consent = Signed::sign(&consent, &agent);
    let seen = ConsentSeen {
        consent: consent.digest(),
    };
    let manifest = Manifest {
        session: SESSION,
        number: 1,
        previous: None,
        bundle: Signed::sign(&bundle(), &key(1)),
        agent: agent.public(),
        technicians: vec![Participant {
            author: Author::FIRST_TECHNICIAN,
            key: technician.public(),
            credential,
        }],
        consent_seen: Signed::sign(&seen, &technician),
        consent,
        started_ms: STARTED_MS,
        keys: keys.publish(&bundle().auditors).unwrap(),
    };
    let manifest = Signed::sign(&manifest, &agent);
    let seen = ManifestSeen {
        manifest: manifest.digest(),
    };
    SealedManifest {
        seen: Signed::sign(&seen, &technician),
        manifest,
    }
}

impl Made {
    pub fn new() -> Made {
        let folder = tempfile::tempdir().unwrap();
        for (seed, name) in [(4, "all.auditor"), (5, "eyes.auditor")] {
            let key = AuditorKey::from_seed(&[seed; 32]);
            let mut text = files::auditor_key_pem(&key).to_string();
            let bundle = Signed::sign(&bundle(), &self::key(1));
            text.push_str(&sightline::io::technician::bundle_section(&bundle));
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let keys = ClassKeys::derive(SESSION, 0, &[9; 32].into(), &[8; 32]);
        let mut bytes = head(SESSION).to_vec();
        let manifest = wire::encode(&sealed_manifest(&keys));
        write_entry(&mut bytes, Kind::Manifest, &manifest).unwrap();
        Made {
            folder,
            keys,
            bytes,
            lanes: Vec::new(),
            encoder: None,
            frame: 0,
        }
    }

    /// One of `all.auditor` and `eyes.auditor` (pictures and control only).
    pub fn key(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lane(&mut self, id: LaneId) -> &mut Sealer {
        let place = self.lanes.iter().position(|lane| lane.id() == id);
        let place = place.unwrap_or_else(|| {
            self.lanes.push(Sealer::new(&self.keys, id, 0).unwrap());
            self.lanes.len() - 1
        });
        &mut self.lanes[place]
    }

    fn record(&mut self, record: &[u8]) {
        write_entry(&mut self.bytes, Kind::Record, record).unwrap();
    }

    fn put(&mut self, id: LaneId, ms: u64, content: &impl Serialize) {
        let body = wire::encode(content);
        let record = self.lane(id).seal(&body, 0, ms * 1000);
        self.record(&record);
    }

    pub fn scene(&mut self, ms: u64, scene: &Scene) {
        self.put(AGENT_PICTURE, ms, scene);
    }

    pub fn title(&mut self, ms: u64, title: &str) {
        let title = title.to_owned();
        self.scene(ms, &Scene::Window { title });
    }

    /// A whole picture in one colour, of a screen of this size, with a pointer that is a red square.
    pub fn screen(&mut self, ms: u64, (width, height): (u32, u32), colour: u32) {
        let area = Area {
            x: 0,
            y: 0,
            width,
            height,
        };
        let monitors = vec![Monitor {
            name: "one".into(),
            area,
            primary: true,
        }];
        let layout = Layout {
            width,
            height,
            monitors,
        };
        let start = seal_start(self.lane(AGENT_PICTURE), &layout, ms * 1000);
        self.record(&start);
        let (side, hot) = (16, 0);
        let pixels = vec![0xffff_0000; 256];
        let shape = CursorShape {
            width: side,
            height: side,
            hot_x: hot,
            hot_y: hot,
            pixels,
        };
        self.scene(ms, &Scene::Cursor(shape));
        self.encoder = Some(Encoder::new(width, height).unwrap());
        self.fill(ms, (0, 0, width, height), colour, UpdateKind::Whole);
    }

    /// Fills a rectangle.
    pub fn paint(&mut self, ms: u64, place: (u32, u32, u32, u32), colour: u32) {
        self.fill(ms, place, colour, UpdateKind::Delta);
    }

    fn fill(&mut self, ms: u64, place: (u32, u32, u32, u32), colour: u32, kind: UpdateKind) {
        let pixels = vec![colour; (place.2 * place.3) as usize];
        self.update(ms, place, &pixels, kind);
    }

    /// Puts pixels there.
    pub fn pixels(&mut self, ms: u64, place: (u32, u32, u32, u32), pixels: &[u32]) {
        self.update(ms, place, pixels, UpdateKind::Delta);
    }

    fn update(
        &mut self,
        ms: u64,
        (x, y, width, height): (u32, u32, u32, u32),
        pixels: &[u32],
        kind: UpdateKind,
    ) {
        let encoder = self.encoder.as_mut().unwrap();
        encoder.patch(
            Rect {
                x,
                y,
                width,
                height,
            },
            pixels,
        );
        let mut update = Vec::new();
        if !encoder.encode(kind, &mut update) {
            return;
        }
        let frame = self.frame;
        self.frame += 1;
        let records = seal_update(self.lane(AGENT_PICTURE), frame, &update, ms * 1000);
        records.iter().for_each(|record| self.record(record));
    }

    pub fn input(&mut self, ms: u64, input: &Input) {
        self.put(TECHNICIAN_INPUT, ms, input);
    }

    /// Types keysyms.
    pub fn keys(&mut self, ms: u64, keysyms: &[u32]) {
        for keysym in keysyms {
            for down in [true, false] {
                self.input(
                    ms,
                    &Input::Key {
                        keysym: *keysym,
                        down,
                    },
                );
            }
        }
    }

    pub fn shell_input(&mut self, ms: u64, lane: u32, input: &ShellInput) {
        self.put(id(Author::FIRST_TECHNICIAN, lane, Class::Shell), ms, input);
    }

    pub fn shell_output(&mut self, ms: u64, lane: u32, output: &ShellOutput) {
        self.put(id(Author::AGENT, lane, Class::Shell), ms, output);
    }

    pub fn says(&mut self, ms: u64, text: &str) {
        let said = Chat::Say { text: text.into() };
        self.put(id(Author::FIRST_TECHNICIAN, 9, Class::Chat), ms, &said);
    }

    pub fn file(&mut self, ms: u64, name: &str) {
        let note = FileNote {
            name: name.into(),
            bytes: 7,
            sha256: Digest([3; 32]),
            direction: Direction::ToUser,
        };
        let placed = FileMessage::Placed {
            transfer: 0,
            index: 0,
            note,
        };
        self.put(id(Author::FIRST_TECHNICIAN, 10, Class::File), ms, &placed);
    }

    /// Writes the recording with its end.
    pub fn save(&mut self, name: &str) -> String {
        let mut bytes = self.bytes.clone();
        let close = wire::encode(&CloseCode::Finished.number());
        write_entry(&mut bytes, Kind::Close, &close).unwrap();
        self.write(name, &bytes)
    }

    /// Writes the recording cut in its last entry.
    pub fn save_torn(&mut self, name: &str) -> String {
        let bytes = self.bytes[..self.bytes.len() - 3].to_vec();
        self.write(name, &bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path: &Path = &self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        path.display().to_string()
    }
}

fn id(author: Author, lane: u32, class: Class) -> LaneId {
    LaneId {
        author,
        lane: Lane(lane),
        class,
    }
}
