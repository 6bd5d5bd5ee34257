//! Strokes that wait: what was read of many updates and is painted only as far as it is still seen after the last of them.
//!
//! Scrolling for half a minute moves a thousand screens of pixels, of which one remains. So the strokes are walked backwards
//! first, with the set of pixels that still matter: all at the end; a tile's pixels matter no more before it is painted; a
//! copy's matter at their source instead. What nobody sees is then left out.

use crate::decoder::Video;
use crate::palette::{MAX_COLOURS, TABLE_DEPTH};
use crate::residual::Predictor;
use crate::wire::SLOTS;
use crate::{Canvas, PictureError, Rect, bands, sheet};

/// Most bytes that wait; more are painted before they go on.
pub(crate) const MOST: usize = 96 * 1024 * 1024;

/// One op as read. Bytes lie in [`Later::bytes`] from `at` on.
#[derive(Clone, Copy)]
pub(crate) enum Stroke {
    Copy {
        from: Rect,
        x: u32,
        y: u32,
    },
    Solid {
        area: Rect,
        pixel: u32,
    },
    /// `colours` of four bytes each, then the packed rows.
    Palette {
        area: Rect,
        depth: u8,
        colours: u16,
        at: usize,
    },
    /// Four bytes each, row by row.
    Pixels {
        area: Rect,
        at: usize,
    },
    Photo {
        area: Rect,
        predictor: Predictor,
        at: usize,
    },
    /// A tile goes into the store.
    Keep {
        tile: Rect,
        slot: usize,
    },
    /// `part` of what the store has is shown in the tile at `corner`.
    Recall {
        corner: (u32, u32),
        part: Rect,
        slot: usize,
    },
    /// On sheet number `sheet` of those that wait, from `row` on.
    Sketch {
        area: Rect,
        sheet: usize,
        row: u32,
    },
    /// In picture number `unit` of the video's that wait.
    Moving {
        area: Rect,
        unit: usize,
    },
}

/// Bytes in [`Later::bytes`], and what they are.
#[derive(Clone, Copy)]
struct Kept<T> {
    what: T,
    at: usize,
    length: usize,
}

#[derive(Default)]
pub(crate) struct Later {
    pub(crate) strokes: Vec<Stroke>,
    pub(crate) bytes: Vec<u8>,
    /// With the rows of each.
    sheets: Vec<Kept<u32>>,
    units: Vec<Kept<Video>>,
}

impl Later {
    pub(crate) fn is_empty(&self) -> bool {
        self.strokes.is_empty() && self.units.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.strokes.len() * size_of::<Stroke>() + self.bytes.len() > MOST
    }

    pub(crate) fn clear(&mut self) {
        self.strokes.clear();
        self.bytes.clear();
        self.sheets.clear();
        self.units.clear();
    }

    pub(crate) fn sheets(&self) -> usize {
        self.sheets.len()
    }

    pub(crate) fn units(&self) -> usize {
        self.units.len()
    }

    pub(crate) fn keep_sheet(&mut self, rows: u32, jpeg: &[u8]) {
        let (what, length) = (rows, jpeg.len());
        let at = self.keep(jpeg);
        self.sheets.push(Kept { what, at, length });
    }

    pub(crate) fn keep_unit(&mut self, video: Video, unit: &[u8]) {
        let (what, length) = (video, unit.len());
        let at = self.keep(unit);
        self.units.push(Kept { what, at, length });
    }

    /// The pixels of a sheet.
    pub(crate) fn sheet(&self, index: usize) -> Result<Vec<u8>, PictureError> {
        let Kept { what, at, length } = self.sheets[index];
        sheet::read(&self.bytes[at..at + length], what)
    }

    pub(crate) fn unit(&self, index: usize) -> (Video, &[u8]) {
        let Kept { what, at, length } = self.units[index];
        (what, &self.bytes[at..at + length])
    }

    /// The video picture with which to begin: the last that needs no earlier one, before all that are seen.
    pub(crate) fn first_unit(&self) -> usize {
        let seen = self.strokes.iter().find_map(|stroke| match stroke {
            Stroke::Moving { unit, .. } => Some(*unit),
            _ => None,
        });
        let seen = seen.map_or(self.units.len(), |unit| unit + 1);
        let key = self.units[..seen]
            .iter()
            .rposition(|unit| matches!(unit.what, Video::Key(_)));
        key.unwrap_or(0)
    }

    /// Keeps palette and rows; returns where.
    pub(crate) fn keep_palette(&mut self, palette: &[u32], packed: &[u8]) -> usize {
        debug_assert!(palette.len() <= MAX_COLOURS);
        let at = self.bytes.len();
        self.bytes
            .extend(palette.iter().flat_map(|pixel| pixel.to_le_bytes()));
        self.bytes.extend_from_slice(packed);
        at
    }

