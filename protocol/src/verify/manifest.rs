//! A recording's manifest, believed from the organisation's root down (PROTOCOL.md §6.3).

use crate::id::{Author, Digest};
use crate::recording::SealedManifest;
use crate::statement::StatementError;
use crate::statements::{Consent, Credential, CredentialError, Manifest, OrgBundle};

/// Why a manifest is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the recording's {0} is not genuine: {1}")]
    NotGenuine(&'static str, StatementError),
    #[error("the recording is of another organisation")]
    Foreign,
    #[error("the technician was not entitled to the session: {0}")]
    Credential(CredentialError),
    #[error("the recording's manifest does not fit together: {0}")]
    Inconsistent(&'static str),
}

/// A manifest whose signatures were all verified.
#[derive(Clone, Debug)]
pub struct VerifiedManifest {
    pub digest: Digest,
    pub manifest: Manifest,
    pub bundle: OrgBundle,
    pub consent: Consent,
    pub credential: Credential,
}

impl VerifiedManifest {
    /// Verifies from the organisation's root down. `root`: the bundle whose root is trusted.
    pub fn verify(sealed: &SealedManifest, root: &OrgBundle) -> Result<Self, ManifestError> {
        let genuine = |what| move |e| ManifestError::NotGenuine(what, e);
        let manifest = sealed
            .manifest
            .verify(&sealed.manifest.key)
            .map_err(genuine("manifest"))?;
        if manifest.agent != sealed.manifest.key {
            return Err(ManifestError::Inconsistent("it is not signed by its agent"));
        }
        let bundle = OrgBundle::open(&manifest.bundle).map_err(genuine("bundle"))?;
        if bundle.root != root.root {
            return Err(ManifestError::Foreign);
        }
        let [technician] = &manifest.technicians[..] else {
            return Err(ManifestError::Inconsistent("it names no single technician"));
        };
        let consent = manifest
            .consent
            .verify(&manifest.agent)
            .map_err(genuine("consent"))?;
        // It may run out while the user thinks.
        let (holder, at_ms) = (&technician.key, consent.asked_ms);
        let credential = Credential::check(&technician.credential, &bundle, holder, at_ms)
            .map_err(|error| match error {
                CredentialError::NotGenuine(error) => {
                    ManifestError::NotGenuine("credential", error)
                }
                error => ManifestError::Credential(error),
            })?;
        let consent_seen = manifest
            .consent_seen
            .verify(&technician.key)
            .map_err(genuine("technician's word on the consent"))?;
        let seen = sealed
            .seen
            .verify(&technician.key)
            .map_err(genuine("technician's word on the manifest"))?;
        let tier = bundle.tier(credential.tier);
        let fits = consent.session == manifest.session
            && consent.technician == technician.key
            && consent.credential == technician.credential.digest()
            && consent.agent == manifest.agent
            && technician.author == Author::FIRST_TECHNICIAN
            && consent.granted.is_subset_of(consent.asked)
            && tier.is_some_and(|tier| consent.asked.is_subset_of(tier.capabilities))
            && consent_seen.consent == manifest.consent.digest()
            && seen.manifest == sealed.manifest.digest();
        if !fits {
            return Err(ManifestError::Inconsistent("its statements contradict"));
        }
        Ok(VerifiedManifest {
            digest: sealed.manifest.digest(),
            manifest,
            bundle,
            consent,
            credential,
        })
    }
}
