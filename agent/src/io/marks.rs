//! What the technician points at or draws, on the user's screen.

use sightline_ends::consent::{Grant, kind};
use sightline_program::clock::unix_ms;

use crate::platform::{self, Overlay};

/// Shows marks while the technician may see the screen.
#[derive(Default)]
pub struct Marks {
    /// From the first mark on.
    overlay: Option<Box<dyn Overlay>>,
    /// There is no way to show them here, which was said once.
    failed: bool,
}

impl Marks {
    pub fn draw(&mut self, grant: &Grant<kind::View>, points: Vec<(i32, i32)>) {
        if self.failed || grant.check(unix_ms()).is_err() {
            return;
        }
        if self.overlay.is_none() {
            match platform::open_overlay() {
                Ok(overlay) => self.overlay = Some(overlay),
                Err(error) => {
                    tracing::warn!("what the technician points at cannot be shown: {error}");
                    self.failed = true;
                }
            }
        }
        if let Some(overlay) = &self.overlay {
            overlay.draw(points);
        }
    }

    /// Takes away what is shown.
    pub fn clear(&mut self) {
        self.overlay = None;
    }
}
