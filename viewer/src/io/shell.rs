//! `sightline shell`: a terminal on the user's computer, in the technician's own terminal.

mod tty;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;
use sightline_program::exit;
use sightline_program::report::Report;
use sightline_protocol::close::CloseCode;
use tokio::signal::unix::{SignalKind, signal};

use super::connect::{self, ConnectOptions};
use super::local::client::{self, Hearing, Saying, Session};
use super::local::{FromCommand, FromHolder, LocalError, OpenShell};
use crate::pure::terminal::escape::{Escapes, HELP, Wish};
use tty::{Keys, Raw};

/// Exit code when the session ended before the program did, as ssh has it: 255. The program's own are below.
const CUT_OFF: u8 = 255;
/// Exit code when the terminal was left running: as if all went well.
const DETACHED: ExitCode = ExitCode::SUCCESS;

/// What the technician chose.
pub struct ShellOptions {
    /// Of several sessions, the one with this computer.
    pub session: Option<String>,
    /// Come back to a terminal: this one, or (none) the newest that was left.
    pub attach: Option<Option<u32>>,
    pub list: bool,
    /// For the user's shell to run; empty: the shell itself.
    pub command: String,
    /// For a session of its own, when none runs.
    pub connect: ConnectOptions,
}

/// Runs until the remote program ends or the technician leaves it; hands its exit code on.
pub fn run(options: &ShellOptions, report: Report) -> anyhow::Result<ExitCode> {
    let runtime = connect::runtime()?;
    let joined = runtime.block_on(client::join(options.session.as_deref()));
    let mut own = None;
    let session = match joined {
        Ok(session) => session,
        Err(LocalError::NoSession) if options.attach.is_none() && !options.list => {
            match connect::run_for_commands(&runtime, &options.connect, report)? {
                Ok(session) => own = Some(session),
                Err(code) => {
                    report.closed(code);
                    return Ok(exit::code(code));
                }
            }
            runtime.block_on(client::join_own())?
        }
        Err(error) => return Err(error.into()),
    };
    let code = if options.list {
        runtime.block_on(list(session, report))
    } else {
        runtime.block_on(Shell::start(session, report).run(options))
    };
    if let Some(own) = own {
        // It leaves when nobody uses it any more; a terminal that was left keeps it.
        let code = runtime.block_on(own)?;
        if code != CloseCode::TechnicianLeft {
            report.closed(code);
        }
    }
    code
}

async fn list(mut session: Session, report: Report) -> anyhow::Result<ExitCode> {
    session.says.say(FromCommand::ListShells(())).await?;
    let shells = loop {
        if let FromHolder::Shells(shells) = session.hears.next().await? {
            break shells;
        }
    };
    if shells.is_empty() {
        report.say("none", json!({}), "No terminal is open.");
    }
    for shell in shells {
        let what = match shell.command.is_empty() {
            true => shell.program,
            false => shell.command,
        };
        let shown = if shell.shown { "" } else { " (left running)" };
        let facts = json!({ "number": shell.number, "runs": what, "shown": shell.shown });
        report.say(
            "terminal",
            facts,
            format!("{}  {what}{shown}", shell.number),
        );
    }
    Ok(ExitCode::SUCCESS)
}

struct Shell {
    says: Saying,
    hears: Hearing,
    report: Report,
    computer: String,
    escapes: Escapes,
}

enum Turn {
    On,
    End(ExitCode),
}

impl Shell {
    fn start(session: Session, report: Report) -> Shell {
        Shell {
            says: session.says,
            hears: session.hears,
            report,
            computer: session.welcome.computer,
            escapes: Escapes::default(),
        }
    }