    /// Keeps what packed rows of places in the colour table show: the table is too large, and does not stay as it is. Returns where.
    pub(crate) fn keep_pixels(
        &mut self,
        area: &Rect,
        table: &[u32],
        packed: &[u8],
    ) -> Result<usize, PictureError> {
        let at = self.bytes.len();
        let size = (area.width as usize, area.height as usize);
        self.bytes.resize(at + 4 * area.area() as usize, 0);
        let pixels = &mut self.bytes[at..];
        bands::unpack_all(packed, size, TABLE_DEPTH, |band| {
            for (x, column) in band.indices.chunks_exact(band.height).enumerate() {
                for (y, &index) in (band.first..).zip(column) {
                    let colour = table.get(usize::from(index));
                    let colour =
                        colour.ok_or(PictureError::Malformed("index outside its table"))?;
                    let at = 4 * (y * size.0 + x);
                    pixels[at..at + 4].copy_from_slice(&colour.to_le_bytes());
                }
            }
            Ok(())
        })?;
        Ok(at)
    }

    pub(crate) fn paint_pixels(&self, canvas: &mut Canvas, area: Rect, at: usize) {
        let rows = self.bytes[at..].chunks_exact(4 * area.width as usize);
        for (y, row) in (area.y..area.y + area.height).zip(rows) {
            let span = canvas.span_mut(area.x, y, area.width);
            for (pixel, bytes) in span.iter_mut().zip(row.as_chunks().0) {
                *pixel = u32::from_le_bytes(*bytes);
            }
        }
    }

    pub(crate) fn keep(&mut self, bytes: &[u8]) -> usize {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Leaves out what is not seen at the end on a screen like `canvas`.
    pub(crate) fn thin(&mut self, canvas: &Canvas) {
        let mut seen = Seen::all(canvas.width(), canvas.height());
        let mut kept = Vec::new();
        // Which slots matter: all at the end.
        let mut wanted = vec![true; SLOTS];
        for stroke in self.strokes.drain(..).rev() {
            match stroke {
                Stroke::Copy { from, x, y } => {
                    if let Some(part) = seen.moved(from, x, y) {
                        let (dx, dy) = (part.x - x, part.y - y);
                        let from = Rect {
                            x: from.x + dx,
                            y: from.y + dy,
                            ..part
                        };
                        let (x, y) = (part.x, part.y);
                        kept.push(Stroke::Copy { from, x, y });
                    }
                }
                Stroke::Keep { tile, slot } => {
                    if std::mem::take(&mut wanted[slot]) {
                        seen.add(tile);
                        kept.push(stroke);
                    }
                }
                Stroke::Recall { corner, part, slot } => {
                    let area = Rect {
                        x: corner.0 + part.x,
                        y: corner.1 + part.y,
                        ..part
                    };
                    if seen.take(area) {
                        wanted[slot] = true;
                        kept.push(stroke);
                    }
                }
                Stroke::Solid { area, .. }
                | Stroke::Palette { area, .. }
                | Stroke::Pixels { area, .. }
                | Stroke::Photo { area, .. }
                | Stroke::Sketch { area, .. }
                | Stroke::Moving { area, .. } => {
                    if seen.take(area) {
                        kept.push(stroke);
                    }
                }
            }
        }
        kept.reverse();
        self.strokes = kept;
    }
}

/// A set of pixels: a bit each, rows of whole words.
struct Seen {
    words: Vec<u64>,
    stride: usize,
    /// For [`Seen::moved`].
    lifted: Vec<u64>,
}

/// The bits of word `index` that lie in `x..right`.
fn mask(index: usize, x: usize, right: usize) -> u64 {
    let first = index * 64;
    let low = u64::MAX << x.saturating_sub(first).min(63);
    let over = (first + 64).saturating_sub(right);
    low & (u64::MAX >> over.min(63))
}

impl Seen {
    fn all(width: u32, height: u32) -> Seen {
        let stride = (width as usize).div_ceil(64);
        Seen {
            words: vec![u64::MAX; stride * height as usize],
            stride,
            lifted: Vec::new(),
        }
    }

    /// Takes an area out; says whether any of it was in.
    fn take(&mut self, area: Rect) -> bool {
        let (x, right) = (area.x as usize, (area.x + area.width) as usize);
        let mut any = 0;
        for y in area.y as usize..(area.y + area.height) as usize {
            let row = y * self.stride;
            for index in x / 64..right.div_ceil(64) {
                let mask = mask(index, x, right);
                let word = &mut self.words[row + index];
                any |= *word & mask;
                *word &= !mask;
            }
        }
        any != 0
    }

