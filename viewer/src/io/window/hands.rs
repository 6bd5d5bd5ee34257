//! The technician's mouse and keyboard, as far as they are meant for the remote screen.

use sightline_ends::content::{Button, Input};
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta};

use super::keys;
use crate::pure::keymap::Keyboard;
use crate::pure::pointer::{Mouse, Turn};

/// What is held, and whether it may be sent.
#[derive(Default)]
pub(super) struct Hands {
    keyboard: Keyboard,
    mouse: Mouse,
    allowed: bool,
}

impl Hands {
    /// Control was granted or taken away.
    pub(super) fn allow(&mut self, allowed: bool) {
        if self.allowed && !allowed {
            self.keyboard.forget();
            self.mouse.forget();
        }
        self.allowed = allowed;
    }

    pub(super) fn allowed(&self) -> bool {
        self.allowed
    }

    pub(super) fn is_dragging(&self) -> bool {
        self.mouse.is_dragging()
    }

    pub(super) fn key(&mut self, event: &KeyEvent) -> Option<Input> {
        if !self.allowed {
            return None;
        }
        match event.state {
            ElementState::Pressed => self.keyboard.down(keys::press(event)),
            ElementState::Released => self.keyboard.up(keys::place(event)),
        }
    }

    /// An input method made text.
    pub(super) fn committed(&mut self, text: String) -> Option<Input> {
        self.keyboard.committed(text).filter(|_| self.allowed)
    }

    pub(super) fn moved(&mut self, to: (i32, i32)) -> Option<Input> {
        if !self.allowed {
            return None;
        }
        self.mouse.moved(to)
    }

    pub(super) fn button(&mut self, button: MouseButton, state: ElementState) -> Option<Input> {
        if !self.allowed {
            return None;
        }
        let button = remote_button(button)?;
        self.mouse.button(button, state == ElementState::Pressed)
    }

    pub(super) fn wheel(&mut self, delta: MouseScrollDelta) -> Option<Input> {
        if !self.allowed {
            return None;
        }
        self.mouse.wheel(turn(delta))
    }

    /// The remote pointer is elsewhere now, so the next move is said even if it leads to where we last were.
    pub(super) fn was_moved_away(&mut self) {
        self.mouse.was_moved_away();
    }

    /// The window lost the keyboard: whatever is held must not stay held over there.
    pub(super) fn release_all(&mut self) -> Option<Input> {
        self.keyboard.forget();
        self.mouse.forget();
        self.allowed.then_some(Input::ReleaseAll)
    }
}

pub(super) fn turn(delta: MouseScrollDelta) -> Turn {
    match delta {
        MouseScrollDelta::LineDelta(across, up) => Turn::Lines(across.into(), up.into()),
        MouseScrollDelta::PixelDelta(by) => Turn::Pixels(by.x, by.y),
    }
}

fn remote_button(button: MouseButton) -> Option<Button> {
    Some(match button {
        MouseButton::Left => Button::Left,
        MouseButton::Middle => Button::Middle,
        MouseButton::Right => Button::Right,
        MouseButton::Back => Button::Back,
        MouseButton::Forward => Button::Forward,
        MouseButton::Other(_) => return None,
    })
}
