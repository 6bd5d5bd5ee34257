//! The tree as it grows: every hash of a whole subtree, in memory. Two hashes for each entry.

use super::proof::{leaf, node};
use super::{LedgerError, TreeHead};
use crate::id::Digest;

/// An append-only Merkle tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[l][n]` is over the entries `n << l` up to `(n + 1) << l`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds an entry behind the others.
    pub fn push(&mut self, entry: &[u8]) {
        let mut hash = leaf(entry);
        let mut place = self.size();
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if place & 1 == 0 {
                return;
            }
            hash = node(&hashes[hashes.len() - 2], &hash);
            place >>= 1;
        }
    }

    /// Forgets all but the first `size` entries.
    pub fn truncate(&mut self, size: u64) {
        for (level, hashes) in self.levels.iter_mut().enumerate() {
            hashes.truncate((size >> level) as usize);
        }
    }

    /// The head of the tree's first `size` entries.
    ///
    /// # Errors
    ///
    /// [`LedgerError::OutOfRange`] if there are not as many.
    pub fn head_at(&self, size: u64) -> Result<TreeHead, LedgerError> {
        self.within(size)?;
        Ok(match size {
            0 => TreeHead::empty(),
            _ => TreeHead {
                size,
                root: self.range(0, size),
            },
        })
    }

    /// The head of all entries.
    pub fn head(&self) -> TreeHead {
        self.head_at(self.size()).expect("all entries are there")
    }

    /// Proves that entry `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    ///
    /// [`LedgerError::OutOfRange`].
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        self.within(size)?;
        if index >= size {
            return Err(LedgerError::OutOfRange { size });
        }
        let (mut low, mut high) = (0, size);
        let mut proof = Vec::new();
        while high - low > 1 {
            let middle = split(low, high);
            if index < middle {
                proof.push(self.range(middle, high));
                high = middle;
            } else {
                proof.push(self.range(low, middle));
                low = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// Proves that the tree of the first `newer` entries begins with the tree of the first `older`.
    ///
    /// # Errors
    ///
    /// [`LedgerError::OutOfRange`].
    pub fn prove_consistency(&self, older: u64, newer: u64) -> Result<Vec<Digest>, LedgerError> {
        self.within(newer)?;
        if older > newer {
            return Err(LedgerError::OutOfRange { size: newer });
        }
        let mut proof = Vec::new();
        if older == 0 {
            return Ok(proof);
        }
        let (mut low, mut high) = (0, newer);
        while high != older {
            let middle = split(low, high);
            if older <= middle {
                proof.push(self.range(middle, high));
                high = middle;
            } else {
                proof.push(self.range(low, middle));
                low = middle;
            }
        }
        if low != 0 {
            proof.push(self.range(low, high));
        }
        proof.reverse();
        Ok(proof)
    }

    /// Hashes `from..to` of a level that is counted in tiles' steps of 8: what a tile holds.
    pub(super) fn hashes(&self, level: u8, from: u64, to: u64) -> Option<&[Digest]> {
        let hashes = self.levels.get(8 * usize::from(level))?;
        hashes.get(from as usize..to as usize)
    }

    fn within(&self, size: u64) -> Result<(), LedgerError> {
        match size <= self.size() {
            true => Ok(()),
            false => Err(LedgerError::OutOfRange { size: self.size() }),
        }
    }

    /// The hash over the entries `low..high`, of which there is at least one.
    fn range(&self, low: u64, high: u64) -> Digest {
        let length = high - low;
        if length.is_power_of_two() {
            let level = length.trailing_zeros();
            return self.levels[level as usize][(low >> level) as usize];
        }
        let middle = split(low, high);
        node(&self.range(low, middle), &self.range(middle, high))
    }
}

/// Where RFC 6962 parts a range of at least two: after the largest power of two that leaves something.
fn split(low: u64, high: u64) -> u64 {
    low + (1 << (high - low - 1).ilog2())
}
