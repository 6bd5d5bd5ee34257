//! Which earlier contents of tiles are worth remembering: what stood for a while before something else came, such as a window before
//! another hides it, or a page before it is turned.
//!
//! Both sides remember the same, because the encoder says what is kept and where. It looks only for what the same tile showed
//! before: that is what comes back when a menu closes, a window moves on or a page is turned back, and it costs no search.

use crate::grid::Grid;
use crate::store::Store;
use crate::wire::{MAX_KEEPS, SLOTS};
use crate::{Canvas, Rect};

/// Contents remembered for each tile: two windows and what was in them before, or four pages.
const EACH: usize = 4;

/// A tile that changed twice within so many updates is restless, as video and scrolling text are: its content will not come back.
const RESTLESS: u32 = 8;

/// Fewest pixels that are recalled: fewer are said as quickly.
const FEWEST: u64 = 64;

/// No slot.
const NONE: u16 = u16::MAX;

/// A tile's content that decoders are yet to be told to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Keep {
    pub(crate) tile: u32,
    pub(crate) slot: usize,
}

pub(crate) struct Memory {
    store: Store,
    /// By slot.
    owners: Vec<Owner>,
    /// By tile: the slots of what it showed before, the newest first.
    shelves: Vec<[u16; EACH]>,
    /// By tile: the last two updates in which it changed, the newest first.
    changes: Vec<[u32; 2]>,
    keeps: Vec<Keep>,
    /// The slot to be looked at next when one is needed.
    hand: usize,
    /// The number of the next update, counted on over wholes.
    now: u32,
}

/// Whose content a slot holds.
#[derive(Clone, Copy)]
struct Owner {
    tile: u32,
    /// It was wanted since the hand last passed.
    wanted: bool,
    /// Kept since this update.
    since: u32,
}

impl Memory {
    pub(crate) fn new(grid: &Grid) -> Memory {
        let tiles = grid.count() as usize;
        Memory {
            store: Store::default(),
            owners: Vec::new(),
            shelves: vec![[NONE; EACH]; tiles],
            changes: vec![[0; 2]; tiles],
            keeps: Vec::new(),
            hand: 0,
            now: RESTLESS + 1,
        }
    }

    /// Forgets all contents, as decoders do at a whole.
    pub(crate) fn clear(&mut self) {
        self.store.clear();
        self.owners.clear();
        self.shelves.fill([NONE; EACH]);
        self.keeps.clear();
        self.hand = 0;
    }

    /// An update was said.
    pub(crate) fn turn(&mut self) {
        self.now = self.now.wrapping_add(1);
        self.keeps.clear();
    }

    /// Must hear of every tile before the first change in an update: its content may be worth keeping. Not if it is not `exact`, that is, if
    /// decoders have another.
    pub(crate) fn note(&mut self, canvas: &Canvas, index: u32, tile: &Rect, exact: bool) {
        let now = self.now;
        let [last, before] = &mut self.changes[index as usize];
        if *last == now {
            return;
        }
        let restless = now.wrapping_sub(*before) <= RESTLESS;
        (*before, *last) = (*last, now);
        if !restless && exact && self.keeps.len() < MAX_KEEPS {
            self.keep(canvas, index, tile);
        }
    }

    /// Whether a tile changed in this update already.
    pub(crate) fn knows(&self, index: u32) -> bool {
        self.changes[index as usize][0] == self.now
    }

    fn keep(&mut self, canvas: &Canvas, index: u32, tile: &Rect) {
        // One colour is said as quickly as a slot.
        if canvas.solid(tile).is_some() || self.find(canvas, index, tile, tile).is_some() {
            return;
        }
        let shelf = &mut self.shelves[index as usize];
        let slot = match shelf[EACH - 1] {
            NONE => self.free_slot(),
            oldest => usize::from(oldest),
        };
        let size = (tile.width, tile.height);
        if self.store.expect(slot, size).is_err() {
            return;
        }
        self.store.keep(canvas, tile, slot);
        self.owners[slot] = Owner {
            tile: index,
            wanted: false,
            since: self.now,
        };
        let shelf = &mut self.shelves[index as usize];
        shelf.rotate_right(1);
        shelf[0] = slot as u16;
        self.keeps.push(Keep { tile: index, slot });
    }

    /// A slot that nobody wanted for longest, taken from its owner. Never one that was filled since the last update: at most half of
    /// them were.
    fn free_slot(&mut self) -> usize {
        if self.store.len() < SLOTS {
            self.owners.push(Owner {
                tile: 0,
                wanted: false,
                since: self.now,
            });
            return self.store.len();
        }
        loop {
            let slot = self.hand;
            self.hand = (slot + 1) % SLOTS;
            let owner = &mut self.owners[slot];
            if owner.since != self.now && !std::mem::take(&mut owner.wanted) {
                let shelf = &mut self.shelves[owner.tile as usize];
                if let Some(place) = shelf.iter().position(|&other| usize::from(other) == slot) {
                    shelf[place..].rotate_left(1);
                    shelf[EACH - 1] = NONE;
                }
                return slot;
            }
        }
    }

    /// The slot that holds what a part of a tile shows now. The pixels are compared.
    fn find(&mut self, canvas: &Canvas, index: u32, tile: &Rect, part: &Rect) -> Option<usize> {
        if part.area() < FEWEST {
            return None;
        }
        let corner = (tile.x, tile.y);
        let (x, y) = (part.x - tile.x, part.y - tile.y);
        let part = Rect { x, y, ..*part };
        let shelf = self.shelves[index as usize];
        let slots = shelf.iter().filter(|&&slot| slot != NONE);
        let slot = slots
            .map(|&slot| usize::from(slot))
            .find(|&slot| self.store.shows(canvas, corner, &part, slot))?;
        self.owners[slot].wanted = true;
        Some(slot)
    }

    /// The slot that holds what a part of a tile shows now, and that part: all of the tile if the slot holds that, which is shorter to say.
    pub(crate) fn recall(
        &mut self,
        canvas: &Canvas,
        index: u32,
        tile: &Rect,
        part: Rect,
    ) -> Option<(usize, Rect)> {
        let slot = self.find(canvas, index, tile, &part)?;
        let all = Rect {
            x: 0,
            y: 0,
            ..*tile
        };
        let whole = self.store.shows(canvas, (tile.x, tile.y), &all, slot);
        Some((slot, if whole { *tile } else { part }))
    }

    /// What decoders are to keep before they change anything: in the order of tiles, and the slots in order as far as may be, so that
    /// it is said in few words, now and when it is recalled.
    pub(crate) fn keeps(&mut self) -> &[Keep] {
        self.keeps.sort_unstable();
        if !self.keeps.is_sorted_by_key(|keep| keep.slot) {
            let from: Vec<usize> = self.keeps.iter().map(|keep| keep.slot).collect();
            let mut to = from.clone();
            to.sort_unstable();
            self.store.rearrange(&from, &to);
            for (keep, &slot) in self.keeps.iter_mut().zip(&to) {
                // What was kept last is first on its shelf.
                self.shelves[keep.tile as usize][0] = slot as u16;
                self.owners[slot].tile = keep.tile;
                keep.slot = slot;
            }
        }
        &self.keeps
    }
}
