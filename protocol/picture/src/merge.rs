//! Merging a piece of the screen into the canvas: compare and copy in one pass, noting what really changed.

use crate::grid::Dirt;
use crate::shift::same;
use crate::{Canvas, RGB, Rect, TILE};

/// A piece of the screen, clipped to it. The pixels' top bytes mean nothing.
pub(crate) struct Piece<'a> {
    pub(crate) rect: Rect,
    pixels: &'a [u32],
    stride: usize,
}

impl<'a> Piece<'a> {
    /// `None` when nothing of it is on the canvas or there are fewer pixels than the area says.
    pub(crate) fn clip(area: Rect, pixels: &'a [u32], canvas: &Canvas) -> Option<Piece<'a>> {
        if area.x >= canvas.width()
            || area.y >= canvas.height()
            || area.area() > pixels.len() as u64
        {
            return None;
        }
        let width = area.width.min(canvas.width() - area.x);
        let height = area.height.min(canvas.height() - area.y);
        let rect = Rect {
            width,
            height,
            ..area
        };
        (rect.area() > 0).then_some(Piece {
            rect,
            pixels,
            stride: area.width as usize,
        })
    }

    /// `width` pixels from `x`, `y` of the screen, which must lie in the piece.
    pub(crate) fn span(&self, x: u32, y: u32, width: u32) -> &'a [u32] {
        let at = (y - self.rect.y) as usize * self.stride + (x - self.rect.x) as usize;
        &self.pixels[at..][..width as usize]
    }

    /// Where in the column of tiles at `x` the piece begins, and how wide it is there.
    pub(crate) fn columns_in(&self, x: u32) -> (u32, u32) {
        let first = x.max(self.rect.x);
        let end = u64::from(x + TILE).min(self.rect.right()) as u32;
        (first, end - first)
    }

    /// The part of `tile` inside the piece; they must meet.
    pub(crate) fn part(&self, tile: &Rect) -> Rect {
        let (x, y) = (tile.x.max(self.rect.x), tile.y.max(self.rect.y));
        let width = tile.right().min(self.rect.right()) as u32 - x;
        let height = tile.bottom().min(self.rect.bottom()) as u32 - y;
        Rect {
            x,
            y,
            width,
            height,
        }
    }
}

/// Whether `width` pixels at `x`, `y` of the piece differ from the canvas.
pub(crate) fn differs(canvas: &Canvas, piece: &Piece, x: u32, y: u32, width: u32) -> bool {
    !same(piece.span(x, y, width), canvas.span(x, y, width))
}

/// Merges all of a piece where nobody asks what of it changed.
pub(crate) fn merge(canvas: &mut Canvas, piece: &Piece) {
    let Rect {
        x,
        y,
        width,
        height,
    } = piece.rect;
    for y in y..y + height {
        store(piece.span(x, y, width), canvas.span_mut(x, y, width));
    }
}

/// Merges one row of one tile, which differs.
pub(crate) fn merge_row(canvas: &mut Canvas, piece: &Piece, row: &Rect, dirt: &mut Dirt) {
    let new = piece.span(row.x, row.y, row.width);
    let old = canvas.span_mut(row.x, row.y, row.width);
    note(dirt, new, old, row.x % TILE, row.y % TILE);
    store(new, old);
}

/// Merges one row of any width where a move brings pixels of the canvas from `from`. Whether they are wrong anywhere: then `moved` has them.
pub(crate) fn merge_moved(
    canvas: &mut Canvas,
    piece: &Piece,
    row: &Rect,
    from: (u32, u32),
    moved: &mut Vec<u32>,
) -> bool {
    let new = piece.span(row.x, row.y, row.width);
    if from.1 == row.y {
        keep(moved, canvas.span(from.0, from.1, row.width));
        store(new, canvas.span_mut(row.x, row.y, row.width));
        return !same(new, moved);
    }
    let (source, old) = canvas.two_spans(from, (row.x, row.y), row.width);
    if new == source {
        old.copy_from_slice(source);
        return false;
    }
    let mut bits = 0;
    for ((new, source), old) in new.iter().zip(source).zip(old) {
        let pixel = new & RGB;
        bits |= pixel ^ source;
        *old = pixel;
    }
    if bits != 0 {
        keep(moved, source);
    }
    bits != 0
}

fn keep(kept: &mut Vec<u32>, pixels: &[u32]) {
    kept.clear();
    kept.extend_from_slice(pixels);
}

/// Notes where one row of one tile differs from what decoders have there, which is `moved`.
pub(crate) fn note_moved(piece: &Piece, row: &Rect, moved: &[u32], dirt: &mut Dirt) {
    let new = piece.span(row.x, row.y, row.width);
    if !same(new, moved) {
        note(dirt, new, moved, row.x % TILE, row.y % TILE);
    }
}

fn store(new: &[u32], old: &mut [u32]) {
    for (old, new) in old.iter_mut().zip(new) {
        *old = new & RGB;
    }
}

/// Notes the changed stretch of a row that differs; `x`, `y` is where the row begins in its tile.
fn note(dirt: &mut Dirt, new: &[u32], old: &[u32], x: u32, y: u32) {
    let (x, width) = (x as usize, new.len());
    let changed = |(new, old): (&u32, &u32)| (new ^ old) & RGB != 0;
    // What lies between the sides that the dirt has already needs no look.
    let sides = dirt.sides().unwrap_or((x + width, x));
    let before = sides.0.saturating_sub(x).min(width);
    let behind = sides.1.saturating_sub(x).min(width);
    let first = new[..before].iter().zip(&old[..before]).position(changed);
    let last = new[behind..].iter().zip(&old[behind..]).rposition(changed);
    let left = first.map_or(sides.0, |first| x + first);
    let right = last.map_or(sides.1, |last| x + behind + last + 1);
    dirt.add(y, left, right);
}
