//! Reading the body of a tile's op: what its pixels are, to be painted now or to wait.

use super::head::number;
use super::painter::{paint_palette, paint_photo, paint_solid};
use super::reader::Reader;
use crate::bands;
use crate::bits::unzigzag;
use crate::later::Stroke;
use crate::palette::{MAX_COLOURS, MAX_MET, TABLE_DEPTH, capacity};
use crate::residual::{PLANES, Predictor};
use crate::wire::*;
use crate::{PictureError, Rect, TILE, TILE_AREA};

/// Whence the colours of an area are taken.
#[derive(Clone, Copy)]
enum Colours {
    Palette { depth: u8, slot: u8 },
    Table,
}

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
        let colours = self.palette_head()?;
        let depth = match colours {
            Colours::Palette { depth, .. } => depth,
            Colours::Table => TABLE_DEPTH,
        };
        let size = (area.width as usize, area.height as usize);
        let bytes = &mut self.painter.packed[..];
        let length = bands::read(size, depth, bytes, |slot| self.ops.fill(slot))?;
        let packed = &bytes[..length];
        let palette = match colours {
            Colours::Palette { depth, slot } => self.painter.palettes.palette(depth, slot),
            Colours::Table => self.painter.table.colours(),
        };
        let Some(later) = &mut self.later else {
            return paint_palette(self.canvas, area, depth, palette, packed);
        };
        match colours {
            Colours::Palette { depth, .. } => {
                let at = later.keep_palette(palette, packed);
                later.strokes.push(Stroke::Palette {
                    area,
                    depth,
                    colours: palette.len() as u16,
                    at,
                });
            }
            Colours::Table => {
                let at = later.keep_pixels(&area, palette, packed)?;
                later.strokes.push(Stroke::Pixels { area, at });
            }
        }
        Ok(())
    }

    /// Reads whence the colours are taken, and those that follow.
    fn palette_head(&mut self) -> Result<Colours, PictureError> {
        let head = self.ops.byte()?;
        let (follows, grows) = (head & PALETTE_FOLLOWS != 0, head & PALETTE_GROWS != 0);
        if head & PALETTE_TABLE != 0 {
            if head & !(PALETTE_TABLE | PALETTE_FOLLOWS) != 0 {
                return Err(PictureError::Malformed("unknown palette head"));
            }
            if follows {
                self.add_to_table()?;
            }
            return Ok(Colours::Table);
        }
        let (depth, slot) = (head & 3, head >> 2 & 7);
        if grows && !follows {
            return Err(PictureError::Malformed("unknown palette head"));
        }
        if follows {
            self.set_palette(depth, slot, grows)?;
        }
        Ok(Colours::Palette { depth, slot })
    }

    fn add_to_table(&mut self) -> Result<(), PictureError> {
        let more = number(|| self.ops.byte())? as usize;
        if more >= MAX_MET {
            return Err(PictureError::Malformed("too many colours"));
        }
        let mut colours = [0; MAX_MET];
        self.colours(&mut colours[..=more])?;
        self.painter.table.add(&colours[..=more]);
        Ok(())
    }

    fn set_palette(&mut self, depth: u8, slot: u8, grows: bool) -> Result<(), PictureError> {
        let count = usize::from(self.ops.byte()?) + 1;
        let palettes = &self.painter.palettes;
        let known = if grows {
            palettes.palette(depth, slot).len()
        } else {
            0
        };
        if known + count > capacity(depth) {
            return Err(PictureError::Malformed("too many colours"));
        }
        let mut colours = [0; MAX_COLOURS];
        self.colours(&mut colours[..count])?;
        let palettes = &mut self.painter.palettes;
        if grows {
            palettes.extend(depth, slot, &colours[..count]);
        } else {
            palettes.set(depth, slot, &colours[..count]);
        }
        Ok(())
    }

    fn colours(&mut self, colours: &mut [u32]) -> Result<(), PictureError> {
        let mut bytes = [0; 3 * MAX_MET];
        let bytes = &mut bytes[..3 * colours.len()];
        self.ops.fill(bytes)?;
        for (colour, bytes) in colours.iter_mut().zip(bytes.as_chunks().0) {
            *colour = to_pixel(*bytes);
        }
        Ok(())
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
