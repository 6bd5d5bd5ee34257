//! The command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use sightline_link::{Certificate, RelayListener};
use sightline_protocol::close::CloseCode;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::OrgBundle;
use sightline_protocol::wire;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::Config;
use crate::init;
use crate::io::console::{Console, Line};
use crate::io::desk::{self, unix_ms};
use crate::io::local_store::LocalStore;
use crate::io::office::{self, Answer, Office, Request};
use crate::io::serve::{Operator, Relay, serve};
use crate::io::store::close_code;
use crate::operator;

/// How often the rules of retention are applied.
const PRUNE: Duration = Duration::from_secs(3_600);

/// Brings technicians and supported computers together, and keeps the recordings. It can read nothing that passes
/// through.
#[derive(Parser)]
#[command(name = "sightline-relay", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the keys and the configuration of a new relay
    ///
    /// Writes relay.toml, tls.key, tls.crt, receipt.key and relay.identity into DIR. Existing files are never
    /// overwritten. Give relay.identity to the organisation's admin for `sightline org init --relay`; put the
    /// bundle that comes back beside relay.toml as org.bundle.
    Init {
        /// Directory to write into; made if it is not there
        dir: PathBuf,
        /// Where programs reach this relay, NAME:PORT
        #[arg(long, value_name = "NAME:PORT", default_value = "localhost:4600")]
        address: String,
    },
    /// Serve until SIGTERM or SIGINT
    ///
    /// SIGUSR1 prints a health line, SIGHUP reads the organisation's bundle again.
    Serve {
        /// The relay.toml that `init` wrote
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON object a line instead of words
        #[arg(long)]
        json: bool,
    },
    /// List, hold and delete recordings, beside a running relay or without one
    Recordings {
        /// The relay.toml that `init` wrote
        #[arg(long, value_name = "FILE", global = true, default_value = "relay.toml")]
        config: PathBuf,
        /// Print JSON instead of words
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: operator::Command,
    },
}

/// The codes with which the relay itself can end, of the table that all programs share.
fn exit_codes() -> String {
    let mut text =
        "Exit codes:\n    0  stopped in order\n    1  a fault that was not foreseen, or a \
                    configuration that cannot be used\n    2  wrong usage\n    3  no such recording\n    4  the \
                    recording is on hold, or still being recorded\n"
            .to_owned();
    for code in [CloseCode::StorageFull, CloseCode::StorageFailed] {
        text += &format!("{:5}  {}\n", code.exit_code(), code.sentence());
    }
    text
}

/// Standard error, with times, as the journal of a server wants them; `SIGHTLINE_LOG` says how much.
fn start_log() {
    let said = std::env::var("SIGHTLINE_LOG").ok();
    let said = said.and_then(|said| said.parse::<Targets>().ok());
    let filter = said.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    tracing_subscriber::registry()
        .with(fmt::layer().with_writer(io::stderr))
        .with(filter)
        .init();
}

/// Runs the program.
pub fn main() -> ExitCode {
    start_log();
    let matches = Cli::command().after_help(exit_codes()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        Command::Init { dir, address } => run_init(&dir, &address),
        Command::Serve { config, json } => run_serve(&config, json),
        Command::Recordings {
            config,
            json,
            command,
        } => match operator::run(&config, json, command) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sightline-relay: {error:#}");
            let code = error.downcast_ref::<CloseCode>();
            code.map_or(ExitCode::FAILURE, |code| ExitCode::from(code.exit_code()))
        }
    }
}

fn run_init(directory: &Path, address: &str) -> anyhow::Result<()> {
    let identity = init::init(directory, address)?;
    let shown = directory.display();
    println!("certificate pin: {}", identity.pin);
    println!("receipt key:     {}", identity.receipt_key);
    println!();
    println!(
        "next: sightline org init --relay {shown}/relay.identity, then put the organisation's"
    );
    println!(
        "bundle into {shown}/org.bundle and start: sightline-relay serve --config {shown}/relay.toml"
    );
    Ok(())
}

fn run_serve(path: &Path, json: bool) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let (console, printer) = Console::start(json);
    let served = runtime.block_on(run(config, console));
    printer.finish();
    served
}

