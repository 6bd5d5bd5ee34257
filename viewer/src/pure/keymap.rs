//! From the technician's keys to what is sent: X11 keysyms of what the technician's own layout produced.
//!
//! The two keyboards need not have the same layout: what is typed here arrives there. Modifiers travel as keys of their own. Locks
//! and layout switches stay here, for they have done their work once the keysym is known: sent along, they would act twice.

use std::collections::BTreeMap;

use sightline_ends::content::Input;

/// Keysyms that the window itself asks for.
pub mod symbol {
    pub const BACK_SPACE: u32 = 0xff08;
    pub const RETURN: u32 = 0xff0d;
    pub const ESCAPE: u32 = 0xff1b;
    pub const HOME: u32 = 0xff50;
    pub const LEFT: u32 = 0xff51;
    pub const UP: u32 = 0xff52;
    pub const RIGHT: u32 = 0xff53;
    pub const DOWN: u32 = 0xff54;
    pub const END: u32 = 0xff57;
    pub const KEYPAD_ENTER: u32 = 0xff8d;
    pub const F11: u32 = 0xffc8;
    pub const SPACE: u32 = 0x20;
}

/// What a key stands for at the moment, as the window system says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign<'a> {
    /// A key with a keysym.
    Symbol(u32),
    /// A key that makes text.
    Text(&'a str),
    /// A dead key: it will change the next one.
    Dead,
    Nothing,
}

/// One press.
#[derive(Clone, Copy, Debug)]
pub struct Press<'a> {
    /// The place of the key on the keyboard, whatever it stands for.
    pub place: u32,
    pub sign: Sign<'a>,
    /// It lies on the keypad.
    pub keypad: bool,
}

/// The keys that are held, and whether a dead key or a compose sequence waits for its end.
#[derive(Debug, Default)]
pub struct Keyboard {
    held: BTreeMap<u32, u32>,
    composing: bool,
}

impl Keyboard {
    /// A key went down, or repeats.
    pub fn down(&mut self, press: Press) -> Option<Input> {
        match press.sign {
            Sign::Nothing => None,
            Sign::Dead => {
                self.composing = true;
                None
            }
            Sign::Symbol(keysym) => self.symbol(press.place, keysym),
            Sign::Text(text) => self.text(press, text),
        }
    }

    fn symbol(&mut self, place: u32, keysym: u32) -> Option<Input> {
        if starts_composing(keysym) {
            self.composing = true;
            return None;
        }
        // While composing, the window system gives the keys in between as bare keysyms without text.
        if stays_here(keysym) || (self.composing && is_printable(keysym)) {
            return None;
        }
        if !is_modifier(keysym) {
            self.composing = false;
        }
        Some(self.press(place, keysym))
    }

    fn text(&mut self, press: Press, text: &str) -> Option<Input> {
        let mut characters = text.chars();
        let single = characters.next().filter(|_| characters.next().is_none());
        let composed = std::mem::take(&mut self.composing);
        match single {
            Some(character) if !composed => {
                let keypad = press.keypad.then(|| keypad_symbol(character)).flatten();
                Some(self.press(press.place, keypad.unwrap_or(character_symbol(character))))
            }
            None if text.is_empty() => None,
            _ => Some(Input::Text(text.to_owned())),
        }
    }

    fn press(&mut self, place: u32, keysym: u32) -> Input {
        // A repeat keeps the keysym of the first press, so that one release ends it, whatever Shift did in between.
        let keysym = *self.held.entry(place).or_insert(keysym);
        Input::Key { keysym, down: true }
    }

    /// A key went up: whatever its down sent is released.
    pub fn up(&mut self, place: u32) -> Option<Input> {
        let keysym = self.held.remove(&place)?;
        Some(Input::Key {
            keysym,
            down: false,
        })
    }

    /// An input method made text.
    pub fn committed(&mut self, text: String) -> Option<Input> {
        self.composing = false;
        (!text.is_empty()).then_some(Input::Text(text))
    }

    /// Forgets every key; the other side must be told by `Input::ReleaseAll`.
    pub fn forget(&mut self) {
        *self = Keyboard::default();
    }
}

/// The keysym of a character.
pub fn character_symbol(character: char) -> u32 {
    match u32::from(character) {
        // What some systems give for keys that have a keysym of their own.
        0x08 => symbol::BACK_SPACE,
        0x09 => 0xff09,
        0x0a | 0x0d => symbol::RETURN,
        0x1b => symbol::ESCAPE,
        0x7f => 0xffff,
        code @ (0x20..=0x7e | 0xa0..=0xff) => code,
        code => 0x0100_0000 + code,
    }
}

