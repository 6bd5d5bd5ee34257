//! The server's keyboard map: reading it, following its changes, and giving spare keys a symbol for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xinput::DeviceType;
use x11rb::protocol::xkb::{self, BoolCtrl, ConnectionExt as _, EventType, ID, MapPart};
use x11rb::protocol::xproto::ModMask;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::super::DesktopError;
use super::{connect, devices};
use crate::pure::keymap::{Beyond, Key, KeyType, Keymap, State, Strike};

/// A spare key gets another symbol only that long after its last use: until then the program it was meant for may
/// not have looked up what the key means. (It looks it up when it gets round to the event, not when that was sent.)
const SETTLED: Duration = Duration::from_millis(150);
/// The type that every XKB map has at this index: two levels by Shift and Lock. With it, Lock is used up by the
/// choice of level, and no program capitalises the symbol on its own.
const ALPHABETIC: u8 = 2;

/// The keyboard as one connection sees it.
pub struct Keyboard {
    conn: RustConnection,
    /// The keyboard through which XTEST types: its map counts, whatever the user's own keyboards have.
    device: u16,
    map: Keymap,
    stale: bool,
    /// Spare keys that we gave a symbol, the least recently used first.
    bound: VecDeque<Bound>,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    keycode: u8,
    used: Instant,
}

impl Keyboard {
    pub fn open(display: Option<&str>) -> Result<Keyboard, DesktopError> {
        let (conn, _) = connect(display)?;
        require_xkb(&conn)?;
        let device = match devices::require_xinput2(&conn) {
            Ok(()) => devices::list(&conn)?
                .into_iter()
                .find(|device| device.test && device.kind == DeviceType::SLAVE_KEYBOARD)
                .map(|device| device.id),
            Err(_) => None,
        };
        watch(&conn)?;
        let keyboard = Keyboard {
            conn,
            device: device.unwrap_or(ID::USE_CORE_KBD.into()),
            map: Keymap::default(),
            stale: true,
            bound: VecDeque::new(),
        };
        keyboard.set_server_repeat(false)?;
        Ok(keyboard)
    }

    /// The map in force.
    pub fn map(&mut self) -> Result<&Keymap, DesktopError> {
        while let Some(event) = self.conn.poll_for_event()? {
            self.stale |= matches!(
                event,
                Event::XkbMapNotify(_) | Event::XkbNewKeyboardNotify(_) | Event::MappingNotify(_)
            );
        }
        if std::mem::take(&mut self.stale) {
            self.map = read(&self.conn, self.device)?;
        }
        Ok(&self.map)
    }

    /// Modifiers and group in force; `held` are the modifiers of keys that we hold.
    pub fn state(&self, held: u8) -> Result<State, DesktopError> {
        let reply = self.conn.xkb_get_state(ID::USE_CORE_KBD.into())?.reply()?;
        let bits = |mask: ModMask| u16::from(mask) as u8;
        let fixed = bits(reply.locked_mods) | bits(reply.latched_mods);
        Ok(State {
            modifiers: bits(reply.mods),
            ours: held & !fixed,
            group: reply.group.into(),
        })
    }

    /// How to type the symbol, with a spare key if no key of the user's map types it.
    /// `held` are keycodes that are down: they keep their symbol.
    pub fn strike(
        &mut self,
        symbol: u32,
        state: State,
        held: &dyn Fn(u8) -> bool,
    ) -> Result<Strike, DesktopError> {
        let strike = match self.map()?.strike(symbol, state) {
            Some(strike) => strike,
            None => Strike {
                keycode: self.bind(symbol, held)?,
                press: 0,
                lift: 0,
            },
        };
        self.touch(strike.keycode);
        Ok(strike)
    }

    /// Notes the use of a spare key.
    fn touch(&mut self, keycode: u8) {
        let position = self.bound.iter().position(|b| b.keycode == keycode);
        if let Some(mut bound) = position.and_then(|p| self.bound.remove(p)) {
            bound.used = Instant::now();
            self.bound.push_back(bound);
        }
    }

    /// Gives the symbol to a key that has none, or to the one of ours that rested longest.
    fn bind(&mut self, symbol: u32, held: &dyn Fn(u8) -> bool) -> Result<u8, DesktopError> {
        let ours: Vec<u8> = self.bound.iter().map(|b| b.keycode).collect();
        let unused = self
            .map()?
            .spare()
            .into_iter()
            .find(|code| !ours.contains(code) && !held(*code));
        let keycode = match unused {
            Some(keycode) => keycode,
            None => {
                let oldest = self.bound.iter().position(|b| !held(b.keycode));
                let Some(bound) = oldest.and_then(|p| self.bound.remove(p)) else {
                    return Err(DesktopError::Unsupported(
                        "the keyboard map has no spare key for this character".into(),
                    ));
                };
                std::thread::sleep(SETTLED.saturating_sub(bound.used.elapsed()));
                bound.keycode
            }
        };
        self.assign(keycode, symbol)?;
        self.bound.push_back(Bound {
            keycode,
            used: Instant::now(),
        });
        Ok(keycode)
    }

