//! A screen full of code that is scrolled through.

use super::Work;
use super::code;
use super::desktop::{Fonts, PANEL, panel};
use super::screen::{Screen, area};
use super::stamps::Place;
use crate::display::Image;

/// Lines a step, as one notch of a wheel.
const LINES: u32 = 3;

pub struct Scrolling {
    fonts: Fonts,
    seed: u64,
    /// Paints everything again, instead of copying what stays.
    repaint: bool,
    /// What is on the screen below the panel.
    page: Image,
    /// The number of the first line.
    first: u32,
}

impl Scrolling {
    pub fn open(screen: &mut Screen, seed: u64, repaint: bool) -> anyhow::Result<Scrolling> {
        let mut fonts = Fonts::open()?;
        let mut top = Image::plain(screen.width, PANEL, 0);
        panel(&mut top, &mut fonts);
        screen.put(0, 0, &top)?;
        // Whole lines only, or what is copied would have half a line in it.
        let rows = (screen.height - PANEL) / fonts.mono.line;
        let mut page = Image::plain(screen.width, rows * fonts.mono.line, 0);
        code::page(&mut page, &mut fonts.mono, seed, 0);
        screen.put(0, PANEL, &page)?;
        Ok(Scrolling {
            fonts,
            seed,
            repaint,
            page,
            first: 0,
        })
    }
}

/// Where lines have their stamps, in pixels: beside the agent's indicator and the windows of others.
const STAMPS_AT: u32 = 1304;

impl Work for Scrolling {
    fn step(&mut self, screen: &mut Screen, _number: u32) -> anyhow::Result<()> {
        self.first += LINES;
        let line = self.fonts.mono.line;
        let (width, height) = (self.page.width, self.page.height);
        let by = LINES * line;
        let mut fresh = Image::plain(width, by, 0);
        let next = self.first + height / line - LINES;
        code::page(&mut fresh, &mut self.fonts.mono, self.seed, next);
        if !self.repaint {
            let all = area(0, PANEL as i32, width, height);
            screen.scroll_up(all, by as u16)?;
            return screen.put(0, PANEL + height - by, &fresh);
        }
        self.page.pixels.copy_within((by * width) as usize.., 0);
        self.page.lay(0, height - by, &fresh);
        screen.put(0, PANEL, &self.page)
    }

    /// At the bottom, from where what was stamped goes up with its line. What is painted again has no stamps.
    fn places(&self) -> Vec<Place> {
        if self.repaint {
            return Vec::new();
        }
        let line = self.fonts.mono.line;
        let newest = self.page.height / line - LINES;
        let oldest = newest / LINES;
        let place = |older| Place {
            x: STAMPS_AT as i16,
            y: (PANEL + (newest - older * LINES) * line + line / 4) as i16,
            older,
        };
        [0, oldest / 2, oldest].map(place).to_vec()
    }
}
