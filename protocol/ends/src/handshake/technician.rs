//! The technician's side of the inner handshake.

use std::collections::VecDeque;
use std::sync::Arc;

use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Nameplate, PublicKey, SessionId};
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Consent, ConsentSeen, Credential, Manifest, ManifestSeen, OrgBundle, Receipt,
};

use super::early::{EarlyWords, SayError};
use super::messages::{FromAgent, FromTechnician, Pake, Proposal, Request, SUITE_SPAKE2_ED25519};
use super::pake::{Binding, Exchange, Proven};
use super::{
    Established, Failure, NAME_CAP, REASON_CAP, STEP_MS, TICKET_CAP, check_receipt, out_of_turn,
};
use crate::code::SessionCode;
use crate::keys::ClassKeys;
use crate::now::Now;
use crate::rng::Randomness;
use crate::text::harmless;
use crate::tunnel::Tunnel;

/// What the technician's program knows when it connects.
pub struct TechnicianSetup {
    pub key: Arc<SigningKey>,
    pub credential: Signed<Credential>,
    /// The name in the credential.
    pub name: String,
    /// The newest bundle that we have; must open.
    pub bundle: Signed<OrgBundle>,
    pub session: SessionId,
    pub code: SessionCode,
    pub asked: Capabilities,
    pub reason: String,
    pub ticket: String,
}

/// What the technician's shell has to know.
pub enum TechnicianEvent {
    /// The other end proved to know the code: nobody stands in between.
    CodeRight,
    /// The user is being asked now.
    Asking {
        computer: String,
        countdown_s: u32,
    },
    /// The user's words, before the answer; harmless already.
    Said(String),
    /// The user said yes to this.
    Granted(Capabilities),
    Established(Box<Established>),
    Failed(Failure),
}

enum State {
    Tls,
    Pake(Exchange),
    Confirm(Proven),
    Asking(Proven),
    Answer(Proven),
    Proposal(Proven, Box<(Signed<Consent>, Consent)>),
    Begun(Box<(ClassKeys, Consent, Signed<Manifest>)>),
    Done,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::Tls => "tls",
            State::Pake(_) => "pake",
            State::Confirm(_) => "confirm",
            State::Asking(_) => "asking",
            State::Answer(_) => "answer",
            State::Proposal(..) => "proposal",
            State::Begun(_) => "begun",
            State::Done => "done",
        }
    }
}

/// The machine. Feed it, then drain [`TechnicianHandshake::poll_event`] and [`TechnicianHandshake::poll_transmit`].
pub struct TechnicianHandshake {
    setup: TechnicianSetup,
    /// The organisation: ours, or a newer version of it that the agent has.
    bundle: OrgBundle,
    tunnel: Tunnel,
    state: State,
    computer: String,
    agent: Option<PublicKey>,
    deadline_us: Option<u64>,
    early: EarlyWords,
    events: VecDeque<TechnicianEvent>,
}

type Step = Result<State, Failure>;

/// Grace beyond the user's countdown before we think the agent is gone, in milliseconds.
const ANSWER_GRACE_MS: u64 = 10_000;
/// Longest countdown we believe, in seconds.
const COUNTDOWN_CAP_S: u32 = 3_600;

impl TechnicianHandshake {
    /// `bundle`: the one in `setup`, opened.
    pub fn new(setup: TechnicianSetup, bundle: OrgBundle, now: Now) -> TechnicianHandshake {
        TechnicianHandshake {
            tunnel: Tunnel::client(&setup.key),
            setup,
            bundle,
            state: State::Tls,
            computer: String::new(),
            agent: None,
            deadline_us: Some(now.mono_us + STEP_MS * 1000),
            early: EarlyWords::default(),
            events: VecDeque::new(),
        }
    }

    pub fn nameplate(&self) -> Nameplate {
        self.setup.code.nameplate
    }

