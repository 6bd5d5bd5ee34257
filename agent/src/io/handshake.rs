//! Carries the inner handshake between the machine, the link, the relay and the user.

use std::time::Duration;

use serde_json::json;
use sightline_ends::handshake::{AgentEvent, AgentHandshake, AgentSetup, Established, Failure};
use sightline_link::{Arrived, Broker, HandshakeReceiver, HandshakeSender, LinkError};
use sightline_program::clock::{Chance, Clock};
use sightline_program::report::Report;
use sightline_protocol::broker::FromRelay;
use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::statements::OrgBundle;
use tokio::sync::mpsc;

use super::home::Home;
use super::people::{self, OnShow};
use crate::platform::{Message, Prompt, Talk};

/// The technician's stream must follow its claim within 15 s.
const STREAM: Duration = Duration::from_secs(15);

/// What the handshake may use.
pub struct Around<'a> {
    pub home: &'a Home,
    pub broker: &'a mut Broker,
    pub prompts: &'a [Box<dyn Prompt>],
    pub clock: Clock,
    pub report: Report,
    /// Where the user's wish to stop arrives.
    pub wishes: &'a mut mpsc::UnboundedReceiver<CloseCode>,
}

/// How it ended without a session.
pub struct Failed {
    pub failure: Failure,
    /// A guess at the code was made.
    pub spent: bool,
}

struct Drive<'a> {
    around: Around<'a>,
    machine: AgentHandshake,
    sender: HandshakeSender,
    receiver: HandshakeReceiver,
    session: SessionId,
    on_show: Option<OnShow>,
    spent: bool,
}

enum Happened {
    Bytes(Result<Option<sightline_link::Bytes>, LinkError>),
    Answer(Result<Capabilities, CloseCode>),
    /// The user wrote to the technician.
    Wrote(String),
    Relay(Result<FromRelay, CloseCode>),
    Stop(CloseCode),
    Deadline,
}

/// Runs the handshake of the technician that claimed our code.
pub async fn run(
    mut around: Around<'_>,
    setup: AgentSetup,
    bundle: OrgBundle,
) -> Result<Box<Established>, Failed> {
    let session = setup.session;
    let (sender, receiver) = stream(&mut around, session).await.map_err(|code| Failed {
        failure: failure(code, "the technician's stream did not come"),
        spent: false,
    })?;
    let machine = AgentHandshake::new(setup, bundle, around.clock.now());
    let mut drive = Drive {
        around,
        machine,
        sender,
        receiver,
        session,
        on_show: None,
        spent: false,
    };
    match drive.run().await {
        Ok(established) => Ok(established),
        Err(failure) => {
            // The technician must hear why: what is sent must arrive before the connection may close.
            let _ = drive.sender.finish().await;
            Err(Failed {
                failure,
                spent: drive.spent,
            })
        }
    }
}

fn failure(code: CloseCode, detail: impl ToString) -> Failure {
    Failure {
        code,
        detail: detail.to_string(),
    }
}

async fn stream(
    around: &mut Around<'_>,
    session: SessionId,
) -> Result<(HandshakeSender, HandshakeReceiver), CloseCode> {
    let link = around.broker.link.clone();
    let wait = async {
        loop {
            match link.accept().await {
                Ok(Arrived::Handshake(id, sender, receiver)) if id == session => {
                    return Ok((sender, receiver));
                }
                // Left over from another session of this connection.
                Ok(_) => {}
                Err(error) => return Err(error.code()),
            }
        }
    };
    tokio::select! {
        Some(code) = around.wishes.recv() => Err(code),
        came = tokio::time::timeout(STREAM, wait) => came.unwrap_or(Err(CloseCode::PeerLost)),
    }
}

