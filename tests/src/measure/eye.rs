//! The technician's finger and eye: presses a key on a display and says when a pixel there has changed.
//!
//! Nothing polls, because a loop would take one of the processors from those who are measured: the server reports
//! each drawing (XDamage), and only then is the pixel read. What that costs is in every case alike, and case
//! *X server alone* shows it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AutoRepeatMode, ChangeKeyboardControlAux, ConnectionExt as _, ImageFormat, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::drawings::Drawings;
use super::echo::COLOURS;
use crate::display::Display;

/// A pixel that takes longer did not come, unless more patience is asked for.
const LOST: Duration = Duration::from_secs(2);

/// Longer than any program here takes to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// Pixels from the middle of the rectangle to a place beside it in the echo's window.
const BELOW: i32 = 60;

pub struct Eye {
    drawings: Drawings,
    /// The pixel to look at.
    at: (i16, i16),
    /// A pixel that takes longer did not come.
    patience: Duration,
    keycode: u8,
}

/// A key that is held until its pixel comes must not repeat, however long that takes.
pub fn hold_still(x: &RustConnection) -> anyhow::Result<()> {
    let still = ChangeKeyboardControlAux::new().auto_repeat_mode(AutoRepeatMode::OFF);
    Ok(x.change_keyboard_control(&still)?.check()?)
}

impl Eye {
    /// Looks at the middle of what shows the echo's rectangle on `display`, and waits for it to show up.
    pub fn open(display: &str) -> anyhow::Result<Eye> {
        let mut eye = Eye {
            drawings: Drawings::watch(display)?,
            at: (0, 0),
            patience: LOST,
            keycode: 0,
        };
        eye.keycode = eye.letter_key()?;
        hold_still(&eye.drawings.x)?;
        eye.find()?;
        std::thread::sleep(SETTLE); // a viewer's window takes its size after the first picture
        eye.at = eye.find()?;
        Ok(eye)
    }

    /// The pixel that is looked at.
    pub fn at(&self) -> (i16, i16) {
        self.at
    }

    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Clicks at the program, as a person does before typing, and waits until nothing moves any more.
    pub fn click(&self, display: &Display) -> anyhow::Result<()> {
        // Below the pixel: there a viewer may draw the pointer.
        display.click(self.at.0.into(), i32::from(self.at.1) + BELOW, 1)?;
        std::thread::sleep(SETTLE);
        Ok(())
    }

    /// Presses the key, waits until the pixel has that colour, lets the key go. Gives the moments of the press and of
    /// the pixel.
    pub fn press(&self, colour: u32) -> anyhow::Result<(Instant, Instant)> {
        self.drawings.forget()?;
        let pressed = Instant::now();
        self.key(KEY_PRESS_EVENT)?;
        let seen = self.wait_for(colour, pressed + self.patience);
        self.key(KEY_RELEASE_EVENT)?;
        Ok((pressed, seen?))
    }

    fn key(&self, kind: u8) -> anyhow::Result<()> {
        let Drawings { x, root } = &self.drawings;
        x.xtest_fake_input(kind, self.keycode, 0, *root, 0, 0, 0)?;
        Ok(x.flush()?)
    }

    fn wait_for(&self, colour: u32, deadline: Instant) -> anyhow::Result<Instant> {
        loop {
            self.next_drawing(deadline)?;
            self.drawings.forget()?;
            if self.drawings.pixel(self.at)? == colour {
                return Ok(Instant::now());
            }
        }
    }

    /// Sleeps until something was drawn.
    fn next_drawing(&self, deadline: Instant) -> anyhow::Result<()> {
        while self.drawings.x.poll_for_event()?.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the pixel did not change within {:?}", self.patience);
            }
            self.drawings.sleep(left)?;
        }
        Ok(())
    }

    fn find(&self) -> anyhow::Result<(i16, i16)> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.look()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("the echo window does not show");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The middle of the pixels in the rectangle's first colour.
    fn look(&self) -> anyhow::Result<Option<(i16, i16)>> {
        let Drawings { x, root } = &self.drawings;
        let size = x.get_geometry(*root)?.reply()?;
        let (width, height) = (size.width, size.height);
        let format = ImageFormat::Z_PIXMAP;
        let image = x.get_image(format, *root, 0, 0, width, height, !0)?;
        let data = image.reply()?.data;
        let pixels = data.chunks_exact(4);
        let is_ours = |p: &[u8]| u32::from_le_bytes([p[0], p[1], p[2], 0]) == COLOURS[0];
        let found: Vec<usize> = pixels
            .enumerate()
            .filter_map(|(n, pixel)| is_ours(pixel).then_some(n))
            .collect();
        let row = usize::from(width);
        let (Some(first), Some(last)) = (found.first(), found.last()) else {
            return Ok(None);
        };
        let x = (first % row + last % row) / 2;
        let y = (first / row + last / row) / 2;
        Ok(Some((x as i16, y as i16)))
    }

    /// The key that types "a".
    fn letter_key(&self) -> anyhow::Result<u8> {
        let setup = self.drawings.x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let map = self
            .drawings
            .x
            .get_keyboard_mapping(first, last - first + 1)?;
        let map = map.reply()?;
        let mut keys = map.keysyms.chunks(map.keysyms_per_keycode.into());
        let key = keys.position(|symbols| symbols[0] == u32::from(b'a'));
        Ok(first + key.context("no key types 'a'")? as u8)
    }
}
