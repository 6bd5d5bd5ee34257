//! The receiver's side: updates from anywhere, checked as they are read, onto a canvas.

use crate::bands;
use crate::bits::{take_varint, unzigzag};
use crate::grid::Grid;
use crate::later::{Later, Stroke};
use crate::palette::{MAX_COLOURS, Palettes, capacity};
use crate::residual::{PLANES, Planes, Predictor};
use crate::sheet::{self, Place, Places};
use crate::store::Store;
use crate::stream::{self, Inflate, Section};
use crate::video::{self, Projector};
use crate::wire::*;
use crate::{Canvas, PictureError, Rect, TILE, TILE_AREA};
use std::ops::Range;

/// Rebuilds an encoder's screen from its updates.
pub struct Decoder {
    canvas: Canvas,
    /// From the first whole update on.
    streams: Option<Streams>,
    /// The number of the next delta; `None` when only a whole update will do.
    due: Option<u8>,
    painter: Painter,
    changed: Vec<Rect>,
    /// Read but not painted.
    later: Later,
}

struct Streams {
    ops: Inflate,
    residuals: Inflate,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder with an empty canvas, which needs a whole update first.
    pub fn new() -> Decoder {
        Decoder {
            canvas: Canvas::default(),
            streams: None,
            due: None,
            painter: Painter::new(),
            changed: Vec::new(),
            later: Later::default(),
        }
    }

    /// Applies one update and returns the areas that changed. After an error the canvas may be half drawn, and only
    /// a whole update is accepted.
    pub fn decode(&mut self, update: &[u8]) -> Result<&[Rect], PictureError> {
        let waited = !self.later.is_empty();
        self.settle()?;
        self.read(update, false)?;
        if waited {
            self.changed_all();
        }
        Ok(&self.changed)
    }

    /// Reads one update, checks it and goes on from it, but leaves the canvas as it is until [`Decoder::settle`]. To get through
    /// many updates of which only the last is to be seen: what the later ones cover is never painted. Whether the indices
    /// of a palette fit it is checked only where they are painted. Holds at most 96 MB of what waits.
    pub fn decode_later(&mut self, update: &[u8]) -> Result<(), PictureError> {
        if self.later.is_full() {
            self.settle()?;
        }
        let read = self.read(update, true);
        if read.is_err() {
            // Some of it may lean on what did not come.
            self.later.clear();
        }
        read
    }

    /// Paints what waits, as if each update had been decoded. All of the canvas may have changed then.
    pub fn settle(&mut self) -> Result<(), PictureError> {
        if self.later.is_empty() {
            return Ok(());
        }
        self.later.thin(&self.canvas);
        let mut later = std::mem::take(&mut self.later);
        let painted = self.painter.catch_up(&mut self.canvas, &later);
        later.clear();
        self.later = later;
        if painted.is_err() {
            self.due = None;
        }
        painted
    }

    fn changed_all(&mut self) {
        self.changed.clear();
        self.changed.push(self.canvas.rect());
    }

    fn read(&mut self, update: &[u8], later: bool) -> Result<(), PictureError> {
        let due = self.due.take();
        self.changed.clear();
        let (head, [ops, residuals, pictures]) = Head::parse(update)?;
        match head {
            Head::Whole { width, height } => self.start(width, height)?,
            Head::Delta { number } => {
                let expected = due.ok_or(PictureError::NeedsWhole)?;
                if number != expected {
                    return Err(PictureError::OutOfOrder {
                        expected,
                        found: number,
                    });
                }
            }
        }
        let streams = self.streams.as_mut().ok_or(PictureError::NeedsWhole)?;
        let mut reader = Reader {
            ops: streams.ops.open(ops)?,
            residuals: streams.residuals.open(residuals)?,
            painter: &mut self.painter,
            canvas: &mut self.canvas,
            changed: &mut self.changed,
            later: later.then_some(&mut self.later),
            next_slot: 0,
            rough: Rough::default(),
        };
        match head {
            Head::Whole { .. } => reader.whole()?,
            Head::Delta { .. } => reader.delta()?,
        }
        let Reader {
            ops,
            residuals,
            rough,
            ..
        } = reader;
        ops.finish()?;
        residuals.finish()?;
        self.pictures(rough, pictures, later)?;
        self.due = Some(due_after(head));
        merge_areas(&mut self.changed);
        Ok(())
    }

