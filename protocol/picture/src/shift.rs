//! A stretch of the screen that moved, and which pixels a guess at its offset explains.

use crate::merge::Piece;
use crate::{Canvas, RGB, Rect};

/// Farthest that an edge is from where the search saw it, in columns: less than a tile and a stretch.
const WIDEST: u32 = 80;

/// And in rows: less than what the searches leave out between two rows that they look at.
const HIGHEST: u32 = 12;

/// Rows, at least half as many, that judge a column; and stretches of a row, each so wide in pixels.
const JUDGES: u32 = 64;
const STRETCH: u32 = 16;

/// What moved, before and after; both lie in the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: Rect,
    pub(crate) to: Rect,
}

/// From where a pixel is now to where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// What happened to some pixels, as far as an offset says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Moved,
    /// Where they were; the offset gets them wrong.
    Stayed,
    /// Both: they look like their neighbours.
    Even,
    /// Neither: they are new.
    New,
}

/// A piece that may have moved by an offset.
pub(crate) struct Shift<'a> {
    canvas: &'a Canvas,
    piece: &'a Piece<'a>,
    offset: Offset,
    /// The pixels that are in the piece now and were in it before.
    pub(crate) area: Rect,
}

impl<'a> Shift<'a> {
    /// `None` when the offset leads out of the piece everywhere.
    pub(crate) fn new(
        canvas: &'a Canvas,
        piece: &'a Piece<'a>,
        offset: Offset,
    ) -> Option<Shift<'a>> {
        let (x, width) = overlap(piece.rect.x, piece.rect.width, offset.x)?;
        let (y, height) = overlap(piece.rect.y, piece.rect.height, offset.y)?;
        let area = Rect {
            x,
            y,
            width,
            height,
        };
        Some(Shift {
            canvas,
            piece,
            offset,
            area,
        })
    }

    /// Of `width` pixels at `x`, `y` in [`Shift::area`].
    pub(crate) fn fate(&self, x: u32, y: u32, width: u32) -> Fate {
        let new = self.piece.span(x, y, width);
        let (from_x, from_y) = self.before(x, y);
        let moved = same(new, self.canvas.span(from_x, from_y, width));
        let stayed = same(new, self.canvas.span(x, y, width));
        match (moved, stayed) {
            (true, false) => Fate::Moved,
            (false, true) => Fate::Stayed,
            (true, true) => Fate::Even,
            (false, false) => Fate::New,
        }
    }

    fn before(&self, x: u32, y: u32) -> (u32, u32) {
        (
            x.wrapping_add_signed(self.offset.x),
            y.wrapping_add_signed(self.offset.y),
        )
    }

    /// The move around `to`, which a search found with gaps between the pixels it looked at.
    pub(crate) fn fit(&self, mut to: Rect) -> Move {
        self.fit_columns(&mut to);
        self.fit_rows(&mut to);
        let (x, y) = self.before(to.x, to.y);
        Move {
            from: Rect { x, y, ..to },
            to,
        }
    }

    fn fit_columns(&self, to: &mut Rect) {
        let (left, right) = (to.x - self.area.x, self.area.right() - to.right());
        let (left, right) = (left.min(WIDEST), (right as u32).min(WIDEST));
        let x = to.x;
        let added = farthest(left, |reached, more| {
            self.explains_columns(to, x - reached - more, more)
        });
        to.x -= added;
        to.width += added;
        let end = to.x + to.width;
        to.width += farthest(right, |reached, more| {
            self.explains_columns(to, end + reached, more)
        });
    }

    fn fit_rows(&self, to: &mut Rect) {
        let (above, below) = (to.y - self.area.y, self.area.bottom() - to.bottom());
        let (above, below) = (above.min(HIGHEST), (below as u32).min(HIGHEST));
        let explained = |y: &u32| self.explains_row(to, *y);
        let added = (to.y - above..to.y).rev().take_while(explained).count() as u32;
        let end = to.y + to.height;
        let more = (end..end + below).take_while(explained).count() as u32;
        to.y -= added;
        to.height += added + more;
    }

    /// Whether the offset explains columns beside `to`, judged by some rows.
    fn explains_columns(&self, to: &Rect, x: u32, width: u32) -> bool {
        let step = (to.height / JUDGES).max(1) as usize;
        let rows = (to.y..to.y + to.height).step_by(step);
        explains(rows.map(|y| self.fate(x, y, width)))
    }

    fn explains_row(&self, to: &Rect, y: u32) -> bool {
        let end = to.x + to.width;
        let starts = (to.x..end).step_by(STRETCH as usize);
        explains(starts.map(|x| self.fate(x, y, STRETCH.min(end - x))))
    }
}

/// Something is gained, more than is spoilt, and most is not wrong.
fn explains(fates: impl Iterator<Item = Fate>) -> bool {
    let (mut count, mut moved, mut stayed, mut new) = (0, 0, 0, 0);
    for fate in fates {
        count += 1;
        match fate {
            Fate::Moved => moved += 1,
            Fate::Stayed => stayed += 1,
            Fate::Even => {}
            Fate::New => new += 1,
        }
    }
    moved > 0 && 4 * stayed <= moved && 4 * (stayed + new) <= count
}

/// How far up to `limit` one gets in steps that `works(reached, more)` allows, with ever smaller ones.
fn farthest(limit: u32, works: impl Fn(u32, u32) -> bool) -> u32 {
    let mut reached = 0;
    for more in [16, 8, 4, 2, 1] {
        while reached + more <= limit && works(reached, more) {
            reached += more;
        }
    }
    reached
}

/// The part of `start..start + length` that stays in it when moved by `offset`.
fn overlap(start: u32, length: u32, offset: i32) -> Option<(u32, u32)> {
    let rest = length
        .checked_sub(offset.unsigned_abs())
        .filter(|&rest| rest > 0)?;
    Some((
        if offset < 0 {
            start + offset.unsigned_abs()
        } else {
            start
        },
        rest,
    ))
}

/// Whether pixels are the same. Nearly always all of their bits are, top bytes too, which the system's own comparison of
/// memory says in a fraction of the time; else without a branch inside, so that it becomes vector code.
pub(crate) fn same(a: &[u32], b: &[u32]) -> bool {
    a == b || a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b)) & RGB == 0
}
