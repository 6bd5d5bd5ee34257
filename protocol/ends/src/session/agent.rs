//! The agent's side of a session: the guard.

use std::collections::VecDeque;

use sightline_protocol::capability::Capabilities;
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::{Author, Lane};
use sightline_protocol::record::{Class, Header};
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::Receipt;
use sightline_protocol::verify::needed;
use sightline_protocol::wire;

use super::early::{self, Heard};
use super::held::Held;
use super::lanes::{AgentSays, Lanes, Outgoing, Says, TechnicianSays};
use super::late::{Late, Verdict};
use super::receipts::{Receipts, Turn};
use super::silence::Silence;
use super::{PING_AT_REST_US, SILENCE_US, TECHNICIAN_SILENT_US, bye, seal};
use crate::consent::{Grant, Granted, Grants, Refused, Revoker, kind};
use crate::content::{
    Chat, ClipboardMessage, ClipboardPart, Control, FileMessage, Input, MARK_POINTS, ShellInput,
    Whose,
};
use crate::handshake::Established;
use crate::now::Now;
use crate::proof::{Dispute, Proof};
use crate::seal::{
    AGENT_CONTROL, AGENT_PICTURE, CHAT, LaneId, Opener, Sealer, TECHNICIAN_CONTROL,
    TECHNICIAN_INPUT, lane,
};

/// How often the technician is told that input was dropped: once a second.
const REFUSAL_INTERVAL_US: u64 = 1_000_000;

/// What the technician reads while the session is frozen.
pub const FROZEN: &str = "paused: the relay is behind with recording";
/// What the technician reads whose input came after a long silence.
pub const TOO_LATE: &str = "the line was silent: what was typed and clicked meanwhile was not done";

/// And when it goes on.
const THAWED: &str = "the recording has caught up";

/// What the agent's shell has to do, in this order.
#[derive(Debug)]
pub enum AgentEffect {
    /// Send this record on the control lane.
    Control(Vec<u8>),
    /// Send this record on its lane: what the user said before the consent. It comes before everything else.
    Repeat(Outgoing),
    /// Do it, now, while the grant lives.
    Act(Grant<kind::Control>, Input),
    /// What the technician wants in a terminal, of its lane's number.
    Shell(Grant<kind::Shell>, Lane, ShellInput),
    File(Grant<kind::Files>, FileMessage),
    /// About the user's clipboard.
    ReadClipboard(Grant<kind::ReadClipboard>, ClipboardMessage),
    /// About the technician's, which sets the user's.
    SetClipboard(Grant<kind::SetClipboard>, ClipboardMessage),
    ClipboardPart(Grant<kind::SetClipboard>, ClipboardPart),
    Chat(Chat),
    /// Find out how this computer is, and say it.
    TellFacts(Grant<kind::View>),
    /// Show the user what the technician points at.
    Mark(Grant<kind::View>, Vec<(i32, i32)>),
    /// The technician's closing note.
    Note(String),
    /// Let go of every key and button.
    ReleaseAll,
    /// The technician has this update on the canvas: the pace may go on.
    Shown {
        frame: u64,
    },
    /// What is allowed changed: tell the user.
    Allowed(Capabilities),
    /// The relay is behind with recording (or has caught up): no pictures until then, and the user is told.
    Frozen(bool),
    /// The technician is not heard any more: tell the user.
    Silent,
    /// The technician is heard again, after so many microseconds.
    Back {
        silent_us: u64,
    },
    /// Something was dropped; for the log.
    Dropped {
        why: String,
        count: u64,
    },
    /// It is over; send what is queued, then leave.
    Over(CloseCode),
}

pub struct AgentSession {
    grants: Grants,
    control: Sealer,
    picture: Option<Sealer>,
    proof: Proof,
    receipts: Receipts,
    /// The technician's newest checkpoint.
    countersigned: Option<Signed<Checkpoint>>,
    from_control: Opener,
    from_input: Opener,
    lanes: Lanes,
    heard: Heard,
    /// The user is answering a question: no remote input until then, whatever was granted.
    prompt_open: bool,
    held: Held,
    /// `mono_us` at which the technician was last heard.
    heard_us: u64,
    silence: Silence,
    late: Late,
    dropped: u64,
    said_refused_us: Option<u64>,
    over: bool,
    effects: VecDeque<AgentEffect>,
}

