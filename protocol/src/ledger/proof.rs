//! Hashes and the checking of proofs: RFC 6962 §2.1, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2.

use super::{LedgerError, MAX_SIZE, TreeHead};
use crate::id::Digest;

/// A leaf's hash.
pub fn leaf(entry: &[u8]) -> Digest {
    Digest::of(&[&[0], entry])
}

/// The hash of two subtrees together.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

/// Checks that `entry` is number `index` of the tree with this head.
///
/// # Errors
///
/// [`LedgerError::OutOfRange`] or [`LedgerError::BadProof`].
pub fn check_inclusion(
    entry: &[u8],
    index: u64,
    proof: &[Digest],
    head: &TreeHead,
) -> Result<(), LedgerError> {
    if index >= head.size || head.size > MAX_SIZE {
        return Err(LedgerError::OutOfRange { size: head.size });
    }
    let mut hash = leaf(entry);
    // Our place, and the last place, on the level that has been reached.
    let (mut place, mut last) = (index, head.size - 1);
    for sibling in proof {
        if last == 0 {
            return Err(LedgerError::BadProof);
        }
        if place & 1 == 1 || place == last {
            hash = node(sibling, &hash);
            // At the right edge, levels without a sibling are passed over.
            let skip = place.trailing_zeros();
            (place, last) = (place >> skip, last >> skip);
        } else {
            hash = node(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    match last == 0 && hash == head.root {
        true => Ok(()),
        false => Err(LedgerError::BadProof),
    }
}

/// Checks that the tree of `newer` begins with all of the tree of `older`.
///
/// # Errors
///
/// [`LedgerError::OutOfRange`] if `newer` is the smaller one, or [`LedgerError::BadProof`].
pub fn check_consistency(
    older: &TreeHead,
    newer: &TreeHead,
    proof: &[Digest],
) -> Result<(), LedgerError> {
    if older.size > newer.size || newer.size > MAX_SIZE {
        return Err(LedgerError::OutOfRange { size: newer.size });
    }
    if older.size == 0 || older.size == newer.size {
        let same = older.size == 0 && older.root == TreeHead::empty().root || older == newer;
        return match same && proof.is_empty() {
            true => Ok(()),
            false => Err(LedgerError::BadProof),
        };
    }
    // A tree that is a whole subtree of the newer one proves itself; otherwise its last whole part comes first.
    let (first, rest) = match older.size.is_power_of_two() {
        true => (older.root, proof),
        false => match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return Err(LedgerError::BadProof),
        },
    };
    let skip = (older.size - 1).trailing_ones();
    let (mut place, mut last) = ((older.size - 1) >> skip, (newer.size - 1) >> skip);
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(LedgerError::BadProof);
        }
        if place & 1 == 1 || place == last {
            old = node(sibling, &old);
            new = node(sibling, &new);
            let skip = if place == 0 {
                0
            } else {
                place.trailing_zeros()
            };
            (place, last) = (place >> skip, last >> skip);
        } else {
            new = node(&new, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    match last == 0 && old == older.root && new == newer.root {
        true => Ok(()),
        false => Err(LedgerError::BadProof),
    }
}
