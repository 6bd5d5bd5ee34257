//! Reads a recording from end to end beside the playback, so that damage is known before it is reached.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sightline_protocol::record::{HEADER, Header};
use sightline_protocol::recording::{Entry, RecordingError, RecordingReader};

/// Read at a time, in bytes.
const AHEAD: usize = 1024 * 1024;

/// Where a recording breaks off and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Time of the last record before.
    pub at: Duration,
    /// Place of the entry in the file.
    pub offset: u64,
    pub why: String,
}

/// Reads all of it on a thread of its own. The receiver gets the break, if there is one, and is closed at the end.
pub fn start(path: &Path) -> Receiver<Break> {
    let (found, receiver) = channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        if let Some(broken) = read(&path) {
            let _ = found.send(broken);
        }
    });
    receiver
}

fn read(path: &Path) -> Option<Break> {
    let file = File::open(path).ok()?;
    let mut reader = RecordingReader::open(BufReader::with_capacity(AHEAD, file)).ok()?;
    let mut at = Duration::ZERO;
    loop {
        match reader.next_entry() {
            Ok(Some(Entry::Record(record))) => {
                let head = record.first_chunk::<HEADER>().map(Header::parse);
                if let Some(Ok(header)) = head {
                    at = at.max(Duration::from_micros(header.time_us));
                }
            }
            Ok(Some(_)) => {}
            // A torn end is the index's to say: it may still be written.
            Ok(None) | Err(RecordingError::Torn) => return None,
            Err(error) => {
                return Some(Break {
                    at,
                    offset: reader.offset(),
                    why: error.to_string(),
                });
            }
        }
    }
}
