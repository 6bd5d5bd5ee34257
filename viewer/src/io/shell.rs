//! `sightline shell`: a terminal on the user's computer, in the technician's own terminal.

mod tty;

use std::io::IsTerminal;
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
use tty::{Keys, Lent, show};

/// Exit code when the session ended before the program did, as ssh has it: 255. The program's own are below.
const CUT_OFF: u8 = 255;
/// Exit code when this program was told to end: as the shell has it of a program that a signal ended.
const TERMINATED: u8 = 128 + 15;
/// Bytes of output of which the session hears at once that they were shown: each word of it wakes a program.
const TOOK: u64 = 8 * 1024;
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
    // One thread: a key is not handed from one to the next.
    let here = client::runtime()?;
    match here.block_on(client::join(options.session.as_deref())) {
        Ok(session) => here.block_on(with(session, options, report, true)),
        Err(LocalError::NoSession) if options.attach.is_none() && !options.list => {
            with_own(options, report)
        }
        Err(error) => Err(error.into()),
    }
}

/// In a session of its own, which leaves when nobody uses it any more; a terminal that was left keeps it.
fn with_own(options: &ShellOptions, report: Report) -> anyhow::Result<ExitCode> {
    let runtime = connect::runtime()?;
    let own = match connect::run_for_commands(&runtime, &options.connect, report)? {
        Ok(own) => own,
        Err(code) => {
            report.closed(code);
            return Ok(exit::code(code));
        }
    };
    let code = client::runtime()?.block_on(async {
        let session = client::join_own().await?;
        with(session, options, report, false).await
    });
    let ended = runtime.block_on(own)?;
    if ended != CloseCode::TechnicianLeft {
        report.closed(ended);
    }
    code
}

/// `fresh`: nothing was read from standard input before.
async fn with(
    session: Session,
    options: &ShellOptions,
    report: Report,
    fresh: bool,
) -> anyhow::Result<ExitCode> {
    match options.list {
        true => list(session, report).await,
        false => Shell::start(session, report, fresh).run(options).await,
    }
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
    terminal: Lent,
    /// Once the other terminal is ready.
    keys: Option<Keys>,
    /// Nothing was read from standard input before.
    fresh: bool,
    /// Bytes of output that were shown and that the session has not heard of.
    took: u64,
}

enum Turn {
    On,
    End(Left),
}

/// How it ended.
struct Left {
    code: ExitCode,
    /// What is said when the terminal is as it was.
    last: Option<Last>,
}

enum Last {
    Words(&'static str, &'static str),
    Closed(CloseCode),
}

impl Left {
    fn with(code: u8) -> Left {
        Left {
            code: ExitCode::from(code),
            last: None,
        }
    }
}

impl Shell {
    fn start(session: Session, report: Report, fresh: bool) -> Shell {
        Shell {
            says: session.says,
            hears: session.hears,
            report,
            computer: session.welcome.computer,
            escapes: Escapes::default(),
            terminal: Lent::default(),
            keys: None,
            fresh,
            took: 0,
        }
    }

    async fn run(mut self, options: &ShellOptions) -> anyhow::Result<ExitCode> {
        let turned = self.turn(options).await;
        let put_back = self.terminal.put_back(self.keys.as_mut());
        put_back.await;
        let (report, left) = (self.report, turned?);
        match left.last {
            Some(Last::Words(event, words)) => report.say(event, json!({}), words),
            Some(Last::Closed(code)) => report.closed(code),
            None => {}
        }
        Ok(left.code)
    }

    async fn turn(&mut self, options: &ShellOptions) -> anyhow::Result<Left> {
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
        let mut told = signal(SignalKind::terminate())?;
        let mut gone = signal(SignalKind::hangup())?;
        loop {
            let typed = async {
                match &mut self.keys {
                    Some(keys) => keys.next().await,
                    None => std::future::pending().await,
                }
            };
            let turn = tokio::select! {
                heard = self.hears.next() => self.hear(heard?).await?,
                typed = typed => self.typed(typed).await?,
                Some(()) = resized.recv() => {
                    self.says.say(FromCommand::Resize(tty::size())).await?;
                    Turn::On
                }
                Some(()) = told.recv() => Turn::End(Left::with(TERMINATED)),
                Some(()) = gone.recv() => Turn::End(Left::with(TERMINATED)),
            };
            if let Turn::End(left) = turn {
                return Ok(left);
            }
        }
    }

    async fn hear(&mut self, message: FromHolder) -> anyhow::Result<Turn> {
        match message {
            FromHolder::ShellReady(ready) => {
                let facts = json!({ "number": ready.number, "program": ready.program });
                self.report.note("shell", facts);
                self.terminal.lend();
                let fresh = self.fresh;
                self.keys.get_or_insert_with(|| Keys::read(fresh));
            }
            FromHolder::ShellPutBack(put_back) => self.terminal.set_put_back(put_back),
            FromHolder::ShellOutput(shown) => {
                show(&shown.bytes);
                self.took += shown.taken;
                if self.took >= TOOK {
                    let took = std::mem::take(&mut self.took);
                    self.says.say(FromCommand::Took(took)).await?;
                }
            }
            FromHolder::ShellBytes(bytes) => show(&bytes),
            FromHolder::ShellExited(code) => {
                self.report
                    .note("shell_ended", json!({ "exit_code": code }));
                return Ok(Turn::End(Left::with(code as u8)));
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
                return Ok(Turn::End(Left {
                    code: ExitCode::from(CUT_OFF),
                    last: Some(Last::Closed(CloseCode::from_number(code))),
                }));
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
                Ok(FromHolder::Done(())) | Err(LocalError::Ended) => break,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let words = match detached {
            true => "\nThe terminal goes on; `sightline shell --attach` comes back to it.",
            false => "\nThe terminal is closed.",
        };
        let event = if detached { "detached" } else { "hung_up" };
        Ok(Turn::End(Left {
            code: DETACHED,
            last: Some(Last::Words(event, words)),
        }))
    }
}
