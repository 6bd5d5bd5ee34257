//! A real relay process with its organisation, and ends that speak to it raw. Records carry random-looking bytes:
//! the relay cannot tell them from sealed ones.
#![allow(dead_code)] // the tests and the bench use different parts

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sightline_link::{
    Arrived, Bytes, Connected, HandshakeReceiver, HandshakeSender, LaneReceiver, LaneSender, Link,
    LinkError, MessageReceiver, MessageSender, connect,
};
use sightline_protocol::broker::{Begin, FromRelay, Hello, LaneOpening, Over, ToRelay, VERSION};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, Lane, Nameplate, PublicKey, SessionId};
use sightline_protocol::ledger::tree::Tree;
use sightline_protocol::ledger::{
    LedgerEntry, LedgerProof, SessionEntry, TreeHead, checkpoint, tile,
};
use sightline_protocol::record::{Class, Header};
use sightline_protocol::recording::{Entry, RecordingReader, SealedManifest};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Consent, ConsentSeen, Credential, EpochKeys, Manifest, ManifestSeen, OrgBundle, Participant,
    Receipt, RelayIdentity, Tier,
};
use sightline_protocol::wire;
use sightline_relay::init::{Identity, init};

/// Longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing within {PATIENCE:?}"),
    }
}

pub fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as u64
}

/// An organisation, with the keys that sign for it.
pub struct Org {
    pub root: SigningKey,
    pub issuer: SigningKey,
    pub bundle: Signed<OrgBundle>,
}

impl Org {
    pub fn new(seed: u8, relay: &Identity) -> Org {
        let root = SigningKey::from_seed(&[seed; 32]);
        let issuer = SigningKey::from_seed(&[seed + 1; 32]);
        let bundle = OrgBundle {
            serial: 1,
            organisation: format!("Example {seed}"),
            root: root.public(),
            issuer: issuer.public(),
            relay: RelayIdentity {
                address: relay.address.clone(),
                certificate: relay.pin,
                receipt_key: relay.receipt_key,
            },
            auditors: Vec::new(),
            tiers: vec![Tier {
                number: 2,
                name: "control".into(),
                capabilities: Capabilities::of(&[Capability::View, Capability::Control]),
            }],
            issued_ms: unix_ms(),
        };
        let bundle = Signed::sign(&bundle, &root);
        Org {
            root,
            issuer,
            bundle,
        }
    }

    pub fn credential(&self, holder: PublicKey, from_ms: u64, to_ms: u64) -> Signed<Credential> {
        let credential = Credential {
            technician: holder,
            name: "Tess".into(),
            organisation: OrgBundle::open(&self.bundle).unwrap().organisation,
            tier: 2,
            issued_ms: from_ms,
            expires_ms: to_ms,
        };
        Signed::sign(&credential, &self.issuer)
    }

    pub fn good_credential(&self, holder: PublicKey) -> Signed<Credential> {
        self.credential(holder, unix_ms(), unix_ms() + 3_600_000)
    }
}

/// A relay process in a directory of its own; killed when dropped.
pub struct Relay {
    pub directory: PathBuf,
    pub recordings: PathBuf,
    pub data: PathBuf,
    pub identity: Identity,
    pub org: Org,
    pub child: Child,
    pub lines: mpsc::Receiver<serde_json::Value>,
    pub address: String,
}

impl Relay {
    pub fn start(name: &str) -> Relay {
        Relay::start_with(name, None, "")
    }

    /// `limits` are lines for the `[limits]` table.
    pub fn start_with(name: &str, recordings: Option<&Path>, limits: &str) -> Relay {
        let directory = scratch(name);
        let identity = init(&directory, "localhost:4600").unwrap();
        let org = Org::new(1, &identity);
        fs::write(directory.join("org.bundle"), wire::encode(&org.bundle)).unwrap();
        let recordings = recordings.map_or(directory.join("recordings"), Path::to_owned);
        let config = format!(
            "listen = \"127.0.0.1:0\"\norganisation = \"org.bundle\"\nrecordings = {recordings:?}\n\
             [limits]\n{limits}\n"
        );
        fs::write(directory.join("relay.toml"), config).unwrap();
        let (child, lines, address) = spawn(&directory);
        Relay {
            data: directory.join("data"),
            directory,
            recordings,
            identity,
            org,
            child,
            lines,
            address,
        }
    }

