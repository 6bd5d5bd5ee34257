//! Reading the body of a tile's op: what its pixels are, to be painted now or to wait.

use super::head::number;
use super::painter::{paint_palette, paint_photo, paint_solid};
use super::reader::Reader;
use crate::bands;
use crate::bits::unzigzag;
use crate::later::Stroke;
use crate::palette::{MAX_COLOURS, capacity};
use crate::residual::{PLANES, Predictor};
use crate::wire::*;
use crate::{PictureError, Rect, TILE, TILE_AREA};

impl Reader<'_> {
    pub(super) fn body(&mut self, op: u8, area: Rect) -> Result<(), PictureError> {
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
}

fn to_pixel([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}
