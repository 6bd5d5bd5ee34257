//! `sightline verify` on a long recording: bytes per second beside SHA-256 alone over the same file, and the most
//! memory; and what the proof costs in bytes.
//!
//! `--gb N` (default 1) and `--idle-hours N` (default 1).

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sightline_oracles::evidence::{long, signed_trusted};
use sightline_protocol::record::OVERHEAD;
use sightline_protocol::recording::{Entry, RecordingReader};
use sightline_protocol::wire;
use sightline_tests::measure::{option, print_table, usage};
use sightline_tests::program::built;

/// A busy screen: scrolling at 30 updates a second of 8.5 KB.
const BUSY: (u64, usize) = (30, 8_500);
/// A picture of a whole screen in pieces, to fill the disk: 30 a second of 150 KB.
const FULL: (u64, usize) = (30, 150_000);

fn main() -> anyhow::Result<()> {
    usage("bench_verify [--gb N] [--idle-hours N]")?;
    let gigabytes = option("--gb", 1)?;
    let folder = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
    let bundle = folder.path().join("org.bundle");
    std::fs::write(&bundle, wire::encode(&signed_trusted()))?;
    speed(folder.path(), &bundle, gigabytes * 1_000_000_000)?;
    proof(folder.path())
}

fn speed(folder: &Path, bundle: &Path, bytes: u64) -> anyhow::Result<()> {
    let file = folder.join("long.slrec");
    let seconds = bytes / (FULL.0 * FULL.1 as u64);
    let length = long(
        BufWriter::new(File::create(&file)?),
        seconds,
        FULL.0,
        FULL.1,
    );
    let mut lines = Vec::new();
    for round in 0..3 {
        let hashed = hash(&file)?;
        let (verified, peak_kb) = verify(&file, bundle)?;
        let rate = |time: Duration| length as f64 / 1e6 / time.as_secs_f64();
        lines.push(vec![
            format!("round {}", round + 1),
            format!("{:.0}", rate(hashed)),
            format!("{:.0}", rate(verified)),
            format!("{:.2}", hashed.as_secs_f64() / verified.as_secs_f64()),
            format!("{:.1}", peak_kb as f64 / 1e3),
        ]);
    }
    print_table(
        &format!(
            "verify: a recording of {:.1} GB, in the page cache as far as it fits",
            length as f64 / 1e9
        ),
        &["", "SHA-256 MB/s", "verify MB/s", "ratio", "peak MB"],
        &lines,
    );
    std::fs::remove_file(&file)?;
    Ok(())
}

/// SHA-256 over the file by the same library, alone.
fn hash(file: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut file = File::open(file)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => context.update(&buffer[..n]),
        }
    }
    std::hint::black_box(context.finish());
    Ok(began.elapsed())
}

/// The shipped program, and the most memory it had.
fn verify(file: &Path, bundle: &Path) -> anyhow::Result<(Duration, u64)> {
    let began = Instant::now();
    let mut child = Command::new(built("sightline")?)
        .args(["verify", "--json", "--forget", "--key"])
        .args([bundle, file])
        .stdout(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(kb.unwrap_or(0));
        }
        if let Some(code) = child.try_wait()? {
            break code;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure!(code.success(), "it must be whole");
    Ok((began.elapsed(), peak))
}

/// Bytes of proof beside bytes of records: checkpoints, receipts, tags, the ledger's proof.
fn proof(folder: &Path) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let hours = option("--idle-hours", 1)?;
    for (name, seconds, (per_s, size)) in [
        ("busy (scrolling), 10 min", 600, BUSY),
        ("full screen changes, 1 min", 60, FULL),
    ] {
        lines.push(account(folder, name, seconds, per_s, size)?);
    }
    lines.push(account(
        folder,
        "a clock ticks once a second",
        hours * 3_600,
        1,
        70,
    )?);
    print_table(
        "Bytes of proof",
        &[
            "",
            "all KB",
            "statements KB",
            "tags KB",
            "of all",
            "statements KB/h",
        ],
        &lines,
    );
    Ok(())
}

fn account(
    folder: &Path,
    name: &str,
    seconds: u64,
    per_s: u64,
    size: usize,
) -> anyhow::Result<Vec<String>> {
    let path = folder.join("proof.slrec");
    let length = long(BufWriter::new(File::create(&path)?), seconds, per_s, size);
    let mut reader = RecordingReader::open(std::io::BufReader::new(File::open(&path)?))?;
    let (mut records, mut proof) = (0, 0);
    loop {
        let offset = reader.offset();
        let Some(entry) = reader.next_entry()? else {
            break;
        };
        match entry {
            Entry::Record(_) => records += 1,
            _ => proof += reader.offset() - offset,
        }
    }
    let tags = records * OVERHEAD as u64;
    let kb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e3);
    let share = 100.0 * (proof + tags) as f64 / length as f64;
    let per_hour = proof as f64 / 1e3 * 3_600.0 / seconds as f64;
    std::fs::remove_file(&path).context("the file is ours")?;
    Ok(vec![
        name.into(),
        kb(length),
        kb(proof),
        kb(tags),
        format!("{share:.2} %"),
        format!("{per_hour:.0}"),
    ])
}
