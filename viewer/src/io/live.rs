//! A live session's event loop at the technician: records to the window and to the commands that have joined, their
//! doings to the lanes.

mod clients;
mod clipboard;
mod commands;
mod files;
mod panels;
mod shells;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use sightline_ends::content::Input;
use sightline_ends::handshake::Established;
use sightline_ends::seal::{LaneId, TECHNICIAN_CONTROL, TECHNICIAN_INPUT};
use sightline_ends::session::{
    Outgoing, PING_AT_REST_US, SILENCE_US, TechnicianEffect, TechnicianSays, TechnicianSession,
};
use sightline_link::{Arrived, Broker, FromLane, IDLE, LaneWriter, Link, LinkError, read_lane};
use sightline_program::clock::Clock;
use sightline_program::report::{Report, sentence};
use sightline_protocol::broker::{FromRelay, LaneOpening};
use sightline_protocol::capability::Capability;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::decoding::{Decoded, Decoding};
use super::interrupt::Interrupt;
use super::local::{ClientId, FromHolder, Joined, Seat, Server};
use super::window::{Bar, Did, Heard, WindowHandle};
use crate::pure::silence::{self, Silence};
use clients::Clients;
use clipboard::{Clipboard, ClipboardEvent};
use files::{Files, FilesEvent};
use shells::Shells;

/// Records of the agent that may wait for the window; beyond it the lane waits, and by the acknowledgements the agent.
const INBOX: usize = 64;
/// The round trip is measured this often: the bar is for people.
const PING: Duration = Duration::from_secs(5);
/// The same while nothing happens on either side: each costs all three programs wake-ups and the recording records.
const PING_AT_REST: Duration = Duration::from_micros(PING_AT_REST_US);
/// The same while a key or a button is held: often enough that the agent does not believe us gone.
const PING_HOLDING: Duration = Duration::from_micros(SILENCE_US / 3);
/// The second time comes sooner: the first stood in the queue with the first picture.
const SECOND_PING: Duration = Duration::from_secs(1);
/// A silence is counted in seconds, before the technician.
const SECOND_US: u64 = 1_000_000;
/// For the last words to arrive when the session ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a live session needs.
pub struct Live {
    pub broker: Broker,
    pub established: Box<Established>,
    pub clock: Clock,
    pub report: Report,
    /// None where there is no desktop, or the technician wants none.
    pub window: Option<WindowHandle>,
    pub did: mpsc::UnboundedReceiver<Did>,
    /// Close the window when the session ends, whoever ended it.
    pub close_window: bool,
    /// Leave when the last command that joined has left and no terminal runs.
    pub only_for_commands: bool,
    pub interrupt: Interrupt,
    /// Where commands join; none if there is no place for its socket.
    pub server: Option<Server>,
}

enum Happened {
    Arrived(Result<Arrived, LinkError>),
    Lane(FromLane),
    Decoded(Decoded),
    Relay(Result<FromRelay, CloseCode>),
    Did(Did),
    Joined(Joined),
    Files(FilesEvent),
    Clipboard(ClipboardEvent),
    Ping,
    /// The agent may be silent by now, or is for another second.
    Listen,
    CheckpointDue,
    Interrupted,
}

#[derive(Default)]
struct Stats {
    updates: u64,
    bytes: u64,
    inputs: u64,
}

struct Running {
    broker: Broker,
    link: Link,
    session: SessionId,
    machine: TechnicianSession,
    clock: Clock,
    report: Report,
    window: Option<WindowHandle>,
    decoding: Decoding,
    /// Where commands join; none if there is no place for its socket.
    server: Option<Server>,
    clients: Clients,
    shells: Shells,
    /// The newest messages, and whether they were the technician's.
    chat: VecDeque<(bool, String)>,
    files: Files,
    clipboard: Clipboard,
    lanes: BTreeMap<LaneId, LaneWriter>,
    bar: Bar,
    did: mpsc::UnboundedReceiver<Did>,
    from_lanes: mpsc::Receiver<FromLane>,
    to_session: mpsc::Sender<FromLane>,
    control: LaneWriter,
    input: LaneWriter,
    next_ping: Instant,
    /// When it is time to see whether the agent is still heard.
    listen_us: Option<u64>,
    /// Updates and inputs counted at the last ping.
    happened_at_ping: u64,
    stats: Stats,
    close_window: bool,
    only_for_commands: bool,
    interrupt: Interrupt,
}

/// Runs the session until its end and says why it ended. The window stays, with the reason, unless the technician
/// ended it.
pub async fn run(live: Live) -> CloseCode {
    let window = live.window.clone();
    match start(live).await {
        Ok(mut running) => {
            let code = running.run().await;
            running.finish(code).await;
            code
        }
        Err(error) => {
            if let Some(window) = window {
                window.ended(sentence(&error.code().to_string()));
            }
            error.code()
        }
    }
}

