//! From symbols to keys: which key, with which modifiers, types a keysym on the keyboard map in force.
//!
//! A copy of the server's XKB map (one per keyboard) and the rules. Absent: the server, and pressing anything.

use xkeysym::Keysym;

/// Bits of X's modifier mask.
pub const SHIFT: u8 = 1;
pub const LOCK: u8 = 1 << 1;
pub const CONTROL: u8 = 1 << 2;
pub const ALT: u8 = 1 << 3;
pub const SUPER: u8 = 1 << 6;

/// Modifiers that make a key press a command rather than a character.
const COMMANDS: u8 = CONTROL | ALT | SUPER;

/// Keysyms with a meaning of their own here.
pub const SHIFT_L: u32 = 0xffe1;
pub const LEVEL3_SHIFT: u32 = 0xfe03;
pub const RETURN: u32 = 0xff0d;
pub const TAB: u32 = 0xff09;
/// Added to a code point, names the character (X11 protocol, appendix A).
const UNICODE: u32 = 0x0100_0000;

/// Which level of a key each combination of modifiers chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyType {
    /// The modifiers that this type looks at.
    pub mask: u8,
    /// Combinations and their levels; any other combination is level 0.
    pub levels: Vec<(u8, u8)>,
}

impl KeyType {
    fn level(&self, modifiers: u8) -> usize {
        let chosen = modifiers & self.mask;
        let found = self.levels.iter().find(|(mods, _)| *mods == chosen);
        found.map_or(0, |(_, level)| (*level).into())
    }
}

/// What happens when the active group is beyond a key's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beyond {
    #[default]
    Wrap,
    Clamp,
    Redirect(u8),
}

/// One key: its groups, each with a type and its symbols by level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    pub groups: Vec<(usize, Vec<u32>)>,
    pub beyond: Beyond,
    /// The modifiers that the key sets while it is down.
    pub modifiers: u8,
}

impl Key {
    fn group(&self, active: u8) -> Option<&(usize, Vec<u32>)> {
        let count = self.groups.len();
        let active = usize::from(active);
        let index = match self.beyond {
            _ if count == 0 => return None,
            _ if active < count => active,
            Beyond::Wrap => active % count,
            Beyond::Clamp => count - 1,
            Beyond::Redirect(to) if usize::from(to) < count => to.into(),
            Beyond::Redirect(_) => 0,
        };
        self.groups.get(index)
    }

    /// No symbol at all: the key can be given one.
    fn is_spare(&self) -> bool {
        let silent = |symbols: &Vec<u32>| symbols.iter().all(|s| *s == 0);
        self.modifiers == 0 && self.groups.iter().all(|(_, symbols)| silent(symbols))
    }
}

/// What the keyboard is in now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Modifiers in force, whoever sets them.
    pub modifiers: u8,
    /// Those of them that only keys held by us set, so that we can let go of them for a moment.
    pub ours: u8,
    /// The active group (layout).
    pub group: u8,
}

/// How to type a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    pub keycode: u8,
    /// Modifiers to set, and to let go of, around the key's press.
    pub press: u8,
    pub lift: u8,
}

/// The keyboard map in force.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    pub types: Vec<KeyType>,
    pub first: u8,
    /// By keycode, from `first` on.
    pub keys: Vec<Key>,
}

impl Keymap {
    fn codes(&self) -> impl Iterator<Item = (u8, &Key)> {
        self.keys
            .iter()
            .enumerate()
            .map(|(index, key)| (self.first.saturating_add(index as u8), key))
    }

    /// The symbol that the key types in that state.
    fn symbol(&self, key: &Key, modifiers: u8, group: u8) -> Option<u32> {
        let (kind, symbols) = key.group(group)?;
        let level = self.types.get(*kind)?.level(modifiers);
        symbols.get(level).copied().filter(|s| *s != 0)
    }

    /// The symbol that the key of that code types in that state.
    pub fn typed(&self, keycode: u8, modifiers: u8, group: u8) -> Option<u32> {
        let index = usize::from(keycode).checked_sub(self.first.into())?;
        self.symbol(self.keys.get(index)?, modifiers, group)
    }