    /// Kills the process without warning and starts another on the same directory.
    pub fn restart(&mut self) {
        self.kill();
        (self.child, self.lines, self.address) = spawn(&self.directory);
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(done.success());
    }

    /// The next line about `event`; others are passed over.
    pub fn line(&self, event: &str) -> serde_json::Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line about {event}"));
            if line["event"] == event {
                return line;
            }
        }
    }

    pub async fn connect(&self, key: &SigningKey) -> Connected {
        connect(&self.address, self.identity.pin, key)
            .await
            .unwrap()
    }

    pub async fn agent(&self, seed: u8) -> End {
        let key = SigningKey::from_seed(&[seed; 32]);
        End::enter(self.connect(&key).await, key, None)
            .await
            .unwrap()
    }

    pub async fn technician(&self, seed: u8) -> End {
        let key = SigningKey::from_seed(&[seed; 32]);
        let credential = self.org.good_credential(key.public());
        let connected = self.connect(&key).await;
        End::enter(connected, key, Some(credential)).await.unwrap()
    }

    /// An agent and a technician in a session that waits for its manifest.
    pub async fn joined(&self) -> Joined {
        let mut agent = self.agent(100).await;
        let mut technician = self.technician(200).await;
        let nameplate = agent.allocate().await;
        technician.say(ToRelay::Claim(nameplate)).await;
        let FromRelay::Claimed(session) = technician.hear().await else {
            panic!("the claim is good");
        };
        let FromRelay::Joining(joining) = agent.hear().await else {
            panic!("the agent is told");
        };
        assert_eq!(joining.session, session);
        assert_eq!(joining.technician, technician.key.public());
        Joined {
            agent,
            technician,
            session,
            stored: None,
        }
    }

    /// The same, begun: both hold the first receipt.
    pub async fn begun(&self) -> Joined {
        let mut joined = self.joined().await;
        let begin = joined.begin(&self.org);
        joined.agent.say(ToRelay::Begin(begin.clone())).await;
        for end in [&mut joined.agent, &mut joined.technician] {
            let receipt = end.receipt(&self.identity).await;
            assert_eq!(receipt.manifest, begin.manifest.manifest.digest());
            assert_eq!(receipt.records, 0);
        }
        joined.stored = Some(begin.manifest);
        joined
    }

    /// Waits until the session's recording has its final name.
    pub async fn sealed(&self, session: SessionId) {
        let sealed = async {
            while self
                .recording(session)
                .extension()
                .is_none_or(|end| end != "slrec")
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the sealed recording", sealed).await;
    }

    /// The ledger's checkpoint on the disk.
    pub fn ledger(&self) -> TreeHead {
        let note = fs::read_to_string(self.data.join("ledger/checkpoint")).unwrap();
        checkpoint::open(&note, &self.identity.receipt_key).unwrap()
    }

    /// The whole ledger, from its files, with the tree made anew; it must begin with what it was `before`.
    pub fn grew(&self, before: &TreeHead, step: u64) {
        let head = self.ledger();
        let mut tree = Tree::default();
        for bundle in tile::added_bundles(0, head.size) {
            let bytes = fs::read(self.data.join("ledger").join(bundle.path())).unwrap();
            let entries = tile::entries(&bytes).unwrap();
            entries.iter().for_each(|entry| tree.push(entry));
        }
        assert_eq!(tree.head(), head, "step {step}");
        assert_eq!(tree.head_at(before.size).unwrap(), *before, "step {step}");
        for tile in tile::added(0, head.size) {
            let bytes = fs::read(self.data.join("ledger").join(tile.path())).unwrap();
            assert_eq!(tile.bytes(&tree).unwrap(), bytes, "step {step}");
        }
    }

    /// The recording's one file.
    pub fn recording(&self, session: SessionId) -> PathBuf {
        let months = fs::read_dir(&self.recordings).unwrap();
        let files = months.filter_map(|month| fs::read_dir(month.unwrap().path()).ok());
        let files = files.flatten().map(|file| file.unwrap().path());
        let session = session.to_string();
        let mut files = files.filter(|file| {
            let name = file.to_string_lossy();
            name.contains(&session) && !name.ends_with(".hold")
        });
        files.next().expect("the session has a file")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A fresh directory below the build's own.
pub fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

type Lines = mpsc::Receiver<serde_json::Value>;

fn spawn(directory: &Path) -> (Child, Lines, String) {
    let (child, lines) = launch(directory);
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("the relay starts");
        if line["event"] == "ready" {
            let address = line["listen"].as_str().unwrap().to_owned();
            return (child, lines, address);
        }
    }
}

fn launch(directory: &Path) -> (Child, Lines) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sightline-relay"))
        .args(["serve", "--json", "--config"])
        .arg(directory.join("relay.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (to, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = to.send(serde_json::from_str(&line).unwrap());
        }
    });
    (child, lines)
}

