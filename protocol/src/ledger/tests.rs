use proptest::prelude::*;
use tlog_tiles::tlog as other;

use super::proof::{check_consistency, check_inclusion};
use super::tile::{self, Tile, WIDTH};
use super::tree::Tree;
use super::*;
use crate::statement::SigningKey;

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|n| tree.push(&entry(n)));
    tree
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[4; 32])
}

/// The same tree by another implementation.
struct Other(Vec<other::Hash>);

impl other::HashReader for Other {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<other::Hash>, other::Error> {
        Ok(indexes.iter().map(|i| self.0[*i as usize]).collect())
    }
}

fn other(size: u64) -> Other {
    let mut tree = Other(Vec::new());
    for n in 0..size {
        let hashes = other::stored_hashes(n, &entry(n), &tree).unwrap();
        tree.0.extend(hashes);
    }
    tree
}

fn same(ours: &[Digest], theirs: &[other::Hash]) -> bool {
    ours.iter().map(|d| d.0).eq(theirs.iter().map(|h| h.0))
}

#[test]
fn every_entry_of_every_small_tree_is_proved_and_nothing_else() {
    let tree = tree(70);
    for size in 1..=70 {
        let head = tree.head_at(size).unwrap();
        for index in 0..size {
            let proof = tree.prove_inclusion(index, size).unwrap();
            let check = |n, at, proof: &[Digest]| check_inclusion(&entry(n), at, proof, &head);
            assert_eq!(check(index, index, &proof), Ok(()), "{index} of {size}");
            assert!(check(index + 1, index, &proof).is_err(), "another entry");
            for elsewhere in (0..=size).filter(|at| *at != index) {
                assert!(check(index, elsewhere, &proof).is_err(), "another place");
            }
            if let Some((_, shorter)) = proof.split_last() {
                assert!(check(index, index, shorter).is_err());
            }
            let longer = [&proof[..], &[head.root]].concat();
            assert!(check(index, index, &longer).is_err());
        }
    }
}

#[test]
fn every_small_tree_is_the_beginning_of_every_larger_one() {
    let tree = tree(70);
    for newer in 0..=70 {
        let head = tree.head_at(newer).unwrap();
        for older in 0..=newer {
            let proof = tree.prove_consistency(older, newer).unwrap();
            let before = tree.head_at(older).unwrap();
            assert_eq!(
                check_consistency(&before, &head, &proof),
                Ok(()),
                "{older} of {newer}"
            );
            let bent = TreeHead {
                root: Digest([7; 32]),
                ..before
            };
            assert!(
                check_consistency(&bent, &head, &proof).is_err(),
                "{older} of {newer}"
            );
            let bent = TreeHead {
                root: Digest([7; 32]),
                ..head
            };
            assert!(older == 0 || check_consistency(&before, &bent, &proof).is_err());
            let longer = [&proof[..], &[head.root]].concat();
            assert!(check_consistency(&before, &head, &longer).is_err());
        }
    }
}

#[test]
fn another_implementation_agrees_on_roots_and_proofs() {
    let (ours, theirs) = (tree(600), other(600));
    for size in [1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 600] {
        let head = ours.head_at(size).unwrap();
        let root = other::tree_hash(size, &theirs).unwrap();
        assert_eq!(head.root.0, root.0);
        for index in [0, 1, size / 2, size - 1].into_iter().filter(|i| *i < size) {
            let proof = other::prove_record(size, index, &theirs).unwrap();
            assert!(same(&ours.prove_inclusion(index, size).unwrap(), &proof));
        }
        for older in [1, size / 2, size - 1].into_iter().filter(|o| *o > 0) {
            let proof = other::prove_tree(size, older, &theirs).unwrap();
            assert!(same(&ours.prove_consistency(older, size).unwrap(), &proof));
        }
    }
}

#[test]
fn another_implementation_reads_our_checkpoint() {
    let note = checkpoint::sign(&tree(5).head(), &key());
    let verifier = checkpoint::verifier_key(&key().public());
    let verifier = signed_note::StandardVerifier::new(&verifier).unwrap();
    let parsed = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    assert_eq!(parsed.verify(&known).unwrap().0.len(), 1);
    let head = tlog_tiles::Checkpoint::from_bytes(parsed.text()).unwrap();
    assert_eq!((head.size(), head.hash().0), (5, tree(5).head().root.0));
}

