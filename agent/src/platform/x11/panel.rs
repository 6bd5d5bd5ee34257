//! A small window of our own, always in front, drawn with egui.
//!
//! Override-redirect: no window manager decides where it is, what covers it or whether it is shown. It is as large as
//! what it shows. Absent: which events count as input; the owner decides that and pushes them.

use std::time::{Duration, Instant};

use egui::{Event as Input, Pos2, Theme, Vec2};
use sightline_ui::{Painter, surface_input};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, EventMask,
    ImageFormat, PropMode, StackMode, Visibility, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::super::DesktopError;
use super::{connect, monitors, root};
use sightline_ends::content::Area;

/// Rises again at most that often: two windows that both want to be in front must not fight for the processor.
const RAISE_EVERY: Duration = Duration::from_millis(250);
/// The smallest scale that can still be read.
const SMALLEST: f32 = 0.6;
/// Times that a scale is tried: lines break elsewhere at another one, and then a few pixels are missing still.
const FITTINGS: usize = 4;
/// Bytes of one PutImage: below every server's limit.
const STRIP: usize = 200 * 1024;

/// The window.
pub struct Panel {
    pub conn: RustConnection,
    pub root: u32,
    pub window: u32,
    /// The primary monitor when the window was opened.
    pub monitor: Area,
    gc: u32,
    depth: u8,
    ctx: egui::Context,
    painter: Painter,
    pixels: Vec<u32>,
    size: (u32, u32),
    scale: f32,
    input: Vec<Input>,
    began: Instant,
    raised: Option<Instant>,
}

/// What a picture of the panel left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The contents have another size than the window: place it again, then draw again.
    pub wants: Option<(u32, u32)>,
    /// Draw again then, even without events.
    pub again: Option<Instant>,
}

