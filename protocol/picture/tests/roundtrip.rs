//! The decoder's screen is the encoder's, bit for bit, whatever happened in between.

mod scenes;

use proptest::prelude::*;
use scenes::Scene;
use sightline_picture::{Decoder, Encoder, Kind, PictureError, Rect};

/// Sizes around the edges of tiles, and one ordinary screen with an odd side.
const SIZES: [(u32, u32); 8] = [
    (1, 1),
    (63, 64),
    (64, 65),
    (65, 63),
    (129, 200),
    (300, 170),
    (1, 130),
    (400, 333),
];

#[derive(Clone, Debug)]
enum Act {
    Fill {
        area: Rect,
        colour: u32,
    },
    Text {
        area: Rect,
        line: u32,
    },
    Shaded {
        area: Rect,
        line: u32,
    },
    Few {
        area: Rect,
        colours: u32,
        seed: u64,
    },
    Photo {
        area: Rect,
        seed: u64,
    },
    Noise {
        area: Rect,
        seed: u64,
    },
    Move {
        area: Rect,
        dx: i32,
        dy: i32,
    },
    /// The screen is again what it was so many acts ago.
    Back {
        steps: usize,
    },
    Resize {
        size: usize,
    },
    Delta,
    Whole,
    LateJoin,
}

