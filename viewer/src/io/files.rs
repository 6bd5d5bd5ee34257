//! `sightline send`, `fetch` and `list`: files, over a session that runs.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use sightline_ends::content::{Amount, Collision, EntryKind, MOST_NAMES, PathBytes};
use sightline_ends::transfer::shown;
use sightline_program::exit;
use sightline_program::report::{Report, sentence};
use sightline_program::transfer::amount_text;
use sightline_protocol::capability::Capability;
use sightline_protocol::close::CloseCode;

use super::interrupt::Interrupt;
use super::local::client::{self, Hearing, Saying, Session};
use super::local::{FilesNews, FilesOrder, FromCommand, FromHolder};
use crate::pure::files_text;

/// What happens to files that are there already.
#[derive(Clone, Copy, ValueEnum)]
pub enum OnCollision {
    /// The new one gets another name: `report (2).pdf`.
    Keep,
    /// The new one takes its place.
    Replace,
    /// The old one stays, and the new one is left out.
    Skip,
}

impl From<OnCollision> for Collision {
    fn from(choice: OnCollision) -> Collision {
        match choice {
            OnCollision::Keep => Collision::KeepBoth,
            OnCollision::Replace => Collision::Replace,
            OnCollision::Skip => Collision::Skip,
        }
    }
}

#[derive(Args)]
pub struct SendArgs {
    /// Files and folders here.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder at the user's, from the user's home if it is not absolute. Default: the folder for downloads.
    #[arg(long, value_name = "FOLDER")]
    to: Option<OsString>,
    /// What to do with files that are there already. Without it you are asked, or, where you cannot be, both are kept.
    #[arg(long, value_enum, value_name = "WHAT")]
    on_collision: Option<OnCollision>,
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

#[derive(Args)]
pub struct FetchArgs {
    /// Files and folders at the user's, from the user's home if they are not absolute.
    #[arg(required = true, value_name = "REMOTE")]
    paths: Vec<OsString>,
    /// The folder here.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,
    /// What to do with files that are here already. Without it you are asked, or, where you cannot be, both are kept.
    #[arg(long, value_enum, value_name = "WHAT")]
    on_collision: Option<OnCollision>,
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

#[derive(Args)]
pub struct ListArgs {
    /// A folder at the user's, from the user's home if it is not absolute.
    #[arg(value_name = "REMOTE", default_value = "")]
    path: OsString,
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

pub fn send(args: &SendArgs, report: Report) -> anyhow::Result<ExitCode> {
    let absolute = |path: &PathBuf| {
        let absolute = std::path::absolute(path)?;
        Ok(absolute.as_os_str().as_bytes().to_vec())
    };
    let paths = args.paths.iter().map(absolute);
    let order = FilesOrder {
        paths: paths.collect::<std::io::Result<_>>()?,
        to: args.to.as_ref().map_or_else(Vec::new, bytes),
        collision: args.on_collision.map(Collision::from),
    };
    run(
        args.session.as_deref(),
        order,
        FromCommand::SendFiles,
        report,
    )
}

pub fn fetch(args: &FetchArgs, report: Report) -> anyhow::Result<ExitCode> {
    if args.paths.len() > MOST_NAMES {
        bail!("at most {MOST_NAMES} paths at a time: fetch the folder that they are in");
    }
    let to = std::path::absolute(&args.to)?;
    let order = FilesOrder {
        paths: args.paths.iter().map(bytes).collect(),
        to: to.as_os_str().as_bytes().to_vec(),
        collision: args.on_collision.map(Collision::from),
    };
    run(
        args.session.as_deref(),
        order,
        FromCommand::FetchFiles,
        report,
    )
}

fn bytes(text: &OsString) -> PathBytes {
    text.as_bytes().to_vec()
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

async fn join(session: Option<&str>) -> anyhow::Result<Session> {
    let session = client::join(session).await?;
    if !session.welcome.allowed.contains(Capability::Files) {
        bail!(
            "the user of {} has not allowed files: connect again with --ask view,control,files",
            session.welcome.computer
        );
    }
    Ok(session)
}

fn run(
    session: Option<&str>,
    mut order: FilesOrder,
    command: fn(FilesOrder) -> FromCommand,
    report: Report,
) -> anyhow::Result<ExitCode> {
    let terminal = std::io::stderr().is_terminal() && !report.is_json();
    let asks = terminal && std::io::stdin().is_terminal();
    if !asks {
        order.collision = order.collision.or(Some(Collision::KeepBoth));
    }
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let session = join(session).await?;
        let mut following = Following {
            computer: session.welcome.computer,
            says: session.says,
            hears: session.hears,
            interrupt: Interrupt::listen(),
            report,
            shows_progress: terminal,
            allowed: false,
            copied: Amount::default(),
            troubles: 0,
        };
        following.says.say(command(order)).await?;
        following.follow().await
    });
    // A line that is being typed is not waited for.
    runtime.shutdown_background();
    result
}

/// A transfer, as its command follows it.
struct Following {
    computer: String,
    says: Saying,
    hears: Hearing,
    interrupt: Interrupt,
    report: Report,
    shows_progress: bool,
    /// The user has allowed it.
    allowed: bool,
    copied: Amount,
    troubles: u64,
}

impl Following {
    async fn follow(&mut self) -> anyhow::Result<ExitCode> {
        let mut interrupted = false;
        loop {
            let heard = tokio::select! {
                heard = self.hears.next() => heard?,
                () = self.interrupt.pressed(), if !interrupted => {
                    interrupted = true;
                    self.says.say(FromCommand::StopFiles(())).await?;
                    continue;
                }
            };
            match heard {
                FromHolder::Files(FilesNews::Exists(names)) => {
                    let chosen = tokio::select! {
                        chosen = ask(names) => chosen?,
                        () = self.interrupt.pressed(), if !interrupted => {
                            interrupted = true;
                            FromCommand::StopFiles(())
                        }
                    };
                    self.says.say(chosen).await?;
                }
                FromHolder::Files(news) => {
                    if let Some(code) = self.news(news)? {
                        return Ok(code);
                    }
                }
                FromHolder::Refused(why) => bail!(why),
                FromHolder::Over(code) => {
                    self.clear_line();
                    bail!(sentence(&CloseCode::from_number(code).to_string()))
                }
                _ => {}
            }
        }
    }

