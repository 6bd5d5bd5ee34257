//! One recording, from its first byte to its last, in constant memory.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use sightline_ends::replay::{RecordingOpener, ReplayError};
use sightline_program::report::Report;
use sightline_protocol::recording::{Entry, RecordingReader};
use sightline_protocol::verify::{Before, Fault, Finding, Place, Verifier};

use super::Trust;
use crate::pure::verdict::Checked;

/// Read ahead: 1 MB keeps a disk busy.
const AHEAD: usize = 1 << 20;
/// The progress is written that often.
const TICK: Duration = Duration::from_millis(500);

/// Verifies one file.
pub fn check(path: &Path, trust: &Trust, report: Report) -> anyhow::Result<Checked> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let size = file.metadata()?.len();
    let shown = path.to_owned();
    let mut reader = match RecordingReader::open(BufReader::with_capacity(AHEAD, file)) {
        Ok(reader) => reader,
        Err(error) => {
            let finding = Finding {
                fault: Fault::NotARecording,
                place: Place::default(),
                what: error.to_string(),
            };
            return Ok(Checked {
                path: shown,
                verdict: Err(finding),
            });
        }
    };
    let mut verifier = Verifier::new(&trust.bundle, reader.session());
    let mut opening = Opening::default();
    let mut progress = Progress::new(size, report);
    let verdict = loop {
        let before = Before {
            offset: reader.offset(),
            order: reader.order(),
        };
        progress.at(before.offset);
        match reader.next_entry() {
            Ok(Some(entry)) => {
                verifier.entry(before, &entry);
                opening.entry(before, &entry, trust, &mut verifier);
            }
            Ok(None) => break verifier.finish(before.offset, None),
            Err(error) => break verifier.finish(before.offset, Some(&error)),
        }
    };
    progress.done();
    Ok(Checked {
        path: shown,
        verdict: Ok(Box::new(verdict)),
    })
}

/// Opens what an auditor's key opens, so that a changed record is named exactly.
#[derive(Default)]
struct Opening {
    opener: Option<RecordingOpener>,
}

impl Opening {
    fn entry(&mut self, before: Before, entry: &Entry, trust: &Trust, verifier: &mut Verifier<'_>) {
        let Some(auditor) = &trust.auditor else {
            return;
        };
        match entry {
            Entry::Manifest(_) => {
                // An auditor who came later has no keys for older sessions: that is no fault.
                let manifest = verifier.manifest();
                self.opener = manifest.and_then(|m| match RecordingOpener::new(m, auditor) {
                    Ok(opener) => Some(opener),
                    Err(error) => {
                        tracing::info!("{error}");
                        None
                    }
                });
            }
            Entry::Record(record) => {
                let Some(opener) = &mut self.opener else {
                    return;
                };
                if let Err(error) = opener.open(record) {
                    self.opener = None; // what follows on that lane would fail, too
                    let fault = match error {
                        ReplayError::Content(_) => Fault::Damaged,
                        _ => Fault::Changed,
                    };
                    verifier.add(before, fault, error.to_string());
                }
            }
            _ => {}
        }
    }
}

/// How far a long file is, on a terminal.
struct Progress {
    size: u64,
    began: Instant,
    said: Instant,
    shown: bool,
    wanted: bool,
}

impl Progress {
    fn new(size: u64, report: Report) -> Progress {
        let now = Instant::now();
        Progress {
            size,
            began: now,
            said: now,
            shown: false,
            wanted: !report.is_json() && std::io::stderr().is_terminal(),
        }
    }

    fn at(&mut self, offset: u64) {
        if !self.wanted || self.said.elapsed() < TICK {
            return;
        }
        self.said = Instant::now();
        self.shown = true;
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = offset as f64 / 1e6 / seconds;
        let left = (self.size - offset.min(self.size)) as f64 / 1e6 / rate.max(0.001);
        let percent = offset * 100 / self.size.max(1);
        let _ = write!(
            std::io::stderr(),
            "\r{percent:3} %  {rate:.0} MB/s  {left:.0} s left   "
        );
    }

    fn done(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r{:40}\r", "");
        }
    }
}