    /// The modifiers that the key sets.
    pub fn modifiers(&self, keycode: u8) -> u8 {
        let index = usize::from(keycode).wrapping_sub(self.first.into());
        self.keys.get(index).map_or(0, |key| key.modifiers)
    }

    /// A modifier key that bears this symbol on its first level: its code, and what it sets.
    pub fn modifier_key(&self, symbol: u32) -> Option<(u8, u8)> {
        let bears = |key: &Key| {
            let mut firsts = key.groups.iter().map(|(_, symbols)| symbols.first());
            key.modifiers != 0 && firsts.any(|first| first == Some(&symbol))
        };
        self.codes()
            .find(|(_, key)| bears(key))
            .map(|(code, key)| (code, key.modifiers))
    }

    /// Whether the key bears the symbol on any level of any group.
    pub fn bears(&self, keycode: u8, symbol: u32) -> bool {
        let index = usize::from(keycode).wrapping_sub(self.first.into());
        let symbol = canonical(symbol);
        self.keys.get(index).is_some_and(|key| {
            let mut all = key.groups.iter().flat_map(|(_, symbols)| symbols);
            all.any(|s| canonical(*s) == symbol)
        })
    }

    /// Keys without a symbol, the highest first (the lowest are likelier to exist on the user's keyboard).
    /// Keycode 8 is left out: programs that subtract 8 take it for "no key".
    pub fn spare(&self) -> Vec<u8> {
        let spare = self
            .codes()
            .filter(|(code, key)| *code > 8 && key.is_spare());
        let mut codes: Vec<u8> = spare.map(|(code, _)| code).collect();
        codes.reverse();
        codes
    }

    /// How to type the symbol now; `None` when no key does and one must be given it.
    pub fn strike(&self, symbol: u32, state: State) -> Option<Strike> {
        if let Some(keycode) = self.key_for(symbol, state.modifiers, state.group) {
            return Some(plain(keycode));
        }
        if let Some(other) = substitute(symbol, state.modifiers) {
            return self.strike(other, state);
        }
        self.with_changed_modifiers(symbol, state)
    }

    /// The key that types the symbol with exactly these modifiers.
    fn key_for(&self, symbol: u32, modifiers: u8, group: u8) -> Option<u8> {
        let symbol = canonical(symbol);
        self.codes()
            .find(|(_, key)| {
                self.symbol(key, modifiers, group)
                    .is_some_and(|s| canonical(s) == symbol)
            })
            .map(|(code, _)| code)
    }

    /// Tries the symbol with Shift, the third-level shift, or both, changed around it; fewest changes first.
    fn with_changed_modifiers(&self, symbol: u32, state: State) -> Option<Strike> {
        let sets = |symbol| self.modifier_key(symbol).map_or(0, |(_, sets)| sets);
        let (shift, level3) = (sets(SHIFT_L), sets(LEVEL3_SHIFT));
        for change in [shift, level3, shift | level3] {
            let lift = change & state.modifiers;
            if change == 0 || lift & !state.ours != 0 {
                continue;
            }
            let modifiers = state.modifiers ^ change;
            if let Some(keycode) = self.key_for(symbol, modifiers, state.group) {
                return Some(Strike {
                    keycode,
                    press: change & !state.modifiers,
                    lift,
                });
            }
        }
        None
    }
}

fn plain(keycode: u8) -> Strike {
    Strike {
        keycode,
        press: 0,
        lift: 0,
    }
}

/// One number per symbol: characters by their code point, whatever name the map has for them.
fn canonical(symbol: u32) -> u32 {
    match symbol {
        // Keypad, function and modifier keys: `KP_7` is not the character 7.
        0xfd00..=0xffff | 0x1000_0000.. => symbol,
        _ => match Keysym::new(symbol).key_char() {
            Some(c) => UNICODE + u32::from(c),
            None => symbol,
        },
    }
}

/// The symbol of a character; `None` for control characters without a key.
pub fn symbol_of(c: char) -> Option<u32> {
    match c {
        '\n' | '\r' => Some(RETURN),
        '\t' => Some(TAB),
        ' '..='~' | '\u{a0}'..='\u{ff}' => Some(c.into()),
        _ if c.is_control() => None,
        _ => Some(UNICODE + u32::from(c)),
    }
}

