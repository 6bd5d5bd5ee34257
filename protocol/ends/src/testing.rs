//! Shared by this crate's tests: a small organisation, deterministic chance, two ends in virtual time.

use std::sync::Arc;

use ring::digest;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::id::{Digest, Nameplate, SessionId};
use sightline_protocol::ledger::TreeHead;
use sightline_protocol::record::Class;
use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Auditor, CREDENTIAL_LIFE_MS, Credential, OrgBundle, Receipt, RelayIdentity, Tier,
};

use crate::code::SessionCode;
use crate::handshake::{
    AgentEvent, AgentHandshake, AgentSetup, Established, TechnicianEvent, TechnicianHandshake,
    TechnicianSetup,
};
use crate::keys::AuditorKey;
use crate::now::Now;
use crate::rng::Randomness;

/// A deterministic stream of bytes: SHA-256 of a counter.
pub struct Counting(u64);

impl Counting {
    pub fn new(seed: u64) -> Counting {
        Counting(seed << 32)
    }
}

impl Randomness for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            let block = digest::digest(&digest::SHA256, &self.0.to_le_bytes());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

pub const START: Now = Now {
    unix_ms: 1_800_000_000_000,
    mono_us: 5_000_000,
};
pub const SESSION: SessionId = SessionId([7; 16]);

/// Everything of one organisation, keys included.
pub struct Organisation {
    pub issuer: SigningKey,
    pub relay: SigningKey,
    pub auditor: AuditorKey,
    pub bundle: OrgBundle,
    pub signed: Signed<OrgBundle>,
}

pub fn all() -> Capabilities {
    Capabilities::of(&Capability::ALL)
}

pub fn organisation(seed: u8) -> Organisation {
    let root = SigningKey::from_seed(&[seed; 32]);
    let issuer = SigningKey::from_seed(&[seed + 1; 32]);
    let relay = SigningKey::from_seed(&[seed + 2; 32]);
    let auditor = AuditorKey::from_seed(&[seed + 3; 32]);
    let tier = |number, list: &[Capability]| Tier {
        number,
        name: format!("tier {number}"),
        capabilities: Capabilities::of(list),
    };
    let bundle = OrgBundle {
        serial: 1,
        organisation: format!("Org {seed}"),
        root: root.public(),
        issuer: issuer.public(),
        relay: RelayIdentity {
            address: "127.0.0.1:1".into(),
            certificate: Digest([0; 32]),
            receipt_key: relay.public(),
        },
        auditors: vec![Auditor {
            name: "Ada".into(),
            key: auditor.public(),
            classes: Class::USUAL.to_vec(),
        }],
        tiers: vec![
            tier(1, &[Capability::View, Capability::Chat]),
            tier(2, &[Capability::View, Capability::Control]),
            tier(3, &Capability::ALL),
        ],
        issued_ms: START.unix_ms,
    };
    let signed = Signed::sign(&bundle, &root);
    Organisation {
        issuer,
        relay,
        auditor,
        bundle,
        signed,
    }
}

impl Organisation {
    pub fn credential(&self, technician: &SigningKey, tier: u8) -> Credential {
        Credential {
            technician: technician.public(),
            name: "Tess Technician".into(),
            organisation: self.bundle.organisation.clone(),
            tier,
            issued_ms: START.unix_ms,
            expires_ms: START.unix_ms + CREDENTIAL_LIFE_MS,
        }
    }

    pub fn receipt(&self, sealed: &SealedManifest) -> Signed<Receipt> {
        self.receipt_for(sealed.manifest.digest(), 0)
    }

    /// For so many records of the session of this manifest.
    pub fn receipt_for(&self, manifest: Digest, records: u64) -> Signed<Receipt> {
        Signed::sign(
            &Receipt {
                session: SESSION,
                manifest,
                records,
                bytes: records * 100,
                order: Digest([0; 32]),
                at_ms: START.unix_ms,
                ledger: TreeHead::empty(),
            },
            &self.relay,
        )
    }
}

/// Two ends that are fed by hand.
pub struct Pair {
    pub org: Organisation,
    pub agent: AgentHandshake,
    pub technician: TechnicianHandshake,
    pub now: Now,
    pub rng: Counting,
    pub agent_events: Vec<AgentEvent>,
    pub technician_events: Vec<TechnicianEvent>,
}

/// What a test changes before the two meet.
pub struct Plan {
    pub org: Organisation,
    pub agent: AgentSetup,
    pub technician: TechnicianSetup,
}

