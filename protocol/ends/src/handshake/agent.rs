//! The agent's side of the inner handshake.

use std::collections::VecDeque;
use std::sync::Arc;

use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Digest, Nameplate, PublicKey, SessionId};
use sightline_protocol::record::Class;
use sightline_protocol::recording::SealedManifest;
use sightline_protocol::statement::{Signed, SigningKey};
use sightline_protocol::statements::{
    Auditor, Consent, ConsentSeen, Credential, CredentialError, Manifest, ManifestSeen, OrgBundle,
    Participant, Receipt,
};

use super::early::{EarlyWords, SayError};
use super::messages::{
    Asking, FromAgent, FromTechnician, Pake, Proposal, Request, SUITE_SPAKE2_ED25519,
};
use super::pake::{Binding, Exchange, Proven};
use super::{Established, Failure, NAME_CAP, REASON_CAP, STEP_MS, TICKET_CAP, out_of_turn};
use crate::code::Secret;
use crate::keys::ClassKeys;
use crate::now::Now;
use crate::rng::{Randomness, seed};
use crate::text::harmless;
use crate::tunnel::Tunnel;

/// What the agent knows when a technician comes.
pub struct AgentSetup {
    pub key: Arc<SigningKey>,
    /// The bundle whose root this agent pins.
    pub bundle: Signed<OrgBundle>,
    pub session: SessionId,
    pub nameplate: Nameplate,
    pub secret: Secret,
    /// Who the relay says is coming; must be who proves it.
    pub technician: PublicKey,
    /// This computer's name, as the technician will see it.
    pub computer: String,
    /// What this agent can do at all.
    pub offered: Capabilities,
    /// How long the user has to answer, in seconds.
    pub countdown_s: u32,
    /// How long grants live at most, in milliseconds.
    pub grant_ms: u64,
    /// This session's number by the agent's own count, and the manifest of the one before it.
    pub number: u64,
    pub previous: Option<Digest>,
}

/// What the user is asked. Everything in it is verified or made harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentQuestion {
    pub technician: String,
    pub organisation: String,
    pub tier: String,
    /// Asked, within the technician's tier and what this agent offers.
    pub asked: Capabilities,
    pub reason: String,
    pub ticket: String,
    /// The sentences the user must see; signed into the consent.
    pub notes: Vec<String>,
    /// `mono_us` at which no answer means *deny*.
    pub deadline_us: u64,
}

/// What the agent's shell has to do, in this order.
pub enum AgentEvent {
    /// The code is spent as of now: count it and let no one else try it.
    CodeSpent,
    /// The technician proved to know the code.
    CodeRight,
    /// The technician brought a newer bundle of our organisation: keep it for the next time, too.
    NewerBundle(Box<Signed<OrgBundle>>),
    /// Ask the user; answer with [`AgentHandshake::handle_answer`].
    Ask(ConsentQuestion),
    /// The technician's words to the user, who has not allowed anything yet; harmless already.
    Said(String),
    /// Have the relay store it; answer with [`AgentHandshake::handle_receipt`].
    Store(Box<SealedManifest>),
    Established(Box<Established>),
    /// Over. The other side was told (transmit what is left).
    Failed(Failure),
}

enum State {
    Tls,
    Pake,
    Confirm(Proven),
    Request(Proven),
    Asking(Box<Asked>),
    ConsentSeen(Box<Asked>, Signed<Consent>),
    ManifestSeen(Box<Proposed>),
    Receipt(Box<Proposed>),
    Done,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::Tls => "tls",
            State::Pake => "pake",
            State::Confirm(_) => "confirm",
            State::Request(_) => "request",
            State::Asking(_) => "asking",
            State::ConsentSeen(..) => "consent",
            State::ManifestSeen(_) => "manifest",
            State::Receipt(_) => "receipt",
            State::Done => "done",
        }
    }
}

struct Asked {
    proven: Proven,
    credential: Signed<Credential>,
    question: ConsentQuestion,
    asked_ms: u64,
}

