//! The lists that only Linux's own tools know: services, the journal's errors, updates.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sightline_ends::content::Facts;

use crate::pure::facts::{self, ERRORS};

/// For one of the tools to answer: 5 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a tool's answer that are read: far more than the lists hold.
const ANSWER: u64 = 4 << 20;
/// Bytes at the end of a log that are read: some thousand lines.
const TAIL: u64 = 1 << 20;
/// How Debian's package manager keeps its log.
const DPKG: &str = "/var/log/dpkg.log";

/// Adds the lists; what cannot be had is said.
pub fn add(to: &mut Facts) {
    let missing = |what: &str, why: String| format!("{what}: {why}");
    for (of_user, scope) in [(false, "--system"), (true, "--user")] {
        let args = [
            scope,
            "list-units",
            "--type=service",
            "--all",
            "--output=json",
            "--no-pager",
        ];
        let found = tool("systemctl", &args).and_then(|json| facts::services(&json, of_user));
        match found {
            Ok(services) => to.services.extend(services),
            Err(why) => to.missing.push(missing("services", why)),
        }
    }
    let count = format!("--lines={ERRORS}");
    let args = [
        "--priority=err",
        "--reverse",
        "--output=json",
        "--no-pager",
        &count,
    ];
    match tool("journalctl", &args) {
        Ok(lines) => to.errors = facts::errors(&String::from_utf8_lossy(&lines)),
        Err(why) => to.missing.push(missing("errors of the journal", why)),
    }
    match tail(DPKG) {
        Ok(log) => to.updates = facts::dpkg(&log),
        Err(why) => to
            .missing
            .push(missing("installed updates", format!("{DPKG}: {why}"))),
    }
}

/// The tool's answer, if it comes in time and the tool is content.
fn tool(name: &str, args: &[&str]) -> Result<Vec<u8>, String> {
    let words = |error: std::io::Error| format!("{name}: {error}");
    let mut child = Command::new(name)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(words)?;
    let out = child.stdout.take().ok_or("no answer")?;
    let reading = std::thread::spawn(move || {
        let mut answer = Vec::new();
        out.take(ANSWER).read_to_end(&mut answer).map(|_| answer)
    });
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(words)? {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} does not answer"));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let answer = reading.join().map_err(|_| "no answer")?.map_err(words)?;
    match status.success() {
        true => Ok(answer),
        false => Err(format!("{name} ended with {status}")),
    }
}

fn tail(path: &str) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
