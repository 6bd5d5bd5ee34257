//! Finding what scrolled: which columns of tiles hold the same rows as before, a distance further up or down.
//!
//! Rows of 64 pixels are hashed before and after. Rows that were unique before vote for the distance they moved; each column of
//! tiles that the winner explains joins a copy. The hashes only propose: whatever a copy gets wrong is found by
//! comparing pixels when the piece is merged.

use crate::merge::Piece;
use crate::{Canvas, RGB, Rect, TILE};

/// Fewest votes (rows of one tile's width) for a distance: fewer would save less than a tile.
const MIN_VOTES: u32 = 24;

/// A table slot that no row took.
const FREE: u32 = u32::MAX;
/// A table slot that several rows claim: it can't say where a row went.
const AMBIGUOUS: u32 = u32::MAX - 1;

/// What moved: rows `to` now hold what was `distance` rows further down (or up, when negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scroll {
    pub(crate) to: Rect,
    pub(crate) distance: i32,
}

impl Scroll {
    pub(crate) fn from(&self) -> Rect {
        Rect {
            y: self.to.y.wrapping_add_signed(self.distance),
            ..self.to
        }
    }
}

/// Room for the search, kept between pieces.
#[derive(Default)]
pub(crate) struct Finder {
    strips: Vec<Strip>,
    /// Hash before and after of each row, strip by strip.
    rows: Vec<(u32, u32)>,
    /// (hash, row) by the hash's low bits.
    table: Vec<(u32, u32)>,
    /// By distance, from -(rows-1).
    votes: Vec<u32>,
}

/// A column of tiles that changed.
#[derive(Clone, Copy)]
struct Strip {
    x: u32,
    width: u32,
}

/// Rows of a strip, from the piece's top, that a distance explains, and how many of them would be wrong without it.
#[derive(Clone, Copy)]
struct Match {
    first: u32,
    end: u32,
    gain: i64,
}

impl Finder {
    /// The copies that explain the piece, side by side. `changed(x)` says whether the column of tiles that begins at `x` changed.
    pub(crate) fn find(
        &mut self,
        canvas: &Canvas,
        piece: &Piece,
        changed: impl Fn(u32) -> bool,
    ) -> Vec<Scroll> {
        let height = piece.rect.height;
        self.hash(canvas, piece, changed);
        self.votes.clear();
        self.votes.resize(2 * height as usize, 0);
        for strip in 0..self.strips.len() {
            self.vote(strip, height as usize);
        }
        let winner = (0..self.votes.len()).max_by_key(|&at| self.votes[at]);
        match winner {
            Some(at) if self.votes[at] >= MIN_VOTES => self.group(piece, at as i32 - height as i32),
            _ => Vec::new(),
        }
    }

    fn hash(&mut self, canvas: &Canvas, piece: &Piece, changed: impl Fn(u32) -> bool) {
        self.strips.clear();
        let area = piece.rect;
        let end = area.x + area.width;
        let mut x = area.x;
        while x < end {
            let next = (x / TILE + 1) * TILE;
            if changed(x) {
                let width = next.min(end) - x;
                self.strips.push(Strip { x, width });
            }
            x = next;
        }
        // Row by row, as they lie in memory: strip by strip takes three times as long.
        let height = area.height as usize;
        self.rows.clear();
        self.rows.resize(self.strips.len() * height, (0, 0));
        for y in 0..area.height {
            for (i, strip) in self.strips.iter().enumerate() {
                let old = canvas.span(strip.x, area.y + y, strip.width);
                let new = piece.span(strip.x, area.y + y, strip.width);
                self.rows[i * height + y as usize] = (hash_row(old), hash_row(new));
            }
        }
    }