    /// Reads the video's picture and the sheets, and paints what the ops said of them.
    fn pictures(&mut self, rough: Rough, mut rest: &[u8], later: bool) -> Result<(), PictureError> {
        if let Some(video) = rough.video {
            let unit = take_section(&mut rest)?;
            if later {
                self.later.keep_unit(video, unit);
            } else {
                self.painter.show(video, unit)?;
            }
        }
        if !later {
            for area in &rough.moving {
                self.painter.paint_moving(&mut self.canvas, *area);
            }
        }
        let mut sketches = rough.sketches.into_iter().peekable();
        for (index, &rows) in rough.places.sheets().iter().enumerate() {
            let jpeg = take_section(&mut rest)?;
            if later {
                self.later.keep_sheet(rows, jpeg);
                continue;
            }
            let pixels = sheet::read(jpeg, rows)?;
            while let Some((area, place)) = sketches.next_if(|(_, place)| place.sheet == index) {
                sheet::paint(&mut self.canvas, area, &pixels, place.row);
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(PictureError::Trailing)
    }

    /// The screen as of the last update.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn start(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        self.later.clear();
        if (width, height) != (self.canvas.width(), self.canvas.height()) {
            self.canvas = Canvas::new(width, height)?;
        }
        self.painter.palettes.clear();
        self.painter.store.clear();
        self.painter.video = None;
        self.painter.projector = None;
        match &mut self.streams {
            Some(streams) => {
                streams.ops.reset()?;
                streams.residuals.reset()?;
            }
            None => {
                let ops = Inflate::new(stream::OPS_WINDOW)?;
                let residuals = Inflate::new(stream::RESIDUALS_WINDOW)?;
                self.streams = Some(Streams { ops, residuals });
            }
        }
        Ok(())
    }
}

/// An update's first bytes.
#[derive(Clone, Copy)]
enum Head {
    Whole { width: u32, height: u32 },
    Delta { number: u8 },
}

fn due_after(head: Head) -> u8 {
    match head {
        Head::Whole { .. } => 1,
        Head::Delta { number } => number.wrapping_add(1),
    }
}

impl Head {
    /// The head and the three sections.
    fn parse(update: &[u8]) -> Result<(Head, [&[u8]; 3]), PictureError> {
        let mut rest = update;
        let version = take(&mut rest)?;
        if version != VERSION {
            return Err(PictureError::Version(version));
        }
        let head = match (take(&mut rest)?, take(&mut rest)?) {
            (KIND_DELTA, number) => Head::Delta { number },
            (KIND_WHOLE, 0) => Head::Whole {
                width: number(|| take(&mut rest))?,
                height: number(|| take(&mut rest))?,
            },
            _ => return Err(PictureError::Malformed("unknown kind")),
        };
        let ops = take_section(&mut rest)?;
        let residuals = take_section(&mut rest)?;
        let pictures = take_section(&mut rest)?;
        if !rest.is_empty() {
            return Err(PictureError::Trailing);
        }
        Ok((head, [ops, residuals, pictures]))
    }
}

fn take(rest: &mut &[u8]) -> Result<u8, PictureError> {
    let (&byte, tail) = rest.split_first().ok_or(PictureError::Truncated)?;
    *rest = tail;
    Ok(byte)
}

fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], PictureError> {
    let length = number(|| take(rest))?;
    let (section, tail) = rest
        .split_at_checked(length as usize)
        .ok_or(PictureError::Truncated)?;
    *rest = tail;
    Ok(section)
}

fn number(next: impl FnMut() -> Result<u8, PictureError>) -> Result<u32, PictureError> {
    take_varint(next)?.ok_or(PictureError::Malformed("number too long"))
}

/// What draws tiles, kept between updates.
struct Painter {
    palettes: Palettes,
    planes: Planes,
    packed: Vec<u8>,
    store: Store,
    /// Where the video is, as the updates read so far say.
    video: Option<Rect>,
    /// Shows it, as far as it was painted.
    projector: Option<Projector>,
}

impl Painter {
    fn new() -> Painter {
        Painter {
            palettes: Palettes::new(),
            planes: Planes::new(),
            packed: vec![0; bands::MAX_PACKED],
            store: Store::default(),
            video: None,
            projector: None,
        }
    }