/// Another symbol that serves better than changing modifiers around this one.
fn substitute(symbol: u32, modifiers: u8) -> Option<u32> {
    match symbol {
        // Shift would turn keypad movement into selection: the plain key does the same.
        0xff95..=0xff9c => Some(
            [
                0xff50, 0xff51, 0xff52, 0xff53, 0xff54, 0xff55, 0xff56, 0xff57,
            ][(symbol - 0xff95) as usize],
        ),
        0xff9e => Some(0xff63),                          // KP_Insert
        0xff9f => Some(0xffff),                          // KP_Delete
        0xffb0..=0xffb9 => Some(symbol - 0xffb0 + 0x30), // KP_0 to KP_9
        0xffaa..=0xffaf => Some(symbol - 0xffaa + 0x2a), // KP_Multiply to KP_Divide
        // Caps Lock at the technician's makes Ctrl+C a "C": that must not become Ctrl+Shift+C here.
        _ if modifiers & COMMANDS != 0 && modifiers & SHIFT == 0 => lower_case(symbol),
        _ => None,
    }
}

/// The small letter of a capital one.
fn lower_case(symbol: u32) -> Option<u32> {
    if matches!(symbol, 0xfd00..=0xffff) {
        return None;
    }
    let c = Keysym::new(symbol).key_char()?;
    let mut lower = c.to_lowercase();
    let small = lower.next()?;
    (small != c && lower.next().is_none())
        .then(|| symbol_of(small))
        .flatten()
}

/// Keys that act by being held or locked: useless without the map's own action, so never given to a spare key.
pub fn is_modifier(symbol: u32) -> bool {
    matches!(symbol, 0xffe1..=0xffee | 0xfe01..=0xfe13 | 0xff7e | 0xff7f | 0xff14)
}

/// Symbols that can be given to a spare key: characters and named keys, nothing made up.
pub fn is_bindable(symbol: u32) -> bool {
    let named = match symbol {
        0x20..=0x7e | 0xa0..=0xff => true,
        0x100..=0xffff => Keysym::new(symbol).name().is_some(),
        0x0100_0100..=0x0110_ffff => {
            char::from_u32(symbol - UNICODE).is_some_and(|c| !c.is_control())
        }
        0x1008_0000..=0x1008_ffff => true, // the keys that XFree86 named: volume, browser…
        _ => false,
    };
    named && !is_modifier(symbol)
}

