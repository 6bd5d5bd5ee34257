//! Sleeping until something happens: see [`sightline_program::wake`].

pub use sightline_program::wake::{Waker, sleep};

use super::Wake;

impl Wake for Waker {
    fn wake(&self) {
        Waker::wake(self);
    }
}
