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

/// Turns pixels into sorted colours and indices.
pub(crate) struct Palettizer {
    keys: Box<[u32; TABLE]>,
    ids: Box<[u8; TABLE]>,
    /// In rising order after [`Palettizer::run`] said yes.
    pub(crate) colours: Vec<u32>,
    /// One for each pixel, into `colours`.
    pub(crate) indices: Vec<u8>,
}

impl Palettizer {
    pub(crate) fn new() -> Palettizer {
        Palettizer {
            keys: Box::new([EMPTY; TABLE]),
            ids: Box::new([0; TABLE]),
            colours: Vec::with_capacity(MAX_COLOURS),
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

    fn index(&mut self, pixels: &[u32], indices: &mut [u8]) -> bool {
        let (mut last, mut id) = (EMPTY, 0);
        for (index, &pixel) in indices.iter_mut().zip(pixels) {
            if pixel != last {
                let Some(found) = self.id_of(pixel) else {
                    return false;
                };
                (last, id) = (pixel, found);
            }
            *index = id;
        }
        true
    }

    fn id_of(&mut self, colour: u32) -> Option<u8> {
        let mut slot = (colour.wrapping_mul(0x9E37_79B1) >> 22) as usize % TABLE;
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

    /// Sorted palettes are the same for the same colours, wherever each was met first.
    fn sort(&mut self) {
        let mut order: [u32; MAX_COLOURS] = [0; MAX_COLOURS];
        let count = self.colours.len();
        for (i, slot) in order.iter_mut().enumerate().take(count) {
            *slot = self.colours[i] << 8 | i as u32;
        }
        order[..count].sort_unstable();
        let mut ranks = [0u8; MAX_COLOURS];
        for (rank, entry) in order[..count].iter().enumerate() {
            ranks[(entry & 0xFF) as usize] = rank as u8;
            self.colours[rank] = entry >> 8;
        }
        self.translate(&ranks);
    }

    /// Replaces the colours by another palette that has them all.
    pub(crate) fn adopt(&mut self, palette: &[u32]) {
        if palette == self.colours {
            return;
        }
        let mut ranks = [0u8; MAX_COLOURS];
        let mut at = 0;
        for (rank, colour) in ranks.iter_mut().zip(&self.colours) {
            at += palette[at..]
                .iter()
                .position(|other| other == colour)
                .unwrap_or(0);
            *rank = at as u8;
        }
        self.translate(&ranks);
    }

    fn translate(&mut self, ranks: &[u8; MAX_COLOURS]) {
        for index in &mut self.indices {
            *index = ranks[usize::from(*index)];
        }
    }
}

/// The palettes both sides remember.
pub(crate) struct Palettes {
    slots: Vec<Vec<u32>>,
    next: [u8; 4],
}

impl Palettes {
    pub(crate) fn new() -> Palettes {
        Palettes {
            slots: vec![Vec::new(); 4 * SLOTS],
            next: [0; 4],
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
        let place = &mut self.slots[index(depth, slot)];
        place.clear();
        place.extend_from_slice(colours);
    }

    /// A slot of this depth whose palette has all of `colours` (sorted).
    pub(crate) fn find(&self, depth: u8, colours: &[u32]) -> Option<u8> {
        (0..SLOTS as u8).find(|&slot| includes(self.palette(depth, slot), colours))
    }

    /// Remembers a palette in place of the oldest of its depth, and says where.
    pub(crate) fn insert(&mut self, depth: u8, colours: &[u32]) -> u8 {
        let slot = self.next[usize::from(depth)];
        self.next[usize::from(depth)] = (slot + 1) % SLOTS as u8;
        self.set(depth, slot, colours);
        slot
    }
}

fn index(depth: u8, slot: u8) -> usize {
    usize::from(depth & 3) * SLOTS + usize::from(slot & 7)
}

/// Whether the sorted `palette` has all of the sorted `colours`.
fn includes(palette: &[u32], colours: &[u32]) -> bool {
    if palette.len() < colours.len() {
        return false;
    }
    let mut rest = palette.iter();
    colours
        .iter()
        .all(|colour| rest.find(|&other| other >= colour) == Some(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_sorted_and_indices_follow() {
        let pixels = [9, 9, 3, 7, 3, 0xFF_FFFF];
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&pixels));
        assert_eq!(palettizer.colours, [3, 7, 9, 0xFF_FFFF]);
        assert_eq!(palettizer.indices, [2, 2, 0, 1, 0, 3]);
        palettizer.adopt(&[1, 3, 7, 8, 9, 0xFF_FFFF]);
        assert_eq!(palettizer.indices, [4, 4, 1, 2, 1, 5]);
    }

    #[test]
    fn too_many_colours_are_refused() {
        let pixels: Vec<u32> = (0..257).collect();
        let mut palettizer = Palettizer::new();
        assert!(palettizer.run(&pixels[..256]));
        assert!(!palettizer.run(&pixels));
    }

    #[test]
    fn wider_palettes_serve() {
        let mut palettes = Palettes::new();
        let slot = palettes.insert(2, &[1, 4, 6, 8, 9]);
        assert_eq!(palettes.find(2, &[4, 8]), Some(slot));
        assert_eq!(palettes.find(2, &[4, 5]), None);
        assert_eq!(palettes.find(1, &[4, 8]), None);
        assert_eq!(palettes.find(2, &[9, 10]), None);
    }
}
