//! The sender's side: a screen, what of it the other side does not have yet, and how that is said.

use crate::bits::{pack_row, put_varint};
use crate::grid::{Dirt, Grid};
use crate::merge::{self, Piece};
use crate::palette::{Palettes, Palettizer, depth_for};
use crate::residual::Planes;
use crate::scroll::{Finder, Scroll};
use crate::stream::{self, Deflate};
use crate::wire::*;
use crate::{Canvas, PictureError, Rect, TILE, TILE_AREA};

/// Fewest changed tiles of a piece for which a search for scrolling is worth its time (about 5 µs a tile).
const SCROLL_MIN_TILES: usize = 6;

/// Ops are handed to zstd when there are this many bytes: half of what zstd takes at once.
const OPS_STEP: usize = 64 * 1024;

/// Buffers above this many bytes are given back after an update: only whole pictures and noise need them.
const KEEP: usize = 1024 * 1024;

/// What an update is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What changed since the last update.
    Delta,
    /// Everything, so that a decoder can start here.
    Whole,
}

/// Encodes one screen for any number of decoders that all get the same updates.
pub struct Encoder {
    canvas: Canvas,
    grid: Grid,
    /// By tile.
    dirt: Vec<Dirt>,
    /// How many tiles have dirt.
    dirty: usize,
    scrolls: Vec<Scroll>,
    /// Pixels that `scrolls` move.
    scrolled: u64,
    needs_whole: bool,
    /// Of the next delta.
    number: u8,
    finder: Finder,
    /// By tile of the piece being merged: whether it changed.
    survey: Vec<bool>,
    writer: Writer,
}

impl Encoder {
    /// An encoder of a black screen; the first update is whole.
    pub fn new(width: u32, height: u32) -> Result<Encoder, PictureError> {
        let canvas = Canvas::new(width, height)?;
        let grid = Grid::new(width, height);
        Ok(Encoder {
            canvas,
            grid,
            dirt: vec![Dirt::default(); grid.count() as usize],
            dirty: 0,
            scrolls: Vec::new(),
            scrolled: 0,
            needs_whole: true,
            number: 0,
            finder: Finder::default(),
            survey: Vec::new(),
            writer: Writer::new()?,
        })
    }

