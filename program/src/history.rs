//! The user's own record of a session: a plain text file, kept by the agent, that people can read and by which the
//! relay's recording can be checked.
//!
//! Absent: where the files are and when they are written (the agent does that), and what verifying means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sightline_ends::content::{Direction, FileNote, Form};
use sightline_ends::text::harmless;
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Digest, PublicKey, SessionId};
use sightline_protocol::statement::{Signed, Statement};
use sightline_protocol::statements::Receipt;
use sightline_protocol::wire;

use crate::clock::{local_time, utc_time};

/// Written at the top of each file.
const HEAD: &str = "\
# A session of remote support on this computer, written down by sightline-agent for whoever uses it.
# The part [proof] holds the relay to its recording: `sightline verify` compares them.

";

/// Why a file is not a session's history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("this is not a session's history: {0}")]
    Malformed(#[from] toml::de::Error),
    #[error("the history's '{0}' is damaged")]
    Proof(&'static str),
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    Ended,
}

/// A moment: local time for people, UTC beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub local: String,
    pub utc: String,
}

impl Moment {
    pub fn at(unix_ms: u64) -> Moment {
        Moment {
            local: local_time(unix_ms),
            utc: utc_time(unix_ms),
        }
    }
}

/// Who helped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub name: String,
    pub organisation: String,
    /// 64 hexadecimal digits.
    pub key: String,
    pub fingerprint: String,
}

/// What was asked and allowed at the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub asked: String,
    pub allowed: String,
    /// In the technician's words.
    pub reason: String,
    pub ticket: String,
    /// The rights end here at the latest.
    pub until: Moment,
}

/// From here on this was allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub allowed: String,
    pub at: Moment,
}

/// The recording was behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub from: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
}

/// A terminal that was open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Its lane.
    pub number: u32,
    /// What it ran; empty: the user's shell.
    pub command: String,
    pub from: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// Its exit code, or 128 + the number of a signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// Files that are listed one by one: the file stays below what is read of one (1 MiB), whatever the technician sends.
const MOST_FILES: usize = 500;
/// Characters of a name that are kept.
const FILE_NAME: usize = 255;

/// A file that was copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub name: String,
    /// `to this computer` or `to the technician`.
    pub direction: String,
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
    pub at: Moment,
}

fn said(direction: Direction) -> &'static str {
    match direction {
        Direction::ToUser => "to this computer",
        Direction::ToTechnician => "to the technician",
    }
}

/// Contents of clipboards that are listed one by one.
const MOST_CLIPBOARD: usize = 500;

/// Something that went over by the clipboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clipping {
    /// `text`, `html` or `png`.
    pub form: String,
    /// `to this computer` or `to the technician`.
    pub direction: String,
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
    pub at: Moment,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// In words.
    pub how: String,
    /// A close code; none if the agent was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
}

/// Signed statements, Base64 of their bytes on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Proof {
    /// Digest of the signed manifest, 64 hexadecimal digits.
    manifest: String,
    /// The agent's key, 64 hexadecimal digits.
    agent: String,
    first_receipt: String,
    last_receipt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    technician_checkpoint: Option<String>,
}

/// One session, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The agent's own count.
    pub number: u64,
    /// 32 hexadecimal digits.
    pub session: String,
    pub state: State,
    pub computer: String,
    /// Inputs of the technician on which the agent did not act.
    pub input_dropped: u64,
    /// What was done, in the technician's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Files that were copied and are not listed below, because they were too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_not_listed: u64,
    /// The same of what went over by the clipboard.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clipboard_not_listed: u64,
    pub start: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    pub technician: Who,
    pub consent: Consent,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminals: Vec<Terminal>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Copied>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clipboard: Vec<Clipping>,
    proof: Proof,
}

/// What is known when a session begins.
pub struct Beginning<'a> {
    pub number: u64,
    pub session: SessionId,
    pub computer: &'a str,
    pub start_ms: u64,
    pub technician: Who,
    pub consent: Consent,
    pub agent: PublicKey,
    pub manifest: Digest,
    pub receipt: &'a Signed<Receipt>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn encoded<T: Statement>(signed: &Signed<T>) -> String {
    STANDARD.encode(wire::encode(signed))
}

