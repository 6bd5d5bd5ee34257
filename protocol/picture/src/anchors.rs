//! Finding a window that was dragged: one rectangle that moved in any direction.
//!
//! A few busy stretches of the changed tiles, the *probes*, are hashed. A rolling hash over the old rows finds where they were, until
//! enough of them agree on an offset. What the offset explains is then measured by comparing pixels. As with scrolling this
//! only proposes: merging the piece finds whatever the copy gets wrong.

use crate::merge::Piece;
use crate::shift::{Fate, Move, Offset, Shift, same};
use crate::{Canvas, RGB, Rect};

/// Pixels of a probe: wide enough, four letters, that busy ones rarely repeat.
const PROBE: usize = 32;

/// Rows of a tile that get a probe each, in pixels from its top: so far apart that some meet letters however lines of text lie.
const PROBE_ROWS: [u32; 4] = [2, 21, 40, 59];

/// Fewest changes of colour in a probe: less is an edge or a frame, which looks alike in many places.
const BUSY: usize = 4;

/// Probes that must agree on an offset: by chance a few do.
const AGREE: u32 = 8;

/// log2 of the slots of the offsets' table: some for each probe, as text leads astray.
const OFFSET_BITS: u32 = 10;

/// Old pixels searched at most, so that video pays little (about half a millisecond) for what it never finds.
const SEARCH: u64 = 256 * 1024;

/// log2 of the slots of the probe table, far more than there are probes.
const TABLE_BITS: u32 = 12;

/// Factor of the rolling hash; odd, with bits everywhere.
const FACTOR: u32 = 0x2C92_77B5;

/// The same to the power of [`PROBE`].
const LEAVING: u32 = FACTOR.wrapping_pow(PROBE as u32);

/// Width in pixels of the stretches that are compared to measure what moved, and from one row of them to the next.
const STRETCH: u32 = 16;
const STEP: usize = 3;

/// Room for the search, kept between pieces.
#[derive(Default)]
pub(crate) struct Finder {
    /// Hash and place of each probe by slot; several in a slot leave none.
    table: Vec<Slot>,
    /// Offsets and their votes, by a hash of the offset.
    offsets: Vec<(Offset, u32)>,
}

#[derive(Clone, Copy, Default)]
enum Slot {
    #[default]
    Free,
    Shared,
    Probe {
        hash: u32,
        x: u32,
        y: u32,
    },
}

impl Finder {
    /// The rectangle that moved, if one explains enough of the changed tiles (their parts in the piece).
    pub(crate) fn find(
        &mut self,
        canvas: &Canvas,
        piece: &Piece,
        changed: impl Iterator<Item = Rect>,
    ) -> Option<Move> {
        self.table.clear();
        self.table.resize(1 << TABLE_BITS, Slot::Free);
        let probes: u32 = changed.map(|part| self.probe(canvas, piece, &part)).sum();
        if probes < AGREE {
            return None;
        }
        let offset = self.search(canvas, piece)?;
        let shift = Shift::new(canvas, piece, offset)?;
        let found = Extent::default().measure(&shift)?;
        Some(shift.fit(found))
    }

    /// Sets probes in a changed part of the piece, and counts them.
    fn probe(&mut self, canvas: &Canvas, piece: &Piece, part: &Rect) -> u32 {
        let mut count = 0;
        let rows = PROBE_ROWS.into_iter().filter(|&row| row < part.height);
        for y in rows.map(|row| part.y + row) {
            let new = piece.span(part.x, y, part.width);
            let old = canvas.span(part.x, y, part.width);
            let starts = (0..(new.len() + 1).saturating_sub(PROBE)).step_by(PROBE / 2);
            let stretch = |at: usize| at..at + PROBE;
            let mut starts = starts.filter(|&at| is_busy(&new[stretch(at)]));
            let place = starts.find(|&at| !same(&new[stretch(at)], &old[stretch(at)]));
            if let Some(at) = place {
                self.set(hash(&new[stretch(at)]), part.x + at as u32, y);
                count += 1;
            }
        }
        count
    }

    fn set(&mut self, hash: u32, x: u32, y: u32) {
        let slot = &mut self.table[slot_of(hash)];
        *slot = if let Slot::Free = slot {
            Slot::Probe { hash, x, y }
        } else {
            Slot::Shared
        };
    }

