//! A terminal into which someone types code.

use super::Work;
use super::code;
use super::desktop::{Fonts, wallpaper};
use super::screen::{Screen, area};
use crate::display::Image;

const INK: u32 = 0xd4_d4_d4;

pub struct Typing {
    fonts: Fonts,
    /// Upper left corner, in pixels, and size, in cells.
    left: u32,
    top: u32,
    columns: u32,
    rows: u32,
    seed: u64,
    /// The line being typed: its letters, and its number in the text.
    letters: Vec<char>,
    line: u32,
    /// Where the cursor is, in cells.
    column: u32,
    row: u32,
}

impl Typing {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Typing> {
        let mut fonts = Fonts::open()?;
        let mut image = wallpaper(screen.width, screen.height, seed, &mut fonts);
        let (left, top) = (screen.width / 8, screen.height / 8);
        let columns = screen.width * 5 / 8 / fonts.mono.digit;
        let rows = screen.height * 5 / 8 / fonts.mono.line;
        let (width, height) = (columns * fonts.mono.digit, rows * fonts.mono.line);
        image.fill(left - 4, top - 30, width + 8, height + 34, 0x3a_42_50);
        fonts
            .sans
            .text(&mut image, left + 8, top - 22, "Terminal", 0xff_ff_ff);
        image.fill(left, top, width, height, code::PAPER);
        screen.put(0, 0, &image)?;
        let mut typing = Typing {
            fonts,
            left,
            top,
            columns,
            rows,
            seed,
            letters: Vec::new(),
            line: 0,
            column: 0,
            row: 0,
        };
        typing.next_line();
        typing.cell(screen, ' ', true)?;
        Ok(typing)
    }

    /// Takes the next line that is not empty.
    fn next_line(&mut self) {
        self.letters.clear();
        while self.letters.is_empty() {
            self.line += 1;
            let pieces = code::line(self.seed, self.line);
            self.letters
                .extend(pieces.iter().flat_map(|(text, _)| text.chars()));
        }
        self.letters.truncate(self.columns as usize - 1);
    }

    /// Draws the cell where the cursor is.
    fn cell(&mut self, screen: &mut Screen, letter: char, cursor: bool) -> anyhow::Result<()> {
        let (width, height) = (self.fonts.mono.digit, self.fonts.mono.line);
        let mut cell = Image::plain(width, height, if cursor { INK } else { code::PAPER });
        let ink = if cursor { code::PAPER } else { INK };
        self.fonts.mono.letter(&mut cell, 0, 0, letter, ink);
        let (x, y) = (
            self.left + self.column * width,
            self.top + self.row * height,
        );
        screen.put(x, y, &cell)
    }

    fn break_line(&mut self, screen: &mut Screen) -> anyhow::Result<()> {
        self.cell(screen, ' ', false)?;
        self.next_line();
        self.column = 0;
        if self.row + 1 < self.rows {
            self.row += 1;
            return Ok(());
        }
        let line = self.fonts.mono.line;
        let width = self.columns * self.fonts.mono.digit;
        let all = area(self.left as i32, self.top as i32, width, self.rows * line);
        screen.scroll_up(all, line as u16)?;
        let blank = Image::plain(width, line, code::PAPER);
        screen.put(self.left, self.top + self.row * line, &blank)
    }
}

impl Work for Typing {
    fn step(&mut self, screen: &mut Screen, _number: u32) -> anyhow::Result<()> {
        match self.letters.get(self.column as usize).copied() {
            Some(letter) => {
                self.cell(screen, letter, false)?;
                self.column += 1;
            }
            None => self.break_line(screen)?,
        }
        self.cell(screen, ' ', true)
    }
}