impl AgentSession {
    pub fn new(established: &Established, now: Now) -> AgentSession {
        let keys = &established.keys;
        let sealer = |id| Sealer::new(keys, id, now.mono_us).expect("the ends have all keys");
        let opener = |id| Opener::new(keys, id).expect("the ends have all keys");
        let consent = &established.consent;
        let (control, picture) = (sealer(AGENT_CONTROL), sealer(AGENT_PICTURE));
        let (from_control, from_input) = (opener(TECHNICIAN_CONTROL), opener(TECHNICIAN_INPUT));
        let mut proof = Proof::new(established, Author::AGENT, now);
        proof.add(AGENT_CONTROL, control.watch());
        proof.add(AGENT_PICTURE, picture.watch());
        proof.listen(TECHNICIAN_CONTROL, &from_control);
        proof.listen(TECHNICIAN_INPUT, &from_input);
        let mut lanes = Lanes::new(established, Author::FIRST_TECHNICIAN, now);
        let words = &established.early;
        let own = early::repeat(words, AgentSays::Chat, &mut lanes, &mut proof, now);
        AgentSession {
            grants: Grants::new(consent.granted, consent.until_ms),
            control,
            picture: Some(picture),
            proof,
            receipts: Receipts::new(established, now),
            countersigned: None,
            from_control,
            from_input,
            lanes,
            heard: Heard::new(words),
            prompt_open: false,
            held: Held::default(),
            heard_us: now.mono_us,
            silence: Silence::new(
                TECHNICIAN_SILENT_US,
                Some(PING_AT_REST_US + TECHNICIAN_SILENT_US),
                now,
            ),
            late: Late::default(),
            dropped: 0,
            said_refused_us: None,
            over: false,
            effects: own.into_iter().map(AgentEffect::Repeat).collect(),
        }
    }

    /// The grant to see the screen and, once, what seals its pictures.
    pub fn start_view(&mut self, now: Now) -> Result<(Grant<kind::View>, Option<Sealer>), Refused> {
        let grant = self.grants.live::<kind::View>(now.unix_ms)?;
        Ok((grant, self.picture.take()))
    }

    /// The grant of `C` at this moment, for what acts by itself: what the user copies is noted before anybody asks.
    pub fn grant<C: Granted>(&self, now: Now) -> Result<Grant<C>, Refused> {
        self.grants.live(now.unix_ms)
    }

    pub fn allowed(&self) -> Capabilities {
        self.grants.capabilities()
    }

    /// For the user's Stop: takes effect before this machine hears of it by [`AgentSession::end`].
    pub fn revoker(&self) -> Revoker {
        self.grants.revoker()
    }

    /// A record of the technician. A forged or misplaced one ends the session.
    pub fn handle_record(&mut self, class: Class, record: &[u8], now: Now) {
        if self.over {
            return;
        }
        self.receipts.heard(now);
        self.late.heard(now);
        self.keep_up(now);
        if self.over {
            return;
        }
        let result = match class {
            Class::Input => self
                .input(record, now)
                .map(|header| (TECHNICIAN_INPUT, header)),
            Class::Control => {
                let header = self.control_record(record, now);
                header.map(|header| (TECHNICIAN_CONTROL, header))
            }
            _ => self.beside(class, record, now),
        };
        let arrived = match result {
            Ok((lane, header)) => self.proof.arrived(lane, header.time_us, now),
            Err(why) => {
                self.drop_one(&why);
                return self.end(CloseCode::ProtocolViolation, now);
            }
        };
        self.heard_us = now.mono_us;
        if let Err(dispute) = arrived {
            self.dispute(&dispute, now);
        }
        self.heard(now);
        self.receipts.known(self.proof.at_relay(), now);
    }

    /// The technician's checkpoint. One that does not say what arrived ends the session.
    pub fn handle_checkpoint(&mut self, signed: &Signed<Checkpoint>, now: Now) {
        self.receipts.heard(now);
        self.late.heard(now);
        let lanes = &mut self.lanes;
        match self.proof.handle(signed, |lane| lanes.expect(lane)) {
            Ok(checkpoint) => {
                self.countersigned = Some(signed.clone());
                let chat = lane(Author::FIRST_TECHNICIAN, CHAT, Class::Chat);
                if !self.heard.is_signed(&checkpoint, chat) && !self.over {
                    self.drop_one("what was said before the consent is not repeated");
                    return self.end(CloseCode::ProtocolViolation, now);
                }
            }
            Err(dispute) if !self.over => self.dispute(&dispute, now),
            Err(_) => {}
        }
        self.heard(now);
        self.receipts.known(self.proof.at_relay(), now);
    }

