//! Reading what another program has copied (ICCCM §2.4), large contents in pieces (INCR, §2.7.2). One thing at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sightline_ends::clipboard::LARGEST;
use sightline_ends::content::Form;
use sightline_protocol::id::Digest;
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, SelectionNotifyEvent};
use x11rb::rust_connection::RustConnection;

use super::Broken;
use super::atoms::{Atoms, from_target, readable};
use crate::Content;

/// For a program to answer, or to give its next piece: it may be swapped out, or hang.
const PATIENCE: Duration = Duration::from_secs(8);
/// Names that a program may offer its content under; browsers have some thirty.
const MOST_TARGETS: u32 = 1_024;

/// What was read.
pub enum Read {
    /// The names under which there is something; none if that was not to be learnt.
    Targets(Vec<Atom>),
    Form(Form, Result<Content, String>),
    /// What is to be compared with what was given, and the forms in which there is something.
    Compared(Vec<Form>, Option<Content>),
}

enum What {
    Targets,
    Form(Form),
    Compare(Form, Vec<Form>),
}

struct Reading {
    what: What,
    target: Atom,
    property: Atom,
    /// It comes in pieces; those so far.
    pieces: Option<Vec<u8>>,
    moved: Instant,
}

/// Asks for conversions and puts the answers together.
pub struct Reader {
    window: u32,
    turn: usize,
    targets: Vec<Atom>,
    reading: Option<Reading>,
    wanted: VecDeque<Form>,
}

