//! A session's event loop at the agent: records in through the guard, effects out to hands, picture and link.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use sightline_ends::clipboard::Broken;
use sightline_ends::content::{CHAT_CAP, Chat, ShellOutput};
use sightline_ends::handshake::Established;
use sightline_ends::seal::{AGENT_CONTROL, AGENT_PICTURE, LaneId};
use sightline_ends::session::{AgentEffect, AgentSays, AgentSession};
use sightline_ends::text::harmless;
use sightline_link::{
    Arrived, Broker, Bytes, FromLane, IDLE, LaneWriter, Link, LinkError, read_lane,
};
use sightline_program::clock::Clock;
use sightline_program::history::{Change, History, Moment, Pause};
use sightline_program::report::Report;
use sightline_protocol::broker::{FromRelay, LaneOpening};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_protocol::checkpoint::Checkpoint;
use sightline_protocol::close::CloseCode;
use sightline_protocol::id::SessionId;
use sightline_protocol::record::Class;
use sightline_protocol::statement::Signed;
use sightline_protocol::statements::Receipt;
use tokio::sync::mpsc;

use super::beside::{self, Writers};
use super::clipboard::{self, Clipboard, ClipboardEvent};
use super::facts::FactsFinder;
use super::files::{Files, FilesEvent};
use super::hands::HandsThread;
use super::history::Keeper;
use super::marks::Marks;
use super::picture::{FromPicture, PictureFailure, PictureStats, PictureThread};
use super::shells::{ShellEvent, Shells};
use super::stop::Stop;
use crate::platform::{
    self, Backend, DesktopError, Indicator, Lines, Message, Prompt, Talk, UserWish, Watching,
};
use crate::pure::silence::{self, Silence};
use crate::pure::talk;

/// Records of the technician that may wait for the guard; beyond it the lane waits (flow control).
const INBOX: usize = 256;
/// Bytes of the technician's records that may wait while the recording is behind: more than an honest one sends
/// unasked (files wait for acknowledgements).
const WAITING: usize = 4 << 20;
/// For the last words to arrive when a session ends: 2 s.
const FAREWELL: Duration = Duration::from_secs(2);
/// For the relay's last receipt, which comes when the recording is closed: 2 s.
const LAST_RECEIPT: Duration = Duration::from_secs(2);
/// A silence is counted in seconds, before the user.
const SECOND_US: u64 = 1_000_000;
/// A receipt may cross the technician's last words; the last one follows within 0.4 s, or it was that.
const CROSSED: Duration = Duration::from_millis(400);

enum Happened {
    Arrived(Result<Arrived, LinkError>),
    Record(Class, Bytes),
    /// A lane of the technician ended or broke.
    LaneEnd(Result<(), LinkError>),
    Relay(Result<FromRelay, CloseCode>),
    Picture(FromPicture),
    /// A part beside picture and hands has something to say.
    Says(AgentSays),
    Files(FilesEvent),
    Clipboard(ClipboardEvent),
    HandsFailed(DesktopError),
    Stop(CloseCode),
    Wished(UserWish),
    /// A line typed into the user's terminal.
    Typed(String),
    GrantsEnd,
    /// The technician holds something and has not been heard for too long.
    Silence,
    /// The technician may be silent by now, or is for another second.
    Listen,
    CheckpointDue,
    /// A receipt is overdue.
    ReceiptDue,
    /// The record that waited for receipts waits no longer.
    /// A record that waited for the recording may be handled.
    Waited,
    HeldBack,
}