    /// The technician was heard.
    fn heard(&mut self, now: Now) {
        if let Some(silent_us) = self.silence.heard(self.proof.is_answered(), now) {
            self.effects.push_back(AgentEffect::Back { silent_us });
        }
    }

    /// `mono_us` at which the technician was last heard.
    pub fn heard_us(&self) -> u64 {
        self.silence.heard_us()
    }

    /// The technician is not heard any more.
    pub fn is_silent(&self) -> bool {
        self.silence.is_silent()
    }

    /// Notices that the technician is silent. To be called after whatever happened; gives the `mono_us` at which it wants
    /// to be called again.
    pub fn listen(&mut self, now: Now) -> Option<u64> {
        if self.over {
            return None;
        }
        if self.silence.poll(self.proof.is_answered(), now) {
            self.effects.push_back(AgentEffect::Silent);
        }
        self.silence.timeout_us()
    }

    /// The relay's receipt. One that is false ends the session; after its end the last one is still taken.
    pub fn handle_receipt(&mut self, signed: &Signed<Receipt>, now: Now) {
        self.receipts.heard(now);
        if let Err(error) = self.receipts.handle(signed)
            && !self.over
        {
            self.drop_one(&error.to_string());
            return self.end(CloseCode::NoReceipt, now);
        }
        self.keep_up(now);
    }

    /// The technician's newest checkpoint; after the end, its last one is still taken.
    pub fn countersigned(&self) -> Option<&Signed<Checkpoint>> {
        self.countersigned.as_ref()
    }

    /// The relay's newest receipt.
    pub fn receipt(&self) -> &Signed<Receipt> {
        self.receipts.last()
    }

    /// `mono_us` at which [`AgentSession::keep_up`] wants to be called.
    pub fn poll_receipt_us(&self) -> Option<u64> {
        self.receipts.due_us().filter(|_| !self.over)
    }

    /// Frozen until the relay has caught up.
    pub fn frozen(&self) -> bool {
        self.receipts.frozen()
    }

    /// `mono_us` until which a record that just came may wait for the relay's receipts: after a silence of the network
    /// they and the record come at the same time, in any order.
    pub fn patience_us(&self, now: Now) -> Option<u64> {
        self.receipts.patience_us(now)
    }

    /// Stops everything while receipts are behind, lets it go on, or gives up.
    pub fn keep_up(&mut self, now: Now) {
        if self.over {
            return;
        }
        match self.receipts.poll(now) {
            Some(Turn::Frozen) => {
                self.release_all();
                self.effects.push_back(AgentEffect::Frozen(true));
                self.said_refused_us = Some(now.mono_us);
                let why = FROZEN.to_owned();
                self.say(&Control::Refused { why }, now);
            }
            Some(Turn::Thawed) => {
                self.effects.push_back(AgentEffect::Frozen(false));
                let capabilities = self.grants.capabilities();
                let why = THAWED.to_owned();
                self.say(&Control::Grants { capabilities, why }, now);
            }
            Some(Turn::GivenUp) => self.end(CloseCode::NoReceipt, now),
            None => {}
        }
    }

    fn dispute(&mut self, dispute: &Dispute, now: Now) {
        self.drop_one(&dispute.to_string());
        self.end(CloseCode::Disputed, now);
    }

    /// This end's checkpoint, if one is due or the grants changed. To be asked for before more is handled.
    pub fn checkpoint(&mut self, now: Now) -> Option<Signed<Checkpoint>> {
        let granted = self.grants.capabilities();
        // With nothing left the session is ending. What is under way was made before, and the last checkpoint covers it.
        (!granted.is_empty()).then(|| self.proof.poll(granted, now))?
    }

    /// `mono_us` at which [`AgentSession::checkpoint`] wants to be called.
    pub fn poll_checkpoint_us(&self) -> Option<u64> {
        self.proof.due_us()
    }

