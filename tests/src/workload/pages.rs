//! Whole pages: two that are shown in turn, a desktop that appears, a desktop at rest.

use super::Work;
use super::code;
use super::desktop::{Fonts, PANEL, desktop, form, panel, wallpaper};
use super::screen::Screen;
use crate::display::Image;

/// Pages shown in turn, each painted whole.
struct Pages([Image; 2]);

impl Pages {
    fn show(&self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        screen.put(0, 0, &self.0[number as usize % 2])
    }
}

pub struct Flipping(Pages);

impl Flipping {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Flipping> {
        let mut fonts = Fonts::open()?;
        let (width, height) = (screen.width, screen.height);
        let mut text = Image::plain(width, height - PANEL, 0);
        code::page(&mut text, &mut fonts.mono, seed, 1);
        let mut first = Image::plain(width, height, 0);
        first.lay(0, PANEL, &text);
        panel(&mut first, &mut fonts);
        let mut second = wallpaper(width, height, seed, &mut fonts);
        let window = form(width / 3, height / 2, seed, &mut fonts);
        second.lay(width / 3, height / 4, &window);
        let pages = Pages([first, second]);
        pages.show(screen, 0)?;
        Ok(Flipping(pages))
    }
}

impl Work for Flipping {
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        self.0.show(screen, number)
    }
}

pub struct Desktop(Pages);

impl Desktop {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Desktop> {
        let mut fonts = Fonts::open()?;
        let (width, height) = (screen.width, screen.height);
        let whole = desktop(width, height, seed, &mut fonts);
        let mut plain = Image::plain(width, height, 0x30_3a_48);
        panel(&mut plain, &mut fonts);
        let pages = Pages([whole, plain]);
        pages.show(screen, 0)?;
        Ok(Desktop(pages))
    }
}

impl Work for Desktop {
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()> {
        self.0.show(screen, number)
    }
}

pub struct Idle;

impl Idle {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Idle> {
        let mut fonts = Fonts::open()?;
        let image = desktop(screen.width, screen.height, seed, &mut fonts);
        screen.put(0, 0, &image)?;
        Ok(Idle)
    }
}

impl Work for Idle {
    fn step(&mut self, _screen: &mut Screen, _number: u32) -> anyhow::Result<()> {
        Ok(())
    }
}
