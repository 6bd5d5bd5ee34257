//! How changes are said: the ops and residuals of one update, into the two streams.

use crate::bands::Cutter;
use crate::bits::{put_varint, zigzag};
use crate::memory::Keep;
use crate::palette::{Book, Choice, MAX_COLOURS, MAX_MET, Palettizer, TABLE_DEPTH, depth_for};
use crate::residual::Planes;
use crate::sheet::Sheets;
use crate::shift::Move;
use crate::stream::{self, Deflate};
use crate::wire::*;
use crate::{Canvas, PictureError, Rect, TILE, TILE_AREA};

/// Ops are handed to zstd when there are this many bytes: half of what zstd takes at once.
const OPS_STEP: usize = 64 * 1024;

/// Buffers above this many bytes are given back after an update: only whole pictures and noise need them.
const KEEP: usize = 1024 * 1024;

/// How often zstd is flushed to know how long an update has become, in bytes that it got: half a page of text.
const MEASURE: usize = 16 * 1024;

/// About how many times smaller zstd makes ops: letters on one colour.
const OPS_GAIN: usize = 8;

/// About how many bytes a full tile takes on a sheet.
const SKETCH_BYTES: usize = 700;

/// Colours of an area of which fewer than one in so many are not in the colour table are text's.
const KNOWN: usize = 8;

/// Text stands on one colour, which is at least this part of its pixels: a fourth, between the letters of one tight line.
const GROUND: usize = 4;

fn put_section(section: &[u8], out: &mut Vec<u8>) {
    put_varint(out, section.len() as u32);
    out.extend_from_slice(section);
}

/// How pixels look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Solid(u32),
    /// Few colours, or text's. `grainy`: they change at more than every second pixel, as in a dark film and unlike most letters.
    Palette {
        grainy: bool,
    },
    Photo,
}