/// Latin-1 characters have one name only.
pub fn normalised(symbol: u32) -> u32 {
    match symbol {
        0x0100_0020..=0x0100_007e | 0x0100_00a0..=0x0100_00ff => symbol - UNICODE,
        _ => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL3: u8 = 1 << 7;
    const NUM: u8 = 1 << 4;

    /// A small German-like map: letters, digits with a third level, keypad, modifiers, two spare keys.
    fn map() -> Keymap {
        let types = vec![
            KeyType::default(),
            two_level(&[SHIFT, LOCK]),
            two_level(&[SHIFT]),
            KeyType {
                mask: SHIFT | LEVEL3,
                levels: vec![(SHIFT, 1), (LEVEL3, 2), (SHIFT | LEVEL3, 3)],
            },
            two_level(&[SHIFT, NUM]),
        ];
        let key = |kind: usize, symbols: &[u32]| Key {
            groups: vec![(kind, symbols.to_vec())],
            ..Key::default()
        };
        let modifier = |symbol: u32, modifiers: u8| Key {
            groups: vec![(0, vec![symbol])],
            modifiers,
            ..Key::default()
        };
        let keys = vec![
            key(1, &[0x61, 0x41]),          // 10: a A
            key(3, &[0x71, 0x51, 0x40]),    // 11: q Q @
            key(2, &[0x37, 0x2f]),          // 12: 7 /
            key(4, &[0xff95, 0xffb7]),      // 13: KP_Home KP_7
            key(0, &[0xff50]),              // 14: Home
            modifier(SHIFT_L, SHIFT),       // 15
            modifier(LEVEL3_SHIFT, LEVEL3), // 16
            Key::default(),                 // 17: spare
            key(0, &[0]),                   // 18: spare
            key(0, &[0x6d6]),               // 19: Cyrillic_zhe by its old name
        ];
        Keymap {
            types,
            first: 10,
            keys,
        }
    }

    /// Each modifier alone chooses level 1, both together level 0.
    fn two_level(modifiers: &[u8]) -> KeyType {
        KeyType {
            mask: modifiers.iter().fold(0, |all, m| all | m),
            levels: modifiers.iter().map(|m| (*m, 1)).collect(),
        }
    }

    fn strike(symbol: u32, modifiers: u8, ours: u8) -> Option<Strike> {
        let group = 0;
        map().strike(
            symbol,
            State {
                modifiers,
                ours,
                group,
            },
        )
    }

    fn with(keycode: u8, press: u8, lift: u8) -> Option<Strike> {
        Some(Strike {
            keycode,
            press,
            lift,
        })
    }

    #[test]
    fn held_modifiers_are_used_as_they_are() {
        assert_eq!(strike(0x61, 0, 0), with(10, 0, 0));
        assert_eq!(strike(0x41, SHIFT, SHIFT), with(10, 0, 0));
        assert_eq!(strike(0x40, LEVEL3, LEVEL3), with(11, 0, 0));
        assert_eq!(strike(0x61, CONTROL, CONTROL), with(10, 0, 0));
    }

    #[test]
    fn missing_modifiers_are_pressed_and_wrong_ones_lifted() {
        assert_eq!(strike(0x41, 0, 0), with(10, SHIFT, 0));
        assert_eq!(strike(0x40, 0, 0), with(11, LEVEL3, 0));
        assert_eq!(strike(0x37, SHIFT, SHIFT), with(12, 0, SHIFT));
        assert_eq!(strike(0x40, SHIFT, SHIFT), with(11, LEVEL3, SHIFT));
        assert_eq!(
            strike(0x37, SHIFT, 0),
            None,
            "the user's own Shift cannot be lifted"
        );
    }

    #[test]
    fn locks_do_not_corrupt() {
        assert_eq!(strike(0x61, LOCK, 0), with(10, SHIFT, 0));
        assert_eq!(strike(0x41, LOCK, 0), with(10, 0, 0));
        assert_eq!(strike(0x37, LOCK, 0), with(12, 0, 0));
        assert_eq!(strike(0xffb7, NUM, 0), with(13, 0, 0));
        assert_eq!(strike(0xffb7, 0, 0), with(12, 0, 0), "the plain 7");
        assert_eq!(strike(0xff95, NUM, 0), with(14, 0, 0), "the plain Home");
    }

    #[test]
    fn commands_stay_what_they_are_with_caps_lock_at_the_technicians() {
        assert_eq!(strike(0x41, CONTROL, CONTROL), with(10, 0, 0));
        let both = CONTROL | SHIFT;
        assert_eq!(strike(0x41, both, both), with(10, 0, 0));
    }

    #[test]
    fn characters_are_known_by_any_name() {
        assert_eq!(strike(UNICODE + 0x436, 0, 0), with(19, 0, 0));
        assert_eq!(strike(UNICODE + 0x61, 0, 0), with(10, 0, 0));
        assert_eq!(normalised(UNICODE + 0xe4), 0xe4);
    }

    #[test]
    fn spare_keys_are_those_without_symbols() {
        assert_eq!(map().spare(), [18, 17]);
        assert_eq!(strike(UNICODE + 0x1f600, 0, 0), None);
    }

    #[test]
    fn only_real_symbols_are_bound() {
        assert!(is_bindable(0xe4) && is_bindable(UNICODE + 0x1f600) && is_bindable(0xff50));
        for made_up in [
            0,
            7,
            0xffe1,
            0xfe03,
            UNICODE,
            UNICODE + 0xd800,
            0x2000_0000,
            u32::MAX,
        ] {
            assert!(!is_bindable(made_up), "{made_up:#x}");
        }
        assert_eq!(symbol_of('\u{1b}'), None);
        assert_eq!(symbol_of('ä'), Some(0xe4));
    }
}
