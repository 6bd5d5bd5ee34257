//! Takes files in, in a thread of its own.

use sightline_ends::content::{Amount, Direction, FileMessage, PathBytes};
use sightline_ends::transfer::{Begin, Deed, Meter, Receiver, shown};

use super::place::{Begun, Misplaced, Target};
use super::{Line, News, Stopped};

/// What is to come, and where it goes.
pub struct Incoming {
    /// Names at the top, as far as they were announced, of so many.
    pub names: Vec<PathBytes>,
    pub tops: u32,
    pub amount: Amount,
    pub target: Target,
}

/// Takes it all in; how many files are in their places.
pub fn receive(incoming: Incoming, line: &mut Line<'_>) -> Result<u64, Stopped> {
    let Incoming {
        names,
        tops,
        amount,
        target,
    } = incoming;
    let mut receiving = Receiving {
        machine: Receiver::new(line.transfer, line.direction, names, tops, amount),
        target,
        name: String::new(),
        done: Amount::default(),
        meter: Meter::new(amount, line.clock.now()),
    };
    let result = receiving.run(line);
    line.part(result)
}

struct Receiving {
    machine: Receiver,
    target: Target,
    /// Path of the file that is on.
    name: String,
    done: Amount,
    meter: Meter,
}

impl Receiving {
    fn run(&mut self, line: &mut Line<'_>) -> Result<u64, Stopped> {
        loop {
            let message = Line::message(line.inbox.next()?)?;
            line.check()?;
            let deed = self.machine.handle(message);
            let deed = deed.map_err(|error| Stopped::Here(error.to_string()))?;
            let answer = match deed {
                Deed::Nothing => None,
                Deed::Folder { path } => {
                    if let Err(trouble) = self.target.folder(&path) {
                        let why = self.only_this(trouble, line)?;
                        (line.news)(News::Failed(joined(&path), why));
                    }
                    None
                }
                Deed::Begin(begin) => self.begin(&begin, line)?,
                Deed::Write { at, bytes } => self.write(at, &bytes, line)?,
                Deed::Place => self.place(line)?,
                Deed::Abandon { why } => self.abandon(why, line),
                Deed::LeftOut { why } => {
                    (line.news)(News::Failed(String::new(), shown(why.as_bytes())));
                    None
                }
                Deed::Last => {
                    let finished = self.target.finish();
                    finished.map_err(|trouble| Stopped::Here(trouble.why))?;
                    line.say(self.machine.done())?;
                    return Ok(self.machine.files());
                }
            };
            if let Some(answer) = answer {
                line.say(answer)?;
            }
            if let Some(got) = self.machine.got() {
                line.say(got)?;
            }
            let now = line.clock.now();
            self.meter.note(self.done, now);
            (line.news)(News::Progress(self.meter.progress(now)));
        }
    }

    fn begin(
        &mut self,
        begin: &Begin,
        line: &mut Line<'_>,
    ) -> Result<Option<FileMessage>, Stopped> {
        self.name = joined(&begin.path);
        let check = || line.check();
        Ok(match self.target.begin(begin, &check)? {
            Ok(Begun::New) => self.machine.take(),
            Ok(Begun::There(offset, hash)) => {
                self.done.bytes += offset;
                self.meter.there_already(offset);
                self.machine.resume(offset, *hash)
            }
            Ok(Begun::Skip) => {
                (line.news)(News::Skipped(self.name.clone()));
                self.machine.skip()
            }
            Err(trouble) => self.not_placed(trouble, line)?,
        })
    }

    /// Why this one is left out, unless there is no room for any more of them.
    fn only_this(&self, trouble: Misplaced, line: &Line<'_>) -> Result<String, Stopped> {
        match (trouble.full, line.direction) {
            (false, _) => Ok(trouble.why),
            (true, Direction::ToUser) => Err(Stopped::Here("the user's disk is full".into())),
            (true, Direction::ToTechnician) => {
                Err(Stopped::Here("the technician's disk is full".into()))
            }
        }
    }

    fn not_placed(
        &mut self,
        trouble: Misplaced,
        line: &mut Line<'_>,
    ) -> Result<Option<FileMessage>, Stopped> {
        let why = self.only_this(trouble, line)?;
        (line.news)(News::Failed(self.name.clone(), why.clone()));
        Ok(self.machine.not_placed(why))
    }

    fn write(
        &mut self,
        at: u64,
        bytes: &[u8],
        line: &mut Line<'_>,
    ) -> Result<Option<FileMessage>, Stopped> {
        self.done.bytes += bytes.len() as u64;
        match self.target.write(at, bytes) {
            Ok(()) => Ok(None),
            Err(trouble) => {
                self.target.abandon();
                self.not_placed(trouble, line)
            }
        }
    }

    fn place(&mut self, line: &mut Line<'_>) -> Result<Option<FileMessage>, Stopped> {
        match self.target.place() {
            Ok(other_name) => {
                self.done.files += 1;
                let placed = self.machine.placed(other_name.as_deref());
                if let Some(FileMessage::Placed { note, .. }) = &placed {
                    (line.news)(News::Placed(self.name.clone(), note.clone()));
                }
                Ok(placed)
            }
            Err(trouble) => self.not_placed(trouble, line),
        }
    }

    fn abandon(&mut self, why: String, line: &mut Line<'_>) -> Option<FileMessage> {
        self.target.abandon();
        let answer = self.machine.not_placed(why.clone());
        (line.news)(News::Failed(self.name.clone(), shown(why.as_bytes())));
        answer
    }
}

fn joined(path: &[PathBytes]) -> String {
    shown(&path.join(&b'/'))
}
