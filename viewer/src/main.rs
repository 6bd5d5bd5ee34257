//! `sightline`: the command line of technicians, auditors and administrators.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use sightline::io::chat;
use sightline::io::clipboard::{self, ClipboardCommand};
use sightline::io::connect::{self, ConnectOptions};
use sightline::io::evidence::export::{self, ExportArgs};
use sightline::io::evidence::search::{self, SearchArgs};
use sightline::io::files::{self, FetchArgs, ListArgs, SendArgs};
use sightline::io::info;
use sightline::io::org::{self, OrgCommand};
use sightline::io::replay::{self, ReplayOptions};
use sightline::io::shell::{self, ShellOptions};
use sightline::io::status;
use sightline::io::verify::{self, VerifyArgs};
use sightline::pure::evidence::rows;
use sightline::pure::playback::{SPEEDS, parse_time};
use sightline_ends::handshake::{REASON_CAP, TICKET_CAP};
use sightline_program::report::Report;
use sightline_program::{exit, log};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;

/// Remote support in plain sight: see and control a user's computer while the user allows it.
#[derive(Parser)]
#[command(name = "sightline", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say what happens as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Technician: connect to a user who read you a session code.
    ///
    /// The code is asked for in the terminal, or in a window if there is none.
    Connect(ConnectArgs),
    /// Technician: the sessions that run on this computer.
    Status,
    /// Technician: a terminal on the user's computer. A line that begins with ~? shows what else you can type.
    ///
    /// In a session that runs, or in one of its own, for which it asks for the code.
    Shell(ShellArgs),
    /// Technician: talk with the user, in a session that runs; or send one message.
    Chat {
        #[command(flatten)]
        join: JoinArgs,
        /// Send this and leave.
        message: Option<String>,
    },
    /// Technician: write what was done into the recording and the user's history.
    Note {
        #[command(flatten)]
        join: JoinArgs,
        text: String,
    },
    /// Technician: how the user's computer is, in a session that runs.
    Info(JoinArgs),
    /// Technician: send files and folders to the user's computer, in a session that runs.
    ///
    /// The user is asked. What breaks off goes on where it was when you run the same again.
    Send(SendArgs),
    /// Technician: fetch files and folders from the user's computer, in a session that runs.
    Fetch(FetchArgs),
    /// Technician: what is in a folder of the user's computer, in a session that runs.
    List(ListArgs),
    /// Technician: what the user copied, and what the user can paste, in a session that runs.
    ///
    /// Nothing crosses before it is pasted or asked for. With `sightline connect` and a window, copy and paste work as on one
    /// computer, as far as the user allows each direction.
    Clipboard {
        #[command(subcommand)]
        command: ClipboardCommand,
    },
    /// Auditor: watch a recording.
    Replay {
        /// The recording (.slrec), from the relay's folder of recordings.
        file: PathBuf,
        /// Your auditor's file.
        #[arg(long, env = "SIGHTLINE_KEY", value_name = "FILE")]
        key: PathBuf,
        /// From 0.5 to 16; ↑ and ↓ change it.
        #[arg(long, default_value_t = 1.0, value_parser = speed)]
        speed: f64,
        /// Start here: 1:23:45, 12:30 or seconds.
        #[arg(long, value_name = "TIME", value_parser = time)]
        at: Option<Duration>,
        /// Jump over stretches of more than 3 s in which nothing changes (key s).
        #[arg(long)]
        skip_idle: bool,
        /// Start at the newest moment of a session that is still running. Without it a running session is played from its
        /// beginning; either way what comes is taken up.
        #[arg(long, conflicts_with = "at")]
        follow: bool,
    },
    /// Auditor: a recording as a film, a terminal's cast, or a log of its events.
    #[command(after_long_help = rows::FIELDS)]
    Export(ExportArgs),
    /// Auditor: find words in recordings.
    Search(SearchArgs),
    /// Auditor: prove that recordings are what was sent, without trusting anyone but the organisation.
    Verify(VerifyArgs),
    /// Administrator: the organisation, its technicians and its auditors.
    Org {
        /// The organisation's folder. It holds the root key: keep it safe, and off the relay.
        #[arg(long, default_value = "org", value_name = "FOLDER", global = true)]
        dir: PathBuf,
        #[command(subcommand)]
        command: OrgCommand,
    },
}

