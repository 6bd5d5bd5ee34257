//! How the changes of a screen become an update: what is said exactly, what as a sketch or as video for now, and what not yet.

use super::film::Brought;
use super::{Encoder, Kind};
use crate::bits::put_varint;
use crate::grid::Dirt;
use crate::video;
use crate::wire::*;
use crate::writer::{Look, Place};
use crate::{Canvas, PictureError, Rect};

/// JPEG quality of sketches on a line that is in no need: blocks are hardly seen, and they go within a second.
pub const SKETCH: u8 = 85;

/// Exact pixels are added to an update up to so many bytes, so that a change that comes meanwhile waits for a few milliseconds.
const REFINE: usize = 96 * 1024;

/// Tiles that change at once by so much and more are a page, a window or a film that begins: photos in them take 40 µs each as sketches and
/// three times that exactly, and most will not stay.
const LARGE: usize = 96;

/// From so many changed pixels on a tile counts for that: three quarters.
const FULL: u32 = 3 * 1024;

/// A picture of a video has this part of the bytes that an update may have: three for one on a slow line look better than one that is sharp.
const VIDEO_SHARE: usize = 3;

/// Fewest pixels of a tile that are worth a sketch: less is as short exactly.
const SKETCHED: u32 = 512;

/// A change of at most so many pixels in a tile is said at once, whatever waits: a line of letters.
const SMALL: u32 = 24 * 64;

/// A film's tile is known by every eighth of its rows: neighbours differ in more than three of four pairs, as in no text.
const GRAIN_STEP: usize = 8;
const GRAIN: (usize, usize) = (3, 4);

/// How an update may be made.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub kind: Kind,
    /// Of any clock that goes on evenly, in microseconds.
    pub now_us: u64,
    /// About how many bytes it may have; what does not fit stays pending. `None`: no limit. Small changes do not count.
    pub bytes: Option<usize>,
    /// Photos as JPEG of this quality (1 to 100), their exact pixels later. `None`: exactly at once, but for those that keep moving and those
    /// of a change that is a large part of a screen.
    pub sketch: Option<u8>,
    /// What is video may wait for another update, so that all else is seen before the milliseconds that video takes.
    pub video_later: bool,
}

impl Terms {
    /// Everything, exactly, at once.
    pub fn exact(kind: Kind) -> Terms {
        Terms {
            kind,
            now_us: 0,
            bytes: None,
            sketch: None,
            video_later: false,
        }
    }

    fn quality(&self) -> u8 {
        self.sketch.unwrap_or(SKETCH)
    }
}

/// How an update goes over the tiles.
struct Course {
    may_move: bool,
    video: Option<Rect>,
    /// Changes in the video are not for this update.
    video_waits: bool,
    /// The update has a picture of the video that was taken before.
    brings: bool,
    /// The tile with which large changes begin, and the one with which they were to.
    first: u32,
    resume_at: u32,
    /// There is something to say.
    said: bool,
    /// A picture of the video is to be taken.
    filmed: bool,
    /// Changes in the video wait.
    waiting: bool,
    /// Others do.
    left: bool,
}

impl Encoder {
    /// Whether the next update has a change to say.
    pub fn pending(&self) -> bool {
        let unsaid = !self.dirt.is_empty() || !self.copies.is_empty();
        self.needs_whole || unsaid || !self.filming.is_idle()
    }

    /// Whether decoders have everything, but some of it only roughly. Then [`Encoder::encode_by`] has more to say a little later.
    pub fn is_rough(&self) -> bool {
        !self.rough.is_empty()
    }

    /// Appends one update to `out` that says everything exactly. A delta is whole when the decoders cannot have the screen yet (after
    /// `new` and `resize`). False, with nothing appended, when there is nothing to say.
    pub fn encode(&mut self, kind: Kind, out: &mut Vec<u8>) -> bool {
        for index in 0..self.grid.count() {
            let rough = self.rough.take(index);
            self.dirt.join(index, &rough);
        }
        self.leave_out_film();
        self.filming.forget();
        self.filming.end();
        self.write(&Terms::exact(kind), false, out)
    }

    /// The same on terms: what moves for a while is said roughly, and exactly when it has come to rest; what exceeds the bytes stays
    /// pending. Nothing may be said although something is rough.
    pub fn encode_by(&mut self, terms: &Terms, out: &mut Vec<u8>) -> bool {
        self.motion.begin(terms.now_us);
        self.write(terms, true, out)
    }

    fn write(&mut self, terms: &Terms, may_move: bool, out: &mut Vec<u8>) -> bool {
        let whole = terms.kind == Kind::Whole || self.needs_whole;
        let rough = may_move && self.is_rough();
        if !(whole || self.pending() || rough) {
            self.filming.note(false, terms.now_us);
            return false;
        }
        let start = out.len();
        let written = if whole {
            self.write_whole(terms, may_move, out).map(|()| true)
        } else {
            self.write_delta(terms, may_move, out)
        };
        // zstd fails only for want of memory. Then the streams are lost, not the screen: the next update starts them anew.
        self.needs_whole = written.is_err();
        let said = written.unwrap_or(false);
        if !said {
            out.truncate(start);
        }
        said
    }

