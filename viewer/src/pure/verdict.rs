//! A verdict in words and as facts.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};
use sightline_protocol::checkpoint::LaneId;
use sightline_protocol::id::Author;
use sightline_protocol::verify::{End, Fault, Finding, LaneSummary, State, Verdict};

/// One file and what was found.
pub struct Checked {
    pub path: PathBuf,
    /// An error: it is no recording.
    pub verdict: Result<Box<Verdict>, Finding>,
}

/// Something wrong between recordings, ledger and histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub fault: Fault,
    pub what: String,
}

impl Checked {
    /// `whole`, `unclean`, or the first fault's word.
    pub fn word(&self) -> &'static str {
        match &self.verdict {
            Err(finding) => finding.fault.word(),
            Ok(verdict) => verdict.word(),
        }
    }

    pub fn exit_code(&self) -> u8 {
        match &self.verdict {
            Err(finding) => finding.fault.exit_code(),
            Ok(verdict) => verdict.exit_code(),
        }
    }
}

/// For people: the verdict first, then who, when, how much, and whose signatures.
pub fn words(one: &Checked) -> String {
    let mut text = format!("{}\n  {}", one.path.display(), headline(one));
    let Ok(verdict) = &one.verdict else {
        return text;
    };
    for line in [people(verdict), extent(verdict)].into_iter().flatten() {
        let _ = write!(text, "\n  {line}");
    }
    for lane in &verdict.lanes {
        let _ = write!(text, "\n    {}", lane_line(lane));
    }
    for finding in verdict.findings.iter().skip(1).take(9) {
        let _ = write!(text, "\n  also {}: {}", finding.fault.word(), finding.what);
    }
    if verdict.findings.len() > 10 {
        let _ = write!(text, "\n  and {} more", verdict.findings.len() - 10);
    }
    text
}

fn headline(one: &Checked) -> String {
    let verdict = match &one.verdict {
        Err(finding) => return format!("NOT A RECORDING: {}", finding.what),
        Ok(verdict) => verdict,
    };
    match verdict.findings.first() {
        Some(first) => format!(
            "BROKEN at record {} ({}, byte {}): {}",
            first.place.after_record + 1,
            first.fault.word(),
            first.place.offset,
            first.what
        ),
        None if verdict.state == State::Whole => {
            "WHOLE: everything that was sent is here, signed by both ends and the relay".to_owned()
        }
        None => format!(
            "UNCLEAN END after record {}: {}",
            verdict.records,
            verdict.unclean.join("; ")
        ),
    }
}

fn people(verdict: &Verdict) -> Option<String> {
    let manifest = verdict.manifest.as_ref()?;
    let told = &manifest.manifest;
    let consent = &manifest.consent;
    let mut line = format!(
        "{} of {} on computer {} (its session {}), {}",
        manifest.credential.name,
        manifest.bundle.organisation,
        told.agent.fingerprint(),
        told.number,
        utc(told.started_ms)
    );
    let _ = write!(line, "\n  allowed: {}", consent.granted);
    for (what, said) in [("reason", &consent.reason), ("ticket", &consent.ticket)] {
        if !said.is_empty() {
            let _ = write!(line, "; {what}: {said}");
        }
    }
    if let End::Closed(code) = verdict.end {
        let _ = write!(line, "; {}", code.sentence());
    }
    Some(line)
}

fn extent(verdict: &Verdict) -> Option<String> {
    let mut line = format!(
        "{} records, {}, {} receipts",
        verdict.records,
        size(verdict.bytes),
        verdict.receipts
    );
    if let Some(place) = &verdict.ledger {
        let _ = write!(
            line,
            "; entry {} of {} in the ledger",
            place.index + 1,
            place.head.size
        );
    }
    Some(line)
}

fn lane_line(lane: &LaneSummary) -> String {
    let LaneId {
        author,
        class,
        lane: number,
    } = lane.lane;
    let (by, other) = match author {
        Author::AGENT => ("the agent", "the technician"),
        _ => ("the technician", "the agent"),
    };
    let mut line = format!(
        "{:<9} {:>7} of {by}{}: {} signed by {by}, {} confirmed by {other}",
        class.word(),
        lane.records,
        if number.0 > 1 {
            format!(" (lane {})", number.0)
        } else {
            String::new()
        },
        lane.by_author,
        lane.by_receiver,
    );
    if lane.refused > 0 {
        let _ = write!(line, ", {} refused by the agent", lane.refused);
    }
    if lane.never_came > 0 {
        let _ = write!(line, ", {} never came", lane.never_came);
    }
    line
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn utc(unix_ms: u64) -> String {
    sightline_program::clock::utc_time(unix_ms)
}

/// For programs.
pub fn facts(one: &Checked) -> Value {
    let mut facts = json!({
        "file": one.path.display().to_string(),
        "verdict": one.word(),
        "exit_code": one.exit_code(),
    });
    match &one.verdict {
        Err(finding) => facts["findings"] = json!([fact(finding)]),
        Ok(verdict) => {
            facts["session"] = verdict.session.to_string().into();
            facts["records"] = verdict.records.into();
            facts["good_records"] = verdict.good_records.into();
            facts["bytes"] = verdict.bytes.into();
            facts["receipts"] = verdict.receipts.into();
            facts["unclean"] = json!(verdict.unclean);
            facts["findings"] = verdict.findings.iter().map(fact).collect();
            facts["lanes"] = verdict.lanes.iter().map(lane_fact).collect();
            if let Some(place) = &verdict.ledger {
                facts["ledger"] = json!({ "index": place.index, "size": place.head.size, "root": place.head.root.to_string() });
            }
            if let Some(manifest) = &verdict.manifest {
                facts["manifest"] = json!({
                    "digest": manifest.digest.to_string(),
                    "number": manifest.manifest.number,
                    "agent": manifest.manifest.agent.to_string(),
                    "technician": manifest.credential.technician.to_string(),
                    "name": manifest.credential.name,
                    "organisation": manifest.bundle.organisation,
                    "granted": manifest.consent.granted.to_string(),
                    "started_ms": manifest.manifest.started_ms,
                });
            }
        }
    }
    facts
}

fn fact(finding: &Finding) -> Value {
    json!({
        "fault": finding.fault.word(),
        "exit_code": finding.fault.exit_code(),
        "what": finding.what,
        "byte": finding.place.offset,
        "after_record": finding.place.after_record,
    })
}

fn lane_fact(lane: &LaneSummary) -> Value {
    json!({
        "class": lane.lane.class.word(),
        "lane": lane.lane.lane.0,
        "author": if lane.lane.author == Author::AGENT { "agent" } else { "technician" },
        "records": lane.records,
        "signed_by_author": lane.by_author,
        "confirmed_by_other": lane.by_receiver,
        "refused": lane.refused,
        "never_came": lane.never_came,
    })
}
