//! Sketches: areas of many colours as JPEG, to be followed by the exact pixels.
//!
//! All sketched areas of an update lie on *sheets*, one below the other, so that the JPEG's tables come once and its coder starts
//! once. Each area begins on a row that is a multiple of 16, JPEG's block at half colour, so that no area bleeds into another.

use jpeg_encoder::{ColorType, SamplingFactor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{Canvas, PictureError, Rect, TILE};

/// Rows that an area's height is rounded up to.
const BLOCK: u32 = 16;

/// Most rows of a sheet: 64 full tiles, a megabyte of pixels, of which there is one at a time. More would save few bytes: the tables take 600.
const MOST_ROWS: u32 = 4_096;

/// Bytes of a pixel on a sheet.
const BYTES: usize = 4;

/// Where the areas of an update lie: for each, its sheet and its first row there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Rows of each sheet.
    rows: Vec<u32>,
}

impl Places {
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }

    /// The place for the next area.
    pub(crate) fn add(&mut self, height: u32) -> Place {
        let height = height.next_multiple_of(BLOCK);
        match self.rows.last() {
            Some(rows) if rows + height <= MOST_ROWS => {}
            _ => self.rows.push(0),
        }
        let sheet = self.rows.len() - 1;
        let row = self.rows[sheet];
        self.rows[sheet] += height;
        Place { sheet, row }
    }

    /// Rows of each sheet.
    pub(crate) fn sheets(&self) -> &[u32] {
        &self.rows
    }
}

/// On which sheet, and from which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sheet: usize,
    pub(crate) row: u32,
}

/// The sender's sheets.
#[derive(Default)]
pub(crate) struct Sheets {
    places: Places,
    /// Of the sheet that is being filled: blue, green, red and a byte that means nothing.
    pixels: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Sheets {
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.pixels.clear();
    }

    /// Puts an area of a tile on a sheet. A sheet that is full thereby is given to `each` as a JPEG of this quality (1 to 100).
    pub(crate) fn add(
        &mut self,
        canvas: &Canvas,
        area: &Rect,
        quality: u8,
        each: impl FnMut(&[u8]),
    ) -> Result<(), PictureError> {
        let place = self.places.add(area.height);
        if place.row == 0 && place.sheet > 0 {
            self.write(quality, each)?;
        }
        self.draw(canvas, area);
        Ok(())
    }

    /// What the block adds repeats the last column and row: edges of another colour would cost bytes and ring.
    fn draw(&mut self, canvas: &Canvas, area: &Rect) {
        const STRIDE: usize = TILE as usize * BYTES;
        let sheet = &mut self.pixels;
        for y in area.y..area.y + area.height {
            let pixels = canvas.span(area.x, y, area.width);
            let mut row = [0; STRIDE];
            let (bytes, more) = row.as_chunks_mut::<BYTES>().0.split_at_mut(pixels.len());
            for (bytes, pixel) in bytes.iter_mut().zip(pixels) {
                *bytes = pixel.to_le_bytes();
            }
            more.fill(bytes[bytes.len() - 1]);
            sheet.extend_from_slice(&row);
        }
        let rows = area.height.next_multiple_of(BLOCK) - area.height;
        for _ in 0..rows {
            let from = sheet.len() - STRIDE;
            sheet.extend_from_within(from..);
        }
    }

    /// Gives the last sheet to `each`, if there is one.
    pub(crate) fn write(
        &mut self,
        quality: u8,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), PictureError> {
        if self.pixels.is_empty() {
            return Ok(());
        }
        let rows = self.pixels.len() / (TILE as usize * BYTES);
        self.jpeg.clear();
        let mut encoder = jpeg_encoder::Encoder::new(&mut self.jpeg, quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder
            .encode(&self.pixels, TILE as u16, rows as u16, ColorType::Bgra)
            .map_err(|_| PictureError::Compression)?;
        each(&self.jpeg);
        self.pixels.clear();
        Ok(())
    }
}

/// The pixels of a sheet of so many rows, four bytes each.
pub(crate) fn read(jpeg: &[u8], rows: u32) -> Result<Vec<u8>, PictureError> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(TILE as usize)
        .set_max_height(MOST_ROWS as usize)
        .jpeg_set_out_colorspace(ColorSpace::BGRA);
    let bad = |_| PictureError::Malformed("JPEG");
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(bad)?;
    if decoder.dimensions() != Some((TILE as usize, rows as usize)) {
        return Err(PictureError::Malformed("JPEG of another size"));
    }
    let pixels = decoder.decode().map_err(bad)?;
    if pixels.len() != (TILE * rows) as usize * BYTES {
        return Err(PictureError::Malformed("JPEG of another depth"));
    }
    Ok(pixels)
}

