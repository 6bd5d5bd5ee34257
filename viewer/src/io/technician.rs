//! The technician's file: key, credential and bundle in one, as the administrator hands it out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sightline_program::files::{self, FileError, Mode};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{Credential, OrgBundle};
use sightline_protocol::wire;
use zeroize::Zeroizing;

const CREDENTIAL: &str = "SIGHTLINE CREDENTIAL";
const BUNDLE: &str = "SIGHTLINE ORG BUNDLE";

/// Who the technician is.
pub struct Technician {
    pub key: Arc<SigningKey>,
    pub signed: Signed<Credential>,
    pub credential: Credential,
    pub signed_bundle: Signed<OrgBundle>,
    pub bundle: OrgBundle,
}

/// The file that is used when none is named.
pub fn default_path() -> PathBuf {
    files::home(None, "sightline").join("me.technician")
}

pub fn read(path: &Path) -> Result<Technician, FileError> {
    let text = files::read(path)?;
    let what = "a technician's file";
    let malformed = |why: String| FileError::Malformed {
        path: path.to_owned(),
        what,
        why,
    };
    let key = files::signing_key_in(path, &text)?;
    let credential = files::pem_section(path, &text, CREDENTIAL, what)?;
    let signed: Signed<Credential> = files::decode_signed(path, &credential, what)?;
    let (signed_bundle, bundle) = read_bundle(path, &text)?;
    let credential = signed
        .verify(&bundle.issuer)
        .map_err(|e| malformed(e.to_string()))?;
    if credential.technician != key.public() {
        return Err(malformed(
            "its credential is for another key than the one in it".into(),
        ));
    }
    Ok(Technician {
        key: Arc::new(key),
        signed,
        credential,
        signed_bundle,
        bundle,
    })
}

/// The bundle among the sections of a technician's or an auditor's file.
pub fn read_bundle(path: &Path, text: &[u8]) -> Result<(Signed<OrgBundle>, OrgBundle), FileError> {
    let what = "a file with an organisation's bundle";
    let bytes = files::pem_section(path, text, BUNDLE, what)?;
    let signed = files::decode_signed(path, &bytes, what)?;
    let bundle = OrgBundle::open(&signed).map_err(|e| FileError::Malformed {
        path: path.to_owned(),
        what,
        why: e.to_string(),
    })?;
    Ok((signed, bundle))
}

/// Writes (over the old one, if any) a technician's file.
pub fn write(
    path: &Path,
    key: &SigningKey,
    credential: &Signed<Credential>,
    bundle: &Signed<OrgBundle>,
) -> Result<(), FileError> {
    let mut text = Zeroizing::new(String::clone(&files::signing_key_pem(key)));
    text.push_str(&files::pem_encode(&[
        (CREDENTIAL, &wire::encode(credential)),
        (BUNDLE, &wire::encode(bundle)),
    ]));
    files::replace(path, text.as_bytes(), Mode::Secret)
}

/// A bundle as the last section of a file.
pub fn bundle_section(bundle: &Signed<OrgBundle>) -> Zeroizing<String> {
    files::pem_encode(&[(BUNDLE, &wire::encode(bundle))])
}
