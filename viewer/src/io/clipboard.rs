//! `sightline clipboard get` and `put`: clipboards, over a session that runs.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use sightline_ends::clipboard::LARGEST;
use sightline_ends::content::Form;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Digest;

use super::local::client::{self, Session};
use super::local::{FromCommand, FromHolder};

/// Bytes that go to the program that holds the session at a time.
const PIECE: usize = 64 << 10;

#[derive(Subcommand)]
pub enum ClipboardCommand {
    /// Write what the user copied to standard output, or into a file.
    Get(GetArgs),
    /// Let the user paste a file's content, or standard input. It goes over when the user pastes.
    Put(PutArgs),
}

/// The forms of what is copied.
#[derive(Clone, Copy, ValueEnum)]
pub enum FormArg {
    /// UTF-8.
    Text,
    Html,
    Png,
}

impl From<FormArg> for Form {
    fn from(form: FormArg) -> Form {
        match form {
            FormArg::Text => Form::Text,
            FormArg::Html => Form::Html,
            FormArg::Png => Form::Png,
        }
    }
}

#[derive(Args)]
pub struct GetArgs {
    /// In this form; if not said, the first of text, html and png that there is.
    #[arg(long, value_enum)]
    form: Option<FormArg>,
    /// Write it into this file, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

#[derive(Args)]
pub struct PutArgs {
    /// A file here; standard input if not said.
    file: Option<PathBuf>,
    /// What it is.
    #[arg(long, value_enum, default_value = "text")]
    form: FormArg,
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

pub fn run(command: &ClipboardCommand, report: Report) -> anyhow::Result<()> {
    client::runtime()?.block_on(async {
        match command {
            ClipboardCommand::Get(args) => get(args, report).await,
            ClipboardCommand::Put(args) => put(args, report).await,
        }
    })
}

async fn get(args: &GetArgs, report: Report) -> anyhow::Result<()> {
    let mut session = client::join(args.session.as_deref()).await?;
    let form = args.form.map(Form::from);
    session.says.say(FromCommand::GetClipboard(form)).await?;
    let (form, content) = whole(&mut session).await?;
    let mut facts = json!({
        "form": form.word(),
        "bytes": content.len(),
        "sha256": Digest::of(&[&content]).to_string(),
    });
    if let Some(path) = &args.out {
        write_new(path, &content)?;
        let words = format!("{} bytes of {} written.", content.len(), form.word());
        report.say("clipboard", facts, words);
        return Ok(());
    }
    if report.is_json() {
        if form != Form::Png {
            facts["text"] = String::from_utf8_lossy(&content).into();
        }
        report.note("clipboard", facts);
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    if std::io::stdout().is_terminal() {
        if form == Form::Png {
            bail!("it is a picture: name a file with --out");
        }
        out.write_all(shown(&content).as_bytes())?;
    } else {
        out.write_all(&content)?;
    }
    Ok(out.flush()?)
}

/// What can be shown in a terminal without doing anything there.
fn shown(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let harmless = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut shown: String = text.chars().map(harmless).collect();
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    shown
}

fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let file = std::fs::File::create_new(path);
    let written = file.and_then(|mut file| file.write_all(content));
    written.with_context(|| format!("cannot write {}", path.display()))
}

async fn whole(session: &mut Session) -> anyhow::Result<(Form, Vec<u8>)> {
    let mut content = Vec::new();
    loop {
        match session.hears.next().await? {
            FromHolder::Clipboard((form, piece, last)) => {
                content.extend_from_slice(&piece);
                if last {
                    return Ok((form, content));
                }
            }
            other => ended(other)?,
        }
    }
}

/// An error, if it ends what the command does.
fn ended(heard: FromHolder) -> anyhow::Result<()> {
    match heard {
        FromHolder::Refused(why) => bail!(why),
        FromHolder::Over(code) => bail!(sentence(&CloseCode::from_number(code).to_string())),
        _ => Ok(()),
    }
}

async fn put(args: &PutArgs, report: Report) -> anyhow::Result<()> {
    let content = read(args.file.as_deref())?;
    let mut session = client::join(args.session.as_deref()).await?;
    let form = Form::from(args.form);
    let count = content.len().div_ceil(PIECE).max(1);
    for n in 0..count {
        let piece = content[n * PIECE..content.len().min((n + 1) * PIECE)].to_vec();
        let piece = FromCommand::PutClipboard((form, piece, n + 1 == count));
        session.says.say(piece).await?;
    }
    loop {
        match session.hears.next().await? {
            FromHolder::Done(()) => break,
            other => ended(other)?,
        }
    }
    let facts = json!({ "form": form.word(), "bytes": content.len() });
    let words = "The user can paste it, as long as the session runs.";
    report.say("put", facts, words);
    Ok(())
}

fn read(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    match file {
        Some(path) => {
            let file = std::fs::File::open(path);
            let read = file.and_then(|file| file.take(LARGEST + 1).read_to_end(&mut content));
            read.with_context(|| format!("cannot read {}", path.display()))?;
        }
        None => {
            let mut input = std::io::stdin().lock().take(LARGEST + 1);
            input.read_to_end(&mut content)?;
        }
    }
    if content.len() as u64 > LARGEST {
        bail!("more than {} MB: send it as a file", LARGEST >> 20);
    }
    Ok(content)
}