    fn add(&mut self, area: Rect) {
        let (x, right) = (area.x as usize, (area.x + area.width) as usize);
        for y in area.y as usize..(area.y + area.height) as usize {
            for index in x / 64..right.div_ceil(64) {
                self.words[y * self.stride + index] |= mask(index, x, right);
            }
        }
    }

    /// Takes the place of a copy out and puts what was in it in at its source. Returns the rectangle around that, at its place.
    fn moved(&mut self, from: Rect, x: u32, y: u32) -> Option<Rect> {
        let (left, right) = (x as usize, (x + from.width) as usize);
        let words = (from.width as usize).div_ceil(64);
        self.lifted.clear();
        self.lifted.resize(words * from.height as usize, 0);
        let mut rows: Option<(u32, u32)> = None;
        let (mut first, mut last) = (usize::MAX, 0);
        for i in 0..from.height {
            let row = (y + i) as usize * self.stride;
            let mut any = 0;
            for index in left / 64..right.div_ceil(64) {
                any |= self.words[row + index] & mask(index, left, right);
            }
            if any == 0 {
                continue;
            }
            rows = Some((rows.map_or(i, |(top, _)| top), i));
            let lifted = &mut self.lifted[i as usize * words..][..words];
            lift(&mut self.words[row..row + self.stride], left, right, lifted);
            for (index, word) in lifted.iter().enumerate() {
                if *word != 0 {
                    first = first.min(index * 64 + word.trailing_zeros() as usize);
                    last = last.max(index * 64 + 63 - word.leading_zeros() as usize);
                }
            }
        }
        let (top, bottom) = rows?;
        for i in top..=bottom {
            let row = (from.y + i) as usize * self.stride;
            let lifted = &self.lifted[i as usize * words..][..words];
            put(
                &mut self.words[row..row + self.stride],
                from.x as usize,
                lifted,
            );
        }
        Some(Rect {
            x: x + first as u32,
            y: y + top,
            width: (last - first + 1) as u32,
            height: bottom - top + 1,
        })
    }
}

/// Moves the bits `left..right` of a row to the beginning of `lifted`.
fn lift(row: &mut [u64], left: usize, right: usize, lifted: &mut [u64]) {
    let shift = left % 64;
    let (first, end) = (left / 64, right.div_ceil(64));
    for (at, slot) in row[first..end].iter_mut().enumerate() {
        let mask = mask(first + at, left, right);
        let word = *slot & mask;
        *slot &= !mask;
        if at < lifted.len() {
            lifted[at] |= word >> shift;
        }
        if shift > 0 && at > 0 {
            lifted[at - 1] |= word << (64 - shift);
        }
    }
}

/// Adds lifted bits to a row from `x` on.
fn put(row: &mut [u64], x: usize, lifted: &[u64]) {
    let (start, shift) = (x / 64, x % 64);
    for (index, word) in lifted.iter().enumerate().filter(|(_, word)| **word != 0) {
        row[start + index] |= word << shift;
        let over = if shift > 0 { word >> (64 - shift) } else { 0 };
        if over != 0 {
            row[start + index + 1] |= over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn bits_move_over_any_distance() {
        for (from, to) in [(0, 3), (3, 0), (63, 1), (70, 130), (130, 5), (64, 128)] {
            for width in [1, 2, 63, 64, 65, 100] {
                let mut seen = Seen::all(260, 4);
                assert!(seen.take(rect(0, 0, 260, 4)));
                put(&mut seen.words[..5], to as usize, &[1]);
                let last = to + width - 1;
                put(&mut seen.words[..5], last as usize, &[1]);
                let part = seen.moved(rect(from, 2, width, 1), to, 0);
                assert_eq!(part, Some(rect(to, 0, width, 1)), "{from} {to} {width}");
                assert!(!seen.take(rect(0, 0, 260, 2)));
                assert!(seen.take(rect(from, 2, 1, 1)));
                assert!(width == 1 || seen.take(rect(from + width - 1, 2, 1, 1)));
                assert!(!seen.take(rect(0, 0, 260, 4)), "{from} {to} {width}");
            }
        }
    }

    #[test]
    fn what_is_scrolled_away_is_left_out() {
        let canvas = Canvas::new(100, 100).unwrap();
        let mut later = Later::default();
        for _ in 0..500 {
            later.strokes.push(Stroke::Copy {
                from: rect(0, 10, 100, 90),
                x: 0,
                y: 0,
            });
            later.strokes.push(Stroke::Solid {
                area: rect(0, 90, 100, 10),
                pixel: 1,
            });
        }
        later.thin(&canvas);
        assert_eq!(later.strokes.len(), 19, "ten strips and nine moves of them");
    }
}