async fn run(config: Config, console: Console) -> anyhow::Result<()> {
    let bundle = read_bundle(&config.organisation)?;
    let receipt_key = init::read_signing_key(&config.receipt_key)?.public();
    let certificate = read_certificate(&config)?;
    if bundle.relay.certificate != certificate.pin() || bundle.relay.receipt_key != receipt_key {
        bail!(
            "the organisation {:?} knows another relay than this one, so its programs would not trust us; give \
             the admin this relay's relay.identity",
            bundle.organisation
        );
    }
    let kept = open_office(&config, Some(&console))?;
    let listener = RelayListener::bind(config.listen, &certificate, config.limits.link())?;
    let (asking, operator) = mpsc::channel(4);
    watch_signals(asking, config.organisation.clone())?;
    desk::open(&config.data, kept.office.clone()).context("cannot listen for operators")?;
    keep_pruned(kept.office.clone(), console.clone());
    console.say(&Line::Ready {
        listen: listener.local_address()?.to_string(),
        pin: certificate.pin().to_string(),
        receipt_key: receipt_key.to_string(),
        organisation: bundle.organisation.clone(),
    });
    let relay = Relay {
        listener,
        store: kept.store,
        books: kept.office.books.clone(),
        bundle,
        receipt_key: kept.receipt_key,
        limits: config.limits.broker(),
        console,
        health_every: Duration::from_secs(config.limits.health_every_s.into()),
    };
    serve(relay, operator).await;
    Ok(())
}

fn read_bundle(path: &Path) -> anyhow::Result<OrgBundle> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| {
        format!("cannot read the organisation's bundle {shown} (made by `sightline org bundle`)")
    })?;
    let signed: Signed<OrgBundle> = wire::decode(&bytes)
        .map_err(|error| anyhow!("{shown} is not an organisation's bundle: {error}"))?;
    OrgBundle::open(&signed).map_err(|error| anyhow!("{shown} is not genuine: {error}"))
}

fn read_certificate(config: &Config) -> anyhow::Result<Certificate> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let certificate = read(&config.certificate)?;
    let key = read(&config.certificate_key)?;
    Ok(Certificate::from_pem(&certificate, &key)?)
}

/// Opens everything that is kept, and says what an earlier run left unfinished.
pub(crate) fn open_office(config: &Config, console: Option<&Console>) -> anyhow::Result<Kept> {
    let failed = |what: &Path, error: io::Error| {
        let code = close_code(&error);
        anyhow!(code).context(format!("cannot use {}: {error}", what.display()))
    };
    let receipt_key = Arc::new(init::read_signing_key(&config.receipt_key)?);
    let lock = office::lock(&config.data).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            anyhow!(
                "another relay, or a command, is using {}",
                config.data.display()
            )
        }
        _ => failed(&config.data, error),
    })?;
    let store = LocalStore::open(&config.recordings, config.limits.min_free_bytes)
        .map_err(|error| failed(&config.recordings, error))?;
    let store = Arc::new(store);
    let opened = Office::open(
        &config.data,
        lock,
        store.clone(),
        receipt_key.clone(),
        config.retention,
    );
    let (office, recovered) = opened.map_err(|error| failed(&config.data, error))?;
    for recovered in recovered {
        if let Some(console) = console {
            console.say(&Line::Recovered {
                file: recovered.path.display().to_string(),
                kept_bytes: recovered.kept,
                cut_bytes: recovered.cut,
            });
        }
    }
    Ok(Kept {
        office: Arc::new(office),
        store,
        receipt_key,
    })
}

/// What a relay keeps.
pub(crate) struct Kept {
    pub office: Arc<Office>,
    pub store: Arc<LocalStore>,
    pub receipt_key: Arc<SigningKey>,
}

/// Applies the rules of retention at the start and each hour; the ledger's disk may be slow, so not in the loop.
fn keep_pruned(office: Arc<Office>, console: Console) {
    tokio::spawn(async move {
        loop {
            let (office, console) = (office.clone(), console.clone());
            let pruned = tokio::task::spawn_blocking(move || {
                match office.answer(&Request::Prune, unix_ms()) {
                    Answer::Sessions(gone) => gone.iter().for_each(|session| {
                        console.say(&Line::Deleted {
                            session: session.session.clone(),
                            why: session.deleted_why.clone().unwrap_or_default(),
                        });
                    }),
                    Answer::Refused(why) => {
                        tracing::error!(%why, "old recordings could not be deleted")
                    }
                }
            });
            let _ = pruned.await;
            tokio::time::sleep(PRUNE).await;
        }
    });
}

/// Turns signals into what the operator asks.
fn watch_signals(asking: mpsc::Sender<Operator>, bundle: PathBuf) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut health = signal(SignalKind::user_defined1())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let asked = tokio::select! {
                _ = terminate.recv() => Operator::Stop,
                _ = interrupt.recv() => Operator::Stop,
                _ = health.recv() => Operator::Health,
                _ = hangup.recv() => match read_bundle(&bundle) {
                    Ok(bundle) => Operator::Organisation(Box::new(bundle)),
                    Err(error) => {
                        tracing::error!("the old bundle stays: {error:#}");
                        continue;
                    }
                },
            };
            if asking.send(asked).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
