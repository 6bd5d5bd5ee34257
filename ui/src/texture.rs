//! Textures that egui uploads: the glyph atlas and pictures.

use std::collections::HashMap;

use egui::epaint::{ImageData, ImageDelta};
use egui::{Color32, TextureFilter, TextureId};

/// One picture, premultiplied, row by row.
pub(crate) struct Texture {
    width: usize,
    height: usize,
    nearest: bool,
    pixels: Vec<Color32>,
}

impl Texture {
    pub(crate) fn size(&self) -> (f32, f32) {
        (self.width as f32, self.height as f32)
    }

    /// Part of one row, if it lies inside.
    pub(crate) fn row(&self, y: usize, left: usize, width: usize) -> Option<&[Color32]> {
        let start = y.checked_mul(self.width)?.checked_add(left)?;
        if y >= self.height || left.checked_add(width)? > self.width {
            return None;
        }
        self.pixels.get(start..start + width)
    }

    /// The colour at `(u, v)`, 0 to 1 across the picture; outside, the edge goes on.
    pub(crate) fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        if self.nearest {
            let x = (u * self.width as f32).floor();
            let y = (v * self.height as f32).floor();
            return self.texel(x as isize, y as isize);
        }
        let x = u * self.width as f32 - 0.5;
        let y = v * self.height as f32 - 0.5;
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let corners = [
            (self.texel(left, top), (1.0 - fx) * (1.0 - fy)),
            (self.texel(left.saturating_add(1), top), fx * (1.0 - fy)),
            (self.texel(left, top.saturating_add(1)), (1.0 - fx) * fy),
            (
                self.texel(left.saturating_add(1), top.saturating_add(1)),
                fx * fy,
            ),
        ];
        let mut sum = [0.0; 4];
        for (colour, weight) in corners {
            for (channel, value) in sum.iter_mut().zip(colour) {
                *channel += value * weight;
            }
        }
        sum
    }

    fn texel(&self, x: isize, y: isize) -> [f32; 4] {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.pixels[y * self.width + x].to_array().map(f32::from)
    }
}

/// Every texture in use.
#[derive(Default)]
pub(crate) struct Textures(HashMap<TextureId, Texture>);

impl Textures {
    pub(crate) fn of(&self, id: TextureId) -> Option<&Texture> {
        self.0.get(&id)
    }

    pub(crate) fn free(&mut self, id: TextureId) {
        self.0.remove(&id);
    }

    /// Takes a whole picture, or a patch of one that is there.
    pub(crate) fn set(&mut self, id: TextureId, change: &ImageDelta) {
        let ImageData::Color(image) = &change.image;
        let [width, height] = image.size;
        if width == 0 || height == 0 || image.pixels.len() != width * height {
            return;
        }
        let Some([left, top]) = change.pos else {
            let texture = Texture {
                width,
                height,
                nearest: change.options.magnification == TextureFilter::Nearest,
                pixels: image.pixels.clone(),
            };
            self.0.insert(id, texture);
            return;
        };
        let Some(texture) = self.0.get_mut(&id) else {
            return;
        };
        if left + width > texture.width || top + height > texture.height {
            return;
        }
        for (y, row) in image.pixels.chunks_exact(width).enumerate() {
            let start = (top + y) * texture.width + left;
            texture.pixels[start..start + width].copy_from_slice(row);
        }
    }
}
