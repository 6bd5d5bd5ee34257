//! Moving pictures whose age can be read: a page that scrolls, a video. Below the echo's window, on the user's screen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, Gcontext,
    ImageFormat, Pixmap, Rectangle, StackMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::Chance;
use super::stages::USER;
use super::stamps;

/// Frames a second.
pub const RATE: u32 = 30;
/// Pixels of a line of text.
const LINE: u16 = 18;
/// Lines on the page: all of the screen.
const LINES: u16 = USER.1 as u16 / LINE;
/// Where a line of text has its stamp, in pixels: beside the indicator and the echo.
const STAMP_AT: i16 = 1304;
/// The video's place: a 720p window.
const VIDEO: Rectangle = Rectangle {
    x: 640,
    y: 340,
    width: 1280,
    height: 720,
};
/// Pixels around the video's picture, through which the camera shakes.
const SHAKE: u16 = 16;
/// Pictures of the video, shown in turn, each time shaken otherwise.
const PICTURES: usize = 16;
/// Bytes of one request to the X server at most.
const REQUEST: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A screen full of coloured text, up by a line each time.
    Scrolling,
    Video,
}

/// A stamp's place, and how many frames older than the newest its number is there.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub x: i16,
    pub y: i16,
    pub older: u32,
}

impl Kind {
    /// Where to look; the picture is as old as the oldest of them.
    pub fn places(self) -> Vec<Place> {
        match self {
            Kind::Scrolling => [LINES - 1, LINES / 2, 0]
                .map(|line| Place {
                    x: STAMP_AT,
                    y: (line * LINE + 5) as i16,
                    older: u32::from(LINES - 1 - line),
                })
                .to_vec(),
            Kind::Video => {
                let (right, bottom) = (VIDEO.width - stamps::WIDTH, VIDEO.height - stamps::HEIGHT);
                // The echo's window covers the upper left corner.
                [
                    (96, 0),
                    (right, 0),
                    (right / 2, bottom / 2),
                    (0, bottom),
                    (right, bottom),
                ]
                .map(|(x, y)| Place {
                    // On whole cells, as a codec cuts its blocks.
                    x: VIDEO.x + (x / 8 * 8) as i16,
                    y: VIDEO.y + (y / 8 * 8) as i16,
                    older: 0,
                })
                .to_vec()
            }
        }
    }
}

