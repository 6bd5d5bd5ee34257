//! The viewer's window without a session: a made-up remote screen, and every thing that happens in the window as one line of output.
//!
//! `window_demo [--size 800x600] [--one] [--replay] [--view-only] [--fullscreen] [--monitors] [--moving] [--dump FILE] [--code]`;
//! lines on standard input: `grants view control`, `screen 640x480`, `scribble 20`, `dump FILE`, `pointer 10 20`, `cursor`,
//! `ended SENTENCE`, `bench`, `close`.

mod desktop;

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use sightline::io::window::{
    Bar, Did, Mark, MarkKind, Options, Playback, Scale, WindowHandle, ask_code, run,
};
use sightline_ends::content::{Area, CursorShape, Input, Layout, Monitor, Scene};
use sightline_picture::{Decoder, Encoder, Kind, Rect};
use sightline_protocol::capability::{Capabilities, Capability};

/// What was asked for on the command line.
#[derive(Clone, Default)]
struct Wanted {
    size: Option<(u32, u32)>,
    one: bool,
    replay: bool,
    view_only: bool,
    fullscreen: bool,
    monitors: bool,
    moving: bool,
    dump: Option<String>,
    code: bool,
}

fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--size" => wanted.size = words.next().as_deref().and_then(size),
            "--dump" => wanted.dump = words.next(),
            "--one" => wanted.one = true,
            "--replay" => wanted.replay = true,
            "--view-only" => wanted.view_only = true,
            "--fullscreen" => wanted.fullscreen = true,
            "--monitors" => wanted.monitors = true,
            "--moving" => wanted.moving = true,
            "--code" => wanted.code = true,
            other => panic!("unknown option {other}"),
        }
    }
    wanted
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn main() {
    let wanted = wanted();
    if wanted.code {
        match ask_code() {
            Ok(Some(code)) => println!("code {code}"),
            Ok(None) => return println!("no code"),
            Err(error) => return println!("error {error}"),
        }
    }
    let options = Options {
        title: "Sightline: window demo".to_owned(),
        replay: wanted.replay,
        fullscreen: wanted.fullscreen,
        scale: if wanted.one {
            Scale::OneToOne
        } else {
            Scale::Fit
        },
    };
    let (shown, presented) = channel();
    let make = |handle: WindowHandle| {
        std::thread::spawn(move || feed(&handle, &wanted, &presented));
    };
    let ended = run(options, make, move |did| tell(&did, &shown));
    println!("result {ended:?}");
}

fn tell(did: &Did, shown: &Sender<u64>) {
    let down = |down: &bool| if *down { "down" } else { "up" };
    match did {
        Did::Presented { frame } => {
            let _ = shown.send(*frame);
            println!("presented {frame}");
        }
        Did::Input(Input::Key { keysym, down: d }) => println!("key {keysym:#x} {}", down(d)),
        Did::Input(Input::Text(text)) => println!("text {text}"),
        Did::Input(Input::Pointer { x, y }) => println!("pointer {x} {y}"),
        Did::Input(Input::Button { button, down: d }) => println!("button {button:?} {}", down(d)),
        Did::Input(Input::Wheel { dx, dy }) => println!("wheel {dx} {dy}"),
        Did::Input(Input::ReleaseAll) => println!("release all"),
        Did::Mark(points) => println!("mark {points:?}"),
        // Whether the window has the keyboard is the clipboard's business, which no test here looks at.
        Did::Focus(_) => {}
        other => println!("{other:?}"),
    }
}

/// The other end, as far as there is one.
struct Remote<'a> {
    handle: &'a WindowHandle,
    encoder: Encoder,
    frame: u64,
    monitors: bool,
}

