//! `sightline status`: the sessions that run here.

use serde_json::json;
use sightline_program::report::Report;

use super::local::client;

/// Says which sessions run.
pub fn run(report: Report) -> anyhow::Result<()> {
    let runtime = client::runtime()?;
    let sessions = runtime.block_on(client::running())?;
    if sessions.is_empty() {
        report.say("none", json!({}), "No session is running.");
    }
    for session in sessions {
        let welcome = session.welcome;
        let words = format!(
            "{}: {} may {}",
            welcome.computer, welcome.technician, welcome.allowed
        );
        let facts = json!({
            "computer": welcome.computer,
            "technician": welcome.technician,
            "organisation": welcome.organisation,
            "allowed": welcome.allowed.to_string(),
        });
        report.say("session", facts, words);
    }
    Ok(())
}
