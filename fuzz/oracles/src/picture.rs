//! Pictures.

use sightline_picture::{Decoder, Encoder, Kind, PictureError, Rect, Terms, VideoJob};
use zstd::stream::raw::{self, InBuffer, Operation, OutBuffer};

use crate::bytes::{Bytes, pieces};

/// Largest screen in pixels that a check lets a stranger ask for: the decoder itself allows 256 MiB of canvas, which
/// would make a check slow and find nothing more.
const AREA: u64 = 1 << 18;
/// Updates of one check.
const UPDATES: usize = 32;

/// Updates as a stranger sends them.
pub fn updates(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut decoder = Decoder::new();
    for _ in 0..UPDATES {
        if bytes.is_empty() {
            return;
        }
        let update = bytes.piece();
        if asked_area(update).is_none_or(|area| area <= AREA) {
            decode(&mut decoder, update);
        }
    }
}

/// The area that a whole update asks for.
fn asked_area(update: &[u8]) -> Option<u64> {
    let known = [[2, 1, 0], [3, 1, 0]];
    let whole = known.iter().find_map(|head| update.strip_prefix(head));
    let mut rest = whole?.iter();
    let mut number = || {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = rest.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    Some(number()?.saturating_mul(number()?))
}

fn decode(decoder: &mut Decoder, update: &[u8]) {
    let changed = decoder.decode(update).map(<[Rect]>::to_vec);
    let canvas = decoder.canvas();
    let (width, height) = (canvas.width(), canvas.height());
    assert_eq!(canvas.pixels().len(), width as usize * height as usize);
    match changed {
        Ok(changed) => {
            assert!(canvas.pixels().iter().all(|pixel| *pixel <= 0x00ff_ffff));
            for area in changed {
                assert!(area.width > 0 && area.height > 0);
                assert!(area.x + area.width <= width && area.y + area.height <= height);
            }
        }
        Err(_) => {
            // Only a whole picture will do now: the shortest delta there is.
            let delta = [3, 0, 1, 0, 0, 0];
            assert_eq!(decoder.decode(&delta).err(), Some(PictureError::NeedsWhole));
        }
    }
}

/// Makes well-formed updates around any content.
struct Forger {
    ops: raw::Encoder<'static>,
    residuals: raw::Encoder<'static>,
}

impl Forger {
    fn new() -> Forger {
        let zstd = || {
            let mut zstd = raw::Encoder::new(1).expect("zstd has this level");
            // As small as the smaller of the decoder's two windows.
            zstd.set_parameter(raw::CParameter::WindowLog(18))
                .expect("zstd has this window");
            zstd
        };
        Forger {
            ops: zstd(),
            residuals: zstd(),
        }
    }

    fn update(&mut self, head: &[u8], [ops, residuals, pictures]: [&[u8]; 3]) -> Vec<u8> {
        let mut update = head.to_vec();
        section(&mut self.ops, ops, &mut update);
        section(&mut self.residuals, residuals, &mut update);
        varint(pictures.len() as u32, &mut update);
        update.extend_from_slice(pictures);
        update
    }
}

fn section(zstd: &mut raw::Encoder<'static>, content: &[u8], update: &mut Vec<u8>) {
    if content.is_empty() {
        update.push(0);
        return;
    }
    let mut packed = vec![0; content.len() + 1024];
    let mut output = OutBuffer::around(&mut packed[..]);
    zstd.run(&mut InBuffer::around(content), &mut output)
        .expect("zstd takes it");
    assert_eq!(zstd.flush(&mut output).expect("zstd flushes"), 0);
    let length = output.pos();
    varint(length as u32, update);
    update.extend_from_slice(&packed[..length]);
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Width, height, then ops, residuals and pictures of one update after the other.
pub fn ops(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut head = vec![3, 1, 0];
    varint(u32::from(bytes.byte()) + 1, &mut head);
    varint(u32::from(bytes.byte()) + 1, &mut head);
    let mut forger = Forger::new();
    let mut decoder = Decoder::new();
    for number in 0..UPDATES as u8 {
        if bytes.is_empty() {
            return;
        }
        let sections = [bytes.piece(), bytes.piece(), bytes.piece()];
        if number > 0 {
            head = vec![3, 0, number];
        }
        let update = forger.update(&head, sections);
        decode(&mut decoder, &update);
    }
}

/// What a program may draw: boxes of one colour, of noise, and copies.
struct Painter {
    width: u32,
    height: u32,
    pixels: Vec<u32>,
}

impl Painter {
    fn stroke(&mut self, bytes: &mut Bytes<'_>) {
        let kind = bytes.byte();
        let x = u32::from(bytes.byte()) % self.width;
        let y = u32::from(bytes.byte()) % self.height;
        let right = (x + 1 + u32::from(bytes.byte())).min(self.width);
        let bottom = (y + 1 + u32::from(bytes.byte())).min(self.height);
        let mut colour = u32::from(bytes.u16()) * 0x0101;
        let (shift_x, shift_y) = (u32::from(bytes.byte()), u32::from(bytes.byte()));
        let before = match kind % 3 {
            2 => self.pixels.clone(),
            _ => Vec::new(),
        };
        for row in y..bottom {
            for column in x..right {
                let at = |x: u32, y: u32| (y * self.width + x) as usize;
                self.pixels[at(column, row)] = match kind % 3 {
                    0 => colour,
                    1 => {
                        colour = colour.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        colour
                    }
                    _ => {
                        before[at(
                            (column + shift_x) % self.width,
                            (row + shift_y) % self.height,
                        )]
                    }
                };
            }
        }
    }
}

/// All of a screen.
fn all(width: u32, height: u32) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width,
        height,
    }
}

