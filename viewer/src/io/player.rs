//! Plays a recording into the window: the same scenes as live, when they are due.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sightline_ends::content::{Control, Scene};
use sightline_ends::replay::Content;
use sightline_picture::PictureError;
use sightline_protocol::record::{Class, Header};

use super::check::{self, Break};
use super::evidence::source::Auditor;
use super::recording::{End, Recording};
use super::reel::{Reel, Screen};
use super::transcript::Transcript;
use super::window::{Ask, Bar, Did, Heard, Mark, MarkKind, ReplayAct, WindowHandle};
use crate::pure::commands::FromCommand;
use crate::pure::hands_shown::{Hands, HandsShown};
use crate::pure::marks::marks;
use crate::pure::playback::{Clock, time_text};

/// The time shown moves this often while playing, and a running session is looked at for more.
const TICK: Duration = Duration::from_millis(250);
/// What fades moves this often.
const FADING: Duration = Duration::from_millis(33);
/// A notice stays this long.
const NOTICE: Duration = Duration::from_secs(3);
/// Left of an idle stretch when it is jumped over, so that what comes next does not come at once.
const LEAD: Duration = Duration::from_millis(700);
/// Behind the newest moment by no more than this, playback is live.
const LIVE: Duration = Duration::from_secs(3);

/// How playback begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    pub speed: f64,
    pub at: Option<Duration>,
    pub skip_idle: bool,
    /// At the newest moment, and on with it.
    pub follow: bool,
}

impl Screen for WindowHandle {
    fn show(&mut self, scene: &Scene) -> Result<(), PictureError> {
        self.scene(scene).map(|_| ())
    }

    fn show_later(&mut self, scene: &Scene) -> Result<(), PictureError> {
        self.scene_later(scene)
    }

    fn settle(&mut self) -> Result<(), PictureError> {
        WindowHandle::settle(self)
    }
}

pub struct Player {
    reel: Reel,
    transcript: Transcript,
    auditor: Arc<Auditor>,
    clock: Clock,
    began: Instant,
    window: WindowHandle,
    bar: Bar,
    marks: Arc<[Mark]>,
    control: Vec<(Duration, Control)>,
    /// Control records looked up for the marks so far.
    looked_up: usize,
    hands: Hands,
    shown: HandsShown,
    show_hands: bool,
    skip_idle: bool,
    notice: Option<(Duration, String)>,
    checked: mpsc::Receiver<Break>,
    looked: Duration,
    checking: bool,
    on_break: Box<dyn Fn(&Break) + Send>,
    /// The break that was said.
    said_break: Option<Break>,
}

