//! The consent question on the terminal: /dev/tty, so that it works when input and output are redirected.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios};
use rustix::termios::{tcflush, tcgetattr, tcgetwinsize, tcsetattr};
use sightline_ends::text::deceives;
use sightline_protocol::capability::{Capabilities, Capability};

use super::choice::{LONGEST_NAME, LONGEST_TEXT, clean, next_second, seconds_left, tick};
use super::wake::{Waker, sleep};
use super::{Answer, Asked, Choice, DesktopError, Message, Prompt, Question, SmallQuestion, Talk};

/// More characters than an answer or a message in one line needs; what is beyond is not taken, and not shown.
const LONGEST_LINE: usize = 1_000;
/// What each row of a technician's message begins with.
const QUOTE: &str = "  | ";
/// What a message to the technician begins with. No answer begins so.
const SAY: &str = "say";
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Asks on a terminal.
#[derive(Clone, Debug)]
pub struct TerminalPrompt {
    path: PathBuf,
    /// The countdown may rewrite its line.
    rewrites: bool,
}

impl TerminalPrompt {
    /// The terminal that the program was started from.
    pub fn open() -> Result<TerminalPrompt, DesktopError> {
        let plain = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
        TerminalPrompt::open_at("/dev/tty".into(), !plain)
    }

    /// Another terminal. `rewrites`: it can rewrite a line; where not, the time left is said at a few moments only.
    pub fn open_at(path: PathBuf, rewrites: bool) -> Result<TerminalPrompt, DesktopError> {
        let prompt = TerminalPrompt { path, rewrites };
        prompt.terminal().map_err(|error| {
            DesktopError::NoDesktop(format!("terminal {}: {error}", prompt.path.display()))
        })?;
        Ok(prompt)
    }

    fn terminal(&self) -> io::Result<(File, Termios)> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let modes = tcgetattr(&file)?; // fails where it is no terminal
        Ok((file, modes))
    }
}

impl Prompt for TerminalPrompt {
    fn ask(
        &self,
        question: Question,
        say: Box<dyn Fn(String) + Send>,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let asked = question.asked;
        let rules = Rules {
            hint: "[y/N/list] or say …",
            meaning: Box::new(move |line| meaning(line, asked)),
            say,
            them: clean(&question.technician, LONGEST_NAME),
            reminder: reminder(&question),
            no: Answer::Deny,
            timed_out: Answer::TimedOut,
            said: |answer| match answer {
                Answer::Allow(what) => format!("allowed: {what}"),
                _ => "denied".to_owned(),
            },
        };
        self.open_dialogue(&text(&question), question.deadline, rules, answer)
    }

    fn ask_small(
        &self,
        question: SmallQuestion,
        answer: Box<dyn FnOnce(Choice) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let rules = Rules {
            hint: "[y/N/all]",
            meaning: Box::new(small_meaning),
            say: Box::new(|_| {}), // no line means that
            them: String::new(),
            reminder: String::new(),
            no: Choice::Refuse,
            timed_out: Choice::TimedOut,
            said: |choice| match choice {
                Choice::Allow => "allowed".to_owned(),
                Choice::AllowAll => "allowed, and those that follow".to_owned(),
                Choice::Refuse | Choice::TimedOut => "refused".to_owned(),
            },
        };
        self.open_dialogue(&small_text(&question), question.deadline, rules, answer)
    }
}

impl TerminalPrompt {
    fn open_dialogue<A: Copy + Send + 'static>(
        &self,
        text: &str,
        deadline: Instant,
        rules: Rules<A>,
        answer: Box<dyn FnOnce(A) + Send>,
    ) -> Result<Box<dyn Asked>, DesktopError> {
        let (file, modes) = self.terminal()?;
        let waker = Waker::new()?;
        let shared = Arc::new(Shared::default());
        let mut dialogue = Dialogue {
            file,
            modes,
            rewrites: self.rewrites,
            rules,
            deadline,
            line: Vec::new(),
            said: None,
            waker: waker.clone(),
            shared: Arc::clone(&shared),
        };
        dialogue.begin(text)?;
        let thread = thread::Builder::new()
            .name("consent terminal".into())
            .spawn(move || match dialogue.serve() {
                Ok(Some(given)) => answer(given),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("the consent question on the terminal is lost: {error}")
                }
            })?;
        Ok(Box::new(Shown {
            waker,
            shared,
            thread: Some(thread),
        }))
    }
}

