//! What is rough for a while: a first picture whose photos are sketched, and a film. Both are followed until everything is exact.

use crate::film::{self, Alone, Film};
use crate::run::{HEIGHT, Run, WIDTH, conclude, kilo, median, whole};
use crate::scenes::Scene;
use sightline_picture::{Kind, Rect, SKETCH, Terms};
use std::time::{Duration, Instant};

/// Between two updates that make exact what is rough, as the agent has it, in microseconds.
const REFINE_EVERY_US: u64 = 15_000;

/// Until everything must be exact, in microseconds.
const EXACT_WITHIN_US: u64 = 1_000_000;

/// What a first picture may take the sender, and its bytes.
const FIRST: (Duration, usize) = (Duration::from_millis(18), 450_000);

/// What a picture of a film may take: multiples of M, bytes, and how like the film it must be, in decibels.
const FILM: (f64, usize, f64) = (8.5, 17_000, 41.0);

/// First pictures, each of a new encoder.
const PICTURES: usize = 9;

/// Frames of the film, at 30 a second.
const FRAMES: u32 = 90;
const FRAME_US: u64 = 33_333;

/// Frames until it must be known as a film.
const KNOWN: u32 = 45;

/// Where the film plays: not on whole tiles, as windows do not lie there either.
const PLACE: Rect = Rect {
    x: 600,
    y: 200,
    width: film::WIDTH,
    height: film::HEIGHT,
};

fn terms(kind: Kind, now_us: u64, sketch: Option<u8>) -> Terms {
    Terms {
        now_us,
        sketch,
        ..Terms::exact(kind)
    }
}

/// Refines until the screen is exact. Since `from_us`: how long that takes if encoding takes no time.
fn refine(run: &mut Run, scene: &Scene, from_us: u64) -> u64 {
    let mut now_us = from_us;
    while !run.is_exact(scene) {
        now_us += REFINE_EVERY_US;
        assert!(now_us <= from_us + EXACT_WITHIN_US, "not exact in time");
        run.step_by(scene, &[], &terms(Kind::Delta, now_us, None));
    }
    now_us - from_us
}

fn note(run: &Run, exact_us: u64) {
    let encode: Duration = run.encode.iter().sum();
    println!(
        "{:34} exact after {} ms and {} updates, which took {:.1} ms and {} bytes",
        "",
        exact_us / 1000,
        run.encode.len(),
        encode.as_secs_f64() * 1e3,
        run.bytes.iter().sum::<usize>(),
    );
}

/// First pictures as the agent sends them.
pub fn first_picture(frame: Duration) {
    let mut photo = Scene::new(WIDTH, HEIGHT, 0);
    photo.photo(0, 0, WIDTH, HEIGHT, 7);
    for (name, scene) in [
        (
            "first picture: desktop, sketched",
            Scene::desktop(WIDTH, HEIGHT),
        ),
        ("first picture: photo, sketched", photo),
    ] {
        let mut firsts = Run::empty();
        let mut last = Run::empty();
        for _ in 0..PICTURES {
            last = Run::empty();
            last.step_by(&scene, &[whole()], &terms(Kind::Whole, 0, Some(SKETCH)));
            firsts.add(&last);
        }
        firsts.report(name, frame);
        last.clear();
        let exact_us = refine(&mut last, &scene, 0);
        note(&last, exact_us);
        let (took, bytes) = (median(&firsts.both()), firsts.median_bytes());
        conclude(
            &format!("codec: {name}"),
            &format!("{:.1} ms, {} KB", took.as_secs_f64() * 1e3, kilo(bytes)),
            "18 ms, 450 KB, exact in 1 s",
            "",
            took <= FIRST.0 && bytes <= FIRST.1,
        );
    }
}

/// A film of 1280×720 beside a text.
pub fn video(frame: Duration) {
    let (mut film, mut scene) = (Film::new(), Scene::new(WIDTH, HEIGHT, 0x001E_1E1E));
    scene.page(0, 0, WIDTH, HEIGHT, 0);
    let mut run = Run::new(&scene);
    let (mut alone, mut limit, mut limit_bytes) = (Alone::new(), Vec::new(), Vec::new());
    let mut decibels = Vec::new();
    for number in 0..FRAMES {
        let shown = film.frame(number);
        scene.view((PLACE.x, PLACE.y, PLACE.width, PLACE.height), &shown, 0, 0);
        if number == KNOWN {
            assert!(run.encoder.video().is_some(), "a film must be found");
            run.clear();
            limit.clear();
            limit_bytes.clear();
            decibels.clear();
        }
        let now_us = u64::from(number) * FRAME_US;
        run.step_by(&scene, &[PLACE], &terms(Kind::Delta, now_us, None));
        decibels.push(likeness(&run, &scene));
        alone.take(&shown);
        let start = Instant::now();
        limit_bytes.push(alone.encode());
        limit.push(start.elapsed());
    }
    run.report("720p film beside text", frame);
    limit_bytes.sort_unstable();
    decibels.sort_unstable_by(f64::total_cmp);
    let likeness = decibels[decibels.len() / 2];
    let multiples = |times: &[Duration]| median(times).as_secs_f64() / frame.as_secs_f64();
    let own = (multiples(&run.both()), run.median_bytes());
    let limit = (multiples(&limit), limit_bytes[limit_bytes.len() / 2]);
    conclude(
        "codec: 720p film",
        &format!("{:.2} M, {} KB, {likeness:.1} dB", own.0, kilo(own.1)),
        "8.5 M, 17 KB, 41 dB",
        &format!("openh264 alone {:.2} M, {} KB", limit.0, kilo(limit.1)),
        own.0 <= FILM.0 && own.1 <= FILM.1 && likeness >= FILM.2,
    );
    run.clear();
    let exact_us = refine(&mut run, &scene, u64::from(FRAMES) * FRAME_US);
    note(&run, exact_us);
}

/// How like the film is what arrives, in decibels (PSNR over the three channels). Around it all is exact.
fn likeness(run: &Run, scene: &Scene) -> f64 {
    let arrived = run.decoder.canvas().pixels();
    let mut squares = 0_u64;
    for (at, (new, old)) in arrived.iter().zip(&scene.pixels).enumerate() {
        if new == old {
            continue;
        }
        let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
        let inside = (PLACE.x..PLACE.x + PLACE.width).contains(&x)
            && (PLACE.y..PLACE.y + PLACE.height).contains(&y);
        assert!(inside, "({x}, {y}) beside the film is not exact");
        for shift in [0, 8, 16] {
            let off = u64::from((new >> shift & 0xFF).abs_diff(old >> shift & 0xFF));
            squares += off * off;
        }
    }
    let mean = squares as f64 / f64::from(3 * PLACE.width * PLACE.height);
    10.0 * (255.0 * 255.0 / mean).log10()
}
