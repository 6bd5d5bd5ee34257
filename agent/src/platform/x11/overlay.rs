//! The technician's strokes above everything on the user's screen: a window that is no larger than they are, and takes no clicks.

use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::shape::SK;
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    Arc, CapStyle, ChangeGCAux, ConfigureWindowAux, ConnectionExt as _, CoordMode, CreateGCAux,
    CreateWindowAux, Gcontext, JoinStyle, Pixmap, Point, Rectangle, StackMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::super::wake::{Waker, sleep};
use super::super::{DesktopError, Overlay};
use super::{connect, root};
use crate::pure::strokes::Strokes;

/// Colour of strokes: red, as on paper.
const INK: u32 = 0x00e5_2020;
/// A single point is a disc of so many line widths across: an arrow's head would hide what it points to.
const POINT: u16 = 3;

/// Drawn at most that often, as often as an honest technician's program tells of a stroke.
const EVERY: Duration = Duration::from_millis(40);

/// Pieces of strokes that may wait to be drawn; more are not seen.
const WAITING: usize = 64;

/// The strokes on an X display. Dropping it takes them away.
pub struct X11Overlay {
    /// `None` when it is being dropped.
    strokes: Option<mpsc::SyncSender<Vec<(i32, i32)>>>,
    waker: Waker,
}

impl X11Overlay {
    pub fn open(display: Option<&str>) -> Result<X11Overlay, DesktopError> {
        let waker = Waker::new()?;
        let mut window = Window::open(display)?;
        let (strokes, added) = mpsc::sync_channel(WAITING);
        let called = waker.clone();
        thread::Builder::new()
            .name("overlay".into())
            .spawn(move || {
                if let Err(error) = window.serve(&added, &called) {
                    tracing::warn!("the technician's marks are not shown any more: {error}");
                }
            })?;
        Ok(X11Overlay {
            strokes: Some(strokes),
            waker,
        })
    }
}

impl Overlay for X11Overlay {
    fn draw(&self, points: Vec<(i32, i32)>) {
        if let Some(strokes) = &self.strokes {
            let _ = strokes.try_send(points); // too many, or it has said why it is gone
            self.waker.wake();
        }
    }
}

impl Drop for X11Overlay {
    /// Its thread ends by itself: who drops it is the session, which waits for no X server.
    fn drop(&mut self) {
        self.strokes = None;
        self.waker.wake();
    }
}

struct Window {
    conn: RustConnection,
    root: u32,
    window: u32,
    shown: bool,
}

/// Which pixels belong to strokes: one bit each.
struct Mask {
    pixmap: Pixmap,
    gc: Gcontext,
    size: (u16, u16),
}

