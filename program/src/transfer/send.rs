//! Sends files, from a thread of its own.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use sightline_ends::content::{Amount, EntryKind, FileMessage, PathBytes};
use sightline_ends::transfer::{Hash, Meter, PIECE, Sender, Step, shown};

use super::line::Share;
use super::walk::{Found, Root, Source, Walk};
use super::{Line, News, Stopped, words};

/// Files whose fate the receiver has not told yet, by their names: more than fit the window.
const MOST_OPEN: usize = 8_192;
/// While others share the window, it may grow without a word from the other side: looked at 50 times a second.
const SHARED: Duration = Duration::from_millis(20);

/// What is sent.
pub struct Outgoing {
    pub roots: Vec<Root>,
    pub amount: Amount,
}

/// Counts what there is to be sent. `go_on` is asked between two entries.
pub fn count(roots: &[Root], go_on: &dyn Fn() -> Result<(), String>) -> Result<Amount, String> {
    let mut amount = Amount::default();
    for found in Walk::new(roots.to_vec(), false) {
        go_on()?;
        match found {
            Found::File { source, .. } => {
                amount.files += 1;
                amount.bytes += source.bytes();
            }
            Found::LeftOut { path, why } if path.len() == 1 => {
                return Err(format!("{}: {why}", shown(&path[0])));
            }
            Found::Folder { .. } | Found::LeftOut { .. } => {}
        }
    }
    Ok(amount)
}

/// Sends it all; how many files the receiver has in their places.
pub fn send(outgoing: Outgoing, line: &mut Line<'_>) -> Result<u64, Stopped> {
    let mut sending = Sending {
        machine: Sender::new(line.transfer, outgoing.amount),
        walk: Walk::new(outgoing.roots, true),
        source: None,
        open: BTreeMap::new(),
        files: 0,
        data: 0,
        spared: 0,
        meter: Meter::new(outgoing.amount, line.clock.now()),
        share: line.sharing.join(),
    };
    let result = sending.run(line);
    line.part(result)
}

struct Sending {
    machine: Sender,
    walk: Walk,
    /// The file that is on.
    source: Option<Source>,
    /// Paths of what was said, by index.
    open: BTreeMap<u32, String>,
    files: u64,
    data: u64,
    spared: u64,
    meter: Meter,
    share: Share,
}

fn joined(path: &[PathBytes]) -> String {
    shown(&path.join(&b'/'))
}

impl Sending {
    fn run(&mut self, line: &mut Line<'_>) -> Result<u64, Stopped> {
        loop {
            while let Some(heard) = line.inbox.ready() {
                self.hear(Line::message(heard)?, line)?;
            }
            line.check()?;
            self.machine.share(self.share.among());
            let message = match self.machine.step() {
                Step::Entry => self.entry(line),
                Step::Hash { bytes } => {
                    let hash = self.prefix(bytes, line)?;
                    self.machine.prefix(hash);
                    continue;
                }
                Step::Read { at, bytes } => self.read(at, bytes),
                Step::End => self.end(line)?,
                Step::Done { files } => return Ok(files),
                Step::Wait => {
                    let heard = match self.share.among() {
                        1 => Some(line.inbox.next()?),
                        _ => line.inbox.within(SHARED)?,
                    };
                    if let Some(heard) = heard {
                        self.hear(Line::message(heard)?, line)?;
                    }
                    continue;
                }
            };
            line.say(message)?;
        }
    }

    fn entry(&mut self, line: &mut Line<'_>) -> FileMessage {
        let (path, kind, modified_ms) = match self.walk.next() {
            None => return self.machine.no_more(),
            Some(Found::Folder { path, modified_ms }) => (path, EntryKind::Folder, modified_ms),
            Some(Found::File { path, source }) => {
                let (kind, modified_ms) = (source.kind(), source.modified_ms());
                self.source = Some(source);
                (path, kind, modified_ms)
            }
            Some(Found::LeftOut { path, why }) => {
                let name = joined(&path);
                (line.news)(News::Failed(name.clone(), why.clone()));
                return self.machine.left_out(format!("{name}: {why}"));
            }
        };
        let name = joined(&path);
        let message = self.machine.entry(path, kind, modified_ms);
        if let FileMessage::Unreadable { why, .. } = &message {
            (line.news)(News::Failed(name, why.clone()));
        } else if let (Some(index), true) = (self.machine.on(), self.open.len() < MOST_OPEN) {
            self.open.insert(index, name);
        }
        message
    }

    /// Hashes the file's beginning; `None` where it cannot be read.
    fn prefix(&self, bytes: u64, line: &Line<'_>) -> Result<Option<Hash>, Stopped> {
        let Some(file) = self.source.as_ref().and_then(|source| source.file.as_ref()) else {
            return Ok(None);
        };
        super::place::hash_first(file, bytes, &|| line.check())
    }

    fn read(&mut self, at: u64, bytes: usize) -> FileMessage {
        let mut buffer = vec![0; bytes.min(PIECE)];
        let file = self.source.as_ref().and_then(|source| source.file.as_ref());
        let read = file.map(|file| file.read_exact_at(&mut buffer, at));
        match read {
            Some(Ok(())) => {
                self.data += buffer.len() as u64;
                self.machine.read(buffer)
            }
            Some(Err(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                self.machine.unreadable(words(&error))
            }
            _ => self.machine.read(Vec::new()),
        }
    }

    fn end(&mut self, line: &mut Line<'_>) -> Result<FileMessage, Stopped> {
        let index = self.machine.on();
        let is_as_sent = self.is_as_sent(line)?;
        self.source = None;
        if is_as_sent {
            return Ok(self.machine.end());
        }
        let why = "it changed while it was read".to_owned();
        if let Some(name) = index.and_then(|index| self.open.remove(&index)) {
            (line.news)(News::Failed(name, why.clone()));
        }
        Ok(self.machine.unreadable(why))
    }

    /// Whether the file still begins with what was sent. One that nobody wrote does; one that was written is read again, for
    /// logs grow at their end all the time.
    fn is_as_sent(&self, line: &Line<'_>) -> Result<bool, Stopped> {
        let Some(source) = &self.source else {
            return Ok(false);
        };
        if source.is_unchanged() {
            return Ok(true);
        }
        let again = self.prefix(source.bytes(), line)?;
        Ok(again.is_some_and(|hash| self.machine.has_sent(&hash)))
    }

    fn hear(&mut self, message: FileMessage, line: &mut Line<'_>) -> Result<(), Stopped> {
        let broken = |error: sightline_ends::transfer::Broken| Stopped::Here(error.to_string());
        self.machine.handle(&message).map_err(broken)?;
        let mut name = |index: &u32| self.open.remove(index).unwrap_or_default();
        match message {
            FileMessage::Placed { index, note, .. } => {
                self.files += 1;
                (line.news)(News::Placed(name(&index), note));
            }
            FileMessage::NotPlaced { index, why, .. } => {
                (line.news)(News::Failed(name(&index), why))
            }
            FileMessage::Skip { index, .. } => (line.news)(News::Skipped(name(&index))),
            _ => {}
        }
        let spared = self.machine.spared();
        self.meter.there_already(spared - self.spared);
        self.spared = spared;
        let bytes = spared + self.data.saturating_sub(self.machine.under_way());
        let files = self.files;
        let now = line.clock.now();
        self.meter.note(Amount { files, bytes }, now);
        (line.news)(News::Progress(self.meter.progress(now)));
        Ok(())
    }
}
