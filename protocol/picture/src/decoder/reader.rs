//! Reading the ops of an update: each is checked before anything is done by it. What a tile's op says of its pixels is in `body.rs`.

use super::head::number;
use super::painter::Painter;
use super::rough::{Rough, Video};
use crate::grid::Grid;
use crate::later::{Later, Stroke};
use crate::stream::Section;
use crate::video;
use crate::wire::*;
use crate::{Canvas, PictureError, Rect};

/// One update being read.
pub(super) struct Reader<'a> {
    pub(super) ops: Section<'a>,
    pub(super) residuals: Section<'a>,
    pub(super) painter: &'a mut Painter,
    pub(super) canvas: &'a mut Canvas,
    pub(super) changed: &'a mut Vec<Rect>,
    /// Where strokes go that are not painted now.
    pub(super) later: Option<&'a mut Later>,
    /// The slot that a recall takes without a difference.
    pub(super) next_slot: i32,
    pub(super) rough: Rough,
}

impl Reader<'_> {
    pub(super) fn whole(&mut self) -> Result<(), PictureError> {
        let grid = Grid::new(self.canvas.width(), self.canvas.height());
        for index in 0..grid.count() {
            let tag = self.ops.byte()?;
            if tag & TAG_AREA != 0 || tag & TAG_NEXT == 0 {
                return Err(PictureError::Malformed("a whole picture has gaps"));
            }
            self.body(tag & !TAG_NEXT, grid.tile(index))?;
        }
        if self.ops.byte()? != OP_END || !self.rough.moving.is_empty() {
            return Err(PictureError::Malformed("more than a whole picture"));
        }
        self.changed.push(self.canvas.rect());
        Ok(())
    }

    pub(super) fn delta(&mut self) -> Result<(), PictureError> {
        let grid = Grid::new(self.canvas.width(), self.canvas.height());
        let mut budget =
            COPY_BUDGET * u64::from(self.canvas.width()) * u64::from(self.canvas.height());
        let (mut next, mut copies, mut keeps) = (0, 0, 0);
        loop {
            match self.ops.byte()? {
                OP_END if self.rough.moving.is_empty() => return Ok(()),
                // Behind the video's head nothing follows.
                tag @ (OP_VIDEO | OP_VIDEO_KEY) => {
                    self.video(tag)?;
                    return match self.ops.byte()? {
                        OP_END => Ok(()),
                        _ => Err(PictureError::Malformed("more behind the video")),
                    };
                }
                OP_COPY | OP_KEEP if next > 0 => {
                    return Err(PictureError::Malformed("a copy behind a tile"));
                }
                OP_KEEP => keeps += self.keep(&grid, MAX_KEEPS - keeps)?,
                OP_COPY => {
                    copies += 1;
                    if copies > MAX_COPIES {
                        return Err(PictureError::Malformed("too many copies"));
                    }
                    self.copy(&mut budget)?;
                }
                tag => next = self.tile(tag, &grid, next)? + 1,
            }
        }
    }

    /// Puts a run of tiles into the store; returns how many.
    fn keep(&mut self, grid: &Grid, most: usize) -> Result<usize, PictureError> {
        let first = number(|| self.ops.byte())?;
        let more = number(|| self.ops.byte())?;
        let slot = number(|| self.ops.byte())? as usize;
        if more as usize >= most {
            return Err(PictureError::Malformed("too many tiles kept"));
        }
        if first >= grid.count() || more >= grid.count() - first {
            return Err(PictureError::Malformed("tile outside the screen"));
        }
        for (index, slot) in (first..=first + more).zip(slot..) {
            let tile = grid.tile(index);
            let store = &mut self.painter.store;
            store.expect(slot, (tile.width, tile.height))?;
            match &mut self.later {
                Some(later) => later.strokes.push(Stroke::Keep { tile, slot }),
                None => store.keep(self.canvas, &tile, slot),
            }
        }
        Ok(more as usize + 1)
    }

    fn numbers<const COUNT: usize>(&mut self) -> Result<[u32; COUNT], PictureError> {
        let mut values = [0; COUNT];
        for value in &mut values {
            *value = number(|| self.ops.byte())?;
        }
        Ok(values)
    }

    /// Checks that everything that moves is in the video.
    fn video(&mut self, tag: u8) -> Result<(), PictureError> {
        let mut video = Video::Next;
        if tag == OP_VIDEO_KEY {
            let [x, y, width, height] = self.numbers()?;
            let rect = Rect {
                x,
                y,
                width,
                height,
            };
            if rect.area() == 0 || !self.canvas.holds(&rect) || !video::fits(&rect) {
                return Err(PictureError::Malformed("video outside the screen"));
            }
            self.painter.video = Some(rect);
            video = Video::Key(rect);
        }
        let place = self.painter.video;
        let place = place.ok_or(PictureError::Malformed("video without a beginning"))?;
        if !self.rough.moving.iter().all(|area| place.contains(area)) {
            return Err(PictureError::Malformed("movement outside the video"));
        }
        self.rough.video = Some(video);
        Ok(())
    }

    fn copy(&mut self, budget: &mut u64) -> Result<(), PictureError> {
        let [from_x, from_y, to_x, to_y, width, height] = self.numbers()?;
        let from = Rect {
            x: from_x,
            y: from_y,
            width,
            height,
        };
        let to = Rect {
            x: to_x,
            y: to_y,
            width,
            height,
        };
        if width == 0 || height == 0 || !self.canvas.holds(&from) || !self.canvas.holds(&to) {
            return Err(PictureError::Malformed("copy outside the screen"));
        }
        let left = budget
            .checked_sub(to.area())
            .ok_or(PictureError::Malformed("too many copies"))?;
        *budget = left;
        match &mut self.later {
            Some(later) => {
                let (x, y) = (to.x, to.y);
                later.strokes.push(Stroke::Copy { from, x, y });
            }
            None => self.canvas.copy(from, to.x, to.y),
        }
        self.note(to);
        Ok(())
    }

    /// Reads a tile at or behind `next` and returns its index.
    fn tile(&mut self, tag: u8, grid: &Grid, next: u32) -> Result<u32, PictureError> {
        let skip = if tag & TAG_NEXT == 0 {
            number(|| self.ops.byte())?
        } else {
            0
        };
        let index = next.checked_add(skip).filter(|&index| index < grid.count());
        let index = index.ok_or(PictureError::Malformed("tile outside the screen"))?;
        let mut area = grid.tile(index);
        if tag & TAG_AREA != 0 {
            area = self.area(&area)?;
        }
        self.body(tag & !(TAG_NEXT | TAG_AREA), area)?;
        self.note(area);
        Ok(index)
    }

    fn area(&mut self, tile: &Rect) -> Result<Rect, PictureError> {
        let mut bytes = [0; 4];
        self.ops.fill(&mut bytes)?;
        let [x, y, width, height] = bytes.map(u32::from);
        if x + width >= tile.width || y + height >= tile.height {
            return Err(PictureError::Malformed("area outside its tile"));
        }
        Ok(Rect {
            x: tile.x + x,
            y: tile.y + y,
            width: width + 1,
            height: height + 1,
        })
    }

    /// Adds a changed area, joined to the one before when they lie side by side.
    fn note(&mut self, area: Rect) {
        match self.changed.last_mut() {
            Some(last)
                if last.y == area.y
                    && last.height == area.height
                    && last.right() == u64::from(area.x) =>
            {
                last.width += area.width;
            }
            _ => self.changed.push(area),
        }
    }
}
