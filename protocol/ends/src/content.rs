//! What records carry, once opened: the screen, the hands, the control messages (PROTOCOL.md §8).
//!
//! Absent: how it is sealed (`seal`), how pictures are coded (`sightline-picture`), what may be done with it (`consent`).

use serde::{Deserialize, Serialize};
use sightline_protocol::capability::Capabilities;

/// A rectangle in pixels of the remote screen, origin at its top left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// One monitor of the remote screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitor {
    pub name: String,
    pub area: Area,
    pub primary: bool,
}

/// The remote screen as a whole: the picture is `width` × `height` pixels and the monitors lie in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub width: u32,
    pub height: u32,
    pub monitors: Vec<Monitor>,
}

/// The pointer's picture: `width × height` premultiplied 0xAARRGGBB pixels, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorShape {
    pub width: u16,
    pub height: u16,
    /// The pixel inside the shape that points.
    pub hot_x: u16,
    pub hot_y: u16,
    pub pixels: Vec<u32>,
}

/// One record of class *picture*, from the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scene {
    /// The screen's size and monitors; comes before the first update and at each change.
    Layout(Layout),
    /// A piece of one picture update of `sightline-picture`. Pieces of one update follow each other;
    /// `last` ends it. `frame` counts updates from 0.
    Update {
        frame: u64,
        last: bool,
        bytes: Vec<u8>,
    },
    /// The pointer has a new shape; no pixels (0 × 0) means hidden.
    Cursor(CursorShape),
    /// The pointer is there now, whoever moved it. The technician's program passes over the echo of its own hand.
    Pointer { x: i32, y: i32 },
}

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

/// One record of class *control*, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Technician → agent: everything up to update `frame` is on the canvas.
    Shown {
        frame: u64,
    },
    /// Either side: answer with `Pong` of the same number at once.
    Ping {
        number: u64,
    },
    Pong {
        number: u64,
    },
    /// Agent → technician: this is what is allowed from now on.
    Grants {
        capabilities: Capabilities,
        /// Why it changed, for the person.
        why: String,
    },
    /// Agent → technician: an input was dropped (said at most once a second).
    Refused {
        why: String,
    },
    /// Either side: the session ends, with a code of `sightline_protocol::close`.
    Bye {
        code: u16,
    },
}
