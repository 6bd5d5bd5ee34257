//! A spreadsheet that is filled, row by row.

use super::Work;
use super::desktop::{Fonts, PANEL, panel};
use super::screen::Screen;
use crate::display::Image;
use crate::measure::Chance;

/// A cell, in pixels.
const CELL: (u32, u32) = (96, 22);
/// Where the cells begin: below the panel, the line with the content of the chosen cell, and the names of the columns.
const LEFT: u32 = 48;
const TOP: u32 = PANEL + 30 + CELL.1;

const INK: u32 = 0x20_20_20;
const GRID: u32 = 0xd8_d8_d8;
const HEAD: u32 = 0xf0_f0_f2;
const CHOSEN: u32 = 0x21_73_46;

pub struct Spreadsheet {
    fonts: Fonts,
    chance: Chance,
    page: Image,
    columns: u32,
    /// Without the last, which has the sums.
    rows: u32,
    sums: Vec<u64>,
    /// The chosen cell, counted row by row.
    chosen: u32,
}

impl Spreadsheet {
    pub fn open(screen: &mut Screen, seed: u64) -> anyhow::Result<Spreadsheet> {
        let columns = (screen.width - LEFT) / CELL.0;
        let mut sheet = Spreadsheet {
            fonts: Fonts::open()?,
            chance: Chance::new(seed | 1),
            page: Image::plain(screen.width, screen.height, 0xff_ff_ff),
            columns,
            rows: (screen.height - TOP) / CELL.1 - 1,
            sums: vec![0; columns as usize],
            chosen: 0,
        };
        sheet.draw_empty();
        screen.put(0, 0, &sheet.page)?;
        Ok(sheet)
    }

    fn draw_empty(&mut self) {
        let (width, height) = (self.page.width, self.page.height);
        panel(&mut self.page, &mut self.fonts);
        self.page.fill(0, PANEL, width, 30 + CELL.1, HEAD);
        self.page
            .fill(LEFT, PANEL + 4, width - LEFT - 8, 22, 0xff_ff_ff);
        self.page.fill(0, TOP, LEFT, height - TOP, HEAD);
        for column in 0..=self.columns {
            let x = LEFT + column * CELL.0;
            self.page.fill(x, TOP - CELL.1, 1, height, GRID);
            let name = char::from(b'A' + (column % 26) as u8).to_string();
            self.fonts
                .sans
                .text(&mut self.page, x + 44, TOP - CELL.1 + 3, &name, INK);
        }
        for row in 0..=self.rows + 1 {
            let y = TOP + row * CELL.1;
            self.page.fill(0, y, width, 1, GRID);
            let name = (row + 1).to_string();
            self.fonts.sans.text(&mut self.page, 12, y + 3, &name, INK);
        }
    }

    /// Draws a cell anew, with a text to the right, and puts it on the screen.
    fn cell(
        &mut self,
        screen: &mut Screen,
        (column, row): (u32, u32),
        text: &str,
        chosen: bool,
    ) -> anyhow::Result<()> {
        let mut cell = Image::plain(CELL.0, CELL.1, 0xff_ff_ff);
        cell.fill(0, 0, CELL.0, 1, GRID);
        cell.fill(0, 0, 1, CELL.1, GRID);
        let width = text.len() as u32 * self.fonts.sans.digit;
        let x = CELL.0.saturating_sub(width + 6);
        self.fonts.sans.text(&mut cell, x, 3, text, INK);
        if chosen {
            cell.frame(0, 0, CELL.0, CELL.1, CHOSEN);
            cell.frame(1, 1, CELL.0 - 2, CELL.1 - 2, CHOSEN);
        }
        screen.put(LEFT + column * CELL.0, TOP + row * CELL.1, &cell)
    }

    fn place(&self, cell: u32) -> (u32, u32) {
        let row = cell / self.columns % self.rows;
        (cell % self.columns, row)
    }
}

impl Work for Spreadsheet {
    fn step(&mut self, screen: &mut Screen, _number: u32) -> anyhow::Result<()> {
        let value = self.chance.below(1_000_000);
        let (column, row) = self.place(self.chosen);
        self.cell(screen, (column, row), &value.to_string(), false)?;
        self.sums[column as usize] += value;
        let sum = self.sums[column as usize].to_string();
        self.cell(screen, (column, self.rows), &sum, false)?;
        self.chosen += 1;
        let next = self.place(self.chosen);
        self.cell(screen, next, "", true)?;
        let mut line = Image::plain(400, 20, 0xff_ff_ff);
        let text = format!("=SUM({value}; {sum})");
        self.fonts.sans.text(&mut line, 4, 2, &text, INK);
        screen.put(LEFT + 1, PANEL + 5, &line)
    }
}