fn keypad_symbol(character: char) -> Option<u32> {
    Some(match character {
        digit @ '0'..='9' => 0xffb0 + (u32::from(digit) - u32::from('0')),
        '*' => 0xffaa,
        '+' => 0xffab,
        ',' => 0xffac,
        '-' => 0xffad,
        '.' => 0xffae,
        '/' => 0xffaf,
        '=' => 0xffbd,
        ' ' => 0xff80,
        _ => return None,
    })
}

/// Caps, Num and Shift Lock; ISO locks and group switches.
fn stays_here(keysym: u32) -> bool {
    matches!(
        keysym,
        0xffe5 | 0xffe6 | 0xff7f | 0xff7e | 0xfe01 | 0xfe05 | 0xfe06..=0xfe0f
    )
}

/// Multi_key and the dead keys.
fn starts_composing(keysym: u32) -> bool {
    matches!(keysym, 0xff20 | 0xfe50..=0xfe93)
}

/// Latin-1, the older national sets, and Unicode.
fn is_printable(keysym: u32) -> bool {
    matches!(keysym, 0x20..=0x20ff | 0x0100_0100..=0x0110_ffff)
}

fn is_modifier(keysym: u32) -> bool {
    matches!(keysym, 0xffe1..=0xffee | 0xfe03 | 0xfe11)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_KEYPAD: bool = false;

    fn press(place: u32, sign: Sign) -> Press {
        Press {
            place,
            sign,
            keypad: NO_KEYPAD,
        }
    }

    fn key(keysym: u32, down: bool) -> Option<Input> {
        Some(Input::Key { keysym, down })
    }

    #[test]
    fn a_release_sends_what_its_press_sent() {
        let mut keyboard = Keyboard::default();
        assert_eq!(
            keyboard.down(press(50, Sign::Symbol(0xffe1))),
            key(0xffe1, true)
        );
        assert_eq!(keyboard.down(press(24, Sign::Text("Q"))), key(0x51, true));
        assert_eq!(keyboard.up(50), key(0xffe1, false));
        assert_eq!(
            keyboard.down(press(24, Sign::Text("q"))),
            key(0x51, true),
            "a repeat"
        );
        assert_eq!(keyboard.up(24), key(0x51, false));
        assert_eq!(keyboard.up(24), None);
    }

    #[test]
    fn characters_have_their_keysyms() {
        let mut keyboard = Keyboard::default();
        for (place, (text, keysym)) in [
            ("@", 0x40),
            ("ä", 0xe4),
            ("€", 0x0100_20ac),
            ("ж", 0x0100_0436),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(
                keyboard.down(press(place as u32, Sign::Text(text))),
                key(keysym, true)
            );
        }
        assert_eq!(character_symbol('\r'), symbol::RETURN);
        let seven = Press {
            keypad: true,
            ..press(79, Sign::Text("7"))
        };
        assert_eq!(keyboard.down(seven), key(0xffb7, true));
    }

    #[test]
    fn dead_keys_and_compose_make_text() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.down(press(21, Sign::Dead)), None);
        assert_eq!(keyboard.up(21), None);
        assert_eq!(
            keyboard.down(press(50, Sign::Symbol(0xffe1))),
            key(0xffe1, true),
            "Shift goes through"
        );
        assert_eq!(
            keyboard.down(press(26, Sign::Text("É"))),
            Some(Input::Text("É".into()))
        );
        assert_eq!(keyboard.up(26), None);
        assert_eq!(keyboard.down(press(26, Sign::Text("e"))), key(0x65, true));

        assert_eq!(keyboard.down(press(108, Sign::Symbol(0xff20))), None);
        assert_eq!(keyboard.down(press(32, Sign::Symbol(0x6f))), None);
        assert_eq!(
            keyboard.down(press(26, Sign::Text("œ"))),
            Some(Input::Text("œ".into()))
        );
        assert_eq!(
            keyboard.down(press(33, Sign::Text("łø"))),
            Some(Input::Text("łø".into()))
        );
    }

    #[test]
    fn locks_stay_here() {
        let mut keyboard = Keyboard::default();
        for keysym in [0xffe5, 0xff7f, 0xfe08] {
            assert_eq!(keyboard.down(press(66, Sign::Symbol(keysym))), None);
        }
        assert_eq!(keyboard.up(66), None);
    }
}
