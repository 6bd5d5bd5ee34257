//! What a remote terminal shows, kept so that it can be left and come back to, and so that its programs' questions can be
//! answered.

use std::num::NonZeroU16;

use super::filter::{Filter, Question};
use super::keys::Modes;

/// Lines above the screen that are kept.
const SCROLLBACK: usize = 2_000;
/// Largest screen in character cells: a wall of displays; beyond it only memory is used.
const LARGEST: (u16, u16) = (1_000, 500);

/// One terminal.
pub struct Screen {
    filter: Filter,
    model: vt100::Parser,
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
}

/// Columns and rows as they are used.
pub fn bounded(columns: u16, rows: u16) -> (u16, u16) {
    (columns.clamp(1, LARGEST.0), rows.clamp(1, LARGEST.1))
}

fn non_zero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

impl Screen {
    pub fn new(columns: u16, rows: u16) -> Screen {
        let (columns, rows) = bounded(columns, rows);
        Screen {
            filter: Filter::default(),
            model: vt100::Parser::new(non_zero(rows), non_zero(columns), SCROLLBACK),
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        let (columns, rows) = bounded(columns, rows);
        self.model.set_size(non_zero(rows), non_zero(columns));
    }

    /// The program's next output.
    pub fn take(&mut self, bytes: &[u8]) -> Taken {
        let filtered = self.filter.take(bytes);
        self.model.process(&filtered.shown);
        let answers = filtered.questions.iter();
        let answers = answers.flat_map(|question| self.answer(*question));
        Taken {
            answers: answers.collect(),
            shown: filtered.shown,
            wanted_clipboard: filtered.wanted_clipboard,
        }
    }

    /// As a VT220 with colours says it. A program asks where the cursor is and waits, so that nothing follows the question.
    fn answer(&self, question: Question) -> Vec<u8> {
        match question {
            Question::Attributes => b"\x1b[?62;22c".to_vec(),
            Question::Version => b"\x1b[>1;10;0c".to_vec(),
            Question::Status => b"\x1b[0n".to_vec(),
            Question::Cursor => {
                let (row, column) = self.model.screen().cursor_position();
                format!("\x1b[{};{}R", row + 1, column + 1).into_bytes()
            }
        }
    }

    /// What brings a fresh terminal to this state.
    pub fn redraw(&self) -> Vec<u8> {
        let screen = self.model.screen();
        let mut redraw = Vec::new();
        if screen.alternate_screen() {
            redraw.extend_from_slice(b"\x1b[?1049h");
        }
        redraw.extend_from_slice(screen.state_formatted().as_bytes());
        redraw
    }

    /// What makes a terminal as it was before it showed this one.
    pub fn leave(&mut self) -> Vec<u8> {
        self.filter.leave()
    }

    /// What is to be seen: the screen, or what was scrolled back to.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cursor_is_told_by_us() {
        let mut screen = Screen::new(80, 24);
        let taken = screen.take(b"\x1b[5;7Habc\x1b[6n");
        assert_eq!(taken.answers, b"\x1b[5;10R");
        assert_eq!(taken.shown, b"\x1b[5;7Habc");
    }

    #[test]
    fn what_was_left_comes_back() {
        let mut screen = Screen::new(40, 5);
        screen.take(b"\x1b[?1049h\x1b[2J\x1b[2;3H\x1b[31mhello\x1b[m\x1b[?2004h");
        let mut again = Screen::new(40, 5);
        again.take(&screen.redraw());
        assert_eq!(again.text(), screen.text());
        assert!(again.text().contains("hello"));
        let (a, b) = (again.model.screen(), screen.model.screen());
        assert_eq!(a.cursor_position(), b.cursor_position());
        assert!(a.alternate_screen() && a.bracketed_paste());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_borne(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0u16..200, 0u16..80), 0..20),
        ) {
            let mut screen = Screen::new(80, 24);
            for (bytes, columns, rows) in parts {
                screen.take(&bytes);
                screen.resize(columns, rows);
                screen.take(b"\x1b[6n\x1b[200;200H\x1b[5b\x1b[9L\x1b[3;1r\n\n");
            }
            let _ = (screen.redraw(), screen.leave(), screen.text());
        }
    }
}
