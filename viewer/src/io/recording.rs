//! A recording on disk: verified at its head, mapped by its records' heads, read record by record.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sightline_ends::replay::VerifiedManifest;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::record::{HEADER, Header};
use sightline_protocol::recording::{Entry, RecordingError, RecordingReader};
use sightline_protocol::skim::Skim;
use sightline_protocol::statements::OrgBundle;

use super::index_cache::{self, Reach};
use crate::pure::index::{Index, Start};

/// How much is read at a time while records are read one after the other, in bytes.
const AHEAD: usize = 256 * 1024;

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, with the session's reason.
    Closed(CloseCode),
    /// The last entry is whole but there is no close: still running, or the relay was killed.
    Open,
    /// The file ends inside an entry: one is being written, or it was cut off.
    Torn,
    /// Not readable from there on.
    Broken(String),
}

impl End {
    /// More may come.
    pub fn may_grow(&self) -> bool {
        matches!(self, End::Open | End::Torn)
    }
}

/// A recording whose manifest is genuine.
pub struct Recording {
    path: PathBuf,
    skim: Skim<File>,
    session: SessionId,
    pub verified: VerifiedManifest,
    pub index: Index,
    pub end: End,
    /// How far the index goes, and whether the cache knows.
    reach: Option<Reach>,
    cache: Option<PathBuf>,
}

fn header_of(record: &[u8]) -> Option<Header> {
    Header::parse(record.first_chunk::<HEADER>()?).ok()
}

impl Recording {
    /// Reads the heads of the file's entries, as far as the cache in this folder does not know them yet. Its manifest must be
    /// genuine by the root of `trusted`.
    pub fn open(
        path: &Path,
        trusted: &OrgBundle,
        cache: Option<PathBuf>,
    ) -> anyhow::Result<Recording> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut reader = RecordingReader::open(BufReader::new(file.try_clone()?))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest = match reader.next_entry() {
            Ok(Some(Entry::Manifest(manifest))) => manifest,
            Ok(_) => bail!("the recording has no manifest: nothing was shown in this session"),
            Err(error) => bail!("the recording's manifest cannot be read: {error}"),
        };
        let verified = VerifiedManifest::verify(&manifest, trusted)?;
        let session = reader.session();
        if verified.manifest.session != session {
            bail!("the recording's manifest is of another session");
        }
        let known = cache
            .as_deref()
            .and_then(|folder| index_cache::load(folder, session, &file));
        let (index, reach) = match known {
            Some((index, reach)) => (index, Some(reach)),
            None => (Index::default(), None),
        };
        let from = reach.map_or(reader.offset(), |reach| reach.end);
        let mut recording = Recording {
            path: path.to_owned(),
            skim: Skim::new(file, session, from),
            session,
            verified,
            index,
            end: End::Open,
            reach,
            cache,
        };
        recording.extend()?;
        Ok(recording)
    }

    /// Takes up what the file has gained since; says whether it has gained anything.
    pub fn extend(&mut self) -> anyhow::Result<bool> {
        let length = std::fs::metadata(&self.path)?.len();
        let before = self.reach;
        self.end = loop {
            match self.skim.next_entry(length) {
                Ok(Some(passed)) => {
                    self.index.pass(&passed);
                    self.reach = Some(Reach {
                        last: (passed.offset, passed.head),
                        end: self.skim.offset(),
                    });
                }
                Ok(None) => break self.whole_end(),
                Err(RecordingError::Torn) => break End::Torn,
                Err(error) => break End::Broken(error.to_string()),
            }
        };
        let grew = self.reach != before;
        if let (true, Some(folder), Some(reach)) = (grew, &self.cache, self.reach)
            && !self.end.may_grow()
        {
            index_cache::store(folder, self.session, &self.index, reach);
        }
        Ok(grew)
    }

    /// Keeps the index of a file that may still grow: when it is left, not each time that it grows.
    pub fn keep_index(&self) {
        if let (Some(folder), Some(reach)) = (&self.cache, self.reach) {
            index_cache::store(folder, self.session, &self.index, reach);
        }
    }

    fn whole_end(&self) -> End {
        match self.index.close {
            Some(code) => End::Closed(CloseCode::from_number(code)),
            None => End::Open,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads records from a start on.
    pub fn records_from(&self, start: Start) -> anyhow::Result<Records> {
        self.records_at(start.offset)
    }

    /// Reads records from the entry at `offset` on.
    pub fn records_at(&self, offset: u64) -> anyhow::Result<Records> {
        let mut file = File::open(&self.path)?;
        // The head is read again to make a reader; then it goes on at the start's place.
        let mut reader = RecordingReader::open(BufReader::new(file.try_clone()?))?;
        file.seek(SeekFrom::Start(offset))?;
        reader.resume(BufReader::with_capacity(AHEAD, file), offset);
        Ok(Records(reader))
    }

    /// Reads the record of one entry.
    pub fn record(&self, offset: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let mut file = File::open(&self.path)?;
        let mut reader = RecordingReader::open(&mut file)?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        reader.resume(&mut file, offset);
        match reader.next_entry()? {
            Some(Entry::Record(record)) => Ok(Some(record)),
            _ => Ok(None),
        }
    }
}

/// The records of a recording, in the order in which they stand.
pub struct Records(RecordingReader<BufReader<File>>);

/// What comes next in a recording.
pub enum Next {
    Record(Header, Vec<u8>),
    /// The file ends here, on an entry's border or inside an entry that may still be written.
    End,
    /// It cannot be read from here on.
    Broken(String),
}

impl Records {
    /// The next record.
    pub fn next_record(&mut self) -> Next {
        loop {
            match self.0.next_entry() {
                Ok(Some(Entry::Record(record))) => {
                    return match header_of(&record) {
                        Some(header) => Next::Record(header, record),
                        // After it nothing is known of the lanes.
                        None => Next::Broken("a record's header is malformed".to_owned()),
                    };
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(RecordingError::Torn) => return Next::End,
                Err(error) => return Next::Broken(error.to_string()),
            }
        }
    }

    /// Where the next entry starts; after the end, where to go on once the file has grown.
    pub fn offset(&self) -> u64 {
        self.0.offset()
    }
}
