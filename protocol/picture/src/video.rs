//! Pictures of a moving rectangle, as H.264: openh264 on one thread, each picture for itself from the sender's view and after
//! the one before from the receiver's.

use openh264::OpenH264API;
use openh264::decoder::Decoder;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange,
    RateControlMode, UsageType,
};
use openh264::formats::{YUVSlices, YUVSource};

use crate::yuv::{Yuv, padded};
use crate::{Canvas, PictureError, Rect};

/// Coarseness of each level (H.264's quantizer; 6 more is half the detail). The first is about 41 dB, where a moving picture
/// looks like its original; the last is what a line of 300 kbit/s carries.
const LEVELS: [u8; 4] = [OWN_LEVEL, 31, 37, 43];

/// The quantizer that openh264 takes without rate control, which spares half of the time.
const OWN_LEVEL: u8 = 26;

/// About how many pixels of a usual film each level says in a byte.
const PIXELS_A_BYTE: [u64; LEVELS.len()] = [50, 100, 200, 400];

/// What openh264 is told to aim at, in bits a second; the quantizer is fixed, so it only has to be plausible.
const NOMINAL_RATE: u32 = 5_000_000;

/// Pictures between two that need no earlier one: a reader who seeks decodes at most so many, about 100 ms of 720p.
const KEY_EVERY: u32 = 60;

/// Longest and shortest side that openh264 takes, in pixels.
const LARGEST: (u32, u32) = (3840, 2160);

/// Weight of the newest picture in the mean of bytes: about the last eight count.
const MEAN: usize = 8;

/// Whether a rectangle can be video.
pub(crate) fn fits(rect: &Rect) -> bool {
    let (long, short) = (rect.width.max(rect.height), rect.width.min(rect.height));
    long <= LARGEST.0 && short <= LARGEST.1
}

/// The level with which to begin when a picture may have so many bytes.
pub(crate) fn first_level(rect: &Rect, bytes: Option<usize>) -> usize {
    let fits = |pixels: &u64| bytes.is_none_or(|bytes| rect.area() <= pixels * bytes as u64);
    let level = PIXELS_A_BYTE.iter().position(fits);
    level.unwrap_or(LEVELS.len() - 1)
}

/// The sender's side: a rectangle of its screen.
pub(crate) struct Camera {
    pub(crate) rect: Rect,
    coder: Encoder,
    yuv: Yuv,
    level: usize,
    /// Pictures in all.
    shot: usize,
    /// Pictures since the last key.
    since_key: u32,
    /// Mean bytes of a picture that is no key, as it was lately.
    mean: Option<usize>,
}

impl Camera {
    pub(crate) fn new(rect: Rect, level: usize) -> Result<Camera, PictureError> {
        Ok(Camera {
            rect,
            coder: coder(LEVELS[level])?,
            yuv: Yuv::default(),
            level,
            shot: 0,
            since_key: 0,
            mean: None,
        })
    }

    /// The level that pictures of so many bytes call for. Each level has a coder of its own, whose first picture is a key, ten times as
    /// long: a line that is in need a moment and not the next would have nothing but keys. So one gets coarser by a mean of several
    /// pictures, and finer where a key is due anyway.
    pub(crate) fn level_for(&self, bytes: Option<usize>) -> usize {
        let exceeds = |bytes| self.mean.is_some_and(|mean| mean > bytes);
        let spares = |bytes| self.mean.is_some_and(|mean| mean < bytes / 4);
        let key_is_due = self.since_key == 0;
        match bytes {
            None if key_is_due => 0,
            Some(bytes) if exceeds(bytes) && self.shot > MEAN => {
                (self.level + 1).min(LEVELS.len() - 1)
            }
            Some(bytes) if spares(bytes) && key_is_due => self.level.saturating_sub(1),
            _ => self.level,
        }
    }

    /// The next picture needs no earlier one.
    pub(crate) fn restart(&mut self) {
        self.since_key = 0;
    }

    /// Takes in the rectangle as it is now.
    pub(crate) fn expose(&mut self, canvas: &Canvas) {
        self.yuv.take(canvas, &self.rect);
    }

