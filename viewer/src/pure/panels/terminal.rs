//! The terminals of the panel: several, one shown. What a command `sightline shell` does in a terminal of its own, each
//! of these does in the window.

use sightline_ends::content::{ShellInput, ShellOutput};
use sightline_program::report::sentence;

use super::Ask;
use crate::pure::commands::{FromCommand, FromHolder, OpenShell, Ready, Seat, Shown};
use crate::pure::keymap::Sign;
use crate::pure::terminal::cells::Place;
use crate::pure::terminal::keys::{self, Held};
use crate::pure::terminal::mouse::{self, Did};
use crate::pure::terminal::screen::{Screen, bounded};

/// What programs find in TERM: what the screen's model understands.
const TERM: &str = "xterm-256color";
/// Columns and rows until the panel's size is known.
const FIRST: (u16, u16) = (80, 24);
/// Bytes of pasted text in one message; more goes in several. A message takes 70,000.
const PASTED: usize = 32 * 1024;
/// Bytes that are kept of what is typed while a terminal opens: a few lines.
const EARLY: usize = 4 * 1024;
/// Lines above the screen that can be scrolled back to.
const SCROLLBACK: usize = 2_000;
/// Rows that a notch of the wheel turns.
const NOTCH: isize = 3;

/// How a terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The user's computer has not answered yet.
    Opening,
    Running,
    /// It is over, as these words say; what it showed stays.
    Ended(String),
}

/// One terminal.
pub struct Tab {
    seat: u32,
    screen: Screen,
    pub state: State,
    program: String,
    /// Something to know that the program did not write.
    pub remark: Option<&'static str>,
    selected: Option<(Place, Place)>,
    /// The cell below the pointer, and whether a program there heard that the button went down.
    pointed: Place,
    pressed: bool,
    /// What was typed before there was a program to read it.
    early: Vec<u8>,
}

/// All of them.
#[derive(Default)]
pub struct Terminals {
    tabs: Vec<Tab>,
    shown: usize,
    opened: u32,
    size: Option<(u16, u16)>,
    /// Terminals have the size that they had then.
    replay: bool,
}

impl Tab {
    /// What is in its screen now.
    pub fn view(&self) -> &vt100::Screen {
        self.screen.view()
    }

    /// The name that its tab has.
    pub fn name(&self) -> String {
        let program = self.program.rsplit('/').next().unwrap_or_default();
        match &self.state {
            State::Opening => format!("{}  …", self.seat),
            State::Running => format!("{}  {program}", self.seat),
            State::Ended(_) => format!("{}  {program} (ended)", self.seat),
        }
    }

    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// The program wants to hear of the mouse.
    pub fn wants_mouse(&self) -> bool {
        self.is_running() && mouse::is_wanted(self.view())
    }

    /// What is selected, in reading order.
    pub fn selected(&self) -> Option<(Place, Place)> {
        let (a, b) = self.selected?;
        Some((a.min(b), a.max(b))).filter(|(from, to)| from != to)
    }

    pub fn selected_text(&self) -> Option<String> {
        let (from, to) = self.selected()?;
        let view = self.screen.view();
        Some(view.contents_between(from.0, from.1, to.0, to.1))
    }

    fn end(&mut self, why: &str) {
        if !matches!(self.state, State::Ended(_)) {
            let left = self.screen.put_back();
            self.show(&left);
            self.state = State::Ended(sentence(why));
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        self.screen.take(bytes);
        self.screen.catch_up();
    }

    fn hear(&mut self, message: FromHolder) -> Option<FromCommand> {
        match message {
            FromHolder::ShellReady(ready) => {
                self.program = ready.program;
                self.state = State::Running;
                let early = std::mem::take(&mut self.early);
                return (!early.is_empty()).then_some(FromCommand::Keys(early));
            }
            FromHolder::ShellOutput(shown) => {
                self.show(&shown.bytes);
                self.selected = None;
                return Some(FromCommand::Took(shown.taken));
            }
            FromHolder::ShellBytes(bytes) => self.show(&bytes),
            FromHolder::ShellExited(code) => self.end(&exited(code)),
            FromHolder::ShellFailed(why) | FromHolder::Refused(why) => self.end(&why),
            FromHolder::ShellWantedClipboard(()) => {
                self.remark = Some("A program there wanted to set your clipboard; it was not let.");
            }
            _ => {}
        }
        None
    }
}

/// Signals are told as 128 and their number.
fn exited(code: i32) -> String {
    match code {
        0 => "the program ended".to_owned(),
        129..=192 => format!("the program was ended by signal {}", code - 128),
        code => format!("the program ended with exit code {code}"),
    }
}

impl Terminals {
    pub fn tabs(&self) -> &[Tab] {
        &self.tabs
    }

