//! What the mouse on the technician's desktop tells a program in a terminal, as xterm tells it.

use vt100::{MouseProtocolEncoding as Encoding, MouseProtocolMode as Mode};

use super::cells::Place;
use super::keys::Held;

/// What was done with it. Only the left button: the others are the window's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Pressed,
    /// It moved while the button was held.
    Dragged,
    Released,
    WheelUp,
    WheelDown,
}

/// The last cell that can be told in single bytes.
const LAST: u16 = 222;

/// Whether the program wants to hear of it.
pub fn is_wanted(screen: &vt100::Screen) -> bool {
    screen.mouse_protocol_mode() != Mode::None
}

/// The bytes that say what was done over this cell; none if the program does not want to hear of that.
pub fn told(did: Did, (row, column): Place, held: Held, screen: &vt100::Screen) -> Vec<u8> {
    let wanted = match screen.mouse_protocol_mode() {
        Mode::None => false,
        Mode::Press => matches!(did, Did::Pressed),
        Mode::PressRelease => did != Did::Dragged,
        Mode::ButtonMotion | Mode::AnyMotion => true,
    };
    let numbers = screen.mouse_protocol_encoding() == Encoding::Sgr;
    if !wanted || (!numbers && row.max(column) > LAST) {
        return Vec::new();
    }
    let button = match did {
        Did::Pressed => 0,
        // In single bytes nobody says which.
        Did::Released if numbers => 0,
        Did::Released => 3,
        Did::Dragged => 32,
        Did::WheelUp => 64,
        Did::WheelDown => 65,
    };
    let modifiers = [(held.shift, 4), (held.alt, 8), (held.ctrl, 16)];
    let modifiers = modifiers.iter().filter(|(held, _)| *held);
    let code: u8 = button + modifiers.map(|(_, code)| code).sum::<u8>();
    if numbers {
        let end = if did == Did::Released { 'm' } else { 'M' };
        return format!("\x1b[<{code};{};{}{end}", column + 1, row + 1).into_bytes();
    }
    let byte = |cell: u16| 33 + cell as u8;
    vec![0x1b, b'[', b'M', 32 + code, byte(column), byte(row)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(switched: &str, did: Did, place: Place, held: Held) -> Vec<u8> {
        let mut parser = vt100::Parser::default();
        parser.process(switched.as_bytes());
        told(did, place, held, parser.screen())
    }

    #[test]
    fn it_is_told_as_the_program_wants_to_hear_it() {
        let none = Held::default();
        let sgr = "\x1b[?1002h\x1b[?1006h";
        let all = [
            (Did::Pressed, &b"\x1b[<0;5;3M"[..]),
            (Did::Dragged, b"\x1b[<32;5;3M"),
            (Did::Released, b"\x1b[<0;5;3m"),
            (Did::WheelUp, b"\x1b[<64;5;3M"),
            (Did::WheelDown, b"\x1b[<65;5;3M"),
        ];
        for (did, bytes) in all {
            assert_eq!(after(sgr, did, (2, 4), none), bytes);
            assert!(after("", did, (2, 4), none).is_empty());
        }
        let ctrl = Held { ctrl: true, ..none };
        assert_eq!(after(sgr, Did::Pressed, (0, 0), ctrl), b"\x1b[<16;1;1M");
        let old = "\x1b[?1000h";
        assert_eq!(after(old, Did::Pressed, (2, 4), none), b"\x1b[M %#");
        assert_eq!(after(old, Did::Released, (2, 4), none), b"\x1b[M#%#");
        assert!(after(old, Did::Dragged, (2, 4), none).is_empty());
        assert!(after(old, Did::Pressed, (2, 300), none).is_empty());
    }
}