impl Panel {
    /// Makes the window; it is not shown yet. `events` are the core events that the owner wants.
    pub fn open(
        display: Option<&str>,
        title: &str,
        theme: Theme,
        events: EventMask,
    ) -> Result<Panel, DesktopError> {
        let (conn, number) = connect(display)?;
        monitors::check_pixels(&conn, number)?;
        let root = root(&conn, number);
        let monitor = monitors::primary(&monitors::layout(&conn, root)?);
        let depth = conn.setup().roots[number].root_depth;
        let (window, gc) = (conn.generate_id()?, conn.generate_id()?);
        let attributes = CreateWindowAux::new()
            .override_redirect(1)
            .event_mask(events | EventMask::EXPOSURE | EventMask::VISIBILITY_CHANGE);
        conn.create_window(
            depth,
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
        conn.create_gc(gc, window, &CreateGCAux::new().graphics_exposures(0))?;
        name_window(&conn, window, title)?;
        let scale = scale(&conn, root, monitor.height)?;
        let ctx = egui::Context::default();
        sightline_ui::theme(&ctx);
        ctx.set_theme(theme);
        Ok(Panel {
            conn,
            root,
            window,
            monitor,
            gc,
            depth,
            ctx,
            painter: Painter::new(),
            pixels: Vec::new(),
            size: (1, 1),
            scale,
            input: Vec::new(),
            began: Instant::now(),
            raised: None,
        })
    }

    /// The size that the contents have. What is larger than the monitor is scaled down: a button beyond the edge
    /// could not be clicked.
    pub fn measure(&mut self, mut contents: impl FnMut(&mut egui::Ui)) -> (u32, u32) {
        let room = (self.monitor.width.max(1), self.monitor.height.max(1));
        let mut size = self.measure_in(room, &mut contents);
        let fits = |need: u32, room: u32| room as f32 / need.max(1) as f32;
        for _ in 0..FITTINGS {
            let ratio = fits(size.0, room.0).min(fits(size.1, room.1));
            if ratio >= 1.0 || self.scale <= SMALLEST {
                break;
            }
            self.scale = (self.scale * ratio).max(SMALLEST);
            size = self.measure_in(room, &mut contents);
        }
        size
    }

    fn measure_in(
        &mut self,
        room: (u32, u32),
        contents: &mut dyn FnMut(&mut egui::Ui),
    ) -> (u32, u32) {
        let mut pixels = vec![0; room.0 as usize * room.1 as usize];
        let input = std::mem::take(&mut self.input); // that is for what is drawn
        // What is centred finds its place only when the height is known: in the second pass.
        self.run(room, &mut pixels, &mut *contents);
        let (_, size) = self.run(room, &mut pixels, &mut *contents);
        self.input = input;
        size
    }

    /// Puts the window there, in that size.
    pub fn place(&mut self, x: i32, y: i32, size: (u32, u32)) -> Result<(), DesktopError> {
        let values = ConfigureWindowAux::new()
            .x(x)
            .y(y)
            .width(size.0.max(1))
            .height(size.1.max(1));
        self.conn.configure_window(self.window, &values)?;
        self.size = size;
        Ok(())
    }

    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Finds the primary monitor again.
    pub fn look_at_monitors(&mut self) -> Result<(), DesktopError> {
        self.monitor = monitors::primary(&monitors::layout(&self.conn, self.root)?);
        Ok(())
    }

    /// Puts it on the screen; it is there when this returns.
    pub fn show(&mut self) -> Result<(), DesktopError> {
        self.raise()?;
        self.conn.map_window(self.window)?.check()?;
        Ok(())
    }

    fn raise(&mut self) -> Result<(), DesktopError> {
        let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        self.conn.configure_window(self.window, &above)?;
        self.conn.flush()?;
        self.raised = Some(Instant::now());
        Ok(())
    }

    /// Answers a VisibilityNotify: what is covered rises. Not yet? Then says when.
    pub fn stay_in_front(&mut self, state: Visibility) -> Result<Option<Instant>, DesktopError> {
        if state == Visibility::UNOBSCURED {
            return Ok(None);
        }
        match self.raised.map(|raised| raised + RAISE_EVERY) {
            Some(next) if next > Instant::now() => Ok(Some(next)),
            _ => self.raise().map(|()| None),
        }
    }

    /// A place in the window, in egui's units.
    pub fn point(&self, x: f32, y: f32) -> Pos2 {
        Pos2::new(x / self.scale, y / self.scale)
    }

    /// Input for the next picture.
    pub fn push(&mut self, input: Input) {
        self.input.push(input);
    }

    /// Draws the contents and shows them.
    pub fn draw(&mut self, contents: impl FnMut(&mut egui::Ui)) -> Result<Drawn, DesktopError> {
        let mut pixels = std::mem::take(&mut self.pixels);
        pixels.clear();
        pixels.resize(self.size.0 as usize * self.size.1 as usize, 0);
        let (again, size) = self.run(self.size, &mut pixels, contents);
        self.pixels = pixels;
        self.put()?;
        Ok(Drawn {
            wants: (size != self.size).then_some(size),
            again,
        })
    }

    /// Shows the last picture again.
    pub fn put(&self) -> Result<(), DesktopError> {
        let (width, height) = self.size;
        let rows = (STRIP / (width.max(1) as usize * 4)).max(1);
        for (index, strip) in self.pixels.chunks(rows * width.max(1) as usize).enumerate() {
            let top = index * rows;
            let count = rows.min(height as usize - top);
            let bytes: Vec<u8> = strip.iter().flat_map(|p| p.to_ne_bytes()).collect();
            let format = ImageFormat::Z_PIXMAP;
            let (window, gc, depth) = (self.window, self.gc, self.depth);
            self.conn.put_image(
                format,
                window,
                gc,
                width as u16,
                count as u16,
                0,
                top as i16,
                0,
                depth,
                &bytes,
            )?;
        }
        self.conn.flush()?;
        Ok(())
    }

    /// One pass of egui over the contents; when it wants another, and how large they are in pixels.
    fn run(
        &mut self,
        size: (u32, u32),
        pixels: &mut [u32],
        mut contents: impl FnMut(&mut egui::Ui),
    ) -> (Option<Instant>, (u32, u32)) {
        let mut input = surface_input(size, self.scale);
        input.time = Some(self.began.elapsed().as_secs_f64());
        input.focused = true;
        input.events = std::mem::take(&mut self.input);
        let mut extent = Vec2::ZERO;
        let painted = self.painter.paint(&self.ctx, input, size, pixels, |ctx| {
            let area = egui::Area::new(egui::Id::unique("panel")).fixed_pos(Pos2::ZERO);
            let shown = area
                .constrain(false)
                .fade_in(false)
                .show(ctx, &mut contents);
            extent = shown.response.rect.size();
        });
        let pixels = |points: f32| (points * self.scale).ceil().max(1.0) as u32;
        let again = painted.repaint_after.map(|after| Instant::now() + after);
        (again, (pixels(extent.x), pixels(extent.y)))
    }
}

fn name_window(conn: &RustConnection, window: u32, title: &str) -> Result<(), DesktopError> {
    let names: [(AtomEnum, &[u8]); 2] = [
        (AtomEnum::WM_NAME, title.as_bytes()),
        (AtomEnum::WM_CLASS, b"sightline-agent\0Sightline\0"),
    ];
    for (property, value) in names {
        conn.change_property8(PropMode::REPLACE, window, property, AtomEnum::STRING, value)?;
    }
    Ok(())
}

/// Pixels per point: what the desktop says (Xft.dpi), else by the monitor's height.
fn scale(conn: &RustConnection, root: u32, height: u32) -> Result<f32, DesktopError> {
    let resources = AtomEnum::RESOURCE_MANAGER;
    let reply = conn
        .get_property(false, root, resources, AtomEnum::STRING, 0, 64 * 1024)?
        .reply()?;
    let resources = String::from_utf8_lossy(&reply.value).into_owned();
    let dpi = resources
        .lines()
        .filter_map(|line| line.strip_prefix("Xft.dpi:"))
        .find_map(|value| value.trim().parse::<f32>().ok());
    let by_height = if height >= 1800 { 2.0 } else { 1.0 };
    // 96 dots per inch is 1; beyond 3 the window would not fit on a screen.
    Ok(dpi.map_or(by_height, |dpi| (dpi / 96.0).clamp(1.0, 3.0)))
}