    pub fn shown(&self) -> usize {
        self.shown
    }

    pub fn tab(&self) -> Option<&Tab> {
        self.tabs.get(self.shown)
    }

    fn tab_mut(&mut self) -> Option<&mut Tab> {
        self.tabs.get_mut(self.shown)
    }

    /// Those of a recording.
    pub fn replay() -> Terminals {
        Terminals {
            replay: true,
            ..Terminals::default()
        }
    }

    /// What a technician did in a terminal of a recording.
    pub fn replay_input(&mut self, seat: u32, input: &ShellInput) {
        if let ShellInput::Open { columns, rows, .. } = input {
            return self.add(seat, (*columns, *rows));
        }
        let Some(tab) = self.tabs.iter_mut().find(|tab| tab.seat == seat) else {
            return;
        };
        match input {
            ShellInput::Resize { columns, rows } => {
                tab.screen.resize(*columns, *rows);
                tab.selected = None;
            }
            ShellInput::Close => tab.end("the technician closed it"),
            ShellInput::Open { .. } | ShellInput::Data(_) | ShellInput::Seen { .. } => {}
        }
    }

    /// What came of it.
    pub fn replay_output(&mut self, seat: u32, output: ShellOutput) -> Option<Ask> {
        let message = match output {
            ShellOutput::Opened { program } => FromHolder::ShellReady(Ready {
                number: seat,
                program,
            }),
            ShellOutput::Data(bytes) => FromHolder::ShellOutput(Shown {
                taken: bytes.len() as u64,
                bytes,
            }),
            ShellOutput::Exited { code } => FromHolder::ShellExited(code),
            ShellOutput::Failed { why } => FromHolder::ShellFailed(why),
        };
        self.hear(seat, message)
    }

    fn add(&mut self, seat: u32, (columns, rows): (u16, u16)) {
        self.tabs.push(Tab {
            seat,
            screen: Screen::new(columns, rows, SCROLLBACK),
            state: State::Opening,
            program: String::new(),
            remark: None,
            selected: None,
            pointed: (0, 0),
            pressed: false,
            early: Vec::new(),
        });
        self.shown = self.tabs.len() - 1;
    }

    /// Opens another one and shows it.
    pub fn open(&mut self) -> Ask {
        self.opened += 1;
        let (columns, rows) = self.size.unwrap_or(FIRST);
        self.add(self.opened, (columns, rows));
        let open = OpenShell {
            columns,
            rows,
            term: TERM.to_owned(),
            command: String::new(),
        };
        Ask::session(Seat::Terminal(self.opened), FromCommand::OpenShell(open))
    }

    pub fn show(&mut self, index: usize) {
        self.shown = index.min(self.tabs.len().saturating_sub(1));
    }

    /// Shows the next one, or the one before.
    pub fn step(&mut self, forward: bool) {
        let count = self.tabs.len().max(1);
        let step = if forward { 1 } else { count - 1 };
        self.shown = (self.shown + step) % count;
    }

    /// Closes one; what runs in it is ended.
    pub fn close(&mut self, index: usize) -> Option<Ask> {
        if index >= self.tabs.len() {
            return None;
        }
        let tab = self.tabs.remove(index);
        if self.shown > index || self.shown == self.tabs.len() {
            self.shown = self.shown.saturating_sub(1);
        }
        let runs = !matches!(tab.state, State::Ended(_));
        runs.then(|| Ask::session(Seat::Terminal(tab.seat), FromCommand::HangUp(())))
    }

