//! Film: a camera that swings quickly over a landscape while something passes, with grain in every frame and a cut now and then; and
//! openh264 alone on the same frames.

use crate::scenes::{Dice, Scene};
use openh264::OpenH264API;
use openh264::encoder::{
    Complexity, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, QpRange, RateControlMode,
    UsageType,
};
use openh264::formats::YUVSlices;

/// Of each frame, in pixels.
pub const WIDTH: u32 = 1280;
pub const HEIGHT: u32 = 720;

/// As of the codec's own film at its best.
const QUANTIZER: u8 = 26;

/// Frames from one cut to the next.
const CUT: u32 = 25;

/// As of a camera at dusk: three bits of a channel, which is about what 41 dB leave. A photo's channels end at 214.
const GRAIN: u32 = 0x0007_0707;

pub struct Film {
    landscape: Scene,
    passing: Scene,
    dice: Dice,
}

impl Film {
    pub fn new() -> Film {
        let mut landscape = Scene::new(WIDTH * 3 / 2, HEIGHT * 3 / 2, 0);
        landscape.photo(0, 0, WIDTH * 3 / 2, HEIGHT * 3 / 2, 21);
        let mut passing = Scene::new(WIDTH / 3, HEIGHT / 2, 0);
        passing.photo(0, 0, WIDTH / 3, HEIGHT / 2, 22);
        Film {
            landscape,
            passing,
            dice: Dice(23),
        }
    }

    /// The next frame, at `number` thirtieths of a second.
    pub fn frame(&mut self, number: u32) -> Scene {
        let swing = |room: u32, pace: f64| {
            let part = 0.5 + 0.45 * (f64::from(number) * pace).sin();
            (f64::from(room) * part) as u32
        };
        let scene = number / CUT;
        let pace = 0.05 + 0.01 * f64::from(scene % 3);
        let (left, top) = (swing(WIDTH / 2, pace), swing(HEIGHT / 2, pace * 1.3));
        let mut frame = Scene::new(WIDTH, HEIGHT, 0);
        let (left, top) = match scene % 2 {
            0 => (left, top),
            _ => (WIDTH / 2 - left, HEIGHT / 2 - top),
        };
        frame.view((0, 0, WIDTH, HEIGHT), &self.landscape, left, top);
        let x = number * 17 % (WIDTH * 2 / 3);
        let (width, height) = (self.passing.width, self.passing.height);
        frame.view((x, HEIGHT / 3, width, height), &self.passing, 0, 0);
        for pixel in &mut frame.pixels {
            *pixel += self.dice.roll() & GRAIN;
        }
        frame
    }
}

/// openh264 with nothing around it: what an encoder of films costs at least.
pub struct Alone {
    coder: Encoder,
    planes: [Vec<u8>; 3],
}

impl Alone {
    pub fn new() -> Alone {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Off)
            .max_frame_rate(FrameRate::from_hz(30.0))
            .qp(QpRange::new(QUANTIZER, QUANTIZER))
            .complexity(Complexity::Low)
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(60))
            .num_threads(1);
        Alone {
            coder: Encoder::with_api_config(OpenH264API::from_source(), config)
                .expect("a configuration that openh264 takes"),
            planes: Default::default(),
        }
    }

    /// Turns a frame into planes, which is not measured.
    pub fn take(&mut self, frame: &Scene) {
        let [y, u, v] = &mut self.planes;
        for plane in [&mut *y, u, v] {
            plane.clear();
        }
        y.extend(frame.pixels.iter().map(|pixel| planes(*pixel)[0]));
        for row in frame.pixels.chunks_exact(2 * WIDTH as usize) {
            for at in (0..WIDTH as usize).step_by(2) {
                let [_, blue, red] = planes(row[at]);
                u.push(blue);
                v.push(red);
            }
        }
    }

    /// Encodes it; the bytes.
    pub fn encode(&mut self) -> usize {
        let (width, height) = (WIDTH as usize, HEIGHT as usize);
        let [y, u, v] = &self.planes;
        let strides = (width, width / 2, width / 2);
        let source = YUVSlices::new((y, u, v), (width, height), strides);
        let coded = self.coder.encode(&source).expect("a frame");
        coded.to_vec().len()
    }
}

/// Brightness, and the differences of blue and red, of a pixel (JFIF).
fn planes(pixel: u32) -> [u8; 3] {
    let [red, green, blue] = [16, 8, 0].map(|shift| f32::from((pixel >> shift) as u8));
    let light = 0.299 * red + 0.587 * green + 0.114 * blue;
    let difference = |colour: f32, share: f32| (128.5 + (colour - light) * share) as u8;
    [
        (light + 0.5) as u8,
        difference(blue, 0.5 / 0.886),
        difference(red, 0.5 / 0.701),
    ]
}