    fn vote(&mut self, strip: usize, height: usize) {
        let rows = &self.rows[strip * height..][..height];
        // Two slots a row: of the rows that share a slot none can vote.
        let bits = (2 * height).next_power_of_two().ilog2();
        let slot_of = |hash: u32| (hash >> (32 - bits)) as usize;
        self.table.clear();
        self.table.resize(1 << bits, (0, FREE));
        for y in 1..height {
            if rows[y].0 != rows[y - 1].0 {
                let slot = &mut self.table[slot_of(rows[y].0)];
                let taken = slot.1 != FREE;
                *slot = (rows[y].0, if taken { AMBIGUOUS } else { y as u32 });
            }
        }
        for y in 1..height {
            let (old, new) = rows[y];
            if new == old || new == rows[y - 1].1 {
                continue;
            }
            let (hash, from) = self.table[slot_of(new)];
            if hash == new && from < AMBIGUOUS {
                self.votes[from as usize + height - y] += 1;
            }
        }
    }

    /// Joins neighbouring strips that the distance explains.
    fn group(&self, piece: &Piece, distance: i32) -> Vec<Scroll> {
        let mut scrolls: Vec<Scroll> = Vec::new();
        let mut pending: Option<(Scroll, i64)> = None;
        for (i, strip) in self.strips.iter().enumerate() {
            let found = self.explain(i, piece.rect.height, distance);
            let Some(found) = found else {
                scrolls.extend(pending.take().and_then(worthwhile));
                continue;
            };
            let y = piece.rect.y + found.first;
            let height = found.end - found.first;
            let to = Rect {
                x: strip.x,
                y,
                width: strip.width,
                height,
            };
            match &mut pending {
                Some((scroll, gain)) if scroll.to.right() == u64::from(strip.x) => {
                    scroll.to = around(&scroll.to, &to);
                    *gain += found.gain;
                }
                _ => {
                    scrolls.extend(pending.take().and_then(worthwhile));
                    pending = Some((Scroll { to, distance }, found.gain));
                }
            }
        }
        scrolls.extend(pending.and_then(worthwhile));
        scrolls
    }

    /// The rows of a strip between the first and the last that moved by the distance; `None` when copying would spoil more than it brings.
    fn explain(&self, strip: usize, height: u32, distance: i32) -> Option<Match> {
        let rows = &self.rows[strip * height as usize..][..height as usize];
        let mut found: Option<Match> = None;
        let mut harm = 0;
        let first = 0.max(-distance) as u32;
        let end = height.min(height.saturating_add_signed(-distance));
        for y in first..end {
            let (before, after) = rows[y as usize];
            let moved = rows[y.saturating_add_signed(distance) as usize].0;
            match (after == moved, after == before) {
                (true, false) => {
                    let gain = found.map_or(0, |found| found.gain - harm) + 1;
                    let first = found.map_or(y, |found| found.first);
                    found = Some(Match {
                        first,
                        end: y + 1,
                        gain,
                    });
                    harm = 0;
                }
                (false, true) => harm += 1,
                _ => {}
            }
        }
        found.filter(|found| found.gain > 0)
    }
}

fn worthwhile((scroll, gain): (Scroll, i64)) -> Option<Scroll> {
    (gain >= i64::from(MIN_VOTES)).then_some(scroll)
}

/// The smallest rectangle around both.
fn around(a: &Rect, b: &Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let width = a.right().max(b.right()) as u32 - x;
    let height = a.bottom().max(b.bottom()) as u32 - y;
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// A sum without order, so that it becomes vector code; what is mixed in makes the place of each pixel count.
fn hash_row(pixels: &[u32]) -> u32 {
    let sum = pixels
        .iter()
        .zip(&PLACES)
        .fold(0u32, |sum, (pixel, place)| {
            let mixed = (pixel & RGB) ^ place;
            sum.wrapping_add(mixed ^ (mixed << 7))
        });
    sum.wrapping_mul(0x9E37_79B1)
}

/// A different pattern of bits for each pixel of a row.
const PLACES: [u32; TILE as usize] = {
    let mut places = [0; TILE as usize];
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut i = 0;
    while i < places.len() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        places[i] = (state >> 32) as u32;
        i += 1;
    }
    places
};