    /// No terminal may run any more.
    pub fn end_all(&mut self, why: &str) {
        for tab in &mut self.tabs {
            tab.end(why);
        }
    }

    pub fn hear(&mut self, seat: u32, message: FromHolder) -> Option<Ask> {
        let tab = self.tabs.iter_mut().find(|tab| tab.seat == seat)?;
        let says = tab.hear(message)?;
        Some(Ask::session(Seat::Terminal(seat), says))
    }

    /// The panel has room for so many columns and rows.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Vec<Ask> {
        let size = bounded(columns, rows);
        if self.replay || self.size.replace(size) == Some(size) {
            return Vec::new();
        }
        let running = self
            .tabs
            .iter_mut()
            .filter(|tab| !matches!(tab.state, State::Ended(_)));
        let resized = running.map(|tab| {
            tab.screen.resize(size.0, size.1);
            tab.selected = None;
            Ask::session(Seat::Terminal(tab.seat), FromCommand::Resize(size))
        });
        resized.collect()
    }

    /// A key was pressed.
    pub fn key(&mut self, sign: Sign, held: Held) -> Option<Ask> {
        let tab = self.tab_mut()?;
        let bytes = keys::typed(sign, held, tab.screen.modes());
        self.send(bytes)
    }

    fn send(&mut self, bytes: Vec<u8>) -> Option<Ask> {
        let tab = self.tab_mut()?;
        if tab.state == State::Opening && tab.early.len() + bytes.len() <= EARLY {
            tab.early.extend_from_slice(&bytes);
        }
        if bytes.is_empty() || !tab.is_running() {
            return None;
        }
        tab.screen.scroll_to_end();
        tab.selected = None;
        tab.remark = None;
        Some(Ask::session(
            Seat::Terminal(tab.seat),
            FromCommand::Keys(bytes),
        ))
    }

    pub fn paste(&mut self, text: &str) -> Vec<Ask> {
        let Some(tab) = self.tab() else {
            return Vec::new();
        };
        let bytes = keys::pasted(text, tab.screen.modes());
        let chunks: Vec<Vec<u8>> = bytes.chunks(PASTED).map(<[u8]>::to_vec).collect();
        chunks
            .into_iter()
            .filter_map(|chunk| self.send(chunk))
            .collect()
    }

    /// The pointer is over this cell.
    pub fn point(&mut self, at: Place) {
        if let Some(tab) = self.tab_mut() {
            tab.pointed = at;
        }
    }

    /// Tells the program what the mouse did over this cell, if it wants to hear of it.
    pub fn mouse(&mut self, did: Did, at: Place, held: Held) -> Option<Ask> {
        let tab = self.tab_mut()?;
        let moved = std::mem::replace(&mut tab.pointed, at) != at;
        let heard = match did {
            Did::Pressed => !std::mem::replace(&mut tab.pressed, true),
            Did::Dragged => tab.pressed && moved,
            Did::Released => std::mem::take(&mut tab.pressed),
            Did::WheelUp | Did::WheelDown => true,
        };
        let bytes = match heard {
            true => mouse::told(did, at, held, tab.view()),
            false => Vec::new(),
        };
        self.send(bytes)
    }

    /// The wheel was turned so many notches up. A program that wants the mouse gets it; another one that fills the screen
    /// gets arrows, as in other terminals.
    pub fn wheel(&mut self, notches: f64, held: Held) -> Vec<Ask> {
        let Some(tab) = self.tab_mut() else {
            return Vec::new();
        };
        if tab.wants_mouse() && !held.shift {
            let did = if notches > 0.0 {
                Did::WheelUp
            } else {
                Did::WheelDown
            };
            let (at, times) = (tab.pointed, notches.abs().round() as usize);
            return (0..times)
                .filter_map(|_| self.mouse(did, at, held))
                .collect();
        }
        let lines = (notches * NOTCH as f64).round() as isize;
        if tab.view().alternate_screen() {
            let arrow = if lines > 0 { b'A' } else { b'B' };
            let lead = if tab.screen.modes().cursor {
                b'O'
            } else {
                b'['
            };
            let arrows = [0x1b, lead, arrow].repeat(lines.unsigned_abs());
            return self.send(arrows).into_iter().collect();
        }
        tab.screen.scroll(lines);
        tab.selected = None;
        Vec::new()
    }

