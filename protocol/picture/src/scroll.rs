//! Finding what scrolled: columns of tiles that hold the same rows as before, a distance further up or down.
//!
//! The rows of one column of tiles are hashed before and after. Rows that were unique before vote for the distance they moved.
//! A sample of rows shows which other columns moved as far; the rest may have moved by another distance, as when two panes
//! scroll at once. All this only proposes: whatever a copy gets wrong is found by comparing pixels when it is merged.

use crate::merge::Piece;
use crate::shift::{Fate, Move, Offset, Shift};
use crate::{Canvas, RGB, Rect, TILE};

/// Fewest votes (rows of one tile's width) for a distance: by chance a few rows vote for the same.
const MIN_VOTES: u32 = 16;

/// Columns of tiles that may vote in vain, so that video pays little (about 50 µs each) for what it never finds.
const TRIES: u32 = 3;

/// Rows from one of the sample to the next: odd, so that no period of text falls in step with it.
const STEP: usize = 11;

/// What a row of the sample is worth that a distance explains, in half rows; and the least that a copy is worth: less saves no tile.
const GAIN: i32 = 2;
const MIN_WORTH: i32 = 3 * GAIN;

/// A table slot that no row took.
const FREE: u32 = u32::MAX;
/// A table slot that several rows claim: it can't say where a row went.
const AMBIGUOUS: u32 = u32::MAX - 1;

/// Room for the search, kept between pieces.
#[derive(Default)]
pub(crate) struct Finder {
    strips: Vec<Strip>,
    /// Hash before and after of each row of the strip that votes.
    rows: Vec<(u32, u32)>,
    /// (hash, row) by the hash's high bits.
    table: Vec<(u32, u32)>,
    /// By distance, from -(rows-1).
    votes: Vec<u32>,
}

/// A column of tiles.
#[derive(Clone, Copy)]
struct Strip {
    x: u32,
    width: u32,
    /// How many of its tiles changed.
    changed: usize,
    votes: Right,
    /// What the last distance explains.
    found: Match,
}

/// What a strip may still do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Vote,
    /// Too little of it changed, or it or its neighbour has voted.
    Join,
    /// It moves.
    None,
}

/// The stretch of a strip's sample that a distance explains best: where most is gained and least is wrong.
#[derive(Clone, Copy, Default)]
struct Match {
    /// The best stretch so far: first and last row of the screen, and what it is worth.
    rows: (u32, u32),
    worth: i32,
    /// The stretch that ends at the last row looked at: where it began, and what it is worth.
    first: u32,
    sum: i32,
    /// Rows that moved, that stayed, and that are new, in all of the strip.
    moved: u32,
    stayed: u32,
    new: u32,
}

impl Match {
    fn add(&mut self, y: u32, fate: Fate) {
        match fate {
            Fate::Moved => self.moved += 1,
            Fate::Stayed => self.stayed += 1,
            Fate::New => self.new += 1,
            Fate::Even => {}
        }
        if self.sum == 0 {
            self.first = y;
        }
        // A new row must be said in any case, but much that is new means that the rest fits by chance.
        self.sum += match fate {
            Fate::Moved => GAIN,
            Fate::Stayed => -GAIN,
            Fate::New => -1,
            Fate::Even => 0,
        };
        self.sum = self.sum.max(0);
        if self.sum > self.worth {
            self.worth = self.sum;
            self.rows = (self.first, y);
        }
    }

    /// Much is explained, or nearly all of what there is.
    fn is_sure(&self) -> bool {
        self.worth >= MIN_WORTH || self.worth > 0 && self.new <= self.moved
    }

    /// Before and after look the same, moved or not.
    fn is_even(&self) -> bool {
        self.moved + self.stayed + self.new == 0
    }
}

/// Strips side by side that move together.
struct Group {
    to: Rect,
    worth: i32,
    /// Width of strips at its right that look the same before and after, and move along if something beyond them does.
    even: u32,
}

impl Group {
    fn new(to: Rect, worth: i32) -> Group {
        let even = 0;
        Group { to, worth, even }
    }

    fn add(&mut self, to: Rect, worth: i32) {
        self.to = around(&self.to, &to);
        self.worth += worth;
        self.even = 0;
    }

    fn reaches(&self, x: u32) -> bool {
        self.to.right() + u64::from(self.even) == u64::from(x)
    }
}