fn decoded<T: Statement>(text: &str, what: &'static str) -> Result<Signed<T>, HistoryError> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| HistoryError::Proof(what))?;
    wire::decode(&bytes).map_err(|_| HistoryError::Proof(what))
}

impl History {
    pub fn begin(from: Beginning<'_>) -> History {
        let receipt = encoded(from.receipt);
        History {
            number: from.number,
            session: from.session.to_string(),
            state: State::Running,
            computer: from.computer.to_owned(),
            input_dropped: 0,
            start: Moment::at(from.start_ms),
            end: None,
            technician: from.technician,
            consent: from.consent,
            note: String::new(),
            changes: Vec::new(),
            pauses: Vec::new(),
            terminals: Vec::new(),
            files: Vec::new(),
            clipboard: Vec::new(),
            files_not_listed: 0,
            clipboard_not_listed: 0,
            proof: Proof {
                manifest: from.manifest.to_string(),
                agent: from.agent.to_string(),
                first_receipt: receipt.clone(),
                last_receipt: receipt,
                own_checkpoint: None,
                technician_checkpoint: None,
            },
        }
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<History, HistoryError> {
        Ok(toml::from_str(text)?)
    }

    /// A file's text.
    pub fn text(&self) -> String {
        let body = toml::to_string(self).expect("texts, numbers and tables");
        format!("{HEAD}{body}")
    }

    /// A terminal was opened.
    pub fn shell_opened(&mut self, number: u32, command: String, from: Moment) {
        self.terminals.push(Terminal {
            number,
            command,
            from,
            to: None,
            exit_code: None,
        });
    }

    /// Its program ended.
    pub fn shell_ended(&mut self, number: u32, code: i32, at: Moment) {
        let of = self.terminals.iter_mut();
        if let Some(terminal) = of.rev().find(|terminal| terminal.number == number) {
            (terminal.to, terminal.exit_code) = (Some(at), Some(code));
        }
    }

    /// The session ended, for this reason.
    pub fn close(&mut self, code: CloseCode, at_ms: u64) {
        self.state = State::Ended;
        self.end = Some(End {
            how: code.sentence().to_owned(),
            code: Some(code.number()),
            at: Some(Moment::at(at_ms)),
        });
    }

    /// A file was copied.
    pub fn add_file(&mut self, note: &FileNote, at_ms: u64) {
        if self.files.len() >= MOST_FILES {
            self.files_not_listed += 1;
            return;
        }
        self.files.push(Copied {
            name: harmless(&note.name, FILE_NAME),
            direction: said(note.direction).into(),
            bytes: note.bytes,
            sha256: note.sha256.to_string(),
            at: Moment::at(at_ms),
        });
    }

    /// Something went over by the clipboard.
    pub fn add_copied(
        &mut self,
        form: Form,
        direction: Direction,
        bytes: u64,
        sha256: &Digest,
        at_ms: u64,
    ) {
        if self.clipboard.len() >= MOST_CLIPBOARD {
            self.clipboard_not_listed += 1;
            return;
        }
        self.clipboard.push(Clipping {
            form: form.word().into(),
            direction: said(direction).into(),
            bytes,
            sha256: sha256.to_string(),
            at: Moment::at(at_ms),
        });
    }

    pub fn set_receipt(&mut self, last: &Signed<Receipt>) {
        self.proof.last_receipt = encoded(last);
    }

    pub fn set_own_checkpoint(&mut self, last: &Signed<Checkpoint>) {
        self.proof.own_checkpoint = Some(encoded(last));
    }

    pub fn set_technician_checkpoint(&mut self, last: &Signed<Checkpoint>) {
        self.proof.technician_checkpoint = Some(encoded(last));
    }

    /// Digest of the signed manifest.
    pub fn manifest(&self) -> Result<Digest, HistoryError> {
        Digest::from_hex(&self.proof.manifest).ok_or(HistoryError::Proof("manifest"))
    }

    /// The key of the agent that kept this.
    pub fn agent(&self) -> Result<PublicKey, HistoryError> {
        PublicKey::from_hex(&self.proof.agent).ok_or(HistoryError::Proof("agent"))
    }

    pub fn session(&self) -> Result<SessionId, HistoryError> {
        SessionId::from_hex(&self.session).ok_or(HistoryError::Proof("session"))
    }

    /// The relay's receipts, first and last, as the agent had verified them; to be verified again by whoever reads this.
    pub fn receipts(&self) -> Result<Vec<Signed<Receipt>>, HistoryError> {
        let first = decoded(&self.proof.first_receipt, "first_receipt")?;
        let last = decoded(&self.proof.last_receipt, "last_receipt")?;
        Ok(vec![first, last])
    }

    /// The last checkpoints, the agent's own and then the technician's, as far as there are any.
    pub fn checkpoints(&self) -> Result<Vec<Signed<Checkpoint>>, HistoryError> {
        let proof = &self.proof;
        let own = proof
            .own_checkpoint
            .iter()
            .map(|text| decoded(text, "own_checkpoint"));
        let theirs = proof.technician_checkpoint.iter();
        let theirs = theirs.map(|text| decoded(text, "technician_checkpoint"));
        own.chain(theirs).collect()
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::statement::SigningKey;

    use super::*;

    fn receipt() -> Signed<Receipt> {
        // Any signed bytes do: they are kept, not believed.
        let key = SigningKey::from_seed(&[1; 32]);
        let seen = sightline_protocol::statements::ManifestSeen {
            manifest: Digest([3; 32]),
        };
        wire::decode(&wire::encode(&Signed::sign(&seen, &key))).unwrap()
    }

    fn history() -> History {
        let receipt = receipt();
        History::begin(Beginning {
            number: 7,
            session: SessionId([5; 16]),
            computer: "pc",
            start_ms: 1_800_000_000_000,
            technician: Who {
                name: "Tess \"the\" Technician\n".into(),
                organisation: "Example".into(),
                key: "00".into(),
                fingerprint: "ab".into(),
            },
            consent: Consent {
                asked: "view, control".into(),
                allowed: "view".into(),
                reason: "[end]\nhow = 'printer'".into(),
                ticket: String::new(),
                until: Moment::at(1_800_000_100_000),
            },
            agent: PublicKey([2; 32]),
            manifest: Digest([3; 32]),
            receipt: &receipt,
        })
    }

    #[test]
    fn a_file_leads_back_whatever_the_technician_wrote() {
        let mut history = history();
        assert_eq!(History::parse(&history.text()).unwrap(), history);
        history.changes.push(Change {
            allowed: "view".into(),
            at: Moment::at(1_800_000_001_000),
        });
        history.pauses.push(Pause {
            from: Moment::at(0),
            to: None,
        });
        let note = FileNote {
            name: "[end]\n\u{202e}driver.deb".into(),
            bytes: 7,
            sha256: Digest([1; 32]),
            direction: Direction::ToUser,
        };
        (0..502).for_each(|_| history.add_file(&note, 1));
        assert_eq!((history.files.len(), history.files_not_listed), (500, 2));
        history.end = Some(End {
            how: "the agent was killed".into(),
            code: None,
            at: None,
        });
        let read = History::parse(&history.text()).unwrap();
        assert_eq!(read, history);
        assert_eq!(read.start.utc, "2027-01-15T08:00:00Z");
        assert_eq!(read.receipts().unwrap(), [receipt(), receipt()]);
        assert!(read.checkpoints().unwrap().is_empty());
        assert_eq!(read.manifest().unwrap(), Digest([3; 32]));
    }

    #[test]
    fn damage_is_said_and_names_the_place() {
        assert!(History::parse("number = 1").is_err());
        let text = history().text();
        let bent = text.replace("last_receipt = \"", "last_receipt = \"!");
        let error = History::parse(&bent).unwrap().receipts().unwrap_err();
        assert_eq!(error.to_string(), "the history's 'last_receipt' is damaged");
    }
}
