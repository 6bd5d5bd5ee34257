//! The screen through the `scrap` crate: portable, whole pictures, looked at 30 times a second.
//!
//! It knows neither damage nor the pointer, shares its memory with every local user, lists monitors from freed memory and
//! goes on with stale pictures when the X server is gone. So it is the choice only where the X11 backend does not run,
//! and a connection of our own beside it watches the server and checks the monitors that it found.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use scrap::{Capturer, Display};
use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Area, CursorShape, Layout};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::rust_connection::RustConnection;

use super::wake::{Waker, sleep};
use super::x11::{connect, monitors, root};
use super::{DesktopError, Screen, Wake, Woken};

/// Between two looks at the screen.
const EVERY: Duration = Duration::from_millis(33);

/// The screen of the environment's display.
pub struct ScrapScreen {
    capturers: Vec<(Area, Capturer)>,
    layout: Layout,
    /// Watches the server: its end and its layout.
    side: RustConnection,
    root: u32,
    waker: Waker,
    /// When the screen was last read.
    looked: Option<Instant>,
    layout_changed: bool,
    fresh: bool,
}

impl ScrapScreen {
    pub fn open(_allowed: &Grant<kind::View>) -> Result<ScrapScreen, DesktopError> {
        let (side, number) = connect(None)?;
        let root = root(&side, number);
        monitors::check_pixels(&side, number)?;
        monitors::watch(&side, root, x11rb::protocol::xproto::EventMask::NO_EVENT)?;
        let layout = monitors::layout(&side, root)?;
        let capturers = capturers(&layout)?;
        Ok(ScrapScreen {
            capturers,
            layout,
            side,
            root,
            waker: Waker::new()?,
            looked: None,
            layout_changed: false,
            fresh: true,
        })
    }

    fn drain(&mut self) -> Result<(), DesktopError> {
        while let Some(event) = self.side.poll_for_event()? {
            self.layout_changed |= matches!(
                event,
                Event::ConfigureNotify(_)
                    | Event::RandrScreenChangeNotify(_)
                    | Event::RandrNotify(_)
            );
        }
        Ok(())
    }

    /// The new layout, if it is one.
    fn relayout(&mut self) -> Result<Option<Layout>, DesktopError> {
        if !std::mem::take(&mut self.layout_changed) {
            return Ok(None);
        }
        let layout = monitors::layout(&self.side, self.root)?;
        if layout == self.layout {
            return Ok(None);
        }
        self.capturers.clear();
        self.capturers = capturers(&layout)?;
        self.layout = layout.clone();
        self.looked = None;
        self.fresh = true;
        Ok(Some(layout))
    }
}

impl Screen for ScrapScreen {
    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn cursor(&mut self) -> Option<CursorShape> {
        None
    }

    fn title(&self) -> Option<String> {
        None
    }

    fn wait(&mut self, until: Option<Instant>, only_wakes: bool) -> Result<Woken, DesktopError> {
        loop {
            self.drain()?;
            let layout = self.relayout()?;
            let due = self.looked.map(|looked| looked + EVERY);
            let damaged = due.is_none_or(|due| due <= Instant::now());
            let woken = Woken {
                damaged,
                layout,
                ..Woken::default()
            };
            let over = until.is_some_and(|until| until <= Instant::now());
            if woken.layout.is_some() || (damaged && !only_wakes) || over {
                return Ok(woken);
            }
            let look = due.filter(|_| !only_wakes);
            let wake_at = [until, look].into_iter().flatten().min();
            if sleep(self.side.stream().as_fd(), &self.waker, wake_at)?.called {
                self.drain()?;
                return Ok(woken);
            }
        }
    }

    fn grab(
        &mut self,
        whole: bool,
        piece: &mut dyn FnMut(Area, &[u32]),
    ) -> Result<bool, DesktopError> {
        self.drain()?;
        // scrap hands out the picture that it asked for the last time. The next look makes up for that,
        // but who asks for the whole screen means now.
        let again = whole || std::mem::take(&mut self.fresh);
        let failed = |error| DesktopError::Gone(format!("capture: {error}"));
        for (area, capturer) in &mut self.capturers {
            if again {
                capturer.frame().map_err(failed)?;
            }
            let frame = capturer.frame().map_err(failed)?;
            let pixels: Vec<u32> = frame
                .chunks_exact(4)
                .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]))
                .collect();
            piece(*area, &pixels);
        }
        self.looked = Some(Instant::now());
        // Whether those were pictures of a server that still lives.
        self.drain()?;
        Ok(true)
    }

    fn waker(&self) -> Box<dyn Wake> {
        Box::new(self.waker.clone())
    }
}

/// A capturer for each monitor of the layout. scrap does not say where a monitor lies; it lists them in the server's
/// order, so their sizes must agree with ours.
fn capturers(layout: &Layout) -> Result<Vec<(Area, Capturer)>, DesktopError> {
    let failed = |error| DesktopError::NoDesktop(format!("scrap: {error}"));
    let displays = Display::all().map_err(failed)?;
    let size = |d: &Display| (d.width() as u32, d.height() as u32);
    let same = displays.len() == layout.monitors.len()
        && displays
            .iter()
            .zip(&layout.monitors)
            .all(|(display, m)| size(display) == (m.area.width, m.area.height));
    if !same {
        let listed: Vec<_> = displays.iter().map(size).collect();
        return Err(DesktopError::Unsupported(format!(
            "scrap lists other monitors than the X server has: {listed:?}"
        )));
    }
    displays
        .into_iter()
        .zip(&layout.monitors)
        .map(|(display, m)| Ok((m.area, Capturer::new(display).map_err(failed)?)))
        .collect()
}
