//! Does on a display what people do: `workload NAME [--display :7] [--seconds 10] [--rate N] [--seed N] [--stay N]`.
//!
//! To look at any remote-support program at work. Each step is a line of standard output: its number and when it was
//! drawn, in microseconds since the start. After the last step the picture stays for `--stay` seconds.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sightline_tests::measure::option;
use sightline_tests::workload::{Kind, Options, Workload};

fn main() -> anyhow::Result<()> {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kind = std::env::args().nth(1).and_then(|name| Kind::named(&name));
    let Some(kind) = kind else {
        bail!("say which: {}", names.join(", "));
    };
    let mut args = std::env::args()
        .skip_while(|arg| arg != "--display")
        .skip(1);
    let display = args.next().or_else(|| std::env::var("DISPLAY").ok());
    let display = display.context("no display: --display or DISPLAY")?;
    let rate = option("--rate", 0)?;
    let options = Options {
        rate: (rate > 0).then_some(rate as f64),
        seed: option("--seed", Options::default().seed)?,
        ..Options::default()
    };
    let mut workload = Workload::open(&display, kind, options)?;
    let began = Instant::now();
    let seconds = Duration::from_secs(option("--seconds", 10)?);
    workload.run(seconds, &AtomicBool::new(false), |step| {
        println!("{} {}", step.number, (step.at - began).as_micros());
    })?;
    std::thread::sleep(Duration::from_secs(option("--stay", 0)?));
    Ok(())
}
