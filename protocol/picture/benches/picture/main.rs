//! Prints what the codec costs, as multiples of M, the time of copying one frame in the same run, and in bytes.
//! Run with `cargo bench -p sightline-picture`.

#[path = "../../tests/scenes/mod.rs"]
mod scenes;

mod film;
mod rough;
mod run;

use run::{HEIGHT, Run, WIDTH, frame_copy, median, whole};
use scenes::{LETTER, Scene};
use sightline_picture::{Kind, Rect};
use std::time::{Duration, Instant};

/// Frames of each piece of work; the median is printed.
const FRAMES: u32 = 40;

fn idle(frame: Duration) {
    let scene = Scene::desktop(WIDTH, HEIGHT);
    let mut run = Run::new(&scene);
    let mut times = Vec::new();
    for _ in 0..FRAMES {
        let start = Instant::now();
        run.encoder.patch(whole(), &scene.pixels);
        times.push(start.elapsed());
        assert!(!run.encoder.pending());
    }
    println!(
        "{:34} patch {:8.3} ms {:6.2} M",
        "unchanged frame, all of it grabbed",
        median(&times).as_secs_f64() * 1e3,
        median(&times).as_secs_f64() / frame.as_secs_f64()
    );
}

fn typing(frame: Duration) {
    let mut scene = Scene::desktop(WIDTH, HEIGHT);
    let mut run = Run::new(&scene);
    for i in 0..FRAMES {
        let x = 80 + i * LETTER.0;
        scene.letter(x, 300, i * 13, 0x00D4_D4D4);
        scene.fill(x + LETTER.0, 300, 2, LETTER.1, 0x00FF_FFFF);
        // What damage in tiles makes of a letter and the cursor behind it.
        let area = Rect {
            x: x / 64 * 64,
            y: 256,
            width: 128,
            height: 64,
        };
        run.step(&scene, &[area], Kind::Delta);
    }
    run.report("typing", frame);
    run.conclude("codec: typing", frame, (0.05, 1_200));
}

fn scroll(frame: Duration) {
    let mut scene = Scene::new(WIDTH, HEIGHT, 0x001E_1E1E);
    scene.page(0, 0, WIDTH, HEIGHT, 0);
    let mut run = Run::new(&scene);
    for i in 1..=FRAMES {
        scene.page(0, 0, WIDTH, HEIGHT, i * 3);
        run.step(&scene, &[whole()], Kind::Delta);
    }
    run.report("full-screen scroll, 3 lines", frame);
    run.conclude("codec: full-screen scrolling", frame, (2.2, 4_000));
}

fn paging(frame: Duration) {
    let mut scene = Scene::new(WIDTH, HEIGHT, 0x001E_1E1E);
    scene.page(0, 0, WIDTH, HEIGHT, 0);
    let mut run = Run::new(&scene);
    for i in 1..=FRAMES {
        scene.page(0, 0, WIDTH, HEIGHT, i * 1000);
        run.step(&scene, &[whole()], Kind::Delta);
    }
    run.report("full screen of other text", frame);
}

fn drag(frame: Duration) {
    let background = Scene::desktop(WIDTH, HEIGHT);
    let mut photo = background.clone();
    photo.photo(0, 0, WIDTH, HEIGHT, 3);
    let draw = |x: u32, y: u32| {
        let mut scene = photo.clone();
        scene.page(x, y, 640, 480, 40);
        scene.fill(x, y, 640, 24, 0x0030_3A48);
        scene
    };
    let mut run = Run::new(&draw(200, 100));
    for i in 1..=FRAMES {
        let (x, y) = (200 + i * 11, 100 + i * 7);
        let area = Rect {
            x: (x - 11) / 64 * 64,
            y: (y - 7) / 64 * 64,
            width: 768,
            height: 576,
        };
        run.step(&draw(x, y), &[area], Kind::Delta);
    }
    run.report("window dragged over a photo", frame);
    run.conclude("codec: window over a photo", frame, (2.5, 18_000));
}

/// Lets `draw` make each frame, and reports what saying it took.
fn animate(name: &str, frame: Duration, mut draw: impl FnMut(&mut Scene, u32)) {
    let mut scene = Scene::new(WIDTH, HEIGHT, 0x001E_1E1E);
    draw(&mut scene, 0);
    let mut run = Run::new(&scene);
    for i in 1..=FRAMES {
        draw(&mut scene, i);
        run.step(&scene, &[whole()], Kind::Delta);
    }
    run.report(name, frame);
}