    /// The offset on which enough probes agree. From the middle row on, then from the top: the middle of what changed when a window was
    /// dragged nearly always belongs to the window.
    fn search(&mut self, canvas: &Canvas, piece: &Piece) -> Option<Offset> {
        self.offsets.clear();
        self.offsets
            .resize(1 << OFFSET_BITS, (Offset { x: 0, y: 0 }, 0));
        let area = piece.rect;
        let rows = (SEARCH / u64::from(area.width)).min(u64::from(area.height)) as u32;
        let middle = area.height / 2;
        for y in (0..rows).map(|row| area.y + (middle + row) % area.height) {
            let old = canvas.span(area.x, y, area.width);
            let first = old.get(..PROBE)?;
            let mut rolling = hash(first);
            let mut found = self.look(rolling, area.x, y);
            for (x, (leaves, enters)) in (area.x + 1..).zip(old.iter().zip(&old[PROBE..])) {
                let entered = rolling.wrapping_mul(FACTOR).wrapping_add(*enters);
                rolling = entered.wrapping_sub(leaves.wrapping_mul(LEAVING));
                found = found.or_else(|| self.look(rolling, x, y));
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Counts the probe that looks like the old stretch at `x`, `y`; its offset when that settles the matter.
    #[inline]
    fn look(&mut self, hash: u32, x: u32, y: u32) -> Option<Offset> {
        match self.table[slot_of(hash)] {
            Slot::Probe {
                hash: probe,
                x: now_x,
                y: now_y,
            } if probe == hash => self.count(Offset {
                x: x as i32 - now_x as i32,
                y: y as i32 - now_y as i32,
            }),
            _ => None,
        }
    }

    fn count(&mut self, offset: Offset) -> Option<Offset> {
        let place = offset.x as u32 ^ (offset.y as u32) << 16;
        let slot = place.wrapping_mul(0x9E37_79B1) >> (32 - OFFSET_BITS);
        let (other, votes) = &mut self.offsets[slot as usize];
        if *other == offset {
            *votes += 1;
            return (*votes >= AGREE).then_some(offset);
        }
        if *votes <= 1 {
            (*other, *votes) = (offset, 1);
        }
        None
    }
}

/// Measures what an offset explains.
#[derive(Default)]
struct Extent {
    /// Around the stretches that are explained: left, top, right, bottom.
    bounds: Option<(u32, u32, u32, u32)>,
    /// Stretches that the offset explains.
    gain: u32,
    /// Stretches between those that stayed and that the offset gets wrong.
    harm: u32,
    /// The same since the last explained one: perhaps they lie below all that moved.
    doubtful: u32,
}

impl Extent {
    fn measure(mut self, shift: &Shift) -> Option<Rect> {
        let area = shift.area;
        let end = area.x + area.width;
        for y in (area.y..area.y + area.height).step_by(STEP) {
            for x in (area.x..end).step_by(STRETCH as usize) {
                let width = STRETCH.min(end - x);
                match shift.fate(x, y, width) {
                    Fate::Moved => self.gain(x, y, width),
                    Fate::Stayed if self.inside(x, y) => self.doubtful += 1,
                    _ => {}
                }
            }
        }
        let (left, top, right, bottom) = self.bounds.filter(|_| self.gain > 2 * self.harm)?;
        Some(Rect {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        })
    }

    fn gain(&mut self, x: u32, y: u32, width: u32) {
        self.gain += 1;
        self.harm += std::mem::take(&mut self.doubtful);
        let (left, top, right, bottom) = self.bounds.unwrap_or((x, y, x, y));
        self.bounds = Some((
            left.min(x),
            top.min(y),
            right.max(x + width),
            bottom.max(y + 1),
        ));
    }

    /// Whether the explained stretches so far leave this one outside on no side but the lower one.
    fn inside(&self, x: u32, y: u32) -> bool {
        self.bounds
            .is_some_and(|(left, top, right, _)| x >= left && x < right && y >= top)
    }
}

fn is_busy(pixels: &[u32]) -> bool {
    pixels
        .windows(2)
        .filter(|pair| (pair[0] ^ pair[1]) & RGB != 0)
        .count()
        >= BUSY
}

fn hash(pixels: &[u32]) -> u32 {
    pixels.iter().fold(0, |hash, pixel| {
        hash.wrapping_mul(FACTOR).wrapping_add(pixel & RGB)
    })
}

fn slot_of(hash: u32) -> usize {
    (hash.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}
