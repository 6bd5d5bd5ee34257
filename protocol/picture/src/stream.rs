//! The two zstd streams: compressing whatever is pushed, and inflating no more than is asked for.

use crate::PictureError;
use std::io;
use zstd::stream::raw::{self, CParameter, DParameter, InBuffer, Operation, OutBuffer};

/// Window of the ops, as a power of two of bytes: about a hundred screens of text back.
pub(crate) const OPS_WINDOW: u32 = 20;
/// Window of the residuals, as a power of two of bytes: noise rarely repeats, so only what stays in the second-level cache.
pub(crate) const RESIDUALS_WINDOW: u32 = 18;

/// zstd level of the ops: the cheapest that finds repeated glyphs well.
pub(crate) const OPS_LEVEL: i32 = 3;
/// zstd level of the residuals: nearly all of their gain is entropy coding, which every level does.
pub(crate) const RESIDUALS_LEVEL: i32 = 1;

/// How much room each step of the compressor gets, in bytes: most small updates fit.
const STEP: usize = 4096;
/// How much is inflated ahead, in bytes: a dozen packed tiles.
const AHEAD: usize = 16 * 1024;

/// First bytes of a zstd frame. Checked so that the frames of zstd's unmaintained ancestors and skippable frames stay out.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

pub(crate) struct Deflate {
    zstd: raw::Encoder<'static>,
}

impl Deflate {
    pub(crate) fn new(level: i32, window: u32) -> Result<Deflate, PictureError> {
        let mut zstd = raw::Encoder::new(level).map_err(failed)?;
        zstd.set_parameter(CParameter::WindowLog(window))
            .map_err(failed)?;
        zstd.set_parameter(CParameter::ContentSizeFlag(false))
            .map_err(failed)?;
        Ok(Deflate { zstd })
    }

    /// Starts a new frame with the next byte.
    pub(crate) fn reset(&mut self) -> Result<(), PictureError> {
        self.zstd.reinit().map_err(failed)
    }

    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), PictureError> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            out.reserve(STEP);
            let at = out.len();
            self.zstd
                .run(&mut input, &mut OutBuffer::around_pos(out, at))
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Makes everything pushed so far readable at the other side.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), PictureError> {
        loop {
            out.reserve(STEP);
            let at = out.len();
            let left = self
                .zstd
                .flush(&mut OutBuffer::around_pos(out, at))
                .map_err(failed)?;
            if left == 0 {
                return Ok(());
            }
        }
    }
}

fn failed(_: io::Error) -> PictureError {
    PictureError::Compression
}

/// One inflating stream over all updates.
pub(crate) struct Inflate {
    zstd: raw::Decoder<'static>,
    ahead: Vec<u8>,
    fresh: bool,
}

impl Inflate {
    pub(crate) fn new(window: u32) -> Result<Inflate, PictureError> {
        let mut zstd = raw::Decoder::new().map_err(failed)?;
        zstd.set_parameter(DParameter::WindowLogMax(window))
            .map_err(failed)?;
        Ok(Inflate {
            zstd,
            ahead: vec![0; AHEAD],
            fresh: true,
        })
    }

    /// Expects a new frame with the next byte.
    pub(crate) fn reset(&mut self) -> Result<(), PictureError> {
        self.fresh = true;
        self.zstd.reinit().map_err(failed)
    }

    /// Reads one update's section.
    pub(crate) fn open<'a>(&'a mut self, section: &'a [u8]) -> Result<Section<'a>, PictureError> {
        if self.fresh && !section.is_empty() {
            if !section.starts_with(&MAGIC) {
                return Err(PictureError::Malformed("not a zstd frame"));
            }
            self.fresh = false;
        }
        Ok(Section {
            inflate: self,
            rest: section,
            at: 0,
            end: 0,
            drained: section.is_empty(),
        })
    }
}

/// A section being read: `ahead[at..end]` is inflated and not yet taken.
pub(crate) struct Section<'a> {
    inflate: &'a mut Inflate,
    rest: &'a [u8],
    at: usize,
    end: usize,
    /// zstd has taken all of `rest` and holds nothing back; it takes being asked again and again amiss.
    drained: bool,
}

impl Section<'_> {
    pub(crate) fn byte(&mut self) -> Result<u8, PictureError> {
        if self.at == self.end {
            self.refill()?;
        }
        let byte = self.inflate.ahead[self.at];
        self.at += 1;
        Ok(byte)
    }

    /// Fills `out` or fails.
    pub(crate) fn fill(&mut self, mut out: &mut [u8]) -> Result<(), PictureError> {
        while !out.is_empty() {
            if self.at == self.end {
                self.refill()?;
            }
            let n = out.len().min(self.end - self.at);
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(&self.inflate.ahead[self.at..self.at + n]);
            self.at += n;
            out = later;
        }
        Ok(())
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(mut self) -> Result<(), PictureError> {
        if self.at != self.end || self.inflate_more()? || !self.rest.is_empty() {
            return Err(PictureError::Trailing);
        }
        Ok(())
    }

    fn refill(&mut self) -> Result<(), PictureError> {
        if self.inflate_more()? {
            Ok(())
        } else {
            Err(PictureError::Truncated)
        }
    }

    /// Inflates up to [`AHEAD`] bytes; false when the section has no more.
    fn inflate_more(&mut self) -> Result<bool, PictureError> {
        self.at = 0;
        self.end = 0;
        while !self.drained {
            let mut input = InBuffer::around(self.rest);
            let mut output = OutBuffer::around(&mut self.inflate.ahead[..]);
            let hint = self.inflate.zstd.run(&mut input, &mut output);
            let hint = hint.map_err(|_| PictureError::Malformed("zstd data"))?;
            if hint == 0 {
                return Err(PictureError::Malformed("the zstd frame ends"));
            }
            self.end = output.pos();
            self.rest = &self.rest[input.pos()..];
            self.drained = self.rest.is_empty() && self.end < AHEAD;
            if self.end > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
