//! What an agent keeps between sessions: its key and the organisation it trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sightline_program::clock::Chance;
use sightline_program::files::{self, FileError, Mode};
use sightline_program::report::Report;
use sightline_protocol::id::Digest;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::OrgBundle;

use super::history::HistoryFolder;

/// The agent's folder.
pub struct Home {
    folder: PathBuf,
}

/// How many sessions there were, so that one that disappears from the relay is missed.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Count {
    /// The last session's number.
    number: u64,
    /// The manifest's digest of the last session that got a receipt, in hexadecimal.
    receipted: Option<String>,
}

/// Why the folder's contents do not do.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "this computer trusts no organisation yet: get the file org.bundle from your administrator and run\n  sightline-agent join org.bundle"
    )]
    NotJoined,
    #[error(
        "this computer already trusts {old}; the file is of {new} with another root key. If that is what you want, run again with --replace"
    )]
    OtherRoot { old: String, new: String },
    #[error(
        "{} is damaged ({_1}): if you remove it, this computer counts its sessions from 1 again", _0.display()
    )]
    Count(PathBuf, String),
    #[error(
        "the file is older (version {new}) than what this computer has (version {old}); ask for the newest"
    )]
    Older { old: u64, new: u64 },
}

impl Home {
    pub fn at(folder: Option<PathBuf>) -> Home {
        Home {
            folder: files::home(folder, "sightline-agent"),
        }
    }

    /// The history of its sessions.
    pub fn history(&self) -> HistoryFolder {
        HistoryFolder::at(self.folder.join("history"))
    }

    fn bundle_path(&self) -> PathBuf {
        self.folder.join("org.bundle")
    }

    /// Trusts the organisation of this bundle from now on.
    pub fn join(&self, file: &Path, replace: bool, report: Report) -> Result<(), HomeError> {
        let (_, new) = files::read_bundle(file)?;
        if let Ok((_, old)) = files::read_bundle(&self.bundle_path()) {
            if old.root != new.root && !replace {
                return Err(HomeError::OtherRoot {
                    old: old.organisation,
                    new: new.organisation,
                });
            }
            if old.root == new.root && new.serial < old.serial {
                return Err(HomeError::Older {
                    old: old.serial,
                    new: new.serial,
                });
            }
        }
        files::create_folder(&self.folder)?;
        let bytes = files::read(file)?;
        files::replace(&self.bundle_path(), &bytes, Mode::Public)?;
        let words = format!(
            "This computer now trusts {}.\nRoot key: {}  (compare it with what your administrator says)",
            new.organisation,
            new.root.fingerprint()
        );
        report.say("joined", files::bundle_facts(&new), words);
        Ok(())
    }

    /// Keeps a newer bundle of the organisation that this computer trusts already.
    pub fn keep(&self, newer: &Signed<OrgBundle>) -> Result<(), HomeError> {
        let bytes = sightline_protocol::wire::encode(newer);
        Ok(files::replace(&self.bundle_path(), &bytes, Mode::Public)?)
    }

    /// The organisation that this computer trusts.
    pub fn organisation(&self) -> Result<(Signed<OrgBundle>, OrgBundle), HomeError> {
        match files::read_bundle(&self.bundle_path()) {
            Err(error) if error.is_not_found() => Err(HomeError::NotJoined),
            other => Ok(other?),
        }
    }

    /// This computer's key; made at first need.
    pub fn key(&self) -> Result<Arc<SigningKey>, HomeError> {
        let path = self.folder.join("agent.key");
        match files::read_signing_key(&path) {
            Ok(key) => Ok(Arc::new(key)),
            Err(error) if error.is_not_found() => {
                files::create_folder(&self.folder)?;
                let seed = sightline_ends::rng::seed(&mut Chance::default());
                let key = SigningKey::from_seed(&seed);
                files::create(&path, files::signing_key_pem(&key).as_bytes(), Mode::Secret)?;
                Ok(Arc::new(key))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn count_path(&self) -> PathBuf {
        self.folder.join("sessions.count")
    }

    fn count(&self) -> Result<Count, HomeError> {
        let path = self.count_path();
        match files::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| HomeError::Count(path, error.to_string())),
            Err(error) if error.is_not_found() => Ok(Count::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep_count(&self, count: &Count) -> Result<(), HomeError> {
        let bytes = serde_json::to_vec(count).expect("a number and a text");
        files::create_folder(&self.folder)?;
        Ok(files::replace(&self.count_path(), &bytes, Mode::Secret)?)
    }

    /// The next session's number, durably taken, and the manifest of the last session that got a receipt.
    pub fn next_session(&self) -> Result<(u64, Option<Digest>), HomeError> {
        let mut count = self.count()?;
        count.number += 1;
        self.keep_count(&count)?;
        let last = count.receipted.as_deref().and_then(Digest::from_hex);
        Ok((count.number, last))
    }

    /// The session of this manifest got its receipt: the next session names it.
    pub fn receipted(&self, manifest: Digest) -> Result<(), HomeError> {
        let mut count = self.count()?;
        count.receipted = Some(manifest.to_string());
        self.keep_count(&count)
    }

    /// Says whom this computer trusts and by which key it is known.
    pub fn describe(&self, report: Report) -> Result<(), HomeError> {
        let (_, bundle) = self.organisation()?;
        let key = self.key()?.public();
        let facts = json!({
            "trusts": files::bundle_facts(&bundle),
            "agent": key.to_string(),
        });
        let words = format!(
            "Organisation  {}\nRoot key      {}\nRelay         {}\nThis computer {}",
            bundle.organisation,
            bundle.root.fingerprint(),
            bundle.relay.address,
            key.fingerprint()
        );
        report.say("status", facts, words);
        Ok(())
    }
}