/// Draws what lies on a sheet from `row` on onto the canvas.
pub(crate) fn paint(canvas: &mut Canvas, area: Rect, sheet: &[u8], row: u32) {
    let rows = sheet.as_chunks::<BYTES>().0.chunks_exact(TILE as usize);
    for (y, row) in (area.y..area.y + area.height).zip(rows.skip(row as usize)) {
        let span = canvas.span_mut(area.x, y, area.width);
        for (pixel, bytes) in span.iter_mut().zip(row) {
            *pixel = u32::from_le_bytes(*bytes) & crate::RGB;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(width: u32, height: u32) -> Canvas {
        let mut canvas = Canvas::new(width, height).expect("a size");
        for y in 0..height {
            for (x, pixel) in (0..).zip(canvas.span_mut(0, y, width)) {
                let (red, green, blue) = (x * 200 / width, y * 200 / height, (x ^ y) & 31);
                *pixel = red << 16 | green << 8 | blue;
            }
        }
        canvas
    }

    #[test]
    fn areas_come_back_nearly_and_do_not_bleed() {
        let canvas = photo(200, 130);
        let areas =
            [(0, 0, 64, 64), (70, 3, 5, 1), (128, 64, 64, 33)].map(|(x, y, width, height)| Rect {
                x,
                y,
                width,
                height,
            });
        let mut sheets = Sheets::default();
        for area in &areas {
            let full = |_: &[u8]| panic!("one sheet has room for all");
            sheets.add(&canvas, area, 90, full).expect("memory");
        }
        let mut jpeg = Vec::new();
        sheets
            .write(90, |bytes| jpeg.extend_from_slice(bytes))
            .expect("memory");
        assert!(sheets.pixels.is_empty(), "they are used up");
        let pixels = read(&jpeg, 64 + 16 + 48).expect("our own");
        let mut places = Places::default();
        let mut back = Canvas::new(200, 130).expect("a size");
        for area in areas {
            let place = places.add(area.height);
            paint(&mut back, area, &pixels, place.row);
            for y in area.y..area.y + area.height {
                let (new, old) = (
                    back.span(area.x, y, area.width),
                    canvas.span(area.x, y, area.width),
                );
                for (new, old) in new.iter().zip(old) {
                    let off = |shift: u32| (new >> shift & 0xFF).abs_diff(old >> shift & 0xFF);
                    assert!(
                        off(0).max(off(8)).max(off(16)) < 40,
                        "{new:06x} for {old:06x}"
                    );
                }
            }
        }
    }

    #[test]
    fn large_screens_take_several_sheets() {
        let mut places = Places::default();
        let all: Vec<Place> = (0..600).map(|_| places.add(60)).collect();
        assert_eq!(places.sheets()[8..], [4_096, 1_536]);
        assert_eq!(all[64], Place { sheet: 1, row: 0 });
    }

    #[test]
    fn what_is_no_sheet_is_refused() {
        let mut sheets = Sheets::default();
        let area = Rect {
            x: 0,
            y: 0,
            width: 64,
            height: 64,
        };
        sheets
            .add(&photo(64, 64), &area, 80, |_| {})
            .expect("memory");
        let mut jpeg = Vec::new();
        sheets
            .write(80, |bytes| jpeg.extend_from_slice(bytes))
            .expect("memory");
        assert!(read(&jpeg, 64).is_ok());
        assert!(read(&jpeg, 80).is_err());
        assert!(read(&jpeg[..jpeg.len() / 2], 64).is_err());
        assert!(read(&[], 64).is_err());
        assert!(read(b"\xFF\xD8\xFF\xE0nonsense", 64).is_err());
    }
}
