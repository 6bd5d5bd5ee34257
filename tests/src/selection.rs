//! What is copied and pasted on an X server: by `xclip`, and by an owner of our own that offers several forms at once.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::Display;
use crate::program::Kept;

fn command(display: &str, args: &[&str]) -> Command {
    let mut command = Command::new("xclip");
    command
        .args(["-selection", "clipboard", "-display", display])
        .args(args);
    command
}

/// Copies something with xclip, which stays behind until something else is copied.
pub fn xclip(display: &Display, target: &str, content: &[u8]) -> anyhow::Result<()> {
    let mut command = command(display.name(), &["-in", "-target", target]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut copying = command
        .spawn()
        .context("xclip is needed: apt-get install xclip (make setup does it)")?;
    let mut stdin = copying.stdin.take().context("no standard input")?;
    stdin.write_all(content)?;
    drop(stdin);
    anyhow::ensure!(copying.wait()?.success(), "xclip failed");
    Ok(())
}

/// What xclip pastes.
pub fn paste(display: &Display, target: &str) -> anyhow::Result<Vec<u8>> {
    paste_within(display.name(), target, crate::world::SOON)
}

/// The same; what came, if it does not come to its end.
pub fn paste_within(display: &str, target: &str, within: Duration) -> anyhow::Result<Vec<u8>> {
    let mut command = command(display, &["-out", "-target", target]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::null());
    let mut pasting = Kept::spawn(&mut command)?;
    let mut stdout = pasting.0.stdout.take().context("no standard output")?;
    let reading = std::thread::spawn(move || {
        let mut content = Vec::new();
        stdout.read_to_end(&mut content).map(|_| content)
    });
    let ended = pasting.wait(within);
    drop(pasting);
    let content = reading.join().expect("it does not panic")?;
    match ended {
        Ok(_) => Ok(content),
        Err(_) if content.is_empty() => bail!("nothing was pasted within {within:?}"),
        Err(_) => Ok(content),
    }
}

/// The names under which something can be pasted; none if nobody has the clipboard.
pub fn targets(display: &Display) -> anyhow::Result<Vec<String>> {
    let clipboard = display.atom("CLIPBOARD")?;
    let owner = display.connection().get_selection_owner(clipboard)?;
    if owner.reply()?.owner == x11rb::NONE {
        return Ok(Vec::new());
    }
    let names = String::from_utf8(paste(display, "TARGETS").unwrap_or_default())?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Owns the clipboard until it is dropped.
pub struct Owner {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Owner {
    /// Offers these contents under these names.
    pub fn start(display: &Display, contents: &[(&str, &[u8])]) -> anyhow::Result<Owner> {
        let some = |(name, bytes): &(&str, &[u8])| ((*name).to_owned(), Some(bytes.to_vec()));
        Owner::with(display, contents.iter().map(some).collect())
    }

    /// Offers these names, and never answers who wants what they stand for.
    pub fn silent(display: &Display, names: &[&str]) -> anyhow::Result<Owner> {
        let none = |name: &&str| ((*name).to_owned(), None);
        Owner::with(display, names.iter().map(none).collect())
    }

    fn with(
        display: &Display,
        contents: BTreeMap<String, Option<Vec<u8>>>,
    ) -> anyhow::Result<Owner> {
        let (x, screen) = x11rb::connect(Some(display.name()))?;
        let window = x.generate_id()?;
        let root = x.setup().roots[screen].root;
        let (class, none) = (WindowClass::INPUT_ONLY, CreateWindowAux::new());
        x.create_window(0, window, root, 0, 0, 1, 1, 0, class, 0, &none)?;
        let atom = |name: &str| -> anyhow::Result<u32> {
            Ok(x.intern_atom(false, name.as_bytes())?.reply()?.atom)
        };
        let (clipboard, targets) = (atom("CLIPBOARD")?, atom("TARGETS")?);
        let named = contents
            .into_iter()
            .map(|(name, content)| Ok((atom(&name)?, content)))
            .collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        x.set_selection_owner(window, clipboard, x11rb::CURRENT_TIME)?
            .check()?;
        let over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !ending.load(Ordering::Relaxed) {
                match x.poll_for_event() {
                    Ok(Some(Event::SelectionRequest(request))) => {
                        let _ = answer(&x, &request, targets, &named);
                    }
                    Ok(Some(Event::SelectionClear(_))) | Err(_) => return,
                    Ok(Some(_)) => {}
                    Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Ok(Owner {
            over,
            thread: Some(thread),
        })
    }
}

fn answer(
    x: &RustConnection,
    request: &SelectionRequestEvent,
    targets: u32,
    contents: &BTreeMap<u32, Option<Vec<u8>>>,
) -> anyhow::Result<()> {
    let (window, property) = (request.requestor, request.property);
    let mut notify = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: window,
        selection: request.selection,
        target: request.target,
        property,
    };
    if request.target == targets {
        let names: Vec<u32> = contents.keys().copied().collect();
        let replace = PropMode::REPLACE;
        x.change_property32(replace, window, property, AtomEnum::ATOM, &names)?;
    } else {
        match contents.get(&request.target) {
            Some(Some(bytes)) => {
                let kind = request.target;
                x.change_property8(PropMode::REPLACE, window, property, kind, bytes)?;
            }
            Some(None) => return Ok(()),
            None => notify.property = x11rb::NONE,
        }
    }
    x.send_event(false, window, EventMask::NO_EVENT, notify)?;
    x.flush()?;
    Ok(())
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
