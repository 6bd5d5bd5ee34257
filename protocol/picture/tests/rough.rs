//! What is said roughly for now: sketches, video, updates of few bytes. Whatever happens, the screen is exact once it is quiet, and text is at once.

mod scenes;

use proptest::prelude::*;
use scenes::{Dice, Scene};
use sightline_picture::{Decoder, Encoder, Kind, Rect, SKETCH, Terms, VideoJob};

const WIDTH: u32 = 700;
const HEIGHT: u32 = 420;
/// Between two updates, in microseconds.
const FRAME_US: u64 = 33_000;

/// A sender and receivers: one that follows, and one that reads everything for later.
struct Pair {
    scene: Scene,
    encoder: Encoder,
    decoder: Decoder,
    reader: Decoder,
    now_us: u64,
    updates: Vec<Vec<u8>>,
    /// Pictures of the video are coded elsewhere, and take so many steps.
    apart: Option<usize>,
    /// Those being coded, and for how many steps yet.
    jobs: Vec<(usize, VideoJob)>,
}

fn all() -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: WIDTH,
        height: HEIGHT,
    }
}

impl Pair {
    fn new(scene: Scene) -> Pair {
        Pair {
            scene,
            encoder: Encoder::new(WIDTH, HEIGHT).expect("a size"),
            decoder: Decoder::new(),
            reader: Decoder::new(),
            now_us: 1_000_000,
            updates: Vec::new(),
            apart: None,
            jobs: Vec::new(),
        }
    }

    /// The same, with pictures of the video that come `steps` updates late.
    fn apart(scene: Scene, steps: usize) -> Pair {
        let mut pair = Pair::new(scene);
        pair.encoder.code_video_apart();
        pair.apart = Some(steps);
        pair
    }

    /// Whoever codes pictures works for one step.
    fn code(&mut self) {
        let steps = self.apart.unwrap_or(0);
        let taken = self.encoder.video_job().map(|job| (steps, job));
        self.jobs.extend(taken);
        for (left, mut job) in std::mem::take(&mut self.jobs) {
            if left > 0 {
                self.jobs.push((left - 1, job));
            } else {
                job.run();
                self.encoder.take_back(job);
            }
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            kind: Kind::Delta,
            now_us: self.now_us,
            bytes: None,
            sketch: None,
            video_later: false,
        }
    }

    /// One update on these terms, a frame later; its bytes.
    fn step(&mut self, terms: Terms) -> usize {
        self.encoder.patch(all(), &self.scene.pixels);
        let mut update = Vec::new();
        if self.encoder.encode_by(&terms, &mut update) {
            self.decoder.decode(&update).expect("our own update");
            self.reader.decode_later(&update).expect("our own update");
        }
        self.code();
        self.now_us += FRAME_US;
        let bytes = update.len();
        if bytes > 0 {
            self.updates.push(update);
        }
        bytes
    }

    fn is_exact(&self) -> bool {
        self.decoder.canvas().pixels() == self.scene.pixels
    }

    /// Lets time pass until nothing is left to say; how long that took.
    fn quiet(&mut self, bytes: Option<usize>) -> u64 {
        let began = self.now_us;
        while self.encoder.pending() || self.encoder.is_rough() {
            let terms = Terms {
                bytes,
                ..self.terms()
            };
            self.step(terms);
            assert!(self.now_us - began < 60_000_000, "it never becomes exact");
        }
        assert!(self.is_exact(), "exact once it is quiet");
        self.now_us - began
    }

    /// The one who reads for later sees the same.
    fn settle(&mut self) {
        self.reader.settle().expect("our own updates");
        assert!(self.reader.canvas() == self.decoder.canvas());
    }

