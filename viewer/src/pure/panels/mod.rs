//! The panels beside the picture: what they hold, what they want of the session, which of them has the keyboard.
//!
//! Each is to the session what a command that joined it is: it says [`FromCommand`] and hears [`FromHolder`].
//!
//! Absent: how they look, sockets, files, clocks.

pub mod chat;
pub mod dock;
pub mod facts;
pub mod files;
pub mod log;
pub mod rights;
pub mod terminal;

use std::time::Duration;

use sightline_ends::content::{Facts, Listed, PathBytes, ShellInput, ShellOutput};
use sightline_protocol::capability::{Capabilities, Capability};

use super::commands::{FromCommand, FromHolder, Seat};
use chat::Chat;
use dock::{Dock, Edge};
use facts::FactsPanel;
use files::Files;
use log::{Entry, Log, Read};
use rights::Rights;
use terminal::Terminals;

/// One panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Panel {
    Terminal,
    Files,
    Chat,
    Facts,
    /// Of a recording.
    Log,
}

/// What a panel wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// By the session, for this part of the window.
    Session(Seat, FromCommand),
    /// By this computer: a file in the technician's folder.
    Save { name: String, text: String },
    /// By this computer: what is in this folder? Empty: the technician's home.
    ListHere(PathBytes),
    /// Of a replay: to go there.
    GoTo(Duration),
}

impl Ask {
    pub fn session(seat: Seat, says: FromCommand) -> Ask {
        Ask::Session(seat, says)
    }
}

/// What a panel hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Of the session; none: it is for all.
    Session(Option<Seat>, FromHolder),
    /// What became of [`Ask::Save`]: where it is, or why it is not.
    Saved(Result<String, String>),
    Replayed(Replayed),
    /// What came of [`Ask::ListHere`]: the whole path and what is there, or why it is not told.
    ListedHere(Result<(PathBytes, Vec<Listed>), String>),
}

/// What a recording's terminals and chat did, as its replay comes to it; and what is in all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It begins anew: nothing has happened yet.
    Anew,
    /// A technician's doing in this terminal.
    ShellInput(u32, ShellInput),
    ShellOutput(u32, ShellOutput),
    Said(chat::Line),
    /// What was read of all that happened, now or later, and how far.
    Happened(Vec<Entry>, Read),
    /// The computer was so then.
    Facts(Duration, Box<Facts>),
}

impl Panel {
    const OF_SESSIONS: [Panel; 4] = [Panel::Terminal, Panel::Files, Panel::Chat, Panel::Facts];
    const OF_REPLAYS: [Panel; 4] = [Panel::Terminal, Panel::Chat, Panel::Facts, Panel::Log];

    pub fn title(self) -> &'static str {
        match self {
            Panel::Terminal => "Terminal",
            Panel::Files => "Files",
            Panel::Chat => "Chat",
            Panel::Facts => "Facts",
            Panel::Log => "Log",
        }
    }

    /// With Ctrl, Alt and Shift it opens the panel. So many fingers that hardly a program wants them: those at the
    /// user's get all others.
    pub fn letter(self) -> char {
        match self {
            Panel::Terminal => 't',
            Panel::Files => 'f',
            Panel::Chat => 'c',
            Panel::Facts => 'i',
            Panel::Log => 'l',
        }
    }

    /// The right without which it is of no use.
    pub fn needs(self) -> Option<Capability> {
        match self {
            Panel::Terminal => Some(Capability::Shell),
            Panel::Files => Some(Capability::Files),
            Panel::Facts => Some(Capability::View),
            Panel::Chat | Panel::Log => None,
        }
    }

    /// The side of the picture at which it is.
    pub fn edge(self) -> Edge {
        match self {
            Panel::Terminal | Panel::Files => Edge::Below,
            Panel::Chat | Panel::Facts | Panel::Log => Edge::Right,
        }
    }
}

