//! `sightline export`: a recording as film, terminal cast, JSON lines or table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use sightline_program::report::Report;

use super::cast;
use super::film::{self, Part};
use super::log::{self, Format};
use super::output::{Meter, Output};
use super::source::{Auditor, Source};
use crate::pure::evidence::cast::Version;

/// What `sightline export` takes.
#[derive(Args)]
pub struct ExportArgs {
    /// The recording (.slrec), from the relay's folder of recordings.
    file: PathBuf,
    /// Your auditor's file.
    #[arg(long, env = "SIGHTLINE_KEY", value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    target: Target,
    /// With --mp4: begin here, as hh:mm:ss, mm:ss or seconds.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "mp4")]
    from: Option<Duration>,
    /// With --mp4: end here.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "mp4")]
    to: Option<Duration>,
    /// With --cast: which terminal, if there are several.
    #[arg(long, value_name = "NUMBER", requires = "cast")]
    shell: Option<u32>,
    /// With --cast: which version of the format.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=3), value_name = "2|3")]
    cast_version: u8,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// A film that browsers play (MP4 with H.264).
    #[arg(long, value_name = "OUT")]
    mp4: Option<PathBuf>,
    /// A terminal's session as an asciicast; `-`: standard output.
    #[arg(long, value_name = "OUT")]
    cast: Option<PathBuf>,
    /// Every event as a JSON object a line, for a SIEM; `-`: standard output.
    #[arg(long, value_name = "OUT")]
    jsonl: Option<PathBuf>,
    /// The same events as a table; `-`: standard output.
    #[arg(long, value_name = "OUT")]
    csv: Option<PathBuf>,
}

/// A time of the recording: seconds, or minutes or hours before them.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is hh:mm:ss, mm:ss or seconds".to_owned();
    let mut seconds = 0.0;
    for part in text.split(':') {
        let number: f64 = part.parse().map_err(|_| wrong())?;
        seconds = seconds * 60.0 + number;
    }
    let fits = text.split(':').count() <= 3 && !text.contains(['-', '+', 'e', 'E']);
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| fits)
        .ok_or_else(wrong)
}

/// Writes the one target that was asked for.
pub fn run(args: &ExportArgs, report: Report) -> anyhow::Result<()> {
    let auditor = Auditor::read(&args.key)?;
    let target = &args.target;
    if let Some(path) = &target.mp4 {
        return mp4(args, path, &auditor, report);
    }
    if let Some(path) = &target.cast {
        return terminal(args, path, &auditor, report);
    }
    match (&target.jsonl, &target.csv) {
        (Some(path), _) => events(args, (path, Format::JsonLines), &auditor, report),
        (_, Some(path)) => events(args, (path, Format::Csv), &auditor, report),
        (None, None) => bail!("say what to export to"),
    }
}

fn mp4(args: &ExportArgs, path: &Path, auditor: &Auditor, report: Report) -> anyhow::Result<()> {
    ensure!(
        path != Path::new("-"),
        "a film needs a file to be written to"
    );
    let from = args.from.unwrap_or_default();
    ensure!(
        args.to.is_none_or(|to| to > from),
        "--to must be later than --from"
    );
    let mut output = Output::create(path, args.force)?;
    let mut source = Source::open(&args.file, auditor)?;
    let mut meter = Meter::start();
    let part = Part { from, to: args.to };
    let made = film::write(&mut source, part, &mut output, &mut meter)?;
    output.place()?;
    let took = meter.finish();
    let speed = made.length.as_secs_f64() / took.as_secs_f64().max(1e-3);
    warn(&source, report);
    let (width, height) = made.size;
    say(
        report,
        path,
        &json!({
            "frames": made.frames, "width": width, "height": height,
            "length_ms": made.length.as_millis() as u64, "times_real_time": speed,
        }),
        &format!(
            "{} frames of {width} × {height}, {:.1} s, made at {speed:.0} × real time",
            made.frames,
            made.length.as_secs_f64()
        ),
    );
    Ok(())
}

fn terminal(
    args: &ExportArgs,
    path: &Path,
    auditor: &Auditor,
    report: Report,
) -> anyhow::Result<()> {
    let version = match args.cast_version {
        2 => Version::Two,
        _ => Version::Three,
    };
    let mut output = Output::create(path, args.force)?;
    let mut meter = Meter::start();
    let lane = cast::write(
        &args.file,
        auditor,
        (version, args.shell),
        &mut output,
        &mut meter,
    )?;
    output.place()?;
    meter.finish();
    say(
        report,
        path,
        &json!({ "shell": lane }),
        &format!("terminal {lane}"),
    );
    Ok(())
}

fn events(
    args: &ExportArgs,
    (path, format): (&Path, Format),
    auditor: &Auditor,
    report: Report,
) -> anyhow::Result<()> {
    let mut output = Output::create(path, args.force)?;
    let mut source = Source::open(&args.file, auditor)?;
    let mut meter = Meter::start();
    let count = log::write(&mut source, format, &mut output, &mut meter)?;
    output.place()?;
    meter.finish();
    warn(&source, report);
    say(
        report,
        path,
        &json!({ "events": count }),
        &format!("{count} events"),
    );
    Ok(())
}

/// A recording that was cut off is exported as far as it goes, and that is said.
fn warn(source: &Source, report: Report) {
    if let Some(why) = &source.broken {
        if report.is_json() {
            report.note("incomplete", json!({ "why": why }));
        } else {
            eprintln!(
                "The recording cannot be read to its end: {why}. What comes before is exported."
            );
        }
    }
}

/// Says what was made, unless the export itself went to standard output.
fn say(report: Report, path: &Path, facts: &Value, words: &str) {
    if path == Path::new("-") {
        return;
    }
    let mut all = json!({ "file": path.display().to_string() });
    if let (Value::Object(all), Value::Object(facts)) = (&mut all, facts) {
        all.extend(facts.clone());
    }
    report.say("exported", all, format!("{}: {words}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1:30"), Ok(Duration::from_secs(90)));
        assert_eq!(time("01:00:00.5"), Ok(Duration::from_millis(3_600_500)));
        for wrong in ["", "a", "1:2:3:4", "-1", "1e9", "inf", "NaN"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