    /// How far the receiver is off, as mean square of a channel, in a rectangle.
    fn off(&self, rect: Rect) -> f64 {
        let mut sum = 0.0;
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                let at = (y * WIDTH + x) as usize;
                let (a, b) = (self.decoder.canvas().pixels()[at], self.scene.pixels[at]);
                for shift in [0, 8, 16] {
                    sum += f64::from((a >> shift & 0xFF).abs_diff(b >> shift & 0xFF)).powi(2);
                }
            }
        }
        sum / f64::from(rect.width * rect.height * 3)
    }
}

/// A moving photo at a place with odd sides.
const FILM: Rect = Rect {
    x: 131,
    y: 77,
    width: 401,
    height: 243,
};

/// Each channel moves another way, so that no copy explains it.
fn film(scene: &mut Scene, time: u32) {
    scene.draw(FILM.x, FILM.y, FILM.width, FILM.height, |x, y| {
        let wave = |a: u32| (a % 512).abs_diff(256) * 250 / 256;
        let red = wave(x * 2 + y + time * 6);
        let green = wave(x + y * 3 + 5000 - time * 5);
        red << 16 | green << 8 | (wave(x + y * 2 + time * 9) ^ ((x * y) & 1))
    });
}

fn desk() -> Scene {
    let mut scene = Scene::new(WIDTH, HEIGHT, 0x0020_2830);
    scene.page(0, 0, 700, 420, 1);
    scene
}

#[test]
fn a_first_picture_is_sketched_and_soon_exact() {
    let mut scene = Scene::desktop(WIDTH, HEIGHT);
    scene.photo(0, 0, WIDTH, HEIGHT / 2, 3);
    let mut pair = Pair::new(scene);
    let mut exact = Vec::new();
    let mut encoder = Encoder::new(WIDTH, HEIGHT).expect("a size");
    encoder.patch(all(), &pair.scene.pixels);
    encoder.encode(Kind::Whole, &mut exact);
    let terms = Terms {
        sketch: Some(SKETCH),
        ..pair.terms()
    };
    let bytes = pair.step(terms);
    assert!(bytes * 3 < exact.len(), "{bytes} of {} bytes", exact.len());
    assert!(
        !pair.is_exact() && pair.off(all()) < 30.0,
        "{}",
        pair.off(all())
    );
    assert!(pair.quiet(None) < 1_000_000);
    pair.settle();
}

#[test]
fn what_moves_becomes_video_and_everything_around_it_stays_exact() {
    let mut pair = Pair::new(desk());
    film(&mut pair.scene, 0);
    let exact = pair.step(pair.terms());
    pair.quiet(None);
    let mut sizes = Vec::new();
    for time in 1..150 {
        film(&mut pair.scene, time);
        // Someone types beside it.
        pair.scene.letter(8 + time % 10 * 8, 16, time, 0x00FF_FFFF);
        sizes.push(pair.step(pair.terms()));
        for (y, row) in pair.scene.pixels.chunks_exact(WIDTH as usize).enumerate() {
            let shown = &pair.decoder.canvas().pixels()[y * WIDTH as usize..];
            let film = (FILM.y..FILM.y + FILM.height).contains(&(y as u32));
            let (left, right) = (FILM.x as usize, (FILM.x + FILM.width) as usize);
            let around = if film { left..right } else { 0..0 };
            assert!(
                row[..around.start] == shown[..around.start],
                "text beside it is exact"
            );
            assert!(
                row[around.end..] == shown[around.end..row.len()],
                "text beside it is exact"
            );
        }
    }
    let late = &sizes[60..];
    let mean = late.iter().sum::<usize>() / late.len();
    assert!(mean < exact / 10, "{mean} bytes instead of {exact}");
    assert!(pair.off(FILM) < 60.0, "{}", pair.off(FILM));
    pair.settle();
    assert!(
        pair.quiet(None) < 1_000_000,
        "exact within a second after it stopped"
    );
    pair.settle();
}