    /// Appends the picture that was taken in; whether it needs no earlier one. This takes milliseconds.
    pub(crate) fn shoot(&mut self, out: &mut Vec<u8>) -> Result<bool, PictureError> {
        if self.since_key == 0 {
            self.coder.force_intra_frame();
        }
        let yuv = &self.yuv;
        let strides = (yuv.width, yuv.width / 2, yuv.width / 2);
        let source = YUVSlices::new((&yuv.y, &yuv.u, &yuv.v), (yuv.width, yuv.height), strides);
        let coded = self.coder.encode(&source).map_err(failed)?;
        let key = matches!(coded.frame_type(), FrameType::IDR);
        if self.since_key == 0 && !key {
            return Err(PictureError::Compression);
        }
        let start = out.len();
        coded.write_vec(out);
        let bytes = out.len() - start;
        if !key {
            let mean = self.mean.unwrap_or(bytes);
            self.mean = Some((mean * (MEAN - 1) + bytes) / MEAN);
        }
        self.since_key = if key {
            1
        } else {
            (self.since_key + 1) % KEY_EVERY
        };
        self.shot += 1;
        Ok(key)
    }
}

fn coder(quantizer: u8) -> Result<Encoder, PictureError> {
    let config = EncoderConfig::new()
        .usage_type(UsageType::CameraVideoRealTime)
        // With rate control and one quantizer to choose from, openh264 takes that.
        .rate_control_mode(match quantizer {
            OWN_LEVEL => RateControlMode::Off,
            _ => RateControlMode::Bufferbased,
        })
        .bitrate(BitRate::from_bps(NOMINAL_RATE))
        .max_frame_rate(FrameRate::from_hz(30.0))
        .qp(QpRange::new(quantizer, quantizer))
        .complexity(Complexity::Low)
        .skip_frames(false)
        .scene_change_detect(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(0))
        .num_threads(1);
    Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)
}

fn failed(_: openh264::Error) -> PictureError {
    PictureError::Compression
}

/// The receiver's side.
pub(crate) struct Projector {
    decoder: Decoder,
    rect: Rect,
    yuv: Yuv,
}

impl Projector {
    pub(crate) fn new(rect: Rect) -> Result<Projector, PictureError> {
        Ok(Projector {
            decoder: Decoder::new().map_err(failed)?,
            rect,
            yuv: Yuv::default(),
        })
    }

    pub(crate) fn rect(&self) -> Rect {
        self.rect
    }

    /// Takes the next picture.
    pub(crate) fn take(&mut self, unit: &[u8]) -> Result<(), PictureError> {
        let bad = |_| PictureError::Malformed("video");
        let decoded = self.decoder.decode(unit).map_err(bad)?;
        let decoded = decoded.ok_or(PictureError::Malformed("video without a picture"))?;
        let (width, height) = padded(self.rect.width, self.rect.height);
        if decoded.dimensions() != (width, height) {
            return Err(PictureError::Malformed("video of another size"));
        }
        if (self.yuv.width, self.yuv.height) != (width, height) {
            self.yuv = Yuv::new(width, height);
        }
        let (y, u, v) = decoded.strides();
        let rows = [
            copy_rows(decoded.y(), y, &mut self.yuv.y, width),
            copy_rows(decoded.u(), u, &mut self.yuv.u, width / 2),
            copy_rows(decoded.v(), v, &mut self.yuv.v, width / 2),
        ];
        if rows.contains(&false) {
            return Err(PictureError::Malformed("video is cut short"));
        }
        Ok(())
    }

    /// Draws `area`, which lies inside the rectangle, onto the canvas.
    pub(crate) fn paint(&self, canvas: &mut Canvas, area: Rect) {
        if self.yuv.y.is_empty() {
            return;
        }
        let (x, top) = ((area.x - self.rect.x) as usize, area.y - self.rect.y);
        for y in 0..area.height {
            let row = canvas.span_mut(area.x, area.y + y, area.width);
            self.yuv.pixels(x, (top + y) as usize, row);
        }
    }
}

