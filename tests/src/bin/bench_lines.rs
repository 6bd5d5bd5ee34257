//! Bad lines: key press → pixel, pictures a second and their age, through a UDP proxy between the relay and one end.
//!
//! `bench_lines [--presses N] [--seconds N] [--line N] [--leg agent|viewer]`: all lines or the n-th, the viewer's leg
//! unless said. The line's own round trip is measured through the same proxy by small datagrams. Pictures move at 30 a
//! second; their age is taken at every moment, so that half a frame's time is in it on a perfect line, too.

use anyhow::Context;
use sightline_tests::measure::line::{LINES, Line};
use sightline_tests::measure::stages::{Latency, Leg, Stage};
use sightline_tests::measure::watch::Freshness;
use sightline_tests::measure::{Chance, Samples, conclude, load, ms, option, print_table, usage};
use sightline_tests::proxy::{Direction, Proxy};
use sightline_tests::workload::Kind;
use std::time::Duration;

const PRESSES: u64 = 200;
/// Each workload goes on for so long.
const SECONDS: u64 = 15;
/// Datagrams that measure the line itself.
const ECHOES: u32 = 200;
/// The gaps between presses are the same in every run.
const SEED: u64 = 0x5167_4874;

/// What was measured on a line.
#[derive(Default)]
struct Measured {
    line: Samples,
    typing: Latency,
    moving: Vec<(Kind, Moving)>,
}

struct Moving {
    freshness: Freshness,
    typing: Latency,
    waited: Samples,
}

fn main() -> anyhow::Result<()> {
    usage("bench_lines [--presses N] [--seconds N] [--line N] [--leg agent|viewer]")?;
    let presses = option("--presses", PRESSES)?;
    let seconds = Duration::from_secs(option("--seconds", SECONDS)?);
    let only = option("--line", 0)? as usize;
    let leg = match std::env::args().any(|arg| arg == "agent") {
        true => Leg::Agent,
        false => Leg::Viewer,
    };
    println!("the line is the {leg:?}'s");
    let mut all = Vec::new();
    for (n, line) in LINES.iter().enumerate() {
        if only != 0 && only != n + 1 {
            continue;
        }
        println!("{} (load {})", line.name, load());
        let measured = measure(line, leg, presses, seconds).context(line.name)?;
        report(&[(line, &measured)]);
        all.push((line, measured));
    }
    for (line, measured) in &all {
        conclude_line(line, measured);
    }
    if all.len() > 1 {
        let all: Vec<_> = all
            .iter()
            .map(|(line, measured)| (*line, measured))
            .collect();
        report(&all);
    }
    Ok(())
}

fn measure(line: &Line, leg: Leg, presses: u64, length: Duration) -> anyhow::Result<Measured> {
    let mut measured = Measured {
        line: line.round_trips(ECHOES)?,
        ..Measured::default()
    };
    let mut chance = Chance::new(SEED);
    let (mut stage, proxy) = Stage::behind(line, leg)?;
    stage.measure(presses, &mut chance, &mut measured.typing)?;
    for kind in [Kind::Scrolling, Kind::Video] {
        waited(&proxy, leg); // of what was before
        let mut typing = Latency::default();
        let freshness = stage.freshness(kind, length, &mut chance, &mut typing)?;
        let moving = Moving {
            freshness,
            typing,
            waited: waited(&proxy, leg),
        };
        measured.moving.push((kind, moving));
    }
    Ok(measured)
}

/// Compares with what is wanted of a line, if anything is.
fn conclude_line(line: &Line, measured: &Measured) {
    if let Some(most) = line.wanted.echo(&measured.line) {
        let half = measured.typing.whole.percentile(50);
        let own = format!("the line alone {} ms", ms(measured.line.percentile(50)));
        conclude(
            &format!("key → pixel, {}, p50", line.name),
            &format!("{} ms", ms(half)),
            &format!("{} ms", ms(most)),
            &own,
            half <= most,
        );
    }
    for (kind, moving) in measured.moving.iter().filter(|_| line.wanted.fresh) {
        let oldest = moving.freshness.age.percentile(100);
        conclude(
            &format!("age of {}, {}, most", kind.name(), line.name),
            &format!("{} ms", ms(oldest)),
            "1000 ms",
            "",
            oldest <= Duration::from_secs(1),
        );
    }
}

/// How long pictures stood in the line's queue.
fn waited(proxy: &Proxy, leg: Leg) -> Samples {
    let direction = match leg {
        Leg::Agent => Direction::Up,
        Leg::Viewer => Direction::Down,
    };
    let mut samples = Samples::default();
    for carried in proxy.carried(direction).into_values() {
        carried
            .waited
            .into_iter()
            .for_each(|wait| samples.add(wait));
    }
    samples
}

fn report(lines: &[(&Line, &Measured)]) {
    let two = |samples: &Samples| [50, 95].map(|percent| ms(samples.percentile(percent)));
    let typing = |(line, measured): &(&Line, &Measured)| {
        let (own, whole) = (&measured.line, &measured.typing.whole);
        let ratio = whole.percentile(50).as_secs_f64() / own.percentile(50).as_secs_f64();
        let mut cells = vec![line.name.to_owned()];
        cells.extend(two(own));
        cells.extend(two(whole));
        cells.push(ms(whole.percentile(100)));
        cells.push(format!("{ratio:.2}"));
        cells
    };
    print_table(
        "Typing: key press → pixel, ms",
        &["", "line p50", "p95", "press p50", "p95", "max", "× line"],
        &lines.iter().map(typing).collect::<Vec<_>>(),
    );
    let mut rows = Vec::new();
    for (line, measured) in lines {
        for (kind, moving) in &measured.moving {
            let mut cells = vec![format!("{}: {}", line.name, kind.name())];
            cells.push(format!("{:.1}", moving.freshness.rate));
            cells.extend(two(&moving.freshness.age));
            cells.push(ms(moving.freshness.age.percentile(100)));
            cells.extend(two(&moving.typing.whole));
            cells.extend(two(&moving.waited));
            rows.push(cells);
        }
    }
    print_table(
        "30 pictures a second: shown per second, their age, key press → pixel beside them, wait in the line's queue, ms",
        &[
            "",
            "shown/s",
            "age p50",
            "p95",
            "max",
            "press p50",
            "p95",
            "queue p50",
            "p95",
        ],
        &rows,
    );
}