impl Drive<'_> {
    async fn run(&mut self) -> Result<Box<Established>, Failure> {
        loop {
            if let Some(established) = self.settle().await? {
                return Ok(established);
            }
            let happened = self.next().await;
            let now = self.around.clock.now();
            match happened {
                Happened::Bytes(Ok(Some(bytes))) => {
                    self.machine
                        .handle_bytes(&bytes, now, &mut Chance::default());
                }
                Happened::Bytes(_) => self.machine.handle_end(),
                Happened::Answer(answer) => {
                    self.on_show = None;
                    self.machine.handle_answer(answer, now);
                }
                Happened::Wrote(text) => self.say(&text),
                Happened::Relay(Ok(FromRelay::Receipt(receipt))) => {
                    self.machine.handle_receipt(receipt, now);
                }
                Happened::Relay(Ok(FromRelay::Over(over))) if over.session == self.session => {
                    self.machine.close(CloseCode::from_number(over.code));
                }
                Happened::Relay(Ok(_)) => {}
                Happened::Relay(Err(code)) | Happened::Stop(code) => self.machine.close(code),
                Happened::Deadline => self.machine.handle_timeout(now),
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let deadline = self
            .machine
            .poll_timeout()
            .map(|at| self.around.clock.at(at));
        let user = async {
            let Some(on_show) = &mut self.on_show else {
                return std::future::pending().await;
            };
            tokio::select! {
                // What was written before the answer is said before it.
                biased;
                Some(text) = on_show.words.recv() => Happened::Wrote(text),
                // A prompt that vanished unanswered (its display is gone) counts as no answer.
                answer = &mut on_show.answer => {
                    Happened::Answer(answer.unwrap_or(Err(CloseCode::ConsentTimedOut)))
                }
            }
        };
        let deadline = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(code) = self.around.wishes.recv() => Happened::Stop(code),
            bytes = self.receiver.next() => Happened::Bytes(bytes),
            happened = user => happened,
            message = self.around.broker.next() => Happened::Relay(message.map_err(|e| e.code())),
            () = deadline => Happened::Deadline,
        }
    }

    /// Does what the machine asks for; first its events, then its bytes.
    async fn settle(&mut self) -> Result<Option<Box<Established>>, Failure> {
        let mut end = None;
        while let Some(event) = self.machine.poll_event() {
            match event {
                AgentEvent::Established(established) => end = Some(Ok(established)),
                AgentEvent::Failed(failure) => end = Some(Err(failure)),
                event => self.event(event).await,
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

    /// The user's words to the technician, before the answer.
    fn say(&mut self, text: &str) {
        let news = match self.machine.say(text, self.around.clock.now()) {
            Ok(text) => {
                let facts = json!({ "text": text, "before_consent": true });
                self.around.report.note("said", facts);
                Talk::Said(Message { own: true, text })
            }
            Err(why) => Talk::NotSent(why.to_string()),
        };
        self.talk(&news);
    }

    fn talk(&self, news: &Talk) {
        if let Some(on_show) = &self.on_show {
            on_show.talk(news);
        }
    }

    async fn event(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::CodeSpent => {
                self.spent = true;
                self.around.report.note("code_spent", json!({}));
            }
            AgentEvent::NewerBundle(newer) => {
                if let Err(error) = self.around.home.keep(&newer) {
                    tracing::warn!("the newer bundle is used but not kept: {error}");
                }
            }
            AgentEvent::CodeRight => self.around.report.note("code_right", json!({})),
            AgentEvent::Ask(question) => {
                match people::ask(self.around.prompts, &question, self.around.clock) {
                    Ok(on_show) => {
                        self.around.report.say(
                            "consent_asked",
                            json!({
                                "technician": question.technician,
                                "organisation": question.organisation,
                                "asked": question.asked.to_string(),
                                "reason": question.reason,
                                "ticket": question.ticket,
                                "prompts": on_show.ways(),
                            }),
                            "",
                        );
                        self.on_show = Some(on_show);
                    }
                    Err(code) => {
                        let now = self.around.clock.now();
                        self.machine.handle_answer(Err(code), now);
                    }
                }
            }
            AgentEvent::Said(text) => {
                let facts = json!({ "text": text, "before_consent": true });
                self.around.report.note("chat", facts);
                self.talk(&Talk::Said(Message { own: false, text }));
            }
            AgentEvent::Store(manifest) => {
                if let Err(error) = self.around.broker.begin(self.session, *manifest).await {
                    self.machine.close(error.code());
                }
            }
            AgentEvent::Established(_) | AgentEvent::Failed(_) => {}
        }
    }
}
