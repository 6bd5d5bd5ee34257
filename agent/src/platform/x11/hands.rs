//! Mouse and keyboard of an X display: enigo moves and presses, the keyboard map is ours.
//!
//! enigo presses raw key codes only. Which key types a symbol, and with which modifiers, is decided by
//! [`crate::pure::keymap`] on the server's own map, so that what the technician typed is what arrives.

use std::collections::BTreeMap;

use enigo::{Axis, Coordinate, Direction, Enigo, InputResult, Keyboard as _, Mouse as _, Settings};
use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Button, Input};

use super::super::{DesktopError, Hands};
use super::keyboard::Keyboard;
use crate::pure::keymap::{self, Strike};

/// One notch of a wheel in the units of [`Input::Wheel`].
const NOTCH: i32 = 120;
/// The most notches turned at once: a wheel's own limit is far below, a hostile number far above.
const MOST_NOTCHES: i32 = 50;

/// The hands of one technician on an X display.
pub struct X11Hands {
    enigo: Enigo,
    keyboard: Keyboard,
    /// Keys held down: the symbol that the technician pressed → the key code that it went to. The map may change
    /// in between; what goes up is what went down.
    keys: BTreeMap<u32, u8>,
    buttons: Vec<Button>,
    /// What is left of wheel turns smaller than a notch.
    wheel: (i32, i32),
}

impl X11Hands {
    /// Takes the hands of `display` (that of the environment when `None`).
    pub fn open(display: Option<&str>) -> Result<X11Hands, DesktopError> {
        let keyboard = Keyboard::open(display)?;
        let settings = Settings {
            linux_delay: 0, // otherwise each turn of the wheel blocks
            x11_display: display.map(str::to_owned),
            release_keys_when_dropped: false, // we know better what is held
            ..Settings::default()
        };
        let enigo = Enigo::new(&settings)
            .map_err(|error| DesktopError::Unsupported(format!("simulating input: {error}")))?;
        Ok(X11Hands {
            enigo,
            keyboard,
            keys: BTreeMap::new(),
            buttons: Vec::new(),
            wheel: (0, 0),
        })
    }

    fn button(&mut self, button: Button, down: bool) -> Result<(), DesktopError> {
        if !down && !self.buttons.contains(&button) {
            return Ok(()); // never ours: the user's own
        }
        let direction = direction(down);
        let done = self.enigo.button(of_enigo(button), direction);
        self.check(done)?;
        self.buttons.retain(|held| *held != button);
        if down {
            self.buttons.push(button);
        }
        Ok(())
    }

    fn wheel(&mut self, dx: i32, dy: i32) -> Result<(), DesktopError> {
        let x = notches(&mut self.wheel.0, dx);
        let y = notches(&mut self.wheel.1, dy);
        if x != 0 {
            let done = self.enigo.scroll(x, Axis::Horizontal);
            self.check(done)?;
        }
        if y != 0 {
            let done = self.enigo.scroll(y, Axis::Vertical);
            self.check(done)?;
        }
        Ok(())
    }

    fn key_down(&mut self, symbol: u32) -> Result<(), DesktopError> {
        let held = self.held_modifiers()?;
        let state = self.keyboard.state(held)?;
        if keymap::is_modifier(symbol) {
            return match self.keyboard.map()?.modifier_key(symbol) {
                Some((keycode, _)) => self.press(symbol, keycode),
                None => Ok(()), // no such modifier here: characters arrive without it
            };
        }
        let reachable = self.keyboard.map()?.strike(symbol, state).is_some();
        if !reachable && !keymap::is_bindable(symbol) {
            return Ok(()); // no symbol of any keyboard
        }
        let keys = &self.keys;
        let held = |code: u8| keys.values().any(|held| *held == code);
        let strike = self.keyboard.strike(symbol, state, &held)?;
        self.around(strike, |hands| hands.press(symbol, strike.keycode))
    }

    /// Does it with the modifiers that the strike asks for, then puts them back as they were.
    fn around(
        &mut self,
        strike: Strike,
        act: impl FnOnce(&mut Self) -> Result<(), DesktopError>,
    ) -> Result<(), DesktopError> {
        let mut pressed = Vec::new();
        for symbol in [keymap::SHIFT_L, keymap::LEVEL3_SHIFT] {
            if let Some((code, modifiers)) = self.keyboard.map()?.modifier_key(symbol)
                && modifiers & strike.press != 0
            {
                pressed.push(code);
            }
        }
        let lifted = self.holding(strike.lift)?;
        for code in &lifted {
            self.raw(*code, false)?;
        }
        for code in &pressed {
            self.raw(*code, true)?;
        }
        let done = act(self);
        for code in pressed.iter().rev() {
            self.raw(*code, false)?;
        }
        for code in &lifted {
            self.raw(*code, true)?;
        }
        done
    }

    /// Presses a key for a symbol. One that is down already repeats: up and down again, as the server itself repeats.
    fn press(&mut self, symbol: u32, keycode: u8) -> Result<(), DesktopError> {
        if self.keys.values().any(|held| *held == keycode) {
            if keymap::is_modifier(symbol) {
                return Ok(()); // modifiers do not repeat
            }
            self.raw(keycode, false)?;
        }
        if let Some(before) = self.keys.insert(symbol, keycode)
            && before != keycode
            && !self.keys.values().any(|held| *held == before)
        {
            self.raw(before, false)?; // the map changed under a held key
        }
        self.raw(keycode, true)
    }

