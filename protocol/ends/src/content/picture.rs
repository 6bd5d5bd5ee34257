//! The screen: what an agent shows.

use serde::{Deserialize, Serialize};

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
        #[serde(with = "sightline_protocol::octets")]
        bytes: Vec<u8>,
    },
    /// The pointer has a new shape; no pixels (0 × 0) means hidden.
    Cursor(CursorShape),
    /// The pointer is there now, whoever moved it. The technician's program passes over the echo of its own hand.
    Pointer { x: i32, y: i32 },
    /// The window that the user works in has this title now; empty: none, or it is not known. Said when it changes and
    /// with each whole picture. At most [`TITLE_CAP`] characters, without control characters (`text::harmless`).
    Window { title: String },
}

/// Longest window title in characters: more than any title bar shows, and a bound on what a program there can make us store.
pub const TITLE_CAP: usize = 256;
