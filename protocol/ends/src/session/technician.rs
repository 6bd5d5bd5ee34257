//! The technician's side of a session.

use std::collections::VecDeque;

use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::Author;
use sightline_protocol::record::{Class, Header};
use sightline_protocol::statement::Signed;
use sightline_protocol::verify::needed;
use sightline_protocol::wire;

use super::early::{self, Heard};
use super::echo::OwnMoves;
use super::held::Held;
use super::lanes::{AgentSays, Lanes, Outgoing, Says, TechnicianSays};
use super::silence::Silence;
use super::{SILENCE_US, bye, seal};
use crate::content::{Control, Input, Scene};
use crate::handshake::Established;
use crate::now::Now;
use crate::proof::{Dispute, Proof};
use crate::seal::{
    AGENT_CONTROL, AGENT_FACTS, AGENT_PICTURE, CHAT, LaneId, Opener, Sealer, TECHNICIAN_CONTROL,
    TECHNICIAN_INPUT, lane,
};

/// What the technician's shell has to do.
#[derive(Debug, PartialEq)]
pub enum TechnicianEffect {
    /// Show it.
    Scene(Scene),
    /// What else the agent says.
    Said(AgentSays),
    /// What the user allows changed.
    Allowed {
        capabilities: Capabilities,
        why: String,
    },
    /// The agent dropped input; tell the technician why.
    Refused(String),
    /// The agent is not heard any more: what is on the screen is old, and input is not taken.
    Silent,
    /// The agent is heard again, after so many microseconds.
    Back {
        silent_us: u64,
    },
    /// The ends do not agree on what was sent, in these words; for the log.
    Disputed(String),
    /// Microseconds to the agent and back.
    RoundTrip(u64),
    /// Send this record on the control lane.
    Control(Vec<u8>),
    /// Send this record on its lane: what the technician said before the consent. It comes before everything else.
    Repeat(Outgoing),
    Over(CloseCode),
}

/// Whether a record of class *picture* says that it is on the facts lane.
fn is_facts(record: &[u8]) -> bool {
    let head = record.first_chunk().map(Header::parse);
    matches!(head, Some(Ok(header)) if header.lane == AGENT_FACTS.lane)
}

pub struct TechnicianSession {
    allowed: Capabilities,
    control: Sealer,
    input: Sealer,
    proof: Proof,
    from_control: Opener,
    from_picture: Opener,
    lanes: Lanes,
    heard: Heard,
    /// The ping on its way: its number and when it went.
    ping: Option<(u64, u64)>,
    pings: u64,
    held: Held,
    own_moves: OwnMoves,
    silence: Silence,
    over: bool,
    effects: VecDeque<TechnicianEffect>,
}

impl TechnicianSession {
    pub fn new(established: &Established, now: Now) -> TechnicianSession {
        let keys = &established.keys;
        let sealer = |id| Sealer::new(keys, id, now.mono_us).expect("the ends have all keys");
        let opener = |id| Opener::new(keys, id).expect("the ends have all keys");
        let (control, input) = (sealer(TECHNICIAN_CONTROL), sealer(TECHNICIAN_INPUT));
        let (from_control, from_picture) = (opener(AGENT_CONTROL), opener(AGENT_PICTURE));
        let mut proof = Proof::new(established, Author::FIRST_TECHNICIAN, now);
        proof.add(TECHNICIAN_CONTROL, control.watch());
        proof.add(TECHNICIAN_INPUT, input.watch());
        proof.listen(AGENT_CONTROL, &from_control);
        proof.listen(AGENT_PICTURE, &from_picture);
        let mut lanes = Lanes::new(established, Author::AGENT, now);
        let words = &established.early;
        let own = early::repeat(words, TechnicianSays::Chat, &mut lanes, &mut proof, now);
        TechnicianSession {
            allowed: established.consent.granted,
            control,
            input,
            proof,
            from_control,
            from_picture,
            lanes,
            heard: Heard::new(words),
            ping: None,
            pings: 0,
            held: Held::default(),
            own_moves: OwnMoves::default(),
            silence: Silence::new(SILENCE_US, None, now),
            over: false,
            effects: own.into_iter().map(TechnicianEffect::Repeat).collect(),
        }
    }

    pub fn allowed(&self) -> Capabilities {
        self.allowed
    }