    /// Takes the next picture of the video.
    fn show(&mut self, video: Video, unit: &[u8]) -> Result<(), PictureError> {
        if let Video::Key(rect) = video
            && self.projector.as_ref().is_none_or(|old| old.rect() != rect)
        {
            self.projector = Some(Projector::new(rect)?);
        }
        let projector = self.projector.as_mut();
        let projector = projector.ok_or(PictureError::Malformed("video without a beginning"))?;
        projector.take(unit)
    }

    fn paint_moving(&self, canvas: &mut Canvas, area: Rect) {
        if let Some(projector) = &self.projector {
            projector.paint(canvas, area);
        }
    }

    /// Paints strokes that waited.
    fn catch_up(&mut self, canvas: &mut Canvas, later: &Later) -> Result<(), PictureError> {
        let mut shown = later.first_unit();
        let mut sheet = None;
        for stroke in &later.strokes {
            match *stroke {
                Stroke::Moving { area, unit } => {
                    self.show_all(later, shown..unit + 1)?;
                    shown = shown.max(unit + 1);
                    self.paint_moving(canvas, area);
                }
                Stroke::Sketch {
                    area,
                    sheet: index,
                    row,
                } => {
                    let pixels = match sheet.take() {
                        Some((at, pixels)) if at == index => pixels,
                        _ => later.sheet(index)?,
                    };
                    sheet::paint(canvas, area, &pixels, row);
                    sheet = Some((index, pixels));
                }
                Stroke::Copy { from, x, y } => canvas.copy(from, x, y),
                Stroke::Keep { tile, slot } => self.store.keep(canvas, &tile, slot),
                Stroke::Recall { corner, part, slot } => {
                    self.store.show(canvas, corner, &part, slot);
                }
                Stroke::Solid { area, pixel } => paint_solid(canvas, area, pixel),
                Stroke::Palette {
                    area,
                    depth,
                    colours,
                    at,
                } => {
                    let (palette, rest) = later.bytes[at..].split_at(4 * usize::from(colours));
                    let mut pixels = [0; MAX_COLOURS];
                    for (pixel, bytes) in pixels.iter_mut().zip(palette.as_chunks().0) {
                        *pixel = u32::from_le_bytes(*bytes);
                    }
                    let palette = &pixels[..usize::from(colours)];
                    paint_palette(canvas, area, depth, palette, rest)?;
                }
                Stroke::Photo {
                    area,
                    predictor,
                    at,
                } => {
                    let pixels = area.area() as usize;
                    let residuals = self.planes.residuals_mut(pixels);
                    let length = residuals.len();
                    residuals.copy_from_slice(&later.bytes[at..at + length]);
                    paint_photo(canvas, area, predictor, &mut self.planes);
                }
            }
        }
        self.show_all(later, shown..later.units())
    }

    fn show_all(&mut self, later: &Later, units: Range<usize>) -> Result<(), PictureError> {
        for index in units {
            let (video, unit) = later.unit(index);
            self.show(video, unit)?;
        }
        Ok(())
    }
}

fn paint_solid(canvas: &mut Canvas, area: Rect, pixel: u32) {
    for y in area.y..area.y + area.height {
        canvas.span_mut(area.x, y, area.width).fill(pixel);
    }
}

fn paint_palette(
    canvas: &mut Canvas,
    area: Rect,
    depth: u8,
    palette: &[u32],
    packed: &[u8],
) -> Result<(), PictureError> {
    let mut colours = [0; MAX_COLOURS];
    colours[..palette.len()].copy_from_slice(palette);
    let size = (area.width as usize, area.height as usize);
    bands::unpack_all(packed, size, depth, |band| {
        let indices = band.indices.iter();
        let highest = indices.fold(0, |highest, &index| index.max(highest));
        if usize::from(highest) >= palette.len() {
            return Err(PictureError::Malformed("index outside its palette"));
        }
        for row in 0..band.height {
            let y = area.y + (band.first + row) as u32;
            let span = canvas.span_mut(area.x, y, area.width);
            let columns = band.indices.chunks_exact(band.height);
            for (pixel, column) in span.iter_mut().zip(columns) {
                *pixel = colours[usize::from(column[row])];
            }
        }
        Ok(())
    })
}

fn paint_photo(canvas: &mut Canvas, area: Rect, predictor: Predictor, planes: &mut Planes) {
    let (pixels, width) = (area.area() as usize, area.width);
    planes.join(predictor, pixels, width as usize, |y, row| {
        canvas
            .span_mut(area.x, area.y + y as u32, width)
            .copy_from_slice(row);
    });
}

