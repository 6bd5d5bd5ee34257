//! `sightline-agent share`: a code, a technician, consent, a session.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use sightline_ends::code::SessionCode;
use sightline_ends::handshake::{AgentSetup, Established};
use sightline_ends::rng::Randomness;
use sightline_link::{Broker, Link};
use sightline_program::clock::{Chance, Clock, local_day};
use sightline_program::history::{Beginning, Consent, History, Moment, Who};
use sightline_program::report::Report;
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::close::CloseCode;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::OrgBundle;
use tokio::sync::mpsc;

use super::handshake::{self, Around, Failed};
use super::history::Keeper;
use super::home::Home;
use super::session::{self, SessionSetup};
use super::stop::Stop;
use crate::platform::{self, Backend, Prompt};
use crate::pure::backoff;

/// What the user chose.
#[derive(Clone, Debug)]
pub struct ShareOptions {
    pub qr: bool,
    pub minutes: u32,
    pub countdown_s: u32,
    pub backend: Backend,
}

/// For so long the relay is tried again, and no longer: as long as a code is good. Who still waits then has gone away.
const CONNECTS_AGAIN: Duration = Duration::from_secs(600);

/// A relay that is not heard for so long may be gone: the user hears of it before it is known.
const RELAY_SILENT: Duration = Duration::from_secs(5);

/// Wrong guesses after which no new code is made: one may be a slip, three are somebody trying.
const WRONG_GUESSES: u32 = 3;

/// What this agent can do for a technician today.
fn offered() -> Capabilities {
    use Capability::{Control, Files, ReadClipboard, SetClipboard, Shell, View};
    Capabilities::of(&[View, Control, ReadClipboard, SetClipboard, Shell, Files])
}

struct Share<'a> {
    home: &'a Home,
    options: ShareOptions,
    key: Arc<SigningKey>,
    signed: Signed<OrgBundle>,
    bundle: OrgBundle,
    prompts: Vec<Box<dyn Prompt>>,
    clock: Clock,
    report: Report,
    stop: Stop,
    wishes: Option<mpsc::UnboundedReceiver<CloseCode>>,
    /// The count of the session that is being made.
    number: u64,
}

/// Runs until the session ends or the user gives up; says why it ended.
pub async fn run(home: &Home, options: ShareOptions, report: Report) -> anyhow::Result<CloseCode> {
    let (signed, bundle) = home.organisation()?;
    let key = home.key()?;
    if let Err(error) = home.history().settle() {
        tracing::warn!("history: {error}");
    }
    if let Err(error) = platform::check_desktop(options.backend) {
        tracing::error!("{error}");
        return Ok(CloseCode::NoDesktop);
    }
    let prompts = match platform::open_prompts() {
        Ok(prompts) => prompts,
        Err(error) => {
            tracing::error!("{error}");
            return Ok(CloseCode::NoPrompt);
        }
    };
    let (stop, wishes) = Stop::new();
    spawn_signals(&stop)?;
    let mut share = Share {
        home,
        options,
        key,
        signed,
        bundle,
        prompts,
        clock: Clock::default(),
        report,
        stop,
        wishes: Some(wishes),
        number: 0,
    };
    let mut broker = match Broker::connect(&share.bundle.relay, &share.key, None).await {
        Ok(broker) => broker,
        Err(error) => {
            tracing::error!("{error}");
            return Ok(error.code());
        }
    };
    loop {
        let code = share.share(&mut broker).await;
        let ended = !is_lost(code) || share.wishes.is_none();
        broker.leave(code).await;
        if ended {
            return Ok(code);
        }
        broker = match share.connect_again(code).await {
            Ok(broker) => broker,
            Err(code) => return Ok(code),
        };
    }
}

/// Whether the relay is gone, and may come back.
fn is_lost(code: CloseCode) -> bool {
    use CloseCode::{LinkLost, Quota, RelayStopping, RelayUnreachable};
    matches!(code, LinkLost | Quota | RelayStopping | RelayUnreachable)
}

/// Tells the user when the relay is not heard, and when it is again. Never ends.
async fn tell_silence(link: &Link, report: Report) -> Infallible {
    let mut told = false;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let silence = link.silence().filter(|silence| *silence >= RELAY_SILENT);
        match (silence, told) {
            (Some(silence), false) => {
                let facts = json!({ "silent_ms": silence.as_millis() as u64 });
                let seconds = silence.as_secs();
                let words = format!(
                    "No word from the relay for {seconds} s: nobody can use the code until it is back."
                );
                report.say("relay_silent", facts, words);
                told = true;
            }
            (None, true) if link.silence().is_none() => {
                let words = "The relay is heard again. The code is still good.";
                report.say("relay_back", json!({}), words);
                told = false;
            }
            _ => {}
        }
    }
}

