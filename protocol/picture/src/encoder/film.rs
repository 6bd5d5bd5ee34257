//! The video of a screen: which rectangle, when its next picture is taken, and who codes it.
//!
//! A picture of 720p takes about eight milliseconds to code. So it can be handed out as a [`VideoJob`], which any thread may run, while the
//! encoder goes on saying everything else. Meanwhile what the picture will bring is kept apart (`Encoder::filmed`): decoders
//! lack it, but it is on its way. A tile that is said otherwise, or moved, before the picture is back is left out of it.

use super::Encoder;
use crate::video::{self, Camera};
use crate::writer::Place;
use crate::{Canvas, PictureError, Rect};

/// A part of a picture that nobody says is all of it (see [`Encoder::video_is_painted`]) is waited with for so long: more than the
/// time of a picture at 30 a second, because coding halves of pictures costs twice the time. In microseconds.
const LONGEST_US: u64 = 40_000;

/// A piece of which so much lies in the video is a part of it.
const MOSTLY: (u64, u64) = (3, 4);

/// A picture of the video that is to be coded, on whatever thread.
pub struct VideoJob {
    number: u64,
    camera: Camera,
    unit: Vec<u8>,
    /// Whether it needs no earlier picture; `None` until it is coded.
    coded: Option<Result<bool, PictureError>>,
}

impl VideoJob {
    /// Codes the picture. Then it goes to [`Encoder::take_back`].
    pub fn run(&mut self) {
        self.unit.clear();
        self.coded = Some(self.camera.shoot(&mut self.unit));
    }
}

/// Where the newest picture is.
#[derive(Default)]
enum Under {
    #[default]
    Nothing,
    /// Taken, for [`Encoder::video_job`].
    Ready(VideoJob),
    Away(u64),
    /// Coded, for the next update.
    Done(VideoJob),
}

/// A picture that an update brings.
pub(super) struct Brought {
    /// Where the video begins anew.
    pub(super) key: Option<Rect>,
    pub(super) unit: Vec<u8>,
}

/// The video of a screen, while there is one.
#[derive(Default)]
pub(crate) struct Filming {
    /// Pictures are handed out to be coded.
    apart: bool,
    rect: Option<Rect>,
    level: usize,
    /// Unless a job has it.
    camera: Option<Camera>,
    /// The camera's pictures are known to decoders.
    follows: bool,
    under: Under,
    /// Of the last job.
    number: u64,
    /// When the picture that is still to be taken began, and whether all of it is painted.
    began_us: Option<u64>,
    painted: bool,
    /// All that is left to say waits for the video.
    pub(super) alone: bool,
}

impl Filming {
    /// There is no video any more. A picture that is being coded is still said.
    pub(super) fn end(&mut self) {
        self.rect = None;
        self.camera = None;
        self.follows = false;
        self.began_us = None;
        self.painted = false;
        self.alone = false;
    }

    /// Decoders start anew: no picture is under way.
    pub(super) fn forget(&mut self) {
        self.follows = false;
        self.began_us = None;
        self.painted = false;
        self.alone = false;
        if let Under::Ready(job) | Under::Done(job) = std::mem::take(&mut self.under) {
            self.welcome(job.camera);
        }
    }

    fn welcome(&mut self, camera: Camera) {
        if self.rect == Some(camera.rect) {
            self.camera = Some(camera);
        }
    }

    /// Something was painted.
    pub(super) fn touch(&mut self) {
        self.alone = false;
    }

    /// Whether it shows most of a piece of the screen.
    pub(super) fn shows(&self, piece: &Rect) -> bool {
        let shown = self.rect.and_then(|video| video.meet(piece));
        shown.is_some_and(|shown| shown.area() * MOSTLY.1 >= piece.area() * MOSTLY.0)
    }

