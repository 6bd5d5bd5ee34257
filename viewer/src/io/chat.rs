//! `sightline chat` and `sightline note`: words for the user, and words for the record.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;
use sightline_ends::content::CHAT_CAP;
use sightline_program::exit;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;
use tokio::sync::mpsc;

use super::local::client::{self, Session};
use super::local::{FromCommand, FromHolder};

fn fits(text: &str) -> anyhow::Result<()> {
    let length = text.chars().count();
    if length > CHAT_CAP {
        bail!("the text has {length} characters; {CHAT_CAP} go over at a time");
    }
    Ok(())
}

/// Sends one message, or (none) talks until the end of input or of the session.
pub fn run(
    session: Option<&str>,
    message: Option<&str>,
    report: Report,
) -> anyhow::Result<ExitCode> {
    client::runtime()?.block_on(async {
        let session = client::join(session).await?;
        match message {
            Some(message) => {
                fits(message)?;
                done(session, FromCommand::Say(message.to_owned())).await
            }
            None => talk(session, report).await,
        }
    })
}

/// Writes the closing note into the record.
pub fn note(session: Option<&str>, text: &str) -> anyhow::Result<ExitCode> {
    fits(text)?;
    client::runtime()?.block_on(async {
        let session = client::join(session).await?;
        done(session, FromCommand::Note(text.to_owned())).await
    })
}

async fn done(mut session: Session, what: FromCommand) -> anyhow::Result<ExitCode> {
    session.says.say(what).await?;
    loop {
        match session.hears.next().await? {
            FromHolder::Done(()) => return Ok(ExitCode::SUCCESS),
            FromHolder::Refused(why) => bail!(why),
            FromHolder::Over(code) => {
                bail!(sentence(&CloseCode::from_number(code).to_string()))
            }
            _ => {}
        }
    }
}

/// Lines of standard input, read by a thread of its own: reading a terminal cannot be cancelled.
fn typed_lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn talk(mut session: Session, report: Report) -> anyhow::Result<ExitCode> {
    let computer = session.welcome.computer.clone();
    let words = format!("Talking with the user of {computer}. Ctrl-D leaves.");
    report.say("talking", json!({ "computer": computer }), words);
    session.says.say(FromCommand::Listen(())).await?;
    let mut typed = typed_lines();
    let mut typing = true;
    loop {
        tokio::select! {
            line = typed.recv(), if typing => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => match fits(&line) {
                    Ok(()) => session.says.say(FromCommand::Say(line)).await?,
                    Err(why) => report.say("hint", json!({}), sentence(&why.to_string())),
                },
                None if report.is_json() => typing = false,
                None => return Ok(ExitCode::SUCCESS),
            },
            heard = session.hears.next() => match heard? {
                FromHolder::Said(text) => {
                    report.say("chat", json!({ "text": text }), format!("{computer}: {text}"));
                }
                FromHolder::Wrote(text) => {
                    let facts = json!({ "text": text, "own": true });
                    report.say("chat_elsewhere", facts, format!("you: {text}"));
                }
                FromHolder::SaidBefore((own, text)) => {
                    let who = if own { "you" } else { &computer };
                    let facts = json!({ "text": text, "own": own });
                    report.say("chat_before", facts, format!("{who}: {text}"));
                }
                FromHolder::Over(code) => {
                    let code = CloseCode::from_number(code);
                    report.closed(code);
                    return Ok(exit::code(code));
                }
                _ => {}
            },
        }
    }
}