impl Window {
    fn open(display: Option<&str>) -> Result<Window, DesktopError> {
        let (conn, number) = connect(display)?;
        conn.xfixes_query_version(5, 0)?.reply()?;
        let root = root(&conn, number);
        let window = conn.generate_id()?;
        let attributes = CreateWindowAux::new()
            .override_redirect(1)
            .background_pixel(INK);
        conn.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            root,
            0,
            0,
            1,
            1,
            0,
            WindowClass::INPUT_OUTPUT,
            0,
            &attributes,
        )?
        .check()?;
        let window = Window {
            conn,
            root,
            window,
            shown: false,
        };
        window.let_clicks_through()?;
        Ok(window)
    }

    /// Its input region is empty: whatever the user clicks on is what lies below.
    fn let_clicks_through(&self) -> Result<(), DesktopError> {
        let nothing = self.conn.generate_id()?;
        self.conn.xfixes_create_region(nothing, &[])?;
        let input = SK::INPUT;
        self.conn
            .xfixes_set_window_shape_region(self.window, input, 0, 0, nothing)?
            .check()?;
        self.conn.xfixes_destroy_region(nothing)?;
        Ok(())
    }

    /// Until nobody can add strokes any more.
    fn serve(
        &mut self,
        added: &mpsc::Receiver<Vec<(i32, i32)>>,
        called: &Waker,
    ) -> Result<(), DesktopError> {
        let mut strokes = Strokes::default();
        loop {
            loop {
                match added.try_recv() {
                    Ok(points) => strokes.add(points, Instant::now()),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let now = Instant::now();
            self.show(&mut strokes, now)?;
            sleep(self.conn.stream().as_fd(), called, strokes.next(now))?;
            while self.conn.poll_for_event()?.is_some() {}
            thread::sleep((now + EVERY).saturating_duration_since(Instant::now()));
        }
    }

    fn show(&mut self, strokes: &mut Strokes, now: Instant) -> Result<(), DesktopError> {
        let mut strokes = strokes.shown(now).peekable();
        if strokes.peek().is_none() {
            if std::mem::take(&mut self.shown) {
                self.conn.unmap_window(self.window)?;
            }
            self.conn.flush()?;
            return Ok(());
        }
        let mask = self.mask()?;
        for (width, points) in strokes {
            mask.draw(&self.conn, width, points)?;
        }
        let region = self.conn.generate_id()?;
        let size = (u32::from(mask.size.0), u32::from(mask.size.1));
        self.conn
            .xfixes_create_region_from_bitmap(region, mask.pixmap)?;
        let front = ConfigureWindowAux::new().width(size.0).height(size.1);
        self.conn.configure_window(self.window, &front)?;
        let bounding = SK::BOUNDING;
        self.conn
            .xfixes_set_window_shape_region(self.window, bounding, 0, 0, region)?;
        self.conn.xfixes_destroy_region(region)?;
        mask.free(&self.conn)?;
        if !std::mem::replace(&mut self.shown, true) {
            let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
            self.conn.configure_window(self.window, &above)?;
            self.conn.map_window(self.window)?;
        }
        self.conn.flush()?;
        Ok(())
    }

    /// An empty mask as large as the screen is now.
    fn mask(&self) -> Result<Mask, DesktopError> {
        let screen = self.conn.get_geometry(self.root)?.reply()?;
        let size = (screen.width, screen.height);
        let (pixmap, gc) = (self.conn.generate_id()?, self.conn.generate_id()?);
        self.conn
            .create_pixmap(1, pixmap, self.root, size.0, size.1)?;
        let pen = CreateGCAux::new()
            .foreground(0)
            .cap_style(CapStyle::ROUND)
            .join_style(JoinStyle::ROUND);
        self.conn.create_gc(gc, pixmap, &pen)?;
        let all = Rectangle {
            x: 0,
            y: 0,
            width: size.0,
            height: size.1,
        };
        self.conn.poly_fill_rectangle(pixmap, gc, &[all])?;
        Ok(Mask { pixmap, gc, size })
    }
}

impl Mask {
    fn draw(
        &self,
        conn: &RustConnection,
        width: u16,
        points: &[(i32, i32)],
    ) -> Result<(), DesktopError> {
        let pen = ChangeGCAux::new()
            .foreground(1)
            .line_width(u32::from(width));
        conn.change_gc(self.gc, &pen)?;
        // Lines far beyond the screen would be the server's work.
        let on_screen = |at: i32, size: u16| at.clamp(0, size.min(i16::MAX as u16).into()) as i16;
        let points: Vec<Point> = points
            .iter()
            .map(|(x, y)| Point {
                x: on_screen(*x, self.size.0),
                y: on_screen(*y, self.size.1),
            })
            .collect();
        match points[..] {
            [at] => {
                let across = POINT * width;
                let corner = |at: i16| at.saturating_sub((across / 2) as i16);
                let disc = Arc {
                    x: corner(at.x),
                    y: corner(at.y),
                    width: across,
                    height: across,
                    angle1: 0,
                    angle2: 360 * 64, // in 64ths of a degree
                };
                conn.poly_fill_arc(self.pixmap, self.gc, &[disc])?;
            }
            _ => {
                conn.poly_line(CoordMode::ORIGIN, self.pixmap, self.gc, &points)?;
            }
        }
        Ok(())
    }

    fn free(self, conn: &RustConnection) -> Result<(), DesktopError> {
        conn.free_gc(self.gc)?;
        conn.free_pixmap(self.pixmap)?;
        Ok(())
    }
}