    /// After an update: whether changes in the video wait for its next picture.
    pub(super) fn note(&mut self, waiting: bool, now_us: u64) {
        self.began_us = waiting.then(|| self.began_us.unwrap_or(now_us));
        self.painted &= waiting;
    }

    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    /// A picture is being coded elsewhere, so that no other can be taken.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.under, Under::Away(_))
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.under, Under::Nothing)
    }

    pub(super) fn brings(&self) -> bool {
        matches!(self.under, Under::Done(_))
    }

    /// The coded picture, if there is one; its camera is free again.
    pub(super) fn unload(&mut self) -> Option<Brought> {
        if !self.brings() {
            return None;
        }
        let Under::Done(job) = std::mem::take(&mut self.under) else {
            return None;
        };
        let key = (job.coded == Some(Ok(true))).then_some(job.camera.rect);
        self.welcome(job.camera);
        let unit = job.unit;
        Some(Brought { key, unit })
    }

    /// Points the camera at a rectangle; a picture may have so many bytes.
    pub(super) fn point(&mut self, rect: Rect, bytes: Option<usize>) -> Result<(), PictureError> {
        if self.rect != Some(rect) {
            self.end();
            self.rect = Some(rect);
            self.level = video::first_level(&rect, bytes);
        }
        if self.is_busy() {
            return Ok(());
        }
        let level = match &self.camera {
            Some(camera) => camera.level_for(bytes),
            None => self.level,
        };
        if self.camera.is_none() || self.level != level {
            self.camera = Some(Camera::new(rect, level)?);
            self.level = level;
            self.follows = false;
        }
        Ok(())
    }

    /// Takes a picture: codes it, or makes a job of it.
    pub(super) fn shoot(&mut self, canvas: &Canvas) -> Result<Option<Brought>, PictureError> {
        let Some(mut camera) = self.camera.take() else {
            return Ok(None);
        };
        if !std::mem::replace(&mut self.follows, true) {
            camera.restart();
        }
        camera.expose(canvas);
        self.number += 1;
        let mut job = VideoJob {
            number: self.number,
            camera,
            unit: Vec::new(),
            coded: None,
        };
        if self.apart {
            self.under = Under::Ready(job);
            return Ok(None);
        }
        job.run();
        if let Some(Err(error)) = job.coded {
            self.follows = false;
            return Err(error);
        }
        self.under = Under::Done(job);
        Ok(self.unload())
    }
}

impl Encoder {
    /// From now on pictures of the video are coded by whoever takes them with [`Encoder::video_job`], and come with a later update.
    pub fn code_video_apart(&mut self) {
        self.filming.apart = true;
    }

    /// The picture that the last update has taken, to be coded. Before the next update, or it is taken anew.
    pub fn video_job(&mut self) -> Option<VideoJob> {
        match std::mem::take(&mut self.filming.under) {
            Under::Ready(job) => {
                self.filming.under = Under::Away(job.number);
                Some(job)
            }
            other => {
                self.filming.under = other;
                None
            }
        }
    }

    /// A coded picture, which the next update says.
    pub fn take_back(&mut self, job: VideoJob) {
        if !matches!(self.filming.under, Under::Away(number) if number == job.number) {
            return; // decoders have started anew
        }
        if let Some(Ok(_)) = job.coded {
            self.filming.under = Under::Done(job);
            return;
        }
        self.filming.under = Under::Nothing;
        self.filming.end();
        self.leave_out_film();
    }

    /// Where there is video.
    pub fn video(&self) -> Option<Rect> {
        self.filming.rect
    }

    /// What was patched last completes a picture of the video, which need not wait for more. Players paint in strips, within some
    /// milliseconds; who reads the screen knows when they have ended.
    pub fn video_is_painted(&mut self) {
        self.filming.painted = self.filming.rect.is_some();
    }

    /// When the video's next picture should be taken, by the clock of the terms, if one is waiting and none is being coded.
    pub fn video_at(&self) -> Option<u64> {
        let began_us = self.filming.began_us.filter(|_| !self.filming.is_busy())?;
        Some(match self.filming.painted {
            true => began_us,
            false => began_us + LONGEST_US,
        })
    }

    /// Whether all that is pending waits for a picture of the video: for [`Encoder::video_at`], or for [`Encoder::take_back`].
    pub fn awaits_video(&self) -> bool {
        let video = self.filming.alone && !self.filming.brings();
        video && !self.needs_whole && self.copies.is_empty()
    }

    /// A picture that nobody took is taken anew.
    pub(super) fn retake(&mut self) {
        if let Under::Ready(_) = self.filming.under {
            self.filming.forget();
            self.leave_out_film();
        }
    }

    /// What the picture under way was to bring has to be said otherwise.
    pub(super) fn leave_out_film(&mut self) {
        if self.filmed.is_empty() {
            return;
        }
        for index in 0..self.grid.count() {
            let filmed = self.filmed.take(index);
            self.dirt.join(index, &filmed);
        }
    }

    /// Says that a part of a tile is in the picture that this update brings.
    pub(super) fn say_moving(&mut self, index: u32) {
        let film = self.filmed.take(index);
        if film.is_empty() {
            return;
        }
        let tile = self.grid.tile(index);
        let part = film.on(&tile);
        self.writer.moving(&Place { index, tile, part });
        self.rough.add(index, &tile, &part);
    }
}
