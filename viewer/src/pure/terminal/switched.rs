//! Private modes (DECSET) that a program switched on the technician's terminal, and what puts it back.

use std::collections::BTreeSet;
use std::io::Write;

/// Modes that only change how things are drawn, or what the technician's own keys, mouse and paste send.
const KNOWN: [u16; 18] = [
    1, 5, 6, 7, 12, 25, 45, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049, 2004, 2026,
];
/// Modes that are on when a terminal is fresh: those are set again when it is left, the others reset.
const FRESH: [u16; 2] = [7, 25];
/// The other screen, and the cursor that is kept with it.
const SCREENS: [u16; 4] = [47, 1047, 1048, 1049];
/// Modes in which a terminal sends more than what is typed: the mouse (buttons; and dragging; and every movement), and
/// whether its window is in front.
const TALKING: [u16; 4] = [1000, 1002, 1003, 1004];
/// Cells are counted from the margins; setting it moves the cursor.
const ORIGIN: u16 = 6;

/// Those that differ from a fresh terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched(BTreeSet<u16>);

impl Switched {
    /// Notes a mode; false if it is none that may be switched.
    pub fn switch(&mut self, mode: u16, on: bool) -> bool {
        if !KNOWN.contains(&mode) {
            return false;
        }
        if on == FRESH.contains(&mode) {
            self.0.remove(&mode);
        } else {
            self.0.insert(mode);
        }
        true
    }

    /// Whether the terminal sends what nobody typed.
    pub fn talks(&self) -> bool {
        TALKING.iter().any(|mode| self.0.contains(mode))
    }

    /// Makes a terminal as it was before.
    pub fn put_back(&self) -> Vec<u8> {
        self.written(|_| true, false)
    }

    /// Makes a terminal as it was when it was left, but for which screen it shows.
    pub fn again(&self) -> Vec<u8> {
        self.written(|mode| mode != ORIGIN && !SCREENS.contains(&mode), true)
    }

    fn written(&self, which: impl Fn(u16) -> bool, switched: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for mode in self.0.iter().filter(|mode| which(**mode)) {
            let end = if switched != FRESH.contains(mode) {
                'h'
            } else {
                'l'
            };
            let _ = write!(out, "\x1b[?{mode}{end}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_switched_is_put_back_and_nothing_else() {
        let mut switched = Switched::default();
        for (mode, on) in [(1049, true), (1002, true), (1006, true), (25, false)] {
            assert!(switched.switch(mode, on));
        }
        assert!(!switched.switch(1337, true));
        assert!(switched.talks());
        assert_eq!(
            switched.put_back(),
            b"\x1b[?25h\x1b[?1002l\x1b[?1006l\x1b[?1049l"
        );
        assert_eq!(switched.again(), b"\x1b[?25l\x1b[?1002h\x1b[?1006h");
        switched.switch(1002, false);
        switched.switch(25, true);
        assert!(!switched.talks());
        assert_eq!(switched.put_back(), b"\x1b[?1006l\x1b[?1049l");
    }
}
