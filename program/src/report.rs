//! What a program says: words for people, or one JSON object a line for programs.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use sightline_protocol::close::CloseCode;

use crate::clock::unix_ms;

/// Where a program's events go: standard output, line by line, at once.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    json: bool,
}

impl Report {
    pub fn new(json: bool) -> Report {
        Report { json }
    }

    pub fn is_json(self) -> bool {
        self.json
    }

    /// Says that `event` happened: `facts` (an object) to programs, `words` to people.
    pub fn say(self, event: &str, facts: Value, words: impl Display) {
        if !self.json {
            let words = words.to_string();
            if !words.is_empty() {
                line(&words);
            }
            return;
        }
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        object.insert("at_ms".into(), unix_ms().into());
        if let Value::Object(facts) = facts {
            object.extend(facts);
        }
        line(&Value::Object(object).to_string());
    }

    /// Only for programs: nothing a person waits for.
    pub fn note(self, event: &str, facts: Value) {
        self.say(event, facts, "");
    }

    /// Says that it could not be done: to people on standard error. Gives the exit code.
    pub fn failed(self, program: &str, words: &str) -> ExitCode {
        if self.json {
            self.note("failed", json!({ "message": words }));
        } else {
            eprintln!("{program}: {}", sentence(words));
        }
        ExitCode::FAILURE
    }

    /// Says that the session or the program ended, and why.
    pub fn closed(self, code: CloseCode) {
        let facts = json!({
            "code": code.number(),
            "reason": code.sentence(),
            "advice": code.advice(),
            "exit_code": code.exit_code(),
        });
        self.say("closed", facts, sentence(&code.to_string()));
    }
}

/// A sentence for people from an error's lower-case words.
pub fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

fn line(text: &str) {
    // Nobody reads any more (a closed pipe): not a reason to end a session.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