    /// Starts over with a black screen of another size; the next update is whole.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        let canvas = Canvas::new(width, height)?;
        self.canvas = canvas;
        self.grid = Grid::new(width, height);
        self.dirt = vec![Dirt::default(); self.grid.count() as usize];
        self.forget_changes();
        self.needs_whole = true;
        Ok(())
    }

    /// Merges a piece of the screen: `area.width` × `area.height` pixels of 0xXXRRGGBB, row by row, the top byte ignored. What lies outside
    /// the screen is ignored, and so is a piece with too few pixels.
    pub fn patch(&mut self, area: Rect, pixels: &[u32]) {
        let Some(piece) = Piece::clip(area, pixels, &self.canvas) else {
            return;
        };
        let columns = tiles_of(piece.rect.x, piece.rect.width);
        let rows = tiles_of(piece.rect.y, piece.rect.height);
        let changed = self.look_over(&piece, columns, rows);
        let scrolls = if changed >= SCROLL_MIN_TILES {
            self.find_scrolls(&piece, columns, rows)
        } else {
            Vec::new()
        };
        let mut at = 0;
        for row in rows.0..rows.1 {
            for column in columns.0..columns.1 {
                let x = column * TILE;
                let scrolls = scrolls.iter().any(|scroll| overlaps_column(scroll, x));
                if self.survey[at] && !scrolls {
                    self.merge(&piece, row * self.grid.columns() + column);
                }
                at += 1;
            }
        }
        for scroll in scrolls {
            self.merge_scrolled(&piece, scroll);
        }
    }

    /// Whether the next update has anything to say.
    pub fn pending(&self) -> bool {
        self.needs_whole || self.dirty > 0 || !self.scrolls.is_empty()
    }

    /// Appends one update to `out`. A delta is whole when the decoders cannot have the screen yet (after `new` and `resize`).
    /// False, with nothing appended, when there is nothing to say.
    pub fn encode(&mut self, kind: Kind, out: &mut Vec<u8>) -> bool {
        let whole = kind == Kind::Whole || self.needs_whole;
        if !whole && !self.pending() {
            return false;
        }
        let start = out.len();
        let written = if whole {
            self.write_whole(out)
        } else {
            self.write_delta(out)
        };
        // zstd fails only for want of memory. Then the streams are lost, not the screen: the next update starts them anew.
        self.needs_whole = written.is_err();
        if written.is_err() {
            out.truncate(start);
            return false;
        }
        self.forget_changes();
        true
    }

    /// The screen as merged so far.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn forget_changes(&mut self) {
        self.dirt.fill(Dirt::default());
        self.dirty = 0;
        self.scrolls.clear();
        self.scrolled = 0;
    }

    /// Fills `survey` and counts the tiles of the piece that changed.
    fn look_over(&mut self, piece: &Piece, columns: (u32, u32), rows: (u32, u32)) -> usize {
        self.survey.clear();
        for row in rows.0..rows.1 {
            for column in columns.0..columns.1 {
                let part = piece.part(&self.grid.tile(row * self.grid.columns() + column));
                self.survey.push(merge::differs(&self.canvas, piece, &part));
            }
        }
        self.survey.iter().filter(|&&changed| changed).count()
    }

    /// Copies that explain the piece and that decoders can follow: their sources must be what decoders have.
    fn find_scrolls(
        &mut self,
        piece: &Piece,
        columns: (u32, u32),
        rows: (u32, u32),
    ) -> Vec<Scroll> {
        if self.needs_whole || rows.1 - rows.0 < 2 {
            return Vec::new();
        }
        let wide = (columns.1 - columns.0) as usize;
        let survey = &self.survey;
        let changed = |x: u32| {
            survey
                .chunks_exact(wide)
                .any(|row| row[(x / TILE - columns.0) as usize])
        };
        let mut scrolls = self.finder.find(&self.canvas, piece, changed);
        let room = COPY_BUDGET * u64::from(self.canvas.width()) * u64::from(self.canvas.height());
        scrolls.retain(|scroll| !self.is_dirty(&scroll.from()));
        let area: u64 = scrolls.iter().map(|scroll| scroll.to.area()).sum();
        if self.scrolled + area > room {
            Vec::new()
        } else {
            scrolls
        }
    }

    /// Whether decoders lack a pixel of `rect`.
    fn is_dirty(&self, rect: &Rect) -> bool {
        if self.dirty == 0 {
            return false;
        }
        let (columns, rows) = (tiles_of(rect.x, rect.width), tiles_of(rect.y, rect.height));
        let mut tiles = (rows.0..rows.1)
            .flat_map(|row| (columns.0..columns.1).map(move |column| (row, column)));
        tiles.any(|(row, column)| {
            let index = row * self.grid.columns() + column;
            let dirt = &self.dirt[index as usize];
            !dirt.is_empty() && dirt.on(&self.grid.tile(index)).intersects(rect)
        })
    }

    fn merge(&mut self, piece: &Piece, tile: u32) {
        let part = piece.part(&self.grid.tile(tile));
        let dirt = &mut self.dirt[tile as usize];
        let clean = dirt.is_empty();
        merge::merge_tile(&mut self.canvas, piece, &part, dirt);
        self.dirty += usize::from(clean && !dirt.is_empty());
    }

    /// Merges the columns of a scroll, row by row in the order in which no row is overwritten before it is needed.
    fn merge_scrolled(&mut self, piece: &Piece, scroll: Scroll) {
        let (top, height) = (piece.rect.y, piece.rect.height);
        for i in 0..height {
            let y = if scroll.distance > 0 {
                top + i
            } else {
                top + height - 1 - i
            };
            let inside = y >= scroll.to.y && u64::from(y) < scroll.to.bottom();
            let source = if inside {
                y.wrapping_add_signed(scroll.distance)
            } else {
                y
            };
            self.merge_row(
                piece,
                &Rect {
                    y,
                    height: 1,
                    ..scroll.to
                },
                source,
            );
        }
        self.scrolled += scroll.to.area();
        self.scrolls.push(scroll);
    }

    /// Merges one row of several tiles, comparing with row `source`.
    fn merge_row(&mut self, piece: &Piece, row: &Rect, source: u32) {
        let first = row.y / TILE * self.grid.columns();
        let columns = tiles_of(row.x, row.width);
        for column in columns.0..columns.1 {
            let x = (column * TILE).max(row.x);
            let width = (u64::from(column + 1) * u64::from(TILE)).min(row.right()) as u32 - x;
            let part = Rect { x, width, ..*row };
            let dirt = &mut self.dirt[(first + column) as usize];
            let clean = dirt.is_empty();
            merge::merge_moved(&mut self.canvas, piece, &part, source, dirt);
            self.dirty += usize::from(clean && !dirt.is_empty());
        }
    }

    fn write_whole(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.writer.reset()?;
        self.number = 0;
        for index in 0..self.grid.count() {
            self.writer
                .tile(&self.canvas, index, &self.grid.tile(index), None)?;
        }
        out.extend([VERSION, KIND_WHOLE, 0]);
        put_varint(out, self.canvas.width());
        put_varint(out, self.canvas.height());
        self.writer.finish(out)
    }

    fn write_delta(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.number = self.number.wrapping_add(1);
        for scroll in &self.scrolls {
            self.writer.copy(scroll);
        }
        for (index, dirt) in (0..).zip(&self.dirt).filter(|(_, dirt)| !dirt.is_empty()) {
            let tile = self.grid.tile(index);
            self.writer
                .tile(&self.canvas, index, &tile, Some(dirt.on(&tile)))?;
        }
        out.extend([VERSION, KIND_DELTA, self.number]);
        self.writer.finish(out)
    }
}

