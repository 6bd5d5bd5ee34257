//! Key press at the viewer → pixel at the viewer, beside TigerVNC, on quiet 1080p screens.
//!
//! `bench_latency [--rounds N] [--presses N]`: every round starts every case anew, so that a busy moment of the
//! machine does not hit one case alone.

use anyhow::Context;
use sightline_tests::measure::stages::{Latency, Stage};
use sightline_tests::measure::{Chance, Samples, load, ms, option, print_table};
use sightline_tests::vnc;

const ROUNDS: u64 = 3;
/// Per round and case.
const PRESSES: u64 = 110;
/// The gaps between presses are the same in every run and every case.
const SEED: u64 = 0x5167_4874;

type Start = fn() -> anyhow::Result<Stage>;

fn main() -> anyhow::Result<()> {
    let rounds = option("--rounds", ROUNDS)?;
    let presses = option("--presses", PRESSES)?;
    let mut cases: Vec<(&str, Start, Latency)> = vec![
        ("X server alone", Stage::x_server, Latency::default()),
        ("Sightline", Stage::sightline, Latency::default()),
        (
            "Sightline, recording nothing",
            Stage::unrecorded,
            Latency::default(),
        ),
        ("TigerVNC, Xvnc", Stage::xvnc, Latency::default()),
    ];
    if vnc::has_scraper() {
        cases.push((
            "TigerVNC, x0vncserver",
            Stage::x0vncserver,
            Latency::default(),
        ));
    } else {
        println!("without x0vncserver: apt-get install tigervnc-scraping-server");
    }
    for round in 1..=rounds {
        for (name, start, latency) in &mut cases {
            println!("round {round} of {rounds}: {name} (load {})", load());
            let mut chance = Chance::new(SEED + round);
            start()
                .and_then(|mut stage| stage.measure(presses, &mut chance, latency))
                .with_context(|| name.to_string())?;
        }
    }
    report(&cases);
    Ok(())
}

fn report(cases: &[(&str, Start, Latency)]) {
    let columns = |samples: &Samples| [50, 95].map(|percent| ms(samples.percentile(percent)));
    let line = |(name, _, latency): &(&str, Start, Latency)| {
        let mut line = vec![(*name).to_owned(), latency.whole.count().to_string()];
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
