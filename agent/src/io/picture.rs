//! The picture's own thread: screen → tiles → seal → link (DESIGN ch. 7, *pixels*). It sleeps in the screen's `wait`
//! while nothing changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sightline_ends::consent::{Grant, Refused, kind};
use sightline_ends::content::{Area, Layout, Scene};
use sightline_ends::seal::Sealer;
use sightline_ends::session::{seal_scene, seal_start, seal_update};
use sightline_link::Bytes;
use sightline_picture::{Encoder, Kind, PictureError, Rect, SKETCH, Starts, Terms};
use sightline_program::clock::{Clock, unix_ms};
use tokio::sync::mpsc::UnboundedSender;

use super::film::FilmThread;
use super::outlet::Outlet;
use crate::platform::{self, Backend, DesktopError, Screen, Wake, Woken};
use crate::pure::pace::Pace;

/// A whole picture at least this often while the screen changes, so that a recording can be entered there: 30 s.
const WHOLE_EVERY: Duration = Duration::from_secs(30);

/// On a slow line it waits until nothing has changed for so long, because it is in the way of what changes.
const WHOLE_AT_REST: Duration = Duration::from_secs(1);

/// But no longer than that.
const WHOLE_AT_LAST: Duration = Duration::from_secs(300);

/// Between two updates that make exact what is rough: each takes a few milliseconds, and the user's programs want the processor, too.
const REFINE_EVERY: Duration = Duration::from_millis(15);

/// The same while there is nothing to make exact yet, because it still moves.
const REFINE_LOOK: Duration = Duration::from_millis(50);

/// JPEG quality of sketches on a line that holds pictures up: half the bytes of the usual.
const COARSE: u8 = 50;

/// What the thread sends to the session.
pub enum FromPicture {
    /// A record for the picture lane.
    Record(Bytes),
    /// The screen is open and this is its waker.
    Open(Box<dyn Wake>),
    Failed(PictureFailure),
}

impl From<Vec<u8>> for FromPicture {
    fn from(record: Vec<u8>) -> FromPicture {
        FromPicture::Record(record.into())
    }
}

/// Why there are no more pictures.
#[derive(Debug, thiserror::Error)]
pub enum PictureFailure {
    #[error(transparent)]
    Desktop(#[from] DesktopError),
    #[error("the screen cannot be coded: {0}")]
    Codec(#[from] PictureError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Counts for reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct PictureStats {
    pub frames: u64,
    pub bytes: u64,
    /// Longest time from the end of the wait to the sealed record, in microseconds.
    pub longest_us: u64,
    /// Sum of those times.
    pub total_us: u64,
}

struct Shared {
    outlet: Outlet<FromPicture>,
    pace: Mutex<Pace>,
    stop: AtomicBool,
    /// Nothing may be captured.
    paused: AtomicBool,
    stats: Mutex<PictureStats>,
}

/// The running thread. Once this is dropped, nothing more is sealed.
pub struct PictureThread {
    shared: Arc<Shared>,
    waker: Option<Box<dyn Wake>>,
    clock: Clock,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PictureThread {
    pub fn start(
        backend: Backend,
        grant: Grant<kind::View>,
        sealer: Sealer,
        clock: Clock,
        out: UnboundedSender<FromPicture>,
    ) -> PictureThread {
        let failed = out.clone();
        let shared = Arc::new(Shared {
            outlet: Outlet::new(sealer, out),
            pace: Mutex::default(),
            stop: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            stats: Mutex::default(),
        });
        let mine = Arc::clone(&shared);
        let spawned = thread::Builder::new()
            .name("picture".into())
            .spawn(move || {
                if let Err(failure) = run(backend, grant, clock, &mine, &failed) {
                    let _ = failed.send(FromPicture::Failed(failure));
                }
            });
        debug_assert!(spawned.is_ok(), "the system has threads");
        PictureThread {
            shared,
            waker: None,
            clock,
        }
    }

    pub fn set_waker(&mut self, waker: Box<dyn Wake>) {
        self.waker = Some(waker);
    }

    /// The viewer has everything up to update `frame`.
    pub fn shown(&self, frame: u64) {
        let held_up = {
            let mut pace = lock(&self.shared.pace);
            let held_up = !pace.permits();
            pace.shown(frame, self.clock.now().mono_us);
            held_up
        };
        // Else it does not wait for this.
        if held_up {
            self.wake();
        }
    }

    /// While paused nothing is captured and nothing sealed; afterwards the screen's newest state is.
    pub fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }

    pub fn stats(&self) -> PictureStats {
        *lock(&self.shared.stats)
    }
}

impl Drop for PictureThread {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.outlet.shut();
        self.wake();
    }
}

fn area(rect: Rect) -> Area {
    let Rect {
        x,
        y,
        width,
        height,
    } = rect;
    Area {
        x,
        y,
        width,
        height,
    }
}

struct Work<'a> {
    screen: Box<dyn Screen>,
    encoder: Encoder,
    film: FilmThread,
    clock: Clock,
    shared: &'a Shared,
    frame: u64,
    /// Pixels changed and were not grabbed yet.
    damaged: bool,
    /// The next update is whole, and all of the screen is read for it.
    whole: bool,
    last_whole: Instant,
    last_change: Instant,
    starts: Starts,
    /// Something was sent since the last whole picture.
    changed: bool,
    /// When to look again what can be made exact, while something is rough.
    refine_at: Option<Instant>,
    /// What the screen said beside its pixels, while paused.
    missed: Woken,
}