impl Player {
    pub fn new(
        recording: Recording,
        auditor: Arc<Auditor>,
        beginning: Beginning,
        window: WindowHandle,
        bar: Bar,
        on_break: Box<dyn Fn(&Break) + Send>,
    ) -> anyhow::Result<Player> {
        let checked = check::start(recording.path());
        let mut clock = Clock::new(recording.index.length());
        let start = Duration::ZERO;
        clock.act(start, ReplayAct::Speed(beginning.speed));
        clock.act(start, ReplayAct::Play);
        let follow = beginning.follow.then(|| recording.index.length());
        if let Some(at) = beginning.at.or(follow) {
            clock.act(start, ReplayAct::Seek(at));
        }
        let mut player = Player {
            transcript: Transcript::new(&recording, &auditor.key)?,
            reel: Reel::new(recording, &auditor.key)?,
            auditor,
            clock,
            began: Instant::now(),
            window,
            bar,
            marks: Arc::default(),
            control: Vec::new(),
            looked_up: 0,
            hands: Hands::default(),
            shown: HandsShown::default(),
            show_hands: true,
            skip_idle: beginning.skip_idle,
            notice: None,
            checked,
            looked: start,
            on_break,
            checking: true,
            said_break: None,
        };
        player.mark()?;
        player.reel.seek(player.clock.position(start))?;
        player.say_sealed();
        Ok(player)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Plays until the window is closed; whether all of it could be shown.
    pub fn run(mut self, did: &mpsc::Receiver<Did>) -> anyhow::Result<Option<Break>> {
        loop {
            self.look_for_more()?;
            self.jump_over_idle();
            self.play_due()?;
            self.show_playback();
            let event = match self.wait() {
                Some(wait) => match did.recv_timeout(wait) {
                    Ok(event) => event,
                    Err(mpsc::RecvTimeoutError::Timeout) => continue,
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                },
                None => match did.recv() {
                    Ok(event) => event,
                    Err(_) => break,
                },
            };
            if !self.handle_all(event, did)? {
                break;
            }
        }
        self.reel.recording.keep_index();
        Ok(self.reel.broken)
    }

    /// Handles an event and those that came with it; of several seeks only the last. False when the window is gone.
    fn handle_all(&mut self, first: Did, did: &mpsc::Receiver<Did>) -> anyhow::Result<bool> {
        let mut seek = None;
        for event in std::iter::once(first).chain(did.try_iter()) {
            match event {
                Did::Replay(ReplayAct::Seek(to)) => seek = Some(to),
                Did::Replay(act) => self.act(act)?,
                Did::Panel(Ask::GoTo(to)) => seek = Some(to),
                Did::Panel(Ask::Session(_, FromCommand::Took(bytes))) => {
                    self.transcript.took(bytes)
                }
                Did::End => self.window.close(),
                Did::Closed => return Ok(false),
                Did::Input(_)
                | Did::Mark(_)
                | Did::Presented { .. }
                | Did::Panel(_)
                | Did::Focus(_) => {}
            }
        }
        if let Some(to) = seek {
            self.act(ReplayAct::Seek(to))?;
        }
        Ok(true)
    }

    fn act(&mut self, act: ReplayAct) -> anyhow::Result<()> {
        let now = self.now();
        let before = self.clock.position(now);
        self.clock.act(now, act);
        match act {
            ReplayAct::SkipIdle(skip) => self.skip_idle = skip,
            ReplayAct::ShowHands(show) => self.show_hands = show,
            ReplayAct::Seek(_) => self.notice = None,
            ReplayAct::Play | ReplayAct::Pause | ReplayAct::Speed(_) => {}
        }
        // Play at the end starts again at the beginning.
        let target = self.clock.position(now);
        if target != before {
            self.hands.clear();
            self.reel.seek(target)?;
        }
        Ok(())
    }

    fn play_due(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        let position = self.clock.position(now);
        let hands = &mut self.hands;
        let mut told = |_: &Header, content: Content, passed: bool| {
            if let Content::Input(input) = content {
                hands.take(now, &input, passed);
            }
        };
        self.reel.play_to(position, &mut self.window, &mut told);
        self.tell_to(position)?;
        match self.checked.try_recv() {
            Ok(found) => self.reel.break_at(found),
            Err(mpsc::TryRecvError::Disconnected) => self.checking = false,
            Err(mpsc::TryRecvError::Empty) => {}
        }
        if self.said_break != self.reel.broken
            && let Some(broken) = self.reel.broken.clone()
        {
            self.said_break = Some(broken.clone());
            self.say_break(&broken);
        }
        Ok(())
    }

    /// Terminals and chat as they were then.
    fn tell_to(&mut self, position: Duration) -> anyhow::Result<()> {
        let last = self.reel.broken.as_ref().map(|broken| broken.at);
        let position = last.map_or(position, |last| position.min(last));
        let window = &self.window;
        let mut tell = |replayed| window.heard(Heard::Replayed(replayed));
        let recording = &self.reel.recording;
        self.transcript
            .tell_to(position, recording, &self.auditor.key, &mut tell)
    }

    /// Playback ends where the recording cannot be believed any more.
    fn say_break(&mut self, broken: &Break) {
        let now = self.now();
        let beyond = self.clock.position(now) > broken.at;
        self.clock.set_length(now, broken.at);
        if beyond {
            // What is seen lies behind the break. An error here comes again, and is said, at the next seek.
            let _ = self.reel.seek(broken.at);
        }
        self.bar.note = Some(format!(
            "broken at {}, byte {}: {}. Nothing after this is shown.",
            time_text(broken.at),
            broken.offset,
            broken.why
        ));
        self.window.bar(self.bar.clone());
        let _ = self.mark();
        (self.on_break)(broken);
    }

    fn say_sealed(&mut self) {
        let index = &self.reel.recording.index;
        let sealed: Vec<&str> = [
            (Class::Picture, "the picture is"),
            (Class::Input, "input is"),
            (Class::Control, "what was allowed when is"),
            (Class::Shell, "terminals are"),
            (Class::Chat, "the chat is"),
        ]
        .into_iter()
        .filter(|(class, _)| !self.reel.holds(*class))
        .filter(|(class, _)| !Transcript::CLASSES.contains(class) || index.has(*class))
        .map(|(_, words)| words)
        .collect();
        if !sealed.is_empty() && self.bar.note.is_none() {
            self.bar.note = Some(format!("{} sealed to you", sealed.join(", ")));
        }
        if let Some(last) = index.words.last().filter(|_| index.more_words) {
            let until = time_text(Duration::from_micros(last.at_us));
            let words =
                format!("terminals and chat are shown up to {until}; an export has the rest");
            self.bar.note.get_or_insert(words);
        }
        self.window.bar(self.bar.clone());
    }

    /// Makes the marks anew.
    fn mark(&mut self) -> anyhow::Result<()> {
        let recording = &self.reel.recording;
        let verified = &recording.verified;
        let more = self.reel.control(self.looked_up, &self.auditor.key)?;
        self.looked_up = recording.index.control.len();
        self.control.extend(more);
        let mut all = vec![Mark::new(
            Duration::ZERO,
            MarkKind::Grants,
            format!("consent: {}", verified.consent.granted),
        )];
        all.extend(marks(
            &recording.index,
            &verified.credential.name,
            &self.control,
        ));
        match &self.reel.broken {
            Some(broken) => {
                all.retain(|mark| mark.at <= broken.at);
                let why = format!("broken: {}", broken.why);
                all.push(Mark::new(broken.at, MarkKind::Break, why));
            }
            None => all.extend(end_mark(recording)),
        }
        self.marks = all.into();
        Ok(())
    }

    /// Takes up what a running session has added.
    fn look_for_more(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        let due = now.saturating_sub(self.looked) >= TICK;
        if !due || !self.reel.recording.end.may_grow() || self.reel.broken.is_some() {
            return Ok(());
        }
        self.looked = now;
        if self.reel.recording.extend()? {
            self.reel.grown()?;
            self.clock
                .set_length(now, self.reel.recording.index.length());
            self.mark()?;
            if !self.reel.recording.end.may_grow() {
                self.bar.note = super::replay::note(&self.reel.recording.end);
                self.say_sealed();
            }
        }
        Ok(())
    }

    fn jump_over_idle(&mut self) {
        let now = self.now();
        if !self.skip_idle || !self.clock.is_playing(now) || self.is_live(now) {
            return;
        }
        let position = self.clock.position(now);
        let Some(until) = self.reel.recording.index.idle_until(position) else {
            return;
        };
        let target = until.saturating_sub(LEAD).min(self.clock.length());
        let skipped = target.saturating_sub(position);
        if skipped > LEAD {
            // Nothing changes in between, so playing on needs no start.
            self.clock.act(now, ReplayAct::Seek(target));
            let words = format!("skipped {}: nothing changed", time_text(skipped));
            self.notice = Some((now, words));
        }
    }

    fn is_live(&self, now: Duration) -> bool {
        let behind = self.clock.length().saturating_sub(self.clock.position(now));
        self.reel.recording.end.may_grow() && self.clock.wants_to_play() && behind <= LIVE
    }

    fn show_playback(&mut self) {
        let now = self.now();
        let stale = |(since, _): &(Duration, String)| now.saturating_sub(*since) > NOTICE;
        if self.notice.as_ref().is_some_and(stale) {
            self.notice = None;
        }
        let mut playback = self.clock.playback(now, self.marks.clone());
        playback.skip_idle = self.skip_idle;
        playback.show_hands = self.show_hands;
        playback.running = self.reel.recording.end.may_grow() && self.reel.broken.is_none();
        playback.live = self.is_live(now);
        playback.playing |= playback.live;
        playback.notice = self.notice.as_ref().map(|(_, words)| words.clone());
        if let Some(broken) = &self.reel.broken
            && playback.position >= broken.at
        {
            let words = format!("The recording breaks off here: {}.", broken.why);
            playback.notice = Some(words);
        }
        self.window.playback(playback);
        let name = &self.reel.recording.verified.credential.name;
        let shown = match (self.show_hands, self.reel.holds(Class::Input)) {
            (true, true) => self.hands.shown(now, name),
            (true, false) => HandsShown::sealed(),
            (false, _) => HandsShown::default(),
        };
        if shown != self.shown {
            self.shown = shown.clone();
            self.window.hands(shown);
        }
    }

    /// Until something is due; `None`: until the person does something.
    fn wait(&self) -> Option<Duration> {
        let now = self.now();
        if self.show_hands && self.hands_fade() {
            return Some(FADING);
        }
        let waits = self.notice.is_some() || self.reel.recording.end.may_grow() || self.checking;
        if !self.clock.is_playing(now) {
            return waits.then_some(TICK);
        }
        let next = [
            self.reel.next_at(),
            self.transcript.next_at(&self.reel.recording),
        ];
        let next = next.into_iter().flatten().min();
        let due = next.and_then(|at| self.clock.until(now, at));
        Some(due.unwrap_or(TICK).min(TICK))
    }

    fn hands_fade(&self) -> bool {
        !self.shown.is_none() && !self.shown.is_sealed()
    }
}

fn end_mark(recording: &Recording) -> Option<Mark> {
    let label = match &recording.end {
        End::Closed(code) => format!("end: {}", code.sentence()),
        End::Broken(why) => format!("broken: {why}"),
        End::Open | End::Torn => return None,
    };
    Some(Mark::new(recording.index.length(), MarkKind::End, label))
}