/// The tiles, first and behind the last, that a stretch of pixels touches.
fn tiles_of(start: u32, length: u32) -> (u32, u32) {
    (start / TILE, (start + length).div_ceil(TILE))
}

/// Whether the column of tiles at `x` belongs to the scroll; scrolls consist of whole columns of the piece.
fn overlaps_column(scroll: &Scroll, x: u32) -> bool {
    u64::from(x) < scroll.to.right() && x + TILE > scroll.to.x
}

/// Writes ops and residuals, and keeps all state that decoders mirror.
struct Writer {
    ops: Deflate,
    residuals: Deflate,
    palettes: Palettes,
    palettizer: Palettizer,
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
}

impl Writer {
    fn new() -> Result<Writer, PictureError> {
        Ok(Writer {
            ops: Deflate::new(stream::OPS_LEVEL, stream::OPS_WINDOW)?,
            residuals: Deflate::new(stream::RESIDUALS_LEVEL, stream::RESIDUALS_WINDOW)?,
            palettes: Palettes::new(),
            palettizer: Palettizer::new(),
            planes: Planes::new(),
            pixels: Vec::with_capacity(TILE_AREA),
            raw: Vec::new(),
            packed_ops: Vec::new(),
            packed_residuals: Vec::new(),
            has_photo: false,
            next_tile: 0,
        })
    }

    fn reset(&mut self) -> Result<(), PictureError> {
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
    }

    fn copy(&mut self, scroll: &Scroll) {
        self.raw.push(OP_COPY);
        let (from, to) = (scroll.from(), scroll.to);
        for value in [from.x, from.y, to.x, to.y, to.width, to.height] {
            put_varint(&mut self.raw, value);
        }
    }

    /// Says `area` of a tile, or all of it.
    fn tile(
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
            self.put_palette(part.width as usize);
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
        let colours = self.palettizer.colours.len();
        let (area, depth) = (self.pixels.len(), depth_for(colours));
        depth < 3 || 3 * colours + area < 3 * area / 2
    }

    fn put_palette(&mut self, width: usize) {
        let colours = &self.palettizer.colours;
        let depth = depth_for(colours.len());
        if let Some(slot) = self.palettes.find(depth, colours) {
            self.raw.push(depth | slot << 2);
            self.palettizer.adopt(self.palettes.palette(depth, slot));
        } else {
            let slot = self.palettes.insert(depth, colours);
            self.raw.push(depth | slot << 2 | PALETTE_FOLLOWS);
            self.raw.push((colours.len() - 1) as u8);
            for &colour in colours {
                put_colour(&mut self.raw, colour);
            }
        }
        for row in self.palettizer.indices.chunks_exact(width) {
            pack_row(row, depth, &mut self.raw);
        }
    }

    /// Appends both sections.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
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
