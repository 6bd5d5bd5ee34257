//! What a key on the technician's keyboard sends to a program in a terminal, as xterm sends it.

use crate::pure::keymap::{Sign, symbol};

/// Modifiers that are held with a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub shift: bool,
    pub ctrl: bool,
    pub alt: bool,
}

/// What the program asked of the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Arrows come as `ESC O A` (DECCKM).
    pub cursor: bool,
    /// Pasted text comes in brackets (2004), so that it is not taken for typed.
    pub bracketed_paste: bool,
}

impl Held {
    /// xterm's number for what is held: 1 = nothing.
    fn number(self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.alt) + 4 * u8::from(self.ctrl)
    }
}

/// The bytes of a key; none of one that sends nothing.
pub fn typed(sign: Sign, held: Held, modes: Modes) -> Vec<u8> {
    match sign {
        Sign::Text(text) => text_typed(text, held),
        Sign::Symbol(keysym) => symbol_typed(keysym, held, modes),
        Sign::Dead | Sign::Nothing => Vec::new(),
    }
}

fn with_alt(held: Held, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    out.extend(held.alt.then_some(0x1b));
    out.extend_from_slice(bytes);
    out
}

fn text_typed(text: &str, held: Held) -> Vec<u8> {
    let mut characters = text.chars();
    let single = characters.next().filter(|_| characters.next().is_none());
    let control = single.filter(|_| held.ctrl).and_then(control);
    match control {
        Some(byte) => with_alt(held, &[byte]),
        None => with_alt(held, text.as_bytes()),
    }
}