#[test]
fn a_film_that_is_coded_elsewhere_comes_later_and_nothing_waits_for_it() {
    let mut pair = Pair::apart(desk(), 2);
    let mut brought = 0;
    for time in 0..150 {
        film(&mut pair.scene, time);
        pair.scene.letter(8 + time % 10 * 8, 16, time, 0x00FF_FFFF);
        let before = pair.updates.len();
        pair.step(pair.terms());
        let line = Rect {
            x: 0,
            y: 16,
            width: 128,
            height: 16,
        };
        assert_eq!(pair.off(line), 0.0, "what is typed is seen at once");
        let updates = &pair.updates[before..];
        brought += usize::from(time > 60 && updates[0].len() > 1_000);
    }
    assert!((25..=31).contains(&brought), "every third: {brought}");
    assert!(pair.quiet(None) < 1_000_000);
    pair.settle();
}

#[test]
fn a_picture_is_taken_when_it_is_painted() {
    let mut pair = Pair::apart(desk(), 0);
    for time in 0..30 {
        film(&mut pair.scene, time);
        pair.step(pair.terms());
    }
    let later = |pair: &mut Pair, us| {
        pair.now_us += us;
        pair.encoder.patch(all(), &pair.scene.pixels);
        let terms = Terms {
            video_later: true,
            ..pair.terms()
        };
        pair.encoder.encode_by(&terms, &mut Vec::new());
        pair.encoder
            .video_at()
            .map(|at| (at as i64 - pair.now_us as i64, pair.encoder.awaits_video()))
    };
    pair.encoder.video_is_painted();
    assert_eq!(later(&mut pair, 0), None, "nothing was painted");
    for strip in 0..10 {
        film(&mut pair.scene, 30 + strip);
        let due = 40_000 - 2_000 * i64::from(strip);
        assert_eq!(later(&mut pair, 2_000), Some((due, true)), "{strip}");
    }
    pair.encoder.video_is_painted();
    let due = -20_000;
    assert_eq!(later(&mut pair, 2_000), Some((due, true)), "at once");
    pair.step(pair.terms());
    film(&mut pair.scene, 45);
    assert_eq!(later(&mut pair, 2_000), Some((40_000, true)), "the next");
}

#[test]
fn a_menu_over_a_film_is_exact_also_while_a_picture_of_it_is_coded() {
    for steps in 0..4 {
        let mut pair = Pair::apart(desk(), steps);
        let menu = Rect {
            x: 256,
            y: 128,
            width: 128,
            height: 128,
        };
        for time in 0..90 {
            film(&mut pair.scene, time);
            if time > 45 {
                pair.scene.page(256, 128, 128, 128, 7);
            }
            pair.step(pair.terms());
            // It waits for the picture that is being coded, and that one is not shown over it.
            let there = time > 45 + steps as u32 + 1;
            assert!(!there || pair.off(menu) == 0.0, "{time} of {steps}");
        }
        pair.quiet(None);
        pair.settle();
    }
}

#[test]
fn a_menu_over_a_film_is_exact() {
    let mut pair = Pair::new(desk());
    for time in 0..60 {
        film(&mut pair.scene, time);
        if time > 30 {
            pair.scene.page(256, 128, 128, 128, 7);
        }
        pair.step(pair.terms());
    }
    let menu = Rect {
        x: 256,
        y: 128,
        width: 128,
        height: 128,
    };
    assert_eq!(pair.off(menu), 0.0);
    assert!(pair.off(FILM) > 0.0);
    pair.quiet(None);
}

#[test]
fn who_comes_late_in_the_middle_of_a_film_sees_the_same() {
    let mut pair = Pair::new(desk());
    for time in 0..90 {
        film(&mut pair.scene, time);
        let kind = if time % 40 == 39 {
            Kind::Whole
        } else {
            Kind::Delta
        };
        let terms = Terms {
            kind,
            sketch: (kind == Kind::Whole).then_some(SKETCH),
            ..pair.terms()
        };
        pair.step(terms);
    }
    let start = pair.updates.len() - 90 + 79;
    for later in [false, true] {
        let mut late = Decoder::new();
        assert!(late.decode(&pair.updates[start - 1]).is_err());
        for update in &pair.updates[start..] {
            if later {
                late.decode_later(update).expect("our own update");
            } else {
                late.decode(update).expect("our own update");
            }
        }
        late.settle().expect("our own updates");
        assert!(late.canvas() == pair.decoder.canvas());
    }
}

