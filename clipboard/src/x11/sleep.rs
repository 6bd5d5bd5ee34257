//! Sleeping until the X server speaks, another thread calls, or a moment comes.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Ends a [`sleep`] from another thread.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub fn new() -> io::Result<Waker> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker(Arc::new(fd)))
    }

    pub fn wake(&self) {
        // Fails only when 2^64 calls are pending: the sleeper is woken all the same.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

pub fn sleep(fd: BorrowedFd<'_>, waker: &Waker, until: Option<Instant>) -> io::Result<()> {
    let mut fds = [
        PollFd::from_borrowed_fd(fd, PollFlags::IN),
        PollFd::new(&*waker.0, PollFlags::IN),
    ];
    let timeout = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if !fds[1].revents().is_empty() {
        let _ = rustix::io::read(&*waker.0, &mut [0u8; 8]);
    }
    Ok(())
}
