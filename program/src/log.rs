//! The log: standard error, for whoever looks for a fault. `SIGHTLINE_LOG` says how much (`debug`, `warn,sightline_link=trace`, …).
//!
//! Filters name modules and levels; those that also look into spans are left out: they would bring a regex engine into every program.

use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Starts the log; `quiet` is the filter when the variable does not say otherwise.
pub fn start(quiet: &str) {
    let said = std::env::var("SIGHTLINE_LOG").ok();
    let said = said.and_then(|said| said.parse::<Targets>().ok());
    let filter = said.unwrap_or_else(|| quiet.parse().expect("a filter of ours"));
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .init();
}