/// The control character that Ctrl makes of another.
fn control(character: char) -> Option<u8> {
    Some(match character.to_ascii_lowercase() {
        letter @ 'a'..='z' => letter as u8 - b'a' + 1,
        ' ' | '@' | '2' => 0,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '/' | '-' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

fn symbol_typed(keysym: u32, held: Held, modes: Modes) -> Vec<u8> {
    match keysym {
        symbol::SPACE | 0xff80 => text_typed(" ", held),
        symbol::RETURN | symbol::KEYPAD_ENTER => with_alt(held, b"\r"),
        symbol::BACK_SPACE if held.ctrl => with_alt(held, b"\x08"),
        symbol::BACK_SPACE => with_alt(held, b"\x7f"),
        TAB | TAB_KEYPAD if held.shift => b"\x1b[Z".to_vec(),
        TAB | TAB_KEYPAD => with_alt(held, b"\t"),
        symbol::ESCAPE => with_alt(held, b"\x1b"),
        _ => match letter(keysym) {
            Some(letter) => lettered(letter, held, modes),
            None => numbered(keysym, held),
        },
    }
}

const TAB: u32 = 0xff09;
const TAB_KEYPAD: u32 = 0xff89;

/// Cursor keys and the first four function keys end in a letter.
fn letter(keysym: u32) -> Option<char> {
    Some(match keysym {
        symbol::UP | 0xff97 => 'A',
        symbol::DOWN | 0xff99 => 'B',
        symbol::RIGHT | 0xff98 => 'C',
        symbol::LEFT | 0xff96 => 'D',
        symbol::HOME | 0xff95 => 'H',
        symbol::END | 0xff9c => 'F',
        0xffbe | 0xff91 => 'P',
        0xffbf | 0xff92 => 'Q',
        0xffc0 | 0xff93 => 'R',
        0xffc1 | 0xff94 => 'S',
        _ => return None,
    })
}

fn lettered(letter: char, held: Held, modes: Modes) -> Vec<u8> {
    let number = held.number();
    let single = matches!(letter, 'P'..='S') || modes.cursor;
    match (number, single) {
        (1, true) => format!("\x1bO{letter}"),
        (1, false) => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{number}{letter}"),
    }
    .into_bytes()
}

/// The others are numbered.
fn numbered(keysym: u32, held: Held) -> Vec<u8> {
    let key = match keysym {
        0xff63 | 0xff9e => 2,
        0xffff | 0xff9f => 3,
        0xff55 | 0xff9a => 5,
        0xff56 | 0xff9b => 6,
        0xffc2 => 15,
        // F6 to F10, F11 and F12: the VT220 left gaps.
        0xffc3..=0xffc7 => keysym - 0xffc3 + 17,
        0xffc8..=0xffc9 => keysym - 0xffc8 + 23,
        _ => return Vec::new(),
    };
    match held.number() {
        1 => format!("\x1b[{key}~"),
        number => format!("\x1b[{key};{number}~"),
    }
    .into_bytes()
}

/// The bytes of pasted text. Nothing in it ends the brackets or acts as a key would, but for line ends and tabs.
pub fn pasted(text: &str, modes: Modes) -> Vec<u8> {
    let plain = text.replace("\r\n", "\r").replace('\n', "\r");
    let plain = plain
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\r' | '\t'));
    let plain: String = plain.collect();
    match modes.bracketed_paste {
        true => format!("\x1b[200~{plain}\x1b[201~").into_bytes(),
        false => plain.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIFT: Held = Held {
        shift: true,
        ctrl: false,
        alt: false,
    };
    const CTRL: Held = Held {
        shift: false,
        ctrl: true,
        alt: false,
    };
    const ALT: Held = Held {
        shift: false,
        ctrl: false,
        alt: true,
    };

    fn key(keysym: u32, held: Held) -> String {
        String::from_utf8(typed(Sign::Symbol(keysym), held, Modes::default())).unwrap()
    }

    fn text(text: &str, held: Held) -> String {
        String::from_utf8(typed(Sign::Text(text), held, Modes::default())).unwrap()
    }

    #[test]
    fn keys_send_what_xterm_sends() {
        let none = Held::default();
        assert_eq!(text("ä", none), "ä");
        assert_eq!([text("c", CTRL), text("C", CTRL)], ["\x03", "\x03"]);
        assert_eq!([text("[", CTRL), text("/", CTRL)], ["\x1b", "\x1f"]);
        assert_eq!(text("ß", CTRL), "ß");
        assert_eq!(text("b", ALT), "\x1bb");
        assert_eq!([key(0x20, none), key(0x20, CTRL)], [" ", "\0"]);
        assert_eq!([key(0xff0d, none), key(0xff8d, none)], ["\r", "\r"]);
        assert_eq!([key(0xff08, none), key(0xff08, CTRL)], ["\x7f", "\x08"]);
        assert_eq!([key(0xff09, none), key(0xff09, SHIFT)], ["\t", "\x1b[Z"]);
        assert_eq!(
            [key(0xff52, none), key(0xff52, CTRL)],
            ["\x1b[A", "\x1b[1;5A"]
        );
        assert_eq!(
            [key(0xffbe, none), key(0xffbe, SHIFT)],
            ["\x1bOP", "\x1b[1;2P"]
        );
        let functions = [0xffc2, 0xffc3, 0xffc7, 0xffc8, 0xffc9].map(|symbol| key(symbol, none));
        let expected = ["\x1b[15~", "\x1b[17~", "\x1b[21~", "\x1b[23~", "\x1b[24~"];
        assert_eq!(functions, expected);
        assert_eq!(
            [key(0xffff, none), key(0xff55, ALT)],
            ["\x1b[3~", "\x1b[5;3~"]
        );
        assert_eq!(key(0xffe1, SHIFT), "", "a modifier alone sends nothing");
    }

    #[test]
    fn a_program_may_ask_for_other_arrows() {
        let modes = Modes {
            cursor: true,
            ..Modes::default()
        };
        let up = Sign::Symbol(symbol::UP);
        assert_eq!(typed(up, Held::default(), modes), b"\x1bOA");
        assert_eq!(typed(up, SHIFT, modes), b"\x1b[1;2A");
    }

    #[test]
    fn what_is_pasted_stays_text() {
        let brackets = Modes {
            bracketed_paste: true,
            ..Modes::default()
        };
        let hostile = "one\r\ntwo\n\x1b[201~rm -rf /\x03\u{9b}x";
        let plain = "one\rtwo\r[201~rm -rf /x";
        assert_eq!(pasted(hostile, Modes::default()), plain.as_bytes());
        assert_eq!(
            pasted(hostile, brackets),
            format!("\x1b[200~{plain}\x1b[201~").as_bytes()
        );
    }
}