/// What the thread of a question is told.
#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    news: Mutex<VecDeque<Talk>>,
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, VecDeque<Talk>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The question as long as it stands.
struct Shown {
    waker: Waker,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Asked for Shown {
    fn talk(&self, news: Talk) {
        self.shared.news().push_back(news);
        self.waker.wake();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It ends at once; a panic there has been reported already.
            let _ = thread.join();
        }
    }
}

/// What a line means as an answer.
type Understand<A> = Box<dyn Fn(&str) -> Meaning<A> + Send>;

/// What lines mean as answers to a question.
struct Rules<A> {
    /// What can be typed, in short.
    hint: &'static str,
    meaning: Understand<A>,
    /// Takes a message to the technician.
    say: Box<dyn Fn(String) + Send>,
    /// The technician's name.
    them: String,
    /// The question in one line, for when the talk has moved it out of sight.
    reminder: String,
    no: A,
    timed_out: A,
    /// An answer in words.
    said: fn(A) -> String,
}

/// One question and the lines typed to it.
struct Dialogue<A> {
    file: File,
    /// The terminal's settings before.
    modes: Termios,
    rewrites: bool,
    rules: Rules<A>,
    deadline: Instant,
    /// What was typed since the last end of line.
    line: Vec<u8>,
    /// The seconds last shown.
    said: Option<u64>,
    waker: Waker,
    shared: Arc<Shared>,
}

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<A> {
    Given(A),
    /// No answer: a message to the technician.
    Said(String),
    /// Not understood; the sentence says why.
    Unclear(String),
}