#[test]
fn few_bytes_bring_the_newest_screen_in_parts_and_letters_at_once() {
    let mut pair = Pair::new(desk());
    pair.step(pair.terms());
    let mut dice = Dice(4);
    for time in 0..30 {
        pair.scene.photo(0, 64, WIDTH, 300, time * 77);
        pair.scene
            .letter(8 * (time as u32 % 60), 16, dice.below(64), 0x00FF_FFFF);
        let terms = Terms {
            bytes: Some(4_000),
            sketch: Some(40),
            ..pair.terms()
        };
        let bytes = pair.step(terms);
        assert!(bytes < 12_000, "{bytes} bytes at {time}");
        let line = Rect {
            x: 0,
            y: 16,
            width: WIDTH,
            height: 16,
        };
        assert_eq!(pair.off(line), 0.0, "what is typed is seen at once");
    }
    pair.quiet(Some(4_000));
    pair.settle();
}

#[test]
fn a_film_on_a_slow_line_is_video_as_well() {
    let mut pair = Pair::new(desk());
    pair.step(pair.terms());
    for time in 0..60 {
        film(&mut pair.scene, time * 4);
        let terms = Terms {
            // Not enough for all of it as sketches.
            bytes: Some(3_000),
            sketch: Some(50),
            ..pair.terms()
        };
        pair.step(terms);
        pair.now_us += 100_000;
    }
    assert!(pair.updates.iter().any(|update| has_video(update)));
    pair.quiet(Some(3_000));
}

/// The head of H.264's sequence parameters.
fn has_video(update: &[u8]) -> bool {
    update.windows(5).any(|bytes| bytes == [0, 0, 0, 1, 0x67])
}

#[test]
fn a_first_picture_of_few_bytes_fills_up_by_and_by() {
    let mut pair = Pair::new(Scene::desktop(WIDTH, HEIGHT));
    let terms = Terms {
        bytes: Some(6_000),
        sketch: Some(40),
        ..pair.terms()
    };
    let bytes = pair.step(terms);
    assert!(bytes < 16_000, "{bytes} bytes");
    pair.quiet(Some(6_000));
    pair.settle();
}

/// What can happen to a screen between two updates.
#[derive(Clone, Debug)]
enum Happens {
    Fill(Rect, u32),
    Photo(Rect, u64),
    Noise(Rect, u64),
    Text(Rect, u32),
    Scroll(Rect, i32),
    Film(u32),
    Nothing(u32),
}

fn rect() -> impl Strategy<Value = Rect> {
    (0..WIDTH, 0..HEIGHT, 1..=WIDTH, 1..=HEIGHT).prop_map(|(x, y, width, height)| Rect {
        x,
        y,
        width: width.min(WIDTH - x),
        height: height.min(HEIGHT - y),
    })
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        (rect(), 0..0x100_0000u32).prop_map(|(rect, colour)| Happens::Fill(rect, colour)),
        (rect(), any::<u64>()).prop_map(|(rect, seed)| Happens::Photo(rect, seed)),
        (rect(), any::<u64>()).prop_map(|(rect, seed)| Happens::Noise(rect, seed)),
        (rect(), 0..1000u32).prop_map(|(rect, line)| Happens::Text(rect, line)),
        (rect(), -90..90i32).prop_map(|(rect, by)| Happens::Scroll(rect, by)),
        (1..30u32).prop_map(Happens::Film),
        (1..20u32).prop_map(Happens::Nothing),
    ]
}

