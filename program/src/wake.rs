//! Sleeping on a descriptor until it speaks, a moment comes, or another thread calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Ends a [`sleep`] from another thread; clones wake the same sleeper.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub fn new() -> io::Result<Waker> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker(Arc::new(fd)))
    }

    /// To sleep on nothing but the calls.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Forgets the calls so far; says whether there were any.
    fn clear(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0u8; 8]).is_ok()
    }

    pub fn wake(&self) {
        // Fails only when 2^64 calls are pending: the sleeper is woken all the same.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// Why [`sleep`] ended. Several may be true at once; none means that the time has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slept {
    /// The descriptor can be read (or has hung up, which reading will tell).
    pub readable: bool,
    /// [`Waker::wake`] was called.
    pub called: bool,
}

/// Sleeps until `fd` can be read, `waker` is called or `until` has come.
pub fn sleep(fd: BorrowedFd<'_>, waker: &Waker, until: Option<Instant>) -> io::Result<Slept> {
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(fd, PollFlags::IN),
            PollFd::from_borrowed_fd(waker.0.as_fd(), PollFlags::IN),
        ];
        let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let readable = !fds[0].revents().is_empty();
        let called = !fds[1].revents().is_empty() && waker.clear();
        return Ok(Slept { readable, called });
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