#[test]
fn a_checkpoint_is_believed_only_whole_and_by_its_key() {
    let head = tree(5).head();
    let note = checkpoint::sign(&head, &key());
    assert_eq!(checkpoint::open(&note, &key().public()), Ok(head));
    let stranger = SigningKey::from_seed(&[5; 32]).public();
    assert!(matches!(
        checkpoint::open(&note, &stranger),
        Err(LedgerError::OtherLedger(_))
    ));
    for at in (0..note.len()).filter(|at| note.is_char_boundary(*at)) {
        assert!(
            checkpoint::open(&note[..at], &key().public()).is_err(),
            "cut at {at}"
        );
        let mut bent = note.clone().into_bytes();
        bent[at] ^= 1;
        if let Ok(bent) = String::from_utf8(bent) {
            let opened = checkpoint::open(&bent, &key().public());
            assert!(opened.is_err(), "bent at {at}");
        }
    }
    let witnessed = format!("{note}\u{2014} witness.example/w AAAAAAAA\n");
    assert_eq!(checkpoint::open(&witnessed, &key().public()), Ok(head));
}

#[test]
fn a_recording_proves_its_place() {
    let mut tree = tree(9);
    let wanted = LedgerEntry::Tombstone(Tombstone {
        session: SessionId([1; 16]),
        manifest: Digest([2; 32]),
        why: "keep_days = 90".into(),
        at_ms: 3,
    });
    tree.push(&wanted.encode());
    let proof = LedgerProof {
        entry: wanted.encode(),
        index: 9,
        proof: tree.prove_inclusion(9, 10).unwrap(),
        checkpoint: checkpoint::sign(&tree.head(), &key()),
    };
    assert_eq!(proof.verify(&key().public()), Ok((wanted, tree.head())));
    let elsewhere = LedgerProof {
        index: 8,
        ..proof.clone()
    };
    assert_eq!(
        elsewhere.verify(&key().public()),
        Err(LedgerError::BadProof)
    );
}

#[test]
fn tiles_have_the_names_of_the_standard() {
    let tile = |level, number, width| {
        Tile {
            level,
            number,
            width,
        }
        .path()
    };
    assert_eq!(tile(Some(0), 0, WIDTH), "tile/0/000");
    assert_eq!(tile(Some(2), 1_234_067, WIDTH), "tile/2/x001/x234/067");
    assert_eq!(tile(None, 255, 5), "tile/entries/255.p/5");
}

#[test]
fn tiles_hold_what_is_new_and_no_more() {
    let names =
        |from, to| -> Vec<String> { tile::added(from, to).iter().map(Tile::path).collect() };
    assert_eq!(names(0, 1), ["tile/0/000.p/1"]);
    assert_eq!(names(255, 256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(names(256, 257), ["tile/0/001.p/1"]);
    assert_eq!(tile::added_bundles(256, 256), []);
    assert!(tile::edge(256).iter().all(|tile| tile.level == Some(1)));
    let tree = tree(600);
    for tile in tile::added(0, 600) {
        assert_eq!(tile.bytes(&tree).unwrap().len() as u64, tile.width * 32);
    }
}

#[test]
fn a_bundle_is_parted_as_it_was_joined_and_never_torn() {
    let whole: Vec<Vec<u8>> = (0..5).map(entry).collect();
    let bytes = tile::bundle(&whole);
    assert_eq!(tile::entries(&bytes), Ok(whole));
    let cut = (1..bytes.len()).filter(|cut| tile::entries(&bytes[..*cut]).is_ok());
    assert_eq!(cut.count(), 4, "only on the borders between entries");
}

proptest! {
    #[test]
    fn no_bytes_are_proved_that_were_not_added(
        size in 1_u64..300,
        index in any::<u64>(),
        proof in proptest::collection::vec(any::<[u8; 32]>(), 0..12),
    ) {
        let proof: Vec<Digest> = proof.into_iter().map(Digest).collect();
        let head = tree(size).head();
        prop_assert!(size == 1 || check_inclusion(b"no", index, &proof, &head).is_err());
        let huge = TreeHead { size: index, ..head };
        prop_assert!(check_inclusion(b"no", index.wrapping_sub(1), &proof, &huge).is_err());
        prop_assert!(check_consistency(&head, &huge, &proof).is_err() || index == size);
    }

    #[test]
    fn no_text_breaks_the_reading_of_checkpoints(text in "\\PC{0,80}(\n\\PC{0,60}){0,6}\n") {
        prop_assert!(checkpoint::open(&text, &key().public()).is_err());
    }
}