impl Reader {
    pub fn new(window: u32) -> Reader {
        Reader {
            window,
            turn: 0,
            targets: Vec::new(),
            reading: None,
            wanted: VecDeque::new(),
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.reading
            .as_ref()
            .map(|reading| reading.moved + PATIENCE)
    }

    /// What was asked for of an owner that is none any more does not come.
    pub fn changed(&mut self, why: &str) -> Vec<Read> {
        self.targets.clear();
        let reading = self.reading.take().map(|reading| reading.what);
        let form = match reading {
            Some(What::Form(form)) => Some(form),
            _ => None,
        };
        let wanted = std::mem::take(&mut self.wanted);
        let forms = form.into_iter().chain(wanted);
        let gone = |form| Read::Form(form, Err(why.to_owned()));
        forms.map(gone).collect()
    }

    /// Asks under which names there is something.
    pub fn look(&mut self, conn: &RustConnection, atoms: &Atoms) -> Result<(), Broken> {
        self.convert(conn, atoms, What::Targets, atoms.TARGETS)
    }

    pub fn compare(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        form: Form,
        forms: Vec<Form>,
    ) -> Result<(), Broken> {
        let target = readable(atoms, form, &self.targets);
        let what = What::Compare(form, forms);
        self.convert(conn, atoms, what, target.unwrap_or(atoms.UTF8_STRING))
    }

    /// Reads what there is in this form. What is being read already is not read twice, however often it is asked for.
    pub fn want(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        form: Form,
    ) -> Result<Vec<Read>, Broken> {
        let is_it = |reading: &Reading| matches!(reading.what, What::Form(f) if f == form);
        let coming = self.reading.as_ref().is_some_and(is_it);
        if !coming && !self.wanted.contains(&form) {
            self.wanted.push_back(form);
        }
        self.next(conn, atoms)
    }

    fn next(&mut self, conn: &RustConnection, atoms: &Atoms) -> Result<Vec<Read>, Broken> {
        let mut read = Vec::new();
        while self.reading.is_none() {
            let Some(form) = self.wanted.pop_front() else {
                break;
            };
            match readable(atoms, form, &self.targets) {
                Some(target) => self.convert(conn, atoms, What::Form(form), target)?,
                None => {
                    let why = "it is not on the clipboard any more".to_owned();
                    read.push(Read::Form(form, Err(why)));
                }
            }
        }
        Ok(read)
    }

    fn convert(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        what: What,
        target: Atom,
    ) -> Result<(), Broken> {
        self.turn += 1;
        let property = atoms.property(self.turn);
        conn.delete_property(self.window, property)?;
        let (selection, time) = (atoms.CLIPBOARD, x11rb::CURRENT_TIME);
        conn.convert_selection(self.window, selection, target, property, time)?;
        self.reading = Some(Reading {
            what,
            target,
            property,
            pieces: None,
            moved: Instant::now(),
        });
        Ok(())
    }

    /// The owner has answered.
    pub fn notified(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        event: &SelectionNotifyEvent,
    ) -> Result<Vec<Read>, Broken> {
        let Some(reading) = &mut self.reading else {
            return Ok(Vec::new());
        };
        if event.target != reading.target || reading.pieces.is_some() {
            return Ok(Vec::new());
        }
        if event.property == x11rb::NONE {
            return self.done(
                conn,
                atoms,
                Err("the program there does not give it".into()),
            );
        }
        if event.property != reading.property {
            return Ok(Vec::new());
        }
        let property = reading.property;
        let reply = get(conn, self.window, property)?;
        if reply.type_ == atoms.INCR {
            reading.pieces = Some(Vec::new());
            reading.moved = Instant::now();
            return Ok(Vec::new());
        }
        let content = match reply.bytes_after {
            0 => Ok(reply.value),
            _ => Err(too_large()),
        };
        self.done(conn, atoms, content)
    }

    /// The next piece is there; an empty one is the last.
    pub fn more(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        property: Atom,
    ) -> Result<Vec<Read>, Broken> {
        let Some(reading) = &mut self.reading else {
            return Ok(Vec::new());
        };
        let Some(pieces) = reading
            .pieces
            .as_mut()
            .filter(|_| reading.property == property)
        else {
            return Ok(Vec::new());
        };
        let reply = get(conn, self.window, property)?;
        reading.moved = Instant::now();
        if reply.value.is_empty() {
            let whole = std::mem::take(pieces);
            return self.done(conn, atoms, Ok(whole));
        }
        pieces.extend_from_slice(&reply.value);
        if pieces.len() as u64 > LARGEST || reply.bytes_after > 0 {
            return self.done(conn, atoms, Err(too_large()));
        }
        Ok(Vec::new())
    }

    pub fn overdue(&mut self, now: Instant) -> Vec<Read> {
        let late = |reading: &mut Reading| reading.moved + PATIENCE <= now;
        let Some(late) = self.reading.take_if(late) else {
            return Vec::new();
        };
        let why = "the program that has it does not answer";
        // It may answer the next question.
        let wanted = std::mem::take(&mut self.wanted);
        let gone = |form| Read::Form(form, Err(why.to_owned()));
        let late = finished(late, Err(why.to_owned()));
        std::iter::once(late)
            .chain(wanted.into_iter().map(gone))
            .collect()
    }

    fn done(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        content: Result<Vec<u8>, String>,
    ) -> Result<Vec<Read>, Broken> {
        let Some(reading) = self.reading.take() else {
            return Ok(Vec::new());
        };
        let read = finished(reading, content);
        if let Read::Targets(targets) = &read {
            self.targets.clone_from(targets);
        }
        let mut all = vec![read];
        all.extend(self.next(conn, atoms)?);
        Ok(all)
    }
}

fn finished(reading: Reading, content: Result<Vec<u8>, String>) -> Read {
    let latin1 = reading.target == u32::from(AtomEnum::STRING);
    let whole = |form: Form, bytes| {
        let bytes = from_target(form, latin1, bytes);
        let sha256 = Digest::of(&[&bytes]);
        (Arc::new(bytes), sha256)
    };
    match reading.what {
        What::Targets => {
            let bytes = content.unwrap_or_default();
            let words = bytes.chunks_exact(4).take(MOST_TARGETS as usize);
            let atom = |word: &[u8]| Atom::from_ne_bytes([word[0], word[1], word[2], word[3]]);
            Read::Targets(words.map(atom).collect())
        }
        What::Form(form) => Read::Form(form, content.map(|bytes| whole(form, bytes))),
        What::Compare(form, forms) => {
            Read::Compared(forms, content.ok().map(|bytes| whole(form, bytes)))
        }
    }
}

fn too_large() -> String {
    format!(
        "it is larger than {} MB; what is larger goes as a file",
        LARGEST >> 20
    )
}

/// Reads and deletes, which asks for the next piece.
fn get(
    conn: &RustConnection,
    window: u32,
    property: Atom,
) -> Result<x11rb::protocol::xproto::GetPropertyReply, Broken> {
    let words = (LARGEST / 4) as u32;
    let reply = conn.get_property(true, window, property, AtomEnum::ANY, 0, words)?;
    Ok(reply.reply()?)
}