    /// Sets the symbol on every level of the key (0 takes it away), on all keyboards, and waits until that is in force.
    fn assign(&mut self, keycode: u8, symbol: u32) -> Result<(), DesktopError> {
        let symbols = if symbol == 0 { vec![] } else { vec![symbol; 2] };
        let key = xkb::KeySymMap {
            kt_index: [ALPHABETIC; 4],
            group_info: u8::from(symbol != 0),
            width: symbols.len() as u8,
            syms: symbols,
        };
        let total = key.syms.len() as u16;
        let values = xkb::SetMapAux::new().syms(vec![key]);
        let setup = self.conn.setup();
        let (min, max) = (setup.min_keycode, setup.max_keycode);
        let none = xkb::VMod::from(0u16);
        let flags = xkb::SetMapFlags::from(0u16);
        let device = ID::USE_CORE_KBD.into();
        self.conn
            .xkb_set_map(
                device, flags, min, max, 0, 0, keycode, 1, total, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, none, &values,
            )?
            .check()?;
        self.stale = true;
        Ok(())
    }

    /// The server repeats a key that XTEST holds, as it does for a real one. The technician's own keyboard repeats
    /// already, and a lost "up" must not type on for seconds: so not on this one device while we type.
    fn set_server_repeat(&self, on: bool) -> Result<(), DesktopError> {
        if self.device == u16::from(ID::USE_CORE_KBD) {
            return Ok(()); // that would change the user's own keyboard
        }
        let none = ModMask::from(0u16);
        let no_vmods = xkb::VMod::from(0u16);
        let no_options = xkb::AXOption::from(0u16);
        let no_controls = BoolCtrl::from(0u32);
        let repeat = BoolCtrl::REPEAT_KEYS;
        let enabled = if on { repeat } else { no_controls };
        self.conn
            .xkb_set_controls(
                self.device,
                none,
                none,
                none,
                none,
                no_vmods,
                no_vmods,
                no_vmods,
                no_vmods,
                0,
                0,
                no_options,
                repeat,
                enabled,
                xkb::Control::CONTROLS_ENABLED,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                no_controls,
                no_controls,
                no_options,
                no_options,
                &[0; 32],
            )?
            .check()?;
        Ok(())
    }

    /// A round trip: tells whether the server is still there.
    pub fn is_alive(&self) -> bool {
        self.conn.sync().is_ok()
    }

    /// Gives the spare keys back, after the last program had time to look up what they meant.
    fn restore(&mut self) -> Result<(), DesktopError> {
        self.set_server_repeat(true)?;
        let last = self.bound.back().map(|b| b.used);
        if let Some(last) = last {
            std::thread::sleep(SETTLED.saturating_sub(last.elapsed()));
        }
        for bound in std::mem::take(&mut self.bound) {
            self.assign(bound.keycode, 0)?;
        }
        Ok(())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // Nothing to restore where the server is gone.
        let _ = self.restore();
    }
}

/// Says hello to XKB; an error where the server has none.
pub fn require_xkb(conn: &RustConnection) -> Result<(), DesktopError> {
    if !conn.xkb_use_extension(1, 0)?.reply()?.supported {
        return Err(DesktopError::Unsupported("the X server has no XKB".into()));
    }
    Ok(())
}

/// Asks for a word when the keyboard or its map changes.
pub fn watch(conn: &RustConnection) -> Result<(), DesktopError> {
    let changes = EventType::NEW_KEYBOARD_NOTIFY | EventType::MAP_NOTIFY;
    let parts = MapPart::KEY_TYPES | MapPart::KEY_SYMS | MapPart::MODIFIER_MAP;
    conn.xkb_select_events(
        ID::USE_CORE_KBD.into(),
        EventType::from(0u16),
        changes,
        parts,
        parts,
        &xkb::SelectEventsAux::new(),
    )?
    .check()?;
    Ok(())
}

/// Reads the map of a keyboard.
pub fn read(conn: &RustConnection, device: u16) -> Result<Keymap, DesktopError> {
    let full = MapPart::KEY_TYPES | MapPart::KEY_SYMS | MapPart::MODIFIER_MAP;
    let none = MapPart::from(0u16);
    let vmods = xkb::VMod::from(0u16);
    let reply = conn
        .xkb_get_map(
            device, full, none, 0, 0, 0, 0, 0, 0, 0, 0, vmods, 0, 0, 0, 0, 0, 0,
        )?
        .reply()?;
    let types = reply.map.types_rtrn.unwrap_or_default();
    let symbols = reply.map.syms_rtrn.unwrap_or_default();
    let mut map = Keymap {
        types: types.iter().map(key_type).collect(),
        first: reply.first_key_sym,
        keys: symbols.iter().map(key).collect(),
    };
    for entry in reply.map.modmap_rtrn.unwrap_or_default() {
        let index = usize::from(entry.keycode).wrapping_sub(map.first.into());
        if let Some(key) = map.keys.get_mut(index) {
            key.modifiers = u16::from(entry.mods) as u8;
        }
    }
    Ok(map)
}

fn key_type(kind: &xkb::KeyType) -> KeyType {
    let entries = kind.map.iter().filter(|entry| entry.active);
    KeyType {
        mask: u16::from(kind.mods_mask) as u8,
        levels: entries
            .map(|entry| (u16::from(entry.mods_mask) as u8, entry.level))
            .collect(),
    }
}

fn key(symbols: &xkb::KeySymMap) -> Key {
    let count = usize::from(symbols.group_info & 0x0f).min(4);
    let width = usize::from(symbols.width);
    let group = |index: usize| {
        let levels = symbols.syms.iter().skip(index * width).take(width);
        (symbols.kt_index[index].into(), levels.copied().collect())
    };
    Key {
        groups: (0..count).map(group).collect(),
        // Bits 6 and 7: what to do with a group that the key lacks; 4 and 5: where to go instead.
        beyond: match symbols.group_info & 0xc0 {
            0x40 => Beyond::Clamp,
            0x80 => Beyond::Redirect(symbols.group_info >> 4 & 3),
            _ => Beyond::Wrap,
        },
        modifiers: 0,
    }
}
