//! The table with which `make bench` ends: every line that a bench printed for it, in order. `bench_table FILE...`.

use std::fs;

use anyhow::Context;
use sightline_tests::measure::{conclusion, print_table};

fn main() -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for path in std::env::args().skip(1) {
        // A program that crashed may have printed anything.
        let bytes = fs::read(&path).with_context(|| path.clone())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        lines.extend(text.lines().filter_map(conclusion));
    }
    print_table(
        "All of it: what was measured, and what is wanted",
        &["", "measured", "wanted", "beside", ""],
        &lines,
    );
    let missed = lines.iter().filter(|line| line[4] != "met").count();
    println!("\n{missed} of {} not met", lines.len());
    Ok(())
}