struct Proposed {
    keys: ClassKeys,
    consent: Consent,
    technician_name: String,
    manifest: Signed<Manifest>,
}

/// The machine. Feed it, then drain [`AgentHandshake::poll_event`] and [`AgentHandshake::poll_transmit`].
pub struct AgentHandshake {
    setup: AgentSetup,
    bundle: OrgBundle,
    tunnel: Tunnel,
    state: State,
    /// `mono_us` at which the present step has taken too long.
    deadline_us: Option<u64>,
    early: EarlyWords,
    events: VecDeque<AgentEvent>,
}

type Step = Result<State, Failure>;

impl AgentHandshake {
    /// The bundle must be one that opens ([`OrgBundle::open`]); the caller has compared its root.
    pub fn new(setup: AgentSetup, bundle: OrgBundle, now: Now) -> AgentHandshake {
        AgentHandshake {
            tunnel: Tunnel::server(&setup.key),
            setup,
            bundle,
            state: State::Tls,
            deadline_us: Some(now.mono_us + STEP_MS * 1000),
            early: EarlyWords::default(),
            events: VecDeque::new(),
        }
    }

    /// Bytes from the technician.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Now, rng: &mut dyn Randomness) {
        if let Err(failure) = self.try_bytes(bytes, now, rng) {
            self.fail(failure);
        }
    }

    /// The technician's stream ended.
    pub fn handle_end(&mut self) {
        self.fail(Failure::new(
            CloseCode::PeerLost,
            "the technician's stream ended",
        ));
    }

    /// The user's answer: what is allowed, or why not (`Denied`, `ConsentTimedOut`).
    pub fn handle_answer(&mut self, answer: Result<Capabilities, CloseCode>, now: Now) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Asking(asked) => {
                let next = answer
                    .map_err(|code| Failure::new(code, "the user did not allow it"))
                    .and_then(|granted| self.granted(asked, granted, now));
                self.step(next, now);
            }
            other => self.state = other,
        }
    }

    /// Words of the user to the technician, while the question stands. Gives them as they were sent.
    pub fn say(&mut self, text: &str, now: Now) -> Result<String, SayError> {
        if !matches!(self.state, State::Asking(_)) {
            return Err(SayError::NotNow);
        }
        let text = self.early.say(text, now)?;
        self.tunnel.send(&FromAgent::Say(text.clone()));
        Ok(text)
    }

    /// The technician may speak until it has seen the answer, which may be on its way.
    fn hear(&mut self, text: String, now: Now) -> Result<(), Failure> {
        if !matches!(self.state, State::Asking(_) | State::ConsentSeen(..)) {
            return Err(out_of_turn(self.state.name()));
        }
        let text = self.early.hear(text, now)?;
        self.events.push_back(AgentEvent::Said(text));
        Ok(())
    }

    /// The relay's receipt for the manifest.
    pub fn handle_receipt(&mut self, receipt: Signed<Receipt>, now: Now) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Receipt(proposed) => {
                let next = self.begun(*proposed, receipt);
                self.step(next, now);
            }
            other => self.state = other,
        }
    }

    /// Ends the handshake from this side.
    pub fn close(&mut self, code: CloseCode) {
        self.fail(Failure::new(code, "closed by this side"));
    }

    pub fn handle_timeout(&mut self, now: Now) {
        if self.deadline_us.is_some_and(|at| at <= now.mono_us) {
            let code = match self.state {
                State::Asking(_) => CloseCode::ConsentTimedOut,
                State::Receipt(_) => CloseCode::NoReceipt,
                _ => CloseCode::PeerLost,
            };
            let waited = format!("no answer in state {}", self.state.name());
            self.fail(Failure::new(code, waited));
        }
    }

    /// `mono_us` at which [`AgentHandshake::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.deadline_us
    }

    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        self.events.pop_front()
    }

    /// Bytes for the technician. Drain the events first: a code is counted as spent before its answer goes out.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.tunnel.transmit()
    }

    /// What a hostile one would send, whatever the state.
    #[cfg(test)]
    pub(super) fn say_unchecked(&mut self, text: &str) {
        self.tunnel.send(&FromAgent::Say(text.to_owned()));
    }

    fn fail(&mut self, failure: Failure) {
        if matches!(self.state, State::Done) && self.deadline_us.is_none() {
            return;
        }
        self.state = State::Done;
        self.deadline_us = None;
        self.tunnel.send(&FromAgent::Closed(failure.code.number()));
        self.events.push_back(AgentEvent::Failed(failure));
    }

    fn step(&mut self, next: Step, now: Now) {
        match next {
            Ok(state) => {
                self.deadline_us = match &state {
                    State::Done => None,
                    State::Asking(asked) => Some(asked.question.deadline_us),
                    _ => Some(now.mono_us + STEP_MS * 1000),
                };
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
            if self.tunnel.peer() != Some(self.setup.technician) {
                return Err(Failure::new(
                    CloseCode::NotConfirmed,
                    "the technician's key is not the one that claimed the code",
                ));
            }
            self.step(Ok(State::Pake), now);
        }
        while let Some(message) = self.tunnel.next::<FromTechnician>()? {
            // Words leave the state as it is, and its deadline.
            if let FromTechnician::Say(text) = message {
                self.hear(text, now)?;
                continue;
            }
            let state = std::mem::replace(&mut self.state, State::Done);
            let next = self.receive(state, message, now, rng);
            let failed = next.is_err();
            self.step(next, now);
            if failed {
                break;
            }
        }
        Ok(())
    }

    fn receive(
        &mut self,
        state: State,
        message: FromTechnician,
        now: Now,
        rng: &mut dyn Randomness,
    ) -> Step {
        match (state, message) {
            (_, FromTechnician::Closed(code)) => Err(Failure::new(
                CloseCode::from_number(code),
                "closed by the technician",
            )),
            (State::Pake, FromTechnician::Pake(theirs)) => self.pake(theirs, rng),
            (State::Confirm(proven), FromTechnician::Confirm(theirs)) => {
                self.confirm(proven, theirs)
            }
            (State::Request(proven), FromTechnician::Request(request)) => {
                self.request(proven, request, now)
            }
            (State::ConsentSeen(asked, consent), FromTechnician::ConsentSeen(seen)) => {
                self.consent_seen(*asked, consent, seen, now, rng)
            }
            (State::ManifestSeen(proposed), FromTechnician::ManifestSeen(seen)) => {
                self.manifest_seen(proposed, seen)
            }
            (state, _) => Err(out_of_turn(state.name())),
        }
    }

    fn binding(&self) -> Binding {
        Binding {
            session: self.setup.session,
            nameplate: self.setup.nameplate,
            agent: self.setup.key.public(),
            technician: self.setup.technician,
        }
    }

    fn pake(&mut self, theirs: Pake, rng: &mut dyn Randomness) -> Step {
        if theirs.suite != SUITE_SPAKE2_ED25519 {
            return Err(Failure::new(CloseCode::Unsupported, "unknown pake suite"));
        }
        // From here on a guess has been made: spent, whatever follows.
        self.events.push_back(AgentEvent::CodeSpent);
        let binding = self.binding();
        let (exchange, message) = Exchange::agent(&self.setup.secret, &binding, &self.tunnel, rng);
        let proven = exchange
            .finish(&theirs.message, &binding, &self.tunnel)
            .ok_or_else(|| Failure::new(CloseCode::ProtocolViolation, "malformed pake"))?;
        self.tunnel.send(&FromAgent::Pake(Pake {
            suite: SUITE_SPAKE2_ED25519,
            message,
        }));
        Ok(State::Confirm(proven))
    }

    fn confirm(&mut self, proven: Proven, theirs: [u8; 32]) -> Step {
        if !proven.is_technician(&theirs) {
            return Err(Failure::new(CloseCode::WrongCode, "confirmation failed"));
        }
        self.tunnel
            .send(&FromAgent::Confirm(proven.agent_confirms()));
        self.events.push_back(AgentEvent::CodeRight);
        Ok(State::Request(proven))
    }

    /// Bundles only ever go forward, and only under the root that this agent trusts.
    fn take_newer(&mut self, theirs: &Signed<OrgBundle>) {
        if let Ok(bundle) = OrgBundle::open(theirs)
            && bundle.root == self.bundle.root
            && bundle.serial > self.bundle.serial
        {
            self.bundle = bundle;
            self.setup.bundle = theirs.clone();
            self.events
                .push_back(AgentEvent::NewerBundle(Box::new(theirs.clone())));
        }
    }

    fn request(&mut self, proven: Proven, request: Request, now: Now) -> Step {
        self.take_newer(&request.bundle);
        let credential = Credential::check(
            &request.credential,
            &self.bundle,
            &self.setup.technician,
            now.unix_ms,
        )
        .map_err(|e| Failure::new(credential_code(&e), e))?;
        let tier = self.bundle.tier(credential.tier);
        let allowed = tier.map_or(Capabilities::NONE, |tier| tier.capabilities);
        let asked = request
            .asked
            .intersection(allowed)
            .intersection(self.setup.offered)
            .workable();
        if asked.is_empty() {
            return Err(Failure::new(
                CloseCode::NothingAllowed,
                format!("asked for {}, tier allows {allowed}", request.asked),
            ));
        }
        let countdown_s = self.setup.countdown_s;
        let question = ConsentQuestion {
            technician: harmless(&credential.name, NAME_CAP),
            organisation: harmless(&credential.organisation, NAME_CAP),
            tier: tier.map_or_else(String::new, |tier| harmless(&tier.name, NAME_CAP)),
            asked,
            reason: harmless(&request.reason, REASON_CAP),
            ticket: harmless(&request.ticket, TICKET_CAP),
            notes: notes(&self.bundle),
            deadline_us: now.mono_us + u64::from(countdown_s) * 1_000_000,
        };
        self.tunnel.send(&FromAgent::Asking(Asking {
            computer: harmless(&self.setup.computer, NAME_CAP),
            countdown_s,
        }));
        self.events.push_back(AgentEvent::Ask(question.clone()));
        Ok(State::Asking(Box::new(Asked {
            proven,
            credential: request.credential,
            question,
            asked_ms: now.unix_ms,
        })))
    }

    fn granted(&mut self, asked: Box<Asked>, granted: Capabilities, now: Now) -> Step {
        let granted = granted.intersection(asked.question.asked).workable();
        if granted.is_empty() {
            return Err(Failure::new(CloseCode::Denied, "nothing was allowed"));
        }
        let consent = Consent {
            session: self.setup.session,
            agent: self.setup.key.public(),
            technician: self.setup.technician,
            credential: asked.credential.digest(),
            asked: asked.question.asked,
            granted,
            reason: asked.question.reason.clone(),
            ticket: asked.question.ticket.clone(),
            text: asked.question.text(),
            asked_ms: asked.asked_ms,
            answered_ms: now.unix_ms,
            until_ms: now.unix_ms + self.setup.grant_ms,
        };
        let signed = Signed::sign(&consent, &self.setup.key);
        self.tunnel.send(&FromAgent::Granted(signed.clone()));
        Ok(State::ConsentSeen(asked, signed))
    }

    fn consent_seen(
        &mut self,
        asked: Asked,
        consent: Signed<Consent>,
        seen: Signed<ConsentSeen>,
        now: Now,
        rng: &mut dyn Randomness,
    ) -> Step {
        let violation =
            |e: &dyn ToString| Failure::new(CloseCode::ProtocolViolation, e.to_string());
        let receipt = seen
            .verify(&self.setup.technician)
            .map_err(|e| violation(&e))?;
        if receipt.consent != consent.digest() {
            return Err(violation(&"the technician signed another consent"));
        }
        let seed = seed(rng);
        let session = self.setup.session;
        let keys = ClassKeys::derive(session, 0, &asked.proven.session_secret, &seed);
        let opened = consent
            .verify(&self.setup.key.public())
            .map_err(|e| violation(&e))?;
        let manifest = Signed::sign(
            &Manifest {
                session,
                number: self.setup.number,
                previous: self.setup.previous,
                bundle: self.setup.bundle.clone(),
                agent: self.setup.key.public(),
                technicians: vec![Participant {
                    author: Author::FIRST_TECHNICIAN,
                    key: self.setup.technician,
                    credential: asked.credential,
                }],
                consent,
                consent_seen: seen,
                started_ms: now.unix_ms,
                keys: keys
                    .publish(&self.bundle.auditors)
                    .map_err(|e| Failure::new(CloseCode::Internal, e))?,
            },
            &self.setup.key,
        );
        self.tunnel.send(&FromAgent::Proposal(Proposal {
            manifest: manifest.clone(),
            seed,
        }));
        Ok(State::ManifestSeen(Box::new(Proposed {
            keys,
            consent: opened,
            technician_name: asked.question.technician,
            manifest,
        })))
    }

    fn manifest_seen(&mut self, proposed: Box<Proposed>, seen: Signed<ManifestSeen>) -> Step {
        let statement = seen
            .verify(&self.setup.technician)
            .map_err(|e| Failure::new(CloseCode::ProtocolViolation, e))?;
        if statement.manifest != proposed.manifest.digest() {
            return Err(Failure::new(
                CloseCode::ProtocolViolation,
                "the technician signed another manifest",
            ));
        }
        self.events
            .push_back(AgentEvent::Store(Box::new(SealedManifest {
                manifest: proposed.manifest.clone(),
                seen,
            })));
        Ok(State::Receipt(proposed))
    }

    fn begun(&mut self, proposed: Proposed, receipt: Signed<Receipt>) -> Step {
        super::check_receipt(
            &receipt,
            &self.bundle,
            &proposed.manifest,
            self.setup.session,
        )?;
        self.tunnel.send(&FromAgent::Begun(receipt.clone()));
        self.events
            .push_back(AgentEvent::Established(Box::new(Established {
                session: self.setup.session,
                key: Arc::clone(&self.setup.key),
                peer: self.setup.technician,
                manifest: proposed.manifest.digest(),
                receipt,
                keys: proposed.keys,
                consent: proposed.consent,
                technician_name: proposed.technician_name,
                bundle: self.bundle.clone(),
                computer: self.setup.computer.clone(),
                early: std::mem::take(&mut self.early),
            })));
        Ok(State::Done)
    }
}