/// One end of a session, raw.
pub struct End {
    pub key: SigningKey,
    pub credential: Option<Signed<Credential>>,
    pub link: Link,
    pub to: MessageSender<ToRelay>,
    pub from: MessageReceiver<FromRelay>,
}

impl End {
    /// Says hello; the refusal's code if it is not welcome.
    pub async fn enter(
        connected: Connected,
        key: SigningKey,
        credential: Option<Signed<Credential>>,
    ) -> Result<End, CloseCode> {
        let mut end = End {
            key,
            credential: credential.clone(),
            link: connected.link,
            to: connected.to_relay,
            from: connected.from_relay,
        };
        let hello = Hello {
            version: VERSION,
            credential,
        };
        end.say(ToRelay::Hello(hello)).await;
        match end.hear().await {
            FromRelay::Welcome(()) => Ok(end),
            FromRelay::Refused((code, 0)) => Err(CloseCode::from_number(code)),
            other => panic!("no answer to a hello: {other:?}"),
        }
    }

    pub async fn say(&mut self, message: ToRelay) {
        self.to.send(&message).await.unwrap();
    }

    pub async fn hear(&mut self) -> FromRelay {
        let message = soon("a message", self.from.next()).await;
        message.unwrap().expect("the relay goes on speaking")
    }

    pub async fn allocate(&mut self) -> Nameplate {
        self.say(ToRelay::Allocate(())).await;
        match self.hear().await {
            FromRelay::Allocated(allocated) => allocated.nameplate,
            other => panic!("no nameplate: {other:?}"),
        }
    }

    /// The next receipt, with its signature checked.
    pub async fn receipt(&mut self, relay: &Identity) -> Receipt {
        match self.hear().await {
            FromRelay::Receipt(receipt) => receipt.verify(&relay.receipt_key).unwrap(),
            other => panic!("no receipt: {other:?}"),
        }
    }

    /// Receipts until the farewell: the last receipt and the farewell's code.
    pub async fn until_over(&mut self, relay: &Identity) -> (Option<Receipt>, CloseCode) {
        let mut last = None;
        loop {
            match self.hear().await {
                FromRelay::Receipt(receipt) => {
                    last = Some(receipt.verify(&relay.receipt_key).unwrap());
                }
                FromRelay::Over(Over { code, .. }) => return (last, CloseCode::from_number(code)),
                other => panic!("neither receipt nor farewell: {other:?}"),
            }
        }
    }

    /// Records that receipts cover, up to the moment when the relay was gone. Only what it had sent counts.
    pub async fn receipts_until_lost(&mut self, relay: &Identity) -> u64 {
        let mut records = 0;
        let lost = async {
            while let Ok(Some(message)) = self.from.next().await {
                if let FromRelay::Receipt(receipt) = message {
                    records = receipt.verify(&relay.receipt_key).unwrap().records;
                }
            }
        };
        // A killed relay says nothing; what it had said is here by now.
        let _ = tokio::time::timeout(Duration::from_millis(200), lost).await;
        records
    }

    pub async fn closed(&self) -> CloseCode {
        soon("the end of the connection", self.link.closed())
            .await
            .code()
    }

    pub async fn lane(&mut self) -> (LaneOpening, LaneReceiver) {
        match soon("a lane", self.link.accept()).await.unwrap() {
            Arrived::Lane(opening, receiver) => (opening, receiver),
            _ => panic!("another stream than a lane"),
        }
    }

    pub async fn handshake(&mut self) -> (SessionId, HandshakeSender, HandshakeReceiver) {
        match soon("a handshake", self.link.accept()).await.unwrap() {
            Arrived::Handshake(session, to, from) => (session, to, from),
            _ => panic!("another stream than a handshake"),
        }
    }
}

/// Two ends in one session.
pub struct Joined {
    pub agent: End,
    pub technician: End,
    pub session: SessionId,
    /// The manifest with which it began.
    pub stored: Option<SealedManifest>,
}

