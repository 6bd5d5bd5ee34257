//! Key press at the viewer → pixel at the viewer, beside TigerVNC, on 1080p screens: quiet ones, and with a 720p video
//! beside the program that answers the key.
//!
//! `bench_latency [--rounds N] [--presses N] [--quiet-only 1]`: every round starts every case anew, so that a busy moment of the
//! machine does not hit one case alone.

use sightline_tests::measure::stages::{Latency, Stage};
use sightline_tests::measure::{Chance, Samples, conclude, load, ms, option, print_table, usage};
use sightline_tests::vnc;
use sightline_tests::workload::Kind;
use std::time::Duration;

const ROUNDS: u64 = 3;
/// Per round and case.
const PRESSES: u64 = 110;
/// The gaps between presses are the same in every run and every case.
const SEED: u64 = 0x5167_4874;

type Start = fn() -> anyhow::Result<Stage>;

/// Something between key and pixel, on a quiet screen or beside a workload.
struct Case {
    name: &'static str,
    start: Start,
    beside: Option<Kind>,
    latency: Latency,
}

impl Case {
    fn title(&self) -> String {
        match self.beside {
            Some(kind) => format!("{}, beside {}", self.name, kind.name()),
            None => self.name.to_owned(),
        }
    }

    fn measure(&mut self, presses: u64, chance: &mut Chance) -> anyhow::Result<()> {
        let mut stage = (self.start)()?;
        if let Some(kind) = self.beside {
            stage = stage.beside(kind)?;
        }
        stage.measure(presses, chance, &mut self.latency)
    }
}

fn main() -> anyhow::Result<()> {
    usage("bench_latency [--rounds N] [--presses N] [--quiet-only 1]")?;
    let rounds = option("--rounds", ROUNDS)?;
    let presses = option("--presses", PRESSES)?;
    let mut cases = cases(option("--quiet-only", 0)? == 0);
    let mut failed = 0;
    for round in 1..=rounds {
        for case in &mut cases {
            let title = case.title();
            println!("round {round} of {rounds}: {title} (load {})", load());
            let mut chance = Chance::new(SEED + round);
            // One case that fails, as beside a video something may, does not take the others' numbers away.
            if let Err(error) = case.measure(presses, &mut chance) {
                println!("  {title}: {error:#}");
                failed += 1;
            }
        }
    }
    report(&cases);
    for (beside, most) in [(None, (4, 8)), (Some(Kind::Video), (12, u64::MAX))] {
        conclude_case(&cases, beside, most);
    }
    anyhow::ensure!(failed == 0, "{failed} of the cases' rounds failed");
    Ok(())
}

fn cases(videos: bool) -> Vec<Case> {
    let mut starts: Vec<(&str, Start)> = vec![
        ("X server alone", Stage::x_server),
        ("Sightline", Stage::sightline),
        ("Sightline, recording nothing", Stage::unrecorded),
        ("TigerVNC, Xvnc", Stage::xvnc),
    ];
    if vnc::has_scraper() {
        starts.push(("TigerVNC, x0vncserver", Stage::x0vncserver));
    } else {
        println!("without x0vncserver: apt-get install tigervnc-scraping-server");
    }
    let mut cases = Vec::new();
    for beside in [None, Some(Kind::Video)] {
        let wanted = beside.is_none() || videos;
        cases.extend(starts.iter().filter(|_| wanted).map(|(name, start)| Case {
            name,
            start: *start,
            beside,
            latency: Latency::default(),
        }));
    }
    cases
}

/// Compares Sightline's case with the most milliseconds that half and 95 % of its presses may take, and with TigerVNC's.
fn conclude_case(cases: &[Case], beside: Option<Kind>, most: (u64, u64)) {
    let find = |name| {
        let mut cases = cases.iter();
        let case = cases.find(|case| case.name == name && case.beside == beside)?;
        let whole = &case.latency.whole;
        (whole.count() > 0).then(|| (whole.percentile(50), whole.percentile(95)))
    };
    let Some(own) = find("Sightline") else {
        return;
    };
    let text = |(half, most): (Duration, Duration)| format!("{} / {} ms", ms(half), ms(most));
    let others = ["TigerVNC, Xvnc", "TigerVNC, x0vncserver"];
    let others = others
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", text(find(name)?))));
    let (what, target) = match beside {
        None => (
            "key → pixel, quiet, p50 / p95",
            format!("{} / {} ms", most.0, most.1),
        ),
        Some(_) => (
            "key → pixel beside a video, p50 / p95",
            format!("{} ms", most.0),
        ),
    };
    conclude(
        what,
        &text(own),
        &target,
        &others.collect::<Vec<_>>().join("; "),
        own.0 <= Duration::from_millis(most.0) && own.1 <= Duration::from_millis(most.1),
    );
}

fn report(cases: &[Case]) {
    let columns = |samples: &Samples| [50, 95].map(|percent| ms(samples.percentile(percent)));
    let line = |case: &Case| {
        let latency = &case.latency;
        let mut line = vec![case.title(), latency.whole.count().to_string()];
        line.extend(columns(&latency.whole));
        line.push(ms(latency.whole.percentile(100)));
        line.extend(columns(&latency.there));
        line.extend(columns(&latency.back));
        line
    };
    print_table(
        "Key press at the viewer → pixel at the viewer, ms",
        &[
            "",
            "presses",
            "p50",
            "p95",
            "max",
            "key→program p50",
            "p95",
            "program→pixel p50",
            "p95",
        ],
        &cases.iter().map(line).collect::<Vec<_>>(),
    );
    println!(
        "What looking costs is in the first line, too; a p95 there above 1 ms means that the machine was busy."
    );
}
