//! winit's keys for panels: as egui's events, or as wishes of a person at a terminal.

use egui::{Event, Key, Modifiers};
use winit::event::{ElementState, KeyEvent};
use winit::keyboard::{Key as WinitKey, NamedKey};

use crate::pure::keymap::Sign;
use crate::pure::panels::files::Key as FilesKey;
use crate::pure::terminal::keys::Held;

/// What a person at a terminal wants of the panel, as in other terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Ctrl+Shift+C
    Copy,
    /// Ctrl+Shift+V, Shift+Insert
    Paste,
    /// Shift+PageUp and Shift+PageDown, in screens back.
    Scroll(isize),
    /// Ctrl+PageDown and Ctrl+PageUp: the next terminal, or the one before.
    Step(bool),
    /// Ctrl+Shift+T
    New,
}

const PAGE_UP: u32 = 0xff55;
const PAGE_DOWN: u32 = 0xff56;
const INSERT: u32 = 0xff63;

pub(super) fn wish(sign: Sign, held: Held) -> Option<Wish> {
    let only_shift = held.shift && !held.ctrl && !held.alt;
    let only_ctrl = held.ctrl && !held.shift && !held.alt;
    let both = held.ctrl && held.shift && !held.alt;
    match sign {
        Sign::Text(text) if both => match text.to_lowercase().as_str() {
            "c" => Some(Wish::Copy),
            "v" => Some(Wish::Paste),
            "t" => Some(Wish::New),
            _ => None,
        },
        Sign::Symbol(INSERT) if only_shift => Some(Wish::Paste),
        Sign::Symbol(PAGE_UP) if only_shift => Some(Wish::Scroll(1)),
        Sign::Symbol(PAGE_DOWN) if only_shift => Some(Wish::Scroll(-1)),
        Sign::Symbol(PAGE_DOWN) if only_ctrl => Some(Wish::Step(true)),
        Sign::Symbol(PAGE_UP) if only_ctrl => Some(Wish::Step(false)),
        _ => None,
    }
}

pub(super) fn modifiers(held: Held) -> Modifiers {
    Modifiers {
        alt: held.alt,
        ctrl: held.ctrl,
        shift: held.shift,
        mac_cmd: false,
        command: held.ctrl,
    }
}

pub(super) fn is_return(event: &KeyEvent) -> bool {
    event.logical_key == WinitKey::Named(NamedKey::Enter)
}

fn is_letter(event: &KeyEvent, letter: &str) -> bool {
    matches!(&event.logical_key, WinitKey::Character(text) if text.eq_ignore_ascii_case(letter))
}

pub(super) fn is_paste(event: &KeyEvent, held: Held) -> bool {
    let insert = event.logical_key == WinitKey::Named(NamedKey::Insert);
    held.ctrl && is_letter(event, "v") || held.shift && insert
}

/// What a text field hears of a key; `pasted` is what the clipboard had for it.
pub(super) fn events(event: &KeyEvent, held: Held, pasted: Option<String>) -> Vec<Event> {
    let pressed = event.state == ElementState::Pressed;
    let mut events = Vec::new();
    if let Some(key) = key(&event.logical_key) {
        events.push(Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: modifiers(held),
        });
    }
    if !pressed {
        return events;
    }
    if let Some(text) = pasted {
        events.push(Event::Paste(text));
    } else if held.ctrl && is_letter(event, "c") {
        events.push(Event::Copy);
    } else if held.ctrl && is_letter(event, "x") {
        events.push(Event::Cut);
    } else if !held.ctrl
        && let Some(text) = &event.text
        && !text.chars().any(char::is_control)
    {
        events.push(Event::Text(text.to_string()));
    }
    events
}

/// The same where nothing is pasted.
pub(in crate::io::window) fn text_events(event: &KeyEvent, held: Held) -> Vec<Event> {
    events(event, held, None)
}

/// What a key means in the files' panel.
pub(super) fn files_key(event: &KeyEvent, held: Held) -> Option<FilesKey> {
    let named = match &event.logical_key {
        WinitKey::Named(named) => named,
        WinitKey::Character(_) if held.ctrl && is_letter(event, "a") => {
            return Some(FilesKey::ChooseAll);
        }
        _ => return None,
    };
    Some(match named {
        NamedKey::ArrowUp => FilesKey::Up,
        NamedKey::ArrowDown => FilesKey::Down,
        NamedKey::PageUp => FilesKey::PageUp,
        NamedKey::PageDown => FilesKey::PageDown,
        NamedKey::Home => FilesKey::First,
        NamedKey::End => FilesKey::Last,
        NamedKey::Enter => FilesKey::Open,
        NamedKey::Backspace => FilesKey::Above,
        NamedKey::Space | NamedKey::Insert => FilesKey::Choose,
        NamedKey::Tab => FilesKey::Switch,
        NamedKey::F5 => FilesKey::Copy,
        _ => return None,
    })
}

fn key(key: &WinitKey) -> Option<Key> {
    match key {
        WinitKey::Character(text) => Key::from_name(text),
        WinitKey::Named(named) => Some(match named {
            NamedKey::ArrowDown => Key::ArrowDown,
            NamedKey::ArrowLeft => Key::ArrowLeft,
            NamedKey::ArrowRight => Key::ArrowRight,
            NamedKey::ArrowUp => Key::ArrowUp,
            NamedKey::Backspace => Key::Backspace,
            NamedKey::Delete => Key::Delete,
            NamedKey::End => Key::End,
            NamedKey::Enter => Key::Enter,
            NamedKey::Escape => Key::Escape,
            NamedKey::Home => Key::Home,
            NamedKey::PageDown => Key::PageDown,
            NamedKey::PageUp => Key::PageUp,
            NamedKey::Space => Key::Space,
            NamedKey::Tab => Key::Tab,
            _ => return None,
        }),
        _ => None,
    }
}

/// The letter that a key stands for, whatever is held and whichever layout is active: where the layout has no Latin letters,
/// the letter that the key has on the usual keyboard.
pub(in crate::io::window) fn letter(event: &KeyEvent) -> Option<char> {
    use winit::keyboard::{KeyCode, PhysicalKey};
    let text = event.logical_key.to_text();
    let latin = text.and_then(|text| text.chars().next());
    let latin = latin.map(|c| c.to_ascii_lowercase());
    if let Some(letter) = latin.filter(char::is_ascii_lowercase) {
        return Some(letter);
    }
    Some(match event.physical_key {
        PhysicalKey::Code(KeyCode::KeyC) => 'c',
        PhysicalKey::Code(KeyCode::KeyF) => 'f',
        PhysicalKey::Code(KeyCode::KeyI) => 'i',
        PhysicalKey::Code(KeyCode::KeyT) => 't',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_keeps_ctrl_c_for_its_program() {
        let held = |shift, ctrl| Held {
            shift,
            ctrl,
            alt: false,
        };
        assert_eq!(wish(Sign::Text("c"), held(false, true)), None);
        assert_eq!(wish(Sign::Text("C"), held(true, true)), Some(Wish::Copy));
        assert_eq!(wish(Sign::Text("V"), held(true, true)), Some(Wish::Paste));
        assert_eq!(wish(Sign::Symbol(PAGE_UP), held(false, false)), None);
        assert_eq!(
            wish(Sign::Symbol(PAGE_UP), held(true, false)),
            Some(Wish::Scroll(1))
        );
        assert_eq!(wish(Sign::Symbol(0xff0d), held(true, false)), None);
    }
}
