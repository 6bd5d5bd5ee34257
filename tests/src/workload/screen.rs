//! The X side of a workload: a window as large as the screen, and pictures put into it through shared memory, as
//! browsers and players do.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Context;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ChangeGCAux, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux,
    CreateWindowAux, EventMask, Gcontext, ImageFormat, Pixmap, Rectangle, StackMode, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::mark;
use super::stamps::{self, Place};
use crate::display::Image;

/// Shared memory in bytes: two frames of 4K.
const SEGMENT: u64 = 64 << 20;

pub struct Screen {
    x: RustConnection,
    root: Window,
    depth: u8,
    gc: Gcontext,
    /// As large as the screen.
    pub window: Window,
    pub width: u32,
    pub height: u32,
    segment: u32,
    memory: File,
    /// Bytes of the segment that the server may still have to read.
    used: u64,
}

impl Screen {
    /// Covers the screen of `display` with a window that no window manager touches.
    /// If wanted, it lies below all others.
    pub fn open(display: &str, below: bool) -> anyhow::Result<Screen> {
        let (x, number) = x11rb::connect(Some(display))?;
        let root = x.setup().roots[number].clone();
        let memory = File::from(memfd_create("workload", MemfdFlags::CLOEXEC)?);
        ftruncate(&memory, SEGMENT)?;
        let segment = x.generate_id()?;
        x.shm_attach_fd(segment, memory.try_clone()?, false)?
            .check()
            .context("the X server shares no memory")?;
        let gc = x.generate_id()?;
        // Else the server tells of every CopyArea that it went well.
        x.create_gc(gc, root.root, &CreateGCAux::new().graphics_exposures(0))?;
        let mut screen = Screen {
            x,
            root: root.root,
            depth: root.root_depth,
            gc,
            window: 0,
            width: root.width_in_pixels.into(),
            height: root.height_in_pixels.into(),
            segment,
            memory,
            used: 0,
        };
        let all = area(0, 0, screen.width, screen.height);
        screen.window = screen.open_window(all, None, below)?;
        Ok(screen)
    }

    /// Shows a window with that content, which the server itself repaints where it comes into sight.
    pub fn show(&mut self, x: i32, y: i32, content: &Image) -> anyhow::Result<Window> {
        let pixmap = self.keep(content)?;
        let window = self.open_window(
            area(x, y, content.width, content.height),
            Some(pixmap),
            false,
        )?;
        self.x.free_pixmap(pixmap)?;
        Ok(window)
    }

