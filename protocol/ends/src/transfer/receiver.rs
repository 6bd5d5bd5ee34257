//! Who gets the files. Everything that comes is checked before anything is done with it.

use super::{Broken, GOT_EVERY, Hash, MOST_ENTRIES, RESUMABLE, at_most, check_path, cost};
use crate::content::{
    Amount, Direction, Entry, EntryKind, FileMessage, FileNote, MOST_NAMES, PathBytes,
};

/// A file that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Checked: names only, none of which leads anywhere.
    pub path: Vec<PathBytes>,
    pub bytes: u64,
    pub executable: bool,
    pub modified_ms: u64,
    /// The sender waits to hear what is there of it.
    pub resumable: bool,
}

/// What the receiver's shell does with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Deed {
    Nothing,
    /// Make this folder, if it is not there.
    Folder {
        path: Vec<PathBytes>,
    },
    /// Make room for this file: [`Receiver::take`], [`Receiver::resume`], [`Receiver::skip`] or [`Receiver::not_placed`].
    Begin(Begin),
    /// Write that into the file; at 0, what was there before goes.
    Write {
        at: u64,
        bytes: Vec<u8>,
    },
    /// The file is whole: put it into its place. [`Receiver::placed`] or [`Receiver::not_placed`].
    Place,
    /// The file that is on does not become whole, for this reason.
    Abandon {
        why: String,
    },
    /// Something that is not sent; its name is in the reason.
    LeftOut {
        why: String,
    },
    /// Nothing more comes: [`Receiver::done`].
    Last,
}

#[derive(Clone, Debug)]
struct File {
    index: u32,
    name: PathBytes,
    bytes: u64,
}

#[derive(Debug)]
enum State {
    Between,
    /// The shell looks what there is.
    Looking(File),
    /// Asked for what follows these first bytes.
    Asked(File, u64, Hash),
    Taking(File, u64, Hash),
    /// The shell puts it into its place.
    Placing(File, Hash),
    /// Of this index nothing is wanted.
    Ignoring(u32),
    Last,
}

/// One transfer, at the side that gets the files.
#[derive(Debug)]
pub struct Receiver {
    transfer: u32,
    direction: Direction,
    /// Names that the top may have; empty: any.
    tops: Vec<PathBytes>,
    left: Amount,
    next: u32,
    state: State,
    /// Cost of what was taken, and of what was said to be.
    taken: u64,
    said: u64,
    placed: u64,
}

impl Receiver {
    /// `names` are the names at the top, as far as they are known, of `tops` in all; `amount` is what was
    /// announced.
    pub fn new(
        transfer: u32,
        direction: Direction,
        names: Vec<PathBytes>,
        tops: u32,
        amount: Amount,
    ) -> Receiver {
        // Of more names than fit a question the rest is not known.
        let known = tops as usize <= names.len().min(MOST_NAMES);
        Receiver {
            transfer,
            direction,
            tops: if known { names } else { Vec::new() },
            left: at_most(amount),
            next: 0,
            state: State::Between,
            taken: 0,
            said: 0,
            placed: 0,
        }
    }

    /// Files that are in their places.
    pub fn files(&self) -> u64 {
        self.placed
    }

    /// What the sender says.
    pub fn handle(&mut self, message: FileMessage) -> Result<Deed, Broken> {
        self.taken += cost(&message);
        match message {
            FileMessage::Entry { entry, .. } => self.entry(entry),
            FileMessage::Data {
                index,
                offset,
                bytes,
                ..
            } => self.data(index, offset, bytes),
            FileMessage::End {
                index,
                bytes,
                sha256,
                ..
            } => match std::mem::replace(&mut self.state, State::Between) {
                State::Ignoring(ignored) if ignored == index => Ok(Deed::Nothing),
                State::Asked(file, at, hash) | State::Taking(file, at, hash)
                    if file.index == index && file.bytes == bytes && at == bytes =>
                {
                    let whole = hash.digest() == sha256;
                    self.state = State::Placing(file, hash);
                    Ok(match whole {
                        true => Deed::Place,
                        false => Deed::Abandon {
                            why: "what arrived is not what was sent".into(),
                        },
                    })
                }
                _ => Err(Broken::Order("end")),
            },
            FileMessage::Unreadable { index, why, .. } => self.unreadable(index, why),
            FileMessage::Last { .. } => match self.state {
                State::Between | State::Ignoring(_) => {
                    self.state = State::Last;
                    Ok(Deed::Last)
                }
                _ => Err(Broken::Order("last")),
            },
            _ => Err(Broken::Order("a word of the receiver")),
        }
    }

    fn entry(&mut self, entry: Entry) -> Result<Deed, Broken> {
        if !matches!(self.state, State::Between | State::Ignoring(_)) || entry.index != self.next {
            return Err(Broken::Order("entry"));
        }
        if entry.index >= MOST_ENTRIES {
            return Err(Broken::TooMuch);
        }
        check_path(&entry.path)?;
        if !self.tops.is_empty() && !self.tops.contains(&entry.path[0]) {
            return Err(Broken::NotAsked);
        }
        self.next += 1;
        self.state = State::Between;
        let (bytes, executable) = match entry.kind {
            EntryKind::Folder => return Ok(Deed::Folder { path: entry.path }),
            EntryKind::File { bytes, executable } => (bytes, executable),
        };
        let files = self.left.files.checked_sub(1);
        let left = self.left.bytes.checked_sub(bytes);
        let (Some(files), Some(left)) = (files, left) else {
            return Err(Broken::TooMuch);
        };
        self.left = Amount { files, bytes: left };
        self.state = State::Looking(File {
            index: entry.index,
            name: entry.path.last().cloned().unwrap_or_default(),
            bytes,
        });
        Ok(Deed::Begin(Begin {
            path: entry.path,
            bytes,
            executable,
            modified_ms: entry.modified_ms,
            resumable: bytes >= RESUMABLE,
        }))
    }

