//! The receiver's side: updates from anywhere, checked as they are read, onto a canvas.

use crate::later::Later;
use crate::stream::{self, Inflate};
use crate::{Canvas, PictureError, Rect};
use head::Head;
use painter::Painter;
use reader::Reader;
use rough::Rough;

mod body;
mod head;
mod painter;
mod reader;
mod rough;

pub(crate) use rough::Video;

/// Rebuilds an encoder's screen from its updates.
pub struct Decoder {
    canvas: Canvas,
    /// From the first whole update on.
    streams: Option<Streams>,
    /// The number of the next delta; `None` when only a whole update will do.
    due: Option<u8>,
    painter: Painter,
    changed: Vec<Rect>,
    /// Read but not painted.
    later: Later,
}

struct Streams {
    ops: Inflate,
    residuals: Inflate,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder with an empty canvas, which needs a whole update first.
    pub fn new() -> Decoder {
        Decoder {
            canvas: Canvas::default(),
            streams: None,
            due: None,
            painter: Painter::new(),
            changed: Vec::new(),
            later: Later::default(),
        }
    }

    /// Applies one update and returns the areas that changed. After an error the canvas may be half drawn, and only
    /// a whole update is accepted.
    pub fn decode(&mut self, update: &[u8]) -> Result<&[Rect], PictureError> {
        let waited = !self.later.is_empty();
        self.settle()?;
        self.read(update, false)?;
        if waited {
            self.changed_all();
        }
        Ok(&self.changed)
    }

    /// Reads one update, checks it and goes on from it, but leaves the canvas as it is until [`Decoder::settle`]. To get through
    /// many updates of which only the last is to be seen: what the later ones cover is never painted. Whether the indices
    /// of a palette fit it is checked only where they are painted. Holds at most 96 MB of what waits.
    pub fn decode_later(&mut self, update: &[u8]) -> Result<(), PictureError> {
        if self.later.is_full() {
            self.settle()?;
        }
        let read = self.read(update, true);
        if read.is_err() {
            // Some of it may lean on what did not come.
            self.later.clear();
        }
        read
    }

    /// Paints what waits, as if each update had been decoded. All of the canvas may have changed then.
    pub fn settle(&mut self) -> Result<(), PictureError> {
        if self.later.is_empty() {
            return Ok(());
        }
        self.later.thin(&self.canvas);
        let mut later = std::mem::take(&mut self.later);
        let painted = self.painter.catch_up(&mut self.canvas, &later);
        later.clear();
        self.later = later;
        if painted.is_err() {
            self.due = None;
        }
        painted
    }

    fn changed_all(&mut self) {
        self.changed.clear();
        self.changed.push(self.canvas.rect());
    }

    fn read(&mut self, update: &[u8], later: bool) -> Result<(), PictureError> {
        let due = self.due.take();
        self.changed.clear();
        let (head, [ops, residuals, pictures]) = Head::parse(update)?;
        match head {
            Head::Whole { width, height } => self.start(width, height)?,
            Head::Delta { number } => {
                let expected = due.ok_or(PictureError::NeedsWhole)?;
                if number != expected {
                    return Err(PictureError::OutOfOrder {
                        expected,
                        found: number,
                    });
                }
            }
        }
        let streams = self.streams.as_mut().ok_or(PictureError::NeedsWhole)?;
        let mut reader = Reader {
            ops: streams.ops.open(ops)?,
            residuals: streams.residuals.open(residuals)?,
            painter: &mut self.painter,
            canvas: &mut self.canvas,
            changed: &mut self.changed,
            later: later.then_some(&mut self.later),
            next_slot: 0,
            rough: Rough::default(),
        };
        match head {
            Head::Whole { .. } => reader.whole()?,
            Head::Delta { .. } => reader.delta()?,
        }
        let Reader {
            ops,
            residuals,
            rough,
            ..
        } = reader;
        ops.finish()?;
        residuals.finish()?;
        self.pictures(rough, pictures, later)?;
        self.due = Some(head.next());
        merge_areas(&mut self.changed);
        Ok(())
    }

    /// The screen as of the last update.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn start(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        self.later.clear();
        if (width, height) != (self.canvas.width(), self.canvas.height()) {
            self.canvas = Canvas::new(width, height)?;
        }
        self.painter.restart();
        match &mut self.streams {
            Some(streams) => {
                streams.ops.reset()?;
                streams.residuals.reset()?;
            }
            None => {
                let ops = Inflate::new(stream::OPS_WINDOW)?;
                let residuals = Inflate::new(stream::RESIDUALS_WINDOW)?;
                self.streams = Some(Streams { ops, residuals });
            }
        }
        Ok(())
    }
}

/// Joins areas that lie one below the other with the same sides.
fn merge_areas(areas: &mut Vec<Rect>) {
    areas.sort_unstable_by_key(|area| (area.x, area.width, area.y));
    areas.dedup_by(|lower, upper| {
        let joins = lower.x == upper.x
            && lower.width == upper.width
            && u64::from(lower.y) <= upper.bottom();
        if joins {
            upper.height = lower.bottom().max(upper.bottom()) as u32 - upper.y;
        }
        joins
    });
}
