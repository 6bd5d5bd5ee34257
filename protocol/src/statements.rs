//! The statements of an organisation and of a session (PROTOCOL.md §4). All times are Unix milliseconds.

use serde::{Deserialize, Serialize};

use crate::capability::Capabilities;
use crate::id::{Author, Digest, PublicKey, SessionId, WrapKey};
use crate::ledger::TreeHead;
use crate::record::Class;
use crate::statement::{Signed, Statement, StatementError};

/// Longest life of a credential: 12 hours, a working day, so that a lost one needs no revocation list.
pub const CREDENTIAL_LIFE_MS: u64 = 12 * 60 * 60 * 1000;

/// How far two computers' clocks may disagree before we say so: 5 minutes, as Kerberos allows.
pub const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

/// What an organisation is: signed by its root, pinned by agents, versioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgBundle {
    /// Counts up with each change; a program never goes back.
    pub serial: u64,
    pub organisation: String,
    pub root: PublicKey,
    /// Signs the technicians' credentials.
    pub issuer: PublicKey,
    pub relay: RelayIdentity,
    pub auditors: Vec<Auditor>,
    pub tiers: Vec<Tier>,
    pub issued_ms: u64,
}

impl Statement for OrgBundle {
    const CONTEXT: &'static str = "sightline org bundle v1";
}

impl OrgBundle {
    /// The bundle inside, if its own root signed it. Whether that root is *ours* is for the caller to compare.
    pub fn open(signed: &Signed<OrgBundle>) -> Result<OrgBundle, StatementError> {
        let bundle = signed.verify(&signed.key)?;
        if bundle.root != signed.key {
            return Err(StatementError::WrongKey {
                expected: bundle.root,
                found: signed.key,
            });
        }
        Ok(bundle)
    }

    pub fn tier(&self, number: u8) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.number == number)
    }
}

/// Where the relay is and by which keys it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayIdentity {
    /// `name:port`.
    pub address: String,
    /// SHA-256 of the outer certificate's SubjectPublicKeyInfo (RFC 7469 §2.4).
    pub certificate: Digest,
    /// Signs receipts.
    pub receipt_key: PublicKey,
}

/// Someone who may open recordings, and which classes of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auditor {
    pub name: String,
    pub key: WrapKey,
    pub classes: Vec<Class>,
}

/// A named set of capabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub number: u8,
    pub name: String,
    pub capabilities: Capabilities,
}

/// Who a technician is; signed by the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub technician: PublicKey,
    pub name: String,
    pub organisation: String,
    pub tier: u8,
    pub issued_ms: u64,
    pub expires_ms: u64,
}

impl Statement for Credential {
    const CONTEXT: &'static str = "sightline credential v1";
}

/// Why a credential is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("the credential is of another organisation")]
    Foreign,
    #[error("the credential is not genuine: {0}")]
    NotGenuine(StatementError),
    #[error("the credential belongs to another key than the one that connected")]
    OtherKey,
    #[error("the credential has expired")]
    Expired,
    #[error("the credential is not valid yet; is this computer's clock right?")]
    NotYet,
    #[error("the credential is valid for longer than 12 hours")]
    TooLong,
    #[error("the credential names tier {0}, which the organisation does not have")]
    NoSuchTier(u8),
}

impl Credential {
    /// The credential inside, if `bundle`'s issuer gave it to `holder` and it is valid at `now_ms`.
    pub fn check(
        signed: &Signed<Credential>,
        bundle: &OrgBundle,
        holder: &PublicKey,
        now_ms: u64,
    ) -> Result<Credential, CredentialError> {
        if signed.key != bundle.issuer {
            return Err(CredentialError::Foreign);
        }
        let credential = signed
            .verify(&bundle.issuer)
            .map_err(CredentialError::NotGenuine)?;
        if credential.organisation != bundle.organisation {
            return Err(CredentialError::Foreign);
        }
        if credential.technician != *holder {
            return Err(CredentialError::OtherKey);
        }
        if now_ms >= credential.expires_ms {
            return Err(CredentialError::Expired);
        }
        if credential.issued_ms > now_ms + CLOCK_SKEW_MS {
            return Err(CredentialError::NotYet);
        }
        if credential.expires_ms.saturating_sub(credential.issued_ms) > CREDENTIAL_LIFE_MS {
            return Err(CredentialError::TooLong);
        }
        if bundle.tier(credential.tier).is_none() {
            return Err(CredentialError::NoSuchTier(credential.tier));
        }
        Ok(credential)
    }
}

/// What the user said yes to; signed by the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub session: SessionId,
    pub agent: PublicKey,
    pub technician: PublicKey,
    /// [`Signed::digest`] of the credential that was shown.
    pub credential: Digest,
    pub asked: Capabilities,
    pub granted: Capabilities,
    pub reason: String,
    pub ticket: String,
    /// The words the user saw.
    pub text: String,
    pub asked_ms: u64,
    pub answered_ms: u64,
    /// The grants end here at the latest.
    pub until_ms: u64,
}

impl Statement for Consent {
    const CONTEXT: &'static str = "sightline consent v1";
}

/// The technician has seen this consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentSeen {
    pub consent: Digest,
}

impl Statement for ConsentSeen {
    const CONTEXT: &'static str = "sightline consent seen v1";
}

