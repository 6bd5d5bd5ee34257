//! Capabilities: what a technician may be allowed to do, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a user can allow. The discriminant is the bit in [`Capabilities`] on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Capability {
    /// See the screen and the pointer.
    View = 0,
    /// Use mouse and keyboard.
    Control = 1,
    /// Read what the user copied.
    ReadClipboard = 2,
    /// Run commands in a terminal.
    Shell = 3,
    /// Send and fetch files.
    Files = 4,
    /// Write messages to the user.
    Chat = 5,
    /// Put something on the user's clipboard.
    SetClipboard = 6,
}

impl Capability {
    /// Every capability, in the order in which people are asked for them.
    pub const ALL: [Capability; 7] = [
        Capability::View,
        Capability::Control,
        Capability::ReadClipboard,
        Capability::SetClipboard,
        Capability::Shell,
        Capability::Files,
        Capability::Chat,
    ];

    /// The word used on the command line and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Capability::View => "view",
            Capability::Control => "control",
            Capability::ReadClipboard => "read-clipboard",
            Capability::SetClipboard => "set-clipboard",
            Capability::Shell => "shell",
            Capability::Files => "files",
            Capability::Chat => "chat",
        }
    }

    /// What it means for the user, as the consent prompt says it.
    pub fn meaning(self) -> &'static str {
        match self {
            Capability::View => "see your screen",
            Capability::Control => "use your mouse and keyboard",
            Capability::ReadClipboard => "read what you copy (your clipboard)",
            Capability::SetClipboard => "put something on your clipboard, for you to paste",
            Capability::Shell => "run commands on your computer: anything you could do there",
            Capability::Files => "copy files to and from your computer",
            Capability::Chat => "exchange messages with you",
        }
    }

    /// The capability of that word, if there is one.
    pub fn from_word(word: &str) -> Option<Capability> {
        Capability::ALL.into_iter().find(|c| c.word() == word)
    }

    /// The capabilities of a word that people use: one, or `clipboard` for both of its directions; none if it is no such word.
    pub fn named(word: &str) -> Capabilities {
        match word {
            "clipboard" => Capabilities::of(&[Capability::ReadClipboard, Capability::SetClipboard]),
            word => Capability::from_word(word).into_iter().collect(),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of capabilities, one bit each. Unknown bits survive decoding but grant nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capabilities(u16);

impl Capabilities {
    /// The empty set.
    pub const NONE: Capabilities = Capabilities(0);

    /// The set of these capabilities.
    pub fn of(list: &[Capability]) -> Capabilities {
        list.iter().copied().collect()
    }

    pub fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// What both sets have.
    pub fn intersection(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & other.0)
    }

    /// What this set has and the other has not.
    pub fn without(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & !other.0)
    }

    pub fn with(self, capability: Capability) -> Capabilities {
        Capabilities(self.0 | 1 << capability as u8)
    }

    pub fn is_subset_of(self, other: Capabilities) -> bool {
        self.0 & !other.0 == 0
    }

    /// Without what makes no sense alone: nobody controls a screen that they may not see.
    pub fn workable(self) -> Capabilities {
        if self.contains(Capability::View) {
            self
        } else {
            self.without(Capabilities::of(&[Capability::Control]))
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |c| self.contains(*c))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(list: I) -> Self {
        list.into_iter()
            .fold(Capabilities::NONE, Capabilities::with)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for capability in self.iter() {
            if !first {
                f.write_str(", ")?;
            }
            first = false;
            f.write_str(capability.word())?;
        }
        if first {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave_like_sets() {
        let tier = Capabilities::of(&[Capability::View, Capability::Control]);
        let asked = Capabilities::of(&[Capability::Control, Capability::Shell]);
        assert_eq!(
            tier.intersection(asked),
            Capabilities::of(&[Capability::Control])
        );
        assert!(!asked.is_subset_of(tier));
        assert_eq!(tier.to_string(), "view, control");
        assert_eq!(Capabilities::NONE.to_string(), "nothing");
    }

    #[test]
    fn every_word_leads_back() {
        for capability in Capability::ALL {
            assert_eq!(Capability::from_word(capability.word()), Some(capability));
        }
        assert_eq!(Capability::from_word("root"), None);
        assert_eq!(Capability::named("root"), Capabilities::NONE);
        assert_eq!(
            Capability::named("clipboard").to_string(),
            "read-clipboard, set-clipboard"
        );
    }
}
