//! Keys as text: what was pressed, and what stands there after corrections.

use std::time::Duration;

use xkeysym::Keysym;

/// A pause after which the next key begins another text: 10 s.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest run in characters: a long paragraph.
const LONGEST: usize = 1000;

/// Something typed without a longer pause, up to and with its Enter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// When its first key went down.
    pub at: Duration,
    /// Every key: characters as they are, others by name in brackets, as in `pas[BackSpace]s[Return]`.
    pub raw: String,
    /// What the keys leave behind where someone types into one line.
    pub edited: String,
}

/// Puts keys together to runs.
#[derive(Debug, Default)]
pub struct Typing {
    began: Option<Duration>,
    last: Duration,
    raw: String,
    line: Vec<char>,
    /// Place of the caret in `line`.
    caret: usize,
    /// Modifiers that are down, by keysym.
    held: Vec<u32>,
}

/// Modifiers that turn a key into a command, by keysym, and their names.
const COMMANDS: [(u32, &str); 7] = [
    (0xffe3, "Ctrl"),
    (0xffe4, "Ctrl"),
    (0xffe9, "Alt"),
    (0xffea, "Alt"),
    (0xffe7, "Meta"),
    (0xffeb, "Super"),
    (0xffec, "Super"),
];

impl Typing {
    /// A key went down or up. Returns what ended before it or by it.
    pub fn key(&mut self, at: Duration, keysym: u32, down: bool) -> Vec<Run> {
        let key = Keysym::new(keysym);
        if key.is_modifier_key() || keysym == 0xfe03 {
            self.held.retain(|held| *held != keysym);
            if down && self.held.len() < COMMANDS.len() {
                self.held.push(keysym);
            }
            return Vec::new();
        }
        if !down {
            return Vec::new();
        }
        let mut ended: Vec<Run> = self.due(at).into_iter().collect();
        self.begin(at);
        let commands: Vec<&str> = COMMANDS
            .iter()
            .filter(|(code, _)| self.held.contains(code))
            .map(|(_, name)| *name)
            .collect();
        let character = key.key_char().filter(|c| !c.is_control());
        match character {
            Some(c) if commands.is_empty() => self.character(c),
            _ => self.named(key, character, &commands),
        }
        let enter = commands.is_empty() && matches!(keysym, 0xff0d | 0xff8d);
        if enter || self.raw.chars().count() >= LONGEST {
            ended.extend(self.finish());
        }
        ended
    }

    /// Text that came at once.
    pub fn text(&mut self, at: Duration, text: &str) -> Vec<Run> {
        let ended = self.due(at).into_iter().collect();
        self.begin(at);
        text.chars().for_each(|c| self.character(c));
        ended
    }

    /// Every key is let go of.
    pub fn release(&mut self) {
        self.held.clear();
    }

    /// What has ended because nothing was typed for a while.
    pub fn due(&mut self, now: Duration) -> Option<Run> {
        let late = now.saturating_sub(self.last) > PAUSE;
        late.then(|| self.finish()).flatten()
    }

    /// What was typed so far.
    pub fn finish(&mut self) -> Option<Run> {
        let at = self.began.take()?;
        self.caret = 0;
        Some(Run {
            at,
            raw: std::mem::take(&mut self.raw),
            edited: self.line.drain(..).collect(),
        })
    }

    fn begin(&mut self, at: Duration) {
        self.began.get_or_insert(at);
        self.last = at;
    }

    fn character(&mut self, c: char) {
        self.raw.push(c);
        self.line.insert(self.caret, c);
        self.caret += 1;
    }

    fn named(&mut self, key: Keysym, character: Option<char>, commands: &[&str]) {
        let name = match (character, key.name()) {
            (Some(c), _) => c.to_string(),
            (None, Some(name)) => name.trim_start_matches("XK_").to_owned(),
            (None, None) => format!("0x{:x}", key.raw()),
        };
        let mut parts = commands.to_vec();
        parts.push(&name);
        self.raw.push_str(&format!("[{}]", parts.join("+")));
        if commands.is_empty() {
            self.edit(key.raw());
        }
    }

    fn edit(&mut self, keysym: u32) {
        match keysym {
            // BackSpace
            0xff08 if self.caret > 0 => {
                self.caret -= 1;
                self.line.remove(self.caret);
            }
            // Delete, and the keypad's
            0xffff | 0xff9f if self.caret < self.line.len() => {
                self.line.remove(self.caret);
            }
            // Left, Right, Home, End, and the keypad's
            0xff51 | 0xff96 => self.caret = self.caret.saturating_sub(1),
            0xff53 | 0xff98 => self.caret = (self.caret + 1).min(self.line.len()),
            0xff50 | 0xff95 => self.caret = 0,
            0xff57 | 0xff9c => self.caret = self.line.len(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn press(typing: &mut Typing, ms: u64, keysym: u32) -> Vec<Run> {
        let runs = typing.key(at(ms), keysym, true);
        typing.key(at(ms), keysym, false);
        runs
    }

    #[test]
    fn corrections_are_kept_and_applied() {
        let mut typing = Typing::default();
        for key in [0x70, 0x61, 0x78, 0xff08, 0x73, 0x73, 0xff50, 0xffff, 0x50] {
            assert!(press(&mut typing, 5, key).is_empty());
        }
        let runs = press(&mut typing, 9, 0xff0d);
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].raw, "pax[BackSpace]ss[Home][Delete]P[Return]");
        assert_eq!(runs[0].edited, "Pass");
        assert_eq!(runs[0].at, at(5));
    }

    #[test]
    fn commands_are_named_and_write_nothing() {
        let mut typing = Typing::default();
        press(&mut typing, 0, 0x61);
        typing.key(at(1), 0xffe3, true);
        press(&mut typing, 1, 0x63);
        typing.key(at(1), 0xffe3, false);
        press(&mut typing, 2, 0x0100_0416);
        let run = typing.finish().unwrap();
        assert_eq!(run.raw, "a[Ctrl+c]Ж");
        assert_eq!(run.edited, "aЖ");
        assert_eq!(typing.finish(), None);
    }

    #[test]
    fn a_pause_begins_another_text() {
        let mut typing = Typing::default();
        press(&mut typing, 0, 0x61);
        let runs = press(&mut typing, 10_001, 0x62);
        assert_eq!(runs[0].edited, "a");
        assert_eq!(typing.due(at(15_000)), None);
        assert_eq!(typing.due(at(30_000)).unwrap().edited, "b");
    }
}
