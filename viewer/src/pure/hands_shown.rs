//! What a technician's hands did, as it is shown over a recording: where the pointer went, clicks as rings, keys as caps.
//!
//! Time is an argument: `now` counts from any fixed moment at the watcher, not in the recording, so that what was done can
//! be read at any speed.

use std::collections::BTreeSet;
use std::time::Duration;

use sightline_ends::content::{Button, Input};

/// How long a ring grows.
const RING: Duration = Duration::from_millis(700);
/// How long keys stay after the last one; the last part of it they fade.
const CAPS: Duration = Duration::from_millis(3500);
const FADE: Duration = Duration::from_millis(800);
/// How long the name stays beside the pointer.
const NAME: Duration = Duration::from_millis(2500);
/// Typing goes on in the same cap after a pause of up to this.
const SAME_CAP: Duration = Duration::from_millis(2000);
/// Most caps and most characters of one.
const MOST_CAPS: usize = 5;
const MOST_CHARS: usize = 40;
const MOST_RINGS: usize = 12;

/// A click, as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ring {
    /// Remote pixels.
    pub x: i32,
    pub y: i32,
    pub button: Button,
    /// 0 = just now, 1 = gone.
    pub age: f32,
}

/// What is to be drawn now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandsShown {
    /// Whose hands.
    pub name: String,
    /// Where the name stands, in remote pixels, and how opaque it is.
    pub pointer: Option<(i32, i32, u8)>,
    pub rings: Vec<Ring>,
    pub caps: Vec<String>,
    pub caps_opacity: u8,
    /// The auditor has no key for input.
    sealed: bool,
}

impl HandsShown {
    /// For an auditor who may not see input.
    pub fn sealed() -> HandsShown {
        HandsShown {
            caps: vec!["input is sealed to you".to_owned()],
            caps_opacity: 255,
            sealed: true,
            ..HandsShown::default()
        }
    }

    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    pub fn is_none(&self) -> bool {
        self.pointer.is_none() && self.rings.is_empty() && self.caps.is_empty()
    }
}

/// Remembers what is still to be seen of the input so far.
#[derive(Debug, Default)]
pub struct Hands {
    pointer: Option<(i32, i32)>,
    moved: Option<Duration>,
    clicks: Vec<(Duration, i32, i32, Button)>,
    caps: Vec<Cap>,
    typed: Option<Duration>,
    held: BTreeSet<u32>,
}

#[derive(Debug)]
struct Cap {
    text: String,
    /// Times in a row.
    count: u32,
    /// Characters, which further ones may follow.
    run: bool,
}

impl Hands {
    /// Takes one input. `quiet`: it is passed over on the way to a place, so that only what it leaves behind counts.
    pub fn take(&mut self, now: Duration, input: &Input, quiet: bool) {
        match input {
            Input::Pointer { x, y } => {
                self.pointer = Some((*x, *y));
                if !quiet {
                    self.moved = Some(now);
                }
            }
            Input::Button { button, down } => {
                if let (true, false, Some((x, y))) = (*down, quiet, self.pointer) {
                    self.clicks.push((now, x, y, *button));
                    self.moved = Some(now);
                    let over = self.clicks.len().saturating_sub(MOST_RINGS);
                    self.clicks.drain(..over);
                }
            }
            Input::Wheel { dx, dy } if !quiet => {
                let word = match (dx.signum(), dy.signum()) {
                    (_, 1) => "Wheel ↓",
                    (_, -1) => "Wheel ↑",
                    (1, _) => "Wheel →",
                    _ => "Wheel ←",
                };
                self.cap(now, word.to_owned());
            }
            Input::Wheel { .. } => {}
            Input::Key { keysym, down: true } => self.key(now, *keysym, quiet),
            Input::Key { keysym, .. } => {
                self.held.remove(keysym);
            }
            Input::Text(text) if !quiet => self.typed(now, text),
            Input::Text(_) => {}
            Input::ReleaseAll => self.held.clear(),
        }
    }

    /// Forgets everything: playback goes on elsewhere.
    pub fn clear(&mut self) {
        *self = Hands::default();
    }

