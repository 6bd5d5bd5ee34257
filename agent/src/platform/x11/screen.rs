//! The screen, captured when it changes: XDamage tells where, MIT-SHM fetches what.
//!
//! The order that makes it exact: damage that was reported *before* a grab is covered by it; damage that is reported
//! after the grab's replies belongs to the next one. So the reports are drained first, then the pictures asked for.
//! Nothing runs by the clock: idle means asleep in poll(2).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Area, CursorShape, Layout};
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};
use x11rb::protocol::{ErrorKind, Event};
use x11rb::rust_connection::RustConnection;

use super::super::wake::{Waker, sleep};
use super::super::{DesktopError, Screen, Wake, Woken};
use super::damage::Tiles;
use super::player::Player;
use super::shm::Segment;
use super::titles::{Titles, root_events};
use super::{connect, cursor, monitors, root};

/// A change of at most this many rectangles, after [`CALM`], is taken at once: a key's echo is one to four.
const FEW: usize = 16;
/// And at most so many pixels: a line of text as long as the screen is wide. What is larger (a page that scrolls) seldom comes
/// alone, and grabbing it twice costs more than the wait.
const SMALL: u64 = 16 * 64 * 64;
/// With this bit in its level a report is not the last of one drawing (damageproto.h, `DamageNotifyMore`).
const MORE: u8 = 0x80;
/// That long without damage, and what comes next is no part of a burst. A program that redraws a window
/// draws without such pauses.
const CALM: Duration = Duration::from_millis(4);
/// A burst has ended when nothing came for that long (a program's next request is a few 10 µs away).
const QUIET: Duration = Duration::from_micros(700);
/// No burst is waited for longer than that: a quarter of a frame at 60 a second.
const LONGEST: Duration = Duration::from_millis(4);
/// The pointer's position is told at most that often: mice speak up to 1000 times a second.
const POINTER_EVERY: Duration = Duration::from_millis(8);
/// A title is told at most that often: a program may change its own at every step of a progress.
const TITLE_EVERY: Duration = Duration::from_millis(250);
/// Events handled before looking at the clock again.
const DRAIN: usize = 4096;

/// An X screen.
pub struct X11Screen {
    conn: RustConnection,
    root: u32,
    waker: Waker,
    layout: Layout,
    tiles: Tiles,
    /// What a player has painted, which is read when it pauses.
    player: Option<Player>,
    segment: Option<Segment>,
    news: News,
    /// When damage was last reported.
    last_damage: Option<Instant>,
    knows_shape: bool,
    /// The position last told, and when.
    pointer: Option<(i32, i32)>,
    pointer_told: Option<Instant>,
    titles: Titles,
    /// As it was last looked up, and when.
    title: String,
    title_told: Option<Instant>,
}

/// What the events since the last [`Screen::wait`] said.
#[derive(Debug, Default)]
struct News {
    /// Damage rectangles, and their pixels.
    damage: usize,
    pixels: u64,
    /// More rectangles of the same drawing are about to come.
    more: bool,
    layout: bool,
    shape: bool,
    motion: bool,
    title: bool,
}

impl News {
    /// Whether what was damaged may be taken at once if it is isolated.
    fn is_small(&self) -> bool {
        self.damage <= FEW && self.pixels <= SMALL && !self.more
    }

    fn forget_damage(&mut self) {
        (self.damage, self.pixels, self.more) = (0, 0, false);
    }
}