impl<A: Copy> Dialogue<A> {
    /// Writes the question. From now on we echo: the countdown shares the line with what is typed.
    fn begin(&mut self, text: &str) -> io::Result<()> {
        let mut modes = self.modes.clone();
        if self.rewrites {
            modes
                .local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO);
        }
        tcsetattr(&self.file, OptionalActions::Now, &modes)?;
        // What was typed before the question was there is no answer to it.
        tcflush(&self.file, QueueSelector::IFlush)?;
        self.file.write_all(text.as_bytes())?;
        self.show_line()
    }

    fn serve(&mut self) -> io::Result<Option<A>> {
        loop {
            let slept = sleep(
                self.file.as_fd(),
                &self.waker,
                Some(next_second(self.deadline)),
            )?;
            self.hear()?;
            if self.shared.closed.load(Ordering::Acquire) {
                self.end("answered elsewhere")?;
                return Ok(None);
            }
            if seconds_left(self.deadline) == 0 {
                let how = (self.rules.said)(self.rules.timed_out);
                self.end(&format!("no answer in time: {how}"))?;
                return Ok(Some(self.rules.timed_out));
            }
            if slept.readable
                && let Some(answer) = self.read()?
            {
                self.end(&(self.rules.said)(answer))?;
                return Ok(Some(answer));
            }
            self.show_line()?;
        }
    }

    /// Takes in what was typed; the answer, if that completed one.
    fn read(&mut self) -> io::Result<Option<A>> {
        let mut bytes = [0; 256];
        let count = self.file.read(&mut bytes)?;
        if count == 0 {
            return Ok(Some(self.rules.no)); // end of input, or hung up: nobody is there to agree
        }
        for byte in &bytes[..count] {
            match byte {
                b'\r' | b'\n' => {
                    let line = self.typed();
                    self.line.clear();
                    match (self.rules.meaning)(&line) {
                        Meaning::Given(answer) => return Ok(Some(answer)),
                        Meaning::Said(words) => (self.rules.say)(words),
                        Meaning::Unclear(why) => self.complain(&why)?,
                    }
                }
                0x08 | 0x7f => {
                    // A character of several bytes goes at once.
                    while self.line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                }
                0x04 if self.line.is_empty() => return Ok(Some(self.rules.no)), // end of input
                0x15 => self.line.clear(),
                // Nothing that could move the cursor is echoed.
                b' '..=b'~' | 0x80.. if self.line.len() < LONGEST_LINE * 4 => {
                    self.line.push(*byte);
                }
                _ => {}
            }
        }
        self.said = None; // show what was typed
        Ok(None)
    }

    /// The line as it was typed so far. The last character may not be whole yet.
    fn typed(&self) -> String {
        let line = match std::str::from_utf8(&self.line) {
            Err(error) if error.error_len().is_none() => &self.line[..error.valid_up_to()],
            _ => &self.line[..],
        };
        clean_line(&String::from_utf8_lossy(line))
    }

    fn complain(&mut self, why: &str) -> io::Result<()> {
        self.said = None;
        writeln!(self.file, "\r\n  {why}\r")
    }

    /// Shows how the talk goes on: above the line that is being typed.
    fn hear(&mut self) -> io::Result<()> {
        let news = std::mem::take(&mut *self.shared.news());
        let start = if self.rewrites { "\r\x1b[K" } else { "" };
        let mut theirs = false;
        for news in news {
            let words = match news {
                Talk::Said(Message { own: true, text }) => format!("You: {text}"),
                Talk::Said(Message { own: false, text }) => {
                    theirs = true;
                    write!(self.file, "{start}{}", self.quoted(&text))?;
                    continue;
                }
                Talk::NotSent(why) => format!("  not sent: {why}"),
            };
            write!(self.file, "{start}{}\r\n", clean(&words, usize::MAX))?;
        }
        // Whatever the technician writes, what stands above the answer is what is asked.
        if theirs && !self.rules.reminder.is_empty() {
            write!(self.file, "*** {} ***\r\n", self.rules.reminder)?;
        }
        self.said = None;
        Ok(())
    }

    /// A message of the technician. Every row of it begins with a mark: none of them looks like ours, wherever it breaks.
    fn quoted(&self, text: &str) -> String {
        let text = clean(text, LONGEST_TEXT);
        let room = self.columns().saturating_sub(QUOTE.len() + 1).max(8);
        let mut rows = format!("{} writes:\r\n", clean(&self.rules.them, LONGEST_NAME));
        let (mut row, mut used) = (String::new(), 0);
        for c in text.chars() {
            if used + width(c) > room {
                rows += &format!("{QUOTE}{row}\r\n");
                (row, used) = (String::new(), 0);
            }
            row.push(c);
            used += width(c);
        }
        rows + &format!("{QUOTE}{row}\r\n")
    }

    fn columns(&self) -> usize {
        match tcgetwinsize(&self.file) {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => COLUMNS,
        }
    }

    /// The line of the answer with the time left.
    fn show_line(&mut self) -> io::Result<()> {
        let (seconds, hint) = (seconds_left(self.deadline), self.rules.hint);
        if self.said == Some(seconds) {
            return Ok(());
        }
        if self.rewrites {
            let question = format!("Allow? {hint} ({seconds} s) ");
            // A line that wraps could not be rewritten.
            let room = self.columns().saturating_sub(question.chars().count() + 1);
            let typed = end_of(&self.typed(), room);
            write!(self.file, "\r\x1b[K{question}{typed}")?;
            self.said = Some(seconds);
            return self.file.flush();
        }
        // A line every second would drown a screen reader or a log: at the start and near the end only.
        if self.said.is_none() || matches!(seconds, 30 | 10) {
            writeln!(self.file, "Allow? {hint} ({seconds} seconds left)")?;
        }
        self.said = Some(seconds);
        self.file.flush()
    }

    fn end(&mut self, how: &str) -> io::Result<()> {
        let start = if self.rewrites { "\r\x1b[K" } else { "" };
        write!(self.file, "{start}Remote support: {how}.\r\n")
    }
}

