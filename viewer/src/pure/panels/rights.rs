//! What is allowed, what was, and what to say where it is not.

use sightline_protocol::capability::{Capabilities, Capability};

/// Rights as they changed during the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    now: Capabilities,
    ever: Vec<Capability>,
    /// What the session began with is known.
    begun: bool,
    over: bool,
}

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It was not asked for, or the user refused it.
    NotGranted,
    TakenBack,
    SessionOver,
}

impl Rights {
    /// Allowed from now on.
    pub fn allow(&mut self, now: Capabilities) {
        self.begun = true;
        self.now = now;
        for capability in now.iter() {
            if !self.ever.contains(&capability) {
                self.ever.push(capability);
            }
        }
    }

    pub fn end(&mut self) {
        self.over = true;
    }

    /// Why there is no such right; none: there is, or the session has not begun.
    pub fn lack(&self, needed: Capability) -> Option<Lack> {
        if self.over {
            return Some(Lack::SessionOver);
        }
        if !self.begun || self.now.contains(needed) {
            return None;
        }
        Some(match self.ever.contains(&needed) {
            true => Lack::TakenBack,
            false => Lack::NotGranted,
        })
    }

    /// What it takes to have that right: everything that is allowed now, and this.
    fn ask(&self, needed: Capability) -> String {
        let all = Capability::ALL.into_iter();
        let wanted = all.filter(|c| self.now.contains(*c) || *c == needed);
        let words: Vec<&str> = wanted.map(Capability::word).collect();
        words.join(",")
    }

    /// Says it to the technician: what is so, and what to do.
    pub fn words(&self, needed: Capability, lack: Lack, computer: &str) -> (String, String) {
        let what = match needed {
            Capability::View => "see the screen",
            Capability::Control => "use mouse and keyboard",
            Capability::ReadClipboard => "read the clipboard",
            Capability::SetClipboard => "set the clipboard",
            Capability::Shell => "run commands",
            Capability::Files => "copy files",
            Capability::Chat => "exchange messages",
        };
        let again = format!(
            "Ask the user for a new session: end this one and run\nsightline connect --ask {}",
            self.ask(needed)
        );
        match lack {
            Lack::NotGranted => (
                format!(
                    "You may not {what} on {computer}: it was not asked for, or the user refused it."
                ),
                again,
            ),
            Lack::TakenBack => (
                format!("The user of {computer} has taken back the right to {what}."),
                again,
            ),
            Lack::SessionOver => ("The session is over.".to_owned(), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_back_is_not_the_same_as_never_given() {
        let mut rights = Rights::default();
        assert_eq!(rights.lack(Capability::Shell), None, "nothing is known yet");
        rights.allow(Capabilities::of(&[Capability::View, Capability::Shell]));
        assert_eq!(rights.lack(Capability::Shell), None);
        assert_eq!(rights.lack(Capability::Files), Some(Lack::NotGranted));
        rights.allow(Capabilities::of(&[Capability::View]));
        assert_eq!(rights.lack(Capability::Shell), Some(Lack::TakenBack));
        rights.end();
        assert_eq!(rights.lack(Capability::View), Some(Lack::SessionOver));
    }

    #[test]
    fn the_technician_is_told_how_to_ask() {
        let mut rights = Rights::default();
        rights.allow(Capabilities::of(&[Capability::View, Capability::Control]));
        let (what, how) = rights.words(Capability::Files, Lack::NotGranted, "mira-pc");
        assert!(what.contains("copy files on mira-pc"), "{what}");
        assert!(
            how.ends_with("sightline connect --ask view,control,files"),
            "{how}"
        );
        let (what, _) = rights.words(Capability::View, Lack::TakenBack, "mira-pc");
        assert_eq!(
            what,
            "The user of mira-pc has taken back the right to see the screen."
        );
    }
}
