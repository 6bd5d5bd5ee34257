//! Keys and statements as files: PEM (RFC 7468), secrets with mode 0600, written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pem::Pem;
use serde_json::json;
use sightline_ends::keys::AuditorKey;
use sightline_protocol::statement::{Signed, SigningKey, Statement};
use sightline_protocol::statements::OrgBundle;
use sightline_protocol::wire;
use zeroize::Zeroizing;

/// Why a file of ours cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot {doing} {path}: {error}", path = .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("the file {path} exists already and is not overwritten", path = .0.display())]
    Exists(PathBuf),
    #[error("the file {path} is not {what}: {why}", path = .path.display())]
    Malformed {
        path: PathBuf,
        what: &'static str,
        why: String,
    },
}

impl FileError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        let path = path.to_owned();
        move |error| FileError::Io { doing, path, error }
    }

    fn malformed(path: &Path, what: &'static str, why: impl ToString) -> FileError {
        FileError::Malformed {
            path: path.to_owned(),
            what,
            why: why.to_string(),
        }
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, FileError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Files of ours are small: 1 MiB holds a bundle with hundreds of auditors.
const FILE_CAP: u64 = 1 << 20;

/// Reads a whole small file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .map_err(FileError::io("open", path))?
        .take(FILE_CAP)
        .read_to_end(&mut bytes)
        .map_err(FileError::io("read", path))?;
    Ok(bytes)
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0600.
    Secret,
    /// 0644.
    Public,
}

/// Writes a new file; one that exists stays as it is.
pub fn create(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
    if path.symlink_metadata().is_ok() {
        return Err(FileError::Exists(path.to_owned()));
    }
    replace(path, bytes, mode)
}

/// Writes a file, new or in place of the old one: whole or not at all.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let write = || -> io::Result<()> {
        let _ = std::fs::remove_file(&beside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(match mode {
                Mode::Secret => 0o600,
                Mode::Public => 0o644,
            })
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        FileError::Io {
            doing: "write",
            path: path.to_owned(),
            error,
        }
    })
}

/// Makes a folder (mode 0700 if new) and those above it.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(FileError::io("create", path))
}

const SIGNING_LABEL: &str = "PRIVATE KEY";
const AUDITOR_LABEL: &str = "SIGHTLINE AUDITOR KEY";

/// Encodes sections of label and bytes.
pub fn pem_encode(sections: &[(&str, &[u8])]) -> Zeroizing<String> {
    let sections: Vec<Pem> = sections
        .iter()
        .map(|(label, bytes)| Pem::new(*label, *bytes))
        .collect();
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Zeroizing::new(pem::encode_many_config(&sections, config))
}

/// The bytes of the section of that label.
pub fn pem_section(
    path: &Path,
    text: &[u8],
    label: &str,
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let sections = pem::parse_many(text).map_err(|e| FileError::malformed(path, what, e))?;
    sections
        .into_iter()
        .find(|section| section.tag() == label)
        .map(|section| Zeroizing::new(section.into_contents()))
        .ok_or_else(|| FileError::malformed(path, what, format!("it has no section '{label}'")))
}

/// A signing key as a PEM section (PKCS#8, as openssl reads it).
pub fn signing_key_pem(key: &SigningKey) -> Zeroizing<String> {
    pem_encode(&[(SIGNING_LABEL, key.pkcs8())])
}

pub fn read_signing_key(path: &Path) -> Result<SigningKey, FileError> {
    signing_key_in(path, &read(path)?)
}

/// The signing key among the sections of a file.
pub fn signing_key_in(path: &Path, text: &[u8]) -> Result<SigningKey, FileError> {
    let der = pem_section(path, text, SIGNING_LABEL, "a signing key")?;
    SigningKey::from_pkcs8(&der)
        .ok_or_else(|| FileError::malformed(path, "a signing key", "it is not Ed25519 in PKCS#8"))
}

pub fn auditor_key_pem(key: &AuditorKey) -> Zeroizing<String> {
    pem_encode(&[(AUDITOR_LABEL, key.secret())])
}

pub fn read_auditor_key(path: &Path) -> Result<AuditorKey, FileError> {
    let seed = pem_section(path, &read(path)?, AUDITOR_LABEL, "an auditor key")?;
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(
        seed[..]
            .try_into()
            .map_err(|_| FileError::malformed(path, "an auditor key", "it has not 32 bytes"))?,
    );
    Ok(AuditorKey::from_seed(&seed))
}

/// Reads a signed statement's bytes (as `wire` encodes them).
pub fn decode_signed<T: Statement>(
    path: &Path,
    bytes: &[u8],
    what: &'static str,
) -> Result<Signed<T>, FileError> {
    wire::decode(bytes).map_err(|e| FileError::malformed(path, what, e))
}

/// Reads an organisation's bundle and checks that its own root signed it.
pub fn read_bundle(path: &Path) -> Result<(Signed<OrgBundle>, OrgBundle), FileError> {
    let what = "an organisation's bundle";
    let signed = decode_signed(path, &read(path)?, what)?;
    let bundle = OrgBundle::open(&signed).map_err(|e| FileError::malformed(path, what, e))?;
    Ok((signed, bundle))
}

/// The folder in which a program keeps its things: `given`, or `name` below the user's configuration folder.
pub fn home(given: Option<PathBuf>, name: &str) -> PathBuf {
    given.unwrap_or_else(|| {
        std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
            .unwrap_or_else(|| PathBuf::from("."))
            .join(name)
    })
}

/// A bundle's facts, for reports.
pub fn bundle_facts(bundle: &OrgBundle) -> serde_json::Value {
    json!({
        "organisation": bundle.organisation,
        "serial": bundle.serial,
        "root": bundle.root.to_string(),
        "fingerprint": bundle.root.fingerprint(),
        "relay": bundle.relay.address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_lead_back_and_are_secret_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = SigningKey::from_seed(&[3; 32]);
        create(&path, signing_key_pem(&key).as_bytes(), Mode::Secret).unwrap();
        assert_eq!(read_signing_key(&path).unwrap().public(), key.public());
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            create(&path, b"x", Mode::Secret),
            Err(FileError::Exists(_))
        ));

        let path = folder.path().join("b.key");
        let key = AuditorKey::from_seed(&[4; 32]);
        create(&path, auditor_key_pem(&key).as_bytes(), Mode::Secret).unwrap();
        assert_eq!(read_auditor_key(&path).unwrap().public(), key.public());
        assert!(read_signing_key(&path).is_err());
    }
}
