//! A terminal as an asciicast, version 2 or 3 (docs.asciinema.org): a header line, then one event a line. Version 2
//! counts time from the beginning, version 3 from the event before.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

/// Which version is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Two,
    Three,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Character cells.
    pub columns: u16,
    pub rows: u16,
    /// As in TERM; may be empty.
    pub term: String,
    /// Seconds since 1970 at which the terminal was opened.
    pub unix_s: u64,
    pub title: String,
    /// What ran; may be empty.
    pub program: String,
}

/// Writes one terminal.
pub struct Cast<W> {
    out: W,
    version: Version,
    began: Duration,
    last: Duration,
    /// The beginning of a character whose rest is in the next record.
    half: Vec<u8>,
}

impl<W: Write> Cast<W> {
    /// Begins at this time of the session.
    pub fn begin(
        mut out: W,
        version: Version,
        head: &Head,
        began: Duration,
    ) -> io::Result<Cast<W>> {
        let line = match version {
            Version::Two => {
                let mut line = json!({
                    "version": 2, "width": head.columns, "height": head.rows,
                    "timestamp": head.unix_s, "title": head.title,
                });
                put(&mut line, "command", &head.program);
                if !head.term.is_empty() {
                    line["env"] = json!({ "TERM": head.term });
                }
                line
            }
            Version::Three => {
                let mut term = json!({ "cols": head.columns, "rows": head.rows });
                put(&mut term, "type", &head.term);
                let mut line = json!({
                    "version": 3, "term": term, "timestamp": head.unix_s, "title": head.title,
                });
                put(&mut line, "command", &head.program);
                line
            }
        };
        writeln!(out, "{line}")?;
        Ok(Cast {
            out,
            version,
            began,
            last: began,
            half: Vec::new(),
        })
    }

    /// What the program wrote.
    pub fn output(&mut self, at: Duration, bytes: &[u8]) -> io::Result<()> {
        self.half.extend_from_slice(bytes);
        let whole = self.half.len() - unfinished(&self.half);
        let rest = self.half.split_off(whole);
        let text = String::from_utf8_lossy(&self.half).into_owned();
        self.half = rest;
        if text.is_empty() {
            return Ok(());
        }
        self.event(at, "o", &text)
    }

    pub fn resize(&mut self, at: Duration, columns: u16, rows: u16) -> io::Result<()> {
        self.event(at, "r", &format!("{columns}x{rows}"))
    }

    /// The program ended. Version 2 has no word for that.
    pub fn exit(&mut self, at: Duration, code: i32) -> io::Result<()> {
        self.flush_half(at)?;
        match self.version {
            Version::Two => Ok(()),
            Version::Three => self.event(at, "x", &code.to_string()),
        }
    }

    /// Ends; hands the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_half(self.last)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush_half(&mut self, at: Duration) -> io::Result<()> {
        if self.half.is_empty() {
            return Ok(());
        }
        self.half.clear();
        self.event(at, "o", "\u{fffd}")
    }

    fn event(&mut self, at: Duration, code: &str, text: &str) -> io::Result<()> {
        // The two ends' clocks differ a little; time never runs back.
        let at = at.max(self.last);
        let time = match self.version {
            Version::Two => at - self.began,
            Version::Three => at - self.last,
        };
        self.last = at;
        writeln!(self.out, "{}", json!([time.as_secs_f64(), code, text]))
    }
}

fn put(object: &mut Value, name: &str, text: &str) {
    if !text.is_empty() {
        object[name] = text.into();
    }
}

/// How many bytes at the end are the beginning of a character that is not there yet.
fn unfinished(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match std::str::from_utf8(&bytes[at..]) {
            Ok(_) => return 0,
            Err(error) => match error.error_len() {
                Some(length) => at += error.valid_up_to() + length,
                None => return bytes.len() - at - error.valid_up_to(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(version: Version) -> Vec<Value> {
        let head = Head {
            columns: 80,
            rows: 24,
            term: "xterm-256color".into(),
            unix_s: 1_800_000_000,
            title: "Tess".into(),
            program: "/bin/bash".into(),
        };
        let ms = Duration::from_millis;
        let mut cast = Cast::begin(Vec::new(), version, &head, ms(1_000)).unwrap();
        cast.output(ms(1_500), b"Gr\xc3").unwrap();
        cast.output(ms(1_750), b"\xbc\xff\"\r\n").unwrap();
        cast.resize(ms(1_700), 100, 30).unwrap();
        cast.output(ms(2_000), b"\xe4\xb8").unwrap();
        cast.exit(ms(2_250), 130).unwrap();
        let bytes = cast.finish().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn version_2_counts_from_the_beginning() {
        let lines = cast(Version::Two);
        assert_eq!(lines[0]["version"], 2);
        assert_eq!(
            (&lines[0]["width"], &lines[0]["height"]),
            (&json!(80), &json!(24))
        );
        assert_eq!(lines[0]["env"]["TERM"], "xterm-256color");
        assert_eq!(
            lines[1..],
            [
                json!([0.5, "o", "Gr"]),
                json!([0.75, "o", "ü\u{fffd}\"\r\n"]),
                json!([0.75, "r", "100x30"]),
                json!([1.25, "o", "\u{fffd}"]),
            ]
        );
    }

    #[test]
    fn version_3_counts_from_the_event_before() {
        let lines = cast(Version::Three);
        assert_eq!(lines[0]["version"], 3);
        assert_eq!(
            lines[0]["term"],
            json!({"cols": 80, "rows": 24, "type": "xterm-256color"})
        );
        assert_eq!(
            lines[1..],
            [
                json!([0.5, "o", "Gr"]),
                json!([0.25, "o", "ü\u{fffd}\"\r\n"]),
                json!([0.0, "r", "100x30"]),
                json!([0.5, "o", "\u{fffd}"]),
                json!([0.0, "x", "130"]),
            ]
        );
    }
}
