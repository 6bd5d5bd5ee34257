//! The sender's side: a screen, what of it the other side does not have yet, and how that is said.

use crate::anchors;
use crate::grid::{Grid, Parts, tiles_of};
use crate::memory::Memory;
use crate::merge::{self, Piece};
use crate::motion::Motion;
use crate::patience::Patience;
use crate::scroll;
use crate::shift::Move;
use crate::wire::*;
use crate::writer::Writer;
use crate::{Canvas, PictureError, Rect, TILE};
use std::ops::Range;

mod film;
mod update;

pub use film::VideoJob;
pub use update::{SKETCH, Terms};

/// Fewest changed tiles of a piece for which a search for what moved is worth its time (about 5 µs a tile).
const COPY_MIN_TILES: usize = 6;

/// Rows of the sample in which changed tiles are looked for: about five a tile, and odd, so that no period of text falls in step.
const SURVEY_STEP: usize = 13;

/// What is known of a tile of a piece.
#[derive(Clone, Copy, Default)]
struct Survey {
    changed: bool,
    /// Nothing of it is left to merge.
    merged: bool,
}

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
    /// What decoders do not have.
    dirt: Parts,
    /// What they have, but only roughly.
    rough: Parts,
    /// What the picture of the video brings them that is being coded.
    filmed: Parts,
    motion: Motion,
    filming: film::Filming,
    /// The tile with which the next update begins.
    resume_at: u32,
    copies: Vec<Move>,
    /// Pixels that `copies` move.
    copied: u64,
    needs_whole: bool,
    /// Of the next delta.
    number: u8,
    scroll_finder: scroll::Finder,
    move_finder: anchors::Finder,
    patience: Patience,
    /// What may have moved in the piece being merged.
    moves: Vec<Move>,
    /// By tile of that piece.
    survey: Vec<Survey>,
    /// One row of what decoders have where something moved.
    row: Vec<u32>,
    memory: Memory,
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
            dirt: Parts::new(&grid),
            rough: Parts::new(&grid),
            filmed: Parts::new(&grid),
            motion: Motion::new(&grid),
            filming: film::Filming::default(),
            resume_at: 0,
            copies: Vec::new(),
            copied: 0,
            needs_whole: true,
            number: 0,
            scroll_finder: scroll::Finder::default(),
            move_finder: anchors::Finder::default(),
            patience: Patience::default(),
            moves: Vec::new(),
            survey: Vec::new(),
            row: Vec::new(),
            memory: Memory::new(&grid),
            writer: Writer::new()?,
        })
    }

    /// Starts over with a black screen of another size; the next update is whole.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        let canvas = Canvas::new(width, height)?;
        self.canvas = canvas;
        self.grid = Grid::new(width, height);
        self.memory = Memory::new(&self.grid);
        self.dirt = Parts::new(&self.grid);
        self.rough = Parts::new(&self.grid);
        self.filmed = Parts::new(&self.grid);
        self.motion = Motion::new(&self.grid);
        self.filming.end();
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
        self.filming.touch();
        if self.needs_whole {
            return merge::merge(&mut self.canvas, &piece);
        }
        let tiles = self.grid.touched(&piece.rect).count();
        self.survey.clear();
        self.survey.resize(tiles, Survey::default());
        // What a film shows next was not to be seen before.
        let large = tiles >= COPY_MIN_TILES && !self.filming.shows(&piece.rect);
        if large && self.look_over(&piece) >= COPY_MIN_TILES {
            self.make_moves(&piece);
        } else {
            self.patience.rest();
        }
        self.merge_tiles(&piece);
    }

    /// The screen as merged so far.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn forget_changes(&mut self) {
        self.dirt.clear();
        self.rough.clear();
        self.filmed.clear();
        self.filming.forget();
        self.copies.clear();
        self.copied = 0;
    }

    /// Looks at a sample of rows for tiles of the piece that changed, and counts them.
    fn look_over(&mut self, piece: &Piece) -> usize {
        let area = piece.rect;
        let (first, end) = tiles_of(area.x, area.width);
        let wide = (end - first) as usize;
        for y in (area.y..area.y + area.height).step_by(SURVEY_STEP) {
            if !merge::differs(&self.canvas, piece, area.x, y, area.width) {
                continue;
            }
            let start = (y / TILE - area.y / TILE) as usize * wide;
            for (column, tile) in (first..).zip(&mut self.survey[start..start + wide]) {
                let (x, width) = piece.columns_in(column * TILE);
                tile.changed |= merge::differs(&self.canvas, piece, x, y, width);
            }
        }
        self.survey.iter().filter(|tile| tile.changed).count()
    }

    /// Finds what moved in the piece and merges that, as far as decoders can follow.
    fn make_moves(&mut self, piece: &Piece) {
        let mut moves = std::mem::take(&mut self.moves);
        moves.clear();
        if self.patience.allows() {
            self.find_moves(piece, &mut moves);
            self.patience.learn(!moves.is_empty());
        }
        for found in &moves {
            if self.may_copy(found) {
                self.merge_moved(piece, found);
            }
        }
        self.moves = moves;
    }

    fn find_moves(&mut self, piece: &Piece, moves: &mut Vec<Move>) {
        let (first, end) = tiles_of(piece.rect.x, piece.rect.width);
        let rows = self.survey.chunks_exact((end - first) as usize);
        let changed = |x: u32| {
            let column = (x / TILE - first) as usize;
            rows.clone().filter(|row| row[column].changed).count()
        };
        self.scroll_finder.find(&self.canvas, piece, changed, moves);
        if moves.is_empty() {
            let tiles = self.grid.touched(&piece.rect).zip(&self.survey);
            let changed = tiles
                .filter(|(_, survey)| survey.changed)
                .map(|(tile, _)| piece.part(&self.grid.tile(tile)));
            moves.extend(self.move_finder.find(&self.canvas, piece, changed));
        }
    }

    /// Whether decoders may be asked to move that much.
    fn may_copy(&self, found: &Move) -> bool {
        let screen = u64::from(self.canvas.width()) * u64::from(self.canvas.height());
        self.copied + found.to.area() <= COPY_BUDGET * screen && self.copies.len() < MAX_COPIES
    }

    /// Merges what moved, row by row in the order in which no row is overwritten before it is needed.
    fn merge_moved(&mut self, piece: &Piece, found: &Move) {
        let Move { from, to } = *found;
        for tile in self.grid.touched(&to) {
            self.remember(tile, !from.contains(&self.grid.tile(tile)));
        }
        self.leave_out_film();
        // A copy takes along what decoders lack or know only roughly.
        self.dirt.copy(&self.grid, &from, &to);
        self.rough.copy(&self.grid, &from, &to);
        let mut moved = std::mem::take(&mut self.row);
        for i in 0..to.height {
            let i = if from.y >= to.y { i } else { to.height - 1 - i };
            let row = Rect {
                y: to.y + i,
                height: 1,
                ..to
            };
            let source = (from.x, from.y + i);
            if merge::merge_moved(&mut self.canvas, piece, &row, source, &mut moved) {
                self.note_moved(piece, &row, &moved);
            }
        }
        self.row = moved;
        self.copied += to.area();
        self.copies.push(*found);
        for (tile, survey) in self.grid.touched(&piece.rect).zip(&mut self.survey) {
            survey.merged |= to.contains(&piece.part(&self.grid.tile(tile)));
        }
    }

    /// Notes what a move got wrong in one row of several tiles.
    fn note_moved(&mut self, piece: &Piece, row: &Rect, moved: &[u32]) {
        let columns = tiles_of(row.x, row.width);
        let first_tile = row.y / TILE * self.grid.columns();
        for column in columns.0..columns.1 {
            let x = (column * TILE).max(row.x);
            let width = ((column + 1) * TILE).min(row.x + row.width) - x;
            let moved = &moved[(x - row.x) as usize..][..width as usize];
            let part = Rect { x, width, ..*row };
            self.dirt.change(first_tile + column, |dirt| {
                merge::note_moved(piece, &part, moved, dirt);
            });
        }
    }

    /// Merges the tiles that did not move.
    fn merge_tiles(&mut self, piece: &Piece) {
        let area = piece.rect;
        let (first, end) = tiles_of(area.x, area.width);
        let survey = std::mem::take(&mut self.survey);
        let tile_rows = survey.chunks_exact((end - first) as usize);
        for (row, tiles) in (area.y / TILE..).zip(tile_rows) {
            if tiles.iter().any(|tile| !tile.merged) {
                self.merge_tile_row(piece, row, tiles);
            }
        }
        self.survey = survey;
    }

    /// Merges the tiles of a row of them that are not merged yet, run by run.
    fn merge_tile_row(&mut self, piece: &Piece, row: u32, tiles: &[Survey]) {
        let mut first = piece.rect.x / TILE;
        for run in tiles.chunk_by(|a, b| a.merged == b.merged) {
            let end = first + run.len() as u32;
            if !run[0].merged {
                self.merge_run(piece, row, first..end);
            }
            first = end;
        }
    }

    /// Merges tiles side by side, one row of pixels after the other as they lie in memory.
    fn merge_run(&mut self, piece: &Piece, row: u32, columns: Range<u32>) {
        let area = piece.rect;
        let top = (row * TILE).max(area.y);
        let bottom = ((row + 1) * TILE).min(area.y + area.height);
        let x = (columns.start * TILE).max(area.x);
        let width = (columns.end * TILE).min(area.x + area.width) - x;
        // Of the row of pixels above. While those are few it is quicker to compare all of a row at once.
        let mut differing = 0;
        for y in top..bottom {
            let few = 2 * differing < columns.len();
            if few && !merge::differs(&self.canvas, piece, x, y, width) {
                continue;
            }
            let tiles = columns.clone();
            differing = tiles
                .filter(|&column| self.merge_tile(piece, column, y))
                .count();
        }
    }

    /// Merges one row of pixels of one tile. Whether they differed.
    fn merge_tile(&mut self, piece: &Piece, column: u32, y: u32) -> bool {
        let (x, width) = piece.columns_in(column * TILE);
        let height = 1;
        let row = Rect {
            x,
            y,
            width,
            height,
        };
        if !merge::differs(&self.canvas, piece, x, y, width) {
            return false;
        }
        let tile = y / TILE * self.grid.columns() + column;
        self.remember(tile, true);
        let canvas = &mut self.canvas;
        self.dirt.change(tile, |dirt| {
            merge::merge_row(canvas, piece, &row, dirt);
        });
        true
    }

    /// Before a tile changes: what it shows may come back. Not if it is not `lost`, because it is still to be seen elsewhere.
    fn remember(&mut self, tile: u32, lost: bool) {
        if !self.memory.knows(tile) {
            let parts = [&self.dirt, &self.rough, &self.filmed];
            let exact = parts.iter().all(|parts| parts.of(tile).is_empty());
            let rect = self.grid.tile(tile);
            self.memory.note(&self.canvas, tile, &rect, lost && exact);
        }
    }
}
