//! `sightline-agent`: the command line of the agent.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use sightline_agent::io::home::Home;
use sightline_agent::io::listing;
use sightline_agent::io::share::{self, ShareOptions};
use sightline_agent::platform::Backend;
use sightline_program::report::Report;
use sightline_program::{exit, log};

/// Lets a technician see and control this computer while you allow it.
///
/// You read a one-time code to the technician, see who asks for what, allow or deny, and can stop at any moment:
/// with the Stop button that is always on the screen, with Ctrl+Alt+End, or with Ctrl-C here.
/// Everything is encrypted between the two computers; the relay in between sees nothing. Every session is recorded
/// for the organisation's auditors.
#[derive(Parser)]
#[command(name = "sightline-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Folder for this computer's key and the organisation it trusts.
    ///
    /// Default: ~/.config/sightline-agent
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,

    /// Say what happens as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Trust the organisation of this file (org.bundle, from your administrator).
    Join {
        /// The file org.bundle, from your administrator.
        file: PathBuf,
        /// Trust it even if this computer trusts another organisation now.
        #[arg(long)]
        replace: bool,
    },
    /// Show a session code and let one technician in, with your consent.
    Share(ShareArgs),
    /// Say which organisation this computer trusts.
    Status,
    /// List the sessions that this computer had: who helped, when, what was allowed, how it ended.
    History {
        #[command(subcommand)]
        command: Option<HistoryCommand>,
    },
}

#[derive(Subcommand)]
enum HistoryCommand {
    /// Show all that is kept of one session.
    Show {
        /// Its number in the list.
        number: u64,
    },
}

#[derive(Args)]
struct ShareArgs {
    /// Show the code as a QR code too.
    #[arg(long)]
    qr: bool,
    /// End the session after this many minutes at the latest.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=720))]
    minutes: u32,
    /// Seconds to answer the question; no answer means no.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=600))]
    countdown: u32,
    /// How the screen is read.
    #[arg(long, value_enum, default_value_t = BackendArg::Auto)]
    backend: BackendArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackendArg {
    /// The best one for this desktop.
    Auto,
    /// X11 with damage events.
    X11,
    /// The portable one (polls).
    Scrap,
}

impl From<BackendArg> for Backend {
    fn from(arg: BackendArg) -> Backend {
        match arg {
            BackendArg::Auto => Backend::Auto,
            BackendArg::X11 => Backend::X11,
            BackendArg::Scrap => Backend::Scrap,
        }
    }
}

fn main() -> ExitCode {
    let matches = Cli::command().after_long_help(exit::table()).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    log::start("warn");
    let report = Report::new(cli.json);
    match run(cli, report) {
        Ok(code) => code,
        Err(error) => report.failed("sightline-agent", &format!("{error:#}")),
    }
}

fn run(cli: Cli, report: Report) -> anyhow::Result<ExitCode> {
    let home = Home::at(cli.home);
    match cli.command {
        Command::Join { file, replace } => home.join(&file, replace, report)?,
        Command::Status => home.describe(report)?,
        Command::History { command: None } => listing::list(&home.history(), report)?,
        Command::History {
            command: Some(HistoryCommand::Show { number }),
        } => listing::show(&home.history(), number, report)?,
        Command::Share(args) => {
            let options = ShareOptions {
                qr: args.qr,
                minutes: args.minutes,
                countdown_s: args.countdown,
                backend: args.backend.into(),
            };
            // One thread: what comes from the network is not handed from one to the next until it is acted upon. What takes
            // long (pictures, hands, files, questions) has threads of its own.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let code = runtime.block_on(share::run(&home, options, report))?;
            report.closed(code);
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            return Ok(exit::code(code));
        }
    }
    Ok(ExitCode::SUCCESS)
}
