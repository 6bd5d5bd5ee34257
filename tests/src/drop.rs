//! A file manager from which files are dragged onto a window, as the window sees it (XDND, version 5).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    self, Atom, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::Display;

const VERSION: u32 = 5;

struct Source {
    x: RustConnection,
    window: Window,
    target: Window,
    list: String,
}

/// Drops these files onto a window and waits until it took them.
pub fn drop_files(
    display: &Display,
    target: Window,
    files: &[&Path],
    within: Duration,
) -> anyhow::Result<()> {
    let (x, screen) = x11rb::connect(Some(display.name()))?;
    let root = x.setup().roots[screen].root;
    let window = x.generate_id()?;
    let (class, aux) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
    x.create_window(0, window, root, 0, 0, 1, 1, 0, class, 0, &aux)?;
    let uris = files
        .iter()
        .map(|file| format!("file://{}\r\n", file.display()));
    let source = Source {
        x,
        window,
        target,
        list: uris.collect(),
    };
    source.run(within)
}

impl Source {
    fn atom(&self, name: &str) -> anyhow::Result<Atom> {
        Ok(self.x.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    fn send(&self, kind: &str, data: [u32; 4]) -> anyhow::Result<()> {
        let [a, b, c, d] = data;
        let kind = self.atom(kind)?;
        let data = [self.window, a, b, c, d];
        let message = ClientMessageEvent::new(32, self.target, kind, data);
        self.x
            .send_event(false, self.target, EventMask::NO_EVENT, message)?;
        Ok(self.x.flush()?)
    }

    fn run(&self, within: Duration) -> anyhow::Result<()> {
        let selection = self.atom("XdndSelection")?;
        self.x
            .set_selection_owner(self.window, selection, x11rb::CURRENT_TIME)?;
        self.send(
            "XdndEnter",
            [VERSION << 24, self.atom("text/uri-list")?, 0, 0],
        )?;
        let copy = self.atom("XdndActionCopy")?;
        self.send(
            "XdndPosition",
            [0, 100 << 16 | 100, x11rb::CURRENT_TIME, copy],
        )?;
        let (status, finished) = (self.atom("XdndStatus")?, self.atom("XdndFinished")?);
        let deadline = Instant::now() + within;
        let (mut told, mut ready, mut dropped) = (false, false, false);
        while Instant::now() < deadline {
            match self.x.poll_for_event()? {
                Some(Event::SelectionRequest(request)) => {
                    self.tell(&request)?;
                    told = true;
                }
                Some(Event::ClientMessage(message)) if message.type_ == status => ready = true,
                Some(Event::ClientMessage(message)) if message.type_ == finished => return Ok(()),
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
            if told && ready && !dropped {
                self.send("XdndDrop", [0, x11rb::CURRENT_TIME, 0, 0])?;
                dropped = true;
            }
        }
        bail!("the window did not take what was dropped (it asked: {told}, was ready: {ready})")
    }

    fn tell(&self, request: &SelectionRequestEvent) -> anyhow::Result<()> {
        self.x.change_property8(
            PropMode::REPLACE,
            request.requestor,
            request.property,
            request.target,
            self.list.as_bytes(),
        )?;
        let told = SelectionNotifyEvent {
            response_type: xproto::SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: request.property,
        };
        self.x
            .send_event(false, request.requestor, EventMask::NO_EVENT, told)?;
        Ok(self.x.flush()?)
    }
}
