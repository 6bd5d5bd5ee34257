//! What a technician holds down.

use std::collections::BTreeSet;

use crate::content::{Button, Input};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holdable {
    Key(u32),
    Button(u8),
}

/// Keys and buttons that went down and not up again.
#[derive(Default)]
pub struct Held(BTreeSet<Holdable>);

/// More than any hand holds. Beyond it, who sends only ups and downs that do not match costs no more memory.
const MOST: usize = 256;

impl Held {
    pub fn note(&mut self, input: &Input) {
        let (what, down) = match input {
            Input::Key { keysym, down } => (Holdable::Key(*keysym), *down),
            Input::Button { button, down } => (Holdable::Button(number(*button)), *down),
            Input::ReleaseAll => return self.clear(),
            Input::Pointer { .. } | Input::Wheel { .. } | Input::Text(_) => return,
        };
        if !down {
            self.0.remove(&what);
        } else if self.0.len() < MOST {
            self.0.insert(what);
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

fn number(button: Button) -> u8 {
    match button {
        Button::Left => 0,
        Button::Middle => 1,
        Button::Right => 2,
        Button::Back => 3,
        Button::Forward => 4,
    }
}