fn terms() -> impl Strategy<Value = (Option<usize>, Option<u8>, bool)> {
    let bytes = prop_oneof![3 => Just(None), 2 => (500..40_000usize).prop_map(Some)];
    let sketch = prop_oneof![2 => Just(None), 1 => (10..95u8).prop_map(Some)];
    (bytes, sketch, prop::bool::weighted(0.05))
}

impl Pair {
    fn happens(&mut self, what: &Happens, bytes: Option<usize>, sketch: Option<u8>, whole: bool) {
        let scene = &mut self.scene;
        let mut frames = 1;
        match what {
            Happens::Fill(r, colour) => scene.fill(r.x, r.y, r.width, r.height, *colour),
            Happens::Photo(r, seed) => scene.photo(r.x, r.y, r.width, r.height, *seed),
            Happens::Noise(r, seed) => scene.noise(r.x, r.y, r.width, r.height, *seed),
            Happens::Text(r, line) => {
                scene.page(r.x, r.y, r.width.max(64), r.height.max(16), *line);
            }
            Happens::Scroll(r, by) => {
                let before = scene.clone();
                scene.draw(r.x, r.y, r.width, r.height, |x, y| {
                    let from = (y as i32 + by).clamp(0, r.height as i32 - 1) as u32;
                    before.pixels[((r.y + from) * WIDTH + r.x + x) as usize]
                });
            }
            Happens::Film(count) | Happens::Nothing(count) => frames = *count,
        }
        for time in 0..frames {
            if let Happens::Film(_) = what {
                film(&mut self.scene, time);
            }
            let kind = if whole && time == 0 {
                Kind::Whole
            } else {
                Kind::Delta
            };
            let terms = Terms {
                kind,
                bytes,
                sketch,
                video_later: time % 3 == 0,
                ..self.terms()
            };
            self.step(terms);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_is_exact_once_it_is_quiet(
        story in prop::collection::vec((happens(), terms()), 1..14),
        settle in any::<bool>(),
        apart in prop::option::of(0..4usize),
    ) {
        let mut pair = match apart {
            Some(steps) => Pair::apart(desk(), steps),
            None => Pair::new(desk()),
        };
        for (what, (bytes, sketch, whole)) in &story {
            pair.happens(what, *bytes, *sketch, *whole);
            if settle {
                pair.settle();
            }
        }
        pair.quiet(None);
        pair.settle();
    }
}

/// Updates with sketches and video, from a whole on.
fn rough_updates() -> &'static [Vec<u8>] {
    static UPDATES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    UPDATES.get_or_init(|| {
        let mut pair = Pair::new(desk());
        for time in 0..24 {
            film(&mut pair.scene, time * 3);
            let terms = Terms {
                sketch: (time == 0).then_some(30),
                ..pair.terms()
            };
            pair.step(terms);
        }
        pair.updates
    })
}

#[test]
fn the_rough_updates_have_what_they_are_for() {
    let updates = rough_updates();
    let jpeg = |update: &Vec<u8>| update.windows(3).any(|bytes| bytes == [0xFF, 0xD8, 0xFF]);
    assert!(updates.iter().any(jpeg));
    assert!(updates.iter().any(|update| has_video(update)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn bent_sketches_and_films_never_panic(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u32), 1..8),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        later in any::<bool>(),
    ) {
        let mut updates = rough_updates().to_vec();
        let which = which.index(updates.len());
        let bent = &mut updates[which];
        for (at, bit) in flips {
            // Most of an update is its pictures, and those are what is new here.
            let at = at.index(bent.len());
            bent[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bent.truncate(cut.index(bent.len()));
        }
        let mut decoder = Decoder::new();
        for update in &updates {
            let read = match later {
                true => decoder.decode_later(update),
                false => decoder.decode(update).map(|_| ()),
            };
            if read.is_err() {
                break;
            }
        }
        let _ = decoder.settle();
        let whole = &rough_updates()[0];
        prop_assert!(decoder.decode(whole).is_ok(), "a whole heals everything");
    }
}