    fn key_up(&mut self, symbol: u32) -> Result<(), DesktopError> {
        let mut keycode = self.keys.remove(&symbol);
        if keycode.is_none() {
            // Shift may have changed since, and with it the symbol's case: the same key bears both.
            let map = self.keyboard.map()?;
            let same = self.keys.iter().find(|(_, code)| map.bears(**code, symbol));
            let same = same.map(|(held, _)| *held);
            keycode = same.and_then(|held| self.keys.remove(&held));
        }
        let Some(keycode) = keycode else {
            return Ok(()); // never went down here
        };
        // Another symbol may have gone to the same key meanwhile; it goes up with it.
        self.keys.retain(|_, held| *held != keycode);
        self.raw(keycode, false)
    }

    fn text(&mut self, text: &str) -> Result<(), DesktopError> {
        // Held modifiers would make commands of characters.
        let held: Vec<u8> = self.holding(0xff)?;
        for code in &held {
            self.raw(*code, false)?;
        }
        let mut done = Ok(());
        for symbol in text.chars().filter_map(keymap::symbol_of) {
            done = self.click(symbol);
            if done.is_err() {
                break;
            }
        }
        for code in &held {
            self.raw(*code, true)?;
        }
        done
    }

    /// Types one symbol; held keys stay as they are.
    fn click(&mut self, symbol: u32) -> Result<(), DesktopError> {
        let state = self.keyboard.state(0)?;
        let keys = &self.keys;
        let held = |code: u8| keys.values().any(|held| *held == code);
        let strike = self.keyboard.strike(symbol, state, &held)?;
        let was_down = held(strike.keycode);
        self.around(strike, |hands| {
            if was_down {
                hands.raw(strike.keycode, false)?;
            }
            hands.raw(strike.keycode, true)?;
            hands.raw(strike.keycode, false)
        })?;
        self.keys.retain(|_, code| *code != strike.keycode);
        Ok(())
    }

    /// Keys held by us that set any of these modifiers.
    fn holding(&mut self, modifiers: u8) -> Result<Vec<u8>, DesktopError> {
        let map = self.keyboard.map()?;
        let codes = self.keys.values().copied();
        Ok(codes
            .filter(|code| map.modifiers(*code) & modifiers != 0)
            .collect())
    }

    fn held_modifiers(&mut self) -> Result<u8, DesktopError> {
        let map = self.keyboard.map()?;
        let codes = self.keys.values();
        Ok(codes.fold(0, |all, code| all | map.modifiers(*code)))
    }

    fn raw(&mut self, keycode: u8, down: bool) -> Result<(), DesktopError> {
        let done = self.enigo.raw(keycode.into(), direction(down));
        self.check(done)
    }

    /// enigo does not say why: a server that does not answer us either is gone.
    fn check(&self, done: InputResult<()>) -> Result<(), DesktopError> {
        done.map_err(|error| {
            if self.keyboard.is_alive() {
                DesktopError::Unsupported(format!("simulating input: {error}"))
            } else {
                DesktopError::Gone("connection to the X server".into())
            }
        })
    }
}

impl Hands for X11Hands {
    fn inject(
        &mut self,
        _allowed: &Grant<kind::Control>,
        input: &Input,
    ) -> Result<(), DesktopError> {
        match input {
            Input::Pointer { x, y } => {
                // X coordinates have 16 bits; the server keeps the pointer on the screen.
                let (x, y) = ((*x).clamp(0, 0x7fff), (*y).clamp(0, 0x7fff));
                let done = self.enigo.move_mouse(x, y, Coordinate::Abs);
                self.check(done)
            }
            Input::Button { button, down } => self.button(*button, *down),
            Input::Wheel { dx, dy } => self.wheel(*dx, *dy),
            Input::Key { keysym, down: true } => self.key_down(keymap::normalised(*keysym)),
            Input::Key {
                keysym,
                down: false,
            } => self.key_up(keymap::normalised(*keysym)),
            Input::Text(text) => self.text(text),
            Input::ReleaseAll => self.release_all(),
        }
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        self.wheel = (0, 0);
        let mut done = Ok(());
        // One that fails must not keep the others down.
        for (_, keycode) in std::mem::take(&mut self.keys) {
            done = done.and(self.raw(keycode, false));
        }
        for button in std::mem::take(&mut self.buttons) {
            let released = self.enigo.button(of_enigo(button), Direction::Release);
            done = done.and(self.check(released));
        }
        done
    }
}

impl Drop for X11Hands {
    fn drop(&mut self) {
        // Nothing is held down any more where the server is gone.
        let _ = self.release_all();
    }
}

/// Adds to what is left over and takes whole notches out of it.
fn notches(left: &mut i32, turn: i32) -> i32 {
    let turn = turn.clamp(-NOTCH * MOST_NOTCHES, NOTCH * MOST_NOTCHES);
    if *left != 0 && turn != 0 && (*left < 0) != (turn < 0) {
        *left = 0; // the direction changed: what was left of the other one does not count
    }
    *left += turn;
    let whole = *left / NOTCH;
    *left -= whole * NOTCH;
    whole
}

fn direction(down: bool) -> Direction {
    if down {
        Direction::Press
    } else {
        Direction::Release
    }
}

fn of_enigo(button: Button) -> enigo::Button {
    match button {
        Button::Left => enigo::Button::Left,
        Button::Middle => enigo::Button::Middle,
        Button::Right => enigo::Button::Right,
        Button::Back => enigo::Button::Back,
        Button::Forward => enigo::Button::Forward,
    }
}
