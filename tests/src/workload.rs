//! What people do on a screen, as X programs that do it the same way every time: for benches, and for whoever wants to
//! look at a remote-support program at work (`workload NAME`).
//!
//! Each draws on a window as large as the screen. Content follows from a seed; every step changes the screen as a real
//! program of its kind would (a glyph and the cursor, a CopyArea and new lines, strips of a video, windows that move),
//! and shows its number in a small block in the corner ([`mark`]), so that who sees only pixels knows which step it is.

mod code;
mod desktop;
mod font;
pub mod mark;
mod pages;
mod paint;
mod photo;
mod screen;
mod scrolling;
mod spreadsheet;
pub mod stamps;
mod typing;
mod video;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use screen::Screen;
use stamps::Place;

/// One of the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A terminal over a photo; a character for each step.
    Typing,
    /// A full screen of coloured code, three lines for each step: copied, and the new lines drawn, as terminals do.
    Scrolling,
    /// The same, but all of it painted again, as browsers and editors do.
    Repainting,
    /// A window dragged over a photo and other windows.
    Dragging,
    /// The windows over a photo come to the front in turn.
    Switching,
    /// A video of 1280×720 in strips, beside text that stands still.
    Video,
    /// Cells of a spreadsheet are filled, and their sums change.
    Spreadsheet,
    /// Two full pages in turn: a text, and a photo with a window.
    Flipping,
    /// A desktop that appears: a photo, windows, text. Its steps show it and a plain screen in turn.
    Desktop,
    /// A desktop on which nothing happens.
    Idle,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Typing,
        Kind::Scrolling,
        Kind::Repainting,
        Kind::Dragging,
        Kind::Switching,
        Kind::Video,
        Kind::Spreadsheet,
        Kind::Flipping,
        Kind::Desktop,
        Kind::Idle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Typing => "typing",
            Kind::Scrolling => "scrolling",
            Kind::Repainting => "repainting",
            Kind::Dragging => "dragging",
            Kind::Switching => "switching",
            Kind::Video => "video",
            Kind::Spreadsheet => "spreadsheet",
            Kind::Flipping => "flipping",
            Kind::Desktop => "desktop",
            Kind::Idle => "idle",
        }
    }

    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Steps a second, as people and programs do them.
    pub fn usual_rate(self) -> f64 {
        match self {
            Kind::Typing => 12.0,
            Kind::Scrolling | Kind::Repainting | Kind::Dragging | Kind::Video => 30.0,
            Kind::Spreadsheet => 8.0,
            Kind::Switching | Kind::Flipping => 2.0,
            Kind::Desktop => 0.5,
            Kind::Idle => 0.0,
        }
    }
}

/// What draws.
trait Work: Send {
    /// Draws step `number`, from 1 on.
    fn step(&mut self, screen: &mut Screen, number: u32) -> anyhow::Result<()>;

    /// Where the numbers of steps can be read if the newest is stamped: in its own places after each step, older ones where the
    /// work itself has moved them since.
    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}

/// Chosen when a workload is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Steps a second; [`Kind::usual_rate`] if not said.
    pub rate: Option<f64>,
    pub seed: u64,
    /// Lies below all other windows; else above those that are there.
    pub below: bool,
    /// Steps are stamped upon the picture, too.
    pub stamped: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rate: None,
            seed: 1,
            below: false,
            stamped: false,
        }
    }
}

/// A step that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub number: u32,
    /// When all of it but the mark had been given to the X server.
    pub at: Instant,
}

/// An open workload. Its windows go when it is dropped.
pub struct Workload {
    screen: Screen,
    work: Box<dyn Work>,
    period: Option<Duration>,
    stamped: bool,
    number: u32,
}

impl Workload {
    /// Draws the first picture on `display`, marked as step 0.
    pub fn open(display: &str, kind: Kind, options: Options) -> anyhow::Result<Workload> {
        let mut screen = Screen::open(display, options.below)?;
        let work = begin(kind, &mut screen, options.seed)?;
        screen.mark(0)?;
        screen.sync()?;
        let rate = options.rate.unwrap_or(kind.usual_rate());
        let period = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        Ok(Workload {
            screen,
            work,
            period,
            stamped: options.stamped,
            number: 0,
        })
    }

    /// Where steps are stamped; nowhere in most workloads.
    pub fn places(&self) -> Vec<Place> {
        self.work.places()
    }

    /// Draws one step.
    pub fn step(&mut self) -> anyhow::Result<Step> {
        let number = self.number + 1;
        self.work.step(&mut self.screen, number)?;
        if self.stamped {
            let places = self.places();
            for place in places.iter().filter(|place| place.older == 0) {
                self.screen.stamp(number, place)?;
            }
        }
        let at = Instant::now();
        self.screen.mark(number)?;
        self.screen.sync()?;
        self.number = number;
        Ok(Step { number, at })
    }

    /// Draws at its rate for so long, or until told to stop, and tells each step. What could not be drawn in time makes
    /// the rest later; nothing is caught up on.
    pub fn run(
        &mut self,
        long: Duration,
        stop: &AtomicBool,
        mut each: impl FnMut(Step),
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut due = begun;
        let over = |now: Instant| stop.load(Ordering::Relaxed) || now - begun >= long;
        while !over(Instant::now()) {
            let Some(period) = self.period else {
                rest(long, begun, stop);
                return Ok(());
            };
            each(self.step()?);
            due = (due + period).max(Instant::now());
            std::thread::sleep(due - Instant::now());
        }
        Ok(())
    }
}

/// Nothing, for that long since `begun`.
fn rest(long: Duration, begun: Instant, stop: &AtomicBool) {
    /// How soon a wish to stop is seen.
    const LOOK_UP: Duration = Duration::from_millis(50);
    while begun.elapsed() < long && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_UP.min(long.saturating_sub(begun.elapsed())));
    }
}

fn begin(kind: Kind, screen: &mut Screen, seed: u64) -> anyhow::Result<Box<dyn Work>> {
    Ok(match kind {
        Kind::Typing => Box::new(typing::Typing::open(screen, seed)?),
        Kind::Scrolling => Box::new(scrolling::Scrolling::open(screen, seed, false)?),
        Kind::Repainting => Box::new(scrolling::Scrolling::open(screen, seed, true)?),
        Kind::Dragging => Box::new(windows::Dragging::open(screen, seed)?),
        Kind::Switching => Box::new(windows::Switching::open(screen, seed)?),
        Kind::Video => Box::new(video::Video::open(screen, seed)?),
        Kind::Spreadsheet => Box::new(spreadsheet::Spreadsheet::open(screen, seed)?),
        Kind::Flipping => Box::new(pages::Flipping::open(screen, seed)?),
        Kind::Desktop => Box::new(pages::Desktop::open(screen, seed)?),
        Kind::Idle => Box::new(pages::Idle::open(screen, seed)?),
    })
}

/// A workload that goes on beside something else until it is dropped.
pub struct Beside {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Step>>>,
}

impl Beside {
    pub fn start(mut workload: Workload) -> Beside {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut steps = Vec::new();
            if let Err(error) = workload.run(Duration::MAX, &told, |step| steps.push(step)) {
                eprintln!("the workload ended: {error:#}");
            }
            steps
        });
        Beside {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends it; the steps that it drew.
    pub fn end(mut self) -> Vec<Step> {
        self.stop().unwrap_or_default()
    }

    fn stop(&mut self) -> Option<Vec<Step>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop();
    }
}