fn run(
    backend: Backend,
    grant: Grant<kind::View>,
    clock: Clock,
    shared: &Shared,
    out: &UnboundedSender<FromPicture>,
) -> Result<(), PictureFailure> {
    let screen = platform::open_screen(backend, &grant)?;
    let layout = screen.layout();
    let mut encoder = Encoder::new(layout.width, layout.height)?;
    encoder.code_video_apart();
    let film = FilmThread::start(screen.waker());
    let mut work = Work {
        encoder,
        film: film.map_err(|error| DesktopError::Gone(format!("no thread for video: {error}")))?,
        screen,
        clock,
        shared,
        frame: 0,
        damaged: true,
        whole: true,
        last_whole: Instant::now(),
        last_change: Instant::now(),
        starts: Starts::default(),
        changed: false,
        refine_at: None,
        missed: Woken::default(),
    };
    let _ = out.send(FromPicture::Open(work.screen.waker()));
    while !shared.stop.load(Ordering::Acquire) {
        grant.check(unix_ms())?;
        work.turn()?;
    }
    Ok(())
}

impl Work<'_> {
    /// One update if there is one to send and the pace permits, else one wait.
    fn turn(&mut self) -> Result<(), PictureFailure> {
        if self.shared.paused.load(Ordering::Acquire) {
            let woken = self.screen.wait(None, true)?;
            return self.note(woken);
        }
        let missed = std::mem::take(&mut self.missed);
        self.send_missed(missed);
        // A coded picture was permitted when it was taken.
        let mut coded = false;
        while let Some(job) = self.film.coded() {
            self.encoder.take_back(job);
            coded = true;
        }
        let (permitted, allowance) = {
            let pace = lock(&self.shared.pace);
            (pace.permits(), pace.allowance())
        };
        let permitted = permitted || coded;
        let now = Instant::now();
        let due = self.whole_due(allowance.is_some());
        let refine = self.refine_at.is_some_and(|at| at <= now);
        let left = self.encoder.pending() && !self.encoder.awaits_video();
        let due_now = due.is_some_and(|due| due <= now);
        let video = self.video_due();
        let video_now = video.is_some_and(|at| at <= now);
        let wanted = self.damaged || left || self.whole || refine || due_now || video_now;
        if wanted && permitted {
            return self.update(due_now, allowance);
        }
        let until = [due, self.refine_at, video].into_iter().flatten().min();
        let woken = self.screen.wait(until.filter(|_| permitted), !permitted)?;
        self.note(woken)
    }

    /// When the video's next picture is to be taken.
    fn video_due(&self) -> Option<Instant> {
        self.encoder.video_at().map(|at_us| self.clock.at(at_us))
    }

    /// When the next picture should be whole, so that a recording can be entered there.
    fn whole_due(&self, slow: bool) -> Option<Instant> {
        if !self.changed {
            return None;
        }
        let usual = self.last_whole + WHOLE_EVERY;
        if !slow {
            return Some(if self.starts.due() {
                self.last_whole
            } else {
                usual
            });
        }
        let rest = usual.max(self.last_change + WHOLE_AT_REST);
        Some(rest.min(self.last_whole + WHOLE_AT_LAST))
    }

    /// Takes in what the screen said; it is sent at the next turn that is not paused. Of each kind only the newest counts.
    fn note(&mut self, woken: Woken) -> Result<(), PictureFailure> {
        self.damaged |= woken.damaged;
        if let Some(layout) = woken.layout {
            self.relayout(layout)?;
        }
        let missed = &mut self.missed;
        missed.cursor = woken.cursor.or(missed.cursor.take());
        missed.pointer = woken.pointer.or(missed.pointer);
        missed.title = woken.title.or(missed.title.take());
        Ok(())
    }

    fn send_missed(&mut self, missed: Woken) {
        if let Some(cursor) = missed.cursor {
            self.send_scene(&Scene::Cursor(cursor));
        }
        if let Some((x, y)) = missed.pointer {
            self.send_scene(&Scene::Pointer { x, y });
        }
        if let Some(title) = missed.title {
            self.send_scene(&Scene::Window { title });
        }
    }

    fn relayout(&mut self, layout: Layout) -> Result<(), PictureFailure> {
        self.encoder.resize(layout.width, layout.height)?;
        self.whole = true;
        Ok(())
    }

    fn update(&mut self, due: bool, allowance: Option<u64>) -> Result<(), PictureFailure> {
        let began = Instant::now();
        if self.damaged || self.whole {
            if self.grab()? {
                self.encoder.video_is_painted();
            }
            self.last_change = began;
        }
        let whole = self.whole || due;
        let kind = if whole { Kind::Whole } else { Kind::Delta };
        let terms = self.terms(kind, allowance);
        // A letter that is typed beside a film does not wait for the film's next picture.
        let mut said = false;
        let video = !whole && self.encoder.video().is_some();
        if video {
            let first = Terms {
                video_later: true,
                ..terms
            };
            said = self.say(&first, began);
        }
        let video_due = self.encoder.video_at().is_some_and(|at| at <= terms.now_us);
        if !video || video_due {
            said |= self.say(&terms, began);
        }
        if let Some(job) = self.encoder.video_job() {
            self.film.code(job);
        }
        self.screen.follow_player(self.encoder.video().map(area));
        self.plan_refining(said);
        Ok(())
    }

    /// Encodes and sends what there is to say on these terms; whether there was anything.
    fn say(&mut self, terms: &Terms, began: Instant) -> bool {
        let mut update = Vec::new();
        if !self.encoder.encode_by(terms, &mut update) {
            return false;
        }
        let whole = terms.kind == Kind::Whole;
        self.starts.sent(terms.kind, update.len());
        if whole {
            self.send_start();
        }
        let bytes = self.send_update(&update);
        self.frame += 1;
        self.changed = !whole;
        self.whole = false;
        if whole {
            self.last_whole = Instant::now();
        }
        self.count(bytes, began.elapsed());
        true
    }

    /// Gives the bytes of its records; there are none once the pictures are stopped.
    fn send_update(&self, update: &[u8]) -> u64 {
        let now_us = self.clock.now().mono_us;
        let mut bytes = 0;
        self.shared.outlet.send(|sealer| {
            let records = seal_update(sealer, self.frame, update, now_us);
            bytes = records.iter().map(|record| record.len() as u64).sum();
            // Before the records leave: an acknowledgement must not come first.
            lock(&self.shared.pace).sent(self.frame, bytes, now_us);
            records
        });
        bytes
    }

    /// Whether a picture of the video is complete.
    fn grab(&mut self) -> Result<bool, PictureFailure> {
        let encoder = &mut self.encoder;
        let painted = self.screen.grab(self.whole, &mut |area, pixels| {
            let area = Rect {
                x: area.x,
                y: area.y,
                width: area.width,
                height: area.height,
            };
            encoder.patch(area, pixels);
        })?;
        self.damaged = false;
        Ok(painted)
    }

    /// Photos of a first picture are sketched, and so is everything on a line that holds pictures up. A whole picture in the
    /// middle has no bound: who watches would see it fill up.
    fn terms(&self, kind: Kind, allowance: Option<u64>) -> Terms {
        let first = self.whole;
        let bytes = allowance.filter(|_| first || kind == Kind::Delta);
        Terms {
            kind,
            now_us: self.clock.now().mono_us,
            bytes: bytes.map(|bytes| bytes as usize),
            sketch: match allowance {
                Some(_) => Some(COARSE),
                None => first.then_some(SKETCH),
            },
            video_later: false,
        }
    }

    fn plan_refining(&mut self, said: bool) {
        let pause = if said { REFINE_EVERY } else { REFINE_LOOK };
        let rough = self.encoder.is_rough();
        self.refine_at = rough.then(|| Instant::now() + pause);
    }

    fn count(&self, bytes: u64, took: Duration) {
        let mut stats = lock(&self.shared.stats);
        let took_us = took.as_micros() as u64;
        stats.frames += 1;
        stats.bytes += bytes;
        stats.total_us += took_us;
        stats.longest_us = stats.longest_us.max(took_us);
    }

    /// Where playback can start, and what it needs before the picture.
    fn send_start(&mut self) {
        let (layout, now_us) = (self.screen.layout(), self.clock.now().mono_us);
        let outlet = &self.shared.outlet;
        outlet.send(|sealer| [seal_start(sealer, &layout, now_us)]);
        if let Some(cursor) = self.screen.cursor() {
            self.send_scene(&Scene::Cursor(cursor));
        }
        if let Some(title) = self.screen.title() {
            self.send_scene(&Scene::Window { title });
        }
    }

    fn send_scene(&mut self, scene: &Scene) {
        let now_us = self.clock.now().mono_us;
        let outlet = &self.shared.outlet;
        outlet.send(|sealer| seal_scene(sealer, scene, now_us));
    }
}
