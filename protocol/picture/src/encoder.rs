//! The sender's side: a screen, what of it the other side does not have yet, and how that is said.

use crate::anchors::{self, Move};
use crate::bits::put_varint;
use crate::grid::{Dirt, Grid, tiles_of};
use crate::merge::{self, Piece};
use crate::scroll::{self, Scroll};
use crate::wire::*;
use crate::writer::Writer;
use crate::{Canvas, PictureError, Rect, TILE};

/// Fewest changed tiles of a piece for which a search for what moved is worth its time (about 5 µs a tile).
const COPY_MIN_TILES: usize = 6;

/// What an update is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What changed since the last update.
    Delta,
    /// Everything, so that a decoder can start here.
    Whole,
}

/// Encodes one screen for any number of decoders that all get the same updates.
pub struct Encoder {
    canvas: Canvas,
    grid: Grid,
    /// By tile.
    dirt: Vec<Dirt>,
    /// How many tiles have dirt.
    dirty: usize,
    copies: Vec<Move>,
    /// Pixels that `copies` move.
    copied: u64,
    needs_whole: bool,
    /// Of the next delta.
    number: u8,
    scroll_finder: scroll::Finder,
    move_finder: anchors::Finder,
    /// By tile of the piece being merged: whether it changed.
    survey: Vec<bool>,
    writer: Writer,
}

impl Encoder {
    /// An encoder of a black screen; the first update is whole.
    pub fn new(width: u32, height: u32) -> Result<Encoder, PictureError> {
        let canvas = Canvas::new(width, height)?;
        let grid = Grid::new(width, height);
        Ok(Encoder {
            canvas,
            grid,
            dirt: vec![Dirt::default(); grid.count() as usize],
            dirty: 0,
            copies: Vec::new(),
            copied: 0,
            needs_whole: true,
            number: 0,
            scroll_finder: scroll::Finder::default(),
            move_finder: anchors::Finder::default(),
            survey: Vec::new(),
            writer: Writer::new()?,
        })
    }

