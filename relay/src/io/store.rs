//! Where recordings go. The local directory is the store that exists; tests have others.

use std::io::{self, IoSlice};
use std::path::PathBuf;

use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;

/// A place for recordings.
pub trait Store: Send + Sync + 'static {
    /// A new file for this session, empty.
    fn create(&self, session: SessionId) -> io::Result<Box<dyn RecordingFile>>;

    /// An error of kind `StorageFull` if there is no room for one more session.
    fn room(&self) -> io::Result<()>;

    /// Bytes that are free, reserve included.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One recording while it grows. Used by its one writer.
pub trait RecordingFile: Send {
    /// Makes sure that this many bytes beyond the current end can be written. An error of kind `StorageFull` if
    /// not: what was reserved before stays so.
    fn reserve(&mut self, bytes: u64) -> io::Result<()>;

    /// Writes all parts at the end.
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Returns when everything appended is on the disk.
    fn sync(&mut self) -> io::Result<()>;

    /// Synced, read-only, under its final name.
    fn seal(self: Box<Self>) -> io::Result<PathBuf>;

    /// Forgets a file for which no receipt was given.
    fn discard(self: Box<Self>);
}

/// What a storage error means for a session.
pub fn close_code(error: &io::Error) -> CloseCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CloseCode::StorageFull,
        _ => CloseCode::StorageFailed,
    }
}
