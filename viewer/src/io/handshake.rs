//! Carries the inner handshake between the machine, the link and the terminal, where user and technician can talk while the
//! user is being asked.

use serde_json::json;
use sightline_ends::handshake::{
    Established, Failure, TechnicianEvent, TechnicianHandshake, TechnicianSetup,
};
use sightline_link::{Broker, Bytes, HandshakeReceiver, HandshakeSender, LinkError};
use sightline_program::clock::{Chance, Clock};
use sightline_program::report::Report;
use sightline_protocol::broker::FromRelay;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::statements::OrgBundle;

use super::interrupt::Interrupt;
use super::typed::{Source, Typed};
use super::window::WaitHandle;

enum Happened {
    Bytes(Result<Option<Bytes>, LinkError>),
    Relay(Result<FromRelay, CloseCode>),
    /// The technician wrote to the user.
    Typed(Option<String>),
    Deadline,
    Interrupted,
}

struct Drive<'a> {
    broker: &'a mut Broker,
    machine: TechnicianHandshake,
    sender: HandshakeSender,
    receiver: HandshakeReceiver,
    session: SessionId,
    clock: Clock,
    report: Report,
    interrupt: Interrupt,
    /// Where words for the user come from; taken when they are heard.
    source: Source,
    /// Shows how it stands, where there is no terminal.
    window: Option<WaitHandle>,
    typed: Option<Typed>,
    computer: String,
}

/// What the handshake may use beside the connection.
pub struct Around {
    pub clock: Clock,
    pub report: Report,
    pub interrupt: Interrupt,
    /// Where words for the user come from.
    pub source: Source,
}

/// Runs the handshake of a session that the relay gave us.
pub async fn run(
    broker: &mut Broker,
    setup: TechnicianSetup,
    bundle: OrgBundle,
    around: Around,
) -> Result<Box<Established>, Failure> {
    let session = setup.session;
    let (sender, receiver) =
        broker
            .link
            .open_handshake(session)
            .await
            .map_err(|error| Failure {
                code: error.code(),
                detail: error.to_string(),
            })?;
    // A window's words are heard from the start: it may be closed at any moment.
    let (source, window, typed) = match around.source {
        Source::Window(words, handle) => {
            let source = Source::Window(words, handle.clone());
            (Source::Nobody, Some(handle), Typed::read(source))
        }
        source => (source, None, None),
    };
    let mut drive = Drive {
        machine: TechnicianHandshake::new(setup, bundle, around.clock.now()),
        broker,
        sender,
        receiver,
        session,
        clock: around.clock,
        report: around.report,
        interrupt: around.interrupt,
        typed,
        source,
        window,
        computer: String::new(),
    };
    drive.run().await
}

impl Drive<'_> {
    async fn run(&mut self) -> Result<Box<Established>, Failure> {
        loop {
            if let Some(established) = self.settle().await? {
                return Ok(established);
            }
            let happened = self.next().await;
            let now = self.clock.now();
            match happened {
                Happened::Bytes(Ok(Some(bytes))) => {
                    self.machine
                        .handle_bytes(&bytes, now, &mut Chance::default());
                }
                Happened::Bytes(_) => self.machine.handle_end(),
                Happened::Relay(Ok(FromRelay::Over(over))) if over.session == self.session => {
                    self.machine.close(CloseCode::from_number(over.code));
                }
                Happened::Relay(Ok(_)) => {}
                Happened::Relay(Err(code)) => self.machine.close(code),
                Happened::Typed(Some(line)) => self.typed(&line),
                Happened::Typed(None) => self.machine.close(CloseCode::TechnicianLeft),
                Happened::Deadline => self.machine.handle_timeout(now),
                Happened::Interrupted => self.machine.close(CloseCode::TechnicianLeft),
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let deadline = self.machine.poll_timeout().map(|at| self.clock.at(at));
        let deadline = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let typed = async {
            match &mut self.typed {
                Some(typed) => typed.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // What the agent said last is heard before the relay's word that it is over.
            biased;
            bytes = self.receiver.next() => Happened::Bytes(bytes),
            message = self.broker.next() => Happened::Relay(message.map_err(|e| e.code())),
            () = deadline => Happened::Deadline,
            () = self.interrupt.pressed() => Happened::Interrupted,
            line = typed => Happened::Typed(line),
        }
    }

    async fn settle(&mut self) -> Result<Option<Box<Established>>, Failure> {
        let mut end = None;
        while let Some(event) = self.machine.poll_event() {
            match event {
                TechnicianEvent::Established(established) => end = Some(Ok(established)),
                TechnicianEvent::Failed(failure) => end = Some(Err(failure)),
                event => self.event(event),
            }
        }
        while let Some(bytes) = self.machine.poll_transmit() {
            if self.sender.send(bytes.into()).await.is_err() {
                self.machine.handle_end();
                break;
            }
        }
        end.transpose()
    }

    /// The technician's words to the user.
    fn typed(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        match self.machine.say(line, self.clock.now()) {
            Ok(text) => {
                let facts = json!({ "text": text, "before_consent": true });
                self.report.note("said", facts);
            }
            Err(why) => {
                let why = why.to_string();
                if let Some(window) = &self.window {
                    window.not_sent(why.clone());
                }
                let words = format!("Not sent: {why}.");
                self.report.say("not_said", json!({ "why": why }), words);
            }
        }
    }

    fn event(&mut self, event: TechnicianEvent) {
        match event {
            TechnicianEvent::CodeRight => self.report.note("code_right", json!({})),
            TechnicianEvent::Asking {
                computer,
                countdown_s,
            } => {
                if let Some(window) = &self.window {
                    window.asking(&computer, countdown_s);
                } else {
                    self.typed = Typed::read(std::mem::replace(&mut self.source, Source::Nobody));
                }
                let mut words = format!(
                    "Connected to {computer}. The user is being asked (up to {countdown_s} s)…"
                );
                if self.typed.is_some() && self.window.is_none() {
                    words += "\nWhat you type here goes to the user; Ctrl-C leaves.";
                }
                let facts = json!({ "computer": computer, "countdown_s": countdown_s });
                self.report.say("consent_asked", facts, words);
                self.computer = computer;
            }
            TechnicianEvent::Said(text) => {
                if let Some(window) = &self.window {
                    window.said(text.clone());
                }
                let words = format!("{}: {text}", self.computer);
                let facts = json!({ "text": text, "before_consent": true });
                self.report.say("chat", facts, words);
            }
            TechnicianEvent::Granted(granted) => {
                if self.window.is_none() {
                    self.typed = None;
                }
                self.report.say(
                    "granted",
                    json!({ "granted": granted.to_string() }),
                    format!("The user allows: {granted}."),
                );
            }
            TechnicianEvent::Established(_) | TechnicianEvent::Failed(_) => {}
        }
    }
}