struct Running<'a> {
    broker: &'a mut Broker,
    link: Link,
    session: SessionId,
    machine: AgentSession,
    clock: Clock,
    report: Report,
    lanes: mpsc::Receiver<FromLane>,
    to_lanes: mpsc::Sender<FromLane>,
    control: Option<LaneWriter>,
    pictures: Option<LaneWriter>,
    picture: Option<PictureThread>,
    from_picture: mpsc::UnboundedReceiver<FromPicture>,
    hands: Option<HandsThread>,
    hands_failed: mpsc::UnboundedReceiver<DesktopError>,
    /// Taken away at the end.
    indicator: Option<Box<dyn Indicator>>,
    wishes: mpsc::UnboundedReceiver<CloseCode>,
    user_wishes: mpsc::UnboundedReceiver<UserWish>,
    /// The user's terminal, if there is one.
    terminal: Option<Box<dyn Lines>>,
    lines_typed: mpsc::UnboundedReceiver<String>,
    watching: Watching,
    says: beside::Says,
    said: mpsc::Receiver<AgentSays>,
    writers: Writers,
    facts: FactsFinder,
    marks: Marks,
    shells: Shells,
    files: Files,
    clipboard: Clipboard,
    /// The user is being asked something.
    asking: bool,
    prompts: &'a [Box<dyn Prompt>],
    /// What came while the recording was behind and must not be dropped for it, in order.
    waiting: VecDeque<(Class, Bytes)>,
    waiting_bytes: usize,
    /// A record that waits for the relay's receipts until then, and all that follow it.
    held_back: Option<(Class, Bytes, u64)>,
    keeper: Option<Keeper>,
    /// When it is time to see whether the technician is still heard.
    listen_us: Option<u64>,
    /// The relay has said that it is over: everything it had to say came before.
    relay_is_done: bool,
}

/// What a session needs beside the connection.
pub struct SessionSetup<'a> {
    /// For questions within the session.
    pub prompts: &'a [Box<dyn Prompt>],
    pub backend: Backend,
    pub clock: Clock,
    pub report: Report,
    pub stop: Stop,
    /// Where the user's wish to stop arrives.
    pub wishes: mpsc::UnboundedReceiver<CloseCode>,
    /// The session's file in the history; none if it cannot be written.
    pub keeper: Option<Keeper>,
}

/// Runs the session until its end and says why it ended.
pub async fn run(
    broker: &mut Broker,
    established: &Established,
    mut setup: SessionSetup<'_>,
) -> CloseCode {
    let session = established.session;
    let keeper = setup.keeper.take();
    let clock = setup.clock;
    match start(broker, established, setup).await {
        Ok(mut running) => {
            running.keeper = keeper;
            let code = running.run().await;
            running.finish(code).await;
            code
        }
        Err(code) => {
            if let Some(mut keeper) = keeper {
                keeper.write(|history| history.close(code, clock.now().unix_ms));
            }
            let _ = broker.over(session, code).await;
            code
        }
    }
}

async fn start<'a>(
    broker: &'a mut Broker,
    established: &Established,
    setup: SessionSetup<'a>,
) -> Result<Running<'a>, CloseCode> {
    let SessionSetup {
        prompts,
        backend,
        clock,
        report,
        stop,
        wishes,
        keeper: _,
    } = setup;
    broker.link.hold_on();
    let mut machine = AgentSession::new(established, clock.now());
    let session = established.session;
    let open = |id: LaneId| LaneOpening {
        session,
        lane: id.lane,
        class: id.class,
    };
    let control = broker.link.open_lane(open(AGENT_CONTROL)).await;
    let control = LaneWriter::start(control.map_err(|e| e.code())?);
    let watching = Watching {
        technician: established.technician_name.clone(),
        organisation: established.bundle.organisation.clone(),
        allowed: machine.allowed(),
        paused: false,
        silent: None,
        said: None,
    };
    stop.arm(machine.revoker());
    let (to_wishes, user_wishes) = mpsc::unbounded_channel();
    let (to_lines, lines_typed) = mpsc::unbounded_channel();
    let wished = Box::new(move |wish| match wish {
        UserWish::Stop => stop.stop(),
        wish => drop(to_wishes.send(wish)),
    });
    // There need not be a terminal.
    let typed = Box::new(move |line| drop(to_lines.send(line)));
    let terminal = platform::read_lines(typed).ok();
    // Who is watched sees it, or there is no session.
    let indicator = platform::show_indicator(watching.clone(), wished).map_err(|error| {
        tracing::warn!("no indicator: {error}");
        CloseCode::NoDesktop
    })?;
    for (own, _, text) in established.early.told() {
        indicator.talk(Talk::Said(Message { own, text }));
    }
    let (to_session, from_picture) = mpsc::unbounded_channel();
    let (mut pictures, mut picture) = (None, None);
    if let Ok((grant, Some(sealer))) = machine.start_view(clock.now()) {
        let lane = broker.link.open_lane(open(AGENT_PICTURE)).await;
        pictures = Some(LaneWriter::start(lane.map_err(|e| e.code())?));
        picture = Some(PictureThread::start(
            backend, grant, sealer, clock, to_session,
        ));
    }
    let (failed, hands_failed) = mpsc::unbounded_channel();
    let control_allowed = machine.allowed().contains(Capability::Control);
    let (to_lanes, lanes) = mpsc::channel(INBOX);
    let (says, said) = beside::queue();
    let clipboard = Clipboard::open(&machine, clock.now());
    Ok(Running {
        writers: Writers::new(broker.link.clone(), session),
        facts: FactsFinder::default(),
        marks: Marks::default(),
        shells: Shells::new(established.technician_name.clone(), says.clone()),
        files: Files::new(
            says.clone(),
            clock,
            report,
            established.technician_name.clone(),
        ),
        clipboard,
        asking: false,
        prompts,
        says,
        said,
        waiting: VecDeque::new(),
        waiting_bytes: 0,
        link: broker.link.clone(),
        session,
        broker,
        machine,
        clock,
        report,
        lanes,
        to_lanes,
        control: Some(control),
        pictures,
        picture,
        from_picture,
        hands: control_allowed.then(|| HandsThread::start(failed)),
        hands_failed,
        indicator: Some(indicator),
        wishes,
        user_wishes,
        terminal,
        lines_typed,
        watching,
        held_back: None,
        keeper: None,
        listen_us: None,
        relay_is_done: false,
    })
}