    fn write_whole(
        &mut self,
        terms: &Terms,
        may_move: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), PictureError> {
        self.writer.reset()?;
        self.memory.clear();
        self.memory.turn();
        self.number = 0;
        self.resume_at = 0;
        self.forget_changes();
        for index in 0..self.grid.count() {
            let tile = self.grid.tile(index);
            let place = Place {
                index,
                tile,
                part: tile,
            };
            let look = self.writer.look(&self.canvas, &tile);
            if !matches!(look, Look::Solid(_)) && self.is_full(terms)? {
                self.writer.mean(&place);
                self.dirt.add(index, &tile, &tile);
            } else if look == Look::Photo
                && (terms.sketch.is_some() || may_move && self.moves(index, terms))
            {
                let quality = terms.quality();
                self.writer.sketch(&self.canvas, &place, quality)?;
                self.rough.add(index, &tile, &tile);
            } else {
                self.writer.exact(&place, look)?;
            }
        }
        out.extend([VERSION, KIND_WHOLE, 0]);
        put_varint(out, self.canvas.width());
        put_varint(out, self.canvas.height());
        self.writer.finish(terms.quality(), out)
    }

    /// False when there was nothing to say after all.
    fn write_delta(
        &mut self,
        terms: &Terms,
        may_move: bool,
        out: &mut Vec<u8>,
    ) -> Result<bool, PictureError> {
        let mut terms = *terms;
        if may_move && self.is_large() {
            terms.sketch = Some(terms.quality());
        }
        self.retake();
        let mut brought = self.filming.unload();
        let video = self.point_camera(&terms, may_move)?;
        self.writer.keeps(self.memory.keeps());
        for copy in &self.copies {
            self.writer.copy(copy);
        }
        let mut course = Course {
            may_move,
            video,
            video_waits: terms.video_later || self.filming.is_busy(),
            brings: brought.is_some(),
            first: terms.bytes.map_or(0, |_| self.first_turn()),
            resume_at: std::mem::take(&mut self.resume_at),
            said: brought.is_some() || !self.copies.is_empty(),
            filmed: false,
            waiting: false,
            left: false,
        };
        self.copies.clear();
        self.copied = 0;
        for index in 0..self.grid.count() {
            self.say_tile(index, &terms, &mut course)?;
        }
        if course.filmed {
            let filmed = self.filming.shoot(&self.canvas)?;
            brought = brought.or(filmed);
        }
        self.filming.note(course.waiting, terms.now_us);
        self.filming.alone = !course.left;
        if let Some(Brought { key, unit }) = brought {
            self.writer.video(key.as_ref(), &unit);
        }
        if !course.said {
            self.writer.start_update();
            return Ok(false);
        }
        self.memory.turn();
        self.number = self.number.wrapping_add(1);
        out.extend([VERSION, KIND_DELTA, self.number]);
        self.writer.finish(terms.quality(), out)?;
        Ok(true)
    }

    /// Says what there is to say of a tile now, if anything.
    fn say_tile(
        &mut self,
        index: u32,
        terms: &Terms,
        course: &mut Course,
    ) -> Result<(), PictureError> {
        let (dirt, film) = (self.dirt.of(index), self.filmed.of(index));
        let brought = course.brings && !film.is_empty();
        let video_waits = course.video_waits && self.is_video(index, &dirt, course.video, terms);
        if dirt.is_empty() && film.is_empty() {
            let rough = self.rough.of(index);
            if !rough.is_empty() && course.may_move && self.may_refine(index, terms)? {
                self.refine(index, &rough)?;
                course.said = true;
            }
        } else if dirt.is_empty() || video_waits {
            course.waiting |= video_waits;
            if video_waits {
                self.resume_at = course.resume_at;
            }
            if brought {
                self.say_moving(index);
            }
        } else if dirt.area() <= SMALL || (index >= course.first && !self.is_full(terms)?) {
            self.say(index, terms, course)?;
        } else {
            course.left = true;
            if brought {
                self.say_moving(index);
            }
            if index >= course.first && self.resume_at == 0 {
                self.resume_at = index;
            }
            if course.may_move && self.memory.knows(index) {
                self.motion.go_on(index, &dirt, terms.now_us);
            }
        }
        Ok(())
    }

    /// Whether photos in a tile have changed a moment ago and may well go on.
    fn moves(&self, index: u32, terms: &Terms) -> bool {
        self.motion.is_restless(index, terms.now_us)
    }

    /// Whether so much changed at once that its photos are better seen soon than exactly.
    fn is_large(&self) -> bool {
        let full = |index: &u32| self.dirt.of(*index).area() >= FULL;
        (0..self.grid.count()).filter(full).count() >= LARGE
    }

    /// Whether a change will probably be video: it lies in it and moves.
    fn is_video(&self, index: u32, dirt: &Dirt, video: Option<Rect>, terms: &Terms) -> bool {
        let part = dirt.on(&self.grid.tile(index));
        let within = !dirt.is_empty() && video.is_some_and(|video| video.contains(&part));
        within && self.moves(index, terms)
    }

