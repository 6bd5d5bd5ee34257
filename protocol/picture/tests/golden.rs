//! Recorded conversations, `tests/vectors/picture-v*.bin` of the repository: two-byte lengths (big endian), each followed by an update,
//! then `picture-v*.fnv`, the checksum of the screen after each. Other decoders can be checked against them; this one
//! must draw them for as long as it knows their versions. What the encoder makes of the same screens is free to become better.

mod scenes;

use scenes::Scene;
use sightline_picture::{Decoder, Encoder, Kind, Rect};
use std::path::PathBuf;

fn vector(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(name)
}

/// FNV-1a over the red, green and blue bytes of all pixels, row by row.
fn checksum(pixels: &[u32]) -> u64 {
    let bytes = pixels
        .iter()
        .flat_map(|pixel| pixel.to_be_bytes().into_iter().skip(1));
    bytes.fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Screens that need every op: those of version 2, and text for the colour table.
fn screens() -> Vec<Scene> {
    let mut screens = screens_2();
    for (scene, first) in screens.iter_mut().zip([0, 1, 1, 2]) {
        scene.shaded_page(0, 96, 200, 54, first);
    }
    screens
}

/// Screens that need every op of version 2: solid, palettes of every depth, photo, areas of tiles, skips, copies.
fn screens_2() -> Vec<Scene> {
    let mut scene = Scene::new(200, 150, 0x0033_6699);
    scene.page(0, 0, 128, 144, 1);
    scene.photo(130, 10, 40, 40, 5);
    scene.draw(140, 70, 30, 30, |x, y| (x * 7 + y) % 90 * 0x02_0103);
    let mut screens = vec![scene.clone()];
    scene.page(0, 0, 128, 144, 3);
    screens.push(scene.clone());
    scene.letter(64, 32, 7, 0x00FF_FFFF);
    scene.fill(190, 140, 3, 2, 0x00FF_0000);
    screens.push(scene.clone());
    scene.noise(150, 90, 20, 20, 8);
    scene.draw(10, 100, 9, 5, |x, _| x % 4 * 0x40_4040);
    screens.push(scene);
    screens
}

/// Updates for the screens, the last also as a whole.
fn record(screens: &[Scene]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(200, 150).expect("a valid size");
    let all = Rect {
        x: 0,
        y: 0,
        width: 200,
        height: 150,
    };
    let mut updates = Vec::new();
    for scene in screens {
        encoder.patch(all, &scene.pixels);
        let mut update = Vec::new();
        assert!(encoder.encode(Kind::Delta, &mut update));
        updates.push(update);
    }
    let mut whole = Vec::new();
    encoder.encode(Kind::Whole, &mut whole);
    updates.push(whole);
    updates
}

#[test]
fn the_recorded_conversations_are_drawn() {
    check("picture-v2", &screens_2());
    check("picture-v3", &screens());
}

fn check(name: &str, screens: &[Scene]) {
    let bytes = std::fs::read(vector(&format!("{name}.bin"))).expect("the vector");
    let sums = std::fs::read_to_string(vector(&format!("{name}.fnv"))).expect("the checksums");
    let mut sums = sums.lines();
    let mut rest = &bytes[..];
    let mut decoder = Decoder::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (update, tail) = tail.split_at(usize::from(u16::from_be_bytes(*length)));
        decoder
            .decode(update)
            .expect("an update of a known version");
        let sum = format!("{:016x}", checksum(decoder.canvas().pixels()));
        assert_eq!(sums.next(), Some(sum.as_str()));
        rest = tail;
    }
    assert_eq!(sums.next(), None);
    let last = screens.last().expect("four screens");
    assert!(decoder.canvas().pixels() == last.pixels);
}

/// Writes the vector anew; only for a new version of the format, or to cover more of this one:
/// `cargo test -p sightline-picture --test golden -- --ignored`.
#[test]
#[ignore = "writes the vector instead of checking it"]
fn record_the_conversation() {
    let screens = screens();
    let (mut bytes, mut sums) = (Vec::new(), String::new());
    let mut decoder = Decoder::new();
    for update in record(&screens) {
        bytes.extend(
            u16::try_from(update.len())
                .expect("a small update")
                .to_be_bytes(),
        );
        decoder.decode(&update).expect("an honest update");
        sums.push_str(&format!("{:016x}\n", checksum(decoder.canvas().pixels())));
        bytes.extend(update);
    }
    std::fs::create_dir_all(vector("")).expect("the folder of vectors");
    std::fs::write(vector("picture-v3.bin"), bytes).expect("the vector");
    std::fs::write(vector("picture-v3.fnv"), sums).expect("the checksums");
}