impl<A> Drop for Dialogue<A> {
    fn drop(&mut self) {
        // Nothing to restore where the terminal is gone.
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.modes);
    }
}

/// The question in words. Lines end in CR LF: the terminal may be in any mode.
fn text(question: &Question) -> String {
    let mut text = format!(
        "\r\n*** Remote support request ***\r\n{} of {} (verified) asks to:\r\n",
        clean(&question.technician, LONGEST_NAME),
        clean(&question.organisation, LONGEST_NAME),
    );
    for (number, capability) in question.asked.iter().enumerate() {
        let (word, meaning) = (capability.word(), capability.meaning());
        text += &format!("  {}  {word:<10} {meaning}\r\n", number + 1);
    }
    let reason = clean(&question.reason, LONGEST_TEXT);
    if !reason.is_empty() {
        text += &format!("In the technician's own words: \"{reason}\"\r\n");
    }
    let ticket = clean(&question.ticket, LONGEST_NAME);
    if !ticket.is_empty() {
        text += &format!("Ticket: {ticket}\r\n");
    }
    for note in &question.notes {
        text += &format!("{}\r\n", clean(note, LONGEST_TEXT));
    }
    text += "Answer y to allow all of it, n (or just Enter) to deny, or only some, such as 1,2 or view.\r\n";
    text += "A line that begins with \"say\" answers nothing: it goes to the technician, such as: say who are you?\r\n";
    text
}

/// The question in one line.
fn reminder(question: &Question) -> String {
    let words: Vec<&str> = question.asked.iter().map(Capability::word).collect();
    format!(
        "{} of {} asks for: {}",
        clean(&question.technician, LONGEST_NAME),
        clean(&question.organisation, LONGEST_NAME),
        words.join(", ")
    )
}

/// A small question in words.
fn small_text(question: &SmallQuestion) -> String {
    let mut text = format!("\r\n*** {} ***\r\n", clean(&question.title, LONGEST_TEXT));
    for line in &question.lines {
        text += &format!("  {}\r\n", clean(line, LONGEST_TEXT));
    }
    let all = clean(&question.all, LONGEST_NAME);
    text + &format!("Answer y to allow it, n (or just Enter) to refuse, or all to allow {all}.\r\n")
}

/// What the line answers to a small question.
fn small_meaning(line: &str) -> Meaning<Choice> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "allow" => Meaning::Given(Choice::Allow),
        "a" | "all" => Meaning::Given(Choice::AllowAll),
        "" | "n" | "no" | "refuse" => Meaning::Given(Choice::Refuse),
        _ => Meaning::Unclear("please answer y, n or all".into()),
    }
}

/// The words after `say`, if the line begins with it as a word.
fn said(line: &str) -> Option<&str> {
    let (word, words) = match line.split_once(char::is_whitespace) {
        Some((word, words)) => (word, words.trim()),
        None => (line, ""),
    };
    word.trim_end_matches(':')
        .eq_ignore_ascii_case(SAY)
        .then_some(words)
}

/// What was typed without characters that could move the cursor or deceive; spaces stay as they are.
fn clean_line(line: &str) -> String {
    let harmless = |c: &char| !c.is_control() && !deceives(*c);
    line.chars().filter(harmless).take(LONGEST_LINE).collect()
}