/// All panels of a window.
#[derive(Default)]
pub struct Panels {
    pub dock: Dock,
    pub rights: Rights,
    pub terminals: Terminals,
    pub chat: Chat,
    pub facts: FactsPanel,
    pub files: Files,
    pub log: Log,
    focus: Option<Panel>,
    asks: Vec<Ask>,
    /// They show what was, and nothing can be done in them.
    replay: bool,
    /// Panels that opened by themselves in a replay, each once.
    opened: Vec<Panel>,
}

impl Panels {
    /// For a recording.
    pub fn replay() -> Panels {
        Panels {
            terminals: Terminals::replay(),
            replay: true,
            ..Panels::default()
        }
    }

    pub fn is_replay(&self) -> bool {
        self.replay
    }

    /// The panels that there are.
    pub fn offered(&self) -> &'static [Panel] {
        match self.replay {
            true => &Panel::OF_REPLAYS,
            false => &Panel::OF_SESSIONS,
        }
    }

    /// The panel that has the keyboard; none: the remote screen has it.
    pub fn focus(&self) -> Option<Panel> {
        self.focus
    }

    pub fn set_focus(&mut self, panel: Option<Panel>) {
        self.focus = panel.filter(|panel| self.dock.is_open(*panel) && !self.replay);
    }

    /// What the panels want done since the last time.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// For what a person did in a panel.
    pub fn ask(&mut self, asks: impl IntoIterator<Item = Ask>) {
        self.asks.extend(asks);
    }

    pub fn open(&mut self, panel: Panel) {
        self.dock.open(panel);
        if self.replay {
            return self.looked();
        }
        self.focus = Some(panel);
        let can = panel
            .needs()
            .is_none_or(|needed| self.rights.lack(needed).is_none());
        match panel {
            Panel::Terminal if can && self.terminals.tab().is_none() => {
                let ask = self.terminals.open();
                self.ask([ask]);
            }
            Panel::Files if can => {
                let asks = self.files.open();
                self.ask(asks);
            }
            Panel::Facts if can => {
                let ask = self.facts.open();
                self.ask(ask);
            }
            _ => {}
        }
        self.looked();
    }

    pub fn close(&mut self, panel: Panel) {
        self.dock.close(panel);
        if self.focus == Some(panel) {
            self.focus = None;
        }
        self.looked();
    }

    /// The button or the keys of a panel: opens it, gives it the keyboard, or closes it if it has that.
    pub fn toggle(&mut self, panel: Panel) {
        if self.dock.is_open(panel) && (self.replay || self.focus == Some(panel)) {
            self.close(panel);
        } else {
            self.open(panel);
        }
    }

    /// Files were dropped onto the window.
    pub fn dropped(&mut self, paths: Vec<PathBytes>) {
        let was_open = self.dock.is_open(Panel::Files);
        self.open(Panel::Files);
        if self.rights.lack(Capability::Files).is_none() {
            let asks = self.files.send(paths, was_open);
            self.ask(asks);
        }
    }

    fn looked(&mut self) {
        self.chat.see(self.dock.is_open(Panel::Chat));
        // One panel may have taken the place of another.
        self.focus = self.focus.filter(|panel| self.dock.is_open(*panel));
    }

    /// What is allowed now.
    pub fn allow(&mut self, allowed: Capabilities) {
        self.rights.allow(allowed);
        if !allowed.contains(Capability::Shell) {
            self.terminals
                .end_all("the user has taken back the right to run commands");
        }
        if !allowed.contains(Capability::Files) {
            self.files
                .end_all("the user has taken back the right to copy files");
        }
        if !allowed.contains(Capability::View) {
            self.facts.end();
        }
    }

    /// The session is over.
    pub fn end(&mut self) {
        self.rights.end();
        self.terminals.end_all("the session is over");
        self.files.end_all("the session is over");
        self.facts.end();
    }

    pub fn hear(&mut self, heard: Heard, now_ms: u64) {
        match heard {
            Heard::Replayed(replayed) => self.hear_replayed(replayed),
            Heard::Session(_, FromHolder::Allowed((allowed, _))) => self.allow(allowed),
            Heard::Session(_, FromHolder::Over(_)) => self.end(),
            Heard::Session(Some(Seat::Terminal(seat)), message) => {
                let ask = self.terminals.hear(seat, message);
                self.ask(ask);
            }
            Heard::Session(Some(Seat::Transfer(seat)), message) => {
                let asks = self.files.hear_transfer(seat, message);
                self.ask(asks);
            }
            Heard::Session(Some(Seat::Folder), message) => self.files.hear_folder(message),
            Heard::ListedHere(listed) => self.files.hear_here(listed),
            Heard::Session(_, message) => {
                self.chat.hear(&message, now_ms);
                self.facts.hear(message);
            }
            Heard::Saved(saved) => {
                self.facts.remark = Some(saved.map(|path| format!("Saved as {path}")));
            }
        }
    }

    /// A replay is there now; whether that is to be seen in the panels.
    pub fn play_to(&mut self, position: Duration) -> bool {
        let passed = self.log.move_to(position);
        self.facts.play_to(position) || passed
    }

    fn hear_replayed(&mut self, replayed: Replayed) {
        match replayed {
            Replayed::Anew => {
                self.terminals = Terminals::replay();
                self.chat.forget();
            }
            Replayed::ShellInput(seat, input) => {
                self.terminals.replay_input(seat, &input);
                self.open_by_itself(Panel::Terminal);
            }
            Replayed::ShellOutput(seat, output) => {
                let ask = self.terminals.replay_output(seat, output);
                self.ask(ask);
            }
            Replayed::Happened(entries, read) => self.log.add(entries, read),
            Replayed::Facts(at, facts) => self.facts.keep(at, facts),
            Replayed::Said(line) => {
                self.open_by_itself(Panel::Chat);
                self.chat.add(line);
            }
        }
    }

    /// What happens in a panel is to be seen; a person who closes it has seen enough.
    fn open_by_itself(&mut self, panel: Panel) {
        if !self.opened.contains(&panel) {
            self.opened.push(panel);
            self.open(panel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(capabilities: &[Capability]) -> Panels {
        let mut panels = Panels::default();
        panels.allow(Capabilities::of(capabilities));
        panels
    }

    #[test]
    fn opening_a_terminal_opens_one_and_closing_the_panel_keeps_it() {
        let mut panels = allowed(&[Capability::View, Capability::Shell]);
        panels.toggle(Panel::Terminal);
        assert_eq!(panels.take_asks().len(), 1);
        assert_eq!(panels.focus(), Some(Panel::Terminal));
        panels.toggle(Panel::Terminal);
        assert_eq!((panels.focus(), panels.terminals.tabs().len()), (None, 1));
        panels.toggle(Panel::Terminal);
        assert!(panels.take_asks().is_empty(), "it is still there");
    }

    #[test]
    fn without_the_right_nothing_is_asked() {
        let mut panels = allowed(&[Capability::Control]);
        panels.toggle(Panel::Terminal);
        panels.toggle(Panel::Facts);
        assert!(panels.take_asks().is_empty());
        assert_eq!(
            panels.rights.lack(Capability::Shell),
            Some(rights::Lack::NotGranted)
        );
    }

    #[test]
    fn the_keyboard_goes_where_it_is_given() {
        let mut panels = allowed(&[Capability::View]);
        panels.toggle(Panel::Chat);
        panels.set_focus(None);
        assert_eq!(panels.focus(), None);
        panels.toggle(Panel::Chat);
        assert_eq!(
            panels.focus(),
            Some(Panel::Chat),
            "it was open without the keyboard"
        );
        panels.toggle(Panel::Facts);
        assert_eq!(panels.focus(), Some(Panel::Facts));
        panels.set_focus(Some(Panel::Chat));
        assert_eq!(panels.focus(), None, "facts have taken its place");
    }

    #[test]
    fn what_is_dropped_is_sent_if_that_is_allowed() {
        let mut panels = allowed(&[Capability::View]);
        panels.dropped(vec!["/tmp/x".into()]);
        assert!(panels.take_asks().is_empty() && panels.dock.is_open(Panel::Files));
        let mut panels = allowed(&[Capability::Files]);
        panels.dropped(vec!["/tmp/x".into()]);
        let sent = |ask: &Ask| matches!(ask, Ask::Session(_, FromCommand::SendFiles(_)));
        assert!(panels.take_asks().iter().any(sent));
    }

    #[test]
    fn messages_are_unread_until_the_chat_is_open() {
        let mut panels = allowed(&[Capability::View]);
        let said = || Heard::Session(None, FromHolder::Said("hello".into()));
        panels.hear(said(), 1);
        assert_eq!(panels.chat.unread(), 1);
        panels.toggle(Panel::Chat);
        assert_eq!(panels.chat.unread(), 0);
        panels.toggle(Panel::Facts);
        panels.hear(said(), 2);
        assert_eq!(panels.chat.unread(), 1, "facts have taken its place");
    }

    #[test]
    fn a_replay_opens_what_happens_once_and_takes_no_keyboard() {
        let mut panels = Panels::replay();
        let open = |columns| ShellInput::Open {
            columns,
            rows: 5,
            term: String::new(),
            command: "ls".into(),
        };
        let input = |seat, input| Heard::Replayed(Replayed::ShellInput(seat, input));
        let output = |seat, output| Heard::Replayed(Replayed::ShellOutput(seat, output));
        panels.hear(input(7, open(30)), 0);
        assert!(panels.dock.is_open(Panel::Terminal) && panels.focus().is_none());
        assert!(panels.terminals.resize(99, 44).is_empty(), "as it was then");
        let program = "/bin/bash".to_owned();
        panels.hear(output(7, ShellOutput::Opened { program }), 0);
        panels.hear(output(7, ShellOutput::Data(b"hello".to_vec())), 0);
        let took = Ask::session(Seat::Terminal(7), FromCommand::Took(5));
        assert_eq!(panels.take_asks(), [took]);
        let (columns, rows) = (40, 6);
        panels.hear(input(7, ShellInput::Resize { columns, rows }), 0);
        panels.hear(output(7, ShellOutput::Exited { code: 0 }), 0);
        let tab = panels.terminals.tab().expect("one");
        assert_eq!(
            (tab.name().as_str(), tab.view().contents().as_str()),
            ("7  bash (ended)", "hello")
        );
        assert_eq!(tab.view().size().1.get(), 40);
        panels.toggle(Panel::Terminal);
        panels.hear(input(8, open(30)), 0);
        assert!(!panels.dock.is_open(Panel::Terminal), "it was closed");
        assert_eq!(panels.terminals.shown(), 1, "the newest is shown");
        panels.hear(Heard::Replayed(Replayed::Anew), 0);
        assert!(panels.terminals.tabs().is_empty());
        assert!(!panels.offered().contains(&Panel::Files), "nothing to copy");
    }

    #[test]
    fn a_right_taken_back_ends_what_it_allowed() {
        let mut panels = allowed(&[Capability::View, Capability::Shell]);
        panels.toggle(Panel::Terminal);
        let view = Capabilities::of(&[Capability::View]);
        let taken = FromHolder::Allowed((view, "the user took it back".into()));
        panels.hear(Heard::Session(None, taken), 1);
        let state = &panels.terminals.tabs()[0].state;
        assert!(matches!(state, terminal::State::Ended(_)), "{state:?}");
        assert_eq!(
            panels.rights.lack(Capability::Shell),
            Some(rights::Lack::TakenBack)
        );
    }
}
