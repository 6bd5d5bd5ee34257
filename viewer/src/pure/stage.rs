//! The remote screen as it is known here: put together from scenes, live or recorded.

use sightline_ends::content::{CursorShape, Layout, Scene};
use sightline_picture::{Canvas, Decoder, PictureError};

use super::area::Damage;

/// Pieces of one update may add up to this many bytes: an 8K screen of noise, twice.
const MAX_UPDATE: usize = 256 << 20;

/// The screen, its pointer, and what has changed since it was last asked.
#[derive(Default)]
pub struct Stage {
    decoder: Decoder,
    /// The pieces of an update that has not ended: its number and bytes so far.
    pieces: Option<(u64, Vec<u8>)>,
    layout: Layout,
    shape: Option<CursorShape>,
    pointer: Option<(i32, i32)>,
    changes: Changes,
    /// The scene at hand is for later, and some before it were.
    later: bool,
    waiting: bool,
}

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Pixels of the canvas.
    pub damage: Damage,
    /// Its size or the monitors.
    pub layout: bool,
    /// The pointer's shape.
    pub shape: bool,
    /// The pointer was moved there.
    pub pointer: bool,
    /// The newest update that is on the canvas, if one came.
    pub frame: Option<u64>,
}

impl Changes {
    pub fn is_none(&self) -> bool {
        *self == Changes::default()
    }
}

impl Stage {
    pub fn new() -> Stage {
        Stage::default()
    }

    /// Takes one scene. When it ends an update, that is then on the canvas and its number is returned.
    pub fn take(&mut self, scene: &Scene) -> Result<Option<u64>, PictureError> {
        self.later = false;
        self.taken(scene)
    }

    /// Takes one scene of many; updates are read but not on the canvas before [`Stage::settle`].
    pub fn take_later(&mut self, scene: &Scene) -> Result<Option<u64>, PictureError> {
        self.later = true;
        self.taken(scene)
    }

    /// Puts everything on the canvas that was taken for later.
    pub fn settle(&mut self) -> Result<(), PictureError> {
        if std::mem::take(&mut self.waiting) {
            self.decoder.settle()?;
            self.changes.damage.add_all();
        }
        Ok(())
    }

    fn taken(&mut self, scene: &Scene) -> Result<Option<u64>, PictureError> {
        match scene {
            Scene::Layout(layout) => {
                if *layout != self.layout {
                    self.layout = layout.clone();
                    self.changes.layout = true;
                }
                Ok(None)
            }
            Scene::Update { frame, last, bytes } => self.piece(*frame, *last, bytes),
            Scene::Cursor(shape) => {
                self.shape = is_shape(shape).then(|| shape.clone());
                self.changes.shape = true;
                Ok(None)
            }
            Scene::Pointer { x, y } => {
                self.pointer = Some((*x, *y));
                self.changes.pointer = true;
                Ok(None)
            }
            // For whoever searches a recording; the picture shows it anyway.
            Scene::Window { .. } => Ok(None),
        }
    }

    fn piece(&mut self, frame: u64, last: bool, bytes: &[u8]) -> Result<Option<u64>, PictureError> {
        // After a jump in a recording an update may have been left without its end.
        let pieces = self.pieces.take().filter(|(number, _)| *number == frame);
        let Some((_, mut update)) = pieces else {
            if last {
                return self.update(frame, bytes).map(Some);
            }
            self.pieces = Some((frame, bytes.to_vec()));
            return Ok(None);
        };
        if update.len() + bytes.len() > MAX_UPDATE {
            return Err(PictureError::Malformed("longer than any screen"));
        }
        update.extend_from_slice(bytes);
        if last {
            return self.update(frame, &update).map(Some);
        }
        self.pieces = Some((frame, update));
        Ok(None)
    }

    fn update(&mut self, frame: u64, bytes: &[u8]) -> Result<u64, PictureError> {
        let before = size(self.decoder.canvas());
        if self.later {
            self.waiting = true;
            self.decoder.decode_later(bytes)?;
            if size(self.decoder.canvas()) != before {
                self.changes.layout = true;
            }
            self.changes.frame = Some(frame);
            return Ok(frame);
        }
        let changed = self.decoder.decode(bytes)?;
        for area in changed {
            self.changes.damage.add(*area);
        }
        if size(self.decoder.canvas()) != before {
            self.changes.layout = true;
            self.changes.damage.add_all();
        }
        self.changes.frame = Some(frame);
        Ok(frame)
    }

