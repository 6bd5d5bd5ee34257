//! What a person does in a window of ours: the word of real input devices, and of nothing else.
//!
//! A program (the technician's own remote hands among them) types and clicks through the X server's test extension; XInput 2
//! tells for each event from which device it came. What comes from a test device, from none that we know, or as a message of
//! another program is refused. Core input events are not listened to at all. What a program does in the name of a real
//! device is found out by [`super::impostors`].

use std::time::Instant;

use egui::{Event as Input, Key, Modifiers, PointerButton};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{self, ConnectionExt as _, DeviceId, XIEventMask};
use x11rb::protocol::xkb::ID;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::super::DesktopError;
use super::super::wake::Waker;
use super::impostors::Impostors;
use super::panel::Panel;
use super::{devices, keyboard};
use crate::pure::typing::{Stroke, Typist};

/// What keys do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Nothing,
    /// They move through the window and press its buttons.
    Buttons,
    /// They are text; none of them presses a button.
    Text,
}

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// None of a person's.
    Other,
    /// Nothing to draw.
    Nothing,
    /// The panel has input to draw.
    Input,
    /// Enter, while keys are text.
    Enter,
    /// A program did something; it does not count.
    Refused,
}

/// A window of ours.
pub trait TakesEvents {
    fn panel(&self) -> &Panel;

    /// Takes an event in. True: draw again.
    fn note(&mut self, event: Event) -> Result<bool, DesktopError>;

    /// Takes in the events that have come, up to the next key or button: egui moves its focus once a picture.
    /// Says whether to draw again, and whether more events may wait.
    fn drain(&mut self) -> Result<(bool, bool), DesktopError> {
        let mut changed = false;
        while let Some(event) = self.panel().conn.poll_for_event()? {
            let press = Person::is_press(&event);
            let dirty = self.note(event)?;
            changed |= dirty;
            if press && dirty {
                return Ok((changed, true));
            }
        }
        Ok((changed, false))
    }
}

/// Real hands at one window.
pub struct Person {
    /// `None` where the server does not let us watch; then it is up to the devices alone.
    impostors: Option<Impostors>,
    /// Impostors that were counted already.
    seen: u32,
    /// When the last one was seen.
    pub impostor_at: Option<Instant>,
    /// Devices whose word counts.
    personal: Vec<DeviceId>,
    /// Keys that move through windows, by key code.
    keys: Vec<(u8, Key)>,
    /// `None` where the server has no XKB: then nothing can be written.
    typist: Option<Typist>,
}

impl Person {
    /// Listens to whoever sits before `panel`; `waker` is called when an impostor is seen.
    pub fn at(panel: &Panel, display: Option<&str>, waker: Waker) -> Result<Person, DesktopError> {
        let conn = &panel.conn;
        devices::require_xinput2(conn)?;
        listen(panel)?;
        let impostors = Impostors::watch(display, waker)
            .inspect_err(|error| tracing::warn!("clicks in the name of a device pass: {error}"))
            .ok();
        let watched = keyboard::require_xkb(conn).and_then(|()| keyboard::watch(conn));
        let typist = watched.and_then(|()| typist(conn));
        Ok(Person {
            impostors,
            seen: 0,
            impostor_at: None,
            personal: personal(conn)?,
            keys: understood_keys(conn)?,
            typist: typist
                .inspect_err(|error| tracing::warn!("nothing can be written here: {error}"))
                .ok(),
        })
    }

    /// Whether the event is a key or a button going down or up: egui takes one at a time.
    pub fn is_press(event: &Event) -> bool {
        matches!(
            event,
            Event::XinputKeyPress(_)
                | Event::XinputKeyRelease(_)
                | Event::XinputButtonPress(_)
                | Event::XinputButtonRelease(_)
        )
    }