    /// Bytes from the agent.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Now, rng: &mut dyn Randomness) {
        if let Err(failure) = self.try_bytes(bytes, now, rng) {
            self.fail(failure);
        }
    }

    /// The agent's stream ended.
    pub fn handle_end(&mut self) {
        self.fail(Failure::new(
            CloseCode::PeerLost,
            "the agent's stream ended",
        ));
    }

    /// Words to the user, while he is asked. Gives them as they were sent.
    pub fn say(&mut self, text: &str, now: Now) -> Result<String, SayError> {
        if !matches!(self.state, State::Answer(_)) {
            return Err(SayError::NotNow);
        }
        let text = self.early.say(text, now)?;
        self.tunnel.send(&FromTechnician::Say(text.clone()));
        Ok(text)
    }

    /// The user may speak from the question to the answer.
    fn hear(&mut self, text: String, now: Now) -> Result<(), Failure> {
        if !matches!(self.state, State::Answer(_)) {
            return Err(out_of_turn(self.state.name()));
        }
        let text = self.early.hear(text, now)?;
        self.events.push_back(TechnicianEvent::Said(text));
        Ok(())
    }

    /// Ends the handshake from this side.
    pub fn close(&mut self, code: CloseCode) {
        self.fail(Failure::new(code, "closed by this side"));
    }

    pub fn handle_timeout(&mut self, now: Now) {
        if self.deadline_us.is_some_and(|at| at <= now.mono_us) {
            let waited = format!("no answer in state {}", self.state.name());
            self.fail(Failure::new(CloseCode::PeerLost, waited));
        }
    }

    /// `mono_us` at which [`TechnicianHandshake::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.deadline_us
    }

    pub fn poll_event(&mut self) -> Option<TechnicianEvent> {
        self.events.pop_front()
    }

    /// Bytes for the agent.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.tunnel.transmit()
    }

    /// What a hostile one would send, whatever the state.
    #[cfg(test)]
    pub(super) fn say_unchecked(&mut self, text: &str) {
        self.tunnel.send(&FromTechnician::Say(text.to_owned()));
    }

    fn fail(&mut self, failure: Failure) {
        if matches!(self.state, State::Done) && self.deadline_us.is_none() {
            return;
        }
        self.state = State::Done;
        self.deadline_us = None;
        self.tunnel
            .send(&FromTechnician::Closed(failure.code.number()));
        self.events.push_back(TechnicianEvent::Failed(failure));
    }

    fn step(&mut self, next: Step, now: Now) {
        match next {
            Ok(state) => {
                // While the user thinks, the deadline is the one set with `Asking`.
                if !matches!(state, State::Answer(_)) {
                    self.deadline_us = Some(now.mono_us + STEP_MS * 1000);
                }
                if matches!(state, State::Done) {
                    self.deadline_us = None;
                }
                self.state = state;
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn try_bytes(
        &mut self,
        bytes: &[u8],
        now: Now,
        rng: &mut dyn Randomness,
    ) -> Result<(), Failure> {
        self.tunnel.handle(bytes)?;
        if matches!(self.state, State::Tls) && self.tunnel.established() {
            let next = self.start_pake(rng);
            self.step(next, now);
        }
        while let Some(message) = self.tunnel.next::<FromAgent>()? {
            if let FromAgent::Say(text) = message {
                self.hear(text, now)?;
                continue;
            }
            let state = std::mem::replace(&mut self.state, State::Done);
            let next = self.receive(state, message, now);
            let failed = next.is_err();
            self.step(next, now);
            if failed {
                break;
            }
        }
        Ok(())
    }

    fn binding(&self, agent: PublicKey) -> Binding {
        Binding {
            session: self.setup.session,
            nameplate: self.setup.code.nameplate,
            agent,
            technician: self.setup.key.public(),
        }
    }

    fn agent(&self) -> Result<PublicKey, Failure> {
        self.agent
            .ok_or_else(|| Failure::new(CloseCode::ProtocolViolation, "the agent showed no key"))
    }

    fn start_pake(&mut self, rng: &mut dyn Randomness) -> Step {
        self.agent = self.tunnel.peer();
        let binding = self.binding(self.agent()?);
        let (exchange, message) =
            Exchange::technician(&self.setup.code.secret, &binding, &self.tunnel, rng);
        self.tunnel.send(&FromTechnician::Pake(Pake {
            suite: SUITE_SPAKE2_ED25519,
            message,
        }));
        Ok(State::Pake(exchange))
    }

    fn receive(&mut self, state: State, message: FromAgent, now: Now) -> Step {
        match (state, message) {
            (_, FromAgent::Closed(code)) => Err(Failure::new(
                CloseCode::from_number(code),
                "closed by the agent",
            )),
            (State::Pake(exchange), FromAgent::Pake(theirs)) => self.pake(exchange, theirs),
            (State::Confirm(proven), FromAgent::Confirm(theirs)) => self.confirm(proven, theirs),
            (State::Asking(proven), FromAgent::Asking(asking)) => {
                self.computer = harmless(&asking.computer, NAME_CAP);
                let countdown_s = asking.countdown_s.min(COUNTDOWN_CAP_S);
                let wait_ms = u64::from(countdown_s) * 1000 + ANSWER_GRACE_MS;
                self.deadline_us = Some(now.mono_us + wait_ms * 1000);
                self.events.push_back(TechnicianEvent::Asking {
                    computer: self.computer.clone(),
                    countdown_s,
                });
                Ok(State::Answer(proven))
            }
            (State::Answer(proven), FromAgent::Granted(consent)) => self.granted(proven, consent),
            (State::Proposal(proven, consent), FromAgent::Proposal(proposal)) => {
                self.proposal(proven, *consent, proposal)
            }
            (State::Begun(begun), FromAgent::Begun(receipt)) => self.begun(*begun, receipt),
            (state, _) => Err(out_of_turn(state.name())),
        }
    }

    fn pake(&mut self, exchange: Exchange, theirs: Pake) -> Step {
        if theirs.suite != SUITE_SPAKE2_ED25519 {
            return Err(Failure::new(CloseCode::Unsupported, "unknown pake suite"));
        }
        let binding = self.binding(self.agent()?);
        let proven = exchange
            .finish(&theirs.message, &binding, &self.tunnel)
            .ok_or_else(|| Failure::new(CloseCode::ProtocolViolation, "malformed pake"))?;
        self.tunnel
            .send(&FromTechnician::Confirm(proven.technician_confirms()));
        Ok(State::Confirm(proven))
    }

    fn confirm(&mut self, proven: Proven, theirs: [u8; 32]) -> Step {
        if !proven.is_agent(&theirs) {
            return Err(Failure::new(
                CloseCode::NotConfirmed,
                "the agent's confirmation failed",
            ));
        }
        self.events.push_back(TechnicianEvent::CodeRight);
        self.tunnel.send(&FromTechnician::Request(Request {
            credential: self.setup.credential.clone(),
            bundle: self.setup.bundle.clone(),
            asked: self.setup.asked,
            reason: self.reason(),
            ticket: self.ticket(),
        }));
        Ok(State::Asking(proven))
    }

    /// As the agent shows it: longer ones would only be refused.
    fn reason(&self) -> String {
        harmless(&self.setup.reason, REASON_CAP)
    }

    fn ticket(&self) -> String {
        harmless(&self.setup.ticket, TICKET_CAP)
    }

    fn granted(&mut self, proven: Proven, signed: Signed<Consent>) -> Step {
        let violation =
            |e: &dyn ToString| Failure::new(CloseCode::ProtocolViolation, e.to_string());
        let agent = self.agent()?;
        let consent = signed.verify(&agent).map_err(|e| violation(&e))?;
        let ours = consent.session == self.setup.session
            && consent.agent == agent
            && consent.technician == self.setup.key.public()
            && consent.credential == self.setup.credential.digest()
            && consent.granted.is_subset_of(consent.asked)
            && consent.asked.is_subset_of(self.setup.asked)
            && consent.reason == self.reason()
            && consent.ticket == self.ticket();
        if !ours {
            return Err(violation(&"the consent is not about this session"));
        }
        self.events
            .push_back(TechnicianEvent::Granted(consent.granted));
        let seen = ConsentSeen {
            consent: signed.digest(),
        };
        self.tunnel.send(&FromTechnician::ConsentSeen(Signed::sign(
            &seen,
            &self.setup.key,
        )));
        Ok(State::Proposal(proven, Box::new((signed, consent))))
    }

    /// Signs the manifest only if every fact in it is known to be true, the auditors' wraps above all.
    fn proposal(
        &mut self,
        proven: Proven,
        (signed_consent, consent): (Signed<Consent>, Consent),
        proposal: Proposal,
    ) -> Step {
        let violation =
            |e: &dyn ToString| Failure::new(CloseCode::ProtocolViolation, e.to_string());
        let agent = self.agent()?;
        let manifest = proposal
            .manifest
            .verify(&agent)
            .map_err(|e| violation(&e))?;
        let bundle = OrgBundle::open(&manifest.bundle).map_err(|e| violation(&e))?;
        // Older than ours, the agent did not take over what we brought; another of the same number, it is forged.
        let newer = bundle.root == self.bundle.root && bundle.serial > self.bundle.serial;
        if bundle != self.bundle && !newer {
            return Err(Failure::new(
                CloseCode::WrongEscrow,
                format!(
                    "the agent uses bundle {} of {}, we have {} of {}",
                    bundle.serial,
                    bundle.organisation,
                    self.bundle.serial,
                    self.bundle.organisation
                ),
            ));
        }
        let [technician] = &manifest.technicians[..] else {
            return Err(violation(&"the manifest names other technicians"));
        };
        let ours = manifest.session == self.setup.session
            && manifest.agent == agent
            && technician.key == self.setup.key.public()
            && technician.credential == self.setup.credential
            && manifest.consent == signed_consent;
        if !ours {
            return Err(violation(&"the manifest is not about this session"));
        }
        let session = self.setup.session;
        let keys = ClassKeys::derive(session, 0, &proven.session_secret, &proposal.seed);
        if keys.publish(&bundle.auditors).ok().as_ref() != Some(&manifest.keys) {
            return Err(Failure::new(
                CloseCode::WrongEscrow,
                "the manifest's wraps are not the session's keys",
            ));
        }
        self.bundle = bundle;
        let seen = ManifestSeen {
            manifest: proposal.manifest.digest(),
        };
        self.tunnel.send(&FromTechnician::ManifestSeen(Signed::sign(
            &seen,
            &self.setup.key,
        )));
        Ok(State::Begun(Box::new((keys, consent, proposal.manifest))))
    }

    fn begun(
        &mut self,
        (keys, consent, manifest): (ClassKeys, Consent, Signed<Manifest>),
        receipt: Signed<Receipt>,
    ) -> Step {
        check_receipt(&receipt, &self.bundle, &manifest, self.setup.session)?;
        let peer = self.agent()?;
        self.events
            .push_back(TechnicianEvent::Established(Box::new(Established {
                session: self.setup.session,
                key: Arc::clone(&self.setup.key),
                peer,
                manifest: manifest.digest(),
                receipt,
                keys,
                consent,
                technician_name: self.setup.name.clone(),
                bundle: self.bundle.clone(),
                computer: self.computer.clone(),
                early: std::mem::take(&mut self.early),
            })));
        Ok(State::Done)
    }
}