    /// The last checkpoint, once nothing more is sealed.
    pub fn last_checkpoint(&mut self, code: CloseCode, now: Now) -> Option<Signed<Checkpoint>> {
        self.proof.close(code, now)
    }

    fn input(&mut self, record: &[u8], now: Now) -> Result<Header, String> {
        let (header, body) = self.from_input.open(record).map_err(|e| e.to_string())?;
        self.late.arrived(header.time_us, now);
        let input: Result<Input, _> = wire::decode(&body);
        let refused = match input {
            Ok(input) if input != Input::ReleaseAll && self.is_late(&header, now) => {
                Ok(TOO_LATE.to_owned())
            }
            Ok(_) if self.receipts.frozen() => Ok(FROZEN.to_owned()),
            Ok(input) if !self.prompt_open => {
                match self.grants.live::<kind::Control>(now.unix_ms) {
                    Ok(grant) => {
                        self.held.note(&input);
                        self.effects.push_back(AgentEffect::Act(grant, input));
                        return Ok(header);
                    }
                    Err(refused) => Ok(refused.to_string()),
                }
            }
            Ok(_) => Ok("the user is answering a question".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        self.proof.refuse(TECHNICIAN_INPUT, header.seq);
        self.refuse(&refused?, now);
        Ok(header)
    }

    fn is_late(&mut self, header: &Header, now: Now) -> bool {
        match self.late.judge(header.time_us, now) {
            Verdict::InTime => return false,
            Verdict::Late => {}
            Verdict::LateAndAsk(number) => self.say(&Control::Ping { number }, now),
        }
        true
    }

    /// A record on a lane beside input and control.
    fn beside(
        &mut self,
        class: Class,
        record: &[u8],
        now: Now,
    ) -> Result<(LaneId, Header), String> {
        let (id, header, says) = self.lanes.open(class, record, &mut self.proof)?;
        if let Ok(TechnicianSays::Chat(chat)) = &says
            && self.heard.is_repeated(chat)?
        {
            return Ok((id, header));
        }
        let done = match says {
            Ok(says) if !self.receipts.frozen() => self.said(says, now),
            Ok(_) => Err(FROZEN.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = done {
            self.proof.refuse(id, header.seq);
            self.refuse(&why, now);
        }
        Ok((id, header))
    }

    fn said(&mut self, says: TechnicianSays, now: Now) -> Result<(), String> {
        let effect = match says {
            TechnicianSays::Shell(lane, input) => AgentEffect::Shell(self.live(now)?, lane, input),
            TechnicianSays::File(message) => AgentEffect::File(self.live(now)?, message),
            TechnicianSays::Clipboard(Whose::Users, message) => {
                AgentEffect::ReadClipboard(self.live(now)?, message)
            }
            TechnicianSays::Clipboard(Whose::Technicians, message) => {
                AgentEffect::SetClipboard(self.live(now)?, message)
            }
            TechnicianSays::ClipboardPart(part) => {
                AgentEffect::ClipboardPart(self.live(now)?, part)
            }
            TechnicianSays::Chat(chat) => AgentEffect::Chat(chat),
        };
        self.effects.push_back(effect);
        Ok(())
    }

    fn live<C: Granted>(&self, now: Now) -> Result<Grant<C>, String> {
        self.grants.live(now.unix_ms).map_err(|e| e.to_string())
    }

    /// The record that says this, while its capability is granted and the recording keeps up.
    pub fn tell(&mut self, says: &AgentSays, now: Now) -> Option<Outgoing> {
        let needed = needed(says.lane());
        let allowed = needed.is_none_or(|needed| self.grants.capabilities().contains(needed));
        let may = !self.over && allowed && !self.receipts.frozen();
        may.then(|| self.lanes.seal(says, &mut self.proof, now))?
    }

    fn control_record(&mut self, record: &[u8], now: Now) -> Result<Header, String> {
        let (header, body) = self.from_control.open(record).map_err(|e| e.to_string())?;
        self.late.arrived(header.time_us, now);
        match wire::decode(&body).map_err(|e| e.to_string())? {
            Control::Shown { frame } => self.effects.push_back(AgentEffect::Shown { frame }),
            Control::Ping { number } => self.say(&Control::Pong { number }, now),
            Control::Bye { code } => self.close(CloseCode::from_number(code)),
            Control::AskFacts => match self.live(now) {
                Ok(grant) => self.effects.push_back(AgentEffect::TellFacts(grant)),
                Err(why) => self.refuse(&why, now),
            },
            Control::Mark { points } if points.len() <= MARK_POINTS => match self.live(now) {
                Ok(grant) => self.effects.push_back(AgentEffect::Mark(grant, points)),
                Err(why) => self.refuse(&why, now),
            },
            Control::Mark { .. } => return Err("a mark of too many points".to_owned()),
            Control::Note { text } => self.effects.push_back(AgentEffect::Note(text)),
            Control::Pong { number } => self.late.answered(number, header.time_us),
            Control::Grants { .. } | Control::Refused { .. } => {
                return Err("a control message that only agents send".to_owned());
            }
        }
        Ok(header)
    }

    fn release_all(&mut self) {
        self.held.clear();
        self.effects.push_back(AgentEffect::ReleaseAll);
    }

    fn say(&mut self, message: &Control, now: Now) {
        let record = seal(&mut self.control, message, now.mono_us);
        self.effects.push_back(AgentEffect::Control(record));
    }

    fn drop_one(&mut self, why: &str) {
        self.dropped += 1;
        self.effects.push_back(AgentEffect::Dropped {
            why: why.to_owned(),
            count: self.dropped,
        });
    }

    fn refuse(&mut self, why: &str, now: Now) {
        self.drop_one(why);
        let due = self
            .said_refused_us
            .is_none_or(|at| now.mono_us >= at + REFUSAL_INTERVAL_US);
        if due {
            self.said_refused_us = Some(now.mono_us);
            let why = why.to_owned();
            self.say(&Control::Refused { why }, now);
        }
    }

    /// The user is (no longer) answering a question.
    pub fn set_prompt_open(&mut self, open: bool) {
        self.prompt_open = open;
        if open {
            self.release_all();
        }
    }

    /// The user takes rights back, keeping these. Keeping nothing to see ends the session.
    pub fn narrow(&mut self, keep: Capabilities, why: &str, now: Now) {
        if self.over {
            return;
        }
        self.grants.narrow(keep);
        self.release_all();
        let capabilities = self.grants.capabilities();
        if capabilities.is_empty() {
            return self.end(CloseCode::StoppedByUser, now);
        }
        self.effects.push_back(AgentEffect::Allowed(capabilities));
        let why = why.to_owned();
        self.say(&Control::Grants { capabilities, why }, now);
    }

    /// Ends the session from this side: first the rights are gone and the keys released, then others hear of it.
    pub fn end(&mut self, code: CloseCode, now: Now) {
        if self.over {
            return;
        }
        self.grants.revoke();
        self.release_all();
        let record = bye(&mut self.control, code.number(), now.mono_us);
        self.effects.push_back(AgentEffect::Control(record));
        self.over = true;
        self.effects.push_back(AgentEffect::Over(code));
    }

    /// The session ended elsewhere (the technician left, the link broke).
    pub fn close(&mut self, code: CloseCode) {
        if self.over {
            return;
        }
        self.grants.revoke();
        self.release_all();
        self.over = true;
        self.effects.push_back(AgentEffect::Over(code));
    }

    /// Wall-clock time at which [`AgentSession::handle_timeout`] wants to be called: the grants' end.
    pub fn poll_timeout_unix_ms(&self) -> Option<u64> {
        (!self.over).then(|| self.grants.until_ms())
    }

    pub fn handle_timeout(&mut self, now: Now) {
        if now.unix_ms >= self.grants.until_ms() {
            self.end(CloseCode::GrantExpired, now);
        }
    }

    /// `mono_us` at which [`AgentSession::handle_silence`] wants to be called: while something is held down.
    pub fn poll_silence_us(&self) -> Option<u64> {
        (!self.over && self.held.any()).then_some(self.heard_us + SILENCE_US)
    }

    /// Lets go of what a technician holds who is not heard any more.
    pub fn handle_silence(&mut self, now: Now) {
        if self.poll_silence_us().is_some_and(|at| at <= now.mono_us) {
            self.release_all();
        }
    }

    pub fn poll_effect(&mut self) -> Option<AgentEffect> {
        self.effects.pop_front()
    }
}
