//! One piece of work being measured.

use crate::scenes::Scene;
use sightline_picture::{Decoder, Encoder, Kind, Rect, Terms};
use std::hint::black_box;
use std::time::{Duration, Instant};

pub const WIDTH: u32 = 1920;
pub const HEIGHT: u32 = 1080;

/// An encoder and a decoder in step, and what each step cost.
pub struct Run {
    pub encoder: Encoder,
    pub decoder: Decoder,
    pub update: Vec<u8>,
    pub patch: Vec<Duration>,
    pub encode: Vec<Duration>,
    pub decode: Vec<Duration>,
    pub bytes: Vec<usize>,
}

impl Run {
    /// Both sides know the scene.
    pub fn new(scene: &Scene) -> Run {
        let mut run = Run::empty();
        run.step(scene, &[whole()], Kind::Whole);
        run.clear();
        run
    }

    /// Neither side knows anything.
    pub fn empty() -> Run {
        Run {
            encoder: Encoder::new(WIDTH, HEIGHT).expect("a valid size"),
            decoder: Decoder::new(),
            update: Vec::new(),
            patch: Vec::new(),
            encode: Vec::new(),
            decode: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Counts what another one took, too.
    pub fn add(&mut self, other: &Run) {
        self.patch.extend(&other.patch);
        self.encode.extend(&other.encode);
        self.decode.extend(&other.decode);
        self.bytes.extend(&other.bytes);
    }

    pub fn clear(&mut self) {
        for times in [&mut self.patch, &mut self.encode, &mut self.decode] {
            times.clear();
        }
        self.bytes.clear();
    }

    /// Says the areas of the scene exactly and checks that they arrive.
    pub fn step(&mut self, scene: &Scene, areas: &[Rect], kind: Kind) {
        self.patch(scene, areas);
        self.say(|encoder, update| encoder.encode(kind, update));
        assert!(self.is_exact(scene), "the screen must arrive bit for bit");
    }

    /// The same on terms, so that some of it may arrive roughly or later. Whether anything was said.
    pub fn step_by(&mut self, scene: &Scene, areas: &[Rect], terms: &Terms) -> bool {
        self.patch(scene, areas);
        self.say(|encoder, update| encoder.encode_by(terms, update))
    }

    fn patch(&mut self, scene: &Scene, areas: &[Rect]) {
        let grabs: Vec<_> = areas
            .iter()
            .map(|a| (*a, scene.grab(a.x, a.y, a.width, a.height)))
            .collect();
        let start = Instant::now();
        for (area, pixels) in &grabs {
            self.encoder.patch(*area, pixels);
        }
        self.patch.push(start.elapsed());
    }

    fn say(&mut self, encode: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> bool) -> bool {
        self.update.clear();
        let start = Instant::now();
        let said = encode(&mut self.encoder, &mut self.update);
        self.encode.push(start.elapsed());
        if said {
            let start = Instant::now();
            self.decoder.decode(&self.update).expect("our own update");
            self.decode.push(start.elapsed());
        }
        self.bytes.push(self.update.len());
        said
    }

    pub fn is_exact(&self, scene: &Scene) -> bool {
        self.decoder.canvas().pixels() == scene.pixels
    }

    /// What each step took the sender: merged and encoded.
    pub fn both(&self) -> Vec<Duration> {
        let both = self.patch.iter().zip(&self.encode);
        both.map(|(patch, encode)| *patch + *encode).collect()
    }

    /// Bytes of the median step.
    pub fn median_bytes(&self) -> usize {
        let mut bytes = self.bytes.clone();
        bytes.sort_unstable();
        bytes[bytes.len() / 2]
    }

    /// Says in one line how the work compares with what it may take: so many M and bytes.
    pub fn conclude(&self, what: &str, frame: Duration, (most_m, most_bytes): (f64, usize)) {
        let multiples = median(&self.both()).as_secs_f64() / frame.as_secs_f64();
        let bytes = self.median_bytes();
        conclude(
            what,
            &format!("{multiples:.2} M, {} KB", kilo(bytes)),
            &format!("{most_m} M, {} KB", kilo(most_bytes)),
            "",
            multiples <= most_m && bytes <= most_bytes,
        );
    }

    pub fn report(&self, name: &str, frame: Duration) {
        let total = self.both();
        let show = |times: &[Duration]| {
            let time = median(times);
            format!(
                "{:8.3} ms {:6.2} M",
                time.as_secs_f64() * 1e3,
                time.as_secs_f64() / frame.as_secs_f64()
            )
        };
        println!(
            "{name:34} patch {} | encode {} | both {} | decode {} | {:8} bytes",
            show(&self.patch),
            show(&self.encode),
            show(&total),
            show(&self.decode),
            self.median_bytes(),
        );
    }
}

pub fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

/// One line for the table with which `make bench` ends: what was measured, at most (or at least) what, beside what, and whether it is met.
pub fn conclude(what: &str, measured: &str, target: &str, beside: &str, met: bool) {
    let verdict = if met { "met" } else { "missed" };
    println!("=> {what} | {measured} | {target} | {beside} | {verdict}");
}

pub fn kilo(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e3)
}

pub fn whole() -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: WIDTH,
        height: HEIGHT,
    }
}

/// The time of copying one frame.
pub fn frame_copy() -> Duration {
    let source = Scene::desktop(WIDTH, HEIGHT).pixels;
    let mut target = vec![0u32; source.len()];
    let times: Vec<_> = (0..200)
        .map(|_| {
            let start = Instant::now();
            target.copy_from_slice(black_box(&source));
            black_box(&mut target);
            start.elapsed()
        })
        .collect();
    median(&times)
}