    /// Starts over with a black screen of another size; the next update is whole.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        let canvas = Canvas::new(width, height)?;
        self.canvas = canvas;
        self.grid = Grid::new(width, height);
        self.dirt = vec![Dirt::default(); self.grid.count() as usize];
        self.forget_changes();
        self.needs_whole = true;
        Ok(())
    }

    /// Merges a piece of the screen: `area.width` × `area.height` pixels of 0xXXRRGGBB, row by row, the top byte ignored. What lies outside
    /// the screen is ignored, and so is a piece with too few pixels.
    pub fn patch(&mut self, area: Rect, pixels: &[u32]) {
        let Some(piece) = Piece::clip(area, pixels, &self.canvas) else {
            return;
        };
        let changed = self.look_over(&piece);
        let mut scrolls = Vec::new();
        if changed >= COPY_MIN_TILES && !self.needs_whole {
            scrolls = self.find_scrolls(&piece);
            if scrolls.is_empty() && self.make_move(&piece) {
                self.look_over(&piece);
            }
        }
        self.merge_tiles(&piece, &scrolls);
        for scroll in scrolls {
            self.merge_scrolled(&piece, scroll);
        }
    }

    /// Whether the next update has anything to say.
    pub fn pending(&self) -> bool {
        self.needs_whole || self.dirty > 0 || !self.copies.is_empty()
    }

    /// Appends one update to `out`. A delta is whole when the decoders cannot have the screen yet (after `new` and `resize`).
    /// False, with nothing appended, when there is nothing to say.
    pub fn encode(&mut self, kind: Kind, out: &mut Vec<u8>) -> bool {
        let whole = kind == Kind::Whole || self.needs_whole;
        if !whole && !self.pending() {
            return false;
        }
        let start = out.len();
        let written = if whole {
            self.write_whole(out)
        } else {
            self.write_delta(out)
        };
        // zstd fails only for want of memory. Then the streams are lost, not the screen: the next update starts them anew.
        self.needs_whole = written.is_err();
        if written.is_err() {
            out.truncate(start);
            return false;
        }
        self.forget_changes();
        true
    }

    /// The screen as merged so far.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn forget_changes(&mut self) {
        self.dirt.fill(Dirt::default());
        self.dirty = 0;
        self.copies.clear();
        self.copied = 0;
    }

    /// Fills `survey` and counts the tiles of the piece that changed. Row by row, as pixels lie in memory; a tile that differs
    /// is not looked at any further.
    fn look_over(&mut self, piece: &Piece) -> usize {
        let area = &piece.rect;
        let columns = tiles_of(area.x, area.width);
        let rows = tiles_of(area.y, area.height);
        let wide = (columns.1 - columns.0) as usize;
        self.survey.clear();
        self.survey.resize(wide * (rows.1 - rows.0) as usize, false);
        for y in area.y..area.y + area.height {
            let start = (y / TILE - rows.0) as usize * wide;
            for (column, changed) in (columns.0..).zip(&mut self.survey[start..start + wide]) {
                if !*changed {
                    let (x, width) = piece.columns_in(column * TILE);
                    *changed = merge::differs(&self.canvas, piece, x, y, width);
                }
            }
        }
        self.survey.iter().filter(|&&changed| changed).count()
    }

    /// Columns that scrolled, if decoders can follow.
    fn find_scrolls(&mut self, piece: &Piece) -> Vec<Scroll> {
        let (first, end) = tiles_of(piece.rect.x, piece.rect.width);
        let rows = self.survey.chunks_exact((end - first) as usize);
        let changed = |x: u32| rows.clone().any(|row| row[(x / TILE - first) as usize]);
        let mut scrolls = self.scroll_finder.find(&self.canvas, piece, changed);
        scrolls.retain(|scroll| !self.is_dirty(&scroll.from()));
        let area = scrolls.iter().map(|scroll| scroll.to.area()).sum();
        if self.may_copy(scrolls.len(), area) {
            scrolls
        } else {
            Vec::new()
        }
    }

    /// Moves what was dragged, on the canvas and for decoders. False when nothing was.
    fn make_move(&mut self, piece: &Piece) -> bool {
        let tiles = self.grid.touched(&piece.rect).zip(&self.survey);
        let changed = tiles
            .filter(|(_, changed)| **changed)
            .map(|(tile, _)| piece.part(&self.grid.tile(tile)));
        match self.move_finder.find(&self.canvas, piece, changed) {
            Some(found) if !self.is_dirty(&found.from) && self.may_copy(1, found.to.area()) => {
                self.canvas.copy(found.from, found.to.x, found.to.y);
                self.note_copy(found);
                true
            }
            _ => false,
        }
    }

    fn may_copy(&self, count: usize, area: u64) -> bool {
        let screen = u64::from(self.canvas.width()) * u64::from(self.canvas.height());
        self.copied + area <= COPY_BUDGET * screen && self.copies.len() + count <= MAX_COPIES
    }

    fn note_copy(&mut self, copy: Move) {
        self.copied += copy.to.area();
        self.copies.push(copy);
    }

    /// Whether decoders lack a pixel of `rect`, which a copy would then spread.
    fn is_dirty(&self, rect: &Rect) -> bool {
        self.dirty > 0
            && self.grid.touched(rect).any(|tile| {
                let dirt = &self.dirt[tile as usize];
                !dirt.is_empty() && dirt.on(&self.grid.tile(tile)).intersects(rect)
            })
    }

    /// Merges the changed tiles that no scroll covers, row by row.
    fn merge_tiles(&mut self, piece: &Piece, scrolls: &[Scroll]) {
        let area = piece.rect;
        let columns = tiles_of(area.x, area.width);
        let wide = (columns.1 - columns.0) as usize;
        let first_row = area.y / TILE;
        for column in columns.0..columns.1 {
            if scrolls
                .iter()
                .any(|scroll| shares_column(scroll, column * TILE))
            {
                let tiles = self.survey.iter_mut().skip((column - columns.0) as usize);
                tiles.step_by(wide).for_each(|changed| *changed = false);
            }
        }
        for y in area.y..area.y + area.height {
            let start = (y / TILE - first_row) as usize * wide;
            for column in columns.0..columns.1 {
                if self.survey[start + (column - columns.0) as usize] {
                    let (x, width) = piece.columns_in(column * TILE);
                    self.merge_span(
                        piece,
                        Rect {
                            x,
                            y,
                            width,
                            height: 1,
                        },
                        None,
                    );
                }
            }
        }
    }

    /// Merges the columns of a scroll, row by row in the order in which no row is overwritten before it is needed.
    fn merge_scrolled(&mut self, piece: &Piece, scroll: Scroll) {
        let (top, height) = (piece.rect.y, piece.rect.height);
        for i in 0..height {
            let y = if scroll.distance > 0 {
                top + i
            } else {
                top + height - 1 - i
            };
            let inside = y >= scroll.to.y && u64::from(y) < scroll.to.bottom();
            let source = inside.then(|| y.wrapping_add_signed(scroll.distance));
            self.merge_row(
                piece,
                &Rect {
                    y,
                    height: 1,
                    ..scroll.to
                },
                source,
            );
        }
        self.note_copy(Move {
            from: scroll.from(),
            to: scroll.to,
        });
    }

    /// Merges one row of several tiles, comparing with row `source` if a copy brings that here.
    fn merge_row(&mut self, piece: &Piece, row: &Rect, source: Option<u32>) {
        if source.is_some_and(|source| !merge::merge_moved(&mut self.canvas, piece, row, source)) {
            return;
        }
        let columns = tiles_of(row.x, row.width);
        for column in columns.0..columns.1 {
            let (x, width) = piece.columns_in(column * TILE);
            self.merge_span(piece, Rect { x, width, ..*row }, source);
        }
    }

    /// Merges one row of one tile.
    fn merge_span(&mut self, piece: &Piece, span: Rect, source: Option<u32>) {
        let tile = span.y / TILE * self.grid.columns() + span.x / TILE;
        let dirt = &mut self.dirt[tile as usize];
        let clean = dirt.is_empty();
        match source {
            Some(source) => merge::note_moved(&self.canvas, piece, &span, source, dirt),
            None => merge::merge_row(&mut self.canvas, piece, &span, dirt),
        }
        self.dirty += usize::from(clean && !dirt.is_empty());
    }

    fn write_whole(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.writer.reset()?;
        self.number = 0;
        for index in 0..self.grid.count() {
            self.writer
                .tile(&self.canvas, index, &self.grid.tile(index), None)?;
        }
        out.extend([VERSION, KIND_WHOLE, 0]);
        put_varint(out, self.canvas.width());
        put_varint(out, self.canvas.height());
        self.writer.finish(out)
    }

    fn write_delta(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        self.number = self.number.wrapping_add(1);
        for copy in &self.copies {
            self.writer.copy(copy);
        }
        for (index, dirt) in (0..).zip(&self.dirt).filter(|(_, dirt)| !dirt.is_empty()) {
            let tile = self.grid.tile(index);
            self.writer
                .tile(&self.canvas, index, &tile, Some(dirt.on(&tile)))?;
        }
        out.extend([VERSION, KIND_DELTA, self.number]);
        self.writer.finish(out)
    }
}

/// Whether the column of tiles at `x` belongs to the scroll; scrolls consist of whole columns of the piece.
fn shares_column(scroll: &Scroll, x: u32) -> bool {
    u64::from(x) < scroll.to.right() && x + TILE > scroll.to.x
}