/// Columns that a character takes at the most: what is not ASCII may be two wide.
fn width(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

/// The end of a line, in so many columns.
fn end_of(line: &str, columns: usize) -> String {
    let mut room = columns;
    let fits = line.chars().rev().take_while(|c| {
        let fits = room >= width(*c);
        room = room.saturating_sub(width(*c));
        fits
    });
    let shown = fits.count();
    let all = line.chars().count();
    if shown == all {
        return line.to_owned();
    }
    let from = all - shown.saturating_sub(1);
    let end: String = line.chars().skip(from).collect();
    format!("…{end}")
}

/// What the line answers to that question.
fn meaning(line: &str, asked: Capabilities) -> Meaning<Answer> {
    match said(line.trim()) {
        Some("") => return Meaning::Unclear("say what? Such as: say who are you?".into()),
        Some(words) => return Meaning::Said(words.to_owned()),
        None => {}
    }
    let line = line.trim().to_lowercase();
    match line.as_str() {
        "y" | "yes" | "allow" => return Meaning::Given(Answer::Allow(asked)),
        "" | "n" | "no" | "deny" => return Meaning::Given(Answer::Deny),
        _ => {}
    }
    let mut chosen = Capabilities::NONE;
    for word in line.split([',', ' ', ';']).filter(|word| !word.is_empty()) {
        let numbered = word.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let named = match numbered {
            Some(index) => asked.iter().nth(index).into_iter().collect(),
            None => Capability::named(word).intersection(asked),
        };
        if named.is_empty() {
            let word = clean(word, 20);
            return Meaning::Unclear(format!(
                "\"{word}\" is none of what is asked; nothing is allowed yet"
            ));
        }
        let tick = |chosen, capability| tick(chosen, asked, capability, true);
        chosen = named.iter().fold(chosen, tick);
    }
    match chosen.is_empty() {
        true => Meaning::Unclear("please answer y, n, or a list such as 1,2".into()),
        false => Meaning::Given(Answer::Allow(chosen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability::{Control, Files, View};

    #[test]
    fn small_answers_mean_what_they_say() {
        for (line, choice) in [
            ("y", Choice::Allow),
            (" ALL ", Choice::AllowAll),
            ("", Choice::Refuse),
            ("no", Choice::Refuse),
        ] {
            assert_eq!(small_meaning(line), Meaning::Given(choice));
        }
        assert!(matches!(small_meaning("ja"), Meaning::Unclear(_)));
    }

    #[test]
    fn words_are_never_an_answer_and_answers_never_words() {
        let asked = Capabilities::of(&[View, Control, Files]);
        for (line, words) in [
            ("say yes", "yes"),
            (" Say  Grüße, wer ist da? ", "Grüße, wer ist da?"),
            ("SAY: y", "y"),
            ("say\tall", "all"),
        ] {
            assert_eq!(meaning(line, asked), Meaning::Said(words.into()));
        }
        for unclear in ["say", "say ", "say:", "sayyes", "says y"] {
            assert!(
                matches!(meaning(unclear, asked), Meaning::Unclear(_)),
                "{unclear}"
            );
        }
    }

    #[test]
    fn a_long_line_shows_its_end() {
        assert_eq!(end_of("say hello", 9), "say hello");
        assert_eq!(end_of("say hello", 5), "…ello");
        assert_eq!(end_of("say 中文", 5), "…中文");
        assert_eq!(end_of("abc", 0), "…");
        assert_eq!(clean_line("a\u{1b}[2J\u{202e}b  c"), "a[2Jb  c");
    }

    #[test]
    fn lines_mean_what_they_say() {
        let asked = Capabilities::of(&[View, Control, Files]);
        let allow = |list: &[Capability]| Meaning::Given(Answer::Allow(Capabilities::of(list)));
        assert_eq!(meaning(" Y ", asked), allow(&[View, Control, Files]));
        assert_eq!(meaning("yes", asked), allow(&[View, Control, Files]));
        for no in ["", "n", "No", "  "] {
            assert_eq!(meaning(no, asked), Meaning::Given(Answer::Deny));
        }
        assert_eq!(meaning("1,3", asked), allow(&[View, Files]));
        assert_eq!(meaning("files", asked), allow(&[Files]));
        assert_eq!(meaning("view, control", asked), allow(&[View, Control]));
        assert_eq!(
            meaning("2", asked),
            allow(&[View, Control]),
            "control needs view"
        );
        for unclear in [
            "0",
            "4",
            "shell",
            "maybe",
            "1,shell",
            ",",
            "99999999999999999999",
        ] {
            assert!(
                matches!(meaning(unclear, asked), Meaning::Unclear(_)),
                "{unclear}"
            );
        }
    }
}
