//! Tiles of few colours: finding the colours, and the palettes that both sides remember.

use crate::TILE_AREA;
use crate::table::Index;

/// Most colours of a palette: what one byte can index.
pub(crate) const MAX_COLOURS: usize = 256;

/// Most colours of an area that is said by the colour table: a tile full of letters in all inks has some 500.
pub(crate) const MAX_MET: usize = 1024;

/// More colours than a palette has are accepted while they are fewer than so many, and one for each sixth pixel: letters stand on
/// much that is one colour, a photo has a new colour at nearly each pixel and is soon known by that.
const MET_GRACE: usize = 64;
const MET_PART: usize = 6;

/// Palettes remembered for each depth: three bits of the head.
const SLOTS: usize = 8;

/// Slots for finding colours: two for each, so that probes stay short.
const TABLE: usize = 2 * MAX_MET;

/// An empty slot; no colour, since their top byte is 0.
const EMPTY: u32 = u32::MAX;

/// Most slots that are looked at for a colour. With half of them empty it is seldom more than a few; a program that chose its colours so that
/// all want the same slot would otherwise keep the user's processor busy.
pub(crate) const PROBES: usize = 128;

/// log2 of the bits an index into `count` colours needs: 0, 1, 2 or 3.
pub(crate) fn depth_for(count: usize) -> u8 {
    match count {
        0..=2 => 0,
        3..=4 => 1,
        5..=16 => 2,
        _ => 3,
    }
}

/// The depth of areas that are said by the colour table: 16 bits an index.
pub(crate) const TABLE_DEPTH: u8 = 4;

/// Most colours of a palette of this depth.
pub(crate) fn capacity(depth: u8) -> usize {
    1 << (1 << depth)
}

/// Turns pixels into colours and indices.
pub(crate) struct Palettizer {
    keys: Box<[u32; TABLE]>,
    ids: Box<[u16; TABLE]>,
    /// As met.
    pub(crate) colours: Vec<u32>,
    /// The colours in rising order, each with its index, as [`entry`] puts them; after [`Palettizer::run`] said yes, if a palette has
    /// room for them.
    met: Vec<u32>,
    /// One for each pixel, in the order in which colours were met.
    pub(crate) indices: Vec<u16>,
}

impl Palettizer {
    pub(crate) fn new() -> Palettizer {
        Palettizer {
            keys: Box::new([EMPTY; TABLE]),
            ids: Box::new([0; TABLE]),
            colours: Vec::with_capacity(MAX_MET),
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
    fn index(&mut self, pixels: &[u32], indices: &mut [u16]) -> bool {
        for (at, (index, &pixel)) in indices.iter_mut().zip(pixels).enumerate() {
            let slot = slot_of(pixel);
            if self.keys[slot] == pixel {
                *index = self.ids[slot];
            } else {
                let Some(found) = self.id_of(pixel, at) else {
                    return false;
                };
                *index = found;
            }
        }
        true
    }

    /// The colour's index, a new one if it was not met yet; `None` when there are too many for pixel number `at`, or for the slots that
    /// they want.
    #[cold]
    fn id_of(&mut self, colour: u32, at: usize) -> Option<u16> {
        let first = slot_of(colour);
        let slot = (first..first + PROBES)
            .map(|slot| slot % TABLE)
            .find(|&slot| self.keys[slot] == colour || self.keys[slot] == EMPTY)?;
        if self.keys[slot] == EMPTY {
            let most = (MET_GRACE + at / MET_PART).clamp(MAX_COLOURS, MAX_MET);
            if self.colours.len() == most {
                return None;
            }
            self.keys[slot] = colour;
            self.ids[slot] = self.colours.len() as u16;
            self.colours.push(colour);
        }
        Some(self.ids[slot])
    }

    /// Sorted colours are quickly looked for in palettes.
    fn sort(&mut self) {
        self.met.clear();
        if self.colours.len() > MAX_COLOURS {
            return;
        }
        self.met.extend(
            (0..)
                .zip(&self.colours)
                .map(|(id, colour)| entry(*colour, id)),
        );
        self.met.sort_unstable();
    }
}

fn slot_of(colour: u32) -> usize {
    (colour.wrapping_mul(0x9E37_79B1) >> (32 - TABLE.ilog2())) as usize
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
    table: Index,
    /// For an index of the palettizer that of the palette or the table.
    pub(crate) ids: Box<[u16; MAX_MET]>,
    /// Colours that the palette or the table got for this area.
    pub(crate) added: Vec<u32>,
}

#[derive(Clone, Default)]
struct Page {
    /// Colours and their indices, in rising order.
    entries: Vec<u32>,
    used: u64,
}

/// How an area gets its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The palette of this depth in this slot. `fresh`: it begins anew with [`Book::added`]; else they are added.
    Palette { depth: u8, slot: u8, fresh: bool },
    /// The colour table, to which [`Book::added`] are added.
    Table,
}

impl Book {
    pub(crate) fn new() -> Book {
        Book {
            pages: vec![Page::default(); 4 * SLOTS],
            clock: 0,
            table: Index::new(),
            ids: Box::new([0; MAX_MET]),
            added: Vec::with_capacity(MAX_COLOURS),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pages.fill(Page::default());
        self.table.clear();
    }

    /// How many of the colours the colour table does not have.
    pub(crate) fn table_lacks(&self, colours: &[u32]) -> usize {
        self.table.lacks(colours)
    }

    /// Chooses whence the colours that the palettizer met are taken, and completes that. `grainy` areas, which are no text, are kept out
    /// of the table.
    pub(crate) fn choose(&mut self, palettizer: &Palettizer, grainy: bool) -> Choice {
        let Palettizer { colours, met, .. } = palettizer;
        if met.is_empty() {
            return self.take_from_table(colours);
        }
        self.clock += 1;
        let depth = depth_for(met.len());
        let first = index(depth, 0);
        let pages = &self.pages[first..first + SLOTS];
        let lacking = pages.iter().map(|page| page.lacks(met));
        let best = (0..).zip(lacking).min_by_key(|(_, lacks)| *lacks);
        let fits = |&(slot, lacks): &(usize, usize)| {
            lacks == 0
                || lacks * 2 <= met.len() && pages[slot].entries.len() + lacks <= capacity(depth)
        };
        let best = best.filter(fits);
        let oldest = oldest(pages);
        if depth == 3 && !grainy && best.is_none_or(|(_, lacks)| lacks > 0) {
            let lacks = self.table.lacks(colours);
            let known = lacks * 2 <= met.len() || !pages[oldest].entries.is_empty();
            if best.is_none_or(|(_, others)| lacks < others) && known {
                return self.take_from_table(colours);
            }
        }
        let (slot, fresh) = match best {
            Some((slot, _)) => (slot, false),
            None => (oldest, true),
        };
        self.complete(first + slot, fresh, met);
        let slot = slot as u8;
        Choice::Palette { depth, slot, fresh }
    }

    fn take_from_table(&mut self, colours: &[u32]) -> Choice {
        let (ids, added) = (&mut self.ids[..], &mut self.added);
        self.table.complete(colours, ids, added);
        Choice::Table
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
            self.ids[(new & 0xFF) as usize] = u16::from(page.entries[at] as u8);
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
    fn a_photo_has_too_many_colours_and_text_in_many_inks_has_not() {
        let photo: Vec<u32> = (0..4096).collect();
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&photo[..256]));
        assert!(!palettizer.run(&photo[..257]));
        // One pixel in ten is of a colour of its own.
        let text: Vec<u32> = (0..4096).map(|i| i * u32::from(i % 10 == 0)).collect();
        assert!(palettizer.run(&text));
        assert_eq!(palettizer.colours.len(), 410);
        assert_eq!(palettizer.indices[20], 2);
    }

