//! A recording on disk: verified at its head, indexed, read record by record.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use sightline_ends::replay::VerifiedManifest;
use sightline_protocol::close::CloseCode;
use sightline_protocol::record::{Class, FLAG_WHOLE, HEADER, Header};
use sightline_protocol::recording::{Entry, RecordingReader, SealedManifest};
use sightline_protocol::statements::OrgBundle;

/// A pause in the technician's input after which the next input is a moment worth a mark: 10 s.
const INPUT_PAUSE: Duration = Duration::from_secs(10);

/// A place where playback can start.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub at: Duration,
    offset: u64,
}

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, with the session's reason.
    Closed(CloseCode),
    /// The last entry is whole but there is no close: still running, or the relay was killed.
    Open,
    /// Not readable from there on.
    Broken(String),
}

/// What one pass over the file found.
pub struct Recording {
    path: std::path::PathBuf,
    pub verified: VerifiedManifest,
    /// At least one.
    pub starts: Vec<Start>,
    pub length: Duration,
    /// When the technician's hands became busy.
    pub input_bursts: Vec<Duration>,
    pub records: u64,
    pub end: End,
}

fn header_of(record: &[u8]) -> Option<Header> {
    Header::parse(record.first_chunk::<HEADER>()?).ok()
}

impl Recording {
    /// Reads the whole file once. Its manifest must be genuine by the root of `trusted`.
    pub fn open(path: &Path, trusted: &OrgBundle) -> anyhow::Result<Recording> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut reader = RecordingReader::open(BufReader::new(file))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest = match reader.next_entry() {
            Ok(Some(Entry::Manifest(manifest))) => manifest,
            Ok(_) => bail!("the recording has no manifest: nothing was shown in this session"),
            Err(error) => bail!("the recording's manifest cannot be read: {error}"),
        };
        let verified = verify(&manifest, trusted)?;
        if verified.manifest.session != reader.session() {
            bail!("the recording's manifest is of another session");
        }
        let mut recording = Recording {
            path: path.to_owned(),
            verified,
            starts: Vec::new(),
            length: Duration::ZERO,
            input_bursts: Vec::new(),
            records: 0,
            end: End::Open,
        };
        recording.index(&mut reader);
        if recording.starts.is_empty() {
            bail!("the recording holds no picture");
        }
        Ok(recording)
    }

    fn index(&mut self, reader: &mut RecordingReader<BufReader<File>>) {
        let mut last_input = None;
        loop {
            let offset = reader.offset();
            match reader.next_entry() {
                Ok(Some(Entry::Record(record))) => {
                    self.records += 1;
                    if let Some(header) = header_of(&record) {
                        self.note(&header, offset, &mut last_input);
                    }
                }
                Ok(Some(Entry::Close(code))) => {
                    self.end = End::Closed(CloseCode::from_number(code));
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    self.end = End::Broken(error.to_string());
                    return;
                }
            }
        }
    }

    fn note(&mut self, header: &Header, offset: u64, last_input: &mut Option<Duration>) {
        let at = Duration::from_micros(header.time_us);
        self.length = self.length.max(at);
        if header.class == Class::Picture && header.flags & FLAG_WHOLE != 0 {
            self.starts.push(Start { at, offset });
        }
        if header.class == Class::Input {
            if last_input.is_none_or(|last| at.saturating_sub(last) > INPUT_PAUSE) {
                self.input_bursts.push(at);
            }
            *last_input = Some(at);
        }
    }

    /// The last start at or before `at`, or the first one.
    pub fn start_before(&self, at: Duration) -> Start {
        let after = self.starts.partition_point(|start| start.at <= at);
        self.starts[after.saturating_sub(1)]
    }

    /// Reads all records.
    pub fn records(&self) -> anyhow::Result<Records> {
        let file = File::open(&self.path)?;
        Ok(Records(RecordingReader::open(BufReader::new(file))?))
    }

    /// Reads records from a start on.
    pub fn records_from(&self, start: Start) -> anyhow::Result<Records> {
        let mut file = File::open(&self.path)?;
        // The head is read again to make a reader; then it goes on at the start's place.
        let mut reader = RecordingReader::open(BufReader::new(file.try_clone()?))?;
        file.seek(SeekFrom::Start(start.offset))?;
        reader.resume(BufReader::new(file), start.offset);
        Ok(Records(reader))
    }
}

fn verify(manifest: &SealedManifest, trusted: &OrgBundle) -> anyhow::Result<VerifiedManifest> {
    Ok(VerifiedManifest::verify(manifest, trusted)?)
}

/// The records of a recording, in the order in which they stand.
pub struct Records(RecordingReader<BufReader<File>>);

impl Records {
    /// The next record; `None` at the end of what can be read. A malformed header is an error: after it nothing is known
    /// of the lanes.
    pub fn next_record(&mut self) -> anyhow::Result<Option<(Header, Vec<u8>)>> {
        loop {
            match self.0.next_entry() {
                Ok(Some(Entry::Record(record))) => {
                    let header = header_of(&record).context("a record's header is malformed")?;
                    return Ok(Some((header, record)));
                }
                Ok(Some(_)) => {}
                // Where and why it is cut off, the index has said.
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}
