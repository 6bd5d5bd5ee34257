//! An MP4 file: H.264, its index before its pictures (fast start), so that browsers play it while it comes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use ::mp4::{
    AvcConfig, Bytes, FourCC, MediaConfig, MoovBox, Mp4Box, Mp4Config, Mp4Reader, Mp4Sample,
    Mp4Writer, TrackConfig, TrackType, WriteBox,
};
use anyhow::Context;

/// Units of time a second.
const TIMESCALE: u32 = 1000;
/// The one track.
const TRACK: u32 = 1;
/// How long the last frame stays at least: a 30th of a second.
const LAST: u64 = 33;

/// What `Film` hands over for each frame.
pub struct Coded {
    /// Units without start codes; parameter sets are taken out and kept.
    pub units: Vec<Vec<u8>>,
    pub key: bool,
}

/// Writes the pictures first; memory holds only the index, about twelve bytes a frame.
pub struct Film {
    size: (u16, u16),
    scratch: Option<File>,
    writer: Option<Mp4Writer<BufWriter<File>>>,
    /// The frame whose length is not known yet.
    held: Option<(u64, Bytes, bool)>,
}

fn brand(name: &[u8; 4]) -> FourCC {
    FourCC { value: *name }
}

fn config() -> Mp4Config {
    Mp4Config {
        major_brand: brand(b"isom"),
        minor_version: 512,
        compatible_brands: [b"isom", b"iso2", b"avc1", b"mp41"].map(brand).to_vec(),
        timescale: TIMESCALE,
    }
}

impl Film {
    /// `scratch`: an empty file, read and written.
    pub fn begin(scratch: File, size: (u32, u32)) -> Film {
        Film {
            size: (size.0 as u16, size.1 as u16),
            scratch: Some(scratch),
            writer: None,
            held: None,
        }
    }

    /// Adds a frame that is shown from `at` on.
    pub fn frame(&mut self, at: Duration, coded: Coded) -> anyhow::Result<()> {
        let at = at.as_millis() as u64;
        let mut bytes = Vec::new();
        let (mut sps, mut pps) = (None, None);
        for unit in coded.units {
            match unit.first().map(|byte| byte & 0x1f) {
                Some(7) => sps = Some(unit),
                Some(8) => pps = Some(unit),
                Some(_) => {
                    bytes.extend_from_slice(&(unit.len() as u32).to_be_bytes());
                    bytes.extend_from_slice(&unit);
                }
                None => {}
            }
        }
        if self.writer.is_none() {
            let sets = sps.zip(pps).context("the coder began without parameters")?;
            self.open(sets)?;
        }
        self.write_held(at)?;
        self.held = Some((at, bytes.into(), coded.key));
        Ok(())
    }

    fn open(&mut self, (sps, pps): (Vec<u8>, Vec<u8>)) -> anyhow::Result<()> {
        let scratch = self.scratch.take().context("the film was begun twice")?;
        let mut writer = Mp4Writer::write_start(BufWriter::new(scratch), &config())?;
        writer.add_track(&TrackConfig {
            track_type: TrackType::Video,
            timescale: TIMESCALE,
            language: "und".into(),
            media_conf: MediaConfig::AvcConfig(AvcConfig {
                width: self.size.0,
                height: self.size.1,
                seq_param_set: sps,
                pic_param_set: pps,
            }),
        })?;
        self.writer = Some(writer);
        Ok(())
    }

    fn write_held(&mut self, until: u64) -> anyhow::Result<()> {
        let (Some((at, bytes, key)), Some(writer)) = (self.held.take(), &mut self.writer) else {
            return Ok(());
        };
        let sample = Mp4Sample {
            start_time: at,
            duration: until.saturating_sub(at).max(1) as u32,
            rendering_offset: 0,
            is_sync: key,
            bytes,
        };
        writer.write_sample(TRACK, &sample)?;
        Ok(())
    }

    /// Ends at `end` and writes the film to `out`, its index first.
    pub fn finish(mut self, end: Duration, out: &mut impl Write) -> anyhow::Result<()> {
        let shown = self.held.as_ref().map_or(0, |(at, ..)| *at);
        self.write_held((end.as_millis() as u64).max(shown + LAST))?;
        let mut writer = self.writer.take().context("the film has no frame")?;
        writer.write_end()?;
        let mut scratch = writer.into_writer().into_inner()?;
        index_first(&mut scratch, out)
    }
}

/// Copies a film whose index stands at its end.
fn index_first(film: &mut File, out: &mut impl Write) -> anyhow::Result<()> {
    let size = film.seek(SeekFrom::End(0))?;
    film.rewind()?;
    let reader = Mp4Reader::read_header(BufReader::new(film.try_clone()?), size)?;
    let (ftyp, mut moov) = (reader.ftyp.clone(), reader.moov.clone());
    let pictures = ftyp.box_size()..size - moov.box_size();
    shift(&mut moov);
    let mut out = BufWriter::new(out);
    ftyp.write_box(&mut out)?;
    moov.write_box(&mut out)?;
    film.seek(SeekFrom::Start(pictures.start))?;
    io::copy(&mut film.take(pictures.end - pictures.start), &mut out)?;
    out.flush()?;
    Ok(())
}

/// Every place in the file moves by the length of the index. 64-bit places throughout: then the length is known before.
fn shift(moov: &mut MoovBox) {
    for track in &mut moov.traks {
        let table = &mut track.mdia.minf.stbl;
        if let Some(places) = table.stco.take() {
            let wide = table.co64.get_or_insert_default();
            wide.entries = places.entries.into_iter().map(u64::from).collect();
        }
    }
    let by = moov.box_size();
    for track in &mut moov.traks {
        for place in track
            .mdia
            .minf
            .stbl
            .co64
            .iter_mut()
            .flat_map(|places| &mut places.entries)
        {
            *place += by;
        }
    }
}
