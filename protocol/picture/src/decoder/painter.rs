//! Painting: tiles onto the canvas, at once or as strokes that waited.

use super::rough::Video;
use crate::bands::{self, Band};
use crate::later::{Later, Stroke};
use crate::palette::{MAX_COLOURS, Palettes};
use crate::residual::{Planes, Predictor};
use crate::sheet;
use crate::store::Store;
use crate::table::Table;
use crate::video::Projector;
use crate::{Canvas, PictureError, Rect};
use std::ops::Range;

/// What draws tiles, kept between updates.
pub(super) struct Painter {
    pub(super) palettes: Palettes,
    pub(super) table: Table,
    pub(super) planes: Planes,
    pub(super) packed: Vec<u8>,
    pub(super) store: Store,
    /// Where the video is, as the updates read so far say.
    pub(super) video: Option<Rect>,
    /// Shows it, as far as it was painted.
    projector: Option<Projector>,
}

impl Painter {
    pub(super) fn new() -> Painter {
        Painter {
            palettes: Palettes::new(),
            table: Table::default(),
            planes: Planes::new(),
            packed: vec![0; bands::MAX_PACKED],
            store: Store::default(),
            video: None,
            projector: None,
        }
    }

    /// Forgets what earlier updates left.
    pub(super) fn restart(&mut self) {
        self.palettes.clear();
        self.table.clear();
        self.store.clear();
        self.video = None;
        self.projector = None;
    }

    /// Takes the next picture of the video.
    pub(super) fn show(&mut self, video: Video, unit: &[u8]) -> Result<(), PictureError> {
        if let Video::Key(rect) = video
            && self.projector.as_ref().is_none_or(|old| old.rect() != rect)
        {
            self.projector = Some(Projector::new(rect)?);
        }
        let projector = self.projector.as_mut();
        let projector = projector.ok_or(PictureError::Malformed("video without a beginning"))?;
        projector.take(unit)
    }

    pub(super) fn paint_moving(&self, canvas: &mut Canvas, area: Rect) {
        if let Some(projector) = &self.projector {
            projector.paint(canvas, area);
        }
    }

    /// Paints strokes that waited.
    pub(super) fn catch_up(
        &mut self,
        canvas: &mut Canvas,
        later: &Later,
    ) -> Result<(), PictureError> {
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
                Stroke::Pixels { area, at } => later.paint_pixels(canvas, area, at),
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

pub(super) fn paint_solid(canvas: &mut Canvas, area: Rect, pixel: u32) {
    for y in area.y..area.y + area.height {
        canvas.span_mut(area.x, y, area.width).fill(pixel);
    }
}

pub(super) fn paint_palette(
    canvas: &mut Canvas,
    area: Rect,
    depth: u8,
    palette: &[u32],
    packed: &[u8],
) -> Result<(), PictureError> {
    let size = (area.width as usize, area.height as usize);
    let mut colours = [0; MAX_COLOURS];
    let small = palette.len() <= MAX_COLOURS;
    if small {
        colours[..palette.len()].copy_from_slice(palette);
    }
    bands::unpack_all(packed, size, depth, |band| {
        let indices = band.indices.iter();
        let highest = indices.fold(0, |highest, &index| index.max(highest));
        if usize::from(highest) >= palette.len() {
            return Err(PictureError::Malformed("index outside its palette"));
        }
        if small {
            paint_band(canvas, area, &band, |i| {
                colours[usize::from(i) % MAX_COLOURS]
            });
        } else {
            paint_band(canvas, area, &band, |i| palette[usize::from(i)]);
        }
        Ok(())
    })
}

fn paint_band(canvas: &mut Canvas, area: Rect, band: &Band, colour: impl Fn(u16) -> u32) {
    for row in 0..band.height {
        let y = area.y + (band.first + row) as u32;
        let span = canvas.span_mut(area.x, y, area.width);
        let columns = band.indices.chunks_exact(band.height);
        for (pixel, column) in span.iter_mut().zip(columns) {
            *pixel = colour(column[row]);
        }
    }
}

pub(super) fn paint_photo(
    canvas: &mut Canvas,
    area: Rect,
    predictor: Predictor,
    planes: &mut Planes,
) {
    let (pixels, width) = (area.area() as usize, area.width);
    planes.join(predictor, pixels, width as usize, |y, row| {
        canvas
            .span_mut(area.x, area.y + y as u32, width)
            .copy_from_slice(row);
    });
}
