//! Events as rows for other systems: flat JSON objects with ECS-like names, and cells of a table.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sightline_protocol::id::Author;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::Event;

/// What `--help` says about the fields.
pub const FIELDS: &str = "\
Fields of --jsonl (one event a line), and the columns of --csv:
  @timestamp                    RFC 3339, UTC: the session's start by the agent's clock + the record's time
  event.sequence                counts the events of this file from 0
  event.action                  began, screen, window, pictures, typed, click, pointing, chat, file-asked,
                                file-allowed, file-refused, file, file-failed, file-done, file-ended, files-listed, shell-open,
                                shell-opened, shell-input, shell-output, shell-resize, shell-close, shell-exit,
                                shell-failed, clipboard, clipboard-content, clipboard-failed, facts-asked, facts, note, grants, refused, bye, sealed, ended
  message                       the text: the window's title, the terminal's lines, the keys typed, …
  user.name                     the author: the technician's name, or `agent`
  sightline.author_fingerprint  of the author's key
  sightline.session             the session
  sightline.class               picture, input, shell, file, clipboard, chat, control, clipboard-content
  sightline.lane                tells terminals apart
  sightline.offset_us           microseconds since the session's start; negative: words from before the consent
  and by action: sightline.typed (the text after corrections), sightline.updates, .bytes, .records, .until_us,
  .files, .transfer, .form, .content, .movements, .width, .height, .columns, .rows, .term, .button, .x, .y, .allowed, .close, .direction, .reason,
  .ticket, .consent, .granted, .organisation, .before_consent, file.name, file.size, file.hash.sha256, process.exit_code,
  process.command_line.
In --csv these last ones stand as one JSON object in the column `details`. An event `sealed` says how much of a class this key
does not open. Typed text is exported as it was typed, passwords too: keep the export as safe as the recording.";

/// The table's columns.
pub const COLUMNS: [&str; 11] = [
    "@timestamp",
    "event.sequence",
    "event.action",
    "message",
    "user.name",
    "sightline.author_fingerprint",
    "sightline.session",
    "sightline.class",
    "sightline.lane",
    "sightline.offset_us",
    "details",
];

/// What all rows of a recording share.
pub struct Session {
    pub id: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    pub technician: String,
    pub technician_fingerprint: String,
    pub agent_fingerprint: String,
}

impl Session {
    /// RFC 3339 with microseconds, UTC.
    fn time(&self, event: &Event) -> String {
        let micros = i128::from(self.started_ms) * 1_000 + i128::from(event.offset_us());
        OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_default()
    }

    fn fixed(&self, number: u64, event: &Event) -> Vec<(&'static str, Value)> {
        let mut fields: Vec<(&str, Value)> = vec![
            ("@timestamp", self.time(event).into()),
            ("event.sequence", number.into()),
            ("event.action", event.kind.into()),
            ("message", event.text.as_str().into()),
        ];
        match event.author {
            Some(Author::AGENT) => {
                fields.push(("user.name", "agent".into()));
                let fingerprint = self.agent_fingerprint.as_str();
                fields.push(("sightline.author_fingerprint", fingerprint.into()));
            }
            Some(_) => {
                fields.push(("user.name", self.technician.as_str().into()));
                let fingerprint = self.technician_fingerprint.as_str();
                fields.push(("sightline.author_fingerprint", fingerprint.into()));
            }
            None => {}
        }
        fields.push(("sightline.session", self.id.as_str().into()));
        if let Some(class) = event.class {
            fields.push(("sightline.class", class.word().into()));
        }
        if let Some(lane) = event.lane {
            fields.push(("sightline.lane", lane.into()));
        }
        fields.push(("sightline.offset_us", event.offset_us().into()));
        fields
    }

    /// The event as one flat object.
    pub fn object(&self, number: u64, event: &Event) -> Value {
        let named = |(name, value): (&'static str, Value)| (name.to_owned(), value);
        let fixed = self.fixed(number, event).into_iter().map(named);
        let facts = event.facts.iter().cloned().map(named);
        Value::Object(fixed.chain(facts).collect())
    }

    /// The event as cells for [`COLUMNS`].
    pub fn cells(&self, number: u64, event: &Event) -> Vec<String> {
        let fixed = self.fixed(number, event);
        let details: Map<String, Value> = event
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        COLUMNS
            .iter()
            .map(
                |column| match fixed.iter().find(|(name, _)| name == column) {
                    Some((_, Value::String(text))) => inert(text),
                    Some((_, value)) => value.to_string(),
                    None if *column == "details" && !details.is_empty() => {
                        Value::Object(details.clone()).to_string()
                    }
                    None => String::new(),
                },
            )
            .collect()
    }
}

/// A text that no spreadsheet takes for a formula: those begin with one of a few characters (OWASP, "CSV injection"),
/// also behind blanks. An apostrophe before it makes it text.
pub fn inert(text: &str) -> String {
    let first = text
        .trim_start_matches([' ', '\u{a0}', '\n'])
        .chars()
        .next();
    let dangerous = [
        '=', '+', '-', '@', '\t', '\r', '|', '%', '＝', '＋', '－', '＠',
    ];
    if first.is_some_and(|c| dangerous.contains(&c)) {
        return format!("'{text}");
    }
    text.to_owned()
}

/// Hours, minutes and seconds, as `01:02:03`; `-00:00:05` before the session's start.
pub fn clock(offset_us: i64) -> String {
    let seconds = offset_us.unsigned_abs() / 1_000_000;
    let mut text = if offset_us < 0 { "-" } else { "" }.to_owned();
    let _ = write!(
        text,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn session() -> Session {
        Session {
            id: "07".into(),
            started_ms: 1_800_000_000_000,
            technician: "Tess".into(),
            technician_fingerprint: "aa".into(),
            agent_fingerprint: "bb".into(),
        }
    }

    #[test]
    fn an_event_is_one_flat_object_or_row() {
        let mut event =
            Event::of_recording(Duration::from_micros(1_500_250), "chat", "=1+1".into());
        event.author = Some(Author::FIRST_TECHNICIAN);
        event.facts.push(("file.size", 7.into()));
        let object = session().object(3, &event);
        assert_eq!(object["@timestamp"], "2027-01-15T08:00:01.50025Z");
        assert_eq!(object["user.name"], "Tess");
        assert_eq!(object["message"], "=1+1");
        assert_eq!(object["file.size"], 7);
        let cells = session().cells(3, &event);
        assert_eq!(cells.len(), COLUMNS.len());
        assert_eq!(cells[3], "'=1+1");
        assert_eq!(cells[10], "{\"file.size\":7}");
    }

    #[test]
    fn what_was_said_before_the_start_has_a_time_before_it() {
        let mut event = Event::of_recording(Duration::from_millis(500), "chat", "hello".into());
        event.ago = Duration::from_secs(2);
        let object = session().object(0, &event);
        assert_eq!(object["@timestamp"], "2027-01-15T07:59:58.5Z");
        assert_eq!(object["sightline.offset_us"], -1_500_000);
        assert_eq!(clock(event.offset_us()), "-00:00:01");
        assert_eq!(clock(3_723_000_000), "01:02:03");
    }

    #[test]
    fn formulas_become_text() {
        for formula in [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "  =1",
            "\r=1",
            "＝1",
        ] {
            assert!(inert(formula).starts_with('\''), "{formula:?}");
        }
        assert_eq!(inert("a = b"), "a = b");
        assert_eq!(inert(""), "");
    }
}