    fn key(&mut self, now: Duration, keysym: u32, quiet: bool) {
        if modifier(keysym).is_some() {
            self.held.insert(keysym);
            return;
        }
        if quiet {
            return;
        }
        let mut held: Vec<(u8, &str)> = self.held.iter().filter_map(|key| modifier(*key)).collect();
        held.sort();
        held.dedup();
        let only_shift = held
            .iter()
            .all(|(_, name)| matches!(*name, "Shift" | "AltGr"));
        match character(keysym) {
            Some(letter) if only_shift => self.typed(now, letter.encode_utf8(&mut [0; 4])),
            letter => {
                let name = match letter {
                    Some(' ') => "Space".to_owned(),
                    Some(letter) => letter.to_uppercase().collect(),
                    None => key_name(keysym),
                };
                let mut words: Vec<&str> = held.iter().map(|(_, name)| *name).collect();
                words.push(&name);
                self.cap(now, words.join("+"));
            }
        }
    }

    fn typed(&mut self, now: Duration, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let fresh = self
            .typed
            .is_some_and(|last| now.saturating_sub(last) <= SAME_CAP);
        self.forget_old(now);
        self.typed = Some(now);
        match self.caps.last_mut().filter(|cap| cap.run && fresh) {
            Some(cap) => {
                cap.text.push_str(&text);
                let over = cap.text.chars().count().saturating_sub(MOST_CHARS);
                if over > 0 {
                    let rest: String = cap.text.chars().skip(over + 1).collect();
                    cap.text = format!("…{rest}");
                }
            }
            None => self.push(text.chars().take(MOST_CHARS).collect(), true),
        }
    }

    fn cap(&mut self, now: Duration, text: String) {
        self.forget_old(now);
        self.typed = Some(now);
        match self
            .caps
            .last_mut()
            .filter(|cap| !cap.run && cap.text == text)
        {
            Some(cap) => cap.count += 1,
            None => self.push(text, false),
        }
    }

    fn push(&mut self, text: String, run: bool) {
        let count = 1;
        self.caps.push(Cap { text, count, run });
        let over = self.caps.len().saturating_sub(MOST_CAPS);
        self.caps.drain(..over);
    }

    /// What has faded does not come back with the next key.
    fn forget_old(&mut self, now: Duration) {
        if self
            .typed
            .is_some_and(|last| now.saturating_sub(last) >= CAPS)
        {
            self.caps.clear();
        }
    }

    /// What is to be seen now.
    pub fn shown(&self, now: Duration, name: &str) -> HandsShown {
        let opacity = |last: Option<Duration>, whole: Duration| {
            let left = whole.saturating_sub(now.saturating_sub(last?));
            let share = (left.as_secs_f32() / FADE.as_secs_f32()).min(1.0);
            (share > 0.0).then_some((share * 255.0) as u8)
        };
        let pointer = self.pointer.zip(opacity(self.moved, NAME));
        let rings = self.clicks.iter().filter_map(|(at, x, y, button)| {
            let age = now.saturating_sub(*at).as_secs_f32() / RING.as_secs_f32();
            (age < 1.0).then_some(Ring {
                x: *x,
                y: *y,
                button: *button,
                age,
            })
        });
        let caps_opacity = opacity(self.typed, CAPS).unwrap_or(0);
        let caps = self
            .caps
            .iter()
            .filter(|_| caps_opacity > 0)
            .map(|cap| match cap.count {
                1 => cap.text.clone(),
                count => format!("{} ×{count}", cap.text),
            });
        HandsShown {
            name: name.to_owned(),
            pointer: pointer.map(|((x, y), opacity)| (x, y, opacity)),
            rings: rings.collect(),
            caps: caps.collect(),
            caps_opacity,
            sealed: false,
        }
    }
}

/// A modifier's rank and name.
fn modifier(keysym: u32) -> Option<(u8, &'static str)> {
    Some(match keysym {
        0xffe3 | 0xffe4 => (0, "Ctrl"),
        0xffe7..=0xffea => (1, "Alt"),
        0xffeb | 0xffec => (2, "Super"),
        0xffe1 | 0xffe2 => (3, "Shift"),
        0xfe03 => (4, "AltGr"),
        _ => return None,
    })
}

