//! `sightline-agent history`: what the files say, as a table or as JSON.

use std::path::Path;

use serde_json::{Value, json};
use sightline_program::history::{History, State};
use sightline_program::report::Report;

use super::history::{HistoryFolder, ReadError};

/// All sessions, newest last.
pub fn list(folder: &HistoryFolder, report: Report) -> Result<(), ReadError> {
    let all = folder.all()?;
    if report.is_json() {
        for (path, history) in &all {
            report.note("session", facts(path, history));
        }
        return Ok(());
    }
    if all.is_empty() {
        report.say("history", json!({}), "There was no session yet.");
        return Ok(());
    }
    let head = ["No.", "Began", "Technician", "Allowed", "End"].map(str::to_owned);
    let rows = all.iter().map(|(_, history)| row(history));
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    report.say("history", json!({}), table(&rows));
    Ok(())
}

/// One session: its file, as it is kept.
pub fn show(folder: &HistoryFolder, number: u64, report: Report) -> Result<(), ReadError> {
    let (path, history) = folder.one(number)?;
    let words = format!("{}\n\n{}", path.display(), history.text().trim_end());
    report.say("session", facts(&path, &history), words);
    Ok(())
}

fn facts(path: &Path, history: &History) -> Value {
    let mut facts = serde_json::to_value(history).unwrap_or_default();
    facts["file"] = json!(path);
    facts
}

fn row(history: &History) -> [String; 5] {
    let end = match (&history.end, history.state) {
        (Some(end), _) => end.how.clone(),
        (None, State::Running) => "running".to_owned(),
        (None, State::Ended) => "ended".to_owned(),
    };
    let changed = history.changes.last();
    let allowed = changed.map_or(&history.consent.allowed, |change| &change.allowed);
    let who = &history.technician;
    [
        history.number.to_string(),
        history.start.local.clone(),
        format!("{} ({})", who.name, who.organisation),
        allowed.clone(),
        end,
    ]
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