fn area() -> impl Strategy<Value = Rect> {
    (0..420u32, 0..340u32, 1..420u32, 1..340u32).prop_map(|(x, y, width, height)| Rect {
        x,
        y,
        width,
        height,
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (area(), any::<u32>()).prop_map(|(area, colour)| Act::Fill { area, colour }),
        3 => (area(), 0..50u32).prop_map(|(area, line)| Act::Text { area, line }),
        3 => (area(), 0..50u32).prop_map(|(area, line)| Act::Shaded { area, line }),
        2 => (area(), 1..300u32, any::<u64>()).prop_map(|(area, colours, seed)| Act::Few { area, colours, seed }),
        1 => (area(), any::<u64>()).prop_map(|(area, seed)| Act::Photo { area, seed }),
        1 => (area(), any::<u64>()).prop_map(|(area, seed)| Act::Noise { area, seed }),
        4 => (area(), -40..40i32, -60..60i32).prop_map(|(area, dx, dy)| Act::Move { area, dx, dy }),
        3 => (1..9usize).prop_map(|steps| Act::Back { steps }),
        1 => (0..SIZES.len()).prop_map(|size| Act::Resize { size }),
        6 => Just(Act::Delta),
        1 => Just(Act::Whole),
        1 => Just(Act::LateJoin),
    ]
}

/// A screen, its encoder, and decoders that joined at different times.
struct World {
    scene: Scene,
    encoder: Encoder,
    decoders: Vec<Decoder>,
    /// Reads all and paints only at the end.
    later: Decoder,
    /// Earlier screens.
    past: Vec<Scene>,
    garbage: u32,
}

impl World {
    fn new(size: usize) -> World {
        let (width, height) = SIZES[size];
        World {
            scene: Scene::new(width, height, 0),
            encoder: Encoder::new(width, height).expect("a valid size"),
            decoders: vec![Decoder::new()],
            later: Decoder::new(),
            past: Vec::new(),
            garbage: 0,
        }
    }

    fn act(&mut self, act: &Act) {
        self.past.push(self.scene.clone());
        match *act {
            Act::Fill { area, colour } => self.paint(area, |s, a| {
                s.fill(a.x, a.y, a.width, a.height, colour & 0x00FF_FFFF)
            }),
            Act::Text { area, line } => {
                self.paint(area, |s, a| {
                    if a.width >= 8 {
                        s.page(a.x, a.y, a.width, a.height, line)
                    }
                });
            }
            Act::Shaded { area, line } => self.paint(area, |s, a| {
                if a.width >= 8 {
                    s.shaded_page(a.x, a.y, a.width, a.height, line);
                }
            }),
            Act::Few {
                area,
                colours,
                seed,
            } => self.paint(area, |s, a| {
                let mut dice = scenes::Dice(seed);
                s.draw(a.x, a.y, a.width, a.height, |_, _| {
                    (dice.below(colours) * 0x01_0305) & 0x00FF_FFFF
                });
            }),
            Act::Photo { area, seed } => {
                self.paint(area, |s, a| s.photo(a.x, a.y, a.width, a.height, seed))
            }
            Act::Noise { area, seed } => {
                self.paint(area, |s, a| s.noise(a.x, a.y, a.width, a.height, seed))
            }
            Act::Move { area, dx, dy } => self.paint(area, |s, a| shift(s, a, dx, dy)),
            Act::Back { steps } => {
                let past = self.past.iter().rev().nth(steps).cloned();
                let past = past.filter(|past| past.pixels.len() == self.scene.pixels.len());
                if let Some(past) = past {
                    let (width, height) = (past.width, past.height);
                    let all = Rect {
                        x: 0,
                        y: 0,
                        width,
                        height,
                    };
                    self.paint(all, |scene, _| *scene = past);
                }
            }
            Act::Resize { size } => {
                self.past.clear();
                let (width, height) = SIZES[size];
                self.scene = Scene::new(width, height, 0);
                self.encoder.resize(width, height).expect("a valid size");
            }
            Act::Delta => self.say(Kind::Delta),
            Act::Whole => self.say(Kind::Whole),
            Act::LateJoin => {
                self.decoders.push(Decoder::new());
                self.say(Kind::Whole);
            }
        }
    }

    /// Changes the scene and merges the area, with garbage in the top bytes.
    fn paint(&mut self, area: Rect, paint: impl FnOnce(&mut Scene, Rect)) {
        paint(&mut self.scene, area);
        let width = area.width.min(self.scene.width.saturating_sub(area.x));
        let height = area.height.min(self.scene.height.saturating_sub(area.y));
        if width == 0 || height == 0 {
            return self.encoder.patch(
                area,
                &vec![0xFF00_1234; (area.width * area.height) as usize],
            );
        }
        let mut pixels = self.scene.grab(area.x, area.y, width, height);
        for pixel in &mut pixels {
            self.garbage = self.garbage.wrapping_add(0x0300_0000);
            *pixel |= self.garbage & 0xFF00_0000;
        }
        self.encoder.patch(
            Rect {
                width,
                height,
                ..area
            },
            &pixels,
        );
    }

    fn say(&mut self, kind: Kind) {
        assert!(
            self.encoder.canvas().pixels() == self.scene.pixels,
            "the encoder's canvas is the scene"
        );
        let mut update = vec![0xAB];
        let said = self.encoder.encode(kind, &mut update);
        assert_eq!(said, update.len() > 1);
        assert!(!self.encoder.pending());
        if said {
            let read = self.later.decode_later(&update[1..]);
            read.expect("an honest update");
        }
        for decoder in &mut self.decoders {
            if said {
                let before = decoder.canvas().clone();
                let changed = decoder
                    .decode(&update[1..])
                    .expect("an honest update")
                    .to_vec();
                check_areas(&before, decoder, &changed);
            }
            assert!(
                decoder.canvas() == self.encoder.canvas(),
                "the decoder's canvas is the encoder's"
            );
        }
    }
}

/// Every pixel that changed lies in an area that was reported, and every area on the canvas.
fn check_areas(before: &sightline_picture::Canvas, decoder: &Decoder, changed: &[Rect]) {
    let after = decoder.canvas();
    let inside = |area: &Rect| {
        area.x + area.width <= after.width() && area.y + area.height <= after.height()
    };
    assert!(changed.iter().all(inside));
    if (before.width(), before.height()) != (after.width(), after.height()) {
        return;
    }
    for y in 0..after.height() {
        for (x, (old, new)) in (0..).zip(before.row(y).iter().zip(after.row(y))) {
            let told =
                |a: &Rect| (a.x..a.x + a.width).contains(&x) && (a.y..a.y + a.height).contains(&y);
            assert!(
                old == new || changed.iter().any(told),
                "the change at {x}, {y} was not reported"
            );
        }
    }
}

/// Moves the content of an area inside it, as scrolling does.
fn shift(scene: &mut Scene, area: Rect, dx: i32, dy: i32) {
    let old = scene.clone();
    let inside = |at: i64, start: u32, length: u32| {
        at >= i64::from(start) && at < i64::from(start) + i64::from(length)
    };
    scene.draw(area.x, area.y, area.width, area.height, |x, y| {
        let (x, y) = (area.x + x, area.y + y);
        let (from_x, from_y) = (i64::from(x) + i64::from(dx), i64::from(y) + i64::from(dy));
        let held = inside(from_x, area.x, area.width.min(old.width - area.x))
            && inside(from_y, area.y, area.height.min(old.height - area.y));
        let (from_x, from_y) = if held {
            (from_x as u32, from_y as u32)
        } else {
            (x, y)
        };
        old.pixels[(from_y * old.width + from_x) as usize]
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_screen_arrives(size in 0..SIZES.len(), acts in prop::collection::vec(act(), 1..40)) {
        let mut world = World::new(size);
        for act in &acts {
            world.act(act);
        }
        world.say(Kind::Delta);
        world.later.settle().expect("honest updates");
        prop_assert!(world.later.canvas() == world.encoder.canvas(), "painted at the end, it is the same");
    }

    #[test]
    fn scrolled_text_arrives(line in 0..100u32, steps in prop::collection::vec((-50..50i32, any::<bool>()), 1..12)) {
        let mut world = World::new(7);
        let all = Rect { x: 0, y: 0, width: 400, height: 333 };
        world.act(&Act::Text { area: all, line });
        world.say(Kind::Delta);
        for (dy, say) in steps {
            let pane = Rect { x: 30, y: 20, width: 350, height: 300 };
            world.act(&Act::Move { area: pane, dx: 0, dy });
            if say {
                world.say(Kind::Delta);
            }
        }
        world.say(Kind::Delta);
    }
}

#[test]
fn a_large_odd_screen_arrives() {
    let mut scene = Scene::desktop(1921, 1081);
    let mut encoder = Encoder::new(1921, 1081).expect("a valid size");
    let mut decoder = Decoder::new();
    let all = Rect {
        x: 0,
        y: 0,
        width: 1921,
        height: 1081,
    };
    for step in 0..4 {
        encoder.patch(all, &scene.pixels);
        let mut update = Vec::new();
        assert!(encoder.encode(Kind::Delta, &mut update));
        decoder.decode(&update).expect("an honest update");
        assert!(decoder.canvas().pixels() == scene.pixels);
        scene.page(80, 60, 1200, 800, step * 3 + 4);
    }
}

#[test]
fn scrolling_is_said_as_copies() {
    let mut scene = Scene::new(640, 480, 0);
    let mut encoder = Encoder::new(640, 480).expect("a valid size");
    let all = Rect {
        x: 0,
        y: 0,
        width: 640,
        height: 480,
    };
    let mut update = Vec::new();
    for first in [0, 3, 1] {
        scene.page(0, 0, 640, 480, first);
        encoder.patch(all, &scene.pixels);
        update.clear();
        encoder.encode(Kind::Delta, &mut update);
    }
    assert!(
        update.len() < 1500,
        "two new lines of text, not a screen: {} bytes",
        update.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))] // large screens take their time

    #[test]
    fn dragged_windows_arrive(steps in prop::collection::vec((0..500u32, 0..360u32, any::<bool>()), 1..8)) {
        let background = photo();
        let mut encoder = Encoder::new(800, 600).expect("a valid size");
        let mut decoder = Decoder::new();
        for (x, y, say) in steps {
            let scene = with_window(&background, x, y);
            encoder.patch(Rect { x: 0, y: 0, width: 800, height: 600 }, &scene.pixels);
            prop_assert!(encoder.canvas().pixels() == scene.pixels);
            if say {
                let mut update = Vec::new();
                encoder.encode(Kind::Delta, &mut update);
                decoder.decode(&update).expect("an honest update");
                prop_assert!(decoder.canvas() == encoder.canvas());
            }
        }
    }
}

/// A window of text and a picture over a photo.
fn with_window(background: &Scene, x: u32, y: u32) -> Scene {
    let mut scene = background.clone();
    scene.photo(x, y, 320, 256, 40);
    scene.page(x, y, 160, 256, 40);
    scene.fill(x, y, 320, 20, 0x0030_3A48);
    scene
}

fn photo() -> Scene {
    let mut background = Scene::new(800, 600, 0);
    background.photo(0, 0, 800, 600, 3);
    background
}

#[test]
fn dragging_is_said_as_copies() {
    let background = photo();
    let mut encoder = Encoder::new(800, 600).expect("a valid size");
    let all = Rect {
        x: 0,
        y: 0,
        width: 800,
        height: 600,
    };
    let mut update = Vec::new();
    for (x, y) in [(100, 100), (107, 95), (100, 100)] {
        encoder.patch(all, &with_window(&background, x, y).pixels);
        update.clear();
        encoder.encode(Kind::Delta, &mut update);
    }
    assert!(
        update.len() < 12_000,
        "two edges of photo, not a window: {} bytes",
        update.len()
    );
}

/// How long the updates are with which a screen of 800×600 becomes one scene after the other.
fn lengths(scenes: &[&Scene]) -> Vec<usize> {
    let mut encoder = Encoder::new(800, 600).expect("a valid size");
    let mut decoder = Decoder::new();
    let all = Rect {
        x: 0,
        y: 0,
        width: 800,
        height: 600,
    };
    let lengths = scenes.iter().map(|scene| {
        encoder.patch(all, &scene.pixels);
        let mut update = Vec::new();
        encoder.encode(Kind::Delta, &mut update);
        decoder.decode(&update).expect("an honest update");
        assert!(decoder.canvas().pixels() == scene.pixels);
        update.len()
    });
    lengths.collect()
}

#[test]
fn what_was_there_before_is_recalled() {
    let (photo, mut page) = (photo(), photo());
    page.page(0, 0, 800, 600, 7);
    let mut menu = photo.clone();
    menu.code(100, 50, 300, 400, 3);
    let turned = lengths(&[&photo, &page, &photo, &page, &photo]);
    assert!(turned[2..].iter().all(|&bytes| bytes < 100), "{turned:?}");
    let closed = lengths(&[&photo, &menu, &photo]);
    assert!(closed[2] < 300, "{closed:?}");
    let others: Vec<Scene> = (0..40)
        .map(|i| {
            let mut other = page.clone();
            other.page(0, 0, 800, 600, 100 * i);
            other
        })
        .collect();
    let mut scenes: Vec<&Scene> = vec![&photo];
    scenes.extend(&others);
    scenes.push(&photo);
    let restless = lengths(&scenes);
    let last = restless[restless.len() - 1];
    assert!(
        last < restless[0] / 50,
        "what never rests has pushed little out: {last} bytes"
    );
}

/// More than the store holds: pages of 510 tiles, each up long enough to be worth keeping.
#[test]
fn a_full_store_forgets_the_same_on_both_sides() {
    let all = Rect {
        x: 0,
        y: 0,
        width: 1920,
        height: 1080,
    };
    let mut encoder = Encoder::new(1920, 1080).expect("a valid size");
    let (mut decoder, mut later) = (Decoder::new(), Decoder::new());
    let mut lengths = Vec::new();
    for page in [0, 1, 2, 3, 4, 3, 5, 0, 6, 0, 6] {
        let mut scene = Scene::new(1920, 1080, 0);
        scene.draw(0, 0, 1920, 1080, |x, y| (x / 20 * 31 + y / 9 * 7) << page);
        for step in 0..10 {
            scene.fill(step, 0, 1, 1, 0x00FF_FFFF);
            encoder.patch(all, &scene.pixels);
            let mut update = Vec::new();
            encoder.encode(Kind::Delta, &mut update);
            decoder.decode(&update).expect("an honest update");
            assert!(decoder.canvas() == encoder.canvas(), "page {page}");
            later.decode_later(&update).expect("an honest update");
            if step == 0 {
                lengths.push(update.len());
            }
        }
    }
    later.settle().expect("honest updates");
    assert!(later.canvas() == encoder.canvas());
    let last = &lengths[lengths.len() - 2..];
    assert!(last.iter().all(|&bytes| bytes < 1000), "{lengths:?}");
}

#[test]
fn nothing_new_says_nothing() {
    let mut encoder = Encoder::new(100, 100).expect("a valid size");
    assert!(encoder.pending());
    let mut update = Vec::new();
    assert!(encoder.encode(Kind::Delta, &mut update));
    let all = Rect {
        x: 0,
        y: 0,
        width: 100,
        height: 100,
    };
    encoder.patch(all, &[0xFF00_0000; 10_000]);
    assert!(!encoder.pending());
    let length = update.len();
    assert!(!encoder.encode(Kind::Delta, &mut update));
    assert_eq!(update.len(), length);
    assert!(encoder.encode(Kind::Whole, &mut update));
}

#[test]
fn pieces_outside_or_too_short_are_ignored() {
    let mut encoder = Encoder::new(100, 100).expect("a valid size");
    encoder.encode(Kind::Delta, &mut Vec::new());
    let far = u32::MAX;
    encoder.patch(
        Rect {
            x: 100,
            y: 0,
            width: 1,
            height: 1,
        },
        &[1],
    );
    encoder.patch(
        Rect {
            x: far,
            y: far,
            width: far,
            height: far,
        },
        &[1],
    );
    encoder.patch(
        Rect {
            x: 0,
            y: 0,
            width: far,
            height: far,
        },
        &[1],
    );
    encoder.patch(
        Rect {
            x: 0,
            y: 0,
            width: 2,
            height: 1,
        },
        &[1],
    );
    encoder.patch(
        Rect {
            x: 0,
            y: 0,
            width: 0,
            height: 5,
        },
        &[],
    );
    assert!(!encoder.pending());
    encoder.patch(
        Rect {
            x: 99,
            y: 99,
            width: 2,
            height: 2,
        },
        &[7, 8, 9, 10],
    );
    assert_eq!(encoder.canvas().row(99)[99], 7);
    assert_eq!(encoder.canvas().row(100), &[] as &[u32]);
}

#[test]
fn sizes_are_bounded() {
    for (width, height) in [(0, 1), (1, 0), (16_385, 1), (1, u32::MAX), (16_384, 16_384)] {
        assert_eq!(
            Encoder::new(width, height).err(),
            Some(PictureError::Size { width, height })
        );
    }
    let mut encoder = Encoder::new(16_384, 1).expect("a valid size");
    assert!(encoder.resize(0, 0).is_err());
    assert_eq!(encoder.canvas().width(), 16_384);
}