impl Remote<'_> {
    fn screen(&mut self, size: (u32, u32)) -> Vec<u32> {
        let monitor = |x: u32, width: u32, primary: bool| Monitor {
            name: format!("monitor at {x}"),
            area: Area {
                x,
                y: 0,
                width,
                height: size.1,
            },
            primary,
        };
        let half = size.0 / 2;
        let monitors = match self.monitors {
            true => vec![monitor(0, half, true), monitor(half, size.0 - half, false)],
            false => vec![monitor(0, size.0, true)],
        };
        let layout = Layout {
            width: size.0,
            height: size.1,
            monitors,
        };
        self.send(&Scene::Layout(layout));
        self.encoder = Encoder::new(size.0, size.1).expect("a size within bounds");
        let pixels = desktop::draw(size);
        let all = Rect {
            x: 0,
            y: 0,
            width: size.0,
            height: size.1,
        };
        self.patch(all, &pixels, Kind::Whole);
        pixels
    }

    fn patch(&mut self, area: Rect, pixels: &[u32], kind: Kind) {
        self.encoder.patch(area, pixels);
        let bytes = self.update(kind);
        self.send_update(bytes);
    }

    fn update(&mut self, kind: Kind) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encoder.encode(kind, &mut bytes);
        bytes
    }

    fn send_update(&mut self, bytes: Vec<u8>) {
        let (frame, last) = (self.frame, true);
        self.frame += 1;
        self.send(&Scene::Update { frame, last, bytes });
    }

    /// Small changes all over the screen, one update each.
    fn scribble(&mut self, count: u32) {
        let size = (
            self.encoder.canvas().width(),
            self.encoder.canvas().height(),
        );
        for _ in 0..count {
            let seed = (self.frame as u32).wrapping_mul(2_654_435_761);
            let (width, height) = (1 + seed % 37 % size.0, 1 + (seed >> 8) % 23 % size.1);
            let area = Rect {
                x: (seed >> 4) % (size.0 - width + 1),
                y: (seed >> 12) % (size.1 - height + 1),
                width,
                height,
            };
            let pixels: Vec<u32> = (0..width * height)
                .map(|dot| dot.wrapping_mul(seed) >> 8)
                .collect();
            self.patch(area, &pixels, Kind::Delta);
        }
    }

    /// Starts a second decoder where the window's is.
    fn whole(&mut self, mirror: &mut Decoder) {
        let bytes = self.update(Kind::Whole);
        mirror.decode(&bytes).expect("an update of our own");
        self.send_update(bytes);
    }

    fn send(&self, scene: &Scene) {
        if let Err(error) = self.handle.scene(scene) {
            println!("error {error}");
        }
    }
}

fn feed(handle: &WindowHandle, wanted: &Wanted, presented: &Receiver<u64>) {
    let size_wanted = wanted.size.unwrap_or((800, 600));
    let mut remote = Remote {
        handle,
        encoder: Encoder::new(1, 1).expect("a size within bounds"),
        frame: 0,
        monitors: wanted.monitors,
    };
    let mut grants = vec![Capability::View, Capability::SetClipboard];
    if !wanted.view_only {
        grants.push(Capability::Control);
    }
    handle.bar(bar(&grants));
    if wanted.replay {
        handle.playback(playback());
    }
    let pixels = remote.screen(size_wanted);
    remote.send(&Scene::Cursor(arrow()));
    if let Some(path) = &wanted.dump {
        dump(path, size_wanted, &pixels).expect("a file that can be written");
    }
    println!("ready");
    if wanted.moving {
        return keep_moving(&mut remote, size_wanted);
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        command(&mut remote, &line, presented);
    }
}

fn bar(grants: &[Capability]) -> Bar {
    Bar {
        technician: "Mira Kovač".to_owned(),
        organisation: "Example Help Desk".to_owned(),
        user: "anna-laptop".to_owned(),
        grants: Capabilities::of(grants),
        recording: true,
        round_trip: Some(Duration::from_micros(8_430)),
        silence: None,
        note: None,
    }
}

fn playback() -> Playback {
    let mark =
        |seconds, label: &str| Mark::new(Duration::from_secs(seconds), MarkKind::Grants, label);
    Playback {
        position: Duration::from_secs(72),
        length: Duration::from_secs(245),
        speed: 1.0,
        playing: true,
        marks: [mark(12, "control granted"), mark(140, "privacy pause")].into(),
        ..Playback::default()
    }
}

