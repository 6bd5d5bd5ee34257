//! A recording read once from its beginning, opened with an auditor's key. Holds one record at a time.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use sightline_ends::keys::AuditorKey;
use sightline_ends::replay::{Content, RecordingOpener, VerifiedManifest};
use sightline_program::files;
use sightline_protocol::close::CloseCode;
use sightline_protocol::record::{HEADER, Header};
use sightline_protocol::recording::{Entry, RecordingError, RecordingReader};
use sightline_protocol::statements::OrgBundle;

use crate::io::technician;
use crate::pure::evidence::event::Event;
use crate::pure::evidence::rows::Session;

/// Who looks: a key, and the organisation whose recordings are believed.
pub struct Auditor {
    pub key: AuditorKey,
    pub trusted: OrgBundle,
}

impl Auditor {
    pub fn read(path: &Path) -> anyhow::Result<Auditor> {
        let (_, trusted) = technician::read_bundle(path, &files::read(path)?)?;
        Ok(Auditor {
            key: files::read_auditor_key(path)?,
            trusted,
        })
    }
}

/// A recording being read.
pub struct Source {
    path: PathBuf,
    reader: RecordingReader<BufReader<File>>,
    opener: RecordingOpener,
    pub verified: VerifiedManifest,
    /// Bytes of the file.
    pub size: u64,
    /// Latest time that was read.
    pub length: Duration,
    /// The session's reason to end, once that was read.
    pub closed: Option<CloseCode>,
    /// Why there is nothing to read after what was read.
    pub broken: Option<String>,
    /// The file ends inside an entry.
    torn: bool,
    /// Where the last whole entry ends.
    end: u64,
}

/// A record as it stands in the file.
pub struct Raw {
    pub header: Header,
    pub bytes: Vec<u8>,
    /// Where its entry begins in the file.
    pub offset: u64,
}

impl Source {
    pub fn open(path: &Path, auditor: &Auditor) -> anyhow::Result<Source> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let size = file.metadata()?.len();
        let mut reader = RecordingReader::open(BufReader::new(file))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest = match reader.next_entry() {
            Ok(Some(Entry::Manifest(manifest))) => manifest,
            Ok(_) => bail!("the recording has no manifest: nothing was shown in this session"),
            Err(error) => bail!("the recording's manifest cannot be read: {error}"),
        };
        let verified = VerifiedManifest::verify(&manifest, &auditor.trusted)?;
        if verified.manifest.session != reader.session() {
            bail!("the recording's manifest is of another session");
        }
        Ok(Source {
            path: path.to_owned(),
            opener: RecordingOpener::new(&verified, &auditor.key)?,
            reader,
            verified,
            size,
            length: Duration::ZERO,
            closed: None,
            broken: None,
            torn: false,
            end: 0,
        })
    }

    /// The next record, still sealed; `None` at the end of what can be read.
    pub fn next_raw(&mut self) -> anyhow::Result<Option<Raw>> {
        loop {
            let offset = self.reader.offset();
            self.end = offset;
            match self.reader.next_entry() {
                Ok(Some(Entry::Record(bytes))) => {
                    let head = bytes.first_chunk::<HEADER>().map(Header::parse);
                    let Some(Ok(header)) = head else {
                        bail!("the record at byte {offset} has a malformed header");
                    };
                    self.length = self.length.max(Duration::from_micros(header.time_us));
                    return Ok(Some(Raw {
                        header,
                        bytes,
                        offset,
                    }));
                }
                Ok(Some(Entry::Close(code))) => self.closed = Some(CloseCode::from_number(code)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.torn = matches!(error, RecordingError::Torn);
                    self.broken = Some(error.to_string());
                    return Ok(None);
                }
            }
        }
    }

    pub fn open_raw(&mut self, raw: &Raw) -> anyhow::Result<Content> {
        let opened = self.opener.open(&raw.bytes);
        let (_, content) = opened.with_context(|| format!("at byte {} of the file", raw.offset))?;
        Ok(content)
    }

    /// The next record, opened.
    pub fn next_content(&mut self) -> anyhow::Result<Option<(Header, Content)>> {
        let Some(raw) = self.next_raw()? else {
            return Ok(None);
        };
        let content = self.open_raw(&raw)?;
        Ok(Some((raw.header, content)))
    }

    /// Opens a record out of its lane's order.
    pub fn open_alone(&mut self, raw: &Raw) -> anyhow::Result<Content> {
        self.opener.seek();
        self.open_raw(raw)
    }

    /// Reads on from the entry at this place in the file.
    pub fn seek(&mut self, offset: u64) -> anyhow::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        self.reader.resume(BufReader::new(file), offset);
        self.opener.seek();
        Ok(())
    }

    /// At the end of what was there: there may be more later.
    pub fn may_grow(&self) -> bool {
        self.closed.is_none() && (self.broken.is_none() || self.torn)
    }

    /// Reads on from there.
    pub fn look_again(&mut self) -> anyhow::Result<()> {
        (self.broken, self.torn) = (None, false);
        self.size = std::fs::metadata(&self.path)?.len();
        self.seek(self.end)
    }

    /// How far in the file it was read, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        self.reader.offset() as f64 / self.size.max(1) as f64
    }

    /// What the session's statements say.
    pub fn began(&self) -> Event {
        let (consent, name) = (&self.verified.consent, &self.verified.credential.name);
        let organisation = &self.verified.bundle.organisation;
        let mut text = format!("{name} of {organisation}");
        for (what, words) in [("reason", &consent.reason), ("ticket", &consent.ticket)] {
            if !words.is_empty() {
                text.push_str(&format!("; {what}: {words}"));
            }
        }
        let mut event = Event::of_recording(Duration::ZERO, "began", text);
        event.facts = vec![
            ("sightline.organisation", json!(organisation)),
            ("sightline.reason", json!(consent.reason)),
            ("sightline.ticket", json!(consent.ticket)),
            ("sightline.granted", json!(consent.granted.to_string())),
            ("sightline.consent", json!(consent.text)),
        ];
        event
    }

    /// How it ended; after everything was read.
    pub fn ended(&self) -> Event {
        let text = match (&self.broken, self.closed) {
            (Some(why), _) => format!("the recording cannot be read to its end: {why}"),
            (None, Some(code)) => code.sentence().to_owned(),
            (None, None) => "the recording has no end: still running, or cut off".to_owned(),
        };
        let mut event = Event::of_recording(self.length, "ended", text);
        if let Some(code) = self.closed {
            event.facts.push(("sightline.close", code.number().into()));
        }
        event
    }

    pub fn session(&self) -> Session {
        let manifest = &self.verified.manifest;
        let technician = &self.verified.consent.technician;
        Session {
            id: manifest.session.to_string(),
            started_ms: manifest.started_ms,
            technician: self.verified.credential.name.clone(),
            technician_fingerprint: technician.fingerprint(),
            agent_fingerprint: manifest.agent.fingerprint(),
        }
    }
}
