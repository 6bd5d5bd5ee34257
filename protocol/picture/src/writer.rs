//! How changes are said: the ops and residuals of one update, into the two streams.

use crate::bands::Cutter;
use crate::bits::{put_varint, zigzag};
use crate::memory::Keep;
use crate::palette::{Book, Palettizer, depth_for};
use crate::residual::Planes;
use crate::shift::Move;
use crate::stream::{self, Deflate};
use crate::wire::*;
use crate::{Canvas, PictureError, Rect, TILE, TILE_AREA};

/// Ops are handed to zstd when there are this many bytes: half of what zstd takes at once.
const OPS_STEP: usize = 64 * 1024;

/// Buffers above this many bytes are given back after an update: only whole pictures and noise need them.
const KEEP: usize = 1024 * 1024;

/// Writes ops and residuals, and keeps all state that decoders mirror.
pub(crate) struct Writer {
    ops: Deflate,
    residuals: Deflate,
    palettes: Book,
    palettizer: Palettizer,
    cutter: Cutter,
    planes: Planes,
    /// The pixels of one tile.
    pixels: Vec<u32>,
    /// Ops that zstd has not got yet.
    raw: Vec<u8>,
    packed_ops: Vec<u8>,
    packed_residuals: Vec<u8>,
    /// Whether this update has residuals.
    has_photo: bool,
    /// The tile that needs no skip.
    next_tile: u32,
    /// The slot that needs no difference.
    next_slot: usize,
}

impl Writer {
    pub(crate) fn new() -> Result<Writer, PictureError> {
        Ok(Writer {
            ops: Deflate::new(stream::OPS_LEVEL, stream::OPS_WINDOW)?,
            residuals: Deflate::new(stream::RESIDUALS_LEVEL, stream::RESIDUALS_WINDOW)?,
            palettes: Book::new(),
            palettizer: Palettizer::new(),
            cutter: Cutter::default(),
            planes: Planes::new(),
            pixels: Vec::with_capacity(TILE_AREA),
            raw: Vec::new(),
            packed_ops: Vec::new(),
            packed_residuals: Vec::new(),
            has_photo: false,
            next_tile: 0,
            next_slot: 0,
        })
    }

    pub(crate) fn reset(&mut self) -> Result<(), PictureError> {
        self.start_update();
        self.palettes.clear();
        self.ops.reset()?;
        self.residuals.reset()
    }

    fn start_update(&mut self) {
        for buffer in [
            &mut self.raw,
            &mut self.packed_ops,
            &mut self.packed_residuals,
        ] {
            buffer.clear();
            buffer.shrink_to(KEEP);
        }
        self.has_photo = false;
        self.next_tile = 0;
        self.next_slot = 0;
    }

    /// Says what goes into the store: runs of tiles into runs of slots.
    pub(crate) fn keeps(&mut self, keeps: &[Keep]) {
        let follows = |a: &Keep, b: &Keep| a.tile + 1 == b.tile && a.slot + 1 == b.slot;
        for run in keeps.chunk_by(follows) {
            self.raw.push(OP_KEEP);
            put_varint(&mut self.raw, run[0].tile);
            put_varint(&mut self.raw, run.len() as u32 - 1);
            put_varint(&mut self.raw, run[0].slot as u32);
        }
    }

    pub(crate) fn copy(&mut self, copy: &Move) {
        self.raw.push(OP_COPY);
        let Move { from, to } = copy;
        for value in [from.x, from.y, to.x, to.y, to.width, to.height] {
            put_varint(&mut self.raw, value);
        }
    }

    /// Says that a part of a tile is what `slot` holds.
    pub(crate) fn recall(&mut self, index: u32, tile: &Rect, part: Rect, slot: usize) {
        let head = TileHead {
            skip: index - self.next_tile,
            part,
            tile: *tile,
        };
        self.next_tile = index + 1;
        head.put(OP_RECALL, &mut self.raw);
        let difference = slot as i32 - self.next_slot as i32;
        put_varint(&mut self.raw, zigzag(difference));
        self.next_slot = slot + 1;
    }

