//! What a Linux computer's own tools say about it, read into facts. Their formats: systemctl(1) `--output=json`,
//! systemd.journal-fields(7) as `journalctl --output=json` writes them, dpkg's log, pacman's log.

use serde::Deserialize;
use sightline_ends::content::{JournalEntry, Service, Update};
use sightline_ends::text::harmless;

/// Longest text in characters: a line of the journal, cut.
const TEXT: usize = 500;
/// Most lines of each list; together below what a record holds.
const SERVICES: usize = 200;
pub const ERRORS: usize = 50;
const UPDATES: usize = 100;

#[derive(Deserialize)]
struct Unit {
    unit: String,
    active: String,
    sub: String,
    description: String,
}

/// From `systemctl list-units --type=service --all --output=json`; those that failed come first.
pub fn services(json: &[u8], of_user: bool) -> Result<Vec<Service>, String> {
    let units: Vec<Unit> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut services: Vec<Service> = units
        .into_iter()
        .map(|unit| Service {
            name: harmless(&unit.unit, TEXT),
            description: harmless(&unit.description, TEXT),
            state: harmless(&format!("{} ({})", unit.active, unit.sub), TEXT),
            of_user,
        })
        .collect();
    services.sort_by_key(|service| !service.state.starts_with("failed"));
    services.truncate(SERVICES);
    Ok(services)
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at_us: String,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    from: Option<String>,
    /// A list of numbers when it is not UTF-8.
    #[serde(rename = "MESSAGE", default)]
    text: serde_json::Value,
}

/// From `journalctl --output=json --reverse`: one object a line. Lines that are none are passed over.
pub fn errors(lines: &str) -> Vec<JournalEntry> {
    let entries = lines.lines().filter_map(|line| {
        let line: Line = serde_json::from_str(line).ok()?;
        Some(JournalEntry {
            at_ms: line.at_us.parse::<u64>().ok()? / 1_000,
            from: harmless(&line.from.unwrap_or_default(), TEXT),
            text: harmless(line.text.as_str().unwrap_or("(not text)"), TEXT),
        })
    });
    entries.take(ERRORS).collect()
}

/// From dpkg's log (`2026-11-02 08:01:17 upgrade bash:amd64 5.2-1 5.2-2`), newest first.
pub fn dpkg(log: &str) -> Vec<Update> {
    let updates = log.lines().rev().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (date, time, action) = (words.next()?, words.next()?, words.next()?);
        let (package, from, to) = (words.next()?, words.next()?, words.next()?);
        (action == "upgrade").then(|| Update {
            at: harmless(&format!("{date} {time}"), TEXT),
            package: harmless(package, TEXT),
            from_version: harmless(from, TEXT),
            to_version: harmless(to, TEXT),
        })
    });
    updates.take(UPDATES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_services_come_first() {
        let json = br#"[
            {"unit":"cron.service","load":"loaded","active":"active","sub":"running","description":"Regular programs"},
            {"unit":"cups.service","load":"loaded","active":"failed","sub":"failed","description":"Printing"}
        ]"#;
        let services = services(json, false).unwrap();
        assert_eq!(services[0].name, "cups.service");
        assert_eq!(services[0].state, "failed (failed)");
        assert_eq!(services.len(), 2);
        assert!(super::services(b"no json", false).is_err());
    }

    #[test]
    fn the_journal_may_hold_anything() {
        let lines = concat!(
            r#"{"__REALTIME_TIMESTAMP":"1790000000123456","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"disk \u001b[31mbad"}"#,
            "\nnot json\n",
            r#"{"__REALTIME_TIMESTAMP":"1790000000000000","MESSAGE":[255,254]}"#,
        );
        let errors = errors(lines);
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].at_ms, 1_790_000_000_123);
        assert_eq!(errors[0].text, "disk  [31mbad");
        assert_eq!((&*errors[1].from, &*errors[1].text), ("", "(not text)"));
    }

    #[test]
    fn updates_are_read_from_the_end() {
        let log = "2026-11-01 08:00:00 status installed x:amd64 1\n\
                   2026-11-01 08:00:01 upgrade a:amd64 1.0 1.1\n\
                   2026-11-02 09:00:00 install b:amd64 <none> 2\n\
                   2026-11-03 10:00:00 upgrade c:all 3 4\ntorn";
        let packages: Vec<String> = dpkg(log).into_iter().map(|update| update.package).collect();
        assert_eq!(packages, ["c:all", "a:amd64"]);
    }
}