/// A class key sealed to one auditor by HPKE (RFC 9180, base mode).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    pub auditor: WrapKey,
    pub class: Class,
    /// The KEM's encapsulated key.
    pub encapsulated: [u8; 32],
    pub sealed: Vec<u8>,
}

/// One epoch's keys: a commitment to each class key, and the wraps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochKeys {
    pub epoch: u32,
    /// SHA-256 over a label and the class key, so that an opened wrap can be checked.
    pub commitments: Vec<(Class, Digest)>,
    pub wraps: Vec<Wrap>,
}

/// A technician in the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    pub author: Author,
    pub key: PublicKey,
    pub credential: Signed<Credential>,
}

/// What a recording begins with; signed by the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub session: SessionId,
    /// The agent's own count of its sessions, from 1. A number whose manifest never got a receipt is skipped.
    pub number: u64,
    /// Digest of the manifest of the agent's last session that got a receipt: a session that disappears is missed.
    pub previous: Option<Digest>,
    /// The bundle by which everything below is checked.
    pub bundle: Signed<OrgBundle>,
    pub agent: PublicKey,
    pub technicians: Vec<Participant>,
    pub consent: Signed<Consent>,
    pub consent_seen: Signed<ConsentSeen>,
    pub started_ms: u64,
    pub keys: EpochKeys,
}

impl Statement for Manifest {
    const CONTEXT: &'static str = "sightline manifest v1";
}

/// The technician recomputed this manifest's wraps and commitments and found them right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSeen {
    pub manifest: Digest,
}

impl Statement for ManifestSeen {
    const CONTEXT: &'static str = "sightline manifest seen v1";
}

/// The relay durably holds a recording's manifest and its first `bytes`; signed by the receipt key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub session: SessionId,
    /// [`Signed::digest`] of the manifest.
    pub manifest: Digest,
    /// Records durably held, and the file's length up to them.
    pub records: u64,
    pub bytes: u64,
    /// [`crate::recording::Order`] over the entries up to there.
    pub order: Digest,
    pub at_ms: u64,
    /// The relay's ledger when it signed: a relay that shows two ledgers contradicts its own receipts.
    pub ledger: TreeHead,
}

impl Statement for Receipt {
    const CONTEXT: &'static str = "sightline receipt v1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;
    use crate::statement::SigningKey;

    const NOW: u64 = 1_800_000_000_000;

    fn organisation(seed: u8) -> (SigningKey, OrgBundle) {
        let root = SigningKey::from_seed(&[seed; 32]);
        let issuer = SigningKey::from_seed(&[seed + 1; 32]);
        let bundle = OrgBundle {
            serial: 1,
            organisation: "Example".into(),
            root: root.public(),
            issuer: issuer.public(),
            relay: RelayIdentity {
                address: "relay:4600".into(),
                certificate: Digest([0; 32]),
                receipt_key: root.public(),
            },
            auditors: Vec::new(),
            tiers: vec![Tier {
                number: 1,
                name: "look".into(),
                capabilities: Capabilities::of(&[Capability::View]),
            }],
            issued_ms: NOW,
        };
        (issuer, bundle)
    }

    fn credential(holder: PublicKey) -> Credential {
        Credential {
            technician: holder,
            name: "Tess".into(),
            organisation: "Example".into(),
            tier: 1,
            issued_ms: NOW,
            expires_ms: NOW + CREDENTIAL_LIFE_MS,
        }
    }

    #[test]
    fn a_credential_is_believed_only_whole_and_in_time() {
        let (issuer, bundle) = organisation(1);
        let holder = SigningKey::from_seed(&[9; 32]).public();
        let good = credential(holder);
        let check = |c: &Credential, key: &SigningKey, at| {
            Credential::check(&Signed::sign(c, key), &bundle, &holder, at).map(|_| ())
        };
        assert_eq!(check(&good, &issuer, NOW), Ok(()));
        assert_eq!(
            check(&good, &issuer, NOW + CREDENTIAL_LIFE_MS),
            Err(CredentialError::Expired)
        );
        assert_eq!(
            check(&good, &issuer, NOW - CLOCK_SKEW_MS - 1),
            Err(CredentialError::NotYet)
        );
        let (foreign, _) = organisation(5);
        assert_eq!(check(&good, &foreign, NOW), Err(CredentialError::Foreign));
        let mut long = good.clone();
        long.expires_ms += 1;
        assert_eq!(check(&long, &issuer, NOW), Err(CredentialError::TooLong));
        let mut tier = good.clone();
        tier.tier = 9;
        assert_eq!(
            check(&tier, &issuer, NOW),
            Err(CredentialError::NoSuchTier(9))
        );
        let mut other = good;
        other.technician = PublicKey([3; 32]);
        assert_eq!(check(&other, &issuer, NOW), Err(CredentialError::OtherKey));
    }

    #[test]
    fn a_bundle_must_be_signed_by_the_root_it_names() {
        let (issuer, bundle) = organisation(1);
        let root = SigningKey::from_seed(&[1; 32]);
        assert!(OrgBundle::open(&Signed::sign(&bundle, &root)).is_ok());
        assert!(OrgBundle::open(&Signed::sign(&bundle, &issuer)).is_err());
    }
}
