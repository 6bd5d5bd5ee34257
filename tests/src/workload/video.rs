//! A video beside a text: a camera that pans and zooms over a landscape while something passes, with grain.

use super::Work;
use super::desktop::{Fonts, PANEL, panel, prose};
use super::photo::photo;
use super::screen::Screen;
use super::stamps::{self, Place};
use crate::display::Image;
use crate::measure::Chance;

/// Width and height of the video, in pixels, where the screen is large enough.
const SIZE: (u32, u32) = (1280, 720);

/// Players hand a frame over in strips of that many rows.
const STRIP: u32 = 90;

/// How much larger than the video the landscape is, so that the camera has room.
const ROOM: f64 = 1.5;

pub struct Video {
    landscape: Image,
    passing: Image,
    /// A frame's grain; each row begins somewhere else in it.
    grain: Vec<u32>,
    chance: Chance,
    frame: Image,
    x: u32,
    y: u32,
}

impl Video {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Video> {
        let mut fonts = Fonts::open()?;
        let (width, height) = (screen.width, screen.height);
        let mut page = Image::plain(width, height, 0xff_ff_ff);
        panel(&mut page, &mut fonts);
        prose(&mut page, 24, PANEL + 16, width - 48, seed, &mut fonts);
        screen.put(0, 0, &page)?;
        let (across, down) = (SIZE.0.min(width * 2 / 3), SIZE.1.min(height * 2 / 3));
        let large = |side: u32| (f64::from(side) * ROOM) as u32;
        let mut chance = Chance::new(seed | 1);
        let mut video = Video {
            landscape: photo(large(across), large(down), seed ^ 0x91),
            passing: photo(large(across), large(down), seed ^ 0x37),
            // Two bits a channel; a photo leaves room for them above its brightest.
            grain: (0..across * 4)
                .map(|_| chance.draw() as u32 & 0x03_03_03)
                .collect(),
            chance,
            frame: Image::plain(across, down, 0),
            x: width - across - width / 48,
            y: (height - down) / 2,
        };
        video.step(screen, 0)?;
        Ok(video)
    }

    fn draw(&mut self, number: u32) {
        let at = f64::from(number);
        let zoom = 1.0 + 0.22 * (at * 0.021).sin();
        let columns = gather(self.frame.width, self.landscape.width, zoom, at * 0.013);
        let rows = gather(self.frame.height, self.landscape.height, zoom, at * 0.017);
        let (width, height) = (self.frame.width, self.frame.height);
        for y in 0..height {
            let shift = self.chance.below(u64::from(width) * 3) as usize;
            let grain = &self.grain[shift..shift + width as usize];
            let (from, to) = passing(y, width, height, at);
            let line = &mut self.frame.pixels[(y * width) as usize..((y + 1) * width) as usize];
            let source = row(&self.landscape, rows[y as usize]);
            for ((pixel, column), speck) in line.iter_mut().zip(&columns).zip(grain) {
                *pixel = source[*column as usize] + speck;
            }
            let source = row(&self.passing, y + height / 4);
            let speed = number * 7 % (width / 3);
            for x in from..to {
                line[x as usize] = source[(x - from + speed) as usize] + grain[x as usize];
            }
        }
    }
}

fn row(image: &Image, y: u32) -> &[u32] {
    &image.pixels[(y * image.width) as usize..((y + 1) * image.width) as usize]
}

/// Which of the landscape's columns (or rows) the video shows: seen through `zoom`, from a place that swings with `at`.
fn gather(shown: u32, there: u32, zoom: f64, at: f64) -> Vec<u32> {
    let (shown_f, there_f) = (f64::from(shown), f64::from(there));
    let spare = there_f - shown_f * zoom;
    let start = spare * (0.5 + 0.45 * at.sin());
    let place = |n: u32| (start + f64::from(n) * zoom).clamp(0.0, there_f - 1.0) as u32;
    (0..shown).map(place).collect()
}

/// The columns of row `y` in which something passes before the landscape: an ellipse on its way.
fn passing(y: u32, width: u32, height: u32, at: f64) -> (u32, u32) {
    let (width, height) = (f64::from(width), f64::from(height));
    let middle = height * (0.6 + 0.2 * (at * 0.05).sin());
    let down = (f64::from(y) - middle) / (height * 0.22);
    if down.abs() >= 1.0 {
        return (0, 0);
    }
    let half = width * 0.16 * (1.0 - down * down).sqrt();
    let centre = (at * 6.3) % (width * 1.4) - width * 0.2;
    let clamp = |x: f64| x.clamp(0.0, width) as u32;
    (clamp(centre - half), clamp(centre + half))
}

impl Work for Video {
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        self.draw(number);
        for top in (0..self.frame.height).step_by(STRIP as usize) {
            let rows = STRIP.min(self.frame.height - top);
            let strip = self.frame.crop(0, top, self.frame.width, rows);
            screen.put(self.x, self.y + top, &strip)?;
        }
        Ok(())
    }

    /// In the corners and in the middle.
    fn places(&self) -> Vec<Place> {
        let cell = u32::from(stamps::CELL);
        // The picture may begin between two cells.
        let (left, top) = (self.x + cell, self.y + cell);
        let right = self.x + self.frame.width - u32::from(stamps::WIDTH);
        let bottom = self.y + self.frame.height - u32::from(stamps::HEIGHT);
        let middle = ((left + right) / 2, (top + bottom) / 2);
        [
            (left, top),
            (right, top),
            middle,
            (left, bottom),
            (right, bottom),
        ]
        .map(|(x, y)| Place::newest(x, y))
        .to_vec()
    }
}
