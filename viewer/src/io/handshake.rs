//! Carries the inner handshake between the machine, the link and the terminal.

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

enum Happened {
    Bytes(Result<Option<Bytes>, LinkError>),
    Relay(Result<FromRelay, CloseCode>),
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
}

/// Runs the handshake of a session that the relay gave us.
pub async fn run(
    broker: &mut Broker,
    setup: TechnicianSetup,
    bundle: OrgBundle,
    clock: Clock,
    report: Report,
    interrupt: Interrupt,
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
    let mut drive = Drive {
        machine: TechnicianHandshake::new(setup, bundle, clock.now()),
        broker,
        sender,
        receiver,
        session,
        clock,
        report,
        interrupt,
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
        tokio::select! {
            // What the agent said last is heard before the relay's word that it is over.
            biased;
            bytes = self.receiver.next() => Happened::Bytes(bytes),
            message = self.broker.next() => Happened::Relay(message.map_err(|e| e.code())),
            () = deadline => Happened::Deadline,
            () = self.interrupt.pressed() => Happened::Interrupted,
        }
    }

    async fn settle(&mut self) -> Result<Option<Box<Established>>, Failure> {
        let mut end = None;
        while let Some(event) = self.machine.poll_event() {
            match event {
                TechnicianEvent::Established(established) => end = Some(Ok(established)),
                TechnicianEvent::Failed(failure) => end = Some(Err(failure)),
                event => self.say(event),
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

    fn say(&self, event: TechnicianEvent) {
        match event {
            TechnicianEvent::CodeRight => self.report.note("code_right", json!({})),
            TechnicianEvent::Asking {
                computer,
                countdown_s,
            } => self.report.say(
                "consent_asked",
                json!({ "computer": computer, "countdown_s": countdown_s }),
                format!(
                    "Connected to {computer}. The user is being asked (up to {countdown_s} s)…"
                ),
            ),
            TechnicianEvent::Granted(granted) => self.report.say(
                "granted",
                json!({ "granted": granted.to_string() }),
                format!("The user allows: {granted}."),
            ),
            TechnicianEvent::Established(_) | TechnicianEvent::Failed(_) => {}
        }
    }
}
