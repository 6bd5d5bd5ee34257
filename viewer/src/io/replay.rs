//! `sightline replay`: an auditor watches a recording.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::json;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;
use sightline_protocol::statements::OrgBundle;

use super::check::Break;
use super::evidence::source::Auditor;
use super::index_cache;
use super::player::{Beginning, Player};
use super::reading;
use super::recording::{End, Recording};
use super::window::{self, Bar, Options};

/// What is replayed and how it begins.
pub struct ReplayOptions {
    pub file: PathBuf,
    pub key: PathBuf,
    pub speed: f64,
    pub at: Option<Duration>,
    pub skip_idle: bool,
    /// From the newest moment of a session that is still running.
    pub follow: bool,
}

/// Opens the recording with this auditor's file, says what it is, and shows it; says why it ended.
pub fn run(options: ReplayOptions, report: Report) -> anyhow::Result<CloseCode> {
    let auditor = Arc::new(Auditor::read(&options.key)?);
    let recording = open(&options.file, &auditor.trusted)?;
    describe(&recording, report);
    if !window::has_display() {
        return Ok(CloseCode::NoDesktop);
    }
    let bar = bar(&recording);
    let title = format!("Recording of {} – Sightline", bar.technician);
    let beginning = Beginning {
        speed: options.speed,
        at: options.at,
        skip_idle: options.skip_idle,
        follow: options.follow,
    };
    let (to_player, did) = mpsc::channel();
    let look = Options {
        title,
        replay: true,
        ..Options::default()
    };
    let mut player = None;
    window::run(
        look,
        |window| {
            player = Some(std::thread::spawn(move || {
                let on_break = Box::new(move |broken: &Break| say_break(broken, report));
                reading::start(recording.path(), Arc::clone(&auditor), window.clone());
                let made =
                    Player::new(recording, auditor, beginning, window.clone(), bar, on_break);
                let played = made.and_then(|player| player.run(&did));
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
    let broken = player
        .context("the window did not start")?
        .join()
        .map_err(|_| anyhow!("the player failed"))??;
    match broken {
        Some(broken) => bail!(
            "the recording breaks off at {}, byte {}: {}",
            length(broken.at),
            broken.offset,
            broken.why
        ),
        None => Ok(CloseCode::Finished),
    }
}

fn open(file: &Path, trusted: &OrgBundle) -> anyhow::Result<Recording> {
    let recording = Recording::open(file, trusted, index_cache::folder())?;
    let index = &recording.index;
    let empty = index.starts.is_empty() && index.words.is_empty();
    if empty && !recording.end.may_grow() {
        bail!(
            "the recording holds no picture, no terminal and no chat: `sightline export` shows what it holds"
        );
    }
    Ok(recording)
}

fn say_break(broken: &Break, report: Report) {
    let facts = json!({
        "why": broken.why,
        "at_ms": broken.at.as_millis() as u64,
        "byte": broken.offset,
    });
    report.note("playback_failed", facts);
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
        silence: None,
        note: note(&recording.end),
    }
}

/// What the bar says of how a recording ends.
pub(super) fn note(end: &End) -> Option<String> {
    match end {
        End::Closed(_) | End::Open | End::Torn => None,
        End::Broken(why) => Some(format!("the recording cannot be read to its end: {why}")),
    }
}

fn describe(recording: &Recording, report: Report) {
    let verified = &recording.verified;
    let consent = &verified.consent;
    let end = match &recording.end {
        End::Closed(code) => code.sentence().to_owned(),
        End::Open => "no end: still running, or cut off".to_owned(),
        End::Torn => "no end: the file ends inside an entry; still running, or cut off".to_owned(),
        End::Broken(why) => format!("not readable to its end: {why}"),
    };
    let words = format!(
        "Session    {}\nTechnician {} of {}\nConsent    {}\nAllowed    {}\nLength     {}\nRecords    {}\nEnd        {end}",
        consent.session,
        verified.credential.name,
        verified.bundle.organisation,
        consent.text,
        consent.granted,
        length(recording.index.length()),
        recording.index.records,
    );
    let facts = json!({
        "session": consent.session.to_string(),
        "technician": verified.credential.name,
        "organisation": verified.bundle.organisation,
        "consent": consent.text,
        "granted": consent.granted.to_string(),
        "length_ms": recording.index.length().as_millis() as u64,
        "records": recording.index.records,
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