    /// Takes an event in: what a person did is pushed to the panel.
    pub fn note(
        &mut self,
        panel: &mut Panel,
        event: &Event,
        keys: Keys,
    ) -> Result<Noted, DesktopError> {
        Ok(match event {
            Event::MappingNotify(_) | Event::XkbMapNotify(_) | Event::XkbNewKeyboardNotify(_) => {
                self.keys = understood_keys(&panel.conn)?;
                if self.typist.is_some() {
                    self.typist = Some(typist(&panel.conn)?);
                }
                Noted::Nothing
            }
            Event::XinputHierarchy(_) | Event::XinputProperty(_) => {
                self.personal = personal(&panel.conn)?;
                Noted::Nothing
            }
            Event::XinputMotion(e) if self.is_personal(e.sourceid) => {
                panel.push(Input::PointerMoved(at(panel, e)));
                Noted::Input
            }
            Event::XinputLeave(_) => {
                panel.push(Input::PointerGone);
                Noted::Input
            }
            Event::XinputButtonPress(e) => self.button(panel, e, true),
            Event::XinputButtonRelease(e) => self.button(panel, e, false),
            Event::XinputKeyPress(e) => self.key(panel, e, true, keys),
            Event::XinputKeyRelease(e) => self.key(panel, e, false, keys),
            // We asked for none of these: another program sent them to the window.
            Event::ButtonPress(_) | Event::KeyPress(_) => Noted::Refused,
            _ => Noted::Other,
        })
    }

    pub fn is_personal(&self, device: DeviceId) -> bool {
        self.personal.contains(&device)
    }

