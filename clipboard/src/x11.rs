//! X11: the selection CLIPBOARD, watched by XFixes events (no polling), read by conversion, and owned without contents.
//! All of it in one thread with a connection of its own.

mod atoms;
mod reading;
mod serving;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use sightline_ends::content::Form;
use sightline_program::wake::{Waker, sleep};
use x11rb::connection::Connection;
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{self, ConnectionExt as _, SelectionEventMask};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, EventMask, Property, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use crate::{ClipboardError, Happened, Manner, System};
use atoms::{Atoms, forms_of};
use reading::{Read, Reader};
use serving::Server;

/// What the thread is told to do.
enum Todo {
    Watch(bool),
    Fetch(Form),
    Offer(Vec<Form>),
    Give(Form, Result<Arc<Vec<u8>>, String>),
    End,
}

/// An X display's clipboard. Dropping it takes away what it offered.
pub struct Desk {
    todo: Sender<Todo>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// On this display, or that of the environment. `tell` is called from another thread.
    pub fn open(
        display: Option<&str>,
        manner: Manner,
        tell: Box<dyn Fn(Happened) + Send>,
    ) -> Result<Desk, ClipboardError> {
        let none = |error: Broken| ClipboardError::None(error.to_string());
        let opened = RustConnection::connect(display);
        let (conn, screen) = opened.map_err(|e| ClipboardError::None(e.to_string()))?;
        let waker = Waker::new().map_err(|e| ClipboardError::None(e.to_string()))?;
        let (todo, orders) = channel();
        let worker = Worker::start(conn, screen, manner, tell, waker.clone()).map_err(none)?;
        let thread = std::thread::Builder::new().name("clipboard".into());
        let thread = thread
            .spawn(move || worker.run(&orders))
            .map_err(|e| ClipboardError::None(e.to_string()))?;
        Ok(Desk {
            todo,
            waker,
            thread: Some(thread),
        })
    }

    /// Whether what is copied here is told from now on.
    pub fn set_watch(&mut self, watch: bool) {
        self.tell(Todo::Watch(watch));
    }

    fn tell(&self, todo: Todo) {
        // Fails when the X server is gone, which was told.
        let _ = self.todo.send(todo);
        self.waker.wake();
    }
}

impl System for Desk {
    fn fetch(&mut self, form: Form) {
        self.tell(Todo::Fetch(form));
    }

    fn offer(&mut self, forms: &[Form]) {
        self.tell(Todo::Offer(forms.to_vec()));
    }