    /// Whether the update has all the bytes that it may have.
    fn is_full(&mut self, terms: &Terms) -> Result<bool, PictureError> {
        match terms.bytes {
            Some(bytes) => Ok(self.writer.size()? >= bytes),
            None => Ok(false),
        }
    }

    /// The tile with which large changes begin: where the last update had to stop, so that all have their turn.
    fn first_turn(&self) -> u32 {
        let waiting = |index: &u32| !self.dirt.of(*index).is_empty();
        (self.resume_at..self.grid.count())
            .find(waiting)
            .unwrap_or(0)
    }

    /// Says the change of a tile, as it looks and by how it has behaved. If not as video, then also what a picture under way was to bring.
    fn say(&mut self, index: u32, terms: &Terms, course: &mut Course) -> Result<(), PictureError> {
        let tile = self.grid.tile(index);
        let (changed, film) = (self.dirt.of(index), self.filmed.of(index));
        let mut dirt = changed;
        dirt.join(&film);
        let part = dirt.on(&tile);
        let restless = course.may_move && self.moves(index, terms);
        let in_video = course.video.is_some_and(|video| video.contains(&part));
        // A close look at all of the film's tiles takes a millisecond for each of its pictures.
        if in_video && restless && is_grainy(&self.canvas, &part) {
            self.motion.note(index, &changed, terms.now_us);
            self.film(index, course);
            return Ok(());
        }
        if let Some((slot, part)) = self.memory.recall(&self.canvas, index, &tile, part) {
            self.writer.recall(&Place { index, tile, part }, slot);
            self.dirt.take(index);
            self.filmed.take(index);
            self.rough.remove(index, &tile, &part);
            course.said = true;
            return Ok(());
        }
        let place = Place { index, tile, part };
        let look = self.writer.look(&self.canvas, &part);
        // Letters that are typed onto a photo beside a film are none of it.
        let film_like =
            dirt.area() >= SKETCHED && matches!(look, Look::Photo | Look::Palette { grainy: true });
        if course.may_move && film_like {
            self.motion.note(index, &changed, terms.now_us);
        }
        if film_like && in_video {
            self.film(index, course);
            return Ok(());
        }
        self.dirt.take(index);
        self.filmed.take(index);
        course.said = true;
        let sketch = (terms.sketch.is_some() || restless) && dirt.area() >= SKETCHED;
        if look == Look::Photo && sketch {
            let quality = terms.quality();
            self.writer.sketch(&self.canvas, &place, quality)?;
            self.rough.add(index, &tile, &part);
        } else {
            self.writer.exact(&place, look)?;
            self.rough.remove(index, &tile, &part);
        }
        Ok(())
    }

    /// The change of a tile becomes part of the video's next picture. The one before, if this update brings it, is shown first.
    fn film(&mut self, index: u32, course: &mut Course) {
        if course.brings {
            self.say_moving(index);
        }
        if course.video_waits {
            course.waiting = true;
            return;
        }
        let changed = self.dirt.take(index);
        self.filmed.join(index, &changed);
        if !self.filming.is_apart() {
            self.say_moving(index);
            course.said = true;
        }
        course.filmed = true;
    }

    /// Whether a tile that is only roughly known has its turn.
    fn may_refine(&mut self, index: u32, terms: &Terms) -> Result<bool, PictureError> {
        let room = terms.bytes.unwrap_or(REFINE).min(REFINE);
        Ok(self.motion.is_calm(index, terms.now_us) && self.writer.size()? < room)
    }

    fn refine(&mut self, index: u32, rough: &Dirt) -> Result<(), PictureError> {
        let tile = self.grid.tile(index);
        let part = rough.on(&tile);
        let look = self.writer.look(&self.canvas, &part);
        self.rough.take(index);
        self.writer.exact(&Place { index, tile, part }, look)
    }

    /// Points the camera at what moves, if anything does. The rectangle that can be video.
    fn point_camera(
        &mut self,
        terms: &Terms,
        may_move: bool,
    ) -> Result<Option<Rect>, PictureError> {
        let rect = match may_move {
            true => self.motion.video(&self.grid, terms.now_us),
            false => None,
        };
        let Some(rect) = rect.filter(video::fits) else {
            self.filming.end();
            return Ok(None);
        };
        let bytes = terms.bytes.map(|bytes| bytes / VIDEO_SHARE);
        self.filming.point(rect, bytes)?;
        Ok(Some(rect))
    }
}

/// Whether pixels look like a film's, judged by some of their rows.
fn is_grainy(canvas: &Canvas, part: &Rect) -> bool {
    let rows = (part.y..part.y + part.height).step_by(GRAIN_STEP);
    let pairs = rows.len() * (part.width as usize - 1);
    let changes: usize = rows
        .map(|y| {
            let row = canvas.span(part.x, y, part.width);
            let pairs = row.iter().zip(&row[1..]);
            pairs.filter(|(left, right)| left != right).count()
        })
        .sum();
    changes * GRAIN.1 > pairs * GRAIN.0
}