    /// A record of the agent. A forged or misplaced one ends the session.
    pub fn handle_record(&mut self, class: Class, record: &[u8], now: Now) {
        if self.over {
            return;
        }
        let understood = match class {
            Class::Picture if !is_facts(record) => {
                self.picture(record).map(|header| (AGENT_PICTURE, header))
            }
            Class::Control => {
                let header = self.control_record(record, now);
                header.map(|header| (AGENT_CONTROL, header))
            }
            _ => self.beside(class, record),
        };
        let Ok((lane, header)) = understood else {
            return self.leave(CloseCode::ProtocolViolation, now);
        };
        if let Err(dispute) = self.proof.arrived(lane, header.time_us, now) {
            self.dispute(&dispute, now);
        }
        self.heard(now);
    }

    /// The agent's checkpoint. One that does not say what arrived ends the session.
    pub fn handle_checkpoint(&mut self, signed: &Signed<Checkpoint>, now: Now) {
        if self.over {
            return;
        }
        let lanes = &mut self.lanes;
        match self.proof.handle(signed, |lane| lanes.expect(lane)) {
            Ok(checkpoint) => {
                let chat = lane(Author::AGENT, CHAT, Class::Chat);
                if !self.heard.is_signed(&checkpoint, chat) {
                    self.leave(CloseCode::ProtocolViolation, now);
                }
            }
            Err(dispute) => self.dispute(&dispute, now),
        }
        self.heard(now);
    }

    /// The agent was heard.
    fn heard(&mut self, now: Now) {
        if let Some(silent_us) = self.silence.heard(self.proof.is_answered(), now)
            && !self.over
        {
            self.effects.push_back(TechnicianEffect::Back { silent_us });
        }
    }

    /// `mono_us` at which the agent was last heard.
    pub fn heard_us(&self) -> u64 {
        self.silence.heard_us()
    }

    /// The agent is not heard any more.
    pub fn is_silent(&self) -> bool {
        self.silence.is_silent()
    }

    /// Notices that the agent is silent. To be called after whatever happened; gives the `mono_us` at which it wants to be
    /// called again.
    pub fn listen(&mut self, now: Now) -> Option<u64> {
        if self.over {
            return None;
        }
        if self.silence.poll(self.proof.is_answered(), now) {
            self.effects.push_back(TechnicianEffect::Silent);
        }
        self.silence.timeout_us()
    }

    fn dispute(&mut self, dispute: &Dispute, now: Now) {
        let why = dispute.to_string();
        self.effects.push_back(TechnicianEffect::Disputed(why));
        self.leave(CloseCode::Disputed, now);
    }

    /// This end's checkpoint, if one is due.
    pub fn checkpoint(&mut self, now: Now) -> Option<Signed<Checkpoint>> {
        self.proof.poll(self.allowed, now)
    }

    /// `mono_us` at which [`TechnicianSession::checkpoint`] wants to be called.
    pub fn poll_checkpoint_us(&self) -> Option<u64> {
        self.proof.due_us()
    }

    /// The last checkpoint, once nothing more is sealed.
    pub fn last_checkpoint(&mut self, code: CloseCode, now: Now) -> Option<Signed<Checkpoint>> {
        self.proof.close(code, now)
    }

    fn picture(&mut self, record: &[u8]) -> Result<Header, ()> {
        let (header, body) = self.from_picture.open(record).map_err(|_| ())?;
        let scene = wire::decode(&body).map_err(|_| ())?;
        if !self.own_moves.is_echo(&scene) {
            self.effects.push_back(TechnicianEffect::Scene(scene));
        }
        Ok(header)
    }

    fn beside(&mut self, class: Class, record: &[u8]) -> Result<(LaneId, Header), ()> {
        let opened = self.lanes.open(class, record, &mut self.proof);
        let (id, header, says) = opened.map_err(|_| ())?;
        let says = says.map_err(|_| ())?;
        if let AgentSays::Chat(chat) = &says
            && self.heard.is_repeated(chat).map_err(|_| ())?
        {
            return Ok((id, header));
        }
        self.effects.push_back(TechnicianEffect::Said(says));
        Ok((id, header))
    }

    /// The record that says this; `None` when it is not allowed. (The agent checks again.)
    pub fn tell(&mut self, says: &TechnicianSays, now: Now) -> Option<Outgoing> {
        let needed = needed(says.lane());
        let allowed = needed.is_none_or(|needed| self.allowed.contains(needed));
        let may = !self.over && allowed;
        may.then(|| self.lanes.seal(says, &mut self.proof, now))?
    }

