//! The sample told again: its statements changed, then signed again by those whose they are.

use sightline_ends::seal::LaneId;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::{Checkpoint, LaneHead};
use sightline_protocol::id::{Author, Digest};
use sightline_protocol::recording::{Kind, SealedManifest};
use sightline_protocol::statement::{Signed, SigningKey, Statement};
use sightline_protocol::statements::{
    Consent, ConsentSeen, Credential, Manifest, ManifestSeen, OrgBundle,
};
use sightline_protocol::wire;

use super::entries::entries;
use super::sample::{OTHERS, SESSION, sample};
use super::story::{Relay, told};
use crate::people::{self, START};

/// What happens behind the first receipt.
pub(super) enum Step {
    Record(Vec<u8>),
    /// `previous` and the manifest's digest are filled in.
    Checkpoint(Checkpoint),
    /// As it is.
    Signed(Signed<Checkpoint>),
    Receipt,
    Close(u16),
    /// The relay's ledger goes back to this size, and on with another entry.
    Fork(u64),
    Proof,
}

/// The statements of a session, to be signed again.
pub(super) struct Told {
    pub(super) bundle: OrgBundle,
    pub(super) bundle_by: SigningKey,
    pub(super) credential: Credential,
    pub(super) credential_by: SigningKey,
    /// Its signature is bent.
    pub(super) credential_bent: bool,
    pub(super) consent: Consent,
    pub(super) manifest: Manifest,
    pub(super) steps: Vec<Step>,
}

pub(super) fn honest() -> Told {
    let both = Capabilities::of(&[Capability::View, Capability::Control]);
    let (sealed, _) = told(SESSION, 7, both);
    let manifest = opened(&sealed.manifest);
    let (_, raw) = entries(&sample().file);
    let steps = raw.into_iter().skip(2).map(|raw| match raw.kind {
        2 => Step::Record(raw.body),
        3 => Step::Receipt,
        4 => Step::Close(u16::from_le_bytes([raw.body[0], raw.body[1]])),
        5 => {
            let signed: Signed<Checkpoint> = wire::decode(&raw.body).expect("a checkpoint");
            Step::Checkpoint(opened(&signed))
        }
        _ => Step::Proof,
    });
    Told {
        bundle: opened(&manifest.bundle),
        bundle_by: people::root(),
        credential: opened(&manifest.technicians[0].credential),
        credential_by: people::issuer(),
        credential_bent: false,
        consent: opened(&manifest.consent),
        manifest,
        steps: steps.collect(),
    }
}

fn opened<T: Statement>(signed: &Signed<T>) -> T {
    signed.verify(&signed.key).expect("genuine")
}

impl Told {
    pub(super) fn checkpoint(&mut self, step: usize) -> &mut Checkpoint {
        match &mut self.steps[step] {
            Step::Checkpoint(checkpoint) => checkpoint,
            _ => panic!("step {step} is no checkpoint"),
        }
    }

    pub(super) fn head(&mut self, step: usize, lane: LaneId) -> &mut LaneHead {
        let heads = self.checkpoint(step).heads.iter_mut();
        heads
            .into_iter()
            .find(|head| head.lane == lane)
            .expect("it moved")
    }

    /// Everything signed again by those whose it is.
    pub(super) fn sealed(&self) -> SealedManifest {
        let (agent, technician) = (people::agent_key(), people::technician_key());
        let mut manifest = self.manifest.clone();
        manifest.bundle = Signed::sign(&self.bundle, &self.bundle_by);
        let mut credential = Signed::sign(&self.credential, &self.credential_by);
        if self.credential_bent {
            let mut bytes = wire::encode(&credential);
            *bytes.last_mut().expect("a signature") ^= 1;
            credential = wire::decode(&bytes).expect("a statement");
        }
        let mut consent = self.consent.clone();
        consent.credential = credential.digest();
        for technician in &mut manifest.technicians {
            technician.credential = credential.clone();
        }
        manifest.consent = Signed::sign(&consent, &agent);
        let seen = ConsentSeen {
            consent: manifest.consent.digest(),
        };
        manifest.consent_seen = Signed::sign(&seen, &technician);
        let manifest = Signed::sign(&manifest, &agent);
        let seen = ManifestSeen {
            manifest: manifest.digest(),
        };
        SealedManifest {
            seen: Signed::sign(&seen, &technician),
            manifest,
        }
    }

    pub(super) fn file(self) -> Vec<u8> {
        let sealed = self.sealed();
        let mut relay = Relay::begin(&sealed, SESSION, 7, OTHERS);
        let mut previous = [Digest([0; 32]); 2];
        let mut code = 0;
        for step in self.steps {
            match step {
                Step::Record(record) => relay.write(Kind::Record, &record),
                Step::Checkpoint(mut checkpoint) => {
                    checkpoint.manifest = sealed.manifest.digest();
                    let place = usize::from(checkpoint.author != Author::AGENT);
                    checkpoint.previous = previous[place];
                    let key = [people::agent_key(), people::technician_key()][place].clone();
                    let signed = Signed::sign(&checkpoint, &key);
                    previous[place] = signed.digest();
                    relay.checkpoint(&signed);
                }
                Step::Signed(signed) => relay.checkpoint(&signed),
                Step::Receipt => drop(relay.receipt(START)),
                Step::Close(number) => {
                    code = number;
                    relay.write(Kind::Close, &wire::encode(&number));
                }
                Step::Fork(size) => {
                    relay.ledger.truncate(size);
                    relay.ledger.push(b"another session");
                }
                Step::Proof => relay.prove(code, START),
            }
        }
        relay.file
    }
}
