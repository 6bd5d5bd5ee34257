//! A video encoder beside us: a display grabbed at a fixed rate, H.264 without look-ahead, and a decoder (ffmpeg, x264).
//!
//! What a program that sends the screen as a video would do, without its network, its window, and its control.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, bail};

use super::marks::Seen;
use crate::display::Image;
use crate::program::Kept;
use crate::workload::mark;

/// Frames grabbed a second.
const RATE: &str = "30";

/// A running encoder with its decoder.
pub struct Video {
    pub encoder: Kept,
    // Ends when the encoder's pipe does.
    _decoder: Kept,
    stream: Arc<Mutex<Vec<u8>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    threads: Vec<JoinHandle<()>>,
    size: (u32, u32),
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(Stdio::piped());
    command
}

fn decode(command: &mut Command) -> &mut Command {
    command.args(["-fflags", "nobuffer", "-flags", "low_delay"]);
    command.args(["-probesize", "32", "-analyzeduration", "0"]);
    command
        .args(["-f", "nut", "-i", "pipe:0"])
        .stdin(Stdio::piped())
}

impl Video {
    /// Grabs a display of that size.
    pub fn start(display: &str, size: (u32, u32)) -> anyhow::Result<Video> {
        let mut command = ffmpeg();
        let dimensions = format!("{}x{}", size.0, size.1);
        command.args(["-f", "x11grab", "-draw_mouse", "0", "-framerate", RATE]);
        command.args(["-video_size", &dimensions, "-i", display]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast"]);
        command.args(["-tune", "zerolatency", "-pix_fmt", "yuv420p"]);
        command.args(["-flush_packets", "1", "-f", "nut", "pipe:1"]);
        let mut encoder = Kept::spawn(&mut command).context("apt-get install ffmpeg")?;
        let side = mark::SIDE;
        let mut command = ffmpeg();
        decode(&mut command).args(["-vf", &format!("crop={side}:{side}:0:0")]);
        command.args(["-fps_mode", "passthrough", "-pix_fmt", "bgr0"]);
        command.args(["-flush_packets", "1", "-f", "rawvideo", "pipe:1"]);
        let mut decoder = Kept::spawn(&mut command)?;
        let encoded = encoder.0.stdout.take().context("no standard output")?;
        let to = decoder.0.stdin.take().context("no standard input")?;
        let frames = decoder.0.stdout.take().context("no standard output")?;
        let (stream, seen) = (Arc::default(), Arc::default());
        let (kept, noted) = (Arc::clone(&stream), Arc::clone(&seen));
        let threads = vec![
            std::thread::spawn(move || carry(encoded, to, &kept)),
            std::thread::spawn(move || note(frames, &noted)),
        ];
        Ok(Video {
            encoder,
            _decoder: decoder,
            stream,
            seen,
            threads,
            size,
        })
    }

    /// Bytes encoded until now.
    pub fn bytes(&self) -> u64 {
        lock(&self.stream).len() as u64
    }

    /// The steps whose marks were decoded until now.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Ends it: the last frame, as a decoder has it.
    pub fn last_frame(mut self) -> anyhow::Result<Image> {
        self.encoder.signal(rustix::process::Signal::INT)?;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let mut command = ffmpeg();
        decode(&mut command).args(["-pix_fmt", "bgr0", "-f", "rawvideo", "pipe:1"]);
        let mut decoder = Kept::spawn(&mut command)?;
        let mut to = decoder.0.stdin.take().context("no standard input")?;
        let stream = std::mem::take(&mut *lock(&self.stream));
        let feeding = std::thread::spawn(move || to.write_all(&stream));
        let mut frames = decoder.0.stdout.take().context("no standard output")?;
        let (width, height) = self.size;
        let mut frame = vec![0; (width * height * 4) as usize];
        let mut count = 0;
        while frames.read_exact(&mut frame).is_ok() {
            count += 1;
        }
        let _ = feeding.join();
        if count == 0 {
            bail!("no frame was encoded");
        }
        let pixels = frame.chunks_exact(4);
        let pixel = |p: &[u8]| u32::from_le_bytes([p[0], p[1], p[2], 0]);
        Ok(Image {
            width,
            height,
            pixels: pixels.map(pixel).collect(),
        })
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the encoder to the decoder, and into memory.
fn carry(mut from: impl Read, mut to: impl Write, kept: &Mutex<Vec<u8>>) {
    let mut piece = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        lock(kept).extend_from_slice(&piece[..length]);
        if to.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}

/// Notes the mark of each decoded frame.
fn note(mut frames: impl Read, noted: &Mutex<Vec<Seen>>) {
    let side = usize::from(mark::SIDE);
    let mut block = vec![0; side * side * 4];
    let middle = (side / 2 * side + side / 2) * 4;
    while frames.read_exact(&mut block).is_ok() {
        let pixel = &block[middle..middle + 4];
        let pixel = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]);
        let mut noted = lock(noted);
        let number = mark::number(pixel);
        if noted.last().is_none_or(|last| last.number != number) {
            let at = Instant::now();
            noted.push(Seen { number, at });
        }
    }
}