fn code(frame: Duration) {
    animate("full-screen code, 3 lines", frame, |scene, i| {
        scene.code(0, 0, WIDTH, HEIGHT, i * 3);
    });
    animate("text in shaded inks, 3 lines", frame, |scene, i| {
        scene.shaded_page(0, 0, WIDTH, HEIGHT, i * 3);
    });
    let mut long = Scene::new(WIDTH, 2048, 0x001E_1E1E);
    long.code(0, 0, WIDTH, 2048, 0);
    animate("code scrolled smoothly, 7 pixels", frame, |scene, i| {
        scene.view((0, 0, WIDTH, HEIGHT), &long, 0, i * 7);
    });
    animate("code scrolled sideways, 12 pixels", frame, |scene, i| {
        scene.view((300, 100, 1000, 800), &long, i * 12, 0);
    });
    animate("two panes, tool bar, status line", frame, |scene, i| {
        scene.view((0, 40, 901, 1000), &long, 0, i * 16);
        scene.view((910, 40, 1000, 1000), &long, 0, 900 - i * 11);
        scene.line(0, 1060, 400, i);
    });
}

/// What the memory of both sides is for.
fn back(frame: Duration) {
    let desktop = Scene::desktop(WIDTH, HEIGHT);
    animate("two windows in turn", frame, |scene, i| {
        scene.pixels.clone_from(&desktop.pixels);
        if i % 2 == 1 {
            scene.code(0, 0, WIDTH, HEIGHT, 77);
        }
    });
    animate("a menu over a photo, up and down", frame, |scene, i| {
        scene.photo(0, 0, WIDTH, HEIGHT, 5);
        if i % 2 == 1 {
            scene.code(333, 222, 320, 512, 5);
        }
    });
}

/// What is never found again.
fn noise(frame: Duration) {
    animate("all of the screen new, grainy", frame, |scene, i| {
        scene.photo(320, 180, 1280, 720, u64::from(i));
    });
}

/// Frames in files as `xwd` writes them, in the order of their names, for any content: the folder is in `PICTURE_FRAMES`.
fn files(frame: Duration) {
    let Ok(folder) = std::env::var("PICTURE_FRAMES") else {
        return;
    };
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of frames")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    let scenes: Vec<Scene> = names.iter().map(|name| xwd(name)).collect();
    let mut run = Run::new(&scenes[0]);
    for scene in &scenes[1..] {
        run.step(scene, &[whole()], Kind::Delta);
    }
    run.report(&folder, frame);
}

/// A frame of the bench's size, 32 bits a pixel.
fn xwd(name: &std::path::Path) -> Scene {
    let bytes = std::fs::read(name).expect("a file");
    let field = |at: usize| u32::from_be_bytes(bytes[4 * at..][..4].try_into().expect("a field"));
    assert_eq!((field(4), field(5), field(11)), (WIDTH, HEIGHT, 32));
    let start = (field(0) + 12 * field(19)) as usize;
    let mut scene = Scene::new(WIDTH, HEIGHT, 0);
    for (pixel, bytes) in scene.pixels.iter_mut().zip(bytes[start..].as_chunks().0) {
        *pixel = u32::from_le_bytes(*bytes) & 0x00FF_FFFF;
    }
    scene
}

fn first(frame: Duration) {
    let scene = Scene::desktop(WIDTH, HEIGHT);
    let mut run = Run::new(&scene);
    for _ in 0..10 {
        run.step(&scene, &[whole()], Kind::Whole);
    }
    run.report("whole desktop", frame);
    let mut scene = Scene::new(WIDTH, HEIGHT, 0);
    scene.page(0, 0, WIDTH, HEIGHT, 0);
    let mut run = Run::new(&scene);
    for _ in 0..10 {
        run.step(&scene, &[whole()], Kind::Whole);
    }
    run.report("whole screen of text", frame);
    scene.photo(0, 0, WIDTH, HEIGHT, 7);
    let mut run = Run::new(&scene);
    for _ in 0..10 {
        run.step(&scene, &[whole()], Kind::Whole);
    }
    run.report("whole screen of photo", frame);
}

type Work = (&'static str, fn(Duration));

const WORK: [Work; 12] = [
    ("idle", idle),
    ("typing", typing),
    ("scroll", scroll),
    ("paging", paging),
    ("drag", drag),
    ("code", code),
    ("back", back),
    ("noise", noise),
    ("files", files),
    ("first", first),
    ("sketched", rough::first_picture),
    ("video", rough::video),
];

/// Runs the work that is named, or all.
fn main() {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let frame = frame_copy();
    println!(
        "M: one 1920x1080 frame copied in {:.3} ms; medians",
        frame.as_secs_f64() * 1e3
    );
    for (name, work) in WORK {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            work(frame);
        }
    }
}