    /// What has changed since the last call.
    pub fn changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    pub fn canvas(&self) -> &Canvas {
        self.decoder.canvas()
    }

    pub fn size(&self) -> (u32, u32) {
        size(self.decoder.canvas())
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The pointer's shape; `None` = hidden or not known.
    pub fn shape(&self) -> Option<&CursorShape> {
        self.shape.as_ref()
    }

    /// Where the pointer was last put by someone else than the technician here.
    pub fn pointer(&self) -> Option<(i32, i32)> {
        self.pointer
    }
}

fn size(canvas: &Canvas) -> (u32, u32) {
    (canvas.width(), canvas.height())
}

fn is_shape(shape: &CursorShape) -> bool {
    let area = usize::from(shape.width) * usize::from(shape.height);
    area > 0 && shape.pixels.len() == area
}

#[cfg(test)]
mod tests {
    use sightline_picture::{Encoder, Kind};

    use super::*;
    use crate::pure::area::rect;

    fn update(encoder: &mut Encoder, kind: Kind, frame: u64) -> Scene {
        let mut bytes = Vec::new();
        encoder.encode(kind, &mut bytes);
        Scene::Update {
            frame,
            last: true,
            bytes,
        }
    }

    fn cut(scene: &Scene) -> Vec<Scene> {
        let Scene::Update { frame, bytes, .. } = scene else {
            return vec![scene.clone()];
        };
        let middle = bytes.len() / 2;
        let piece = |last, bytes: &[u8]| Scene::Update {
            frame: *frame,
            last,
            bytes: bytes.to_vec(),
        };
        vec![
            piece(false, &bytes[..middle]),
            piece(false, &[]),
            piece(true, &bytes[middle..]),
        ]
    }

    #[test]
    fn an_update_in_pieces_is_one_update() {
        let mut encoder = Encoder::new(200, 100).expect("size");
        encoder.patch(rect(20, 10, 2, 1), &[0x0011_2233, 0x0044_5566]);
        let scene = update(&mut encoder, Kind::Whole, 7);
        let mut stage = Stage::new();
        let shown: Vec<_> = cut(&scene).iter().map(|piece| stage.take(piece)).collect();
        assert_eq!(shown, [Ok(None), Ok(None), Ok(Some(7))]);
        assert_eq!(stage.canvas(), encoder.canvas());
        let changes = stage.changes();
        assert!(changes.layout && changes.damage.is_whole());
        assert_eq!(changes.frame, Some(7));
        assert!(stage.changes().is_none());

        encoder.patch(rect(30, 10, 1, 1), &[0x00ff_ffff]);
        let scene = update(&mut encoder, Kind::Delta, 8);
        assert_eq!(stage.take(&scene), Ok(Some(8)));
        let changes = stage.changes();
        assert!(!changes.layout && !changes.damage.is_whole() && !changes.damage.is_none());
        assert_eq!(stage.canvas(), encoder.canvas());
    }

    #[test]
    fn pieces_of_an_update_that_was_left_are_dropped() {
        let mut encoder = Encoder::new(64, 64).expect("size");
        let old = cut(&update(&mut encoder, Kind::Whole, 1));
        let new = update(&mut encoder, Kind::Whole, 9);
        let mut stage = Stage::new();
        assert_eq!(stage.take(&old[0]), Ok(None));
        assert_eq!(stage.take(&new), Ok(Some(9)));
    }

    #[test]
    fn a_bad_update_is_an_error_and_a_whole_heals_it() {
        let mut encoder = Encoder::new(64, 64).expect("size");
        let mut stage = Stage::new();
        let whole = update(&mut encoder, Kind::Whole, 0);
        assert_eq!(stage.take(&whole), Ok(Some(0)));
        let bad = Scene::Update {
            frame: 1,
            last: true,
            bytes: vec![1, 2, 3],
        };
        assert!(stage.take(&bad).is_err());
        let whole = update(&mut encoder, Kind::Whole, 2);
        assert_eq!(stage.take(&whole), Ok(Some(2)));
    }

    #[test]
    fn a_shape_without_its_pixels_is_hidden() {
        let mut stage = Stage::new();
        let mut shape = CursorShape {
            width: 2,
            height: 2,
            hot_x: 0,
            hot_y: 0,
            pixels: vec![0; 4],
        };
        stage
            .take(&Scene::Cursor(shape.clone()))
            .expect("no picture");
        assert!(stage.shape().is_some());
        shape.pixels.pop();
        stage.take(&Scene::Cursor(shape)).expect("no picture");
        assert!(stage.shape().is_none());
    }
}
