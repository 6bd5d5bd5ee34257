//! `sightline search`: where in some recordings all of these words stand.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use sightline_program::exit;
use sightline_program::report::Report;

use super::source::{Auditor, Source};
use crate::pure::evidence::event::Event;
use crate::pure::evidence::events::Events;
use crate::pure::evidence::rows::clock;
use crate::pure::evidence::words::{Words, context};

/// The extension of recordings in a folder.
const EXTENSION: &str = "slrec";
/// Kinds of events that are words of people and programs. The others are counts.
const WORDY: [&str; 10] = [
    "began",
    "window",
    "typed",
    "chat",
    "clipboard-content",
    "file",
    "file-asked",
    "shell-opened",
    "shell-input",
    "shell-output",
];

/// What `sightline search` takes.
#[derive(Args)]
#[command(override_usage = "sightline search --key <FILE> <RECORDING>... <WORDS>
       sightline search --key <FILE> --words <WORDS> <RECORDING>...")]
pub struct SearchArgs {
    /// Recordings (.slrec), or folders with recordings; the last argument is the words, unless --words says them.
    ///
    /// Several words are one argument, in quotes: sightline search 2026-11 "printer works".
    #[arg(required = true, value_name = "RECORDING")]
    files: Vec<PathBuf>,
    /// The words. All of them must stand in one place, in any case: in a few lines of a terminal, a chat line, a
    /// file's name, a window's title, a typed text, or the session's names, reason and ticket.
    #[arg(short, long, value_name = "WORDS")]
    words: Option<String>,
    /// Your auditor's file.
    #[arg(long, env = "SIGHTLINE_KEY", value_name = "FILE")]
    key: PathBuf,
}

impl SearchArgs {
    /// Where to look, and for what.
    fn places(&self) -> anyhow::Result<(&[PathBuf], &str)> {
        if let Some(words) = &self.words {
            return Ok((&self.files, words));
        }
        match self.files.split_last() {
            Some((words, files)) if !files.is_empty() => {
                let words = words.to_str().context("the words are not UTF-8")?;
                Ok((files, words))
            }
            _ => bail!("say the recordings and then the words, in quotes if they are several"),
        }
    }
}

/// Looks through every file. 0: found; 1: nothing found; 3: not everything could be read.
pub fn run(args: &SearchArgs, report: Report) -> anyhow::Result<ExitCode> {
    let (files, words) = args.places()?;
    let Some(words) = Words::of(words) else {
        bail!("there is no word to look for");
    };
    let mut search = Search {
        auditor: Auditor::read(&args.key)?,
        words,
        report,
        colour: !report.is_json() && io::stdout().is_terminal(),
        found: 0,
        unread: 0,
    };
    for path in files {
        search.path(path);
    }
    Ok(match (search.found, search.unread) {
        (_, 1..) => ExitCode::from(exit::PARTLY),
        (0, 0) => ExitCode::FAILURE,
        (_, 0) => ExitCode::SUCCESS,
    })
}

struct Search {
    auditor: Auditor,
    words: Words,
    report: Report,
    colour: bool,
    found: u64,
    unread: u64,
}

impl Search {
    /// A file, or everything in a folder, in the order of names. Links inside folders are not followed.
    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path);
        }
        let listed = std::fs::read_dir(path).and_then(|entries| {
            let mut paths = Vec::new();
            for entry in entries {
                let entry = entry?;
                let (kind, path) = (entry.file_type()?, entry.path());
                let recording = path.extension().is_some_and(|e| e == EXTENSION);
                if kind.is_dir() || (kind.is_file() && recording) {
                    paths.push(path);
                }
            }
            paths.sort();
            Ok(paths)
        });
        match listed {
            Ok(paths) => paths.iter().for_each(|path| self.path(path)),
            Err(error) => self.bad(path, &format!("cannot list the folder: {error}")),
        }
    }

    fn file(&mut self, path: &Path) {
        if let Err(error) = self.look(path) {
            self.bad(path, &format!("{error:#}"));
        }
    }

    fn bad(&mut self, path: &Path, why: &str) {
        self.unread += 1;
        if self.report.is_json() {
            let facts = json!({ "file": path.display().to_string(), "why": why });
            self.report.note("not_searched", facts);
        } else {
            eprintln!("{}: {why}", path.display());
        }
    }

    fn look(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut source = Source::open(path, &self.auditor)?;
        self.event(path, &source.began());
        let mut events = Events::default();
        let read = loop {
            match source.next_content() {
                Ok(Some((header, content))) => {
                    for event in events.take(&header, &content) {
                        self.event(path, &event);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        for event in events.finish() {
            self.event(path, &event);
        }
        read.context("not searched further than here")?;
        if let Some(why) = source.broken {
            bail!("not searched to its end: {why}");
        }
        Ok(())
    }

    fn event(&mut self, path: &Path, event: &Event) {
        if event.kind == "sealed" && !self.report.is_json() {
            eprintln!("{}: {}", path.display(), event.text);
        }
        if !WORDY.contains(&event.kind) {
            return;
        }
        // The text after corrections is what most people look for.
        let texts = [event.edited.as_deref(), Some(event.text.as_str())];
        for text in texts.into_iter().flatten() {
            if let Some(places) = self.words.find(text) {
                self.found += 1;
                return self.say(path, event, &context(text, &places));
            }
        }
    }

    fn say(&self, path: &Path, event: &Event, pieces: &[(String, bool)]) {
        let plain: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let facts = json!({
            "file": path.display().to_string(),
            "offset_us": event.offset_us(),
            "kind": event.kind,
            "lane": event.lane,
            "context": plain,
            "matches": pieces.iter().filter(|(_, hit)| *hit).map(|(text, _)| text).collect::<Vec<_>>(),
        });
        let shown: String = pieces
            .iter()
            .map(|(text, hit)| match *hit && self.colour {
                true => format!("\x1b[1;31m{text}\x1b[0m"),
                false => text.clone(),
            })
            .collect();
        let words = format!(
            "{}  {}  {}  {shown}",
            path.display(),
            clock(event.offset_us()),
            event.kind
        );
        self.report.say("found", facts, words);
    }
}
