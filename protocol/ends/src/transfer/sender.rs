//! Who has the files: says one entry after the other, and the bytes of each.

use sightline_protocol::id::Digest;

use super::{Broken, EACH, Hash, MOST_ENTRIES, PIECE, RESUMABLE, WINDOW, at_most, cost};
use crate::content::{Amount, Entry, EntryKind, FileMessage, PathBytes};

/// What the sender's shell does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Find the next entry: [`Sender::entry`], [`Sender::left_out`] or [`Sender::no_more`].
    Entry,
    /// Hash the first so many bytes of the file: [`Sender::prefix`].
    Hash { bytes: u64 },
    /// Read the file from there, so many bytes: [`Sender::read`] or [`Sender::unreadable`].
    Read { at: u64, bytes: usize },
    /// Look whether the file is still what it was: [`Sender::end`] or [`Sender::unreadable`].
    End,
    /// Nothing, until a message comes.
    Wait,
    /// The receiver has all, and so many files in their places.
    Done { files: u64 },
}

#[derive(Clone, Copy, Debug)]
struct File {
    index: u32,
    bytes: u64,
}

#[derive(Debug)]
enum State {
    Between,
    /// Waits for `From` or `Skip`.
    Asked(File),
    Compare(File, u64, Digest),
    Sending(File, u64, Hash),
    /// All is said.
    Last,
    Done(u64),
}

/// One transfer, at the side that has the files.
#[derive(Debug)]
pub struct Sender {
    transfer: u32,
    window: u64,
    /// Cost of what was said, and of what the receiver has taken.
    said: u64,
    got: u64,
    /// What may still be sent.
    left: Amount,
    next: u32,
    state: State,
    /// Bytes that the receiver had already, or does not want.
    spared: u64,
}

impl Sender {
    /// Of what was announced as this.
    pub fn new(transfer: u32, amount: Amount) -> Sender {
        Sender {
            transfer,
            window: WINDOW,
            said: 0,
            got: 0,
            left: at_most(amount),
            next: 0,
            state: State::Between,
            spared: 0,
        }
    }

    /// So many transfers share the program's window now.
    pub fn share(&mut self, transfers: usize) {
        self.window = WINDOW / transfers.clamp(1, super::MOST_AT_ONCE) as u64;
    }

    /// Bytes that need not go over.
    pub fn spared(&self) -> u64 {
        self.spared
    }

    /// Cost of what was said and not yet taken.
    pub fn under_way(&self) -> u64 {
        self.said - self.got
    }

    pub fn step(&self) -> Step {
        let room = self.window.saturating_sub(self.under_way());
        match &self.state {
            State::Between if room >= EACH => Step::Entry,
            State::Compare(_, bytes, _) => Step::Hash { bytes: *bytes },
            State::Sending(file, at, _) if *at == file.bytes => Step::End,
            State::Sending(file, at, _) => {
                let bytes = (file.bytes - at).min(PIECE as u64);
                if room < bytes + EACH {
                    return Step::Wait;
                }
                let (at, bytes) = (*at, bytes as usize);
                Step::Read { at, bytes }
            }
            State::Done(files) => Step::Done { files: *files },
            State::Between | State::Asked(_) | State::Last => Step::Wait,
        }
    }

    fn say(&mut self, message: FileMessage) -> FileMessage {
        self.said += cost(&message);
        message
    }

    fn take_index(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        index
    }

    /// The next entry. One that does not fit what was announced (it came since, or has grown much) is left out, and the next
    /// step is for another entry.
    pub fn entry(
        &mut self,
        path: Vec<PathBytes>,
        kind: EntryKind,
        modified_ms: u64,
    ) -> FileMessage {
        if self.next >= MOST_ENTRIES {
            return self.left_out(format!("a transfer has at most {MOST_ENTRIES} entries"));
        }
        if let EntryKind::File { bytes, .. } = kind {
            if self.left.files == 0 || self.left.bytes < bytes {
                return self.left_out("it came or grew after it was counted".into());
            }
            self.left.files -= 1;
            self.left.bytes -= bytes;
            let file = File {
                index: self.next,
                bytes,
            };
            self.state = match bytes >= RESUMABLE {
                true => State::Asked(file),
                false => State::Sending(file, 0, Hash::default()),
            };
        }
        let index = self.take_index();
        self.say(FileMessage::Entry {
            transfer: self.transfer,
            entry: Entry {
                index,
                path,
                kind,
                modified_ms,
            },
        })
    }