/// How a command makes a session of its own when none runs.
#[derive(Args)]
struct OwnSession {
    /// Your technician's file.
    ///
    /// Default: ~/.config/sightline/me.technician
    #[arg(long = "as", env = "SIGHTLINE_AS", value_name = "FILE")]
    technician: Option<PathBuf>,
    /// Where the code comes from: `-` reads it from standard input.
    #[arg(long, value_name = "-", value_parser = only_dash)]
    code: Option<String>,
    /// Why, in a few words; the user reads it.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
    /// The ticket's number; the user reads it, and it is signed into the record.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = ticket)]
    ticket: String,
}

impl OwnSession {
    fn options(self, ask: Capabilities) -> ConnectOptions {
        ConnectOptions {
            technician: self.technician,
            code_from_stdin: self.code.is_some(),
            ask,
            reason: self.reason,
            ticket: self.ticket,
            fullscreen: false,
            one_to_one: false,
            close_window: true,
            no_window: true,
            input_is_free: false, // the remote terminal's
        }
    }
}

#[derive(Args)]
struct ShellArgs {
    #[command(flatten)]
    join: JoinArgs,
    /// Come back to a terminal that was left running (~d): of this number, or the newest.
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, conflicts_with = "command")]
    attach: Option<Option<u32>>,
    /// Say which terminals are open.
    #[arg(long, conflicts_with_all = ["attach", "command"])]
    list: bool,
    /// What the user's shell is to run instead of waiting for commands: `sightline shell -- df -h`.
    #[arg(last = true)]
    command: Vec<String>,
    #[command(flatten)]
    own: OwnSession,
}

impl ShellArgs {
    fn options(self) -> ShellOptions {
        ShellOptions {
            session: self.join.session,
            attach: self.attach,
            list: self.list,
            command: self.command.join(" "),
            connect: self.own.options(Capabilities::of(&[Capability::Shell])),
        }
    }
}

#[derive(Args)]
struct JoinArgs {
    /// Of several sessions, the one with this computer.
    #[arg(long, value_name = "COMPUTER")]
    session: Option<String>,
}

#[derive(Args)]
struct ConnectArgs {
    /// Your technician's file.
    ///
    /// Default: ~/.config/sightline/me.technician
    #[arg(long = "as", env = "SIGHTLINE_AS", value_name = "FILE")]
    technician: Option<PathBuf>,
    /// Where the code comes from: `-` reads it from standard input.
    #[arg(long, value_name = "-", value_parser = only_dash)]
    code: Option<String>,
    #[arg(hide = true, value_parser = not_here)]
    code_by_mistake: Option<String>,
    /// Ask for these only; the user may allow fewer.
    #[arg(long, value_delimiter = ',', value_parser = capabilities, default_value = "view,control", value_name = "CAPABILITIES")]
    ask: Vec<Capabilities>,
    /// Ask to see only, not to control.
    #[arg(long, conflicts_with = "ask")]
    view_only: bool,
    /// Why, in a few words; the user reads it.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
    /// The ticket's number; the user reads it, and it is signed into the record.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = ticket)]
    ticket: String,
    /// Start in full screen (F11).
    #[arg(long)]
    fullscreen: bool,
    /// Start with one pixel for one pixel instead of fitting the window.
    #[arg(long)]
    one_to_one: bool,
    /// Close the window when the session ends, whoever ended it.
    #[arg(long)]
    close: bool,
    /// Open no window: hold the session for `sightline chat`, `info` and the other commands that join it.
    #[arg(long, conflicts_with_all = ["fullscreen", "one_to_one", "close"])]
    no_window: bool,
}

