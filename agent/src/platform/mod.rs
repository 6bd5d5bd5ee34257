//! What a desktop offers, as traits; one folder per operating system behind them.
//!
//! Absent: what to send, what to admit, sockets, session state. This is the only place in the agent with
//! `unsafe` and `cfg(target_os)`.

use std::time::Instant;

#[cfg(target_os = "linux")]
mod choice;
pub mod clipboard;
pub mod facts;
#[cfg(target_os = "linux")]
pub mod lines;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod linux_facts;
#[cfg(unix)]
pub mod pty;
#[cfg(target_os = "linux")]
pub mod scrap;
#[cfg(target_os = "linux")]
pub mod tty;
#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(target_os = "linux")]
mod wake;
#[cfg(target_os = "linux")]
pub mod x11;

#[cfg(target_os = "linux")]
pub use linux::{
    check_desktop, computer_name, open_hands, open_overlay, open_prompts, open_screen, read_lines,
    show_indicator,
};
#[cfg(not(target_os = "linux"))]
pub use unsupported::{
    check_desktop, computer_name, open_hands, open_overlay, open_prompts, open_screen, read_lines,
    show_indicator,
};

use sightline_ends::consent::{Grant, kind};
use sightline_ends::content::{Area, CursorShape, Input, Layout};
use sightline_protocol::capability::Capabilities;

/// Why the desktop could not do it.
#[derive(Debug, thiserror::Error)]
pub enum DesktopError {
    /// No desktop to be had; the text says which was tried.
    #[error("no desktop: {0}")]
    NoDesktop(String),
    /// The desktop went away under us.
    #[error("the desktop is gone: {0}")]
    Gone(String),
    /// This desktop cannot do that.
    #[error("not supported by this desktop: {0}")]
    Unsupported(String),
}

/// How the screen is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The best that works on this desktop.
    #[default]
    Auto,
    /// X11 by damage events.
    X11,
    /// The portable `scrap`: whole pictures by the clock.
    Scrap,
}

/// What woke [`Screen::wait`].
#[derive(Debug, Default)]
pub struct Woken {
    /// Pixels changed since the last grab (or still do).
    pub damaged: bool,
    /// Size or monitors changed; the next grab covers the whole screen.
    pub layout: Option<Layout>,
    /// The pointer's shape changed.
    pub cursor: Option<CursorShape>,
    /// Where the pointer is, if it moved.
    pub pointer: Option<(i32, i32)>,
    /// The title of the window that the user works in, if it changed; empty: none.
    pub title: Option<String>,
}

/// The screen of a desktop. Lives in one thread (backends may be `!Send`): opened there, used there.
pub trait Screen {
    fn layout(&self) -> Layout;

    /// The pointer's present shape, if the backend knows it.
    fn cursor(&mut self) -> Option<CursorShape>;

    /// The title of the window that the user works in, as last told; `None` if the backend does not know titles.
    fn title(&self) -> Option<String>;

    /// Blocks until something changed, `until` has come, or [`Wake::wake`] was called.
    /// `only_wakes`: damage is noted but does not end the wait (while the pace allows no picture).
    fn wait(&mut self, until: Option<Instant>, only_wakes: bool) -> Result<Woken, DesktopError>;

    /// Where a player paints one picture after the other, as far as is known. What is drawn there counts as damage when the player
    /// pauses, and is then read as one picture; everything else goes on as before. Nothing to do where pictures are read by the clock.
    fn follow_player(&mut self, _place: Option<Area>) {}

    /// Reads what changed since the last grab (all of it when `whole`) and hands each piece over:
    /// its area and its pixels, `width × height` of 0x00RRGGBB (the top byte is undefined), row by row.
    /// Whether what the player paints was read as well, so that its picture is whole.
    fn grab(
        &mut self,
        whole: bool,
        piece: &mut dyn FnMut(Area, &[u32]),
    ) -> Result<bool, DesktopError>;

    /// Ends a `wait` from another thread.
    fn waker(&self) -> Box<dyn Wake>;
}

