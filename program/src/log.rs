//! The log: standard error, for whoever looks for a fault. `SIGHTLINE_LOG` says how much (`debug`, `warn,link=trace`, …).

use tracing_subscriber::EnvFilter;

/// Starts the log; `quiet` is the filter when the variable does not say otherwise.
pub fn start(quiet: &str) {
    let filter = EnvFilter::try_from_env("SIGHTLINE_LOG").unwrap_or_else(|_| quiet.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
