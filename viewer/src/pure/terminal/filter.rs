//! Lets display through and nothing else (ECMA-48, DEC STD 070, xterm's control sequences). What a program on the user's
//! computer writes must not set the technician's clipboard, title or palette, ask his terminal anything (it would answer
//! by typing), or reach any program behind it. So nothing is passed on as it came: each sequence that is known to draw is
//! written anew, and everything else is left out.
//!
//! Questions that programs need answers to are noted as [`Question`]s and answered by us, without asking the terminal.

use std::io::Write;

use vte::{Params, Parser, Perform};

use super::switched::Switched;

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
    /// It switched modes.
    pub switched: bool,
}

/// One terminal's filter.
pub struct Filter {
    parser: Parser,
    /// The parser is between two sequences: what is plain may pass it by.
    between: bool,
    /// The beginning of a character whose end has not come.
    begun: Vec<u8>,
    state: State,
}

/// What sequences that passed have changed.
#[derive(Default)]
struct State {
    modes: Switched,
    /// The other screen is shown.
    other_screen: bool,
    /// The first and the last row that scroll, of the screen and of the other one; 0: not said.
    margins: [(u16, u16); 2],
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            parser: Parser::default(),
            between: true,
            begun: Vec::new(),
            state: State::default(),
        }
    }
}

impl Filter {
    /// Filters the next bytes; a sequence may be split between two calls.
    pub fn take(&mut self, bytes: &[u8]) -> Filtered {
        let mut begun_before = std::mem::take(&mut self.begun);
        let bytes = match begun_before.is_empty() {
            true => bytes,
            false => {
                begun_before.extend_from_slice(bytes);
                &begun_before
            }
        };
        // Whole characters only: vte 0.15 loses what follows a character that was split between two calls.
        let (whole, begun) = bytes.split_at(bytes.len() - begun(bytes));
        let mut out = Writer {
            out: Filtered::default(),
            state: &mut self.state,
            sequence_ended: false,
        };
        out.out.shown.reserve(whole.len());
        let mut rest = whole;
        while !rest.is_empty() {
            if self.between {
                let (plain, other) = rest.split_at(plain(rest));
                out.put(plain);
                rest = other;
            }
            out.sequence_ended = false;
            let escapes = rest.contains(&0x1b);
            let used = self.parser.advance_until_terminated(&mut out, rest);
            self.between = out.sequence_ended || (self.between && !escapes);
            rest = &rest[used..];
        }
        let filtered = out.out;
        self.begun = begun.to_vec();
        filtered
    }

    /// What makes a terminal as it was before it showed this one.
    pub fn put_back(&self) -> Vec<u8> {
        let mut out = self.state.modes.put_back();
        // Attributes, the scrolling region, the cursor's style, characters, keypad and insertion.
        out.extend_from_slice(b"\x1b[m\x1b[r\x1b[0 q\x1b(B\x0f\x1b>\x1b[4l\x1b[?25h");
        out
    }

    /// The modes that the program switched.
    pub fn switched(&self) -> &Switched {
        &self.state.modes
    }

    /// All of so many rows scroll.
    pub fn scrolls_all(&self, rows: u16) -> bool {
        let (top, bottom) = self.state.margins[usize::from(self.state.other_screen)];
        top <= 1 && (bottom == 0 || bottom >= rows)
    }

    /// The screen has another size, and its margins are its edges again.
    pub fn resized(&mut self) {
        self.state.margins = Default::default();
    }
}