    async fn run(mut self, options: &ShellOptions) -> anyhow::Result<ExitCode> {
        let (columns, rows) = tty::size();
        let first = match options.attach {
            Some(number) => FromCommand::AttachShell((number, columns, rows)),
            None => FromCommand::OpenShell(OpenShell {
                columns,
                rows,
                term: std::env::var("TERM").unwrap_or_default(),
                command: options.command.clone(),
            }),
        };
        self.says.say(first).await?;
        let mut resized = signal(SignalKind::window_change())?;
        let mut keys: Option<Keys> = None;
        // Restores the terminal when dropped, however this ends.
        let mut raw = None;
        loop {
            let typed = async {
                match &mut keys {
                    Some(keys) => keys.next().await,
                    None => std::future::pending().await,
                }
            };
            let turn = tokio::select! {
                heard = self.hears.next() => match heard? {
                    FromHolder::ShellReady(ready) => {
                        let facts = json!({ "number": ready.number, "program": ready.program });
                        self.report.note("shell", facts);
                        raw = Raw::set();
                        keys.get_or_insert_with(Keys::read);
                        Turn::On
                    }
                    message => self.hear(message).await?,
                },
                typed = typed => self.typed(typed).await?,
                Some(()) = resized.recv() => {
                    self.says.say(FromCommand::Resize(tty::size())).await?;
                    Turn::On
                }
            };
            if let Turn::End(code) = turn {
                drop(raw);
                return Ok(code);
            }
        }
    }

    async fn hear(&mut self, message: FromHolder) -> anyhow::Result<Turn> {
        match message {
            FromHolder::ShellOutput((bytes, shown)) => {
                show(&shown);
                self.says.say(FromCommand::Took(bytes)).await?;
            }
            FromHolder::ShellBytes(bytes) => show(&bytes),
            FromHolder::ShellExited(code) => {
                self.report
                    .note("shell_ended", json!({ "exit_code": code }));
                return Ok(Turn::End(ExitCode::from(code as u8)));
            }
            FromHolder::ShellFailed(why) | FromHolder::Refused(why) => bail!("{why}"),
            FromHolder::ShellWantedClipboard(()) => self.remark(
                "clipboard_refused",
                "a program there wanted to set your clipboard; it was not let",
            ),
            FromHolder::Said(text) => {
                self.remark("chat", &format!("{}: {text}", self.computer));
            }
            FromHolder::Allowed((allowed, _)) => {
                let shell = sightline_protocol::capability::Capability::Shell;
                if !allowed.contains(shell) {
                    bail!("the user has taken back the right to run commands");
                }
            }
            FromHolder::Over(code) => {
                let code = CloseCode::from_number(code);
                self.report.closed(code);
                return Ok(Turn::End(ExitCode::from(CUT_OFF)));
            }
            _ => {}
        }
        Ok(Turn::On)
    }

    /// A word of ours amid the remote terminal's.
    fn remark(&self, event: &str, words: &str) {
        if self.report.is_json() {
            self.report.note(event, json!({ "text": words }));
        } else if std::io::stdout().is_terminal() {
            show(format!("\r\n[sightline: {words}]\r\n").as_bytes());
        }
    }

    async fn typed(&mut self, keys: Option<Vec<u8>>) -> anyhow::Result<Turn> {
        let Some(keys) = keys else {
            // The end of what was piped in, as a person would type it.
            self.says.say(FromCommand::Keys(vec![4])).await?;
            return Ok(Turn::On);
        };
        let (remote, wish) = match std::io::stdin().is_terminal() {
            true => self.escapes.take(&keys),
            false => (keys, None),
        };
        if !remote.is_empty() {
            self.says.say(FromCommand::Keys(remote)).await?;
        }
        match wish {
            None => Ok(Turn::On),
            Some(Wish::Help) => {
                show(HELP.as_bytes());
                Ok(Turn::On)
            }
            Some(Wish::Detach) => self.leave(FromCommand::Detach(())).await,
            Some(Wish::HangUp) => self.leave(FromCommand::HangUp(())).await,
        }
    }

    async fn leave(&mut self, how: FromCommand) -> anyhow::Result<Turn> {
        let detached = how == FromCommand::Detach(());
        self.says.say(how).await?;
        loop {
            match self.hears.next().await {
                Ok(FromHolder::ShellBytes(bytes)) => show(&bytes),
                Ok(FromHolder::Done(())) | Err(LocalError::Ended) => break,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let words = match detached {
            true => "The terminal goes on; `sightline shell --attach` comes back to it.",
            false => "The terminal is closed.",
        };
        let event = if detached { "detached" } else { "hung_up" };
        show(b"\r\n");
        self.report.say(event, json!({}), words);
        Ok(Turn::End(DETACHED))
    }
}

/// Writes to the technician's terminal, or wherever the output goes.
fn show(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    // Nobody looks any more (a closed pipe); the session hears of it when this program ends.
    let _ = out.write_all(bytes);
    let _ = out.flush();
}
