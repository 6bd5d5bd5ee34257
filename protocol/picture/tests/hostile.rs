//! Bytes that no encoder made: an error or a picture, never a panic, and after an error only a whole will do.

mod scenes;

use proptest::prelude::*;
use scenes::Scene;
use sightline_picture::{Decoder, Kind, PictureError, Rect};
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

/// A whole update and the deltas after it, which use every op.
fn updates() -> Vec<Vec<u8>> {
    let mut scene = Scene::new(260, 200, 0x0010_2030);
    let mut encoder = sightline_picture::Encoder::new(260, 200).expect("a valid size");
    let all = Rect {
        x: 0,
        y: 0,
        width: 260,
        height: 200,
    };
    let mut updates = Vec::new();
    for step in 0..5 {
        match step {
            0 => scene.photo(128, 0, 100, 150, 9),
            4 => scene.noise(70, 70, 9, 60, 4),
            _ => {}
        }
        scene.page(0, 0, 120, 192, step * 2);
        scene.shaded_page(120, 152, 140, 48, step);
        encoder.patch(all, &scene.pixels);
        let mut update = Vec::new();
        assert!(encoder.encode(Kind::Delta, &mut update));
        updates.push(update);
    }
    updates
}

/// A decoder that has had the first `count` updates.
fn decoder_after(updates: &[Vec<u8>], count: usize) -> Decoder {
    let mut decoder = Decoder::new();
    for update in &updates[..count] {
        decoder.decode(update).expect("an honest update");
    }
    decoder
}

/// After an error, every delta is refused and the whole accepted.
fn check_recovery(mut decoder: Decoder, updates: &[Vec<u8>]) {
    for delta in &updates[1..] {
        assert_eq!(decoder.decode(delta).err(), Some(PictureError::NeedsWhole));
    }
    for update in updates {
        decoder.decode(update).expect("a fresh start");
    }
    assert!(decoder.canvas() == decoder_after(updates, updates.len()).canvas());
}

