//! What an update shows only roughly: sketches on its sheets, and the video's picture. The ops say where, the bytes follow behind them.

use super::Decoder;
use super::head::take_section;
use crate::sheet::{self, Place, Places};
use crate::{PictureError, Rect};

/// A picture of the video.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Video {
    /// After the one before.
    Next,
    /// It needs no earlier one; from now on the video is there.
    Key(Rect),
}

/// What an update's ops say of its sheets and its video picture.
#[derive(Default)]
pub(super) struct Rough {
    pub(super) places: Places,
    pub(super) sketches: Vec<(Rect, Place)>,
    pub(super) moving: Vec<Rect>,
    pub(super) video: Option<Video>,
}

impl Decoder {
    /// Reads the video's picture and the sheets, and paints what the ops said of them.
    pub(super) fn pictures(
        &mut self,
        rough: Rough,
        mut rest: &[u8],
        later: bool,
    ) -> Result<(), PictureError> {
        if let Some(video) = rough.video {
            let unit = take_section(&mut rest)?;
            if later {
                self.later.keep_unit(video, unit);
            } else {
                self.painter.show(video, unit)?;
            }
        }
        if !later {
            for area in &rough.moving {
                self.painter.paint_moving(&mut self.canvas, *area);
            }
        }
        let mut sketches = rough.sketches.into_iter().peekable();
        for (index, &rows) in rough.places.sheets().iter().enumerate() {
            let jpeg = take_section(&mut rest)?;
            if later {
                self.later.keep_sheet(rows, jpeg);
                continue;
            }
            let pixels = sheet::read(jpeg, rows)?;
            while let Some((area, place)) = sketches.next_if(|(_, place)| place.sheet == index) {
                sheet::paint(&mut self.canvas, area, &pixels, place.row);
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        Err(PictureError::Trailing)
    }
}
