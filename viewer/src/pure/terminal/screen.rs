//! What a remote terminal shows, kept so that it can be left and come back to, and so that its programs' questions can be
//! answered.

use std::num::NonZeroU16;
use std::ops::Range;

use super::filter::{Filter, Question};
use super::keys::Modes;

/// Bytes that may be shown before the model draws them. More than a flood of text needs to leave out nearly all of it
/// (see [`Screen::catch_up`]), and a small share of a second to draw.
const PENDING: usize = 256 * 1024;
/// Largest screen in character cells: a wall of displays; beyond it only memory is used.
const LARGEST: (u16, u16) = (1_000, 500);

/// One terminal.
pub struct Screen {
    filter: Filter,
    model: vt100::Parser,
    /// Lines above the screen that are kept.
    kept: usize,
    /// What was shown and the model has not drawn yet.
    pending: Vec<u8>,
}

/// What came of some output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// For a real terminal.
    pub shown: Vec<u8>,
    /// For the program, as if typed.
    pub answers: Vec<u8>,
    /// The program wanted to set the technician's clipboard.
    pub wanted_clipboard: bool,
    /// What puts the technician's terminal back is another than before.
    pub switched: bool,
}

/// What programs are told about the version: that of a terminal of GNOME. To vim it means that the mouse is told in
/// numbers and while it drags (1006, 1002), as every terminal does today; what older programs ask of xterms by their
/// version, and wait for, they do not ask of this one.
const VERSION: &[u8] = b"\x1b[>1;5000;0c";

/// Columns and rows as they are used.
pub fn bounded(columns: u16, rows: u16) -> (u16, u16) {
    (columns.clamp(1, LARGEST.0), rows.clamp(1, LARGEST.1))
}

fn non_zero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