/// A running scene; its window goes when it is dropped.
pub struct Scene {
    /// When each frame was drawn.
    drawn: Arc<Mutex<Vec<Instant>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scene {
    pub fn start(kind: Kind, display: &str) -> anyhow::Result<Scene> {
        let mut stage = Stage::open(kind, display)?;
        let (drawn, over) = (Arc::<Mutex<Vec<Instant>>>::default(), Arc::default());
        let (log, ends) = (Arc::clone(&drawn), Arc::<AtomicBool>::clone(&over));
        let thread = thread::spawn(move || {
            let begun = Instant::now();
            for frame in 0.. {
                let due = begun + Duration::from_secs(1) * frame / RATE;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if ends.load(Ordering::Relaxed) || stage.draw(kind, frame).is_err() {
                    return;
                }
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push(Instant::now());
            }
        });
        Ok(Scene {
            drawn,
            over,
            thread: Some(thread),
        })
    }

    /// Ends it, and says when each frame was drawn.
    pub fn end(mut self) -> Vec<Instant> {
        self.stop();
        std::mem::take(&mut self.drawn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the scene is drawn with.
struct Stage {
    x: RustConnection,
    window: Window,
    gc: Gcontext,
    chance: Chance,
    pictures: Vec<Pixmap>,
}

impl Stage {
    fn open(kind: Kind, display: &str) -> anyhow::Result<Stage> {
        let (x, screen) = x11rb::connect(Some(display))?;
        let root = x.setup().roots[screen].root;
        let (window, gc) = (x.generate_id()?, x.generate_id()?);
        let place = match kind {
            Kind::Scrolling => Rectangle {
                x: 0,
                y: 0,
                width: USER.0 as u16,
                height: LINES * LINE,
            },
            Kind::Video => VIDEO,
        };
        let how = CreateWindowAux::new()
            .override_redirect(1)
            .background_pixel(0x10_10_14);
        x.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            root,
            place.x,
            place.y,
            place.width,
            place.height,
            0,
            WindowClass::INPUT_OUTPUT,
            0,
            &how,
        )?;
        x.configure_window(
            window,
            &ConfigureWindowAux::new().stack_mode(StackMode::BELOW),
        )?;
        // What the echo's window covers is not drawn upon, and what is copied from below it is redrawn by nobody.
        x.create_gc(gc, window, &CreateGCAux::new().graphics_exposures(0))?;
        x.map_window(window)?;
        x.sync()?;
        let mut stage = Stage {
            x,
            window,
            gc,
            chance: Chance::new(0x5c_e4e5),
            pictures: Vec::new(),
        };
        if kind == Kind::Video {
            for n in 0..PICTURES {
                let picture = stage.picture(n)?;
                stage.pictures.push(picture);
            }
        }
        stage.x.sync()?;
        Ok(stage)
    }

    fn draw(&mut self, kind: Kind, frame: u32) -> anyhow::Result<()> {
        match kind {
            Kind::Scrolling => {
                self.scroll()?;
                self.stamp(frame, STAMP_AT, ((LINES - 1) * LINE + 5) as i16)?;
            }
            Kind::Video => {
                let picture = self.pictures[frame as usize % PICTURES];
                let [x, y] = [(); 2].map(|()| self.chance.below(u64::from(2 * SHAKE)) as i16);
                let (window, gc) = (self.window, self.gc);
                let (width, height) = (VIDEO.width, VIDEO.height);
                self.x
                    .copy_area(picture, window, gc, x, y, 0, 0, width, height)?;
                for place in kind.places() {
                    self.stamp(frame, place.x - VIDEO.x, place.y - VIDEO.y)?;
                }
            }
        }
        self.x.sync()?;
        Ok(())
    }

    fn stamp(&self, frame: u32, x: i16, y: i16) -> anyhow::Result<()> {
        let (white, black) = stamps::draw(frame, x, y);
        for (cells, colour) in [(white, 0xff_ff_ff), (black, 0)] {
            let colour = ChangeGCAux::new().foreground(colour);
            self.x.change_gc(self.gc, &colour)?;
            self.x.poly_fill_rectangle(self.window, self.gc, &cells)?;
        }
        Ok(())
    }

    /// Up by a line, and a new one at the bottom.
    fn scroll(&mut self) -> anyhow::Result<()> {
        let (width, rest) = (USER.0 as u16, (LINES - 1) * LINE);
        let (window, gc) = (self.window, self.gc);
        self.x
            .copy_area(window, window, gc, 0, LINE as i16, 0, 0, width, rest)?;
        let line = self.text();
        self.put(window, 0, rest as i16, width, &line)
    }

    /// Words of made-up letters in a few colours on black, 8 × 14 pixels a letter.
    fn text(&mut self) -> Vec<u32> {
        const COLOURS: [u32; 5] = [0xd0_d0_d0, 0x80_c0_ff, 0xff_c0_60, 0x90_e0_90, 0xe0_80_e0];
        let width = USER.0 as usize;
        let mut line = vec![0x10_10_14; width * usize::from(LINE)];
        let length = 30 + self.chance.below(120) as usize;
        let (mut colour, mut letter) = (COLOURS[0], 0);
        while letter < length {
            let word = 2 + self.chance.below(9) as usize;
            for n in letter..(letter + word).min(width / 8) {
                // One of forty shapes, always the same.
                let shape = (1 + self.chance.below(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for y in 0..14 {
                    for x in 0..6 {
                        if shape >> ((y / 2 * 6 + x) % 61) & 1 == 1 {
                            line[(y + 2) * width + n * 8 + x] = colour;
                        }
                    }
                }
            }
            letter += word + 1;
            colour = COLOURS[self.chance.below(5) as usize];
        }
        line
    }

    /// Hills, light and grain: as hard for a codec as a camera's picture.
    fn picture(&mut self, n: usize) -> anyhow::Result<Pixmap> {
        let (width, height) = (VIDEO.width + 2 * SHAKE, VIDEO.height + 2 * SHAKE);
        let turn = n as f32 / PICTURES as f32 * std::f32::consts::TAU;
        let across: Vec<f32> = (0..width)
            .map(|x| (f32::from(x) / 47.0 + turn).sin())
            .collect();
        let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height));
        for y in 0..height {
            let down = (f32::from(y) / 31.0 + 2.0 * turn.cos()).sin();
            for (x, across) in across.iter().enumerate() {
                let ring = ((x as f32 - 600.0) * down / 90.0 + turn).cos();
                let grain = self.chance.below(16) as f32;
                let light = 100.0 + 60.0 * across * down + 40.0 * ring + grain;
                let [r, g, b] = [1.0, 0.8, 0.6 + 0.3 * down].map(|c| (light * c) as u32 & 0xff);
                pixels.push(r << 16 | g << 8 | b);
            }
        }
        let pixmap = self.x.generate_id()?;
        self.x
            .create_pixmap(24, pixmap, self.window, width, height)?;
        self.put(pixmap, 0, 0, width, &pixels)?;
        Ok(pixmap)
    }

    fn put(&self, on: u32, x: i16, y: i16, width: u16, pixels: &[u32]) -> anyhow::Result<()> {
        let row = usize::from(width);
        let rows = (REQUEST / 4 / row).max(1);
        for (n, part) in pixels.chunks(rows * row).enumerate() {
            let bytes: Vec<u8> = part.iter().flat_map(|p| p.to_le_bytes()).collect();
            let (height, y) = ((part.len() / row) as u16, y + (n * rows) as i16);
            let format = ImageFormat::Z_PIXMAP;
            self.x
                .put_image(format, on, self.gc, width, height, x, y, 0, 24, &bytes)?;
        }
        Ok(())
    }
}