pub trait Wake: Send + Sync {
    fn wake(&self);
}

/// Mouse and keyboard of a desktop.
pub trait Hands {
    /// Does what the technician did. The grant proves that the user allows it at this moment.
    fn inject(&mut self, grant: &Grant<kind::Control>, input: &Input) -> Result<(), DesktopError>;

    /// Lets go of every key and button that `inject` holds down. Needs no grant: it only ends things.
    fn release_all(&mut self) -> Result<(), DesktopError>;
}

/// What the consent prompt asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// Verified name of the technician and of the organisation.
    pub technician: String,
    pub organisation: String,
    /// What the technician wants; the answer is a subset.
    pub asked: Capabilities,
    /// Why, in the technician's words (untrusted: control characters are already replaced). May be empty.
    pub reason: String,
    pub ticket: String,
    /// Sentences that must be shown, in order (recording, organisation fingerprint…).
    pub notes: Vec<String>,
    /// No answer until then means *deny*.
    pub deadline: Instant,
}

/// The user's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These, a subset of what was asked.
    Allow(Capabilities),
    Deny,
    /// Nobody answered in time.
    TimedOut,
}

/// A small question within a session: may this be done now?
#[derive(Clone, Debug)]
pub struct SmallQuestion {
    /// What is asked, in one sentence (may quote the other side: cleaned before it is shown).
    pub title: String,
    /// What there is to know, in order.
    pub lines: Vec<String>,
    /// What the user allows who does not want to be asked again: "all transfers of this session".
    pub all: String,
    /// No answer until then means *refuse*.
    pub deadline: Instant,
}

/// The user's answer to a [`SmallQuestion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Allow,
    /// This one, and those that follow.
    AllowAll,
    Refuse,
    /// Nobody answered in time.
    TimedOut,
}

/// A message of the talk between user and technician; made harmless already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The user's.
    pub own: bool,
    pub text: String,
}

/// What happened in the talk while a question stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Talk {
    Said(Message),
    /// The user's words were not sent, for this reason.
    NotSent(String),
}

/// A way to ask the user. Several are open at once; the first answer counts and the others are dismissed.
pub trait Prompt: Send + Sync {
    /// Shows the question and returns at once; `answer` is called at most once, `say` with each message that the user
    /// writes to the technician, both from another thread. Dropping the returned value takes the question away.
    fn ask(
        &self,
        question: Question,
        say: Box<dyn Fn(String) + Send>,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError>;

    /// The same for a small question.
    fn ask_small(
        &self,
        question: SmallQuestion,
        answer: Box<dyn FnOnce(Choice) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError>;
}

/// A question on show; dropping it takes it away.
pub trait Asked: Send {
    /// Shows the user how the talk beside the question goes on.
    fn talk(&self, _news: Talk) {}
}

/// What the indicator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    pub technician: String,
    pub organisation: String,
    pub allowed: Capabilities,
    /// The recording is behind: nothing is seen or done until it has caught up.
    pub paused: bool,
    /// The technician is not heard: what is to be said about it.
    pub silent: Option<String>,
    /// The technician's newest message; harmless already.
    pub said: Option<String>,
}

/// What the user wants of a running session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserWish {
    Stop,
    TakeBack(Capabilities),
    /// A message for the technician.
    Say(String),
}

/// Lines that the user types into the terminal; dropping it lets go of the terminal.
pub trait Lines: Send {
    /// A question is (no longer) open there, and lines are for it.
    fn pause(&self, paused: bool);
}

/// The small always-visible window that says who is watching, with a Stop button and a hot key.
pub trait Indicator: Send {
    fn update(&self, watching: Watching);

    /// Shows the user how the talk with the technician goes on.
    fn talk(&self, news: Talk);
}

/// What the technician draws on the user's screen: it fades, and clicks go through it. Dropping it takes it away.
pub trait Overlay: Send {
    /// A line through these points of the screen, or one point to look at.
    fn draw(&self, points: Vec<(i32, i32)>);
}