impl X11Screen {
    /// Opens the screen of `display` (that of the environment when `None`).
    pub fn open(
        display: Option<&str>,
        _allowed: &Grant<kind::View>,
    ) -> Result<X11Screen, DesktopError> {
        let (conn, number) = connect(display)?;
        let root = root(&conn, number);
        monitors::check_pixels(&conn, number)?;
        watch_damage(&conn, root)?;
        monitors::watch(&conn, root, root_events())?;
        let mut titles = Titles::new(&conn, root)?;
        let title = titles.read(&conn)?;
        let knows_shape = cursor::watch_shape(&conn, root)?;
        cursor::watch_motion(&conn, root)?;
        let waker = Waker::new().map_err(|e| DesktopError::Gone(format!("eventfd: {e}")))?;
        let mut screen = X11Screen {
            conn,
            root,
            waker,
            layout: Layout::default(),
            tiles: Tiles::new(0, 0),
            player: None,
            segment: None,
            news: News {
                motion: true, // so that the first wait tells where the pointer is
                ..News::default()
            },
            last_damage: None,
            knows_shape,
            pointer: None,
            pointer_told: None,
            titles,
            title,
            title_told: None,
        };
        let layout = monitors::layout(&screen.conn, screen.root)?;
        screen.adopt(layout);
        tracing::debug!(
            "screen of {}x{} pixels, shared memory: {}",
            screen.layout.width,
            screen.layout.height,
            screen.shares_memory()
        );
        Ok(screen)
    }

    /// Whether the pictures come through shared memory, or (much slower) through the connection.
    pub fn shares_memory(&self) -> bool {
        self.segment.is_some()
    }

    /// Takes over a layout: everything counts as changed, the memory gets its size.
    fn adopt(&mut self, layout: Layout) {
        let resized = (layout.width, layout.height) != (self.layout.width, self.layout.height);
        if resized {
            if let Some(old) = self.segment.take() {
                old.detach(&self.conn);
            }
            let pixels = layout.width as usize * layout.height as usize;
            self.segment = Segment::attach(&self.conn, pixels);
            self.tiles = Tiles::new(layout.width, layout.height);
            self.player = None;
        }
        self.layout = layout;
        self.tiles.mark_all();
    }

