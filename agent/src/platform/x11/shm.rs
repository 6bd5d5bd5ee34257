//! Memory that the X server writes pictures into.
//!
//! An anonymous file handed over by descriptor (MIT-SHM 1.2): it has no name and no key, so no other user of the
//! computer can attach it, and it is gone with its last holder. Without that (a remote display, an old server) the
//! caller falls back to pictures through the socket.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use x11rb::connection::Connection;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::rust_connection::RustConnection;

/// A segment that the server has attached.
pub struct Segment {
    pub id: shm::Seg,
    start: NonNull<u32>,
    /// Length in pixels (4 bytes each).
    pixels: usize,
}

impl Segment {
    /// A segment for that many pixels, or nothing where the server cannot share memory with us.
    pub fn attach(conn: &RustConnection, pixels: usize) -> Option<Segment> {
        let version = conn.shm_query_version().ok()?.reply().ok()?;
        if (version.major_version, version.minor_version) < (1, 2) {
            return None;
        }
        let bytes = pixels.checked_mul(4).filter(|bytes| *bytes > 0)?;
        let (start, fd) = map(bytes).ok()?;
        // From here on dropping unmaps.
        let segment = Segment {
            id: conn.generate_id().ok()?,
            start,
            pixels,
        };
        conn.shm_attach_fd(segment.id, fd, false)
            .ok()?
            .check()
            .ok()?;
        Some(segment)
    }

    /// The `length` pixels from `offset` on. To be called when the server's reply has come.
    pub fn pixels(&self, offset: usize, length: usize) -> &[u32] {
        assert!(offset <= self.pixels && length <= self.pixels - offset);
        // SAFETY: the mapping is `pixels` long, page-aligned, lives as long as `self` and cannot shrink (sealed);
        // every bit pattern is a pixel. The server writes into it only for a GetImage, and the one caller has read
        // the replies of all it asked for before it looks, and asks again only when the borrow has ended.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(offset), length) }
    }

    pub fn detach(self, conn: &RustConnection) {
        if let Ok(cookie) = conn.shm_detach(self.id) {
            cookie.ignore_error();
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length, unmapped only here; no slice outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.pixels * 4) };
    }
}

/// Anonymous shared memory that can no longer shrink, mapped for reading.
fn map(bytes: usize) -> rustix::io::Result<(NonNull<u32>, OwnedFd)> {
    let fd = memfd_create(
        c"sightline-screen",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    ftruncate(&fd, bytes as u64)?;
    // Otherwise whoever holds the descriptor could cut the file and kill us on the next read.
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::SEAL)?;
    // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
    let start = unsafe { mmap(null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, &fd, 0)? };
    let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
    Ok((start, fd))
}