async fn start(live: Live) -> Result<Running, LinkError> {
    let established = &live.established;
    let open = |id: LaneId| LaneOpening {
        session: established.session,
        lane: id.lane,
        class: id.class,
    };
    let link = live.broker.link.clone();
    link.hold_on();
    let control = LaneWriter::start(link.open_lane(open(TECHNICIAN_CONTROL)).await?);
    let input = LaneWriter::start(link.open_lane(open(TECHNICIAN_INPUT)).await?);
    let (to_session, from_lanes) = mpsc::channel(INBOX);
    let machine = TechnicianSession::new(established, live.clock.now());
    let bar = Bar {
        technician: established.technician_name.clone(),
        organisation: established.bundle.organisation.clone(),
        user: established.computer.clone(),
        grants: machine.allowed(),
        recording: true,
        round_trip: None,
        silence: None,
        note: None,
    };
    let early = established.early.told().into_iter();
    let chat: VecDeque<(bool, String)> = early.map(|(own, _, text)| (own, text)).collect();
    if let Some(window) = &live.window {
        window.bar(bar.clone());
        let allowed = FromHolder::Allowed((bar.grants, String::new()));
        window.heard(Heard::Session(None, allowed));
        for before in &chat {
            let before = FromHolder::SaidBefore(before.clone());
            window.heard(Heard::Session(None, before));
        }
    }
    let decoding = Decoding::start(live.window.clone());
    let clipboard = Clipboard::open(machine.allowed(), live.window.is_some());
    Ok(Running {
        server: live.server,
        clients: Clients::new(live.window.clone()),
        shells: Shells::default(),
        chat,
        files: Files::new(live.clock),
        clipboard,
        lanes: BTreeMap::new(),
        broker: live.broker,
        link,
        session: established.session,
        machine,
        clock: live.clock,
        report: live.report,
        window: live.window,
        decoding,
        bar,
        did: live.did,
        from_lanes,
        to_session,
        control,
        input,
        next_ping: Instant::now(),
        listen_us: None,
        happened_at_ping: 0,
        stats: Stats::default(),
        close_window: live.close_window,
        only_for_commands: live.only_for_commands,
        interrupt: live.interrupt,
    })
}

impl Running {
    async fn run(&mut self) -> CloseCode {
        loop {
            self.listen();
            while let Some(effect) = self.machine.poll_effect() {
                if let Some(code) = self.effect(effect) {
                    return code;
                }
            }
            if let Some(signed) = self.machine.checkpoint(self.clock.now())
                && let Err(error) = self.broker.checkpoint(signed).await
            {
                self.machine.close(error.code());
                continue;
            }
            let happened = self.next().await;
            self.happened(happened);
        }
    }