    fn data(&mut self, index: u32, offset: u64, bytes: Vec<u8>) -> Result<Deed, Broken> {
        let (file, at, mut hash) = match std::mem::replace(&mut self.state, State::Between) {
            State::Ignoring(ignored) if ignored == index => {
                self.state = State::Ignoring(index);
                return Ok(Deed::Nothing);
            }
            // The sender has another beginning than ours.
            State::Asked(file, at, _) if at > 0 && offset == 0 => (file, 0, Hash::default()),
            State::Asked(file, at, hash) | State::Taking(file, at, hash) => (file, at, hash),
            _ => return Err(Broken::Order("data")),
        };
        let end = at + bytes.len() as u64;
        if file.index != index || offset != at || bytes.is_empty() || end > file.bytes {
            return Err(Broken::Order("data"));
        }
        hash.add(&bytes);
        self.state = State::Taking(file, end, hash);
        Ok(Deed::Write { at, bytes })
    }

    fn unreadable(&mut self, index: u32, why: String) -> Result<Deed, Broken> {
        let on = match &self.state {
            State::Asked(file, ..) | State::Taking(file, ..) => Some(file.index),
            State::Ignoring(ignored) => Some(*ignored),
            _ => None,
        };
        if on == Some(index) {
            let ignored = matches!(self.state, State::Ignoring(_));
            self.state = State::Between;
            return Ok(match ignored {
                true => Deed::Nothing,
                false => Deed::Abandon { why },
            });
        }
        let between = matches!(self.state, State::Between | State::Ignoring(_));
        if !between || index != self.next || index >= MOST_ENTRIES {
            return Err(Broken::Order("unreadable"));
        }
        self.next += 1;
        self.state = State::Between;
        Ok(Deed::LeftOut { why })
    }

    /// The file is taken from its beginning. For one that is resumable, what the sender is told.
    pub fn take(&mut self) -> Option<FileMessage> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Looking(file) if file.bytes >= RESUMABLE => {
                self.state = State::Looking(file);
                self.resume(0, Hash::default())
            }
            State::Looking(file) => {
                self.state = State::Taking(file, 0, Hash::default());
                None
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The file's first `offset` bytes are there, with this hash. What the sender is told.
    pub fn resume(&mut self, offset: u64, hash: Hash) -> Option<FileMessage> {
        let file = match std::mem::replace(&mut self.state, State::Between) {
            State::Looking(file) if offset <= file.bytes && file.bytes >= RESUMABLE => file,
            other => {
                self.state = other;
                return None;
            }
        };
        let message = FileMessage::From {
            transfer: self.transfer,
            index: file.index,
            offset,
            sha256: hash.digest(),
        };
        self.state = State::Asked(file, offset, hash);
        Some(message)
    }

    /// The index of the file that is on.
    fn on(&self) -> Option<u32> {
        match &self.state {
            State::Looking(file)
            | State::Asked(file, ..)
            | State::Taking(file, ..)
            | State::Placing(file, _) => Some(file.index),
            _ => None,
        }
    }

    /// The file stays out.
    pub fn skip(&mut self) -> Option<FileMessage> {
        let index = self.on()?;
        self.state = State::Ignoring(index);
        Some(FileMessage::Skip {
            transfer: self.transfer,
            index,
        })
    }

    /// The file does not come to its place: whatever still comes of it is passed over.
    pub fn not_placed(&mut self, why: String) -> Option<FileMessage> {
        let index = self.on()?;
        self.state = match self.state {
            State::Placing(..) => State::Between,
            _ => State::Ignoring(index),
        };
        Some(FileMessage::NotPlaced {
            transfer: self.transfer,
            index,
            why,
        })
    }

    /// The file is in its place, under this name, or its own.
    pub fn placed(&mut self, other_name: Option<&[u8]>) -> Option<FileMessage> {
        let (file, hash) = match std::mem::replace(&mut self.state, State::Between) {
            State::Placing(file, hash) => (file, hash),
            other => {
                self.state = other;
                return None;
            }
        };
        self.placed += 1;
        let name = other_name.unwrap_or(&file.name);
        Some(FileMessage::Placed {
            transfer: self.transfer,
            index: file.index,
            note: FileNote {
                name: super::shown(name),
                bytes: file.bytes,
                sha256: hash.digest(),
                direction: self.direction,
            },
        })
    }

    /// What the sender is told of what was taken, if it is time.
    pub fn got(&mut self) -> Option<FileMessage> {
        if self.taken - self.said < GOT_EVERY {
            return None;
        }
        self.said = self.taken;
        Some(FileMessage::Got {
            transfer: self.transfer,
            bytes: self.taken,
        })
    }

    /// All is in its place and on the disk.
    pub fn done(&self) -> FileMessage {
        FileMessage::Done {
            transfer: self.transfer,
            files: self.placed,
        }
    }
}
