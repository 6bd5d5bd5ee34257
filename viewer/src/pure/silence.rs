//! What the technician reads while the user's side is not heard.

use std::time::Duration;

/// How it stands with a user's side that is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// For so long.
    pub silent: Duration,
    /// The session waits for so long yet, if the relay does.
    pub waits: Duration,
    /// Nor is the relay: it is this computer's line.
    pub own_line: bool,
}

impl Silence {
    /// What it is about, in one line.
    pub fn short(&self, user: &str) -> String {
        let silent = self.silent.as_secs();
        match self.own_line {
            true => format!("Your own connection is silent for {silent} s"),
            false => format!("No word from {user} for {silent} s"),
        }
    }

    /// What that means.
    pub fn meaning(&self) -> String {
        let waits = self.waits.as_secs();
        format!(
            "What is shown is old. Mouse and keyboard are not sent; what is typed into a terminal is, later. The session \
             waits up to {waits} s more."
        )
    }

    /// Both, for the terminal.
    pub fn words(&self, user: &str) -> String {
        format!("{}. {}", self.short(user), self.meaning())
    }
}

/// When the user's side is heard again.
pub fn back(user: &str, silent: Duration) -> String {
    let silent = silent.as_secs();
    format!("{user} is heard again, after {silent} s. Mouse and keyboard work.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_technician_reads_whose_line_it_is_and_what_is_not_sent() {
        let mut silence = Silence {
            silent: Duration::from_millis(8_400),
            waits: Duration::from_millis(111_600),
            own_line: false,
        };
        let words = silence.words("mira-pc");
        assert!(words.starts_with("No word from mira-pc for 8 s. What is shown is old."));
        assert!(words.ends_with("waits up to 111 s more."));
        silence.own_line = true;
        assert_eq!(
            silence.short("mira-pc"),
            "Your own connection is silent for 8 s"
        );
    }
}
