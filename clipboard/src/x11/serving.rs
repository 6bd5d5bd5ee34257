//! Offering what the other side has: a selection without contents. Who pastes waits until they have come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sightline_ends::content::Form;
use sightline_protocol::id::Digest;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Timestamp, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::Broken;
use super::atoms::{Atoms, latin1};

/// Bytes that are put into a window's property at a time; what is longer goes in pieces of this (INCR). The smallest
/// request that every server takes is 256 KiB.
const PIECE: usize = 128 << 10;
/// Who pastes at the same time; more are told no.
const WAITING: usize = 16;
/// For the content to come from the other side.
const TO_COME: Duration = Duration::from_secs(60);
/// For a program to take its next piece.
const TO_TAKE: Duration = Duration::from_secs(20);
/// A clipboard manager that takes over what it was given does so within this.
const TAKEN_OVER: Duration = Duration::from_secs(10);

/// Somebody who pastes.
struct Waiting {
    request: SelectionRequestEvent,
    form: Form,
    since: Instant,
}

/// A content on its way to a program, in pieces.
struct Pieces {
    window: Window,
    property: Atom,
    kind: Atom,
    content: Arc<Vec<u8>>,
    at: usize,
    moved: Instant,
}

/// What a program here was given last.
struct Given {
    form: Form,
    sha256: Digest,
    at: Instant,
}

pub struct Server {
    window: Window,
    secret: bool,
    forms: Vec<Form>,
    /// How often the selection was taken without the server having said so.
    taking: usize,
    time: Timestamp,
    waiting: Vec<Waiting>,
    pieces: Vec<Pieces>,
    given: Option<Given>,
}

