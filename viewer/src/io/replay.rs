//! `sightline replay`: an auditor watches a recording.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::json;
use sightline_program::files;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;

use super::player::Player;
use super::recording::{End, Recording};
use super::technician;
use super::window::{self, Bar, Options};

/// Opens the recording with this auditor's file, says what it is, and shows it; says why it ended.
pub fn run(file: &Path, key: &Path, speed: f64, report: Report) -> anyhow::Result<CloseCode> {
    let auditor = files::read_auditor_key(key)?;
    let (_, trusted) = technician::read_bundle(key, &files::read(key)?)?;
    let recording = Recording::open(file, &trusted)?;
    describe(&recording, report);
    if !window::has_display() {
        return Ok(CloseCode::NoDesktop);
    }
    let bar = bar(&recording);
    let title = format!("Recording of {} – Sightline", bar.technician);
    let (to_player, did) = mpsc::channel();
    let options = Options {
        title,
        replay: true,
        ..Options::default()
    };
    let mut player = None;
    window::run(
        options,
        |window| {
            window.bar(bar);
            player = Some(std::thread::spawn(move || {
                let played = Player::new(recording, &auditor, speed, window.clone())
                    .and_then(|player| player.run(&did));
                if let Err(error) = &played {
                    let why = format!("{error:#}");
                    report.note("playback_failed", json!({ "why": why }));
                    window.ended(sentence(&why));
                }
                played
            }));
        },
        move |event| {
            let _ = to_player.send(event);
        },
    )
    .map_err(|error| anyhow!(error.to_string()))?;
    player
        .context("the window did not start")?
        .join()
        .map_err(|_| anyhow!("the player failed"))??;
    Ok(CloseCode::Finished)
}

fn bar(recording: &Recording) -> Bar {
    let verified = &recording.verified;
    Bar {
        technician: verified.credential.name.clone(),
        organisation: verified.bundle.organisation.clone(),
        user: String::new(),
        grants: verified.consent.granted,
        recording: false,
        round_trip: None,
        note: match &recording.end {
            End::Closed(_) => None,
            End::Open => {
                Some("the recording has no end: it is still running, or was cut off".into())
            }
            End::Broken(why) => Some(format!("the recording cannot be read to its end: {why}")),
        },
    }
}

fn describe(recording: &Recording, report: Report) {
    let verified = &recording.verified;
    let consent = &verified.consent;
    let end = match &recording.end {
        End::Closed(code) => code.sentence().to_owned(),
        End::Open => "no end: still running, or cut off".to_owned(),
        End::Broken(why) => format!("not readable to its end: {why}"),
    };
    let words = format!(
        "Session    {}\nTechnician {} of {}\nConsent    {}\nAllowed    {}\nLength     {}\nRecords    {}\nEnd        {end}",
        consent.session,
        verified.credential.name,
        verified.bundle.organisation,
        consent.text,
        consent.granted,
        length(recording.length),
        recording.records,
    );
    let facts = json!({
        "session": consent.session.to_string(),
        "technician": verified.credential.name,
        "organisation": verified.bundle.organisation,
        "consent": consent.text,
        "granted": consent.granted.to_string(),
        "length_ms": recording.length.as_millis() as u64,
        "records": recording.records,
        "end": end,
    });
    report.say("recording", facts, words);
}

fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