impl Screen {
    /// An empty one, which keeps so many lines above the screen.
    pub fn new(columns: u16, rows: u16, kept: usize) -> Screen {
        let (columns, rows) = bounded(columns, rows);
        Screen {
            filter: Filter::default(),
            model: vt100::Parser::new(non_zero(rows), non_zero(columns), kept),
            kept,
            pending: Vec::new(),
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.catch_up();
        let (columns, rows) = bounded(columns, rows);
        self.model.set_size(non_zero(rows), non_zero(columns));
        self.filter.resized();
    }

    /// The program's next output.
    pub fn take(&mut self, bytes: &[u8]) -> Taken {
        let filtered = self.filter.take(bytes);
        self.pending.extend_from_slice(&filtered.shown);
        if self.pending.len() >= PENDING || filtered.questions.contains(&Question::Cursor) {
            self.catch_up();
        }
        let answers = filtered.questions.iter();
        let answers = answers.flat_map(|question| self.answer(*question));
        Taken {
            answers: answers.collect(),
            shown: filtered.shown,
            wanted_clipboard: filtered.wanted_clipboard,
            switched: filtered.switched,
        }
    }

    /// Draws what was shown since. What a flood of plain lines has pushed out of the screen, and out of what is kept above
    /// it, is not drawn: that costs far more than all the rest of a terminal.
    pub fn catch_up(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let rows = self.model.screen().size().0.get();
        // Down to the last row, and once all over the screen; then what is kept.
        let lines = 2 * usize::from(rows) + self.kept;
        let gone = flood(&pending, lines).filter(|_| self.filter.scrolls_all(rows));
        let Some(gone) = gone else {
            return self.model.process(&pending);
        };
        self.model.process(&pending[..gone.start]);
        self.model.process(b"\r");
        self.model.process(&pending[gone.end..]);
    }

    /// As a VT220 with colours says it, but for the version. A program asks where the cursor is and waits, so that nothing follows the question.
    fn answer(&self, question: Question) -> Vec<u8> {
        match question {
            Question::Attributes => b"\x1b[?62;22c".to_vec(),
            Question::Version => VERSION.to_vec(),
            Question::Status => b"\x1b[0n".to_vec(),
            Question::Cursor => {
                let (row, column) = self.model.screen().cursor_position();
                format!("\x1b[{};{}R", row + 1, column + 1).into_bytes()
            }
        }
    }

    /// What brings a fresh terminal to this state.
    pub fn redraw(&mut self) -> Vec<u8> {
        self.catch_up();
        let screen = self.model.screen();
        let mut redraw = Vec::new();
        if screen.alternate_screen() {
            redraw.extend_from_slice(b"\x1b[?1049h");
        }
        redraw.extend_from_slice(screen.state_formatted().as_bytes());
        redraw.extend(self.filter.switched().again());
        redraw
    }

    /// What makes a terminal as it was before it showed this one.
    pub fn put_back(&self) -> Vec<u8> {
        self.filter.put_back()
    }

    /// The program lets the technician's terminal send what nobody typed: the mouse, or that its window came to the front.
    pub fn talks(&self) -> bool {
        self.filter.switched().talks()
    }

    /// What is to be seen, as far as it was drawn: the screen, or what was scrolled back to.
    pub fn view(&self) -> &vt100::Screen {
        self.model.screen()
    }

    /// Scrolls back (up) or forward by so many lines; to the newest at the end.
    pub fn scroll(&mut self, lines: isize) {
        let screen = self.model.screen_mut();
        let to = screen.scrollback().saturating_add_signed(lines);
        screen.set_scrollback(to);
    }

    /// Shows the newest lines.
    pub fn scroll_to_end(&mut self) {
        self.model.screen_mut().set_scrollback(0);
    }

    /// What the program asked of the keyboard.
    pub fn modes(&self) -> Modes {
        let screen = self.model.screen();
        Modes {
            cursor: screen.application_cursor(),
            bracketed_paste: screen.bracketed_paste(),
        }
    }

    /// The screen's text, line by line.
    pub fn text(&self) -> String {
        self.model.screen().contents()
    }
}

/// What is left out, for so many lines behind it: only lines, from one's beginning to another's.
fn flood(shown: &[u8], lines: usize) -> Option<Range<usize>> {
    let mut ends = shown.iter().enumerate().rev();
    let (last, _) = ends
        .by_ref()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(lines)?;
    let end = last + 1;
    let sequence = shown.iter().rposition(|byte| *byte == 0x1b);
    let start = match sequence {
        // No sequence holds the end of a line.
        Some(at) => at + shown[at..].iter().position(|byte| *byte == b'\n')? + 1,
        None => 0,
    };
    (start < end && shown[..end].ends_with(b"\r\n")).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cursor_is_told_by_us() {
        let mut screen = Screen::new(80, 24, 100);
        let taken = screen.take(b"\x1b[5;7Habc\x1b[6n");
        assert_eq!(taken.answers, b"\x1b[5;10R");
        assert_eq!(taken.shown, b"\x1b[5;7Habc");
    }

    #[test]
    fn what_was_left_comes_back() {
        let mut screen = Screen::new(40, 5, 100);
        screen.take(b"\x1b[?1049h\x1b[2J\x1b[2;3H\x1b[31mhello\x1b[m\x1b[?2004h");
        let mut again = Screen::new(40, 5, 100);
        again.take(&screen.redraw());
        again.catch_up();
        assert_eq!(again.text(), screen.text());
        assert!(again.text().contains("hello"));
        let (a, b) = (again.model.screen(), screen.model.screen());
        assert_eq!(a.cursor_position(), b.cursor_position());
        assert!(a.alternate_screen() && a.bracketed_paste());
    }

    #[test]
    fn a_terminal_that_is_left_twice_is_put_back_twice() {
        let mut screen = Screen::new(40, 5, 100);
        screen.take(b"\x1b[?1049h\x1b[?1002h\x1b[?1006h\x1b[?1004hediting");
        let left = screen.put_back();
        let mut other = Filter::default();
        other.take(&screen.redraw());
        let modes = ["?1002", "?1004", "?1006", "?1049"];
        for put_back in [left, screen.put_back(), other.put_back()] {
            let put_back = String::from_utf8(put_back).unwrap();
            for mode in modes {
                assert!(put_back.contains(&format!("\x1b[{mode}l")), "{put_back:?}");
            }
        }
    }

    #[test]
    fn a_flood_is_left_out() {
        let lines = "some words\r\n".repeat(1_000);
        assert_eq!(flood(lines.as_bytes(), 100), Some(0..12 * 900));
        assert_eq!(flood(lines.as_bytes(), 1_000), None);
        let after = format!("\x1b[31mred\r\n{lines}");
        assert_eq!(flood(after.as_bytes(), 100), Some(10..10 + 12 * 900));
        assert_eq!(flood(format!("{lines}\x1b[m").as_bytes(), 100), None);
        assert_eq!(flood(lines.replace('\r', "").as_bytes(), 100), None);
    }

    /// All that there is, with what is kept above the screen.
    fn everything(screen: &mut Screen) -> (String, (u16, u16), Vec<u8>) {
        let redraw = screen.redraw();
        let cursor = screen.model.screen().cursor_position();
        let mut all = String::new();
        for back in (0..=screen.kept).rev() {
            screen.model.screen_mut().set_scrollback(back);
            all += &screen.text();
        }
        (all, cursor, redraw)
    }

    fn output() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            4 => (1usize..60, "[ -~]{0,50}", prop::bool::weighted(0.9)).prop_map(|(count, line, whole)| {
                format!("{line}{}", if whole { "\r\n" } else { "\n" }).repeat(count)
            }),
            1 => "[a-zä中\t\x08]{0,50}",
            1 => "\x1b\\[[1-9]?;?[1-9]?[HrJm]",
            1 => "\x1b\\[\\?(1049|47|6|7)[hl]",
            1 => Just("\x1bc".to_owned()),
        ];
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn what_is_not_drawn_would_not_be_seen(
            parts in prop::collection::vec((output(), prop::option::weighted(0.2, 2u16..12)), 1..6),
        ) {
            let (mut lazy, mut eager) = (Screen::new(20, 6, 12), Screen::new(20, 6, 12));
            for (bytes, rows) in parts {
                let shown = lazy.take(&bytes).shown;
                eager.model.process(&shown);
                if let Some(rows) = rows {
                    lazy.resize(20, rows);
                    eager.resize(20, rows);
                }
            }
            // What switches the modes again is the filter's.
            let switched = lazy.filter.switched().again();
            let (lazy, mut eager) = (everything(&mut lazy), everything(&mut eager));
            eager.2.extend(switched);
            prop_assert_eq!(lazy, eager);
        }

        #[test]
        fn whatever_comes_is_borne(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0u16..200, 0u16..80), 0..20),
        ) {
            let mut screen = Screen::new(80, 24, 100);
            for (bytes, columns, rows) in parts {
                screen.take(&bytes);
                screen.resize(columns, rows);
                screen.take(b"\x1b[6n\x1b[200;200H\x1b[5b\x1b[9L\x1b[3;1r\n\n");
            }
            let _ = (screen.redraw(), screen.put_back(), screen.text());
        }
    }
}