    /// Scrolls by so many screens back.
    pub fn page(&mut self, pages: isize) {
        if let Some(tab) = self.tab_mut() {
            let rows = isize::try_from(tab.view().size().0.get()).unwrap_or(1);
            tab.screen.scroll(pages * (rows - 1).max(1));
            tab.selected = None;
        }
    }

    /// Selects from here to there.
    pub fn select(&mut self, from: Place, to: Place) {
        if let Some(tab) = self.tab_mut() {
            tab.selected = Some((from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Terminals {
        let mut terminals = Terminals::default();
        terminals.resize(40, 10);
        terminals.open();
        ready(&mut terminals, 1);
        terminals
    }

    fn ready(terminals: &mut Terminals, number: u32) {
        let program = "/bin/bash".to_owned();
        terminals.hear(number, FromHolder::ShellReady(Ready { number, program }));
    }

    fn output(terminals: &mut Terminals, seat: u32, text: &str) -> Option<Ask> {
        let shown = Shown {
            taken: text.len() as u64,
            bytes: text.as_bytes().to_vec(),
        };
        terminals.hear(seat, FromHolder::ShellOutput(shown))
    }

    fn text(terminals: &Terminals) -> String {
        terminals.tab().expect("one").view().contents()
    }

    #[test]
    fn a_terminal_has_the_panels_size_and_takes_what_it_shows() {
        let mut terminals = Terminals::default();
        assert!(terminals.resize(40, 10).is_empty());
        let Ask::Session(seat, FromCommand::OpenShell(open)) = terminals.open() else {
            panic!("it opens one")
        };
        assert_eq!((seat, open.columns, open.rows), (Seat::Terminal(1), 40, 10));
        assert!(
            terminals.key(Sign::Text("x"), Held::default()).is_none(),
            "not yet"
        );
        let program = "/bin/bash".to_owned();
        let opened = FromHolder::ShellReady(Ready { number: 1, program });
        let early = FromCommand::Keys(b"x".to_vec());
        assert_eq!(terminals.hear(1, opened), Some(Ask::session(seat, early)));
        assert_eq!(terminals.tabs()[0].name(), "1  bash");
        let took = output(&mut terminals, 1, "hello\r\n");
        assert_eq!(took, Some(Ask::session(seat, FromCommand::Took(7))));
        assert_eq!(text(&terminals), "hello");
        let typed = terminals.key(Sign::Text("x"), Held::default());
        assert_eq!(
            typed,
            Some(Ask::session(seat, FromCommand::Keys(b"x".to_vec())))
        );
        let resized = terminals.resize(50, 12);
        assert_eq!(resized, [Ask::session(seat, FromCommand::Resize((50, 12)))]);
        assert!(terminals.resize(50, 12).is_empty(), "said once");
    }

    #[test]
    fn tabs_are_apart_and_close_each_by_itself() {
        let mut terminals = running();
        terminals.open();
        ready(&mut terminals, 2);
        output(&mut terminals, 1, "first");
        output(&mut terminals, 2, "second");
        assert_eq!((terminals.shown(), text(&terminals)), (1, "second".into()));
        terminals.step(true);
        assert_eq!(text(&terminals), "first");
        let closed = terminals.close(0);
        assert_eq!(
            closed,
            Some(Ask::session(Seat::Terminal(1), FromCommand::HangUp(())))
        );
        assert_eq!(text(&terminals), "second");
        assert!(output(&mut terminals, 1, "late").is_none());
        terminals.close(0);
        assert!(terminals.tab().is_none() && terminals.close(0).is_none());
    }

    #[test]
    fn the_end_is_said_and_what_was_shown_stays() {
        let mut terminals = running();
        output(&mut terminals, 1, "\x1b[?1049h\x1b[?2004hfull screen");
        terminals.hear(1, FromHolder::ShellExited(3));
        let tab = terminals.tab().expect("one");
        assert_eq!(
            tab.state,
            State::Ended("The program ended with exit code 3.".into())
        );
        assert!(!tab.view().alternate_screen());
        assert!(terminals.key(Sign::Text("x"), Held::default()).is_none());
        assert!(terminals.close(0).is_none(), "there is nothing to end");

        let mut terminals = running();
        output(&mut terminals, 1, "before");
        terminals.end_all("the user took it back");
        assert_eq!(text(&terminals), "before");
        terminals.hear(1, FromHolder::ShellExited(137));
        let ended = State::Ended("The user took it back.".into());
        assert_eq!(terminals.tabs()[0].state, ended, "the first reason stays");
        assert_eq!(exited(137), "the program was ended by signal 9");
    }

    #[test]
    fn the_wheel_scrolls_back_or_turns_a_full_screen_program() {
        let mut terminals = running();
        let lines: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
        output(&mut terminals, 1, &lines.join("\r\n"));
        assert!(text(&terminals).ends_with("line 29"));
        assert!(terminals.wheel(1.0, Held::default()).is_empty());
        assert!(text(&terminals).ends_with("line 26"));
        terminals.page(1);
        assert!(text(&terminals).ends_with("line 17"));
        terminals.key(Sign::Text("x"), Held::default());
        assert!(
            text(&terminals).ends_with("line 29"),
            "a key brings the end back"
        );
        output(&mut terminals, 1, "\x1b[?1049h");
        let keys = FromCommand::Keys(b"\x1b[B\x1b[B\x1b[B".to_vec());
        assert_eq!(
            terminals.wheel(-1.0, Held::default()),
            [Ask::session(Seat::Terminal(1), keys)]
        );
    }

    #[test]
    fn a_program_that_wants_the_mouse_gets_it() {
        let mut terminals = running();
        let none = Held::default();
        let keys =
            |bytes: &[u8]| Ask::session(Seat::Terminal(1), FromCommand::Keys(bytes.to_vec()));
        assert_eq!(terminals.mouse(Did::Pressed, (1, 2), none), None);
        terminals.mouse(Did::Released, (1, 2), none);
        output(&mut terminals, 1, "\x1b[?1049h\x1b[?1002h\x1b[?1006h");
        assert!(terminals.tab().expect("one").wants_mouse());
        let mut does = |did, at| terminals.mouse(did, at, none);
        assert_eq!(does(Did::Dragged, (1, 3)), None, "nothing is held");
        assert_eq!(does(Did::Released, (1, 3)), None);
        assert_eq!(does(Did::Pressed, (1, 2)), Some(keys(b"\x1b[<0;3;2M")));
        assert_eq!(does(Did::Dragged, (1, 2)), None, "it stays where it is");
        assert_eq!(does(Did::Dragged, (1, 3)), Some(keys(b"\x1b[<32;4;2M")));
        assert_eq!(does(Did::Released, (1, 3)), Some(keys(b"\x1b[<0;4;2m")));
        terminals.point((4, 0));
        let turned = terminals.wheel(-2.0, none);
        assert_eq!(turned, [keys(b"\x1b[<65;1;5M"), keys(b"\x1b[<65;1;5M")]);
        terminals.hear(1, FromHolder::ShellExited(0));
        assert!(!terminals.tab().expect("one").wants_mouse());
    }

    #[test]
    fn text_is_selected_in_either_direction() {
        let mut terminals = running();
        output(&mut terminals, 1, "hello there\r\nsecond");
        terminals.select((1, 3), (0, 6));
        let tab = terminals.tab().expect("one");
        assert_eq!(tab.selected_text().as_deref(), Some("there\nsec"));
        terminals.select((0, 2), (0, 2));
        assert_eq!(terminals.tab().and_then(Tab::selected_text), None);
    }

    #[test]
    fn much_is_pasted_in_parts() {
        let mut terminals = running();
        let asks = terminals.paste(&"x".repeat(70_000));
        assert_eq!(asks.len(), 3);
    }
}