impl Running<'_> {
    async fn run(&mut self) -> CloseCode {
        loop {
            self.listen();
            while let Some(effect) = self.machine.poll_effect() {
                if let Some(code) = self.effect(effect) {
                    return code;
                }
            }
            if let Some(signed) = self.machine.checkpoint(self.clock.now()) {
                self.note(|history| history.set_own_checkpoint(&signed));
                if let Err(error) = self.broker.checkpoint(signed).await {
                    self.machine.close(error.code());
                    continue;
                }
            }
            let happened = self.next().await;
            self.happened(happened);
        }
    }

    async fn next(&mut self) -> Happened {
        let grants_end = async {
            match self.machine.poll_timeout_unix_ms() {
                Some(at_ms) => {
                    let left = at_ms.saturating_sub(self.clock.now().unix_ms);
                    tokio::time::sleep(Duration::from_millis(left)).await;
                }
                None => std::future::pending().await,
            }
        };
        let silence = async {
            match self.machine.poll_silence_us() {
                Some(at) => tokio::time::sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let listen = async {
            match self.listen_us {
                Some(at) => tokio::time::sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let checkpoint_due = async {
            match self.machine.poll_checkpoint_us() {
                Some(at) => tokio::time::sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let receipt_due = async {
            match self.machine.poll_receipt_us() {
                Some(at) => tokio::time::sleep_until(self.clock.at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        let held_back = async {
            match &self.held_back {
                Some(_) if !self.machine.frozen() => {}
                Some((.., until)) => tokio::time::sleep_until(self.clock.at(*until).into()).await,
                None => std::future::pending().await,
            }
        };
        let may_go_on = self.may_go_on();
        // While the hands are behind, the technician's lanes wait, and nothing else does.
        let from_lanes = async {
            if self.held_back.is_some() {
                return std::future::pending().await;
            }
            if let Some(hands) = &self.hands {
                hands.ready().await;
            }
            self.lanes.recv().await
        };
        tokio::select! {
            // The user's wish goes before everything that a technician could keep us busy with.
            biased;
            Some(code) = self.wishes.recv() => Happened::Stop(code),
            Some(wish) = self.user_wishes.recv() => Happened::Wished(wish),
            Some(line) = self.lines_typed.recv() => Happened::Typed(line),
            Some(error) = self.hands_failed.recv() => Happened::HandsFailed(error),
            () = grants_end => Happened::GrantsEnd,
            () = silence => Happened::Silence,
            () = listen => Happened::Listen,
            () = checkpoint_due => Happened::CheckpointDue,
            () = receipt_due => Happened::ReceiptDue,
            message = self.broker.next() => Happened::Relay(message.map_err(|e| e.code())),
            () = held_back => Happened::HeldBack,
            // One by one: what each of them makes due (a checkpoint that names what was refused) comes before the next.
            () = std::future::ready(()), if may_go_on => Happened::Waited,
            Some(from) = from_lanes => match from {
                FromLane::Record(class, bytes) => Happened::Record(class, bytes),
                FromLane::End(result) => Happened::LaneEnd(result),
            },
            Some(says) = self.said.recv(), if !self.machine.frozen() => Happened::Says(says),
            event = self.files.next() => Happened::Files(event),
            event = self.clipboard.next(), if !self.machine.frozen() => Happened::Clipboard(event),
            Some(from) = self.from_picture.recv() => Happened::Picture(from),
            arrived = self.link.accept() => Happened::Arrived(arrived),
        }
    }

    fn happened(&mut self, happened: Happened) {
        let now = self.clock.now();
        match happened {
            Happened::Stop(code) => self.machine.end(code, now),
            Happened::Wished(wish) => self.wished(wish),
            Happened::Typed(line) => self.typed(&line),
            Happened::HandsFailed(error) => {
                tracing::warn!("mouse and keyboard: {error}");
                self.machine.end(CloseCode::DesktopGone, now);
            }
            Happened::GrantsEnd => self.machine.handle_timeout(now),
            Happened::Silence => self.machine.handle_silence(now),
            Happened::Listen => self.count_silence(),
            Happened::CheckpointDue => {} // the loop signs it
            Happened::ReceiptDue => self.machine.keep_up(now),
            Happened::Waited => {
                if let Some((class, bytes)) = self.waiting.pop_front() {
                    self.waiting_bytes -= bytes.len();
                    self.machine.handle_record(class, &bytes, now);
                }
            }
            Happened::HeldBack => {
                if let Some((class, bytes, _)) = self.held_back.take() {
                    self.record(class, bytes);
                }
            }
            Happened::Relay(Ok(FromRelay::Receipt(signed))) => {
                self.receipt(&signed);
            }
            Happened::Relay(Ok(FromRelay::Checkpoint(signed))) => {
                self.checkpoint(&signed);
            }
            // A technician who came before and leaves only now has a session of its own.
            Happened::Relay(Ok(FromRelay::Over(over))) if over.session == self.session => {
                self.relay_is_done = true;
                self.machine.close(CloseCode::from_number(over.code));
            }
            Happened::Relay(Ok(_)) => {}
            Happened::Relay(Err(code)) => self.machine.close(code),
            Happened::Record(class, bytes) => match self.machine.patience_us(now) {
                Some(until) => self.held_back = Some((class, bytes, until)),
                None => self.record(class, bytes),
            },
            Happened::LaneEnd(Ok(()) | Err(LinkError::Cut)) => {}
            Happened::LaneEnd(Err(error)) => self.machine.end(error.code(), now),
            Happened::Picture(from) => self.picture_said(from),
            Happened::Says(says) => {
                self.say(&says);
            }
            Happened::Files(event) => self.files_happened(event),
            Happened::Clipboard(event) => self.clipboard_happened(event),
            Happened::Arrived(Ok(Arrived::Lane(opening, lane))) => {
                read_lane(opening, lane, self.to_lanes.clone());
            }
            Happened::Arrived(Ok(_)) => {}
            Happened::Arrived(Err(error)) => self.machine.close(error.code()),
        }
    }

    /// Records waited while the recording was behind, and it has caught up.
    fn may_go_on(&self) -> bool {
        !self.machine.frozen() && !self.waiting.is_empty()
    }

    /// A record of the technician. Hands are dropped while the recording is behind; what would be lost by that waits.
    fn record(&mut self, class: Class, bytes: Bytes) {
        let now = self.clock.now();
        let may_wait = !matches!(class, Class::Input | Class::Control);
        let waits = self.machine.frozen() || !self.waiting.is_empty();
        if !(may_wait && waits) {
            return self.machine.handle_record(class, &bytes, now);
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push_back((class, bytes));
        if self.waiting_bytes > WAITING {
            self.machine.end(CloseCode::ProtocolViolation, now);
        }
    }

    /// False: it is not allowed, or not now.
    fn say(&mut self, says: &AgentSays) -> bool {
        if let AgentSays::Shell(lane, ShellOutput::Exited { code }) = says {
            let event = self.shells.ended(*lane, *code);
            self.shell_event(event);
        }
        let outgoing = self.machine.tell(says, self.clock.now());
        let told = outgoing.is_some();
        outgoing.into_iter().for_each(|it| self.writers.send(it));
        told
    }

    /// The user's words to the technician.
    fn write_to_technician(&mut self, text: &str) {
        let text = harmless(text, CHAT_CAP);
        let says = AgentSays::Chat(Chat::Say { text: text.clone() });
        let news = if self.say(&says) {
            self.report.note("said", json!({ "text": text }));
            Talk::Said(Message { own: true, text })
        } else {
            let why = "the session is paused";
            let facts = json!({ "text": text, "why": why });
            self.report
                .say("not_said", facts, format!("Not sent: {why}."));
            Talk::NotSent(why.to_owned())
        };
        self.talk(news);
    }

    fn talk(&self, news: Talk) {
        if let Some(indicator) = &self.indicator {
            indicator.talk(news);
        }
    }

    fn wished(&mut self, wish: UserWish) {
        let now = self.clock.now();
        match wish {
            UserWish::Stop => self.machine.end(CloseCode::StoppedByUser, now),
            UserWish::TakeBack(rights) => {
                let allowed = self.machine.allowed();
                let keep = allowed.without(rights).workable();
                let why = format!("the user took back: {rights}");
                self.machine.narrow(keep, &why, now);
            }
            UserWish::Say(text) => self.write_to_technician(&text),
        }
    }

    fn typed(&mut self, line: &str) {
        match talk::meaning(line, self.machine.allowed()) {
            Ok(Some(wish)) => self.wished(wish),
            Ok(None) => {}
            Err(why) => self.report.say("hint", json!({ "text": why }), why.clone()),
        }
    }

    /// The user sees that a shell is open, and finds it in the history.
    fn shell_event(&mut self, event: ShellEvent) {
        let now = Moment::at(self.clock.now().unix_ms);
        let technician = &self.watching.technician;
        match event {
            ShellEvent::Opened { lane, command } => {
                let command = harmless(&command, CHAT_CAP);
                let words = match command.is_empty() {
                    true => format!("{technician} opened a terminal."),
                    false => format!("{technician} runs: {command}"),
                };
                let facts = json!({ "terminal": lane.0, "command": command });
                self.report.say("shell_opened", facts, words);
                self.write(|history| history.shell_opened(lane.0, command, now));
            }
            ShellEvent::Ended { lane, code } => {
                let words = format!("A terminal of {technician} was closed.");
                let facts = json!({ "terminal": lane.0, "exit_code": code });
                self.report.say("shell_ended", facts, words);
                self.write(|history| history.shell_ended(lane.0, code, now));
            }
        }
    }

    fn clipboard_happened(&mut self, event: ClipboardEvent) {
        match event {
            ClipboardEvent::Say(says) => {
                self.say(&says);
            }
            ClipboardEvent::Crossed(direction, crossed) => {
                let technician = &self.watching.technician;
                let (event, words) = clipboard::told(direction, &crossed, technician);
                self.report.say(event, clipboard::facts(&crossed), words);
                let now = self.clock.now().unix_ms;
                let (form, bytes, sha256) = (crossed.form, crossed.bytes, &crossed.sha256);
                self.note(|history| history.add_copied(form, direction, bytes, sha256, now));
            }
        }
    }

    fn clipboard_broken(&mut self, done: Result<(), Broken>) {
        if let Err(broken) = done {
            tracing::warn!("clipboard: {broken}");
            let now = self.clock.now();
            self.machine.end(CloseCode::ProtocolViolation, now);
        }
    }

    fn files_happened(&mut self, event: FilesEvent) {
        let placed = self.files.happened(event);
        self.files_may_ask();
        if !placed.is_empty() {
            let now = self.clock.now().unix_ms;
            self.note(|history| placed.iter().for_each(|note| history.add_file(note, now)));
        }
    }

    /// Shows what files ask of the user, or takes it away.
    fn files_may_ask(&mut self) {
        if self.files.have_questions() {
            self.answering(true);
            self.files.ask_next(self.prompts);
        }
        self.answering(self.files.are_asking());
    }

    /// The user is (no longer) answering: no remote hands, and what is typed here is the answer.
    fn answering(&mut self, asking: bool) {
        if self.asking != asking {
            self.asking = asking;
            self.machine.set_prompt_open(asking);
            if let Some(terminal) = &self.terminal {
                terminal.pause(asking);
            }
        }
    }

    fn note(&mut self, change: impl FnOnce(&mut History)) {
        if let Some(keeper) = &mut self.keeper {
            keeper.note(change);
        }
    }

    fn write(&mut self, change: impl FnOnce(&mut History)) {
        if let Some(keeper) = &mut self.keeper {
            keeper.write(change);
        }
    }

    fn checkpoint(&mut self, signed: &Signed<Checkpoint>) {
        self.machine.handle_checkpoint(signed, self.clock.now());
        if let (Some(keeper), Some(last)) = (&mut self.keeper, self.machine.countersigned()) {
            keeper.note(|history| history.set_technician_checkpoint(last));
        }
    }

    fn receipt(&mut self, signed: &Signed<Receipt>) {
        self.machine.handle_receipt(signed, self.clock.now());
        if let Some(keeper) = &mut self.keeper {
            keeper.note(|history| history.set_receipt(self.machine.receipt()));
        }
    }

    fn picture_said(&mut self, from: FromPicture) {
        match from {
            FromPicture::Record(record) => {
                if let Some(pictures) = &self.pictures {
                    pictures.send(record);
                }
            }
            FromPicture::Open(waker) => {
                if let Some(picture) = &mut self.picture {
                    picture.set_waker(waker);
                }
            }
            FromPicture::Failed(failure) => {
                let now = self.clock.now();
                let code = match &failure {
                    PictureFailure::Desktop(DesktopError::Unsupported(_)) => CloseCode::NoDesktop,
                    // It was there when the user was asked.
                    PictureFailure::Desktop(_) => CloseCode::DesktopGone,
                    PictureFailure::Codec(_) => CloseCode::Internal,
                    // The guard ends the session itself, for its own reason.
                    PictureFailure::Refused(_) => return self.machine.handle_timeout(now),
                };
                tracing::warn!("pictures: {failure}");
                self.machine.end(code, now);
            }
        }
    }

    /// Gives the code with which the session is over.
    fn effect(&mut self, effect: AgentEffect) -> Option<CloseCode> {
        match effect {
            AgentEffect::Control(record) => {
                if let Some(control) = &self.control {
                    control.send(record.into());
                }
            }
            AgentEffect::Repeat(outgoing) => self.writers.send(outgoing),
            AgentEffect::Act(grant, input) => {
                if let Some(hands) = &self.hands {
                    hands.act(grant, input);
                }
            }
            AgentEffect::ReleaseAll => {
                if let Some(hands) = &self.hands {
                    hands.release_all();
                }
            }
            AgentEffect::Shell(grant, lane, input) => {
                if let Some(event) = self.shells.input(grant, lane, input) {
                    self.shell_event(event);
                }
            }
            AgentEffect::File(grant, message) => {
                self.files.handle(grant, message);
                self.files_may_ask();
            }
            AgentEffect::ReadClipboard(grant, message) => {
                let done = self.clipboard.read(grant, message);
                self.clipboard_broken(done);
            }
            AgentEffect::SetClipboard(grant, message) => {
                let done = self.clipboard.set(grant, message);
                self.clipboard_broken(done);
            }
            AgentEffect::ClipboardPart(grant, part) => {
                let done = self.clipboard.part(grant, &part);
                self.clipboard_broken(done);
            }
            AgentEffect::TellFacts(grant) => self.facts.find(grant, self.says.clone()),
            AgentEffect::Mark(grant, points) => self.marks.draw(&grant, points),
            AgentEffect::Chat(Chat::Say { text }) => {
                let text = harmless(&text, CHAT_CAP);
                let words = format!("{}: {text}", self.watching.technician);
                self.report.say("chat", json!({ "text": text }), &words);
                self.watching.said = Some(words);
                self.show();
                self.talk(Talk::Said(Message { own: false, text }));
            }
            // The machine has compared it with what was said; the user has read it.
            AgentEffect::Chat(Chat::Earlier { .. }) => {}
            AgentEffect::Note(text) => {
                let note = harmless(&text, CHAT_CAP);
                self.report.note("note", json!({ "text": note }));
                self.write(|history| history.note = note);
            }
            AgentEffect::Shown { frame } => {
                if let Some(picture) = &self.picture {
                    picture.shown(frame);
                }
            }
            AgentEffect::Allowed(allowed) => self.allowed(allowed),
            AgentEffect::Frozen(frozen) => self.frozen(frozen),
            AgentEffect::Silent => self.silent(),
            AgentEffect::Back { silent_us } => self.back(silent_us),
            AgentEffect::Dropped { why, count } => {
                tracing::warn!("input of the technician was dropped ({count} so far): {why}");
                let facts = json!({ "why": why, "count": count });
                self.report.note("input_dropped", facts);
                self.note(|history| history.input_dropped = count);
            }
            AgentEffect::Over(code) => return Some(code),
        }
        None
    }

    /// Sees whether the technician is silent, and when to look again: each second, while it is.
    fn listen(&mut self) {
        let now = self.clock.now();
        let at = self.machine.listen(now);
        let next_second = || now.mono_us + SECOND_US;
        self.listen_us = match self.machine.is_silent() {
            true => self
                .listen_us
                .filter(|at| *at > now.mono_us)
                .or_else(|| Some(next_second())),
            false => at,
        };
    }

    fn silence(&self) -> Silence {
        let silent_us = self
            .clock
            .now()
            .mono_us
            .saturating_sub(self.machine.heard_us());
        let silent = Duration::from_micros(silent_us);
        Silence {
            silent,
            waits: IDLE.saturating_sub(silent),
            own_line: self.link.silence().is_some(),
        }
    }

    /// Tells the user that the technician is not heard.
    fn silent(&mut self) {
        let silence = self.silence();
        let facts = json!({
            "technician": self.watching.technician,
            "silent_ms": silence.silent.as_millis() as u64,
            "own_line": silence.own_line,
            "waits_ms": silence.waits.as_millis() as u64,
        });
        let words = silence.words(&self.watching.technician);
        self.report.say("line_silent", facts, words);
        self.count_silence();
    }

    /// The seconds go on.
    fn count_silence(&mut self) {
        if self.machine.is_silent() {
            self.watching.silent = Some(self.silence().short());
            self.show();
        }
    }

    fn back(&mut self, silent_us: u64) {
        self.watching.silent = None;
        self.show();
        let silent = Duration::from_micros(silent_us);
        let facts = json!({ "silent_ms": silent.as_millis() as u64 });
        let words = silence::back(&self.watching.technician, silent);
        self.report.say("line_back", facts, words);
    }

    fn show(&self) {
        if let Some(indicator) = &self.indicator {
            indicator.update(self.watching.clone());
        }
    }

    /// Nothing unrecorded is made: no pictures while the relay is behind.
    fn frozen(&mut self, frozen: bool) {
        if let Some(picture) = &self.picture {
            picture.pause(frozen);
        }
        self.watching.paused = frozen;
        self.show();
        let (event, words) = match frozen {
            true => ("paused", "Paused: the relay is behind with recording."),
            false => ("resumed", "The recording has caught up."),
        };
        self.report.say(event, json!({}), words);
        let now = Moment::at(self.clock.now().unix_ms);
        self.write(|history| match (frozen, history.pauses.last_mut()) {
            (true, _) => history.pauses.push(Pause {
                from: now,
                to: None,
            }),
            (false, Some(pause)) => pause.to = Some(now),
            (false, None) => {}
        });
    }

    fn allowed(&mut self, allowed: Capabilities) {
        // Nothing is sealed any more when the checkpoint is signed that says so.
        if !allowed.contains(Capability::View) {
            self.picture = None;
            self.marks.clear();
        }
        if !allowed.contains(Capability::Shell) {
            self.shells.hang_up();
        }
        self.clipboard.narrow(allowed);
        if !allowed.contains(Capability::Files) {
            self.files.end_all("the user took the permission back");
            self.files_may_ask();
        }
        self.watching.allowed = allowed;
        self.show();
        let facts = json!({ "allowed": allowed.to_string() });
        let words = format!("Allowed from now on: {allowed}.");
        self.report.say("allowed", facts, words);
        let change = Change {
            allowed: allowed.to_string(),
            at: Moment::at(self.clock.now().unix_ms),
        };
        self.write(|history| history.changes.push(change));
    }

    /// Stops the local side first, then signs for all that was said, lets the last words go out, and takes the relay's
    /// last receipt.
    async fn finish(mut self, code: CloseCode) {
        let end_ms = self.clock.now().unix_ms;
        let picture = self.picture.take();
        let stats = picture.as_ref().map(PictureThread::stats);
        drop(picture);
        // What is sealed is signed for by the last checkpoint: it must be sent, or the signature fits no recording.
        while let Ok(from) = self.from_picture.try_recv() {
            self.picture_said(from);
        }
        self.shells.hang_up();
        self.clipboard.narrow(Capabilities::NONE);
        self.marks.clear();
        let hands = self.hands.take();
        // Waits until every key is released.
        let _ = tokio::task::spawn_blocking(move || drop(hands)).await;
        (self.indicator, self.terminal) = (None, None);
        if let Some(stats) = stats {
            self.report_pictures(stats);
        }
        tracing::debug!("session over: {code}");
        let last = self.machine.last_checkpoint(code, self.clock.now());
        self.write(|history| {
            history.close(code, end_ms);
            if let Some(last) = &last {
                history.set_own_checkpoint(last);
            }
        });
        let _ = tokio::time::timeout(FAREWELL, self.flush(code, last)).await;
        if !self.relay_is_done {
            let _ = tokio::time::timeout(LAST_RECEIPT, self.last_receipt()).await;
        }
        let keeper = self.keeper.take();
        // Waits until the history is on the disk.
        let _ = tokio::task::spawn_blocking(move || drop(keeper)).await;
    }

    async fn flush(&mut self, code: CloseCode, last: Option<Signed<Checkpoint>>) {
        // What is sealed is also sent: the recording is to hold all that was signed for. It was captured before the end.
        let (control, pictures) = (self.control.take(), self.pictures.take());
        let lanes = [control, pictures].into_iter().flatten();
        let lanes: Vec<_> = lanes
            .chain(self.writers.take())
            .map(|lane| tokio::spawn(lane.finish()))
            .collect();
        if let Some(last) = last {
            let _ = self.broker.checkpoint(last).await; // without it the recording ends unsigned, and says so
        }
        for lane in lanes {
            let _ = lane.await;
        }
        let _ = self.broker.over(self.session, code).await;
    }

    /// The receipt after which nothing is added to the recording: it comes after the technician's last checkpoint.
    async fn last_receipt(&mut self) {
        let mut within = LAST_RECEIPT;
        while let Ok(Ok(message)) = tokio::time::timeout(within, self.broker.next()).await {
            match message {
                FromRelay::Checkpoint(signed) => self.checkpoint(&signed),
                FromRelay::Receipt(signed) => {
                    self.receipt(&signed);
                    if self.technician_is_done() {
                        within = CROSSED;
                    }
                }
                FromRelay::Over(over) if over.session == self.session => return,
                _ => {}
            }
        }
    }

    fn technician_is_done(&self) -> bool {
        let last = self.machine.countersigned();
        last.and_then(|signed| signed.verify(&signed.key).ok())
            .is_some_and(|last| last.close.is_some())
    }

    fn report_pictures(&self, stats: PictureStats) {
        let mean = stats.total_us.checked_div(stats.frames).unwrap_or(0);
        let facts = json!({
            "frames": stats.frames,
            "bytes": stats.bytes,
            "grab_to_sealed_mean_us": mean,
            "grab_to_sealed_max_us": stats.longest_us,
        });
        self.report.note("picture", facts);
    }
}
