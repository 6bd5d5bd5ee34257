//! Lets display through and nothing else (ECMA-48, DEC STD 070, xterm's control sequences). What a program on the user's
//! computer writes must not set the technician's clipboard, title or palette, ask his terminal anything (it would answer
//! by typing), or reach any program behind it. So nothing is passed on as it came: each sequence that is known to draw is
//! written anew, and everything else is left out.
//!
//! Questions that programs need answers to are noted as [`Question`]s and answered by us, without asking the terminal.

use std::collections::BTreeSet;
use std::io::Write;

use vte::{Params, Parser, Perform};

/// Private modes (DECSET) that only change how things are drawn, or what the technician's own keys, mouse and paste send.
const MODES: [u16; 16] = [
    1, 5, 6, 7, 12, 25, 45, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049,
];
/// As the list above: bracketed paste and synchronised output.
const MODES_TOO: [u16; 2] = [2004, 2026];
/// Modes that are on when a terminal is fresh: those are set again when it is left, the others reset.
const FRESH: [u16; 2] = [7, 25];
/// Largest number in a sequence that is passed on: far more than any screen is wide, and no work for a terminal.
const LARGEST: u16 = 9_999;

/// What a program asks its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What are you? (DA1)
    Attributes,
    /// Which version? (DA2)
    Version,
    /// Are you well? (DSR 5)
    Status,
    /// Where is the cursor? (DSR 6)
    Cursor,
}

/// What came of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// For the terminal.
    pub shown: Vec<u8>,
    pub questions: Vec<Question>,
    /// The program wanted to set the clipboard (OSC 52).
    pub wanted_clipboard: bool,
}

/// One terminal's filter.
#[derive(Default)]
pub struct Filter {
    parser: Parser,
    /// The beginning of a character whose end has not come.
    begun: Vec<u8>,
    modes: BTreeSet<u16>,
}

impl Filter {
    /// Filters the next bytes; a sequence may be split between two calls.
    pub fn take(&mut self, bytes: &[u8]) -> Filtered {
        let mut out = Writer {
            out: Filtered::default(),
            modes: &mut self.modes,
        };
        // Whole characters only: vte 0.15 loses what follows a character that was split between two calls.
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(bytes);
        self.begun = whole.split_off(whole.len() - begun(&whole));
        self.parser.advance(&mut out, &whole);
        out.out
    }

    /// What makes a terminal as it was before it showed this one.
    pub fn leave(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for mode in std::mem::take(&mut self.modes) {
            let end = if FRESH.contains(&mode) { 'h' } else { 'l' };
            let _ = write!(out, "\x1b[?{mode}{end}");
        }
        // Attributes, the scrolling region, the cursor's style, characters, keypad and insertion.
        out.extend_from_slice(b"\x1b[m\x1b[r\x1b[0 q\x1b(B\x0f\x1b>\x1b[4l\x1b[?25h");
        out
    }
}

/// Bytes at the end that begin a character of UTF-8 and do not end it.
fn begun(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    let tail = bytes[last..].iter().rev().zip(1..);
    let mut leads = tail.skip_while(|(byte, _)| **byte & 0xc0 == 0x80);
    match leads.next() {
        Some((0xc2..=0xdf, count)) if count < 2 => count,
        Some((0xe0..=0xef, count)) if count < 3 => count,
        Some((0xf0..=0xf4, count)) if count < 4 => count,
        _ => 0,
    }
}

struct Writer<'a> {
    out: Filtered,
    modes: &'a mut BTreeSet<u16>,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out.shown.extend_from_slice(bytes);
    }

    /// The sequence with its numbers, as far as numbers are bounded.
    fn sequence(&mut self, prefix: &str, params: &Params, suffix: &str) {
        self.put(b"\x1b[");
        self.put(prefix.as_bytes());
        for (n, param) in params.iter().enumerate() {
            if n > 0 {
                self.put(b";");
            }
            for (n, part) in param.iter().enumerate() {
                let separator = if n > 0 { ":" } else { "" };
                let _ = write!(self.out.shown, "{separator}{}", (*part).min(LARGEST));
            }
        }
        self.put(suffix.as_bytes());
    }

    fn private_modes(&mut self, params: &Params, on: bool) {
        for mode in params.iter().filter_map(|param| param.first().copied()) {
            if !MODES.contains(&mode) && !MODES_TOO.contains(&mode) {
                continue;
            }
            if on == FRESH.contains(&mode) {
                self.modes.remove(&mode);
            } else {
                self.modes.insert(mode);
            }
            let end = if on { 'h' } else { 'l' };
            let _ = write!(self.out.shown, "\x1b[?{mode}{end}");
        }
    }

    fn ask(&mut self, question: Question) {
        self.out.questions.push(question);
    }
}

fn first(params: &Params) -> u16 {
    let first = params.iter().next().and_then(|param| param.first());
    first.copied().unwrap_or(0)
}