    fn give(&mut self, form: Form, content: Result<Arc<Vec<u8>>, String>) {
        self.tell(Todo::Give(form, content));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.tell(Todo::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The X server does not do what we need, or is gone.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the X server refused it: {0}")]
    Reply(#[from] ReplyError),
    #[error("the X server refused it: {0}")]
    Id(#[from] ReplyOrIdError),
    #[error("connection to the X server: {0}")]
    Connection(#[from] ConnectionError),
    #[error("waiting for the X server: {0}")]
    Sleep(#[from] std::io::Error),
}

struct Worker {
    conn: RustConnection,
    window: u32,
    atoms: Atoms,
    watch: bool,
    tell: Box<dyn Fn(Happened) + Send>,
    waker: Waker,
    reader: Reader,
    server: Server,
    /// Who has the selection now is another program.
    foreign: bool,
}

impl Worker {
    fn start(
        conn: RustConnection,
        screen: usize,
        manner: Manner,
        tell: Box<dyn Fn(Happened) + Send>,
        waker: Waker,
    ) -> Result<Worker, Broken> {
        let atoms = Atoms::new(&conn)?.reply()?;
        conn.xfixes_query_version(5, 0)?.reply()?;
        let window = conn.generate_id()?;
        let root = conn.setup().roots[screen].root;
        let events = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        let (class, depth) = (WindowClass::INPUT_ONLY, 0);
        conn.create_window(depth, window, root, 0, 0, 1, 1, 0, class, 0, &events)?;
        let mask = SelectionEventMask::SET_SELECTION_OWNER
            | SelectionEventMask::SELECTION_WINDOW_DESTROY
            | SelectionEventMask::SELECTION_CLIENT_CLOSE;
        conn.xfixes_select_selection_input(window, atoms.CLIPBOARD, mask)?
            .check()?;
        let owner = conn.get_selection_owner(atoms.CLIPBOARD)?.reply()?.owner;
        let mut worker = Worker {
            reader: Reader::new(window),
            server: Server::new(window, manner.secret),
            conn,
            window,
            atoms,
            watch: manner.watch,
            tell,
            waker,
            foreign: owner != x11rb::NONE,
        };
        worker.look()?;
        Ok(worker)
    }

    fn run(mut self, orders: &Receiver<Todo>) {
        if let Err(error) = self.work(orders) {
            (self.tell)(Happened::Gone(error.to_string()));
        }
    }

    /// Until it is to end. Events are taken one by one, after the last flush: a flush may read some, and sleeping would miss
    /// them.
    fn work(&mut self, orders: &Receiver<Todo>) -> Result<(), Broken> {
        loop {
            if self.orders(orders)? {
                return Ok(());
            }
            let now = Instant::now();
            let read = self.reader.overdue(now);
            self.read(read)?;
            self.server.overdue(&self.conn, now)?;
            self.conn.flush()?;
            if let Some(event) = self.conn.poll_for_event()? {
                self.event(&event)?;
                continue;
            }
            let until = [self.reader.deadline(), self.server.deadline()];
            let until = until.into_iter().flatten().min();
            sleep(self.conn.stream().as_fd(), &self.waker, until)?;
        }
    }

    /// Does what was ordered. Of several offers only the newest is made.
    fn orders(&mut self, orders: &Receiver<Todo>) -> Result<bool, Broken> {
        let mut newest = None;
        while let Ok(todo) = orders.try_recv() {
            match todo {
                Todo::Watch(watch) => {
                    let begins = watch && !self.watch;
                    self.watch = watch;
                    if begins {
                        self.look()?;
                    }
                }
                Todo::Fetch(form) => {
                    let read = self.reader.want(&self.conn, &self.atoms, form)?;
                    self.read(read)?;
                }
                Todo::Offer(forms) => newest = Some(forms),
                Todo::Give(form, content) => {
                    let (conn, atoms) = (&self.conn, &self.atoms);
                    self.server.give(conn, atoms, form, content.ok())?;
                }
                Todo::End => return Ok(true),
            }
        }
        if let Some(forms) = newest {
            self.server.offer(&self.conn, &self.atoms, &forms)?;
        }
        Ok(false)
    }

    /// Finds out in which forms there is something.
    fn look(&mut self) -> Result<(), Broken> {
        match (self.watch, self.foreign) {
            (true, true) => self.reader.look(&self.conn, &self.atoms),
            (true, false) => {
                (self.tell)(Happened::Copied(Vec::new()));
                Ok(())
            }
            (false, _) => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::XfixesSelectionNotify(e) => self.owner(e)?,
            Event::SelectionNotify(e) => {
                let read = self.reader.notified(&self.conn, &self.atoms, e)?;
                self.read(read)?;
            }
            Event::PropertyNotify(e)
                if e.window == self.window && e.state == Property::NEW_VALUE =>
            {
                let read = self.reader.more(&self.conn, &self.atoms, e.atom)?;
                self.read(read)?;
            }
            Event::PropertyNotify(e) if e.state == Property::DELETE => {
                self.server.taken(&self.conn, e.window, e.atom)?;
            }
            Event::SelectionRequest(e) => {
                if let Some(form) = self.server.request(&self.conn, &self.atoms, e)? {
                    (self.tell)(Happened::Pasted(form));
                }
            }
            Event::DestroyNotify(e) => self.server.gone(e.window),
            // Windows of others vanish while they are answered.
            _ => {}
        }
        Ok(())
    }

    /// Somebody copied something, or the program that had it ended.
    fn owner(&mut self, event: &xfixes::SelectionNotifyEvent) -> Result<(), Broken> {
        if event.selection != self.atoms.CLIPBOARD {
            return Ok(());
        }
        if event.owner == self.window {
            self.foreign = false;
            self.server.owns_since(event.selection_timestamp);
            let read = self.reader.changed("what was copied there is gone");
            self.read(read)?;
            // What we offer here is the other side's: it is not to go back.
            self.copied(Vec::new());
            return Ok(());
        }
        self.server.lost(&self.conn)?;
        self.foreign = event.owner != x11rb::NONE;
        let read = self.reader.changed("something else was copied meanwhile");
        self.read(read)?;
        self.look()
    }

    /// What became of what was read.
    fn read(&mut self, read: Vec<Read>) -> Result<(), Broken> {
        for read in read {
            match read {
                Read::Targets(targets) => {
                    let forms = forms_of(&self.atoms, &targets);
                    // A clipboard manager takes over what it was given: that is not new, and must not go back.
                    match self.server.given(&forms) {
                        Some(form) => self.reader.compare(&self.conn, &self.atoms, form, forms)?,
                        None => self.copied(forms),
                    }
                }
                Read::Compared(forms, content) => {
                    let same = content.is_some_and(|(_, sha256)| self.server.gave(sha256));
                    self.server.forget_given();
                    if !same {
                        self.copied(forms);
                    }
                }
                Read::Form(form, content) => (self.tell)(Happened::Fetched(form, content)),
            }
        }
        Ok(())
    }

    fn copied(&self, forms: Vec<Form>) {
        if self.watch {
            (self.tell)(Happened::Copied(forms));
        }
    }
}
