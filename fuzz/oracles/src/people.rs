//! A small organisation, its two ends, and chance that repeats.

use std::sync::{Arc, LazyLock};

use sightline_ends::code::SessionCode;
use sightline_ends::handshake::{
    AgentHandshake, AgentSetup, Early, EarlyWords, TechnicianHandshake, TechnicianSetup,
};
use sightline_ends::keys::{AuditorKey, ClassKeys};
use sightline_ends::now::Now;
use sightline_ends::rng::Randomness;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::id::{Author, Digest, Nameplate, SessionId};
use sightline_protocol::ledger::TreeHead;
use sightline_protocol::record::Class;
use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Auditor, CREDENTIAL_LIFE_MS, Consent, ConsentSeen, Credential, Manifest, ManifestSeen,
    OrgBundle, Participant, Receipt, RelayIdentity, Tier,
};

/// SHA-256 of a counter.
pub struct Counting(u64);

impl Counting {
    pub fn new(seed: u8) -> Counting {
        Counting(u64::from(seed) << 32)
    }
}

impl Randomness for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            let block = Digest::of(&[&self.0.to_le_bytes()]);
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
    }
}

pub const START: Now = Now {
    unix_ms: 1_800_000_000_000,
    mono_us: 5_000_000,
};
pub const SESSION: SessionId = SessionId([7; 16]);
/// How long the test's grants live.
pub const GRANT_MS: u64 = 60_000;

pub fn root() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}
pub fn issuer() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}
pub fn receipt_key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}
pub fn agent_key() -> Arc<SigningKey> {
    static KEY: LazyLock<Arc<SigningKey>> =
        LazyLock::new(|| Arc::new(SigningKey::from_seed(&[100; 32])));
    Arc::clone(&KEY)
}
pub fn technician_key() -> Arc<SigningKey> {
    static KEY: LazyLock<Arc<SigningKey>> =
        LazyLock::new(|| Arc::new(SigningKey::from_seed(&[101; 32])));
    Arc::clone(&KEY)
}

pub fn nameplate() -> Nameplate {
    Nameplate::new(48_213).expect("five digits")
}

pub fn bundle() -> OrgBundle {
    static BUNDLE: LazyLock<OrgBundle> = LazyLock::new(make_bundle);
    BUNDLE.clone()
}

fn make_bundle() -> OrgBundle {
    let tier = |number, list: &[Capability]| Tier {
        number,
        name: format!("tier {number}"),
        capabilities: Capabilities::of(list),
    };
    OrgBundle {
        serial: 1,
        organisation: "Example".into(),
        root: root().public(),
        issuer: issuer().public(),
        relay: RelayIdentity {
            address: "127.0.0.1:1".into(),
            certificate: Digest([0; 32]),
            receipt_key: receipt_key().public(),
        },
        auditors: vec![Auditor {
            name: "Ada".into(),
            key: AuditorKey::from_seed(&[4; 32]).public(),
            classes: Class::USUAL.to_vec(),
        }],
        tiers: vec![
            tier(1, &[Capability::View, Capability::Chat]),
            tier(2, &[Capability::View, Capability::Control]),
        ],
        issued_ms: START.unix_ms,
    }
}

pub fn signed_bundle() -> Signed<OrgBundle> {
    static SIGNED: LazyLock<Signed<OrgBundle>> = LazyLock::new(|| Signed::sign(&bundle(), &root()));
    SIGNED.clone()
}

pub fn credential() -> Credential {
    Credential {
        technician: technician_key().public(),
        name: "Tess Technician".into(),
        organisation: "Example".into(),
        tier: 2,
        issued_ms: START.unix_ms,
        expires_ms: START.unix_ms + CREDENTIAL_LIFE_MS,
    }
}

pub fn signed_credential() -> Signed<Credential> {
    static SIGNED: LazyLock<Signed<Credential>> =
        LazyLock::new(|| Signed::sign(&credential(), &issuer()));
    SIGNED.clone()
}

pub fn keys() -> ClassKeys {
    static KEYS: LazyLock<ClassKeys> =
        LazyLock::new(|| ClassKeys::derive(SESSION, 0, &[9; 32].into(), &[8; 32]));
    KEYS.clone()
}

pub fn consent(granted: Capabilities) -> Consent {
    Consent {
        session: SESSION,
        agent: agent_key().public(),
        technician: technician_key().public(),
        credential: signed_credential().digest(),
        asked: Capabilities::of(&Capability::ALL),
        granted,
        reason: "printer".into(),
        ticket: "T-1".into(),
        text: "Tess Technician of Example asks to: see your screen.".into(),
        asked_ms: START.unix_ms,
        answered_ms: START.unix_ms,
        until_ms: START.unix_ms + GRANT_MS,
    }
}

/// What the agent's user (or the technician) said before the consent, and heard.
pub fn early(agent: bool) -> EarlyWords {
    let said = |words: &[&str]| {
        let early = words.iter().map(|text| Early {
            text: (*text).to_owned(),
            at_us: START.mono_us - 2_000_000,
        });
        early.collect::<Vec<_>>()
    };
    let (users, technicians) = (said(&["who is it?"]), said(&["Tess", "Grüße 中"]));
    match agent {
        true => EarlyWords {
            own: users,
            theirs: technicians,
        },
        false => EarlyWords {
            own: technicians,
            theirs: users,
        },
    }
}

/// A manifest as the two ends would have made it.
pub fn sealed_manifest() -> SealedManifest {
    let (agent, technician) = (agent_key(), technician_key());
    let consent = Signed::sign(
        &consent(Capabilities::of(&[Capability::View, Capability::Control])),
        &agent,
    );
    let consent_seen = ConsentSeen {
        consent: consent.digest(),
    };
    let manifest = Manifest {
        session: SESSION,
        number: 1,
        previous: None,
        bundle: signed_bundle(),
        agent: agent.public(),
        technicians: vec![Participant {
            author: Author::FIRST_TECHNICIAN,
            key: technician.public(),
            credential: signed_credential(),
        }],
        consent_seen: Signed::sign(&consent_seen, &technician),
        consent,
        started_ms: START.unix_ms,
        keys: keys()
            .publish(&bundle().auditors)
            .expect("a valid auditor key"),
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

pub fn receipt(manifest: Digest) -> Signed<Receipt> {
    let receipt = Receipt {
        session: SESSION,
        manifest,
        records: 0,
        bytes: 0,
        order: Digest([0; 32]),
        at_ms: START.unix_ms,
        ledger: TreeHead::empty(),
    };
    Signed::sign(&receipt, &receipt_key())
}

pub fn agent() -> AgentHandshake {
    let setup = AgentSetup {
        key: agent_key(),
        bundle: signed_bundle(),
        session: SESSION,
        nameplate: nameplate(),
        secret: SessionCode::draw(nameplate(), &mut Counting::new(9)).secret,
        technician: technician_key().public(),
        computer: "pc".into(),
        offered: Capabilities::of(&Capability::ALL),
        countdown_s: 60,
        grant_ms: GRANT_MS,
        number: 1,
        previous: None,
    };
    AgentHandshake::new(setup, bundle(), START)
}

pub fn technician() -> TechnicianHandshake {
    let setup = TechnicianSetup {
        key: technician_key(),
        credential: signed_credential(),
        name: "Tess Technician".into(),
        bundle: signed_bundle(),
        session: SESSION,
        code: SessionCode::draw(nameplate(), &mut Counting::new(9)),
        asked: Capabilities::of(&Capability::ALL),
        reason: "printer".into(),
        ticket: "T-1".into(),
    };
    TechnicianHandshake::new(setup, bundle(), START)
}
