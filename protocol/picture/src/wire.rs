//! The numbers of the format, shared by both sides. The crate's header explains them.

/// First byte of every update.
pub(crate) const VERSION: u8 = 3;
/// Of recordings made before there was a colour table: the same without it.
pub(crate) const VERSION_2: u8 = 2;

pub(crate) const KIND_DELTA: u8 = 0;
pub(crate) const KIND_WHOLE: u8 = 1;

pub(crate) const OP_END: u8 = 0;
pub(crate) const OP_COPY: u8 = 1;
pub(crate) const OP_SOLID: u8 = 2;
pub(crate) const OP_PALETTE: u8 = 3;
pub(crate) const OP_PHOTO: u8 = 4;
/// A tile that shows again what the store has.
pub(crate) const OP_RECALL: u8 = 5;
/// Tiles go into the store as they are.
pub(crate) const OP_KEEP: u8 = 10;
/// A tile whose pixels lie on a sheet.
pub(crate) const OP_SKETCH: u8 = 6;
/// A tile whose pixels are in the video picture.
pub(crate) const OP_MOVING: u8 = 7;
/// Flag-less head of the video picture, behind all tiles.
pub(crate) const OP_VIDEO: u8 = 8;
/// The same, and the video begins anew on a rectangle that follows.
pub(crate) const OP_VIDEO_KEY: u8 = 9;

/// Flag of a tile's tag: it follows the previous tile without a gap.
pub(crate) const TAG_NEXT: u8 = 0x40;
/// Flag of a tile's tag: only a part of the tile is said.
pub(crate) const TAG_AREA: u8 = 0x80;

/// Flag of a palette's head: the colours follow.
pub(crate) const PALETTE_FOLLOWS: u8 = 0x20;
/// Flag of a palette's head: the colours that follow are added to those that the slot has.
pub(crate) const PALETTE_GROWS: u8 = 0x40;

/// Flag of a palette's head: indices are places in the colour table.
pub(crate) const PALETTE_TABLE: u8 = 0x80;

/// How many times the area of the screen the copies of one update may move: two scrolls each way between two captures,
/// and a bound on a hostile sender's use of our time.
pub(crate) const COPY_BUDGET: u64 = 4;

/// Most copies of one update: four for each column of tiles of the widest screen, and a bound on what a hostile
/// sender's update may unfold to.
pub(crate) const MAX_COPIES: usize = 1024;

/// Tiles that both sides remember: two screens of 1920×1080, 16 MB.
pub(crate) const SLOTS: usize = 1024;

/// Most tiles that an update may put into the store, half of it: a bound on a hostile sender's use of our time.
pub(crate) const MAX_KEEPS: usize = SLOTS / 2;