/// One update being read.
struct Reader<'a> {
    ops: Section<'a>,
    residuals: Section<'a>,
    painter: &'a mut Painter,
    canvas: &'a mut Canvas,
    changed: &'a mut Vec<Rect>,
    /// Where strokes go that are not painted now.
    later: Option<&'a mut Later>,
    /// The slot that a recall takes without a difference.
    next_slot: i32,
    rough: Rough,
}

/// A picture of the video.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Video {
    /// After the one before.
    Next,
    /// It needs no earlier one; from now on the video is there.
    Key(Rect),
}

/// What an update's ops say of its sheets and its video picture.
#[derive(Default)]
struct Rough {
    places: Places,
    sketches: Vec<(Rect, Place)>,
    moving: Vec<Rect>,
    video: Option<Video>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<(), PictureError> {
        let grid = Grid::new(self.canvas.width(), self.canvas.height());
        for index in 0..grid.count() {
            let tag = self.ops.byte()?;
            if tag & TAG_AREA != 0 || tag & TAG_NEXT == 0 {
                return Err(PictureError::Malformed("a whole picture has gaps"));
            }
            self.body(tag & !TAG_NEXT, grid.tile(index))?;
        }
        if self.ops.byte()? != OP_END || !self.rough.moving.is_empty() {
            return Err(PictureError::Malformed("more than a whole picture"));
        }
        self.changed.push(self.canvas.rect());
        Ok(())
    }

    fn delta(&mut self) -> Result<(), PictureError> {
        let grid = Grid::new(self.canvas.width(), self.canvas.height());
        let mut budget =
            COPY_BUDGET * u64::from(self.canvas.width()) * u64::from(self.canvas.height());
        let (mut next, mut copies, mut keeps) = (0, 0, 0);
        loop {
            match self.ops.byte()? {
                OP_END if self.rough.moving.is_empty() => return Ok(()),
                // Behind the video's head nothing follows.
                tag @ (OP_VIDEO | OP_VIDEO_KEY) => {
                    self.video(tag)?;
                    return match self.ops.byte()? {
                        OP_END => Ok(()),
                        _ => Err(PictureError::Malformed("more behind the video")),
                    };
                }
                OP_COPY | OP_KEEP if next > 0 => {
                    return Err(PictureError::Malformed("a copy behind a tile"));
                }
                OP_KEEP => keeps += self.keep(&grid, MAX_KEEPS - keeps)?,
                OP_COPY => {
                    copies += 1;
                    if copies > MAX_COPIES {
                        return Err(PictureError::Malformed("too many copies"));
                    }
                    self.copy(&mut budget)?;
                }
                tag => next = self.tile(tag, &grid, next)? + 1,
            }
        }
    }

    /// Puts a run of tiles into the store; returns how many.
    fn keep(&mut self, grid: &Grid, most: usize) -> Result<usize, PictureError> {
        let first = number(|| self.ops.byte())?;
        let more = number(|| self.ops.byte())?;
        let slot = number(|| self.ops.byte())? as usize;
        if more as usize >= most {
            return Err(PictureError::Malformed("too many tiles kept"));
        }
        if first >= grid.count() || more >= grid.count() - first {
            return Err(PictureError::Malformed("tile outside the screen"));
        }
        for (index, slot) in (first..=first + more).zip(slot..) {
            let tile = grid.tile(index);
            let store = &mut self.painter.store;
            store.expect(slot, (tile.width, tile.height))?;
            match &mut self.later {
                Some(later) => later.strokes.push(Stroke::Keep { tile, slot }),
                None => store.keep(self.canvas, &tile, slot),
            }
        }
        Ok(more as usize + 1)
    }

    /// Shows what the store has.
    fn recall(&mut self, area: Rect) -> Result<(), PictureError> {
        let difference = unzigzag(number(|| self.ops.byte())?);
        let slot = self.next_slot.wrapping_add(difference);
        self.next_slot = slot.wrapping_add(1);
        let (x, y) = (area.x % TILE, area.y % TILE);
        let (corner, part) = ((area.x - x, area.y - y), Rect { x, y, ..area });
        let slot = usize::try_from(slot).unwrap_or(SLOTS);
        self.painter.store.check(slot, &part)?;
        match &mut self.later {
            Some(later) => later.strokes.push(Stroke::Recall { corner, part, slot }),
            None => self.painter.store.show(self.canvas, corner, &part, slot),
        }
        Ok(())
    }

