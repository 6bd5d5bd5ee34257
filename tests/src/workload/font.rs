//! Text with grey edges, as font renderers make it.

use std::collections::HashMap;

use ab_glyph::{Font as _, FontVec, PxScale, ScaleFont as _, point};
use anyhow::Context;

use super::paint::mix;
use crate::display::Image;

const FOLDER: &str = "/usr/share/fonts/truetype/dejavu";

/// A face of the DejaVu fonts at one size.
pub struct Font {
    font: FontVec,
    scale: PxScale,
    /// From a line's top to its base, in pixels.
    ascent: f32,
    /// From a line to the next, in pixels.
    pub line: u32,
    /// The width of a digit, and of everything else in a face of one width, in pixels.
    pub digit: u32,
    glyphs: HashMap<char, Glyph>,
}

/// How much of each pixel a glyph covers.
#[derive(Clone, Default)]
struct Glyph {
    left: i32,
    top: i32,
    width: u32,
    cover: Vec<u8>,
    advance: u32,
}

impl Font {
    /// For code and terminals: 9 × 18 pixels at size 15.
    pub fn mono() -> anyhow::Result<Font> {
        Font::open("DejaVuSansMono.ttf", 15.0)
    }

    /// For windows and pages.
    pub fn sans() -> anyhow::Result<Font> {
        Font::open("DejaVuSans.ttf", 13.0)
    }

    fn open(file: &str, size: f32) -> anyhow::Result<Font> {
        let path = format!("{FOLDER}/{file}");
        let bytes = std::fs::read(&path)
            .with_context(|| format!("no {path}: apt-get install fonts-dejavu-core"))?;
        let font = FontVec::try_from_vec(bytes)?;
        // A size is the height of an em; the crate's scale is the height of a line.
        let em = font.units_per_em().context("a strange font")?;
        let scale = PxScale::from(size * font.height_unscaled() / em);
        let scaled = font.as_scaled(scale);
        let (ascent, height) = (scaled.ascent().round(), scaled.height());
        let digit = scaled.h_advance(scaled.glyph_id('0')).round();
        Ok(Font {
            scale,
            ascent,
            line: height.ceil() as u32,
            digit: digit as u32,
            glyphs: HashMap::new(),
            font,
        })
    }

    /// Draws a text with its upper left corner at a place; what lies outside the picture is left out. Gives its width.
    pub fn text(&mut self, image: &mut Image, x: u32, y: u32, text: &str, ink: u32) -> u32 {
        let mut pen = x;
        for letter in text.chars() {
            pen += self.letter(image, pen, y, letter, ink);
        }
        pen - x
    }

    /// One letter of it.
    pub fn letter(&mut self, image: &mut Image, x: u32, y: u32, letter: char, ink: u32) -> u32 {
        let glyph = self.glyph(letter);
        for (n, cover) in glyph.cover.iter().enumerate() {
            let (dx, dy) = (n as u32 % glyph.width, n as u32 / glyph.width);
            let at_x = x as i32 + glyph.left + dx as i32;
            let at_y = y as i32 + glyph.top + dy as i32;
            let inside =
                (0..image.width as i32).contains(&at_x) && (0..image.height as i32).contains(&at_y);
            if inside && *cover > 0 {
                let pixel = &mut image.pixels[at_y as usize * image.width as usize + at_x as usize];
                *pixel = mix(*pixel, ink, (*cover).into());
            }
        }
        glyph.advance
    }

    fn glyph(&mut self, letter: char) -> &Glyph {
        if !self.glyphs.contains_key(&letter) {
            let glyph = self.draw(letter);
            self.glyphs.insert(letter, glyph);
        }
        &self.glyphs[&letter]
    }

    fn draw(&self, letter: char) -> Glyph {
        let scaled = self.font.as_scaled(self.scale);
        let id = scaled.glyph_id(letter);
        let mut glyph = Glyph {
            advance: scaled.h_advance(id).round() as u32,
            ..Glyph::default()
        };
        let place = id.with_scale_and_position(self.scale, point(0.0, self.ascent));
        let Some(outline) = self.font.outline_glyph(place) else {
            return glyph; // a blank
        };
        let bounds = outline.px_bounds();
        (glyph.left, glyph.top) = (bounds.min.x as i32, bounds.min.y as i32);
        glyph.width = bounds.width() as u32;
        glyph.cover = vec![0; glyph.width as usize * bounds.height() as usize];
        outline.draw(|x, y, cover| {
            let at = (y * glyph.width + x) as usize;
            glyph.cover[at] = (cover * 255.0).round().min(255.0) as u8;
        });
        glyph
    }
}