/// Who codes the video's pictures apart from the updates, and takes a frame longer for some.
#[derive(Default)]
struct Elsewhere {
    jobs: Vec<VideoJob>,
    /// Pictures given back.
    coded: usize,
}

impl Elsewhere {
    fn work(&mut self, encoder: &mut Encoder, slowly: bool) {
        let waiting = self.jobs.len();
        self.jobs.extend(encoder.video_job());
        let ready = if slowly { waiting } else { self.jobs.len() };
        for mut job in self.jobs.drain(..ready) {
            job.run();
            encoder.take_back(job);
            self.coded += 1;
        }
    }
}

/// Strokes and frames; the decoder must see what the encoder was shown.
pub fn round_trip(data: &[u8]) {
    run(data);
}

/// How many pictures of a video were coded apart.
fn run(data: &[u8]) -> usize {
    let mut bytes = Bytes::new(data);
    // Up to 16 tiles: fewer than 12 are no video.
    let mut side = || u32::from(bytes.byte()) + 1;
    let (width, height) = (side(), side());
    let mut painter = Painter {
        width,
        height,
        pixels: vec![0; (width * height) as usize],
    };
    let mut encoder = Encoder::new(width, height).expect("a small screen");
    let mut decoder = Decoder::new();
    let mut elsewhere = Elsewhere::default();
    for frame in 0..UPDATES {
        if bytes.is_empty() && frame > 0 {
            break;
        }
        let head = bytes.byte();
        if frame == 0 && head & 8 != 0 {
            encoder.code_video_apart();
        }
        for _ in 0..head & 7 {
            painter.stroke(&mut bytes);
        }
        encoder.patch(all(width, height), &painter.pixels);
        let kind = if head & 0x80 != 0 || frame == 0 {
            Kind::Whole
        } else {
            Kind::Delta
        };
        let mut update = Vec::new();
        if head & 0x40 != 0 {
            // Roughly for now, with few bytes: nothing to compare before it is quiet.
            let terms = Terms {
                kind,
                now_us: frame as u64 * 40_000,
                bytes: (head & 0x20 != 0).then(|| bytes.u16().into()),
                sketch: (head & 0x10 != 0).then_some(head % 100 + 1),
                video_later: head & 8 != 0,
            };
            if encoder.encode_by(&terms, &mut update) {
                decoder.decode(&update).expect("our own update");
            }
            elsewhere.work(&mut encoder, head & 1 != 0);
            continue;
        }
        if encoder.encode(kind, &mut update) {
            decoder.decode(&update).expect("our own update");
        }
        let shown = painter.pixels.iter().map(|pixel| pixel & 0x00ff_ffff);
        assert!(
            decoder.canvas().pixels().iter().copied().eq(shown),
            "another screen"
        );
        elsewhere.work(&mut encoder, head & 1 != 0);
    }
    elsewhere.coded
}

/// Whole pictures and some deltas: exact ones, and such with sketches and video.
pub fn update_seeds() -> Vec<Vec<u8>> {
    vec![exact_updates(), rough_updates()]
}

