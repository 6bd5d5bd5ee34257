//! A recording as a film: the pictures are decoded as in a replay and coded anew as H.264.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;
use openh264::OpenH264API;
use openh264::encoder::{
    Complexity, Encoder, EncoderConfig, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use sightline_ends::content::Scene;
use sightline_ends::replay::Content;
use sightline_protocol::record::{Class, FLAG_WHOLE};

use super::mp4::{Coded, Film as Mp4};
use super::output::Meter;
use super::source::Source;
use crate::pure::evidence::film::Film;
use crate::pure::evidence::frames::{Due, Frames};
use crate::pure::stage::Stage;

/// How coarse: text of 4:2:0 stays readable, and a still screen costs nothing.
const QUALITY: u8 = 24;

/// Which part of the recording, since the session's start.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub from: Duration,
    pub to: Option<Duration>,
}

/// Numbers for the report.
pub struct Made {
    pub frames: u64,
    pub length: Duration,
    pub size: (u32, u32),
}

/// What a first look over the recording found.
struct Plan {
    /// The largest screen of the part.
    size: (u32, u32),
    /// Where reading begins in the file.
    offset: u64,
    /// Where the film ends, since the session's start.
    end: Duration,
}

/// Writes the part as a film.
pub fn write(
    source: &mut Source,
    part: Part,
    out: &mut impl Write,
    meter: &mut Meter,
) -> anyhow::Result<Made> {
    let plan = plan(source, part)?;
    source.seek(plan.offset)?;
    let mut work = Work {
        stage: Stage::new(),
        film: Film::new(plan.size.0, plan.size.1),
        coder: coder()?,
        mp4: None,
        frames: 0,
    };
    work.mp4 = Some(Mp4::begin(tempfile::tempfile()?, work.film.size()));
    let begun = source.fraction();
    let mut frames = Frames::default();
    frames.changed(Duration::ZERO);
    let mut now = Duration::ZERO;
    while let Some(raw) = source.next_raw()? {
        let at = Duration::from_micros(raw.header.time_us);
        if raw.header.class != Class::Picture {
            continue;
        }
        if at > plan.end {
            break;
        }
        now = now.max(at);
        let shown = now.saturating_sub(part.from);
        while let Some(due) = frames.before(shown) {
            work.frame(due)?;
        }
        if let Content::Scene(scene) = source.open_raw(&raw)? {
            let ended = work.stage.take(&scene)?.is_some();
            let pointer = matches!(scene, Scene::Cursor(_) | Scene::Pointer { .. });
            if ended || pointer {
                frames.changed(shown);
            }
        }
        let fraction = (source.fraction() - begun) / (1.0 - begun).max(f64::EPSILON);
        meter.at(fraction, shown);
    }
    let length = plan
        .end
        .saturating_sub(part.from)
        .max(Duration::from_millis(1));
    while let Some(due) = frames.before(length) {
        work.frame(due)?;
    }
    let (made, size) = (work.frames, work.film.size());
    if let Some(mp4) = work.mp4 {
        mp4.finish(length, out)?;
    }
    Ok(Made {
        frames: made,
        length,
        size,
    })
}

/// Looks at every layout, without decoding pictures.
fn plan(source: &mut Source, part: Part) -> anyhow::Result<Plan> {
    let mut first = None;
    let mut size = (0, 0);
    let end = part.to.unwrap_or(Duration::MAX);
    while let Some(raw) = source.next_raw()? {
        let at = Duration::from_micros(raw.header.time_us);
        let start = raw.header.class == Class::Picture && raw.header.flags & FLAG_WHOLE != 0;
        if !start || at > end {
            continue;
        }
        let layout = match source.open_alone(&raw)? {
            Content::Scene(Scene::Layout(layout)) => layout,
            Content::Sealed => bail!("this key does not open the recording's pictures"),
            _ => bail!("a whole picture begins with something else than its layout"),
        };
        let here = (layout.width, layout.height);
        if at <= part.from || first.is_none() {
            (first, size) = (Some(raw.offset), here); // only what is shown counts
        }
        size = (size.0.max(here.0), size.1.max(here.1));
    }
    let Some(offset) = first else {
        bail!("the recording holds no picture in this part");
    };
    if part.from >= source.length {
        bail!("the recording ends at {:.1} s", source.length.as_secs_f64());
    }
    Ok(Plan {
        size,
        offset,
        end: end.min(source.length),
    })
}

fn coder() -> anyhow::Result<Encoder> {
    let config = EncoderConfig::new()
        // Made for screens, the coder looks for moved blocks in every frame, which takes 2.8 times as long.
        .usage_type(UsageType::CameraVideoRealTime)
        .rate_control_mode(RateControlMode::Off)
        .qp(QpRange::new(QUALITY, QUALITY))
        .complexity(Complexity::Low)
        .skip_frames(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .intra_frame_period(IntraFramePeriod::auto())
        .num_threads(1)
        .vui(VuiConfig::bt709());
    Ok(Encoder::with_api_config(
        OpenH264API::from_source(),
        config,
    )?)
}

struct Work {
    stage: Stage,
    film: Film,
    coder: Encoder,
    mp4: Option<Mp4>,
    frames: u64,
}

impl Work {
    fn frame(&mut self, due: Due) -> anyhow::Result<()> {
        if due.changed {
            let changes = self.stage.changes();
            let pointer = self.stage.pointer();
            self.film.update(&self.stage, &changes, pointer);
        }
        if due.key {
            self.coder.force_intra_frame();
        }
        let (width, height) = self.film.size();
        let (width, height) = (width as usize, height as usize);
        let strides = (width, width / 2, width / 2);
        let picture = YUVSlices::new(self.film.planes(), (width, height), strides);
        let coded = self.coder.encode(&picture)?;
        let mut units = Vec::new();
        for layer in (0..coded.num_layers()).filter_map(|n| coded.layer(n)) {
            for unit in (0..layer.nal_count()).filter_map(|n| layer.nal_unit(n)) {
                units.push(without_start_code(unit).to_vec());
            }
        }
        let key = matches!(coded.frame_type(), FrameType::IDR);
        if let (false, Some(mp4)) = (units.is_empty(), &mut self.mp4) {
            mp4.frame(due.at, Coded { units, key })?;
            self.frames += 1;
        }
        Ok(())
    }
}

fn without_start_code(unit: &[u8]) -> &[u8] {
    let zeros = unit.iter().take_while(|byte| **byte == 0).count();
    unit.get(zeros + 1..).unwrap_or_default()
}
