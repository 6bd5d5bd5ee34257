//! Who may come in, and which manifest may begin a recording: everything that the relay can check without being
//! able to look inside.

use sightline_protocol::broker::{self, Begin, Hello};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, PublicKey, SessionId};
use sightline_protocol::statement::StatementError;
use sightline_protocol::statements::{Credential, CredentialError, Manifest, OrgBundle};

use crate::pure::about::About;

/// What a connection is, once its hello is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Agent,
    /// Until its credential expires, in Unix milliseconds.
    Technician {
        until_ms: u64,
    },
}

/// Something refused: the code that travels, and the words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: CloseCode,
    pub why: String,
}

impl Refusal {
    pub fn new(code: CloseCode, why: impl Into<String>) -> Refusal {
        Refusal {
            code,
            why: why.into(),
        }
    }
}

impl From<CredentialError> for Refusal {
    fn from(error: CredentialError) -> Refusal {
        let code = match error {
            CredentialError::Foreign => CloseCode::ForeignOrganisation,
            CredentialError::Expired => CloseCode::CredentialExpired,
            _ => CloseCode::CredentialRefused,
        };
        Refusal::new(code, error.to_string())
    }
}

/// Checks the hello of a connection that proved `key`.
pub fn hello(
    hello: &Hello,
    key: &PublicKey,
    bundle: &OrgBundle,
    now_ms: u64,
) -> Result<Role, Refusal> {
    if hello.version != broker::VERSION {
        let why = format!("it speaks version {}", hello.version);
        return Err(Refusal::new(CloseCode::Unsupported, why));
    }
    match &hello.credential {
        None => Ok(Role::Agent),
        Some(signed) => {
            let credential = Credential::check(signed, bundle, key, now_ms)?;
            Ok(Role::Technician {
                until_ms: credential.expires_ms,
            })
        }
    }
}

/// Who is in a session that is to begin, as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    pub session: SessionId,
    pub agent: PublicKey,
    pub technician: PublicKey,
}

/// A manifest that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub about: About,
    pub technician: Author,
}

/// Checks every signature of a manifest that the relay can check, and that it speaks of this session.
pub fn manifest(begin: &Begin, parties: &Parties, bundle: &OrgBundle) -> Result<Plan, Refusal> {
    let broken = |why: String| Refusal::new(CloseCode::ProtocolViolation, why);
    let unsigned = |what: &'static str| {
        move |error: StatementError| {
            Refusal::new(CloseCode::ProtocolViolation, format!("{what}: {error}"))
        }
    };
    let signed = &begin.manifest.manifest;
    let manifest: Manifest = signed
        .verify(&parties.agent)
        .map_err(unsigned("the manifest"))?;
    if begin.session != parties.session || manifest.session != parties.session {
        return Err(broken("the manifest is of another session".into()));
    }
    if manifest.agent != parties.agent {
        return Err(broken("the manifest names another agent".into()));
    }
    let seen = begin
        .manifest
        .seen
        .verify(&parties.technician)
        .map_err(unsigned("the technician's countersignature"))?;
    if seen.manifest != signed.digest() {
        return Err(broken("the technician signed another manifest".into()));
    }
    organisation(&manifest, bundle)?;
    consent(&manifest, parties)?;
    let technician = participant(&manifest, parties, bundle)?;
    let about = About::read(&begin.manifest).map_err(unsigned("the manifest"))?;
    Ok(Plan { about, technician })
}

/// The bundle inside may be newer or older than ours, but its root must be ours.
fn organisation(manifest: &Manifest, bundle: &OrgBundle) -> Result<(), Refusal> {
    let theirs = OrgBundle::open(&manifest.bundle)
        .map_err(|error| Refusal::new(CloseCode::ProtocolViolation, error.to_string()))?;
    if theirs.root != bundle.root {
        let why = format!(
            "the agent belongs to the organisation {:?}",
            theirs.organisation
        );
        return Err(Refusal::new(CloseCode::ForeignOrganisation, why));
    }
    Ok(())
}

fn consent(manifest: &Manifest, parties: &Parties) -> Result<(), Refusal> {
    let broken = |why: &str| Refusal::new(CloseCode::ProtocolViolation, why);
    let consent = manifest
        .consent
        .verify(&parties.agent)
        .map_err(|error| broken(&format!("the consent: {error}")))?;
    if consent.session != parties.session
        || consent.agent != parties.agent
        || consent.technician != parties.technician
    {
        return Err(broken("the consent is of another session"));
    }
    let seen = manifest
        .consent_seen
        .verify(&parties.technician)
        .map_err(|error| broken(&format!("the consent's countersignature: {error}")))?;
    if seen.consent != manifest.consent.digest() {
        return Err(broken("the technician signed another consent"));
    }
    Ok(())
}

/// A session begins with its one technician, whose credential our issuer gave. Its time was checked at the
/// hello and at the claim.
fn participant(
    manifest: &Manifest,
    parties: &Parties,
    bundle: &OrgBundle,
) -> Result<Author, Refusal> {
    let broken = |why: &str| Refusal::new(CloseCode::ProtocolViolation, why);
    let [technician] = &manifest.technicians[..] else {
        return Err(broken("the manifest does not name one technician"));
    };
    if technician.author != Author::FIRST_TECHNICIAN || technician.key != parties.technician {
        return Err(broken("the manifest names another technician"));
    }
    let credential = technician
        .credential
        .verify(&bundle.issuer)
        .map_err(|error| broken(&format!("the technician's credential: {error}")))?;
    if credential.technician != parties.technician {
        return Err(broken("the credential in the manifest is another's"));
    }
    Ok(technician.author)
}

/// An older bundle than the one that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is older (version {new}) than what the relay has (version {held})")]
pub struct Older {
    held: u64,
    new: u64,
}

/// Whether `new` may take the place of `held`: of one organisation never an older one, for it may name an auditor or an
/// issuer that was removed.
pub fn newer(held: &OrgBundle, new: &OrgBundle) -> Result<(), Older> {
    if new.root == held.root && new.serial < held.serial {
        return Err(Older {
            held: held.serial,
            new: new.serial,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sightline_protocol::id::Digest;
    use sightline_protocol::statements::RelayIdentity;

    use super::*;

    fn bundle(serial: u64) -> OrgBundle {
        OrgBundle {
            serial,
            organisation: "Example".into(),
            root: PublicKey([1; 32]),
            issuer: PublicKey([2; 32]),
            relay: RelayIdentity {
                address: "127.0.0.1:1".into(),
                certificate: Digest([0; 32]),
                receipt_key: PublicKey([3; 32]),
            },
            auditors: Vec::new(),
            tiers: Vec::new(),
            issued_ms: 0,
        }
    }

    #[test]
    fn an_older_bundle_does_not_take_a_newer_ones_place() {
        assert!(newer(&bundle(4), &bundle(3)).is_err());
        assert!(newer(&bundle(4), &bundle(4)).is_ok());
        assert!(newer(&bundle(4), &bundle(5)).is_ok());
    }
}
