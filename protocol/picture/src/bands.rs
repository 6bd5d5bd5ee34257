//! The indices of a palette's area, as bands: stretches of rows, each said column by column.
//!
//! A line of text in one band puts all pixels of a letter next to each other, and so those of a word: what zstd then finds again is
//! letters and words, not slices of them. That takes a third of the bytes of row after row.

use crate::PictureError;
use crate::bits::{pack, packed_length, unpack};
use crate::palette::MAX_MET;
use crate::{TILE, TILE_AREA};

/// Most bytes of an area's bands: two bytes a pixel, and each row a band of its own.
pub(crate) const MAX_PACKED: usize = 2 * TILE_AREA + TILE as usize;

/// Decides where bands begin, for one area after the other.
#[derive(Default)]
pub(crate) struct Cutter {
    /// Where the bands of the last area began, a bit for each row of its tile.
    last: u64,
}

impl Cutter {
    /// Appends the bands of an area: `indices` go row by row, each `width` long, from row `top` of the tile; `ids` translates them.
    pub(crate) fn put(
        &mut self,
        indices: &[u16],
        ids: &[u16; MAX_MET],
        (width, top): (usize, usize),
        depth: u8,
        out: &mut Vec<u8>,
    ) {
        let height = indices.len() / width;
        let starts = self.starts(indices, width, top);
        let mut first = 0;
        while first < height {
            let next = (first + 1..height).find(|&row| starts >> (top + row) & 1 == 1);
            let end = next.unwrap_or(height);
            out.push((end - first - 1) as u8);
            put_band(&indices[first * width..end * width], ids, width, depth, out);
            first = end;
        }
    }

    /// The rows at which bands begin: where the blank between two lines of text does. As in the area before if those rows are blank
    /// here too, whatever this area's letters leave blank beyond them: so the same letter lies the same in all of a line.
    fn starts(&mut self, indices: &[u16], width: usize, top: usize) -> u64 {
        let (mut blank, mut mask) = (0u64, 0u64);
        for (y, row) in (top..).zip(indices.chunks_exact(width)) {
            blank |= u64::from(is_even(row)) << y;
            mask |= 1 << y;
        }
        let mask = mask & !(1 << top); // a band begins there anyway
        let own = blank & !(blank << 1) & mask;
        let last = self.last & mask;
        if last & !blank != 0 || last.count_ones() < own.count_ones() {
            self.last = own;
        }
        self.last
    }
}

/// Columns that are turned at once: as many indices as one load takes.
const TURNED: usize = 8;

fn put_band(rows: &[u16], ids: &[u16; MAX_MET], width: usize, depth: u8, out: &mut Vec<u8>) {
    let height = rows.len() / width;
    let mut columns = [[0; TILE as usize]; TURNED];
    for x in (0..width).step_by(TURNED) {
        let count = TURNED.min(width - x);
        for (y, row) in rows.chunks_exact(width).enumerate().take(TILE as usize) {
            for (column, &index) in columns.iter_mut().zip(&row[x..x + count]) {
                column[y] = ids[usize::from(index) % MAX_MET];
            }
        }
        for column in &columns[..count] {
            pack(&column[..height], depth, out);
        }
    }
}

fn is_even(row: &[u16]) -> bool {
    row.iter().fold(0, |bits, index| bits | (index ^ row[0])) == 0
}

/// Reads the bands of an area into `bytes`, which has [`MAX_PACKED`], and says how many they took.
pub(crate) fn read(
    (width, height): (usize, usize),
    depth: u8,
    bytes: &mut [u8],
    mut fill: impl FnMut(&mut [u8]) -> Result<(), PictureError>,
) -> Result<usize, PictureError> {
    let (mut row, mut at) = (0, 0);
    while row < height {
        fill(&mut bytes[at..=at])?;
        let rows = usize::from(bytes[at]) + 1;
        row += rows;
        if row > height {
            return Err(PictureError::Malformed("band outside its area"));
        }
        let end = at + 1 + packed_length(rows, depth) * width;
        fill(&mut bytes[at + 1..end])?;
        at = end;
    }
    Ok(at)
}

/// Indices of one band.
pub(crate) struct Band<'a> {
    /// The area's row at which it begins.
    pub(crate) first: usize,
    pub(crate) height: usize,
    /// Column by column.
    pub(crate) indices: &'a [u16],
}

/// Undoes [`Cutter::put`]: hands over the bands of an area of `height` rows that [`read`] accepted, until one is refused.
pub(crate) fn unpack_all<E>(
    bytes: &[u8],
    (width, height): (usize, usize),
    depth: u8,
    mut take: impl FnMut(Band) -> Result<(), E>,
) -> Result<(), E> {
    let mut indices = [0u16; TILE_AREA];
    let (mut rest, mut first) = (bytes, 0);
    while let ([rows, packed @ ..], true) = (rest, first < height) {
        let height = usize::from(*rows) + 1;
        let stride = packed_length(height, depth);
        let indices = &mut indices[..width * height];
        let columns = indices.chunks_exact_mut(height);
        for (column, packed) in columns.zip(packed.chunks_exact(stride)) {
            unpack(packed, depth, column);
        }
        take(Band {
            first,
            height,
            indices,
        })?;
        first += height;
        rest = &packed[stride * width..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> [u16; MAX_MET] {
        std::array::from_fn(|i| i as u16)
    }

    fn bands(cutter: &mut Cutter, rows: &[&[u16]]) -> Vec<u8> {
        let indices = rows.concat();
        let width = rows[0].len();
        let mut out = Vec::new();
        cutter.put(&indices, &identity(), (width, 0), 3, &mut out);
        let mut bytes = [0; MAX_PACKED];
        let mut rest = &out[..];
        let taken = read((width, rows.len()), 3, &mut bytes, |slot| {
            let (now, later) = rest.split_at(slot.len());
            slot.copy_from_slice(now);
            rest = later;
            Ok(())
        });
        assert_eq!(taken, Ok(out.len()));
        let mut back = vec![9; indices.len()];
        let unpacked = unpack_all(&bytes, (width, rows.len()), 3, |band| {
            for (i, &index) in band.indices.iter().enumerate() {
                let (x, y) = (i / band.height, band.first + i % band.height);
                back[y * width + x] = index;
            }
            Ok::<(), ()>(())
        });
        assert_eq!(unpacked, Ok(()));
        assert_eq!(back, indices);
        out
    }

    #[test]
    fn bands_begin_with_the_blank_between_lines() {
        let rows: [&[u16]; 5] = [&[1, 2], &[0, 0], &[0, 0], &[3, 0], &[0, 3]];
        let out = bands(&mut Cutter::default(), &rows);
        assert_eq!(out, [0, 1, 2, 3, 0, 0, 3, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn bands_go_on_as_in_the_area_before() {
        let mut cutter = Cutter::default();
        let hanging: [&[u16]; 4] = [&[1, 2], &[1, 0], &[0, 0], &[3, 0]];
        assert_eq!(bands(&mut cutter, &hanging)[0], 1);
        let flat: [&[u16]; 4] = [&[1, 2], &[0, 0], &[0, 0], &[3, 0]];
        assert_eq!(bands(&mut cutter, &flat)[0], 1);
    }

    #[test]
    fn bands_beyond_the_area_are_refused() {
        let mut bytes = [0; MAX_PACKED];
        let refused = read((1, 64), 0, &mut bytes, |slot| {
            slot.fill(64);
            Ok(())
        });
        assert!(refused.is_err());
    }
}
