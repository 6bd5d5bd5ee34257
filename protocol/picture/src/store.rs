//! What both sides remember: earlier contents of tiles, in numbered slots. Here is the pixels' side of it, the same for encoder and
//! decoder; what is remembered and what is forgotten for it the encoder decides (`memory.rs`) and says.

use crate::shift::same;
use crate::wire::SLOTS;
use crate::{Canvas, PictureError, Rect};

#[derive(Default)]
pub(crate) struct Store {
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Of the tile, as read; pixels may come later. 0×0 when nothing was kept.
    size: (u32, u32),
    /// Row by row.
    pixels: Vec<u32>,
}

impl Store {
    /// Forgets everything and gives its memory back.
    pub(crate) fn clear(&mut self) {
        self.slots = Vec::new();
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Notes that `slot` is to hold a tile of this size, in place of what it held.
    pub(crate) fn expect(&mut self, slot: usize, size: (u32, u32)) -> Result<(), PictureError> {
        if slot >= SLOTS {
            return Err(PictureError::Malformed("slot outside the store"));
        }
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        self.slots[slot].size = size;
        Ok(())
    }

    /// Checks that `slot` holds the pixels of a part of a tile: what lies at `part`, from the tile's corner.
    pub(crate) fn check(&self, slot: usize, part: &Rect) -> Result<(), PictureError> {
        let size = self.slots.get(slot).map_or((0, 0), |slot| slot.size);
        if part.right() <= u64::from(size.0) && part.bottom() <= u64::from(size.1) {
            return Ok(());
        }
        Err(PictureError::Malformed(
            "recall of what is not in the store",
        ))
    }

    /// Takes in what a tile shows now.
    pub(crate) fn keep(&mut self, canvas: &Canvas, tile: &Rect, slot: usize) {
        let pixels = &mut self.slots[slot].pixels;
        pixels.clear();
        for y in tile.y..tile.y + tile.height {
            pixels.extend_from_slice(canvas.span(tile.x, y, tile.width));
        }
    }

    /// Shows the pixels at `part` of a slot's tile in the tile whose corner is at `corner`. [`Store::check`] has accepted it.
    pub(crate) fn show(&self, canvas: &mut Canvas, corner: (u32, u32), part: &Rect, slot: usize) {
        for (y, row) in (corner.1 + part.y..).zip(self.rows(part, slot)) {
            canvas
                .span_mut(corner.0 + part.x, y, part.width)
                .copy_from_slice(row);
        }
    }

    /// Whether [`Store::show`] would change nothing.
    pub(crate) fn shows(
        &self,
        canvas: &Canvas,
        corner: (u32, u32),
        part: &Rect,
        slot: usize,
    ) -> bool {
        let mut rows = (corner.1 + part.y..).zip(self.rows(part, slot));
        rows.all(|(y, row)| same(row, canvas.span(corner.0 + part.x, y, part.width)))
    }

    fn rows(&self, part: &Rect, slot: usize) -> impl Iterator<Item = &[u32]> {
        let Slot { size, pixels } = &self.slots[slot];
        let (x, width) = (part.x as usize, part.width as usize);
        let rows = pixels.chunks_exact(size.0 as usize);
        let rows = rows.skip(part.y as usize).take(part.height as usize);
        rows.map(move |row| &row[x..x + width])
    }

    /// Puts what the slot `from[i]` holds into `to[i]`; both name the same slots.
    pub(crate) fn rearrange(&mut self, from: &[usize], to: &[usize]) {
        let held: Vec<Slot> = from
            .iter()
            .map(|&slot| std::mem::take(&mut self.slots[slot]))
            .collect();
        for (&slot, held) in to.iter().zip(held) {
            self.slots[slot] = held;
        }
    }
}