    fn open_window(
        &self,
        at: Rectangle,
        content: Option<Pixmap>,
        below: bool,
    ) -> anyhow::Result<Window> {
        let window = self.x.generate_id()?;
        let mut how = CreateWindowAux::new()
            .override_redirect(1)
            .event_mask(EventMask::EXPOSURE);
        how = match content {
            Some(pixmap) => how.background_pixmap(pixmap),
            None => how.background_pixel(0),
        };
        self.x.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            self.root,
            at.x,
            at.y,
            at.width,
            at.height,
            0,
            WindowClass::INPUT_OUTPUT,
            0,
            &how,
        )?;
        if below {
            let lowest = ConfigureWindowAux::new().stack_mode(StackMode::BELOW);
            self.x.configure_window(window, &lowest)?;
        }
        self.x.map_window(window)?;
        self.x.flush()?;
        // What is drawn before it shows would be lost.
        while !matches!(self.x.wait_for_event()?, Event::Expose(event) if event.window == window) {}
        let none = ChangeWindowAttributesAux::new().event_mask(EventMask::NO_EVENT);
        self.x.change_window_attributes(window, &none)?;
        Ok(window)
    }

    /// A picture in the server's memory.
    fn keep(&mut self, image: &Image) -> anyhow::Result<Pixmap> {
        let pixmap = self.x.generate_id()?;
        let (width, height) = (image.width as u16, image.height as u16);
        self.x
            .create_pixmap(self.depth, pixmap, self.root, width, height)?;
        self.put_into(pixmap, 0, 0, image)?;
        Ok(pixmap)
    }

    /// Makes a kept picture the large window's background, which shows wherever nothing else does.
    pub fn behind(&mut self, content: &Image) -> anyhow::Result<()> {
        let pixmap = self.keep(content)?;
        let how = ChangeWindowAttributesAux::new().background_pixmap(pixmap);
        self.x.change_window_attributes(self.window, &how)?;
        self.x.clear_area(false, self.window, 0, 0, 0, 0)?;
        self.x.free_pixmap(pixmap)?;
        Ok(())
    }

    /// Puts a picture at a place of the large window.
    pub fn put(&mut self, x: u32, y: u32, image: &Image) -> anyhow::Result<()> {
        self.put_into(self.window, x, y, image)
    }

    fn put_into(&mut self, to: u32, x: u32, y: u32, image: &Image) -> anyhow::Result<()> {
        let bytes: Vec<u8> = image.pixels.iter().flat_map(|p| p.to_le_bytes()).collect();
        if self.used + bytes.len() as u64 > SEGMENT {
            self.sync()?;
        }
        self.memory.write_all_at(&bytes, self.used)?;
        let (width, height) = (image.width as u16, image.height as u16);
        self.x.shm_put_image(
            to,
            self.gc,
            width,
            height,
            0,
            0,
            width,
            height,
            x as i16,
            y as i16,
            self.depth,
            ImageFormat::Z_PIXMAP.into(),
            false,
            self.segment,
            self.used as u32,
        )?;
        self.used += bytes.len() as u64;
        Ok(())
    }

    /// Copies an area of the large window `by` pixels up, but for its upper rows, which leave it.
    pub fn scroll_up(&self, area: Rectangle, by: u16) -> anyhow::Result<()> {
        let (window, gc) = (self.window, self.gc);
        let from = area.y + by as i16;
        let (width, height) = (area.width, area.height - by);
        self.x.copy_area(
            window, window, gc, area.x, from, area.x, area.y, width, height,
        )?;
        Ok(())
    }

    pub fn move_window(&self, window: Window, x: i32, y: i32) -> anyhow::Result<()> {
        let place = ConfigureWindowAux::new().x(x).y(y);
        self.x.configure_window(window, &place)?;
        Ok(())
    }

    pub fn raise(&self, window: Window) -> anyhow::Result<()> {
        let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        self.x.configure_window(window, &above)?;
        Ok(())
    }

    /// Shows the number of a step.
    pub fn mark(&self, number: u32) -> anyhow::Result<()> {
        let colour = ChangeGCAux::new().foreground(mark::colour(number));
        self.x.change_gc(self.gc, &colour)?;
        let block = area(0, 0, mark::SIDE.into(), mark::SIDE.into());
        self.x.poly_fill_rectangle(self.window, self.gc, &[block])?;
        Ok(())
    }

    /// Writes the number of a step where it can be read.
    pub fn stamp(&self, number: u32, place: &Place) -> anyhow::Result<()> {
        let (white, black) = stamps::draw(number, place.x, place.y);
        for (cells, colour) in [(white, 0xff_ff_ff), (black, 0)] {
            let colour = ChangeGCAux::new().foreground(colour);
            self.x.change_gc(self.gc, &colour)?;
            self.x.poly_fill_rectangle(self.window, self.gc, &cells)?;
        }
        Ok(())
    }

    /// Waits until the server has drawn everything.
    pub fn sync(&mut self) -> anyhow::Result<()> {
        self.x.sync()?;
        while let Some(event) = self.x.poll_for_event()? {
            if let Event::Error(error) = event {
                anyhow::bail!("the X server refuses to draw: {error:?}");
            }
        }
        self.used = 0;
        Ok(())
    }
}

pub fn area(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
    Rectangle {
        x: x as i16,
        y: y as i16,
        width: width as u16,
        height: height as u16,
    }
}