/// Which tile, and which part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) index: u32,
    pub(crate) tile: Rect,
    pub(crate) part: Rect,
}

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
    /// How many of them have each of its colours.
    counts: Vec<u16>,
    /// Ops that zstd has not got yet.
    raw: Vec<u8>,
    packed_ops: Vec<u8>,
    packed_residuals: Vec<u8>,
    sheets: Sheets,
    /// The sheets that are full, each behind its length.
    written_sheets: Vec<u8>,
    /// The video's picture and the sheets, each behind its length.
    pictures: Vec<u8>,
    /// Bytes that zstd got since its last flush.
    pushed_ops: usize,
    pushed_residuals: usize,
    /// About how many bytes the sheets will have.
    sketched: usize,
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
            counts: Vec::with_capacity(MAX_MET),
            raw: Vec::new(),
            packed_ops: Vec::new(),
            packed_residuals: Vec::new(),
            sheets: Sheets::default(),
            written_sheets: Vec::new(),
            pictures: Vec::new(),
            pushed_ops: 0,
            pushed_residuals: 0,
            sketched: 0,
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

    /// Forgets what was written since the last update.
    pub(crate) fn start_update(&mut self) {
        for buffer in [
            &mut self.raw,
            &mut self.packed_ops,
            &mut self.packed_residuals,
            &mut self.pictures,
            &mut self.written_sheets,
        ] {
            buffer.clear();
            buffer.shrink_to(KEEP);
        }
        self.sheets.clear();
        (self.pushed_ops, self.pushed_residuals, self.sketched) = (0, 0, 0);
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
    pub(crate) fn recall(&mut self, place: &Place, slot: usize) {
        self.put_head(OP_RECALL, place);
        let difference = slot as i32 - self.next_slot as i32;
        put_varint(&mut self.raw, zigzag(difference));
        self.next_slot = slot + 1;
    }

    /// Takes a close look at `part` of a tile, which is what is said next.
    pub(crate) fn look(&mut self, canvas: &Canvas, part: &Rect) -> Look {
        if let Some(pixel) = canvas.solid(part) {
            return Look::Solid(pixel);
        }
        self.pixels.clear();
        for y in part.y..part.y + part.height {
            self.pixels
                .extend_from_slice(canvas.span(part.x, y, part.width));
        }
        if !self.palettizer.run(&self.pixels) {
            return Look::Photo;
        }
        let changes = self.palettizer.indices.windows(2);
        let changes = changes.filter(|pair| pair[0] != pair[1]).count();
        let grainy = 2 * changes > self.pixels.len() && !self.is_known();
        if self.palette_pays() || !grainy && self.table_pays() && self.has_ground() {
            Look::Palette { grainy }
        } else {
            Look::Photo
        }
    }

    /// Whether much is of one colour, upon which the rest stands. A calm photo has no such.
    fn has_ground(&mut self) -> bool {
        let counts = &mut self.counts;
        counts.clear();
        counts.resize(self.palettizer.colours.len(), 0);
        for &index in &self.palettizer.indices {
            counts[usize::from(index)] += 1;
        }
        let most = counts.iter().max().copied().unwrap_or(0);
        usize::from(most) * GROUND >= self.pixels.len()
    }

    /// Says the part of a tile that was looked at, exactly.
    pub(crate) fn exact(&mut self, place: &Place, look: Look) -> Result<(), PictureError> {
        match look {
            Look::Solid(pixel) => {
                self.put_head(OP_SOLID, place);
                put_colour(&mut self.raw, pixel);
            }
            Look::Palette { grainy } => {
                self.put_head(OP_PALETTE, place);
                self.put_palette(&place.part, grainy);
            }
            Look::Photo => {
                self.put_head(OP_PHOTO, place);
                let width = place.part.width as usize;
                let (predictor, residuals) = self.planes.split(&self.pixels, width);
                self.raw.push(predictor as u8);
                self.residuals.push(residuals, &mut self.packed_residuals)?;
                self.pushed_residuals += residuals.len();
                self.has_photo = true;
            }
        }
        if self.raw.len() >= OPS_STEP {
            self.push_ops()?;
        }
        Ok(())
    }

    /// Says the mean colour of the part of a tile that was looked at, until more is said.
    pub(crate) fn mean(&mut self, place: &Place) {
        let sum = |shift: u32| -> u64 {
            let bytes = self
                .pixels
                .iter()
                .map(|pixel| u64::from(pixel >> shift & 0xFF));
            bytes.sum()
        };
        let count = self.pixels.len() as u64;
        let mean = |shift: u32| ((sum(shift) / count) as u32) << shift;
        let pixel = mean(0) | mean(8) | mean(16);
        self.put_head(OP_SOLID, place);
        put_colour(&mut self.raw, pixel);
    }

    /// Says that a part of a tile is on a sheet. All sketches of an update have one quality (1 to 100).
    pub(crate) fn sketch(
        &mut self,
        canvas: &Canvas,
        place: &Place,
        quality: u8,
    ) -> Result<(), PictureError> {
        self.put_head(OP_SKETCH, place);
        self.sketched += SKETCH_BYTES * place.part.area() as usize / TILE_AREA;
        let written = &mut self.written_sheets;
        self.sheets.add(canvas, &place.part, quality, |jpeg| {
            put_section(jpeg, written);
        })
    }

    /// Says that a part of a tile is in the video.
    pub(crate) fn moving(&mut self, place: &Place) {
        self.put_head(OP_MOVING, place);
    }

    /// Says the video's picture, behind all tiles. `key`: where it begins anew.
    pub(crate) fn video(&mut self, key: Option<&Rect>, unit: &[u8]) {
        match key {
            None => self.raw.push(OP_VIDEO),
            Some(rect) => {
                self.raw.push(OP_VIDEO_KEY);
                for value in [rect.x, rect.y, rect.width, rect.height] {
                    put_varint(&mut self.raw, value);
                }
            }
        }
        put_section(unit, &mut self.pictures);
    }

    fn put_head(&mut self, op: u8, place: &Place) {
        let Place { index, tile, part } = *place;
        let skip = index - self.next_tile;
        self.next_tile = index + 1;
        let next = if skip == 0 { TAG_NEXT } else { 0 };
        let area = if part == tile { 0 } else { TAG_AREA };
        self.raw.push(op | next | area);
        if skip > 0 {
            put_varint(&mut self.raw, skip);
        }
        if part != tile {
            let (x, y) = (part.x - tile.x, part.y - tile.y);
            let bytes = [x, y, part.width - 1, part.height - 1];
            self.raw.extend(bytes.map(|value| value as u8));
        }
    }

    fn push_ops(&mut self) -> Result<(), PictureError> {
        self.ops.push(&self.raw, &mut self.packed_ops)?;
        self.pushed_ops += self.raw.len();
        self.raw.clear();
        Ok(())
    }

    /// Bytes of the update so far, nearly. What zstd holds back is flushed now and then to know.
    pub(crate) fn size(&mut self) -> Result<usize, PictureError> {
        if self.pushed_ops + self.raw.len() >= MEASURE {
            self.push_ops()?;
            self.ops.flush(&mut self.packed_ops)?;
            self.pushed_ops = 0;
        }
        if self.pushed_residuals >= MEASURE {
            self.residuals.flush(&mut self.packed_residuals)?;
            self.pushed_residuals = 0;
        }
        let held = (self.pushed_ops + self.raw.len()) / OPS_GAIN + self.pushed_residuals / 2;
        Ok(self.packed_ops.len() + self.packed_residuals.len() + self.sketched + held)
    }

    /// Whether the palette and indices are shorter than residuals, which take about half of their three bytes a pixel.
    fn palette_pays(&self) -> bool {
        let colours = self.palettizer.colours.len();
        let (area, depth) = (self.pixels.len(), depth_for(colours));
        depth < 3 || colours <= MAX_COLOURS && 3 * colours + area < 3 * area / 2
    }

    /// Whether what the colour table lacks and indices are shorter than residuals. zstd finds letters again, which makes a quarter
    /// and less of their indices.
    fn table_pays(&self) -> bool {
        let area = self.pixels.len();
        3 * self.palettes.table_lacks(&self.palettizer.colours) < area
    }

    /// Whether nearly all of the colours were met in text before: such an area is text, however fine.
    fn is_known(&self) -> bool {
        let colours = &self.palettizer.colours;
        KNOWN * self.palettes.table_lacks(colours) < colours.len()
    }

    fn put_palette(&mut self, part: &Rect, grainy: bool) {
        let choice = self.palettes.choose(&self.palettizer, grainy);
        let added = &self.palettes.added;
        let follows = if added.is_empty() { 0 } else { PALETTE_FOLLOWS };
        let raw = &mut self.raw;
        let depth = match choice {
            Choice::Palette { depth, slot, fresh } => {
                let grows = if fresh { 0 } else { PALETTE_GROWS };
                let grows = if added.is_empty() { 0 } else { grows };
                raw.push(depth | slot << 2 | follows | grows);
                if !added.is_empty() {
                    raw.push((added.len() - 1) as u8);
                }
                depth
            }
            Choice::Table => {
                raw.push(PALETTE_TABLE | follows);
                if !added.is_empty() {
                    put_varint(raw, added.len() as u32 - 1);
                }
                TABLE_DEPTH
            }
        };
        for &colour in added {
            put_colour(raw, colour);
        }
        let (width, top) = (part.width as usize, (part.y % TILE) as usize);
        let (indices, ids) = (&self.palettizer.indices, &self.palettes.ids);
        self.cutter.put(indices, ids, (width, top), depth, raw);
    }

    /// Appends all sections; sheets get this quality (1 to 100).
    pub(crate) fn finish(&mut self, quality: u8, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.raw.push(OP_END);
        self.push_ops()?;
        let written = &mut self.written_sheets;
        self.sheets
            .write(quality, |jpeg| put_section(jpeg, written))?;
        self.pictures.extend_from_slice(&self.written_sheets);
        self.ops.flush(&mut self.packed_ops)?;
        if self.has_photo {
            self.residuals.flush(&mut self.packed_residuals)?;
        }
        for section in [&self.packed_ops, &self.packed_residuals, &self.pictures] {
            put_section(section, out);
        }
        self.start_update();
        Ok(())
    }
}

fn put_colour(out: &mut Vec<u8>, colour: u32) {
    let [blue, green, red, _] = colour.to_le_bytes();
    out.extend([red, green, blue]);
}
