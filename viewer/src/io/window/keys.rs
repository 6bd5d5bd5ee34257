//! winit's keys as X11 keysyms.

use winit::event::KeyEvent;
use winit::keyboard::{Key, KeyLocation, NamedKey, NativeKey};
use winit::platform::scancode::PhysicalKeyExtScancode;

use crate::pure::keymap::{Press, Sign};

/// The press that an event says.
pub(super) fn press(event: &KeyEvent) -> Press<'_> {
    let keypad = event.location == KeyLocation::Numpad;
    let sign = match &event.logical_key {
        Key::Character(text) => Sign::Text(text),
        Key::Dead(_) => Sign::Dead,
        Key::Unidentified(NativeKey::Xkb(keysym)) => Sign::Symbol(*keysym),
        Key::Unidentified(_) => Sign::Nothing,
        Key::Named(named) => match symbol(*named, event.location) {
            Some(keysym) => Sign::Symbol(keysym),
            None => event.text.as_deref().map_or(Sign::Nothing, Sign::Text),
        },
    };
    Press {
        place: place(event),
        sign,
        keypad,
    }
}

/// The place of a key on the keyboard.
pub(super) fn place(event: &KeyEvent) -> u32 {
    event.physical_key.to_scancode().unwrap_or(u32::MAX)
}

/// The keysym of a named key; the keypad has its own.
pub(super) fn symbol(key: NamedKey, location: KeyLocation) -> Option<u32> {
    if location == KeyLocation::Numpad
        && let Some(keysym) = keypad(key)
    {
        return Some(keysym);
    }
    let right = location == KeyLocation::Right;
    modifier(key, right)
        .or_else(|| editing(key))
        .or_else(|| function(key))
        .or_else(|| media(key))
}

fn keypad(key: NamedKey) -> Option<u32> {
    Some(match key {
        NamedKey::Tab => 0xff89,
        NamedKey::Enter => 0xff8d,
        NamedKey::F1 => 0xff91,
        NamedKey::F2 => 0xff92,
        NamedKey::F3 => 0xff93,
        NamedKey::F4 => 0xff94,
        NamedKey::Home => 0xff95,
        NamedKey::ArrowLeft => 0xff96,
        NamedKey::ArrowUp => 0xff97,
        NamedKey::ArrowRight => 0xff98,
        NamedKey::ArrowDown => 0xff99,
        NamedKey::PageUp => 0xff9a,
        NamedKey::PageDown => 0xff9b,
        NamedKey::End => 0xff9c,
        NamedKey::Insert => 0xff9e,
        NamedKey::Delete => 0xff9f,
        NamedKey::Space => 0xff80,
        _ => return None,
    })
}

fn modifier(key: NamedKey, right: bool) -> Option<u32> {
    let (left_keysym, right_keysym) = match key {
        NamedKey::Shift => (0xffe1, 0xffe2),
        NamedKey::Control => (0xffe3, 0xffe4),
        NamedKey::CapsLock => (0xffe5, 0xffe5),
        NamedKey::Meta => (0xffe7, 0xffe8),
        NamedKey::Alt => (0xffe9, 0xffea),
        NamedKey::Super => (0xffeb, 0xffec),
        NamedKey::Hyper => (0xffed, 0xffee),
        NamedKey::AltGraph => (0xfe03, 0xfe03),
        NamedKey::ModeChange => (0xff7e, 0xff7e),
        NamedKey::NumLock => (0xff7f, 0xff7f),
        NamedKey::GroupNext => (0xfe08, 0xfe08),
        NamedKey::GroupPrevious => (0xfe0a, 0xfe0a),
        NamedKey::GroupFirst => (0xfe0c, 0xfe0c),
        NamedKey::GroupLast => (0xfe0e, 0xfe0e),
        _ => return None,
    };
    Some(if right { right_keysym } else { left_keysym })
}

fn editing(key: NamedKey) -> Option<u32> {
    Some(match key {
        NamedKey::Space => 0x20,
        NamedKey::Backspace => 0xff08,
        NamedKey::Tab => 0xff09,
        NamedKey::Clear => 0xff0b,
        NamedKey::Enter => 0xff0d,
        NamedKey::Pause => 0xff13,
        NamedKey::ScrollLock => 0xff14,
        NamedKey::Escape => 0xff1b,
        NamedKey::Compose => 0xff20,
        NamedKey::KanjiMode => 0xff21,
        NamedKey::NonConvert => 0xff22,
        NamedKey::Convert => 0xff23,
        NamedKey::Romaji => 0xff24,
        NamedKey::Hiragana => 0xff25,
        NamedKey::Katakana => 0xff26,
        NamedKey::HiraganaKatakana => 0xff27,
        NamedKey::Zenkaku => 0xff28,
        NamedKey::Hankaku => 0xff29,
        NamedKey::ZenkakuHankaku => 0xff2a,
        NamedKey::KanaMode => 0xff2d,
        NamedKey::Alphanumeric | NamedKey::Eisu => 0xff30,
        NamedKey::HangulMode => 0xff31,
        NamedKey::HanjaMode => 0xff34,
        NamedKey::CodeInput => 0xff37,
        NamedKey::SingleCandidate => 0xff3c,
        NamedKey::AllCandidates => 0xff3d,
        NamedKey::PreviousCandidate => 0xff3e,
        NamedKey::Home => 0xff50,
        NamedKey::ArrowLeft => 0xff51,
        NamedKey::ArrowUp => 0xff52,
        NamedKey::ArrowRight => 0xff53,
        NamedKey::ArrowDown => 0xff54,
        NamedKey::PageUp => 0xff55,
        NamedKey::PageDown => 0xff56,
        NamedKey::End => 0xff57,
        NamedKey::Select => 0xff60,
        NamedKey::PrintScreen => 0xff61,
        NamedKey::Execute => 0xff62,
        NamedKey::Insert => 0xff63,
        NamedKey::Undo => 0xff65,
        NamedKey::Redo => 0xff66,
        NamedKey::ContextMenu => 0xff67,
        NamedKey::Find => 0xff68,
        NamedKey::Cancel => 0xff69,
        NamedKey::Help => 0xff6a,
        NamedKey::Delete => 0xffff,
        _ => return None,
    })
}

