//! Tiles of few colours: finding the colours, and the palettes that both sides remember.

use crate::TILE_AREA;

/// Most colours of a palette: what one byte can index.
pub(crate) const MAX_COLOURS: usize = 256;

/// Palettes remembered for each depth: three bits of the head.
const SLOTS: usize = 8;

/// Slots of the colour table: four for each colour, so that probes stay short.
const TABLE: usize = 4 * MAX_COLOURS;

/// An empty slot; no colour, since their top byte is 0.
const EMPTY: u32 = u32::MAX;

/// log2 of the bits an index into `count` colours needs: 0, 1, 2 or 3.
pub(crate) fn depth_for(count: usize) -> u8 {
    match count {
        0..=2 => 0,
        3..=4 => 1,
        5..=16 => 2,
        _ => 3,
    }
}

/// Most colours of a palette of this depth.
pub(crate) fn capacity(depth: u8) -> usize {
    1 << (1 << depth)
}

/// Turns pixels into colours and indices.
pub(crate) struct Palettizer {
    keys: Box<[u32; TABLE]>,
    ids: Box<[u8; TABLE]>,
    /// As met.
    colours: Vec<u32>,
    /// The colours in rising order, each with its index, as [`entry`] puts them; after [`Palettizer::run`] said yes.
    pub(crate) met: Vec<u32>,
    /// One for each pixel, in the order in which colours were met.
    pub(crate) indices: Vec<u8>,
}

impl Palettizer {
    pub(crate) fn new() -> Palettizer {
        Palettizer {
            keys: Box::new([EMPTY; TABLE]),
            ids: Box::new([0; TABLE]),
            colours: Vec::with_capacity(MAX_COLOURS),
            met: Vec::with_capacity(MAX_COLOURS),
            indices: Vec::with_capacity(TILE_AREA),
        }
    }

    /// Finds the colours of `pixels`; false when there are too many.
    pub(crate) fn run(&mut self, pixels: &[u32]) -> bool {
        self.keys.fill(EMPTY);
        self.colours.clear();
        let mut indices = std::mem::take(&mut self.indices);
        indices.resize(pixels.len(), 0);
        let fits = self.index(pixels, &mut indices);
        self.indices = indices;
        if fits {
            self.sort();
        }
        fits
    }

    /// Looks up every pixel, also one like its neighbour: that nearly never takes another way, which is quicker.
    fn index(&mut self, pixels: &[u32], indices: &mut [u8]) -> bool {
        for (index, &pixel) in indices.iter_mut().zip(pixels) {
            let slot = slot_of(pixel);
            if self.keys[slot] == pixel {
                *index = self.ids[slot];
            } else {
                let Some(found) = self.id_of(pixel) else {
                    return false;
                };
                *index = found;
            }
        }
        true
    }

    /// The colour's index, a new one if it was not met yet; `None` when there are too many.
    #[cold]
    fn id_of(&mut self, colour: u32) -> Option<u8> {
        let mut slot = slot_of(colour);
        while self.keys[slot] != colour {
            if self.keys[slot] == EMPTY {
                if self.colours.len() == MAX_COLOURS {
                    return None;
                }
                self.keys[slot] = colour;
                self.ids[slot] = self.colours.len() as u8;
                self.colours.push(colour);
            } else {
                slot = (slot + 1) % TABLE;
            }
        }
        Some(self.ids[slot])
    }

    /// Sorted colours are quickly looked for in palettes.
    fn sort(&mut self) {
        self.met.clear();
        self.met.extend(
            (0..)
                .zip(&self.colours)
                .map(|(id, colour)| entry(*colour, id)),
        );
        self.met.sort_unstable();
    }
}

fn slot_of(colour: u32) -> usize {
    (colour.wrapping_mul(0x9E37_79B1) >> 22) as usize % TABLE
}

/// A colour and its index in one number, in the order of colours.
fn entry(colour: u32, id: u32) -> u32 {
    colour << 8 | id
}

/// The palettes both sides remember, by slot.
pub(crate) struct Palettes {
    slots: Vec<Vec<u32>>,
}

impl Palettes {
    pub(crate) fn new() -> Palettes {
        Palettes {
            slots: vec![Vec::new(); 4 * SLOTS],
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Palettes::new();
    }

    /// The palette in a slot; empty when none was sent.
    pub(crate) fn palette(&self, depth: u8, slot: u8) -> &[u32] {
        &self.slots[index(depth, slot)]
    }

    pub(crate) fn set(&mut self, depth: u8, slot: u8, colours: &[u32]) {
        self.slots[index(depth, slot)].clear();
        self.extend(depth, slot, colours);
    }

    pub(crate) fn extend(&mut self, depth: u8, slot: u8, colours: &[u32]) {
        self.slots[index(depth, slot)].extend_from_slice(colours);
    }
}

fn index(depth: u8, slot: u8) -> usize {
    usize::from(depth & 3) * SLOTS + usize::from(slot & 7)
}

/// The sender's view of the palettes: which serves an area, and what it lacks. Palettes grow, so that a colour keeps its index from
/// tile to tile and the same letter the same bytes.
pub(crate) struct Book {
    pages: Vec<Page>,
    /// Counts the areas, to know which page was used last.
    clock: u64,
    /// For an index of the palettizer that of the palette.
    pub(crate) ids: Box<[u8; MAX_COLOURS]>,
    /// Colours that the palette got for this area.
    pub(crate) added: Vec<u32>,
}

#[derive(Clone, Default)]
struct Page {
    /// Colours and their indices, in rising order.
    entries: Vec<u32>,
    used: u64,
}

/// How an area gets its palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) slot: u8,
    /// The palette begins anew with [`Book::added`]; else they are added.
    pub(crate) fresh: bool,
}