/// Whether `from` has all the rows.
fn copy_rows(from: &[u8], stride: usize, to: &mut [u8], width: usize) -> bool {
    let rows = to.len() / width;
    if stride < width || from.len() + stride < stride * rows + width {
        return false;
    }
    for (to, from) in to.chunks_exact_mut(width).zip(from.chunks(stride)) {
        to.copy_from_slice(&from[..width]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A photo that moves by the time.
    fn scene(canvas: &mut Canvas, time: u32) {
        for y in 0..canvas.height() {
            let width = canvas.width();
            for (x, pixel) in (0..).zip(canvas.span_mut(0, y, width)) {
                let wave =
                    |a: u32, b: u32| ((a * 3 + time * 5) % 512).abs_diff(256) * (b % 128) / 128;
                *pixel =
                    wave(x, 100) << 16 & 0xFF_0000 | (wave(y, 90) << 8 & 0xFF00) | wave(x + y, 110);
            }
        }
    }

    fn off(a: &Canvas, b: &Canvas, rect: &Rect) -> f64 {
        let mut sum = 0.0;
        for y in rect.y..rect.y + rect.height {
            let rows = a
                .span(rect.x, y, rect.width)
                .iter()
                .zip(b.span(rect.x, y, rect.width));
            for (a, b) in rows {
                for shift in [0, 8, 16] {
                    sum += f64::from((a >> shift & 0xFF).abs_diff(b >> shift & 0xFF)).powi(2);
                }
            }
        }
        sum / (rect.area() * 3) as f64
    }

    #[test]
    fn pictures_come_back_nearly_and_only_where_they_were_shot() {
        let rect = Rect {
            x: 11,
            y: 7,
            width: 201,
            height: 119,
        };
        let mut canvas = Canvas::new(320, 200).expect("a size");
        let mut shown = canvas.clone();
        let mut camera = Camera::new(rect, 0).expect("a coder");
        let mut projector = Projector::new(rect).expect("a decoder");
        for time in 0..70 {
            scene(&mut canvas, time);
            let mut unit = Vec::new();
            camera.expose(&canvas);
            let key = camera.shoot(&mut unit).expect("a picture");
            assert_eq!(key, time % KEY_EVERY == 0);
            projector.take(&unit).expect("our own");
            projector.paint(&mut shown, rect);
            assert!(
                off(&canvas, &shown, &rect) < 20.0,
                "{}",
                off(&canvas, &shown, &rect)
            );
        }
        assert!(shown.span(0, 0, 320).iter().all(|pixel| *pixel == 0));
    }

    #[test]
    fn a_need_of_a_moment_costs_no_key() {
        let rect = Rect {
            x: 0,
            y: 0,
            width: 64,
            height: 64,
        };
        let mut canvas = Canvas::new(64, 64).expect("a size");
        let mut camera = Camera::new(rect, 1).expect("a coder");
        for time in 0..KEY_EVERY {
            scene(&mut canvas, time);
            camera.expose(&canvas);
            camera.shoot(&mut Vec::new()).expect("a picture");
            let (none, few) = (camera.level_for(None), camera.level_for(Some(10)));
            let first = time < MEAN as u32;
            assert_eq!(few, if first { 1 } else { 2 }, "at {time}");
            let due = time + 1 == KEY_EVERY;
            assert_eq!(none, if due { 0 } else { 1 }, "at {time}");
            assert_eq!(camera.level_for(Some(1 << 20)), none, "at {time}");
        }
    }

    #[test]
    fn each_level_takes_fewer_bytes_than_the_one_before() {
        let rect = Rect {
            x: 0,
            y: 0,
            width: 320,
            height: 192,
        };
        let sizes: Vec<usize> = (0..LEVELS.len())
            .map(|level| {
                let mut canvas = Canvas::new(320, 192).expect("a size");
                let mut camera = Camera::new(rect, level).expect("a coder");
                let mut units = Vec::new();
                for time in 0..20 {
                    scene(&mut canvas, time * 7);
                    let grain = |at: usize| (at as u32).wrapping_mul(2_654_435_761) >> 28;
                    for y in 0..192 {
                        let row = canvas.span_mut(0, y, 320).iter_mut().enumerate();
                        row.for_each(|(x, pixel)| {
                            *pixel ^= grain(x * 191 + (y + time) as usize * 7)
                        });
                    }
                    camera.expose(&canvas);
                    camera.shoot(&mut units).expect("a picture");
                }
                units.len()
            })
            .collect();
        assert!(
            sizes.is_sorted_by(|finer, coarser| *finer > coarser * 8 / 7),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_reader_starts_at_a_key_and_nowhere_else() {
        let rect = Rect {
            x: 0,
            y: 0,
            width: 64,
            height: 64,
        };
        let mut canvas = Canvas::new(64, 64).expect("a size");
        let mut camera = Camera::new(rect, 1).expect("a coder");
        let mut units = Vec::new();
        for time in 0..4 {
            scene(&mut canvas, time);
            if time == 2 {
                camera.restart();
            }
            let mut unit = Vec::new();
            camera.expose(&canvas);
            camera.shoot(&mut unit).expect("a picture");
            units.push(unit);
        }
        let mut projector = Projector::new(rect).expect("a decoder");
        assert!(projector.take(&units[1]).is_err());
        let mut projector = Projector::new(rect).expect("a decoder");
        assert!(projector.take(&units[2]).is_ok() && projector.take(&units[3]).is_ok());
        let small = Rect { width: 32, ..rect };
        let mut projector = Projector::new(small).expect("a decoder");
        assert!(projector.take(&units[2]).is_err());
        assert!(
            Projector::new(rect)
                .expect("a decoder")
                .take(b"garbage")
                .is_err()
        );
    }
}
