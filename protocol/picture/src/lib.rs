//! The picture codec: lossless tiles, sketches and video for what cannot be exact yet; encode beside decode.
//!
//! An [`Encoder`] holds the sender's screen. Pieces of the screen are merged into it with [`Encoder::patch`], and
//! [`Encoder::encode`] says what changed as one *update*. A [`Decoder`] turns updates back into the same screen, bit for bit.
//!
//! [`Encoder::encode_by`] says some of it *roughly* for now: photos as sketches (JPEG) when the line is slow or the picture the first, and
//! a photo that keeps moving as video (H.264). It remembers which pixels decoders know only roughly and says them exactly as soon as they
//! have come to rest. Coding a picture of the video takes milliseconds; with [`Encoder::code_video_apart`] another thread may do it
//! ([`VideoJob`]), and the picture comes with a later update. Pixels of few colours, which is what text is, are never rough. With a bound on its bytes an update says a part of what
//! changed, the next one goes on with the screen as it then is: what is shown is never older than the line makes it.
//!
//! Absent here: files, sockets, clocks, threads, randomness, unsafe code, and every other crate of the house.
//! What arrives at the decoder is hostile until decoded: see *Limits*.
//!
//! # Format, version 3
//!
//! `varint` is LEB128 of a `u32`: seven bits a byte, lowest first, at most five bytes. A colour is three bytes, red,
//! green, blue. `[n]` is n bytes.
//!
//! ```text
//! update   = version[1] kind[1] number[1] size? section section pictures      nothing may follow
//! version  = 3
//! kind     = 0 delta | 1 whole
//! number   = 0 in a whole, then one more for each delta, modulo 256
//! size     = width:varint height:varint                              in a whole only
//! section  = length:varint zstd[length]                              first `ops`, then `residuals`
//! pictures = length:varint unit? sheet*
//! unit     = length:varint H.264[length]                             the video's picture, if the ops say that there is one
//! sheet    = length:varint JPEG[length]
//! ```
//!
//! Each section is a stretch of one of two endless zstd frames. A whole starts both frames anew, each update ends in a flush
//! of the frames that it uses (a section may be empty, then its frame is left as it is), and neither frame ever ends. The
//! windows are at most 2^20 bytes for `ops` and 2^18 for `residuals`; there is no dictionary and no checksum (the record
//! around an update is authenticated).
//!
//! The screen is cut into tiles of 64×64 pixels from the top left; those at the right and the bottom may be smaller. They are
//! numbered row by row from 0. The content of `ops`, once inflated:
//!
//! ```text
//! ops      = (keep | copy)* tile* video? 0x00
//! keep     = 0x0a tile:varint count-1:varint slot:varint
//! copy     = 0x01 from_x:varint from_y:varint to_x:varint to_y:varint width:varint height:varint
//! tile     = tag[1] skip:varint? area? body
//! tag      = 0x02 solid | 0x03 palette | 0x04 photo | 0x05 recall | 0x06 sketch | 0x07 moving,
//!            plus 0x40 (no skip) and 0x80 (area follows)
//! skip     = how many tiles lie between the previous tile of this update and this one
//! area     = x[1] y[1] width-1[1] height-1[1]                        inside the tile; without it the whole tile
//! video    = 0x08 | 0x09 x:varint y:varint width:varint height:varint
//! ```
//!
//! Ops happen in order. A copy reads all of its source before it writes (the two may overlap), lies inside the screen and may not be
//! empty; an update has at most 1024 copies, and they move at most four times the area of the screen. Tiles come in rising order, each at most once.
//! A whole has every tile, all with 0x40, none with an area, none a recall or moving, and neither copies, keeps nor video. Other low tags are kept
//! for later versions and are an error in this one.
//!
//! ```text
//! solid    = colour
//! palette  = (head[1] (count-1[1] colour{count})? | table) band*
//! head     = bits 0-1: depth 0, 1, 2, 3 for 1, 2, 4, 8 bits an index; bits 2-4: slot; bit 5: colours follow;
//!            bit 6 (only with bit 5): they are added to the slot's palette instead of replacing it
//! table    = 0x80 | 0xa0 count-1:varint colour{count}
//! band     = height-1[1] indices
//! photo    = predictor[1]                                            1 left, 2 up, 3 gradient
//! recall   = slot:varint                                             zigzag: less one more than the last recall's of this update
//! ```
//!
//! For each depth both sides remember the last eight palettes that were sent, in slots 0 to 7; colours that follow
//! go to the slot that the head names. A whole empties all slots. A palette has at most 2^bits colours, and every index is
//! below its count. The bands of an area lie one below the other and their heights sum up to its own. In a band indices go column
//! by column, each from the top, lowest bits first, each column starting on a new byte.
//!
//! An area with `table` is said by the *colour table*: its indices are two bytes each, lower first, and count the colours of the table from 0.
//! With 0xa0 colours follow, at most 1024, that are added at its end, before the indices are read. The table has at most 16,384 colours:
//! what would go beyond empties it first. A whole empties it, too.
//!
//! Version 2 is the same without the colour table; decoders of version 3 take both.
//!
//! Both sides remember up to 1024 tiles in slots from 0. A keep puts `count` tiles from `tile` on, as they are at this moment, into as many slots
//! from `slot` on; an update keeps at most 512 tiles. A recall shows the same pixels of the tile in its slot (its first is 0, then
//! the one after the last recall's, to which the difference is added; zigzag: 0, -1, 1, -2 are 0, 1, 2, 3). The tile in the slot must be as large
//! as the area needs. A whole empties all slots.
//!
//! A photo has three times width×height bytes in `residuals`: a plane of green, one of red minus green, one of blue minus green, all
//! modulo 256, and each byte minus its prediction. With l, u and c the neighbours at the left, above, and above left in the
//! plane: *left* predicts l, *up* u, *gradient* the median of l, u and l+u-c. In the first row of the area every predictor is *left*,
//! in the first column *up*, and the first byte of a plane is predicted as 0.
//!
//! A sketch has no body. Its pixels lie on a *sheet*, a JPEG (baseline, three components) 64 pixels wide. The sketches of an update lie on its
//! sheets in their order, one below the other, each from a row on that is a multiple of 16; what would end below row 4,096 begins the next sheet.
//! A sheet has as many rows as its sketches take.
//!
//! A moving tile has no body either. Its pixels are those of the video's picture, which shows a rectangle of the screen. 0x09 says that rectangle
//! and that its unit begins with an IDR picture; from then on 0x08 continues it, one picture in each update that has moving tiles, in the order of
//! decoding. A whole ends the video. Width and height of the H.264 picture are those of the rectangle, rounded up to even numbers of at least 16; brightness
//! and colour are BT.601, full range, 4:2:0. A moving area lies in the rectangle. How decoders round colours is up to them: what is rough
//! is not compared, and no copy of it stays.
//!
//! # Limits
//!
//! Each side at most [`MAX_SIDE`], the area at most [`MAX_AREA`]. Inflating goes on only while an op asks for bytes, the ops are bounded
//! by the tiles of the screen, and so are memory and time, whatever the bytes say.
//! After any error the decoder refuses deltas until the next whole.
//!
//! H.264 is read by openh264 (C++ with bounds that it checks itself; at most 3840×2160, so about 200 MB in the worst case), JPEG by zune-jpeg (Rust).
//!
//! An encoder at 1920×1080 holds about 12 MB: 8.3 the screen, 2.3 and 0.7 the two zstd streams, the rest room for one
//! update; while a 720p video plays, about 10 MB more. A decoder holds the screen and about 2 MB. Both remember tiles in 16 MB more at most.