    async fn next(&mut self) -> Happened {
        let checkpoint_due = async {
            match self.machine.poll_checkpoint_us() {
                Some(at) => sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let listen = async {
            match self.listen_us {
                Some(at) => sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let joined = async {
            match &mut self.server {
                Some(server) => server.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(did) = self.did.recv() => Happened::Did(did),
            decoded = self.decoding.next() => Happened::Decoded(decoded),
            Some(from) = self.from_lanes.recv(), if self.decoding.has_room() => Happened::Lane(from),
            message = self.broker.next() => Happened::Relay(message.map_err(|e| e.code())),
            Some(joined) = joined => Happened::Joined(joined),
            arrived = self.link.accept() => Happened::Arrived(arrived),
            event = self.files.next() => Happened::Files(event),
            event = self.clipboard.next() => Happened::Clipboard(event),
            () = sleep_until(self.next_ping) => Happened::Ping,
            () = checkpoint_due => Happened::CheckpointDue,
            () = listen => Happened::Listen,
            () = self.interrupt.pressed() => Happened::Interrupted,
        }
    }

    fn happened(&mut self, happened: Happened) {
        let now = self.clock.now();
        match happened {
            Happened::Did(did) => self.did(did),
            Happened::Joined(joined) => self.joined(joined),
            Happened::Files(event) => self.files_happened(event),
            Happened::Clipboard(event) => self.clipboard_happened(event),
            Happened::Lane(FromLane::Record(class, record)) => {
                self.stats.bytes += record.len() as u64;
                self.machine.handle_record(class, &record, now);
            }
            Happened::Decoded(decoded) => self.decoded(decoded),
            Happened::Lane(FromLane::End(Ok(()) | Err(LinkError::Cut))) => {}
            Happened::Lane(FromLane::End(Err(error))) => self.machine.leave(error.code(), now),
            Happened::Relay(Ok(FromRelay::Over(over))) if over.session == self.session => {
                self.drain_then_close(over.code);
            }
            Happened::Relay(Ok(FromRelay::Checkpoint(signed))) => {
                self.machine.handle_checkpoint(&signed, now);
            }
            Happened::CheckpointDue => {} // the loop signs it
            Happened::Relay(Ok(_)) => {}
            Happened::Relay(Err(code)) => self.machine.close(code),
            Happened::Arrived(Ok(Arrived::Lane(opening, lane))) => {
                read_lane(opening, lane, self.to_session.clone());
            }
            Happened::Arrived(Ok(_)) => {}
            Happened::Arrived(Err(error)) => self.machine.close(error.code()),
            Happened::Ping => {
                self.next_ping = Instant::now() + self.ping_pause();
                self.machine.ping(now);
            }
            Happened::Listen => self.count_silence(),
            Happened::Interrupted => self.machine.leave(CloseCode::TechnicianLeft, now),
        }
    }

    fn ping_pause(&mut self) -> Duration {
        let happened = self.stats.updates + self.stats.inputs;
        let at_rest = std::mem::replace(&mut self.happened_at_ping, happened) == happened;
        match self.machine.holds() {
            true => PING_HOLDING,
            false if self.bar.round_trip.is_none() => SECOND_PING,
            false if at_rest => PING_AT_REST,
            false => PING,
        }
    }

    /// The next ping comes within that time.
    fn ping_within(&mut self, pause: Duration) {
        self.next_ping = self.next_ping.min(Instant::now() + pause);
    }

    /// The relay's word that it is over may overtake the agent's last records on their lanes: those come first.
    fn drain_then_close(&mut self, code: u16) {
        let now = self.clock.now();
        while let Ok(FromLane::Record(class, record)) = self.from_lanes.try_recv() {
            self.machine.handle_record(class, &record, now);
        }
        self.machine.close(CloseCode::from_number(code));
    }

    fn did(&mut self, did: Did) {
        match did {
            Did::Input(input) => self.inputs(input),
            Did::Mark(points) => {
                let now = self.clock.now();
                self.machine.mark(points, now);
            }
            Did::End | Did::Closed => {
                let now = self.clock.now();
                self.machine.leave(CloseCode::TechnicianLeft, now);
            }
            Did::Panel(ask) => self.panel(ask),
            Did::Focus(focused) => self.clipboard.focus(focused),
            Did::Presented { .. } | Did::Replay(_) => {}
        }
    }

    /// Sends what the hands did. Of pointer movements that queued up, only the last matters.
    fn inputs(&mut self, first: Input) {
        let mut pending = first;
        while let Ok(next) = self.did.try_recv() {
            match next {
                Did::Input(next) => {
                    let superseded = matches!(
                        (&pending, &next),
                        (Input::Pointer { .. }, Input::Pointer { .. })
                    );
                    if !superseded {
                        self.send_input(&pending);
                    }
                    pending = next;
                }
                other => {
                    self.send_input(&pending);
                    return self.did(other);
                }
            }
        }
        self.send_input(&pending);
    }

    fn send_input(&mut self, input: &Input) {
        let now = self.clock.now();
        if let Some(record) = self.machine.input(input, now) {
            self.stats.inputs += 1;
            self.input.send(record.into());
            let holds = self.machine.holds();
            self.ping_within(if holds { PING_HOLDING } else { PING });
        }
    }

    /// Gives the code with which the session is over.
    fn effect(&mut self, effect: TechnicianEffect) -> Option<CloseCode> {
        match effect {
            TechnicianEffect::Scene(scene) => self.decoding.take(scene),
            TechnicianEffect::Allowed { capabilities, why } => {
                self.bar.grants = capabilities;
                self.clipboard.narrow(capabilities);
                if !capabilities.contains(Capability::Files) {
                    self.files.end_all("the user took the permission back");
                }
                self.bar.note = Some(why.clone());
                let changed = FromHolder::Allowed((capabilities, why.clone()));
                self.clients.tell_all(&changed);
                let facts = json!({ "allowed": capabilities.to_string(), "why": why });
                self.report.note("allowed", facts);
                self.show_bar();
            }
            TechnicianEffect::Said(says) => self.said(says),
            TechnicianEffect::Refused(why) => {
                self.report.note("refused", json!({ "why": why }));
                let heard = FromHolder::Refused(why.clone());
                self.clients.tell(ClientId::Window(Seat::Facts), heard);
                self.bar.note = Some(why);
                self.show_bar();
            }
            TechnicianEffect::RoundTrip(us) => {
                self.bar.round_trip = Some(Duration::from_micros(us));
                self.report.note("round_trip", json!({ "us": us }));
                self.show_bar();
            }
            TechnicianEffect::Silent => self.silent(),
            TechnicianEffect::Back { silent_us } => self.back(silent_us),
            TechnicianEffect::Disputed(why) => tracing::error!("{why}"),
            TechnicianEffect::Control(record) => self.control.send(record.into()),
            TechnicianEffect::Repeat(outgoing) => self.send(outgoing),
            TechnicianEffect::Over(code) => return Some(code),
        }
        None
    }

    /// Sees whether the agent is silent, and when to look again: each second, while it is.
    fn listen(&mut self) {
        let now = self.clock.now();
        let at = self.machine.listen(now);
        self.listen_us = match self.machine.is_silent() {
            true => {
                let next = self.listen_us.filter(|at| *at > now.mono_us);
                next.or(Some(now.mono_us + SECOND_US))
            }
            false => at,
        };
    }

    fn silence(&self) -> Silence {
        let silent_us = self.clock.now().mono_us;
        let silent_us = silent_us.saturating_sub(self.machine.heard_us());
        let silent = Duration::from_micros(silent_us);
        Silence {
            silent,
            waits: IDLE.saturating_sub(silent),
            own_line: self.link.silence().is_some(),
        }
    }

    /// Nothing is done into a silent line: what is held over there is let go of when it hears of it.
    fn silent(&mut self) {
        if self.machine.holds() {
            self.send_input(&Input::ReleaseAll);
        }
        let silence = self.silence();
        let facts = json!({
            "user": self.bar.user,
            "silent_ms": silence.silent.as_millis() as u64,
            "own_line": silence.own_line,
            "waits_ms": silence.waits.as_millis() as u64,
        });
        let words = silence.words(&self.bar.user);
        self.report.say("line_silent", facts, words);
        self.count_silence();
    }

    /// The seconds go on.
    fn count_silence(&mut self) {
        if self.machine.is_silent() {
            self.bar.silence = Some(self.silence());
            self.show_bar();
        }
    }

    fn back(&mut self, silent_us: u64) {
        self.bar.silence = None;
        self.show_bar();
        let silent = Duration::from_micros(silent_us);
        let facts = json!({ "silent_ms": silent.as_millis() as u64 });
        let words = silence::back(&self.bar.user, silent);
        self.report.say("line_back", facts, words);
    }

    fn show_bar(&self) {
        if let Some(window) = &self.window {
            window.bar(self.bar.clone());
        }
    }

    fn decoded(&mut self, decoded: Decoded) {
        let now = self.clock.now();
        match decoded {
            Ok(Some(frame)) => {
                self.stats.updates += 1;
                self.machine.shown(frame, now);
                self.ping_within(PING);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!("picture: {error}");
                self.machine.leave(CloseCode::ProtocolViolation, now);
            }
        }
    }

    /// Seals it for its lane; false if it is not allowed.
    fn tell(&mut self, says: &TechnicianSays) -> bool {
        let Some(outgoing) = self.machine.tell(says, self.clock.now()) else {
            return false;
        };
        self.send(outgoing);
        self.ping_within(PING);
        true
    }

    fn send(&mut self, outgoing: Outgoing) {
        let (link, id) = (&self.link, outgoing.lane);
        let session = self.session;
        let lane = self.lanes.entry(id).or_insert_with(|| {
            let opening = LaneOpening {
                session,
                lane: id.lane,
                class: id.class,
            };
            LaneWriter::open(link.clone(), opening)
        });
        lane.send(outgoing.record.into());
    }

    async fn finish(mut self, code: CloseCode) {
        for decoded in self.decoding.finish().await {
            self.decoded(decoded);
        }
        let stats = &self.stats;
        self.report.note(
            "picture",
            json!({ "updates": stats.updates, "bytes": stats.bytes, "inputs": stats.inputs }),
        );
        match &self.window {
            Some(window) if code == CloseCode::TechnicianLeft || self.close_window => {
                window.close()
            }
            Some(window) => window.ended(sentence(&code.to_string())),
            None => {}
        }
        self.clients.tell_all(&FromHolder::Over(code.number()));
        let last = self.machine.last_checkpoint(code, self.clock.now());
        let flush = async {
            let lanes = std::mem::take(&mut self.lanes).into_values();
            // Side by side: each takes a round trip, and the relay does not wait long.
            let lanes: Vec<_> = [self.input, self.control]
                .into_iter()
                .chain(lanes)
                .map(|lane| tokio::spawn(lane.finish()))
                .collect();
            if let Some(last) = last {
                let _ = self.broker.checkpoint(last).await; // without it the recording ends unsigned, and says so
            }
            for lane in lanes {
                let _ = lane.await;
            }
            let _ = self.broker.over(self.session, code).await;
        };
        let _ = tokio::time::timeout(FAREWELL, flush).await;
        self.broker.leave(code).await;
    }
}