    fn button(&self, panel: &mut Panel, event: &xinput::ButtonPressEvent, pressed: bool) -> Noted {
        if !self.is_personal(event.sourceid) {
            // The wheel answers nothing, and hands that scroll elsewhere pass over the window.
            return refused(pressed && !(4..=7).contains(&event.detail));
        }
        if event.detail != 1 {
            return wheel(panel, event.detail, pressed);
        }
        let pos = at(panel, event);
        panel.push(Input::PointerMoved(pos));
        panel.push(Input::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        Noted::Input
    }

    fn key(
        &mut self,
        panel: &mut Panel,
        event: &xinput::KeyPressEvent,
        pressed: bool,
        keys: Keys,
    ) -> Noted {
        if !self.is_personal(event.sourceid) {
            return refused(pressed);
        }
        let shift = event.mods.effective & 1 != 0;
        let code = event.detail;
        let known = self.keys.iter().find(|(c, _)| u32::from(*c) == code);
        match (keys, known) {
            (Keys::Nothing, _) => Noted::Nothing,
            (Keys::Text, _) if pressed => self.write(panel, event, shift),
            // What was pressed before the keys became text is let go of.
            (_, Some((_, key))) => {
                push_key(panel, *key, pressed, shift);
                Noted::Input
            }
            (_, None) => Noted::Nothing,
        }
    }

    /// A key that is text, or moves in it.
    fn write(&mut self, panel: &mut Panel, event: &xinput::KeyPressEvent, shift: bool) -> Noted {
        let (Some(typist), Ok(code)) = (&mut self.typist, u8::try_from(event.detail)) else {
            return Noted::Nothing;
        };
        let modifiers = event.mods.effective as u8; // the core protocol's eight are all there are
        match typist.press(code, modifiers, event.group.effective) {
            Some(Stroke::Text(text)) => panel.push(Input::Text(text)),
            Some(Stroke::Key(0xff0d | 0xff8d)) => return Noted::Enter,
            Some(Stroke::Key(symbol)) => {
                let Some(key) = key_in_text(symbol) else {
                    return Noted::Nothing;
                };
                push_key(panel, key, true, shift);
                push_key(panel, key, false, shift);
            }
            None => return Noted::Nothing,
        }
        Noted::Input
    }

    /// How many impostors there are since it was last asked; `None` if none, and we would know. What they did, and what was done
    /// together with it, does not count.
    pub fn impostors(&mut self, panel: &mut Panel, at_stake: bool) -> Option<u32> {
        let impostors = self.impostors.as_ref()?;
        let blinded = impostors.is_blind();
        let new = impostors.seen().wrapping_sub(self.seen);
        if new == 0 && !(blinded && at_stake) {
            return None;
        }
        self.seen = self.seen.wrapping_add(new);
        self.impostor_at = Some(Instant::now());
        panel.push(Input::PointerGone); // also ends a press by the impostor
        Some(new.max(1))
    }

    /// Stops watching.
    pub fn leave(&self, conn: &RustConnection) {
        if let Some(impostors) = &self.impostors {
            impostors.end(conn);
        }
    }
}

/// Counts what a program did, once per press.
fn refused(pressed: bool) -> Noted {
    match pressed {
        true => Noted::Refused,
        false => Noted::Nothing,
    }
}

/// The wheel scrolls; other buttons mean nothing.
fn wheel(panel: &mut Panel, button: u32, pressed: bool) -> Noted {
    /// Points that a notch scrolls: two lines and a half.
    const NOTCH: f32 = 40.0;
    let down = match button {
        4 => NOTCH,
        5 => -NOTCH,
        _ => return Noted::Nothing,
    };
    if !pressed {
        return Noted::Nothing;
    }
    panel.push(Input::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, down),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    Noted::Input
}

fn push_key(panel: &mut Panel, key: Key, pressed: bool, shift: bool) {
    panel.push(Input::Key {
        key,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers {
            shift,
            ..Modifiers::NONE
        },
    });
}

/// Where in the panel the event happened (XInput's 16.16 fixed point).
fn at(panel: &Panel, event: &xinput::ButtonPressEvent) -> egui::Pos2 {
    let pixels = |fixed: i32| fixed as f32 / 65536.0;
    panel.point(pixels(event.event_x), pixels(event.event_y))
}

/// Keys that move or take away in a text.
fn key_in_text(symbol: u32) -> Option<Key> {
    Some(match symbol {
        0xff08 => Key::Backspace,
        0xffff | 0xff9f => Key::Delete,
        0xff09 => Key::Tab,
        0xff50 | 0xff95 => Key::Home,
        0xff51 | 0xff96 => Key::ArrowLeft,
        0xff52 | 0xff97 => Key::ArrowUp,
        0xff53 | 0xff98 => Key::ArrowRight,
        0xff54 | 0xff99 => Key::ArrowDown,
        0xff57 | 0xff9c => Key::End,
        _ => return None,
    })
}

/// Asks for input events with their devices, and for a word when devices come and go.
fn listen(panel: &Panel) -> Result<(), DesktopError> {
    let input = xinput::EventMask {
        deviceid: xinput::Device::ALL_MASTER.into(),
        mask: vec![
            XIEventMask::BUTTON_PRESS
                | XIEventMask::BUTTON_RELEASE
                | XIEventMask::MOTION
                | XIEventMask::LEAVE
                | XIEventMask::KEY_PRESS
                | XIEventMask::KEY_RELEASE,
        ],
    };
    let devices = xinput::EventMask {
        deviceid: xinput::Device::ALL.into(),
        mask: vec![XIEventMask::HIERARCHY | XIEventMask::PROPERTY],
    };
    let conn = &panel.conn;
    conn.xinput_xi_select_events(panel.window, &[input])?
        .check()?;
    conn.xinput_xi_select_events(panel.root, &[devices])?
        .check()?;
    Ok(())
}

fn personal(conn: &RustConnection) -> Result<Vec<DeviceId>, DesktopError> {
    let all = devices::list(conn)?.into_iter();
    Ok(all.filter(|d| d.is_personal()).map(|d| d.id).collect())
}

fn typist(conn: &RustConnection) -> Result<Typist, DesktopError> {
    Ok(Typist::new(keyboard::read(conn, ID::USE_CORE_KBD.into())?))
}

/// The keys that move through the window and press its buttons.
fn understood_keys(conn: &RustConnection) -> Result<Vec<(u8, Key)>, DesktopError> {
    let setup = conn.setup();
    let (min, max) = (setup.min_keycode, setup.max_keycode);
    let map = conn.get_keyboard_mapping(min, max - min + 1)?.reply()?;
    let width = usize::from(map.keysyms_per_keycode).max(1);
    let keys = map.keysyms.chunks(width).zip(min..=max);
    Ok(keys
        .filter_map(|(symbols, code)| {
            let key = match symbols.first()? {
                0xff09 => Key::Tab,
                0xff0d | 0xff8d => Key::Enter,
                0x20 => Key::Space,
                0xff52 => Key::ArrowUp,
                0xff54 => Key::ArrowDown,
                _ => return None,
            };
            Some((code, key))
        })
        .collect())
}