    fn numbers<const COUNT: usize>(&mut self) -> Result<[u32; COUNT], PictureError> {
        let mut values = [0; COUNT];
        for value in &mut values {
            *value = number(|| self.ops.byte())?;
        }
        Ok(values)
    }

    /// Checks that everything that moves is in the video.
    fn video(&mut self, tag: u8) -> Result<(), PictureError> {
        let mut video = Video::Next;
        if tag == OP_VIDEO_KEY {
            let [x, y, width, height] = self.numbers()?;
            let rect = Rect {
                x,
                y,
                width,
                height,
            };
            if rect.area() == 0 || !self.canvas.holds(&rect) || !video::fits(&rect) {
                return Err(PictureError::Malformed("video outside the screen"));
            }
            self.painter.video = Some(rect);
            video = Video::Key(rect);
        }
        let place = self.painter.video;
        let place = place.ok_or(PictureError::Malformed("video without a beginning"))?;
        if !self.rough.moving.iter().all(|area| place.contains(area)) {
            return Err(PictureError::Malformed("movement outside the video"));
        }
        self.rough.video = Some(video);
        Ok(())
    }

    fn copy(&mut self, budget: &mut u64) -> Result<(), PictureError> {
        let [from_x, from_y, to_x, to_y, width, height] = self.numbers()?;
        let from = Rect {
            x: from_x,
            y: from_y,
            width,
            height,
        };
        let to = Rect {
            x: to_x,
            y: to_y,
            width,
            height,
        };
        if width == 0 || height == 0 || !self.canvas.holds(&from) || !self.canvas.holds(&to) {
            return Err(PictureError::Malformed("copy outside the screen"));
        }
        let left = budget
            .checked_sub(to.area())
            .ok_or(PictureError::Malformed("too many copies"))?;
        *budget = left;
        match &mut self.later {
            Some(later) => {
                let (x, y) = (to.x, to.y);
                later.strokes.push(Stroke::Copy { from, x, y });
            }
            None => self.canvas.copy(from, to.x, to.y),
        }
        self.note(to);
        Ok(())
    }

    /// Reads a tile at or behind `next` and returns its index.
    fn tile(&mut self, tag: u8, grid: &Grid, next: u32) -> Result<u32, PictureError> {
        let skip = if tag & TAG_NEXT == 0 {
            number(|| self.ops.byte())?
        } else {
            0
        };
        let index = next.checked_add(skip).filter(|&index| index < grid.count());
        let index = index.ok_or(PictureError::Malformed("tile outside the screen"))?;
        let mut area = grid.tile(index);
        if tag & TAG_AREA != 0 {
            area = self.area(&area)?;
        }
        self.body(tag & !(TAG_NEXT | TAG_AREA), area)?;
        self.note(area);
        Ok(index)
    }

    fn area(&mut self, tile: &Rect) -> Result<Rect, PictureError> {
        let mut bytes = [0; 4];
        self.ops.fill(&mut bytes)?;
        let [x, y, width, height] = bytes.map(u32::from);
        if x + width >= tile.width || y + height >= tile.height {
            return Err(PictureError::Malformed("area outside its tile"));
        }
        Ok(Rect {
            x: tile.x + x,
            y: tile.y + y,
            width: width + 1,
            height: height + 1,
        })
    }

    fn body(&mut self, op: u8, area: Rect) -> Result<(), PictureError> {
        match op {
            OP_SOLID => self.solid(area),
            OP_PALETTE => self.palette(area),
            OP_PHOTO => self.photo(area),
            OP_RECALL => self.recall(area),
            OP_SKETCH => {
                self.sketch(area);
                Ok(())
            }
            OP_MOVING => {
                self.moving(area);
                Ok(())
            }
            _ => Err(PictureError::Malformed("unknown op")),
        }
    }

    fn sketch(&mut self, area: Rect) {
        let place = self.rough.places.add(area.height);
        match &mut self.later {
            Some(later) => later.strokes.push(Stroke::Sketch {
                area,
                sheet: later.sheets() + place.sheet,
                row: place.row,
            }),
            None => self.rough.sketches.push((area, place)),
        }
    }

