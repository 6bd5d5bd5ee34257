//! What the operator sees: one line per event on standard output, as words or as JSON. Nameplates appear; the
//! secret part of a code never does, because the relay never has it.

use std::io::Write;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use sightline_protocol::close::CloseCode;

use crate::io::desk::unix_ms;

/// Something the operator may want to know.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Line {
    Ready {
        listen: String,
        pin: String,
        receipt_key: String,
        organisation: String,
    },
    Recovered {
        file: String,
        kept_bytes: u64,
        cut_bytes: u64,
    },
    Allocated {
        agent: String,
        nameplate: u32,
    },
    Claimed {
        session: String,
        nameplate: u32,
        technician: String,
    },
    Begun {
        session: String,
    },
    Over {
        session: String,
        code: u16,
        words: &'static str,
        recorded_bytes: u64,
    },
    Refused {
        peer: String,
        address: String,
        code: u16,
        words: String,
    },
    Health {
        connections: usize,
        sessions: usize,
        recorded_records: u64,
        recorded_bytes: u64,
        forwarded_bytes: u64,
        free_bytes: Option<u64>,
    },
    Deleted {
        session: String,
        why: String,
    },
    Reloaded {
        organisation: String,
        serial: u64,
    },
    Stopping {
        sessions: usize,
    },
    Stopped,
}

impl Line {
    pub fn refused(peer: String, address: String, code: CloseCode, why: &str) -> Line {
        let words = if why.is_empty() { code.sentence() } else { why };
        Line::Refused {
            peer,
            address,
            code: code.number(),
            words: words.to_owned(),
        }
    }

    fn words(&self) -> String {
        match self {
            Line::Ready { listen, .. } => format!("ready on {listen}"),
            Line::Recovered {
                file,
                kept_bytes,
                cut_bytes,
            } => format!("recovered {file}: {kept_bytes} bytes kept, {cut_bytes} torn bytes cut"),
            Line::Allocated { agent, nameplate } => {
                format!("nameplate {nameplate:05} for agent {agent}")
            }
            Line::Claimed {
                session,
                nameplate,
                technician,
            } => format!("nameplate {nameplate:05} claimed by {technician}: session {session}"),
            Line::Begun { session } => format!("session {session} is being recorded"),
            Line::Over {
                session,
                code,
                words,
                recorded_bytes,
            } => format!(
                "session {session} is over: {words} ({code}), {recorded_bytes} bytes recorded"
            ),
            Line::Refused {
                peer,
                address,
                code,
                words,
            } => format!("refused {peer} at {address}: {words} ({code})"),
            Line::Health {
                connections,
                sessions,
                recorded_records,
                recorded_bytes,
                forwarded_bytes,
                free_bytes,
            } => {
                let free = free_bytes.map_or("unknown".to_owned(), mb);
                format!(
                    "{connections} connections, {sessions} sessions, {recorded_records} records of {} recorded, \
                     {} forwarded, {free} free",
                    mb(*recorded_bytes),
                    mb(*forwarded_bytes)
                )
            }
            Line::Deleted { session, why } => format!("recording {session} deleted: {why}"),
            Line::Reloaded {
                organisation,
                serial,
            } => format!("organisation {organisation} read again, serial {serial}"),
            Line::Stopping { sessions } => format!("stopping; {sessions} sessions are closed"),
            Line::Stopped => "stopped".into(),
        }
    }
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A line with its time, Unix milliseconds.
#[derive(Serialize)]
struct Stamped<'a> {
    #[serde(flatten)]
    line: &'a Line,
    at_ms: u64,
}

/// Lines that wait while nobody reads standard output; more are dropped, because a stalled log must not stop
/// sessions.
const WAITING: usize = 1_024;

/// Waiting for the last lines to be read when the relay stops.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where lines go. Never waits.
#[derive(Clone, Debug)]
pub struct Console {
    json: bool,
    lines: SyncSender<String>,
}

/// The thread that prints.
pub struct Printer(JoinHandle<()>);

impl Console {
    pub fn start(json: bool) -> (Console, Printer) {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let printer = thread::spawn(move || {
            for line in waiting {
                if writeln!(std::io::stdout().lock(), "{line}").is_err() {
                    return; // nobody will ever read: no reason to stop serving
                }
            }
        });
        (Console { json, lines }, Printer(printer))
    }

    pub fn say(&self, line: &Line) {
        let text = if self.json {
            let at_ms = unix_ms();
            serde_json::to_string(&Stamped { line, at_ms }).unwrap_or_default()
        } else {
            line.words()
        };
        let _ = self.lines.try_send(text);
    }
}

impl Printer {
    /// Waits until everything is printed, after the last console is dropped.
    pub fn finish(self) {
        let until = Instant::now() + LAST_LINES;
        while !self.0.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
