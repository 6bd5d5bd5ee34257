//! The question on a terminal, which is a pseudo-terminal here.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use sightline_agent::platform::tty::TerminalPrompt;
use sightline_agent::platform::{Answer, Asked, Message, Prompt, Question, Talk};
use sightline_protocol::capability::{Capabilities, Capability};

use super::xserver::eventually;

/// A terminal with a person in front of it.
struct Terminal {
    person: File,
    /// Keeps the terminal open between questions, as a shell would.
    shell: File,
    path: std::path::PathBuf,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn new() -> Terminal {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let path = std::path::PathBuf::from(name.into_string().unwrap());
        let shell = File::options().read(true).write(true).open(&path).unwrap();
        let person = File::from(person);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, text) = (person.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let more = String::from_utf8_lossy(&bytes[..count]).into_owned();
                text.lock().unwrap().push_str(&more);
            }
        });
        Terminal {
            person,
            shell,
            path,
            shown,
        }
    }

    fn ask(&self, seconds: u64, rewrites: bool) -> (Box<dyn Asked>, Receiver<Answer>) {
        let (asked, answers, _) = self.ask_and_listen(seconds, rewrites);
        (asked, answers)
    }

    /// With what the user writes to the technician.
    fn ask_and_listen(
        &self,
        seconds: u64,
        rewrites: bool,
    ) -> (Box<dyn Asked>, Receiver<Answer>, Receiver<String>) {
        let prompt = TerminalPrompt::open_at(self.path.clone(), rewrites).unwrap();
        let (sender, answers) = channel();
        let answer = Box::new(move |answer| sender.send(answer).unwrap());
        let question = Question {
            technician: "Mira\u{1b}[2J\u{202e} Kovač".into(),
            organisation: "Example Help Desk".into(),
            asked: Capabilities::of(&[Capability::View, Capability::Control, Capability::Files]),
            reason: "printer\r\n1  shell".into(),
            ticket: String::new(),
            notes: vec!["This session is recorded.".into()],
            deadline: Instant::now() + Duration::from_secs(seconds),
        };
        let (sender, words) = channel();
        let say = Box::new(move |text| drop(sender.send(text)));
        let asked = prompt.ask(question, say, answer).unwrap();
        self.shows("Allow?");
        (asked, answers, words)
    }

    fn shows(&self, text: &str) {
        eventually(text, || self.shown.lock().unwrap().contains(text));
    }

    fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    fn echoes_itself(&self) -> bool {
        let modes = tcgetattr(&self.shell).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

fn answer(answers: &Receiver<Answer>) -> Answer {
    answers.recv_timeout(Duration::from_secs(3)).unwrap()
}

fn allow(list: &[Capability]) -> Answer {
    Answer::Allow(Capabilities::of(list))
}

#[test]
fn a_line_answers() {
    use Capability::{Control, Files, View};
    let cases = [
        ("y\r", allow(&[View, Control, Files])),
        ("\r", Answer::Deny),
        ("n\r", Answer::Deny),
        ("1,3\r", allow(&[View, Files])),
        ("yx\u{7f}\r", allow(&[View, Control, Files])),
        ("what?\rview\r", allow(&[View])),
    ];
    for rewrites in [true, false] {
        for (typed, expected) in cases {
            let mut terminal = Terminal::new();
            terminal.types("y\r"); // typed before the question: not an answer to it
            std::thread::sleep(Duration::from_millis(20));
            let (_asked, answers) = terminal.ask(60, rewrites);
            std::thread::sleep(Duration::from_millis(50));
            assert!(answers.try_recv().is_err(), "too early");
            terminal.types(typed);
            assert_eq!(answer(&answers), expected, "{typed:?}");
            eventually("the terminal is as it was", || terminal.echoes_itself());
        }
    }
}

#[test]
fn foreign_text_cannot_play_tricks() {
    let terminal = Terminal::new();
    let (_asked, _answers) = terminal.ask(60, false);
    terminal.shows("Mira[2J Kovač of Example Help Desk (verified) asks to:");
    terminal.shows("words: \"printer 1 shell\"");
    terminal.shows("This session is recorded.");
    let shown = terminal.shown.lock().unwrap();
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}

#[test]
fn it_counts_down_and_goes_when_taken_away() {
    let terminal = Terminal::new();
    let (_asked, answers) = terminal.ask(2, true);
    terminal.shows("(1 s)");
    assert_eq!(answer(&answers), Answer::TimedOut);
    terminal.shows("no answer in time: denied");

    let (asked, answers) = terminal.ask(60, true);
    assert!(!terminal.echoes_itself());
    drop(asked);
    assert!(terminal.echoes_itself());
    terminal.shows("answered elsewhere");
    assert!(answers.recv().is_err());
}

#[test]
fn without_a_terminal_it_says_so() {
    let error = TerminalPrompt::open_at("/dev/null".into(), true)
        .err()
        .unwrap();
    assert!(error.to_string().contains("/dev/null"), "{error}");
}

#[test]
fn user_and_technician_talk_above_the_line_of_the_answer() {
    for rewrites in [true, false] {
        let mut terminal = Terminal::new();
        let (asked, answers, words) = terminal.ask_and_listen(60, rewrites);
        let said = |own, text: &str| {
            asked.talk(Talk::Said(Message {
                own,
                text: text.into(),
            }));
        };
        said(false, "y\r\n\u{1b}[2Jis it\u{202e} plugged in?");
        terminal.shows("  | y [2Jis it plugged in?");
        let heard = words.recv_timeout(Duration::from_millis(200));
        assert!(heard.is_err(), "what comes is nothing that was typed");
        // One key takes back one character, whatever bytes it has.
        let taken_back = if rewrites { "中\u{7f}" } else { "" };
        terminal.types(&format!("say yes, Grüße {taken_back}!\r"));
        let heard = words.recv_timeout(Duration::from_secs(3)).unwrap();
        assert_eq!(heard, "yes, Grüße !");
        said(true, &heard);
        terminal.shows("You: yes, Grüße");
        assert!(answers.try_recv().is_err(), "that was no answer");
        // A row that looks like ours is marked as theirs, and the question stands below it.
        let forged = "*** Mira Kovač asks for: view ***";
        said(false, &format!("{}{forged}", "a".repeat(75)));
        terminal.shows(&format!("  | {forged}"));
        terminal.shows("*** Mira[2J Kovač of Example Help Desk asks for: view, control, files ***");
        terminal.types("sayy\r");
        terminal.shows("nothing is allowed yet");
        terminal.types("y\r");
        let answer = answers.recv_timeout(Duration::from_secs(3)).unwrap();
        assert!(matches!(answer, Answer::Allow(_)));
    }
}