    /// An entry that is not sent, and why.
    pub fn left_out(&mut self, why: String) -> FileMessage {
        let (transfer, index) = (self.transfer, self.take_index());
        self.say(FileMessage::Unreadable {
            transfer,
            index,
            why,
        })
    }

    /// There are no more entries.
    pub fn no_more(&mut self) -> FileMessage {
        self.state = State::Last;
        FileMessage::Last {
            transfer: self.transfer,
        }
    }

    /// The hash of the file's beginning, as [`Step::Hash`] asked; `None` if the file is shorter.
    pub fn prefix(&mut self, hash: Option<Hash>) {
        if let State::Compare(file, offset, sha256) = self.state {
            let same = hash.filter(|hash| hash.digest() == sha256);
            self.state = match same {
                Some(hash) => {
                    self.spared += offset;
                    State::Sending(file, offset, hash)
                }
                None => State::Sending(file, 0, Hash::default()),
            };
        }
    }

    /// What [`Step::Read`] asked for. Fewer bytes mean that the file ended too early.
    pub fn read(&mut self, bytes: Vec<u8>) -> FileMessage {
        let (index, offset) = match &mut self.state {
            State::Sending(file, at, hash) if !bytes.is_empty() => {
                hash.add(&bytes);
                let offset = *at;
                *at += bytes.len() as u64;
                (file.index, offset)
            }
            _ => return self.unreadable("it became shorter while it was read".into()),
        };
        let transfer = self.transfer;
        self.say(FileMessage::Data {
            transfer,
            index,
            offset,
            bytes,
        })
    }

    /// Whether what was sent has this hash.
    pub fn has_sent(&self, hash: &Hash) -> bool {
        matches!(&self.state, State::Sending(_, _, sent) if sent.digest() == hash.digest())
    }

    /// The file was read whole and is what it was.
    pub fn end(&mut self) -> FileMessage {
        let transfer = self.transfer;
        match std::mem::replace(&mut self.state, State::Between) {
            State::Sending(file, _, hash) => FileMessage::End {
                transfer,
                index: file.index,
                bytes: file.bytes,
                sha256: hash.digest(),
            },
            _ => self.left_out("nothing was read".into()),
        }
    }

    /// The file cannot be read to its end.
    pub fn unreadable(&mut self, why: String) -> FileMessage {
        let transfer = self.transfer;
        match self.file() {
            Some(File { index, .. }) => {
                self.state = State::Between;
                self.say(FileMessage::Unreadable {
                    transfer,
                    index,
                    why,
                })
            }
            None => self.left_out(why),
        }
    }

    /// The file that is on.
    fn file(&self) -> Option<File> {
        match &self.state {
            State::Asked(file) | State::Compare(file, ..) | State::Sending(file, ..) => Some(*file),
            _ => None,
        }
    }

    /// The index of the file that is on.
    pub fn on(&self) -> Option<u32> {
        self.file().map(|file| file.index)
    }

    /// What the receiver says.
    pub fn handle(&mut self, message: &FileMessage) -> Result<(), Broken> {
        match message {
            FileMessage::From {
                index,
                offset,
                sha256,
                ..
            } => match self.state {
                State::Asked(file) if file.index == *index && *offset <= file.bytes => {
                    self.state = State::Compare(file, *offset, *sha256);
                }
                _ => return Err(Broken::Order("from")),
            },
            // A small file may be sent already when they come.
            FileMessage::Skip { index, .. } | FileMessage::NotPlaced { index, .. } => {
                if *index >= self.next {
                    return Err(Broken::Order("skip"));
                }
                if let Some(file) = self.file().filter(|file| file.index == *index) {
                    let at = match self.state {
                        State::Sending(_, at, _) => at,
                        _ => 0,
                    };
                    self.spared += file.bytes - at;
                    self.state = State::Between;
                }
            }
            FileMessage::Got { bytes, .. } => {
                if *bytes > self.said || *bytes < self.got {
                    return Err(Broken::Got);
                }
                self.got = *bytes;
            }
            FileMessage::Placed { index, .. } if *index < self.next => {}
            FileMessage::Done { files, .. } if matches!(self.state, State::Last) => {
                self.state = State::Done(*files);
            }
            FileMessage::Done { .. } => return Err(Broken::Order("done")),
            _ => return Err(Broken::Order("a word of the sender")),
        }
        Ok(())
    }
}