    /// Says `area` of a tile, or all of it.
    pub(crate) fn tile(
        &mut self,
        canvas: &Canvas,
        index: u32,
        tile: &Rect,
        area: Option<Rect>,
    ) -> Result<(), PictureError> {
        let part = area.unwrap_or(*tile);
        let head = TileHead {
            skip: index - self.next_tile,
            part,
            tile: *tile,
        };
        self.next_tile = index + 1;
        self.pixels.clear();
        for y in part.y..part.y + part.height {
            self.pixels
                .extend_from_slice(canvas.span(part.x, y, part.width));
        }
        if is_solid(&self.pixels) {
            head.put(OP_SOLID, &mut self.raw);
            put_colour(&mut self.raw, self.pixels[0]);
        } else if self.palettizer.run(&self.pixels) && self.palette_pays() {
            head.put(OP_PALETTE, &mut self.raw);
            self.put_palette(&part);
        } else {
            head.put(OP_PHOTO, &mut self.raw);
            let (predictor, residuals) = self.planes.split(&self.pixels, part.width as usize);
            self.raw.push(predictor as u8);
            self.residuals.push(residuals, &mut self.packed_residuals)?;
            self.has_photo = true;
        }
        if self.raw.len() >= OPS_STEP {
            self.ops.push(&self.raw, &mut self.packed_ops)?;
            self.raw.clear();
        }
        Ok(())
    }

    /// Whether the palette and indices are shorter than residuals, which take about half of their three bytes a pixel.
    fn palette_pays(&self) -> bool {
        let colours = self.palettizer.met.len();
        let (area, depth) = (self.pixels.len(), depth_for(colours));
        depth < 3 || 3 * colours + area < 3 * area / 2
    }

    fn put_palette(&mut self, part: &Rect) {
        let Palettizer { met, indices, .. } = &self.palettizer;
        let depth = depth_for(met.len());
        let choice = self.palettes.choose(depth, met);
        let added = &self.palettes.added;
        let head = depth | choice.slot << 2;
        if added.is_empty() {
            self.raw.push(head);
        } else {
            let grows = if choice.fresh { 0 } else { PALETTE_GROWS };
            self.raw.push(head | PALETTE_FOLLOWS | grows);
            self.raw.push((added.len() - 1) as u8);
            for &colour in added {
                put_colour(&mut self.raw, colour);
            }
        }
        let (width, top) = (part.width as usize, (part.y % TILE) as usize);
        let ids = &self.palettes.ids;
        let raw = &mut self.raw;
        self.cutter.put(indices, ids, (width, top), depth, raw);
    }

    /// Appends both sections.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.raw.push(OP_END);
        self.ops.push(&self.raw, &mut self.packed_ops)?;
        self.ops.flush(&mut self.packed_ops)?;
        if self.has_photo {
            self.residuals.flush(&mut self.packed_residuals)?;
        }
        for section in [&self.packed_ops, &self.packed_residuals] {
            put_varint(out, section.len() as u32);
            out.extend_from_slice(section);
        }
        self.start_update();
        Ok(())
    }
}

/// Which tile, and which part of it.
struct TileHead {
    skip: u32,
    part: Rect,
    tile: Rect,
}

impl TileHead {
    fn put(&self, op: u8, out: &mut Vec<u8>) {
        let next = if self.skip == 0 { TAG_NEXT } else { 0 };
        let area = if self.part == self.tile { 0 } else { TAG_AREA };
        out.push(op | next | area);
        if self.skip > 0 {
            put_varint(out, self.skip);
        }
        if self.part != self.tile {
            let (x, y) = (self.part.x - self.tile.x, self.part.y - self.tile.y);
            out.extend([x, y, self.part.width - 1, self.part.height - 1].map(|value| value as u8));
        }
    }
}

fn is_solid(pixels: &[u32]) -> bool {
    let first = pixels[0];
    let same = |row: &[u32]| row.iter().fold(0, |bits, pixel| bits | (pixel ^ first)) == 0;
    pixels.chunks(TILE as usize).all(same)
}

fn put_colour(out: &mut Vec<u8>, colour: u32) {
    let [blue, green, red, _] = colour.to_le_bytes();
    out.extend([red, green, blue]);
}
