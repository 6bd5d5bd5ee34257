//! The hands of a technician.

use serde::{Deserialize, Serialize};

/// A mouse button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Button {
    Left,
    Middle,
    Right,
    Back,
    Forward,
}

/// One record of class *input*, from a technician.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The pointer goes there, in pixels of the remote screen.
    Pointer {
        x: i32,
        y: i32,
    },
    Button {
        button: Button,
        down: bool,
    },
    /// The wheel turned, in 120ths of a notch; right and down are positive.
    Wheel {
        dx: i32,
        dy: i32,
    },
    /// A key that stands for this keysym (X11 numbering: Latin-1 as is, other Unicode
    /// 0x0100_0000 + code point, function keys 0xff..) went down or up.
    Key {
        keysym: u32,
        down: bool,
    },
    /// Text that no key stands for (input methods, paste as typing).
    Text(String),
    /// Lets go of every key and button that this technician holds.
    ReleaseAll,
}