    /// Takes in the events that have come. False: there may be more.
    fn drain(&mut self) -> Result<bool, DesktopError> {
        for _ in 0..DRAIN {
            match self.conn.poll_for_event()? {
                Some(event) => self.note(event),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    fn note(&mut self, event: Event) {
        self.news.title |= self.titles.concerns(&event);
        match event {
            Event::DamageNotify(e) => {
                let a = e.area;
                let now = Instant::now();
                if self.player.as_mut().is_some_and(|p| p.takes(a, now)) {
                    return;
                }
                let (width, height) = (a.width.into(), a.height.into());
                self.tiles.mark(a.x.into(), a.y.into(), width, height);
                self.news.damage += 1;
                self.news.pixels += u64::from(width) * u64::from(height);
                self.news.more = u8::from(e.level) & MORE != 0;
            }
            Event::XfixesCursorNotify(_) => self.news.shape = true,
            Event::XinputRawMotion(_) => self.news.motion = true,
            Event::ConfigureNotify(e) => self.news.layout |= e.window == self.root,
            Event::RandrScreenChangeNotify(_) | Event::RandrNotify(_) => self.news.layout = true,
            _ => {}
        }
    }

    /// Turns the news into what the caller is told. Whether the server was asked for that: then events may have come along with its
    /// answers, which no sleep on the connection would notice.
    fn tell(&mut self, woken: &mut Woken) -> Result<bool, DesktopError> {
        let mut asked = self.news.layout || self.news.shape;
        if std::mem::take(&mut self.news.layout) {
            let layout = monitors::layout(&self.conn, self.root)?;
            if layout != self.layout {
                self.adopt(layout.clone());
                woken.layout = Some(layout);
            }
        }
        if std::mem::take(&mut self.news.shape) {
            woken.cursor = self.cursor();
        }
        if self.news.motion && self.pointer_due().is_none() {
            self.news.motion = false;
            asked = true;
            let at = self.conn.query_pointer(self.root)?.reply()?;
            self.moved_to((at.root_x.into(), at.root_y.into()), woken);
        }
        if self.news.title && self.title_due().is_none() {
            self.news.title = false;
            asked = true;
            self.retitle(woken)?;
        }
        Ok(asked)
    }

    fn retitle(&mut self, woken: &mut Woken) -> Result<(), DesktopError> {
        let title = self.titles.read(&self.conn)?;
        if title != self.title {
            self.title.clone_from(&title);
            self.title_told = Some(Instant::now());
            woken.title = Some(title);
        }
        Ok(())
    }

    fn moved_to(&mut self, at: (i32, i32), woken: &mut Woken) {
        if self.pointer != Some(at) {
            self.pointer = Some(at);
            self.pointer_told = Some(Instant::now());
            woken.pointer = Some(at);
        }
    }

    /// When the position may be told next, if that is yet to come.
    fn pointer_due(&self) -> Option<Instant> {
        let due = self.pointer_told? + POINTER_EVERY;
        (due > Instant::now()).then_some(due)
    }

    /// When the title may be told next, if that is yet to come.
    fn title_due(&self) -> Option<Instant> {
        let due = self.title_told? + TITLE_EVERY;
        (due > Instant::now()).then_some(due)
    }

    /// Whether something is to be read. The player's picture only when it is painted.
    fn is_damaged(&self) -> bool {
        let painted = self.player.as_ref().and_then(Player::due);
        !self.tiles.is_empty() || painted.is_some_and(|due| due <= Instant::now())
    }

    /// Waits until the program that is drawing pauses. An isolated change is not waited for.
    fn await_end_of_burst(&mut self) -> Result<(), DesktopError> {
        let began = Instant::now();
        let calm = self.last_damage.is_none_or(|last| began - last >= CALM);
        if calm && self.news.is_small() {
            return Ok(());
        }
        loop {
            let before = self.news.damage;
            let until = (Instant::now() + QUIET).min(began + LONGEST);
            let slept = sleep(self.conn.stream().as_fd(), &self.waker, Some(until))?;
            self.drain()?;
            if slept.called {
                self.waker.wake(); // the caller's word is not for us
                return Ok(());
            }
            let pauses = self.news.damage == before && !self.news.more;
            if pauses || Instant::now() >= began + LONGEST {
                return Ok(());
            }
        }
    }

    /// The pictures of these areas, all asked for before the first reply is awaited.
    /// False: the screen has shrunk meanwhile, and some areas are not on it any more.
    fn fetch(
        &self,
        areas: &[Area],
        piece: &mut dyn FnMut(Area, &[u32]),
    ) -> Result<bool, DesktopError> {
        let Some(segment) = &self.segment else {
            return self.fetch_through_socket(areas, piece);
        };
        let mut cookies = Vec::with_capacity(areas.len());
        let mut offset = 0;
        for a in areas {
            let (x, y, width, height) = wire(*a);
            let format = ImageFormat::Z_PIXMAP.into();
            let at = (offset * 4) as u32;
            cookies.push(
                self.conn
                    .shm_get_image(self.root, x, y, width, height, !0, format, segment.id, at)?,
            );
            offset += a.width as usize * a.height as usize;
        }
        // All replies first: until then the server may still write into the segment.
        let mut replies = Vec::with_capacity(areas.len());
        for cookie in cookies {
            replies.push(present(cookie.reply())?.is_some());
        }
        let mut offset = 0;
        for (area, there) in areas.iter().zip(&replies) {
            let length = area.width as usize * area.height as usize;
            if *there {
                piece(*area, segment.pixels(offset, length));
            }
            offset += length;
        }
        Ok(replies.iter().all(|there| *there))
    }

    fn fetch_through_socket(
        &self,
        areas: &[Area],
        piece: &mut dyn FnMut(Area, &[u32]),
    ) -> Result<bool, DesktopError> {
        let mut cookies = Vec::with_capacity(areas.len());
        for a in areas {
            let (x, y, width, height) = wire(*a);
            let format = ImageFormat::Z_PIXMAP;
            cookies.push(
                self.conn
                    .get_image(format, self.root, x, y, width, height, !0)?,
            );
        }
        let mut all = true;
        for (area, cookie) in areas.iter().zip(cookies) {
            let Some(image) = present(cookie.reply())? else {
                all = false;
                continue;
            };
            let pixels: Vec<u32> = image
                .data
                .chunks_exact(4)
                .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]))
                .collect();
            if pixels.len() == area.width as usize * area.height as usize {
                piece(*area, &pixels);
            }
        }
        Ok(all)
    }
}