fn only_dash(text: &str) -> Result<String, String> {
    if text == "-" {
        Ok(text.to_owned())
    } else {
        Err("only `--code -` is taken: every program on this computer could read a code from the command line".into())
    }
}

fn not_here(_text: &str) -> Result<String, String> {
    Err("the code does not go on the command line, where every program on this computer can read it; start `sightline connect` and type it when asked".into())
}

fn capabilities(word: &str) -> Result<Capabilities, String> {
    let named = Capability::named(word);
    if named.is_empty() {
        let words: Vec<&str> = Capability::ALL.iter().map(|c| c.word()).collect();
        let words = words.join(", ");
        return Err(format!(
            "the capabilities are {words}, and clipboard for both of its directions"
        ));
    }
    Ok(named)
}

fn reason(text: &str) -> Result<String, String> {
    short(text, REASON_CAP)
}

fn ticket(text: &str) -> Result<String, String> {
    short(text, TICKET_CAP)
}

fn short(text: &str, cap: usize) -> Result<String, String> {
    match text.chars().count() {
        length if length > cap => Err(format!(
            "it has {length} characters; {cap} fit the question"
        )),
        _ => Ok(text.to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = (SPEEDS[0], SPEEDS[SPEEDS.len() - 1]);
    match text.parse() {
        Ok(speed) if (slowest..=fastest).contains(&speed) => Ok(speed),
        _ => Err(format!("a speed is a number from {slowest} to {fastest}")),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    parse_time(text).ok_or_else(|| "a time is written 1:23:45, 12:30 or in seconds".into())
}

impl ConnectArgs {
    fn options(self) -> ConnectOptions {
        let ask = if self.view_only {
            Capabilities::of(&[Capability::View])
        } else {
            let ask: Capabilities = self.ask.iter().flat_map(|c| c.iter()).collect();
            // Hands need eyes.
            if ask.contains(Capability::Control) {
                ask.with(Capability::View)
            } else {
                ask
            }
        };
        ConnectOptions {
            technician: self.technician,
            code_from_stdin: self.code.is_some(),
            ask,
            reason: self.reason,
            ticket: self.ticket,
            fullscreen: self.fullscreen,
            one_to_one: self.one_to_one,
            close_window: self.close,
            no_window: self.no_window,
            input_is_free: true,
        }
    }
}

fn main() -> ExitCode {
    let matches = Cli::command().after_long_help(exit::table()).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    log::start("warn,winit=error");
    let report = Report::new(cli.json);
    match run(cli, report) {
        Ok(code) => code,
        Err(error) => report.failed("sightline", &format!("{error:#}")),
    }
}

fn run(cli: Cli, report: Report) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Connect(args) => {
            let code = connect::run(args.options(), report)?;
            report.closed(code);
            return Ok(exit::code(code));
        }
        Command::Replay {
            file,
            key,
            speed,
            at,
            skip_idle,
            follow,
        } => {
            let options = ReplayOptions {
                file,
                key,
                speed,
                at,
                skip_idle,
                follow,
            };
            let code = replay::run(options, report)?;
            if code != CloseCode::Finished {
                report.closed(code);
            }
            return Ok(exit::code(code));
        }
        Command::Status => status::run(report)?,
        Command::Chat { join, message } => {
            return chat::run(join.session.as_deref(), message.as_deref(), report);
        }
        Command::Note { join, text } => return chat::note(join.session.as_deref(), &text),
        Command::Shell(args) => return shell::run(&args.options(), report),
        Command::Info(join) => info::run(join.session.as_deref(), report)?,
        Command::Send(args) => return files::send(&args, report),
        Command::Fetch(args) => return files::fetch(&args, report),
        Command::List(args) => files::list(&args, report)?,
        Command::Clipboard { command } => clipboard::run(&command, report)?,
        Command::Export(args) => export::run(&args, report)?,
        Command::Search(args) => return search::run(&args, report),
        Command::Verify(args) => return verify::run(&args, report),
        Command::Org { dir, command } => org::run(&dir, command, report)?,
    }
    Ok(ExitCode::SUCCESS)
}
