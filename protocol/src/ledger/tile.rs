//! How the ledger lies on a disk or a web server: C2SP tlog-tiles. A tile holds up to 256 hashes of one level; a
//! bundle the entries below a tile of level 0.

use super::tree::Tree;
use super::{LedgerError, MAX_SIZE};

/// Hashes in a whole tile, and entries in a whole bundle.
pub const WIDTH: u64 = 256;

/// Name of the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// One tile, or a bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0 is over the leaves; `None` for a bundle of the entries themselves.
    pub level: Option<u8>,
    pub number: u64,
    /// Hashes or entries in it, 1 to [`WIDTH`].
    pub width: u64,
}

impl Tile {
    /// Relative path, as C2SP names it: `tile/0/x001/x234/067.p/5`.
    pub fn path(&self) -> String {
        let mut number = format!("{:03}", self.number % 1_000);
        let mut rest = self.number / 1_000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1_000);
            rest /= 1_000;
        }
        let level = self
            .level
            .map_or("entries".into(), |level| level.to_string());
        match self.width {
            WIDTH => format!("tile/{level}/{number}"),
            width => format!("tile/{level}/{number}.p/{width}"),
        }
    }

    /// The hashes of a tile, joined; `None` if the tree does not have them, or for a bundle.
    pub fn bytes(&self, tree: &Tree) -> Option<Vec<u8>> {
        let from = self.number * WIDTH;
        let hashes = tree.hashes(self.level?, from, from + self.width)?;
        Some(hashes.iter().flat_map(|hash| hash.0).collect())
    }
}

/// Every tile of hashes that a tree of `to` entries has and one of `from` did not, partial ones included.
pub fn added(from: u64, to: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0_u8.. {
        let (before, now) = (below(from, level), below(to, level));
        if now == 0 {
            return tiles;
        }
        if now > before {
            tiles.extend(cover(Some(level), before / WIDTH, now));
        }
    }
    tiles
}

/// The same for the bundles of entries.
pub fn added_bundles(from: u64, to: u64) -> Vec<Tile> {
    match to > from {
        true => cover(None, from / WIDTH, to).collect(),
        false => Vec::new(),
    }
}

/// The partial tiles and the partial bundle at the right edge of a tree of this size.
pub fn edge(size: u64) -> Vec<Tile> {
    let all = added(0, size.min(MAX_SIZE));
    let bundle = added_bundles(size.saturating_sub(1), size);
    all.into_iter()
        .chain(bundle)
        .filter(|tile| tile.width < WIDTH)
        .collect()
}

/// Whole subtrees of `256^level` entries in a tree of this size.
fn below(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

fn cover(level: Option<u8>, first: u64, to: u64) -> impl Iterator<Item = Tile> {
    (first..to.div_ceil(WIDTH)).map(move |number| Tile {
        level,
        number,
        width: WIDTH.min(to - number * WIDTH),
    })
}

/// Joins entries into a bundle: each behind its length, a big-endian `u16`.
///
/// # Panics
///
/// If an entry is longer than 65,535 bytes; ours have below 1,200.
pub fn bundle<E: AsRef<[u8]>>(entries: &[E]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).expect("entries are short");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// Parts a bundle into its entries.
///
/// # Errors
///
/// [`LedgerError::Tile`] if it ends inside an entry or has more than [`WIDTH`].
pub fn entries(mut bundle: &[u8]) -> Result<Vec<Vec<u8>>, LedgerError> {
    let torn = LedgerError::Tile("it ends inside an entry");
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>().ok_or(torn.clone())?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(torn.clone())?;
        if entries.len() as u64 == WIDTH {
            return Err(LedgerError::Tile("it has too many entries"));
        }
        entries.push(entry.to_vec());
        bundle = rest;
    }
    Ok(entries)
}
