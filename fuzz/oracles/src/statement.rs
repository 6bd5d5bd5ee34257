//! Statements: bare, signed, and by their rules.

use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, Statement};
use sightline_protocol::statements::{
    CLOCK_SKEW_MS, CREDENTIAL_LIFE_MS, Consent, ConsentSeen, Credential, Manifest, ManifestSeen,
    OrgBundle, Receipt,
};
use sightline_protocol::wire;

use crate::people::{self, START};

pub fn check(data: &[u8]) {
    kind::<OrgBundle>(data);
    kind::<Credential>(data);
    kind::<Consent>(data);
    kind::<ConsentSeen>(data);
    kind::<Manifest>(data);
    kind::<ManifestSeen>(data);
    kind::<Receipt>(data);
    if let Ok(sealed) = wire::decode::<SealedManifest>(data) {
        assert_eq!(wire::encode(&sealed), data);
    }
    if let Ok(signed) = wire::decode::<Signed<OrgBundle>>(data)
        && let Ok(bundle) = OrgBundle::open(&signed)
    {
        assert_eq!(bundle.root, signed.key);
    }
    if let Ok(credential) = wire::decode::<Credential>(data) {
        believed(&credential);
    }
}

fn kind<T: Statement>(data: &[u8]) {
    if let Ok(statement) = wire::decode::<T>(data) {
        assert_eq!(
            wire::encode(&statement),
            data,
            "another encoding was accepted"
        );
    }
    if let Ok(signed) = wire::decode::<Signed<T>>(data) {
        assert_eq!(wire::encode(&signed), data, "another encoding was accepted");
        if let Ok(statement) = signed.verify(&signed.key) {
            assert_eq!(wire::encode(&statement), signed.body);
        }
        let _ = signed.digest();
    }
}

/// Whatever an issuer may sign, only what the rules allow is believed.
fn believed(credential: &Credential) {
    let signed = Signed::sign(credential, &people::issuer());
    let bundle = people::bundle();
    let holder = people::technician_key().public();
    if Credential::check(&signed, &bundle, &holder, START.unix_ms).is_ok() {
        assert_eq!(credential.technician, holder);
        assert_eq!(credential.organisation, bundle.organisation);
        assert!(bundle.tier(credential.tier).is_some());
        assert!(credential.expires_ms > START.unix_ms);
        assert!(credential.issued_ms <= START.unix_ms + CLOCK_SKEW_MS);
        assert!(credential.expires_ms - credential.issued_ms <= CREDENTIAL_LIFE_MS);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let sealed = people::sealed_manifest();
    let receipt = people::receipt(sealed.manifest.digest());
    vec![
        wire::encode(&people::bundle()),
        wire::encode(&people::signed_bundle()),
        wire::encode(&people::credential()),
        wire::encode(&people::signed_credential()),
        wire::encode(&sealed),
        sealed.manifest.body.clone(),
        wire::encode(&sealed.seen),
        wire::encode(&receipt),
    ]
}