impl Book {
    pub(crate) fn new() -> Book {
        Book {
            pages: vec![Page::default(); 4 * SLOTS],
            clock: 0,
            ids: Box::new([0; MAX_COLOURS]),
            added: Vec::with_capacity(MAX_COLOURS),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pages.fill(Page::default());
    }

    /// Chooses a palette of this depth for the colours that the palettizer met, and completes it.
    pub(crate) fn choose(&mut self, depth: u8, met: &[u32]) -> Choice {
        self.clock += 1;
        let first = index(depth, 0);
        let pages = &self.pages[first..first + SLOTS];
        let lacking = pages.iter().map(|page| page.lacks(met));
        let best = (0..).zip(lacking).min_by_key(|(_, lacks)| *lacks);
        let fits = |&(slot, lacks): &(usize, usize)| {
            lacks == 0
                || lacks * 2 <= met.len() && pages[slot].entries.len() + lacks <= capacity(depth)
        };
        let (slot, fresh) = match best.filter(fits) {
            Some((slot, _)) => (slot, false),
            None => (oldest(pages), true),
        };
        self.complete(first + slot, fresh, met);
        let slot = slot as u8;
        Choice { slot, fresh }
    }

    fn complete(&mut self, page: usize, fresh: bool, met: &[u32]) {
        let page = &mut self.pages[page];
        page.used = self.clock;
        if fresh {
            page.entries.clear();
        }
        self.added.clear();
        let mut next = page.entries.len();
        let mut at = 0;
        for &new in met {
            let place = page.entries[at..]
                .iter()
                .position(|other| other >> 8 >= new >> 8);
            at = place.map_or(page.entries.len(), |place| at + place);
            if page
                .entries
                .get(at)
                .is_none_or(|other| other >> 8 != new >> 8)
            {
                page.entries.insert(at, entry(new >> 8, next as u32));
                self.added.push(new >> 8);
                next += 1;
            }
            self.ids[(new & 0xFF) as usize] = page.entries[at] as u8;
        }
    }
}

impl Page {
    /// How many of the sorted colours are missing.
    fn lacks(&self, met: &[u32]) -> usize {
        let mut rest = self.entries.iter().map(|other| other >> 8).peekable();
        let lacking = met.iter().map(|new| new >> 8).filter(|&colour| {
            while rest.next_if(|&other| other < colour).is_some() {}
            rest.peek() != Some(&colour)
        });
        lacking.count()
    }
}

fn oldest(pages: &[Page]) -> usize {
    let oldest = (0..pages.len()).min_by_key(|&slot| pages[slot].used);
    oldest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_sorted_and_indices_are_as_met() {
        let pixels = [9, 9, 3, 7, 3, 0xFF_FFFF];
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&pixels));
        let met = [(3, 1), (7, 2), (9, 0), (0xFF_FFFF, 3)];
        assert_eq!(palettizer.met, met.map(|(colour, id)| entry(colour, id)));
        assert_eq!(palettizer.indices, [0, 0, 1, 2, 1, 3]);
    }

    #[test]
    fn too_many_colours_are_refused() {
        let pixels: Vec<u32> = (0..257).collect();
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&pixels[..256]));
        assert!(!palettizer.run(&pixels));
    }

    fn met(colours: &[u32]) -> Vec<u32> {
        colours
            .iter()
            .zip(0..)
            .map(|(&colour, id)| entry(colour, id))
            .collect()
    }

    #[test]
    fn palettes_grow_and_colours_keep_their_indices() {
        let mut book = Book::new();
        let first = book.choose(2, &met(&[1, 4, 6, 8, 9]));
        assert!(first.fresh);
        assert_eq!(book.added, [1, 4, 6, 8, 9]);
        let grown = book.choose(2, &met(&[4, 5, 8, 9]));
        assert_eq!(
            grown,
            Choice {
                fresh: false,
                ..first
            }
        );
        assert_eq!(book.added, [5]);
        assert_eq!(book.ids[..4], [1, 5, 3, 4]);
        assert_eq!(book.choose(2, &met(&[5, 6])), grown);
        assert_eq!(book.added, []);
        assert_eq!(book.ids[..2], [5, 2]);
        assert!(book.choose(1, &met(&[4, 5, 6])).fresh);
        assert!(book.choose(2, &met(&[20, 21, 22])).fresh);
    }

    #[test]
    fn the_palette_not_used_for_longest_is_replaced() {
        let mut book = Book::new();
        let slots: Vec<u8> = (0..8)
            .map(|i| book.choose(0, &met(&[i, i + 100])).slot)
            .collect();
        assert_eq!(slots, [0, 1, 2, 3, 4, 5, 6, 7]);
        book.choose(0, &met(&[0, 100]));
        assert_eq!(
            book.choose(0, &met(&[50, 51])),
            Choice {
                slot: 1,
                fresh: true
            }
        );
    }
}
