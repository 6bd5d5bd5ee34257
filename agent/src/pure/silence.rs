//! What the user reads while the technician is not heard.

use std::time::Duration;

/// How it stands with a technician who is not heard.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// For so long.
    pub silent: Duration,
    /// The session waits for so long yet, if the relay does.
    pub waits: Duration,
    /// Nor is the relay: it is this computer's line.
    pub own_line: bool,
}

impl Silence {
    /// For the terminal.
    pub fn words(&self, technician: &str) -> String {
        let silent = self.silent.as_secs();
        let waits = self.waits.as_secs();
        let which = match self.own_line {
            true => " This computer's own connection is silent.",
            false => "",
        };
        format!(
            "No word from {technician} for {silent} s.{which} Nothing can be done here meanwhile. The session waits up to \
             {waits} s more for the connection to come back; Ctrl-C stops it now."
        )
    }

    /// For the indicator, beside the technician's name.
    pub fn short(&self) -> String {
        let silent = self.silent.as_secs();
        let waits = self.waits.as_secs();
        let which = match self.own_line {
            true => " (this computer's own connection)",
            false => "",
        };
        format!(
            "not heard for {silent} s{which}; nothing can be done here; waiting up to {waits} s more"
        )
    }
}

/// When the technician is heard again.
pub fn back(technician: &str, silent: Duration) -> String {
    let silent = silent.as_secs();
    format!("{technician} is heard again, after {silent} s. The session goes on.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_reads_how_long_it_lasts_and_how_long_it_may() {
        let mut silence = Silence {
            silent: Duration::from_millis(8_400),
            waits: Duration::from_millis(111_600),
            own_line: false,
        };
        assert_eq!(
            silence.words("Tess"),
            "No word from Tess for 8 s. Nothing can be done here meanwhile. The session waits up to 111 s more for the \
             connection to come back; Ctrl-C stops it now."
        );
        silence.own_line = true;
        assert!(silence.short().contains("this computer's own connection"));
    }
}