/// A photo that moves, as a sender says it that has few bytes.
fn rough_updates() -> Vec<u8> {
    let (width, height) = (300, 260);
    let mut encoder = Encoder::new(width, height).expect("a small screen");
    let mut updates = Vec::new();
    for step in 0..20_u32 {
        let wave = |n: u32| (n % 512).abs_diff(256) * 255 / 256;
        let pixels: Vec<u32> = (0..width * height)
            .map(|n| (n % width, n / width))
            .map(|(x, y)| {
                let green = wave(x + 3 * y + 5000 - 7 * step);
                wave(2 * x + y + 5 * step) << 16 | green << 8 | wave(x * y / 16 + 9 * step)
            })
            .collect();
        encoder.patch(all(width, height), &pixels);
        let mut update = Vec::new();
        let terms = Terms {
            kind: Kind::Delta,
            now_us: u64::from(step + 1) * 60_000,
            bytes: Some(20_000),
            sketch: Some(50),
            video_later: false,
        };
        if encoder.encode_by(&terms, &mut update) {
            updates.push(update);
        }
    }
    pieces(updates.iter().map(Vec::as_slice))
}

fn exact_updates() -> Vec<u8> {
    let (width, height) = (150, 130);
    let mut encoder = Encoder::new(width, height).expect("a small screen");
    let mut updates = Vec::new();
    for step in 0..4_u32 {
        let pixels: Vec<u32> = (0..width * height)
            .map(|n| match (n % width / 50, step) {
                (0, _) => 0x20_3040,
                (1, _) => (n + step * 3 * width) % 7 * 0x10_1010,
                _ => n.wrapping_mul(2_654_435_761) >> 8,
            })
            .collect();
        encoder.patch(all(width, height), &pixels);
        let mut update = Vec::new();
        let kind = if step == 0 { Kind::Whole } else { Kind::Delta };
        if encoder.encode(kind, &mut update) {
            updates.push(update);
        }
    }
    pieces(updates.iter().map(Vec::as_slice))
}

/// A whole picture of two tiles and a delta with every op but video.
pub fn op_seeds() -> Vec<Vec<u8>> {
    let whole = [0x42, 1, 2, 3, 0x42, 4, 5, 6, 0];
    let delta = [
        0x0a, 0, 1, 3, // keep both tiles
        1, 0, 0, 64, 0, 64, 1, // copy
        0xc2, 0, 0, 3, 0, 9, 9, 9, // solid, part of a tile
        0x83, 0, 0, 0, 7, 0, 0x20, 1, 0, 0, 0, 255, 255, 255, // palette of two
        0, 0, 1, 0, 1, 0, 1, 0, 1, // its one band
        0,
    ];
    // A part of a tile by the colour table: two colours, one band of two columns.
    let table = [
        0xc3, 0, 0, 1, 0, 0xa0, 1, 1, 2, 3, 4, 5, 6, 0, 0, 0, 1, 0, 0,
    ];
    // A photo, then what the first tile was.
    let photo = [0xc4, 0, 0, 1, 0, 3, 0x45, 6, 0];
    let mut data = vec![127, 0];
    // A sketch of the first tile, on a sheet that is none.
    let sketch = [0x46, 0];
    data.extend(pieces([
        &whole[..],
        &[],
        &[],
        &delta,
        &[],
        &[],
        &photo,
        &[1; 6],
        &[],
        &table,
        &[],
        &[],
        &sketch,
        &[],
        &[4, 0xFF, 0xD8, 0xFF, 0xD9],
    ]));
    vec![data]
}

pub fn round_trip_seeds() -> Vec<Vec<u8>> {
    let mut data = vec![149, 90];
    for step in 0..12_u8 {
        data.extend([2, step, step * 5, step * 3, 60, 40, 17, step, 8, 3]);
        data.extend([1, 0, 0, 90, 90, step, 9, 0, 0]);
    }
    let rough = data.iter().enumerate().map(|(n, byte)| match n {
        2.. if (n - 2) % 19 == 0 => byte | 0x70,
        _ => *byte,
    });
    let rough = rough.collect();
    vec![data, rough, film_seed(), vec![0, 0, 1, 0, 0, 0, 5, 5, 1]]
}

/// Noise again and again, coded as video apart from the updates, with a letter over it now and then and an exact frame at the end.
fn film_seed() -> Vec<u8> {
    let mut data = vec![255, 255];
    for step in 0..24_u8 {
        let head = match step {
            0 => 9,
            23 => 1,
            _ if step % 5 == 4 => 0x41,
            _ => 0x42,
        };
        data.extend([head, 1, 0, 0, 255, 255, step, 7, 0, 0]);
        if head & 2 != 0 {
            data.extend([0, 90, 90, 8, 8, step, 1, 0, 0]);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_pictures_coded_apart() {
        let coded = run(&film_seed());
        assert!(coded > 5, "{coded}");
        assert!(round_trip_seeds().iter().all(|seed| run(seed) < UPDATES));
    }
}
