//! `sightline connect`: a code, the user's consent, a window.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, anyhow, bail};
use serde_json::json;
use sightline_ends::code::SessionCode;
use sightline_ends::handshake::{Established, TechnicianSetup};
use sightline_link::Broker;
use sightline_program::clock::{Clock, unix_ms};
use sightline_program::report::{Report, sentence};
use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::handshake::{self, Around};
use super::interrupt::Interrupt;
use super::live::{self, Live};
use super::local::Server;
use super::technician::{self, Technician};
use super::typed::Source;
use super::window::{self, Options};
use super::window::{Scale, WaitHandle};

/// What the technician chose.
pub struct ConnectOptions {
    pub technician: Option<PathBuf>,
    /// Read the code from standard input rather than ask.
    pub code_from_stdin: bool,
    pub ask: Capabilities,
    pub reason: String,
    pub ticket: String,
    pub fullscreen: bool,
    pub one_to_one: bool,
    pub close_window: bool,
    /// Hold the session for the commands that join it.
    pub no_window: bool,
    /// Nothing reads standard input while the session runs.
    pub input_is_free: bool,
}

/// A session that was made, before anything shows it.
struct Reached {
    broker: Broker,
    established: Box<Established>,
    clock: Clock,
    interrupt: Interrupt,
    /// Where commands join; none if there is no place for its socket.
    server: Option<Server>,
}

/// Runs until the session is over and its window closed; says why it ended.
pub fn run(options: ConnectOptions, report: Report) -> anyhow::Result<CloseCode> {
    if !options.no_window && !window::has_display() {
        return Ok(CloseCode::NoDesktop);
    }
    let runtime = runtime()?;
    let reached = match begin(&runtime, &options, report)? {
        Ok(reached) => reached,
        Err(code) => {
            if code != CloseCode::TechnicianLeft && asks_in_window(&options) {
                tell_in_window(code)?;
            }
            return Ok(code);
        }
    };
    let outcome = if options.no_window {
        hold(&runtime, reached, report)
    } else {
        show(&runtime, reached, &options, report)
    };
    // The window closes at once; the farewell to the relay goes on in the background, within its own limit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    outcome
}

/// Makes a session that lasts while commands use it, and runs it in the background; its end says why. A code instead:
/// there is no session, for that reason.
pub fn run_for_commands(
    runtime: &tokio::runtime::Runtime,
    options: &ConnectOptions,
    report: Report,
) -> anyhow::Result<Result<tokio::task::JoinHandle<CloseCode>, CloseCode>> {
    let reached = begin(runtime, options, report)?;
    Ok(reached.map(|reached| runtime.spawn(live::run(without_window(reached, report, true)))))
}

fn without_window(reached: Reached, report: Report, only_for_commands: bool) -> Live {
    let (_no_hands, did) = mpsc::unbounded_channel();
    Live {
        broker: reached.broker,
        established: reached.established,
        clock: reached.clock,
        report,
        window: None,
        did,
        close_window: true,
        only_for_commands,
        interrupt: reached.interrupt,
        server: reached.server,
    }
}

pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

/// From the technician's file and a code to a session that the user allowed.
fn begin(
    runtime: &tokio::runtime::Runtime,
    options: &ConnectOptions,
    report: Report,
) -> anyhow::Result<Result<Reached, CloseCode>> {
    let path = options
        .technician
        .clone()
        .unwrap_or_else(technician::default_path);
    let technician = read_technician(&path)?;
    if technician.credential.expires_ms <= unix_ms() {
        return Ok(Err(CloseCode::CredentialExpired));
    }
    let Some(code) = ask_code(options)? else {
        return Ok(Err(CloseCode::TechnicianLeft));
    };
    let clock = Clock::default();
    let interrupt = runtime.block_on(async { Interrupt::listen() });
    let json = report.is_json();
    let call = Call {
        technician,
        code,
        asked: options.ask,
        reason: options.reason.clone(),
        ticket: options.ticket.clone(),
        around: Around {
            clock,
            report,
            interrupt: interrupt.clone(),
            source: Source::of_input(options.input_is_free, options.code_from_stdin, json),
        },
    };
    let reached = match asks_in_window(options) {
        true => reach_in_window(runtime, call)?,
        false => runtime.block_on(reach(call)),
    };
    let (broker, established) = match reached {
        Ok(reached) => reached,
        Err(code) => return Ok(Err(code)),
    };
    let _context = runtime.enter();
    let server = Server::start();
    let server = server.inspect_err(|error| tracing::warn!("other commands cannot join: {error}"));
    Ok(Ok(Reached {
        broker,
        established,
        clock,
        interrupt,
        server: server.ok(),
    }))
}

fn read_technician(path: &Path) -> anyhow::Result<Technician> {
    technician::read(path).map_err(|error| {
        if error.is_not_found() {
            anyhow!(
                "no technician's file at {}: get one from your administrator and name it with --as FILE",
                path.display()
            )
        } else {
            error.into()
        }
    })
}

/// Started without a terminal, as from a menu.
fn asks_in_window(options: &ConnectOptions) -> bool {
    !options.no_window && !options.code_from_stdin && !std::io::stdin().is_terminal()
}

/// The code, from where the technician can type it; never from the command line, which every program on this
/// computer can read.
fn ask_code(options: &ConnectOptions) -> anyhow::Result<Option<SessionCode>> {
    if options.code_from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("cannot read the code from standard input")?;
        return Ok(Some(SessionCode::parse(&line)?));
    }
    if !asks_in_window(options) {
        return ask_on_terminal();
    }
    let typed = window::ask_code().map_err(|error| anyhow!(error.to_string()))?;
    Ok(match typed {
        Some(typed) => Some(SessionCode::parse(&Zeroizing::new(typed))?),
        None => None,
    })
}

