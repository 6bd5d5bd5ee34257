//! The program under the technician's hands: each key press toggles a rectangle.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AutoRepeatMode, ChangeGCAux, ChangeKeyboardControlAux, ConnectionExt as _, CreateGCAux,
    CreateWindowAux, EventMask, Gcontext, InputFocus, Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::eye::hold_still;

/// The rectangle's two colours, in turn; nothing else on a screen has them.
pub const COLOURS: [u32; 2] = [0x13_a4_f1, 0xf1_a4_13];

/// Window and rectangle in pixels: a few characters' worth changes. To the right there is room for a video.
const WINDOW: Rectangle = Rectangle {
    x: 200,
    y: 300,
    width: 320,
    height: 200,
};
const TOGGLED: Rectangle = Rectangle {
    x: 100,
    y: 80,
    width: 64,
    height: 32,
};

/// The middle of the rectangle on the screen.
pub const MIDDLE: (i16, i16) = (
    WINDOW.x + TOGGLED.x + TOGGLED.width as i16 / 2,
    WINDOW.y + TOGGLED.y + TOGGLED.height as i16 / 2,
);

/// The running program; it ends with its display.
pub struct Echo {
    /// When each press arrived at the program.
    presses: Receiver<Instant>,
    patience: Duration,
}

/// A press that takes longer did not come, unless more patience is asked for.
const LOST: Duration = Duration::from_secs(1);

impl Echo {
    /// Opens the window on `display` with the rectangle in the first colour, and gives it the keyboard.
    pub fn start(display: &str) -> anyhow::Result<Echo> {
        let (x, screen) = x11rb::connect(Some(display))?;
        let root = x.setup().roots[screen].root;
        let window = open(&x, root)?;
        // On a bad line the key is let go of late, and one press is to stay one.
        let repeat = ChangeKeyboardControlAux::new().auto_repeat_mode(AutoRepeatMode::OFF);
        x.change_keyboard_control(&repeat)?;
        let gc = x.generate_id()?;
        x.create_gc(gc, window, &CreateGCAux::new())?;
        draw(&x, window, gc, COLOURS[0])?;
        take_keyboard(&x, window)?;
        hold_still(&x)?;
        x.sync()?;
        let (to, presses) = channel();
        thread::spawn(move || run(&x, window, gc, &to));
        Ok(Echo {
            presses,
            patience: LOST,
        })
    }

    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// When the last press arrived; exactly one must have come.
    pub fn pressed(&self) -> anyhow::Result<Instant> {
        let at = self.presses.recv_timeout(self.patience);
        let at = at.context("the echo program saw no key")?;
        if self.presses.try_recv().is_ok() {
            bail!("the echo program saw one key twice");
        }
        Ok(at)
    }
}

fn open(x: &RustConnection, root: Window) -> anyhow::Result<Window> {
    let window = x.generate_id()?;
    // No window manager between: it stays where it is put.
    let how = CreateWindowAux::new()
        .override_redirect(1)
        .background_pixel(0x30_30_30)
        .event_mask(EventMask::KEY_PRESS | EventMask::BUTTON_PRESS | EventMask::EXPOSURE);
    x.create_window(
        x11rb::COPY_DEPTH_FROM_PARENT,
        window,
        root,
        WINDOW.x,
        WINDOW.y,
        WINDOW.width,
        WINDOW.height,
        0,
        WindowClass::INPUT_OUTPUT,
        0,
        &how,
    )?;
    x.map_window(window)?;
    x.flush()?;
    // Drawn upon before it shows, the rectangle would be lost.
    while !matches!(x.wait_for_event()?, Event::Expose(_)) {}
    Ok(window)
}

fn draw(x: &RustConnection, window: Window, gc: Gcontext, colour: u32) -> anyhow::Result<()> {
    x.change_gc(gc, &ChangeGCAux::new().foreground(colour))?;
    x.poly_fill_rectangle(window, gc, &[TOGGLED])?;
    Ok(x.flush()?)
}

/// Until the display is gone.
fn run(x: &RustConnection, window: Window, gc: Gcontext, to: &Sender<Instant>) {
    let mut presses = 0;
    while let Ok(event) = x.wait_for_event() {
        let at = Instant::now();
        let done = match event {
            Event::KeyPress(_) => {
                presses += 1;
                let drawn = draw(x, window, gc, COLOURS[presses % 2]);
                drawn.and_then(|()| Ok(to.send(at)?))
            }
            Event::ButtonPress(_) => take_keyboard(x, window),
            _ => Ok(()),
        };
        if done.is_err() {
            return;
        }
    }
}

/// As a program does that is clicked on: window managers leave this to windows that are not theirs.
fn take_keyboard(x: &RustConnection, window: Window) -> anyhow::Result<()> {
    x.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)?;
    Ok(x.flush()?)
}