pub fn plan() -> Plan {
    let org = organisation(1);
    let agent_key = Arc::new(SigningKey::from_seed(&[100; 32]));
    let technician_key = Arc::new(SigningKey::from_seed(&[101; 32]));
    let nameplate = Nameplate::new(48_213).unwrap();
    let code = SessionCode::draw(nameplate, &mut Counting::new(9));
    let credential = org.credential(&technician_key, 2);
    Plan {
        agent: AgentSetup {
            key: agent_key,
            bundle: org.signed.clone(),
            session: SESSION,
            nameplate,
            secret: code.secret.clone(),
            technician: technician_key.public(),
            computer: "pc".into(),
            offered: all(),
            countdown_s: 60,
            grant_ms: 3_600_000,
            number: 1,
            previous: None,
        },
        technician: TechnicianSetup {
            credential: Signed::sign(&credential, &org.issuer),
            name: credential.name,
            key: technician_key,
            bundle: org.signed.clone(),
            session: SESSION,
            code,
            asked: all(),
            reason: "printer".into(),
            ticket: "T-1".into(),
        },
        org,
    }
}

impl Plan {
    /// With a technician of that tier; 2 otherwise.
    pub fn of_tier(mut self, tier: u8) -> Plan {
        let credential = self.org.credential(&self.technician.key, tier);
        self.technician.credential = Signed::sign(&credential, &self.org.issuer);
        self
    }

    pub fn meet(self) -> Pair {
        let bundle = OrgBundle::open(&self.agent.bundle).unwrap();
        let theirs = OrgBundle::open(&self.technician.bundle).unwrap();
        Pair {
            org: self.org,
            agent: AgentHandshake::new(self.agent, bundle, START),
            technician: TechnicianHandshake::new(self.technician, theirs, START),
            now: START,
            rng: Counting::new(77),
            agent_events: Vec::new(),
            technician_events: Vec::new(),
        }
    }
}

impl Pair {
    /// Carries bytes to and fro until neither end has more to say.
    pub fn settle(&mut self) {
        self.settle_through(|_, bytes| bytes);
    }

    /// As `settle`, through a network that may change the bytes (`true`: towards the agent).
    pub fn settle_through(&mut self, mut network: impl FnMut(bool, Vec<u8>) -> Vec<u8>) {
        loop {
            while let Some(event) = self.agent.poll_event() {
                self.agent_events.push(event);
            }
            while let Some(event) = self.technician.poll_event() {
                self.technician_events.push(event);
            }
            let up = self.technician.poll_transmit();
            let down = self.agent.poll_transmit();
            if up.is_none() && down.is_none() {
                return;
            }
            if let Some(bytes) = up {
                let bytes = network(true, bytes);
                self.agent.handle_bytes(&bytes, self.now, &mut self.rng);
            }
            if let Some(bytes) = down {
                let bytes = network(false, bytes);
                self.technician
                    .handle_bytes(&bytes, self.now, &mut self.rng);
            }
        }
    }

    pub fn asked(&self) -> bool {
        self.agent_events
            .iter()
            .any(|e| matches!(e, AgentEvent::Ask(_)))
    }

    pub fn spent(&self) -> usize {
        self.agent_events
            .iter()
            .filter(|e| matches!(e, AgentEvent::CodeSpent))
            .count()
    }

    pub fn manifest(&self) -> Option<&SealedManifest> {
        self.agent_events.iter().find_map(|e| match e {
            AgentEvent::Store(manifest) => Some(&**manifest),
            _ => None,
        })
    }

    pub fn agent_failure(&self) -> Option<sightline_protocol::close::CloseCode> {
        self.agent_events.iter().find_map(|e| match e {
            AgentEvent::Failed(failure) => Some(failure.code),
            _ => None,
        })
    }

    pub fn technician_failure(&self) -> Option<sightline_protocol::close::CloseCode> {
        self.technician_events.iter().find_map(|e| match e {
            TechnicianEvent::Failed(failure) => Some(failure.code),
            _ => None,
        })
    }

    /// Runs it to the end with this answer of the user.
    pub fn establish(&mut self, granted: Capabilities) -> (Established, Established) {
        self.settle();
        self.agent.handle_answer(Ok(granted), self.now);
        self.settle();
        let manifest = self.manifest().expect("a manifest").clone();
        self.agent
            .handle_receipt(self.org.receipt(&manifest), self.now);
        self.settle();
        let agent = self.agent_events.drain(..).find_map(|e| match e {
            AgentEvent::Established(established) => Some(*established),
            _ => None,
        });
        let technician = self.technician_events.drain(..).find_map(|e| match e {
            TechnicianEvent::Established(established) => Some(*established),
            _ => None,
        });
        (
            agent.expect("the agent is through"),
            technician.expect("the technician is through"),
        )
    }
}