impl Server {
    pub fn new(window: Window, secret: bool) -> Server {
        Server {
            window,
            secret,
            forms: Vec::new(),
            taking: 0,
            time: x11rb::CURRENT_TIME,
            waiting: Vec::new(),
            pieces: Vec::new(),
            given: None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().map(|w| w.since + TO_COME);
        let pieces = self.pieces.iter().map(|p| p.moved + TO_TAKE);
        waiting.chain(pieces).min()
    }

    /// Takes the selection for these forms, or gives it up.
    pub fn offer(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        forms: &[Form],
    ) -> Result<(), Broken> {
        self.refuse_all(conn)?;
        self.given = None;
        let had = !self.forms.is_empty();
        self.forms = forms.to_vec();
        let (selection, now) = (atoms.CLIPBOARD, x11rb::CURRENT_TIME);
        if !forms.is_empty() {
            conn.set_selection_owner(self.window, selection, now)?;
            self.taking += 1;
        } else if had {
            // With our own time: if somebody else has it meanwhile, nothing happens.
            conn.set_selection_owner(x11rb::NONE, selection, self.time)?;
        }
        Ok(())
    }

    pub fn owns_since(&mut self, time: Timestamp) {
        self.time = time;
        self.taking = self.taking.saturating_sub(1);
    }

    /// Somebody else has the selection, or nobody.
    pub fn lost(&mut self, conn: &RustConnection) -> Result<(), Broken> {
        if self.taking > 0 {
            return Ok(()); // that was before
        }
        if self.forms.is_empty() {
            self.given = None;
        }
        self.forms.clear();
        self.refuse_all(conn)
    }

    /// In which of these forms something was given to a program that may have taken the selection over for it.
    pub fn given(&self, forms: &[Form]) -> Option<Form> {
        let given = self.given.as_ref()?;
        let recent = given.at.elapsed() < TAKEN_OVER && forms.contains(&given.form);
        recent.then_some(given.form)
    }

    pub fn gave(&self, sha256: Digest) -> bool {
        self.given.as_ref().is_some_and(|g| g.sha256 == sha256)
    }

    pub fn forget_given(&mut self) {
        self.given = None;
    }

    /// Somebody wants something; the form, if it has to be fetched for that.
    pub fn request(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        request: &SelectionRequestEvent,
    ) -> Result<Option<Form>, Broken> {
        let mut request = *request;
        if request.property == x11rb::NONE {
            request.property = request.target; // ICCCM §2.2, obsolete clients
        }
        // Any program may ask in the name of any window. In that of our own it would get hold of what we hear there.
        let forged = request.requestor == request.owner;
        if forged || request.selection != atoms.CLIPBOARD || self.forms.is_empty() {
            notify(conn, &request, false)?;
            return Ok(None);
        }
        let (window, property) = (request.requestor, request.property);
        if request.target == atoms.TARGETS {
            let targets = self.targets(atoms);
            put32(conn, window, property, AtomEnum::ATOM.into(), &targets)?;
            notify(conn, &request, true)?;
            return Ok(None);
        }
        if request.target == atoms.TIMESTAMP {
            put32(
                conn,
                window,
                property,
                AtomEnum::INTEGER.into(),
                &[self.time],
            )?;
            notify(conn, &request, true)?;
            return Ok(None);
        }
        if self.secret && request.target == atoms.PASSWORD_HINT {
            put8(conn, window, property, request.target, b"secret")?;
            notify(conn, &request, true)?;
            return Ok(None);
        }
        let form = atoms.form(request.target);
        let form = form.filter(|form| self.forms.contains(form));
        let Some(form) = form.filter(|_| self.waiting.len() + self.pieces.len() < WAITING) else {
            notify(conn, &request, false)?;
            return Ok(None);
        };
        let first = !self.waiting.iter().any(|waiting| waiting.form == form);
        self.waiting.push(Waiting {
            request,
            form,
            since: Instant::now(),
        });
        Ok(first.then_some(form))
    }

    fn targets(&self, atoms: &Atoms) -> Vec<Atom> {
        let mut targets = vec![atoms.TARGETS, atoms.TIMESTAMP];
        targets.extend(self.forms.iter().flat_map(|form| atoms.targets(*form)));
        if self.secret {
            targets.push(atoms.PASSWORD_HINT);
        }
        targets
    }

    /// What was wanted has come, or will not.
    pub fn give(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        form: Form,
        content: Option<Arc<Vec<u8>>>,
    ) -> Result<(), Broken> {
        let here: Vec<Waiting> = self.waiting.extract_if(.., |w| w.form == form).collect();
        let Some(content) = content else {
            for waiting in here {
                notify(conn, &waiting.request, false)?;
            }
            return Ok(());
        };
        if !here.is_empty() {
            self.given = Some(Given {
                form,
                sha256: Digest::of(&[&content]),
                at: Instant::now(),
            });
        }
        for waiting in here {
            self.send(conn, atoms, &waiting.request, &content)?;
        }
        Ok(())
    }

    fn send(
        &mut self,
        conn: &RustConnection,
        atoms: &Atoms,
        request: &SelectionRequestEvent,
        content: &Arc<Vec<u8>>,
    ) -> Result<(), Broken> {
        let (window, property) = (request.requestor, request.property);
        let string = Atom::from(AtomEnum::STRING);
        let content = match request.target == string {
            true => Arc::new(latin1(content)),
            false => Arc::clone(content),
        };
        let kind = match request.target == atoms.TEXT {
            true => atoms.UTF8_STRING,
            false => request.target,
        };
        if content.len() <= PIECE {
            put8(conn, window, property, kind, &content)?;
            return notify(conn, request, true);
        }
        let events = EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY;
        select(conn, window, events)?;
        put32(conn, window, property, atoms.INCR, &[content.len() as u32])?;
        notify(conn, request, true)?;
        self.pieces.push(Pieces {
            window,
            property,
            kind,
            content,
            at: 0,
            moved: Instant::now(),
        });
        Ok(())
    }

    /// A piece was taken: the next one; an empty one ends it.
    pub fn taken(
        &mut self,
        conn: &RustConnection,
        window: Window,
        property: Atom,
    ) -> Result<(), Broken> {
        let is = |p: &Pieces| (p.window, p.property) == (window, property);
        let Some(at) = self.pieces.iter().position(is) else {
            return Ok(());
        };
        let pieces = &mut self.pieces[at];
        let rest = &pieces.content[pieces.at..];
        let piece = &rest[..rest.len().min(PIECE)];
        put8(conn, window, property, pieces.kind, piece)?;
        pieces.at += piece.len();
        pieces.moved = Instant::now();
        if piece.is_empty() {
            self.pieces.remove(at);
            self.leave(conn, window)?;
        }
        Ok(())
    }

    /// That window wants nothing more.
    pub fn gone(&mut self, window: Window) {
        self.pieces.retain(|p| p.window != window);
    }

    fn leave(&self, conn: &RustConnection, window: Window) -> Result<(), Broken> {
        if self.pieces.iter().all(|p| p.window != window) {
            select(conn, window, EventMask::NO_EVENT)?;
        }
        Ok(())
    }

    fn refuse_all(&mut self, conn: &RustConnection) -> Result<(), Broken> {
        for waiting in std::mem::take(&mut self.waiting) {
            notify(conn, &waiting.request, false)?;
        }
        Ok(())
    }

    pub fn overdue(&mut self, conn: &RustConnection, now: Instant) -> Result<(), Broken> {
        let late = self.waiting.extract_if(.., |w| w.since + TO_COME <= now);
        for waiting in late.collect::<Vec<_>>() {
            notify(conn, &waiting.request, false)?;
        }
        let stuck = self.pieces.extract_if(.., |p| p.moved + TO_TAKE <= now);
        for pieces in stuck.collect::<Vec<_>>() {
            self.leave(conn, pieces.window)?;
        }
        Ok(())
    }
}

// The windows below are others' and may be gone: an error is the answer to that, and no fault of ours.

fn put8(
    conn: &RustConnection,
    window: Window,
    property: Atom,
    kind: Atom,
    bytes: &[u8],
) -> Result<(), Broken> {
    let put = conn.change_property8(PropMode::REPLACE, window, property, kind, bytes)?;
    put.ignore_error();
    Ok(())
}

fn put32(
    conn: &RustConnection,
    window: Window,
    property: Atom,
    kind: Atom,
    words: &[u32],
) -> Result<(), Broken> {
    let put = conn.change_property32(PropMode::REPLACE, window, property, kind, words)?;
    put.ignore_error();
    Ok(())
}

fn select(conn: &RustConnection, window: Window, events: EventMask) -> Result<(), Broken> {
    let attributes = ChangeWindowAttributesAux::new().event_mask(events);
    conn.change_window_attributes(window, &attributes)?
        .ignore_error();
    Ok(())
}

fn notify(
    conn: &RustConnection,
    request: &SelectionRequestEvent,
    done: bool,
) -> Result<(), Broken> {
    let event = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: request.requestor,
        selection: request.selection,
        target: request.target,
        property: if done { request.property } else { x11rb::NONE },
    };
    conn.send_event(false, request.requestor, EventMask::NO_EVENT, event)?
        .ignore_error();
    Ok(())
}