impl Screen for X11Screen {
    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn cursor(&mut self) -> Option<CursorShape> {
        if !self.knows_shape {
            return None;
        }
        cursor::shape(&self.conn).ok()
    }

    fn title(&self) -> Option<String> {
        Some(self.title.clone())
    }

    fn wait(&mut self, until: Option<Instant>, only_wakes: bool) -> Result<Woken, DesktopError> {
        loop {
            self.drain()?;
            let mut woken = Woken::default();
            let asked = self.tell(&mut woken)?;
            if self.news.damage > 0 {
                if !only_wakes {
                    self.await_end_of_burst()?;
                }
                self.last_damage = Some(Instant::now());
                self.news.forget_damage();
            }
            woken.damaged = self.is_damaged();
            let news = woken.layout.is_some()
                || woken.cursor.is_some()
                || woken.pointer.is_some()
                || woken.title.is_some();
            if news || (woken.damaged && !only_wakes) {
                return Ok(woken);
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(woken);
            }
            if asked {
                continue;
            }
            self.conn.flush()?;
            let pointer = self.news.motion.then(|| self.pointer_due()).flatten();
            let title = self.news.title.then(|| self.title_due()).flatten();
            let player = self.player.as_ref().and_then(Player::due);
            let player = player.filter(|_| !only_wakes);
            let wake_at = [until, pointer, title, player];
            let wake_at = wake_at.into_iter().flatten().min();
            if sleep(self.conn.stream().as_fd(), &self.waker, wake_at)?.called {
                self.drain()?;
                self.tell(&mut woken)?;
                woken.damaged = self.is_damaged();
                return Ok(woken);
            }
        }
    }

    fn follow_player(&mut self, place: Option<Area>) {
        if place != self.player.as_ref().map(Player::place) {
            // What the last one has painted belongs to nobody now.
            if let Some(area) = self.player.take().and_then(|mut player| player.picture()) {
                let (x, y) = (area.x as i32, area.y as i32);
                self.tiles.mark(x, y, area.width, area.height);
            }
            let screen = (self.layout.width, self.layout.height);
            self.player = place.map(|place| Player::new(place, screen));
        }
    }

    fn grab(
        &mut self,
        whole: bool,
        piece: &mut dyn FnMut(Area, &[u32]),
    ) -> Result<bool, DesktopError> {
        self.drain()?;
        self.news.forget_damage();
        let now = Instant::now();
        let player = self.player.as_mut();
        let painted = player.filter(|p| whole || p.due().is_some_and(|due| due <= now));
        let picture = painted.and_then(Player::picture);
        if whole {
            self.tiles.mark_all();
        }
        let mut areas = self.tiles.take();
        areas.extend(picture.filter(|_| !whole));
        // A program may move the pointer without a device; it costs nothing to look along with a picture.
        let pointer = self.conn.query_pointer(self.root)?;
        let all = self.fetch(&areas, piece)?;
        let at = pointer.reply()?;
        self.news.layout |= !all; // what is missing comes with the new layout
        self.news.motion |= self.pointer != Some((at.root_x.into(), at.root_y.into()));
        Ok(picture.is_some())
    }

    fn waker(&self) -> Box<dyn Wake> {
        Box::new(self.waker.clone())
    }
}

/// RAW reports: each drawing as it happens, which costs the server a tenth of keeping a region for us.
fn watch_damage(conn: &RustConnection, root: u32) -> Result<(), DesktopError> {
    conn.damage_query_version(1, 1)?.reply()?;
    let id = conn.generate_id()?;
    conn.damage_create(id, root, ReportLevel::RAW_RECTANGLES)?
        .check()?;
    Ok(())
}

/// An X screen has at most 32767 pixels a side, so nothing is cut here.
fn wire(a: Area) -> (i16, i16, u16, u16) {
    (a.x as i16, a.y as i16, a.width as u16, a.height as u16)
}

/// `None` when the area no longer lies on the screen.
fn present<T>(reply: Result<T, ReplyError>) -> Result<Option<T>, DesktopError> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(e)) if e.error_kind == ErrorKind::Match => Ok(None),
        Err(error) => Err(error.into()),
    }
}