    /// Asks how the computer is; answered by [`AgentSays::Facts`].
    pub fn ask_facts(&mut self, now: Now) {
        self.say_while_open(&Control::AskFacts, now);
    }

    /// Points there, or draws; not while the agent is silent, for it would show on another picture.
    pub fn mark(&mut self, points: Vec<(i32, i32)>, now: Now) {
        if !self.is_silent() {
            self.say_while_open(&Control::Mark { points }, now);
        }
    }

    /// The closing note.
    pub fn note(&mut self, text: String, now: Now) {
        self.say_while_open(&Control::Note { text }, now);
    }

    fn say_while_open(&mut self, message: &Control, now: Now) {
        if !self.over {
            self.say(message, now);
        }
    }

    fn control_record(&mut self, record: &[u8], now: Now) -> Result<Header, ()> {
        let (header, body) = self.from_control.open(record).map_err(|_| ())?;
        match wire::decode(&body).map_err(|_| ())? {
            Control::Pong { number } => {
                if let Some((_, sent)) = self.ping.take_if(|(sent, _)| *sent == number) {
                    let round_trip = now.mono_us.saturating_sub(sent);
                    self.effects
                        .push_back(TechnicianEffect::RoundTrip(round_trip));
                }
            }
            Control::Grants { capabilities, why } => {
                self.allowed = capabilities;
                self.effects
                    .push_back(TechnicianEffect::Allowed { capabilities, why });
            }
            Control::Refused { why } => self.effects.push_back(TechnicianEffect::Refused(why)),
            Control::Bye { code } => self.close(CloseCode::from_number(code)),
            Control::Ping { number } => self.say(&Control::Pong { number }, now),
            Control::Shown { .. }
            | Control::AskFacts
            | Control::Mark { .. }
            | Control::Note { .. } => return Err(()),
        }
        Ok(header)
    }

    fn say(&mut self, message: &Control, now: Now) {
        let record = seal(&mut self.control, message, now.mono_us);
        self.effects.push_back(TechnicianEffect::Control(record));
    }

    /// The record of an input, for the input lane; `None` when control is not allowed, or while the agent is silent: a
    /// click that lands half a minute late hits something else. (The agent checks again.)
    pub fn input(&mut self, input: &Input, now: Now) -> Option<Vec<u8>> {
        let may = !self.over && self.allowed.contains(Capability::Control);
        let sensible = !self.is_silent() || *input == Input::ReleaseAll;
        (may && sensible).then(|| self.input_unchecked(input, now))
    }

    /// As [`TechnicianSession::input`], whatever is allowed: what a hostile technician would send.
    fn input_unchecked(&mut self, input: &Input, now: Now) -> Vec<u8> {
        self.held.note(input);
        self.own_moves.note(input);
        seal(&mut self.input, input, now.mono_us)
    }

    /// Something is held down: the agent must hear of us more often than each [`super::SILENCE_US`], by pings if by
    /// nothing else.
    pub fn holds(&self) -> bool {
        !self.over && self.held.any()
    }

    /// Everything up to update `frame` is on the canvas.
    pub fn shown(&mut self, frame: u64, now: Now) {
        self.say_while_open(&Control::Shown { frame }, now);
    }

    /// Measures the round trip; answered by [`TechnicianEffect::RoundTrip`].
    pub fn ping(&mut self, now: Now) {
        if !self.over {
            self.pings += 1;
            self.ping = Some((self.pings, now.mono_us));
            let number = self.pings;
            self.say(&Control::Ping { number }, now);
        }
    }

    /// Ends the session from this side.
    pub fn leave(&mut self, code: CloseCode, now: Now) {
        if self.over {
            return;
        }
        let record = bye(&mut self.control, code.number(), now.mono_us);
        self.effects.push_back(TechnicianEffect::Control(record));
        self.close(code);
    }

    /// The session ended elsewhere.
    pub fn close(&mut self, code: CloseCode) {
        if !self.over {
            self.over = true;
            self.effects.push_back(TechnicianEffect::Over(code));
        }
    }

    pub fn poll_effect(&mut self) -> Option<TechnicianEffect> {
        self.effects.pop_front()
    }

    /// For tests of the guard: seals an input without asking whether it is allowed.
    #[doc(hidden)]
    pub fn hostile_input(&mut self, input: &Input, now: Now) -> Vec<u8> {
        self.input_unchecked(input, now)
    }
}
