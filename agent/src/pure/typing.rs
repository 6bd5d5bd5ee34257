//! From key presses to text: what a key types on the user's keyboard map, dead keys included.
//!
//! Absent: the server, devices, and which presses count.

use unicode_normalization::char::compose;
use xkeysym::Keysym;

use super::keymap::{ALT, CONTROL, Keymap, SUPER, is_modifier};

/// Dead keys: the keysym, the mark that goes onto the next letter, and what stands for the mark alone.
const DEAD: [(u32, char, char); 14] = [
    (0xfe50, '\u{300}', '`'),
    (0xfe51, '\u{301}', '´'),
    (0xfe52, '\u{302}', '^'),
    (0xfe53, '\u{303}', '~'),
    (0xfe54, '\u{304}', '¯'),
    (0xfe55, '\u{306}', '˘'),
    (0xfe56, '\u{307}', '˙'),
    (0xfe57, '\u{308}', '¨'),
    (0xfe58, '\u{30a}', '°'),
    (0xfe59, '\u{30b}', '˝'),
    (0xfe5a, '\u{30c}', 'ˇ'),
    (0xfe5b, '\u{327}', '¸'),
    (0xfe5c, '\u{328}', '˛'),
    (0xfe60, '\u{323}', '.'),
];

/// What a press did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stroke {
    Text(String),
    /// A key that is no character: its keysym.
    Key(u32),
}

/// One keyboard and the dead key that waits for its letter.
#[derive(Clone, Debug, Default)]
pub struct Typist {
    map: Keymap,
    dead: Option<(char, char)>,
}

impl Typist {
    pub fn new(map: Keymap) -> Typist {
        Typist { map, dead: None }
    }

    /// A key goes down, with these modifiers and this group in force.
    pub fn press(&mut self, keycode: u8, modifiers: u8, group: u8) -> Option<Stroke> {
        let symbol = self.map.typed(keycode, modifiers, group)?;
        if is_modifier(symbol) {
            return None; // a dead key waits on
        }
        if let Some((_, mark, alone)) = DEAD.iter().find(|(dead, ..)| *dead == symbol) {
            self.dead = Some((*mark, *alone));
            return None;
        }
        let dead = self.dead.take();
        let Some(c) = character(symbol) else {
            return Some(Stroke::Key(symbol));
        };
        if modifiers & (CONTROL | ALT | SUPER) != 0 {
            return None; // an order to some program, and no text
        }
        let text = match dead {
            None => c.to_string(),
            Some((_, alone)) if c == ' ' => alone.to_string(),
            Some((mark, alone)) => match compose(c, mark) {
                Some(composed) => composed.to_string(),
                None => format!("{alone}{c}"),
            },
        };
        Some(Stroke::Text(text))
    }
}

/// The character that a symbol stands for; of function keys only the keypad's have one.
fn character(symbol: u32) -> Option<char> {
    let keypad = matches!(symbol, 0xff80 | 0xffaa..=0xffb9 | 0xffbd);
    if matches!(symbol, 0xfd00..=0xffff) && !keypad {
        return None;
    }
    let c = Keysym::new(symbol).key_char()?;
    (!c.is_control()).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::super::keymap::{Key, KeyType, LOCK, SHIFT};
    use super::*;

    const LEVEL3: u8 = 1 << 7;

    /// German in part: a, e, the circumflex, space, Return, 7 of the keypad, Shift, and Cyrillic as a second group.
    fn typist() -> Typist {
        let alphabetic = KeyType {
            mask: SHIFT | LOCK | LEVEL3,
            levels: vec![(SHIFT, 1), (LOCK, 1), (LEVEL3, 2)],
        };
        let key = |groups: &[&[u32]]| Key {
            groups: groups.iter().map(|symbols| (0, symbols.to_vec())).collect(),
            ..Key::default()
        };
        Typist::new(Keymap {
            types: vec![alphabetic],
            first: 10,
            keys: vec![
                key(&[&[0x61, 0x41, 0xe6], &[0x0100_0444, 0x0100_0424]]),
                key(&[&[0x65, 0x45, 0x20ac]]),
                key(&[&[0xfe52, 0xb0]]),
                key(&[&[0x20]]),
                key(&[&[0xff0d]]),
                key(&[&[0xffb7]]),
                key(&[&[0xffe1]]),
                key(&[&[0xff08]]),
            ],
        })
    }

    fn text(typist: &mut Typist, code: u8, modifiers: u8, group: u8) -> String {
        match typist.press(code, modifiers, group) {
            Some(Stroke::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn levels_and_groups_choose_the_letter() {
        let mut it = typist();
        assert_eq!(text(&mut it, 10, 0, 0), "a");
        assert_eq!(text(&mut it, 10, SHIFT, 0), "A");
        assert_eq!(text(&mut it, 10, LOCK, 0), "A");
        assert_eq!(text(&mut it, 10, LEVEL3, 0), "æ");
        assert_eq!(text(&mut it, 11, LEVEL3, 0), "€");
        assert_eq!(text(&mut it, 10, 0, 1), "ф");
        assert_eq!(text(&mut it, 15, 0, 0), "7");
        assert_eq!(it.press(14, 0, 0), Some(Stroke::Key(0xff0d)));
        assert_eq!(it.press(17, 0, 0), Some(Stroke::Key(0xff08)));
        assert_eq!(it.press(99, 0, 0), None);
    }

    #[test]
    fn dead_keys_wait_for_their_letter() {
        let mut it = typist();
        assert_eq!(it.press(12, 0, 0), None);
        assert_eq!(it.press(16, 0, 0), None, "Shift changes nothing");
        assert_eq!(text(&mut it, 11, SHIFT, 0), "Ê");
        assert_eq!(text(&mut it, 11, 0, 0), "e");
        assert_eq!(it.press(12, 0, 0), None);
        assert_eq!(text(&mut it, 13, 0, 0), "^");
        assert_eq!(it.press(12, 0, 0), None);
        assert_eq!(text(&mut it, 15, 0, 0), "^7");
    }

    #[test]
    fn orders_are_no_text() {
        for order in [CONTROL, ALT, SUPER] {
            assert_eq!(typist().press(10, order, 0), None);
        }
    }
}