#[test]
fn every_truncation_is_refused() {
    let updates = updates();
    for (i, update) in updates.iter().enumerate() {
        // Whole updates are long; each length of the deltas, and a sample of theirs.
        let step = 1 + update.len() / 600;
        for length in (0..update.len()).step_by(step) {
            let mut decoder = decoder_after(&updates, i);
            assert!(
                decoder.decode(&update[..length]).is_err(),
                "update {i} cut to {length} bytes"
            );
            if length % 97 == 0 {
                check_recovery(decoder, &updates);
            }
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let updates = updates();
    for (i, update) in updates.iter().enumerate() {
        let mut longer = update.clone();
        longer.push(0);
        assert_eq!(
            decoder_after(&updates, i).decode(&longer).err(),
            Some(PictureError::Trailing)
        );
    }
}

#[test]
fn missing_and_repeated_updates_are_noticed() {
    let updates = updates();
    let mut decoder = decoder_after(&updates, 1);
    let skipped = decoder.decode(&updates[2]).err();
    assert_eq!(
        skipped,
        Some(PictureError::OutOfOrder {
            expected: 1,
            found: 2
        })
    );
    assert_eq!(
        decoder.decode(&updates[1]).err(),
        Some(PictureError::NeedsWhole)
    );
    let mut decoder = decoder_after(&updates, 3);
    assert!(decoder.decode(&updates[2]).is_err());
    check_recovery(decoder, &updates);
    assert_eq!(
        Decoder::new().decode(&updates[1]).err(),
        Some(PictureError::NeedsWhole)
    );
}

#[test]
fn other_versions_and_sizes_are_refused() {
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.decode(&[4, 1, 0]).err(),
        Some(PictureError::Version(4))
    );
    let oversize = [2, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 0, 0, 0];
    let size = PictureError::Size {
        width: u32::MAX,
        height: 1,
    };
    assert_eq!(decoder.decode(&oversize).err(), Some(size));
    assert_eq!(decoder.canvas().pixels().len(), 0);
}

/// Makes updates as a hostile sender would: any ops in a well-formed zstd frame.
struct Forger {
    zstd: Encoder<'static>,
}

impl Forger {
    fn new() -> Forger {
        Forger {
            zstd: Encoder::new(1).expect("zstd"),
        }
    }

    fn whole(&mut self, size: &[u8], ops: &[u8]) -> Vec<u8> {
        self.update(&[&[2, 1, 0], size].concat(), ops)
    }

    fn delta(&mut self, number: u8, ops: &[u8]) -> Vec<u8> {
        self.update(&[2, 0, number], ops)
    }

    fn update(&mut self, head: &[u8], ops: &[u8]) -> Vec<u8> {
        let mut packed = vec![0; ops.len() + 1024];
        let mut output = OutBuffer::around(&mut packed[..]);
        self.zstd
            .run(&mut InBuffer::around(ops), &mut output)
            .expect("zstd");
        assert_eq!(self.zstd.flush(&mut output).expect("zstd"), 0);
        let mut left = output.pos();
        let packed = &packed[..left];
        let mut update = head.to_vec();
        while left >= 0x80 {
            update.push(left as u8 | 0x80);
            left >>= 7;
        }
        update.push(left as u8);
        update.extend(packed);
        update.extend([0, 0]); // neither residuals nor pictures
        update
    }
}

/// What a decoder of a 128×1 screen, with a solid tile of each of two colours, makes of the ops of a delta.
fn decode_delta(ops: &[u8]) -> Result<Vec<u32>, PictureError> {
    let mut forger = Forger::new();
    let mut decoder = Decoder::new();
    let whole = forger.whole(&[128, 1, 1], &[0x42, 1, 2, 3, 0x42, 4, 5, 6, 0]);
    decoder.decode(&whole).expect("a good one");
    decoder.decode(&forger.delta(1, ops))?;
    Ok(decoder.canvas().pixels().to_vec())
}

#[test]
fn forged_deltas_are_refused() {
    let copy = |from: u8, to: u8, width: u8, height: u8| [1, from, 0, to, 0, width, height];
    let cases: [(&[u8], &str); 7] = [
        (
            &[&copy(0, 120, 9, 1)[..], &[0]].concat(),
            "the target is outside",
        ),
        (
            &[&copy(120, 0, 9, 1)[..], &[0]].concat(),
            "the source is outside",
        ),
        (&[&copy(0, 1, 1, 2)[..], &[0]].concat(), "it is too high"),
        (&[&copy(0, 1, 0, 1)[..], &[0]].concat(), "it is empty"),
        (
            &[1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 0],
            "it is far too wide",
        ),
        (&[0x02, 2, 1, 2, 3, 0], "there is no third tile"),
        (&[0xC2, 60, 0, 4, 0, 1, 2, 3, 0], "the area leaves its tile"),
    ];
    for (ops, why) in cases {
        assert!(
            matches!(decode_delta(ops), Err(PictureError::Malformed(_))),
            "{why}"
        );
    }
    let many = |count: usize, width: u8| [copy(0, 1, width, 1).repeat(count), vec![0]].concat();
    assert!(decode_delta(&many(8, 64)).is_ok());
    assert_eq!(
        decode_delta(&many(9, 64)),
        Err(PictureError::Malformed("too many copies"))
    );
}

#[test]
fn what_is_kept_is_recalled() {
    // The first tile goes into slot 3 and comes back in the place of the second.
    let ops = [0x0A, 0, 0, 3, 0x42, 9, 9, 9, 0x45, 6, 0];
    let pixels = decode_delta(&ops).expect("good ops");
    assert_eq!(pixels, [vec![0x09_0909; 64], vec![0x01_0203; 64]].concat());
}

#[test]
fn forged_recalls_are_refused() {
    let cases: [(&[u8], &str); 9] = [
        (&[0x45, 0, 0], "nothing was kept"),
        (&[0x0A, 0, 0, 3, 0x45, 4, 0], "that slot is empty"),
        (&[0x0A, 0, 0, 3, 0x45, 1, 0], "there is no slot -1"),
        (
            &[0x0A, 0, 0, 3, 0x45, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0],
            "nor a far lower one",
        ),
        (&[0x0A, 0, 0, 0x80, 8, 0], "there is no slot 1024"),
        (
            &[0x0A, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0],
            "nor a far higher one",
        ),
        (&[0x0A, 2, 0, 0, 0], "there is no third tile"),
        (&[0x0A, 1, 1, 0, 0], "the run leaves the screen"),
        (
            &[0x0A, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0],
            "the run is far too long",
        ),
    ];
    for (ops, why) in cases {
        assert!(
            matches!(decode_delta(ops), Err(PictureError::Malformed(_))),
            "{why}"
        );
    }
    let many = |count: usize| [[0x0A, 0, 0, 0].repeat(count), vec![0]].concat();
    assert!(decode_delta(&many(512)).is_ok());
    assert_eq!(
        decode_delta(&many(513)),
        Err(PictureError::Malformed("too many tiles kept"))
    );
}

#[test]
fn a_smaller_tile_is_not_recalled_as_a_larger_one() {
    let mut forger = Forger::new();
    let mut decoder = Decoder::new();
    let whole = forger.whole(&[65, 1], &[0x42, 1, 2, 3, 0x42, 4, 5, 6, 0]);
    decoder.decode(&whole).expect("a good one");
    let refused = decoder.decode(&forger.delta(1, &[0x0A, 1, 0, 0, 0x45, 0, 0]));
    assert!(matches!(refused, Err(PictureError::Malformed(_))));
}

#[test]
fn a_whole_empties_the_store() {
    let later = |decoder: &mut Decoder, update: &[u8]| decoder.decode_later(update);
    let now = |decoder: &mut Decoder, update: &[u8]| decoder.decode(update).map(|_| ());
    for read in [&later as &dyn Fn(&mut Decoder, &[u8]) -> _, &now] {
        let mut decoder = Decoder::new();
        let mut forger = Forger::new();
        let whole = forger.whole(&[64, 1], &[0x42, 1, 2, 3, 0]);
        read(&mut decoder, &whole).expect("a good one");
        read(&mut decoder, &forger.delta(1, &[0x0A, 0, 0, 0, 0])).expect("a good one");
        read(&mut decoder, &forger.delta(2, &[0x45, 0, 0])).expect("a good one");
        let mut forger = Forger::new();
        let whole = forger.whole(&[64, 1], &[0x42, 1, 2, 3, 0]);
        read(&mut decoder, &whole).expect("a good one");
        let refused = read(&mut decoder, &forger.delta(1, &[0x45, 0, 0]));
        assert!(matches!(refused, Err(PictureError::Malformed(_))));
    }
}

#[test]
fn the_colour_table_goes_on_and_ends_with_a_whole() {
    let mut forger = Forger::new();
    let one = [&[0x43, 0xA0, 0, 1, 2, 3, 0][..], &[0; 128], &[0]].concat();
    let again = [&[0x43, 0x80, 0][..], &[0; 128], &[0]].concat();
    let whole = forger.whole(&[64, 1], &one);
    let delta = forger.delta(1, &again);
    for read in [
        Decoder::decode_later,
        |decoder: &mut Decoder, update: &[u8]| decoder.decode(update).map(|_| ()),
    ] {
        let mut decoder = Decoder::new();
        read(&mut decoder, &whole).expect("a good one");
        read(&mut decoder, &delta).expect("the colour is known");
        decoder.settle().expect("all is checked");
        assert_eq!(decoder.canvas().pixels(), [0x01_0203; 64]);
        let fresh = Forger::new().whole(&[64, 1], &again);
        assert!(read(&mut decoder, &fresh).is_err(), "and then is not");
    }
}

#[test]
fn copies_may_overlap() {
    let pixels =
        decode_delta(&[1, 60, 0, 62, 0, 8, 1, 1, 66, 0, 63, 0, 8, 1, 0]).expect("good copies");
    let (first, second) = (0x01_0203, 0x04_0506);
    let expected = [vec![first; 63], vec![second; 65]].concat();
    assert_eq!(pixels, expected);
}

#[test]
fn forged_ops_are_refused() {
    let too_many = [0x43, 0xA0, 0x80, 0x08].into_iter().chain([7; 3 * 1025]);
    let too_many: Vec<u8> = too_many.collect();
    let cases: [(&[u8], &str); 18] = [
        (&[0x42, 1, 2, 3, 0], "no tile is left out"),
        (
            &[0x42, 1, 2, 3, 0x42, 1, 2, 3, 0x42, 1, 2, 3, 0],
            "no tile is too many",
        ),
        (&[0x02, 0, 1, 2, 3, 0x42, 1, 2, 3, 0], "no skips"),
        (&[0x42, 1, 2, 3, 0xC2, 0, 0, 0, 0, 1, 2, 3, 0], "no areas"),
        (&[0x01, 0, 0, 0, 0, 1, 1, 0], "no copies"),
        (&[0x45, 0, 0], "no recalls"),
        (&[0x0A, 0, 0, 0, 0], "nothing kept"),
        (&[0x4F, 0], "no unknown ops"),
        (&[0x43, 0x40, 0], "no unknown palette heads"),
        (&[0x44, 9, 0], "no unknown predictors"),
        (
            &[
                0x43, 0x00, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0,
            ],
            "no empty palettes",
        ),
        (&[0x43, 0x20, 0, 1, 2, 3, 1], "no bands below the tile"),
        (
            &[
                &[0x43, 0x20, 1, 1, 2, 3, 4, 5, 6, 0][..],
                &[0; 64],
                &[0x43, 0x60, 0, 7, 8, 9, 0],
                &[0; 64],
                &[0],
            ]
            .concat(),
            "no third colour of one bit",
        ),
        (&[0x43, 0x40, 0], "no growth without colours"),
        (&[0x43, 0x81, 0], "no depth of the colour table"),
        (&[0x43, 0xE0, 0, 1, 2, 3, 0], "nor growth"),
        (&too_many, "no more colours than an area has"),
        (
            &[
                &[0x43, 0xA0, 0, 1, 2, 3, 0][..],
                &[0, 0].repeat(63),
                &[1, 0],
                &[0],
            ]
            .concat(),
            "no place behind the colour table",
        ),
    ];
    let mut decoder = Decoder::new();
    decoder
        .decode(&Forger::new().whole(&[128, 1, 1], &[0x42, 1, 2, 3, 0x42, 1, 2, 3, 0]))
        .expect("a good one");
    for (ops, why) in cases {
        assert!(
            decoder
                .decode(&Forger::new().whole(&[128, 1, 1], ops))
                .is_err(),
            "{why}"
        );
    }
    assert_eq!(
        decoder
            .decode(&Forger::new().whole(&[1, 1], &[0x42, 1, 2, 3, 0, 0]))
            .err(),
        Some(PictureError::Trailing)
    );
}

#[test]
fn a_zstd_bomb_is_left_alone() {
    // Millions of solid tiles in a few hundred bytes, for a screen of one tile.
    let mut ops = [0x42, 0, 0, 0].repeat(4_000_000);
    ops.push(0);
    let update = Forger::new().whole(&[64, 64], &ops);
    assert!(update.len() < 10_000);
    assert_eq!(
        Decoder::new().decode(&update).err(),
        Some(PictureError::Malformed("more than a whole picture"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_never_panic(which in 0..5usize, flips in prop::collection::vec((any::<u32>(), 0..8u32), 1..6)) {
        let updates = updates();
        let mut update = updates[which].clone();
        for (at, bit) in flips {
            let at = at as usize % update.len();
            update[at] ^= 1 << bit;
        }
        let mut decoder = decoder_after(&updates, which);
        if decoder.decode(&update).is_err() {
            check_recovery(decoder, &updates);
        }
    }

    #[test]
    fn random_ops_never_panic(width in 1..127u8, height in 1..127u8, ops in prop::collection::vec(prop_oneof![Just(0x42u8), Just(0x43), Just(0xA0), Just(0x44), 0..6u8, any::<u8>()], 0..600)) {
        let mut decoder = Decoder::new();
        let _ = decoder.decode(&Forger::new().whole(&[width, height], &ops));
    }

    #[test]
    fn random_bytes_never_panic(update in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new();
        let _ = decoder.decode(&update);
    }
}
