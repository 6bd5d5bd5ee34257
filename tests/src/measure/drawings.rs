//! A display being watched: the server reports each drawing (XDamage), so that nobody polls and takes a processor from those who
//! are measured.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::connection::Connection;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

/// A connection to which every drawing is reported.
pub struct Drawings {
    pub x: RustConnection,
    pub root: Window,
}

impl Drawings {
    pub fn watch(display: &str) -> anyhow::Result<Drawings> {
        let (x, screen) = x11rb::connect(Some(display))?;
        let root = x.setup().roots[screen].root;
        x.damage_query_version(1, 1)?.reply()?;
        let damage = x.generate_id()?;
        x.damage_create(damage, root, ReportLevel::RAW_RECTANGLES)?
            .check()?;
        Ok(Drawings { x, root })
    }

    /// Sleeps until the server has something to say, but no longer than that.
    pub fn sleep(&self, most: Duration) -> anyhow::Result<()> {
        let most = Timespec {
            tv_sec: most.as_secs() as i64,
            tv_nsec: most.subsec_nanos().into(),
        };
        let stream = self.x.stream().as_fd();
        let mut polled = [PollFd::from_borrowed_fd(stream, PollFlags::IN)];
        poll(&mut polled, Some(&most))?;
        Ok(())
    }

    /// Leaves unread what was reported so far.
    pub fn forget(&self) -> anyhow::Result<()> {
        while self.x.poll_for_event()?.is_some() {}
        Ok(())
    }

    /// What is at a place now, 0x00RRGGBB.
    pub fn pixel(&self, (x, y): (i16, i16)) -> anyhow::Result<u32> {
        let format = ImageFormat::Z_PIXMAP;
        let image = self.x.get_image(format, self.root, x, y, 1, 1, !0)?;
        let data = image.reply()?.data;
        let bytes = data.first_chunk::<4>().context("no pixel")?;
        Ok(u32::from_le_bytes(*bytes) & 0xff_ff_ff)
    }
}