impl Joined {
    /// What the agent sends to begin, as both ends would have made it in their handshake.
    pub fn begin(&self, org: &Org) -> Begin {
        let credential = self.technician.credential.clone().unwrap();
        let (agent, technician) = (self.agent.key.public(), self.technician.key.public());
        let consent = Consent {
            session: self.session,
            agent,
            technician,
            credential: credential.digest(),
            asked: Capabilities::of(&[Capability::View]),
            granted: Capabilities::of(&[Capability::View]),
            reason: "test".into(),
            ticket: String::new(),
            text: "may Tess see your screen?".into(),
            asked_ms: unix_ms(),
            answered_ms: unix_ms(),
            until_ms: unix_ms() + 3_600_000,
        };
        let consent = Signed::sign(&consent, &self.agent.key);
        let seen = ConsentSeen {
            consent: consent.digest(),
        };
        let manifest = Manifest {
            session: self.session,
            number: 1,
            previous: None,
            bundle: org.bundle.clone(),
            agent,
            technicians: vec![Participant {
                author: Author::FIRST_TECHNICIAN,
                key: technician,
                credential,
            }],
            consent_seen: Signed::sign(&seen, &self.technician.key),
            consent,
            started_ms: unix_ms(),
            keys: EpochKeys {
                epoch: 0,
                commitments: Vec::new(),
                wraps: Vec::new(),
            },
        };
        let manifest = Signed::sign(&manifest, &self.agent.key);
        let seen = ManifestSeen {
            manifest: manifest.digest(),
        };
        Begin {
            session: self.session,
            manifest: SealedManifest {
                seen: Signed::sign(&seen, &self.technician.key),
                manifest,
            },
        }
    }

    pub fn opening(&self, lane: u32, class: Class) -> LaneOpening {
        LaneOpening {
            session: self.session,
            lane: Lane(lane),
            class,
        }
    }

    /// A lane of the agent's, as both see it.
    pub async fn picture_lane(&mut self) -> Result<(LaneSender, LaneReceiver), LinkError> {
        let opening = self.opening(1, Class::Picture);
        let sender = self.agent.link.open_lane(opening).await?;
        let (arrived, receiver) = self.technician.lane().await;
        assert_eq!(arrived, opening);
        Ok((sender, receiver))
    }
}

/// A record whose ciphertext no one could tell from a sealed one, different for each lane and number.
pub fn record(opening: LaneOpening, author: Author, seq: u64, length: usize) -> Bytes {
    let header = Header {
        session: opening.session,
        class: opening.class,
        author,
        flags: 0,
        epoch: 0,
        lane: opening.lane,
        seq,
        time_us: seq * 1_000,
        length: length as u32,
    };
    let mut bytes = header.encode().to_vec();
    let mut state = (seq << 20 | u64::from(opening.lane.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < header.record_length() {
        // xorshift: cheap, and looks random enough for a relay that must not care
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(header.record_length());
    bytes.into()
}

/// What a recording holds.
#[derive(Default)]
pub struct Held {
    pub manifest: Option<SealedManifest>,
    pub records: Vec<Vec<u8>>,
    pub receipts: Vec<Signed<Receipt>>,
    pub checkpoints: Vec<Signed<Checkpoint>>,
    pub close: Option<CloseCode>,
    pub proof: Option<LedgerProof>,
    pub length: u64,
}

impl Held {
    /// The ledger's entry for this recording, proved by what stands at its end.
    pub fn entry(&self, relay: &Identity) -> SessionEntry {
        let proof = self.proof.as_ref().expect("a proof at the end");
        match proof.verify(&relay.receipt_key).unwrap().0 {
            LedgerEntry::Session(entry) => entry,
            LedgerEntry::Tombstone(_) => panic!("the proof of a deletion"),
        }
    }
}

/// Reads a whole recording, which must end on an entry's border.
pub fn read_recording(path: &Path) -> Held {
    let file = BufReader::new(fs::File::open(path).unwrap());
    let mut reader = RecordingReader::open(file).unwrap();
    let mut held = Held::default();
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry {
            Entry::Manifest(manifest) => held.manifest = Some(*manifest),
            Entry::Record(bytes) => held.records.push(bytes),
            Entry::Receipt(receipt) => held.receipts.push(receipt),
            Entry::Checkpoint(signed) => held.checkpoints.push(signed),
            Entry::Close(code) => held.close = Some(CloseCode::from_number(code)),
            Entry::Ledger(proof) => held.proof = Some(proof),
        }
    }
    held.length = reader.offset();
    held
}

pub fn nowhere() -> Digest {
    Digest([0; 32])
}