/// Hears signals on a thread of its own: the user can stop whatever the session's is busy with.
fn spawn_signals(stop: &Stop) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let _context = runtime.enter();
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        runtime.spawn(async move {
            signals.recv().await;
            stop.stop();
            // Who asks twice does not want to wait for farewells.
            signals.recv().await;
            std::process::exit(CloseCode::StoppedByUser.exit_code().into());
        });
    }
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(())
}

impl Share<'_> {
    /// Tries until the relay is there again, the user gives up, or it has been too long.
    async fn connect_again(&mut self, why: CloseCode) -> Result<Broker, CloseCode> {
        let facts = json!({ "reason": why.sentence() });
        let words = "The connection to the relay was lost. The code that was shown is not valid any more. Trying to connect again; \
                     there will be a new code. Ctrl-C to stop.";
        self.report.say("relay_lost", facts, words);
        let until = Instant::now() + CONNECTS_AGAIN;
        let Some(wishes) = &mut self.wishes else {
            return Err(why);
        };
        let (relay, key) = (&self.bundle.relay, &self.key);
        for tries in 0.. {
            let mut chance = [0];
            Chance::default().fill(&mut chance);
            let trying = async {
                tokio::time::sleep(backoff::wait(tries, chance[0])).await;
                Broker::connect(relay, key, None).await
            };
            let tried = tokio::select! {
                stopped = wishes.recv() => return Err(stopped.unwrap_or(CloseCode::StoppedByUser)),
                tried = trying => tried,
            };
            match tried {
                Ok(broker) => {
                    let words = "The relay is there again. Here is a new code.";
                    self.report
                        .say("code_replaced", json!({ "reason": why.sentence() }), words);
                    return Ok(broker);
                }
                Err(error) if is_lost(error.code()) && Instant::now() < until => {
                    tracing::debug!("try {tries}: {error}");
                }
                Err(error) => {
                    tracing::error!("{error}");
                    return Err(error.code());
                }
            }
        }
        Err(why)
    }

    /// Codes until one leads to a session or there is no more sense in it.
    async fn share(&mut self, broker: &mut Broker) -> CloseCode {
        let mut wrong = 0;
        loop {
            let failed = match self.one_code(broker).await {
                Ok(established) => return self.session(broker, &established).await,
                Err(failed) => failed,
            };
            match failed.failure.code {
                // Somebody came and left before it began: the user still waits for help.
                CloseCode::WrongCode | CloseCode::PeerLost if failed.spent => {
                    wrong += 1;
                    if wrong == WRONG_GUESSES {
                        return failed.failure.code;
                    }
                }
                CloseCode::CodeUnknown | CloseCode::PeerLost | CloseCode::TechnicianLeft => {}
                code => return code,
            }
            self.again(&failed);
        }
    }

    fn again(&self, failed: &Failed) {
        tracing::debug!("{}", failed.failure.detail);
        let words = match failed.failure.code {
            CloseCode::WrongCode => {
                "Somebody tried a wrong code. The code is spent; here is a new one."
            }
            CloseCode::CodeUnknown => "The code has expired. Here is a new one.",
            _ => "The technician's connection was lost. Here is a new code.",
        };
        let facts = json!({ "reason": failed.failure.code.sentence() });
        self.report.say("code_replaced", facts, words);
    }

    async fn one_code(&mut self, broker: &mut Broker) -> Result<Box<Established>, Failed> {
        let lost = |code: CloseCode, detail: String| Failed {
            failure: sightline_ends::handshake::Failure { code, detail },
            spent: false,
        };
        let allocated = broker
            .allocate()
            .await
            .map_err(|e| lost(e.code(), e.to_string()))?;
        let code = SessionCode::draw(allocated.nameplate, &mut Chance::default());
        let life = Duration::from_secs(allocated.lifetime_s.into());
        self.show(&code, life);
        let Some(wishes) = &mut self.wishes else {
            return Err(lost(CloseCode::Internal, "no way to stop".into()));
        };
        let link = broker.link.clone();
        let joining = tokio::select! {
            never = tell_silence(&link, self.report) => match never {},
            stopped = wishes.recv() => {
                let _ = broker.release(code.nameplate).await;
                let code = stopped.unwrap_or(CloseCode::StoppedByUser);
                return Err(lost(code, "stopped while waiting".into()));
            }
            () = tokio::time::sleep(life) => {
                let _ = broker.release(code.nameplate).await;
                return Err(lost(CloseCode::CodeUnknown, "nobody came in time".into()));
            }
            joining = broker.joining(code.nameplate) => {
                joining.map_err(|e| lost(e.code(), e.to_string()))?
            }
        };
        let facts = json!({ "session": joining.session.to_string(), "technician": joining.technician.to_string() });
        self.report
            .say("claimed", facts, "A technician is connecting…");
        let (number, previous) = self
            .home
            .next_session()
            .map_err(|e| lost(CloseCode::Internal, e.to_string()))?;
        self.number = number;
        let setup = AgentSetup {
            key: Arc::clone(&self.key),
            bundle: self.signed.clone(),
            session: joining.session,
            nameplate: code.nameplate,
            secret: code.secret,
            technician: joining.technician,
            computer: platform::computer_name(),
            offered: offered(),
            countdown_s: self.options.countdown_s,
            grant_ms: u64::from(self.options.minutes) * 60_000,
            number,
            previous,
        };
        let around = Around {
            home: self.home,
            broker,
            prompts: &self.prompts,
            clock: self.clock,
            report: self.report,
            wishes,
        };
        let result = handshake::run(around, setup, self.bundle.clone()).await;
        match &result {
            Ok(established) => {
                if let Err(error) = self.home.receipted(established.manifest) {
                    tracing::warn!("the next session will not name this one: {error}");
                }
            }
            Err(failed) => {
                let _ = broker.over(joining.session, failed.failure.code).await;
            }
        }
        result
    }

    fn show(&self, code: &SessionCode, life: Duration) {
        let shown = code.reveal();
        let mut words = format!(
            "\nYour session code:  {}\n\nRead it to your technician. It is good for {} minutes and for one use.\nCtrl-C to stop.\n",
            *shown,
            life.as_secs() / 60
        );
        if self.options.qr
            && let Ok(qr) = QrCode::new(shown.as_bytes())
        {
            words += &qr.render::<Dense1x2>().build();
            words.push('\n');
        }
        let facts = json!({ "code": *shown, "lifetime_s": life.as_secs() });
        self.report.say("code", facts, words);
    }

    /// The session's file in the history.
    fn keeper(&self, established: &Established) -> Option<Keeper> {
        let consent = &established.consent;
        let start_ms = self.clock.now().unix_ms;
        let history = History::begin(Beginning {
            number: self.number,
            session: established.session,
            computer: &established.computer,
            start_ms,
            technician: Who {
                name: established.technician_name.clone(),
                organisation: established.bundle.organisation.clone(),
                key: established.peer.to_string(),
                fingerprint: established.peer.fingerprint(),
            },
            consent: Consent {
                asked: consent.asked.to_string(),
                allowed: consent.granted.to_string(),
                reason: consent.reason.clone(),
                ticket: consent.ticket.clone(),
                until: Moment::at(consent.until_ms),
            },
            agent: self.key.public(),
            manifest: established.manifest,
            receipt: &established.receipt,
        });
        let kept = self.home.history().keep(history, &local_day(start_ms));
        kept.inspect_err(|error| {
            tracing::warn!("this session will not stand in the history: {error}")
        })
        .ok()
    }

    async fn session(&mut self, broker: &mut Broker, established: &Established) -> CloseCode {
        let granted = established.consent.granted;
        let words = format!(
            "{} of {} may now: {}. The session is recorded. Ctrl-C stops it.",
            established.technician_name, established.bundle.organisation, granted
        );
        let facts = json!({
            "session": established.session.to_string(),
            "technician": established.technician_name,
            "granted": granted.to_string(),
            "until_ms": established.consent.until_ms,
        });
        self.report.say("granted", facts, words);
        let Some(wishes) = self.wishes.take() else {
            return CloseCode::Internal;
        };
        let setup = SessionSetup {
            prompts: &self.prompts,
            backend: self.options.backend,
            clock: self.clock,
            report: self.report,
            stop: self.stop.clone(),
            wishes,
            keeper: self.keeper(established),
        };
        session::run(broker, established, setup).await
    }
}