/// The character that a keysym stands for.
fn character(keysym: u32) -> Option<char> {
    match keysym {
        0x20..=0x7e | 0xa0..=0xff => char::from_u32(keysym),
        0x0100_0100..=0x0110_ffff => char::from_u32(keysym - 0x0100_0000),
        0xffb0..=0xffb9 => char::from_u32(keysym - 0xffb0 + u32::from('0')),
        _ => None,
    }
}

fn key_name(keysym: u32) -> String {
    let name = match keysym {
        0xff08 => "Backspace",
        0xff09 | 0xfe20 => "Tab",
        0xff0d | 0xff8d => "Enter",
        0xff13 => "Pause",
        0xff1b => "Esc",
        0xff50 => "Home",
        0xff51 => "←",
        0xff52 => "↑",
        0xff53 => "→",
        0xff54 => "↓",
        0xff55 => "Page Up",
        0xff56 => "Page Down",
        0xff57 => "End",
        0xff61 => "Print",
        0xff63 => "Insert",
        0xff67 => "Menu",
        0xffff => "Delete",
        0xffbe..=0xffd5 => return format!("F{}", keysym - 0xffbd),
        _ => return format!("key {keysym:#x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: u32 = 0xffe3;
    const SHIFT: u32 = 0xffe1;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn press(hands: &mut Hands, at: u64, keysym: u32) {
        for down in [true, false] {
            hands.take(ms(at), &Input::Key { keysym, down }, false);
        }
    }

    #[test]
    fn typed_text_runs_together_and_commands_stand_alone() {
        let mut hands = Hands::default();
        for letter in "hi you".chars() {
            press(&mut hands, 10, u32::from(letter));
        }
        press(&mut hands, 20, 0xff0d);
        let hold = |down| Input::Key {
            keysym: CONTROL,
            down,
        };
        hands.take(ms(20), &hold(true), false);
        press(&mut hands, 30, u32::from('c'));
        press(&mut hands, 31, u32::from('c'));
        hands.take(ms(32), &hold(false), false);
        press(&mut hands, 40, u32::from('ä'));
        let caps = hands.shown(ms(50), "").caps;
        assert_eq!(caps, ["hi you", "Enter", "Ctrl+C ×2", "ä"]);
    }

    #[test]
    fn shift_makes_letters_and_names_other_keys() {
        let mut hands = Hands::default();
        let shift = Input::Key {
            keysym: SHIFT,
            down: true,
        };
        hands.take(ms(0), &shift, false);
        press(&mut hands, 0, u32::from('A'));
        press(&mut hands, 0, 0xffc1);
        assert_eq!(hands.shown(ms(0), "").caps, ["A", "Shift+F4"]);
    }

    #[test]
    fn keys_and_clicks_fade() {
        let mut hands = Hands::default();
        hands.take(ms(0), &Input::Pointer { x: 3, y: 4 }, false);
        let click = Input::Button {
            button: Button::Left,
            down: true,
        };
        hands.take(ms(0), &click, false);
        press(&mut hands, 0, u32::from('a'));
        let now = hands.shown(ms(350), "Mira");
        assert_eq!((now.rings[0].x, now.rings[0].y), (3, 4));
        assert!((now.rings[0].age - 0.5).abs() < 0.01);
        assert_eq!(now.pointer, Some((3, 4, 255)));
        assert!(hands.shown(ms(3300), "Mira").caps_opacity < 255);
        assert!(hands.shown(ms(4000), "Mira").is_none());
        press(&mut hands, 5000, u32::from('b'));
        assert_eq!(
            hands.shown(ms(5000), "").caps,
            ["b"],
            "what faded stays away"
        );
    }

    #[test]
    fn what_is_passed_over_shows_only_where_the_pointer_is() {
        let mut hands = Hands::default();
        hands.take(ms(0), &Input::Pointer { x: 3, y: 4 }, true);
        let shift = Input::Key {
            keysym: CONTROL,
            down: true,
        };
        hands.take(ms(0), &shift, true);
        hands.take(ms(0), &Input::Text("secret".into()), true);
        assert!(hands.shown(ms(0), "").is_none());
        press(&mut hands, 1, u32::from('v'));
        assert_eq!(hands.shown(ms(1), "").caps, ["Ctrl+V"]);
    }
}