fn function(key: NamedKey) -> Option<u32> {
    const KEYS: [NamedKey; 35] = [
        NamedKey::F1,
        NamedKey::F2,
        NamedKey::F3,
        NamedKey::F4,
        NamedKey::F5,
        NamedKey::F6,
        NamedKey::F7,
        NamedKey::F8,
        NamedKey::F9,
        NamedKey::F10,
        NamedKey::F11,
        NamedKey::F12,
        NamedKey::F13,
        NamedKey::F14,
        NamedKey::F15,
        NamedKey::F16,
        NamedKey::F17,
        NamedKey::F18,
        NamedKey::F19,
        NamedKey::F20,
        NamedKey::F21,
        NamedKey::F22,
        NamedKey::F23,
        NamedKey::F24,
        NamedKey::F25,
        NamedKey::F26,
        NamedKey::F27,
        NamedKey::F28,
        NamedKey::F29,
        NamedKey::F30,
        NamedKey::F31,
        NamedKey::F32,
        NamedKey::F33,
        NamedKey::F34,
        NamedKey::F35,
    ];
    let index = KEYS.iter().position(|named| *named == key)?;
    Some(0xffbe + index as u32)
}

/// The keysyms of XF86keysym.h.
fn media(key: NamedKey) -> Option<u32> {
    Some(match key {
        NamedKey::BrightnessUp => 0x1008_ff02,
        NamedKey::BrightnessDown => 0x1008_ff03,
        NamedKey::Standby => 0x1008_ff10,
        NamedKey::AudioVolumeDown => 0x1008_ff11,
        NamedKey::AudioVolumeMute => 0x1008_ff12,
        NamedKey::AudioVolumeUp => 0x1008_ff13,
        NamedKey::MediaPlay | NamedKey::MediaPlayPause => 0x1008_ff14,
        NamedKey::MediaStop => 0x1008_ff15,
        NamedKey::MediaTrackPrevious => 0x1008_ff16,
        NamedKey::MediaTrackNext => 0x1008_ff17,
        NamedKey::BrowserHome => 0x1008_ff18,
        NamedKey::LaunchMail => 0x1008_ff19,
        NamedKey::BrowserSearch => 0x1008_ff1b,
        NamedKey::MediaRecord => 0x1008_ff1c,
        NamedKey::LaunchApplication2 => 0x1008_ff1d,
        NamedKey::LaunchCalendar => 0x1008_ff20,
        NamedKey::BrowserBack => 0x1008_ff26,
        NamedKey::BrowserForward => 0x1008_ff27,
        NamedKey::BrowserStop => 0x1008_ff28,
        NamedKey::BrowserRefresh => 0x1008_ff29,
        NamedKey::Power | NamedKey::PowerOff => 0x1008_ff2a,
        NamedKey::WakeUp => 0x1008_ff2b,
        NamedKey::Eject => 0x1008_ff2c,
        NamedKey::LaunchScreenSaver => 0x1008_ff2d,
        NamedKey::LaunchWebBrowser => 0x1008_ff2e,
        NamedKey::BrowserFavorites => 0x1008_ff30,
        NamedKey::MediaPause => 0x1008_ff31,
        NamedKey::LaunchApplication1 => 0x1008_ff33,
        NamedKey::MediaRewind => 0x1008_ff3e,
        NamedKey::Close => 0x1008_ff56,
        NamedKey::Copy => 0x1008_ff57,
        NamedKey::Cut => 0x1008_ff58,
        NamedKey::New => 0x1008_ff68,
        NamedKey::Open => 0x1008_ff6b,
        NamedKey::Paste => 0x1008_ff6d,
        NamedKey::MailReply => 0x1008_ff72,
        NamedKey::Save => 0x1008_ff77,
        NamedKey::MailSend => 0x1008_ff7b,
        NamedKey::SpellCheck => 0x1008_ff7c,
        NamedKey::LaunchMediaPlayer => 0x1008_ff87,
        NamedKey::ZoomIn => 0x1008_ff8b,
        NamedKey::ZoomOut => 0x1008_ff8c,
        NamedKey::MailForward => 0x1008_ff90,
        NamedKey::LaunchMusicPlayer => 0x1008_ff92,
        NamedKey::MediaFastForward => 0x1008_ff97,
        NamedKey::Hibernate => 0x1008_ffa8,
        NamedKey::MicrophoneVolumeMute => 0x1008_ffb2,
        _ => return None,
    })
}