impl Perform for Writer<'_> {
    fn print(&mut self, c: char) {
        if !c.is_control() {
            let mut utf8 = [0; 4];
            self.put(c.encode_utf8(&mut utf8).as_bytes());
        }
    }

    fn execute(&mut self, byte: u8) {
        // Bell, backspace, tab, line ends, character sets. Not ENQ, which terminals answer.
        if matches!(byte, 0x07..=0x0f) {
            self.put(&[byte]);
        }
    }

    fn csi_dispatch(&mut self, params: &Params, between: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        let mut end = [0; 4];
        let end: &str = action.encode_utf8(&mut end);
        match (between, action) {
            // Cursor, erasing, inserting, deleting, tabs, scrolling, repeating.
            ([], 'A'..='M' | 'P' | 'S' | 'X' | 'Z' | '`' | 'a' | 'b' | 'd' | 'e' | 'f' | 'g') => {
                self.sequence("", params, end);
            }
            // With more than one number it is a mouse mode.
            ([], 'T') if params.len() <= 1 => self.sequence("", params, end),
            ([], 'm' | 'r') => self.sequence("", params, end),
            ([], 's' | 'u') => self.put(&[0x1b, b'[', action as u8]),
            ([], 'h' | 'l') if first(params) == 4 => self.sequence("", params, end),
            ([b'?'], 'h') => self.private_modes(params, true),
            ([b'?'], 'l') => self.private_modes(params, false),
            ([b'?'], 'J' | 'K') => self.sequence("?", params, end),
            ([b'!'], 'p') => self.put(b"\x1b[!p"),
            ([b' '], 'q') => self.sequence("", params, " q"),
            ([], 'c') if first(params) == 0 => self.ask(Question::Attributes),
            ([b'>'], 'c') if first(params) == 0 => self.ask(Question::Version),
            ([], 'n') if first(params) == 5 => self.ask(Question::Status),
            ([], 'n') if first(params) == 6 => self.ask(Question::Cursor),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, between: &[u8], ignore: bool, byte: u8) {
        match (between, byte) {
            _ if ignore => {}
            ([], b'7' | b'8' | b'D' | b'E' | b'H' | b'M' | b'=' | b'>') => self.put(&[0x1b, byte]),
            // A full reset also forgets what is the technician's: what it draws is said otherwise.
            ([], b'c') => self.put(b"\x1b[!p\x1b[0m\x1b[0r\x1b[0H\x1b[2J"),
            ([set @ (b'(' | b')')], b'0' | b'A' | b'B') => self.put(&[0x1b, *set, byte]),
            ([b'#'], b'8') => self.put(b"\x1b#8"),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell: bool) {
        if params.first() == Some(&&b"52"[..]) {
            self.out.wanted_clipboard = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        String::from_utf8(Filter::default().take(bytes).shown).unwrap()
    }

    #[test]
    fn what_draws_passes() {
        for same in [
            "Grüße, 中文 👋\r\n",
            "\x1b[1;38;5;208mbold\x1b[0m\x1b[38:2:0:1:2:3mrgb",
            "\x1b[2J\x1b[0H\x1b[10;20Hthere\x1b[0K\x1b[3A\x1b[4L",
            "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[5;20r",
            "\x1b7\x1b8\x1bM\x1b(0lqk\x1b(B\x0f",
            "\x1b[4 q\x1b[!p\x1b#8",
        ] {
            assert_eq!(shown(same.as_bytes()), same);
        }
    }

    #[test]
    fn nothing_that_acts_passes() {
        for hostile in [
            "\x1b]52;c;cm0gLXJmIC8K\x07",
            "\x1b]0;title\x07\x1b]2;title\x1b\\",
            "\x1b]8;;http://example.org\x1b\\",
            "\x1b]4;1;rgb:ff/00/00\x07\x1b]10;?\x07\x1b]11;?\x1b\\",
            "\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\\x1bP1000p",
            "\x1b[21t\x1b[20t\x1b[22;0t\x1b[8;200;200t",
            "\x1b[x\x1b[?1;1n\x1b[?6n\x1b[>q\x1b[=c\x1b[?996n",
            "\x1b[>4;2m\x1b[?1337h\x1b[?9h\x1b[5i\x1b[?5i",
            "\x05\x1b_G payload\x1b\\\x1b^private\x1b\\\x1bXsos\x1b\\",
            "\u{9b}6n\u{90}x\u{9c}\u{9d}52;c;QQ==\u{9c}",
            "\x1bZ\x1b#3\x1b%G\x1bn\x1bo",
        ] {
            let passed = shown(hostile.as_bytes());
            assert!(!passed.contains('\x1b'), "{hostile:?} gave {passed:?}");
        }
    }

    #[test]
    fn questions_are_noted_and_the_wish_for_the_clipboard_too() {
        let asked = Filter::default().take(b"\x1b[c\x1b[>c\x1b[5n\x1b[6n\x1b]52;c;?\x07");
        assert_eq!(asked.shown, b"");
        assert!(asked.wanted_clipboard);
        use Question::{Attributes, Cursor, Status, Version};
        assert_eq!(asked.questions, [Attributes, Version, Status, Cursor]);
    }

    #[test]
    fn leaving_takes_back_what_was_set() {
        let mut filter = Filter::default();
        filter.take(b"\x1b[?1049h\x1b[?1000h\x1b[?25l\x1b[?7l\x1b[?1000l");
        let left = String::from_utf8(filter.leave()).unwrap();
        assert!(left.starts_with("\x1b[?7h\x1b[?25h\x1b[?1049l"), "{left:?}");
        assert!(!left.contains("1000"));
    }

    #[test]
    fn a_full_reset_only_clears() {
        let once = shown(b"\x1bc");
        assert_eq!(shown(once.as_bytes()), once);
        assert!(!once.contains("\x1bc"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// However the bytes are cut, the same passes; and what has passed passes again as it is.
        #[test]
        fn cuts_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let whole = Filter::default().take(&bytes).shown;
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut filter = Filter::default();
            let mut parts = filter.take(a).shown;
            parts.extend(filter.take(b).shown);
            prop_assert_eq!(&whole, &parts);
            prop_assert_eq!(&Filter::default().take(&whole).shown, &whole);
        }
    }
}
