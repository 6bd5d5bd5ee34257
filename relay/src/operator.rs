//! `sightline-relay recordings`: what an operator may do with recordings. A running relay is asked to do it; where
//! none runs, it is done here.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Subcommand;
use sightline_protocol::close::CloseCode;

use crate::cli::open_office;
use crate::config::Config;
use crate::io::catalog::Session;
use crate::io::desk::{ask, unix_ms};
use crate::io::office::{Answer, Request};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List all sessions, oldest first
    Ls,
    /// Show all that is known of one
    Show {
        /// The session, or the beginning of it
        id: String,
    },
    /// Keep a recording until it is released, whatever the rules of retention say
    Hold {
        id: String,
        /// For whoever asks later
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take a hold back
    Release { id: String },
    /// Delete a recording; the ledger tells that it was, and why, for ever
    Rm {
        id: String,
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Apply the rules of retention now
    Prune,
}

/// Waiting for a relay that is just starting or stopping.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(config: &Path, json: bool, command: Command) -> anyhow::Result<ExitCode> {
    let config = Config::load(config)?;
    let request = match &command {
        Command::Ls => Request::List,
        Command::Show { id } => Request::Show { id: id.clone() },
        Command::Hold { id, why } => Request::Hold {
            id: id.clone(),
            why: why.clone(),
        },
        Command::Release { id } => Request::Release { id: id.clone() },
        Command::Rm { id, why } => Request::Remove {
            id: id.clone(),
            why: why.clone(),
        },
        Command::Prune => Request::Prune,
    };
    match done(&config, &request)? {
        Answer::Refused(why) => {
            eprintln!("sightline-relay: {why}");
            Ok(ExitCode::from(why.exit_code()))
        }
        Answer::Sessions(sessions) if json => {
            println!("{}", serde_json::to_string_pretty(&sessions)?);
            Ok(ExitCode::SUCCESS)
        }
        Answer::Sessions(sessions) => {
            tell(&command, &sessions);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn done(config: &Config, request: &Request) -> anyhow::Result<Answer> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask(&config.data, request).context("the relay did not answer")? {
            return Ok(answer);
        }
        match open_office(config, None) {
            Ok(kept) => return Ok(kept.office.answer(request, unix_ms())),
            // A relay has the lock and does not listen yet, or no more.
            Err(error) if error.is::<CloseCode>() || Instant::now() > until => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn tell(command: &Command, sessions: &[Session]) {
    let first = sessions.first().map_or("", |session| &session.session);
    match command {
        Command::Ls => list(sessions),
        Command::Show { .. } => sessions.iter().for_each(show),
        Command::Hold { why, .. } => println!("{first} is on hold: {why}"),
        Command::Release { .. } => println!("{first} is no longer on hold"),
        Command::Rm { .. } => println!("{first} is deleted; the ledger tells so"),
        Command::Prune if sessions.is_empty() => println!("nothing is due"),
        Command::Prune => sessions.iter().for_each(|session| {
            let why = session.deleted_why.as_deref().unwrap_or_default();
            println!("{} is deleted: {why}", session.session);
        }),
    }
}

fn list(sessions: &[Session]) {
    println!(
        "{:32}  {:16}  {:>9}  {:>10}  {:24}  state",
        "session", "started (UTC)", "duration", "size", "technician"
    );
    for s in sessions {
        let end = s
            .closed_ms
            .map_or("-".into(), |end| duration(end.saturating_sub(s.started_ms)));
        println!(
            "{:32}  {:16}  {:>9}  {:>10}  {:24}  {}",
            s.session,
            time(s.started_ms),
            end,
            s.bytes.map_or("-".into(), size),
            s.technician_name,
            state(s)
        );
    }
}

fn state(s: &Session) -> String {
    match (&s.file, &s.hold, s.deleted_ms, s.closed_ms) {
        (_, _, Some(at), _) => format!("deleted {}", time(at)),
        (_, _, _, None) => "recording".into(),
        (None, ..) => "missing".into(),
        (_, Some(why), ..) => format!("on hold: {why}"),
        _ if s.close == Some(0) => "cut off".into(),
        _ => "kept".into(),
    }
}

fn show(s: &Session) {
    let line = |name: &str, value: &str| println!("{name:13} {value}");
    line("session", &s.session);
    line("state", &state(s));
    line(
        "technician",
        &format!("{} ({})", s.technician_name, s.technician),
    );
    line("agent", &format!("{} (its session {})", s.agent, s.number));
    line("ticket", &s.ticket);
    line("started", &format!("{} UTC", time(s.started_ms)));
    if let Some(end) = s.closed_ms {
        line("closed", &format!("{} UTC", time(end)));
    }
    match s.close {
        Some(0) => line("ended", "not in order: the relay was cut off"),
        Some(code) => line(
            "ended",
            &format!("{} ({code})", CloseCode::from_number(code).sentence()),
        ),
        None => {}
    }
    if let (Some(records), Some(bytes)) = (s.records, s.bytes) {
        line("holds", &format!("{records} records, {}", size(bytes)));
    }
    if let Some(index) = s.ledger_index {
        line("ledger", &format!("entry {index}"));
    }
    if let Some(file) = &s.file {
        line("file", file);
    }
    if let Some(why) = &s.deleted_why {
        line("deleted", why);
    }
}

fn time(ms: u64) -> String {
    let (year, month, day) = crate::pure::calendar::date(ms / 86_400_000);
    let minutes = ms / 60_000 % 1_440;
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}",
        minutes / 60,
        minutes % 60
    )
}

fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