fn command(remote: &mut Remote, line: &str, presented: &Receiver<u64>) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut numbers = rest.split(' ').filter_map(|number| number.parse().ok());
    match word {
        "grants" => {
            let grants: Vec<_> = rest.split(' ').filter_map(Capability::from_word).collect();
            remote.handle.bar(bar(&grants));
        }
        "screen" => drop(size(rest).map(|size| remote.screen(size))),
        "pointer" => remote.send(&Scene::Pointer {
            x: numbers.next().unwrap_or(0),
            y: numbers.next().unwrap_or(0),
        }),
        "cursor" => remote.send(&Scene::Cursor(arrow())),
        "ended" => remote.handle.ended(rest.to_owned()),
        "scribble" => remote.scribble(numbers.next().unwrap_or(1) as u32),
        "dump" => {
            let canvas = remote.encoder.canvas();
            let size = (canvas.width(), canvas.height());
            dump(rest, size, canvas.pixels()).expect("a file that can be written");
        }
        "bench" => bench(remote, presented),
        "close" => remote.handle.close(),
        _ => println!("unknown command {word}"),
    }
    println!("did {word}");
}

/// An arrow, white in black.
fn arrow() -> CursorShape {
    const ROWS: [&str; 12] = [
        "X       ", "XX      ", "X.X     ", "X..X    ", "X...X   ", "X....X  ", "X.....X ",
        "X......X", "X...XXXX", "X.XX.X  ", "XX X..X ", "    XX  ",
    ];
    let colour = |dot| match dot {
        'X' => 0xff00_0000,
        '.' => 0xffff_ffff,
        _ => 0,
    };
    CursorShape {
        width: 8,
        height: ROWS.len() as u16,
        hot_x: 0,
        hot_y: 0,
        pixels: ROWS
            .iter()
            .flat_map(|row| row.chars().map(colour))
            .collect(),
    }
}

fn dump(path: &str, size: (u32, u32), pixels: &[u32]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "P6 {} {} 255", size.0, size.1)?;
    for pixel in pixels {
        file.write_all(&pixel.to_be_bytes()[1..])?;
    }
    file.flush()
}

fn keep_moving(remote: &mut Remote, size: (u32, u32)) {
    for step in 0u32.. {
        let x = step * 7 % size.0.saturating_sub(60).max(1);
        let area = Rect {
            x,
            y: size.1 / 2,
            width: 60.min(size.0),
            height: 20.min(size.1 / 2),
        };
        let colour = step.wrapping_mul(0x0001_0307) & 0x00ff_ffff;
        remote.patch(
            area,
            &vec![colour; (area.width * area.height) as usize],
            Kind::Delta,
        );
        std::thread::sleep(Duration::from_millis(16));
    }
}

/// Measures how long updates take from the call of `scene` until they were handed to the display, and how much of that is decoding.
fn bench(remote: &mut Remote, presented: &Receiver<u64>) {
    let canvas = remote.encoder.canvas();
    let size = (canvas.width(), canvas.height());
    let small = Rect {
        x: size.0 / 3,
        y: size.1 / 3,
        width: 12.min(size.0),
        height: 18.min(size.1),
    };
    let large = Rect {
        x: 0,
        y: 0,
        width: size.0,
        height: size.1,
    };
    let mut mirror = Decoder::new();
    remote.whole(&mut mirror);
    for (name, area, rounds) in [("typing", small, 200u32), ("full", large, 60)] {
        let rounds =
            (0..rounds).map(|round| one_round(remote, &mut mirror, presented, area, round));
        let (mut totals, mut decoding): (Vec<_>, Vec<_>) = rounds.unzip();
        totals.sort();
        decoding.sort();
        let (median, p95) = (totals[totals.len() / 2], totals[totals.len() * 95 / 100]);
        let decode = decoding[decoding.len() / 2];
        let best = totals[0];
        println!("bench {name} best {best:?} median {median:?} p95 {p95:?}, decoding {decode:?}");
    }
}

fn one_round(
    remote: &mut Remote,
    mirror: &mut Decoder,
    presented: &Receiver<u64>,
    area: Rect,
    round: u32,
) -> (Duration, Duration) {
    std::thread::sleep(Duration::from_millis(4));
    while presented.try_recv().is_ok() {}
    // Solid colours: cheap to decode, so that most of the time is the window's.
    let colour = (round + 1).wrapping_mul(0x0031_1357) & 0x00ff_ffff;
    remote
        .encoder
        .patch(area, &vec![colour; (area.width * area.height) as usize]);
    let bytes = remote.update(Kind::Delta);
    let start = Instant::now();
    mirror.decode(&bytes).expect("an update of our own");
    let decoding = start.elapsed();
    let frame = remote.frame;
    let start = Instant::now();
    remote.send_update(bytes);
    while presented.recv().is_ok_and(|shown| shown < frame) {}
    (start.elapsed(), decoding)
}
