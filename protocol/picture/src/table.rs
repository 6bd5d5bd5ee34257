//! The colour table: colours for text in many inks, of which each has edges in a hundred shades.
//!
//! Palettes have room for one or two such inks. A page of code has seven, so that palettes would be said again and again, and the same letter
//! would get other indices each time. In the table every colour keeps its index for the life of the stream, and the same letter its bytes, at the
//! price of two bytes for each pixel before compression.

use crate::palette::PROBES;

/// Most colours of the table: a desktop's worth of inks. What goes beyond starts it over.
pub(crate) const MOST: usize = 1 << 14;

/// Slots for finding colours: two for each.
const SLOTS: usize = 2 * MOST;

/// An empty slot; no colour, since their top byte is 0.
const EMPTY: u32 = u32::MAX;

/// The colours that both sides know.
#[derive(Default)]
pub(crate) struct Table {
    colours: Vec<u32>,
}

impl Table {
    pub(crate) fn clear(&mut self) {
        self.colours.clear();
    }

    pub(crate) fn colours(&self) -> &[u32] {
        &self.colours
    }

    /// Whether so many more find room. If not, the table starts over when they are added.
    fn has_room(&self, count: usize) -> bool {
        self.colours.len() + count <= MOST
    }

    pub(crate) fn add(&mut self, colours: &[u32]) {
        if !self.has_room(colours.len()) {
            self.colours.clear();
        }
        self.colours.extend_from_slice(colours);
    }
}

/// The sender's table, in which colours are looked up.
pub(crate) struct Index {
    table: Table,
    /// Colours, and where they are in the table.
    keys: Vec<u32>,
    places: Vec<u16>,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            table: Table::default(),
            keys: Vec::new(),
            places: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.keys.clear();
        self.places.clear();
    }

    /// How many of the colours it does not have.
    pub(crate) fn lacks(&self, colours: &[u32]) -> usize {
        colours
            .iter()
            .filter(|&&colour| self.find(colour).is_none())
            .count()
    }

    /// Gives every colour its index. Those that had to be added are put into `added`.
    pub(crate) fn complete(&mut self, colours: &[u32], ids: &mut [u16], added: &mut Vec<u32>) {
        let first = self.table.colours().len();
        added.clear();
        for (id, &colour) in ids.iter_mut().zip(colours) {
            *id = self.find(colour).unwrap_or_else(|| {
                added.push(colour);
                (first + added.len() - 1) as u16
            });
        }
        if !self.table.has_room(added.len()) {
            self.clear();
            return self.complete(colours, ids, added); // all of them are unknown now, and have room
        }
        self.table.add(added);
        for (colour, place) in added.iter().zip(first..) {
            self.insert(*colour, place as u16);
        }
    }

    fn find(&self, colour: u32) -> Option<u16> {
        if self.keys.is_empty() {
            return None;
        }
        let slot = self.slot(colour)?;
        (self.keys[slot] == colour).then(|| self.places[slot])
    }

    /// A colour that finds no slot is in the table all the same; it is said again the next time.
    fn insert(&mut self, colour: u32, place: u16) {
        if self.keys.is_empty() {
            self.keys.resize(SLOTS, EMPTY);
            self.places.resize(SLOTS, 0);
        }
        if let Some(slot) = self.slot(colour) {
            self.keys[slot] = colour;
            self.places[slot] = place;
        }
    }

    /// Where the colour is, or would be; `None` if that is too far from where it wants to be. Half of the slots are always empty.
    fn slot(&self, colour: u32) -> Option<usize> {
        let first = wanted_slot(colour);
        (first..first + PROBES)
            .map(|slot| slot % SLOTS)
            .find(|&slot| self.keys[slot] == colour || self.keys[slot] == EMPTY)
    }
}

fn wanted_slot(colour: u32) -> usize {
    (colour.wrapping_mul(0x9E37_79B1) >> (32 - SLOTS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the other side makes of it.
    fn check(index: &mut Index, table: &mut Table, colours: &[u32]) -> usize {
        let (mut ids, mut added) = (vec![0; colours.len()], Vec::new());
        index.complete(colours, &mut ids, &mut added);
        table.add(&added);
        let back = ids.iter().map(|&id| table.colours()[usize::from(id)]);
        assert!(back.eq(colours.iter().copied()));
        added.len()
    }

    #[test]
    fn colours_keep_their_places() {
        let (mut index, mut table) = (Index::new(), Table::default());
        assert_eq!(index.lacks(&[0, 5]), 2);
        assert_eq!(check(&mut index, &mut table, &[5, 0, 7]), 3);
        assert_eq!(check(&mut index, &mut table, &[7, 9, 0]), 1);
        assert_eq!(index.lacks(&[0, 5, 7, 9, 11]), 1);
    }

    #[test]
    fn a_full_table_starts_over_on_both_sides() {
        let (mut index, mut table) = (Index::new(), Table::default());
        let mut said = 0;
        for round in 0..40 {
            let colours: Vec<u32> = (0..1000).map(|i| round * 700 + i).collect();
            said += check(&mut index, &mut table, &colours);
        }
        assert!((28_300..31_000).contains(&said), "{said}");
    }

    #[test]
    fn colours_that_want_the_same_slot_are_said_again() {
        let crowd = (0..1 << 24).filter(|&colour| wanted_slot(colour) == 7);
        let crowd: Vec<u32> = crowd.take(300).collect();
        let (mut index, mut table) = (Index::new(), Table::default());
        assert_eq!(check(&mut index, &mut table, &crowd), 300);
        assert_eq!(check(&mut index, &mut table, &crowd), 300 - PROBES);
    }
}