    fn moving(&mut self, area: Rect) {
        self.rough.moving.push(area);
        if let Some(later) = &mut self.later {
            let unit = later.units();
            later.strokes.push(Stroke::Moving { area, unit });
        }
    }

    fn solid(&mut self, area: Rect) -> Result<(), PictureError> {
        let mut colour = [0; 3];
        self.ops.fill(&mut colour)?;
        let pixel = to_pixel(colour);
        match &mut self.later {
            Some(later) => later.strokes.push(Stroke::Solid { area, pixel }),
            None => paint_solid(self.canvas, area, pixel),
        }
        Ok(())
    }

    fn palette(&mut self, area: Rect) -> Result<(), PictureError> {
        let (depth, slot) = self.palette_head()?;
        let size = (area.width as usize, area.height as usize);
        let bytes = &mut self.painter.packed[..];
        let length = bands::read(size, depth, bytes, |slot| self.ops.fill(slot))?;
        let packed = &bytes[..length];
        let palette = self.painter.palettes.palette(depth, slot);
        match &mut self.later {
            Some(later) => {
                let at = later.keep_palette(palette, packed);
                later.strokes.push(Stroke::Palette {
                    area,
                    depth,
                    colours: palette.len() as u16,
                    at,
                });
                Ok(())
            }
            None => paint_palette(self.canvas, area, depth, palette, packed),
        }
    }

    /// Reads which palette it is, and its colours if they follow.
    fn palette_head(&mut self) -> Result<(u8, u8), PictureError> {
        let head = self.ops.byte()?;
        let (depth, slot) = (head & 3, head >> 2 & 7);
        let grows = head & PALETTE_GROWS != 0;
        if head & 0x80 != 0 || grows && head & PALETTE_FOLLOWS == 0 {
            return Err(PictureError::Malformed("unknown palette head"));
        }
        if head & PALETTE_FOLLOWS == 0 {
            return Ok((depth, slot));
        }
        let count = usize::from(self.ops.byte()?) + 1;
        let palettes = &mut self.painter.palettes;
        let known = if grows {
            palettes.palette(depth, slot).len()
        } else {
            0
        };
        if known + count > capacity(depth) {
            return Err(PictureError::Malformed("too many colours"));
        }
        let mut bytes = [0; 3 * MAX_COLOURS];
        self.ops.fill(&mut bytes[..3 * count])?;
        let mut colours = [0; MAX_COLOURS];
        for (colour, bytes) in colours.iter_mut().zip(bytes.as_chunks().0) {
            *colour = to_pixel(*bytes);
        }
        if grows {
            palettes.extend(depth, slot, &colours[..count]);
        } else {
            palettes.set(depth, slot, &colours[..count]);
        }
        Ok((depth, slot))
    }

    fn photo(&mut self, area: Rect) -> Result<(), PictureError> {
        let predictor = Predictor::from_byte(self.ops.byte()?)?;
        let pixels = area.area() as usize;
        debug_assert!(pixels * PLANES <= TILE_AREA * PLANES);
        let residuals = self.painter.planes.residuals_mut(pixels);
        self.residuals.fill(residuals)?;
        match &mut self.later {
            Some(later) => {
                let at = later.keep(residuals);
                later.strokes.push(Stroke::Photo {
                    area,
                    predictor,
                    at,
                });
            }
            None => paint_photo(self.canvas, area, predictor, &mut self.painter.planes),
        }
        Ok(())
    }

    /// Adds a changed area, joined to the one before when they lie side by side.
    fn note(&mut self, area: Rect) {
        match self.changed.last_mut() {
            Some(last)
                if last.y == area.y
                    && last.height == area.height
                    && last.right() == u64::from(area.x) =>
            {
                last.width += area.width;
            }
            _ => self.changed.push(area),
        }
    }
}

fn to_pixel([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}

/// Joins areas that lie one below the other with the same sides.
fn merge_areas(areas: &mut Vec<Rect>) {
    areas.sort_unstable_by_key(|area| (area.x, area.width, area.y));
    areas.dedup_by(|lower, upper| {
        let joins = lower.x == upper.x
            && lower.width == upper.width
            && u64::from(lower.y) <= upper.bottom();
        if joins {
            upper.height = lower.bottom().max(upper.bottom()) as u32 - upper.y;
        }
        joins
    });
}