mod anchors;
mod bands;
mod bits;
mod canvas;
mod decoder;
mod encoder;
mod error;
mod grid;
mod later;
mod memory;
mod merge;
mod motion;
mod palette;
mod patience;
mod residual;
mod scroll;
mod sheet;
mod shift;
mod starts;
mod store;
mod stream;
mod table;
mod video;
mod wire;
mod writer;
mod yuv;

pub use canvas::{Canvas, Rect};
pub use decoder::Decoder;
pub use encoder::{Encoder, Kind, SKETCH, Terms, VideoJob};
pub use error::PictureError;
pub use starts::Starts;

/// Longest side of a screen in pixels: what X11 and all current graphics cards can show as one surface.
pub const MAX_SIDE: u32 = 16_384;

/// Largest screen in pixels: six 4K monitors and some room, 256 MiB of canvas.
pub const MAX_AREA: u32 = 64 * 1024 * 1024;

/// Side of a tile in pixels. 64 keeps a tile's pixels (16 KiB) in the first-level cache and a row of it in four cache lines.
pub(crate) const TILE: u32 = 64;

/// Pixels of a full tile.
pub(crate) const TILE_AREA: usize = (TILE * TILE) as usize;

/// The bits of a pixel that mean something: 0x00RRGGBB.
pub(crate) const RGB: u32 = 0x00FF_FFFF;