fn ask_on_terminal() -> anyhow::Result<Option<SessionCode>> {
    let mut terminal = std::io::stderr();
    loop {
        write!(terminal, "Session code: ")?;
        terminal.flush()?;
        let mut line = Zeroizing::new(String::new());
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match SessionCode::parse(&line) {
            Ok(code) => return Ok(Some(code)),
            Err(error) => writeln!(terminal, "{}", sentence(&error.to_string()))?,
        }
    }
}

/// What a session is asked for with.
struct Call {
    technician: Technician,
    code: SessionCode,
    asked: Capabilities,
    reason: String,
    ticket: String,
    around: Around,
}

/// Words that the technician wrote into the window and that may wait to be sent.
const WRITTEN: usize = 16;

/// As `reach`, with a window meanwhile.
fn reach_in_window(
    runtime: &tokio::runtime::Runtime,
    mut call: Call,
) -> anyhow::Result<Result<(Broker, Box<Established>), CloseCode>> {
    let (say, written) = mpsc::channel(WRITTEN);
    let relay = call.technician.bundle.relay.address.clone();
    let mut task = None;
    let start = |window: WaitHandle| {
        call.around.source = Source::Window(written, window.clone());
        task = Some(runtime.spawn(async move {
            let reached = reach(call).await;
            window.over();
            reached
        }));
    };
    // Faster than anybody writes: what is beyond is not sent. When the window is closed, the words end, and with them the call.
    let shown = window::wait(&relay, start, move |text| drop(say.try_send(text)));
    let Some(task) = task else {
        bail!(shown.err().map_or_else(
            || "the window did not start".to_owned(),
            |error| error.to_string()
        ));
    };
    let reached = runtime.block_on(task).context("the call's task failed")?;
    shown.map_err(|error| anyhow!(error.to_string()))?;
    Ok(reached)
}

async fn reach(call: Call) -> Result<(Broker, Box<Established>), CloseCode> {
    let Call {
        technician,
        code,
        asked,
        reason,
        ticket,
        around,
    } = call;
    let (relay, report) = (&technician.bundle.relay, around.report);
    let facts = json!({ "relay": relay.address });
    report.say(
        "connecting",
        facts,
        format!("Connecting by {}…", relay.address),
    );
    let broker = Broker::connect(relay, &technician.key, Some(technician.signed.clone())).await;
    let mut broker = broker.map_err(|error| {
        tracing::warn!("{error}");
        error.code()
    })?;
    let session = broker.claim(code.nameplate).await.map_err(|error| {
        tracing::warn!("{error}");
        error.code()
    })?;
    report.note("claimed", json!({ "session": session.to_string() }));
    let setup = TechnicianSetup {
        key: technician.key.clone(),
        credential: technician.signed.clone(),
        name: technician.credential.name.clone(),
        bundle: technician.signed_bundle.clone(),
        session,
        code,
        asked,
        reason,
        ticket,
    };
    match handshake::run(&mut broker, setup, technician.bundle.clone(), around).await {
        Ok(established) => Ok((broker, established)),
        Err(failure) => {
            tracing::info!("{}", failure.detail);
            let _ = broker.over(session, failure.code).await;
            broker.leave(failure.code).await;
            Err(failure.code)
        }
    }
}

/// Says why there is no session, to a technician who typed the code into a window and has no terminal to read.
fn tell_in_window(code: CloseCode) -> anyhow::Result<()> {
    let options = Options {
        title: "Sightline".into(),
        ..Options::default()
    };
    window::run(
        options,
        |window| window.ended(sentence(&code.to_string())),
        |_| {},
    )
    .map_err(|error| anyhow!(error.to_string()))?;
    Ok(())
}

/// Holds the session without a window, for the commands that join it.
fn hold(
    runtime: &tokio::runtime::Runtime,
    reached: Reached,
    report: Report,
) -> anyhow::Result<CloseCode> {
    report.say(
        "holding",
        json!({ "computer": reached.established.computer }),
        "The session runs. `sightline status` shows it, other commands join it; Ctrl-C ends it.",
    );
    let live = without_window(reached, report, false);
    // On the runtime's thread, where its connection is, and not handed from there to this one.
    let session = runtime.spawn(live::run(live));
    runtime
        .block_on(session)
        .context("the session's task failed")
}

fn show(
    runtime: &tokio::runtime::Runtime,
    reached: Reached,
    options: &ConnectOptions,
    report: Report,
) -> anyhow::Result<CloseCode> {
    let Reached {
        broker,
        established,
        clock,
        interrupt,
        server,
    } = reached;
    let title = format!("{} – Sightline", established.computer);
    let window_options = Options {
        title,
        replay: false,
        fullscreen: options.fullscreen,
        scale: if options.one_to_one {
            Scale::OneToOne
        } else {
            Scale::Fit
        },
    };
    let (to_session, did) = mpsc::unbounded_channel();
    let close_window = options.close_window;
    let session: Mutex<Option<tokio::task::JoinHandle<CloseCode>>> = Mutex::new(None);
    let shown = window::run(
        window_options,
        |window| {
            let live = Live {
                broker,
                established,
                clock,
                report,
                window: Some(window),
                did,
                close_window,
                only_for_commands: false,
                interrupt,
                server,
            };
            *session
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) =
                Some(runtime.spawn(live::run(live)));
        },
        move |event| {
            let _ = to_session.send(event);
        },
    );
    let Some(session) = session
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    else {
        bail!(shown.err().map_or_else(
            || "the window did not start".to_owned(),
            |error| error.to_string()
        ));
    };
    if shown.is_err() {
        session.abort();
    }
    let code = runtime.block_on(session);
    shown.map_err(|error| anyhow!(error.to_string()))?;
    code.context("the session's task failed")
}
