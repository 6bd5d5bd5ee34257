//! The key that stops the session from anywhere on the desktop.

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ConnectionExt as _, GetKeyboardMappingReply, GrabMode, KeyPressEvent, ModMask,
};
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;

const END: u32 = 0xff57;
const CAPS_LOCK: u32 = 0xffe5;
const SHIFT_LOCK: u32 = 0xffe6;
const NUM_LOCK: u32 = 0xff7f;
const SCROLL_LOCK: u32 = 0xff14;

/// Tried in this order: the second where another program has the first.
const COMBINATIONS: [(&str, u16); 2] = [("Ctrl+Alt+End", 0b1100), ("Ctrl+Alt+Shift+End", 0b1101)];

/// A key combination that reaches us whatever window has the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotKey {
    pub name: &'static str,
    modifiers: u16,
    codes: Vec<u8>,
    /// Modifier bits of the locks: they do not matter.
    locks: u16,
}

impl HotKey {
    /// Takes the first combination that is free; `None` where none is.
    pub fn grab(conn: &RustConnection, root: u32) -> Result<Option<HotKey>, DesktopError> {
        let (codes, locks) = end_and_locks(conn)?;
        for (name, modifiers) in COMBINATIONS {
            let key = HotKey {
                name,
                modifiers,
                codes: codes.clone(),
                locks,
            };
            if !codes.is_empty() && key.take(conn, root)? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// True if all of it is ours now; otherwise nothing is.
    fn take(&self, conn: &RustConnection, root: u32) -> Result<bool, DesktopError> {
        let mut cookies = Vec::new();
        for (code, modifiers) in self.grabs() {
            let mode = GrabMode::ASYNC;
            cookies.push(conn.grab_key(false, root, modifiers, code, mode, mode)?);
        }
        let mut all = true;
        for cookie in cookies {
            all &= cookie.check().is_ok();
        }
        if !all {
            self.release(conn, root)?;
        }
        Ok(all)
    }

    pub fn release(&self, conn: &RustConnection, root: u32) -> Result<(), DesktopError> {
        for (code, modifiers) in self.grabs() {
            conn.ungrab_key(code, root, modifiers)?.ignore_error();
        }
        conn.flush()?;
        Ok(())
    }

    /// Each key code with each state of the locks.
    fn grabs(&self) -> impl Iterator<Item = (u8, ModMask)> {
        let combinations = (0..=0xff).filter(|locks| locks & !self.locks == 0);
        combinations.flat_map(|locks: u16| {
            let modifiers = self.modifiers | locks;
            self.codes.iter().map(move |code| (*code, modifiers.into()))
        })
    }

    pub fn is(&self, event: &KeyPressEvent) -> bool {
        let modifiers = u16::from(event.state) & 0xff & !self.locks;
        self.codes.contains(&event.detail) && modifiers == self.modifiers
    }

    /// Whether the keyboard map has not moved it since.
    pub fn is_current(&self, conn: &RustConnection) -> Result<bool, DesktopError> {
        Ok(end_and_locks(conn)? == (self.codes.clone(), self.locks))
    }
}

/// The key codes of End, and the modifier bits that the locks set.
fn end_and_locks(conn: &RustConnection) -> Result<(Vec<u8>, u16), DesktopError> {
    let setup = conn.setup();
    let (min, max) = (setup.min_keycode, setup.max_keycode);
    let map = conn.get_keyboard_mapping(min, max - min + 1)?;
    let modifiers = conn.get_modifier_mapping()?.reply()?;
    let map = map.reply()?;
    let codes = (min..=max).filter(|code| first_symbol(&map, min, *code) == Some(END));
    let per_modifier = usize::from(modifiers.keycodes_per_modifier()).max(1);
    let mut locks = 0;
    for (bit, codes) in modifiers.keycodes.chunks(per_modifier).enumerate() {
        let is_lock = |code: &u8| {
            let symbol = first_symbol(&map, min, *code);
            matches!(
                symbol,
                Some(CAPS_LOCK | SHIFT_LOCK | NUM_LOCK | SCROLL_LOCK)
            )
        };
        if codes.iter().any(is_lock) {
            locks |= 1 << bit;
        }
    }
    // A lock on Control or Alt would be a strange map: those two are the combination itself.
    Ok((codes.collect(), locks & !0b1101))
}

fn first_symbol(map: &GetKeyboardMappingReply, min: u8, code: u8) -> Option<u32> {
    let index = usize::from(code.checked_sub(min)?);
    map.keysyms
        .get(index * usize::from(map.keysyms_per_keycode))
        .copied()
}