impl ConsentQuestion {
    /// The question as one text, as it is signed into the consent.
    pub fn text(&self) -> String {
        let asked: Vec<&str> = self.asked.iter().map(|c| c.meaning()).collect();
        let mut text = format!(
            "{} of {} asks to: {}.",
            self.technician,
            self.organisation,
            asked.join("; ")
        );
        for (label, value) in [("Reason", &self.reason), ("Ticket", &self.ticket)] {
            if !value.is_empty() {
                text += &format!(" {label}: {value}.");
            }
        }
        for note in &self.notes {
            text.push(' ');
            text += note;
        }
        text
    }
}

/// What every user is told with the question.
fn notes(bundle: &OrgBundle) -> Vec<String> {
    let readers = match bundle.auditors.len() {
        0 => "Nobody holds a key to the recording.".to_owned(),
        1 => "One auditor of the organisation can open it.".to_owned(),
        n => format!("{n} auditors of the organisation can open it."),
    };
    let content = |auditor: &Auditor| auditor.classes.contains(&Class::ClipboardContent);
    let copied = bundle.auditors.iter().any(content).then(|| {
        "Recorded in full, and readable by an auditor: what goes over by the clipboard.".to_owned()
    });
    let first = format!("This session is recorded. {readers}");
    let last = "You can stop at any moment.".to_owned();
    [Some(first), copied, Some(last)]
        .into_iter()
        .flatten()
        .collect()
}

fn credential_code(error: &CredentialError) -> CloseCode {
    match error {
        CredentialError::Foreign => CloseCode::ForeignOrganisation,
        CredentialError::Expired => CloseCode::CredentialExpired,
        _ => CloseCode::CredentialRefused,
    }
}