impl Finder {
    /// Adds the copies that explain the piece to `moves`. `changed(x)` says how many tiles changed of the column that begins at `x`.
    pub(crate) fn find(
        &mut self,
        canvas: &Canvas,
        piece: &Piece,
        changed: impl Fn(u32) -> usize,
        moves: &mut Vec<Move>,
    ) {
        self.cut(piece, changed);
        let mut tries = TRIES;
        while let Some(voter) = self.next_voter() {
            let before = moves.len();
            let offset = self.vote(canvas, piece, self.strips[voter]);
            if let Some(shift) = offset.and_then(|offset| Shift::new(canvas, piece, offset)) {
                self.compare(&shift);
                self.group(&shift, moves);
            }
            if moves.len() == before {
                tries -= 1;
                if tries == 0 {
                    return;
                }
            }
            self.excuse(voter);
        }
    }

    fn cut(&mut self, piece: &Piece, changed: impl Fn(u32) -> usize) {
        self.strips.clear();
        let area = piece.rect;
        let end = area.x + area.width;
        let enough = 2.max((area.height / TILE / 4) as usize);
        let mut x = area.x;
        while x < end {
            let next = (x / TILE + 1) * TILE;
            let (width, changed) = (next.min(end) - x, changed(x));
            let votes = if changed >= enough {
                Right::Vote
            } else {
                Right::Join
            };
            self.strips.push(Strip {
                x,
                width,
                changed,
                votes,
                found: Match::default(),
            });
            x = next;
        }
    }

    /// The strip that changed most: there is most to know where it changed.
    fn next_voter(&self) -> Option<usize> {
        let strips = self.strips.iter().enumerate().rev();
        let voters = strips.filter(|(_, strip)| strip.votes == Right::Vote);
        let most = voters.max_by_key(|(_, strip)| strip.changed);
        most.map(|(voter, _)| voter)
    }

    /// Neither a strip that voted nor its neighbours vote again.
    fn excuse(&mut self, voter: usize) {
        let end = self.strips.len().min(voter + 2);
        for strip in &mut self.strips[voter.saturating_sub(1)..end] {
            if strip.votes == Right::Vote {
                strip.votes = Right::Join;
            }
        }
    }

    /// The distance that most rows of a strip moved.
    fn vote(&mut self, canvas: &Canvas, piece: &Piece, strip: Strip) -> Option<Offset> {
        let (top, height) = (piece.rect.y, piece.rect.height as usize);
        self.rows.clear();
        self.rows.extend((top..top + piece.rect.height).map(|y| {
            let old = canvas.span(strip.x, y, strip.width);
            (hash_row(old), hash_row(piece.span(strip.x, y, strip.width)))
        }));
        let rows = &self.rows;
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
        self.votes.clear();
        self.votes.resize(2 * height, 0);
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
        let winner = (0..self.votes.len()).max_by_key(|&at| self.votes[at])?;
        let distance = winner as i32 - height as i32;
        let sure = self.votes[winner] >= MIN_VOTES && distance != 0;
        sure.then_some(Offset { x: 0, y: distance })
    }

    /// Finds out what the distance explains of each strip that does not move yet. Row by row, as pixels lie in memory.
    fn compare(&mut self, shift: &Shift) {
        for strip in &mut self.strips {
            strip.found = Match::default();
        }
        for y in (shift.area.y..shift.area.y + shift.area.height).step_by(STEP) {
            for strip in self
                .strips
                .iter_mut()
                .filter(|strip| strip.votes != Right::None)
            {
                strip.found.add(y, shift.fate(strip.x, y, strip.width));
            }
        }
    }

    /// Joins neighbouring strips that the distance explains, and makes the edges exact.
    fn group(&mut self, shift: &Shift, moves: &mut Vec<Move>) {
        let mut groups: Vec<Group> = Vec::new();
        for strip in self
            .strips
            .iter()
            .filter(|strip| strip.votes != Right::None)
        {
            let (x, width, found) = (strip.x, strip.width, strip.found);
            let last = groups.last_mut().filter(|group| group.reaches(x));
            if found.is_sure() {
                let (y, height) = (found.rows.0, found.rows.1 - found.rows.0 + 1);
                let to = Rect {
                    x,
                    y,
                    width,
                    height,
                };
                match last {
                    Some(group) => group.add(to, found.worth),
                    None => groups.push(Group::new(to, found.worth)),
                }
            } else if let (Some(group), true) = (last, found.is_even()) {
                group.even += width;
            }
        }
        groups.retain(|group| group.worth >= MIN_WORTH);
        for strip in &mut self.strips {
            let x = u64::from(strip.x);
            let moves = |group: &Group| strip.x >= group.to.x && x < group.to.right();
            if groups.iter().any(moves) {
                strip.votes = Right::None;
            }
        }
        moves.extend(groups.iter().map(|group| shift.fit(group.to)));
    }
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