/// Bytes at the beginning that are passed as they are, wherever no sequence was begun: ASCII that is seen, and what
/// [`Perform::execute`] passes below.
fn plain(bytes: &[u8]) -> usize {
    // So many at once that the compiler looks at them side by side.
    const BLOCK: usize = 32;
    let is_plain = |byte: &u8| matches!(byte, 0x07..=0x0f | 0x20..=0x7e);
    let blocks = bytes.chunks_exact(BLOCK);
    let blocks = blocks.take_while(|block| block.iter().fold(true, |all, b| all & is_plain(b)));
    let seen = blocks.count() * BLOCK;
    seen + bytes[seen..].iter().take_while(|b| is_plain(b)).count()
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
    state: &'a mut State,
    /// The parser is between two sequences since the last byte.
    sequence_ended: bool,
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
            if !self.state.modes.switch(mode, on) {
                continue;
            }
            self.out.switched = true;
            if matches!(mode, 47 | 1049) {
                self.state.other_screen = on;
            }
            let end = if on { 'h' } else { 'l' };
            let _ = write!(self.out.shown, "\x1b[?{mode}{end}");
        }
    }

    /// A full reset also forgets what is the technician's: what it draws and switches is said otherwise.
    fn reset(&mut self) {
        let modes = std::mem::take(&mut self.state.modes);
        self.put(&modes.put_back());
        self.put(b"\x1b[!p\x1b[0m\x1b[0r\x1b[0H\x1b[2J");
        self.state.other_screen = false;
        self.state.margins[0] = (0, 0);
        self.out.switched = true;
    }

    fn margins(&mut self, params: &Params) {
        let mut numbers = params.iter().map(|param| param.first().copied());
        let mut next = || numbers.next().flatten().unwrap_or(0);
        self.state.margins[usize::from(self.state.other_screen)] = (next(), next());
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
        self.sequence_ended = true;
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
            ([], 'm') => self.sequence("", params, end),
            ([], 'r') => {
                self.margins(params);
                self.sequence("", params, end);
            }
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
        self.sequence_ended = true;
        match (between, byte) {
            _ if ignore => {}
            ([], b'7' | b'8' | b'D' | b'E' | b'H' | b'M' | b'=' | b'>') => self.put(&[0x1b, byte]),
            ([], b'c') => self.reset(),
            ([set @ (b'(' | b')')], b'0' | b'A' | b'B') => self.put(&[0x1b, *set, byte]),
            ([b'#'], b'8') => self.put(b"\x1b#8"),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], bell: bool) {
        self.sequence_ended = bell;
        if params.first() == Some(&&b"52"[..]) {
            self.out.wanted_clipboard = true;
        }
    }

    fn terminated(&self) -> bool {
        self.sequence_ended
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
        let left = String::from_utf8(filter.put_back()).unwrap();
        assert!(left.starts_with("\x1b[?7h\x1b[?25h\x1b[?1049l"), "{left:?}");
        assert!(!left.contains("1000"));
    }

    #[test]
    fn a_full_reset_only_clears() {
        let once = shown(b"\x1bc");
        assert_eq!(shown(once.as_bytes()), once);
        assert!(!once.contains("\x1bc"));
        let mouse = shown(b"\x1b[?1002h\x1b[?1006h\x1bc");
        assert!(mouse.contains("\x1b[?1002l\x1b[?1006l"), "{mouse:?}");
    }

    /// What is plain passes the parser by; what comes of it must be the same.
    fn by_the_parser_alone(bytes: &[u8]) -> Filtered {
        let mut state = State::default();
        let mut out = Writer {
            out: Filtered::default(),
            state: &mut state,
            sequence_ended: false,
        };
        let whole = &bytes[..bytes.len() - begun(bytes)];
        Parser::<1024>::default().advance(&mut out, whole);
        out.out
    }

    /// Text with what makes parsers stumble.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            4 => "[ -~]{0,80}".prop_map(String::into_bytes),
            2 => Just(b"\r\n".to_vec()),
            2 => "[ä-ü中👋]{1,4}".prop_map(String::into_bytes),
            2 => "\x1b\\[[0-9;?]{0,6}[A-Za-z]".prop_map(String::into_bytes),
            1 => Just(b"\x1b]52;c;QQ==\x07".to_vec()),
            1 => Just(b"\x1b]0;t\x1b\\".to_vec()),
            1 => Just(b"\x1bP1$r\x1b\\\x18".to_vec()),
            2 => prop::collection::vec(any::<u8>(), 1..4),
        ];
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_passes_the_parser_by_is_what_it_would_pass(bytes in text()) {
            prop_assert_eq!(Filter::default().take(&bytes), by_the_parser_alone(&bytes));
        }

        /// However the bytes are cut, the same passes; and what has passed passes again as it is.
        #[test]
        fn cuts_change_nothing(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), text()], cut in 0usize..200) {
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