    #[test]
    fn colours_that_want_the_same_slot_are_too_many() {
        let crowd = |most| (0..1 << 24).filter(|&c| slot_of(c) == 7).take(most);
        let mut palettizer = Palettizer::new();
        let colours: Vec<u32> = crowd(PROBES).collect();
        assert!(palettizer.run(&colours));
        assert_eq!(palettizer.colours, colours);
        assert!(!palettizer.run(&crowd(PROBES + 1).collect::<Vec<u32>>()));
    }

    fn choose(book: &mut Book, colours: &[u32]) -> Choice {
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(colours));
        book.choose(&palettizer, false)
    }

    fn palette(depth: u8, slot: u8, fresh: bool) -> Choice {
        Choice::Palette { depth, slot, fresh }
    }

    #[test]
    fn palettes_grow_and_colours_keep_their_indices() {
        let mut book = Book::new();
        assert_eq!(choose(&mut book, &[1, 4, 6, 8, 9]), palette(2, 0, true));
        assert_eq!(book.added, [1, 4, 6, 8, 9]);
        assert_eq!(choose(&mut book, &[4, 5, 8, 9, 1]), palette(2, 0, false));
        assert_eq!(book.added, [5]);
        assert_eq!(book.ids[..5], [1, 5, 3, 4, 0]);
        assert_eq!(choose(&mut book, &[9, 8, 6, 5, 4]), palette(2, 0, false));
        assert_eq!(book.added, []);
        assert_eq!(book.ids[..5], [4, 3, 2, 5, 1]);
        assert_eq!(choose(&mut book, &[4, 5, 6]), palette(1, 0, true));
        assert_eq!(
            choose(&mut book, &[20, 21, 22, 23, 24]),
            palette(2, 1, true)
        );
    }

    #[test]
    fn the_palette_not_used_for_longest_is_replaced() {
        let mut book = Book::new();
        for slot in 0..8 {
            let colours = [slot, slot + 100].map(u32::from);
            assert_eq!(choose(&mut book, &colours), palette(0, slot, true));
        }
        choose(&mut book, &[0, 100]);
        assert_eq!(choose(&mut book, &[50, 51]), palette(0, 1, true));
    }

    #[test]
    fn no_large_palette_is_replaced_for_text_and_the_table_keeps_its_colours() {
        let mut book = Book::new();
        let ink = |ink: u32| (ink..ink + 200).collect::<Vec<u32>>();
        for slot in 0..8 {
            let choice = choose(&mut book, &ink(1000 * u32::from(slot)));
            assert_eq!(choice, palette(3, slot, true));
        }
        assert_eq!(choose(&mut book, &ink(9000)), Choice::Table);
        assert_eq!(book.added.len(), 200);
        assert_eq!(choose(&mut book, &ink(9000)), Choice::Table);
        assert_eq!((book.added.len(), book.ids[7]), (0, 7));
        assert_eq!(choose(&mut book, &ink(3000)), palette(3, 3, false));
        // What is no text is none of the table's.
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&ink(20_000)));
        assert_eq!(book.choose(&palettizer, true), palette(3, 0, true));
    }
}