    fn clear_line(&self) {
        if self.shows_progress {
            eprint!("\r\x1b[K");
        }
    }

    /// Says what happened; the exit code when it is over.
    fn news(&mut self, news: FilesNews) -> anyhow::Result<Option<ExitCode>> {
        let report = self.report;
        if !matches!(news, FilesNews::Progress(_)) {
            self.clear_line();
        }
        match news {
            FilesNews::Asking(amount) => {
                let facts = json!({ "files": amount.files, "bytes": amount.bytes });
                let what = match amount.files {
                    0 => String::new(),
                    _ => format!(" ({})", amount_text(amount)),
                };
                let words = format!("Waiting for the user of {}{what}…", self.computer);
                report.say("asking", facts, words);
            }
            FilesNews::Allowed(amount) => {
                let facts = json!({ "files": amount.files, "bytes": amount.bytes });
                self.allowed = true;
                report.note("allowed", facts);
            }
            FilesNews::Progress(progress) => {
                if self.shows_progress {
                    eprint!("\r\x1b[K{}", files_text::progress(&progress));
                    let _ = std::io::stderr().flush();
                }
                let facts = json!({
                    "files": progress.done.files,
                    "bytes": progress.done.bytes,
                    "of_files": progress.of.files,
                    "of_bytes": progress.of.bytes,
                    "bytes_per_s": progress.rate,
                    "left_s": progress.left_s,
                });
                report.note("progress", facts);
            }
            FilesNews::Placed(path, note) => {
                self.copied.files += 1;
                self.copied.bytes += note.bytes;
                let facts = json!({
                    "path": path,
                    "name": note.name,
                    "bytes": note.bytes,
                    "sha256": note.sha256.to_string(),
                });
                report.note("file", facts);
            }
            FilesNews::Skipped(path) => {
                let words = format!("{path}: is there already, left out");
                report.say("skipped", json!({ "path": path }), words);
            }
            FilesNews::Failed(path, why) => {
                self.troubles += 1;
                let words = match path.is_empty() {
                    true => why.clone(),
                    false => format!("{path}: {why}"),
                };
                report.say("not_copied", json!({ "path": path, "why": why }), words);
            }
            FilesNews::Done(files) => {
                let copied = Amount {
                    files,
                    bytes: self.copied.bytes,
                };
                let facts =
                    json!({ "files": files, "bytes": copied.bytes, "not_copied": self.troubles });
                report.say("copied", facts, format!("{} copied.", amount_text(copied)));
                return Ok(Some(match self.troubles {
                    0 => ExitCode::SUCCESS,
                    _ => ExitCode::from(exit::PARTLY),
                }));
            }
            FilesNews::Ended(why) if self.allowed => bail!(
                "{why} ({} copied so far; the same command goes on from there)",
                amount_text(self.copied)
            ),
            FilesNews::Ended(why) => bail!(why),
            FilesNews::Exists(_) => {}
        }
        Ok(None)
    }
}

/// Asks the technician in the terminal.
async fn ask(names: Vec<PathBytes>) -> anyhow::Result<FromCommand> {
    let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
    let question = format!(
        "There already: {}. Keep both, replace, or skip? [K/r/s] ",
        names.join(", ")
    );
    let answer = tokio::task::spawn_blocking(move || {
        loop {
            eprint!("{question}");
            let mut line = String::new();
            if std::io::stdin().read_line(&mut line)? == 0 {
                return Ok(FromCommand::StopFiles(()));
            }
            let choice = match line.trim().to_lowercase().as_str() {
                "" | "k" | "keep" => Collision::KeepBoth,
                "r" | "replace" => Collision::Replace,
                "s" | "skip" => Collision::Skip,
                _ => continue,
            };
            return anyhow::Ok(FromCommand::Choose(choice));
        }
    });
    answer.await.context("the question was lost")?
}

pub fn list(args: &ListArgs, report: Report) -> anyhow::Result<()> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut session = join(args.session.as_deref()).await?;
        let path = bytes(&args.path);
        session.says.say(FromCommand::ListFolder(path)).await?;
        let mut count = 0;
        loop {
            match session.hears.next().await? {
                FromHolder::Listing(part) => {
                    if count == 0 && !report.is_json() {
                        report.say("", json!({}), shown(&part.path));
                    }
                    for listed in &part.entries {
                        count += 1;
                        let kind = match listed.kind {
                            Some(EntryKind::Folder) => "folder",
                            Some(EntryKind::File { .. }) => "file",
                            None => "other",
                        };
                        let bytes = match listed.kind {
                            Some(EntryKind::File { bytes, .. }) => Some(bytes),
                            _ => None,
                        };
                        let facts = json!({
                            "folder": shown(&part.path),
                            "name": shown(&listed.name),
                            "kind": kind,
                            "bytes": bytes,
                            "modified_ms": listed.modified_ms,
                        });
                        report.say("entry", facts, files_text::line(listed));
                    }
                    if part.last {
                        report.note(
                            "listed",
                            json!({ "folder": shown(&part.path), "entries": count }),
                        );
                        return Ok(());
                    }
                }
                FromHolder::Refused(why) => bail!(why),
                FromHolder::Files(FilesNews::Ended(why)) => bail!(why),
                FromHolder::Over(code) => {
                    bail!(sentence(&CloseCode::from_number(code).to_string()))
                }
                _ => {}
            }
        }
    })
}
